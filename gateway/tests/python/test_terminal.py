"""Enrolment, sessions, receipts. The last test audits the journal of all tests; so this file comes last of those that use the gateway."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import messages as m
from auditor import Audit
from crypto import Key
from terminal import Terminal
from wire import Closed, Connection, certificate, tls_context


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


def test_enrol_is_bound_to_both_ends(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm).connect()
    stolen = Key(algorithm)  # a man in the middle has his own key on the connection
    terminal.connection = Connection(terminal.address, tls_context(stolen, certificate(stolen)), terminal.fingerprint)
    assert terminal.enrol().code == 63
    terminal.connect()
    fields = {26: "python", 29: terminal.code, 30: terminal.key.spki, 31: terminal.fingerprint, 32: 1}
    assert terminal.ask(terminal.make(m.ENROLL, fields | {31: bytes(32)})).code == 63
    assert terminal.ask(terminal.make(m.ENROLL, fields, nonce=bytes(16))).code == 63
    assert terminal.enrol().code == 0


def test_silence_and_replayed_sign_on(terminal):
    old = terminal.make(m.SIGN_ON, {26: "python", 27: 0, 32: 1})
    start = time.monotonic()
    terminal.connect()
    assert terminal.ask(old).code == 63  # another connection has another nonce
    with pytest.raises(Closed):
        terminal.connection.read()
    assert 8 < time.monotonic() - start < 14


def test_before_enrolment_and_sign_on(gateway, algorithm):
    terminal = gateway.new_terminal(algorithm).connect()
    terminal.generation, terminal.currency = 1, 156
    assert terminal.echo().code == 89
    assert terminal.connect().enrol().code == 0
    terminal.connect()
    assert terminal.echo().code == 97
    assert terminal.activate(gateway.new_card()).code == 97
    assert terminal.sign_on().code == 0 and terminal.echo().code == 0


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
            assert tuple(audit.books.cards[card].available().get(kind, 0) for kind in (1, 2, 16)) == balances, card
    assert len(audit.books.cards) == len(gateway.cards)
    auditor = Path(__file__).parent / "auditor.py"
    run = subprocess.run([sys.executable, str(auditor), str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    data = path.read_bytes()
    for at in range(7, len(data), max(1, len(data) // 8)):
        assert Audit(data[:at] + bytes([data[at] ^ 16]) + data[at + 1:], to_first_fault=True).faults, f"flipped byte {at}"
