"""Quotes that are honoured, transfers, shift reports, acts of two people (PROTOCOL.md sections 7, 11 and 12), and the audit of it all."""

import dataclasses
import os
import time
from pathlib import Path

import pytest

import messages as m
from auditor import Audit
from conftest import Gateway
from terminal import Card
from test_payments import fate, refused, sold

DEFAULT = Path(__file__).parents[2] / "programmes" / "default.toml"


class Shop(Gateway):
    """A gateway of its own whose programme the test changes; its journal is audited at the end."""

    def __init__(self, folder, algorithm):
        super().__init__(os.environ["GATEWAY_BIN"], folder)
        self.folder, self.algorithm = folder, algorithm

    def programme(self, **changes):
        """Puts the default programme in force with lines changed: `name` of a line, the first of that name, -> its new value."""
        lines = DEFAULT.read_text().splitlines()
        for name, value in changes.items():
            at = [n for n, line in enumerate(lines) if line.strip().removeprefix("# ").startswith(f"{name} = ")]
            assert at, name  # the first is the standard product's
            lines[at[0]] = f"{name} = {value}"
        path = self.folder / "programme.toml"
        path.write_text("\n".join(lines) + "\n")
        self.admin("programme", "activate", str(path))

    def put(self, text):
        """Puts a programme of the test's own in force."""
        path = self.folder / "programme.toml"
        path.write_text(text)
        self.admin("programme", "activate", str(path))

    def people(self):
        """Two operators beside the owner."""
        self.admin("operator", "add", "--name", "ann")
        number = self.admin("operator", "add", "--name", "bob", "--by-two")["proposal"]
        self.admin("act", "confirm", "--number", str(number), "--operator", "ann")

    def both(self, *arguments):
        """An act of two people: proposed by one, confirmed by the other."""
        number = self.admin(*arguments, "--operator", "ann")["proposal"]
        self.admin("act", "confirm", "--number", str(number), "--operator", "bob")

    def cashier(self, name, *options) -> str:
        """The PIN of a new cashier."""
        return self.admin("cashier", "add", "--name", name, *options)["pin"]

    def terminal(self, *options):
        return self.ready_terminal(self.algorithm, "register", *options)

    def card(self, terminal, *loads, product="standard") -> Card:
        card = self.new_card(product)
        assert terminal.activate(card).code == 0 and all(terminal.load(card, amount).code == 0 for amount in loads)
        return card

    def audit(self):
        path = self.folder / "journal"
        self.admin("journal", "verify")
        self.admin("journal", "export", "--out", str(path))
        audit = Audit(path.read_bytes())
        assert audit.faults == []
        for card, balances in self.seen.items():
            assert tuple(audit.books.cards[card].available().get(kind, 0) for kind in (1, 2, 16)) == balances, card
        path.unlink()
        return audit


@pytest.fixture
def shop(algorithm, tmp_path):
    shop = Shop(tmp_path, algorithm)
    yield shop
    shop.stop()


def lost(terminal, request, code=0):
    """The answer of a request was lost: its repeats on other connections get the same bytes, with or without the sidecar."""
    terminal.send(request)
    time.sleep(0.3)  # else the connection's end may come first, and it is decided only when it comes again
    terminal.ready()
    for _ in range(100):  # a PIN takes its time
        if terminal.status(request).state != m.UNKNOWN:
            break
        time.sleep(0.2)
    first = terminal.repeat(request)
    assert first.code == code and first.repeat, first.fields
    bare = dataclasses.replace(request, sidecar=b"")
    assert terminal.ready().repeat(bare).body == first.body == terminal.ask(request).body
    assert fate(terminal, request) == first.state and first.approved() == (code in (0, 10))
    if code == 0 and 11 in first.fields:
        terminal.seen[first.fields[8]] = first.balances()
    return first


@pytest.fixture
def transferring(shop):
    """A shop whose cards may give up to 80.00 to others, and take up to 200.00."""
    shop.programme(max_transfer='"80.00"', max_load='"200.00"', max_balance='"200.00"')
    return shop


# ---- quotes ----

