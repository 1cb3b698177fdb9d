//! The `serve` process, wired: store, reconciler, the three doors, DNS in the tunnel and for the office LAN.

mod first_boot;
mod forget;
mod names;
mod office;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use ipnet::{Ipv4Net, Ipv6Net};
use provisioning::addresses;
use provisioning::authority::Authority;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::activation;
use crate::audit::Actor;
use crate::claim::{Role, claim};
use crate::config::Config;
use crate::desktop::{self, Desk};
use crate::dns::{self, Side};
use crate::fleet::{self, Enrolment, link};
use crate::http::health::Machine;
use crate::http::listen::{self, Certificate, TcpDoor};
use crate::http::{self, Api};
use crate::identity::passwords::{Cost, Passwords};
use crate::identity::seal::Sealer;
use crate::link::message::{Interface, SocketRole};
use crate::mail::remind::keep_reminding;
use crate::reconcile::{self, Sockets};
use crate::store::site::Site;
use crate::store::{Moment, Store};
use crate::wake;

pub(crate) use first_boot::RENEW_BEFORE;
pub use first_boot::{Born, FirstBoot, first_boot};

use self::office::{Office, With};

/// MTU of the TUN: an Ethernet frame less WireGuard's 60 to 80 bytes.
const MTU: u16 = 1420;

/// A file that cannot be written is tried again after this.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// How often the generation rises while this runs.
const WITNESS: Duration = Duration::from_secs(60);

/// In the state directory: what was cut while the database stored nothing.
const CUTS: &str = "cuts";

/// How often it is tried to store that.
const STORE_CUTS: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Runs the control plane until it is told to stop.
///
/// # Errors
/// What keeps it from starting, with the cure.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let not_set_up =
        || format!("this gateway is not set up (nothing in {}): run `passerelle setup`", config.database());
    // Before it is opened: whoever opens it brings its schema up to date.
    let held = config.database().hold().await?;
    anyhow::ensure!(config.database().is_set_up().await?, not_set_up());
    let _claim = claim(&config.runtime_dir, Role::Serve)?;
    let sealer = Arc::new(Sealer::load(&config.state_dir)?);
    let store = Store::open(config.database(), &boot_id()?, sealer).await?;
    let store = Arc::new(store.with_cut_file(&config.state_dir.join(CUTS)));
    let site = store.site().await?.with_context(not_set_up)?;
    let office = Office::of(&config, activation::sockets())?;
    let config = Config { office_listen: office.listens(), ..config };
    let site = renewed(&store, site, &config, Moment::now()).await?;
    begin(&store, &config).await?;

    let interface = interface(&site, &config)?;
    let started = reconcile::start(store.clone(), site.clone(), interface, config.link_socket())?;
    let passwords = tokio::task::spawn_blocking(|| Passwords::new(Cost::DEFAULT)).await.context("Argon2")??;
    let views = names::Views::new(&site, office.gateway());
    tokio::spawn(keep_witness(store.clone(), config.clone(), started.reconciler.published()));
    tokio::spawn(keep_cuts(store.clone()));
    tokio::spawn(forget::forget_daily(store.clone(), started.reconciler.clone()));
    tokio::spawn(views.clone().follow(started.reconciler.published()));

    let certificate = Arc::new(Certificate::new(&site.tls_certificate, &site.tls_key)?);
    let to_strangers = Arc::new(Certificate::new(&site.strangers_certificate, &site.strangers_key)?);
    let agents_tls = link::tls(certificate.clone(), &site.ca_certificate)?;
    let (tls, strangers_tls) = (listen::tls(certificate.clone())?, listen::tls(to_strangers.clone())?);
    tokio::spawn(renew_daily(store.clone(), config.clone(), [certificate, to_strangers]));
    let also = office.portal().map(|ip| ip.to_string()).chain(config.also_named.iter().cloned());
    let public_name = site.public_name.clone();
    let from_home = !config.internet_listen.is_empty();
    tokio::spawn(keep_reminding(store.clone(), started.reconciler.clone(), from_home));
    let agents_at = office.agents_at();
    let started_published = started.reconciler.published();
    let api = Api::new(store.clone(), passwords, started.reconciler, also).on(Machine::new(&config));
    let api = Arc::new(api.opened_from_home(from_home).with_agents_at(agents_at));
    let authority = Authority::from_pem(&site.ca_certificate, &site.ca_key).context("the internal CA")?;
    let agents = link::Door::new(api.fleet.clone(), agents_tls, Enrolment::new(authority));
    let (fleet, desk) = (api.fleet.clone(), api.desk.clone());
    let closing = desk.clone();
    tokio::spawn(desk.clone().follow(started.desktops));
    tokio::spawn(desk.clone().keep_seats());
    fleet.reload(&store.resources().await?, Moment::now()).await?;
    tokio::spawn(fleet::keep::keep(fleet.clone(), started_published.clone()));
    tokio::spawn(wake::keep::keep(api.waker.clone(), started_published));
    let (internet, router) = (http::internet_router(api.clone()), http::router(api));
    let mut doors = JoinSet::new();
    let database = config.database();
    doors.spawn(async move { database.keep_holding(held).await });
    let socket = config.api_socket();
    let local = router.clone();
    doors.spawn(async move { listen::local(&socket, local).await });
    let with =
        With { tls, strangers_tls, router, internet, public_name, view: views.office, site: site.network, agents };
    office.serve(&with, &mut doors);
    let With { tls, router, public_name, .. } = with;
    doors.spawn(tunnel(started.sockets, TunnelServer { tls, router, public_name, view: views.tunnel, desk }));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "control plane started");

    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopped = tokio::select! {
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
        ended = doors.join_next() => match ended {
            Some(Ok(Err(e))) => Err(e),
            _ => Err(anyhow::anyhow!("a door's task ended")),
        },
    };
    drop(doors);
    fleet.write_down().await;
    closing.close().await;
    store.close().await;
    tracing::info!("control plane stopped");
    stopped
}

