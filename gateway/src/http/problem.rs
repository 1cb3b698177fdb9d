//! What went wrong, for programs (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// 403: the caller may not do this.
    NotAllowed,
    /// 403: the request was sent by a page of another origin.
    CrossOrigin,
    /// 404: there is no such thing, or none the caller may see.
    NotFound,
    /// 409: the name, key or pair is in use.
    AlreadyExists,
    /// 409: it is in use by something else.
    InUse,
    /// 409: the owner's second factor is not confirmed.
    FactorNotConfirmed,
    /// 409: the device is revoked; revocation is permanent.
    Revoked,
    /// 410: the invitation is redeemed, revoked or too old.
    InvitationVoid,
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
    /// 503: the gateway is shutting down or the database does not answer.
    Unavailable,
    /// 500: our fault; the log has the cause.
    Internal,
}
