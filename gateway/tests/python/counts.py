"""What cards, terminals and cashiers have done in their day or month: effects 19 and 21 against the messages that they count
(PROTOCOL.md sections 11 and 12)."""

import messages as m

AT = {m.LOAD: 0, m.PURCHASE: 2, m.AUTHORIZE: 2, m.TRANSFER: 2, m.ADVICE: 2, m.REFUND: 4, m.UNLOAD: 4}  # loads, purchases or refunds
GIVES_BACK = (m.LOAD, m.PURCHASE, m.CAPTURE, m.ADVICE)  # a Void of these is a refund at the till
DAY, MONTH = 1, 2


def beginning(period, date):
    """The date of the period that a business date lies in."""
    return date if period == DAY else date // 100 * 100 + 1


class Counts:
    def __init__(self):
        self.known = {}  # (subject, period) -> (programme that limits it, date, *counts)

    def apply(self, entry, effects, fate, undone):
        """`fate`: of what this entry approves; `undone`: of what it undoes. Yields a sentence for every fault."""
        told = {(e[1], e[2]): e[3:] for e in effects if e[0] == 19} | {(e[1], DAY): e[2:] for e in effects if e[0] == 21}
        wanted = {}
        for one, sign in ((fate, 1), (undone, -1)):
            if one is None or one.kind not in AT or one.kind == m.ADVICE and not one.counts:
                continue
            card = entry.told[8] if 8 in entry.told else one.card
            for subject, period in ((card, DAY), (card, MONTH), (f"terminal:{one.terminal}", DAY), (f"cashier:{one.cashier}", DAY)):
                if beginning(period, one.date) == beginning(period, entry.date):
                    wanted[subject, period] = [0, 0, 0, 0, 0, 0]
                    wanted[subject, period][AT[one.kind]:AT[one.kind] + 2] = sign, sign * one.counts
        if entry.told is not None and entry.asked[1] == m.VOID and entry.approved() and undone.kind in GIVES_BACK:
            for subject in (f"terminal:{entry.asked[2]}", f"cashier:{entry.asked.get(8)}"):
                more = wanted.setdefault((subject, DAY), [0] * 6)
                more[4], more[5] = more[4] + 1, more[5] + entry.told[10]
        for place, (date, *counts) in told.items():
            _, old, *before = self.known.get(place, (None, None, 0, 0, 0, 0, 0, 0))
            if min(counts) < 0 or old is not None and date < old:
                yield f"what {place[0]} did goes back, or counts below zero"
            if entry.told is not None and not str(place[0]).startswith("grant:"):
                before = before if old == date else [0] * 6
                sums = [a + b for a, b in zip(before, wanted.get(place, [0] * 6))]
                if date != beginning(place[1], entry.date) or counts != sums:
                    yield f"day of card or till {place[0]}: period {place[1]} is {[date, *counts]}, not {[beginning(place[1], entry.date), *sums]}"
            self.known[place] = entry.programme, date, *counts
        for place in wanted.keys() - told.keys():
            programme, date, *_ = self.known.get(place, (None, 0))
            if programme == entry.programme and (fate is not None or date == beginning(place[1], entry.date)):
                yield f"day of card or till {place[0]}: period {place[1]} does not count this"
