"""The auditor's books: replays the effects of section 12 and says what does not add up."""

from collections import defaultdict
from dataclasses import dataclass, field

from codec import encode, need
from crypto import sha256
from messages import CURRENCIES
from points import class_of, own

RECEIVABLE = "receivable:points"
LENGTHS = {1: 4, 2: 4, 3: 10, 4: 6, 5: 5, 6: 7, 7: 4, 8: 12, 9: 5, 10: 5, 11: 4, 12: 2, 13: 4, 14: 4, 15: 2, 16: 6,
           17: 4, 18: 3, 19: 10, 20: 5, 21: 9, 22: 9, 23: 6, 24: 9, 25: 5}
REPLACED = 4
MONEY = (1, 2)  # the balance kinds that a corporate account holds for its cards
NO_PIN = (None, None, 0)


@dataclass
class Lot:
    kind: int
    expires: int | None
    source: int
    amount: int = 0

    def over(self, now) -> bool:
        return self.expires is not None and self.expires <= now


@dataclass
class CardBook:
    status: int = 0
    product: str = ""
    proof: bytes = b""
    version: int = 0
    next_lot: int = 1
    debts: dict = field(default_factory=dict)  # point currency -> what is owed; none at zero
    lots: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)  # number -> (expires, captured, [[lot, amount], ...]); one that has ended is gone
    successor: tuple | None = None  # (card, offset)
    owner: tuple = (None, None, None, [None, None])  # expires, holder, corporate account, its own limits of a day and month
    pin: tuple = NO_PIN  # salt, hash, wrong tries
    periods: dict = field(default_factory=dict)  # 1 (day) or 2 (month) -> (date, loads, load sum, purchases, purchase sum, refunds, refund sum)

    def hash(self, reference) -> bytes:
        lots = [[n, lot.kind, lot.amount, lot.expires, lot.source] for n, lot in sorted(self.lots.items()) if lot.amount]
        holds = [[number, *hold] for number, hold in sorted(self.holds.items())]
        periods = [[number, *period] for number, period in sorted(self.periods.items())]
        debts = [[kind, debt] for kind, debt in sorted(self.debts.items()) if debt]
        state = [self.version, self.status, self.product, self.proof, *self.owner, list(self.pin), self.next_lot, debts, lots,
                 holds, self.successor, periods]
        return sha256(encode([reference, *state]))[:16]

    def held(self) -> dict:
        """Lot -> what all holds together hold of it."""
        result = {}
        for _, _, parts in self.holds.values():
            for number, amount in parts:
                result[number] = result.get(number, 0) + amount
        return result

    def available(self, now=0) -> dict:
        """Balances as answers tell them: without what is held, and without what has expired."""
        result, held = {}, self.held()
        for number, lot in self.lots.items():
            amount = 0 if lot.over(now) else lot.amount - held.get(number, 0)
            result[lot.kind] = result.get(lot.kind, 0) + amount
        return result

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
        self.moved = defaultdict(list)  # successor -> [(card whose place it took, offset)]

    def apply(self, effects: list, index: int):
        """Applies the effects of entry `index` in order; yields a sentence for every fault."""
        sums, touched, hashed, owed = defaultdict(int), set(), set(), defaultdict(int)
        yield from self._successions([e[1:] for e in effects if type(e) is list and e and e[0] == 17])
        for effect in effects:
            need(type(effect) is list and len(effect) >= 2, "not an effect")
            what, *rest = effect
            need(len(effect) == (7 if what == 1 and type(rest[0]) is int else LENGTHS.get(what)), f"unknown effect {effect!r:.80}")
            if what == 1:
                account, kind, amount, *lot = rest
                sums[class_of(kind)] += amount
                touched.add(account)
                if lot:
                    yield from self._post(account, kind, amount, *lot, index)
                else:
                    balances = self.named[account].balances
                    balances[kind] = balances.get(kind, 0) + amount
                    owed[kind] += amount if account == RECEIVABLE else 0
            elif what == 2:
                card, kind, change = rest
                touched.add(card)
                debts = self.cards[card].debts
                debts[kind] = debts.get(kind, 0) + change
                owed[kind] += change
                if kind not in CURRENCIES or debts[kind] < 0:
                    yield f"points debt of card {card} in kind {kind} falls below zero, or is of no point currency"
            elif what == 3:
                card, status, product, proof, _reason, *owner = rest
                touched.add(card)
                book = self.cards[card]
                book.status, book.product, book.proof, book.owner = status, product, proof, tuple(owner)
                yield from self._owned(card, owner[2])
                if not 1 <= status <= REPLACED or (status == REPLACED) != (book.successor is not None):
                    yield f"card {card} has status {status} and successor {book.successor}"
            elif what == 8:
                self.terminals[rest[0]] = TerminalBook(rest[1], rest[2], rest[5])
            elif what == 10:
                name, status, key, counts = rest
                self.operators[name] = (status, key, counts)
            elif what == 12:
                self.gateway_key = rest[0]
            elif what == 16:
                card, number, expires, captured, parts = rest
                touched.add(card)
                need(all(len(part) == 2 for part in parts), "hold with something else than lots and amounts")
                if parts:
                    self.cards[card].holds[number] = (expires, captured, parts)
                elif self.cards[card].holds.pop(number, None) is None:
                    yield f"hold {number} of card {card} ends, but never was"
            elif what == 17:
                card, successor, offset = rest
                touched.add(card)
                self.cards[card].successor = (successor, offset)
                if self.cards[card].balances() or self.cards[card].holds:
                    yield f"card {card} is replaced and still has something"
                if self.cards[successor].next_lot < self.cards[card].next_lot + offset:
                    yield f"card {successor} may open a lot that another card's transactions mean"
            elif what == 18:
                card, number = rest
                touched.add(card)
                self.cards[card].next_lot = max(self.cards[card].next_lot, number)
            elif what == 19:
                card, period, *counts = rest
                touched.add(card)
                before = self.cards[card].periods.get(period)
                if period not in (1, 2) or before and counts[0] < before[0] or min(counts) < 0:
                    yield f"period {period} of card {card} goes back, or counts below zero"
                self.cards[card].periods[period] = tuple(counts)
            elif what == 20:
                card, *pin = rest
                touched.add(card)
                self.cards[card].pin = tuple(pin)
            elif what == 14:
                hashed.add(rest[0])
                yield from self._state(*rest)
        if any(owed.values()):
            yield "points debts of the cards and the receivable account differ"
        for kind, total in sums.items():
            if total:
                yield f"kind {kind} sums to {total}"
        for card in (t for t in touched if type(t) is int):
            book = self.cards[card]
            for number, amount in book.held().items():
                if number not in book.lots or amount > book.lots[number].amount or book.lots[number].kind not in (1, 2):
                    yield f"lot {number} of card {card} does not have the {amount} that are held of it"
            if book.owner[2] is not None and any(lot.amount and lot.kind in MONEY for lot in book.lots.values()):
                yield f"card {card} is bound to an account, and has money of its own"
            if book.successor and not any(e[0] == 17 and e[1] == card for e in effects):
                yield f"card {card} is touched, but another has taken its place"
        for subject in touched - hashed:
            yield f"{subject} was touched and has no state hash"

    def _post(self, card, kind, amount, number, expires, source, index):
        book = self.cards[card]
        if number not in book.lots:
            moved = self._moved_lot(card, number)
            if moved and (moved.kind, moved.expires, moved.source) != (kind, expires, source):
                yield f"lot {number} of card {card} is not the lot whose place it takes"
            if not moved and (number != book.next_lot or source != index):
                yield f"lot {number} of card {card} is new, but not the next one, or comes from another entry"
            book.lots[number] = Lot(kind, expires, source)
            book.next_lot = max(book.next_lot, number + 1)
        lot = book.lots[number]
        if (lot.kind, lot.expires, lot.source) != (kind, expires, source):
            yield f"posting to lot {number} of card {card} has another kind, expiry or source"
        lot.amount += amount
        if lot.amount < 0:
            yield f"lot {number} of card {card} falls to {lot.amount}"

    def _owned(self, card, account):
        if account is None:
            return
        if account == card or account not in self.cards or self.cards[account].owner[2] is not None:
            yield f"card {card} is bound to {account}, which is no account of its own"

    def purse(self, card):
        """The card whose money a card spends: its own, its account's, or that of the card in a replaced account's place."""
        account = self.cards[card].owner[2]
        while account is not None and self.cards[account].successor:
            account = self.cards[account].successor[0]
        return card if account is None else account

    def told(self, card, now) -> dict:
        """Balances as answers tell them: of a bound card, the account's money and its own points."""
        own, purse = self.cards[card].available(now), self.purse(card)
        if purse == card:
            return own
        return {k: a for k, a in own.items() if k not in MONEY} | {k: a for k, a in self.cards[purse].available(now).items() if k in MONEY}

    def changed(self, card, effects, now) -> dict:
        """Changes as answers tell them, without what had only expired or been released before: the card's, and the money that moved on its purse, or
        on the one that it had then."""
        legs = [e for e in own(effects) if e[0] == 1 and len(e) == 7 and not (e[3] < 0 and e[5] is not None and e[5] <= now)]
        purses = {card, self.purse(card)}
        if not any(leg[1] in purses and leg[2] in MONEY for leg in legs):
            purses = {leg[1] for leg in legs if leg[2] in MONEY}
        result = {}
        for _, at, kind, amount, *_ in legs:
            if at in (purses if kind in MONEY else {card}):
                result[kind] = result.get(kind, 0) + amount
        return {kind: amount for kind, amount in result.items() if amount}

    def _successions(self, successions):
        for card, successor, offset in successions:
            if self.cards[card].successor or successor == card or self.cards[successor].successor:
                yield f"card {card} is replaced twice, or by a replaced one"
            if offset < self.cards[successor].next_lot - 1:
                yield f"lots of card {card} fall on lots of card {successor}"
            self.moved[successor].append((card, offset))

    def follows(self, card, successor) -> bool:
        """Whether `successor` has, maybe over others, taken the place of `card`."""
        return any(old == card or self.follows(card, old) for old, _ in self.moved[successor])

    def _moved_lot(self, card, number):
        """The lot of a replaced card that this one stands for, if any."""
        for old, offset in self.moved[card]:
            found = self.cards[old].lots.get(number - offset) or self._moved_lot(old, number - offset)
            if found:
                return found

    def _state(self, subject, version, state_hash):
        book = (self.cards if type(subject) is int else self.named)[subject]
        if version != book.version + 1:
            yield f"version of {subject} goes from {book.version} to {version}"
        book.version = version
        if book.hash(subject) != state_hash:
            yield f"state hash of {subject} differs"
