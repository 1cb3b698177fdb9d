//! The reconciler against a `net` that speaks the real messages over a real socket.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::audit::Actor;
use crate::clock::Boot;
use crate::ids::DeviceId;
use crate::link::frame::{self, Reader};
use crate::link::message::{Command, PeerReport, Report, Secret, VERSION};
use crate::pure::state::State;
use crate::store::users::Role;
use crate::store::verifications::EndReason;
use crate::store::{Moment, tests as fixtures};

/// How the fake answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Carries out and says so.
    Willing,
    /// Closes, but its second lock fails.
    Broken,
    /// Says nothing.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) mood: Mood,
    pub(crate) snapshots: usize,
    pub(crate) alive: usize,
    pub(crate) largest: usize,
    empty: bool,
    pub(crate) connections: usize,
    stream: Option<UnixStream>,
}

/// A `net` without tunnels.
#[derive(Clone, Debug)]
pub(crate) struct FakeNet(pub(crate) Arc<Mutex<Seen>>);

impl FakeNet {
    pub(crate) fn listen(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (state, mood) = (State::default(), Mood::Willing);
        let seen = Seen { state, mood, snapshots: 0, alive: 0, largest: 0, empty: true, connections: 0, stream: None };
        let fake = Self(Arc::new(Mutex::new(seen)));
        let all = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                all.attend(&stream);
            }
        });
        fake
    }

    fn attend(&self, stream: &UnixStream) {
        let mut reader = Reader::new(stream.try_clone().unwrap());
        {
            let mut seen = self.0.lock().unwrap();
            seen.stream = Some(stream.try_clone().unwrap());
            seen.connections += 1;
        }
        let say = |report: &Report| frame::write(stream, report, &[]).is_ok();
        let empty = self.0.lock().unwrap().empty;
        say(&Report::Hello { version: VERSION, empty });
        let mut coming: Option<State> = None;
        while let Ok(Some(command)) = reader.read::<Command>() {
            let mut seen = self.0.lock().unwrap();
            let now = Boot::now();
            let size = serde_json::to_vec(&command).unwrap().len();
            seen.largest = seen.largest.max(size);
            let done = match command {
                Command::Hello { version } => {
                    assert_eq!(version, VERSION);
                    None
                }
                Command::Alive => {
                    seen.alive += 1;
                    None
                }
                Command::Splice { .. } | Command::EndDesktop { .. } => None,
                Command::SnapshotBegin { epoch, interface } => {
                    coming = Some(State { epoch, interface: Some(*interface), ..State::default() });
                    None
                }
                Command::Changes { epoch, changes } => {
                    let state = coming.as_mut().unwrap_or(&mut seen.state);
                    state.epoch = epoch;
                    for change in changes {
                        state.apply(change, now);
                    }
                    coming.is_none().then_some(epoch)
                }
                Command::SnapshotEnd { epoch } => {
                    seen.state = coming.take().unwrap();
                    assert_eq!(seen.state.epoch, epoch);
                    seen.snapshots += 1;
                    seen.empty = false;
                    Some(epoch)
                }
            };
            let Some(epoch) = done else { continue };
            if seen.mood != Mood::Silent {
                say(&Report::Closed { epoch });
            }
            match seen.mood {
                Mood::Willing => say(&Report::Complete { epoch }),
                Mood::Broken => say(&Report::Failed { epoch, reason: "nft is missing: apt install nftables".into() }),
                Mood::Silent => true,
            };
        }
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    pub(crate) fn say(&self, report: &Report) {
        let stream = self.0.lock().unwrap().stream.as_ref().unwrap().try_clone().unwrap();
        frame::write(&stream, report, &[]).unwrap();
    }

    pub(crate) fn hand_over(&self, sockets: &[(SocketRole, std::os::fd::BorrowedFd<'_>)]) {
        let stream = self.0.lock().unwrap().stream.as_ref().unwrap().try_clone().unwrap();
        let roles = sockets.iter().map(|(role, _)| *role).collect();
        let descriptors: Vec<_> = sockets.iter().map(|(_, fd)| *fd).collect();
        frame::write(&stream, &Report::Sockets { roles }, &descriptors).unwrap();
    }

    pub(crate) fn hang_up(&self) {
        let _ = self.0.lock().unwrap().stream.as_ref().unwrap().shutdown(std::net::Shutdown::Both);
    }

    /// Another process comes in its place, and was told nothing.
    pub(crate) fn restart(&self) {
        let mut seen = self.0.lock().unwrap();
        (seen.state, seen.empty) = (State::default(), true);
        drop(seen);
        self.hang_up();
    }

    pub(crate) async fn until(&self, what: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !what(&self.0.lock().unwrap()) {
            assert!(Instant::now() < deadline, "waited in vain: {:?}", self.0.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn open(&self, device: DeviceId) -> Option<bool> {
        self.0.lock().unwrap().state.peers.get(&device).map(|p| p.open_until.is_some())
    }
}

pub(crate) fn interface() -> Interface {
    Interface {
        name: "pass0".into(),
        private_key: Secret([1; 32]),
        ports: vec![51820],
        address4: "10.91.0.1/16".parse().unwrap(),
        address6: "fd6b:10f3:77aa::1/48".parse().unwrap(),
        mtu: 1420,
        masquerade: true,
        resolvers: Vec::new(),
        private_zones: Vec::new(),
    }
}

async fn started() -> (TempDir, Arc<Store>, FakeNet, Started) {
    let (dir, store) = fixtures::fixture().await;
    let socket = dir.path().join("net.sock");
    let fake = FakeNet::listen(&socket);
    let site = store.site().await.unwrap().unwrap();
    let started = start(store.clone(), site, interface(), socket).unwrap();
    fake.until(|s| s.snapshots == 1).await;
    (dir, store, fake, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_opened_is_there_and_what_is_revoked_is_gone() {
    let (_dir, store, fake, Started { reconciler, .. }) = started().await;
    let (user, device) = fixtures::person(&store, "anne", Role::User, "x").await;
    let (_, resource) = fixtures::entitle(&store, user).await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.open_door(user, device).await.unwrap();
    let epoch = write.commit().await.unwrap();
    reconciler.carry_out(epoch, Wait::Complete).await.unwrap();
    assert_eq!(fake.open(device), Some(true));
    assert!(fake.0.lock().unwrap().state.peers[&device].grants.contains_key(&resource));
    assert_eq!(reconciler.health().carried_out, epoch.unwrap());

    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.end_of_device(device, EndReason::Locked).await.unwrap();
    let epoch = write.commit().await.unwrap();
    reconciler.carry_out(epoch, Wait::Closed).await.unwrap();
    assert_eq!(fake.open(device), Some(false));

    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.revoke_device(device).await.unwrap();
    let epoch = write.commit().await.unwrap();
    reconciler.carry_out(epoch, Wait::Closed).await.unwrap();
    assert_eq!(fake.open(device), None);
    fake.until(|s| s.alive >= 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_net_everything_is_sent_again() {
    let (_dir, store, fake, Started { reconciler, .. }) = started().await;
    let (_, device) = fixtures::person(&store, "anne", Role::User, "x").await;
    fake.until(|s| s.state.peers.contains_key(&device)).await;
    let heard = PeerReport {
        device,
        endpoint: Some("198.51.100.7:4000".parse().unwrap()),
        handshake_ms: Some(1000),
        heard_ms: Some(10),
        busy_ms: None,
        rx: 5,
        tx: 6,
    };
    fake.say(&Report::Peers { peers: vec![heard] });
    while reconciler.live().of(device).rx != 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fake.hang_up();
    fake.until(|s| s.snapshots == 2).await;
    let seen = fake.0.lock().unwrap();
    let peer = &seen.state.peers[&device].peer;
    assert!(peer.recent);
    assert_eq!(peer.endpoint, heard.endpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconfirmed_change_is_stored_and_says_so() {
    let (_dir, store, fake, Started { reconciler, .. }) = started().await;
    let (user, device) = fixtures::person(&store, "anne", Role::User, "x").await;
    fake.mood(Mood::Broken);
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.open_door(user, device).await.unwrap();
    let epoch = write.commit().await.unwrap();
    match reconciler.carry_out(epoch, Wait::Complete).await {
        Err(Unconfirmed::Failed(reason)) => assert!(reason.contains("apt install")),
        other => panic!("{other:?}"),
    }
    assert!(reconciler.health().problem.is_some());
    reconciler.carry_out(epoch, Wait::Closed).await.unwrap();

    fake.mood(Mood::Silent);
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    write.revoke_device(device).await.unwrap();
    let epoch = write.commit().await.unwrap();
    let from = Instant::now();
    assert_eq!(reconciler.carry_out(epoch, Wait::Closed).await, Err(Unconfirmed::Late));
    assert!(from.elapsed() >= PATIENCE && from.elapsed() < PATIENCE * 2);
    assert!(store.device(device).await.unwrap().revoked_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_snapshots_travel_in_parts_and_revocation_is_fast() {
    let (_dir, store, fake, Started { reconciler, .. }) = started().await;
    let (user, _) = fixtures::person(&store, "anne", Role::User, "x").await;
    fixtures::entitle(&store, user).await;
    let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
    let mut devices = Vec::new();
    for n in 0..1500 {
        devices.push(write.add_device(user, &format!("d{n}"), &fixtures::key()).await.unwrap());
    }
    let epoch = write.commit().await.unwrap();
    reconciler.carry_out(epoch, Wait::Complete).await.unwrap();
    {
        let seen = fake.0.lock().unwrap();
        assert_eq!(seen.state.peers.len(), 1501);
        assert_eq!(seen.snapshots, 2, "too large for one message of changes");
        assert!(seen.largest < 256 * 1024, "{}", seen.largest);
    }
    let mut times = Vec::new();
    for device in devices.iter().take(50) {
        let from = Instant::now();
        let mut write = store.write(Moment::now(), Actor::System).await.unwrap();
        write.revoke_device(*device).await.unwrap();
        let epoch = write.commit().await.unwrap();
        reconciler.carry_out(epoch, Wait::Closed).await.unwrap();
        times.push(from.elapsed());
        assert_eq!(fake.open(*device), None);
    }
    times.sort();
    eprintln!("revocation with 1500 devices of one user: median {:?}, worst {:?}", times[25], times[49]);
}