def test_quotes_are_honoured(shop):
    """What was quoted holds after the programme has changed; without a citation the new one counts."""
    terminal = shop.terminal()
    card = shop.card(terminal, 20000)
    bought, loaded = terminal.purchase_quote(card, 1000), terminal.load_quote(card, 10000)
    assert bought.code == 0 and bought.balances() == (20000, 500, 0) and bought.changes() == (-1000, 0, 10)
    assert loaded.code == 0 and loaded.changes() == (10000, 500, 0)
    assert terminal.balance(card).balances() == (20000, 500, 0)  # a quote changes nothing
    shop.programme(**{"gives": "3", '{ from = "100.00", bonus': '"7.00" },'})
    assert terminal.purchase_quote(card, 1000).changes() == (-1000, 0, 30)
    assert terminal.load_quote(card, 10000).changes() == (10000, 700, 0)
    old = terminal.purchase(card, 1000, {15: bought.fields[19][0]})
    assert old.code == 0 and old.changes() == bought.changes() and old.fields[13] == bought.fields[13]
    assert old.fields[7] == bought.fields[7] < terminal.purchase_quote(card, 1).fields[7]
    assert terminal.purchase(card, 1000).changes() == (-1000, 0, 30)
    assert terminal.load(card, 10000).changes() == (10000, 700, 0)
    loaded_old = terminal.load(card, 10000, {15: loaded.fields[19][0]})
    assert loaded_old.code == 0 and loaded_old.changes() == loaded.changes() and loaded_old.fields[7] == loaded.fields[7]
    again = terminal.repeat(terminal.request_of(loaded_old))
    assert again.body == loaded_old.body and again.approved()
    assert fate(terminal, terminal.request_of(old)) == m.LIVE
    assert terminal.reversal(terminal.request_of(old)).changes() == (1000, 0, -10)
    shop.audit()


def test_quotes_cited_wrongly(shop):
    terminal, other = shop.terminal(), shop.terminal()
    card, another = shop.card(terminal, 20000), shop.card(terminal, 20000)
    bought, loaded = terminal.purchase_quote(card, 1000).fields[19][0], terminal.load_quote(card, 1000).fields[19][0]
    before = terminal.balance(card).balances()
    for answer in (terminal.purchase(card, 1000, {15: bytes(8)}), terminal.load(card, 1000, {15: bytes(8)}),  # unknown
                   terminal.purchase(card, 1001, {15: bought}), terminal.load(card, 999, {15: loaded}),  # another amount
                   terminal.purchase(another, 1000, {15: bought}), terminal.load(another, 1000, {15: loaded}),  # another card
                   other.purchase(card, 1000, {15: bought}), other.load(card, 1000, {15: loaded}),  # another terminal
                   terminal.load(card, 1000, {15: bought}), terminal.purchase(card, 1000, {15: loaded})):  # of another message
        refused(answer, 12)
    assert terminal.balance(card).balances() == before
    assert terminal.authorize(card, 10, {15: bytes(8)}).code == 0  # without effect elsewhere
    assert terminal.purchase(card, 1000, {15: bought}).code == 0 and terminal.load(card, 1000, {15: loaded}).code == 0
    shop.audit()


def test_purchase_quote_in_part_and_declined(shop):
    terminal, kiosk = shop.terminal(), shop.ready_terminal(shop.algorithm, "kiosk")
    card = shop.card(terminal, 1000)
    partly = terminal.purchase_quote(card, 1500)
    assert partly.code == 10 and partly.fields[10] == 1000 and partly.changes() == (-1000, 0, 10)
    refused(terminal.purchase(card, 1500), 51)
    paid = terminal.purchase(card, 1500, {15: partly.fields[19][0], 13: m.PARTIAL})
    assert paid.code == 10 and paid.changes() == partly.changes()
    refused(terminal.purchase_quote(card, 1), 51)
    refused(kiosk.purchase_quote(card, 1), 58)
    terminal.currency = 978
    refused(terminal.purchase_quote(card, 1), 57)


# ---- transfers ----

