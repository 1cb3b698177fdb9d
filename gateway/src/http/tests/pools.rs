//! Seats of a pool: sixty-four people and three PCs; what is kept, booked, and told of it to others.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::ids::ResourceId;
use crate::pure::booking::{ABSENT_MS, QUARTER_MS};
use crate::pure::workstation::Probe;
use crate::store::Moment;

struct Room {
    g: Gateway,
    pcs: Vec<ResourceId>,
    people: Vec<(UserId, DeviceId, Door)>,
}

/// A pool of so many PCs that are on, and so many people whose door is open and who may use them all.
async fn room(pcs: usize, people: usize, seats: Option<u32>) -> Room {
    let g = Gateway::new().await;
    let store = &g.api.store;
    let mut room_pcs = Vec::new();
    for n in 0..pcs {
        room_pcs.push(fixtures::workstation(store, &format!("cad-{n}")).await);
    }
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let group = write.add_group("studio").await.unwrap();
    for pc in &room_pcs {
        write.add_policy(group, *pc, None, None).await.unwrap();
    }
    write.commit().await.unwrap();
    let mut all = Vec::new();
    for n in 0..people {
        let (user, device) = fixtures::person(store, &format!("p{n}"), Role::User, "x").await;
        let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
        write.add_member(group, user).await.unwrap();
        write.commit().await.unwrap();
        g.open((user, device)).await;
        all.push((user, device, g.tunnel(device).await));
    }
    g.api.fleet.reload(&store.resources().await.unwrap(), Moment::now()).await.unwrap();
    g.api.desk.all_are_told();
    let names: Vec<_> = (0..pcs).map(|n| format!("cad-{n}")).collect();
    let pool = json!({"name": "CAD", "workstations": names, "seats": seats, "longest_booking_minutes": 240});
    assert_eq!(g.ask(Door::Local, None, "POST", "/pools", Some(pool)).await.status, 201);
    let room = Room { g, pcs: room_pcs, people: all };
    room.answer();
    room
}

impl Room {
    /// All of them are on.
    fn answer(&self) {
        for pc in &self.pcs {
            self.g.api.fleet.probed(*pc, Probe::Rdp, None, Moment::now());
        }
    }

    async fn asks(&self, n: usize, method: &str, path: &str, body: Option<Value>) -> Answered {
        self.g.ask(self.people[n].2, None, method, path, body).await
    }

    /// This person's pool, after asking so.
    async fn seat(&self, n: usize, method: &str) -> Value {
        let path = if method == "GET" { "/me/pools" } else { "/me/pools/CAD/seat" };
        let answered = self.asks(n, method, path, None).await;
        assert!(answered.status.is_success(), "{}", answered.text);
        match method {
            "GET" => answered.json()[0].clone(),
            "POST" => answered.json(),
            _ => Value::Null,
        }
    }

    async fn desktop(&self, n: usize, pc: &str) -> Value {
        let (user, device, door) = self.people[n];
        let cookie = self.g.session(user, Some(device)).await;
        let path = format!("/me/workstations/{pc}/desktop");
        let asked = self.g.ask(door, Some(&cookie), "POST", &path, Some(json!({}))).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        asked.json()
    }

    async fn books(&self, n: usize, pc: Option<&str>, quarters: std::ops::Range<i64>) -> Answered {
        let [begins, ends] = [quarters.start, quarters.end].map(|quarter| quarter * QUARTER_MS);
        let body = json!({"pool": "CAD", "workstation": pc, "begins": begins, "ends": ends});
        self.asks(n, "POST", "/me/bookings", Some(body)).await
    }
}

