"""PINs of cards, cashiers who sign on, supervisors who allow (PROTOCOL.md sections 7 and 9.2 to 9.3), and the audit of it all."""

import dataclasses
import time

import pytest

import messages as m
import programmes
from crypto import EDDSA
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401


@pytest.fixture
def algorithm():
    """Tries of PINs are slow on purpose, and the same for terminals of either kind."""
    return EDDSA


def tries(answer, left):
    """A wrong PIN: how many tries are left, or that nothing is said of it."""
    assert (answer.code, answer.fields.get(37)) == (55, left), answer.fields


@pytest.fixture
def guarded(shop):
    """A shop whose cards need a PIN from 10.00 on."""
    shop.put(programmes.PIN)
    shop.people()
    return shop


def unlock(shop, card, *options):
    shop.both("card", "pin", "--card", str(card.reference), "--reason", "showed a passport", *options)


# ---- the PIN of a card ----

def test_pin(guarded):
    terminal = guarded.terminal()
    card, to = guarded.card(terminal, 50000), guarded.card(terminal)
    before = terminal.balance(card).balances()
    assert terminal.purchase(card, 999).code == 0  # below what asks for a PIN
    for answer in (terminal.purchase(card, 1000), terminal.purchase(card, 1000, pin="1234"), terminal.authorize(card, 1000), terminal.transfer(card, to, 1000)):
        refused(answer, 70)  # none is set yet
    refused(terminal.change_pin(card), 70)
    changed = terminal.change_pin(card, "1234")
    assert changed.code == 0 and changed.fields[12] == {} and changed.balances() == (before[0] - 999, before[1], 9)
    refused(terminal.purchase(card, 1000), 70)
    refused(terminal.change_pin(card, "4321"), 70)  # the present PIN goes with it
    refused(terminal.change_pin(card, None, "1234"), 70)  # and the new one
    tries(terminal.change_pin(card, "4321", "1111"), 2)
    assert terminal.change_pin(card, "4321", "1234").code == 0
    tries(terminal.purchase(card, 1000, pin="1234"), 2)
    assert terminal.purchase(card, 1000, pin="4321").code == 0
    tries(terminal.purchase(card, 1000, pin="12345"), 2)  # a right one sets the count back
    refused(terminal.purchase(card, 10**6, pin="4321"), 51)  # whatever the answer is then
    tries(terminal.authorize(card, 1000, pin="0000"), 2)
    held = sold(terminal, terminal.authorize(card, 600))
    refused(terminal.authorize(card, 400, raises=held), 70)  # with what its hold has already
    assert terminal.authorize(card, 400, raises=held, pin="4321").code == 0
    tries(terminal.transfer(card, to, 1000, pin="0000"), 2)
    assert terminal.transfer(card, to, 1000, pin="4321").code == 0
    assert terminal.purchase(card, 999, {13: 0}, pin="0000").code == 0 == terminal.purchase(card, 999, pin="0000").code  # not looked at
    refused(terminal.purchase(card, 1000, {13: 0}, pin="4321"), 70)  # nor without the flag
    sale = sold(terminal, terminal.purchase(card, 1000, pin="4321"))
    assert terminal.refund(sale, 1000).code == 0 == terminal.capture(held, 1000).code  # who was proven needs it no more
    guarded.seen.pop(to.reference)
    audit = guarded.audit()
    assert audit.books.cards[card.reference].pin[2] == 0


@pytest.mark.parametrize("flags", [0, m.PIN_USED])
def test_change_pin_is_not_asked_for_the_flag(guarded, flags):
    """Section 9.3 names the flag for Purchase, Authorize, Transfer and Unload."""
    terminal = guarded.terminal()
    card = guarded.card(terminal)
    assert terminal.change_pin(card, "1234", more={13: flags}).code == 0
    assert terminal.change_pin(card, "4321", "1234", more={13: flags}).code == 0


