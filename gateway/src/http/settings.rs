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
use crate::clock::Unix;
use crate::identity::passkey;
use crate::pure::home_work::{
    self, Contact, DESKTOP_IDLE, DESKTOP_LONGEST, IDLE_MINUTES, Link, Question, VERIFICATION_MINUTES,
};
use crate::pure::retention::Retention;
use crate::pure::wanted::{self, Program};
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::home_work::NewHomeWork;
use crate::store::site::{NewSettings, Site};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Whose gateway this is.
    pub organisation: String,
    /// Its public name; fixed, for it stands in the authority that devices trust.
    pub public_name: String,
    /// Invitations can be opened from the internet; the gateway's configuration says so.
    pub internet: bool,
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
    /// Whether people may sign in with passkeys.
    pub passkeys: bool,
    /// Whether whoever is at a PC may be asked to let somebody else use it.
    pub ask_people: bool,
    /// Whether PCs may be used by a browser in the internet, without the tunnel: after password and code, by the same policy.
    pub desktops_outside: bool,
    /// How many people have no other second factor: without passkeys they have recovery codes, or a new invitation.
    pub passkeys_alone: u32,
    /// A door opened from now on stays open for so many minutes at most.
    pub verification_minutes: u32,
    /// … and for so many without use.
    pub idle_minutes: u32,
    /// A desktop of an office PC ends after so many minutes without use; 0: never.
    pub desktop_idle_minutes: u32,
    /// … and after so many in all; 0: never.
    pub desktop_longest_minutes: u32,
    /// The language of people who are added without one.
    pub language: String,
    /// Whom people call.
    pub contact: Contact,
    /// What else of the office is opened by a browser; shown to people whose door is open.
    pub links: Vec<Link>,
    /// The telework rules in plain paragraphs; empty: none.
    pub rules: String,
    /// Rises with every change of the rules.
    pub rules_version: u32,
    /// What people are asked about their home.
    pub checklist: Vec<Question>,
    /// For how long lines of the audit are kept.
    pub retention: KeepAudit,
    /// Whether agents of office PCs tell the names of people in sessions: to IT, and nobody else.
    pub agent_names: bool,
    /// Programs that agents look for: which of them a PC has is told of each workstation.
    pub programs: Vec<Program>,
}

/// For how many days lines of the audit are kept, by what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepAudit {
    /// Sign-ins and doors.
    pub access: u32,
    /// Changes.
    pub administration: u32,
    /// Refusals, and who looked at the audit.
    pub security: u32,
}

impl From<Retention> for KeepAudit {
    fn from(r: Retention) -> Self {
        Self { access: r.access, administration: r.administration, security: r.security }
    }
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
    /// Whether people may sign in with passkeys: their browsers must trust the certificate of the public name.
    #[serde(default)]
    pub passkeys: Option<bool>,
    /// Whether whoever is at a PC may be asked to let somebody else use it: a question on its screen, and no is the answer
    /// of who says nothing.
    #[serde(default)]
    pub ask_people: Option<bool>,
    /// Whether PCs may be used by a browser in the internet, without the tunnel. Needs the internet's door
    /// (`internet_listen` in the gateway's configuration).
    #[serde(default)]
    pub desktops_outside: Option<bool>,
    /// For how many days lines of the audit are kept: 30 to 1096.
    #[serde(default)]
    pub retention: Option<KeepAudit>,
    /// Whether agents tell the names of people in sessions; when they no longer do, those that are known are forgotten.
    #[serde(default)]
    pub agent_names: Option<bool>,
    /// Programs to look for on office PCs: at most 64, all of them anew.
    #[serde(default)]
    pub programs: Option<Vec<Program>>,
    /// 60 to 1440 minutes; doors that are open keep their end.
    #[serde(default)]
    pub verification_minutes: Option<u32>,
    /// 15 to 720 minutes; doors that are open keep theirs.
    #[serde(default)]
    pub idle_minutes: Option<u32>,
    /// 10 to 720 minutes, or 0: desktops without use go on. What a pool says goes before it.
    #[serde(default)]
    pub desktop_idle_minutes: Option<u32>,
    /// 15 to 1440 minutes, or 0: desktops last as long as people want. What a pool says goes before it.
    #[serde(default)]
    pub desktop_longest_minutes: Option<u32>,
    /// The language of people who are added without one.
    #[serde(default)]
    pub language: Option<String>,
    /// Whom people call: all of it anew.
    #[serde(default)]
    pub contact: Option<Contact>,
    /// At most 20, all of them anew.
    #[serde(default)]
    pub links: Option<Vec<Link>>,
    /// The telework rules in plain paragraphs, at most 20 KiB; empty: none. Another text is another version.
    #[serde(default)]
    pub rules: Option<String>,
    /// At most 30 questions, all of them anew.
    #[serde(default)]
    pub checklist: Option<Vec<Question>>,
}

