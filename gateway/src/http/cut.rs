//! Taking access away: the one kind of change that is carried out even when the database stores nothing.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::error::{Answer, Named as _};
use super::input;
use super::users::CarriedOut;
use crate::audit::Actor;
use crate::ids::{DeviceId, TokenId};
use crate::pure::cut::{By, What};
use crate::reconcile::Wait;
use crate::store::cuts::Kept;
use crate::store::devices::Device;
use crate::store::users::Role;
use crate::store::{self, Moment};

/// Where a change is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// In the database.
    #[default]
    Yes,
    /// In a file beside it, until the database stores again: it is in force, also after a restart.
    Soon,
    /// In memory alone, until the database stores again: it is in force, and lost with a restart before.
    InMemory,
}

/// What handlers answer that cut: 200, or 202 while it is being stored.
pub(super) type CutAnswer = Answer<(StatusCode, Json<CarriedOut>)>;

impl Api {
    /// Cuts, in the database if it stores, and otherwise without it.
    pub(super) async fn cut(&self, what: What, actor: Actor, from: Moment) -> CutAnswer {
        let (epoch, stored) = self.cut_or_keep(what, actor, from).await?;
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.store.known_epoch(),
        };
        let status = if stored == Stored::Yes { StatusCode::OK } else { StatusCode::ACCEPTED };
        let closed_in_ms = Moment::now().boot.0.saturating_sub(from.boot.0);
        Ok((status, Json(CarriedOut { epoch, closed_in_ms, stored })))
    }

    /// Cuts; the answer is the epoch of the change, if the database has it and it changed something, and where it is kept.
    pub(super) async fn cut_or_keep(&self, what: What, actor: Actor, from: Moment) -> Answer<(Option<u64>, Stored)> {
        // What is known to fail is not waited for.
        let stores = self.reconciler.health().storage.is_none();
        let late = Err(store::Error::Database(sqlx::Error::PoolTimedOut));
        let asked = async {
            if stores { self.store.within_patience(self.store.cut(what, actor.clone(), from)).await } else { late }
        };
        match asked.await {
            Ok(epoch) => {
                self.reconciler.carry_out(epoch, Wait::Closed).await?;
                return Ok((epoch, Stored::Yes));
            }
            Err(e) if e.is_of_storage() => {
                tracing::warn!(error = %anyhow::Error::from(e), "cutting without the database")
            }
            Err(e) => return Err(e.into()),
        }
        let by = self.store.within_patience(async { Ok(self.store.by(&actor).await) }).await;
        // Who it was could not be asked: nobody rather than root.
        let by = by.unwrap_or(match actor {
            Actor::Token(_) => By::Token(TokenId(Uuid::nil())),
            _ => By::Local,
        });
        let kept = self.store.cut_without_database(what, by, from).await?;
        self.reconciler.carry_out_cuts().await?;
        Ok((None, if kept == Kept::InFile { Stored::Soon } else { Stored::InMemory }))
    }

    /// A device to cut, by id or `login/name`; from what was read last if the database cannot be read.
    pub(super) async fn device_to_cut(&self, which: &str) -> Answer<Device> {
        let found = match which.parse::<DeviceId>() {
            Ok(id) => self.store.within_patience(self.store.device(id)).await,
            Err(_) if which.contains('/') => {
                let id = self.store.known_device(which).ok_or(store::Error::NotFound("device")).named(which)?.id;
                self.store.within_patience(self.store.device(id)).await
            }
            Err(_) => self.store.within_patience(self.store.device(input::id("device", which)?)).await,
        };
        match found {
            Err(e) if e.is_of_storage() => self.store.known_device(which).ok_or_else(|| e.into()),
            other => other.named(which),
        }
    }

    /// A person to cut, by id or login; from what was read last if the database cannot be read.
    pub(super) async fn user_to_cut(&self, which: &str) -> Answer<(crate::ids::UserId, Role)> {
        match self.store.within_patience(self.store.user(which)).await {
            Ok(user) => Ok((user.id, user.role)),
            Err(e) if e.is_of_storage() => self.store.known_user(which).ok_or_else(|| e.into()),
            Err(e) => Err(e).named(which),
        }
    }
}
