//! Who is connected and how much passes, for IT, every two seconds, as server-sent events.
//!
//! Nothing is reckoned while nobody listens, and once for all who do. Whoever listens is asked for anew each time: an
//! administrator who is one no longer hears nothing more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Watcher;
use super::error::{Answer, ApiError, Problems};
use crate::clock::{Boot, Unix};
use crate::ids::{DeviceId, VerificationId};
use crate::pure::cut::shut_out;
use crate::store::Moment;

/// Streams at once of one administrator.
const EACH: usize = 4;

/// Streams at once in all: a wall of screens, and little of a listener's room (`listen::CONNECTIONS`).
const ALL: usize = 32;

/// Who finds no room is told to come back after this.
const FULL: Duration = Duration::from_secs(60);

/// A picture this often.
const EVERY: Duration = Duration::from_secs(2);

/// A picture that is younger than this is good for the next who asks, too.
const FRESH: Duration = Duration::from_millis(1_900);

/// A sign of life this often, where the database is slow.
const BEAT: Duration = Duration::from_secs(15);

/// Heard within this, a device is connected: WireGuard's keys live no longer (paper, §6.1, REJECT_AFTER_TIME).
const CONNECTED: Duration = Duration::from_secs(180);

/// Rates over more time than this say nothing about now: nobody listened meanwhile.
const OLD_MS: u64 = 10_000;

/// Most devices in a picture, the busiest first: some 150 kB of text.
const MOST: usize = 500;

/// One moment of the office's.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Live {
    /// Which, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Unix,
    /// Devices that are connected.
    pub connected: u64,
    /// Doors that are open.
    pub open: u64,
    /// From all devices, in bytes a second; absent where it is not known yet.
    pub rx_rate: Option<u64>,
    /// To all devices, in bytes a second.
    pub tx_rate: Option<u64>,
    /// Devices that are connected, or whose door is open: the 500 busiest.
    pub devices: Vec<LiveDevice>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LiveDevice {
    /// Which one.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its owner's login.
    pub login: String,
    /// Its owner's name.
    pub owner: String,
    /// Where it was last heard.
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<SocketAddr>,
    /// Milliseconds since it was last heard.
    pub heard_ms: Option<u64>,
    /// Whether it is connected.
    pub connected: bool,
    /// Its running verification.
    pub verification: Option<VerificationId>,
    /// When its door was opened, in Unix milliseconds; absent while locked.
    #[schema(value_type = Option<i64>)]
    pub open_since: Option<Unix>,
    /// When its door locks at the latest, used or not, in Unix milliseconds; absent while locked.
    #[schema(value_type = Option<i64>)]
    pub open_until: Option<Unix>,
    /// Bytes received from it since `net` started.
    pub rx: u64,
    /// Bytes sent to it since `net` started.
    pub tx: u64,
    /// From it, in bytes a second; absent where it is not known yet.
    pub rx_rate: Option<u64>,
    /// To it, in bytes a second.
    pub tx_rate: Option<u64>,
}

/// What an event holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum LiveEvent {
    /// A moment.
    Live(Box<Live>),
}

/// The last picture, for whoever asks next.
#[derive(Debug, Default)]
pub(super) struct Picture(tokio::sync::Mutex<Option<Taken>>);

#[derive(Debug)]
struct Taken {
    at: Boot,
    live: Arc<Live>,
    counted: BTreeMap<DeviceId, (u64, u64)>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(follow_live))
}

