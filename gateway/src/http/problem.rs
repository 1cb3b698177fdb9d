//! What went wrong, for programs (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `type` begins with.
const PREFIX: &str = "urn:passerelle:";

/// The body of every answer that is not a success; `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:passerelle:` and a stable slug from [`Slug`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The slug's meaning in English.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is particular to this case, in English, with the cure where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With `not-found`, where the caller may know: which kind of thing there is none of, such as `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Seconds to wait before another attempt; also the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Found in the gateway's log beside the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// The stable slugs; portal and command line translate them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Slug {
    /// 400: the request is not what the API document says.
    InvalidRequest,
    /// 401: nobody is signed in.
    NotSignedIn,
    /// 401: user, password, code or device do not fit together.
    WrongCredentials,
    /// 401: the code is of another time, so the clock of the telephone is wrong; said while it is set up.
    OtherTime,
    /// 401: the passkey is not known here, revoked, or what it signed does not fit.
    PasskeyRefused,
    /// 403: the passkey is good, but the device at this door is somebody else's.
    OtherDevice,
    /// 403: the caller may not do this.
    NotAllowed,
    /// 403: the request was sent by a page of another origin.
    CrossOrigin,
    /// 403: too many wrong codes in a row; a recovery code or a new invitation is needed.
    FactorSuspended,
    /// 403: the gateway was restored from a copy; IT has to confirm who may get in.
    Restored,
    /// 404: there is no such thing, or none the caller may see.
    NotFound,
    /// 409: the name, key or pair is in use.
    AlreadyExists,
    /// 409: there are as many as there may be; one has to go first.
    TooMany,
    /// 409: every address of the site network is given.
    NoAddress,
    /// 409: the owner's second factor is not confirmed.
    FactorNotConfirmed,
    /// 409: the device is revoked; revocation is permanent.
    Revoked,
    /// 409: somebody else changed it meanwhile; look at it again.
    Outdated,
    /// 409: the agent of the PC is not connected, or does not answer.
    AgentAway,
    /// 409: the PC was asked, and did not do it: somebody is at it, say.
    AgentDeclined,
    /// 409: somebody else has booked it for this time.
    Booked,
    /// 409: the person has booked another PC for this time.
    BookedOwn,
    /// 409: nobody would be left who can administer.
    LastAdministrator,
    /// 409: a person would be left without a second factor.
    LastFactor,
    /// 409: another browser has claimed the set-up.
    Claimed,
    /// 410: the invitation is redeemed, revoked or too old.
    InvitationVoid,
    /// 410: a passkey was used too late, twice, or elsewhere than where that was begun.
    PasskeyLate,
    /// 421: this gateway does not answer to that host name.
    WrongHost,
    /// 422: too short.
    PasswordTooShort,
    /// 422: longer than 256 bytes.
    PasswordTooLong,
    /// 422: made of the login, the name or the organisation.
    PasswordGuessable,
    /// 422: among the most common.
    PasswordCommon,
    /// 429: wait `retry_after` seconds.
    TooManyAttempts,
    /// 503: stored, but the data plane has not confirmed.
    NotConfirmed,
    /// 503: too many sign-ins at once, the gateway is shutting down, or the database does not answer.
    Unavailable,
    /// 503: the gateway's disk is full, or its database is away. What is open goes on; cutting off works.
    CannotStore,
    /// 503: the gateway's clock cannot be right, so no code can be checked.
    WrongClock,
    /// 500: our fault; the log has the cause.
    Internal,
}

impl Slug {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::NotSignedIn | Self::WrongCredentials | Self::PasskeyRefused | Self::OtherTime => 401,
            Self::NotAllowed | Self::CrossOrigin | Self::FactorSuspended | Self::Restored | Self::OtherDevice => 403,
            Self::NotFound => 404,
            Self::AlreadyExists
            | Self::TooMany
            | Self::NoAddress
            | Self::FactorNotConfirmed
            | Self::Revoked
            | Self::Outdated
            | Self::AgentAway
            | Self::AgentDeclined
            | Self::Booked
            | Self::BookedOwn
            | Self::LastAdministrator
            | Self::LastFactor
            | Self::Claimed => 409,
            Self::InvitationVoid | Self::PasskeyLate => 410,
            Self::WrongHost => 421,
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordGuessable | Self::PasswordCommon => 422,
            Self::TooManyAttempts => 429,
            Self::Internal => 500,
            Self::NotConfirmed | Self::Unavailable | Self::CannotStore | Self::WrongClock => 503,
        }
    }

    /// What it means, in English.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the request is not what the API document says",
            Self::NotSignedIn => "sign in first",
            Self::WrongCredentials => "user, password or code is wrong",
            Self::OtherTime => "the code is of another time",
            Self::PasskeyRefused => "this passkey is not accepted",
            Self::OtherDevice => "the device belongs to somebody else",
            Self::PasskeyLate => "this use of a passkey came too late",
            Self::NotAllowed => "not allowed",
            Self::CrossOrigin => "the request was sent by a page of another origin",
            Self::FactorSuspended => "the second factor is suspended",
            Self::Restored => "the gateway was restored from a copy",
            Self::NotFound => "no such thing",
            Self::AlreadyExists => "already in use",
            Self::TooMany => "there are as many as there may be",
            Self::NoAddress => "the site network has no address left",
            Self::FactorNotConfirmed => "the owner's second factor is not confirmed yet",
            Self::Revoked => "the device is revoked",
            Self::Outdated => "it was changed meanwhile",
            Self::AgentAway => "the agent of this PC is not there, or does not answer",
            Self::AgentDeclined => "the PC did not do it",
            Self::Booked => "it is booked at this time",
            Self::BookedOwn => "you have booked another PC at this time",
            Self::LastAdministrator => "this is the last administrator",
            Self::LastFactor => "this is the only second factor",
            Self::Claimed => "another browser has claimed the set-up",
            Self::InvitationVoid => "the invitation is redeemed, revoked or too old",
            Self::WrongHost => "this gateway does not answer to that host name",
            Self::PasswordTooShort => "the password is too short",
            Self::PasswordTooLong => "the password is too long",
            Self::PasswordGuessable => "the password holds a name that is easily guessed",
            Self::PasswordCommon => "the password is among the most common",
            Self::TooManyAttempts => "too many attempts",
            Self::NotConfirmed => "stored, but not confirmed by the data plane",
            Self::Unavailable => "not available now",
            Self::WrongClock => "the gateway's clock is wrong",
            Self::CannotStore => "the gateway cannot store anything now",
            Self::Internal => "something went wrong in the gateway",
        }
    }
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(slug: Slug, detail: Option<String>) -> Self {
        let word = serde_json::to_value(slug).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        Self {
            kind: format!("{PREFIX}{word}"),
            title: slug.title().to_owned(),
            status: slug.status(),
            detail,
            missing: None,
            retry_after: None,
            request: None,
        }
    }

    /// The slug in `type`, if this version knows it.
    #[must_use]
    pub fn slug(&self) -> Option<Slug> {
        serde_json::from_value(self.kind.strip_prefix(PREFIX)?.into()).ok()
    }
}
