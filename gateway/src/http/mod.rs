//! The one HTTP API, by three doors: the tunnel, the office LAN, and the command line's Unix socket. A fourth, the
//! internet, has a router of its own with next to nothing in it.
//!
//! Who may call a handler is written in its signature, by the extractor it takes; the door is the socket.
//!
//! Every route, with who may call it by which door, is in the table of `http/tests/routes.rs`; its body and answer are in
//! `docs/openapi.json`.
//!
//! *admin* is root, an administrator in person, or a program with a token on the office LAN, within its scopes.
//!
//! What takes away ([`cut`]) answers 202 when the database does not store it yet; it is in force all the same.
//!
//! Lists are arrays. In paths `{user}`, `{group}`, `{resource}` and `{token}` are an id or the (percent-encoded) login
//! or name; what cuts off a device takes `login/name` too; the others are ids. What adds answers
//! 201 with the thing added, once it is in force.

pub mod agents;
pub mod audit;
mod audit_file;
pub mod authority;
pub mod caller;
pub mod check;
pub mod connection;
pub mod cut;
pub mod desktops;
pub mod devices;
pub mod door;
pub mod drive;
pub mod error;
pub mod events;
pub mod groups;
pub(crate) mod guard;
pub mod health;
pub mod home_work;
pub mod import;
pub mod input;
pub mod invitations;
pub mod listen;
pub mod live;
pub mod mail;
pub mod me;
pub mod my_data;
pub mod my_desktops;
pub mod my_devices;
pub mod my_pools;
pub mod my_security;
pub mod my_sessions;
pub mod my_workstations;
pub mod office_share;
pub(crate) mod pages;
pub mod passkeys;
pub mod policies;
pub mod policy_changes;
pub mod pools;
pub mod problem;
pub mod resources;
pub mod settings;
pub mod sign_in;
pub mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
pub(crate) mod tests;
pub mod tokens;
pub mod users;
pub mod verifications;
pub mod why;
pub mod workstations;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router, middleware};
use provisioning::addresses;
use provisioning::wireguard::{ClientConfig, client_config};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::error::{Answer, ApiError};
use self::users::CarriedOut;
use crate::desktop::Desk;
use crate::fleet::Fleet;
use crate::identity::ceremonies::Ceremonies;
use crate::identity::passwords::Passwords;
use crate::ids::UserId;
use crate::places::Places;
use crate::reconcile::{Reconciler, Wait};
use crate::store::devices::Device;
use crate::store::site::Site;
use crate::store::{Moment, Store};
use crate::wake::Waker;

/// Largest body: hardly any holds a thousand bytes.
const LARGEST_BODY: usize = 128 << 10;

/// What handlers work with.
#[derive(Debug)]
pub struct Api {
    /// The database.
    pub store: Arc<Store>,
    /// Hashes.
    pub passwords: Passwords,
    /// The way to the data plane.
    pub reconciler: Reconciler,
    /// Passkey ceremonies under way.
    ceremonies: Ceremonies,
    /// Host names that are answered to, without port.
    hosts: BTreeSet<String>,
    /// Who follows a door.
    followers: Arc<Places<events::Whose>>,
    /// Who looks at desktops.
    viewers: Arc<Places<UserId>>,
    /// Which administrators look on.
    watchers: Arc<Places<String>>,
    /// Who is handed the audit as a file.
    exports: Arc<Places<String>>,
    /// Who is handed all that is stored about them.
    reading: Arc<Places<crate::ids::UserId>>,
    picture: live::Picture,
    machine: health::Machine,
    changing: Arc<Places<std::net::IpAddr>>,
    /// New devices that are waited for, and by which invitations.
    expected: connection::Expected,
    joining: Arc<Places<crate::ids::InvitationId>>,
    /// Who had a share looked at last.
    checks: check::Checks,
    /// Invitations can be opened from the internet; letters say so.
    from_home: bool,
    /// The office PCs as they are now.
    pub fleet: Arc<Fleet>,
    /// Where agents are told to come.
    agents_at: Vec<String>,
    /// Wakes them.
    pub waker: Arc<Waker>,
    /// Who uses which of them from afar.
    pub desk: Arc<Desk>,
    /// What those who look on were told last.
    looked: tokio::sync::Mutex<Option<workstations::Looked>>,
}

