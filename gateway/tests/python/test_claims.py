"""Cash that was taken and not credited, offline approval, and what waits for two people (PROTOCOL.md sections 9.1 and 11)."""

import dataclasses

import pytest

import messages as m
import programmes
from claims import CASH, DIFFERS, MERCHANT, NOBODY, OPEN, SETTLED, SHORTFALL, STORE, TOO_LATE
from codec import decode, encode
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401


def audit_index(terminal, request):
    return decode(terminal.status(request).fields[16])[6]


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
    refused(kiosk.reversal(request), 12)
    assert fate(kiosk, request) == m.LIVE
    again = kiosk.cash_request(40, card)
    assert lost(kiosk, again).state == m.LIVE
    never = kiosk.cash_request(40, card)
    assert kiosk.reversal(never).fields[15] == m.BLOCKED
    refused(kiosk.ask(never), 21)
    audit = shop.audit()
    assert waiting(audit) == {a.fields[6]: (CASH, OPEN, amount, NOBODY) for a, amount in ((taken, 5000), (unnamed, 300), (unknown, 70))} | {
        audit_index(kiosk, again): (CASH, OPEN, 40, NOBODY)}
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
    assert waiting(shop.audit()) == {taken.fields[6]: (CASH, OPEN, 700, NOBODY), audit_index(terminal, load): (TOO_LATE, OPEN, 1000, NOBODY),
                                     differs.fields[6]: (DIFFERS, OPEN, 0, NOBODY)}


def settle(shop, index, *how):
    shop.both("exception", "settle", str(index), "--reason", "looked into", *how)


def test_exceptions_are_settled_by_two(shop):
    shop.people()
    terminal = shop.terminal()
    card = shop.card(terminal, 1000)
    one, two = terminal.cash_taken(700, card).fields[6], terminal.cash_taken(300).fields[6]
    alone = shop.admin("exception", "settle", str(one), "--paid-out", "--reason", "x", "--operator", "ann")["proposal"]
    assert shop.run("act", "confirm", "--number", str(alone), "--operator", "ann").returncode == 1
    assert terminal.balance(card).balances() == (1000, 0, 0)
    settle(shop, one, "--card", str(card.reference))
    settle(shop, two, "--paid-out")
    assert shop.run("act", "confirm", "--number", str(alone), "--operator", "bob").returncode == 1  # once
    assert terminal.balance(card).balances() == (1700, 0, 0)  # without a bonus
    differs = terminal.reconciliation(4, [[m.LOAD, 1, 1]]).fields[6]
    settle(shop, differs, "--explained")
    shop.seen[card.reference] = (1700, 0, 0)
    audit = shop.audit()
    assert {index: c.status for index, c in audit.claims.known.items()} == {one: SETTLED, two: SETTLED, differs: SETTLED}
    assert audit.books.named["suspense:S001"].balances == {0: 0}


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
    assert dataclasses.replace(terminal.ready().grant, raw=grant.raw) == grant  # until half of its time is over
    assert offline.ready_terminal(offline.algorithm, "kiosk").grant is None
    offline.put(programmes.OFFLINE.split("[offline]")[0])
    terminal.ready()
    assert terminal.grant is None


def test_advices(offline):
    terminal = offline.terminal()
    card, poor = offline.card(terminal, 20000), offline.card(terminal, 1000)
    grant, before = terminal.grant, terminal.balance(card).balances()
    terminal.close()
    terminal.connection = None
    queue = [terminal.advice_request(card, 5000, grant), terminal.advice_request(poor, 3000, grant)]
    terminal.ready()
    answers = [terminal.ask(one) for one in reversed(queue)]  # in any order
    short, paid = answers
    assert paid.code == 0 and paid.fields[36] == 0 and paid.changes() == (-5000, 0, 50) and paid.balances() == (before[0] - 5000, before[1], 50)
    assert short.code == 0 and short.fields[10] == 3000 and short.fields[36] == 2000 and short.changes() == (-1000, 0, 10)
    audit = offline.audit()
    assert waiting(audit) == {short.fields[6]: (SHORTFALL, OPEN, 2000, MERCHANT)}
    assert audit.books.named["suspense:S001"].balances == {0: -2000}


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
        assert answer.code == 0 and answer.fields[36] == amount and not answer.fields.get(12), (amount, more, answer.fields)
    assert terminal.advise(card, 100, grant, {7: [now, 480]}).fields[36] == 0
    audit = offline.audit()
    assert all(c.bearer == STORE for c in audit.claims.known.values())
    assert len(audit.claims.known) == len(wrong)


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
    """What goes beyond it is all shortfall, the store's, and takes no place under the grant."""
    terminal = offline.terminal()
    one, two, three = (offline.card(terminal, 20000) for _ in range(3))
    sales = ((one, 5000, 0), (one, 3001, 3001), (one, 3000, 0), (two, 5000, 0), (three, 2001, 2001), (three, 1000, 0), (three, 100, 100))
    for card, amount, shortfall in sales:
        answer = terminal.advise(card, amount)
        assert (answer.code, answer.fields[36]) == (0, shortfall), (amount, answer.fields)
    undone = terminal.request_of(terminal.advise(three, 50))
    assert terminal.void(undone).code == 0
    audit = offline.audit()
    assert {c.bearer for c in audit.claims.known.values()} == {STORE}


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
    assert terminal.reconciliation(6, [[m.ADVICE, 1, 1000]]).code == 0  # the refund was in no shift
    audit = offline.audit()
    assert audit.books.named["suspense:S001"].balances.get(0, 0) == 0


