//! The product's agent on a PC of the office: its real binary, beside a mock of logind on a D-Bus of its own (there is no
//! systemd in a namespace).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::netns::Netns;
use crate::place::Office;
use crate::process::{Process, wait_until};
use crate::wireguard::target_directory;

/// Bus and mock are there within this.
const LIMIT: Duration = Duration::from_secs(20);

/// Everybody on this bus may say everything: it is the test's.
const POLICY: &str = r#"<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy>"#;

/// What is said to the mock, in Python; `m` is logind's mock, `sys.argv` what follows.
const TALK: &str = "import dbus, sys, time
bus = dbus.bus.BusConnection(sys.argv[1])
logind = bus.get_object('org.freedesktop.login1', '/org/freedesktop/login1')
m = dbus.Interface(logind, 'org.freedesktop.DBus.Mock')
L = dbus.Interface(logind, 'org.freedesktop.login1.Manager')
MANAGER = 'org.freedesktop.login1.Manager'
";

/// The real one says so, too, before the PC sleeps.
const SUSPENDS: &str = "m.AddMethod(MANAGER, 'Suspend', 'b', '',
    f'self.EmitSignal(\"{MANAGER}\", \"PrepareForSleep\", \"b\", [True])')";

/// The agent, enrolled or not.
#[derive(Debug)]
pub struct Agent<'o> {
    ns: &'o Netns,
    host: String,
    folder: PathBuf,
    process: Option<Process>,
    _bus: Vec<Process>,
}

/// Where the agent's binary is: `PASSERELLE_AGENT_BIN`, or where cargo builds it.
///
/// # Errors
/// It is not there.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PASSERELLE_AGENT_BIN")
        .map_or_else(|| target_directory().join("debug/passerelle-agent"), PathBuf::from);
    let path = std::path::absolute(path)?;
    ensure!(path.exists(), "{} is missing; `cargo build -p passerelle-agent` makes it", path.display());
    Ok(path)
}

impl<'o> Agent<'o> {
    /// On this PC, not enrolled yet; with a logind that knows of nobody.
    ///
    /// # Errors
    /// dbus-daemon or python-dbusmock is missing or does not start.
    pub fn on(office: &Office, ns: &'o Netns) -> anyhow::Result<Self> {
        let folder = office.directory().join(format!("agent-{}", ns.name()));
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("bus.conf");
        let listen = format!("unix:path={}", folder.join("bus").display());
        let text = format!("<busconfig><type>system</type><listen>{listen}</listen>{POLICY}</busconfig>");
        std::fs::write(&config, text)?;
        let daemon = ns.spawn(["dbus-daemon", "--nofork", &format!("--config-file={}", config.display())])?;
        wait_until("the bus of the PC", LIMIT, || Ok(folder.join("bus").exists().then_some(())))?;
        let argv = ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "logind"];
        let mock = ns.spawn_as("logind", argv, &[("DBUS_SYSTEM_BUS_ADDRESS", &listen)], None)?;
        let agent = Self { ns, host: ns.name().to_owned(), folder, process: None, _bus: vec![daemon, mock] };
        wait_until("logind on it", LIMIT, || Ok(agent.talk("L.ListSessions()", &[]).is_ok().then_some(())))?;
        agent.talk(SUSPENDS, &[])?;
        Ok(agent)
    }

    /// It calls itself so, whatever machine it is on.
    #[must_use]
    pub fn calling_itself(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    fn bus(&self) -> String {
        format!("unix:path={}", self.folder.join("bus").display())
    }

    /// What a program of the PC's is started by: a namespace of the network's has no host name of its own.
    fn named(&self) -> [&str; 6] {
        ["unshare", "--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", &self.host]
    }

    fn config(&self) -> String {
        self.folder.join("agent.toml").display().to_string()
    }

    /// Enrols it with this token.
    ///
    /// # Errors
    /// It was refused; the message is its own.
    pub fn enrol(&self, gateway: &str, token: &str) -> anyhow::Result<()> {
        let state = self.folder.join("state");
        if !self.folder.join("agent.toml").exists() {
            let text = format!("gateway = \"{gateway}\"\nstate_dir = \"{}\"\n", state.display());
            std::fs::write(self.folder.join("agent.toml"), text)?;
        }
        let program = binary()?.display().to_string();
        let config = self.config();
        let argv = [program.as_str(), "--config", &config, "enrol", "--gateway", gateway, "--token-file", "-"];
        let out = self.ns.run_with(self.named().into_iter().chain(argv), token)?;
        ensure!(out.ok(), "enrol: {}", out.both());
        Ok(())
    }

    /// Starts the service.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn run(&mut self) -> anyhow::Result<()> {
        let program = binary()?.display().to_string();
        let config = self.config();
        let argv = self.named().into_iter().chain([program.as_str(), "--config", &config, "run"]);
        let env = [("DBUS_SYSTEM_BUS_ADDRESS", self.bus())];
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.process = Some(self.ns.spawn_as("passerelle-agent", argv, &env, None)?);
        Ok(())
    }

    /// The running service.
    ///
    /// # Errors
    /// It was not started.
    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().context("the agent does not run")
    }

    /// Somebody signs in at the PC.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn sign_in(&self, id: &str, user: &str) -> anyhow::Result<()> {
        self.sign_in_at(id, user).map(drop)
    }

    /// The same, and when: since 1970, before logind knew.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn sign_in_at(&self, id: &str, user: &str) -> anyhow::Result<Duration> {
        let code = "print(time.time())
