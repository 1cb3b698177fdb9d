//! Two hundred desktops in browsers of the internet at once, as busy as somebody who types and scrolls: what the gateway
//! takes for them, beside HAProxy that ends TLS and makes it anew.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use office::addresses::GATEWAY;
use office::gateway::{Cast, GatewayOptions, Role};
use office::{Office, OfficeOptions, Part};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::desktops::MESSAGE;
use crate::page::{Page, Shown};
use crate::shown::{PIECE, PLAIN, identity, serve, trusting};
use crate::{haproxy, proc};

const PEOPLE: u8 = 50;
/// PCs of one person's, and windows on each: no more are let in.
const PCS_EACH: u8 = 2;
const WINDOWS: u8 = 2;
const DESKTOPS: u32 = PEOPLE as u32 * PCS_EACH as u32 * WINDOWS as u32;
/// Where HAProxy listens.
const CARRIED: u16 = 9002;
/// A key, or a turn of the wheel, this often.
const EVERY: Duration = Duration::from_millis(100);
const SETTLES: Duration = Duration::from_secs(5);
const LASTS: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(60);
/// The first of so many addresses.
const PCS: u8 = 130;
const BROWSERS: u8 = 100;

struct Taken {
    rss: [f64; 2],
    cpu: f64,
    pieces: f64,
}

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let pc = office.machine("pc-m", Part::First, 74)?;
    let between = office.machine("between", Part::First, 75)?;
    let beside = office.machine("beside", Part::First, 76)?;
    for nth in 0..PEOPLE * PCS_EACH {
        pc.ip(&format!("addr add 192.168.1.{}/24 dev eth0", PCS + nth))?;
    }
    for nth in 0..PEOPLE {
        office.internet.ip(&format!("addr add 203.0.113.{}/32 dev lo", BROWSERS + nth))?;
    }
    let (certificate, pem, server) = identity()?;
    serve(&pc, &server)?;
    let cast = Cast::start(&office, GatewayOptions { internet: true, ..GatewayOptions::default() })?;
    let gateway = &cast.gateway;
    gateway.cli(&["settings", "change", "--desktops-outside", "true"])?;
    let authority = std::fs::read(gateway.authority()?)?;
    let tls = trusting(CertificateDer::from_pem_slice(&authority)?)?;
    let mut people = Vec::new();
    for nth in 0..PEOPLE * PCS_EACH {
        let (name, at) = (format!("pc-{nth}"), format!("192.168.1.{}", PCS + nth));
        gateway.cli(&["workstation", "add", &name, &at])?;
        gateway.cli(&["policy", "add", "workshop", &name])?;
    }
    for nth in 0..PEOPLE {
        let person = gateway.admit(&format!("person{nth}"), &["workshop"])?;
        let from = Some(Ipv4Addr::new(203, 0, 113, BROWSERS + nth).into());
        let page = Page { at: (GATEWAY, 443).into(), from, cookie: String::new(), pc: String::new(), tls: tls.clone() };
        people.push((person, page));
    }
    for nth in 0..PEOPLE * PCS_EACH {
        gateway.until_pc_is(&format!("pc-{nth}"), "stale", LIMIT)?;
    }
    let daemon = gateway.pid(Role::Serve)?;
    println!(
        "\n{:40} {:>14} {:>12} {:>10} {:>12}",
        "200 desktops, 10 × 4 kB a second each", "RSS before", "with them", "CPU", "of it came"
    );
    let relayed = office.internet.within(|| {
        run(async {
            for (person, page) in &mut people {
                page.sign_in(person).await.context(person.login.clone())?;
                // Strangers are heard twice a second in all.
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            let before = proc::resident(daemon)?;
            let mut all = Vec::new();
            for nth in 0..PEOPLE * PCS_EACH {
                let (_, page) = &mut people[usize::from(nth / PCS_EACH)];
                page.pc = format!("pc-{nth}");
                for _ in 0..WINDOWS {
                    all.push(page.open(page.ticket().await?).await.context(page.pc.clone())?);
                }
            }
            let busy = |pieces: Arc<AtomicU64>| {
                for shown in all {
                    tokio::spawn(works(shown, pieces.clone()));
                }
            };
            taken(&[daemon], before, busy).await
        })
    })?;
    said("`serve`, WebSocket to TLS", &relayed);
    let file = office.directory().join("haproxy.pem");
    std::fs::write(&file, pem)?;
    let lines = format!(" ssl crt {}\n server pc 192.168.1.74:{PLAIN} ssl verify none\n", file.display());
    match haproxy::start(&office, &between, &format!("192.168.1.75:{CARRIED}"), &lines) {
        Ok(process) => {
            let direct = trusting(certificate)?;
            let at = (Ipv4Addr::new(192, 168, 1, 75), CARRIED).into();
            let carried = beside.within(|| run(async { carried(process.pid(), at, direct).await }))?;
            said("HAProxy, TLS to TLS", &carried);
        }
        Err(e) => eprintln!("{e:#}"),
    }
    Ok(())
}

