//! The gateway as its units run it: two users without a name, and one capability between them.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::gateway::units::{NET, SERVE, STRANGER, unprivileged};
use office::gateway::{Cast, GatewayOptions, Role, Users};
use office::{Client, Home, OfficeOptions, Process, connect, runs, scenario, signal_pid, wait_until};
use rustix::process::Signal;

const KNOCK: Duration = Duration::from_secs(3);

fn start(office: &office::Office, handed: bool) -> anyhow::Result<Cast<'_>> {
    Cast::start(office, GatewayOptions { users: Users::Units { handed }, ..GatewayOptions::default() })
}

/// Where devices are is written down: they are called back there after a restart of everything.
fn written_down(cast: &Cast<'_>) -> anyhow::Result<()> {
    wait_until("where the device is has been written down", KNOCK, || {
        let status = cast.gateway.status()?;
        let mut peers = status.get("peers").and_then(|p| p.as_array()).into_iter().flatten();
        let Some(endpoint) = peers.find_map(|p| p.get("endpoint")?.as_str()) else { return Ok(None) };
        let log = fs::read(cast.gateway.state().join("passerelle.db-wal"))?;
        Ok(log.windows(endpoint.len()).any(|w| w == endpoint.as_bytes()).then_some(()))
    })?;
    Ok(())
}

/// Whoever comes back finds it as before: sockets of the dead are taken away, doors stay open.
fn restarts(cast: &mut Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    written_down(cast)?;
    for role in [Role::Net, Role::Serve] {
        cast.gateway.kill(role)?;
        cast.gateway.launch(role)?;
        cast.gateway.wait_until_ready()?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "not after a restart of {role:?}");
    }
    Ok(())
}

/// What `/proc` says of a process.
fn of_process(pid: i32, line: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = text.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_default();
    Ok(found.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn signing_in_opens_the_share_and_443_is_handed_in() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = start(office, true)?;
        let (net, serve) = (cast.gateway.pid(Role::Net)?, cast.gateway.pid(Role::Serve)?);
        ensure!(of_process(net, "Uid:")?.split(' ').all(|uid| uid == NET.to_string()));
        ensure!(!of_process(serve, "Uid:")?.split(' ').any(|uid| uid == "0"));
        ensure!(of_process(net, "CapBnd:")?.ends_with("00001000"), "net has more than CAP_NET_ADMIN");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            ensure!(of_process(serve, set)?.bytes().all(|b| b == b'0'), "serve has a capability in {set}");
        }
        let client = Client::wireguard_go(office, &office.home_b, &cast.laptop.config.replace(":51820", ":443"))?;
        client.wait_for_handshake(KNOCK)?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_refused_at_once());
        cast.anne_signs_in(client.ns())?;
        for to in cast.files_at(445) {
            ensure!(connect(client.ns(), to, KNOCK)?.is_open(), "{to} is refused");
        }
        Ok(())
    })
}

#[test]
fn without_the_socket_unit_443_is_missing_and_the_other_port_serves() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = start(office, false)?;
        let log = cast.gateway.log(Role::Net)?;
        ensure!(log.contains("UDP port not available") && log.contains("443"), "{log}");
        let by_443 = Client::wireguard_go(office, &office.home_b, &cast.laptop.config.replace(":51820", ":443"))?;
        ensure!(by_443.wait_for_handshake(KNOCK).is_err(), "a handshake on 443");
        drop(by_443);
        let client = cast.anne_at(Home::B)?;
        cast.anne_signs_in(client.ns())?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open());
        restarts(&mut cast, &client)
    })
}

/// `passerelle run`: what dies is back, and nothing outlives it, however it ends.
#[test]
fn one_command_keeps_both_processes_running() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::B)?;
        cast.anne_signs_in(client.ns())?;
        written_down(&cast)?;
        let child = |run: &Process, role: &str| -> anyhow::Result<Option<i32>> {
            let word = format!(" {role} ");
            Ok(run.children()?.into_iter().find(|(_, line)| line.contains(&word)).map(|(pid, _)| pid))
        };
        for last in [Signal::TERM, Signal::KILL] {
            let mut run = cast.gateway.hand_over_to_run()?;
            cast.gateway.wait_until_ready()?;
            for role in ["net", "serve"] {
                let before = child(&run, role)?.with_context(|| format!("{role} does not run"))?;
                signal_pid(before, Signal::KILL)?;
                wait_until("another took its place", KNOCK, || Ok(child(&run, role)?.filter(|pid| *pid != before)))?;
                cast.gateway.wait_until_ready()?;
                let reach = connect(client.ns(), cast.files_at(445)[0], KNOCK)?;
                ensure!(reach.is_open(), "{reach:?} after {role} was killed: {}", run.log());
            }
            let second = cast.gateway.try_cli(&["run"])?;
            let before = run.children()?;
            ensure!(second.code == 1 && second.stderr.contains("already running (pid "), "{}", second.both());
            for role in ["net", "serve"] {
                let second = cast.gateway.try_cli(&[role])?;
                ensure!(second.code == 1 && second.stderr.contains("running already (pid "), "{}", second.both());
            }
            cast.gateway.status().context("the first one can still be commanded")?;
            ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "{}", run.log());
            ensure!(run.children()? == before, "a second one made the first restart: {}", run.log());
            let children: Vec<i32> = run.children()?.into_iter().map(|(pid, _)| pid).collect();
            ensure!(children.len() == 2, "{children:?}");
            run.signal(last)?;
            let code = run.wait(Duration::from_secs(15))?;
            ensure!(last == Signal::KILL || code == 0, "exit code {code}: {}", run.log());
            wait_until("its children have ended too", Duration::from_secs(15), || {
                Ok((!children.iter().copied().any(runs)).then_some(()))
            })?;
        }
        Ok(())
    })
}

#[test]
fn nobody_else_reaches_either_socket() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = start(office, true)?;
        let run = cast.gateway.config().with_file_name("run");
        // How curl ends: 0 is an answer, 1 one that is not HTTP.
        let knock = |user, groups: &[u32], name: &str| -> anyhow::Result<i32> {
            let socket = run.join(name).to_string_lossy().into_owned();
            let mut argv = unprivileged(user, groups, None);
            let url = "http://localhost/api/v1/door";
            argv.extend(["curl", "--silent", "--max-time", "5", "--unix-socket", &socket, url].map(str::to_owned));
            Ok(office.gw.run(argv)?.code)
        };
        let refused = |user, groups: &[u32], name: &str| -> anyhow::Result<()> {
            let code = knock(user, groups, name)?;
            ensure!(code > 1, "{name} answered user {user}: curl ended with {code}");
            Ok(())
        };
        ensure!(knock(SERVE, &[], "api.sock")? > 1, "without the group the directory is closed");
        ensure!(knock(SERVE, &[NET], "api.sock")? == 0, "serve's own user is answered");
        ensure!(knock(STRANGER, &[NET], "net.sock")? == 1, "a member of the group is greeted");
        refused(STRANGER, &[], "net.sock")?;
        refused(STRANGER, &[], "api.sock")?;
        refused(NET, &[], "api.sock")?;
        // Modes spoiled by hand: the processes look for themselves.
        let wide = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        wide(&run, 0o3777)?;
        for name in ["net.sock", "api.sock"] {
            wide(&run.join(name), 0o666)?;
            refused(STRANGER, &[], name)?;
        }
        let log = cast.gateway.log(Role::Net)?;
        ensure!(log.contains(&format!("user {STRANGER} is neither root nor in group {NET}")), "{log}");
        Ok(())
    })
}
