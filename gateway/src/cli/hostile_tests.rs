//! Bad input in every argument of every command that asks a gateway: a sentence, and nothing is stored.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::*;
use crate::http::tests::Gateway;

/// A gateway that answers the command line.
struct Office {
    runtime: tokio::runtime::Runtime,
    gateway: Gateway,
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        std::fs::write(folder.path().join("c.toml"), format!("state_dir = \"{at}\"\nruntime_dir = \"{at}\"\n"))
            .unwrap();
        let gateway = runtime.block_on(Gateway::new());
        let router = gateway.router();
        let socket = Config::load(Some(&folder.path().join("c.toml"))).unwrap().api_socket();
        runtime.spawn(async move { crate::http::listen::local(&socket, router).await });
        let office = Self { runtime, gateway, folder };
        let mut tries = 0;
        while office.run(&["group", "add", "staff"]).is_err() {
            tries += 1;
            assert!(tries < 500, "nobody listens");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for words in [
            &["share", "add", "files", "192.168.1.20"][..],
            &["service", "add", "intranet", "192.168.1.21", "--port", "443"],
            &["workstation", "add", "pc1", "192.168.1.22"],
            &["network", "add", "floor", "192.168.1.0/24"],
        ] {
            office.run(words).unwrap();
        }
        office
    }

    /// What a person is told who types this: the error, if it is one.
    fn run(&self, words: &[&str]) -> Result<(), String> {
        let config = self.folder.path().join("c.toml");
        let config = ["passerelle", "--config", config.to_str().unwrap()];
        let typed = config.iter().chain(words).map(std::ffi::OsString::from).collect();
        let typed: Vec<std::ffi::OsString> = legible(typed).map_err(|e| e.to_string())?;
        let arguments = Arguments::try_parse_from(typed).map_err(|e| {
            assert!(!matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion), "{words:?}");
            e.render().to_string()
        })?;
        dispatch(arguments).map(drop).map_err(|e| format!("{e:#}"))
    }

    fn stored(&self) -> Vec<String> {
        self.runtime.block_on(self.gateway.stored())
    }
}

