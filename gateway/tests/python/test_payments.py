"""Holds, captures, refunds and voids (PROTOCOL.md sections 7, 8.3 and 11), from this terminal and from others."""

import os
import signal
import time

import pytest

import messages as m
from auditor import Audit
from conftest import Gateway
from test_recovery import in_parallel


@pytest.fixture
def other(gateway, algorithm):
    """Another terminal of the same store."""
    other = gateway.ready_terminal(algorithm)
    yield other
    other.close()


def sold(terminal, answer):
    assert answer.code == 0, answer.fields
    return terminal.request_of(answer)


def refused(answer, code, state=None):
    assert (answer.code, answer.fields.get(15)) == (code, state), answer.fields


def fate(terminal, request):
    """The state that a repeat and a TransactionStatus agree on."""
    again, told = terminal.repeat(request), terminal.status(request)
    assert again.repeat and again.state == told.state and told.fields[16] == again.body
    assert again.approved() == (again.code == 0 and told.state in (m.LIVE, m.REFUNDED_IN_PART, m.CAPTURED))
    return told.state


# ---- holds ----

def test_authorize_raise_and_capture_in_parts(terminal, other, card):
    terminal.load(card, 10000)
    held = terminal.authorize(card, 4000)
    assert held.changes() == (0, 0, 0) and held.balances() == terminal.balance(card).balances() == (6000, 500, 0)
    hold, ends = terminal.request_of(held), held.fields[18][2]
    refused(terminal.purchase(card, 6501), 51)
    raised = other.authorize(card, 1000, raises=hold)
    assert raised.code == 0 and raised.fields[10] == 1000 and raised.fields[18] == [held.fields[6], 5000, ends]
    assert raised.balances() == (5000, 500, 0)
    refused(other.authorize(card, 5501, raises=hold), 51)
    refused(terminal.capture(hold, 5001, {13: m.MORE_FOLLOW}), 61)
    first = other.capture(hold, 1500, {13: m.MORE_FOLLOW})
    assert first.changes() == (-1500, 0, 15) and first.balances() == (5000, 500, 15) and first.fields[18] == [held.fields[6], 3500, ends]
    assert fate(terminal, hold) == m.LIVE
    second = terminal.capture(hold, 2500, {22: [["room", "hotel", None, 1000, 2500, 0]], 21: [[2, 7]]})
    assert second.code == 0 and second.fields[18] == [held.fields[6], 0, ends]
    assert second.changes() == (-2500, 0, 25) and second.balances() == (6000, 500, 40)  # what was not captured is free
    assert fate(terminal, hold) == m.CAPTURED and terminal.repeat(hold).approved()
    refused(terminal.capture(hold, 1), 12, m.CAPTURED)
    refused(terminal.authorize(card, 1, raises=hold), 12)
    assert terminal.balance(card).balances() == (6000, 500, 40)


def test_all_is_captured_while_more_were_to_follow(terminal, card):
    terminal.load(card, 1000)
    hold = sold(terminal, terminal.authorize(card, 700))
    assert terminal.capture(hold, 700, {13: m.MORE_FOLLOW}).fields[18][1] == 0
    assert fate(terminal, hold) == m.CAPTURED


def test_authorize_in_part(terminal, card):
    terminal.load(card, 1000)
    refused(terminal.authorize(card, 1001), 51)
    partly = terminal.authorize(card, 1001, {13: m.PARTIAL})
    assert partly.code == 10 and partly.fields[10] == partly.fields[18][1] == 1000 and partly.balances() == (0, 0, 0)
    assert terminal.capture(terminal.request_of(partly), 1000).code == 0


