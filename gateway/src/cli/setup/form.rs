//! What set-up has to know: each answer is checked in one place, whether it is a flag, a guess, or typed.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use provisioning::addresses::SiteNetwork;

use crate::app::FirstBoot;
use crate::cli::input::{Input, tell};
use crate::cli::output::table;
use crate::cli::user::name_of;
use crate::cli::words::Language;
use crate::detect::{Interface, Network};
use crate::http::error::Answer;
use crate::http::input;
use crate::pure::site;

/// What is asked, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Organisation,
    PublicName,
    Endpoint,
    OfficeInterface,
    SiteNetwork,
    Resolvers,
    OfficeZones,
    Masquerade,
    FromHome,
    Admin,
    AdminName,
    AdminLanguage,
}

use Field::{
    Admin, AdminLanguage, AdminName, Endpoint, FromHome, Masquerade, OfficeInterface, OfficeZones, Organisation,
    PublicName, Resolvers,
};

impl Field {
    pub(super) const ALL: [Self; 12] = [
        Organisation,
        PublicName,
        Endpoint,
        OfficeInterface,
        Self::SiteNetwork,
        Resolvers,
        OfficeZones,
        Masquerade,
        FromHome,
        Admin,
        AdminName,
        AdminLanguage,
    ];

    pub(super) fn flag(self) -> &'static str {
        match self {
            Organisation => "--organisation",
            PublicName => "--name",
            Endpoint => "--endpoint",
            OfficeInterface => "--office-interface",
            Self::SiteNetwork => "--site-network",
            Resolvers => "--resolver",
            OfficeZones => "--office-zone",
            Masquerade => "--no-masquerade",
            FromHome => "--from-home",
            Admin => "--admin",
            AdminName => "--admin-name",
            AdminLanguage => "--admin-language",
        }
    }

    /// As the API names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Organisation => "organisation",
            PublicName => "public_name",
            Endpoint => "endpoint",
            OfficeInterface => "office_interface",
            Self::SiteNetwork => "site_network",
            Resolvers => "resolvers",
            OfficeZones => "office_zones",
            Masquerade => "masquerade",
            FromHome => "from_home",
            Admin => "admin",
            AdminName => "admin_name",
            AdminLanguage => "admin_language",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Organisation => "Organisation",
            PublicName => "Public name",
            Endpoint => "WireGuard endpoint",
            OfficeInterface => "Office LAN",
            Self::SiteNetwork => "Site network",
            Resolvers => "Office DNS servers",
            OfficeZones => "Office DNS zones",
            Masquerade => "Addresses the office sees",
            FromHome => "Invitations from home",
            Admin => "First administrator",
            AdminName => "… is called",
            AdminLanguage => "… is spoken to in",
        }
    }

    fn question(self) -> &'static str {
        match self {
            Organisation => "Organisation, as people know it. Whose gateway is this?",
            PublicName => "Public name, such as door.example.org",
            Endpoint => "WireGuard endpoint, as the internet sees it",
            OfficeInterface => "Interface in the office LAN",
            Self::SiteNetwork => "Networks for devices: an IPv4 /16, an IPv6 unique local /48, or both",
            Resolvers => "DNS servers of the office, with spaces between (- for none)",
            OfficeZones => "DNS zones of the office, with spaces between (- for none)",
            Masquerade => "Shall the office see the gateway's address? (no: its router has a route back)",
            FromHome => "May people at home open invitations from the internet? (needs TCP 443 on the router)",
            Admin => "Login of the first administrator",
            AdminName => "Name of the first administrator",
            AdminLanguage => "Language of the first administrator: en, fr, nl, ca or es",
        }
    }

    /// Whether it is asked even if it could be guessed; the others are shown and can be changed.
    fn is_asked(self) -> bool {
        !matches!(self, Self::SiteNetwork | Resolvers | OfficeZones | Masquerade)
    }

    /// Whose guess is made of this answer.
    fn dependant(self) -> Option<Self> {
        match self {
            PublicName => Some(Endpoint),
            Admin => Some(AdminName),
            _ => None,
        }
    }
}

