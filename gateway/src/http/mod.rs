//! The one HTTP API, by three doors: the tunnel, the office LAN, and the command line's Unix socket.
//!
//! Who may call a handler is written in its signature, by the extractor it takes; the door is the socket.
//!
//! | method and path (under `/api/v1`) | who | body → answer |
//! |---|---|---|
//! | `GET door` | anybody | → `door::Door` |
//! | `POST sign-in` | anybody | `sign_in::SignIn` → `sign_in::SignedIn` |
//! | `POST extend` | verified device | `door::Extend` → `door::Door` |
//! | `POST lock` | device in the tunnel | → `door::Door` |
//! | `POST sign-out` | signed in | → 204 |
//! | `GET me` | signed in | → `me::Me` |
//! | `GET`, `POST users` · `GET users/{user}` | admin | `users::AddUser` → `users::User` |
//! | `POST users/{user}/disable` · `…/enable` | admin | → `users::CarriedOut` |
//! | `PUT users/{user}/groups` | admin | `users::SetGroups` → `users::CarriedOut` |
//! | `GET`, `POST groups` · `DELETE groups/{group}` | admin | `groups::AddGroup` → `groups::Group`; `CarriedOut` |
//! | `POST groups/{group}/members` · `DELETE groups/{group}/members/{user}` | admin | `groups::AddMember` → `CarriedOut` |
//! | `GET`, `POST devices` · `GET devices/{device}` · `GET devices/{device}/config` | admin | `devices::AddDevice` → `devices::Device`; `devices::DeviceConfig` |
//! | `POST devices/{device}/disable` · `…/enable` · `…/revoke` | admin | → `CarriedOut` |
//! | `GET`, `POST shares` · `DELETE shares/{share}` · `PUT shares/{share}/address` | admin | `shares::AddShare`, `resources::ChangeAddress` → `resources::Resource`; `CarriedOut` |
//! | `GET`, `POST services` · `DELETE services/{service}` · `PUT services/{service}/address` | admin | `services::AddService`, … |
//! | `GET`, `POST policies` · `DELETE policies/{policy}` | admin | `policies::AddPolicy` → `policies::Policy`; `CarriedOut` |
//! | `GET verifications` · `POST verifications/{verification}/end` | admin | → `verifications::Verification`; `CarriedOut` |
//! | `GET`, `POST invitations` · `POST invitations/{invitation}/revoke` | admin | `invitations::AddInvitation` → `invitations::InvitationIssued`; 204 |
//! | `POST invitations/inspect` · `…/begin` · `…/confirm` | anybody; doors local and office | `Inspect` → `InvitationFor`; `Begin` → `Enrolment`; `Confirm` → `Redeemed` |
//! | `GET audit?since&event&user&limit` | admin | → `audit::AuditEntry` |
//! | `GET status` | admin | → `status::Status` |
//! | `GET why?user&resource` | admin | → `why::Why` |
//! | `GET openapi.json` | anybody | |
//!
//! Lists are arrays. In paths `{user}`, `{group}`, `{share}` and `{service}` are an id or the (percent-encoded) login or
//! name; the others are ids. What adds answers 201 with the thing added, once it is in force.

pub mod audit;
pub mod devices;
pub mod door;
pub mod groups;
pub mod invitations;
pub mod me;
pub mod policies;
pub mod problem;
pub mod resources;
pub mod services;
pub mod shares;
pub mod sign_in;
pub mod status;
pub mod users;
pub mod verifications;
pub mod why;
