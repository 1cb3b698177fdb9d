//! The `net` process.

/// Runs the data plane.
///
/// # Errors
/// Not there yet.
pub fn run(_: &crate::config::Config) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