def test_too_many_wrong_pins(guarded):
    terminal = guarded.terminal()
    card, other = guarded.card(terminal, 20000), guarded.card(terminal, 20000, product="other")
    for one in (card, other):
        assert terminal.change_pin(one, "1234").code == 0
    for left in (2, 1, 0):
        tries(terminal.purchase(card, 1000, pin="0000"), left)
    for answer in (terminal.purchase(card, 1000, pin="1234"), terminal.change_pin(card, "4321", "1234"), terminal.authorize(card, 1000, pin="1234")):
        refused(answer, 75)
    tries(terminal.purchase(other, 1, pin="0000"), 1)
    unlock(guarded, card)
    assert terminal.purchase(card, 1000, pin="1234").code == 0
    unlock(guarded, card, "--clear")
    refused(terminal.purchase(card, 1000, pin="1234"), 70)
    assert terminal.change_pin(card, "9999").code == 0 == terminal.purchase(card, 1000, pin="9999").code
    guarded.audit()


def test_one_alone_unlocks_nothing(guarded):
    terminal = guarded.terminal()
    card = guarded.card(terminal, 20000)
    assert terminal.change_pin(card, "1234").code == 0
    for left in (2, 1, 0):
        tries(terminal.change_pin(card, "4321", "0000"), left)
    number = guarded.admin("card", "pin", "--card", str(card.reference), "--reason", "x", "--operator", "ann")["proposal"]
    assert guarded.run("act", "confirm", "--number", str(number), "--operator", "ann").returncode == 1
    refused(terminal.purchase(card, 1000, pin="1234"), 75)
    guarded.admin("act", "confirm", "--number", str(number), "--operator", "owner")
    assert terminal.purchase(card, 1000, pin="1234").code == 0
    guarded.audit()


def test_pin_and_lost_answers(guarded):
    terminal = guarded.terminal()
    card, to = guarded.card(terminal, 50000), guarded.card(terminal)
    change = terminal.card_request(m.CHANGE_PIN, card, new_pin="1234")
    lost(terminal, change)
    for request in (terminal.card_request(m.PURCHASE, card, 1000, pin="1234"), terminal.card_request(m.AUTHORIZE, card, 1000, pin="1234"),
                    terminal.card_request(m.TRANSFER, card, 1000, {33: to.reference}, pin="1234"), terminal.card_request(m.CHANGE_PIN, card, pin="1234", new_pin="4321")):
        assert lost(terminal, request).state == m.LIVE
    wrong = terminal.card_request(m.PURCHASE, card, 1000, pin="1234")
    tries(lost(terminal, wrong, 55), 2)
    tries(terminal.repeat(wrong), 2)  # asked again, it is not tried again
    tries(terminal.purchase(card, 1000, pin="0000"), 1)
    refused(terminal.reversal(wrong), 0, m.DECLINED)
    for by in (terminal.reversal, terminal.void, lambda r: terminal.refund(r, 1), lambda r: terminal.capture(r, 1)):
        refused(by(change), 12)
    never = dataclasses.replace(terminal.card_request(m.CHANGE_PIN, card, pin="4321", new_pin="5555"), sidecar=b"")
    refused(terminal.ask(never), 14)  # the sidecar was never stored: no secret either
    guarded.seen.pop(to.reference)
    guarded.audit()


def test_a_repeat_is_not_another_try(guarded):
    """Sections 9.3 and 11: the same request again is the same try of the same PIN, wherever its answer went."""
    terminal = guarded.terminal()
    card = guarded.card(terminal, 20000)
    assert terminal.change_pin(card, "1234").code == 0
    request = terminal.card_request(m.PURCHASE, card, 1000, pin="0000")
    for _ in range(3):
        terminal.send(request)
        time.sleep(0.1)
        terminal.ready()
    while (answer := terminal.repeat(request)).code == 9:  # it is being looked at
        time.sleep(0.1)
    tries(answer, 2)
    assert terminal.purchase(card, 1000, pin="1234").code == 0