def test_void_and_reversal_of_a_hold(terminal, other, card):
    terminal.load(card, 10000)
    hold = sold(terminal, terminal.authorize(card, 2000))
    raised = sold(other, other.authorize(card, 300, raises=hold))
    undone = other.reversal(raised)
    assert undone.fields[10] == 300 and undone.fields[15] == m.REVERSED and undone.changes() == (0, 0, 0)
    assert undone.balances() == (8000, 500, 0)
    assert terminal.reversal(hold).fields[15] == m.REVERSED and terminal.balance(card).balances() == (10000, 500, 0)
    assert fate(terminal, hold) == m.REVERSED
    hold = sold(terminal, terminal.authorize(card, 2000))
    sold(terminal, terminal.capture(hold, 500, {13: m.MORE_FOLLOW}))
    refused(terminal.reversal(hold), 12, m.LIVE)
    freed = other.void(hold)
    assert freed.code == 0 and freed.fields[15] == m.VOIDED and freed.fields[10] == 1500 and freed.balances() == (9500, 500, 5)
    assert fate(terminal, hold) == m.VOIDED
    refused(terminal.capture(hold, 1), 12, m.VOIDED)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("void", [False, True])
def test_undone_capture_is_held_again(terminal, other, card, last, void):
    terminal.load(card, 10000)
    hold = sold(terminal, terminal.authorize(card, 2000))
    capture = sold(other, other.capture(hold, 800, {13: 0 if last else m.MORE_FOLLOW}))
    undone = terminal.void(capture) if void else other.reversal(capture)
    assert undone.code == 0 and undone.fields[10] == 800 and undone.changes() == (800, 0, -8)
    assert undone.balances() == ((9200, 500, 0) if last else (8000, 500, 0))  # what a last capture left over stays free
    assert fate(terminal, hold) == m.LIVE and fate(other, capture) == (m.VOIDED if void else m.REVERSED)
    assert terminal.capture(hold, 800).code == 0
    assert terminal.balance(card).balances() == (9200, 500, 8)


def test_racing_captures(terminal, other, card):
    terminal.load(card, 10000)
    for _ in range(4):
        before = terminal.balance(card).balances()
        hold = sold(terminal, terminal.authorize(card, 1000))
        one, two = in_parallel(lambda: terminal.capture(hold, 600, {13: m.MORE_FOLLOW}), lambda: other.capture(hold, 600, {13: m.MORE_FOLLOW}))
        assert sorted((one.code, two.code)) == [0, 61]
        terminal.void(hold)
        assert terminal.balance(card).balances() == (before[0] - 600, before[1], before[2] + 6)


# ---- refunds ----

def test_refund_in_parts(terminal, other, card):
    terminal.load(card, 10000)
    sale = sold(terminal, terminal.purchase(card, 10333))  # 10000 principal, 333 bonus, 103 points
    first = other.refund(sale, 400, {25: 4})
    assert first.code == 0 and first.fields[15] == m.REFUNDED_IN_PART and first.fields[10] == 400
    assert first.changes() == (67, 333, -4) and first.balances() == (67, 500, 99)  # what was spent last comes back first
    assert fate(terminal, sale) == m.REFUNDED_IN_PART and terminal.repeat(sale).approved()
    refused(other.refund(sale, 9934), 61)
    second = terminal.refund(sale, 1, {22: [["tea", "drinks", None, 1, 1, 0]], 25: 200})
    assert second.changes() == (1, 0, 0)  # ceil(103 * 401 / 10333) is 4 still
    rest = other.refund(sale, 9932)
    assert rest.fields[15] == m.REFUNDED and rest.balances() == (10000, 500, 0)
    assert fate(terminal, sale) == m.REFUNDED and not terminal.repeat(sale).approved()
    refused(terminal.refund(sale, 1), 12, m.REFUNDED)
    refused(other.reversal(other.request_of(first)), 12, m.LIVE)  # refunded again since
    undone = other.reversal(other.request_of(rest))
    assert undone.code == 0 and undone.changes() == (-9932, 0, 99) and fate(terminal, sale) == m.REFUNDED_IN_PART
    assert terminal.balance(card).balances() == (68, 500, 99)