/// What must hold before anything is answered: ends of doors in this boot's time, and no database put back from before.
async fn begin(store: &Store, config: &Config) -> anyhow::Result<()> {
    let now = Moment::now();
    match store.adopt_boot(now).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!("the clock stands before the last time this gateway ran: every door opened before is locked")
        }
        // Those of an earlier boot stay locked: only this boot's count.
        Err(e) if e.is_of_storage() => {
            tracing::error!(
                error = format!("{:#}", anyhow::Error::from(e)),
                "doors opened before the machine was started stay locked"
            )
        }
        Err(e) => return Err(e.into()),
    }
    let [generation, epoch] = store.progress().await?;
    let witnessed = match fs::read_to_string(witness(config)) {
        Ok(text) => text.split_whitespace().map(|n| n.parse().ok()).collect::<Option<Vec<i64>>>(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(e).with_context(|| format!("read {}", witness(config).display())),
    };
    // A database that has run before, and nothing that can tell how far it had come: it was brought here.
    let behind = witnessed.map_or(generation > 0, |w| w.iter().zip([generation, epoch]).any(|(w, is)| is < *w));
    if behind {
        tracing::warn!(
            "this database was put back from before: every door is locked, and nobody signs in before `passerelle user confirm`"
        );
        // Before the next number is taken: whoever dies in between finds it behind again.
        store.lock_everything(now, "database put back from before").await?;
    }
    let noted = match store.raise_generation().await {
        Ok(()) => write_witness(store, config).await,
        Err(e) => Err(e.into()),
    };
    // A full disk is no reason to stay away: people can be cut off, and what is open goes on.
    if let Err(e) = noted {
        tracing::error!(error = format!("{e:#}"), "how far the database has come cannot be written down");
    }
    Ok(())
}

/// Beside the database, not in it: how far it has come.
fn witness(config: &Config) -> std::path::PathBuf {
    config.state_dir.join("generation")
}

async fn write_witness(store: &Store, config: &Config) -> anyhow::Result<()> {
    let text = store.progress().await?.map(|n| n.to_string()).join(" ");
    let (file, fresh) = (witness(config), config.state_dir.join("generation.new"));
    fs::write(&fresh, format!("{text}\n")).with_context(|| format!("write {}", fresh.display()))?;
    fs::File::open(&fresh).and_then(|f| f.sync_all()).context("write the generation")?;
    fs::rename(&fresh, &file).with_context(|| format!("write {}", file.display()))
}

/// Keeps the witness up to date: with every change that the data plane learns of, and every minute with a new generation,
/// for what is spent or revoked without it. No clock is asked: one that is set back must not look like an old database.
async fn keep_witness(store: Arc<Store>, config: Config, mut published: watch::Receiver<reconcile::Published>) {
    let mut tick = tokio::time::interval(WITNESS);
    loop {
        let written = tokio::select! {
            _ = tick.tick() => match store.raise_generation().await {
                Ok(()) => write_witness(&store, &config).await,
                Err(e) => Err(e.into()),
            },
            changed = published.changed() => match changed {
                Ok(()) => write_witness(&store, &config).await,
                // The reconciler has ended, and this process with it.
                Err(_) => return,
            },
        };
        if let Err(e) = written {
            tracing::warn!(error = format!("{e:#}"), "how far the database has come cannot be written down");
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }
}

/// Writes cuts that wait to the database as soon as it takes them.
async fn keep_cuts(store: Arc<Store>) {
    loop {
        store.cut_waits().await;
        while let Err(error) = store.within_patience(store.store_cuts()).await {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(error)), "cuts still wait for the database");
            tokio::time::sleep(STORE_CUTS).await;
        }
    }
}

