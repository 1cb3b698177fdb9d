//! The processes as the units of `systemd/` run them: two users without a name, one capability between them, a runtime
//! directory as tmpfiles makes it, and UDP 443 handed in.
//!
//! What only systemd can do is not here: filters of system calls and of address families, hidden directories.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use anyhow::{Context as _, ensure};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use super::{Gateway, Role, binary};
use crate::addresses::GATEWAY_LAN;
use crate::process::finish;

/// Numbers of `passerelle-net` (user and group), `passerelle`, and of somebody else: from the range in which systemd
/// makes up users for a moment, so that nobody has them.
pub const NET: u32 = 64_811;
/// The control plane's user and first group.
pub const SERVE: u32 = 64_812;
/// A user who is nothing to the gateway.
pub const STRANGER: u32 = 64_813;

/// The port that systemd opens.
const HANDED: u16 = 443;

/// As whom the processes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Users {
    /// Both as root.
    #[default]
    Root,
    /// As the units say; `handed` is whether `passerelle-net.socket` hands in UDP 443.
    Units {
        /// Whether the socket unit is there.
        handed: bool,
    },
}

/// How a program is run as this user with these groups, with nothing that root has.
#[must_use]
pub fn unprivileged(user: u32, groups: &[u32], capability: Option<&str>) -> Vec<String> {
    let only = capability.map_or_else(|| "-all".to_owned(), |c| format!("-all,+{c}"));
    let mut argv: Vec<String> = ["setpriv", "--reuid", &user.to_string(), "--regid", &user.to_string()]
        .map(str::to_owned)
        .into_iter()
        .chain(["inh", "ambient"].map(|set| format!("--{set}-caps={only}")))
        .chain([format!("--bounding-set={only}"), "--no-new-privs".to_owned()])
        .collect();
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    argv.push(if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={}", groups.join(",")) });
    argv
}

impl Gateway<'_> {
    /// What `sysusers.d`, `tmpfiles.d` and the package do before anything starts.
    pub(super) fn prepare_for_units(&self) -> anyhow::Result<()> {
        let open = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        open(self.office().directory(), 0o711)?;
        open(&self.directory, 0o755)?;
        // The one that cargo built may lie where only root comes.
        fs::copy(binary()?, self.installed()).context("install the binary")?;
        open(&self.installed(), 0o755)?;
        let (runtime, state) = (self.directory.join("run"), self.state());
        fs::create_dir(&runtime)?;
        chown(&runtime, Some(0), Some(NET))?;
        open(&runtime, 0o3770)?;
        fs::create_dir(&state)?;
        chown(&state, Some(SERVE), Some(SERVE))?;
        open(&state, 0o700)?;
        // Everybody may open it on Debian (udev's rule), but not in every container that tests run in.
        let made = finish(Command::new("mknod").args(["-m", "666"]).arg(self.tun()).args(["c", "10", "200"]))?;
        ensure!(made.ok(), "mknod: {}", made.stderr);
        Ok(())
    }

    fn installed(&self) -> std::path::PathBuf {
        self.directory.join("passerelle")
    }

    fn tun(&self) -> std::path::PathBuf {
        self.directory.join("tun")
    }

    /// What comes before the program's arguments, and the sockets it is handed.
    pub(super) fn as_unit(&self, role: Role, handed: bool) -> anyhow::Result<(Vec<String>, Option<[OwnedFd; 2]>)> {
        let installed = self.installed().to_string_lossy().into_owned();
        let mut argv = match role {
            Role::Net => unprivileged(NET, &[], Some("net_admin")),
            Role::Serve => unprivileged(SERVE, &[NET], None),
        };
        argv.push(installed);
        // Sockets come as standard input and output, and are put where systemd puts them (sd_listen_fds(3)).
        // Its own mount namespace is `ip netns exec`'s doing.
        let shell = match (role, handed) {
            (Role::Serve, _) => return Ok((argv, None)),
            (Role::Net, false) => "exec \"$@\"",
            (Role::Net, true) => "exec 3<&0 4>&1 </dev/null >&2; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"",
        };
        let shell = format!("mount --bind {} /dev/net/tun && {shell}", self.tun().display());
        let argv = ["sh", "-c", &shell, "sh"].map(str::to_owned).into_iter().chain(argv).collect();
        let sockets = handed.then(|| self.office().gw.within(sockets_443)).transpose()?;
        Ok((argv, sockets))
    }
}

impl Gateway<'_> {
    /// As `passerelle-office@192.168.1.2.socket` opens them; programs started from here inherit them.
    pub(super) fn lan_sockets(&self) -> anyhow::Result<Vec<OwnedFd>> {
        let open = |kind, port| {
            let socket = socket(AddressFamily::INET, kind, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &SocketAddrV4::new(GATEWAY_LAN, port))?;
            if kind == SocketType::STREAM {
                listen(&socket, 128)?;
            }
            // Out of the way of where they are to be.
            let socket = fcntl_dupfd_cloexec(&socket, 32)?;
            fcntl_setfd(&socket, FdFlags::empty())?;
            anyhow::Ok(socket)
        };
        let kinds =
            [(SocketType::STREAM, 443), (SocketType::STREAM, 80), (SocketType::DGRAM, 53), (SocketType::STREAM, 53)];
        self.office().gw.within(|| kinds.into_iter().map(|(kind, port)| open(kind, port)).collect())
    }
}

/// The same program, with these descriptors where systemd puts them (sd_listen_fds(3)).
pub(super) fn handed_over(sockets: &[OwnedFd], argv: Vec<String>) -> Vec<String> {
    if sockets.is_empty() {
        return argv;
    }
    let moved = sockets.iter().enumerate().map(|(n, socket)| format!("{}<&{}", n + 3, socket.as_raw_fd()));
    let moved = moved.collect::<Vec<_>>().join(" ");
    let script = format!("exec {moved}; LISTEN_PID=$$ LISTEN_FDS={} exec \"$@\"", sockets.len());
    ["bash", "-c", &script, "bash"].map(str::to_owned).into_iter().chain(argv).collect()
}

/// As `passerelle-net.socket` opens them.
fn sockets_443() -> anyhow::Result<[OwnedFd; 2]> {
    let (v4, v6) =
        (socket(AddressFamily::INET, SocketType::DGRAM, None)?, socket(AddressFamily::INET6, SocketType::DGRAM, None)?);
    bind(&v4, &SocketAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, HANDED)))?;
    sockopt::set_ipv6_v6only(&v6, true)?;
    bind(&v6, &SocketAddr::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, HANDED, 0, 0)))?;
    Ok([v4, v6])
}
