//! What people do with their own devices: see them, add one, shut out a lost one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Inside, SignedIn};
use super::cut::CutAnswer;
use super::devices::{Device, NewDevice, show, shown};
use super::error::{Answer, ApiError, Problems};
use super::input::{self, Body};
use super::users::CarriedOut;
use crate::audit::Actor;
use crate::ids::DeviceId;
use crate::pure::cut::What;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::room::Kept;
use crate::store::users::Role;

/// A device that was just added, with its configuration: shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnDeviceAdded {
    /// The device.
    pub device: Device,
    /// WireGuard configuration; its `PrivateKey` line is left for the device to fill in.
    pub config: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_my_devices, add_my_device)).routes(routes!(lose_my_device))
}

/// One's own devices, but those that were shut out for good.
#[utoipa::path(get, path = "/me/devices", tag = "sign-in", responses((status = 200, body = [Device]), Problems))]
async fn list_my_devices(caller: SignedIn, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Device>>> {
    let now = Moment::now();
    let mut mine = Vec::new();
    for device in api.store.devices(Some(caller.session.user)).await? {
        if device.revoked_at.is_none() {
            let open = api.store.open_for(device.id, now).await?.map(|left| now.wall + left.at_most);
            mine.push(shown(&api, open, device, now));
        }
    }
    Ok(Json(mine))
}

/// Adds one's own device, whose key was made on it. Its door opens with password and code, as any other's.
#[utoipa::path(post, path = "/me/devices", tag = "sign-in", request_body = NewDevice, responses((status = 201, body = OwnDeviceAdded), Problems))]
async fn add_my_device(
    caller: Inside,
    State(api): State<Arc<Api>>,
    Body(add): Body<NewDevice>,
) -> Answer<(StatusCode, Json<OwnDeviceAdded>)> {
    let (name, key) = (input::name(&add.name)?, input::public_key(&add.public_key)?);
    let user = caller.session.user;
    let mut write = api.store.write(Moment::now(), Actor::User(caller.session.login)).await?;
    write.still_signed_in(user, &caller.token_hash, Role::User).await?;
    write.has_room(Kept::Devices, user).await?;
    let id = write.add_device(user, &name, &key).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    let config = api.client_config(&api.store.device(id).await?).await?;
    Ok((StatusCode::CREATED, Json(OwnDeviceAdded { device: show(&api, id).await?, config })))
}

/// Shuts out one's own device for good: lost, stolen, sold.
#[utoipa::path(post, path = "/me/devices/{device}/revoke", tag = "sign-in", params(("device" = String, Path)), responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn lose_my_device(caller: SignedIn, State(api): State<Arc<Api>>, Path(device): Path<String>) -> CutAnswer {
    let from = Moment::now();
    let id: DeviceId = input::id("device", &device)?;
    let found = api.store.device(id).await?;
    // Somebody else's is none.
    if found.user != caller.session.user || found.revoked_at.is_some() {
        return Err(ApiError::NotFound);
    }
    // One's browsers in the internet are signed out, and may be signed in again: to keep them out is IT's to do.
    let what = if found.outside { What::LockDevice(id) } else { What::RevokeDevice(id) };
    let actor = Actor::User(caller.session.login);
    let cut = api.cut(what, actor.clone(), from).await?;
    if found.outside {
        let mut write = api.store.write(from, actor).await?;
        write.end_sessions_of_device(id).await?;
        write.commit().await?;
    }
    Ok(cut)
}
