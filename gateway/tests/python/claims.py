"""What waits for somebody to settle it, and what was sold offline: the auditor's check of effects 21 (grants) and 23
(PROTOCOL.md sections 9.1, 11 and 12)."""

from dataclasses import dataclass

import messages as m
from codec import Malformed
from crypto import BadSignature, check_grant

CASH, DIFFERS, TOO_LATE, SHORTFALL, ALONE, LATE, SALE_TOO_LATE, REFUND_TOO_LATE, ABOVE = 1, 2, 3, 4, 5, 6, 7, 8, 9
MOVES = (m.LOAD, m.PURCHASE, m.CAPTURE, m.ADVICE, m.REFUND, m.UNLOAD)  # what hands money or goods over a counter
OPEN, SETTLED = 1, 2
NOBODY, MERCHANT, STORE = 0, 1, 2
SIGN = {CASH: 1, SHORTFALL: -1}  # on suspense
TO_CARD, PAID_OUT, WRITTEN_OFF, EXPLAINED = 1, 2, 3, 4
WAYS = {CASH: (TO_CARD, PAID_OUT), SHORTFALL: (WRITTEN_OFF,)} | {kind: (EXPLAINED,) for kind in (DIFFERS, TOO_LATE, ALONE, LATE, SALE_TOO_LATE, REFUND_TOO_LATE, ABOVE)}


@dataclass
class Claim:
    kind: int
    status: int
    amount: int
    bearer: int
    store: str
    tenders: dict  # of cash
    load: tuple | None  # that cash was for


