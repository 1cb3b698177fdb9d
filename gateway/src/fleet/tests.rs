//! Agents as the gateway meets them: real TLS and WebSocket over loopback, a real database; honest ones and others.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::bounded::AtMost;
use agent::facts::{Adapter, Session, SessionPlace, SessionState};
use agent::message::{self, FromAgent, Leaving, Papers, Secret, ToAgent};
use futures_util::{SinkExt as _, StreamExt as _};
use provisioning::authority::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::audit::Actor;
use crate::http::listen::Certificate;
use crate::pure::wanted::{Program, Where};
use crate::pure::workstation::Kind;
use crate::store::agents::NewAgentToken;
use crate::store::audit::Filter;
use crate::store::site::NewSettings;
use crate::store::tests::{fixture, workstation};

const LIMIT: Duration = Duration::from_secs(10);

/// An office with one PC, and the door for agents on loopback.
struct Office {
    dir: TempDir,
    store: Arc<Store>,
    fleet: Arc<Fleet>,
    pc: ResourceId,
    authority: Authority,
    at: SocketAddr,
    dialled: std::sync::atomic::AtomicU16,
    _serving: tokio::task::JoinSet<anyhow::Result<()>>,
}

/// What an agent has to show.
#[derive(Clone)]
struct Identity {
    chain: String,
    key: String,
}

type Link = WebSocketStream<client::TlsStream<TcpStream>>;

fn authority(now: Unix) -> Authority {
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let bounds = provisioning::authority::Bounds { names: vec!["door.example.org".into()], networks };
    Authority::new_at("x", &bounds, now.seconds()).unwrap()
}

