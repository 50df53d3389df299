"""What is undone is undone whole: the auditor's check that a Reversal or Void moves the opposite of its original (PROTOCOL.md section 11)."""

from collections import Counter

import messages as m
from falls import BY, GIFT, split
from members import last
from points import class_of, own


def moved(effects, now) -> Counter:
    """(card, what sums together) -> what an entry's own effects gave; points that are owed less count as given."""
    result, effects = Counter(), own(effects)
    for place, effect in enumerate(effects):
        if effect[0] == 2:
            result[effect[1], effect[2]] -= effect[3]
        elif effect[0] == 1 and len(effect) == 7:
            _, card, kind, amount, _, expires, _ = effect
            behind = effects[place + 1] if place + 1 < len(effects) else [0, 0]
            if not (amount < 0 and expires is not None and expires <= now and behind[:2] == [1, "breakage"]):
                result[card, class_of(kind)] += amount
    return result


def marks_and_gifts(effects) -> Counter:
    changes = Counter()
    for _, card, counter, _, change in (e for e in effects if e[0] == 25 and e[2].startswith((BY, GIFT))):
        changes[card, counter] += change
    return changes


class Mirrors:
    def __init__(self):
        self.known = {}  # index -> what the entry moved, without what came by a joining
        self.joinings, self.falls = {}, {}  # index -> what the joining moved; index -> marks and gifts that the entry changed

    def apply(self, entry, effects, fates, books):
        """Yields a sentence for every fault. `books` are those after the entry."""
        if entry.asked is None or entry.asked[1] not in m.VALUE or not entry.approved():
            return
        sale, joining = split(effects)
        now, self.known[entry.index] = moved(effects, entry.time), moved(sale, entry.time)
        self.joinings[entry.index] = moved(joining, entry.time)
        self.falls[entry.index] = marks_and_gifts(sale)
        if entry.asked[1] not in (m.REVERSAL, m.VOID) or entry.told.get(12) is None:
            return
        original = fates.named.get(tuple(entry.asked[23][:3]), (None, None))[1]
        wanted = Counter()
        for (card, kind), amount in self.known.get(original, Counter()).items():
            wanted[last(card, books), kind] -= amount
        # What its original had taken of marks and gifts is back; the rest fell with it.
        beside = marks_and_gifts(effects)
        for (card, counter), change in self.falls.get(original, Counter()).items():
            beside[last(card, books), counter] += change
        for (card, counter), change in beside.items():
            if counter.startswith(GIFT):
                wanted[card, 16] += change
            elif change < 0:
                for (one, kind), amount in self.joinings.get(int(counter.removeprefix(BY)), Counter()).items():
                    wanted[last(one, books), kind] -= amount
        now, wanted = ({place: amount for place, amount in one.items() if amount} for one in (now, wanted))
        if now != wanted:
            yield f"entry {original} is undone, and moved {wanted} the other way; but this moves {now}"
