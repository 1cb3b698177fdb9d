//! What must not be in the program people run. `make test-all` looks at a release build besides.
#![allow(clippy::unwrap_used)]

fn holds(text: &str) -> bool {
    let program = std::fs::read(env!("CARGO_BIN_EXE_passerelle")).unwrap();
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_bug_can_be_planted_in_it() {
    assert!(holds("PASSERELLE_LOG"), "names of variables are found");
    assert!(!holds("PASSERELLE_PLANTED"), "the unit tests' own");
}

#[test]
fn a_lock_is_switched_off_in_debug_builds_alone() {
    for name in ["PASSERELLE_TEST_OPEN", "PASSERELLE_NFT"] {
        assert_eq!(holds(name), cfg!(debug_assertions), "{name}");
    }
}
