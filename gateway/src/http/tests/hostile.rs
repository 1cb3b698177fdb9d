//! Bad input in every field of every body and query: a sentence that names the field, and nothing is stored.

use serde_json::json;

use super::routes::{prepared, victim};
use super::*;

/// What a field is about: it says what an answer to nonsense in it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Only certain text or numbers: 400, and the sentence names the field.
    Strict,
    /// A name for people: as strict, but quotes are welcome.
    Name,
    /// Whole paragraphs, or none: as a name, but ends of lines are welcome too, and so is nothing.
    Text,
    /// Names something that exists, or nothing: 404, which says what there is none of.
    Existing,
    /// An object of secrets: 400 if it is none, and the sentence names the field.
    Inner,
    /// A secret: told no more than anybody is told who has none.
    Secret,
}

/// Every field of every body of the API document: whose field, what it is about, and a good value where the prepared
/// request has none.
fn table() -> Vec<(&'static str, &'static str, Field, Value)> {
    use Field::{Existing, Inner, Name, Secret, Strict, Text};
    let none = Value::Null;
    vec![
        ("AddDevice", "user", Existing, none.clone()),
        ("AddDevice", "name", Name, none.clone()),
        ("AddDevice", "public_key", Strict, none.clone()),
        ("NewDevice", "name", Name, none.clone()),
        ("NewDevice", "public_key", Strict, none.clone()),
        ("Extend", "code", Secret, none.clone()),
        ("CheckShare", "resource", Existing, none.clone()),
        ("ChangePassword", "proof", Inner, none.clone()),
        ("ChangePassword", "new_password", Secret, none.clone()),
        ("Proof", "password", Secret, none.clone()),
        ("Proof", "code", Secret, none.clone()),
        ("Proof", "passkey", Inner, none.clone()),
        ("ConfirmFactor", "code", Secret, none.clone()),
        ("Assertion", "credential", Secret, none.clone()),
        ("Assertion", "client_data", Secret, none.clone()),
        ("Assertion", "authenticator_data", Secret, none.clone()),
        ("Assertion", "signature", Secret, none.clone()),
        ("Assertion", "user_handle", Secret, json!("AAAA")),
        ("BeginPasskey", "code", Secret, none.clone()),
        ("BeginPasskey", "passkey", Inner, none.clone()),
        ("ConfirmPasskey", "name", Name, none.clone()),
        ("ConfirmPasskey", "credential", Secret, none.clone()),
        ("ConfirmPasskey", "client_data", Secret, none.clone()),
        ("ConfirmPasskey", "attestation", Secret, none.clone()),
        ("AddGroup", "name", Name, none.clone()),
        ("AddMember", "user", Existing, none.clone()),
        ("AddInvitation", "user", Existing, none.clone()),
        ("Begin", "token", Secret, none.clone()),
        ("Begin", "password", Secret, none.clone()),
        ("Confirm", "token", Secret, none.clone()),
        ("Confirm", "code", Secret, none.clone()),
        ("Confirm", "passkey", Inner, none.clone()),
        ("BeginInvitedPasskey", "token", Secret, none.clone()),
        ("BeginInvitedPasskey", "secret", Secret, none.clone()),
        ("Confirm", "device", Strict, json!({"name": "phone", "public_key": fixtures::key()})),
        ("Inspect", "token", Secret, none.clone()),
        ("AddPolicy", "group", Existing, none.clone()),
        ("AddPolicy", "resource", Existing, none.clone()),
        ("AddPolicy", "hours", Strict, json!("Mo-Fr 07:00-20:00")),
        ("AddPolicy", "until", Strict, json!(Moment::now().wall.0 + 86_400_000)),
        ("AddResource", "kind", Strict, none.clone()),
        ("AddResource", "name", Strict, none.clone()),
        ("AddResource", "address4", Strict, none.clone()),
        ("AddResource", "address6", Strict, json!("2001:db8::77")),
        ("AddResource", "dns_names", Strict, json!(["srv.office.example"])),
        ("AddResource", "ports", Strict, json!([])),
        ("ChangeWorkstation", "macs", Strict, json!(["3c:52:82:11:22:33"])),
        ("ChangeWorkstation", "wake_hours", Strict, none.clone()),
        ("ChangeWorkstation", "sleep_again", Strict, json!(true)),
        ("ChangeWorkstation", "forget_certificate", Strict, json!(true)),
        ("AddAgentToken", "name", Name, none.clone()),
        ("AddAgentToken", "workstation", Existing, none.clone()),
        ("AddAgentToken", "uses", Strict, json!(2)),
        ("AddAgentToken", "hosts", Strict, json!([{"host": "pc-1"}])),
        ("AddAgentToken", "until", Strict, json!(Moment::now().wall.0 + 3_600_000)),
        ("ApproveAgent", "workstation", Existing, none.clone()),
        ("ApproveAgents", "agents", Strict, none.clone()),
        ("ChangeAddress", "address4", Strict, none.clone()),
        ("ChangeAddress", "address6", Strict, json!("2001:db8::78")),
        ("ChangeResource", "name", Strict, none.clone()),
        ("ChangeResource", "dns_names", Strict, json!(["moved.office.example"])),
        ("ChangeResource", "ports", Strict, json!([])),
        ("ChangeResource", "address4", Strict, json!("192.168.1.77")),
        ("ChangeResource", "address6", Strict, json!("2001:db8::79")),
        ("OfficeShare", "dns_name", Strict, none.clone()),
        ("OfficeShare", "name", Strict, json!("office-share")),
        ("OfficeShare", "address4", Strict, none.clone()),
        ("OfficeShare", "address6", Strict, json!("2001:db8::80")),
        ("OfficeShare", "is_controller", Strict, json!(true)),
        ("OfficeShare", "controllers", Strict, json!([])),
        ("PreviewPolicies", "add", Strict, json!([])),
        ("PreviewPolicies", "remove", Strict, json!([])),
        ("ChangePolicies", "add", Strict, json!([])),
        ("ChangePolicies", "remove", Strict, json!([])),
        ("ChangePolicies", "seen", Strict, none.clone()),
        ("ChangeSettings", "organisation", Name, none.clone()),
        ("ChangeSettings", "endpoint", Strict, json!("door.example.org:443")),
        ("ChangeSettings", "office_interface", Strict, json!("eth1")),
        ("ChangeSettings", "time_zone", Strict, json!("Europe/Brussels")),
        ("ChangeSettings", "resolvers", Strict, json!(["192.168.1.1:53"])),
        ("ChangeSettings", "office_zones", Strict, json!(["corp.lan"])),
        ("ChangeSettings", "masquerade", Strict, json!(false)),
        ("ChangeSettings", "passkeys", Strict, json!(true)),
        ("ChangeSettings", "retention", Strict, json!({"access": 92, "administration": 365, "security": 365})),
        ("TellDesktop", "text", Name, none.clone()),
        ("SetPool", "name", Name, none.clone()),
        ("SetPool", "workstations", Strict, json!([])),
        ("SetPool", "seats", Strict, json!(2)),
        ("SetPool", "longest_booking_minutes", Strict, json!(0)),
        ("SetPool", "desktop_idle_minutes", Strict, json!(30)),
        ("SetPool", "desktop_longest_minutes", Strict, json!(0)),
        ("Book", "pool", Existing, none.clone()),
        ("Book", "workstation", Existing, none.clone()),
        ("Book", "begins", Strict, none.clone()),
        ("Book", "ends", Strict, none.clone()),
        ("ChangeSettings", "desktop_idle_minutes", Strict, json!(30)),
        ("ChangeSettings", "desktop_longest_minutes", Strict, json!(480)),
        ("Admit", "user", Existing, none.clone()),
        ("Admit", "workstation", Existing, none.clone()),
        ("ChangeSettings", "agent_names", Strict, json!(true)),
        ("ChangeSettings", "ask_people", Strict, json!(true)),
        ("ChangeSettings", "desktops_outside", Strict, json!(true)),
        ("ChangeSettings", "programs", Strict, json!([{"name": "Sage", "look": {"at": "path", "path": "/opt/sage"}}])),
        ("Firewalls", "problem", Name, json!("chain x drops")),
        ("ChangeSettings", "verification_minutes", Strict, json!(480)),
        ("ChangeSettings", "idle_minutes", Strict, json!(60)),
        ("ChangeSettings", "language", Strict, json!("ca")),
        ("ChangeSettings", "contact", Strict, json!({"text": "IT", "phone": "+32 2 123", "mail": "it@example.org"})),
        ("ChangeSettings", "links", Strict, json!([{"name": "Intranet", "url": "https://intranet.example"}])),
        ("ChangeSettings", "rules", Text, json!("Lock your screen.")),
        ("ChangeSettings", "checklist", Strict, json!([{"id": "dog", "text": "Is there a dog?"}, {"id": "disk"}])),
        ("SetMailServer", "host", Strict, none.clone()),
        ("SetMailServer", "port", Strict, none.clone()),
        ("SetMailServer", "security", Strict, none.clone()),
        ("SetMailServer", "user", Name, none.clone()),
        ("SetMailServer", "password", Name, none.clone()),
        ("SetMailServer", "from", Strict, none.clone()),
        ("TestMail", "to", Strict, none.clone()),
        ("MailInvitation", "token", Secret, none.clone()),
        ("FollowConnection", "token", Secret, none.clone()),
        ("FollowConnection", "device", Strict, none.clone()),
        ("AcceptInvited", "token", Secret, none.clone()),
        ("AcceptInvited", "version", Strict, none.clone()),
        ("AcceptRules", "version", Strict, none.clone()),
        ("Answered", "replies", Strict, none.clone()),
        ("SignIn", "user", Secret, none.clone()),
        ("SignIn", "password", Secret, none.clone()),
        ("SignIn", "code", Secret, none.clone()),
        ("AddToken", "name", Name, none.clone()),
        ("AddToken", "scopes", Strict, none.clone()),
        ("AddToken", "until", Strict, none.clone()),
        ("AddUser", "login", Strict, none.clone()),
        ("AddUser", "name", Name, json!("Zoë \"Z\" O'Brien")),
        ("AddUser", "mail", Strict, json!("zoe@example.org")),
        ("AddUser", "language", Strict, json!("ca")),
        ("AddUser", "role", Strict, json!("user")),
        ("AddUser", "groups", Strict, json!([])),
        ("ChangeUser", "name", Name, none.clone()),
        ("ChangeUser", "language", Strict, json!("ca")),
        ("ChangeUser", "role", Strict, json!("user")),
        ("ImportPeople", "csv", Strict, none.clone()),
        ("ImportPeople", "dry_run", Strict, json!(false)),
        ("ImportPeople", "invite", Strict, json!(true)),
        ("ImportPeople", "language", Strict, json!("ca")),
        ("RenameGroup", "name", Name, none.clone()),
        ("SetMail", "mail", Strict, none.clone()),
        ("SetMembers", "members", Strict, none.clone()),
        ("SetGroups", "groups", Strict, none),
    ]
}

