//! The web interface as people get it: how long until something is painted, how much comes, and how long a list of ten
//! thousand people takes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use office::gateway::{Cast, GatewayOptions};
use office::{Browser, Home, Office, OfficeOptions};
use serde_json::json;

use crate::waits::line;

const PEOPLE: usize = 10_000;
/// A list holds no more.
const LIST: usize = 1_000;
const READ: usize = 200;
/// Six page loads for each, some of them over a slow line.
const PATIENCE: Duration = Duration::from_secs(400);

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let mut cast = Cast::start(&office, GatewayOptions::default())?;
    let client = cast.anne_at(Home::A)?;
    let browser = Browser::new(&office, client.ns(), Some(&cast.gateway.authority()?))?.with_limit(PATIENCE);
    println!("\nfirst visit, nothing kept before                   paint   painted last      JS   everything");
    let told = browser.lead("bench.ts", &mut cast.anne, |wanted| bail!("the script wants `{wanted}`"))?;
    told.lines.iter().for_each(|line| println!("{line}"));
    list(&cast)
}

fn list(cast: &Cast<'_>) -> anyhow::Result<()> {
    println!("\nten thousand people                           times      p50       p99     worst");
    for part in 0..PEOPLE / LIST {
        let rows: String = (0..LIST).map(|n| format!("p{}\n", part * LIST + n)).collect();
        let body = json!({ "csv": STANDARD.encode(format!("login\n{rows}")), "dry_run": false });
        let answer = cast.gateway.api("POST", "users/import", Some(&body))?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    }
    let mut took = Vec::new();
    for _ in 0..READ {
        let began = Instant::now();
        let answer = cast.gateway.api("GET", "users", None)?;
        took.push(began.elapsed());
        let there = answer.body.as_array().map_or(0, Vec::len);
        ensure!(there > PEOPLE, "{there} people");
    }
    line("GET users, read and parsed to its end", took);
    Ok(())
}
