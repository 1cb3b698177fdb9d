//! Agents of office PCs: tokens that enrol them, IT's word on which PC each is, and taking that back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use agent::bounded::Fingerprint;
use agent::token::{Secret, Token};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
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
use super::workstations::no_agent;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::fleet::{AgentState, Alike, as_workstation, is_publishable, looks_like, names};
use crate::ids::{AgentId, AgentTokenId, ResourceId};
use crate::pure::shown::shown;
use crate::reconcile::Wait;
use crate::store::Moment;
use crate::store::agents::NewAgentToken;
use crate::store::resources::Resource;

/// A token for one PC is used the same day.
const ONE: Duration = Duration::from_secs(24 * 3600);

/// One for many is for the days of a roll-out.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// PCs that one token enrols: the most this product is made for.
const MOST: u32 = 1_000;

/// The agent of a PC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Which one.
    pub id: AgentId,
    /// What the PC calls itself.
    pub host: String,
    /// Which workstation it is; absent until IT has said so.
    pub workstation: Option<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// Where it is connected from.
    pub address: Option<String>,
    /// Its version.
    pub version: String,
    /// The PC's operating system.
    pub os: String,
    /// Name of the token that enrolled it.
    pub token: String,
    /// Last heard, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub heard_at: Option<Unix>,
    /// Enrolled, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub enrolled_at: Unix,
    /// Approved, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub approved_at: Option<Unix>,
    /// Taken back, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
    /// Which workstation without an agent it looks like, while it waits for approval.
    pub suggestion: Option<Suggestion>,
    /// It waits for approval, and can be approved as a new workstation: where it is connected from, a PC of the office
    /// can be.
    pub publishable: bool,
}

/// Which workstation a PC that waits looks like. What it says of itself may be a lie: IT decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// The workstation's name.
    pub workstation: String,
    /// By what.
    pub by: Alike,
}

/// The body of an approval: which PC it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveAgent {
    /// A workstation that is published, by name or id. Absent: it is published anew under its own name, at the address
    /// it is connected from.
    #[serde(default)]
    pub workstation: Option<String>,
}

/// The body of `POST /api/v1/agents/approve`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveAgents {
    /// Which PC each is: 1 to 1000.
    pub agents: Vec<ApproveOne>,
}

/// One of several.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveOne {
    /// Its id, or what the PC calls itself.
    pub agent: String,
    /// As in an approval of one.
    #[serde(default)]
    pub workstation: Option<String>,
}

/// What became of several.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ApprovedAgents {
    /// Those that were approved.
    pub approved: Vec<Agent>,
    /// Those that were not; the others are all the same.
    pub refused: Vec<RefusedAgent>,
}

/// An agent that was not approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAgent {
    /// As it was asked for.
    pub agent: String,
    /// Why, in a sentence.
    pub why: String,
}

/// A token that enrols PCs, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentToken {
    /// Which one.
    pub id: AgentTokenId,
    /// Its name.
    pub name: String,
    /// How many PCs it may enrol yet.
    pub uses: u32,
    /// The PCs it approves; all others wait.
    pub hosts: Vec<ExpectedPc>,
    /// The one PC it is for.
    pub workstation: Option<ResourceId>,
    /// Who made it.
    pub created_by: String,
    /// Made, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Its end, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// Taken back, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
}

/// A PC that is approved in advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpectedPc {
    /// What it calls itself, in lower case.
    pub host: String,
    /// The workstation it is; absent: the one of its name and address, or a new one.
    pub workstation: Option<String>,
    /// The agent that came as it; no other does by this token.
    pub agent: Option<AgentId>,
}

/// A PC to approve in advance.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectPc {
    /// What it calls itself.
    pub host: String,
    /// The workstation it is, by name or id. Absent: the one that is published under its name and at its address, or a
    /// new one, if nobody has either.
    #[serde(default)]
    pub workstation: Option<String>,
}

/// The body of `POST /api/v1/agents/tokens`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAgentToken {
    /// What it is for.
    pub name: String,
    /// For this workstation alone, by name or id: it is approved with it.
    #[serde(default)]
    pub workstation: Option<String>,
    /// How many PCs it may enrol: 1 to 1000. Absent: as many as are listed, or one.
    #[serde(default)]
    pub uses: Option<u32>,
    /// PCs that are approved without being looked at, once each and only from their own address; others wait. One for
    /// each line of a list, say.
    #[serde(default)]
    pub hosts: Option<Vec<ExpectPc>>,
    /// Its end, in Unix milliseconds: within a month; a day if absent.
    #[schema(value_type = Option<i64>)]
    #[serde(default)]
    pub until: Option<Unix>,
}

