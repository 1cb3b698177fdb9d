//! What the office's own resolvers say of a name, unchanged: for the gateway itself, never for a device.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::timeout;

use super::forward::{Via, exchange};
use super::upstream::{MAX_TRIES, PER_TRY};

/// The addresses that the office's resolvers have for a name; nothing if none of them answers. A name that does not exist
/// has none.
pub async fn addresses(name: &str, resolvers: &[SocketAddr]) -> Option<Vec<IpAddr>> {
    let (v4, v6) = tokio::join!(of_type(name, RecordType::A, resolvers), of_type(name, RecordType::AAAA, resolvers));
    match (v4, v6) {
        (None, None) => None,
        (v4, v6) => Some(v4.into_iter().chain(v6).flatten().collect()),
    }
}

async fn of_type(name: &str, of: RecordType, resolvers: &[SocketAddr]) -> Option<Vec<IpAddr>> {
    let mut query = Message::new(0, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_str(&format!("{name}.")).ok()?, of));
    for resolver in resolvers.iter().take(MAX_TRIES) {
        let Ok(Ok(Some((_, message)))) = timeout(PER_TRY, exchange(&query, *resolver, Via::Udp)).await else {
            continue;
        };
        if matches!(message.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Some(message.answers.iter().filter_map(|record| address(&record.data)).collect());
        }
    }
    None
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(a) => Some(a.0.into()),
        _ => None,
    }
}
