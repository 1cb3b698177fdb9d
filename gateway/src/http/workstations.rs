//! Office PCs as they are now: what they do, whether they can be woken, and waking them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::bounded::Mac;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Watcher};
use super::error::{Answer, ApiError, Problems};
use super::input::{Asked, Body};
use super::resources::ResourceKind;
use crate::clock::{Boot, Unix};
use crate::fleet::{self, NotDone};
use crate::http::problem::Slug;
use crate::ids::{AgentId, ResourceId};
use crate::pure::hours::Hours;
use crate::pure::shown::shown;
use crate::pure::wake::{Cause, Phase, Wakeable, expected};
use crate::pure::wanted::Wanted;
use crate::pure::workstation::{Kind, Reason};
use crate::store::resources::Resource;
use crate::store::workstations::{Change, Kept, MACS, Step};
use crate::store::{self, Moment};
use crate::wake::{Outcome, Progress, Refused};

/// Streams at once of one administrator, and in all.
const EACH: usize = 4;
const ALL: usize = 32;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(60);

/// What changes within this is told together.
const TOGETHER: Duration = Duration::from_millis(200);

/// Whoever looks on is asked for anew this often.
const AGAIN: Duration = Duration::from_secs(15);

/// A list that all who look on share is no older than this: what no version tells of, such as a wake, is in the next.
const FRESH_MS: u64 = 1_000;

/// A sign of life this often.
const BEAT: Duration = Duration::from_secs(15);

/// The longest span of a timeline.
const SPAN_MS: i64 = 8 * 24 * 3600 * 1000;

/// An office PC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workstation {
    /// Which one: the id of what is published.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Its address in the office.
    pub address: Option<String>,
    /// What it is doing.
    pub state: Kind,
    /// Why it is taken to do so.
    pub reason: Reason,
    /// Since when, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub since: Unix,
    /// Who is at it, where the organisation wants names.
    pub by: Option<String>,
    /// Whether it can be woken.
    pub wakeable: Wakeable,
    /// What a wake is expected to take, in milliseconds.
    pub expected_ms: u64,
    /// It was woken from here before: what that takes is learned.
    pub woken: bool,
    /// Hardware addresses by which it is woken.
    pub macs: Vec<String>,
    /// Hardware addresses that its agent told and that are another PC's: it is not woken by them.
    pub foreign_macs: Vec<ForeignMac>,
    /// Weekly hours, as of a policy: at the beginning of each it is woken.
    pub wake_hours: Option<String>,
    /// Whether it is sent to sleep five minutes after use from afar has ended, if nobody is at it.
    pub sleep_again: bool,
    /// SHA-256 of the certificate by which it was known when it was used in a browser last; its agent knows better.
    pub known_certificate: Option<String>,
    /// The wake that is under way, or ended within the last ten minutes.
    pub wake: Option<WakeView>,
    /// Its agent.
    pub agent: Option<WorkstationAgent>,
}

/// A hardware address of another PC's. A dock that moved from one to the other has one, say; or an agent lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForeignMac {
    /// It.
    pub mac: String,
    /// The workstation that has it.
    pub workstation: String,
}

/// What a PC's agent is, and told last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkstationAgent {
    /// Which one.
    pub id: AgentId,
    /// What the PC calls itself.
    pub host: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Its version.
    pub version: String,
    /// The PC's operating system.
    pub os: String,
    /// When the PC was started, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub started_at: Option<Unix>,
    /// Whether it has to be restarted to finish installing something.
    pub restart_pending: Option<bool>,
    /// Whether remote desktop is switched on.
    pub rdp: Option<bool>,
    /// Whether remote desktop demands network level authentication.
    pub nla: Option<bool>,
    /// SHA-256 of the certificate its remote desktop shows.
    pub certificate: Option<String>,
    /// Its network adapters: name, hardware address, and whether it wakes by it, in the agent's words.
    pub adapters: Vec<AdapterView>,
    /// Whether it runs on a battery.
    pub on_battery: Option<bool>,
    /// Which of the programs that are looked for it has, by the names that IT gave them.
    pub programs: Vec<String>,
}

