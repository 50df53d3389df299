//! What each kind of request adds to the header.

use crate::cbor::{Item, Map, Writer, expect_array};
use crate::error::{FormatError, Part, Problem};
use crate::field::{
    AmountMinor, Blob, CardReference, Code, EnrolmentCode, Fingerprint, Hash, Original, Points,
    ProtocolVersion, PurchaseLines, Quantity, Reason, RequestId, TenderLines, Text, Totals, UnixSeconds,
};
use crate::frame::MessageType;
use crate::receipt::MAX_GRANT;

use minicbor::Decoder;

/// The largest receipt that a terminal may name at sign-on, in bytes (key 28).
pub const MAX_RECEIPT: usize = 1024;

/// The thirty-one kinds of request (section 2) and their own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Makes the connection's key this terminal's key (section 10).
    Enroll {
        /// Key 26: name and version of the terminal's software.
        software: Text<32>,
        /// Key 29.
        code: EnrolmentCode,
        /// Key 30: SubjectPublicKeyInfo, DER.
        public_key: Blob<128>,
        /// Key 31.
        gateway: Fingerprint,
        /// Key 32: the highest frame version that the terminal speaks.
        protocol_version: ProtocolVersion,
    },
    /// Opens the session (section 9).
    SignOn {
        /// Key 26: name and version of the terminal's software.
        software: Text<32>,
        /// Key 27: the highest STAN ever used in this generation, 0 for none.
        last_stan: u32,
        /// Key 28.
        last_receipt: Option<LastReceipt>,
        /// Key 32: the highest frame version that the terminal speaks.
        protocol_version: ProtocolVersion,
    },
    /// Ends the session.
    SignOff,
    /// Asks whether the gateway is there.
    Echo,
    /// Puts an issued card into use.
    Activate {
        /// Key 12.
        card: CardReference,
    },
    /// Asks what a load would give.
    LoadQuote {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
    },
    /// Adds value to a card.
    Load {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 21: they add up to the amount.
        tenders: TenderLines,
    },
    /// Spends value of a card.
    Purchase {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 21.
        tenders: Option<TenderLines>,
        /// Key 22: they add up to the amount.
        lines: Option<PurchaseLines>,
        /// Key 35: pays this part of the amount with points.
        points: Option<Points>,
    },
    /// Asks what a card holds.
    BalanceInquiry {
        /// Key 12.
        card: CardReference,
    },
    /// Undoes a request whose answer was lost, or that was given up.
    Reversal {
        /// Key 23.
        original: Original,
        /// Key 25.
        reason: Reason,
    },
    /// Asks where a transaction stands.
    TransactionStatus {
        /// Key 23.
        original: Original,
    },
    /// Closes a shift.
    Reconciliation {
        /// Key 24.
        totals: Totals,
    },
    /// Gives back a Purchase or Capture, or pays back a Load, in whole or in part.
    Refund {
        /// Key 20.
        amount: AmountMinor,
        /// Key 22: they add up to the amount.
        lines: Option<PurchaseLines>,
        /// Key 23.
        original: Original,
        /// Key 25.
        reason: Option<Reason>,
        /// Key 37: who allows it; the PIN is in the sidecar.
        supervisor: Option<Code<16>>,
    },
    /// Takes back a request whose answer is known.
    Void {
        /// Key 23.
        original: Original,
        /// Key 25.
        reason: Option<Reason>,
        /// Key 37: who allows it; the PIN is in the sidecar.
        supervisor: Option<Code<16>>,
    },
    /// Holds value of a card for later captures.
    Authorize {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 23: the Authorize whose hold it adds to.
        raises: Option<Original>,
    },
    /// Spends what an Authorize holds.
    Capture {
        /// Key 20.
        amount: AmountMinor,
        /// Key 21.
        tenders: Option<TenderLines>,
        /// Key 22: they add up to the amount.
        lines: Option<PurchaseLines>,
        /// Key 23: the Authorize.
        original: Original,
    },
    /// Asks what a purchase would take and give.
    PurchaseQuote {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 22: they add up to the amount.
        lines: Option<PurchaseLines>,
        /// Key 35: pays this part of the amount with points.
        points: Option<Points>,
    },
    /// Moves value from one card to another.
    Transfer {
        /// Key 12: the card that gives.
        card: CardReference,
        /// Key 33: the card that it gives to.
        to: CardReference,
        /// Key 20.
        amount: AmountMinor,
    },
    /// Asks how the shift in the header (key 9) stands, and for its transactions.
    ShiftReport {
        /// Key 34: lists what comes after this STAN, 0 for all.
        after: u32,
    },
    /// Pays principal out again.
    Unload {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 25.
        reason: Option<Reason>,
        /// Key 37: who allows it; the PIN is in the sidecar.
        supervisor: Option<Code<16>>,
    },
    /// Sets a card's PIN: the new one is in the sidecar, and the present one if there is one.
    ChangePin {
        /// Key 12.
        card: CardReference,
    },
    /// Says that money was taken and could not be credited.
    CashTaken {
        /// Key 12: the card that it was meant for.
        card: Option<CardReference>,
        /// Key 20.
        amount: AmountMinor,
        /// Key 21: they add up to the amount.
        tenders: TenderLines,
        /// Key 23: the Load that got no answer.
        original: Option<Original>,
        /// Key 25.
        reason: Reason,
    },
    /// Says that the terminal approved a purchase by itself (section 9.1).
    Advice {
        /// Key 12.
        card: CardReference,
        /// Key 20.
        amount: AmountMinor,
        /// Key 21.
        tenders: Option<TenderLines>,
        /// Key 22: they add up to the amount.
        lines: Option<PurchaseLines>,
        /// Key 36: the grant under which it did, as it came.
        grant: Blob<MAX_GRANT>,
    },
    /// Proves the cashier in the header (key 8) for this session; the PIN is in the sidecar.
    CashierSignOn,
    /// Asks which cards were registered with a phone number; the number is in the sidecar (section 5.4).
    CardLookup,
    /// Makes the card a member's; keys 40 to 42 and 47 say who, and how the member was won.
    Join {
        /// Key 12.
        card: CardReference,
    },
    /// Gives a member what the programme gives for an activity.
    Award {
        /// Key 12.
        card: CardReference,
        /// Key 48.
        activity: Code<24>,
        /// Key 49: how many interactions; 1 when it is left out.
        quantity: Option<Quantity>,
    },
    /// Takes points for an item of the catalogue.
    Redeem {
        /// Key 12.
        card: CardReference,
        /// Key 49: how many pieces; 1 when it is left out.
        quantity: Option<Quantity>,
        /// Key 50.
        item: Code<24>,
    },
    /// Uses what the member's tier entitles to.
    UseEntitlement {
        /// Key 12.
        card: CardReference,
        /// Key 49: how many uses; 1 when it is left out.
        quantity: Option<Quantity>,
        /// Key 51.
        entitlement: Code<24>,
    },
    /// Asks what a member has and what comes.
    MemberInquiry {
        /// Key 12.
        card: CardReference,
        /// Key 52: lists what comes after this time.
        after: Option<UnixSeconds>,
    },
    /// Asks what points can be redeemed for.
    Catalogue {
        /// Key 50: lists what comes after this item.
        after: Option<Code<24>>,
    },
}

