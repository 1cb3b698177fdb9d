//! Windows: its registry, its tables of interfaces, power and sessions; and what its service control manager says while the
//! agent is a service (`service`).
//!
//! PowerShell and WMI are not asked, and no program is started: a PC that is slow at its start would not answer.

mod registry;

use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use agent::bounded::{AtMost, Short};
use agent::facts::{Facts, SESSIONS, Session};
use agent::message::Leaving;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Event, Pc, Wanted};
use crate::clock;
use crate::pure::windows::{adapters, os, power, programs, rdp, sessions, wol};
use crate::win32;
use registry::LocalMachine;

/// For the terminal services to answer: at the start of a PC they take their time.
const ASKING: Duration = Duration::from_secs(3);

/// What the service control manager says.
pub(crate) struct Said {
    pub(crate) event: Event,
    /// While this is kept, the PC waits before it sleeps.
    pub(crate) held: Option<SyncSender<()>>,
}

/// A PC with Windows.
pub(crate) struct Windows {
    said: Option<mpsc::Receiver<Said>>,
    held: Option<SyncSender<()>>,
    /// It stops, and does not wait for the agent any longer: so that ends too.
    stops: bool,
    gone: bool,
    /// A question to the terminal services that is not answered yet.
    asked: Option<oneshot::Receiver<Option<Sessions>>>,
}

type Sessions = AtMost<Session, SESSIONS>;

impl Windows {
    /// As a service.
    pub(crate) fn told_by(said: mpsc::Receiver<Said>) -> Self {
        Self { said: Some(said), held: None, stops: false, gone: false, asked: None }
    }

    /// Those of people. What is not answered in time is not known; it is not asked again until it was answered.
    async fn sessions(&mut self, names: bool) -> Option<Sessions> {
        // An answer that came late is about another moment.
        if self.asked.as_mut().is_some_and(|late| late.try_recv() == Err(oneshot::error::TryRecvError::Empty)) {
            return None;
        }
        let told = apart(move || sessions::sessions(&win32::sessions::Services, names))?;
        let answer = timeout(ASKING, self.asked.insert(told)).await.ok()?;
        self.asked = None;
        answer.ok().flatten()
    }
}

/// Does something that may take long on a thread of its own, which nobody waits for at the program's end.
pub(crate) fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<oneshot::Receiver<T>> {
    let (tell, told) = oneshot::channel();
    let started = std::thread::Builder::new().spawn(move || drop(tell.send(work())));
    started.ok().map(|_| told)
}

impl Pc for Windows {
    async fn open() -> Self {
        Self { said: None, held: None, stops: false, gone: false, asked: None }
    }

    async fn facts(&mut self, wanted: &Wanted) -> Facts {
        let sessions = self.sessions(wanted.names).await;
        let registry = LocalMachine;
        let (rows, addresses) = (win32::interfaces::rows(), win32::interfaces::addresses());
        let wake = |id: &str| wol::wake_on_lan(&registry, id);
        Facts {
            host: Short::new(&win32::system::host()),
            os: os::os(&registry),
            up_ms: u64::try_from(clock::up().as_millis()).unwrap_or(u64::MAX),
            restart_pending: os::restart_pending(&registry),
            adapters: AtMost::first(adapters::adapters(&rows, &addresses, wake)),
            rdp: rdp::rdp(&registry, &win32::certificates::Stores, win32::interfaces::listens),
            sessions,
            power: power::power(&registry, &win32::power::seen()),
            programs: AtMost::first(programs::found(&registry, &wanted.rules, |path| Path::new(path).exists())),
        }
    }

    async fn event(&mut self) -> Event {
        if self.gone {
            return Event::Leaves(Leaving::Agent);
        }
        let next = match &mut self.said {
            Some(said) => said.recv().await,
            None => None,
        };
        let Some(Said { event, held }) = next else { return std::future::pending().await };
        self.held = held;
        self.stops |= matches!(event, Event::Leaves(Leaving::Shutdown | Leaving::Restart));
        event
    }

    /// The service control manager waits by itself, whenever it says that the PC sleeps or stops.
    async fn hold(&mut self) {}

    fn let_go(&mut self) {
        self.held = None;
        self.gone |= self.stops;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_pc_tells_of_itself() {
        let mut pc = Windows::open().await;
        let facts = pc.facts(&Wanted { names: true, rules: Vec::new() }).await;
        assert!(!facts.host.is_empty() && facts.up_ms > 0, "{facts:?}");
        assert!(!facts.os.version.is_empty() && facts.restart_pending.is_some(), "{facts:?}");
    }

    #[tokio::test]
    async fn a_sleep_waits_and_a_stop_ends_the_agent() {
        let (tell, said) = mpsc::channel(4);
        let mut pc = Windows::told_by(said);
        let (held, waits) = std::sync::mpsc::sync_channel(0);
        tell.send(Said { event: Event::Leaves(Leaving::Sleep), held: Some(held) }).await.unwrap();
        assert_eq!(pc.event().await, Event::Leaves(Leaving::Sleep));
        assert_eq!(waits.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
        pc.let_go();
        assert_eq!(waits.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
        tell.send(Said { event: Event::Stays, held: None }).await.unwrap();
        assert_eq!(pc.event().await, Event::Stays);
        tell.send(Said { event: Event::Leaves(Leaving::Shutdown), held: None }).await.unwrap();
        assert_eq!(pc.event().await, Event::Leaves(Leaving::Shutdown));
        pc.let_go();
        assert_eq!(pc.event().await, Event::Leaves(Leaving::Agent));
    }
}
