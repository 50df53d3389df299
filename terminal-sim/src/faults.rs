//! What a bad network does to a terminal, on purpose and repeatably.

use crate::rng::Rng;

/// What happens to one value message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before it is sent: the gateway never sees it.
    LoseRequest,
    /// The connection ends in the middle of its frame.
    CutInside,
    /// It is sent, and the connection ends before the answer is read.
    LoseAnswer,
    /// It is sent, and the connection is reset: it may or may not have arrived.
    Reset,
    /// It is sent one byte at a time.
    Dribble,
    /// It is sent twice at once.
    Double,
    /// It is under way for longer than a terminal waits: what is sent next, its repeat or its Reversal, overtakes it.
    LateRequest,
    /// Its answer is: the terminal repeats it, or gives it up, before it reads that.
    LateAnswer,
}

const ALL: &[Fault] = &[
    Fault::LoseRequest,
    Fault::CutInside,
    Fault::LoseAnswer,
    Fault::LoseAnswer,
    Fault::Reset,
    Fault::Dribble,
    Fault::Double,
    Fault::LateRequest,
    Fault::LateAnswer,
];

/// Which messages meet a fault.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    rng: Rng,
    per_mille: u64,
    next: Option<Fault>,
}

impl FaultPlan {
    /// A network without faults.
    #[must_use]
    pub const fn none() -> Self {
        FaultPlan { rng: Rng::new(0), per_mille: 0, next: None }
    }

    /// `per_mille` of a thousand value messages meet a fault.
    #[must_use]
    pub const fn seeded(rng: Rng, per_mille: u64) -> Self {
        FaultPlan { rng, per_mille, next: None }
    }

    /// The next value message meets this fault.
    pub const fn force(&mut self, fault: Fault) {
        self.next = Some(fault);
    }

    /// What the message that is sent now meets.
    pub fn draw(&mut self) -> Option<Fault> {
        let drawn = self.rng.chance(self.per_mille, 1000).then(|| self.rng.pick(ALL).copied()).flatten();
        self.next.take().or(drawn)
    }

    /// A number for the fault that was drawn: where to cut, how long to wait.
    pub fn detail(&mut self, end: usize) -> usize {
        self.rng.index(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_repeats_from_its_seed_and_a_forced_fault_comes_once() {
        let draw = |seed| {
            let mut plan = FaultPlan::seeded(Rng::new(seed), 300);
            (0..1000).map(|_| plan.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let count = draw(1).iter().flatten().count();
        assert!((250..350).contains(&count), "{count} of 1000");
        let mut plan = FaultPlan::none();
        plan.force(Fault::Reset);
        assert_eq!([plan.draw(), plan.draw()], [Some(Fault::Reset), None]);
    }
}
