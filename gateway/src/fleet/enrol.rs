//! A PC without a certificate: it shows a token, and is given one. It can do nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agent::bounded::Short;
use agent::message::{FromAgent, Papers, Refused, Secret, ToAgent};
use ipnet::{Ipv4Net, Ipv6Net};
use provisioning::authority::Authority;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use super::Fleet;
use super::link::{Door, Heard, Socket, hear, key_hash, say};
use crate::audit::Actor;
use crate::clock::Unix;
use crate::dns::rewrite::is_private;
use crate::http::resources::{RDP, is_own};
use crate::ids::{AgentId, ResourceId};
use crate::link::message::{Ports, Transport};
use crate::store::agents::{Agent, Enrolled, Says};
use crate::store::resources::{NewResource, Resource, ResourceKind};
use crate::store::{self, Moment};

/// It says what it wants within this.
const ASKS: Duration = Duration::from_secs(10);

/// Enrolments at once; all others wait.
const AT_ONCE: usize = 8;

/// Who was refused is told so after this, and holds one of those places meanwhile: guesses are slow.
const REFUSED: Duration = Duration::from_secs(1);

/// Enrols, and renews certificates.
#[derive(Debug)]
pub struct Enrolment {
    authority: Authority,
    turns: Arc<Semaphore>,
}

/// Attends to a PC without a certificate; the reason, if it is not enrolled.
pub(super) async fn attend(door: &Door, socket: &mut Socket, peer: IpAddr) -> Option<Refused> {
    let message = timeout(ASKS, hear::<FromAgent>(socket)).await;
    let Ok(Heard::Message(FromAgent::Enrol { secret, request, host, .. })) = message else {
        return matches!(message, Ok(Heard::Message(_) | Heard::Rubbish)).then_some(Refused::Unknown);
    };
    // Whoever waited for longer has gone.
    let Ok(Ok(turn)) = timeout(ASKS, door.enrolment.turns.acquire()).await else { return Some(Refused::Busy) };
    let enrolled = enrol(door, &secret, &request, &host, peer).await;
    // Who is slow from here on keeps nobody waiting.
    drop(turn);
    match enrolled {
        Ok(certificate) => {
            say(socket, &ToAgent::Enrolled { certificate }).await;
            // It says goodbye, or it does not.
            let _ = timeout(ASKS, hear::<FromAgent>(socket)).await;
            None
        }
        Err(why) => {
            sleep(REFUSED).await;
            Some(why)
        }
    }
}

async fn enrol(door: &Door, secret: &Secret, request: &Papers, host: &Short, peer: IpAddr) -> Result<Papers, Refused> {
    let (certificate, key) = door.enrolment.certify(request, Unix::now()).ok_or(Refused::Key)?;
    let store = &door.fleet.store;
    let now = Moment::now();
    let enrolled = match store.enrol(&secret.hash(), host, &key, now).await {
        Ok(Some(enrolled)) => enrolled,
        Ok(None) => return Err(Refused::Token),
        Err(store::Error::Exists(_)) => return Err(Refused::Key),
        Err(e) => {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "a PC cannot be enrolled");
            return Err(Refused::Busy);
        }
    };
    tracing::info!(agent = %enrolled.id, host = %host, address = %peer, "a PC was enrolled");
    if let Err(e) = approve(&door.fleet, &enrolled, host, peer, now).await {
        // It waits for IT like any other.
        tracing::warn!(error = format!("{:#}", anyhow::Error::from(e)), "a PC that was expected cannot be approved");
    }
    Ok(certificate)
}

