//! The story, step by step, and who is who.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use office::desktops::{PASSWORD, USER};
use office::gateway::{Cast, Person, Role};
use office::{
    BigFile, Capture, Client, Home, Reach, SHARES, SMB_PASSWORD, SMB_USER, Seen, Stream, connect, wait_until,
};

use crate::desk::{self, Desk};
use crate::screen::{Screen, time};
use crate::splice::Ways;

/// The name by which the share is found from home.
const SERVER: &str = "files.office.lan";
/// Size of the big file, in megabytes.
const MEGABYTES: u32 = 200;
/// A copy of it takes no longer.
const COPY_LIMIT: Duration = Duration::from_secs(180);
/// What leaves the gateway for a device and is no handshake, keepalive or refusal: those are small.
const TO_HOME: &str = "src host 203.0.113.10 and udp src port 51820 and greater 300";
/// A transfer that has not gone on by then is lost.
const BACK_LIMIT: Duration = Duration::from_secs(20);
/// Refusals are waited for so long, to tell silence from slowness.
const KNOCK_LIMIT: Duration = Duration::from_secs(3);

/// What goes on after the story.
pub(crate) struct Scene<'o> {
    /// The gateway's address in the tunnel.
    pub(crate) gateway: Ipv4Addr,
    _anne: Client<'o>,
    _boris: Client<'o>,
}

/// Plays everything; a step that fails is shown and the story goes on.
pub(crate) fn play<'o>(cast: &mut Cast<'o>, desk: &Desk<'o>, screen: &mut Screen) -> anyhow::Result<Scene<'o>> {
    let office = cast.gateway.office();
    let mut tunnels = None;
    screen.must("WireGuard tunnels up: Anne (her LAN is numbered like the office's) and Boris", || {
        tunnels = Some((cast.anne_at(Home::A)?, cast.boris_at(Home::B)?));
        Ok("wireguard-go".to_owned())
    })?;
    let (anne, boris) = tunnels.context("tunnels")?;
    let gateway = anne.config().dns.iter().find_map(|d| d.parse().ok()).context("the gateway's tunnel address")?;
    let web = cast.gateway.web(anne.ns())?;

    screen.title("The tunnel is up, the door is locked");
    screen.step("the share refuses at once, by IPv4 and IPv6", || {
        let mut slowest = Duration::ZERO;
        for to in cast.files_at(445) {
            let reach = connect(anne.ns(), to, KNOCK_LIMIT)?;
            let Reach::Refused { after, .. } = reach else { anyhow::bail!("{to}: {reach:?}") };
            slowest = slowest.max(after);
        }
        ensure!(slowest < Duration::from_secs(1), "only after {}", time(slowest));
        Ok(format!("refused after {}", time(slowest)))
    });
    screen.step("names: the internet's as everywhere, the share's in the tunnel only", || {
        ensure!(anne.ns().resolve("www.example.org", "A")? == ["203.0.113.80"], "www.example.org is not what it is");
        let alias = anne.ns().resolve(SERVER, "A")?;
        ensure!(alias == [cast.files.0.to_string()], "{SERVER} is {alias:?}");
        Ok(format!("{SERVER} is {}", cast.files.0))
    });
    screen.step("a wrong code is refused", || {
        let page = web.try_sign_in("anne", &cast.anne.password, &cast.anne.authenticator.wrong_code()?)?;
        ensure!(page.status == 401, "{} {}", page.status, page.body);
        Ok(format!("the portal says {}", page.slug()))
    });

    screen.title("Password and code open it");
    let opened = screen.step("Anne signs in, from her laptop, in the tunnel", || {
        let page = web.sign_in(&mut cast.anne)?;
        Ok(format!("answered after {}", time(page.took)))
    });
    screen.step("the shares are listed", || {
        let out = office.list_shares(anne.ns(), SERVER)?;
        ensure!(SHARES.iter().all(|s| out.stdout.contains(s)), "{}", out.both().trim());
        Ok(SHARES.join(", "))
    });
    let mut file = None;
    screen.timed("200 MB copied from the share, checksum equal", |screen| {
        let made = office.big_file("drawings", MEGABYTES)?;
        let took = copy(&anne, cast, &made, screen)?;
        file = Some(made);
        Ok(format!("in {}: {:.0} MB/s", time(took), f64::from(MEGABYTES) / took.as_secs_f64()))
    });
    screen.step("Boris signs in too, and is refused: no policy names him", || {
        let page = cast.gateway.web(boris.ns())?.sign_in(&mut cast.boris)?;
        ensure!(page.status == 200, "{}", page.status);
        for to in cast.files_at(445) {
            let reach = connect(boris.ns(), to, KNOCK_LIMIT)?;
            ensure!(reach.is_refused_at_once(), "{to}: {reach:?}");
        }
        Ok(String::new())
    });

    screen.title("The office PC sleeps, and is woken");
    desk.play(cast, &web, anne.ns(), screen);

    screen.title("What is taken away is gone; what breaks comes back");
    if let Some(file) = file.filter(|_| opened) {
        screen.timed("the policy is removed during a copy: not one packet after the answer", |screen| {
            cut(&anne, cast, &file, screen)
        });
    }
    screen.step("the policy is back, and so is the share, with no new sign-in", || {
        cast.files_policy = cast
            .gateway
            .cli(&["policy", "add", "workshop", "files"])?
            .pointer("/id")
            .and_then(|id| id.as_str())
            .context("an id")?
            .to_owned();
        ensure!(connect(anne.ns(), cast.files_at(445)[0], KNOCK_LIMIT)?.is_open(), "not open");
        Ok(String::new())
    });
    screen.step("the data plane is killed (kill -9) during a transfer and started again", || {
        let stream = Stream::open(anne.ns(), cast.pc_at(9000)[0])?;
        wait_until("the transfer runs", KNOCK_LIMIT, || Ok((stream.bytes() > 1 << 20).then_some(())))?;
        let _ = stream.take_longest_gap();
        cast.gateway.kill(Role::Net)?;
        cast.gateway.launch(Role::Net)?;
        // What was under way still arrives after the kill: the gap is over when bytes come to a data plane that is ready.
        cast.gateway.wait_until_ready()?;
        let before = stream.bytes();
        wait_until("the transfer goes on", BACK_LIMIT, || Ok((stream.bytes() > before + (1 << 20)).then_some(())))?;
        ensure!(stream.ended().is_none(), "the connection was lost: {:?}", stream.ended());
        let gap = stream.take_longest_gap();
        ensure!(gap <= Duration::from_secs(1), "nothing for {}", time(gap));
        Ok(format!("traffic back after {}, same connection", time(gap)))
    });
    screen.step("`passerelle why boris files` gives the reason", || {
        let (verdict, reasons) = cast.gateway.why("boris", "files")?;
        ensure!(verdict == "deny" && reasons.iter().any(|r| r == "no_policy"), "{verdict} {reasons:?}");
        Ok(String::new())
    });
    for line in cast.gateway.cli_text(&["why", "boris", "files"]).unwrap_or_default().lines() {
        screen.say(&format!("      {line}"));
    }
    Ok(Scene { gateway, _anne: anne, _boris: boris })
}

