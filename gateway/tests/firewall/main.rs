//! The second lock on the real kernel, in network namespaces of its own (`pfw-…`). Needs root; without, says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod office;

use std::time::Duration;

use gateway::clock::Boot;
use gateway::firewall::{Firewall, Options};
use office::{Office, PORTS, ms, state};

fn firewall(table: &str) -> Firewall {
    Firewall::new(Options { table: table.into(), ..Options::new("pass0", PORTS) }).unwrap()
}

#[test]
fn loads_and_changes_by_elements() {
    let Some(office) = Office::new("load") else { return };
    office.gateway(|| {
        let mut firewall = firewall("passerelle");
        let now = Boot::now();
        let closed = state(3, None);
        firewall.bring_to(&closed, now).unwrap();
        let open = state(3, Some(Duration::from_secs(3600)));
        firewall.bring_to(&open, now).unwrap();
        let text = office::nft("list ruleset");
        println!("{text}");
        assert!(text.contains("10.99.1.1 timeout 1h"), "{text}");
        firewall.bring_to(&closed, now + ms(10)).unwrap();
        assert!(!office::nft("list set inet passerelle open4").contains("10.99.1.1"));
    });
}
