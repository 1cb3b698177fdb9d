//! One network namespace: one machine of the virtual office.
//!
//! Programs run by `ip netns exec`, which lays `/etc/netns/<name>/` over `/etc`; that is where the machine's own
//! `resolv.conf` and `passwd` are. Our own code runs in it on a thread that has entered it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::{Output, Process, finish, tail};

/// No program of a test runs longer, in seconds.
const RUN_LIMIT_S: &str = "120";

/// A namespace. It is removed with the office it belongs to.
#[derive(Debug)]
pub struct Netns {
    short: &'static str,
    full: String,
    logs: PathBuf,
    spawned: AtomicU32,
}

/// What the kernel counted of UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpErrors {
    /// Reached a socket.
    pub received: u64,
    /// Had a wrong checksum.
    pub checksum: u64,
    /// Found a full receive buffer.
    pub overrun: u64,
}

impl Netns {
    /// Makes it, with the loopback up and IPv6 addresses usable at once.
    pub(crate) fn create(prefix: &str, short: &'static str, logs: &Path) -> anyhow::Result<Self> {
        let full = format!("{prefix}-{short}");
        let made = finish(Command::new("ip").args(["netns", "add", &full]))?;
        ensure!(made.ok(), "ip netns add {full}: {}", made.stderr);
        std::fs::create_dir_all(format!("/etc/netns/{full}")).context("create /etc/netns")?;
        let ns = Self { short, full, logs: logs.to_owned(), spawned: AtomicU32::new(0) };
        // Duplicate address detection would hold every new address back for a second.
        for which in ["all", "default"] {
            ns.sysctl(&format!("net/ipv6/conf/{which}/accept_dad"), "0")?;
            ns.sysctl(&format!("net/ipv6/conf/{which}/accept_ra"), "0")?;
        }
        ns.ip("link set lo up")?;
        Ok(ns)
    }