/// Approves a PC that was expected. All others wait for IT: a name is only what a PC says of itself.
async fn approve(fleet: &Fleet, enrolled: &Enrolled, host: &str, peer: IpAddr, now: Moment) -> store::Result<()> {
    let store = &fleet.store;
    let (resources, agents) = (store.resources().await?, store.agents().await?);
    let heard = |id: AgentId| agents.iter().find(|a| a.id == id).is_none_or(|a| !fleet.is_ghost(a));
    let Some(which) = expected(enrolled.says, host, peer, &resources, heard) else {
        if let Says::Listed(..) = enrolled.says {
            tracing::info!(agent = %enrolled.id, host, address = %peer, "a PC that was expected waits for IT");
        }
        return Ok(());
    };
    let mut write = store.write(now, Actor::System).await?;
    let resource = match which {
        Which::Known(resource) => resource,
        Which::New(new) => write.add_resource(&new).await?,
    };
    // Of one that was never heard nothing is lost. Whose agent was is not approved: the database takes one a PC.
    let ghost = agents.iter().find(|a| a.resource == Some(resource) && fleet.is_ghost(a));
    if let Some(ghost) = ghost {
        write.revoke_agent(ghost.id).await?;
    }
    write.approve_agent(enrolled.id, resource).await?;
    if let Says::Listed(token, _) = enrolled.says {
        write.came(token, host, enrolled.id).await?;
    }
    write.commit().await?;
    if ghost.is_some() {
        // If it came this very moment, it goes.
        fleet.reload(&store.resources().await?, now).await?;
    }
    Ok(())
}

/// Which PC somebody is, by a token's word.
enum Which {
    Known(ResourceId),
    New(NewResource),
}

/// The PC that a token was made for; or one of its list: the one IT named, if it is at its address; one that is published
/// under its name and at its address; or a new one, whose name and address nobody has. As whom somebody came who was
/// `heard`, nobody else comes.
fn expected(
    says: Says,
    host: &str,
    peer: IpAddr,
    resources: &[Resource],
    heard: impl Fn(AgentId) -> bool,
) -> Option<Which> {
    let listed = match says {
        Says::Is(resource) => return Some(Which::Known(resource)),
        Says::Listed(_, listed) if !listed.came.is_some_and(heard) => listed,
        Says::Listed(..) | Says::Nothing => return None,
    };
    let name = label(host);
    let is_one = |r: &Resource| r.kind == ResourceKind::Workstation && is_at(r, peer);
    match listed.workstation {
        Some(id) => resources.iter().find(|r| r.id == id && is_one(r)).map(|r| Which::Known(r.id)),
        None => match resources.iter().find(|r| r.name == name || is_at(r, peer)) {
            Some(r) => (r.name == name && is_one(r)).then_some(Which::Known(r.id)),
            None => is_publishable(peer).then(|| Which::New(as_workstation(host, peer, &names(resources)))),
        },
    }
}

/// By what a PC that waits for IT looks like one that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alike {
    /// It is at its address.
    Address,
    /// It calls itself so.
    Name,
    /// Both.
    NameAndAddress,
}

/// The published PC without an agent that this one looks like most.
#[must_use]
pub fn looks_like<'r>(
    host: &str,
    address: Option<IpAddr>,
    resources: &'r [Resource],
    has_agent: impl Fn(ResourceId) -> bool,
) -> Option<(&'r Resource, Alike)> {
    let name = label(host);
    let free = resources.iter().filter(|r| r.kind == ResourceKind::Workstation && !has_agent(r.id));
    let alike = |r: &'r Resource| {
        let named = r.name == name || r.dns_names.iter().any(|n| n.eq_ignore_ascii_case(host));
        let alike = match (named, address.is_some_and(|peer| is_at(r, peer))) {
            (true, true) => Alike::NameAndAddress,
            (true, false) => Alike::Name,
            (false, true) => Alike::Address,
            (false, false) => return None,
        };
        Some((r, alike))
    };
    free.filter_map(alike).max_by_key(|(_, alike)| *alike)
}

impl Fleet {
    /// It was enrolled and approved, and nothing was ever heard of it.
    pub(crate) fn is_ghost(&self, agent: &Agent) -> bool {
        let inner = self.lock();
        let heard = |a: &Agent| a.heard_at.is_some() || a.revoked_at.is_some();
        let known = inner.agents.get(&agent.id).is_some_and(heard) || inner.present.contains_key(&agent.id);
        !(heard(agent) || known)
    }