/// The last receipt that a terminal holds: it makes every terminal a witness of the journal (section 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReceipt {
    /// The request that it seals.
    pub request_id: RequestId,
    /// SHA-256 of the answer's body.
    pub answer_hash: Hash,
    /// From the answer's sidecar.
    pub details_hash: Hash,
    /// The receipt.
    pub receipt: Blob<MAX_RECEIPT>,
}

impl Item for LastReceipt {
    fn write(&self, writer: &mut Writer) {
        writer.array(4);
        self.request_id.write(writer);
        self.answer_hash.write(writer);
        self.details_hash.write(writer);
        self.receipt.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 4)?;
        Ok(LastReceipt {
            request_id: Item::read(decoder)?,
            answer_hash: Item::read(decoder)?,
            details_hash: Item::read(decoder)?,
            receipt: Item::read(decoder)?,
        })
    }
}

impl Body {
    /// The message type of this kind of request.
    pub const fn kind(&self) -> MessageType {
        match self {
            Body::Enroll { .. } => MessageType::ENROLL,
            Body::SignOn { .. } => MessageType::SIGN_ON,
            Body::SignOff => MessageType::SIGN_OFF,
            Body::Echo => MessageType::ECHO,
            Body::Activate { .. } => MessageType::ACTIVATE,
            Body::LoadQuote { .. } => MessageType::LOAD_QUOTE,
            Body::Load { .. } => MessageType::LOAD,
            Body::Purchase { .. } => MessageType::PURCHASE,
            Body::BalanceInquiry { .. } => MessageType::BALANCE_INQUIRY,
            Body::Reversal { .. } => MessageType::REVERSAL,
            Body::TransactionStatus { .. } => MessageType::TRANSACTION_STATUS,
            Body::Reconciliation { .. } => MessageType::RECONCILIATION,
            Body::Refund { .. } => MessageType::REFUND,
            Body::Void { .. } => MessageType::VOID,
            Body::Authorize { .. } => MessageType::AUTHORIZE,
            Body::Capture { .. } => MessageType::CAPTURE,
            Body::PurchaseQuote { .. } => MessageType::PURCHASE_QUOTE,
            Body::Transfer { .. } => MessageType::TRANSFER,
            Body::ShiftReport { .. } => MessageType::SHIFT_REPORT,
            Body::Unload { .. } => MessageType::UNLOAD,
            Body::ChangePin { .. } => MessageType::CHANGE_PIN,
            Body::CashTaken { .. } => MessageType::CASH_TAKEN,
            Body::Advice { .. } => MessageType::ADVICE,
            Body::CashierSignOn => MessageType::CASHIER_SIGN_ON,
            Body::CardLookup => MessageType::CARD_LOOKUP,
            Body::Join { .. } => MessageType::JOIN,
            Body::Award { .. } => MessageType::AWARD,
            Body::Redeem { .. } => MessageType::REDEEM,
            Body::UseEntitlement { .. } => MessageType::USE_ENTITLEMENT,
            Body::MemberInquiry { .. } => MessageType::MEMBER_INQUIRY,
            Body::Catalogue { .. } => MessageType::CATALOGUE,
        }
    }

