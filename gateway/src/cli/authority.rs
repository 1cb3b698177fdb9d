//! The certificate that devices must trust so that their browsers trust the portal.

use super::Context;
use super::output::{say, say_json};
use crate::http::authority::Authority;
use crate::http::desktops::Publisher;

pub(super) fn publisher(context: &Context) -> anyhow::Result<()> {
    let publisher: Publisher = context.client.get("desktops/publisher")?;
    if context.json {
        return say_json(&publisher);
    }
    say(format_args!("{}SHA-1 thumbprint: {}", publisher.certificate, publisher.thumbprint));
    Ok(())
}

pub(super) fn authority(context: &Context) -> anyhow::Result<()> {
    let authority: Authority = context.client.get("authority")?;
    if context.json {
        return say_json(&authority);
    }
    say(authority.certificate.trim_end());
    Ok(())
}
