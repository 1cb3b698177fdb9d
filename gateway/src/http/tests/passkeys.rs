//! Passkeys, by an authenticator in software that can lie in every way a stolen or foreign one could.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use ed25519_dalek::{Signer as _, SigningKey};
use provisioning::totp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::clock::Unix;
use crate::identity::Refused;
use crate::identity::passkey::{Assertion, Passkeys};

/// Flags: user present, user verified, credential data attached.
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const AT: u8 = 0x40;

/// A passkey, and what it says of itself.
#[derive(Clone)]
struct Key {
    signing: SigningKey,
    id: Vec<u8>,
    handle: Option<String>,
    rp: &'static str,
    origin: &'static str,
    action: &'static str,
    frame: bool,
    flags: u8,
    count: u32,
}

impl Key {
    fn new(seed: u8) -> Self {
        Self {
            signing: SigningKey::from_bytes(&[seed; 32]),
            id: vec![seed; 16],
            handle: None,
            rp: "door.example.org",
            origin: "https://door.example.org",
            action: "webauthn.get",
            frame: false,
            flags: UP | UV,
            count: 0,
        }
    }

    fn client_data(&self, action: &str, challenge: &str) -> String {
        json!({"type": action, "challenge": challenge, "origin": self.origin, "crossOrigin": self.frame}).to_string()
    }

    fn header(&self, flags: u8) -> Vec<u8> {
        [Sha256::digest(self.rp).as_slice(), &[flags], &self.count.to_be_bytes()].concat()
    }

    /// What it signs for this challenge.
    fn sign(&self, challenge: &str) -> Value {
        let client_data = self.client_data(self.action, challenge);
        let data = self.header(self.flags);
        let signed = [data.as_slice(), Sha256::digest(&client_data).as_slice()].concat();
        json!({
            "credential": B64.encode(&self.id), "client_data": B64.encode(client_data),
            "authenticator_data": B64.encode(&data),
            "signature": B64.encode(self.signing.sign(&signed).to_bytes()), "user_handle": self.handle,
        })
    }

    /// What it gives when it is made: attestation format `none`, an Ed25519 key (RFC 9053 §7.2).
    fn made(&self, name: &str, challenge: &str) -> Value {
        let mut data = self.header(self.flags | AT);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
        data.extend(self.signing.verifying_key().to_bytes());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        json!({
            "name": name, "credential": B64.encode(&self.id), "attestation": B64.encode(object),
            "client_data": B64.encode(self.client_data("webauthn.create", challenge)),
        })
    }
}

impl Gateway {
    async fn post(&self, door: Door, cookie: Option<&str>, path: &str, body: Value) -> Answered {
        self.ask(door, cookie, "POST", path, Some(body)).await
    }

    async fn challenge(&self, door: Door) -> String {
        let begun = self.ask(door, None, "POST", "/sign-in/passkey/begin", None).await;
        assert_eq!(begun.status, 200, "{}", begun.text);
        assert_eq!(
            (&begun.json()["rp_id"], &begun.json()["timeout_ms"]),
            (&json!("door.example.org"), &json!(120_000))
        );
        begun.json()["challenge"].as_str().unwrap().to_owned()
    }

    async fn touch(&self, door: Door, key: &Key) -> Answered {
        let challenge = self.challenge(door).await;
        self.post(door, None, "/sign-in/passkey/finish", key.sign(&challenge)).await
    }

    async fn begin(&self, door: Door, cookie: &str, body: Value) -> Answered {
        self.post(door, Some(cookie), "/me/passkeys/begin", body).await
    }

