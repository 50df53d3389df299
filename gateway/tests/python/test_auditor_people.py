"""The auditor on journals built here: PINs, cashiers, unloads, refunds by line, corporate accounts, exceptions and grants."""

import pytest

import messages as m
from auditor import Audit
from codec import encode
from crypto import ES256, PROTECTED
from test_auditor import CARD, OTHER, OWNER, PROOF, Site

SALT, HASH, NEW = bytes(16), bytes(32), b"n" * 32
GRANT_ID = b"grant--1"


@pytest.fixture
def site():
    return Site()


class Pins:
    """Entries about the PIN of the card and of the cashiers amy and the supervisor lin."""

    def __init__(self, site):
        self.site, self.pin = site, (SALT, HASH)
        site.request(m.CHANGE_PIN, [[20, CARD, SALT, HASH, 0]], {12: CARD}, {10: 0})
        for name in ("amy", "lin"):
            site.act("cashier-add", [self.person(name, 0)])

    def person(self, name, tries, **changes):
        return [22, name, 1, "M1", None, changes.get("supervisor", name == "lin"), SALT, HASH, tries]

    def card_pin(self, tries, pin=None):
        return [20, CARD, *(pin or self.pin), tries]

    def tried(self, effect, who=None, index=None):
        """A try for the next request, or for a CashierSignOn of `who`."""
        key = f"T1/1/{who or self.site.stan + 1}/{index or self.site.journal.index + 1}"
        self.site.journal.system("pin-try", key, [effect])

    def paid(self, *effects, code=0, told=None):
        effects = [*(self.site.paid(100) if code == 0 else []), *effects]
        self.site.request(m.PURCHASE, effects, {20: 100, 12: CARD}, ({8: CARD} if code else {}) | (told or {}), code=code)

    def refund(self, *effects, supervisor="lin", cashier="amy"):
        here = self.site.journal.index + 1
        self.site.request(m.REFUND, [*self.site.paid(-10), [4, self.site.sale, m.REFUNDED_IN_PART, 10, here, []], *effects],
                          {20: 10, 23: self.site.original(self.site.sale), 37: supervisor, 8: cashier}, {15: m.REFUNDED_IN_PART})

    def two(self, effects, act="card-pin", people=2):
        site = self.site
        site.act("operator-add", [[10, "OP2", 1, site.second.spki, 0]])
        more = [("OP2", site.second, act, {0: CARD})] if people == 2 else []
        site.journal.act("OP1", site.operator, act, {0: CARD}, effects, *more)


def test_good_pins(site):
    pins = Pins(site)
    pins.tried(pins.card_pin(1))
    pins.paid(code=55, told={37: 2})
    pins.tried(pins.card_pin(2))
    pins.paid(pins.card_pin(0))
    pins.tried(pins.card_pin(1))
    pins.paid(pins.card_pin(0), code=51)  # right, whatever the answer is
    pins.tried(pins.card_pin(1))
    site.request(m.CHANGE_PIN, [[20, CARD, SALT, NEW, 0]], {12: CARD}, {10: 0})
    pins.pin = SALT, NEW
    pins.two([pins.card_pin(0)])
    site.act("x", [])
    pins.tried(pins.person("lin", 1))
    pins.refund(pins.person("lin", 0))
    for tries in (1, 2, 0):
        pins.tried(pins.person("amy", tries), "amy")
    assert site.faults() == []


PINS = [
    ("set back without a try", lambda p: p.paid(p.card_pin(0))),
    ("without a right to it", lambda p: p.site.act("x", [p.card_pin(0)])),
    ("has 1 signatures", lambda p: p.two([p.card_pin(0)], people=1)),
    ("without a right to it", lambda p: p.two([p.card_pin(0, (SALT, NEW))])),
    ("without a right to it", lambda p: p.site.request(m.CHANGE_PIN, [[20, CARD, SALT, NEW, 0]], {12: CARD}, {10: 0})),
    ("without a right to it", lambda p: (p.tried(p.card_pin(1)), p.site.request(m.CHANGE_PIN, [[20, CARD, SALT, HASH, 0]], {12: CARD}, {10: 0}))),
    ("is not", lambda p: p.site.request(m.CHANGE_PIN, [], {12: CARD}, {10: 0})),
    ("does not count", lambda p: p.tried(p.card_pin(0))),
    ("does not count", lambda p: p.tried(p.card_pin(2))),
    ("more than the count", lambda p: p.tried(p.card_pin(1, (SALT, NEW)))),
    ("another key", lambda p: p.tried(p.card_pin(1), index=3)),
    ("not right", lambda p: (p.tried(p.card_pin(1)), p.paid())),
    ("was not counted", lambda p: p.paid(code=55, told={37: 2})),
    ("locked without", lambda p: p.paid(code=75)),
    ("does not count", lambda p: p.tried(p.person("amy", 0), "amy")),
    ("without a PIN", lambda p: p.refund()),
    ("set back without a try", lambda p: p.refund(p.person("lin", 0))),
    ("who may not", lambda p: (p.tried(p.person("amy", 1)), p.refund(p.person("amy", 0), supervisor="amy"))),
    ("who may not", lambda p: (p.tried(p.person("lin", 1)), p.refund(p.person("lin", 0), cashier="lin"))),
    ("who may not", lambda p: (p.tried(p.person("lin", 1)), setattr(p.site.journal, "place", ("M2", "S1")), p.refund(p.person("lin", 0)))),
    ("PIN of amy", lambda p: p.site.act("x", [p.person("amy", 0, supervisor=True)])),
    ("state hash", lambda p: without_pin(p.site)),
]


