//! How the gateway is, check by check: from what was found, what is well, what is not, and what helps.
//!
//! One list for the console's pages and for `passerelle doctor`. A check's word names it in the reader's language; the
//! English sentence beside it says what exactly, with the cure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Unix;

const MIB: u64 = 1 << 20;

/// Less room than this is filled by a morning's journal.
const LITTLE_ROOM: u64 = 1024 * MIB;

/// Less than this, and the next change may not be stored.
const NO_ROOM: u64 = 100 * MIB;

const DAY_MS: i64 = 24 * 3_600_000;

/// Renewed two months before its end: with less than this left, that has failed for weeks.
const CERTIFICATE_DAYS: i64 = 30;

/// Names in a sentence.
const NAMED: usize = 5;

/// What is looked at, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// `passerelle net` answers.
    DataPlane,
    /// nftables holds what it should; `value`: when it was last rebuilt after somebody else changed it.
    SecondLock,
    /// Other firewalls on this machine let the tunnel through, as `passerelle doctor` found; `value`: when.
    OtherFirewalls,
    /// The kernel forwards packets.
    Forwarding,
    /// The wall clock can be right.
    Clock,
    /// The database is not one from before; `value`: since when it is.
    Restored,
    /// The database stores.
    Storage,
    /// Room on the disk; `value`: bytes.
    Disk,
    /// Cuts wait for the database; `value`: how many.
    WaitingCuts,
    /// The certificate of the pages; `value`: its end.
    Certificate,
    /// The office's DNS servers answer.
    Dns,
    /// The public name is found.
    PublicName,
    /// Somebody came in from outside; `value`: when last.
    Outside,
    /// Devices that were added and never came; `value`: how many.
    Unheard,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Well,
    /// Nothing fails; somebody should look some time.
    Watch,
    /// Something fails, or is about to.
    Trouble,
    /// Nobody has looked, or it cannot be told.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Which.
    pub check: Check,
    /// How it is.
    pub state: State,
    /// What was found, and the cure, in English.
    pub detail: Option<String>,
    /// A number that belongs to it: a moment in Unix milliseconds, bytes, or a count.
    pub value: Option<i64>,
}

/// What `passerelle doctor` found about other firewalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayIn {
    /// When.
    pub at: Unix,
    /// What drops packets, and the cure; nothing where they pass.
    pub problem: Option<String>,
}

/// What was found, whole.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// A connection to the data plane stands.
    pub link: bool,
    /// What is wrong with the second lock.
    pub second_lock: Option<String>,
    /// When it was last rebuilt.
    pub rebuilt_at: Option<Unix>,
    /// As `doctor` told.
    pub way_in: Option<WayIn>,
    /// Nothing where it cannot be read.
    pub forwards: Option<bool>,
    /// The clock can be right.
    pub clock: bool,
    /// Since when the database is one from before.
    pub restored_at: Option<Unix>,
    /// What keeps the database from storing.
    pub storage: Option<String>,
    /// Room beside the database, in bytes.
    pub room: Option<u64>,
    /// Cuts that wait.
    pub waiting_cuts: u64,
    /// The end of the certificate.
    pub certificate_until: Unix,
    /// Names and addresses under which pages are called, and it is not for.
    pub certificate_lacks: Vec<String>,
    /// How many resolvers there are.
    pub resolvers: usize,
    /// What is wrong with some of them.
    pub silent_resolvers: Vec<String>,
    /// The host of the endpoint.
    pub host: String,
    /// Whether it is found by this machine; nothing if it is an address.
    pub host_found: Option<bool>,
    /// It is an address of a private network.
    pub host_private: bool,
    /// When somebody last came in from outside.
    pub outside_at: Option<Unix>,
    /// UDP ports for WireGuard.
    pub ports: Vec<u16>,
    /// Devices that may come in.
    pub devices: usize,
    /// Those that were added more than a day ago and never came.
    pub unheard: Vec<String>,
}

impl Facts {
    /// Every check.
    #[must_use]
    pub fn lines(&self, now: Unix) -> Vec<Line> {
        vec![
            self.data_plane(),
            self.second_lock(now),
            self.other_firewalls(),
            self.forwarding(),
            ill_if(Check::Clock, !self.clock, || {
                "the clock stands before the last time this gateway noted, or far ahead of it; nobody signs in: set it \
                 right (`timedatectl`), then `passerelle user confirm`"
                    .to_owned()
            }),
            ill_if(Check::Restored, self.restored_at.is_some(), || {
                "this database was put back from before; nobody signs in until you have looked through people and \
                 devices and run `passerelle user confirm`"
                    .to_owned()
            })
            .with(self.restored_at.map(|at| at.0)),
            ill_if(Check::Storage, self.storage.is_some(), || {
                let problem = self.storage.as_deref().unwrap_or_default();
                format!("the database stores nothing ({problem}): free space on the disk (`df -h`), or bring it back")
            }),
            self.disk(),
            self.waiting(),
            self.certificate(now),
            self.dns(),
            self.public_name(),
            self.outside(),
            self.unheard(),
        ]
    }

