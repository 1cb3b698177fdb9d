//! Office PCs whose desktop is looked at: FreeRDP's server of a real X screen (NLA, against a file of passwords), and
//! Weston (TLS alone, no password). Both send a picture that can be compared, and neither looks anybody up. A third one,
//! which `make test-all` builds, tells which keys and clipboards reached it.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::Signal;

use crate::netns::Netns;
use crate::place::Office;
use crate::probe::connect;
use crate::process::{Process, wait_until};
use crate::rdp::Screen;

/// They answer well within this.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Who may sign in on a [`Shadow`].
pub const USER: &str = "marta";

/// With this password.
pub const PASSWORD: &str = "Desk-Secret-1";

/// What the screen of a [`Shadow`] is painted with, as red, green and blue.
pub const COLOUR: [u8; 3] = [0x20, 0x60, 0xc0];

/// A PC with NLA: one screen, blue, with a terminal on it that keeps what is typed.
#[derive(Debug)]
pub struct Shadow<'o> {
    ns: &'o Netns,
    address: String,
    screen: Screen<'o>,
    _terminal: Process,
    server: Option<Process>,
    home: PathBuf,
}

impl<'o> Shadow<'o> {
    /// On this machine, which has this address.
    ///
    /// # Errors
    /// A program is missing or does not start.
    pub fn on(office: &Office, ns: &'o Netns, address: &str) -> anyhow::Result<Self> {
        let home = office.directory().join(format!("shadow-{}", ns.name()));
        fs::create_dir_all(&home).context("the PC's home")?;
        let screen = Screen::on(ns)?;
        let at = home.to_string_lossy().into_owned();
        let colour: String = COLOUR.iter().map(|part| format!("{part:02x}")).collect();
        let code = screen.program(&["xsetroot", "-solid", &format!("#{colour}")], &at)?.wait(START_LIMIT)?;
        ensure!(code == 0, "xsetroot ended with {code}");
        let keep = format!("exec cat > {}", home.join("typed").display());
        let look = ["-geometry", "60x10+0+0", "-bg", "black", "-fg", "white", "-e", "sh", "-c", &keep];
        let terminal = screen.program(&[&["xterm"], &look[..]].concat(), &at)?;
        let file = home.join("sam");
        fs::write(&file, format!("{USER}:::{}:::\n", hash(ns)?))?;
        let mut pc = Self { ns, address: address.to_owned(), screen, _terminal: terminal, server: None, home };
        pc.serve()?;
        Ok(pc)
    }

    /// It answers, by the same certificate as ever.
    ///
    /// # Errors
    /// It does not.
    pub fn serve(&mut self) -> anyhow::Result<()> {
        let (bind, sam) =
            (format!("/bind-address:{}", self.address), format!("/sam-file:{}", self.home.join("sam").display()));
        // All three are needed: by default it wants NLA and cannot do it.
        let argv = ["freerdp-shadow-cli", "/port:3389", &bind, &sam, "/sec:nla", "+auth"];
        self.server = Some(self.screen.program(&argv, &self.home.to_string_lossy())?);
        answers(self.ns, &self.address)
    }

    /// Its server is gone at once, in the middle of whatever it does.
    ///
    /// # Errors
    /// It was not there.
    pub fn die(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("it serves")?;
        server.signal(Signal::KILL)?;
        server.wait(START_LIMIT).map(drop)
    }

    /// The lines that were typed on it.
    #[must_use]
    pub fn typed(&self) -> String {
        fs::read_to_string(self.home.join("typed")).unwrap_or_default()
    }
}

/// Weston on this machine: TLS alone, whoever comes, at the size that is asked for.
///
/// # Errors
/// A program is missing or does not start.
pub fn weston(office: &Office, ns: &Netns, address: &str) -> anyhow::Result<Process> {
    use std::os::unix::fs::PermissionsExt as _;
    let home = office.directory().join(format!("weston-{}", ns.name()));
    fs::create_dir_all(&home).context("the PC's home")?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
    let [key, certificate] = self_signed(ns, &home)?;
    let options = [
        format!("--address={address}"),
        format!("--rdp-tls-cert={certificate}"),
        format!("--rdp-tls-key={key}"),
        "--port=3389".to_owned(),
    ];
    let usual = ["weston", "--backend=rdp-backend.so", "--width=1024", "--height=768", "--no-config", "--idle-time=0"];
    let argv = usual.into_iter().chain(options.iter().map(String::as_str));
    let server = ns.spawn_with(argv, &[("XDG_RUNTIME_DIR", &home.to_string_lossy())])?;
    answers(ns, address)?;
    Ok(server)
}

