//! Invitations sent by mail that nobody has opened are brought to mind once, before they end. The reminder holds no token:
//! we do not keep them. It follows the first letter, which does.

use std::sync::Arc;
use std::time::Duration;

use super::letters::Letter;
use super::{Outcome, Thread, Trouble, letters, send};
use crate::audit::Actor;
use crate::reconcile::Reconciler;
use crate::store::invitations::Invitation;
use crate::store::mail_server::MailServer;
use crate::store::site::Site;
use crate::store::{Moment, Result, Store};

/// How often it is looked for some: an hour more or less is none to somebody who has two days.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Reminds for as long as this runs. `from_home`: invitations can be opened there, too.
pub async fn keep_reminding(store: Arc<Store>, reconciler: Reconciler, from_home: bool) {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Err(e) = remind(&store, &reconciler.site(), from_home, Moment::now()).await {
            tracing::debug!(error = format!("{:#}", anyhow::Error::from(e)), "no reminders for now");
        }
    }
}

/// Sends the reminders that are due; how many there were.
///
/// # Errors
/// The database does not answer.
pub async fn remind(store: &Store, site: &Site, from_home: bool, now: Moment) -> Result<usize> {
    let Some(server) = store.mail_server().await? else { return Ok(0) };
    let mut sent = 0;
    for invitation in store.invitations_to_remind_of(now.wall).await? {
        let letter = letters::reminder(site, &invitation, from_home);
        sent += usize::from(one(store, site, &server, (&invitation, &letter), now).await?);
    }
    Ok(sent)
}

async fn one(
    store: &Store,
    site: &Site,
    server: &MailServer,
    (of, letter): (&Invitation, &Letter),
    now: Moment,
) -> Result<bool> {
    let Some(to) = &of.mail else { return Ok(false) };
    // Taken first: two letters are worse than one that is late.
    let mut write = store.write(now, Actor::System).await?;
    if !write.take_reminder(of.id, false).await? {
        return Ok(false);
    }
    write.commit().await?;
    let thread = Thread { id: None, follows: Some(of.id.to_string()) };
    let outcome = send(server, site, to, letter, &thread).await;
    let mut write = store.write(now, Actor::System).await?;
    if outcome.is_sent() {
        write.invitation_mailed(of, true).await?;
    } else if comes_back(&outcome) {
        write.take_reminder(of.id, true).await?;
    }
    write.commit().await?;
    Ok(outcome.is_sent())
}

/// Whether a later try may fare better: what a server does not take once, it does not take again.
fn comes_back(outcome: &Outcome) -> bool {
    outcome.trouble != Some(Trouble::Refused)
}