def without_pin(site):
    site.journal.books.cards[CARD].pin = (SALT, NEW, 0)
    site.act("x", [[2, CARD, 16, 0]])


@pytest.mark.parametrize("fault, plant", PINS, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(PINS)])
def test_planted_pins(site, fault, plant):
    plant(Pins(site))
    assert any(fault in text for text in site.faults()), site.faults()


# ---- unloads, lines, corporate accounts ----

def unload(site, parts, asked, effects=None):
    """Takes `parts` (load -> (amount, state)) from the loaded lots of the card; the site's load is worth 10000, 3000 are spent."""
    here = site.journal.index + 1
    postings = [e for load, (amount, _) in parts.items() for e in ([1, CARD, 1, -amount, 1 if load == site.loaded else 4, None, load], [1, "clearing:S1:1", 0, amount])]
    states = [[4, load, state, amount, here, []] for load, (amount, state) in sorted(parts.items())]
    site.request(m.UNLOAD, postings + states if effects is None else effects, {20: asked, 12: CARD})
    return here


def second_load(site, amount=1000):
    here = site.journal.index + 1
    site.request(m.LOAD, [[1, "clearing:S1:1", 0, -amount], [1, CARD, 1, amount, 4, None, here]], {20: amount})
    return here


def test_good_unload(site):
    load = second_load(site)
    here = unload(site, {load: (1000, m.REFUNDED), site.loaded: (500, m.REFUNDED_IN_PART)}, 1500)
    site.undo(here, [[1, CARD, 1, 1000, 4, None, load], [1, CARD, 1, 500, 1, None, site.loaded], [1, "clearing:S1:1", 0, -1500],
                     [4, site.loaded, m.LIVE, 0, 0, []], [4, load, m.LIVE, 0, 0, []], [4, here, m.REVERSED, 0, 0, []]], {10: 1500})
    assert site.faults() == []


def line(item, quantity, amount):
    return [item, "wear", None, quantity, amount, 0]


def refund_by_line(site, before, *lines, effect=None):
    amount = sum(one[4] for one in lines)
    here = site.journal.index + 1
    site.request(m.REFUND, [*site.paid(-amount), effect or [4, site.lined, m.REFUNDED_IN_PART, before + amount, here, [[one[0], one[3], one[4]] for one in lines]]],
                 {20: amount, 23: site.original(site.lined), 22: list(lines)}, {15: m.REFUNDED_IN_PART})
    return here


def lined(site):
    site.lined = site.journal.index + 1
    site.request(m.PURCHASE, site.paid(300), {20: 300, 22: [line("a", 1000, 100), line("b", 2000, 200)]})
    return site


def test_good_lines(site):
    lined(site)
    here = refund_by_line(site, 0, line("b", 1000, 100))
    site.undo(here, [*site.paid(100), [4, site.lined, m.LIVE, 0, 0, []], [4, here, m.REVERSED, 0, 0, []]], {10: 100})
    refund_by_line(site, 0, line("a", 1000, 100), line("b", 2000, 150))
    assert site.faults() == []


def corporate(site, account=OTHER):
    site.act("card-issue", [[3, OTHER, 2, "account", PROOF, None, *OWNER]])
    site.request(m.LOAD, [[1, "clearing:S1:1", 0, -900], [1, OTHER, 1, 900, 1, None, site.journal.index + 1]], {20: 900}, {8: OTHER})
    site.act("x", [[1, CARD, 1, -7000, 1, None, site.loaded], [1, CARD, 2, -500, 2, None, site.loaded], [1, "breakage", 0, 7500]])
    site.act("card-bind", [[3, CARD, 2, "standard", PROOF, None, None, None, account, [None, None]]])
    return site.journal.index - 2


