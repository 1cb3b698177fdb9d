//! What holds for every request, whatever its route: host names, origins, media types, security headers, and that a change
//! is begun with its whole body, and once begun is carried to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::LengthLimitError;

use super::caller::Door;
use super::error::{Answer, ApiError, PROBLEM};
use super::problem::Slug;
use super::{Api, LARGEST_BODY};
use crate::planted::{Bug, planted};
use crate::pure::source::source;

/// Whoever waits longer waits in vain: a sign-in takes a second, a crowd's perhaps ten.
const ANSWER: Duration = Duration::from_secs(30);

/// A body is here within this, or nobody waits for the rest of it.
const BODY: Duration = Duration::from_secs(10);

/// Largest body of a stranger's: an invitation's token, a password and a device's key.
const LARGEST_OF_STRANGERS: usize = 16 << 10;

/// Changes under way at once from one address: each holds a body, and may wait for the one connection that writes.
const CHANGES: usize = 8;

/// For whatever is no page: it may load and run nothing. Pages bring their own policy.
const CSP: &str = "default-src 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The outermost layer.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let web = !matches!(request.extensions().get::<Door>(), Some(Door::Local));
    let refusal = if web { refusal(&api, &request) } else { None };
    let mut response = match refusal {
        Some(e) => e.into_response(),
        None if request.method().is_safe() => in_time(next.run(request)).await,
        None => change(&api, request, next).await,
    };
    // A path that is no text is refused by the router itself, in its own way.
    if response.status() == StatusCode::BAD_REQUEST
        && response.headers().get(header::CONTENT_TYPE).is_none_or(|t| t != PROBLEM)
    {
        response = ApiError::Invalid("the path is not what the API document says: UTF-8, percent-encoded".into())
            .into_response();
    }
    harden(response.headers_mut());
    response
}

/// Adds the headers that every answer has.
pub(crate) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A caller that hangs up does not stop a change between the database and the data plane; it goes on counting as theirs.
async fn change(api: &Api, request: Request, next: Next) -> Response {
    let from = match request.extensions().get::<Door>() {
        // Within the house a /64 is everybody's; a stranger has one for themselves.
        Some(Door::Internet(from)) => Some(source(*from)),
        Some(Door::Tunnel(from) | Door::Office(from)) => Some(*from),
        _ => None,
    };
    let place = from.map(|from| api.changing.take(from, |mine, _| mine < CHANGES));
    if let Some(None) = place {
        return ApiError::Wait(Duration::from_secs(1)).into_response();
    }
    let largest = match request.extensions().get::<Door>() {
        Some(Door::Internet(_)) => LARGEST_OF_STRANGERS,
        _ => LARGEST_BODY,
    };
    let request = match whole(request, largest).await {
        Ok(request) => request,
        Err(e) => return e.into_response(),
    };
    let carried_out = async move {
        let _held = place;
        in_time(next.run(request)).await
    };
    match tokio::spawn(carried_out).await {
        Ok(response) => response,
        Err(e) => ApiError::Internal(e.into()).into_response(),
    }
}

/// Nothing of it is missing any more when it is asked who sent it: whoever is shut out while they keep the last byte back
/// changes nothing by it.
async fn whole(request: Request, largest: usize) -> Answer<Request> {
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(BODY, axum::body::to_bytes(body, largest)).await;
    let body = read.map_err(|_| ApiError::Invalid("the body did not arrive in time".into()))?.map_err(|e| {
        let large = std::error::Error::source(&e).is_some_and(|cause| cause.is::<LengthLimitError>());
        let why = if large { format!("is larger than {} KiB", largest >> 10) } else { "did not arrive whole".into() };
        ApiError::Invalid(format!("the body {why}"))
    })?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// A database that stands still is said to be away.
async fn in_time(answer: impl Future<Output = Response>) -> Response {
    let late = |_| ApiError::Unavailable("the database does not answer").into_response();
    tokio::time::timeout(ANSWER, answer).await.unwrap_or_else(late)
}

fn refusal(api: &Api, request: &Request) -> Option<ApiError> {
    // A published address may be the gateway's own on the LAN. Whoever is in the tunnel comes by the tunnel all the same.
    if let Some(Door::Office(from) | Door::Internet(from)) = request.extensions().get::<Door>()
        && match *from {
            IpAddr::V4(a) => api.site().network.v4.contains(&a),
            IpAddr::V6(a) => api.site().network.v6.contains(&a),
        }
    {
        return Some(ApiError::NotFound);
    }
    foreign(request, |host| api.answers_to(host))
}

/// Why a request is none of a page of ours: another host name, another origin, another type.
pub(crate) fn foreign(request: &Request, answers_to: impl Fn(&str) -> bool) -> Option<ApiError> {
    let host = host(request.uri(), request.headers());
    let Some(host) = host.filter(|h| answers_to(name_of(h))) else {
        return Some(ApiError::Forbidden(Slug::WrongHost, "open the gateway by its public name"));
    };
    let cross = ApiError::Forbidden(Slug::CrossOrigin, "only the gateway's own pages may send this");
    let headers = request.headers();
    let own = format!("https://{host}");
    let other_origin = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes() != own.as_bytes());
    if request.method().is_safe() {
        // A page of a neighbour's name cannot read the answer, but its requests bear the cookie: they would be noted in the
        // audit, and take the places of streams. A WebSocket's says no more than its origin. Pages may be linked to from
        // anywhere.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let other_site = site.is_some_and(|site| site != b"same-origin" && site != b"none");
        return (request.uri().path().starts_with("/api/") && (other_site || other_origin)).then_some(cross);
    }
    if other_origin && !planted(Bug::OriginNotAsked) {
        return Some(cross);
    }
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
    {
        return Some(cross);
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"));
    // A form of another page cannot send this type; a DELETE it cannot send at all.
    if !json && request.method() != Method::DELETE {
        return Some(ApiError::Invalid("the header `Content-Type: application/json` is expected".into()));
    }
    None
}

fn host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    // HTTP/2 has it in `:authority`, HTTP/1 in one `Host`.
    let mut hosts = headers.get_all(header::HOST).iter();
    match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), None, _) => Some(authority.as_str()),
        (Some(authority), Some(host), None) if host == authority.as_str() => Some(authority.as_str()),
        (None, Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Without port and brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        assert_eq!(name_of("door.example.org"), "door.example.org");
        assert_eq!(name_of("door.example.org:8443"), "door.example.org");
        assert_eq!(name_of("[fd00::1]:443"), "fd00::1");
        assert_eq!(name_of("[fd00::1]"), "fd00::1");
        assert_eq!(name_of("["), "");
    }
}
