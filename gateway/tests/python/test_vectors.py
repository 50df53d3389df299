"""The vectors of protocol/vectors, checked with this folder's own code; see the README there."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization

import messages as m
from codec import Malformed, decode, encode
from crypto import (PROTECTED, BadSignature, Context, check_grant, check_receipt, check_status, entry_leaf, open_sign1, root_from_path, seal_header,
                    sha256, spki_of, verify)
from terminal import Request, Terminal
from wire import Frame

PROTOCOL = Path(__file__).parents[3] / "protocol"


def load(name):
    return json.loads((PROTOCOL / "vectors" / name).read_text())


def raw(text):
    return bytes.fromhex(text or "")


def named(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=[v["name"] for v in vectors])


def names(begin, end):
    """Key -> name, from the tables of PROTOCOL.md."""
    section = (PROTOCOL / "PROTOCOL.md").read_text().split(begin)[1].split(end)[0]
    return {int(key): name for key, name in re.findall(r"(?m)^\| (\d+) \| ([^|]+) \|", section)}


def as_json(value):
    if isinstance(value, dict):
        return {str(k): as_json(v) for k, v in value.items()}
    return [as_json(v) for v in value] if isinstance(value, list) else value.hex() if isinstance(value, bytes) else value


def same_fields(told, fields, table):
    assert told == {table.get(k, str(k)): as_json(v) for k, v in fields.items()}


KEYS, REQUESTS, ANSWERS, FRAMES, GRANTS, BAD, BAD_ANSWERS, PERSONAL = (
    load(f"{name}.json") for name in ("keys", "requests", "answers", "frames", "grants", "bad", "bad_answers", "personal"))
TERMINALS = {t["name"]: t for t in KEYS["terminals"]}
CONTEXT, GATEWAY = Context(raw(KEYS["installation"])), raw(KEYS["gateway"]["spki"])
BY_NAME = {r["name"]: r for r in REQUESTS}
REQUEST_NAMES, ANSWER_NAMES = names("## 5. Requests", "### 5.1"), names("## 6. Answers", "**Balance kinds**")


@named([*KEYS["terminals"], KEYS["gateway"]])
def test_keys(vector):
    private = serialization.load_der_private_key(raw(vector["pkcs8"]), None)
    spki = spki_of(private.public_key())
    assert spki == raw(vector["spki"]) and spki.endswith(raw(vector["public"]))
    assert sha256(spki) == raw(vector["fingerprint"]) and sha256(spki)[:4] == raw(vector["key_id"])


@named(REQUESTS)
def test_request(vector):
    kind, flags, correlation, body, sidecar = m.parse_frame(raw(vector["frame"])[2:])
    assert (kind, body, sidecar) == (vector["message_type"], raw(vector["body"]), raw(vector["sidecar"]))
    assert m.frame(kind, body, sidecar, correlation, flags) == raw(vector["frame"])
    fields = m.check_request(kind, body, sidecar)
    protected, _, payload, signature = open_sign1(body)
    assert payload == raw(vector["payload"]) == encode(fields)
    same_fields(vector["fields"], fields, REQUEST_NAMES)
    structure = CONTEXT.request(kind, protected, payload)
    assert structure == raw(vector["sig_structure"]) and sha256(structure) == raw(vector["request_id"])
    assert protected == PROTECTED[vector["algorithm"]]
    verify(raw(TERMINALS[vector["terminal"]]["spki"]), protected, signature, structure)


class Judge(Terminal):
    """A terminal without a connection, for its judgement only."""

    def __init__(self):
        self.context, self.connection = CONTEXT, SimpleNamespace(gateway_spki=GATEWAY)
        self.seen, self.enrolments, self.last_receipt = {}, [], None
        self.tid, self.generation = "V0001", 1

    def verdict(self, came, request):
        if came.kind == m.REJECT:
            return "nothing" if m.check_answer(m.REJECT, came.body) else None
        self.enrolments = [request]
        answer = self.judge(came, request)
        if request.kind in m.SESSION - {m.ENROLL}:
            return "nothing"
        if answer.code in m.TRANSIENT_CODES:
            return "transient"
        if answer.approved():
            return "approved"
        return "declined" if answer.state in (None, m.DECLINED) else "undone"


def request_of(vector):
    asked = BY_NAME[vector["request"]]
    stan = asked["fields"].get("STAN")
    return Request(asked["message_type"], stan, raw(asked["body"]), raw(asked["sidecar"]), raw(asked["request_id"]))


@named(ANSWERS)
def test_answer(vector):
    came = Frame(*m.parse_frame(raw(vector["frame"])[2:]))
    assert (came.body, came.sidecar) == (raw(vector["body"]), raw(vector["sidecar"]))
    fields = decode(came.body)
    assert encode(fields) == came.body
    if came.kind == m.HELLO:
        assert fields[2] == CONTEXT.installation and set(fields) == set(range(6))
        return
    same_fields(vector["fields"], fields, ANSWER_NAMES)
    assert fields[2] == vector["code"]
    request = request_of(vector) if vector["request"] else None
    assert Judge().verdict(came, request) == vector["verdict"]
    if vector["status"]:
        status = m.check_answer_sidecar(came.sidecar)[3]
        assert status == raw(vector["status"]["status"])
        said = check_status(status, CONTEXT, GATEWAY, raw(vector["status"]["request_id"]))
        assert said[2] == vector["status"]["state"]


@named([a for a in ANSWERS if a["proof"]])
def test_proof(vector):
    proof, request = vector["proof"], request_of(vector)
    parts = raw(proof["request_id"]), raw(proof["answer_hash"]), raw(proof["details_hash"])
    assert parts[:2] == (request.id, sha256(raw(vector["body"])))
    assert raw(proof["entry_leaf"]) == encode([1, *parts]) and raw(proof["leaf_hash"]) == entry_leaf(*parts)
    receipt = raw(proof["receipt"])
    _, unprotected, _, _ = open_sign1(receipt, detached=True)
    size, leaf, path = decode(unprotected[396][-1][0])
    assert as_json(path) == proof["path"] and root_from_path(entry_leaf(*parts), leaf, size, path) == raw(proof["root"])
    place, index = check_receipt(receipt, CONTEXT, GATEWAY, *parts)
    assert index == proof["index"] == vector["fields"]["reference (RRN)"]
    protected, _, root, signature = open_sign1(raw(proof["seal"]))
    assert seal_header(protected) == place and root == raw(proof["root"])
    verify(GATEWAY, protected, signature, CONTEXT.seal(protected, root))
    assert raw(proof["receipt_file"]) == encode({0: 1, 1: CONTEXT.installation, 2: request.kind, 3: request.body, 4: raw(vector["body"]),
                                                 5: parts[2], 6: receipt})
    for wrong in ((bytes(32), *parts[1:]), (parts[0], bytes(32), parts[2]), (*parts[:2], bytes(32))):
        with pytest.raises(BadSignature):
            check_receipt(receipt, CONTEXT, GATEWAY, *wrong)


@named(GRANTS)
def test_grant(vector):
    data = raw(vector["grant"])
    if not vector["valid"]:
        with pytest.raises((BadSignature, Malformed)):
            check_grant(data, CONTEXT, GATEWAY)
        return
    grant, told = check_grant(data, CONTEXT, GATEWAY), vector["fields"]
    assert [grant.terminal, grant.generation, grant.id.hex(), grant.issued, grant.expires, [grant.per_transaction, grant.per_card, grant.count, grant.sum]] == [
        told[name] for name in ("terminal", "generation", "grant id", "issued", "expires", "limits")]
    protected, _, payload, _ = open_sign1(data)
    assert payload == raw(vector["payload"]) and CONTEXT.grant(protected, payload) == raw(vector["sig_structure"])


def read_as(data):
    """What a receiver makes of these first bytes of a stream: (result, bytes taken, frame)."""
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2:
        return "incomplete", None, None
    if length == 0:
        return "heartbeat", 2, None
    inner = data[2:2 + length]
    if not 8 <= length <= 4096 or inner[:1] and inner[0] not in (0x10, 0x11) or len(inner) >= 8 and int.from_bytes(inner[6:8], "big") > length - 8:
        return "error", None, None
    return ("frame", 2 + length, m.parse_frame(inner)) if len(inner) == length else ("incomplete", None, None)


@named(FRAMES)
def test_frame(vector):
    result, taken, frame = read_as(raw(vector["bytes"]))
    assert (result, taken) == (vector["result"], vector["taken"])
    if frame:
        kind, flags, correlation, body, sidecar = frame
        assert (kind, bool(flags), correlation, body.hex(), sidecar.hex()) == tuple(
            vector[k] for k in ("message_type", "repeat", "correlation", "body", "sidecar"))
    elif result == "error" and len(raw(vector["bytes"])) == 2 + int(vector["bytes"][:4], 16):
        with pytest.raises(Malformed):
            m.parse_frame(raw(vector["bytes"])[2:])


def refusal(kind, body, sidecar, terminal):
    """The code that a gateway's checks of format, terminal and signature give on a connection of this terminal; 0 for none."""
    try:
        fields = m.check_request(kind, body, sidecar)
    except Malformed:
        return 30
    if kind != m.ENROLL and (fields[2], fields[3]) != (terminal["name"], terminal["generation"]):
        return 89
    protected, _, payload, signature = open_sign1(body)
    try:
        verify(raw(terminal["spki"]), protected, signature, CONTEXT.request(kind, protected, payload))
    except BadSignature:
        return 63
    return 0 if fields[5] == raw(terminal["key_id"]) and kind not in m.SESSION else 63  # its nonce is another connection's