/// Text that is nothing but text to whoever quotes rightly.
const QUOTED: [&str; 4] = ["a\"b", "a'b", "a`b;c$(d)", "../../a"];

/// Text that is welcome where paragraphs are.
const BLANK: [&str; 3] = ["a\nb", "", " "];

/// Nonsense as text, whatever the field: newline, NUL, quotes, 64 kB, right-to-left override, nothing.
fn nonsense() -> Vec<Value> {
    let long = "x".repeat(64 * 1024);
    let texts = ["a\nb", "a\0b", long.as_str(), "a\u{202e}b", "\u{1b}[2Ja", "", " "];
    let mut deep = json!("x");
    for _ in 0..60 {
        deep = json!([deep]);
    }
    let others =
        [json!({"x": 1}), json!([1]), json!([[""]]), json!(true), json!(-1), json!(1e300), json!(u64::MAX), deep];
    QUOTED.iter().chain(&texts).map(|t| json!(t)).chain(others).collect()
}

fn schema_of(document: &Value, route: &str) -> Option<String> {
    let (method, path) = route.split_once(' ')?;
    let body = &document["paths"][format!("/api/v1{path}")][method]["requestBody"]["content"]["application/json"];
    Some(body["schema"]["$ref"].as_str()?.rsplit('/').next()?.to_owned())
}

