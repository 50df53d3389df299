"""CBOR, Merkle trees, receipts and the message tables, against the examples of the RFCs and hand-made bad bytes."""

import hashlib

import cbor2
import pytest

import messages as m
from codec import Malformed, decode, encode
from crypto import (EDDSA, ES256, PROTECTED, BadSignature, Context, Key, check_receipt, inclusion_path, leaf_hash, root_from_path,
                    tree_root, verify)
from journal_builder import JournalBuilder

# RFC 8949, appendix A: the examples that this protocol allows
GOOD = ["00", "01", "0a", "17", "1818", "1819", "1864", "1903e8", "1a000f4240", "1b000000e8d4a51000", "1b7fffffffffffffff", "20", "29",
        "3863", "3903e7", "3b7fffffffffffffff", "f4", "f5", "f6", "40", "4401020304", "60", "6161", "6449455446", "62225c", "62c3bc",
        "63e6b0b4", "64f0908591", "80", "83010203", "8301820203820405", "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "a0", "a201020304", "8181818181818180"]
BAD = ["", "1817", "190018", "1a0000ffff", "1b00000000ffffffff", "1b8000000000000000", "1bffffffffffffffff", "3bffffffffffffffff",
       "c249010000000000000000", "f90000", "fa47c35000", "fb3ff199999999999a", "f7", "f0", "f818", "f8ff", "f820", "c074", "d74401020304",
       "5f42010243030405ff", "7f657374726561646d696e67ff", "9fff", "bf6161019fff", "ff", "1c", "a26161016162820203", "a2020101", "a201020102",
       "a201010101", "a120f6", "0000", "8001", "61ff", "62c328", "63eda080", "4401", "82", "a1", "a101", "5803010203", "818181818181818180",
       "9b7fffffffffffffff", "5b7fffffffffffffff"]


@pytest.mark.parametrize("example", GOOD)
def test_good_cbor(example):
    data = bytes.fromhex(example)
    assert decode(data) == cbor2.loads(data)
    assert encode(decode(data)) == data


@pytest.mark.parametrize("example", BAD)
def test_bad_cbor(example):
    with pytest.raises(Malformed):
        decode(bytes.fromhex(example))


def test_cose_header_order():
    header = encode({-65537: [1], 395: 1, 1: -7})
    assert header.hex() == "a3012619018b013a000100008101"
    assert decode(header, cose_header=True) == {1: -7, 395: 1, -65537: [1]}
    with pytest.raises(Malformed):
        decode(header)


# the tree of eight leaves of certificate-transparency's reference tests (RFC 6962 and RFC 9162 hash alike)
LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]


def test_merkle_tree():
    hashes = [leaf_hash(leaf) for leaf in LEAVES]
    for size, root in enumerate(ROOTS, 1):
        assert tree_root(hashes[:size]).hex() == root
        for index in range(size):
            path = inclusion_path(hashes[:size], index)
            assert root_from_path(hashes[index], index, size, path).hex() == root
            for other in range(size):
                if other != index:
                    assert _root_or_none(hashes[index], other, size, path) != bytes.fromhex(root)
            assert _root_or_none(hashes[index], index, size, path + [hashes[0]]) is None
            assert not path or _root_or_none(hashes[index], index, size, path[:-1]) is None


def _root_or_none(*arguments):
    try:
        return root_from_path(*arguments)
    except Malformed:
        return None


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_signatures(algorithm):
    key, other = Key(algorithm), Key(EDDSA if algorithm == ES256 else ES256)
    signature = key.sign(b"message")
    verify(key.spki, PROTECTED[algorithm], signature, b"message")
    for spki, protected, message in ((Key(algorithm).spki, PROTECTED[algorithm], b"message"), (key.spki, PROTECTED[algorithm], b"massage"),
                                     (key.spki, PROTECTED[other.algorithm], b"message"), (other.spki, PROTECTED[algorithm], b"message")):
        with pytest.raises(BadSignature):
            verify(spki, protected, signature, message)


def test_sig_structure_by_hand():
    aad = bytes.fromhex("846c737667702e72657175657374") + bytes.fromhex("50") + bytes(16) + bytes.fromhex("0013")
    wanted = bytes.fromhex("846a5369676e61747572653143a10126") + bytes([0x58, len(aad)]) + aad + bytes.fromhex("41a0")
    assert Context(bytes(16)).request(m.PURCHASE, PROTECTED[ES256], b"\xa0") == wanted


