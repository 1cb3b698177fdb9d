//! A door, followed: what is told, to whom, and when it ends.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;
use serde_json::json;

use super::*;
use crate::clock::Boot;
use crate::store::Scope;
use crate::store::verifications::EndReason;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
const MIN: u64 = 60_000;

pub(super) struct Heard {
    body: BodyDataStream,
    text: String,
}

impl Heard {
    pub(super) fn new(response: axum::response::Response) -> Self {
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event, or the end.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        let come = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                    let heard = (field("event: ").to_owned(), serde_json::from_str(field("data: ")).unwrap());
                    self.text = rest.to_owned();
                    return Some(heard);
                }
                let more = self.body.next().await?.unwrap();
                self.text.push_str(std::str::from_utf8(&more).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, come).await.expect("nothing comes")
    }

    async fn door(&mut self) -> Value {
        match self.next().await {
            Some((name, view)) if name == "door" => view,
            other => panic!("{other:?}"),
        }
    }

    /// The next that is no state.
    async fn told(&mut self) -> (String, Value) {
        loop {
            let (name, data) = self.next().await.unwrap();
            if name != "door" {
                return (name, data);
            }
        }
    }

    /// The next state that is so.
    async fn until(&mut self, so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (name, view) = self.next().await.unwrap();
            if name == "door" && so(&view) {
                return view;
            }
        }
    }
}

impl Gateway {
    async fn follow(&self, door: Door, cookie: Option<&str>) -> Heard {
        self.hear("/door/events", door, cookie).await
    }

