//! logind, by the system's D-Bus: who is signed in, whether and when the PC sleeps, and holding it until that was told.
//! (org.freedesktop.login1(5).)
//!
//! Any program may send us a signal that looks like logind's: only those of the connection that has its name are heard.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;

use agent::bounded::AtMost;
use agent::facts::{SESSIONS, Session};
use agent::message::Leaving;
use anyhow::Context as _;
use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use super::{Root, sessions};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const USER: &str = "org.freedesktop.login1.User";
const DBUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Signals that wait to be looked at.
const QUEUE: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// The properties of one of logind's objects.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// A connection to logind.
pub(crate) struct Logind {
    bus: Connection,
    watch: Option<Watch>,
    /// While this is open, logind waits before it sleeps or stops.
    held: Option<OwnedFd>,
}

/// What is followed.
struct Watch {
    signals: MessageStream,
    /// That logind's name is another connection's now.
    owners: MessageStream,
}

/// What logind tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) sessions: Option<AtMost<Session, SESSIONS>>,
    pub(super) can_suspend: Option<bool>,
    pub(super) can_hibernate: Option<bool>,
    pub(super) sleeps_after_s: Option<u32>,
}

/// What logind says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Changed,
    /// It will sleep, or has slept.
    Sleeps(bool),
    /// It will stop, or not after all.
    Stops(Option<Leaving>),
    Other,
}

/// Somebody whose desktop is shown now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Where the desktop's sockets are.
    pub(crate) runtime: String,
}

impl Logind {
    pub(crate) async fn connect() -> anyhow::Result<Self> {
        Ok(Self { bus: Connection::system().await.context("the system's D-Bus")?, watch: None, held: None })
    }

    /// Follows its signals from now on.
    pub(super) async fn watched(mut self) -> anyhow::Result<Self> {
        let follow = async |rule| MessageStream::for_match_rule(rule, &self.bus, Some(QUEUE)).await;
        let moved = MatchRule::builder().msg_type(Type::Signal).sender(DBUS).interface(DBUS).member("NameOwnerChanged");
        let owners = follow(moved.arg(0, NAME).build()?).await?;
        // Starts it, where it was not needed yet.
        self.sessions().await?;
        let owner =
            self.bus.call_method(Some(DBUS), "/org/freedesktop/DBus", Some(DBUS), "GetNameOwner", &NAME).await?;
        let owner: String = owner.body().deserialize()?;
        let rule = MatchRule::builder().msg_type(Type::Signal).sender(owner.as_str()).path_namespace(PATH).build()?;
        let signals = follow(rule).await?;
        self.watch = Some(Watch { signals, owners });
        Ok(self)
    }

    /// The next signal; nothing once the connection or logind has ended. May be dropped and called again.
    pub(super) async fn signal(&mut self) -> Option<Signal> {
        let watch = self.watch.as_mut()?;
        loop {
            tokio::select! {
                message = watch.signals.next() => return Some(signal(&message?.ok()?)),
                message = watch.owners.next() => {
                    if message?.ok()?.header().sender().is_some_and(|sender| sender.as_str() == DBUS) {
                        return None;
                    }
                }
            }
        }
    }

    /// Makes it wait before it sleeps or stops.
    pub(super) async fn hold(&mut self) -> anyhow::Result<()> {
        let wish = ("sleep:shutdown", "passerelle-agent", "tells the gateway first", "delay");
        let held: zbus::OwnedFd = self.call("Inhibit", &wish).await?.body().deserialize()?;
        self.held = Some(held.into());
        Ok(())
    }

    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    pub(crate) async fn suspend(&self) -> anyhow::Result<()> {
        // No question to a person: nobody may be there to answer.
        self.call("Suspend", &false).await?;
        Ok(())
    }

    /// All that it knows of this PC.
    pub(super) async fn tell(&self, root: &Root, names: bool) -> anyhow::Result<Told> {
        let able = async |what| {
            let answer: String = self.call(what, &()).await.ok()?.body().deserialize().ok()?;
            Some(answer == "yes" || answer == "challenge")
        };
        let manager = self.properties(PATH, MANAGER).await?;
        let sleeps = text(&manager, "IdleAction").is_some_and(|action| action.contains("suspend") || action == "sleep");
        let after = number(&manager, "IdleActionUSec").and_then(|us| u32::try_from(us / 1_000_000).ok());
        let known = sessions::of_users(self.sessions().await?, root, names);
        Ok(Told {
            sessions: Some(AtMost::first(known)),
            can_suspend: able("CanSuspend").await,
            can_hibernate: able("CanHibernate").await,
            sleeps_after_s: after.filter(|_| sleeps),
        })
    }

