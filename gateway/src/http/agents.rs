//! Agents of office PCs: tokens that enrol them, IT's word on which PC each is, and taking that back.

use std::collections::BTreeSet;
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
use super::resources::ResourceKind;
use super::workstations::no_agent;
use crate::clock::Unix;
use crate::fleet::{AgentState, is_publishable};
use crate::ids::{AgentId, AgentTokenId, ResourceId};
use crate::store::Moment;
use crate::store::agents::NewAgentToken;

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

/// A token that enrols PCs, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentToken {
    /// Which one.
    pub id: AgentTokenId,
    /// Its name.
    pub name: String,
    /// How many PCs it may enrol yet.
    pub uses: u32,
    /// Whether IT need not approve them one by one.
    pub approves: bool,
    /// The PCs it approves, by what they call themselves; absent: all.
    pub hosts: Option<Vec<String>>,
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

/// The body of `POST /api/v1/agents/tokens`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAgentToken {
    /// What it is for.
    pub name: String,
    /// For this workstation alone, by name or id: it is approved with it.
    #[serde(default)]
    pub workstation: Option<String>,
    /// How many PCs it may enrol; 1 if absent.
    #[serde(default)]
    pub uses: Option<u32>,
    /// Whether they are approved without being looked at.
    #[serde(default)]
    pub approves: bool,
    /// Only PCs that call themselves so are approved; the others wait. One for each line of a list, say.
    #[serde(default)]
    pub hosts: Option<Vec<String>>,
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
        .routes(routes!(approve_agent))
        .routes(routes!(revoke_agent))
}

/// Every agent, newest first.
#[utoipa::path(get, path = "/agents", tag = "agents", responses((status = 200, body = [Agent]), Problems))]
async fn list_agents(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Agent>>> {
    // Enrolled a moment ago, perhaps.
    api.fleet.reload(&api.store.resources().await?, Moment::now()).await?;
    let names: Vec<_> = api.fleet.states().into_iter().map(|s| (s.id, s.name)).collect();
    let name = |id: ResourceId| names.iter().find(|(of, _)| *of == id).map(|(_, name)| name.clone());
    Ok(Json(api.fleet.agents().into_iter().map(|a| view(&a, a.agent.resource.and_then(name))).collect()))
}

/// IT says which PC it is.
#[utoipa::path(post, path = "/agents/{agent}/approve", tag = "agents", params(("agent" = String, Path)), request_body = ApproveAgent, responses((status = 200, body = Agent), Problems))]
async fn approve_agent(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(body): Body<ApproveAgent>,
) -> Answer<Json<Agent>> {
    let agent = api.store.agent(&which).await.map_err(|e| no_agent(e, &which))?;
    let now = Moment::now();
    let known = match &body.workstation {
        Some(name) => Some(workstation(&api, name).await?),
        None => None,
    };
    let peer = api.fleet.agents().into_iter().find(|a| a.agent.id == agent.id).and_then(|a| a.address);
    let resources = api.store.resources().await?;
    let mut write = api.store.write(now, admin.actor).await?;
    let resource = match (known, peer) {
        (Some(resource), _) => resource,
        (None, Some(peer)) if !is_publishable(peer) => {
            let why = format!("workstation: {peer} cannot be published as a PC of the office: name a workstation");
            return Err(ApiError::Invalid(why));
        }
        (None, Some(peer)) => write.add_resource(&crate::fleet::as_workstation(&agent.host, peer, &resources)).await?,
        (None, None) => {
            let why = "workstation: this PC is not connected, so its address is not known: name a workstation";
            return Err(ApiError::Invalid(why.into()));
        }
    };
    write.approve_agent(agent.id, resource).await?;
    let epoch = write.commit().await?;
    api.reconciler.carry_out(epoch, crate::reconcile::Wait::Complete).await?;
    api.fleet.reload(&api.store.resources().await?, now).await?;
    read(&api, agent.id).map(Json)
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
    Ok(Json(api.store.agent_tokens().await?.into_iter().map(Into::into).collect()))
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
    let uses = add.uses.unwrap_or(1);
    let invalid = |why: &str| Err(ApiError::Invalid(why.into()));
    if !(1..=MOST).contains(&uses) {
        return invalid("uses: 1 to 1000");
    }
    if resource.is_some() && (uses != 1 || add.hosts.is_some()) {
        return invalid("workstation: a token for one PC is used once, and needs no `hosts`");
    }
    let until = add.until.unwrap_or(now.wall + ONE);
    if until <= now.wall || until > now.wall + LONGEST {
        return invalid("until: within a month from now");
    }
    let new = NewAgentToken {
        name: input::name(&add.name)?,
        uses,
        approves: add.approves || resource.is_some(),
        hosts: add.hosts.as_deref().map(hosts).transpose()?,
        resource,
        until,
    };
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| ApiError::Internal(e.into()))?;
    let token = Token { secret: Secret::new(bytes), authority: authority(&api)? };
    let mut write = api.store.write(now, admin.actor).await?;
    let id = write.add_agent_token(&new, &token.secret.hash()).await?;
    write.commit().await?;
    let stored = api.store.agent_tokens().await?.into_iter().find(|t| t.id == id);
    let stored = stored.ok_or(ApiError::NotFound)?;
    let issued = AgentTokenIssued { token: stored.into(), secret: token.to_string(), gateways: api.agents_at.clone() };
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

/// What PCs call themselves: lower case, one each.
fn hosts(all: &[String]) -> Answer<BTreeSet<String>> {
    if all.is_empty() || all.len() > MOST as usize {
        return Err(ApiError::Invalid("hosts: 1 to 1000 names of PCs".into()));
    }
    all.iter().map(|host| Ok(input::name_in("hosts", host)?.to_lowercase())).collect()
}

/// SHA-256 of the internal authority's certificate.
fn authority(api: &Api) -> Answer<Fingerprint> {
    let certificate = CertificateDer::from_pem_slice(api.site().ca_certificate.as_bytes())
        .map_err(|e| ApiError::Internal(anyhow::anyhow!("the internal CA: {e}")))?;
    Ok(Fingerprint::of(&certificate))
}

fn read(api: &Api, id: AgentId) -> Answer<Agent> {
    let agent = api.fleet.agents().into_iter().find(|a| a.agent.id == id).ok_or(ApiError::NotFound)?;
    let name = agent.agent.resource.and_then(|id| api.fleet.state(id)).map(|state| state.name);
    Ok(view(&agent, name))
}

fn view(state: &AgentState, workstation: Option<String>) -> Agent {
    let agent = &state.agent;
    Agent {
        id: agent.id,
        host: agent.host.clone(),
        workstation,
        connected: state.connected,
        address: state.address.map(|a| a.to_string()),
        version: agent.program.clone(),
        os: state.facts.as_deref().map(|f| f.os.name.to_string()).unwrap_or_default(),
        token: agent.token.clone(),
        heard_at: state.heard_at,
        enrolled_at: agent.enrolled_at,
        approved_at: agent.approved_at,
        revoked_at: agent.revoked_at,
    }
}

impl From<crate::store::agents::AgentToken> for AgentToken {
    fn from(t: crate::store::agents::AgentToken) -> Self {
        Self {
            id: t.id,
            name: t.name,
            uses: t.uses,
            approves: t.approves,
            hosts: t.hosts.map(|hosts| hosts.into_iter().collect()),
            workstation: t.resource,
            created_by: t.created_by,
            created_at: t.created_at,
            until: t.until,
            revoked_at: t.revoked_at,
        }
    }
}
