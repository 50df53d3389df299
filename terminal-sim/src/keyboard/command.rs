//! What a person can tell the terminal to do.

use std::path::PathBuf;

use protocol::code::ResponseCode;
use protocol::field::{
    CardReference, Code, Pin, Points, PurchaseLine, Quantity, Stan, TenderLine, Text, UnixSeconds,
};

use super::members::{Joining, Person};
use crate::card::Card;

/// One line, understood. Amounts are in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Lists the commands.
    Help,
    /// Takes a card in; it stays until the next one.
    Card(CardEntry),
    /// Puts the card into use.
    Activate,
    /// Asks what a load would give.
    Quote(i64),
    /// Asks what a sale would take and give.
    Price {
        /// How much.
        amount: i64,
        /// The programme's prices hold.
        prices: bool,
        /// This many points pay first.
        points: Option<Points>,
        /// What is bought.
        lines: Vec<PurchaseLine>,
    },
    /// Loads the card with what these add up to.
    Load(i64, Vec<TenderLine>),
    /// Takes the amount from the card, or what there is if `part`.
    Sale {
        /// How much.
        amount: i64,
        /// A part is welcome.
        part: bool,
        /// The programme's prices hold.
        prices: bool,
        /// This many points pay first.
        points: Option<Points>,
        /// What was bought.
        lines: Vec<PurchaseLine>,
    },
    /// Asks what the card holds.
    Balance,
    /// Makes the card a member's.
    Join(Joining),
    /// Who the next activate, load or join registers as the card's holder.
    Holder(Person),
    /// Asks for the cards that were registered with this phone.
    LookUp(Person),
    /// Gives what the programme gives for an activity, once or so many times.
    Award(Code<24>, Option<Quantity>),
    /// Takes points for an item of the catalogue, one or so many.
    Redeem(Code<24>, Option<Quantity>),
    /// Uses an entitlement, once or so many times.
    Use(Code<24>, Option<Quantity>),
    /// Asks what the member has, and what comes; after this time.
    Member(Option<UnixSeconds>),
    /// Asks what points can be redeemed for; after this item.
    Catalogue(Option<Code<24>>),
    /// Holds an amount.
    Authorize(i64),
    /// Holds more in an earlier hold; the newest one unless a STAN says which.
    Raise(i64, Option<Stan>),
    /// Takes from a hold.
    Capture {
        /// How much.
        amount: i64,
        /// The rest stays held.
        more: bool,
        /// The Authorize; the newest one when absent.
        stan: Option<Stan>,
    },
    /// Cancels a transaction of the open shift; the newest one unless a STAN says which.
    Void(Option<Stan>),
    /// Gives back; of the last sale unless a STAN says which.
    Refund {
        /// How much.
        amount: i64,
        /// The sale; the last one when absent.
        stan: Option<Stan>,
        /// What was brought back.
        lines: Vec<PurchaseLine>,
    },
    /// Pays out what was loaded.
    Unload(i64),
    /// Says that money was taken and could not be credited.
    CashTaken(i64),
    /// Proves a cashier for this session.
    SignOn(Code<16>, Pin),
    /// The card's PIN, for the next message.
    Pin(Pin),
    /// Sets the card's PIN.
    ChangePin {
        /// The present one, if it has one.
        old: Option<Pin>,
        /// The one from now on.
        new: Pin,
    },
    /// Who allows the next message.
    Supervisor(Code<16>, Pin),
    /// What may still be sold without the gateway, and what waits for it.
    Offline,
    /// Writes what waits into a file, for an operator.
    ExportQueue(PathBuf),
    /// Moves value to another card.
    Transfer(i64, CardName),
    /// Gives up what has no answer, or takes back what was approved last.
    Reverse,
    /// Asks the gateway where a transaction stands.
    Status(Stan),
    /// Prints a stored receipt again; the newest one unless a STAN says which.
    Receipt(Option<Stan>),
    /// How the shift stands.
    Report,
    /// Closes the shift.
    Close,
    /// Who is at the terminal, on what follows.
    Cashier(Code<16>),
    /// The order that the next transaction belongs to.
    Order(Text<32>),
    /// Shows the last answer again.
    Last,
    /// Says what the last answer must have been.
    Expect(Expected),
    /// Ends.
    Quit,
}

/// A card, or which of the cards file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardEntry {
    /// Typed in with its secret.
    Keyed(Card),
    /// From the cards file.
    Named(CardName),
}

/// Which card of the cards file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardName {
    /// By its place in the file, from 1.
    Place(usize),
    /// By its reference.
    Reference(CardReference),
}

/// What a script expects of the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This response code.
    Code(ResponseCode),
    /// That the terminal itself refused, and sent nothing.
    Refused,
}
