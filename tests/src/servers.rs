//! The servers of the office and of the internet, and what a person does with the file share.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;

use crate::addresses::{FILES, OFFICE_DNS, PUBLIC_DNS};
use crate::netns::Netns;
use crate::place::Office;
use crate::plan::zones;
use crate::probe::{Listener, connect};
use crate::process::{Output, Process, wait_until};

/// The shares of the file server.
pub const SHARES: [&str; 2] = ["accounts", "drawings"];
/// The file server's DFS root: links to other servers' shares.
pub const DFS: &str = "dfs";
/// The share of the second file server.
pub const ARCHIVE: &str = "plans";
/// The one user Samba knows.
pub const SMB_USER: &str = "clerk";
/// Its password.
pub const SMB_PASSWORD: &str = "paper-and-ink-7";

/// A server that has not answered after this is broken.
const START_LIMIT: Duration = Duration::from_secs(20);
/// One chunk of the endless stream.
const CHUNK: usize = 16 * 1024;

/// All servers, running.
#[derive(Debug)]
pub struct Servers {
    _processes: Vec<Process>,
    files: Process,
    office_dns: Process,
    office_forwards: PathBuf,
    /// What answers RDP on the office PC.
    pub rdp: &'static str,
    /// File server, port 8080: open on the LAN, published to nobody.
    pub files_8080: Listener,
    /// Office PC, port 8080: open on the LAN, published to nobody.
    pub pc_8080: Listener,
    /// Office PC, port 9000: sends bytes as fast as they are taken, for ever.
    pub stream_9000: Listener,
    /// The gateway machine's own port 8022, on all its addresses.
    pub gw_8022: Listener,
    /// The machine at home-a with the file server's address; its SMB port.
    pub twin_445: Listener,
    /// The public web server.
    pub web_80: Listener,
}

impl Servers {
    pub(crate) fn start(office: &Office) -> anyhow::Result<Self> {
        let dir = office.directory();
        let (public, private) = zones();
        let mut processes = Vec::new();
        processes.push(dnsmasq(
            &office.internet,
            &dir.join("public-dns.conf"),
            &format!("listen-address={PUBLIC_DNS},2001:db8:53::53\n{public}"),
        )?);
        let office_forwards = dir.join("office-forwards.conf");
        fs::write(&office_forwards, "")?;
        let forwards = format!("server={PUBLIC_DNS}\nservers-file={}", office_forwards.display());
        let office_dns = dnsmasq(
            &office.odns,
            &dir.join("office-dns.conf"),
            &format!("listen-address={OFFICE_DNS},fd5e:ff1:ce::1\n{forwards}\n{private}"),
        )?;
        let root = dfs_root(office);
        fs::create_dir_all(&root)?;
        let dfs = format!("[{DFS}]\npath = {}\nmsdfs root = yes\n", root.display());
        let files = samba(office, &office.files, "files", &SHARES, &dfs)?;
        let (rdp, name) = rdp(office)?;
        processes.push(rdp);
        let servers = Self {
            _processes: processes,
            files,
            office_dns,
            office_forwards,
            rdp: name,
            files_8080: Listener::open(&office.files, 8080, "files 8080\n")?,
            stream_9000: Listener::serve(&office.pc, 9000, endless)?,
            pc_8080: Listener::open(&office.pc, 8080, "pc 8080\n")?,
            gw_8022: Listener::open(&office.gw, 8022, "gateway 8022\n")?,
            twin_445: Listener::open(&office.nas_a, 445, "a machine at home, not the office\n")?,
            web_80: Listener::open(&office.internet, 80, "HTTP/1.0 200 OK\r\n\r\nwww.example.org\n")?,
        };
        wait_until("Samba answers on the office LAN", START_LIMIT, || {
            Ok(list(office, &office.pc, &FILES.to_string())?.ok().then_some(()))
        })?;
        wait_until("RDP answers on the office LAN", START_LIMIT, || {
            Ok(connect(&office.files, "192.168.1.20:3389".parse()?, START_LIMIT)?.is_open().then_some(()))
        })?;
        wait_until("the office's DNS answers for both zones", START_LIMIT, || {
            let ask = |name| office.pc.run(["dig", "+short", "+tries=1", "+time=1", name]);
            Ok((ask("www.example.org")?.stdout.contains("203.0.113.80")
                && ask("files.office.lan")?.stdout.contains("192.168.1.10"))
            .then_some(()))
        })?;
        Ok(servers)
    }
}