impl Settings {
    fn of(api: &Api, passkeys_alone: u32) -> Self {
        let s = &*api.site();
        let h = &s.home_work;
        Self {
            organisation: s.organisation.clone(),
            public_name: s.public_name.clone(),
            internet: api.from_home,
            endpoint: s.endpoint.clone(),
            office_interface: s.office_interface.clone(),
            time_zone: s.time_zone.clone(),
            resolvers: s.resolvers.clone(),
            office_zones: s.office_zones.clone(),
            masquerade: s.masquerade,
            passkeys: s.passkeys,
            ask_people: s.ask_people,
            desktops_outside: s.desktops_outside,
            passkeys_alone,
            retention: s.retention.into(),
            agent_names: s.wanted.names,
            programs: s.wanted.programs.clone(),
            verification_minutes: h.verification_minutes,
            idle_minutes: h.idle_minutes,
            desktop_idle_minutes: h.desktop_idle_minutes,
            desktop_longest_minutes: h.desktop_longest_minutes,
            language: h.language.clone(),
            contact: h.contact.clone(),
            links: h.links.clone(),
            rules: h.rules.clone(),
            rules_version: h.rules_version,
            checklist: h.checklist.clone(),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_settings, change_settings))
}

/// The settings.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings), Problems))]
async fn read_settings(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Settings>> {
    Ok(Json(Settings::of(&api, api.store.with_passkeys_alone().await?)))
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
    let passkeys_alone = api.store.with_passkeys_alone().await?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.change_settings(&new).await?;
    let epoch = write.commit().await?;
    if new.agent_names.is_some() || new.programs.is_some() {
        // Before anything else: names that are not wanted any more are forgotten by the time this is answered.
        api.fleet.ask_anew(Unix::now()).await?;
        api.forget_seen().await;
    }
    if new.home_work.desktop_idle_minutes.is_some() || new.home_work.desktop_longest_minutes.is_some() {
        api.desk.pools_changed().await;
    }
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    Ok(Json(Settings::of(&api, passkeys_alone)))
}

fn in_field(field: &'static str) -> impl Fn(String) -> ApiError {
    move |e| ApiError::Invalid(format!("{field}: {e}"))
}

fn minutes(field: &'static str, n: u32, bounds: [u32; 2]) -> Answer<u32> {
    home_work::within(n, bounds).map_err(in_field(field))
}

/// 0 is without end.
pub(super) fn minutes_or_none(field: &'static str, n: u32, bounds: [u32; 2]) -> Answer<u32> {
    if n == 0 { Ok(0) } else { minutes(field, n, bounds) }
}

fn checked(change: ChangeSettings, site: &Site) -> Answer<NewSettings> {
    if let Some(zone) = &change.time_zone
        && TimeZone::get(zone).is_err()
    {
        return Err(ApiError::Invalid("time_zone: a name such as Europe/Brussels is expected".into()));
    }
    if change.passkeys == Some(true) && !passkey::may_stand_for(&site.public_name) {
        return Err(ApiError::Invalid("passkeys: the gateway needs a public name with a dot, not an address".into()));
    }
    Ok(NewSettings {
        organisation: change.organisation.map(|text| input::name_in("organisation", &text)).transpose()?,
        endpoint: change.endpoint.map(|text| input::endpoint(&text)).transpose()?,
        office_interface: change.office_interface.map(|text| input::interface(&text)).transpose()?,
        time_zone: change.time_zone,
        resolvers: change.resolvers.as_deref().map(input::resolvers).transpose()?,
        office_zones: change.office_zones.map(|zones| input::office_zones(&zones, site)).transpose()?,
        masquerade: change.masquerade,
        passkeys: change.passkeys,
        ask_people: change.ask_people,
        desktops_outside: change.desktops_outside,
        retention: change.retention.map(input::retention).transpose()?,
        agent_names: change.agent_names,
        programs: change.programs.as_deref().map(wanted::programs).transpose().map_err(in_field("programs"))?,
        home_work: NewHomeWork {
            verification_minutes: change
                .verification_minutes
                .map(|n| minutes("verification_minutes", n, VERIFICATION_MINUTES))
                .transpose()?,
            idle_minutes: change.idle_minutes.map(|n| minutes("idle_minutes", n, IDLE_MINUTES)).transpose()?,
            desktop_idle_minutes: change
                .desktop_idle_minutes
                .map(|n| minutes_or_none("desktop_idle_minutes", n, DESKTOP_IDLE))
                .transpose()?,
            desktop_longest_minutes: change
                .desktop_longest_minutes
                .map(|n| minutes_or_none("desktop_longest_minutes", n, DESKTOP_LONGEST))
                .transpose()?,
            language: change.language.as_deref().map(input::language).transpose()?,
            contact: change.contact.as_ref().map(home_work::contact).transpose().map_err(in_field("contact"))?,
            links: change.links.as_deref().map(home_work::links).transpose().map_err(in_field("links"))?,
            rules: change.rules.as_deref().map(home_work::rules).transpose().map_err(in_field("rules"))?,
            checklist: change
                .checklist
                .as_deref()
                .map(home_work::checklist)
                .transpose()
                .map_err(in_field("checklist"))?,
        },
    })
}
