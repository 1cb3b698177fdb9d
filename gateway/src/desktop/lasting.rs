//! How long desktops last: those that nobody uses, and those whose time is over, are ended; people are told before. And what
//! IT tells people who are at one.

use std::sync::Arc;
use std::time::Duration;

use agent::message::Action;

use super::end::End;
use super::{Board, Desk, Desktop, Via, millis};
use crate::audit::{Actor, Ended, Event};
use crate::clock::{Boot, Unix};
use crate::fleet::NotDone;
use crate::ids::{DesktopId, UserId};
use crate::net::{BUSY, MINUTE};
use crate::pure::length::{Due, WARNED, ends};
use crate::store::Moment;

/// Letters of what IT tells: a line on a screen.
pub const LONGEST: usize = 200;

/// A warning on the PC's screen is drawn within this, and is no use of it.
const DRAWN: Duration = Duration::from_secs(15);

/// What IT told is shown for so long to who was away from the screen.
const TOLD: Duration = Duration::from_secs(1_800);

/// When a desktop ends, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// When.
    pub at: Unix,
    /// Why.
    pub why: Due,
}

/// What use there is of a desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// When it was last used.
    at: Boot,
    /// When this minute began, and what had passed by then.
    minute: Boot,
    base: u64,
    /// Of which end they have been told.
    warned: Option<Due>,
    /// What passes until then is the warning itself, which the PC draws.
    warning: Boot,
}

impl Use {
    pub(super) fn from(now: Boot) -> Self {
        Self { at: now, minute: now, base: 0, warned: None, warning: Boot::default() }
    }

    /// They know that it ends soon.
    pub(super) fn is_warned(&self) -> bool {
        self.warned.is_some()
    }

    fn counted(&mut self, passed: u64, now: Boot) {
        if now < self.warning {
            self.base = passed;
            return;
        }
        // As with doors: a minute that carries less is none of work.
        if passed.saturating_sub(self.base) >= BUSY {
            *self = Self { at: now, minute: now, base: passed, ..*self };
        } else if now.0.saturating_sub(self.minute.0) >= millis(MINUTE) {
            (self.minute, self.base) = (now, passed);
        }
    }
}

/// Why somebody was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTold {
    /// There is no such desktop.
    None,
    /// Its app shows nothing of the gateway's, and the PC did not show it.
    Unreached(NotDone),
}

impl Board {
    fn due(&self, desktop: &Desktop, now: Moment) -> Option<(Boot, Due)> {
        let limits = self.seating.limits(desktop.resource);
        let pool = self.seating.pool_of(desktop.resource);
        let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
        let used = members.iter().filter(|(pc, _)| self.all.values().any(|d| d.resource == *pc)).count();
        let booked = self.seating.booked_by_another(desktop.resource, desktop.user, used, now.wall);
        let booked = booked.map(|at| now.boot + at.remaining(now.wall));
        ends(limits, desktop.began, desktop.used.at, booked)
    }
}

impl Desk {
    /// When this desktop ends, if that is soon.
    #[must_use]
    pub fn ends_soon(&self, id: DesktopId) -> Option<Ends> {
        let (board, now) = (self.board(), Moment::now());
        let desktop = board.all.get(&id).filter(|desktop| desktop.there)?;
        let (at, why) = board.due(desktop, now)?;
        let left = at.remaining(now.boot);
        (left <= WARNED).then(|| Ends { at: now.wall + left, why })
    }

    /// Ends those whose time is over, and tells people whose apps show nothing of ours.
    pub(crate) fn end_due(self: &Arc<Self>, now: Moment) {
        let (mut over, mut told) = (Vec::new(), Vec::new());
        {
            let mut board = self.board();
            let all: Vec<DesktopId> = board.all.values().filter(|d| d.there).map(|d| d.id).collect();
            for id in all {
                let Some(desktop) = board.all.get_mut(&id) else { continue };
                let passed = desktop.rx.saturating_add(desktop.tx);
                desktop.used.counted(passed, now.boot);
                let desktop = desktop.clone();
                let due = board.due(&desktop, now);
                let soon = due.filter(|(at, _)| at.remaining(now.boot) <= WARNED);
                let Some(kept) = board.all.get_mut(&id) else { continue };
                if kept.used.warned.is_none() && soon.is_some() {
                    kept.used.warning = now.boot + DRAWN;
                }
                kept.used.warned = soon.map(|(_, why)| why);
                match soon {
                    // Whoever booked it has it when they come: [`Desk::make_room`].
                    Some((at, why)) if at <= now.boot && why != Due::Booked => over.push((id, why)),
                    Some((at, why)) if desktop.used.warned != Some(why) && desktop.via == Via::App => {
                        told.push((desktop, at.remaining(now.boot), why));
                    }
                    _ => {}
                }
            }
        }
        for (id, why) in over {
            // Without a data plane there is none of them.
            let _ = self.cut(id, if why == Due::Idle { End::Idle } else { End::Longest });
        }
        for (desktop, left, why) in told {
            tokio::spawn(self.clone().warn(desktop, left, why));
        }
    }

    /// On the PC's own screen, which is what the app shows.
    async fn warn(self: Arc<Self>, desktop: Desktop, left: Duration, why: Due) {
        let language = self.store.user(&desktop.login).await.map(|user| user.language).unwrap_or_default();
        let minutes = left.as_secs().div_ceil(60).max(1);
        let text = warning(&language, why, minutes);
        if let Err(e) = self.fleet.act(desktop.resource, Action::Tell { text: text.as_str().into() }).await {
            tracing::info!(workstation = desktop.workstation, error = %e, "nobody was told that their desktop ends soon");
        }
    }

