//! Sessions, sleep and messages to people, against python-dbusmock's logind on a D-Bus of our own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod office;

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use agent::facts::{Facts, SessionPlace, SessionState, Sleep};
use agent::message::{Action, FromAgent, Leaving, Outcome};
use futures_util::StreamExt as _;
use office::{Call, Gateway, SOON, act};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedVariant, Variant};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const MOCK: &str = "org.freedesktop.DBus.Mock";
const DESKTOP: &str = "org.freedesktop.Notifications";
const DESKTOP_PATH: &str = "/org/freedesktop/Notifications";
/// Whoever is at the PC: `nobody`, for dbus-daemon lets in users that exist only.
const UID: u32 = 65_534;

const PYTHON: &str = "/usr/bin/python3";

/// A system's bus, logind, and the bus of a desktop, which is the same.
struct Bus {
    folder: tempfile::TempDir,
    bus: Connection,
    running: Vec<Child>,
}

/// Nothing, with one line, where programs are missing and nobody insists.
async fn bus() -> Option<Bus> {
    let ready = Command::new(PYTHON).args(["-c", "import dbusmock"]).stderr(Stdio::null()).status().await;
    let daemon = Command::new("dbus-daemon").arg("--version").stdout(Stdio::null()).status().await;
    if !ready.is_ok_and(|s| s.success()) || !daemon.is_ok_and(|s| s.success()) {
        let required = std::env::var("PASSERELLE_E2E").as_deref() == Ok("required");
        assert!(!required, "dbus-daemon and python3-dbusmock are needed");
        eprintln!("skipped: dbus-daemon or python3-dbusmock is missing");
        return None;
    }
    Some(Bus::new().await)
}

impl Bus {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The person at the PC reaches the bus too.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let socket = folder.path().join("bus");
        let config = folder.path().join("bus.conf");
        let policy = r#"<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
            <allow receive_sender="*"/></policy>"#;
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen>{policy}</busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg("--nofork").arg("--print-address").arg(format!("--config-file={}", config.display()));
        let mut daemon = daemon.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut address = String::new();
        let mut lines = tokio::io::BufReader::new(daemon.stdout.as_mut().unwrap());
        let line = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut address);
        timeout(SOON, line).await.expect("dbus-daemon does not start").unwrap();
        let address = address_of(folder.path());
        let bus = zbus::connection::Builder::address(address.as_str()).build().await.unwrap();
        let mut this = Self { folder, bus, running: vec![daemon] };
        this.mock(NAME, &["--template", "logind"]).await;
        this
    }

    /// Starts a mock, and waits until it is there.
    async fn mock(&mut self, name: &str, arguments: &[&str]) {
        let rule = MatchRule::builder().interface("org.freedesktop.DBus").member("NameOwnerChanged").arg(0, name);
        let mut owners = MessageStream::for_match_rule(rule.build().unwrap(), &self.bus, None).await.unwrap();
        let mut mock = Command::new(PYTHON);
        mock.args(["-m", "dbusmock", "--system"]).args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        self.running.push(mock.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap());
        timeout(SOON, owners.next()).await.expect("dbusmock does not start").unwrap().unwrap();
    }

    fn address(&self) -> String {
        address_of(self.folder.path())
    }

    async fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> Message
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let name = if path == DESKTOP_PATH { DESKTOP } else { NAME };
        self.bus.call_method(Some(name), path, Some(interface), method, body).await.unwrap()
    }

    async fn emit(&self, path: &str, name: &str, signature: &str, arguments: Vec<Variant<'_>>) {
        let interface = if path == DESKTOP_PATH { DESKTOP } else { MANAGER };
        self.call(path, MOCK, "EmitSignal", &(interface, name, signature, arguments)).await;
    }

    async fn sign_in(&self, id: &str) -> String {
        let path = self.call(PATH, MOCK, "AddSession", &(id, "seat0", UID, "marta", true)).await;
        let path: String = path.body().deserialize().unwrap();
        let object = zbus::ObjectPath::try_from(path.as_str()).unwrap();
        self.emit(PATH, "SessionNew", "so", vec![Variant::from(id), Variant::from(object)]).await;
        path
    }

    async fn sign_out(&self, id: &str, path: &str) {
        self.call(PATH, MOCK, "RemoveObject", &path).await;
        let object = zbus::ObjectPath::try_from(path).unwrap();
        self.emit(PATH, "SessionRemoved", "so", vec![Variant::from(id), Variant::from(object)]).await;
    }

    async fn update(&self, path: &str, interface: &str, properties: HashMap<&str, Variant<'_>>) {
        self.call(path, MOCK, "UpdateProperties", &(interface, properties)).await;
    }

    /// How often a method was called, and with what.
    async fn calls(&self, path: &str, method: &str) -> Vec<(u64, Vec<OwnedVariant>)> {
        self.call(path, MOCK, "GetMethodCalls", &method).await.body().deserialize().unwrap()
    }

    async fn holders(&self) -> usize {
        type Holder = (String, String, String, String, u32, u32);
        let all: Vec<Holder> = self.call(PATH, MANAGER, "ListInhibitors", &()).await.body().deserialize().unwrap();
        assert!(all.iter().all(|h| h.0 == "sleep:shutdown" && h.1 == "passerelle-agent" && h.3 == "delay"), "{all:?}");
        all.len()
    }

    /// Waits until so many programs hold the PC.
    async fn held_by(&self, number: usize) {
        let wait = async { while self.holders().await != number {} };
        timeout(SOON, wait).await.expect("the PC is held by others");
    }
}

