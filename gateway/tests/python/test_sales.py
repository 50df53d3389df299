"""Cards, loads, purchases, points, reconciliation: what a till does all day. Every receipt is checked inside Terminal.judge."""

import time

import pytest

import messages as m
from terminal import Card


def other_reference(card):
    """A well-formed reference that no card has."""
    used = card.reference // 10
    return next(r for r in ((used ^ 1 << 30) * 10 + d for d in range(10)) if m.luhn(r))


def test_activate(gateway, terminal):
    card = gateway.new_card()
    assert terminal.purchase(card, 100).code == 78
    answer = terminal.activate(card)
    assert answer.code == 0 and answer.balances() == (0, 0, 0) and answer.fields[8] == card.reference
    assert terminal.activate(card).code == 12
    assert terminal.balance(card).balances() == (0, 0, 0)


@pytest.mark.parametrize("amount, bonus, step", [(9999, 0, [1, 500]), (10000, 500, [20000, 2000]), (29999, 500, [1, 2000]), (30000, 2000, [20000, 5000]),
                                                 (50000, 5000, [50000, 12000]), (99999, 5000, [1, 12000]), (100000, 12000, None)])
def test_load(terminal, card, amount, bonus, step):
    quote = terminal.load_quote(card, amount)
    assert quote.code == 0 and quote.balances() == (0, 0, 0) and quote.changes() == (amount, bonus, 0) and quote.fields.get(14) == step
    assert terminal.balance(card).balances() == (0, 0, 0)  # a quote changes nothing
    answer = terminal.load(card, amount)
    assert answer.code == 0 and answer.fields[10] == amount
    assert answer.changes() == answer.balances() == terminal.balance(card).balances() == (amount, bonus, 0)


def test_purchase(terminal, card):
    terminal.load(card, 10000)
    answer = terminal.purchase(card, 1250)
    assert answer.code == 0 and answer.fields[10] == 1250 and answer.changes() == (-1250, 0, 12)
    assert answer.balances() == (8750, 500, 12)
    answer = terminal.purchase(card, 9000, {22: [["tea", "drinks", None, 1000, 9000, 0]], 10: "order 17"})
    assert answer.changes() == (-8750, -250, 90) and answer.balances() == (0, 250, 102)  # principal before bonus
    declined = terminal.purchase(card, 251)
    assert declined.code == 51 and terminal.balance(card).balances() == (0, 250, 102)
    again = terminal.repeat(terminal.sent[declined.fields[3]])
    assert again.body == declined.body and again.repeat and again.state == m.DECLINED
    partly = terminal.purchase(card, 251, {13: 2})
    assert partly.code == 10 and partly.fields[10] == 250 and partly.balances() == (0, 0, 104)


def test_wrong_secret_and_unknown_card(terminal, card):
    terminal.load(card, 5000)
    wrong = Card(card.reference, "0" * 20 if card.secret != "0" * 20 else "1" * 20)
    unknown = Card(other_reference(card), card.secret)
    for ask in (terminal.balance, lambda c: terminal.purchase(c, 100), lambda c: terminal.load(c, 100), terminal.activate):
        one, other = ask(wrong), ask(unknown)
        assert one.code == other.code == 14 and set(one.fields) == set(other.fields) and one.fields.get(9) == other.fields.get(9)
        assert set(one.side) == set(other.side)
    assert terminal.balance(card).balances() == (5000, 0, 0)


def test_guessing(gateway, terminal, card, algorithm):
    """Twenty cards that are not accepted, then nothing about cards for a while; nobody else is troubled."""
    terminal.load(card, 10000)
    unknown = Card(other_reference(card), card.secret)
    codes = [terminal.balance(unknown).code for _ in range(26)]
    assert codes[:20] == [14] * 20 and 65 in codes[20:]
    while terminal.balance(unknown).code != 65:
        pass
    assert terminal.balance(card).code == 65 and terminal.purchase(card, 100).code == 65
    other = gateway.ready_terminal(algorithm)
    assert other.purchase(card, 100).code == 0
    time.sleep(7)
    assert terminal.balance(card).balances() == (9900, 500, 1)


def test_kiosk_and_foreign_currency(gateway, terminal, card, algorithm):
    kiosk = gateway.ready_terminal(algorithm, "kiosk")
    assert kiosk.load(card, 10000).code == 0 and kiosk.purchase(card, 100).code == 58
    terminal.currency = 978 if terminal.currency != 978 else 840
    assert terminal.purchase(card, 100).code == 57 and terminal.load(card, 100).code == 57


def test_blocked_card(gateway, terminal, card):
    terminal.load(card, 10000)
    gateway.admin("card", "block", "--card", str(card.reference), "--reason", "lost")
    assert terminal.purchase(card, 100).code == 62 and terminal.load(card, 100).code == 62
    assert gateway.admin("card", "show", "--card", str(card.reference))


def test_reconciliation(gateway, terminal):
    def shift(number):
        card = gateway.new_card()
        at = {9: number, 8: "anna"}
        terminal.activate(card, at)
        terminal.load(card, 10000, at)
        terminal.purchase(card, 1000, at)
        terminal.purchase(card, 10**6, at)  # declined: does not count
        terminal.reversal(terminal.sent[terminal.purchase(card, 2000, at).fields[3]])  # undone: does not count
        partly = terminal.purchase(card, 20000, at | {13: 2})
        assert partly.code == 10
        return card, [[m.ACTIVATE, 1, 0], [m.LOAD, 1, 10000], [m.PURCHASE, 2, 1000 + partly.fields[10]]]

    card, totals = shift(1)
    closed = terminal.reconciliation(1, totals)
    assert closed.code == 0
    assert terminal.reconciliation(1, totals).code == 12
    assert terminal.repeat(terminal.sent[closed.fields[3]]).body == closed.body
    assert terminal.load(card, 10000, {9: 1}).code == 12
    _, totals = shift(2)
    differs = terminal.reconciliation(2, totals[:2])
    assert differs.code == 95 and differs.fields[17] == totals
    assert terminal.reconciliation(3, []).code == 0  # a shift in which nothing happened
