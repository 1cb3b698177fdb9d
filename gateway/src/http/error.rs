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
    /// The state of things does not allow it.
    Conflict(Slug, String),
    /// Come back later.
    Wait(Duration),
    /// Not now, through no fault of the caller's.
    Unavailable(&'static str),
    /// Stored, but not confirmed by the data plane.
    Unconfirmed(Unconfirmed),
    /// Our fault.
    Internal(anyhow::Error),
}

/// Short for what handlers answer.
pub type Answer<T> = Result<T, ApiError>;

impl From<store::Error> for ApiError {
    fn from(e: store::Error) -> Self {
        match e {
            store::Error::NotFound(_) => Self::NotFound,
            store::Error::Exists(_) => Self::Conflict(Slug::AlreadyExists, e.to_string()),
            store::Error::Revoked => Self::Conflict(Slug::Revoked, e.to_string()),
            store::Error::Wider => Self::Invalid(e.to_string()),
            store::Error::NoAddress => Self::Conflict(Slug::NoAddress, e.to_string()),
            store::Error::Database(sqlx::Error::PoolTimedOut) => Self::Unavailable("the database does not answer"),
            store::Error::Database(sqlx::Error::PoolClosed) => Self::Unavailable("the gateway is shutting down"),
            other => Self::Internal(other.into()),
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
            Refused::Void => Self::Conflict(Slug::InvitationVoid, "ask for a new invitation".into()),
            Refused::Weak(weak) => {
                let slug = match weak {
                    Weak::TooShort => Slug::PasswordTooShort,
                    Weak::TooLong => Slug::PasswordTooLong,
                    Weak::Guessable => Slug::PasswordGuessable,
                    Weak::Common => Slug::PasswordCommon,
                };
                Self::Conflict(slug, weak.to_string())
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
    fn problem(self) -> Problem {
        let (slug, detail) = match self {
            Self::Invalid(detail) => (Slug::InvalidRequest, Some(detail)),
            Self::Unauthenticated(slug) => (slug, None),
            Self::Forbidden(slug, detail) => (slug, Some(detail.to_owned())),
            Self::NotFound => (Slug::NotFound, None),
            Self::Conflict(slug, detail) => (slug, Some(detail)),
            Self::Unconfirmed(e) => (Slug::NotConfirmed, Some(e.to_string())),
            Self::Unavailable(detail) => {
                tracing::warn!(detail, "request not fulfilled");
                (Slug::Unavailable, Some(detail.to_owned()))
            }
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
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
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
    fn what_passes_by_itself_is_503_and_a_full_network_says_so() {
        for (error, slug, status) in [
            (ApiError::from(Refused::Busy), Slug::Unavailable, 503),
            (store::Error::Database(sqlx::Error::PoolTimedOut).into(), Slug::Unavailable, 503),
            (store::Error::Database(sqlx::Error::RowNotFound).into(), Slug::Internal, 500),
            (store::Error::NoAddress.into(), Slug::NoAddress, 409),
        ] {
            let problem = error.problem();
            assert_eq!((problem.slug(), problem.status), (Some(slug), status));
        }
    }
}
