//! What people with bad intentions type into the office's pages, and what their own pages try with an administrator's
//! browser: it stays text, and nothing happens.
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]

use std::net::IpAddr;
use std::time::Duration;

use anyhow::bail;
use office::addresses::{FILES, GATEWAY_LAN};
use office::gateway::{Cast, GatewayOptions, Lan};
use office::totp::Authenticator;
use office::{Browser, Home, Office, OfficeOptions, Process, connect, scenario, wait_until};

const KNOCK: Duration = Duration::from_secs(5);

/// A hundred pages, and as many requests a page as there are routes.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn hostile_text_stays_text_on_every_page() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let mut cast = Cast::start(office, options)?;
        let mut ada = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
        let client = cast.anne_at(Home::A)?;
        let authority = cast.gateway.authority()?;
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let at_home = Browser::new(office, client.ns(), Some(&authority))?.with_limit(PATIENCE);
        let at_the_office = Browser::new(office, &office.pc, Some(&authority))?.with_limit(PATIENCE);
        let anne = &mut cast.anne;
        at_the_office.lead("hostile.ts", &mut ada, |wanted| {
            Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("part", _) => "office".into(),
                ("at", "home") => {
                    let mut stored = String::new();
                    at_home.lead("hostile.ts", anne, |wanted| {
                        Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                            ("part", _) => "home".into(),
                            ("stored", texts) => {
                                stored = texts.to_owned();
                                String::from("told")
                            }
                            other => bail!("the script wants `{other:?}`"),
                        })
                    })?;
                    stored
                }
                ("code", secret) => Authenticator::new(secret)?.fresh_code()?,
                other => bail!("the script wants `{other:?}`"),
            })
        })?;
        Ok(())
    })
}

/// Pages of nobody's, by HTTPS.
const SERVER: &str = "
import http.server, ssl, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'<!doctype html><title>evil</title><h1>Evil</h1>'
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(('', 8443), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

/// A web server that the gateway does not know, on another machine of the office, with a certificate of its own making.
fn foreign_server(office: &Office) -> anyhow::Result<Process> {
    let pem = office.directory().join("foreign.pem").to_string_lossy().into_owned();
    let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=evil";
    let make = make.split(' ').chain(["-keyout", &pem, "-out", &pem]);
    office.files.ok(make)?;
    let server = office.files.spawn(["/usr/bin/python3", "-c", SERVER, &pem])?;
    let at = (IpAddr::from(FILES), 8443).into();
    wait_until("the foreign server answers", KNOCK, || Ok(connect(&office.pc, at, KNOCK)?.is_open().then_some(())))?;
    Ok(server)
}

#[test]
fn a_foreign_page_does_nothing_with_an_administrators_browser() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let options = GatewayOptions { lan: Lan::Handed, ..GatewayOptions::default() };
        let cast = Cast::start(office, options)?;
        let mut ada = cast.gateway.redeem("ada", &cast.gateway.admin_token.clone())?;
        let _server = foreign_server(office)?;
        office.pc.resolve_by(&[GATEWAY_LAN.to_string()], &[])?;
        let browser = Browser::new(office, &office.pc, Some(&cast.gateway.authority()?))?;
        browser.lead("foreign.ts", &mut ada, |wanted| bail!("the script wants `{wanted}`"))?;
        Ok(())
    })
}
