//! The product in the office: its real binary on the machine `gw`, driven by its command line as IT would.

mod api;
mod cast;
mod cli;
mod clock;
pub mod disk;
pub mod postgres;
pub mod units;
mod web;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::Signal;
use serde_json::Value;

use self::disk::Disk;
use self::postgres::Postgres;
pub use api::Answer;
pub use cast::{Cast, Device, PASSWORD, Person};
pub use units::Users;
pub use web::{Page, Web};

use crate::addresses::{GATEWAY, GATEWAY_LAN, OFFICE_DNS};
use crate::place::Office;
use crate::process::{Process, signal_pid, wait_until};
use crate::wireguard::target_directory;

/// The public name of the gateway.
pub const NAME: &str = "door.example.org";

/// From start to both locks in force.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a unit gives a process to end is nine times as much.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// One of the two locks of the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// In `net` itself.
    First,
    /// nftables.
    Second,
}

/// What the data plane finds when it calls `nft`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nft {
    /// Debian's.
    #[default]
    Real,
    /// No such program.
    Missing,
    /// One that always fails.
    Failing,
}

/// Where the gateway keeps its database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In a file, where there is room.
    #[default]
    File,
    /// In a file on a disk of so many MB, which can be filled.
    Small(u32),
    /// On a PostgreSQL server of its own.
    Postgres,
}

/// How a gateway is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct GatewayOptions {
    /// This lock lets everything pass (a switch for tests only), so that the other is seen alone.
    pub open: Option<Lock>,
    /// What the data plane finds as `nft` from the start.
    pub nft: Nft,
    /// As whom the processes run.
    pub users: Users,
    /// Where the office LAN is answered.
    pub lan: Lan,
    /// Where the database is.
    pub storage: Storage,
    /// The router forwards TCP 443 to the door for invitations.
    pub internet: bool,
}

/// Where the office LAN reaches portal and names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lan {
    /// Nowhere.
    #[default]
    Nowhere,
    /// On ports that the configuration names: 8443, and [`LAN_DNS`].
    Named,
    /// On 443, 80 and 53, as `passerelle-office@.socket` hands them in.
    Handed,
}

/// Where [`Lan::Named`] answers for names.
pub const LAN_DNS: u16 = 5300;

/// The two processes of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The data plane.
    Net,
    /// Everything else.
    Serve,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Serve => "serve",
        }
    }
}

/// The gateway, set up and running. Dropped, it is killed.
#[derive(Debug)]
pub struct Gateway<'o> {
    office: &'o Office,
    directory: PathBuf,
    open: Option<Lock>,
    users: Users,
    lan: Lan,
    net: Option<Process>,
    serve: Option<Process>,
    disk: Option<Disk>,
    postgres: Option<Postgres>,
    clock: Option<PathBuf>,
    /// Token of the first administrator's invitation.
    pub admin_token: String,
}

/// Where the product's binary is: `PASSERELLE_BIN`, or where cargo builds it.
///
/// # Errors
/// It is not there.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path =
        std::env::var_os("PASSERELLE_BIN").map_or_else(|| target_directory().join("debug/passerelle"), PathBuf::from);
    let path = std::path::absolute(path)?;
    ensure!(path.exists(), "{} is missing; `cargo build -p passerelle` makes it", path.display());
    Ok(path)
}

