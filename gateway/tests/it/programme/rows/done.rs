//! What came of a request: its answer, and its entry in the journal with postings and explanation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway::domain::{Account, Effect};
use gateway::journal::record::Record;
use gateway::storage::Storage;
use protocol::field::{BalanceKind, Notes};
use serde_json::Value;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use super::IN_PART;
use crate::counter::balance;
use crate::harness::run;

/// What is in the journal, and whose cards they are.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) data: PathBuf,
    pub(super) cards: Vec<u64>,
}

impl Ledger {
    /// `A` for the first card.
    fn letter(&self, card: u64) -> String {
        let at = self.cards.iter().position(|known| *known == card).expect("a card");
        char::from(b'A' + u8::try_from(at).expect("few")).to_string()
    }
}

/// What came of a request.
pub(super) struct Done {
    pub(super) message: SignedMessage,
    pub(super) answer: Checked,
    pub(super) entry: Entry,
}

/// One entry of the journal.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) ledger: Ledger,
}

/// (rule, rate, result) of a line of an explanation.
pub(super) type Line<'a> = (&'a str, &'a str, i64);
/// So much of a kind of balance moved from one account to another.
pub(super) type Move<'a> = (&'a str, &'a str, u8, i64);

impl Done {
    pub(super) fn code(&self) -> u8 {
        self.answer.code().0
    }

