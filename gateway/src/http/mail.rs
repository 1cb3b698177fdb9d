//! Mail: the server it goes by, a letter that tries it, and invitations sent by it.
//!
//! What a mail server says is no failure of the request: it stands in the answer ([`Outcome`]).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use provisioning::invitation::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Api;
use super::caller::{Admin, Person};
use super::error::{Answer, ApiError, Named as _, Problems};
use super::input::{self, Body};
use crate::audit::Actor;
use crate::mail::{self, Outcome, Thread, Trouble, letters};
use crate::pure::mail::stays_in_office;
use crate::pure::shown::deceives;
use crate::pure::site;
use crate::store::Moment;
use crate::store::mail_server::MailServer as Stored;
pub use crate::store::mail_server::Security;

/// Longest user name and password a mail server is given, in characters.
const LONGEST: usize = 256;

/// The mail server, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept secret.
    pub security: Security,
    /// Whom it knows us as; nothing: it asks for nobody.
    pub user: Option<String>,
    /// A password is kept.
    pub password_kept: bool,
    /// From whom mail is.
    pub from: String,
}

/// What `GET /api/v1/settings/mail` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mail {
    /// The server; nothing: no mail is sent.
    pub server: Option<MailServer>,
}

/// The body of `PUT /api/v1/settings/mail`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMailServer {
    /// Its name or address: `smtp.example.org`.
    pub host: String,
    /// 587 for `starttls`, 465 for `tls`, 25 within the office.
    pub port: u16,
    /// `none` only to this machine, and within the office.
    pub security: Security,
    /// Whom it knows us as.
    #[serde(default)]
    pub user: Option<String>,
    /// Absent: the one that is kept, if server, port and user stay.
    #[serde(default)]
    pub password: Option<String>,
    /// From whom mail is: `passerelle@example.org`.
    pub from: String,
}

/// The body of `POST /api/v1/settings/mail/test`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestMail {
    /// To whom.
    pub to: String,
}

/// The body of `POST /api/v1/invitations/{invitation}/mail`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailInvitation {
    /// As issued: the gateway does not keep it.
    pub token: String,
}

impl From<Stored> for MailServer {
    fn from(s: Stored) -> Self {
        let password_kept = s.password.is_some();
        Self { host: s.host, port: s.port, security: s.security, user: s.login, password_kept, from: s.sender }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(read_mail, set_mail_server, remove_mail_server))
        .routes(routes!(test_mail))
        .routes(routes!(mail_invitation))
}

/// By which server mail is sent.
#[utoipa::path(get, path = "/settings/mail", tag = "settings", responses((status = 200, body = Mail), Problems))]
async fn read_mail(_: Admin, State(api): State<Arc<Api>>) -> Answer<Json<Mail>> {
    Ok(Json(Mail { server: api.store.mail_server().await?.map(Into::into) }))
}

/// Mail goes by this server from now on.
#[utoipa::path(put, path = "/settings/mail", tag = "settings", request_body = SetMailServer, responses((status = 200, body = Mail), Problems))]
async fn set_mail_server(
    admin: Person,
    State(api): State<Arc<Api>>,
    Body(set): Body<SetMailServer>,
) -> Answer<Json<Mail>> {
    let server = checked(set, api.store.mail_server().await?)?;
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.set_mail_server(&server).await?;
    write.commit().await?;
    Ok(Json(Mail { server: Some(server.into()) }))
}

