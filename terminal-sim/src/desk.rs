//! The shop's desk: what operators do to cards, by the gateway's own command line.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::oracle::OwnLimits;

/// What an operator is asked to do. Cards are named by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// A new card takes the place of a lost one.
    Replace {
        /// The lost one.
        card: u64,
        /// One that was issued and never sold.
        by: u64,
    },
    /// A card in use takes over what another one holds.
    Merge {
        /// The card that ends.
        card: u64,
        /// The card that goes on.
        into: u64,
    },
    /// A card is stopped.
    Block {
        /// Which.
        card: u64,
    },
    /// A stopped card may go on.
    Unblock {
        /// Which.
        card: u64,
    },
    /// A card spends the money of a corporate account from now on.
    Bind {
        /// Which.
        card: u64,
        /// The account.
        account: u64,
        /// What it may spend of it.
        limits: OwnLimits,
    },
    /// A card spends its own money again.
    Unbind {
        /// Which.
        card: u64,
    },
    /// A card that ends by time is accepted for longer.
    Extend {
        /// Which.
        card: u64,
        /// From its end, or from today when that is over.
        months: u16,
    },
    /// What one operator cannot do alone.
    ByTwo {
        /// The card that it is done to.
        card: u64,
        /// What.
        act: ByTwo,
        /// Who puts a name to it.
        signed: Signed,
    },
}

/// What two operators must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByTwo {
    /// Money back without a sale that it belongs to.
    Refund {
        /// Minor units.
        amount: i64,
    },
    /// Points that were not given are, or such that were given wrongly go.
    Adjust {
        /// Below zero to take them.
        points: i64,
    },
    /// A PIN may be typed again.
    UnlockPin,
    /// A PIN is taken away, and the holder sets another one.
    ResetPin,
}

/// Whose signatures are tried on what needs two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// One proposes, the other confirms.
    Both,
    /// Whoever proposes tries to confirm too, in vain; then the other one does.
    FirstTwice,
    /// Nobody confirms what one has proposed.
    FirstOnly,
}

impl Errand {
    /// The card that it is about, and the other one.
    #[must_use]
    pub const fn cards(&self) -> (u64, Option<u64>) {
        match *self {
            Errand::Replace { card, by: other }
            | Errand::Merge { card, into: other }
            | Errand::Bind { card, account: other, .. } => (card, Some(other)),
            Errand::Block { card }
            | Errand::Unblock { card }
            | Errand::Unbind { card }
            | Errand::Extend { card, .. }
            | Errand::ByTwo { card, .. } => (card, None),
        }
    }

    /// What it is called in the account.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Errand::Replace { .. } => "desk: replace",
            Errand::Merge { .. } => "desk: merge",
            Errand::Block { .. } => "desk: block",
            Errand::Unblock { .. } => "desk: unblock",
            Errand::Bind { .. } => "desk: bind",
            Errand::Unbind { .. } => "desk: unbind",
            Errand::Extend { .. } => "desk: extend",
            Errand::ByTwo { act: ByTwo::Refund { .. }, .. } => "desk: refund",
            Errand::ByTwo { act: ByTwo::Adjust { .. }, .. } => "desk: adjust",
            Errand::ByTwo { act: ByTwo::UnlockPin, .. } => "desk: unlock PIN",
            Errand::ByTwo { act: ByTwo::ResetPin, .. } => "desk: reset PIN",
        }
    }

    /// It changes what a card's holder must type.
    #[must_use]
    pub const fn is_about_pin(&self) -> bool {
        matches!(self, Errand::ByTwo { act: ByTwo::UnlockPin | ByTwo::ResetPin, .. })
    }

    /// It gives value that ends so long after the day on which it was given.
    const fn gives_value(&self) -> bool {
        matches!(self, Errand::ByTwo { act: ByTwo::Refund { .. } | ByTwo::Adjust { .. }, .. })
    }

    /// As `gateway` reads it.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = vec!["card".into()];
        let mut say = |name: &str, named: &[(&str, u64)]| {
            words.push(name.into());
            words.extend(named.iter().flat_map(|(name, value)| [format!("--{name}"), value.to_string()]));
        };
        match *self {
            Errand::Replace { card, by } => say("replace", &[("card", card), ("by", by)]),
            Errand::Merge { card, into } => say("merge", &[("card", card), ("into", into)]),
            Errand::Block { card } => say("block", &[("card", card)]),
            Errand::Unblock { card } => say("unblock", &[("card", card)]),
            Errand::Bind { card, account, .. } => say("bind", &[("card", card), ("account", account)]),
            Errand::Unbind { card } => say("unbind", &[("card", card)]),
            Errand::Extend { card, months } => say("extend", &[("card", card), ("months", months.into())]),
            Errand::ByTwo { card, act: ByTwo::Refund { .. }, .. } => say("refund", &[("card", card)]),
            Errand::ByTwo { card, act: ByTwo::Adjust { .. }, .. } => say("adjust", &[("card", card)]),
            Errand::ByTwo { card, .. } => say("pin", &[("card", card)]),
        }
        let of_own = |name: &str, most: Option<i64>| most.map(|most| [format!("--{name}"), amount(most)]);
        match self {
            Errand::Bind { limits, .. } => {
                words.extend(of_own("per-day", limits.day).into_iter().flatten());
                words.extend(of_own("per-month", limits.month).into_iter().flatten());
            }
            Errand::Replace { .. } | Errand::Merge { .. } | Errand::Block { .. } => {
                words.extend(["--reason".into(), "lost".into()]);
            }
            Errand::ByTwo { act, .. } => {
                words.extend(match act {
                    ByTwo::Refund { amount: minor } => vec!["--amount".into(), amount(*minor)],
                    ByTwo::Adjust { points } => vec![format!("--points={points}")],
                    ByTwo::UnlockPin => Vec::new(),
                    ByTwo::ResetPin => vec!["--clear".into()],
                });
                words.extend(["--reason".into(), "asked at the desk".into()]);
            }
            _ => {}
        }
        words
    }
}