/// What answers are checked against, and guessed from.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) network: Network,
    /// The tunnel's, which is not the office's.
    pub(super) tunnel: String,
    /// WireGuard's first port.
    pub(super) port: u16,
    /// The office LAN, as the flag says.
    pub(super) office_subnet: Option<IpNet>,
    /// Drawn at random; none where nothing is free.
    pub(super) drawn: Option<SiteNetwork>,
    /// The name this machine gives itself, if it is a whole one.
    pub(super) host_name: Option<String>,
}

impl Seen {
    /// This machine's own on the office LAN.
    pub(super) fn office_address(&self, form: &Form) -> Option<IpAddr> {
        Some(self.network.interface(form.office_interface()?)?.subnet()?.addr())
    }
}

/// The answers so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    organisation: Option<String>,
    public_name: Option<String>,
    endpoint: Option<String>,
    office_interface: Option<String>,
    site: Option<SiteNetwork>,
    pub(super) resolvers: Vec<SocketAddr>,
    pub(super) zones: Vec<String>,
    own_addresses: bool,
    from_home: bool,
    admin: Option<String>,
    admin_name: Option<String>,
    language: Option<String>,
}

impl Form {
    /// Flags and guesses; `ask` where there is somebody to ask.
    pub(super) fn fill(flag: impl Fn(Field) -> Option<String>, seen: &Seen, ask: bool) -> anyhow::Result<Self> {
        let mut form = Self::default();
        let mut wrong = Vec::new();
        for field in Field::ALL {
            let given = flag(field).map(|text| form.set(field, &text, seen));
            match given {
                Some(Ok(())) => continue,
                Some(Err(e)) if ask => tell(format_args!("{}: {e}", field.flag())),
                Some(Err(e)) => {
                    wrong.push(format!("{}: {e}", field.flag()));
                    continue;
                }
                None if ask && field.is_asked() => {}
                None => {
                    match form.guess(field, seen).map(|guess| form.set(field, &guess, seen)) {
                        Some(Ok(())) => continue,
                        _ if ask => {}
                        // It is guessed from another that is missing, and said there.
                        None if form.waits_for_another(field) => continue,
                        None => wrong.push(format!("{} must be given: it cannot be guessed", field.flag())),
                        Some(Err(e)) => wrong.push(format!("{} must be given: {e}", field.flag())),
                    }
                    if !ask {
                        continue;
                    }
                }
            }
            form.ask(field, seen)?;
        }
        anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n    "));
        Ok(form)
    }

    /// The same for somebody who sees all questions at once: what fits is kept, else guessed, and what does not is told.
    pub(super) fn review(given: impl Fn(Field) -> Option<String>, seen: &Seen) -> (Self, Vec<(Field, String)>) {
        let (mut form, mut problems) = (Self::default(), Vec::new());
        for field in Field::ALL {
            match given(field) {
                Some(text) => {
                    if let Err(problem) = form.set(field, &text, seen) {
                        problems.push((field, problem));
                    }
                }
                None => {
                    if let Some(guess) = form.guess(field, seen) {
                        // A guess that does not fit is none.
                        let _ = form.set(field, &guess, seen);
                    }
                }
            }
        }
        (form, problems)
    }

    /// Whether invitations are opened from the internet.
    pub(super) fn is_opened_from_home(&self) -> bool {
        self.from_home
    }

