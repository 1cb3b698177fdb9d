//! The certificate of the internal authority, for machines to trust: no secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Public;
use super::error::{Answer, Problems};

/// What `GET /api/v1/authority` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authority {
    /// The certificate, in PEM (RFC 7468).
    pub certificate: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_authority))
}

/// The certificate of the internal authority, for machines to trust.
#[utoipa::path(get, path = "/authority", tag = "authority", responses((status = 200, body = Authority), Problems))]
async fn read_authority(_: Public, State(api): State<Arc<Api>>) -> Answer<Json<Authority>> {
    Ok(Json(Authority { certificate: api.site().ca_certificate.clone() }))
}