/// Minor units as an operator writes them.
fn amount(minor: i64) -> String {
    let parts = minor.checked_div(100).zip(minor.checked_rem(100));
    parts.map_or_else(String::new, |(whole, rest)| format!("{whole}.{rest:02}"))
}

/// What became of an errand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the journal.
    Done {
        /// The index of its entry.
        index: u64,
        /// Of an extension: the Unix second from which the card is not accepted.
        #[serde(default)]
        expires: Option<i64>,
        /// Of what gives value that may end: the business day (YYYYMMDD) that it was booked on.
        #[serde(default)]
        date: Option<u32>,
    },
    /// The gateway would not, and nothing is recorded.
    Refused {
        /// Why.
        reason: String,
    },
    /// One operator has proposed it, and nothing is recorded.
    Proposed,
    /// It is in the journal, and needed two operators, of whom one has signed.
    DoneByOne {
        /// The index of its entry.
        index: u64,
    },
}

/// What the gateway shows an operator of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CardShown {
    /// Such as "active".
    pub status: String,
    /// Points that it owes.
    pub points_debt: i64,
    /// "set" or "none".
    pub pin: String,
    /// Wrong PINs since the last right one.
    pub wrong_pins: u8,
}

/// Somebody who does errands, one after the other or several at once.
pub trait Desk: std::fmt::Debug + Send + Sync {
    /// Waits until it is done. An error means that nobody knows what became of it.
    fn run(&self, errand: &Errand) -> Result<Outcome, Error>;

    /// What the gateway shows of a card.
    fn show(&self, card: u64) -> Result<CardShown, Error>;

    /// Whether there are two operators.
    fn has_two(&self) -> bool;
}

/// The gateway's command line: `gateway --data DIR`.
#[derive(Clone, Debug)]
pub struct CommandDesk {
    program: String,
    arguments: Vec<String>,
    /// The same in the second operator's name.
    second: Option<Vec<String>>,
}

impl CommandDesk {
    /// The command and its first arguments, divided by spaces.
    pub fn new(command: &str) -> Result<CommandDesk, Error> {
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or_else(|| Error::Usage("the desk has no command".into()))?;
        Ok(CommandDesk { program, arguments: words.collect(), second: None })
    }

    /// With another operator, who confirms what the command's own one proposes.
    #[must_use]
    pub fn with_second(self, name: &str) -> CommandDesk {
        let mut words: Vec<String> = self.arguments.clone();
        if let Some(first) = words.iter().position(|word| word == "--operator") {
            words.drain(first..words.len().min(first.saturating_add(2)));
        }
        words.extend(["--operator".into(), name.to_owned()]);
        CommandDesk { second: Some(words), ..self }
    }

    /// `Ok(Err)` is what the command complains of.
    fn say(&self, words: &[String]) -> Result<Result<Value, String>, Error> {
        self.say_as(&self.arguments, words)
    }

