"""What a terminal and the gateway say to each other when both keep to PROTOCOL.md. Runs in the order of the file: the last
test audits the journal of all the others. Every answer's receipt and status is checked inside Terminal.judge."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import messages as m
from auditor import Audit
from terminal import Card, Terminal
from wire import Closed


def other_reference(card):
    """A well-formed reference that no card has."""
    used = card.reference // 10
    return next(r for r in ((used ^ 1 << 30) * 10 + d for d in range(10)) if m.luhn(r))


def test_enrol_and_sign_on(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm).connect()
    first = terminal.enrol()
    assert first.code == 0 and terminal.generation == 1 and first.fields[28] == 1
    assert terminal.connect().enrol().body == first.body  # same key, same code: the same answer
    signed_on = terminal.sign_on()
    assert signed_on.code == 0 and signed_on.fields[23] == 0 and signed_on.fields[25] == first.fields[25]
    terminal.connection.heartbeat()
    assert terminal.echo().code == 0
    assert terminal.sign_off().code == 0
    with pytest.raises(Closed):
        terminal.connection.read()


def test_enrol_wrong_code(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm, "kiosk")
    right, terminal.code = terminal.code, "0" * 20
    assert terminal.connect().enrol().code == 63
    terminal.code = right
    answer = terminal.connect().enrol()
    assert answer.code == 0 and answer.fields[28] == 2
    stranger = Terminal(":".join(["svgp1", terminal.tid, right, terminal.fingerprint.hex()]), gateway.address, algorithm)
    assert stranger.connect().enrol().code == 63  # the code is used up; only the key that used it may come again


def test_code_expires_after_five_wrong_tries(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm)
    right, terminal.code = terminal.code, "0" * 20
    for _ in range(5):
        assert terminal.connect().enrol().code == 63
    terminal.code = right
    assert terminal.connect().enrol().code == 63


def test_before_enrolment_and_sign_on(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm).connect()
    terminal.generation, terminal.currency = 1, 156
    assert terminal.echo().code == 89
    assert terminal.connect().enrol().code == 0
    terminal.connect()
    assert terminal.echo().code == 97
    assert terminal.activate(gateway.new_card()).code == 97
    assert terminal.sign_on().code == 0 and terminal.echo().code == 0


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


@pytest.mark.parametrize("pause", [0.5, 0])
def test_lost_answer(terminal, card, pause):
    terminal.load(card, 10000)
    request = terminal.card_request(m.PURCHASE, card, 1000)
    terminal.send(request)
    time.sleep(pause)  # without the pause the request itself may be lost, too
    answer = terminal.ready().repeat(request)
    assert answer.code == 0 and (answer.repeat or not pause)
    again = terminal.ready().repeat(request)
    assert again.body == answer.body and again.repeat and again.state == m.LIVE
    assert terminal.ask(request).body == answer.body  # the flag is not what makes it a repeat
    assert terminal.repeat(replace(request, sidecar=b"")).body == answer.body  # nor does a repeat need the sidecar
    assert terminal.balance(card).balances() == (9000, 500, 10)


def test_reversal_of_purchase(terminal, card):
    terminal.load(card, 10000)
    answer = terminal.purchase(card, 10100)
    assert answer.balances() == (0, 400, 101)
    sale = terminal.sent[answer.fields[3]]
    undone = terminal.reversal(sale)
    assert undone.code == 0 and undone.fields[15] == m.REVERSED and undone.fields[10] == 10100
    assert undone.balances() == (10000, 500, 0) and undone.changes() == (10000, 100, -101)
    twice = terminal.reversal(sale, reason=3)
    assert twice.code == 0 and twice.fields[15] == m.REVERSED and twice.fields[10] == 0
    again = terminal.repeat(sale)
    assert again.body == answer.body and again.state == m.REVERSED
    reversal = terminal.sent[undone.fields[3]]
    again = terminal.repeat(reversal)
    assert again.body == undone.body and again.state == m.LIVE
    told = terminal.status(sale)
    assert told.state == m.REVERSED and told.fields[16] == answer.body
    assert terminal.status(reversal).state == m.LIVE
    assert terminal.reversal(reversal).code == 12
    assert terminal.balance(card).balances() == (10000, 500, 0)


def test_reversal_of_load_and_activation(gateway, terminal):
    card = gateway.new_card()
    activation = terminal.sent[terminal.activate(card).fields[3]]
    first = terminal.sent[terminal.load(card, 10000).fields[3]]
    refused = terminal.reversal(activation)
    assert refused.code == 12  # the card is in use
    undone = terminal.reversal(first)
    assert undone.code == 0 and undone.fields[10] == 10000 and undone.balances() == (0, 0, 0)
    second = terminal.sent[terminal.load(card, 10000).fields[3]]
    assert terminal.purchase(card, 1).code == 0
    refused = terminal.reversal(second)
    assert refused.code == 51 and refused.fields[15] == m.LIVE and terminal.balance(card).balances() == (9999, 500, 0)
    unused = gateway.new_card()
    activation = terminal.sent[terminal.activate(unused).fields[3]]
    assert terminal.reversal(activation).fields[15] == m.REVERSED
    assert terminal.purchase(unused, 100).code == 78


def test_reversal_of_unknown(terminal, card):
    terminal.load(card, 10000)
    late = terminal.card_request(m.PURCHASE, card, 1000)
    assert terminal.status(late).state == 0
    for _ in range(2):
        blocked = terminal.reversal(late)
        assert blocked.code == 0 and blocked.fields[15] == m.BLOCKED and 10 not in blocked.fields
    assert terminal.status(late).state == m.BLOCKED
    refused = terminal.ask(late)
    assert refused.code == 21 and not refused.repeat
    again = terminal.repeat(late)
    assert again.body == refused.body and again.state == m.BLOCKED
    assert terminal.balance(card).balances() == (10000, 500, 0)


def test_reversal_of_declined_and_foreign(gateway, terminal, card, algorithm):
    declined = terminal.sent[terminal.purchase(card, 100).fields[3]]
    answer = terminal.reversal(declined)
    assert answer.code == 0 and answer.fields[15] == m.DECLINED and 10 not in answer.fields
    assert terminal.status(declined).state == m.DECLINED
    tid, generation, stan, request_id = declined.original
    assert terminal.reversal([tid, generation, stan, bytes(32)]).code == 25
    assert terminal.status([tid, generation, stan, bytes(32)]).code == 25
    assert terminal.reversal([tid, generation, terminal.last_stan + 9, bytes(32)]).code == 25  # not older than the reversal
    other = gateway.ready_terminal(algorithm)
    assert other.reversal(declined).code == 25 and other.status(declined).code == 25


def test_stan_reuse(terminal, card):
    terminal.load(card, 10000)
    first = terminal.purchase(card, 1000)
    other = terminal.ask(terminal.card_request(m.PURCHASE, card, 2000, stan=first.fields[3]))
    assert other.code == 94 and terminal.balance(card).balances() == (9000, 500, 10)


def test_transaction_status(terminal, card):
    answer = terminal.load(card, 10000)
    told = terminal.status(terminal.sent[answer.fields[3]])
    assert told.state == m.LIVE and told.fields[16] == answer.body
    never = terminal.status(terminal.card_request(m.PURCHASE, card, 100))
    assert never.state == 0 and 16 not in never.fields


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


def test_receipt_file(gateway, terminal, card, tmp_path):
    answer = terminal.load(card, 10000)
    held = terminal.receipt_file(terminal.sent[answer.fields[3]], answer)
    path = tmp_path / "receipt"
    path.write_bytes(held)
    assert gateway.run("receipt", "verify", str(path)).returncode == 0
    signature = range(held.index(b"\x58\x40") + 2, held.index(b"\x58\x40") + 66)  # the terminal's own: not what a receipt proves
    for at in range(len(held) % 7, len(held), len(held) // 7):
        if at in signature:
            continue
        path.write_bytes(held[:at] + bytes([held[at] ^ 4]) + held[at + 1:])
        assert gateway.run("receipt", "verify", str(path)).returncode != 0, f"flipped byte {at}"


def test_many_in_flight(terminal, card):
    terminal.load(card, 10000)
    requests = [terminal.card_request(m.PURCHASE, card, 100) for _ in range(8)]
    flying = [(terminal.send(request), request) for request in requests]
    codes = [terminal.receive(*pair).code for pair in reversed(flying)]
    for request, code in zip(reversed(requests), codes):
        assert code in (0, 9)
        assert code == 0 or terminal.repeat(request).code == 0
    assert terminal.balance(card).balances() == (9200, 500, 8)


def test_suspended_and_revoked(gateway, terminal, card):
    gateway.admin("terminal", "suspend", "--id", terminal.tid)
    try:
        assert terminal.load(card, 10000).code == 89
    except Closed:
        pass  # the gateway may also have closed the connection
    assert terminal.connect().sign_on().code == 89
    gateway.admin("terminal", "resume", "--id", terminal.tid)
    assert terminal.ready().load(card, 10000).code == 0
    gateway.admin("terminal", "revoke", "--id", terminal.tid)
    assert terminal.connect().sign_on().code == 89


def test_kiosk_and_foreign_currency(gateway, terminal, card, algorithm):
    kiosk = gateway.ready_terminal(algorithm, "kiosk")
    assert kiosk.load(card, 10000).code == 0 and kiosk.purchase(card, 100).code == 58
    terminal.currency = 978 if terminal.currency != 978 else 840
    assert terminal.purchase(card, 100).code == 57 and terminal.load(card, 100).code == 57


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


def test_blocked_card(gateway, terminal, card):
    terminal.load(card, 10000)
    gateway.admin("card", "block", "--card", str(card.reference), "--reason", "lost")
    assert terminal.purchase(card, 100).code == 62 and terminal.load(card, 100).code == 62
    assert gateway.admin("card", "show", "--card", str(card.reference))


def test_rolled_back_terminal_is_locked(gateway, terminal, card, algorithm):
    assert terminal.load(card, 100).code == 0
    terminal.last_stan -= 1
    assert terminal.connect().sign_on().code == 88
    assert terminal.connect().sign_on().code == 88
    fresh = Terminal(gateway.enrolment(terminal.tid), gateway.address, algorithm).connect()
    assert fresh.enrol().code == 0 and fresh.generation == 2
    assert fresh.ready().purchase(card, 50).fields[3] == 1
    assert fresh.reversal(terminal.sent[terminal.last_stan + 1]).code == 51  # an older generation's may be reversed, but it is spent
    assert terminal.connect().sign_on().code == 89


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart(gateway, terminal, card, how):
    loaded = terminal.load(card, 10000)
    bought = terminal.purchase(card, 1000)
    undone = terminal.reversal(terminal.sent[bought.fields[3]])
    flying = [terminal.card_request(m.PURCHASE, card, 500) for _ in range(4)]
    for request in flying:
        terminal.send(request)
    gateway.restart(how)
    terminal.address = gateway.address
    terminal.ready()  # carries the last receipt
    for answer, state in ((loaded, m.LIVE), (bought, m.REVERSED), (undone, m.LIVE)):
        again = terminal.repeat(terminal.sent[answer.fields[3]])
        assert again.body == answer.body and again.repeat and again.state == state
    for request in flying:
        assert terminal.repeat(request).code == 0
    assert terminal.balance(card).balances() == (8000, 500, 20)


def test_journal_export(gateway, algorithm, tmp_path):
    terminal = gateway.ready_terminal(algorithm)
    told = {c.reference: a.balances() for c in gateway.cards if (a := terminal.balance(c)).code == 0}
    path = tmp_path / "journal"
    gateway.admin("journal", "export", "--out", str(path))
    gateway.admin("journal", "verify")
    audit = Audit(path.read_bytes())
    assert audit.faults == []
    for book in (told, gateway.seen):
        for card, balances in book.items():
            assert tuple(audit.balances()[card].get(kind, 0) for kind in (1, 2, 16)) == balances, card
    assert len(audit.books.cards) == len(gateway.cards)
    auditor = Path(__file__).parent / "auditor.py"
    run = subprocess.run([sys.executable, str(auditor), str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    data = path.read_bytes()
    for at in range(7, len(data), max(1, len(data) // 40)):
        assert Audit(data[:at] + bytes([data[at] ^ 16]) + data[at + 1:]).faults, f"flipped byte {at}"
