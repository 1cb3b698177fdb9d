//! The end of an invitation: a device that was added just now is followed, by whoever redeemed it and by nobody else.

use provisioning::totp;
use serde_json::json;

use super::events::Heard;
use super::*;
use crate::clock::Unix;
use crate::link::message::{PeerReport, Report};
use crate::store::resources::NewResource;

/// Bart has redeemed his invitation: its token, his new device, and the secret of his app.
async fn joined(g: &Gateway) -> (String, DeviceId, Vec<u8>) {
    let local = async |path: &str, body: Value| g.ask(Door::Local, None, "POST", path, Some(body)).await;
    local("/users", json!({"login": "bart", "name": "Bart"})).await;
    let token = local("/invitations", json!({"user": "bart"})).await.json()["token"].as_str().unwrap().to_owned();
    let early = follow(&token, g.anne.1);
    assert_eq!(local("/invitations/connection", early).await.slug(), "invitation-void", "it is not redeemed yet");
    let begun = local("/invitations/begin", json!({"token": token, "password": PASSWORD})).await.json();
    let secret = base32(begun["secret"].as_str().unwrap());
    let now = totp::step(Unix::now().seconds());
    let confirm = |step: u64| json!({"token": token, "code": totp::code_at(&secret, step), "device": {"name": "laptop", "public_key": fixtures::key()}});
    assert_eq!(local("/invitations/confirm", confirm(now + 20)).await.slug(), "other-time", "his telephone is early");
    assert_eq!(local("/invitations/confirm", confirm(now - 20)).await.slug(), "other-time", "or late");
    let done = local("/invitations/confirm", confirm(now)).await.json();
    let device = done["device"]["id"].as_str().unwrap().parse().unwrap();
    (token, device, secret)
}

fn follow(token: &str, device: DeviceId) -> Value {
    json!({"token": token, "device": device})
}

impl Gateway {
    async fn join(&self, door: Door, token: &str, device: DeviceId) -> Heard {
        let mut request = Request::post("/api/v1/invitations/connection")
            .header(header::HOST, "door.example.org")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(follow(token, device).to_string()))
            .unwrap();
        request.extensions_mut().insert(door);
        let response = self.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        Heard::new(response)
    }
}

async fn next(heard: &mut Heard) -> Value {
    let (name, data) = heard.next().await.expect("it goes on");
    assert_eq!(name, "connection");
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_is_followed_until_something_of_the_office_answers() {
    let g = Gateway::new().await;
    let (token, device, _) = joined(&g).await;
    let mut heard = g.join(Door::Internet("198.51.100.7".parse().unwrap()), &token, device).await;
    let first = next(&mut heard).await;
    assert_eq!(
        (first["heard"].as_bool(), first["open"].as_bool(), &first["tried"]),
        (Some(false), Some(false), &Value::Null)
    );
    let knock = |endpoint: &str, rx: u64| PeerReport {
        device,
        endpoint: endpoint.parse().ok(),
        handshake_ms: Some(5),
        heard_ms: Some(5),
        busy_ms: None,
        rx,
        tx: 0,
    };
    g.net.say(&Report::Peers { peers: vec![knock("198.51.100.7:4000", 0)] });
    let knocked = next(&mut heard).await;
    assert_eq!((knocked["heard"].as_bool(), knocked["carries"].as_bool()), (Some(true), Some(false)));
    g.net.say(&Report::Peers { peers: vec![knock("198.51.100.7:4000", 90)] });
    let carries = next(&mut heard).await;
    assert_eq!((carries["carries"].as_bool(), carries["portal"].as_bool()), (Some(true), Some(false)));
    // Somebody else's page is not his.
    assert_eq!(g.ask(g.tunnel(g.anne.1).await, None, "GET", "/door", None).await.status, 200);
    assert_eq!(g.ask(g.tunnel(device).await, None, "GET", "/door", None).await.status, 200);
    assert_eq!(next(&mut heard).await["portal"], true);

    let bart = g.api.store.user("bart").await.unwrap().id;
    g.open((bart, device)).await;
    let open = next(&mut heard).await;
    assert_eq!((open["open"].as_bool(), &open["tried"]), (Some(true), &json!({"tried": "nothing"})));
    drop(heard);
    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    let group = write.add_group("studio").await.unwrap();
    write.add_member(group, bart).await.unwrap();
    let service = NewResource {
        kind: ResourceKind::Service,
        name: "intranet".into(),
        dns_names: Vec::new(),
        real4: Some("192.168.1.20/32".parse().unwrap()),
        real6: None,
        ports: vec![crate::link::message::Ports {
            transport: crate::link::message::Transport::Tcp,
            first: 443,
            last: 443,
        }],
    };
    let service = write.add_resource(&service).await.unwrap();
    write.add_policy(group, service, None, None).await.unwrap();
    let epoch = write.commit().await.unwrap();
    g.api.reconciler.carry_out(epoch, Wait::Complete).await.unwrap();
    let mut again = g.join(g.tunnel(device).await, &token, device).await;
    assert_eq!(next(&mut again).await["tried"], json!({"tried": "other", "name": "intranet"}));
    assert!(again.next().await.is_none(), "there is nothing left to wait for");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_with_one_key_are_seen() {
    let g = Gateway::new().await;
    let (token, device, _) = joined(&g).await;
    let mut heard = g.join(Gateway::office(), &token, device).await;
    // Nothing is looked at that nobody reads.
    let told = tokio::spawn(async move { while next(&mut heard).await["moves"] != 2 {} });
    for (round, endpoint) in
        ["198.51.100.7:1", "203.0.113.9:1", "198.51.100.7:2", "203.0.113.9:1"].into_iter().enumerate()
    {
        let rx = u64::try_from(round).unwrap() + 1;
        let report = PeerReport {
            device,
            endpoint: endpoint.parse().ok(),
            handshake_ms: Some(1),
            heard_ms: Some(1),
            busy_ms: None,
            rx,
            tx: 0,
        };
        g.net.say(&Report::Peers { peers: vec![report] });
        let from: std::net::SocketAddr = endpoint.parse().unwrap();
        let seen = async {
            while g.api.reconciler.live().of(device).endpoint != Some(from) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), seen).await.expect("it is told");
        // One look of the stream's.
        tokio::time::sleep(super::super::connection::EVERY * 3 / 2).await;
    }
    tokio::time::timeout(std::time::Duration::from_secs(10), told).await.expect("it is told").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_follows_another_s_device() {
    let g = Gateway::new().await;
    let (token, device, _) = joined(&g).await;
    let ask = async |door: Door, device: DeviceId| {
        g.ask(door, None, "POST", "/invitations/connection", Some(follow(&token, device))).await.status.as_u16()
    };
    assert_eq!(ask(Gateway::office(), g.anne.1).await, 404, "another person's");
    assert_eq!(ask(Gateway::office(), DeviceId::new()).await, 404, "nobody's");
    assert_eq!(ask(g.tunnel(g.anne.1).await, device).await, 404, "by another's tunnel");
    let held = [g.join(Gateway::office(), &token, device).await, g.join(Gateway::office(), &token, device).await];
    assert_eq!(ask(Gateway::office(), device).await, 429, "two pages are enough");
    drop(held);
    assert_eq!(ask(Gateway::office(), device).await, 200);

    let mut heard = g.join(Gateway::office(), &token, device).await;
    next(&mut heard).await;
    assert_eq!(g.ask(Door::Local, None, "POST", &format!("/devices/{device}/revoke"), None).await.status, 200);
    assert!(heard.next().await.is_none(), "it is no device any more");
    assert_eq!(ask(Gateway::office(), device).await, 404);
}
