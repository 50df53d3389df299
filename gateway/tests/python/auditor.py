"""An outside auditor: verifies a journal export with nothing but the file (PROTOCOL.md sections 8, 12 and 13).

    python auditor.py FILE [--anchors FILE] [--receipt FILE ...]
"""

import argparse
import sys
from pathlib import Path

import points
from books import Books
from claims import Claims
from codec import Malformed, decode, decode_sequence, encode, need
from crypto import (ES256, PROTECTED, ZERO, BadSignature, Context, check_receipt, entry_leaf, leaf_hash, open_sign1, seal_header,
                    sha256, tree_root, verify)
from days import Days
from fates import Entry, Fates
from members import Members
from messages import ADVICE, ENROLL, INT64, LAPSED, REVERSAL, VALUE, known_keys, uint
from mirror import Mirrors
from people import People
from versions import Versions

TWO_PEOPLE = {"card-refund", "card-adjust", "award-import", "card-pin", "exception-settle", "advice-import"}  # acts with two signatures; every other has one, but an operator-add may have two
WAIT = 72 * 3600  # whom one person alone adds is not one of two before
natural, one = uint(0, INT64), uint(1, 1)  # a CBOR `true` is no 1


class EndOfAudit(Exception):
    """One fault is enough."""


class Audit:
    """`faults` is empty when everything holds."""

    def __init__(self, data: bytes, to_first_fault=False):
        self.to_first_fault = to_first_fault
        self.books, self.fates, self.people, self.faults = Books(), Fates(), People(), []
        self.members, self.versions, self.mirrors, self.days = Members(), Versions(), Mirrors(), Days()
        self.imported = set()  # terminals whose advices came in from a file
        self.used, self.leaves, self.seals, self.keys = {}, {}, {}, []  # STANs; index -> leaf parts; group -> (epoch, index, hash)
        self.epoch, self.index, self.group, self.entries = 0, 0, 0, 0
        try:
            self._run(list(decode_sequence(data)))
        except EndOfAudit:
            pass
        except (Malformed, BadSignature, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self.faults.append(f"cannot go on after entry {self.index}: {type(error).__name__} {error}")

    def fault(self, text):
        self.faults.append(f"entry {self.index}, group {self.group}: {text}")
        if self.to_first_fault:
            raise EndOfAudit

    def attempt(self, what, check, *arguments):
        try:
            return check(*arguments)
        except (Malformed, BadSignature, ValueError) as error:
            self.fault(f"{what}: {error}")

    def _run(self, items):
        need(len(items) >= 2 and type(items[0]) is dict and type(items[-1]) is dict, "no header or no trailer")
        header, groups, trailer = items[0], items[1:-1], items[-1]
        need(set(header) == set(range(7)) and one(header[0]) and len(header[1]) == 16, "header")
        self.context, self.chain, self.seal_hash = Context(header[1]), header[2], header[6]
        self.claims = Claims(self.context)
        self.books.gateway_key = header[3]
        self.keys.append(header[3])
        self.index, self.group = header[4] - 1, header[5] - 1
        need(header[4] == 1 and header[5] == 1 and self.seal_hash == ZERO, "export does not begin with entry 1: it cannot be audited alone")
        for seal, records in groups:
            self.group += 1
            self._group(seal, records)
        if encode(trailer) != encode({0: self.index, 1: self.group, 2: self.seal_hash}):
            self.fault("trailer does not fit")

    def _group(self, seal, records):
        key = self.books.gateway_key  # a new key (effect 12) signs from the next group on
        protected, _, root, signature = open_sign1(seal)
        place = seal_header(protected)
        if (place.chain, place.group, place.first_index) != (self.chain, self.group, self.index + 1) or place.epoch < self.epoch:
            self.fault(f"seal says {place}")
        self.epoch = place.epoch
        need(records, "group without entries")
        leaves = [leaf_hash(self.seal_hash)]
        for record in records:
            self.index += 1
            self.entries += 1
            parts = self._record(record, place)
            self.leaves[self.index] = parts
            leaves.append(entry_leaf(*parts))
        for card, (tier, _) in self.members.promised.items():
            self.fault(f"an answer told tier {tier} of {card}, and it was not set")
        self.members.promised.clear()
        if place.last_index != self.index:
            self.fault("seal names another last entry")
        if tree_root(leaves) != root:
            self.fault("seal's root is not the root of its entries")
        self.attempt("seal", verify, key, protected, signature, self.context.seal(protected, root))
        self.seal_hash = sha256(seal)
        self.seals[self.group] = (place.epoch, self.index, self.seal_hash)
        if self.books.gateway_key != key:
            if self.group == 1:
                self.fault("the first seal's key is not the one in the first group")
            self.keys.append(self.books.gateway_key)

    def _record(self, record, place):
        form, origin, answer, details = decode(record)
        need(one(form) and natural(origin[0]) and (answer is None or type(answer) is bytes), "record")
        chain, epoch, index, time_ms, date, merchant, store, _currency, programme, effects, *quoted = decode(details)
        need(len(quoted) < 2 and all(type(at) is int and at <= time_ms for at in quoted), "priced by a quote of another time")
        if (chain, epoch, index) != (place.chain, place.epoch, self.index):
            self.fault(f"details say chain {chain}, epoch {epoch}, index {index}")
        if (self.index == 1) != (origin[:2] == [3, "genesis"]):
            self.fault("genesis is not the first entry, or not the only one")
        cause = {}
        if origin[0] == 1:
            cause = {"asked": decode(open_sign1(origin[2])[2]), "told": decode(answer)}
            request_id = self._request(*origin[1:], answer, effects)
        elif origin[0] == 2:
            request_id, acts, arguments = self._act(origin[1:], time_ms // 1000)
            self._operators(acts, arguments, effects, time_ms // 1000)
            cause = {"acts": acts, "arguments": arguments}
            if acts[0] == "advice-import":
                self.imported.add(arguments[0])
        else:
            need(origin[0] == 3 and len(origin) == 3 and all(type(o) is str for o in origin[1:]), "origin")
            need(self.index > 1 or origin[2] == self.context.installation.hex(), "genesis of another installation")
            request_id, cause = sha256(encode(origin)), {"due": origin[1], "key": origin[2]}
            if origin[1] == "expiry":
                self._due(*origin[2].split("/"), effects)
        for text in self.books.apply(effects, self.index):
            self.fault(text)
        said = [2, *cause["acts"]] if origin[0] == 2 else origin[:3]
        day, texts = self.days.apply(self.index, time_ms // 1000, date, said, cause.get("arguments"), effects)
        for text in texts:
            self.fault(text)
        entry = Entry(self.index, time_ms // 1000, (merchant, store), day, programme, request_id=request_id, **cause)
        for texts in (points.faults(effects, entry.time), self.people.apply(entry, effects), self.fates.apply(entry, effects, self.books),
                      self.claims.apply(entry, effects, self.books, self.fates, self.keys), self.members.apply(entry, effects, self.fates, self.books),
                      self.versions.apply(entry, effects), self.mirrors.apply(entry, effects, self.fates, self.books)):
            for text in texts:
                self.fault(text)
        if origin[0] == 1:
            self._ended(cause["asked"], cause["told"], effects, time_ms // 1000)
            self._balances(cause["told"], effects, time_ms // 1000)
        return request_id, sha256(answer) if answer is not None else ZERO, sha256(details)

    def _request(self, kind, body, answer, effects):
        need(kind in VALUE or kind == ENROLL, f"journalled request of type {kind}")
        protected, _, payload, signature = open_sign1(body)
        fields, told = decode(payload), decode(answer)
        structure = self.context.request(kind, protected, payload)
        tid = fields[2]
        if kind == ENROLL:  # signed by the key that it brings
            key = fields[30]
            named = [e for e in effects if e[0] == 8 and e[1] == tid]
            if told[2] == 0 and [e[6] for e in named] != [key]:
                self.fault("enrolment sets another key than the request names")
        else:
            key = self.books.terminals[tid].key
            known = self.books.terminals[tid]
            if fields[3] != known.generation or known.status != 2 and not (kind == ADVICE and tid in self.imported):
                self.fault(f"{tid} was not active with generation {fields[3]}")
            if self.used.setdefault((tid, fields[3], fields[4]), self.index) != self.index:
                self.fault(f"STAN {fields[4]} of {tid} occurs twice, first in entry {self.used[tid, fields[3], fields[4]]}")
            if told[6] != self.index or told[3] != fields[4]:
                self.fault("answer names another entry or STAN")
        if fields[1] != kind or told[1] != kind or fields[5] != sha256(key)[:4]:
            self.fault("message kind or key id does not fit")
        self.attempt(f"request of {tid}", verify, key, protected, signature, structure)
        return sha256(structure)

    def _due(self, card, version, effects):
        if {e[1] for e in effects if e[0] in (2, 3, 16) or e[0] == 1 and len(e) == 7} != {int(card)} or self.books.cards[int(card)].version != int(version):
            self.fault("due item is of another card or version")

    def _ended(self, asked, told, effects, now):
        """What has ended by time is booked in front of a request's own effects; a declined one has no others."""
        for card in {e[1] for e in effects if e[0] == 14 and type(e[1]) is int}:
            book = self.books.cards[card]
            back = book.held()  # does not expire; and what is undone comes back to the very lots, though they have expired
            for effect in effects:
                if effect[:2] == [1, card] and effect[3] > 0:
                    back[effect[4]] = back.get(effect[4], 0) + effect[3]
            if any(expires <= now for expires, _, _ in book.holds.values()) or any(
                    lot.over(now) and lot.amount > back.get(number, 0) for number, lot in book.lots.items()):
                self.fault(f"card {card} is touched, but what has ended on it is still there")
        if told[2] in (0, 10, 95):
            return
        for effect in points.own(effects):
            what, last = effect[0], effect[-1]
            ended = what in (13, 14, 20, 22) or what == 16 and last == [] and effect[3] <= now or what == 4 and effect[2] == LAPSED
            if what == 1 and len(effect) == 7:
                ended = effect[3] < 0 and effect[5] is not None and effect[5] <= now
            elif what == 1:
                ended = effect[1] == "breakage"
            elif what == 23:
                ended = asked[1] == REVERSAL and told[2] in (12, 51)
            if not ended:
                self.fault(f"declined, but with effect {effect!r:.60}")

    def _balances(self, told, effects, now):
        """What the answer tells of the card is what the books have after the entry."""
        if told[2] not in (0, 10) or 11 not in told or told[1] not in VALUE:
            return
        available = self.books.told(told[8], now)
        if {k: a for k, a in told[11].items() if a} != {k: a for k, a in available.items() if a}:
            self.fault(f"answer tells balances {told[11]}, but {available} are there")
        changes = self.books.changed(told[8], effects, now)
        if changes != told[12]:
            self.fault(f"answer tells changes {told[12]}, but {changes} were booked")

    def _operators(self, acts, arguments, effects, now):
        """Nobody becomes one of two people by one person alone at once, but the second that there ever was."""
        for _, name, _, _, counts in [e for e in effects if e[0] == 10]:
            known = self.books.operators.get(name)
            alone = len(self.books.operators) > 1 and not (acts[0] == "operator-add" and arguments.get(2) is True)
            wanted = known[2] if known else now + WAIT if alone else 0
            if counts != wanted:
                self.fault(f"operator {name} counts from {counts}, not {wanted}")

    def _act(self, signed, now):
        ids, signers = [], []
        need(1 <= len(signed) <= 2, "an act has one signature or two")
        for body in signed:
            protected, _, payload, signature = open_sign1(body)
            act = decode(payload)
            need(known_keys(act) == set(range(6)) and act[0] == 1 and protected == PROTECTED[ES256], "act")
            status, key, counts = self.books.operators[act[2]]
            if status != 1:
                self.fault(f"operator {act[2]} is revoked")
            if len(signed) == 2 and counts > now:
                self.fault(f"operator {act[2]} is not one of two yet")
            structure = self.context.act(protected, payload)
            self.attempt(f"act of {act[2]}", verify, key, protected, signature, structure)
            ids.append(sha256(structure))
            signers.append((act[2], key, act[1], encode(act[5])))
        first, last = signers[0], signers[-1]
        by_two = first[2] == "operator-add" and act[5].get(2) is True
        if len(signers) != (2 if first[2] in TWO_PEOPLE or by_two else 1):
            self.fault(f"act {first[2]} has {len(signers)} signatures")
        if len(signers) == 2:
            if first[0] == last[0]:
                self.fault(f"act {first[2]} has the same operator twice")
            if first[1] == last[1]:
                self.fault(f"act {first[2]} has the same key twice")
            if first[2:] != last[2:]:
                self.fault(f"second signature under {first[2]} is for another act")
        return ids[0], tuple(signer[2] for signer in signers), act[5]

    def balances(self) -> dict:
        return {card: book.balances() for card, book in sorted(self.books.cards.items())}

    def check_anchor(self, line: str):
        epoch, group, index, digest = line.split()
        if self.seals.get(int(group)) != (int(epoch), int(index), bytes.fromhex(digest)):
            self.fault(f"anchor does not fit: {line}")

    def check_receipt_file(self, data: bytes):
        held = decode(data)
        need(known_keys(held) == set(range(7)) and held[0] == 1 and held[1] == self.context.installation, "receipt file of another installation")
        protected, _, payload, _ = open_sign1(held[3])
        parts = sha256(self.context.request(held[2], protected, payload)), sha256(held[4]), held[5]
        for key in self.keys:
            try:
                _, index = check_receipt(held[6], self.context, key, *parts)
                break
            except BadSignature:
                pass
        else:
            raise BadSignature("receipt is signed by none of the gateway's keys")
        if self.leaves.get(index) != parts or decode(held[4])[6] != index:
            self.fault(f"the journal does not have the entry of the receipt for {index}")


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Verifies a journal export.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--anchors", type=Path, help="text file with one anchor a line")
    parser.add_argument("--receipt", type=Path, action="append", default=[], help="receipt file that somebody holds")
    options = parser.parse_args(arguments)
    audit = Audit(options.file.read_bytes())
    if audit.seals:
        for line in options.anchors.read_text().splitlines() if options.anchors else []:
            audit.attempt("anchor", audit.check_anchor, line)
        for path in options.receipt:
            audit.attempt(f"receipt {path}", audit.check_receipt_file, path.read_bytes())
    print(f"groups {audit.group}, entries {audit.entries}, terminals {len(audit.books.terminals)}, cards {len(audit.books.cards)}")
    for card, balances in audit.balances().items():
        print(f"card {card} status {audit.books.cards[card].status} balances {balances}")
    for name, book in sorted(audit.books.named.items()):
        print(f"account {name} balances {book.balances}")
    print(f"last seal {audit.seal_hash.hex()}" if audit.seals else "no seal")
    for text in audit.faults:
        print(f"FAULT {text}")
    print("FAULTY" if audit.faults else "OK")
    return 1 if audit.faults else 0


if __name__ == "__main__":
    sys.exit(main())
