//! Several policies changed at once: previewed first, person by person, then stored in one transaction.
//!
//! What is stored is what was seen: a change that would now give or take something else is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use blake2::{Blake2s256, Digest as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::cut::{CutAnswer, Stored};
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use super::policies::AddPolicy;
use super::problem::Slug;
use super::users::CarriedOut;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::ids::{GroupId, PolicyId, ResourceId, UserId};
use crate::pure::cut::What;
use crate::pure::hours::Hours;
use crate::pure::preview::{Difference, preview};
use crate::pure::rule::{Rule, Rules};
use crate::reconcile::Wait;
use crate::store::rulebook::Rulebook;
use crate::store::{Moment, Write};

/// Most policies that one change adds, and most that it removes: a matrix of fifty groups by ten resources.
const MOST: usize = 500;

/// Most differences that are told: nobody reads more of them, and an answer stays below some megabytes.
const MOST_DIFFERENCES: usize = 20_000;

/// A change is reckoned anew so often while others change what it stands on: then somebody is to look again.
const TRIES: usize = 3;

/// The body of `POST /api/v1/policies/preview`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewPolicies {
    /// To be added. What has other hours or another end from now on is also removed.
    #[serde(default)]
    pub add: Vec<AddPolicy>,
    /// To be removed.
    #[serde(default)]
    pub remove: Vec<PolicyId>,
}

/// The body of `POST /api/v1/policies/change`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePolicies {
    /// To be added. What has other hours or another end from now on is also removed.
    #[serde(default)]
    pub add: Vec<AddPolicy>,
    /// To be removed.
    #[serde(default)]
    pub remove: Vec<PolicyId>,
    /// What the preview said: if it would say something else now, nothing is changed. Absent: whatever it would say.
    #[serde(default)]
    pub seen: Option<String>,
}

/// What a change would give and take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyPreview {
    /// To be sent with the change.
    pub seen: String,
    /// Who gains or loses what, by resource and login. Who has it by another group neither gains nor loses it.
    pub differences: Vec<PolicyDifference>,
}

/// One person and one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDifference {
    /// Login.
    pub user: String,
    /// Display name.
    pub name: String,
    /// They are shut out as a person: it is of use to them once they are let in again.
    pub shut_out: bool,
    /// What.
    pub resource: ResourceId,
    /// The resource's name.
    pub resource_name: String,
    /// At some time from now on they may reach it, and could not.
    pub gains: bool,
    /// At some time from now on they may not reach it any more, and could.
    pub loses: bool,
    /// When they could until now: in any of these; never, if there is none.
    pub before: Vec<Span>,
    /// When they may from now on: in any of these; never, if there is none.
    pub after: Vec<Span>,
}

/// When something may be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// When in the week, in the office's time zone. Always, if absent.
    pub hours: Option<String>,
    /// Until when, in Unix milliseconds, if it has an end.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Unix>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(preview_policies)).routes(routes!(change_policies))
}

/// Who would gain and who would lose what, by the very function that decides. Nothing is changed.
#[utoipa::path(post, path = "/policies/preview", tag = "policies", request_body = PreviewPolicies, responses((status = 200, body = PolicyPreview), Problems))]
async fn preview_policies(
    _: Admin,
    State(api): State<Arc<Api>>,
    Body(wanted): Body<PreviewPolicies>,
) -> Answer<Json<PolicyPreview>> {
    let (now, wanted) = (Unix::now(), ChangePolicies { add: wanted.add, remove: wanted.remove, seen: None });
    let book = api.store.rulebook().await?;
    let after = changed(&book, &wanted, now)?;
    told(&book, &after, now).map(Json)
}

