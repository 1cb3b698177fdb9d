//! Asking whoever is at a PC whether somebody else may use it now. Who says nothing has said no.

use std::time::Duration;

use agent::message::{Action, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Desk, millis};
use crate::audit::{Actor, Event};
use crate::clock::Boot;
use crate::fleet::{NotDone, State};
use crate::ids::{ResourceId, UserId};
use crate::pure::workstation::Kind;
use crate::store::devices::Device;
use crate::store::resources::Resource;

/// Whoever is at the PC reads, saves, and answers within this.
const WITHIN: Duration = Duration::from_secs(20);

/// The same PC's people are asked once in so long.
const AGAIN: Duration = Duration::from_secs(60);

/// Whoever was let in comes within this.
const COMES: Duration = Duration::from_secs(180);

/// What whoever is at a PC says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// They let them in.
    Yes,
    /// They do not, or say nothing.
    No,
}

/// Why nobody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// Nobody is at it who could be asked.
    Nobody,
    /// They were asked a moment ago: wait for so long.
    TooSoon(Duration),
    /// The question did not reach them.
    Unreached,
}

impl Desk {
    /// Asks whoever is at this PC whether this person may use it.
    ///
    /// # Errors
    /// Why nobody is asked.
    pub async fn ask_people(
        &self,
        device: &Device,
        who: &str,
        language: &str,
        resource: &Resource,
    ) -> Result<Says, NotAsked> {
        let now = Boot::now();
        let state = self.fleet.state(resource.id).filter(can_be_asked).ok_or(NotAsked::Nobody)?;
        {
            let mut board = self.board();
            board.asked.retain(|_, at| now.0.saturating_sub(at.0) < millis(AGAIN));
            if let Some(at) = board.asked.get(&resource.id) {
                return Err(NotAsked::TooSoon((*at + AGAIN).remaining(now)));
            }
            board.asked.insert(resource.id, now);
        }
        let text = question(language, who, &state.name);
        let within_s = u32::try_from(WITHIN.as_secs()).unwrap_or(20);
        let answered = self.fleet.act(resource.id, Action::Ask { text: text.as_str().into(), within_s }).await;
        let says = match answered {
            Ok(Outcome::Answered { yes: true }) => Says::Yes,
            Ok(_) => Says::No,
            Err(NotDone::Failed(why)) => {
                tracing::info!(workstation = resource.name, %why, "a question did not reach whoever is at an office PC");
                return Err(NotAsked::Unreached);
            }
            Err(_) => return Err(NotAsked::Unreached),
        };
        let workstation = resource.name.clone();
        self.note(Actor::User(device.login.clone()), Event::DesktopAsked { workstation, says });
        if says == Says::Yes {
            self.admit(resource.id, device.user);
        }
        Ok(says)
    }

    /// From now on, for three minutes, they may come to this PC though somebody is at it.
    pub fn admit(&self, resource: ResourceId, user: UserId) {
        let now = Boot::now();
        let mut board = self.board();
        board.admitted.retain(|_, at| now.0.saturating_sub(at.0) < millis(COMES));
        board.admitted.insert((resource, user), now);
        drop(board);
        self.changed();
    }

    /// Whether they may come to this PC though somebody is at it.
    #[must_use]
    pub fn is_admitted(&self, resource: ResourceId, user: UserId, now: Boot) -> bool {
        let board = self.board();
        board.admitted.get(&(resource, user)).is_some_and(|at| now.0.saturating_sub(at.0) < millis(COMES))
    }
}

/// Whether somebody is at this PC whom its agent can ask.
#[must_use]
pub fn can_be_asked(state: &State) -> bool {
    let at_it = matches!(state.judged.kind, Kind::InUseHere | Kind::Locked);
    at_it && state.agent.as_ref().is_some_and(|agent| agent.connected)
}

/// Of a name, so much is said: the question has to fit.
const NAMED: usize = 40;

/// In the language of who asks: they work in the same office. What is asked stands before what it means.
fn question(language: &str, who: &str, pc: &str) -> String {
    let [who, pc] = [who, pc].map(|name| name.chars().take(NAMED).collect::<String>());
    match language {
        "fr" => format!(
            "{who} veut utiliser ce PC ({pc}) à distance. Acceptez-vous\u{202f}? Sans réponse, c’est non. Enregistrez d’abord\u{a0}: \
             votre session sera fermée ou verrouillée."
        ),
        "nl" => format!(
            "{who} wil deze pc ({pc}) op afstand gebruiken. Gaat u akkoord? Geen antwoord is nee. Sla eerst uw werk op: u wordt \
             afgemeld of vergrendeld."
        ),
        "ca" => format!(
            "{who} vol fer servir aquest ordinador ({pc}) a distància. Hi esteu d’acord? Si no responeu, és que no. Deseu abans \
             la feina: se us tancarà la sessió."
        ),
        "es" => format!(
            "{who} quiere usar este ordenador ({pc}) a distancia. ¿Está de acuerdo? Si no responde, es que no. Guarde antes su \
             trabajo: se cerrará su sesión."
        ),
        _ => format!(
            "{who} wants to use this PC ({pc}) from afar. Do you agree? No answer means no. Save your work first: you will be \
             signed out, or locked out."
        ),
    }
}

#[cfg(test)]
mod tests {
    use agent::bounded::Short;

    use super::*;

    #[test]
    fn the_longest_question_is_told_whole() {
        let long = "é".repeat(64);
        for language in ["en", "fr", "nl", "ca", "es"] {
            let text = question(language, &long, &long);
            assert_eq!(Short::from(text.as_str()).to_string(), text, "{language}: {} characters", text.chars().count());
        }
    }
}
