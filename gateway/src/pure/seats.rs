//! Seats: who of those that wait for a pool of office PCs gets which one, and how many may be used at once.
//!
//! No clock, and nothing of who may reach what: that has been decided before, and is decided again when they come.

use std::collections::BTreeSet;
use std::time::Duration;

use super::wake::Wakeable;
use super::workstation::{Kind, Reason};
use crate::ids::{ResourceId, UserId};

/// How a PC stands to whoever looks for a seat; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// It is on, and nobody is at it.
    Awake,
    /// It is expected to be on after this.
    Away(Duration),
    /// It is on; whether somebody sits there, nobody can say.
    Unsure,
    /// Somebody is at it, or on their way, or it is kept for somebody: it uses a seat.
    Taken,
    /// It cannot be used now, and uses no seat.
    Out,
}

impl Stand {
    /// Of a PC that nobody has through the gateway, and that is kept for nobody.
    #[must_use]
    pub fn of(kind: Kind, reason: Reason, wakeable: Wakeable, expected: Duration) -> Self {
        match (kind, reason) {
            (Kind::Free, Reason::RdpOff | Reason::RdpSilent) => Self::Out,
            (Kind::Free | Kind::Reserved, _) => Self::Awake,
            (Kind::Waking | Kind::Starting, _) => Self::Away(expected),
            (Kind::Off, _) if matches!(wakeable, Wakeable::No(_) | Wakeable::OnlyFromSleep(_)) => Self::Out,
            (Kind::Asleep | Kind::Unknown, _) if matches!(wakeable, Wakeable::No(_)) => Self::Out,
            (Kind::Off | Kind::Asleep | Kind::Unknown, _) => Self::Away(expected),
            (Kind::Stale, Reason::NoAgentAnswers) => Self::Unsure,
            // Its agent was there, and says nothing: nobody is sent to where somebody may sit.
            (Kind::Stale, _) => Self::Out,
            (Kind::InUseHere | Kind::InUseRemotely | Kind::Locked, _) => Self::Taken,
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Awake | Self::Away(_) | Self::Unsure)
    }
}

/// A PC of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Which one.
    pub pc: ResourceId,
    /// How it stands.
    pub stand: Stand,
    /// For whom alone it is now, if it was booked: it uses a seat of all others.
    pub only: Option<UserId>,
}

impl Seat {
    /// Whether this person could be given it, if a seat is left.
    #[must_use]
    pub fn is_for(&self, wanting: &Wanting) -> bool {
        let theirs = self.only.is_none_or(|only| only == wanting.user);
        self.stand.is_open() && theirs && wanting.may.contains(&self.pc)
    }
}

/// Somebody who wants a seat, and the PCs that policy lets them reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanting {
    /// Who.
    pub user: UserId,
    /// Which PCs.
    pub may: BTreeSet<ResourceId>,
}

/// How many seats of a pool are used, as this person finds it.
#[must_use]
pub fn taken(seats: &[Seat], user: UserId) -> usize {
    seats.iter().filter(|seat| seat.stand == Stand::Taken || seat.only.is_some_and(|only| only != user)).count()
}

/// How many of them this person could be given now.
#[must_use]
pub fn free(seats: &[Seat], most: usize, wanting: &Wanting) -> usize {
    let open = seats.iter().filter(|seat| seat.is_for(wanting)).count();
    open.min(most.saturating_sub(taken(seats, wanting.user)))
}

/// The seat for this person, of those that are left: their own where they have one, then the one they are at soonest.
#[must_use]
pub fn pick(seats: &[Seat], most: usize, wanting: &Wanting) -> Option<ResourceId> {
    if taken(seats, wanting.user) >= most {
        return None;
    }
    // `min_by_key` takes the first of equals: the order of the seats is the pool's.
    seats
        .iter()
        .filter(|seat| seat.is_for(wanting))
        .min_by_key(|seat| (seat.only.is_none(), seat.stand))
        .map(|seat| seat.pc)
}

