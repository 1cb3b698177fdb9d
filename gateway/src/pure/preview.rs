//! Who gains and who loses by a change of policies, asked of [`entitled`], which decides.
//!
//! Policies have hours and ends, so it is asked at every moment from now on at which its answer can change: at the edges
//! of a week's hours, after now and after each end. Whether somebody is shut out, or has signed in, is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::decide::{User, World, entitled};
use super::rule::{Rule, Rules, window};
use crate::clock::{Boot, Unix};
use crate::ids::{GroupId, PolicyId, ResourceId, UserId};

/// Longer than a week by a day, so that each span of it begins and ends within, whatever summer time does.
const WEEK_MS: i64 = 8 * 24 * 60 * 60 * 1000;

/// Each is one policy that is looked at for somebody, some 50 ns: a second of them. Ten resources with fifty policies each,
/// every one with an end of its own, take half.
const MOST_LOOKS: usize = 20_000_000;

/// To ask a policy whether it holds at a moment takes as long as so many looks.
const ASKED: usize = 20;

/// What a change is for one person and one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Who.
    pub user: UserId,
    /// What.
    pub resource: ResourceId,
    /// The first moment at which they may reach it, and could not.
    pub gains: Option<Unix>,
    /// The first moment at which they may not reach it any more, and could.
    pub loses: Option<Unix>,
}

/// A preview would take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many hours and ends at once")]
pub struct TooMuch;

/// The first moments of a gain and of a loss.
type Firsts = (Option<Unix>, Option<Unix>);

/// What the change from some rules to others is for each person of this world. Its policies are not looked at.
///
/// # Errors
/// There are more moments to look at than [`MOST_LOOKS`] allow.
pub fn preview(
    world: &World,
    before: &Rules,
    after: &Rules,
    zone: &TimeZone,
    now: Unix,
) -> Result<Vec<Difference>, TooMuch> {
    within(MOST_LOOKS, world, [before, after], zone, now)
}

fn within(
    mut left: usize,
    world: &World,
    [before, after]: [&Rules; 2],
    zone: &TimeZone,
    now: Unix,
) -> Result<Vec<Difference>, TooMuch> {
    let mut differences = Vec::new();
    for resource in changed(before, after) {
        let (before, after) = (of(before, resource), of(after, resource));
        let rules: Vec<&Rule> = before.values().chain(after.values()).collect();
        let groups: BTreeSet<GroupId> = rules.iter().map(|rule| rule.group).collect();
        let common = |user: &User| -> BTreeSet<_> { user.groups.intersection(&groups).copied().collect() };
        // Who is in the same of these groups is answered alike.
        let mut answers: BTreeMap<_, (&User, Firsts)> =
            world.users.values().map(|user| (common(user), (user, (None, None)))).collect();
        let moments = moments(&rules, zone, now, &mut left)?;
        spend(&mut left, moments.len().saturating_mul(rules.len()).saturating_mul(ASKED + answers.len()))?;
        for t in moments {
            let (before, after) = (at(world, resource, &before, zone, t), at(world, resource, &after, zone, t));
            for (user, (gains, loses)) in answers.values_mut() {
                let may = |world| entitled(world, user, resource, clock(t)).is_ok();
                match (may(&before), may(&after)) {
                    (false, true) => *gains = gains.or(Some(t)),
                    (true, false) => *loses = loses.or(Some(t)),
                    _ => {}
                }
            }
        }
        for (id, user) in &world.users {
            let (gains, loses) = answers.get(&common(user)).map_or((None, None), |(_, firsts)| *firsts);
            if gains.is_some() || loses.is_some() {
                differences.push(Difference { user: *id, resource, gains, loses });
            }
        }
    }
    Ok(differences)
}

fn spend(left: &mut usize, looks: usize) -> Result<(), TooMuch> {
    *left = left.checked_sub(looks).ok_or(TooMuch)?;
    Ok(())
}

/// The wall clock as the clock of a world: nothing else ends in these.
fn clock(t: Unix) -> Boot {
    Boot(u64::try_from(t.0).unwrap_or(0))
}

fn at(world: &World, resource: ResourceId, rules: &Rules, zone: &TimeZone, t: Unix) -> World {
    World {
        resources: world.resources.get(&resource).map(|r| (resource, r.clone())).into_iter().collect(),
        policies: rules.iter().map(|(id, rule)| (*id, rule.at(zone, t, clock))).collect(),
        ..World::default()
    }
}

fn changed(before: &Rules, after: &Rules) -> BTreeSet<ResourceId> {
    let differ = |id: &PolicyId| before.get(id) != after.get(id);
    before.iter().chain(after).filter(|(id, _)| differ(id)).map(|(_, rule)| rule.resource).collect()
}

fn of(rules: &Rules, resource: ResourceId) -> Rules {
    rules.iter().filter(|(_, rule)| rule.resource == resource).map(|(id, rule)| (*id, rule.clone())).collect()
}

