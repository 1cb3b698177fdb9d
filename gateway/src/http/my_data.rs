//! What is stored about somebody, for themselves (GDPR, articles 15 and 20): nothing of others, no secret and no hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::audit::AuditEntry;
use super::caller::{Inside, SignedIn};
use super::devices::{Device, shown};
use super::error::{Answer, Problems};
use super::invitations::Invitation;
use super::my_sessions::{self, MySessions};
use super::users::User;
use super::verifications::Verification;
use crate::audit::{Actor, Event};
use crate::clock::Unix;
use crate::store::Moment;
use crate::store::audit::Filter;

/// Most lines of the audit: years of a person's. The newest are given.
const LINES: i64 = 10_000;

/// Everything that is stored about the person who asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MyData {
    /// Whose gateway this is.
    pub organisation: String,
    /// When it was asked, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// Who, and in which groups.
    pub profile: User,
    /// How many recovery codes are left.
    pub recovery_codes_left: u32,
    /// Devices, those that were shut out too: keys and addresses are never given twice.
    pub devices: Vec<Device>,
    /// When which door was opened, the latest thousand.
    pub verifications: Vec<Verification>,
    /// Browsers in which one is signed in.
    pub sessions: MySessions,
    /// Invitations to this person.
    pub invitations: Vec<Invitation>,
    /// Lines of the audit about this person. Who else did it is told as `it` or `system`.
    pub audit: Vec<AuditEntry>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_my_data))
}

/// Everything that is stored about the person who asks; it is noted that they did.
#[utoipa::path(get, path = "/me/data", tag = "sign-in", responses((status = 200, body = MyData), Problems))]
async fn read_my_data(caller: Inside, State(api): State<Arc<Api>>) -> Answer<Json<MyData>> {
    let now = Moment::now();
    let Inside { door, session, token_hash, device } = caller;
    let (user, login) = (session.user, session.login.clone());
    let mut write = api.store.write(now, Actor::User(login.clone())).await?;
    write.audit(&Event::OwnDataRead { user: login.clone() }).await?;
    write.commit().await?;
    let mut devices = Vec::new();
    for device in api.store.devices(Some(user)).await? {
        let open = api.store.open_for(device.id, now).await?.map(|left| left.unused);
        devices.push(shown(&api, open, device, now));
    }
    let own: Vec<_> = devices.iter().map(|d| d.id.to_string()).collect();
    let lines = api.store.audit(&Filter { login: Some(login.clone()), limit: LINES, ..Filter::default() }).await?;
    let invitations = api.store.invitations().await?.into_iter().filter(|i| i.user == user);
    let signed_in = SignedIn { door, session, token_hash, device };
    Ok(Json(MyData {
        organisation: api.site().organisation.clone(),
        at: now.wall,
        profile: api.store.user(&user.to_string()).await?.into(),
        recovery_codes_left: api.store.recovery_codes_left(user).await?,
        devices,
        verifications: api.store.verifications_of(user, now).await?.into_iter().map(Into::into).collect(),
        sessions: my_sessions::of(&api, &signed_in, now).await?,
        invitations: invitations.map(Into::into).collect(),
        audit: lines.into_iter().map(|line| without_others(line.into(), &login, &own)).collect(),
    }))
}

/// A line that names nobody else, and no device of anybody else's.
fn without_others(mut line: AuditEntry, login: &str, own: &[String]) -> AuditEntry {
    if ![login, "system", "nobody"].contains(&line.actor.as_str()) {
        "it".clone_into(&mut line.actor);
    }
    if let Some(details) = line.details.as_object_mut() {
        details.retain(|name, value| name != "device" || value.as_str().is_none_or(|d| own.iter().any(|o| o == d)));
    }
    line
}