/// Changes them, all or none. The answer comes when what is taken away no longer passes and what is given is in force.
#[utoipa::path(post, path = "/policies/change", tag = "policies", request_body = ChangePolicies, responses((status = 200, body = CarriedOut), (status = 202, body = CarriedOut), Problems))]
async fn change_policies(admin: Admin, State(api): State<Arc<Api>>, Body(wanted): Body<ChangePolicies>) -> CutAnswer {
    let from = Moment::now();
    match api.change_policies(&wanted, admin.actor.clone(), from).await {
        // What only takes away goes through without the database, too.
        Err(ApiError::CannotStore(_) | ApiError::Unavailable(_)) if wanted.add.is_empty() => {
            api.take_policies(&wanted.remove, &admin.actor, from).await
        }
        other => other,
    }
}

impl Api {
    async fn change_policies(&self, wanted: &ChangePolicies, actor: Actor, from: Moment) -> CutAnswer {
        let seen = wanted.seen.as_deref().map(fingerprint_of).transpose()?;
        for _ in 0..TRIES {
            // Reckoned before anything is held: only one at a time can write.
            let book = self.store.rulebook().await?;
            let after = changed(&book, wanted, from.wall)?;
            if let Some(seen) = seen
                && seen != told(&book, &after, from.wall)?.seen
            {
                return Err(meanwhile());
            }
            let mut write = self.store.write(from, actor.clone()).await?;
            if write.rulebook().await? == book {
                return self.store_policies(write, wanted, &book, &after, from).await;
            }
        }
        Err(meanwhile())
    }

    async fn store_policies(
        &self,
        mut write: Write<'_>,
        wanted: &ChangePolicies,
        book: &Rulebook,
        after: &Rules,
        from: Moment,
    ) -> CutAnswer {
        for id in &wanted.remove {
            write.remove_policy(*id).await?;
        }
        for rule in after.iter().filter(|(id, _)| !book.rules.contains_key(id)).map(|(_, rule)| rule) {
            write.add_policy(rule.group, rule.resource, rule.hours.as_ref(), rule.until).await?;
        }
        let epoch = write.commit().await?;
        Ok((StatusCode::OK, self.carried_out(epoch, Wait::Complete, from).await?))
    }

