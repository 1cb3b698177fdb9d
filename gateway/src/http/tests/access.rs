//! Publishing an office share, previewing and changing who may reach what, and asking about another day.

use serde_json::json;

use super::*;
use crate::clock::Unix;

const LATER: i64 = 60 * 60 * 1000;

async fn local(g: &Gateway, method: &str, path: &str, body: Value) -> Answered {
    g.ask(Door::Local, None, method, path, Some(body)).await
}

/// Anne in `studio`, Ilse in nothing; `files` and `cad` published.
async fn studio(g: &Gateway) {
    for (path, body) in [
        ("/groups", json!({"name": "studio"})),
        ("/groups", json!({"name": "board"})),
        ("/groups/studio/members", json!({"user": "anne"})),
        ("/groups/board/members", json!({"user": "anne"})),
        ("/resources", json!({"kind": "share", "name": "files", "address4": "192.168.1.20"})),
        ("/resources", json!({"kind": "workstation", "name": "cad", "address4": "192.168.1.21"})),
    ] {
        let added = local(g, "POST", path, body).await;
        assert!(added.status.is_success(), "{path}: {}", added.text);
    }
}

fn told(preview: &Value) -> Vec<(String, String, bool, bool)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let one =
        |d: &Value| (text(&d["user"]), text(&d["resource_name"]), d["gains"] == json!(true), d["loses"] == json!(true));
    preview["differences"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_what_is_saved() {
    let g = Gateway::new().await;
    studio(&g).await;
    let wanted = json!({"add": [{"group": "studio", "resource": "files"},
        {"group": "studio", "resource": "cad", "hours": "Mo-Fr 07:00-20:00"}]});
    let preview = local(&g, "POST", "/policies/preview", wanted.clone()).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    let preview = preview.json();
    assert_eq!(
        told(&preview),
        [("anne".into(), "cad".into(), true, false), ("anne".into(), "files".into(), true, false)]
    );
    assert_eq!(preview["differences"][0]["before"], json!([]));
    assert_eq!(preview["differences"][0]["after"], json!([{"hours": "Mo-Fr 07:00-20:00", "until": null}]));
    assert_eq!(g.ask(Door::Local, None, "GET", "/policies", None).await.json(), json!([]), "a preview changes nothing");

    // Ilse joins the group: she would gain, too, and nobody saw that.
    let mut change = wanted;
    change["seen"] = preview["seen"].clone();
    let joined = local(&g, "POST", "/groups/studio/members", json!({"user": "ilse"})).await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    let refused = local(&g, "POST", "/policies/change", change.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (409, "outdated"), "{}", refused.text);
    assert_eq!(g.ask(Door::Local, None, "GET", "/policies", None).await.json(), json!([]), "nothing is changed");
    let left = g.ask(Door::Local, None, "DELETE", "/groups/studio/members/ilse", None).await;
    assert_eq!(left.status, 200, "{}", left.text);
    let changed = local(&g, "POST", "/policies/change", change.clone()).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(changed.json()["closed_in_ms"].is_u64());
    let policies = g.ask(Door::Local, None, "GET", "/policies", None).await.json();
    assert_eq!(policies.as_array().unwrap().len(), 2);
    // Twice the same: it holds already.
    let again = local(&g, "POST", "/policies/change", change).await;
    assert_eq!((again.status.as_u16(), again.slug().as_str()), (409, "outdated"), "{}", again.text);

    // By another group of hers she keeps it: nobody loses. Then the last one goes.
    let files = policies.as_array().unwrap().iter().find(|p| p["resource_name"] == "files").unwrap()["id"].clone();
    let moved = json!({"add": [{"group": "board", "resource": "files"}], "remove": [files]});
    let preview = local(&g, "POST", "/policies/preview", moved.clone()).await.json();
    assert_eq!(told(&preview), []);
    assert_eq!(local(&g, "POST", "/policies/change", moved.clone()).await.status, 200);
    let gone = local(&g, "POST", "/policies/preview", moved).await;
    assert_eq!((gone.status.as_u16(), gone.slug().as_str()), (409, "outdated"), "{}", gone.text);
    let policies = g.ask(Door::Local, None, "GET", "/policies", None).await.json();
    let all: Vec<_> = policies.as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
    let preview = local(&g, "POST", "/policies/preview", json!({"remove": all})).await.json();
    assert_eq!(
        told(&preview),
        [("anne".into(), "cad".into(), false, true), ("anne".into(), "files".into(), false, true)]
    );
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=policy_added", None).await;
    assert_eq!(audit.json().as_array().unwrap().len(), 3, "{}", audit.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_whole_or_not_at_all() {
    let g = Gateway::new().await;
    studio(&g).await;
    let good = json!({"group": "studio", "resource": "files"});
    for (bad, status, named) in [
        (json!({"group": "nobody", "resource": "cad"}), 404, "no group `nobody`"),
        (json!({"group": "studio", "resource": "nothing"}), 404, "no resource `nothing`"),
        (json!({"group": "studio", "resource": "cad", "hours": "always"}), 400, "add[1].hours"),
        (json!({"group": "studio", "resource": "cad", "until": 1}), 400, "add[1].until"),
        (json!({"group": "studio", "resource": "cad", "until": 9_000_000_000_000_i64}), 400, "add[1].until"),
        (good.clone(), 409, "may reach files already"),
    ] {
        for path in ["/policies/preview", "/policies/change"] {
            let answered = local(&g, "POST", path, json!({"add": [good, bad]})).await;
            assert_eq!(answered.status.as_u16(), status, "{path} {bad}: {}", answered.text);
            assert!(answered.text.contains(named), "{path} {bad}: {}", answered.text);
        }
    }
    let many = vec![good.clone(); 501];
    assert_eq!(local(&g, "POST", "/policies/change", json!({"add": many})).await.status, 400);
    assert_eq!(g.ask(Door::Local, None, "GET", "/policies", None).await.json(), json!([]));
    assert_eq!(local(&g, "POST", "/policies/change", json!({"add": [good]})).await.status, 200, "the good twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_taken_goes_through_without_the_database() {
    let g = Gateway::new().await;
    studio(&g).await;
    let added = local(&g, "POST", "/policies", json!({"group": "studio", "resource": "files"})).await.json();
    let take = json!({"remove": [added["id"]]});
    let give = json!({"add": [{"group": "studio", "resource": "cad"}], "remove": [added["id"]]});
    fixtures::refuse(&g.api.store, true).await;
    let given = local(&g, "POST", "/policies/change", give).await;
    assert_eq!((given.status.as_u16(), given.slug().as_str()), (503, "cannot-store"), "{}", given.text);
    let taken = local(&g, "POST", "/policies/change", take).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["stored"]), (202, &json!("soon")), "{}", taken.text);
    fixtures::refuse(&g.api.store, false).await;
    assert_eq!(local(&g, "POST", "/groups", json!({"name": "any"})).await.status, 201);
    assert_eq!(g.ask(Door::Local, None, "GET", "/policies", None).await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_share_is_published_whole_or_not_at_all() {
    let g = Gateway::new().await;
    let dc = |n: u8| json!({"dns_name": format!("dc{n}.rossi.lan"), "address4": format!("192.168.1.{n}")});
    let share = |controllers: Value| json!({"dns_name": "Files.rossi.lan.", "address4": "192.168.1.20", "controllers": controllers});
    let before = g.stored().await;
    for (bad, status, named) in [
        (share(json!([dc(10), {"dns_name": "dc", "address4": "192.168.1.11"}])), 400, "controllers[1].dns_name"),
        (share(json!([dc(10), {"dns_name": "dc2.rossi.lan", "address4": "x"}])), 400, "controllers[1].address4"),
        (share(json!([{"dns_name": "dc2.rossi.lan"}])), 400, "controllers[0].address4"),
        (share(json!([dc(20)])), 400, "this machine is named twice"),
        (share(json!([dc(10), dc(10)])), 400, "controllers[1].address4"),
        (share(json!([{"dns_name": "files.rossi.lan", "address4": "192.168.1.10"}])), 409, "controllers[0].dns_name"),
        (share(json!([{"dns_name": "files.other.lan", "address4": "192.168.1.10"}])), 409, "controllers[0].name"),
        (share(Value::Array((1..=9).map(dc).collect())), 400, "at most 8"),
        (json!({"dns_name": "files", "address4": "192.168.1.20"}), 400, "dns_name: "),
        (json!({"dns_name": "files.rossi.lan"}), 400, "an address is needed"),
    ] {
        let answered = local(&g, "POST", "/resources/office-share", bad.clone()).await;
        assert_eq!(answered.status.as_u16(), status, "{bad}: {}", answered.text);
        assert!(answered.text.contains(named), "{bad}: {}", answered.text);
        assert!(g.stored().await == before, "{bad}: something was stored");
    }
    let added = local(&g, "POST", "/resources/office-share", share(json!([dc(10), dc(11)]))).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let added = added.json();
    let named = |name: &str| added.as_array().unwrap().iter().find(|r| r["name"] == name).unwrap().clone();
    let opens = |r: &Value, transport: &str, port: u64| {
        let within = |p: &Value| p["first"].as_u64() <= Some(port) && Some(port) <= p["last"].as_u64();
        r["ports"].as_array().unwrap().iter().any(|p| p["transport"] == transport && within(p))
    };
    let (files, dc10) = (named("files"), named("dc10"));
    assert_eq!((&files["kind"], &dc10["kind"]), (&json!("share"), &json!("service")));
    assert_eq!(files["dns_names"], json!(["files.rossi.internal", "files.rossi.lan"]));
    assert_eq!(files["ports"], json!([{"transport": "tcp", "first": 445, "last": 445}]));
    for (transport, port) in [("tcp", 88), ("udp", 88), ("tcp", 445), ("udp", 389), ("tcp", 49152), ("tcp", 65535)] {
        assert!(opens(&dc10, transport, port), "{transport} {port}");
    }
    for (transport, port) in [("tcp", 53), ("tcp", 636), ("tcp", 3389), ("tcp", 9389), ("udp", 137), ("tcp", 49151)] {
        assert!(!opens(&dc10, transport, port), "{transport} {port}");
    }
    assert!(g.ask(Door::Local, None, "GET", "/policies", None).await.json() == json!([]), "nobody may reach it yet");

    // A server that is its own controller is one machine, under one name.
    let one = json!({"dns_name": "srv.rossi.lan", "name": "server", "address4": "192.168.1.30", "is_controller": true});
    let one = local(&g, "POST", "/resources/office-share", one).await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert!(one[0]["name"] == "server" && opens(&one[0], "tcp", 88) && opens(&one[0], "tcp", 445), "{one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_ports_change_and_nothing_else_does() {
    let g = Gateway::new().await;
    studio(&g).await;
    let of = async |name: &str| {
        let all = g.ask(Door::Local, None, "GET", "/resources", None).await.json();
        all.as_array().unwrap().iter().find(|r| r["name"] == name).cloned()
    };
    let before = of("files").await.unwrap();
    let change = json!({"name": "archive", "dns_names": ["srv.rossi.lan"], "address4": "192.168.1.44"});
    let changed = local(&g, "PATCH", "/resources/files", change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let after = of("archive").await.unwrap();
    assert_eq!((&after["id"], &after["alias4"], &after["ports"]), (&before["id"], &before["alias4"], &before["ports"]));
    assert_eq!(after["dns_names"], json!(["archive.rossi.internal", "srv.rossi.lan"]));
    assert_eq!(after["address4"], "192.168.1.44");
    let web = json!([{"transport": "tcp", "first": 443, "last": 443}]);
    assert_eq!(local(&g, "PATCH", "/resources/archive", json!({"ports": web})).await.status, 200);
    assert_eq!(of("archive").await.unwrap()["ports"].as_array().unwrap().len(), 2, "SMB stays");
    for (path, body, status) in [
        ("/resources/archive", json!({"name": "cad"}), 409),
        ("/resources/cad", json!({"dns_names": ["srv.rossi.lan"]}), 409),
        ("/resources/cad", json!({"ports": web}), 400),
        ("/resources/cad", json!({"address4": "192.168.1.0/24"}), 400),
        ("/resources/none", json!({"name": "x"}), 404),
    ] {
        let refused = local(&g, "PATCH", path, body.clone()).await;
        assert_eq!(refused.status.as_u16(), status, "{path} {body}: {}", refused.text);
    }
    assert_eq!(of("archive").await.unwrap()["dns_names"], after["dns_names"]);
    assert_eq!(local(&g, "PATCH", "/resources/archive", json!({})).await.status, 200, "nothing asked, nothing changed");
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=resource_changed", None).await;
    assert!(audit.text.contains("\"former\":\"files\""), "{}", audit.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_is_answered_for_another_day_too() {
    let g = Gateway::new().await;
    studio(&g).await;
    let hours = json!({"group": "studio", "resource": "files", "hours": "Mo-Fr 07:00-20:00"});
    assert_eq!(local(&g, "POST", "/policies", hours).await.status, 201);
    let now = Unix::now().0;
    let ends = json!({"group": "studio", "resource": "cad", "until": now + 2 * LATER});
    assert_eq!(local(&g, "POST", "/policies", ends).await.status, 201);
    g.open(g.anne).await;
    // The next Wednesday and Sunday at noon in Brussels, whatever today is.
    let zone = jiff::tz::TimeZone::get("Europe/Brussels").unwrap();
    let today = jiff::Timestamp::from_millisecond(now).unwrap().to_zoned(zone);
    let noon = |day| {
        let next = today.date().nth_weekday(1, day).unwrap().at(12, 0, 0, 0);
        next.in_tz("Europe/Brussels").unwrap().timestamp().as_millisecond()
    };
    let (wednesday, sunday) = (noon(jiff::civil::Weekday::Wednesday), noon(jiff::civil::Weekday::Sunday));
    let why = async |resource: &str, at: Option<i64>| {
        let at = at.map_or(String::new(), |at| format!("&at={at}"));
        g.ask(Door::Local, None, "GET", &format!("/why?user=anne&resource={resource}{at}"), None).await.json()
    };
    let reasons = |why: &Value| -> Vec<String> {
        let all = why["devices"][0]["reasons"].as_array().unwrap();
        all.iter().map(|r| r["reason"].as_str().unwrap().to_owned()).collect()
    };
    // By then the door is locked again; the hours are what differs.
    assert_eq!(reasons(&why("files", Some(wednesday)).await), ["locked"]);
    let on_sunday = why("files", Some(sunday)).await;
    assert_eq!(reasons(&on_sunday), ["locked", "outside_hours"]);
    assert_eq!(on_sunday["policies"][0]["hours"], "Mo-Fr 07:00-20:00");
    assert_eq!(on_sunday["at"], sunday);
    assert_eq!(why("cad", None).await["devices"][0]["verdict"], "allow");
    assert_eq!(why("cad", Some(now + LATER)).await["devices"][0]["verdict"], "allow");
    assert!(reasons(&why("cad", Some(now + 3 * LATER)).await).contains(&"policy_ended".to_owned()));
    for (at, status) in [(now - LATER, 400), (i64::MAX, 400), (i64::MIN, 400), (now, 200)] {
        let path = format!("/why?user=anne&resource=cad&at={at}");
        assert_eq!(g.ask(Door::Local, None, "GET", &path, None).await.status.as_u16(), status, "{at}");
    }
}
