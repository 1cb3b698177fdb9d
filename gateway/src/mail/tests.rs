//! Against servers of a few lines, each with one trouble.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::*;
use crate::store::tests::{fixture, person, site};

/// How a server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Manners {
    offers_tls: bool,
    tls_first: bool,
    wants_password: bool,
    refuses: bool,
    silent: bool,
}

struct Server {
    port: u16,
    letters: mpsc::UnboundedReceiver<String>,
    certificate: Certificate,
}

/// Speaks SMTP on 127.0.0.1, as `localhost`.
async fn serve(manners: Manners) -> Server {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], key.signing_key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (taken, letters) = mpsc::unbounded_channel();
    let certificate = Certificate::from_der(key.cert.der().to_vec()).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, taken) = (acceptor.clone(), taken.clone());
            tokio::spawn(async move {
                if manners.silent {
                    std::future::pending::<()>().await;
                }
                if manners.tls_first {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    return drop(talk(stream, manners, true, &taken).await);
                }
                let Some(stream) = talk(stream, manners, !manners.offers_tls, &taken).await else { return };
                let Ok(stream) = acceptor.accept(stream).await else { return };
                drop(talk(stream, Manners { tls_first: true, ..manners }, false, &taken).await);
            });
        }
    });
    Server { port, letters, certificate }
}

/// Gives the stream back where it goes on by TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    manners: Manners,
    greets: bool,
    taken: &mpsc::UnboundedSender<String>,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets || !manners.tls_first {
        stream.write_all(b"220 mail.test ESMTP\r\n").await.ok()?;
    }
    let (mut line, mut letter, mut known) = (String::new(), None::<String>, !manners.wants_password);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(text) = &mut letter {
            if line != ".\r\n" {
                text.push_str(&line);
                continue;
            }
            taken.send(letter.take().unwrap()).ok()?;
            stream.write_all(b"250 queued as 42\r\n").await.ok()?;
            continue;
        }
        let word = line.split([' ', ':', '\r']).next().unwrap_or_default().to_uppercase();
        let answer = match word.as_str() {
            "EHLO" if manners.offers_tls && !manners.tls_first => "250-mail.test\r\n250 STARTTLS",
            "EHLO" => "250-mail.test\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            // "\0anne\0right"
            "AUTH" if line.contains("AGFubmUAcmlnaHQ=") => {
                known = true;
                "235 welcome"
            }
            "AUTH" => "535 5.7.8 bad \u{1b}[2Jpassword",
            "MAIL" if !known => "530 authentication required",
            "RCPT" if manners.refuses => "550 no such mailbox",
            "DATA" => {
                letter = Some(String::new());
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

fn at(host: &str, port: u16, security: Security, password: Option<&str>) -> MailServer {
    MailServer {
        host: host.into(),
        port,
        security,
        login: password.map(|_| "anne".into()),
        password: password.map(|p| Zeroizing::new(p.to_owned())),
        sender: "gate@example.org".into(),
    }
}

async fn tried(
    manners: Manners,
    security: Security,
    password: Option<&str>,
    trusts: bool,
) -> (Outcome, Option<String>) {
    let mut server = serve(manners).await;
    let to = at("localhost", server.port, security, password);
    let also = trusts.then(|| server.certificate.clone());
    let letter = letters::test(&site(), "fr");
    let outcome = send_trusting(&to, &site(), "ilse@example.org", &letter, &Thread::default(), also).await;
    (outcome, server.letters.try_recv().ok())
}

#[tokio::test]
async fn a_letter_goes_by_tls_or_within_the_office() {
    use Security::{Plain, StartTls, Tls};
    let (offers, first) =
        (Manners { offers_tls: true, ..Default::default() }, Manners { tls_first: true, ..Default::default() });
    for (manners, security) in [(offers, StartTls), (first, Tls), (Manners::default(), Plain)] {
        let manners = Manners { wants_password: true, ..manners };
        let (outcome, letter) = tried(manners, security, Some("right"), true).await;
        assert_eq!(outcome, Outcome { trouble: None, answer: Some("queued as 42".into()) }, "{security:?}");
        let letter = letter.unwrap();
        assert!(letter.contains("From: \"Cabinet Rossi\" <gate@example.org>"), "{letter}");
        assert!(letter.contains("Auto-Submitted: auto-generated"), "{letter}");
    }
}

#[tokio::test]
async fn every_trouble_has_its_name() {
    use Security::{Plain, StartTls, Tls};
    let plain = Manners::default();
    let offers = Manners { offers_tls: true, ..plain };
    let strict = Manners { wants_password: true, ..offers };
    for (manners, security, password, trusts, expected) in [
        (plain, StartTls, None, true, Trouble::NoTls),
        (plain, Tls, None, true, Trouble::NoTls),
        (offers, StartTls, None, false, Trouble::Certificate),
        (strict, StartTls, Some("wrong"), true, Trouble::WrongPassword),
        (strict, StartTls, None, true, Trouble::WrongPassword),
        (Manners { refuses: true, ..plain }, Plain, None, true, Trouble::Refused),
    ] {
        let (outcome, letter) = tried(manners, security, password, trusts).await;
        assert_eq!(outcome.trouble, Some(expected), "{manners:?} {security:?}: {outcome:?}");
        assert!(letter.is_none() && !outcome.answer.unwrap().contains('\u{1b}'));
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let letter = letters::test(&site(), "en");
    for (host, security, expected) in [
        ("localhost", StartTls, Trouble::Unreachable),
        ("none.invalid", StartTls, Trouble::Unreachable),
        ("8.8.8.8", Plain, Trouble::NotPrivate),
    ] {
        let server = at(host, nobody, security, None);
        let outcome = send(&server, &site(), "ilse@example.org", &letter, &Thread::default()).await;
        assert_eq!(outcome.trouble, Some(expected), "{host}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let (outcome, _) = tried(Manners { silent: true, ..Default::default() }, Security::Plain, None, true).await;
    assert_eq!(outcome.trouble, Some(Trouble::Unreachable));
}

#[tokio::test]
async fn an_invitation_is_brought_to_mind_once() {
    let (_dir, store) = fixture().await;
    let (anne, _) = person(&store, "anne", crate::store::users::Role::User, "x").await;
    let mut server = serve(Manners::default()).await;
    let now = crate::store::Moment::now();
    let mut write = store.write(now, crate::audit::Actor::Local).await.unwrap();
    write.set_mail_server(&at("127.0.0.1", server.port, Security::Plain, None)).await.unwrap();
    let id = write.invite(anne, "hash").await.unwrap();
    write.commit().await.unwrap();
    let later = |hours: u64| crate::store::Moment { wall: now.wall + Duration::from_secs(hours * 3600), ..now };
    let reminded = async |hours| remind::remind(&store, &site(), false, later(hours)).await.unwrap();
    assert_eq!(reminded(23).await, 0, "nobody mailed it");
    let invitation = store.invitation(id).await.unwrap();
    let mut write = store.write(now, crate::audit::Actor::Local).await.unwrap();
    write.invitation_mailed(&invitation, false).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(reminded(23).await, 0, "there is no address");
    let mut write = store.write(now, crate::audit::Actor::Local).await.unwrap();
    write.set_mail(anne, Some("anne@example.org")).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(reminded(11).await, 0, "there is time");
    assert_eq!(reminded(13).await, 1);
    let letter = server.letters.recv().await.unwrap();
    assert!(
        letter.contains("To: anne@example.org") && letter.contains(&format!("In-Reply-To: <{id}@door.example.org>"))
    );
    assert_eq!(reminded(14).await, 0, "once");
}
