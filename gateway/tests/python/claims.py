"""What waits for somebody to settle it, and what was sold offline: the auditor's check of effects 21 (grants) and 23
(PROTOCOL.md sections 9.1, 11 and 12)."""

from dataclasses import dataclass

import messages as m
from codec import Malformed
from crypto import BadSignature, check_grant

CASH, DIFFERS, TOO_LATE, SHORTFALL = 1, 2, 3, 4
OPEN, SETTLED = 1, 2
NOBODY, MERCHANT, STORE = 0, 1, 2
SIGN = {CASH: 1, SHORTFALL: -1}  # on suspense


@dataclass
class Claim:
    kind: int
    status: int
    amount: int
    bearer: int
    store: str


class Claims:
    def __init__(self, context):
        self.context = context
        self.known, self.stores = {}, set()  # index -> Claim
        self.used = {}  # grant, or grant and card -> [count, sum] of what was approved under it

    def apply(self, entry, effects, books, fates, keys):
        """`books` and `fates` are those after the entry. Yields a sentence for every fault."""
        told = {e[1]: e[2:] for e in effects if e[0] == 23}
        self.stores |= {e[1].split(":", 1)[1] for e in effects if e[0] == 1 and str(e[1]).startswith("suspense:")}
        wanted = self._opened(entry, fates)
        if entry.asked is not None and entry.asked[1] == m.ADVICE and entry.approved():
            yield from self._advised(entry, effects, books, keys, wanted, told)
        for index, (kind, status, amount, bearer) in told.items():
            claim = self.known.get(index)
            if claim is None:
                if index not in wanted and not set(entry.acts) & {"advice-import"}:
                    yield f"an exception of entry {index} is opened without a reason"
                elif index in wanted and [kind, status, amount] != [wanted[index][0], OPEN, wanted[index][1]]:
                    yield f"exception of entry {index} is {[kind, status, amount]}, not {[wanted[index][0], OPEN, wanted[index][1]]}"
                self.known[index] = Claim(kind, status, amount, bearer, entry.place[1])
                continue
            if kind != claim.kind or claim.status == SETTLED or amount < 0:
                yield f"exception of entry {index} is changed after its end, or to another kind"
            if status == SETTLED and (entry.acts[:1] != ("exception-settle",) or len(entry.acts) != 2) and not self._undone(entry, index, fates):
                yield f"exception of entry {index} is settled without two people"
            elif status == OPEN and not self._undone(entry, index, fates):
                yield f"exception of entry {index} changes without a reason"
            if status == SETTLED and kind in SIGN and amount:
                yield f"exception of entry {index} is settled, and {amount} still waits"
            claim.status, claim.amount, claim.bearer = status, amount, bearer
        for index in wanted.keys() - told.keys():
            yield f"entry {index} opens no exception of kind {wanted[index][0]}"
        for store in self.stores:
            waits = sum(SIGN.get(c.kind, 0) * c.amount for c in self.known.values() if c.store == store and c.status == OPEN)
            there = books.named[f"suspense:{store}"].balances.get(0, 0)
            if waits != there:
                yield f"suspense of {store} has {there}, but {waits} waits"

    def _opened(self, entry, fates):
        """index -> (kind, amount) of what this entry must leave open."""
        asked, told = entry.asked, entry.told
        if told is None:
            return {}
        kind, code = asked[1], told[2]
        if kind == m.CASH_TAKEN and code == 0:
            return {entry.index: (CASH, asked[20])}
        if kind == m.ADVICE and code == 0 and told[36]:
            return {entry.index: (SHORTFALL, told[36])}
        if kind == m.RECONCILIATION and code == 95:
            return {entry.index: (DIFFERS, 0)}
        if kind == m.REVERSAL and code == 51:
            original = fates.known.get(fates.named.get(tuple(asked[23][:3]), (None, None))[1])
            if original is not None and original.kind == m.LOAD:
                return {entry.index: (TOO_LATE, original.amount)}
        return {}

    def _undone(self, entry, index, fates):
        """Whether the entry undoes or refunds the transaction that the exception is about, or undoes that."""
        if entry.asked is None or not entry.approved() or entry.asked[1] not in (m.REVERSAL, m.VOID, m.REFUND):
            return False
        original = fates.named.get(tuple(entry.asked[23][:3]), (None, None))[1]
        return index == original or original in fates.known and fates.known[original].original == index

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
        kept = within
        if within:
            for who, most in ((f"grant:{grant.terminal}/{grant.generation}/{grant.id.hex()}", grant.sum),
                              (f"grant:{grant.terminal}/{grant.generation}/{grant.id.hex()}/{asked[12]}", grant.per_card)):
                used = self.used.setdefault(who, [0, 0])
                used[0], used[1] = used[0] + 1, used[1] + amount
                kept = kept and used[1] <= most and (who.endswith(f"/{asked[12]}") or used[0] <= grant.count)
                within = within and (who.endswith(f"/{asked[12]}") or used[0] <= grant.count)
                tally = [e[2:] for e in effects if e[0] == 21 and e[1] == who]
                if [t[3:5] for t in tally] != [used]:
                    yield f"tally of {who} is {tally}, not {used}"
            within, kept = within and amount <= grant.per_transaction, kept and amount <= grant.per_transaction
        if shortfall < amount and not within:
            yield "a card is debited without its secret, and outside of a grant"
        for index in wanted.keys() & told.keys():
            bearer = MERCHANT if kept else STORE
            if told[index][3] != bearer:
                yield f"shortfall of entry {index} is borne by {told[index][3]}, not {bearer}"
        paid = -sum(e[3] for e in effects if e[0] == 1 and len(e) == 7 and e[2] in (1, 2) and not (e[3] < 0 and e[5] is not None and e[5] <= entry.time))
        waits = sum(e[3] for e in effects if e[0] == 1 and e[1] == f"suspense:{entry.place[1]}")
        if paid != amount - shortfall or waits != -shortfall:
            yield f"the card paid {paid} and {-waits} waits, of {amount} with a shortfall of {shortfall}"
