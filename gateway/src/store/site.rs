//! The one row that says which office this is: names, networks, keys, counters, epoch.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;

use ipnet::{Ipv4Net, Ipv6Net};
use provisioning::addresses::{self, SiteNetwork};
use sqlx::AnyConnection;
use zeroize::Zeroizing;

use super::home_work::NewHomeWork;
use super::row::Columns as _;
use super::{Error, Moment, Result, Scope, Store, Write, integer};
use crate::audit::Event;
use crate::clock::Unix;
use crate::link::message::Secret;
use crate::pure::home_work::HomeWork;
use crate::pure::retention::Retention;
use crate::pure::wanted::{Program, Wanted};

/// The row's id in what binds sealed values to their place.
const ROW: &str = "1";

/// What IT decided at set-up, and what was made then.
#[derive(Clone, Debug)]
pub struct Site {
    /// Whose gateway this is.
    pub organisation: String,
    /// Portal, cookie host, WireGuard endpoint's name.
    pub public_name: String,
    /// `host:port` for client configs.
    pub endpoint: String,
    /// The site's own DNS zone, such as `example.internal`.
    pub zone: String,
    /// Where devices and aliases live.
    pub network: SiteNetwork,
    /// The interface towards the office.
    pub office_interface: String,
    /// The office's time zone, as IANA names it: weekly hours of policies are in it.
    pub time_zone: String,
    /// The office's own resolvers.
    pub resolvers: Vec<SocketAddr>,
    /// Zones the office's resolvers are asked for.
    pub office_zones: Vec<String>,
    /// Whether the office sees the gateway's address instead of the device's.
    pub masquerade: bool,
    /// Whether people may sign in with passkeys: browsers must trust the certificate of the public name.
    pub passkeys: bool,
    /// Whether whoever is at a PC may be asked to let somebody else use it.
    pub ask_people: bool,
    /// Whether PCs may be used by a browser in the internet, without the tunnel.
    pub desktops_outside: bool,
    /// For how long lines of the audit are kept.
    pub retention: Retention,
    /// What agents of office PCs are to tell.
    pub wanted: Wanted,
    /// What IT decides for those who work from home.
    pub home_work: HomeWork,
    /// The gateway's WireGuard key.
    pub private_key: Secret,
    /// Its public half, base64.
    pub public_key: String,
    /// The internal CA's certificate, PEM.
    pub ca_certificate: String,
    /// Its key, PEM.
    pub ca_key: Zeroizing<String>,
    /// The certificate of the public name, PEM.
    pub tls_certificate: String,
    /// Its key, PEM.
    pub tls_key: Zeroizing<String>,
    /// What strangers from the internet are shown instead, in PEM: it is for the public name alone.
    pub strangers_certificate: String,
    /// Its key, in PEM.
    pub strangers_key: Zeroizing<String>,
    /// The names and addresses it is for, comma separated: others are asked for, another is made.
    pub tls_names: String,
    /// When another is made.
    pub tls_renew_at: Unix,
}

/// So far a clock may be set back without a word: time services correct seconds, and the last moment is noted every ten.
const TOLERANCE_MS: i64 = 5 * 60_000;

/// So far it may be set ahead while this runs: a machine without a clock of its own is set right after it has started.
const LARGEST_STEP_MS: i64 = 24 * 3_600_000;

/// For so long a gateway may have been off.
const LONGEST_OFF_MS: i64 = 400 * 24 * 3_600_000;

/// What IT changes of a site; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSettings {
    /// Whose gateway this is.
    pub organisation: Option<String>,
    /// `host:port` for client configs.
    pub endpoint: Option<String>,
    /// The interface towards the office.
    pub office_interface: Option<String>,
    /// As IANA names it.
    pub time_zone: Option<String>,
    /// The office's own resolvers.
    pub resolvers: Option<Vec<SocketAddr>>,
    /// Zones the office's resolvers are asked for.
    pub office_zones: Option<Vec<String>>,
    /// Whether the office sees the gateway's address instead of the device's.
    pub masquerade: Option<bool>,
    /// Whether people may sign in with passkeys.
    pub passkeys: Option<bool>,
    /// Whether whoever is at a PC may be asked to let somebody else use it.
    pub ask_people: Option<bool>,
    /// Whether PCs may be used by a browser in the internet.
    pub desktops_outside: Option<bool>,
    /// For how long lines of the audit are kept.
    pub retention: Option<Retention>,
    /// Whether agents tell the names of people in sessions.
    pub agent_names: Option<bool>,
    /// Which programs they look for: all of them anew.
    pub programs: Option<Vec<Program>>,
    /// What IT decides for those who work from home.
    pub home_work: NewHomeWork,
}

