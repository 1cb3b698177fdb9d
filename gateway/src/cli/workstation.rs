//! Office PCs: what they do, whether they can be woken, and waking them.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Context;
use super::client::escape;
use super::moment::local;
use super::output::{list, or_dash, say, say_json};
use super::resource::{Machine, Other};
use crate::http::resources::ResourceKind;
use crate::http::workstations::{ChangeWorkstation, WakeOutcome, WakeView, Workstation as Shown};
use crate::pure::wake::{Cause, Phase, Wakeable};
use crate::pure::workstation::{Kind, Reason};

/// How often it is asked how a wake goes.
const ASK: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum Workstation {
    /// Publish an office PC (RDP, TCP 3389)
    Add(Machine),
    /// One PC: what it does, whether it can be woken, and why not
    Show {
        /// Name or id
        which: String,
    },
    /// When it is woken and sleeps, and by which hardware addresses
    Change(Change),
    /// Send it to sleep, if nobody is at it
    Sleep {
        /// Name or id
        which: String,
    },
    #[command(flatten)]
    Other(Other),
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// Name or id
    which: String,
    /// Hardware address of a PC without an agent: 3c:52:82:11:22:33; may be repeated
    #[arg(long = "mac", value_name = "ADDRESS")]
    macs: Vec<String>,
    /// Wake it at the beginning of these hours: "Mo-Fr 07:30-18:00", or never
    #[arg(long, value_name = "HOURS")]
    wake_hours: Option<String>,
    /// Send it to sleep after use from afar, if nobody is at it
    #[arg(long, value_name = "BOOL")]
    sleep_again: Option<bool>,
    /// It has a new certificate, and that is right: in browsers it is known by the one it shows next
    #[arg(long)]
    forget_certificate: bool,
}

#[derive(Debug, Args)]
pub(super) struct Wake {
    /// Name or id of a workstation
    which: String,
    /// Send the packets, and do not wait for the PC
    #[arg(long)]
    no_wait: bool,
}

impl Workstation {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(machine) => machine.add(context, ResourceKind::Workstation, Vec::new()),
            Self::Other(Other::List) => all(context),
            Self::Other(other) => other.run(context, ResourceKind::Workstation),
            Self::Show { which } => {
                let pc: Shown = context.client.get(&format!("workstations/{}", escape(&which)))?;
                if context.json { say_json(&pc) } else { show(&pc) }
            }
            Self::Change(change) => change.run(context),
            Self::Sleep { which } => {
                if !context.json {
                    say(format_args!("Asking {which} to sleep, and waiting until it does (up to 15 s) …"));
                }
                context.client.act::<()>(&format!("workstations/{}/sleep", escape(&which)))?;
                if context.json {
                    return say_json(&serde_json::json!({ "sent_to_sleep": which }));
                }
                say(format_args!("{which} sleeps."));
                Ok(())
            }
        }
    }
}

impl Change {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { which, macs, wake_hours, sleep_again, forget_certificate } = self;
        let nothing = macs.is_empty() && wake_hours.is_none() && sleep_again.is_none() && !forget_certificate;
        anyhow::ensure!(!nothing, "nothing to change: give --mac, --wake-hours, --sleep-again or --forget-certificate");
        let macs = (!macs.is_empty()).then_some(macs);
        let change = ChangeWorkstation { macs, wake_hours, sleep_again, forget_certificate };
        let pc: Shown = context.client.patch(&format!("workstations/{}", escape(&which)), &change)?;
        if context.json { say_json(&pc) } else { show(&pc) }
    }
}

