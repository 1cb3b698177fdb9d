//! The whole process on real sockets: first boot, three doors, DNS, sockets replaced.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use provisioning::authority::{Authority, Bounds};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use crate::http::gateway_name;
use crate::reconcile::tests::FakeNet;

fn first() -> FirstBoot {
    FirstBoot {
        organisation: "Cabinet Rossi".into(),
        public_name: "Door.example.org".into(),
        endpoint: "door.example.org:51820".into(),
        office_interface: "lan0".into(),
        site: provisioning::addresses::SiteNetwork {
            v4: "10.91.0.0/16".parse().unwrap(),
            v6: "fd6b:10f3:77aa::/48".parse().unwrap(),
        },
        resolvers: Vec::new(),
        office_zones: vec!["Rossi.lan.".into()],
        masquerade: true,
        admin_login: "Ilse".into(),
        admin_display_name: "Ilse".into(),
        admin_language: "nl".into(),
    }
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Whoever closes without TLS's farewell has said all it wanted.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn shown(address: SocketAddr, ca: &str, name: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let stream = secured(address, ca, name).await?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Ok(shown.iter().map(|certificate| certificate.to_vec()).collect())
}

async fn https(address: SocketAddr, ca: &str, name: &str, path: &str) -> anyhow::Result<String> {
    Ok(asked(secured(address, ca, name).await?, name, path).await)
}

async fn secured(
    address: SocketAddr,
    ca: &str,
    name: &str,
) -> anyhow::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    Ok(connector.connect(ServerName::try_from(name.to_owned())?, stream).await?)
}

