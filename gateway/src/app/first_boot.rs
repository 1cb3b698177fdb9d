//! The first start: database, sealing key, server key, internal CA, certificate, first administrator. All or nothing.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use provisioning::addresses::{self, SiteNetwork};
use provisioning::authority::{Authority, Bounds, SERVER_DAYS, fingerprint};
use provisioning::invitation::Token;
use provisioning::keys::PrivateKey;
use zeroize::Zeroizing;

use super::boot_id;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::config::Config;
use crate::http::{gateway_name, input};
use crate::identity::seal::Sealer;
use crate::link::message::Secret;
use crate::pure::home_work::HomeWork;
use crate::pure::retention::Retention;
use crate::pure::site;
use crate::store::site::Site;
use crate::store::users::{NewUser, Role};
use crate::store::{Moment, Store};

/// A certificate of 397 days is replaced this long after it was made …
const RENEW_DAYS: u64 = 330;
const RENEW: Duration = Duration::from_secs(RENEW_DAYS * 24 * 3600);

/// … which is this long before its end.
pub(crate) const RENEW_BEFORE: Duration = Duration::from_secs((SERVER_DAYS as u64 - RENEW_DAYS) * 24 * 3600);

/// Addresses that the internal CA may vouch for (RFC 1918, RFC 4193).
const PRIVATE: [IpNet; 4] = [
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

/// What a certificate in PEM ends with.
const END: &str = "-----END CERTIFICATE-----\n";

/// The database's files.
const DATABASE: [&str; 3] = ["passerelle.db", "passerelle.db-wal", "passerelle.db-shm"];

/// What has to be known before the first start.
#[derive(Clone, Debug)]
pub struct FirstBoot {
    /// Whose gateway this is.
    pub organisation: String,
    /// Portal, and WireGuard endpoint: `door.example.org`.
    pub public_name: String,
    /// `host:port` for client configs.
    pub endpoint: String,
    /// The interface towards the office.
    pub office_interface: String,
    /// Where devices and aliases live.
    pub site: SiteNetwork,
    /// The office's own resolvers.
    pub resolvers: Vec<SocketAddr>,
    /// Zones the office's resolvers are asked for.
    pub office_zones: Vec<String>,
    /// Whether the office sees the gateway's address instead of the device's.
    pub masquerade: bool,
    /// Login of the first administrator.
    pub admin_login: String,
    /// Display name of the first administrator.
    pub admin_display_name: String,
    /// Language of the first administrator.
    pub admin_language: String,
}

/// What is to be shown once.
pub struct Born {
    /// The invitation of the first administrator.
    pub token: String,
    /// SHA-256 of the certificate that its pages will show.
    pub fingerprint: String,
}

/// Makes everything.
///
/// # Errors
/// What kept it from being made, or that there is a database already. No database is left behind then; a sealing key that
/// is there already is taken by the next try.
pub async fn first_boot(config: &Config, boot: FirstBoot) -> anyhow::Result<Born> {
    let database = config.database();
    anyhow::ensure!(!database.is_set_up().await?, "this gateway is set up already: there is a site in {database}");
    let state_dir = &config.state_dir;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir).with_context(|| {
        format!("state_dir {} cannot be made: name another folder in the configuration", state_dir.display())
    })?;
    let sealer = Arc::new(Sealer::load_or_make(state_dir)?);
    // While there is room: it is for when there is none.
    crate::store::cuts::prepare(&state_dir.join(super::CUTS))?;
    let made = make(config, boot, sealer).await.and_then(|born| give_away(config).map(|()| born));
    if made.is_err() {
        for name in DATABASE {
            // What is not there need not go.
            let _ = fs::remove_file(state_dir.join(name));
        }
    }
    made
}

async fn make(config: &Config, boot: FirstBoot, sealer: Arc<Sealer>) -> anyhow::Result<Born> {
    let now = Moment::now();
    let text = |e: crate::http::error::ApiError| anyhow::anyhow!(e.sentence());
    let login = input::login(&boot.admin_login).map_err(text)?;
    let administrator = NewUser {
        name: input::name(&boot.admin_display_name).map_err(text)?,
        language: input::language(&boot.admin_language).map_err(text)?,
        mail: None,
        role: Role::Admin,
        groups: std::collections::BTreeSet::new(),
        login,
    };
    let organisation = input::name(&boot.organisation).map_err(text)?;
    let zone = zone_of(&organisation);
    let office_zones = site::office_zones(&boot.office_zones, &zone).map_err(anyhow::Error::msg)?;
    let public_name = site::public_name(&boot.public_name).map_err(anyhow::Error::msg)?;
    let authority = Authority::new_at(&organisation, &bounds(&public_name, &zone), now.wall.seconds())
        .context("make the internal CA")?;
    let key = PrivateKey::generate()?;
    let mut made = Site {
        zone,
        organisation,
        public_name,
        endpoint: site::endpoint(&boot.endpoint).map_err(anyhow::Error::msg)?,
        network: boot.site,
        office_interface: boot.office_interface,
        time_zone: time_zone(),
        resolvers: site::resolvers(boot.resolvers).map_err(anyhow::Error::msg)?,
        office_zones,
        masquerade: boot.masquerade,
        // The certificate is the internal authority's: nobody but machines that were told trusts it.
        passkeys: false,
        ask_people: false,
        desktops_outside: false,
        retention: Retention::default(),
        wanted: crate::pure::wanted::Wanted::default(),
        home_work: HomeWork { language: administrator.language.clone(), ..HomeWork::default() },
        private_key: Secret(*key.as_bytes()),
        public_key: key.public_key().to_string(),
        ca_certificate: authority.certificate_pem().to_owned(),
        ca_key: authority.key_pem(),
        tls_certificate: String::new(),
        tls_key: Zeroizing::default(),
        strangers_certificate: String::new(),
        strangers_key: Zeroizing::default(),
        tls_names: String::new(),
        tls_renew_at: Unix(0),
    };
    issue(&mut made, config, now)?;

    let store = Store::open(config.database(), &boot_id()?, sealer).await?;
    let mut write = store.write(now, Actor::Local).await?;
    write.create_site(&made).await?;
    let user = write.add_user(&administrator).await?;
    let token = Token::generate()?;
    write.invite(user, &token.hash()).await?;
    write.commit().await?;
    store.close().await;
    let fingerprint = fingerprint(&made.tls_certificate).context("the TLS certificate")?;
    Ok(Born { token: token.to_string(), fingerprint })
}

