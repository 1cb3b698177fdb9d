//! The office PC: it sleeps, and is woken from home by a magic packet on the wire.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::desktops::{Shadow, weston};
use office::gateway::{Cast, Web};
use office::{Netns, Office, Part, Process, Sleeper, connect};
use serde_json::{Value, json};

use crate::screen::{Screen, time};

/// The PC's name.
pub(crate) const NAME: &str = "pc-cad";
/// It is enrolled, asleep or ready within this.
const LIMIT: Duration = Duration::from_secs(30);
/// A visitor who has woken it looks at it for so long; then it sleeps again.
const AWAKE: Duration = Duration::from_secs(120);
/// It is looked this often whether it was called.
const LOOK: Duration = Duration::from_secs(1);

/// The PC, and the agent on it.
pub(crate) struct Desk<'o> {
    pc: &'o Sleeper,
    agent: Agent<'o>,
}

/// The name of a PC that is always on, without an agent, and looks well in a browser.
pub(crate) const SHOWN: &str = "pc-accounts";
/// Its address ends so.
const SHOWN_AT: u8 = 62;

/// Its machine.
pub(crate) fn shown_machine(office: &Office) -> anyhow::Result<Netns> {
    office.machine(SHOWN, Part::First, SHOWN_AT)
}

/// A desktop with a terminal on it, for those who may use the other PC.
pub(crate) fn shown<'o>(cast: &Cast<'o>, machine: &'o Netns) -> anyhow::Result<Shadow<'o>> {
    let address = format!("{}.{SHOWN_AT}", Part::First.network());
    let pc = Shadow::on(cast.gateway.office(), machine, &address)?;
    cast.gateway.cli(&["workstation", "add", SHOWN, &address])?;
    cast.gateway.cli(&["policy", "add", "workshop", SHOWN])?;
    cast.gateway.until_pc_is(SHOWN, "stale", LIMIT)?;
    Ok(pc)
}

/// PCs with one licence between them.
pub(crate) const POOL: &str = "Drawing";
const ROOM: [(&str, u8); 2] = [("room-1", 63), ("room-2", 64)];

/// Their machines.
pub(crate) fn room(office: &Office) -> anyhow::Result<Vec<Netns>> {
    ROOM.into_iter().map(|(name, at)| office.machine(name, Part::First, at)).collect()
}

/// They are on, and show an empty desktop to whoever comes.
pub(crate) fn pool(cast: &Cast<'_>, room: &[Netns]) -> anyhow::Result<Vec<Process>> {
    let mut servers = Vec::new();
    let mut pool = vec!["pool", "add", POOL, "--seats", "1"];
    for ((name, at), machine) in ROOM.into_iter().zip(room) {
        let address = format!("{}.{at}", Part::First.network());
        servers.push(weston(cast.gateway.office(), machine, &address)?);
        cast.gateway.cli(&["workstation", "add", name, &address])?;
        cast.gateway.cli(&["policy", "add", "workshop", name])?;
        pool.extend(["--workstation", name]);
    }
    for (name, _) in ROOM {
        cast.gateway.until_pc_is(name, "stale", LIMIT)?;
    }
    cast.gateway.cli(&pool)?;
    Ok(servers)
}

/// A PC of the office, awake and without an agent yet.
pub(crate) fn pc(office: &Office) -> anyhow::Result<Sleeper> {
    Sleeper::awake(office, NAME, Part::First, 61)
}

impl<'o> Desk<'o> {
    /// Its agent is enrolled; it may be used by those who may use the other PC; it falls asleep.
    pub(crate) fn start(cast: &Cast<'o>, pc: &'o Sleeper) -> anyhow::Result<Self> {
        cast.gateway.cli(&["workstation", "add", NAME, &pc.address()])?;
        cast.gateway.cli(&["policy", "add", "workshop", NAME])?;
        let token: Value = cast.gateway.cli(&["agent", "token", "--workstation", NAME])?;
        let mut agent = Agent::on(cast.gateway.office(), pc.ns())?;
        agent.enrol(&GATEWAY_LAN.to_string(), token["secret"].as_str().context("a token")?)?;
        agent.run()?;
        let desk = Self { pc, agent };
        desk.is(cast, "free")?;
        desk.sleep(cast)?;
        Ok(desk)
    }