/// A command line that is right; what is in angle brackets is put in turn to every wrong value. Of a `name`, any text
/// that can be read is right.
const TABLE: [&str; 54] = [
    "why <user:anne> <resource:files> --at <at:8h>",
    "user add <login:zoe> --name <name:Zoe> --mail <mail:zoe@example.org> --language <language:fr> --group <groups:staff>",
    "user show <user:anne>",
    "user change <user:anne> --name <name:Anne> --language <language:fr> --role <role:user>",
    "user disable <user:anne> --yes",
    "user erase <user:anne> --yes",
    "user enable <user:anne>",
    "user group <user:anne> <exactly:staff>",
    "user group <user:anne> --add <add:staff> --remove <remove:staff>",
    "user mail <user:anne> <address:anne@example.org>",
    "group add <name:others>",
    "group remove <group:staff> --yes",
    "device add <user:anne> <name:tablet> --public-key <public_key:KEY>",
    "device list --user <user:anne>",
    "device show <device:anne/laptop>",
    "device config <device:anne/laptop>",
    "device disable <device:anne/laptop> --yes",
    "device enable <device:anne/laptop>",
    "device revoke <device:anne/laptop> --yes",
    "share add <name:more> <addresses:192.168.1.30> --dns-name <dns_names:more.office.example>",
    "share move <which:files> <to:192.168.1.31>",
    "share remove <which:files> --yes",
    "service add <name:web> <addresses:192.168.1.32> --port <ports:443> --dns-name <dns_names:web.office.example>",
    "workstation add <name:pc2> <addresses:192.168.1.33> --dns-name <dns_names:pc2.office.example>",
    "workstation show <which:pc1>",
    "workstation change <which:pc1> --mac <macs:3c:52:82:11:22:33> --wake-hours <wake_hours:Mo-Fr 07:30-18:00> \
     --sleep-again <sleep_again:true> --forget-certificate",
    "workstation sleep <which:pc1>",
    "desktop end <desktop:none>",
    "desktop tell <desktop:none> <text:Please sign out by six.>",
    "pool add <name:CAD> --workstation <workstations:pc1> --seats <seats:2> --longest-booking-minutes <longest_booking_minutes:60> \
     --desktop-idle-minutes <desktop_idle_minutes:30> --desktop-longest-minutes <desktop_longest_minutes:60>",
    "pool change <pool:none> --name <name:CAD> --workstation <workstations:pc1> --seats <seats:2> --longest-booking-minutes \
     <longest_booking_minutes:60> --desktop-idle-minutes <desktop_idle_minutes:30> --desktop-longest-minutes <desktop_longest_minutes:60>",
    "pool remove <pool:none> --yes",
    "booking list --until <until:8h>",
    "booking remove <booking:none> --yes",
    "desktop admit <user:anne> <workstation:pc1> --yes",
    "wake <which:pc1> --no-wait",
    "agent token --workstation <workstation:pc1> --until <until:8h>",
    "agent token --uses <uses:2> --hosts <hosts:/nowhere/hosts.csv>",
    "agent revoke-token <id:none>",
    "agent approve <which:none> --workstation <workstation:pc1>",
    "agent approve <which:none> other",
    "agent revoke <which:none> --yes",
    "network add <name:wing> <networks:192.168.2.0/24> --port <ports:443>",
    "policy add <group:staff> <resource:files> --hours <hours:Mo-Fr 07:00-20:00> --until <until:8h>",
    "policy remove <which:staff> <which:files> --yes",
    "invitation add <user:anne>",
    "invitation revoke <invitation:none>",
    "verification end <verification:none>",
    "settings change --organisation <name:Us> --endpoint <endpoint:a.example.org:443> --office-interface \
     <office_interface:eth1> --time-zone <time_zone:Europe/Brussels> --resolver <resolvers:192.168.1.1> --office-zone \
     <office_zones:corp.lan> --masquerade <masquerade:true> --passkeys <passkeys:true> \
     --keep-audit <keep_audit:183,365,365> --agent-names <agent_names:true> \
     --ask-people <ask_people:true> --desktops-outside <desktops_outside:true> --program <programs:Sage=/opt/sage> \
     --verification-minutes <verification_minutes:480> --idle-minutes \
     <idle_minutes:60> --desktop-idle-minutes <desktop_idle_minutes:30> --desktop-longest-minutes <desktop_longest_minutes:480> --language <language:fr> --contact-phone <name:+32 2 123> --contact-mail \
     <name:it@example.org> --contact-text <name:IT> --link <links:Intranet=https://intranet.example>",
    "settings mail set <host:mail.example.org> --from <from:gate@example.org> --security <security:tls> --port <port:465>",
    "settings mail test <address:ilse@example.org>",
    "token add <name:backup> --scope <scopes:users:read> --until <until:8h>",
    "token revoke <which:none>",
    "audit --since <since:30d> --before <before:8h> --event <event:user_added> --user <user:anne> --limit <limit:5>",
];

/// Commands that ask no gateway, and what asks a person.
const ELSEWHERE: [&str; 8] = ["setup", "doctor", "completions", "man", "run", "net", "serve", "invitation redeem"];

const LEGIBLE: [&str; 12] = [
    "a\"b",
    "a'b",
    "a`b;c$(d)",
    "../../a",
    "",
    " ",
    "-",
    "🦀",
    "%00",
    "{\"a\":1}",
    "-1",
    "9999999999999999999999999999999999999999999999999999999999999999999",
];

