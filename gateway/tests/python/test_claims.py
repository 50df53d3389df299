"""Cash that was taken and not credited, offline approval, and what waits for two people (PROTOCOL.md sections 9.1 and 11)."""

import dataclasses

import pytest

import messages as m
import programmes
from claims import CASH, DIFFERS, MERCHANT, NOBODY, OPEN, SETTLED, SHORTFALL, STORE, TOO_LATE
from codec import decode, encode
from crypto import PROTECTED, open_sign1
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401


def waiting(audit):
    return {index: (c.kind, c.status, c.amount, c.bearer) for index, c in audit.claims.known.items()}


# ---- cash taken ----

def test_cash_taken(shop):
    kiosk = shop.ready_terminal(shop.algorithm, "kiosk")
    card = shop.new_card()
    assert kiosk.activate(card).code == 0
    load = kiosk.card_request(m.LOAD, card, 5000)
    taken = kiosk.cash_taken(5000, card, load)
    assert taken.code == 0 and taken.fields[10] == 5000
    unnamed = kiosk.cash_taken(300)
    nobody = next(r for r in range(card.reference + 1, card.reference + 99) if m.luhn(r))
    unknown = kiosk.ask(kiosk.cash_request(70, more={12: nobody}))
    assert unnamed.code == 0 == unknown.code
    assert kiosk.balance(card).balances() == (0, 0, 0)  # it credits nobody
    request = kiosk.request_of(taken)
    for by in (kiosk.reversal, kiosk.status):
        answer = by(request)
        assert answer.code == (12 if by == kiosk.reversal else 0) and 15 not in answer.fields or answer.state == m.LIVE
    again = kiosk.cash_request(40, card)
    assert lost(kiosk, again).state == m.LIVE
    never = kiosk.cash_request(40, card)
    assert kiosk.reversal(never).fields[15] == m.BLOCKED
    refused(kiosk.ask(never), 21)
    audit = shop.audit()
    assert waiting(audit) == {a.fields[6]: (CASH, OPEN, amount, NOBODY) for a, amount in ((taken, 5000), (unnamed, 300), (unknown, 70))} | {
        kiosk.status(again).fields and decode(kiosk.status(again).fields[16])[6]: (CASH, OPEN, 40, NOBODY)}
    assert audit.books.named["suspense:S001"].balances == {0: 5410}


def test_cash_taken_in_a_shift(shop):
    kiosk = shop.ready_terminal(shop.algorithm, "kiosk")
    assert kiosk.cash_taken(500, more={9: 2}).code == 0 == kiosk.cash_taken(300, more={9: 2, 21: [[1, 100], [2, 200, "x"]]}).code
    assert kiosk.whole_shift(2)[0].fields[17] == [[m.CASH_TAKEN, 2, 800]]
    assert kiosk.reconciliation(2, [[m.CASH_TAKEN, 2, 800]]).code == 0
    shop.audit()


# ---- what two people settle ----

def test_exceptions(shop):
    shop.people()
    terminal = shop.terminal()
    card = shop.card(terminal)
    taken = terminal.cash_taken(700)
    load = sold(terminal, terminal.load(card, 1000))
    sold(terminal, terminal.purchase(card, 1))
    late = terminal.reversal(load)
    refused(late, 51, m.LIVE)
    differs = terminal.reconciliation(4, [[m.LOAD, 1, 1]])
    assert differs.code == 95
    assert waiting(shop.audit()) == {taken.fields[6]: (CASH, OPEN, 700, NOBODY), late.fields[6]: (TOO_LATE, OPEN, 1000, NOBODY),
                                     differs.fields[6]: (DIFFERS, OPEN, 0, NOBODY)}


# ---- offline approval ----

@pytest.fixture
def offline(shop):
    """50.00 a sale, 80.00 a card, four sales, 150.00 in all."""
    shop.put(programmes.OFFLINE)
    return shop


def test_grant(offline):
    terminal = offline.terminal()
    grant = terminal.grant
    assert (grant.per_transaction, grant.per_card, grant.count, grant.sum) == (5000, 8000, 4, 15000)
    assert grant.issued <= terminal.gateway_time and grant.expires == grant.issued + 24 * 3600
    assert terminal.ready().grant.id != grant.id  # a new sign-on brings a new one
    offline.put(programmes.OFFLINE.split("[offline]")[0])
    terminal.ready()
    assert terminal.grant is None