async fn office() -> Office {
    let (dir, store) = fixture().await;
    let pc = workstation(&store, "pc").await;
    let authority = authority(Unix::now());
    let (chain, key) = authority.issue_server_at(&["door.example.org".into()], &[], Unix::now().seconds()).unwrap();
    let tls = link::tls(Arc::new(Certificate::new(&chain, &key).unwrap()), authority.certificate_pem()).unwrap();
    let ours = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
    let fleet = Arc::new(Fleet::new(store.clone()));
    fleet.reload(&store.resources().await.unwrap(), Moment::now()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(link::serve(listener, link::Door::new(fleet.clone(), tls, Enrolment::new(ours))));
    Office { dir, store, fleet, pc, authority, at, dialled: 0.into(), _serving: serving }
}

impl Office {
    async fn token(&self, uses: u32) -> Secret {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&uses.to_le_bytes());
        let secret = Secret::new(bytes);
        let now = Moment::now();
        let until = now.wall + Duration::from_secs(3600);
        let resource = (uses == 1).then_some(self.pc);
        let new = NewAgentToken { name: "desk".into(), uses, hosts: BTreeMap::new(), resource, until };
        let mut write = self.store.write(now, Actor::Local).await.unwrap();
        write.add_agent_token(&new, &secret.hash()).await.unwrap();
        write.commit().await.unwrap();
        secret
    }

    /// A token for these, of which IT said which PC each is.
    async fn listed(&self, hosts: &[(&str, Option<ResourceId>)]) -> Secret {
        let now = Moment::now();
        let until = now.wall + Duration::from_secs(3600);
        let hosts = hosts.iter().map(|(host, pc)| ((*host).to_owned(), *pc)).collect();
        let new = NewAgentToken { name: "list".into(), uses: 99, hosts, resource: None, until };
        let secret = Secret::new([77; 16]);
        let mut write = self.store.write(now, Actor::Local).await.unwrap();
        write.add_agent_token(&new, &secret.hash()).await.unwrap();
        write.commit().await.unwrap();
        secret
    }

    /// A PC that IT published, and knows the address of: that of the next to dial after [`Office::at_desk`].
    async fn desk(&self) -> ResourceId {
        let mut write = self.store.write(Moment::now(), Actor::Local).await.unwrap();
        let desk = as_workstation("desk", IpAddr::from([127, 0, 99, 1]), &BTreeSet::new());
        let id = write.add_resource(&desk).await.unwrap();
        write.commit().await.unwrap();
        self.reload().await;
        id
    }

    fn at_desk(&self) {
        self.dialled.store(u16::from_be_bytes([99, 1]), std::sync::atomic::Ordering::Relaxed);
    }

    /// Which agent is this PC's.
    async fn agent_of(&self, pc: ResourceId) -> Option<AgentId> {
        self.store.agents().await.unwrap().iter().find(|a| a.resource == Some(pc)).map(|a| a.id)
    }

    /// TLS and WebSocket, with this certificate or none.
    async fn dial(&self, identity: Option<&Identity>) -> anyhow::Result<Link> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(i) => {
                let chain = CertificateDer::pem_slice_iter(i.chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(i.key.as_bytes())?)?
            }
        };
        // Each from a machine of its own.
        let [high, low] = self.dialled.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, high, low.max(1)], 0)))?;
        let stream: TcpStream = socket.connect(self.at).await?;
        let name = ServerName::try_from("door.example.org")?;
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(tokio_tungstenite::client_async("ws://door.example.org/agent/v1", tls).await?.0)
    }

    async fn enrol(&self, secret: &Secret, host: &str) -> Result<Identity, agent::message::Refused> {
        let key = rcgen::KeyPair::generate().unwrap();
        self.enrol_with(secret, host, &key).await
    }

    async fn enrol_with(
        &self,
        secret: &Secret,
        host: &str,
        key: &rcgen::KeyPair,
    ) -> Result<Identity, agent::message::Refused> {
        let mut link = self.dial(None).await.unwrap();
        let enrol = FromAgent::Enrol { version: 1, secret: secret.clone(), request: request(key), host: host.into() };
        say(&mut link, &enrol).await;
        match hear(&mut link).await {
            Some(ToAgent::Enrolled { certificate }) => {
                Ok(Identity { chain: certificate.into(), key: key.serialize_pem() })
            }
            Some(ToAgent::Refused { why }) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    /// Connected and welcomed.
    async fn connect(&self, identity: &Identity) -> Link {
        let mut link = self.dial(Some(identity)).await.unwrap();
        say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
        let welcome = hear(&mut link).await;
        assert!(matches!(welcome, Some(ToAgent::Welcome { .. })), "{welcome:?}");
        link
    }

    async fn reload(&self) {
        self.fleet.reload(&self.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    }

    /// Waits until the PC is taken to do this.
    async fn until(&self, kind: Kind) {
        let mut version = self.fleet.version();
        let is = || self.fleet.state(self.pc).unwrap().judged.kind;
        let waited = tokio::time::timeout(LIMIT, async {
            while is() != kind {
                version.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "it is {:?}, not {kind:?}", is());
    }

    /// IT wants to know this from now on.
    async fn want(&self, agent_names: Option<bool>, programs: Option<Vec<Program>>) {
        let mut write = self.store.write(Moment::now(), Actor::Local).await.unwrap();
        write.change_settings(&NewSettings { agent_names, programs, ..NewSettings::default() }).await.unwrap();
        write.commit().await.unwrap();
        self.fleet.ask_anew(Unix::now()).await.unwrap();
    }

    async fn refusals(&self) -> Vec<String> {
        let filter = Filter { limit: 100, ..Filter::default() };
        let lines = self.store.audit(&filter).await.unwrap().into_iter().filter(|l| l.event == "agent_refused");
        lines.map(|l| l.details["because"].as_str().unwrap().to_owned()).collect()
    }
}

fn request(key: &rcgen::KeyPair) -> Papers {
    let text = rcgen::CertificateParams::default().serialize_request(key).unwrap().pem().unwrap();
    Papers::try_from(text).unwrap()
}

async fn say(link: &mut Link, message: &FromAgent) {
    link.send(Message::text(message::encode(message).unwrap())).await.unwrap();
}

/// The next message; nothing at the end.
async fn hear(link: &mut Link) -> Option<ToAgent> {
    loop {
        match tokio::time::timeout(LIMIT, link.next()).await.expect("in time")? {
            Ok(Message::Text(text)) => return Some(message::decode(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Until it is ended from there: the reason, if it was told.
async fn ended(link: &mut Link) -> Option<agent::message::Refused> {
    let mut told = None;
    while let Some(message) = hear(link).await {
        if let ToAgent::Refused { why } = message {
            told = Some(why);
        }
    }
    told
}

fn facts(sessions: &[Session]) -> FromAgent {
    let adapter = Adapter {
        mac: Some(Mac([2, 0, 0, 0, 0, 7])),
        medium: Medium::Wired,
        up: true,
        addresses: AtMost::first(["127.0.0.1/16".parse().unwrap()]),
        ..Adapter::default()
    };
    FromAgent::Facts(Box::new(Facts {
        host: "pc".into(),
        up_ms: 3_600_000,
        adapters: AtMost::first([adapter]),
        sessions: Some(AtMost::first(sessions.to_vec())),
        ..Facts::default()
    }))
}

fn somebody() -> Session {
    Session { place: SessionPlace::Console, state: SessionState::Active, ..Session::default() }
}

#[tokio::test]
async fn a_pc_is_enrolled_seen_and_asleep() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    say(&mut link, &facts(&[somebody()])).await;
    office.until(Kind::InUseHere).await;
    let state = office.fleet.state(office.pc).unwrap();
    assert_eq!(state.macs, [Mac([2, 0, 0, 0, 0, 7])]);
    assert_eq!(office.fleet.relays("127.0.200.77".parse().unwrap(), ResourceId::new()).len(), 1);
    assert!(office.fleet.relays("127.1.0.77".parse().unwrap(), ResourceId::new()).is_empty());
    assert!(office.fleet.relays("127.0.200.77".parse().unwrap(), office.pc).is_empty(), "nobody wakes itself");
    say(&mut link, &FromAgent::Leaving { how: Leaving::Sleep }).await;
    office.until(Kind::Asleep).await;
    // What it told last is not written down yet, and not forgotten.
    office.reload().await;
    assert_eq!(office.fleet.state(office.pc).unwrap().macs.len(), 1);
    // It is so after a restart of the gateway, too.
    office.fleet.write_down().await;
    let after = Fleet::new(office.store.clone());
    after.reload(&office.store.resources().await.unwrap(), Moment::now()).await.unwrap();
    let state = after.state(office.pc).unwrap();
    assert_eq!((state.judged.kind, state.macs.len()), (Kind::Asleep, 1));
    let kept = office.store.agents().await.unwrap().remove(0).facts.unwrap();
    assert_eq!(kept.sessions, None, "who sat there is not written down");
    let steps = office.store.steps(office.pc, Unix(0), Unix(i64::MAX)).await.unwrap();
    assert_eq!(steps.last().map(|s| s.kind), Some(Kind::Asleep));
}

/// A list in which a thousand PCs look otherwise each minute, for nothing that happened, would be sent to whoever looks on.
#[tokio::test]
async fn when_a_pc_was_started_is_no_news_each_minute() {
    let office = office().await;
    office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let agent = office.store.agents().await.unwrap().remove(0);
    let (id, began) = (agent.id, Moment::now());
    let from = IpAddr::from([127, 0, 0, 1]);
    let (connection, _orders, _) = office.fleet.arrived(agent, "0.1.0".into(), from, began).unwrap();
    let told = |later_ms: i64, up_ms| {
        let now = Moment { wall: Unix(began.wall.0 + later_ms), ..began };
        office.fleet.told(id, connection, &Facts { up_ms, ..Facts::default() }, now);
        office.fleet.state(office.pc).unwrap().agent.unwrap().started_at.map(|at| at.0 - began.wall.0)
    };
    assert_eq!(told(0, 3_600_000), Some(-3_600_000));
    // Clocks and the way here differ by a little.
    assert_eq!(told(60_040, 3_660_000), Some(-3_600_000));
    assert_eq!(told(119_950, 3_720_000), Some(-3_600_000));
    assert_eq!(told(180_000, 20_000), Some(160_000), "it was started anew");
    assert_eq!(told(180_000, u64::MAX), None);
    office.fleet.went(id, connection, None, began);
    assert_eq!(office.fleet.state(office.pc).unwrap().agent.unwrap().started_at, None);
}

#[tokio::test]
async fn names_are_told_while_they_are_wanted_and_then_forgotten() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.dial(Some(&identity)).await.unwrap();
    say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
    let asked = async |link: &mut Link| match hear(link).await {
        Some(ToAgent::Welcome { names, rules, .. }) => (names, rules.to_vec()),
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&mut link).await, (false, Vec::new()));
    let marta = Session { user: Some("marta".into()), ..somebody() };
    let by = || office.fleet.state(office.pc).unwrap().judged.by;
    let is_named = || {
        let agents = format!("{:?}{:?}", office.fleet.agents(), office.fleet.states());
        agents.contains("marta") || format!("{:?}", office.fleet.lock()).contains("marta")
    };
    // Told unasked, it is not heard.
    say(&mut link, &facts(std::slice::from_ref(&marta))).await;
    office.until(Kind::InUseHere).await;
    assert!(by().is_none() && !is_named());

    let sage = Program { name: "Sage".into(), look: Where::Path { path: "/opt/sage".into() } };
    office.want(Some(true), Some(vec![sage.clone()])).await;
    let (names, rules) = asked(&mut link).await;
    assert_eq!((names, rules), (true, Wanted { names: true, programs: vec![sage] }.rules().to_vec()));
    say(&mut link, &facts(std::slice::from_ref(&marta))).await;
    let mut version = office.fleet.version();
    while by().is_none() {
        version.changed().await.unwrap();
    }
    assert_eq!(by().as_deref(), Some("marta"));

    // Not written down yet, and forgotten before it is answered that it is.
    office.want(Some(false), None).await;
    assert!(by().is_none() && !is_named());
    assert_eq!(office.fleet.state(office.pc).unwrap().judged.kind, Kind::InUseHere);
    assert!(!asked(&mut link).await.0);
    say(&mut link, &facts(&[marta])).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    assert!(!is_named());
    office.fleet.write_down().await;
    let kept = office.store.agents().await.unwrap().remove(0);
    assert!(kept.facts.is_some() && !format!("{kept:?}").contains("marta"));
}

#[tokio::test]
async fn a_listed_pc_is_approved_once_and_takes_nobodys_place() {
    let office = office().await;
    // Agents of these tests come from a machine each; of this one IT knows the address.
    let desk = office.desk().await;
    let listed = office.listed(&[("boss", Some(desk)), ("pc", None)]).await;
    // From elsewhere, whoever says so waits; so does who is not listed.
    office.enrol(&listed, "boss").await.unwrap();
    office.at_desk();
    office.enrol(&listed, "somebody").await.unwrap();
    assert_eq!(office.agent_of(desk).await, None);
    office.at_desk();
    let first = office.enrol(&listed, "BOSS").await.unwrap();
    let ghost = office.agent_of(desk).await.unwrap();
    // It went before it was ever heard: the next takes its place, and its key is never heard.
    office.at_desk();
    let second = office.enrol(&listed, "boss").await.unwrap();
    let agent = office.agent_of(desk).await.unwrap();
    assert!(agent != ghost);
    office.reload().await;
    let mut link = office.dial(Some(&first)).await.unwrap();
    say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Revoked));
    // Once heard, nobody takes its place: not by its name and from its address, and not after it was taken back.
    let _link = office.connect(&second).await;
    office.at_desk();
    office.enrol(&listed, "boss").await.unwrap();
    assert_eq!(office.agent_of(desk).await, Some(agent));
    office.fleet.write_down().await;
    let mut write = office.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.revoke_agent(agent).await.unwrap();
    write.commit().await.unwrap();
    office.at_desk();
    office.enrol(&listed, "boss").await.unwrap();
    assert_eq!(office.agent_of(desk).await, None);
    let tokens = office.store.agent_tokens().await.unwrap();
    assert_eq!(tokens[0].hosts["boss"].came, Some(agent));
}

#[test]
fn who_waits_looks_like_a_pc_without_an_agent() {
    let pc = |n: u128, name: &str, dns: &str, at: &str| Resource {
        id: ResourceId(uuid::Uuid::from_u128(n)),
        kind: ResourceKind::Workstation,
        name: name.into(),
        dns_names: vec![dns.into()],
        alias4: None,
        alias6: None,
        real4: Some(at.parse().unwrap()),
        real6: None,
        ports: Vec::new(),
        created_at: Unix(0),
    };
    let all = [pc(1, "accounts", "pc-7.corp.lan", "192.168.1.7/32"), pc(2, "desk", "x.corp.lan", "192.168.1.8/32")];
    let like = |host: &str, at: &str, taken: u128| {
        let address = (!at.is_empty()).then(|| at.parse().unwrap());
        looks_like(host, address, &all, |id| id.0.as_u128() == taken).map(|(r, by)| (r.name.as_str(), by))
    };
    assert_eq!(like("Accounts", "192.168.1.7", 0), Some(("accounts", Alike::NameAndAddress)));
    assert_eq!(like("PC-7.corp.lan", "", 0), Some(("accounts", Alike::Name)));
    assert_eq!(like("desktop-1234", "192.168.1.8", 0), Some(("desk", Alike::Address)));
    assert_eq!(like("accounts", "192.168.1.8", 0), Some(("accounts", Alike::Name)), "a name says more");
    assert_eq!(like("accounts", "192.168.1.7", 1), None, "it has an agent");
    assert_eq!(like("other", "192.168.1.9", 0), None);
}

#[tokio::test]
async fn a_restart_of_the_gateway_is_no_step_of_any_pc() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    office.fleet.write_down().await;
    let resources = office.store.resources().await.unwrap();
    let started = Moment::now();
    let after = Fleet::new(office.store.clone());
    after.reload(&resources, started).await.unwrap();
    after.tick(started.wall + Duration::from_secs(30));
    assert_eq!(after.state(office.pc).unwrap().judged.kind, Kind::Unknown, "nobody knows better yet");
    assert!(after.unwritten(office.pc).is_empty(), "{:?}", after.unwritten(office.pc));
    // It is back, and as it was.
    let agent = office.store.agents().await.unwrap().remove(0);
    let address = IpAddr::from([127, 0, 1, 1]);
    let (connection, _orders, _) = after.arrived(agent.clone(), "0.1.0".into(), address, started).unwrap();
    let FromAgent::Facts(told) = facts(&[]) else { panic!("facts") };
    after.told(agent.id, connection, &told, started);
    assert_eq!(after.state(office.pc).unwrap().judged.kind, Kind::Free);
    assert!(after.unwritten(office.pc).is_empty(), "{:?}", after.unwritten(office.pc));
    // One that does not come back went away, and that is told when it is sure.
    let after = Fleet::new(office.store.clone());
    after.reload(&resources, started).await.unwrap();
    after.tick(started.wall + Duration::from_secs(120));
    let steps: Vec<_> = after.unwritten(office.pc).into_iter().map(|s| (s.kind, s.reason)).collect();
    assert_eq!(steps, [(Kind::Unknown, Reason::WentAway)]);
}

#[tokio::test]
async fn an_agent_takes_no_other_pcs_hardware_address() {
    let office = office().await;
    let mac = Mac([2, 0, 0, 0, 0, 7]);
    let victim = workstation(&office.store, "victim").await;
    let mut write = office.store.write(Moment::now(), Actor::Local).await.unwrap();
    let change = crate::store::workstations::Change { macs: Some(vec![mac]), ..Default::default() };
    write.change_workstation(victim, "victim", &change).await.unwrap();
    write.commit().await.unwrap();
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    office.reload().await;
    let (pc, victim) = (office.fleet.state(office.pc).unwrap(), office.fleet.state(victim).unwrap());
    assert_eq!((pc.macs, pc.foreign), (Vec::new(), vec![(mac, "victim".to_owned())]));
    assert_eq!((victim.macs, victim.foreign), (vec![mac], Vec::new()));
    office.fleet.write_down().await;
    assert!(office.store.workstation(office.pc).await.unwrap().macs.is_empty());
}

#[tokio::test]
async fn a_first_message_that_is_no_greeting_has_its_own_word() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    let mut link = office.dial(Some(&identity)).await.unwrap();
    say(&mut link, &facts(&[])).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Other));
    let told = tokio::time::timeout(LIMIT, async {
        while office.refusals().await.is_empty() {
            tokio::task::yield_now().await;
        }
    });
    told.await.unwrap();
    assert_eq!(office.refusals().await, ["no_greeting"]);
}

