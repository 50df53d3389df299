"""What falls with what is undone: the gifts of tiers, and a joining by what was spent (PROTOCOL.md section 11)."""

from collections import Counter

BY, GIFT, GIVEN = "join:by/", "tier/gift/", "tier/given/"
OF_JOINING = {1, 2, 24, 25}


def split(effects) -> tuple:
    """An entry's effects without what came by a joining, and that: it stands last, from its mark on."""
    mark = next((at for at, e in enumerate(effects) if e[0] == 25 and e[2].startswith(BY) and e[4] > 0), len(effects))
    behind = [e for e in effects[mark:] if e[0] in OF_JOINING]
    return effects[:mark] + [e for e in effects[mark:] if e[0] not in OF_JOINING], behind


def counts_of(effects) -> Counter:
    counts = Counter()
    for _, card, counter, period, change in (e for e in effects if e[0] == 25):
        counts[card, counter, period] += change
    return counts


def fallen(counts, joinings) -> tuple:
    """Of what was counted beside what is undone itself: the joinings that fell, points of gifts by card, and what is neither. `joinings`
    is what each counted."""
    rest, gone, gifts = Counter(counts), [], Counter()
    for (_, counter, _), change in counts.items():
        if counter.startswith(BY) and change == -1 and int(counter.removeprefix(BY)) in joinings:
            gone.append(int(counter.removeprefix(BY)))
            for place, counted in joinings[gone[-1]].items():
                rest[place] += counted
    for (card, counter, period), change in list(rest.items()):
        if counter.startswith(GIFT) and change < 0 and rest[card, GIVEN + counter.removeprefix(GIFT), period] == change:
            gifts[card] += change
            rest[card, counter, period] = rest[card, GIVEN + counter.removeprefix(GIFT), period] = 0
    return gone, gifts, Counter({place: change for place, change in rest.items() if change})
