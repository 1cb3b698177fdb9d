//! Cutting off while the database stores nothing.

use serde_json::json;

use super::*;
use crate::pure::cut::What;

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_goes_through_and_a_sign_in_does_not_while_nothing_is_stored() {
    let gateway = Gateway::new().await;
    let store = gateway.api.store.clone();
    gateway.open(gateway.anne).await;
    let (anne, ilse) = (gateway.tunnel(gateway.anne.1).await, gateway.tunnel(gateway.ilse.1).await);
    let cookie = gateway.session(gateway.anne.0, Some(gateway.anne.1)).await;
    fixtures::refuse(&store, true).await;

    let typed = json!({ "user": "ilse", "password": PASSWORD, "code": "000000" });
    let refused = gateway.ask(ilse, None, "POST", "/sign-in", Some(typed)).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (503, "cannot-store"), "{}", refused.text);
    let added = gateway.ask(Door::Local, None, "POST", "/groups", Some(json!({ "name": "accounts" }))).await;
    assert_eq!((added.status.as_u16(), added.slug().as_str()), (503, "cannot-store"), "{}", added.text);
    let last = gateway.ask(Door::Local, None, "POST", "/users/ilse/disable", None).await;
    assert_eq!((last.status.as_u16(), last.slug().as_str()), (409, "last-administrator"), "{}", last.text);

    // The door's owner, then IT, by a name.
    assert_eq!(gateway.net.open(gateway.anne.1), Some(true));
    let locked = gateway.ask(anne, Some(&cookie), "POST", "/lock", None).await;
    assert_eq!((locked.status.as_u16(), &locked.json()["state"]), (202, &json!("locked")), "{}", locked.text);
    assert_eq!(gateway.net.open(gateway.anne.1), Some(false), "before the answer");
    assert_eq!(gateway.ask(anne, Some(&cookie), "GET", "/door", None).await.json()["state"], "locked");
    let cut = gateway.ask(Door::Local, None, "POST", "/devices/anne%2Flaptop/revoke", None).await;
    assert_eq!((cut.status.as_u16(), &cut.json()["stored"]), (202, &json!("soon")), "{}", cut.text);
    assert_eq!(gateway.net.open(gateway.anne.1), None, "before the answer");
    assert_eq!(gateway.ask(anne, Some(&cookie), "GET", "/door", None).await.status, 404);
    let status = gateway.ask(Door::Local, None, "GET", "/status", None).await;
    assert_eq!(status.json()["waiting_cuts"], 2);

    // A data plane that comes back meanwhile is told the same.
    let before = gateway.net.0.lock().unwrap().snapshots;
    gateway.net.hang_up();
    gateway.net.until(|s| s.snapshots > before).await;
    assert_eq!(gateway.net.open(gateway.anne.1), None);
    assert!(gateway.net.open(gateway.ilse.1).is_some(), "the twin");

    fixtures::refuse(&store, false).await;
    let added = gateway.ask(Door::Local, None, "POST", "/groups", Some(json!({ "name": "accounts" }))).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let audit = gateway.ask(Door::Local, None, "GET", "/audit?limit=100", None).await;
    for event in ["device_revoked", "door_locked", "cut_stored", "group_added"] {
        assert!(audit.text.contains(event), "{event}: {}", audit.text);
    }
    let status = gateway.ask(Door::Local, None, "GET", "/status", None).await;
    assert_eq!(status.json()["waiting_cuts"], 0);
    assert!(store.device(gateway.anne.1).await.unwrap().revoked_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_goes_through_when_the_database_cannot_even_be_read() {
    let gateway = Gateway::new().await;
    gateway.open(gateway.anne).await;
    let anne = gateway.tunnel(gateway.anne.1).await;
    gateway.api.store.close().await;
    let locked = gateway.ask(anne, None, "POST", "/lock", None).await;
    assert_eq!((locked.status.as_u16(), &locked.json()["state"]), (202, &json!("locked")), "{}", locked.text);
    assert_eq!(gateway.net.open(gateway.anne.1), Some(false));
    let extended = gateway.ask(anne, None, "POST", "/extend", Some(json!({ "code": "123456" }))).await;
    assert_eq!(extended.status, 503, "whoever wants more needs the database: {}", extended.text);
    for path in ["/devices/anne%2Flaptop/disable", "/users/anne/disable"] {
        let cut = gateway.ask(Door::Local, None, "POST", path, None).await;
        assert_eq!((cut.status.as_u16(), &cut.json()["stored"]), (202, &json!("soon")), "{path}: {}", cut.text);
        assert_eq!(gateway.net.open(gateway.anne.1), None);
    }
    for path in ["/devices/anne%2Fphone/disable", "/users/nobody/disable"] {
        let cut = gateway.ask(Door::Local, None, "POST", path, None).await;
        assert!(cut.status.as_u16() >= 400, "{path}: {}", cut.text);
    }
    assert!(gateway.net.open(gateway.ilse.1).is_some(), "the twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_stays_cut_whatever_the_database_does_next() {
    let gateway = Gateway::new().await;
    let store = gateway.api.store.clone();
    gateway.open(gateway.anne).await;
    fixtures::refuse(&store, true).await;
    let cut = gateway.ask(Door::Local, None, "POST", "/devices/anne%2Flaptop/revoke", None).await;
    assert_eq!((cut.status.as_u16(), gateway.net.open(gateway.anne.1)), (202, None), "{}", cut.text);
    // It comes back for as long as storing takes, and is not read again.
    fixtures::refuse(&store, false).await;
    store.store_cuts().await.unwrap();
    store.close().await;
    let ilse = format!("/devices/{}/disable", gateway.ilse.1);
    let next = gateway.ask(Door::Local, None, "POST", &ilse, None).await;
    assert_eq!((next.status.as_u16(), gateway.net.open(gateway.ilse.1)), (202, None), "{}", next.text);
    assert_eq!(gateway.net.open(gateway.anne.1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_plane_that_starts_anew_is_given_nothing_that_was_taken_away_unread() {
    let gateway = Gateway::new().await;
    let store = gateway.api.store.clone();
    gateway.open(gateway.anne).await;
    assert_eq!(gateway.net.open(gateway.anne.1), Some(true));
    fixtures::deafen(&store).await;
    store.cut(What::RevokeDevice(gateway.anne.1), Actor::Local, Moment::now()).await.unwrap();
    fixtures::refuse(&store, true).await;
    let streams = || gateway.net.0.lock().unwrap().connections;
    let before = streams();
    gateway.net.restart();
    gateway.net.until(|s| s.connections > before).await;
    let ilse = format!("/devices/{}/disable", gateway.ilse.1);
    let cut = gateway.ask(Door::Local, None, "POST", &ilse, None).await;
    assert!(cut.status.is_success(), "nothing passes, so it is in force: {} {}", cut.status, cut.text);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!((gateway.net.open(gateway.anne.1), gateway.net.open(gateway.ilse.1)), (None, None));
}