#[test]
fn a_pc_that_flutters_changes_a_few_times_a_moment_in_its_timeline() {
    let (mut notes, reason) = (Notes::default(), crate::pure::workstation::Reason::Reported);
    let [one, other] = [1, 2].map(|n| ResourceId(uuid::Uuid::from_u128(n)));
    let step = |at, kind| Step { at: Unix(at), kind, reason };
    for n in 0..100 {
        let kind = if n % 2 == 0 { Kind::Free } else { Kind::InUseHere };
        notes.step(one, step(n * 10, kind));
    }
    notes.step(other, step(995, Kind::Free));
    notes.step(one, step(MOMENT_MS, Kind::Asleep));
    let wanted = [
        (one, step(0, Kind::Free)),
        (one, step(10, Kind::InUseHere)),
        (one, step(20, Kind::InUseHere)),
        (other, step(995, Kind::Free)),
        (one, step(MOMENT_MS, Kind::Asleep)),
    ];
    assert_eq!(notes.steps, wanted);
}

#[tokio::test]
async fn a_pc_that_nobody_approved_is_known_and_nothing_more() {
    let office = office().await;
    let listed = office.listed(&[("another", None), ("pc.office.lan", None)]).await;
    let identity = office.enrol(&listed, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.dial(Some(&identity)).await.unwrap();
    say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
    assert!(matches!(hear(&mut link).await, Some(ToAgent::Welcome { approved: false, .. })));
    say(&mut link, &facts(&[])).await;
    let agent = office.store.agents().await.unwrap().remove(0).id;
    let mut version = office.fleet.version();
    while office.fleet.agents()[0].facts.is_none() {
        version.changed().await.unwrap();
    }
    assert_eq!(office.fleet.state(office.pc).unwrap().judged.kind, Kind::Unknown);
    assert!(office.fleet.relays("127.0.200.77".parse().unwrap(), office.pc).is_empty());
    // IT says which PC it is: it is told, and believed.
    let mut write = office.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.approve_agent(agent, office.pc).await.unwrap();
    write.commit().await.unwrap();
    office.reload().await;
    assert!(matches!(hear(&mut link).await, Some(ToAgent::Welcome { approved: true, .. })));
    office.until(Kind::Free).await;
    // Whom a token expects waits all the same, where the name is a PC's that is published, or nobody could be there.
    for host in ["PC.office.lan", "another"] {
        office.enrol(&listed, host).await.unwrap();
    }
    office.reload().await;
    let names: Vec<String> = office.fleet.states().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["pc"]);
    assert_eq!(office.fleet.agents().iter().filter(|a| a.agent.resource.is_some()).count(), 1);
}