/// The sentence is for people: there is one, it is short, on one line, and the sender's tricks are not in it.
fn clear(answered: &Answered, what: &str) -> String {
    let problem = answered.json();
    let sentence = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default().to_owned();
    assert!((5..1200).contains(&sentence.len()), "{what}: {}", answered.text);
    assert!(!sentence.chars().any(crate::pure::shown::deceives), "{what}: {sentence:?}");
    assert!((400..500).contains(&answered.status.as_u16()), "{what}: {} {sentence}", answered.status);
    sentence
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_any_field_is_refused_in_a_sentence_and_stores_nothing() {
    let g = Gateway::new().await;
    let document = serde_json::to_value(document()).unwrap();
    let table = table();
    let mut seen = Vec::new();
    for (n, (route, ..)) in super::routes::TABLE.iter().enumerate() {
        let Some(schema) = schema_of(&document, route) else { continue };
        let v = victim(&g, 1000 + n).await;
        let own = route.contains(" /me/");
        let door = match *route {
            "post /extend" | "post /extend/passkey" | "post /door/check" | "post /me/bookings" => {
                g.tunnel(g.anne.1).await
            }
            _ if own => Gateway::office(),
            _ => Door::Local,
        };
        let cookie = if own { Some(g.session(v.user, None).await) } else { None };
        g.open(g.anne).await;
        let (path, good) = prepared(route, &v);
        let good = good.unwrap();
        let method = route.split(' ').next().unwrap().to_uppercase();
        for field in document["components"]["schemas"][&schema]["properties"].as_object().unwrap().keys() {
            let row = table.iter().find(|(s, f, ..)| *s == schema && f == field);
            let Some((_, _, kind, value)) = row else { panic!("{schema}.{field} needs a row in this table") };
            seen.push((schema.clone(), field.clone()));
            let before = g.stored().await;
            for bad in nonsense().into_iter().filter(|bad| !(value.is_boolean() && bad.is_boolean())) {
                let quoted = bad.as_str().filter(|t| match kind {
                    Field::Name => QUOTED.contains(t),
                    Field::Text => QUOTED.contains(t) || BLANK.contains(t),
                    _ => false,
                });
                let mut body = good.clone();
                // A name of its own, so that nothing else is found under it.
                body[field] = quoted.map_or(bad.clone(), |text| json!(format!("{text} {n}")));
                let what = format!("{route} {field}: {}", bad.to_string().chars().take(40).collect::<String>());
                let answered = g.ask(door, cookie.as_deref(), &method, &path, Some(body)).await;
                if quoted.is_some() {
                    let taken = answered.status.is_success() || answered.status == 409;
                    // No passkey comes with it: its name is good all the same.
                    let bare = schema == "ConfirmPasskey" && answered.status == 401;
                    // There is no such desktop.
                    let bare = bare || (schema == "TellDesktop" && answered.status == 404);
                    assert!(taken || bare, "{what}: {}", answered.text);
                    continue;
                }
                let sentence = clear(&answered, &what);
                let status = answered.status.as_u16();
                // Of an object, the field inside is named.
                let inside = bad.is_object() && sentence.contains(" field `");
                let named = sentence.contains(field.as_str()) || inside;
                match kind {
                    Field::Strict | Field::Name if ["groups", "members"].contains(&field.as_str()) => {
                        assert!(named || status == 404, "{what}: {sentence}")
                    }
                    Field::Strict | Field::Name | Field::Text => {
                        assert!(status == 400 && named, "{what}: {status} {sentence}")
                    }
                    Field::Existing if bad.is_string() => {
                        assert!(status == 404 && sentence.starts_with("no "), "{what}: {status} {sentence}");
                    }
                    Field::Existing => assert!(status == 400 && named, "{what}: {status} {sentence}"),
                    Field::Secret if bad.is_string() => {
                        assert!([401, 404, 410, 422, 429].contains(&status), "{what}: {status}")
                    }
                    Field::Secret | Field::Inner => assert!(status == 400 && named, "{what}: {status} {sentence}"),
                }
            }
            let kept = g.stored().await;
            assert!(
                matches!(kind, Field::Name | Field::Text) || kept == before,
                "{route} {field}: something was stored"
            );
            // The good twin: the same request with a good value in the same field.
            let fresh = victim(&g, 2000 + seen.len()).await;
            let (path, good) = prepared(route, &fresh);
            let mut body = good.unwrap();
            if !value.is_null() {
                body[field] = value.clone();
            }
            let answered = g.ask(door, cookie.as_deref(), &method, &path, Some(body)).await;
            assert!(
                answered.status.is_success()
                    || matches!(kind, Field::Secret | Field::Inner)
                    || schema.contains("Confirm")
                    || ["CheckShare", "AcceptInvited", "FollowConnection", "TellDesktop", "Book"]
                        .contains(&schema.as_str()),
                "{route} {field}: {}",
                answered.text
            );
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), table.len(), "rows for fields that are no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_body_is_a_small_one() {
    let g = Gateway::new().await;
    let stranger = Door::Internet("198.51.100.7".parse().unwrap());
    let body = Some(json!({"token": "x".repeat(20 << 10)}));
    for (door, slug, named) in
        [(stranger, "invalid-request", "larger than 16 KiB"), (Gateway::office(), "invitation-void", "")]
    {
        let answered = g.ask(door, None, "POST", "/invitations/inspect", body.clone()).await;
        assert_eq!(answered.slug(), slug, "{}", answered.text);
        assert!(answered.text.contains(named), "{}", answered.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_none_is_refused_in_a_sentence() {
    let g = Gateway::new().await;
    let document = serde_json::to_value(document()).unwrap();
    let before = g.stored().await;
    let deep = "[".repeat(100_000);
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(LARGEST_BODY));
    let bodies: [(&[u8], &str); 9] = [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"null", "JSON"),
        (b"{\"a\":\"\xff\"}", ""),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b"{}{}", ""),
        (b"{\"unheard_of\":1}", "unknown field `unheard_of`"),
        (deep.as_bytes(), "JSON"),
        (large.as_bytes(), "larger than 128 KiB"),
    ];
    for (route, ..) in super::routes::TABLE {
        let Some(schema) = schema_of(&document, route) else { continue };
        let (method, path) = route.split_once(' ').unwrap();
        // Something that exists in the place of what the path names.
        let path = path.replace("{user}", "anne").replace("{group}", "none").replace("{resource}", "none");
        if path.contains("none")
            || route.starts_with("post /extend")
            || *route == "post /door/check"
            || path.contains("{invitation}")
            || path.starts_with("/me/")
        {
            continue;
        }
        for (body, named) in bodies {
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(format!("/api/v1{path}"))
                .header(header::HOST, "x")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_vec()))
                .unwrap();
            let answered = g.send(Door::Local, request).await;
            let what = format!("{route} ({schema}) {:?}", String::from_utf8_lossy(&body[..body.len().min(20)]));
            // Nothing is asked of settings: nothing changes.
            if body == b"{}{}" && answered.status.is_success() {
                panic!("{what} is two bodies");
            }
            let sentence = clear(&answered, &what);
            assert!(sentence.contains(named), "{what}: {sentence}");
        }
    }
    assert!(g.stored().await == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_a_path_or_a_query_is_refused_in_a_sentence() {
    let g = Gateway::new().await;
    let long = "x".repeat(8000);
    for (query, named) in [
        ("/audit?since=soon".to_owned(), "since"),
        ("/audit?limit=-1".to_owned(), "limit"),
        ("/audit?limit=99999999999999999999".to_owned(), "limit"),
        ("/audit?event=%0A%E2%80%AE".to_owned(), "event"),
        (format!("/audit?event={long}"), "event"),
        ("/audit?user=%00".to_owned(), "no user"),
        ("/audit?unheard=1".to_owned(), "unheard"),
        ("/audit?before=soon".to_owned(), "before"),
        ("/audit?older_than=%27".to_owned(), "older_than"),
        ("/audit?actor=%00".to_owned(), "actor"),
        ("/audit/export".to_owned(), "format"),
        ("/audit/export?format=xlsx".to_owned(), "format"),
        ("/audit/export?format=csv&event=x".to_owned(), "event"),
        ("/resources?kind=castle".to_owned(), "kind"),
        ("/verifications?all=perhaps".to_owned(), "all"),
        ("/why?user=anne".to_owned(), "resource"),
        ("/why?user=anne&resource=x&at=soon".to_owned(), "at"),
        ("/why?user=%E2%80%AEa&resource=x".to_owned(), "no user"),
        (format!("/users/{long}"), "no user"),
        ("/users/%0A%1B%5B2J".to_owned(), "no user"),
        ("/devices/../users".to_owned(), "no "),
        ("/devices/%FF".to_owned(), ""),
    ] {
        let answered = g.ask(Door::Local, None, "GET", &query, None).await;
        let sentence = clear(&answered, &query[..query.len().min(60)]);
        assert!(sentence.contains(named), "{query}: {sentence}");
    }
    assert_eq!(g.ask(Door::Local, None, "GET", "/audit?limit=5&since=0&user=anne", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_that_cannot_be_published_are_told_why() {
    let g = Gateway::new().await;
    let publish = async |name: &str, kind: &str, address: &str| {
        let field = if address.contains(':') { "address6" } else { "address4" };
        g.ask(Door::Local, None, "POST", "/resources", Some(json!({"kind": kind, "name": name, field: address}))).await
    };
    for (address, why) in [
        ("10.91.0.0/16", "wider than"),
        ("10.91.3.0/24", "no address of a machine in the office"),
        ("10.0.0.0/8", "wider than"),
        ("0.0.0.0/0", "wider than"),
        ("127.0.0.0/24", "no address of a machine in the office"),
        ("169.254.1.0/24", "no address of a machine in the office"),
        ("224.0.0.0/24", "no address of a machine in the office"),
        ("192.168.1.7/24", "a network such as"),
        ("192.168.1.0", "a network such as"),
        ("192.168.1.0/33", "a network such as"),
        ("fd6b:10f3:77aa:1::/64", "no address of a machine in the office"),
        ("::/0", "wider than"),
        ("fe80::/64", "no address of a machine in the office"),
    ] {
        let answered = publish("net", "network", address).await;
        let sentence = clear(&answered, address);
        assert!(
            answered.status == 400 && sentence.starts_with("address") && sentence.contains(why),
            "{address}: {sentence}"
        );
    }
    for address in
        ["10.91.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "fd6b:10f3:77aa::1", "::ffff:192.168.1.5"]
    {
        let sentence = clear(&publish("host", "share", address).await, address);
        assert!(sentence.starts_with("address"), "{address}: {sentence}");
    }
    // Two networks of the office may overlap: each has aliases of its own, which do not.
    let (wide, narrow) =
        (publish("lan", "network", "192.168.0.0/22").await, publish("part", "network", "192.168.1.0/24").await);
    assert_eq!((wide.status.as_u16(), narrow.status.as_u16()), (201, 201), "{} {}", wide.text, narrow.text);
    let alias = |a: &Answered| a.json()["alias4"].as_str().unwrap().parse::<ipnet::Ipv4Net>().unwrap();
    let (wide, narrow) = (alias(&wide), alias(&narrow));
    assert!(!wide.contains(&narrow) && !narrow.contains(&wide), "{wide} {narrow}");
}
