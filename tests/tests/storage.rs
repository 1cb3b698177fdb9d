//! What the gateway stores, and what happens when it cannot: a full disk, a database that is away or from before, a clock
//! that is wrong. Nothing opens by it, what is open goes on, and cutting off works.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use office::gateway::{Answer, Cast, Gateway, GatewayOptions, Role, Storage, Web};
use office::{Capture, Client, Home, Office, OfficeOptions, Seen, Stream, connect, now, scenario, wait_until};
use serde_json::{Value, json};

const KNOCK: Duration = Duration::from_secs(3);
const COPY: Duration = Duration::from_secs(120);
/// Cuts are tried every second, the database is looked at every ten.
const RECOVERY: Duration = Duration::from_secs(30);
/// What the reconciler notes by the way is in the database by then.
const FLUSH: Duration = Duration::from_secs(11);
/// Whatever passed after an answer would show itself within this: TCP sends again after 200 ms at first.
const AFTERMATH: Duration = Duration::from_secs(2);
/// Enough for a small office's database with its log, small enough to be filled in a moment.
const DISK_MB: u32 = 16;
/// A full disk refuses before so many groups are added: the database's log has room for as many pages.
const MOST_GROUPS: usize = 3000;

/// Everybody in the workshop and signed in: Anne at home A, Boris at home B with a transfer that must not notice anything.
struct Day<'o> {
    cast: Cast<'o>,
    anne: Client<'o>,
    _boris: Client<'o>,
    web: Web<'o>,
    transfer: Stream,
}

impl<'o> Day<'o> {
    fn begin(office: &'o Office, storage: Storage) -> anyhow::Result<Self> {
        let mut cast = Cast::start(office, GatewayOptions { storage, ..GatewayOptions::default() })?;
        cast.gateway.cli(&["user", "group", "boris", "--add", "workshop"])?;
        let (anne, boris) = (cast.anne_at(Home::A)?, cast.boris_at(Home::B)?);
        cast.anne_signs_in(office.home(Home::A))?;
        let web = cast.gateway.web(office.home(Home::B))?;
        web.sign_in(&mut cast.boris)?;
        let transfer = Stream::open(boris.ns(), cast.pc_at(9000)[0])?;
        Ok(Self { cast, anne, _boris: boris, web, transfer })
    }

    fn goes_on(&self) -> anyhow::Result<()> {
        let before = self.transfer.bytes();
        wait_until("the other's transfer goes on", COPY, || {
            Ok((self.transfer.bytes() > before + (1 << 20)).then_some(()))
        })?;
        ensure!(self.transfer.ended().is_none(), "it ended: {:?}", self.transfer.ended());
        Ok(())
    }

    fn refuses_sign_in(&self, slugs: &[&str]) -> anyhow::Result<()> {
        let code = self.cast.boris.authenticator.current_code()?;
        let page = self.web.try_sign_in("boris", &self.cast.boris.password, &code)?;
        eprintln!("sign-in refused after {:?}: {}", page.took, page.body);
        ensure!(page.status == 503 && slugs.contains(&page.slug()), "{} {}", page.status, page.body);
        Ok(())
    }

    fn is_cut(&self) -> anyhow::Result<()> {
        ensure!(!connect(self.anne.ns(), self.cast.files_at(445)[0], KNOCK)?.is_open(), "Anne is in again");
        Ok(())
    }

