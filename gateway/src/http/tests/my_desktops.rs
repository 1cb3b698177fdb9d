//! Desktops in the browser: who gets a ticket, where it leads, and what ends it. The PCs are sockets on loopback that speak
//! the first messages of RDP and real TLS.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use ironrdp_rdcleanpath::{DetectionResult, RDCleanPathPdu};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as End;

use super::*;
use crate::ids::ResourceId;
use crate::pure::x224::REQUEST;
use crate::store::resources::NewResource;

const LIMIT: Duration = Duration::from_secs(15);

/// An office PC.
struct Pc {
    said: Arc<Mutex<Said>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Said {
    connections: usize,
    clear: Vec<u8>,
    inside: Vec<u8>,
}

impl Drop for Pc {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pc {
    /// One that goes on by this protocol: 1 is TLS, 2 is NLA; with a certificate of its own.
    async fn at(address: &str, protocol: u8) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let listener = TcpListener::bind((address, 3389)).await.unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["pc".into()]).unwrap().self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let said = Arc::<Mutex<Said>>::default();
        let heard = said.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let (acceptor, heard) = (acceptor.clone(), heard.clone());
                tokio::spawn(async move {
                    let mut request = [0; REQUEST.len()];
                    stream.read_exact(&mut request).await.ok()?;
                    let confirm = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, protocol, 0, 0, 0];
                    stream.write_all(&confirm).await.ok()?;
                    // A question whether it answers goes no further.
                    let mut tls = acceptor.accept(stream).await.ok()?;
                    {
                        let mut heard = heard.lock().unwrap();
                        heard.connections += 1;
                        heard.clear = request.to_vec();
                    }
                    let mut bytes = [0; 4096];
                    loop {
                        let n = tls.read(&mut bytes).await.ok().filter(|n| *n > 0)?;
                        heard.lock().unwrap().inside.extend_from_slice(&bytes[..n]);
                        if bytes[..n].starts_with(b"bye") {
                            return Some(());
                        }
                        let answer = if bytes[..n].starts_with(b"in") {
                            &[3, 0, 0, 8, 2, 0xf0, 0x80, 1][..]
                        } else {
                            &bytes[..n]
                        };
                        tls.write_all(answer).await.ok()?;
                        tls.flush().await.ok()?;
                    }
                });
            }
        });
        Self { said, task }
    }

    fn connections(&self) -> usize {
        self.said.lock().unwrap().connections
    }
}

struct Office {
    g: Gateway,
    pc: ResourceId,
    group: crate::ids::GroupId,
    policy: crate::ids::PolicyId,
    cookie: String,
    door: Door,
}

type Page = WebSocketStream<DuplexStream>;

/// Anne at home, signed in, her door open, and a PC that she may use.
fn workstation(name: &str, address: &str) -> NewResource {
    let rdp = crate::link::message::Ports { transport: crate::link::message::Transport::Tcp, first: 3389, last: 3389 };
    NewResource {
        kind: ResourceKind::Workstation,
        name: name.to_owned(),
        dns_names: Vec::new(),
        real4: Some(format!("{address}/32").parse().unwrap()),
        real6: None,
        ports: vec![rdp],
    }
}