impl Store {
    /// The site; nothing before set-up.
    ///
    /// # Errors
    /// The database does not answer, or the sealing key is not the one that sealed it.
    pub async fn site(&self) -> Result<Option<Site>> {
        let Some(row) = sqlx::query("SELECT * FROM site WHERE id = 1").fetch_optional(&self.reads).await? else {
            return Ok(None);
        };
        let list = |column| -> Result<String> { row.text(column) };
        let open = |column: &'static str| -> Result<Zeroizing<Vec<u8>>> {
            Ok(self.sealer.open("site", column, ROW, &row.text(column)?)?)
        };
        let pem = |column: &'static str| -> Result<Zeroizing<String>> {
            let text = String::from_utf8(open(column)?.to_vec()).map_err(|_| Error::Unreadable(column))?;
            Ok(Zeroizing::new(text))
        };
        let key: [u8; 32] = open("private_key")?.as_slice().try_into().map_err(|_| Error::Unreadable("private_key"))?;
        Ok(Some(Site {
            organisation: row.text("organisation")?,
            public_name: row.text("public_name")?,
            endpoint: row.text("endpoint")?,
            zone: row.text("zone")?,
            network: SiteNetwork { v4: row.parsed("site_v4")?, v6: row.parsed("site_v6")? },
            office_interface: row.text("office_interface")?,
            time_zone: row.text("time_zone")?,
            resolvers: serde_json::from_str(&list("resolvers")?).map_err(|_| Error::Unreadable("resolvers"))?,
            office_zones: serde_json::from_str(&list("office_zones")?)
                .map_err(|_| Error::Unreadable("office_zones"))?,
            masquerade: row.integer("masquerade")? != 0,
            passkeys: row.integer("passkeys")? != 0,
            ask_people: row.integer("ask_people")? != 0,
            desktops_outside: row.integer("desktops_outside")? != 0,
            retention: Retention {
                access: row.count("keep_access")?,
                administration: row.count("keep_administration")?,
                security: row.count("keep_security")?,
            },
            wanted: wanted(&row)?,
            home_work: super::home_work::read(&row.text("home_work")?)?,
            private_key: Secret(key),
            public_key: row.text("public_key")?,
            ca_certificate: row.text("ca_certificate")?,
            ca_key: pem("ca_key")?,
            tls_certificate: row.text("tls_certificate")?,
            tls_key: pem("tls_key")?,
            strangers_certificate: row.text("strangers_certificate")?,
            strangers_key: pem("strangers_key")?,
            tls_names: row.text("tls_names")?,
            tls_renew_at: row.time("tls_renew_at")?,
        }))
    }

    /// What agents of office PCs are to tell; nothing before set-up.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn wanted(&self) -> Result<Wanted> {
        let row = sqlx::query("SELECT agent_names, programs FROM site").fetch_optional(&self.reads).await?;
        row.as_ref().map_or_else(|| Ok(Wanted::default()), wanted)
    }

    /// The epoch of the database.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn epoch(&self) -> Result<u64> {
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM site").fetch_one(&self.reads).await?;
        u64::try_from(epoch).map_err(|_| Error::Unreadable("epoch"))
    }

    /// Since when IT is to confirm who may get in, after a database was put back from before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn restored_at(&self) -> Result<Option<Unix>> {
        let at: Option<i64> = sqlx::query_scalar("SELECT restored_at FROM site").fetch_one(&self.reads).await?;
        Ok(at.map(Unix))
    }

    /// Notes that the wall clock stood here, if it can be right: whoever comes before this moment has another clock.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn seen(&self, now: Moment) -> Result<()> {
        if self.clock_is_believed(now).await? {
            let sql = "UPDATE site SET last_seen = $1 WHERE last_seen < $1";
            sqlx::query(sql).bind(now.wall.0).execute(&self.writes).await?;
        }
        Ok(())
    }

    /// Whether the wall clock can be right: it does not stand before the last time it was noted, nor far ahead of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn clock_is_believed(&self, now: Moment) -> Result<bool> {
        let last: i64 = sqlx::query_scalar("SELECT last_seen FROM site").fetch_one(&self.reads).await?;
        let offset = now.wall.0.saturating_sub(integer(now.boot.0));
        let before = self.believed.load(Ordering::Relaxed);
        let ahead = match before {
            // Nobody knows for how long the machine was off.
            i64::MIN => now.wall.0.saturating_sub(last) > LONGEST_OFF_MS,
            before => offset.saturating_sub(before) > LARGEST_STEP_MS,
        };
        let believed = !ahead && last.saturating_sub(now.wall.0) <= TOLERANCE_MS;
        if believed {
            self.believed.store(offset, Ordering::Relaxed);
        }
        Ok(believed)
    }

    /// How far the database has come: its generation and its epoch. Neither goes back, but with a database put back from
    /// before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn progress(&self) -> Result<[i64; 2]> {
        let row = sqlx::query("SELECT generation, epoch FROM site").fetch_one(&self.reads).await?;
        Ok([row.integer("generation")?, row.integer("epoch")?])
    }

    /// Another generation: at every start, and every minute.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn raise_generation(&self) -> Result<()> {
        sqlx::query("UPDATE site SET generation = generation + 1").execute(&self.writes).await?;
        Ok(())
    }
}