impl Api {
    /// For this site. `also`: further names under which its pages may be called, addresses of the office LAN first.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        passwords: Passwords,
        reconciler: Reconciler,
        also: impl IntoIterator<Item = String>,
    ) -> Self {
        let site = reconciler.site();
        let fleet = Arc::new(Fleet::new(store.clone()));
        let (v4, v6) = addresses::gateway(&site.network);
        let mut hosts =
            BTreeSet::from([site.public_name.to_lowercase(), gateway_name(&site.zone), v4.to_string(), v6.to_string()]);
        hosts.extend(also.into_iter().map(|name| name.to_lowercase()));
        let waker = Waker::new(store.clone(), fleet.clone());
        Self {
            desk: Desk::new(store.clone(), fleet.clone(), waker.clone(), reconciler.clone()),
            waker,
            fleet,
            store,
            passwords,
            reconciler,
            ceremonies: Ceremonies::default(),
            hosts,
            followers: Arc::default(),
            viewers: Arc::default(),
            watchers: Arc::default(),
            looked: tokio::sync::Mutex::default(),
            exports: Arc::default(),
            reading: Arc::default(),
            picture: live::Picture::default(),
            machine: health::Machine::default(),
            changing: Arc::default(),
            expected: connection::Expected::default(),
            joining: Arc::default(),
            checks: check::Checks::default(),
            from_home: false,
            agents_at: Vec::new(),
        }
    }

    /// On this machine, which is looked at.
    #[must_use]
    pub fn on(self, machine: health::Machine) -> Self {
        Self { machine, ..self }
    }

    /// Whether invitations can be opened from home.
    #[must_use]
    pub fn opened_from_home(self, from_home: bool) -> Self {
        Self { from_home, ..self }
    }

    /// Where agents of office PCs reach this gateway.
    #[must_use]
    pub fn with_agents_at(self, agents_at: Vec<String>) -> Self {
        Self { agents_at, ..self }
    }

    /// Which office this is.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        self.reconciler.site()
    }

    fn answers_to(&self, host: &str) -> bool {
        self.hosts.contains(&host.trim_end_matches('.').to_lowercase())
    }

    async fn carried_out(&self, epoch: Option<u64>, wait: Wait, from: Moment) -> Answer<Json<CarriedOut>> {
        self.reconciler.carry_out(epoch, wait).await?;
        let closed_in_ms = Moment::now().boot.0.saturating_sub(from.boot.0);
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.store.epoch().await?,
        };
        Ok(Json(CarriedOut { epoch, closed_in_ms, stored: cut::Stored::Yes }))
    }

    /// The WireGuard configuration of a device, without its private key.
    async fn client_config(&self, device: &Device) -> Answer<String> {
        let gateway_key =
            self.site().public_key.parse().context("the gateway's public key").map_err(ApiError::Internal)?;
        Ok(client_config(&ClientConfig {
            private_key: None,
            address4: device.address4,
            address6: device.address6,
            site: self.site().network,
            zone: self.site().zone.clone(),
            gateway_key,
            preshared_key: self.store.preshared_key(device.id).await?.map(|key| key.0.into()),
            endpoint: self.site().endpoint.clone(),
        }))
    }
}

/// The gateway's own name in the site's zone.
#[must_use]
pub fn gateway_name(zone: &str) -> String {
    format!("gateway.{zone}")
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Passerelle",
        description = "The gateway's one API. Times are Unix milliseconds. Doors: tunnel, office LAN, internet, local socket.",
        license(name = "Apache-2.0")
    ),
    components(schemas(problem::Problem, problem::Slug))
)]
struct Document;

fn api_routes() -> OpenApiRouter<Arc<Api>> {
    let nouns = OpenApiRouter::new()
        .merge(door::routes())
        .merge(events::routes())
        .merge(sign_in::routes())
        .merge(me::routes())
        .merge(my_devices::routes())
        .merge(my_security::routes())
        .merge(my_sessions::routes())
        .merge(my_data::routes())
        .merge(drive::routes())
        .merge(check::routes())
        .merge(passkeys::routes())
        .merge(home_work::routes())
        .merge(users::routes())
        .merge(import::routes())
        .merge(groups::routes())
        .merge(devices::routes())
        .merge(resources::routes())
        .merge(desktops::routes())
        .merge(pools::routes())
        .merge(my_pools::routes())
        .merge(workstations::routes())
        .merge(my_desktops::routes())
        .merge(my_workstations::routes())
        .merge(agents::routes())
        .merge(office_share::routes())
        .merge(policies::routes())
        .merge(policy_changes::routes())
        .merge(tokens::routes())
        .merge(verifications::routes())
        .merge(invitations::routes())
        .merge(audit::routes())
        .merge(live::routes())
        .merge(health::routes())
        .merge(settings::routes())
        .merge(mail::routes())
        .merge(status::routes())
        .merge(authority::routes())
        .merge(why::routes());
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", nouns)
}

/// The API document.
#[must_use]
pub fn document() -> OpenApi {
    api_routes().into_openapi()
}

/// What is for browsers in the internet where IT has switched that on; each caller is none where it has not.
fn outside_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .merge(sign_in::routes())
        .merge(passkeys::sign_in_routes())
        .merge(door::routes())
        .merge(events::routes())
        .merge(my_desktops::routes())
        .merge(my_workstations::routes())
        .merge(my_pools::routes())
}

/// Everything that strangers from the internet are answered: an invitation is opened, whoever forgot the tunnel is told; and
/// PCs are used by a browser, if IT has switched that on.
/// What is not here is not there, whatever a handler would say.
pub fn internet_router(api: Arc<Api>) -> Router {
    let theirs = invitations::visitor_routes().merge(outside_routes());
    let (routes, _) = OpenApiRouter::new().nest("/api/v1", theirs).split_for_parts();
    with_guard(routes.merge(pages::internet_routes()), api)
}

/// Everything that is answered by the three doors of the house; the listener puts the [`caller::Door`] on each request.
pub fn router(api: Arc<Api>) -> Router {
    let (routes, document) = api_routes().split_for_parts();
    let routes =
        routes.route("/api/v1/openapi.json", get(move || async move { Json(document) })).merge(pages::routes());
    with_guard(routes, api)
}

fn with_guard(routes: Router<Arc<Api>>, api: Arc<Api>) -> Router {
    routes
        .fallback(pages::lost)
        .method_not_allowed_fallback(|| async { ApiError::NotFound.into_response() })
        .layer(middleware::from_fn_with_state(api.clone(), guard::guard))
        .with_state(api)
}
