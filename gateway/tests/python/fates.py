"""What became of each transaction: the auditor's check of effects 4, 6, 7 and 16 against the requests and answers that caused them
(PROTOCOL.md section 11 and 12)."""

from collections import defaultdict
from dataclasses import dataclass, field

import messages as m
from codec import need
from counts import Counts

COUNTED = {m.ACTIVATE, m.LOAD, m.PURCHASE, m.REFUND, m.CAPTURE, m.TRANSFER, m.UNLOAD, m.CASH_TAKEN, m.ADVICE} | m.PROGRAMME
REFUNDABLE = {m.LOAD, m.PURCHASE, m.CAPTURE, m.ADVICE}
NO_ORIGINAL = {m.REVERSAL, m.VOID, m.RECONCILIATION, m.CHANGE_PIN, m.CASH_TAKEN}
WITH_ORIGINAL = {m.REVERSAL, m.VOID, m.REFUND, m.CAPTURE, m.AUTHORIZE}
MOST_LOADS = 16  # that one unload takes back
OVER = {m.REVERSED, m.VOIDED}


@dataclass
class Fate:
    """An approved transaction and what is known of it."""
    kind: int
    asked: int
    amount: int
    place: tuple  # merchant, store
    terminal: str
    shift: tuple | None
    date: int
    card: int | None
    original: int | None = None
    state: int = m.LIVE
    done: int = 0  # refunded; of a captured Authorize: captured
    last_refund: int = 0
    lines: dict = field(default_factory=dict)  # item -> [quantity, amount] refunded by line
    sold: dict = field(default_factory=dict)  # the same, of the request
    cashier: str | None = None
    said: tuple | None = None  # the shift that it names, counted there or not
    counts: int = 0  # what it adds to the sums of a day
    left: int = 0  # what of it can be refunded at most: of an Advice, what the card paid
    unloaded: dict = field(default_factory=dict)  # of an Unload: load -> how much of it


@dataclass
class Hold:
    expires: int
    captured: int = 0
    parts: list = field(default_factory=list)

    def held(self):
        return sum(amount for _, amount in self.parts)


@dataclass(frozen=True)
class Entry:
    """What caused an entry: a request's payload with its id and answer, or neither (an act or a due item)."""
    index: int
    time: int
    place: tuple
    date: int = 0
    programme: int = 0
    asked: dict | None = None
    request_id: bytes | None = None
    told: dict | None = None
    due: str | None = None
    key: str = ""  # of a due item
    acts: tuple = ()  # of an operator's act: its name, once for each signature
    arguments: dict | None = None

    def approved(self):
        return self.told is not None and self.told[2] in (0, 10)


