//! What people and programs type: bodies of the API, the configuration file, names, addresses, hours, keys and codes.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use provisioning::addresses::SiteNetwork;
use provisioning::invitation::Token;
use provisioning::keys::{PrivateKey, PublicKey};
use provisioning::{recovery, totp, wireguard};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::clock::Unix;
use crate::config::Config;
use crate::http::input;
use crate::identity::api_token::{ApiToken, Scopes};
use crate::identity::web_token::WebToken;
use crate::ids::UserId;
use crate::link::message::Secret;
use crate::pure::hours::Hours;
use crate::pure::shown::deceives;
use crate::pure::site;
use crate::store::site::Site;

fn text(bytes: &[u8]) -> &str {
    // As much as is text.
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    }
}

/// Every body of the API. Whatever is wrong with it, serde says so in words.
pub(super) fn bodies(bytes: &[u8]) {
    use crate::http::{
        devices, door, groups, import, invitations, policies, resources, settings, sign_in, tokens, users,
    };
    fn one<T: DeserializeOwned>(bytes: &[u8]) {
        if let Err(e) = serde_json::from_slice::<T>(bytes) {
            let told = input::wrong(&format!("the body: {e}")).unwrap_or_default();
            assert!(told.len() < 1000 && !told.chars().any(deceives), "{told:?}");
        }
    }
    one::<sign_in::SignIn>(bytes);
    one::<door::Extend>(bytes);
    one::<users::AddUser>(bytes);
    one::<users::ChangeUser>(bytes);
    one::<users::SetGroups>(bytes);
    one::<import::ImportPeople>(bytes);
    one::<groups::RenameGroup>(bytes);
    one::<groups::AddGroup>(bytes);
    one::<groups::AddMember>(bytes);
    one::<groups::SetMembers>(bytes);
    one::<devices::AddDevice>(bytes);
    one::<resources::AddResource>(bytes);
    one::<resources::ChangeAddress>(bytes);
    one::<policies::AddPolicy>(bytes);
    one::<tokens::AddToken>(bytes);
    one::<invitations::AddInvitation>(bytes);
    one::<invitations::Inspect>(bytes);
    one::<invitations::Begin>(bytes);
    one::<invitations::Confirm>(bytes);
    one::<settings::ChangeSettings>(bytes);
    // A list of people is a body within a body.
    let _ = provisioning::import::people(bytes);
}

/// The configuration file. What is taken means the same when it is written again; what is refused is named.
pub(super) fn config(bytes: &[u8]) {
    match Config::parse(text(bytes), Path::new("/etc/passerelle/passerelle.toml")) {
        Ok(config) => {
            let written = toml::to_string(&config).unwrap();
            assert_eq!(Config::parse(&written, Path::new("x")).unwrap(), config);
        }
        Err(e) => assert!(format!("{e:#}").contains("/etc/passerelle/passerelle.toml")),
    }
}

/// Names, addresses, hours, times. What is taken is one line, and is taken again as it was kept.
pub(super) fn words(bytes: &[u8]) {
    let text = text(bytes);
    kept(text, |t| site::zone(t).ok());
    kept(text, |t| site::public_name(t).ok());
    kept(text, |t| site::endpoint(t).ok());
    kept(text, |t| site::resolver(t).ok());
    kept(text, |t| site::network(t).ok());
    kept(text, |t| input::login(t).ok());
    kept(text, |t| input::name(t).ok());
    kept(text, |t| input::label(t).ok());
    kept(text, |t| input::language(t).ok());
    kept(text, |t| input::interface(t).ok());
    kept(text, |t| input::public_key(t).ok());
    kept(text, |t| t.parse::<UserId>().ok());
    let site = our_site();
    kept(text, |t| input::dns_names(&[t.to_owned()], &site).ok().map(|mut names| names.remove(0)));
    kept(text, |t| input::office_zones(&[t.to_owned()], &site).ok().map(|mut zones| zones.remove(0)));
    for network in [true, false] {
        let bare = |net: String| if network { net } else { net.split('/').next().unwrap_or_default().to_owned() };
        kept(text, |t| input::office4(t, network, &site).ok().map(|n| bare(n.to_string())));
        kept(text, |t| input::office6(t, network, &site).ok().map(|n| bare(n.to_string())));
    }
    if let Some(hours) = kept(text, |t| t.parse::<Hours>().ok()) {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (from, to) = hours.window(&TimeZone::UTC, now).unwrap();
        assert!(from < to && to > now);
    }
    crate::cli::fuzz::moment(text, Unix(1_800_000_000_000));
}

fn kept<T: Display>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let first = parse(text)?;
    let written = first.to_string();
    assert!(!written.contains(char::is_control), "{written:?}");
    assert_eq!(parse(&written).map(|again| again.to_string()).as_ref(), Some(&written));
    Some(first)
}

fn our_site() -> Site {
    Site {
        organisation: "Rossi".to_owned(),
        public_name: "door.example.org".to_owned(),
        endpoint: "door.example.org:51820".to_owned(),
        zone: "rossi.internal".to_owned(),
        network: SiteNetwork { v4: "10.91.0.0/16".parse().unwrap(), v6: "fd6b:10f3:77aa::/48".parse().unwrap() },
        office_interface: "eth0".to_owned(),
        time_zone: "Europe/Brussels".to_owned(),
        resolvers: Vec::new(),
        office_zones: Vec::new(),
        masquerade: true,
        passkeys: true,
        ask_people: false,
        desktops_outside: false,
        retention: crate::pure::retention::Retention::default(),
        wanted: crate::pure::wanted::Wanted::default(),
        home_work: crate::pure::home_work::HomeWork::default(),
        private_key: Secret([1; 32]),
        public_key: String::new(),
        ca_certificate: String::new(),
        ca_key: Zeroizing::default(),
        tls_certificate: String::new(),
        tls_key: Zeroizing::default(),
        strangers_certificate: String::new(),
        strangers_key: Zeroizing::default(),
        tls_names: String::new(),
        tls_renew_at: Unix(0),
    }
}

/// Keys, tokens and codes, by themselves and in the headers they travel in; a device's configuration.
pub(super) fn tokens(bytes: &[u8]) {
    let text = text(bytes);
    again::<PublicKey>(text);
    again::<Scopes>(text);
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        assert_eq!(recovery::hash(text), recovery::hash(&token.to_string()));
    }
    assert_eq!(recovery::hash(text).len(), 44);
    for header in [ApiToken::from_header(text).map(|t| t.hash()), WebToken::from_cookies(text).map(|t| t.hash())] {
        assert!(header.is_none_or(|hash| hash.len() == 44));
    }
    let matching = totp::matching_step(&[3; 20], text, 1_800_000_000);
    assert!(matching.is_none() || totp::is_code(text), "{text:?} is no code");
    let key = PrivateKey::from_bytes([7; 32]);
    assert!(text.parse::<PrivateKey>().is_ok_and(|k| k.expose().len() == 44) || text.parse::<PrivateKey>().is_err());
    let whole = wireguard::with_private_key(text, &key);
    assert!(!text.contains(wireguard::PLACEHOLDER) || whole.contains(key.expose().as_str()));
    assert!(wireguard::compact(text).len() <= text.len() + 1);
}

fn again<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str)
where
    T::Err: std::fmt::Debug,
{
    if let Ok(first) = text.parse::<T>() {
        assert_eq!(first.to_string().parse::<T>().unwrap(), first);
    }
}
