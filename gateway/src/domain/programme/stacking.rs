//! What several rules that hold give together (LOYALTY A2, B1): declared for each kind of rule. Rules stand in the order of their
//! priority, which is that of the file.

use crate::domain::ledger::Kind;

/// How rules of one kind go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stacking {
    /// Of each balance, the rule that gives most.
    #[default]
    Best,
    /// All of them.
    Sum,
    /// The first of them.
    First,
}

impl Stacking {
    /// Which of the candidates give; each says whether its rule is exclusive, which balance it is about, and how much it would
    /// give. An exclusive rule that gives something gives alone, the first of several.
    #[must_use]
    pub fn choose<T>(self, candidates: Vec<T>, of: impl Fn(&T) -> (bool, Kind, i64)) -> Vec<T> {
        let alone = candidates.iter().position(|candidate| matches!(of(candidate), (true, _, 1..)));
        if let Some(at) = alone {
            return candidates.into_iter().nth(at).into_iter().collect();
        }
        match self {
            Self::Sum => candidates,
            Self::First => {
                let first = candidates.iter().position(|candidate| of(candidate).2 > 0).unwrap_or(0);
                candidates.into_iter().nth(first).into_iter().collect()
            }
            Self::Best => {
                let mut best: Vec<T> = Vec::new();
                for candidate in candidates {
                    let (_, kind, amount) = of(&candidate);
                    match best.iter_mut().find(|held| of(held).1 == kind) {
                        Some(held) if of(held).2 < amount => *held = candidate,
                        Some(_) => {}
                        None => best.push(candidate),
                    }
                }
                best
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_go_together_as_declared() {
        let (money, points) = (Kind::BONUS, Kind::POINTS);
        let rules = vec![(false, money, 3), (false, points, 9), (false, money, 5), (false, money, 5)];
        let chosen = |how: Stacking, rules: Vec<(bool, Kind, i64)>| how.choose(rules, |rule| *rule);
        let best = chosen(Stacking::Best, rules.clone());
        assert_eq!(best, [(false, money, 5), (false, points, 9)], "of each balance the best");
        assert_eq!(chosen(Stacking::Sum, rules.clone()), rules);
        assert_eq!(chosen(Stacking::First, rules.clone()), [(false, money, 3)]);
        let nothing_first = vec![(false, money, 0), (false, money, 2), (false, money, 7)];
        assert_eq!(chosen(Stacking::First, nothing_first), [(false, money, 2)], "the first that gives");
        for how in [Stacking::Best, Stacking::Sum, Stacking::First] {
            let alone = vec![(false, money, 9), (true, money, 0), (true, money, 2), (true, money, 4)];
            assert_eq!(chosen(how, alone), [(true, money, 2)], "alone, though another gives more");
            assert_eq!(chosen(how, Vec::new()), []);
        }
    }
}