/// Whose turn it is now, and at which PC: in their order. Whom no PC that is left would help lets the next one go first.
#[must_use]
pub fn turns(seats: &[Seat], most: usize, line: &[Wanting]) -> Vec<(UserId, ResourceId)> {
    let mut seats = seats.to_vec();
    let mut turns = Vec::new();
    for wanting in line {
        let Some(pc) = pick(&seats, most, wanting) else { continue };
        turns.push((wanting.user, pc));
        for seat in seats.iter_mut().filter(|seat| seat.pc == pc) {
            seat.stand = Stand::Taken;
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::wake::Cause;

    const SOON: Duration = Duration::from_secs(20);
    const LATE: Duration = Duration::from_secs(60);

    fn seats(stands: &[Stand]) -> Vec<Seat> {
        stands.iter().map(|stand| Seat { pc: ResourceId::new(), stand: *stand, only: None }).collect()
    }

    fn wanting(seats: &[Seat]) -> Wanting {
        Wanting { user: UserId::new(), may: seats.iter().map(|seat| seat.pc).collect() }
    }

    #[test]
    fn where_they_are_soonest() {
        use Stand::{Awake, Away, Out, Taken, Unsure};
        let cases: [(&[Stand], Option<usize>); 8] = [
            (&[Away(SOON), Awake], Some(1)),
            (&[Awake, Awake], Some(0)),
            (&[Away(LATE), Away(SOON), Unsure], Some(1)),
            (&[Taken, Unsure], Some(1)),
            (&[Taken, Taken], None),
            (&[Out, Out], None),
            (&[Out, Away(LATE)], Some(1)),
            (&[], None),
        ];
        for (stands, expected) in cases {
            let seats = seats(stands);
            assert_eq!(pick(&seats, 10, &wanting(&seats)), expected.map(|n| seats[n].pc), "{stands:?}");
        }
    }

    #[test]
    fn a_seat_is_for_whom_it_is_kept_and_for_whom_policy_lets_reach_it() {
        let mut seats = seats(&[Stand::Awake, Stand::Away(SOON), Stand::Awake]);
        let (marta, paul) = (wanting(&seats), wanting(&seats));
        seats[1].only = Some(marta.user);
        assert_eq!(pick(&seats, 10, &marta), Some(seats[1].pc), "her own, though it sleeps");
        assert_eq!(pick(&seats, 10, &paul), Some(seats[0].pc));
        seats[0].only = Some(marta.user);
        seats[2].only = Some(marta.user);
        assert_eq!(pick(&seats, 10, &paul), None);
        assert_eq!((taken(&seats, paul.user), taken(&seats, marta.user)), (3, 0), "what is kept uses a seat of others");
        assert_eq!(pick(&seats, 10, &Wanting { user: marta.user, may: BTreeSet::new() }), None);
        let last = Wanting { may: BTreeSet::from([seats[2].pc]), ..marta };
        assert_eq!(pick(&seats, 10, &last), Some(seats[2].pc));
    }

    #[test]
    fn no_more_than_there_are_licences() {
        let three = seats(&[Stand::Taken, Stand::Awake, Stand::Awake]);
        let marta = wanting(&three);
        assert_eq!((taken(&three, marta.user), pick(&three, 1, &marta)), (1, None));
        assert_eq!([0, 1, 2, 9].map(|most| free(&three, most, &marta)), [0, 0, 1, 2]);
        assert_eq!(pick(&three, 2, &marta), Some(three[1].pc));
    }

    #[test]
    fn in_their_order_and_nobody_twice() {
        let seats = seats(&[Stand::Awake, Stand::Away(SOON), Stand::Taken, Stand::Out]);
        let mut line: Vec<_> = (0..5).map(|_| wanting(&seats)).collect();
        let all = turns(&seats, 10, &line);
        assert_eq!(all, [(line[0].user, seats[0].pc), (line[1].user, seats[1].pc)]);
        assert_eq!(turns(&seats, 2, &line), [(line[0].user, seats[0].pc)], "one licence is left");
        assert_eq!(turns(&seats, 1, &line), []);
        // Who may use none of those that are left does not hold up the others.
        line[0].may = BTreeSet::from([seats[2].pc]);
        assert_eq!(turns(&seats, 2, &line), [(line[1].user, seats[0].pc)]);
        assert_eq!(turns(&seats, 10, &[]), []);
    }

    #[test]
    fn what_a_pc_does_says_how_it_stands() {
        let of = |kind, reason, wakeable| Stand::of(kind, reason, wakeable, SOON);
        let (told, yes, no) = (Reason::Reported, Wakeable::Yes, Wakeable::No(Cause::NoAddress));
        let cases = [
            (Kind::Free, told, no, Stand::Awake),
            (Kind::Free, Reason::Disconnected, no, Stand::Awake),
            (Kind::Free, Reason::RdpOff, yes, Stand::Out),
            (Kind::Free, Reason::RdpSilent, yes, Stand::Out),
            (Kind::Asleep, Reason::WentToSleep, yes, Stand::Away(SOON)),
            (Kind::Asleep, Reason::WentToSleep, Wakeable::OnlyFromSleep(Cause::NoAddress), Stand::Away(SOON)),
            (Kind::Off, Reason::ShutDown, Wakeable::OnlyFromSleep(Cause::NoAddress), Stand::Out),
            (Kind::Off, Reason::ShutDown, Wakeable::Unknown, Stand::Away(SOON)),
            (Kind::Unknown, Reason::WentAway, no, Stand::Out),
            (Kind::Starting, Reason::NoRdpYet, no, Stand::Away(SOON)),
            (Kind::Stale, Reason::NoAgentAnswers, yes, Stand::Unsure),
            (Kind::Stale, Reason::AgentSilent, yes, Stand::Out),
            (Kind::Stale, Reason::SessionsUnseen, yes, Stand::Out),
            (Kind::InUseHere, told, yes, Stand::Taken),
            (Kind::InUseRemotely, told, yes, Stand::Taken),
            (Kind::Locked, told, yes, Stand::Taken),
        ];
        for (kind, reason, wakeable, expected) in cases {
            assert_eq!(of(kind, reason, wakeable), expected, "{kind:?} {reason:?} {wakeable:?}");
        }
    }
}