#[tokio::test]
async fn a_revoked_agent_is_cut_off_at_once_and_stays_out() {
    let office = office().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let secret = office.token(1).await;
    let identity = office.enrol_with(&secret, "pc", &key).await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    let agent = office.store.agents().await.unwrap().remove(0).id;
    let mut write = office.store.write(Moment::now(), Actor::Local).await.unwrap();
    write.revoke_agent(agent).await.unwrap();
    write.commit().await.unwrap();
    let began = Instant::now();
    office.reload().await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Revoked));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    office.until(Kind::Unknown).await;
    let mut link = office.dial(Some(&identity)).await.unwrap();
    say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Revoked));
    let again = office.enrol_with(&office.token(5).await, "pc", &key).await;
    assert_eq!(again.err(), Some(message::Refused::Key), "the key is not enrolled anew");
}

#[tokio::test]
async fn only_who_was_certified_here_is_heard() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let now = Unix::now().seconds();
    let of = |authority: &Authority, at: u64| Identity {
        chain: authority.issue_agent_at(request(&key).as_str(), "x", at).unwrap(),
        key: key.serialize_pem(),
    };
    let years = 365 * 86_400;
    for (identity, why) in [
        (of(&authority(Unix::now()), now), "certificate"),
        (of(&office.authority, now - 10 * years), "expired"),
        (of(&office.authority, now + 5 * years), "not_valid_yet"),
    ] {
        // TLS 1.3: the client is done before the server has looked at its certificate.
        let said = match office.dial(Some(&identity)).await {
            Ok(mut link) => hear(&mut link).await.map(|m| format!("{m:?}")),
            Err(_) => None,
        };
        assert_eq!(said, None, "{why}");
        let told = tokio::time::timeout(LIMIT, async {
            while !office.refusals().await.iter().any(|w| w == why) {
                tokio::task::yield_now().await;
            }
        });
        assert!(told.await.is_ok(), "{why} is not in the audit: {:?}", office.refusals().await);
    }
    // A certificate of this authority's whose key was never enrolled: what it claims to be counts for nothing.
    let mut link = office.dial(Some(&of(&office.authority, now))).await.unwrap();
    say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Unknown));
    // The gateway's own certificate is no agent's.
    let (chain, key) = office.authority.issue_server_at(&["door.example.org".into()], &[], now).unwrap();
    let said = match office.dial(Some(&Identity { chain, key })).await {
        Ok(mut link) => hear(&mut link).await.map(|m| format!("{m:?}")),
        Err(_) => None,
    };
    assert_eq!(said, None);
    // And the honest one is heard.
    office.connect(&identity).await;
}

