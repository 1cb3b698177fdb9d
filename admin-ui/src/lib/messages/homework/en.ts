const en = {
  rulesTitle: 'Rules for working from home',
  rulesWhy: 'Your organisation asks you to read and accept them.',
  rulesAccept: 'I have read and accept them',
  rulesLater: 'Not now',
  rulesGone: 'There are no rules to accept at the moment.',
  checkTitle: 'Safe work from home',
  checkWhy: 'Look once at your own place of work. IT sees your answers, and helps where something is missing.',
  checkDisk: 'Is the disk of this computer encrypted?',
  checkUpdates: 'Does it install updates by itself?',
  checkAccount: 'Do you have an account on it that nobody else uses?',
  checkWifi: 'Has your Wi-Fi a password of its own, not the one it came with?',
  checkScreen: 'Does the screen lock when you leave it alone?',
  replyYes: 'Yes',
  replyNo: 'No',
  replyUnsure: 'I do not know',
  checkSave: 'Send to IT',
  checkSaved: 'Thank you. IT has your answers.',
  checkAnswered: 'Answered {time}',
  checkNone: 'IT asks nothing at the moment.',
  checkDue: 'IT asks a few questions about your place of work',
  links: 'In the office’s network',
  callWhom: 'Something wrong? Call:',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