async fn until<T>(what: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(done) = what().await {
            return done;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_first_boot_to_three_doors() {
    let dir = tempfile::tempdir().unwrap();
    let office = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config {
        state_dir: dir.path().join("state"),
        runtime_dir: dir.path().join("run"),
        office_listen: vec![office],
        agents_port: 0,
        ..Config::default()
    };
    assert!(serve(config.clone()).await.unwrap_err().to_string().contains("passerelle setup"));
    let strange = FirstBoot { admin_login: "é".into(), ..first() };
    assert!(first_boot(&config, strange).await.is_err());
    let token = first_boot(&config, first()).await.unwrap().token;
    assert!(token.parse::<provisioning::invitation::Token>().is_ok());
    assert!(first_boot(&config, first()).await.is_err(), "once only");

    fs::create_dir_all(&config.runtime_dir).unwrap();
    let net = FakeNet::listen(&config.link_socket());
    let serving = tokio::spawn(serve(config.clone()));
    net.until(|s| s.snapshots == 1).await;
    let interface = net.0.lock().unwrap().state.interface.clone().unwrap();
    assert_eq!(interface.address4.to_string(), "10.91.0.1/16");
    assert_eq!(interface.private_zones, ["cabinet-rossi.internal", "rossi.lan"]);

    let local = until(async || UnixStream::connect(config.api_socket()).await.ok()).await;
    let status = asked(local, "localhost", "/api/v1/status").await;
    assert!(status.starts_with("HTTP/1.1 200") && status.contains("\"link\":\"up\""), "{status}");
    assert_eq!(fs::metadata(config.api_socket()).unwrap().permissions().mode() & 0o777, 0o600);

    let sealer = Arc::new(Sealer::load(&config.state_dir).unwrap());
    let ca = Store::open(config.database(), "x", sealer).await.unwrap().site().await.unwrap().unwrap().ca_certificate;
    let page = until(async || https(office, &ca, "door.example.org", "/api/v1/door").await.ok()).await;
    assert!(page.contains("\"door\":\"office\""), "{page}");

    let sockets = || (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let ((plain, secure), name) = (sockets(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (at_plain, at_secure) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let at_name = name.local_addr().unwrap();
    net.hand_over(&[
        (SocketRole::Http4, plain.as_fd()),
        (SocketRole::Https4, secure.as_fd()),
        (SocketRole::DnsUdp4, name.as_fd()),
    ]);
    drop((plain, secure, name));
    let moved = asked(TcpStream::connect(at_plain).await.unwrap(), "anything", "/").await.to_lowercase();
    assert!(moved.starts_with("http/1.1 308") && moved.contains("location: https://door.example.org/"), "{moved}");
    let door = https(at_secure, &ca, "door.example.org", "/api/v1/door").await.unwrap();
    assert!(door.starts_with("HTTP/1.1 404"), "127.0.0.1 is no device: {door}");
    assert!(https(at_secure, &ca, "other.example.org", "/").await.is_err(), "the certificate is for our names only");
    let page = https(at_secure, &ca, "gateway.cabinet-rossi.internal", "/").await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/html"), "{page}");

    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let query =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07gateway\x0dcabinet-rossi\x08internal\x00\x00\x01\x00\x01";
    client.send_to(query, at_name).unwrap();
    let mut answer = [0; 512];
    let length = client.recv(&mut answer).unwrap();
    assert!(answer[..length].windows(4).any(|w| w == [10, 91, 0, 1]), "the gateway's tunnel address");

    let (plain, secure) = sockets();
    let at_new = secure.local_addr().unwrap();
    net.hand_over(&[(SocketRole::Http4, plain.as_fd()), (SocketRole::Https4, secure.as_fd())]);
    drop((plain, secure));
    https(at_new, &ca, "door.example.org", "/").await.unwrap();
    until(async || TcpStream::connect(at_secure).await.is_err().then_some(())).await;
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_put_back_from_before_locks_every_door() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { state_dir: dir.path().to_owned(), ..Config::default() };
    first_boot(&config, first()).await.unwrap();
    let open = async || {
        let sealer = Arc::new(Sealer::load(&config.state_dir).unwrap());
        Store::open(config.database(), "boot", sealer).await.unwrap()
    };
    let locked = async |store: &Store| {
        let filter =
            crate::store::audit::Filter { event: Some("all_doors_locked".into()), limit: 10, ..Default::default() };
        store.audit(&filter).await.unwrap().len()
    };
    let change = async |store: &Store, group: &str| {
        let mut write = store.write(Moment::now(), Actor::Local).await.unwrap();
        write.add_group(group).await.unwrap();
        write.touch(crate::store::Scope::All);
        write.commit().await.unwrap();
        write_witness(store, &config).await.unwrap();
    };
    let file = config.state_dir.join("passerelle.db");
    let store = open().await;
    begin(&store, &config).await.unwrap();
    change(&store, "before").await;
    store.close().await;
    let kept = fs::read(&file).unwrap();
    // Put back within one run of the process, and after another start.
    for starts in [0, 2] {
        let mut store = open().await;
        for _ in 0..starts {
            begin(&store, &config).await.unwrap();
            store.close().await;
            store = open().await;
        }
        let locks = locked(&store).await;
        change(&store, "after").await;
        store.close().await;
        fs::write(&file, &kept).unwrap();
        let store = open().await;
        begin(&store, &config).await.unwrap();
        assert_eq!(locked(&store).await, 1, "after {starts} starts and {locks} locks");
        assert!(store.restored_at().await.unwrap().is_some(), "IT is asked");
        store.close().await;
        let store = open().await;
        begin(&store, &config).await.unwrap();
        assert_eq!(locked(&store).await, 1, "once");
        store.close().await;
    }
    // On another machine nothing tells that it is old: it counts as such.
    fs::remove_file(config.state_dir.join("generation")).unwrap();
    let store = open().await;
    begin(&store, &config).await.unwrap();
    assert_eq!(locked(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_in_time_and_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { state_dir: dir.path().to_owned(), ..Config::default() };
    first_boot(&config, first()).await.unwrap();
    let sealer = Arc::new(Sealer::load(&config.state_dir).unwrap());
    let store = Store::open(config.database(), "boot", sealer).await.unwrap();
    let made = store.site().await.unwrap().unwrap();
    let now = Moment::now();
    let in_days = |days: u32| Moment { wall: now.wall + DAY * days, ..now };
    let early = renewed(&store, made.clone(), &config, in_days(300)).await.unwrap();
    assert_eq!(early.tls_certificate, made.tls_certificate);
    let late = renewed(&store, made.clone(), &config, in_days(331)).await.unwrap();
    assert_ne!(late.tls_certificate, made.tls_certificate);
    let stored = store.site().await.unwrap().unwrap();
    assert_eq!(stored.tls_certificate, late.tls_certificate);
    assert_ne!(stored.strangers_certificate, made.strangers_certificate);
    assert!(Certificate::new(&stored.strangers_certificate, &stored.strangers_key).is_ok(), "they fit together");

    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let bounds = Bounds { names: vec!["example.org".into()], networks };
    let other = Authority::new_at("other", &bounds, now.wall.seconds()).unwrap();
    let (chain, key) = other.issue_server_at(&["door.example.org".to_owned()], &[], now.wall.seconds()).unwrap();
    let certificate = Arc::new(Certificate::new(&made.tls_certificate, &made.tls_key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tls = listen::tls(certificate.clone()).unwrap();
    let serving = tokio::spawn(listen::https(listener, TcpDoor::Office, tls, Router::new()));
    let trusted = async |ca: &str| https(address, ca, "door.example.org", "/").await.is_ok();
    assert!(trusted(&made.ca_certificate).await && !trusted(other.certificate_pem()).await);
    assert!(certificate.replace(&chain, &made.tls_key).is_err(), "they do not fit together");
    certificate.replace(&chain, &key).unwrap();
    assert!(!trusted(&made.ca_certificate).await && trusted(other.certificate_pem()).await);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trusts_the_authority_trusts_it_for_the_gateway_only() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { state_dir: dir.path().to_owned(), ..Config::default() };
    first_boot(&config, first()).await.unwrap();
    let sealer = Arc::new(Sealer::load(&config.state_dir).unwrap());
    let site = Store::open(config.database(), "boot", sealer).await.unwrap().site().await.unwrap().unwrap();
    let stolen = Authority::from_pem(&site.ca_certificate, &site.ca_key).unwrap();
    let (private, public): (IpAddr, IpAddr) = ("192.168.7.1".parse().unwrap(), "203.0.113.7".parse().unwrap());
    let gateway = gateway_name(&site.zone);
    for (name, ip, trusted) in [
        ("door.example.org", private, true),
        (gateway.as_str(), private, true),
        ("bank.example", private, false),
        ("example.org", private, false),
        ("door.example.org", public, false),
    ] {
        let (chain, key) = stolen.issue_server_at(&[name.to_owned()], &[ip], Moment::now().wall.seconds()).unwrap();
        let tls = listen::tls(Arc::new(Certificate::new(&chain, &key).unwrap())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(listen::https(listener, TcpDoor::Office, tls, Router::new()));
        assert_eq!(https(address, &site.ca_certificate, name, "/").await.is_ok(), trusted, "{name} {ip}");
        serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_shown_a_certificate_for_the_public_name_alone() {
    let dir = tempfile::tempdir().unwrap();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (office, internet) = (free(), free());
    let config = Config {
        state_dir: dir.path().join("state"),
        runtime_dir: dir.path().join("run"),
        office_listen: vec![office],
        agents_port: 0,
        internet_listen: vec![internet],
        ..Config::default()
    };
    first_boot(&config, first()).await.unwrap();
    fs::create_dir_all(&config.runtime_dir).unwrap();
    let _net = FakeNet::listen(&config.link_socket());
    let sealer = Arc::new(Sealer::load(&config.state_dir).unwrap());
    let ca = Store::open(config.database(), "x", sealer).await.unwrap().site().await.unwrap().unwrap().ca_certificate;
    let serving = tokio::spawn(serve(config.clone()));
    let within = async |door: SocketAddr, text: &[u8]| {
        let shown = until(async || shown(door, &ca, "door.example.org").await.ok()).await;
        shown.concat().windows(text.len()).any(|part| part == text)
    };
    for inside in [b"gateway.".as_slice(), b".internal", &[10, 91, 0, 1]] {
        assert!(!within(internet, inside).await, "{inside:?}");
        assert!(within(office, inside).await, "the twin: {inside:?}");
    }
    assert!(within(internet, b"door.example.org").await);
    serving.abort();
}
