"""The auditor on journals built here: it accepts a good one and notices every tampering."""

import subprocess
import sys
from pathlib import Path

import pytest

import messages as m
from auditor import Audit
from books import RECEIVABLE
from codec import encode
from crypto import EDDSA, ES256, PROTECTED, Key, sha256
from journal_builder import JournalBuilder

CARD, PROOF = 9000000000000001, bytes(32)


class Site:
    """A journal with an operator, a terminal and a card, and ways to add good and bad entries."""

    def __init__(self, algorithm=ES256):
        self.journal, self.key, self.operator, self.stan, self.receipts = JournalBuilder(), Key(algorithm), Key(ES256), 0, {}
        self.journal.system("genesis", self.journal.installation.hex(), [[12, self.journal.key.spki], [10, "OP1", 1, self.operator.spki], [11, 1, 0, "{}"]])
        self.act("card issue", [[3, CARD, 1, "standard", PROOF, None]])
        self.act("terminal enroll", [[8, "T1", 1, 1, 1, -7, b"", "M1", "S1", 10**6, 10**6], [9, "T1", bytes(32), 9, 0]])
        self.enrol()
        self.request(m.ACTIVATE, [[3, CARD, 2, "standard", PROOF, None]])
        self.journal.seal()
        self.loaded = self.journal.index + 1
        self.request(m.LOAD, [[1, "clearing:S1:1", 0, -10000], [1, CARD, 1, 10000, 1, None, self.loaded], [1, "bonus-expense", 0, -500],
                              [1, CARD, 2, 500, 2, None, self.loaded]])
        self.sale = self.journal.index + 1
        self.request(m.PURCHASE, [[1, CARD, 1, -3000, 1, None, self.loaded], [1, "redemption:S1", 0, 3000],
                                  [1, CARD, 16, 30, 3, 2000000000, self.sale], [1, "points-expense", 16, -30]])
        self.receipt = self.journal.seal()[1]

    def act(self, name, effects):
        self.journal.act("OP1", self.operator, name, {1: "x"}, effects)

    def enrol(self):
        fields = {0: 1, 1: m.ENROLL, 2: "T1", 5: self.key.id, 16: bytes(16), 30: self.key.spki}
        self._signed(m.ENROLL, fields, [[8, "T1", 1, 2, 1, -7, self.key.spki, "M1", "S1", 10**6, 10**6], [9, "T1", None, 0, 0]])

    def request(self, kind, effects, key=None, stan=None, code=0):
        self.stan = stan or self.stan + 1
        fields = {0: 1, 1: kind, 2: "T1", 3: 1, 4: self.stan, 5: (key or self.key).id}
        self._signed(kind, fields, effects + [[13, "T1", 1, self.stan]], key, {3: self.stan}, code)

    def _signed(self, kind, fields, effects, key=None, more=None, code=0):
        key, payload = key or self.key, encode(fields)
        protected = PROTECTED[key.algorithm]
        structure = self.journal.context.request(kind, protected, payload)
        self.body = encode([protected, {}, payload, key.sign(structure)])
        self.answer = self.journal.add([1, kind, self.body], sha256(structure), effects, {0: 1, 1: kind, 2: code, 4: 1} | (more or {}))

    def faults(self):
        if self.journal.open:
            self.journal.seal()
        return Audit(self.journal.export()).faults


@pytest.fixture(params=[ES256, EDDSA])
def site(request):
    return Site(request.param)


def test_good_journal(site):
    site.request(m.REVERSAL, [[1, CARD, 1, 3000, 1, None, site.loaded], [1, "redemption:S1", 0, -3000],
                              [1, CARD, 16, -10, 3, 2000000000, site.sale], [2, CARD, 20], [1, RECEIVABLE, 16, -20],
                              [1, "points-expense", 16, 30], [4, site.sale, 2]])
    assert site.faults() == []
    audit = Audit(site.journal.export())
    assert audit.balances() == {CARD: {1: 10000, 2: 500, 16: 20}} and audit.books.cards[CARD].debt == 20
    audit.check_anchor(site.journal.anchor())
    assert audit.faults == []
    audit.check_anchor(site.journal.anchor()[:-1] + "x".replace("x", "0" if site.journal.anchor()[-1] != "0" else "1"))
    assert audit.faults


