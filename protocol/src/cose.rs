//! COSE_Sign1 (section 4): what is signed, and the untagged array around it.

use alloc::vec::Vec;
use core::fmt;

use minicbor::Decoder;

use crate::cbor::{Writer, expect_array, read_bytes, read_map_head, take_null};
use crate::error::{FormatError, Part, Problem};
use crate::field::Installation;
use crate::frame::MessageType;
use crate::{Signature, strict};

/// The algorithm of a signature; fixed by the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; r and s of 32 bytes each.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The COSE number: -7 or -8.
    pub const fn number(self) -> i8 {
        match self {
            Algorithm::Es256 => -7,
            Algorithm::EdDsa => -8,
        }
    }

    /// The protected header that names this algorithm and nothing else: of requests, status, operator acts and
    /// offline grants.
    pub const fn protected_header(self) -> [u8; 3] {
        match self {
            Algorithm::Es256 => [0xa1, 0x01, 0x26],
            Algorithm::EdDsa => [0xa1, 0x01, 0x27],
        }
    }

    /// The algorithm of such a header; `None` for every other header.
    pub fn from_protected_header(header: &[u8]) -> Option<Self> {
        [Algorithm::Es256, Algorithm::EdDsa]
            .into_iter()
            .find(|algorithm| header == algorithm.protected_header())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        })
    }
}

/// What a signature is for: no signature of one kind can stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A terminal's request, with its message type.
    Request(MessageType),
    /// The gateway's seal of a write group.
    Seal,
    /// The gateway's word on a transaction's present state.
    Status,
    /// An operator's act.
    Act,
    /// What the gateway lets a terminal approve by itself.
    Grant,
    /// What an export for finance holds.
    Manifest,
    /// What a file of the archive holds.
    Archive,
}

impl Context {
    /// The context string.
    pub const fn text(self) -> &'static str {
        match self {
            Context::Request(_) => "svgp.request",
            Context::Seal => "svgp.seal",
            Context::Status => "svgp.status",
            Context::Act => "svgp.act",
            Context::Grant => "svgp.grant",
            Context::Manifest => "svgp.manifest",
            Context::Archive => "svgp.archive",
        }
    }

    /// The direction: 0 to the gateway, 1 from the gateway, 2 from an operator.
    pub const fn direction(self) -> u8 {
        match self {
            Context::Request(_) => 0,
            Context::Seal | Context::Status | Context::Grant | Context::Manifest | Context::Archive => 1,
            Context::Act => 2,
        }
    }

    /// The message type; 0 where there is none.
    pub const fn message_type(self) -> u8 {
        match self {
            Context::Request(kind) => kind.0,
            _ => 0,
        }
    }
}

/// The bytes that are signed: the Sig_structure of section 4.
pub fn sig_structure(
    context: Context,
    installation: &Installation,
    protected: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut aad = Writer::with_capacity(40);
    aad.array(4).text(context.text()).bytes(&installation.0);
    aad.uint(u64::from(context.direction())).uint(u64::from(context.message_type()));
    let aad = aad.finish();

    let mut structure =
        Writer::with_capacity(protected.len().saturating_add(payload.len()).saturating_add(64));
    structure.array(4).text("Signature1").bytes(protected).bytes(&aad).bytes(payload);
    structure.finish()
}

/// A COSE_Sign1 whose parts are borrowed from its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign1<'a> {
    /// The protected header, encoded.
    pub protected: &'a [u8],
    /// The unprotected header, encoded: a map.
    pub unprotected: &'a [u8],
    /// The payload, or `None` when it is detached.
    pub payload: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a Signature,
}

/// The empty map.
pub const EMPTY_MAP: &[u8] = &[0xa0];

