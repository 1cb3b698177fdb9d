use std::collections::HashMap;

use hickory_proto::op::Edns;
use proptest::prelude::*;

use super::*;

fn view() -> View {
    let both = |n: u8| Addresses {
        v4: Some(Ipv4Addr::new(10, 137, 128, n)),
        v6: Some(Ipv6Addr::new(0xfd12, 0, 0, 0, 0, 0, 1, n.into())),
    };
    View {
        zone: "site.internal".into(),
        public_name: "door.example.org".into(),
        gateway: Addresses { v4: Some(Ipv4Addr::new(10, 137, 0, 1)), v6: "fd12::1".parse().ok() },
        hosts: HashMap::from([
            ("files.site.internal".into(), both(5)),
            ("files.office.lan".into(), both(5)),
            ("old.lab.site.internal".into(), Addresses { v6: None, ..both(6) }),
            ("old.office.lan".into(), Addresses { v6: None, ..both(7) }),
        ]),
        aliases4: Vec::new(),
        aliases6: Vec::new(),
        resolvers: Vec::new(),
        office_zones: vec!["office.lan".into(), "lan".into()],
    }
}

fn query(name: &str, of: RecordType) -> Message {
    let mut query = Message::new(0x1234, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), of));
    query
}

/// "what was answered", in short: the code, the data or the owner of the SOA.
fn said(name: &str, of: RecordType) -> String {
    let asked = query(name, of);
    let Screened::Query(asked) = screen(&asked.to_vec().unwrap()) else { return "screened".into() };
    let Answer::Local(answer) = answer(&asked, &view()) else { return "forward".into() };
    assert_eq!((answer.id, &answer.queries), (0x1234, &asked.queries));
    assert!(answer.recursion_desired && answer.recursion_available && answer.authoritative);
    let answer = Message::from_vec(&answer.to_vec().unwrap()).unwrap();
    assert!(answer.all_sections().all(|r| r.ttl == TTL));
    match (answer.answers.as_slice(), answer.authorities.as_slice()) {
        ([record], []) => format!("{} {}", record.name, record.data),
        ([], [soa]) if soa.record_type() == RecordType::SOA => {
            format!("{} {}", answer.response_code.to_str(), soa.name)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_and_their_answers() {
    use RecordType::{A, AAAA, CNAME, HTTPS, MX, NS, PTR, SOA, SRV, TXT};
    let none = "No Error";
    let unknown = "Non-Existent Domain";
    let table: [(&str, RecordType, String); 35] = [
        ("files.site.internal.", A, "files.site.internal. 10.137.128.5".into()),
        ("FILES.Site.INTERNAL.", A, "FILES.Site.INTERNAL. 10.137.128.5".into()),
        ("files.site.internal.", AAAA, "files.site.internal. fd12::1:5".into()),
        ("files.site.internal.", HTTPS, format!("{none} site.internal.")),
        ("files.site.internal.", CNAME, format!("{none} site.internal.")),
        ("old.lab.site.internal.", AAAA, format!("{none} site.internal.")),
        ("lab.site.internal.", A, format!("{none} site.internal.")),
        ("nobody.site.internal.", A, format!("{unknown} site.internal.")),
        ("x.files.site.internal.", A, format!("{unknown} site.internal.")),
        ("wpad.site.internal.", A, format!("{unknown} site.internal.")),
        ("site.internal.", A, format!("{none} site.internal.")),
        ("site.internal.", NS, "site.internal. gateway.site.internal.".into()),
        (
            "site.internal.",
            SOA,
            "site.internal. gateway.site.internal. hostmaster.site.internal. 1 3600 600 86400 30".into(),
        ),
        ("gateway.site.internal.", A, "gateway.site.internal. 10.137.0.1".into()),
        ("door.example.org.", A, "door.example.org. 10.137.0.1".into()),
        ("door.example.org.", AAAA, "door.example.org. fd12::1".into()),
        ("door.example.org.", HTTPS, format!("{none} door.example.org.")),
        ("_acme-challenge.door.example.org.", TXT, "forward".into()),
        ("files.office.lan.", A, "files.office.lan. 10.137.128.5".into()),
        ("files.office.lan.", SOA, "forward".into()),
        ("files.office.lan.", MX, "forward".into()),
        ("old.office.lan.", AAAA, format!("{none} office.lan.")),
        ("_ldap._tcp.dc._msdcs.office.lan.", SRV, "forward".into()),
        ("other.office.lan.", A, "forward".into()),
        ("example.org.", A, "forward".into()),
        ("xsite.internal.", A, "forward".into()),
        ("x\\.site.internal.", A, "forward".into()),
        (".", NS, "forward".into()),
        ("5.128.137.10.in-addr.arpa.", PTR, "5.128.137.10.in-addr.arpa. files.office.lan.".into()),
        ("6.128.137.10.in-addr.arpa.", PTR, "6.128.137.10.in-addr.arpa. old.lab.site.internal.".into()),
        ("1.0.137.10.in-addr.arpa.", PTR, "1.0.137.10.in-addr.arpa. gateway.site.internal.".into()),
        ("1.0.137.10.in-addr.arpa.", TXT, format!("{none} 137.10.in-addr.arpa.")),
        ("8.8.8.8.in-addr.arpa.", PTR, "forward".into()),
        ("use-application-dns.net.", A, format!("{unknown} use-application-dns.net.")),
        ("_dns.resolver.arpa.", RecordType::SVCB, format!("{unknown} resolver.arpa.")),
    ];
    for (name, of, expected) in table {
        assert_eq!(said(name, of), expected, "{name} {of}");
    }
}

#[test]
fn reverse_names_of_private_networks_stay_here() {
    let v6 = |address: &str| {
        let nibbles = address.parse::<Ipv6Addr>().unwrap().to_bits();
        (0..32).fold(String::new(), |s, n| format!("{s}{:x}.", nibbles >> (4 * n) & 0xf)) + "ip6.arpa."
    };
    assert_eq!(said(&v6("fd12::1"), RecordType::PTR), format!("{} gateway.site.internal.", v6("fd12::1")));
    assert!(said(&v6("fd99::1"), RecordType::PTR).starts_with("Non-Existent Domain"));
    assert_eq!(said(&v6("2001:db8::1"), RecordType::PTR), "forward");
    let table = [
        ("10.1.168.192.in-addr.arpa.", true),
        ("1.0.16.172.in-addr.arpa.", true),
        ("1.0.32.172.in-addr.arpa.", false),
        ("168.192.in-addr.arpa.", true),
        ("192.in-addr.arpa.", false),
        ("10.in-addr.arpa.", true),
        ("in-addr.arpa.", false),
        ("64.100.in-addr.arpa.", true),
        ("128.100.in-addr.arpa.", false),
        ("254.169.in-addr.arpa.", true),
        ("1.0.0.127.in-addr.arpa.", true),
        ("b._dns-sd._udp.0.1.168.192.in-addr.arpa.", true),
        ("lb._dns-sd._udp.0.0.8.8.in-addr.arpa.", false),
        ("d.f.ip6.arpa.", true),
        ("8.e.f.ip6.arpa.", true),
        ("f.ip6.arpa.", false),
        ("ip6.arpa.", false),
        ("arpa.", false),
        ("10.in-addr.arpa.example.org.", false),
        ("300.168.192.in-addr.arpa.", true),
    ];
    for (name, private) in table {
        assert_eq!(is_private_reverse(&Name::from_ascii(name).unwrap()), private, "{name}");
        assert_eq!(said(name, RecordType::PTR) != "forward", private, "{name}");
    }
}

#[test]
fn the_office_lan_is_told_the_zone_and_nothing_else() {
    let real = Addresses { v4: "192.168.1.10".parse().ok(), v6: None };
    let lan = View {
        gateway: Addresses { v4: "192.168.1.2".parse().ok(), v6: None },
        hosts: HashMap::from([("files.site.internal".into(), real)]),
        office_zones: Vec::new(),
        ..view()
    };
    let said = |name: &str, of: RecordType| {
        let answer = answer_office(&query(name, of), &lan);
        assert!(!answer.recursion_available);
        let found: Vec<String> = answer.answers.iter().map(|r| r.data.to_string()).collect();
        (answer.response_code, found.join(" "))
    };
    let none = String::new;
    let table = [
        ("files.site.internal.", RecordType::A, ResponseCode::NoError, "192.168.1.10".into()),
        ("files.site.internal.", RecordType::AAAA, ResponseCode::NoError, none()),
        ("gateway.site.internal.", RecordType::A, ResponseCode::NoError, "192.168.1.2".into()),
        ("door.example.org.", RecordType::A, ResponseCode::NoError, "192.168.1.2".into()),
        ("door.example.org.", RecordType::AAAA, ResponseCode::NoError, none()),
        ("door.example.org.", RecordType::MX, ResponseCode::NoError, none()),
        ("nobody.site.internal.", RecordType::A, ResponseCode::NXDomain, none()),
        ("site.internal.", RecordType::NS, ResponseCode::NoError, "gateway.site.internal.".into()),
        ("_acme-challenge.door.example.org.", RecordType::TXT, ResponseCode::Refused, none()),
        ("files.office.lan.", RecordType::A, ResponseCode::Refused, none()),
        ("example.org.", RecordType::A, ResponseCode::Refused, none()),
        ("internal.", RecordType::NS, ResponseCode::Refused, none()),
        (".", RecordType::NS, ResponseCode::Refused, none()),
        ("use-application-dns.net.", RecordType::A, ResponseCode::Refused, none()),
        ("10.1.168.192.in-addr.arpa.", RecordType::PTR, ResponseCode::Refused, none()),
        ("8.8.8.8.in-addr.arpa.", RecordType::PTR, ResponseCode::Refused, none()),
    ];
    for (name, of, code, found) in table {
        assert_eq!(said(name, of), (code, found), "{name} {of}");
    }
}

#[test]
fn hostile_and_odd_queries() {
    let good = query("example.org.", RecordType::A).to_vec().unwrap();
    assert!(matches!(screen(&good), Screened::Query(_)));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        screen(&bytes)
    };
    let code = |screened: Screened| match screened {
        Screened::Refuse(m) => {
            assert!(m.message_type == MessageType::Response && m.answers.is_empty());
            assert_eq!(m.id, 0x1234);
            m.response_code
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(with(&|b| b[2] |= 0x80), Screened::Ignore, "a response");
    assert_eq!(with(&|b| b.truncate(11)), Screened::Ignore, "no header");
    assert_eq!(with(&|b| b.resize(MAX_QUERY + 1, 0)), Screened::Ignore, "too long");
    assert_eq!(code(with(&|b| b[2] |= 5 << 3)), ResponseCode::NotImp, "UPDATE");
    assert_eq!(code(with(&|b| b[2] |= 4 << 3)), ResponseCode::NotImp, "NOTIFY");
    assert_eq!(code(with(&|b| b[5] = 0)), ResponseCode::FormErr, "no question");
    assert_eq!(code(with(&|b| b[4..6].fill(0xff))), ResponseCode::FormErr, "65535 questions");
    assert_eq!(code(with(&|b| b[7] = 1)), ResponseCode::FormErr, "an answer in a query");
    assert_eq!(code(with(&|b| b.truncate(20))), ResponseCode::FormErr, "cut short");
    assert_eq!(code(with(&|b| b[12] = 0xc0)), ResponseCode::FormErr, "a pointer to itself");
    let class = good.len() - 1;
    assert_eq!(code(with(&|b| b[class] = 3)), ResponseCode::Refused, "CHAOS");
    for of in [RecordType::ANY, RecordType::AXFR, RecordType::IXFR, RecordType::TSIG, RecordType::OPT] {
        assert_eq!(code(screen(&query("example.org.", of).to_vec().unwrap())), ResponseCode::Refused, "{of}");
    }
    let mut versioned = query("example.org.", RecordType::A);
    versioned.set_edns(Edns::new()).edns.as_mut().unwrap().set_version(1);
    assert_eq!(code(screen(&versioned.to_vec().unwrap())), ResponseCode::BADVERS);
}

#[test]
fn edns_is_answered_with_edns() {
    for (offered, limit) in [(None, 512), (Some(0), 512), (Some(700), 700), (Some(4096), 1232)] {
        let mut asked = query("files.site.internal.", RecordType::A);
        if let Some(size) = offered {
            let mut edns = Edns::new();
            edns.set_max_payload(size).set_dnssec_ok(true);
            asked.set_edns(edns);
        }
        assert_eq!(udp_limit(&asked), limit);
        let Answer::Local(answer) = answer(&asked, &view()) else { panic!("forwarded") };
        assert_eq!(answer.edns.as_ref().map(|e| e.flags().dnssec_ok), offered.map(|_| true));
    }
}

#[test]
fn an_empty_view_publishes_nothing() {
    let empty = View { zone: String::new(), public_name: String::new(), hosts: HashMap::new(), ..view() };
    for name in [".", "gateway.", "files.site.internal.", "example.org."] {
        assert_eq!(answer(&query(name, RecordType::A), &empty), Answer::Forward, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(header in any::<[u8; 12]>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = header.to_vec();
        bytes[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, header[11] & 1]);
        bytes.extend(rest);
        if let Screened::Query(query) = screen(&bytes)
            && let Answer::Local(answer) = answer(&query, &view())
        {
            prop_assert!(answer.to_vec().unwrap().len() <= 512);
        }
    }

    #[test]
    fn any_name_is_answered_within_512_bytes(labels in proptest::collection::vec("[a-z.*\\x00\\xff]{1,63}", 0..8), of in any::<u16>()) {
        let Ok(name) = Name::from_labels(labels.iter().map(String::as_bytes)) else { return Ok(()) };
        for zone in ["", "site.internal.", "168.192.in-addr.arpa."] {
            let Ok(name) = name.clone().append_domain(&Name::from_ascii(zone).unwrap()) else { continue };
            let mut query = query(".", RecordType::from(of));
            query.queries[0].set_name(name);
            if let Answer::Local(answer) = answer(&query, &view()) {
                prop_assert!(answer.to_vec().unwrap().len() <= 512);
            }
        }
    }
}
