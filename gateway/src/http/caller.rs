//! By which door a request came, and who may call: one extractor per kind of caller, so that a handler's signature is its
//! authorisation.
//!
//! The door is put on a request by the listener it came through. No header and no address decides it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use super::Api;
use super::door::DoorName;
use super::error::{Answer, ApiError};
use super::problem::Slug;
use crate::audit::Actor;
use crate::identity::Refused;
use crate::identity::api_token::ApiToken;
use crate::identity::web_token::WebToken;
use crate::ids::{DeviceId, UserId};
use crate::planted::{Bug, planted};
use crate::pure::cut::shut_out;
use crate::store::Moment;
use crate::store::devices::Device;
use crate::store::users::Role;
use crate::store::web_sessions::WebSession;

/// Marks what a page asks while nobody touches it. It can only take away: the session ends for want of use.
const UNATTENDED: &str = "passerelle-unattended";

/// How long the database may take to say whose device it is.
const LOOK: Duration = Duration::from_secs(2);

/// The listening socket a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Inside the tunnel; the data plane vouches for the peer's address.
    Tunnel(IpAddr),
    /// The office LAN.
    Office(IpAddr),
    /// Wherever the router forwards strangers from.
    Internet(IpAddr),
    /// The command line's socket; the kernel vouches for root.
    Local,
}

impl Door {
    /// Its name.
    #[must_use]
    pub fn name(self) -> DoorName {
        match self {
            Self::Tunnel(_) => DoorName::Tunnel,
            Self::Office(_) => DoorName::Office,
            Self::Internet(_) => DoorName::Internet,
            Self::Local => DoorName::Local,
        }
    }

    /// Where tries are counted as coming from.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Tunnel(a) | Self::Office(a) | Self::Internet(a) => Some(a),
            Self::Local => None,
        }
    }
}

/// Anybody, by any door of the house: no stranger from the internet.
#[derive(Clone, Debug)]
pub struct Public {
    /// By which.
    pub door: Door,
    /// The device at it, in the tunnel.
    pub device: Option<Device>,
    /// Who is signed in, if anybody.
    pub session: Option<WebSession>,
}

/// Whoever may hold an invitation: anybody by the office LAN, the command line, or the internet where IT opened it.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// By which.
    pub door: Door,
}

/// Whoever may hold an invitation that was redeemed just now: a visitor, or the new device itself in the tunnel.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// By which door.
    pub door: Door,
    /// The device at it, in the tunnel.
    pub device: Option<DeviceId>,
}

/// A known device in the tunnel, its door open or not.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// By which door.
    pub door: Door,
    /// Which device.
    pub device: Device,
}

/// Who may follow a door: a known device in the tunnel its own, and who is signed in by the office LAN.
#[derive(Clone, Debug)]
pub struct Follower {
    /// By which door.
    pub door: Door,
    /// Which device, in the tunnel.
    pub device: Option<DeviceId>,
    /// Whose device, or who is signed in.
    pub user: UserId,
    /// Hash of the browser's token, if somebody is signed in there.
    pub token_hash: Option<String>,
}

/// A device in the tunnel whose door is open.
#[derive(Clone, Debug)]
pub struct Verified {
    /// By which door.
    pub door: Door,
    /// Which device.
    pub device: Device,
}

/// Somebody signed in on this browser, by the door and device they signed in by.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// By which door.
    pub door: Door,
    /// Who.
    pub session: WebSession,
    /// Hash of their token.
    pub token_hash: String,
    /// The device, in the tunnel.
    pub device: Option<Device>,
}

/// Somebody signed in who is in: by the office LAN, or by a device of theirs whose door is open.
#[derive(Clone, Debug)]
pub struct Inside {
    /// By which door.
    pub door: Door,
    /// Who.
    pub session: WebSession,
    /// Hash of their token.
    pub token_hash: String,
    /// The device, in the tunnel.
    pub device: Option<Device>,
}

/// Somebody signed in on this browser, by a device of theirs in the tunnel whose door is open; or by the internet, where IT
/// has switched that on.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Who.
    pub session: WebSession,
    /// Hash of their token.
    pub token_hash: String,
    /// The device.
    pub device: Device,
}

/// IT in person: root on the command line, or an administrator signed in by the office LAN or by a verified device.
#[derive(Clone, Debug)]
pub struct Person {
    /// For the audit.
    pub actor: Actor,
    /// Who, and the hash of their token; nothing of root.
    pub signed_in: Option<(UserId, String)>,
}