/// A new token: its secret is shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentTokenIssued {
    /// The token.
    pub token: AgentToken,
    /// For `passerelle-agent enrol`.
    pub secret: String,
    /// Where agents reach this gateway: names and addresses, with a port where it is not the usual one.
    pub gateways: Vec<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_agents))
        .routes(routes!(list_agent_tokens, add_agent_token))
        .routes(routes!(revoke_agent_token))
        .routes(routes!(approve_agents))
        .routes(routes!(approve_agent))
        .routes(routes!(revoke_agent))
}

/// Every agent, newest first.
#[utoipa::path(get, path = "/agents", tag = "agents", responses((status = 200, body = [Agent]), Problems))]
async fn list_agents(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Agent>>> {
    // Enrolled a moment ago, perhaps.
    let resources = api.store.resources().await?;
    api.fleet.reload(&resources, Moment::now()).await?;
    let agents = api.fleet.agents();
    let taken = taken(&agents);
    Ok(Json(agents.iter().map(|a| view(a, &resources, &taken)).collect()))
}

/// IT says which PC it is.
#[utoipa::path(post, path = "/agents/{agent}/approve", tag = "agents", params(("agent" = String, Path)), request_body = ApproveAgent, responses((status = 200, body = Agent), Problems))]
async fn approve_agent(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(body): Body<ApproveAgent>,
) -> Answer<Json<Agent>> {
    let mut taken_names = names(&api.store.resources().await?);
    let is = body.workstation.as_deref();
    let (id, epoch) = approve(&api, admin.actor, (&which, is), is.is_none(), &mut taken_names).await?;
    api.reconciler.carry_out(epoch, Wait::Complete).await?;
    let resources = api.store.resources().await?;
    api.fleet.reload(&resources, Moment::now()).await?;
    let agents = api.fleet.agents();
    let agent = agents.iter().find(|a| a.agent.id == id).ok_or(ApiError::NotFound)?;
    Ok(Json(view(agent, &resources, &taken(&agents))))
}

/// IT says of several which PC each is. One that cannot be approved keeps no other from it.
#[utoipa::path(post, path = "/agents/approve", tag = "agents", request_body = ApproveAgents, responses((status = 200, body = ApprovedAgents), Problems))]
async fn approve_agents(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(body): Body<ApproveAgents>,
) -> Answer<Json<ApprovedAgents>> {
    if body.agents.is_empty() || body.agents.len() > MOST as usize {
        return Err(ApiError::Invalid("agents: 1 to 1000".into()));
    }
    if let Some(n) = body.agents.iter().position(|one| one.agent.trim().is_empty()) {
        return Err(ApiError::Invalid(format!("agents: {}: agent: its id, or what the PC calls itself", n + 1)));
    }
    let (mut ids, mut last, mut refused) = (BTreeSet::new(), None, Vec::new());
    let mut taken_names = names(&api.store.resources().await?);
    for one in &body.agents {
        let is = (one.agent.as_str(), one.workstation.as_deref());
        match approve(&api, admin.actor.clone(), is, true, &mut taken_names).await {
            Ok((id, epoch)) => {
                ids.insert(id);
                last = epoch.or(last);
            }
            Err(e) => refused.push(RefusedAgent { agent: shown(&one.agent), why: e.sentence() }),
        }
    }
    api.reconciler.carry_out(last, Wait::Complete).await?;
    let resources = api.store.resources().await?;
    api.fleet.reload(&resources, Moment::now()).await?;
    let agents = api.fleet.agents();
    let taken = taken(&agents);
    let approved = agents.iter().filter(|a| ids.contains(&a.agent.id)).map(|a| view(a, &resources, &taken));
    Ok(Json(ApprovedAgents { approved: approved.collect(), refused }))
}

/// Approves one; gives its id. `waits`: only if nobody has said before which PC it is. `taken`: names of what is published,
/// the one it is published under among them after.
async fn approve(
    api: &Api,
    actor: Actor,
    (which, to_be): (&str, Option<&str>),
    waits: bool,
    taken: &mut BTreeSet<String>,
) -> Answer<(AgentId, Option<u64>)> {
    let agent = match api.store.agent_to_approve(which).await {
        Ok(agent) => agent,
        // By a name that waits for nothing any more.
        Err(e) => {
            let approved = api.store.agent(which).await.is_ok_and(|agent| agent.resource.is_some());
            let why = format!("`{}` is approved already; to make it another PC, give its id", shown(which));
            return Err(if approved { ApiError::Conflict(Slug::AlreadyExists, why) } else { no_agent(e, which) });
        }
    };
    let known = match to_be {
        Some(name) => Some(workstation(api, name).await?),
        None => None,
    };
    let mut write = api.store.write(Moment::now(), actor).await?;
    let resource = match (known, api.fleet.address(agent.id)) {
        (Some(resource), _) => resource,
        (None, Some(peer)) if !is_publishable(peer) => {
            let why = format!("workstation: {peer} cannot be published as a PC of the office: name a workstation");
            return Err(ApiError::Invalid(why));
        }
        (None, Some(peer)) => {
            let new = as_workstation(&agent.host, peer, taken);
            taken.insert(new.name.clone());
            write.add_resource(&new).await?
        }
        (None, None) => {
            let why = "workstation: this PC is not connected, so its address is not known: name a workstation";
            return Err(ApiError::Invalid(why.into()));
        }
    };
    // One that was enrolled as this PC, and never heard, gives way.
    if let Some(ghost) = api.fleet.ghost_of(resource, agent.id) {
        write.revoke_agent(ghost).await?;
    }
    if waits {
        write.approve_waiting_agent(agent.id, resource).await?;
    } else {
        write.approve_agent(agent.id, resource).await?;
    }
    Ok((agent.id, write.commit().await?))
}

/// Takes an enrolment back, for good: its connection ends at once, and its key is never heard again.
#[utoipa::path(post, path = "/agents/{agent}/revoke", tag = "agents", params(("agent" = String, Path)), responses((status = 204), Problems))]
async fn revoke_agent(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let agent = api.store.agent(&which).await.map_err(|e| no_agent(e, &which))?;
    let now = Moment::now();
    let mut write = api.store.write(now, admin.actor).await?;
    write.revoke_agent(agent.id).await.map_err(|e| no_agent(e, &which))?;
    write.commit().await?;
    api.fleet.reload(&api.store.resources().await?, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every token, newest first.
#[utoipa::path(get, path = "/agents/tokens", tag = "agents", responses((status = 200, body = [AgentToken]), Problems))]
async fn list_agent_tokens(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<AgentToken>>> {
    let resources = api.store.resources().await?;
    Ok(Json(api.store.agent_tokens().await?.into_iter().map(|t| token_view(t, &resources)).collect()))
}

/// Makes a token.
#[utoipa::path(post, path = "/agents/tokens", tag = "agents", request_body = AddAgentToken, responses((status = 201, body = AgentTokenIssued), Problems))]
async fn add_agent_token(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddAgentToken>,
) -> Answer<(StatusCode, Json<AgentTokenIssued>)> {
    let now = Moment::now();
    let resource = match &add.workstation {
        Some(name) => Some(workstation(&api, name).await?),
        None => None,
    };
    let hosts = match &add.hosts {
        Some(list) => hosts(&api, list).await?,
        None => BTreeMap::new(),
    };
    let uses = add.uses.unwrap_or(u32::try_from(hosts.len()).unwrap_or(MOST).max(1));
    let invalid = |why: &str| Err(ApiError::Invalid(why.into()));
    if !(1..=MOST).contains(&uses) {
        return invalid("uses: 1 to 1000");
    }
    if resource.is_some() && (uses != 1 || add.hosts.is_some()) {
        return invalid("workstation: a token for one PC is used once, and needs no `hosts`");
    }
    let until = input::end(add.until.unwrap_or(now.wall + ONE), LONGEST, now.wall)?;
    let new = NewAgentToken { name: input::name(&add.name)?, uses, hosts, resource, until };
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| ApiError::Internal(e.into()))?;
    let token = Token { secret: Secret::new(bytes), authority: authority(&api)? };
    let mut write = api.store.write(now, admin.actor).await?;
    let id = write.add_agent_token(&new, &token.secret.hash()).await?;
    write.commit().await?;
    let stored = api.store.agent_tokens().await?.into_iter().find(|t| t.id == id);
    let stored = stored.ok_or(ApiError::NotFound)?;
    let token_shown = token_view(stored, &api.store.resources().await?);
    let issued = AgentTokenIssued { token: token_shown, secret: token.to_string(), gateways: api.agents_at.clone() };
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Takes a token back: it enrols nobody any more. Who is enrolled stays so.
#[utoipa::path(post, path = "/agents/tokens/{token}/revoke", tag = "agents", params(("token" = String, Path)), responses((status = 204), Problems))]
async fn revoke_agent_token(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<StatusCode> {
    let id = input::id("token", &which)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.revoke_agent_token(id).await.named(&which)?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn workstation(api: &Api, name: &str) -> Answer<ResourceId> {
    let resource = api.store.resource(name).await.named(name)?;
    match resource.kind {
        ResourceKind::Workstation => Ok(resource.id),
        _ => Err(ApiError::Invalid("workstation: this is published, but as something else".into())),
    }
}

/// What PCs call themselves, in lower case, and which each is: each once.
async fn hosts(api: &Api, all: &[ExpectPc]) -> Answer<BTreeMap<String, Option<ResourceId>>> {
    if all.is_empty() || all.len() > MOST as usize {
        return Err(ApiError::Invalid("hosts: 1 to 1000 names of PCs".into()));
    }
    let resources = api.store.resources().await?;
    let (mut hosts, mut pcs) = (BTreeMap::new(), BTreeSet::new());
    for (n, one) in all.iter().enumerate() {
        let wrong = |why: String| Err(ApiError::Invalid(format!("hosts: {}: {why}", n + 1)));
        let host = input::name_in("hosts", &one.host)?.to_lowercase();
        let pc = match &one.workstation {
            None => None,
            Some(name) => match workstation_in(&resources, name) {
                Some(id) if pcs.insert(id) => Some(id),
                Some(_) => return wrong(format!("workstation: `{}` stands in an earlier line", shown(name))),
                None => return wrong(format!("workstation: `{}` is no workstation: publish it first", shown(name))),
            },
        };
        if hosts.insert(host, pc).is_some() {
            return wrong(format!("host: `{}` stands in an earlier line", shown(&one.host)));
        }
    }
    Ok(hosts)
}

fn workstation_in(resources: &[Resource], which: &str) -> Option<ResourceId> {
    let is = |r: &&Resource| r.id.to_string() == which || r.name.eq_ignore_ascii_case(which.trim());
    resources.iter().filter(|r| r.kind == ResourceKind::Workstation).find(is).map(|r| r.id)
}

/// SHA-256 of the internal authority's certificate.
fn authority(api: &Api) -> Answer<Fingerprint> {
    let certificate = CertificateDer::from_pem_slice(api.site().ca_certificate.as_bytes())
        .map_err(|e| ApiError::Internal(anyhow::anyhow!("the internal CA: {e}")))?;
    Ok(Fingerprint::of(&certificate))
}

/// PCs that have an agent.
fn taken(agents: &[AgentState]) -> BTreeSet<ResourceId> {
    agents.iter().filter_map(|a| a.agent.resource).collect()
}

fn view(state: &AgentState, resources: &[Resource], taken: &BTreeSet<ResourceId>) -> Agent {
    let agent = &state.agent;
    let workstation = agent.resource.and_then(|id| resources.iter().find(|r| r.id == id));
    let waits = agent.resource.is_none() && agent.revoked_at.is_none();
    let like = waits.then(|| looks_like(&agent.host, state.address, resources, |id| taken.contains(&id))).flatten();
    Agent {
        id: agent.id,
        host: agent.host.clone(),
        workstation: workstation.map(|r| r.name.clone()),
        connected: state.connected,
        address: state.address.map(|a| a.to_string()),
        version: agent.program.clone(),
        os: state.facts.as_deref().map(|f| f.os.name.to_string()).unwrap_or_default(),
        token: agent.token.clone(),
        heard_at: state.heard_at,
        enrolled_at: agent.enrolled_at,
        approved_at: agent.approved_at,
        revoked_at: agent.revoked_at,
        suggestion: like.map(|(r, by)| Suggestion { workstation: r.name.clone(), by }),
        publishable: waits && state.address.is_some_and(is_publishable),
    }
}

fn token_view(t: crate::store::agents::AgentToken, resources: &[Resource]) -> AgentToken {
    let name = |id: ResourceId| resources.iter().find(|r| r.id == id).map(|r| r.name.clone());
    let hosts = t.hosts.into_iter().map(|(host, expected)| ExpectedPc {
        host,
        workstation: expected.workstation.and_then(name),
        agent: expected.came,
    });
    AgentToken {
        id: t.id,
        name: t.name,
        uses: t.uses,
        hosts: hosts.collect(),
        workstation: t.resource,
        created_by: t.created_by,
        created_at: t.created_at,
        until: t.until,
        revoked_at: t.revoked_at,
    }
}