fn address_of(folder: &Path) -> String {
    format!("unix:path={}/bus", folder.display())
}

async fn facts(call: &mut Call, fits: impl Fn(&Facts) -> bool) -> Facts {
    let fitting = |m: &FromAgent| matches!(m, FromAgent::Facts(facts) if fits(facts));
    match call.hear_until(fitting).await {
        FromAgent::Facts(facts) => *facts,
        _ => unreachable!(),
    }
}

fn states(facts: &Facts) -> Vec<SessionState> {
    facts.sessions.iter().flatten().map(|s| s.state).collect()
}

async fn done(call: &mut Call, id: u64) -> Outcome {
    match call.hear_until(|m| matches!(m, FromAgent::Done { id: of, .. } if *of == id)).await {
        FromAgent::Done { outcome, .. } => outcome,
        _ => unreachable!(),
    }
}

#[tokio::test]
async fn who_is_there_is_told_as_it_changes() {
    let Some(bus) = bus().await else { return };
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let running = pc.run();
    let mut call = gateway.welcome(true).await;
    let nobody = facts(&mut call, |_| true).await;
    assert_eq!(nobody.sessions.as_ref().map(|s| s.len()), Some(0), "logind says that nobody is there");
    assert!(!nobody.power.sleeps.contains(&Sleep::Unknown));

    let path = bus.sign_in("c1").await;
    let one = facts(&mut call, |f| states(f) == [SessionState::Active]).await;
    let session = &one.sessions.unwrap()[0];
    assert_eq!((&*session.id, session.place, session.user.as_deref()), ("c1", SessionPlace::Console, Some("marta")));
    bus.call(&path, SESSION, "SetLockedHint", &true).await;
    facts(&mut call, |f| states(f) == [SessionState::Locked]).await;
    bus.update(&path, SESSION, HashMap::from([("LockedHint", false.into()), ("Active", false.into())])).await;
    facts(&mut call, |f| states(f) == [SessionState::Disconnected]).await;

    let greeter = bus.sign_in("c2").await;
    facts(&mut call, |f| states(f).len() == 2).await;
    bus.update(&greeter, SESSION, HashMap::from([("Class", "greeter".into())])).await;
    facts(&mut call, |f| states(f) == [SessionState::Disconnected]).await;
    bus.sign_out("c1", &path).await;
    facts(&mut call, |f| states(f).is_empty()).await;
    let peak = running.peak_kb();
    eprintln!("{peak} kB");
    assert!(peak < 15 * 1024, "{peak} kB");
    running.terminate();
    assert!(running.ends().await.success());
}