async fn office(address: &str) -> Office {
    let g = Gateway::new().await;
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let pc = write.add_resource(&workstation("hers", address)).await.unwrap();
    let group = write.add_group("desk").await.unwrap();
    write.add_member(group, g.anne.0).await.unwrap();
    let policy = write.add_policy(group, pc, None, None).await.unwrap();
    write.commit().await.unwrap();
    g.api.fleet.reload(&g.api.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    g.api.desk.all_are_told();
    g.open(g.anne).await;
    let cookie = g.session(g.anne.0, Some(g.anne.1)).await;
    let door = g.tunnel(g.anne.1).await;
    let office = Office { g, pc, group, policy, cookie, door };
    // Until it was asked whether it answers, nobody knows that it is on.
    let asked = office.ask().await;
    assert_eq!(asked, json!({"desktop": null, "ticket": null, "refused": null, "away": true}));
    office
}

impl Office {
    fn answers(&self) {
        self.g.api.fleet.probed(self.pc, crate::pure::workstation::Probe::Rdp, None, Moment::now());
    }

    async fn ask(&self) -> Value {
        let path = "/me/workstations/hers/desktop";
        let asked = self.g.ask(self.door, Some(&self.cookie), "POST", path, Some(json!({}))).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        asked.json()
    }

    async fn ticket(&self) -> (String, String) {
        let asked = self.ask().await;
        let text = |key: &str| asked[key].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        (text("desktop"), text("ticket"))
    }

    fn session(&self) -> String {
        WebToken::from_cookies(&self.cookie).unwrap().hash()
    }

    /// A page of this device's, in this web session.
    async fn page(&self, device: DeviceId, session: String) -> Page {
        let (here, there) = tokio::io::duplex(1 << 20);
        let device = self.g.api.store.device(device).await.unwrap();
        let desk = self.g.api.desk.clone();
        tokio::spawn(async move {
            let socket = WebSocketStream::from_raw_socket(there, End::Server, None).await;
            desk.show(socket, device, session).await;
        });
        WebSocketStream::from_raw_socket(here, End::Client, None).await
    }

    /// Asks by this ticket; what is answered: a status, or none if it goes on.
    async fn opens(&self, ticket: &str) -> (Page, Option<u16>) {
        let mut page = self.page(self.g.anne.1, self.session()).await;
        let answer = says(&mut page, ticket).await;
        (page, answer)
    }

    async fn known(&self, desktop: &str) -> Value {
        self.g.ask(self.door, Some(&self.cookie), "GET", &format!("/me/desktops/{desktop}"), None).await.json()
    }

    /// How it ended.
    async fn end(&self, desktop: &str) -> Value {
        let over = async || loop {
            let known = self.known(desktop).await;
            if known["state"] == "ended" {
                return known["end"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        tokio::time::timeout(LIMIT, over()).await.unwrap()
    }

    /// Lines of it, once there is one: they are written a moment later.
    async fn audited(&self, event: &str) -> Vec<Value> {
        let written = async || loop {
            let lines = self.audit(event).await;
            if !lines.is_empty() {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        tokio::time::timeout(LIMIT, written()).await.unwrap()
    }

    async fn until_nobody_is_there(&self) {
        let there = async || {
            while self.g.api.desk.is_used(self.pc) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LIMIT, there()).await.unwrap();
    }

    async fn audit(&self, event: &str) -> Vec<Value> {
        let audit = self.g.ask(Door::Local, None, "GET", &format!("/audit?event={event}"), None).await.json();
        audit.as_array().unwrap().clone()
    }
}

/// As the component asks: with somebody's name, and for another address.
fn request(ticket: &str) -> Vec<u8> {
    request_to(ticket, ELSEWHERE)
}

fn request_to(ticket: &str, named_at: &str) -> Vec<u8> {
    let named =
        b"\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=anne\r\n\x01\x00\x08\x00\x0b\x00\x00\x00";
    let pdu = RDCleanPathPdu::new_request(named.to_vec(), named_at.into(), ticket.into(), None).unwrap();
    pdu.to_der().unwrap()
}

/// What pages name: nobody is to go there.
const ELSEWHERE: &str = "127.0.5.99:3389";

async fn says(page: &mut Page, ticket: &str) -> Option<u16> {
    page.send(Message::binary(request(ticket))).await.unwrap();
    let answer = hears(page).await.expect("an answer");
    let pdu = RDCleanPathPdu::from_der(&answer).unwrap();
    match pdu.error {
        Some(error) => Some(error.http_status_code.unwrap()),
        None => {
            assert!(pdu.server_cert_chain.is_some_and(|chain| chain.len() == 1));
            None
        }
    }
}

async fn hears(page: &mut Page) -> Option<Vec<u8>> {
    loop {
        match tokio::time::timeout(LIMIT, page.next()).await.expect("in time")?.ok()? {
            Message::Binary(bytes) => return Some(bytes.to_vec()),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_comes_to_its_pc_by_its_ticket_and_goes_with_its_right() {
    let pc = Pc::at("127.0.5.1", 2).await;
    let office = office("127.0.5.1").await;
    office.answers();
    let (desktop, ticket) = office.ticket().await;
    assert_eq!(office.known(&desktop).await["state"], "coming");
    let (mut page, refused) = office.opens(&ticket).await;
    assert_eq!(refused, None, "{:?}", office.known(&desktop).await);
    page.send(Message::binary(&b"in"[..])).await.unwrap();
    assert_eq!(hears(&mut page).await.unwrap(), [3, 0, 0, 8, 2, 0xf0, 0x80, 1]);
    page.send(Message::binary(&b"a key"[..])).await.unwrap();
    assert_eq!(hears(&mut page).await.unwrap(), b"a key");
    let mut wanted = REQUEST;
    wanted[15] = 0x0b;
    assert_eq!(pc.said.lock().unwrap().clear, wanted, "who comes is not told in the clear");
    let all = office.g.ask(Door::Local, None, "GET", "/desktops", None).await.json();
    assert_eq!((all[0]["via"].clone(), all[0]["login"].clone()), (json!("browser"), json!("anne")), "{all}");
    assert_eq!(office.known(&desktop).await["state"], "there");
    assert_eq!(
        office.g.ask(Door::Local, None, "GET", "/workstations/hers", None).await.json()["reason"],
        "through_gateway"
    );

    // Once, and for nobody else.
    assert_eq!(office.opens(&ticket).await.1, Some(401), "used");
    let (_, other) = office.ticket().await;
    let mut elsewhere = office.page(office.g.ilse.1, office.session()).await;
    assert_eq!(says(&mut elsewhere, &other).await, Some(401), "another's device");
    let (_, other) = office.ticket().await;
    let mut elsewhere = office.page(office.g.anne.1, "another".into()).await;
    assert_eq!(says(&mut elsewhere, &other).await, Some(401), "another's browser");
    assert_eq!(office.opens("").await.1, Some(401));
    assert_eq!(pc.connections(), 1, "nobody else came near");

    // What nothing allows any more is over at once.
    let mut write = office.g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.remove_policy(office.policy).await.unwrap();
    let epoch = write.commit().await.unwrap();
    let began = std::time::Instant::now();
    office.g.api.reconciler.carry_out(epoch, Wait::Closed).await.unwrap();
    assert_eq!(hears(&mut page).await, None);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(office.end(&desktop).await, json!({"how": "not_allowed"}));
    let all = office.g.ask(Door::Local, None, "GET", "/desktops", None).await.json();
    assert_eq!(all, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_a_desktop_is_told_to_its_owner_alone() {
    let _pc = Pc::at("127.0.5.2", 2).await;
    let office = office("127.0.5.2").await;
    office.answers();
    let begin = async || {
        let (desktop, ticket) = office.ticket().await;
        let (page, refused) = office.opens(&ticket).await;
        assert_eq!(refused, None);
        (desktop, page)
    };
    // Before anybody was signed in, and after.
    let (desktop, mut page) = begin().await;
    page.send(Message::binary(&b"bye"[..])).await.unwrap();
    assert_eq!(office.end(&desktop).await, json!({"how": "sign_in"}));
    let (desktop, mut page) = begin().await;
    page.send(Message::binary(&b"in"[..])).await.unwrap();
    hears(&mut page).await.unwrap();
    page.send(Message::binary(&b"bye"[..])).await.unwrap();
    assert_eq!(office.end(&desktop).await, json!({"how": "by_pc"}));
    let (desktop, mut page) = begin().await;
    page.close(None).await.unwrap();
    assert_eq!(office.end(&desktop).await, json!({"how": "by_device"}));
    let (desktop, _page) = begin().await;
    let ended = office.g.ask(Door::Local, None, "POST", &format!("/desktops/{desktop}/end"), Some(json!({}))).await;
    assert_eq!(ended.status, 204, "{}", ended.text);
    assert_eq!(office.end(&desktop).await, json!({"how": "ended"}));
    let (desktop, _page) = begin().await;
    let path = format!("/me/desktops/{desktop}");
    assert_eq!(office.g.ask(office.door, Some(&office.cookie), "DELETE", &path, None).await.status, 204);
    assert_eq!(office.end(&desktop).await, json!({"how": "by_device"}));
    // Nobody else sees it.
    let (desktop, _page) = begin().await;
    let ilse = (office.g.tunnel(office.g.ilse.1).await, office.g.session(office.g.ilse.0, Some(office.g.ilse.1)).await);
    office.g.open(office.g.ilse).await;
    for (method, path) in [("GET", format!("/me/desktops/{desktop}")), ("DELETE", format!("/me/desktops/{desktop}"))] {
        let foreign = office.g.ask(ilse.0, Some(&ilse.1), method, &path, None).await;
        assert_eq!(foreign.status, 404, "{method} {}", foreign.text);
    }
    assert_eq!(office.known(&desktop).await["state"], "there", "somebody else ended it");
    // Signing out takes along what was opened by it.
    assert_eq!(office.g.ask(office.door, Some(&office.cookie), "POST", "/sign-out", Some(json!({}))).await.status, 204);
    let anew = Office { cookie: office.g.session(office.g.anne.0, Some(office.g.anne.1)).await, ..office };
    assert_eq!(anew.end(&desktop).await, json!({"how": "not_allowed"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_pc_gets_nothing_of_anybody() {
    let office = {
        let _first = Pc::at("127.0.5.3", 2).await;
        let office = office("127.0.5.3").await;
        office.answers();
        let (desktop, ticket) = office.ticket().await;
        let (mut page, refused) = office.opens(&ticket).await;
        assert_eq!(refused, None);
        page.close(None).await.unwrap();
        office.end(&desktop).await;
        office
    };
    let seen = office.audit("certificate_seen").await;
    assert_eq!(seen.len(), 1, "it is known from now on: {seen:?}");
    // Another key at the same address.
    let second = Pc::at("127.0.5.3", 2).await;
    let (desktop, ticket) = office.ticket().await;
    assert_eq!(office.opens(&ticket).await.1, Some(423));
    assert_eq!(office.end(&desktop).await, json!({"how": "certificate"}));
    assert!(second.said.lock().unwrap().inside.is_empty(), "it was told something");
    // IT has looked: it is right.
    let forget = json!({"forget_certificate": true});
    let changed = office.g.ask(Door::Local, None, "PATCH", "/workstations/hers", Some(forget)).await;
    assert_eq!((changed.status.as_u16(), changed.json()["known_certificate"].clone()), (200, json!(null)));
    let (desktop, ticket) = office.ticket().await;
    let (mut page, refused) = office.opens(&ticket).await;
    assert_eq!(refused, None);
    page.close(None).await.unwrap();
    office.end(&desktop).await;
    drop(second);
    let waits = async || {
        while office.audit("certificate_refused").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waits()).await.expect("it is in the audit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_that_asks_for_less_security_than_it_had_is_not_entered() {
    let mark =
        |n: u8, security| crate::pure::desktop::Mark { certificate: agent::bounded::Fingerprint([n; 32]), security };
    let pc = Pc::at("127.0.5.6", 1).await;
    let office = office("127.0.5.6").await;
    office.answers();
    let keep = async |mark| {
        let mut write = office.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
        write.mark(office.pc, mark).await.unwrap();
        write.commit().await.unwrap();
    };
    let (desktop, ticket) = office.ticket().await;
    let (mut page, refused) = office.opens(&ticket).await;
    assert_eq!(refused, None, "without NLA from the first");
    page.close(None).await.unwrap();
    office.end(&desktop).await;
    let certificate = office.g.api.store.workstation(office.pc).await.unwrap().mark.unwrap().certificate;
    keep(crate::pure::desktop::Mark { certificate, security: crate::pure::x224::Security::Nla }).await;
    let said = pc.said.lock().unwrap().inside.len();
    let (desktop, ticket) = office.ticket().await;
    assert_eq!(office.opens(&ticket).await.1, Some(426));
    assert_eq!(office.end(&desktop).await, json!({"how": "no_nla"}));
    assert_eq!(pc.said.lock().unwrap().inside.len(), said, "it was told something");
    keep(mark(9, crate::pure::x224::Security::Tls)).await;
    let (desktop, ticket) = office.ticket().await;
    assert_eq!(office.opens(&ticket).await.1, Some(423));
    assert_eq!(office.end(&desktop).await, json!({"how": "certificate"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_say_something_else_lead_nowhere() {
    let pc = Pc::at("127.0.5.4", 2).await;
    let office = office("127.0.5.4").await;
    office.answers();
    let whole = request("x");
    let other_pdu = RDCleanPathPdu::new_general_error().to_der().unwrap();
    let no_rdp = RDCleanPathPdu::new_request(b"GET / HTTP/1.1\r\n".to_vec(), "pc".into(), "x".into(), None).unwrap();
    let blob =
        RDCleanPathPdu::new_request(REQUEST.to_vec(), "pc".into(), "x".into(), Some("elsewhere".into())).unwrap();
    let hostile: Vec<Message> = vec![
        Message::text("hello"),
        Message::binary(vec![0; 20_000]),
        Message::binary(b"\x03\x00\x00\x13\x0e\xe0".to_vec()),
        Message::binary([whole.as_slice(), b"more"].concat()),
        Message::binary(other_pdu),
        Message::binary(no_rdp.to_der().unwrap()),
        Message::binary(blob.to_der().unwrap()),
    ];
    for message in hostile {
        let mut page = office.page(office.g.anne.1, office.session()).await;
        page.send(message.clone()).await.unwrap();
        if let Some(answer) = hears(&mut page).await {
            let status = RDCleanPathPdu::from_der(&answer).unwrap().error.unwrap().http_status_code;
            assert_eq!(status, Some(400), "{message:?}");
        }
        assert_eq!(hears(&mut page).await, None);
    }
    // Every byte turned over, of a request that would be good: it leads to the ticket's PC, or nowhere.
    let elsewhere = TcpListener::bind(ELSEWHERE).await.unwrap();
    let (mut ticket, mut came) = (office.ticket().await.1, 0);
    for n in 0..request(&ticket).len() {
        let mut bytes = request(&ticket);
        bytes[n] ^= 0xff;
        let mut page = office.page(office.g.anne.1, office.session()).await;
        page.send(Message::binary(bytes.clone())).await.unwrap();
        // What waits for more is not waited for.
        let waits = match RDCleanPathPdu::detect(&bytes) {
            DetectionResult::Detected { total_length, .. } => total_length > bytes.len(),
            DetectionResult::NotEnoughBytes => true,
            DetectionResult::Failed => false,
        };
        if waits {
            continue;
        }
        let answer = hears(&mut page).await;
        let good = answer.and_then(|der| RDCleanPathPdu::from_der(&der).ok()).is_some_and(|pdu| pdu.error.is_none());
        if good {
            came += 1;
            drop(page);
            office.g.api.desk.forget_comers();
            ticket = office.ticket().await.1;
        }
    }
    assert!(came > 10, "the address that is named is not looked at: {came}");
    assert_eq!(pc.connections(), came, "by a ticket, and no other way");
    let nobody = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody went where the page said");
}

/// Ten thousand: bytes changed, cut off, doubled and put between, some of them of a request that shows a good ticket.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_lead_nowhere_but_to_the_tickets_pc() {
    let pc = Pc::at("127.0.5.13", 2).await;
    let office = office("127.0.5.13").await;
    office.answers();
    let named = "127.0.5.98:3389";
    let elsewhere = TcpListener::bind(named).await.unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = move |below: usize| {
        // xorshift64 (Marsaglia 2003): the same ten thousand each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let ((mut desktop, mut ticket), mut came) = (office.ticket().await, 0);
    let never = "0".repeat(ticket.len());
    for n in 0..10_000 {
        // Most show one that was never given.
        let good = n % 100 == 0;
        let mut bytes = request_to(if good { &ticket } else { &never }, named);
        for _ in 0..=chance(4) {
            let at = chance(bytes.len().max(1));
            match chance(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), u8::try_from(chance(256)).unwrap()),
                2 => {
                    let twice = bytes[at.min(bytes.len())..].to_vec();
                    bytes.extend(twice);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = u8::try_from(chance(256)).unwrap();
                    }
                }
            }
        }
        bytes.truncate(30_000);
        let mut page = office.page(office.g.anne.1, office.session()).await;
        page.send(Message::binary(bytes.clone())).await.unwrap();
        // What waits for more is not waited for.
        if !matches!(RDCleanPathPdu::detect(&bytes), DetectionResult::Detected { total_length, .. } if total_length <= bytes.len())
            && !matches!(RDCleanPathPdu::detect(&bytes), DetectionResult::Failed)
        {
            continue;
        }
        let answer = hears(&mut page).await.and_then(|der| RDCleanPathPdu::from_der(&der).ok());
        if answer.is_some_and(|pdu| pdu.error.is_none()) {
            came += 1;
        }
        if good {
            drop(page);
            office.g.api.desk.forget_comers();
            // Shown or not, it is wanted no more.
            office.g.api.desk.give_up(desktop.parse().unwrap(), office.g.anne.0);
            office.until_nobody_is_there().await;
            (desktop, ticket) = office.ticket().await;
        }
    }
    assert!(came > 0, "some of them are good all the same");
    assert_eq!(pc.connections(), came, "by a ticket, and no other way");
    let nobody = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody went where no ticket leads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_is_one_persons_and_nobody_keeps_it_by_doing_nothing() {
    let _pc = Pc::at("127.0.5.5", 2).await;
    let office = office("127.0.5.5").await;
    office.answers();
    let (ilse, group) = (office.g.ilse, office.group);
    let mut write = office.g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.add_member(group, ilse.0).await.unwrap();
    write.commit().await.unwrap();
    office.g.open(ilse).await;
    let hers = (office.g.tunnel(ilse.1).await, office.g.session(ilse.0, Some(ilse.1)).await);
    let mut pages = Vec::new();
    for _ in 0..2 {
        let (desktop, ticket) = office.ticket().await;
        let (page, refused) = office.opens(&ticket).await;
        assert_eq!(refused, None);
        pages.push((desktop, page));
    }
    assert_eq!(office.ask().await["refused"], "too_many", "two of one's own at one PC");
    let path = "/me/workstations/hers/desktop";
    let asked = office.g.ask(hers.0, Some(&hers.1), "POST", path, Some(json!({}))).await.json();
    assert_eq!(asked["refused"], "in_use_remotely", "{asked}");
    // Whoever asks without end is not heard for a while.
    let mut asks = 1;
    while office.g.ask(hers.0, Some(&hers.1), "POST", path, Some(json!({}))).await.json()["refused"]
        == "in_use_remotely"
    {
        asks += 1;
        assert!(asks < 60, "she is heard without end");
    }
    assert!(asks >= 20, "an app that comes twice is heard: {asks}");
    office.g.api.desk.forget_comers();
    // Nobody signs in.
    let later = |seconds| crate::clock::Boot::now() + Duration::from_secs(seconds);
    office.g.api.desk.end_parked(later(170));
    assert_eq!(office.known(&pages[0].0).await["state"], "there");
    office.g.api.desk.end_parked(later(181));
    for (desktop, _) in &pages {
        assert_eq!(office.end(desktop).await, json!({"how": "nobody_signed_in"}));
    }
    let asked = office.g.ask(hers.0, Some(&hers.1), "POST", path, Some(json!({}))).await.json();
    assert!(asked["ticket"].is_string(), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_where_it_allows_it_and_it_lets_somebody_in() {
    let office = office("127.0.5.7").await;
    let path = "/me/workstations/hers/ask";
    let asks = async || office.g.ask(office.door, Some(&office.cookie), "POST", path, Some(json!({}))).await;
    assert_eq!(asks().await.status, 403, "it is off unless IT wants it");
    let on = json!({"ask_people": true});
    assert_eq!(office.g.ask(Door::Local, None, "PATCH", "/settings", Some(on)).await.json()["ask_people"], json!(true));
    assert_eq!(asks().await.json(), json!({"says": null}), "nobody is at it");
    let (anne, now) = (office.g.anne.0, crate::clock::Boot::now);
    let desk = &office.g.api.desk;
    assert!(!desk.is_admitted(office.pc, anne, now()));
    let admit = async |workstation: &str| {
        let body = json!({"user": "anne", "workstation": workstation});
        office.g.ask(Door::Local, None, "POST", "/desktops/admit", Some(body)).await.status.as_u16()
    };
    let (_, share) = fixtures::entitle(&office.g.api.store, office.g.ilse.0).await;
    assert_eq!(admit(&share.to_string()).await, 404, "a share is no PC");
    assert_eq!(admit("hers").await, 204);
    assert!(desk.is_admitted(office.pc, anne, now()) && !desk.is_admitted(office.pc, office.g.ilse.0, now()));
    let lines = office.audit("desktop_admitted").await;
    assert_eq!((lines.len(), lines[0]["user"].clone(), lines[0]["actor"].clone()), (1, json!("anne"), json!("local")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pc_whose_agent_says_nothing_is_not_entered() {
    let office = office("127.0.5.8").await;
    office.answers();
    office.ticket().await;
    let store = &office.g.api.store;
    let until = Moment::now().wall + Duration::from_secs(600);
    let token = crate::store::agents::NewAgentToken {
        name: "pc".into(),
        uses: 1,
        hosts: Default::default(),
        resource: None,
        until,
    };
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.add_agent_token(&token, "hash").await.unwrap();
    write.commit().await.unwrap();
    let agent = store.enrol("hash", "pc", "key", Moment::now()).await.unwrap().unwrap().id;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.approve_agent(agent, office.pc).await.unwrap();
    write.commit().await.unwrap();
    office.g.api.fleet.reload(&store.resources().await.unwrap(), Moment::now()).await.unwrap();
    office.answers();
    assert_eq!(office.ask().await["refused"], "unseen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_lasts_as_long_as_it_allows() {
    let _pc = Pc::at("127.0.5.9", 2).await;
    let office = office("127.0.5.9").await;
    office.answers();
    let desk = office.g.api.desk.clone();
    let set = async |body: Value| {
        assert_eq!(office.g.ask(Door::Local, None, "PATCH", "/settings", Some(body)).await.status, 200);
    };
    let begun = async || {
        let (desktop, ticket) = office.ticket().await;
        let (page, refused) = office.opens(&ticket).await;
        assert_eq!(refused, None);
        (desktop, page)
    };
    let later = |minutes: u64| {
        let (now, by) = (Moment::now(), Duration::from_secs(minutes * 60 + 1));
        Moment { wall: now.wall + by, boot: now.boot + by }
    };
    for (limits, why, minutes) in [
        (json!({"desktop_idle_minutes": 10, "desktop_longest_minutes": 30}), "idle", 10),
        (json!({"desktop_idle_minutes": 0, "desktop_longest_minutes": 30}), "longest", 30),
    ] {
        set(limits).await;
        let (desktop, _page) = begun().await;
        assert_eq!(office.known(&desktop).await["ends_at"], Value::Null, "not soon");
        desk.end_due(later(minutes - 1));
        assert_eq!(office.known(&desktop).await["state"], "there");
        desk.end_due(later(minutes));
        assert_eq!(office.end(&desktop).await, json!({"how": why}));
    }
    // A pool of its own says otherwise.
    let pool = json!({"name": "CAD", "workstations": ["hers"], "longest_booking_minutes": 60, "desktop_idle_minutes": 0, "desktop_longest_minutes": 0});
    assert_eq!(office.g.ask(Door::Local, None, "POST", "/pools", Some(pool)).await.status, 201);
    let (desktop, _page) = begun().await;
    desk.end_due(later(24 * 60));
    assert_eq!(office.known(&desktop).await["state"], "there");
    let hows: Vec<_> =
        office.audited("desktop_ended").await.iter().map(|line| line["details"]["how"].clone()).collect();
    assert_eq!(hows, [json!("longest"), json!("idle")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_somebody_something_on_their_page() {
    let _pc = Pc::at("127.0.5.10", 2).await;
    let office = office("127.0.5.10").await;
    office.answers();
    let (desktop, ticket) = office.ticket().await;
    let tells = async |text: &str| {
        let path = format!("/desktops/{desktop}/message");
        office.g.ask(Door::Local, None, "POST", &path, Some(json!({"text": text}))).await.status.as_u16()
    };
    assert_eq!(tells("Too soon.").await, 404);
    let (_page, refused) = office.opens(&ticket).await;
    assert_eq!((refused, office.known(&desktop).await["told"].clone()), (None, Value::Null));
    assert_eq!((tells("").await, tells(&"x".repeat(201)).await, tells("a\u{202e}b").await), (400, 400, 400));
    assert_eq!(tells(" Please sign out by six. ").await, 204);
    let told = office.known(&desktop).await["told"].clone();
    assert_eq!(told["text"], "Please sign out by six.");
    let written = office.audited("desktop_told").await;
    assert_eq!((&written[0]["user"], &written[0]["details"]), (&json!("anne"), &json!({"workstation": "hers"})));
    assert!(!written[0].to_string().contains("sign out"), "what was said is nobody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_booked_a_pc_has_it_when_they_come_and_not_before() {
    let _pc = Pc::at("127.0.5.11", 2).await;
    let office = office("127.0.5.11").await;
    office.answers();
    let g = &office.g;
    // Ilse may use it, too.
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.add_member(office.group, g.ilse.0).await.unwrap();
    write.commit().await.unwrap();
    g.open(g.ilse).await;
    let ilse = (g.tunnel(g.ilse.1).await, g.session(g.ilse.0, Some(g.ilse.1)).await);
    let pool = json!({"name": "CAD", "workstations": ["hers"], "longest_booking_minutes": 60});
    assert_eq!(g.ask(Door::Local, None, "POST", "/pools", Some(pool)).await.status, 201);
    let (desktop, ticket) = office.ticket().await;
    let (_page, refused) = office.opens(&ticket).await;
    assert_eq!((refused, office.known(&desktop).await["ends_at"].clone()), (None, Value::Null));
    let asks = async || {
        let asked = g.ask(ilse.0, Some(&ilse.1), "POST", "/me/workstations/hers/desktop", Some(json!({}))).await;
        asked.json()
    };
    assert_eq!(asks().await["refused"], "in_use_remotely");
    // Nobody books what somebody is at for this moment.
    let quarter = crate::pure::booking::QUARTER_MS;
    let now = Moment::now().wall.0 / quarter;
    let book = json!({"pool": "CAD", "begins": now * quarter, "ends": (now + 1) * quarter});
    assert_eq!(g.ask(ilse.0, Some(&ilse.1), "POST", "/me/bookings", Some(book)).await.slug(), "booked");
    // She booked it yesterday.
    let pool = g.api.store.pool("CAD").await.unwrap().id;
    let wanted =
        crate::store::bookings::Wanted { pool, pcs: vec![office.pc], user: g.ilse.0, quarters: now..now + 2, most: 1 };
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    write.book(&wanted).await.unwrap().unwrap();
    write.commit().await.unwrap();
    g.api.desk.pools_changed().await;
    // Whoever is there was told before, or stays.
    assert_eq!(asks().await["refused"], "in_use_remotely");
    g.api.desk.end_due(Moment::now());
    let known = office.known(&desktop).await;
    assert_eq!((&known["state"], &known["ends_why"]), (&json!("there"), &json!("booked")));
    // Not by being asked for: when she comes.
    let ticket = asks().await["ticket"].as_str().unwrap().to_owned();
    assert_eq!(office.known(&desktop).await["state"], "there");
    let session = WebToken::from_cookies(&ilse.1).unwrap().hash();
    let mut hers = office.page(g.ilse.1, session).await;
    assert_eq!(says(&mut hers, &ticket).await, None);
    assert_eq!(office.end(&desktop).await, json!({"how": "booked"}));
    assert!(["reserved", "in_use_remotely"].contains(&office.ask().await["refused"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_whose_page_is_gone_is_kept_for_a_minute_and_one_that_was_left_is_not() {
    let _pc = Pc::at("127.0.5.12", 2).await;
    let office = office("127.0.5.12").await;
    office.answers();
    let g = &office.g;
    let mut write = g.api.store.write(Moment::now(), Actor::System).await.unwrap();
    let other = write.add_resource(&workstation("other", "127.0.5.13")).await.unwrap();
    write.add_policy(office.group, other, None, None).await.unwrap();
    write.commit().await.unwrap();
    g.api.fleet.reload(&g.api.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    let pool = json!({"name": "CAD", "workstations": ["hers", "other"], "longest_booking_minutes": 60});
    assert_eq!(g.ask(Door::Local, None, "POST", "/pools", Some(pool)).await.status, 201);
    let no_seat = async || {
        let pcs = g.ask(office.door, Some(&office.cookie), "GET", "/me/workstations", None).await.json();
        ["hers", "other"].map(|name| {
            let is = |pc: &&Value| pc["name"] == name;
            pcs.as_array().unwrap().iter().find(is).unwrap()["no_seat"].clone()
        })
    };
    assert_eq!(no_seat().await, [Value::Null, Value::Null]);
    let place =
        async || g.ask(office.door, Some(&office.cookie), "GET", "/me/pools", None).await.json()[0]["place"].clone();
    let comes = async || {
        let (desktop, ticket) = office.ticket().await;
        let (page, refused) = office.opens(&ticket).await;
        assert_eq!((refused, place().await["at"].clone()), (None, json!("there")));
        (desktop, page)
    };
    let (_, page) = comes().await;
    // One seat for one person, however many are free; and that is what is said.
    assert_eq!(no_seat().await, [Value::Null, json!("own_seat")]);
    drop(page);
    office.until_nobody_is_there().await;
    let kept = place().await;
    assert_eq!((&kept["at"], &kept["workstation"]), (&json!("kept"), &json!("hers")), "{kept}");
    let left = kept["until"].as_i64().unwrap() - Moment::now().wall.0;
    assert!((50_000..=60_000).contains(&left), "{left} ms");
    // Somebody who comes back has it, and gives it back at once.
    let (desktop, _page) = comes().await;
    let path = format!("/me/desktops/{desktop}");
    assert_eq!(g.ask(office.door, Some(&office.cookie), "DELETE", &path, None).await.status, 204);
    office.until_nobody_is_there().await;
    assert_eq!(place().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_given_a_signed_file_of_ones_own_pc() {
    let office = office("127.0.5.12").await;
    let asks = async |pc: &str| {
        office.g.ask(office.door, Some(&office.cookie), "GET", &format!("/me/workstations/{pc}/rdp"), None).await
    };
    let file = asks("hers").await;
    assert_eq!((file.status.as_u16(), file.headers["content-type"].to_str().unwrap()), (200, "application/x-rdp"));
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"hers.rdp\"");
    // Read as text it is UTF-16 with a NUL behind each letter.
    let text: String = file.text.chars().filter(|c| *c != '\0').collect();
    assert!(text.contains("full address:s:hers.rossi.internal\r\n") && text.contains("signature:s:"), "{text}");
    assert!(!text.contains("username") && !text.to_lowercase().contains("password:"), "{text}");
    assert_eq!(asks("none").await.status, 404);
    let trusted = async || office.g.ask(Door::Local, None, "GET", "/desktops/publisher", None).await.json();
    let (one, two) = (trusted().await, trusted().await);
    assert_eq!(one, two, "it stays the same");
    let made = office.audit("publisher_made").await;
    assert_eq!((made.len(), &made[0]["details"]["thumbprint"]), (1, &one["thumbprint"]));
    // Another process of the same site signs by the same key.
    let again = office.g.api.store.publisher().await.unwrap().unwrap().0;
    assert_eq!(again.thumbprint(), one["thumbprint"].as_str().unwrap());
}
