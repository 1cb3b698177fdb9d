//! One wake, from the first magic packet to RDP that answers or a verdict: when to send, when to give up, and why a PC did
//! not wake. What it does is returned; the clock is an argument.

use std::time::Duration;

use agent::facts::{Adapter, Facts, Family, Medium, Sleep, WakeOnLan};
use agent::message::Leaving;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Boot;

/// When magic packets are sent, after the beginning. A network adapter misses some while its switch renegotiates the link.
pub const BURSTS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];

/// A PC of which nothing was heard for so long does not wake: twice what a cold start takes until the network answers.
const SILENT: Duration = Duration::from_secs(90);

/// A PC that answers on the network, but not to RDP for so long after it began to, is not getting ready.
const UNREADY: Duration = Duration::from_secs(180);

/// One that is known to take longer has so many times as long as it took …
const PATIENCE: u32 = 3;

/// … and never longer than this.
const LONGEST: Duration = Duration::from_secs(600);

/// What a first wake is expected to take: a PC with an SSD, out of sleep or from off.
const USUAL: Duration = Duration::from_secs(45);

/// Wakes that are remembered per PC.
pub const REMEMBERED: usize = 9;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Magic packets are sent.
    Sent,
    /// Its network answers.
    Network,
    /// RDP answers: it is ready.
    Ready,
}

/// Why a PC did not wake, or may not. Each has a cure, which the words in every language name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No hardware address is known: it has no agent, and was never seen awake.
    NoAddress,
    /// It has no cable; Wi-Fi does not wake.
    Wireless,
    /// Its network adapter could, and is not switched to.
    Disarmed,
    /// Its network adapter cannot.
    Unable,
    /// Windows' fast start-up was on when it was switched off: no packet ends that.
    FastStartup,
    /// It only knows modern standby, from which packets wake few PCs.
    ModernStandby,
    /// It was switched off, from which Windows promises nothing: the firmware's settings decide.
    WasOff,
    /// It is in a part of the network where neither the gateway nor an agent that is awake can call it.
    NoRelay,
    /// It woke, but remote desktop is switched off there.
    RdpOff,
    /// It woke, but RDP did not answer: a firewall, or it waits for something at its screen.
    RdpSilent,
    /// All that is known is right, and it did not wake: power, cable, firmware.
    Silent,
}

/// Whether a PC can be woken, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "answer", content = "because")]
pub enum Wakeable {
    /// It can.
    Yes,
    /// From sleep; what keeps it from waking when it was switched off.
    OnlyFromSleep(Cause),
    /// It cannot.
    No(Cause),
    /// Nothing was told that says so.
    Unknown,
}

/// What the way to a PC is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// A hardware address is known.
    pub address: bool,
    /// The gateway, or an agent that is awake, is in its segment; absent where its segment is not known.
    pub caller: Option<bool>,
    /// It was woken from here before.
    pub woken: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Send magic packets now.
    pub burst: bool,
    /// It is over: it did not come.
    pub over: bool,
}

/// A wake under way.
#[derive(Clone, Debug)]
pub struct Waking {
    began: Boot,
    sent: usize,
    network_at: Option<Boot>,
    patience: Duration,
    expected: Duration,
}

impl Waking {
    /// Begins now; `took`: what the last ones took, in milliseconds.
    #[must_use]
    pub fn new(took: &[u32], now: Boot) -> Self {
        let expected = expected(took);
        let patience = if took.is_empty() { SILENT } else { SILENT.max(expected * PATIENCE).min(LONGEST) };
        Self { began: now, sent: 0, network_at: None, patience, expected }
    }

    /// What it is expected to take.
    #[must_use]
    pub fn expected(&self) -> Duration {
        self.expected
    }

    /// Bursts sent so far.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// How far it has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.network_at.is_some() { Phase::Network } else { Phase::Sent }
    }

    /// Something of it was heard, but no RDP.
    pub fn network_answers(&mut self, now: Boot) {
        self.network_at.get_or_insert(now);
    }

    /// What is due now; a burst that is due counts as sent.
    pub fn due(&mut self, now: Boot) -> Due {
        let gone = since(self.began, now);
        let late = match self.network_at {
            Some(at) => since(at, now) >= UNREADY.max(self.patience),
            None => gone >= self.patience,
        };
        if late {
            return Due { burst: false, over: true };
        }
        // Who was late for two sends one. Once it is heard, no more are needed.
        let due = BURSTS.iter().filter(|at| **at <= gone).count();
        let burst = due > self.sent && self.network_at.is_none();
        self.sent = due.max(self.sent);
        Due { burst, over: false }
    }
}

fn since(then: Boot, now: Boot) -> Duration {
    Duration::from_millis(now.0.saturating_sub(then.0))
}

/// What a wake of this PC is expected to take: the median of what the last ones took, in milliseconds.
#[must_use]
pub fn expected(took: &[u32]) -> Duration {
    let mut took = took.to_vec();
    took.sort_unstable();
    took.get(took.len() / 2).map_or(USUAL, |ms| Duration::from_millis((*ms).into()))
}

