//! Addresses, routes and rules of every machine, as `ip` and `nft` take them.

use crate::addresses::{GATEWAY, GATEWAY_LAN, GATEWAY6};

pub(crate) fn machine(v4: &str, router4: &str, v6: Option<(&str, &str)>) -> String {
    let mut text = format!("addr add {v4} dev eth0\nroute add default via {router4}\n");
    if let Some((v6, router6)) = v6 {
        text.push_str(&format!("addr add {v6} dev eth0 nodad\nroute add ::/0 via {router6}\n"));
    }
    text
}

/// A router as people have at home: NAT for IPv4, IPv6 open outwards only. Connection tracking works in a zone of its
/// own number: another number, and all translations made before are forgotten.
pub(crate) fn home_router(first_port: u16) -> String {
    let last_port = first_port + 9999;
    let zone = first_port / 10000;
    format!(
        "table inet home\ndelete table inet home\ntable inet home {{
	chain before {{ type filter hook prerouting priority raw; ct zone set {zone}; }}
	chain own {{ type filter hook output priority raw; ct zone set {zone}; }}
	chain out {{
		type nat hook postrouting priority srcnat
		oifname \"wan0\" meta nfproto ipv4 meta l4proto {{ tcp, udp }} masquerade to :{first_port}-{last_port}
		oifname \"wan0\" meta nfproto ipv4 masquerade
	}}
	chain pass {{
		type filter hook forward priority filter; policy accept;
		iifname \"wan0\" ct state established,related accept
		iifname \"wan0\" drop
	}}
}}
"
    )
}

/// A path that says nothing about packets too big for it.
pub(crate) const SILENT: &str = "table inet silent {
	chain out { type filter hook output priority filter; icmp type destination-unreachable icmp code 4 drop; \
	 icmpv6 type packet-too-big drop; }
	chain pass { type filter hook forward priority filter; icmp type destination-unreachable icmp code 4 drop; \
	 icmpv6 type packet-too-big drop; }
}
";

pub(crate) const INTERNET: &str = "\
addr add 203.0.113.1/28 dev togw
addr add 203.0.113.53/32 dev lo
addr add 203.0.113.80/32 dev lo
addr add 203.0.113.17/28 dev toodns
addr add 198.51.100.1/24 dev toboxa
addr add 192.0.2.1/25 dev toboxb
addr add 192.0.2.129/25 dev toroam
addr add 2001:db8:113::1/64 dev togw nodad
addr add 2001:db8:53::53/128 dev lo nodad
addr add 2001:db8:53::80/128 dev lo nodad
addr add 2001:db8:a::1/64 dev toboxa nodad
addr add 2001:db8:b::1/64 dev toboxb nodad
addr add 2001:db8:c::1/64 dev toroam nodad
route add 2001:db8:a1::/64 via 2001:db8:a::11
route add 2001:db8:b1::/64 via 2001:db8:b::22
";

pub(crate) const GW: &str = "\
addr add 203.0.113.10/28 dev wan0
addr add 2001:db8:113::10/64 dev wan0 nodad
addr add 192.168.1.2/24 dev lan0
addr add fd5e:ff1:ce::2/64 dev lan0 nodad
route add default via 203.0.113.1
route add ::/0 via 2001:db8:113::1
";

pub(crate) const BOX_A: &str = "\
link add lan0 type bridge
link set lan1 master lan0
link set lan2 master lan0
link set lan0 up
addr add 198.51.100.11/24 dev wan0
addr add 2001:db8:a::11/64 dev wan0 nodad
addr add 192.168.1.1/24 dev lan0
addr add 2001:db8:a1::1/64 dev lan0 nodad
route add default via 198.51.100.1
route add ::/0 via 2001:db8:a::1
";

pub(crate) const BOX_B: &str = "\
addr add 192.0.2.22/25 dev wan0
addr add 2001:db8:b::22/64 dev wan0 nodad
addr add 192.168.77.1/24 dev lan0
addr add 2001:db8:b1::1/64 dev lan0 nodad
route add default via 192.0.2.1
route add ::/0 via 2001:db8:b::1
";

pub(crate) const ROAM: &str = "\
addr add 192.0.2.150/25 dev roam0
addr add 2001:db8:c::150/64 dev roam0 nodad
";

pub(crate) const LAN: &str = "\
link add br0 type bridge
link set togw master br0
link set tofiles master br0
link set topc master br0
link set toodns master br0
link set br0 up
";

pub(crate) const ODNS: &str = "\
addr add 203.0.113.20/28 dev wan0
addr add 192.168.1.1/24 dev lan0
addr add fd5e:ff1:ce::1/64 dev lan0 nodad
route add default via 203.0.113.17
";

/// What the public DNS server knows of the gateway, and the office's DNS server of its own zone.
pub(crate) fn zones() -> (String, String) {
    let public = format!(
        "host-record=www.example.org,203.0.113.80,2001:db8:53::80\nhost-record=door.example.org,{GATEWAY},{GATEWAY6}\n"
    );
    let office = format!(
        "local=/office.lan/\nhost-record=files.office.lan,192.168.1.10,fd5e:ff1:ce::10\n\
         host-record=pc.office.lan,192.168.1.20,fd5e:ff1:ce::20\nhost-record=door.office.lan,{GATEWAY_LAN}\n\
         host-record=archive.office.lan,192.168.1.21\nhost-record=vault.office.lan,192.168.1.22\n\
         host-record=printer.office.lan,192.168.1.30\nsrv-host=_ldap._tcp.office.lan,files.office.lan,389\n"
    );
    (public, office)
}