/// IT in person, or a program of theirs: a token on the office LAN, within its scopes.
#[derive(Clone, Debug)]
pub struct Admin {
    /// For the audit.
    pub actor: Actor,
}

/// IT, who looks on: asked for again while it lasts, which keeps nobody signed in.
pub struct Watcher {
    /// Who.
    pub actor: Actor,
    parts: Parts,
}

/// Without what they showed: it is a secret.
impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl Admin {
    /// A program changes nothing about administrators: it would become one.
    ///
    /// # Errors
    /// It is a program, and this is one.
    pub fn may_change(&self, role: Role) -> Answer<()> {
        match (&self.actor, role) {
            (Actor::Token(_), Role::Admin) => {
                Err(ApiError::Forbidden(Slug::NotAllowed, "a token changes nothing about administrators"))
            }
            _ => Ok(()),
        }
    }
}

fn door(parts: &Parts) -> Answer<Door> {
    if planted(Bug::HeaderMakesADoor)
        && let Some(address) = parts.headers.get("x-forwarded-for").and_then(|a| a.to_str().ok()?.parse().ok())
    {
        return Ok(Door::Tunnel(address));
    }
    // A request without a door came by no listener of ours.
    parts.extensions.get::<Door>().copied().ok_or_else(|| ApiError::Internal(anyhow::anyhow!("request without a door")))
}

async fn device(door: Door, api: &Api) -> Answer<Option<Device>> {
    let Door::Tunnel(address) = door else { return Ok(None) };
    let cuts = api.store.waiting_cuts();
    let device = api.store.device_at(address.to_canonical()).await?;
    let device = device.filter(|d| !shut_out(&cuts, d.user, Some(d.id)) && !d.outside);
    // The data plane has no such peer, so a request of one is of the moment in which it was cut.
    let device = device.filter(Device::may_come_in).ok_or(ApiError::NotFound)?;
    api.expected.came(device.id);
    Ok(Some(device))
}

/// What a browser in the internet may ask for where IT has switched that on.
pub(super) const OUTSIDE: [&str; 20] = [
    "sign-in",
    "sign-in/passkey/begin",
    "sign-in/passkey/finish",
    "sign-out",
    "door",
    "door/events",
    "extend",
    "extend/passkey",
    "lock",
    "me/workstations",
    "me/workstations/{workstation}/wake",
    "me/workstations/{workstation}/wake/events",
    "me/workstations/{workstation}/ask",
    "me/workstations/{workstation}/desktop",
    "me/desktop",
    "me/desktops/{desktop}",
    "me/pools",
    "me/pools/{pool}/seat",
    "me/bookings",
    "me/bookings/{booking}",
];

/// What stands for the browser in the internet that somebody has signed in by; a session of any other door is none there.
async fn outside(parts: &Parts, api: &Api, used: bool) -> Answer<Option<(Device, WebSession, String)>> {
    let route = parts.extensions.get::<MatchedPath>().and_then(|path| path.as_str().strip_prefix("/api/v1/"));
    // The internet's router has no other; but whoever adds one there by mistake opens nothing.
    if !api.site().desktops_outside || !route.is_some_and(|route| OUTSIDE.contains(&route)) {
        return Err(ApiError::NotFound);
    }
    let Some((session, hash)) = found(parts, api, used).await? else { return Ok(None) };
    let Some(id) = session.device else { return Ok(None) };
    let cuts = api.store.waiting_cuts();
    let device = api.store.device(id).await?;
    let good = device.outside && device.may_come_in() && !shut_out(&cuts, device.user, Some(id));
    Ok(good.then_some((device, session, hash)))
}

/// `used`: this request counts as use of the session, unless it says of itself that nobody made it.
async fn session(
    parts: &Parts,
    api: &Api,
    device: Option<&Device>,
    used: bool,
) -> Answer<Option<(WebSession, String)>> {
    // A cookie that was carried to another device or door is nobody's.
    let carried = |s: &WebSession| s.device != device.map(|d| d.id) && !planted(Bug::CookieTravels);
    Ok(found(parts, api, used).await?.filter(|(s, _)| !carried(s)))
}

/// The session of the cookie, whosever it is.
async fn found(parts: &Parts, api: &Api, used: bool) -> Answer<Option<(WebSession, String)>> {
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let Some(token) = cookies.filter_map(WebToken::from_cookies).next() else { return Ok(None) };
    let hash = token.hash();
    let now = Moment::now().wall;
    let unattended = parts.method.is_safe() && parts.headers.contains_key(UNATTENDED);
    let session = if used && !unattended {
        api.store.web_session(&hash, now).await?
    } else {
        api.store.running_web_session(&hash, now).await?
    };
    Ok(session.map(|session| (session, hash)))
}