def test_refund_all_and_undo_it(terminal, other, card):
    terminal.load(card, 5000)
    sale = sold(terminal, terminal.purchase(card, 3000))
    for undo in (terminal.reversal, other.void):
        refund = sold(terminal, terminal.refund(sale, 3000))
        assert fate(terminal, sale) == m.REFUNDED
        undone = undo(refund)
        assert undone.code == 0 and undone.changes() == (-3000, 0, 30) and undone.balances() == (2000, 0, 30)
        assert fate(terminal, sale) == m.LIVE
    refund = sold(terminal, terminal.refund(sale, 3000))
    sold(terminal, terminal.purchase(card, 4999))
    refused(terminal.reversal(refund), 51, m.LIVE)  # what it gave back is spent
    refused(other.void(refund), 51, m.LIVE)


def test_refund_of_a_capture(terminal, other, card):
    terminal.load(card, 5000)
    hold = sold(terminal, terminal.authorize(card, 3000))
    capture = sold(terminal, terminal.capture(hold, 1000, {13: m.MORE_FOLLOW}))
    answer = other.refund(capture, 400)
    assert answer.code == 0 and answer.changes() == (400, 0, -4) and answer.balances() == (2400, 0, 6)  # not into the hold
    refused(other.void(capture), 12, m.REFUNDED_IN_PART)
    refused(terminal.refund(hold, 1), 12, m.LIVE)


def test_refund_of_a_load(terminal, other, card):
    load = sold(terminal, terminal.load(card, 30000, {21: [[1, 10000], [2, 20000, "slip 7"]]}))
    first = other.refund(load, 1001)
    assert first.code == 0 and first.fields[10] == 1001 and first.fields[15] == m.REFUNDED_IN_PART
    assert first.changes() == (-1001, -67, 0) and first.balances() == (28999, 1933, 0)  # ceil(2000 * 1001 / 30000)
    second = other.refund(load, 999)
    assert second.changes() == (-999, -67, 0)  # 134 after 2000
    assert fate(terminal, load) == m.REFUNDED_IN_PART
    refused(terminal.reversal(load), 12, m.REFUNDED_IN_PART)
    undone = other.reversal(other.request_of(second))
    assert undone.changes() == (999, 67, 0) and undone.balances() == (28999, 1933, 0)
    rest = terminal.refund(load, 28999)
    assert rest.fields[15] == m.REFUNDED and rest.balances() == (0, 0, 0) and fate(terminal, load) == m.REFUNDED


def test_refund_of_a_load_withholds_spent_bonus(terminal, card):
    load = sold(terminal, terminal.load(card, 10000))
    first, second = sold(terminal, terminal.purchase(card, 10000)), sold(terminal, terminal.purchase(card, 300))
    assert terminal.refund(first, 10000).balances() == (10000, 200, 3)
    answer = terminal.refund(load, 10000)
    assert answer.code == 0 and answer.fields[10] == 9700 and answer.fields[15] == m.REFUNDED
    assert answer.changes() == (-10000, -200, 0) and answer.balances() == (0, 0, 3)
    assert terminal.refund(second, 300).balances() == (0, 300, 0)  # it comes back to the lot that paid


def test_refund_of_a_spent_load(terminal, card):
    load = sold(terminal, terminal.load(card, 10000))
    sale = sold(terminal, terminal.purchase(card, 4000))
    sold(terminal, terminal.load(card, 9000))  # another load's money is not this one's
    refused(terminal.refund(load, 6001), 51, m.LIVE)
    assert terminal.refund(load, 6000).code == 0
    refused(terminal.refund(load, 1), 51, m.REFUNDED_IN_PART)
    assert terminal.void(sale).code == 0
    refused(terminal.refund(load, 4001), 61)
    hold = sold(terminal, terminal.authorize(card, 4000 + 9000))
    refused(terminal.refund(load, 1), 51, m.REFUNDED_IN_PART)  # held, so not there
    assert terminal.void(hold).code == 0
    assert terminal.refund(load, 4000).fields[15] == m.REFUNDED


