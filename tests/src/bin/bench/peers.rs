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
/// Whom it has not heard for so long, a gateway that starts does not look for.
const FORGOTTEN: Duration = Duration::from_secs(190);
/// A handshake is answered within this, or not.
const ANSWER: Duration = Duration::from_millis(500);
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
    let mut rounds: [Vec<Round>; 4] = Default::default();
    let mut heard = Instant::now();
    for _ in 0..ROUNDS {
        gateway.kill(Role::Net)?;
        gateway.kill(Role::Serve)?;
        for (n, program) in ["boringtun-cli", "wireguard-go"].into_iter().enumerate() {
            let began = Instant::now();
            let process = rival(&office, program, &file)?;
            let at = format!("{GATEWAY}:{OTHERS_PORT}");
            let round = observe(&office, &[process.pid()], &peers, (&other.1, &at), began);
            rounds[n + 2].extend(told(program, round)?);
            drop(process);
            let _ = std::fs::remove_file(format!("/run/wireguard/{OTHERS_INTERFACE}.sock"));
        }
        // Else it would look for the sessions of its last round, which is not doing nothing.
        std::thread::sleep(FORGOTTEN.saturating_sub(heard.elapsed()));
        let began = Instant::now();
        gateway.launch(Role::Net)?;
        gateway.launch(Role::Serve)?;
        let pids = [gateway.pid(Role::Net)?, gateway.pid(Role::Serve)?];
        let round = observe(&office, &pids, &peers, (&ours, &endpoint), began);
        heard = Instant::now();
        for (n, process) in told("passerelle", round)?.into_iter().enumerate() {
            rounds[n].push(process);
        }
    }
    table(&rounds);
    Ok(())
}

/// What is measured is seen while it goes on: it takes ten minutes.
fn told(program: &str, round: anyhow::Result<Vec<Round>>) -> anyhow::Result<Vec<Round>> {
    let round = round.with_context(|| program.to_owned())?;
    for process in &round {
        eprintln!("{program}: {process:.2?}");
    }
    Ok(round)
}

fn table(rounds: &[Vec<Round>; 4]) {
    println!(
        "{:40} {:>10} {:>10} {:>21} {:>21}",
        "medians of three rounds", "net", "serve", "boringtun-cli", "wireguard-go"
    );
    let row = |what: &str, unit: &str, of: fn(&Round) -> f64| {
        let [net, serve, boringtun, go] = rounds.each_ref().map(|r| median(r.iter().map(of).collect()));
        let beside = |other: f64| format!("{other:.2} {unit} ({:.1} x net)", other / net);
        println!("{what:40} {net:6.2} {unit:3} {serve:6.2} {unit:3} {:>21} {:>21}", beside(boringtun), beside(go));
    };
    row("from start until the last peer is in", "s", |r| r.load_s);
    row("resident memory", "MiB", |r| r.resident_mib);
    row("doing nothing, of a core", "%", |r| r.idle_percent);
    row("resident memory, 1,000 sessions", "MiB", |r| r.busy_resident_mib);
    row("doing nothing, 1,000 sessions, of a core", "%", |r| r.busy_idle_percent);
    println!("net and serve are passerelle's two processes; what the others do, net does; they start together");
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

/// Processor time of each process in hundredths of a core, while nothing happens.
fn idle(pids: &[i32]) -> anyhow::Result<Vec<f64>> {
    let all = || pids.iter().map(|p| proc::cpu(*p)).collect::<anyhow::Result<Vec<_>>>();
    let (before, began) = (all()?, Instant::now());
    std::thread::sleep(IDLE);
    let took = began.elapsed().as_secs_f64();
    Ok(all()?.iter().zip(before).map(|(after, before)| (*after - before).as_secs_f64() / took * 100.0).collect())
}

/// One round of a program of one or two processes: what each of them did.
fn observe(
    office: &Office,
    pids: &[i32],
    peers: &[Peer],
    gateway: (&str, &str),
    began: Instant,
) -> anyhow::Result<Vec<Round>> {
    let resident = || pids.iter().map(|p| proc::resident(*p)).collect::<anyhow::Result<Vec<_>>>();
    let (last, others) = peers.split_last().context("peers")?;
    let mut asks = speaker(office, last, gateway)?;
    wait_until("the last peer is let in", LIMIT, || {
        let message = asks.initiation()?;
        // nobody may listen yet
        let _ = asks.socket.send(&message);
        Ok(asks.datagram(ASK).ok().flatten())
    })?;
    let load_s = began.elapsed().as_secs_f64();
    // What loading took for itself may be given back.
    std::thread::sleep(Duration::from_secs(2));
    let (quiet, quiet_cpu) = (resident()?, idle(pids)?);
    let mut sessions = Vec::with_capacity(SESSIONS);
    for peer in &others[PEERS - SESSIONS..] {
        // Whoever limits handshakes answers some with a cookie: then again, a little later.
        let (session, _) = wait_until("a peer gets in", LIMIT, || {
            let mut session = speaker(office, peer, gateway)?;
            Ok(session.handshake(ANSWER)?.map(|_| session))
        })?;
        sessions.push(session);
        if sessions.len().is_multiple_of(100) {
            eprint!("\r{} of {SESSIONS} sessions ", sessions.len());
        }
    }
    let (busy_cpu, busy) = (idle(pids)?, resident()?);
    let each = quiet.iter().zip(quiet_cpu).zip(busy.iter().zip(busy_cpu));
    let round = |((resident, idle), (busy_resident, busy_idle)): ((&f64, f64), (&f64, f64))| Round {
        load_s,
        resident_mib: *resident,
        idle_percent: idle,
        busy_resident_mib: *busy_resident,
        busy_idle_percent: busy_idle,
    };
    Ok(each.map(round).collect())
}
