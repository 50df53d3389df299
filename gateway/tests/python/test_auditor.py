"""The auditor on journals built here: it accepts a good one and notices every tampering."""

import subprocess
import sys
from pathlib import Path

import pytest

import messages as m
from auditor import Audit
from books import RECEIVABLE
from codec import encode
from crypto import EDDSA, ES256, PROTECTED, Key, sha256
from journal_builder import JournalBuilder
from points import own

CARD, OTHER, PROOF, LIMITS = 9000000000000001, 9000000000000019, bytes(32), (10**6, 10**6, 10**6)
OWNER = None, None, None, [None, None]  # expires, holder, account, own limits of a day and a month


class Site:
    """A journal with an operator, a terminal and a card, and ways to add good and bad entries."""

    def __init__(self, algorithm=ES256):
        self.journal, self.key, self.operator, self.stan, self.originals = JournalBuilder(), Key(algorithm), Key(ES256), 0, {}
        self.second = Key(ES256)  # another operator's
        self.journal.system("genesis", self.journal.installation.hex(), [[12, self.journal.key.spki], [10, "OP1", 1, self.operator.spki, 0], [11, 1, 0, "{}"]])
        self.act("card issue", [[3, CARD, 1, "standard", PROOF, None, *OWNER]])
        self.act("terminal enroll", [[8, "T1", 1, 1, 1, -7, b"", "M1", "S1", *LIMITS], [9, "T1", bytes(32), 9, 0]])
        self.enrol()
        self.request(m.ACTIVATE, [[3, CARD, 2, "standard", PROOF, None, *OWNER]], told={10: 0})
        self.journal.seal()
        self.loaded = self.journal.index + 1
        self.request(m.LOAD, [[1, "clearing:S1:1", 0, -10000], [1, CARD, 1, 10000, 1, None, self.loaded], [1, "bonus-expense", 0, -500],
                              [1, CARD, 2, 500, 2, None, self.loaded]], {20: 10000})
        self.sale = self.journal.index + 1
        self.request(m.PURCHASE, self.paid(3000) + [[1, CARD, 16, 30, 3, 2000000000, self.sale], [1, "points-expense", 16, -30]], {20: 3000})
        self.receipt = self.journal.seal()[1]

    def paid(self, amount, card=CARD, lot=1):
        """The postings of a payment from the loaded lot; of one that is given back, with an amount below zero."""
        return [[1, card, 1, -amount, lot, None, self.loaded], [1, "redemption:S1", 0, amount]]

    def original(self, index):
        return self.originals[index]

    def act(self, name, effects):
        self.journal.act("OP1", self.operator, name, {1: "x"}, effects)

    def money_back(self, *more, name="card-refund", effects=()):
        """Money back without a sale, signed by the first operator and those in `more`: (operator, key) or (operator, key, act, arguments)."""
        if "OP2" not in self.journal.books.operators:
            self.act("operator-add", [[10, "OP2", 1, self.second.spki, 0], *effects])
        arguments = {0: CARD, 1: 100, 2: "no receipt"}
        posted = [[1, CARD, 1, 100, 4, None, self.journal.index + 1], [1, "redemption:S1", 0, -100]]
        more = [(operator, key, *(rest or (name, arguments))) for operator, key, *rest in more]
        self.journal.act("OP1", self.operator, name, arguments, posted, *more)

    def third(self, arguments=None, counts=None, shown=True):
        """An operator whom one person alone adds, beside two: the key."""
        key = Key(ES256)
        if "OP2" not in self.journal.books.operators:
            self.act("operator-add", [[10, "OP2", 1, self.second.spki, 0]])
        effects = [[10, "OP3", 1, key.spki, self.journal.now + 72 * 3600 if counts is None else counts]]
        here = self.journal.index + 1
        self.journal.act("OP1", self.operator, "operator-add", arguments or {0: "OP3", 1: key.spki, 2: False}, effects + [[23, here, 5, 1, 0, 0]] * shown)
        return key

    def enrol(self):
        fields = {0: 1, 1: m.ENROLL, 2: "T1", 5: self.key.id, 16: bytes(16), 30: self.key.spki}
        self._signed(m.ENROLL, fields, [[8, "T1", 1, 2, 1, -7, self.key.spki, "M1", "S1", *LIMITS], [9, "T1", None, 0, 0]])

    def request(self, kind, effects, asked=None, told=None, key=None, stan=None, code=0):
        """A request and its decision; what the answer tells of the card comes from the books, unless `told` says otherwise."""
        self.stan = stan or self.stan + 1
        fields = {0: 1, 1: kind, 2: "T1", 3: 1, 4: self.stan, 5: (key or self.key).id} | (asked or {})
        told = {3: self.stan} | ({8: CARD, 10: fields.get(20, 0)} if code == 0 and kind != m.RECONCILIATION else {}) | (told or {})
        self._signed(kind, fields, effects + [[13, "T1", 1, self.stan]], key, told, code)

    def _signed(self, kind, fields, effects, key=None, told=None, code=0):
        key, payload = key or self.key, encode(fields)
        protected = PROTECTED[key.algorithm]
        structure = self.journal.context.request(kind, protected, payload)
        self.body = encode([protected, {}, payload, key.sign(structure)])
        if 4 in fields:
            self.originals[self.journal.index + 1] = [fields[2], fields[3], fields[4], sha256(structure)]

        def answer(books):
            result = {0: 1, 1: kind, 2: code, 4: 1} | (told or {})
            if 8 in result:
                changes = {}
                for effect in own(effects):
                    if effect[:2] == [1, result[8]] and not (effect[3] < 0 and effect[5] is not None and effect[5] <= self.journal.now):
                        changes[effect[2]] = changes.get(effect[2], 0) + effect[3]
                books = books.cards[result[8]]
                result = {11: books.available(self.journal.now) if books.successor is None else {}, 12: {k: a for k, a in changes.items() if a}} | result
            return {key: value for key, value in result.items() if value is not None}
        self.answer = self.journal.add([1, kind, self.body], sha256(structure), effects, answer)

    # ---- good entries ----

    def authorize(self, amount=2000, expires=None, asked=None, told=None, parts=None):
        self.hold, self.ends = self.journal.index + 1, expires or self.journal.now + 3600
        parts = parts or [[1, amount]]
        self.request(m.AUTHORIZE, [self.hold_is(0, parts)], {20: amount} | (asked or {}), {18: [self.hold, amount, self.ends]} | (told or {}))

    def hold_is(self, captured, parts, card=CARD):
        return [16, card, self.hold, self.ends, captured, parts]

    def capture(self, amount, captured, parts, effects=None, told=None, more=True, card=CARD, lot=1):
        """Takes `amount` from the hold, which had `captured` before and has `parts` afterwards."""
        self.captured = self.journal.index + 1
        over = [] if parts else [[4, self.hold, m.CAPTURED, captured + amount, 0, []]]
        effects = [self.hold_is(captured + amount, parts, card), *self.paid(amount, card, lot), *over] if effects is None else effects
        self.request(m.CAPTURE, effects, {20: amount, 23: self.original(self.hold), 13: m.MORE_FOLLOW if more else 0},
                     {8: card, 18: [self.hold, sum(a for _, a in parts), self.ends]} | (told or {}))

    def refund(self, amount, before=0, index=None, state=m.REFUNDED_IN_PART, effect=None, told=None):
        self.refunded = self.journal.index + 1
        index = index or self.sale
        effect = effect or [4, index, state, before + amount, self.refunded, []]
        self.request(m.REFUND, [*self.paid(-amount), effect], {20: amount, 23: self.original(index)}, {15: state} | (told or {}))

    def undo(self, index, effects, told=None, kind=m.REVERSAL, state=None):
        state = state or (m.REVERSED if kind == m.REVERSAL else m.VOIDED)
        self.request(kind, effects, {23: self.original(index)}, {15: state} | (told or {}))

    def replace(self, offset=0, new_lot=1, amount=7000, points=30, next_lot=((18, OTHER, 4),)):
        """Another card takes the place of the card, with everything that it has."""
        self.act("card issue", [[3, OTHER, 1, "standard", PROOF, None, *OWNER]])
        moved = [[1, card, kind, sign * a, lot + (card == OTHER) * (new_lot - 1), ends, source]
                 for kind, a, lot, ends, source in ((1, amount, 1, None, self.loaded), (2, 500, 2, None, self.loaded), (16, points, 3, 2000000000, self.sale))
                 for card, sign in ((CARD, -1), (OTHER, 1)) if a]
        self.act("card replace", [*moved, *map(list, next_lot), [17, CARD, OTHER, offset], [3, CARD, 4, "standard", PROOF, "lost", *OWNER],
                                  [3, OTHER, 2, "standard", PROOF, "lost", *OWNER]])

    def day(self, *counts, card=CARD, date=20260101):
        return [19, card, 1, date, *counts, *[0] * (6 - len(counts))]

    def faults(self):
        if self.journal.open:
            self.journal.seal()
        return Audit(self.journal.export()).faults