impl Write<'_> {
    /// The first and only row.
    ///
    /// # Errors
    /// The site exists already.
    pub async fn create_site(&mut self, site: &Site) -> Result<()> {
        let sealer = &self.store.sealer;
        let seal = |column, value: &[u8]| sealer.seal("site", column, ROW, value);
        let resolvers: Vec<_> = site.resolvers.iter().map(ToString::to_string).collect();
        let query = sqlx::query(
            "INSERT INTO site (id, epoch, generation, organisation, public_name, endpoint, zone, site_v4, site_v6, \
             office_interface, time_zone, resolvers, office_zones, masquerade, next_device, next_alias, private_key, public_key, \
             ca_certificate, ca_key, tls_certificate, tls_key, created_at, last_seen, tls_names, tls_renew_at, passkeys, \
             home_work, strangers_certificate, strangers_key) \
             VALUES (1, 1, 0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, $12, $13, $14, $15, $16, $17, $18, $18, $19, $20, $21, $22, \
             $23, $24)",
        )
        .bind(&site.organisation)
        .bind(&site.public_name)
        .bind(&site.endpoint)
        .bind(&site.zone)
        .bind(site.network.v4.to_string())
        .bind(site.network.v6.to_string())
        .bind(&site.office_interface)
        .bind(&site.time_zone)
        .bind(json(&resolvers))
        .bind(json(&site.office_zones))
        .bind(i64::from(site.masquerade))
        .bind(seal("private_key", &site.private_key.0)?)
        .bind(&site.public_key)
        .bind(&site.ca_certificate)
        .bind(seal("ca_key", site.ca_key.as_bytes())?)
        .bind(&site.tls_certificate)
        .bind(seal("tls_key", site.tls_key.as_bytes())?)
        .bind(self.now.wall.0)
        .bind(&site.tls_names)
        .bind(site.tls_renew_at.0)
        .bind(i64::from(site.passkeys))
        .bind(super::home_work::written(&site.home_work))
        .bind(&site.strangers_certificate)
        .bind(seal("strangers_key", site.strangers_key.as_bytes())?);
        query.execute(self.connection()).await.map_err(super::exists("site"))?;
        self.audit(&Event::SiteCreated { organisation: site.organisation.clone() }).await
    }

    /// IT has looked at who may get in after a database was put back from before; and says that the clock is right.
    ///
    /// # Errors
    /// There is nothing to confirm.
    pub async fn confirm_people(&mut self) -> Result<()> {
        let now = self.now.wall.0;
        let believed = self.store.clock_is_believed(self.now).await?;
        let sql = "UPDATE site SET restored_at = NULL, last_seen = CASE WHEN $2 = 1 THEN last_seen ELSE $1 END \
                   WHERE restored_at IS NOT NULL OR $2 = 0";
        let done = sqlx::query(sql).bind(now).bind(i64::from(believed)).execute(self.connection()).await?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound("database put back from before, or clock to be believed"));
        }
        self.store.believed.store(i64::MIN, Ordering::Relaxed);
        self.audit(&Event::PeopleConfirmed {}).await
    }

    /// Other settings.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_settings(&mut self, new: &NewSettings) -> Result<()> {
        let resolvers = new.resolvers.as_ref().map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
        sqlx::query(
            "UPDATE site SET organisation = COALESCE($1, organisation), endpoint = COALESCE($2, endpoint), \
             office_interface = COALESCE($3, office_interface), time_zone = COALESCE($4, time_zone), \
             resolvers = COALESCE($5, resolvers), office_zones = COALESCE($6, office_zones), \
             masquerade = COALESCE($7, masquerade), passkeys = COALESCE($8, passkeys), \
             keep_access = COALESCE($9, keep_access), keep_administration = COALESCE($10, keep_administration), \
             keep_security = COALESCE($11, keep_security), ask_people = COALESCE($12, ask_people), \
             desktops_outside = COALESCE($13, desktops_outside)",
        )
        .bind(new.organisation.clone())
        .bind(new.endpoint.clone())
        .bind(new.office_interface.clone())
        .bind(new.time_zone.clone())
        .bind(resolvers.as_deref().map(json))
        .bind(new.office_zones.as_deref().map(json))
        .bind(new.masquerade.map(i64::from))
        .bind(new.passkeys.map(i64::from))
        .bind(new.retention.map(|r| i64::from(r.access)))
        .bind(new.retention.map(|r| i64::from(r.administration)))
        .bind(new.retention.map(|r| i64::from(r.security)))
        .bind(new.ask_people.map(i64::from))
        .bind(new.desktops_outside.map(i64::from))
        .execute(self.connection())
        .await?;
        if new.desktops_outside == Some(false) {
            self.end_outside().await?;
        }
        let also = self.change_home_work(&new.home_work).await?;
        self.touch(Scope::All);
        let NewSettings { organisation, endpoint, office_interface, time_zone, office_zones, .. } = new.clone();
        let (masquerade, passkeys, ask_people, retention) =
            (new.masquerade, new.passkeys, new.ask_people, new.retention);
        if self.change_wanted(new).await? && is_only_of_agents(new) {
            return Ok(());
        }
        let changed = Event::SettingsChanged {
            organisation,
            office_interface,
            time_zone,
            endpoint,
            resolvers,
            office_zones,
            masquerade,
            passkeys,
            ask_people,
            desktops_outside: new.desktops_outside,
            retention,
            verification_minutes: new.home_work.verification_minutes,
            idle_minutes: new.home_work.idle_minutes,
            desktop_idle_minutes: new.home_work.desktop_idle_minutes,
            desktop_longest_minutes: new.home_work.desktop_longest_minutes,
            also,
        };
        self.audit(&changed).await
    }

    /// Changes what agents are to tell. Whether anything of it was named.
    async fn change_wanted(&mut self, new: &NewSettings) -> Result<bool> {
        let row = sqlx::query("SELECT agent_names, programs FROM site").fetch_one(self.connection()).await?;
        let before = wanted(&row)?;
        if let Some(names) = new.agent_names.filter(|names| *names != before.names) {
            let sql = "UPDATE site SET agent_names = $1";
            sqlx::query(sql).bind(i64::from(names)).execute(self.connection()).await?;
            self.audit(&Event::AgentNamesChanged { names }).await?;
        }
        if let Some(programs) = new.programs.as_ref().filter(|programs| **programs != before.programs) {
            let text = serde_json::to_string(programs).map_err(|_| Error::Unreadable("programs"))?;
            sqlx::query("UPDATE site SET programs = $1").bind(text).execute(self.connection()).await?;
            let programs = programs.iter().map(|program| program.name.clone()).collect();
            self.audit(&Event::ProgramsChanged { programs }).await?;
        }
        Ok(new.agent_names.is_some() || new.programs.is_some())
    }

    /// Other TLS certificates.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn replace_certificate(&mut self, site: &Site) -> Result<()> {
        let seal = |column, key: &str| self.store.sealer.seal("site", column, ROW, key.as_bytes());
        let (key, strangers) = (seal("tls_key", &site.tls_key)?, seal("strangers_key", &site.strangers_key)?);
        let sql = "UPDATE site SET tls_certificate = $1, tls_key = $2, tls_names = $3, tls_renew_at = $4, \
                   strangers_certificate = $5, strangers_key = $6";
        sqlx::query(sql)
            .bind(&site.tls_certificate)
            .bind(key)
            .bind(&site.tls_names)
            .bind(site.tls_renew_at.0)
            .bind(&site.strangers_certificate)
            .bind(strangers)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// The next device's addresses: given once, never again.
    ///
    /// # Errors
    /// The site network is full.
    pub(super) async fn next_device(&mut self) -> Result<(Ipv4Addr, Ipv6Addr)> {
        let sql = "UPDATE site SET next_device = next_device + 1 RETURNING next_device, site_v4, site_v6";
        let row = sqlx::query(sql).fetch_one(self.connection()).await?;
        let (site, n) = numbered(&row, "next_device")?;
        addresses::device(&site, n).ok_or(Error::NoAddress)
    }

    /// The next resource's aliases: given once, never again.
    ///
    /// # Errors
    /// The site network is full.
    pub(super) async fn next_alias(&mut self) -> Result<(Ipv4Net, Ipv6Net)> {
        let sql = "UPDATE site SET next_alias = next_alias + 1 RETURNING next_alias, site_v4, site_v6";
        let row = sqlx::query(sql).fetch_one(self.connection()).await?;
        let (site, n) = numbered(&row, "next_alias")?;
        let (v4, v6) = addresses::alias(&site, n).ok_or(Error::NoAddress)?;
        Ok((v4.into(), v6.into()))
    }

    /// Room for a whole network's aliases: given once, never again. Within this transaction nobody else is given any.
    ///
    /// # Errors
    /// The network is too wide, or the site network full.
    pub(super) async fn next_alias_network(&mut self, prefix4: u8) -> Result<(Ipv4Net, Ipv6Net)> {
        let row = sqlx::query("SELECT next_alias + 1 AS next_alias, site_v4, site_v6 FROM site")
            .fetch_one(self.connection())
            .await?;
        let (site, n) = numbered(&row, "next_alias")?;
        let (v4, v6, next) = addresses::alias_network(&site, n, prefix4).ok_or(Error::NoAddress)?;
        sqlx::query("UPDATE site SET next_alias = $1").bind(i64::from(next)).execute(self.connection()).await?;
        Ok((v4, v6))
    }
}

