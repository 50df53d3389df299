"""An export for finance, checked by PROTOCOL.md section 13.1 and FINANCE.md alone, and a reader of its hledger journal that takes nothing else.

The reader knows only what the gateway may write there, so that it refuses what hledger would overlook: an undeclared account, a
transaction that does not come to zero, a missing assertion, a line out of place.
"""

import csv
import datetime
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from codec import decode, encode, need
from crypto import ES256, PROTECTED, Context, open_sign1, seal_header, sha256, verify


class Export:
    """A directory whose manifest, files and seals hold; `fingerprint` is the gateway's."""

    def __init__(self, folder, fingerprint: bytes):
        self.folder = Path(folder)
        protected, _, payload, signature = open_sign1((self.folder / "manifest.cbor").read_bytes())
        need(protected == PROTECTED[ES256], "manifest has another header")
        fields = decode(payload)
        need(type(fields) is dict and list(fields) == list(range(13)) and fields[0] == 1 and fields[2] == 1, "not a manifest")
        need(encode(fields) == payload, "manifest is not in its one encoding")
        self.context = Context(fields[1])
        self.key = fields[3]
        need(sha256(self.key) == fingerprint, "manifest names another key")
        verify(self.key, protected, signature, self.context.manifest(protected, payload))
        self.day, self.to, self.store, self.complete, self.before, self.end = (fields[key] for key in range(4, 10))
        self.files = {name: (length, digest) for name, length, digest in fields[10]}
        need(list(self.files) == sorted(self.files), "files do not rise by name")
        here = {path.name for path in self.folder.iterdir()}
        need(here == set(self.files) | {"manifest.cbor", "manifest.json"}, "another file, or one too few")
        for name, (length, digest) in self.files.items():
            data = (self.folder / name).read_bytes()
            need((len(data), sha256(data)) == (length, digest), f"{name} was changed")
        self._balances(fields[11])
        self.kinds = dict(fields[12])
        need(self.store is not None or sum(self.kinds.values()) == self.end[0] - self.before[0], "entries are missing in the counts")
        for end in (self.before, self.end):
            self._seal(*end)

    def _balances(self, rows):
        """{(account, commodity): (opening, debit, credit, closing)}, and all of them come to zero."""
        self.balances, sums = {}, defaultdict(lambda: [0, 0, 0])
        for account, commodity, decimals, opening, debit, credit in rows:
            need(debit >= 0 and credit >= 0, "a side below zero")
            unit = Decimal(1).scaleb(-decimals)
            self.balances[account, commodity] = tuple(amount * unit for amount in (opening, debit, credit, opening + debit - credit))
            for at, amount in enumerate((opening, debit - credit, opening + debit - credit)):
                sums[commodity][at] += amount
        need(all(parts == [0, 0, 0] for parts in sums.values()), "a trial balance does not come to zero")
        self.closing = {account: parts[3] for account, parts in self.balances.items()}

    def _seal(self, index, seal):
        if index == 0:
            return need(seal == b"", "a seal before the first entry")
        protected, _, root, signature = open_sign1(seal)
        place = seal_header(protected)
        need(place.first_index <= index <= place.last_index, "the seal is of other entries")
        verify(self.key, protected, signature, self.context.seal(protected, root))

    def follows(self, before: "Export") -> bool:
        day = lambda number: datetime.date(number // 10000, number // 100 % 100, number % 100)
        open_ = {account: parts[0] for account, parts in self.balances.items() if parts[0]}
        shut = {account: amount for account, amount in before.closing.items() if amount}
        return self.before == before.end and day(self.day) == day(before.to) + datetime.timedelta(days=1) and open_ == shut


def stores(folder) -> dict:
    """{(store, other): what other owes store} of an export from the journal's first entry on, worked out from the lots alone and found in the postings.

    What leaves a lot is owed by the store of the entry that opened it to the one that acted, what comes in the other way; what expires is nobody's debt.
    """
    def rows(name):
        with open(Path(folder) / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    booked = {row["index"]: row["store"] for row in rows("transactions.csv")}
    entries, lots = defaultdict(list), rows("lots.csv")
    for row in rows("postings.csv"):
        entries[row["index"]].append(row)
    owed, said, lots = defaultdict(Decimal), defaultdict(Decimal), iter(lots)
    for index, legs in entries.items():
        books = defaultdict(Decimal)
        for leg in legs:
            books[leg["store"], leg["commodity"]] += Decimal(leg["amount"])
        need(not any(books.values()), f"entry {index} does not come to zero in the books of every store")
        named = (leg["journal_account"].split(":") for leg in legs)
        acting = next((parts[1] for parts in named if parts[0] in ("clearing", "redemption", "suspense", "offline-loss")), booked[index])
        for leg, behind in zip(legs, [*legs[1:], None]):
            kind, _, rest = leg["journal_account"].partition(":")
            if kind == "interstore":
                store, other = rest.split(">")
                need(leg["store"] == store, "another store's debt")
                said[store, other] += Decimal(leg["amount"])
            if kind != "card":
                continue
            lot = next(lots)
            need((lot["index"], lot["card"], lot["store"]) == (index, rest, leg["store"]), "lots and postings are not side by side")
            if int(lot["kind"]) >= 16:
                continue
            home = booked[lot["source"]]
            need(lot["store"] == home, "a lot away from home")
            if home != acting and (behind is None or behind["journal_account"] != "breakage"):
                owed[home, acting] += Decimal(lot["amount"])
                owed[acting, home] -= Decimal(lot["amount"])
    need({key: amount for key, amount in said.items() if amount} == {key: amount for key, amount in owed.items() if amount}, "stores owe each other something else")
    return {key: amount for key, amount in said.items() if amount}


AMOUNT = r'(-?\d+(?:\.\d+)?) ([A-Z]+|"[A-Z]+\d+")'
POSTING = re.compile(rf"    ([^\s;(\[](?:[^\s]| (?! ))*)  {AMOUNT}(?: = {AMOUNT})?")
HEAD = re.compile(r"(\d{4}-\d\d-\d\d) (?:\((\d+)\) )?([A-Za-z0-9 /-]+)")


def read_hledger(text: str) -> dict:
    """{(account, commodity): balance} of a journal that is whole, balanced, declared and asserted."""
    need(text.endswith("\n") and all(" " <= c or c == "\n" for c in text), "control characters, or no last line end")
    paragraphs = [paragraph.split("\n") for paragraph in text.rstrip("\n").split("\n\n")]
    head, *transactions = paragraphs
    need(len(head) == 1 and head[0].startswith("; Business dates "), "no head")
    declarations = transactions.pop()
    need(declarations[0] == "; What it uses, for `hledger check --strict`.", "no declarations")
    accounts = [line[8:] for line in declarations if line.startswith("account ")]
    places = dict(reversed(re.fullmatch(r'commodity 1000\.(0*) (\S+)', line).groups()) for line in declarations if line.startswith("commodity "))
    need(len(declarations) == 1 + len(accounts) + len(places) and accounts == sorted(set(accounts)), "declarations in another order, or twice")
    balances, last, index, asserted = defaultdict(Decimal), "", 0, None
    for lines in transactions:
        date, number, what = HEAD.fullmatch(lines[0]).groups()
        need(asserted is None and date >= last and (number is not None or what in ("Opening balances", "Closing balances")), "out of place")
        need(number is None or int(number) > index, "entries do not rise")
        last, index, sums = date, int(number or index), defaultdict(Decimal)
        asserted = {} if what == "Closing balances" else None
        for line in lines[1:]:
            account, amount, commodity, total, total_in = POSTING.fullmatch(line).groups()
            need(account in accounts and len(amount.partition(".")[2]) == len(places[commodity]), "undeclared")
            balances[account, commodity.strip('"')] += Decimal(amount)
            sums[commodity] += Decimal(amount)
            need((total is None) == (asserted is None) and total_in in (None, commodity), "an assertion out of place")
            if asserted is not None:
                need((account, commodity) not in asserted and balances[account, commodity.strip('"')] == Decimal(total), "an assertion fails")
                asserted[account, commodity] = total
        need(not any(sums.values()), f"transaction {number} does not come to zero")
    need(set(balances) == {(account, commodity.strip('"')) for account, commodity in asserted or {}}, "a balance that nobody asserts")
    return dict(balances)
