//! Browsers in the internet, without the tunnel: only where IT has switched that on, after password and code, by the same
//! policy, and for office PCs alone.

use serde_json::json;

use super::super::caller::OUTSIDE;
use super::routes::{TABLE, prepared, victim};
use super::*;
use crate::clock::Unix;
use crate::pure::workstation::Probe;
use crate::store::Moment;

struct Outside {
    g: Gateway,
    router: Router,
    door: Door,
    group: crate::ids::GroupId,
    pc: crate::ids::ResourceId,
}

fn code(back: u64) -> String {
    provisioning::totp::code_at(&fixtures::SECRET, Unix::now().seconds() / 30 - back)
}

/// Anne may use one PC and one share.
async fn outside() -> Outside {
    let g = Gateway::new().await;
    let store = &g.api.store;
    let (group, _) = fixtures::entitle(store, g.anne.0).await;
    let pc = fixtures::workstation(store, "hers").await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.add_policy(group, pc, None, None).await.unwrap();
    write.commit().await.unwrap();
    g.api.fleet.reload(&store.resources().await.unwrap(), Moment::now()).await.unwrap();
    g.api.fleet.probed(pc, Probe::Rdp, None, Moment::now());
    g.api.desk.all_are_told();
    let router = super::super::internet_router(g.api.clone());
    Outside { g, router, door: Door::Internet("198.51.100.7".parse().unwrap()), group, pc }
}

impl Outside {
    async fn switch(&self, on: bool) {
        let to = json!({"desktops_outside": on});
        assert_eq!(self.g.ask(Door::Local, None, "PATCH", "/settings", Some(to)).await.status, 200);
    }

    async fn ask(&self, cookie: Option<&str>, method: &str, path: &str, body: Option<Value>) -> Answered {
        self.g.ask_by(self.router.clone(), self.door, cookie, method, path, body).await
    }

    async fn sign_in(&self, user: &str, code: &str) -> Answered {
        let body = json!({"user": user, "password": PASSWORD, "code": code});
        self.ask(None, "POST", "/sign-in", Some(body)).await
    }

    async fn signed_in(&self, user: &str) -> String {
        self.signed_in_by(user, &code(0)).await
    }