    /// A stream of this path; `shown`: a cookie, or a program's token.
    pub(super) async fn hear(&self, path: &str, door: Door, shown: Option<&str>) -> Heard {
        let mut request = Request::get(format!("/api/v1{path}")).header(header::HOST, "door.example.org");
        if let Some(shown) = shown {
            let name = if shown.starts_with("Bearer ") { header::AUTHORIZATION } else { header::COOKIE };
            request = request.header(name, shown);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(door);
        let response = self.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        Heard::new(response)
    }

    /// As if the door's ends had come this near.
    async fn ends_in(&self, device: DeviceId, at_most: Duration, unused: Duration) {
        self.api.store.ends_in(device, at_most, unused).await;
        self.api.reconciler.announce(Scope::user(self.anne.0));
    }

    async fn change(&self, what: impl AsyncFnOnce(&mut crate::store::Write<'_>)) {
        let mut write = self.api.store.write(Moment::now(), Actor::System).await.unwrap();
        what(&mut write).await;
        write.commit().await.unwrap();
    }
}

fn ms(view: &Value, field: &str) -> u64 {
    view[field].as_u64().unwrap_or_else(|| panic!("{field} of {view}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_door_hears_of_it_and_of_no_other() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let mut own = g.follow(g.tunnel(laptop).await, None).await;
    let mut other = g.follow(g.tunnel(g.ilse.1).await, None).await;
    assert_eq!(own.door().await["state"], "locked");
    assert_eq!(other.door().await["device"]["user"], "ILSE");

    g.open(g.anne).await;
    let open = own.door().await;
    assert_eq!((open["state"].as_str(), open["device"]["user"].as_str()), (Some("open"), Some("ANNE")));
    assert!(ms(&open, "remaining_ms") > 9 * 60 * MIN && open["resources"] == json!([]));
    let (_, share) = fixtures::entitle(&g.api.store, anne).await;
    let reached = async |own: &mut Heard, count: usize| {
        own.until(|view| view["resources"].as_array().unwrap().len() == count).await
    };
    reached(&mut own, 1).await;
    g.change(async |write| write.remove_resource(share).await.unwrap()).await;
    reached(&mut own, 0).await;
    // A policy that ends by itself, which nobody announces.
    let soon = Moment::now().wall + Duration::from_secs(5);
    g.change(async |write| {
        let group = write.add_group("guests").await.unwrap();
        write.add_member(group, anne).await.unwrap();
        let share = crate::store::resources::NewResource {
            kind: ResourceKind::Share,
            name: "plans".into(),
            dns_names: Vec::new(),
            real4: Some("192.168.1.21/32".parse().unwrap()),
            real6: None,
            ports: Vec::new(),
        };
        let share = write.add_resource(&share).await.unwrap();
        write.add_policy(group, share, None, Some(soon)).await.unwrap();
        write.touch(Scope::user(anne));
    })
    .await;
    reached(&mut own, 1).await;
    reached(&mut own, 0).await;
    assert!(Moment::now().wall >= soon);

    g.change(async |write| write.extend_door(anne, laptop).await.unwrap()).await;
    assert_eq!(own.door().await["state"], "open");
    let running = g.api.store.verifications(Moment::now(), false).await.unwrap();
    let ended = g.ask(Door::Local, None, "POST", &format!("/verifications/{}/end", running[0].id), None).await;
    assert_eq!((ended.status.as_u16(), own.door().await["state"].as_str()), (200, Some("locked")));

    // Of all that the other has heard nothing.
    g.open(g.ilse).await;
    let view = other.door().await;
    assert_eq!((&view["state"], &view["device"]["user"]), (&json!("open"), &json!("ILSE")));
    assert!(view["resources"] == json!([]) && !view.to_string().contains("ANNE"), "{view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_warned_fifteen_and_five_minutes_before_either_end_and_told_of_the_grace() {
    let g = Gateway::new().await;
    let (_, laptop) = g.anne;
    let (door, in_use) = (g.tunnel(laptop).await, Duration::from_secs(7200));
    let mut own = g.follow(door, None).await;
    own.door().await;
    g.open(g.anne).await;
    own.door().await;

    for minutes in [15, 5] {
        let left = Duration::from_millis(minutes * MIN + 400);
        g.ends_in(laptop, left, left).await;
        let (name, warning) = own.told().await;
        assert_eq!(
            (name.as_str(), &warning["reason"], &warning["minutes"]),
            ("warning", &json!("expired"), &json!(minutes))
        );
        assert!((minutes * MIN - 5000..=minutes * MIN).contains(&ms(&warning, "remaining_ms")), "{warning}");
        assert_eq!(warning.as_object().unwrap().len(), 3, "no date in it");
    }
    for minutes in [15, 5] {
        g.ends_in(laptop, in_use, Duration::from_millis(minutes * MIN + 400)).await;
        let view = own.until(|view| ms(view, "remaining_ms") > 100 * MIN).await;
        assert!(ms(&view, "idle_ms") > 100 * MIN, "{view}");
        let (name, warning) = own.told().await;
        assert_eq!(
            (name.as_str(), &warning["reason"], &warning["minutes"]),
            ("warning", &json!("idle"), &json!(minutes))
        );
    }
    // Who comes later hears what holds now.
    let mut late = g.follow(door, None).await;
    assert_eq!(late.told().await.1["minutes"], 5);
    drop(late);

    // It is used, as the data plane says: nothing to warn of any more.
    g.api.store.keep_open(&[(laptop, Boot::now())], Moment::now()).await.unwrap();
    let used = own.until(|view| ms(view, "unused_ms") > 110 * MIN).await;
    assert!(used["grace"] == false && used["idle_ms"].is_null(), "{used}");

    g.ends_in(laptop, Duration::from_secs(20), Duration::from_secs(20)).await;
    assert_eq!(own.told().await.0, "warning");
    g.api.store.keep_open(&[(laptop, Boot::now())], Moment::now()).await.unwrap();
    let (name, grace) = own.told().await;
    assert_eq!(
        (name.as_str(), ms(&grace, "remaining_ms").div_ceil(MIN)),
        ("grace", 31),
        "half an hour and what was left"
    );
    let mut late = g.follow(door, None).await;
    assert_eq!((late.door().await["grace"].clone(), late.next().await.unwrap().0.as_str()), (json!(true), "grace"));

    g.ends_in(laptop, Duration::from_millis(400), Duration::from_millis(400)).await;
    own.until(|view| view["state"] == "locked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_device_and_with_its_session() {
    let g = Gateway::new().await;
    let ((anne, laptop), office) = (g.anne, Gateway::office());
    let (here, there) = (g.session(anne, Some(laptop)).await, g.session(anne, None).await);
    let mut tunnel = g.follow(g.tunnel(laptop).await, Some(&here)).await;
    assert_eq!(tunnel.door().await["me"]["login"], "anne");
    let mut session = g.follow(office, Some(&there)).await;
    let first = session.door().await;
    assert_eq!((first["me"]["login"].as_str(), first["device"].clone()), (Some("anne"), Value::Null));
    let ilse = g.session(g.ilse.0, None).await;
    let mut other = g.follow(office, Some(&ilse)).await;
    other.door().await;

    // Signing out ends what was followed for the session; the door of a device is followed further.
    for (door, cookie) in [(office, &there), (g.tunnel(laptop).await, &here)] {
        assert_eq!(g.ask(door, Some(cookie), "POST", "/sign-out", None).await.status, 204);
    }
    assert_eq!(session.door().await["me"], Value::Null);
    assert!(session.next().await.is_none());
    assert_eq!(tunnel.door().await["me"], Value::Null);
    let revoked = g.ask(Door::Local, None, "POST", &format!("/devices/{laptop}/revoke"), None).await;
    assert_eq!(revoked.status, 200);
    assert!(tunnel.next().await.is_none());

    assert_eq!(
        g.ask(Door::Local, None, "PATCH", "/settings", Some(json!({"organisation": "Rossi"}))).await.status,
        200
    );
    assert_eq!(other.door().await["organisation"], "Rossi", "the first she hears of it all");
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.end_web_sessions(g.ilse.0).await.unwrap();
    write.touch(Scope::user(g.ilse.0));
    write.commit().await.unwrap();
    other.door().await;
    assert!(other.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_shut_out_is_told_nothing_more() {
    let g = Gateway::new().await;
    let mut own = g.follow(g.tunnel(g.anne.1).await, None).await;
    own.door().await;
    assert_eq!(g.ask(Door::Local, None, "POST", "/users/anne/disable", None).await.status, 200);
    assert!(own.next().await.is_none());
    let unknown = Door::Tunnel("10.91.9.9".parse().unwrap());
    let foreign = g.session(g.ilse.0, Some(g.ilse.1)).await;
    for (door, cookie, status) in
        [(unknown, None, 404), (Gateway::office(), Some(foreign.as_str()), 401), (Door::Local, None, 404)]
    {
        assert_eq!(g.ask(door, cookie, "GET", "/door/events", None).await.status, status);
    }
    let mut ilse = g.follow(g.tunnel(g.ilse.1).await, Some(&g.session(g.ilse.0, None).await)).await;
    assert_eq!(ilse.door().await["me"], Value::Null, "a session of the office is nobody's in the tunnel");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_few_for_each_device_and_leave_room_for_requests() {
    let g = Gateway::new().await;
    let (door, other, office) = (g.tunnel(g.anne.1).await, g.tunnel(g.ilse.1).await, Gateway::office());
    let (cookie, another) = (g.session(g.anne.0, None).await, g.session(g.anne.0, None).await);
    for (door, [another, cookie]) in [(door, [None; 2]), (office, [Some(another.as_str()), Some(cookie.as_str())])] {
        let mut streams = vec![g.follow(door, another).await];
        for _ in 1..4 {
            streams.push(g.follow(door, cookie).await);
        }
        let refused = g.ask(door, cookie, "GET", "/door/events", None).await;
        assert_eq!((refused.status.as_u16(), refused.headers[header::RETRY_AFTER].to_str().unwrap()), (429, "60"));
        assert_eq!(g.ask(door, cookie, "GET", "/door", None).await.status, 200);
        g.follow(other, None).await.door().await;
        streams.pop();
        g.follow(door, cookie).await.door().await;
    }
    // Those of the device's other address are its own.
    let six = Door::Tunnel(g.api.store.device(g.anne.1).await.unwrap().address6.into());
    let mut streams = Vec::new();
    for n in 0..4 {
        streams.push(g.follow(if n % 2 == 0 { six } else { door }, None).await);
    }
    assert_eq!(g.ask(six, None, "GET", "/door/events", None).await.status, 429);
    g.change(async |write| write.end_of_device(g.anne.1, EndReason::Locked).await.unwrap()).await;
}
