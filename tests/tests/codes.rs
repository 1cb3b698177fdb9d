//! The code of the second factor: right, wrong, used, used a hundred times at once, used before a crash.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use office::gateway::{Cast, GatewayOptions, Page, Role};
use office::{Home, OfficeOptions, connect, scenario, wait_until};
use serde_json::Value;

const KNOCK: Duration = Duration::from_secs(3);
/// All of a crowd are answered by then.
const ANSWERS: Duration = Duration::from_secs(60);
/// So many at once with the same code.
const CROWD: usize = 100;

/// What a stranger can learn from an answer: all but the request's own number.
fn visible(page: &Page) -> (u16, Value) {
    let mut body = page.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request");
    }
    (page.status, body)
}

#[test]
fn wrong_codes_open_nothing_and_tell_nothing() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let web = cast.gateway.web(client.ns())?;
        let (password, wrong) = (cast.anne.password.clone(), cast.anne.authenticator.wrong_code()?);
        let wrong_code = web.try_sign_in("anne", &password, &wrong)?;
        let wrong_password = web.try_sign_in("anne", "Nine-silver-spoons-1", &wrong)?;
        let unknown_user = web.try_sign_in("nobody-here", &password, &wrong)?;
        ensure!(wrong_code.status == 401 && wrong_code.slug() == "wrong-credentials", "{wrong_code:?}");
        ensure!(visible(&wrong_code) == visible(&wrong_password), "{wrong_code:?} {wrong_password:?}");
        ensure!(visible(&wrong_code) == visible(&unknown_user), "{wrong_code:?} {unknown_user:?}");
        // Nor does the time tell: an unknown user costs a password's hash too, which is most of the time.
        let (known, unknown) = (wrong_password.took, unknown_user.took);
        ensure!(unknown * 2 > known && known * 2 > unknown, "{known:?} and {unknown:?}");
        ensure!(!connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "open after a wrong code");
        // The twin: the right one opens.
        web.sign_in(&mut cast.anne)?;
        ensure!(connect(client.ns(), cast.files_at(445)[0], KNOCK)?.is_open(), "locked after the right code");
        Ok(())
    })
}

#[test]
fn guessing_is_slowed_down() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let web = cast.gateway.web(client.ns())?;
        let wrong = cast.anne.authenticator.wrong_code()?;
        let mut slowed = None;
        for attempt in 1..=12 {
            let page = web.try_sign_in("anne", &cast.anne.password, &wrong)?;
            if page.status == 429 {
                slowed = Some((attempt, page));
                break;
            }
            ensure!(page.status == 401, "{} {}", page.status, page.body);
        }
        let (attempt, page) = slowed.context("a dozen wrong codes and no pause")?;
        ensure!(attempt > 3, "a typing error is punished: attempt {attempt}");
        ensure!(page.body.get("retry_after").and_then(Value::as_u64).is_some_and(|s| s > 0), "{}", page.body);
        // What was counted outlives whoever counted it.
        cast.gateway.kill(Role::Serve)?;
        cast.gateway.launch(Role::Serve)?;
        cast.gateway.wait_until_ready()?;
        let after = web.try_sign_in("anne", &cast.anne.password, &wrong)?;
        ensure!(after.status == 429, "after kill -9: {} {}", after.status, after.body);
        Ok(())
    })
}

#[test]
fn a_used_code_is_refused_also_after_another_and_after_a_crash() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let web = cast.gateway.web(client.ns())?;
        let password = cast.anne.password.clone();
        let first = cast.anne.authenticator.fresh_code()?;
        let accepted = web.try_sign_in("anne", &password, &first)?;
        ensure!(accepted.status == 200, "{} {}", accepted.status, accepted.body);
        ensure!(web.try_sign_in("anne", &password, &first)?.status == 401, "A, A");
        let second = cast.anne.authenticator.fresh_code()?;
        ensure!(web.try_sign_in("anne", &password, &second)?.status == 200, "B after A");
        ensure!(web.try_sign_in("anne", &password, &first)?.status == 401, "A, B, A");
        cast.gateway.kill(Role::Serve)?;
        cast.gateway.launch(Role::Serve)?;
        cast.gateway.wait_until_ready()?;
        let after = web.try_sign_in("anne", &password, &second)?;
        ensure!(after.status == 401, "B, kill -9, B: {} {}", after.status, after.body);
        Ok(())
    })
}

#[test]
fn a_hundred_at_once_with_one_code_make_one() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let mut cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let web = cast.gateway.web(client.ns())?;
        let (password, code) = (cast.anne.password.clone(), cast.anne.authenticator.fresh_code()?);
        let pages: Vec<Page> = thread::scope(|scope| {
            // Only so many connections of one device are taken at once; who is turned away comes again.
            let one = || {
                let mut answer = None;
                let answered = wait_until("an answer", ANSWERS, || {
                    answer = web.try_sign_in("anne", &password, &code).ok();
                    Ok(answer.is_some().then_some(()))
                });
                answered.and_then(|_| answer.context("an answer"))
            };
            let crowd: Vec<_> = (0..CROWD).map(|_| scope.spawn(one)).collect();
            crowd.into_iter().map(|one| one.join().map_err(|_| anyhow!("a thread panicked"))?).collect::<Result<_, _>>()
        })?;
        let accepted = pages.iter().filter(|p| p.status == 200).count();
        let refused = pages.iter().filter(|p| matches!(p.status, 401 | 429)).count();
        ensure!(accepted == 1, "{accepted} of {CROWD} were accepted");
        ensure!(accepted + refused == CROWD, "{:?}", pages.iter().map(|p| p.status).collect::<Vec<_>>());
        let openings = cast.gateway.cli(&["verification", "list"])?;
        ensure!(openings.as_array().is_some_and(|all| all.len() == 1), "{openings}");
        Ok(())
    })
}

#[test]
fn the_code_of_the_enrolment_is_used_too() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let cast = Cast::start(office, GatewayOptions::default())?;
        let client = cast.anne_at(Home::A)?;
        let used = cast.anne.authenticator.last_code().context("the code of the enrolment")?;
        let page = cast.gateway.web(client.ns())?.try_sign_in("anne", &cast.anne.password, &used)?;
        ensure!(page.status == 401, "{} {}", page.status, page.body);
        Ok(())
    })
}
