//! Every route of the API document × door × caller, in one table. A route that is missing from it fails.

use serde_json::json;

use super::*;
use crate::store::agents::NewAgentToken;
use crate::store::invitations::Invitation;
use crate::store::mail_server::{MailServer, Security};
use crate::store::resources::NewResource;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Anybody,
    Visitor,
    Newcomer,
    Tunnel,
    Follower,
    Verified,
    SignedIn,
    Inside,
    Viewer,
    Admin,
    Person,
}

/// Route, who may call it, and how a caller who may is answered to the prepared request.
pub(super) const TABLE: &[(&str, Who, u16)] = &[
    ("get /door", Who::Anybody, 200),
    ("get /door/events", Who::Follower, 200),
    ("post /sign-in", Who::Anybody, 401),
    ("post /sign-in/passkey/begin", Who::Anybody, 200),
    ("post /sign-in/passkey/finish", Who::Anybody, 401),
    ("post /extend", Who::Verified, 401),
    ("post /extend/passkey", Who::Verified, 401),
    ("post /lock", Who::Tunnel, 200),
    ("post /sign-out", Who::SignedIn, 204),
    ("get /me", Who::SignedIn, 200),
    ("get /door/drive", Who::Verified, 404),
    ("post /door/check", Who::Verified, 404),
    ("post /me/password", Who::Inside, 401),
    ("post /me/recovery-codes", Who::Inside, 401),
    ("post /me/factor/begin", Who::Inside, 401),
    ("post /me/factor/confirm", Who::Inside, 404),
    ("get /me/sessions", Who::SignedIn, 200),
    ("post /me/sessions/{session}/end", Who::SignedIn, 404),
    ("post /me/doors/{verification}/end", Who::SignedIn, 404),
    ("post /me/sign-out-everywhere", Who::SignedIn, 200),
    ("get /me/data", Who::Inside, 200),
    ("get /me/devices", Who::SignedIn, 200),
    ("post /me/devices", Who::Inside, 201),
    ("post /me/devices/{device}/revoke", Who::SignedIn, 404),
    ("get /me/passkeys", Who::SignedIn, 200),
    ("post /me/passkeys/begin", Who::Inside, 401),
    ("post /me/passkeys/confirm", Who::Inside, 401),
    ("post /me/passkeys/{passkey}/revoke", Who::SignedIn, 404),
    ("get /me/rules", Who::SignedIn, 200),
    ("post /me/rules", Who::SignedIn, 204),
    ("get /me/checklist", Who::SignedIn, 200),
    ("put /me/checklist", Who::SignedIn, 204),
    ("get /users", Who::Admin, 200),
    ("post /users", Who::Admin, 201),
    ("post /users/import", Who::Admin, 200),
    ("get /users/{user}", Who::Admin, 200),
    ("patch /users/{user}", Who::Admin, 200),
    ("delete /users/{user}", Who::Person, 200),
    ("post /users/{user}/disable", Who::Admin, 200),
    ("post /users/{user}/enable", Who::Admin, 200),
    ("put /users/{user}/groups", Who::Admin, 200),
    ("put /users/{user}/mail", Who::Admin, 204),
    ("get /groups", Who::Admin, 200),
    ("post /groups", Who::Admin, 201),
    ("patch /groups/{group}", Who::Admin, 200),
    ("delete /groups/{group}", Who::Admin, 200),
    ("post /groups/{group}/members", Who::Admin, 200),
    ("put /groups/{group}/members", Who::Admin, 200),
    ("delete /groups/{group}/members/{user}", Who::Admin, 200),
    ("get /devices", Who::Admin, 200),
    ("post /devices", Who::Admin, 201),
    ("get /devices/{device}", Who::Admin, 200),
    ("get /devices/{device}/config", Who::Person, 200),
    ("post /devices/{device}/disable", Who::Admin, 200),
    ("post /devices/{device}/enable", Who::Admin, 200),
    ("post /devices/{device}/revoke", Who::Admin, 200),
    ("get /resources", Who::Admin, 200),
    ("post /resources", Who::Admin, 201),
    ("post /resources/office-share", Who::Admin, 201),
    ("patch /resources/{resource}", Who::Admin, 200),
    ("delete /resources/{resource}", Who::Admin, 200),
    ("put /resources/{resource}/address", Who::Admin, 200),
    ("get /workstations", Who::Admin, 200),
    ("get /workstations/events", Who::Admin, 200),
    ("get /workstations/{workstation}", Who::Admin, 200),
    ("patch /workstations/{workstation}", Who::Admin, 200),
    ("get /workstations/{workstation}/steps", Who::Admin, 200),
    ("post /workstations/{workstation}/wake", Who::Admin, 202),
    ("delete /workstations/{workstation}/wake", Who::Admin, 404),
    ("get /workstations/{workstation}/wake/events", Who::Admin, 404),
    ("post /workstations/{workstation}/sleep", Who::Admin, 409),
    ("get /desktops", Who::Admin, 200),
    ("post /desktops/{desktop}/end", Who::Admin, 404),
    ("get /me/workstations", Who::Verified, 200),
    ("post /me/workstations/{workstation}/wake", Who::Verified, 404),
    ("delete /me/workstations/{workstation}/wake", Who::Verified, 404),
    ("get /me/workstations/{workstation}/wake/events", Who::Verified, 404),
    ("post /me/workstations/{workstation}/desktop", Who::Viewer, 404),
    ("post /me/workstations/{workstation}/ask", Who::Verified, 404),
    ("get /me/workstations/{workstation}/rdp", Who::Verified, 404),
    ("get /desktops/publisher", Who::Admin, 200),
    ("post /desktops/admit", Who::Admin, 204),
    ("post /desktops/{desktop}/message", Who::Admin, 404),
    ("get /pools", Who::Admin, 200),
    ("post /pools", Who::Admin, 201),
    ("put /pools/{pool}", Who::Admin, 200),
    ("delete /pools/{pool}", Who::Admin, 204),
    ("get /bookings", Who::Admin, 200),
    ("delete /bookings/{booking}", Who::Admin, 204),
    ("get /me/pools", Who::Verified, 200),
    ("post /me/pools/{pool}/seat", Who::Verified, 404),
    ("delete /me/pools/{pool}/seat", Who::Verified, 404),
    ("get /me/bookings", Who::Verified, 200),
    ("post /me/bookings", Who::Verified, 404),
    ("delete /me/bookings/{booking}", Who::Verified, 404),
    // A WebSocket of a page of ours alone.
    ("get /me/desktop", Who::Viewer, 403),
    ("get /me/desktops/{desktop}", Who::Viewer, 404),
    ("delete /me/desktops/{desktop}", Who::Viewer, 404),
    ("get /agents", Who::Admin, 200),
    ("get /agents/tokens", Who::Admin, 200),
    ("post /agents/tokens", Who::Admin, 201),
    ("post /agents/tokens/{token}/revoke", Who::Admin, 204),
    ("post /agents/{agent}/approve", Who::Admin, 200),
    ("post /agents/approve", Who::Admin, 200),
    ("post /agents/{agent}/revoke", Who::Admin, 204),
    ("get /policies", Who::Admin, 200),
    ("post /policies", Who::Admin, 201),
    ("post /policies/preview", Who::Admin, 200),
    ("post /policies/change", Who::Admin, 200),
    ("delete /policies/{policy}", Who::Admin, 200),
    ("get /tokens", Who::Person, 200),
    ("post /tokens", Who::Person, 201),
    ("post /tokens/{token}/revoke", Who::Person, 204),
    ("get /verifications", Who::Admin, 200),
    ("post /verifications/{verification}/end", Who::Admin, 200),
    ("get /invitations", Who::Admin, 200),
    ("post /invitations", Who::Admin, 201),
    ("post /invitations/{invitation}/revoke", Who::Admin, 204),
    ("post /invitations/{invitation}/mail", Who::Admin, 410),
    ("post /invitations/rules", Who::Visitor, 410),
    ("post /invitations/connection", Who::Newcomer, 410),
    ("post /invitations/inspect", Who::Visitor, 410),
    ("post /invitations/begin", Who::Visitor, 410),
    ("post /invitations/passkey", Who::Visitor, 410),
    ("post /invitations/confirm", Who::Visitor, 410),
    ("get /settings", Who::Admin, 200),
    ("patch /settings", Who::Person, 200),
    ("get /settings/mail", Who::Admin, 200),
    ("post /settings/mail/test", Who::Person, 200),
    ("put /settings/mail", Who::Person, 200),
    ("delete /settings/mail", Who::Person, 204),
    ("get /audit", Who::Admin, 200),
    ("get /audit/export", Who::Admin, 200),
    ("get /live", Who::Admin, 200),
    ("get /health", Who::Admin, 200),
    ("put /health/firewalls", Who::Person, 204),
    ("get /status", Who::Admin, 200),
    ("post /status/confirm-people", Who::Person, 404),
    ("get /why", Who::Admin, 200),
    ("get /authority", Who::Anybody, 200),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    TunnelLocked,
    TunnelUser,
    TunnelAdminLocked,
    TunnelAdmin,
    OfficeNobody,
    OfficeUser,
    OfficeAdmin,
    OfficeProgram,
    OfficeReader,
    TunnelProgram,
    Local,
}