/// With one more; the oldest is forgotten.
#[must_use]
pub fn remembered(took: &[u32], now: Duration) -> Vec<u32> {
    let now = u32::try_from(now.as_millis()).unwrap_or(u32::MAX);
    let kept = took.iter().copied().skip((took.len() + 1).saturating_sub(REMEMBERED));
    kept.chain([now]).collect()
}

/// Whether a PC can be woken, from what it told last, and the way to it.
#[must_use]
pub fn wakeable(facts: Option<&Facts>, way: Way) -> Wakeable {
    if !way.address {
        return Wakeable::No(Cause::NoAddress);
    }
    if let Some(cause) = facts.and_then(by_adapter) {
        return Wakeable::No(cause);
    }
    if way.caller == Some(false) {
        return Wakeable::No(Cause::NoRelay);
    }
    let armed = |facts: &Facts| facts.adapters.iter().any(|a| a.wake == WakeOnLan::Armed);
    match facts.and_then(from_off) {
        Some(cause) => Wakeable::OnlyFromSleep(cause),
        None if way.woken || facts.is_some_and(armed) => Wakeable::Yes,
        None => Wakeable::Unknown,
    }
}

/// What keeps every adapter of it from waking it.
fn by_adapter(facts: &Facts) -> Option<Cause> {
    let real: Vec<&Adapter> = facts.adapters.iter().filter(|a| a.medium != Medium::Virtual).collect();
    let wired: Vec<&Adapter> = real.iter().copied().filter(|a| a.medium != Medium::Wireless).collect();
    let all = |wake| !wired.is_empty() && wired.iter().all(|a| a.wake == wake);
    // A cable that is not in wakes nobody.
    let by_air = real.iter().any(|a| a.medium == Medium::Wireless && a.up) && !wired.iter().any(|a| a.up);
    if !real.is_empty() && (wired.is_empty() || by_air) {
        return Some(Cause::Wireless);
    }
    if all(WakeOnLan::Unable) {
        return Some(Cause::Unable);
    }
    let could = |a: &&Adapter| matches!(a.wake, WakeOnLan::Armed | WakeOnLan::Unknown);
    (!wired.is_empty() && !wired.iter().any(could)).then_some(Cause::Disarmed)
}

/// What keeps it from waking once it is switched off.
fn from_off(facts: &Facts) -> Option<Cause> {
    let knows = |way| facts.power.sleeps.contains(&way);
    if facts.power.fast_startup == Some(true) {
        return Some(Cause::FastStartup);
    }
    if knows(Sleep::Idle) && !knows(Sleep::Memory) && facts.os.family == Family::Windows {
        return Some(Cause::ModernStandby);
    }
    (facts.os.family == Family::Windows).then_some(Cause::WasOff)
}

/// Why a wake failed: what is most likely, from what the PC told last, how it left, and how far it came.
#[must_use]
pub fn cause(facts: Option<&Facts>, left: Option<Leaving>, way: Way, phase: Phase) -> Cause {
    if phase >= Phase::Network {
        let off = facts.is_some_and(|f| f.rdp.enabled == Some(false));
        return if off { Cause::RdpOff } else { Cause::RdpSilent };
    }
    match wakeable(facts, way) {
        Wakeable::No(cause) => cause,
        // Modern standby is how it sleeps; the others are how it is switched off.
        Wakeable::OnlyFromSleep(cause) if cause == Cause::ModernStandby || left == Some(Leaving::Shutdown) => cause,
        _ => Cause::Silent,
    }
}

#[cfg(test)]
mod tests {
    use agent::bounded::AtMost;
    use agent::facts::{Os, Power, Rdp};

    use super::*;

    const WAY: Way = Way { address: true, caller: Some(true), woken: false };

    fn at(s: u64) -> Boot {
        Boot(1_000_000 + s * 1000)
    }

