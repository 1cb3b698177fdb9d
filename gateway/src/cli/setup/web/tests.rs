//! One browser claims it, nobody else learns or does anything, and the gateway is made once.

use axum::body::Body as Bytes;
use axum::http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::detect::{Interface, Network};

const NEAR: &str = "192.168.77.50";

struct Office {
    folder: TempDir,
    wizard: Arc<Wizard>,
    code: Token,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let eth0 = Interface {
            index: 2,
            name: "eth0".into(),
            up: true,
            loopback: false,
            addresses: vec!["192.168.77.2/24".parse().unwrap()],
        };
        let network =
            Network { interfaces: vec![eth0], resolvers: vec!["192.168.77.1".parse().unwrap()], ..Network::default() };
        let drawn = provisioning::addresses::SiteNetwork::new(
            "10.91.0.0/16".parse().unwrap(),
            "fd6b:10f3:77aa::/48".parse().unwrap(),
        );
        let seen = Seen {
            network,
            tunnel: "pass0".into(),
            port: 51820,
            office_subnet: None,
            drawn: drawn.ok(),
            host_name: None,
        };
        let config = Config {
            state_dir: folder.path().join("state"),
            runtime_dir: folder.path().join("run"),
            ..Config::default()
        };
        let code = Token::generate().unwrap();
        let wizard = Arc::new(Wizard {
            seen,
            config,
            flags: Answers::from_flags(|field| (field == Field::AdminName).then(|| "Ada Rossi".to_owned())),
            file: folder.path().join("passerelle.toml"),
            absent: true,
            at: "192.168.77.2:8443".parse().unwrap(),
            code: code.hash(),
            claimed: Mutex::default(),
            work: tokio::sync::Mutex::default(),
            made: Mutex::default(),
            news: Notify::new(),
        });
        Self { folder, wizard, code }
    }

    async fn send(&self, from: &str, mut request: Request<Bytes>) -> (u16, Option<String>, Value) {
        request.extensions_mut().insert(Door::Office(from.parse().unwrap()));
        let response = router(self.wizard.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()[header::X_FRAME_OPTIONS], "DENY");
        let cookie = response.headers().get(header::SET_COOKIE).map(|v| v.to_str().unwrap().to_owned());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, cookie, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn request(method: &str, path: &str, cookie: Option<&str>, body: Option<&Value>) -> Request<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/setup{path}"))
            .header(header::HOST, "192.168.77.2:8443")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie.split(';').next().unwrap());
        }
        request.body(body.map_or(Bytes::empty(), |b| Bytes::from(b.to_string()))).unwrap()
    }

    async fn ask(&self, method: &str, path: &str, cookie: Option<&str>, body: Value) -> (u16, Option<String>, Value) {
        self.send(NEAR, Self::request(method, path, cookie, Some(&body))).await
    }

    async fn claim(&self) -> String {
        let (status, cookie, _) =
            self.ask("POST", "/claim", None, json!({"code": self.code.to_string().to_lowercase()})).await;
        assert_eq!(status, 204);
        cookie.unwrap()
    }
}

fn answers() -> Value {
    json!({"organisation": "Dubois & fils", "public_name": "door.example.org", "admin": "marc", "from_home": "yes"})
}

