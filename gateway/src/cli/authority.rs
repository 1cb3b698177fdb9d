//! The certificate that devices must trust so that their browsers trust the portal.

use super::Context;
use super::output::{say, say_json};
use crate::http::authority::Authority;

pub(super) fn authority(context: &Context) -> anyhow::Result<()> {
    let authority: Authority = context.client.get("authority")?;
    if context.json {
        return say_json(&authority);
    }
    say(authority.certificate.trim_end());
    Ok(())
}
