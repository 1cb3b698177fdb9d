//! What shares and services have in common: a name, an alias in the site network, a real address in the office.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError};
use super::input;
use super::users::CarriedOut;
use crate::clock::Unix;
use crate::ids::ResourceId;
use crate::link::message::Ports;
use crate::reconcile::Wait;
use crate::store::Moment;
pub use crate::store::resources::ResourceKind;
use crate::store::resources::{self as stored, NewResource};

/// Something of the office that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    /// Which one.
    pub id: ResourceId,
    /// Its name, unique; also its name in the site's zone.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// Names under which devices find it; the first is the one in the site's zone.
    pub dns_names: Vec<String>,
    /// Its address in the office.
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// Its address in the site network.
    #[schema(value_type = Option<String>)]
    pub alias4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[schema(value_type = Option<String>)]
    pub alias6: Option<Ipv6Addr>,
    /// What a policy opens on it.
    pub ports: Vec<Ports>,
    /// Published, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
}

/// The body of `PUT …/address`: the machine has moved. Devices notice nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAddress {
    /// Its new address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
}

pub(super) async fn list(api: &Api, kind: ResourceKind) -> Answer<Json<Vec<Resource>>> {
    let all = api.store.resources().await?;
    Ok(Json(all.into_iter().filter(|r| r.kind == kind).map(|r| shown(api, r)).collect()))
}

pub(super) async fn add(admin: Admin, api: &Arc<Api>, new: NewResource) -> Answer<Resource> {
    input::addresses(new.real4, new.real6, &api.site)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.add_resource(&new).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok(shown(api, api.store.resource(&id.to_string()).await?))
}

pub(super) async fn remove(admin: Admin, api: &Api, which: &str, kind: ResourceKind) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let resource = named(api, which, kind).await?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.remove_resource(resource.id).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Closed, from).await
}

pub(super) async fn move_to(
    admin: Admin,
    api: &Api,
    which: &str,
    kind: ResourceKind,
    to: &ChangeAddress,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    input::addresses(to.address4, to.address6, &api.site)?;
    let resource = named(api, which, kind).await?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.move_resource(resource.id, to.address4, to.address6).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

async fn named(api: &Api, which: &str, kind: ResourceKind) -> Answer<stored::Resource> {
    let resource = api.store.resource(which).await?;
    if resource.kind == kind { Ok(resource) } else { Err(ApiError::NotFound) }
}

fn shown(api: &Api, r: stored::Resource) -> Resource {
    let mut dns_names = vec![format!("{}.{}", r.name, api.site.zone)];
    dns_names.extend(r.dns_names);
    Resource {
        id: r.id,
        name: r.name,
        kind: r.kind,
        dns_names,
        address4: r.real4,
        address6: r.real6,
        alias4: r.real4.map(|_| r.alias4),
        alias6: r.real6.map(|_| r.alias6),
        ports: r.ports,
        created_at: r.created_at,
    }
}
