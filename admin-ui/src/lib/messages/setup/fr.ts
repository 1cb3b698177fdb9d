import type { Messages } from './en.ts';

export default {
  setupTitle: 'Installer la passerelle',
  setupCodeWhy:
    'Saisissez le code qu’affiche la console de la passerelle. Il est aussi dans le fichier /run/passerelle/setup-code, lisible par root.',
  setupCode: 'Code',
  setupCodeWrong: 'Ce n’est pas ce code. Il a 26 lettres et chiffres\u202f; majuscules et tirets ne comptent pas.',
  setupClaimed:
    'Un autre navigateur installe cette passerelle. Si ce n’est personne de chez vous, arrêtez passerelle setup --web sur sa console (Ctrl-C) et relancez-le\u00a0: l’ancien code ne vaut alors plus rien.',
  setupStep: 'Étape {n} sur {all}',
  setupNext: 'Suivant',
  setupBack: 'Retour',
  setupOrganisation: 'Votre organisation',
  setupOrganisationName: 'Son nom',
  setupOrganisationHint: 'On verra ce nom sur chaque page.',
  setupPublicName: 'Nom public',
  setupPublicNameHint:
    'Par exemple porte.exemple.org\u00a0: l’adresse du portail, et celle où WireGuard se connecte. Le fournisseur de votre domaine la fait pointer vers l’adresse internet de votre bureau.',
  setupEndpoint: 'Où les appareils se connectent',
  setupEndpointHint: 'Nom et port UDP, tels que vus d’internet.',
  setupNetwork: 'Le réseau de votre bureau',
  setupNetworkWhy: 'Voici ce que cette machine a trouvé. La plupart des bureaux n’y changent rien.',
  setupInterface: 'Carte réseau côté bureau',
  setupResolvers: 'Serveurs DNS du bureau',
  setupResolversHint:
    'Souvent le routeur, ou le contrôleur de domaine. Plusieurs séparés par une espace\u202f; un tiret pour aucun.',
  setupZones: 'Zones DNS du bureau',
  setupZonesHint: 'Par exemple corp.exemple.org, si des ordinateurs y ont un nom\u202f; un tiret pour aucune.',
  setupMore: 'Plus',
  setupSite: 'Réseaux pour les appareils',
  setupSiteHint: 'Un /16 IPv4 et un /48 IPv6, tirés au sort pour ne gêner aucun réseau domestique.',
  setupMasquerade:
    'Le bureau voit l’adresse de la passerelle au lieu de celle de chaque appareil (recommandé\u00a0: le routeur n’a pas besoin de route de retour)',
  setupHome: 'Invitations depuis la maison',
  setupHomeWhy:
    'Les gens peuvent-ils ouvrir leur invitation depuis internet, chez eux\u202f? Cette porte répond aux invitations et à rien d’autre\u00a0: personne ne s’y identifie, et rien du bureau n’est derrière.',
  setupHomeYes: 'Oui (recommandé). Le routeur redirige TCP 443 vers {address}.',
  setupHomeNo: 'Non. Chacun l’ouvre une fois au bureau.',
  setupHomeChoose: 'Veuillez choisir.',
  setupYou: 'Le premier administrateur',
  setupYouWhy:
    'C’est vous, ou la personne qui s’occupera de cette passerelle. D’autres peuvent être ajoutés plus tard.',
  setupLogin: 'Nom d’utilisateur',
  setupLoginHint: 'Minuscules et chiffres, par exemple marc ou m.dupre.',
  setupName: 'Nom',
  setupLanguage: 'Langue',
  setupChecks: 'Tout va bien\u202f?',
  setupChecksWhy:
    'Rien n’est changé avant votre accord. Ce qui n’est pas vert peut aussi être corrigé plus tard\u00a0: la page État de santé continue de regarder.',
  setupCheckName: 'Nom public',
  setupCheckUdp: 'Entrée pour WireGuard',
  setupCheckDns: 'DNS du bureau',
  setupCheckWay: 'Passage vers le bureau',
  setupCheckCertificate: 'Certificat',
  setupLooks: 'Vérification…',
  setupGood: 'Bon',
  setupDoubtful: 'À faire',
  setupBad: 'Pas encore',
  foundNamePublic: 'Il mène à {about}. Si c’est l’adresse internet de votre bureau, tout va bien.',
  foundNamePrivate:
    'D’ici, il mène à {about}, hors de portée de l’extérieur. Si votre DNS le dit exprès, très bien\u202f; chez le fournisseur de votre domaine, il doit pointer vers l’adresse internet de votre bureau.',
  foundNameUnknownYet:
    '{about} ne mène encore nulle part. Chez le fournisseur de votre domaine, ajoutez un enregistrement A (et AAAA si vous avez IPv6) avec l’adresse internet de votre bureau.',
  foundNameIsAddress:
    '{about} est une adresse. Si le bureau en change un jour, chaque appareil aura besoin d’une nouvelle configuration\u202f; un nom peut être redirigé.',
  foundUdpTurns: 'Un paquet envoyé à {about} est revenu par là\u00a0: le routeur le redirige.',
  foundUdpUnknown:
    'Cela ne se voit pas de l’intérieur. Sur le routeur, redirigez {about}. Le premier téléphone connecté par son réseau mobile montrera que cela marche.',
  foundUdpTaken:
    'Un autre programme de cette machine occupe {about}. Arrêtez-le, ou choisissez un autre port dans passerelle.toml.',
  foundDnsAnswers: '{about} répond.',
  foundDnsSilent:
    '{about} ne répond pas à cette machine. Revenez en arrière et indiquez-en un qui répond\u00a0: sinon les noms échoueront à la maison.',
  foundDnsNone:
    'Aucun serveur DNS n’est indiqué. Revenez en arrière et indiquez celui du bureau\u00a0: sinon les noms échoueront à la maison.',
  foundWayOpenNow: 'Rien sur cette machine n’arrête ce que les appareils envoient au bureau.',
  foundWayShut:
    'Un autre pare-feu ou un réglage de cette machine arrête ce que les appareils envoient. Ces commandes laissent passer le tunnel, et rien d’autre\u00a0:',
  foundWayUnknown: 'Cela n’a pas pu être essayé ici. passerelle doctor l’essaiera plus tard.',
  foundCertificateOwn:
    'La passerelle fait son propre certificat. Les navigateurs avertissent une fois par ordinateur\u202f; les clés d’accès demandent un certificat reconnu.',
  setupCure: 'Exécuter maintenant',
  setupAgain: 'Revérifier',
  setupFinish: 'Installer maintenant',
  setupMaking: 'La passerelle se met en place…',
  setupDone: 'La passerelle est installée',
  setupDoneWhy:
    '{login} choisit maintenant un mot de passe et connecte un appareil\u00a0: c’est la première invitation. La passerelle démarre\u202f; ce bouton marchera dans {seconds} secondes.',
  setupDoneReady:
    '{login} choisit maintenant un mot de passe et connecte un appareil\u00a0: c’est la première invitation.',
  setupOpen: 'Ouvrir la première invitation',
  setupWarns:
    'Votre navigateur avertit encore une fois, pour le certificat propre de la passerelle. Son SHA-256\u00a0:',
  setupRouter: 'Sur le routeur, redirigez\u00a0:',
  setupToken: 'Si elle ne s’ouvre pas\u00a0: le code de l’invitation, affiché cette seule fois',
  badOrganisation: 'Un nom de 1 à 64 lettres est nécessaire.',
  badPublicName: 'Un nom tel que {example} est nécessaire, sans https ni port.',
  badEndpoint: 'Un nom et un port sont nécessaires, par exemple {example}.',
  badInterface: 'Cette carte réseau n’est plus là, ou ne mène nulle part. Choisissez-en une autre.',
  badSite: 'Il faut un /16 IPv4 et un /48 IPv6 que cette machine n’utilise pas, par exemple {example}.',
  badResolvers: 'Il faut des adresses, par exemple 192.168.1.1, séparées par une espace\u202f; un tiret pour aucune.',
  badZones: 'Il faut des zones, par exemple corp.exemple.org, séparées par une espace\u202f; un tiret pour aucune.',
  badLogin: '1 à 64 lettres sans accent, chiffres ou . - _ @, en commençant par une lettre ou un chiffre.',
} satisfies Messages;