impl Servers {
    /// What the office's DNS server asks others for (conditional forwarding): dnsmasq's `server=` lines.
    ///
    /// # Errors
    /// It does not run.
    pub fn office_forwards(&self, lines: &str) -> anyhow::Result<()> {
        fs::write(&self.office_forwards, lines).context("write the office's forwards")?;
        self.office_dns.signal(Signal::HUP)
    }
}

impl Servers {
    /// Tells the file server's Samba: `STOP` halts it (connections are taken, and nothing is said), `CONT` lets it go on,
    /// `TERM` ends it for good.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal_files(&self, signal: Signal) -> anyhow::Result<()> {
        self.files.signal(signal)
    }
}

fn endless(mut stream: TcpStream) {
    let chunk = [0x5a; CHUNK];
    let _ = stream.set_write_timeout(Some(Duration::from_secs(60)));
    while stream.write_all(&chunk).is_ok() {}
}

fn dnsmasq(ns: &Netns, file: &Path, zone: &str) -> anyhow::Result<Process> {
    let text = format!("port=53\nbind-interfaces\nno-hosts\nno-resolv\nuser=root\npid-file=\nlocal-ttl=5\n{zone}");
    fs::write(file, text).context("write dnsmasq's configuration")?;
    let conf = format!("--conf-file={}", file.display());
    ns.spawn(["dnsmasq", "--keep-in-foreground", "--log-facility=-", &conf])
}