    /// Registers it as somebody's, from the office; a step of the code each.
    async fn registered(&self, user: UserId, mut key: Key, back: u64) -> Key {
        let cookie = self.session(user, None).await;
        let begun = self.begin(Self::office(), &cookie, json!({"code": code(back)})).await;
        assert_eq!(begun.status, 200, "{}", begun.text);
        let begun = begun.json();
        key.handle = Some(begun["handle"].as_str().unwrap().to_owned());
        let name = format!("key {}", key.id[0]);
        let body = key.made(&name, begun["challenge"].as_str().unwrap());
        let added = self.post(Self::office(), Some(&cookie), "/me/passkeys/confirm", body).await;
        assert_eq!((added.status.as_u16(), &added.json()["name"]), (201, &json!(name)), "{}", added.text);
        key
    }

    async fn audited(&self, event: &str) -> String {
        self.ask(Door::Local, None, "GET", &format!("/audit?event={event}"), None).await.text
    }
}

fn code(back: u64) -> String {
    totp::code_at(&fixtures::SECRET, Unix::now().seconds() / 30 - back)
}

async fn early_in_a_step() {
    while Unix::now().seconds() % 30 > 15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn told(answered: &Answered) -> (u16, String) {
    (answered.status.as_u16(), answered.slug())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_touch_opens_the_door_of_this_device_until_the_passkey_is_revoked() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let door = g.tunnel(laptop).await;
    let key = g.registered(anne, Key::new(1), 0).await;
    assert_eq!(g.ask(door, None, "GET", "/door", None).await.json()["passkeys"], true);
    assert_eq!(g.net.open(laptop), Some(false));

    let opened = g.touch(door, &key).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let (said, cookie) = (opened.json(), opened.cookie.unwrap());
    assert_eq!((&said["door"]["state"], &said["me"]["login"]), (&json!("open"), &json!("anne")));
    assert_eq!(g.net.open(laptop), Some(true));
    let until = said["door"]["until"].as_i64().unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let challenge = g.challenge(door).await;
    let extended = g.post(door, None, "/extend/passkey", key.sign(&challenge)).await;
    assert!(extended.json()["until"].as_i64().unwrap() > until, "{}", extended.text);

    // In the office a web session is all there is to begin.
    let office = g.touch(Gateway::office(), &key).await;
    assert_eq!((office.status.as_u16(), &office.json()["door"]["state"]), (200, &json!("locked")), "{}", office.text);

    let mine = g.ask(door, Some(&cookie), "GET", "/me/passkeys", None).await.json();
    assert!(mine[0]["used_at"].is_i64() && mine[0]["name"] == "key 1" && mine.as_array().unwrap().len() == 1);
    let path = format!("/me/passkeys/{}/revoke", mine[0]["id"].as_str().unwrap());
    let others = g.session(g.ilse.0, None).await;
    assert_eq!(
        g.ask(Gateway::office(), Some(&others), "POST", &path, None).await.status,
        404,
        "somebody else's is none"
    );
    g.ask(door, None, "POST", "/lock", None).await;
    assert_eq!(g.touch(door, &key).await.status, 200, "it is still good");
    g.ask(door, None, "POST", "/lock", None).await;
    let cookie = g.session(anne, Some(laptop)).await;
    assert_eq!(g.ask(door, Some(&cookie), "POST", &path, None).await.status, 204, "on a locked device too");
    assert_eq!(g.ask(door, Some(&cookie), "POST", &path, None).await.status, 404);
    assert_eq!(told(&g.touch(door, &key).await), (401, "passkey-refused".into()));
    assert_eq!(g.net.open(laptop), Some(false));
    for (event, word) in [("signed_in", "passkey"), ("sign_in_refused", "passkey"), ("passkey_added", "key 1")] {
        assert!(g.audited(event).await.contains(word), "{event}");
    }
    assert!(g.audited("passkey_revoked").await.contains("key 1") && g.audited("door_extended").await.contains("anne"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_does_not_fit_is_refused_and_opens_nothing() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let door = g.tunnel(laptop).await;
    let key = g.registered(anne, Key::new(1), 0).await;
    let lie = |lie: fn(&mut Key)| {
        let mut key = key.clone();
        lie(&mut key);
        key
    };
    for (what, key) in [
        ("another origin", lie(|k| k.origin = "https://door.example.org.evil.example")),
        ("another port", lie(|k| k.origin = "https://door.example.org:8443")),
        ("no TLS", lie(|k| k.origin = "http://door.example.org")),
        ("another relying party", lie(|k| k.rp = "example.org")),
        ("no user verification", lie(|k| k.flags = UP)),
        ("nobody there", lie(|k| k.flags = UV)),
        ("made, not used", lie(|k| k.action = "webauthn.create")),
        ("in a frame of another page", lie(|k| k.frame = true)),
        ("another person's handle", lie(|k| k.handle = Some(B64.encode([9; 16])))),
        ("no handle", lie(|k| k.handle = None)),
        ("another key", lie(|k| k.signing = SigningKey::from_bytes(&[2; 32]))),
        ("not known here", lie(|k| k.id = vec![3; 16])),
    ] {
        let refused = g.touch(door, &key).await;
        assert_eq!(told(&refused), (401, "passkey-refused".into()), "{what}: {}", refused.text);
        assert!(refused.cookie.is_none() && g.net.open(laptop) == Some(false), "{what}");
        // Tries are counted; this test is not about them.
        let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.forgive_everywhere("anne").await.unwrap();
        write.commit().await.unwrap();
    }
    let challenge = g.challenge(door).await;
    let mut forged = key.sign(&challenge);
    forged["signature"] = json!(B64.encode([7; 64]));
    let refused = g.post(door, None, "/sign-in/passkey/finish", forged).await;
    assert_eq!(told(&refused), (401, "passkey-refused".into()), "a forged signature");
    assert_eq!(g.audited("signed_in").await, "[]");
    assert_eq!(g.touch(door, &key).await.status, 200, "the good twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_good_once_where_it_was_begun_also_a_hundred_at_once() {
    let g = Arc::new(Gateway::new().await);
    let (own, other) = (g.tunnel(g.anne.1).await, g.tunnel(g.ilse.1).await);
    let key = g.registered(g.anne.0, Key::new(1), 0).await;
    for (begun, finished) in [(Gateway::office(), own), (other, own), (own, Gateway::office())] {
        let signed = key.sign(&g.challenge(begun).await);
        let refused = g.post(finished, None, "/sign-in/passkey/finish", signed.clone()).await;
        assert_eq!(told(&refused), (410, "passkey-late".into()), "{}", refused.text);
        let again = g.post(begun, None, "/sign-in/passkey/finish", signed).await;
        assert_eq!(told(&again), (410, "passkey-late".into()), "whoever asks ends it");
    }
    let never = g.post(own, None, "/sign-in/passkey/finish", key.sign(&B64.encode([1; 32]))).await;
    assert_eq!(told(&never), (410, "passkey-late".into()));
    assert_eq!(g.net.open(g.anne.1), Some(false));

    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.forgive_everywhere("anne").await.unwrap();
    write.commit().await.unwrap();
    let signed = key.sign(&g.challenge(own).await);
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (g, signed) = (g.clone(), signed.clone());
            tokio::spawn(async move { g.post(own, None, "/sign-in/passkey/finish", signed).await.status.as_u16() })
        })
        .collect();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for one in tries {
        *statuses.entry(one.await.unwrap()).or_default() += 1;
    }
    assert_eq!(statuses.get(&200), Some(&1), "{statuses:?}");
    assert!(statuses.keys().all(|s| [200, 410, 429].contains(s)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_is_over_after_two_minutes() {
    let g = Gateway::new().await;
    let key = g.registered(g.anne.0, Key::new(1), 0).await;
    let (site, device) = (g.api.site(), g.api.store.device(g.anne.1).await.unwrap());
    let passkeys = Passkeys::offered(&site, &g.api.ceremonies, Some(&device), None).unwrap();
    let now = Moment::now();
    let at = |s: u64| Moment { wall: now.wall + Duration::from_secs(s), boot: now.boot + Duration::from_secs(s) };
    let signed = |challenge: String| serde_json::from_value::<Assertion>(key.sign(&challenge)).unwrap();
    let late = signed(passkeys.ask(now).unwrap());
    let refused = passkeys.sign_in(&g.api.store, &late, at(120)).await;
    assert!(matches!(refused, Err(Refused::Late)), "{refused:?}");
    let in_time = signed(passkeys.ask(now).unwrap());
    passkeys.sign_in(&g.api.store, &in_time, at(119)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_somebody_elses_device_a_good_passkey_opens_nothing() {
    let g = Gateway::new().await;
    let key = g.registered(g.ilse.0, Key::new(1), 0).await;
    let annes = g.tunnel(g.anne.1).await;
    let refused = g.touch(annes, &key).await;
    assert_eq!(told(&refused), (403, "other-device".into()));
    assert!(refused.cookie.is_none() && g.net.open(g.anne.1) == Some(false));
    assert!(g.audited("sign_in_refused").await.contains("other_device"));
    // Nor does it extend what its owner has opened.
    g.open(g.anne).await;
    let challenge = g.challenge(annes).await;
    let extended = g.post(annes, None, "/extend/passkey", key.sign(&challenge)).await;
    assert_eq!(told(&extended), (403, "other-device".into()));
    assert_eq!(g.touch(g.tunnel(g.ilse.1).await, &key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_passkey_is_refused_and_told_of() {
    let g = Gateway::new().await;
    let door = g.tunnel(g.anne.1).await;
    let mut key = g.registered(g.anne.0, Key { count: 4, ..Key::new(1) }, 0).await;
    for count in [4, 3, 0] {
        key.count = count;
        assert_eq!(told(&g.touch(door, &key).await), (401, "passkey-refused".into()), "{count} after 4");
    }
    assert!(g.audited("sign_in_refused").await.matches("passkey_copied").count() == 3);
    assert_eq!(g.net.open(g.anne.1), Some(false));
    for (count, status) in [(5, 200), (900, 200), (899, 401)] {
        key.count = count;
        assert_eq!(g.touch(door, &key).await.status, status, "{count}");
    }
    // A forger who counts back is no copy: nobody is told so of a passkey that is well.
    key.count = 1;
    key.signing = SigningKey::from_bytes(&[2; 32]);
    assert_eq!(g.touch(door, &key).await.status, 401);
    assert!(g.audited("sign_in_refused").await.matches("passkey_copied").count() == 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_registered_by_who_shows_once_more_to_be_the_person() {
    let g = Gateway::new().await;
    early_in_a_step().await;
    let (office, anne) = (Gateway::office(), g.anne.0);
    let cookie = g.session(anne, None).await;
    let wrong = g.begin(office, &cookie, json!({"code": "000000"})).await;
    assert_eq!(told(&wrong), (401, "wrong-credentials".into()));
    for neither in [json!({}), json!({"code": "1", "passkey": Key::new(1).sign("")})] {
        assert_eq!(told(&g.begin(office, &cookie, neither).await), (400, "invalid-request".into()));
    }
    let key = g.registered(anne, Key::new(1), 1).await;
    let spent = g.begin(office, &cookie, json!({"code": code(1)})).await;
    assert_eq!(told(&spent), (401, "wrong-credentials".into()), "a code is good once");

    // By a passkey of one's own, but by nobody else's.
    let of_ilse = g.registered(g.ilse.0, Key::new(2), 0).await;
    let challenge = g.challenge(office).await;
    let refused = g.begin(office, &cookie, json!({"passkey": of_ilse.sign(&challenge)})).await;
    assert_eq!(told(&refused), (401, "passkey-refused".into()));
    let challenge = g.challenge(office).await;
    let begun = g.begin(office, &cookie, json!({"passkey": key.sign(&challenge)})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert_eq!(begun.json()["known"], json!([B64.encode([1; 16])]));
    let challenge = begun.json()["challenge"].as_str().unwrap().to_owned();

    // In another web session, by another door, for something else, or without verification: no.
    let confirm = async |door: Door, cookie: &str, body: Value| {
        told(&g.post(door, Some(cookie), "/me/passkeys/confirm", body).await)
    };
    let theirs = g.session(g.ilse.0, None).await;
    let made = Key::new(3).made("third", &challenge);
    assert_eq!(confirm(office, &theirs, made.clone()).await, (410, "passkey-late".into()));
    assert_eq!(confirm(office, &cookie, made).await, (410, "passkey-late".into()), "it ended by that");
    let signing_in = g.challenge(office).await;
    let misused = Key::new(3).made("third", &signing_in);
    assert_eq!(confirm(office, &cookie, misused).await, (410, "passkey-late".into()));
    let again = async || {
        let challenge = g.challenge(office).await;
        let begun = g.begin(office, &cookie, json!({"passkey": key.sign(&challenge)})).await;
        begun.json()["challenge"].as_str().unwrap_or_default().to_owned()
    };
    for lie in [
        Key { flags: UP, ..Key::new(3) },
        Key { origin: "https://evil.example", ..Key::new(3) },
        Key { rp: "evil.example", ..Key::new(3) },
    ] {
        let made = lie.made("third", &again().await);
        assert_eq!(confirm(office, &cookie, made).await, (401, "passkey-refused".into()));
    }
    let twice = key.made("the same", &again().await);
    assert_eq!(confirm(office, &cookie, twice).await, (409, "already-exists".into()));
    let named = Key::new(3).made("key 1", &again().await);
    assert_eq!(confirm(office, &cookie, named).await, (409, "already-exists".into()), "the name is taken");
    let unnamed = Key::new(3).made(" ", &again().await);
    assert_eq!(confirm(office, &cookie, unnamed).await, (400, "invalid-request".into()));
    assert_eq!(g.api.store.passkeys(anne).await.unwrap().len(), 1);
    // On a device of one's own its door must be open.
    let (door, here) = (g.tunnel(g.anne.1).await, g.session(anne, Some(g.anne.1)).await);
    assert_eq!(told(&g.begin(door, &here, json!({"code": code(0)})).await), (403, "not-allowed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_passkeys_are_enough() {
    let g = Gateway::new().await;
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    for n in 0..crate::store::passkeys::MOST {
        let new = crate::store::passkeys::Credential {
            id: format!("id{n}"),
            public_key: "AA".into(),
            algorithm: -8,
            signatures: 0,
        };
        write.add_passkey(g.anne.0, &format!("no {n}"), &new).await.unwrap();
    }
    write.commit().await.unwrap();
    let cookie = g.session(g.anne.0, None).await;
    let begun = g.begin(Gateway::office(), &cookie, json!({"code": code(0)})).await.json();
    let made = Key::new(1).made("one more", begun["challenge"].as_str().unwrap());
    let refused = g.post(Gateway::office(), Some(&cookie), "/me/passkeys/confirm", made).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_invited_anew_or_unknown_after_a_restore_gets_in_by_no_passkey() {
    let g = Gateway::new().await;
    let (anne, laptop) = g.anne;
    let door = g.tunnel(laptop).await;
    let key = g.registered(anne, Key::new(1), 0).await;
    let local = async |path: &str| g.ask(Door::Local, None, "POST", path, None).await.status.as_u16();
    // In the office, for a device of somebody disabled reaches nothing at all.
    assert_eq!(g.touch(Gateway::office(), &key).await.status, 200);
    assert_eq!(local("/users/anne/disable").await, 200);
    assert_eq!(told(&g.touch(Gateway::office(), &key).await), (401, "passkey-refused".into()));
    assert_eq!(local("/users/anne/enable").await, 200);
    assert_eq!(g.touch(door, &key).await.status, 200);

    // A code that was guessed at too often suspends codes; a passkey is no guess, and begins the count anew.
    for _ in 0..crate::store::users::FACTOR_LIMIT {
        g.api.store.count_code(anne).await.unwrap();
    }
    assert!(g.api.store.user("anne").await.unwrap().suspended);
    assert_eq!(g.touch(door, &key).await.status, 200);
    assert!(!g.api.store.user("anne").await.unwrap().suspended);

    let token = provisioning::invitation::Token::generate().unwrap();
    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    let id = write.invite(anne, &token.hash()).await.unwrap();
    write.begin_redeeming(id, "x", &fixtures::SECRET).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(g.touch(door, &key).await.status, 200, "what was before is in force until the invitation is redeemed");
    let invitation = g.api.store.open_invitation(&token.hash(), Moment::now().wall).await.unwrap();
    let mut write = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.redeem(&invitation, &fixtures::SECRET, 1, &[]).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(told(&g.touch(door, &key).await), (401, "passkey-refused".into()), "a new invitation replaces it");

    let key = g.registered(anne, Key::new(2), 0).await;
    g.api.store.lock_everything(Moment::now(), "a database from before").await.unwrap();
    assert_eq!(told(&g.touch(door, &key).await), (401, "passkey-refused".into()), "it may have been revoked since");
    // … and one that is in force, because IT was not asked yet.
    let new = crate::store::passkeys::Credential {
        id: B64.encode([3; 16]),
        public_key: {
            let key = Key::new(3).signing.verifying_key().to_bytes();
            let cose = [&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20], key.as_slice()].concat();
            base64::engine::general_purpose::STANDARD.encode(cose)
        },
        algorithm: -8,
        signatures: 0,
    };
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.add_passkey(anne, "restored", &new).await.unwrap();
    write.commit().await.unwrap();
    let key = Key { handle: key.handle, ..Key::new(3) };
    assert_eq!(told(&g.touch(door, &key).await), (403, "restored".into()));
    assert_eq!(g.net.open(laptop), Some(false));
    assert_eq!(local("/status/confirm-people").await, 204, "IT has confirmed");
    assert_eq!(g.touch(door, &key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_counted_before_they_are_looked_at() {
    let g = Gateway::new().await;
    let door = g.tunnel(g.anne.1).await;
    let key = g.registered(g.anne.0, Key::new(1), 0).await;
    let forger = Key { signing: SigningKey::from_bytes(&[2; 32]), ..key.clone() };
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(g.touch(door, &forger).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    assert_eq!(g.touch(door, &key).await.status, 429, "then the right one waits, too");
    // On somebody else's device it is no try of hers, nor is it for long.
    let other = g.tunnel(g.ilse.1).await;
    let mut last = 0;
    for _ in 0..31 {
        last = g.touch(other, &forger).await.status.as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(g.touch(Gateway::office(), &key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_they_are_not_offered_there_are_none() {
    let g = Gateway::new().await;
    let door = g.tunnel(g.anne.1).await;
    let key = g.registered(g.anne.0, Key::new(1), 0).await;
    let signed = key.sign(&g.challenge(door).await);
    let offer = async |offered: bool| {
        let body = Some(json!({"passkeys": offered}));
        assert_eq!(g.ask(Door::Local, None, "PATCH", "/settings", body).await.json()["passkeys"], offered);
        assert_eq!(g.ask(door, None, "GET", "/door", None).await.json()["passkeys"], offered);
    };
    offer(false).await;
    assert_eq!(g.ask(door, None, "POST", "/sign-in/passkey/begin", None).await.status, 404);
    assert_eq!(g.post(door, None, "/sign-in/passkey/finish", signed).await.status, 404);
    let cookie = g.session(g.anne.0, None).await;
    assert_eq!(g.begin(Gateway::office(), &cookie, json!({"code": code(0)})).await.status, 404);
    let mine = g.ask(Gateway::office(), Some(&cookie), "GET", "/me/passkeys", None).await.json();
    assert_eq!(mine.as_array().unwrap().len(), 1, "they are seen, and can be revoked");
    offer(true).await;
    assert_eq!(g.touch(door, &key).await.status, 200);
}
