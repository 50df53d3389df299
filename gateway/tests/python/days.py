"""Business days: on which an entry is booked, by which one its rules go, and how days are closed (PROTOCOL.md sections 11 and 12)."""

import datetime
import tomllib
import zoneinfo

THROUGH = [None, "closed-through", 0]  # effect 25's card, counter and period
ARCHIVED = [None, "archived-through", 0]


class Days:
    def __init__(self):
        self.programmes, self.closed, self.last = [], 0, 0  # (effective from, zone, cutover); closed through; date of the last entry
        self.archived, self.ends = 0, {}  # archived through; each date's last entry

    def apply(self, index, time, date, origin, arguments, effects):
        """The day that an entry's rules go by, and a sentence for every fault."""
        faults = []
        if date < self.last or date <= self.closed:
            faults.append(f"is booked on {date}, after {self.last}, and days are closed through {self.closed}")
        through = [e[4] for e in effects if e[0] == 25 and e[1:4] == THROUGH]
        for _, _, effective_from, document in (e for e in effects if e[0] == 11):
            self._learn(effective_from, document)
        if through:
            until = self.closed + through[0]
            if origin[:2] == [3, "genesis"]:
                fits = until < date and self.closed == 0
            elif origin[:2] == [3, "close"]:
                fits = origin[2] == str(until) and until < date
            else:
                fits = arguments == {0: until} and until <= date
            if len(through) != 1 or len(effects) > 1 and origin[:2] != [3, "genesis"] or through[0] <= 0 or not fits:
                faults.append(f"closes days through {until}, and does not say so, or closes what is closed or has not begun")
            self.closed = until
        elif origin[:2] == [3, "close"] or arguments is not None and origin[0] == 2 and set(arguments) == {0} and origin[1:] == ["day-close"]:
            faults.append("closes no day")
        faults += self._archives(origin, arguments, effects)
        self.last = max(self.last, date)
        self.ends[date] = index
        return self._day(time, date), faults

    def _archives(self, origin, arguments, effects):
        """Whether an act archives the next entries, and of closed days alone."""
        through = [e[4] for e in effects if e[0] == 25 and e[1:4] == ARCHIVED]
        if origin != [2, "journal-archive"]:
            return ["archives, and is no act that may"] if through else []
        first, last = arguments[2], arguments[3]
        closed = max((end for date, end in self.ends.items() if date <= self.closed), default=0)
        fits = through == [last - self.archived] and len(effects) == 1 and first == self.archived + 1 and first <= last <= closed
        faults = [] if fits else [f"archives {first} to {last}, behind {self.archived}, and days are closed up to entry {closed}"]
        self.archived = last
        return faults

    def _learn(self, effective_from, document):
        try:
            head = tomllib.loads(document)["programme"]
            hours, minutes = head.get("cutover", "00:00").split(":")
            self.programmes.append((effective_from, zoneinfo.ZoneInfo(head["zone"]), datetime.timedelta(hours=int(hours), minutes=int(minutes))))
        except (tomllib.TOMLDecodeError, KeyError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            pass  # a test's; its entries' rules go by the day that they are booked on

    def _day(self, time, date):
        """The day by the clock and the cutover of the programme in force."""
        for effective_from, zone, cutover in reversed(self.programmes):
            if effective_from <= time or effective_from == self.programmes[0][0]:
                # The cutover is by the clock on the wall, so hours are taken off what it shows.
                wall = datetime.datetime.fromtimestamp(time, zone).replace(tzinfo=None)
                return int((wall - cutover).strftime("%Y%m%d"))
        return date
