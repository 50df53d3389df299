"""A terminal written from PROTOCOL.md alone. It judges every answer strictly, and raises on anything the protocol forbids.

It keeps what a real terminal must keep on disk (`sent`, `last_stan`, `last_receipt`) in memory: tests play the crashes.
"""

import time
from dataclasses import dataclass, field

import messages as m
from codec import decode, encode, need
from crypto import PROTECTED, BadSignature, Context, Key, check_grant, check_receipt, check_status, open_sign1, sha256
from wire import Connection, certificate, tls_context

WHAT = {m.AWARD: 48, m.REDEEM: 50, m.USE_ENTITLEMENT: 51}  # the key that says what is awarded, redeemed or used


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
    original: list | None = None  # how a later message names this request

    def payload(self) -> dict:
        return decode(open_sign1(self.body)[2])


@dataclass
class Answer:
    code: int
    fields: dict
    body: bytes
    repeat: bool
    side: dict = field(default_factory=dict)
    state: int | None = None  # what the status says, when one came
    place: object = None  # the seal's place in the journal, when a receipt came

    def approved(self) -> bool:
        """Section 8.3: a repeated answer is an approval only if its status says so."""
        return self.code in (0, 10) and (not self.repeat or self.state in m.APPROVING)

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
        self.cashier = None  # in whose name value messages are sent that name nobody
        self.enrolments, self.grant = [], None
        self.clock, self.gateway_time, self.asked_at = time.time, 0, {}  # its own clock; what answers may not go back behind
        self.sent, self.early, self.seen = {}, {}, {}  # requests by STAN; answers that overtook; card -> balances last told

    # ---- connections ----

    def connect(self) -> "Terminal":
        self.close()
        self.connection = Connection(self.address, tls_context(self.key, self.certificate), self.fingerprint)
        self.context, self.early, self.asked_at = Context(self.connection.installation), {}, {}
        self._hear_time(self.connection.hello[4], self.gateway_time)
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
        payload = {0: 1, 1: kind, 2: self.tid, 5: key.id, 7: [int(self.clock()) if self.clock else 0, 480]}
        if kind != m.ENROLL:
            payload[3] = self.generation
        if kind in m.VALUE:
            self.last_stan = max(self.last_stan, stan or self.last_stan + 1)
            payload[4] = stan = stan or self.last_stan
            payload |= {8: self.cashier} if self.cashier else {}
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
        self.asked_at[self.correlation] = self.gateway_time
        self.connection.request(request.kind, request.body, request.sidecar, self.correlation, m.REPEAT if repeat else 0)
        return self.correlation

    def receive(self, correlation: int, request: Request) -> Answer:
        while correlation not in self.early:
            came = self.connection.read()
            if came is not None:
                self.early[came.correlation] = came
        answer, asked_at = self.judge(self.early.pop(correlation), request), self.asked_at.pop(correlation)
        if not answer.repeat:
            self._hear_time(answer.fields[4], asked_at)
        return answer

    def _hear_time(self, told: int, asked_at: int):
        need(told >= asked_at, "the gateway's time went back")
        self.gateway_time = max(self.gateway_time, told)

    def ask(self, request: Request, repeat=False) -> Answer:
        return self.receive(self.send(request, repeat), request)

    def repeat(self, request: Request) -> Answer:
        return self.ask(request, repeat=True)

    # ---- answers ----

    def judge(self, came, request: Request) -> Answer:
        need(came.kind == request.kind | 0x80, f"answer of type {came.kind:#x}")
        fields, side = m.check_answer(request.kind, came.body), m.check_answer_sidecar(came.sidecar)
        m.check_answer_to(request.payload(), fields)
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
        if request.kind == m.SIGN_ON and answer.code == 0:
            self.grant = self._granted(fields)
        if request.kind == m.TRANSACTION_STATUS:
            self._check_told(answer, request.payload()[23][3])
        if 11 in fields and answer.code in (0, 10) and not answer.repeat and request.kind not in m.QUOTES:
            self.seen[fields[8]] = answer.balances()
        return answer

    def _granted(self, fields):
        if 35 not in fields:
            return None
        try:
            grant = check_grant(fields[35], self.context, self.connection.gateway_spki)
            if (grant.terminal, grant.generation) != (self.tid, self.generation):
                raise BadSignature("grant is another terminal's")
            return grant
        except (BadSignature, ValueError):
            self.close()
            raise

    def _check_receipt(self, answer, request):
        proof = [request.id, sha256(answer.body), answer.side[2], answer.side[1]]
        answer.place, index = check_receipt(proof[3], self.context, self.connection.gateway_spki, *proof[:3])
        if index != answer.fields[6]:
            raise BadSignature("receipt is for another journal entry")
        self.last_receipt = proof

    def _check_told(self, answer, original_id):
        """A TransactionStatus: the status is about the original, and a stored answer comes with its own receipt."""
        need((answer.code == 0) == (3 in answer.side), "a known state comes with a status, a refusal without one")
        need((16 in answer.fields) == (1 in answer.side), "a stored answer comes with its receipt")
        if answer.code == 0:
            answer.state = check_status(answer.side[3], self.context, self.connection.gateway_spki, original_id)[2]
            need(answer.state == answer.fields[15], "status and answer disagree")
            need(answer.state != m.UNKNOWN or 16 not in answer.fields, "stored answer of the unknown")
        if 16 in answer.fields:
            stored = decode(answer.fields[16])
            need(type(stored) is dict and stored.get(1) in m.VALUE, "stored answer of no value message")
            m.check_answer(stored[1], answer.fields[16])
            proof = original_id, sha256(answer.fields[16]), answer.side[2]
            _, index = check_receipt(answer.side[1], self.context, self.connection.gateway_spki, *proof)
            need(index == stored[6], "stored answer's receipt is for another journal entry")

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
        pins = {key: pin for key, name in ((2, "pin"), (4, "new_pin"), (6, "supervisor_pin")) if (pin := changes.pop(name, None))}
        if 2 in pins and 13 not in fields:
            fields[13] = m.PIN_USED
        return self.make(kind, fields, encode({1: card.secret} | pins), **changes)

    def activate(self, card, more=None) -> Answer:
        return self.ask(self.card_request(m.ACTIVATE, card, more=more))

    def load_quote(self, card, amount) -> Answer:
        return self.ask(self.card_request(m.LOAD_QUOTE, card, amount))

    def load(self, card, amount, more=None) -> Answer:
        return self.ask(self.card_request(m.LOAD, card, amount, more))

    def purchase(self, card, amount, more=None, pin=None) -> Answer:
        return self.ask(self.card_request(m.PURCHASE, card, amount, more, pin=pin))

    def purchase_quote(self, card, amount, more=None) -> Answer:
        return self.ask(self.card_request(m.PURCHASE_QUOTE, card, amount, more))

    def transfer(self, card, to: Card, amount, more=None, pin=None) -> Answer:
        return self.ask(self.card_request(m.TRANSFER, card, amount, {33: to.reference} | (more or {}), pin=pin))

    def unload(self, card, amount, more=None, pin=None, supervisor=()) -> Answer:
        """`supervisor`: who, and the PIN."""
        more = (more or {}) | ({37: supervisor[0]} if supervisor else {})
        return self.ask(self.card_request(m.UNLOAD, card, amount, more, pin=pin, supervisor_pin=supervisor[-1] if supervisor[1:] else None))

    def change_pin(self, card, new=None, old=None, more=None) -> Answer:
        return self.ask(self.card_request(m.CHANGE_PIN, card, more=more, pin=old, new_pin=new))

    def cash_taken(self, amount, card=None, original=None, more=None) -> Answer:
        return self.ask(self.cash_request(amount, card, original, more))

    def cash_request(self, amount, card=None, original=None, more=None) -> Request:
        fields = {20: amount, 21: [[1, amount]], 25: 1} | ({12: card.reference} if card else {})
        fields |= {23: getattr(original, "original", original)} if original else {}
        return self.make(m.CASH_TAKEN, fields | (more or {}))

    def advice_request(self, card, amount, grant=None, more=None) -> Request:
        """A sale that was approved while the gateway was away."""
        raw = (grant or self.grant).raw if not isinstance(grant, bytes) else grant
        return self.make(m.ADVICE, {12: card.reference, 13: m.OFFLINE, 20: amount, 36: raw} | (more or {}))

    def advise(self, card, amount, grant=None, more=None) -> Answer:
        return self.ask(self.advice_request(card, amount, grant, more))

    def cashier_sign_on(self, name, pin=None) -> Answer:
        return self.ask(self.make(m.CASHIER_SIGN_ON, {8: name}, encode({5: pin}) if pin else b""))

    def join(self, card, more=None) -> Answer:
        return self.ask(self.card_request(m.JOIN, card, more=more))

    def award(self, card, activity, quantity=None, more=None) -> Answer:
        return self.ask(self.piece_request(m.AWARD, card, activity, quantity, more))

    def redeem(self, card, item, quantity=None, more=None, pin=None) -> Answer:
        return self.ask(self.piece_request(m.REDEEM, card, item, quantity, more, pin=pin))

    def use(self, card, entitlement, quantity=None, more=None) -> Answer:
        return self.ask(self.piece_request(m.USE_ENTITLEMENT, card, entitlement, quantity, more))

    def piece_request(self, kind, card, what, quantity=None, more=None, **changes) -> Request:
        """An Award, Redeem or UseEntitlement: what, and how often."""
        fields = {WHAT[kind]: what} | ({49: quantity} if quantity is not None else {}) | (more or {})
        return self.card_request(kind, card, more=fields, **changes)

    def member(self, card, after=None) -> Answer:
        return self.ask(self.card_request(m.MEMBER_INQUIRY, card, more={} if after is None else {52: after}))

    def catalogue(self, after=None) -> Answer:
        return self.ask(self.make(m.CATALOGUE, {} if after is None else {50: after}))

    def whole_catalogue(self) -> tuple:
        """Asks until all was listed; (all items, how many answers it took)."""
        items, pages = [], 0
        while True:
            answer = self.catalogue(items[-1][0] if items else None)
            need(answer.code == 0 and (answer.fields[45] or not answer.fields[46]), "a catalogue without an end")
            items, pages = items + answer.fields[45], pages + 1
            if not answer.fields[46]:
                return items, pages

    def all_coming(self, card) -> tuple:
        """Asks until all was listed that expires or is released; (all of it, how many answers it took)."""
        coming, pages = [], 0
        while True:
            answer = self.member(card, coming[-1][0] if coming else None)
            need(answer.code == 0 and (answer.fields[43] or not answer.fields[46]), "a member's future without an end")
            coming, pages = coming + answer.fields[43], pages + 1
            if not answer.fields[46]:
                return coming, pages

    def balance(self, card) -> Answer:
        return self.ask(self.card_request(m.BALANCE_INQUIRY, card))

    def reversal(self, original: Request | list, reason=1) -> Answer:
        return self.ask(self.make(m.REVERSAL, {23: getattr(original, "original", original), 25: reason}))

    def status(self, original: Request | list) -> Answer:
        """Asks for a transaction's status; `judge` checks the gateway's signature on it against the answer's state."""
        return self.ask(self.make(m.TRANSACTION_STATUS, {23: getattr(original, "original", original)}))

    def about(self, kind, original: Request | list, amount=None, more=None, **changes) -> Request:
        """A Reversal, Refund, Void or Capture of an earlier request, this terminal's or another's."""
        fields = {23: getattr(original, "original", original)} | ({20: amount} if amount is not None else {}) | (more or {})
        supervisor = changes.pop("supervisor", ())
        if supervisor:
            fields[37] = supervisor[0]
            changes["sidecar"] = encode({6: supervisor[1]}) if supervisor[1:] else b""
        return self.make(kind, fields, **changes)

    def refund(self, original, amount, more=None, supervisor=()) -> Answer:
        return self.ask(self.about(m.REFUND, original, amount, more, supervisor=supervisor))

    def void(self, original, more=None, supervisor=()) -> Answer:
        return self.ask(self.about(m.VOID, original, more=more, supervisor=supervisor))

    def authorize(self, card, amount, more=None, raises=None, pin=None) -> Answer:
        more = (more or {}) | ({23: getattr(raises, "original", raises)} if raises else {})
        return self.ask(self.card_request(m.AUTHORIZE, card, amount, more, pin=pin))

    def capture(self, original, amount, more=None) -> Answer:
        return self.ask(self.about(m.CAPTURE, original, amount, more))

    def request_of(self, answer: Answer) -> Request:
        return self.sent[answer.fields[3]]

    def reconciliation(self, shift: int, totals: list) -> Answer:
        return self.ask(self.make(m.RECONCILIATION, {9: shift, 24: totals}))

    def shift_report(self, shift: int, after=0) -> Answer:
        return self.ask(self.make(m.SHIFT_REPORT, {9: shift, 34: after}))

    def whole_shift(self, shift: int) -> tuple:
        """Asks until all of a shift was listed; (the last answer, all transactions, how many answers it took)."""
        after, transactions, pages = 0, [], 0
        while True:
            answer = self.shift_report(shift, after)
            need(answer.code == 0 and (answer.fields[34] > after or answer.fields[34] >= answer.fields[23]), "a shift report without an end")
            after, transactions, pages = answer.fields[34], transactions + answer.fields[33], pages + 1
            if after >= answer.fields[23]:
                return answer, transactions, pages

    def differing(self, shift: int, own: dict) -> list:
        """What differs in a shift, page by page, from `own`: STAN -> [kind, amount, state] of what this terminal has of it (PROTOCOL.md
        section 11, ShiftReport). Each page a list of (STAN, here, there), None where a side has nothing that counts."""
        after, pages = 0, []
        while True:
            answer = self.shift_report(shift, after)
            listed, last = answer.fields[34], answer.fields[23]
            theirs = {stan: [kind, amount, state] for stan, kind, code, amount, state in answer.fields[33]}
            page = []
            for stan in sorted({s for s in own if s > after and (s <= listed or listed >= last)} | set(theirs)):
                here, there = counted(own.get(stan)), counted(theirs.get(stan))
                if here != there:
                    page.append((stan, here, there))
            pages.append(page)
            if listed >= last:
                return pages
            after = listed


def counted(row):
    """Kind and amount of what counts in totals; None of anything else."""
    if row is None or row[0] not in m.COUNTED or row[2] in (m.DECLINED, m.REVERSED, m.VOIDED, m.BLOCKED):
        return None
    return row[:2]
