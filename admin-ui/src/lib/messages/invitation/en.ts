const en = {
  inviteTitle: 'Open your invitation',
  inviteToken: 'Invitation',
  inviteTokenHint: 'As it stands on the sheet from IT. Capitals and hyphens do not matter.',
  inviteWelcome: 'Welcome, {name}',
  inviteFrom:
    '{organisation} invites you to work from home. Your user name is {login}. This takes about three minutes; have your telephone at hand.',
  choosePassword: 'Choose a password',
  choosePasswordHint:
    'At least 12 characters. Three or four words that do not belong together are good and easy to remember.',
  passwordShort: '{missing} characters more',
  passwordFair: 'Enough. Longer is better.',
  passwordGood: 'Good',
  show: 'Show it',
  hide: 'Hide it',
  factorTitle: 'Let your telephone make codes',
  factorWhy:
    'Open an authenticator app on your telephone (any will do, such as Google or Microsoft Authenticator, or Aegis) and scan this picture with it.',
  factorHere: 'Open the authenticator app on this telephone',
  factorQr: 'Picture for the authenticator app',
  factorType: 'No camera? Type this into the app instead',
  factorCode: 'Enter the code it shows now',
  factorCodeHint: '6 digits; a new one comes every 30 seconds',
  deviceName: 'Name of this device',
  deviceNameHint: 'So that you and IT recognise it, if it is lost for example',
  phoneName: 'telephone',
  laptopName: 'laptop',
  nameFirst: 'Please give it a name.',
  recoveryTitle: 'Keep these codes',
  recoveryWhy:
    'If your telephone or passkey is lost or broken, one of these codes lets you in, with your password. Each works once. They are shown this once: print them, or save them where only you look.',
  recoveryKept: 'I have kept them',
  recoveryFirst: 'First keep the codes, then tick the box.',
  deviceTitle: 'Connect this device',
  deviceWhy: 'One last thing: the WireGuard app, which leads to your office.',
  system: 'Your system',
  stepInstall: 'Install the WireGuard app:',
  stepInstallLink: 'get it',
  stepPhone: 'In the app, add a tunnel and choose the QR code. Scan this with the telephone:',
  deviceQr: 'Configuration for the WireGuard app',
  stepPhoneFile: 'Is this the telephone itself? Save a file and import it',
  stepSave: 'Save this device’s configuration:',
  saveFile: 'Save {file}',
  stepLinux: 'Import it with NetworkManager, in a terminal:',
  stepImport: 'In WireGuard, choose Import tunnel(s) from file, and the file {file} among your downloads.',
  stepOn: 'Switch the tunnel on. At the office you may leave it off: finish at home, from this step on.',
  stepOpen: 'Then open {address}, and sign in with your password and a code.',
  deviceOnce:
    'The configuration holds the key of this device. It was made in this page and is shown this once: give it to nobody, and delete the file after importing it.',
  deviceDisabled: 'Shut out by IT',
  loseAsk: 'Shut out {device} for good? It can never be used again as it is; found again, it is added anew.',
  loseYes: 'Shut it out',
  loseDone: '{device} was shut out: nothing of it passes any more ({ms} ms).',
  addDevice: 'Add a device',
  addDeviceWhy:
    'Add it from the device itself, so that its key is made there: open this page on it, at the office. From home, ask IT for an invitation.',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
