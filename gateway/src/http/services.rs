//! Ports of machines in the office.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, Problems};
use super::input::{self, Body};
use super::resources::{self, ChangeAddress, Resource, ResourceKind};
use super::users::CarriedOut;
use crate::link::message::Ports;
use crate::store::resources::NewResource;

/// The body of `POST /api/v1/services`. At least one address and one port.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddService {
    /// One DNS label: also the name in the site's zone.
    pub name: String,
    /// The machine's address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// More names, such as the machine's own in the office's zone.
    #[serde(default)]
    pub dns_names: Vec<String>,
    /// What a policy opens.
    pub ports: Vec<Ports>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_services, add_service))
        .routes(routes!(remove_service))
        .routes(routes!(move_service))
}

/// Every service, by name.
#[utoipa::path(get, path = "/services", tag = "services", responses((status = 200, body = [Resource]), Problems))]
async fn list_services(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Resource>>> {
    resources::list(&api, ResourceKind::Service).await
}

/// Publishes a service. Nobody may reach it before a policy says so.
#[utoipa::path(post, path = "/services", tag = "services", request_body = AddService, responses((status = 201, body = Resource), Problems))]
async fn add_service(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddService>,
) -> Answer<(StatusCode, Json<Resource>)> {
    let new = NewResource {
        kind: ResourceKind::Service,
        name: input::label(&add.name)?,
        dns_names: input::dns_names(&add.dns_names, &api.site)?,
        real4: add.address4,
        real6: add.address6,
        ports: input::ports(&add.ports)?,
    };
    Ok((StatusCode::CREATED, Json(resources::add(admin, &api, new).await?)))
}

/// Takes a service back, with its policies.
#[utoipa::path(delete, path = "/services/{service}", tag = "services", params(("service" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn remove_service(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<Json<CarriedOut>> {
    resources::remove(admin, &api, &which, ResourceKind::Service).await
}

/// The machine has moved within the office; devices notice nothing.
#[utoipa::path(put, path = "/services/{service}/address", tag = "services", params(("service" = String, Path)), request_body = ChangeAddress, responses((status = 200, body = CarriedOut), Problems))]
async fn move_service(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(to): Body<ChangeAddress>,
) -> Answer<Json<CarriedOut>> {
    resources::move_to(admin, &api, &which, ResourceKind::Service, &to).await
}
