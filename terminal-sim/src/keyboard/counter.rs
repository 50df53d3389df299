//! Carrying out a command: what the person wants, what may be sent for it, and what came of it.

use protocol::code::ResponseCode;
use protocol::field::{
    AmountMinor, CardReference, EntryMode, Flags, PurchaseLine, PurchaseLines, Shift, TenderLines,
};
use protocol::frame::MessageType;
use protocol::request::{Body, RequestSidecar};

use super::command::{CardEntry, CardName, Command, Expected};
use super::members::{Person, price_flags};
use super::offline::{ALONE, shop, waits};
use super::parse::parse;
use super::roll::{Kept, Roll};
use super::said::Said;
use super::secrets::Proof;
use super::slip::{Mark, Slip};
use super::{Keyboard, Options, books, json, print, words};
use crate::card::Card;
use crate::clock;
use crate::error::Error;
use crate::holder::Holders;
use crate::terminal::{Details, Outcome, Terminal, Verdict};

/// The roll's directory in the terminal's own.
const ROLL: &str = "receipts";
const NOT_IN_TRAINING: &str = "this is training, where only sale, load and questions are played";

impl Keyboard {
    /// Opens the terminal, or enrols it, and signs it on. What had no answer is sent again first; what is said of that
    /// comes along.
    pub async fn open(options: Options) -> Result<(Keyboard, Vec<Said>), Error> {
        let usage = |text: String| Error::Usage(text);
        let directory = options.state.display().to_string();
        let mut terminal = match (Terminal::exists(&options.state), options.enrolment) {
            (true, _) => Terminal::open(&options.state, options.address)?,
            (false, _) if options.training => {
                return Err(usage(format!("{directory}: enrol first, without --training")));
            }
            (false, Some(ticket)) => {
                let (state, algorithm) = (&options.state, options.algorithm);
                Terminal::enrol_within(state, options.address, &ticket, algorithm, options.patience).await?
            }
            (false, None) => {
                return Err(usage(format!("{directory}: no terminal is enrolled here; give --enrolment")));
            }
        };
        terminal.patience = options.patience;
        if let Some(open) = terminal.unfinished().first().filter(|_| options.training) {
            let stan = open.id.stan;
            return Err(usage(format!("STAN {stan} has no answer yet: start without --training first")));
        }
        let roll = Roll::open(&options.state.join(ROLL))?;
        let generation = terminal.state().generation.map_or(0, |generation| generation.get());
        if let Some(kept) = roll.of(generation).next_back() {
            terminal.remember_decided(kept.place().1);
        }
        let (shop, away) = shop(&mut terminal, &options.state, options.training).await?;
        if shop.role != options.role {
            let (name, role) = (&shop.terminal, shop.role.name());
            return Err(usage(format!("{name} is a {role}: play it with terminal-sim {role}")));
        }
        let mut keyboard = Keyboard {
            terminal,
            shop,
            roll,
            cards: options.cards,
            training: options.training,
            card: None,
            details: Details::default(),
            quote: None,
            last: None,
            newest: None,
            proof: Proof::default(),
            away,
        };
        keyboard.adopt()?;
        let said = if away { vec![Said::Note(ALONE.into())] } else { keyboard.settle().await? };
        let said = keyboard.with_differences(said).await?;
        Ok((keyboard, said))
    }

    /// Carries out one line. An error means that the gateway broke a promise, or that this machine fails.
    pub async fn obey(&mut self, line: &str) -> Result<Vec<Said>, Error> {
        let command = match parse(line, self.shop.role, self.shop.unit) {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(Vec::new()),
            Err(why) => return Ok(vec![Said::NotUnderstood(why)]),
        };
        let said = match self.carry_out(command).await {
            Ok(said) => said,
            Err(Error::Usage(why)) => vec![Said::Refused(why)],
            Err(error) => return Err(error),
        };
        if let Some(answer) = said.last().filter(|said| said.is_answer()) {
            self.last = Some(answer.clone());
        }
        self.with_differences(said).await
    }

    /// What is printed of it; `word` is the command's.
    #[must_use]
    pub fn show(&self, said: &Said, word: Option<&str>, as_json: bool) -> String {
        if as_json { format!("{}\n", json::object(said, word)) } else { print::text(said, &self.shop) }
    }

    /// Whose turn it is.
    pub(super) fn prompt(&self) -> String {
        let shift = self.shift().map_or(0, Shift::get);
        let training = if self.training { " TRAINING" } else { "" };
        format!("{} shift {shift}{training}", self.shop.terminal)
    }