/// Who is connected and how much passes: server-sent events every two seconds, for as long as the caller may see it.
#[utoipa::path(get, path = "/live", tag = "live", responses(
    (status = 200, content_type = "text/event-stream", body = LiveEvent, description = "each event's name and data"),
    Problems
))]
async fn follow_live(watcher: Watcher, State(api): State<Arc<Api>>) -> Answer<Response> {
    let place = api.watchers.take(watcher.actor.to_string(), |mine, all| mine < EACH && all < ALL);
    let place = place.ok_or(ApiError::Wait(FULL))?;
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = stream::unfold((watcher, api, tick, place), |(watcher, api, mut tick, place)| async move {
        tick.tick().await;
        let seen = async {
            watcher.again(&api).await?;
            api.picture().await
        };
        match seen.await {
            Ok(live) => Some((Event::default().event("live").json_data(&*live), (watcher, api, tick, place))),
            Err(e) => {
                tracing::debug!(error = ?e, "an administrator cannot look on any further");
                None
            }
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response();
    // Another than Sse's own: it is kept nowhere.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Api {
    /// This moment's picture; two who ask at once have the same.
    async fn picture(&self) -> Answer<Arc<Live>> {
        let mut last = self.picture.0.lock().await;
        let now = Moment::now();
        if let Some(taken) = &*last
            && now.boot.0.saturating_sub(taken.at.0) < ms(FRESH)
        {
            return Ok(taken.live.clone());
        }
        let devices = self.devices_now(now).await?;
        let counted = devices.iter().map(|d| (d.device, (d.rx, d.tx))).collect();
        let live = Arc::new(seen(devices, last.as_ref(), now));
        *last = Some(Taken { at: now.boot, live: live.clone(), counted });
        Ok(live)
    }

    /// Every device that may have a tunnel.
    async fn devices_now(&self, now: Moment) -> Answer<Vec<LiveDevice>> {
        let doors = self.store.verifications(now, false).await?.into_iter();
        let doors: BTreeMap<_, _> = doors.filter(|v| v.remaining.is_some()).map(|v| (v.device, v)).collect();
        let cuts = self.store.waiting_cuts();
        let devices = self.store.devices(None).await?.into_iter();
        let may = devices.filter(|d| d.may_come_in() && !shut_out(&cuts, d.user, Some(d.id)));
        let told = may.map(|d| {
            let told = self.reconciler.live().of(d.id);
            let door = doors.get(&d.id);
            let stored = d.heard_at.and_then(|at| u64::try_from(now.wall.0.saturating_sub(at.0)).ok());
            LiveDevice {
                device: d.id,
                name: d.name,
                login: d.login,
                owner: d.owner,
                endpoint: told.endpoint.or(d.endpoint),
                heard_ms: told.heard.map(|at| now.boot.0.saturating_sub(at.0)).or(stored),
                connected: told.heard_within(CONNECTED, now.boot),
                verification: door.map(|v| v.id),
                open_since: door.map(|v| v.started_at),
                open_until: door.map(|v| v.cap),
                rx: told.rx,
                tx: told.tx,
                rx_rate: None,
                tx_rate: None,
            }
        });
        Ok(told.collect())
    }
}

/// With rates since the last picture, if that is not too old; only those who are there, the busiest first.
fn seen(mut devices: Vec<LiveDevice>, last: Option<&Taken>, now: Moment) -> Live {
    let last = last.map(|taken| (now.boot.0.saturating_sub(taken.at.0), &taken.counted));
    if let Some((ms, counted)) = last.filter(|(ms, _)| (1..OLD_MS).contains(ms)) {
        // Counted anew after a restart of `net`: then it is not known what passed before.
        let rate = |before: u64, now: u64| Some(now.checked_sub(before)?.saturating_mul(1000) / ms);
        for device in &mut devices {
            let Some((rx, tx)) = counted.get(&device.device) else { continue };
            (device.rx_rate, device.tx_rate) = (rate(*rx, device.rx), rate(*tx, device.tx));
        }
    }
    let sum = |of: fn(&LiveDevice) -> Option<u64>| devices.iter().filter_map(of).reduce(u64::saturating_add);
    let (rx_rate, tx_rate) = (sum(|d| d.rx_rate), sum(|d| d.tx_rate));
    let count = |of: fn(&LiveDevice) -> bool| u64::try_from(devices.iter().filter(|d| of(d)).count()).unwrap_or(0);
    let (connected, open) = (count(|d| d.connected), count(|d| d.verification.is_some()));
    devices.retain(|d| d.connected || d.verification.is_some());
    devices.sort_by_key(|d| std::cmp::Reverse(d.rx_rate.unwrap_or(0).saturating_add(d.tx_rate.unwrap_or(0))));
    devices.truncate(MOST);
    Live { at: now.wall, connected, open, rx_rate, tx_rate, devices }
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn device(n: u128, connected: bool, rx: u64, tx: u64) -> LiveDevice {
        LiveDevice {
            device: DeviceId(Uuid::from_u128(n)),
            name: "laptop".into(),
            login: "anne".into(),
            owner: "Anne".into(),
            endpoint: None,
            heard_ms: None,
            connected,
            verification: None,
            open_since: None,
            open_until: None,
            rx,
            tx,
            rx_rate: None,
            tx_rate: None,
        }
    }

    fn taken(at: u64, devices: &[LiveDevice]) -> Taken {
        let now = Moment { wall: Unix(0), boot: Boot(at) };
        let counted = devices.iter().map(|d| (d.device, (d.rx, d.tx))).collect();
        Taken { at: now.boot, live: Arc::new(seen(devices.to_vec(), None, now)), counted }
    }

    #[test]
    fn rates_are_of_the_time_between_two_pictures() {
        let first = [device(1, true, 1_000, 0), device(2, true, 0, 500), device(3, false, 0, 0)];
        let then = [device(1, true, 5_000, 0), device(2, true, 0, 8_500), device(3, false, 0, 0)];
        let at = |boot| Moment { wall: Unix(7), boot: Boot(boot) };
        let live = seen(then.to_vec(), Some(&taken(10_000, &first)), at(12_000));
        assert_eq!((live.rx_rate, live.tx_rate, live.connected), (Some(2_000), Some(4_000), 2));
        let rates: Vec<_> = live.devices.iter().map(|d| (d.device.0.as_u128(), d.rx_rate, d.tx_rate)).collect();
        assert_eq!(rates, [(2, Some(0), Some(4_000)), (1, Some(2_000), Some(0))], "the busiest first");
        // The first picture, one after a long time, and counters that began anew know of none.
        for (last, now) in [(None, 12_000), (Some(taken(0, &first)), 12_000), (Some(taken(12_000, &first)), 12_000)] {
            assert_eq!(seen(then.to_vec(), last.as_ref(), at(now)).rx_rate, None);
        }
        let anew = seen(first.to_vec(), Some(&taken(10_000, &then)), at(12_000));
        assert_eq!(anew.devices[0].rx_rate, None);
    }
}
