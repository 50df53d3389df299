"""What is undone is undone whole: the auditor's check that a Reversal or Void moves the opposite of its original (PROTOCOL.md section 11)."""

from collections import Counter

import messages as m
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


class Mirrors:
    def __init__(self):
        self.known = {}  # index -> what the entry moved

    def apply(self, entry, effects, fates, books):
        """Yields a sentence for every fault. `books` are those after the entry."""
        if entry.asked is None or entry.asked[1] not in m.VALUE or not entry.approved():
            return
        now = self.known[entry.index] = moved(effects, entry.time)
        if entry.asked[1] not in (m.REVERSAL, m.VOID) or entry.told.get(12) is None:
            return
        original = fates.named.get(tuple(entry.asked[23][:3]), (None, None))[1]
        wanted = Counter()
        for (card, kind), amount in self.known.get(original, Counter()).items():
            wanted[last(card, books), kind] -= amount
        now, wanted = ({place: amount for place, amount in one.items() if amount} for one in (now, wanted))
        if now != wanted:
            yield f"entry {original} is undone, and moved {wanted} the other way; but this moves {now}"
