//! Ten thousand peers: how long until the last one gets in, memory, and what doing nothing costs; then with a thousand
//! sessions. Three programs in turn, round after round, on the same machine of the office, from the same keys.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519::{PublicKey, StaticSecret};
use office::addresses::GATEWAY;
use office::gateway::{Gateway, GatewayOptions, Role};
use office::{Office, OfficeOptions, Process, Speaker, wait_until};
use serde_json::{Value, json};

use crate::{median, proc};

const PEERS: usize = 10_000;
/// Of them have a session in the second half.
const SESSIONS: usize = 1_000;
/// Owners; each change is made for one of them.
const OWNERS: usize = 50;
const ROUNDS: usize = 3;
/// So long nothing happens.
const IDLE: Duration = Duration::from_secs(20);
/// The last peer asks so often until it is let in.
const ASK: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(60);
const OTHERS_PORT: u16 = 51_830;
const OTHERS_INTERFACE: &str = "wgbench0";

struct Peer {
    private: String,
    public: String,
    preshared: String,
    addresses: [String; 2],
}

/// What one program did in one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// Seconds.
    load_s: f64,
    resident_mib: f64,
    idle_percent: f64,
    busy_resident_mib: f64,
    busy_idle_percent: f64,
}

pub(crate) fn measure() -> anyhow::Result<()> {
    let office = Office::start(OfficeOptions::default()).context("start the office")?;
    let mut gateway = Gateway::start(&office, GatewayOptions::default())?;
    let began = Instant::now();
    let peers = enrol(&gateway)?;
    let each = began.elapsed() / u32::try_from(PEERS)?;
    println!("\n{PEERS} peers: added through the API one by one, {each:.1?} each");
    let status = gateway.status()?;
    let ours = status.pointer("/public_key").and_then(Value::as_str).context("the gateway's public key")?.to_owned();
    let endpoint = format!("{GATEWAY}:51820");
    let other = key_pair()?;
    let file = setconf(&office, &other.0, &peers)?;
    let mut rounds: [Vec<Round>; 3] = Default::default();
    for _ in 0..ROUNDS {
        gateway.kill(Role::Net)?;
        gateway.kill(Role::Serve)?;
        for (n, program) in ["boringtun-cli", "wireguard-go"].into_iter().enumerate() {
            let began = Instant::now();
            let process = rival(&office, program, &file)?;
            let at = format!("{GATEWAY}:{OTHERS_PORT}");
            let round = observe(&office, &[process.pid()], &peers, (&other.1, &at), began);
            rounds[n + 1].push(told(program, round)?);
            drop(process);
            let _ = std::fs::remove_file(format!("/run/wireguard/{OTHERS_INTERFACE}.sock"));
        }
        let began = Instant::now();
        gateway.launch(Role::Net)?;
        gateway.launch(Role::Serve)?;
        let pids = [gateway.pid(Role::Net)?, gateway.pid(Role::Serve)?];
        rounds[0].push(told("passerelle", observe(&office, &pids, &peers, (&ours, &endpoint), began))?);
    }
    table(&rounds);
    Ok(())
}

/// What is measured is seen while it goes on: it takes ten minutes.
fn told(program: &str, round: anyhow::Result<Round>) -> anyhow::Result<Round> {
    let round = round.with_context(|| program.to_owned())?;
    eprintln!("{program}: {round:.2?}");
    Ok(round)
}

fn table(rounds: &[Vec<Round>; 3]) {
    println!("{:39} {:>12} {:>14} {:>14}", "medians of three rounds", "passerelle", "boringtun-cli", "wireguard-go");
    let row = |what: &str, unit: &str, of: fn(&Round) -> f64| {
        let [ours, boringtun, go] = rounds.each_ref().map(|r| median(r.iter().map(of).collect()));
        println!(
            "{what:40} {ours:7.2} {unit:3} {boringtun:7.2} ({:4.1}x) {go:7.2} ({:4.1}x)",
            boringtun / ours,
            go / ours
        );
    };
    row("from start until the last peer is in", "s", |r| r.load_s);
    row("resident memory", "MiB", |r| r.resident_mib);
    row("doing nothing, of a core", "%", |r| r.idle_percent);
    row("resident memory, 1,000 sessions", "MiB", |r| r.busy_resident_mib);
    row("doing nothing, 1,000 sessions, of a core", "%", |r| r.busy_idle_percent);
    println!("passerelle is both of its processes together: the others have no portal, no policy, no database");
}