@pytest.fixture(params=[ES256, EDDSA])
def site(request):
    return Site(request.param)


def test_good_journal(site):
    site.request(m.REVERSAL, [[1, CARD, 1, 3000, 1, None, site.loaded], [1, "redemption:S1", 0, -3000],
                              [1, CARD, 16, -10, 3, 2000000000, site.sale], [2, CARD, 16, 20], [1, RECEIVABLE, 16, -20],
                              [1, "points-expense", 16, 30], [4, site.sale, 2, 0, 0, []]], {23: site.original(site.sale)},
                 {10: 3000, 15: m.REVERSED})
    assert site.faults() == []
    audit = Audit(site.journal.export())
    assert audit.balances() == {CARD: {1: 10000, 2: 500, 16: 20}} and audit.books.cards[CARD].debts == {16: 20}
    audit.check_anchor(site.journal.anchor())
    assert audit.faults == []
    audit.check_anchor(site.journal.anchor()[:-1] + "x".replace("x", "0" if site.journal.anchor()[-1] != "0" else "1"))
    assert audit.faults


def test_any_byte(site):
    """Flips one byte at every third place of the file: nothing may go unnoticed."""
    data = site.journal.export()
    assert Audit(data).faults == []
    for at in range(site.key.algorithm == ES256, len(data), 3):
        assert Audit(data[:at] + bytes([data[at] ^ (1 + at % 255)]) + data[at + 1:], to_first_fault=True).faults, f"flipped byte {at}"
    for cut in range(0, len(data), 97):
        assert Audit(data[:cut]).faults