def test_refund_and_capture_for_a_blocked_card(gateway, terminal, card):
    terminal.load(card, 10000)
    sale, hold = sold(terminal, terminal.purchase(card, 1000)), sold(terminal, terminal.authorize(card, 1000))
    gateway.admin("card", "block", "--card", str(card.reference), "--reason", "lost")
    refused(terminal.authorize(card, 1), 62)
    refused(terminal.authorize(card, 1, raises=hold), 62)
    assert terminal.capture(hold, 400).code == 0 and terminal.refund(sale, 10).code == 0
    assert terminal.void(terminal.request_of(terminal.refund(sale, 10))).code == 0


# ---- who may ----

def test_void_from_another_terminal_of_the_store(terminal, other, card):
    load = sold(terminal, terminal.load(card, 10000))
    sale = sold(terminal, terminal.purchase(card, 1000))
    refused(other.reversal(sale), 25)
    assert other.status(sale).code == 25
    voided = other.void(sale, {25: 6})
    assert voided.code == 0 and voided.fields[10] == 1000 and voided.fields[15] == m.VOIDED and voided.balances() == (10000, 500, 0)
    assert fate(terminal, sale) == m.VOIDED
    refused(other.void(sale), 12, m.VOIDED)
    assert terminal.reversal(sale).fields[15] == m.VOIDED
    hold = sold(terminal, terminal.authorize(card, 1))
    refused(other.void(load), 51, m.LIVE)  # held is not there
    assert other.void(hold).code == 0
    assert other.void(load).balances() == (0, 0, 0)
    assert fate(other, other.request_of(voided)) == m.LIVE


def test_void_of_an_activation(gateway, terminal, other):
    card = gateway.new_card()
    activation = sold(terminal, terminal.activate(card))
    load = sold(terminal, terminal.load(card, 100))
    refused(other.void(activation), 12, m.LIVE)
    assert terminal.void(load).code == 0
    card = gateway.new_card()
    activation = sold(terminal, terminal.activate(card))
    voided = other.void(activation)
    assert voided.code == 0 and voided.fields[10] == 0 and fate(terminal, activation) == m.VOIDED
    refused(terminal.authorize(card, 1), 78)


def test_other_stores_and_merchants(gateway, terminal, card, algorithm):
    terminal.load(card, 10000)
    sale, hold = sold(terminal, terminal.purchase(card, 1000)), sold(terminal, terminal.authorize(card, 1000))
    store, merchant = gateway.ready_terminal(algorithm, "register", "--store", "S777"), gateway.ready_terminal(algorithm, "register", "--merchant", "M777", "--store", "S001")
    for elsewhere in (store, merchant):
        refused(elsewhere.void(sale), 25)
        refused(elsewhere.capture(hold, 1), 25)
        refused(elsewhere.authorize(card, 1, raises=hold), 25)
    refused(merchant.refund(sale, 1), 25)
    assert store.refund(sale, 1).fields[15] == m.REFUNDED_IN_PART


def test_kiosk_and_limits(gateway, terminal, card, algorithm):
    terminal.load(card, 10000)
    sale, hold = sold(terminal, terminal.purchase(card, 2000)), sold(terminal, terminal.authorize(card, 2000))
    kiosk, small = gateway.ready_terminal(algorithm, "kiosk"), gateway.ready_terminal(algorithm, "register", "--max-refund", "5.00", "--max-purchase", "4.00")
    for answer in (kiosk.authorize(card, 1), kiosk.capture(hold, 1), kiosk.void(sale), kiosk.refund(sale, 1)):
        refused(answer, 58)
    assert small.sign_on().fields[25] == [500000, 400, 500]
    refused(small.refund(sale, 501), 61)
    assert small.refund(sale, 500).code == 0
    refused(small.authorize(card, 401), 61)
    refused(small.capture(hold, 401), 61)
    assert small.capture(hold, 400).code == 0


