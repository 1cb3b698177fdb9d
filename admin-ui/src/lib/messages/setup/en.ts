const en = {
  setupTitle: 'Set up the gateway',
  setupCodeWhy:
    'Type the code that the gateway’s console shows. It is also in the file /run/passerelle/setup-code, which root can read.',
  setupCode: 'Code',
  setupCodeWrong: 'That is not the code. It has 26 letters and digits; capitals and hyphens do not matter.',
  setupClaimed:
    'Another browser is setting this gateway up. If that is nobody of yours, end passerelle setup --web on its console (Ctrl-C) and start it again: the old code is void then.',
  setupStep: 'Step {n} of {all}',
  setupNext: 'Next',
  setupBack: 'Back',
  setupOrganisation: 'Your organisation',
  setupOrganisationName: 'What it is called',
  setupOrganisationHint: 'People see this name on every page.',
  setupPublicName: 'Public name',
  setupPublicNameHint:
    'Such as door.example.org: the portal’s address, and where WireGuard connects. Your domain’s provider points it to your office’s internet address.',
  setupEndpoint: 'Where devices connect',
  setupEndpointHint: 'Name and UDP port, as the internet sees them.',
  setupNetwork: 'Your office’s network',
  setupNetworkWhy: 'This is what this machine found. Most offices change nothing here.',
  setupInterface: 'Network card towards the office',
  setupResolvers: 'DNS servers of the office',
  setupResolversHint: 'Often the router, or the domain controller. Several with a space between; a hyphen for none.',
  setupZones: 'DNS zones of the office',
  setupZonesHint: 'Such as corp.example.org, if computers have names there; a hyphen for none.',
  setupMore: 'More',
  setupSite: 'Networks for devices',
  setupSiteHint: 'An IPv4 /16 and an IPv6 /48, drawn at random so that they clash with nobody’s home.',
  setupMasquerade:
    'The office sees the gateway’s address instead of each device’s (recommended: the router needs no route back)',
  setupHome: 'Invitations from home',
  setupHomeWhy:
    'May people at home open their invitation from the internet? That door answers invitations and nothing else: nobody signs in by it, and nothing of the office is behind it.',
  setupHomeYes: 'Yes (recommended). The router forwards TCP 443 to {address}.',
  setupHomeNo: 'No. People open it once at the office.',
  setupHomeChoose: 'Please choose one.',
  setupYou: 'The first administrator',
  setupYouWhy: 'That is you, or whoever looks after this gateway. More can be added later.',
  setupLogin: 'User name',
  setupLoginHint: 'Small letters and digits, such as marc or m.dupre.',
  setupName: 'Name',
  setupLanguage: 'Language',
  setupChecks: 'Is all well?',
  setupChecksWhy:
    'Nothing is changed before you say so. What is not green now can be mended later, too: the console’s Health page goes on looking.',
  setupCheckName: 'Public name',
  setupCheckUdp: 'Way in for WireGuard',
  setupCheckDns: 'The office’s DNS',
  setupCheckWay: 'Way into the office',
  setupCheckCertificate: 'Certificate',
  setupLooks: 'Looking…',
  setupGood: 'Good',
  setupDoubtful: 'To do',
  setupBad: 'Not yet',
  foundNamePublic: 'It leads to {about}. If that is your office’s address in the internet, all is well.',
  foundNamePrivate:
    'From here it leads to {about}, which nobody outside can reach. If your own DNS says so on purpose, fine; at your domain’s provider it must point to your office’s internet address.',
  foundNameUnknownYet:
    '{about} leads nowhere yet. At your domain’s provider, add an A record (and AAAA, if you have IPv6) with your office’s internet address.',
  foundNameIsAddress:
    '{about} is an address. If the office ever gets another, every device needs a new configuration; a name can be pointed elsewhere.',
  foundUdpTurns: 'A packet sent to {about} came back in by it: the router forwards it.',
  foundUdpUnknown:
    'That cannot be seen from inside. On the router, forward {about}. The first telephone that connects by its mobile network shows that it works.',
  foundUdpTaken: 'Another program on this machine has {about}. End it, or choose another port in passerelle.toml.',
  foundDnsAnswers: '{about} answers.',
  foundDnsSilent:
    '{about} does not answer this machine. Go back and name one that does: otherwise names fail for people at home.',
  foundDnsNone: 'No DNS server is named. Go back and name the office’s: otherwise names fail for people at home.',
  foundWayOpenNow: 'Nothing on this machine stops what devices send into the office.',
  foundWayShut:
    'Another firewall or a setting of this machine stops what devices send. These commands let the tunnel through, and nothing else:',
  foundWayUnknown: 'That could not be tried here. passerelle doctor tries it later.',
  foundCertificateOwn:
    'The gateway makes its own certificate. Browsers warn once on each computer; passkeys need one that browsers trust.',
  setupCure: 'Run these now',
  setupAgain: 'Look again',
  setupFinish: 'Set up now',
  setupMaking: 'The gateway is being made…',
  setupDone: 'The gateway is set up',
  setupDoneWhy:
    'Now {login} chooses a password and connects a device: that is the first invitation. The gateway starts; this button works in {seconds} seconds.',
  setupDoneReady: 'Now {login} chooses a password and connects a device: that is the first invitation.',
  setupOpen: 'Open the first invitation',
  setupWarns: 'Your browser warns once more, for the gateway’s own certificate. Its SHA-256:',
  setupRouter: 'On the router, forward:',
  setupToken: 'If it does not open: the invitation’s code, shown this once',
  badOrganisation: 'A name of 1 to 64 letters is needed.',
  badPublicName: 'A name such as {example} is needed, without https and without a port.',
  badEndpoint: 'A name and a port are needed, such as {example}.',
  badInterface: 'This network card is not there any more, or leads nowhere. Choose another.',
  badSite: 'An IPv4 /16 and an IPv6 /48 are needed that this machine does not use, such as {example}.',
  badResolvers: 'Addresses are needed, such as 192.168.1.1, with a space between; a hyphen for none.',
  badZones: 'Zones are needed, such as corp.example.org, with a space between; a hyphen for none.',
  badLogin: '1 to 64 letters without accents, digits, or . - _ @, beginning with a letter or digit.',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
