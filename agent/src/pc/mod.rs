//! What is seen of the PC, and what happens to it. Each system has one [`Pc`]; nothing else of the agent differs.

use std::future::Future;

use agent::facts::Facts;
use agent::message::{Leaving, Rule};

#[cfg(target_os = "linux")]
pub(crate) mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::Linux as ThisPc;
#[cfg(windows)]
pub(crate) mod windows;
#[cfg(windows)]
pub(crate) use windows::Windows as ThisPc;

/// What the gateway wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The names of people in sessions.
    pub(crate) names: bool,
    /// Which programs to look for.
    pub(crate) rules: Vec<Rule>,
}

/// What happens to a PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Something may look different now.
    Changed,
    /// It stops, and waits a few seconds for [`Pc::let_go`].
    Leaves(Leaving),
    /// It is back from sleep, or was not switched off after all.
    Stays,
}

/// A PC, as its system shows it.
pub(crate) trait Pc: Sized {
    /// Begins to watch.
    fn open() -> impl Future<Output = Self>;

    /// All facts. What the system does not tell is absent; it never waits for longer than a few seconds.
    fn facts(&mut self, wanted: &Wanted) -> impl Future<Output = Facts>;

    /// The next event; may be dropped and called again without losing one.
    fn event(&mut self) -> impl Future<Output = Event>;

    /// From now on the PC waits before it sleeps or stops, until [`Pc::let_go`] or a few seconds have gone by.
    fn hold(&mut self) -> impl Future<Output = ()>;

    /// It need not wait any longer.
    fn let_go(&mut self);
}
