//! What `serve` and `net` say to each other. Typed, versioned, unknown fields refused.
//!
//! Times travel as remaining milliseconds, never as dates: the two processes need not agree on a calendar.
//! Epochs rise by one with every change of the database; `net` reports the epoch it has carried out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::ids::{DesktopId, DeviceId, ResourceId};

/// The version of these messages. A peer of another version is refused, with both numbers in the log.
pub const VERSION: u32 = 2;

/// `serve` → `net`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// First message of a connection.
    Hello {
        /// [`VERSION`] of the sender.
        version: u32,
    },
    /// An authoritative state begins: what is not in it is removed when it ends. Until then nothing of it is in force.
    SnapshotBegin {
        /// The epoch the snapshot stands for.
        epoch: u64,
        /// How the tunnel interface is to be.
        interface: Box<Interface>,
    },
    /// Between `SnapshotBegin` and `SnapshotEnd`: a part of the snapshot. Otherwise: what has changed since.
    Changes {
        /// The epoch after these changes.
        epoch: u64,
        /// In the order in which they are carried out.
        changes: Vec<Change>,
    },
    /// The snapshot is whole.
    SnapshotEnd {
        /// The same as in `SnapshotBegin`.
        epoch: u64,
    },
    /// Two connections become one: the device's and the PC's descriptor travel with this message, in this order. They
    /// last for as long as the device may reach the PC, whatever becomes of `serve`.
    Splice {
        /// Which one.
        desktop: DesktopId,
        /// Whose.
        device: DeviceId,
        /// To which PC.
        resource: ResourceId,
    },
    /// One of these is to end.
    EndDesktop {
        /// Which one.
        desktop: DesktopId,
    },
    /// "I am alive", at least four times a second. Silence of a second makes `net` answer public DNS itself.
    Alive,
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", content = "of", rename_all = "snake_case")]
pub enum Change {
    /// A peer is new, or differs.
    PutPeer(Box<Peer>),
    /// A peer is gone: its session, its grants and its connections end.
    RemovePeer(DeviceId),
    /// A resource is new, or differs.
    PutResource(Box<Resource>),
    /// A resource is gone, and every connection to it ends.
    RemoveResource(ResourceId),
}

/// The tunnel interface and what belongs to the whole site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Kernel name of the TUN, at most 15 bytes.
    pub name: String,
    /// The gateway's own WireGuard key.
    pub private_key: Secret,
    /// UDP ports on which WireGuard is answered, IPv4 and IPv6.
    pub ports: Vec<u16>,
    /// The gateway's address in the site network, with the site network's prefix length (`10.x.0.1/16`).
    pub address4: Ipv4Net,
    /// The same for IPv6 (`fd…::1/48`).
    pub address6: Ipv6Net,
    /// MTU of the TUN in bytes.
    pub mtu: u16,
    /// Whether the office sees the gateway's address instead of the device's (no route back needed).
    pub masquerade: bool,
    /// Where public names are asked while `serve` is silent.
    pub resolvers: Vec<SocketAddr>,
    /// Zones (lower case, no final dot) that are never asked outside: the site's own and the office's.
    pub private_zones: Vec<String>,
}

/// A device, as the data plane knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Whose this is.
    pub device: DeviceId,
    /// WireGuard public key.
    pub public_key: Key,
    /// WireGuard preshared key.
    pub preshared_key: Option<Secret>,
    /// Its only IPv4 source address.
    pub address4: Ipv4Addr,
    /// Its only IPv6 source address.
    pub address6: Ipv6Addr,
    /// Where it was last heard. `net` keeps a newer one of its own.
    pub endpoint: Option<SocketAddr>,
    /// It was heard in the last three minutes: after a restart, `net` starts the handshake.
    pub recent: bool,
    /// Its verification ends after so many milliseconds. Absent: the door is locked.
    pub open_for_ms: Option<u64>,
    /// What it may reach while the door is open.
    pub grants: Vec<Grant>,
}

/// A device may reach a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What may be reached.
    pub resource: ResourceId,
    /// The policy behind it ends after so many milliseconds. Absent: it has no end of its own.
    pub for_ms: Option<u64>,
}

/// Something of the office: where devices see it, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Which one.
    pub resource: ResourceId,
    /// Its IPv4 alias in the site network and its real address; prefix lengths are equal.
    pub v4: Option<Alias<Ipv4Net>>,
    /// The same for IPv6.
    pub v6: Option<Alias<Ipv6Net>>,
    /// What a grant opens on it, ICMP echo aside.
    pub ports: Vec<Ports>,
    /// It is an office PC: RDP (TCP 3389) to its alias is heard by `serve` first.
    pub desktop: bool,
}

/// An address in the site network that stands for one in the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias<N> {
    /// In the site network.
    pub alias: N,
    /// In the office.
    pub real: N,
}

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP, IP protocol 6.
    Tcp,
    /// UDP, IP protocol 17.
    Udp,
}