    /// Anne's copy of a file ends with the answer, on both sides of the gateway.
    fn cut_during_a_copy(&self, cut: impl FnOnce(&Gateway<'_>) -> anyhow::Result<Answer>) -> anyhow::Result<Answer> {
        let office = self.cast.gateway.office();
        let file = office.big_file("drawings", 200)?;
        let to_files = Capture::start(&office.files, "eth0", "tcp dst port 445")?;
        let mut copy = office.copy(self.anne.ns(), "files.office.lan", &file)?;
        copy.wait_for(20 << 20, COPY)?;
        let answer = cut(&self.cast.gateway)?;
        let until = now() + AFTERMATH;
        wait_until("the time for retransmissions", KNOCK, || Ok((now() > until).then_some(())))?;
        ensure!(copy.give_up() < file.bytes, "the copy was over before");
        let late = Seen::later_than(&to_files.stop()?, answer.at);
        ensure!(late.is_empty(), "reached the file server after the answer: {late}");
        eprintln!("cut, answered after {:?}: {}", answer.took, answer.body);
        self.is_cut()?;
        Ok(answer)
    }

    /// The cut is in the database, with its own time, and the twin: who was not cut signs in, and nobody restarted anything.
    fn recovers(&mut self, event: &str, cut_at: Duration) -> anyhow::Result<()> {
        let (_, took) = wait_until("all is stored", RECOVERY, || {
            let Ok(status) = self.cast.gateway.status() else { return Ok(None) };
            let well =
                status.get("waiting_cuts") == Some(&json!(0)) && status.get("storage").is_none_or(Value::is_null);
            Ok(well.then_some(()))
        })?;
        eprintln!("all was stored {took:?} after the cause was gone");
        let audit = self.cast.gateway.cli(&["audit", "--event", event])?;
        let at = audit.pointer("/0/at").and_then(Value::as_u64).with_context(|| format!("no {event} in {audit}"))?;
        let apart = u128::from(at).abs_diff(cut_at.as_millis());
        ensure!(apart < 10_000, "{event} is dated {apart} ms from when it was done");
        self.goes_on()?;
        // Again, on a door that is open: its connections go on.
        self.web.sign_in(&mut self.cast.boris)?;
        self.is_cut()?;
        self.goes_on()
    }
}

#[test]
fn a_full_disk_cuts_off_as_ever_and_lets_nobody_in() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut day = Day::begin(office, Storage::Small(DISK_MB))?;
        day.cast.gateway.disk()?.fill()?;
        let full = (0..MOST_GROUPS).find_map(|n| {
            let group = json!({ "name": format!("group-{n}") });
            match day.cast.gateway.api("POST", "groups", Some(&group)) {
                Ok(answer) if answer.status == 201 => None,
                other => Some(other),
            }
        });
        let full = full.context("a full disk takes everything")??;
        ensure!(full.status == 503 && full.body.to_string().contains("disk is full"), "{} {}", full.status, full.body);
        day.refuses_sign_in(&["cannot-store"])?;
        // It is noticed by what is written down every ten seconds.
        wait_until("the doctor says so", RECOVERY, || {
            let doctor = day.cast.gateway.try_cli(&["doctor"])?;
            Ok((doctor.code == 1 && doctor.stdout.contains("the database stores nothing")).then_some(()))
        })?;
        day.goes_on()?;
        let path = format!("devices/{}/revoke", day.cast.laptop.id);
        let answer = day.cut_during_a_copy(|gateway| gateway.change("POST", &path))?;
        ensure!(answer.status == 202 && answer.body.get("stored") == Some(&json!("soon")), "{}", answer.body);
        ensure!(answer.took < Duration::from_secs(1), "the answer took {:?}", answer.took);
        day.goes_on()?;

        // Either process dies, then both: the cut stays, the other's door too.
        for roles in [&[Role::Serve][..], &[Role::Net], &[Role::Serve, Role::Net]] {
            for role in roles {
                day.cast.gateway.kill(*role)?;
            }
            for role in roles {
                day.cast.gateway.launch(*role)?;
            }
            wait_until("the gateway is back", COPY, || {
                let Ok(status) = day.cast.gateway.status() else { return Ok(None) };
                let up = status.pointer("/link") == Some(&json!("up"));
                Ok((up && status.pointer("/firewall/in_force") == Some(&json!(true))).then_some(()))
            })?;
            day.goes_on().with_context(|| format!("after {roles:?} died"))?;
            day.is_cut().with_context(|| format!("after {roles:?} died"))?;
            ensure!(day.cast.gateway.status()?.get("waiting_cuts") == Some(&json!(1)));
        }
        day.refuses_sign_in(&["cannot-store"])?;
        day.cast.gateway.disk()?.free()?;
        day.recovers("device_revoked", answer.at)
    })
}

#[test]
fn a_database_server_that_is_away_cuts_off_as_ever_and_lets_nobody_in() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut day = Day::begin(office, Storage::Postgres)?;
        // While it is there: a share copies.
        let file = office.big_file("drawings", 20)?;
        office.copy(day.anne.ns(), "files.office.lan", &file)?.finish(COPY)?;
        let other = day.cast.gateway.second_serve()?;
        ensure!(other.contains("another gateway runs on this database"), "two gateways on one database: {other}");
        day.goes_on()?;

        day.cast.gateway.postgres()?.freeze(true)?;
        day.refuses_sign_in(&["cannot-store", "unavailable"])?;
        day.goes_on()?;
        day.cast.gateway.postgres()?.freeze(false)?;
        wait_until("it answers again", RECOVERY, || Ok(day.cast.gateway.status().ok()))?;

        day.cast.gateway.postgres()?.stop()?;
        day.refuses_sign_in(&["cannot-store", "unavailable"])?;
        day.goes_on()?;
        let answer = day.cut_during_a_copy(|gateway| gateway.change("POST", "devices/anne%2Flaptop/revoke"))?;
        ensure!(answer.status == 202 && answer.body.get("stored") == Some(&json!("soon")), "{}", answer.body);
        day.goes_on()?;
        day.cast.gateway.kill(Role::Net)?;
        day.cast.gateway.launch(Role::Net)?;
        day.goes_on().context("after the data plane died while the database was away")?;
        day.is_cut()?;
        day.cast.gateway.postgres()?.restart(&office.gw)?;
        day.recovers("device_revoked", answer.at)
    })
}

