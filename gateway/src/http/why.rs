//! Why a user can, or cannot, reach a resource.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::Asked;
use super::policies::Policy;
use crate::clock::Unix;
use crate::ids::DeviceId;
use crate::pure::decide::{self, Reason, Verdict};
use crate::store::policies as stored;
use crate::store::{Moment, Scope};

/// A moment that passed since the question was typed is now.
const SAME_MINUTE_MS: i64 = 60_000;

/// No policy is thought further ahead, and every calendar goes so far.
pub(super) const FURTHEST_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// Query of `GET /api/v1/why`.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Login or id.
    pub user: String,
    /// Name or id.
    pub resource: String,
    /// When, in Unix milliseconds; now, if absent. Of the future, a door counts as locked unless it is open until then.
    pub at: Option<i64>,
}

/// The answer: one verdict a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// Login.
    pub user: String,
    /// The resource's name.
    pub resource: String,
    /// For when this is, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// The policies that let a group of theirs reach it, in their hours and until their end.
    pub policies: Vec<Policy>,
    /// One entry a device that is not revoked.
    pub devices: Vec<WhyDevice>,
    /// What holds whatever the device; also where the user has no device.
    pub reasons: Vec<WhyReason>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyVerdict {
    /// It passes.
    Allow,
    /// It is refused.
    Deny,
}

/// The verdict for one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyDevice {
    /// Which one.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Yes or no.
    pub verdict: WhyVerdict,
    /// The policy that says yes: `group → resource`.
    pub policy: Option<String>,
    /// Until when, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
    /// What is left until then, in milliseconds.
    pub remaining_ms: Option<u64>,
    /// Every reason for a no.
    pub reasons: Vec<WhyReason>,
}

/// One reason, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyReason {
    /// A stable slug: `unknown`, `user_disabled`, `factor_missing`, `device_disabled`, `device_revoked`, `locked`,
    /// `no_policy`, `policy_ended`, `outside_hours`, `no_device`.
    pub reason: String,
    /// What is so.
    pub sentence: String,
    /// What to do.
    pub cure: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_why))
}

/// Why a user can, or cannot, reach a resource: the verdict for each of their devices.
#[utoipa::path(get, path = "/why", tag = "why", params(WhyQuery), responses((status = 200, body = Why), Problems))]
async fn read_why(_: Admin, State(api): State<Arc<Api>>, Asked(asked): Asked<WhyQuery>) -> Answer<Json<Why>> {
    let user = api.store.user(&asked.user).await.named(&asked.user)?;
    let resource = api.store.resource(&asked.resource).await.named(&asked.resource)?;
    let (now, scope) = (moment(asked.at, Moment::now())?, Scope::user(user.id));
    let world = api.store.world(&scope, now).await?;
    let policies = api.store.policies().await?;
    let own = |p: &&stored::Policy| p.resource == resource.id && user.groups.contains(&p.group_name);
    let mine = policies.iter().filter(own).cloned().map(Into::into).collect();
    let named = |id| policies.iter().find(|p| p.id == id).map(|p| format!("{} → {}", p.group_name, p.resource_name));
    let explain = |reason: &Reason| explanation(*reason, &user.login, &resource.name);

    let stored = api.store.devices(Some(user.id)).await?;
    let devices: Vec<_> = stored.into_iter().filter(|d| d.revoked_at.is_none()).collect();
    let mut reasons = Vec::new();
    if devices.is_empty() {
        reasons.push(no_device(&user.login, user.factor_confirmed_at.is_some()));
        if user.disabled_at.is_some() {
            reasons.push(explain(&Reason::UserDisabled));
        }
        if user.factor_confirmed_at.is_none() {
            reasons.push(explain(&Reason::FactorMissing));
        }
        let entitled = world.users.get(&user.id).map(|u| decide::entitled(&world, u, resource.id, now.boot));
        if let Some(Err(reason)) = entitled {
            reasons.push(explain(&reason));
        }
    }
    let devices = devices.into_iter().map(|device| {
        let answer = WhyDevice {
            device: device.id,
            name: device.name,
            verdict: WhyVerdict::Deny,
            policy: None,
            until: None,
            remaining_ms: None,
            reasons: Vec::new(),
        };
        match decide::decide(&world, device.id, resource.id, now.boot) {
            Verdict::Deny(reasons) => WhyDevice { reasons: worth_saying(&reasons).map(explain).collect(), ..answer },
            Verdict::Allow { by, until } => {
                let left = until.remaining(now.boot);
                WhyDevice {
                    verdict: WhyVerdict::Allow,
                    policy: named(by),
                    until: Some(now.wall + left),
                    remaining_ms: u64::try_from(left.as_millis()).ok(),
                    ..answer
                }
            }
        }
    });
    let (login, named) = (user.login.clone(), resource.name.clone());
    Ok(Json(Why { at: now.wall, policies: mine, devices: devices.collect(), user: login, resource: named, reasons }))
}

