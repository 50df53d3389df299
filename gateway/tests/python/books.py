"""The auditor's books: replays the effects of section 12 and says what does not add up."""

from collections import defaultdict
from dataclasses import dataclass, field

from codec import encode, need
from crypto import sha256

RECEIVABLE = "receivable:points"
LENGTHS = {1: 4, 2: 3, 3: 6, 4: 3, 5: 5, 6: 7, 7: 4, 8: 11, 9: 5, 10: 4, 11: 4, 12: 2, 13: 4, 14: 4, 15: 2}


@dataclass
class Lot:
    kind: int
    expires: int | None
    source: int
    amount: int = 0


@dataclass
class CardBook:
    status: int = 0
    product: str = ""
    proof: bytes = b""
    version: int = 0
    next_lot: int = 1
    debt: int = 0
    lots: dict = field(default_factory=dict)

    def hash(self, reference) -> bytes:
        lots = [[n, lot.kind, lot.amount, lot.expires, lot.source] for n, lot in sorted(self.lots.items()) if lot.amount]
        return sha256(encode([reference, self.version, self.status, self.product, self.proof, self.next_lot, self.debt, lots]))[:16]

    def balances(self) -> dict:
        result = {}
        for lot in self.lots.values():
            result[lot.kind] = result.get(lot.kind, 0) + lot.amount
        return {kind: amount for kind, amount in sorted(result.items()) if amount}


@dataclass
class NamedBook:
    version: int = 0
    balances: dict = field(default_factory=dict)

    def hash(self, name) -> bytes:
        return sha256(encode([name, self.version, [[k, a] for k, a in sorted(self.balances.items())]]))[:16]


@dataclass
class TerminalBook:
    generation: int
    status: int
    key: bytes


class Books:
    def __init__(self):
        self.cards, self.named = defaultdict(CardBook), defaultdict(NamedBook)
        self.terminals, self.operators, self.gateway_key = {}, {}, None

    def apply(self, effects: list, index: int):
        """Applies the effects of entry `index` in order; yields a sentence for every fault."""
        sums, touched, hashed, owed = defaultdict(int), set(), set(), 0
        for effect in effects:
            need(type(effect) is list and len(effect) >= 2, "not an effect")
            what, *rest = effect
            need(len(effect) == (7 if what == 1 and type(rest[0]) is int else LENGTHS.get(what)), f"unknown effect {effect!r:.80}")
            if what == 1:
                account, kind, amount, *lot = rest
                sums[0 if kind in (0, 1, 2) else kind] += amount
                touched.add(account)
                if lot:
                    yield from self._post(account, kind, amount, *lot, index)
                else:
                    balances = self.named[account].balances
                    balances[kind] = balances.get(kind, 0) + amount
                    owed += amount if account == RECEIVABLE else 0
            elif what == 2:
                card, change = rest
                touched.add(card)
                self.cards[card].debt += change
                owed += change
                if self.cards[card].debt < 0:
                    yield f"points debt of card {card} falls below zero"
            elif what == 3:
                card, status, product, proof, _reason = rest
                touched.add(card)
                book = self.cards[card]
                book.status, book.product, book.proof = status, product, proof
            elif what == 8:
                self.terminals[rest[0]] = TerminalBook(rest[1], rest[2], rest[5])
            elif what == 10:
                self.operators[rest[0]] = (rest[1], rest[2])
            elif what == 12:
                self.gateway_key = rest[0]
            elif what == 14:
                hashed.add(rest[0])
                yield from self._state(*rest)
        if owed:
            yield "points debts of the cards and the receivable account differ"
        for kind, total in sums.items():
            if total:
                yield f"kind {kind} sums to {total}"
        for subject in touched - hashed:
            yield f"{subject} was touched and has no state hash"

    def _post(self, card, kind, amount, number, expires, source, index):
        book = self.cards[card]
        if number not in book.lots:
            if number != book.next_lot or source != index:
                yield f"lot {number} of card {card} is new, but not the next one, or comes from another entry"
            book.lots[number] = Lot(kind, expires, source)
            book.next_lot = number + 1
        lot = book.lots[number]
        if (lot.kind, lot.expires, lot.source) != (kind, expires, source):
            yield f"posting to lot {number} of card {card} has another kind, expiry or source"
        lot.amount += amount
        if lot.amount < 0:
            yield f"lot {number} of card {card} falls to {lot.amount}"

    def _state(self, subject, version, state_hash):
        book = (self.cards if type(subject) is int else self.named)[subject]
        if version != book.version + 1:
            yield f"version of {subject} goes from {book.version} to {version}"
        book.version = version
        if book.hash(subject) != state_hash:
            yield f"state hash of {subject} differs"
