"""Builds journals in the format of sections 8, 12 and 13, so that the auditor can be tested without a gateway."""

import time

from books import Books
from codec import Malformed, encode
from crypto import ES256, PROTECTED, ZERO, Context, Key, entry_leaf, inclusion_path, leaf_hash, sha256, tree_root


class JournalBuilder:
    def __init__(self, installation=bytes(range(16))):
        self.installation, self.context, self.key, self.books = installation, Context(installation), Key(ES256), Books()
        self.chain, self.epoch, self.index, self.group = 1, 1, 0, 0
        self.now, self.place = int(time.time()), ("M1", "S1")
        self.first_key, self.seal_hash, self.groups, self.open = self.key.spki, ZERO, [], []

    def add(self, origin, request_id, effects, answer=None):
        """One entry. `effects` come without effect 14; `answer` is a map without key 6, or a function that makes one from the
        books after the entry, or None."""
        self.index += 1
        effects = effects + self._states(effects)
        if answer is not None:
            answer = encode((answer(self.books) if callable(answer) else answer) | {6: self.index})
        details = encode([self.chain, self.epoch, self.index, self.now * 1000, 20260101, *self.place, [156, 2], 1, effects])
        self.open.append((encode([1, origin, answer, details]), (request_id, sha256(answer) if answer else ZERO, sha256(details))))
        return answer

    def _states(self, effects):
        try:
            for _ in self.books.apply(effects, self.index):
                pass
        except Malformed:
            return []  # planted by a test
        touched = dict.fromkeys(e[1] for e in effects if e[0] in (1, 2, 3, 16, 17, 18, 19, 20))
        states = []
        for subject in sorted(touched, key=str):
            book = (self.books.cards if type(subject) is int else self.books.named)[subject]
            book.version += 1
            states.append([14, subject, book.version, book.hash(subject)])
        return states

    def system(self, name, key, effects):
        origin = [3, name, key]
        self.add(origin, sha256(encode(origin)), effects)

    def act(self, operator, key, act, arguments, effects, *more):
        """`more`: further signatures, each (operator, key, act, arguments)."""
        bodies, ids = [], []
        for operator, key, act, arguments in [(operator, key, act, arguments), *more]:
            payload = encode({0: 1, 1: act, 2: operator, 3: int(time.time()), 4: bytes(16), 5: arguments})
            structure = self.context.act(PROTECTED[ES256], payload)
            bodies.append(encode([PROTECTED[ES256], {}, payload, key.sign(structure)]))
            ids.append(sha256(structure))
        self.add([2, *bodies], ids[0], effects)

    def seal(self) -> list:
        """Closes the group; returns (receipt, details hash) for each of its entries."""
        self.group += 1
        leaves = [leaf_hash(self.seal_hash)] + [entry_leaf(*parts) for _, parts in self.open]
        root, first = tree_root(leaves), self.index - len(self.open) + 1
        words = [self.chain, self.epoch, self.group, first, self.index, int(time.time() * 1000)]
        protected = encode({1: -7, 395: 1, -65537: words})
        signature = self.key.sign(self.context.seal(protected, root))
        seal = encode([protected, {}, root, signature])
        receipts = []
        for number, (_, parts) in enumerate(self.open, 1):
            proof = encode([len(leaves), number, inclusion_path(leaves, number)])
            receipts.append((encode([protected, {396: {-1: [proof]}}, None, signature]), parts[2]))
        self.groups.append([seal, [record for record, _ in self.open]])
        self.seal_hash, self.open = sha256(seal), []
        return receipts

    def anchor(self) -> str:
        return f"{self.epoch} {self.group} {self.index} {self.seal_hash.hex()}"

    def export(self) -> bytes:
        header = {0: 1, 1: self.installation, 2: self.chain, 3: self.first_key, 4: 1, 5: 1, 6: ZERO}
        trailer = {0: self.index, 1: self.group, 2: self.seal_hash}
        return b"".join(encode(item) for item in [header, *self.groups, trailer])
