//! What IT decides for the whole site. Name, zone, networks and keys were fixed at set-up; the rest may change.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Person};
use super::error::{Answer, ApiError, Problems};
use super::input::{self, Body};
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::site::{NewSettings, Site};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name; fixed, for it stands in the authority that devices trust.
    pub public_name: String,
    /// `host:port` for configurations issued from now on.
    pub endpoint: String,
    /// The interface towards the office, for `doctor`.
    pub office_interface: String,
    /// The office's time zone, as IANA names it: weekly hours of policies are in it.
    pub time_zone: String,
    /// The office's own resolvers, `address:port`.
    #[schema(value_type = Vec<String>)]
    pub resolvers: Vec<SocketAddr>,
    /// Zones the office's resolvers are asked for; other names get no alias, if there are any.
    pub office_zones: Vec<String>,
    /// Whether the office sees the gateway's address instead of the device's.
    pub masquerade: bool,
}

/// The body of `PATCH /api/v1/settings`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// Whose gateway this is.
    #[serde(default)]
    pub organisation: Option<String>,
    /// `host:port` for configurations issued from now on.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The interface towards the office.
    #[serde(default)]
    pub office_interface: Option<String>,
    /// The office's time zone, such as `Europe/Brussels`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// The office's own resolvers, `address:port`; at least one.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub resolvers: Option<Vec<SocketAddr>>,
    /// Zones the office's resolvers are asked for.
    #[serde(default)]
    pub office_zones: Option<Vec<String>>,
    /// Whether the office sees the gateway's address instead of the device's.
    #[serde(default)]
    pub masquerade: Option<bool>,
}

impl From<&Site> for Settings {
    fn from(s: &Site) -> Self {
        Self {
            organisation: s.organisation.clone(),
            public_name: s.public_name.clone(),
            endpoint: s.endpoint.clone(),
            office_interface: s.office_interface.clone(),
            time_zone: s.time_zone.clone(),
            resolvers: s.resolvers.clone(),
            office_zones: s.office_zones.clone(),
            masquerade: s.masquerade,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_settings, change_settings))
}

/// The settings.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings), Problems))]
async fn read_settings(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Settings>> {
    Ok(Json(Settings::from(&*api.site())))
}

/// Changes settings; the answer comes when the data plane has them.
#[utoipa::path(patch, path = "/settings", tag = "settings", request_body = ChangeSettings, responses((status = 200, body = Settings), Problems))]
async fn change_settings(
    admin: Person,
    State(api): State<Arc<Api>>,
    Body(change): Body<ChangeSettings>,
) -> Answer<Json<Settings>> {
    let site = api.site();
    let new = checked(change, &site)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.change_settings(&new).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok(Json(Settings::from(&*api.site())))
}

fn checked(change: ChangeSettings, site: &Site) -> Answer<NewSettings> {
    if let Some(zone) = &change.time_zone
        && TimeZone::get(zone).is_err()
    {
        return Err(ApiError::Invalid("time_zone: a name such as Europe/Brussels is expected".into()));
    }
    Ok(NewSettings {
        organisation: change.organisation.map(|text| input::name_in("organisation", &text)).transpose()?,
        endpoint: change.endpoint.map(|text| input::endpoint(&text)).transpose()?,
        office_interface: change.office_interface.map(|text| input::interface(&text)).transpose()?,
        time_zone: change.time_zone,
        resolvers: change.resolvers.as_deref().map(input::resolvers).transpose()?,
        office_zones: change.office_zones.map(|zones| input::office_zones(&zones, site)).transpose()?,
        masquerade: change.masquerade,
    })
}
