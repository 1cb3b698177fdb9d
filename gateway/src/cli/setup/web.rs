//! Set-up by a browser on the office LAN: whoever has the code that this machine's console shows answers the questions there.
//!
//! One program from the first page to the last: it listens on the office interface alone, under a certificate made for this
//! hour; one browser claims it; when all is answered the gateway is made, and this listener is gone.

mod checks;

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use provisioning::authority::{Authority, Bounds, fingerprint};
use provisioning::invitation::Token;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::checks::{Check, Checked};
use super::form::{Field, Form, Seen};
use crate::cli::output::say;
use crate::cli::words::Language;
use crate::config::Config;
use crate::dns::rewrite::is_private;
use crate::http::caller::Door;
use crate::http::error::{Answer, ApiError, Problems};
use crate::http::input::Body;
use crate::http::listen::{self, Certificate, TcpDoor};
use crate::http::problem::{Problem, Slug};
use crate::http::{guard, pages};
use crate::identity::web_token::WebToken;
use crate::store::Moment;

/// Who has not claimed it by then begins anew.
const CLAIM: Duration = Duration::from_secs(30 * 60);

/// Who has claimed it has so long for the answers.
const ANSWERS: Duration = Duration::from_secs(60 * 60);

/// After the last answer was given it still has to arrive.
const ARRIVES: Duration = Duration::from_secs(2);

/// Largest body: eleven short answers.
const LARGEST_BODY: usize = 16 << 10;

/// Beside the sockets, for root alone.
const CODE_FILE: &str = "setup-code";

/// What has been answered so far, as one would type it; what is absent is guessed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Answers {
    /// Whose gateway this is.
    pub(super) organisation: Option<String>,
    /// Portal, and WireGuard endpoint: `door.example.org`.
    pub(super) public_name: Option<String>,
    /// `host:port` for client configs.
    pub(super) endpoint: Option<String>,
    /// The interface towards the office.
    pub(super) office_interface: Option<String>,
    /// An IPv4 /16 and an IPv6 unique local /48.
    pub(super) site_network: Option<String>,
    /// The office's own DNS servers, with spaces between; `-` for none.
    pub(super) resolvers: Option<String>,
    /// Zones they are asked for, with spaces between; `-` for none.
    pub(super) office_zones: Option<String>,
    /// `yes`: the office sees the gateway's address instead of the device's.
    pub(super) masquerade: Option<String>,
    /// `yes`: people at home open invitations from the internet.
    pub(super) from_home: Option<String>,
    /// Login of the first administrator.
    pub(super) admin: Option<String>,
    /// What the first administrator is called.
    pub(super) admin_name: Option<String>,
    /// What the first administrator is spoken to in: `fr`, `nl`, `ca`, `es` or `en`.
    pub(super) admin_language: Option<String>,
}

impl Answers {
    /// What the command line says already.
    pub(super) fn from_flags(flag: impl Fn(Field) -> Option<String>) -> Self {
        let mut answers = Self::default();
        for field in Field::ALL {
            *answers.at(field) = flag(field);
        }
        answers
    }

    /// Here, else as the command line said.
    fn of(&self, field: Field, flags: &Self) -> Option<String> {
        let of = |answers: &Self| answers.clone().at(field).take();
        of(self).or_else(|| of(flags))
    }

    fn at(&mut self, field: Field) -> &mut Option<String> {
        match field {
            Field::Organisation => &mut self.organisation,
            Field::PublicName => &mut self.public_name,
            Field::Endpoint => &mut self.endpoint,
            Field::OfficeInterface => &mut self.office_interface,
            Field::SiteNetwork => &mut self.site_network,
            Field::Resolvers => &mut self.resolvers,
            Field::OfficeZones => &mut self.office_zones,
            Field::Masquerade => &mut self.masquerade,
            Field::FromHome => &mut self.from_home,
            Field::Admin => &mut self.admin,
            Field::AdminName => &mut self.admin_name,
            Field::AdminLanguage => &mut self.admin_language,
        }
    }
}