def test_receipts_of_a_group():
    journal = JournalBuilder()
    for number in range(6):
        journal.system("test", str(number), [])
    parts = [p for _, p in journal.open]
    for number, (receipt, _) in enumerate(journal.seal()):
        place, index = check_receipt(receipt, journal.context, journal.key.spki, *parts[number])
        assert (place.group, index) == (1, number + 1)
        for at in range(len(receipt)):  # no byte of a receipt may change
            with pytest.raises((Malformed, BadSignature)):
                check_receipt(receipt[:at] + bytes([receipt[at] ^ 1]) + receipt[at + 1:], journal.context, journal.key.spki, *parts[number])


def test_luhn():
    assert m.luhn(9000000000000001) and m.luhn(9123456789012342) == (_luhn_by_hand("912345678901234") == 2)
    assert not m.luhn(9000000000000002) and not m.luhn(4111111111111111) and not m.luhn(900000000000001)


def _luhn_by_hand(digits):
    total = sum(sum(map(int, str(int(d) * (2 if i % 2 == 0 else 1)))) for i, d in enumerate(reversed(digits)))
    return -total % 10


def purchase(**changes):
    fields = {0: 1, 1: m.PURCHASE, 2: "T0001", 3: 1, 4: 7, 5: bytes(4), 6: 156, 7: [1700000000, 480], 12: 9000000000000001, 20: 1250}
    for name, value in changes.items():
        fields[int(name[1:])] = value
    return {k: v for k, v in fields.items() if v is not ...}


def judge(fields, sidecar=encode({1: "0" * 20}), protected=PROTECTED[ES256], unprotected=None):
    return m.check_request(m.PURCHASE, encode([protected, unprotected or {}, encode(fields), bytes(64)]), sidecar)


def test_good_requests():
    judge(purchase())
    judge(purchase(k8="c/1", k9=3, k10="order 水", k13=3, k11=255, k21=[[1, 1249], [200, 1, "x"]], k43=20260131, k40="r", k100=[1], k1000="later"))
    judge(purchase(k22=[["tea", "drinks", None, 1500, 1000, 0], ["cup", "ware", "own", 1000, 250, 1]]))


@pytest.mark.parametrize("changes", [
    {"k0": 2}, {"k1": m.LOAD}, {"k2": "t0001"}, {"k2": ""}, {"k3": 0}, {"k4": 0}, {"k4": 1 << 32}, {"k4": ...}, {"k5": bytes(3)}, {"k6": 0},
    {"k6": ...}, {"k7": [0]}, {"k7": [-1, 0]}, {"k7": [0, 1441]}, {"k8": "ü"}, {"k8": "c" * 17}, {"k9": 0}, {"k10": ""}, {"k10": "a\nb"},
    {"k10": "水" * 11}, {"k12": 9000000000000002}, {"k12": 4111111111111111}, {"k13": -1}, {"k16": bytes(16)}, {"k20": 0}, {"k20": 10**12},
    {"k20": "1250"}, {"k20": True}, {"k20": None}, {"k21": []}, {"k21": [[256, 1250]]}, {"k21": [[1, 0]]}, {"k11": 256}, {"k43": 20261301}, {"k22": [["t", "d", None, 1, 50, 0]] * 25}, {"k21": [[1, 1250, None]]},
    {"k22": [["tea", "drinks", None, 1, 1249, 0]]}, {"k22": [["te a", "drinks", None, 1, 1250, 0]]}, {"k23": ["T", 1, 1, bytes(32)]},
    {"k24": []}, {"k33": 0}, {"k99": 0}, {"k43": "20260101"}, {"k44": [["q", 1.5]]}])
def test_bad_requests(changes):
    with pytest.raises(Malformed):
        judge(purchase(**changes))


def test_bad_envelopes():
    for arguments in ({"sidecar": b"\0"}, {"sidecar": encode({1: "short"})}, {"sidecar": encode({4: 1, 1: "0" * 20})}, {"sidecar": encode({1: "0" * 20, 10: {}})},
                      {"protected": b"\xa0"}, {"protected": bytes.fromhex("a10138")}, {"unprotected": {4: b"k"}}):
        with pytest.raises(Malformed):
            judge(purchase(), **arguments)


def test_frames():
    data = m.frame(m.ECHO, b"body", b"side", 0xDEADBEEF, m.REPEAT)
    assert data.hex() == "00101105deadbeef0004" + b"bodyside".hex()
    assert m.parse_frame(data[2:]) == (m.ECHO, m.REPEAT, 0xDEADBEEF, b"body", b"side")
    for bad in (data[2:9], m.frame(m.ECHO, version=2)[2:], m.frame(m.ECHO, flags=2)[2:], bytes.fromhex("1105000000000001"), bytes(4097)):
        with pytest.raises(Malformed):
            m.parse_frame(bad)


def test_hash_of_nothing():
    assert leaf_hash(b"") == hashlib.sha256(b"\0").digest()