BAD_ENTRIES = {
    "sums to": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 1, None, s.loaded]]),
    "falls to": lambda s: s.request(m.PURCHASE, [[1, CARD, 1, -7001, 1, None, s.loaded], [1, "redemption:S1", 0, 7001]]),
    "not the next one": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 9, None, s.journal.index + 1], [1, "clearing:S1:1", 0, -100]]),
    "another kind": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 1, 2000000000, s.loaded], [1, "clearing:S1:1", 0, -100]]),
    "occurs twice": lambda s: s.request(m.ACTIVATE, [], stan=1, code=12),
    "does not verify": lambda s: (s.journal.add([1, m.LOAD, s.body], bytes(32), [], {1: m.LOAD, 2: 12, 3: 3})),
    "key id": lambda s: s.request(m.ACTIVATE, [], key=Key(ES256), code=12),
    "not active": lambda s: (s.act("terminal suspend", [[8, "T1", 1, 3, 1, -7, s.key.spki, "M1", "S1", *LIMITS]]), s.request(m.ACTIVATE, [], code=12)),
    "act of OP1": lambda s: s.journal.act("OP1", Key(ES256), "x", {}, []),
    "operator OP1 is revoked": lambda s: (s.act("x", [[10, "OP1", 2, s.operator.spki, 0]]), s.act("y", [])),
    "receivable": lambda s: s.act("x", [[1, RECEIVABLE, 16, -1], [1, "points-expense", 16, 1]]),
    "below zero": lambda s: s.act("x", [[2, CARD, 16, -1], [1, RECEIVABLE, 16, 1], [1, "points-expense", 16, -1]]),
    "genesis": lambda s: s.journal.system("genesis", s.journal.installation.hex(), []),
    "closes days": lambda s: s.journal.system("close", "20251231", [[25, None, "closed-through", 0, 20260101]]),
    "closes no day": lambda s: s.journal.system("close", "20251231", []),
    "is booked on": lambda s: (s.journal.system("close", "20260101", [[25, None, "closed-through", 0, 20260101]]), s.act("x", [])),
    "counters change": lambda s: s.journal.system("close", "20251231", [[25, None, "closed-through", 1, 20251231]]),
    "archives, and is no act": lambda s: s.act("x", [[25, None, "archived-through", 0, 1]]),
    "archives 1 to 2": lambda s: s.journal.act("OP1", s.operator, "journal-archive", {0: "000001.svga", 1: bytes(32), 2: 1, 3: 2}, [[25, None, "archived-through", 0, 2]]),
    "archives 2 to 2": lambda s: (s.journal.system("close", "20251231", [[25, None, "closed-through", 0, 20251231]]),
                                  s.journal.act("OP1", s.operator, "journal-archive", {0: "000001.svga", 1: bytes(32), 2: 2, 3: 2}, [[25, None, "archived-through", 0, 1]])),
    "seal says": lambda s: setattr(s.journal, "group", 7) or s.act("x", []),
}


@pytest.mark.parametrize("fault", BAD_ENTRIES)
def test_bad_entry(site, fault):
    BAD_ENTRIES[fault](site)
    assert any(fault in text for text in site.faults()), site.faults()


def test_good_closes(site):
    site.journal.system("close", "20251230", [[25, None, "closed-through", 0, 20251230]])
    site.journal.act("OP1", site.operator, "day-close", {0: 20251231}, [[25, None, "closed-through", 0, 1]])
    assert site.faults() == []


def test_good_holds(site):
    site.authorize(2000)
    first = site.hold
    site.request(m.AUTHORIZE, [site.hold_is(0, [[1, 2000], [2, 300]])], {20: 300, 23: site.original(first)}, {18: [first, 2300, site.ends]})
    raised = site.journal.index
    site.undo(raised, [site.hold_is(0, [[1, 2000]]), [4, raised, m.REVERSED, 0, 0, []]], {10: 300})
    site.capture(500, 0, [[1, 1500]])
    one = site.captured
    site.capture(700, 500, [], more=False)
    two = site.captured
    site.undo(two, [*site.paid(-700), site.hold_is(500, [[1, 700]]), [4, first, m.LIVE, 0, 0, []], [4, two, m.REVERSED, 0, 0, []]], {10: 700})
    site.undo(one, [*site.paid(-500), site.hold_is(0, [[1, 500], [1, 700]]), [4, one, m.VOIDED, 0, 0, []]], {10: 500}, m.VOID)
    site.undo(first, [site.hold_is(0, []), [4, first, m.VOIDED, 0, 0, []]], {10: 1200}, m.VOID)
    site.undo(first, [], {10: 0}, state=m.VOIDED)
    assert site.faults() == []
    assert Audit(site.journal.export()).books.cards[CARD].available() == {1: 7000, 2: 500, 16: 30}


def test_good_refunds(site):
    site.refund(1000)
    site.refund(2000, 1000, state=m.REFUNDED)
    last = site.refunded
    site.undo(last, [*site.paid(2000), [4, site.sale, m.REFUNDED_IN_PART, 1000, 0, []], [4, last, m.VOIDED, 0, 0, []]], {10: 2000}, m.VOID)
    site.refund(1, 1000)
    load = [[1, CARD, 1, -100, 1, None, site.loaded], [1, CARD, 2, -5, 2, None, site.loaded], [1, "clearing:S1:1", 0, 100], [1, "bonus-expense", 0, 5],
            [4, site.loaded, m.REFUNDED_IN_PART, 100, site.journal.index + 1, []]]
    site.request(m.REFUND, load, {20: 100, 23: site.original(site.loaded)}, {15: m.REFUNDED_IN_PART})
    assert site.faults() == []


def test_good_end_of_a_hold_by_time(site):
    site.authorize(2000)
    site.journal.now += 3600
    card, version = site.journal.books.cards[CARD], site.journal.books.cards[CARD].version
    site.journal.system("expiry", f"{CARD}/{version}", [site.hold_is(0, []), [4, site.hold, m.LAPSED, 0, 0, []]])
    assert site.faults() == [] and card.available() == {1: 7000, 2: 500, 16: 30}