/// What `GET /api/v1/setup` says, to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct SetupState {
    /// A browser has claimed it.
    pub(super) claimed: bool,
    /// It was this one.
    pub(super) yours: bool,
    /// What this machine speaks: `fr`, `nl`, `ca`, `es` or `en`.
    pub(super) language: String,
}

/// The body of `POST /api/v1/setup/claim`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// As the console shows it; case and hyphens do not matter.
    pub(super) code: String,
}

/// All questions, with what was answered or guessed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Proposal {
    /// Each question, in the order in which they are asked.
    pub(super) fields: Vec<Proposed>,
    /// Interfaces that may lead to the office.
    pub(super) interfaces: Vec<OfficeInterface>,
}

/// One question.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Proposed {
    /// Which: a field of [`Answers`].
    pub(super) field: String,
    /// What was answered, else what is guessed.
    pub(super) answer: Option<String>,
    /// It was guessed.
    pub(super) guessed: bool,
    /// What was answered does not fit; why, in English.
    pub(super) problem: Option<String>,
}

/// A network card, bridge or VLAN.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct OfficeInterface {
    /// As the kernel names it.
    pub(super) name: String,
    /// The network it is in, if it has an address.
    pub(super) network: Option<String>,
}

/// The body of `POST /api/v1/setup/check`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskCheck {
    /// What is to be looked at.
    pub(super) check: Check,
    /// With these answers.
    pub(super) answers: Answers,
    /// Do what was proposed as its cure first.
    #[serde(default)]
    pub(super) cure: bool,
}

/// The gateway is made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct SetupDone {
    /// Login of the first administrator.
    pub(super) login: String,
    /// The first administrator's invitation, shown this once.
    pub(super) token: String,
    /// Where the gateway's pages will be: `https://192.168.1.2`.
    pub(super) portal: String,
    /// SHA-256 of the certificate it will show.
    pub(super) fingerprint: String,
    /// Where the router forwards TCP 443 to, if people open invitations from home.
    pub(super) internet: Option<String>,
    /// UDP ports that the router forwards to this machine.
    pub(super) ports: Vec<u16>,
    /// This machine on the office LAN.
    pub(super) address: String,
}

/// What becomes of this process.
pub(super) enum Ended {
    /// The gateway is set up; it listens for the office at this address.
    Done(SocketAddr),
    /// Nobody claimed it, or nobody finished.
    Late,
    /// Whoever started it ended it.
    Left,
}

/// Where set-up is asked, and by whom.
struct Wizard {
    seen: Seen,
    config: Config,
    flags: Answers,
    file: PathBuf,
    /// The configuration is to be written.
    absent: bool,
    at: SocketAddr,
    code: String,
    claimed: Mutex<Option<String>>,
    /// One thing at a time: checks open sockets and change firewalls.
    work: tokio::sync::Mutex<()>,
    made: Mutex<bool>,
    news: Notify,
}

/// The browser that claimed it.
struct Claimant;

/// Serves until the gateway is made, or nobody came.
pub(super) async fn serve(
    seen: Seen,
    config: Config,
    file: &Path,
    absent: bool,
    flags: Answers,
) -> anyhow::Result<Ended> {
    let at = address(&seen, &config, flags.office_interface.as_deref())?;
    let (certificate, key) = temporary_certificate(at.ip())?;
    let listener = TcpListener::bind(at).with_context(|| {
        format!("{at} is in use or not this machine's: end what listens there, or name another in office_listen")
    })?;
    let code = Token::generate()?;
    let _file = CodeFile::write(&config.runtime_dir.join(CODE_FILE), &code)?;
    announce(at, &fingerprint(&certificate).context("the certificate")?, &code, &config);
    let wizard = Arc::new(Wizard {
        seen,
        config,
        flags,
        file: file.to_owned(),
        absent,
        at,
        code: code.hash(),
        claimed: Mutex::default(),
        work: tokio::sync::Mutex::default(),
        made: Mutex::default(),
        news: Notify::new(),
    });
    let tls = listen::tls(Arc::new(Certificate::new(&certificate, &key)?))?;
    let serving = listen::https(listener, TcpDoor::Office, tls, router(wizard.clone()));
    let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::select! {
        ended = serving => ended.map(|()| Ended::Late),
        ended = wizard.ended() => Ok(ended),
        _ = tokio::signal::ctrl_c() => Ok(Ended::Left),
        _ = term.recv() => Ok(Ended::Left),
    }
}

