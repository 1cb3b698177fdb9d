import type { Messages } from './en.ts';

export default {
  passkeys: 'Toegangssleutels',
  passkeyWhy:
    'Met een toegangssleutel meldt u zich aan met één aanraking: uw vinger, uw gezicht of een pincode, in plaats van gebruikersnaam, wachtwoord en code.',
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
  passkeyRemoveLast:
    '{name} voorgoed verwijderen? U hebt geen app voor codes: daarna laat alleen een herstelcode u binnen, met uw wachtwoord. Stel eerst een app in, tenzij de sleutel in verkeerde handen is.',
  passkeyRemoveYes: 'Verwijder hem',
  passkeyRemoved: '{name} opent niets meer. Wis hem ook in de browser of op de sleutel waar hij staat.',
  keyTitle: 'Maak een toegangssleutel',
  keyWhy:
    'Daarmee opent u uw kantoor met één aanraking: uw vinger, uw gezicht of de pincode van dit toestel. U hoeft geen code te typen. Hij werkt op dit toestel, en op andere die zijn toegangssleutels delen.',
  keyMake: 'De toegangssleutel maken',
  keyByApp: 'Liever codes van een app op mijn telefoon gebruiken',
  keyByTouch: 'Liever een toegangssleutel gebruiken: één aanraking, geen codes',
  stepTouch: 'Open dan {address}, en meld u aan met uw toegangssleutel.',
  problems: {
    'passkey-missing': 'Geef de sleutel een naam en vul de code in.',
    'passkey-unnamed': 'Geef de sleutel een naam.',
    'passkey-cancelled':
      'Er is geen toegangssleutel gebruikt: geannuleerd, te lang gewacht, of er is er hier geen van dit kantoor. Probeer opnieuw, of gebruik uw wachtwoord en een code of herstelcode.',
    'passkey-there':
      'Er staat al een toegangssleutel voor uw kantoor op. Gebruik die, of een ander toestel of een andere sleutel.',
    'passkey-unable':
      'Deze browser kan op deze pagina geen toegangssleutel gebruiken. Gebruik uw wachtwoord en een code of herstelcode.',
    'passkey-unmade':
      'Er is geen toegangssleutel gemaakt: geannuleerd, te lang gewacht, of deze browser kan het niet. Probeer opnieuw, of gebruik codes van een app.',
    'passkey-anew':
      'Iemand heeft voor deze uitnodiging opnieuw een wachtwoord gekozen: u in een ander venster, of iemand anders die ze heeft. Kies het uwe opnieuw. Weet u niet wie het was, stop dan hier en zeg het aan IT.',
  },
} satisfies Messages;
