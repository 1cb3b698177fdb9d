//! Identifiers as types, so that a device never stands where a user is meant.
//!
//! An identifier is a UUID version 7 (RFC 9562 §5.7), written as text in the database, in the API and on the link.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, later than every one made before it on this machine.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A person.
    UserId
);
id!(
    /// A set of people.
    GroupId
);
id!(
    /// One WireGuard peer: a laptop, a phone.
    DeviceId
);
id!(
    /// Something of the office that can be reached: a share, a service.
    ResourceId
);
id!(
    /// A group may reach a resource.
    PolicyId
);
id!(
    /// Office PCs with the same licensed program.
    PoolId
);
id!(
    /// An office PC is somebody's for a time.
    BookingId
);
id!(
    /// One opening of one device's door.
    VerificationId
);
id!(
    /// Somebody signed in on one browser.
    WebSessionId
);
id!(
    /// One invitation to become a user.
    InvitationId
);
id!(
    /// A passkey of a person's.
    PasskeyId
);
id!(
    /// An API token.
    TokenId
);
id!(
    /// The agent of one office PC.
    AgentId
);
id!(
    /// A token by which agents are enrolled.
    AgentTokenId
);
id!(
    /// One use of an office PC from afar.
    DesktopId
);