class Claims:
    def __init__(self, context):
        self.context = context
        self.known, self.stores = {}, set()  # index -> Claim
        self.used = {}  # grant, or grant and card -> [count, sum] of what was approved under it

    def apply(self, entry, effects, books, fates, keys):
        """`books` and `fates` are those after the entry. Yields a sentence for every fault."""
        told = {e[1]: e[2:] for e in effects if e[0] == 23}
        self.stores |= {e[1].split(":", 1)[1] for e in effects if e[0] == 1 and str(e[1]).startswith("suspense:")}
        wanted = self._opened(entry, effects, fates)
        if entry.asked is not None and entry.asked[1] == m.ADVICE and entry.approved():
            yield from self._advised(entry, effects, books, keys, wanted, told)
        for index, (kind, status, amount, bearer) in told.items():
            claim = self.known.get(index)
            if claim is None:
                above = kind == ABOVE and index == entry.index and entry.approved() and entry.asked[1] == m.REFUND
                if above and status == OPEN and amount > 0:
                    pass  # how much a card may hold is the programme's to say, which is not read here
                elif index not in wanted:
                    yield f"an exception of entry {index} is opened without a reason"
                elif [kind, status, amount] != [wanted[index][0], OPEN, wanted[index][1]]:
                    yield f"exception of entry {index} is {[kind, status, amount]}, not {[wanted[index][0], OPEN, wanted[index][1]]}"
                asked, tenders = entry.asked or {}, {}
                for tender, paid, *_ in asked.get(21, []) if kind == CASH else []:
                    tenders[tender] = tenders.get(tender, 0) + paid
                store = fates.known[index].place[1] if index in fates.known else entry.place[1]
                self.known[index] = Claim(kind, status, amount, bearer, store, tenders, tuple(asked[23]) if kind == CASH and 23 in asked else None)
                continue
            if (kind, bearer) != (claim.kind, claim.bearer) or claim.status == SETTLED:
                yield f"exception of entry {index} is changed after its end, or to another kind"
            if status != SETTLED or amount != claim.amount:
                yield f"exception of entry {index} is changed, and not settled"
            elif entry.acts == ("exception-settle", "exception-settle"):
                yield from self._settled(entry.arguments, index, claim, effects, fates)
            elif not self._undone(entry, index, fates):
                yield f"exception of entry {index} is settled without two people"
            claim.status, claim.amount, claim.bearer = status, amount, bearer
        for index in wanted.keys() - told.keys():
            yield f"entry {index} opens no exception of kind {wanted[index][0]}"
        for store in self.stores:
            waits = sum(SIGN.get(c.kind, 0) * c.amount for c in self.known.values() if c.store == store and c.status == OPEN)
            there = books.named[f"suspense:{store}"].balances.get(0, 0)
            if waits != there:
                yield f"suspense of {store} has {there}, but {waits} waits"

    def _opened(self, entry, effects, fates):
        """index -> (kind, amount) of what this entry must leave open."""
        asked, told = entry.asked, entry.told
        if entry.acts == ("operator-add",) and any(e[0] == 10 and e[4] > 0 for e in effects):
            return {entry.index: (ALONE, 0)}
        if told is None:
            return {}
        kind, code = asked[1], told[2]
        if kind == m.CASH_TAKEN and code == 0:
            return {entry.index: (CASH, asked[20])}
        if kind == m.ADVICE and code == 0 and told[36]:
            return {entry.index: (SHORTFALL, told[36])}
        if kind == m.RECONCILIATION and code == 95:
            return {entry.index: (DIFFERS, 0)}
        if kind == m.REVERSAL and code == 0 and told.get(15) == m.REVERSED and told.get(10):
            fate = fates.known.get(fates.named.get(tuple(asked[23][:3]), (None, None))[1])
            over = fate is not None and (fate.date < entry.date or fate.said in fates.closed)
            return {entry.index: (LATE, told[10])} if over and fate.kind in MOVES else {}
        if kind == m.REVERSAL and code in (12, 51) and 15 in told:
            index = fates.named.get(tuple(asked[23][:3]), (None, None))[1]
            original = fates.known.get(index)
            if original is None or index in self.known or original.kind in (m.ACTIVATE, m.AUTHORIZE):
                return {}  # once
            if original.kind == m.LOAD:
                return {index: (TOO_LATE, original.amount)}
            if original.kind in (m.REFUND, m.UNLOAD):
                return {index: (REFUND_TOO_LATE, original.amount)} if original.amount else {}
            stands = original.amount - original.done
            return {index: (SALE_TOO_LATE, stands)} if stands > 0 else {}
        return {}

    def _undone(self, entry, index, fates):
        """Whether the entry undoes the transaction that the exception is about."""
        if entry.asked is None or not entry.approved() or entry.asked[1] not in (m.REVERSAL, m.VOID):
            return False
        return index == fates.named.get(tuple(entry.asked[23][:3]), (None, None))[1]

    def _settled(self, arguments, index, claim, effects, fates):
        """The money that was waiting goes where the way of settling says, and none moves else."""
        way, card = arguments[1], arguments.get(3)
        moved = [(e[1], e[-1] if len(e) == 4 else e[3]) for e in effects if e[0] == 1]
        suspense, amount = f"suspense:{claim.store}", claim.amount
        twins = [c for i, c in self.known.items() if i != index and c.kind == CASH and c.status == SETTLED and c.load is not None and c.load == claim.load]
        if claim.kind == CASH and twins and arguments.get(4) is not True:
            yield f"cash of entry {index} is settled, and so is another claim for its load"
        if arguments[0] != index or way not in WAYS[claim.kind] or (card is not None) != (way == TO_CARD):
            yield f"exception of entry {index} is settled in way {way}"
        elif way == EXPLAINED:
            wanted = []
        elif way == WRITTEN_OFF:
            wanted = [(f"offline-loss:{claim.store}", -amount), (suspense, amount)]
        elif way == TO_CARD:
            wanted = [(card, amount), (suspense, -amount)]
            if any(len(e) == 7 and e[2] != 1 for e in effects if e[0] == 1):
                yield f"cash of entry {index} is not credited as principal"
            if self._stands(index, fates):
                yield f"cash of entry {index} is credited, and the load that it names stands"
        else:
            wanted = [*((f"clearing:{claim.store}:{tender}", paid) for tender, paid in sorted(claim.tenders.items())), (suspense, -amount)]
        if way in WAYS[claim.kind] and sorted(moved, key=str) != sorted(wanted, key=str):
            yield f"exception of entry {index} is settled in way {way} and moves {moved}, not {wanted}"

    def _stands(self, index, fates):
        named = self.known[index].load
        load = fates.known.get(fates.named.get(named[:3], (None, None))[1]) if named else None
        return load is not None and load.kind == m.LOAD and fates.named[named[:3]][0] == named[3] and load.state in m.APPROVING

    def _advised(self, entry, effects, books, keys, wanted, told):
        asked, shortfall, amount = entry.asked, entry.told[36], entry.asked[20]
        grant = None
        for key in keys:
            try:
                grant = check_grant(asked[36], self.context, key)
                break
            except (BadSignature, Malformed):
                pass
        within = grant is not None and (grant.terminal, grant.generation) == (asked[2], asked[3]) and (
            grant.issued <= asked[7][0] < grant.expires)
        within = within and amount <= grant.per_transaction
        if within:
            name = f"grant:{grant.terminal}/{grant.generation}/{grant.id.hex()}"
            under, of_card = self.used.setdefault(name, [0, 0]), self.used.setdefault(f"{name}/{asked[12]}", [0, 0])
            within = under[0] < grant.count and under[1] + amount <= grant.sum and of_card[1] + amount <= grant.per_card
            for who, used in ((name, under), (f"{name}/{asked[12]}", of_card)):
                if within:
                    used[0], used[1] = used[0] + 1, used[1] + amount
                tally = [e[2:] for e in effects if e[0] == 21 and e[1] == who]
                if tally != ([[0, 0, 0, *used, 0, 0]] if within else []):
                    yield f"tally of {who} is {tally}, not {used}"
        if shortfall < amount and not within:
            yield "a card is debited without its secret, and outside of a grant"
        for index in wanted.keys() & told.keys():
            bearer = MERCHANT if within else STORE
            if told[index][3] != bearer:
                yield f"shortfall of entry {index} is borne by {told[index][3]}, not {bearer}"
        paid = -sum(e[3] for e in effects if e[0] == 1 and len(e) == 7 and e[2] in (1, 2) and not (e[3] < 0 and e[5] is not None and e[5] <= entry.time))
        waits = sum(e[3] for e in effects if e[0] == 1 and e[1] == f"suspense:{entry.place[1]}")
        if paid != amount - shortfall or waits != -shortfall:
            yield f"the card paid {paid} and {-waits} waits, of {amount} with a shortfall of {shortfall}"
