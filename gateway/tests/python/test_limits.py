"""Corporate cards, cards that end, limits of days and months (PROTOCOL.md section 11), and the audit of it all."""

import pytest

import messages as m
import programmes
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401


# ---- corporate cards ----

@pytest.fixture
def fleet(shop):
    shop.put(programmes.CORPORATE)
    return shop


def bound(shop, terminal, account):
    card = shop.card(terminal)
    shop.admin("card", "bind", "--card", str(card.reference), "--account", str(account.reference))
    return card


def settled(shop):
    """What was last told of bound cards and their accounts is told of one pot: the last word is asked for anew."""
    shop.seen.clear()


def test_corporate_card(fleet):
    terminal = fleet.terminal()
    account = fleet.card(terminal, 20000, product="account")
    card, second, stranger = bound(fleet, terminal, account), bound(fleet, terminal, account), fleet.card(terminal, 1000)
    assert terminal.balance(card).balances() == (20000, 1000, 0)
    sale = terminal.purchase(card, 700)
    assert sale.changes() == (-700, 0, 7) and sale.balances() == (19300, 1000, 7)
    assert terminal.purchase(second, 300).balances() == (19000, 1000, 3)
    held = terminal.authorize(card, 1000)
    assert held.changes() == (0, 0, 0) and held.balances() == (18000, 1000, 7)
    hold = terminal.request_of(held)
    raised = terminal.authorize(card, 500, raises=hold)
    assert raised.balances() == (17500, 1000, 7)
    captured = terminal.capture(hold, 1200)
    assert captured.changes() == (-1200, 0, 12) and captured.balances() == (17800, 1000, 19)
    for answer in (terminal.load(card, 100), terminal.unload(card, 100), terminal.transfer(card, stranger, 100), terminal.transfer(stranger, card, 100)):
        refused(answer, 57)
    refused(terminal.purchase(card, 2801), 61)  # its own day: 700, and 1500 of the hold
    assert terminal.purchase(account, 100).balances() == (17700, 1000, 0)  # points are for whoever buys
    assert lost(terminal, terminal.card_request(m.PURCHASE, second, 400)).balances() == (17300, 1000, 7)
    settled(fleet)
    fleet.audit()


def test_corporate_card_undone(fleet):
    terminal = fleet.terminal()
    account = fleet.card(terminal, 20000, product="account")
    card = bound(fleet, terminal, account)
    one, two, three = (sold(terminal, terminal.purchase(card, amount)) for amount in (100, 200, 300))
    undone = terminal.reversal(one)
    assert undone.code == 0 and undone.changes() == (100, 0, -1) and undone.balances() == (19500, 1000, 5)
    void = terminal.void(two)
    assert void.code == 0 and void.changes() == (200, 0, -2) and void.balances() == (19700, 1000, 3)
    refund = terminal.refund(three, 100)
    assert refund.code == 0 and refund.changes() == (100, 0, -1) and refund.balances() == (19800, 1000, 2)
    assert terminal.reversal(terminal.request_of(refund)).balances() == (19700, 1000, 3)
    assert fate(terminal, three) == m.LIVE
    settled(fleet)
    fleet.audit()


def test_corporate_account_that_declines(fleet):
    terminal = fleet.terminal()
    account = fleet.card(terminal, 20000, product="account")
    card = bound(fleet, terminal, account)
    fleet.admin("card", "block", "--card", str(account.reference), "--reason", "unpaid")
    refused(terminal.purchase(card, 100), 62)
    fleet.admin("card", "unblock", "--card", str(account.reference))
    assert terminal.purchase(card, 100).code == 0
    fleet.admin("card", "block", "--card", str(card.reference), "--reason", "lost")
    refused(terminal.purchase(card, 100), 62)
    fleet.admin("card", "unblock", "--card", str(card.reference))
    fleet.admin("card", "unbind", "--card", str(card.reference))
    refused(terminal.purchase(card, 100), 51)
    assert terminal.load(card, 1000).balances() == (1000, 0, 1)
    assert fleet.run("card", "bind", "--card", str(card.reference), "--account", str(account.reference)).returncode == 1  # it has money of its own
    settled(fleet)
    fleet.audit()


def test_the_card_in_a_replaced_accounts_place_pays(fleet):
    """Section 11: of an account that was replaced, the card in its place pays; a blocked one declines (62)."""
    terminal = fleet.terminal()
    account, new = fleet.card(terminal, 20000, product="account"), fleet.new_card("account")
    card = bound(fleet, terminal, account)
    fleet.admin("card", "replace", "--card", str(account.reference), "--by", str(new.reference), "--reason", "worn")
    assert terminal.purchase(card, 100).code == 0
    fleet.admin("card", "block", "--card", str(new.reference), "--reason", "lost")
    refused(terminal.purchase(card, 100), 62)
    for gone in (card, account):
        fleet.seen.pop(gone.reference, None)
    fleet.audit()


def test_a_bound_card_counts_as_loaded(fleet):
    terminal = fleet.terminal()
    account, card = fleet.card(terminal, 20000, product="account"), fleet.new_card()
    activation = sold(terminal, terminal.activate(card))
    fleet.admin("card", "bind", "--card", str(card.reference), "--account", str(account.reference))
    refused(terminal.reversal(activation), 12, m.LIVE)
    refused(terminal.void(activation), 12, m.LIVE)
    settled(fleet)
    fleet.audit()