impl<'a> Sign1<'a> {
    /// Checks the encoding (section 3), that it is an untagged COSE_Sign1, and that the signature has 64 bytes.
    ///
    /// The protected header is checked to be a map in the same encoding; its meaning is the caller's part.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        Self::parse_parts(bytes).map_err(|problem| FormatError::whole(Part::Signed, problem))
    }

    /// The encoded array.
    pub fn encode(&self) -> Vec<u8> {
        let payload_length = self.payload.map_or(0, <[u8]>::len);
        let parts = [self.protected.len(), self.unprotected.len(), payload_length, 80];
        let mut writer = Writer::with_capacity(parts.into_iter().fold(0, usize::saturating_add));
        writer.array(4).bytes(self.protected).raw(self.unprotected);
        match self.payload {
            Some(payload) => writer.bytes(payload),
            None => writer.null(),
        };
        writer.bytes(self.signature);
        writer.finish()
    }

    fn parse_parts(bytes: &'a [u8]) -> Result<Self, Problem> {
        strict::check_cose(bytes)?;
        let mut decoder = Decoder::new(bytes);
        expect_array(&mut decoder, 4)?;
        let protected = read_bytes(&mut decoder)?;
        strict::check_cose(protected)?;
        read_map_head(&mut Decoder::new(protected))?;
        let start = decoder.position();
        read_map_head(&mut decoder.clone())?;
        decoder.skip().map_err(|_| Problem::WrongType)?;
        let unprotected = bytes.get(start..decoder.position()).ok_or(Problem::WrongType)?;
        let payload = if take_null(&mut decoder) { None } else { Some(read_bytes(&mut decoder)?) };
        let signature = read_bytes(&mut decoder)?.try_into().map_err(|_| Problem::WrongLength)?;
        Ok(Sign1 { protected, unprotected, payload, signature })
    }
}

/// A request's body, taken apart. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedRequest<'a> {
    /// The algorithm that the body names; it must be the enrolled key's.
    pub algorithm: Algorithm,
    /// The payload, not yet checked.
    pub payload: &'a [u8],
    /// The Sig_structure: verify the signature over it; its SHA-256 is the request id.
    pub to_be_signed: Vec<u8>,
    /// The signature.
    pub signature: &'a Signature,
}

/// Opens the body of a request frame of type `kind`.
///
/// The protected header must be one of the two of section 4, the unprotected header empty, the payload there.
pub fn open_request<'a>(
    body: &'a [u8],
    installation: &Installation,
    kind: MessageType,
) -> Result<OpenedRequest<'a>, FormatError> {
    let sign1 = Sign1::parse(body)?;
    let fail = |problem| FormatError::whole(Part::Signed, problem);
    let algorithm = Algorithm::from_protected_header(sign1.protected).ok_or(fail(Problem::Mismatch))?;
    if sign1.unprotected != EMPTY_MAP {
        return Err(fail(Problem::Mismatch));
    }
    let payload = sign1.payload.ok_or(fail(Problem::Missing))?;
    let to_be_signed = sig_structure(Context::Request(kind), installation, sign1.protected, payload);
    Ok(OpenedRequest { algorithm, payload, to_be_signed, signature: sign1.signature })
}

/// Signs a payload: the encoded COSE_Sign1 and the Sig_structure that was signed.
///
/// `sign` gets the Sig_structure and returns the raw signature; its error is passed on.
pub fn sign<E>(
    context: Context,
    algorithm: Algorithm,
    installation: &Installation,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<Signed, E> {
    let protected = algorithm.protected_header();
    let to_be_signed = sig_structure(context, installation, &protected, payload);
    let signature = sign(&to_be_signed)?;
    let sign1 = Sign1 {
        protected: &protected,
        unprotected: EMPTY_MAP,
        payload: Some(payload),
        signature: &signature,
    };
    Ok(Signed { body: sign1.encode(), to_be_signed })
}

/// What [`sign`] makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The encoded COSE_Sign1: a request's frame body.
    pub body: Vec<u8>,
    /// The Sig_structure; its SHA-256 is the request id.
    pub to_be_signed: Vec<u8>,
}
