//! Journeys: from the invitation to the open door, and what is refused on the way.

use std::time::Instant;

use provisioning::totp;
use serde_json::json;

use super::*;
use crate::clock::Unix;

/// Waits for a moment with half a step before the codes change: a journey that uses the previous one takes a second.
async fn early_in_a_step() {
    while Unix::now().seconds() % 30 > 15 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn code(back: u64) -> String {
    totp::code_at(&fixtures::SECRET, Unix::now().seconds() / 30 - back)
}

fn sign_in(user: &str, password: &str, code: &str) -> Option<Value> {
    Some(json!({"user": user, "password": password, "code": code}))
}

#[tokio::test(flavor = "multi_thread")]
async fn password_and_code_open_the_door_of_this_device() {
    let g = Gateway::new().await;
    let (_, laptop) = g.anne;
    let door = g.tunnel(laptop).await;
    let before = g.ask(door, None, "GET", "/door", None).await.json();
    assert_eq!(before["state"], "locked");
    assert_eq!(before["device"]["user"], "ANNE");

    early_in_a_step().await;
    let used = code(1);
    let wrong = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, "000000")).await;
    let unknown = g.ask(door, None, "POST", "/sign-in", sign_in("nobody-here", PASSWORD, &used)).await;
    let password = g.ask(door, None, "POST", "/sign-in", sign_in("anne", "wrong password", &used)).await;
    // Ilse is right in every way, but this is Anne's laptop.
    let other = g.ask(door, None, "POST", "/sign-in", sign_in("ilse", PASSWORD, &used)).await;
    for refused in [&unknown, &password, &other] {
        assert_eq!((refused.status, &refused.text), (wrong.status, &wrong.text));
        assert_eq!(refused.slug(), "wrong-credentials");
        assert!(refused.cookie.is_none());
    }
    assert_eq!(g.net.open(laptop), Some(false));

    let right = g.ask(door, None, "POST", "/sign-in", sign_in(" Anne ", PASSWORD, &used)).await;
    assert_eq!(right.status, 200, "{}", right.text);
    assert_eq!(right.json()["door"]["state"], "open");
    assert_eq!(g.net.open(laptop), Some(true));
    let cookie = right.cookie.unwrap();
    assert!(cookie.starts_with(COOKIE));
    assert_eq!(g.ask(door, Some(&cookie), "GET", "/me", None).await.json()["login"], "anne");
    let again = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &used)).await;
    assert_eq!(again.slug(), "wrong-credentials", "a code is good once");

    let extended = g.ask(door, None, "POST", "/extend", Some(json!({"code": code(0)}))).await;
    assert_eq!(extended.status, 200, "{}", extended.text);
    let locked = g.ask(door, Some(&cookie), "POST", "/lock", None).await;
    assert_eq!(locked.json()["state"], "locked");
    assert_eq!(g.net.open(laptop), Some(false));
    assert_eq!(g.ask(door, None, "POST", "/extend", Some(json!({"code": code(0)}))).await.status, 403);
    let recovery = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, fixtures::RECOVERY)).await;
    assert_eq!(recovery.status, 200, "{}", recovery.text);
    assert_eq!(recovery.json()["me"]["recovery_codes_left"], 0);
    let spent = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, fixtures::RECOVERY)).await;
    assert_eq!(spent.slug(), "wrong-credentials");

    let audit = g.ask(Door::Local, None, "GET", "/audit?user=anne", None).await;
    for event in ["door_opened", "door_extended", "door_locked", "signed_in", "sign_in_refused"] {
        assert!(audit.text.contains(event), "{event}");
    }
    for secret in [PASSWORD, "wrong password", used.as_str(), fixtures::RECOVERY] {
        assert!(!audit.text.contains(&format!("\"{secret}\"")));
    }
    let refused = g.ask(Door::Local, None, "GET", "/audit?event=sign_in_refused", None).await.text;
    assert!(refused.contains("other_device") && !refused.contains("nobody-here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_equal_codes_at_once_sign_in_once() {
    let g = Arc::new(Gateway::new().await);
    let door = g.tunnel(g.anne.1).await;
    let used = code(0);
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (g, used) = (g.clone(), used.clone());
            tokio::spawn(async move {
                g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &used)).await.status.as_u16()
            })
        })
        .collect();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for one in tries {
        *statuses.entry(one.await.unwrap()).or_default() += 1;
    }
    assert_eq!(statuses.get(&200), Some(&1), "{statuses:?}");
    assert!(statuses.keys().all(|s| [200, 401, 429].contains(s)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_are_told_to_wait_alike() {
    let g = Gateway::new().await;
    for user in ["anne", "nobody-here"] {
        let mut statuses = Vec::new();
        for n in 0..7 {
            let door = Door::Office(format!("192.168.7.{}", 10 + n).parse().unwrap());
            let answered = g.ask(door, None, "POST", "/sign-in", sign_in(user, "wrong password", "000000")).await;
            if answered.status == 429 {
                assert_eq!(answered.headers[header::RETRY_AFTER], "30");
                assert_eq!(answered.json()["retry_after"], 30);
            }
            statuses.push(answered.status.as_u16());
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{user}");
    }
    // … and so is a source that tries many names.
    let mut last = 0;
    for n in 0..31 {
        let who = format!("who{n}");
        last = g.ask(Gateway::office(), None, "POST", "/sign-in", sign_in(&who, "x", "0")).await.status.as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_device_locks_nobody_else_out() {
    let g = Gateway::new().await;
    let six = async |device: DeviceId| Door::Tunnel(g.api.store.device(device).await.unwrap().address6.into());
    let (thief, own) = (six(g.ilse.1).await, g.tunnel(g.anne.1).await);
    let mut last = 0;
    for n in 0..31 {
        let door = if n % 2 == 0 { thief } else { g.tunnel(g.ilse.1).await };
        last = g.ask(door, None, "POST", "/sign-in", sign_in("anne", "wrong password", "0")).await.status.as_u16();
    }
    assert_eq!(last, 429, "both addresses of a device are one source");
    // Neither the login that was tried nor the neighbours in the same /64 suffer.
    let right = g.ask(six(g.anne.1).await, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &code(0))).await;
    assert_eq!(right.status, 200, "{}", right.text);
    // On one's own device tries count as ever.
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses
            .push(g.ask(own, None, "POST", "/sign-in", sign_in("anne", "wrong password", "0")).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offices_listener_is_not_for_the_tunnel() {
    let g = Gateway::new().await;
    let device = g.api.store.device(g.ilse.1).await.unwrap();
    let cookie = g.session(g.ilse.0, None).await;
    for from in [device.address4.into(), IpAddr::from(device.address6)] {
        let answered = g.ask(Door::Office(from), Some(&cookie), "GET", "/users", None).await;
        assert_eq!(answered.status, 404, "{from}");
    }
    assert_eq!(g.ask(Gateway::office(), Some(&cookie), "GET", "/users", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_not_waited_for() {
    let g = Gateway::new().await;
    let request = Request::post("/api/v1/sign-in")
        .header(header::HOST, "door.example.org")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::new(Never))
        .unwrap();
    let sent = tokio::time::timeout(std::time::Duration::from_secs(20), g.send(Gateway::office(), request)).await;
    assert_eq!(sent.expect("it is waited for").slug(), "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_becomes_a_person_with_a_device() {
    let g = Gateway::new().await;
    let local = async |method: &str, path: &str, body: Value| g.ask(Door::Local, None, method, path, Some(body)).await;
    let added = local("POST", "/users", json!({"login": "Bart", "name": "Bart", "language": "nl"})).await;
    assert_eq!((added.status.as_u16(), added.json()["login"].as_str()), (201, Some("bart")));
    let device = json!({"user": "bart", "name": "first", "public_key": fixtures::key()});
    let device = local("POST", "/devices", device).await.json()["id"].as_str().unwrap().to_owned();
    let withheld = local("GET", &format!("/devices/{device}/config"), Value::Null).await;
    assert_eq!((withheld.status.as_u16(), withheld.slug().as_str()), (409, "factor-not-confirmed"));
    let device_id: DeviceId = device.parse().unwrap();
    assert_eq!(g.net.open(device_id), None, "no tunnel without a factor");

    let token =
        local("POST", "/invitations", json!({"user": "bart"})).await.json()["token"].as_str().unwrap().to_owned();
    let whom = local("POST", "/invitations/inspect", json!({"token": token})).await.json();
    assert_eq!((whom["login"].as_str(), whom["language"].as_str()), (Some("bart"), Some("nl")));
    let early = local("POST", "/invitations/confirm", json!({"token": token, "code": "000000"})).await;
    assert_eq!(early.slug(), "invitation-void");
    for (password, slug) in [("short", "password-too-short"), ("bart-bart-bart", "password-guessable")] {
        let weak = local("POST", "/invitations/begin", json!({"token": token, "password": password})).await;
        assert_eq!((weak.status.as_u16(), weak.slug().as_str()), (422, slug));
    }
    let begun = local("POST", "/invitations/begin", json!({"token": token, "password": PASSWORD})).await.json();
    assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let secret = base32(begun["secret"].as_str().unwrap());
    let now = Unix::now().seconds() / 30;
    let wrong = local("POST", "/invitations/confirm", json!({"token": token, "code": "000000"})).await;
    assert_eq!(wrong.slug(), "wrong-credentials");
    let body = json!({"token": token, "code": totp::code_at(&secret, now - 1),
        "device": {"name": "laptop", "public_key": fixtures::key()}});
    let redeemed = local("POST", "/invitations/confirm", body.clone()).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text);
    let redeemed = redeemed.json();
    assert_eq!(redeemed["recovery_codes"].as_array().unwrap().len(), 10);
    let config = redeemed["config"].as_str().unwrap();
    assert!(config.contains("AllowedIPs = 10.91.0.0/16, fd6b:10f3:77aa::/48") && config.contains("MTU = 1340"));
    assert_eq!(local("POST", "/invitations/confirm", body).await.slug(), "invitation-void");
    assert_eq!(g.net.open(device_id), Some(false), "with the factor the tunnel is there, and locked");
    assert_eq!(local("GET", &format!("/devices/{device}/config"), Value::Null).await.status, 200);

    let laptop: DeviceId = redeemed["device"]["id"].as_str().unwrap().parse().unwrap();
    let preshared = |text: &str| text.lines().find_map(|l| l.strip_prefix("PresharedKey = ")).unwrap().to_owned();
    let of_peer = |id: DeviceId| -> String {
        g.net.0.lock().unwrap().state.peers[&id].peer.preshared_key.clone().unwrap().into()
    };
    assert_eq!(of_peer(laptop), preshared(config));
    let again = local("GET", &format!("/devices/{laptop}/config"), Value::Null).await.json();
    assert_eq!(preshared(again["config"].as_str().unwrap()), preshared(config));
    assert_ne!(of_peer(laptop), of_peer(device_id), "each device has its own");
    let door = g.tunnel(laptop).await;
    let enrolment = totp::code_at(&secret, now - 1);
    let spent = g.ask(door, None, "POST", "/sign-in", sign_in("bart", PASSWORD, &enrolment)).await;
    assert_eq!(spent.slug(), "wrong-credentials", "enrolment spent its step");
    let fresh = totp::code_at(&secret, Unix::now().seconds() / 30);
    assert_eq!(g.ask(door, None, "POST", "/sign-in", sign_in("bart", PASSWORD, &fresh)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_is_explained_and_what_is_revoked_is_gone_at_once() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let local =
        async |method: &str, path: &str, body: Option<Value>| g.ask(Door::Local, None, method, path, body).await;
    let why = async || {
        let why = local("GET", "/why?user=anne&resource=files", None).await.json();
        let device = why["devices"][0].clone();
        let reasons: Vec<_> = device["reasons"].as_array().cloned().unwrap_or_default();
        let reasons: Vec<_> = reasons.iter().map(|r| r["reason"].as_str().unwrap().to_owned()).collect();
        (device["verdict"].as_str().unwrap_or_default().to_owned(), reasons, device)
    };
    let share = json!({"kind": "share", "name": "files", "address4": "192.168.1.20", "dns_names": ["SRV.rossi.lan."]});
    let share = local("POST", "/resources", Some(share)).await;
    assert_eq!(share.status, 201, "{}", share.text);
    assert_eq!(share.json()["dns_names"], json!(["files.rossi.internal", "srv.rossi.lan"]));
    assert!(share.json()["alias6"].is_null());
    for bad in [
        json!({"kind": "share", "name": "files", "address4": "192.168.1.21"}),
        json!({"kind": "share", "name": "other", "address4": "192.168.1.21", "dns_names": ["srv.rossi.lan"]}),
    ] {
        assert_eq!(local("POST", "/resources", Some(bad)).await.slug(), "already-exists");
    }
    for bad in [
        json!({"kind": "share", "name": "a b", "address4": "192.168.1.21"}),
        json!({"kind": "share", "name": "x"}),
        json!({"kind": "share", "name": "x", "address4": "10.91.0.1"}),
        json!({"kind": "share", "name": "x", "address4": "127.0.0.1"}),
        json!({"kind": "share", "name": "x", "address4": "192.168.1.2", "dns_names": ["gateway.rossi.internal"]}),
        json!({"kind": "share", "name": "x", "address4": "192.168.1.2", "dns_names": ["door.example.org"]}),
        json!({"kind": "share", "name": "gateway", "address4": "192.168.1.2"}),
        json!({"kind": "share", "name": "x", "address4": "192.168.1.0/24"}),
        json!({"kind": "workstation", "name": "x", "address4": "192.168.1.2", "ports": [{"transport": "tcp", "first": 1, "last": 2}]}),
        json!({"kind": "service", "name": "x", "address4": "192.168.1.2"}),
        json!({"kind": "network", "name": "x", "address4": "192.168.1.2"}),
        json!({"kind": "network", "name": "x", "address4": "192.168.1.2/24"}),
        json!({"kind": "network", "name": "x", "address4": "192.168.0.0/16"}),
        json!({"kind": "network", "name": "x", "address4": "0.0.0.0/24"}),
        json!({"kind": "network", "name": "x", "address4": "10.91.7.0/24"}),
        json!({"kind": "network", "name": "x", "address4": "192.168.1.0/24", "dns_names": ["srv2.rossi.lan"]}),
        json!({"kind": "network", "name": "x", "address6": "2001:db8::/48"}),
        json!({"kind": "printer", "name": "x", "address4": "192.168.1.2"}),
    ] {
        assert_eq!(local("POST", "/resources", Some(bad)).await.slug(), "invalid-request");
    }
    assert_eq!(why().await.1, ["locked", "no_policy"]);
    local("POST", "/groups", Some(json!({"name": "staff"}))).await;
    local("PUT", "/users/anne/groups", Some(json!({"groups": ["staff"]}))).await;
    let policy = local("POST", "/policies", Some(json!({"group": "staff", "resource": "files"}))).await.json();
    assert_eq!(why().await.1, ["locked"]);
    g.open((anne, laptop)).await;
    let (verdict, _, device) = why().await;
    assert_eq!((verdict.as_str(), device["policy"].as_str()), ("allow", Some("staff → files")));
    let door = g.tunnel(laptop).await;
    let seen = g.ask(door, None, "GET", "/door", None).await.json();
    assert_eq!(seen["resources"][0]["dns_name"], "srv.rossi.lan", "as the office knows it");

    let status = local("GET", "/status", None).await.json();
    assert_eq!((status["link"].as_str(), status["epoch"].clone()), (Some("up"), status["carried_out"].clone()));
    let peers = status["peers"].as_array().unwrap();
    assert!(peers.iter().any(|p| p["login"] == "anne" && p["open_for_ms"].as_u64().is_some()));

    local("DELETE", &format!("/policies/{}", policy["id"].as_str().unwrap()), None).await;
    assert_eq!(why().await.1, ["no_policy"]);
    assert!(g.net.0.lock().unwrap().state.peers[&laptop].grants.is_empty());
    let revoked = local("POST", &format!("/devices/{laptop}/revoke"), None).await.json();
    assert_eq!(g.net.open(laptop), None);
    assert!(revoked["closed_in_ms"].as_u64().unwrap() < 1000);
    assert_eq!(g.ask(door, None, "GET", "/door", None).await.status, 404);
    let enabled = local("POST", &format!("/devices/{laptop}/enable"), None).await;
    assert_eq!(enabled.slug(), "revoked");
    assert_eq!(local("GET", "/why?user=anne&resource=files", None).await.json()["reasons"][0]["reason"], "no_device");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_nobody_has_is_named_and_so_is_what_it_was_taken_for() {
    let g = Gateway::new().await;
    let local = async |method: &str, path: &str, body| g.ask(Door::Local, None, method, path, body).await;
    local("POST", "/groups", Some(json!({"name": "staff"}))).await;
    let share = json!({"kind": "share", "name": "files", "address4": "192.168.1.20"});
    assert_eq!(local("POST", "/resources", Some(share)).await.status, 201);
    let user = |user: &str, groups: &[&str]| Some(json!({"login": user, "groups": groups}));
    let policy = |group: &str, resource: &str| Some(json!({"group": group, "resource": resource}));
    for (method, path, body, detail) in [
        ("POST", "/policies", policy("none", "files"), "no group `none`"),
        ("POST", "/policies", policy("staff", "none"), "no resource `none`"),
        ("GET", "/why?user=zoe&resource=files", None, "no user `zoe`"),
        ("GET", "/why?user=anne&resource=none", None, "no resource `none`"),
        ("POST", "/users", user("wim", &["none"]), "no group `none`"),
        ("PUT", "/users/anne/groups", Some(json!({"groups": ["none"]})), "no group `none`"),
        ("POST", "/invitations", Some(json!({"user": "zoe"})), "no user `zoe`"),
        ("DELETE", "/resources/none", None, "no resource `none`"),
        ("DELETE", "/groups/none", None, "no group `none`"),
        ("GET", "/users/nobody", None, "no user `nobody`"),
        ("POST", "/users/zoe/disable", None, "no user `zoe`"),
        ("GET", "/audit?user=zoe", None, "no user `zoe`"),
        ("POST", "/verifications/foo/end", None, "no verification `foo`"),
        ("GET", "/devices/foo", None, "no device `foo`"),
    ] {
        let answered = local(method, path, body).await;
        assert_eq!((answered.status.as_u16(), answered.json()["detail"].as_str()), (404, Some(detail)), "{path}");
    }
    let nonsense = local("GET", "/audit?event=nonsense", None).await;
    assert!(nonsense.status == 400 && nonsense.text.contains("device_added"), "{}", nonsense.text);
    let near = local("GET", "/audit?event=device_gone", None).await;
    let told = ["device_revoked", "user_added"].map(|name| near.text.contains(name));
    assert_eq!(told, [true, false], "{}", near.text);
    assert_eq!(local("GET", "/audit?event=user_added", None).await.status, 200);
    let anne = g.session(g.anne.0, None).await;
    let hidden = g.ask(Gateway::office(), Some(&anne), "GET", "/users/zoe", None).await;
    assert_eq!((hidden.status.as_u16(), hidden.json()["detail"].clone()), (404, Value::Null), "a user learns nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_is_not_shut_out_and_why_says_only_what_helps() {
    let g = Gateway::new().await;
    let local = async |method: &str, path: &str, body| g.ask(Door::Local, None, method, path, body).await;
    let refused = local("POST", "/users/ilse/disable", None).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (409, "last-administrator"));
    assert!(g.api.store.user("ilse").await.unwrap().disabled_at.is_none());
    assert_eq!(local("POST", "/users/anne/disable", None).await.status, 200);
    let share = json!({"kind": "share", "name": "files", "address4": "192.168.1.20"});
    local("POST", "/resources", Some(share)).await;
    let why = local("GET", "/why?user=anne&resource=files", None).await.json();
    let reasons: Vec<_> =
        why["devices"][0]["reasons"].as_array().unwrap().iter().map(|r| r["reason"].clone()).collect();
    assert!(reasons.contains(&json!("user_disabled")) && !reasons.contains(&json!("locked")), "{reasons:?}");
    local("POST", "/users", Some(json!({"login": "wim"}))).await;
    let why = local("GET", "/why?user=wim&resource=files", None).await.json();
    let cure = why["reasons"][0]["cure"].as_str().unwrap();
    assert!(cure.contains("invitation add wim") && !cure.contains("device add"), "{cure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_after_the_data_plane_has_closed() {
    let g = Gateway::new().await;
    let mut times = Vec::new();
    for n in 0..60 {
        let (user, device) = fixtures::person(&g.api.store, &format!("u{n}"), Role::User, "x").await;
        g.open((user, device)).await;
        let from = Instant::now();
        let answered = g.ask(Door::Local, None, "POST", &format!("/devices/{device}/revoke"), None).await;
        times.push(from.elapsed());
        assert_eq!(answered.status, 200);
        assert_eq!(g.net.open(device), None);
    }
    times.sort();
    eprintln!("revocation through the API: median {:?}, worst of 60 {:?}", times[30], times[59]);
    g.net.mood(crate::reconcile::tests::Mood::Silent);
    let late = g.ask(Door::Local, None, "POST", "/users/anne/disable", None).await;
    assert_eq!((late.status.as_u16(), late.slug().as_str()), (503, "not-confirmed"));
    assert!(g.api.store.user("anne").await.unwrap().disabled_at.is_some(), "stored all the same");
}

/// A body of which nothing ever comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_network_has_aliases_of_its_own_and_keeps_its_size() {
    let g = Gateway::new().await;
    let local = async |method: &str, path: &str, body: Value| g.ask(Door::Local, None, method, path, Some(body)).await;
    let add = json!({"kind": "network", "name": "lan", "address4": "192.168.1.0/24", "address6": "2001:db8:1::/64"});
    let lan = local("POST", "/resources", add).await.json();
    assert_eq!(
        (lan["alias4"].as_str(), lan["alias6"].as_str()),
        (Some("10.91.129.0/24"), Some("fd6b:10f3:77aa:8100::/64"))
    );
    assert_eq!(lan["dns_names"], json!([]));
    assert_eq!(lan["ports"].as_array().unwrap().len(), 2, "every port of both");
    let pc = json!({"kind": "workstation", "name": "pc-1", "address4": "192.168.1.30"});
    let pc = local("POST", "/resources", pc).await.json();
    assert_eq!((pc["alias4"].as_str(), pc["ports"][0]["first"].as_i64()), (Some("10.91.130.0"), Some(3389)));
    let wider = local("PUT", "/resources/lan/address", json!({"address4": "192.168.0.0/23"})).await;
    assert_eq!((wider.status.as_u16(), wider.slug().as_str()), (400, "invalid-request"), "{}", wider.text);
    let moved = local("PUT", "/resources/lan/address", json!({"address4": "172.16.5.0/24"})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let kinds = g.ask(Door::Local, None, "GET", "/resources?kind=network", None).await.json();
    assert_eq!((kinds.as_array().unwrap().len(), kinds[0]["address4"].as_str()), (1, Some("172.16.5.0/24")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_for_its_hours() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    g.open((anne, laptop)).await;
    let local = async |method: &str, path: &str, body: Value| g.ask(Door::Local, None, method, path, Some(body)).await;
    local("POST", "/resources", json!({"kind": "share", "name": "files", "address4": "192.168.1.20"})).await;
    local("POST", "/groups", json!({"name": "staff"})).await;
    local("PUT", "/users/anne/groups", json!({"groups": ["staff"]})).await;
    let brussels = jiff::tz::TimeZone::get("Europe/Brussels").unwrap();
    let hour = jiff::Timestamp::now().to_zoned(brussels).hour();
    let outside =
        if hour < 21 { format!("Mo-Su {:02}:00-{:02}:00", hour + 2, hour + 3) } else { "Mo-Su 12:00-13:00".into() };
    let inside = "Mo-Su 00:00-24:00".to_owned();
    let why = async || g.ask(Door::Local, None, "GET", "/why?user=anne&resource=files", None).await.json();
    for (hours, verdict) in [(outside, "deny"), (inside, "allow")] {
        let policy = json!({"group": "staff", "resource": "files", "hours": hours});
        let policy = local("POST", "/policies", policy).await;
        assert_eq!((policy.status.as_u16(), policy.json()["hours"].as_str()), (201, Some(hours.as_str())));
        let device = why().await["devices"][0].clone();
        assert_eq!(device["verdict"], verdict, "{hours}: {device}");
        if verdict == "deny" {
            assert_eq!(device["reasons"][0]["reason"], "outside_hours");
        }
        let granted = !g.net.0.lock().unwrap().state.peers[&laptop].grants.is_empty();
        assert_eq!(granted, verdict == "allow", "{hours}");
        let door = g.ask(g.tunnel(laptop).await, None, "GET", "/door", None).await.json();
        let of = |list: &str| door[list].as_array().unwrap().len();
        assert_eq!((of("resources"), of("later")), if granted { (1, 0) } else { (0, 1) }, "{door}");
        if !granted {
            let begins = door["later"][0]["opens_at"].as_i64().unwrap() - Moment::now().wall.0;
            assert!((0..24 * 3_600_000).contains(&begins), "{door}");
            assert_eq!((&door["later"][0]["name"], &door["later"][0]["kind"]), (&json!("files"), &json!("share")));
        }
        let id = policy.json()["id"].as_str().unwrap().to_owned();
        g.ask(Door::Local, None, "DELETE", &format!("/policies/{id}"), None).await;
    }
    let bad = json!({"group": "staff", "resource": "files", "hours": "all day"});
    assert_eq!(local("POST", "/policies", bad).await.slug(), "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_at_once_and_bad_ones_do_not() {
    let g = Gateway::new().await;
    let local = async |method: &str, body: Option<Value>| g.ask(Door::Local, None, method, "/settings", body).await;
    let before = local("GET", None).await.json();
    assert_eq!(
        (before["public_name"].as_str(), before["masquerade"].as_bool()),
        (Some("door.example.org"), Some(true))
    );
    for bad in [
        json!({"organisation": ""}),
        json!({"organisation": "a\nb"}),
        json!({"endpoint": "door.example.org"}),
        json!({"endpoint": "door example.org:51820"}),
        json!({"endpoint": "door.example.org:0"}),
        json!({"office_interface": "lo"}),
        json!({"office_interface": "a/b"}),
        json!({"time_zone": "Mars/Olympus"}),
        json!({"resolvers": []}),
        json!({"resolvers": ["0.0.0.0:53"]}),
        json!({"resolvers": ["192.168.1.1"]}),
        json!({"office_zones": ["corp..lan"]}),
        json!({"office_zones": ["rossi.internal"]}),
        json!({"public_name": "other.example.org"}),
    ] {
        assert_eq!(local("PATCH", Some(bad.clone())).await.slug(), "invalid-request", "{bad}");
    }
    assert_eq!(local("GET", None).await.json(), before, "nothing was lost");
    let snapshots = g.net.0.lock().unwrap().snapshots;
    let change = json!({"resolvers": ["192.168.1.53:53"], "office_zones": ["Corp.lan.", "lan"], "masquerade": false});
    let after = local("PATCH", Some(change)).await.json();
    assert_eq!(
        (after["resolvers"][0].as_str(), after["office_zones"][0].as_str()),
        (Some("192.168.1.53:53"), Some("corp.lan"))
    );
    let held = g.net.0.lock().unwrap().state.interface.clone().unwrap();
    assert_eq!((held.masquerade, held.resolvers.len()), (false, 1));
    assert!(
        held.private_zones.contains(&"corp.lan".to_owned()) && !held.private_zones.contains(&"rossi.lan".to_owned())
    );
    assert_eq!(g.net.0.lock().unwrap().snapshots, snapshots + 1);
    // What the data plane need not know takes no snapshot.
    assert_eq!(local("PATCH", Some(json!({"time_zone": "Europe/Madrid"}))).await.status, 200);
    assert_eq!(g.net.0.lock().unwrap().snapshots, snapshots + 1);
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=settings_changed", None).await.json();
    assert_eq!(audit.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_database_was_put_back_it_confirms_who_may_get_in() {
    let g = Gateway::new().await;
    let door = g.tunnel(g.anne.1).await;
    let program = g.token("monitoring", "status:read").await;
    let invited = g.ask(Door::Local, None, "POST", "/invitations", Some(json!({"user": "anne"}))).await.json();
    let confirm = async || g.ask(Door::Local, None, "POST", "/status/confirm-people", None).await.status.as_u16();
    assert_eq!(confirm().await, 404, "nothing to confirm");
    early_in_a_step().await;
    let seen = code(1);
    g.api.store.lock_everything(Moment::now(), "test").await.unwrap();
    assert!(g.ask(Door::Local, None, "GET", "/status", None).await.json()["restored_at"].is_i64());
    let half = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, "000000")).await;
    assert_eq!(half.slug(), "wrong-credentials", "the right password alone learns nothing");
    g.api.store.forget_steps().await;
    let right = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &code(0))).await;
    assert_eq!((right.status.as_u16(), right.slug().as_str()), (403, "restored"));
    let wrong = g.ask(door, None, "POST", "/sign-in", sign_in("anne", "wrong password", &code(0))).await;
    assert_eq!(wrong.slug(), "wrong-credentials", "strangers learn nothing");
    let asked = g.ask(Gateway::office(), Some(&program), "GET", "/status", None).await;
    assert_eq!(asked.status, 401);
    let token = json!({"token": invited["token"]});
    assert_eq!(g.ask(Door::Local, None, "POST", "/invitations/inspect", Some(token)).await.slug(), "invitation-void");

    assert_eq!(confirm().await, 204);
    for spent in [seen, code(0)] {
        let answered = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &spent)).await;
        assert_eq!(answered.slug(), "wrong-credentials", "codes of before may have been used");
    }
    let recovery = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, fixtures::RECOVERY)).await;
    assert_eq!(recovery.slug(), "wrong-credentials", "so may recovery codes");
    assert_eq!(
        g.ask(Gateway::office(), Some(&program), "GET", "/status", None).await.status,
        401,
        "and tokens revoked"
    );
    g.api.store.forget_steps().await;
    let right = g.ask(door, None, "POST", "/sign-in", sign_in("anne", PASSWORD, &code(0))).await;
    assert_eq!(right.status, 200, "with a code of later: {}", right.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_many_changes_at_once_waits_and_nobody_else_does() {
    let g = Gateway::new().await;
    let (anne, ilse) = (g.tunnel(g.anne.1).await, g.tunnel(g.ilse.1).await);
    let typed = |user: &str| Some(json!({ "user": user, "password": PASSWORD, "code": "000000" }));
    // Nothing is written meanwhile, so all are under way at once.
    let held = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let flood = (0..40).map(|_| g.ask(anne, None, "POST", "/sign-in", typed("nobody")));
    let flood = futures_util::future::join_all(flood);
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        drop(held);
        g.ask(ilse, None, "POST", "/sign-in", typed("ilse")).await
    };
    let (flood, other) = tokio::join!(flood, other);
    let waiting = flood.iter().filter(|a| a.status == 429).count();
    assert!(waiting >= 32, "{waiting} of 40 were told to wait");
    assert_eq!(other.status, 401, "{}", other.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_keep_their_own_devices_and_nobody_elses() {
    let g = Gateway::new().await;
    let office = Gateway::office();
    let (anne, ilse) = (g.session(g.anne.0, None).await, g.session(g.ilse.0, None).await);
    let mine = async |cookie: &str| g.ask(office, Some(cookie), "GET", "/me/devices", None).await.json();
    assert_eq!(mine(&anne).await.as_array().unwrap().len(), 1);
    let add = |name: &str| Some(json!({ "name": name, "public_key": fixtures::key() }));
    let added = g.ask(office, Some(&anne), "POST", "/me/devices", add("telephone")).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let (device, config) = (added.json()["device"]["id"].clone(), added.json()["config"].clone());
    assert!(config.as_str().unwrap().contains("# PrivateKey = "), "{config}");
    assert!(g.net.open(device.as_str().unwrap().parse().unwrap()).is_some(), "it has a tunnel");
    let path = format!("/me/devices/{}/revoke", device.as_str().unwrap());
    let others = g.ask(office, Some(&ilse), "POST", &path, None).await;
    let nobodys = g.ask(office, Some(&ilse), "POST", &format!("/me/devices/{}/revoke", DeviceId::new()), None).await;
    assert_eq!((others.status.as_u16(), others.json()["detail"].clone()), (404, nobodys.json()["detail"].clone()));
    let lost = g.ask(office, Some(&anne), "POST", &path, None).await;
    assert_eq!(lost.status, 200, "{}", lost.text);
    assert_eq!(g.net.open(device.as_str().unwrap().parse().unwrap()), None, "before the answer");
    assert_eq!(mine(&anne).await.as_array().unwrap().len(), 1);
    for n in 0..9 {
        assert_eq!(g.ask(office, Some(&anne), "POST", "/me/devices", add(&format!("d{n}"))).await.status, 201);
    }
    let many = g.ask(office, Some(&anne), "POST", "/me/devices", add("one too many")).await;
    assert_eq!((many.status.as_u16(), many.slug().as_str()), (409, "too-many"));
    // From a device whose door is locked: shut out, yes; add, no.
    let (door, cookie) = (g.tunnel(g.ilse.1).await, g.session(g.ilse.0, Some(g.ilse.1)).await);
    assert_eq!(g.ask(door, Some(&cookie), "POST", "/me/devices", add("telephone")).await.status, 403);
    let own = format!("/me/devices/{}/revoke", g.ilse.1);
    assert_eq!(g.ask(door, Some(&cookie), "POST", &own, None).await.status, 200);
}
