//! How the gateway and its devices are doing.

use super::Context;
use super::moment::{lasting, local};
use super::output::{or_dash, say, say_json, table};
use crate::http::status::{LinkState, PeerStatus, Status};

pub(super) fn status(context: &Context) -> anyhow::Result<()> {
    let status: Status = context.client.get("status")?;
    if context.json {
        return say_json(&status);
    }
    for line in sentences(&status) {
        say(line);
    }
    if status.peers.is_empty() {
        say("\nNo device has a tunnel yet. Invite somebody with `passerelle invitation add LOGIN`.");
        return Ok(());
    }
    let rows: Vec<_> = status.peers.iter().map(row).collect();
    say(format_args!("\n{}", table(&["USER", "DEVICE", "DOOR", "HEARD", "FROM", "RECEIVED", "SENT"], &rows)));
    Ok(())
}

/// The state in words, worst first.
fn sentences(status: &Status) -> Vec<String> {
    let mut lines = vec![format!("{} · {} · passerelle {}", status.organisation, status.public_name, status.version)];
    if status.link == LinkState::Down {
        lines.push(
            "TROUBLE: the data plane (`passerelle net`) does not answer; tunnels go on, nothing new is granted. \
             See `journalctl -u passerelle-net`."
                .to_owned(),
        );
    }
    match (&status.firewall.problem, status.firewall.in_force) {
        (Some(problem), _) => lines.push(format!("TROUBLE: the second lock (nftables): {problem}")),
        (None, false) => {
            lines.push("TROUBLE: the second lock (nftables) is not in force yet; nothing new is opened.".to_owned())
        }
        (None, true) => {}
    }
    if let Some(at) = status.restored_at {
        lines.push(format!(
            "TROUBLE: this database was put back from before (noticed {}). It does not know whom you have shut out since. \
             Nobody signs in until you have looked through `passerelle user list` and `passerelle device list`, shut out \
             again who must stay out, and run `passerelle user confirm`.",
            local(at)
        ));
    }
    if !status.clock_believed {
        lines.push(
            "TROUBLE: the clock stands before the last time this gateway noted, or far ahead of it. Nobody signs in. Set it \
             right (`timedatectl`); when it is, run `passerelle user confirm`."
                .to_owned(),
        );
    }
    if let Some(problem) = &status.storage {
        lines.push(format!(
            "TROUBLE: the database stores nothing ({problem}). Nobody signs in, what is open goes on, cutting off works. \
             Free space on the disk (`df -h`), or bring the database back."
        ));
    }
    if status.waiting_cuts > 0 {
        lines.push(format!("{} that you cut off wait to be stored; they are in force.", status.waiting_cuts));
    }
    if status.carried_out < status.epoch {
        lines.push(format!("A change is under way: {} of {} carried out.", status.carried_out, status.epoch));
    }
    if lines.len() == 1 {
        lines.push("All is well: both locks are in force.".to_owned());
    }
    if let Some(at) = status.firewall.rebuilt_at {
        lines.push(format!("Another program changed our firewall table; rebuilt {}.", local(at)));
    }
    lines.push(format!("Site network {} and {}, zone {}", status.site_v4, status.site_v6, status.zone));
    lines.push(format!("Public key {}", status.public_key));
    lines
}

fn row(peer: &PeerStatus) -> Vec<String> {
    vec![
        peer.login.clone(),
        peer.name.clone(),
        peer.open_for_ms.map_or_else(|| "locked".to_owned(), |ms| format!("open, another {}", lasting(ms))),
        peer.heard_ms.map_or_else(|| "never".to_owned(), |ms| format!("{} ago", lasting(ms))),
        or_dash(peer.endpoint),
        bytes(peer.rx),
        bytes(peer.tx),
    ]
}

/// Decimal, three digits: `950 B`, `1.2 kB`, `34 MB`.
pub(super) fn bytes(count: u64) -> String {
    let mut unit = 0;
    let mut whole = count;
    let mut rest = 0;
    while whole >= 1000 && unit < UNITS.len() - 1 {
        rest = whole % 1000 / 100;
        whole /= 1000;
        unit += 1;
    }
    if unit > 0 && whole < 10 { format!("{whole}.{rest} {}", UNITS[unit]) } else { format!("{whole} {}", UNITS[unit]) }
}

const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        for (count, text) in
            [(0, "0 B"), (999, "999 B"), (1_234, "1.2 kB"), (34_500_000, "34 MB"), (u64::MAX, "18446744 TB")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}
