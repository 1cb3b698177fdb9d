//! Who is where. Public addresses are from the documentation ranges (RFC 5737, RFC 3849).

use std::net::{Ipv4Addr, Ipv6Addr};

/// The public DNS server.
pub const PUBLIC_DNS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// A public web server, `www.example.org`.
pub const PUBLIC_WEB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
/// The gateway on the internet, `door.example.org`.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// The same by IPv6.
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, 0x10);
/// The gateway on the office LAN.
pub const GATEWAY_LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
/// The office's file server; at home-a another machine has the same address.
pub const FILES: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
/// The office's file server by IPv6.
pub const FILES6: Ipv6Addr = Ipv6Addr::new(0xfd5e, 0xff1, 0xce, 0, 0, 0, 0, 0x10);
/// The office PC.
pub const PC: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);
/// The office PC by IPv6.
pub const PC6: Ipv6Addr = Ipv6Addr::new(0xfd5e, 0xff1, 0xce, 0, 0, 0, 0, 0x20);
/// The office's router and DNS server.
pub const OFFICE_DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// What home-b has as public address while it roams.
pub const ROAM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 150);
/// home-a's own address in its home LAN.
pub const HOME_A: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
/// home-b's own address in its home LAN.
pub const HOME_B: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 50);
