//! Requests (section 5): the payload that a terminal signs, and the sidecar beside it.
//!
//! ```
//! use protocol::field::{AmountMinor, CardReference, Currency, Generation, KeyId, Stan, TerminalTime};
//! use protocol::request::{Body, Header, Request};
//!
//! let header = Header::value(
//!     "T0001".parse().unwrap(),
//!     Generation::FIRST,
//!     Stan::new(7).unwrap(),
//!     KeyId([1, 2, 3, 4]),
//!     TerminalTime::new(1_790_000_000, 480).unwrap(),
//! );
//! let purchase = Request {
//!     header: Header { currency: Currency::new(156), ..header },
//!     body: Body::Purchase {
//!         card: CardReference::from_parts(1).unwrap(),
//!         amount: AmountMinor::new(12_50).unwrap(),
//!         tenders: None,
//!         lines: None,
//!         points: None,
//!     },
//! };
//! let payload = purchase.encode_payload();
//! assert_eq!(Request::decode_payload(purchase.kind(), &payload).unwrap(), purchase);
//! ```

mod body;
mod fields;
mod header;
mod rules;
mod sidecar;

pub use body::{Body, LastReceipt, MAX_RECEIPT};
pub use header::{Header, Identity, Reserved};
pub use rules::key_name;
pub(crate) use rules::may_have_key;
pub use sidecar::{BIRTHDAY, MAX_PERSONAL_FIELDS, PHONE, PersonalFields, RequestSidecar, SALT};

use alloc::vec::Vec;

use crate::cbor::{Map, Writer};
use crate::error::{FormatError, Part, Problem};
use crate::frame::MessageType;

/// The schema version of this crate (key 0).
pub const SCHEMA_VERSION: u64 = 1;

/// One request: what every message carries, and what its kind adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who, when and how.
    pub header: Header,
    /// What.
    pub body: Body,
}

impl Request {
    /// The message type, in the frame and in key 1.
    pub fn kind(&self) -> MessageType {
        self.body.kind()
    }

    /// The payload to sign, in the one encoding that it has.
    ///
    /// It does not look at which keys the message may have; [`Request::check`] does.
    pub fn encode_payload(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(192);
        let mut map = Map::open(&mut writer);
        map.put(0, &SCHEMA_VERSION);
        map.put(1, &self.kind().0);
        self.header.write_before_card(&mut map);
        map.put_optional(12, self.body.card().as_ref());
        self.header.write_after_card(&mut map);
        self.body.write(&mut map);
        self.header.write_reserved(&mut map);
        self.body.write_member(&mut map);
        map.close();
        writer.finish()
    }

    /// Checks and decodes a payload that came in a frame of type `kind`.
    ///
    /// Checked here: encoding (section 3), every field's type and range, the table of section 5.1, and that lines add
    /// up. Keys from 100 are accepted and left out of the result; the payload itself must be kept for the journal.
    pub fn decode_payload(kind: MessageType, payload: &[u8]) -> Result<Request, FormatError> {
        if !kind.is_request() {
            return Err(FormatError::whole(Part::Request, Problem::NoRequest));
        }
        let (fields, present) = fields::read(kind, payload)?;
        rules::check_keys(kind, present)?;
        let request = fields.into_request(kind)?;
        request.body.check_sums()?;
        Ok(request)
    }

    /// Whether a gateway would accept the format: the table of section 5.1 and the sums.
    pub fn check(&self) -> Result<(), FormatError> {
        Request::decode_payload(self.kind(), &self.encode_payload()).map(|_| ())
    }
}
