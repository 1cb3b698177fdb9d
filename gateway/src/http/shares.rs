//! File servers.

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
use crate::link::message::{Ports, Transport};
use crate::store::resources::NewResource;

/// The body of `POST /api/v1/shares`. At least one address; SMB over TCP 445 is what a policy opens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddShare {
    /// One DNS label: also the name in the site's zone.
    pub name: String,
    /// The server's address in the office.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address4: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address6: Option<Ipv6Addr>,
    /// More names, such as the server's own in the office's zone.
    #[serde(default)]
    pub dns_names: Vec<String>,
}

/// SMB over TCP; nothing else of a file server is opened.
const SMB: u16 = 445;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_shares, add_share))
        .routes(routes!(remove_share))
        .routes(routes!(move_share))
}

/// Every share, by name.
#[utoipa::path(get, path = "/shares", tag = "shares", responses((status = 200, body = [Resource]), Problems))]
async fn list_shares(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Resource>>> {
    resources::list(&api, ResourceKind::Share).await
}

/// Publishes a share. Nobody may reach it before a policy says so.
#[utoipa::path(post, path = "/shares", tag = "shares", request_body = AddShare, responses((status = 201, body = Resource), Problems))]
async fn add_share(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddShare>,
) -> Answer<(StatusCode, Json<Resource>)> {
    let new = NewResource {
        kind: ResourceKind::Share,
        name: input::label(&add.name)?,
        dns_names: input::dns_names(&add.dns_names, &api.site)?,
        real4: add.address4,
        real6: add.address6,
        ports: vec![Ports { transport: Transport::Tcp, first: SMB, last: SMB }],
    };
    Ok((StatusCode::CREATED, Json(resources::add(admin, &api, new).await?)))
}

/// Takes a share back, with its policies.
#[utoipa::path(delete, path = "/shares/{share}", tag = "shares", params(("share" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn remove_share(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<Json<CarriedOut>> {
    resources::remove(admin, &api, &which, ResourceKind::Share).await
}

/// The machine has moved within the office; devices notice nothing.
#[utoipa::path(put, path = "/shares/{share}/address", tag = "shares", params(("share" = String, Path)), request_body = ChangeAddress, responses((status = 200, body = CarriedOut), Problems))]
async fn move_share(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(to): Body<ChangeAddress>,
) -> Answer<Json<CarriedOut>> {
    resources::move_to(admin, &api, &which, ResourceKind::Share, &to).await
}