    /// Who has a desktop before them: at the PC first, else from afar.
    pub(crate) async fn at_the_pc(&self) -> anyhow::Result<Option<Person>> {
        let all = self.sessions().await?;
        let Some(session) = sessions::shown(&all) else { return Ok(None) };
        let (uid, path) = pair(session, "User").context("a session of nobody")?;
        let user = self.properties(path.as_str(), USER).await?;
        let gid = number(&user, "GID").and_then(|gid| u32::try_from(gid).ok()).context("a user without a group")?;
        let runtime = text(&user, "RuntimePath").context("a user without sockets")?;
        // Our own binary is to be started as a person, never as the system.
        anyhow::ensure!(uid != 0 && gid != 0, "the desktop is root's");
        Ok(Some(Person { uid, gid, runtime }))
    }

    async fn sessions(&self) -> anyhow::Result<Vec<Properties>> {
        type Listed = (String, u32, String, String, OwnedObjectPath);
        let listed: Vec<Listed> = self.call("ListSessions", &()).await?.body().deserialize()?;
        let mut all = Vec::new();
        for (.., path) in listed.into_iter().take(SESSIONS) {
            match self.properties(path.as_str(), SESSION).await {
                Ok(properties) => all.push(properties),
                // It has ended since. Anything else would make somebody nobody.
                Err(e) if is_unknown(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }

    async fn properties(&self, path: &str, of: &str) -> anyhow::Result<Properties> {
        let answer = self.bus.call_method(Some(NAME), path, Some(PROPERTIES), "GetAll", &of).await?;
        Ok(answer.body().deserialize()?)
    }

    async fn call<B>(&self, method: &str, body: &B) -> anyhow::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        Ok(self.bus.call_method(Some(NAME), PATH, Some(MANAGER), method, body).await?)
    }
}

/// There is no such object (any more).
fn is_unknown(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<zbus::Error>() {
        Some(zbus::Error::MethodError(name, ..)) => {
            let name = name.as_str();
            name.ends_with(".UnknownObject") || name.ends_with(".UnknownMethod") || name.ends_with(".NoSuchSession")
        }
        _ => false,
    }
}

fn signal(message: &Message) -> Signal {
    let header = message.header();
    let body = message.body();
    match header.member().map(|name| name.as_str()) {
        Some("PrepareForSleep") => body.deserialize().map_or(Signal::Other, Signal::Sleeps),
        Some("PrepareForShutdown") => {
            body.deserialize().map_or(Signal::Other, |stops: bool| Signal::Stops(stops.then_some(Leaving::Shutdown)))
        }
        // Since systemd 255; it comes first.
        Some("PrepareForShutdownWithMetadata") => {
            body.deserialize::<(bool, Properties)>().map_or(Signal::Other, |(stops, more)| {
                let again = text(&more, "type").is_some_and(|how| how.contains("reboot") || how == "kexec");
                Signal::Stops(stops.then_some(if again { Leaving::Restart } else { Leaving::Shutdown }))
            })
        }
        Some("SessionNew" | "SessionRemoved" | "PropertiesChanged") => Signal::Changed,
        _ => Signal::Other,
    }
}

pub(super) fn text(of: &Properties, name: &str) -> Option<String> {
    of.get(name)?.downcast_ref::<String>().ok()
}

pub(super) fn yes(of: &Properties, name: &str) -> Option<bool> {
    of.get(name)?.downcast_ref::<bool>().ok()
}

pub(super) fn number(of: &Properties, name: &str) -> Option<u64> {
    let value = of.get(name)?;
    value.downcast_ref::<u64>().ok().or_else(|| value.downcast_ref::<u32>().ok().map(u64::from))
}

/// A number and an object.
fn pair(of: &Properties, name: &str) -> Option<(u32, String)> {
    let fields: zbus::Structure<'_> = of.get(name)?.downcast_ref().ok()?;
    match fields.fields() {
        [first, second] => {
            Some((first.downcast_ref().ok()?, second.downcast_ref::<zbus::ObjectPath<'_>>().ok()?.to_string()))
        }
        _ => None,
    }
}