const CALLERS: [Caller; 11] = [
    Caller::TunnelLocked,
    Caller::TunnelUser,
    Caller::TunnelAdminLocked,
    Caller::TunnelAdmin,
    Caller::OfficeNobody,
    Caller::OfficeUser,
    Caller::OfficeAdmin,
    Caller::OfficeProgram,
    Caller::OfficeReader,
    Caller::TunnelProgram,
    Caller::Local,
];

/// The status of a refusal; nothing if the caller may.
fn refusal(who: Who, caller: Caller, reads: bool) -> Option<u16> {
    use Caller::*;
    let tunnel = matches!(caller, TunnelLocked | TunnelUser | TunnelAdminLocked | TunnelAdmin | TunnelProgram);
    // A token is good on the office LAN only, and for nothing that a person does in person.
    let program = matches!(caller, OfficeProgram | OfficeReader) && who == Who::Admin;
    let nobody =
        matches!(caller, TunnelLocked | OfficeNobody | OfficeProgram | OfficeReader | TunnelProgram) && !program;
    match who {
        Who::Anybody | Who::Newcomer => None,
        Who::Visitor => tunnel.then_some(404),
        Who::Tunnel => (!tunnel).then_some(404),
        // In the tunnel it is the device, on the office LAN the session.
        Who::Follower if caller == Local => Some(404),
        Who::Follower => (!tunnel && nobody).then_some(401),
        Who::Verified if !tunnel => Some(404),
        Who::Verified => matches!(caller, TunnelLocked | TunnelAdminLocked | TunnelProgram).then_some(403),
        Who::SignedIn if caller == Local => Some(404),
        Who::SignedIn => nobody.then_some(401),
        Who::Inside if caller == Local => Some(404),
        Who::Inside if nobody => Some(401),
        Who::Inside => (caller == TunnelAdminLocked).then_some(403),
        Who::Viewer if !tunnel => Some(404),
        Who::Viewer if nobody => Some(401),
        Who::Viewer => (caller == TunnelAdminLocked).then_some(403),
        Who::Admin | Who::Person if nobody => Some(401),
        Who::Admin if caller == OfficeReader => (!reads).then_some(403),
        Who::Admin | Who::Person => match caller {
            TunnelUser | OfficeUser => Some(404),
            TunnelAdminLocked => Some(403),
            _ => None,
        },
    }
}