impl Wake {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let path = format!("workstations/{}", escape(&self.which));
        let begun: WakeView = context.client.act(&format!("{path}/wake"))?;
        if self.no_wait {
            return told(context, &begun);
        }
        if !context.json {
            let seconds = begun.expected_ms.div_ceil(1000);
            say(format_args!("Waking {}: it takes about {seconds} s.", begun.workstation));
        }
        let mut phase = Phase::Sent;
        loop {
            std::thread::sleep(ASK);
            let pc: Shown = context.client.get(&path)?;
            let Some(wake) = pc.wake else { anyhow::bail!("the gateway was restarted meanwhile: try again") };
            if wake.phase != phase && wake.phase == Phase::Network && !context.json {
                say("Its network answers; now it starts.");
            }
            phase = wake.phase;
            if wake.outcome.is_some() {
                return told(context, &wake);
            }
        }
    }
}

/// How a wake went; it failed: so does the command.
fn told(context: &Context, wake: &WakeView) -> anyhow::Result<()> {
    if context.json {
        say_json(wake)?;
    }
    let seconds = wake.took_ms.unwrap_or_default().div_ceil(1000);
    let line = match (wake.outcome, wake.cause) {
        (None, _) => "Magic packets are on their way.".to_owned(),
        (Some(WakeOutcome::Ready), _) if wake.bursts == 0 => format!("{} is on already, and ready.", wake.workstation),
        (Some(WakeOutcome::Ready), _) => format!("{} is ready, after {seconds} s.", wake.workstation),
        (Some(WakeOutcome::Cancelled), _) => format!("The wake of {} was given up.", wake.workstation),
        (Some(WakeOutcome::Failed), cause) => {
            let because = cause.map_or("nobody knows why", because);
            anyhow::ensure!(wake.bursts > 0, "{} was not called: {because}", wake.workstation);
            anyhow::bail!("{} did not get ready within {seconds} s: {because}", wake.workstation);
        }
    };
    if !context.json {
        say(line);
    }
    Ok(())
}

fn all(context: &Context) -> anyhow::Result<()> {
    let pcs: Vec<Shown> = context.client.get("workstations")?;
    let empty =
        "No office PC yet. Publish one with `passerelle workstation add`, or let PCs enrol: `passerelle agent token`.";
    list(context.json, &pcs, empty, &["NAME", "ADDRESS", "STATE", "SINCE", "WAKES", "AGENT"], |pc| {
        let agent = pc.agent.as_ref().map(|a| if a.connected { a.version.clone() } else { "away".to_owned() });
        let wakes = match pc.wakeable {
            Wakeable::Yes => "yes",
            Wakeable::OnlyFromSleep(_) => "from sleep",
            Wakeable::No(_) => "no",
            Wakeable::Unknown => "perhaps",
        };
        let by = pc.by.as_deref().map(|by| format!(" ({by})")).unwrap_or_default();
        vec![
            pc.name.clone(),
            or_dash(pc.address.as_deref()),
            format!("{}{by}", state(pc.state)),
            local(pc.since),
            wakes.to_owned(),
            agent.unwrap_or_else(|| "none".to_owned()),
        ]
    })
}

fn show(pc: &Shown) -> anyhow::Result<()> {
    let by = pc.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    say(format_args!("{}: {}{by}, since {}", pc.name, state(pc.state), local(pc.since)));
    say(format_args!("  – {}", reason(pc.reason)));
    match pc.wakeable {
        Wakeable::Yes => say("  wakes: yes"),
        Wakeable::OnlyFromSleep(cause) => {
            say(format_args!("  wakes: only from sleep; switched off it may not: {}", because(cause)))
        }
        Wakeable::No(cause) => say(format_args!("  wakes: no: {}", because(cause))),
        Wakeable::Unknown => say("  wakes: perhaps; neither an agent nor a wake has told: try `passerelle wake`"),
    }
    if pc.woken {
        say(format_args!("  takes about {} s to get ready", pc.expected_ms.div_ceil(1000)));
    }
    if !pc.macs.is_empty() {
        say(format_args!("  hardware addresses: {}", pc.macs.join(", ")));
    }
    if let Some(hours) = &pc.wake_hours {
        say(format_args!("  woken at the beginning of {hours}"));
    }
    if pc.sleep_again {
        say("  sleeps again after use from afar");
    }
    match &pc.agent {
        Some(agent) => {
            let there = if agent.connected { "connected" } else { "away" };
            say(format_args!("  agent {} on {} ({}), {there}", agent.version, agent.host, agent.os));
            if agent.restart_pending == Some(true) {
                say("  it has to be restarted to finish an update");
            }
        }
        None => say("  no agent: nobody can tell whether somebody sits there; `passerelle agent token` enrols one"),
    }
    Ok(())
}

