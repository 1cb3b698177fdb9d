//! The agent on real PCs of the office: enrolled over the wire, believed, asked to wake a neighbour, cut off.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::gateway::{Gateway, GatewayOptions, Lan, Role};
use office::{Office, OfficeOptions, Part, Sleeper, scenario, wait_until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

fn gateway(office: &Office) -> anyhow::Result<Gateway<'_>> {
    Gateway::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })
}

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn token(gateway: &Gateway<'_>, more: &[&str]) -> anyhow::Result<String> {
    let issued = gateway.cli(&[&["agent", "token"], more].concat())?;
    ensure!(issued["gateways"].to_string().contains(&GATEWAY_LAN.to_string()), "where agents come: {issued}");
    Ok(text(&issued, "/secret").to_owned())
}

#[test]
fn an_agent_tells_how_its_pc_is_and_wakes_its_neighbour() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        office.second_part()?;
        let relay = Sleeper::awake(office, "pc-r", Part::Second, 51)?;
        let sleeper = Sleeper::awake(office, "pc-s", Part::Second, 52)?;
        let mut gateway = gateway(office)?;
        gateway.cli(&["workstation", "add", "pc-r", &relay.address()])?;
        gateway.cli(&["workstation", "add", "pc-s", &sleeper.address()])?;
        gateway.cli(&["workstation", "change", "pc-s", "--mac", &sleeper.mac()])?;
        sleeper.sleep()?;

        let mut agent = Agent::on(office, relay.ns())?;
        let token = token(&gateway, &["--workstation", "pc-r"])?;
        agent.enrol(&GATEWAY_LAN.to_string(), &token)?;
        let again = agent.enrol(&GATEWAY_LAN.to_string(), &token).err().context("a token was taken twice")?;
        ensure!(!format!("{again:#}").contains(&token), "the token is repeated: {again:#}");
        agent.run()?;
        gateway.until_pc_is("pc-r", "free", LIMIT)?;
        agent.sign_in("7", "marta")?;
        let took = gateway.until_pc_is("pc-r", "in_use_here", LIMIT)?;
        eprintln!("somebody signs in → known at the gateway: {took:?}");
        let shown: Value = gateway.cli(&["workstation", "show", "pc-r"])?;
        ensure!(!shown.to_string().contains("marta"), "names are told though nobody wants them: {shown}");
        ensure!(text(&shown, "/macs/0") == relay.mac(), "{shown}");
        let busy =
            gateway.cli(&["workstation", "sleep", "pc-r"]).err().context("a PC that is used was sent to sleep")?;
        ensure!(agent.suspended()? == 0, "{busy:#}");
        agent.sign_out("7")?;
        gateway.until_pc_is("pc-r", "free", LIMIT)?;
        gateway.cli(&["workstation", "sleep", "pc-r"])?;
        ensure!(agent.suspended()? == 1, "it was not told to sleep");
        gateway.until_pc_is("pc-r", "asleep", LIMIT)?;
        agent.resume()?;
        gateway.until_pc_is("pc-r", "free", LIMIT)?;

        let (resident, own) = memory(agent.process()?.pid())?;
        eprintln!("memory of the agent: {resident} kB resident, {own} kB of its own");
        // A debug build maps more of its own program; what it takes is what counts here.
        ensure!(own <= 15_000, "{own} kB");

        // The gateway comes back, and so does the agent.
        gateway.kill(Role::Serve)?;
        gateway.launch(Role::Serve)?;
        gateway.wait_until_ready()?;
        gateway.until_pc_is("pc-r", "free", LIMIT)?;

        // No broadcast of the gateway's reaches that part of the office: the agent sends it.
        gateway.cli(&["wake", "pc-s", "--no-wait"])?;
        let heard = sleeper.wake_when_called(office, LIMIT, true)?;
        for frame in &heard.frames {
            ensure!(frame[26..30] == [192, 168, 2, 51], "from {:?}", &frame[26..30]);
            ensure!(frame[..6] == [0xff; 6], "no broadcast: {:02x?}", &frame[..14]);
        }
        let (wake, _) = wait_until("the wake has ended", LIMIT, || {
            let pc: Value = gateway.cli(&["workstation", "show", "pc-s"])?;
            Ok(pc.pointer("/wake/outcome").filter(|o| !o.is_null()).map(|_| pc["wake"].clone()))
        })?;
        ensure!(text(&wake, "/outcome") == "ready", "{wake}");

        agent.prepare_for_sleep()?;
        gateway.until_pc_is("pc-r", "asleep", LIMIT)?;
        Ok(())
    })
}

