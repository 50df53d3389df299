"""Cashing out, points that pay, refunds by line (PROTOCOL.md section 11), and the audit of it all."""

import pytest

import messages as m
import programmes
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401

SHOES, SOCKS, BELT = (["shoes", "wear", None, 2000, 4000, 0], ["socks", "wear", None, 3000, 900, 0], ["belt", "wear", None, 1000, 1500, 0])


@pytest.fixture
def paying(shop):
    """A shop whose cards can be cashed out, up to 150.00 and from 100.00 on with a supervisor."""
    shop.put(programmes.UNLOADING)
    return shop


def unloaded(answer):
    return answer.fields[10], answer.changes()


# ---- unload ----

def test_unload_takes_the_newest_loads(paying):
    terminal = paying.terminal()
    card = paying.card(terminal)
    first, second, third = (sold(terminal, terminal.load(card, amount)) for amount in (5000, 3000, 2000))
    assert unloaded(terminal.unload(card, 1500)) == (1500, (-1500, 0, 0))
    assert (fate(terminal, third), fate(terminal, second)) == (m.REFUNDED_IN_PART, m.LIVE)
    out = terminal.unload(card, 4000)
    assert unloaded(out) == (4000, (-4000, 0, 0)) and out.balances() == (4500, 0, 0)
    assert [fate(terminal, load) for load in (first, second, third)] == [m.REFUNDED_IN_PART, m.REFUNDED, m.REFUNDED]
    undone = terminal.reversal(terminal.request_of(out))
    assert undone.code == 0 and undone.fields[10] == 4000 and undone.changes() == (4000, 0, 0) and undone.balances() == (8500, 0, 0)
    assert [fate(terminal, load) for load in (first, second, third)] == [m.LIVE, m.LIVE, m.REFUNDED_IN_PART]
    refused(terminal.unload(card, 8501), 51)
    refused(terminal.unload(card, 15001), 61)
    paying.audit()


def test_unload_and_bonus(paying):
    """A load of 100.00 gave 10.00; half of it is cashed out: half of the bonus goes, or is withheld."""
    terminal = paying.terminal()
    card, spent = paying.card(terminal, 10000), paying.card(terminal, 10000)
    assert unloaded(terminal.unload(card, 5000)) == (5000, (-5000, -500, 0))
    assert unloaded(terminal.unload(card, 1)) == (1, (-1, -1, 0))  # rounded up: ceil(1000 x 5001 / 10000) is 501
    sold(terminal, terminal.purchase(spent, 10900))  # of the principal 0 is left, of the bonus 100
    refused(terminal.unload(spent, 1), 51)
    assert terminal.load(spent, 5000).code == 0
    assert unloaded(terminal.unload(spent, 5000)) == (5000, (-5000, 0, 0))
    paying.audit()


def test_unload_withholds_what_is_spent_of_the_bonus(shop):
    shop.put(programmes.UNLOADING.replace('name = "standard"', 'name = "standard"\nspend = "bonus-first"'))
    terminal = shop.terminal()
    card = shop.card(terminal, 10000)
    sold(terminal, terminal.purchase(card, 900))
    assert unloaded(terminal.unload(card, 5000)) == (4600, (-5000, -100, 0))
    shop.audit()


def test_unload_undone(paying):
    terminal, other = paying.terminal(), paying.terminal()
    card = paying.card(terminal, 3000)
    request = terminal.card_request(m.UNLOAD, card, 1000, {25: 6})
    assert lost(terminal, request).fields[10] == 1000
    refused(terminal.refund(request, 1), 12, m.LIVE)
    refused(terminal.capture(request, 1), 12, m.LIVE)
    refused(other.reversal(request), 25)
    assert other.void(request).fields[15] == m.VOIDED and fate(terminal, request) == m.VOIDED
    refused(other.void(request), 12, m.VOIDED)
    never = terminal.card_request(m.UNLOAD, card, 1000)
    assert terminal.reversal(never).fields[15] == m.BLOCKED
    refused(terminal.ask(never), 21)
    load = sold(terminal, terminal.load(card, 2000))
    out = sold(terminal, terminal.unload(card, 500))
    assert terminal.refund(load, 100).code == 0
    refused(terminal.reversal(out), 12, m.LIVE)  # one of its loads was refunded since
    refused(terminal.void(out), 12, m.LIVE)
    assert terminal.balance(card).balances() == (4400, 0, 0)
    paying.audit()