/// A real smbd with nothing of the host's: own configuration, own users, own state.
fn samba(office: &Office, ns: &Netns, name: &str, shares: &[&str], more: &str) -> anyhow::Result<Process> {
    let dir = office.directory().join("samba").join(name);
    for sub in ["private", "state", "cache", "lock", "pid", "ncalrpc"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let at = dir.display();
    let mut conf = format!(
        "[global]\nworkgroup = OFFICE\nnetbios name = {name}\nserver role = standalone server\nsmb ports = 445\n\
         disable netbios = yes\nserver min protocol = SMB2\nserver signing = default\nload printers = no\n\
         passdb backend = tdbsam:{at}/private/passdb.tdb\nprivate dir = {at}/private\nstate directory = {at}/state\n\
         cache directory = {at}/cache\nlock directory = {at}/lock\npid directory = {at}/pid\n\
         ncalrpc dir = {at}/ncalrpc\nlog level = 1\n"
    );
    for share in shares {
        let path = share_path(office, share);
        fs::create_dir_all(&path)?;
        fs::write(path.join("README.txt"), format!("This is {share}.\n"))?;
        conf.push_str(&format!("[{share}]\npath = {}\nread only = no\nforce user = root\n", path.display()));
    }
    conf.push_str(more);
    let conf_file = dir.join("smb.conf");
    fs::write(&conf_file, conf)?;
    // The user exists on this machine of the office only.
    let mut passwd = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    passwd.push_str(&format!("{SMB_USER}:x:64999:65534::/nonexistent:/usr/sbin/nologin\n"));
    fs::write(ns.etc("passwd"), passwd)?;
    let conf_file = conf_file.to_string_lossy().into_owned();
    let twice = format!("{SMB_PASSWORD}\n{SMB_PASSWORD}\n");
    let added = ns.run_with(["smbpasswd", "-c", &conf_file, "-s", "-a", SMB_USER], &twice)?;
    ensure!(added.ok(), "smbpasswd: {}", added.both());
    let conf = format!("--configfile={conf_file}");
    ns.spawn(["smbd", "--foreground", "--no-process-group", "--debug-stdout", &conf])
}

fn dfs_root(office: &Office) -> PathBuf {
    office.directory().join("dfs")
}

fn share_path(office: &Office, share: &str) -> PathBuf {
    office.directory().join("shares").join(share)
}

/// Debian's xrdp where it is installed; otherwise a listener that answers the X.224 negotiation and nothing more.
fn rdp(office: &Office) -> anyhow::Result<(Process, &'static str)> {
    let ns = &office.pc;
    if Path::new("/usr/sbin/xrdp").exists() {
        // Its process id file has a fixed place; a private /run/xrdp keeps several offices, and the host, apart.
        let script = "mkdir -p /run/xrdp && mount -t tmpfs none /run/xrdp && exec /usr/sbin/xrdp --nodaemon";
        return Ok((ns.spawn(["sh", "-c", script])?, "xrdp"));
    }
    bail!("xrdp is missing: `make install-deps` installs it")
}

fn smb_conf(office: &Office) -> anyhow::Result<String> {
    let dir = office.directory().join("smbclient");
    fs::create_dir_all(&dir)?;
    let conf = dir.join("smb.conf");
    let at = dir.display();
    let text = format!(
        "[global]\nworkgroup = OFFICE\nprivate dir = {at}\nstate directory = {at}\ncache directory = {at}\n\
         lock directory = {at}\npid directory = {at}\nclient min protocol = SMB2\nname resolve order = host\nname cache timeout = 0\n"
    );
    fs::write(&conf, text)?;
    Ok(conf.to_string_lossy().into_owned())
}

fn smbclient(conf: &str, service: &str) -> Vec<String> {
    let user = format!("{SMB_USER}%{SMB_PASSWORD}");
    ["smbclient", "-s", conf, "-U", &user, "--use-kerberos=off", "-t", "60", service].map(str::to_owned).into()
}

/// Lists the shares of a server, as seen from a machine.
///
/// # Errors
/// smbclient cannot be started; its own failure is in the output.
pub(crate) fn list(office: &Office, from: &Netns, server: &str) -> anyhow::Result<Output> {
    let mut argv = smbclient(&smb_conf(office)?, "-L");
    argv.push(server.to_owned());
    from.run(argv)
}

impl Office {
    /// Lists the shares of a server, as seen from a machine.
    ///
    /// # Errors
    /// smbclient cannot be started; its own failure is in the output.
    pub fn list_shares(&self, from: &Netns, server: &str) -> anyhow::Result<Output> {
        list(self, from, server)
    }

    /// Does something on a share: `ls`, `get README.txt -`.
    ///
    /// # Errors
    /// smbclient cannot be started; its own failure is in the output.
    pub fn smb(&self, from: &Netns, server: &str, share: &str, command: &str) -> anyhow::Result<Output> {
        let mut argv = smbclient(&smb_conf(self)?, &format!("//{server}/{share}"));
        argv.extend(["-c".to_owned(), command.to_owned()]);
        from.run(argv)
    }

    /// A second file server, `archive.office.lan`, on a second address of the office PC; on a third one it is
    /// `vault.office.lan`.
    ///
    /// # Errors
    /// It does not come up.
    pub fn second_file_server(&self) -> anyhow::Result<Process> {
        self.pc.ip("addr add 192.168.1.21/24 dev eth0\naddr add 192.168.1.22/24 dev eth0\n")?;
        let samba = samba(self, &self.pc, "archive", &[ARCHIVE], "")?;
        wait_until("the second file server answers", START_LIMIT, || {
            Ok(list(self, &self.files, "archive.office.lan")?.ok().then_some(()))
        })?;
        Ok(samba)
    }

    /// A link in the file server's DFS root.
    ///
    /// # Errors
    /// It is there already.
    pub fn dfs_link(&self, name: &str, server: &str, share: &str) -> anyhow::Result<()> {
        let to = format!("msdfs:{server}\\{share}");
        std::os::unix::fs::symlink(to, dfs_root(self).join(name)).context("make a DFS link")
    }

    /// Puts a file of so many megabytes on a share, whose content cannot be compressed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn big_file(&self, share: &str, megabytes: u32) -> anyhow::Result<BigFile> {
        let name = format!("plan-{megabytes}.bin");
        let path = share_path(self, share).join(&name);
        let mut out = std::io::BufWriter::new(fs::File::create(&path)?);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..u64::from(megabytes) * (1 << 20) / 8 {
            // xorshift64: Marsaglia, "Xorshift RNGs", 2003.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.write_all(&state.to_le_bytes())?;
        }
        out.flush()?;
        drop(out);
        Ok(BigFile { share: share.to_owned(), name, bytes: u64::from(megabytes) << 20, sum: sum(&path)? })
    }

    /// Begins to copy a file of the share to a machine.
    ///
    /// # Errors
    /// smbclient cannot be started.
    pub fn copy(&self, from: &Netns, server: &str, file: &BigFile) -> anyhow::Result<Copy> {
        self.copy_from(from, server, file, &[&file.share])
    }

    /// The same by another way than its own share: a share, and folders or DFS links in it.
    ///
    /// # Errors
    /// smbclient cannot be started.
    pub fn copy_from(&self, from: &Netns, server: &str, file: &BigFile, way: &[&str]) -> anyhow::Result<Copy> {
        let target = self.directory().join(format!("copy-{}-{}", from.name(), file.name));
        let _ = fs::remove_file(&target);
        let (share, folders) = way.split_first().context("a share")?;
        let mut argv = smbclient(&smb_conf(self)?, &format!("//{server}/{share}"));
        let enter: String = folders.iter().map(|folder| format!("cd {folder}; ")).collect();
        argv.extend(["-c".to_owned(), format!("{enter}get {} {}", file.name, target.display())]);
        Ok(Copy { process: from.spawn(argv)?, target, of: file.clone() })
    }
}