def test_transfer_and_its_undoing(transferring):
    shop = transferring
    terminal, other = shop.terminal(), shop.terminal()
    card, to = shop.card(terminal, 10000), shop.card(terminal)
    sold(terminal, terminal.purchase(card, 6000))
    given = terminal.transfer(card, to, 4200)  # principal first, then bonus
    assert given.code == 0 and given.changes() == (-4000, -200, 0) and given.balances() == (0, 300, 60)
    transfer = terminal.request_of(given)
    assert terminal.balance(to).balances() == (4000, 200, 0) and fate(terminal, transfer) == m.LIVE
    refused(terminal.refund(transfer, 1), 12, m.LIVE)
    refused(terminal.capture(transfer, 1), 12, m.LIVE)
    undone = terminal.reversal(transfer)
    assert undone.code == 0 and undone.changes() == (4000, 200, 0) and undone.balances() == (4000, 500, 60) and undone.fields[10] == 4200
    shop.seen.pop(to.reference)
    assert terminal.balance(to).balances() == (0, 0, 0) and fate(terminal, transfer) == m.REVERSED
    transfer = sold(terminal, terminal.transfer(card, to, 1000))
    refused(other.reversal(transfer), 25)
    spent = sold(terminal, terminal.purchase(to, 1))
    refused(terminal.reversal(transfer), 51, m.LIVE)
    refused(other.void(transfer), 51, m.LIVE)
    assert terminal.void(spent).code == 0
    assert other.void(transfer).balances() == (4000, 500, 60) and fate(terminal, transfer) == m.VOIDED
    refused(other.void(transfer), 12, m.VOIDED)
    shop.seen.pop(to.reference)
    lost = terminal.card_request(m.TRANSFER, card, 700, {33: to.reference})
    terminal.send(lost)
    first = terminal.ready().repeat(lost)
    assert first.code == 0 and first.repeat and first.approved() and terminal.repeat(lost).body == first.body
    never = terminal.card_request(m.TRANSFER, card, 700, {33: to.reference})
    assert terminal.reversal(never).fields[15] == m.BLOCKED
    refused(terminal.ask(never), 21)
    assert terminal.balance(to).balances() == (700, 0, 0) and terminal.balance(card).balances() == (3300, 500, 60)
    audit = shop.audit()
    assert all(card.periods == {} for card in audit.books.cards.values())  # the product does not limit it


def test_transfer_refused(transferring):
    shop = transferring
    terminal, kiosk, small = shop.terminal(), shop.ready_terminal(shop.algorithm, "kiosk"), shop.terminal("--max-purchase", "10.00")
    card, full, fresh, blocked, gone = shop.card(terminal, 15000), shop.card(terminal, 19000), shop.new_card(), shop.card(terminal), shop.card(terminal)
    shop.admin("card", "block", "--card", str(blocked.reference), "--reason", "lost")
    shop.admin("card", "replace", "--card", str(gone.reference), "--by", str(shop.new_card().reference), "--reason", "worn")
    before = terminal.balance(card).balances()
    unknown = next(r for r in range(card.reference + 1, card.reference + 99) if m.luhn(r))
    wrong = Card(card.reference, "1" * 20)
    for code, answer in ((14, terminal.transfer(card, Card(unknown, ""), 1)), (14, terminal.transfer(wrong, full, 1)), (62, terminal.transfer(card, blocked, 1)),
                         (46, terminal.transfer(card, gone, 1)), (78, terminal.transfer(card, fresh, 1)), (78, terminal.transfer(fresh, card, 1)),
                         (62, terminal.transfer(blocked, card, 1)), (46, terminal.transfer(gone, card, 1)), (12, terminal.transfer(card, card, 1)),
                         (61, terminal.transfer(card, full, 501)), (61, terminal.transfer(card, full, 8001)), (61, small.transfer(card, full, 1001)),
                         (58, kiosk.transfer(card, full, 1)), (51, terminal.transfer(shop.card(terminal), card, 1))):
        refused(answer, code)
    held = sold(terminal, terminal.authorize(full, 400))
    refused(terminal.transfer(card, full, 501), 61)  # what is held counts against the largest balance
    assert terminal.void(held).code == 0 and terminal.balance(card).balances() == before
    assert terminal.transfer(card, full, 500).code == 0
    terminal.currency = 978
    refused(terminal.transfer(card, full, 1), 57)
    shop.programme()
    terminal.currency = 156
    refused(terminal.transfer(card, full, 1), 57)  # the default product gives nothing
    shop.seen.pop(full.reference)
    shop.seen.pop(gone.reference, None)
    shop.audit()


