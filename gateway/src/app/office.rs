//! The gateway's sockets on the office LAN: portal and API, the way there from plain HTTP, and DNS for the zone. And the
//! one to which the router forwards strangers.
//!
//! They are named in the configuration, on ports from 1024 on, or handed in by `passerelle-office@.socket`. What they
//! are is told by their kind and port; whoever comes by them came from the office LAN.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use provisioning::addresses::SiteNetwork;
use socket2::{SockRef, Type};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::dns::{self, Addresses, Side, View};
use crate::fleet::link;
use crate::http::listen::{self, TcpDoor};

/// An office address that is not there yet (the interface comes up late) is tried again after this.
const BIND_AGAIN: Duration = Duration::from_secs(5);

const DNS: u16 = 53;
const HTTP: u16 = 80;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Office {
    https: Vec<(SocketAddr, Option<TcpListener>)>,
    internet: Vec<SocketAddr>,
    agents_port: u16,
    http: Vec<TcpListener>,
    dns: Vec<SocketAddr>,
    dns_handed: dns::Sockets,
    dns_at: Vec<IpAddr>,
}

/// What the sockets are served with.
#[derive(Clone)]
pub(super) struct With {
    pub tls: TlsAcceptor,
    pub strangers_tls: TlsAcceptor,
    pub router: Router,
    pub internet: Router,
    pub public_name: String,
    pub view: Arc<ArcSwap<View>>,
    pub site: SiteNetwork,
    pub agents: link::Door,
}

impl Office {
    /// What the configuration names, and what was handed in.
    ///
    /// # Errors
    /// Something was handed in that is no socket of TCP or UDP.
    pub(super) fn of(config: &Config, handed: Vec<OwnedFd>) -> anyhow::Result<Self> {
        let mut office = Self {
            https: config.office_listen.iter().map(|address| (*address, None)).collect(),
            internet: config.internet_listen.clone(),
            agents_port: config.agents_port,
            dns: config.office_dns.clone(),
            dns_at: config.office_dns.iter().map(SocketAddr::ip).collect(),
            ..Self::default()
        };
        for fd in handed {
            let socket = SockRef::from(&fd);
            let kind = socket.r#type().context("a socket from systemd")?;
            let address = socket.local_addr().ok().and_then(|a| a.as_socket()).context("a socket from systemd")?;
            tracing::info!(%address, udp = kind == Type::DGRAM, "a socket for the office LAN was handed in");
            match (kind, address.port()) {
                (Type::DGRAM, _) => office.dns_handed.udp.push(fd.into()),
                (_, DNS) => office.dns_handed.tcp.push(fd.into()),
                (_, HTTP) => office.http.push(fd.into()),
                _ => {
                    office.https.push((address, Some(fd.into())));
                    continue;
                }
            }
            office.dns_at.push(address.ip());
        }
        Ok(office)
    }

    /// Where the portal listens, named or handed in.
    pub(super) fn listens(&self) -> Vec<SocketAddr> {
        self.https.iter().map(|(address, _)| *address).collect()
    }

    /// The portal's addresses on the LAN.
    pub(super) fn portal(&self) -> impl Iterator<Item = IpAddr> {
        self.https.iter().map(|(address, _)| address.ip())
    }

    /// Where agents of office PCs are heard: where the portal listens.
    fn agents(&self) -> BTreeSet<SocketAddr> {
        let at = self.portal().map(|ip| SocketAddr::new(ip, self.agents_port));
        at.filter(|at| at.port() != 0).collect()
    }

    /// The same as agents are told: by address, with a port where it is not the usual one.
    pub(super) fn agents_at(&self) -> Vec<String> {
        let usual = self.agents_port == link::PORT;
        self.agents().iter().map(|at| if usual { at.ip().to_string() } else { at.to_string() }).collect()
    }

    /// Where the LAN is told that the gateway is: where the portal listens, else where DNS does.
    pub(super) fn gateway(&self) -> Addresses {
        let all = self.portal().chain(self.dns_at.iter().copied());
        let mut gateway = Addresses::default();
        for address in all.filter(|a| !a.is_unspecified() && !a.is_loopback()) {
            match address {
                IpAddr::V4(a) => gateway.v4 = gateway.v4.or(Some(a)),
                IpAddr::V6(a) => gateway.v6 = gateway.v6.or(Some(a)),
            }
        }
        gateway
    }

    /// Serves them all, each by a task of its own.
    pub(super) fn serve(self, with: &With, doors: &mut JoinSet<anyhow::Result<()>>) {
        for address in self.agents() {
            doors.spawn(agents(address, with.agents.clone()));
        }
        for (address, listener) in self.https {
            doors.spawn(portal(address, listener, with.clone()));
        }
        for address in self.internet {
            doors.spawn(strangers(address, with.clone()));
        }
        for listener in self.http {
            let name = with.public_name.clone();
            doors.spawn(async move { listen::redirect(listener, &name).await });
        }
        if !self.dns_handed.udp.is_empty() || !self.dns_handed.tcp.is_empty() {
            doors.spawn(names(self.dns_handed, with.clone()));
        }
        for address in self.dns {
            let with = with.clone();
            doors.spawn(async move { names(bound(address).await, with).await });
        }
    }
}

async fn portal(address: SocketAddr, listener: Option<TcpListener>, with: With) -> anyhow::Result<()> {
    let listener = match listener {
        Some(listener) => listener,
        None => patiently(address, "portal", || TcpListener::bind(address)).await,
    };
    tracing::info!(%address, "office door open for business");
    listen::https(listener, TcpDoor::Office, with.tls, with.router).await
}

async fn agents(address: SocketAddr, door: link::Door) -> anyhow::Result<()> {
    let listener = patiently(address, "agents", || TcpListener::bind(address)).await;
    tracing::info!(%address, "agents of office PCs are heard");
    link::serve(listener, door).await
}

async fn strangers(address: SocketAddr, with: With) -> anyhow::Result<()> {
    let listener = patiently(address, "invitations", || TcpListener::bind(address)).await;
    tracing::info!(%address, "invitations are opened from the internet");
    listen::https(listener, TcpDoor::Internet, with.strangers_tls, with.internet).await
}

async fn names(sockets: dns::Sockets, with: With) -> anyhow::Result<()> {
    // Held: its end would be a stop.
    let (_going, stopped) = watch::channel(false);
    dns::run(sockets, with.view, Side::Office(with.site), stopped).await
}

async fn bound(address: SocketAddr) -> dns::Sockets {
    let both = || Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?));
    let (udp, tcp) = patiently(address, "DNS", both).await;
    dns::Sockets { udp: vec![udp], tcp: vec![tcp] }
}

async fn patiently<T>(address: SocketAddr, what: &str, bind: impl Fn() -> std::io::Result<T>) -> T {
    let mut told = false;
    loop {
        match bind() {
            Ok(bound) => return bound,
            Err(error) if !told => {
                tracing::warn!(%address, what, %error, "not to be had on the office LAN yet, still trying");
                told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_AGAIN).await;
    }
}