@pytest.mark.parametrize("name", ["authorize", "raise", "capture", "refund", "void"])
def test_foreign_currency(terminal, card, name):
    """Section 7: a currency other than the programme's gets 57."""
    request = prepared(terminal, card, name)
    before = terminal.balance(card).balances()
    fields = {k: v for k, v in request.payload().items() if k in (12, 20, 23)} | {6: 978 if terminal.currency != 978 else 840}
    refused(terminal.ask(terminal.make(request.kind, fields, request.sidecar)), 57)
    assert terminal.balance(card).balances() == before


# ---- the table of section 11 ----

def originals(terminal, other, gateway, card):
    """Name -> (request of `terminal`, what Reversal, Void, Refund and Capture of it get: code, state)."""
    def bought(amount=100):
        return sold(terminal, terminal.purchase(card, amount))

    def held(amount=100):
        return sold(terminal, terminal.authorize(card, amount))

    def after(request, *answers):
        assert all(a.code == 0 for a in answers)
        return request

    no = (12, None)
    terminal.load(card, 50000)
    activation = sold(terminal, terminal.activate(gateway.new_card()))
    yield "reversal", sold(terminal, terminal.reversal(bought())), [no] * 4
    yield "void", sold(terminal, terminal.void(bought())), [no] * 4
    yield "reconciliation", sold(terminal, terminal.reconciliation(77, [])), [no] * 4
    declined = terminal.request_of(terminal.purchase(card, 10**6))
    yield "declined", declined, [(0, m.DECLINED)] + 3 * [(12, m.DECLINED)]
    yield "reversed", after(sale := bought(), terminal.reversal(sale)), [(0, m.REVERSED)] + 3 * [(12, m.REVERSED)]
    yield "voided", after(sale := bought(), other.void(sale)), [(0, m.VOIDED)] + 3 * [(12, m.VOIDED)]
    yield "activation", activation, [None, None, (12, m.LIVE), (12, m.LIVE)]
    yield "load", sold(terminal, terminal.load(card, 100)), [None, None, None, (12, m.LIVE)]
    yield "purchase", bought(), [None, None, None, (12, m.LIVE)]
    capture = sold(terminal, terminal.capture(held(), 50))
    yield "capture", capture, [None, None, None, (12, m.LIVE)]
    partly = [(12, m.REFUNDED_IN_PART), (12, m.REFUNDED_IN_PART), None, (12, m.REFUNDED_IN_PART)]
    yield "refunded in part", after(sale := bought(), other.refund(sale, 1)), partly
    yield "load refunded in part", after(load := sold(terminal, terminal.load(card, 100)), other.refund(load, 1)), partly
    yield "refunded", after(sale := bought(), other.refund(sale, 100)), 4 * [(12, m.REFUNDED)]
    yield "load refunded", after(load := sold(terminal, terminal.load(card, 100)), other.refund(load, 100)), 4 * [(12, m.REFUNDED)]
    yield "refund", sold(terminal, terminal.refund(bought(), 100)), [None, None, (12, m.LIVE), (12, m.LIVE)]
    yield "authorize", (hold := held()), [None, None, (12, m.LIVE), None]
    yield "raise", sold(terminal, terminal.authorize(card, 5, raises=hold)), [None, (12, m.LIVE), (12, m.LIVE), (12, m.LIVE)]
    hold = held()
    raised = sold(terminal, terminal.authorize(card, 5, raises=hold))
    yield "captured", after(hold, terminal.capture(hold, 1)), 4 * [(12, m.CAPTURED)]
    yield "raise of what was captured", raised, 4 * [(12, m.LIVE)]