    async fn carry_out(&mut self, command: Command) -> Result<Vec<Said>, Error> {
        let one = |said| Ok(vec![said]);
        match command {
            Command::Help => one(Said::Note(words::help(self.shop.role))),
            Command::Card(entry) => one(self.take_card(entry)),
            Command::Cashier(name) => {
                self.details.cashier = Some(name);
                one(Said::Note(format!("Cashier {name}.")))
            }
            Command::Order(text) => {
                self.details.order_reference = Some(text);
                one(Said::Note(format!("The next transaction is for {text}.")))
            }
            Command::Last => {
                one(self.last.clone().unwrap_or_else(|| Said::Note("Nothing was answered yet.".into())))
            }
            Command::Expect(expected) => one(self.compare(expected)),
            Command::Quit => one(Said::Bye),
            Command::Receipt(stan) => one(self.duplicate(stan)),
            Command::Status(stan) => self.status(stan).await,
            Command::Reverse => self.reverse().await,
            Command::Pin(pin) => one(self.take_pin(pin)),
            Command::Holder(person) => one(self.take_holder(person)?),
            Command::Supervisor(name, pin) => one(self.take_supervisor(name, pin)),
            Command::Offline => one(self.offline_standing()),
            Command::ExportQueue(path) => one(self.export_queue(&path)?),
            Command::CashTaken(_) if self.training => one(Said::Refused(NOT_IN_TRAINING.into())),
            Command::CashTaken(minor) => self.cash_taken(minor).await,
            command => {
                if let Some(said) = self.alone(&command).await? {
                    return one(said);
                }
                let mut said = self.settle().await?;
                if !said.iter().any(|said| matches!(said, Said::Unanswered { .. })) {
                    // What was settled is said, whatever comes of the command.
                    said.push(match self.begin(command).await {
                        Err(Error::Usage(why)) => Said::Refused(why),
                        begun => begun?,
                    });
                }
                Ok(said)
            }
        }
    }

    /// What needs the gateway, when nothing is open any more.
    async fn begin(&mut self, command: Command) -> Result<Said, Error> {
        match command {
            Command::Quote(amount) => self.quote(amount).await,
            Command::Price { amount, prices, points, lines } => {
                self.price(amount, prices, points, lines).await
            }
            Command::Balance => self.balance().await,
            Command::Member(after) => self.member(after).await,
            Command::Catalogue(after) => self.catalogue(after).await,
            Command::LookUp(Person(phone)) => self.look_up(phone).await,
            Command::Report => self.report().await,
            Command::Load(amount, tenders) if self.training => self.practise_load(amount, tenders).await,
            Command::Sale { amount, part, prices, points, lines } if self.training => {
                self.practise_sale(amount, (part, prices), points, lines).await
            }
            Command::SignOn(name, pin) => self.sign_cashier_on(name, pin).await,
            _ if self.training => Ok(Said::Refused(NOT_IN_TRAINING.into())),
            Command::Activate => {
                let card = self.reference()?;
                self.with_card(Body::Activate { card }, None).await
            }
            Command::Load(minor, tenders) => {
                let (card, amount) = (self.reference()?, amount(minor)?);
                let most = || Error::Usage("8 tenders at most".into());
                let tenders = TenderLines::new(tenders).ok_or_else(most)?;
                self.with_card(Body::Load { card, amount, tenders }, None).await
            }
            Command::ChangePin { old, new } => self.change_pin(old, new).await,
            Command::Sale { amount: minor, part, prices, points, lines } => {
                let (card, amount) = (self.reference()?, amount(minor)?);
                let lines = purchase_lines(lines)?;
                let body = Body::Purchase { card, amount, tenders: None, lines, points };
                let part = if part { Flags::PARTIAL_ALLOWED } else { Flags::default() };
                let flags = part.union(price_flags(prices).unwrap_or_default());
                self.with_card(body, Some(flags).filter(|flags| *flags != Flags::default())).await
            }
            Command::Transfer(minor, to) => {
                let (card, amount, to) = (self.reference()?, amount(minor)?, self.named(to)?);
                self.with_card(Body::Transfer { card, to, amount }, None).await
            }
            Command::Close => self.close().await,
            command => self.member_command(command).await,
        }
    }

    /// A transaction that the card in the slot is proven for.
    pub(super) async fn with_card(&mut self, body: Body, flags: Option<Flags>) -> Result<Said, Error> {
        let sidecar = self.card()?.sidecar();
        self.trade(body, flags, sidecar).await
    }

