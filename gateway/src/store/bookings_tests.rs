//! Nothing is booked twice, whoever is fastest.

use std::collections::BTreeSet;

use super::bookings::{Full, Wanted};
use super::pools::Rules;
use super::tests::{fixture, person, workstation};
use super::users::Role;
use super::*;
use crate::ids::{PoolId, ResourceId};
use crate::pure::booking::{Booking, Freed, QUARTER_MS};

const PEOPLE: usize = 64;

struct Room {
    _dir: tempfile::TempDir,
    store: Arc<Store>,
    pool: PoolId,
    pcs: Vec<ResourceId>,
    people: Vec<UserId>,
    /// The quarter after this one.
    next: i64,
}

async fn room(pcs: usize, seats: Option<u32>) -> Room {
    let (dir, store) = fixture().await;
    let mut room = Room { _dir: dir, store, pool: PoolId::new(), pcs: Vec::new(), people: Vec::new(), next: 0 };
    for n in 0..pcs {
        room.pcs.push(workstation(&room.store, &format!("cad-{n}")).await);
    }
    for n in 0..PEOPLE {
        room.people.push(person(&room.store, &format!("p{n}"), Role::User, "x").await.0);
    }
    let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
    room.pool = write.add_pool(&rules(seats), &room.pcs).await.unwrap();
    write.commit().await.unwrap();
    room.next = Moment::now().wall.0 / QUARTER_MS + 1;
    room
}

fn rules(seats: Option<u32>) -> Rules {
    Rules {
        name: "CAD".into(),
        seats,
        longest_booking_minutes: 240,
        desktop_idle_minutes: None,
        desktop_longest_minutes: None,
    }
}

impl Room {
    fn wanted(&self, user: UserId, quarters: std::ops::Range<i64>, most: usize) -> Wanted {
        Wanted { pool: self.pool, pcs: self.pcs.clone(), user, quarters, most }
    }

    async fn book(&self, wanted: Wanted) -> Result<std::result::Result<Booking, Full>> {
        let mut write = self.store.write(Moment::now(), Actor::Local).await?;
        let booked = write.book(&wanted).await?;
        if booked.is_ok() {
            write.commit().await?;
        }
        Ok(booked)
    }

    /// All of them at once; what each got.
    async fn race(self: &Arc<Self>, most: usize) -> Vec<std::result::Result<Booking, Full>> {
        let mut tries = tokio::task::JoinSet::new();
        for user in self.people.clone() {
            let (room, wanted) = (self.clone(), self.wanted(user, self.next..self.next + 4, most));
            tries.spawn(async move {
                match room.book(wanted).await {
                    Err(Error::Exists(_)) => Err(Full::Pcs),
                    booked => booked.unwrap(),
                }
            });
        }
        tries.join_all().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_who_want_the_same_pc_at_the_same_time() {
    let room = Arc::new(room(1, None).await);
    let all = room.race(usize::MAX).await;
    let won: Vec<_> = all.iter().filter_map(|booked| booked.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(all.iter().filter(|booked| **booked == Err(Full::Pcs)).count(), PEOPLE - 1);
    assert_eq!(room.store.bookings(Moment::now().wall).await.unwrap(), [*won[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_booked_at_once_than_there_are_licences() {
    let room = Arc::new(room(3, Some(2)).await);
    let won: Vec<_> = room.race(2).await.into_iter().filter_map(std::result::Result::ok).collect();
    assert_eq!(won.len(), 2);
    assert_eq!(won.iter().map(|booked| booked.pc).collect::<BTreeSet<_>>().len(), 2, "one PC each");
    // Later there is room; and for who overlaps with them for one quarter there is none.
    let free = room.people.iter().copied().find(|user| won.iter().all(|b| b.user != *user)).unwrap();
    let n = room.next;
    assert_eq!(room.book(room.wanted(free, n + 3..n + 5, 2)).await.unwrap(), Err(Full::Pcs));
    assert!(room.book(room.wanted(free, n + 4..n + 5, 2)).await.unwrap().is_ok());
}

#[tokio::test]
async fn one_person_one_pc_at_a_time_and_what_is_given_back_is_anybodys() {
    let room = room(2, None).await;
    let (n, [anne, paul]) = (room.next, [room.people[0], room.people[1]]);
    let booked = room.book(room.wanted(anne, n..n + 4, 9)).await.unwrap().unwrap();
    assert_eq!(room.book(room.wanted(anne, n + 3..n + 6, 9)).await.unwrap(), Err(Full::Own));
    assert_eq!(room.book(room.wanted(paul, n..n + 4, 9)).await.unwrap().unwrap().pc, room.pcs[1]);
    let there = room.store.booking(&booked.id.to_string(), Moment::now().wall).await.unwrap();
    assert_eq!((there.login.as_str(), there.workstation.as_str(), there.freed), ("p0", "cad-0", None));
    for done in [true, false] {
        let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
        assert_eq!(write.free_booking(&there, Freed::Back).await.is_ok(), done, "twice");
        write.commit().await.unwrap();
    }
    let third = room.people[2];
    assert_eq!(room.book(room.wanted(third, n + 1..n + 2, 9)).await.unwrap().unwrap().pc, room.pcs[0]);
    assert_eq!(room.store.bookings_of(anne).await.unwrap()[0].freed.unwrap().1, Freed::Back);
    // Too many at once are none.
    for k in 0..30 {
        room.book(room.wanted(anne, n + 10 + k..n + 11 + k, 9)).await.unwrap().unwrap();
    }
    assert!(matches!(room.book(room.wanted(anne, n + 60..n + 61, 9)).await, Err(Error::Enough(_))));
}

#[tokio::test]
async fn a_pc_is_in_one_pool_and_what_is_booked_goes_with_it() {
    let room = room(2, None).await;
    let n = room.next;
    let booked = room.book(room.wanted(room.people[0], n..n + 1, 9)).await.unwrap().unwrap();
    let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
    let other = Rules { name: "GIS".into(), ..rules(None) };
    assert!(matches!(write.add_pool(&other, &room.pcs).await, Err(Error::Exists(_))));
    drop(write);
    let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
    assert!(matches!(write.add_pool(&rules(None), &[]).await, Err(Error::Exists(_))), "the name");
    drop(write);
    let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.change_pool(room.pool, &rules(Some(1)), &room.pcs[1..]).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(room.store.pool("CAD").await.unwrap().members.len(), 1);
    let freed = room.store.bookings_of(booked.user).await.unwrap()[0].freed.map(|(_, why)| why);
    assert_eq!(freed, Some(Freed::It));
    let mut write = room.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.remove_pool(room.pool).await.unwrap();
    assert!(matches!(write.remove_pool(room.pool).await, Err(Error::NotFound("pool"))));
    write.commit().await.unwrap();
    assert_eq!(room.store.pools().await.unwrap(), []);
}
