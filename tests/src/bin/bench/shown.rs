//! An office PC in the browser: what the gateway's relay (WebSocket on one side, TLS on the other) costs beside its plain
//! forwarding of the same TLS, by the same tunnel to the same server in the same run.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use ironrdp_rdcleanpath::RDCleanPathPdu;
use office::gateway::{Cast, GatewayOptions, NAME, Role};
use office::{Home, Netns, Office, OfficeOptions, Part};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::desktops::{CONFIRM, MESSAGE, REQUEST, ROUND, ROUNDS, TRIPS};
use crate::{median, percentile, proc};

/// Where the PC speaks RDP's first words and then TLS, and where it speaks TLS at once.
const RDP: u16 = 3389;
const PLAIN: u16 = 9000;
/// The portal.
const HTTPS: u16 = 443;

type Shown = WebSocketStream<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let pc = office.machine("pc-w", Part::First, 74)?;
    let (certificate, server) = identity()?;
    serve(&pc, &server)?;
    let mut cast = Cast::start(&office, GatewayOptions::default())?;
    let publish = |kind: &str, name: &str, more: &[&str]| -> anyhow::Result<Ipv4Addr> {
        let added = cast.gateway.cli(&[&[kind, "add", name, more[0]][..], &more[1..]].concat())?;
        cast.gateway.cli(&["policy", "add", "workshop", name])?;
        Ok(added["alias4"].as_str().context("an alias")?.parse()?)
    };
    pc.ip("addr add 192.168.1.75/24 dev eth0")?;
    let plain = publish("service", "plain", &["192.168.1.75", "--port", "9000"])?;
    publish("workstation", "shown", &["192.168.1.74"])?;
    cast.gateway.until_pc_is("shown", "stale", Duration::from_secs(60))?;
    let client = cast.anne_at(Home::A)?;
    let cookie = sign_in(&mut cast, client.ns())?;
    let at: SocketAddr =
        (client.config().dns.iter().find_map(|d| d.parse::<Ipv4Addr>().ok()).context("DNS")?, HTTPS).into();
    let authority = std::fs::read(cast.gateway.authority()?)?;
    let portal = trusting(CertificateDer::from_pem_slice(&authority)?)?;
    let direct = trusting(certificate)?;
    let (net, daemon) = (cast.gateway.pid(Role::Net)?, cast.gateway.pid(Role::Serve)?);
    let page = Page { at, cookie, tls: portal };

    println!(
        "\n{:32} {:>10} {:>8} {:>24} {:>10} {:>10}",
        "one desktop in the browser", "MB/s", "ratio", "net+serve, CPU-s a GB", "RTT p50", "p99"
    );
    let used = || -> anyhow::Result<Duration> { Ok(proc::cpu(net)? + proc::cpu(daemon)?) };
    let (mut speeds, mut costs) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for _ in 0..ROUNDS {
        for way in 0..2 {
            let before = used()?;
            let bytes = match way {
                0 => client.ns().within(|| download(&mut open(plain, &direct)?))?,
                _ => client.ns().within(|| page.run(async |shown| download_shown(shown).await))?,
            };
            speeds[way].push(bytes as f64 / ROUND.as_secs_f64() / 1e6);
            costs[way].push((used()? - before).as_secs_f64() / (bytes as f64 / 1e9));
        }
    }
    let trips = [
        client.ns().within(|| trips(&mut open(plain, &direct)?))?,
        client.ns().within(|| page.run(async |shown| trips_shown(shown).await))?,
    ];
    let first = median(speeds[0].clone());
    for (way, name) in ["TLS, forwarded by the kernel", "relayed by `serve`"].into_iter().enumerate() {
        let speed = median(speeds[way].clone());
        let (p50, p99) = (percentile(&trips[way], 50), percentile(&trips[way], 99));
        let cost = median(costs[way].clone());
        println!("{name:32} {speed:10.1} {:8.2} {cost:24.2} {p50:>10.0?} {p99:>10.0?}", speed / first);
    }
    Ok(())
}

fn identity() -> anyhow::Result<(CertificateDer<'static>, Arc<ServerConfig>)> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["pc".into()])?.self_signed(&key)?;
    let der = CertificateDer::from(certificate.der().to_vec());
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| anyhow::anyhow!(e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)?;
    Ok((der, Arc::new(config)))
}

fn trusting(certificate: CertificateDer<'static>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn serve(pc: &Netns, tls: &Arc<ServerConfig>) -> anyhow::Result<()> {
    for port in [RDP, PLAIN] {
        let listener = pc.within(|| TcpListener::bind(("0.0.0.0", port)).context("listen"))?;
        let tls = tls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = tls.clone();
                std::thread::spawn(move || attend(stream, port, tls));
            }
        });
    }
    Ok(())
}

/// Does what the first byte inside TLS says: much, or the same again.
fn attend(mut stream: TcpStream, port: u16, tls: Arc<ServerConfig>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    if port == RDP {
        stream.read_exact(&mut [0; REQUEST.len()])?;
        stream.write_all(&CONFIRM)?;
    }
    let mut inside = StreamOwned::new(ServerConnection::new(tls)?, stream);
    let mut what = [0];
    inside.read_exact(&mut what)?;
    let much = vec![7; 64 * 1024];
    let mut message = [0; MESSAGE];
    loop {
        if what == *b"d" {
            inside.write_all(&much)?;
        } else {
            inside.read_exact(&mut message)?;
            inside.write_all(&message)?;
            inside.flush()?;
        }
    }
}

