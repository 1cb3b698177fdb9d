//! "Why does my drive not open?", from the gateway's side: name, way, port, SMB, clock. Each step says what was found, and
//! none of them an address of the office.
//!
//! Only for a share that the caller's open door may reach; so nobody has the gateway knock at anything else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Verified;
use super::door::{granted, name_of};
use super::error::{Answer, ApiError, Problems};
use super::input::Body;
use crate::clock::{Boot, Unix};
use crate::dns::office;
use crate::ids::DeviceId;
use crate::smb::{self, Failed, Negotiated, Odd};
use crate::store::Moment;
use crate::store::devices::Device;
use crate::store::resources::{Resource, ResourceKind};

/// Kerberos' usual limit (RFC 4120 §1.6 recommends it; Active Directory's `MaxClockSkew`).
const SKEW: Duration = Duration::from_secs(300);

/// So long the office's resolvers may take: less than the rest.
const NAMES: Duration = Duration::from_secs(4);

/// A device may ask this often: a check opens two connections in the office.
const PAUSE: Duration = Duration::from_secs(3);

/// Devices remembered as having asked.
const MOST: usize = 4096;

/// SMB over TCP.
const PORT: u16 = 445;

/// The body of `POST /api/v1/door/check`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckShare {
    /// The share's name.
    pub resource: String,
}

/// What was found, in the order in which a client goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareCheck {
    /// The share's name.
    pub resource: String,
    /// The name to type.
    pub dns_name: String,
    /// All five.
    pub steps: Vec<CheckStep>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckStep {
    /// Which.
    pub step: StepName,
    /// How good it is.
    pub state: StepState,
    /// What was found.
    pub found: Found,
    /// By how much the server's clock is ahead of the gateway's, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ms: Option<i64>,
}

/// A step on the way to an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Its name leads to it.
    Name,
    /// The gateway lets this device through.
    Way,
    /// The server answers on TCP 445.
    Port,
    /// It speaks a version of SMB that is in use today.
    Smb,
    /// Its clock and the gateway's agree.
    Clock,
}

/// How good a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// As it should be.
    Good,
    /// It does not keep the share shut, but IT should look.
    Doubtful,
    /// This is why it does not open.
    Bad,
    /// Nothing could be found out.
    Unknown,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// The gateway gives the name itself; the office has none for it.
    OwnName,
    /// The office's resolvers say the same as what is published.
    NameRight,
    /// They say another machine.
    NameElsewhere,
    /// They know no such name.
    NameUnknown,
    /// None of them answers.
    NameSilent,
    /// This device is let through.
    WayOpen,
    /// The data plane does not answer.
    WayDown,
    /// Its second lock opens nothing new.
    WayLocked,
    /// The port is open.
    PortOpen,
    /// The machine is there and refuses.
    PortRefused,
    /// Nobody answers.
    PortSilent,
    /// There is no way there from the gateway, or nobody has the address.
    PortNowhere,
    /// A file server answers.
    SmbAnswers,
    /// It speaks SMB 1 only.
    SmbOld,
    /// It declines, or says nothing.
    SmbMute,
    /// Something else answers.
    SmbOther,
    /// The clocks agree.
    ClockRight,
    /// They do not.
    ClockFar,
    /// Not looked at, since a step before it failed; or it is kept secret.
    NotSeen,
}

/// Who asked last, and when.
#[derive(Debug, Default)]
pub(super) struct Checks(Mutex<HashMap<DeviceId, Boot>>);

impl Checks {
    /// Whether this device may ask now; otherwise how long it has to wait.
    fn take(&self, device: DeviceId, now: Boot) -> Result<(), Duration> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |at: Boot| (at + PAUSE).remaining(now);
        if last.len() >= MOST {
            last.retain(|_, at| !left(*at).is_zero());
        }
        match last.get(&device).map(|at| left(*at)).filter(|left| !left.is_zero()) {
            Some(left) => Err(left),
            None if last.len() >= MOST => Err(PAUSE),
            None => {
                last.insert(device, now);
                Ok(())
            }
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(check_share))
}