def test_good_undoing_after_the_end_of_a_hold(site):
    site.authorize(2000)
    site.capture(500, 0, [[1, 1500]])
    site.journal.now += 3600
    site.undo(site.captured, [*over(site, 500), *site.paid(-500), [4, site.captured, m.REVERSED, 0, 0, []]], {10: 500})
    assert site.faults() == []


def over(site, captured=0):
    """The end of the hold by time."""
    return [site.hold_is(captured, []), [4, site.hold, m.LAPSED, 0, 0, []]]


def expired(site):
    """A lot that has expired is booked: the points of the sale, as if they had lasted until now."""
    return [[1, CARD, 16, -30, 3, 2000000000, site.sale], [1, "breakage", 16, 30]]


@pytest.mark.parametrize("kind", [m.CAPTURE, m.VOID, m.REVERSAL, m.AUTHORIZE])
def test_good_decline_by_the_end_of_a_hold(site, kind):
    """Who finds the hold's time over gets 12 with state 9, and books the end."""
    site.authorize(2000)
    site.journal.now += 3600
    asked = {23: site.original(site.hold)} | ({20: 1} if kind in (m.CAPTURE, m.AUTHORIZE) else {})
    site.request(kind, over(site), asked, {} if kind == m.AUTHORIZE else {15: m.LAPSED}, code=12)
    site.request(kind, [], asked, {} if kind == m.AUTHORIZE else {15: m.LAPSED}, code=12)
    site.request(m.PURCHASE, [], {20: 10**6}, code=51)
    assert site.faults() == []


def test_good_decline_behind_expired_points(site):
    site.journal.now = 2000000000
    site.request(m.PURCHASE, expired(site), {20: 10**6}, code=51)
    assert site.faults() == []


def test_good_refund_to_an_expired_lot(site):
    """Points go, and the money comes back as a new lot whose source is the refund itself."""
    site.journal.now = 2000000000
    here = site.journal.index + 1
    site.request(m.REFUND, [*expired(site), [2, CARD, 16, 30], [1, RECEIVABLE, 16, -30], [1, "points-expense", 16, 30],
                            [1, CARD, 1, 3000, 4, 2000086400, here], [1, "redemption:S1", 0, -3000], [4, site.sale, m.REFUNDED, 3000, here, []]],
                 {20: 3000, 23: site.original(site.sale)}, {15: m.REFUNDED})
    assert site.faults() == []


def test_good_reversal_to_an_expired_lot(site):
    """The very points that were spent come back to a lot that has expired: nobody can spend them, and the next one books them."""
    spent = site.journal.index + 1
    site.request(m.PURCHASE, [*site.paid(50), [1, CARD, 16, -20, 3, 2000000000, site.sale], [1, "points-expense", 16, 20]], {20: 50})
    site.journal.now = 2000000000
    site.undo(spent, [[1, CARD, 16, -10, 3, 2000000000, site.sale], [1, "breakage", 16, 10], *site.paid(-50), [1, CARD, 16, 20, 3, 2000000000, site.sale],
                      [1, "points-expense", 16, -20], [4, spent, m.REVERSED, 0, 0, []]], {10: 50})
    site.request(m.PURCHASE, [[1, CARD, 16, -20, 3, 2000000000, site.sale], [1, "breakage", 16, 20]], {20: 10**6}, code=51)
    assert site.faults() == []


def test_good_money_back_by_two_people(site):
    site.money_back(("OP2", site.second))
    assert site.faults() == []
    assert Audit(site.journal.export()).balances()[CARD] == {1: 7100, 2: 500, 16: 30}


def test_good_day(site):
    """A card whose product limits its day: what is undone on the same day counts no longer."""
    site.request(m.LOAD, [site.day(1, 50, 0, 0), [1, "clearing:S1:1", 0, -50], [1, CARD, 1, 50, 4, None, site.journal.index + 1]], {20: 50})
    site.request(m.PURCHASE, [site.day(1, 50, 1, 100), *site.paid(100)], {20: 100})
    sale = site.journal.index
    site.hold, site.ends = sale + 1, site.journal.now + 3600
    site.request(m.AUTHORIZE, [site.day(1, 50, 2, 300), site.hold_is(0, [[1, 200]])], {20: 200}, {18: [site.hold, 200, site.ends]})
    site.capture(200, 0, [])  # does not count again
    site.undo(sale, [*site.paid(-100), [4, sale, m.VOIDED, 0, 0, []], site.day(1, 50, 1, 200)], {10: 100}, m.VOID)
    site.act("card issue", [[3, OTHER, 2, "standard", PROOF, None, *OWNER]])
    here = site.journal.index + 1
    site.request(m.TRANSFER, [site.day(1, 50, 2, 500), [1, CARD, 1, -300, 1, None, site.loaded], [1, OTHER, 1, 300, 1, None, here]],
                 {20: 300, 12: CARD, 33: OTHER})
    site.undo(here, [[1, CARD, 1, 300, 1, None, site.loaded], [1, OTHER, 1, -300, 1, None, here], [4, here, m.REVERSED, 0, 0, []], site.day(1, 50, 1, 200)],
              {10: 300})
    assert site.faults() == []
    assert Audit(site.journal.export()).books.cards[CARD].periods == {1: (20260101, 1, 50, 1, 200, 0, 0)}


