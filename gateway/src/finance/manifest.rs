//! The manifest: what an export holds, what it began and ended with, and where it ends in the journal, signed by the gateway
//! (PROTOCOL.md section 13.1). `manifest.cbor` is what is signed; `manifest.json` says the same for people.

use std::collections::BTreeMap;

use minicbor::{Decoder, Encoder};
use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::Installation;
use serde_json::{Map, Value, json};

use super::book::{Balance, Book, Commodity, shown};
use super::files::dashed;
use crate::journal::record::{RecordError, written};
use crate::journal::seal::CHAIN;
use crate::journal::{fixed, optional, optionally};
use crate::keys::{SigningKey, fingerprint, hex};
use crate::plain::plain;

/// The signed manifest.
pub const MANIFEST: &str = "manifest.cbor";
/// The same for people.
pub const MANIFEST_READABLE: &str = "manifest.json";
const VERSION: u8 = 1;

/// A place in the journal: an entry, and the seal of the group that it is in. All zero before the first entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct End {
    pub index: u64,
    /// The seal, whole; empty before the first entry.
    pub seal: Vec<u8>,
}

/// A file of the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    pub name: String,
    pub length: u64,
    pub sha256: [u8; 32],
}

/// Everything that the gateway signs about an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub installation: [u8; 16],
    /// SubjectPublicKeyInfo of the key that signs.
    pub key: Vec<u8>,
    /// Business dates, YYYYMMDD.
    pub from: u32,
    pub to: u32,
    /// When only one store's entries are in it.
    pub store: Option<String>,
    /// A later business date has begun: no entry of this period can follow.
    pub complete: bool,
    /// Where the entries before the period end.
    pub before: End,
    /// Where the period ends; the same as `before` when it has no entry.
    pub end: End,
    /// By name.
    pub files: Vec<FileLine>,
    /// The roll-forward.
    pub book: Book,
    /// Entries by kind.
    pub kinds: BTreeMap<String, u64>,
}

/// A manifest's signed bytes, taken apart. Nothing is verified yet.
#[derive(Debug, Clone)]
pub struct Signed {
    pub manifest: Manifest,
    /// What was signed.
    pub message: Vec<u8>,
    pub signature: [u8; 64],
}

impl Manifest {
    /// Which export it is, in words.
    pub(super) fn about(&self) -> String {
        let store = self.store.as_ref().map_or("all stores".to_owned(), |store| format!("store {store}"));
        let store = plain(&store);
        format!("{} to {}, {store}, up to entry {}", dashed(self.from), dashed(self.to), self.end.index)
    }

    /// Which export it is, and in what it differs from the one that was to be put in its place.
    pub(super) fn beside(&self, wanted: &Self) -> String {
        let names = |of: &Self| of.files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        let why = if (self.installation, &self.key) != (wanted.installation, &wanted.key) {
            "of another gateway"
        } else if (self.from, self.to, &self.store) != (wanted.from, wanted.to, &wanted.store) {
            "which is not what is asked for"
        } else if self.end.index < wanted.end.index || self.complete != wanted.complete {
            "taken before the last business date was closed, and more has been booked since"
        } else if names(self) != names(wanted) {
            "in other formats"
        } else {
            "with other names of accounts, or other contents"
        };
        format!("{}, {why}", self.about())
    }