# ---- a card's day ----

def test_a_card_has_its_day(shop):
    shop.programme(daily='{ loads = 2, load_sum = "300.00", purchases = 3, purchase_sum = "50.00" }', max_transfer='"80.00"')
    terminal, other = shop.terminal(), shop.terminal()
    card, to = shop.card(terminal, 10000), shop.card(terminal)
    refused(terminal.load(card, 20001), 61)
    load = sold(terminal, terminal.load(card, 20000))
    refused(terminal.load(card, 100), 61)
    assert terminal.reversal(load).code == 0 and terminal.load(card, 100).code == 0
    hold = sold(terminal, terminal.authorize(card, 1000))
    sold(terminal, terminal.capture(hold, 1000))  # does not count again
    refused(terminal.transfer(card, to, 4001), 61)
    refused(terminal.purchase_quote(card, 4001), 61)
    given = sold(terminal, terminal.transfer(card, to, 3000))
    sale = sold(terminal, terminal.purchase(card, 1000))
    for answer in (terminal.purchase(card, 1), terminal.authorize(card, 1), terminal.transfer(card, to, 1), terminal.purchase_quote(card, 1)):
        refused(answer, 61)
    assert other.void(sale).code == 0 and terminal.reversal(given).code == 0
    sold(terminal, terminal.purchase(card, 4000))
    shop.seen.pop(to.reference, None)
    audit = shop.audit()
    assert audit.books.cards[card.reference].periods[1][1:] == (2, 10100, 2, 5000, 0, 0)


# ---- shift reports ----

def test_shift_report(transferring):
    """A shift over two pages is what the terminal did in it; another's and another shift's are not in it."""
    shop = transferring
    terminal, other, at = shop.terminal(), shop.terminal(), {9: 4}
    card, to = shop.card(terminal, 15000), shop.card(terminal)
    did = {}  # STAN -> [kind, code, amount, state]

    def do(answer, state=m.LIVE):
        declined = answer.code not in (0, 10)
        did[answer.fields[3]] = [answer.fields[1], answer.code, None if declined else answer.fields.get(10), m.DECLINED if declined else state]
        return terminal.request_of(answer)

    do(terminal.activate(shop.new_card(), at))
    load = do(terminal.load(card, 1000, at), m.REFUNDED_IN_PART)
    do(terminal.refund(load, 300, at))
    voided = do(terminal.purchase(card, 500, at), m.VOIDED)
    assert other.void(voided, at).code == 0
    reversed_ = do(terminal.purchase(card, 600, at), m.REVERSED)
    do(terminal.ask(terminal.about(m.REVERSAL, reversed_, more=at | {25: 1})))
    hold = do(terminal.authorize(card, 2000, at), m.CAPTURED)
    do(terminal.capture(hold, 900, at))
    do(terminal.transfer(card, to, 700, at))
    do(terminal.transfer(card, card, 700, at))
    do(terminal.purchase(to, 900, at | {13: m.PARTIAL}))
    sold(terminal, terminal.purchase(card, 1, {9: 5}))
    sold(terminal, terminal.purchase(card, 1))
    for amount in range(1, 46):
        do(terminal.purchase(card, amount if amount % 9 else 10**6, at))
    report, transactions, pages = terminal.whole_shift(4)
    assert pages == 2 and report.fields[32] is False and report.fields[23] == terminal.last_stan
    assert {t[0]: t[1:] for t in transactions} == did
    counted = {}
    for kind, code, amount, state in did.values():
        if code in (0, 10) and state not in (m.REVERSED, m.VOIDED) and kind not in (m.REVERSAL, m.AUTHORIZE):
            count, total = counted.get(kind, (0, 0))
            counted[kind] = count + 1, total + amount
    totals = [[kind, *counted[kind]] for kind in sorted(counted)]
    assert report.fields[17] == totals
    first = terminal.shift_report(4)
    assert len(first.fields[33]) == 48 and first.fields[34] >= first.fields[33][-1][0]
    assert terminal.shift_report(4, first.fields[33][-1][0] - 1).fields[33][0] == first.fields[33][-1]
    assert terminal.whole_shift(99)[1] == [] and other.whole_shift(4)[0].fields[17] == []
    end = terminal.reconciliation(4, totals)
    assert end.code == 0
    did[end.fields[3]] = [m.RECONCILIATION, 0, None, m.LIVE]
    report, transactions, _ = terminal.whole_shift(4)
    assert report.fields[32] is True and report.fields[17] == totals and {t[0]: t[1:] for t in transactions} == did
    shop.audit()


