//! The messages: JSON, one a WebSocket text frame.
//!
//! An agent that is not enrolled says [`FromAgent::Enrol`] and nothing else. One that is shows its certificate, says
//! [`FromAgent::Hello`], and is welcomed. There is no message by which the gateway could run a program of its choice.

use serde::{Deserialize, Serialize};

use crate::bounded::{AtMost, Mac, Short};
use crate::facts::{Facts, PROGRAMS};

/// The version of these messages. It rises only when one of them changes its meaning; either side works with the others.
pub const VERSION: u32 = 1;

/// The longest message, in bytes: all facts at their bounds take about half.
pub const LONGEST: usize = 64 * 1024;

/// The longest certificate chain or request, in characters.
const PAPERS: usize = 16 * 1024;

/// Hardware addresses of one PC that are woken at once.
pub const MACS: usize = 8;

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromAgent {
    /// It wants to be enrolled. Said by a PC without a certificate.
    Enrol {
        /// [`VERSION`] of the agent.
        version: u32,
        /// The token's secret half.
        secret: Secret,
        /// A certificate request (PKCS #10) in PEM, signed with the key that was made on the PC.
        request: Papers,
        /// What the PC is called.
        host: Short,
    },
    /// First message of a PC with a certificate.
    Hello {
        /// [`VERSION`] of the agent.
        version: u32,
        /// The agent's own version.
        program: Short,
    },
    /// All facts, when any has changed: the last ones count.
    Facts(Box<Facts>),
    /// "I am alive": at least as often as [`ToAgent::Welcome`] says.
    Alive {},
    /// The PC stops on purpose.
    Leaving {
        /// How.
        how: Leaving,
    },
    /// It has slept, and is back.
    Back {},
    /// What became of an [`ToAgent::Act`].
    Done {
        /// Its number.
        id: u64,
        /// The outcome.
        outcome: Outcome,
    },
    /// The certificate is getting old.
    Renew {
        /// A certificate request (PKCS #10) in PEM, of the same key.
        request: Papers,
    },
    /// What this version has no word for.
    #[serde(other)]
    Unknown,
}

/// How a PC stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// It goes to sleep.
    Sleep,
    /// It is switched off.
    Shutdown,
    /// It starts anew.
    Restart,
    /// Only the agent ends, for an upgrade perhaps.
    Agent,
    /// In a way that this version has no word for.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What became of something the agent was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done {},
    /// The person at the PC answered.
    Answered {
        /// Yes, or no.
        yes: bool,
    },
    /// Nobody answered in time, or nobody is there.
    Unanswered {},
    /// It was not done: one line for IT.
    Failed {
        /// Why.
        why: Short,
    },
    /// What this version has no word for.
    #[serde(other)]
    Unknown,
}

/// What the gateway says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToAgent {
    /// It is enrolled.
    Enrolled {
        /// Its certificate and the authority's, in PEM.
        certificate: Papers,
    },
    /// It is not heard: the connection ends.
    Refused {
        /// Why.
        why: Refused,
    },
    /// It is heard. Said again when IT has changed something of it: the last one counts.
    Welcome {
        /// [`VERSION`] of the gateway.
        version: u32,
        /// IT has said which PC this is. Until then it is asked for nothing, and nothing is made of its facts.
        approved: bool,
        /// It says something at least this often, in seconds.
        heartbeat_s: u32,
        /// Whether the names of people in sessions are wanted.
        names: bool,
        /// Which programs to look for.
        rules: AtMost<Rule, PROGRAMS>,
    },
    /// The renewed certificate and the authority's, in PEM.
    Renewed {
        /// Both.
        certificate: Papers,
    },
    /// Something to do.
    Act {
        /// Its number: `Done` repeats it.
        id: u64,
        /// What.
        action: Action,
    },
    /// What this version has no word for.
    #[serde(other)]
    Unknown,
}

/// Why an agent is not heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The token is wrong, used up, too old, or was taken back: ask for another.
    Token,
    /// This key is another PC's already: two PCs were made of one disk image, say.
    Key,
    /// IT has taken this PC's enrolment back.
    Revoked,
    /// The gateway knows nothing of this certificate: enrol again.
    Unknown,
    /// Another connection of the same PC took the place of this one.
    Replaced,
    /// Too many messages, or too long ones.
    Flood,
    /// The gateway cannot do it now; try again later.
    Busy,
    /// For a reason that this version has no word for.
    #[default]
    #[serde(other)]
    Other,
}

/// What the gateway may ask an agent to do. There is no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Send magic packets for another PC, once, on every network this PC is wired to.
    Wake {
        /// Its hardware addresses.
        macs: AtMost<Mac, MACS>,
    },
    /// Go to sleep.
    Suspend {
        /// Only if nobody is signed in at the console or from afar.
        unless_used: bool,
    },
    /// Show a message to whoever is at the PC.
    Tell {
        /// It.
        text: Short,
    },
    /// Ask whoever is at the PC: yes or no.
    Ask {
        /// The question.
        text: Short,
        /// For how many seconds.
        within_s: u32,
    },
    /// Look anew, and say all facts.
    Refresh {},
    /// What this version has no word for: it is not done.
    #[serde(other)]
    Unknown,
}

/// A program that IT wants to know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name; what is found is told by it.
    pub name: Short,
    /// Where to look.
    pub look: Look,
}

/// Where a program shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Look {
    /// A file or folder of this path is there.
    Path {
        /// Absolute.
        path: Short,
    },
    /// A key of the registry is there, below HKEY_LOCAL_MACHINE.
    Registry {
        /// `SOFTWARE\Vendor\Program`.
        key: Short,
    },
    /// A package is installed (dpkg).
    Package {
        /// Its name.
        name: Short,
    },
    /// What this version has no word for: it is not found.
    #[serde(other)]
    Unknown,
}

/// Certificates and requests in PEM: text of bounded length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Papers(String);

/// PEM that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificates of more than {PAPERS} characters")]
pub struct TooLong;

impl Papers {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Papers {
    type Error = TooLong;
    fn try_from(text: String) -> Result<Self, TooLong> {
        if text.len() <= PAPERS { Ok(Self(text)) } else { Err(TooLong) }
    }
}

impl From<Papers> for String {
    fn from(papers: Papers) -> Self {
        papers.0
    }
}

pub use crate::token::Secret;

/// One message as it travels.
///
/// # Errors
/// It is longer than [`LONGEST`], which its bounds should make impossible.
pub fn encode<M: Serialize>(message: &M) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(message)?;
    if text.len() > LONGEST {
        return Err(serde::ser::Error::custom(format_args!("a message of {} bytes", text.len())));
    }
    Ok(text)
}

/// What was received, read.
///
/// # Errors
/// It is no message, or longer than [`LONGEST`].
pub fn decode<'t, M: Deserialize<'t>>(text: &'t str) -> Result<M, serde_json::Error> {
    if text.len() > LONGEST {
        return Err(serde::de::Error::custom(format_args!("a message of {} bytes", text.len())));
    }
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests;
