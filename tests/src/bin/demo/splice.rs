//! The visitor's ways in: sockets on the host's loopback, spliced into connections that were opened inside home-a and at
//! the office PC. The visitor is Anne's device, or IT at the office; the host gets no interface, no route and no rule.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::Netns;
use office::addresses::GATEWAY_LAN;
use office::gateway::Cast;

use crate::story::Scene;

/// Where the visitor knocks, unless `DEMO_PORT` says otherwise.
const PORT: u16 = 8443;
/// The console is so far above the portal.
const ABOVE: u16 = 100;
/// Portal and console are one hop away.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The ports, before anything is built.
pub(crate) struct Taken {
    portal: TcpListener,
    console: TcpListener,
}

/// An open way in.
pub(crate) struct Way {
    /// What the visitor types.
    pub(crate) url: String,
    /// On this machine.
    pub(crate) port: u16,
}

/// Portal and console.
pub(crate) struct Ways {
    pub(crate) portal: Way,
    pub(crate) console: Way,
}

/// Takes the ports.
pub(crate) fn listen() -> anyhow::Result<Taken> {
    let port: u16 = match std::env::var("DEMO_PORT") {
        Ok(text) => text.parse().context("DEMO_PORT is no port")?,
        Err(_) => PORT,
    };
    let take = |port: u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
            format!(
                "port {port} of this machine is taken, perhaps by another demo: `make demo DEMO_PORT=8444` takes others"
            )
        })
    };
    let above = port.checked_add(ABOVE).context("DEMO_PORT is too high: the console is 100 above it")?;
    Ok(Taken { portal: take(port)?, console: take(above)? })
}

/// Splices every connection to the portal inside the tunnel, and to the console on the office LAN.
pub(crate) fn open(taken: Taken, cast: &Cast<'_>, scene: &Scene<'_>) -> anyhow::Result<Ways> {
    let office = cast.gateway.office();
    // Two names of one machine: a browser keeps one sign-in for a name, whatever the port.
    Ok(Ways {
        portal: way(taken.portal, "localhost", "/", &office.home_a, SocketAddr::from((scene.gateway, 443)))?,
        console: way(taken.console, "127.0.0.1", "/admin", &office.pc, SocketAddr::from((GATEWAY_LAN, 8443)))?,
    })
}

fn way(listener: TcpListener, name: &str, path: &str, from: &Netns, target: SocketAddr) -> anyhow::Result<Way> {
    let port = listener.local_addr()?.port();
    let inside = Inside::of(from.full_name());
    thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            let inside = Arc::clone(&inside);
            thread::spawn(move || inside.splice(&visitor, target));
        }
    });
    Ok(Way { url: format!("https://{name}:{port}{path}"), port })
}

/// One machine of the office, for threads that outlive the story.
struct Inside {
    namespace: String,
}

impl Inside {
    fn of(namespace: &str) -> Arc<Self> {
        Arc::new(Self { namespace: namespace.to_owned() })
    }

    /// The thread enters the machine's namespace, connects there, and carries bytes; the visitor's socket stays the host's.
    fn splice(&self, visitor: &TcpStream, target: SocketAddr) {
        let Ok(()) = Netns::enter_by_name(&self.namespace) else { return };
        let Ok(gateway) = TcpStream::connect_timeout(&target, CONNECT_LIMIT) else { return };
        thread::scope(|scope| {
            scope.spawn(|| carry(visitor, &gateway));
            carry(&gateway, visitor);
        });
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

impl Way {
    /// Its page is there, as a browser on this machine gets it. Nothing vouches for these names.
    pub(crate) fn check(&self) -> anyhow::Result<String> {
        let out = Command::new("curl")
            .args(["--silent", "--show-error", "--insecure", "--noproxy", "*", "--max-time", "10"])
            .args(["--output", "/dev/null", "--write-out", "%{http_code}", &self.url])
            .output()
            .context("run curl")?;
        let status = String::from_utf8_lossy(&out.stdout).into_owned();
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(status == "200", "{} answered {status} {}", self.url, said.trim());
        Ok(self.url.clone())
    }
}
