//! What IT looks at: live, audit, health; who may, for how long, and what is noted of it.

use futures_util::StreamExt as _;
use serde_json::json;

use super::*;
use crate::clock::Unix;
use crate::link::message::{PeerReport, Report};
use crate::store::verifications::EndReason;

fn report(device: DeviceId, rx: u64, tx: u64) -> Report {
    let peer = PeerReport {
        device,
        endpoint: Some("203.0.113.7:51820".parse().unwrap()),
        handshake_ms: Some(10),
        heard_ms: Some(10),
        busy_ms: None,
        rx,
        tx,
    };
    Report::Peers { peers: vec![peer] }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_hears_who_is_there_and_how_much_passes() {
    let g = Gateway::new().await;
    let mut heard = g.hear("/live", Gateway::office(), Some(&g.session(g.ilse.0, None).await)).await;
    let (name, first) = heard.next().await.unwrap();
    assert_eq!((name.as_str(), first["devices"].clone(), first["open"].clone()), ("live", json!([]), json!(0)));
    g.open(g.anne).await;
    g.net.say(&report(g.anne.1, 1_000, 1_000));
    // Two pictures: the second knows what passed since the first.
    let mut bytes = 1_000;
    let busy = loop {
        bytes += 2_000_000;
        g.net.say(&report(g.anne.1, bytes, 1_000));
        let (_, live) = heard.next().await.unwrap();
        let device = live["devices"][0].clone();
        if device["rx_rate"].as_u64().unwrap_or(0) > 0 {
            assert_eq!((live["connected"].clone(), live["open"].clone()), (json!(1), json!(1)));
            assert_eq!(live["rx_rate"], device["rx_rate"]);
            break device;
        }
    };
    assert_eq!((busy["name"].as_str(), busy["login"].as_str()), (Some("laptop"), Some("anne")), "{busy}");
    assert!(busy["connected"] == true && busy["tx_rate"].as_u64() < busy["rx_rate"].as_u64(), "{busy}");
    assert!(busy["verification"].is_string() && busy["open_until"].is_i64());

    // Cut, it is gone from the next picture on.
    let cut = format!("/devices/{}/disable", g.anne.1);
    assert_eq!(g.ask(Door::Local, None, "POST", &cut, None).await.status, 200);
    while heard.next().await.unwrap().1["devices"] != json!([]) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_look_no_longer_hears_nothing_more() {
    let g = Gateway::new().await;
    let (ilse, desk) = g.ilse;
    let session = g.session(ilse, None).await;
    let token = g.token("screen", "live:read").await;
    g.open(g.ilse).await;
    let inside = g.session(ilse, Some(desk)).await;
    let mut at_office = g.hear("/live", Gateway::office(), Some(&session)).await;
    let mut program = g.hear("/live", Gateway::office(), Some(&token)).await;
    let mut in_tunnel = g.hear("/live", g.tunnel(desk).await, Some(&inside)).await;
    for heard in [&mut at_office, &mut program, &mut in_tunnel] {
        assert!(heard.next().await.is_some());
    }
    async fn ends(heard: &mut events::Heard) {
        // What was under way may still come; then nothing.
        for _ in 0..3 {
            if heard.next().await.is_none() {
                return;
            }
        }
        panic!("it goes on");
    }
    assert_eq!(g.ask(Gateway::office(), Some(&session), "POST", "/sign-out", None).await.status, 204);
    ends(&mut at_office).await;
    assert!(program.next().await.is_some() && in_tunnel.next().await.is_some(), "the others go on");
    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.revoke_token("screen").await.unwrap();
    write.end_of_device(desk, EndReason::Locked).await.unwrap();
    write.commit().await.unwrap();
    ends(&mut program).await;
    ends(&mut in_tunnel).await;
    let wrong = g.token("users", "users:write").await;
    assert_eq!(g.ask(Gateway::office(), Some(&wrong), "GET", "/live", None).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_administrator_has_four_streams_and_another_has_room_beside() {
    let g = Gateway::new().await;
    let session = g.session(g.ilse.0, None).await;
    let mut kept = Vec::new();
    for _ in 0..4 {
        kept.push(g.hear("/live", Gateway::office(), Some(&session)).await);
    }
    let fifth = g.ask(Gateway::office(), Some(&session), "GET", "/live", None).await;
    assert_eq!((fifth.status.as_u16(), fifth.slug().as_str()), (429, "too-many-attempts"));
    assert_eq!(g.ask(Door::Local, None, "GET", "/live", None).await.status, 200);
    drop(kept.pop());
    g.hear("/live", Gateway::office(), Some(&session)).await;
}

async fn lines(g: &Gateway, query: &str) -> Vec<Value> {
    let answered = g.ask(Door::Local, None, "GET", &format!("/audit?{query}"), None).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    answered.json().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_asked_by_whom_when_and_page_by_page() {
    let g = Gateway::new().await;
    let session = g.session(g.ilse.0, None).await;
    for n in 0..7 {
        let body = json!({"name": format!("g{n}")});
        assert_eq!(g.ask(Gateway::office(), Some(&session), "POST", "/groups", Some(body)).await.status, 201);
    }
    let mine = lines(&g, "actor=ilse&event=group_added").await;
    assert_eq!(mine.len(), 7);
    assert_eq!(lines(&g, "actor=local&event=group_added").await.len(), 0);
    let first = lines(&g, "event=group_added&limit=4").await;
    let rest = lines(&g, &format!("event=group_added&limit=4&older_than={}", first[3]["id"].as_str().unwrap())).await;
    assert_eq!([first, rest].concat(), mine);
    let at = mine[3]["at"].as_i64().unwrap();
    let (before, since) = (
        lines(&g, &format!("event=group_added&before={at}")).await,
        lines(&g, &format!("event=group_added&since={at}")).await,
    );
    assert_eq!(before.len() + since.len(), 7);
    assert!(since.iter().all(|line| line["at"].as_i64().unwrap() >= at));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_audit_is_noted_once_a_day_and_every_export() {
    let g = Gateway::new().await;
    let session = g.session(g.ilse.0, None).await;
    let token = g.token("siem", "audit:read").await;
    for _ in 0..3 {
        for shown in [&session, &token] {
            assert_eq!(g.ask(Gateway::office(), Some(shown), "GET", "/audit", None).await.status, 200);
        }
    }
    let read = lines(&g, "event=audit_read").await;
    let by: Vec<_> = read.iter().map(|line| line["actor"].as_str().unwrap()).collect();
    assert_eq!(by, ["token siem", "ilse"]);

    let hostile = json!({"name": "=cmd|' /C calc'!A0"});
    assert_eq!(g.ask(Gateway::office(), Some(&session), "POST", "/groups", Some(hostile)).await.status, 201);
    for format in ["csv", "json", "csv"] {
        let path = format!("/audit/export?format={format}&event=group_added");
        let file = g.ask(Gateway::office(), Some(&session), "GET", &path, None).await;
        assert_eq!(file.status, 200, "{}", file.text);
        let name = file.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(
            name.starts_with("attachment; filename=\"audit-2") && name.ends_with(&format!(".{format}\"")),
            "{name}"
        );
        match format {
            "csv" => assert!(file.text.lines().count() == 2 && file.text.contains("\"group_added\""), "{}", file.text),
            _ => assert_eq!(file.json()[0]["details"]["group"], "=cmd|' /C calc'!A0"),
        }
    }
    let exported = lines(&g, "event=audit_exported").await;
    let formats: Vec<_> = exported.iter().map(|line| line["details"]["format"].as_str().unwrap()).collect();
    assert_eq!(formats, ["csv", "json", "csv"]);
    // Nobody else, and nothing is noted of who tried.
    let anne = g.session(g.anne.0, None).await;
    let other = g.token("other", "users:write").await;
    for (shown, status) in [(Some(&anne), 404), (Some(&other), 403), (None, 401)] {
        for path in ["/audit", "/audit/export?format=csv"] {
            let refused = g.ask(Gateway::office(), shown.map(String::as_str), "GET", path, None).await;
            assert_eq!(refused.status, status, "{path}");
        }
    }
    assert_eq!(lines(&g, "event=audit_exported").await.len(), 3);
    assert_eq!(lines(&g, "event=audit_read&actor=anne").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_many_pages_is_whole() {
    let g = Gateway::new().await;
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    for _ in 0..2_500 {
        write.audit(&crate::audit::Event::SignedOut { user: "anne".into() }).await.unwrap();
    }
    write.commit().await.unwrap();
    let file = g.ask(Door::Local, None, "GET", "/audit/export?format=json&event=signed_out", None).await.json();
    let mut ids: Vec<_> = file.as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2_500);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_breaks_off_when_its_reader_may_look_no_longer() {
    let g = Gateway::new().await;
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    for _ in 0..2_500 {
        write.audit(&crate::audit::Event::SignedOut { user: "anne".into() }).await.unwrap();
    }
    write.commit().await.unwrap();
    let path = "/audit/export?format=json&event=signed_out";
    let begun = async |session: &str| {
        let request = Request::get(format!("/api/v1{path}")).header(header::HOST, "door.example.org");
        let mut request = request.header(header::COOKIE, session).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Gateway::office());
        let response = g.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().into_data_stream()
    };
    let (session, other) = (g.session(g.ilse.0, None).await, g.session(g.ilse.0, None).await);
    let mut export = begun(&session).await;
    // The head, and the first thousand.
    assert!(export.next().await.unwrap().is_ok() && export.next().await.unwrap().is_ok());
    let mut twin = begun(&other).await;
    let full = g.ask(Gateway::office(), Some(&session), "GET", path, None).await;
    assert_eq!(full.status, 429, "two at once");
    assert_eq!(g.ask(Gateway::office(), Some(&session), "POST", "/sign-out", None).await.status, 204);
    assert!(export.next().await.unwrap().is_err());
    let mut parts = 0;
    while let Some(part) = twin.next().await {
        parts += usize::from(part.is_ok());
    }
    assert_eq!(parts, 5, "head, three parts, foot: it goes on for who is signed in");
    drop((export, twin));
    assert_eq!(g.ask(Gateway::office(), Some(&other), "GET", path, None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_the_audit_is_kept_is_set_within_bounds() {
    let g = Gateway::new().await;
    let keep = async |access: u32| {
        let body = json!({"retention": {"access": access, "administration": 365, "security": 365}});
        g.ask(Door::Local, None, "PATCH", "/settings", Some(body)).await
    };
    let usual = json!({"access": 183, "administration": 365, "security": 365});
    assert_eq!(g.ask(Door::Local, None, "GET", "/settings", None).await.json()["retention"], usual);
    for days in [0, 29, 1097, u32::MAX] {
        let refused = keep(days).await;
        assert!(refused.status == 400 && refused.text.contains("30 to 1096"), "{}", refused.text);
    }
    let kept = keep(92).await.json();
    assert_eq!(kept["retention"]["access"], 92);
    assert_eq!(g.api.store.site().await.unwrap().unwrap().retention.access, 92);
    let told = lines(&g, "event=settings_changed").await;
    assert_eq!(told[0]["details"]["retention"]["access"], 92);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_check_by_check() {
    let g = Gateway::new().await;
    let health = async |g: &Gateway| g.ask(Door::Local, None, "GET", "/health", None).await.json();
    let state = |health: &Value, check: &str| {
        let line = health.as_array().unwrap().iter().find(|line| line["check"] == check).unwrap().clone();
        (line["state"].as_str().unwrap().to_owned(), line["detail"].as_str().unwrap_or_default().to_owned())
    };
    let first = health(&g).await;
    assert_eq!(first.as_array().unwrap().len(), 14);
    for check in ["data_plane", "second_lock", "clock", "storage"] {
        assert_eq!(state(&first, check), ("well".into(), String::new()), "{first}");
    }
    assert_eq!(state(&first, "other_firewalls").0, "unknown");
    let told = json!({"problem": "the chain ip filter FORWARD drops"});
    assert_eq!(g.ask(Door::Local, None, "PUT", "/health/firewalls", Some(told)).await.status, 204);
    assert_eq!(
        state(&health(&g).await, "other_firewalls"),
        ("trouble".into(), "the chain ip filter FORWARD drops".into())
    );
    assert_eq!(g.ask(Door::Local, None, "PUT", "/health/firewalls", Some(json!({}))).await.status, 204);
    assert_eq!(state(&health(&g).await, "other_firewalls").0, "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_nobody_touches_keeps_nobody_signed_in() {
    let g = Gateway::new().await;
    let minutes = |n: i64| Unix(Unix::now().0 - n * 60_000);
    let unused_since = |at: Unix| {
        let g = &g;
        async move {
            let token = WebToken::generate().unwrap();
            let then = Moment { wall: at, ..Moment::now() };
            let mut write = g.api.store.write(then, Actor::System).await.unwrap();
            write.begin_web_session(&token.hash(), g.ilse.0, None).await.unwrap();
            write.commit().await.unwrap();
            (token.set_cookie().split(';').next().unwrap().to_owned(), token.hash())
        }
    };
    let seen_at = |hash: String| {
        let g = &g;
        async move {
            let mut all = g.api.store.web_sessions_of(g.ilse.0, Unix::now()).await.unwrap().into_iter();
            all.find(|s| s.token_hash == hash).unwrap().seen_at
        }
    };
    let ask = |cookie: &str, method: &str, path: &str, marked: bool| {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let mut request = request.header(header::HOST, "door.example.org").header(header::COOKIE, cookie);
        if marked {
            request = request.header("passerelle-unattended", "1");
        }
        let body = if method == "GET" { Body::empty() } else { Body::from(json!({"name": "board"}).to_string()) };
        g.send(Gateway::office(), request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap())
    };

    // A quarter of an hour less a minute without use: polls are answered, and are no use.
    let at = minutes(14);
    let (cookie, hash) = unused_since(at).await;
    for path in ["/health", "/status", "/me", "/live"] {
        assert_eq!(ask(&cookie, "GET", path, true).await.status, 200, "{path}");
        assert_eq!(seen_at(hash.clone()).await, at, "{path}");
    }
    // The same by somebody's hand is; and a change always is one.
    assert_eq!(ask(&cookie, "GET", "/health", false).await.status, 200);
    assert!(seen_at(hash).await > at);
    let (cookie, hash) = unused_since(at).await;
    assert_eq!(ask(&cookie, "POST", "/groups", true).await.status, 201);
    assert!(seen_at(hash).await > at);

    let (cookie, _) = unused_since(minutes(15)).await;
    for marked in [true, false] {
        let over = ask(&cookie, "GET", "/health", marked).await;
        assert_eq!((over.status.as_u16(), over.slug().as_str()), (401, "not-signed-in"));
    }
}