    fn data_plane(&self) -> Line {
        ill_if(Check::DataPlane, !self.link, || {
            "`passerelle net` does not answer; tunnels go on, nothing new is granted: `systemctl status passerelle-net`"
                .to_owned()
        })
    }

    fn second_lock(&self, now: Unix) -> Line {
        let value = self.rebuilt_at.map(|at| at.0);
        let line = match (&self.second_lock, self.link) {
            (Some(problem), _) => line(Check::SecondLock, State::Trouble, Some(problem.clone())),
            (None, false) => line(Check::SecondLock, State::Unknown, None),
            (None, true) if value.is_some_and(|at| now.0.saturating_sub(at) < DAY_MS) => {
                let told =
                    "another program changed our firewall table, which was rebuilt: find out which, and keep it off";
                line(Check::SecondLock, State::Watch, Some(told.to_owned()))
            }
            (None, true) => line(Check::SecondLock, State::Well, None),
        };
        line.with(value)
    }

    fn other_firewalls(&self) -> Line {
        let state = |way: &WayIn| if way.problem.is_some() { State::Trouble } else { State::Well };
        match &self.way_in {
            Some(way) => line(Check::OtherFirewalls, state(way), way.problem.clone()).with(Some(way.at.0)),
            None => {
                let cure = "not looked at since the gateway was started: `sudo passerelle doctor`";
                line(Check::OtherFirewalls, State::Unknown, Some(cure.to_owned()))
            }
        }
    }

    fn forwarding(&self) -> Line {
        match self.forwards {
            Some(true) => line(Check::Forwarding, State::Well, None),
            Some(false) => {
                let cure =
                    "this machine forwards no packets, so nobody reaches the office: `sysctl net.ipv4.ip_forward=1`";
                line(Check::Forwarding, State::Trouble, Some(cure.to_owned()))
            }
            None => line(Check::Forwarding, State::Unknown, None),
        }
    }

    fn disk(&self) -> Line {
        let value = self.room.map(|room| i64::try_from(room).unwrap_or(i64::MAX));
        let cure = |room: u64| format!("{} MiB of room beside the database: free some (`df -h`)", room / MIB);
        let line = match self.room {
            None => line(Check::Disk, State::Unknown, None),
            Some(room) if room < NO_ROOM => line(Check::Disk, State::Trouble, Some(cure(room))),
            Some(room) if room < LITTLE_ROOM => line(Check::Disk, State::Watch, Some(cure(room))),
            Some(_) => line(Check::Disk, State::Well, None),
        };
        line.with(value)
    }

    fn waiting(&self) -> Line {
        let told = || "what you cut off is in force, and waits to be stored: look at the database".to_owned();
        let state = if self.waiting_cuts == 0 { State::Well } else { State::Watch };
        line(Check::WaitingCuts, state, (state != State::Well).then(told))
            .with(Some(i64::try_from(self.waiting_cuts).unwrap_or(i64::MAX)))
    }

    fn certificate(&self, now: Unix) -> Line {
        let days = self.certificate_until.0.saturating_sub(now.0) / DAY_MS;
        let line = if days < CERTIFICATE_DAYS {
            let cure =
                format!("the certificate ends in {} days and could not be renewed: restart the gateway", days.max(0));
            line(Check::Certificate, State::Trouble, Some(cure))
        } else if self.certificate_lacks.is_empty() {
            line(Check::Certificate, State::Well, None)
        } else {
            let lacks = self.certificate_lacks.join(", ");
            line(
                Check::Certificate,
                State::Watch,
                Some(format!("the certificate is not for {lacks}: restart the gateway")),
            )
        };
        line.with(Some(self.certificate_until.0))
    }

    fn dns(&self) -> Line {
        let cure = "start it, let it answer this machine, or name another in the settings (`passerelle settings change \
                    --resolver ADDRESS`)";
        let problem = match &self.silent_resolvers[..] {
            [] if self.resolvers == 0 => Some(format!("no DNS server is named: {cure}")),
            [] => None,
            silent => Some(format!("{}: {cure}", silent.join("; "))),
        };
        // Names are asked of the next one where one is silent.
        let state = match self.silent_resolvers.len() {
            0 if self.resolvers > 0 => State::Well,
            silent if silent < self.resolvers => State::Watch,
            _ => State::Trouble,
        };
        line(Check::Dns, state, problem)
    }

    fn public_name(&self) -> Line {
        let host = &self.host;
        let problem = match self.host_found {
            Some(false) => format!(
                "{host} is not found by this machine: add it at whoever keeps your domain, pointing to the office's public \
                 address"
            ),
            None if self.host_private => {
                format!("{host} is an address of a private network: from home, nobody reaches it; name the public one")
            }
            _ => return line(Check::PublicName, State::Well, None),
        };
        line(Check::PublicName, State::Watch, Some(problem))
    }

    fn outside(&self) -> Line {
        let value = self.outside_at.map(|at| at.0);
        let state = match value {
            Some(_) => State::Well,
            None if self.devices > 0 => State::Watch,
            None => State::Unknown,
        };
        let ports = self.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let cure =
            || format!("nobody has come in from outside yet: in the router, forward UDP {ports} to this machine");
        line(Check::Outside, state, (state != State::Well).then(cure)).with(value)
    }

