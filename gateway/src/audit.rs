//! The audit's closed list of events. Audit is data, not log: an event is written in the transaction it tells of.
//!
//! No event holds a password, code, token or private key; what a stranger typed as a login is not kept either.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::clock::Unix;
use crate::desktop::Via;
use crate::desktop::ask::Says;
use crate::ids::{AgentId, BookingId, DeviceId, PasskeyId, PolicyId, VerificationId};
use crate::link::message::Ports;
use crate::pure::booking::Freed;
use crate::pure::desktop::{NoEntry, Stranger};
use crate::pure::retention::Retention;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The gateway itself.
    System,
    /// Somebody with root on the gateway, by the command line.
    Local,
    /// A person, by login.
    User(String),
    /// A program, by its token's name.
    Token(String),
    /// Somebody nobody knows yet.
    Nobody,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Local => f.write_str("local"),
            Self::User(login) => f.write_str(login),
            Self::Token(name) => write!(f, "token {name}"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// What ended an attempt to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such user, or one that cannot sign in.
    User,
    /// The password.
    Password,
    /// The code: wrong, or spent.
    Code,
    /// The device at this door belongs to somebody else.
    OtherDevice,
    /// The passkey: not known here any more, or what it said does not fit.
    Passkey,
    /// The passkey has counted fewer signatures than it had before: there are two of it.
    PasskeyCopied,
}

/// Which second factor was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A code of the authenticator app.
    Totp,
    /// A recovery code.
    Recovery,
    /// A passkey, which is password and factor in one.
    Passkey,
}

/// Why an agent of an office PC was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRefusal {
    /// The token: wrong, used up, over, or taken back.
    Token,
    /// The key is another agent's.
    Key,
    /// Its enrolment was taken back.
    Revoked,
    /// It was never enrolled, or is not what it says.
    Unknown,
    /// Too many messages, too long ones, or nonsense.
    Flood,
    /// It had a certificate, and its first message was no greeting.
    NoGreeting,
    /// Its certificate is too old: its clock, perhaps.
    Expired,
    /// Its certificate is not good yet.
    NotValidYet,
    /// Its certificate is not of this gateway's authority, or not an agent's.
    Certificate,
}

/// How somebody's use of an office PC from afar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The device closed it, or is gone.
    ByDevice,
    /// The PC closed it, or is gone.
    ByPc,
    /// IT ended it.
    Cut,
    /// The device may not reach the PC any more.
    NotAllowed,
    /// Nobody used it for as long as IT allows, or signed in at all.
    Idle,
    /// It lasted as long as IT allows.
    Longest,
    /// Somebody else had booked the PC, and came.
    Booked,
    /// The gateway: it was started anew, or had no room.
    Gateway,
}

/// What an event is about: each class is kept for a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Who came in and went: sign-ins, doors.
    Access,
    /// What was changed, and by whom.
    Administration,
    /// Refusals, restarts with an old database, who looked at the audit.
    Security,
}

/// The names of the class [`Class::Access`].
pub const ACCESS: [&str; 19] = [
    "signed_in",
    "signed_out",
    "invitation_redeemed",
    "door_opened",
    "door_extended",
    "door_grace",
    "door_locked",
    "wake_begun",
    "wake_ended",
    "sent_to_sleep",
    "sleep_answered",
    "desktop_begun",
    "desktop_asked",
    "desktop_admitted",
    "desktop_ended",
    "desktop_cut",
    "desktop_told",
    "booked",
    "booking_freed",
];

/// The names of the class [`Class::Security`].
pub const SECURITY: [&str; 10] = [
    "agent_refused",
    "certificate_refused",
    "desktop_refused",
    "sign_in_refused",
    "factor_suspended",
    "all_doors_locked",
    "people_confirmed",
    "cut_stored",
    "audit_read",
    "audit_exported",
];

