//! The store's rules, under races.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use provisioning::authority::{Authority, Bounds};

use super::bookings::Wanted;
use super::invitations::Chosen;
use super::pools::Rules;
use super::throttles::At;
use super::users::{FACTOR_LIMIT, NewUser, Role};
use super::verifications::EndReason;
use super::*;
use crate::audit::Actor;
use crate::ids::{BookingId, DeviceId, GroupId, PoolId, ResourceId, UserId};
use crate::link::message::{Ports, Transport};
use crate::pure::booking::QUARTER_MS;
use crate::pure::retention::Retention;
use crate::store::resources::{NewResource, ResourceKind};
use crate::store::site::Site;

pub(crate) const BOOT: &str = "boot-1";

pub(crate) fn site() -> Site {
    let key = provisioning::keys::PrivateKey::generate().unwrap();
    let bounds = Bounds { names: vec!["rossi.internal".into()], networks: vec!["10.0.0.0/8".parse().unwrap()] };
    let authority = Authority::new_at("Cabinet Rossi", &bounds, crate::clock::Unix::now().seconds()).unwrap();
    Site {
        organisation: "Cabinet Rossi".into(),
        public_name: "door.example.org".into(),
        endpoint: "door.example.org:51820".into(),
        zone: "rossi.internal".into(),
        network: provisioning::addresses::SiteNetwork {
            v4: "10.91.0.0/16".parse().unwrap(),
            v6: "fd6b:10f3:77aa::/48".parse().unwrap(),
        },
        office_interface: "eth0".into(),
        time_zone: "Europe/Brussels".into(),
        resolvers: vec!["192.168.1.1:53".parse().unwrap()],
        office_zones: vec!["rossi.lan".into()],
        masquerade: true,
        passkeys: true,
        ask_people: false,
        desktops_outside: false,
        retention: Retention::default(),
        wanted: crate::pure::wanted::Wanted::default(),
        home_work: crate::pure::home_work::HomeWork {
            rules: "Lock your screen.".into(),
            rules_version: 1,
            ..Default::default()
        },
        private_key: crate::link::message::Secret(*key.as_bytes()),
        public_key: key.public_key().to_string(),
        ca_certificate: authority.certificate_pem().to_owned(),
        ca_key: authority.key_pem(),
        tls_certificate: "tls".into(),
        tls_key: zeroize::Zeroizing::new("tls key".into()),
        strangers_certificate: "tls".into(),
        strangers_key: zeroize::Zeroizing::new("strangers key".into()),
        tls_names: "door.example.org".into(),
        tls_renew_at: crate::clock::Unix(i64::MAX),
    }
}

/// This folder's database: SQLite, or one of its own on the server that `PASSERELLE_TEST_POSTGRES` names.
pub(crate) async fn open(dir: &TempDir, boot: &str) -> Arc<Store> {
    let sealer = Arc::new(Sealer::new(&[7; 32]));
    let store = Store::open(database(dir.path()).await, boot, sealer).await.unwrap();
    Arc::new(store.with_cut_file(&dir.path().join("cuts")))
}

pub(crate) async fn database(dir: &std::path::Path) -> Database {
    let Ok(server) = std::env::var("PASSERELLE_TEST_POSTGRES") else {
        return Database::Sqlite(dir.join("passerelle.db"));
    };
    let name = dir.file_name().unwrap().to_string_lossy().replace('.', "t");
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await.unwrap();
    // Another store of the same folder finds it there.
    let made = sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\""))).execute(&mut connection).await;
    drop(made);
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    Database::Postgres(url)
}

/// From now on the database stores nothing, or again everything.
pub(crate) async fn refuse(store: &Store, refuse: bool) {
    let sql = match (&store.database, refuse) {
        (Database::Sqlite(_), true) => "PRAGMA query_only = ON",
        (Database::Sqlite(_), false) => "PRAGMA query_only = OFF",
        (Database::Postgres(_), true) => "SET default_transaction_read_only = on",
        (Database::Postgres(_), false) => "SET default_transaction_read_only = off",
    };
    sqlx::query(sql).execute(&store.writes).await.unwrap();
}

/// From now on nothing is read any more.
pub(crate) async fn deafen(store: &Store) {
    store.reads.close().await;
}