/// Somebody and something to do things to, new for each request.
pub(super) struct Victim {
    name: String,
    group: String,
    pub(super) user: UserId,
    device: DeviceId,
    invitation: Invitation,
    verification: String,
    policy: String,
    agent_token: String,
    pool: String,
    booking: String,
}

pub(super) async fn victim(g: &Gateway, n: usize) -> Victim {
    let store = &g.api.store;
    let name = format!("v{n}");
    let (user, device) = fixtures::person(store, &name, Role::User, "x").await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let group = write.add_group(&name).await.unwrap();
    write.add_member(group, user).await.unwrap();
    let mut resource = NewResource {
        kind: ResourceKind::Share,
        name: name.clone(),
        dns_names: Vec::new(),
        real4: Some("192.168.1.20/32".parse().unwrap()),
        real6: None,
        ports: Vec::new(),
    };
    let share = write.add_resource(&resource).await.unwrap();
    (resource.kind, resource.name) = (ResourceKind::Service, format!("s{name}"));
    write.add_resource(&resource).await.unwrap();
    let until = crate::clock::Unix(i64::MAX);
    let desk = NewAgentToken { name: name.clone(), uses: 2, hosts: Default::default(), resource: None, until };
    let agent_token = write.add_agent_token(&desk, &name).await.unwrap().to_string();
    let policy = write.add_policy(group, share, None, None).await.unwrap();
    let invitation = write.invite(user, &name).await.unwrap();
    let (scopes, end) = ("users:read".parse().unwrap(), crate::clock::Unix(i64::MAX));
    write.add_token(&name, &name, &scopes, end).await.unwrap();
    let verification = write.open_door(user, device).await.unwrap();
    write.set_mail_server(&nowhere()).await.unwrap();
    write.commit().await.unwrap();
    let pc = fixtures::workstation(store, &format!("p{name}")).await;
    let (pool, booking) = fixtures::booked(store, &name, pc, user).await;
    let (pool, booking) = (pool.to_string(), booking.to_string());
    store.enrol(&name, &name, &name, Moment::now()).await.unwrap();
    let invitation = store.invitation(invitation).await.unwrap();
    let (verification, policy) = (verification.to_string(), policy.to_string());
    Victim {
        name,
        group: group.to_string(),
        user,
        device,
        invitation,
        verification,
        policy,
        agent_token,
        pool,
        booking,
    }
}

