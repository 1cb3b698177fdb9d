//! An office PC in the browser: what the gateway's relay (WebSocket on one side, TLS on the other) costs beside its plain
//! forwarding of the same TLS, by the same tunnel to the same server in the same run.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use office::gateway::{Cast, GatewayOptions, Role};
use office::{Home, Netns, Office, OfficeOptions, Part};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tokio_tungstenite::tungstenite::Message;

use crate::desktops::{CONFIRM, MESSAGE, REQUEST, ROUND, ROUNDS, TRIPS};
use crate::page::{Page, Shown, hear};
use crate::{haproxy, median, percentile, proc};

/// Where the PC speaks RDP's first words and then TLS, and where it speaks TLS at once.
const RDP: u16 = 3389;
pub(crate) const PLAIN: u16 = 9000;
/// The portal.
const HTTPS: u16 = 443;

/// A part of the picture, for each message that is heard.
pub(crate) const PIECE: usize = 4 * 1024;
/// HAProxy, which ends TLS and makes it anew.
const CARRIED: u16 = 9002;
/// How often a desktop is entered.
const ENTRIES: usize = 21;

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let pc = office.machine("pc-w", Part::First, 74)?;
    let between = office.machine("between", Part::First, 76)?;
    let (certificate, pem, server) = identity()?;
    let file = office.directory().join("haproxy.pem");
    std::fs::write(&file, pem)?;
    let lines = format!(" ssl crt {}\n server pc 192.168.1.75:{PLAIN} ssl verify none\n", file.display());
    serve(&pc, &server)?;
    let mut cast = Cast::start(&office, GatewayOptions::default())?;
    let publish = |kind: &str, name: &str, more: &[&str]| -> anyhow::Result<Ipv4Addr> {
        let added = cast.gateway.cli(&[&[kind, "add", name, more[0]][..], &more[1..]].concat())?;
        cast.gateway.cli(&["policy", "add", "workshop", name])?;
        Ok(added["alias4"].as_str().context("an alias")?.parse()?)
    };
    pc.ip("addr add 192.168.1.75/24 dev eth0")?;
    let plain = (publish("service", "plain", &["192.168.1.75", "--port", "9000"])?, PLAIN);
    let carried = (publish("service", "carried", &["192.168.1.76", "--port", "9002"])?, CARRIED);
    let peer = haproxy::start(&office, &between, &format!("192.168.1.76:{CARRIED}"), &lines);
    if let Err(e) = &peer {
        eprintln!("{e:#}");
    }
    publish("workstation", "shown", &["192.168.1.74"])?;
    cast.gateway.until_pc_is("shown", "stale", Duration::from_secs(60))?;
    let client = cast.anne_at(Home::A)?;
    let at: SocketAddr =
        (client.config().dns.iter().find_map(|d| d.parse::<Ipv4Addr>().ok()).context("DNS")?, HTTPS).into();
    let authority = std::fs::read(cast.gateway.authority()?)?;
    let portal = trusting(CertificateDer::from_pem_slice(&authority)?)?;
    let direct = trusting(certificate)?;
    let (net, daemon) = (cast.gateway.pid(Role::Net)?, cast.gateway.pid(Role::Serve)?);
    let peer_pid = peer.as_ref().ok().map(office::Process::pid);
    let mut page = Page { at, from: None, cookie: String::new(), pc: "shown".into(), tls: portal };
    client.ns().within(|| runtime()?.block_on(page.sign_in(&mut cast.anne)))?;

    println!(
        "\n{:32} {:>10} {:>8} {:>24} {:>10} {:>10}",
        "one desktop in the browser", "MB/s", "ratio", "all, CPU-s a GB", "RTT p50", "p99"
    );
    let used = || -> anyhow::Result<Duration> {
        Ok(proc::cpu(net)? + proc::cpu(daemon)? + peer_pid.map_or(Ok(Duration::ZERO), proc::cpu)?)
    };
    let names = ["TLS, forwarded by the kernel", "relayed by `serve`", "HAProxy in the office, TLS to TLS"];
    let ways = if peer_pid.is_some() { 3 } else { 2 };
    let (mut speeds, mut costs) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    let by = |way: usize| if way == 0 { plain } else { carried };
    for _ in 0..ROUNDS {
        for way in 0..ways {
            let before = used()?;
            let bytes = match way {
                1 => client.ns().within(|| page.run(async |shown| download_shown(shown).await))?,
                _ => client.ns().within(|| download(&mut open(by(way), &direct)?))?,
            };
            speeds[way].push(bytes as f64 / ROUND.as_secs_f64() / 1e6);
            costs[way].push((used()? - before).as_secs_f64() / (bytes as f64 / 1e9));
        }
    }
    let first = median(speeds[0].clone());
    for (way, name) in names.into_iter().enumerate().take(ways) {
        let trips = match way {
            1 => client.ns().within(|| page.run(async |shown| trips_shown(shown).await))?,
            _ => client.ns().within(|| trips(&mut open(by(way), &direct)?))?,
        };
        let speed = median(speeds[way].clone());
        let (p50, p99) = (percentile(&trips, 50), percentile(&trips, 99));
        let cost = median(costs[way].clone());
        println!("{name:32} {speed:10.1} {:8.2} {cost:24.2} {p50:>10.0?} {p99:>10.0?}", speed / first);
    }
    entries(&office, client.ns(), &page, &direct)
}

