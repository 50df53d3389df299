//! Every key of a request as it comes off the wire, before the message's own rules are known to hold.

use alloc::boxed::Box;

use minicbor::Decoder;

use super::body::{Body, LastReceipt};
use super::header::{Header, Reserved};
use super::rules::KeySet;
use super::{Request, SCHEMA_VERSION};
use crate::cbor::{Item, expect_uint, read_map};
use crate::error::{FormatError, Part, Problem};
use crate::field::{
    AmountMinor, Blob, CardReference, Code, Currency, EnrolmentCode, EntryMode, Fingerprint, Flags,
    Generation, KeyId, Nonce, Original, Points, ProgrammeDigest, ProtocolVersion, PurchaseLines, Quantity,
    QuoteId, Reason, Shift, Stan, TenderLines, TerminalId, TerminalTime, Text, Totals, UnixSeconds,
};
use crate::frame::MessageType;
use crate::receipt::MAX_GRANT;

/// The keys of section 5 but the first two, each there or not.
#[derive(Default)]
pub(super) struct Fields {
    terminal: Option<TerminalId>,
    generation: Option<Generation>,
    stan: Option<Stan>,
    key_id: Option<KeyId>,
    currency: Option<Currency>,
    time: Option<TerminalTime>,
    cashier: Option<Code<16>>,
    shift: Option<Shift>,
    order_reference: Option<Text<32>>,
    entry_mode: Option<EntryMode>,
    card: Option<CardReference>,
    flags: Option<Flags>,
    programme_shown: Option<ProgrammeDigest>,
    quote: Option<QuoteId>,
    nonce: Option<Nonce>,
    amount: Option<AmountMinor>,
    tenders: Option<TenderLines>,
    lines: Option<PurchaseLines>,
    original: Option<Original>,
    totals: Option<Totals>,
    reason: Option<Reason>,
    software: Option<Text<32>>,
    last_stan: Option<u32>,
    last_receipt: Option<LastReceipt>,
    code: Option<EnrolmentCode>,
    public_key: Option<Blob<128>>,
    gateway: Option<Fingerprint>,
    protocol_version: Option<ProtocolVersion>,
    to: Option<CardReference>,
    after_stan: Option<u32>,
    points: Option<Points>,
    grant: Option<Blob<MAX_GRANT>>,
    supervisor: Option<Code<16>>,
    reserved: Option<Box<Reserved>>,
    activity: Option<Code<24>>,
    quantity: Option<Quantity>,
    item: Option<Code<24>>,
    entitlement: Option<Code<24>>,
    after: Option<UnixSeconds>,
}

/// Checks the encoding, and reads every key with its type and range; says which keys were there.
pub(super) fn read(kind: MessageType, payload: &[u8]) -> Result<(Fields, KeySet), FormatError> {
    let mut fields = Fields::default();
    let mut present = KeySet::EMPTY;
    read_map(payload, Part::Request, |key, decoder| {
        present = present.with(key);
        match key {
            0 => expect_uint(decoder, SCHEMA_VERSION)?,
            1 => expect_uint(decoder, u64::from(kind.0))?,
            2..20 => return fields.read_header_key(key, decoder),
            20..40 => return fields.read_body_key(key, decoder),
            40..48 => fields.reserved.get_or_insert_default().read_key(key, decoder)?,
            _ => return fields.read_member_key(key, decoder),
        }
        Ok(true)
    })?;
    Ok((fields, present))
}

