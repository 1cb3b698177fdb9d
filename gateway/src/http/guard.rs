//! What holds for every request, whatever its route: host names, origins, media types, security headers, and that a change
//! once begun is carried to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::caller::Door;
use super::error::{ApiError, PROBLEM};
use super::problem::Slug;
use crate::planted::{Bug, planted};

/// Whoever waits longer waits in vain: a sign-in takes a second, a crowd's perhaps ten.
const ANSWER: Duration = Duration::from_secs(30);

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
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A caller that hangs up does not stop a change between the database and the data plane; it goes on counting as theirs.
async fn change(api: &Api, request: Request, next: Next) -> Response {
    let from = match request.extensions().get::<Door>() {
        Some(Door::Tunnel(from) | Door::Office(from) | Door::Internet(from)) => Some(*from),
        _ => None,
    };
    let place = from.map(|from| api.changing.take(from, |mine, _| mine < CHANGES));
    if let Some(None) = place {
        return ApiError::Wait(Duration::from_secs(1)).into_response();
    }
    let carried_out = async move {
        let _held = place;
        in_time(next.run(request)).await
    };
    match tokio::spawn(carried_out).await {
        Ok(response) => response,
        Err(e) => ApiError::Internal(e.into()).into_response(),
    }
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
    let host = host(request.uri(), request.headers());
    let Some(host) = host.filter(|h| api.answers_to(name_of(h))) else {
        return Some(ApiError::Forbidden(Slug::WrongHost, "open the gateway by its public name"));
    };
    if request.method().is_safe() {
        return None;
    }
    let cross = ApiError::Forbidden(Slug::CrossOrigin, "only the gateway's own pages may send this");
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN)
        && origin.to_str().ok() != Some(&format!("https://{host}"))
        && !planted(Bug::OriginNotAsked)
    {
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
