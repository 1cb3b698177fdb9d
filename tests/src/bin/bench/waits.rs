//! What people wait for: sign-in until the share answers, revocation until the last byte, a restart until traffic is back.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::gateway::{Cast, Device, Gateway, GatewayOptions, Person, Role};
use office::{Client, Home, Office, OfficeOptions, Pulse, Stream, connect, wait_until};
use serde_json::{Value, json};

use crate::percentile;

/// People who sign in; each has a code every half minute.
const PEOPLE: usize = 10;
/// Codes of each: a hundred sign-ins in all.
const CODES: usize = 10;
const REVOKED: usize = 200;
const KILLED: usize = 20;
const LIMIT: Duration = Duration::from_secs(10);
/// After a cut it is watched for so long.
const AFTERMATH: Duration = Duration::from_millis(300);

pub(crate) fn measure() -> anyhow::Result<()> {
    println!("\nwhat people wait for                          times      p50       p99     worst");
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let mut cast = Cast::start(&office, GatewayOptions::default())?;
    sign_in(&office, &cast.gateway, &cast)?;
    let client = cast.anne_at(Home::A)?;
    cast.anne_signs_in(client.ns())?;
    revoke(&cast, &client)?;
    restart(&mut cast, &client)
}

pub(crate) fn line(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let ms = |hundredths| percentile(&took, hundredths).as_secs_f64() * 1000.0;
    println!("{what:45} {:5} {:6.1} ms {:6.1} ms {:6.1} ms", took.len(), ms(50), ms(99), ms(100));
}

/// Password and code by HTTPS in the tunnel, then a connection to the share: from the beginning of the one to the end of
/// the other.
fn sign_in(office: &Office, gateway: &Gateway<'_>, cast: &Cast<'_>) -> anyhow::Result<()> {
    let mut people: Vec<(Person, Device)> = Vec::new();
    for n in 0..PEOPLE {
        let login = format!("person{n}");
        people.push((gateway.admit(&login, &["workshop"])?, gateway.add_device(&login, "laptop")?));
    }
    let (mut answers, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..CODES {
        for (person, device) in &mut people {
            let client = Client::wireguard_go(office, office.home(Home::A), &device.config)?;
            client.wait_for_handshake(LIMIT)?;
            let web = gateway.web(client.ns())?;
            let to = cast.files_at(445)[0];
            ensure!(!connect(client.ns(), to, LIMIT)?.is_open(), "open before sign-in");
            let code = person.authenticator.fresh_code()?;
            let began = Instant::now();
            let page = web.try_sign_in(&person.login, &person.password, &code)?;
            answers.push(began.elapsed());
            ensure!(connect(client.ns(), to, LIMIT)?.is_open(), "locked after sign-in: {}", page.body);
            opened.push(began.elapsed());
            ensure!(web.post("/api/v1/lock", &Value::Null)?.status < 300, "not locked again");
        }
    }
    line("sign-in: answered (curl, TLS, Argon2id)", answers);
    line("sign-in: the share accepts", opened);
    Ok(())
}

/// The policy is taken away under a running transfer, and given back.
fn revoke(cast: &Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    let policies = cast.gateway.cli(&["policy", "list"])?;
    let of_pc = |p: &&Value| p.get("resource_name") == Some(&Value::from("pc"));
    let policy = policies.as_array().into_iter().flatten().find(of_pc).context("the policy for the PC")?;
    let mut id = policy.get("id").and_then(Value::as_str).context("its id")?.to_owned();
    let (mut answers, mut last_bytes) = (Vec::new(), Vec::new());
    for _ in 0..REVOKED {
        let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
        wait_until("the transfer runs", LIMIT, || Ok((stream.bytes() > 1 << 18).then_some(())))?;
        let answer = cast.gateway.change("DELETE", &format!("policies/{id}"))?;
        let began = answer.instant - answer.took;
        answers.push(answer.took);
        // Long enough for what was under way in the client, and for whatever passes that must not.
        thread::sleep(AFTERMATH);
        last_bytes.push(stream.last().context("a byte")?.saturating_duration_since(began));
        let added = cast.gateway.api("POST", "policies", Some(&json!({ "group": "workshop", "resource": "pc" })))?;
        ensure!(added.status == 201, "{} {}", added.status, added.body);
        id = added.body.get("id").and_then(Value::as_str).context("an id")?.to_owned();
    }
    line("revoke: answered", answers);
    line("revoke: last byte at the client", last_bytes);
    Ok(())
}

/// `kill -9`, and started again at once, as systemd does.
fn restart(cast: &mut Cast<'_>, client: &Client<'_>) -> anyhow::Result<()> {
    let stream = Stream::open(client.ns(), cast.pc_at(9000)[0])?;
    let mut pulse = Pulse::start(client.ns(), cast.pc.0.into())?;
    let (mut gaps, mut waited, mut portal) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..KILLED {
        let before = stream.bytes();
        wait_until("the transfer runs", LIMIT, || Ok((stream.bytes() > before + (1 << 20)).then_some(())))?;
        let _ = (stream.take_longest_gap(), pulse.longest_gap()?);
        cast.gateway.kill(Role::Net)?;
        cast.gateway.launch(Role::Net)?;
        cast.gateway.wait_until_ready()?;
        let before = stream.bytes();
        wait_until("traffic is back", LIMIT, || Ok((stream.bytes() > before + (1 << 20)).then_some(())))?;
        gaps.push(pulse.longest_gap()?);
        waited.push(stream.take_longest_gap());
        ensure!(stream.ended().is_none(), "the connection ended: {:?}", stream.ended());
    }
    line("the data plane killed: packets pass again", gaps);
    line("  meanwhile: longest gap in a transfer", waited);
    let _ = stream.take_longest_gap();
    let web = cast.gateway.web(client.ns())?;
    for _ in 0..KILLED {
        let began = Instant::now();
        cast.gateway.kill(Role::Serve)?;
        cast.gateway.launch(Role::Serve)?;
        wait_until("the portal answers", LIMIT, || Ok(web.door_is_open().ok()))?;
        portal.push(began.elapsed());
    }
    line("the control plane killed: the portal answers", portal);
    line("  meanwhile: longest gap in the transfer", vec![stream.take_longest_gap()]);
    Ok(())
}
