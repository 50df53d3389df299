"""PINs and who may set them back: the auditor's check of effects 20 and 22 (PROTOCOL.md sections 9.2, 9.3 and 12)."""

import messages as m
from books import NO_PIN

ACTIVE = 1


class People:
    def __init__(self):
        self.pins, self.cashiers = {}, {}  # card -> (salt, hash, tries); name -> (status, merchant, store, supervisor, salt, hash, tries)
        self.tried = {}  # (terminal, generation, STAN or cashier, as the key says) -> {card or cashier: index}, not decided yet

    def apply(self, entry, effects):
        """Yields a sentence for every fault."""
        pins = {e[1]: tuple(e[2:]) for e in effects if e[0] == 20}
        people = {e[1]: tuple(e[2:]) for e in effects if e[0] == 22}
        if len(pins) + len(people) != sum(e[0] in (20, 22) for e in effects):
            yield "a PIN changes twice in one entry"
        for subject, (*_, salt, digest, tries) in (pins | people).items():
            if (salt is None) != (digest is None) or tries < 0 or digest is None and (tries or subject in people and people[subject][0] == ACTIVE):
                yield f"PIN of {subject} is of another form"
        if entry.due == "pin-try":
            yield from self._try(entry, effects, pins, people)
        elif entry.acts:
            yield from self._act(entry, effects, pins, people)
        elif entry.asked is not None and entry.asked[1] in m.VALUE:
            yield from self._decided(entry, pins, people)
        elif pins or people:
            yield "a PIN changes without a right to it"
        self.pins |= pins
        self.cashiers |= people

    def _try(self, entry, effects, pins, people):
        """Counts one try of one PIN; of a CashierSignOn, the entry after it may set the count back."""
        parts = entry.key.split("/", 2)
        rest, _, index = parts[-1].rpartition("/")
        if len(parts) != 3 or index != str(entry.index) or len(pins) + len(people) != 1:
            yield "a try of a PIN has another key, or not one PIN"
            return
        if any(e[0] not in (14, 20, 22) for e in effects):
            yield "a try of a PIN changes something else"
        place = (parts[0], parts[1], rest)
        for subject, (*same, tries) in (pins | people).items():
            before = (self.pins.get(subject, NO_PIN) if subject in pins else self.cashiers.get(subject, (None,)))
            if tuple(same) != before[:-1] or same[-1] is None:
                yield f"a try of the PIN of {subject} changes more than the count"
            elif tries == 0 and subject == rest and self.tried.get(place, {}).pop(subject, None):
                pass  # the right PIN of a CashierSignOn, which was counted before
            elif tries != before[-1] + 1:
                yield f"a try of the PIN of {subject} does not count"
            else:
                self.tried.setdefault(place, {})[subject] = entry.index

    def _act(self, entry, effects, pins, people):
        act = entry.acts[0]
        succeeded = {e[2]: e[1] for e in effects if e[0] == 17}
        for card, pin in pins.items():
            before = self.pins.get(card, NO_PIN)
            if act == "card-pin" and len(entry.acts) == 2 and pin in ((*before[:2], 0), NO_PIN):
                continue
            if card in succeeded and pin == self.pins.get(succeeded[card], NO_PIN):
                continue  # goes over to the card that takes its place
            yield f"PIN of {card} changes without a right to it"
        for name in people:
            if not act.startswith("cashier-"):
                yield f"PIN of {name} changes without a right to it"

    def _decided(self, entry, pins, people):
        asked, told = entry.asked, entry.told
        tried = self.tried.pop((asked[2], str(asked[3]), str(asked[4])), {})
        supervisor = asked.get(37)
        for subject, pin in (pins | people).items():
            before = self.pins.get(subject, NO_PIN) if subject in pins else self.cashiers.get(subject, (None,))
            if subject in pins and asked[1] == m.CHANGE_PIN and entry.approved():
                if pin[1] is None or pin[2] or pin[:2] == before[:2] or before[1] is not None and subject not in tried:
                    yield f"PIN of {subject} changes without a right to it"
            elif pin != (*before[:-1], 0) or subject not in tried:
                yield f"PIN of {subject} is set back without a try"
            if subject != (told.get(8, subject) if subject in pins else supervisor):
                yield f"PIN of {subject} changes by a request that does not name it"
        if entry.approved():
            if asked[1] == m.CHANGE_PIN and asked[12] not in pins:
                yield "a PIN was changed, and is not"
            if tried.keys() - pins.keys() - people.keys():
                yield f"approved, with a PIN of {sorted(map(str, tried))} that was tried and is not right"
            if supervisor is not None:
                yield from self._allowed(entry, supervisor, people)
        if told[2] == 55:
            wrong = tried.keys() - pins.keys() - people.keys()
            if (37 in told) != (len(wrong) == 1):
                yield "a wrong PIN was not counted before"
        if told[2] == 75 and not any(self._tries(subject) for subject in (told.get(8, asked.get(12)), supervisor) if subject is not None) and 23 not in asked:
            yield "locked without a wrong try"

    def _tries(self, subject):
        return (self.pins if type(subject) is int else self.cashiers).get(subject, NO_PIN)[-1]

    def _allowed(self, entry, name, people):
        if name not in people:
            yield f"supervisor {name} allowed it without a PIN"
            return
        status, merchant, store, supervisor, *_ = self.cashiers.get(name, (0, "", "", False))
        if status != ACTIVE or not supervisor or merchant != entry.place[0] or store not in (None, entry.place[1]) or name == entry.asked.get(8):
            yield f"{name} allowed it, who may not"