/// Who comes by a browser: the door, the device in the tunnel, the web session.
async fn browser(parts: &Parts, api: &Api, used: bool) -> Answer<(Door, Option<Device>, Option<(WebSession, String)>)> {
    let door = door(parts)?;
    match door {
        Door::Local => return Err(ApiError::NotFound),
        Door::Internet(_) => {
            let found = outside(parts, api, used).await?;
            let (device, session) = found.map(|(device, session, hash)| (device, (session, hash))).unzip();
            return Ok((door, device, session));
        }
        Door::Tunnel(_) | Door::Office(_) => {}
    }
    let device = device(door, api).await?;
    let session = session(parts, api, device.as_ref(), used).await?;
    Ok((door, device, session))
}

impl FromRequestParts<Arc<Api>> for Public {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let door = door(parts)?;
        if door == Door::Local {
            return Ok(Self { door, device: None, session: None });
        }
        let (door, device, session) = browser(parts, api, false).await?;
        Ok(Self { door, device, session: session.map(|(session, _)| session) })
    }
}

impl FromRequestParts<Arc<Api>> for Visitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Answer<Self> {
        match door(parts)? {
            Door::Tunnel(_) => Err(ApiError::NotFound),
            door => Ok(Self { door }),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Newcomer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let door = door(parts)?;
        Ok(Self { door, device: device(door, api).await?.map(|d| d.id) })
    }
}

impl FromRequestParts<Arc<Api>> for Tunnel {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let door = door(parts)?;
        if let Door::Internet(_) = door {
            let (device, ..) = outside(parts, api, true).await?.ok_or(ApiError::Unauthenticated(Slug::NotSignedIn))?;
            return Ok(Self { door, device });
        }
        let Door::Tunnel(address) = door else { return Err(ApiError::NotFound) };
        let looked = tokio::time::timeout(LOOK, device(door, api)).await;
        // Whoever wants to lock now is known from the last look; whoever wants more needs the database.
        let device = match looked.unwrap_or(Err(ApiError::Unavailable("the database does not answer"))) {
            Err(ApiError::Unavailable(_) | ApiError::CannotStore(_)) => {
                api.store.known_device_at(address.to_canonical())
            }
            looked => looked?,
        };
        Ok(Self { door, device: device.ok_or(ApiError::NotFound)? })
    }
}

impl FromRequestParts<Arc<Api>> for Follower {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let (door, device, session) = browser(parts, api, false).await?;
        let user = device.as_ref().map(|d| d.user).or(session.as_ref().map(|(s, _)| s.user));
        let user = user.ok_or(ApiError::Unauthenticated(Slug::NotSignedIn))?;
        Ok(Self { door, device: device.map(|d| d.id), user, token_hash: session.map(|(_, hash)| hash) })
    }
}

impl Follower {
    /// Asked again: the same device, if it is still good, and the session, if it still runs; no use of it is noted.
    ///
    /// # Errors
    /// The device is not good any more, or the database does not answer.
    pub async fn again(&self, api: &Api) -> Answer<(Option<Device>, Option<WebSession>)> {
        let device = match (self.door, self.device) {
            (Door::Internet(_), Some(id)) => Some(api.store.device(id).await?).filter(|d| {
                let cuts = api.store.waiting_cuts();
                api.site().desktops_outside && d.may_come_in() && !shut_out(&cuts, d.user, Some(id))
            }),
            _ => device(self.door, api).await?,
        };
        if device.as_ref().map(|d| d.id) != self.device {
            return Err(ApiError::NotFound);
        }
        let session = match &self.token_hash {
            Some(hash) => api.store.running_web_session(hash, Moment::now().wall).await?,
            None => None,
        };
        let session = session.filter(|s| s.device == self.device);
        if matches!(self.door, Door::Internet(_)) && session.is_none() {
            return Err(ApiError::NotFound);
        }
        Ok((device, session))
    }
}

impl FromRequestParts<Arc<Api>> for Verified {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let Tunnel { door, device } = Tunnel::from_request_parts(parts, api).await?;
        match api.store.open_for(device.id, Moment::now()).await? {
            Some(_) => Ok(Self { door, device }),
            None => Err(ApiError::Forbidden(Slug::NotAllowed, "the door of this device is locked: sign in")),
        }
    }
}