    /// Index of the first entry; one above the last where there is none.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.before.index.saturating_add(1)
    }

    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        written(|e| {
            e.map(13)?.u8(0)?.u8(VERSION)?.u8(1)?.bytes(&self.installation)?.u8(2)?.u64(CHAIN)?;
            e.u8(3)?.bytes(&self.key)?.u8(4)?.u32(self.from)?.u8(5)?.u32(self.to)?.u8(6)?;
            optional(e, self.store.as_deref(), |e, store| e.str(store).map(drop))?;
            e.u8(7)?.bool(self.complete)?;
            for (key, end) in [(8, &self.before), (9, &self.end)] {
                e.u8(key)?.array(2)?.u64(end.index)?.bytes(&end.seal)?;
            }
            e.u8(10)?.array(self.files.len() as u64)?;
            for file in &self.files {
                e.array(3)?.str(&file.name)?.u64(file.length)?.bytes(&file.sha256)?;
            }
            e.u8(11)?;
            encode_balances(e, &self.book)?;
            e.u8(12)?.array(self.kinds.len() as u64)?;
            self.kinds.iter().try_for_each(|(kind, count)| e.array(2)?.str(kind)?.u64(*count)?.ok())
        })
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When it is no manifest of this version, or not in its one encoding.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let manifest = Self::decode_parts(&mut Decoder::new(payload))?;
        if manifest.encode() == payload {
            Ok(manifest)
        } else {
            Err(wrong("another encoding than a manifest has").into())
        }
    }

    fn decode_parts(d: &mut Decoder<'_>) -> Decoded<Self> {
        if d.map()? != Some(13) {
            return Err(wrong("not a manifest"));
        }
        key(d, 0)?;
        if d.u8()? != VERSION {
            return Err(wrong("a manifest of another version"));
        }
        key(d, 1)?;
        let installation = fixed(d)?;
        key(d, 2)?;
        d.u64()?;
        key(d, 3)?;
        let public_key = d.bytes()?.to_vec();
        key(d, 4)?;
        let from = d.u32()?;
        key(d, 5)?;
        let to = d.u32()?;
        key(d, 6)?;
        let store = optionally(d, |d| d.str().map(str::to_owned))?;
        key(d, 7)?;
        let complete = d.bool()?;
        key(d, 8)?;
        let before = decode_end(d)?;
        key(d, 9)?;
        let end = decode_end(d)?;
        key(d, 10)?;
        let files = each(d, |d| {
            d.array()?;
            Ok(FileLine { name: d.str()?.into(), length: d.u64()?, sha256: fixed(d)? })
        })?;
        key(d, 11)?;
        let balances = each(d, decode_balance)?.into_iter().collect();
        key(d, 12)?;
        let kinds = each(d, |d| {
            d.array()?;
            Ok((d.str()?.to_owned(), d.u64()?))
        })?;
        let (book, kinds) = (Book { balances }, kinds.into_iter().collect());
        Ok(Self { installation, key: public_key, from, to, store, complete, before, end, files, book, kinds })
    }

    /// The signed form.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let payload = self.encode();
        let protected = Algorithm::Es256.protected_header();
        let message =
            sig_structure(Context::Manifest, &Installation(self.installation), &protected, &payload);
        let signature = key.sign(&message);
        Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(&payload),
            signature: &signature,
        }
        .encode()
    }

    /// For people: the same, with amounts in units.
    #[must_use]
    pub fn readable(&self) -> String {
        let end =
            |end: &End| json!({ "index": end.index, "seal_sha256": seal_hash(end), "seal": hex(&end.seal) });
        let files = self
            .files
            .iter()
            .map(|file| json!({ "name": file.name, "length": file.length, "sha256": hex(&file.sha256) }));
        let accounts = self.book.balances.iter().map(|((account, commodity), balance)| {
            let text = |amount: i64| shown(amount, commodity.exponent);
            json!({ "account": account, "commodity": commodity.name, "decimals": commodity.exponent,
                "opening": text(balance.opening), "debit": text(balance.debit), "credit": text(balance.credit),
                "closing": balance.closing().map(text) })
        });
        let kinds: Map<String, Value> =
            self.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
        let value = json!({
            "version": VERSION,
            "installation": hex(&self.installation),
            "key": hex(&self.key),
            "fingerprint": hex(&fingerprint(&self.key)),
            "from": dashed(self.from),
            "to": dashed(self.to),
            "store": self.store,
            "complete": self.complete,
            "before": end(&self.before),
            "first_index": self.first_index(),
            "end": end(&self.end),
            "files": files.collect::<Vec<_>>(),
            "accounts": accounts.collect::<Vec<_>>(),
            "entries": kinds,
        });
        format!("{value:#}\n")
    }
}

impl Signed {
    /// Takes `manifest.cbor` apart.
    ///
    /// # Errors
    /// When a byte of it is not as a signed manifest has it.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let sign1 = Sign1::parse(bytes).map_err(|_| wrong("not a signed manifest"))?;
        if sign1.protected != Algorithm::Es256.protected_header() || sign1.unprotected != EMPTY_MAP {
            return Err(wrong("other headers than a manifest has").into());
        }
        let payload = sign1.payload.ok_or_else(|| wrong("no payload"))?;
        let manifest = Manifest::decode(payload)?;
        let installation = Installation(manifest.installation);
        let message = sig_structure(Context::Manifest, &installation, sign1.protected, payload);
        Ok(Self { manifest, message, signature: *sign1.signature })
    }
}

/// SHA-256 of an end's seal in hex, as anchors have it; empty before the first entry.
pub(super) fn seal_hash(end: &End) -> String {
    if end.seal.is_empty() { String::new() } else { hex(&crate::journal::sha256(&[&end.seal])) }
}

type Decoded<T> = Result<T, minicbor::decode::Error>;

fn wrong(what: &'static str) -> minicbor::decode::Error {
    minicbor::decode::Error::message(what)
}

fn key(d: &mut Decoder<'_>, expected: u8) -> Decoded<()> {
    if d.u8()? == expected { Ok(()) } else { Err(wrong("another key than a manifest has there")) }
}

fn each<T>(d: &mut Decoder<'_>, mut one: impl FnMut(&mut Decoder<'_>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = d.array()?.ok_or_else(|| wrong("an array of no length"))?;
    (0..count).map(|_| one(d)).collect()
}

fn encode_balances(
    e: &mut Encoder<Vec<u8>>,
    book: &Book,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    e.array(book.balances.len() as u64)?;
    for ((account, commodity), balance) in &book.balances {
        e.array(6)?.str(account)?.str(&commodity.name)?.u8(commodity.exponent)?;
        e.i64(balance.opening)?.i64(balance.debit)?.i64(balance.credit)?;
    }
    e.ok()
}

fn decode_balance(d: &mut Decoder<'_>) -> Decoded<((String, Commodity), Balance)> {
    d.array()?;
    let (account, name, exponent) = (d.str()?.to_owned(), d.str()?.to_owned(), d.u8()?);
    let balance = Balance { opening: d.i64()?, debit: d.i64()?, credit: d.i64()? };
    Ok(((account, Commodity { name, exponent }), balance))
}

fn decode_end(d: &mut Decoder<'_>) -> Decoded<End> {
    d.array()?;
    Ok(End { index: d.u64()?, seal: d.bytes()?.to_vec() })
}