/// A network adapter of a PC's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdapterView {
    /// Its name in the system.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// `wired`, `wireless`, `virtual` or `unknown`.
    pub medium: String,
    /// Whether it has a link.
    pub up: bool,
    /// `armed`, `disarmed`, `unable` or `unknown`.
    pub wake: String,
}

/// A wake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WakeView {
    /// The PC's name.
    pub workstation: String,
    /// Begun, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub began_at: Unix,
    /// What it is expected to take, in milliseconds.
    pub expected_ms: u64,
    /// How long it has gone on, in milliseconds, whatever hour anybody's clock shows.
    pub gone_ms: u64,
    /// How far it has come.
    pub phase: Phase,
    /// Bursts of magic packets sent so far.
    pub bursts: u64,
    /// On how many networks, and by how many agents, the last one was sent.
    pub callers: u64,
    /// How it ended.
    pub outcome: Option<WakeOutcome>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// After how many milliseconds it ended.
    pub took_ms: Option<u64>,
}

/// How a wake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WakeOutcome {
    /// The PC is ready.
    Ready,
    /// It did not come.
    Failed,
    /// It was given up.
    Cancelled,
}

/// The body of `PATCH /api/v1/workstations/{workstation}`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWorkstation {
    /// Hardware addresses: exactly these from now on. What an agent tells takes their place.
    #[serde(default)]
    pub macs: Option<Vec<String>>,
    /// Weekly hours, such as `Mo-Fr 07:30-18:00`: it is woken at the beginning of each; `never`: not by itself.
    #[serde(default)]
    pub wake_hours: Option<String>,
    /// Whether it sleeps again after use from afar.
    #[serde(default)]
    pub sleep_again: Option<bool>,
    /// Forget the certificate by which it was known in browsers: it is taken as it shows itself next.
    #[serde(default)]
    pub forget_certificate: bool,
}

/// Query of a timeline.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StepQuery {
    /// From when on, in Unix milliseconds.
    #[param(value_type = i64)]
    pub from: Unix,
    /// Until when: within eight days of it.
    #[param(value_type = i64)]
    pub to: Unix,
}

/// What a PC was doing from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkstationStep {
    /// From when on, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// What.
    pub state: Kind,
    /// Why it was taken to do so.
    pub reason: Reason,
}

/// What an event of the list holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum WorkstationEvent {
    /// All of them: first of all, and when one came or went.
    Workstations(Vec<Workstation>),
    /// Those that look otherwise.
    Changed(Vec<Workstation>),
}

/// What an event of a wake holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum WakeEvent {
    /// How it goes; the last one has an outcome.
    Wake(Box<WakeView>),
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_workstations))
        .routes(routes!(follow_workstations))
        .routes(routes!(read_workstation, change_workstation))
        .routes(routes!(workstation_steps))
        .routes(routes!(wake_workstation, cancel_wake))
        .routes(routes!(follow_wake))
        .routes(routes!(sleep_workstation))
}

