"""Keys, COSE_Sign1, Merkle trees, receipts and status (PROTOCOL.md sections 4 and 8)."""

import functools
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from codec import Malformed, decode, encode, need

ES256, EDDSA = "ES256", "EdDSA"
PROTECTED = {ES256: bytes.fromhex("a10126"), EDDSA: bytes.fromhex("a10127")}
ZERO = bytes(32)


class BadSignature(Exception):
    """A signature, a receipt or a pinned key that does not hold."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def spki_of(public_key) -> bytes:
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Key:
    """A private key of one of the two algorithms."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.private = ec.generate_private_key(ec.SECP256R1()) if algorithm == ES256 else ed25519.Ed25519PrivateKey.generate()
        self.spki = spki_of(self.private.public_key())
        self.fingerprint = sha256(self.spki)
        self.id = self.fingerprint[:4]

    def sign(self, message: bytes) -> bytes:
        if self.algorithm == EDDSA:
            return self.private.sign(message)
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@functools.lru_cache(1000)
def load_public(spki: bytes):
    return serialization.load_der_public_key(spki)


def algorithm_of(spki: bytes) -> str:
    try:
        key = load_public(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("not a public key") from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return EDDSA
    need(isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1), "key is neither P-256 nor Ed25519")
    return ES256


def verify(spki: bytes, protected: bytes, signature: bytes, message: bytes):
    """Raises BadSignature unless the protected header names the key's own algorithm and the signature holds."""
    algorithm = algorithm_of(spki)
    if decode(protected, cose_header=True).get(1) != {ES256: -7, EDDSA: -8}[algorithm] or len(signature) != 64:
        raise BadSignature("algorithm is not the key's, or signature has no 64 bytes")
    key = load_public(spki)
    try:
        if algorithm == EDDSA:
            key.verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise BadSignature("signature does not verify") from None


@dataclass(frozen=True)
class Context:
    """What external_aad says: where and for what a signature counts."""
    installation: bytes

    def _structure(self, name, direction, kind, protected, payload):
        aad = encode([name, self.installation, direction, kind])
        return encode(["Signature1", protected, aad, payload])

    def request(self, kind, protected, payload):
        return self._structure("svgp.request", 0, kind, protected, payload)

    def seal(self, protected, payload):
        return self._structure("svgp.seal", 1, 0, protected, payload)

    def status(self, protected, payload):
        return self._structure("svgp.status", 1, 0, protected, payload)

    def grant(self, protected, payload):
        return self._structure("svgp.grant", 1, 0, protected, payload)

    def manifest(self, protected, payload):
        return self._structure("svgp.manifest", 1, 0, protected, payload)

    def act(self, protected, payload):
        return self._structure("svgp.act", 2, 0, protected, payload)


def open_sign1(data: bytes, detached=False):
    """(protected, unprotected, payload, signature) of an untagged COSE_Sign1; detached: a receipt."""
    item = decode(data, cose_header=True)
    need(type(item) is list and len(item) == 4, "COSE_Sign1 is no array of four")
    protected, unprotected, payload, signature = item
    need(type(protected) is bytes and type(signature) is bytes and type(unprotected) is dict, "COSE_Sign1 has wrong types")
    need(len(signature) == 64, "signature has no 64 bytes")
    need(payload is None if detached else type(payload) is bytes, "payload missing or not wanted")
    need(detached or unprotected == {}, "unprotected header is not empty")
    return protected, unprotected, payload, signature


# ---- Merkle trees: RFC 9162 section 2.1 ----

def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def tree_root(leaves: list) -> bytes:
    """Root over leaf *hashes*, at least one."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def inclusion_path(leaves: list, index: int) -> list:
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return inclusion_path(leaves[:split], index) + [tree_root(leaves[split:])]
    return inclusion_path(leaves[split:], index - split) + [tree_root(leaves[:split])]


def root_from_path(leaf: bytes, index: int, size: int, path: list) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    need(0 <= index < size, "leaf index outside the tree")
    fn, sn, root = index, size - 1, leaf
    for node in path:
        need(sn != 0, "inclusion path too long")
        if fn & 1 or fn == sn:
            root = node_hash(node, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, node)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "inclusion path too short")
    return root


def entry_leaf(request_id, answer_hash, details_hash) -> bytes:
    return leaf_hash(encode([1, request_id, answer_hash, details_hash]))


# ---- seals, receipts, status ----

@dataclass(frozen=True)
class Place:
    """Where a seal stands: the gateway's words in its protected header."""
    chain: int
    epoch: int
    group: int
    first_index: int
    last_index: int
    time_ms: int