/// A file as it is sent.
pub(super) fn list(csv: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(csv)
}

/// A mail server that nobody answers for.
fn nowhere() -> MailServer {
    MailServer {
        host: "127.0.0.1".into(),
        port: 9,
        security: Security::Plain,
        login: None,
        password: None,
        sender: "gate@example.org".into(),
    }
}

pub(super) fn prepared(route: &str, v: &Victim) -> (String, Option<Value>) {
    let (method, path) = route.split_once(' ').unwrap();
    let token = provisioning::invitation::Token::generate().unwrap().to_string();
    let (service, pc) = (format!("s{}", v.name), format!("p{}", v.name));
    let path = path
        .replace("{user}", &v.user.to_string())
        // Under the name it has after it was given another.
        .replace("{group}", if method == "patch" { &v.group } else { &v.name })
        .replace("{device}", &v.device.to_string())
        .replace("{resource}", &v.name)
        .replace("{policy}", &v.policy)
        .replace("{workstation}", &pc)
        .replace("{agent}", &v.name)
        .replace("{token}", if path.starts_with("/agents") { &v.agent_token } else { &v.name })
        .replace("{verification}", &v.verification)
        .replace("{pool}", &v.pool)
        .replace("{booking}", &v.booking)
        .replace("{session}", &uuid::Uuid::now_v7().to_string())
        .replace("{passkey}", &v.user.to_string())
        .replace("{invitation}", &v.invitation.id.to_string());
    let body = match route {
        "post /sign-in" => json!({"user": v.name, "password": "wrong", "code": "000000"}),
        "post /extend" | "post /me/passkeys/begin" => json!({"code": "0"}),
        "post /door/check" => json!({"resource": v.name}),
        "post /me/password" => json!({"proof": {"password": "wrong", "code": "000000"}, "new_password": PASSWORD}),
        "post /me/recovery-codes" | "post /me/factor/begin" => json!({"password": "wrong", "code": "000000"}),
        "post /me/factor/confirm" => json!({"code": "000000"}),
        "post /sign-in/passkey/finish" | "post /extend/passkey" => {
            json!({"credential": v.name, "client_data": "e30", "authenticator_data": "", "signature": ""})
        }
        "post /me/passkeys/confirm" => {
            json!({"name": v.name, "credential": v.name, "client_data": "e30", "attestation": ""})
        }
        "post /desktops/{desktop}/message" => json!({"text": "Please sign out by six."}),
        "post /pools" => {
            json!({"name": format!("new-{}", v.name), "workstations": [], "seats": 2, "longest_booking_minutes": 60})
        }
        "put /pools/{pool}" => json!({"name": v.name, "workstations": [pc], "longest_booking_minutes": 60}),
        "get /bookings" | "get /me/bookings" => return (format!("{path}?from=0&to=1000"), None),
        "post /me/bookings" => {
            let quarter = crate::pure::booking::QUARTER_MS;
            let next = (crate::clock::Unix::now().0 / quarter + 1) * quarter;
            json!({"pool": v.pool, "begins": next, "ends": next + quarter})
        }
        "post /desktops/admit" => json!({"user": v.name, "workstation": pc}),
        "post /users" => json!({"login": format!("new-{}", v.name)}),
        "post /users/import" => json!({"csv": list(&format!("login\nnew-{}\n", v.name)), "dry_run": false}),
        "patch /users/{user}" => json!({"name": v.name}),
        "patch /groups/{group}" => json!({"name": format!("new-{}", v.name)}),
        "put /users/{user}/mail" => json!({"mail": "v@example.org"}),
        "post /me/rules" => json!({"version": 1}),
        "put /me/checklist" => json!({"replies": {"disk": "yes"}}),
        "post /invitations/rules" => json!({"token": token, "version": 1}),
        "post /invitations/{invitation}/mail" => json!({"token": token}),
        "put /settings/mail" => json!({"host": "127.0.0.1", "port": 9, "security": "none", "user": "g",
            "password": "p", "from": "g@example.org"}),
        "post /settings/mail/test" => json!({"to": "ilse@example.org"}),
        "put /users/{user}/groups" => json!({"groups": [v.name]}),
        "post /groups" => json!({"name": format!("new-{}", v.name)}),
        "post /groups/{group}/members" => json!({"user": v.name}),
        "put /groups/{group}/members" => json!({"members": [v.name]}),
        "post /me/devices" => json!({"name": v.name, "public_key": fixtures::key()}),
        "post /devices" => json!({"user": v.name, "name": "phone", "public_key": fixtures::key()}),
        "post /resources" => json!({"kind": "share", "name": format!("new-{}", v.name), "address4": "192.168.1.9"}),
        "put /resources/{resource}/address" => json!({"address4": "192.168.1.8"}),
        "patch /resources/{resource}" => json!({"name": format!("new-{}", v.name)}),
        "post /resources/office-share" => json!({"dns_name": format!("new-{}.corp.example", v.name),
            "address4": "192.168.1.9", "controllers": [{"dns_name": format!("dc-{}.corp.example", v.name),
            "address4": "192.168.1.7"}]}),
        "patch /workstations/{workstation}" => json!({"wake_hours": "Mo-Fr 07:30-18:00"}),
        "get /workstations/{workstation}/steps" => return (format!("{path}?from=0&to=1000"), None),
        "post /agents/tokens" => json!({"name": v.name}),
        "post /agents/{agent}/approve" => json!({"workstation": pc}),
        "post /agents/approve" => json!({"agents": [{"agent": v.name, "workstation": pc}]}),
        "post /policies" => json!({"group": v.name, "resource": service}),
        "post /policies/preview" | "post /policies/change" => {
            json!({"add": [{"group": v.name, "resource": service}], "remove": [v.policy]})
        }
        "put /health/firewalls" => json!({"problem": "chain x drops"}),
        "patch /settings" => json!({"organisation": v.name}),
        "post /tokens" => json!({"name": format!("new-{}", v.name), "scopes": ["users:read"],
            "until": crate::clock::Unix::now().0 + 60_000}),
        "post /invitations" => json!({"user": v.name}),
        "post /invitations/connection" => json!({"token": token, "device": v.device}),
        "post /invitations/inspect" => json!({"token": token}),
        "post /invitations/begin" => json!({"token": token, "password": PASSWORD}),
        "post /invitations/passkey" => json!({"token": token, "secret": "AAAA"}),
        "post /invitations/confirm" => json!({"token": token, "code": "000000"}),
        "get /door/drive" => return (format!("{path}?resource={}&system=windows", v.name), None),
        "get /audit/export" => return (format!("{path}?format=csv"), None),
        "get /why" => return (format!("{path}?user={0}&resource={0}", v.name), None),
        _ => return (path, None),
    };
    (path, Some(body))
}