def test_table_of_states(terminal, other, gateway, card):
    for name, request, wanted in originals(terminal, other, gateway, card):
        asked = [lambda: terminal.reversal(request), lambda: other.void(request), lambda: other.refund(request, 1), lambda: other.capture(request, 1)]
        for number, (ask, want) in enumerate(zip(asked, wanted)):
            if want:
                answer = ask()
                assert (answer.code, answer.fields.get(15)) == want, (name, number, answer.fields)
        named = [request.original[0], request.original[1], request.original[2], bytes(32)]
        for answer in (terminal.reversal(named), terminal.void(named), terminal.refund(named, 1), terminal.capture(named, 1)):
            refused(answer, 25)
    never = terminal.card_request(m.AUTHORIZE, card, 10)
    for answer in (other.void(never), other.refund(never, 1), other.capture(never, 1), other.authorize(card, 1, raises=never)):
        refused(answer, 25)
    sale = sold(terminal, terminal.purchase(card, 10))
    refused(terminal.authorize(card, 1, raises=sale), 25)  # it is no Authorize of this card
    stranger = gateway.new_card()
    assert terminal.activate(stranger).code == terminal.load(stranger, 1000).code == 0
    refused(terminal.authorize(stranger, 1, raises=sold(terminal, terminal.authorize(card, 10))), 25)
    later = [terminal.tid, terminal.generation, terminal.last_stan + 9, bytes(32)]
    for answer in (terminal.void(later), terminal.refund(later, 1), terminal.capture(later, 1)):
        refused(answer, 25)


def test_blocked_original(terminal, other, card):
    terminal.load(card, 1000)
    never = terminal.card_request(m.AUTHORIZE, card, 10)
    assert terminal.reversal(never).fields[15] == m.BLOCKED
    for by in (terminal, other):
        refused(by.void(never), 12, m.BLOCKED)
        refused(by.refund(never, 1), 12, m.BLOCKED)
        refused(by.capture(never, 1), 12, m.BLOCKED)
    assert terminal.ask(never).code == 21
    refused(other.capture(never, 1), 12, m.BLOCKED)


# ---- lost answers ----

KINDS = ["authorize", "raise", "capture", "refund", "refund of a load", "void"]


def prepared(terminal, card, name):
    """A request of the kind, not sent yet."""
    load = sold(terminal, terminal.load(card, 10000))
    sale, hold = sold(terminal, terminal.purchase(card, 1000)), sold(terminal, terminal.authorize(card, 1000))
    return {"authorize": lambda: terminal.card_request(m.AUTHORIZE, card, 500),
            "raise": lambda: terminal.card_request(m.AUTHORIZE, card, 500, {23: hold.original}),
            "capture": lambda: terminal.about(m.CAPTURE, hold, 600),
            "refund": lambda: terminal.about(m.REFUND, sale, 600),
            "refund of a load": lambda: terminal.about(m.REFUND, load, 600),
            "void": lambda: terminal.about(m.VOID, sale)}[name]()


@pytest.mark.parametrize("name", KINDS)
def test_lost_answer(terminal, card, name):
    request = prepared(terminal, card, name)
    before = terminal.balance(card).balances()
    terminal.send(request)
    time.sleep(0.3)
    first = terminal.ready().repeat(request)
    assert first.code == 0 and first.repeat and first.state == m.LIVE and first.approved()
    again = terminal.ready().repeat(request)
    assert again.body == first.body == terminal.ask(request).body and fate(terminal, request) == m.LIVE
    after = terminal.balance(card).balances()
    assert after == first.balances() != before
    other = terminal.ask(terminal.make(m.VOID, {23: request.original}, stan=request.stan))
    assert other.code == 94
    undone = terminal.reversal(request)
    if name == "void":
        refused(undone, 12)  # a Void is never reversed
        assert terminal.balance(card).balances() == after
        return
    assert undone.code == 0 and undone.fields[15] == m.REVERSED and fate(terminal, request) == m.REVERSED
    assert terminal.repeat(request).body == first.body and not terminal.repeat(request).approved()
    wanted = (before[0] + 400, *before[1:]) if name == "capture" else before  # the last capture had freed the rest of the hold
    assert terminal.balance(card).balances() == undone.balances() == wanted


