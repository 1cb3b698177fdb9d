//! The audit's closed list of events. Audit is data, not log: an event is written in the transaction it tells of.
//!
//! No event holds a password, code, token or private key; what a stranger typed as a login is not kept either.

use std::fmt;

use serde::Serialize;

use crate::clock::Unix;
use crate::ids::{DeviceId, PolicyId, VerificationId};

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
}

/// Which second factor was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A code of the authenticator app.
    Totp,
    /// A recovery code.
    Recovery,
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
    },
    UserAdded {
        user: String,
        role: &'static str,
    },
    UserDisabled {
        user: String,
    },
    UserEnabled {
        user: String,
    },
    GroupsChanged {
        user: String,
        groups: Vec<String>,
    },
    GroupAdded {
        group: String,
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
    InvitationRevoked {
        user: String,
    },
    InvitationRedeemed {
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
}

impl Event {
    /// Every event's name, in the order above.
    pub const NAMES: [&str; 34] = [
        "site_created",
        "settings_changed",
        "user_added",
        "user_disabled",
        "user_enabled",
        "groups_changed",
        "group_added",
        "group_removed",
        "device_added",
        "device_disabled",
        "device_enabled",
        "device_revoked",
        "config_shown",
        "resource_added",
        "resource_moved",
        "resource_removed",
        "policy_added",
        "policy_removed",
        "invitation_issued",
        "invitation_revoked",
        "invitation_redeemed",
        "token_added",
        "token_revoked",
        "signed_in",
        "sign_in_refused",
        "signed_out",
        "factor_suspended",
        "door_opened",
        "door_extended",
        "door_grace",
        "door_locked",
        "all_doors_locked",
        "people_confirmed",
        "cut_stored",
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
        assert_eq!(Event::UserDisabled { user: "x".into() }.parts().0, "user_disabled");
    }
}
