//! What was ever said must be understood, and what is not known yet must not hurt.

use std::path::Path;

use super::*;
use crate::bounded::Fingerprint;
use crate::facts::*;

fn papers(text: &str) -> Papers {
    Papers::try_from(text.to_owned()).unwrap()
}

/// Every message of an agent, by the name of its golden file.
fn from_agent() -> Vec<(&'static str, FromAgent)> {
    let request = || papers("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n");
    vec![
        (
            "enrol",
            FromAgent::Enrol {
                version: 1,
                secret: Secret::new([7; 16]),
                request: request(),
                host: "pc-accounts".into(),
            },
        ),
        ("hello", FromAgent::Hello { version: 1, program: "0.1.0".into() }),
        ("facts", FromAgent::Facts(Box::new(facts()))),
        ("facts_of_little", FromAgent::Facts(Box::default())),
        ("alive", FromAgent::Alive {}),
        ("leaving", FromAgent::Leaving { how: Leaving::Sleep }),
        ("back", FromAgent::Back {}),
        ("done", FromAgent::Done { id: 7, outcome: Outcome::Answered { yes: true } }),
        ("done_not", FromAgent::Done { id: 8, outcome: Outcome::Failed { why: "no adapter with a cable".into() } }),
        ("renew", FromAgent::Renew { request: request() }),
    ]
}

fn facts() -> Facts {
    let wired = Adapter {
        name: "Ethernet".into(),
        mac: Some(Mac([0x3c, 0x52, 0x82, 0x11, 0x22, 0x33])),
        medium: Medium::Wired,
        up: true,
        addresses: AtMost::first(["192.168.1.20/24".parse().unwrap(), "fd5e:ff1:ce::20/64".parse().unwrap()]),
        wake: WakeOnLan::Armed,
    };
    let session = Session {
        id: "2".into(),
        place: SessionPlace::Console,
        state: SessionState::Active,
        user: Some("OFFICE\\marta".into()),
        idle_ms: Some(61_000),
        age_ms: Some(7_200_000),
    };
    Facts {
        host: "PC-ACCOUNTS".into(),
        os: Os { family: Family::Windows, name: "Windows 11 Pro".into(), version: "10.0.22631".into() },
        up_ms: 86_400_000,
        restart_pending: Some(true),
        adapters: AtMost::first([wired]),
        rdp: Rdp {
            enabled: Some(true),
            port: Some(3389),
            nla: Some(true),
            certificate: Some(Fingerprint([0xab; 32])),
            server: "TermService".into(),
        },
        sessions: Some(AtMost::first([session])),
        power: Power {
            on_battery: Some(false),
            sleeps: AtMost::first([Sleep::Memory, Sleep::Disk]),
            fast_startup: Some(true),
            sleeps_after_s: Some(1800),
        },
        programs: AtMost::first(["Sage 100".into()]),
    }
}