/// What the internal CA may vouch for: the gateway's own names, and private addresses, of which every office has its own.
fn bounds(public_name: &str, zone: &str) -> Bounds {
    let mut bounds = Bounds { names: vec![zone.to_owned()], networks: PRIVATE.to_vec() };
    match public_name.parse::<IpAddr>() {
        Ok(ip) => bounds.networks.push(ip.into()),
        Err(_) => bounds.names.push(public_name.to_owned()),
    }
    bounds
}

/// Certificates from the internal CA: for the site's names and addresses; and for strangers, whom it is not told what else
/// the gateway is called, nor where.
pub(super) fn issue(site: &mut Site, config: &Config, now: Moment) -> anyhow::Result<()> {
    let authority = Authority::from_pem(&site.ca_certificate, &site.ca_key).context("the internal CA")?;
    let (text, names, ips) = tls_names(site, config);
    let (certificate, key) =
        authority.issue_server_at(&names, &ips, now.wall.seconds()).context("issue the TLS certificate")?;
    site.tls_certificate = certificate;
    site.tls_key = Zeroizing::new(key);
    let (public_names, public_ips) = match site.public_name.parse::<IpAddr>() {
        Ok(ip) => (Vec::new(), vec![ip]),
        Err(_) => (vec![site.public_name.clone()], Vec::new()),
    };
    let (chain, key) = authority
        .issue_server_at(&public_names, &public_ips, now.wall.seconds())
        .context("issue the TLS certificate for strangers")?;
    // Without the authority's own, which says what it may vouch for: whoever trusts it has it.
    site.strangers_certificate = chain.split_inclusive(END).next().unwrap_or_default().to_owned();
    site.strangers_key = Zeroizing::new(key);
    site.tls_names = text;
    site.tls_renew_at = now.wall + RENEW;
    Ok(())
}

/// What the certificate is for: as one text to compare, and apart.
pub(super) fn tls_names(site: &Site, config: &Config) -> (String, Vec<String>, Vec<IpAddr>) {
    let (v4, v6) = addresses::gateway(&site.network);
    let mut names = vec![gateway_name(&site.zone)];
    let mut ips = vec![IpAddr::from(v4), IpAddr::from(v6)];
    match site.public_name.parse::<IpAddr>() {
        Ok(ip) => ips.push(ip),
        Err(_) => names.insert(0, site.public_name.clone()),
    }
    let within = |ip: &IpAddr| PRIVATE.iter().any(|n| n.contains(ip));
    ips.extend(config.office_listen.iter().map(|a| a.ip()).filter(within));
    ips.sort_unstable();
    ips.dedup();
    let text = names.iter().cloned().chain(ips.iter().map(ToString::to_string)).collect::<Vec<_>>().join(",");
    (text, names, ips)
}

/// This machine's, as IANA names it.
fn time_zone() -> String {
    TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}

/// `Cabinet Rossi & Fils` → `cabinet-rossi-fils.internal`.
fn zone_of(organisation: &str) -> String {
    let mut label = String::new();
    for c in organisation.to_lowercase().chars() {
        match plain(c) {
            Some(letters) => label.push_str(letters),
            None if c.is_ascii_alphanumeric() => label.push(c),
            None if !label.ends_with('-') && !label.is_empty() => label.push('-'),
            None => {}
        }
    }
    label.truncate(30);
    let label = label.trim_matches('-');
    format!("{}.internal", if label.is_empty() { "office" } else { label })
}

fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'ö' | 'õ' => "o",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ÿ' => "y",
        'œ' => "oe",
        'æ' => "ae",
        'ß' => "ss",
        '\'' | '’' | '·' => "",
        _ => return None,
    })
}

/// Set-up runs as root, the daemon does not: what was made belongs to whom the state directory belongs to.
fn give_away(config: &Config) -> anyhow::Result<()> {
    let owner = fs::metadata(&config.state_dir).context("look at the state directory")?;
    for name in DATABASE.into_iter().chain(["seal.key", super::CUTS]) {
        let file = config.state_dir.join(name);
        if file.symlink_metadata().is_ok() {
            // Not through a link: the directory may be another user's.
            std::os::unix::fs::lchown(&file, Some(owner.uid()), Some(owner.gid()))
                .with_context(|| format!("give {} to its user", file.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        for (organisation, zone) in [
            ("Cabinet Rossi & Fils", "cabinet-rossi-fils.internal"),
            ("Notariat d'Été", "notariat-dete.internal"),
            ("  --  ", "office.internal"),
            ("中文", "office.internal"),
        ] {
            assert_eq!(zone_of(organisation), zone);
        }
    }
}