def test_a_bound_card_that_is_replaced(fleet):
    """Its sales and holds go on from the card in its place; what was bought with the account goes back there, bound or not."""
    terminal = fleet.terminal()
    account, new = fleet.card(terminal, 20000, product="account"), fleet.new_card()
    card = bound(fleet, terminal, account)
    sale, hold = sold(terminal, terminal.purchase(card, 300)), sold(terminal, terminal.authorize(card, 500))
    fleet.admin("card", "replace", "--card", str(card.reference), "--by", str(new.reference), "--reason", "worn")
    assert terminal.purchase(new, 100).balances() == (19100, 1000, 4)
    refunded, captured = terminal.refund(sale, 100), terminal.capture(hold, 500)
    assert refunded.fields[8] == captured.fields[8] == new.reference and captured.balances() == (19200, 1000, 8)
    fleet.admin("card", "unbind", "--card", str(new.reference))
    assert terminal.refund(sale, 200).code == 0 and terminal.balance(account).balances() == (19400, 1000, 0)
    fleet.seen.clear()
    fleet.audit()


# ---- cards that end ----

def test_cards_that_end(shop):
    """When a card ends is known; the tests cannot wait for it."""
    shop.put(programmes.ENDING)
    terminal = shop.terminal()
    card = shop.card(terminal, 1000)
    first = shop.audit().books.cards[card.reference].owner[0]
    assert first > terminal.gateway_time + 360 * 86400
    shop.admin("card", "extend", "--card", str(card.reference), "--months", "6")
    assert first + 170 * 86400 < shop.audit().books.cards[card.reference].owner[0] < first + 190 * 86400
    assert terminal.purchase(card, 100).code == 0
    shop.audit()


def test_card_holder(shop):
    """A commitment in an Activate or Load registers the holder; elsewhere it has no effect."""
    terminal = shop.terminal()
    card, later = shop.new_card(), shop.card(terminal)
    assert terminal.activate(card, {47: b"a" * 32}).code == 0 == terminal.load(card, 1000).code
    assert terminal.purchase(card, 10, {47: b"b" * 32}).code == 0
    assert terminal.load(later, 1000, {47: b"c" * 32}).code == 0
    cards = shop.audit().books.cards
    assert (cards[card.reference].owner[1], cards[later.reference].owner[1]) == (b"a" * 32, b"c" * 32)


def test_a_card_without_a_holder_holds_less(shop):
    shop.put(programmes.HEAD + programmes.product(real_name_above="50.00", max_transfer="100.00"))
    terminal = shop.terminal()
    card, rich = shop.card(terminal), shop.card(terminal)
    refused(terminal.load(card, 5001), 57)
    assert terminal.load(card, 5000).code == 0
    refused(terminal.load(card, 100), 57)
    assert terminal.load(rich, 5500, {47: b"a" * 32}).code == 0
    refused(terminal.transfer(rich, card, 100), 57)
    assert terminal.transfer(card, rich, 100).code == 0
    shop.seen.pop(rich.reference)
    shop.audit()


# ---- limits of days and months ----

def test_limits(shop):
    shop.put(programmes.LIMITS)
    pins = {name: shop.cashier(name) for name in ("amy", "bob", "cat")}
    terminal, other, by = shop.terminal(), shop.terminal(), {8: "amy"}
    for till in (terminal, other):
        assert all(till.cashier_sign_on(name, pin).code == 0 for name, pin in pins.items())
        till.cashier = "cat"
    card, second = shop.card(terminal), shop.card(terminal)
    load = sold(terminal, terminal.load(card, 20000, by))
    refused(terminal.load(card, 5001, by), 61)  # the cashier's day
    assert terminal.load(card, 5001, {8: "bob"}).code == 0
    refused(other.load(second, 5001, by), 61)  # on whatever terminal, to whatever card
    assert terminal.reversal(load).code == 0 and terminal.load(card, 20000, by).code == 0  # what is undone counts no longer
    sale = sold(terminal, terminal.purchase(card, 5000))
    refused(terminal.purchase(card, 1001), 61)  # the card's month
    assert terminal.load(card, 100).code == 0
    refused(terminal.load(card, 100), 61)  # the fourth in a month
    hold = sold(terminal, terminal.authorize(card, 300))
    assert terminal.capture(hold, 300).code == 0
    given = sold(terminal, terminal.transfer(card, second, 200))
    last = sold(terminal, terminal.purchase(card, 1))
    refused(terminal.purchase(second, 1), 61)  # the fifth of this terminal
    assert other.purchase(second, 1).code == 0
    assert terminal.void(last, by).code == 0 == terminal.purchase(second, 2).code
    one = sold(terminal, terminal.refund(sale, 2000))
    refused(terminal.refund(sale, 1001), 61)  # the card's day
    assert terminal.refund(sale, 1000).code == 0
    refused(terminal.refund(sale, 1), 61)
    assert fate(terminal, given) == m.LIVE and fate(terminal, one) == m.LIVE
    assert lost(other, other.card_request(m.PURCHASE, card, 300)).code == 0
    assert other.cashier_sign_on("cat", pins["cat"]).code == 0
    lost(other, other.card_request(m.PURCHASE, card, 300), 61)
    shop.seen.pop(second.reference)
    shop.audit()
