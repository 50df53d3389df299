"""A day's trade as finance gets it: checked by an auditor who has only the directory, and taken by the programs that people keep books with."""

import csv
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal

import pytest
from beancount import loader
from beancount.core.data import Transaction
from openpyxl import load_workbook

from codec import Malformed
from conftest import Gateway
from crypto import ES256, BadSignature
from finance_export import Export, read_hledger, stores

FORMS = "csv,jsonl,hledger,beancount,xlsx"


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A gateway that was stopped after a day of two stores, and the exports of that day and of the day after."""
    gateway = Gateway(os.environ["GATEWAY_BIN"], tmp_path_factory.mktemp("finance"))
    till = gateway.ready_terminal(ES256)
    branch = gateway.ready_terminal(ES256, "register", "--store", "b-2")
    cards = [gateway.new_card() for _ in range(3)]
    for card in cards:
        assert till.activate(card).code == 0 and till.load(card, 30000).code == 0
    for amount in (1, 99, 1234, 5000):
        for card, terminal in zip(cards, (till, branch, branch)):
            assert terminal.purchase(card, amount).code == 0
    sale = branch.purchase(cards[0], 7000, {10: "date:1999-01-01 ; \"two\""})
    assert branch.refund(branch.request_of(sale), 2500).code == 0
    lost = till.purchase(cards[1], 4200)
    assert till.void(till.request_of(lost)).code == 0
    assert till.purchase(cards[2], 10**6).code == 51
    assert branch.refund(till.request_of(till.load(cards[2], 5000)), 5000).code in (0, 10, 25)
    for terminal in (till, branch):
        terminal.close()
    day = datetime.date.fromisoformat(gateway.admin("status")["business_date"])
    gateway.stop()
    dates = [day, day + datetime.timedelta(days=1)]
    folders = [gateway.data.parent / name for name in ("one", "two")]
    for date, folder in zip(dates, folders):
        gateway.admin("export", "--day", str(date), "--format", FORMS, "--out", str(folder))
    return gateway, folders


@pytest.fixture(scope="module")
def exports(traded):
    gateway, folders = traded
    return [Export(folder, gateway.fingerprint) for folder in folders]


def test_an_auditor_needs_only_the_directories_and_the_fingerprint(traded, exports):
    gateway, folders = traded
    one, two = exports
    assert two.follows(one) and not one.follows(two)
    assert not one.complete and one.before == [0, b""] and one.end == two.before == two.end
    said = json.loads((folders[0] / "manifest.json").read_text())
    assert said["fingerprint"] == gateway.fingerprint.hex() and said["end"]["index"] == one.end[0]
    assert {(row["account"], row["commodity"]): Decimal(row["closing"]) for row in said["accounts"]} == one.closing
    verified = gateway.run("export", "verify", *map(str, folders), "--fingerprint", gateway.fingerprint.hex())
    assert verified.returncode == 0 and json.loads(verified.stdout)["ok"]
    with pytest.raises(Malformed):
        Export(folders[0], bytes(32))


def test_both_verifiers_find_what_was_changed(traded, tmp_path):
    gateway, folders = traded
    for number, path in enumerate(sorted(folders[0].iterdir())):
        if path.name == "manifest.json":
            continue  # signs nothing; `export verify` holds it to the signed one
        folder = tmp_path / str(number)
        shutil.copytree(folders[0], folder)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        (folder / path.name).write_bytes(data)
        with pytest.raises((Malformed, BadSignature)):
            Export(folder, gateway.fingerprint)
        assert gateway.run("export", "verify", str(folder), "--fingerprint", gateway.fingerprint.hex()).returncode == 1


def rows(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_csv_files_and_the_json_lines_add_up(traded, exports):
    for folder, export in zip(traded[1], exports):
        moved = defaultdict(lambda: [Decimal(0), Decimal(0)])
        entries = defaultdict(Decimal)
        for row in rows(folder, "postings.csv"):
            amount = Decimal(row["amount"])
            assert amount == Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0) != 0
            moved[row["account"], row["commodity"]][amount < 0] += abs(amount)
            entries[row["index"], row["commodity"]] += amount
        assert not any(entries.values())
        lines = [json.loads(line) for line in open(folder / "journal.jsonl", encoding="utf-8")]
        again = defaultdict(Decimal)
        for line in lines[1:-1]:
            for leg in line["postings"]:
                again[leg["account"], leg["commodity"]] += Decimal(leg["amount"])
        for account, (opening, debit, credit, closing) in export.balances.items():
            assert moved[account] == [debit, credit] and again[account] == debit - credit, account
        totals = {(row["account"], row["commodity"]): row for row in rows(folder, "totals.csv")}
        assert {account: Decimal(row["closing"]) for account, row in totals.items()} == export.closing
        assert len(rows(folder, "transactions.csv")) == len(lines) - 2


def test_what_stores_owe_each_other_is_in_both_their_books_and_each_has_books_of_its_own(traded, exports):
    gateway, folders = traded
    matrix = stores(folders[0])
    pairs = {store for pair in matrix for store in pair}
    assert len(pairs) == 2 and all(matrix[other, store] == -amount for (store, other), amount in matrix.items())
    shown = {"b-2": "X---62-2"}
    for (store, other), amount in matrix.items():
        name = ":".join(shown.get(code, code) for code in (store, other))
        assert exports[0].closing[f"Assets:InterStore:{name}", "CNY"] == amount
        folder = gateway.data.parent / f"own-{store}"
        said = json.loads((folders[0] / "manifest.json").read_text())["from"]
        gateway.admin("export", "--day", said, "--store", store, "--format", FORMS, "--out", str(folder))
        own = Export(folder, gateway.fingerprint)  # whose trial balance is zero by itself
        assert own.store == store and {row["store"] for row in rows(folder, "postings.csv")} == {store}
        assert {account: amount for account, amount in own.closing.items() if account[1] == "CNY"}.items() <= exports[0].closing.items()
        assert read_hledger((folder / "journal.hledger").read_text(encoding="utf-8")) == own.closing
        assert loader.load_file(str(folder / "journal.beancount"))[1] == []


def test_our_own_reader_takes_the_hledger_journal_and_nothing_that_is_not_whole(traded, exports):
    for folder, export in zip(traded[1], exports):
        text = (folder / "journal.hledger").read_text(encoding="utf-8")
        assert read_hledger(text) == export.closing
        lines = text.splitlines(keepends=True)
        for at in range(1, len(lines)):  # the first is a comment
            with pytest.raises((Malformed, AttributeError, KeyError, ValueError)):
                if read_hledger("".join(lines[:at] + lines[at + 1:])) != export.closing:
                    raise ValueError


def test_hledger_takes_it(traded, exports):
    """Where it is installed; the reader above and beancount always run."""
    if shutil.which("hledger") is None:
        pytest.skip("hledger is not installed here")
    for folder, export in zip(traded[1], exports):
        journal = str(folder / "journal.hledger")
        assert subprocess.run(["hledger", "-f", journal, "check", "--strict"], capture_output=True).returncode == 0
        said = subprocess.run(["hledger", "-f", journal, "bal", "--flat", "-N", "-E", "-O", "csv"], capture_output=True, text=True, check=True)
        found = defaultdict(Decimal)
        for row in list(csv.DictReader(said.stdout.splitlines())):
            for amount in row["balance"].split(", "):
                number, _, commodity = amount.partition(" ")
                found[row["account"], commodity] += Decimal(number)
        assert {account: amount for account, amount in found.items() if amount and account[1]} == {a: b for a, b in export.closing.items() if b}
    text = (traded[1][0] / "journal.hledger").read_text()
    line = next(line for line in text.splitlines() if re.match(r"    Liabilities:Cards:Principal:\S+  0\.00 CNY = ", line))
    total = line.split()[-2]
    broken = traded[0].data.parent / "broken.hledger"
    broken.write_text(text.replace(line, line.replace(total, str(Decimal(total) + Decimal("0.01")))))
    refused = subprocess.run(["hledger", "-f", str(broken), "check", "--strict"], capture_output=True, text=True)
    assert refused.returncode != 0 and "assertion" in refused.stderr


def test_beancount_takes_it_and_stands_where_we_do(traded, exports):
    for folder, export in zip(traded[1], exports):
        entries, errors, _ = loader.load_file(str(folder / "journal.beancount"))
        assert errors == []
        found = defaultdict(Decimal)
        for entry in entries:
            if isinstance(entry, Transaction):
                for posting in entry.postings:
                    found[posting.account, posting.units.currency] += posting.units.number
        assert {account: amount for account, amount in found.items() if amount} == {a: b for a, b in export.closing.items() if b}
    check = [sys.executable, "-m", "beancount.scripts.check", str(traded[1][0] / "journal.beancount")]
    assert subprocess.run(check, capture_output=True).returncode == 0


def test_beancount_would_notice_a_cent(traded, tmp_path):
    text = (traded[1][0] / "journal.beancount").read_text()
    line = next(line for line in text.splitlines() if " balance Liabilities:Cards:Principal:" in line)
    amount = Decimal(line.split()[3])
    for change in (Decimal("0.01"), Decimal("-0.01")):
        path = tmp_path / "broken.beancount"
        path.write_text(text.replace(line, line.replace(f" {amount} ", f" {amount + change} ")))
        assert [error for error in loader.load_file(str(path))[1] if "Balance failed" in error.message]


def test_the_workbook_has_the_numbers_of_the_csv_files(traded, exports):
    cents = lambda number: Decimal(str(number or 0))
    for folder, export in zip(traded[1], exports):
        book = load_workbook(folder / "finance.xlsx")
        assert book.sheetnames == ["Summary", "Accounts", "Transactions", "Postings"]
        assert all(sheet.freeze_panes == "A2" for sheet in book)
        accounts = {row[:2]: tuple(map(cents, row[2:])) for row in book["Accounts"].iter_rows(min_row=2, values_only=True)}
        assert accounts == export.balances
        legs = list(book["Postings"].iter_rows(min_row=2, values_only=True))
        wanted = rows(folder, "postings.csv")
        assert len(legs) == len(wanted)
        for leg, row in zip(legs, wanted):
            assert (leg[0], leg[3], leg[4]) == (int(row["index"]), row["account"], row["commodity"])
            assert cents(leg[5]) - cents(leg[6]) == Decimal(row["amount"]) and all(not side or type(side) in (int, float) for side in leg[5:])
        summary = dict(book["Summary"].iter_rows(min_row=2, values_only=True))
        assert summary["postings"] == len(legs) and summary["transactions"] == book["Transactions"].max_row - 1 == len(rows(folder, "transactions.csv"))
        for commodity in {commodity for _, commodity in accounts}:
            for side, what in ((1, "all debits in"), (2, "all credits in")):
                assert cents(summary[f"{what} {commodity}"]) == sum(parts[side] for key, parts in accounts.items() if key[1] == commodity)
        orders = [row[9] for row in book["Transactions"].iter_rows(min_row=2, values_only=True)]
        assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
        assert folder.name == "two" or 'date:1999-01-01 ; "two"' in orders