@pytest.mark.parametrize("name", KINDS)
def test_never_arrived(terminal, card, name):
    request = prepared(terminal, card, name)
    before = terminal.balance(card).balances()
    assert terminal.status(request).state == m.UNKNOWN
    blocked = terminal.reversal(request)
    assert blocked.code == 0 and blocked.fields[15] == m.BLOCKED and 10 not in blocked.fields
    refused(terminal.ask(request), 21)
    again = terminal.repeat(request)
    assert again.code == 21 and again.state == m.BLOCKED and not again.approved()
    assert terminal.balance(card).balances() == before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart(gateway, terminal, card, how):
    done = {name: prepared(terminal, card, name) for name in KINDS}
    answers = {name: terminal.ask(request) for name, request in done.items() if name != "raise"}
    flying = done["raise"]
    terminal.send(flying)
    gateway.restart(how)
    terminal.address = gateway.address
    terminal.ready()
    for name, answer in answers.items():
        again = terminal.repeat(done[name])
        assert again.body == answer.body and again.state == m.LIVE, name
    assert terminal.repeat(flying).code == 0
    balances = terminal.balance(card).balances()
    hold = done["authorize"]
    assert terminal.capture(hold, 500).code == 0 and terminal.balance(card).balances() == (*balances[:2], balances[2] + 5)


# ---- another card in the place of this one ----

def test_capture_and_refund_after_a_replacement(gateway, terminal, other, card):
    terminal.load(card, 10000)
    sale = sold(terminal, terminal.purchase(card, 1000))
    held = terminal.authorize(card, 2000)
    hold, new = terminal.request_of(held), gateway.new_card()
    gateway.admin("card", "replace", "--card", str(card.reference), "--by", str(new.reference), "--reason", "lost")
    gateway.seen.pop(card.reference)
    assert terminal.balance(card).code == 46
    for answer in (terminal.purchase(card, 1), terminal.load(card, 100), terminal.authorize(card, 1), terminal.authorize(card, 1, raises=hold)):
        refused(answer, 46)
        assert not terminal.repeat(terminal.request_of(answer)).approved()
    assert terminal.balance(new).balances() == (7000, 500, 10)
    raised = terminal.authorize(new, 100, raises=hold)
    assert raised.fields[18][:2] == [held.fields[6], 2100]
    captured = other.capture(hold, 2050)
    assert captured.code == 0 and captured.fields[8] == new.reference and captured.balances() == (6950, 500, 30)
    assert captured.fields[18] == [held.fields[6], 0, held.fields[18][2]]
    refunded = other.refund(sale, 1000)
    assert refunded.fields[8] == new.reference and refunded.balances() == (7950, 500, 20)
    assert other.reversal(other.request_of(captured)).balances() == (7950, 500, 0)
    assert fate(terminal, hold) == m.LIVE and fate(terminal, sale) == m.REFUNDED


def test_merge(gateway, terminal, card):
    load = sold(terminal, terminal.load(card, 10000))
    hold = sold(terminal, terminal.authorize(card, 2000))
    into = gateway.new_card()
    assert terminal.activate(into).code == terminal.load(into, 5000).code == 0
    own = sold(terminal, terminal.authorize(into, 100))
    gateway.admin("card", "merge", "--card", str(card.reference), "--into", str(into.reference), "--reason", "two")
    gateway.seen.pop(card.reference)
    assert terminal.balance(into).balances() == (12900, 500, 0)
    assert terminal.capture(own, 100).code == 0 and terminal.capture(hold, 2000).balances() == (12900, 500, 21)
    refused(terminal.refund(load, 8001), 51, m.LIVE)
    refunded = terminal.refund(load, 8000)
    assert refunded.fields[8] == into.reference and refunded.balances() == (4900, 100, 21)
    third = gateway.new_card()  # and on
    gateway.admin("card", "replace", "--card", str(into.reference), "--by", str(third.reference), "--reason", "worn")
    gateway.seen.pop(into.reference)
    assert terminal.balance(third).balances() == (4900, 100, 21)
    assert terminal.reversal(terminal.request_of(refunded)).balances() == (12900, 500, 21)