#[tokio::test]
async fn the_gateway_hears_of_sleep_before_it_comes() {
    let Some(bus) = bus().await else { return };
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let running = pc.run();
    let mut call = gateway.welcome(true).await;
    facts(&mut call, |_| true).await;
    bus.held_by(1).await;

    bus.emit(PATH, "PrepareForSleep", "b", vec![true.into()]).await;
    let leaving = call.hear_until(|m| matches!(m, FromAgent::Leaving { .. })).await;
    assert_eq!(leaving, FromAgent::Leaving { how: Leaving::Sleep });
    assert_eq!(bus.holders().await, 1, "it is held until the gateway has heard it");
    assert_eq!(call.hear_or_end().await, None);
    bus.held_by(0).await;
    bus.emit(PATH, "PrepareForSleep", "b", vec![false.into()]).await;
    let mut call = gateway.welcome(true).await;
    assert_eq!(call.hear().await, FromAgent::Back {});
    bus.held_by(1).await;

    bus.emit(PATH, "PrepareForShutdown", "b", vec![true.into()]).await;
    let leaving = call.hear_until(|m| matches!(m, FromAgent::Leaving { .. })).await;
    assert_eq!(leaving, FromAgent::Leaving { how: Leaving::Shutdown });
    call.end().await;
    bus.held_by(0).await;
    running.terminate();
    assert!(running.ends().await.success());
}

#[tokio::test]
async fn only_logind_says_that_it_sleeps() {
    let Some(bus) = bus().await else { return };
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let _running = pc.run();
    let mut call = gateway.welcome(true).await;
    facts(&mut call, |_| true).await;
    bus.held_by(1).await;
    let dbus = "org.freedesktop.DBus";
    let names = bus.bus.call_method(Some(dbus), "/org/freedesktop/DBus", Some(dbus), "ListNames", &()).await.unwrap();
    let names: Vec<String> = names.body().deserialize().unwrap();
    for name in names.iter().filter(|name| name.starts_with(':')) {
        bus.bus.emit_signal(Some(name.as_str()), PATH, MANAGER, "PrepareForSleep", &true).await.unwrap();
        let changed = (NAME, "", ":1.1");
        let from = "/org/freedesktop/DBus";
        bus.bus.emit_signal(Some(name.as_str()), from, dbus, "NameOwnerChanged", &changed).await.unwrap();
    }
    bus.sign_in("c1").await;
    let heard = call.hear_until(|m| !matches!(m, FromAgent::Alive {})).await;
    assert!(matches!(&heard, FromAgent::Facts(f) if states(f) == [SessionState::Active]), "{heard:?}");
}

#[tokio::test]
async fn logind_may_be_restarted() {
    let Some(mut bus) = bus().await else { return };
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let _running = pc.run();
    let mut call = gateway.welcome(true).await;
    facts(&mut call, |f| f.sessions.is_some()).await;
    bus.held_by(1).await;
    bus.running.pop().unwrap().kill().await.unwrap();
    facts(&mut call, |f| f.sessions.is_none()).await;
    bus.mock(NAME, &["--template", "logind"]).await;
    facts(&mut call, |f| f.sessions.is_some()).await;
    bus.held_by(1).await;
    bus.sign_in("c1").await;
    facts(&mut call, |f| states(f) == [SessionState::Active]).await;
}