    /// The one way for a transaction: written down, sent, and waited for. It is closed in training, whatever was let
    /// through before.
    pub(super) async fn trade(
        &mut self,
        mut body: Body,
        mut flags: Option<Flags>,
        mut sidecar: RequestSidecar,
    ) -> Result<Said, Error> {
        if self.training {
            return Ok(Said::Refused(NOT_IN_TRAINING.into()));
        }
        // What cannot be sent now is better not begun.
        if let Err(error) = self.terminal.sign_on().await {
            let (code, why) = no_answer(error)?;
            return Ok(Said::Unanswered { stan: None, code, why });
        }
        let quote = self.cited(&body, flags);
        self.prove(&mut body, &mut flags, &mut sidecar);
        let mut details = Details { flags, quote, ..self.details()? };
        if let Some(commitment) = Holders::commitment(&sidecar) {
            details.reserved.get_or_insert_default().personal_commitment = Some(commitment);
        }
        let id = self.terminal.submit_with(body, details, sidecar).await?;
        self.details.order_reference = None;
        self.finish(id, None).await
    }

    /// Waits for the outcome, and keeps it.
    pub(super) async fn finish(
        &mut self,
        id: crate::terminal::TransactionId,
        mark: Option<Mark>,
    ) -> Result<Said, Error> {
        match self.terminal.finish(id).await {
            Ok(outcome) => self.keep(&outcome, mark),
            Err(error) => {
                let (code, why) = no_answer(error)?;
                Ok(Said::Unanswered { stan: Some(id.stan.get()), code, why })
            }
        }
    }

    /// Says what has got its answer meanwhile, and sends again what has none; stops at the first that still has none.
    pub(super) async fn settle(&mut self) -> Result<Vec<Said>, Error> {
        let mut said = self.ready()?;
        for open in self.terminal.unfinished() {
            let one = self.finish(open.id, Some(Mark::Late)).await?;
            match one {
                // One that is not taken now holds no other up.
                Said::Unanswered { stan: Some(stan), code: Some(code), .. } if waits(open.kind) => {
                    said.push(Said::Note(format!("STAN {stan} waits: {code} {}.", code.name())));
                }
                Said::Unanswered { .. } => {
                    said.push(one);
                    break;
                }
                one => said.push(one),
            }
        }
        Ok(said)
    }

    /// Outcomes that came by themselves while something else was going on.
    pub(super) fn ready(&mut self) -> Result<Vec<Said>, Error> {
        let new = self.terminal.outcomes().filter(|outcome| Some(outcome.id) != self.newest);
        let new: Vec<Outcome> = new.cloned().collect();
        new.iter().map(|outcome| self.keep(outcome, Some(Mark::Late))).collect()
    }

    /// Of the outcomes from before a restart, those on the roll were said; the newest can still be reversed.
    fn adopt(&mut self) -> Result<(), Error> {
        let restored: Vec<Outcome> = self.terminal.outcomes().cloned().collect();
        for outcome in restored {
            let Some(proof) = outcome.proof.clone() else { continue };
            let (generation, stan) = Kept::read(proof)?.place();
            if self.roll.get(generation, stan).is_some() {
                self.remember(&outcome);
            }
        }
        Ok(())
    }

    /// Puts an outcome on the roll.
    fn keep(&mut self, outcome: &Outcome, mark: Option<Mark>) -> Result<Said, Error> {
        let Some(proof) = outcome.proof.clone() else {
            self.terminal.acknowledge(outcome.id);
            let stan = outcome.id.stan;
            return Ok(Said::Note(format!(
                "STAN {stan} was never answered: the terminal was enrolled anew. Ask the operator what became of it."
            )));
        };
        let kept = Kept::read(proof)?;
        let forwarded = mark.is_some() && outcome.kind == MessageType::ADVICE;
        let mark = if forwarded { Some(Mark::Forwarded) } else { mark };
        let slip = Slip::of(&kept, Some(outcome.verdict), mark);
        self.roll.put(kept)?;
        self.remember(outcome);
        Ok(Said::Slip(Box::new(slip)))
    }

    /// The outcome is on the roll: all can be forgotten but the newest approval, which can still be reversed. A decline
    /// after it does not change that; whatever was booked or undone since does.
    fn remember(&mut self, outcome: &Outcome) {
        let declined = outcome.verdict == Verdict::Declined && outcome.kind.is_reversible();
        if !declined && let Some(before) = self.newest.take().filter(|before| *before != outcome.id) {
            self.terminal.acknowledge(before);
        }
        if outcome.verdict == Verdict::Approved && outcome.kind.may_be_given_up() {
            self.newest = Some(outcome.id);
        } else {
            self.terminal.acknowledge(outcome.id);
        }
    }