def test_pin_goes_over_to_the_card_that_takes_its_place(guarded):
    terminal = guarded.terminal()
    card, new = guarded.card(terminal, 20000), guarded.new_card()
    assert terminal.change_pin(card, "1234").code == 0
    tries(terminal.purchase(card, 1000, pin="0000"), 2)
    guarded.admin("card", "replace", "--card", str(card.reference), "--by", str(new.reference), "--reason", "lost")
    guarded.seen.pop(card.reference)
    tries(terminal.purchase(new, 1000, pin="0000"), 1)
    assert terminal.purchase(new, 1000, pin="1234").code == 0
    guarded.audit()


# ---- cashiers ----

@pytest.fixture
def manned(shop):
    """A shop whose tills need cashiers who are signed on."""
    shop.put(programmes.PEOPLE)
    return shop


def test_cashiers(manned):
    pin = manned.cashier("amy")
    far = manned.cashier("far", "--store", "S999")
    terminal, kiosk = manned.terminal(), manned.ready_terminal(manned.algorithm, "kiosk")
    card, other = manned.new_card(), manned.new_card()
    assert kiosk.activate(other).code == 0 == kiosk.load(other, 1000).code  # no person is behind it
    for by in ({}, {8: "amy"}, {8: "bob"}):
        assert terminal.activate(card, by).code == 77
    tries(terminal.cashier_sign_on("amy", "0000"), 2)
    tries(terminal.cashier_sign_on("bob", pin), None)
    tries(terminal.cashier_sign_on("far", far), None)  # of another store
    tries(terminal.cashier_sign_on("amy", "0000"), 1)
    assert terminal.cashier_sign_on("amy", pin).code == 0
    by = {8: "amy"}
    assert terminal.activate(card, by).code == 0 == terminal.load(card, 10000, by).code
    assert terminal.purchase(card, 100).code == 77 == terminal.purchase(card, 100, {8: "bob"}).code
    sale = sold(terminal, terminal.purchase(card, 100, by))
    assert terminal.purchase_quote(card, 100).code == 0  # a quote is no value message
    assert terminal.refund(sale, 1).code == 77
    assert terminal.reversal(sale).code == 0  # behind it is no person
    assert terminal.reconciliation(1, []).code == 0
    second = terminal.connection
    terminal.connection = None
    terminal.ready()  # another session: who is signed on in one is not in the other
    assert terminal.purchase(card, 100, by).code == 77
    terminal.close()
    terminal.connection = second
    sold(terminal, terminal.purchase(card, 100, by))
    assert terminal.sign_on().code == 0
    request = terminal.card_request(m.PURCHASE, card, 200, by)
    terminal.send(request)
    terminal.ready()
    assert terminal.repeat(request).code == 0  # what was decided needs no cashier to be repeated
    fresh = terminal.card_request(m.PURCHASE, card, 300, by)
    assert terminal.ask(fresh).code == 77
    assert terminal.cashier_sign_on("amy", pin).code == 0 == terminal.ask(fresh).code  # the same bytes, later
    manned.admin("cashier", "end", "--name", "amy")
    tries(terminal.ready().cashier_sign_on("amy", pin), None)
    manned.audit()


def test_a_kiosk_has_no_cashiers(manned):
    """Section 7: what a kiosk may not send."""
    pin = manned.cashier("amy")
    assert manned.ready_terminal(manned.algorithm, "kiosk").cashier_sign_on("amy", pin).code == 58


def test_a_locked_cashier(manned):
    pin = manned.cashier("amy")
    terminal = manned.terminal()
    for left in (2, 1, 0):
        tries(terminal.cashier_sign_on("amy", "000000"), left)
    assert terminal.cashier_sign_on("amy", pin).code == 75
    new = manned.admin("cashier", "pin", "--name", "amy")["pin"]
    if new != pin:
        tries(terminal.cashier_sign_on("amy", pin), 2)
    assert terminal.cashier_sign_on("amy", new).code == 0
    tries(terminal.cashier_sign_on("amy", "000000"), 2)  # the count went back
    manned.audit()


