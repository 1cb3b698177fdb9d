//! What outlives a restart, written down in one change every few seconds: a thousand agents that come back at once are one
//! write, not a thousand. And what time alone changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Fleet, Notes};
use crate::audit::Actor;
use crate::clock::Unix;
use crate::reconcile::Published;
use crate::store::Moment;

/// Written down this often; what a power cut takes is this much.
const EVERY: Duration = Duration::from_secs(5);

/// Steps of timelines kept while the database stores nothing: beyond this the oldest are left out.
const MOST: usize = 10_000;

/// Keeps the fleet in step with what is published, and the database with the fleet, for as long as it runs.
pub async fn keep(fleet: Arc<Fleet>, mut published: watch::Receiver<Published>) {
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            changed = published.changed() => {
                // The reconciler has ended, and this process with it.
                if changed.is_err() {
                    return;
                }
                let resources = published.borrow_and_update().resources.clone();
                if let Err(e) = fleet.reload(&resources, Moment::now()).await {
                    tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "agents cannot be read");
                }
            }
            _ = tick.tick() => {
                fleet.tick(Unix::now());
                fleet.write_down().await;
            }
        }
    }
}

impl Fleet {
    /// Writes down what is noted; it stays noted if that fails.
    pub async fn write_down(&self) {
        let notes = std::mem::take(&mut self.lock().notes);
        if notes.agents.is_empty() && notes.steps.is_empty() && notes.macs.is_empty() {
            return;
        }
        if let Err(e) = self.store_notes(&notes).await {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(e)), "what agents told waits for the database");
            self.note_again(notes);
        }
    }

    async fn store_notes(&self, notes: &Notes) -> crate::store::Result<()> {
        let mut write = self.store.write(Moment::now(), Actor::System).await?;
        for (id, told) in &notes.agents {
            write.note_agent(*id, told).await?;
        }
        for (id, macs) in &notes.macs {
            write.saw_macs(*id, macs).await?;
        }
        for (id, step) in &notes.steps {
            write.step(*id, *step).await?;
        }
        write.commit().await?;
        Ok(())
    }

    fn note_again(&self, mut notes: Notes) {
        let mut inner = self.lock();
        let newer = std::mem::take(&mut inner.notes);
        for (id, mut told) in newer.agents {
            let before = notes.agents.remove(&id).and_then(|before| before.facts);
            told.facts = told.facts.or(before);
            notes.agents.insert(id, told);
        }
        notes.macs.extend(newer.macs);
        notes.steps.extend(newer.steps);
        let beyond = notes.steps.len().saturating_sub(MOST);
        notes.steps.drain(..beyond);
        inner.notes = notes;
    }
}