path = m.AddSession(sys.argv[2], 'seat0', dbus.UInt32(65534), sys.argv[3], True)
m.EmitSignal(MANAGER, 'SessionNew', 'so', [sys.argv[2], dbus.ObjectPath(path)])";
        moment(&self.talk(code, &[id, user])?)
    }

    /// They sign out.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn sign_out(&self, id: &str) -> anyhow::Result<()> {
        self.sign_out_at(id).map(drop)
    }

    /// The same, and when: since 1970, before logind knew.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn sign_out_at(&self, id: &str) -> anyhow::Result<Duration> {
        let code = "print(time.time())
path = [str(s[4]) for s in L.ListSessions() if s[0] == sys.argv[2]][0]
m.RemoveObject(path)
m.EmitSignal(MANAGER, 'SessionRemoved', 'so', [sys.argv[2], dbus.ObjectPath(path)])";
        moment(&self.talk(code, &[id])?)
    }

    /// The PC is about to sleep.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn prepare_for_sleep(&self) -> anyhow::Result<()> {
        self.talk("m.EmitSignal(MANAGER, 'PrepareForSleep', 'b', [True])", &[]).map(drop)
    }

    /// It has slept, and is back.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.talk("m.EmitSignal(MANAGER, 'PrepareForSleep', 'b', [False])", &[]).map(drop)
    }

    /// How often logind was told to suspend the PC.
    ///
    /// # Errors
    /// The mock does not answer.
    pub fn suspended(&self) -> anyhow::Result<usize> {
        let said =
            self.talk("print(len(m.GetMethodCalls('Suspend')) + len(m.GetMethodCalls('SuspendWithFlags')))", &[])?;
        said.trim().parse().with_context(|| format!("a number, not {said}"))
    }

    fn talk(&self, code: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let (script, bus) = (format!("{TALK}{code}"), self.bus());
        let argv = ["/usr/bin/python3", "-c", &script, &bus].into_iter().chain(arguments.iter().copied());
        self.ns.ok(argv)
    }
}

fn moment(said: &str) -> anyhow::Result<Duration> {
    let seconds = said.trim().parse().with_context(|| format!("a moment, not {said}"))?;
    Ok(Duration::try_from_secs_f64(seconds)?)
}
