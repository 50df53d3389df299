"""Lost answers, repeats, reversals, transaction status and restarts (PROTOCOL.md section 11)."""

import copy
import signal
import threading
import time
from dataclasses import replace

import pytest

import messages as m


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


def test_many_in_flight(terminal, card):
    terminal.load(card, 10000)
    requests = [terminal.card_request(m.PURCHASE, card, 100) for _ in range(8)]
    flying = [(terminal.send(request), request) for request in requests]
    codes = [terminal.receive(*pair).code for pair in reversed(flying)]
    for request, code in zip(reversed(requests), codes):
        assert code in (0, 9)
        assert code == 0 or terminal.repeat(request).code == 0
    assert terminal.balance(card).balances() == (9200, 500, 8)


def in_parallel(*calls):
    """Calls all at once; returns what each returned."""
    results = [None] * len(calls)

    def run(number):
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def second_session(terminal):
    twin = copy.copy(terminal)
    twin.connection = None
    return twin.ready()


def test_same_bytes_on_two_connections_at_once(terminal, card):
    terminal.load(card, 10000)
    twin = second_session(terminal)
    for _ in range(5):
        request = terminal.card_request(m.PURCHASE, card, 100)
        one, other = in_parallel(lambda: terminal.ask(request), lambda: twin.repeat(request))
        assert one.code == 0 and one.body == other.body and one.repeat != other.repeat
    twin.close()
    assert terminal.balance(card).balances() == (9500, 500, 5)


def test_reversal_races_its_original(terminal, card):
    terminal.load(card, 10000)
    twin = second_session(terminal)
    for _ in range(8):
        sale = terminal.card_request(m.PURCHASE, card, 100)
        reversal = terminal.make(m.REVERSAL, {23: sale.original, 25: 1})
        sold, undone = in_parallel(lambda: terminal.ask(sale), lambda: twin.ask(reversal))
        assert undone.code == 0 and (sold.code, undone.fields[15]) in ((0, m.REVERSED), (21, m.BLOCKED))
        assert terminal.status(sale).state == undone.fields[15]
    twin.close()
    assert terminal.balance(card).balances() == (10000, 500, 0)


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
