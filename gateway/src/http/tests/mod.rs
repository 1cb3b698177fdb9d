//! The API: every route by every door for every kind of caller, and the journeys through it.

mod access;
mod cuts;
mod events;
mod home_work;
mod hostile;
mod joining;
mod journeys;
mod meanwhile;
mod my_desktops;
mod outside;
mod own;
mod pages;
mod passkeys;
mod people;
mod pools;
mod routes;
mod watch;
mod workstations;

use std::net::IpAddr;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use super::caller::Door;
use super::*;
use crate::audit::Actor;
use crate::identity::api_token::ApiToken;
use crate::identity::passwords::Cost;
use crate::identity::web_token::{COOKIE, WebToken};
use crate::ids::{DeviceId, UserId};
use crate::reconcile::tests::{FakeNet, interface};
use crate::store::resources::ResourceKind;
use crate::store::tests as fixtures;
use crate::store::users::Role;

const PASSWORD: &str = "le cheval mange du foin";
const OFFICE: &str = "192.168.1.50";

/// A gateway without tunnels: Anne is a user, Ilse is IT, both have a laptop.
pub(crate) struct Gateway {
    _dir: TempDir,
    api: Arc<Api>,
    /// Made once: with its document it takes as long as a hundred requests.
    router: Router,
    net: FakeNet,
    anne: (UserId, DeviceId),
    ilse: (UserId, DeviceId),
}

struct Answered {
    status: StatusCode,
    cookie: Option<String>,
    text: String,
    headers: axum::http::HeaderMap,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn slug(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        kind.trim_start_matches("urn:passerelle:").to_owned()
    }
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        let (dir, store) = fixtures::fixture().await;
        let passwords = Passwords::new(Cost::FLOOR).unwrap();
        let hash = passwords.hash(Zeroizing::new(PASSWORD.into())).await.unwrap();
        let anne = fixtures::person(&store, "anne", Role::User, &hash).await;
        let ilse = fixtures::person(&store, "ilse", Role::Admin, &hash).await;
        let net = FakeNet::listen(&dir.path().join("net.sock"));
        let site = store.site().await.unwrap().unwrap();
        let started = crate::reconcile::start(store.clone(), site, interface(), dir.path().join("net.sock")).unwrap();
        net.until(|s| s.snapshots == 1).await;
        let api = Arc::new(Api::new(store, passwords, started.reconciler, ["192.168.1.2".to_owned()]));
        // The sockets' channel stays open for as long as the test.
        std::mem::forget(started.sockets);
        let router = router(api.clone());
        Self { _dir: dir, api, router, net, anne, ilse }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// All that is stored and can be listed, but for the audit.
    pub(crate) async fn stored(&self) -> Vec<String> {
        let mut all = Vec::new();
        for list in [
            "users",
            "groups",
            "devices",
            "resources",
            "policies",
            "tokens",
            "settings",
            "settings/mail",
            "invitations",
        ] {
            let mut list = self.ask(Door::Local, None, "GET", &format!("/{list}"), None).await.json();
            // The end of an open door is reckoned anew each time.
            for row in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                row.retain(|field, _| field != "open_until");
            }
            all.push(list.to_string());
        }
        all
    }

    async fn tunnel(&self, device: DeviceId) -> Door {
        Door::Tunnel(IpAddr::from(self.api.store.device(device).await.unwrap().address4))
    }

    fn office() -> Door {
        Door::Office(OFFICE.parse().unwrap())
    }

    async fn session(&self, user: UserId, device: Option<DeviceId>) -> String {
        let token = WebToken::generate().unwrap();
        let mut write = self.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.begin_web_session(&token.hash(), user, device).await.unwrap();
        write.commit().await.unwrap();
        token.set_cookie().split(';').next().unwrap().to_owned()
    }

    /// For an `Authorization` header.
    async fn token(&self, name: &str, scopes: &str) -> String {
        let (token, now) = (ApiToken::generate().unwrap(), Moment::now());
        let mut write = self.api.store.write(now, Actor::Local).await.unwrap();
        let until = now.wall + std::time::Duration::from_secs(3600);
        write.add_token(name, &token.hash(), &scopes.parse().unwrap(), until).await.unwrap();
        write.commit().await.unwrap();
        format!("Bearer {}", token.text())
    }

    async fn open(&self, (user, device): (UserId, DeviceId)) {
        let mut write = self.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.open_door(user, device).await.unwrap();
        let epoch = write.commit().await.unwrap();
        self.api.reconciler.carry_out(epoch, Wait::Complete).await.unwrap();
    }

    async fn ask(&self, door: Door, cookie: Option<&str>, method: &str, path: &str, body: Option<Value>) -> Answered {
        self.ask_by(self.router(), door, cookie, method, path, body).await
    }

    async fn ask_by(
        &self,
        router: Router,
        door: Door,
        cookie: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answered {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "door.example.org")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(shown) = cookie {
            let name = if shown.starts_with("Bearer ") { header::AUTHORIZATION } else { header::COOKIE };
            request = request.header(name, shown);
        }
        let body = body.map_or(Body::empty(), |b| Body::from(b.to_string()));
        self.send_by(router, door, request.body(body).unwrap()).await
    }

    async fn send(&self, door: Door, request: Request<Body>) -> Answered {
        self.send_by(self.router(), door, request).await
    }

    async fn send_by(&self, router: Router, door: Door, mut request: Request<Body>) -> Answered {
        request.extensions_mut().insert(door);
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream has no end to wait for.
        let stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| v == "text/event-stream");
        let bytes = if stream { Default::default() } else { axum::body::to_bytes(body, 1 << 22).await.unwrap() };
        let cookie = parts.headers.get(header::SET_COOKIE).map(|v| v.to_str().unwrap().to_owned());
        let cookie = cookie.map(|c| c.split(';').next().unwrap().to_owned());
        Answered {
            status: parts.status,
            cookie,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            headers: parts.headers,
        }
    }
}

/// What an authenticator app reads.
fn base32(text: &str) -> Vec<u8> {
    let mut bits = 0_u64;
    let mut count = 0;
    let mut out = Vec::new();
    for c in text.bytes().filter(u8::is_ascii_alphanumeric) {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            _ => c - b'2' + 26,
        };
        bits = (bits << 5) | u64::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    out
}

#[test]
fn the_committed_api_document_is_this_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let now = document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == now, "docs/openapi.json is stale: UPDATE_OPENAPI=1 cargo test -p passerelle api_document");
}

#[test]
fn the_document_spells_words_as_they_travel() {
    let document = serde_json::to_value(document()).unwrap();
    let words = |name: &str| document["components"]["schemas"][name]["enum"].as_array().unwrap().clone();
    for (word, name) in [("share", "ResourceKind"), ("admin", "Role")] {
        assert!(words(name).contains(&word.into()), "{name} has no `{word}`");
    }
    for word in words("ResourceKind") {
        serde_json::from_value::<ResourceKind>(word).unwrap();
    }
    for word in words("Role") {
        serde_json::from_value::<Role>(word).unwrap();
    }
}
