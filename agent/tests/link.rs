//! The running service against a gateway that talks, falls silent, goes away, or means ill.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod office;

use agent::bounded::Short;
use agent::message::{Action, FromAgent, Outcome, Papers, Refused, ToAgent};
use office::{Call, Gateway, act, certificates, now, welcome};
use tokio_tungstenite::tungstenite::Message;

/// Why no message is shown where nobody knows who is there.
#[cfg(unix)]
const NOBODY_TELLS: &str = "logind is not there";
#[cfg(windows)]
const NOBODY_TELLS: &str = "Windows does not tell who is there";

const DAY: u64 = 24 * 3600;

async fn done(call: &mut Call, id: u64) -> Outcome {
    let fits = |m: &FromAgent| matches!(m, FromAgent::Done { id: of, .. } if *of == id);
    match call.hear_until(fits).await {
        FromAgent::Done { outcome, .. } => outcome,
        _ => unreachable!(),
    }
}

fn failed(outcome: &Outcome) -> &Short {
    match outcome {
        Outcome::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tells_what_it_sees_until_it_is_stopped() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    let (_, said) = pc.output("status").await;
    assert!(said.contains("the service does not run"), "{said}");
    let mut running = pc.run();
    let mut call = gateway.welcome(false).await;
    let own = certificates(&std::fs::read_to_string(pc.state("certificate.pem")).unwrap());
    assert_eq!(call.certificate.as_ref(), own.first());
    running.says("welcomed").await;
    let FromAgent::Facts(facts) = call.hear_until(|m| matches!(m, FromAgent::Facts(_))).await else { unreachable!() };
    assert!(!facts.host.is_empty() && facts.up_ms > 0);
    assert_eq!(facts.sessions, None, "without logind, and under wine, nobody knows who is there");
    call.hear_until(|m| *m == FromAgent::Alive {}).await;
    let (_, said) = pc.output("status").await;
    assert!(said.contains("IT has to approve this PC"), "{said}");

    // What it does not know is passed over; before IT has approved, nothing is done.
    call.send(Message::text(r#"{"say":"sing","loud":true}"#)).await.unwrap();
    call.say(&act(1, Action::Refresh {})).await;
    assert!(failed(&done(&mut call, 1).await).contains("not approved"));
    call.say(&welcome(true, 3)).await;
    call.send(Message::text(r#"{"say":"act","id":2,"action":{"do":"format"}}"#)).await.unwrap();
    assert!(failed(&done(&mut call, 2).await).contains("cannot do that"));
    call.say(&act(3, Action::Refresh {})).await;
    assert_eq!(done(&mut call, 3).await, Outcome::Done {});
    call.say(&act(4, Action::Suspend { unless_used: true })).await;
    assert!(failed(&done(&mut call, 4).await).contains("does not tell who is signed in"));
    call.say(&act(5, Action::Tell { text: "--help".into() })).await;
    assert!(failed(&done(&mut call, 5).await).contains(NOBODY_TELLS));
    let (_, said) = pc.output("status").await;
    assert!(said.contains("\nconnected\n"), "{said}");

    let (status, said) = pc.output("run").await;
    assert!(!status.success() && said.contains("runs on this PC already"), "{said}");

    #[cfg(unix)]
    {
        running.terminate();
        let leaving = call.hear_until(|m| matches!(m, FromAgent::Leaving { .. })).await;
        assert_eq!(leaving, FromAgent::Leaving { how: agent::message::Leaving::Agent });
        assert_eq!(call.hear_or_end().await, None);
        assert!(running.ends().await.success());
    }
}

#[tokio::test]
async fn comes_back_when_the_gateway_does() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    let mut running = pc.run();
    for _ in 0..3 {
        let mut call = gateway.welcome(true).await;
        call.hear_until(|m| matches!(m, FromAgent::Facts(_))).await;
        drop(call);
        running.says("no connection to the gateway").await;
    }
    running.stops().await;
}

#[tokio::test]
async fn a_gateway_that_falls_silent_is_left() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    let mut running = pc.run();
    // It reads nothing any more, so answers no ping.
    let deaf = gateway.welcome(true).await;
    running.says("the gateway is silent").await;
    // It begins a message that is allowed and never ends it.
    let mut slow = gateway.welcome(true).await;
    slow.send_raw(&[0x81, 126, 0xea, 0x60, b'x']).await.unwrap();
    running.says("the gateway is silent").await;
    drop((deaf, slow));
}

/// The gateway does this; the agent says why it leaves, and has not grown.
async fn leaves(ill: impl AsyncFnOnce(Call), why: &str) {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    let mut running = pc.run();
    let mut call = gateway.welcome(true).await;
    call.hear_until(|m| matches!(m, FromAgent::Facts(_))).await;
    #[cfg(unix)]
    let before = running.peak_kb();
    ill(call).await;
    running.says(why).await;
    // It goes on, and comes back.
    gateway.welcome(true).await.hear_until(|m| matches!(m, FromAgent::Facts(_))).await;
    #[cfg(unix)]
    {
        let grown = running.peak_kb() - before;
        let longest = agent::message::LONGEST;
        assert!(grown < 2 * 1024, "{grown} kB more than {before} kB, for messages of at most {longest} bytes");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn runs_beside_peoples_work() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    let running = pc.run();
    let mut call = gateway.welcome(true).await;
    call.hear_until(|m| matches!(m, FromAgent::Facts(_))).await;
    let peak = running.peak_kb();
    eprintln!("{peak} kB");
    assert!(peak < 15 * 1024, "{peak} kB");
}

#[tokio::test]
async fn rubbish_is_left() {
    for (rubbish, why) in [(Message::text("rubbish"), "no message"), (Message::binary(vec![1, 2, 3]), "binary data")] {
        let say = async |mut call: Call| {
            call.send(rubbish).await.unwrap();
            call.end().await;
        };
        leaves(say, why).await;
    }
}

#[tokio::test]
async fn a_message_without_end_costs_no_memory() {
    // It may be gone before it has all of them.
    let long = async |mut call: Call| {
        let _ = call.send(Message::text("x".repeat(10 << 20))).await;
        call.end().await;
    };
    leaves(long, "cannot be understood").await;
    let endless = async |mut call: Call| {
        let _ = call.send_raw(&[0x81, 127, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).await;
        call.end().await;
    };
    leaves(endless, "cannot be understood").await;
    let of_ever_more_parts = async |mut call: Call| {
        let part = [&[0x00, 126, 0x40, 0x00][..], &[b'x'; 0x4000]].concat();
        call.send_raw(&[0x01, 1, b'x']).await.unwrap();
        let mut parts = 0;
        while call.send_raw(&part).await.is_ok() {
            parts += 1;
            assert!(parts < 100_000, "it takes {} MB", parts >> 6);
        }
    };
    leaves(of_ever_more_parts, "cannot be understood").await;
}

#[tokio::test]
async fn a_flood_is_left() {
    let talks = async |mut call: Call| while call.send(Message::text(r#"{"say":"sing"}"#)).await.is_ok() {};
    leaves(talks, "says too much").await;
    let pings = async |mut call: Call| while call.send(Message::Ping(vec![0; 100].into())).await.is_ok() {};
    leaves(pings, "says too much").await;
}

#[tokio::test]
async fn who_was_revoked_is_quiet() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    for (why, part) in [(Refused::Revoked, "taken this PC's enrolment back"), (Refused::Unknown, "does not know")] {
        let mut running = pc.run();
        let mut call = gateway.accept().await;
        call.hear().await;
        call.say(&ToAgent::Refused { why }).await;
        let line = running.says("no connection to the gateway").await;
        assert!(line.contains("wait_ms=600000") && line.contains(part), "{line}");
        running.stops().await;
    }
    let mut running = pc.run();
    let mut call = gateway.welcome(true).await;
    call.say(&ToAgent::Refused { why: Refused::Busy }).await;
    let line = running.says("no connection to the gateway").await;
    assert!(line.contains("wait_ms=30") && line.contains("busy"), "{line}");
}

#[tokio::test]
async fn another_gateway_than_that_of_the_enrolment_is_not_greeted() {
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    let other = Gateway::new().await;
    let config = std::fs::read_to_string(&pc.config).unwrap();
    pc.config = pc.config.with_file_name("other.toml");
    std::fs::write(&pc.config, config.replace(&gateway.port.to_string(), &other.port.to_string())).unwrap();
    let mut running = pc.run();
    assert!(other.try_accept().await.is_err());
    running.says("not the gateway that this PC was enrolled with").await;
}

#[tokio::test]
async fn an_old_certificate_is_renewed_and_the_new_one_is_shown_next_time() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled_at(now() - 400 * DAY).await;
    let mut running = pc.run();
    let mut call = gateway.welcome(true).await;
    let old = call.certificate.clone().unwrap();
    let FromAgent::Renew { request } = call.hear_until(|m| matches!(m, FromAgent::Renew { .. })).await else {
        unreachable!()
    };
    // One of another authority is not kept.
    let foreign = office::authority().issue_agent_at(request.as_str(), "pc-7", now()).unwrap();
    call.say(&ToAgent::Renewed { certificate: Papers::try_from(foreign).unwrap() }).await;
    running.says("the old one is kept").await;
    let chain = gateway.authority.issue_agent_at(request.as_str(), "pc-7", now()).unwrap();
    call.say(&ToAgent::Renewed { certificate: Papers::try_from(chain.clone()).unwrap() }).await;
    running.says("the certificate was renewed").await;
    drop(call);
    let call = gateway.welcome(true).await;
    let shown = call.certificate.clone().unwrap();
    assert!(shown == certificates(&chain)[0] && shown != old);
    assert_eq!(std::fs::read_to_string(pc.state("certificate.pem")).unwrap(), chain);
}

#[tokio::test]
async fn a_young_certificate_is_not_renewed() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled_at(now() - 200 * DAY).await;
    let _running = pc.run();
    let mut call = gateway.welcome(true).await;
    for _ in 0..3 {
        let message = call.hear_until(|m| !matches!(m, FromAgent::Facts(_))).await;
        assert_eq!(message, FromAgent::Alive {});
    }
}

#[tokio::test]
async fn what_is_not_enrolled_does_not_run() {
    let pc = office::Pc::new(1);
    for subcommand in ["run", "status"] {
        let (status, said) = pc.output(subcommand).await;
        assert_eq!(status.code(), Some(78), "nobody should start it again and again");
        assert!(said.contains("not enrolled: passerelle-agent enrol"), "{said}");
    }
}