fn run<T>(does: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(does)
}

fn said(who: &str, taken: &Taken) {
    let Taken { rss: [before, with], cpu, pieces } = taken;
    println!("{who:40} {before:10.1} MiB {with:8.1} MiB {:8.1} % {:10.0} %", cpu * 100.0, pieces * 100.0);
}

/// What these processes take while `busy` goes on.
async fn taken(pids: &[i32], before: f64, busy: impl FnOnce(Arc<AtomicU64>)) -> anyhow::Result<Taken> {
    let pieces = Arc::new(AtomicU64::new(0));
    busy(pieces.clone());
    tokio::time::sleep(SETTLES).await;
    let used = || pids.iter().map(|pid| proc::cpu(*pid)).sum::<anyhow::Result<Duration>>();
    let (cpu, had) = (used()?, pieces.load(Ordering::Relaxed));
    tokio::time::sleep(LASTS).await;
    let (cpu, came) = (used()? - cpu, pieces.load(Ordering::Relaxed) - had);
    let meant = f64::from(DESKTOPS) * LASTS.as_secs_f64() / EVERY.as_secs_f64();
    let with = pids.iter().map(|pid| proc::resident(*pid)).sum::<anyhow::Result<f64>>()?;
    ensure!(came > 0, "nothing came");
    Ok(Taken { rss: [before, with], cpu: cpu.as_secs_f64() / LASTS.as_secs_f64(), pieces: came as f64 / meant })
}

/// A key, and a piece of the picture for it.
async fn works(shown: Shown, pieces: Arc<AtomicU64>) -> anyhow::Result<()> {
    let (mut keys, mut picture) = shown.split();
    keys.send(Message::binary(&b"p"[..])).await?;
    let types = async {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            keys.send(Message::binary(vec![1; MESSAGE])).await?;
        }
    };
    let sees = async {
        let mut bytes = 0_usize;
        while let Some(message) = picture.next().await {
            if let Message::Binary(part) = message? {
                bytes += part.len();
                pieces.fetch_add((bytes / PIECE) as u64, Ordering::Relaxed);
                bytes %= PIECE;
            }
        }
        Ok(())
    };
    tokio::select! { end = types => end, end = sees => end }
}

async fn carried(pid: i32, at: SocketAddr, tls: Arc<ClientConfig>) -> anyhow::Result<Taken> {
    let before = proc::resident(pid)?;
    let mut all = Vec::new();
    for _ in 0..DESKTOPS {
        let stream = tokio::net::TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("pc")?;
        all.push(tokio_rustls::TlsConnector::from(tls.clone()).connect(name, stream).await?);
    }
    let busy = |pieces: Arc<AtomicU64>| {
        for stream in all {
            tokio::spawn(works_by_tls(stream, pieces.clone()));
        }
    };
    taken(&[pid], before, busy).await
}

async fn works_by_tls(
    mut stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    pieces: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    stream.write_all(b"p").await?;
    stream.flush().await?;
    let (mut picture, mut keys) = tokio::io::split(stream);
    let types = async {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            keys.write_all(&[1; MESSAGE]).await?;
            keys.flush().await?;
        }
    };
    let sees = async {
        let mut piece = vec![0; PIECE];
        loop {
            picture.read_exact(&mut piece).await?;
            pieces.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! { end = types => end, end = sees => end }
}
