"""Members, their tiers and what is counted of them: the auditor's check of effects 24 and 25 (PROTOCOL.md sections 6, 11 and 12)."""

from collections import Counter, namedtuple

import messages as m
from days import ARCHIVED, THROUGH
from falls import BY, counts_of, fallen, split

Member = namedtuple("Member", "joined channel referrer kind tier since until")
NOBODY = Member(None, None, None, 0, None, 0, None)
FIRST_SALE = {m.PURCHASE, m.CAPTURE, m.ADVICE}  # may make a member of a card
MOVING = {"card-replace", "card-merge"}


def periods_of(date) -> set:
    """The periods that a business date lies in: for ever, its year, its month, itself."""
    return {0, date // 10000 * 10000, date // 100 * 100, date}


def is_period(period) -> bool:
    """0, YYYY0000, YYYYMM00 or YYYYMMDD."""
    year, month, day = period // 10000, period // 100 % 100, period % 100
    return period == 0 or 1 <= year <= 9999 and (month == day == 0 or 1 <= month <= 12 and (day == 0 or m.date(period)))


class Members:
    def __init__(self):
        self.known, self.counters = {}, Counter()  # card -> Member; (card or None, counter, period) -> count
        self.counted, self.before = {}, {}  # index -> what the entry counted, less what was refunded of it; index -> {card: Member before it}
        self.promised = {}  # card -> (tier, until) that an answer told, and that no entry has set yet
        self.carried = set()  # (index, place) of counters that an entry raises and lowers: what is left over is carried on
        self.refunds = {}  # index of a refund -> the entry that it refunds, in part, and what that counted of it
        self.joinings = {}  # index -> what the joining counted that the entry led to

    def apply(self, entry, effects, fates, books):
        """`fates` and `books` are those after the entry. Yields a sentence for every fault."""
        told = {e[1]: Member(*e[2:]) for e in effects if e[0] == 24}
        each = [e for e in effects if e[0] == 24]
        for at, (_, card, *was) in enumerate(each):
            later = next((Member(*e[2:]) for e in each[at + 1:] if e[1] == card), None)
            ends = later is not None and was[0] is not None and later.joined is None
            if later is not None and not (ends and self.known.get(card) == Member(*was)):
                yield "a member changes twice in one entry"
        own, joining = split(effects)
        if joining:
            self.joinings[entry.index] = counts_of(joining)
        counts = Counter()
        for _, card, counter, period, change in (e for e in effects if e[0] == 25 and e[1:4] not in (ARCHIVED, THROUGH)):
            if counts[card, counter, period] * change < 0:
                self.carried.add((entry.index, (card, counter, period)))
            counts[card, counter, period] += change
            if not is_period(period) or not counter or change == 0:
                yield f"counter {counter} of {card} has period {period} and changes by {change}"
        acting = entry.asked is not None and entry.asked[1] in m.VALUE and entry.approved()
        original = self._original(entry, fates) if acting else None
        undoing = acting and entry.asked[1] in (m.REVERSAL, m.VOID) and entry.told.get(12) is not None
        if entry.due == "tier":
            yield from self._due(entry, effects)
        elif entry.due == "birthday":
            yield from self._birthday(entry, effects)
        elif entry.due == "birthdays":
            yield from self._birthdays(entry, effects)
        elif entry.due == "leaderboard":
            yield from self._ranked(entry, counts)
        ended = {card for (card, counter, _), change in counts.items() if counter.startswith(BY) and change < 0}
        yield from self._members(entry, told, original, undoing, acting, books, ended)
        yield from self._counters(entry, counts, original, undoing, acting, fates, books)
        if joining:
            self.counted[entry.index] = counts_of(own)
        self.before[entry.index] = {card: self.known.get(card, NOBODY) for card in told}
        self.known |= told
        for place, change in counts.items():
            self.counters[place] += change
            if change < 0 and self.counters[place] < 0 and not undoing and not (acting and entry.asked[1] in (m.REFUND, m.UNLOAD)):
                yield f"counter {place[1]} of {place[0]}, period {place[2]}, falls to {self.counters[place]}"

        yield from self._places(counts) if not MOVING & set(entry.acts) else ()

    def _original(self, entry, fates):
        if 23 not in entry.asked or entry.asked[1] not in (m.REVERSAL, m.VOID, m.REFUND, m.CAPTURE):
            return None
        return fates.named.get(tuple(entry.asked[23][:3]), (None, None))[1]

    # ---- members ----

    def _members(self, entry, told, original, undoing, acting, books, ended):
        kind, card = (entry.asked[1], entry.told.get(8)) if acting else (None, None)
        for one, now in told.items():
            old = self.known.get(one, NOBODY)
            if now.joined is not None and not m.date(now.joined) or not m.uint(0, 255)(now.kind):
                yield f"member {one} joined on {now.joined}, as kind {now.kind}"
            if now.tier is None and now.until is not None or now.tier is not None and not m.date(now.since):
                yield f"member {one} has tier {now.tier} from {now.since} to {now.until}"
            if now[:4] == old[:4] or MOVING & set(entry.acts):
                continue
            before = self.before.get(original, {}).get(one, old)
            if undoing and now[1:4] == (old if now[1:4] == old[1:4] else before)[1:4] and now.joined in (before.joined, old.joined):
                continue  # what a Join said, or the day on which a sale made a member
            if now == old._replace(joined=None) and one in ended and (undoing or kind == m.REFUND):
                continue  # too little is left of what was spent
            if kind not in FIRST_SALE | {m.JOIN} or one != card or old.joined is not None or now.joined not in (entry.date, None):
                yield f"membership of {one} changes without a reason"
            elif kind != m.JOIN and now[:4] != (entry.date, *old[1:4]):
                yield f"membership of {one} changes without a reason"
        if kind == m.JOIN:
            yield from self._joined(entry, told.get(card), books)
        yield from self._tier(entry, told, kind, card)

    def _joined(self, entry, now, books):
        asked = entry.asked
        if now is None or self.known.get(entry.told[8], NOBODY).joined is not None:
            yield "joined, but is no new member"
            return
        referrer = int(asked[40]) if 40 in asked else None
        if now.channel != asked.get(41) or now.kind != asked.get(42, now.kind) or now.referrer not in (referrer, referrer and last(referrer, books)):
            yield f"member {entry.told[8]} joined as {now}, and not as was asked"
        if referrer is not None and (now.referrer == entry.told[8] or self.known.get(now.referrer, NOBODY).joined is None):
            yield f"member {entry.told[8]} was brought by {now.referrer}, who is no other member"

    def _tier(self, entry, told, kind, card):
        """A tier is set by a due item behind the entry whose answer tells it."""
        for one, now in told.items():
            old, promised = self.known.get(one, NOBODY), self.promised.pop(one, None)
            if now[4:] == old[4:] or MOVING & set(entry.acts):
                continue
            if entry.due != "tier":
                yield f"tier of {one} changes without its due item"
            elif promised is not None and promised != (now.tier, now.until) and (now.tier, promised[1]) != (None, None):
                yield f"an answer told tier {promised[0]} of {one}, and it is {now}"
        if card in self.promised:
            yield f"an answer told tier {self.promised.pop(card)[0]} of {card}, and it was not set"
        if kind in m.TIERED and 41 in entry.told:
            self.promised[card] = entry.told[41][0], entry.told[41][2]

    def _due(self, entry, effects):
        """A due item about a tier is about one card, and names its own index."""
        card, _, index = entry.key.partition("/")
        subjects = {str(e[1]) for e in effects if e[0] in (2, 24, 25) or e[0] == 1 and len(e) == 7}
        if index != str(entry.index) or subjects - {card} or not any(e[0] in (24, 25) for e in effects):
            yield "a due item about a tier is about something else"

    def _closed(self, place):
        """Nothing changes what was counted of members on a leaderboard that is closed."""
        return place[1].startswith("board:") and self.counters[None, place[1], place[2]] > 0

    def _ranked(self, entry, counts):
        """A due item about a leaderboard closes it, says that it is done, or rewards one card once, after the close."""
        (card, counter, period), change = next(iter(counts.items()), ((None, "", 0), 0))
        board = (None, counter.replace("board-won:", "board:", 1), period)
        closed = self.counters[board]
        last = "" if card is None and closed == 0 else "/done" if card is None else f"/{card}"
        fits = 0 < change and closed + change <= 2 if card is None else closed == 1 and change > 0 and not self.counters[card, counter, period]
        if len(counts) != 1 or not board[1].startswith("board:") or not fits or entry.key != f"{board[1]}/{period}{last}":
            yield f"a due item about a leaderboard counts {dict(counts)} as {entry.key}"

    def _birthday(self, entry, effects):
        """A birthday gift is one card's, once in the year of the birthday."""
        card, _, year = entry.key.partition("/")
        subjects = {str(e[1]) for e in effects if e[0] == 2 or e[0] == 1 and len(e) == 7 or e[0] == 25 and e[1] is not None}
        given = [e[3:] for e in effects if e[0] == 25 and e[2] == "birthday"]
        if subjects != {card} or given != [[int(year) * 10000, 1]] or self.counters[int(card), "birthday", int(year) * 10000]:
            yield f"a birthday gift of {card} for {year} is about something else, or not the first"

    def _birthdays(self, entry, effects):
        """How far birthdays have been looked at only rises, up to the day that the entry names."""
        before = self.counters[None, "birthdays", 0]
        counts = [e for e in effects if e[0] != 3]
        if len(counts) != 1 or counts[0][:4] != [25, None, "birthdays", 0] or before + counts[0][4] != int(entry.key) or not before < int(entry.key) < entry.date:
            yield f"birthdays are looked at up to {entry.key}, and were up to {before}"

    # ---- counters ----

    @staticmethod
    def _without_places(counts):
        """A place in an activity is kept while an award of it stands, whichever had taken it."""
        return {place: change for place, change in counts.items() if not place[1].startswith("activity:")}

    def _places(self, counts):
        """A member has a place in an activity as long as an award of it stands."""
        for card, counter, period in counts:
            if card is not None and counter.startswith("activity:"):
                times = self.counters[card, "activity-times:" + counter.removeprefix("activity:"), period]
                if self.counters[card, counter, period] != (1 if times > 0 else 0):
                    yield f"{counter} of {card} is {self.counters[card, counter, period]}, and {times} awards stand"

    def _counters(self, entry, counts, original, undoing, acting, fates, books):
        kind, counts = entry.asked[1] if acting else None, Counter({place: change for place, change in counts.items() if change})
        if undoing and original is not None:
            wanted = Counter()
            for (card, *rest), change in self.counted.get(original, Counter()).items():
                wanted[(last(card, books), *rest)] -= change
            wanted = {place: change for place, change in wanted.items() if change and not self._closed(place)}
            beside = Counter(self._without_places(counts))
            beside.subtract(self._without_places(wanted))
            if self._fallen(beside, books)[2]:
                yield f"undone, but what entry {original} counted is changed by {dict(counts)}, not {dict(wanted)}"
            if original in self.refunds:
                refunded, back = self.refunds[original]
                add(self.counted.setdefault(refunded, Counter()), back, -1)
        elif kind == m.REFUND and original is not None:
            back = self._fallen(counts, books)[2]
            yield from self._refunded(back, original, books)
            self.refunds[entry.index] = original, back
        elif acting:
            counts_by_date = self._fallen(counts, books)[2]
            earlier = [original, *(fates.known[entry.index].unloaded if kind == m.UNLOAD else ())]
            dates = {entry.date} | {fates.known[index].date for index in earlier if index in fates.known}
            for (card, counter, period) in counts_by_date:
                if not any(period in periods_of(date) for date in dates):
                    yield f"counter {counter} of {card} counts in period {period}"
            if kind == m.USE_ENTITLEMENT and 40 in entry.told and not any(place[0] == entry.told[8] and change == entry.asked.get(49, 1) for place, change in counts.items()):
                yield "an entitlement is used, and its use is not counted"
        elif MOVING & set(entry.acts):
            moved = Counter()
            for (_, *rest), change in counts.items():
                moved[tuple(rest)] += change
            if any(moved.values()):
                yield "counters are not those of the card whose place is taken"
        elif counts and entry.due not in ("tier", "leaderboard", "birthday", "birthdays"):
            yield f"counters change without a reason: {dict(counts)}"
        self.counted[entry.index] = counts

    def _fallen(self, counts, books):
        """`fallen`, by the joinings as the cards are now."""
        moved = {}
        for index, joining in self.joinings.items():
            moved[index] = Counter()
            for (card, *rest), change in joining.items():
                moved[index][last(card, books), *rest] += change
        return fallen(counts, moved)

    def _refunded(self, counts, original, books):
        """A refund takes back no more than the sale counted."""
        left = self.counted.setdefault(original, Counter())
        moved = {(last(card, books), *rest): (card, *rest) for card, *rest in left}
        for place, change in counts.items():
            at = moved.get(place, place)
            if (original, at) not in self.carried and (left[at] * change > 0 or abs(change) > abs(left[at])):
                yield f"a refund changes counter {place[1]} of {place[0]} by {change}, of {left[at]} that entry {original} counted"
            left[at] += change


def last(card, books):
    """The card that has a card's place now."""
    while card is not None and books.cards[card].successor:
        card = books.cards[card].successor[0]
    return card


def add(counts, more, sign):
    for place, change in more.items():
        counts[place] += sign * change
