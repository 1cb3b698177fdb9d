import type { Messages } from './en.ts';

export default {
  passkeys: 'Toegangssleutels',
  passkeyWhy:
    'Met een toegangssleutel meldt u zich aan met één aanraking: uw vinger, uw gezicht of een pincode, in plaats van gebruikersnaam, wachtwoord en code. Die blijven ook geldig.',
  passkeyNone: 'U hebt er nog geen.',
  passkeyUse: 'Een toegangssleutel gebruiken',
  passkeyTouch: 'Volg uw browser…',
  passkeyUsed: 'Laatst gebruikt op {time}',
  passkeyUnused: 'Nog niet gebruikt',
  passkeyAdd: 'Een toegangssleutel toevoegen',
  passkeyName: 'Naam van deze sleutel',
  passkeyNameHint: 'Zodat u hem herkent: mijn laptop, de blauwe sleutel',
  passkeyInstead: 'Bevestigen met een andere sleutel',
  passkeyAdded: '{name} is toegevoegd. Hij opent vanaf nu uw kantoor.',
  passkeyRemove: 'Verwijderen',
  passkeyRemoveAsk:
    '{name} voorgoed verwijderen? Hij opent dan niets meer. Wat open is, blijft open tot u het vergrendelt.',
  passkeyRemoveYes: 'Verwijder hem',
  passkeyRemoved: '{name} opent niets meer. Wis hem ook in de browser of op de sleutel waar hij staat.',
  problems: {
    'passkey-missing': 'Geef de sleutel een naam en vul de code in.',
    'passkey-unnamed': 'Geef de sleutel een naam.',
    'passkey-cancelled':
      'Er is geen toegangssleutel gebruikt: geannuleerd, te lang gewacht, of er is er hier geen van dit kantoor. Probeer opnieuw, of gebruik wachtwoord en code.',
    'passkey-there':
      'Er staat al een toegangssleutel voor uw kantoor op. Gebruik die, of een ander toestel of een andere sleutel.',
    'passkey-unable': 'Deze browser kan op deze pagina geen toegangssleutel gebruiken. Gebruik wachtwoord en code.',
  },
} satisfies Messages;
