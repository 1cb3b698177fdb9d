//! What is published: shares, services, workstations and networks. Each has a name, an alias in the site network and a
//! real address in the office.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::cut::CutAnswer;
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::{self, Asked, Body};
use super::users::CarriedOut;
use crate::clock::Unix;
use crate::ids::ResourceId;
use crate::link::message::{Ports, Transport};
use crate::pure::cut::What;
use crate::reconcile::Wait;
use crate::store::Moment;
pub use crate::store::resources::ResourceKind;
use crate::store::resources::{self as stored, NewResource, ResourceChange};

/// SMB over TCP; nothing else of a file server is opened, unless it is named.
pub(super) const SMB: u16 = 445;

/// RDP over TCP; UDP is refused, so that clients do not wait for it.
pub(crate) use crate::pure::x224::RDP;

/// Something of the office that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    /// Which one.
    pub id: ResourceId,
    /// Its name, unique; also its name in the site's zone, but for a network.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// Names under which devices find it; the first is the one in the site's zone.
    pub dns_names: Vec<String>,
    /// Its address in the office; of a network, with its prefix length.
    pub address4: Option<String>,
    /// The same for IPv6.
    pub address6: Option<String>,
    /// Its address in the site network; of a network, with its prefix length.
    pub alias4: Option<String>,
    /// The same for IPv6.
    pub alias6: Option<String>,
    /// What a policy opens on it.
    pub ports: Vec<Ports>,
    /// Published, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
}

/// The body of `POST /api/v1/resources`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddResource {
    /// What it is. Of a share a policy opens SMB (TCP 445) at least, of a workstation RDP (TCP 3389).
    pub kind: ResourceKind,
    /// One DNS label: also the name in the site's zone.
    pub name: String,
    /// Its address in the office; of a network, with its prefix length (`192.168.1.0/24`). At least one of the two.
    #[serde(default)]
    pub address4: Option<String>,
    /// The same for IPv6.
    #[serde(default)]
    pub address6: Option<String>,
    /// More names, such as the machine's own in the office's zone. A network has none.
    #[serde(default)]
    pub dns_names: Vec<String>,
    /// What a policy opens: of a service needed; of a share beside SMB; of a network every port, if absent; of a
    /// workstation fixed.
    #[serde(default)]
    pub ports: Vec<Ports>,
}

/// The body of `PUT …/address`: it has moved. Devices notice nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAddress {
    /// Its new address in the office.
    #[serde(default)]
    pub address4: Option<String>,
    /// The same for IPv6.
    #[serde(default)]
    pub address6: Option<String>,
}

/// The body of `PATCH /api/v1/resources/{resource}`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeResource {
    /// One DNS label: also the name in the site's zone.
    #[serde(default)]
    pub name: Option<String>,
    /// More names: exactly these from now on. A network has none.
    #[serde(default)]
    pub dns_names: Option<Vec<String>>,
    /// What a policy opens: exactly these from now on, as for what is added.
    #[serde(default)]
    pub ports: Option<Vec<Ports>>,
    /// Its new address in the office; with this or the next, both are replaced.
    #[serde(default)]
    pub address4: Option<String>,
    /// The same for IPv6.
    #[serde(default)]
    pub address6: Option<String>,
}

/// Query of `GET /api/v1/resources`.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResourceQuery {
    /// Only of this kind.
    pub kind: Option<ResourceKind>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_resources, add_resource))
        .routes(routes!(change_resource, remove_resource))
        .routes(routes!(move_resource))
}

/// Everything published, by name.
#[utoipa::path(get, path = "/resources", tag = "resources", params(ResourceQuery), responses((status = 200, body = [Resource]), Problems))]
async fn list_resources(
    _: Admin,
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<ResourceQuery>,
) -> Answer<Json<Vec<Resource>>> {
    let all = api.store.resources().await?;
    Ok(Json(all.into_iter().filter(|r| asked.kind.is_none_or(|k| r.kind == k)).map(|r| shown(&api, r)).collect()))
}

/// Publishes something. Nobody may reach it before a policy says so.
#[utoipa::path(post, path = "/resources", tag = "resources", request_body = AddResource, responses((status = 201, body = Resource), Problems))]
async fn add_resource(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddResource>,
) -> Answer<(StatusCode, Json<Resource>)> {
    let (real4, real6) = places(add.kind, add.address4.as_deref(), add.address6.as_deref(), &api)?;
    let new = NewResource {
        name: input::label(&add.name)?,
        dns_names: names(add.kind, &add.dns_names, &api)?,
        real4,
        real6,
        ports: opened(add.kind, &add.ports)?,
        kind: add.kind,
    };
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.add_resource(&new).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok((StatusCode::CREATED, Json(shown(&api, api.store.resource(&id.to_string()).await?))))
}