    pub(super) fn public_name(&self) -> Option<&str> {
        self.public_name.as_deref()
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    pub(super) fn office_interface(&self) -> Option<&str> {
        self.office_interface.as_deref()
    }

    fn waits_for_another(&self, field: Field) -> bool {
        (field == Endpoint && self.public_name.is_none()) || (field == AdminName && self.admin.is_none())
    }

    /// Asks until the answer fits.
    fn ask(&mut self, field: Field, seen: &Seen) -> anyhow::Result<()> {
        let guess = self.answer(field).or_else(|| self.guess(field, seen));
        let prompt = match &guess {
            Some(guess) => format!("{} [{guess}]:", field.question()),
            None => format!("{}:", field.question().trim_end_matches('?')),
        };
        loop {
            let typed = Input::Terminal.line(&prompt)?;
            let text = match (typed.trim(), &guess) {
                ("", Some(guess)) => guess,
                ("", None) => {
                    tell("This cannot be guessed: please type it.");
                    continue;
                }
                (text, _) => text,
            };
            match self.set(field, text, seen) {
                Ok(()) => return Ok(()),
                Err(e) => tell(e),
            }
        }
    }

    /// Asks for one answer anew; what was guessed from it follows.
    pub(super) fn change(&mut self, field: Field, seen: &Seen) -> anyhow::Result<()> {
        let follows = field.dependant().filter(|other| self.answer(*other) == self.guess(*other, seen));
        self.ask(field, seen)?;
        if let Some(other) = follows
            && let Some(guess) = self.guess(other, seen)
        {
            // A guess that does not fit leaves what was there.
            let _ = self.set(other, &guess, seen);
        }
        Ok(())
    }

    /// Checks an answer and keeps it.
    fn set(&mut self, field: Field, text: &str, seen: &Seen) -> Result<(), String> {
        let text = text.trim();
        match field {
            Organisation => self.organisation = Some(of_the_api(input::name(text))?),
            PublicName => self.public_name = Some(site::public_name(text)?),
            Endpoint => self.endpoint = Some(site::endpoint(text)?),
            OfficeInterface => self.office_interface = Some(interface(text, seen)?),
            Field::SiteNetwork => self.site = Some(self.site_network(text, seen)?),
            Resolvers => self.resolvers = site::resolvers(each(text, site::resolver)?)?,
            OfficeZones => self.zones = site::office_zones(&each(text, site::zone)?, "")?,
            Masquerade => self.own_addresses = !yes(text)?,
            FromHome => self.from_home = yes(text)?,
            Admin => self.admin = Some(of_the_api(input::login(text))?),
            AdminName => self.admin_name = Some(of_the_api(input::name(text))?),
            AdminLanguage => self.language = Some(of_the_api(input::language(text))?),
        }
        Ok(())
    }

    fn site_network(&self, text: &str, seen: &Seen) -> Result<SiteNetwork, String> {
        let before = self.site.or(seen.drawn);
        let (mut v4, mut v6) = (before.map(|s| s.v4), before.map(|s| s.v6));
        let wanted = |text: &str| match text.trim().parse::<std::net::IpAddr>() {
            Ok(_) => Err(format!("`{text}`: a network is needed, with its length, such as 10.91.0.0/16")),
            Err(_) => site::network(text),
        };
        for net in each(text, wanted)? {
            match net {
                IpNet::V4(net) => v4 = Some(net),
                IpNet::V6(net) => v6 = Some(net),
            }
        }
        let (Some(v4), Some(v6)) = (v4, v6) else { return Err("an IPv4 /16 and an IPv6 /48 are needed".to_owned()) };
        let site = SiteNetwork::new(v4, v6).map_err(|e| e.to_string())?;
        for net in seen.network.taken() {
            let clash = match net {
                IpNet::V4(net) => {
                    net.prefix_len() > 0 && (site.v4.contains(&net.network()) || net.contains(&site.v4.network()))
                }
                IpNet::V6(net) => {
                    net.prefix_len() > 7 && (site.v6.contains(&net.network()) || net.contains(&site.v6.network()))
                }
            };
            if clash {
                return Err(format!("this machine uses {net} already: choose another network"));
            }
        }
        Ok(site)
    }

    /// What would be typed for it, if it can be guessed.
    fn guess(&self, field: Field, seen: &Seen) -> Option<String> {
        match field {
            Organisation | Admin => None,
            PublicName => seen.host_name.clone(),
            Endpoint => self.public_name.as_ref().map(|name| site::endpoint_of(name, seen.port)),
            OfficeInterface => seen.network.office().map(|i| i.name.clone()),
            Field::SiteNetwork => seen.drawn.map(|s| format!("{} {}", s.v4, s.v6)),
            Resolvers => Some(listed(seen.network.resolver_sockets().iter().map(SocketAddr::to_string))),
            OfficeZones => Some(listed(seen.network.zones.iter().filter_map(|zone| site::zone(zone).ok()))),
            Masquerade => Some("yes".to_owned()),
            // A door to the internet is opened by a decision, never by a guess.
            FromHome => Some("no".to_owned()),
            AdminName => self.admin.as_deref().map(name_of),
            AdminLanguage => Some(Language::of_environment().code().to_owned()),
        }
    }

    /// What was answered, as one would type it.
    pub(super) fn answer(&self, field: Field) -> Option<String> {
        match field {
            Organisation => self.organisation.clone(),
            PublicName => self.public_name.clone(),
            Endpoint => self.endpoint.clone(),
            OfficeInterface => self.office_interface.clone(),
            Field::SiteNetwork => self.site.map(|s| format!("{} {}", s.v4, s.v6)),
            Resolvers => Some(listed(self.resolvers.iter().map(SocketAddr::to_string))).filter(|text| text != "-"),
            OfficeZones => Some(listed(self.zones.iter().cloned())).filter(|text| text != "-"),
            Masquerade => Some(if self.own_addresses { "no" } else { "yes" }.to_owned()),
            FromHome => Some(if self.from_home { "yes" } else { "no" }.to_owned()),
            Admin => self.admin.clone(),
            AdminName => self.admin_name.clone(),
            AdminLanguage => self.language.clone(),
        }
    }

    /// Everything, numbered, with what deserves a second look below it.
    pub(super) fn summary(&self, seen: &Seen) -> String {
        let rows = (1..).zip(Field::ALL).map(|(number, field)| {
            let answer = self.answer(field).unwrap_or_else(|| "none found".to_owned());
            let value = match field {
                OfficeInterface => format!("{answer} ({})", subnet(seen.network.interface(&answer))),
                Masquerade if self.own_addresses => "devices' own (the router has a route back)".to_owned(),
                Masquerade => "the gateway's (no route back needed)".to_owned(),
                FromHome if self.from_home => {
                    format!("opened; the router forwards TCP 443 to port {}", super::INTERNET)
                }
                FromHome => "not opened: at the office only".to_owned(),
                _ => answer,
            };
            vec![format!("{number:>2}"), field.label().to_owned(), value]
        });
        let mut text = table(&["", "", ""], &rows.collect::<Vec<_>>()).trim_start_matches(['\n', ' ']).to_owned();
        text.insert(0, ' ');
        for warning in self.warnings(seen) {
            text.push_str("\n! ");
            text.push_str(&warning);
        }
        text
    }

    /// What may be meant so, and often is not.
    pub(super) fn warnings(&self, seen: &Seen) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.public_name.as_deref().is_some_and(site::is_address) {
            warnings.push(
                "the public name is an address: if the office ever gets another one, every device needs a new \
                 configuration. A name can be pointed elsewhere."
                    .to_owned(),
            );
        }
        let office = self.office_interface.as_deref().and_then(|name| seen.network.interface(name));
        if let Some(office) = office.filter(|i| i.subnet().is_none()) {
            warnings.push(format!("{} has no address yet: is it the office's interface?", office.name));
        }
        warnings
    }