def test_unload_refused(paying):
    lin = ("lin", paying.cashier("lin", "--supervisor"))
    terminal, kiosk, small = paying.terminal(), paying.ready_terminal(paying.algorithm, "kiosk"), paying.terminal("--max-refund", "10.00")
    card, kept, fresh = paying.card(terminal, 9000, 9000), paying.card(terminal, 1000, product="kept"), paying.new_card()
    refused(kiosk.unload(card, 1), 58)
    refused(terminal.unload(kept, 1), 57)
    refused(terminal.unload(fresh, 1), 78)
    refused(small.unload(card, 1001), 61)
    refused(terminal.unload(card, 10000), 76)
    assert terminal.unload(card, 9999).code == 0
    wrong = terminal.unload(card, 1, supervisor=("lin", "000000"))
    assert (wrong.code, wrong.fields[37]) == (55, 2)
    big = terminal.card_request(m.UNLOAD, paying.card(terminal, 9000, 9000), 12000, {37: "lin"}, supervisor_pin=lin[1])
    assert lost(terminal, big).code == 0
    hold = sold(terminal, terminal.authorize(card, 8000))
    refused(terminal.unload(card, 2), 51)  # what is held is not there
    assert terminal.void(hold).code == 0 == terminal.unload(card, 2).code
    terminal.currency = 978
    refused(terminal.unload(card, 1), 57)
    paying.audit()


def test_only_what_was_loaded_is_cashed_out(paying):
    terminal = paying.terminal()
    card, to = paying.card(terminal, 5000), paying.card(terminal, 1000)
    assert terminal.transfer(card, to, 3000).code == 0
    paying.seen.pop(to.reference)
    refused(terminal.unload(to, 1001), 51)
    assert terminal.unload(to, 1000).balances() == (3000, 0, 0)
    new = paying.new_card()
    paying.admin("card", "replace", "--card", str(card.reference), "--by", str(new.reference), "--reason", "lost")
    paying.seen.pop(card.reference)
    assert terminal.unload(new, 1500).balances() == (500, 0, 0)  # loaded on the one that it has replaced
    many = paying.card(terminal, *17 * [100])
    refused(terminal.unload(many, 1601), 51)  # more than 16 loads
    assert terminal.unload(many, 1600).code == 0
    paying.audit()


def test_unload_in_a_shift(paying):
    terminal, at = paying.terminal(), {9: 3}
    card = paying.card(terminal, 5000)
    undone = sold(terminal, terminal.unload(card, 300, at))
    assert terminal.void(undone, at).code == 0
    out = sold(terminal, terminal.unload(card, 1200, at))
    report, transactions, _ = terminal.whole_shift(3)
    assert report.fields[17] == [[m.UNLOAD, 1, 1200]] and [t[1] for t in transactions] == [m.UNLOAD, m.VOID, m.UNLOAD]
    assert terminal.reconciliation(3, [[m.UNLOAD, 1, 1200]]).code == 0
    refused(terminal.void(out), 12, m.LIVE)
    assert terminal.reversal(out).code == 0
    paying.audit()


# ---- refunds by line ----

def test_refund_by_line(shop):
    terminal, other = shop.terminal(), shop.terminal()
    card = shop.card(terminal, 20000)
    sale = sold(terminal, terminal.purchase(card, 6400, {22: [SHOES, SOCKS, BELT]}))

    def back(item, quantity, amount, by=other):
        return by.refund(sale, amount, {22: [[item, "wear", None, quantity, amount, 0]]})

    refused(back("hat", 1000, 100), 12, m.LIVE)
    refused(back("shoes", 2001, 100), 61)
    refused(back("shoes", 1000, 4001), 61)
    one = sold(other, back("shoes", 1000, 2000))
    refused(back("shoes", 1001, 1), 61)
    refused(back("shoes", 1, 2001), 61)
    two = sold(other, back("shoes", 1000, 2000))
    refused(back("shoes", 1, 1), 61)
    assert other.reversal(two).code == 0 and fate(terminal, sale) == m.REFUNDED_IN_PART
    assert lost(other, other.about(m.REFUND, sale, 2900, {22: [["shoes", "wear", None, 1000, 2000, 0], ["socks", "wear", None, 3000, 900, 0]]})).code == 0
    refused(other.refund(sale, 1501), 61)
    assert other.refund(sale, 1000).code == 0  # without lines only the amount counts
    refused(back("belt", 1000, 1500), 61)
    assert back("belt", 1000, 500).fields[15] == m.REFUNDED
    assert fate(other, one) == m.LIVE
    shop.audit()