    /// The card it is about; of a Transfer, the one that gives; of a CashTaken, the one that it names, if it does.
    pub const fn card(&self) -> Option<CardReference> {
        match self {
            Body::Activate { card }
            | Body::LoadQuote { card, .. }
            | Body::Load { card, .. }
            | Body::Purchase { card, .. }
            | Body::BalanceInquiry { card }
            | Body::Authorize { card, .. }
            | Body::PurchaseQuote { card, .. }
            | Body::Transfer { card, .. }
            | Body::Unload { card, .. }
            | Body::ChangePin { card }
            | Body::Advice { card, .. }
            | Body::Join { card }
            | Body::Award { card, .. }
            | Body::Redeem { card, .. }
            | Body::UseEntitlement { card, .. }
            | Body::MemberInquiry { card, .. } => Some(*card),
            Body::CashTaken { card, .. } => *card,
            _ => None,
        }
    }

    /// The gross amount.
    pub const fn amount(&self) -> Option<AmountMinor> {
        match self {
            Body::LoadQuote { amount, .. }
            | Body::Load { amount, .. }
            | Body::Purchase { amount, .. }
            | Body::Refund { amount, .. }
            | Body::Authorize { amount, .. }
            | Body::Capture { amount, .. }
            | Body::PurchaseQuote { amount, .. }
            | Body::Transfer { amount, .. }
            | Body::Unload { amount, .. }
            | Body::CashTaken { amount, .. }
            | Body::Advice { amount, .. } => Some(*amount),
            _ => None,
        }
    }

    /// The tender lines.
    pub const fn tenders(&self) -> Option<&TenderLines> {
        match self {
            Body::Load { tenders, .. } | Body::CashTaken { tenders, .. } => Some(tenders),
            Body::Purchase { tenders, .. } | Body::Capture { tenders, .. } | Body::Advice { tenders, .. } => {
                tenders.as_ref()
            }
            _ => None,
        }
    }

    /// The purchase lines.
    pub const fn lines(&self) -> Option<&PurchaseLines> {
        match self {
            Body::Purchase { lines, .. }
            | Body::PurchaseQuote { lines, .. }
            | Body::Refund { lines, .. }
            | Body::Capture { lines, .. }
            | Body::Advice { lines, .. } => lines.as_ref(),
            _ => None,
        }
    }