#[tokio::test]
async fn without_a_certificate_nothing_is_done_but_enrolling() {
    let office = office().await;
    for message in [FromAgent::Hello { version: 1, program: "x".into() }, facts(&[]), FromAgent::Alive {}] {
        let mut link = office.dial(None).await.unwrap();
        say(&mut link, &message).await;
        assert_eq!(ended(&mut link).await, Some(message::Refused::Unknown), "{message:?}");
    }
    assert_eq!(office.enrol(&Secret::new([99; 16]), "pc").await.err(), Some(message::Refused::Token));
    let mut link = office.dial(None).await.unwrap();
    let request = Papers::try_from("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n".to_owned()).unwrap();
    let secret = office.token(1).await;
    say(&mut link, &FromAgent::Enrol { version: 1, secret: secret.clone(), request, host: "pc".into() }).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Key));
    assert!(office.store.agents().await.unwrap().is_empty());
    assert!(office.enrol(&secret, "pc").await.is_ok(), "what failed has spent nothing");
    assert_eq!(office.enrol(&secret, "pc").await.err(), Some(message::Refused::Token), "once");
}

#[tokio::test]
async fn an_agent_speaks_of_itself_and_not_without_end() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    let other = office.enrol(&office.token(9).await, "other").await.unwrap();
    office.reload().await;
    let mut honest = office.connect(&identity).await;
    say(&mut honest, &facts(&[])).await;
    office.until(Kind::Free).await;

    // Facts under another's name are its own.
    let mut liar = office.connect(&other).await;
    say(&mut liar, &facts(&[somebody()])).await;
    let told = |a: &AgentState| a.facts.as_deref().is_some_and(|f| &*f.host == "pc");
    let liars = || office.fleet.agents().into_iter().filter(told).count();
    let mut version = office.fleet.version();
    while liars() < 2 {
        version.changed().await.unwrap();
    }
    assert_eq!(office.fleet.state(office.pc).unwrap().judged.kind, Kind::Free);
    // What it was not asked for is not waited for by anybody.
    say(&mut liar, &FromAgent::Done { id: 1, outcome: Outcome::Answered { yes: true } }).await;

    // 10,000 messages: it is ended long before.
    let text = message::encode(&FromAgent::Alive {}).unwrap();
    for _ in 0..10_000 {
        if liar.send(Message::text(text.clone())).await.is_err() {
            break;
        }
    }
    ended(&mut liar).await;
    // A long message, a binary one, and no message at all.
    for message in [Message::text("x".repeat(10_000_000)), Message::binary(vec![0; 100]), Message::text("{\"say\":1}")]
    {
        let mut liar = office.connect(&other).await;
        let _ = liar.send(message).await;
        ended(&mut liar).await;
    }
    assert!(office.refusals().await.contains(&"flood".to_owned()), "{:?}", office.refusals().await);
    // The beginning of a frame without an end, byte by byte: nothing of it is kept waiting for.
    let mut endless = office.connect(&other).await;
    let tls = endless.get_mut();
    tls.write_all(&[0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    tls.flush().await.unwrap();
    ended(&mut endless).await;
    // All the while the honest one was heard.
    assert!(office.fleet.state(office.pc).unwrap().agent.unwrap().connected);
    say(&mut honest, &facts(&[somebody()])).await;
    office.until(Kind::InUseHere).await;
}

#[tokio::test]
async fn the_newest_connection_of_an_agent_is_the_one() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut first = office.connect(&identity).await;
    say(&mut first, &facts(&[])).await;
    office.until(Kind::Free).await;
    let mut second = office.connect(&identity).await;
    assert_eq!(ended(&mut first).await, Some(message::Refused::Replaced));
    say(&mut second, &facts(&[somebody()])).await;
    office.until(Kind::InUseHere).await;
    assert!(office.fleet.state(office.pc).unwrap().agent.unwrap().connected);
}

