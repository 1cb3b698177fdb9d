//! Whether the office's DNS servers answer this machine: devices at home ask them through it, for every name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::Context as _;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use serde::Serialize;

use crate::dns::upstream::{ANSWER_BUFFER, PER_TRY, accept, random_id};

/// What one of them did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) resolver: SocketAddr,
    pub(crate) answers: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl Asked {
    /// The problem as a sentence, with the cure; `how` says where another is named.
    pub(crate) fn sentence(&self, how: &str) -> Option<String> {
        let problem = self.problem.as_deref()?;
        Some(format!("DNS server {} {problem}: while the tunnel is on, names fail for devices. {how}", self.resolver))
    }
}

/// Asks all of them at once for something that each must know: the office's own zone, or the root.
pub(crate) fn ask(resolvers: &[SocketAddr], zones: &[String]) -> Vec<Asked> {
    let name = zones.first().map_or(".", String::as_str);
    std::thread::scope(|scope| {
        let asking: Vec<_> = resolvers.iter().map(|at| (*at, scope.spawn(move || ask_one(*at, name)))).collect();
        asking
            .into_iter()
            .map(|(resolver, thread)| {
                let problem = match thread.join() {
                    Ok(Ok(())) => None,
                    Ok(Err(e)) => Some(format!("{e:#}")),
                    Err(_) => Some("could not be asked".to_owned()),
                };
                Asked { resolver, answers: problem.is_none(), problem }
            })
            .collect()
    })
}

/// It is what it says that counts, not whether the zone is there: a server that refuses us answers nobody at home.
fn ask_one(resolver: SocketAddr, name: &str) -> anyhow::Result<()> {
    let any = match resolver {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let id = random_id().context("could not be asked")?;
    let mut query = Message::new(id, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    let mut name = Name::from_ascii(name).context("could not be asked")?;
    // As it comes back: whole.
    name.set_fqdn(true);
    query.add_query(Query::query(name, RecordType::SOA));
    let bytes = query.to_vec().context("could not be asked")?;
    let socket = UdpSocket::bind((any, 0)).context("could not be asked")?;
    socket.set_read_timeout(Some(PER_TRY)).context("could not be asked")?;
    socket.connect(resolver).context("is not reached")?;
    socket.send(&bytes).context("is not reached")?;
    let mut buffer = vec![0; ANSWER_BUFFER];
    // Connected: only it is heard. One stray answer more than it could have sent ends the wait.
    for _ in 0..2 {
        let length = socket.recv(&mut buffer).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                anyhow::anyhow!("does not answer within {} s", PER_TRY.as_secs())
            }
            _ => anyhow::anyhow!("is not reached ({e})"),
        })?;
        let Some(answer) = accept(&buffer[..length], id, &query) else { continue };
        return match answer.metadata.response_code {
            ResponseCode::Refused => anyhow::bail!("refuses to answer this machine"),
            ResponseCode::ServFail => anyhow::bail!("says that it cannot find anything out (SERVFAIL)"),
            _ => Ok(()),
        };
    }
    anyhow::bail!("answers something else than it was asked")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DNS server that gives every query this answer, if any.
    fn server(code: Option<ResponseCode>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let Some(code) = code else { return std::thread::sleep(PER_TRY * 2) };
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
            answer.metadata.response_code = code;
            answer.add_queries(query.queries.iter().cloned());
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        });
        at
    }

    #[test]
    fn who_answers_and_who_does_not() {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let all = [
            server(Some(ResponseCode::NoError)),
            server(Some(ResponseCode::NXDomain)),
            server(Some(ResponseCode::Refused)),
            server(Some(ResponseCode::ServFail)),
            server(None),
            closed,
        ];
        let asked = ask(&all, &["corp.lan".to_owned()]);
        let answers: Vec<_> = asked.iter().map(|a| a.answers).collect();
        assert_eq!(answers, [true, true, false, false, false, false]);
        assert!(asked[4].sentence("").unwrap().contains("does not answer within 2 s"));
        assert!(asked[0].sentence("").is_none());
    }
}