impl FromRequestParts<Arc<Api>> for SignedIn {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        Self::of(parts, api, true).await
    }
}

impl SignedIn {
    async fn of(parts: &Parts, api: &Api, used: bool) -> Answer<Self> {
        let (door, device, found) = browser(parts, api, used).await?;
        let (session, token_hash) = found.ok_or(ApiError::Unauthenticated(Slug::NotSignedIn))?;
        Ok(Self { door, session, token_hash, device })
    }
}

impl Admin {
    /// The same of a person by login.
    ///
    /// # Errors
    /// It is a program, and they are an administrator.
    pub async fn may_change_login(&self, api: &Api, login: &str) -> Answer<()> {
        match self.actor {
            Actor::Token(_) => self.may_change(api.store.user(login).await?.role),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Admin {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        Self::of(parts, api, true).await
    }
}

impl Admin {
    async fn of(parts: &Parts, api: &Api, used: bool) -> Answer<Self> {
        match (door(parts)?, parts.headers.get(header::AUTHORIZATION)) {
            (Door::Office(_), Some(value)) => {
                let actor = program(value, parts, api).await?;
                Ok(Self { actor })
            }
            _ => Person::of(parts, api, used).await.map(|Person { actor, .. }| Self { actor }),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Watcher {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        let Admin { actor } = Admin::of(parts, api, true).await?;
        Ok(Self { actor, parts: parts.clone() })
    }
}

impl Watcher {
    /// Asked again, as if they came now; no use of their session is noted.
    ///
    /// # Errors
    /// They may look no longer, or the database does not answer.
    pub async fn again(&self, api: &Api) -> Answer<()> {
        Admin::of(&self.parts, api, false).await.map(drop)
    }
}

/// The program whose token this is, if this request is within its scopes.
async fn program(value: &HeaderValue, parts: &Parts, api: &Api) -> Answer<Actor> {
    let wrong = || ApiError::Unauthenticated(Slug::NotSignedIn);
    let token = value.to_str().ok().and_then(ApiToken::from_header).ok_or_else(wrong)?;
    let token = api.store.token(&token.hash(), Moment::now().wall).await?.ok_or_else(wrong)?;
    if api.store.restored_at().await?.is_some() {
        return Err(Refused::Restored.into());
    }
    let route =
        parts.extensions.get::<MatchedPath>().and_then(|p| p.as_str().strip_prefix("/api/v1/")).unwrap_or_default();
    let noun = route.split('/').next().unwrap_or_default();
    if !token.scopes.allow(noun, !parts.method.is_safe()) {
        return Err(ApiError::Forbidden(Slug::NotAllowed, "this token's scopes do not include it"));
    }
    Ok(Actor::Token(token.name))
}

impl FromRequestParts<Arc<Api>> for Person {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        Self::of(parts, api, true).await
    }
}

impl Person {
    async fn of(parts: &Parts, api: &Api, used: bool) -> Answer<Self> {
        if door(parts)? == Door::Local {
            return Ok(Self { actor: Actor::Local, signed_in: None });
        }
        let signed_in = SignedIn::of(parts, api, used).await?;
        if signed_in.session.role != Role::Admin && !planted(Bug::EverybodyIsIt) {
            return Err(ApiError::NotFound);
        }
        let Inside { session, token_hash, .. } = Inside::of(signed_in, api).await?;
        Ok(Self { actor: Actor::User(session.login), signed_in: Some((session.user, token_hash)) })
    }
}

impl Inside {
    async fn of(SignedIn { door, session, token_hash, device }: SignedIn, api: &Api) -> Answer<Self> {
        if let Some(device) = &device
            && api.store.open_for(device.id, Moment::now()).await?.is_none()
        {
            return Err(ApiError::Forbidden(Slug::NotAllowed, "the door of this device is locked: sign in"));
        }
        Ok(Self { door, session, token_hash, device })
    }
}

impl FromRequestParts<Arc<Api>> for Viewer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        if !matches!(door(parts)?, Door::Tunnel(_) | Door::Internet(_)) {
            return Err(ApiError::NotFound);
        }
        let Inside { session, token_hash, device, .. } = Inside::from_request_parts(parts, api).await?;
        Ok(Self { session, token_hash, device: device.ok_or(ApiError::NotFound)? })
    }
}

impl FromRequestParts<Arc<Api>> for Inside {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Answer<Self> {
        Self::of(SignedIn::from_request_parts(parts, api).await?, api).await
    }
}