fn copy(anne: &Client<'_>, cast: &Cast<'_>, file: &BigFile, screen: &mut Screen) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut copy = cast.gateway.office().copy(anne.ns(), SERVER, file)?;
    while copy.runs() && began.elapsed() < COPY_LIMIT {
        screen.progress(copy.arrived(), file.bytes);
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = began.elapsed();
    copy.finish(Duration::from_secs(5))?;
    Ok(took)
}

/// Takes the policy away in the middle of a copy, and looks at the wire on both sides of the gateway.
fn cut(anne: &Client<'_>, cast: &Cast<'_>, file: &BigFile, screen: &mut Screen) -> anyhow::Result<String> {
    let office = cast.gateway.office();
    let office_side = Capture::start(&office.files, "eth0", "tcp dst port 445")?;
    let home_side = Capture::start(&office.gw, "wan0", TO_HOME)?;
    let mut copy = office.copy(anne.ns(), SERVER, file)?;
    copy.wait_for(file.bytes / 4, COPY_LIMIT)?;
    screen.progress(copy.arrived(), file.bytes);
    let answer = cast.gateway.change("DELETE", &format!("policies/{}", cast.files_policy))?;
    // Long enough for a retransmission to show itself, if one passed.
    std::thread::sleep(Duration::from_millis(500));
    let arrived = copy.give_up();
    let mut last = Duration::ZERO;
    for (side, capture) in [("office", office_side), ("home", home_side)] {
        let seen = capture.stop()?;
        ensure!(!seen.is_empty(), "nothing was seen at the {side} side");
        let late = Seen::later_than(&seen, answer.at);
        ensure!(late.is_empty(), "passed at the {side} side after the answer: {late}");
        last = last.max(seen.iter().filter(|p| p.at <= answer.at).map(|p| p.at).max().unwrap_or_default());
    }
    let asked = answer.at.checked_sub(answer.took).unwrap_or_default();
    let dead = last.checked_sub(asked).unwrap_or_default();
    Ok(format!("dead {} after the request, at {} of {} MB", time(dead), arrived >> 20, file.bytes >> 20))
}