def test_any_byte(site):
    """Flips one byte at every third place of the file: nothing may go unnoticed."""
    data = site.journal.export()
    assert Audit(data).faults == []
    for at in range(site.key.algorithm == ES256, len(data), 3):
        assert Audit(data[:at] + bytes([data[at] ^ (1 + at % 255)]) + data[at + 1:]).faults, f"flipped byte {at}"
    for cut in range(0, len(data), 97):
        assert Audit(data[:cut]).faults


BAD_ENTRIES = {
    "sums to": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 1, None, s.loaded]]),
    "falls to": lambda s: s.request(m.PURCHASE, [[1, CARD, 1, -7001, 1, None, s.loaded], [1, "redemption:S1", 0, 7001]]),
    "not the next one": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 9, None, s.journal.index + 1], [1, "clearing:S1:1", 0, -100]]),
    "another kind": lambda s: s.request(m.LOAD, [[1, CARD, 1, 100, 1, 2000000000, s.loaded], [1, "clearing:S1:1", 0, -100]]),
    "occurs twice": lambda s: s.request(m.ACTIVATE, [], stan=1, code=12),
    "does not verify": lambda s: (s.journal.add([1, m.LOAD, s.body], bytes(32), [], {1: m.LOAD, 2: 0, 3: 3})),
    "key id": lambda s: s.request(m.ACTIVATE, [], key=Key(ES256), code=12),
    "not active": lambda s: (s.act("terminal suspend", [[8, "T1", 1, 3, 1, -7, s.key.spki, "M1", "S1", 1, 1]]), s.request(m.ACTIVATE, [], code=12)),
    "act of OP1": lambda s: s.journal.act("OP1", Key(ES256), "x", {}, []),
    "operator OP1 is revoked": lambda s: (s.act("x", [[10, "OP1", 2, s.operator.spki]]), s.act("y", [])),
    "receivable": lambda s: s.act("x", [[1, RECEIVABLE, 16, -1], [1, "points-expense", 16, 1]]),
    "below zero": lambda s: s.act("x", [[2, CARD, -1], [1, RECEIVABLE, 16, 1], [1, "points-expense", 16, -1]]),
    "genesis": lambda s: s.journal.system("genesis", s.journal.installation.hex(), []),
    "seal says": lambda s: setattr(s.journal, "group", 7) or s.act("x", []),
}


@pytest.mark.parametrize("fault", BAD_ENTRIES)
def test_bad_entry(site, fault):
    BAD_ENTRIES[fault](site)
    assert any(fault in text for text in site.faults()), site.faults()


def test_a_new_gateway_key(site):
    old, new = site.journal.key, Key(ES256)
    site.act("key rotate", [[12, new.spki]])
    site.journal.seal()
    site.journal.key = new
    site.act("x", [])
    assert site.faults() == []
    site.journal.key = old
    site.act("y", [])
    assert site.faults()


def test_command(site, tmp_path):
    auditor = Path(__file__).parent / "auditor.py"
    export, anchors, held = tmp_path / "export", tmp_path / "anchors", tmp_path / "receipt"
    export.write_bytes(site.journal.export())
    anchors.write_text(site.journal.anchor() + "\n")
    receipt, details = site.receipt
    held.write_bytes(encode({0: 1, 1: site.journal.installation, 2: m.PURCHASE, 3: site.body, 4: site.answer, 5: details, 6: receipt}))
    command = [sys.executable, str(auditor), str(export), "--anchors", str(anchors), "--receipt", str(held)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.endswith("OK\n"), run.stdout + run.stderr
    cut = JournalBuilder()  # another journal does not have that entry
    cut.system("genesis", cut.installation.hex(), [])
    cut.seal()
    export.write_bytes(cut.export())
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and "FAULT" in run.stdout, run.stdout + run.stderr
