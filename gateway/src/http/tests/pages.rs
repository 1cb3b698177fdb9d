//! The web interface as the gateway serves it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::http::pages::{DESKTOP_STYLE, PAGES, Page};

/// What a first visit of each page may transfer, compressed: a second on a slow mobile network, for what is opened every
/// morning; a little more where a QR code is drawn.
const FIRST_LOADS: [(&str, usize); 7] = [
    ("/", 74_000),
    ("/invitation", 81_000),
    ("/devices", 80_000),
    ("/security", 84_000),
    ("/data", 70_000),
    ("/help", 70_000),
    ("/desktop", 86_000),
];

async fn bytes(g: &Gateway, path: &str, headers: &[(&str, &str)]) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let mut request = Request::get(path).header(header::HOST, "door.example.org");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Gateway::office());
    let response = g.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, axum::body::to_bytes(body, 1 << 23).await.unwrap().to_vec())
}

fn is_html(page: &Page) -> bool {
    page.path.ends_with(".html")
}

/// What stands between the quotes of `name="…"`, or of `import("…")`.
fn quoted<'p>(page: &'p str, before: &str) -> Vec<&'p str> {
    page.split(before).skip(1).filter_map(|rest| rest.split_once('"')).map(|(value, _)| value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_run_its_own_scripts_and_no_others() {
    let g = Gateway::new().await;
    for path in ["/", "/invitation", "/devices", "/desktop", "/admin", "/admin/people", "/nowhere"] {
        let (_, headers, body) = bytes(&g, path, &[]).await;
        let page = String::from_utf8(body).unwrap();
        let mut own = Vec::new();
        let mut rest = page.as_str();
        while let Some(at) = rest.find("<script>") {
            let script = &rest[at + "<script>".len()..];
            let end = script.find("</script>").unwrap();
            own.push(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&script[..end]))));
            rest = &script[end..];
        }
        assert_eq!((own.len(), page.matches("<script").count()), (1, 1), "{path}: a script with attributes");
        let more = match path {
            "/desktop" => [" 'wasm-unsafe-eval'", &format!(" {DESKTOP_STYLE}"), " data:", " desktop-trusted-html"],
            _ => ["", "", "", ""],
        };
        let [wasm, style, pictures, markup] = more.map(str::to_owned);
        let expected = format!(
            "default-src 'none'; script-src 'self'{wasm} {}; style-src 'self'{style}; img-src 'self'{pictures}; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
             require-trusted-types-for 'script'; trusted-types svelte-trusted-html{markup}",
            own.join(" ")
        );
        assert_eq!(headers["content-security-policy"], expected, "{path}");
        for inline in ["<style", " style=", " onload=", " onclick=", " onerror=", "javascript:"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
    }
    for page in PAGES.iter().filter(|page| !is_html(page)) {
        let (status, headers, _) = bytes(&g, page.route(), &[]).await;
        assert_eq!(status, 200);
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'", "{}", page.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_as_the_browser_likes_them_and_are_kept() {
    let g = Gateway::new().await;
    // Neither what is shown elsewhere, nor what the build compresses not: a script is saved once in a computer's life.
    let other = ["/404.html", "/setup.html", "/wireguard-for-users.ps1"];
    for page in PAGES.iter().filter(|page| !other.contains(&page.path)) {
        let mut tags = BTreeSet::new();
        for (accepted, coding) in [
            ("", None),
            ("identity", None),
            ("zstd, br;q=0, gzip;q=0.0", None),
            ("gzip, deflate", Some("gzip")),
            ("gzip, deflate, br, zstd", Some("br")),
            ("br;q=0.5, GZIP", Some("br")),
        ] {
            let (status, headers, body) = bytes(&g, page.route(), &[("accept-encoding", accepted)]).await;
            assert_eq!(status, 200, "{}", page.path);
            assert_eq!(
                headers.get("content-encoding").map(|v| v.to_str().unwrap()),
                coding,
                "{} {accepted}",
                page.path
            );
            assert_eq!(headers["vary"], "accept-encoding");
            assert_eq!(coding == Some("gzip"), body.starts_with(&[0x1f, 0x8b]), "{} {accepted}", page.path);
            let immutable = page.path.starts_with("/_app/immutable/");
            let cache = if immutable { "private, max-age=31536000, immutable" } else { "no-cache" };
            assert_eq!(headers["cache-control"], cache, "{}", page.path);
            let tag = headers["etag"].to_str().unwrap().to_owned();
            for (known, expected) in [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)] {
                let ask = [("accept-encoding", accepted), ("if-none-match", known.as_str())];
                let (status, again, body) = bytes(&g, page.route(), &ask).await;
                assert_eq!((status.as_u16(), body.is_empty()), (expected, expected == 304), "{} {known}", page.path);
                assert_eq!(again["etag"], tag.as_str());
            }
            tags.insert(tag);
        }
        assert_eq!(tags.len(), 3, "{}: each coding has its own tag", page.path);
    }
}