impl Scene<'_> {
    /// Locks Anne's door again and hands everything over to the visitor.
    pub(crate) fn introduce(
        &self,
        cast: &Cast<'_>,
        admin: &Person,
        ways: &Ways,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        for opening in cast.gateway.cli(&["verification", "list"])?.as_array().into_iter().flatten() {
            let ended = opening.get("ended_at").is_some_and(|at| !at.is_null());
            if let (Some(id), false) = (opening.get("id").and_then(|id| id.as_str()), ended) {
                cast.gateway.change("POST", &format!("verifications/{id}/end"))?;
            }
        }
        let office = cast.gateway.office();
        screen.title("For an authenticator app, if you have one at hand");
        for person in [&cast.anne, &cast.boris, admin] {
            picture(person, screen);
        }
        screen.title("Now you are Anne's laptop, at home");
        let Ways { portal, console } = ways;
        screen.say(&format!("  Open {}  (your browser will warn: the name is not the gateway's)", portal.url));
        screen.say(&format!(
            "  From another machine first: ssh -L {0}:localhost:{0} -L {1}:localhost:{1} root@THIS-MACHINE\n",
            portal.port, console.port
        ));
        credentials(&cast.anne, "may reach the share and the PCs", screen)?;
        credentials(&cast.boris, "may reach nothing", screen)?;
        screen.say("  The portal here is Anne's device: Boris's password does not open it. A code works once.\n");
        let home = office.home_a.full_name();
        let server = cast.files.0;
        screen.say(&format!(
            "  Her door is locked again. In another terminal, as root, on Anne's laptop: refused now, works after signing in\n    ip netns exec {home} ping {server}\n    \
             ip netns exec {home} smbclient -U '{SMB_USER}%{SMB_PASSWORD}' //{SERVER}/{}",
            SHARES[0]
        ));
        screen
            .say(&format!("  Her PC {} sleeps: wake it on the portal. Two minutes later it sleeps again (it runs xrdp: its\n  picture is right in an RDP app, and torn in a browser).", desk::NAME));
        screen.say(&format!(
            "  {} is on: *Connect* on the portal shows it in your browser; on the PC she is {USER}, her password there {PASSWORD}",
            desk::SHOWN
        ));
        screen.say(&format!(
            "  {} is a pool: *Connect to a free seat*, or *Book a PC*. Its PCs take any name and\n  password; after three minutes with a picture that stands still, nobody is taken to be there.",
            desk::POOL
        ));
        screen.title("And you are IT, at the office");
        screen.say(&format!("  The console: open {} (the same warning)\n", console.url));
        credentials(admin, "the administrator", screen)?;
        let binary = office::gateway::binary()?;
        screen.say(&format!(
            "  On the gateway, as root:\n    ip netns exec {} {} --config {} status\n",
            office.gw.full_name(),
            binary.display(),
            cast.gateway.config().display()
        ));
        screen.say(
            "  Ctrl-C takes everything down again (in the background: kill -INT -- -GROUP, make's process group).",
        );
        Ok(())
    }
}

/// All that somebody signs in with, but for the picture.
fn credentials(person: &Person, what: &str, screen: &Screen) -> anyhow::Result<()> {
    screen.say(&format!("  {:<6} password {}   ({what})", person.login, person.password));
    let program = std::env::current_exe().context("find this program's own file")?;
    screen.say("         Scan the picture above with an authenticator app, or ask for a code in another terminal:");
    screen.say(&format!("           {} code {}\n", program.display(), person.authenticator.secret()));
    Ok(())
}

/// For an authenticator app.
fn picture(person: &Person, screen: &Screen) {
    let picture = provisioning::qr::terminal(&person.uri);
    screen.say(&format!("  {}:", person.login));
    screen.say(&picture.lines().map(|l| format!("    {l}\n")).collect::<String>());
}
