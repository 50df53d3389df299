"""Versions of the programme: the auditor's check of effect 11 and of the version that each entry names (PROTOCOL.md sections 11 and 12)."""

EARLIER = 60  # seconds that an act's time may lie before its entry


class Versions:
    def __init__(self):
        self.scheduled, self.newest = {}, 0  # version -> effective from; what never comes into force is gone

    def apply(self, entry, effects):
        """Yields a sentence for every fault."""
        for _, version, effective, document in (e for e in effects if e[0] == 11):
            if version != self.newest + 1:
                yield f"programme version {version} is not the next one"
            if entry.acts == ("programme-activate",):
                yield from self._activated(entry, effective, document)
            elif entry.index != 1:
                yield "a programme comes without its act"
            self.scheduled[version], self.newest = effective, version
        if entry.programme not in self.scheduled:
            yield f"programme version {entry.programme} is not known"
        elif self.scheduled[entry.programme] > entry.time:
            yield f"programme version {entry.programme} is not in force yet"
        elif entry.asked is not None and 15 not in entry.asked and entry.programme != self.in_force(entry.time):
            yield f"programme version {self.in_force(entry.time)} is in force, not {entry.programme}"

    def in_force(self, now):
        return max((effective, version) for version, effective in self.scheduled.items() if effective <= now)[1]

    def _activated(self, entry, effective, document):
        asked, time = entry.arguments, entry.arguments.get(1, entry.time)
        if document != asked[0]:
            yield "another programme comes than the act names"
        if time < entry.time - EARLIER or effective not in (time, max(time, entry.time)):
            yield f"programme is in force from {effective}, not from {time}"
        if asked.get(2):
            self.scheduled = {v: e for v, e in self.scheduled.items() if e <= entry.time}
