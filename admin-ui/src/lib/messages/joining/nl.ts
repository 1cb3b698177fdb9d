import type { Messages } from './en.ts';

export default {
  joinTitle: 'Zie of het werkt',
  joinWhy:
    'Laat deze pagina open: elke regel wordt afgevinkt zodra het zover is. Op kantoor hoeft u niet te wachten: zet thuis de tunnel aan en open {address}.',
  joinDoneMark: 'Klaar',
  joinNowMark: 'Nu',
  joinLaterMark: 'Straks',
  joinHeardWait: 'Wachten op de eerste verbinding van dit toestel…',
  joinHeard: 'Dit toestel is verbonden',
  joinPortalWait: 'Open {address} op dit toestel',
  joinPortal: 'Het portaal werd via de verbinding geopend',
  joinOpenWait: 'Vul daar uw wachtwoord en een code in',
  joinOpenTouch: 'Gebruik daar uw toegangssleutel',
  joinOpen: 'Het kantoor is voor u open',
  joinShareWait: 'Uw gedeelde map wordt geprobeerd',
  joinShare: '{name} antwoordt',
  joinShareBad: '{name} gaat nog niet open',
  joinOther: '{name} staat voor u open',
  joinDone: 'Alles is in orde. U mag deze pagina sluiten.',
  joinNothing:
    'Er is nog niets van dit toestel aangekomen. Staat de tunnel aan in de WireGuard-app? Zo ja, dan laat dit netwerk hem misschien niet door: sommige hotels, ziekenhuizen en bedrijven doen dat niet. Probeer het via het mobiele netwerk van uw telefoon. Werkt het daar, zeg IT dan welk netwerk het niet deed.',
  joinHalf:
    'Dit toestel klopt aan, maar het antwoord komt niet terug. Zet de tunnel uit en weer aan. Helpt dat niet, dan laat iets op dit netwerk geen antwoorden binnen: probeer een ander netwerk en zeg het aan IT.',
  joinNoPortal:
    'Verbonden, maar het portaal werd nog niet geopend. Blijft de pagina leeg op dit toestel, dan gaan grote pakketten onderweg verloren. Bewerk de tunnel in de WireGuard-app en verander de MTU-regel in:',
  joinTwo:
    'Deze configuratie wordt op twee machines tegelijk gebruikt, en elk verbreekt de andere. Ze is voor één toestel: verwijder ze van het andere en voeg dat toe bij Mijn toestellen.',
  joinClock:
    'De klok van deze computer loopt {time} verkeerd. Laat de tijd automatisch instellen: met een verkeerde klok gaan stations soms niet open.',
  joinNoGrant: 'Het kantoor is open, maar er is nu niets met u gedeeld. Vraag het aan IT.',
  joinBadWhy: 'In het portaal zoekt Waarom gaat het niet open? naast de map naar de oorzaak. Aan wie te zeggen: IT.',
  joinLost:
    'Deze pagina hoort nu niets van de gateway en probeert het opnieuw. Wat u in de WireGuard-app doet, gaat gewoon door.',
  joinOver:
    'Deze pagina heeft lang genoeg gewacht. Open {address} op het verbonden toestel: van daar gaat alles verder.',
  noRights: 'Mag u geen programma’s installeren op deze computer?',
  noRightsWhy:
    'IT voert er één keer dit script uit, als beheerder, met het bestand dat u in de stap hierboven bewaarde. Het installeert de WireGuard-app en laat u de tunnel zelf aan- en uitzetten.',
  noRightsSave: 'Bewaar het script voor IT',
  noRightsRun: 'Uit te voeren in een terminal als beheerder:',
} satisfies Messages;