    fn take_card(&mut self, entry: CardEntry) -> Said {
        let taken = match entry {
            CardEntry::Keyed(card) => Some((card, EntryMode::KEYED)),
            CardEntry::Named(CardName::Place(place)) => {
                let card = place.checked_sub(1).and_then(|index| self.cards.get(index));
                card.cloned().map(|card| (card, EntryMode::MAGNETIC_STRIPE))
            }
            CardEntry::Named(CardName::Reference(reference)) => {
                let card = self.cards.iter().find(|card| card.reference == reference);
                card.cloned().map(|card| (card, EntryMode::MAGNETIC_STRIPE))
            }
        };
        let Some((card, entry_mode)) = taken else {
            return Said::Refused(
                "no such card in the cards file; one with its secret: card REFERENCE SECRET".into(),
            );
        };
        let said = Said::Note(format!("Card {}.", card.reference.digits()));
        self.forget_pin();
        self.card = Some((card, entry_mode));
        said
    }

    pub(super) fn card(&self) -> Result<&Card, Error> {
        let missing = || Error::Usage("no card is in: type card first".into());
        self.card.as_ref().map(|(card, _)| card).ok_or_else(missing)
    }

    pub(super) fn reference(&self) -> Result<CardReference, Error> {
        self.card().map(|card| card.reference)
    }

    /// A card that is named without its secret.
    pub(super) fn named(&self, name: CardName) -> Result<CardReference, Error> {
        let missing = || Error::Usage("the cards file has not so many".into());
        match name {
            CardName::Reference(reference) => Ok(reference),
            CardName::Place(place) => {
                let card = place.checked_sub(1).and_then(|index| self.cards.get(index));
                card.map(|card| card.reference).ok_or_else(missing)
            }
        }
    }

    /// What every transaction says now.
    pub(super) fn details(&self) -> Result<Details, Error> {
        let none = || Error::Usage("no shift is left: enrol again".into());
        Ok(Details {
            shift: Some(self.shift().ok_or_else(none)?),
            entry_mode: self.card.as_ref().map(|(_, entry_mode)| *entry_mode),
            ..self.details.clone()
        })
    }

    pub(super) fn shift(&self) -> Option<Shift> {
        books::open_shift(&self.roll, self.generation())
    }

    pub(super) fn generation(&self) -> u32 {
        self.terminal.state().generation.map_or(0, |generation| generation.get())
    }

    /// The quote that the body may name, which is spent by that.
    fn cited(&mut self, body: &Body, flags: Option<Flags>) -> Option<protocol::field::QuoteId> {
        let cited = self.quote.take()?;
        let asked = match body.clone() {
            Body::Load { card, amount, .. } => Body::LoadQuote { card, amount },
            Body::Purchase { card, amount, lines, points, .. } => {
                Body::PurchaseQuote { card, amount, lines, points }
            }
            _ => return None,
        };
        let prices = flags.is_some_and(|flags| flags.contains(Flags::PROGRAMME_PRICES));
        let same = cited.asked == asked && cited.prices == prices;
        (same && clock::now() < cited.until).then_some(cited.quote.id)
    }

    fn compare(&self, expected: Expected) -> Said {
        let got = match &self.last {
            None => "nothing was answered yet".to_owned(),
            Some(Said::Refused(why)) => {
                if expected == Expected::Refused {
                    return Said::AsExpected("As expected: refused.".into());
                }
                format!("the terminal refused: {why}")
            }
            Some(said) => match said.code() {
                Some(code) if expected == Expected::Code(code) => {
                    return Said::AsExpected(format!("As expected: {code}."));
                }
                Some(code) => format!("it was {code} {}", code.name()),
                None => "there was no answer".to_owned(),
            },
        };
        Said::NotAsExpected(match expected {
            Expected::Code(code) => format!("{code} {} was expected, {got}", code.name()),
            Expected::Refused => format!("a refusal by the terminal was expected, {got}"),
        })
    }
}

/// What the gateway said instead of an answer, if anything, and why there is none; other errors stay errors.
pub(super) fn no_answer(error: Error) -> Result<(Option<ResponseCode>, String), Error> {
    let why = error.to_string();
    match error {
        Error::Lost(_) | Error::Timeout => Ok((None, why)),
        Error::Refused { code, .. } => Ok((Some(code), why)),
        error => Err(error),
    }
}

pub(super) fn amount(minor: i64) -> Result<AmountMinor, Error> {
    AmountMinor::new(minor).ok_or_else(|| Error::Usage(format!("{minor} is no amount")))
}

/// What was bought, if anything was said of it.
pub(super) fn purchase_lines(lines: Vec<PurchaseLine>) -> Result<Option<PurchaseLines>, Error> {
    let most = || Error::Usage("24 lines at most".into());
    if lines.is_empty() { Ok(None) } else { PurchaseLines::new(lines).map(Some).ok_or_else(most) }
}
