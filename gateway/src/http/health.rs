//! How the gateway is, check by check: what `pure::health` says of what is found here.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Person};
use super::error::{Answer, Problems};
use super::input::{self, Body};
use crate::app::RENEW_BEFORE;
use crate::clock::{Boot, Unix};
use crate::config::Config;
use crate::dns::ask;
use crate::dns::rewrite::is_private;
use crate::firewall::probe::forwards;
use crate::pure::health::{Facts, Line, WayIn};
use crate::store::Moment;
use crate::store::devices::Device;
use crate::store::site::Site;

/// What was asked of the network is good for this long: several pages ask every few seconds, and an outage of minutes is
/// seen in time.
const FRESH_MS: u64 = 30_000;

/// Looking up a name takes no longer; a resolver has two seconds for each try.
const LOOKUP: Duration = Duration::from_secs(3);

/// Added so long ago, a device should have come.
const SOON: Duration = Duration::from_secs(24 * 3600);

/// The machine, as far as it is looked at.
#[derive(Debug, Default)]
pub struct Machine {
    /// Where the database is, or what is beside it.
    state_dir: PathBuf,
    ports: Vec<u16>,
    /// What `passerelle doctor` told last.
    way_in: Mutex<Option<WayIn>>,
    /// What was asked of the network last.
    asked: tokio::sync::Mutex<Option<(Boot, Arc<Site>, Names)>>,
}

/// What the network answers.
#[derive(Clone, Debug)]
struct Names {
    silent: Vec<String>,
    host: String,
    host_found: Option<bool>,
    host_private: bool,
}

/// What `passerelle doctor` found about other firewalls on this machine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Firewalls {
    /// What drops packets between tunnel and office, and the cure; absent where they pass.
    #[serde(default)]
    pub problem: Option<String>,
}

impl Machine {
    /// Of this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { state_dir: config.state_dir.clone(), ports: config.ports.clone(), ..Self::default() }
    }

    /// Room for who is no superuser, in bytes.
    fn room(&self) -> Option<u64> {
        let room = rustix::fs::statvfs(&self.state_dir).ok()?;
        Some(room.f_bavail.saturating_mul(room.f_frsize))
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_health)).routes(routes!(tell_firewalls))
}

/// Every check: how it is, and what helps.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = [Line]), Problems))]
async fn read_health(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Line>>> {
    let now = Moment::now();
    Ok(Json(api.facts(now).await?.lines(now.wall)))
}

/// What `passerelle doctor`, who alone can look at other firewalls, has found; kept until the gateway ends.
#[utoipa::path(put, path = "/health/firewalls", tag = "health", request_body = Firewalls, responses((status = 204), Problems))]
async fn tell_firewalls(_: Person, State(api): State<Arc<Api>>, Body(told): Body<Firewalls>) -> Answer<StatusCode> {
    let problem = told.problem.map(|text| input::text_in("problem", &text)).transpose()?;
    let found = WayIn { at: Unix::now(), problem };
    *api.machine.way_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    Ok(StatusCode::NO_CONTENT)
}

impl Api {
    async fn facts(&self, now: Moment) -> Answer<Facts> {
        let (health, site) = (self.reconciler.health(), self.site());
        let names = self.names(&site, now.boot).await;
        let way_in = self.machine.way_in.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (clock, restored_at) = (self.store.clock_is_believed(now).await?, self.store.restored_at().await?);
        // What stands for browsers in the internet has no tunnel to be heard by.
        let devices: Vec<_> = self.store.devices(None).await?.into_iter().filter(|d| !d.outside).collect();
        let outside = |d: &&Device| {
            let endpoint = self.reconciler.live().of(d.id).endpoint.or(d.endpoint);
            endpoint.is_some_and(|at| !is_private(at.ip().to_canonical()))
        };
        let outside_at = devices.iter().filter(outside).filter_map(|d| d.heard_at).max();
        let may = |d: &&Device| d.may_come_in();
        let long_ago = |d: &&Device| d.created_at + SOON < now.wall;
        let never = |d: &&Device| d.heard_at.is_none() && self.reconciler.live().of(d.id).heard.is_none();
        let unheard = devices.iter().filter(may).filter(long_ago).filter(never);
        let lacks = |host: &&String| {
            let ip: Option<IpAddr> = host.parse().ok();
            ip.is_some_and(is_private) && !site.tls_names.split(',').any(|name| name == host.as_str())
        };
        Ok(Facts {
            link: health.up,
            second_lock: health.problem,
            rebuilt_at: health.rebuilt_at,
            way_in,
            forwards: forwards(),
            clock,
            restored_at,
            storage: health.storage,
            room: self.machine.room(),
            waiting_cuts: u64::try_from(self.store.waiting_cuts().len()).unwrap_or(u64::MAX),
            certificate_until: certificate_until(&site),
            certificate_lacks: self.hosts.iter().filter(lacks).cloned().collect(),
            resolvers: site.resolvers.len(),
            silent_resolvers: names.silent,
            host: names.host,
            host_found: names.host_found,
            host_private: names.host_private,
            outside_at,
            ports: self.machine.ports.clone(),
            devices: devices.iter().filter(may).count(),
            unheard: unheard.map(|d| format!("{}/{}", d.login, d.name)).collect(),
        })
    }

    /// What the network answers, now or a moment ago.
    async fn names(&self, site: &Arc<Site>, now: Boot) -> Names {
        let mut last = self.machine.asked.lock().await;
        if let Some((at, of, names)) = &*last
            && now.0.saturating_sub(at.0) < FRESH_MS
            && of.resolvers == site.resolvers
            && of.endpoint == site.endpoint
        {
            return names.clone();
        }
        let names = look(site.clone()).await;
        *last = Some((Boot::now(), site.clone(), names.clone()));
        names
    }
}

async fn look(site: Arc<Site>) -> Names {
    let host = site.endpoint.rsplit_once(':').map_or(site.endpoint.as_str(), |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    let address: Option<IpAddr> = host.parse().ok();
    let looked = timeout(LOOKUP, tokio::net::lookup_host((host.as_str(), 0)));
    let asked = tokio::task::spawn_blocking(move || ask::ask(&site.resolvers, &site.office_zones));
    let (looked, asked) = tokio::join!(looked, asked);
    let found = looked.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()));
    let silent = |one: ask::Asked| Some(format!("{} {}", one.resolver, one.problem?));
    Names {
        silent: asked.unwrap_or_default().into_iter().filter_map(silent).collect(),
        host_found: address.is_none().then_some(found),
        host_private: address.is_some_and(is_private),
        host,
    }
}

/// It is issued for so many days, and renewed at a moment that is noted.
fn certificate_until(site: &Site) -> Unix {
    site.tls_renew_at + RENEW_BEFORE
}