@named(BAD)
def test_bad(vector):
    kind, flags, _, body, sidecar = m.parse_frame(raw(vector["frame"])[2:])
    assert kind == vector["message_type"] and flags == 0
    assert refusal(kind, body, sidecar, TERMINALS[vector["terminal"]]) == vector["code"], vector["reason"]
    assert vector["answer_type"] == (kind | 0x80 if kind in m.REQUIRED else m.REJECT)
    if vector["payload"] is not None:  # the fault is in the payload alone
        protected, _, payload, signature = open_sign1(body)
        assert payload == raw(vector["payload"])
        verify(raw(TERMINALS[vector["terminal"]]["spki"]), protected, signature, CONTEXT.request(kind, protected, payload))


@named([r for r in REQUESTS if r["message_type"] in m.VALUE])
def test_good_is_not_refused(vector):
    assert refusal(vector["message_type"], raw(vector["body"]), raw(vector["sidecar"]), TERMINALS[vector["terminal"]]) == 0


@named(BAD_ANSWERS)
def test_bad_answer(vector):
    with pytest.raises(Malformed):
        m.check_answer(vector["message_type"], raw(vector["body"]))


@named(PERSONAL)
def test_personal(vector):
    fields = decode(raw(vector["encoded"]))
    assert m.personal(fields) and as_json(fields) == vector["fields"]
    assert encode(fields) == raw(vector["encoded"]) and sha256(encode(fields)) == raw(vector["commitment"])
    assert encode({10: fields}) == raw(vector["sidecar"])
