//! The agent for Windows, by its MSI and wine: enrolled over the wire, known at the gateway, upgraded, taken away.
//!
//! What wine does not do is not tried here: who is signed in, sleep, and what the service control manager says of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::GATEWAY_LAN;
use office::gateway::{Gateway, GatewayOptions, Lan, Role};
use office::wine::{Wine, built};
use office::{Office, OfficeOptions, Part, Sleeper, heavy, scenario, wait_until};
use serde_json::Value;

/// A service of wine's takes its time to start.
const LIMIT: Duration = Duration::from_secs(60);

/// wine writes its registry to disk every half a minute.
const FLUSHED: Duration = Duration::from_secs(90);

/// What the agent may take of memory, in kB.
const MEMORY: u64 = 15_000;

const PROGRAM: &str = "Program Files/Passerelle/Agent/passerelle-agent.exe";
const STATE: &str = "ProgramData/Passerelle/Agent";
const SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// The MSI, as this version.
fn msi(office: &Office, version: &str) -> anyhow::Result<PathBuf> {
    let folder = built()?.join("x86_64-pc-windows-gnu/agent");
    let to = office.directory().join(format!("agent-{version}.msi"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/windows/msi");
    let status = Command::new(script).arg(folder).arg(version).arg(&to).status().context("build the MSI")?;
    ensure!(status.success(), "the MSI of {version} is not built");
    Ok(to)
}

/// Runs the installer, with a log of everything; ends when it has.
fn msiexec(wine: &Wine<'_>, what: &str, package: &Path, log: &str, more: &[&str]) -> anyhow::Result<String> {
    let package = format!("Z:{}", package.display()).replace('/', r"\");
    let log_path = format!(r"C:\{log}");
    let done = wine.ok(&[&["msiexec", what, &package, "/qn", "/l*v", &log_path], more].concat());
    let said = String::from_utf8_lossy(&std::fs::read(wine.file(log)).unwrap_or_default()).replace('\0', "");
    done.with_context(|| said.lines().filter(|line| !line.contains("Property")).collect::<Vec<_>>().join("\n"))?;
    Ok(said)
}

/// Waits until the only agent is connected, or not.
fn connected(gateway: &Gateway<'_>, yes: bool) -> anyhow::Result<()> {
    let mut last = Value::Null;
    let waited = wait_until("the agent's connection", LIMIT, || {
        last = gateway.cli(&["agent", "list"])?;
        let one = last.as_array().is_some_and(|all| all.len() == 1) && last[0]["connected"] == yes;
        Ok(one.then_some(()))
    });
    waited.map(drop).with_context(|| last.to_string())
}

/// What the service has of memory, as Linux counts it, in kB: its own (`RssAnon`), which holds some of wine's; the files of
/// wine that it maps are no part of the agent.
fn memory(wine: &Wine<'_>) -> anyhow::Result<u64> {
    let pids = wine.processes("passerelle-agent.exe")?;
    let [pid] = pids.as_slice() else { anyhow::bail!("{} services", pids.len()) };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[test]
fn the_msi_makes_a_pc_known_and_takes_it_away_again() -> anyhow::Result<()> {
    if !heavy("a Windows of wine's") {
        return Ok(());
    }
    built()?;
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-w", Part::First, 55)?;
        let mut gateway = Gateway::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })?;
        let wine = Wine::on(office, pc.ns())?;
        let seeds: [(&str, &str, &str); 3] = [
            (SERVER, "fDenyTSConnections", "0"),
            (&format!(r"{SERVER}\WinStations\RDP-Tcp"), "PortNumber", "3389"),
            (&format!(r"{SERVER}\WinStations\RDP-Tcp"), "UserAuthentication", "1"),
        ];
        for (key, name, value) in seeds {
            wine.ok(&["reg", "add", key, "/v", name, "/t", "REG_DWORD", "/d", value, "/f"])?;
        }
        gateway.cli(&["workstation", "add", "pc-w", &pc.address()])?;
        let issue = |more: &[&str]| -> anyhow::Result<String> {
            let issued: Value = gateway.cli(&[&["agent", "token"], more].concat())?;
            Ok(text(&issued, "/secret").to_owned())
        };
        let (token, other) = (issue(&["--workstation", "pc-w"])?, issue(&["--uses", "1"])?);
        ensure!(token.starts_with("pagt_") && other.starts_with("pagt_"), "no token");

        // Installed, it enrols by itself. The secret is nowhere but with the gateway.
        let (old, new) = (msi(office, "0.1.0")?, msi(office, "0.1.1")?);
        let file = office.directory().join("token.txt");
        std::fs::write(&file, format!("{token}\n"))?;
        let by_file = format!("TOKENFILE=Z:{}", file.display()).replace('/', r"\");
        let to = format!("GATEWAY={GATEWAY_LAN}");
        let log = msiexec(&wine, "/i", &old, "install.log", &[&to, &by_file])?;
        connected(&gateway, true)?;
        let memory = memory(&wine)?;
        eprintln!("memory of its own, under wine: {memory} kB");
        ensure!(memory <= MEMORY, "{memory} kB of memory");
        ensure!(!wine.file(STATE).join("token").exists(), "the token is kept although it is spent");
        ensure!(log.contains("InstallFinalize") && !log.contains(&token), "the installer's log holds the token");
        let service_log = std::fs::read_to_string(wine.file(STATE).join("agent.log"))?;
        ensure!(service_log.contains("welcomed") && !service_log.contains(&token), "{service_log}");

        // What it tells has arrived.
        let (shown, _) = wait_until("its facts", LIMIT, || {
            let shown: Value = gateway.cli(&["workstation", "show", "pc-w"])?;
            // The gateway sees the hardware address by itself, too.
            let told = shown["agent"]["started_at"].is_u64();
            Ok((told && text(&shown, "/macs/0") == pc.mac()).then_some(shown))
        })?;
        ensure!(shown["agent"]["nla"] == true, "{shown}");
        ensure!(
            text(&shown, "/reason") == "sessions_unseen",
            "wine tells of nobody, which is not that nobody is there: {shown}"
        );
        let facts: Value = serde_json::from_str(&wine.ok(&[&format!("C:/{PROGRAM}"), "facts"])?)?;
        let rdp = &facts["rdp"];
        ensure!(rdp["port"] == 3389 && rdp["nla"] == true && rdp["enabled"] == true, "{rdp}");
        ensure!(facts["up_ms"].as_u64().is_some_and(|ms| ms > 0) && facts["sessions"].is_null(), "{facts}");
        ensure!(facts.pointer("/adapters/0/addresses/0") == Some(&Value::from("192.168.1.55/24")), "{facts}");

        // The gateway comes back, and so does the agent.
        gateway.kill(Role::Serve)?;
        gateway.launch(Role::Serve)?;
        gateway.wait_until_ready()?;
        connected(&gateway, true)?;

        // Stopped, it says so; an upgrade keeps what it is.
        let identity = || std::fs::read(wine.file(STATE).join("certificate.pem")).context("the identity is gone");
        let before = identity()?;
        wine.ok(&["net", "stop", "passerelle-agent"])?;
        connected(&gateway, false)?;
        msiexec(&wine, "/i", &new, "upgrade.log", &[])?;
        connected(&gateway, true)?;
        ensure!(identity()? == before, "an upgrade made another PC of it");
        let quoted = format!(r#""C:\{}" service"#, PROGRAM.replace('/', r"\"));
        wait_until("quotes around the service's path", LIMIT, || {
            let config = wine.ok(&[
                "reg",
                "query",
                r"HKLM\SYSTEM\CurrentControlSet\Services\passerelle-agent",
                "/v",
                "ImagePath",
            ])?;
            Ok(config.contains(&quoted).then_some(()))
        })?;

        // Removed, it can come back as the same; or it leaves nothing.
        msiexec(&wine, "/x", &new, "remove.log", &[])?;
        connected(&gateway, false)?;
        ensure!(!wine.file(PROGRAM).exists() && identity()? == before);
        msiexec(&wine, "/i", &new, "again.log", &[])?;
        connected(&gateway, true)?;
        msiexec(&wine, "/x", &new, "forget.log", &["REMOVEIDENTITY=1"])?;
        connected(&gateway, false)?;
        ensure!(!wine.file(PROGRAM).exists() && !wine.file("ProgramData/Passerelle").exists());

        // The token itself works, too. wine's own log shows hidden properties; that they are hidden is in the MSI's tables.
        msiexec(&wine, "/i", &new, "token.log", &[&to, &format!("TOKEN={other}")])?;
        let certificate = wine.file(STATE).join("certificate.pem");
        wait_until("another enrolment", LIMIT, || Ok(certificate.exists().then_some(())))?;
        ensure!(identity()? != before, "what was forgotten came back");
        wine.ok(&["reg", "add", r"HKLM\SOFTWARE\The last that was written", "/f"])?;
        wait_until("the registry on disk", FLUSHED, || {
            Ok(wine.registry()?.contains("The last that was written").then_some(()))
        })?;
        ensure!(
            !wine.registry()?.contains(&token) && !wine.registry()?.contains(&other),
            "the registry holds the token"
        );
        Ok(())
    })
}