/// No mail is sent any more.
#[utoipa::path(delete, path = "/settings/mail", tag = "settings", responses((status = 204), Problems))]
async fn remove_mail_server(admin: Person, State(api): State<Arc<Api>>) -> Answer<StatusCode> {
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.remove_mail_server().await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a letter that says that mail works.
#[utoipa::path(post, path = "/settings/mail/test", tag = "settings", request_body = TestMail, responses((status = 200, body = Outcome), Problems))]
async fn test_mail(admin: Person, State(api): State<Arc<Api>>, Body(test): Body<TestMail>) -> Answer<Json<Outcome>> {
    let (to, site) = (input::mail_in("to", &test.to)?, api.site());
    let language = match &admin.actor {
        Actor::User(login) => api.store.user(login).await?.language,
        _ => site.home_work.language.clone(),
    };
    let Some(server) = api.store.mail_server().await? else { return Ok(Json(Outcome::failed(Trouble::NotSetUp))) };
    Ok(Json(mail::send(&server, &site, &to, &letters::test(&site, &language), &Thread::default()).await))
}

/// Sends an invitation that was just issued to the person's mail address, in their language.
#[utoipa::path(post, path = "/invitations/{invitation}/mail", tag = "invitations", params(("invitation" = String, Path)), request_body = MailInvitation, responses((status = 200, body = Outcome), Problems))]
async fn mail_invitation(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Path(invitation): Path<String>,
    Body(body): Body<MailInvitation>,
) -> Answer<Json<Outcome>> {
    let id = input::id("invitation", &invitation)?;
    let found = api.store.invitation(id).await.named(&invitation)?;
    admin.may_change_login(&api, &found.login).await?;
    let now = Moment::now();
    // Another person's token, or one that is void, is sent to nobody.
    let token: Token = body.token.parse().map_err(|_| void())?;
    let open = api.store.open_invitation(&token.hash(), now.wall).await.map_err(|_| void())?;
    if open.id != id {
        return Err(void());
    }
    let Some(to) = &open.mail else { return Ok(Json(Outcome::failed(Trouble::NoAddress))) };
    let Some(server) = api.store.mail_server().await? else { return Ok(Json(Outcome::failed(Trouble::NotSetUp))) };
    let letter = letters::invitation(&api.site(), &open, &token.to_string(), api.from_home);
    let thread = Thread { id: Some(id.to_string()), follows: None };
    let outcome = mail::send(&server, &api.site(), to, &letter, &thread).await;
    if outcome.is_sent() {
        let mut write = api.store.write(now, admin.actor).await?;
        write.invitation_mailed(&open, false).await?;
        write.commit().await?;
    }
    Ok(Json(outcome))
}

fn void() -> ApiError {
    crate::identity::Refused::Void.into()
}

fn checked(set: SetMailServer, before: Option<Stored>) -> Answer<Stored> {
    let invalid = |text: &str| ApiError::Invalid(text.to_owned());
    let address: Option<IpAddr> = set.host.trim().parse().ok();
    let host = match address {
        Some(address) => address.to_string(),
        None => site::zone(&set.host).map_err(|_| invalid("host: a name such as smtp.example.org is expected"))?,
    };
    if set.port == 0 {
        return Err(invalid("port: 1 to 65535; 587 for starttls, 465 for tls"));
    }
    if set.security == Security::Plain && address.is_some_and(|a| !stays_in_office(a)) {
        return Err(invalid("security: without TLS mail goes within the office only: choose starttls or tls"));
    }
    let login = set.user.as_deref().map(|text| credential("user", text.trim())).transpose()?;
    let password = match (&login, set.password) {
        (None, Some(_)) => return Err(invalid("password: a user is needed, too")),
        (_, Some(text)) => Some(credential("password", &text)?),
        // What is kept for one server is not told to another.
        (Some(_), None) => match before.filter(|b| b.host == host && b.port == set.port && b.login == login) {
            Some(Stored { password: Some(kept), security, .. })
                if security == set.security || set.security != Security::Plain =>
            {
                Some(kept.to_string())
            }
            _ => return Err(invalid("password: type it again, for this server, port and user")),
        },
        (None, None) => None,
    };
    let from = input::mail_in("from", &set.from)?;
    Ok(Stored {
        host,
        port: set.port,
        security: set.security,
        login,
        password: password.map(Zeroizing::new),
        sender: from,
    })
}

fn credential(field: &str, text: &str) -> Answer<String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST && !text.chars().any(deceives);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(ApiError::Invalid(format!("{field}: 1 to {LONGEST} characters in one line")))
    }
}