def test_advice_in_a_closed_shift(offline):
    terminal, at = offline.terminal(), {9: 6}
    card = offline.card(terminal, 20000)
    assert terminal.reconciliation(6, []).code == 0
    assert terminal.advise(card, 1000, more=at).code == 0 == terminal.cash_taken(100, card, more=at).code
    assert terminal.whole_shift(6)[0].fields[17] == []
    offline.audit()


def test_shortfall_is_written_off(offline):
    offline.people()
    terminal = offline.terminal()
    poor = offline.card(terminal, 1000)
    short = terminal.advise(poor, 3000)
    settle(offline, short.fields[6], "--write-off")
    audit = offline.audit()
    assert audit.books.named["suspense:S001"].balances == {0: 0} and audit.books.named["offline-loss:S001"].balances == {0: -2000}


def test_advices_from_a_file(offline):
    """The queue of a terminal that was revoked meanwhile comes in by an act of two people, once."""
    offline.people()
    terminal = offline.terminal()
    card = offline.card(terminal, 20000)
    sent = sold(terminal, terminal.advise(card, 500))
    stranger = terminal.purchase(card, 1)
    assert stranger.code == 0
    queue = [sent, terminal.advice_request(card, 1000), terminal.advice_request(card, 6000)]
    offline.admin("terminal", "revoke", "--id", terminal.tid)
    path = offline.folder / "queue"
    path.write_bytes(b"".join(encode(decode(one.body, cose_header=True)) for one in queue))
    offline.both("advice", "import", str(path), "--terminal", terminal.tid)
    offline.seen.clear()
    other = offline.terminal()
    assert other.balance(card).balances() == (18499, 1000, 15)
    offline.audit()
    assert offline.run("advice", "import", str(path), "--terminal", terminal.tid, "--operator", "ann").returncode in (0, 1)
    assert other.balance(card).balances() == (18499, 1000, 15)


def test_exceptions_that_are_undone(offline):
    """Undoing an Advice settles what is open, and takes back what was written off; a load reversed too late can be reversed later."""
    offline.people()
    terminal = offline.terminal()
    poor = offline.card(terminal, 1000)
    one, two = sold(terminal, terminal.advise(poor, 3000)), sold(terminal, terminal.advise(poor, 500))
    settle(offline, audit_index(terminal, one), "--write-off")
    assert terminal.reversal(one).balances() == (1000, 0, 0) and terminal.void(two).code == 0
    load = sold(terminal, terminal.load(poor, 700))
    spent = sold(terminal, terminal.purchase(poor, 1700))
    for _ in range(2):
        refused(terminal.reversal(load), 51, m.LIVE)
    assert terminal.reversal(spent).code == 0 == terminal.reversal(load).code
    audit = offline.audit()
    assert {c.kind for c in audit.claims.known.values()} == {SHORTFALL, TOO_LATE} and {c.status for c in audit.claims.known.values()} == {SETTLED}
    assert all(audit.books.named[f"{name}:S001"].balances == {0: 0} for name in ("suspense", "offline-loss"))


def test_cash_whose_load_stands(shop):
    """The money is on its card then: it is not credited twice."""
    shop.people()
    kiosk = shop.ready_terminal(shop.algorithm, "kiosk")
    card = shop.card(kiosk)
    load = sold(kiosk, kiosk.load(card, 5000))
    taken = kiosk.cash_taken(5000, card, load).fields[6]
    to_card = ("exception", "settle", str(taken), "--card", str(card.reference), "--reason", "claim", "--operator", "ann")
    run = shop.run(*to_card)
    if run.returncode == 0:
        number = [p for p in shop.admin("act", "list")["proposals"]][0]
        assert shop.run("act", "confirm", "--number", str(number.get("number", number.get("proposal"))), "--operator", "bob").returncode == 1
    assert kiosk.balance(card).balances() == (5000, 0, 0)
    settle(shop, taken, "--paid-out")
    audit = shop.audit()
    assert waiting(audit) == {taken: (CASH, SETTLED, 5000, NOBODY)}