impl Fields {
    fn read_header_key(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            2 => self.terminal = Some(Item::read(decoder)?),
            3 => self.generation = Some(Item::read(decoder)?),
            4 => self.stan = Some(Item::read(decoder)?),
            5 => self.key_id = Some(Item::read(decoder)?),
            6 => self.currency = Some(Item::read(decoder)?),
            7 => self.time = Some(Item::read(decoder)?),
            8 => self.cashier = Some(Item::read(decoder)?),
            9 => self.shift = Some(Item::read(decoder)?),
            10 => self.order_reference = Some(Item::read(decoder)?),
            11 => self.entry_mode = Some(Item::read(decoder)?),
            12 => self.card = Some(Item::read(decoder)?),
            13 => self.flags = Some(Item::read(decoder)?),
            14 => self.programme_shown = Some(Item::read(decoder)?),
            15 => self.quote = Some(Item::read(decoder)?),
            16 => self.nonce = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_body_key(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            20 => self.amount = Some(Item::read(decoder)?),
            21 => self.tenders = Some(Item::read(decoder)?),
            22 => self.lines = Some(Item::read(decoder)?),
            23 => self.original = Some(Item::read(decoder)?),
            24 => self.totals = Some(Item::read(decoder)?),
            25 => self.reason = Some(Item::read(decoder)?),
            26 => self.software = Some(Item::read(decoder)?),
            27 => self.last_stan = Some(Item::read(decoder)?),
            28 => self.last_receipt = Some(Item::read(decoder)?),
            29 => self.code = Some(Item::read(decoder)?),
            30 => self.public_key = Some(Item::read(decoder)?),
            31 => self.gateway = Some(Item::read(decoder)?),
            32 => self.protocol_version = Some(Item::read(decoder)?),
            33 => self.to = Some(Item::read(decoder)?),
            34 => self.after_stan = Some(Item::read(decoder)?),
            35 => self.points = Some(Item::read(decoder)?),
            36 => self.grant = Some(Item::read(decoder)?),
            37 => self.supervisor = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_member_key(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            48 => self.activity = Some(Item::read(decoder)?),
            49 => self.quantity = Some(Item::read(decoder)?),
            50 => self.item = Some(Item::read(decoder)?),
            51 => self.entitlement = Some(Item::read(decoder)?),
            52 => self.after = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Builds the request; a field that its kind needs and the rules let through missing is still an error here.
    pub(super) fn into_request(self, kind: MessageType) -> Result<Request, FormatError> {
        let header = Header {
            terminal: need(self.terminal, 2)?,
            generation: self.generation,
            stan: self.stan,
            key_id: need(self.key_id, 5)?,
            currency: self.currency,
            time: need(self.time, 7)?,
            cashier: self.cashier,
            shift: self.shift,
            order_reference: self.order_reference,
            entry_mode: self.entry_mode,
            flags: self.flags,
            programme_shown: self.programme_shown,
            quote: self.quote,
            nonce: self.nonce,
            reserved: self.reserved,
        };
        let (card, amount) = (self.card, self.amount);
        let body = match kind {
            MessageType::ENROLL => Body::Enroll {
                software: need(self.software, 26)?,
                code: need(self.code, 29)?,
                public_key: need(self.public_key, 30)?,
                gateway: need(self.gateway, 31)?,
                protocol_version: need(self.protocol_version, 32)?,
            },
            MessageType::SIGN_ON => Body::SignOn {
                software: need(self.software, 26)?,
                last_stan: need(self.last_stan, 27)?,
                last_receipt: self.last_receipt,
                protocol_version: need(self.protocol_version, 32)?,
            },
            MessageType::SIGN_OFF => Body::SignOff,
            MessageType::ECHO => Body::Echo,
            MessageType::ACTIVATE => Body::Activate { card: need(card, 12)? },
            MessageType::LOAD_QUOTE => Body::LoadQuote { card: need(card, 12)?, amount: need(amount, 20)? },
            MessageType::LOAD => Body::Load {
                card: need(card, 12)?,
                amount: need(amount, 20)?,
                tenders: need(self.tenders, 21)?,
            },
            MessageType::PURCHASE => Body::Purchase {
                card: need(card, 12)?,
                amount: need(amount, 20)?,
                tenders: self.tenders,
                lines: self.lines,
                points: self.points,
            },
            MessageType::BALANCE_INQUIRY => Body::BalanceInquiry { card: need(card, 12)? },
            MessageType::REVERSAL => {
                Body::Reversal { original: need(self.original, 23)?, reason: need(self.reason, 25)? }
            }
            MessageType::TRANSACTION_STATUS => Body::TransactionStatus { original: need(self.original, 23)? },
            MessageType::RECONCILIATION => Body::Reconciliation { totals: need(self.totals, 24)? },
            MessageType::REFUND => Body::Refund {
                amount: need(amount, 20)?,
                lines: self.lines,
                original: need(self.original, 23)?,
                reason: self.reason,
                supervisor: self.supervisor,
            },
            MessageType::VOID => Body::Void {
                original: need(self.original, 23)?,
                reason: self.reason,
                supervisor: self.supervisor,
            },
            MessageType::AUTHORIZE => {
                Body::Authorize { card: need(card, 12)?, amount: need(amount, 20)?, raises: self.original }
            }
            MessageType::CAPTURE => Body::Capture {
                amount: need(amount, 20)?,
                tenders: self.tenders,
                lines: self.lines,
                original: need(self.original, 23)?,
            },
            MessageType::PURCHASE_QUOTE => Body::PurchaseQuote {
                card: need(card, 12)?,
                amount: need(amount, 20)?,
                lines: self.lines,
                points: self.points,
            },
            MessageType::TRANSFER => {
                Body::Transfer { card: need(card, 12)?, to: need(self.to, 33)?, amount: need(amount, 20)? }
            }
            MessageType::SHIFT_REPORT => Body::ShiftReport { after: need(self.after_stan, 34)? },
            MessageType::UNLOAD => Body::Unload {
                card: need(card, 12)?,
                amount: need(amount, 20)?,
                reason: self.reason,
                supervisor: self.supervisor,
            },
            MessageType::CHANGE_PIN => Body::ChangePin { card: need(card, 12)? },
            MessageType::CASH_TAKEN => Body::CashTaken {
                card,
                amount: need(amount, 20)?,
                tenders: need(self.tenders, 21)?,
                original: self.original,
                reason: need(self.reason, 25)?,
            },
            MessageType::ADVICE => Body::Advice {
                card: need(card, 12)?,
                amount: need(amount, 20)?,
                tenders: self.tenders,
                lines: self.lines,
                grant: need(self.grant, 36)?,
            },
            MessageType::CASHIER_SIGN_ON => Body::CashierSignOn,
            MessageType::CARD_LOOKUP => Body::CardLookup,
            MessageType::JOIN => Body::Join { card: need(card, 12)? },
            MessageType::AWARD => Body::Award {
                card: need(card, 12)?,
                activity: need(self.activity, 48)?,
                quantity: self.quantity,
            },
            MessageType::REDEEM => {
                Body::Redeem { card: need(card, 12)?, quantity: self.quantity, item: need(self.item, 50)? }
            }
            MessageType::USE_ENTITLEMENT => Body::UseEntitlement {
                card: need(card, 12)?,
                quantity: self.quantity,
                entitlement: need(self.entitlement, 51)?,
            },
            MessageType::MEMBER_INQUIRY => Body::MemberInquiry { card: need(card, 12)?, after: self.after },
            MessageType::CATALOGUE => Body::Catalogue { after: self.item },
            _ => return Err(FormatError::whole(Part::Request, Problem::NoRequest)),
        };
        Ok(Request { header, body })
    }
}

impl Reserved {
    fn read_key(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<(), Problem> {
        match key {
            40 => self.referral = Some(Item::read(decoder)?),
            41 => self.channel = Some(Item::read(decoder)?),
            42 => self.customer_kind = Some(Item::read(decoder)?),
            43 => self.receipt_date = Some(Item::read(decoder)?),
            44 => self.survey = Some(Item::read(decoder)?),
            45 => self.activity = Some(Item::read(decoder)?),
            46 => self.case_reference = Some(Item::read(decoder)?),
            _ => self.personal_commitment = Some(Item::read(decoder)?),
        }
        Ok(())
    }
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::Request, key, Problem::Missing))
}
