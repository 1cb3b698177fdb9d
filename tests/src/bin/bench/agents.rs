//! A thousand office PCs: what their agents cost the gateway while nothing happens, and how long it takes until somebody
//! who sits down is seen on a console's open page.

use std::time::{Duration, Instant, UNIX_EPOCH};

use agent::message::Secret;
use agent::token::Token;
use anyhow::{Context as _, bail, ensure};
use office::addresses::GATEWAY_LAN;
use office::agent::Agent;
use office::gateway::{Gateway, GatewayOptions, Lan, Role};
use office::{Browser, Office, OfficeOptions, Part, Sleeper, wait_until};
use serde_json::{Value, json};

use crate::crowd::{self, Crowd, Pc};
use crate::{median, percentile, proc};

/// One more is a real agent, with a process and a logind of its own.
const CROWD: u16 = 999;
/// Where they are, behind one machine of the office.
const NETWORK: [u8; 2] = [172, 20];
const PORT: u16 = 8444;
/// Nothing happens for so long, and so often.
const STEADY: Duration = Duration::from_secs(60);
const ROUNDS: usize = 3;
/// After a start, what comes of it alone: everybody has told twice, and all is written down.
const SETTLED: Duration = Duration::from_secs(90);
const LIMIT: Duration = Duration::from_secs(60);
/// Hundreds of changes with a pause before each, and a minute of nothing.
const PATIENCE: Duration = Duration::from_secs(900);
/// First in the list by its name.
const REAL: &str = "a-desk";

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let mut gateway = Gateway::start(&office, GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() })?;
    let mut ada = gateway.redeem("ada", &gateway.admin_token.clone())?;
    println!(
        "\n{:48} {:>12} {:>10} {:>10}",
        "`serve`, minute by minute: medians", "of a core", "resident", "anonymous"
    );
    restart(&mut gateway)?;
    std::thread::sleep(Duration::from_secs(10));
    steady(&gateway, "no agent", 1)?;

    let machine = office.machine("crowd", Part::First, 60)?;
    machine.ip("route add local 172.20.0.0/16 dev lo")?;
    office.gw.ip("route add 172.20.0.0/16 via 192.168.1.60")?;
    let at = crowd::Gateway::new((GATEWAY_LAN, PORT).into(), &gateway.authority()?)?;
    let pcs = (0..CROWD).map(|n| Pc::new(n, NETWORK)).collect::<anyhow::Result<Vec<_>>>()?;
    let secret = token(&gateway, &pcs)?;
    let began = Instant::now();
    let pcs = crowd::enrol(&machine, &at, &secret, pcs)?;
    let enrolled = began.elapsed();
    let desk = Sleeper::awake(&office, "desk", Part::First, 61)?;
    gateway.cli(&["workstation", "add", REAL, &desk.address()])?;
    let mut real = Agent::on(&office, desk.ns())?;
    let issued: Value = gateway.cli(&["agent", "token", "--workstation", REAL])?;
    real.enrol(&GATEWAY_LAN.to_string(), issued["secret"].as_str().context("a token")?)?;

    // What a thousand enrolments left behind is not what a thousand agents cost.
    restart(&mut gateway)?;
    let (crowd, back) = Crowd::gather(&machine, &at, pcs)?;
    real.run()?;
    wait_until("all PCs are seen to be free", LIMIT, || {
        let all = gateway.api("GET", "workstations", None)?.body;
        let free = all.as_array().into_iter().flatten().filter(|pc| pc["state"] == "free").count();
        Ok((free == usize::from(CROWD) + 1).then_some(()))
    })?;
    std::thread::sleep(SETTLED);
    steady(&gateway, "1,000 agents", ROUNDS)?;
    crowd.is_whole()?;

    office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
    let browser = Browser::new(&office, &office.pc, Some(&gateway.authority()?))?.with_limit(PATIENCE);
    let changing = std::cell::Cell::new(None);
    let told = browser.lead("crowd.ts", &mut ada, |wanted| match wanted.split_once(' ').unwrap_or((wanted, "")) {
        ("quiet", _) => {
            steady(&gateway, "1,000 agents, and a page that shows them", 1)?;
            changing.set(Some((Instant::now(), proc::cpu(gateway.pid(Role::Serve)?)?)));
            Ok(String::new())
        }
        ("used", REAL) => Ok(millis(real.sign_in_at("7", "marta")?)),
        ("free", REAL) => Ok(millis(real.sign_out_at("7")?)),
        (used @ ("used" | "free"), name) => Ok(millis(crowd.change(name, used == "used")?.duration_since(UNIX_EPOCH)?)),
        other => bail!("the script wants `{other:?}`"),
    })?;
    if let Some((began, before)) = changing.get() {
        let took = proc::cpu(gateway.pid(Role::Serve)?)? - before;
        let percent = took.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
        println!("{:48} {percent:10.2} %", "1,000 agents, the page, somebody sits down");
    }
    crowd.is_whole()?;

    let list = gateway.api("GET", "workstations", None)?;
    println!("\n{:47} {:7.1} s", "999 PCs are enrolled and approved", enrolled.as_secs_f64());
    println!("{:47} {:7.1} s", "999 agents that come at once are welcomed", back.as_secs_f64());
    println!("{:47} {:7} kB", "the list of 1,000 PCs", list.body.to_string().len() / 1000);
    for line in told.lines.iter().filter_map(|line| line.strip_prefix("said ")) {
        println!("{line}");
    }
    println!("\nuntil it is in the page                     times      p50      p90      p99    worst");
    line("an agent tells that somebody came or went", &told.lines, "told ")?;
    line("somebody comes or goes, by the real agent", &told.lines, "real ")
}