impl Class {
    /// Of an event by this name. What is of neither list, unheard-of names too, is administration: nothing is kept for
    /// ever because nobody thought of it.
    #[must_use]
    pub fn of(event: &str) -> Self {
        match event {
            name if ACCESS.contains(&name) => Self::Access,
            name if SECURITY.contains(&name) => Self::Security,
            _ => Self::Administration,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Event {
    SiteCreated {
        organisation: String,
    },
    SettingsChanged {
        organisation: Option<String>,
        office_interface: Option<String>,
        time_zone: Option<String>,
        endpoint: Option<String>,
        resolvers: Option<Vec<String>>,
        office_zones: Option<Vec<String>>,
        masquerade: Option<bool>,
        passkeys: Option<bool>,
        ask_people: Option<bool>,
        desktops_outside: Option<bool>,
        retention: Option<Retention>,
        verification_minutes: Option<u32>,
        idle_minutes: Option<u32>,
        desktop_idle_minutes: Option<u32>,
        desktop_longest_minutes: Option<u32>,
        also: Vec<&'static str>,
    },
    AgentNamesChanged {
        names: bool,
    },
    ProgramsChanged {
        programs: Vec<String>,
    },
    MailServerSet {
        host: String,
        port: u16,
        security: &'static str,
        sender: String,
    },
    MailServerRemoved {},
    UserAdded {
        user: String,
        role: &'static str,
    },
    UserChanged {
        user: String,
        fields: Vec<&'static str>,
        role: Option<&'static str>,
    },
    MailChanged {
        user: String,
    },
    UserDisabled {
        user: String,
    },
    UserEnabled {
        user: String,
    },
    UserErased {
        user: String,
    },
    GroupsChanged {
        user: String,
        groups: Vec<String>,
    },
    GroupAdded {
        group: String,
    },
    GroupRenamed {
        group: String,
        before: String,
    },
    GroupRemoved {
        group: String,
    },
    DeviceAdded {
        user: String,
        device: DeviceId,
        name: String,
        public_key: String,
    },
    DeviceDisabled {
        user: String,
        device: DeviceId,
        name: String,
    },
    DeviceEnabled {
        user: String,
        device: DeviceId,
        name: String,
    },
    DeviceRevoked {
        user: String,
        device: DeviceId,
        name: String,
    },
    ConfigShown {
        user: String,
        device: DeviceId,
        name: String,
    },
    ResourceAdded {
        resource: String,
        kind: &'static str,
    },
    ResourceMoved {
        resource: String,
        address4: Option<String>,
        address6: Option<String>,
    },
    ResourceChanged {
        resource: String,
        former: String,
        dns_names: Option<Vec<String>>,
        ports: Option<Vec<Ports>>,
    },
    ResourceRemoved {
        resource: String,
    },
    PolicyAdded {
        policy: PolicyId,
        group: String,
        resource: String,
        hours: Option<String>,
        until: Option<Unix>,
    },
    PolicyRemoved {
        policy: PolicyId,
        group: String,
        resource: String,
    },
    InvitationIssued {
        user: String,
    },
    InvitationMailed {
        user: String,
        reminder: bool,
    },
    InvitationRevoked {
        user: String,
    },
    InvitationRedeemed {
        user: String,
    },
    RulesAccepted {
        user: String,
        version: u32,
    },
    ChecklistAnswered {
        user: String,
    },
    TokenAdded {
        token: String,
        scopes: String,
        until: Unix,
    },
    TokenRevoked {
        token: String,
    },
    PasskeyAdded {
        user: String,
        passkey: PasskeyId,
        name: String,
    },
    PasskeyRevoked {
        user: String,
        passkey: PasskeyId,
        name: String,
    },
    AgentTokenAdded {
        token: String,
        uses: u32,
        approves: bool,
        hosts: Vec<String>,
        until: Unix,
    },
    AgentTokenRevoked {
        token: String,
    },
    AgentEnrolled {
        agent: AgentId,
        host: String,
        token: String,
    },
    AgentApproved {
        agent: AgentId,
        host: String,
        workstation: String,
    },
    AgentRevoked {
        agent: AgentId,
        host: String,
    },
    AgentRefused {
        address: IpAddr,
        because: AgentRefusal,
    },
    WorkstationChanged {
        workstation: String,
        fields: Vec<&'static str>,
    },
    PublisherMade {
        thumbprint: String,
    },
    PoolAdded {
        pool: String,
        workstations: Vec<String>,
        seats: Option<u32>,
    },
    PoolChanged {
        pool: String,
        workstations: Vec<String>,
        seats: Option<u32>,
        longest_booking_minutes: u32,
        desktop_idle_minutes: Option<u32>,
        desktop_longest_minutes: Option<u32>,
    },
    PoolRemoved {
        pool: String,
    },
    Booked {
        booking: BookingId,
        workstation: String,
        begins: Unix,
        ends: Unix,
    },
    BookingFreed {
        booking: BookingId,
        workstation: String,
        user: String,
        begins: Unix,
        freed: Freed,
    },
    WakeBegun {
        workstation: String,
    },
    WakeEnded {
        workstation: String,
        outcome: &'static str,
        after_ms: u64,
    },
    SentToSleep {
        workstation: String,
    },
    SleepAnswered {
        workstation: String,
        slept: bool,
    },
    DesktopBegun {
        workstation: String,
        device: DeviceId,
        via: Via,
    },
    DesktopAsked {
        workstation: String,
        says: Says,
    },
    DesktopAdmitted {
        workstation: String,
        user: String,
    },
    CertificateSeen {
        workstation: String,
        certificate: String,
    },
    CertificateRefused {
        workstation: String,
        certificate: String,
        why: Stranger,
    },
    DesktopEnded {
        workstation: String,
        device: DeviceId,
        how: Ended,
        after_ms: u64,
    },
    DesktopCut {
        workstation: String,
        user: String,
    },
    DesktopTold {
        workstation: String,
        user: String,
    },
    DesktopRefused {
        workstation: String,
        device: DeviceId,
        why: NoEntry,
    },
    SignedIn {
        user: String,
        factor: Factor,
    },
    SignInRefused {
        user: Option<String>,
        device: Option<DeviceId>,
        why: Refusal,
    },
    SignedOut {
        user: String,
    },
    FactorSuspended {
        user: String,
    },
    PasswordChanged {
        user: String,
    },
    FactorReplaced {
        user: String,
    },
    RecoveryCodesRenewed {
        user: String,
    },
    WebSessionEnded {
        user: String,
    },
    SignedOutEverywhere {
        user: String,
    },
    OwnDataRead {
        user: String,
    },
    DoorOpened {
        user: String,
        device: DeviceId,
        verification: VerificationId,
        until: Unix,
    },
    DoorExtended {
        user: String,
        device: DeviceId,
        verification: VerificationId,
        until: Unix,
    },
    DoorGrace {
        user: String,
        device: DeviceId,
        verification: VerificationId,
        until: Unix,
    },
    DoorLocked {
        user: String,
        device: DeviceId,
        verification: VerificationId,
        reason: &'static str,
    },
    AllDoorsLocked {
        reason: &'static str,
    },
    PeopleConfirmed {},
    CutStored {
        cut: &'static str,
        made_at: Unix,
    },
    AuditRead {},
    AuditExported {
        format: &'static str,
    },
}

impl Event {
    /// Every event's name, in the order above.
    pub const NAMES: [&str; 82] = [
        "site_created",
        "settings_changed",
        "agent_names_changed",
        "programs_changed",
        "mail_server_set",
        "mail_server_removed",
        "user_added",
        "user_changed",
        "mail_changed",
        "user_disabled",
        "user_enabled",
        "user_erased",
        "groups_changed",
        "group_added",
        "group_renamed",
        "group_removed",
        "device_added",
        "device_disabled",
        "device_enabled",
        "device_revoked",
        "config_shown",
        "resource_added",
        "resource_moved",
        "resource_changed",
        "resource_removed",
        "policy_added",
        "policy_removed",
        "invitation_issued",
        "invitation_mailed",
        "invitation_revoked",
        "invitation_redeemed",
        "rules_accepted",
        "checklist_answered",
        "token_added",
        "token_revoked",
        "passkey_added",
        "passkey_revoked",
        "agent_token_added",
        "agent_token_revoked",
        "agent_enrolled",
        "agent_approved",
        "agent_revoked",
        "agent_refused",
        "workstation_changed",
        "publisher_made",
        "pool_added",
        "pool_changed",
        "pool_removed",
        "booked",
        "booking_freed",
        "wake_begun",
        "wake_ended",
        "sent_to_sleep",
        "sleep_answered",
        "desktop_begun",
        "desktop_asked",
        "desktop_admitted",
        "certificate_seen",
        "certificate_refused",
        "desktop_ended",
        "desktop_cut",
        "desktop_told",
        "desktop_refused",
        "signed_in",
        "sign_in_refused",
        "signed_out",
        "factor_suspended",
        "password_changed",
        "factor_replaced",
        "recovery_codes_renewed",
        "web_session_ended",
        "signed_out_everywhere",
        "own_data_read",
        "door_opened",
        "door_extended",
        "door_grace",
        "door_locked",
        "all_doors_locked",
        "people_confirmed",
        "cut_stored",
        "audit_read",
        "audit_exported",
    ];

    /// The event's name, the login it concerns, and its other fields.
    #[must_use]
    pub fn parts(&self) -> (String, Option<String>, serde_json::Value) {
        let mut fields = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let text = |v: Option<serde_json::Value>| v.and_then(|v| v.as_str().map(str::to_owned));
        let name = text(fields.remove("event")).unwrap_or_default();
        let user = text(fields.remove("user"));
        (name, user, serde_json::Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_names_is_whole() {
        let source = include_str!("audit.rs");
        let (_, events) = source.split_once("pub enum Event {").unwrap();
        let (events, _) = events.split_once("\n}").unwrap();
        let snake = |name: &str| {
            let mut out = String::new();
            for c in name.chars() {
                if c.is_uppercase() && !out.is_empty() {
                    out.push('_');
                }
                out.extend(c.to_lowercase());
            }
            out
        };
        let names: Vec<_> = events.lines().filter_map(|l| l.trim().split_once(" {")).map(|(n, _)| snake(n)).collect();
        assert_eq!(names, Event::NAMES);
        assert!(ACCESS.iter().chain(&SECURITY).all(|name| Event::NAMES.contains(name)));
        assert_eq!(Event::UserDisabled { user: "x".into() }.parts().0, "user_disabled");
    }
}
