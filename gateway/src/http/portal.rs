//! The portal page, embedded: three files and a mark, served as they are.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("../../../admin-ui/portal/index.html")),
    ("/portal.css", "text/css; charset=utf-8", include_str!("../../../admin-ui/portal/portal.css")),
    ("/portal.js", "text/javascript; charset=utf-8", include_str!("../../../admin-ui/portal/portal.js")),
    ("/mark.svg", "image/svg+xml", include_str!("../../../admin-ui/portal/mark.svg")),
];

/// The files' routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, media, text)| {
        router.route(path, get(move || async move { file(media, text) }))
    })
}

fn file(media: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media))], text).into_response()
}