    /// Seconds at which bursts were sent, when asked each second, and when it ended.
    fn run(took: &[u32], network_at: Option<u64>) -> (Vec<u64>, u64) {
        let mut waking = Waking::new(took, at(0));
        let mut sent = Vec::new();
        for s in 0..10_000 {
            if network_at == Some(s) {
                waking.network_answers(at(s));
            }
            let due = waking.due(at(s));
            if due.burst {
                sent.push(s);
            }
            if due.over {
                return (sent, s);
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn bursts_come_at_their_times_and_end_when_it_is_heard() {
        assert_eq!(run(&[], None), (vec![0, 2, 5, 10, 20, 40], 90));
        assert_eq!(run(&[], Some(7)), (vec![0, 2, 5], 7 + 180));
        // One that is known to be slow is waited for.
        assert_eq!(run(&[100_000], None).1, 300);
        assert_eq!(run(&[100_000], Some(150)).1, 150 + 300);
        assert_eq!(run(&[1_000], None).1, 90);
        assert_eq!(run(&[900_000], None).1, 600);
        // Asked late, one burst makes up for those that were missed.
        let mut waking = Waking::new(&[], at(0));
        assert!(waking.due(at(7)).burst && !waking.due(at(8)).burst && waking.due(at(10)).burst);
    }

    #[test]
    fn what_it_takes_is_learned() {
        assert_eq!(expected(&[]), USUAL);
        assert_eq!(expected(&[9_000, 30_000, 10_000]), Duration::from_secs(10));
        let mut took = Vec::new();
        for n in 0..20 {
            took = remembered(&took, Duration::from_secs(n));
        }
        assert_eq!(took.len(), REMEMBERED);
        assert_eq!((took[0], took[8]), (11_000, 19_000));
    }

    fn facts(family: Family, adapters: &[(Medium, WakeOnLan)]) -> Facts {
        let adapters =
            adapters.iter().map(|(medium, wake)| Adapter { medium: *medium, wake: *wake, ..Adapter::default() });
        Facts {
            os: Os { family, ..Os::default() },
            adapters: AtMost::first(adapters),
            power: Power { sleeps: AtMost::first([Sleep::Memory]), ..Power::default() },
            ..Facts::default()
        }
    }

    #[test]
    fn whether_it_can_be_woken_is_told_with_its_reason() {
        use Medium::{Virtual, Wired, Wireless};
        use WakeOnLan::{Armed, Disarmed, Unable, Unknown};
        let linux = |adapters: &[_]| facts(Family::Linux, adapters);
        let table = [
            (linux(&[(Wired, Armed)]), Wakeable::Yes),
            (linux(&[(Wireless, Armed)]), Wakeable::No(Cause::Wireless)),
            (linux(&[(Wireless, Armed), (Virtual, Unable)]), Wakeable::No(Cause::Wireless)),
            (linux(&[(Wired, Disarmed)]), Wakeable::No(Cause::Disarmed)),
            (linux(&[(Wired, Unable)]), Wakeable::No(Cause::Unable)),
            (linux(&[(Wired, Unable), (Wired, Disarmed)]), Wakeable::No(Cause::Disarmed)),
            (linux(&[(Wired, Disarmed), (Wired, Armed)]), Wakeable::Yes),
            (linux(&[(Wired, Unknown)]), Wakeable::Unknown),
            (facts(Family::Windows, &[(Wired, Unknown)]), Wakeable::OnlyFromSleep(Cause::WasOff)),
            (facts(Family::Windows, &[(Wired, Armed)]), Wakeable::OnlyFromSleep(Cause::WasOff)),
        ];
        for (facts, wanted) in &table {
            assert_eq!(wakeable(Some(facts), WAY), *wanted, "{facts:?}");
        }
        let windows = facts(Family::Windows, &[(Wired, Armed)]);
        let fast = Facts { power: Power { fast_startup: Some(true), ..windows.power.clone() }, ..windows.clone() };
        assert_eq!(wakeable(Some(&fast), WAY), Wakeable::OnlyFromSleep(Cause::FastStartup));
        let modern = Facts { power: Power { sleeps: AtMost::first([Sleep::Idle]), ..Power::default() }, ..windows };
        assert_eq!(wakeable(Some(&modern), WAY), Wakeable::OnlyFromSleep(Cause::ModernStandby));
        let armed = &table[0].0;
        assert_eq!(wakeable(None, WAY), Wakeable::Unknown);
        let woken = Way { woken: true, ..WAY };
        assert_eq!(wakeable(None, woken), Wakeable::Yes, "it was seen to wake");
        assert_eq!(wakeable(Some(&linux(&[(Wired, Unknown)])), woken), Wakeable::Yes);
        assert_eq!(wakeable(Some(&linux(&[(Wired, Disarmed)])), woken), Wakeable::No(Cause::Disarmed));
        assert_eq!(wakeable(Some(armed), Way { address: false, ..WAY }), Wakeable::No(Cause::NoAddress));
        assert_eq!(wakeable(Some(armed), Way { caller: Some(false), ..WAY }), Wakeable::No(Cause::NoRelay));
        assert_eq!(wakeable(Some(armed), Way { caller: None, ..WAY }), Wakeable::Yes);
    }

    #[test]
    fn a_verdict_names_what_is_most_likely() {
        let windows = facts(Family::Windows, &[(Medium::Wired, WakeOnLan::Armed)]);
        let of = |left, phase| cause(Some(&windows), left, WAY, phase);
        assert_eq!(of(Some(Leaving::Sleep), Phase::Sent), Cause::Silent);
        assert_eq!(of(Some(Leaving::Shutdown), Phase::Sent), Cause::WasOff);
        assert_eq!(of(None, Phase::Network), Cause::RdpSilent);
        let off = Facts { rdp: Rdp { enabled: Some(false), ..Rdp::default() }, ..windows.clone() };
        assert_eq!(cause(Some(&off), None, WAY, Phase::Network), Cause::RdpOff);
        let disarmed = facts(Family::Linux, &[(Medium::Wired, WakeOnLan::Disarmed)]);
        assert_eq!(cause(Some(&disarmed), None, WAY, Phase::Sent), Cause::Disarmed);
        assert_eq!(cause(None, None, Way { caller: Some(false), ..WAY }, Phase::Sent), Cause::NoRelay);
        assert_eq!(cause(None, None, WAY, Phase::Sent), Cause::Silent);
    }
}