class Fates:
    def __init__(self):
        self.known, self.named = {}, {}  # index -> Fate; (terminal, generation, STAN) -> (request id, index)
        self.holds, self.totals, self.closed = {}, defaultdict(dict), set()
        self.counts = Counts()

    def apply(self, entry: Entry, effects: list, books):
        """Yields a sentence for every fault. `books` are those after the entry."""
        asked, kind = entry.asked, entry.asked[1] if entry.asked else None
        acting = kind in m.VALUE and entry.approved()
        original, faults = None, []
        if acting and 23 in asked and kind in WITH_ORIGINAL:
            original = self._original(entry, faults)
        states = {e[1]: (*e[2:5], by_item(e[5])) for e in effects if e[0] == 4}
        held = [e for e in effects if e[0] == 16]
        before = {index: self.known[index].state for index in states if index in self.known}
        wanted = self._wanted(entry, kind, original, faults) if acting else {}
        moved = any(e[0] == 17 for e in effects)
        if acting and kind in m.VALUE - {m.RECONCILIATION}:
            shift = (asked[2], asked[3], asked[9]) if 9 in asked and kind in COUNTED else None
            self.known[entry.index] = Fate(kind, asked.get(20, 0), entry.told.get(10, 0), entry.place, asked[2], shift, entry.date, entry.told.get(8), original,
                                           sold=sold_by(asked), cashier=asked.get(8), counts=entry.told.get(10, 0) - entry.told.get(36, 0))
            self.known[entry.index].left = self.known[entry.index].counts
            self.known[entry.index].said = shift
            if kind in (m.ADVICE, m.CASH_TAKEN) and shift in self.closed:
                self.known[entry.index].shift = None  # it is taken, and does not count there
        if acting and kind == m.UNLOAD:
            wanted = self._unloads(entry, states, faults)
        if acting and kind == m.PURCHASE and entry.told.get(39) and 22 in asked:
            wanted = self._priced(entry, states, faults)
        if kind in m.VALUE:
            self.named[asked[2], asked[3], asked[4]] = entry.request_id, entry.index
        yield from faults
        yield from self._states(entry, states, wanted, before, held)
        if acting and kind == m.UNLOAD:
            yield from self._newest(entry, books)
        if kind in WITH_ORIGINAL and 23 in asked and 15 in entry.told and not acting:
            fate = self.known.get(self.named.get(tuple(asked[23][:3]), (None, None))[1])
            if fate and fate.state != entry.told[15]:
                yield f"declined for state {entry.told[15]}, but its original is in state {fate.state}"
        yield from self._holds(entry, kind, original, held, states, moved, acting)
        yield from self._shifts(entry, kind, original, effects, acting)
        undone = self.known.get(original) if kind in (m.REVERSAL, m.VOID) and acting and entry.told.get(12) is not None else None
        yield from self.counts.apply(entry, effects, self.known.get(entry.index) if acting else None, undone)

    def _original(self, entry, faults):
        asked, kind = entry.asked, entry.asked[1]
        terminal, generation, stan, request_id = asked[23]
        found = self.named.get((terminal, generation, stan))
        if found is None or found[0] != request_id:
            if kind != m.REVERSAL or entry.told[15] != m.BLOCKED:
                faults.append("approved, but its original is not in the journal")
            return None
        fate = self.known.get(found[1])
        if fate is None:
            if kind != m.REVERSAL or entry.told[15] not in (m.DECLINED, m.BLOCKED):
                faults.append("approved, but its original was declined")
            return None
        if kind == m.REVERSAL and terminal != asked[2]:
            faults.append("reverses another terminal's")
        if fate.place[:1 if kind == m.REFUND else 2] != entry.place[:1 if kind == m.REFUND else 2] and kind != m.REVERSAL:
            faults.append("acts on another store's")
        return found[1]

    def _wanted(self, entry, kind, original, faults):
        """The transaction states that this message must set: index -> (state, done, last refund, lines)."""
        fate = self.known.get(original)
        if fate is None:
            return {}
        if kind == m.REFUND:
            refunded = fate.done + entry.asked[20]
            if fate.kind not in REFUNDABLE or fate.state not in (m.LIVE, m.REFUNDED_IN_PART):
                faults.append(f"refund of kind {fate.kind:#x} in state {fate.state}")
            if refunded > fate.left:
                faults.append(f"{refunded} refunded of {fate.left} in entry {original}")
            state = m.REFUNDED if refunded == fate.left else m.REFUNDED_IN_PART
            if entry.told[15] != state:
                faults.append("refund's answer tells another state")
            return {original: (state, refunded, entry.index, self._refunded_lines(fate, sold_by(entry.asked), 1, faults))}
        if kind in (m.CAPTURE, m.AUTHORIZE):
            if fate.kind != m.AUTHORIZE or fate.original is not None or fate.state != m.LIVE:
                faults.append(f"takes from or raises kind {fate.kind:#x} in state {fate.state}")
            ends = kind == m.CAPTURE and entry.told[18][1] == 0
            return {original: (m.CAPTURED, self.holds[original].captured + entry.told[10], 0, {})} if ends and original in self.holds else {}
        if fate.kind in NO_ORIGINAL:
            faults.append(f"undoes kind {fate.kind:#x}")
        if fate.state in OVER:
            if kind == m.VOID or entry.told[15] != fate.state or entry.told.get(10) != 0:
                faults.append("undoes what is undone")
            return {}
        if fate.state != m.LIVE or fate.done:
            faults.append(f"undoes kind {fate.kind:#x} in state {fate.state}")
        if entry.told[15] != (m.REVERSED if kind == m.REVERSAL else m.VOIDED):
            faults.append("undoing's answer tells another state")
        wanted = {original: (entry.told[15], 0, 0, {})}
        if fate.kind == m.REFUND:
            paid = self.known[fate.original]
            if paid.last_refund != original:
                faults.append("undoes a refund that is not the last")
            left = paid.done - fate.asked
            wanted[fate.original] = (m.REFUNDED_IN_PART if left else m.LIVE, left, 0, self._refunded_lines(paid, fate.sold, -1, faults))
        for index, amount in fate.unloaded.items():
            load = self.known[index]
            if load.last_refund != original:
                faults.append(f"undoes an unload whose load {index} was refunded since")
            left = load.done - amount
            wanted[index] = (m.REFUNDED_IN_PART if left else m.LIVE, left, 0, load.lines)
        return wanted

    def _priced(self, entry, states, faults):
        """What prices took off the lines of a sale counts as refunded of them, with no pieces; how much of each, the effects say."""
        sold, off = self.known[entry.index].sold, states.get(entry.index, (m.LIVE, 0, 0, {}))[3]
        if sum(amount for _, amount in off.values()) != entry.told[39] or any(
                pieces or item not in sold or not 0 < amount <= sold[item][1] for item, (pieces, amount) in off.items()):
            faults.append(f"{entry.told[39]} off, and {off} off the lines")
        return {entry.index: (m.LIVE, 0, 0, off)}

    def _refunded_lines(self, fate, refunded, sign, faults):
        """What was refunded by line of a transaction, after a refund by line, or after one was undone."""
        if not fate.sold or not refunded:
            return fate.lines
        lines = {item: list(line) for item, line in fate.lines.items()}
        for item, (quantity, amount) in refunded.items():
            line = lines.setdefault(item, [0, 0])
            line[0], line[1] = line[0] + sign * quantity, line[1] + sign * amount
            if item not in fate.sold or line[0] > fate.sold[item][0] or line[1] > fate.sold[item][1]:
                faults.append(f"more of {item} is refunded than was sold")
        return {item: line for item, line in lines.items() if any(line)}

    def _unloads(self, entry, states, faults):
        """An Unload refunds loads of its card; which and how much of each, the effects say."""
        wanted, taken = {}, {}
        for index, (_, done, _, _) in states.items():
            load = self.known.get(index)
            if load is None or load.kind != m.LOAD:
                continue  # a hold that has ended in front
            taken[index] = done - load.done
            if load.state not in (m.LIVE, m.REFUNDED_IN_PART) or taken[index] <= 0 or done > load.amount:
                faults.append(f"unload takes {taken[index]} of load {index} in state {load.state}")
            wanted[index] = (m.REFUNDED if done == load.amount else m.REFUNDED_IN_PART, done, entry.index, load.lines)
        if sum(taken.values()) != entry.asked[20] or len(taken) > MOST_LOADS:
            faults.append(f"unload of {entry.asked[20]} takes {taken}")
        self.known[entry.index].unloaded = taken
        return wanted

    def _newest(self, entry, books):
        """The newest loads go first: of a load that was passed over or not taken whole, nothing is left that could be."""
        fate = self.known[entry.index]
        lots = books.cards[fate.card].lots.items()
        held = books.cards[fate.card].held()
        sources = {lot.source for _, lot in lots}
        for index in fate.unloaded:
            card = self.known[index].card
            if card != fate.card and not books.follows(card, fate.card):
                yield f"unload takes back load {index} of another card"
        oldest = min(fate.unloaded, default=0)
        for index, load in self.known.items():
            if load.kind != m.LOAD or index <= oldest or index not in sources or load.state not in (m.LIVE, m.REFUNDED_IN_PART) or (
                    load.card != fate.card and not books.follows(load.card, fate.card)):
                continue
            free = sum(lot.amount - held.get(number, 0) for number, lot in lots if lot.kind == 1 and lot.source == index and not lot.over(entry.time))
            if free > 0 and load.done < load.amount:
                yield f"unload leaves {free} of load {index}, and takes from an older one"

    def _states(self, entry, states, wanted, before, held):
        ended = {e[2] for e in held if not e[5]}
        for index, (state, done, last, lines) in states.items():
            fate = self.known.get(index)
            if fate is None:
                yield f"state of entry {index}, which is no approved transaction"
                continue
            if index in wanted:
                if wanted[index] != (state, done, last, lines):
                    yield f"state of entry {index} is {(state, done, last, lines)}, not {wanted[index]}"
            elif fate.kind != m.AUTHORIZE or (done, last, lines) != (0, 0, {}):
                yield f"state of entry {index} changes without a reason"
            elif state == m.LAPSED:
                if index not in ended or before[index] != m.LIVE:
                    yield f"hold {index} lapses without an end"
            elif state != m.LIVE or index in ended:
                yield f"state of hold {index} changes without a reason"
            fate.state, fate.done, fate.last_refund, fate.lines = state, done, last, lines
            if done > fate.amount and fate.kind != m.AUTHORIZE:  # which may have been raised
                yield f"{done} refunded of {fate.amount} in entry {index}"
        for index in wanted.keys() - states.keys():
            yield f"state of entry {index} is not set to {wanted[index]}"

    def _holds(self, entry, kind, original, held, states, moved, acting):
        fate = self.known.get(original)
        touched = set()
        for _, _card, number, expires, captured, parts in held:
            hold, opens = self.holds.get(number), number not in self.holds
            touched.add(number)
            if opens:
                if not (acting and kind == m.AUTHORIZE and 23 not in entry.asked and number == entry.index):
                    yield f"hold {number} is opened by no authorize"
                hold = self.holds[number] = Hold(expires)
            if hold.expires != expires or captured < 0 or any(amount <= 0 for _, amount in parts):
                yield f"hold {number} has another end, or amounts below zero"
            old, now, amount = Hold(hold.expires, hold.captured, hold.parts), Hold(expires, captured, parts), entry.told.get(10, 0) if acting else 0
            hold.captured, hold.parts = captured, parts
            if moved:  # the pair of effects is checked with the lots
                if captured != old.captured or now.held() not in (0, old.held()):
                    yield f"hold {number} changes on its way to another card"
                hold.parts = parts or old.parts
                continue
            lapses = not parts and states.get(number, (0,))[0] == m.LAPSED  # booked in front of the message's own effects
            if not parts:
                if states.get(number, (m.LIVE,))[0] not in (m.REVERSED, m.VOIDED, m.CAPTURED, m.LAPSED):
                    yield f"hold {number} ends without an end of its authorize"
            if acting and kind == m.AUTHORIZE and number in (entry.index, original):
                if old.parts != parts[:len(old.parts)] or now.held() != old.held() + amount or captured != old.captured:
                    yield f"hold {number} is not raised by the amount that was approved"
                if entry.told[18] != [number, now.held(), expires] or expires <= entry.time:
                    yield f"hold {number} is not what the answer tells"
            elif acting and kind == m.CAPTURE and number == original:
                left = taken_from(old.parts, amount)
                if left is None:
                    yield f"{amount} captured, but {old.held()} held in {number}"
                elif parts != (left if entry.asked.get(13, 0) & m.MORE_FOLLOW else []):
                    yield f"hold {number} is not taken from in its order"
                if captured != old.captured + amount:
                    yield f"hold {number} counts {captured} captured"
                if entry.told[18] != [number, now.held(), expires]:
                    yield f"hold {number} is not what the answer tells"
            elif acting and kind in (m.REVERSAL, m.VOID) and fate is not None and number in (original, fate.original) and not lapses:
                yield from self._undone(entry, number, fate, old, now)
            elif not lapses:
                yield f"hold {number} changes without a reason"
            elif entry.time < expires:
                yield f"hold {number} lapses too early"
            if entry.time >= expires:  # what is undone from now on does not come back into the hold
                if captured < old.captured:
                    yield f"hold {number} is over and counts again"
            elif captured != sum(f.amount for f in self.known.values() if f.kind == m.CAPTURE and f.original == number and f.state not in OVER):
                yield f"hold {number} does not count what was captured of it"
        for number, state in states.items():
            if state[0] in (m.REVERSED, m.VOIDED, m.CAPTURED, m.LAPSED) and number in self.holds and self.holds[number].parts:
                yield f"hold {number} is over and still holds"
        if acting and kind in (m.AUTHORIZE, m.CAPTURE) and (entry.index if 23 not in entry.asked else original) not in touched:
            yield "a hold is not changed by what must change it"

    def _undone(self, entry, number, fate, old, now):
        if fate.kind == m.CAPTURE:
            if entry.time >= now.expires:
                yield f"hold {number} is over, and gets something back"
            if now.held() != old.held() + fate.amount or now.captured != old.captured - fate.amount:
                yield f"hold {number} does not get back what was captured"
        elif fate.original is None:
            if now.parts or entry.asked[1] == m.REVERSAL and old.captured:
                yield f"hold {number} is not freed by the undoing of its authorize, or was captured from"
        elif now.held() != old.held() - fate.amount or now.captured or old.captured:
            yield f"hold {number} is not lowered by what had raised it"

    def _shifts(self, entry, kind, original, effects, acting):
        wanted, told = [], [e[1:] for e in effects if e[0] == 6]
        if acting and kind in COUNTED and self.known[entry.index].shift:
            wanted.append([*self.known[entry.index].shift, kind, 1, entry.told.get(10, 0)])
        fate = self.known.get(original)
        if acting and kind in (m.REVERSAL, m.VOID) and fate and fate.shift and entry.told.get(12) is not None and fate.shift not in self.closed:
            wanted.append([*fate.shift, fate.kind, -1, -fate.amount])
        if told != wanted:
            yield f"shift totals change by {told}, not {wanted}"
        for terminal, generation, shift, counted, count, amount in told:
            totals = self.totals[terminal, generation, shift].setdefault(counted, [0, 0])
            totals[0], totals[1] = totals[0] + count, totals[1] + amount
            if (terminal, generation, shift) in self.closed or min(totals) < 0:
                yield f"shift {shift} of {terminal} is closed, or its totals fall below zero"
        for _, *shift in (e for e in effects if e[0] == 7):
            need(kind == m.RECONCILIATION, "shift closed by another message")
            if tuple(shift) in self.closed or tuple(shift) != (entry.asked[2], entry.asked[3], entry.asked[9]):
                yield f"shift {shift} is closed twice, or by another's request"
            self.closed.add(tuple(shift))
            host = [[k, *t] for k, t in sorted(self.totals[tuple(shift)].items()) if t[0]]
            if entry.told[2] not in (0, 95) or (entry.told[2] == 0) != (entry.asked[24] == host) or entry.told.get(17, host) != host:
                yield f"reconciliation tells other totals than {host}"


def by_item(lines):
    need(all(len(line) == 3 and min(line[1:]) >= 0 for line in lines), "refunded lines are of another form")
    items = [line[0] for line in lines]
    need(sorted(set(items)) == items, "refunded lines do not rise by item")
    return {item: list(line) for item, *line in lines}


def sold_by(asked):
    """The lines of a request, one for each item."""
    result = {}
    for item, _, _, quantity, amount, _ in asked.get(22, []):
        line = result.setdefault(item, [0, 0])
        line[0], line[1] = line[0] + quantity, line[1] + amount
    return result


def taken_from(parts, amount):
    """What is left of a hold's amounts when `amount` is captured from the front; None if that is too much."""
    left = [list(part) for part in parts]
    while amount and left:
        taken = min(amount, left[0][1])
        left[0][1] -= taken
        amount -= taken
        if not left[0][1]:
            left.pop(0)
    return None if amount else left