def on_a_day(*entries):
    """Plants purchases of 100, each with the effect 19 that is given."""
    def plant(site):
        for day in entries:
            site.request(m.PURCHASE, [*([[19, CARD, 1, *day, 0, 0]] if day else []), *site.paid(100)], {20: 100})
    return plant


def day_of_undone(site, day):
    on_a_day((20260101, 0, 0, 1, 100))(site)
    sale = site.journal.index
    site.undo(sale, [*site.paid(-100), [4, sale, m.VOIDED, 0, 0, []], *day], {10: 100}, m.VOID)


def test_good_end_of_a_hold_in_front_of_a_request(site):
    site.authorize(2000)
    site.journal.now += 3600
    site.request(m.PURCHASE, [site.hold_is(0, []), [4, site.hold, m.LAPSED, 0, 0, []], *site.paid(7000)], {20: 7000})
    assert site.faults() == []


@pytest.mark.parametrize("new_lot", [1, 2])
def test_good_replacement(site, new_lot):
    """Both a new card and one with a lot of its own; the hold and the original's lots are found there."""
    site.authorize(2000)
    offset = new_lot - 1
    site.act("card issue", [[3, OTHER, 1, "standard", PROOF, None, *OWNER]])
    if offset:
        site.request(m.ACTIVATE, [[3, OTHER, 2, "standard", PROOF, None, *OWNER]], told={8: OTHER})
        site.request(m.LOAD, [[1, "clearing:S1:1", 0, -5], [1, OTHER, 1, 5, 1, None, site.journal.index + 1]], {20: 5}, {8: OTHER})
    moved = [[1, c, kind, (1 if c == OTHER else -1) * amount, lot + offset * (c == OTHER), ends, source] for kind, amount, lot, ends, source
             in ((1, 7000, 1, None, site.loaded), (2, 500, 2, None, site.loaded), (16, 30, 3, 2000000000, site.sale)) for c in (CARD, OTHER)]
    site.act("card replace", [site.hold_is(0, []), *moved, site.hold_is(0, [[new_lot, 2000]], OTHER), [18, OTHER, 4 + offset],
                              [17, CARD, OTHER, offset], [3, CARD, 4, "standard", PROOF, "lost", *OWNER], [3, OTHER, 2, "standard", PROOF, "lost", *OWNER]])
    site.capture(2000, 0, [], card=OTHER, lot=new_lot)
    site.request(m.PURCHASE, site.paid(5000, OTHER, new_lot), {20: 5000}, {8: OTHER})
    site.request(m.REFUND, [*site.paid(-9, OTHER, new_lot), [4, site.sale, m.REFUNDED_IN_PART, 9, site.journal.index + 1, []]],
                 {20: 9, 23: site.original(site.sale)}, {8: OTHER, 15: m.REFUNDED_IN_PART})
    assert site.faults() == []


def test_good_shifts(site):
    at = {9: 4}
    site.request(m.PURCHASE, [*site.paid(100), [6, "T1", 1, 4, m.PURCHASE, 1, 100]], {20: 100} | at)
    sale = site.journal.index
    site.request(m.REFUND, [*site.paid(-30), [4, sale, m.REFUNDED_IN_PART, 30, sale + 1, []], [6, "T1", 1, 4, m.REFUND, 1, 30]],
                 {20: 30, 23: site.original(sale)} | at, {15: m.REFUNDED_IN_PART})
    site.undo(sale + 1, [*site.paid(30), [4, sale, m.LIVE, 0, 0, []], [4, sale + 1, m.VOIDED, 0, 0, []], [6, "T1", 1, 4, m.REFUND, -1, -30]], {10: 30}, m.VOID)
    site.request(m.RECONCILIATION, [[7, "T1", 1, 4]], {24: [[m.PURCHASE, 1, 100]]} | at, {17: [[m.PURCHASE, 1, 100]]})
    assert site.faults() == []


def second_refund_first(site):
    site.refund(1000)
    first = site.refunded
    site.refund(500, 1000)
    site.undo(first, [*site.paid(1000), [4, site.sale, m.REFUNDED_IN_PART, 500, 0, []], [4, first, m.REVERSED, 0, 0, []]], {10: 1000})


def put_back_too_late(site):
    site.authorize(2000)
    site.capture(500, 0, [[1, 1500]])
    site.journal.now += 3600
    site.undo(site.captured, [*site.paid(-500), site.hold_is(0, [[1, 500], [1, 1500]]), [4, site.captured, m.REVERSED, 0, 0, []]], {10: 500})


def put_back_miscounted(site):
    site.authorize(2000)
    site.capture(500, 0, [[1, 1500]])
    first = site.captured
    site.capture(700, 500, [], more=False)
    site.undo(first, [*site.paid(-500), site.hold_is(0, [[1, 500]]), [4, site.hold, m.LIVE, 0, 0, []], [4, first, m.REVERSED, 0, 0, []]], {10: 500})


def reconciled(site, asked, told, code=0):
    site.request(m.PURCHASE, [*site.paid(100), [6, "T1", 1, 4, m.PURCHASE, 1, 100]], {20: 100, 9: 4})
    site.request(m.RECONCILIATION, [[7, "T1", 1, 4]], {24: asked, 9: 4}, {17: told}, code=code)


def at_another(place, call):
    def entry(site):
        site.authorize()
        site.journal.place = place
        call(site)
    return entry


def after_authorize(call):
    return lambda site: (site.authorize(2000), call(site))


def lapse(site, later=3600, effects=None, version=None):
    site.journal.now += later
    effects = effects or [site.hold_is(0, []), [4, site.hold, m.LAPSED, 0, 0, []]]
    site.journal.system("expiry", f"{CARD}/{version or site.journal.books.cards[CARD].version}", effects)