/// A browser compiles it while it comes only if it is told what it is; of the pages, the desktop's alone names it.
#[tokio::test(flavor = "multi_thread")]
async fn the_remote_desktop_comes_as_one_file_and_when_it_is_wanted() {
    let g = Gateway::new().await;
    let all: Vec<&Page> = PAGES.iter().filter(|page| page.path.ends_with(".wasm")).collect();
    let [file] = all[..] else { panic!("{} files of WebAssembly", all.len()) };
    assert!(file.path.starts_with("/_app/immutable/"), "{}", file.path);
    let (_, headers, body) = bytes(&g, file.path, &[("accept-encoding", "br")]).await;
    assert_eq!(headers["content-type"], "application/wasm");
    assert!((500_000..1_250_000).contains(&body.len()), "{} bytes", body.len());
    let (_, _, body) = bytes(&g, file.path, &[]).await;
    assert!(body.starts_with(b"\0asm"));
    let name = file.path.rsplit('/').next().unwrap();
    for page in PAGES.iter().filter(|page| is_html(page)) {
        let (_, _, body) = bytes(&g, page.route(), &[]).await;
        assert!(!String::from_utf8(body).unwrap().contains(name), "{} loads it at once", page.path);
    }
}

/// From the internet: what an invitation needs, one page that says how to come in, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_shown_two_pages() {
    let g = Gateway::new().await;
    let outside = internet_router(g.api.clone());
    let ask = async |path: &str| {
        let request = Request::get(path).header(header::HOST, "door.example.org").body(Body::empty()).unwrap();
        g.send_by(outside.clone(), Door::Internet("198.51.100.7".parse().unwrap()), request).await
    };
    for page in PAGES.iter().filter(|page| is_html(page) && page.path != "/404.html") {
        let seen = page.route() == "/" || page.path == "/invitation.html";
        assert_eq!(ask(page.route()).await.status, if seen { 200 } else { 404 }, "{}", page.path);
    }
    let (here, named) = (ask("/").await, quoted(&ask("/").await.text, "import(\"").len());
    assert!(named > 0 && here.headers.contains_key("content-security-policy"));
    let inside = String::from_utf8(bytes(&g, "/", &[]).await.2).unwrap();
    assert_ne!(here.text, inside, "it is a page of its own");
    for page in PAGES.iter().filter(|page| page.path.starts_with("/_app/") && page.path.ends_with(".css")) {
        assert_eq!(ask(page.route()).await.status, 200, "{}", page.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_nowhere_is_said_by_a_page_outside_the_api_only() {
    let g = Gateway::new().await;
    for path in ["/nowhere", "/admin/", "/admin/nowhere", "/_app/immutable/nothing.js", "/apis", "/404.html"] {
        let (status, headers, body) = bytes(&g, path, &[("accept-encoding", "br")]).await;
        assert_eq!((status.as_u16(), &headers["content-type"]), (404, &"text/html; charset=utf-8".parse().unwrap()));
        assert_eq!((&headers["cache-control"], headers.get("etag")), (&"no-store".parse().unwrap(), None), "{path}");
        assert!(!body.is_empty());
    }
    for path in ["/api", "/api/", "/api/v1", "/api/v2/door", "/api/v1/nothing"] {
        let (status, headers, _) = bytes(&g, path, &[]).await;
        assert_eq!((status.as_u16(), &headers["content-type"]), (404, &"application/problem+json".parse().unwrap()));
    }
    for path in ["/", "/nowhere"] {
        let request = Request::post(path).header(header::HOST, "door.example.org");
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
        let answered = g.send(Gateway::office(), request).await;
        assert_eq!((answered.status.as_u16(), answered.slug().as_str()), (404, "not-found"), "POST {path}");
    }
}

/// Everything that the first page names is there, and all of it together with the longest language is light enough.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_is_small() {
    let g = Gateway::new().await;
    for (page, most) in FIRST_LOADS {
        let (_, _, body) = bytes(&g, page, &[]).await;
        let text = String::from_utf8(body).unwrap();
        let named: BTreeSet<&str> = ["href=\"", "import(\""].iter().flat_map(|before| quoted(&text, before)).collect();
        assert!(named.iter().any(|name| name.ends_with(".css")) && named.iter().any(|name| name.ends_with(".js")));
        for coding in ["br", "gzip"] {
            let size = async |path: &str| bytes(&g, path, &[("accept-encoding", coding)]).await.2.len();
            let mut total = size(page).await;
            for name in &named {
                let path = name.strip_prefix('.').unwrap();
                assert!(PAGES.iter().any(|p| p.path == path), "{name} is not embedded");
                total += size(path).await;
            }
            let mut languages = Vec::new();
            for file in PAGES {
                // Of these a browser loads one.
                if file.path.ends_with(".js")
                    && bytes(&g, file.path, &[]).await.2.windows(16).any(|w| w == b"factor-suspended")
                {
                    languages.push(size(file.path).await);
                }
            }
            assert_eq!(languages.len(), 5);
            total += languages.iter().max().unwrap();
            assert!(total <= most, "{page}: {total} bytes in {coding}");
        }
    }
}