    async fn signed_in_by(&self, user: &str, code: &str) -> String {
        let done = self.sign_in(user, code).await;
        assert_eq!(done.status, 200, "{}", done.text);
        done.cookie.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_in_and_comes_to_ones_pc_where_it_has_switched_that_on() {
    let o = outside().await;
    for (method, path) in [("GET", "/door"), ("POST", "/sign-in"), ("GET", "/me/workstations"), ("GET", "/me/desktop")]
    {
        assert_eq!(o.ask(None, method, path, Some(json!({}))).await.status, 404, "{path}: it is off");
    }
    o.switch(true).await;
    let before = o.ask(None, "GET", "/door", None).await.json();
    assert_eq!(
        (&before["state"], &before["door"], &before["device"]),
        (&json!("locked"), &json!("internet"), &Value::Null)
    );
    assert_eq!(before["resources"], json!([]));
    for path in ["/me/workstations", "/me/pools", "/me/desktop"] {
        assert_eq!(o.ask(None, "GET", path, None).await.status, 401, "{path}");
    }
    assert_eq!(o.sign_in("anne", "000000").await.slug(), "wrong-credentials");
    let done = o.sign_in("anne", &code(0)).await;
    let door = &done.json()["door"];
    let names: Vec<_> = door["resources"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!((&door["state"], names), (&json!("open"), vec![json!("hers")]), "a share is nothing for a browser");
    let cookie = done.cookie.clone().unwrap();
    let asked = o.ask(Some(&cookie), "POST", "/me/workstations/hers/desktop", Some(json!({}))).await.json();
    assert!(asked["ticket"].is_string(), "{asked}");
    // What policy takes away is gone.
    let mut write = o.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.remove_member(o.group, o.g.anne.0).await.unwrap();
    write.commit().await.unwrap();
    let asked = o.ask(Some(&cookie), "POST", "/me/workstations/hers/desktop", Some(json!({}))).await;
    assert_eq!(asked.status, 404, "{}", asked.text);
    // Locked by oneself, and signed out.
    assert_eq!(o.ask(Some(&cookie), "POST", "/lock", None).await.json()["state"], "locked");
    assert_eq!(o.ask(Some(&cookie), "GET", "/me/workstations", None).await.status, 403);
    assert_eq!(o.ask(Some(&cookie), "POST", "/sign-out", None).await.status, 204);
    assert_eq!(o.ask(Some(&cookie), "GET", "/me/workstations", None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_carried_in_or_out() {
    let o = outside().await;
    o.switch(true).await;
    let there = o.signed_in("anne").await;
    o.g.open(o.g.anne).await;
    let (tunnel, office) = (o.g.tunnel(o.g.anne.1).await, Gateway::office());
    let others = [o.g.session(o.g.anne.0, Some(o.g.anne.1)).await, o.g.session(o.g.anne.0, None).await];
    for cookie in &others {
        assert_eq!(o.ask(Some(cookie), "GET", "/me/workstations", None).await.status, 401, "carried out");
        assert_eq!(o.ask(Some(cookie), "GET", "/door", None).await.json()["me"], Value::Null);
    }
    for door in [tunnel, office] {
        let carried = o.g.ask(door, Some(&there), "GET", "/me", None).await;
        assert_eq!(carried.slug(), "not-signed-in", "carried in");
    }
    // What stands for her browsers is nobody's tunnel, whoever claims its address.
    let devices = o.g.api.store.devices(Some(o.g.anne.0)).await.unwrap();
    let device = devices.iter().find(|device| device.outside).unwrap();
    assert_eq!(o.g.ask(Door::Tunnel(device.address4.into()), Some(&there), "GET", "/door", None).await.status, 404);
    assert_eq!(devices.iter().filter(|device| device.outside).count(), 1);
    let mut write = o.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    assert_eq!(write.outside_device(o.g.anne.0).await.unwrap(), Some(device.id), "always the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shuts_somebodys_browsers_out_or_everybodys() {
    let o = outside().await;
    o.switch(true).await;
    let first = o.signed_in("anne").await;
    let asks = async |cookie: &str| o.ask(Some(cookie), "GET", "/me/workstations", None).await.status.as_u16();
    assert_eq!(asks(&first).await, 200);
    // One browser at a time: what was left somewhere is not opened again from elsewhere.
    let cookie = o.signed_in_by("anne", fixtures::RECOVERY).await;
    assert_eq!((asks(&first).await, asks(&cookie).await), (401, 200));
    o.switch(false).await;
    assert_eq!(asks(&cookie).await, 404, "everybody's");
    let device = o.g.api.store.devices(Some(o.g.anne.0)).await.unwrap().into_iter().find(|d| d.outside).unwrap();
    let pc = o.g.api.store.resource(&o.pc.to_string()).await.unwrap();
    let session = WebToken::from_cookies(&cookie).unwrap().hash();
    let asked = o.g.api.desk.ask(&device, &session, &pc).await;
    assert_eq!(asked, crate::desktop::browser::Asked::Refused(crate::pure::desktop::NoEntry::NotAllowed));
    o.switch(true).await;
    assert_eq!(asks(&cookie).await, 401, "off is no pause");
    let path = format!("/devices/{}/disable", device.id);
    assert_eq!(o.g.ask(Door::Local, None, "POST", &path, Some(json!({}))).await.status, 200);
    let shown = o.signed_in("ilse").await;
    assert_eq!(asks(&shown).await, 200, "others are let in");
    let mut write = o.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    assert_eq!(write.outside_device(o.g.anne.0).await.unwrap(), None, "she is not");
}

/// An administrator who is signed in by the internet is nobody there but somebody who may use their PCs.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_opened() {
    let o = outside().await;
    o.switch(true).await;
    let cookie = o.signed_in("ilse").await;
    let token = o.g.token("all", "all:write").await;
    let mut opened = Vec::new();
    for (n, (route, ..)) in TABLE.iter().enumerate().filter(|(_, (route, ..))| !route.contains(" /invitations/")) {
        let v = victim(&o.g, 5_000 + n).await;
        let method = route.split(' ').next().unwrap().to_uppercase();
        // What would sign her out, or lock her door.
        if ["post /sign-out", "post /lock", "post /sign-in"].contains(route) {
            continue;
        }
        for (credential, router) in [
            (&cookie, o.router.clone()),
            (&cookie, o.g.router.clone()),
            (&token, o.router.clone()),
            (&token, o.g.router.clone()),
        ] {
            let (path, body) = prepared(route, &v);
            let answered = o.g.ask_by(router, o.door, Some(credential), &method, &path, body).await;
            if answered.status != 404 {
                opened.push(*route);
            }
        }
    }
    let of = |route: &str| route.split_once(" /").unwrap().1.to_owned();
    for route in &opened {
        assert!(OUTSIDE.contains(&of(route).as_str()), "{route} is opened");
    }
    let known: std::collections::BTreeSet<_> = TABLE.iter().map(|(route, ..)| of(route)).collect();
    assert!(OUTSIDE.iter().all(|route| known.contains(*route)), "a route that is no more");
    assert!(
        opened.contains(&"get /me/workstations") && opened.contains(&"post /me/workstations/{workstation}/desktop")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_is_told_so_and_what_they_showed_is_spent() {
    let o = outside().await;
    o.switch(true).await;
    let mut write = o.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let device = write.outside_device(o.g.anne.0).await.unwrap().unwrap();
    write.commit().await.unwrap();
    let asks = async |what: &str| {
        let path = format!("/devices/{device}/{what}");
        o.g.ask(Door::Local, None, "POST", &path, Some(json!({}))).await.status.as_u16()
    };
    assert_eq!(asks("disable").await, 200);
    let code = code(0);
    let refused = o.sign_in("anne", &code).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (403, "not-allowed"), "{}", refused.text);
    assert_eq!(o.sign_in("anne", &code).await.slug(), "wrong-credentials", "a code is good once");
    // Whatever became of it, IT lets them in again.
    assert_eq!((asks("revoke").await, asks("enable").await), (200, 200));
    assert_eq!(o.sign_in("anne", fixtures::RECOVERY).await.status, 200);
}

/// Strangers are few at once, whoever they say they are; nobody in the office waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_try_passwords_keep_nobody_in_the_office_waiting() {
    let o = outside().await;
    o.switch(true).await;
    let mut waits = 0;
    for n in 0..40 {
        let door = Door::Internet(format!("198.51.{n}.7").parse().unwrap());
        let body = json!({"user": "anne", "password": "wrong password", "code": "000000"});
        let answered = o.g.ask_by(o.router.clone(), door, None, "POST", "/sign-in", Some(body)).await;
        waits += usize::from(answered.status == 429);
    }
    assert!(waits > 30, "{waits} of 40 were told to wait");
    let body = json!({"user": "anne", "password": PASSWORD, "code": code(0)});
    let office = o.g.ask(Gateway::office(), None, "POST", "/sign-in", Some(body)).await;
    assert_eq!(office.status, 200, "{}", office.text);
}