    fn say_as(&self, operator: &[String], words: &[String]) -> Result<Result<Value, String>, Error> {
        let mut command = Command::new(&self.program);
        command.args(operator).args(words).arg("--json").stdin(Stdio::null());
        let output = command.output().map_err(Error::file(self.program.as_ref()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Value = serde_json::from_str(text.trim()).unwrap_or_default();
        if output.status.success() {
            return Ok(Ok(said));
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let reason = said.get("error").and_then(Value::as_str).unwrap_or(stderr.trim()).to_owned();
        // Exit code 1 is a refusal, unless the gateway was not there to refuse.
        let refused = output.status.code() == Some(1) && !is_away(&reason);
        if refused { Ok(Err(reason)) } else { Err(Error::Usage(format!("{}: {reason}", words.join(" ")))) }
    }

    /// One operator proposes, and another one confirms.
    fn by_two(&self, errand: &Errand, signed: Signed) -> Result<Outcome, Error> {
        let second = self.second.as_ref().ok_or_else(|| Error::Usage("the desk has one operator".into()))?;
        let proposed = match self.say(&errand.words())? {
            Ok(proposed) => proposed,
            Err(reason) => return Ok(Outcome::Refused { reason }),
        };
        let Some(number) = proposed.get("proposal").and_then(Value::as_u64) else {
            return Ok(Outcome::DoneByOne { index: index_of(errand, &proposed)? });
        };
        let confirm = ["act", "confirm", "--number", &number.to_string()].map(str::to_owned);
        if signed == Signed::FirstOnly {
            return Ok(Outcome::Proposed);
        }
        if signed == Signed::FirstTwice
            && let Ok(done) = self.say(&confirm)?
        {
            return Ok(Outcome::DoneByOne { index: index_of(errand, &done)? });
        }
        match self.say_as(second, &confirm)? {
            Ok(done) => {
                let index = index_of(errand, &done)?;
                let date = if errand.gives_value() { self.booked_on(index)? } else { None };
                Ok(Outcome::Done { index, expires: None, date })
            }
            Err(reason) => Ok(Outcome::Refused { reason }),
        }
    }

    /// The business day of an entry of the journal.
    fn booked_on(&self, index: u64) -> Result<Option<u32>, Error> {
        let words = ["transaction", "explain", &index.to_string()].map(str::to_owned);
        let explained = self.say(&words)?.map_err(Error::Usage)?;
        let date = explained.pointer("/0/business_date").and_then(Value::as_u64);
        Ok(date.and_then(|date| date.try_into().ok()))
    }

    fn card(&self, card: u64) -> Result<Value, Error> {
        let words = ["card", "show", "--card", &card.to_string()].map(str::to_owned);
        self.say(&words)?.map_err(Error::Usage)
    }
}

/// The index of the entry that an act has become.
fn index_of(errand: &Errand, done: &Value) -> Result<u64, Error> {
    let none = || Error::Usage(format!("{}: no index of an entry in {done}", errand.name()));
    done.get("index").and_then(Value::as_u64).ok_or_else(none)
}

/// Whether this says that the gateway gave no answer.
fn is_away(reason: &str) -> bool {
    ["no gateway serves", "gave no answer", "closed the connection", "is stopping", "stopped before"]
        .iter()
        .any(|away| reason.contains(away))
}

impl Desk for CommandDesk {
    fn run(&self, errand: &Errand) -> Result<Outcome, Error> {
        if let Errand::ByTwo { signed, .. } = errand {
            return self.by_two(errand, *signed);
        }
        let done = match self.say(&errand.words())? {
            Ok(done) => done,
            Err(reason) => return Ok(Outcome::Refused { reason }),
        };
        let index = index_of(errand, &done)?;
        let expires = match errand {
            Errand::Extend { card, .. } => {
                let shown = self.card(*card)?;
                shown.get("expires").and_then(Value::as_str).and_then(unix_second)
            }
            _ => None,
        };
        Ok(Outcome::Done { index, expires, date: None })
    }

    fn show(&self, card: u64) -> Result<CardShown, Error> {
        let shown = self.card(card)?;
        CardShown::deserialize(&shown).map_err(|error| Error::Usage(format!("{error} in {shown}")))
    }

    fn has_two(&self) -> bool {
        self.second.is_some()
    }
}

/// The Unix second of `2026-12-22T20:00:00Z`, of whole seconds in UTC.
pub(crate) fn unix_second(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[i64; 3]> {
        let all: Vec<i64> = text.split(by).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        all.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    // Days since 1 March of year 0: years that begin in March have the leap day at their end.
    let from_march = month.checked_add(9)?.checked_rem(12)?;
    let year = year.checked_sub(i64::from(from_march > 9))?;
    let leap_days =
        year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    let in_year = from_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?;
    let days = year.checked_mul(365)?.checked_add(leap_days)?.checked_add(in_year)?.checked_sub(719_469)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)
}

#[cfg(test)]
mod tests;
