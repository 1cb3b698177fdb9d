//! When doors end: by their time, by the machine's restart, by a clock that cannot be true, for want of use.

use std::time::Duration;

use super::tests::{entitle, fixture, open, open_with, person};
use super::users::Role;
use super::verifications::{GRACE, IDLE_STEP};
use super::*;
use crate::pure::decide::{Reason, Verdict, World, decide};

const CAP: Duration = Duration::from_secs(10 * 3600);
const IDLE: Duration = Duration::from_secs(2 * 3600);

#[tokio::test]
async fn doors_end_with_their_time_their_boot_and_an_implausible_clock() {
    let (dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    let (_, resource) = entitle(&store, user).await;
    let now = Moment::now();
    let deny = |world: &World, at| decide(world, device, resource, at) == Verdict::Deny(vec![Reason::Locked]);
    assert!(deny(&store.world(&Scope::All, now).await.unwrap(), now.boot));
    assert!(open_with(&store, user, device, 10).await);
    for scope in [Scope::All, Scope::user(user)] {
        let world = store.world(&scope, now).await.unwrap();
        assert!(matches!(decide(&world, device, resource, now.boot), Verdict::Allow { .. }));
        assert!(deny(&world, now.boot + CAP * 2));
    }
    let other = store.world(&Scope::user(UserId::new()), now).await.unwrap();
    assert!(other.devices.is_empty() && other.resources.len() == 1);

    // The machine starts again: open for what was left, by the wall clock.
    store.close().await;
    let store = open(&dir, "boot-2").await;
    let hour = std::time::Duration::from_secs(3600);
    let later = Moment { wall: now.wall + hour, boot: Boot(5000) };
    assert!(deny(&store.world(&Scope::All, later).await.unwrap(), later.boot), "not before it is adopted");
    assert!(store.adopt_boot(later).await.unwrap());
    let left = store.open_for(device, later).await.unwrap().unwrap();
    for (left, whole) in [(left.at_most, CAP), (left.unused, IDLE + IDLE_STEP)] {
        assert!(left.abs_diff(whole - hour) < Duration::from_secs(10), "{left:?}");
    }

    // … and again, with a clock before the last time it was seen.
    store.seen(later).await.unwrap();
    store.close().await;
    let store = open(&dir, "boot-3").await;
    let before = Moment { wall: now.wall, boot: Boot(5000) };
    assert!(!store.adopt_boot(before).await.unwrap());
    assert_eq!(store.open_for(device, before).await.unwrap(), None);
}

#[tokio::test]
async fn a_clock_that_was_wrong_at_sign_in_gives_no_time_after_a_restart_of_the_machine() {
    let (dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    // Nine hours ahead when the door is opened, put right while it is open.
    let (hour, right) = (Duration::from_secs(3600), Moment::now());
    let ahead = Moment { wall: right.wall + hour * 9, ..right };
    let mut write = store.write(ahead, Actor::System).await.unwrap();
    write.open_door(user, device).await.unwrap();
    write.commit().await.unwrap();
    let at = |boot: Boot, after: Duration| Moment { wall: right.wall + after, boot };
    store.keep_open(&[], at(right.boot + hour, hour)).await.unwrap();
    store.close().await;
    let store = open(&dir, "boot-2").await;
    let later = at(Boot(5000), hour * 2);
    assert!(store.adopt_boot(later).await.unwrap());
    let left = store.open_for(device, later).await.unwrap().unwrap().at_most;
    assert!(left.abs_diff(CAP - hour * 2) < Duration::from_secs(5), "{left:?}");
}

#[tokio::test]
async fn a_clock_is_believed_from_where_it_was_noted_and_a_day_ahead() {
    let (_dir, store) = fixture().await;
    let (now, hour) = (Moment::now(), Duration::from_secs(3600));
    let moved = |ms: i64| Moment { wall: Unix(now.wall.0 + ms), ..now };
    store.seen(now).await.unwrap();
    let hours = |n: i64| n * 3_600_000;
    for (by, believed) in [
        (0, true),
        (-60_000, true),
        (-hours(1), false),
        (-hours(24 * 3650), false),
        (hours(24 * 3650), false),
        (hours(25), false),
        (hours(1), true),
        // It may have been right an hour ago and a day from then.
        (hours(24), true),
    ] {
        assert_eq!(store.clock_is_believed(moved(by)).await.unwrap(), believed, "{by} ms");
    }
    // What cannot be right is not noted; IT's word counts.
    store.seen(moved(hours(24 * 3650))).await.unwrap();
    assert!(store.clock_is_believed(now).await.unwrap());
    store.seen(moved(hours(2))).await.unwrap();
    assert!(!store.clock_is_believed(now).await.unwrap());
    let mut write = store.write(now, Actor::Local).await.unwrap();
    write.confirm_people().await.unwrap();
    write.commit().await.unwrap();
    assert!(store.clock_is_believed(now).await.unwrap());
    let later = Moment { wall: now.wall + hour, boot: now.boot + hour };
    assert!(store.clock_is_believed(later).await.unwrap());
    let mut write = store.write(later, Actor::Local).await.unwrap();
    assert!(matches!(write.confirm_people().await, Err(Error::NotFound(_))), "there is nothing to confirm");
}

#[tokio::test]
async fn a_door_that_nobody_uses_locks_and_one_in_use_stays_up_to_its_cap_and_a_grace() {
    let (_dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    let began = Moment::now();
    assert!(open_with(&store, user, device, 10).await);
    let at = |after: Duration| Moment { wall: began.wall + after, boot: began.boot + after };
    let close = |a: Duration, b: Duration| a.abs_diff(b) < Duration::from_secs(5);
    let events = async || {
        let lines = store.audit(&audit::Filter { limit: 50, ..audit::Filter::default() }).await.unwrap();
        lines.into_iter().map(|l| (l.event, l.details["reason"].as_str().map(str::to_owned))).collect::<Vec<_>>()
    };
    let minute = Duration::from_secs(60);

    // In use all day long: the end moves on, in steps, and never beyond the cap.
    let mut after = Duration::ZERO;
    while after + minute * 5 < CAP {
        after += minute * 5;
        store.keep_open(&[(device, at(after).boot)], at(after)).await.unwrap();
        let left = store.open_for(device, at(after)).await.unwrap().unwrap();
        assert!(left.unused >= IDLE.min(left.at_most) && left.unused <= left.at_most, "{left:?} after {after:?}");
        assert!(close(left.at_most, CAP - after), "{left:?} after {after:?}");
    }
    // At the cap: half an hour more, once; and not for who is no longer there.
    let nearly = at(CAP - Duration::from_secs(20));
    let away = nearly.boot.0 - 11 * 60_000;
    store.keep_open(&[(device, Boot(away))], nearly).await.unwrap();
    assert!(store.open_for(device, nearly).await.unwrap().unwrap().at_most < minute, "nobody is at work");
    store.keep_open(&[(device, nearly.boot)], nearly).await.unwrap();
    let graced = store.open_for(device, nearly).await.unwrap().unwrap();
    assert!(close(graced.at_most, GRACE + Duration::from_secs(20)) && graced.unused == graced.at_most, "{graced:?}");
    let over = at(CAP + GRACE - Duration::from_secs(20));
    store.keep_open(&[(device, over.boot)], over).await.unwrap();
    assert!(store.open_for(device, over).await.unwrap().unwrap().at_most < minute, "once");
    let end = at(CAP + GRACE + minute);
    store.keep_open(&[(device, end.boot)], end).await.unwrap();
    assert_eq!(store.open_for(device, end).await.unwrap(), None);
    assert_eq!(events().await[0], ("door_locked".into(), Some("expired".into())));
    assert_eq!(events().await.iter().filter(|(event, _)| event == "door_grace").count(), 1);

    // Not used at all: it locks after two hours and a little, as the policy's view of the world says too.
    let mut write = store.write(end, Actor::Local).await.unwrap();
    write.open_door(user, device).await.unwrap();
    write.commit().await.unwrap();
    let later = |after: Duration| Moment { wall: end.wall + after, boot: end.boot + after };
    let before = later(IDLE);
    assert!(store.world(&Scope::All, before).await.unwrap().verifications.contains_key(&device));
    let idle = later(IDLE + IDLE_STEP + minute);
    assert!(store.world(&Scope::All, idle).await.unwrap().verifications.is_empty());
    store.keep_open(&[(device, end.boot)], idle).await.unwrap();
    assert_eq!(store.open_for(device, idle).await.unwrap(), None);
    assert_eq!(events().await[0], ("door_locked".into(), Some("idle".into())));
    // A locked door is not opened again by whatever is still sent.
    store.keep_open(&[(device, idle.boot)], idle).await.unwrap();
    assert_eq!(store.open_for(device, idle).await.unwrap(), None);
}
