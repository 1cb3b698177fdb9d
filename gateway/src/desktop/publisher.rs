//! Who signs the gateway's `.rdp` files: made when the first is asked for, kept, and replaced before it grows too old.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use provisioning::authority::{Authority, PUBLISHER_DAYS};
use provisioning::publisher::Publisher;

use super::Desk;
use crate::audit::Actor;
use crate::clock::Unix;
use crate::store::Moment;

/// So long before its end another takes its place: IT has to distribute what it is known by.
const BEFORE: u32 = 90;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Desk {
    /// Who signs now.
    ///
    /// # Errors
    /// The database does not answer, or no key can be made.
    pub async fn publisher(self: &Arc<Self>) -> anyhow::Result<Arc<Publisher>> {
        let desk = self.clone();
        // Whoever hangs up does not have it begun anew.
        tokio::spawn(async move { desk.signs().await }).await?
    }

    async fn signs(&self) -> anyhow::Result<Arc<Publisher>> {
        let mut known = self.publisher.lock().await;
        let now = Moment::now();
        if let Some((publisher, _)) = known.as_ref().filter(|(_, renew_at)| now.wall < *renew_at) {
            return Ok(publisher.clone());
        }
        let kept = self.store.publisher().await?.filter(|(_, renew_at)| now.wall < *renew_at);
        let (publisher, renew_at) = match kept {
            Some(kept) => kept,
            None => self.made(now).await?,
        };
        let publisher = Arc::new(publisher);
        *known = Some((publisher.clone(), renew_at));
        Ok(publisher)
    }

    async fn made(&self, now: Moment) -> anyhow::Result<(Publisher, Unix)> {
        anyhow::ensure!(self.store.clock_is_believed(now).await?, "the gateway's clock is wrong");
        let site = self.store.site().await?.context("the site")?;
        let renew_at = now.wall + DAY * (PUBLISHER_DAYS - BEFORE);
        // Primes take their time.
        let (publisher, key) = tokio::task::spawn_blocking(move || {
            let authority = Authority::from_pem(&site.ca_certificate, &site.ca_key).context("the internal CA")?;
            let made = Publisher::new_at(&authority, &site.organisation, now.wall.seconds());
            made.context("make a key for .rdp files")
        })
        .await??;
        let mut write = self.store.write(now, Actor::System).await?;
        write.set_publisher(&publisher, &key, renew_at).await?;
        write.commit().await?;
        // Another gateway of the site may have been quicker.
        self.store.publisher().await?.context("who signs .rdp files")
    }
}