/// Nothing else is named: the change has its own lines in the audit.
fn is_only_of_agents(new: &NewSettings) -> bool {
    NewSettings { agent_names: None, programs: None, ..new.clone() } == NewSettings::default()
}

fn wanted(row: &sqlx::any::AnyRow) -> Result<Wanted> {
    let programs = serde_json::from_str(&row.text("programs")?).map_err(|_| Error::Unreadable("programs"))?;
    Ok(Wanted { names: row.integer("agent_names")? != 0, programs })
}

fn json(list: &[String]) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}

fn numbered(row: &sqlx::any::AnyRow, column: &'static str) -> Result<(SiteNetwork, u32)> {
    let site = SiteNetwork { v4: row.parsed("site_v4")?, v6: row.parsed("site_v6")? };
    let next: u32 = row.count(column)?;
    Ok((site, next.saturating_sub(1)))
}

/// Whether a door may go on after a restart: stricter than [`Store::clock_is_believed`], since a second that the wall
/// clock is behind is a second more for a door that is reckoned by it.
pub(super) async fn plausible(connection: &mut AnyConnection, now: Moment) -> Result<bool> {
    let last: Option<i64> = sqlx::query_scalar("SELECT last_seen FROM site").fetch_optional(connection).await?;
    Ok(last.is_none_or(|last| now.wall.0 >= last))
}