fn state(kind: Kind) -> &'static str {
    match kind {
        Kind::Off => "off",
        Kind::Asleep => "asleep",
        Kind::Waking => "waking",
        Kind::Starting => "starting",
        Kind::Free => "free",
        Kind::InUseHere => "in use",
        Kind::InUseRemotely => "in use from afar",
        Kind::Locked => "locked",
        Kind::Reserved => "reserved",
        Kind::Stale => "on, unknown whether in use",
        Kind::Unknown => "unknown",
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Reported => "its agent says so",
        Reason::Disconnected => "programs of somebody who has gone are still open on it",
        Reason::ThroughGateway => "somebody is connected to it through the gateway: `passerelle desktop list` says who",
        Reason::WentToSleep => "it said that it goes to sleep",
        Reason::ShutDown => "it said that it is being switched off",
        Reason::Restarting => "it said that it starts anew",
        Reason::PacketsSent => "magic packets were sent",
        Reason::NoRdpYet => "it does not answer to remote desktop yet",
        Reason::RdpOff => "remote desktop is switched off on it: switch it on, or nobody can use it from afar",
        Reason::RdpSilent => "it does not answer to remote desktop: look at its firewall",
        Reason::SessionsUnseen => "its agent cannot see who is signed in",
        Reason::AgentSilent => "it answers, but its agent does not: look whether `passerelle-agent` runs there",
        Reason::WentAway => "it went away without a word: a power cut, a cable, a crash",
        Reason::NoAgentAnswers => "it answers to remote desktop, and has no agent that could tell whether it is in use",
        Reason::NoAgentOn => "it is on, but does not answer to remote desktop",
        Reason::NoAgentSilent => "it does not answer; it sleeps, is off, or not on this network",
        Reason::NeverHeard => "nothing was heard of it yet",
    }
}

/// Why it does not wake, and what to do.
pub(super) fn because(cause: Cause) -> &'static str {
    match cause {
        Cause::NoAddress => {
            "its hardware address is not known; install the agent, or give it with `passerelle workstation change --mac`"
        }
        Cause::Wireless => "it has no cable, and Wi-Fi does not wake; plug one in",
        Cause::Disarmed => {
            "its network adapter is not set to wake it; on Windows allow it in the adapter's power management \
             (only magic packets), on Linux `ethtool -s IF wol g`, and in the firmware enable Wake on LAN"
        }
        Cause::Unable => "its network adapter cannot wake it; use another, or leave the PC on",
        Cause::FastStartup => {
            "Windows' fast start-up ignores packets after shutting down; switch it off (Control Panel, Power Options, \
             What the power buttons do), or let the PC sleep instead"
        }
        Cause::ModernStandby => {
            "it knows modern standby alone, which packets seldom end; let it hibernate, or leave it on"
        }
        Cause::WasOff => {
            "it was switched off, and Windows promises waking from sleep alone; let it sleep, or enable Wake on LAN from \
             S5 in its firmware"
        }
        Cause::NoRelay => {
            "neither the gateway nor a PC that is awake is in its part of the network; keep one PC with an agent awake \
             there, or give the gateway an address in it"
        }
        Cause::RdpOff => "it is on, but remote desktop is switched off there; switch it on",
        Cause::RdpSilent => {
            "it is on, but does not answer to remote desktop; look at its firewall, and whether it waits at its screen"
        }
        Cause::Silent => {
            "look whether it has power, whether its cable is in, whether its hardware address is the one that was written \
             down, and whether its firmware has Wake on LAN enabled"
        }
    }
}
