const en = {
  outsideTitle: 'Switch your tunnel on first',
  outsideStep1: 'Open the WireGuard app and switch the office’s tunnel on.',
  outsideStep2: 'Then this page opens by itself: it asks for your password and a code, and your office opens.',
  outsideNone: 'Not set up yet?',
  outTitle: 'Use an office computer here',
  outWhy:
    'Sign in to use an office computer in this browser. For shares and your own RDP app, switch WireGuard on and reload this page. Use a computer that you trust, and sign out when you are done.',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
