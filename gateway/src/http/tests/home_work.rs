//! What IT decides for those who work from home, and what they accept and answer.

use std::time::Duration;

use serde_json::json;

use super::*;

async fn change(g: &Gateway, body: Value) -> Value {
    let answered = g.ask(Door::Local, None, "PATCH", "/settings", Some(body)).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    answered.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_to_call_is_told_to_all_and_links_to_whoever_is_in() {
    let g = Gateway::new().await;
    let door = g.tunnel(g.anne.1).await;
    assert!(g.ask(door, None, "GET", "/door", None).await.json()["contact"].is_null(), "nobody is named");
    change(
        &g,
        json!({"contact": {"phone": "+32 2 123 45 67"}, "links": [{"name": "Intranet", "url": "https://intranet.example"}]}),
    )
    .await;
    let view = g.ask(door, None, "GET", "/door", None).await.json();
    assert_eq!(view["contact"]["phone"], "+32 2 123 45 67");
    assert_eq!(view["links"], json!([]), "the door is locked");
    assert_eq!(g.ask(Gateway::office(), None, "GET", "/door", None).await.json()["links"], json!([]));
    g.open(g.anne).await;
    let view = g.ask(door, None, "GET", "/door", None).await.json();
    assert_eq!(view["links"], json!([{"name": "Intranet", "url": "https://intranet.example/"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_say_whether_invitations_open_from_home() {
    let mut g = Gateway::new().await;
    for from_home in [false, true] {
        g.router = Router::new();
        let api = Arc::into_inner(g.api).unwrap();
        g.api = Arc::new(api.opened_from_home(from_home));
        g.router = router(g.api.clone());
        assert_eq!(g.ask(Door::Local, None, "GET", "/settings", None).await.json()["internet"], from_home);
    }
    let body = json!({"internet": false});
    assert_eq!(g.ask(Door::Local, None, "PATCH", "/settings", Some(body)).await.slug(), "invalid-request", "only told");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_accepted_in_the_version_that_was_read() {
    let g = Gateway::new().await;
    let (cookie, office) = (g.session(g.anne.0, None).await, Gateway::office());
    let due = async || g.ask(office, Some(&cookie), "GET", "/me", None).await.json()["rules_due"].clone();
    let accept = async |version: u32| {
        let body = Some(json!({ "version": version }));
        g.ask(office, Some(&cookie), "POST", "/me/rules", body).await.status.as_u16()
    };
    assert_eq!(due().await, 1);
    assert_eq!((accept(2).await, accept(0).await), (400, 400), "never read");
    assert_eq!((accept(1).await, accept(1).await), (204, 204));
    assert!(due().await.is_null());
    assert_eq!(change(&g, json!({"rules": " Lock your screen. "})).await["rules_version"], 1, "the same text");
    assert_eq!(change(&g, json!({"rules": "Lock your screen.\r\n\r\nAlways."})).await["rules_version"], 2);
    assert_eq!((due().await, accept(1).await), (json!(2), 400));
    let shown = g.ask(Door::Local, None, "GET", "/users/anne", None).await.json();
    assert_eq!(shown["rules_accepted"], 1, "IT sees which");
    assert!(shown["rules_accepted_at"].is_i64(), "and when");
    let ilse = g.ask(Door::Local, None, "GET", "/users/ilse", None).await.json();
    assert!(ilse["rules_accepted"].is_null() && ilse["rules_accepted_at"].is_null());
    change(&g, json!({"rules": ""})).await;
    assert!(due().await.is_null(), "there are none");
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=rules_accepted", None).await.json();
    assert_eq!(audit.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checklist_is_answered_by_its_person_and_seen_by_it() {
    let g = Gateway::new().await;
    change(&g, json!({"checklist": [{"id": "disk"}, {"id": "own-1", "text": "Is there a dog?"}]})).await;
    let (cookie, office) = (g.session(g.anne.0, None).await, Gateway::office());
    let me = async || g.ask(office, Some(&cookie), "GET", "/me", None).await.json();
    let answer = async |replies: Value| {
        let body = Some(json!({ "replies": replies }));
        g.ask(office, Some(&cookie), "PUT", "/me/checklist", body).await.status.as_u16()
    };
    assert_eq!(me().await["checklist_due"], true);
    assert_eq!(answer(json!({"wifi": "yes"})).await, 400, "that is not asked");
    assert_eq!(answer(json!({"disk": "no"})).await, 204);
    assert_eq!(me().await["checklist_due"], true, "the dog");
    assert_eq!(answer(json!({"disk": "yes", "own-1": "unsure"})).await, 204);
    assert_eq!(me().await["checklist_due"], false);
    let seen = g.ask(Door::Local, None, "GET", "/users/anne", None).await.json();
    assert_eq!(seen["checklist"]["replies"], json!({"disk": "yes", "own-1": "unsure"}));
    let other = g.ask(office, Some(&g.session(g.ilse.0, None).await), "GET", "/me/checklist", None).await.json();
    assert!(other["answered"].is_null(), "everybody has their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_cap_is_for_the_next_door() {
    let g = Gateway::new().await;
    let left = async |(_, device): (UserId, DeviceId)| {
        let left = g.api.store.open_for(device, Moment::now()).await.unwrap().unwrap();
        (left.at_most, left.unused)
    };
    let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    let near = |is: Duration, should: Duration| assert!(is.abs_diff(should) < minute, "{is:?}, not {should:?}");
    g.open(g.anne).await;
    change(&g, json!({"verification_minutes": 60, "idle_minutes": 720})).await;
    g.open(g.ilse).await;
    let (anne, ilse) = (left(g.anne).await, left(g.ilse).await);
    near(anne.0, hour * 10);
    near(anne.1, hour * 2 + minute * 10);
    near(ilse.0, hour);
    near(ilse.1, hour);
    for bad in [json!({"verification_minutes": 59}), json!({"verification_minutes": 1441}), json!({"idle_minutes": 14})]
    {
        assert_eq!(g.ask(Door::Local, None, "PATCH", "/settings", Some(bad)).await.slug(), "invalid-request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_password_is_told_to_no_other_server() {
    let g = Gateway::new().await;
    let put = async |body: Value| g.ask(Door::Local, None, "PUT", "/settings/mail", Some(body)).await;
    let server = |host: &str, user: &str, password: Option<&str>, security: &str| json!({"host": host, "port": 587, "security": security, "user": user, "password": password, "from": "g@example.org"});
    let first = put(server("smtp.example.org", "gate", Some("hunter2"), "starttls")).await;
    assert!(first.status.is_success() && !first.text.contains("hunter2"), "{}", first.text);
    assert_eq!(first.json()["server"]["password_kept"], true);
    assert_eq!(put(server("smtp.example.org", "gate", None, "tls")).await.status, 200, "the same server");
    for other in [
        server("evil.example.org", "gate", None, "starttls"),
        server("smtp.example.org", "other", None, "starttls"),
        server("smtp.example.org", "gate", None, "none"),
        json!({"host": "smtp.example.org", "port": 2525, "security": "tls", "user": "gate", "from": "g@example.org"}),
        server("8.8.8.8", "gate", Some("x"), "none"),
    ] {
        assert_eq!(put(other.clone()).await.slug(), "invalid-request", "{other}");
    }
    assert_eq!(g.api.store.mail_server().await.unwrap().unwrap().password.unwrap().as_str(), "hunter2");
    let audit = g.ask(Door::Local, None, "GET", "/audit", None).await.text;
    assert!(audit.contains("mail_server_set") && !audit.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_mailed_with_its_own_token_only() {
    let g = Gateway::new().await;
    let invite = async |user: &str| {
        let issued = g.ask(Door::Local, None, "POST", "/invitations", Some(json!({ "user": user }))).await.json();
        (issued["invitation"]["id"].as_str().unwrap().to_owned(), issued["token"].as_str().unwrap().to_owned())
    };
    let mail = async |id: &str, token: &str| {
        g.ask(Door::Local, None, "POST", &format!("/invitations/{id}/mail"), Some(json!({ "token": token }))).await
    };
    let ((annes, token), (ilses, _)) = (invite("anne").await, invite("ilse").await);
    assert_eq!(mail(&ilses, &token).await.slug(), "invitation-void", "another's");
    assert_eq!(mail(&annes, &token).await.json()["trouble"], "no_address");
    let set = g.ask(Door::Local, None, "PUT", "/users/anne/mail", Some(json!({"mail": "anne@example.org"}))).await;
    assert_eq!(set.status, 204);
    assert_eq!(mail(&annes, &token).await.json()["trouble"], "not_set_up");
    let (_, newer) = invite("anne").await;
    assert_eq!(mail(&annes, &newer).await.slug(), "invitation-void", "void since the next was issued");
}
