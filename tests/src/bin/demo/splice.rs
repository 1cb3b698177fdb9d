//! The visitor's way in: a socket on the host's loopback, spliced into a connection that was opened inside home-a. The
//! visitor is Anne's device; the host gets no interface, no route and no rule.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::Netns;
use office::gateway::Cast;

use crate::story::Scene;

/// Where the visitor knocks, unless `DEMO_PORT` says otherwise.
const PORT: u16 = 8443;
/// The portal is one hop away.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The open way in.
pub(crate) struct Portal {
    port: u16,
}

/// Takes the port, before anything is built.
pub(crate) fn listen() -> anyhow::Result<TcpListener> {
    let port = match std::env::var("DEMO_PORT") {
        Ok(text) => text.parse().context("DEMO_PORT is no port")?,
        Err(_) => PORT,
    };
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!(
            "port {port} of this machine is taken, perhaps by another demo: `make demo DEMO_PORT=8444` takes another"
        )
    })
}

/// Splices every connection to the portal inside the tunnel.
pub(crate) fn open(listener: TcpListener, cast: &Cast<'_>, scene: &Scene<'_>) -> anyhow::Result<Portal> {
    let port = listener.local_addr()?.port();
    let inside = Inside::of(cast.gateway.office().home_a.full_name());
    let target = SocketAddr::from((scene.gateway, 443));
    thread::spawn(move || {
        for visitor in listener.incoming().flatten() {
            let inside = Arc::clone(&inside);
            thread::spawn(move || inside.splice(&visitor, target));
        }
    });
    Ok(Portal { port })
}

/// home-a, for threads that outlive the story.
struct Inside {
    namespace: String,
}

impl Inside {
    fn of(namespace: &str) -> Arc<Self> {
        Arc::new(Self { namespace: namespace.to_owned() })
    }

    /// The thread enters home-a, connects there, and carries bytes; the visitor's socket stays the host's.
    fn splice(&self, visitor: &TcpStream, target: SocketAddr) {
        let Ok(()) = Netns::enter_by_name(&self.namespace) else { return };
        let Ok(portal) = TcpStream::connect_timeout(&target, CONNECT_LIMIT) else { return };
        thread::scope(|scope| {
            scope.spawn(|| carry(visitor, &portal));
            carry(&portal, visitor);
        });
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

impl Portal {
    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the visitor types.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The portal's page is there, as a browser on this machine gets it. Nothing vouches for the name `localhost`.
    pub(crate) fn check(&self) -> anyhow::Result<String> {
        let url = format!("{}/", self.url());
        let out = Command::new("curl")
            .args(["--silent", "--show-error", "--insecure", "--noproxy", "*", "--max-time", "10"])
            .args(["--output", "/dev/null", "--write-out", "%{http_code}", &url])
            .output()
            .context("run curl")?;
        let status = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(status == "200", "{url} answered {status} {}", String::from_utf8_lossy(&out.stderr).trim());
        Ok(self.url())
    }
}
