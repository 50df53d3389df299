//! A shop in which things happen one after the other, for tests that tell a story. Card 0 pays with principal first; points do not
//! pay for card 2.

use gateway::domain::effect::TransactionState;
use gateway::domain::{Command, Grant, Kind};

use super::paper::Deal;
use super::steps::command;
use super::world::{Said, World, claim, reference};

pub(super) struct Shop {
    pub(super) world: World,
    card: usize,
}

impl Shop {
    /// A card that was sold, and loaded with 100.00 and a bonus of 5.00.
    pub(super) fn new() -> Self {
        Self::of(0)
    }

    pub(super) fn of(card: usize) -> Self {
        let mut shop = Self { world: World::new(false), card };
        shop.done(Deal::Activate { card });
        shop.load(100_00);
        shop
    }

    pub(super) fn ask(&mut self, till: usize, deal: &Deal) -> Said {
        let command = command(&self.world, deal);
        self.say(till, command)
    }

    pub(super) fn say(&mut self, till: usize, command: Command) -> Said {
        self.world.ask(till, Some(1), command).expect("the rules decide")
    }

    /// Asks at the first register, and expects an approval. Returns the number of the request.
    pub(super) fn done(&mut self, deal: Deal) -> usize {
        let said = self.ask(0, &deal);
        assert_eq!(said.code, 0, "{deal:?}: {said:?}");
        self.last()
    }

    pub(super) fn last(&self) -> usize {
        self.world.asked.len() - 1
    }

    pub(super) fn load(&mut self, amount: i64) -> usize {
        self.done(Deal::Load { card: self.card, amount })
    }

    pub(super) fn pay(&mut self, amount: i64) -> usize {
        self.done(Deal::Purchase { card: self.card, amount, partial: false })
    }

    pub(super) fn hold(&mut self, amount: i64) -> usize {
        self.done(Deal::Authorize { card: self.card, amount, partial: false, raises: None })
    }

    pub(super) fn raise(&mut self, of: usize, amount: i64) -> usize {
        self.done(Deal::Authorize { card: self.card, amount, partial: false, raises: Some(of) })
    }

    pub(super) fn capture(&mut self, of: usize, amount: i64, more: bool) -> usize {
        self.done(Deal::Capture { of, amount, more })
    }

    pub(super) fn refund(&mut self, of: usize, amount: i64) -> usize {
        self.done(Deal::Refund { of, amount })
    }

    pub(super) fn unload(&mut self, amount: i64) -> usize {
        self.done(Deal::Unload { card: self.card, amount })
    }

    /// A transfer to the next card, which is sold for it.
    pub(super) fn give(&mut self, amount: i64) -> usize {
        self.done(Deal::Activate { card: 1 });
        let said = self.say(0, Command::Transfer { claim: claim(self.card), to: reference(1), amount });
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    /// A sale that the first register approved by itself, within its grant.
    pub(super) fn advise(&mut self, amount: i64) -> usize {
        let time_s = self.world.now.s();
        let grant = Grant {
            terminal: self.world.named(0).terminal,
            generation: 1,
            id: [1; 8],
            issued: time_s,
            expires: time_s + 1,
            per_transaction: amount,
            per_card: amount,
            count: 1,
            sum: amount,
        };
        let said =
            self.say(0, Command::Advice { card: reference(self.card), amount, grant: Some(grant), time_s });
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    /// The card becomes a member's.
    pub(super) fn join(&mut self) -> usize {
        let said = self.say(0, Command::Join { claim: claim(self.card), referral: None, customer: 1 });
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    pub(super) fn award(&mut self, activity: &str) -> usize {
        self.join();
        let command = Command::Award { claim: claim(self.card), activity: activity.into(), quantity: 1 };
        let said = self.say(0, command);
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    /// Points of a member for an item of the catalogue.
    pub(super) fn redeem(&mut self, item: &str) -> usize {
        let command = Command::Redeem { claim: claim(self.card), item: item.into(), quantity: 1 };
        let said = self.say(0, command);
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    pub(super) fn use_entitlement(&mut self, entitlement: &str) -> usize {
        let entitlement = entitlement.into();
        let said = self.say(0, Command::UseEntitlement { claim: claim(self.card), entitlement, quantity: 1 });
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    /// Cash that was taken and not credited.
    pub(super) fn cash(&mut self, amount: i64) -> usize {
        let said = self.say(0, Command::CashTaken { card: None, amount, tenders: vec![(1, amount)] });
        assert_eq!(said.code, 0, "{said:?}");
        self.last()
    }

    pub(super) fn void(&mut self, of: usize) -> usize {
        self.done(Deal::Void { of })
    }

    pub(super) fn reverse(&mut self, of: usize) -> usize {
        self.done(Deal::Reverse { of })
    }

    /// Closes the shift in which everything so far was done.
    pub(super) fn close(&mut self) -> usize {
        let said = self.world.close(0, 1).expect("the rules decide");
        assert_eq!(said.code, 0);
        self.last()
    }

    pub(super) fn days_pass(&mut self, days: i64) {
        self.world.wait(days * 86_400);
    }

    /// What an original is now: what the gateway says of it when asked.
    pub(super) fn present(&self, of: usize) -> u8 {
        let asked = &self.world.asked[of];
        let named = self.world.named(of);
        if self.world.state.tombstones.contains_key(&named.identity()) {
            return TransactionState::Blocked as u8;
        }
        let Some(entry) = &asked.entry else { return TransactionState::Unknown as u8 };
        let decided = if entry.approved { TransactionState::Live } else { TransactionState::Declined };
        self.world.state.transactions.get(&entry.index).map_or(decided, |fate| fate.state) as u8
    }

    /// Principal, bonus and points that can be spent.
    pub(super) fn has(&self) -> (i64, i64, i64) {
        let of = |kind| self.world.card(self.card).available(kind, self.world.now.s());
        (of(Kind::PRINCIPAL), of(Kind::BONUS), of(Kind::POINTS))
    }

    pub(super) fn debt(&self) -> i64 {
        self.world.card(self.card).points_debt(Kind::POINTS)
    }
}
