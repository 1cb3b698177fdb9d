//! Many people at once, from a list: everybody in it, or nobody.
//!
//! A dry run says for each line what would become of it. Who is there already stays as they are; groups that are not
//! there are added. Administrators are added one by one, by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use provisioning::import::{People, Row, Unreadable, people};
use provisioning::invitation::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::error::{Answer, ApiError, Problems};
use super::groups::group_name;
use super::input::{self, Body};
use super::invitations::InvitationIssued;
use super::problem::Slug;
use crate::audit::Actor;
use crate::pure::shown::shown;
use crate::store::Moment;
use crate::store::users::{NewUser, Role};

/// Most groups somebody is put in by a list.
const MOST_GROUPS: usize = 16;

/// The body of `POST /api/v1/users/import`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPeople {
    /// The file's bytes in base64: CSV whose first line names the columns `login`, `name`, `mail`, `language` and
    /// `groups`, in one of the five languages; at most 1,000 people.
    pub csv: String,
    /// Only say what would become of it.
    pub dry_run: bool,
    /// Invite everybody who is added; by a person only.
    #[serde(default)]
    pub invite: bool,
    /// The language of those of whom the list says none: `fr`, `nl`, `ca`, `es` or `en`; that of the
    /// settings if absent.
    #[serde(default)]
    pub language: Option<String>,
}

/// Why a list cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListProblem {
    /// Nothing is in it.
    Empty,
    /// A spreadsheet in its program's own format: it is to be saved as CSV.
    Workbook,
    /// No text.
    NotText,
    /// The first line names no column `login`.
    NoLogin,
    /// More than 1,000 people.
    TooMany,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineProblem {
    /// There is no login.
    LoginMissing,
    /// The login holds what no login may.
    LoginMalformed,
    /// The same login stands in an earlier line.
    LoginTwice,
    /// The name is too long, or holds what is not shown.
    NameMalformed,
    /// The mail address is none.
    MailMalformed,
    /// The language is none of the five.
    LanguageUnknown,
    /// A group's name is too long, or holds what is not shown.
    GroupMalformed,
    /// More than 16 groups.
    GroupsTooMany,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They are added.
    Add,
    /// They are there already, and stay as they are.
    Known,
    /// Something is wrong with it.
    Wrong,
}

/// Somebody of the list.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// The line of the file.
    pub line: u64,
    /// Login to be.
    pub login: String,
    /// Display name to be.
    pub name: String,
    /// Mail address to be.
    pub mail: Option<String>,
    /// Language to be.
    pub language: String,
    /// Names of groups to be in.
    pub groups: Vec<String>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// All that is wrong with it.
    pub problems: Vec<LineProblem>,
    /// Their invitation. Its token is shown this once.
    pub invitation: Option<InvitationIssued>,
}

/// What becomes of a list.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// It is done; or else nothing is.
    pub imported: bool,
    /// Why it cannot be read at all.
    pub problem: Option<ListProblem>,
    /// Everybody, in the order of the list.
    pub people: Vec<Imported>,
    /// Groups that are added.
    pub new_groups: Vec<String>,
    /// Headers of columns that mean nothing here.
    pub ignored: Vec<String>,
}

impl From<Unreadable> for ListProblem {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Empty => Self::Empty,
            Unreadable::Workbook => Self::Workbook,
            Unreadable::NotText => Self::NotText,
            Unreadable::NoLogin => Self::NoLogin,
            Unreadable::TooMany => Self::TooMany,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(import_people))
}

/// Adds everybody of a list, or says what would become of it. If anything is wrong with it, nobody is added.
#[utoipa::path(post, path = "/users/import", tag = "users", request_body = ImportPeople, responses((status = 200, body = ImportReport), Problems))]
async fn import_people(
    admin: Admin,
    State(api): State<Arc<Api>>,
    Body(import): Body<ImportPeople>,
) -> Answer<Json<ImportReport>> {
    let language = input::language(import.language.as_deref().unwrap_or(&api.site().home_work.language))?;
    let file = BASE64_STANDARD.decode(&import.csv);
    let file = file.map_err(|_| ApiError::Invalid("csv: a file's bytes in base64 are expected".into()))?;
    let mut report = match people(&file) {
        Ok(list) => judged(&api, list, &language).await?,
        Err(why) if import.dry_run => ImportReport { problem: Some(why.into()), ..nobody() },
        Err(why) => return Err(ApiError::Invalid(format!("csv: {why}"))),
    };
    if matches!(admin.actor, Actor::Token(_)) && (import.invite || !report.new_groups.is_empty()) {
        let instead = "a token invites nobody by a list, and adds no groups: use /invitations and /groups";
        return Err(ApiError::Forbidden(Slug::NotAllowed, instead));
    }
    if import.dry_run {
        return Ok(Json(report));
    }
    if let Some(wrong) = report.people.iter().find(|p| p.outcome == Outcome::Wrong) {
        let line = wrong.line;
        return Err(ApiError::Invalid(format!("csv: line {line} is wrong, so nobody was added; a dry run tells more")));
    }
    add(&api, admin.actor, &mut report, import.invite).await?;
    Ok(Json(report))
}

