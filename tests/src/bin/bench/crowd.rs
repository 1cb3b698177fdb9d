//! A thousand agents on one machine of the office, each with an address, a hardware address, a key and a connection of its
//! own. They speak the agent's own messages, at its own pace (`agent/src/link/talk.rs`), but are no processes of their
//! own: a thousand PCs of one address would be none that the gateway takes for PCs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use agent::bounded::{AtMost, Fingerprint, Mac};
use agent::facts::{Adapter, Facts, Family, Medium, Os, Power, Rdp, Session, SessionPlace, SessionState, WakeOnLan};
use agent::message::{self, FromAgent, Papers, Secret, ToAgent};
use anyhow::{Context as _, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use office::{Netns, wait_until};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// As the agent does: facts that only grow older are told again after this.
const MINUTE: Duration = Duration::from_secs(60);
/// Enrolments at once: as many as the gateway takes.
const AT_ONCE: usize = 8;
/// Who finds no room comes again.
const AGAIN: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(120);
/// TLS and WebSocket, and each answer.
const PATIENCE: Duration = Duration::from_secs(15);

type Link = WebSocketStream<TlsStream<TcpStream>>;

/// One PC, enrolled or not.
pub(crate) struct Pc {
    pub(crate) name: String,
    address: Ipv4Addr,
    mac: Mac,
    key: KeyPair,
    chain: String,
    /// How long it had been up when all began.
    up: Duration,
}

/// What they all know of the gateway.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) at: SocketAddr,
    pub(crate) roots: Arc<RootCertStore>,
}

/// All of them, connected. Dropped, they are gone.
pub(crate) struct Crowd {
    orders: Vec<(String, mpsc::Sender<Order>)>,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    welcomed: AtomicUsize,
    lost: AtomicUsize,
}

/// Somebody sits down, or goes; when that was told goes there.
struct Order {
    used: bool,
    told: std::sync::mpsc::Sender<SystemTime>,
}

impl Gateway {
    pub(crate) fn new(at: SocketAddr, authority: &std::path::Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority)?)?;
        Ok(Self { at, roots: Arc::new(roots) })
    }
}

impl Pc {
    /// The n-th, in a network of 65,536.
    pub(crate) fn new(n: u16, network: [u8; 2]) -> anyhow::Result<Self> {
        let [high, low] = (n + 1).to_be_bytes();
        Ok(Self {
            name: format!("pc-{n:04}"),
            address: Ipv4Addr::from([network[0], network[1], high, low]),
            mac: Mac([0x02, 0, 0x5e, 0x77, high, low]),
            key: KeyPair::generate()?,
            chain: String::new(),
            up: Duration::from_secs(3600 + 61 * u64::from(n)),
        })
    }

    /// A connection from its address; with its certificate, once it has one.
    async fn dial(&self, gateway: &Gateway) -> anyhow::Result<Link> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(gateway.roots.clone());
        let config = if self.chain.is_empty() {
            config.with_no_client_auth()
        } else {
            let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(self.key.serialize_pem().as_bytes())?)?
        };
        let opened = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((self.address, 0)))?;
            let stream = socket.connect(gateway.at).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::from(gateway.at.ip());
            let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            anyhow::Ok(tokio_tungstenite::client_async(format!("ws://{}/agent/v1", gateway.at), tls).await?.0)
        };
        tokio::time::timeout(PATIENCE, opened).await.context("the gateway takes too long to answer")?
    }

    async fn enrol(&mut self, gateway: &Gateway, secret: &Secret) -> anyhow::Result<()> {
        let mut link = self.dial(gateway).await?;
        let request = CertificateParams::default().serialize_request(&self.key)?.pem()?;
        let request = Papers::try_from(request)?;
        let host = self.name.as_str().into();
        say(&mut link, &FromAgent::Enrol { version: message::VERSION, secret: secret.clone(), request, host }).await?;
        match hear(&mut link).await? {
            ToAgent::Enrolled { certificate } => self.chain = certificate.into(),
            other => bail!("{} is not enrolled: {other:?}", self.name),
        }
        link.close(None).await?;
        Ok(())
    }

    fn facts(&self, used: bool, began: Instant) -> FromAgent {
        let wired = Adapter {
            name: "enp0s31f6".into(),
            mac: Some(self.mac),
            medium: Medium::Wired,
            up: true,
            addresses: ipnet::Ipv4Net::new(self.address, 16).map(|net| AtMost::first([net.into()])).unwrap_or_default(),
            wake: WakeOnLan::Armed,
        };
        let somebody = Session {
            id: "2".into(),
            place: SessionPlace::Console,
            state: SessionState::Active,
            age_ms: Some(1_000),
            ..Session::default()
        };
        let up = self.up + began.elapsed();
        FromAgent::Facts(Box::new(Facts {
            host: self.name.as_str().into(),
            os: Os { family: Family::Linux, name: "Debian GNU/Linux 13 (trixie)".into(), version: "6.12.48".into() },
            up_ms: u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
            restart_pending: Some(false),
            adapters: AtMost::first([wired]),
            rdp: Rdp {
                enabled: Some(true),
                port: Some(3389),
                nla: Some(true),
                certificate: Some(Fingerprint::of(self.name.as_bytes())),
                server: "xrdp".into(),
            },
            sessions: Some(AtMost::first(used.then_some(somebody))),
            power: Power { on_battery: Some(false), sleeps_after_s: Some(1_200), ..Power::default() },
            programs: AtMost::default(),
        }))
    }

    /// Until the connection ends, which it should not.
    async fn live(
        self,
        gateway: Gateway,
        shared: Arc<Shared>,
        mut orders: mpsc::Receiver<Order>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let (mut link, heartbeat) = loop {
            match self.come(&gateway).await {
                Ok(come) => break come,
                Err(e) if began.elapsed() > LIMIT => return Err(e),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        };
        shared.welcomed.fetch_add(1, Ordering::Relaxed);
        let (mut used, mut pinged) = (false, false);
        say(&mut link, &self.facts(used, began)).await?;
        let mut beat = tokio::time::interval(heartbeat / 3);
        let mut told = tokio::time::interval(MINUTE);
        told.reset();
        loop {
            tokio::select! {
                heard = link.next() => match heard.context("the gateway has ended the connection")?? {
                    Message::Pong(_) => pinged = false,
                    Message::Close(_) => bail!("the gateway has ended the connection"),
                    // Welcomed again, when it is approved; nothing else is asked here.
                    _ => {}
                },
                order = orders.recv() => {
                    let Some(order) = order else { return Ok(()) };
                    used = order.used;
                    // Before anything is done with it.
                    let now = SystemTime::now();
                    say(&mut link, &self.facts(used, began)).await?;
                    told.reset();
                    let _ = order.told.send(now);
                }
                _ = beat.tick() => {
                    say(&mut link, &FromAgent::Alive {}).await?;
                    if !std::mem::replace(&mut pinged, true) {
                        link.send(Message::Ping(Bytes::new())).await?;
                    }
                }
                _ = told.tick() => say(&mut link, &self.facts(used, began)).await?,
            }
        }
    }

    async fn come(&self, gateway: &Gateway) -> anyhow::Result<(Link, Duration)> {
        let mut link = self.dial(gateway).await?;
        say(&mut link, &FromAgent::Hello { version: message::VERSION, program: "0.1.0".into() }).await?;
        match hear(&mut link).await? {
            ToAgent::Welcome { approved, heartbeat_s, .. } => {
                ensure!(approved, "{} waits for IT", self.name);
                Ok((link, Duration::from_secs(heartbeat_s.into())))
            }
            other => bail!("{} is not welcome: {other:?}", self.name),
        }
    }
}

