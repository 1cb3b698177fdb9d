//! A query as it goes to a resolver, and what counts as its answer. Pure; shared by `serve` and by `net`'s fallback.

use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};

use super::MAX_UDP_ANSWER;

/// How long one resolver is waited for: stub resolvers give up after 5 s, so a second one still has a chance.
pub const PER_TRY: Duration = Duration::from_secs(2);

/// Resolvers asked for one query: more would answer after the client has gone.
pub const MAX_TRIES: usize = 3;

/// Bytes to read a UDP answer into: twice what is offered, for some resolvers take the offer lightly. What is longer
/// still does not parse and is passed over.
pub const ANSWER_BUFFER: usize = 2 * MAX_UDP_ANSWER as usize;

/// The client's question under `id`. Only the question and flags travel on: EDNS options (cookies, client subnet) are
/// between two neighbours (RFC 6891 §6.1.1).
#[must_use]
pub fn ask(query: &Message, id: u16) -> Option<Vec<u8>> {
    let mut asked = Message::new(id, query.message_type, query.op_code);
    asked.metadata.recursion_desired = query.recursion_desired;
    asked.metadata.authentic_data = query.authentic_data;
    asked.metadata.checking_disabled = query.checking_disabled;
    asked.add_queries(query.queries.iter().cloned());
    if let Some(client) = &query.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(client.max_payload().clamp(512, MAX_UDP_ANSWER));
        edns.set_dnssec_ok(client.flags().dnssec_ok);
        asked.set_edns(edns);
    }
    asked.to_vec().ok()
}

/// The answer, if these bytes are one to `query` as it was asked under `id`.
#[must_use]
pub fn accept(bytes: &[u8], id: u16, query: &Message) -> Option<Message> {
    // The number of questions is looked at first: the parser allocates by it.
    let [id0, id1, flags, _, 0, 1, ..] = *bytes else { return None };
    if u16::from_be_bytes([id0, id1]) != id || flags & 0x80 == 0 {
        return None;
    }
    let message = Message::from_vec(bytes).ok()?;
    let same = |a: &Query, b: &Query| {
        a.name() == b.name() && a.query_type() == b.query_type() && a.query_class() == b.query_class()
    };
    (message.op_code == query.op_code && same(message.queries.first()?, query.queries.first()?)).then_some(message)
}

/// The same answer under the client's own id; nothing else in it changes.
#[must_use]
pub fn readdress(mut bytes: Vec<u8>, id: u16) -> Option<Vec<u8>> {
    bytes.get_mut(..2)?.copy_from_slice(&id.to_be_bytes());
    Some(bytes)
}

/// A random message id.
///
/// # Errors
/// The kernel gives no randomness.
pub fn random_id() -> std::io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(std::io::Error::other)?;
    Ok(u16::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::rdata::opt::EdnsOption;
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    fn query(name: &str) -> Message {
        let mut query = Message::new(1, MessageType::Query, OpCode::Query);
        query.metadata.recursion_desired = true;
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        query
    }

    #[test]
    fn flags_travel_and_options_stay() {
        let mut client = query("Example.org.");
        client.metadata.checking_disabled = true;
        let mut edns = Edns::new();
        edns.set_max_payload(65_000).set_dnssec_ok(true);
        edns.options_mut().insert(EdnsOption::Unknown(10, vec![1; 8]));
        client.set_edns(edns);
        let asked = Message::from_vec(&ask(&client, 9).unwrap()).unwrap();
        assert_eq!((asked.id, asked.checking_disabled, asked.max_payload()), (9, true, MAX_UDP_ANSWER));
        assert_eq!(asked.queries, client.queries);
        let edns = asked.edns.unwrap();
        assert!(edns.flags().dnssec_ok && edns.options().as_ref().is_empty());
        assert!(Message::from_vec(&ask(&query("example.org."), 9).unwrap()).unwrap().edns.is_none());
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let client = query("example.org.");
        let answer = |name: &str, id: u16| {
            let mut answer = query(name);
            answer.metadata.id = id;
            answer.metadata.message_type = MessageType::Response;
            answer.to_vec().unwrap()
        };
        assert!(accept(&answer("EXAMPLE.org.", 9), 9, &client).is_some());
        assert!(accept(&answer("example.org.", 8), 9, &client).is_none(), "another id");
        assert!(accept(&answer("example.com.", 9), 9, &client).is_none(), "another question");
        assert!(accept(&ask(&client, 9).unwrap(), 9, &client).is_none(), "a query");
        for cut in 0..answer("example.org.", 9).len() {
            assert!(accept(&answer("example.org.", 9)[..cut], 9, &client).is_none(), "cut at {cut}");
        }
    }
}