    /// The earlier request that it names.
    pub const fn original(&self) -> Option<&Original> {
        match self {
            Body::Reversal { original, .. }
            | Body::TransactionStatus { original }
            | Body::Refund { original, .. }
            | Body::Void { original, .. }
            | Body::Capture { original, .. } => Some(original),
            Body::Authorize { raises, .. } => raises.as_ref(),
            Body::CashTaken { original, .. } => original.as_ref(),
            _ => None,
        }
    }

    /// Why it undoes or gives back, or what kept the money from being credited.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Body::Reversal { reason, .. } | Body::CashTaken { reason, .. } => Some(*reason),
            Body::Refund { reason, .. } | Body::Void { reason, .. } | Body::Unload { reason, .. } => *reason,
            _ => None,
        }
    }

    /// The points that are to pay a part.
    pub const fn points(&self) -> Option<Points> {
        match self {
            Body::Purchase { points, .. } | Body::PurchaseQuote { points, .. } => *points,
            _ => None,
        }
    }

    /// The grant under which the terminal approved.
    pub const fn grant(&self) -> Option<&Blob<MAX_GRANT>> {
        if let Body::Advice { grant, .. } = self { Some(grant) } else { None }
    }

    /// Who allows what the cashier alone may not.
    pub const fn supervisor(&self) -> Option<&Code<16>> {
        match self {
            Body::Refund { supervisor, .. }
            | Body::Void { supervisor, .. }
            | Body::Unload { supervisor, .. } => supervisor.as_ref(),
            _ => None,
        }
    }

    /// How many interactions, pieces or uses; `None` stands for 1.
    pub const fn quantity(&self) -> Option<Quantity> {
        match self {
            Body::Award { quantity, .. }
            | Body::Redeem { quantity, .. }
            | Body::UseEntitlement { quantity, .. } => *quantity,
            _ => None,
        }
    }

    /// Keys 20 to 37, in rising order.
    pub(super) fn write(&self, map: &mut Map<'_>) {
        map.put_optional(20, self.amount().as_ref());
        map.put_optional(21, self.tenders());
        map.put_optional(22, self.lines());
        map.put_optional(23, self.original());
        if let Body::Reconciliation { totals } = self {
            map.put(24, totals);
        }
        map.put_optional(25, self.reason().as_ref());
        match self {
            Body::Enroll { software, code, public_key, gateway, protocol_version } => {
                map.put(26, software);
                map.put(29, code);
                map.put(30, public_key);
                map.put(31, gateway);
                map.put(32, protocol_version);
            }
            Body::SignOn { software, last_stan, last_receipt, protocol_version } => {
                map.put(26, software);
                map.put(27, last_stan);
                map.put_optional(28, last_receipt.as_ref());
                map.put(32, protocol_version);
            }
            Body::Transfer { to, .. } => map.put(33, to),
            Body::ShiftReport { after } => map.put(34, after),
            _ => {}
        }
        map.put_optional(35, self.points().as_ref());
        map.put_optional(36, self.grant());
        map.put_optional(37, self.supervisor());
    }

    /// Keys 48 to 52, in rising order.
    pub(super) fn write_member(&self, map: &mut Map<'_>) {
        if let Body::Award { activity, .. } = self {
            map.put(48, activity);
        }
        map.put_optional(49, self.quantity().as_ref());
        match self {
            Body::Redeem { item, .. } => map.put(50, item),
            Body::Catalogue { after } => map.put_optional(50, after.as_ref()),
            Body::UseEntitlement { entitlement, .. } => map.put(51, entitlement),
            Body::MemberInquiry { after, .. } => map.put_optional(52, after.as_ref()),
            _ => {}
        }
    }

    /// The tender lines of a Load or CashTaken, and purchase lines wherever there are any, must add up to the amount.
    pub(super) fn check_sums(&self) -> Result<(), FormatError> {
        let (key, sum) = match (self, self.lines()) {
            (Body::Load { tenders, .. } | Body::CashTaken { tenders, .. }, _) => {
                (21, sum(tenders.iter().map(|line| line.amount.get())))
            }
            (_, Some(lines)) => (22, sum(lines.iter().map(|line| line.gross.get()))),
            _ => return Ok(()),
        };
        if sum == self.amount().map(AmountMinor::get) {
            Ok(())
        } else {
            Err(FormatError::at(Part::Request, key, Problem::Sum))
        }
    }
}

fn sum(mut amounts: impl Iterator<Item = i64>) -> Option<i64> {
    amounts.try_fold(0_i64, i64::checked_add)
}