fn quarter() -> i64 {
    Moment::now().wall.0 / QUARTER_MS
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_people_and_three_seats() {
    let room = Arc::new(room(3, 64, None).await);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..64 {
        let room = room.clone();
        all.spawn(async move { (n, room.seat(n, "POST").await["place"].clone()) });
    }
    let all = all.join_all().await;
    let kept: Vec<_> = all.iter().filter(|(_, place)| place["at"] == "kept").collect();
    let pcs: BTreeSet<_> = kept.iter().map(|(_, place)| place["workstation"].to_string()).collect();
    assert_eq!((kept.len(), pcs.len()), (3, 3), "a PC each");
    let mut line = vec![None; 61];
    for n in (0..64).filter(|n| kept.iter().all(|(k, _)| k != n)) {
        let place = room.seat(n, "GET").await["place"].clone();
        assert_eq!(place["at"], "waiting");
        let before = usize::try_from(place["before"].as_u64().unwrap()).unwrap();
        assert_eq!(line[before].replace(n), None, "nobody's place twice");
    }
    let line: Vec<usize> = line.into_iter().map(Option::unwrap).collect();
    // Who asks again gains nothing, and what is kept is kept from others.
    assert_eq!(room.seat(line[40], "POST").await["place"]["before"], 40);
    let (first, place) = kept[0].clone();
    let pc = place["workstation"].as_str().unwrap();
    assert_eq!(room.desktop(line[0], pc).await["refused"], "reserved");
    assert!(room.desktop(first, pc).await["ticket"].is_string());
    // What one gives back, the next one has at once; all others go on by one.
    room.seat(first, "DELETE").await;
    let next = room.seat(line[0], "GET").await["place"].clone();
    assert_eq!((&next["at"], next["workstation"].as_str()), (&json!("kept"), Some(pc)));
    for (before, n) in line.iter().skip(1).enumerate() {
        assert_eq!(room.seat(*n, "GET").await["place"]["before"], before);
    }
    // Whose turn passes unused is out, and is told so.
    let later = Moment::now();
    let later = Moment { wall: later.wall + Duration::from_secs(121), boot: later.boot + Duration::from_secs(121) };
    room.g.api.desk.go_on(later);
    let late = room.seat(line[0], "GET").await;
    assert!(late["place"].is_null() && late["missed"].is_i64(), "{late}");
    for n in &line[1..4] {
        assert_eq!(room.seat(*n, "GET").await["place"]["at"], "kept");
    }
    let shown = room.g.ask(Door::Local, None, "GET", "/pools", None).await.json()[0].clone();
    assert_eq!((shown["taken"].as_u64(), shown["line"].as_array().unwrap().len()), (Some(3), 57));
    assert_eq!(shown["line"][0]["login"], format!("p{}", line[4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_at_once_as_there_are_licences() {
    let room = room(3, 3, Some(1)).await;
    assert_eq!(room.seat(0, "GET").await["free"], 1);
    let place = room.seat(0, "POST").await["place"].clone();
    assert_eq!(place["workstation"], "cad-0");
    for (n, pc, why) in [(1, "cad-0", "reserved"), (1, "cad-1", "no_seat"), (2, "cad-2", "no_seat")] {
        assert_eq!(room.desktop(n, pc).await["refused"], why);
    }
    // They are told so before they type a password; whose the seat is, is not.
    for (n, why) in [(0, json!([null, null, null])), (1, json!(["reserved", "no_seat", "no_seat"]))] {
        let pcs = room.asks(n, "GET", "/me/workstations", None).await.json();
        let told = ["cad-0", "cad-1", "cad-2"].map(|name| {
            let is = |pc: &&Value| pc["name"] == name;
            pcs.as_array().unwrap().iter().find(is).unwrap()["no_seat"].clone()
        });
        assert_eq!(json!(told), why, "person {n}");
    }
    // Whose the seat is takes another PC with it.
    assert_eq!(room.seat(2, "GET").await["full"], json!([]));
    assert!(room.desktop(0, "cad-2").await["ticket"].is_string());
    assert_eq!(room.seat(1, "POST").await["place"]["before"], 0);
    room.seat(0, "DELETE").await;
    assert_eq!(room.seat(1, "GET").await["place"]["at"], "kept");
    // More licences were bought.
    let more =
        json!({"name": "CAD", "workstations": ["cad-0", "cad-1", "cad-2"], "seats": 2, "longest_booking_minutes": 0});
    assert_eq!(room.g.ask(Door::Local, None, "PUT", "/pools/CAD", Some(more)).await.status, 200);
    assert_eq!(room.seat(2, "POST").await["place"]["at"], "kept");
    assert_eq!(
        room.asks(
            0,
            "POST",
            "/me/bookings",
            Some(json!({"pool": "CAD", "begins": (quarter() + 1) * QUARTER_MS,
        "ends": (quarter() + 2) * QUARTER_MS}))
        )
        .await
        .status,
        400,
        "bookings are switched off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_nobodys_business_who_may_use_none_of_its_pcs() {
    let room = room(1, 1, None).await;
    room.seat(0, "POST").await;
    room.g.open(room.g.anne).await;
    let anne = room.g.tunnel(room.g.anne.1).await;
    assert_eq!(room.g.ask(anne, None, "GET", "/me/pools", None).await.json(), json!([]));
    for (method, path) in
        [("POST", "/me/pools/CAD/seat"), ("DELETE", "/me/pools/CAD/seat"), ("POST", "/me/pools/none/seat")]
    {
        assert_eq!(room.g.ask(anne, None, method, path, None).await.slug(), "not-found");
    }
    assert!(room.books(0, None, quarter() + 4..quarter() + 8).await.status.is_success());
    let span = format!("/me/bookings?from={}&to={}", quarter() * QUARTER_MS, (quarter() + 90) * QUARTER_MS);
    assert_eq!(room.g.ask(anne, None, "GET", &span, None).await.json(), json!([]));
    let mine = room.asks(0, "GET", &span, None).await.json();
    let id = mine[0]["id"].as_str().unwrap();
    assert_eq!(room.g.ask(anne, None, "DELETE", &format!("/me/bookings/{id}"), None).await.slug(), "not-found");
    assert_eq!(room.seat(0, "GET").await["booked"], mine[0]);
    assert_eq!(room.asks(0, "DELETE", &format!("/me/bookings/{id}"), None).await.status, 204);
    assert_eq!(room.asks(0, "GET", &span, None).await.json(), json!([]), "they know themselves");
    assert!(room.seat(0, "GET").await["booked"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_booked_is_kept_for_who_booked_it_unless_they_stay_away() {
    let room = room(2, 2, None).await;
    let now = quarter();
    let booked = room.books(0, Some("cad-0"), now..now + 8).await;
    assert_eq!((booked.status.as_u16(), &booked.json()["workstation"]), (201, &json!("cad-0")), "{}", booked.text);
    assert_eq!(room.books(1, Some("cad-0"), now + 7..now + 9).await.slug(), "booked");
    assert_eq!(room.books(0, Some("cad-1"), now + 7..now + 9).await.slug(), "booked-own");
    assert_eq!(room.books(1, Some("none"), now..now + 1).await.slug(), "not-found");
    assert_eq!(room.books(1, None, now..now + 17).await.status, 400, "longer than four hours");
    assert_eq!(room.desktop(1, "cad-0").await["refused"], "reserved");
    assert!(room.desktop(0, "cad-0").await["ticket"].is_string());
    let seen = async |n| {
        let all = room.asks(n, "GET", "/me/workstations", None).await.json();
        let one = all.as_array().unwrap().iter().find(|pc| pc["name"] == "cad-0").unwrap().clone();
        one["kept_until"].clone()
    };
    assert_eq!((seen(0).await, seen(1).await), (json!((now + 8) * QUARTER_MS), Value::Null));
    // Others see that it is booked, and not by whom.
    let span = format!("/me/bookings?from={}&to={}", now * QUARTER_MS, (now + 90) * QUARTER_MS);
    let others = room.asks(1, "GET", &span, None).await.json();
    assert!(others[0]["id"].is_null() && others[0]["workstation"] == "cad-0" && others[0].get("login").is_none());
    // A seat of the pool is the other PC; whoever booked is given theirs.
    assert_eq!(room.seat(1, "GET").await["free"], 1);
    assert_eq!(room.seat(1, "POST").await["place"]["workstation"], "cad-1");
    assert_eq!(room.seat(0, "POST").await["place"]["workstation"], "cad-0");
    // They do not come: what was kept for their turn is over first, then the booking.
    let desk = &room.g.api.desk;
    let begun = Moment::now();
    desk.free_the_absent(begun).await;
    let quarter_later = Duration::from_millis(ABSENT_MS.unsigned_abs());
    let later = Moment { wall: begun.wall, boot: begun.boot + quarter_later };
    desk.free_the_absent(later).await;
    desk.go_on(later);
    assert!(room.desktop(1, "cad-0").await["ticket"].is_string());
    let all = room.g.ask(Door::Local, None, "GET", "/audit?event=booking_freed", None).await.json();
    assert_eq!((&all[0]["actor"], &all[0]["details"]["freed"]), (&json!("system"), &json!("absent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_a_booking_back() {
    let room = room(1, 2, None).await;
    let booked = room.books(0, None, quarter()..quarter() + 2).await.json();
    let path = format!("/bookings/{}", booked["id"].as_str().unwrap());
    assert_eq!(room.g.ask(Door::Local, None, "DELETE", &path, None).await.status, 204);
    assert_eq!(room.g.ask(Door::Local, None, "DELETE", &path, None).await.slug(), "not-found");
    let span = format!("/bookings?from={}&to={}", quarter() * QUARTER_MS, (quarter() + 4) * QUARTER_MS);
    let freed = room.g.ask(Door::Local, None, "GET", &span, None).await.json();
    assert_eq!((freed.as_array().unwrap().len(), &freed[0]["freed"]), (1, &json!("it")));
    // Whose it was is told so, and nobody else; of a PC that left its pool, too.
    let told = async |n| room.asks(n, "GET", &format!("/me{span}"), None).await.json();
    assert_eq!((told(0).await[0]["freed"].clone(), told(1).await), (json!("it"), json!([])));
    assert_eq!(room.books(0, None, quarter() + 2..quarter() + 3).await.status, 201);
    assert_eq!(room.g.ask(Door::Local, None, "DELETE", "/pools/CAD", None).await.status, 204);
    let both = told(0).await;
    assert_eq!((&both[1]["freed"], &both[1]["pool"], both.as_array().unwrap().len()), (&json!("it"), &json!(""), 2));
    for bad in ["/bookings?from=5&to=5", "/bookings?from=0&to=9999999999999"] {
        assert_eq!(room.g.ask(Door::Local, None, "GET", bad, None).await.status, 400);
    }
}