/// What the gateway adds to a click: asking for a ticket, and what follows until the PC has shown its certificate; beside
/// the same words and TLS with the PC, from the gateway's own machine.
fn entries(office: &Office, ns: &Netns, page: &Page, direct: &Arc<ClientConfig>) -> anyhow::Result<()> {
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..ENTRIES {
        let [asked, opened] = ns.within(|| {
            runtime()?.block_on(async {
                let began = Instant::now();
                let ticket = page.ticket().await?;
                let asked = began.elapsed();
                let mut shown = page.open(ticket).await?;
                let whole = began.elapsed();
                let _ = shown.close(None).await;
                // No more than eight are kept for one person; this one is given back.
                while let Some(Ok(_)) = shown.next().await {}
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok([asked, whole - asked])
            })
        })?;
        let alone = office.gw.within(|| {
            let began = Instant::now();
            let mut stream = TcpStream::connect(("192.168.1.74", RDP))?;
            stream.set_nodelay(true)?;
            stream.write_all(&REQUEST)?;
            stream.read_exact(&mut [0; CONFIRM.len()])?;
            let mut tls = ClientConnection::new(direct.clone(), ServerName::try_from("pc")?)?;
            while tls.is_handshaking() {
                tls.complete_io(&mut stream)?;
            }
            Ok(began.elapsed())
        })?;
        for (nth, one) in [asked, opened, alone].into_iter().enumerate() {
            took[nth].push(one.as_secs_f64() * 1e3);
        }
    }
    let names = ["ticket", "until the PC’s certificate", "the PC alone, from the gateway"];
    println!("\n{:32} {:>10} {:>10}", "one entry, of a PC that is awake", "median", "worst");
    for (name, took) in names.into_iter().zip(took) {
        let worst = took.iter().copied().fold(0.0, f64::max);
        println!("{name:32} {:7.1} ms {worst:7.1} ms", median(took));
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A certificate; it and its key, as HAProxy reads them; and who serves by it.
pub(crate) fn identity() -> anyhow::Result<(CertificateDer<'static>, String, Arc<ServerConfig>)> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["pc".into()])?.self_signed(&key)?;
    let der = CertificateDer::from(certificate.der().to_vec());
    let pem = certificate.pem() + &key.serialize_pem();
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| anyhow::anyhow!(e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)?;
    Ok((der, pem, Arc::new(config)))
}

pub(crate) fn trusting(certificate: CertificateDer<'static>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

pub(crate) fn serve(pc: &Netns, tls: &Arc<ServerConfig>) -> anyhow::Result<()> {
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

/// Does what the first byte inside TLS says: much, the same again, or a piece for each message.
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
            continue;
        }
        inside.read_exact(&mut message)?;
        inside.write_all(if what == *b"p" { &much[..PIECE] } else { &message })?;
        inside.flush()?;
    }
}

fn open(at: (Ipv4Addr, u16), tls: &Arc<ClientConfig>) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let stream = TcpStream::connect(at)?;
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