#[test]
fn a_database_from_before_locks_and_asks_and_a_restart_does_not() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let state = cast.gateway.state();
        let restart = |cast: &mut Cast<'_>, between: &dyn Fn() -> anyhow::Result<()>| {
            // In order, so that all of the database is in its file.
            cast.gateway.stop(Role::Serve)?;
            between()?;
            cast.gateway.launch(Role::Serve)?;
            cast.gateway.wait_until_ready()
        };
        let (file, old) = (state.join("passerelle.db"), state.join("old"));
        restart(&mut cast, &|| fs::copy(&file, &old).map(drop).context("copy the database"))?;
        let web = cast.anne_signs_in(client.ns())?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "the door did not open");
        // The twin: an ordinary restart.
        restart(&mut cast, &|| Ok(()))?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "a restart locked the door");
        ensure!(cast.gateway.status()?.get("restored_at").is_none_or(Value::is_null));

        restart(&mut cast, &|| fs::copy(&old, &file).map(drop).context("put the old database back"))?;
        ensure!(!connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "the door is open");
        let log = cast.gateway.log(Role::Serve)?;
        ensure!(log.contains("passerelle user confirm"), "IT is not asked: {log}");
        ensure!(cast.gateway.status()?.get("restored_at").is_some_and(|at| !at.is_null()));
        let code = cast.anne.authenticator.fresh_code()?;
        let page = web.try_sign_in("anne", &cast.anne.password, &code)?;
        ensure!(page.status == 403 && page.slug() == "restored", "{} {}", page.status, page.body);
        cast.gateway.cli(&["user", "confirm", "--yes"])?;
        web.sign_in(&mut cast.anne)?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "not after IT confirmed");
        Ok(())
    })
}

/// What is left of the only open door, in milliseconds.
fn left(gateway: &Gateway<'_>) -> anyhow::Result<u64> {
    let open = gateway.cli(&["verification", "list"])?;
    open.pointer("/0/remaining_ms").and_then(Value::as_u64).with_context(|| format!("an open door in {open}"))
}

#[test]
fn a_clock_that_is_set_moves_no_door_and_uses_no_code_again() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        cast.gateway.own_clock()?;
        cast.gateway.stop(Role::Serve)?;
        cast.gateway.launch(Role::Serve)?;
        cast.gateway.wait_until_ready()?;
        let client = cast.anne_at(Home::A)?;
        let web = cast.anne_signs_in(client.ns())?;
        let used = cast.anne.authenticator.last_code().context("the code that was used")?;
        let password = cast.anne.password.clone();
        let (began, first) = (now(), left(&cast.gateway)?);
        for offset in ["+1h", "-1h", "+10y", "-10y"] {
            cast.gateway.set_clock(offset)?;
            // The database is written to every ten seconds: whatever the clock does to it is done then.
            let since = now() + FLUSH;
            wait_until("all is written down by this clock", RECOVERY, || Ok((now() > since).then_some(())))?;
            ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "{offset} locked the door");
            let page = web.try_sign_in("anne", &password, &used)?;
            let refused = match page.status {
                401 => "wrong-credentials",
                503 => "wrong-clock",
                429 => "too-many-attempts",
                other => bail!("{offset}: {other} {}", page.body),
            };
            eprintln!("{offset}: refused as {refused}");
            // An hour ahead may be true; the others cannot be.
            ensure!((page.status == 503) == (offset != "+1h"), "{offset}: {} {}", page.status, page.body);
            let (passed, is) = (now() - began, left(&cast.gateway)?);
            let expected = first.saturating_sub(u64::try_from(passed.as_millis())?);
            ensure!(is.abs_diff(expected) < 1000, "{offset} moved the end by {} ms", is.abs_diff(expected));
        }
        cast.gateway.set_clock("+0")?;
        let believed = cast.gateway.status()?.get("clock_believed").cloned();
        ensure!(believed == Some(json!(false)), "an hour back is believed: {believed:?}");
        cast.gateway.cli(&["user", "confirm", "--yes"])?;
        let again = web.try_sign_in("anne", &password, &used)?;
        ensure!(
            matches!(again.status, 401 | 429),
            "used again after the clock was set back: {} {}",
            again.status,
            again.body
        );
        web.sign_in(&mut cast.anne)?;
        Ok(())
    })
}
