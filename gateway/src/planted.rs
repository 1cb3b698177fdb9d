//! Bugs on purpose: proof that the tests of these promises would notice if a promise were broken.
//!
//! Only the unit tests' own build can plant one; in every other build [`planted`] is the constant `false`, and no
//! variable is read. Each bug takes a check away, so none turns a red test green.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident: $test:literal in $file:literal;)*) => {
        /// A promise that can be broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bug {
            $($(#[$doc])* $bug,)*
        }

        /// The bug, the one test that must turn red, and the end of the name of the file whose assertion must say so.
        #[cfg(test)]
        const TWINS: &[(Bug, &str, &str)] = &[$((Bug::$bug, $test, $file)),*];
    };
}

bugs! {
    /// The first lock judges what devices send, and lets every reply through.
    RepliesPass: "pure::lock::tests::the_lock_equals_decide_in_both_directions" in "pure/lock.rs";
    /// A device may speak for any inner source address.
    AnySource: "tunnel::tests::a_false_inner_source_is_dropped_without_a_word" in "tunnel/tests.rs";
    /// Message counters are used up to their last value.
    CountersRunOver: "tunnel::tests::counters_at_the_end_are_refused_before_the_library_sees_them" in "tunnel/tests.rs";
    /// A handshake cookie is good from every port of its address.
    CookieOfAnyPort: "tunnel::limiter::tests::under_load_a_client_gets_in_with_its_cookie_but_from_its_own_port_only" in "tunnel/limiter.rs";
    /// What stands in the second lock stays there until somebody takes it out.
    NoTimeout: "firewall::interpret::the_ruleset_says_what_decide_says" in "firewall/interpret.rs";
    /// Private addresses in DNS answers reach the device.
    PrivateAnswers: "dns::rewrite::tests::addresses" in "dns/rewrite_tests.rs";
    /// A device whose user has no confirmed second factor gets its tunnel.
    FactorNotAsked: "pure::plan::tests::a_device_is_sent_if_and_only_if_it_and_its_owner_stand" in "pure/plan.rs";
    /// The step of a code is not remembered.
    StepsForgotten: "store::tests::a_hundred_equal_codes_open_once_and_none_again" in "store/tests.rs";
    /// Wrong passwords and codes cost nothing.
    TriesNotCounted: "http::tests::journeys::known_and_unknown_are_told_to_wait_alike" in "journeys.rs";
    /// An invitation can be redeemed again.
    RedeemedAgain: "store::tests::an_invitation_is_redeemed_once" in "store/tests.rs";
    /// A token may do everything.
    ScopesIgnored: "http::tests::routes::a_token_is_good_within_its_scopes_and_its_time_and_never_for_administrators" in "routes.rs";
    /// A cookie is good on any device and by any door.
    CookieTravels: "http::tests::routes::a_cookie_is_good_by_its_own_door_and_device_only" in "routes.rs";
    /// Who is signed in is taken for an administrator.
    EverybodyIsIt: "http::tests::routes::every_route_by_every_door_for_every_caller" in "routes.rs";
    /// A header says by which door a request came.
    HeaderMakesADoor: "http::tests::routes::no_header_says_by_which_door_a_request_came" in "routes.rs";
    /// Pages of others may send requests.
    OriginNotAsked: "http::tests::routes::hosts_origins_types_and_headers" in "routes.rs";
    /// The API answers before the data plane has closed.
    AnsweredBeforeClosed: "http::tests::journeys::an_answer_comes_after_the_data_plane_has_closed" in "journeys.rs";
    /// A passkey that was copied is as good as the first.
    CopiesPass: "http::tests::passkeys::a_copied_passkey_is_refused_and_told_of" in "passkeys.rs";
    /// A database put back from before changes nothing.
    RestoredOpens: "app::tests::a_database_put_back_from_before_locks_every_door" in "app/tests.rs";
}

/// Whether this bug is planted: never, outside the unit tests.
#[cfg(not(test))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// Whether this process is the twin with this bug.
#[cfg(test)]
pub(crate) fn planted(bug: Bug) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var(tests::VARIABLE).ok()).as_ref().is_some_and(|name| *name == format!("{bug:?}"))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};
    use std::sync::Mutex;

    use super::{Bug, TWINS};

    /// Names the bug, in the processes that these tests start.
    pub(super) const VARIABLE: &str = "PASSERELLE_PLANTED";

    /// This very program once more, for these tests alone: whether all is green, and what it said.
    fn run(bug: Option<Bug>, tests: &[&str]) -> (bool, String) {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(tests).args(["--exact", "--test-threads=2"]).env_remove(VARIABLE);
        // The first case that fails is enough, and is no news to be kept.
        again.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        if let Some(bug) = bug {
            again.env(VARIABLE, format!("{bug:?}"));
        }
        let Output { status, stdout, stderr } = again.output().unwrap();
        (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }

    /// The test runs, alone, and fails by an assertion of its own: not by a panic elsewhere, not by a step on the way.
    fn turns_red(bug: Bug, test: &str, file: &str) -> Result<(), String> {
        let (green, said) = run(Some(bug), &[test]);
        let asserted = said.lines().any(|l| l.contains("panicked at ") && l.contains(&format!("{file}:")));
        let stumbled = said.contains("called `Result::") || said.contains("called `Option::");
        if !green && said.contains("0 passed; 1 failed") && asserted && !stumbled {
            return Ok(());
        }
        Err(format!("{bug:?}: {test} does not fail as it should:\n{said}"))
    }

    #[test]
    fn every_planted_bug_turns_its_test_red_and_without_it_the_test_is_green() {
        let names: Vec<&str> = TWINS.iter().map(|(_, test, _)| *test).collect();
        let (green, said) = run(None, &names);
        assert!(green && said.contains(&format!("test result: ok. {} passed; 0 failed", names.len())), "{said}");

        let waiting = Mutex::new(TWINS.iter());
        let wrong = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some((bug, test, file)) = { waiting.lock().unwrap().next() } {
                        if let Err(why) = turns_red(*bug, test, file) {
                            wrong.lock().unwrap().push(why);
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_test_that_does_not_notice_is_told() {
        let checksums = "pure::checksum::tests::the_example_of_rfc_1071";
        assert!(turns_red(Bug::AnySource, checksums, "pure/checksum.rs").is_err(), "green all the same");
        assert!(turns_red(Bug::AnySource, "no::such::test", "").is_err(), "not run at all");
        let (bug, test, _) = TWINS[0];
        assert!(turns_red(bug, test, "elsewhere.rs").is_err(), "red by something else");
    }
}
