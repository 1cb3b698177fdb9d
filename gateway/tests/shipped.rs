//! What must not be in the program people run.

#[test]
#[allow(clippy::unwrap_used)]
fn no_bug_can_be_planted_and_no_lock_switched_off_in_it() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_passerelle")).unwrap();
    let holds = |text: &str| program.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("PASSERELLE_LOG"), "names of variables are found");
    assert!(!holds("PASSERELLE_PLANTED"), "the unit tests' own");
    for name in ["PASSERELLE_TEST_OPEN", "PASSERELLE_NFT"] {
        assert_eq!(holds(name), cfg!(debug_assertions), "{name} is for debug builds");
    }
}