/// Since when nothing of what was before is in its memory.
fn restart(gateway: &mut Gateway<'_>) -> anyhow::Result<()> {
    gateway.kill(Role::Serve)?;
    gateway.launch(Role::Serve)?;
    gateway.wait_until_ready().map(drop)
}

fn token(gateway: &Gateway<'_>, pcs: &[Pc]) -> anyhow::Result<Secret> {
    let hosts: Vec<Value> = pcs.iter().map(|pc| json!({ "host": pc.name })).collect();
    let issued = gateway.api("POST", "agents/tokens", Some(&json!({ "name": "roll-out", "hosts": hosts })))?;
    ensure!(issued.status == 201, "{} {}", issued.status, issued.body);
    let token: Token = issued.body["secret"].as_str().context("a token")?.parse()?;
    Ok(token.secret)
}

/// Processor time and memory of `serve` while nothing is done.
fn steady(gateway: &Gateway<'_>, what: &str, rounds: usize) -> anyhow::Result<()> {
    let pid = gateway.pid(Role::Serve)?;
    let (mut cpu, mut resident, mut anonymous) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (before, began) = (proc::cpu(pid)?, Instant::now());
        std::thread::sleep(STEADY);
        cpu.push((proc::cpu(pid)? - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
        resident.push(proc::resident(pid)?);
        anonymous.push(proc::anonymous(pid)?);
    }
    eprintln!("{what}: {cpu:.2?} % {resident:.1?} MiB, {anonymous:.1?} MiB anonymous");
    let (cpu, resident, anonymous) = (median(cpu), median(resident), median(anonymous));
    println!("{what:48} {cpu:10.2} % {resident:6.1} MiB {anonymous:6.1} MiB");
    Ok(())
}

/// Unix milliseconds.
fn millis(at: Duration) -> String {
    format!("{:.3}", at.as_secs_f64() * 1000.0)
}

/// What the script said under this word: milliseconds.
fn line(what: &str, lines: &[String], word: &str) -> anyhow::Result<()> {
    let said = lines.iter().find_map(|line| line.strip_prefix(word)).with_context(|| word.to_owned())?;
    let mut took = Vec::new();
    for ms in said.split(' ') {
        took.push(Duration::from_secs_f64(ms.parse::<f64>()?.max(0.0) / 1000.0));
    }
    took.sort();
    let ms = |hundredths| percentile(&took, hundredths).as_secs_f64() * 1000.0;
    println!("{what:43} {:5} {:5.0} ms {:5.0} ms {:5.0} ms {:5.0} ms", took.len(), ms(50), ms(90), ms(99), ms(100));
    Ok(())
}