def test_a_closing_that_differs_is_taken_apart(transferring):
    """95: the terminal pages through the list, and finds the STANs that differ from its own journal, and no others."""
    shop = transferring
    terminal, other, at = shop.terminal(), shop.terminal(), {9: 6}
    card, own = shop.card(terminal, 15000), {}

    def do(answer, state=m.LIVE):
        fields = answer.fields
        own[fields[3]] = [fields[1], fields.get(10), state if answer.code in (0, 10) else m.DECLINED]
        return fields[3]

    stans = [do(terminal.purchase(card, amount if amount % 9 else 10**6, at)) for amount in range(1, 106)]
    do(terminal.authorize(card, 50, at))
    assert terminal.differing(6, own) == [[], [], []]
    voided, undone = terminal.sent[stans[1]], terminal.sent[stans[60]]
    assert other.void(voided, at).code == 0  # only the gateway knows of it
    assert terminal.ask(terminal.about(m.REVERSAL, undone, more=at | {25: 1})).code == 0
    own[stans[60]][2] = m.REVERSED
    own[stans[30]][1] += 1  # planted: another amount, a lost one, an invented one, a decline taken for a sale
    lost = own.pop(stans[70])[:2]
    own[terminal.last_stan + 7] = [m.PURCHASE, 77, m.LIVE]
    own[stans[98]][1:] = [5, m.LIVE]
    totals = {}
    for kind, amount, state in own.values():
        if kind in m.COUNTED and state == m.LIVE:
            count, total = totals.get(kind, (0, 0))
            totals[kind] = count + 1, total + amount
    assert terminal.reconciliation(6, [[kind, *totals[kind]] for kind in sorted(totals)]).code == 95
    first, second, third = terminal.differing(6, own)
    sale = lambda amount: [m.PURCHASE, amount]
    assert first == [(stans[1], sale(2), None), (stans[30], sale(32), sale(31))]
    assert second == [(stans[70], None, lost)]
    assert third == [(stans[98], sale(5), None), (terminal.last_stan - 1 + 7, sale(77), None)]
    shop.audit()


# ---- acts of two people ----

def test_money_back_needs_two_people(shop):
    terminal = shop.terminal()
    card = shop.card(terminal, 10000)
    shop.people()

    def propose(*options):
        return shop.admin("card", "refund", "--card", str(card.reference), "--amount", "12.50", "--reason", "no receipt", *options)["proposal"]

    def confirm(number, name):
        return shop.run("act", "confirm", "--number", str(number), "--operator", name).returncode

    first, second = propose("--operator", "ann"), propose()
    assert terminal.balance(card).balances() == (10000, 500, 0)  # nothing is done by one alone
    assert len(shop.admin("act", "list")["proposals"]) == 2
    assert confirm(first, "ann") == 1 and confirm(second, "owner") == 1 and confirm(99, "bob") == 1
    assert confirm(first, "bob") == 0 and confirm(first, "bob") == 1
    assert terminal.balance(card).balances() == (11250, 500, 0)
    shop.admin("operator", "revoke", "--name", "bob")
    assert confirm(second, "bob") == 1
    assert confirm(second, "ann") == 0
    third = propose()
    shop.restart(15)
    terminal.address = shop.address
    assert terminal.ready().balance(card).balances() == (12500, 500, 0)
    assert confirm(third, "ann") in (0, 1)  # a gateway may forget what only one has signed, and may not do it twice
    shop.seen.pop(card.reference)
    assert terminal.balance(card).balances()[0] in (12500, 13750)
    shop.admin("clock", "confirm")
    assert terminal.purchase(card, 12500).code == 0
    shop.audit()