#[test]
fn every_route_of_the_document_stands_in_the_table() {
    let documented: std::collections::BTreeSet<String> = serde_json::to_value(document()).unwrap()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
            let path = path.strip_prefix("/api/v1").unwrap().to_owned();
            methods.into_iter().map(move |m| format!("{m} {path}"))
        })
        .collect();
    let listed: std::collections::BTreeSet<String> = TABLE.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(documented, listed, "and no other");
}

/// In two halves, side by side: it takes longer than all the others.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_by_every_door_for_every_caller() {
    every_other_route(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_by_every_door_for_every_caller_the_other_half() {
    every_other_route(1).await;
}

async fn every_other_route(first: usize) {
    let g = Gateway::new().await;
    let mut n = 0;
    for (route, who, right) in TABLE.iter().skip(first).step_by(2) {
        for caller in CALLERS {
            n += 1;
            let v = victim(&g, n).await;
            let (door, cookie) = enter(&g, caller, n).await;
            let (path, body) = prepared(route, &v);
            let method = route.split(' ').next().unwrap().to_uppercase();
            let answered = g.ask(door, cookie.as_deref(), &method, &path, body).await;
            let expected = refusal(*who, caller, route.starts_with("get ")).unwrap_or(*right);
            assert_eq!(answered.status.as_u16(), expected, "{route} by {caller:?}: {}", answered.text);
            if expected >= 400 {
                assert_eq!(answered.headers[header::CONTENT_TYPE], "application/problem+json");
            }
            if expected == 401 && refusal(*who, caller, false).is_some() {
                assert_eq!(answered.slug(), "not-signed-in", "{route} by {caller:?}");
            }
        }
    }
}

/// Whatever a stranger brings along: the cookie of an administrator, a program's token.
#[tokio::test(flavor = "multi_thread")]
async fn the_internet_opens_invitations_and_nothing_else() {
    let g = Gateway::new().await;
    let stranger = Door::Internet("198.51.100.7".parse().unwrap());
    let (cookie, token) = (g.session(g.ilse.0, None).await, g.token("all", "all:write").await);
    let at_home = Door::Office(OFFICE.parse().unwrap());
    assert_eq!(g.ask(at_home, Some(&cookie), "GET", "/users", None).await.status, 200, "the cookie is good");
    let outside = super::super::internet_router(g.api.clone());
    for (n, (route, who, right)) in TABLE.iter().enumerate() {
        let v = victim(&g, n).await;
        let method = route.split(' ').next().unwrap().to_uppercase();
        for credential in [None, Some(cookie.as_str()), Some(token.as_str())] {
            let (path, body) = prepared(route, &v);
            let expected = if matches!(who, Who::Visitor | Who::Newcomer) { *right } else { 404 };
            let answered = g.ask_by(outside.clone(), stranger, credential, &method, &path, body.clone()).await;
            assert_eq!(answered.status.as_u16(), expected, "{route}: {}", answered.text);
            // The handlers refuse a stranger by themselves, too.
            let answered = g.ask(stranger, credential, &method, &path, body).await;
            assert_eq!(answered.status.as_u16(), expected, "{route}, the house's router: {}", answered.text);
        }
    }
}

async fn enter(g: &Gateway, caller: Caller, n: usize) -> (Door, Option<String>) {
    let lock = async |device| {
        let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.end_of_device(device, crate::store::verifications::EndReason::Locked).await.unwrap();
        write.commit().await.unwrap();
    };
    // Another address each time, so that wrong tries of one row do not count for the next.
    let office = Door::Office(format!("192.168.{}.{}", 10 + n / 250, 1 + n % 250).parse().unwrap());
    let ((anne, laptop), (ilse, desk)) = (g.anne, g.ilse);
    match caller {
        Caller::TunnelLocked => {
            lock(laptop).await;
            (g.tunnel(laptop).await, None)
        }
        Caller::TunnelUser => {
            g.open(g.anne).await;
            (g.tunnel(laptop).await, Some(g.session(anne, Some(laptop)).await))
        }
        Caller::TunnelAdminLocked => {
            lock(desk).await;
            (g.tunnel(desk).await, Some(g.session(ilse, Some(desk)).await))
        }
        Caller::TunnelAdmin => {
            g.open(g.ilse).await;
            (g.tunnel(desk).await, Some(g.session(ilse, Some(desk)).await))
        }
        Caller::OfficeNobody => (office, None),
        Caller::OfficeUser => (office, Some(g.session(anne, None).await)),
        Caller::OfficeAdmin => (office, Some(g.session(ilse, None).await)),
        Caller::OfficeProgram => (office, Some(g.token(&format!("t{n}"), "all:write").await)),
        Caller::OfficeReader => (office, Some(g.token(&format!("t{n}"), "all:read").await)),
        Caller::TunnelProgram => {
            lock(desk).await;
            (g.tunnel(desk).await, Some(g.token(&format!("t{n}"), "all:write").await))
        }
        Caller::Local => (Door::Local, None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_good_by_its_own_door_and_device_only() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let here = g.session(anne, Some(laptop)).await;
    let office = g.session(anne, None).await;
    let (own, other) = (g.tunnel(laptop).await, g.tunnel(g.ilse.1).await);
    assert_eq!(g.ask(own, Some(&here), "GET", "/me", None).await.status, 200);
    for (door, cookie) in [(other, &here), (Gateway::office(), &here), (own, &office)] {
        assert_eq!(g.ask(door, Some(cookie), "GET", "/me", None).await.status, 401);
    }
    let unknown = Door::Tunnel("10.91.9.9".parse().unwrap());
    assert_eq!(g.ask(unknown, None, "GET", "/door", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_says_by_which_door_a_request_came() {
    let g = Gateway::new().await;
    let (laptop, desk) = (g.tunnel(g.anne.1).await.address().unwrap(), g.tunnel(g.ilse.1).await);
    let told = async |door: Door, header: Option<(&str, String)>| {
        let mut request = Request::get("/api/v1/door").header(header::HOST, "door.example.org");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        g.send(door, request.body(Body::empty()).unwrap()).await.json()
    };
    let office = told(Gateway::office(), None).await;
    let local = told(Door::Local, None).await;
    assert_eq!((office["door"].as_str(), local["door"].as_str()), (Some("office"), Some("local")));
    let forwarded = format!("for={laptop};proto=https");
    for (name, value) in [
        ("x-forwarded-for", laptop.to_string()),
        ("forwarded", forwarded),
        ("x-real-ip", laptop.to_string()),
        ("x-client-ip", laptop.to_string()),
        ("true-client-ip", laptop.to_string()),
        ("cf-connecting-ip", laptop.to_string()),
        ("x-passerelle-door", "local".to_owned()),
    ] {
        let header = Some((name, value));
        assert_eq!(told(Gateway::office(), header.clone()).await, office, "{name} at the office");
        assert_eq!(told(Door::Local, header.clone()).await, local, "{name} at the command line");
        let other = told(desk, header).await;
        assert_eq!(other["device"]["id"], json!(g.ilse.1), "{name} in the tunnel");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_origins_types_and_headers() {
    let g = Gateway::new().await;
    let cookie = g.session(g.ilse.0, None).await;
    let lock = |host: &str, extra: &[(&str, &str)]| {
        let mut request = Request::builder().method("POST").uri("/api/v1/users").header(header::COOKIE, &cookie);
        if !host.is_empty() {
            request = request.header(header::HOST, host);
        }
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        request.body(Body::from("{}")).unwrap()
    };
    let json = ("content-type", "application/json");
    for (host, extra, expected) in [
        ("door.example.org", vec![json], 400),
        ("DOOR.example.org:8443", vec![json, ("origin", "https://DOOR.example.org:8443")], 400),
        ("gateway.rossi.internal", vec![json], 400),
        ("10.91.0.1", vec![json], 400),
        ("[fd6b:10f3:77aa::1]", vec![json, ("sec-fetch-site", "same-origin")], 400),
        ("192.168.1.2", vec![json], 400),
        ("", vec![json], 421),
        ("evil.example", vec![json], 421),
        ("192.168.1.3", vec![json], 421),
        ("door.example.org", vec![json, ("origin", "https://evil.example")], 403),
        ("door.example.org", vec![json, ("origin", "http://door.example.org")], 403),
        ("door.example.org", vec![json, ("origin", "null")], 403),
        ("door.example.org", vec![json, ("sec-fetch-site", "cross-site")], 403),
        ("door.example.org", vec![json, ("sec-fetch-site", "same-site")], 403),
    ] {
        let answered = g.send(Gateway::office(), lock(host, &extra)).await;
        assert_eq!(answered.status.as_u16(), expected, "{host} {extra:?} {}", answered.text);
        if expected == 400 {
            assert_eq!(answered.json()["detail"], "missing field `login`");
        }
    }
    // Nor is anything read for a page of another name, which could not see the answer: it would be noted as read.
    let read = |site: &'static str| {
        let request = Request::get("/api/v1/users").header(header::HOST, "door.example.org");
        request.header("sec-fetch-site", site).header(header::COOKIE, &cookie).body(Body::empty()).unwrap()
    };
    for (site, expected) in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("?", 403)] {
        assert_eq!(g.send(Gateway::office(), read(site)).await.status.as_u16(), expected, "{site}");
    }
    let socket = Request::get("/api/v1/users").header(header::HOST, "door.example.org").header(header::COOKIE, &cookie);
    let socket = socket.header(header::ORIGIN, "https://evil.example.org").body(Body::empty()).unwrap();
    assert_eq!(g.send(Gateway::office(), socket).await.status, 403, "as a WebSocket begins");
    for wrong in
        [vec![], vec![("content-type", "text/plain")], vec![("content-type", "application/x-www-form-urlencoded")]]
    {
        let answered = g.send(Gateway::office(), lock("door.example.org", &wrong)).await;
        assert_eq!(answered.status, 400);
        assert!(answered.text.contains("Content-Type"));
    }
    let answer = g.ask(Gateway::office(), None, "GET", "/door", None).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
    // Too much is not read.
    let large = Request::post("/api/v1/sign-in")
        .header(header::HOST, "door.example.org")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(format!("{{\"user\":\"{}\"}}", "x".repeat(1 << 20))))
        .unwrap();
    assert_eq!(g.send(Gateway::office(), large).await.status, 400);
    let strange = g.ask(Gateway::office(), None, "GET", "/nothing", None).await;
    assert_eq!((strange.status.as_u16(), strange.slug().as_str()), (404, "not-found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_without_being_quoted() {
    let g = Gateway::new().await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"user\":{}}",
        "{\"hunter2\":1}",
        "\"hunter2\"",
        "{\"user\":\"hunter2\",\"password\":5}",
    ] {
        for path in ["/sign-in", "/users", "/devices", "/resources", "/policies", "/invitations/begin"] {
            let request = Request::post(format!("/api/v1{path}"))
                .header(header::HOST, "x")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .unwrap();
            let answered = g.send(Door::Local, request).await;
            assert_eq!(answered.status, 400, "{path} {body}");
            let quoted = answered.text.contains("hunter2");
            assert!(!quoted || answered.text.contains("unknown field"), "{path} {body} {}", answered.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_within_its_scopes_and_its_time_and_never_for_administrators() {
    let g = Gateway::new().await;
    let office = Gateway::office();
    let ask = async |token: &str, method: &str, path: &str, body: Option<Value>| {
        g.ask(office, Some(token), method, path, body).await.status.as_u16()
    };
    let all = g.token("all", "all:write").await;
    for (method, path, body) in [
        ("POST", "/users", json!({"login": "eve", "role": "admin"})),
        ("PATCH", "/users/ilse", json!({"name": "Eve"})),
        ("PATCH", "/users/anne", json!({"role": "admin"})),
        ("POST", "/users/import", json!({"csv": list("login\neve\n"), "dry_run": false, "invite": true})),
        ("POST", "/users/import", json!({"csv": list("login,groups\neve,new\n"), "dry_run": false})),
        ("POST", "/users/ilse/disable", Value::Null),
        ("POST", "/users/ilse/enable", Value::Null),
        ("PUT", "/users/ilse/groups", json!({"groups": []})),
        ("PUT", "/users/ilse/mail", json!({"mail": "evil@example.org"})),
        ("POST", "/invitations", json!({"user": "ilse"})),
        ("POST", "/devices", json!({"user": "ilse", "name": "x", "public_key": fixtures::key()})),
        ("POST", &format!("/devices/{}/revoke", g.ilse.1), Value::Null),
    ] {
        assert_eq!(ask(&all, method, path, Some(body.clone())).await, 403, "{method} {path}");
    }
    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    let staff = write.add_group("it").await.unwrap();
    write.add_member(staff, g.ilse.0).await.unwrap();
    let invitation = write.invite(g.ilse.0, "hash").await.unwrap();
    let running = write.open_door(g.ilse.0, g.ilse.1).await.unwrap();
    write.commit().await.unwrap();
    for (method, path) in [
        ("DELETE", "/groups/it".to_owned()),
        ("PATCH", "/groups/it".to_owned()),
        ("PUT", "/groups/it/members".to_owned()),
        ("POST", format!("/invitations/{invitation}/revoke")),
        ("POST", format!("/verifications/{running}/end")),
    ] {
        let body = match method {
            "PATCH" => Some(json!({"name": "x"})),
            "PUT" => Some(json!({"members": ["anne"]})),
            _ => None,
        };
        assert_eq!(ask(&all, method, &path, body).await, 403, "{method} {path}");
    }
    let mailed = format!("/invitations/{invitation}/mail");
    assert_eq!(ask(&all, "POST", &mailed, Some(json!({"token": "x"}))).await, 403);
    assert_eq!(ask(&all, "GET", &format!("/devices/{}/config", g.anne.1), None).await, 401, "it holds a key");
    assert_eq!(ask(&all, "PATCH", "/settings", Some(json!({"masquerade": false}))).await, 401);
    assert_eq!(ask(&all, "DELETE", "/users/anne", None).await, 401, "it cannot be undone");
    // … which a person may.
    let cookie = g.session(g.ilse.0, None).await;
    let invited = g.ask(office, Some(&cookie), "POST", "/invitations", Some(json!({"user": "ilse"}))).await;
    assert_eq!(invited.status, 201);

    let narrow = g.token("narrow", "users:read").await;
    assert_eq!(ask(&narrow, "GET", "/users", None).await, 200);
    assert_eq!(ask(&narrow, "GET", "/users/anne", None).await, 200);
    for path in ["/devices", "/audit", "/status", "/usersx"] {
        assert!([403, 404].contains(&ask(&narrow, "GET", path, None).await), "{path}");
    }
    assert_eq!(ask(&narrow, "POST", "/users/anne/disable", None).await, 403);
    let audit = g.ask(Door::Local, None, "GET", "/audit", None).await.text;
    assert!(audit.contains("token_added") && !audit.contains(narrow.trim_start_matches("Bearer ")));

    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.revoke_token("narrow").await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(ask(&narrow, "GET", "/users", None).await, 401);
    let later = Moment::now().wall + std::time::Duration::from_secs(3601);
    let hash = ApiToken::from_header(&all).unwrap().hash();
    assert!(g.api.store.token(&hash, Moment::now().wall).await.unwrap().is_some());
    assert!(g.api.store.token(&hash, later).await.unwrap().is_none(), "its time is over");
    for wrong in ["Bearer ", "Bearer pat_x", &format!("Bearer pat_{}", "A".repeat(43)), "Basic eDp5"] {
        let request = Request::get("/api/v1/users")
            .header(header::HOST, "door.example.org")
            .header(header::AUTHORIZATION, wrong)
            // A good cookie beside a wrong token helps nobody.
            .header(header::COOKIE, &cookie);
        assert_eq!(g.send(office, request.body(Body::empty()).unwrap()).await.status, 401, "{wrong}");
    }
}