/// A range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// TCP or UDP.
    pub transport: Transport,
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// `net` → `serve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// First message of a connection.
    Hello {
        /// [`VERSION`] of the sender.
        version: u32,
        /// It was told nothing yet: nothing passes.
        empty: bool,
    },
    /// The sockets on the gateway's tunnel address; the descriptors travel with this message, in this order.
    Sockets {
        /// What each descriptor is.
        roles: Vec<SocketRole>,
    },
    /// Everything that this epoch takes away is taken away: nothing of it passes any more.
    Closed {
        /// The epoch that was carried out.
        epoch: u64,
    },
    /// Everything that this epoch gives is in force, in both locks.
    Complete {
        /// The epoch that was carried out.
        epoch: u64,
    },
    /// The second lock could not be brought up to this epoch; nothing new was opened. `net` goes on trying.
    Failed {
        /// The epoch that was not carried out.
        epoch: u64,
        /// What happened and the cure, one line.
        reason: String,
    },
    /// What peers did since the last such report; only those with news.
    Peers {
        /// One entry a peer.
        peers: Vec<PeerReport>,
    },
    /// Spliced connections with news.
    Desktops {
        /// These are all there are, even if there are none: after a `serve` has connected, and every ten seconds.
        all: bool,
        /// One entry each.
        desktops: Vec<DesktopReport>,
    },
    /// The second lock was changed by somebody else and has been rebuilt.
    FirewallRebuilt {
        /// How long it was not ours.
        after_ms: u64,
    },
}

/// What one peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerReport {
    /// Which one.
    pub device: DeviceId,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Milliseconds since the last completed handshake.
    pub handshake_ms: Option<u64>,
    /// Milliseconds since the last authenticated packet from it.
    pub heard_ms: Option<u64>,
    /// Milliseconds since it was in use: since a minute carried enough of what policy grants.
    pub busy_ms: Option<u64>,
    /// Bytes received from it since `net` started, inner packets.
    pub rx: u64,
    /// Bytes sent to it since `net` started, inner packets.
    pub tx: u64,
}

/// What passes by one spliced connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesktopReport {
    /// Which one.
    pub desktop: DesktopId,
    /// Whose.
    pub device: DeviceId,
    /// To which PC.
    pub resource: ResourceId,
    /// Milliseconds since it began.
    pub since_ms: u64,
    /// Bytes from the device to the PC.
    pub rx: u64,
    /// Bytes from the PC to the device.
    pub tx: u64,
    /// It has ended, so.
    pub ended: Option<DesktopEnd>,
}

/// How a spliced connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesktopEnd {
    /// The device closed it, or is gone.
    ByDevice,
    /// The PC closed it, or is gone.
    ByPc,
    /// `serve` said so.
    Cut,
    /// The device may not reach the PC any more.
    NotAllowed,
    /// `net` has no room for it.
    NoRoom,
}

/// What a socket on the gateway's tunnel address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketRole {
    /// UDP, port 53 as devices see it.
    DnsUdp4,
    /// UDP, port 53 as devices see it.
    DnsUdp6,
    /// TCP listener, port 53 as devices see it.
    DnsTcp4,
    /// TCP listener, port 53 as devices see it.
    DnsTcp6,
    /// TCP listener, port 80 as devices see it.
    Http4,
    /// TCP listener, port 80 as devices see it.
    Http6,
    /// TCP listener, port 443 as devices see it.
    Https4,
    /// TCP listener, port 443 as devices see it.
    Https6,
    /// TCP listener for RDP to office PCs' aliases; the original destination says to which.
    Desktop4,
    /// TCP listener for RDP to office PCs' aliases; the original destination says to which.
    Desktop6,
}

/// A WireGuard public key, base64 on the wire as everywhere in WireGuard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub [u8; 32]);

/// Thirty-two secret bytes. `Debug` prints nothing of them, and they are wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(pub [u8; 32]);

/// Text that is not 32 bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a WireGuard key: 44 characters of base64, as `wg pubkey` prints, are expected")]
pub struct NotAKey;

fn decode(text: &str) -> Result<[u8; 32], NotAKey> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| NotAKey)?;
    bytes.try_into().map_err(|_| NotAKey)
}

fn encode(bytes: &[u8; 32]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl TryFrom<String> for Key {
    type Error = NotAKey;
    fn try_from(text: String) -> Result<Self, NotAKey> {
        decode(&text).map(Self)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        encode(&key.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &encode(&self.0)[..8])
    }
}

impl TryFrom<String> for Secret {
    type Error = NotAKey;
    fn try_from(text: String) -> Result<Self, NotAKey> {
        decode(&text).map(Self)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> String {
        encode(&secret.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Resource {
    /// Whether the alias of this resource covers `address`.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4.is_some_and(|n| n.alias.contains(&a)),
            IpAddr::V6(a) => self.v6.is_some_and(|n| n.alias.contains(&a)),
        }
    }
}

impl Ports {
    /// Whether this range holds `port` of `transport`.
    #[must_use]
    pub fn contains(self, transport: Transport, port: u16) -> bool {
        self.transport == transport && self.first <= port && port <= self.last
    }
}