    /// It tells the gateway, and falls asleep.
    fn sleep(&self, cast: &Cast<'_>) -> anyhow::Result<()> {
        self.agent.prepare_for_sleep()?;
        self.is(cast, "asleep")?;
        self.pc.sleep()
    }

    fn is(&self, cast: &Cast<'_>, state: &str) -> anyhow::Result<()> {
        cast.gateway.until_pc_is(NAME, state, LIMIT).map(drop)
    }

    fn wake(&self, office: &Office, within: Duration) -> anyhow::Result<()> {
        self.pc.wake_when_called(office, within, true)?;
        self.agent.resume()
    }

    /// Steps: woken by somebody at home, whose door is open.
    pub(crate) fn play(&self, cast: &Cast<'_>, web: &Web<'_>, home: &Netns, screen: &mut Screen) {
        screen.step("Anne wakes her PC from home: a magic packet in the office, and RDP answers her", || {
            let began = Instant::now();
            let asked = web.post(&format!("/api/v1/me/workstations/{NAME}/wake"), &json!({}))?;
            ensure!(asked.status == 202, "{} {}", asked.status, asked.body);
            self.wake(cast.gateway.office(), LIMIT)?;
            let name = home.resolve(&format!("{NAME}.example-joiners.internal"), "A")?;
            let at = (name.first().context("the PC has no address")?.parse::<std::net::IpAddr>()?, 3389).into();
            ensure!(connect(home, at, LIMIT)?.is_open(), "remote desktop does not answer");
            Ok(format!("after {}", time(began.elapsed())))
        });
        screen.step("somebody sits down at it: the gateway knows, and whoever asks is told", || {
            self.is(cast, "free")?;
            self.agent.sign_in("7", "claire")?;
            let sat = Instant::now();
            self.is(cast, "in_use_here")?;
            let known = sat.elapsed();
            self.agent.sign_out("7")?;
            self.is(cast, "free")?;
            self.sleep(cast)?;
            Ok(format!("known after {}; then it sleeps again", time(known)))
        });
    }

    /// For visitors: it wakes when it is called, and sleeps when it is told to, or some time later; for good.
    pub(crate) fn stay(&self, cast: &Cast<'_>, screen: &Screen) -> ! {
        loop {
            if let Err(error) = self.once(cast, screen) {
                screen.say(&format!("  ({NAME} does not do as it was told: {error:#})"));
                if let Err(error) = self.sleep(cast) {
                    screen.say(&format!("  ({NAME} does not fall asleep: {error:#})"));
                }
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Once through a day of it.
    fn once(&self, cast: &Cast<'_>, screen: &Screen) -> anyhow::Result<()> {
        while !self.pc.heard()?.woken {
            std::thread::sleep(LOOK);
        }
        let told = self.agent.suspended()?;
        self.wake(cast.gateway.office(), LIMIT)?;
        screen.say(&format!("  ({NAME} was woken; it sleeps again in {}, or when it is told to)", time(AWAKE)));
        let woken = Instant::now();
        while woken.elapsed() < AWAKE || is_used(cast)? {
            if self.agent.suspended()? > told {
                self.is(cast, "asleep")?;
                return self.pc.sleep();
            }
            std::thread::sleep(LOOK);
        }
        self.sleep(cast)
    }
}

/// Whether a visitor is connected to it.
fn is_used(cast: &Cast<'_>) -> anyhow::Result<bool> {
    let all = cast.gateway.cli(&["desktop", "list"])?;
    Ok(all.as_array().into_iter().flatten().any(|one| one["workstation"] == NAME))
}
