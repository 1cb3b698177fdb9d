const en = {
  joinTitle: 'See it work',
  joinWhy:
    'Leave this page open: each line is ticked off as it happens. At the office you need not wait: at home, switch the tunnel on and open {address}.',
  joinDoneMark: 'Done',
  joinNowMark: 'Now',
  joinLaterMark: 'Later',
  joinHeardWait: 'Waiting for the first connection of this device…',
  joinHeard: 'This device is connected',
  joinPortalWait: 'Open {address} on this device',
  joinPortal: 'The portal was opened through the connection',
  joinOpenWait: 'There, enter your password and a code',
  joinOpenTouch: 'There, use your passkey',
  joinOpen: 'The office is open to you',
  joinShareWait: 'Your share is tried',
  joinShare: '{name} answers',
  joinShareBad: '{name} does not open yet',
  joinOther: '{name} is open to you',
  joinDone: 'All is well. You may close this page.',
  joinNothing:
    'Nothing has come from this device yet. Is the tunnel switched on in the WireGuard app? If it is, this network may not let it through: some hotels, hospitals and companies do not. Try by your telephone’s mobile network. If it works there, tell IT which network did not.',
  joinHalf:
    'This device knocks, but the answer does not come back to it. Switch the tunnel off and on. If that does not help, something on this network lets no answers in: try another network, and tell IT.',
  joinNoPortal:
    'Connected, but the portal was not opened yet. If its page stays empty on this device, large packets get lost on the way. In the WireGuard app, edit the tunnel and change its MTU line to:',
  joinTwo:
    'This configuration is in use on two machines at once, and each cuts the other off. It is for one device only: remove it from the other, and add that one in My devices.',
  joinClock:
    'The clock of this computer is {time} off. Let it set the time by itself: with a wrong clock, drives may not open.',
  joinNoGrant: 'The office is open, but nothing is shared with you at this time. Ask IT.',
  joinBadWhy: 'In the portal, Why does it not open? beside the share looks for the cause. Whom to tell: IT.',
  joinLost:
    'This page does not hear from the gateway just now, and tries again. What you do in the WireGuard app goes on all the same.',
  joinOver: 'This page has waited long enough. Open {address} on the connected device: everything goes on from there.',
  noRights: 'You may not install programs on this computer?',
  noRightsWhy:
    'IT runs this script on it once, as administrator, with the file you saved in the step above. It installs the WireGuard app and lets you switch the tunnel on and off yourself.',
  noRightsSave: 'Save the script for IT',
  noRightsRun: 'To be run in a terminal as administrator:',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