PLANTED = [
    # transaction states
    ("unknown effect", lambda s: s.undo(s.sale, [*s.paid(-3000), [4, s.sale, m.REVERSED, []]], {10: 3000})),
    ("refunded of 3000", lambda s: s.refund(3001, state=m.REFUNDED)),
    ("refunded of 3000", lambda s: (s.refund(2000), s.refund(1001, 2000))),
    ("refund of kind 0x13 in state 4", lambda s: (s.refund(3000, state=m.REFUNDED), s.refund(1, 3000, state=m.REFUNDED))),
    ("is not set to", lambda s: s.refund(1000, effect=[13, "T1", 1, 1])),
    ("not (7, 1000,", lambda s: s.refund(1000, effect=[4, s.sale, m.REFUNDED_IN_PART, 999, s.journal.index + 1, []])),
    ("not (7, 1000,", lambda s: s.refund(1000, effect=[4, s.sale, m.REFUNDED_IN_PART, 1000, 1, []])),
    ("not (7, 1000,", lambda s: s.refund(1000, effect=[4, s.sale, m.REFUNDED, 1000, s.journal.index + 1, []])),
    ("tells another state", lambda s: s.refund(1000, told={15: m.REFUNDED})),
    ("not the last", second_refund_first),
    ("changes without a reason", lambda s: s.act("x", [[4, s.sale, m.REVERSED, 0, 0, []]])),
    ("no approved transaction", lambda s: s.act("x", [[4, 2, m.REVERSED, 0, 0, []]])),
    ("undoes kind 0x13 in state 7", lambda s: (s.refund(1), s.undo(s.sale, [*s.paid(-3000), [4, s.sale, m.REVERSED, 0, 0, []]], {10: 3000}))),
    ("undoes what is undone", lambda s: [s.undo(s.sale, [*s.paid(-3000), [4, s.sale, m.VOIDED, 0, 0, []]], {10: 3000}, m.VOID) for _ in range(2)]),
    ("not in the journal", lambda s: s.request(m.REFUND, s.paid(-1), {20: 1, 23: ["T1", 1, 1, bytes(32)]}, {15: m.REFUNDED_IN_PART})),
    ("was declined", lambda s: (s.request(m.PURCHASE, [], {20: 1}, code=51), s.undo(s.journal.index, s.paid(-1), {10: 1}))),
    ("another store's", at_another(("M2", "S1"), lambda s: s.refund(1000))),
    ("another store's", at_another(("M1", "S2"), lambda s: s.capture(500, 0, [[1, 1500]]))),
    ("tells changes", lambda s: s.refund(1000, told={12: {1: 999}})),
    ("tells balances", lambda s: s.refund(1000, told={11: {1: 7000, 2: 500, 16: 30}})),
    # terminals
    ("unknown effect", lambda s: s.act("x", [[8, "T2", 0, 1, 1, 0, b"", "M1", "S1", 1, 1]])),
    # holds
    ("unknown effect", after_authorize(lambda s: s.act("x", [[16, CARD, s.hold, s.ends, []]]))),
    ("does not have the 7001", lambda s: s.authorize(7001)),
    ("does not have the 7001", lambda s: (s.authorize(3500), s.authorize(3501))),
    ("does not have the 30", lambda s: s.authorize(30, parts=[[3, 30]])),
    ("does not have the 2000", after_authorize(lambda s: s.request(m.PURCHASE, s.paid(5001), {20: 5001}))),
    ("opened by no authorize", lambda s: (setattr(s, "hold", s.sale), setattr(s, "ends", 2000000000), s.act("x", [s.hold_is(0, [[1, 1]])]))),
    ("another end", after_authorize(lambda s: s.capture(500, 0, [], [[16, CARD, s.hold, s.ends + 1, 500, [[1, 1500]]], *s.paid(500)], {18: [s.hold, 1500, s.ends + 1]}))),
    ("below zero", lambda s: s.authorize(2000, parts=[[1, 2001], [2, -1]])),
    ("amount that was approved", lambda s: s.authorize(2000, parts=[[1, 1999]])),
    ("not what the answer tells", lambda s: s.authorize(2000, told={18: [s.journal.index + 1, 1999, s.journal.now + 3600]})),
    ("not what the answer tells", lambda s: s.authorize(2000, expires=s.journal.now)),
    ("not what the answer tells", after_authorize(lambda s: s.capture(500, 0, [[1, 1500]], told={18: [s.hold, 1501, s.ends]}))),
    ("2001 captured, but 2000", after_authorize(lambda s: s.capture(2001, 0, []))),
    ("counts 499 captured", after_authorize(lambda s: s.capture(500, -1, [[1, 1500]], [s.hold_is(499, [[1, 1500]]), *s.paid(500)]))),
    ("not taken from in its order", lambda s: (s.authorize(2000, parts=[[1, 1900], [2, 100]]), s.capture(100, 0, [[1, 1900]]))),
    ("not taken from in its order", after_authorize(lambda s: s.capture(500, 0, [[1, 1500]], more=False))),
    ("is not changed", after_authorize(lambda s: s.capture(500, 0, [[1, 1500]], s.paid(500)))),
    ("is not set to (8", after_authorize(lambda s: s.capture(2000, 0, [], [s.hold_is(2000, []), *s.paid(2000)]))),
    ("without an end of its authorize", after_authorize(lambda s: s.act("x", [s.hold_is(0, [])]))),
    ("changes without a reason", after_authorize(lambda s: s.act("x", [s.hold_is(0, [[1, 1999]])]))),
    ("over and still holds", after_authorize(lambda s: s.undo(s.hold, [[4, s.hold, m.VOIDED, 0, 0, []]], {10: 2000}, m.VOID))),
    ("or was captured from", after_authorize(lambda s: (s.capture(500, 0, [[1, 1500]]), s.undo(s.hold, [s.hold_is(500, []), [4, s.hold, m.REVERSED, 0, 0, []]], {10: 1500})))),
    ("lapses too early", after_authorize(lambda s: lapse(s, 3599))),
    ("is over, and gets something back", put_back_too_late),
    ("does not count what was captured", put_back_miscounted),
    ("in state 9", after_authorize(lambda s: (lapse(s), s.capture(500, 0, [], [*s.paid(500)])))),
    ("takes from or raises kind 0x13", lambda s: (setattr(s, "hold", s.sale), setattr(s, "ends", 2000000000), s.capture(1, 0, [], s.paid(1)))),
    # due items
    ("another card or version", after_authorize(lambda s: lapse(s, version=1))),
    ("lapses without an end", after_authorize(lambda s: lapse(s, effects=[[2, CARD, 16, 0], [4, s.hold, m.LAPSED, 0, 0, []]]))),
    # what has ended, in front
    ("lapses too early", after_authorize(lambda s: s.request(m.CAPTURE, over(s), {20: 1, 23: s.original(s.hold)}, {15: m.LAPSED}, code=12))),
    ("still there", after_authorize(lambda s: (setattr(s.journal, "now", s.ends), s.request(m.PURCHASE, s.paid(100), {20: 100})))),
    ("still there", lambda s: (setattr(s.journal, "now", 2000000000), s.request(m.PURCHASE, s.paid(100), {20: 100}))),
    ("tells changes", lambda s: (setattr(s.journal, "now", 2000000000), s.request(m.PURCHASE, expired(s) + s.paid(100), {20: 100}, {12: {1: -100, 16: -30}}))),
    ("declined, but with", lambda s: s.request(m.PURCHASE, s.paid(100), {20: 100}, code=51)),
    ("declined, but with", lambda s: s.request(m.PURCHASE, expired(s), {20: 100}, code=51)),
    ("declined, but with", lambda s: s.request(m.PURCHASE, [s.day(0, 0, 1, 100)], {20: 100}, code=61)),
    ("declined for state 9", after_authorize(lambda s: s.request(m.CAPTURE, [], {20: 1, 23: s.original(s.hold)}, {15: m.LAPSED}, code=12))),
    ("declined for state 1", after_authorize(lambda s: (setattr(s.journal, "now", s.ends), s.request(m.CAPTURE, over(s), {20: 1, 23: s.original(s.hold)}, {15: m.LIVE}, code=12)))),
    ("counts again", after_authorize(lambda s: (s.capture(500, 0, [[1, 1500]]), setattr(s.journal, "now", s.ends), s.undo(s.captured, [
        *s.paid(-500), *over(s), [4, s.captured, m.REVERSED, 0, 0, []]], {10: 500})))),
    # two people
    ("has 1 signatures", lambda s: s.money_back()),
    ("same operator twice", lambda s: s.money_back(("OP1", s.operator))),
    ("same operator twice", lambda s: s.money_back(("OP1", s.second), effects=[[10, "OP1", 1, s.operator.spki, 0]])),
    ("same key twice", lambda s: s.money_back(("OP3", s.operator), effects=[[10, "OP3", 1, s.operator.spki, 0]])),
    ("is for another act", lambda s: s.money_back(("OP2", s.second, "card-block", {0: CARD, 1: 100, 2: "no receipt"}))),
    ("is for another act", lambda s: s.money_back(("OP2", s.second, "card-refund", {0: CARD, 1: 99, 2: "no receipt"}))),
    ("has 2 signatures", lambda s: s.money_back(("OP2", s.second), name="card-block")),
    ("one signature or two", lambda s: s.money_back(("OP2", s.second), ("OP2", s.second))),
    ("act of OP2", lambda s: s.money_back(("OP2", Key(ES256)))),
    ("OP3 is not one of two yet", lambda s: s.money_back(("OP3", s.third()))),
    ("OP3 counts from 0", lambda s: s.third(counts=0)),
    ("OP3 counts from", lambda s: s.third(counts=s.journal.now + 72 * 3600 - 1)),
    ("OP3 counts from", lambda s: s.third({0: "OP3", 1: b"", 2: True})),
    ("opens no exception of kind 5", lambda s: s.third(shown=False)),
    ("OP2 is revoked", lambda s: s.money_back(("OP2", s.second), effects=[[10, "OP2", 2, s.second.spki, 0]])),
    # a card's day
    ("unknown effect", on_a_day((20260101, 0, 0, 1))),
    ("day of card", on_a_day((20260101, 0, 0, 1, 99))),
    ("day of card", on_a_day((20260101, 0, 0, 1, 100), (20260101, 0, 0, 1, 100))),
    ("day of card", on_a_day((20260101, 1, 100, 0, 0))),
    ("day of card", on_a_day((20260102, 0, 0, 1, 100))),
    ("goes back", on_a_day((20260101, 0, 0, 1, 100), (20251231, 0, 0, 1, 100))),
    ("does not count this", on_a_day((20260101, 0, 0, 1, 100), None)),
    ("does not count this", lambda s: day_of_undone(s, [])),
    ("day of card", lambda s: day_of_undone(s, [s.day(0, 0, 1, 100)])),
    ("no state hash", lambda s: plant_without_hash(s, s.day(0, 0, 1, 100))),
    # successors
    ("still has something", lambda s: s.replace(amount=6999)),
    ("another has taken its place", lambda s: (s.replace(), s.request(m.PURCHASE, s.paid(-1), {20: 1}))),
    ("replaced twice", lambda s: (s.replace(), s.act("x", [[17, CARD, OTHER + 1, 0]]))),
    ("may open a lot", lambda s: without_points(s, [])),
    ("fall on lots", lambda s: (s.act("x", [[18, OTHER, 2]]), s.replace())),
    ("place it takes", lambda s: (without_points(s, [[18, OTHER, 4]]), s.act("x", [[1, OTHER, 16, 1, 3, 2000000001, s.sale], [1, "points-expense", 16, -1]]))),
    ("place it takes", lambda s: s.replace(offset=1, new_lot=1)),
    ("not the next one", lambda s: s.replace(offset=4, new_lot=4)),
    ("and successor", lambda s: s.act("x", [[3, CARD, 4, "standard", PROOF, "lost", *OWNER]])),
    ("and successor", lambda s: s.act("x", [[3, CARD, 5, "standard", PROOF, None, *OWNER]])),
    # next lot
    ("not the next one", lambda s: (s.act("x", [[18, CARD, 9]]), s.request(m.LOAD, [[1, CARD, 1, 1, 4, None, s.journal.index + 1], [1, "clearing:S1:1", 0, -1]], {20: 1}))),
    ("no state hash", lambda s: plant_without_hash(s, [18, CARD, 9])),
    ("no state hash", after_authorize(lambda s: plant_without_hash(s, s.hold_is(0, [[1, 2000]])))),
    # shifts
    ("shift totals", lambda s: s.request(m.PURCHASE, s.paid(100), {20: 100, 9: 4})),
    ("shift totals", lambda s: s.request(m.PURCHASE, [*s.paid(100), [6, "T1", 1, 4, m.PURCHASE, 1, 99]], {20: 100, 9: 4})),
    ("shift totals", lambda s: s.authorize(2000, asked={9: 4}) or s.capture(500, 0, [[1, 1500]], [s.hold_is(500, [[1, 1500]]), *s.paid(500), [6, "T1", 1, 4, m.CAPTURE, 1, 500]])),
    ("other totals", lambda s: reconciled(s, [[m.PURCHASE, 1, 100]], [[m.PURCHASE, 1, 101]])),
    ("other totals", lambda s: reconciled(s, [[m.PURCHASE, 1, 101]], [[m.PURCHASE, 1, 100]])),
    ("other totals", lambda s: reconciled(s, [[m.PURCHASE, 1, 100]], [[m.PURCHASE, 1, 100]], 95)),
    ("is closed", lambda s: (reconciled(s, [[m.PURCHASE, 1, 100]], [[m.PURCHASE, 1, 100]]), reconciled(s, [], []))),
]


