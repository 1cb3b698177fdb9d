//! One agent's connection, from its greeting to its end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use agent::message::{Action, FromAgent, Leaving, Outcome, Refused, ToAgent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::link::{Door, Heard, Socket, hear, say};
use super::{Fleet, Order};
use crate::clock::{Boot, Unix};
use crate::places::Place;
use crate::pure::bucket::{Bucket, Rate};
use crate::store::Moment;

/// An agent says something at least this often.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Silent for so long, it is not there any more: two heartbeats may be lost, the third is not late.
const SILENT: Duration = Duration::from_secs(40);

/// How fast an agent may talk: a busy PC changes a few times a second at most.
const RATE: Rate = Rate { burst: 60, each_second: 10 };

/// An agent that is connected says so at once, whatever its PC is doing besides.
const GREETS: Duration = Duration::from_secs(10);

/// Things one agent is asked at once.
const ASKED: usize = 8;

/// Attends to an agent whose certificate has this key; the reason, if it is we who end it.
/// `unknown` is held until it is known: who has a certificate may have been taken back.
pub(super) async fn attend(
    door: &Door,
    socket: &mut Socket,
    key: &str,
    peer: IpAddr,
    unknown: Place<IpAddr>,
) -> Option<Refused> {
    let program = match timeout(GREETS, hear::<FromAgent>(socket)).await {
        Ok(Heard::Message(FromAgent::Hello { program, .. })) => program,
        Ok(Heard::Rubbish | Heard::Message(_)) => return Some(Refused::Other),
        _ => return None,
    };
    // Asked after it has spoken: what was true before may not be true any more.
    let agent = match door.fleet.known(key).await {
        Ok(Some(agent)) if agent.revoked_at.is_none() => agent,
        Ok(Some(_)) => return Some(Refused::Revoked),
        Ok(None) => return Some(Refused::Unknown),
        Err(_) => return Some(Refused::Busy),
    };
    let id = agent.id;
    let Some((connection, orders, approved)) = door.fleet.arrived(agent, program, peer, Moment::now()) else {
        return Some(Refused::Revoked);
    };
    drop(unknown);
    let welcome = door.fleet.welcome(approved);
    let mut session = Session { door, key, orders, asked: HashMap::new(), left: None };
    let ended = if say(socket, &welcome).await { session.run(socket, id, connection).await } else { None };
    door.fleet.went(id, connection, session.left, Moment::now());
    ended
}

struct Session<'d> {
    door: &'d Door,
    key: &'d str,
    orders: mpsc::Receiver<Order>,
    asked: HashMap<u64, Asked>,
    left: Option<Leaving>,
}

/// What it was asked to do, and has not answered.
struct Asked {
    answer: oneshot::Sender<Outcome>,
    /// To go to sleep: whoever does has no time to say so.
    sleeps: bool,
}

impl Session<'_> {
    async fn run(&mut self, socket: &mut Socket, id: crate::ids::AgentId, connection: u64) -> Option<Refused> {
        let mut bucket = Bucket::full(RATE, Boot::now());
        let mut late = Instant::now() + SILENT;
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    // Its place was taken, or it was cut off.
                    None => return Some(Refused::Replaced),
                    Some(order) => if let Some(ended) = self.carry_out(socket, order).await {
                        return ended;
                    },
                },
                () = sleep_until(late) => return None,
                heard = hear::<FromAgent>(socket) => {
                    // What it was asked for is no flood of its own.
                    let answers = matches!(&heard, Heard::Message(FromAgent::Done { id, .. }) if self.asked.contains_key(id));
                    if !answers && !bucket.take(RATE, Boot::now()) {
                        return Some(Refused::Flood);
                    }
                    let message = match heard {
                        Heard::Message(message) => message,
                        Heard::Nothing => continue,
                        Heard::Rubbish => return Some(Refused::Flood),
                        Heard::End => return None,
                    };
                    late = Instant::now() + SILENT;
                    self.door.fleet.heard(id, connection, Unix::now());
                    if let Some(ended) = self.take_in(socket, message, id, connection).await {
                        return ended;
                    }
                }
            }
        }
    }

    /// What it said; `Some`: it is over.
    async fn take_in(
        &mut self,
        socket: &mut Socket,
        message: FromAgent,
        id: crate::ids::AgentId,
        connection: u64,
    ) -> Option<Option<Refused>> {
        let fleet: &Fleet = &self.door.fleet;
        match message {
            FromAgent::Facts(facts) => fleet.told(id, connection, &facts, Moment::now()),
            FromAgent::Leaving { how } => {
                self.left = Some(how);
                if how == Leaving::Sleep {
                    for asked in self.asked.drain().map(|(_, asked)| asked).filter(|asked| asked.sleeps) {
                        let _ = asked.answer.send(Outcome::Done {});
                    }
                }
                return Some(None);
            }
            FromAgent::Done { id, outcome } => {
                if let Some(asked) = self.asked.remove(&id) {
                    // Who asked may have gone.
                    let _ = asked.answer.send(outcome);
                }
            }
            FromAgent::Renew { request } => {
                let Some(certificate) = self.door.enrolment.renew(&request, self.key) else {
                    return Some(Some(Refused::Key));
                };
                if !say(socket, &ToAgent::Renewed { certificate }).await {
                    return Some(None);
                }
            }
            // Enrolled it is.
            FromAgent::Enrol { .. } => return Some(Some(Refused::Key)),
            FromAgent::Hello { .. } | FromAgent::Alive {} | FromAgent::Back {} | FromAgent::Unknown => {}
        }
        None
    }

    async fn carry_out(&mut self, socket: &mut Socket, order: Order) -> Option<Option<Refused>> {
        let message = match order {
            Order::End(why) => return Some(Some(why)),
            Order::Act(id, action, answer) => {
                self.asked.retain(|_, asked| !asked.answer.is_closed());
                if self.asked.len() >= ASKED {
                    return None;
                }
                self.asked.insert(id, Asked { answer, sleeps: matches!(action, Action::Suspend { .. }) });
                ToAgent::Act { id, action }
            }
            Order::Welcome => match self.door.fleet.known(self.key).await {
                Ok(Some(agent)) if agent.revoked_at.is_none() => self.door.fleet.welcome(agent.resource.is_some()),
                Ok(_) => return Some(Some(Refused::Revoked)),
                Err(_) => return None,
            },
        };
        if say(socket, &message).await { None } else { Some(None) }
    }
}
