//! How a desktop in the browser ended, as its page, its component and the audit are told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::Ended;
use crate::pure::desktop::NoEntry;

/// Why a desktop in the browser ended, or did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "how", content = "why")]
pub enum End {
    /// The page closed it, or is gone.
    ByDevice,
    /// The PC ended it: somebody signed out, or it was switched off.
    ByPc,
    /// The PC closed it before anybody was signed in: name or password is wrong, or it does not let them in from afar.
    SignIn,
    /// Nobody signed in there within three minutes, as far as can be seen.
    NobodySignedIn,
    /// The PC's certificate is another than the one it is known by: IT has to look.
    Certificate,
    /// The PC offers less security than it did: IT has to look.
    NoNla,
    /// The PC did not answer.
    Silent,
    /// They did not come to it, for this reason.
    Refused(NoEntry),
    /// Nothing allows it any more.
    NotAllowed,
    /// IT ended it.
    Ended,
    /// Nobody used it for as long as IT allows.
    Idle,
    /// It lasted as long as IT allows.
    Longest,
    /// Somebody else had booked the PC, and came.
    Booked,
    /// They opened the same PC elsewhere, which took it over.
    Moved,
    /// The ticket was no good: used, too old, or somebody else's.
    Ticket,
    /// The gateway could not go on.
    Gateway,
}

impl End {
    /// What the component is told (RDCleanPath carries a status of HTTP's).
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Ticket => 401,
            Self::NotAllowed | Self::Ended | Self::NobodySignedIn | Self::Idle | Self::Longest => 403,
            Self::Refused(_) | Self::Moved | Self::Booked => 409,
            Self::Certificate => 423,
            Self::NoNla => 426,
            Self::Silent | Self::ByPc | Self::SignIn => 502,
            Self::ByDevice | Self::Gateway => 503,
        }
    }

    pub(super) fn audited(self) -> Ended {
        match self {
            Self::ByPc | Self::SignIn | Self::Silent | Self::Certificate | Self::NoNla | Self::Moved => Ended::ByPc,
            Self::ByDevice | Self::Ticket => Ended::ByDevice,
            Self::Ended | Self::Refused(_) => Ended::Cut,
            Self::NotAllowed => Ended::NotAllowed,
            Self::NobodySignedIn | Self::Idle => Ended::Idle,
            Self::Longest => Ended::Longest,
            Self::Booked => Ended::Booked,
            Self::Gateway => Ended::Gateway,
        }
    }

    /// The same as the card on the portal says it; what is told otherwise has none.
    pub(super) fn refusal(self) -> Option<NoEntry> {
        match self {
            Self::Refused(why) => Some(why),
            Self::Silent => Some(NoEntry::Silent),
            Self::NotAllowed => Some(NoEntry::NotAllowed),
            Self::Gateway => Some(NoEntry::Gateway),
            _ => None,
        }
    }
}

impl From<NoEntry> for End {
    fn from(why: NoEntry) -> Self {
        match why {
            NoEntry::Silent => Self::Silent,
            NoEntry::NotAllowed => Self::NotAllowed,
            NoEntry::Gateway => Self::Gateway,
            why => Self::Refused(why),
        }
    }
}