/// A site, and nothing in it.
pub(crate) async fn fixture() -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, BOOT).await;
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.create_site(&site()).await.unwrap();
    write.commit().await.unwrap();
    (dir, store)
}

pub(crate) const SECRET: [u8; 20] = [3; 20];

/// An app with this secret, whose code of this step was shown.
pub(crate) fn app(secret: [u8; 20], step: u64) -> Chosen {
    Chosen::Totp { secret: secret.to_vec().into(), step }
}

pub(crate) fn key() -> String {
    provisioning::keys::PrivateKey::generate().unwrap().public_key().to_string()
}

/// A user with a factor (and, if given, a password), and a device.
pub(crate) async fn person(store: &Store, login: &str, role: Role, password: &str) -> (UserId, DeviceId) {
    let now = Moment::now();
    let mut write = store.write(now, Actor::Local).await.unwrap();
    let user = write
        .add_user(&NewUser {
            login: login.into(),
            name: login.to_uppercase(),
            mail: None,
            language: "fr".into(),
            role,
            groups: BTreeSet::new(),
        })
        .await
        .unwrap();
    let token = provisioning::invitation::Token::generate().unwrap();
    let id = write.invite(user, &token.hash()).await.unwrap();
    write.begin_redeeming(id, password, &SECRET).await.unwrap();
    write.commit().await.unwrap();
    let invitation = store.open_invitation(&token.hash(), now.wall).await.unwrap();
    let mut write = store.write(now, Actor::Local).await.unwrap();
    let codes = [provisioning::recovery::hash(RECOVERY)];
    write.redeem(&invitation, &app(SECRET, 1), &codes).await.unwrap();
    let device = write.add_device(user, "laptop", &key()).await.unwrap();
    write.commit().await.unwrap();
    (user, device)
}

pub(crate) const RECOVERY: &str = "00000-00000-00000-00000-000000";

/// A group with this member, and a share that it may reach.
/// An office PC of this name.
pub(crate) async fn workstation(store: &Store, name: &str) -> ResourceId {
    let new = NewResource {
        kind: ResourceKind::Workstation,
        name: name.to_owned(),
        dns_names: Vec::new(),
        // It is asked whether it answers: nothing may leave this machine.
        real4: Some("127.0.0.77/32".parse().unwrap()),
        real6: None,
        ports: vec![Ports { transport: Transport::Tcp, first: 3389, last: 3389 }],
    };
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let id = write.add_resource(&new).await.unwrap();
    write.commit().await.unwrap();
    id
}

/// A pool of this PC, and a booking of this person's.
pub(crate) async fn booked(store: &Store, name: &str, pc: ResourceId, user: UserId) -> (PoolId, BookingId) {
    let rules = Rules {
        name: name.to_owned(),
        seats: None,
        longest_booking_minutes: 60,
        desktop_idle_minutes: None,
        desktop_longest_minutes: None,
    };
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let pool = write.add_pool(&rules, &[pc]).await.unwrap();
    let quarter = Moment::now().wall.0 / QUARTER_MS + 9;
    let wanted = Wanted { pool, pcs: vec![pc], user, quarters: quarter..quarter + 2, most: 1 };
    let booking = write.book(&wanted).await.unwrap().unwrap();
    write.commit().await.unwrap();
    (pool, booking.id)
}

pub(crate) async fn entitle(store: &Store, user: UserId) -> (GroupId, ResourceId) {
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    let group = write.add_group("staff").await.unwrap();
    write.add_member(group, user).await.unwrap();
    let resource = write
        .add_resource(&NewResource {
            kind: ResourceKind::Share,
            name: "files".into(),
            dns_names: vec!["srv.rossi.lan".into()],
            real4: Some("192.168.1.20/32".parse().unwrap()),
            real6: None,
            ports: vec![Ports { transport: Transport::Tcp, first: 445, last: 445 }],
        })
        .await
        .unwrap();
    write.add_policy(group, resource, None, None).await.unwrap();
    write.commit().await.unwrap();
    (group, resource)
}