/// What a process has of memory, in kB: all that is resident, and what is its own.
fn memory(pid: i32) -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| -> anyhow::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a line of memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    ensure!(status.starts_with("Name:\tpasserelle-agen"), "another program: {status}");
    Ok((of("VmRSS:")?, of("RssAnon:")?))
}

#[test]
fn an_agent_that_is_taken_back_is_cut_off_and_stays_out() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let pc = Sleeper::awake(office, "pc-t", Part::First, 53)?;
        let gateway = gateway(office)?;
        let mut honest = Agent::on(office, pc.ns())?;
        // Whom IT listed: the first is published under its own name.
        let list = tempfile::NamedTempFile::new()?;
        std::fs::write(list.path(), "pc-t\n")?;
        let file = list.path().to_str().context("a path")?;
        let roll_out = token(&gateway, &["--uses", "3", "--hosts", file])?;
        honest.enrol(&GATEWAY_LAN.to_string(), &roll_out)?;
        honest.run()?;
        let (first, _) = wait_until("it is published", LIMIT, || {
            let all: Value = gateway.cli(&["agent", "list"])?;
            Ok(all.pointer("/0/workstation").and_then(Value::as_str).map(str::to_owned))
        })?;
        gateway.until_pc_is(&first, "free", LIMIT)?;
        // Another that calls itself the same is not believed to be the same.
        let second = Sleeper::awake(office, "pc-u", Part::First, 54)?;
        let mut agent = Agent::on(office, second.ns())?.calling_itself("pc-t");
        agent.enrol(&GATEWAY_LAN.to_string(), &roll_out)?;
        agent.run()?;
        let (waiting, _) = wait_until("it waits for IT", LIMIT, || {
            let all: Value = gateway.cli(&["agent", "list"])?;
            Ok(all.pointer("/0").filter(|a| a["connected"] == true).cloned())
        })?;
        ensure!(waiting["workstation"].is_null(), "nobody has said which PC it is: {waiting}");
        let pcs: Value = gateway.cli(&["workstation", "list"])?;
        ensure!(pcs.as_array().is_some_and(|all| all.len() == 1), "{pcs}");
        let id = text(&waiting, "/id").to_owned();
        let approved: Value = gateway.cli(&["agent", "approve", &id])?;
        let name = text(&approved, "/workstation").to_owned();
        ensure!(name != first, "two PCs of one name: {approved}");
        gateway.until_pc_is(&name, "free", LIMIT)?;

        gateway.cli(&["agent", "revoke", &id, "--yes"])?;
        let took = gateway.until_pc_is(&name, "stale", LIMIT)?;
        let all: Value = gateway.cli(&["agent", "list"])?;
        ensure!(all[0]["connected"] == false, "{all}");
        eprintln!("taken back → cut off, as the command line sees it: {:?}", took);
        let log = agent.process()?.log();
        wait_until("the agent says why", LIMIT, || Ok(agent.process()?.log().contains("enrol").then_some(())))
            .with_context(|| log)?;
        let audit: Value = gateway.cli(&["audit", "--event", "agent_revoked"])?;
        ensure!(audit.as_array().is_some_and(|lines| lines.len() == 1), "{audit}");
        Ok(())
    })
}
