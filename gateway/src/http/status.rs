//! How the gateway is doing.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Person};
use super::error::{Answer, Problems};
use crate::clock::Unix;
use crate::ids::DeviceId;
use crate::store::Moment;
use crate::store::counts as stored;
use crate::store::devices::Device;

/// Whether the data plane is reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// `passerelle net` answers.
    Up,
    /// It does not; tunnels go on from its last state, nothing new is granted.
    Down,
}

/// How the second lock is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirewallStatus {
    /// Whether it holds what it should.
    pub in_force: bool,
    /// What is wrong and the cure.
    pub problem: Option<String>,
    /// When it was last rebuilt after somebody else changed it, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub rebuilt_at: Option<Unix>,
}

/// What `GET /api/v1/status` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the gateway.
    pub version: String,
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name.
    pub public_name: String,
    /// The site's zone.
    pub zone: String,
    /// The site network.
    #[schema(value_type = String)]
    pub site_v4: ipnet::Ipv4Net,
    /// The same for IPv6.
    #[schema(value_type = String)]
    pub site_v6: ipnet::Ipv6Net,
    /// Since when IT is to confirm who may get in, in Unix milliseconds: the database was put back from before.
    #[schema(value_type = Option<i64>)]
    pub restored_at: Option<Unix>,
    /// The gateway's WireGuard public key.
    pub public_key: String,
    /// The epoch of the database.
    pub epoch: u64,
    /// The epoch the data plane has carried out.
    pub carried_out: u64,
    /// Whether the data plane is reachable.
    pub link: LinkState,
    /// How the second lock is.
    pub firewall: FirewallStatus,
    /// Whether the wall clock can be right; if not, nobody signs in.
    pub clock_believed: bool,
    /// What keeps the database from storing anything: nobody signs in, what is open goes on.
    pub storage: Option<String>,
    /// Cuts that are in force and wait for the database.
    pub waiting_cuts: u64,
    /// How many there are of what IT keeps.
    pub counts: Counts,
    /// Every device that may have a tunnel.
    pub peers: Vec<PeerStatus>,
}

/// How many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// People, those who are shut out too.
    pub people: u64,
    /// People who are not shut out and have no second factor.
    pub unready: u64,
    /// Resources.
    pub resources: u64,
    /// Policies.
    pub policies: u64,
    /// Invitations that can still be redeemed.
    pub invitations: u64,
}

impl From<stored::Counts> for Counts {
    fn from(c: stored::Counts) -> Self {
        let stored::Counts { people, unready, resources, policies, invitations } = c;
        Self { people, unready, resources, policies, invitations }
    }
}

impl Status {
    /// Both locks are in force, and people can sign in.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let locks = self.link == LinkState::Up && self.firewall.in_force && self.firewall.problem.is_none();
        locks && self.clock_believed && self.storage.is_none() && self.restored_at.is_none()
    }
}

/// How one device is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerStatus {
    /// Which one.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its owner's login.
    pub login: String,
    /// Where it was last heard.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<SocketAddr>,
    /// Milliseconds since the last handshake.
    pub handshake_ms: Option<u64>,
    /// Milliseconds since it was last heard.
    pub heard_ms: Option<u64>,
    /// Bytes received from it since `net` started.
    pub rx: u64,
    /// Bytes sent to it since `net` started.
    pub tx: u64,
    /// What is left until its door locks, in milliseconds; absent while locked.
    pub open_for_ms: Option<u64>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_status)).routes(routes!(confirm_people))
}

/// After a database was put back from before: IT has looked at who may get in, and lets them.
#[utoipa::path(post, path = "/status/confirm-people", tag = "status", responses((status = 204), Problems))]
async fn confirm_people(admin: Person, State(api): State<Arc<Api>>) -> Answer<StatusCode> {
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.confirm_people().await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How the gateway is doing.
#[utoipa::path(get, path = "/status", tag = "status", responses((status = 200, body = Status), Problems))]
async fn read_status(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Status>> {
    let now = Moment::now();
    let (health, site) = (api.reconciler.health(), &api.site());
    let open: std::collections::BTreeMap<_, _> =
        api.store.verifications(now, false).await?.into_iter().map(|v| (v.device, v.remaining)).collect();
    let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let ago = |at: crate::clock::Boot| now.boot.0.saturating_sub(at.0);
    let devices = api.store.devices(None).await?.into_iter();
    let peers = devices.filter(Device::may_come_in);
    let peers = peers.map(|d| {
        let told = api.reconciler.live().of(d.id);
        let stored = d.heard_at.and_then(|at| u64::try_from(now.wall.0.saturating_sub(at.0)).ok());
        PeerStatus {
            device: d.id,
            name: d.name,
            login: d.login,
            endpoint: told.endpoint.or(d.endpoint),
            handshake_ms: told.handshake.map(ago),
            heard_ms: told.heard.map(ago).or(stored),
            rx: told.rx,
            tx: told.tx,
            open_for_ms: open.get(&d.id).copied().flatten().map(ms),
        }
    });
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        organisation: site.organisation.clone(),
        public_name: site.public_name.clone(),
        zone: site.zone.clone(),
        site_v4: site.network.v4,
        site_v6: site.network.v6,
        restored_at: api.store.restored_at().await?,
        public_key: site.public_key.clone(),
        epoch: api.store.epoch().await?,
        carried_out: health.carried_out,
        link: if health.up { LinkState::Up } else { LinkState::Down },
        clock_believed: api.store.clock_is_believed(now).await?,
        storage: health.storage,
        waiting_cuts: u64::try_from(api.store.waiting_cuts().len()).unwrap_or(u64::MAX),
        firewall: FirewallStatus {
            in_force: health.up && health.problem.is_none(),
            problem: health.problem,
            rebuilt_at: health.rebuilt_at,
        },
        counts: api.store.counts(now.wall).await?.into(),
        peers: peers.collect(),
    }))
}