#[tokio::test]
async fn sleeps_only_when_nobody_is_there() {
    let Some(bus) = bus().await else { return };
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let _running = pc.run();
    let mut call = gateway.welcome(true).await;
    let path = bus.sign_in("c1").await;
    call.say(&act(1, Action::Suspend { unless_used: true })).await;
    let outcome = done(&mut call, 1).await;
    assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("signed in")), "{outcome:?}");
    assert_eq!(bus.calls(PATH, "Suspend").await.len(), 0);
    call.say(&act(2, Action::Suspend { unless_used: false })).await;
    assert_eq!(done(&mut call, 2).await, Outcome::Done {});
    assert_eq!(bus.calls(PATH, "Suspend").await.len(), 1);
    bus.sign_out("c1", &path).await;
    call.say(&act(3, Action::Suspend { unless_used: true })).await;
    assert_eq!(done(&mut call, 3).await, Outcome::Done {});
    assert_eq!(bus.calls(PATH, "Suspend").await.len(), 2);
}

#[tokio::test]
async fn whoever_is_at_the_pc_is_asked() {
    let Some(mut bus) = bus().await else { return };
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("PASSERELLE_E2E").is_none(), "needs root to become somebody else");
        eprintln!("skipped: needs root to become somebody else");
        return;
    }
    bus.mock(DESKTOP, &["--template", "notification_daemon", "--parameters", r#"{"capabilities": "body actions"}"#])
        .await;
    let gateway = Gateway::new().await;
    let mut pc = gateway.enrolled().await;
    pc.bus = bus.address();
    let _running = pc.run();
    let mut call = gateway.welcome(true).await;
    let ask = |id| act(id, Action::Ask { text: "--help <b>Marta</b>?".into(), within_s: 60 });
    call.say(&ask(1)).await;
    assert_eq!(done(&mut call, 1).await, Outcome::Unanswered {}, "nobody is there");

    let session = bus.sign_in("c1").await;
    bus.update(&session, SESSION, HashMap::from([("Type", "x11".into())])).await;
    let user = format!("/org/freedesktop/login1/user/{UID}");
    let runtime = bus.folder.path().display().to_string();
    bus.update(&user, "org.freedesktop.login1.User", HashMap::from([("RuntimePath", runtime.into())])).await;
    for (id, key, yes) in [(2, "yes", true), (3, "no", false)] {
        call.say(&ask(id)).await;
        let shown = notification(&bus, usize::try_from(id - 1).unwrap()).await;
        let text: String = shown[4].downcast_ref().unwrap();
        assert_eq!(text, "--help &lt;b&gt;Marta&lt;/b&gt;?");
        let number = u32::try_from(id - 1).unwrap();
        // Another program's message is answered first.
        bus.emit(DESKTOP_PATH, "ActionInvoked", "us", vec![77_u32.into(), if yes { "no" } else { "yes" }.into()]).await;
        bus.emit(DESKTOP_PATH, "ActionInvoked", "us", vec![number.into(), key.into()]).await;
        assert_eq!(done(&mut call, id).await, Outcome::Answered { yes });
    }
    call.say(&ask(4)).await;
    notification(&bus, 3).await;
    bus.emit(DESKTOP_PATH, "NotificationClosed", "uu", vec![3_u32.into(), 2_u32.into()]).await;
    assert_eq!(done(&mut call, 4).await, Outcome::Unanswered {});
    call.say(&act(5, Action::Ask { text: "?".into(), within_s: 1 })).await;
    assert_eq!(done(&mut call, 5).await, Outcome::Unanswered {}, "time is up");
    call.say(&act(6, Action::Tell { text: "Marta needs this PC.".into() })).await;
    assert_eq!(done(&mut call, 6).await, Outcome::Done {});

    bus.call(&session, SESSION, "SetLockedHint", &true).await;
    call.say(&ask(7)).await;
    assert_eq!(done(&mut call, 7).await, Outcome::Unanswered {}, "nobody is before a locked screen");
}

/// Waits for so many notifications, and returns what the last was made of.
async fn notification(bus: &Bus, number: usize) -> Vec<OwnedVariant> {
    let wait = async {
        loop {
            let mut calls = bus.calls(DESKTOP_PATH, "Notify").await;
            if calls.len() == number {
                return calls.pop().unwrap().1;
            }
        }
    };
    timeout(SOON, wait).await.expect("nothing is shown")
}