def test_good_corporate_card(site):
    load = corporate(site)
    site.request(m.PURCHASE, [[1, OTHER, 1, -100, 1, None, load], [1, "redemption:S1", 0, 100]], {20: 100},
                 {11: {1: 800, 2: 0, 16: 30}, 12: {1: -100}})
    assert site.faults() == []


PLANTED = [
    ("an older one", lambda s: (second_load(s), unload(s, {s.loaded: (500, m.REFUNDED_IN_PART)}, 500))),
    ("takes {", lambda s: unload(s, {s.loaded: (500, m.REFUNDED_IN_PART)}, 501)),
    ("in state 2", lambda s: (load := second_load(s), s.undo(load, [[1, CARD, 1, -1000, 4, None, load], [1, "clearing:S1:1", 0, 1000], [4, load, m.REVERSED, 0, 0, []]], {10: 1000}),
                              unload(s, {load: (1000, m.REFUNDED)}, 1000))),
    ("not (7, 500", lambda s: unload(s, {s.loaded: (500, m.REFUNDED)}, 500)),
    ("more of b", lambda s: refund_by_line(lined(s), 0, line("b", 2001, 100))),
    ("more of b", lambda s: refund_by_line(lined(s), 0, line("b", 1, 201))),
    ("more of c", lambda s: refund_by_line(lined(s), 0, line("c", 1, 1))),
    ("more of b", lambda s: (lined(s), refund_by_line(s, 0, line("b", 1000, 100)), refund_by_line(s, 100, line("b", 1001, 50)))),
    ("is (7, 100", lambda s: refund_by_line(lined(s), 0, line("b", 1000, 100), effect=[4, s.lined, m.REFUNDED_IN_PART, 100, s.journal.index + 1, []])),
    ("money of its own", lambda s: (corporate(s), s.request(m.LOAD, [[1, "clearing:S1:1", 0, -5], [1, CARD, 1, 5, 4, None, s.journal.index + 1]], {20: 5}))),
    ("money of its own", lambda s: (s.act("card-issue", [[3, OTHER, 2, "account", PROOF, None, *OWNER]]), s.act("card-bind", [[3, CARD, 2, "standard", PROOF, None, None, None, OTHER, [None, None]]]))),
    ("no account of its own", lambda s: corporate(s, CARD)),
    ("does not count this", lambda s: till_day(s, [[21, "terminal:T1", 20260101, 0, 0, 1, 100, 0, 0]], [])),
    ("terminal:T1", lambda s: till_day(s, [[21, "terminal:T1", 20260101, 0, 0, 1, 99, 0, 0]])),
    ("period 2", lambda s: till_day(s, [[19, CARD, 2, 20260102, 0, 0, 1, 100, 0, 0]])),
    ("opens no exception of kind 2", lambda s: s.request(m.RECONCILIATION, [[7, "T1", 1, 4]], {24: [[m.LOAD, 1, 1]], 9: 4}, {17: []}, code=95)),
    ("opens no exception of kind 1", lambda s: cash(s, effects=[])),
    ("not [1, 1, 500]", lambda s: cash(s, effects=[[23, s.journal.index + 1, 1, 1, 499, 0]])),
    ("suspense of S1 has 0", lambda s: cash(s, postings=[])),
    ("without a reason", lambda s: s.act("x", [[23, s.sale, 1, 1, 5, 0]])),
    ("settled without two people", lambda s: (index := cash(s), s.act("x", [*paid_out(500), [23, index, 1, 2, 500, 0]]))),
    ("has 1 signatures", lambda s: (index := cash(s), settle(s, index, 2, paid_out(500), people=1))),
    ("moves [", lambda s: (index := cash(s), settle(s, index, 2, paid_out(499)))),
    ("in way 3", lambda s: (index := cash(s), settle(s, index, 3, [[1, "offline-loss:S1", 0, 500], [1, "suspense:S1", 0, -500]]))),
    ("after its end", lambda s: (index := cash(s), settle(s, index, 2, paid_out(500)), settle(s, index, 2, paid_out(500)))),
    ("load that it names stands", lambda s: (index := cash(s, {23: s.original(s.loaded)}), settle(s, index, 1, to_card(s, 500), {3: CARD}))),
    ("outside of a grant", lambda s: advice(s, 100, grant=b"")),
    ("outside of a grant", lambda s: advice(s, 101)),
    ("outside of a grant", lambda s: advice(s, 100, at=99)),
    ("outside of a grant", lambda s: advice(s, 100, at=200)),
    ("outside of a grant", lambda s: advice(s, 100, signer=s.operator)),
    ("outside of a grant", lambda s: advice(s, 100, terminal="T2")),
    ("outside of a grant", lambda s: (advice(s, 100), advice(s, 60, used=[2, 160]))),
    ("outside of a grant", lambda s: (advice(s, 50), advice(s, 50, used=[2, 100]), advice(s, 1, used=[3, 101]))),
    ("tally of", lambda s: advice(s, 100, used=[1, 99])),
    ("is borne by 2", lambda s: advice(s, 100, shortfall=40, bearer=2)),
    ("opens no exception of kind 4", lambda s: advice(s, 100, shortfall=40, bearer=None)),
    ("the card paid", lambda s: advice(s, 100, shortfall=40, paid=70)),
]