    async fn take_policies(&self, policies: &[PolicyId], actor: &Actor, from: Moment) -> CutAnswer {
        let mut stored = Stored::Yes;
        for id in policies.iter().filter(|id| self.store.known_policy(**id)) {
            let (_, kept) = self.cut_or_keep(What::RemovePolicy(*id), actor.clone(), from).await?;
            stored = if kept == Stored::Yes { stored } else { kept };
        }
        let closed_in_ms = Moment::now().boot.0.saturating_sub(from.boot.0);
        let status = if stored == Stored::Yes { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok((status, Json(CarriedOut { epoch: self.store.known_epoch(), closed_in_ms, stored })))
    }
}

fn meanwhile() -> ApiError {
    outdated("somebody has changed groups or policies meanwhile: look at the preview again")
}

fn outdated(detail: &str) -> ApiError {
    ApiError::Conflict(Slug::Outdated, detail.to_owned())
}

/// The rules as they would be.
fn changed(book: &Rulebook, wanted: &ChangePolicies, now: Unix) -> Answer<Rules> {
    if wanted.add.len() > MOST || wanted.remove.len() > MOST {
        return Err(ApiError::Invalid(format!("add, remove: at most {MOST} each")));
    }
    let mut rules = book.rules.clone();
    for id in wanted.remove.iter().collect::<BTreeSet<_>>() {
        rules.remove(id).ok_or_else(|| outdated("a policy that is to be removed is gone: look at the list again"))?;
    }
    let mut taken: BTreeSet<_> = rules.values().map(|rule| (rule.group, rule.resource)).collect();
    for (n, add) in wanted.add.iter().enumerate() {
        let rule = rule_of(book, add, now).map_err(|e| match e {
            ApiError::Invalid(detail) => ApiError::Invalid(format!("add[{n}].{detail}")),
            other => other,
        })?;
        if !taken.insert((rule.group, rule.resource)) {
            return Err(outdated(&format!("{} may reach {} already: look at the list again", add.group, add.resource)));
        }
        rules.insert(PolicyId::new(), rule);
    }
    Ok(rules)
}

fn rule_of(book: &Rulebook, add: &AddPolicy, now: Unix) -> Answer<Rule> {
    let resource = add.resource.to_lowercase();
    let group = named(&book.groups, &add.group).ok_or_else(|| ApiError::unknown("group", &add.group))?;
    let resource = named(&book.resources, &resource).ok_or_else(|| ApiError::unknown("resource", &add.resource))?;
    let (hours, until) = add.when(now)?;
    Ok(Rule { group, resource, hours, until })
}

fn named<Id: Copy + ToString>(names: &BTreeMap<Id, String>, wanted: &str) -> Option<Id> {
    names.iter().find(|(id, name)| *name == wanted || id.to_string() == wanted).map(|(id, _)| *id)
}

fn told(book: &Rulebook, after: &Rules, now: Unix) -> Answer<PolicyPreview> {
    // Others' requests do not wait for this thread meanwhile.
    let found = tokio::task::block_in_place(|| preview(&book.world, &book.rules, after, &book.zone, now));
    let found = found.map_err(|e| ApiError::Invalid(format!("add, remove: {e}: change less at once")))?;
    if found.len() > MOST_DIFFERENCES {
        let why = format!("add, remove: this is {} differences for people: change less at once", found.len());
        return Err(ApiError::Invalid(why));
    }
    let mut differences: Vec<_> = found.iter().map(|d| difference(book, after, d, now)).collect();
    differences.sort_by(|a, b| (&a.resource_name, &a.user).cmp(&(&b.resource_name, &b.user)));
    // An empty text would be the same for every change.
    let text = serde_json::to_vec(&differences).context("a preview as text").map_err(ApiError::Internal)?;
    let seen = Blake2s256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(PolicyPreview { seen, differences })
}

fn difference(book: &Rulebook, after: &Rules, found: &Difference, now: Unix) -> PolicyDifference {
    let (user, name) = book.people.get(&found.user).cloned().unwrap_or_default();
    PolicyDifference {
        user,
        name,
        shut_out: book.world.users.get(&found.user).is_some_and(|u| u.disabled),
        resource: found.resource,
        resource_name: book.resources.get(&found.resource).cloned().unwrap_or_default(),
        gains: found.gains.is_some(),
        loses: found.loses.is_some(),
        before: spans(book, &book.rules, (found.user, found.resource), now),
        after: spans(book, after, (found.user, found.resource), now),
    }
}

/// When somebody may reach something, by all their groups together. What is contained in another is left out where that
/// is plain: in always, and in the same hours with a later end.
fn spans(book: &Rulebook, rules: &Rules, (user, resource): (UserId, ResourceId), now: Unix) -> Vec<Span> {
    let groups: BTreeSet<GroupId> = book.world.users.get(&user).map(|u| u.groups.clone()).unwrap_or_default();
    let mine = rules.values().filter(|rule| rule.resource == resource && groups.contains(&rule.group));
    let alive = mine.filter(|rule| rule.until.is_none_or(|until| until > now));
    let all: BTreeSet<Span> =
        alive.map(|rule| Span { hours: rule.hours.as_ref().map(Hours::to_string), until: rule.until }).collect();
    let later = |a: &Span, b: &Span| b.until.is_none_or(|b| a.until.is_some_and(|a| a <= b));
    let within = |a: &Span, b: &Span| (b.hours.is_none() || a.hours == b.hours) && later(a, b);
    all.iter().filter(|a| !all.iter().any(|b| *a != b && within(a, b))).cloned().collect()
}

/// A fingerprint as [`PolicyPreview::seen`] has it.
fn fingerprint_of(text: &str) -> Answer<&str> {
    let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then_some(text).ok_or_else(|| ApiError::Invalid("seen: what the preview answered is expected".into()))
}