#[tokio::test]
async fn an_agent_is_asked_and_answers() {
    let office = office().await;
    assert_eq!(office.fleet.act(office.pc, Action::Refresh {}).await, Err(NotDone::Away));
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    let answers = async {
        for outcome in
            [Outcome::Answered { yes: true }, Outcome::Failed { why: "nobody is there".into() }, Outcome::Done {}]
        {
            let Some(ToAgent::Act { id, .. }) = hear(&mut link).await else { panic!("an order") };
            say(&mut link, &FromAgent::Done { id: id + 1000, outcome: Outcome::Done {} }).await;
            say(&mut link, &FromAgent::Done { id, outcome }).await;
        }
    };
    let asks = async {
        let ask = Action::Ask { text: "May Marta use this PC?".into(), within_s: 30 };
        assert_eq!(office.fleet.act(office.pc, ask).await, Ok(Outcome::Answered { yes: true }));
        let tell = Action::Tell { text: "x".into() };
        assert_eq!(office.fleet.act(office.pc, tell).await, Err(NotDone::Failed("nobody is there".into())));
        assert_eq!(office.fleet.act(office.pc, Action::Refresh {}).await, Ok(Outcome::Done {}));
    };
    tokio::join!(answers, asks);
}

#[tokio::test]
async fn a_pc_that_goes_to_sleep_when_asked_has_done_it() {
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    let sleeps = async {
        // It has no time to say so: the answer would come when it wakes.
        let Some(ToAgent::Act { .. }) = hear(&mut link).await else { panic!("an order") };
        say(&mut link, &FromAgent::Leaving { how: Leaving::Sleep }).await;
    };
    let asks = async {
        let suspend = Action::Suspend { unless_used: true };
        assert_eq!(office.fleet.act(office.pc, suspend).await, Ok(Outcome::Done {}));
    };
    assert!(!office.fleet.leaves(office.pc, Duration::from_millis(50)).await, "it is there");
    tokio::join!(sleeps, asks);
    assert!(office.fleet.leaves(office.pc, Duration::from_secs(5)).await, "it has gone");
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_same_key_and_no_other() {
    let office = office().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let identity = office.enrol_with(&office.token(1).await, "pc", &key).await.unwrap();
    office.reload().await;
    let mut link = office.connect(&identity).await;
    say(&mut link, &FromAgent::Renew { request: request(&key) }).await;
    let Some(ToAgent::Renewed { certificate }) = hear(&mut link).await else { panic!("a certificate") };
    assert_ne!(certificate.as_str(), identity.chain);
    let renewed = Identity { chain: certificate.into(), key: identity.key };
    let mut link = office.connect(&renewed).await;
    say(&mut link, &FromAgent::Renew { request: request(&rcgen::KeyPair::generate().unwrap()) }).await;
    assert_eq!(ended(&mut link).await, Some(message::Refused::Key));
}

/// All are back within five seconds, and who was there all along is heard meanwhile. A hundred; a thousand in
/// `make test-all`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_come_back_at_once_are_all_back_and_hold_nobody_up() {
    let many = if std::env::var_os("PASSERELLE_HEAVY").is_some() { 1_000 } else { 100 };
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    let (secret, mut identities) = (office.token(1_000).await, Vec::new());
    for n in 0..many {
        identities.push(office.enrol(&secret, &format!("pc{n}")).await.unwrap());
    }
    office.reload().await;
    let mut honest = office.connect(&identity).await;
    say(&mut honest, &facts(&[])).await;
    office.until(Kind::Free).await;

    let began = Instant::now();
    let all = futures_util::future::join_all(identities.iter().map(|identity| async {
        // As agents do: who finds no room comes again.
        let mut link = loop {
            match office.dial(Some(identity)).await {
                Ok(link) => break link,
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        };
        say(&mut link, &FromAgent::Hello { version: 1, program: "0.1.0".into() }).await;
        assert!(matches!(hear(&mut link).await, Some(ToAgent::Welcome { .. })));
        say(&mut link, &facts(&[])).await;
        link
    }));
    let heard = async {
        tokio::task::yield_now().await;
        let asked = Instant::now();
        say(&mut honest, &facts(&[somebody()])).await;
        office.until(Kind::InUseHere).await;
        asked.elapsed()
    };
    let (links, late) = tokio::join!(all, heard);
    let took = began.elapsed();
    eprintln!("{many} agents back after {took:?}; another's news was {late:?} late");
    assert_eq!(office.fleet.agents().iter().filter(|a| a.connected).count(), many + 1);
    assert!(took < Duration::from_secs(5) && late < Duration::from_secs(5), "{took:?} {late:?}");
    drop(links);
    let mut version = office.fleet.version();
    while office.fleet.agents().iter().filter(|a| a.connected).count() > 1 {
        version.changed().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_sits_there_is_asked_and_may_say_yes() {
    use crate::desktop::Desk;
    use crate::desktop::ask::{NotAsked, Says};
    let office = office().await;
    let identity = office.enrol(&office.token(1).await, "pc").await.unwrap();
    office.reload().await;
    let net = crate::reconcile::tests::FakeNet::listen(&office.dir.path().join("net.sock"));
    let site = office.store.site().await.unwrap().unwrap();
    let started = crate::reconcile::start(
        office.store.clone(),
        site,
        crate::reconcile::tests::interface(),
        office.dir.path().join("net.sock"),
    )
    .unwrap();
    let waker = crate::wake::Waker::new(office.store.clone(), office.fleet.clone());
    let desk = Desk::new(office.store.clone(), office.fleet.clone(), waker, started.reconciler);
    let (anne, laptop) = crate::store::tests::person(&office.store, "anne", crate::store::users::Role::User, "x").await;
    let device = office.store.device(laptop).await.unwrap();
    let resources = office.store.resources().await.unwrap();
    let pc = resources.iter().find(|r| r.id == office.pc).unwrap();
    let now = crate::clock::Boot::now;
    let asks = async || desk.ask_people(&device, "Anne", "fr", pc).await;
    assert_eq!(asks().await, Err(NotAsked::Nobody), "its agent is away");
    let mut link = office.connect(&identity).await;
    say(&mut link, &facts(&[])).await;
    office.until(Kind::Free).await;
    assert_eq!(asks().await, Err(NotAsked::Nobody), "nobody is at it");
    say(&mut link, &facts(&[somebody()])).await;
    office.until(Kind::InUseHere).await;
    let answers = async {
        let Some(ToAgent::Act { id, action: Action::Ask { text, within_s } }) = hear(&mut link).await else {
            panic!("a question")
        };
        assert!(text.contains("Anne") && text.contains(&pc.name) && text.contains("Sans réponse"), "{text}");
        assert!(within_s <= 25, "a request waits for it");
        say(&mut link, &FromAgent::Done { id, outcome: Outcome::Answered { yes: true } }).await;
    };
    let (said, ()) = tokio::join!(asks(), answers);
    assert_eq!(said, Ok(Says::Yes));
    assert!(desk.is_admitted(pc.id, anne, now()), "they may come");
    assert!(!desk.is_admitted(pc.id, crate::ids::UserId::new(), now()), "nobody else may");
    assert!(!desk.is_admitted(pc.id, anne, now() + Duration::from_secs(181)), "not for ever");
    assert!(matches!(asks().await, Err(NotAsked::TooSoon(_))), "nobody is asked without end");
    drop(net);
}