/// Every office PC, by name.
#[utoipa::path(get, path = "/workstations", tag = "workstations", responses((status = 200, body = [Workstation]), Problems))]
async fn list_workstations(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Workstation>>> {
    Ok(Json(api.workstations().await?))
}

/// One of them, by id or name.
#[utoipa::path(get, path = "/workstations/{workstation}", tag = "workstations", params(("workstation" = String, Path)), responses((status = 200, body = Workstation), Problems))]
async fn read_workstation(
    _: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<Json<Workstation>> {
    let resource = api.pc(&which).await?;
    Ok(Json(api.workstation(resource.id).await?))
}

/// Changes when it is woken and sleeps, and by which hardware addresses.
#[utoipa::path(patch, path = "/workstations/{workstation}", tag = "workstations", params(("workstation" = String, Path)), request_body = ChangeWorkstation, responses((status = 200, body = Workstation), Problems))]
async fn change_workstation(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Body(to): Body<ChangeWorkstation>,
) -> Answer<Json<Workstation>> {
    let resource = api.pc(&which).await?;
    let change = Change {
        macs: to.macs.map(|all| macs(&all)).transpose()?,
        wake_hours: to.wake_hours.map(|text| hours(&text)).transpose()?,
        sleep_again: to.sleep_again,
        forget_mark: to.forget_certificate,
    };
    let now = Moment::now();
    let mut write = api.store.write(now, admin.actor).await?;
    write.change_workstation(resource.id, &resource.name, &change).await?;
    write.commit().await?;
    api.fleet.reload(&api.store.resources().await?, now).await?;
    Ok(Json(api.workstation(resource.id).await?))
}

/// What it was doing, oldest first.
#[utoipa::path(get, path = "/workstations/{workstation}/steps", tag = "workstations", params(("workstation" = String, Path), StepQuery), responses((status = 200, body = [WorkstationStep]), Problems))]
async fn workstation_steps(
    _: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
    Asked(asked): Asked<StepQuery>,
) -> Answer<Json<Vec<WorkstationStep>>> {
    let resource = api.pc(&which).await?;
    let span = asked.to.0.checked_sub(asked.from.0).filter(|span| (1..=SPAN_MS).contains(span));
    span.ok_or_else(|| ApiError::Invalid("to: after `from`, and within eight days of it".into()))?;
    let mut steps = api.store.steps(resource.id, asked.from, asked.to).await?;
    // What is not written down yet.
    steps.extend(api.fleet.unwritten(resource.id).into_iter().filter(|step| step.at < asked.to));
    let shown = |Step { at, kind, reason }| WorkstationStep { at, state: kind, reason };
    Ok(Json(steps.into_iter().map(shown).collect()))
}

/// Wakes it, or joins the wake that is under way.
#[utoipa::path(post, path = "/workstations/{workstation}/wake", tag = "workstations", params(("workstation" = String, Path)), responses((status = 202, body = WakeView), Problems))]
async fn wake_workstation(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(which): Path<String>,
) -> Answer<(StatusCode, Json<WakeView>)> {
    let resource = api.seen(api.pc(&which).await?.id).await?;
    let progress = api.waker.wake(resource.id, admin.actor).await?;
    let view = wake_view(&progress.borrow());
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Gives a wake up.
#[utoipa::path(delete, path = "/workstations/{workstation}/wake", tag = "workstations", params(("workstation" = String, Path)), responses((status = 204), Problems))]
async fn cancel_wake(_: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let resource = api.pc(&which).await?;
    if api.waker.cancel(resource.id, None) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::unknown("wake", &which))
    }
}

/// How a wake goes: server-sent events until it has ended.
#[utoipa::path(get, path = "/workstations/{workstation}/wake/events", tag = "workstations", params(("workstation" = String, Path)), responses(
    (status = 200, content_type = "text/event-stream", body = WakeEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_wake(watcher: Watcher, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<Response> {
    let resource = api.pc(&which).await?;
    let place = api.watchers.take(watcher.actor.to_string(), |mine, all| mine < EACH && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    let progress = api.waker.progress(resource.id).ok_or_else(|| ApiError::unknown("wake", &which))?;
    Ok(wake_events(progress, place))
}

/// Sends it to sleep, if nobody is at it.
#[utoipa::path(post, path = "/workstations/{workstation}/sleep", tag = "workstations", params(("workstation" = String, Path)), responses((status = 204), Problems))]
async fn sleep_workstation(admin: Admin, State(api): State<Arc<Api>>, Path(which): Path<String>) -> Answer<StatusCode> {
    let resource = api.pc(&which).await?;
    if api.desk.is_used(resource.id) {
        let why = "somebody is connected to this PC through the gateway: `passerelle desktop list` says who";
        return Err(ApiError::Conflict(Slug::AgentDeclined, why.into()));
    }
    let state = api.seen(resource.id).await?;
    let is_off = match state.judged.kind {
        Kind::Asleep => Some("this PC sleeps already"),
        Kind::Off => Some("this PC is switched off"),
        _ => None,
    };
    if let Some(why) = is_off {
        return Err(ApiError::Conflict(Slug::AgentAway, why.into()));
    }
    if !state.agent.is_some_and(|agent| agent.connected) {
        return Err(NotDone::Away.into());
    }
    // What cannot be written down is not done.
    let mut write = api.store.write(Moment::now(), admin.actor.clone()).await?;
    write.audit(&crate::audit::Event::SentToSleep { workstation: resource.name.clone() }).await?;
    write.commit().await?;
    api.waker.suspend(resource.id, &resource.name, admin.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All PCs, and those that look otherwise as it happens: server-sent events, for as long as the caller may see it.
#[utoipa::path(get, path = "/workstations/events", tag = "workstations", responses(
    (status = 200, content_type = "text/event-stream", body = WorkstationEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_workstations(watcher: Watcher, State(api): State<Arc<Api>>) -> Answer<Response> {
    let place = api.watchers.take(watcher.actor.to_string(), |mine, all| mine < EACH && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    let version = api.fleet.version();
    let followed = Followed { watcher, api, version, told: None, _place: place };
    let events = stream::unfold(followed, |mut followed| async move { Some((followed.next().await?, followed)) });
    Ok(streamed(Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response()))
}

/// What those who look on were told last.
#[derive(Debug)]
pub(super) struct Looked {
    version: u64,
    at: Boot,
    all: Arc<Vec<Workstation>>,
}

struct Followed {
    watcher: Watcher,
    api: Arc<Api>,
    version: watch::Receiver<u64>,
    told: Option<Arc<Vec<Workstation>>>,
    _place: crate::places::Place<String>,
}

impl Followed {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        loop {
            if self.told.is_some() {
                // What nobody told, such as a wake, is seen the next time it is looked.
                let _ = tokio::time::timeout(AGAIN, self.version.changed()).await;
                tokio::time::sleep(TOGETHER).await;
                self.version.mark_unchanged();
            }
            let seen = async {
                self.watcher.again(&self.api).await?;
                self.api.seen_by_all().await
            };
            let all = match seen.await {
                Ok(all) => all,
                Err(e) => {
                    tracing::debug!(error = ?e, "an administrator cannot look on any further");
                    return None;
                }
            };
            if let Some(event) = self.news(&all) {
                return Some(event);
            }
        }
    }

    fn news(&mut self, all: &Arc<Vec<Workstation>>) -> Option<Result<Event, axum::Error>> {
        let before = self.told.replace(all.clone());
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, all)) {
            return None;
        }
        let Some(before) = before else {
            // That there is none is told, too.
            return Some(Event::default().event("workstations").json_data(&**all));
        };
        let before: BTreeMap<_, _> = before.iter().map(|pc| (pc.id, pc)).collect();
        if before.len() != all.len() || !all.iter().all(|pc| before.contains_key(&pc.id)) {
            return Some(Event::default().event("workstations").json_data(&**all));
        }
        let changed: Vec<_> = all.iter().filter(|pc| before.get(&pc.id) != Some(pc)).collect();
        (!changed.is_empty()).then(|| Event::default().event("changed").json_data(changed))
    }
}

/// How a wake goes, until it has ended.
pub(super) fn wake_events(progress: watch::Receiver<Progress>, place: impl Send + 'static) -> Response {
    let events = stream::unfold((progress, false, false, place), |(mut progress, begun, over, place)| async move {
        // The one who wakes has gone: what it said last was told.
        if over || (begun && progress.changed().await.is_err()) {
            return None;
        }
        let view = wake_view(&progress.borrow_and_update());
        let over = view.outcome.is_some();
        Some((Event::default().event("wake").json_data(view), (progress, true, over, place)))
    });
    streamed(Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response())
}

fn streamed(mut response: Response) -> Response {
    // Another than Sse's own: it is kept nowhere.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Api {
    /// A workstation by id or name.
    async fn pc(&self, which: &str) -> Answer<Resource> {
        let resource = match self.store.resource(which).await {
            Err(store::Error::NotFound(_)) => return Err(ApiError::unknown("workstation", which)),
            found => found?,
        };
        if resource.kind != ResourceKind::Workstation {
            return Err(ApiError::unknown("workstation", which));
        }
        Ok(resource)
    }

    async fn workstations(&self) -> Answer<Vec<Workstation>> {
        let kept = self.store.workstations().await?;
        let none = Kept::default();
        let of = |state: fleet::State| view(self, &state, kept.get(&state.id).unwrap_or(&none));
        Ok(self.fleet.states().into_iter().map(of).collect())
    }

    /// The list for those who look on: reckoned once, however many they are.
    pub(super) async fn seen_by_all(&self) -> Answer<Arc<Vec<Workstation>>> {
        let mut last = self.looked.lock().await;
        // Read before the list is: what comes meanwhile is newer than it.
        let (version, now) = (*self.fleet.version().borrow(), Boot::now());
        let young = |at: Boot| now.0.saturating_sub(at.0) < FRESH_MS;
        if let Some(last) = last.as_ref().filter(|last| last.version == version && young(last.at)) {
            return Ok(last.all.clone());
        }
        let all = Arc::new(self.workstations().await?);
        *last = Some(Looked { version, at: now, all: all.clone() });
        Ok(all)
    }

    /// What they were told last is forgotten: names, say, that are not wanted any more.
    pub(super) async fn forget_seen(&self) {
        *self.looked.lock().await = None;
    }

    async fn workstation(&self, id: ResourceId) -> Answer<Workstation> {
        let kept = self.store.workstation(id).await?;
        Ok(view(self, &self.seen(id).await?, &kept))
    }

    /// A PC as it is now; one that was published a moment ago, too.
    pub(super) async fn seen(&self, id: ResourceId) -> Answer<fleet::State> {
        if let Some(state) = self.fleet.state(id) {
            return Ok(state);
        }
        self.fleet.reload(&self.store.resources().await?, Moment::now()).await?;
        self.fleet.state(id).ok_or(ApiError::NotFound)
    }
}

fn view(api: &Api, state: &fleet::State, kept: &Kept) -> Workstation {
    Workstation {
        id: state.id,
        name: state.name.clone(),
        address: state.address.map(|a| a.to_string()),
        state: state.judged.kind,
        reason: state.judged.reason,
        since: state.since,
        by: state.judged.by.as_deref().map(str::to_owned),
        wakeable: api.waker.wakeable(state, &kept.took),
        expected_ms: ms(expected(&kept.took)),
        woken: !kept.took.is_empty(),
        macs: state.macs.iter().map(ToString::to_string).collect(),
        foreign_macs: state.foreign.iter().map(foreign).collect(),
        wake_hours: kept.wake_hours.clone(),
        sleep_again: kept.sleep_again,
        known_certificate: kept.mark.map(|mark| mark.certificate.to_string()),
        wake: api.waker.progress(state.id).map(|progress| wake_view(&progress.borrow())),
        agent: state.agent.as_ref().map(|agent| agent_view(agent, &api.site().wanted)),
    }
}

fn foreign((mac, name): &(Mac, String)) -> ForeignMac {
    ForeignMac { mac: mac.to_string(), workstation: name.clone() }
}

fn agent_view(agent: &fleet::AgentState, wanted: &Wanted) -> WorkstationAgent {
    let facts = agent.facts.as_deref();
    let word = |value: serde_json::Value| value.as_str().unwrap_or("unknown").to_owned();
    let adapter = |a: &agent::facts::Adapter| AdapterView {
        name: a.name.to_string(),
        mac: a.mac.map(|mac| mac.to_string()),
        medium: word(serde_json::to_value(a.medium).unwrap_or_default()),
        up: a.up,
        wake: word(serde_json::to_value(a.wake).unwrap_or_default()),
    };
    WorkstationAgent {
        id: agent.agent.id,
        host: agent.agent.host.clone(),
        connected: agent.connected,
        version: agent.agent.program.clone(),
        os: facts.map(|f| f.os.name.to_string()).unwrap_or_default(),
        started_at: agent.started_at,
        restart_pending: facts.and_then(|f| f.restart_pending),
        rdp: facts.and_then(|f| f.rdp.enabled),
        nla: facts.and_then(|f| f.rdp.nla),
        certificate: facts.and_then(|f| f.rdp.certificate).map(|print| print.to_string()),
        adapters: facts.map(|f| f.adapters.iter().map(adapter).collect()).unwrap_or_default(),
        on_battery: facts.and_then(|f| f.power.on_battery),
        programs: facts.map(|f| wanted.found(f)).unwrap_or_default(),
    }
}

/// A wake as it is shown.
pub(super) fn wake_view(progress: &Progress) -> WakeView {
    let (outcome, cause) = match progress.outcome.map(|(outcome, _)| outcome) {
        None => (None, None),
        Some(Outcome::Ready) => (Some(WakeOutcome::Ready), None),
        Some(Outcome::Failed(cause)) => (Some(WakeOutcome::Failed), Some(cause)),
        Some(Outcome::Cancelled) => (Some(WakeOutcome::Cancelled), None),
    };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    WakeView {
        workstation: progress.name.clone(),
        began_at: progress.began.wall,
        expected_ms: ms(progress.expected),
        gone_ms: ms(progress.outcome.map_or_else(|| Boot::now().remaining(progress.began.boot), |(_, took)| took)),
        phase: progress.phase,
        bursts: count(progress.bursts),
        callers: count(progress.callers),
        outcome,
        cause,
        took_ms: progress.outcome.map(|(_, took)| ms(took)),
    }
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

fn macs(all: &[String]) -> Answer<Vec<Mac>> {
    if all.len() > MACS {
        return Err(ApiError::Invalid(format!("macs: at most {MACS}")));
    }
    let of = |text: &String| {
        let mac = text.parse::<Mac>().map_err(|e| format!("macs: `{}`: {e}", shown(text)))?;
        if mac.is_of_one() { Ok(mac) } else { Err(format!("macs: `{mac}` is no single adapter's")) }
    };
    all.iter().map(of).collect::<Result<_, _>>().map_err(ApiError::Invalid)
}

fn hours(text: &str) -> Answer<Option<String>> {
    if text == "never" {
        return Ok(None);
    }
    let hours: Hours = text.parse().map_err(|e| ApiError::Invalid(format!("wake_hours: {e}")))?;
    Ok(Some(hours.to_string()))
}

impl From<Refused> for ApiError {
    fn from(e: Refused) -> Self {
        match e {
            Refused::TooSoon(left) => Self::Wait(left),
            Refused::TooMany => Self::Wait(FULL),
            Refused::Gone => Self::NotFound,
        }
    }
}

impl From<NotDone> for ApiError {
    fn from(e: NotDone) -> Self {
        let slug =
            if matches!(e, NotDone::Failed(_) | NotDone::StillOn) { Slug::AgentDeclined } else { Slug::AgentAway };
        Self::Conflict(slug, e.to_string())
    }
}

/// What has no such row is nobody's.
pub(super) fn no_agent(e: store::Error, which: &str) -> ApiError {
    match e {
        store::Error::NotFound(_) => ApiError::unknown("agent", which),
        other => other.into(),
    }
}
