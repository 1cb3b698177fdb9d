//! A domain as Active Directory's own DNS server has one: BIND with its zone, recursion for everything else, and whole
//! answers, with authority and additional sections.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::addresses::OFFICE_DNS;
use crate::place::Office;
use crate::process::{Process, wait_until};

const START_LIMIT: Duration = Duration::from_secs(20);

/// The DNS server of the domain `corp.lan`, on the office's router.
#[derive(Debug)]
pub struct Directory {
    _named: Process,
}

impl Directory {
    /// Its zone.
    pub const ZONE: &str = "corp.lan";
    /// Where it answers, as the product's settings take it.
    pub const RESOLVER: &str = "192.168.1.1:5353";

    /// Starts it; ends when it answers for its own zone and for the internet's.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(office: &Office) -> anyhow::Result<Self> {
        let dir = office.directory().join("directory");
        fs::create_dir_all(&dir)?;
        let at = dir.display();
        let mut zones = String::new();
        for (name, text) in
            [(Self::ZONE, domain()), ("example.net", TRAPS.to_owned()), (REVERSE, REVERSE_ZONE.to_owned())]
        {
            fs::write(dir.join(name), format!("$TTL 300\n$ORIGIN {name}.\n{text}")).context("write a zone")?;
            zones.push_str(&format!(
                "zone \"{name}\" {{ type primary; file \"{name}\"; allow-transfer {{ any; }}; }};\n"
            ));
        }
        let conf = dir.join("named.conf");
        let text = format!(
            "options {{ directory \"{at}\"; pid-file none; session-keyfile none; listen-on port 5353 {{ {OFFICE_DNS}; }};\n\
             listen-on-v6 {{ none; }}; recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }};\n\
             forward only; forwarders {{ {OFFICE_DNS}; }}; dnssec-validation no; max-cache-size 16m; minimal-responses no;\n\
             empty-zones-enable no; managed-keys-directory \"{at}\"; }};\ncontrols {{ }};\n{zones}"
        );
        fs::write(&conf, text).context("write BIND's configuration")?;
        let mut named = office.odns.spawn(["named", "-g", "-n", "1", "-c", &conf.to_string_lossy()])?;
        wait_until("the domain's DNS server answers", START_LIMIT, || {
            ensure!(named.runs(), "named: {}", named.log());
            let ask =
                |name| office.pc.run(["dig", "+short", "+tries=1", "+time=1", "-p", "5353", "@192.168.1.1", name]);
            Ok((ask("dc2.corp.lan")?.stdout.contains("192.168.1.40")
                && ask("out.corp.lan")?.stdout.contains("203.0.113.80"))
            .then_some(()))
        })?;
        Ok(Self { _named: named })
    }
}

const REVERSE: &str = "1.168.192.in-addr.arpa";

/// A domain controller that is published (the file server), one that is not, and names that lead to either in all ways
/// that there are.
fn domain() -> String {
    let mut zone = String::from(
        "@ SOA dc1 hostmaster 1 900 600 86400 300
@ NS dc1
@ NS dc2
@ A 192.168.1.10
@ A 192.168.1.40
@ AAAA fd5e:ff1:ce::10
@ MX 10 dc2
@ TXT \"v=spf1 ip4:192.168.1.25 -all\"
@ TXT \"site=main\"
dc1 A 192.168.1.10
dc1 AAAA fd5e:ff1:ce::10
dc2 A 192.168.1.40
dc2 AAAA fd5e:ff1:ce::40
_ldap._tcp.dc._msdcs SRV 0 100 389 dc1
_ldap._tcp.dc._msdcs SRV 0 100 389 dc2
_kerberos._tcp SRV 0 100 88 dc1
_kerberos._tcp SRV 0 100 88 dc2
gc._msdcs A 192.168.1.10
gc._msdcs A 192.168.1.40
5f0c1e._msdcs CNAME dc1
published1 CNAME published2
published2 CNAME published3
published3 CNAME dc1
hidden1 CNAME hidden2
hidden2 CNAME dc2
mixed1 CNAME mixed2
mixed2 CNAME pool
pool A 192.168.1.10
pool A 192.168.1.40
pool A 192.168.1.41
pool A 203.0.113.81
pool AAAA fd5e:ff1:ce::10
pool AAAA fd5e:ff1:ce::40
out CNAME www.example.org.
loop1 CNAME loop2
loop2 CNAME loop1
web HTTPS 1 . alpn=h2 ipv4hint=192.168.1.10,192.168.1.40
_svc._tcp SVCB 1 dc1 ipv6hint=fd5e:ff1:ce::10
lists APL 1:192.168.1.0/24
locator L32 10 192.168.1.40
wins TYPE65281 \\# 20 00000000000000050000038400000001C0A80132
",
    );
    // More than a datagram holds.
    for last in 10..100 {
        zone.push_str(&format!("crowd A 192.168.1.{last}\n"));
    }
    zone
}

/// Somebody else's names that lead into the office.
const TRAPS: &str = "@ SOA ns hostmaster 1 900 600 86400 300
@ NS ns
ns A 203.0.113.53
address A 192.168.1.10
name CNAME dc1.corp.lan.
";

const REVERSE_ZONE: &str = "@ SOA dc1.corp.lan. hostmaster.corp.lan. 1 900 600 86400 300
@ NS dc1.corp.lan.
10 PTR dc1.corp.lan.
40 PTR dc2.corp.lan.
";
