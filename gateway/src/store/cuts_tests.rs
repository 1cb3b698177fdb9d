//! Cuts while the database stores nothing.

use std::time::Duration;

use super::audit::Filter;
use super::cuts::Kept;
use super::tests::{BOOT, fixture, open, person, refuse};
use super::users::Role;
use super::*;
use crate::ids::{DeviceId, UserId};
use crate::pure::cut::{By, What};
use crate::pure::decide::standing;

async fn events(store: &Store, event: &str) -> Vec<super::audit::Line> {
    store.audit(&Filter { event: Some(event.into()), limit: 100, ..Filter::default() }).await.unwrap()
}

async fn with_open_door(store: &Store) -> (UserId, DeviceId) {
    let (user, device) = person(store, "anne", Role::User, "x").await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.open_door(user, device).await.unwrap();
    write.begin_web_session("cookie", user, Some(device)).await.unwrap();
    write.commit().await.unwrap();
    (user, device)
}

async fn in_force(store: &Store, device: DeviceId) -> bool {
    let now = Moment::now();
    let world = store.load_since(None, now).await.unwrap().world;
    let shut = standing(&world, device).is_err();
    assert_eq!(standing(&store.last_world().unwrap().1, device).is_err(), shut, "the last world says the same");
    assert_eq!(store.open_for(device, now).await.unwrap().is_none(), shut);
    assert_eq!(store.web_session("cookie", now.wall).await.unwrap().is_none(), shut);
    assert_eq!(store.verifications(now, false).await.unwrap().is_empty(), shut);
    shut
}

#[tokio::test]
async fn a_cut_outlives_a_crash_and_is_stored_first_once_and_with_its_own_time() {
    let (dir, store) = fixture().await;
    let (user, device) = with_open_door(&store).await;
    assert!(!in_force(&store, device).await);
    refuse(&store, true).await;
    let what = What::DisableUser(user);
    let refused = store.cut(what, Actor::Local, Moment::now()).await.unwrap_err();
    assert!(refused.is_of_storage(), "{refused:?}");
    assert!(!in_force(&store, device).await, "nothing was done");
    let made = Moment { wall: Moment::now().wall + Duration::from_secs(3), ..Moment::now() };
    assert_eq!(store.cut_without_database(what, By::Local, made).await.unwrap(), Kept::InFile);
    assert!(in_force(&store, device).await);
    assert!(store.store_cuts().await.is_err(), "it is still refused");
    assert!(in_force(&store, device).await);
    let kept = std::fs::read(dir.path().join("cuts")).unwrap();
    drop(store);

    // Nobody said goodbye.
    let store = open(&dir, BOOT).await;
    assert_eq!(store.waiting_cuts().len(), 1);
    assert!(in_force(&store, device).await, "also before it is stored");
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.set_user_disabled(user, false).await.unwrap();
    write.commit().await.unwrap();
    assert!(store.waiting_cuts().is_empty());
    assert!(store.user("anne").await.unwrap().disabled_at.is_none(), "IT let her in after the cut");
    assert!(store.open_for(device, Moment::now()).await.unwrap().is_none(), "what was cut stays cut");
    let disabled = events(&store, "user_disabled").await;
    assert_eq!((disabled.len(), disabled[0].at, disabled[0].actor.as_str()), (1, made.wall, "local"));
    assert_eq!(events(&store, "cut_stored").await[0].details["made_at"], made.wall.0);
    drop(store);

    // The file is put back, or could not be emptied: reading it again changes nothing.
    std::fs::write(dir.path().join("cuts"), kept).unwrap();
    let store = open(&dir, BOOT).await;
    store.store_cuts().await.unwrap();
    assert!(store.user("anne").await.unwrap().disabled_at.is_none());
    assert_eq!([events(&store, "user_disabled").await.len(), events(&store, "cut_stored").await.len()], [1, 1]);
    drop(store);
    assert!(open(&dir, BOOT).await.waiting_cuts().is_empty());
}