fn nobody() -> ImportReport {
    ImportReport { imported: false, problem: None, people: Vec::new(), new_groups: Vec::new(), ignored: Vec::new() }
}

/// What would become of this list.
async fn judged(api: &Api, list: People, language: &str) -> Answer<ImportReport> {
    let known: BTreeSet<String> = api.store.users().await?.into_iter().map(|u| u.login).collect();
    let groups: BTreeSet<String> = api.store.groups().await?.into_iter().map(|g| g.name).collect();
    let mut seen = BTreeSet::new();
    let people: Vec<_> = list.rows.into_iter().map(|row| judge(&row, language, &known, &mut seen)).collect();
    let added = people.iter().filter(|p| p.outcome == Outcome::Add);
    let new: BTreeSet<&String> = added.flat_map(|p| &p.groups).filter(|name| !groups.contains(*name)).collect();
    let new_groups = new.into_iter().cloned().collect();
    let ignored = list.ignored.iter().map(|header| shown(header)).collect();
    Ok(ImportReport { people, new_groups, ignored, ..nobody() })
}

fn judge(row: &Row, language: &str, known: &BTreeSet<String>, seen: &mut BTreeSet<String>) -> Imported {
    let mut problems = Vec::new();
    let mut checked = |result: Answer<String>, problem, typed: &str| {
        result.unwrap_or_else(|_| {
            problems.push(problem);
            shown(typed)
        })
    };
    let missing = if row.login.is_empty() { LineProblem::LoginMissing } else { LineProblem::LoginMalformed };
    let login = checked(input::login(&row.login), missing, &row.login);
    let name = if row.name.is_empty() { &login } else { &row.name };
    let name = checked(input::name(name), LineProblem::NameMalformed, name);
    let mail = (!row.mail.is_empty())
        .then(|| checked(input::mail_in("mail", &row.mail), LineProblem::MailMalformed, &row.mail));
    let wanted = if row.language.is_empty() { language } else { &row.language };
    let language = checked(input::language(wanted), LineProblem::LanguageUnknown, wanted);
    let mut groups: Vec<_> =
        row.groups.iter().map(|g| checked(group_name(g), LineProblem::GroupMalformed, g)).collect();
    if !login.is_empty() && !seen.insert(login.clone()) {
        problems.push(LineProblem::LoginTwice);
    }
    if groups.len() > MOST_GROUPS {
        groups.truncate(MOST_GROUPS);
        problems.push(LineProblem::GroupsTooMany);
    }
    if problems.contains(&LineProblem::LoginMissing) {
        // A name that was to be made of it is not what is wrong.
        problems.retain(|p| *p != LineProblem::NameMalformed || !row.name.is_empty());
    }
    problems.dedup();
    let outcome = match problems.is_empty() {
        false => Outcome::Wrong,
        true if known.contains(&login) => Outcome::Known,
        true => Outcome::Add,
    };
    Imported { line: row.line, login, name, mail, language, groups, outcome, problems, invitation: None }
}

/// In one transaction: whoever was added meanwhile by somebody else ends all of it.
async fn add(api: &Api, actor: Actor, report: &mut ImportReport, invite: bool) -> Answer<()> {
    let mut write = api.store.write(Moment::now(), actor).await?;
    for group in &report.new_groups {
        write.add_group(group).await?;
    }
    for person in report.people.iter_mut().filter(|p| p.outcome == Outcome::Add) {
        let mut groups = BTreeSet::new();
        for name in &person.groups {
            groups.insert(write.group_named(name).await?);
        }
        let Imported { login, name, mail, language, .. } = person.clone();
        let user = write.add_user(&NewUser { login, name, mail, language, role: Role::User, groups }).await?;
        if invite {
            // Told from what is written: once it is committed nothing may fail, or the tokens are lost.
            let token = Token::generate()?;
            let id = write.invite(user, &token.hash()).await?;
            let invitation = write.invitation(id).await?;
            person.invitation = Some(InvitationIssued::new(api, invitation.into(), &token));
        }
    }
    write.commit().await?;
    report.imported = true;
    Ok(())
}
