//! WireGuard peers: laptops and phones.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Person};
use super::cut::CutAnswer;
use super::error::ApiError;
use super::error::{Answer, Named as _, Problems};
use super::input::{self, Body};
use super::problem::Slug;
use super::users::CarriedOut;
use crate::audit::Event;
use crate::clock::Unix;
use crate::ids::{DeviceId, UserId};
use crate::pure::cut::What;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::devices as stored;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Its owner's login.
    pub login: String,
    /// Its name, unique among its owner's devices.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
    /// Its address in the site network.
    #[schema(value_type = String)]
    pub address4: Ipv4Addr,
    /// The same for IPv6.
    #[schema(value_type = String)]
    pub address6: Ipv6Addr,
    /// Added, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Shut out since; reversible.
    #[schema(value_type = Option<i64>)]
    pub disabled_at: Option<Unix>,
    /// Shut out for good since.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
    /// When its open door locks at the latest, used or not, in Unix milliseconds; absent while locked.
    #[schema(value_type = Option<i64>)]
    pub open_until: Option<Unix>,
    /// Where it was last heard.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<SocketAddr>,
    /// When it was last heard, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub heard_at: Option<Unix>,
}

/// The body of `POST /api/v1/devices`. The private key stays where it was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDevice {
    /// Login or id of its owner.
    pub user: String,
    /// A name for people, 1 to 64 characters.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
}

/// A device to add while an invitation is redeemed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// A name for people, 1 to 64 characters.
    pub name: String,
    /// WireGuard public key, base64.
    pub public_key: String,
}

/// What `GET /api/v1/devices/{device}/config` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceConfig {
    /// WireGuard configuration; its `PrivateKey` line is left for the device to fill in.
    pub config: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_devices, add_device))
        .routes(routes!(show_device))
        .routes(routes!(device_config))
        .routes(routes!(disable_device))
        .routes(routes!(enable_device))
        .routes(routes!(revoke_device))
}

/// Every device, revoked ones too, by owner.
#[utoipa::path(get, path = "/devices", tag = "devices", responses((status = 200, body = [Device]), Problems))]
async fn list_devices(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Device>>> {
    let now = Moment::now();
    let open: std::collections::BTreeMap<_, _> = api
        .store
        .verifications(now, false)
        .await?
        .into_iter()
        .filter(|v| v.remaining.is_some())
        .map(|v| (v.device, v.cap))
        .collect();
    let devices = api.store.devices(None).await?;
    Ok(Json(devices.into_iter().map(|d| shown(&api, open.get(&d.id).copied(), d, now)).collect()))
}

/// Adds a device with its own key. It has a tunnel as soon as its owner has a confirmed second factor.
#[utoipa::path(post, path = "/devices", tag = "devices", request_body = AddDevice, responses((status = 201, body = Device), Problems))]
async fn add_device(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddDevice>,
) -> Answer<(StatusCode, Json<Device>)> {
    let (name, key) = (input::name(&add.name)?, input::public_key(&add.public_key)?);
    let user = api.store.user(&add.user).await.named(&add.user)?;
    admin.may_change(user.role)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    let id = write.add_device(user.id, &name, &key).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok((StatusCode::CREATED, Json(show(&api, id).await?)))
}

/// One device.
#[utoipa::path(get, path = "/devices/{device}", tag = "devices", params(("device" = String, Path)), responses((status = 200, body = Device), Problems))]
async fn show_device(_: Admin, State(api): State<Arc<Api>>, Path(device): Path<String>) -> Answer<Json<Device>> {
    Ok(Json(show(&api, existing(&api, &device).await?.id).await?))
}

/// Its WireGuard configuration; withheld while its owner's second factor is not confirmed.
#[utoipa::path(get, path = "/devices/{device}/config", tag = "devices", params(("device" = String, Path)), responses((status = 200, body = DeviceConfig), Problems))]
async fn device_config(
    admin: Person,
    State(api): State<Arc<Api>>,
    Path(device): Path<String>,
) -> Answer<Json<DeviceConfig>> {
    let device = existing(&api, &device).await?;
    if device.revoked_at.is_some() {
        return Err(crate::store::Error::Revoked.into());
    }
    if !device.factor {
        let detail = format!("{} must redeem an invitation first", device.login);
        return Err(ApiError::Conflict(Slug::FactorNotConfirmed, detail));
    }
    let config = api.client_config(&device).await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.audit(&Event::ConfigShown { user: device.login, device: device.id, name: device.name }).await?;
    write.commit().await?;
    Ok(Json(DeviceConfig { config }))
}

/// Shuts a device out until it is enabled again.
#[utoipa::path(post, path = "/devices/{device}/disable", tag = "devices", params(("device" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn disable_device(admin: Admin, State(api): State<Arc<Api>>, Path(device): Path<String>) -> CutAnswer {
    let from = Moment::now();
    let device = api.device_to_cut(&device).await?;
    admin.may_change(device.owner_role)?;
    api.cut(What::DisableDevice(device.id), admin.actor, from).await
}

/// Lets a disabled device in again.
#[utoipa::path(post, path = "/devices/{device}/enable", tag = "devices", params(("device" = String, Path)), responses((status = 200, body = CarriedOut), Problems))]
async fn enable_device(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(device): Path<String>,
) -> Answer<Json<CarriedOut>> {
    let from = Moment::now();
    let device = existing(&api, &device).await?;
    admin.may_change(device.owner_role)?;
    let mut write = api.store.write(from, admin.actor).await?;
    write.enable_device(device.id).await?;
    let epoch = write.commit().await?;
    api.carried_out(epoch, Wait::Complete, from).await
}

/// Shuts a device out for good.
#[utoipa::path(post, path = "/devices/{device}/revoke", tag = "devices", params(("device" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn revoke_device(admin: Admin, State(api): State<Arc<Api>>, Path(device): Path<String>) -> CutAnswer {
    let from = Moment::now();
    let device = api.device_to_cut(&device).await?;
    admin.may_change(device.owner_role)?;
    api.cut(What::RevokeDevice(device.id), admin.actor, from).await
}

async fn existing(api: &Api, which: &str) -> Answer<stored::Device> {
    api.store.device(input::id("device", which)?).await.named(which)
}

/// A device as the API shows it.
pub(super) async fn show(api: &Api, id: DeviceId) -> Answer<Device> {
    let now = Moment::now();
    let device = api.store.device(id).await?;
    Ok(shown(api, api.store.open_for(id, now).await?.map(|left| now.wall + left.at_most), device, now))
}

/// The same, of what was read already.
pub(super) fn shown(api: &Api, open_until: Option<Unix>, d: stored::Device, now: Moment) -> Device {
    let told = api.reconciler.live().of(d.id);
    let heard = told.heard.map(|at| {
        let ago = i64::try_from(now.boot.0.saturating_sub(at.0)).unwrap_or(i64::MAX);
        Unix(now.wall.0.saturating_sub(ago))
    });
    Device {
        id: d.id,
        user: d.user,
        login: d.login,
        name: d.name,
        public_key: d.public_key,
        address4: d.address4,
        address6: d.address6,
        created_at: d.created_at,
        disabled_at: d.disabled_at,
        revoked_at: d.revoked_at,
        open_until,
        endpoint: told.endpoint.or(d.endpoint),
        heard_at: heard.or(d.heard_at),
    }
}
