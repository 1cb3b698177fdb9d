//! The web interface, embedded: the files that `make web` built, compressed as the browser likes, with their tags.
//!
//! A page's security policy names the hashes of its own inline scripts, found when the gateway was built. Everything
//! else has the strictest policy, from the guard.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::Api;
use super::error::ApiError;

/// A file of the web interface.
pub(super) struct Page {
    /// Where it is in the build: `/index.html`.
    pub(super) path: &'static str,
    media: &'static str,
    hash: &'static str,
    /// CSP sources of its inline scripts.
    scripts: &'static [&'static str],
    identity: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All of them; `build.rs` writes the table.
pub(super) const PAGES: &[Page] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// What stands for a path that leads nowhere.
const LOST: &str = "/404.html";

/// The names of these files hold their content's hash.
const IMMUTABLE: &str = "/_app/immutable/";

/// The files' routes.
pub(super) fn routes() -> Router<Arc<Api>> {
    let shown = PAGES.iter().filter(|page| page.path != LOST && page.path != SETUP);
    routed(shown.map(|page| (page.route(), page)))
}

fn routed<S: Clone + Send + Sync + 'static>(pages: impl Iterator<Item = (&'static str, &'static Page)>) -> Router<S> {
    pages.fold(Router::new(), |router, (route, page)| {
        router.route(route, get(move |headers: HeaderMap| async move { page.answer(&headers) }))
    })
}

/// Set-up's one page.
const SETUP: &str = "/setup.html";

/// The files' routes, for a gateway that is not set up yet.
pub(crate) fn setup_routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let seen = |page: &&Page| page.path == "/mark.svg" || page.path.starts_with("/_app/");
    let pages = PAGES.iter().filter(|page| seen(page) || page.path == SETUP);
    routed(pages.map(|page| (page.route(), page))).route("/", get(async || Redirect::temporary("/setup")))
}

/// What strangers from the internet see: the way in for whoever is invited, and one page for whoever forgot the tunnel.
const FOR_STRANGERS: [&str; 3] = ["/invitation.html", "/mark.svg", "/wireguard-for-users.ps1"];

/// What stands at `/` for them.
const OUTSIDE: &str = "/outside.html";

/// What takes its place, and stands beside it, where IT has switched on that PCs are used by browsers in the internet.
const HOME: &str = "/index.html";
const WHERE_SWITCHED_ON: [&str; 3] = [HOME, DESKTOP, "/bookings.html"];

/// The files' routes, for strangers from the internet.
pub(super) fn internet_routes() -> Router<Arc<Api>> {
    let seen = |page: &&Page| FOR_STRANGERS.contains(&page.path) || page.path.starts_with("/_app/");
    let pages = routed(PAGES.iter().filter(seen).map(|page| (page.route(), page)));
    let theirs = PAGES.iter().filter(|page| WHERE_SWITCHED_ON.contains(&page.path));
    theirs.fold(pages, |router, page| {
        let shown = async move |api: Arc<Api>, method: Method, uri: Uri, headers: HeaderMap| match api
            .site()
            .desktops_outside
        {
            true => page.answer(&headers),
            false if page.path == HOME => match PAGES.iter().find(|page| page.path == OUTSIDE) {
                Some(outside) => outside.answer(&headers),
                None => ApiError::NotFound.into_response(),
            },
            false => lost(method, uri, headers).await,
        };
        let handler = move |State(api): State<Arc<Api>>, method, uri, headers| shown(api, method, uri, headers);
        router.route(page.route(), get(handler))
    })
}

/// Whatever has no route: the API answers with a problem, all else with a page.
pub(crate) async fn lost(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let api = uri.path() == "/api" || uri.path().starts_with("/api/");
    match PAGES.iter().find(|page| page.path == LOST) {
        Some(page) if !api && method.is_safe() => {
            let mut response = page.whole(&headers);
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.headers_mut().remove(header::ETAG);
            response.headers_mut().remove(header::CACHE_CONTROL);
            response
        }
        _ => ApiError::NotFound.into_response(),
    }
}

impl Page {
    /// Where it is found by a browser.
    pub(super) fn route(&self) -> &'static str {
        if self.path == "/index.html" { "/" } else { self.path.strip_suffix(".html").unwrap_or(self.path) }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = self.whole(headers);
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
        if known.flat_map(|v| v.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == tag_of(&response)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = axum::body::Body::empty();
            response.headers_mut().remove(header::CONTENT_ENCODING);
        }
        response
    }

    fn whole(&self, asked: &HeaderMap) -> Response {
        let (body, coding) = match (self.brotli, self.gzip) {
            (Some(brotli), _) if accepts(asked, "br") => (brotli, Some("br")),
            (_, Some(gzip)) if accepts(asked, "gzip") => (gzip, Some("gzip")),
            _ => (self.identity, None),
        };
        let immutable = self.path.starts_with(IMMUTABLE);
        let cache = if immutable { "private, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        // Bytes in another coding are another representation, with a tag of its own.
        let tag = format!("\"{}-{}\"", self.hash, coding.unwrap_or("identity"));
        let policy = self.media.starts_with("text/html").then(|| self.policy());
        for (name, value) in [(header::ETAG, Some(tag)), (header::CONTENT_SECURITY_POLICY, policy)] {
            if let Some(value) = value.and_then(|v| HeaderValue::try_from(v).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Where a PC's desktop is shown: its policy allows what the remote desktop's component needs, and no other page's does.
const DESKTOP: &str = "/desktop.html";

/// The one style sheet that the component puts into its own shadow (`admin-ui/src/lib/desktop/desktop.test.ts` makes it
/// anew from the package).
pub(super) const DESKTOP_STYLE: &str = "'sha256-UEQQwcFRd1bhGGwv7iDA6ItaadRXeJK+pzLA0vzkNm8='";

impl Page {
    /// Nothing but our own files, from our own origin, and the inline scripts with these hashes; text becomes markup by
    /// Svelte's compiled templates alone. A desktop: WebAssembly too, the mouse pointers that the PC sends as pictures,
    /// and the templates and the style sheet of the component.
    fn policy(&self) -> String {
        let scripts = self.scripts.join(" ");
        let (wasm, style, pictures, markup) = if self.path == DESKTOP {
            (" 'wasm-unsafe-eval'", format!(" {DESKTOP_STYLE}"), " data:", " desktop-trusted-html")
        } else {
            ("", String::new(), "", "")
        };
        format!(
            "default-src 'none'; script-src 'self'{wasm} {scripts}; style-src 'self'{style}; img-src 'self'{pictures}; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
             require-trusted-types-for 'script'; trusted-types svelte-trusted-html{markup}"
        )
    }
}

fn tag_of(response: &Response) -> &str {
    response.headers().get(header::ETAG).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Whether a coding is named and not refused (RFC 9110 §12.5.3). A wildcard is taken for the plain bytes.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}