    /// Where an agent is connected from, if it is.
    pub(crate) fn address(&self, id: AgentId) -> Option<IpAddr> {
        self.lock().present.get(&id).map(|present| present.address)
    }

    /// Whoever was approved as this PC before, and was never heard.
    pub(crate) fn ghost_of(&self, pc: ResourceId, id: AgentId) -> Option<AgentId> {
        let before = self.lock().agents.values().find(|a| a.resource == Some(pc) && a.id != id).cloned()?;
        self.is_ghost(&before).then_some(before.id)
    }
}

/// Those of what is published.
pub(crate) fn names(resources: &[Resource]) -> BTreeSet<String> {
    resources.iter().map(|r| r.name.clone()).collect()
}

/// Another machine of the office: not this one, and nothing that only means something here.
pub(crate) fn is_publishable(peer: IpAddr) -> bool {
    is_private(peer) && !peer.is_loopback() && !peer.is_unspecified() && !is_own(peer)
}

fn is_at(resource: &Resource, peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(a) => resource.real4.is_some_and(|n| n.addr() == a),
        IpAddr::V6(a) => resource.real6.is_some_and(|n| n.addr() == a),
    }
}

/// A PC of this name at this address, as it is published; `taken`: names of what is published already.
#[must_use]
pub fn as_workstation(host: &str, peer: IpAddr, taken: &BTreeSet<String>) -> NewResource {
    let name = unused(&label(host), taken);
    let (real4, real6) = match peer {
        IpAddr::V4(a) => (Some(Ipv4Net::from(a)), None),
        IpAddr::V6(a) => (None, Some(Ipv6Net::from(a))),
    };
    let ports = vec![Ports { transport: Transport::Tcp, first: RDP, last: RDP }];
    NewResource { kind: ResourceKind::Workstation, name, dns_names: Vec::new(), real4, real6, ports }
}

/// What programs ask their zone for unasked, and the gateway's own name in it: no PC is published so.
const LOOKED_FOR: [&str; 6] = ["wpad", "isatap", "autodiscover", "autoconfig", "localhost", "gateway"];

/// One DNS label of a PC's name: `PC-Accounts.office.lan` is `pc-accounts`.
pub(crate) fn label(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default().to_lowercase();
    let clean: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(50).collect();
    let clean = clean.trim_matches('-');
    match clean {
        "" => "pc".to_owned(),
        // Names that machines look for by themselves.
        name if LOOKED_FOR.contains(&name) => format!("pc-{name}"),
        name => name.to_owned(),
    }
}

/// The same, with a number where others have it already.
fn unused(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|n| !taken.contains(n)).unwrap_or_else(|| name.to_owned())
}

impl Enrolment {
    /// By this authority.
    #[must_use]
    pub fn new(authority: Authority) -> Self {
        Self { authority, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// A certificate for the key of this request, and SHA-256 of that key.
    fn certify(&self, request: &Papers, now: Unix) -> Option<(Papers, String)> {
        let chain = self.authority.issue_agent_at(request.as_str(), "Passerelle agent", now.seconds()).ok()?;
        let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
        let key = key_hash(&certificate).ok()?;
        Some((Papers::try_from(chain).ok()?, key))
    }

    /// A new certificate for the same key.
    pub(super) fn renew(&self, request: &Papers, key: &str) -> Option<Papers> {
        self.certify(request, Unix::now()).filter(|(_, of)| of == key).map(|(certificate, _)| certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pcs_name_becomes_a_label() {
        for (host, wanted) in [
            ("PC-Accounts", "pc-accounts"),
            ("pc7.office.lan", "pc7"),
            ("Poste de Léa", "poste-de-l-a"),
            ("---", "pc"),
            ("WPAD", "pc-wpad"),
            ("gateway.office.lan", "pc-gateway"),
            ("", "pc"),
            ("ordinateur_2", "ordinateur-2"),
        ] {
            assert_eq!(label(host), wanted, "{host}");
        }
        assert_eq!(label(&"x".repeat(300)).len(), 50);
    }
}
