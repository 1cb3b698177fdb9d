//! The API's one error. What people and programs see is a [`Problem`]; the cause is logged with the request's number and
//! never sent.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use uuid::Uuid;

use super::problem::{Problem, Slug};
use crate::identity::Refused;
use crate::identity::passwords::Weak;
use crate::pure::shown::shown;
use crate::reconcile::Unconfirmed;
use crate::store;

/// Why a request is not fulfilled.
#[derive(Debug)]
pub enum ApiError {
    /// The request is not what the API document says; the text names what.
    Invalid(String),
    /// Nobody is signed in, or what was given does not fit.
    Unauthenticated(Slug),
    /// The caller may not do this, or not so.
    Forbidden(Slug, &'static str),
    /// No such thing, or none the caller may see.
    NotFound,
    /// None of this kind has this name; only for callers who see all of that kind.
    Unknown(&'static str, String),
    /// The state of things does not allow it.
    Conflict(Slug, String),
    /// Come back later.
    Wait(Duration),
    /// Not now, through no fault of the caller's.
    Unavailable(&'static str),
    /// The database stores nothing.
    CannotStore(&'static str),
    /// No code can be checked by this clock.
    Clock,
    /// Stored, but not confirmed by the data plane.
    Unconfirmed(Unconfirmed),
    /// Our fault.
    Internal(anyhow::Error),
}

/// The media type of a [`Problem`] (RFC 9457).
pub const PROBLEM: &str = "application/problem+json";

/// Short for what handlers answer.
pub type Answer<T> = Result<T, ApiError>;

/// Says which name is nobody's, to callers who see all of that kind.
pub trait Named<T> {
    /// What was found under this name.
    ///
    /// # Errors
    /// What there is none of, and under which name.
    fn named(self, name: &str) -> Answer<T>;
}

impl<T> Named<T> for store::Result<T> {
    fn named(self, name: &str) -> Answer<T> {
        self.map_err(|e| match e {
            store::Error::NotFound(kind) => ApiError::unknown(kind, name),
            other => other.into(),
        })
    }
}

impl From<store::Error> for ApiError {
    fn from(e: store::Error) -> Self {
        match e {
            store::Error::NotFound(_) => Self::NotFound,
            store::Error::Exists(_) => Self::Conflict(Slug::AlreadyExists, e.to_string()),
            store::Error::SignedOut => Self::Unauthenticated(Slug::NotSignedIn),
            store::Error::Enough(why) => Self::Conflict(Slug::TooMany, why),
            store::Error::Revoked => Self::Conflict(Slug::Revoked, e.to_string()),
            store::Error::Wider => Self::Invalid(e.to_string()),
            store::Error::LastAdministrator(_) => Self::Conflict(Slug::LastAdministrator, e.to_string()),
            store::Error::LastFactor => Self::Conflict(Slug::LastFactor, e.to_string()),
            store::Error::NoAddress => Self::Conflict(Slug::NoAddress, e.to_string()),
            store::Error::Database(sqlx::Error::PoolTimedOut) => Self::Unavailable("the database does not answer"),
            store::Error::Database(sqlx::Error::PoolClosed) => Self::Unavailable("the gateway is shutting down"),
            e if e.is_full() => Self::CannotStore("the gateway's disk is full: free some space on it"),
            e if e.is_of_storage() => {
                tracing::error!(error = format!("{:#}", anyhow::Error::from(e)), "the database fails");
                Self::CannotStore("the gateway's database cannot be reached or written to: see its log")
            }
            other => Self::Internal(other.into()),
        }
    }
}

impl From<Weak> for Slug {
    fn from(weak: Weak) -> Self {
        match weak {
            Weak::TooShort => Self::PasswordTooShort,
            Weak::TooLong => Self::PasswordTooLong,
            Weak::Guessable => Self::PasswordGuessable,
            Weak::Common => Self::PasswordCommon,
        }
    }
}

impl From<Refused> for ApiError {
    fn from(e: Refused) -> Self {
        match e {
            Refused::Wrong => Self::Unauthenticated(Slug::WrongCredentials),
            Refused::Wait(time) => Self::Wait(time),
            Refused::Busy => Self::Unavailable("too many sign-ins at once"),
            Refused::Suspended => Self::Forbidden(
                Slug::FactorSuspended,
                "too many wrong codes in a row: use a recovery code, or ask for a new invitation",
            ),
            Refused::Restored => Self::Forbidden(
                Slug::Restored,
                "the gateway was restored from a copy: IT has to confirm who may get in",
            ),
            Refused::Clock => Self::Clock,
            Refused::OtherTime => Self::Unauthenticated(Slug::OtherTime),
            Refused::Void => Self::Conflict(Slug::InvitationVoid, "ask for a new invitation".into()),
            Refused::Passkey => Self::Unauthenticated(Slug::PasskeyRefused),
            Refused::OtherDevice => Self::Forbidden(
                Slug::OtherDevice,
                "this device belongs to somebody else: nobody but its owner opens it",
            ),
            Refused::Outside => Self::Forbidden(
                Slug::NotAllowed,
                "IT has switched off that you use the office's PCs without the tunnel: connect WireGuard first",
            ),
            Refused::Late => Self::Conflict(Slug::PasskeyLate, "begin again".into()),
            Refused::Anew => Self::Conflict(
                Slug::Outdated,
                "a password was chosen anew for this invitation: choose yours again, and tell IT if it was nobody you know"
                    .into(),
            ),
            Refused::Weak(weak) => {
                let text = weak.to_string();
                Self::Conflict(weak.into(), text)
            }
            Refused::Store(e) => e.into(),
            Refused::Machine(what) => Self::Internal(anyhow::anyhow!(what)),
        }
    }
}

impl From<getrandom::Error> for ApiError {
    fn from(e: getrandom::Error) -> Self {
        Self::Internal(e.into())
    }
}

impl From<Unconfirmed> for ApiError {
    fn from(e: Unconfirmed) -> Self {
        Self::Unconfirmed(e)
    }
}

impl ApiError {
    /// None of this kind has this name.
    pub(super) fn unknown(kind: &'static str, name: &str) -> Self {
        Self::Unknown(kind, shown(name))
    }

    /// What is wrong, for people.
    #[must_use]
    pub fn sentence(self) -> String {
        let problem = self.problem();
        problem.detail.unwrap_or(problem.title)
    }

    fn problem(self) -> Problem {
        let (slug, detail) = match self {
            Self::Invalid(detail) => (Slug::InvalidRequest, Some(detail)),
            Self::Unauthenticated(slug) => (slug, None),
            Self::Forbidden(slug, detail) => (slug, Some(detail.to_owned())),
            Self::NotFound => (Slug::NotFound, None),
            Self::Unknown(kind, name) => {
                let mut problem = Problem::new(Slug::NotFound, Some(format!("no {kind} `{name}`")));
                problem.missing = Some(kind.to_owned());
                return problem;
            }
            Self::Conflict(slug, detail) => (slug, Some(detail)),
            Self::Unconfirmed(e) => (Slug::NotConfirmed, Some(e.to_string())),
            Self::Unavailable(detail) => {
                tracing::warn!(detail, "request not fulfilled");
                (Slug::Unavailable, Some(detail.to_owned()))
            }
            Self::Clock => {
                let cure = "set the gateway's clock right, then run `passerelle user confirm`";
                tracing::warn!(
                    cure,
                    "sign-in refused: the clock stands before the last time that was noted, or far ahead"
                );
                (Slug::WrongClock, Some(cure.to_owned()))
            }
            Self::CannotStore(detail) => (Slug::CannotStore, Some(detail.to_owned())),
            Self::Wait(time) => {
                let seconds = time.as_millis().div_ceil(1000).max(1);
                let mut problem = Problem::new(Slug::TooManyAttempts, None);
                problem.retry_after = u64::try_from(seconds).ok();
                return problem;
            }
            Self::Internal(cause) => {
                let request = Uuid::now_v7().to_string();
                tracing::error!(%request, cause = format!("{cause:#}"), "request failed");
                let mut problem = Problem::new(Slug::Internal, None);
                problem.request = Some(request);
                return problem;
            }
        };
        Problem::new(slug, detail)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wait = problem.retry_after;
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }
}

/// In the API document: every answer that is not a success.
pub struct Problems;

impl utoipa::IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let problem = || {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().content("application/problem+json", content);
            RefOr::T(response.description("what went wrong").build())
        };
        [("4XX".to_owned(), problem()), ("5XX".to_owned(), problem())].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nobodys_is_repeated_without_what_moves_the_cursor() {
        let found: Answer<()> = Err(store::Error::NotFound("user")).named("zo\u{1b}[2Je");
        let problem = found.unwrap_err().problem();
        assert_eq!(problem.detail.as_deref(), Some("no user `zo[2Je`"));
        assert_eq!((problem.status, problem.missing.as_deref()), (404, Some("user")));
        assert_eq!(ApiError::from(store::Error::NotFound("user")).problem().detail, None, "nothing without a name");
    }

    #[test]
    fn what_passes_by_itself_is_503_and_a_full_network_says_so() {
        for (error, slug, status) in [
            (ApiError::from(Refused::Busy), Slug::Unavailable, 503),
            (store::Error::Database(sqlx::Error::PoolTimedOut).into(), Slug::Unavailable, 503),
            (store::Error::Database(sqlx::Error::WorkerCrashed).into(), Slug::CannotStore, 503),
            (store::Error::Database(sqlx::Error::RowNotFound).into(), Slug::Internal, 500),
            (store::Error::NoAddress.into(), Slug::NoAddress, 409),
        ] {
            let problem = error.problem();
            assert_eq!((problem.slug(), problem.status), (Some(slug), status));
        }
    }
}
