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
    for n in 0..crate::store::room::AT_ONCE {
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
    assert_eq!(told(&refused), (409, "too-many".into()));
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
    write.redeem(&invitation, &fixtures::app(fixtures::SECRET, 1), &[]).await.unwrap();
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

/// What an invitation says to a step of it.
async fn invited(g: &Gateway, step: &str, body: Value) -> Answered {
    g.post(Gateway::office(), None, &format!("/invitations/{step}"), body).await
}

/// The token of a fresh invitation.
async fn issued(g: &Gateway, login: &str) -> String {
    let issued = g.ask(Door::Local, None, "POST", "/invitations", Some(json!({"user": login}))).await.json();
    issued["token"].as_str().unwrap().to_owned()
}

/// A password is chosen; the secret drawn with it.
async fn begun(g: &Gateway, token: &str, password: &str) -> String {
    let begun = invited(g, "begin", json!({"token": token, "password": password})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    begun.json()["secret"].as_str().unwrap().to_owned()
}

/// A passkey asked for by an invitation: its key, and the challenge.
async fn asked(g: &Gateway, token: &str, secret: &str, seed: u8) -> (Key, String) {
    let asked = invited(g, "passkey", json!({"token": token, "secret": secret})).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let asked = asked.json();
    let handle = asked["handle"].as_str().unwrap().to_owned();
    (Key { handle: Some(handle), ..Key::new(seed) }, asked["challenge"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_redeemed_by_a_passkey_alone() {
    let g = Gateway::new().await;
    g.ask(Door::Local, None, "POST", "/users", Some(json!({"login": "bart", "name": "Bart"}))).await;
    let token = issued(&g, "bart").await;
    let early = invited(&g, "passkey", json!({"token": token, "secret": ""})).await;
    assert_eq!(told(&early), (410, "invitation-void".into()), "no password is chosen yet");
    let secret = begun(&g, &token, PASSWORD).await;
    let of = invited(&g, "inspect", json!({"token": token})).await.json();
    assert_eq!((&of["passkeys"], &of["public_name"]), (&json!(true), &json!("door.example.org")));
    let device = json!({"name": "laptop", "public_key": fixtures::key()});
    let confirm =
        async |made: Value| invited(&g, "confirm", json!({"token": token, "passkey": made, "device": device})).await;

    // Neither, both, a lie, another invitation's, a challenge to sign in, or one of before the password was chosen anew.
    let (key, challenge) = asked(&g, &token, &secret, 1).await;
    for (code, made) in [(None, None), (Some("000000"), Some(key.made("laptop", &challenge)))] {
        let body = json!({"token": token, "code": code, "passkey": made});
        assert_eq!(told(&invited(&g, "confirm", body).await), (400, "invalid-request".into()));
    }
    for lie in [
        Key { flags: UP, ..key.clone() },
        Key { origin: "https://evil.example", ..key.clone() },
        Key { rp: "evil.example", ..key.clone() },
    ] {
        let (_, challenge) = asked(&g, &token, &secret, 1).await;
        assert_eq!(told(&confirm(lie.made("laptop", &challenge)).await), (401, "passkey-refused".into()));
    }
    let anothers = issued(&g, "ilse").await;
    let (_, foreign) = asked(&g, &anothers, &begun(&g, &anothers, PASSWORD).await, 1).await;
    let signing_in = g.challenge(Gateway::office()).await;
    let (_, old) = asked(&g, &token, &secret, 1).await;
    // Whoever has read the invitation, too, chooses another password: nobody finishes what they began.
    let thiefs = begun(&g, &token, "four wheels of a thief").await;
    let refused = invited(&g, "passkey", json!({"token": token, "secret": secret})).await;
    assert_eq!(told(&refused), (409, "outdated".into()));
    let secret = begun(&g, &token, PASSWORD).await;
    let refused = invited(&g, "passkey", json!({"token": token, "secret": thiefs})).await;
    assert_eq!(told(&refused), (409, "outdated".into()));
    for (what, challenge) in [("another's", foreign), ("to sign in", signing_in), ("of before", old)] {
        assert_eq!(told(&confirm(key.made("laptop", &challenge)).await), (410, "passkey-late".into()), "{what}");
    }
    let bart = g.api.store.user("bart").await.unwrap();
    assert!(bart.factor_confirmed_at.is_none() && g.api.store.passkeys(bart.id).await.unwrap().is_empty());

    let (key, challenge) = asked(&g, &token, &secret, 1).await;
    let done = confirm(key.made("laptop", &challenge)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert!(done["recovery_codes"].as_array().unwrap().len() == 10 && done["config"].is_string());
    let laptop: DeviceId = done["device"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(g.net.open(laptop), Some(false), "its tunnel is there, and locked");
    assert_eq!(told(&confirm(key.made("again", &challenge)).await), (410, "invitation-void".into()));

    // One touch opens; no code does, not even of the secret that was drawn and not chosen.
    let door = g.tunnel(laptop).await;
    let wrong = json!({"user": "bart", "password": PASSWORD, "code": "000000"});
    assert_eq!(told(&g.post(door, None, "/sign-in", wrong).await), (401, "wrong-credentials".into()));
    let opened = g.touch(door, &key).await;
    assert_eq!((opened.status.as_u16(), g.net.open(laptop)), (200, Some(true)), "{}", opened.text);
    assert_eq!(opened.json()["me"]["app"], false);
    let settings = g.ask(Door::Local, None, "GET", "/settings", None).await.json();
    assert_eq!(settings["passkeys_alone"], 1, "IT is told who would be shut out without passkeys");

    // Wrong codes suspend nothing, for there is nothing to guess.
    for _ in 0..=crate::store::users::FACTOR_LIMIT {
        let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.forgive_everywhere("bart").await.unwrap();
        write.commit().await.unwrap();
        let wrong = json!({"user": "bart", "password": PASSWORD, "code": "000000"});
        let refused = told(&g.post(Gateway::office(), None, "/sign-in", wrong).await);
        assert!(refused.0 == 401 || refused.0 == 429, "{refused:?}");
    }
    assert!(!g.api.store.user("bart").await.unwrap().suspended);

    // It is all he has beside recovery codes: without those it stays until there is something else. By it he gets that.
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.renew_recovery_codes(bart.id, &[]).await.unwrap();
    write.commit().await.unwrap();
    let cookie = opened.cookie.unwrap();
    let mine = g.ask(door, Some(&cookie), "GET", "/me/passkeys", None).await.json();
    let revoke = format!("/me/passkeys/{}/revoke", mine[0]["id"].as_str().unwrap());
    let refused = g.ask(door, Some(&cookie), "POST", &revoke, None).await;
    assert_eq!(told(&refused), (409, "last-factor".into()));
    assert_eq!(g.touch(door, &key).await.status, 200, "it is still good");
    let proof = json!({"passkey": key.sign(&g.challenge(door).await)});
    let begun = g.post(door, Some(&cookie), "/me/factor/begin", proof).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let code = totp::code_at(&base32(begun.json()["secret"].as_str().unwrap()), totp::step(Unix::now().seconds()));
    let confirmed = g.post(door, Some(&cookie), "/me/factor/confirm", json!({"code": code})).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.text);
    assert_eq!(g.ask(door, Some(&cookie), "POST", &revoke, None).await.status, 204);
    assert_eq!(g.ask(door, Some(&cookie), "GET", "/me", None).await.json()["app"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_invitation_takes_the_place_of_app_and_passkey_alike() {
    let g = Gateway::new().await;
    early_in_a_step().await;
    let (anne, laptop) = g.anne;
    let door = g.tunnel(laptop).await;
    let by_code = async |code: String| {
        let body = json!({"user": "anne", "password": PASSWORD, "code": code});
        g.post(door, None, "/sign-in", body).await.status.as_u16()
    };
    // From an app to a passkey; by the internet's door, too.
    let token = issued(&g, "anne").await;
    let secret = begun(&g, &token, PASSWORD).await;
    let far = Door::Internet("198.51.100.7".parse().unwrap());
    let challenge = g.post(far, None, "/invitations/passkey", json!({"token": token, "secret": secret})).await.json();
    let mut key = Key::new(1);
    key.handle = Some(challenge["handle"].as_str().unwrap().to_owned());
    let made = key.made("laptop", challenge["challenge"].as_str().unwrap());
    let done = g.post(far, None, "/invitations/confirm", json!({"token": token, "passkey": made})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(by_code(code(0)).await, 401, "the app of before is none any more");
    assert_eq!(g.touch(door, &key).await.status, 200);
    // While it is the only one it can be revoked: ten recovery codes are left.
    let cookie = g.session(anne, None).await;
    let mine = g.ask(Gateway::office(), Some(&cookie), "GET", "/me/passkeys", None).await.json();
    let path = format!("/me/passkeys/{}/revoke", mine[0]["id"].as_str().unwrap());
    assert_eq!(g.ask(Gateway::office(), Some(&cookie), "POST", &path, None).await.status, 204, "a thief has it");
    assert_eq!(by_code(done.json()["recovery_codes"][0].as_str().unwrap().to_owned()).await, 200);

    // Where they are not offered, not by an invitation either; and back to an app.
    g.ask(Door::Local, None, "PATCH", "/settings", Some(json!({"passkeys": false}))).await;
    let token = issued(&g, "anne").await;
    let secret = begun(&g, &token, PASSWORD).await;
    let refused = invited(&g, "passkey", json!({"token": token, "secret": secret})).await;
    assert_eq!(refused.status, 404);
    let step = totp::step(Unix::now().seconds());
    let code = totp::code_at(&base32(&secret), step - 1);
    assert_eq!(invited(&g, "confirm", json!({"token": token, "code": code})).await.status, 200);
    assert_eq!(by_code(totp::code_at(&base32(&secret), step)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_who_had_a_passkey_alone_is_to_be_invited_anew() {
    let g = Gateway::new().await;
    let token = issued(&g, "anne").await;
    let secret = begun(&g, &token, PASSWORD).await;
    let (key, challenge) = asked(&g, &token, &secret, 1).await;
    let body = json!({"token": token, "passkey": key.made("laptop", &challenge)});
    assert_eq!(invited(&g, "confirm", body).await.status, 200);
    assert_eq!(g.api.store.with_passkeys_alone().await.unwrap(), 1);
    g.api.store.lock_everything(Moment::now(), "a database from before").await.unwrap();
    let of = async |login: &str| g.api.store.user(login).await.unwrap().factor_confirmed_at.is_some();
    assert_eq!((of("anne").await, of("ilse").await), (false, true), "who has an app keeps it");
    assert_eq!(g.api.store.with_passkeys_alone().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_stands_for_password_and_code_also_where_one_shows_again_who_one_is() {
    const NEW: &str = "nine green bottles on a wall";
    let g = Gateway::new().await;
    let office = Gateway::office();
    let (key, ilses) = (g.registered(g.anne.0, Key::new(1), 0).await, g.registered(g.ilse.0, Key::new(2), 0).await);
    let (cookie, other) = (g.session(g.anne.0, None).await, g.session(g.anne.0, None).await);
    let ask = async |path: &str, body: Value| g.post(office, Some(&cookie), path, body).await;
    let change = async |proof: Value| ask("/me/password", json!({"proof": proof, "new_password": NEW})).await;
    let signed = key.sign(&g.challenge(office).await);
    for part in [
        json!({}),
        json!({"password": PASSWORD}),
        json!({"password": PASSWORD, "code": "000000", "passkey": signed}),
        json!({"password": PASSWORD, "passkey": signed}),
    ] {
        assert_eq!(told(&change(part).await), (400, "invalid-request".into()));
    }
    let theirs = ilses.sign(&g.challenge(office).await);
    assert_eq!(told(&change(json!({"passkey": theirs})).await), (401, "passkey-refused".into()), "hers, not Anne's");
    let forger = Key { signing: SigningKey::from_bytes(&[3; 32]), ..key.clone() };
    let forged = forger.sign(&g.challenge(office).await);
    assert_eq!(told(&change(json!({"passkey": forged})).await), (401, "passkey-refused".into()));
    assert_eq!(change(json!({"passkey": signed})).await.status, 204);
    assert_eq!(told(&change(json!({"passkey": signed})).await), (410, "passkey-late".into()), "good once");
    assert_eq!(g.ask(office, Some(&other), "GET", "/me", None).await.status, 401, "her other session has ended");
    let sign_in = json!({"user": "anne", "password": NEW, "code": fixtures::RECOVERY});
    assert_eq!(g.post(office, None, "/sign-in", sign_in).await.status, 200);
    let again = json!({"passkey": key.sign(&g.challenge(office).await)});
    let codes = ask("/me/recovery-codes", again).await.json();
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
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
