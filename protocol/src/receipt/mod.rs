//! Receipts (section 8): what proves that the gateway decided a request, and at which place of its journal. And the other
//! things that it signs for a terminal: status (section 8.3) and offline grant (section 9.1).

mod file;
mod grant;
mod seal;
mod status;

pub use file::{CheckedFile, ReceiptFile};
pub use grant::{Grant, GrantLimits, MAX_GRANT};
pub use seal::{Seal, SealHeader};
pub use status::Status;

use alloc::vec::Vec;
use core::fmt;

use minicbor::Decoder;

use crate::answer::Answer;
use crate::cbor::{Item, Writer, expect_array, expect_uint, read_array_head, read_bytes, read_map_head};
use crate::cose::{Context, Sign1, sig_structure};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Hash, Installation, RequestId};
use crate::{Sha256, Signature, Verify, merkle, strict};

/// The longest inclusion path: a write group has at most 2^16 leaves.
pub const MAX_PATH: usize = 16;

/// The label of the proofs in the unprotected header (RFC 9942).
const PROOFS: u64 = 396;
/// The label of inclusion proofs among the proofs.
const INCLUSION: i64 = -1;

/// The leaf data of a journal entry: what a receipt proves to be in the journal.
///
/// `answer_hash` is 32 zero bytes for an entry that has no answer.
pub fn entry_leaf(request_id: &RequestId, answer_hash: &Hash, details_hash: &Hash) -> Vec<u8> {
    let mut writer = Writer::with_capacity(104);
    writer.array(4).uint(1).bytes(&request_id.0).bytes(&answer_hash.0).bytes(&details_hash.0);
    writer.finish()
}

/// A seal's signature with the path to one leaf: a COSE receipt with a detached payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The signed header of the group's seal.
    pub seal: SealHeader,
    /// Leaves in the group's tree, with leaf 0.
    pub tree_size: u64,
    /// Which leaf, from 1.
    pub leaf_index: u64,
    /// From the leaf up; at most [`MAX_PATH`].
    pub path: Vec<Hash>,
    /// The gateway's signature over the root.
    pub signature: Signature,
}

impl Receipt {
    /// The encoded receipt.
    pub fn encode(&self) -> Vec<u8> {
        let mut proof = Writer::with_capacity(self.path.len().saturating_mul(34).saturating_add(24));
        proof.array(3).uint(self.tree_size).uint(self.leaf_index).array(self.path.len());
        for hash in &self.path {
            proof.bytes(&hash.0);
        }

        let mut unprotected = Writer::new();
        unprotected.map(1).uint(PROOFS).map(1).int(INCLUSION).array(1).bytes(&proof.finish());
        let protected = self.seal.encode();
        let unprotected = unprotected.finish();
        let sign1 = Sign1 {
            protected: &protected,
            unprotected: &unprotected,
            payload: None,
            signature: &self.signature,
        };
        sign1.encode()
    }

    /// Checks the encoding and takes the receipt apart; verifies nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let sign1 = Sign1::parse(bytes)?;
        let fail = |problem| FormatError::whole(Part::Receipt, problem);
        if sign1.payload.is_some() {
            return Err(fail(Problem::Forbidden));
        }
        let seal = SealHeader::decode(sign1.protected)?;
        let (tree_size, leaf_index, path) =
            read_unprotected(&mut Decoder::new(sign1.unprotected)).map_err(fail)?;
        Ok(Receipt { seal, tree_size, leaf_index, path, signature: *sign1.signature })
    }

    /// The index of the journal entry: `first index + leaf index - 1`; `None` for leaf 0, which is no entry.
    pub fn index(&self) -> Option<u64> {
        self.seal.first_index.checked_add(self.leaf_index.checked_sub(1)?)
    }

    /// Steps 2 and 3 of section 8.2: whether the gateway sealed an entry of these hashes in that group.
    ///
    /// The signed header says how large the tree is, and so binds the shape of the path, and with it the index.
    pub fn verify(
        &self,
        entry_leaf: &[u8],
        installation: &Installation,
        sha256: Sha256,
        verify: Verify<'_>,
    ) -> Result<CheckedReceipt, ReceiptError> {
        let index = self.index().ok_or(ReceiptError::Path)?;
        if self.seal.tree_size() != Some(self.tree_size) {
            return Err(ReceiptError::Path);
        }
        let leaf_hash = merkle::leaf_hash(entry_leaf, sha256);
        let root = merkle::root_from_path(self.leaf_index, self.tree_size, &leaf_hash, &self.path, sha256)
            .ok_or(ReceiptError::Path)?;
        let signed = sig_structure(Context::Seal, installation, &self.seal.encode(), &root.0);
        if !verify(&signed, &self.signature) {
            return Err(ReceiptError::Signature);
        }
        Ok(CheckedReceipt { seal: self.seal, index })
    }
}