def test_two_cashiers_in_one_session(manned):
    pins = {name: manned.cashier(name) for name in ("amy", "57")}  # digits are a code too
    terminal = manned.terminal()
    card = manned.new_card()
    for name, pin in pins.items():
        assert terminal.cashier_sign_on(name, pin).code == 0
    assert terminal.activate(card, {8: "57"}).code == 0 == terminal.load(card, 1000, {8: "amy"}).code == terminal.purchase(card, 10, {8: "57"}).code
    manned.audit()


# ---- supervisors ----

@pytest.fixture
def named(shop):
    shop.put(programmes.NAMED)
    return shop


def test_supervisor(named):
    lin, sam = ("lin", named.cashier("lin", "--supervisor")), ("sam", named.cashier("sam", "--supervisor"))
    amy, far = ("amy", named.cashier("amy")), ("far", named.cashier("far", "--supervisor", "--store", "S999"))
    terminal, by = named.terminal(), {8: "amy"}
    card = named.card(terminal, 50000)
    sale = sold(terminal, terminal.purchase(card, 10000, by))
    refused_by = lambda answer, code: refused(answer, code, answer.fields.get(15))
    refused_by(terminal.refund(sale, 2000, by), 76)
    refused_by(terminal.void(sale, by), 76)
    assert terminal.refund(sale, 1999, by).code == 0  # below what asks for one
    for wrong in (amy, far, ("nobody", "123456")):
        tries(terminal.refund(sale, 2000, by, wrong), None)
    tries(terminal.refund(sale, 2000, {8: "lin"}, lin), None)  # another person than the cashier
    tries(terminal.refund(sale, 2000, by, ("lin", "000000")), 2)
    tries(terminal.refund(sale, 1, by, ("lin", "000000")), 1)  # checked, needed or not
    assert terminal.refund(sale, 1, by, sam).code == 0
    assert terminal.refund(sale, 2000, by, lin).code == 0
    tries(terminal.refund(sale, 2000, by, ("lin", "000000")), 2)
    big = sold(terminal, terminal.purchase(card, 3000, by))
    refused_by(terminal.void(big, by), 76)
    tries(terminal.void(big, by, ("sam", "000000")), 2)
    assert terminal.void(big, by, sam).code == 0
    for left in (1, 0):
        tries(terminal.refund(sale, 2000, by, ("lin", "000000")), left)
    refused_by(terminal.refund(sale, 2000, by, lin), 75)
    new = named.admin("cashier", "pin", "--name", "lin")["pin"]
    assert terminal.refund(sale, 2000, by, ("lin", new)).code == 0
    audit = named.audit()
    assert audit.people.cashiers["lin"][-1] == 0


def test_supervisor_and_lost_answers(named):
    lin = ("lin", named.cashier("lin", "--supervisor"))
    terminal = named.terminal()
    card = named.card(terminal, 50000)
    sale, other = sold(terminal, terminal.purchase(card, 10000)), sold(terminal, terminal.purchase(card, 10000))
    refund = terminal.about(m.REFUND, sale, 5000, supervisor=lin)
    assert lost(terminal, refund).fields[15] == m.REFUNDED_IN_PART
    void = terminal.about(m.VOID, other, supervisor=lin)
    assert lost(terminal, void).fields[15] == m.VOIDED
    tries(lost(terminal, terminal.about(m.REFUND, sale, 5000, supervisor=("lin", "000000")), 55), 2)
    assert terminal.reversal(refund).code == 0 and fate(terminal, sale) == m.LIVE
    named.audit()


def test_supervisor_without_a_pin(named):
    named.cashier("lin", "--supervisor")
    terminal = named.terminal()
    sale = sold(terminal, terminal.purchase(named.card(terminal, 50000), 10000))
    answer = terminal.refund(sale, 2000, supervisor=("lin",))
    refused(answer, 76, answer.fields.get(15))
    named.audit()