/// Looks from the gateway why a share does not open.
#[utoipa::path(post, path = "/door/check", tag = "door", request_body = CheckShare, responses((status = 200, body = ShareCheck), Problems))]
async fn check_share(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Body(body): Body<CheckShare>,
) -> Answer<Json<ShareCheck>> {
    let now = Moment::now();
    let share = share(&api, &caller.device, &body.resource, now).await?;
    api.checks.take(caller.device.id, now.boot).map_err(ApiError::Wait)?;
    Ok(Json(look(&api, share).await))
}

/// A share that this device may reach now.
pub(super) async fn share(api: &Api, device: &Device, name: &str, now: Moment) -> Answer<Resource> {
    let share = granted(api, device, name, now).await?;
    match share.kind {
        ResourceKind::Share => Ok(share),
        _ => Err(ApiError::Invalid("resource: a share is expected".into())),
    }
}

/// What is found of it.
pub(super) async fn look(api: &Api, share: Resource) -> ShareCheck {
    let health = api.reconciler.health();
    let way = match (health.up, health.problem) {
        (false, _) => Found::WayDown,
        (true, Some(_)) => Found::WayLocked,
        (true, None) => Found::WayOpen,
    };
    let resolvers = api.site().resolvers.clone();
    let names = async {
        let Some(name) = share.dns_names.first() else { return Named::Own };
        match timeout(NAMES, office::addresses(name, &resolvers)).await {
            Ok(Some(found)) => Named::Found(found),
            _ => Named::Silent,
        }
    };
    let server = async {
        match real(&share).first() {
            Some(at) => smb::ask((*at, PORT).into()).await,
            None => Err(Failed::NoRoute),
        }
    };
    let (names, server) = tokio::join!(names, server);
    let steps = steps(&names, &real(&share), way, server, Unix::now());
    ShareCheck { dns_name: name_of(api, &share), resource: share.name, steps }
}

/// Where it is in the office.
fn real(share: &Resource) -> Vec<IpAddr> {
    let v4 = share.real4.map(|net| net.addr().into());
    v4.into_iter().chain(share.real6.map(|net| net.addr().into())).collect()
}

/// What the office's resolvers say of the name.
#[derive(Debug)]
enum Named {
    /// They are not asked: the name is the gateway's own.
    Own,
    Found(Vec<IpAddr>),
    Silent,
}

