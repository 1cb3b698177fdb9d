//! Enrolling, against a TLS server that does what it should, and against others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod office;

use agent::message::{FromAgent, Papers, Refused, ToAgent, VERSION};
use agent::token::Token;
use office::{Gateway, Pc, authority, certificates, now};

const TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
const DAY: u64 = 24 * 3600;

/// Enrols with a server that should not be trusted, and tells what the person saw. The secret was not said.
async fn refused_before_the_secret(gateway: &Gateway, token: Token) -> String {
    let pc = Pc::new(gateway.port);
    let ((status, said), call) = tokio::join!(pc.enrol(token, &[]), gateway.try_accept());
    assert!(!status.success() && call.is_err(), "{said}");
    assert!(!pc.state("key.pem").exists() && !pc.state("certificate.pem").exists());
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn a_token_becomes_an_identity_once() {
    let gateway = Gateway::new().await;
    let pc = gateway.enrolled().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(pc.state("key.pem")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    assert_eq!(std::fs::read_to_string(pc.state("authority.pem")).unwrap(), gateway.authority.certificate_pem());
    let before = std::fs::read_to_string(pc.state("certificate.pem")).unwrap();
    assert_eq!(certificates(&before).len(), 2);

    let (status, said) = pc.enrol(gateway.token(), &[]).await;
    assert!(!status.success() && said.contains("enrolled already; with --again"), "{said}");
    assert_eq!(std::fs::read_to_string(pc.state("certificate.pem")).unwrap(), before);

    let token = gateway.token();
    let moved = format!("localhost:{}", gateway.port);
    let more = ["--again", "--gateway", &moved];
    let again = pc.enrol(token, &more);
    let answering = async {
        let mut call = gateway.accept().await;
        assert!(call.certificate.is_none(), "who enrols shows no certificate");
        let message = call.hear().await;
        let FromAgent::Enrol { version: VERSION, secret, request, host } = message else { panic!("{message:?}") };
        assert_eq!(secret, gateway.token().secret);
        assert!(!host.is_empty());
        let chain = gateway.authority.issue_agent_at(request.as_str(), "pc-8", now()).unwrap();
        call.say(&ToAgent::Enrolled { certificate: Papers::try_from(chain).unwrap() }).await;
        call.end().await;
    };
    let ((status, said), ()) = tokio::join!(again, answering);
    assert!(status.success() && said.contains("IT has to approve"), "{said}");
    assert_ne!(std::fs::read_to_string(pc.state("certificate.pem")).unwrap(), before);
    let config = std::fs::read_to_string(&pc.config).unwrap();
    assert!(config.contains(&format!("gateway = \"{moved}\"\nstate_dir = ")), "{config}");
}

#[tokio::test]
async fn another_gateway_than_the_tokens_gets_no_secret() {
    let gateway = Gateway::new().await;
    let other = Gateway::new().await;
    let said = refused_before_the_secret(&gateway, other.token()).await;
    assert!(said.contains("not the gateway that the token is of"), "{said}");
    // It shows the right authority's certificate, which anybody has, behind a leaf of its own.
    let own = authority();
    let (chain, key) = own.issue_server_at(&[], &["127.0.0.1".parse().unwrap()], now()).unwrap();
    let leaf = &chain[..chain.rfind("-----BEGIN").unwrap()];
    let thief = Gateway::showing(own, &format!("{leaf}{}", other.authority.certificate_pem()), &key, TLS13).await;
    let said = refused_before_the_secret(&thief, other.token()).await;
    assert!(said.contains("not the gateway"), "{said}");
}

#[tokio::test]
async fn a_pc_cannot_play_the_gateway() {
    let authority = authority();
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let chain = authority.issue_agent_at(&request, "pc-6", now()).unwrap();
    let gateway = Gateway::showing(authority, &chain, &key.serialize_pem(), TLS13).await;
    let said = refused_before_the_secret(&gateway, gateway.token()).await;
    assert!(said.contains("not a server's"), "{said}");
}

#[tokio::test]
async fn nothing_older_than_tls_1_3_is_spoken() {
    let gateway = Gateway::with(authority(), now(), &[&rustls::version::TLS12]).await;
    let said = refused_before_the_secret(&gateway, gateway.token()).await;
    assert!(said.contains("TLS 1.3"), "{said}");
}

#[tokio::test]
async fn a_wrong_clock_is_named() {
    for at in [now() - 500 * DAY, now() + 2 * DAY] {
        let gateway = Gateway::with(authority(), at, TLS13).await;
        let said = refused_before_the_secret(&gateway, gateway.token()).await;
        assert!(said.contains("clock"), "{said}");
    }
}

#[tokio::test]
async fn every_refusal_has_its_sentence() {
    let gateway = Gateway::new().await;
    for (why, part) in [
        (Refused::Token, "ask IT for another"),
        (Refused::Key, "knows this key from another PC"),
        (Refused::Busy, "try again in a minute"),
        (Refused::Other, "upgrade the agent"),
    ] {
        let pc = Pc::new(gateway.port);
        let answering = async {
            let mut call = gateway.accept().await;
            call.hear().await;
            call.say(&ToAgent::Refused { why }).await;
            call.end().await;
        };
        let ((status, said), ()) = tokio::join!(pc.enrol(gateway.token(), &[]), answering);
        assert!(!status.success() && said.contains(part), "{said}");
        assert!(!pc.state("certificate.pem").exists());
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_for_its_key_is_not_kept() {
    let gateway = Gateway::new().await;
    let pc = Pc::new(gateway.port);
    let answering = async {
        let mut call = gateway.accept().await;
        call.hear().await;
        let key = rcgen::KeyPair::generate().unwrap();
        let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let chain = gateway.authority.issue_agent_at(&request, "pc-7", now()).unwrap();
        call.say(&ToAgent::Enrolled { certificate: Papers::try_from(chain).unwrap() }).await;
        call.end().await;
    };
    let ((status, said), ()) = tokio::join!(pc.enrol(gateway.token(), &[]), answering);
    assert!(!status.success() && said.contains("not this key's"), "{said}");
    assert!(!pc.state("certificate.pem").exists());
}

#[tokio::test]
async fn a_token_on_the_command_line_is_warned_of_and_what_is_none_is_not_repeated() {
    let pc = Pc::new(1);
    let output = pc.command("enrol").args(["--token", "pagt_secret"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("visible to other users") && said.contains("not a token for a PC"), "{said}");
    assert!(!said.contains("pagt_secret"), "{said}");
    let (status, said) = pc.output("enrol").await;
    assert!(!status.success() && said.contains("--token-file"), "{said}");
}