    /// For the first boot; nothing if an answer is missing.
    pub(super) fn finish(self) -> Option<FirstBoot> {
        Some(FirstBoot {
            organisation: self.organisation?,
            public_name: self.public_name?,
            endpoint: self.endpoint?,
            office_interface: self.office_interface?,
            site: self.site?,
            resolvers: self.resolvers,
            office_zones: self.zones,
            masquerade: !self.own_addresses,
            admin_login: self.admin?,
            admin_display_name: self.admin_name?,
            admin_language: self.language?,
        })
    }
}

fn of_the_api(checked: Answer<String>) -> Result<String, String> {
    checked.map_err(crate::http::error::ApiError::sentence)
}

fn interface(name: &str, seen: &Seen) -> Result<String, String> {
    let network = &seen.network;
    let candidates = || {
        let fits = |i: &&Interface| !i.loopback && i.name != seen.tunnel;
        network.interfaces.iter().filter(fits).map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let Some(interface) = network.interface(name) else {
        return Err(format!("there is no interface `{name}`; there are: {}", candidates()));
    };
    if interface.loopback || name == seen.tunnel {
        return Err(format!("{name} leads nowhere but into this machine; there are: {}", candidates()));
    }
    if let Some(subnet) = seen.office_subnet
        && !interface.addresses.iter().any(|a| a.trunc() == subnet.trunc())
    {
        return Err(format!("{name} is in {}, not in {}", self::subnet(Some(interface)), subnet.trunc()));
    }
    Ok(name.to_owned())
}

fn subnet(interface: Option<&Interface>) -> String {
    interface.and_then(Interface::subnet).map_or_else(|| "no address yet".to_owned(), |net| net.trunc().to_string())
}

/// Words with spaces or commas between; `-` is none.
fn each<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty() && *word != "-");
    words.map(parse).collect()
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "-".to_owned() } else { items.join(" ") }
}