def seal_header(protected: bytes) -> Place:
    header = decode(protected, cose_header=True)
    need(type(header) is dict and set(header) == {1, 395, -65537} and header[1] == -7 and header[395] == 1, "not a seal's header")
    words = header[-65537]
    need(type(words) is list and len(words) == 6 and all(type(w) is int and w >= 0 for w in words), "seal header has wrong fields")
    return Place(*words)


def check_receipt(receipt, context, gateway_spki, request_id, answer_hash, details_hash):
    """Section 8.2, steps 2 and 3. Returns (place, index of the entry); the caller compares the index with the reference."""
    protected, unprotected, _, signature = open_sign1(receipt, detached=True)
    place = seal_header(protected)
    need(set(unprotected) == {396} and type(unprotected[396]) is dict and set(unprotected[396]) == {-1}, "not a receipt's header")
    proofs = unprotected[396][-1]
    need(type(proofs) is list and len(proofs) == 1 and type(proofs[0]) is bytes, "a receipt has one proof")
    proof = decode(proofs[0])
    need(type(proof) is list and len(proof) == 3, "proof is no array of three")
    size, leaf, path = proof
    need(type(size) is int and type(leaf) is int and 1 <= leaf < size, "leaf index out of range")
    need(type(path) is list and len(path) <= 16 and all(type(p) is bytes and len(p) == 32 for p in path), "path is no list of hashes")
    need(size == place.last_index - place.first_index + 2, "tree size is not that of the signed header")
    root = root_from_path(entry_leaf(request_id, answer_hash, details_hash), leaf, size, path)
    verify(gateway_spki, protected, signature, context.seal(protected, root))
    return place, place.first_index + leaf - 1


def check_status(status, context, gateway_spki, request_id) -> dict:
    protected, _, payload, signature = open_sign1(status)
    need(protected == PROTECTED[ES256], "status has another header")
    verify(gateway_spki, protected, signature, context.status(protected, payload))
    said = decode(payload)
    need(type(said) is dict and {k for k in said if k < 100} == {1, 2, 3, 4, 5}, "status has wrong keys")
    need(type(said[1]) is bytes and all(type(said[k]) is int and said[k] >= 0 for k in (2, 3, 4, 5)), "status has wrong types")
    if said[1] != request_id:
        raise BadSignature("status speaks of another request")
    return said


@dataclass(frozen=True)
class Grant:
    """What a terminal may approve by itself (section 9.1)."""
    raw: bytes
    terminal: str
    generation: int
    id: bytes
    issued: int
    expires: int
    per_transaction: int
    per_card: int
    count: int
    sum: int


def check_grant(data: bytes, context, gateway_spki) -> Grant:
    """Raises Malformed or BadSignature; for whom the grant is, the caller compares."""
    need(len(data) <= 256, "grant is too long")
    protected, _, payload, signature = open_sign1(data)
    need(protected == PROTECTED[ES256], "grant has another header")
    verify(gateway_spki, protected, signature, context.grant(protected, payload))
    said = decode(payload)
    need(type(said) is dict and {k for k in said if k < 100} == set(range(1, 7)), "grant has wrong keys")
    terminal, generation, number, issued, expires, limits = (said[k] for k in range(1, 7))
    need(type(terminal) is str and type(number) is bytes and len(number) == 8, "grant has wrong types")
    need(type(limits) is list and len(limits) == 4, "a grant has four limits")
    need(all(type(v) is int and v >= 0 for v in (generation, issued, expires, *limits)) and generation > 0, "grant has wrong numbers")
    return Grant(data, terminal, generation, number, issued, expires, *limits)