# ---- shifts ----

def test_reconciliation(gateway, terminal, other, card):
    at, next_shift = {9: 5}, {9: 6}
    terminal.load(card, 20000, at)
    sale = sold(terminal, terminal.purchase(card, 3000, at))
    hold = sold(terminal, terminal.authorize(card, 5000, at))  # counts nowhere
    sold(terminal, terminal.authorize(card, 100, at, raises=hold))
    first = sold(terminal, terminal.capture(hold, 1000, at | {13: m.MORE_FOLLOW}))
    second = sold(terminal, terminal.capture(hold, 1500, at | {13: m.MORE_FOLLOW}))
    sold(terminal, terminal.refund(sale, 700, at))
    sold(other, other.refund(sale, 300, next_shift))  # another terminal's shift
    undone = sold(terminal, terminal.refund(first, 1000, at))
    assert terminal.reversal(undone).code == 0
    voided = sold(terminal, terminal.purchase(card, 50, at))
    assert other.void(voided, next_shift).code == 0  # taken out of its own shift
    totals = [[m.LOAD, 1, 20000], [m.PURCHASE, 1, 3000], [m.REFUND, 1, 700], [m.CAPTURE, 2, 2500]]
    closed = terminal.reconciliation(5, totals)
    assert closed.code == 0 and closed.fields.get(17, totals) == totals
    for answer in (terminal.authorize(card, 1, at), terminal.capture(hold, 1, at), terminal.refund(sale, 1, at)):
        refused(answer, 12)
    refused(other.void(first), 12, m.LIVE)  # its shift is closed
    late = sold(terminal, terminal.refund(sale, 5, next_shift))
    assert terminal.reversal(second, 1).code == 0  # a reversal may
    assert other.void(late).code == 0
    assert terminal.reconciliation(6, []).code == 0
    differs = other.reconciliation(6, [[m.REFUND, 1, 301]])
    assert differs.code == 95 and differs.fields[17] == [[m.REFUND, 1, 300]]


# ---- clocks ----

@pytest.mark.parametrize("clock", [None, lambda: 1000, lambda: time.time() + 10**7])
def test_terminal_without_a_right_clock(terminal, card, clock):
    terminal.clock = clock
    assert terminal.ready().load(card, 1000).code == 0
    assert abs(terminal.gateway_time - time.time()) < 60


# ---- a gateway of their own, so that their journals stand alone ----

def test_two_captures_undone(algorithm, tmp_path):
    """What was captured of a hold is counted rightly also when the hold had ended and comes back."""
    gateway = Gateway(os.environ["GATEWAY_BIN"], tmp_path)
    try:
        terminal, card = gateway.ready_terminal(algorithm), gateway.new_card()
        assert terminal.activate(card).code == terminal.load(card, 10000).code == 0
        hold = sold(terminal, terminal.authorize(card, 1000))
        first = sold(terminal, terminal.capture(hold, 400, {13: m.MORE_FOLLOW}))
        second = sold(terminal, terminal.capture(hold, 300))
        assert terminal.reversal(first).balances() == (9300, 500, 3)
        refused(terminal.reversal(hold), 12, m.LIVE)  # 300 are captured
        assert terminal.reversal(second).balances() == (9300, 500, 0)
        assert terminal.capture(hold, 701).code == 61 and terminal.reversal(hold).balances() == (10000, 500, 0)
        gateway.admin("journal", "export", "--out", str(tmp_path / "journal"))
        assert Audit((tmp_path / "journal").read_bytes()).faults == []
    finally:
        gateway.stop()