fn yes(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let make = |index, name: &str, addresses: &[&str]| Interface {
            index,
            name: name.into(),
            up: true,
            loopback: name == "lo",
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        };
        let interfaces = vec![
            make(1, "lo", &["127.0.0.1/8"]),
            make(2, "eth0", &["192.168.77.2/24"]),
            make(3, "eth1", &[]),
            make(4, "pass0", &["10.91.0.1/16"]),
        ];
        Seen {
            network: Network { interfaces, zones: vec!["corp.lan".into(), "a..b".into()], ..Network::default() },
            tunnel: "pass0".into(),
            port: 51820,
            office_subnet: None,
            drawn: SiteNetwork::new("10.99.0.0/16".parse().unwrap(), "fd00:1:2::/48".parse().unwrap()).ok(),
            host_name: None,
        }
    }

    #[test]
    fn every_flag_that_is_missing_or_wrong_is_named_at_once() {
        let none = Form::fill(|_| None, &seen(), false).unwrap_err().to_string();
        for flag in ["--organisation", "--name", "--admin must"] {
            assert!(none.contains(flag), "{none}");
        }
        assert!(!none.contains("--endpoint") && !none.contains("--admin-name"), "they follow: {none}");
        let wrong = |field| match field {
            Organisation => Some(" ".to_owned()),
            PublicName => Some("door".to_owned()),
            OfficeInterface => Some("lo".to_owned()),
            OfficeZones => Some("corp..lan".to_owned()),
            Admin => Some("Marc Dupré".to_owned()),
            AdminName => Some(" ".to_owned()),
            _ => None,
        };
        let all = Form::fill(wrong, &seen(), false).unwrap_err().to_string();
        for field in [Organisation, PublicName, OfficeInterface, OfficeZones, Admin, AdminName] {
            assert!(all.contains(&format!("{}: ", field.flag())), "{all}");
        }
    }

    #[test]
    fn guesses_and_flags_make_a_first_boot() {
        let flag = |field| match field {
            Organisation => Some("Dubois & fils".to_owned()),
            PublicName => Some("Door.example.org".to_owned()),
            Resolvers => Some("192.168.77.1 192.168.77.3:5353".to_owned()),
            Admin => Some("marc".to_owned()),
            _ => None,
        };
        let form = Form::fill(flag, &seen(), false).unwrap();
        let summary = form.summary(&seen());
        assert!(summary.starts_with(" 1  Organisation") && summary.contains("\n 4  Office LAN"), "{summary}");
        assert!(summary.contains("eth0 (192.168.77.0/24)") && !summary.contains('!'), "{summary}");
        let boot = form.finish().unwrap();
        assert_eq!(boot.endpoint, "door.example.org:51820");
        assert_eq!((boot.admin_display_name.as_str(), boot.masquerade), ("Marc", true));
        assert_eq!(boot.resolvers[1], "192.168.77.3:5353".parse().unwrap());
        assert_eq!(boot.office_zones, ["corp.lan"]);
    }

    #[test]
    fn answers_are_checked_where_they_are_given() {
        let mut form = Form::default();
        let seen = Seen { office_subnet: "192.168.1.0/24".parse().ok(), ..seen() };
        for (field, bad) in [
            (Organisation, "  "),
            (PublicName, "http://door.example.org/"),
            (OfficeInterface, "eth9"),
            (OfficeInterface, "pass0"),
            (OfficeInterface, "eth0"),
            (Field::SiteNetwork, "10.1.0.0/24"),
            (Field::SiteNetwork, "10.91.0.0/16"),
            (Resolvers, "192.168.77.1, dns.lan"),
            (Masquerade, "maybe"),
            (AdminLanguage, "de"),
        ] {
            assert!(form.set(field, bad, &seen).is_err(), "{field:?} {bad}");
        }
        form.set(Resolvers, "-", &seen).unwrap();
        form.set(PublicName, "198.51.100.7", &seen).unwrap();
        assert_eq!(form.warnings(&seen).len(), 1);
    }
}