impl Store {
    /// As if a device's open door had so much left, and so much if it is not used.
    pub(crate) async fn ends_in(&self, device: DeviceId, at_most: Duration, unused: Duration) {
        let now = Moment::now();
        sqlx::query("UPDATE verifications SET cap_boot = $2, until_boot = $3, cap = $4, until = $5 WHERE device_id = $1 AND ended_at IS NULL")
            .bind(device.to_string())
            .bind(integer((now.boot + at_most).0))
            .bind(integer((now.boot + unused).0))
            .bind((now.wall + at_most).0)
            .bind((now.wall + unused).0)
            .execute(&self.writes)
            .await
            .unwrap();
    }

    /// As if all codes lay ahead again.
    pub(crate) async fn forget_steps(&self) {
        sqlx::query("UPDATE users SET totp_last_step = 0").execute(&self.writes).await.unwrap();
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&store.reads).await.unwrap()
}

async fn sealed(store: &Store, user: UserId) -> String {
    let login = store.user(&user.to_string()).await.unwrap().login;
    store.credentials(&login).await.unwrap().unwrap().totp_secret.unwrap()
}

#[tokio::test]
async fn a_code_of_the_factor_before_is_not_spent_on_the_new_one() {
    let (_dir, store) = fixture().await;
    let (user, _) = person(&store, "anne", Role::User, "x").await;
    let before = sealed(&store, user).await;
    let token = provisioning::invitation::Token::generate().unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    let id = write.invite(user, &token.hash()).await.unwrap();
    write.begin_redeeming(id, "y", &[4; 20]).await.unwrap();
    write.commit().await.unwrap();
    let invitation = store.open_invitation(&token.hash(), Moment::now().wall).await.unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.redeem(&invitation, &app([4; 20], 10), &[]).await.unwrap();
    write.commit().await.unwrap();
    let after = sealed(&store, user).await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    assert!(!write.spend_step(user, 11, &before).await.unwrap(), "whoever had the old factor was let in");
    assert!(write.spend_step(user, 11, &after).await.unwrap());
}

/// Spends a step and opens the door, as signing in does.
pub(crate) async fn open_with(store: &Store, user: UserId, device: DeviceId, step: u64) -> bool {
    let sealed = sealed(store, user).await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    if !write.spend_step(user, step, &sealed).await.unwrap() {
        return false;
    }
    write.open_door(user, device).await.unwrap();
    write.commit().await.unwrap();
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_equal_codes_open_once_and_none_again() {
    let (dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { open_with(&store, user, device, 100).await })
        })
        .collect();
    let mut opened = 0;
    for attempt in tries {
        opened += usize::from(attempt.await.unwrap());
    }
    assert_eq!(opened, 1);
    assert_eq!(count(&store, "SELECT COUNT(*) FROM verifications").await, 1);
    // A, B, A: an older step never comes back; nor does one after a restart.
    assert!(open_with(&store, user, device, 101).await);
    assert!(!open_with(&store, user, device, 100).await);
    drop(store);
    let store = open(&dir, BOOT).await;
    assert!(!open_with(&store, user, device, 101).await);
    assert!(open_with(&store, user, device, 102).await);
}

