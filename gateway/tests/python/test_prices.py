"""The programme's prices (PROTOCOL.md section 11), and the audit of it all."""

import pytest

import messages as m
import programmes
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401

TEA, MILK, GIFT = ["green", "tea", None, 1000, 1001, 0], ["milk", "drink", None, 1000, 300, 0], ["gift", "misc", None, 1000, 500, 0]
OFF = 125  # of the tea: 12.5 % of 1001, rounded down


@pytest.fixture
def till(shop):
    shop.put(programmes.PRICED)
    return shop


def goods(*lines, prices=True):
    return {22: list(lines)} | ({13: m.PRICES} if prices else {})


def test_price(till):
    terminal = till.terminal()
    card = till.card(terminal, 5000)
    quote, sale = terminal.purchase_quote(card, 1301, goods(TEA, MILK)), terminal.purchase(card, 1301, goods(TEA, MILK))
    for answer in (quote, sale):
        assert answer.code == 0 and (answer.fields[10], answer.fields[39]) == (1301 - OFF, OFF)
        assert answer.changes() == (OFF - 1301, 0, 11)
        line = next(line for line in answer.fields[13] if line[0] == "tea-price")
        assert line[1:3] == [0, 1001] and line[3:] == ["12.5%", OFF, 1]
    plain = terminal.purchase(card, 1301, goods(TEA, MILK, prices=False))
    assert plain.fields[10] == 1301 and 39 not in plain.fields
    assert 39 not in terminal.purchase(card, 300, goods(MILK)).fields
    assert lost(terminal, terminal.card_request(m.PURCHASE, card, 1001, goods(TEA))).fields[39] == OFF
    till.audit()


def test_nothing_left_to_pay(till):
    terminal = till.terminal()
    card = till.card(terminal, 1000)
    sale = terminal.purchase(card, 500, goods(GIFT))
    assert sale.code == 0 and (sale.fields[10], sale.fields[39]) == (0, 500) and sale.changes() == (0, 0, 0)
    request = sold(terminal, sale)
    undone = terminal.reversal(request)
    assert undone.code == 0 and fate(terminal, request) == m.REVERSED
    till.audit()


def test_refunds_are_of_what_was_paid(till):
    terminal = till.terminal()
    card = till.card(terminal, 5000)
    request = sold(terminal, terminal.purchase(card, 1301, goods(TEA, MILK)))
    assert terminal.refund(request, 1001 - OFF + 301).code == 61
    assert terminal.refund(request, 1001, {22: [TEA]}).code == 61  # more than was paid for it
    back = terminal.refund(request, 1001 - OFF, {22: [[*TEA[:4], 1001 - OFF, 0]]})
    assert back.code == 0 and back.changes()[0] == 1001 - OFF and back.fields[15] == m.REFUNDED_IN_PART
    assert terminal.refund(request, 300).fields[15] == m.REFUNDED
    assert terminal.balance(card).balances() == (5000, 0, 0)
    till.audit()


def test_partial_approval(till):
    terminal = till.terminal()
    card = till.card(terminal, 500)
    refused(terminal.purchase(card, 1001, goods(TEA)), 51)
    quote = terminal.purchase_quote(card, 1001, goods(TEA))
    part = terminal.purchase(card, 1001, goods(TEA) | {13: m.PRICES | m.PARTIAL})
    for answer in (quote, part):
        assert answer.code == 10 and answer.fields[10] == 500 and answer.fields[10] + answer.fields.get(39, 0) <= 1001
    assert terminal.reversal(terminal.request_of(part)).changes()[0] == 500
    till.audit()


def test_quoted_price_is_honoured(till):
    terminal = till.terminal()
    card = till.card(terminal, 5000)
    quote = terminal.purchase_quote(card, 1001, goods(TEA))
    till.put(programmes.PRICED.replace("12.5%", "1%"))
    assert terminal.purchase(card, 1001, goods(TEA) | {15: quote.fields[19][0]}).fields[39] == OFF
    assert terminal.purchase(card, 1001, goods(TEA)).fields[39] == 10
    till.audit()