impl<'o> Gateway<'o> {
    /// Sets a gateway up in the office, and starts both processes; ends when both locks are in force, or, where
    /// `nft` is not the real one, when the processes answer.
    ///
    /// # Errors
    /// The binary is missing, `setup` fails, or the gateway does not get ready.
    pub fn start(office: &'o Office, options: GatewayOptions) -> anyhow::Result<Self> {
        let directory = office.directory().join("gateway");
        fs::create_dir_all(&directory)?;
        let at = directory.display();
        let lan = match options.lan {
            Lan::Named => {
                format!("office_listen = [\"{GATEWAY_LAN}:8443\"]\noffice_dns = [\"{GATEWAY_LAN}:{LAN_DNS}\"]\n")
            }
            Lan::Nowhere | Lan::Handed => String::new(),
        };
        let internet =
            if options.internet { format!("internet_listen = [\"{GATEWAY}:443\"]\n") } else { String::new() };
        let mut text = format!(
            "state_dir = \"{at}/state\"\nruntime_dir = \"{at}/run\"\ninterface = \"pass0\"\n{lan}{internet}also_named = [\"localhost\", \"127.0.0.1\"]\n"
        );
        let (mut disk, mut postgres) = (None, None);
        match options.storage {
            Storage::File => {}
            Storage::Small(megabytes) => disk = Some(Disk::mount(&directory.join("state"), megabytes)?),
            Storage::Postgres => {
                let server = Postgres::start(office)?;
                text.push_str(&format!("database = \"{}\"\n", server.url()));
                postgres = Some(server);
            }
        }
        fs::write(directory.join("passerelle.toml"), text)?;
        let mut gateway = Self {
            office,
            directory,
            open: options.open,
            users: options.users,
            lan: options.lan,
            net: None,
            serve: None,
            disk,
            postgres,
            clock: None,
            admin_token: String::new(),
        };
        gateway.nft(options.nft)?;
        if options.users != Users::Root {
            gateway.prepare_for_units()?;
        }
        let endpoint = format!("{GATEWAY}:51820");
        let resolver = OFFICE_DNS.to_string();
        let set_up = gateway.cli(&[
            "setup",
            "--yes",
            "--no-probe",
            "--organisation",
            "Example Joiners",
            "--name",
            NAME,
            "--endpoint",
            &endpoint,
            "--office-interface",
            "lan0",
            "--resolver",
            &resolver,
            "--office-zone",
            "office.lan",
            "--admin",
            "ada",
        ])?;
        gateway.admin_token = text_at(&set_up, "/token")?;
        gateway.launch(Role::Net)?;
        gateway.launch(Role::Serve)?;
        if options.nft == Nft::Real {
            gateway.wait_until_ready()?;
        } else {
            wait_until("the gateway answers", START_LIMIT, || Ok(gateway.status().ok()))?;
        }
        Ok(gateway)
    }

