"""A terminal written from PROTOCOL.md alone. It judges every answer strictly, and raises on anything the protocol forbids.

It keeps what a real terminal must keep on disk (`sent`, `last_stan`, `last_receipt`) in memory: tests play the crashes.
"""

import time
from dataclasses import dataclass, field

import messages as m
from codec import encode, need
from crypto import PROTECTED, BadSignature, Context, Key, check_receipt, check_status, sha256
from wire import Connection, certificate, tls_context


@dataclass(frozen=True)
class Card:
    reference: int
    secret: str


@dataclass(frozen=True)
class Request:
    kind: int
    stan: int | None
    body: bytes
    sidecar: bytes
    id: bytes
    original: list | None = None  # how a Reversal or a TransactionStatus names this request


@dataclass
class Answer:
    code: int
    fields: dict
    body: bytes
    repeat: bool
    side: dict = field(default_factory=dict)
    state: int | None = None  # what the status says, when one came
    place: object = None  # the seal's place in the journal, when a receipt came

    def balances(self) -> tuple:
        return tuple(self.fields[11][kind] for kind in (1, 2, 16))

    def changes(self) -> tuple:
        return tuple(self.fields[12].get(kind, 0) for kind in (1, 2, 16))


class Terminal:
    def __init__(self, enrolment: str, address, algorithm: str):
        literal, self.tid, self.code, fingerprint = enrolment.split(":")
        need(literal == "svgp1" and len(self.code) == 20 and len(fingerprint) == 64, "not an enrolment string")
        self.fingerprint, self.address = bytes.fromhex(fingerprint), address
        self.key = Key(algorithm)
        self.certificate = certificate(self.key)
        self.generation, self.currency, self.last_stan, self.correlation = None, None, 0, 0
        self.last_receipt, self.connection = None, None
        self.enrolments = []
        self.sent, self.early, self.seen = {}, {}, {}  # requests by STAN; answers that overtook; card -> balances last told

    # ---- connections ----

    def connect(self) -> "Terminal":
        self.close()
        self.connection = Connection(self.address, tls_context(self.key, self.certificate), self.fingerprint)
        self.context, self.early = Context(self.connection.installation), {}
        return self

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ready(self) -> "Terminal":
        """Connects and signs on."""
        self.connect()
        need(self.sign_on().code == 0, "sign-on refused")
        return self

    # ---- requests ----

    def make(self, kind, fields: dict, sidecar=b"", stan=None, key=None, protected=None, nonce=None) -> Request:
        """Builds and signs a request; tests may pass another STAN, key, header or nonce."""
        key = key or self.key
        payload = {0: 1, 1: kind, 2: self.tid, 5: key.id, 7: [int(time.time()), 480]}
        if kind != m.ENROLL:
            payload[3] = self.generation
        if kind in m.VALUE:
            self.last_stan = max(self.last_stan, stan or self.last_stan + 1)
            payload[4] = stan = stan or self.last_stan
        else:
            payload[16] = nonce or self.connection.nonce
        if 6 in m.REQUIRED[kind]:
            payload[6] = self.currency
        return self.sign(kind, encode(payload | fields), sidecar, stan, key, protected)

    def sign(self, kind, payload: bytes, sidecar=b"", stan=None, key=None, protected=None) -> Request:
        key = key or self.key
        protected = protected or PROTECTED[key.algorithm]
        structure = self.context.request(kind, protected, payload)
        body = encode([protected, {}, payload, key.sign(structure)])
        original = [self.tid, self.generation, stan, sha256(structure)] if stan else None
        request = Request(kind, stan, body, sidecar, sha256(structure), original)
        if stan:
            self.sent[stan] = request  # a real terminal writes this to disk before it sends
        return request

    def send(self, request: Request, repeat=False) -> int:
        self.correlation += 1
        self.connection.request(request.kind, request.body, request.sidecar, self.correlation, m.REPEAT if repeat else 0)
        return self.correlation

    def receive(self, correlation: int, request: Request) -> Answer:
        while correlation not in self.early:
            came = self.connection.read()
            if came is not None:
                self.early[came.correlation] = came
        return self.judge(self.early.pop(correlation), request)

    def ask(self, request: Request, repeat=False) -> Answer:
        return self.receive(self.send(request, repeat), request)

    def repeat(self, request: Request) -> Answer:
        return self.ask(request, repeat=True)

    # ---- answers ----

    def judge(self, came, request: Request) -> Answer:
        need(came.kind == request.kind | 0x80, f"answer of type {came.kind:#x}")
        fields, side = m.check_answer(request.kind, came.body), m.check_answer_sidecar(came.sidecar)
        answer = Answer(fields[2], fields, came.body, bool(came.flags & m.REPEAT), side)
        if request.kind in m.VALUE:
            need(fields.get(3, request.stan) == request.stan, "answer names another STAN")
            final = answer.code in m.FINAL_CODES or (answer.code not in m.TRANSIENT_CODES and 1 in side)
            need(final == (1 in side), "a final answer has a receipt, a transient one has none")
            need((answer.repeat and final) == (3 in side), "a repeated answer has a status, a first one has none")
            if final:
                self._check_receipt(answer, request)
            if 3 in side:
                answer.state = check_status(side[3], self.context, self.connection.gateway_spki, request.id)[2]
        if request.kind == m.ENROLL and answer.code == 0:
            self._check_enrolment(answer)
        if 11 in fields and answer.code in (0, 10) and not answer.repeat and request.kind != m.LOAD_QUOTE:
            self.seen[fields[8]] = answer.balances()
        return answer

    def _check_receipt(self, answer, request):
        proof = [request.id, sha256(answer.body), answer.side[2], answer.side[1]]
        answer.place, index = check_receipt(proof[3], self.context, self.connection.gateway_spki, *proof[:3])
        if index != answer.fields[6]:
            raise BadSignature("receipt is for another journal entry")
        self.last_receipt = proof

    def _check_enrolment(self, answer):
        """An Enroll that comes again has a new nonce, so the receipt may be that of any of the Enrolls that we sent."""
        need(1 in answer.side, "enrolment without a receipt")
        for sent in self.enrolments:
            try:
                return self._check_receipt(answer, sent)
            except BadSignature:
                pass
        raise BadSignature("receipt is for none of our enrolments")

    def receipt_file(self, request: Request, answer: Answer) -> bytes:
        """Section 8.4."""
        return encode({0: 1, 1: self.context.installation, 2: request.kind, 3: request.body, 4: answer.body, 5: answer.side[2], 6: answer.side[1]})

    # ---- the messages ----

    def enrol(self) -> Answer:
        fields = {26: "python-terminal 1", 29: self.code, 30: self.key.spki, 31: self.fingerprint, 32: 1}
        self.enrolments.append(self.make(m.ENROLL, fields))
        answer = self.ask(self.enrolments[-1])
        if answer.code == 0:
            need(answer.fields[31] == self.tid, "enrolled as another terminal")
            self.generation, self.currency = answer.fields[30], answer.fields[29][0]
        return answer

    def sign_on(self, **changes) -> Answer:
        fields = {26: "python-terminal 1", 27: self.last_stan, 32: 1}
        if self.last_receipt:
            fields[28] = self.last_receipt
        return self.ask(self.make(m.SIGN_ON, fields, **changes))

    def sign_off(self) -> Answer:
        return self.ask(self.make(m.SIGN_OFF, {}))

    def echo(self) -> Answer:
        return self.ask(self.make(m.ECHO, {}))

    def card_request(self, kind, card: Card, amount=None, more=None, **changes) -> Request:
        fields = {12: card.reference} | ({20: amount} if amount is not None else {}) | (more or {})
        if kind == m.LOAD and 21 not in fields:
            fields[21] = [[1, amount]]
        return self.make(kind, fields, encode({1: card.secret}), **changes)

    def activate(self, card, more=None) -> Answer:
        return self.ask(self.card_request(m.ACTIVATE, card, more=more))

    def load_quote(self, card, amount) -> Answer:
        return self.ask(self.card_request(m.LOAD_QUOTE, card, amount))

    def load(self, card, amount, more=None) -> Answer:
        return self.ask(self.card_request(m.LOAD, card, amount, more))

    def purchase(self, card, amount, more=None) -> Answer:
        return self.ask(self.card_request(m.PURCHASE, card, amount, more))

    def balance(self, card) -> Answer:
        return self.ask(self.card_request(m.BALANCE_INQUIRY, card))

    def reversal(self, original: Request | list, reason=1) -> Answer:
        return self.ask(self.make(m.REVERSAL, {23: getattr(original, "original", original), 25: reason}))

    def status(self, original: Request | list) -> Answer:
        """Asks for a transaction's status; checks the gateway's signature on it against the answer's state."""
        named = getattr(original, "original", original)
        answer = self.ask(self.make(m.TRANSACTION_STATUS, {23: named}))
        if answer.code == 0:
            said = check_status(answer.side[3], self.context, self.connection.gateway_spki, named[3])
            need(said[2] == answer.fields[15], "status and answer disagree")
            answer.state = said[2]
        return answer

    def reconciliation(self, shift: int, totals: list) -> Answer:
        return self.ask(self.make(m.RECONCILIATION, {9: shift, 24: totals}))
