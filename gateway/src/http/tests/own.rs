//! What people do for themselves: how they sign in, where they are signed in, what is stored about them, their drives.

use std::collections::BTreeSet;

use provisioning::totp;
use serde_json::json;

use super::*;
use crate::clock::Unix;
use crate::pure::home_work::Reply;
use crate::store::passkeys::Credential;
use crate::store::resources::NewResource;

const NEW: &str = "nine silver spoons in a drawer";

fn code(secret: &[u8], back: u64) -> String {
    totp::code_at(secret, Unix::now().seconds() / 30 - back)
}

fn proof(password: &str, code: &str) -> Option<Value> {
    Some(json!({"password": password, "code": code}))
}

impl Gateway {
    async fn office_sign_in(&self, password: &str, code: &str) -> Answered {
        let body = json!({"user": "anne", "password": password, "code": code});
        self.ask(Self::office(), None, "POST", "/sign-in", Some(body)).await
    }

    async fn events(&self) -> BTreeSet<String> {
        let lines = self.ask(Door::Local, None, "GET", "/audit?user=anne&limit=1000", None).await.json();
        lines.as_array().unwrap().iter().map(|l| l["event"].as_str().unwrap().to_owned()).collect()
    }

    /// A share that the group `workshop`, with Anne in it, may reach.
    async fn share(&self, name: &str, real: &str) {
        let mut write = self.api.store.write(Moment::now(), Actor::System).await.unwrap();
        let group = write.add_group(&format!("group-{name}")).await.unwrap();
        write.add_member(group, self.anne.0).await.unwrap();
        let share = NewResource {
            kind: ResourceKind::Share,
            name: name.into(),
            dns_names: Vec::new(),
            real4: Some(real.parse().unwrap()),
            real6: None,
            ports: vec![crate::link::message::Ports {
                transport: crate::link::message::Transport::Tcp,
                first: 445,
                last: 445,
            }],
        };
        let share = write.add_resource(&share).await.unwrap();
        write.add_policy(group, share, None, None).await.unwrap();
        let epoch = write.commit().await.unwrap();
        self.api.reconciler.carry_out(epoch, Wait::Complete).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_takes_the_old_ones_place_and_ends_other_sessions() {
    let g = Gateway::new().await;
    let (here, stolen) = (g.session(g.anne.0, None).await, g.session(g.anne.0, None).await);
    let ilse = g.session(g.ilse.0, None).await;
    let office = Gateway::office();
    let change = async |password: &str, code: &str, new: &str| {
        let body = json!({"proof": {"password": password, "code": code}, "new_password": new});
        g.ask(office, Some(&here), "POST", "/me/password", Some(body)).await
    };
    // Her own session and either half of the proof are not enough.
    let used = code(&fixtures::SECRET, 0);
    assert_eq!(change("wrong", &used, NEW).await.slug(), "wrong-credentials");
    assert_eq!(change(PASSWORD, "000000", NEW).await.slug(), "wrong-credentials");
    // A weak one is refused before anything is counted or spent.
    for _ in 0..10 {
        assert_eq!(change(PASSWORD, &used, "short").await.slug(), "password-too-short");
    }
    assert_eq!(change(PASSWORD, &used, "anne and her cat anne").await.slug(), "password-guessable");
    assert_eq!(g.ask(office, Some(&stolen), "GET", "/me", None).await.status, 200);
    let done = change(PASSWORD, &used, NEW).await;
    assert_eq!(done.status, 204, "{}", done.text);
    assert_eq!(g.ask(office, Some(&here), "GET", "/me", None).await.status, 200);
    assert_eq!(g.ask(office, Some(&stolen), "GET", "/me", None).await.status, 401);
    assert_eq!(g.ask(office, Some(&ilse), "GET", "/me", None).await.status, 200, "nobody else's");
    // The code is spent, too.
    assert_eq!(change(NEW, &used, "another nine silver spoons").await.slug(), "wrong-credentials");
    assert_eq!(g.office_sign_in(PASSWORD, fixtures::RECOVERY).await.slug(), "wrong-credentials");
    assert_eq!(g.office_sign_in(NEW, fixtures::RECOVERY).await.status, 200);
    assert!(g.events().await.contains("password_changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_in_a_stolen_session_has_to_wait() {
    let g = Gateway::new().await;
    let stolen = g.session(g.anne.0, None).await;
    let mut statuses = Vec::new();
    for path in ["/me/recovery-codes", "/me/factor/begin", "/me/recovery-codes"].iter().cycle().take(7) {
        let answered = g.ask(Gateway::office(), Some(&stolen), "POST", path, proof("wrong", "000000")).await;
        statuses.push(answered.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    assert_eq!(g.office_sign_in(PASSWORD, &code(&fixtures::SECRET, 0)).await.status, 429, "one count with sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_recovery_codes_replace_the_old_ones() {
    let g = Gateway::new().await;
    let (cookie, office) = (g.session(g.anne.0, None).await, Gateway::office());
    let renewed =
        g.ask(office, Some(&cookie), "POST", "/me/recovery-codes", proof(PASSWORD, &code(&fixtures::SECRET, 0))).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    let codes = renewed.json()["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    assert_eq!(g.office_sign_in(PASSWORD, fixtures::RECOVERY).await.slug(), "wrong-credentials");
    assert_eq!(g.office_sign_in(PASSWORD, codes[0].as_str().unwrap()).await.status, 200);
    let me = g.ask(office, Some(&cookie), "GET", "/me", None).await.json();
    assert_eq!(me["recovery_codes_left"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_telephone_takes_over_with_its_first_code() {
    let g = Gateway::new().await;
    let (here, other, office) = (g.session(g.anne.0, None).await, g.session(g.anne.0, None).await, Gateway::office());
    // The old telephone is lost: a recovery code does.
    let begun = g.ask(office, Some(&here), "POST", "/me/factor/begin", proof(PASSWORD, fixtures::RECOVERY)).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let secret = base32(begun.json()["secret"].as_str().unwrap());
    let confirm = async |cookie: &str, code: &str| {
        g.ask(office, Some(cookie), "POST", "/me/factor/confirm", Some(json!({"code": code}))).await
    };
    // Until then the old one's codes are right, and another session confirms nothing.
    assert_eq!(confirm(&other, &code(&secret, 0)).await.status, 404);
    assert_eq!(confirm(&here, "000000").await.slug(), "wrong-credentials");
    let old = g.office_sign_in(PASSWORD, &code(&fixtures::SECRET, 0)).await;
    assert_eq!(old.status, 200, "{}", old.text);
    let confirmed = confirm(&here, &code(&secret, 1)).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.text);
    assert_eq!(confirm(&here, &code(&secret, 0)).await.status, 404, "once");
    assert_eq!(g.ask(office, Some(&here), "GET", "/me", None).await.status, 200);
    for ended in [&other, old.cookie.as_ref().unwrap()] {
        assert_eq!(g.ask(office, Some(ended), "GET", "/me", None).await.status, 401);
    }
    assert_eq!(g.office_sign_in(PASSWORD, &code(&fixtures::SECRET, 0)).await.slug(), "wrong-credentials");
    assert_eq!(g.office_sign_in(PASSWORD, &code(&secret, 1)).await.slug(), "wrong-credentials", "its step is spent");
    assert_eq!(g.office_sign_in(PASSWORD, &code(&secret, 0)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_and_ends_ones_own_sessions_and_nobody_elses() {
    let g = Gateway::new().await;
    let (laptop, office) = (g.tunnel(g.anne.1).await, Gateway::office());
    g.open(g.anne).await;
    g.open(g.ilse).await;
    let (here, there) = (g.session(g.anne.0, None).await, g.session(g.anne.0, Some(g.anne.1)).await);
    let ilse = g.session(g.ilse.0, None).await;
    let seen = g.ask(office, Some(&here), "GET", "/me/sessions", None).await.json();
    let web = seen["web"].as_array().unwrap();
    assert_eq!((web.len(), seen["doors"].as_array().unwrap().len()), (2, 1), "{seen}");
    let of = |this: bool| web.iter().find(|s| s["this"] == this).unwrap();
    assert_eq!((&of(true)["door"], &of(false)["device"]), (&json!("office"), &json!("laptop")));
    let end = format!("/me/sessions/{}/end", of(false)["id"].as_str().unwrap());
    assert_eq!(g.ask(office, Some(&ilse), "POST", &end, None).await.status, 404, "not Ilse's");
    assert_eq!(g.ask(laptop, Some(&there), "GET", "/me", None).await.status, 200);
    assert_eq!(g.ask(office, Some(&here), "POST", &end, None).await.status, 204);
    assert_eq!(g.ask(laptop, Some(&there), "GET", "/me", None).await.status, 401);

    let lock = format!("/me/doors/{}/end", seen["doors"][0]["id"].as_str().unwrap());
    assert_eq!(g.ask(office, Some(&ilse), "POST", &lock, None).await.status, 404, "not Ilse's");
    assert_eq!(g.net.open(g.anne.1), Some(true));
    assert_eq!(g.ask(office, Some(&here), "POST", &lock, None).await.status, 200);
    assert_eq!((g.net.open(g.anne.1), g.net.open(g.ilse.1)), (Some(false), Some(true)));

    g.open(g.anne).await;
    let there = g.session(g.anne.0, Some(g.anne.1)).await;
    let everywhere = g.ask(office, Some(&here), "POST", "/me/sign-out-everywhere", None).await;
    assert_eq!(everywhere.status, 200, "{}", everywhere.text);
    assert_eq!((g.net.open(g.anne.1), g.net.open(g.ilse.1)), (Some(false), Some(true)));
    assert_eq!(g.ask(office, Some(&here), "GET", "/me", None).await.status, 401);
    assert_eq!(g.ask(laptop, Some(&there), "GET", "/me", None).await.status, 401);
    assert_eq!(g.ask(office, Some(&ilse), "GET", "/me", None).await.status, 200);
    let events = g.events().await;
    assert!(events.contains("web_session_ended") && events.contains("signed_out_everywhere"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_data_is_ones_own_and_holds_no_secret() {
    let g = Gateway::new().await;
    let (cookie, office) = (g.session(g.anne.0, None).await, Gateway::office());
    g.open(g.anne).await;
    g.open(g.ilse).await;
    let disabled = g.ask(Door::Local, None, "POST", &format!("/devices/{}/disable", g.anne.1), None).await;
    assert_eq!(disabled.status, 200);
    let asked = json!({"checklist": [{"id": "desk", "text": "A desk?"}]});
    assert_eq!(g.ask(Door::Local, None, "PATCH", "/settings", Some(asked)).await.status, 200);
    let credential = |n: u8| Credential {
        id: format!("credential{n}"),
        public_key: format!("key {n}"),
        algorithm: -7,
        signatures: 0,
    };
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let old = write.add_passkey(g.anne.0, "old telephone", &credential(1)).await.unwrap();
    write.add_passkey(g.anne.0, "telephone", &credential(2)).await.unwrap();
    write.add_passkey(g.ilse.0, "hers", &credential(3)).await.unwrap();
    write.revoke_passkey(g.anne.0, old).await.unwrap();
    write.set_mail(g.anne.0, Some("anne@example.org")).await.unwrap();
    write.accept_rules(g.anne.0, 1).await.unwrap();
    write.answer_checklist(g.anne.0, &[("desk".to_owned(), Reply::Yes)].into()).await.unwrap();
    for user in [g.anne.0, g.ilse.0] {
        write.invite(user, &format!("hash of {user}")).await.unwrap();
    }
    write.commit().await.unwrap();
    let told = g.ask(office, Some(&cookie), "GET", "/me/data", None).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let data = told.json();
    assert_eq!((data["profile"]["login"].as_str(), data["devices"].as_array().unwrap().len()), (Some("anne"), 1));
    assert_eq!(data["verifications"].as_array().unwrap().len(), 1);
    assert_eq!(data["profile"]["mail"], "anne@example.org");
    let names: Vec<_> = data["passkeys"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["old telephone", "telephone"]);
    assert!(data["passkeys"][0]["revoked_at"].is_i64() && data["passkeys"][1]["revoked_at"].is_null());
    assert_eq!((&data["rules_accepted"][0]["version"], data["rules_accepted"][0]["at"].is_i64()), (&json!(1), true));
    assert_eq!(data["checklist"]["answered"]["replies"], json!({"desk": "yes"}));
    assert_eq!(data["checklist"]["questions"][0]["id"], "desk");
    let invited: Vec<_> = data["invitations"].as_array().unwrap().iter().map(|i| i["login"].as_str()).collect();
    assert_eq!(invited, [Some("anne"); 2], "the one that she redeemed, and the one that waits");
    assert!(told.text.contains("device_disabled") && told.text.contains("own_data_read"));
    let credentials = g.api.store.credentials("anne").await.unwrap().unwrap();
    for secret in [
        "ilse",
        "hers",
        "key 2",
        &g.ilse.1.to_string(),
        &credentials.password_hash.clone().unwrap(),
        &credentials.totp_secret.unwrap(),
        &provisioning::recovery::hash(fixtures::RECOVERY),
        "\"local\"",
    ] {
        assert!(!told.text.contains(secret), "{secret} in {}", told.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_data_is_read_one_at_a_time_and_noted_once_a_day() {
    let g = Gateway::new().await;
    let (anne, ilse) = (g.session(g.anne.0, None).await, g.session(g.ilse.0, None).await);
    let read = async |cookie: &str| {
        let request = Request::get("/api/v1/me/data").header(header::HOST, "door.example.org");
        let mut request = request.header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Gateway::office());
        g.router().oneshot(request).await.unwrap()
    };
    // Not taken yet.
    let held = read(&anne).await;
    assert_eq!((held.status().as_u16(), read(&anne).await.status().as_u16()), (200, 429));
    assert_eq!(read(&ilse).await.status(), 200, "nobody else waits");
    let text = axum::body::to_bytes(held.into_body(), 1 << 22).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap()["profile"]["login"], "anne");
    for _ in 0..3 {
        let again = g.ask(Gateway::office(), Some(&anne), "GET", "/me/data", None).await;
        assert_eq!((again.status.as_u16(), &again.json()["profile"]["login"]), (200, &json!("anne")));
        assert_eq!(again.headers[header::CONTENT_TYPE], "application/json");
    }
    let noted = g.ask(Door::Local, None, "GET", "/audit?event=own_data_read&user=anne", None).await.json();
    assert_eq!(noted.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_is_for_shares_that_are_open_to_this_device() {
    let g = Gateway::new().await;
    let (laptop, desk) = (g.tunnel(g.anne.1).await, g.tunnel(g.ilse.1).await);
    g.share("files", "192.168.1.10/32").await;
    g.open(g.anne).await;
    g.open(g.ilse).await;
    let ask = async |door: Door, query: &str| g.ask(door, None, "GET", &format!("/door/drive?{query}"), None).await;
    for (system, name, holds) in [
        ("windows", "passerelle-accounts.cmd", r#"net use * "\\files.rossi.internal\accounts""#),
        ("powershell", "passerelle-accounts.ps1", r"$share = '\\files.rossi.internal\accounts'"),
        ("macos", "passerelle-accounts.webloc", "smb://files.rossi.internal/accounts"),
        ("linux", "passerelle-accounts.sh", "gio mount 'smb://files.rossi.internal/accounts'"),
    ] {
        let file = ask(laptop, &format!("resource=files&system={system}&folder=accounts&language=fr")).await;
        assert_eq!((file.status.as_u16(), file.json()["name"].as_str()), (200, Some(name)), "{}", file.text);
        assert!(file.json()["text"].as_str().unwrap().contains(holds), "{}", file.text);
    }
    // Not granted, not there, no folder.
    assert_eq!(ask(desk, "resource=files&system=windows").await.status, 404);
    assert_eq!(ask(laptop, "resource=other&system=windows").await.status, 404);
    let bad = ask(laptop, "resource=files&system=windows&folder=a%22%26calc").await;
    assert!(bad.status == 400 && bad.text.contains("folder: "), "{}", bad.text);
    assert_eq!(ask(laptop, "resource=files&system=amiga").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_open_shares_only_and_not_too_often() {
    let g = Gateway::new().await;
    let (laptop, desk) = (g.tunnel(g.anne.1).await, g.tunnel(g.ilse.1).await);
    // Nothing listens there.
    g.share("files", "127.77.0.1/32").await;
    g.open(g.anne).await;
    g.open(g.ilse).await;
    let check =
        async |door: Door, name: &str| g.ask(door, None, "POST", "/door/check", Some(json!({"resource": name}))).await;
    assert_eq!(check(desk, "files").await.status, 404);
    assert_eq!(check(laptop, "nothing").await.status, 404);
    let found = check(laptop, "files").await;
    assert_eq!(found.status, 200, "{}", found.text);
    let step = |n: usize| found.json()["steps"][n]["found"].as_str().unwrap().to_owned();
    assert_eq!((step(0), step(2), step(3)), ("own-name".into(), "port-refused".into(), "not-seen".into()));
    assert!(!found.text.contains("127.77"), "the office's addresses are the office's");
    assert_eq!(check(laptop, "files").await.status, 429);
}
