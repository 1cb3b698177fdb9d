import type { Messages } from './en.ts';

export default {
  setupTitle: 'De gateway instellen',
  setupCodeWhy:
    'Typ de code die de console van de gateway toont. Hij staat ook in het bestand /run/passerelle/setup-code, dat root kan lezen.',
  setupCode: 'Code',
  setupCodeWrong: 'Dat is de code niet. Hij heeft 26 letters en cijfers; hoofdletters en streepjes tellen niet.',
  setupClaimed:
    'Een andere browser stelt deze gateway in. Is dat niemand van u, beëindig dan passerelle setup --web op de console (Ctrl-C) en start het opnieuw: de oude code geldt dan niet meer.',
  setupStep: 'Stap {n} van {all}',
  setupNext: 'Volgende',
  setupBack: 'Terug',
  setupOrganisation: 'Uw organisatie',
  setupOrganisationName: 'Hoe ze heet',
  setupOrganisationHint: 'Mensen zien deze naam op elke pagina.',
  setupPublicName: 'Publieke naam',
  setupPublicNameHint:
    'Bijvoorbeeld deur.voorbeeld.org: het adres van het portaal, en waar WireGuard verbindt. De beheerder van uw domein laat het naar het internetadres van uw kantoor wijzen.',
  setupEndpoint: 'Waar toestellen verbinden',
  setupEndpointHint: 'Naam en UDP-poort, zoals het internet ze ziet.',
  setupNetwork: 'Het netwerk van uw kantoor',
  setupNetworkWhy: 'Dit heeft deze machine gevonden. De meeste kantoren veranderen hier niets.',
  setupInterface: 'Netwerkkaart naar het kantoor',
  setupResolvers: 'DNS-servers van het kantoor',
  setupResolversHint:
    'Vaak de router of de domeincontroller. Meerdere met een spatie ertussen; een streepje voor geen.',
  setupZones: 'DNS-zones van het kantoor',
  setupZonesHint: 'Bijvoorbeeld corp.voorbeeld.org, als computers daar een naam hebben; een streepje voor geen.',
  setupMore: 'Meer',
  setupSite: 'Netwerken voor toestellen',
  setupSiteHint: 'Een IPv4-/16 en een IPv6-/48, willekeurig gekozen zodat ze met niemands thuisnetwerk botsen.',
  setupMasquerade:
    'Het kantoor ziet het adres van de gateway in plaats van dat van elk toestel (aanbevolen: de router heeft geen terugroute nodig)',
  setupHome: 'Uitnodigingen van thuis',
  setupHomeWhy:
    'Mogen mensen thuis hun uitnodiging vanaf het internet openen? Die deur antwoordt op uitnodigingen en niets anders: niemand meldt er zich aan, en er ligt niets van het kantoor achter.',
  setupHomeYes: 'Ja (aanbevolen). De router stuurt TCP 443 door naar {address}.',
  setupHomeNo: 'Nee. Mensen openen ze één keer op kantoor.',
  setupHomeChoose: 'Kies er één.',
  setupYou: 'De eerste beheerder',
  setupYouWhy: 'Dat bent u, of wie voor deze gateway zorgt. Later kunnen er meer bij.',
  setupLogin: 'Gebruikersnaam',
  setupLoginHint: 'Kleine letters en cijfers, bijvoorbeeld marc of m.dupre.',
  setupName: 'Naam',
  setupLanguage: 'Taal',
  setupChecks: 'Is alles in orde?',
  setupChecksWhy:
    'Er verandert niets voordat u het zegt. Wat nu niet groen is, kan ook later: de pagina Gezondheid blijft kijken.',
  setupCheckName: 'Publieke naam',
  setupCheckUdp: 'Weg naar binnen voor WireGuard',
  setupCheckDns: 'DNS van het kantoor',
  setupCheckWay: 'Weg het kantoor in',
  setupCheckCertificate: 'Certificaat',
  setupLooks: 'Wordt bekeken…',
  setupGood: 'Goed',
  setupDoubtful: 'Te doen',
  setupBad: 'Nog niet',
  foundNamePublic: 'Ze leidt naar {about}. Is dat het internetadres van uw kantoor, dan is alles in orde.',
  foundNamePrivate:
    'Van hier leidt ze naar {about}, dat van buiten niet bereikbaar is. Zegt uw eigen DNS dat met opzet, goed; bij de beheerder van uw domein moet ze naar het internetadres van uw kantoor wijzen.',
  foundNameUnknownYet:
    '{about} leidt nog nergens heen. Voeg bij de beheerder van uw domein een A-record toe (en AAAA bij IPv6) met het internetadres van uw kantoor.',
  foundNameIsAddress:
    '{about} is een adres. Krijgt het kantoor ooit een ander, dan heeft elk toestel een nieuwe configuratie nodig; een naam kan elders heen wijzen.',
  foundUdpTurns: 'Een pakket naar {about} kwam er weer door binnen: de router stuurt het door.',
  foundUdpUnknown:
    'Dat is van binnenuit niet te zien. Stuur op de router {about} door. De eerste telefoon die via het mobiele netwerk verbindt, toont dat het werkt.',
  foundUdpTaken:
    'Een ander programma op deze machine heeft {about}. Beëindig het, of kies een andere poort in passerelle.toml.',
  foundDnsAnswers: '{about} antwoordt.',
  foundDnsSilent:
    '{about} antwoordt deze machine niet. Ga terug en noem er een die dat wel doet: anders falen namen voor mensen thuis.',
  foundDnsNone:
    'Er is geen DNS-server genoemd. Ga terug en noem die van het kantoor: anders falen namen voor mensen thuis.',
  foundWayOpenNow: 'Niets op deze machine houdt tegen wat toestellen naar het kantoor sturen.',
  foundWayShut:
    'Een andere firewall of een instelling van deze machine houdt tegen wat toestellen sturen. Deze opdrachten laten de tunnel door, en niets anders:',
  foundWayUnknown: 'Dat kon hier niet worden geprobeerd. passerelle doctor probeert het later.',
  foundCertificateOwn:
    'De gateway maakt haar eigen certificaat. Browsers waarschuwen één keer per computer; passkeys vragen er een dat browsers vertrouwen.',
  setupCure: 'Nu uitvoeren',
  setupAgain: 'Opnieuw kijken',
  setupFinish: 'Nu instellen',
  setupMaking: 'De gateway wordt gemaakt…',
  setupDone: 'De gateway is ingesteld',
  setupDoneWhy:
    'Nu kiest {login} een wachtwoord en verbindt een toestel: dat is de eerste uitnodiging. De gateway start; deze knop werkt over {seconds} seconden.',
  setupDoneReady: 'Nu kiest {login} een wachtwoord en verbindt een toestel: dat is de eerste uitnodiging.',
  setupOpen: 'De eerste uitnodiging openen',
  setupWarns: 'Uw browser waarschuwt nog één keer, voor het eigen certificaat van de gateway. De SHA-256:',
  setupRouter: 'Stuur op de router door:',
  setupToken: 'Opent ze niet: de code van de uitnodiging, één keer getoond',
  badOrganisation: 'Een naam van 1 tot 64 letters is nodig.',
  badPublicName: 'Een naam zoals {example} is nodig, zonder https en zonder poort.',
  badEndpoint: 'Een naam en een poort zijn nodig, zoals {example}.',
  badInterface: 'Deze netwerkkaart is er niet meer, of leidt nergens heen. Kies een andere.',
  badSite: 'Een IPv4-/16 en een IPv6-/48 zijn nodig die deze machine niet gebruikt, zoals {example}.',
  badResolvers: 'Adressen zijn nodig, zoals 192.168.1.1, met een spatie ertussen; een streepje voor geen.',
  badZones: 'Zones zijn nodig, zoals corp.voorbeeld.org, met een spatie ertussen; een streepje voor geen.',
  badLogin: '1 tot 64 letters zonder accenten, cijfers of . - _ @, te beginnen met een letter of cijfer.',
} satisfies Messages;
