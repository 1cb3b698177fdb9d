//! Tokens of programs. A token works on the office LAN only, within its scopes and its time; it makes no tokens, and
//! leaves administrators alone.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Person;
use super::error::{Answer, ApiError, Problems};
use super::input::{self, Body};
use crate::clock::Unix;
use crate::identity::api_token::{ApiToken, Scopes};
use crate::ids::TokenId;
use crate::store::Moment;
use crate::store::tokens as stored;
use crate::store::users::Role;

/// A token lives this long at most: a program that is still in use is looked at once a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Which one.
    pub id: TokenId,
    /// Its name.
    pub name: String,
    /// What it may do: `users:read`, `devices:write`, `all:read`.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// Made, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub created_at: Unix,
    /// Its end, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub until: Unix,
    /// Last used, to the minute, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub used_at: Option<Unix>,
    /// Taken back, in Unix milliseconds.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Unix>,
}

/// A new token: its secret is shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenIssued {
    /// The token.
    pub token: Token,
    /// For the header `Authorization: Bearer …`.
    pub secret: String,
}

/// The body of `POST /api/v1/tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddToken {
    /// What it is for.
    pub name: String,
    /// What it may do: `NOUN:read` or `NOUN:write`, which includes reading; `all` is every noun but tokens.
    pub scopes: Vec<String>,
    /// Its end, in Unix milliseconds: within a year.
    #[schema(value_type = i64)]
    pub until: Unix,
}

impl From<stored::Token> for Token {
    fn from(t: stored::Token) -> Self {
        Self {
            id: t.id,
            name: t.name,
            scopes: t.scopes.to_string().split(' ').map(str::to_owned).collect(),
            created_by: t.created_by,
            created_at: t.created_at,
            until: t.until,
            used_at: t.used_at,
            revoked_at: t.revoked_at,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list_tokens, add_token)).routes(routes!(revoke_token))
}

/// Every token, newest first.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses((status = 200, body = [Token]), Problems))]
async fn list_tokens(_: Person, State(api): State<Arc<Api>>) -> Answer<Json<Vec<Token>>> {
    Ok(Json(api.store.tokens().await?.into_iter().map(Into::into).collect()))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = AddToken, responses((status = 201, body = TokenIssued), Problems))]
async fn add_token(
    admin: Person,
    State(api): State<Arc<Api>>,
    Body(add): Body<AddToken>,
) -> Answer<(StatusCode, Json<TokenIssued>)> {
    let now = Moment::now();
    let name = input::name(&add.name)?;
    let scopes: Scopes = add.scopes.join(" ").parse().map_err(|e| ApiError::Invalid(format!("scopes: {e}")))?;
    let until = input::end(add.until, LONGEST, now.wall)?;
    let token = ApiToken::generate().map_err(|e| ApiError::Internal(e.into()))?;
    let mut write = api.store.write(now, admin.actor).await?;
    if let Some((user, token_hash)) = &admin.signed_in {
        write.still_signed_in(*user, token_hash, Role::Admin).await?;
    }
    let id = write.add_token(&name, &token.hash(), &scopes, until).await?;
    write.commit().await?;
    let stored = api.store.tokens().await?.into_iter().find(|t| t.id == id).ok_or(ApiError::NotFound)?;
    Ok((StatusCode::CREATED, Json(TokenIssued { token: stored.into(), secret: token.text().to_owned() })))
}

/// Takes a token back, for good.
#[utoipa::path(post, path = "/tokens/{token}/revoke", tag = "tokens", params(("token" = String, Path)), responses((status = 204), Problems))]
async fn revoke_token(admin: Person, State(api): State<Arc<Api>>, Path(token): Path<String>) -> Answer<StatusCode> {
    let mut write = api.store.write(Moment::now(), admin.actor).await?;
    write.revoke_token(&token).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