def test_refund_by_line_of_a_capture_and_of_what_had_none(shop):
    terminal = shop.terminal()
    card = shop.card(terminal, 20000)
    plain = sold(terminal, terminal.purchase(card, 1000))
    assert terminal.refund(plain, 500, {22: [["hat", "wear", None, 1000, 500, 0]]}).code == 0
    hold = sold(terminal, terminal.authorize(card, 5000))
    captured = sold(terminal, terminal.capture(hold, 4000, {22: [SHOES]}))
    refused(terminal.refund(captured, 900, {22: [SOCKS]}), 12, m.LIVE)
    assert terminal.refund(captured, 4000, {22: [SHOES]}).fields[15] == m.REFUNDED
    twice = sold(terminal, terminal.purchase(card, 1800, {22: [SOCKS, SOCKS]}))
    assert terminal.refund(twice, 1800, {22: [["socks", "wear", None, 6000, 1800, 0]]}).code == 0
    shop.audit()


def test_exchange(shop):
    """A Refund and a Purchase with one order reference."""
    terminal, order = shop.terminal(), {10: "order 7"}
    card = shop.card(terminal, 20000)
    sale = sold(terminal, terminal.purchase(card, 4000, {22: [SHOES]}))
    assert terminal.refund(sale, 2000, order | {22: [["shoes", "wear", None, 1000, 2000, 0]]}).code == 0
    assert terminal.purchase(card, 1500, order | {22: [BELT]}).code == 0
    shop.audit()


# ---- points that pay ----

@pytest.fixture
def rewarding(shop):
    """100 points pay 1.00; at least 50, in steps of 10, up to half of the purchase."""
    shop.put(programmes.POINTS)
    return shop


def test_points_pay(rewarding):
    terminal = rewarding.terminal()
    card, plain = rewarding.card(terminal, 50000), rewarding.card(terminal, 50000, product="plain")
    assert terminal.purchase(card, 20000).changes() == (-20000, 0, 200) and terminal.purchase(plain, 20000).code == 0
    quote = terminal.purchase_quote(card, 1000, {35: 150})
    assert quote.code == 0 and quote.changes() == (-850, 0, -142)
    paid = terminal.purchase(card, 1000, {35: 150, 15: quote.fields[19][0]})
    assert paid.changes() == quote.changes() and paid.fields[10] == 1000 and paid.balances()[2] == 58
    sale = terminal.request_of(paid)
    for code, points, amount in ((61, 40, 1000), (61, 55, 1000), (61, 50, 99), (51, 60, 1000)):
        refused(terminal.purchase(card, amount, {35: points}), code)
        refused(terminal.purchase_quote(card, amount, {35: points}), code)
    refused(terminal.purchase(plain, 1000, {35: 100}), 57)
    assert terminal.void(sale).changes() == (850, 0, 142)
    request = terminal.card_request(m.PURCHASE, card, 1000, {35: 200})
    assert lost(terminal, request).changes() == (-800, 0, -192)
    assert terminal.reversal(request).changes() == (800, 0, 192)
    refused(terminal.purchase(card, 10**6, {35: 200, 13: m.PARTIAL}), 51)  # whole or not at all
    never = terminal.card_request(m.PURCHASE, card, 1000, {35: 200})
    assert terminal.reversal(never).fields[15] == m.BLOCKED
    assert terminal.balance(card).balances()[2] == 200
    audit = rewarding.audit()
    assert audit.books.named["points-payment"].balances.get(0, 0) == 0


def test_points_come_back_last(rewarding):
    """The balances first: 800; then of 200 points, worth 200, floor(200 x r / 200)."""
    terminal = rewarding.terminal()
    card = rewarding.card(terminal, 50000)
    sold(terminal, terminal.purchase(card, 20000))
    sale = sold(terminal, terminal.purchase(card, 1000, {35: 200}))
    assert terminal.balance(card).balances()[2] == 8
    first = terminal.refund(sale, 500)
    assert first.fields[10] == 500 and first.changes()[:2] == (500, 0)
    second = terminal.refund(sale, 400)
    assert second.changes()[:2] == (300, 0)
    third = terminal.refund(sale, 100)
    assert third.fields[15] == m.REFUNDED and third.changes()[:2] == (0, 0)
    assert terminal.balance(card).balances()[2] == 200
    assert terminal.reversal(terminal.request_of(third)).code == 0 and terminal.balance(card).balances()[2] == 100
    rewarding.audit()