/// What a [`Recorder`] takes whoever comes by.
#[derive(Clone, Copy, Debug)]
pub enum Security {
    /// A user name and password, before anything is shown.
    Nla,
    /// TLS alone.
    Tls,
}

/// A PC that writes down every key and clipboard it is sent (`tests/recorder`).
#[derive(Debug)]
pub struct Recorder<'o> {
    ns: &'o Netns,
    address: String,
    home: PathBuf,
    running: Option<(Process, UnixStream)>,
    starts: u32,
}

impl<'o> Recorder<'o> {
    /// On this machine, which has this address.
    ///
    /// # Errors
    /// It was not built, or does not start.
    pub fn on(office: &Office, ns: &'o Netns, address: &str) -> anyhow::Result<Self> {
        let home = office.directory().join(format!("recorder-{}", ns.name()));
        fs::create_dir_all(&home).context("the PC's home")?;
        let mut pc = Self { ns, address: address.to_owned(), home, running: None, starts: 0 };
        pc.change_certificate()?;
        pc.serve(Security::Nla)?;
        Ok(pc)
    }

    /// Another certificate, from when it serves next.
    ///
    /// # Errors
    /// OpenSSL is missing.
    pub fn change_certificate(&self) -> anyhow::Result<()> {
        self_signed(self.ns, &self.home).map(drop)
    }

    /// Serves anew, with nothing said yet.
    ///
    /// # Errors
    /// It was not built, or does not start.
    pub fn serve(&mut self, security: Security) -> anyhow::Result<()> {
        let program =
            std::env::var_os("PASSERELLE_RECORDER").context("PASSERELLE_RECORDER: what `make recorder` built")?;
        self.running = None;
        self.starts += 1;
        let (mut commands, read) = UnixStream::pair()?;
        let said = fs::File::create(self.said_at())?;
        let security = match security {
            Security::Nla => "nla",
            Security::Tls => "tls",
        };
        let (at, home) = (format!("{}:3389", self.address), self.home.to_string_lossy());
        let argv = [&program.to_string_lossy(), at.as_str(), &home, security];
        let process = self.ns.spawn_as("recorder", argv, &[], Some([read.into(), said.into()]))?;
        writeln!(commands, "{USER} {PASSWORD}")?;
        self.running = Some((process, commands));
        answers(self.ns, &self.address)
    }

    fn said_at(&self) -> PathBuf {
        self.home.join(format!("said-{}", self.starts))
    }

    /// The lines that it has said since it serves.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.said_at()).unwrap_or_default()
    }

    /// Has it do something: `copy TEXT`, `offer FILE`.
    ///
    /// # Errors
    /// It has gone.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let (_, commands) = self.running.as_mut().context("it serves")?;
        writeln!(commands, "{line}").context("the recorder")
    }

    /// A file on it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}

/// A key and a certificate in `home`, as Windows makes its own.
fn self_signed(ns: &Netns, home: &Path) -> anyhow::Result<[String; 2]> {
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| home.join(name).to_string_lossy().into_owned());
    let request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=pc"];
    ns.ok([&request[..], &["-keyout", &key, "-out", &certificate]].concat())?;
    Ok([key, certificate])
}

fn answers(ns: &Netns, address: &str) -> anyhow::Result<()> {
    let at = format!("{address}:3389").parse()?;
    wait_until("RDP answers", START_LIMIT, || Ok(connect(ns, at, START_LIMIT)?.is_open().then_some(())))?;
    Ok(())
}

/// What Windows keeps of a password: MD4 of its UTF-16 ([MS-NLMP] 3.3.1, NTOWFv1).
fn hash(ns: &Netns) -> anyhow::Result<String> {
    let wide: String = PASSWORD.chars().flat_map(|c| [c, '\0']).collect();
    // MD4 is old enough to be in OpenSSL's cellar.
    let out = ns.run_with(["openssl", "dgst", "-md4", "-provider", "legacy", "-provider", "default", "-r"], &wide)?;
    ensure!(out.ok(), "openssl: {}", out.both());
    Ok(out.stdout.split_whitespace().next().context("a hash")?.to_owned())
}
