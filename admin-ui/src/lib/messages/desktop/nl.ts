import type { Messages } from './en.ts';

export default {
  deskTitle: '{name} in deze browser',
  deskUser: 'Gebruikersnaam op de pc',
  deskUserHint: 'Zoals u die typt als u ervoor zit. Die wordt hier onthouden.',
  deskPassword: 'Wachtwoord op de pc',
  deskPasswordHint: 'Het gaat via de gateway van uw kantoor naar de pc en wordt nergens bewaard.',
  deskMissing: 'Vul dit in.',
  deskElsewhere:
    'U hebt deze pc al open in een ander venster van deze browser. Als u hier verbinding maakt, eindigt het daar misschien; wat open is, blijft open.',
  deskAway: '{name} wordt eerst gewekt. Dat kan een of twee minuten duren.',
  deskWake: 'Wekken en verbinden',
  deskAgain:
    'Typ uw wachtwoord nog eens: het bureaublad komt dan in de grootte van dit venster. Wat op de pc openstaat, blijft open.',
  deskComing: 'Verbinden met {name}…',
  deskCancel: 'Verbinding annuleren',
  deskOnceMore: 'Opnieuw verbinden',
  deskReload: 'Deze pagina opnieuw laden',
  deskUnknown: 'Deze pc is nu niet voor u open. Ga terug naar uw kantoor, en vraag het IT als dat wel zou moeten.',
  deskBar: 'Wat u met dit bureaublad kunt doen',
  deskQuality: 'Verbinding: heen en terug, en hoeveel er komt',
  deskEndsIdle: 'Deze verbinding eindigt om {time}: niemand heeft ze gebruikt. Werk verder om ze te houden.',
  deskEndsLongest: 'Deze verbinding eindigt om {time}: langer laat IT niet toe. Sla uw werk op.',
  deskEndsBooked:
    'Iemand heeft deze plaats vanaf {time} geboekt; deze verbinding stopt zodra die persoon komt. Sla uw werk op.',
  deskEndsIn: 'nog {left}',
  deskTold: 'IT zegt ({time}):',
  deskRead: 'Begrepen',
  deskChord: 'Ctrl+Alt+Home brengt u terug naar deze balk; alle andere toetsen gaan naar de pc.',
  deskFull: 'Volledig scherm',
  deskWindow: 'Volledig scherm verlaten',
  deskHide: 'Balk verbergen',
  deskShow: 'Balk tonen',
  deskLeave: 'Verbinding verbreken',
  deskCloseMenu: 'Menu sluiten',
  deskWindowsKey: 'Windows-toets',
  deskClipboard: 'Klembord',
  deskClipboardWhy:
    'Wat u hier hebt gekopieerd, komt pas op de pc als u het verzendt; wat daar is gekopieerd, komt pas op uw klembord als u het ophaalt.',
  deskSend: 'Mijn klembord sturen',
  deskTake: 'Klembord van de pc ophalen',
  deskSent: 'Gestuurd: plak het op de pc.',
  deskNotSent:
    'Er is niets gestuurd: kopieer eerst een tekst of een afbeelding, en laat uw browser het klembord lezen.',
  deskTaken: 'Opgehaald: plak het hier.',
  deskCtrlAltDel: 'Ctrl+Alt+Delete',
  deskNotTaken: 'Er kwam niets: kopieer eerst een tekst of een afbeelding op de pc.',
  deskNoClipboard: 'De pc heeft nog geen klembord aangeboden.',
  deskFiles: 'Bestanden',
  deskFilesWhy:
    'Bestanden die u kiest, komen op het klembord van de pc: plak ze daar. Bestanden die u op de pc kopieert, staan hier.',
  deskFilesSend: 'Bestanden verzenden…',
  deskFilesThere: 'Gekopieerd op de pc',
  deskFilesPassed: 'Verzonden en opgeslagen',
  deskFileSave: 'Opslaan',
  deskFileCancel: 'Annuleren',
  deskFilesMore: '… en nog {count}: pak ze op de pc in één bestand in.',
  deskFilesPack:
    'Mappen, en meer dan 100 bestanden tegelijk, kunnen niet worden verzonden: pak ze eerst in één bestand in.',
  deskFilesBusy: 'Er worden bestanden op de pc geplakt: wacht tot ze er zijn, of annuleer ze in het menu.',
  deskFileWaits: 'Plak het nu op de pc',
  deskFileGoes: 'Wordt verzonden',
  deskFileComes: 'Wordt opgehaald',
  deskFileSent: 'Verzonden',
  deskFileSaved: 'Aan uw browser gegeven: zie de downloads',
  deskFileFailed: 'Niet volledig aangekomen: probeer opnieuw, of gebruik een gedeelde map',
  deskFilesReady: 'Er zijn bestanden gekopieerd op de pc: sla ze op via het menu.',
  deskFilesChosen: 'Plak ze nu op de pc. Kan er niets worden geplakt, dan neemt hij geen bestanden aan.',
  deskFilesRefused: 'De pc nam de bestanden niet aan. Probeer het opnieuw, of gebruik een gedeelde map.',
  deskScale: 'Beeld',
  deskFit: 'Past in het venster',
  deskReal: 'Ware grootte, schuivend',
  deskKeys: 'Toetsenbord',
  deskByKey: 'Per toets',
  deskByCharacter: 'Per teken',
  deskKeysWhy:
    'Per toets beslist de indeling van de pc wat een toets schrijft; kies per teken als uw toetsenbord anders is dan dat van de pc en er verkeerde letters komen.',
  deskSize: 'Grootte',
  deskSizeWhy: 'Het bureaublad is {now}; in dit venster kan het {then} zijn.',
  deskResize: 'Opnieuw verbinden in deze grootte',
  deskByDevice: 'U hebt deze pc verlaten. Wat erop openstaat, blijft open.',
  deskByPc: 'De pc heeft het beëindigd: u hebt zich daar afgemeld, of hij is uitgeschakeld of opnieuw gestart.',
  deskSignIn:
    'De pc liet u niet binnen: gebruikersnaam of wachtwoord klopte niet, of u mag zich er niet op afstand aanmelden. Probeer het opnieuw; bent u van beide zeker, meld het dan aan IT.',
  deskNobody:
    'De gateway zag drie minuten lang niemand aanmelden, en heeft de verbinding beëindigd. Maak opnieuw verbinding, en meld u aan.',
  deskCertificate:
    'Dit is misschien een andere pc dan hier bekend is: hij toont een ander certificaat. Uw wachtwoord is niet verstuurd. Meld het aan IT, die kan kijken en het goedkeuren.',
  deskNoNla:
    'De pc biedt minder beveiliging dan voorheen. Uw wachtwoord is niet verstuurd. Meld het aan IT, die ernaar moet kijken.',
  deskSilent: 'De pc antwoordde niet. Probeer het over een minuut opnieuw; blijft het zo, meld het dan aan IT.',
  deskNotAllowed:
    'Uw toegang tot deze pc is beëindigd. Wat erop openstaat, blijft open. Klopt dat niet, meld het dan aan IT.',
  deskEnded:
    'IT heeft deze verbinding beëindigd. Wat op de pc openstaat, blijft open. Hebt u ze nog nodig, vraag het dan aan IT.',
  deskMoved: 'U hebt deze pc elders geopend, in een ander venster of een andere app. Het gaat daar verder.',
  deskIdle:
    'Deze verbinding werd zo lang niet gebruikt als IT toelaat; ze is beëindigd. Wat op de pc openstaat, blijft open: maak opnieuw verbinding om verder te gaan.',
  deskLongest:
    'Deze verbinding heeft zo lang geduurd als IT toelaat. Wat op de pc openstaat, blijft open: maak opnieuw verbinding als u hem nog nodig hebt.',
  deskBooked:
    'Iemand had deze pc gereserveerd en is er nu. Wat erop openstaat, blijft open. In uw kantoor vindt u een andere plaats, of een tijd om te reserveren.',
  deskGateway: 'Er ging iets mis op weg naar de pc. Probeer het opnieuw; gebeurt het nog eens, meld het dan aan IT.',
  deskTicket: 'Dat duurde te lang. Maak opnieuw verbinding.',
  deskNoLine:
    'De weg naar kantoor ging niet open: iets onderweg weigert zulke verbindingen. Kijk of WireGuard aanstaat; is dat zo, meld het dan aan IT.',
  deskNegotiation: 'De pc en deze browser hebben geen beveiliging gemeen. Meld het aan IT.',
  deskLineCut:
    'De verbinding viel weg, en het kantoor zegt niet waarom. Wat op de pc openstaat, blijft open. Kijk of u online bent en verbind opnieuw.',
  deskCrashed:
    'Wat het bureaublad op deze pagina toont, is vastgelopen. Wat op de pc openstaat, blijft open. Laad deze pagina opnieuw en verbind opnieuw.',
  deskUnloaded:
    'Wat het bureaublad toont, kon niet worden geladen. Laad deze pagina opnieuw; blijft het zo, dan is uw browser misschien te oud: meld het aan IT.',
} satisfies Messages;