fn sum(path: &Path) -> anyhow::Result<String> {
    let out = crate::process::finish(std::process::Command::new("sha256sum").arg(path))?;
    ensure!(out.ok(), "sha256sum: {}", out.stderr);
    Ok(out.stdout.split_whitespace().next().unwrap_or_default().to_owned())
}

/// A file on a share, and its checksum.
#[derive(Clone, Debug)]
pub struct BigFile {
    /// On which share.
    pub share: String,
    /// Its name there.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sum: String,
}

/// A copy under way, by a real SMB client.
#[derive(Debug)]
pub struct Copy {
    process: Process,
    target: PathBuf,
    of: BigFile,
}

impl Copy {
    /// How many bytes have arrived.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        fs::metadata(&self.target).map(|m| m.len()).unwrap_or(0)
    }

    /// Whether it is still under way.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.process.runs()
    }

    /// Waits until so many bytes have arrived.
    ///
    /// # Errors
    /// The copy ended before, or took longer than `limit`.
    pub fn wait_for(&mut self, bytes: u64, limit: Duration) -> anyhow::Result<()> {
        wait_until("the copy is under way", limit, || {
            if self.arrived() >= bytes {
                return Ok(Some(()));
            }
            ensure!(self.process.runs(), "the copy ended at {} bytes: {}", self.arrived(), self.process.log());
            Ok(None)
        })?;
        Ok(())
    }

    /// Waits for its end, and holds the checksum against the original's.
    ///
    /// # Errors
    /// It failed, took longer than `limit`, or the content differs.
    pub fn finish(mut self, limit: Duration) -> anyhow::Result<()> {
        let code = self.process.wait(limit)?;
        ensure!(code == 0, "smbclient ended with {code}: {}", self.process.log());
        ensure!(self.arrived() == self.of.bytes, "{} of {} bytes arrived", self.arrived(), self.of.bytes);
        ensure!(sum(&self.target)? == self.of.sum, "the copy differs from the original");
        let _ = fs::remove_file(&self.target);
        Ok(())
    }

    /// Gives the copy up, and says how many bytes had arrived.
    #[must_use]
    pub fn give_up(self) -> u64 {
        let arrived = self.arrived();
        let _ = self.process.end();
        let _ = fs::remove_file(&self.target);
        arrived
    }
}
