//! Whether somebody may go to an office PC now: never while somebody else is at it.
//!
//! Policy has been asked before. Here it is only about who is there, and whether the PC has to be woken first.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use agent::bounded::Fingerprint;

use super::workstation::{Kind, Reason};
use super::x224::Security;

/// Why somebody does not come to the PC; each has words on every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoEntry {
    /// Somebody sits at it.
    InUseHere,
    /// Somebody else uses it from afar.
    InUseRemotely,
    /// Somebody else has locked it.
    LockedByAnother,
    /// It is kept for somebody else.
    Reserved,
    /// It is one of several with the same program, and as many of them are used as there are licences.
    NoSeat,
    /// They use another PC of the same kind, or are on their way to one: one seat for one person.
    OwnSeat,
    /// Its agent is silent: nobody can say whether somebody is at it.
    Unseen,
    /// Remote desktop is switched off on it.
    RdpOff,
    /// It was woken, and needs longer than an app waits: the next try finds it awake.
    StillWaking,
    /// It could not be woken.
    NotWoken,
    /// It is on, and does not answer to RDP.
    Silent,
    /// Nothing allows it now.
    NotAllowed,
    /// What came was no RDP.
    NoRdp,
    /// Too many come at once.
    TooMany,
    /// The gateway could not look: its database, or its data plane.
    Gateway,
}

/// Who comes, and what is known of the PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coming<'a> {
    /// What the PC is doing.
    pub kind: Kind,
    /// Why it is taken to do so.
    pub reason: Reason,
    /// Who is at it, as the PC calls them; nothing where the organisation wants no names.
    pub by: Option<&'a str>,
    /// Who comes.
    pub login: &'a str,
    /// It is kept for somebody else: booked, or their turn.
    pub kept: bool,
    /// They booked it, and whoever is at it through the gateway was told, and goes.
    pub booked: bool,
    /// It is their own desktop that is in use from afar: by another of their apps, or until a moment ago.
    pub own: bool,
    /// Whoever is at it, or IT, has said that they may come.
    pub admitted: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They may go there.
    Go,
    /// It has to be woken, or waited for.
    Wake,
    /// They may not, for this reason.
    Refuse(NoEntry),
}

/// Whether they may go there now.
#[must_use]
pub fn entry(coming: Coming<'_>) -> Entry {
    let another = || coming.by.is_some_and(|by| !is_same(by, coming.login));
    let themselves = || coming.by.is_some_and(|by| is_same(by, coming.login));
    match (coming.kind, coming.reason) {
        (Kind::Free, Reason::RdpOff) => Entry::Refuse(NoEntry::RdpOff),
        // Who has it already is told apart below.
        (kind, _) if coming.kept && !matches!(kind, Kind::InUseHere | Kind::InUseRemotely | Kind::Locked) => {
            Entry::Refuse(NoEntry::Reserved)
        }
        // Whether it answers is seen at once; kept for somebody, it is for them.
        (Kind::Free | Kind::Stale | Kind::Reserved, _) => Entry::Go,
        (Kind::Off | Kind::Asleep | Kind::Waking | Kind::Starting | Kind::Unknown, _) => Entry::Wake,
        (Kind::InUseHere | Kind::Locked, _) if coming.admitted => Entry::Go,
        // Whoever sits there has the same name, perhaps, and is somebody else.
        (Kind::InUseHere, _) => Entry::Refuse(NoEntry::InUseHere),
        (Kind::InUseRemotely, _) if coming.booked => Entry::Go,
        (Kind::InUseRemotely, _) if themselves() || (coming.own && !another()) => Entry::Go,
        (Kind::InUseRemotely, _) => Entry::Refuse(NoEntry::InUseRemotely),
        // Who locked it, and went, loses nothing; most often it is they themselves who come.
        (Kind::Locked, _) if another() => Entry::Refuse(NoEntry::LockedByAnother),
        (Kind::Locked, _) if coming.kept => Entry::Refuse(NoEntry::Reserved),
        (Kind::Locked, _) => Entry::Go,
    }
}

/// By what a PC is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// SHA-256 of its certificate.
    pub certificate: Fingerprint,
    /// Whether people sign in before they see anything.
    pub security: Security,
}

/// Why what answers is not taken for the PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stranger {
    /// It has another certificate.
    Certificate,
    /// It wants people to go on with less security than the PC had.
    Security,
}

/// Whether what answers is the PC: by what its agent says, else by what was seen when it was used first. Whether that is now.
///
/// # Errors
/// It is not.
pub fn is_known(
    shown: Mark,
    told: Option<Fingerprint>,
    tells_nla: Option<bool>,
    kept: Option<Mark>,
) -> Result<bool, Stranger> {
    let certificate = told.or(kept.map(|kept| kept.certificate));
    if certificate.is_some_and(|certificate| certificate != shown.certificate) {
        return Err(Stranger::Certificate);
    }
    let nla = tells_nla == Some(true) || kept.is_some_and(|kept| kept.security == Security::Nla);
    if nla && shown.security != Security::Nla {
        return Err(Stranger::Security);
    }
    Ok(kept != Some(shown))
}