def without_points(site, next_lot):
    """A replacement of a card whose last lot is empty."""
    site.act("x", [[1, CARD, 16, -30, 3, 2000000000, site.sale], [1, "points-expense", 16, 30]])
    site.replace(points=0, next_lot=next_lot)


def plant_without_hash(site, effect):
    states, site.journal._states = site.journal._states, lambda effects: []
    site.act("x", [effect])
    site.journal._states = states


@pytest.mark.parametrize("fault, plant", PLANTED, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(PLANTED)])
def test_planted(site, fault, plant):
    plant(site)
    assert any(fault in text for text in site.faults()), site.faults()


@pytest.mark.parametrize("name", ["holds", "successor", "periods", "owner", "pin", "debts"])
def test_state_hash_covers(site, name):
    """A card's hash changes with its holds, its successor, its day, its owner, its PIN and its debts: an entry that keeps quiet about them is found."""
    card = site.journal.books.cards[CARD]
    before = card.hash(CARD)
    setattr(card, name, {"holds": {7: (1, 0, [[1, 1]])}, "successor": (OTHER, 0), "periods": {2: (20260101, *[0] * 6)}, "owner": (1, None, None, [None, None]),
                        "pin": (bytes(16), bytes(32), 0), "debts": {17: 1}}[name])
    assert card.hash(CARD) != before
    site.act("x", [[2, CARD, 16, 0]])
    assert any("state hash" in text for text in site.faults())


def test_a_new_gateway_key(site):
    old, new = site.journal.key, Key(ES256)
    site.act("key rotate", [[12, new.spki]])
    site.journal.seal()
    site.journal.key = new
    site.act("x", [])
    assert site.faults() == []
    site.journal.key = old
    site.act("y", [])
    assert site.faults()


def test_command(site, tmp_path):
    auditor = Path(__file__).parent / "auditor.py"
    export, anchors, held = tmp_path / "export", tmp_path / "anchors", tmp_path / "receipt"
    export.write_bytes(site.journal.export())
    anchors.write_text(site.journal.anchor() + "\n")
    receipt, details = site.receipt
    held.write_bytes(encode({0: 1, 1: site.journal.installation, 2: m.PURCHASE, 3: site.body, 4: site.answer, 5: details, 6: receipt}))
    command = [sys.executable, str(auditor), str(export), "--anchors", str(anchors), "--receipt", str(held)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.endswith("OK\n"), run.stdout + run.stderr
    cut = JournalBuilder()  # another journal does not have that entry
    cut.system("genesis", cut.installation.hex(), [])
    cut.seal()
    export.write_bytes(cut.export())
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and "FAULT" in run.stdout, run.stdout + run.stderr
