//! People changed, erased, and added by lists.

use serde_json::json;

use super::routes::list;
use super::*;

async fn import(g: &Gateway, csv: &str, dry_run: bool, invite: bool) -> Answered {
    let body = json!({"csv": list(csv), "dry_run": dry_run, "invite": invite, "language": "fr"});
    g.ask(Door::Local, None, "POST", "/users/import", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_changed_and_the_last_administrator_stays_one() {
    let g = Gateway::new().await;
    let change =
        async |user: &str, body: Value| g.ask(Door::Local, None, "PATCH", &format!("/users/{user}"), Some(body)).await;
    let changed = change("anne", json!({"name": "Anne Dubois", "language": "fr"})).await.json();
    assert_eq!(
        (&changed["name"], &changed["language"], &changed["role"]),
        (&json!("Anne Dubois"), &json!("fr"), &json!("user"))
    );
    let last = change("ilse", json!({"role": "user"})).await;
    assert_eq!((last.status.as_u16(), last.slug().as_str()), (409, "last-administrator"));
    assert_eq!(change("ilse", json!({"name": "Ilse"})).await.status, 200, "whose name may change");

    assert_eq!(change("anne", json!({"role": "admin"})).await.json()["role"], "admin");
    let cookie = g.session(g.anne.0, None).await;
    assert_eq!(g.ask(Gateway::office(), Some(&cookie), "GET", "/users", None).await.status, 200);
    let until = crate::clock::Unix::now().0 + 60_000;
    let body = json!({"name": "backup", "scopes": ["users:read"], "until": until});
    assert_eq!(g.ask(Gateway::office(), Some(&cookie), "POST", "/tokens", Some(body)).await.status, 201);
    assert_eq!(change("anne", json!({"role": "user"})).await.status, 200);
    assert_eq!(g.ask(Gateway::office(), Some(&cookie), "GET", "/users", None).await.status, 404, "at once");
    let tokens = g.ask(Door::Local, None, "GET", "/tokens", None).await.json();
    assert!(tokens[0]["revoked_at"].is_i64(), "an administrator's tokens go with the role: {tokens}");
    let audit = g.ask(Door::Local, None, "GET", "/audit?event=user_changed&user=anne", None).await;
    assert!(audit.text.contains("\"role\"") && !audit.text.contains("Dubois"), "{}", audit.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_erased_is_shut_out_first_and_named_nowhere() {
    let g = Gateway::new().await;
    g.open(g.anne).await;
    let anne = g.tunnel(g.anne.1).await;
    let cookie = g.session(g.anne.0, Some(g.anne.1)).await;
    assert_eq!((g.net.open(g.anne.1), g.net.open(g.ilse.1).is_some()), (Some(true), true));
    let last = g.ask(Door::Local, None, "DELETE", "/users/ilse", None).await;
    assert_eq!((last.status.as_u16(), last.slug().as_str()), (409, "last-administrator"));

    let erased = g.ask(Door::Local, None, "DELETE", "/users/Anne", None).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    assert_eq!(
        (g.net.open(g.anne.1), g.net.open(g.ilse.1).is_some()),
        (None, true),
        "before the answer; the twin stays"
    );
    assert!(erased.json()["closed_in_ms"].is_u64());
    assert_eq!(g.ask(anne, Some(&cookie), "GET", "/door", None).await.status, 404);
    for path in ["/users/anne", &format!("/users/{}", g.anne.0)] {
        for method in ["GET", "DELETE"] {
            assert_eq!(g.ask(Door::Local, None, method, path, None).await.status, 404, "{method} {path}");
        }
        assert_eq!(g.ask(Door::Local, None, "POST", &format!("{path}/enable"), None).await.status, 404, "{path}");
    }
    let audit = g.ask(Door::Local, None, "GET", "/audit?limit=1000", None).await;
    assert!(audit.text.contains("user_erased") && !audit.text.to_lowercase().contains("anne"), "{}", audit.text);
    for list in g.stored().await {
        assert!(!list.to_lowercase().contains("anne") && !list.contains("erased-"), "{list}");
    }
    // Somebody else may come by the same name, and is somebody else.
    let again = g.ask(Door::Local, None, "POST", "/users", Some(json!({"login": "anne"}))).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.json()["id"], json!(g.anne.0));
    assert_eq!(again.json()["devices"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_erased_by_halves_while_nothing_is_stored() {
    let g = Gateway::new().await;
    g.open(g.anne).await;
    fixtures::refuse(&g.api.store, true).await;
    let refused = g.ask(Door::Local, None, "DELETE", "/users/anne", None).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (503, "cannot-store"), "{}", refused.text);
    assert_eq!(g.net.open(g.anne.1), None, "but shut out they are");
    fixtures::refuse(&g.api.store, false).await;
    assert_eq!(g.ask(Door::Local, None, "DELETE", "/users/anne", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_taken_whole_or_not_at_all() {
    let g = Gateway::new().await;
    let before = g.stored().await;
    let wrong = "Prénom;Nom;Login;Langue;Groupes\n\
                 Zoé;Martin;zoe;;Compta, Atelier\n\
                 Boris;;böris;nl;\n\
                 Anne;Autre;anne;;\n\
                 Z;;ZOE;klingon;\n\
                 ;Sans;;;\n";
    let report = import(&g, wrong, true, false).await.json();
    let told: Vec<_> =
        report["people"].as_array().unwrap().iter().map(|p| (&p["line"], &p["outcome"], &p["problems"])).collect();
    assert_eq!(
        json!(told),
        json!([
            [2, "add", []],
            [3, "wrong", ["login_malformed"]],
            [4, "known", []],
            [5, "wrong", ["language_unknown", "login_twice"]],
            [6, "wrong", ["login_missing"]],
        ])
    );
    assert_eq!((&report["imported"], &report["new_groups"]), (&json!(false), &json!(["Atelier", "Compta"])));
    assert_eq!((&report["people"][0]["name"], &report["people"][0]["language"]), (&json!("Zoé Martin"), &json!("fr")));
    let refused = import(&g, wrong, false, true).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (400, "invalid-request"));
    assert!(refused.text.contains("line 3"), "{}", refused.text);
    for (file, problem) in
        [("", "empty"), ("PK\u{3}\u{4}", "workbook"), ("a\0", "not_text"), ("a;b\n1;2\n", "no_login")]
    {
        assert_eq!(import(&g, file, true, false).await.json()["problem"], problem);
        assert_eq!(import(&g, file, false, false).await.status, 400, "{file}");
    }
    assert!(g.stored().await == before, "nothing of it is stored");

    let right = "login;name;groups\nzoe;Zoé Martin;Compta\nanne;Other;Compta\nboris;;\n";
    let report = import(&g, right, false, true).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let report = report.json();
    assert_eq!(report["imported"], true);
    let link = report["people"][0]["invitation"]["link"].as_str().unwrap();
    let token = report["people"][0]["invitation"]["token"].as_str().unwrap();
    assert_eq!(link, format!("https://door.example.org/invitation#{token}"));
    assert!(report["people"][1]["invitation"].is_null(), "who is there already is not invited anew");
    let inspected = g.ask(Door::Local, None, "POST", "/invitations/inspect", Some(json!({"token": token}))).await;
    assert_eq!(inspected.json()["login"], "zoe");
    let zoe = g.ask(Door::Local, None, "GET", "/users/zoe", None).await.json();
    assert_eq!((&zoe["groups"], &zoe["role"]), (&json!(["Compta"]), &json!("user")));
    let anne = g.ask(Door::Local, None, "GET", "/users/anne", None).await.json();
    assert_eq!(
        (&anne["name"], &anne["groups"]),
        (&json!("ANNE"), &json!([])),
        "who is there already stays as they are"
    );
    let again = import(&g, right, false, true).await.json();
    assert!(again["people"].as_array().unwrap().iter().all(|p| p["outcome"] == "known" && p["invitation"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_brings_mail_addresses_and_the_offices_language() {
    let g = Gateway::new().await;
    let settings = g.ask(Door::Local, None, "PATCH", "/settings", Some(json!({"language": "ca"}))).await;
    assert_eq!(settings.json()["language"], "ca");
    let ask = async |csv: &str, dry_run: bool| {
        let body = json!({"csv": list(csv), "dry_run": dry_run});
        g.ask(Door::Local, None, "POST", "/users/import", Some(body)).await.json()
    };
    let wrong = ask("login;correu\nzoe;zoe at example.org\nboris;\n", true).await;
    assert_eq!(wrong["people"][0]["problems"], json!(["mail_malformed"]));
    assert_eq!((&wrong["people"][1]["outcome"], &wrong["people"][1]["mail"]), (&json!("add"), &Value::Null));
    let right = "login;correu\nzoe;zoe@example.org\nboris;\n";
    assert_eq!(ask(right, true).await["people"][0]["mail"], "zoe@example.org", "the dry run shows it");
    assert_eq!(ask(right, false).await["imported"], true);
    let zoe = g.ask(Door::Local, None, "GET", "/users/zoe", None).await.json();
    assert_eq!((&zoe["mail"], &zoe["language"]), (&json!("zoe@example.org"), &json!("ca")));
    assert!(g.ask(Door::Local, None, "GET", "/users/boris", None).await.json()["mail"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_group_are_set_at_once_or_not_at_all() {
    let g = Gateway::new().await;
    let (group, _) = fixtures::entitle(&g.api.store, g.anne.0).await;
    let set = async |members: Value| {
        let path = format!("/groups/{group}/members");
        g.ask(Door::Local, None, "PUT", &path, Some(json!({ "members": members }))).await
    };
    let groups = async |user: &str| {
        g.ask(Door::Local, None, "GET", &format!("/users/{user}"), None).await.json()["groups"].clone()
    };
    let before = g.stored().await;
    assert_eq!(set(json!(["ilse", "nobody-here"])).await.status, 404);
    assert!(g.stored().await == before, "not even those who are there");
    let done = set(json!(["ilse", g.ilse.0, "Ilse"])).await;
    assert!(done.status.is_success() && done.json()["closed_in_ms"].is_u64(), "{}", done.text);
    assert_eq!((groups("anne").await, groups("ilse").await.as_array().unwrap().len()), (json!([]), 1));
    let told = async |user: &str| {
        let path = format!("/audit?event=groups_changed&user={user}");
        g.ask(Door::Local, None, "GET", &path, None).await.json().as_array().unwrap().len()
    };
    let once = (told("anne").await, told("ilse").await);
    assert_eq!(set(json!(["ilse"])).await.status, 200);
    assert_eq!((told("anne").await, told("ilse").await), once, "who stays is not spoken of");
    assert_eq!(set(json!([])).await.status, 200);
    assert_eq!((groups("ilse").await, told("ilse").await), (json!([]), once.1 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_keeps_what_it_may_reach_under_another_name() {
    let g = Gateway::new().await;
    let (group, _) = fixtures::entitle(&g.api.store, g.anne.0).await;
    let policies = g.ask(Door::Local, None, "GET", "/policies", None).await.json();
    let rename = async |name: &str| {
        g.ask(Door::Local, None, "PATCH", &format!("/groups/{group}"), Some(json!({"name": name}))).await
    };
    let renamed = rename("Bookkeeping").await.json();
    assert_eq!((&renamed["name"], &renamed["members"]), (&json!("Bookkeeping"), &json!(["anne"])));
    assert_eq!(g.ask(Door::Local, None, "GET", "/policies", None).await.json()[0]["id"], policies[0]["id"]);
    g.ask(Door::Local, None, "POST", "/groups", Some(json!({"name": "Studio"}))).await;
    assert_eq!(rename("Studio").await.slug(), "already-exists");
    assert_eq!(rename("0190e1a2-0000-7000-8000-000000000000").await.status, 400);
}
