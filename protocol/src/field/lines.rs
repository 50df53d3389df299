//! The composite fields: tender lines, purchase lines, totals, and answers to questions.

use minicbor::Decoder;
use minicbor::data::Type;

use super::kinds::TenderKind;
use super::list::List;
use super::number::{AmountMinor, GrossMinor, QuantityThousandths, TotalMinor};
use super::text::{Code, Text};
use crate::cbor::{Item, Writer, expect_array, read_array_head};
use crate::error::Problem;
use crate::frame::MessageType;

/// Tender lines in one request, at most.
pub const MAX_TENDER_LINES: usize = 8;
/// Purchase lines in one request, at most; the largest Purchase still fits in a frame (section 14).
pub const MAX_PURCHASE_LINES: usize = 24;
/// Totals in one Reconciliation, at most.
pub const MAX_TOTALS: usize = 16;
/// Survey or activity answers in one request, at most.
pub const MAX_ANSWERS: usize = 6;

/// Key 21.
pub type TenderLines = List<TenderLine, 1, MAX_TENDER_LINES>;
/// Key 22.
pub type PurchaseLines = List<PurchaseLine, 1, MAX_PURCHASE_LINES>;
/// Keys 44 and 45.
pub type QuestionAnswers = List<Question, 1, MAX_ANSWERS>;

/// One means of payment and its part of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenderLine {
    /// What paid.
    pub kind: TenderKind,
    /// How much, in minor units.
    pub amount: AmountMinor,
    /// The other system's reference, such as an authorisation code.
    pub reference: Option<Text<32>>,
}

impl Item for TenderLine {
    fn write(&self, writer: &mut Writer) {
        writer.array(if self.reference.is_some() { 3 } else { 2 });
        self.kind.write(writer);
        self.amount.write(writer);
        if let Some(reference) = &self.reference {
            reference.write(writer);
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let items = read_array_head(decoder)?;
        if items != 2 && items != 3 {
            return Err(Problem::WrongLength);
        }
        Ok(TenderLine {
            kind: Item::read(decoder)?,
            amount: Item::read(decoder)?,
            reference: if items == 3 { Some(Item::read(decoder)?) } else { None },
        })
    }
}

/// One line of a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseLine {
    /// Article number.
    pub item: Code<24>,
    /// Category that programme rules may name.
    pub category: Code<16>,
    /// Brand that programme rules may name.
    pub brand: Option<Code<16>>,
    /// In thousandths: 1000 is one piece or one kilogram.
    pub quantity: QuantityThousandths,
    /// In minor units.
    pub gross: GrossMinor,
    /// Kept; no bit has a meaning yet.
    pub flags: u32,
}

impl Item for PurchaseLine {
    fn write(&self, writer: &mut Writer) {
        writer.array(6);
        self.item.write(writer);
        self.category.write(writer);
        self.brand.write(writer);
        self.quantity.write(writer);
        self.gross.write(writer);
        self.flags.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 6)?;
        Ok(PurchaseLine {
            item: Item::read(decoder)?,
            category: Item::read(decoder)?,
            brand: Item::read(decoder)?,
            quantity: Item::read(decoder)?,
            gross: Item::read(decoder)?,
            flags: Item::read(decoder)?,
        })
    }
}

/// What one side counted for one kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// What counts in a shift: [`MessageType::counts_in_shift`].
    pub kind: MessageType,
    /// Number of live, approved transactions.
    pub count: u32,
    /// The sum of their approved amounts, in minor units.
    pub amount: TotalMinor,
}

impl Item for Total {
    fn write(&self, writer: &mut Writer) {
        writer.array(3);
        self.kind.0.write(writer);
        self.count.write(writer);
        self.amount.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 3)?;
        Ok(Total {
            kind: MessageType(Item::read(decoder)?),
            count: Item::read(decoder)?,
            amount: Item::read(decoder)?,
        })
    }
}

/// Totals in rising order of message kind, none twice (keys 24 and 17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals(List<Total, 0, MAX_TOTALS>);

impl Totals {
    /// `None` when there are more than [`MAX_TOTALS`] or the kinds do not rise.
    pub fn new(totals: alloc::vec::Vec<Total>) -> Option<Self> {
        List::new(totals).filter(|totals| rising(totals)).map(Totals)
    }

    /// The totals.
    pub fn as_slice(&self) -> &[Total] {
        &self.0
    }
}

fn rising(totals: &[Total]) -> bool {
    totals.is_sorted_by(|earlier, later| earlier.kind < later.kind)
}

impl Item for Totals {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let totals = List::read(decoder)?;
        if rising(&totals) { Ok(Totals(totals)) } else { Err(Problem::Order) }
    }
}

/// A question and what the customer answered (keys 44 and 45, reserved).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which question.
    pub question: Code<16>,
    /// The answer.
    pub answer: QuestionAnswer,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionAnswer {
    /// A number.
    Number(i64),
    /// Text.
    Text(Text<32>),
}

impl Item for Question {
    fn write(&self, writer: &mut Writer) {
        writer.array(2);
        self.question.write(writer);
        match &self.answer {
            QuestionAnswer::Number(number) => number.write(writer),
            QuestionAnswer::Text(text) => text.write(writer),
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 2)?;
        let question = Item::read(decoder)?;
        let answer = match decoder.datatype() {
            Ok(Type::String) => QuestionAnswer::Text(Item::read(decoder)?),
            _ => QuestionAnswer::Number(Item::read(decoder)?),
        };
        Ok(Question { question, answer })
    }
}