    fn unheard(&self) -> Line {
        let count = self.unheard.len();
        let more = if count > NAMED { ", …" } else { "" };
        let named = || self.unheard.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ") + more;
        let told = || format!("never connected: {}; ask their owners, or revoke them", named());
        let state = if count == 0 { State::Well } else { State::Watch };
        line(Check::Unheard, state, (count > 0).then(told)).with(i64::try_from(count).ok())
    }
}

impl Line {
    fn with(self, value: Option<i64>) -> Self {
        Self { value, ..self }
    }
}

fn line(check: Check, state: State, detail: Option<String>) -> Line {
    Line { check, state, detail, value: None }
}

fn ill_if(check: Check, ill: bool, cure: impl FnOnce() -> String) -> Line {
    if ill { line(check, State::Trouble, Some(cure())) } else { line(check, State::Well, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Unix = Unix(1_795_000_000_000);

    fn well() -> Facts {
        Facts {
            link: true,
            forwards: Some(true),
            clock: true,
            way_in: Some(WayIn { at: NOW, problem: None }),
            room: Some(50 << 30),
            certificate_until: Unix(NOW.0 + 300 * DAY_MS),
            resolvers: 2,
            host: "door.example.org".into(),
            host_found: Some(true),
            outside_at: Some(NOW),
            ports: vec![51820, 443],
            devices: 3,
            ..Facts::default()
        }
    }

    #[test]
    fn each_check_is_ill_by_itself_and_says_what_helps() {
        let problem = || Some("x".to_owned());
        let all: Vec<(Check, State, &str, Facts)> = vec![
            (
                Check::DataPlane,
                State::Trouble,
                "passerelle-net",
                Facts { link: false, second_lock: problem(), ..well() },
            ),
            (Check::SecondLock, State::Trouble, "x", Facts { second_lock: problem(), ..well() }),
            (Check::SecondLock, State::Watch, "rebuilt", Facts { rebuilt_at: Some(NOW), ..well() }),
            (Check::OtherFirewalls, State::Unknown, "doctor", Facts { way_in: None, ..well() }),
            (
                Check::OtherFirewalls,
                State::Trouble,
                "x",
                Facts { way_in: Some(WayIn { at: NOW, problem: problem() }), ..well() },
            ),
            (Check::Forwarding, State::Trouble, "ip_forward", Facts { forwards: Some(false), ..well() }),
            (Check::Clock, State::Trouble, "timedatectl", Facts { clock: false, ..well() }),
            (Check::Restored, State::Trouble, "confirm", Facts { restored_at: Some(NOW), ..well() }),
            (Check::Storage, State::Trouble, "df -h", Facts { storage: problem(), ..well() }),
            (Check::Disk, State::Watch, "500 MiB", Facts { room: Some(500 * MIB), ..well() }),
            (Check::Disk, State::Trouble, "df -h", Facts { room: Some(NO_ROOM - 1), ..well() }),
            (Check::WaitingCuts, State::Watch, "stored", Facts { waiting_cuts: 1, ..well() }),
            (
                Check::Certificate,
                State::Trouble,
                "29 days",
                Facts { certificate_until: Unix(NOW.0 + 30 * DAY_MS - 1), ..well() },
            ),
            (
                Check::Certificate,
                State::Watch,
                "192.168.1.2",
                Facts { certificate_lacks: vec!["192.168.1.2".into()], ..well() },
            ),
            (Check::Dns, State::Watch, "settings", Facts { silent_resolvers: vec!["a".into()], ..well() }),
            (
                Check::Dns,
                State::Trouble,
                "settings",
                Facts { silent_resolvers: vec!["a".into(), "b".into()], ..well() },
            ),
            (Check::Dns, State::Trouble, "no DNS server", Facts { resolvers: 0, ..well() }),
            (Check::PublicName, State::Watch, "not found", Facts { host_found: Some(false), ..well() }),
            (Check::PublicName, State::Watch, "private", Facts { host_found: None, host_private: true, ..well() }),
            (Check::Outside, State::Watch, "51820, 443", Facts { outside_at: None, ..well() }),
            (Check::Outside, State::Unknown, "UDP", Facts { outside_at: None, devices: 0, ..well() }),
            (Check::Unheard, State::Watch, "anne/phone", Facts { unheard: vec!["anne/phone".into()], ..well() }),
        ];
        for (check, state, says, facts) in all {
            for line in facts.lines(NOW) {
                let detail = line.detail.unwrap_or_default();
                if line.check == check {
                    assert_eq!(line.state, state, "{check:?}");
                    assert!(detail.contains(says), "{check:?}: {detail}");
                } else if !(check == Check::DataPlane && line.check == Check::SecondLock) {
                    assert_eq!((line.state, detail.as_str()), (State::Well, ""), "{check:?} made {:?} ill", line.check);
                }
            }
        }
        assert!(well().lines(NOW).iter().all(|line| line.state == State::Well && line.detail.is_none()));
    }
}
