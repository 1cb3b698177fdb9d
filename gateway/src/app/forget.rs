//! Every day, and at each start: what has been kept for long enough is forgotten.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::DAY;
use crate::reconcile::Reconciler;
use crate::store::retention::BATCH;
use crate::store::{Moment, Store};

/// Between two batches, for whoever wants to write.
const BREATH: Duration = Duration::from_millis(200);

/// Goes on for as long as the process does.
pub(super) async fn forget_daily(store: Arc<Store>, reconciler: Reconciler) {
    let mut day = interval(DAY);
    day.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        day.tick().await;
        loop {
            let keep = reconciler.site().retention;
            match store.within_patience(store.forget(&keep, Moment::now())).await {
                Ok(BATCH..) => sleep(BREATH).await,
                Ok(rows) => break tracing::debug!(rows, "what was kept for long enough is forgotten"),
                // On a full disk nothing can be deleted either: tomorrow.
                Err(e) => {
                    let error = format!("{:#}", anyhow::Error::from(e));
                    break tracing::warn!(error, "old lines of the audit cannot be forgotten, trying again tomorrow");
                }
            }
        }
    }
}