/// Every message of the gateway.
fn to_agent() -> Vec<(&'static str, ToAgent)> {
    let certificate = || papers("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    let act = |id, action| ToAgent::Act { id, action };
    let rule = |name: &str, look| Rule { name: name.into(), look };
    let rules = AtMost::first([
        rule("Sage 100", Look::Path { path: "C:\\Program Files\\Sage\\Sage.exe".into() }),
        rule("AutoCAD", Look::Registry { key: "SOFTWARE\\Autodesk\\AutoCAD".into() }),
        rule("Scribus", Look::Package { name: "scribus".into() }),
    ]);
    vec![
        ("enrolled", ToAgent::Enrolled { certificate: certificate() }),
        ("refused", ToAgent::Refused { why: Refused::Revoked }),
        ("welcome", ToAgent::Welcome { version: 1, approved: true, heartbeat_s: 15, names: false, rules }),
        ("renewed", ToAgent::Renewed { certificate: certificate() }),
        ("wake", act(1, Action::Wake { macs: AtMost::first([Mac([0x3c, 0x52, 0x82, 0x11, 0x22, 0x33])]) })),
        ("suspend", act(2, Action::Suspend { unless_used: true })),
        ("tell", act(3, Action::Tell { text: "Marta asks for this PC.".into() })),
        ("ask", act(4, Action::Ask { text: "May Marta use this PC now?".into(), within_s: 60 })),
        ("refresh", act(5, Action::Refresh {})),
    ]
}

/// What this version says is what its golden file holds; `UPDATE_GOLDEN=1` writes it, for a version not yet released.
fn same<M: Serialize + for<'t> Deserialize<'t> + PartialEq + std::fmt::Debug>(all: &[(&str, M)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/v{VERSION}"));
    for (name, message) in all {
        let file = folder.join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(message).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(golden, text, "{name}");
        assert_eq!(&decode::<M>(&golden).unwrap(), message, "{name}");
        assert_eq!(&decode::<M>(&encode(message).unwrap()).unwrap(), message, "{name}");
    }
}

#[test]
fn messages_are_those_of_the_golden_files() {
    same(&from_agent());
    same(&to_agent());
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1")).unwrap().count();
    assert_eq!(files, from_agent().len() + to_agent().len(), "a golden file that no test reads");
}

#[test]
fn a_newer_side_is_understood_as_far_as_it_goes() {
    assert_eq!(decode::<FromAgent>(r#"{"say":"dance","with":[1,{"x":2}]}"#).unwrap(), FromAgent::Unknown);
    assert_eq!(decode::<ToAgent>(r#"{"say":"sing","loud":true}"#).unwrap(), ToAgent::Unknown);
    assert_eq!(decode::<FromAgent>(r#"{"say":"alive","mood":"good"}"#).unwrap(), FromAgent::Alive {});
    let act: ToAgent = decode(r#"{"say":"act","id":9,"action":{"do":"format","disk":"C:"}}"#).unwrap();
    assert_eq!(act, ToAgent::Act { id: 9, action: Action::Unknown });
    let leaving: FromAgent = decode(r#"{"say":"leaving","how":"teleport"}"#).unwrap();
    assert_eq!(leaving, FromAgent::Leaving { how: Leaving::Unknown });
    let facts = r#"{"say":"facts","host":"pc","gpu":"x","os":{"family":"haiku","name":"Haiku"},
        "adapters":[{"name":"x","medium":"laser","wake":"sometimes","speed":10}],
        "sessions":[{"state":"dreaming","place":"moon"}],"power":{"sleeps":["memory","fridge"]}}"#;
    let FromAgent::Facts(facts) = decode(facts).unwrap() else { panic!("facts") };
    assert_eq!((facts.os.family, &*facts.os.name), (Family::Unknown, "Haiku"));
    assert_eq!((facts.adapters[0].medium, facts.adapters[0].wake), (Medium::Unknown, WakeOnLan::Unknown));
    assert_eq!(facts.sessions.unwrap()[0].state, SessionState::Unknown);
    let FromAgent::Facts(little) = decode(r#"{"say":"facts","host":"pc"}"#).unwrap() else { panic!("facts") };
    assert_eq!(little.sessions, None, "what is not told is not nobody");
    assert_eq!(&*facts.power.sleeps, [Sleep::Memory, Sleep::Unknown]);
}

#[test]
fn what_goes_beyond_its_bounds_is_refused() {
    let many = |n: usize| format!(r#"{{"say":"facts","programs":[{}]}}"#, vec![r#""x""#; n].join(","));
    assert!(decode::<FromAgent>(&many(PROGRAMS)).is_ok());
    assert!(decode::<FromAgent>(&many(PROGRAMS + 1)).is_err());
    let long = format!(r#"{{"say":"facts","host":"{}"}}"#, "x".repeat(LONGEST));
    assert!(decode::<FromAgent>(&long).is_err());
    assert!(decode::<FromAgent>(&format!("{}{}", "[".repeat(30_000), "]".repeat(30_000))).is_err());
    for wrong in ["", "{}", "null", "[]", r#"{"say":7}"#, r#"{"say":"done","id":-1,"outcome":{"as":"done"}}"#] {
        assert!(decode::<FromAgent>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_fullest_facts_fit_into_a_message() {
    let wide = "\u{1F5A5}".repeat(60);
    let adapter = || Adapter {
        name: Short::new(&wide),
        mac: Some(Mac([0xee; 6])),
        addresses: AtMost::first((0..ADDRESSES).map(|_| "fd5e:1111:2222:3333:4444:5555:6666:7777/64".parse().unwrap())),
        ..Adapter::default()
    };
    let session = || Session { id: "65535".into(), user: Some(Short::new(&wide)), ..Session::default() };
    let full = Facts {
        adapters: AtMost::first((0..ADAPTERS).map(|_| adapter())),
        sessions: Some(AtMost::first((0..SESSIONS).map(|_| session()))),
        programs: AtMost::first((0..PROGRAMS).map(|_| Short::new(&wide))),
        ..facts()
    };
    assert!(encode(&FromAgent::Facts(Box::new(full))).unwrap().len() < LONGEST);
}

#[test]
fn no_secret_is_printed() {
    let enrol = &from_agent()[0].1;
    let printed = format!("{enrol:?}");
    assert!(printed.contains("secret: (secret)"), "{printed}");
}