/// The site with a certificate that is for the right names and good for a while.
async fn renewed(store: &Store, mut site: Site, config: &Config, now: Moment) -> anyhow::Result<Site> {
    if site.tls_names == first_boot::tls_names(&site, config).0 && now.wall < site.tls_renew_at {
        return Ok(site);
    }
    first_boot::issue(&mut site, config, now)?;
    let mut write = store.write(now, Actor::System).await?;
    write.replace_certificate(&site).await?;
    write.commit().await?;
    tracing::info!(names = %site.tls_names, "TLS certificate issued");
    Ok(site)
}

/// This process may run for longer than a certificate is valid.
async fn renew_daily(store: Arc<Store>, config: Config, [certificate, to_strangers]: [Arc<Certificate>; 2]) {
    let renew = async || {
        let site = store.site().await?.context("the site")?;
        let site = renewed(&store, site, &config, Moment::now()).await?;
        certificate.replace(&site.tls_certificate, &site.tls_key)?;
        to_strangers.replace(&site.strangers_certificate, &site.strangers_key)
    };
    loop {
        tokio::time::sleep(DAY).await;
        if let Err(e) = renew().await {
            tracing::warn!(error = format!("{e:#}"), "the TLS certificate cannot be renewed, still trying daily");
        }
    }
}

fn interface(site: &Site, config: &Config) -> anyhow::Result<Interface> {
    let (v4, v6) = addresses::gateway(&site.network);
    let interface = Interface {
        name: config.interface.clone(),
        private_key: site.private_key.clone(),
        ports: config.ports.clone(),
        address4: Ipv4Net::new(v4, site.network.v4.prefix_len()).context("site network")?,
        address6: Ipv6Net::new(v6, site.network.v6.prefix_len()).context("site network")?,
        mtu: MTU,
        masquerade: true,
        resolvers: Vec::new(),
        private_zones: Vec::new(),
    };
    Ok(reconcile::with_settings(interface, site))
}

/// Which start of the machine this is.
fn boot_id() -> anyhow::Result<String> {
    let file = Path::new("/proc/sys/kernel/random/boot_id");
    Ok(fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?.trim().to_owned())
}

/// What the tunnel's sockets are served with.
struct TunnelServer {
    tls: TlsAcceptor,
    router: Router,
    public_name: String,
    view: Arc<ArcSwap<dns::View>>,
    desk: Arc<Desk>,
}

/// Serves what `net` hands over; a new set of sockets takes the place of the old.
async fn tunnel(mut sockets: mpsc::Receiver<Sockets>, server: TunnelServer) -> anyhow::Result<()> {
    // Kept until the next set: dropping them ends what is served by them.
    let mut serving = JoinSet::new();
    let mut asked: Option<watch::Sender<bool>> = None;
    while let Some(set) = sockets.recv().await {
        serving.abort_all();
        drop(asked.take());
        let mut dns_sockets = dns::Sockets::default();
        for (role, descriptor) in set {
            match role {
                SocketRole::DnsUdp4 | SocketRole::DnsUdp6 => dns_sockets.udp.push(descriptor.into()),
                SocketRole::DnsTcp4 | SocketRole::DnsTcp6 => dns_sockets.tcp.push(descriptor.into()),
                SocketRole::Http4 | SocketRole::Http6 => {
                    let name = server.public_name.clone();
                    serving.spawn(async move { listen::redirect(descriptor.into(), &name).await });
                }
                SocketRole::Desktop4 | SocketRole::Desktop6 => {
                    let desk = server.desk.clone();
                    serving.spawn(listen::accept(descriptor.into(), TcpDoor::Tunnel, move |stream, peer| {
                        let desk = desk.clone();
                        async move {
                            match desktop::door::destination(&stream) {
                                Ok(to) => desk.attend(stream, peer, to).await,
                                Err(e) => tracing::debug!(error = %e, "a connection to no office PC"),
                            }
                        }
                    }));
                }
                SocketRole::Https4 | SocketRole::Https6 => {
                    let (tls, router) = (server.tls.clone(), server.router.clone());
                    serving.spawn(listen::https(descriptor.into(), TcpDoor::Tunnel, tls, router));
                }
            }
        }
        let (stop, stopped) = watch::channel(false);
        asked = Some(stop);
        serving.spawn(dns::run(dns_sockets, server.view.clone(), Side::Tunnel, stopped));
    }
    anyhow::bail!("the reconciler ended")
}