    /// Tells whoever uses this desktop something: on their page, or on the PC's own screen.
    ///
    /// # Errors
    /// They were not told.
    pub async fn tell(&self, id: DesktopId, text: &str, by: Actor) -> Result<(), NotTold> {
        let desktop = {
            let mut board = self.board();
            let desktop = board.all.get_mut(&id).filter(|desktop| desktop.there).ok_or(NotTold::None)?;
            if desktop.via == Via::Browser {
                desktop.told = Some((Unix::now(), text.to_owned()));
            }
            desktop.clone()
        };
        if desktop.via == Via::App {
            let told = self.fleet.act(desktop.resource, Action::Tell { text: text.into() }).await;
            told.map_err(NotTold::Unreached)?;
        }
        let Desktop { login: user, workstation, .. } = desktop;
        self.note(by, Event::DesktopTold { workstation, user });
        self.changed();
        Ok(())
    }

    /// What IT told whoever uses this desktop of theirs, and when.
    #[must_use]
    pub fn told(&self, id: DesktopId, user: UserId, now: Unix) -> Option<(Unix, String)> {
        let board = self.board();
        let told = board.all.get(&id).filter(|desktop| desktop.user == user)?.told.clone();
        told.filter(|(at, _)| u64::try_from(now.0.saturating_sub(at.0)).is_ok_and(|ms| ms < millis(TOLD)))
    }
}

/// How an end that was ours is written down, where the data plane only knows that it was told to.
pub(super) fn written(end: End) -> Option<Ended> {
    matches!(end, End::NobodySignedIn | End::Idle | End::Longest | End::Booked).then(|| end.audited())
}

/// In the language of whoever it is told to.
fn warning(language: &str, why: Due, minutes: u64) -> String {
    match (language, why) {
        ("fr", Due::Idle) => format!(
            "Personne n’utilise ce PC à distance\u{a0}: la connexion sera coupée dans {minutes} min. Ce qui est ouvert le reste."
        ),
        ("fr", Due::Longest) => format!(
            "Votre connexion à ce PC se termine dans {minutes} min. Enregistrez votre travail\u{a0}; ce qui est ouvert le reste."
        ),
        ("fr", Due::Booked) => format!(
            "Ce PC est réservé par quelqu’un d’autre dans {minutes} min. Enregistrez votre travail et fermez vos programmes."
        ),
        ("nl", Due::Idle) => format!(
            "Niemand gebruikt deze pc op afstand: de verbinding stopt over {minutes} min. Wat openstaat, blijft open."
        ),
        ("nl", Due::Longest) => {
            format!("Uw verbinding met deze pc stopt over {minutes} min. Sla uw werk op; wat openstaat, blijft open.")
        }
        ("nl", Due::Booked) => format!(
            "Iemand anders heeft deze pc over {minutes} min gereserveerd. Sla uw werk op en sluit uw programma’s."
        ),
        ("ca", Due::Idle) => format!(
            "Ningú no fa servir aquest ordinador a distància: la connexió es tallarà d’aquí a {minutes} min. El que és obert hi queda."
        ),
        ("ca", Due::Longest) => format!(
            "La vostra connexió amb aquest ordinador s’acaba d’aquí a {minutes} min. Deseu la feina; el que és obert hi queda."
        ),
        ("ca", Due::Booked) => format!(
            "Una altra persona té reservat aquest ordinador d’aquí a {minutes} min. Deseu la feina i tanqueu els programes."
        ),
        ("es", Due::Idle) => format!(
            "Nadie usa este ordenador a distancia: la conexión se cortará en {minutes} min. Lo que está abierto sigue abierto."
        ),
        ("es", Due::Longest) => format!(
            "Su conexión con este ordenador termina en {minutes} min. Guarde su trabajo; lo que está abierto sigue abierto."
        ),
        ("es", Due::Booked) => format!(
            "Otra persona tiene reservado este ordenador dentro de {minutes} min. Guarde su trabajo y cierre sus programas."
        ),
        (_, Due::Idle) => {
            format!("Nobody is using this PC from afar: the connection ends in {minutes} min. What is open stays open.")
        }
        (_, Due::Longest) => {
            format!("Your connection to this PC ends in {minutes} min. Save your work; what is open stays open.")
        }
        (_, Due::Booked) => {
            format!("Somebody else has booked this PC in {minutes} min. Save your work and close your programs.")
        }
    }
}

#[cfg(test)]
mod tests {
    use agent::bounded::Short;

    use super::*;

    #[test]
    fn a_minute_of_work_is_use_and_a_trickle_is_none() {
        let at = |s: u64| Boot(s * 1_000);
        let mut seen = Use::from(at(0));
        seen.counted(BUSY - 1, at(30));
        assert_eq!(seen.at, at(0));
        seen.counted(BUSY, at(31));
        assert_eq!(seen.at, at(31), "as soon as it is known");
        // A caret that blinks, for ten minutes.
        for minute in 1..=10 {
            seen.counted(BUSY + minute * (BUSY - 1), at(31 + 60 * minute));
        }
        assert_eq!(seen.at, at(31));
        seen.counted(BUSY * 20, at(700));
        assert_eq!(seen.at, at(700));
    }

    #[test]
    fn every_warning_is_told_whole() {
        for language in ["en", "fr", "nl", "ca", "es"] {
            for why in [Due::Idle, Due::Longest, Due::Booked] {
                let text = warning(language, why, 5);
                assert_eq!(Short::from(text.as_str()).to_string(), text, "{language} {why:?}");
            }
        }
    }
}
