//! A file server of an Active Directory, published with what devices need of its domain controllers: all or nothing.
//!
//! Names are not served by the controllers: devices ask the gateway, which asks the office's resolvers and puts aliases
//! into what they answer. So DNS (53) is not opened, and SRV records lead to the controllers that are published.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError, Problems};
use super::input::{self, Body};
use super::problem::Slug;
use super::resources::{Resource, SMB, places, shown};
use crate::link::message::{Ports, Transport};
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::resources::{self as stored, NewResource, ResourceKind};

/// Most controllers at once: a small office has two.
const MOST_CONTROLLERS: usize = 8;

/// What a device of the domain needs of a controller to log on, to open drives, and to follow links of DFS.
///
/// Left out: DNS (53), which the gateway answers; LDAPS (636, 3269), for Windows seals LDAP itself; NetBIOS (137 to 139),
/// which SMB needs no more; web services (9389), which only administrators' tools use.
const CONTROLLER: [(Transport, u16, u16); 11] = [
    // Kerberos: tickets for logon and for each server.
    (Transport::Tcp, 88, 88),
    (Transport::Udp, 88, 88),
    // Time: Kerberos refuses a clock that is off by five minutes.
    (Transport::Udp, 123, 123),
    // RPC's list of ports, and the ports: Netlogon, and the names that group policy looks up.
    (Transport::Tcp, 135, 135),
    (Transport::Tcp, 49152, 65535),
    // LDAP: group policy; by UDP, the search for a controller that answers.
    (Transport::Tcp, 389, 389),
    (Transport::Udp, 389, 389),
    // SMB: referrals of DFS, and the policies and scripts of SYSVOL and NETLOGON.
    (Transport::Tcp, SMB, SMB),
    // A password that is changed.
    (Transport::Tcp, 464, 464),
    (Transport::Udp, 464, 464),
    // The global catalogue: universal groups, and log-on names in a forest.
    (Transport::Tcp, 3268, 3268),
];

/// The body of `POST /api/v1/resources/office-share`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficeShare {
    /// The server's whole name in the office: drive letters, Kerberos and DFS go by it.
    pub dns_name: String,
    /// Its name here: one DNS label. The first of the whole name, if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Its address in the office. At least one of the two.
    #[serde(default)]
    pub address4: Option<String>,
    /// The same for IPv6.
    #[serde(default)]
    pub address6: Option<String>,
    /// It is a domain controller itself: its share opens what a controller's service opens, too.
    #[serde(default)]
    pub is_controller: bool,
    /// Other domain controllers; each is published as a service.
    #[serde(default)]
    pub controllers: Vec<Controller>,
}

/// A domain controller.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// Its whole name in the office, as SRV records have it.
    pub dns_name: String,
    /// Its address in the office. At least one of the two.
    #[serde(default)]
    pub address4: Option<String>,
    /// The same for IPv6.
    #[serde(default)]
    pub address6: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(add_office_share))
}

/// Publishes a file server and its domain controllers, all or none. Nobody may reach them before policies say so.
#[utoipa::path(post, path = "/resources/office-share", tag = "resources", request_body = OfficeShare, responses((status = 201, body = [Resource]), Problems))]
async fn add_office_share(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(asked): Body<OfficeShare>,
) -> Answer<(StatusCode, Json<Vec<Resource>>)> {
    let all = everything(&asked, &api)?;
    unpublished(&all, &api.store.resources().await?)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let mut ids = BTreeSet::new();
    for (_, new) in &all {
        ids.insert(write.add_resource(new).await?);
    }
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    let published = api.store.resources().await?.into_iter().filter(|r| ids.contains(&r.id));
    Ok((StatusCode::CREATED, Json(published.map(|r| shown(&api, r)).collect())))
}

/// What is to be published, each with the place in the request that it comes from.
fn everything(asked: &OfficeShare, api: &Api) -> Answer<Vec<(String, NewResource)>> {
    if asked.controllers.len() > MOST_CONTROLLERS {
        return Err(ApiError::Invalid(format!("controllers: at most {MOST_CONTROLLERS}")));
    }
    let share = ResourceKind::Share;
    let server = machine(share, (&asked.dns_name, asked.name.as_deref()), (&asked.address4, &asked.address6), api)?;
    let smb = Ports { transport: Transport::Tcp, first: SMB, last: SMB };
    let ports = if asked.is_controller { controllers_ports() } else { vec![smb] };
    let mut all = vec![(String::new(), NewResource { ports, ..server })];
    for (n, controller) in asked.controllers.iter().enumerate() {
        let at = format!("controllers[{n}].");
        let placed = |e| match e {
            ApiError::Invalid(detail) => ApiError::Invalid(format!("{at}{detail}")),
            other => other,
        };
        let addresses = (&controller.address4, &controller.address6);
        let new = machine(ResourceKind::Service, (&controller.dns_name, None), addresses, api).map_err(placed)?;
        let meets = |other: &NewResource| {
            (new.real4.is_some() && new.real4 == other.real4) || (new.real6.is_some() && new.real6 == other.real6)
        };
        // Two aliases of one machine: by its name devices would find only one of them, and half of its ports.
        if all.iter().any(|(_, other)| meets(other)) {
            let why =
                "address4, address6: this machine is named twice; a server that is a controller says `is_controller`";
            return Err(placed(ApiError::Invalid(why.into())));
        }
        all.push((at, NewResource { ports: controllers_ports(), ..new }));
    }
    Ok(all)
}

fn controllers_ports() -> Vec<Ports> {
    let mut ports = CONTROLLER.map(|(transport, first, last)| Ports { transport, first, last }).to_vec();
    ports.sort_unstable();
    ports
}

fn machine(
    kind: ResourceKind,
    (dns_name, name): (&String, Option<&str>),
    (address4, address6): (&Option<String>, &Option<String>),
    api: &Api,
) -> Answer<NewResource> {
    let dns_names = input::dns_names(std::slice::from_ref(dns_name), &api.site()).map_err(|e| match e {
        // The field has one name here.
        ApiError::Invalid(detail) => ApiError::Invalid(detail.replacen("dns_names", "dns_name", 1)),
        other => other,
    })?;
    let first = dns_names.first().and_then(|name| name.split('.').next()).unwrap_or_default();
    let name = input::label(name.unwrap_or(first))?;
    let (real4, real6) = places(kind, address4.as_deref(), address6.as_deref(), api)?;
    Ok(NewResource { kind, name, dns_names, real4, real6, ports: Vec::new() })
}

/// None of the names is in use, here or there.
fn unpublished(all: &[(String, NewResource)], published: &[stored::Resource]) -> Answer<()> {
    let mut names: BTreeSet<&str> = published.iter().map(|r| r.name.as_str()).collect();
    let mut whole: BTreeSet<&str> = published.iter().flat_map(|r| &r.dns_names).map(String::as_str).collect();
    let taken = |at: &str, field: &str, name: &str| {
        ApiError::Conflict(Slug::AlreadyExists, format!("{at}{field}: `{name}` is the name of something published"))
    };
    for (at, new) in all {
        if let Some(name) = new.dns_names.iter().find(|name| !whole.insert(name)) {
            return Err(taken(at, "dns_name", name));
        }
        if !names.insert(&new.name) {
            return Err(taken(at, "name", &new.name));
        }
    }
    Ok(())
}