/// The session's cookie of somebody whose door is open then.
fn sign_in(cast: &mut Cast<'_>, ns: &Netns) -> anyhow::Result<String> {
    let code = cast.anne.authenticator.fresh_code()?;
    let body = json!({ "user": cast.anne.login, "password": cast.anne.password, "code": code }).to_string();
    let authority = cast.gateway.authority()?.to_string_lossy().into_owned();
    let url = format!("https://{NAME}/api/v1/sign-in");
    let usual =
        ["curl", "--silent", "--show-error", "--cacert", &authority, "--dump-header", "-", "--output", "/dev/null"];
    let more = ["--header", "Content-Type: application/json", "--data-binary", "@-", &url];
    let out = ns.run_with([&usual[..], &more].concat(), &body)?;
    let found = out.stdout.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    Ok(found.with_context(|| format!("no cookie: {}", out.both()))?.to_owned())
}

fn open(alias: Ipv4Addr, tls: &Arc<ClientConfig>) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let stream = TcpStream::connect((alias, PLAIN))?;
    stream.set_nodelay(true)?;
    Ok(StreamOwned::new(ClientConnection::new(tls.clone(), ServerName::try_from("pc")?)?, stream))
}

fn download(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> anyhow::Result<u64> {
    stream.write_all(b"d")?;
    let mut some = vec![0; 256 * 1024];
    let mut counted = Counted::begin();
    while counted.goes_on() {
        let n = stream.read(&mut some)?;
        ensure!(n > 0, "the stream ended");
        counted.add(n);
    }
    Ok(counted.bytes)
}

fn trips(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> anyhow::Result<Vec<Duration>> {
    stream.write_all(b"e")?;
    let mut message = [1; MESSAGE];
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let began = Instant::now();
        stream.write_all(&message)?;
        stream.flush()?;
        stream.read_exact(&mut message)?;
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(trips)
}

/// Bytes of one round, after a second for TCP's own beginning.
struct Counted {
    begins: Instant,
    bytes: u64,
}

impl Counted {
    fn begin() -> Self {
        Self { begins: Instant::now() + Duration::from_secs(1), bytes: 0 }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.begins + ROUND
    }

    fn add(&mut self, n: usize) {
        if Instant::now() >= self.begins {
            self.bytes += n as u64;
        }
    }
}

/// A page of the portal's, as the component speaks.
struct Page {
    at: SocketAddr,
    cookie: String,
    tls: Arc<ClientConfig>,
}

impl Page {
    fn run<T>(&self, does: impl AsyncFnOnce(&mut Shown) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut shown = self.open().await?;
            let done = does(&mut shown).await?;
            let _ = shown.close(None).await;
            Ok(done)
        })
    }

    async fn connect(&self) -> anyhow::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        let stream = tokio::net::TcpStream::connect(self.at).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(NAME)?;
        Ok(tokio_rustls::TlsConnector::from(self.tls.clone()).connect(name, stream).await?)
    }

    async fn ticket(&self) -> anyhow::Result<String> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = self.connect().await?;
        let request = format!(
            "POST /api/v1/me/workstations/shown/desktop HTTP/1.1\r\nHost: {NAME}\r\nOrigin: https://{NAME}\r\nCookie: {}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            self.cookie
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        // It is closed without a goodbye in TLS, perhaps.
        let _ = stream.read_to_string(&mut answer).await;
        let body = answer.find("{\"").and_then(|from| answer.get(from..=answer.rfind('}')?)).context("an answer")?;
        let body: Value = serde_json::from_str(body).with_context(|| answer.clone())?;
        Ok(body["ticket"].as_str().with_context(|| body.to_string())?.to_owned())
    }

    async fn open(&self) -> anyhow::Result<Shown> {
        let ticket = self.ticket().await?;
        let mut request = format!("wss://{NAME}/api/v1/me/desktop").into_client_request()?;
        for (name, value) in [("origin", format!("https://{NAME}")), ("cookie", self.cookie.clone())] {
            request.headers_mut().insert(name, value.parse()?);
        }
        let (mut shown, _) = tokio_tungstenite::client_async(request, self.connect().await?).await?;
        let asked = RDCleanPathPdu::new_request(REQUEST.to_vec(), "pc:3389".into(), ticket, None)
            .and_then(|pdu| pdu.to_der())
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        shown.send(Message::binary(asked)).await?;
        let answer = hear(&mut shown).await?;
        let answer = RDCleanPathPdu::from_der(&answer).map_err(|e| anyhow::anyhow!("{e}"))?;
        ensure!(answer.error.is_none(), "{answer:?}");
        Ok(shown)
    }
}

async fn hear(shown: &mut Shown) -> anyhow::Result<Vec<u8>> {
    loop {
        match shown.next().await.context("the desktop ended")?? {
            Message::Binary(bytes) => return Ok(bytes.into()),
            Message::Close(end) => anyhow::bail!("closed: {end:?}"),
            _ => {}
        }
    }
}

async fn download_shown(shown: &mut Shown) -> anyhow::Result<u64> {
    shown.send(Message::binary(&b"d"[..])).await?;
    let mut counted = Counted::begin();
    while counted.goes_on() {
        counted.add(hear(shown).await?.len());
    }
    Ok(counted.bytes)
}

async fn trips_shown(shown: &mut Shown) -> anyhow::Result<Vec<Duration>> {
    shown.send(Message::binary(&b"e"[..])).await?;
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let began = Instant::now();
        shown.send(Message::binary(vec![1; MESSAGE])).await?;
        let mut heard = 0;
        while heard < MESSAGE {
            heard += hear(shown).await?.len();
        }
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(trips)
}