def till_day(site, *entries):
    for effects in entries:
        site.request(m.PURCHASE, [*effects, *site.paid(100)], {20: 100})


def cash(site, asked=None, effects=None, postings=None):
    here = site.journal.index + 1
    postings = [[1, "clearing:S1:1", 0, -500], [1, "suspense:S1", 0, 500]] if postings is None else postings
    effects = [[23, here, 1, 1, 500, 0]] if effects is None else effects
    site.act("x", [[1, "suspense:S1", 0, 1], [1, "suspense:S1", 0, -1]])  # the account is known
    here += 1
    effects = [[23, here, *e[2:]] for e in effects]
    site.request(m.CASH_TAKEN, postings + effects, {20: 500, 21: [[1, 500]], 25: 1} | (asked or {}), {8: CARD, 11: None, 12: None})
    return here


def paid_out(amount):
    return [[1, "clearing:S1:1", 0, amount], [1, "suspense:S1", 0, -amount]]


def to_card(site, amount):
    return [[1, CARD, 1, amount, 4, None, site.journal.index + 1], [1, "suspense:S1", 0, -amount]]


def settle(site, index, way, postings, more=None, people=2):
    arguments = {0: index, 1: way, 2: "why"} | (more or {})
    site.books = site.journal.books
    second = [("OP2", site.second, "exception-settle", arguments)] if people == 2 else []
    if "OP2" not in site.books.operators:
        site.act("operator-add", [[10, "OP2", 1, site.second.spki, 0]])
        postings = [[*e[:-1], site.journal.index + 1] if len(e) == 7 else e for e in postings]
    site.journal.act("OP1", site.operator, "exception-settle", arguments, [*postings, [23, index, 1, 2, 500, 0]], *second)


def advice(site, amount, used=None, shortfall=0, bearer=1, at=150, grant=None, signer=None, terminal="T1", paid=None):
    """Under a grant of 100 a sale, 150 a card, two sales, 200 in all, from 100 until 200."""
    here = site.journal.index + 1
    payload = encode({1: terminal, 2: 1, 3: GRANT_ID, 4: 100, 5: 200, 6: [100, 150, 2, 200]})
    if grant is None:
        protected = PROTECTED[ES256]
        grant = encode([protected, {}, payload, (signer or site.journal.key).sign(site.journal.context.grant(protected, payload))])
    name = f"grant:T1/1/{GRANT_ID.hex()}"
    tally = [[21, who, 0, 0, 0, *(used or [1, amount]), 0, 0] for who in (name, f"{name}/{CARD}")]
    paid = amount - shortfall if paid is None else paid
    effects = [*tally, [1, CARD, 1, -paid, 1, None, site.loaded], [1, "redemption:S1", 0, amount]]
    if paid != amount:
        effects.append([1, "suspense:S1", 0, paid - amount])
    if shortfall and bearer is not None:
        effects.append([23, here, 4, 1, shortfall, bearer])
    site.request(m.ADVICE, effects, {20: amount, 12: CARD, 7: [at, 0], 36: grant}, {36: shortfall})
    return here


def test_good_claims(site):
    settle(site, cash(site), 2, paid_out(500))
    index = cash(site)
    settle(site, index, 1, to_card(site, 500), {3: CARD})
    advice(site, 100)
    last = advice(site, 50, used=[2, 150], shortfall=20)
    site.undo(last, [*site.paid(-30), [1, "redemption:S1", 0, -20], [1, "suspense:S1", 0, 20], [4, last, m.REVERSED, 0, 0, []], [23, last, 4, 2, 20, 1]], {10: 50})
    assert site.faults() == []


@pytest.mark.parametrize("fault, plant", PLANTED, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(PLANTED)])
def test_planted(site, fault, plant):
    plant(site)
    assert any(fault in text for text in site.faults()), site.faults()
