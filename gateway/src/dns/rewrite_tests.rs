use std::collections::HashMap;

use hickory_proto::op::{MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, NULL, SRV, TXT};
use hickory_proto::rr::{Name, RecordType};

use super::*;

fn view() -> View {
    let v4 = |alias: &str, real: &str| Alias { alias: alias.parse().unwrap(), real: real.parse().unwrap() };
    let v6 = |alias: &str, real: &str| Alias { alias: alias.parse().unwrap(), real: real.parse().unwrap() };
    View {
        zone: "site.internal".into(),
        public_name: "door.example.org".into(),
        gateway: crate::dns::Addresses { v4: Some(Ipv4Addr::new(10, 137, 0, 1)), v6: "fd12::1".parse().ok() },
        hosts: HashMap::new(),
        aliases4: vec![
            v4("10.137.200.0/24", "192.168.7.0/24"),
            v4("10.137.128.5/32", "192.168.1.10/32"),
            v4("10.137.128.7/32", "192.168.7.9/32"),
            v4("10.137.128.8/32", "203.0.113.8/32"),
        ],
        aliases6: vec![v6("fd12::1:5/128", "fd99::10/128"), v6("fd12:0:0:7::/64", "2001:db8:7::/64")],
        resolvers: Vec::new(),
        office_zones: Vec::new(),
    }
}

fn record(data: RData) -> Record {
    Record::from_rdata(Name::from_ascii("x.office.lan.").unwrap(), 3600, data)
}

fn address(text: &str) -> Record {
    match text.parse().unwrap() {
        IpAddr::V4(a) => record(RData::A(A(a))),
        IpAddr::V6(a) => record(RData::AAAA(AAAA(a))),
    }
}

fn unknown(code: u16) -> Record {
    record(RData::Unknown { code: RecordType::from(code), rdata: NULL::with(vec![1, 2, 3]) })
}

fn message(answers: Vec<Record>, additionals: Vec<Record>) -> Message {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.metadata.authentic_data = true;
    message.add_query(Query::query(Name::from_ascii("x.office.lan.").unwrap(), RecordType::A));
    message.add_answers(answers).add_additionals(additionals);
    message
}

fn rewritten(answers: Vec<Record>, additionals: Vec<Record>) -> Option<Message> {
    match rewrite(message(answers, additionals), &view()) {
        Outcome::Unchanged => None,
        Outcome::Rewritten(message) => Some(*message),
    }
}

#[test]
fn addresses() {
    let table = [
        ("192.168.1.10", Some("10.137.128.5")),
        ("192.168.7.77", Some("10.137.200.77")),
        ("192.168.7.9", Some("10.137.128.7")),
        ("203.0.113.8", Some("10.137.128.8")),
        ("fd99::10", Some("fd12::1:5")),
        ("2001:db8:7::beef", Some("fd12:0:0:7::beef")),
        ("192.168.1.11", None),
        ("10.137.0.1", None),
        ("172.31.255.255", None),
        ("100.64.0.1", None),
        ("100.127.255.255", None),
        ("169.254.1.1", None),
        ("127.0.0.1", None),
        ("0.0.0.0", None),
        ("fd99::11", None),
        ("fe80::1", None),
        ("fec0::1", None),
        ("::1", None),
        ("::", None),
        ("::ffff:192.168.1.10", None),
        ("64:ff9b::192.168.1.10", None),
        ("2002:c0a8:010a::1", None),
    ];
    for (real, alias) in table {
        let changed = rewritten(vec![address(real)], vec![address(real)]).unwrap_or_else(|| panic!("{real} kept"));
        let expected: Vec<RData> = alias.iter().map(|a| address(a).data).collect();
        for section in [&changed.answers, &changed.additionals] {
            assert_eq!(section.iter().map(|r| r.data.clone()).collect::<Vec<_>>(), expected, "{real}");
            assert!(section.iter().all(|r| r.ttl == MAX_TTL));
        }
    }
    for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2001:db8::1", "64:ff9b::8.8.8.8"] {
        assert_eq!(rewritten(vec![address(public)], vec![]), None, "{public}");
        assert!(!holds_private(&message(vec![address(public)], vec![])), "{public}");
    }
}

#[test]
fn signatures_go_when_something_changed_and_only_then() {
    let signed = |a: &str| vec![address(a), unknown(46), unknown(47)];
    assert_eq!(rewritten(signed("8.8.8.8"), vec![]), None);
    let changed = rewritten(signed("192.168.1.10"), vec![]).unwrap();
    assert_eq!(changed.answers.len(), 1);
    assert!(!changed.authentic_data);
}

#[test]
fn names_survive() {
    let target = || Name::from_ascii("dc1.office.lan.").unwrap();
    let srv = record(RData::SRV(SRV::new(0, 100, 389, target())));
    let alias = record(RData::CNAME(CNAME(target())));
    let changed = rewritten(vec![srv.clone(), alias.clone()], vec![address("192.168.1.11")]).unwrap();
    assert_eq!(changed.answers.iter().map(|r| &r.data).collect::<Vec<_>>(), [&srv.data, &alias.data]);
    assert!(changed.additionals.is_empty());
}

