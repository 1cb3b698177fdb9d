//! Desktops for IT: who uses which office PC from afar, and ending that. What they do there, nobody sees.

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
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::{self, Body};
use super::problem::Slug;
use super::resources::ResourceKind;
use crate::audit::Event;
use crate::clock::Unix;
use crate::desktop::lasting::{LONGEST, NotTold};
use crate::desktop::{Desktop as Known, NotEnded, Via};
use crate::ids::{DesktopId, DeviceId};
use crate::store::Moment;

/// Who signs the gateway's `.rdp` files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Publisher {
    /// Its certificate, in PEM (RFC 7468); the internal authority's is above it.
    pub certificate: String,
    /// What Windows' policy *Specify SHA1 thumbprints of certificates representing trusted .rdp publishers* wants.
    pub thumbprint: String,
}

/// Somebody uses an office PC from afar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Desktop {
    /// Which use of it.
    pub id: DesktopId,
    /// The PC's name.
    pub workstation: String,
    /// Who, by login.
    pub login: String,
    /// From which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// What shows it to them.
    pub via: Via,
    /// Since when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub since: Unix,
    /// Bytes from the device.
    pub rx: u64,
    /// Bytes to the device.
    pub tx: u64,
    /// How long an answer of the browser's takes, in microseconds.
    pub round_trip_us: Option<u64>,
}

impl From<Known> for Desktop {
    fn from(known: Known) -> Self {
        let Known { id, login, device, device_name, workstation, via, since, rx, tx, round_trip, .. } = known;
        let round_trip_us = round_trip.and_then(|took| u64::try_from(took.as_micros()).ok());
        Self { id, workstation, login, device, device_name, via, since, rx, tx, round_trip_us }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_desktops))
        .routes(routes!(read_publisher))
        .routes(routes!(end_desktop))
        .routes(routes!(tell_desktop))
        .routes(routes!(admit))
}

/// Who uses which office PC from afar now, the oldest first.
#[utoipa::path(get, path = "/desktops", tag = "desktops", responses((status = 200, body = [Desktop]), Problems))]
async fn list_desktops(_: Admin, State(api): State<Arc<Api>>) -> Json<Vec<Desktop>> {
    Json(api.desk.all().into_iter().map(Desktop::from).collect())
}

/// Who signs `.rdp` files: for the PCs at home that IT looks after to trust.
#[utoipa::path(get, path = "/desktops/publisher", tag = "desktops", responses((status = 200, body = Publisher), Problems))]
async fn read_publisher(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Publisher>> {
    let publisher = api.desk.publisher().await.map_err(ApiError::Internal)?;
    Ok(Json(Publisher { certificate: publisher.certificate_pem(), thumbprint: publisher.thumbprint() }))
}

/// Ends one of them at once. What they had open there stays open on the PC.
#[utoipa::path(post, path = "/desktops/{desktop}/end", tag = "desktops", params(("desktop" = String, Path)), responses((status = 204), Problems))]
async fn end_desktop(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let id = which.parse::<DesktopId>().map_err(|_| ApiError::unknown("desktop", &which))?;
    match api.desk.end(id, admin.actor).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotEnded::None) => Err(ApiError::unknown("desktop", &which)),
        Err(NotEnded::Silent) => Err(ApiError::Unavailable("the data plane does not answer: the desktop may go on")),
    }
}

/// What IT tells somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TellDesktop {
    /// One line, 1 to 200 characters.
    pub text: String,
}

/// Tells whoever uses a desktop something: on their page, or on the PC's screen, which their app shows.
#[utoipa::path(post, path = "/desktops/{desktop}/message", tag = "desktops", params(("desktop" = String, Path)), request_body = TellDesktop, responses((status = 204), Problems))]
async fn tell_desktop(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(tell): Body<TellDesktop>,
) -> Answer<StatusCode> {
    let text = input::line_in("text", &tell.text, LONGEST)?;
    let unknown = || ApiError::unknown("desktop", &which);
    let id = which.parse::<DesktopId>().map_err(|_| unknown())?;
    match api.desk.tell(id, &text, admin.actor).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotTold::None) => Err(unknown()),
        Err(NotTold::Unreached(why)) => Err(ApiError::Conflict(
            Slug::AgentAway,
            format!("they use an app of their own, which only the PC's agent can reach: {why}"),
        )),
    }
}

/// Whom IT lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// Login or id of who may come.
    pub user: String,
    /// Name or id of the workstation.
    pub workstation: String,
}

/// Lets somebody come to a PC though somebody is at it, for three minutes: whoever sits there loses their session or is
/// locked out. Policy holds all the same.
#[utoipa::path(post, path = "/desktops/admit", tag = "desktops", request_body = Admit, responses((status = 204), Problems))]
async fn admit(admin: Admin, State(api): State<Arc<Api>>, Body(to): Body<Admit>) -> Answer<StatusCode> {
    let user = api.store.user(&to.user).await.named(&to.user)?;
    let resource = api.store.resource(&to.workstation).await.named(&to.workstation)?;
    if resource.kind != ResourceKind::Workstation {
        return Err(ApiError::unknown("workstation", &to.workstation));
    }
    if api.desk.is_used(resource.id) && !api.desk.is_at(resource.id, user.id) {
        let why = "somebody else is connected to this PC through the gateway: end that first; `passerelle desktop list` says who";
        return Err(ApiError::Conflict(Slug::AgentDeclined, why.into()));
    }
    // What cannot be written down is not done.
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.audit(&Event::DesktopAdmitted { workstation: resource.name, user: user.login }).await?;
    write.commit().await?;
    api.desk.admit(resource.id, user.id);
    Ok(StatusCode::NO_CONTENT)
}