/// What was found, as steps.
fn steps(names: &Named, real: &[IpAddr], way: Found, server: Result<Negotiated, Failed>, now: Unix) -> Vec<CheckStep> {
    use {Found as F, StepState as S};
    let name = match names {
        Named::Own => (S::Good, F::OwnName),
        Named::Silent => (S::Doubtful, F::NameSilent),
        // The gateway itself answers published names, so it opens all the same.
        Named::Found(found) if found.is_empty() => (S::Doubtful, F::NameUnknown),
        Named::Found(found) if found.iter().any(|at| real.contains(at)) => (S::Good, F::NameRight),
        Named::Found(_) => (S::Doubtful, F::NameElsewhere),
    };
    let way = (if way == F::WayOpen { S::Good } else { S::Bad }, way);
    let unseen = (S::Unknown, F::NotSeen);
    let (port, smb) = match server {
        Ok(_) => ((S::Good, F::PortOpen), (S::Good, F::SmbAnswers)),
        Err(Failed::Refused) => ((S::Bad, F::PortRefused), unseen),
        Err(Failed::Silent) => ((S::Bad, F::PortSilent), unseen),
        Err(Failed::NoRoute) => ((S::Bad, F::PortNowhere), unseen),
        Err(Failed::Odd(Odd::Old)) => ((S::Good, F::PortOpen), (S::Bad, F::SmbOld)),
        Err(Failed::Odd(Odd::Other)) => ((S::Good, F::PortOpen), (S::Bad, F::SmbOther)),
        Err(Failed::Odd(Odd::Declined(_)) | Failed::Mute) => ((S::Good, F::PortOpen), (S::Bad, F::SmbMute)),
    };
    let ahead_ms = server.ok().and_then(|server| server.time).map(|time| time.0.saturating_sub(now.0));
    let clock = match ahead_ms {
        Some(ahead) if u128::from(ahead.unsigned_abs()) < SKEW.as_millis() => (S::Good, F::ClockRight),
        // A password opens it by any clock; a domain's ticket does not.
        Some(_) => (S::Doubtful, F::ClockFar),
        None => unseen,
    };
    let step = |step, (state, found)| CheckStep { step, state, found, ahead_ms: None };
    vec![
        step(StepName::Name, name),
        step(StepName::Way, way),
        step(StepName::Port, port),
        step(StepName::Smb, smb),
        CheckStep { ahead_ms, ..step(StepName::Clock, clock) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 10))];

    fn found(names: &Named, way: Found, server: Result<Negotiated, Failed>) -> Vec<(StepState, Found)> {
        steps(names, &REAL, way, server, Unix(1_000_000)).iter().map(|s| (s.state, s.found)).collect()
    }

    #[test]
    fn each_step_says_what_was_found() {
        use {Found as F, StepState as S};
        let server = |time: i64| Ok(Negotiated { dialect: 0x0311, time: Some(Unix(time)) });
        let right = || Named::Found(REAL.to_vec());
        let elsewhere = || Named::Found(vec!["192.168.1.99".parse().unwrap()]);
        let all = found(&right(), F::WayOpen, server(1_000_000));
        assert!(all.iter().all(|(state, _)| *state == S::Good), "{all:?}");
        for (names, expected) in [
            (Named::Own, (S::Good, F::OwnName)),
            (Named::Silent, (S::Doubtful, F::NameSilent)),
            (Named::Found(vec![]), (S::Doubtful, F::NameUnknown)),
            (elsewhere(), (S::Doubtful, F::NameElsewhere)),
        ] {
            assert_eq!(found(&names, F::WayOpen, server(0))[0], expected);
        }
        assert_eq!(found(&right(), F::WayDown, server(0))[1], (S::Bad, F::WayDown));
        let unseen = (S::Unknown, F::NotSeen);
        for (failed, port, smb) in [
            (Failed::Refused, (S::Bad, F::PortRefused), unseen),
            (Failed::Silent, (S::Bad, F::PortSilent), unseen),
            (Failed::NoRoute, (S::Bad, F::PortNowhere), unseen),
            (Failed::Mute, (S::Good, F::PortOpen), (S::Bad, F::SmbMute)),
            (Failed::Odd(Odd::Old), (S::Good, F::PortOpen), (S::Bad, F::SmbOld)),
            (Failed::Odd(Odd::Other), (S::Good, F::PortOpen), (S::Bad, F::SmbOther)),
            (Failed::Odd(Odd::Declined(1)), (S::Good, F::PortOpen), (S::Bad, F::SmbMute)),
        ] {
            let all = found(&right(), F::WayOpen, Err(failed));
            assert_eq!((all[2], all[3], all[4]), (port, smb, unseen), "{failed:?}");
        }
        for (time, clock) in [
            (1_000_000 + 299_999, F::ClockRight),
            (1_000_000 - 299_999, F::ClockRight),
            (1_000_000 + 300_000, F::ClockFar),
            (1_000_000 - 300_000, F::ClockFar),
            (i64::MIN, F::ClockFar),
        ] {
            assert_eq!(found(&right(), F::WayOpen, server(time))[4].1, clock, "{time}");
        }
    }

    #[test]
    fn a_device_has_to_wait_and_its_neighbour_has_not() {
        let (checks, [one, other]) = (Checks::default(), [DeviceId::new(), DeviceId::new()]);
        assert_eq!(checks.take(one, Boot(10_000)), Ok(()));
        assert_eq!(checks.take(one, Boot(11_000)), Err(Duration::from_secs(2)));
        assert_eq!(checks.take(other, Boot(11_000)), Ok(()));
        assert_eq!(checks.take(one, Boot(13_000)), Ok(()));
    }
}