/// Between two of these nothing changes: after an end the same weeks come again and again, until the next end.
fn moments(rules: &[&Rule], zone: &TimeZone, now: Unix, left: &mut usize) -> Result<BTreeSet<Unix>, TooMuch> {
    let ends = rules.iter().filter_map(|rule| rule.until).filter(|until| *until > now);
    let mut moments: BTreeSet<Unix> = ends.chain([now]).collect();
    let starts: Vec<Unix> = moments.iter().copied().collect();
    for (n, start) in starts.iter().enumerate() {
        let week = Unix(start.0.saturating_add(WEEK_MS));
        let until = starts.get(n + 1).map_or(week, |next| week.min(*next));
        for hours in rules.iter().filter_map(|rule| rule.hours.as_ref()) {
            let mut t = *start;
            spend(left, ASKED)?;
            while let Some((from, to)) = window(hours, zone, t).filter(|(from, to)| *from < until && *to > t) {
                spend(left, ASKED)?;
                moments.extend([from, to].into_iter().filter(|edge| *edge >= *start));
                t = to;
            }
        }
    }
    Ok(moments)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::decide::{Verdict, Verification, decide};
    use super::super::model;
    use super::*;
    use crate::ids::VerificationId;

    /// Friday, 20 November 2026, 12:00 in UTC.
    const NOW: Unix = Unix(1_795_176_000_000);
    const HOUR: i64 = 3_600_000;

    fn brussels() -> TimeZone {
        TimeZone::get("Europe/Brussels").unwrap()
    }

    fn rule(group: u128, resource: u128, hours: &str, until: Option<Unix>) -> Rule {
        let (group, resource) = (GroupId(Uuid::from_u128(group)), ResourceId(Uuid::from_u128(resource)));
        Rule { group, resource, hours: (!hours.is_empty()).then(|| hours.parse().unwrap()), until }
    }

    fn numbered(rules: Vec<Rule>) -> Rules {
        (0_u128..).zip(rules).map(|(n, rule)| (PolicyId(Uuid::from_u128(n)), rule)).collect()
    }

    /// Somebody who is in groups 1 and 2, and resource 1.
    fn somebody() -> World {
        let groups = [1, 2].map(|g| GroupId(Uuid::from_u128(g))).into();
        let id = ResourceId(Uuid::from_u128(1));
        let resource =
            crate::link::message::Resource { resource: id, v4: None, v6: None, ports: Vec::new(), desktop: false };
        World {
            users: [(UserId(Uuid::from_u128(1)), User { disabled: false, factor: true, groups })].into(),
            resources: [(id, resource)].into(),
            ..World::default()
        }
    }

    #[test]
    fn gains_and_losses_by_hours_ends_and_other_groups() {
        const OFFICE: &str = "Mo-Fr 07:00-20:00";
        // Friday 13:00 in Brussels; Monday 06:00 in UTC.
        let monday = Unix(NOW.0 + 66 * HOUR);
        let evening = Unix(NOW.0 + 7 * HOUR);
        let later = Some(Unix(NOW.0 + 90 * 24 * HOUR));
        let past = Some(Unix(NOW.0 - 1));
        let always = |group| rule(group, 1, "", None);
        for (what, before, after, gains, loses) in [
            ("nothing", vec![], vec![], None, None),
            ("a first policy", vec![], vec![always(1)], Some(NOW), None),
            ("the last one taken", vec![always(1)], vec![], None, Some(NOW)),
            ("by another group already", vec![always(2)], vec![always(2), always(1)], None, None),
            ("still by another group", vec![always(1), always(2)], vec![always(1)], None, None),
            ("a stranger's group", vec![], vec![always(3)], None, None),
            ("over already", vec![], vec![rule(1, 1, "", past)], None, None),
            ("less than always", vec![always(1)], vec![rule(1, 1, OFFICE, None)], None, Some(evening)),
            ("more than hours", vec![rule(1, 1, OFFICE, None)], vec![always(1)], Some(evening), None),
            ("hours to come", vec![], vec![rule(1, 1, "Mo 07:00-08:00", None)], Some(monday), None),
            (
                "hours within hours",
                vec![rule(1, 1, OFFICE, None)],
                vec![rule(1, 1, OFFICE, None), rule(2, 1, "We 09:00-10:00", None)],
                None,
                None,
            ),
            (
                "spans as one",
                vec![rule(1, 1, "Mo-Fr 07:00-20:00", None)],
                vec![rule(1, 1, "Mo-Th 07:00-20:00; Fr 07:00-20:00", None)],
                None,
                None,
            ),
            ("without end", vec![rule(1, 1, "", later)], vec![always(1)], later, None),
            ("with an end", vec![always(1)], vec![rule(1, 1, "", later)], None, later),
            (
                "other hours",
                vec![rule(1, 1, "Mo 07:00-08:00", None)],
                vec![rule(1, 1, "Mo 08:00-09:00", None)],
                Some(Unix(monday.0 + HOUR)),
                Some(monday),
            ),
        ] {
            let found = preview(&somebody(), &numbered(before), &numbered(after), &brussels(), NOW).unwrap();
            let expected = (gains.is_some() || loses.is_some()).then_some((gains, loses));
            assert_eq!(found.first().map(|d| (d.gains, d.loses)), expected, "{what}");
            assert!(found.len() < 2, "{what}");
        }
    }

    #[test]
    fn a_change_that_would_take_hours_is_refused_at_once() {
        let many = |rules: u16| {
            let rule = |n: u16| {
                let hours = format!("Mo-Su 0{}:{:02}-{}:{:02}", n % 10, n % 60, 10 + n % 13, n % 60);
                rule(u128::from(n), 1, &hours, Some(Unix(NOW.0 + (i64::from(n) * 8 + 8) * 24 * HOUR)))
            };
            numbered((0..rules).map(rule).collect())
        };
        // A fiftieth of what is allowed, so that it is refused in a test's time.
        let ask = |world: &World, rules| within(MOST_LOOKS / 50, world, [&Rules::new(), &rules], &brussels(), NOW);
        let asked = |rules| ask(&somebody(), many(rules));
        assert_eq!(asked(70), Err(TooMuch));
        assert_eq!(asked(10).map(|found| found.len()), Ok(1), "the twin: an office's");

        // Every person is in other groups than all the others, and every group has an end of its own.
        let rule = |n: u128| rule(n, 1, "", Some(Unix(NOW.0 + (i64::try_from(n).unwrap_or(0) + 1) * HOUR)));
        let asked = |groups: u128, people: u128| {
            let mut world = somebody();
            let one = world.users.pop_first().unwrap().1;
            for n in 1..=people {
                let groups = (0..groups).filter(|g| n >> (g % 12) & 1 == 1).map(|g| GroupId(Uuid::from_u128(g)));
                world.users.insert(UserId(Uuid::from_u128(n)), User { groups: groups.collect(), ..one.clone() });
            }
            ask(&world, numbered((0..groups).map(rule).collect()))
        };
        assert_eq!(asked(60, 150), Err(TooMuch));
        assert_eq!(asked(12, 150).map(|found| found.len()), Ok(150), "the twin: few ends");
        assert_eq!(asked(60, 5).map(|found| found.len()), Ok(5), "the twin: few people");
    }

    fn rules() -> impl Strategy<Value = Vec<Rule>> {
        let hours = prop_oneof![
            Just(""),
            Just("Mo-Fr 07:00-20:00"),
            Just("Sa-Mo 22:00-24:00; Su-Tu 00:00-06:00"),
            Just("Su 02:00-03:00"),
            Just("We 09:00-12:00; We 12:00-14:00"),
        ];
        let until = option::weighted(0.3, -30_i64..30 * 24);
        let one = (0_u128..3, 0_u128..4, hours, until);
        vec(one.prop_map(|(g, r, hours, until)| rule(g, r, hours, until.map(|h| Unix(NOW.0 + h * HOUR)))), 0..6)
    }

    proptest! {
        /// Held against `decide`, for devices that stand and whose door is open, at any moment of the next weeks.
        #[test]
        fn a_preview_is_the_difference_of_decide(
            world in model::world(), kept in rules(), removed in rules(), added in rules(), ahead in vec(0_i64..40 * 24 * 60, 20),
        ) {
            let before = numbered([kept.clone(), removed].concat());
            let mut after = numbered(kept);
            let new = numbered(added).into_iter().map(|(id, rule)| (PolicyId(Uuid::from_u128(id.0.as_u128() + 100)), rule));
            after.extend(new);
            let mut world = world;
            for (id, device) in &mut world.devices {
                (device.disabled, device.revoked) = (false, false);
                let open = Verification { id: VerificationId(id.0), until: Boot(u64::MAX) };
                world.verifications.insert(*id, open);
            }
            for user in world.users.values_mut() {
                (user.disabled, user.factor) = (false, true);
            }
            let found = preview(&world, &before, &after, &brussels(), NOW).unwrap();
            let allowed = |rules: &Rules, device, resource, t| {
                let policies = rules.iter().map(|(id, rule)| (*id, rule.at(&brussels(), t, clock))).collect();
                let world = World { policies, ..world.clone() };
                matches!(decide(&world, device, resource, clock(t)), Verdict::Allow { .. })
            };
            for (id, device) in &world.devices {
                for resource in world.resources.keys() {
                    let told = found.iter().find(|d| d.user == device.user && d.resource == *resource);
                    // Whatever is at some moment, is told …
                    for t in ahead.iter().map(|minutes| Unix(NOW.0 + minutes * 60_000)) {
                        match (allowed(&before, *id, *resource, t), allowed(&after, *id, *resource, t)) {
                            (false, true) => prop_assert!(told.and_then(|d| d.gains).is_some_and(|first| first <= t)),
                            (true, false) => prop_assert!(told.and_then(|d| d.loses).is_some_and(|first| first <= t)),
                            _ => {}
                        }
                    }
                    // … and whatever is told, is at its moment.
                    for (t, was) in told.into_iter().flat_map(|d| [(d.gains, false), (d.loses, true)]) {
                        let Some(t) = t else { continue };
                        prop_assert_eq!(allowed(&before, *id, *resource, t), was);
                        prop_assert_eq!(allowed(&after, *id, *resource, t), !was);
                    }
                }
            }
        }
    }
}
