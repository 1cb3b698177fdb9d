//! Network interfaces, their addresses, and which ports are listened on (iphlpapi).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::null_mut;

use ipnet::IpNet;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    FreeMibTable, GetIfTable2, GetTcp6Table, GetTcpTable, GetUnicastIpAddressTable, MIB_IF_ROW2, MIB_TCP_STATE_LISTEN,
    MIB_TCP6ROW, MIB_TCPROW_LH, MIB_UNICASTIPADDRESS_ROW,
};
use windows_sys::Win32::NetworkManagement::Ndis::IfOperStatusUp;
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6, AF_UNSPEC};
use windows_sys::core::GUID;

use super::text;
use crate::pure::windows::adapters::Row;

/// Interfaces and addresses that are looked at: hosts of containers have hundreds.
const LOOKED_AT: usize = 1024;

/// Words of the table of connections at most: 800,000 of them.
const CONNECTIONS: usize = 4 << 20;

/// All interfaces, whatever they are.
pub(crate) fn rows() -> Vec<Row> {
    let mut table = null_mut();
    // SAFETY: on success `table` points to a count and that many rows, ours until they are given back.
    unsafe {
        if GetIfTable2(&raw mut table) != 0 || table.is_null() {
            return Vec::new();
        }
        let number = usize::try_from((*table).NumEntries).unwrap_or(0).min(LOOKED_AT);
        let rows = std::slice::from_raw_parts((&raw const (*table).Table).cast::<MIB_IF_ROW2>(), number);
        let all = rows.iter().map(row).collect();
        FreeMibTable(table.cast());
        all
    }
}

fn row(of: &MIB_IF_ROW2) -> Row {
    let length = usize::try_from(of.PhysicalAddressLength).unwrap_or(0).min(of.PhysicalAddress.len());
    Row {
        // SAFETY: each of the union's shapes is 64 bits.
        luid: unsafe { of.InterfaceLuid.Value },
        id: braced(&of.InterfaceGuid),
        name: text(&of.Alias),
        kind: of.Type,
        medium: of.PhysicalMediumType,
        flags: of.InterfaceAndOperStatusFlags._bitfield,
        up: of.OperStatus == IfOperStatusUp,
        mac: of.PhysicalAddress[..length].to_vec(),
    }
}

/// `{6AE0B9F4-0000-4A5B-8000-0123456789AB}`.
fn braced(id: &GUID) -> String {
    let [a, b, c, d, e, f, g, h] = id.data4;
    format!(
        "{{{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-{c:02X}{d:02X}{e:02X}{f:02X}{g:02X}{h:02X}}}",
        id.data1, id.data2, id.data3
    )
}

/// All addresses, with the interfaces' numbers.
pub(crate) fn addresses() -> Vec<(u64, IpNet)> {
    let mut table = null_mut();
    // SAFETY: on success `table` points to a count and that many rows, ours until they are given back.
    unsafe {
        if GetUnicastIpAddressTable(AF_UNSPEC, &raw mut table) != 0 || table.is_null() {
            return Vec::new();
        }
        let number = usize::try_from((*table).NumEntries).unwrap_or(0).min(LOOKED_AT);
        let rows = std::slice::from_raw_parts((&raw const (*table).Table).cast::<MIB_UNICASTIPADDRESS_ROW>(), number);
        let all = rows.iter().filter_map(address).collect();
        FreeMibTable(table.cast());
        all
    }
}

fn address(of: &MIB_UNICASTIPADDRESS_ROW) -> Option<(u64, IpNet)> {
    // SAFETY: the family, which all shapes begin with, says which of them it is; plain bytes all.
    let (luid, address): (_, IpAddr) = unsafe {
        let address = match of.Address.si_family {
            AF_INET => Ipv4Addr::from(of.Address.Ipv4.sin_addr.S_un.S_addr.to_ne_bytes()).into(),
            AF_INET6 => Ipv6Addr::from(of.Address.Ipv6.sin6_addr.u.Byte).into(),
            _ => return None,
        };
        (of.InterfaceLuid.Value, address)
    };
    Some((luid, IpNet::new(address, of.OnLinkPrefixLength).ok()?))
}

/// Whether anything listens on a TCP port, by IPv4 or IPv6; nothing where Windows does not tell.
pub(crate) fn listens(port: u16) -> Option<bool> {
    // SAFETY: the buffer is aligned as the tables are, and the second word says how many bytes it has.
    let v4 = connections(|table, bytes| unsafe { GetTcpTable(table.cast(), bytes, 0) })?;
    // SAFETY: as above.
    let v6 = connections(|table, bytes| unsafe { GetTcp6Table(table.cast(), bytes, 0) }).unwrap_or_default();
    let listens = |row: &[u32], at: usize| row[0].cast_signed() == MIB_TCP_STATE_LISTEN && own_port(row[at]) == port;
    // State, address and port; in the other, four words of address and its scope are between them.
    let rows = |table: &[u32], row: usize, at: usize| {
        let rows = usize::try_from(table.first().copied().unwrap_or(0)).unwrap_or(0);
        table
            .get(1..)
            .is_some_and(|rest| rest.chunks_exact(row / size_of::<u32>()).take(rows).any(|row| listens(row, at)))
    };
    Some(rows(&v4, size_of::<MIB_TCPROW_LH>(), 2) || rows(&v6, size_of::<MIB_TCP6ROW>(), 6))
}

/// A table of connections, as words: their number, and the rows.
fn connections(ask: impl Fn(*mut u32, *mut u32) -> u32) -> Option<Vec<u32>> {
    let mut words: Vec<u32> = Vec::new();
    // It grows between asking how long it is and reading it.
    for _ in 0..4 {
        let mut bytes = u32::try_from(words.len() * size_of::<u32>()).ok()?;
        if ask(words.as_mut_ptr(), &raw mut bytes) == 0 {
            return Some(words);
        }
        let needed = usize::try_from(bytes).ok()?.div_ceil(size_of::<u32>()) + 256;
        if needed > CONNECTIONS {
            return None;
        }
        words = vec![0; needed];
    }
    None
}

fn own_port(word: u32) -> u16 {
    let [high, low, ..] = word.to_ne_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_listened_on_is_told_from_one_that_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listens(port), Some(true));
        drop(listener);
        assert_eq!(listens(port), Some(false));
        assert_eq!(own_port(u32::from_ne_bytes([0x0d, 0x3d, 0, 0])), 3389);
    }

    #[test]
    fn interfaces_have_their_addresses() {
        let (rows, addresses) = (rows(), addresses());
        let loopback = addresses.iter().find(|(_, net)| net.addr().is_loopback() && net.addr().is_ipv4()).unwrap();
        assert!(rows.iter().any(|row| row.luid == loopback.0 && row.id.len() == 38), "{rows:?}");
    }
}