/// Where it listens: where the gateway will.
fn address(seen: &Seen, config: &Config, office: Option<&str>) -> anyhow::Result<SocketAddr> {
    // Everywhere would be in the internet, too.
    if let Some(at) = config.office_listen.iter().find(|at| !at.ip().is_unspecified()) {
        return Ok(*at);
    }
    let interface = match office {
        Some(name) => seen.network.interface(name).with_context(|| format!("there is no interface `{name}`"))?,
        None => {
            seen.network.office().context("no interface with an address is up: name one with --office-interface")?
        }
    };
    let network = interface.subnet().with_context(|| format!("{} has no address", interface.name))?;
    let ip = network.addr();
    anyhow::ensure!(
        is_private(ip),
        "{ip} is no address of an office LAN; name the right interface with --office-interface, or set up in this terminal"
    );
    Ok(SocketAddr::new(ip, if super::has_systemd() { 443 } else { 8443 }))
}

fn temporary_certificate(ip: IpAddr) -> anyhow::Result<(String, String)> {
    let now = Moment::now().wall.seconds();
    let bounds = Bounds { names: vec!["set-up.invalid".to_owned()], networks: vec![ip.into()] };
    let authority = Authority::new_at("Passerelle, set-up", &bounds, now).context("make a certificate")?;
    authority.issue_server_at(&[], &[ip], now).context("make a certificate")
}

fn announce(at: SocketAddr, fingerprint: &str, code: &Token, config: &Config) {
    let file = config.runtime_dir.join(CODE_FILE);
    say(format_args!("\nOpen this in a browser on the office LAN:\n\n    https://{at}/\n"));
    say(format_args!(
        "It warns that it does not know the certificate, which was made for this hour. Look at it there; SHA-256:\n\n    {fingerprint}\n"
    ));
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        say(format_args!("Then type this code, within 30 minutes. One browser can use it, once:\n\n    {code}\n"));
    }
    say(format_args!("The code is also in {}, which root can read.", file.display()));
}

/// What a file said.
struct Before(Option<Vec<u8>>);

impl Before {
    fn of(path: &Path) -> anyhow::Result<Self> {
        match fs::read(path) {
            Ok(text) => Ok(Self(Some(text))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self(None)),
            Err(e) => Err(e).with_context(|| format!("read {}", path.display())),
        }
    }

    fn put_back(&self, path: &Path) -> anyhow::Result<()> {
        match &self.0 {
            Some(text) => fs::write(path, text),
            None => fs::remove_file(path),
        }
        .with_context(|| format!("put back {}", path.display()))
    }
}

/// The code, for root alone; gone when this ends.
struct CodeFile(PathBuf);

impl CodeFile {
    fn write(path: &Path, code: &Token) -> anyhow::Result<Self> {
        let named = || format!("write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(named)?;
        }
        // What was left there, a link perhaps, is not written through.
        match fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).with_context(named),
            _ => {}
        }
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(named)?;
        writeln!(file, "{code}").with_context(named)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for CodeFile {
    fn drop(&mut self) {
        // It is good for nothing any more.
        let _ = fs::remove_file(&self.0);
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Passerelle, set-up",
        description = "What a gateway answers that is not set up yet.",
        license(name = "Apache-2.0")
    ),
    components(schemas(Problem, Slug))
)]
struct Document;

fn routes() -> OpenApiRouter<Arc<Wizard>> {
    let all = OpenApiRouter::new()
        .routes(routes!(read_state))
        .routes(routes!(claim))
        .routes(routes!(propose))
        .routes(routes!(check))
        .routes(routes!(finish));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", all)
}