    /// What it is called in the office: `home-a`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.short
    }

    /// What the kernel calls it: `po4711n0-home-a`.
    #[must_use]
    pub fn full_name(&self) -> &str {
        &self.full
    }

    /// A file that stands over `/etc/<name>` for programs started here.
    #[must_use]
    pub fn etc(&self, name: &str) -> PathBuf {
        Path::new("/etc/netns").join(&self.full).join(name)
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>, limit: Option<&str>) -> Command {
        let mut command;
        if let Some(limit) = limit {
            command = Command::new("timeout");
            command.args(["--kill-after=1", limit, "ip"]);
        } else {
            command = Command::new("ip");
        }
        command.args(["netns", "exec", &self.full]).args(argv);
        command
    }

    /// Runs a program to its end (two minutes at most).
    ///
    /// # Errors
    /// It could not be started. Its own failure is in the output.
    pub fn run<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> anyhow::Result<Output> {
        finish(self.command(argv, Some(RUN_LIMIT_S)).stdin(Stdio::null()))
    }

    /// The same with a text on its standard input.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run_with<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>, input: &str) -> anyhow::Result<Output> {
        let mut file = tempfile::tempfile().context("temporary file for standard input")?;
        file.write_all(input.as_bytes())?;
        std::io::Seek::rewind(&mut file)?;
        finish(self.command(argv, Some(RUN_LIMIT_S)).stdin(file))
    }

    /// Runs a program that must end well, and gives its standard output.
    ///
    /// # Errors
    /// It did not end well; the message holds what it said.
    pub fn ok<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> anyhow::Result<String> {
        let argv: Vec<S> = argv.into_iter().collect();
        let shown: Vec<String> = argv.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
        let out = self.run(argv)?;
        ensure!(
            out.ok(),
            "on {}: `{}` ended with {}: {}",
            self.short,
            shown.join(" "),
            out.code,
            tail(&out.both(), 12)
        );
        Ok(out.stdout)
    }

    /// Starts a program that runs until the returned value is dropped.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> anyhow::Result<Process> {
        self.spawn_with(argv, &[])
    }

    /// The same with variables in its environment.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn_with<S: AsRef<OsStr>>(
        &self,
        argv: impl IntoIterator<Item = S>,
        env: &[(&str, &str)],
    ) -> anyhow::Result<Process> {
        let argv: Vec<S> = argv.into_iter().collect();
        let program = argv.first().map(|a| Path::new(a.as_ref()).file_name().unwrap_or_default().to_owned());
        let program = program.context("a program to start")?.to_string_lossy().into_owned();
        self.spawn_as(&program, argv, env, None)
    }

    /// The same under a name for its log; with sockets as its standard input and output.
    pub(crate) fn spawn_as<S: AsRef<OsStr>>(
        &self,
        program: &str,
        argv: impl IntoIterator<Item = S>,
        env: &[(&str, &str)],
        sockets: Option<[OwnedFd; 2]>,
    ) -> anyhow::Result<Process> {
        let nth = self.spawned.fetch_add(1, Ordering::Relaxed);
        let log = self.logs.join(format!("{}-{nth}-{program}.log", self.short));
        let mut command = self.command(argv, None);
        command.envs(env.iter().copied());
        Process::start(&format!("{program} on {}", self.short), &mut command, &log, sockets)
    }

    /// Runs our own code on a thread inside the namespace; sockets it makes stay there.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the code failed.
    pub fn within<T: Send>(&self, code: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter()?;
                code()
            });
            inside.join().map_err(|_| anyhow!("the thread inside {} panicked", self.short))?
        })
        .with_context(|| format!("on {}", self.short))
    }

    fn enter(&self) -> anyhow::Result<()> {
        Self::enter_by_name(&self.full)
    }

    /// Moves the calling thread into a namespace, by its full name, for good.
    ///
    /// # Errors
    /// The namespace is gone, or we are not root.
    pub fn enter_by_name(full_name: &str) -> anyhow::Result<()> {
        let file = File::open(Path::new("/run/netns").join(full_name)).context("open namespace")?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).context("enter namespace")
    }

    /// Sets a value below `/proc/sys`.
    ///
    /// # Errors
    /// There is no such value.
    pub fn sysctl(&self, path: &str, value: &str) -> anyhow::Result<()> {
        self.within(|| std::fs::write(Path::new("/proc/sys").join(path), value).context(path.to_owned()))
    }

    /// Datagrams the machine has dropped so far, IPv4 and IPv6 together.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn udp_errors(&self) -> anyhow::Result<UdpErrors> {
        self.within(|| {
            let (v4, v6) = ("/proc/thread-self/net/snmp", "/proc/thread-self/net/snmp6");
            let (v4, v6) = (std::fs::read_to_string(v4)?, std::fs::read_to_string(v6)?);
            let mut lines = v4.lines().filter(|l| l.starts_with("Udp:"));
            let (names, values) = (lines.next().context("names")?, lines.next().context("values")?);
            let of = |name: &str| -> u64 {
                let four = names.split(' ').zip(values.split(' ')).find(|(n, _)| *n == name).map(|(_, v)| v);
                let six = v6
                    .lines()
                    .find_map(|l| l.strip_prefix("Udp6")?.strip_prefix(name)?.starts_with([' ', '\t']).then_some(l));
                let six = six.and_then(|l| l.split_whitespace().last());
                [four, six].into_iter().flatten().filter_map(|v| v.parse::<u64>().ok()).sum()
            };
            Ok(UdpErrors { checksum: of("InCsumErrors"), overrun: of("RcvbufErrors"), received: of("InDatagrams") })
        })
    }

    /// Runs `ip` commands, one a line.
    ///
    /// # Errors
    /// One of them failed.
    pub fn ip(&self, lines: &str) -> anyhow::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(lines.as_bytes())?;
        std::io::Seek::rewind(&mut file)?;
        let out = finish(Command::new("ip").args(["-n", &self.full, "-batch", "-"]).stdin(file))?;
        ensure!(out.ok(), "ip on {}: {}\n{lines}", self.short, out.stderr);
        Ok(())
    }

    /// Loads an nftables text.
    ///
    /// # Errors
    /// nft refused it.
    pub fn nft(&self, text: &str) -> anyhow::Result<()> {
        let out = self.run_with(["nft", "-f", "-"], text)?;
        ensure!(out.ok(), "nft on {}: {}", self.short, out.stderr);
        Ok(())
    }

    /// Writes the machine's `resolv.conf`, in place: running programs see it too.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn resolve_by(&self, servers: &[String], search: &[String]) -> anyhow::Result<()> {
        let mut text: String = servers.iter().map(|s| format!("nameserver {s}\n")).collect();
        if !search.is_empty() {
            text.push_str(&format!("search {}\n", search.join(" ")));
        }
        text.push_str("options timeout:2 attempts:2\n");
        std::fs::write(self.etc("resolv.conf"), text).context("write resolv.conf")
    }
}
