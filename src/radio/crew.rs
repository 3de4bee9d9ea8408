//! A crew on its vehicle: what it was asked, what it works on, where it is. It decides nothing by
//! itself; the world tells it that time has come, and presses the keys.
//!
//! ```text
//! offer ──key delay──▶ accepted ──roll delay──▶ driving ──straight line──▶ on scene ──▶ cleared
//!   └──▶ declined, ignored          recall: back to patrol from wherever it is
//! ```

use super::chance::Chance;
use super::ground::Leg;
use crate::engine::id::Point;
use crate::engine::policy::{Grade, UnitKind};
use tieqi_protocols::radio_ip::RadioIp;

/// What a crew does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Presses accept.
    Accept,
    /// Presses decline.
    Decline,
    /// Drives off.
    Roll,
    /// Is there.
    Arrive,
    /// Needs help on scene.
    Help,
    /// Has done.
    Clear,
    /// Drives to the next point of its patrol.
    Patrol,
}

/// An incident as the officer knows it from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) number: u32,
    pub(super) grade: Grade,
    /// Where, if the town knows the place.
    pub(super) place: Option<Point>,
    pub(super) distance_m: Option<u32>,
    /// The handheld it came to, which sends the keys.
    pub(super) handheld: usize,
    /// Who sent it and gets the keys, with the flag of the text.
    pub(super) desk: RadioIp,
    pub(super) flag: bool,
    /// It came as a work order, so the keys go as states of it.
    pub(super) by_order: bool,
}

/// A crew.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) kind: UnitKind,
    /// Where it patrols.
    pub(super) home: Point,
    pub(super) leg: Leg,
    pub(super) chance: Chance,
    /// What it was asked and has not answered, and what it works on, with their plans.
    offer: Option<(u32, Job)>,
    job: Option<(u32, Job)>,
    patrol: u32,
    plans: u32,
}

impl Crew {
    pub(super) fn new(kind: UnitKind, home: Point, chance: Chance) -> Self {
        Self {
            kind,
            home,
            leg: Leg::parked(home),
            chance,
            offer: None,
            job: None,
            patrol: 0,
            plans: 0,
        }
    }

    /// Whether it was asked about that incident or works on it.
    pub(super) fn knows(&self, number: u32) -> bool {
        let both = [&self.offer, &self.job].into_iter().flatten();
        both.into_iter().any(|(_, job)| job.number == number)
    }

    /// Is asked. An earlier question it has not answered is forgotten.
    pub(super) fn consider(&mut self, job: Job) -> u32 {
        let plan = self.plan();
        self.offer = Some((plan, job));
        plan
    }

    /// Takes the offer of that plan off the table.
    pub(super) fn answer(&mut self, plan: u32) -> Option<Job> {
        self.offer
            .take_if(|(asked, _)| *asked == plan)
            .map(|(_, job)| job)
    }

    /// Works on it from now on; what it worked on before is dropped. The desk says where to go.
    pub(super) fn take_on(&mut self, job: Job) -> u32 {
        let plan = self.plan();
        self.job = Some((plan, job));
        plan
    }

    /// Whether it works on anything.
    pub(super) fn is_working(&self) -> bool {
        self.job.is_some()
    }

    /// What it works on under that plan.
    pub(super) fn working(&self, plan: u32) -> Option<Job> {
        self.job
            .filter(|(taken, _)| *taken == plan)
            .map(|(_, job)| job)
    }

    /// Drops an incident; true when it worked on it.
    pub(super) fn recall(&mut self, number: u32) -> bool {
        self.offer.take_if(|(_, job)| job.number == number);
        self.job.take_if(|(_, job)| job.number == number).is_some()
    }

    /// Done.
    pub(super) fn finish(&mut self) {
        self.job = None;
    }

    /// Starts a way; ways planned before are void.
    pub(super) fn set_out(&mut self, leg: Leg) -> u32 {
        self.leg = leg;
        self.patrol = self.plan();
        self.patrol
    }

    /// Whether the patrol of that plan goes on.
    pub(super) fn patrols(&self, plan: u32) -> bool {
        self.patrol == plan
    }

    fn plan(&mut self) -> u32 {
        self.plans = self.plans.wrapping_add(1);
        self.plans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u32) -> Job {
        Job {
            number,
            grade: Grade::Two,
            place: None,
            distance_m: None,
            handheld: 0,
            desk: RadioIp { subnet: 10, id: 1 },
            flag: false,
            by_order: false,
        }
    }

    #[test]
    fn plans_made_void_are_not_carried_out() {
        let mut crew = Crew::new(UnitKind::Car, Point::default(), Chance::stream(1, 1));
        let first = crew.consider(job(1));
        let second = crew.consider(job(2));
        assert_eq!(crew.answer(first), None);
        assert_eq!(crew.answer(second), Some(job(2)));
        assert_eq!(crew.answer(second), None);
        let on_two = crew.take_on(job(2));
        let on_three = crew.take_on(job(3));
        assert_eq!(
            (crew.working(on_two), crew.working(on_three)),
            (None, Some(job(3)))
        );
        assert!(crew.knows(3) && !crew.knows(2));
        assert!(!crew.recall(2) && crew.recall(3) && !crew.recall(3));
        assert_eq!(crew.working(on_three), None);
        let patrol = crew.set_out(Leg::parked(Point::default()));
        assert!(crew.patrols(patrol));
        crew.set_out(Leg::parked(Point::default()));
        assert!(!crew.patrols(patrol));
    }
}