async fn say(link: &mut Link, message: &FromAgent) -> anyhow::Result<()> {
    Ok(link.send(Message::text(message::encode(message)?)).await?)
}

async fn hear(link: &mut Link) -> anyhow::Result<ToAgent> {
    loop {
        let heard = tokio::time::timeout(PATIENCE, link.next()).await.context("the gateway does not answer")?;
        if let Message::Text(text) = heard.context("the gateway has ended the connection")?? {
            return Ok(message::decode(&text)?);
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Enrols all of them over the wire.
pub(crate) fn enrol(ns: &Netns, gateway: &Gateway, secret: &Secret, pcs: Vec<Pc>) -> anyhow::Result<Vec<Pc>> {
    ns.within(|| {
        runtime()?.block_on(async {
            let turns = Semaphore::new(AT_ONCE);
            let each = pcs.into_iter().map(|mut pc| {
                let turns = &turns;
                async move {
                    let _turn = turns.acquire().await?;
                    pc.enrol(gateway, secret).await.with_context(|| pc.name.clone())?;
                    anyhow::Ok(pc)
                }
            });
            futures_util::future::try_join_all(each).await
        })
    })
}

impl Crowd {
    /// All of them come at once; ends when all are welcomed, and says how long that took.
    pub(crate) fn gather(ns: &Netns, gateway: &Gateway, pcs: Vec<Pc>) -> anyhow::Result<(Self, Duration)> {
        let (shared, mut orders, mut lives) = (Arc::<Shared>::default(), Vec::new(), Vec::new());
        let many = pcs.len();
        for pc in pcs {
            let (order, ordered) = mpsc::channel(1);
            orders.push((pc.name.clone(), order));
            lives.push((pc.name.clone(), pc.live(gateway.clone(), shared.clone(), ordered)));
        }
        let (end, ended) = oneshot::channel::<()>();
        let (full, counted) = (ns.full_name().to_owned(), shared.clone());
        let thread = std::thread::spawn(move || {
            Netns::enter_by_name(&full)?;
            runtime()?.block_on(async {
                for (name, life) in lives {
                    let counted = counted.clone();
                    tokio::spawn(async move {
                        if let Err(e) = life.await {
                            counted.lost.fetch_add(1, Ordering::Relaxed);
                            eprintln!("{name}: {e:#}");
                        }
                    });
                }
                let _ = ended.await;
            });
            anyhow::Ok(())
        });
        let crowd = Self { orders, shared, end: Some(end), thread: Some(thread) };
        let (_, took) = wait_until("all agents are welcomed", LIMIT, || {
            crowd.is_whole()?;
            Ok((crowd.shared.welcomed.load(Ordering::Relaxed) == many).then_some(()))
        })?;
        Ok((crowd, took))
    }

    /// Somebody sits down at a PC, or goes: when its agent began to tell.
    pub(crate) fn change(&self, name: &str, used: bool) -> anyhow::Result<SystemTime> {
        let (_, order) = self.orders.iter().find(|(of, _)| of == name).with_context(|| format!("no {name}"))?;
        let (told, when) = std::sync::mpsc::channel();
        order.blocking_send(Order { used, told }).ok().with_context(|| format!("{name} is gone"))?;
        when.recv_timeout(PATIENCE).with_context(|| format!("{name} does not tell"))
    }

    /// Nobody of it has been lost.
    pub(crate) fn is_whole(&self) -> anyhow::Result<()> {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        ensure!(lost == 0, "{lost} agents lost their connection");
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(Ok(Err(e))) = self.thread.take().map(std::thread::JoinHandle::join) {
            eprintln!("the agents' thread: {e:#}");
        }
    }
}