#[tokio::test]
async fn every_kind_of_cut_is_stored_as_it_was_made_and_what_is_gone_is_no_obstacle() {
    let (_dir, store) = fixture().await;
    let (user, device) = with_open_door(&store).await;
    let (_, resource) = super::tests::entitle(&store, user).await;
    let policy = store.policies().await.unwrap()[0].id;
    let (other, tablet) = person(&store, "boris", Role::User, "x").await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let opening = write.open_door(other, tablet).await.unwrap();
    write.commit().await.unwrap();
    refuse(&store, true).await;
    let nobody = DeviceId::new();
    for what in [
        What::LockDevice(device),
        What::EndVerification(opening),
        What::DisableDevice(device),
        What::RevokeDevice(device),
        What::RevokeDevice(nobody),
        What::DisableDevice(device),
        What::RemovePolicy(policy),
        What::RemoveResource(resource),
    ] {
        store.cut_without_database(what, By::User(user), Moment::now()).await.unwrap();
    }
    assert_eq!(store.waiting_cuts().len(), 7, "what waits already is not cut once more");
    let (world, now) = (store.load_since(None, Moment::now()).await.unwrap().world, Moment::now());
    assert!(world.verifications.is_empty() && world.policies.is_empty() && world.resources.is_empty());
    refuse(&store, false).await;
    store.store_cuts().await.unwrap();
    let stored = store.load_since(None, now).await.unwrap().world;
    assert!(stored.verifications.is_empty() && stored.policies.is_empty() && stored.resources.is_empty());
    assert!(stored.devices[&device].revoked && standing(&stored, tablet).is_ok());
    let ended = store.verifications(now, true).await.unwrap();
    assert!(ended.iter().all(|v| v.ended_at.is_some()));
    assert_eq!(events(&store, "cut_stored").await.len(), 7);
    assert!(events(&store, "cut_stored").await.iter().all(|line| line.actor == "anne"));
}

#[tokio::test]
async fn without_a_file_a_cut_is_in_force_and_says_how_long_it_lasts() {
    let (dir, store) = fixture().await;
    let (user, device) = with_open_door(&store).await;
    drop(store);
    std::fs::remove_file(dir.path().join("cuts")).unwrap();
    std::fs::create_dir(dir.path().join("cuts")).unwrap();
    let store = open(&dir, BOOT).await;
    let unknown = store.cut_without_database(What::DisableUser(user), By::Local, Moment::now()).await;
    assert!(matches!(unknown, Err(Error::LastAdministrator(_))), "before anything was read: {unknown:?}");
    assert!(!in_force(&store, device).await);
    let kept = store.cut_without_database(What::DisableUser(user), By::Local, Moment::now()).await.unwrap();
    assert!(matches!(kept, Kept::InMemory(_)), "{kept:?}");
    assert!(in_force(&store, device).await);
}

#[tokio::test]
async fn a_full_disk_stores_again_as_soon_as_there_is_room() {
    let (_dir, store) = fixture().await;
    if !matches!(store.database, Database::Sqlite(_)) {
        return;
    }
    // This connection's file may not grow; another one's may.
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.writes).await.unwrap();
    let add = async |name: String| {
        let mut write = store.write(Moment::now(), Actor::Local).await?;
        write.add_group(&name).await?;
        write.commit().await
    };
    let mut refused = None;
    for n in 0..1000 {
        if let Err(e) = add(format!("group {n} {}", "x".repeat(50))).await {
            refused = Some(e);
            break;
        }
    }
    let refused = refused.unwrap();
    assert!(refused.is_full() && refused.is_of_storage(), "{refused:?}");
    add("room".to_owned()).await.unwrap();
}

#[tokio::test]
async fn what_was_read_before_a_change_gives_nobody_anything() {
    let (_dir, store) = fixture().await;
    let (_, device) = with_open_door(&store).await;
    assert!(store.current_world().is_none(), "nothing was read yet");
    store.load_since(None, Moment::now()).await.unwrap();
    assert!(standing(&store.current_world().unwrap().1, device).is_ok());
    store.cut(What::RevokeDevice(device), Actor::Local, Moment::now()).await.unwrap();
    assert!(standing(&store.last_world().unwrap().1, device).is_ok(), "it is older");
    assert!(store.current_world().is_none());
    store.load_since(None, Moment::now()).await.unwrap();
    assert!(standing(&store.current_world().unwrap().1, device).is_err());
}
