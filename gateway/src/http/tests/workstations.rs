//! Office PCs: who sees them, who wakes them, and what they are told.

use serde_json::json;

use super::*;
use crate::clock::Unix;

/// A PC that Anne may use, and one that she may not; both on loopback, where nobody answers to RDP.
async fn office() -> Gateway {
    let g = Gateway::new().await;
    let (hers, _) =
        (fixtures::workstation(&g.api.store, "hers").await, fixtures::workstation(&g.api.store, "other").await);
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let group = write.add_group("staff").await.unwrap();
    write.add_member(group, g.anne.0).await.unwrap();
    write.add_policy(group, hers, None, None).await.unwrap();
    write.commit().await.unwrap();
    g.api.fleet.reload(&g.api.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    g
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_wake_the_pcs_they_may_use_and_no_others() {
    let g = office().await;
    let door = g.tunnel(g.anne.1).await;
    assert_eq!(g.ask(door, None, "POST", "/me/workstations/hers/wake", None).await.status, 403, "locked");
    g.open(g.anne).await;
    let seen = g.ask(door, None, "GET", "/me/workstations", None).await.json();
    let names: Vec<&str> = seen.as_array().unwrap().iter().map(|pc| pc["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hers"]);
    let shown: std::collections::BTreeSet<&str> = seen[0].as_object().unwrap().keys().map(String::as_str).collect();
    for secret in ["by", "macs", "address", "agent", "id"] {
        assert!(!shown.contains(secret), "{secret} is IT's business");
    }
    for path in ["/me/workstations/other/wake", "/me/workstations/nowhere/wake"] {
        assert_eq!(g.ask(door, None, "POST", path, None).await.status, 404, "{path}");
    }
    // On loopback there is no way to it; it has to be known by something to be tried.
    let woken = g.ask(door, None, "POST", "/me/workstations/hers/wake", None).await;
    assert_eq!((woken.status.as_u16(), woken.json()["phase"].clone()), (202, json!("sent")), "{}", woken.text);
    // A second one joins the first.
    let joined = g.ask(door, None, "POST", "/me/workstations/hers/wake", None).await;
    assert_eq!(joined.json()["began_at"], woken.json()["began_at"]);
    let seen = g.ask(door, None, "GET", "/me/workstations", None).await.json();
    assert!(seen[0]["wake"].is_object(), "{seen}");
    assert_eq!(g.ask(door, None, "DELETE", "/me/workstations/hers/wake", None).await.status, 204);
    let waits = async || loop {
        let seen = g.ask(door, None, "GET", "/me/workstations", None).await.json();
        if !seen[0]["wake"]["outcome"].is_null() {
            return seen[0]["wake"]["outcome"].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(10), waits()).await.unwrap(), json!("cancelled"));
    let soon = g.ask(door, None, "POST", "/me/workstations/hers/wake", None).await;
    assert_eq!(soon.status, 429, "{}", soon.text);
    assert!(soon.headers.contains_key(header::RETRY_AFTER));
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=wake_begun", None).await.json();
    assert_eq!(audit.as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(audit[0]["actor"], "anne");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_what_a_pc_lacks_and_sets_when_it_wakes() {
    let g = office().await;
    let pc = g.ask(Door::Local, None, "GET", "/workstations/hers", None).await.json();
    assert_eq!((pc["state"].clone(), pc["reason"].clone()), (json!("unknown"), json!("never_heard")));
    assert_eq!(pc["wakeable"], json!({"answer": "no", "because": "no_address"}));
    let change = json!({"macs": ["3C-52-82-11-22-33"], "wake_hours": "mo-fr 07:30-18:00", "sleep_again": true});
    let pc = g.ask(Door::Local, None, "PATCH", "/workstations/hers", Some(change)).await.json();
    assert_eq!(pc["macs"], json!(["3c:52:82:11:22:33"]));
    assert_eq!((pc["wake_hours"].clone(), pc["sleep_again"].clone()), (json!("Mo-Fr 07:30-18:00"), json!(true)));
    let never = g.ask(Door::Local, None, "PATCH", "/workstations/hers", Some(json!({"wake_hours": "never"}))).await;
    assert_eq!(never.json()["wake_hours"], json!(null));
    for wrong in ["ff:ff:ff:ff:ff:ff", "3c:52:82:11:22", "00:00:00:00:00:00"] {
        let said = g.ask(Door::Local, None, "PATCH", "/workstations/hers", Some(json!({"macs": [wrong]}))).await;
        assert_eq!(said.status, 400, "{wrong}");
    }
    let asleep = g.ask(Door::Local, None, "POST", "/workstations/hers/sleep", None).await;
    assert_eq!((asleep.status.as_u16(), asleep.slug()), (409, "agent-away".to_owned()));
    let nobody = g.ask(Door::Local, None, "GET", "/workstations/nobody", None).await;
    assert_eq!(nobody.status, 404);
    let wide = g.ask(Door::Local, None, "GET", "/workstations/hers/steps?from=0&to=999999999999", None).await;
    assert_eq!(wide.status, 400, "{}", wide.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_agents_are_to_tell() {
    let g = office().await;
    let settings = g.ask(Door::Local, None, "GET", "/settings", None).await.json();
    assert_eq!((settings["agent_names"].clone(), settings["programs"].clone()), (json!(false), json!([])));
    let set = async |body: Value| g.ask(Door::Local, None, "PATCH", "/settings", Some(body)).await;
    let programs = json!([
        {"name": "Sage", "look": {"at": "path", "path": "C:\\Program Files\\Sage"}},
        {"name": "CAD", "look": {"at": "registry", "key": "SOFTWARE\\Vendor\\CAD"}},
        {"name": "Writer", "look": {"at": "package", "name": "libreoffice-writer"}},
    ]);
    let said = set(json!({"agent_names": true, "programs": programs})).await;
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!((said.json()["agent_names"].clone(), said.json()["programs"].clone()), (json!(true), programs.clone()));
    // Once more is no change.
    set(json!({"agent_names": true, "programs": programs})).await;
    let audit = g.ask(Door::Local, None, "GET", "/audit", None).await.json();
    let told: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| {
            ["agent_names_changed", "programs_changed", "settings_changed"].contains(&line["event"].as_str().unwrap())
        })
        .map(|line| (line["event"].clone(), line["details"].clone()))
        .collect();
    let wanted = [
        (json!("programs_changed"), json!({"programs": ["Sage", "CAD", "Writer"]})),
        (json!("agent_names_changed"), json!({"names": true})),
    ];
    assert_eq!(told, wanted);
    for (wrong, why) in [
        (json!([{"name": "", "look": {"at": "path", "path": "/x"}}]), "programs: 1: name"),
        (json!([{"name": "x", "look": {"at": "path", "path": "\\\\server\\share"}}]), "programs: 1: path"),
        (json!([{"name": "x", "look": {"at": "registry", "key": "HKLM\\x"}}]), "programs: 1: key"),
        (json!([{"name": "x", "look": {"at": "package", "name": "X"}}]), "programs: 1: package"),
        (json!([{"name": "x", "look": {"at": "nowhere"}}]), "programs[0].look.at"),
        (json!([{"name": "x", "look": {"at": "path", "path": "/x", "key": "y"}}]), "key"),
        (json!([{"name": "x", "look": {"at": "path", "path": "/x"}, "run": "y"}]), "run"),
    ] {
        let said = set(json!({"programs": wrong})).await;
        assert!(said.status == 400 && said.text.contains(why), "{wrong}: {}", said.text);
    }
    assert_eq!(g.ask(Door::Local, None, "GET", "/settings", None).await.json()["programs"], programs);
    assert_eq!(set(json!({"programs": []})).await.json()["programs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_bounded() {
    let g = office().await;
    let add = async |body: Value| g.ask(Door::Local, None, "POST", "/agents/tokens", Some(body)).await;
    let issued = add(json!({"name": "desk", "workstation": "hers"})).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let secret = issued.json()["secret"].as_str().unwrap().to_owned();
    let token: agent::token::Token = secret.parse().unwrap();
    let listed = g.ask(Door::Local, None, "GET", "/agents/tokens", None).await;
    assert!(!listed.text.contains(&secret) && !listed.text.contains(&token.secret.hash()), "{}", listed.text);
    let now = Unix::now().0;
    for (body, why) in [
        (json!({"name": "x", "uses": 0}), "uses"),
        (json!({"name": "x", "uses": 1001}), "uses"),
        (json!({"name": "x", "workstation": "hers", "uses": 2}), "workstation"),
        (json!({"name": "x", "workstation": "nowhere"}), "no "),
        (json!({"name": "x", "hosts": []}), "hosts"),
        (json!({"name": "x", "hosts": [{"host": "a"}, {"host": "A"}]}), "hosts: 2: host"),
        (json!({"name": "x", "hosts": [{"host": "a", "workstation": "nowhere"}]}), "hosts: 1: workstation"),
        (
            json!({"name": "x", "hosts": [{"host": "a", "workstation": "hers"}, {"host": "b", "workstation": "Hers"}]}),
            "hosts: 2: workstation",
        ),
        (json!({"name": "x", "uses": 2, "approves": true}), "approves"),
        (json!({"name": "x", "until": now - 1}), "until"),
        (json!({"name": "x", "until": now + 40 * 86_400_000}), "until"),
    ] {
        let said = add(body.clone()).await;
        assert!((400..500).contains(&said.status.as_u16()) && said.text.contains(why), "{body}: {}", said.text);
    }
    assert_eq!(g.ask(Door::Local, None, "GET", "/agents/tokens", None).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_pcs_are_approved_at_once() {
    let g = office().await;
    let ask = async |method: &str, path: &str, body: Option<Value>| g.ask(Door::Local, None, method, path, body).await;
    let hosts = json!([{"host": "PC-1", "workstation": "hers"}, {"host": "PC-2"}]);
    let issued = ask("POST", "/agents/tokens", Some(json!({"name": "roll-out", "hosts": hosts}))).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let token = issued.json()["token"].clone();
    assert_eq!(token["uses"], json!(2), "as many as are listed");
    let wanted = json!([
        {"host": "pc-1", "workstation": "hers", "agent": null}, {"host": "pc-2", "workstation": null, "agent": null}
    ]);
    assert_eq!(token["hosts"], wanted);
    assert_eq!(ask("GET", "/agents/tokens", None).await.json()[0]["hosts"], wanted);

    // Of others, each looks like what it says, until IT has decided.
    let secret: agent::token::Token =
        ask("POST", "/agents/tokens", Some(json!({"name": "many", "uses": 40}))).await.json()["secret"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
    for host in ["Hers", "other.corp.lan", "new"] {
        g.api.store.enrol(&secret.secret.hash(), host, host, Moment::now()).await.unwrap().unwrap();
    }
    let waiting = ask("GET", "/agents", None).await.json();
    let like: Vec<_> =
        waiting.as_array().unwrap().iter().map(|a| (a["host"].clone(), a["suggestion"].clone())).collect();
    let named = |name: &str| json!({"workstation": name, "by": "name"});
    let wanted =
        [(json!("new"), json!(null)), (json!("other.corp.lan"), named("other")), (json!("Hers"), named("hers"))];
    assert_eq!(like, wanted);
    assert_eq!(waiting[0]["publishable"], json!(false), "nobody knows where it is");
    let agents = json!({"agents": [
        {"agent": "hers", "workstation": "hers"}, {"agent": "new"}, {"agent": "nobody", "workstation": "other"},
        {"agent": "other.corp.lan", "workstation": "other"}, {"agent": "new", "workstation": "nowhere"},
    ]});
    let done = ask("POST", "/agents/approve", Some(agents)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    let approved: Vec<_> = done["approved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["workstation"].clone(), a["suggestion"].clone()))
        .collect();
    assert_eq!(approved, [(json!("other"), json!(null)), (json!("hers"), json!(null))]);
    let refused: Vec<_> = done["refused"].as_array().unwrap().iter().map(|r| r["agent"].clone()).collect();
    assert_eq!(refused, [json!("new"), json!("nobody"), json!("new")], "{done}");
    assert!(done["refused"][0]["why"].as_str().unwrap().contains("not connected"), "{done}");
    for wrong in [json!({"agents": []}), json!({"agents": vec![json!({"agent": "x"}); 1001]})] {
        assert_eq!(ask("POST", "/agents/approve", Some(wrong)).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_followed() {
    let g = office().await;
    let mut heard = g.hear("/workstations/events", Gateway::office(), Some(&g.session(g.ilse.0, None).await)).await;
    let (name, all) = heard.next().await.unwrap();
    assert_eq!((name.as_str(), all.as_array().unwrap().len()), ("workstations", 2));
    let hers = g.api.fleet.states().into_iter().find(|s| s.name == "hers").unwrap().id;
    g.api.fleet.probed(hers, crate::pure::workstation::Probe::Rdp, None, Moment::now());
    let (name, changed) = heard.next().await.unwrap();
    assert_eq!((name.as_str(), changed.as_array().unwrap().len()), ("changed", 1));
    assert_eq!((changed[0]["name"].clone(), changed[0]["state"].clone()), (json!("hers"), json!("stale")));
    // However many look on, it is reckoned once for all of them, and anew when something has changed.
    let looked = futures_util::future::join_all((0..9).map(|_| g.api.seen_by_all())).await;
    let looked: Vec<_> = looked.into_iter().map(|all| all.unwrap()).collect();
    assert!(looked.iter().all(|all| Arc::ptr_eq(all, &looked[0])));
    g.api.fleet.probed(hers, crate::pure::workstation::Probe::Network, None, Moment::now());
    assert!(!Arc::ptr_eq(&g.api.seen_by_all().await.unwrap(), &looked[0]));
    assert_eq!(heard.next().await.unwrap().0, "changed");
    fixtures::workstation(&g.api.store, "third").await;
    g.api.fleet.reload(&g.api.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    let (name, all) = heard.next().await.unwrap();
    assert_eq!((name.as_str(), all.as_array().unwrap().len()), ("workstations", 3));
}
