const en = {
  outsideTitle: 'Switch your tunnel on first',
  outsideStep1: 'Open the WireGuard app and switch the office’s tunnel on.',
  outsideStep2: 'Then this page opens by itself: it asks for your password and a code, and your office opens.',
  outsideNone: 'Not set up yet?',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
