const en = {
  passkeys: 'Passkeys',
  passkeyWhy:
    'With a passkey you sign in by a touch: your finger, your face or a PIN, instead of user name, password and code. They stay good beside it.',
  passkeyNone: 'You have none yet.',
  passkeyUse: 'Use a passkey',
  passkeyTouch: 'Follow your browser…',
  passkeyUsed: 'Last used {time}',
  passkeyUnused: 'Not used yet',
  passkeyAdd: 'Add a passkey',
  passkeyName: 'Name of this passkey',
  passkeyNameHint: 'So that you recognise it: my laptop, the blue key',
  passkeyInstead: 'Confirm with another passkey',
  passkeyAdded: '{name} was added. From now on it opens your office.',
  passkeyRemove: 'Remove',
  passkeyRemoveAsk: 'Remove {name} for good? It opens nothing any more. What is open stays open until you lock it.',
  passkeyRemoveYes: 'Remove it',
  passkeyRemoved: '{name} opens nothing any more. Delete it in the browser or key that holds it, too.',
  problems: {
    'passkey-missing': 'Please give the passkey a name, and enter the code.',
    'passkey-unnamed': 'Please give the passkey a name.',
    'passkey-cancelled':
      'No passkey was used: it was cancelled, took too long, or there is none of this office here. Try again, or use password and code.',
    'passkey-there': 'There is a passkey for your office on it already. Use that one, or another device or key.',
    'passkey-unable': 'This browser cannot use a passkey on this page. Use password and code.',
  },
};

/** What every language has. */
export type Messages = typeof en;

export default en;