/// A moment ahead, by both clocks: whatever ends until then has ended.
fn moment(at: Option<i64>, now: Moment) -> Answer<Moment> {
    let ahead = at.map_or(0, |at| at.saturating_sub(now.wall.0));
    if ahead < -SAME_MINUTE_MS {
        return Err(ApiError::Invalid("at: this moment has passed; what was then is in the audit".into()));
    }
    if ahead > FURTHEST_MS {
        return Err(ApiError::Invalid("at: within ten years".into()));
    }
    let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or(0));
    Ok(Moment { wall: now.wall + ahead, boot: now.boot + ahead })
}

/// Whoever is shut out has a locked door because of it, and signing in would not help.
fn worth_saying(reasons: &[Reason]) -> impl Iterator<Item = &Reason> {
    use Reason::{DeviceDisabled, DeviceRevoked, FactorMissing, UserDisabled};
    let shut_out = |r: &Reason| matches!(r, UserDisabled | FactorMissing | DeviceDisabled | DeviceRevoked);
    let shut_out = reasons.iter().any(shut_out);
    reasons.iter().filter(move |r| !(shut_out && **r == Reason::Locked))
}

fn no_device(user: &str, factor: bool) -> WhyReason {
    let cure = if factor {
        format!("add one: passerelle device add {user} laptop --generate --qr")
    } else {
        format!("send an invitation, redeeming it adds one: passerelle invitation add {user}")
    };
    WhyReason { reason: "no_device".into(), sentence: format!("{user} has no device"), cure }
}

fn explanation(reason: Reason, user: &str, resource: &str) -> WhyReason {
    let (sentence, cure) = match reason {
        Reason::Unknown => {
            ("the user, the device or the resource is not known".into(), "look at the names again".into())
        }
        Reason::UserDisabled => (format!("{user} is disabled"), format!("passerelle user enable {user}")),
        Reason::FactorMissing => (
            format!("{user} has not confirmed a second factor"),
            format!("send an invitation: passerelle invitation add {user}"),
        ),
        Reason::DeviceDisabled => ("the device is disabled".into(), "passerelle device enable".into()),
        Reason::DeviceRevoked => {
            ("the device is revoked, which is for good".into(), "add it again, with a new key".into())
        }
        Reason::Locked => (
            "the door of this device is locked: nobody has signed in from it, or the time is over".into(),
            format!("{user} signs in on the portal, from this device, with password and code"),
        ),
        Reason::NoPolicy => (
            format!("no policy lets a group of {user} reach {resource}"),
            format!("put {user} into a group that may, or add one: passerelle policy add GROUP {resource}"),
        ),
        Reason::PolicyEnded => {
            (format!("the policy that let {user} reach {resource} has ended"), "remove it and add it anew".into())
        }
        Reason::OutsideHours => (
            format!("the policy that lets {user} reach {resource} is for other hours"),
            "passerelle policy list shows them".into(),
        ),
    };
    let slug = serde_json::to_value(reason).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    WhyReason { reason: slug, sentence, cure }
}