fn read_unprotected(decoder: &mut Decoder<'_>) -> Result<(u64, u64, Vec<Hash>), Problem> {
    if read_map_head(decoder)? != 1 {
        return Err(Problem::WrongLength);
    }
    expect_uint(decoder, PROOFS)?;
    if read_map_head(decoder)? != 1 {
        return Err(Problem::WrongLength);
    }
    if i64::read(decoder)? != INCLUSION {
        return Err(Problem::Mismatch);
    }
    expect_array(decoder, 1)?;
    let proof = read_bytes(decoder)?;
    strict::check(proof)?;
    read_proof(&mut Decoder::new(proof))
}

fn read_proof(decoder: &mut Decoder<'_>) -> Result<(u64, u64, Vec<Hash>), Problem> {
    expect_array(decoder, 3)?;
    let (tree_size, leaf_index) = (u64::read(decoder)?, u64::read(decoder)?);
    let count = usize::try_from(read_array_head(decoder)?).map_err(|_| Problem::WrongLength)?;
    if count > MAX_PATH {
        return Err(Problem::WrongLength);
    }
    let path = (0..count).map(|_| Hash::read(decoder)).collect::<Result<_, _>>()?;
    Ok((tree_size, leaf_index, path))
}

/// What a terminal holds about one of its transactions.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Computed from the signed bytes, never taken from the gateway.
    pub request_id: &'a RequestId,
    /// The answer's body.
    pub answer: &'a [u8],
    /// From the answer's sidecar.
    pub details_hash: &'a Hash,
    /// From the answer's sidecar.
    pub receipt: &'a [u8],
}

/// Where the journal has an entry, as signed by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedReceipt {
    /// The seal of its write group.
    pub seal: SealHeader,
    /// The index of the entry: the answer's reference.
    pub index: u64,
}

/// All four steps of section 8.2. `verify` verifies with the gateway's key.
pub fn check(
    evidence: &Evidence<'_>,
    installation: &Installation,
    sha256: Sha256,
    verify: Verify<'_>,
) -> Result<CheckedReceipt, ReceiptError> {
    let answer_hash = Hash(sha256(&[evidence.answer]));
    let leaf = entry_leaf(evidence.request_id, &answer_hash, evidence.details_hash);
    let checked = Receipt::parse(evidence.receipt)?.verify(&leaf, installation, sha256, verify)?;
    if Answer::decode(evidence.answer)?.reference != Some(checked.index) {
        return Err(ReceiptError::Reference);
    }
    Ok(checked)
}

/// Why a receipt, a status or an offline grant proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// It is none.
    Format(FormatError),
    /// The path does not fit the tree, or the leaf is not an entry.
    Path,
    /// The signature does not verify: not this entry, not this installation, or not this key.
    Signature,
    /// The answer names another journal entry.
    Reference,
    /// The status is about another request.
    OtherRequest,
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReceiptError::Format(error) => return error.fmt(f),
            ReceiptError::Path => "inclusion path does not fit the tree",
            ReceiptError::Signature => "signature does not verify",
            ReceiptError::Reference => "answer names another journal entry",
            ReceiptError::OtherRequest => "status is about another request",
        })
    }
}

impl core::error::Error for ReceiptError {}

impl From<FormatError> for ReceiptError {
    fn from(error: FormatError) -> Self {
        ReceiptError::Format(error)
    }
}