#[test]
fn hints_and_hidden_addresses_go() {
    let hinted = |v4: &str, v6: &str| {
        let v4 = IpHint(vec![A("8.8.8.8".parse().unwrap()), A(v4.parse().unwrap())]);
        let v6 = IpHint(vec![AAAA(v6.parse().unwrap())]);
        let parameters = vec![
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(v4)),
            (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(v6)),
        ];
        SVCB::new(1, Name::root(), parameters)
    };
    let table = [
        ("8.8.4.4", "2001:db8::1", false),
        ("192.168.1.11", "2001:db8::1", true),
        ("192.168.1.10", "2001:db8::1", true),
        ("203.0.113.8", "2001:db8::1", true),
        ("8.8.4.4", "fd99::11", true),
        ("8.8.4.4", "2001:db8:7::1", true),
    ];
    for (v4, v6, gone) in table {
        for data in [RData::HTTPS(HTTPS(hinted(v4, v6))), RData::SVCB(hinted(v4, v6))] {
            let left = rewritten(vec![record(data)], vec![]).map(|m| m.answers.len());
            assert_eq!(left, gone.then_some(0), "{v4} {v6}");
        }
    }
    for code in HIDDEN_ADDRESSES {
        assert_eq!(rewritten(vec![unknown(code)], vec![]).unwrap().answers.len(), 0, "type {code}");
        assert!(holds_private(&message(vec![], vec![unknown(code)])));
    }
}

#[test]
fn texts_with_private_addresses_go() {
    let table = [
        (&["v=spf1 ip4:192.168.1.25 -all"][..], true),
        (&["v=spf1 ip4:10.0.0.0/8", " -all"], true),
        (&["addr=fd99::11;port=5"], true),
        (&["ip6:fd99::11"], true),
        (&["the printer (192.168.1.30), by the door."], true),
        (&["192.168.", "1.30"], true),
        (&["v=spf1 ip4:203.0.113.25 ip6:2001:db8::1 include:example.org -all"], false),
        (&["v=DKIM1; k=rsa; p=MIGfMA0::GCSqGSIb3DQEBAQUAA4GN"], false),
        (&["site=ghent at 10:30 :: 1.2.3"], false),
        (&[""], false),
    ];
    for (text, gone) in table {
        let answer = || vec![record(RData::TXT(TXT::new(text.iter().map(|t| (*t).to_owned()).collect())))];
        assert_eq!(rewritten(answer(), vec![]).map(|m| m.answers.len()), gone.then_some(0), "{text:?}");
        assert_eq!(holds_private(&message(answer(), vec![])), gone, "{text:?}");
    }
}

#[test]
fn what_resolvers_tell_by_edns_stays_here() {
    let mut edns = Edns::new();
    edns.set_max_payload(1232).set_dnssec_ok(true);
    let plain = edns.clone();
    // EDE 23, "network error", and a text (RFC 8914)
    edns.options_mut().insert(EdnsOption::Unknown(15, [&[0, 23][..], b"192.168.1.1 is silent"].concat()));
    let mut message = message(vec![address("203.0.113.5"), unknown(46)], vec![]);
    message.set_edns(plain.clone());
    assert_eq!(rewrite(message.clone(), &view()), Outcome::Unchanged);
    message.set_edns(edns);
    let Outcome::Rewritten(changed) = rewrite(message, &view()) else { panic!("passed on as it came") };
    assert_eq!(changed.edns, Some(plain));
    assert!(changed.authentic_data && changed.answers.len() == 2, "nothing else changes");
}

#[test]
fn only_names_of_the_office_get_an_alias_where_its_zones_are_known() {
    let alias = Ipv4Addr::new(10, 137, 128, 5);
    let table = [
        (&["office.lan"][..], "files.office.lan.", Some(alias)),
        (&["OFFICE.lan"], "files.office.LAN.", Some(alias)),
        (&["office.lan"], "evil.example.", None),
        (&["office.lan"], "evil-office.lan.", None),
        (&["office.lan", "other.lan"], "x.other.lan.", Some(alias)),
        (&[], "files.corp.example.", Some(alias)),
    ];
    for (zones, name, expected) in table {
        let view = View { office_zones: zones.iter().map(ToString::to_string).collect(), ..view() };
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        let name = Name::from_ascii(name).unwrap();
        message.add_query(Query::query(name.clone(), RecordType::A));
        // the record's owner is what a CNAME led to, or a lie
        let owner = Name::from_ascii("files.office.lan.").unwrap();
        message.add_answers([Record::from_rdata(owner, 300, RData::A(Ipv4Addr::new(192, 168, 1, 10).into()))]);
        let Outcome::Rewritten(answer) = rewrite(message, &view) else { panic!("{name}: passed on as it came") };
        let got = answer.answers.first().map(|record| match &record.data {
            RData::A(a) => a.0,
            other => panic!("{other:?}"),
        });
        assert_eq!(got, expected, "{name} with {zones:?}");
    }
}