/// As many devices as that, of people who may have them, added as IT would by a program.
fn enrol(gateway: &Gateway<'_>) -> anyhow::Result<Vec<Peer>> {
    gateway.cli(&["group", "add", "everybody"])?;
    let mut peers = Vec::with_capacity(PEERS);
    for owner in 0..OWNERS {
        let login = format!("owner{owner}");
        eprint!("\r{} of {PEERS} devices added ", peers.len());
        gateway.admit(&login, &["everybody"])?;
        for n in 0..PEERS / OWNERS {
            let (private, public) = key_pair()?;
            let body = json!({ "user": login, "name": format!("device {n}"), "public_key": public });
            let added = gateway.api("POST", "devices", Some(&body))?;
            ensure!(added.status == 201, "{} {}", added.status, added.body);
            let text = |at: &str| added.body.pointer(at).and_then(Value::as_str).map(str::to_owned).context("text");
            let addresses = [text("/address4")? + "/32", text("/address6")? + "/128"];
            let mut peer = Peer { private, public, preshared: STANDARD.encode(random()?), addresses };
            // The last ones are those that get a session.
            if peers.len() >= PEERS - SESSIONS {
                let config = gateway.api("GET", &format!("devices/{}/config", text("/id")?), None)?;
                let config = config.body.pointer("/config").and_then(Value::as_str).context("a configuration")?;
                let line = config.lines().find_map(|l| l.strip_prefix("PresharedKey = ")).context("a preshared key")?;
                peer.preshared = line.to_owned();
            }
            peers.push(peer);
        }
    }
    Ok(peers)
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes)
}

/// Private and public, base64.
fn key_pair() -> anyhow::Result<(String, String)> {
    let private = StaticSecret::from(random()?);
    Ok((STANDARD.encode(private.to_bytes()), STANDARD.encode(PublicKey::from(&private).as_bytes())))
}

fn setconf(office: &Office, private: &str, peers: &[Peer]) -> anyhow::Result<PathBuf> {
    let mut text = format!("[Interface]\nPrivateKey = {private}\nListenPort = {OTHERS_PORT}\n");
    for peer in peers {
        let Peer { public, preshared, addresses: [v4, v6], .. } = peer;
        write!(text, "[Peer]\nPublicKey = {public}\nPresharedKey = {preshared}\nAllowedIPs = {v4}, {v6}\n")?;
    }
    let file = office.directory().join("bench.conf");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// One of the others, started and told of all peers as `wg setconf` does.
fn rival(office: &Office, program: &str, file: &std::path::Path) -> anyhow::Result<Process> {
    let argv: &[&str] = match program {
        "boringtun-cli" => &["boringtun-cli", "--foreground", "--disable-drop-privileges", OTHERS_INTERFACE],
        _ => &["wireguard-go", "--foreground", OTHERS_INTERFACE],
    };
    let process = office.gw.spawn(argv.iter().copied())?;
    let file = file.to_string_lossy();
    wait_until("it takes its configuration", LIMIT, || {
        let there = std::path::Path::new("/run/wireguard").join(format!("{OTHERS_INTERFACE}.sock")).exists();
        Ok((there && office.gw.run(["wg", "setconf", OTHERS_INTERFACE, &file])?.ok()).then_some(()))
    })?;
    office.gw.ip(&format!("link set {OTHERS_INTERFACE} up"))?;
    Ok(process)
}

fn speaker(office: &Office, peer: &Peer, (public, endpoint): (&str, &str)) -> anyhow::Result<Speaker> {
    let Peer { private, preshared, addresses: [v4, v6], .. } = peer;
    let text = format!(
        "[Interface]\nPrivateKey = {private}\nAddress = {v4}, {v6}\n[Peer]\nPublicKey = {public}\n\
         PresharedKey = {preshared}\nEndpoint = {endpoint}\nAllowedIPs = 10.64.0.0/10\n"
    );
    Speaker::new(&office.home_a, &text)
}

/// Processor time in hundredths of a core while nothing happens.
fn idle(pids: &[i32]) -> anyhow::Result<f64> {
    let all = || pids.iter().map(|p| proc::cpu(*p)).sum::<anyhow::Result<Duration>>();
    let (before, began) = (all()?, Instant::now());
    std::thread::sleep(IDLE);
    Ok((all()? - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0)
}

fn observe(
    office: &Office,
    pids: &[i32],
    peers: &[Peer],
    gateway: (&str, &str),
    began: Instant,
) -> anyhow::Result<Round> {
    let resident = || pids.iter().map(|p| proc::resident(*p)).sum::<anyhow::Result<f64>>();
    let (last, others) = peers.split_last().context("peers")?;
    let mut round = Round::default();
    let mut asks = speaker(office, last, gateway)?;
    wait_until("the last peer is let in", LIMIT, || {
        let message = asks.initiation()?;
        asks.socket.send(&message)?;
        // nobody may listen yet
        Ok(asks.datagram(ASK).ok().flatten())
    })?;
    round.load_s = began.elapsed().as_secs_f64();
    // What loading took for itself may be given back.
    std::thread::sleep(Duration::from_secs(2));
    round.resident_mib = resident()?;
    round.idle_percent = idle(pids)?;
    let mut sessions = Vec::with_capacity(SESSIONS);
    for peer in &others[PEERS - SESSIONS..] {
        let mut session = speaker(office, peer, gateway)?;
        session.handshake(LIMIT)?.context("no handshake")?;
        sessions.push(session);
    }
    round.busy_idle_percent = idle(pids)?;
    round.busy_resident_mib = resident()?;
    Ok(round)
}