    /// Approved, for these reasons; worked out again from the journal, they are the same.
    #[track_caller]
    pub(super) fn says(&self, lines: &[Line<'_>]) -> &Self {
        let said = self.answer.answer.explanation.iter().flat_map(|lines| lines.iter());
        let said = said.filter(|line| !line.notes.contains(Notes::TIER));
        let said: Vec<Line<'_>> =
            said.map(|line| (line.rule.as_str(), line.rate.as_str(), line.result)).collect();
        assert_eq!((self.code(), said.as_slice()), (0, lines));
        self.entry.explains(lines);
        self
    }

    /// Why the tier is another one: its rule, what it takes, and what is counted of that.
    #[track_caller]
    pub(super) fn grades(&self, lines: &[Line<'_>]) -> &Self {
        let said = self.answer.answer.explanation.iter().flat_map(|lines| lines.iter());
        let said = said.filter(|line| line.notes.contains(Notes::TIER));
        let said: Vec<_> = said.map(|line| (line.rule.as_str(), line.rate.as_str(), line.base)).collect();
        assert_eq!(said, lines);
        self
    }

    /// Declined with a code, and nothing was booked.
    #[track_caller]
    pub(super) fn refused(&self, code: u8) {
        assert_eq!(self.code(), code, "{:?}", self.answer.answer.detail);
        if self.entry.index > 0 {
            self.entry.books(&[]);
        }
    }

    /// Approved; its reasons are another's matter.
    #[track_caller]
    pub(super) fn approved(&self) -> &Self {
        assert!([0, IN_PART].contains(&self.code()), "{}: {:?}", self.code(), self.answer.answer.detail);
        assert_eq!(self.entry.explained()["same"], true);
        self
    }

    /// The balances that the answer shows.
    #[track_caller]
    pub(super) fn has<const N: usize>(&self, balances: [(u8, i64); N]) -> &Self {
        let shown = balances.map(|(kind, _)| (kind, balance(&self.answer, BalanceKind(kind.into()))));
        assert_eq!(shown, balances);
        self
    }

    #[track_caller]
    pub(super) fn books(&self, moves: &[Move<'_>]) -> &Self {
        self.entry.books(moves);
        self
    }

    /// What follows of it by itself, in an entry of its own.
    pub(super) fn behind(&self) -> Entry {
        Entry { index: self.entry.index + 1, ..self.entry.clone() }
    }

    /// Key of the tier that the answer tells of.
    pub(super) fn tier(&self) -> Option<&str> {
        self.answer.answer.tier.as_ref().map(|tier| tier.tier.as_str())
    }

    pub(super) fn amount(&self) -> Option<i64> {
        self.answer.answer.approved_amount.map(|amount| amount.get())
    }
}

impl Entry {
    /// What `transaction explain` says of it.
    pub(super) fn explained(&self) -> Value {
        run(&self.ledger.data, &["transaction", "explain", &self.index.to_string()]).json[0].clone()
    }

    /// Worked out again from the journal it comes out the same, for these reasons.
    #[track_caller]
    pub(super) fn explains(&self, lines: &[Line<'_>]) -> &Self {
        let explained = self.explained();
        assert_eq!(explained["same"], true, "{explained}");
        let rules = explained["rules"].as_array().expect("rules").iter();
        let text = |rule: &Value, field: &str| rule[field].as_str().expect("a text").to_owned();
        let is_tier = |rule: &Value| text(rule, "notes").contains("tier");
        let own = rules.filter(|rule| rule["other_card"].is_null() && !is_tier(rule));
        let rules: Vec<_> =
            own.map(|rule| (text(rule, "rule"), text(rule, "rate"), rule["result"].as_i64())).collect();
        let expected: Vec<_> =
            lines.iter().map(|(rule, rate, given)| ((*rule).into(), (*rate).into(), Some(*given))).collect();
        assert_eq!(rules, expected);
        self
    }

    /// What other members got by it, and by which rule: no answer says that, the explanation from the journal does.
    #[track_caller]
    pub(super) fn rewards(&self, others: &[(&str, &str, i64)]) -> &Self {
        let explained = self.explained();
        assert_eq!(explained["same"], true, "{explained}");
        let rules = explained["rules"].as_array().expect("rules").iter();
        let rewarded = rules.filter_map(|rule| {
            let card = rule["other_card"].as_str()?.parse().expect("a card");
            Some((self.ledger.letter(card), rule["rule"].as_str()?.to_owned(), rule["result"].as_i64()?))
        });
        let expected: Vec<(String, String, i64)> =
            others.iter().map(|(card, rule, given)| ((*card).into(), (*rule).into(), *given)).collect();
        assert_eq!(rewarded.collect::<Vec<_>>(), expected);
        self
    }

    /// It is an operator's act, which comes out again from the journal.
    #[track_caller]
    pub(super) fn explains_act(&self, name: &str) -> &Self {
        let explained = self.explained();
        assert_eq!((&explained["message"], &explained["same"]), (&name.into(), &true.into()), "{explained}");
        self
    }

    /// It is about a tier, and explained by what was counted: the tiers before and after; of the first measure so far and needed.
    #[track_caller]
    pub(super) fn explains_tier(&self, tiers: [Option<&str>; 2], counted: (i64, i64)) -> &Self {
        let explained = self.explained();
        assert_eq!(
            (&explained["message"], &explained["same"]),
            (&"tier".into(), &true.into()),
            "{explained}"
        );
        let story = &explained["tier"];
        assert_eq!([story["before"]["tier"].as_str(), story["after"]["tier"].as_str()], tiers);
        let measures = story["measures"].as_array().expect("measures");
        let number = |measure: &Value, field: &str| measure[field].as_i64().expect("a number");
        let all: Vec<_> = measures.iter().map(|one| (number(one, "so_far"), number(one, "needed"))).collect();
        assert!(all.contains(&counted), "{all:?}");
        self
    }

    /// What its postings come to, by account and kind of balance: of a move what one account gives and the other gets. Money is plain
    /// money on accounts that are not a card's, and pending points are points.
    #[track_caller]
    pub(super) fn books(&self, moves: &[Move<'_>]) -> &Self {
        let mut expected = BTreeMap::new();
        for (from, to, kind, amount) in moves {
            for (account, amount) in [(from, -amount), (to, *amount)] {
                let kind = match kind {
                    _ if account.len() == 1 => *kind,
                    0..16 => 0,
                    16..48 => *kind,
                    _ => kind - 32,
                };
                *expected.entry(((*account).to_owned(), kind)).or_insert(0) += amount;
            }
        }
        expected.retain(|_, amount| *amount != 0);
        assert_eq!(self.legs(), expected, "entry {}", self.index);
        self
    }

    /// From the journal's bytes.
    pub(super) fn legs(&self) -> BTreeMap<(String, u8), i64> {
        let storage = Storage::open_read_only(&self.ledger.data).expect("the database");
        let row = storage.entry(self.index).expect("it can be read").expect("an entry");
        let (record, _) = Record::decode(&row.record).expect("a record");
        let mut legs = BTreeMap::new();
        for effect in &record.details.effects {
            let Effect::Posting(posting) = effect else { continue };
            let account = match &posting.account {
                Account::Card { card, .. } => self.ledger.letter(card.0),
                // The shop has one store.
                Account::Named(name) => match name.split(':').collect::<Vec<_>>()[..] {
                    ["clearing", _, tender] => format!("clearing:{tender}"),
                    [first @ ("redemption" | "suspense"), _] => first.to_owned(),
                    _ => name.clone(),
                },
            };
            *legs.entry((account, posting.kind.0)).or_insert(0) += posting.amount;
        }
        legs.retain(|_, amount| *amount != 0);
        legs
    }
}