/// Changes its names, its ports, its address. Who could reach it goes on, at what is left.
#[utoipa::path(patch, path = "/resources/{resource}", tag = "resources", params(("resource" = String, Path)), request_body = ChangeResource, responses((status = 200, body = CarriedOut), Problems))]
async fn change_resource(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(to): Body<ChangeResource>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let resource = api.store.resource(&which).await.named(&which)?;
    let change = ResourceChange {
        name: to.name.as_deref().map(input::label).transpose()?,
        dns_names: to.dns_names.map(|all| names(resource.kind, &all, &api)).transpose()?,
        ports: to.ports.map(|all| opened(resource.kind, &all)).transpose()?,
    };
    let moved = to.address4.is_some() || to.address6.is_some();
    let to = moved.then(|| places(resource.kind, to.address4.as_deref(), to.address6.as_deref(), &api)).transpose()?;
    let mut write = api.store.write(from, admin.actor).await?;
    if let Some((real4, real6)) = to.filter(|to| *to != (resource.real4, resource.real6)) {
        write.move_resource(resource.id, real4, real6).await?;
    }
    write.change_resource(resource.id, &change).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// Takes it back, with its policies.
#[utoipa::path(delete, path = "/resources/{resource}", tag = "resources", params(("resource" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn remove_resource(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> CutAnswer {
    let from = Moment::now();
    let resource = api.store.resource(&which).await.named(&which)?;
    api.cut(What::RemoveResource(resource.id), admin.actor, from).await
}

/// It has moved within the office; devices notice nothing.
#[utoipa::path(put, path = "/resources/{resource}/address", tag = "resources", params(("resource" = String, Path)), request_body = ChangeAddress, responses((status = 200, body = CarriedOut), Problems))]
async fn move_resource(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(to): Body<ChangeAddress>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let resource = api.store.resource(&which).await.named(&which)?;
    let (real4, real6) = places(resource.kind, to.address4.as_deref(), to.address6.as_deref(), &api)?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.move_resource(resource.id, real4, real6).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// Whether this machine has this address: then, and only then, a socket can be bound to it. Where the kernel lets
/// sockets be bound to any (net.ipv4.ip_nonlocal_bind), it is not known.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let bound = |address: IpAddr| {
        let address = SocketAddr::new(address, 0);
        Socket::new(Domain::for_address(address), Type::STREAM, None).and_then(|s| s.bind(&address.into())).is_ok()
    };
    let nobodys: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    bound(address) && !bound(nobodys)
}

pub(super) fn places(
    kind: ResourceKind,
    address4: Option<&str>,
    address6: Option<&str>,
    api: &Api,
) -> Answer<(Option<Ipv4Net>, Option<Ipv6Net>)> {
    let network = kind == ResourceKind::Network;
    let v4 = address4.map(|text| input::office4(text, network, &api.site())).transpose()?;
    let v6 = address6.map(|text| input::office6(text, network, &api.site())).transpose()?;
    input::some_address(v4, v6)?;
    let machines = v4.map(|n| n.addr().into()).into_iter().chain(v6.map(|n| n.addr().into()));
    if let Some(own) = machines.into_iter().filter(|_| !network).find(|address| is_own(*address)) {
        let field = if own.is_ipv4() { "address4" } else { "address6" };
        let why = format!("{field}: {own} is this gateway's own address: give the address of the server");
        return Err(ApiError::Invalid(why));
    }
    Ok((v4, v6))
}

fn names(kind: ResourceKind, asked: &[String], api: &Api) -> Answer<Vec<String>> {
    match kind {
        ResourceKind::Network => input::none(asked, "dns_names: a network has none; its machines have theirs"),
        _ => input::dns_names(asked, &api.site()),
    }
}

fn opened(kind: ResourceKind, asked: &[Ports]) -> Answer<Vec<Ports>> {
    let one = |port| vec![Ports { transport: Transport::Tcp, first: port, last: port }];
    let fixed = "ports: those of a workstation are fixed; publish a service for others";
    match kind {
        // A server that does more, such as a domain controller, is one machine under one name.
        ResourceKind::Share => input::ports(&[one(SMB), asked.to_vec()].concat()),
        ResourceKind::Workstation => input::none(asked, fixed).map(|_| one(RDP)),
        ResourceKind::Network if asked.is_empty() => {
            let all = |transport| Ports { transport, first: 1, last: u16::MAX };
            Ok([Transport::Tcp, Transport::Udp].map(all).to_vec())
        }
        ResourceKind::Network | ResourceKind::Service => input::ports(asked),
    }
}

pub(super) fn shown(api: &Api, r: stored::Resource) -> Resource {
    let network = r.kind == ResourceKind::Network;
    let v4 = |n: Ipv4Net| if network { n.to_string() } else { n.addr().to_string() };
    let v6 = |n: Ipv6Net| if network { n.to_string() } else { n.addr().to_string() };
    let mut dns_names = r.dns_names;
    if !network {
        dns_names.insert(0, format!("{}.{}", r.name, api.site().zone));
    }
    Resource {
        id: r.id,
        name: r.name,
        kind: r.kind,
        dns_names,
        address4: r.real4.map(v4),
        address6: r.real6.map(v6),
        alias4: r.alias4.map(v4),
        alias6: r.alias6.map(v6),
        ports: r.ports,
        created_at: r.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_known_from_others() {
        assert!(is_own(Ipv4Addr::LOCALHOST.into()));
        assert!(!is_own(Ipv4Addr::new(198, 51, 100, 77).into()));
        assert!(!is_own(Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7).into()));
    }
}