#[tokio::test]
async fn enrolment_spends_its_step_and_a_recovery_code_is_spent_once() {
    let (_dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    assert!(!open_with(&store, user, device, 1).await);
    let hash = provisioning::recovery::hash(RECOVERY);
    for expected in [true, false] {
        let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
        assert_eq!(write.spend_recovery_code(user, &hash).await.unwrap(), expected);
        write.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_keys_are_never_given_twice() {
    let (_dir, store) = fixture().await;
    let (user, first) = person(&store, "anne", Role::User, "x").await;
    let key = store.device(first).await.unwrap().public_key;
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.revoke_device(first).await.unwrap();
    write.commit().await.unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    assert!(matches!(write.add_device(user, "again", &key).await, Err(Error::Exists(_))));
    drop(write);
    let adding: Vec<_> = (0..30)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
                write.add_device(user, &format!("d{n}"), &super::tests::key()).await.unwrap();
                write.commit().await.unwrap();
            })
        })
        .collect();
    for one in adding {
        one.await.unwrap();
    }
    let devices = store.devices(None).await.unwrap();
    let v4: BTreeSet<_> = devices.iter().map(|d| d.address4).collect();
    let v6: BTreeSet<_> = devices.iter().map(|d| d.address6).collect();
    assert_eq!((devices.len(), v4.len(), v6.len()), (31, 31, 31));
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    assert!(matches!(write.enable_device(first).await, Err(Error::Revoked)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_redeemed_once() {
    let (_dir, store) = fixture().await;
    let now = Moment::now();
    let mut write = store.write(now, Actor::Local).await.unwrap();
    let new = NewUser {
        login: "b".into(),
        name: "B".into(),
        mail: None,
        language: "nl".into(),
        role: Role::User,
        groups: BTreeSet::new(),
    };
    let user = write.add_user(&new).await.unwrap();
    let first = write.invite(user, "first").await.unwrap();
    write.invite(user, "second").await.unwrap();
    write.commit().await.unwrap();
    assert!(store.open_invitation("first", now.wall).await.is_err(), "a newer one makes it void");
    assert!(store.invitation(first).await.unwrap().revoked_at.is_some());
    let id = store.open_invitation("second", now.wall).await.unwrap().id;
    let mut write = store.write(now, Actor::Local).await.unwrap();
    write.begin_redeeming(id, "hash", &SECRET).await.unwrap();
    write.commit().await.unwrap();
    let invitation = store.open_invitation("second", now.wall).await.unwrap();
    let redeeming: Vec<_> = (0..20)
        .map(|_| {
            let (store, invitation) = (store.clone(), invitation.clone());
            tokio::spawn(async move {
                let mut write = store.write(now, Actor::System).await.unwrap();
                let done = write.redeem(&invitation, &app(SECRET, 5), &[]).await.is_ok();
                if done {
                    write.commit().await.unwrap();
                }
                done
            })
        })
        .collect();
    let mut redeemed = 0;
    for one in redeeming {
        redeemed += usize::from(one.await.unwrap());
    }
    assert_eq!(redeemed, 1);
    assert!(store.open_invitation("second", now.wall).await.is_err());
    let later = now.wall + super::invitations::LIFE;
    let mut write = store.write(now, Actor::Local).await.unwrap();
    write.invite(user, "third").await.unwrap();
    write.commit().await.unwrap();
    assert!(store.open_invitation("third", now.wall).await.is_ok());
    assert!(store.open_invitation("third", later).await.is_err(), "a day is over");
}

#[tokio::test]
async fn tries_are_counted_per_login_and_per_source() {
    let (_dir, store) = fixture().await;
    let start = Moment::now().wall;
    let after = |s: i64| crate::clock::Unix(start.0 + s * 1000);
    for _ in 0..5 {
        assert_eq!(store.count_login("who", At::Elsewhere, true, start).await.unwrap(), None);
    }
    assert_eq!(store.count_login("who", At::Elsewhere, true, start).await.unwrap(), Some(30_000));
    assert_eq!(store.count_login("who", At::Elsewhere, true, after(29)).await.unwrap(), Some(1000));
    assert_eq!(store.count_login("who", At::Elsewhere, true, after(30)).await.unwrap(), None);
    assert_eq!(store.count_login("who", At::Elsewhere, true, after(31)).await.unwrap(), Some(59_000), "doubled");
    assert_eq!(store.count_login("other", At::Elsewhere, true, start).await.unwrap(), None);
    let mut now = 100;
    for _ in 0..20 {
        assert_eq!(store.count_login("who", At::Elsewhere, true, after(now)).await.unwrap(), None);
        now += 3600;
    }
    assert_eq!(
        store.count_login("who", At::Elsewhere, true, after(now - 3599)).await.unwrap(),
        Some(3_599_000),
        "an hour at most"
    );
    // A clock set back by a year does not lock for a year.
    assert_eq!(store.count_login("who", At::Elsewhere, true, after(-365 * 86_400)).await.unwrap(), None);

    for _ in 0..30 {
        assert_eq!(store.count_source("192.0.2.1", start).await.unwrap(), None);
    }
    assert_eq!(store.count_source("192.0.2.1", after(60)).await.unwrap(), Some(540_000));
    assert_eq!(store.count_source("192.0.2.2", after(60)).await.unwrap(), None);
    assert_eq!(store.count_source("192.0.2.1", after(600)).await.unwrap(), None);
}

#[tokio::test]
async fn fifty_wrong_codes_suspend_the_factor() {
    let (_dir, store) = fixture().await;
    let (user, _) = person(&store, "anne", Role::User, "x").await;
    for n in 1..=FACTOR_LIMIT {
        assert_eq!(store.count_code(user).await.unwrap(), Some(n));
    }
    assert_eq!(store.count_code(user).await.unwrap(), None);
    assert!(store.user("anne").await.unwrap().suspended);
}

#[tokio::test]
async fn a_page_that_only_looks_on_keeps_nobody_signed_in() {
    let (_dir, store) = fixture().await;
    let (user, _) = person(&store, "anne", Role::User, "x").await;
    let begun = Moment::now();
    let after = |minutes: u64| begun.wall + Duration::from_secs(60 * minutes);
    for token in ["followed", "used"] {
        let mut write = store.write(begun, Actor::Local).await.unwrap();
        write.begin_web_session(token, user, None).await.unwrap();
        write.commit().await.unwrap();
    }
    assert!(store.running_web_session("followed", after(29)).await.unwrap().is_some());
    assert!(store.running_web_session("followed", after(31)).await.unwrap().is_none());
    assert!(store.web_session("used", after(29)).await.unwrap().is_some());
    assert!(store.running_web_session("used", after(58)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_shut_out_loses_doors_and_sessions() {
    let (_dir, store) = fixture().await;
    let (user, device) = person(&store, "anne", Role::User, "x").await;
    for what in 0..4_u64 {
        assert!(open_with(&store, user, device, 10 + what).await);
        let now = Moment::now();
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.begin_web_session("token", user, Some(device)).await.unwrap();
        write.commit().await.unwrap();
        assert!(store.web_session("token", now.wall).await.unwrap().is_some());
        let mut write = store.write(now, Actor::Local).await.unwrap();
        match what {
            0 => write.end_of_device(device, EndReason::Locked).await.unwrap(),
            1 => write.disable_device(device).await.unwrap(),
            2 => write.set_user_disabled(user, true).await.unwrap(),
            _ => write.revoke_device(device).await.unwrap(),
        }
        assert!(write.commit().await.unwrap().is_some());
        assert_eq!(store.open_for(device, now).await.unwrap(), None);
        let session = store.web_session("token", now.wall).await.unwrap();
        assert_eq!(session.is_some(), what < 2, "{what}");
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.end_web_sessions(user).await.unwrap();
        if what == 1 {
            write.enable_device(device).await.unwrap();
        }
        if what == 2 {
            write.set_user_disabled(user, false).await.unwrap();
        }
        write.commit().await.unwrap();
    }
    let last = store.audit(&super::audit::Filter { limit: 100, ..Default::default() }).await.unwrap();
    assert!(last.iter().any(|l| l.event == "device_revoked" && l.login.as_deref() == Some("anne")));
    assert!(last.windows(2).all(|w| w[0].id > w[1].id));
}

#[tokio::test]
async fn of_too_many_web_sessions_those_begun_first_end() {
    let (_dir, store) = fixture().await;
    let (anne, _) = person(&store, "anne", Role::User, "x").await;
    let (ilse, _) = person(&store, "ilse", Role::User, "x").await;
    let begin = async |hash: &str, user, now| {
        let mut write = store.write(now, Actor::System).await.unwrap();
        write.begin_web_session(hash, user, None).await.unwrap();
        write.commit().await.unwrap();
    };
    let now = Moment::now();
    begin("hers", ilse, now).await;
    for n in 0..50_u64 {
        begin(&n.to_string(), anne, Moment { wall: now.wall + Duration::from_millis(n), ..now }).await;
    }
    let running = store.web_sessions_of(anne, now.wall).await.unwrap();
    let hashes: Vec<_> = running.iter().map(|s| s.token_hash.clone()).collect();
    assert_eq!(hashes, (30..50).rev().map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(store.web_sessions_of(ilse, now.wall).await.unwrap().len(), 1, "nobody else's");
}

#[tokio::test]
async fn who_is_signed_in_is_asked_again_in_the_change_itself() {
    let (_dir, store) = fixture().await;
    let (ilse, _) = person(&store, "ilse", Role::Admin, "x").await;
    let now = Moment::now();
    for (what, still) in
        ["nothing", "signed out", "disabled", "made a user", "too late", "device shut out", "another's"]
            .iter()
            .zip([true, false, false, false, false, false, false])
    {
        let (anne, laptop) = person(&store, &format!("anne-{}", what.replace(' ', "-")), Role::Admin, "x").await;
        let mut write = store.write(now, Actor::Local).await.unwrap();
        write.begin_web_session(what, anne, Some(laptop)).await.unwrap();
        let (mut at, mut asked) = (now, anne);
        match *what {
            "signed out" => write.end_web_session(what).await.unwrap(),
            "disabled" => write.set_user_disabled(anne, true).await.unwrap(),
            "device shut out" => write.disable_device(laptop).await.unwrap(),
            "made a user" => {
                let sql = "UPDATE users SET role = 'user' WHERE id = $1";
                sqlx::query(sql).bind(anne.to_string()).execute(write.connection()).await.unwrap();
                write.still_signed_in(anne, what, Role::User).await.unwrap();
            }
            "too late" => at.wall = now.wall + Duration::from_secs(3600),
            "another's" => asked = ilse,
            _ => {}
        }
        write.commit().await.unwrap();
        let mut write = store.write(at, Actor::Local).await.unwrap();
        let is = write.still_signed_in(asked, what, Role::Admin).await;
        assert!(if still { is.is_ok() } else { matches!(is, Err(Error::SignedOut)) }, "{what}: {is:?}");
    }
}

#[tokio::test]
async fn where_somebody_was_does_not_come_back_after_they_were_erased() {
    let (_dir, store) = fixture().await;
    let (anne, laptop) = person(&store, "anne", Role::User, "x").await;
    let (ilse, desk) = person(&store, "ilse", Role::User, "x").await;
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.set_user_disabled(anne, true).await.unwrap();
    assert!(write.erase_user(anne).await.unwrap());
    write.commit().await.unwrap();
    // What the data plane told before is written after.
    let at = Some(Moment::now().wall);
    let heard = |device| super::devices::Heard {
        device,
        endpoint: Some("192.0.2.7:51820".parse().unwrap()),
        handshake_at: at,
        heard_at: at,
    };
    store.keep_heard(&[heard(laptop), heard(desk)]).await.unwrap();
    let of = async |user| store.devices(Some(user)).await.unwrap().remove(0);
    assert_eq!((of(anne).await.endpoint, of(anne).await.heard_at), (None, None));
    assert_eq!(of(ilse).await.heard_at, at, "the twin");
}

#[tokio::test]
async fn a_letter_that_was_under_way_names_nobody_who_was_erased_meanwhile() {
    let (_dir, store) = fixture().await;
    let (anne, _) = person(&store, "anne", Role::User, "x").await;
    let token = provisioning::invitation::Token::generate().unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.invite(anne, &token.hash()).await.unwrap();
    write.commit().await.unwrap();
    let open = store.open_invitation(&token.hash(), Moment::now().wall).await.unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.set_user_disabled(anne, true).await.unwrap();
    assert!(write.erase_user(anne).await.unwrap());
    write.commit().await.unwrap();
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    write.invitation_mailed(&open, false).await.unwrap();
    write.commit().await.unwrap();
    let audit = store.audit(&super::audit::Filter { limit: 100, ..Default::default() }).await.unwrap();
    assert!(audit.iter().any(|l| l.event == "invitation_mailed"));
    assert!(audit.iter().all(|l| l.login.as_deref() != Some("anne") && l.actor != "anne"), "{audit:?}");
}

/// Whether this user could be shut out.
async fn shut_out(store: &Store, user: UserId) -> bool {
    let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
    match write.set_user_disabled(user, true).await {
        Ok(()) => write.commit().await.is_ok(),
        Err(Error::LastAdministrator(_)) => false,
        Err(e) => panic!("{e}"),
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (_dir, store) = fixture().await;
    let new = NewUser {
        login: "new".into(),
        name: "New".into(),
        mail: None,
        language: "en".into(),
        role: Role::Admin,
        groups: BTreeSet::new(),
    };
    let add = async |login: &str| {
        let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
        let id = write.add_user(&NewUser { login: login.into(), ..new.clone() }).await.unwrap();
        write.commit().await.unwrap();
        id
    };
    let first = add("first").await;
    assert!(!shut_out(&store, first).await, "nobody would be left who could be one");
    let second = add("second").await;
    assert!(shut_out(&store, first).await, "neither has a factor, one is left");
    assert!(!shut_out(&store, second).await);
    let (marc, _) = person(&store, "marc", Role::Admin, "x").await;
    person(&store, "anne", Role::User, "x").await;
    assert!(!shut_out(&store, marc).await, "the others cannot sign in");
    assert!(shut_out(&store, second).await && shut_out(&store, second).await, "twice is once");
    let (ilse, _) = person(&store, "ilse", Role::Admin, "x").await;
    // Both at once: one of them stays.
    let (one, other) = tokio::join!(shut_out(&store, marc), shut_out(&store, ilse));
    assert!(one != other, "{one} {other}");
}

#[tokio::test]
async fn epochs_say_whom_they_touch() {
    let (_dir, store) = fixture().await;
    let (anne, _) = person(&store, "anne", Role::User, "x").await;
    let (bea, device) = person(&store, "bea", Role::User, "x").await;
    let now = Moment::now();
    let epoch = store.load_since(None, now).await.unwrap().epoch;
    let none = store.load_since(Some(epoch), now).await.unwrap();
    assert_eq!(none.scope, Scope::Users(BTreeSet::new()));
    let mut write = store.write(now, Actor::Local).await.unwrap();
    write.revoke_device(device).await.unwrap();
    let raised = write.commit().await.unwrap().unwrap();
    assert_eq!(raised, epoch + 1);
    let loaded = store.load_since(Some(epoch), now).await.unwrap();
    assert_eq!((loaded.epoch, &loaded.scope), (raised, &Scope::user(bea)));
    assert!(loaded.world.users.contains_key(&bea) && !loaded.world.users.contains_key(&anne));
    // What somebody else changed is not known: everything is read.
    sqlx::query("UPDATE site SET epoch = epoch + 1").execute(&store.writes).await.unwrap();
    assert_eq!(store.load_since(Some(raised), now).await.unwrap().scope, Scope::All);
    // A change that was not committed raises nothing.
    let mut write = store.write(now, Actor::Local).await.unwrap();
    write.set_user_disabled(anne, true).await.unwrap();
    drop(write);
    assert_eq!(store.epoch().await.unwrap(), raised + 1);
    assert!(store.user("anne").await.unwrap().disabled_at.is_none());
}

#[tokio::test]
async fn secrets_are_sealed_and_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, store) = fixture().await;
    let (_, _) = person(&store, "anne", Role::User, "x").await;
    let ca_key = store.site().await.unwrap().unwrap().ca_key.to_string();
    assert!(ca_key.contains("PRIVATE KEY"));
    store.close().await;
    let Database::Sqlite(file) = database(dir.path()).await else { return };
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    for secret in [ca_key.lines().nth(1).unwrap().as_bytes(), b"tls key", &SECRET] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret));
    }
}

/// Two gateways of one site: what may be done once is done once, and either hears of the other's changes.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_database() {
    let (dir, here) = fixture().await;
    let there = open(&dir, "boot-2").await;
    let now = Moment::now();
    let (user, device) = person(&here, "anne", Role::User, "x").await;
    let secret = sealed(&here, user).await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20_u8 {
        let (store, secret) = (if n % 2 == 0 { here.clone() } else { there.clone() }, secret.clone());
        tries.spawn(async move {
            let mut write = store.write(now, Actor::System).await.unwrap();
            let spent = write.spend_step(user, 100, &secret).await.unwrap();
            write.commit().await.unwrap();
            spent
        });
    }
    assert_eq!(tries.join_all().await.into_iter().filter(|spent| *spent).count(), 1);
    let before = there.load_since(None, now).await.unwrap();
    let told = async || tokio::time::timeout(Duration::from_secs(1), there.changed()).await.is_ok();
    while told().await {}
    let mut write = here.write(now, Actor::Local).await.unwrap();
    write.revoke_device(device).await.unwrap();
    let epoch = write.commit().await.unwrap().unwrap();
    let postgres = matches!(database(dir.path()).await, Database::Postgres(_));
    assert_eq!(told().await, postgres, "only a server can tell");
    let after = there.load_since(Some(before.epoch), now).await.unwrap();
    assert_eq!((after.epoch, after.scope), (epoch, Scope::All));
    assert!(after.world.devices.get(&device).unwrap().revoked);
}
