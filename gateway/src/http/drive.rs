//! A share, as a file that adds it to somebody's own computer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use provisioning::drive::{self, Drive, Folder, Host};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Verified;
use super::door::{granted, name_of};
use super::error::{Answer, ApiError, Problems};
use super::input::Asked;
use crate::store::Moment;
use crate::store::resources::ResourceKind;

/// The system of the computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriveSystem {
    /// Windows: a command file to double-click.
    Windows,
    /// Windows: a PowerShell script, for IT.
    Powershell,
    /// macOS: an internet location.
    Macos,
    /// Linux with GVfs: a shell script.
    Linux,
}

/// Query of `GET /api/v1/door/drive`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskDrive {
    /// The share's name.
    pub resource: String,
    /// For which system.
    #[param(inline)]
    pub system: DriveSystem,
    /// A folder of the server that is shared by this name; the whole server if absent.
    #[serde(default)]
    pub folder: Option<String>,
    /// In which language the file speaks; English if absent.
    #[serde(default)]
    pub language: Option<String>,
}

/// A file for somebody's own computer. It holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DriveFile {
    /// What to call it.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// The place by itself, such as `smb://files.office.example/accounts`.
    pub address: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(read_drive))
}

/// A file that adds a share to the computer; only of shares that the open door of this device may reach.
#[utoipa::path(get, path = "/door/drive", tag = "door", params(AskDrive), responses((status = 200, body = DriveFile), Problems))]
async fn read_drive(
    caller: Verified,
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<AskDrive>,
) -> Answer<Json<DriveFile>> {
    let share = granted(&api, &caller.device, &asked.resource, Moment::now()).await?;
    if share.kind != ResourceKind::Share {
        return Err(ApiError::Invalid("resource: a share is expected".into()));
    }
    let invalid = |e: drive::Bad| ApiError::Invalid(format!("folder: {e}"));
    let folder = asked.folder.as_deref().map(str::trim).filter(|f| !f.is_empty());
    let folder = folder.map(str::parse::<Folder>).transpose().map_err(invalid)?;
    let host = |name: &str| name.parse::<Host>().map_err(|e| ApiError::Internal(e.into()));
    let drive = Drive {
        server: host(&name_of(&api, &share))?,
        folder,
        portal: host(&api.site().public_name)?,
        language: drive::Language::of(asked.language.as_deref().unwrap_or_default()),
    };
    let file = match asked.system {
        DriveSystem::Windows => drive.command_file(),
        DriveSystem::Powershell => drive.powershell(),
        DriveSystem::Macos => drive.webloc(),
        DriveSystem::Linux => drive.shell(),
    };
    Ok(Json(DriveFile { name: file.name, text: file.text, address: drive.address() }))
}