/// Whether a PC's name for somebody means this login: `OFFICE\Marta` and `marta@office.lan` are `marta`.
fn is_same(by: &str, login: &str) -> bool {
    let bare = by.rsplit('\\').next().unwrap_or(by);
    let bare = bare.split('@').next().unwrap_or(bare);
    bare.to_lowercase() == login.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_not_taken_for_the_pc() {
        let mark = |n: u8, security| Mark { certificate: Fingerprint([n; 32]), security };
        let (one, nla, tls) = (Fingerprint([1; 32]), mark(1, Security::Nla), mark(1, Security::Tls));
        assert_eq!(is_known(nla, None, None, None), Ok(true), "the first time");
        assert_eq!(is_known(nla, None, None, Some(nla)), Ok(false));
        assert_eq!(is_known(mark(2, Security::Nla), None, None, Some(nla)), Err(Stranger::Certificate));
        // Its agent knows better than what was seen before: Windows makes itself another one twice a year.
        assert_eq!(is_known(nla, Some(one), None, Some(mark(2, Security::Nla))), Ok(true));
        assert_eq!(
            is_known(mark(2, Security::Nla), Some(one), None, Some(mark(2, Security::Nla))),
            Err(Stranger::Certificate)
        );
        assert_eq!(is_known(tls, None, None, Some(nla)), Err(Stranger::Security));
        assert_eq!(is_known(tls, Some(one), Some(true), None), Err(Stranger::Security));
        assert_eq!(is_known(tls, Some(one), Some(false), None), Ok(true));
        assert_eq!(is_known(nla, None, None, Some(tls)), Ok(true), "more than before is kept");
    }

    #[test]
    fn nobody_is_thrown_off() {
        use Entry::{Go, Refuse, Wake};
        let free = Reason::Reported;
        let cases: [(Kind, Reason, Option<&str>, bool, Entry); 28] = [
            (Kind::Free, free, None, false, Go),
            (Kind::Free, Reason::Disconnected, None, false, Go),
            (Kind::Free, Reason::RdpSilent, None, false, Go),
            (Kind::Free, Reason::RdpOff, None, false, Refuse(NoEntry::RdpOff)),
            (Kind::Asleep, Reason::WentToSleep, None, false, Wake),
            (Kind::Off, Reason::ShutDown, None, false, Wake),
            (Kind::Waking, Reason::PacketsSent, None, false, Wake),
            (Kind::Starting, Reason::NoRdpYet, None, false, Wake),
            (Kind::Unknown, Reason::NeverHeard, None, false, Wake),
            (Kind::Unknown, Reason::NoAgentSilent, None, false, Wake),
            (Kind::Stale, Reason::SessionsUnseen, None, false, Go),
            (Kind::Stale, Reason::NoAgentAnswers, None, false, Go),
            (Kind::InUseHere, free, None, false, Refuse(NoEntry::InUseHere)),
            (Kind::InUseHere, free, None, true, Refuse(NoEntry::InUseHere)),
            (Kind::InUseHere, free, Some("paul"), true, Refuse(NoEntry::InUseHere)),
            (Kind::InUseHere, free, Some("Marta"), true, Refuse(NoEntry::InUseHere)),
            (Kind::InUseRemotely, free, Some("OFFICE\\Marta"), false, Go),
            (Kind::InUseRemotely, free, Some("marta@office.lan"), false, Go),
            (Kind::InUseRemotely, free, Some("martaa"), false, Refuse(NoEntry::InUseRemotely)),
            (Kind::InUseRemotely, free, None, false, Refuse(NoEntry::InUseRemotely)),
            (Kind::InUseRemotely, free, None, true, Go),
            (Kind::InUseRemotely, Reason::ThroughGateway, None, true, Go),
            (Kind::InUseRemotely, Reason::ThroughGateway, None, false, Refuse(NoEntry::InUseRemotely)),
            (Kind::InUseRemotely, free, Some("paul"), true, Refuse(NoEntry::InUseRemotely)),
            (Kind::Locked, free, None, false, Go),
            (Kind::Locked, free, Some("marta"), false, Go),
            (Kind::Locked, free, Some("paul"), false, Refuse(NoEntry::LockedByAnother)),
            (Kind::Reserved, free, None, false, Go),
        ];
        for (kind, reason, by, own, expected) in cases {
            let coming = Coming { kind, reason, by, login: "marta", kept: false, booked: false, own, admitted: false };
            assert_eq!(entry(coming), expected, "{coming:?}");
            // Who sits there gives the PC away, and nobody else does.
            let admitted = entry(Coming { admitted: true, ..coming });
            let given = matches!(expected, Refuse(NoEntry::InUseHere | NoEntry::LockedByAnother));
            assert_eq!(admitted, if given { Go } else { expected }, "{coming:?}");
            // Who booked it has it from who uses it from afar, and from nobody who sits there.
            let booked = entry(Coming { booked: true, ..coming });
            assert_eq!(booked, if kind == Kind::InUseRemotely { Go } else { expected }, "{coming:?}");
            // What is kept for somebody else is nobody's but theirs; whoever is there already is not thrown off.
            let kept = entry(Coming { kept: true, ..coming });
            let used = matches!(kind, Kind::InUseHere | Kind::InUseRemotely) || reason == Reason::RdpOff;
            let refused = if used || matches!(expected, Refuse(_)) { expected } else { Refuse(NoEntry::Reserved) };
            assert_eq!(kept, refused, "{coming:?}");
        }
    }
}