/// Each piece of a line: a word, or the name of an argument and a good value.
fn pieces(line: &str) -> Vec<(Option<&str>, &str)> {
    let mut rest = line;
    let mut all = Vec::new();
    while let Some(at) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[at..];
        match rest.strip_prefix('<') {
            Some(after) => {
                let (inside, after) = after.split_once('>').unwrap();
                let (name, value) = inside.split_once(':').unwrap();
                all.push((Some(name), value));
                rest = after;
            }
            None => {
                let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                all.push((None, word));
                rest = after;
            }
        }
    }
    all
}

#[test]
fn nonsense_in_any_argument_is_refused_in_a_sentence_and_stores_nothing() {
    let office = Office::new();
    let long = "x".repeat(LONGEST);
    let longer = "x".repeat(64 * 1024);
    let illegible = ["a\nb", "a\u{1b}[2Jb", "a\u{202e}b", "a\tb", longer.as_str()];
    let (key, before) = (crate::store::tests::key(), office.stored());
    for line in TABLE {
        let pieces = pieces(line);
        let free = ["user", "device", "group", "token", "settings", "pool"].iter().any(|noun| line.starts_with(noun));
        for (at, (name, _)) in pieces.iter().enumerate().filter_map(|(at, (name, v))| Some((at, ((*name)?, v)))) {
            let legible = LEGIBLE.into_iter().chain([long.as_str()]).map(|text| (text, true));
            for (bad, legible) in legible.chain(illegible.map(|text| (text, false))) {
                // Linux lets an interface be called so.
                let interface = name == "office_interface" && bad.starts_with('-');
                if legible && (name == "name" && free || interface) {
                    continue;
                }
                let good = |word| if word == "KEY" { key.as_str() } else { word };
                let words: Vec<&str> =
                    pieces.iter().enumerate().map(|(n, (_, word))| if n == at { bad } else { good(*word) }).collect();
                let start: String = bad.chars().take(20).collect();
                let said = office.run(&words).expect_err(&format!("{line}: {name} = {start:?}"));
                let what = format!("{line}: {name} = {start:?}: {said}");
                // A list of all that would have been right is told with it.
                assert!((10..LONGEST + 1500).contains(&said.len()), "{what}");
                assert!(!said.chars().any(|c| c != '\n' && crate::pure::shown::deceives(c)), "{what}");
                assert!(!said.contains("panicked") && !said.contains("Error {"), "{what}");
            }
        }
    }
    assert!(office.stored() == before, "something was stored");
    for name in ["Zoë \"Z\" O'Brien", "a`b;c$(d)", "../../a", "🦀"] {
        let login = format!("zoe{}", name.len());
        office.run(&["user", "add", &login, "--name", name]).unwrap();
        assert!(office.stored().iter().any(|list| list.contains(&serde_json::json!(name).to_string())), "{name}");
        office.run(&["device", "add", "anne", name, "--public-key", &crate::store::tests::key()]).unwrap();
        office.run(&["group", "add", name]).unwrap();
    }
}

#[test]
fn every_argument_has_its_place_in_the_table() {
    fn walk(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            let path = path.trim();
            if ELSEWHERE.contains(&path) {
                continue;
            }
            let rows: Vec<_> = TABLE.iter().filter(|row| row.starts_with(path)).flat_map(|row| pieces(row)).collect();
            for argument in sub.get_arguments().filter(|a| a.get_action().takes_values()) {
                let id = argument.get_id().as_str();
                // The same three commands for each kind of what is published.
                let shared = ["move", "remove"].contains(&sub.get_name()) && ["which", "to"].contains(&id);
                let alias = if id == "organisation" || id.starts_with("contact_") { "name" } else { id };
                if !["config", "output", "rules", "as_user", "agent_name"].contains(&id)
                    && !shared
                    && !rows.iter().any(|(name, _)| *name == Some(alias))
                {
                    missing.push(format!("{path} {id}"));
                }
            }
            walk(sub, path, missing);
        }
    }
    let mut missing = Vec::new();
    walk(&Arguments::command(), "", &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}