    /// The office it is in.
    #[must_use]
    pub fn office(&self) -> &'o Office {
        self.office
    }

    /// Waits until the data plane answers and both locks are in force.
    ///
    /// # Errors
    /// They are not, half a minute later.
    pub fn wait_until_ready(&self) -> anyhow::Result<Duration> {
        let mut last = None;
        let ready = wait_until("both locks are in force", START_LIMIT, || {
            let status = match self.status() {
                Ok(status) => status,
                Err(e) => {
                    last = Some(format!("{e:#}"));
                    return Ok(None);
                }
            };
            let up = status.pointer("/link") == Some(&Value::from("up"));
            let locked = status.pointer("/firewall/in_force") == Some(&Value::from(true));
            let carried_out = status.get("carried_out") == status.get("epoch");
            last = Some(status.to_string());
            Ok((up && locked && carried_out).then_some(()))
        });
        let (_, took) = ready.with_context(|| format!("the last answer was {}", last.unwrap_or_default()))?;
        Ok(took)
    }

    /// Starts one of the processes.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn launch(&mut self, role: Role) -> anyhow::Result<()> {
        let (argv, handed) = match self.users {
            Users::Root => (vec![binary()?.to_string_lossy().into_owned()], None),
            Users::Units { handed } => self.as_unit(role, handed)?,
        };
        // Closed here once the process has them.
        let on_lan = if role == Role::Serve && self.lan == Lan::Handed { self.lan_sockets()? } else { Vec::new() };
        let argv = units::handed_over(&on_lan, argv);
        let process = self.spawn(argv, role.word(), handed)?;
        *self.slot(role) = Some(process);
        Ok(())
    }

    /// Ends both processes and starts `passerelle run` in their place.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn hand_over_to_run(&mut self) -> anyhow::Result<Process> {
        (self.net, self.serve) = (None, None);
        self.spawn(vec![binary()?.to_string_lossy().into_owned()], "run", None)
    }

    fn spawn(&self, mut argv: Vec<String>, word: &str, handed: Option<[OwnedFd; 2]>) -> anyhow::Result<Process> {
        let config = self.config().to_string_lossy().into_owned();
        let nft = self.directory.join("nft").to_string_lossy().into_owned();
        let mut env = vec![("PASSERELLE_LOG", "info"), ("PASSERELLE_NFT", nft.as_str()), ("RUST_BACKTRACE", "1")];
        let clock = self.clock_environment(word);
        env.extend(clock.iter().map(|(name, value)| (*name, value.as_str())));
        match self.open {
            Some(Lock::First) => env.push(("PASSERELLE_TEST_OPEN", "first-lock")),
            Some(Lock::Second) => env.push(("PASSERELLE_TEST_OPEN", "second-lock")),
            None => {}
        }
        argv.extend(["--config", &config, word].map(str::to_owned));
        self.office.gw.spawn_as(&format!("passerelle-{word}"), argv, &env, handed)
    }

    /// The small disk of [`Storage::Small`].
    ///
    /// # Errors
    /// There is none.
    pub fn disk(&self) -> anyhow::Result<&Disk> {
        self.disk.as_ref().context("the gateway has no disk of its own")
    }

    /// The server of [`Storage::Postgres`].
    ///
    /// # Errors
    /// There is none.
    pub fn postgres(&mut self) -> anyhow::Result<&mut Postgres> {
        self.postgres.as_mut().context("the gateway has no PostgreSQL")
    }

    fn slot(&mut self, role: Role) -> &mut Option<Process> {
        match role {
            Role::Net => &mut self.net,
            Role::Serve => &mut self.serve,
        }
    }

    fn process(&self, role: Role) -> anyhow::Result<&Process> {
        let process = match role {
            Role::Net => &self.net,
            Role::Serve => &self.serve,
        };
        process.as_ref().with_context(|| format!("`{}` is not running", role.word()))
    }

    /// The process id.
    ///
    /// # Errors
    /// It is not running.
    pub fn pid(&self, role: Role) -> anyhow::Result<i32> {
        Ok(self.process(role)?.pid())
    }

    /// What the process has logged since it was last started.
    ///
    /// # Errors
    /// It is not running.
    pub fn log(&self, role: Role) -> anyhow::Result<String> {
        Ok(self.process(role)?.log())
    }

    /// `kill -9`, and nothing starts it again before [`Gateway::launch`].
    ///
    /// # Errors
    /// It was not running.
    pub fn kill(&mut self, role: Role) -> anyhow::Result<()> {
        signal_pid(self.pid(role)?, Signal::KILL)?;
        *self.slot(role) = None;
        Ok(())
    }

    /// `SIGTERM`, as at an upgrade, and the time it took to end well; nothing starts it again before
    /// [`Gateway::launch`].
    ///
    /// # Errors
    /// It was not running, complained, or did not end.
    pub fn stop(&mut self, role: Role) -> anyhow::Result<Duration> {
        let mut process = self.slot(role).take().with_context(|| format!("`{}` is not running", role.word()))?;
        let began = Instant::now();
        process.signal(Signal::TERM)?;
        let code = process.wait(STOP_LIMIT)?;
        ensure!(code == 0, "`{}` ended with {code}: {}", role.word(), process.log());
        Ok(began.elapsed())
    }

    /// Starts another gateway's control plane on the same database, which must end by itself; and what it said.
    ///
    /// # Errors
    /// It goes on.
    pub fn second_serve(&self) -> anyhow::Result<String> {
        let directory = self.directory.join("second");
        fs::create_dir_all(directory.join("state"))?;
        fs::copy(self.state().join("seal.key"), directory.join("state/seal.key"))?;
        let (ours, its) = (self.directory.display().to_string(), directory.display().to_string());
        let text = fs::read_to_string(self.config())?.replace(&format!("{ours}/state"), &format!("{its}/state"));
        let text = text.replace(&format!("{ours}/run"), &format!("{its}/run"));
        let config = directory.join("passerelle.toml");
        fs::write(&config, text)?;
        let argv =
            [binary()?.to_string_lossy().into_owned(), "--config".into(), config.display().to_string(), "serve".into()];
        let mut process = self.office.gw.spawn_as("passerelle-second", argv, &[], None)?;
        let code = process.wait(START_LIMIT).context("a second gateway runs on the same database")?;
        ensure!(code != 0, "a second gateway ended as if all were well");
        Ok(process.log())
    }

    /// `SIGSTOP`: it is there, and does nothing.
    ///
    /// # Errors
    /// It is not running.
    pub fn freeze(&self, role: Role) -> anyhow::Result<()> {
        signal_pid(self.pid(role)?, Signal::STOP)
    }

    /// `SIGCONT`.
    ///
    /// # Errors
    /// It is not running.
    pub fn thaw(&self, role: Role) -> anyhow::Result<()> {
        signal_pid(self.pid(role)?, Signal::CONT)
    }

    /// Changes what the data plane finds as `nft` from now on.
    ///
    /// # Errors
    /// The file cannot be replaced.
    pub fn nft(&self, what: Nft) -> anyhow::Result<()> {
        let path = self.directory.join("nft");
        let _ = fs::remove_file(&path);
        match what {
            Nft::Real => symlink("/usr/sbin/nft", &path)?,
            Nft::Missing => {}
            Nft::Failing => {
                fs::write(&path, "#!/bin/sh\necho 'Error: Could not process rule: Out of memory' >&2\nexit 1\n")?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("passerelle.toml")
    }

    /// Where the database is.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    fn api_socket(&self) -> PathBuf {
        self.directory.join("run/api.sock")
    }
}

/// A text in a JSON document, by its path.
pub(crate) fn text_at(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no text at {pointer} in {value}"))
}
