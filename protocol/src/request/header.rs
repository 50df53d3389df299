//! What every request carries: keys 2 to 16 but the card, and keys 40 to 47.

use alloc::boxed::Box;

use crate::cbor::Map;
use crate::field::{
    Code, Currency, CustomerKind, Date, EntryMode, Flags, Generation, Hash, KeyId, Nonce, ProgrammeDigest,
    QuestionAnswers, QuoteId, Shift, Stan, TerminalId, TerminalTime, Text,
};

/// The common header of section 5. Which fields a message must and may have is in the table of section 5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Key 2.
    pub terminal: TerminalId,
    /// Key 3: in every message but Enroll.
    pub generation: Option<Generation>,
    /// Key 4: value messages.
    pub stan: Option<Stan>,
    /// Key 5.
    pub key_id: KeyId,
    /// Key 6: messages about a card or money.
    pub currency: Option<Currency>,
    /// Key 7.
    pub time: TerminalTime,
    /// Key 8: value messages and CashierSignOn.
    pub cashier: Option<Code<16>>,
    /// Key 9: value messages and ShiftReport.
    pub shift: Option<Shift>,
    /// Key 10.
    pub order_reference: Option<Text<32>>,
    /// Key 11.
    pub entry_mode: Option<EntryMode>,
    /// Key 13.
    pub flags: Option<Flags>,
    /// Key 14: the digest from the sign-on answer that the terminal's display rests on.
    pub programme_shown: Option<ProgrammeDigest>,
    /// Key 15: the quote that the terminal's display rests on; of effect in a Load or Purchase.
    pub quote: Option<QuoteId>,
    /// Key 16: session messages.
    pub nonce: Option<Nonce>,
    /// Keys 40 to 47; boxed because almost no request has them.
    pub reserved: Option<Box<Reserved>>,
}

/// How a request is told from others of its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A value message.
    Stan(Stan),
    /// A session message.
    Nonce(Nonce),
}

impl Header {
    /// The header of a value message with what is required, but for the currency, which most need too.
    pub fn value(
        terminal: TerminalId,
        generation: Generation,
        stan: Stan,
        key_id: KeyId,
        time: TerminalTime,
    ) -> Self {
        Header { generation: Some(generation), stan: Some(stan), ..Header::bare(terminal, key_id, time) }
    }

    /// The header of a session message with what is required; Enroll has no generation.
    pub fn session(
        terminal: TerminalId,
        generation: Option<Generation>,
        nonce: Nonce,
        key_id: KeyId,
        time: TerminalTime,
    ) -> Self {
        Header { generation, nonce: Some(nonce), ..Header::bare(terminal, key_id, time) }
    }

    /// The STAN of a value message, the nonce of a session message.
    pub fn identity(&self) -> Option<Identity> {
        self.stan.map(Identity::Stan).or(self.nonce.map(Identity::Nonce))
    }

    const fn bare(terminal: TerminalId, key_id: KeyId, time: TerminalTime) -> Self {
        Header {
            terminal,
            generation: None,
            stan: None,
            key_id,
            currency: None,
            time,
            cashier: None,
            shift: None,
            order_reference: None,
            entry_mode: None,
            flags: None,
            programme_shown: None,
            quote: None,
            nonce: None,
            reserved: None,
        }
    }

    pub(super) fn write_before_card(&self, map: &mut Map<'_>) {
        map.put(2, &self.terminal);
        map.put_optional(3, self.generation.as_ref());
        map.put_optional(4, self.stan.as_ref());
        map.put(5, &self.key_id);
        map.put_optional(6, self.currency.as_ref());
        map.put(7, &self.time);
        map.put_optional(8, self.cashier.as_ref());
        map.put_optional(9, self.shift.as_ref());
        map.put_optional(10, self.order_reference.as_ref());
        map.put_optional(11, self.entry_mode.as_ref());
    }

    pub(super) fn write_after_card(&self, map: &mut Map<'_>) {
        map.put_optional(13, self.flags.as_ref());
        map.put_optional(14, self.programme_shown.as_ref());
        map.put_optional(15, self.quote.as_ref());
        map.put_optional(16, self.nonce.as_ref());
    }

    pub(super) fn write_reserved(&self, map: &mut Map<'_>) {
        let Some(reserved) = &self.reserved else { return };
        map.put_optional(40, reserved.referral.as_ref());
        map.put_optional(41, reserved.channel.as_ref());
        map.put_optional(42, reserved.customer_kind.as_ref());
        map.put_optional(43, reserved.receipt_date.as_ref());
        map.put_optional(44, reserved.survey.as_ref());
        map.put_optional(45, reserved.activity.as_ref());
        map.put_optional(46, reserved.case_reference.as_ref());
        map.put_optional(47, reserved.personal_commitment.as_ref());
    }
}

/// Keys 40 to 47: accepted in any value message, signed and journalled. Keys 43 to 46 have no effect yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Key 40: in a Join, the 16 digits of the card of the member who brought this one.
    pub referral: Option<Code<32>>,
    /// Key 41: in a Join, how the member was won; elsewhere, where the sale came from.
    pub channel: Option<Code<32>>,
    /// Key 42: in a Join, what the member is.
    pub customer_kind: Option<CustomerKind>,
    /// Key 43.
    pub receipt_date: Option<Date>,
    /// Key 44.
    pub survey: Option<QuestionAnswers>,
    /// Key 45.
    pub activity: Option<QuestionAnswers>,
    /// Key 46.
    pub case_reference: Option<Code<32>>,
    /// Key 47: what [`super::RequestSidecar::personal_commitment`] gives; in an Activate, Load or Join it registers the
    /// card's holder.
    pub personal_commitment: Option<Hash>,
}