#[test]
fn the_committed_document_is_this_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi-setup.json");
    let now = routes().into_openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&file, &now).unwrap();
    }
    assert!(fs::read_to_string(&file).unwrap() == now, "run UPDATE_OPENAPI=1 cargo test -p passerelle --lib document");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_claims_one_is_good() {
    let office = Arc::new(Office::new());
    let mut trying = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let office = office.clone();
        trying
            .spawn(async move { office.ask("POST", "/claim", None, json!({"code": office.code.to_string()})).await.0 });
    }
    let all = trying.join_all().await;
    let of = |status: u16| all.iter().filter(|s| **s == status).count();
    assert_eq!((of(204), of(409)), (1, 999));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_claim_does_and_learns_nothing() {
    let office = Office::new();
    let wrong = Token::generate().unwrap().to_string();
    for code in [wrong.as_str(), "", "0", "😀"] {
        assert_eq!(office.ask("POST", "/claim", None, json!({"code": code})).await.0, 401, "{code}");
    }
    let cookie = office.claim().await;
    let other = WebToken::generate().unwrap().set_cookie();
    for (path, body) in
        [("/propose", answers()), ("/check", json!({"check": "dns", "answers": {}})), ("/finish", answers())]
    {
        for shown in [None, Some(other.as_str())] {
            let (status, _, told) = office.ask("POST", path, shown, body.clone()).await;
            assert_eq!((status, told["type"].as_str()), (401, Some("urn:passerelle:not-signed-in")), "{path}");
        }
        let far = office.send("198.51.100.7", Office::request("POST", path, Some(&cookie), Some(&body))).await;
        assert_eq!(far.0, 404, "{path} from the internet");
        let mut foreign = Office::request("POST", path, Some(&cookie), Some(&body));
        foreign.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert_eq!(office.send(NEAR, foreign).await.0, 403, "{path} by another page");
        let mut rebound = Office::request("POST", path, Some(&cookie), Some(&body));
        rebound.headers_mut().insert(header::HOST, HeaderValue::from_static("evil.example:8443"));
        assert_eq!(office.send(NEAR, rebound).await.0, 421, "{path} by another name");
    }
    let (_, _, told) = office.ask("GET", "", None, Value::Null).await;
    assert_eq!((told["claimed"].as_bool(), told["yours"].as_bool()), (Some(true), Some(false)));
    let (_, _, told) = office.ask("GET", "", Some(&cookie), Value::Null).await;
    assert_eq!(told["yours"], true);
    assert!(!office.folder.path().join("state").exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_guessed_is_proposed_and_what_does_not_fit_is_said() {
    let office = Office::new();
    let cookie = office.claim().await;
    let propose = async |answers: Value| {
        let (status, _, told) = office.ask("POST", "/propose", Some(&cookie), answers).await;
        assert_eq!(status, 200, "{told}");
        told
    };
    let of = |told: &Value, field: &str| {
        told["fields"].as_array().unwrap().iter().find(|f| f["field"] == field).unwrap().clone()
    };
    let first = propose(json!({})).await;
    assert_eq!(first["fields"].as_array().unwrap().len(), Field::ALL.len());
    assert_eq!(of(&first, "office_interface")["answer"], "eth0");
    assert_eq!(of(&first, "from_home")["answer"], "no");
    assert_eq!(of(&first, "organisation")["answer"], Value::Null);
    let flagged = of(&first, "admin_name");
    assert_eq!((&flagged["answer"], &flagged["guessed"]), (&json!("Ada Rossi"), &json!(false)), "by the command line");
    assert_eq!(of(&propose(json!({"admin_name": "Marc"})).await, "admin_name")["answer"], "Marc");
    assert_eq!(first["interfaces"], json!([{"name": "eth0", "network": "192.168.77.0/24"}]));
    let next = propose(json!({"public_name": "door.example.org", "admin": "Marc Dupré", "resolvers": "dns.lan"})).await;
    assert_eq!(
        (&of(&next, "endpoint")["answer"], &of(&next, "endpoint")["guessed"]),
        (&json!("door.example.org:51820"), &json!(true))
    );
    for wrong in ["admin", "resolvers"] {
        assert!(of(&next, wrong)["problem"].is_string(), "{wrong}");
    }
    assert_eq!(office.ask("POST", "/propose", Some(&cookie), json!({"unknown": "x"})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_made_once_and_its_configuration_written() {
    let office = Office::new();
    let cookie = office.claim().await;
    for wrong in [json!({}), json!({"organisation": "x", "public_name": "door.example.org", "admin": "a b"})] {
        assert_eq!(office.ask("POST", "/finish", Some(&cookie), wrong).await.0, 400);
    }
    let (status, _, done) = office.ask("POST", "/finish", Some(&cookie), answers()).await;
    assert_eq!(status, 201, "{done}");
    assert_eq!((done["login"].as_str(), done["internet"].as_str()), (Some("marc"), Some("192.168.77.2:8445")));
    let config = Config::load(Some(&office.wizard.file)).unwrap();
    assert_eq!(config.internet_listen, ["192.168.77.2:8445".parse().unwrap()]);
    let store = crate::store::Store::open(
        config.database(),
        "boot",
        Arc::new(crate::identity::seal::Sealer::load(&config.state_dir).unwrap()),
    )
    .await
    .unwrap();
    let token: Token = done["token"].as_str().unwrap().parse().unwrap();
    assert_eq!(store.open_invitation(&token.hash(), Moment::now().wall).await.unwrap().login, "marc");
    let site = store.site().await.unwrap().unwrap();
    assert_eq!(fingerprint(&site.tls_certificate).as_deref(), done["fingerprint"].as_str());
    assert_eq!(office.ask("POST", "/finish", Some(&cookie), answers()).await.0, 404, "once");
    let ended = tokio::time::timeout(Duration::from_secs(10), office.wizard.ended()).await;
    assert!(matches!(ended, Ok(Ended::Done(_))));
}

#[test]
fn a_configuration_that_is_there_is_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passerelle.toml");
    fs::write(&path, "# ours\nports = [51820]\ninternet_listen = []\n").unwrap();
    let before = Config::load(Some(&path)).unwrap();
    let after = Config { internet_listen: vec!["192.168.1.2:8445".parse().unwrap()], ..before.clone() };
    super::super::extend_config(&path, &before, &after).unwrap();
    assert_eq!(Config::load(Some(&path)).unwrap(), after);
    assert!(fs::read_to_string(&path).unwrap().starts_with("# ours\n"));
    let text = fs::read_to_string(&path).unwrap();
    super::super::extend_config(&path, &after, &after).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn the_code_is_for_root_alone_and_gone_afterwards() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/setup-code");
    let code = Token::generate().unwrap();
    fs::create_dir_all(folder.path().join("run")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
    let file = CodeFile::write(&path, &code).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().trim(), code.to_string());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("elsewhere").exists(), "not written through a link");
    drop(file);
    assert!(!path.exists());
}