fn router(wizard: Arc<Wizard>) -> Router {
    let (routes, _) = routes().split_for_parts();
    routes
        .merge(pages::setup_routes())
        .fallback(pages::lost)
        .method_not_allowed_fallback(|| async { ApiError::NotFound.into_response() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(wizard.clone(), protect))
        .with_state(wizard)
}

/// What holds for every request: it comes from the office, to this address, by a page of ours.
async fn protect(State(wizard): State<Arc<Wizard>>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<Door>().and_then(|door| door.address());
    let near = from.is_some_and(|ip| is_private(ip) || ip.is_loopback());
    let own = wizard.at.ip().to_string();
    let mut response = match guard::foreign(&request, |host| host == own) {
        _ if !near => ApiError::NotFound.into_response(),
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    guard::harden(response.headers_mut());
    response
}

impl FromRequestParts<Arc<Wizard>> for Claimant {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, wizard: &Arc<Wizard>) -> Answer<Self> {
        match wizard.is_claimed_by(parts) {
            true => Ok(Self),
            false => Err(ApiError::Unauthenticated(Slug::NotSignedIn)),
        }
    }
}

/// Whether this set-up is claimed.
#[utoipa::path(get, path = "/setup", tag = "setup", responses((status = 200, body = SetupState), Problems))]
async fn read_state(State(wizard): State<Arc<Wizard>>, request: Request) -> Json<SetupState> {
    let (parts, _) = request.into_parts();
    let claimed = wizard.claimed().is_some();
    Json(SetupState {
        claimed,
        yours: wizard.is_claimed_by(&parts),
        language: Language::of_environment().code().to_owned(),
    })
}

/// Claims it for this browser. Of all who try, one does.
#[utoipa::path(post, path = "/setup/claim", tag = "setup", request_body = Claim, responses((status = 204), Problems))]
async fn claim(State(wizard): State<Arc<Wizard>>, Body(claim): Body<Claim>) -> Answer<Response> {
    let code: Option<Token> = claim.code.parse().ok();
    if code.is_none_or(|code| code.hash() != wizard.code) {
        return Err(ApiError::Unauthenticated(Slug::WrongCredentials));
    }
    let session = WebToken::generate()?;
    {
        let mut claimed = wizard.claimed();
        if claimed.is_some() {
            return Err(ApiError::Conflict(
                Slug::Claimed,
                "begin anew: end `passerelle setup --web` and start it again".into(),
            ));
        }
        *claimed = Some(session.hash());
    }
    say("A browser has claimed the set-up.");
    wizard.news.notify_one();
    let cookie = HeaderValue::try_from(session.set_cookie()).map_err(|e| ApiError::Internal(e.into()))?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// What is guessed, and what is wrong with what was answered.
#[utoipa::path(post, path = "/setup/propose", tag = "setup", request_body = Answers, responses((status = 200, body = Proposal), Problems))]
async fn propose(_: Claimant, State(wizard): State<Arc<Wizard>>, Body(answers): Body<Answers>) -> Json<Proposal> {
    let (form, problems) = wizard.review(&answers);
    let fields = Field::ALL.iter().map(|field| {
        let given = answers.of(*field, &wizard.flags);
        Proposed {
            field: field.name().to_owned(),
            guessed: given.is_none(),
            answer: given.or_else(|| form.answer(*field)),
            problem: problems.iter().find(|(of, _)| of == field).map(|(_, problem)| problem.clone()),
        }
    });
    let leads = |i: &&crate::detect::Interface| !i.loopback && i.name != wizard.seen.tunnel;
    let interfaces = wizard.seen.network.interfaces.iter().filter(leads).map(|i| OfficeInterface {
        name: i.name.clone(),
        network: i.subnet().map(|network| network.trunc().to_string()),
    });
    Json(Proposal { fields: fields.collect(), interfaces: interfaces.collect() })
}

/// Looks at one thing that set-up depends on.
#[utoipa::path(post, path = "/setup/check", tag = "setup", request_body = AskCheck, responses((status = 200, body = Checked), Problems))]
async fn check(_: Claimant, State(wizard): State<Arc<Wizard>>, Body(ask): Body<AskCheck>) -> Answer<Json<Checked>> {
    let _one = wizard.work.lock().await;
    let (form, _) = wizard.review(&ask.answers);
    let (wizard, name) = (wizard.clone(), ask.check);
    let looked = tokio::task::spawn_blocking(move || {
        checks::look(name, &form, &wizard.seen, &wizard.config, wizard.at.ip(), ask.cure)
    });
    looked.await.map(Json).map_err(|e| ApiError::Internal(e.into()))
}

/// Makes the gateway. The first administrator's invitation is shown this once.
#[utoipa::path(post, path = "/setup/finish", tag = "setup", request_body = Answers, responses((status = 201, body = SetupDone), Problems))]
async fn finish(
    _: Claimant,
    State(wizard): State<Arc<Wizard>>,
    Body(answers): Body<Answers>,
) -> Answer<(StatusCode, Json<SetupDone>)> {
    // Carried to its end, whoever hangs up.
    tokio::spawn(async move { wizard.finish(&answers).await })
        .await
        .map_err(|e| ApiError::Internal(e.into()))?
        .map(|done| (StatusCode::CREATED, Json(done)))
}

impl Wizard {
    fn claimed(&self) -> MutexGuard<'_, Option<String>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn review(&self, answers: &Answers) -> (Form, Vec<(Field, String)>) {
        Form::review(|field| answers.of(field, &self.flags), &self.seen)
    }

    fn is_made(&self) -> bool {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_claimed_by(&self, parts: &Parts) -> bool {
        let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        let token = cookies.filter_map(WebToken::from_cookies).next();
        token.is_some_and(|token| self.claimed().as_ref() == Some(&token.hash()))
    }

    async fn ended(&self) -> Ended {
        if tokio::time::timeout(CLAIM, self.news.notified()).await.is_err() && self.claimed().is_none() {
            return Ended::Late;
        }
        let made = async {
            while !self.is_made() {
                self.news.notified().await;
            }
        };
        if tokio::time::timeout(ANSWERS, made).await.is_err() {
            return Ended::Late;
        }
        tokio::time::sleep(ARRIVES).await;
        Ended::Done(self.at)
    }

    async fn finish(&self, answers: &Answers) -> Answer<SetupDone> {
        let _one = self.work.lock().await;
        if self.is_made() {
            return Err(ApiError::NotFound);
        }
        let (form, problems) = self.review(answers);
        if let Some((field, problem)) = problems.first() {
            return Err(ApiError::Invalid(format!("{}: {problem}", field.name())));
        }
        let mut config = self.config.clone();
        let from_home = form.is_opened_from_home();
        if from_home && config.internet_listen.is_empty() {
            config.internet_listen = vec![SocketAddr::new(self.at.ip(), super::INTERNET)];
        }
        let boot = form.finish().ok_or_else(|| ApiError::Invalid("an answer is missing".into()))?;
        let login = boot.admin_login.clone();
        let mut kept = config.clone();
        if config.office_listen.is_empty() {
            config.office_listen = vec![self.at];
        }
        // With systemd, its socket listens on the ports that people expect.
        if !super::has_systemd() {
            kept.office_listen.clone_from(&config.office_listen);
        }
        // First what can be done again: the invitation is shown once.
        let before = Before::of(&self.file).map_err(ApiError::Internal)?;
        let written = if self.absent {
            super::write_config(&self.file, &kept)
        } else {
            super::extend_config(&self.file, &self.config, &kept)
        };
        written.map_err(ApiError::Internal)?;
        let born = match crate::app::first_boot(&config, boot).await {
            Ok(born) => born,
            Err(e) => {
                // Another try may open less.
                if let Err(e) = before.put_back(&self.file) {
                    tracing::error!(reason = %format!("{e:#}"), "the configuration could not be put back");
                }
                return Err(ApiError::Internal(e));
            }
        };
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.news.notify_one();
        let portal = match self.at.port() {
            443 => format!("https://{}", self.at.ip()),
            _ => format!("https://{}", self.at),
        };
        Ok(SetupDone {
            login,
            token: born.token,
            portal,
            fingerprint: born.fingerprint,
            internet: kept.internet_listen.first().filter(|_| from_home).map(ToString::to_string),
            ports: kept.ports,
            address: self.at.ip().to_string(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests;
