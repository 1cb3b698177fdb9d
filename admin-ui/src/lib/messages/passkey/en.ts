const en = {
  passkeys: 'Passkeys',
  passkeyWhy:
    'With a passkey you sign in by a touch: your finger, your face or a PIN, instead of user name, password and code.',
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
  passkeyRemoveLast:
    'Remove {name} for good? You have no app for codes: from then on only a recovery code lets you in, with your password. Set up an app first, unless the passkey is in wrong hands.',
  passkeyRemoveYes: 'Remove it',
  passkeyRemoved: '{name} opens nothing any more. Delete it in the browser or key that holds it, too.',
  keyTitle: 'Make a passkey',
  keyWhy:
    'With it you open your office by one touch: your finger, your face, or the PIN of this device. No code to type. It works on this device, and on others that share its passkeys.',
  keyMake: 'Make the passkey',
  keyByApp: 'Use codes from an app on my telephone instead',
  keyByTouch: 'Use a passkey instead: a touch, no codes',
  stepTouch: 'Then open {address}, and sign in with your passkey.',
  problems: {
    'passkey-missing': 'Please give the passkey a name, and enter the code.',
    'passkey-unnamed': 'Please give the passkey a name.',
    'passkey-cancelled':
      'No passkey was used: it was cancelled, took too long, or there is none of this office here. Try again, or use your password and a code or recovery code.',
    'passkey-there': 'There is a passkey for your office on it already. Use that one, or another device or key.',
    'passkey-unable': 'This browser cannot use a passkey on this page. Use your password and a code or recovery code.',
    'passkey-unmade':
      'No passkey was made: it was cancelled, took too long, or this browser cannot. Try again, or use codes from an app.',
    'passkey-anew':
      'Somebody has chosen a password anew for this invitation: in another window, or somebody else who has it. Choose yours again. If it was nobody you know, stop here and tell IT.',
  },
};

/** What every language has. */
export type Messages = typeof en;

export default en;