def test_advices(offline):
    terminal = offline.terminal()
    card, poor = offline.card(terminal, 20000), offline.card(terminal, 1000)
    grant, before = terminal.grant, terminal.balance(card).balances()
    terminal.close()
    terminal.connection = None
    queue = [terminal_advice(terminal, grant, card, 5000), terminal_advice(terminal, grant, poor, 3000)]
    terminal.ready()
    answers = [terminal.ask(one) for one in reversed(queue)]  # in any order
    short, paid = answers
    assert paid.code == 0 and paid.fields[36] == 0 and paid.changes() == (-5000, 0, 50) and paid.balances() == (before[0] - 5000, before[1], 50)
    assert short.code == 0 and short.fields[10] == 3000 and short.fields[36] == 2000 and short.changes() == (-1000, 0, 10)
    audit = offline.audit()
    assert waiting(audit) == {short.fields[6]: (SHORTFALL, OPEN, 2000, MERCHANT)}
    assert audit.books.named["suspense:S001"].balances == {0: -2000}


def terminal_advice(terminal, grant, card, amount, more=None):
    return terminal.advice_request(card, amount, grant, more)


def test_advice_outside_its_grant(offline):
    terminal, other = offline.terminal(), offline.terminal()
    card, theirs = offline.card(terminal, 20000), other.grant
    grant = terminal.grant
    now = grant.issued
    broken = bytearray(grant.raw)
    broken[-1] ^= 1
    wrong = [(grant, 5001, None), (theirs, 100, None), (bytes(broken), 100, None), (b"", 100, None), (grant, 100, {7: [now - 1, 480]}), (grant, 100, {7: [grant.expires, 480]})]
    for used, amount, more in wrong:
        answer = terminal.advise(card, amount, used, more)
        assert answer.code == 0 and answer.fields[36] == amount and answer.changes() == (0, 0, 0), (amount, more, answer.fields)
    for _ in range(1):
        assert terminal.advise(card, 100, grant, {7: [now, 480]}).fields[36] == 0
    audit = offline.audit()
    assert all(c.bearer == STORE for c in audit.claims.known.values()) and len(audit.claims.known) == len(wrong)


def test_advice_is_never_declined(offline):
    terminal = offline.terminal()
    blocked, gone, fresh, new = offline.card(terminal, 5000), offline.card(terminal, 5000), offline.new_card(), offline.new_card()
    offline.admin("card", "block", "--card", str(blocked.reference), "--reason", "lost")
    offline.admin("card", "replace", "--card", str(gone.reference), "--by", str(new.reference), "--reason", "worn")
    offline.seen.pop(gone.reference)
    nobody = dataclasses.replace(fresh, reference=next(r for r in range(fresh.reference + 1, fresh.reference + 99) if m.luhn(r)))
    for card in (blocked, gone, fresh, nobody):
        answer = terminal.advise(card, 1000)
        assert answer.code == 0 and answer.fields[10] == 1000, answer.fields
    offline.seen.clear()
    kiosk = offline.ready_terminal(offline.algorithm, "kiosk")
    refused(kiosk.ask(kiosk.advice_request(blocked, 100, terminal.grant)), 58)
    terminal.currency = 978
    refused(terminal.advise(blocked, 100), 57)
    offline.audit()


def test_advices_over_the_limits_of_a_grant(offline):
    terminal = offline.terminal()
    card, second, third = (offline.card(terminal, 20000) for _ in range(3))
    answers = [terminal.advise(c, amount) for c, amount in ((card, 5000), (card, 3001), (second, 5000), (second, 2000), (third, 100))]
    assert all(a.code == 0 for a in answers)
    assert answers[4].fields[36] == 100  # the fifth
    offline.audit()


def test_advice_undone_and_refunded(offline):
    terminal, at = offline.terminal(), {9: 6}
    card, poor = offline.card(terminal, 20000), offline.card(terminal, 1000)
    lone = terminal.advice_request(card, 1000, more=at)
    assert lost(terminal, lone).changes() == (-1000, 0, 10)
    refused(terminal.capture(lone, 1), 12, m.LIVE)
    assert terminal.refund(lone, 400).fields[15] == m.REFUNDED_IN_PART
    other = sold(terminal, terminal.advise(card, 500, more=at))
    assert terminal.void(other).changes() == (500, 0, -5)
    never = terminal.advice_request(card, 10)
    assert terminal.reversal(never).fields[15] == m.BLOCKED
    refused(terminal.ask(never), 21)
    short = sold(terminal, terminal.advise(poor, 3000))
    undone = terminal.reversal(short)
    assert undone.code == 0 and undone.balances() == (1000, 0, 0) and undone.fields[15] == m.REVERSED
    assert terminal.reconciliation(6, [[m.ADVICE, 1, 1000]]).code == 95  # and the refund was in no shift
    audit = offline.audit()
    assert audit.books.named["suspense:S001"].balances.get(0, 0) == 0


def test_advice_in_a_closed_shift(offline):
    terminal, at = offline.terminal(), {9: 6}
    card = offline.card(terminal, 20000)
    assert terminal.reconciliation(6, []).code == 0
    assert terminal.advise(card, 1000, more=at).code == 0
    assert terminal.whole_shift(6)[0].fields[17] == []
    offline.audit()
