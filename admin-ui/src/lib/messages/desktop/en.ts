const en = {
  deskTitle: '{name} in this browser',
  deskUser: 'User name on the PC',
  deskUserHint: 'As you type it when you sit in front of it. It is remembered here.',
  deskPassword: 'Password on the PC',
  deskPasswordHint: 'It goes through your office’s gateway to the PC, and is kept nowhere.',
  deskMissing: 'Please fill this in.',
  deskElsewhere:
    'You have this PC open in another window of this browser. Windows shows a PC once: connecting here ends it there, and what is open stays open.',
  deskAway: '{name} is woken first. That can take a minute or two.',
  deskWake: 'Wake and connect',
  deskAgain:
    'Type your password once more: the desktop then comes at the size of this window. What is open on the PC stays open.',
  deskComing: 'Connecting to {name}…',
  deskCancel: 'Cancel the connection',
  deskOnceMore: 'Connect again',
  deskReload: 'Reload this page',
  deskUnknown: 'This PC is not open to you now. Go back to your office, and ask IT if it should be.',
  deskBar: 'What you can do with this desktop',
  deskQuality: 'Connection: there and back, and how much comes',
  deskEndsIdle: 'This connection ends at {time}: nobody has used it. Go on working to keep it.',
  deskEndsLongest: 'This connection ends at {time}: that is the longest time IT allows. Save your work.',
  deskEndsBooked: 'Somebody has booked this seat from {time}; this connection ends when they come. Save your work.',
  deskEndsIn: '{left} left',
  deskTold: 'IT says ({time}):',
  deskRead: 'Understood',
  deskChord: 'Ctrl+Alt+Home leads back to this bar; all other keys go to the PC.',
  deskFull: 'Full screen',
  deskWindow: 'Leave full screen',
  deskHide: 'Hide the bar',
  deskShow: 'Show the bar',
  deskLeave: 'Disconnect',
  deskCloseMenu: 'Close the menu',
  deskWindowsKey: 'Windows key',
  deskClipboard: 'Clipboard',
  deskClipboardWhy:
    'What you copied here reaches the PC only when you send it, and what was copied there comes only when you take it.',
  deskSend: 'Send my clipboard',
  deskTake: 'Take the PC’s clipboard',
  deskSent: 'Sent: paste it on the PC.',
  deskNotSent: 'Nothing was sent: copy a text or a picture first, and let your browser read the clipboard.',
  deskTaken: 'Taken: paste it here.',
  deskCtrlAltDel: 'Ctrl+Alt+Del',
  deskNotTaken: 'Nothing came: copy a text or a picture on the PC first.',
  deskNoClipboard: 'This PC shares no clipboard.',
  deskFiles: 'Files',
  deskFilesWhy:
    'Files that you choose are put on the PC’s clipboard: paste them there. Files that you copy on the PC are listed here.',
  deskFilesSend: 'Send files…',
  deskFilesThere: 'Copied on the PC',
  deskFilesPassed: 'Sent and saved',
  deskFileSave: 'Save',
  deskFileSaveName: 'Save {name}',
  deskFileWaits: 'Ready: paste it on the PC',
  deskFileGoes: 'Being sent',
  deskFileComes: 'Coming',
  deskFileSent: 'Sent',
  deskFileSaved: 'Saved in your downloads',
  deskFileFailed: 'Did not arrive whole: try again, or use a share',
  deskFilesReady: 'Files were copied on the PC: save them from the menu.',
  deskFilesChosen: 'Ready: paste them on the PC.',
  deskScale: 'Picture',
  deskFit: 'Fits the window',
  deskReal: 'Real size, scrolled',
  deskKeys: 'Keyboard',
  deskByKey: 'By key',
  deskByCharacter: 'By character',
  deskKeysWhy:
    'By key, the PC’s own layout decides what a key writes; choose by character if your keyboard differs from the PC’s and the wrong letters come.',
  deskSize: 'Size',
  deskSizeWhy: 'The desktop is {now}; in this window it could be {then}.',
  deskResize: 'Reconnect at this size',
  deskByDevice: 'You have left this PC. What is open on it stays open.',
  deskByPc: 'The PC has ended it: you signed out there, or it was switched off or restarted.',
  deskSignIn:
    'The PC did not let you in: user name or password was not right, or you may not sign in on it from afar. Try again; if you are sure of both, tell IT.',
  deskCertificate:
    'This may be another PC than the one known here: it shows another certificate. Your password was not sent. Tell IT, who can look and approve it.',
  deskNoNla: 'The PC offers less security than before. Your password was not sent. Tell IT, who has to look at it.',
  deskSilent: 'The PC did not answer. Try again in a minute; if it stays so, tell IT.',
  deskNotAllowed: 'Your access to this PC has ended. What is open on it stays open. If that is wrong, tell IT.',
  deskEnded: 'This connection was ended: by IT, or by you elsewhere. What is open on the PC stays open.',
  deskMoved: 'You opened this PC elsewhere, in another window or app. It goes on there.',
  deskIdle:
    'Nobody used this connection for as long as IT allows, so it was ended. What is open on the PC stays open: connect again to go on.',
  deskLongest:
    'This connection lasted as long as IT allows. What is open on the PC stays open: connect again if you still need it.',
  deskBooked:
    'Somebody had booked this PC, and has come. What is open on it stays open. In your office you find another seat, or a time to book.',
  deskGateway: 'Something went wrong on the way to the PC. Try again; if it happens again, tell IT.',
  deskTicket: 'That took too long. Connect again.',
  deskNoLine:
    'The way to the office did not open: something between you and it refuses such connections. Look whether WireGuard is on; if it is, tell IT.',
  deskNegotiation: 'The PC and this browser do not speak the same security. Tell IT.',
  deskLineCut:
    'The connection was cut, and the office does not say why. What is open on the PC stays open. Look whether you are online, then connect again.',
  deskCrashed:
    'What shows the desktop in this page has crashed. What is open on the PC stays open. Reload this page, then connect again.',
  deskUnloaded:
    'What shows the desktop could not be loaded. Reload this page; if it stays so, your browser may be too old: tell IT.',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
