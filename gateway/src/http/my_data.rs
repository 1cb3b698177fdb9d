//! What is stored about somebody, for themselves (GDPR, articles 15 and 20): nothing of others, no secret and no hash.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::audit::{AuditEntry, note_reading};
use super::caller::{Inside, SignedIn};
use super::devices::{Device, shown};
use super::error::{Answer, ApiError, Problems};
use super::home_work::MyChecklist;
use super::invitations::Invitation;
use super::my_sessions::{self, MySessions};
use super::pools::Booking;
use super::users::User;
use super::verifications::Verification;
use crate::audit::{Actor, Event};
use crate::clock::Unix;
use crate::ids::UserId;
use crate::places::Place;
use crate::store::Moment;
use crate::store::audit::Filter;
use crate::store::passkeys::Kept;

/// Most lines of the audit: years of a person's. The newest are given.
const LINES: i64 = 10_000;

/// Read at once in all, some megabytes each. One person reads one at a time.
const ALL: usize = 16;

/// Who reads already is told to come back after this.
const FULL: Duration = Duration::from_secs(10);

/// Bytes sent at once.
const PART: usize = 64 << 10;

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
    /// Passkeys, those that were revoked too: none is ever registered twice.
    pub passkeys: Vec<KeptPasskey>,
    /// Versions of the telework rules that were accepted.
    pub rules_accepted: Vec<AcceptedRules>,
    /// What was answered about working at home, with what is asked now.
    pub checklist: MyChecklist,
    /// Devices, those that were shut out too: keys and addresses are never given twice.
    pub devices: Vec<Device>,
    /// When which door was opened, the latest thousand.
    pub verifications: Vec<Verification>,
    /// Browsers in which one is signed in.
    pub sessions: MySessions,
    /// Invitations to this person, the latest thousand.
    pub invitations: Vec<Invitation>,
    /// Office PCs that were booked, the newest first.
    pub bookings: Vec<Booking>,
    /// Lines of the audit about this person. Who else did it is told as `it` or `system`.
    pub audit: Vec<AuditEntry>,
}

/// A passkey, in force or not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeptPasskey {
    /// What the person calls it.
    pub name: String,
    /// What it is recognised by, in base64url.
    pub credential: String,
    /// Registered, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Last used, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub used_at: Option<Unix>,
    /// Revoked, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
}

/// A version of the telework rules that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AcceptedRules {
    /// Which.
    pub version: u32,
    /// When, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_my_data))
}

/// Everything that is stored about the person who asks; it is noted that they did, once a day.
#[utoipa::path(get, path = "/me/data", tag = "sign-in", responses((status = 200, body = MyData), Problems))]
async fn read_my_data(caller: Inside, State(api): State<Arc<Api>>) -> Answer<Response> {
    let place = api.reading.take(caller.session.user, |mine, all| mine == 0 && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    in_parts(&all_of(caller, &api).await?, place)
}

/// As JSON, for as long as which the place is held: who takes it slowly takes it once.
fn in_parts(data: &MyData, place: Place<UserId>) -> Answer<Response> {
    let text = serde_json::to_vec(data).context("a person's data as text").map_err(ApiError::Internal)?;
    let text = Bytes::from(text);
    let parts = stream::unfold((text, place), |(mut text, place)| async move {
        let part = text.split_to(text.len().min(PART));
        (!part.is_empty()).then_some((Ok::<_, Infallible>(part), (text, place)))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response())
}

async fn all_of(caller: Inside, api: &Api) -> Answer<MyData> {
    let now = Moment::now();
    let Inside { door, session, token_hash, device } = caller;
    let (user, login) = (session.user, session.login.clone());
    note_reading(api, &Actor::User(login.clone()), &Event::OwnDataRead { user: login.clone() }).await?;
    let mut devices = Vec::new();
    for device in api.store.devices(Some(user)).await? {
        let open = api.store.open_for(device.id, now).await?.map(|left| now.wall + left.at_most);
        devices.push(shown(api, open, device, now));
    }
    let own: Vec<_> = devices.iter().map(|d| d.id.to_string()).collect();
    let lines = api.store.audit(&Filter { login: Some(login.clone()), limit: LINES, ..Filter::default() }).await?;
    let answered = api.store.accepted(user).await?.checklist.map(Into::into);
    let signed_in = SignedIn { door, session, token_hash, device };
    Ok(MyData {
        organisation: api.site().organisation.clone(),
        at: now.wall,
        profile: api.store.user(&user.to_string()).await?.into(),
        recovery_codes_left: api.store.means(user).await?.recovery_codes,
        passkeys: api.store.passkeys_kept(user).await?.into_iter().map(Into::into).collect(),
        rules_accepted: accepted(api.store.rules_accepted(user).await?),
        checklist: MyChecklist { questions: api.site().home_work.checklist.clone(), answered },
        devices,
        verifications: api.store.verifications_of(user, now).await?.into_iter().map(Into::into).collect(),
        sessions: my_sessions::of(api, &signed_in, now).await?,
        invitations: api.store.invitations_to(user).await?.into_iter().map(Into::into).collect(),
        bookings: api.store.bookings_of(user).await?.into_iter().map(Into::into).collect(),
        audit: lines.into_iter().map(|line| without_others(line.into(), &login, &own)).collect(),
    })
}

impl From<Kept> for KeptPasskey {
    fn from(p: Kept) -> Self {
        let Kept { name, credential, created_at, used_at, revoked_at } = p;
        Self { name, credential, created_at, used_at, revoked_at }
    }
}

fn accepted(rules: Vec<(u32, Unix)>) -> Vec<AcceptedRules> {
    rules.into_iter().map(|(version, at)| AcceptedRules { version, at }).collect()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    /// Where each table that tells of people is told of. What is added to the schema must be thought of here.
    const TOLD: [(&str, &str); 13] = [
        ("users", "profile"),
        ("group_members", "profile"),
        ("recovery_codes", "recovery_codes_left"),
        ("passkeys", "passkeys"),
        ("rules_accepted", "rules_accepted"),
        ("checklists", "checklist"),
        ("devices", "devices"),
        ("verifications", "verifications"),
        ("web_sessions", "sessions"),
        ("bookings", "bookings"),
        ("booked_quarters", "bookings"),
        ("invitations", "invitations"),
        ("audit", "audit"),
    ];

    #[test]
    fn every_table_of_people_is_told_of() {
        let schema = include_str!("../../migrations/0001_first.sql");
        let tables = schema.split("CREATE TABLE ").skip(1);
        let of_people = tables.filter(|table| table.split(");").next().unwrap().contains(" user_id "));
        let named: BTreeSet<_> = of_people.map(|table| table.split(' ').next().unwrap()).collect();
        let told: BTreeSet<_> = TOLD.into_iter().map(|(table, _)| table).collect();
        assert_eq!(named.into_iter().chain(["users", "audit"]).collect::<BTreeSet<_>>(), told);

        let document = serde_json::to_value(super::super::document()).unwrap();
        let fields = document["components"]["schemas"]["MyData"]["properties"].as_object().unwrap();
        let fields: BTreeSet<_> = fields.keys().map(String::as_str).collect();
        let of_tables = TOLD.into_iter().map(|(_, field)| field);
        assert_eq!(of_tables.chain(["organisation", "at"]).collect::<BTreeSet<_>>(), fields);
    }
}
