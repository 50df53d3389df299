"""Falsifies a journal as only a gateway itself could: effects change, and states, seals and the gateway's key are made anew.

What an auditor finds of that it finds by what the entries say, not by hashes and signatures."""

from books import Books
from codec import Malformed, decode, decode_sequence, encode
from crypto import ES256, Context, Key, entry_leaf, leaf_hash, open_sign1, seal_header, sha256, tree_root


def forged(data: bytes, change) -> bytes:
    """The export with its entries changed: `change(index, cause, effects)` gives the effects without effect 14; `cause` is the
    request's payload, or None. States are hashed anew."""
    header, *groups, trailer = decode_sequence(data)
    context, key, books = Context(header[1]), Key(ES256), Books()
    first, last_seal, written, index = header[3], header[6], [], 0
    for seal, records in groups:
        place, leaves, fresh = seal_header(open_sign1(seal)[0]), [leaf_hash(last_seal)], []
        for record in records:
            index += 1
            form, origin, answer, details = decode(record)
            details = decode(details)
            cause = decode(open_sign1(origin[2])[2]) if origin[0] == 1 else None
            effects = [[12, key.spki] if e == [12, first] else e for e in details[9]]
            stated = [e[1] for e in effects if e[0] == 14]
            effects = change(index, cause, [e for e in effects if e[0] != 14])
            details[9] = effects + states(books, effects, stated, index)
            parts = identity(context, origin), sha256(answer) if answer is not None else bytes(32), sha256(encode(details))
            leaves.append(entry_leaf(*parts))
            fresh.append(encode([form, origin, answer, encode(details)]))
        root, protected = tree_root(leaves), open_sign1(seal)[0]
        assert place.last_index == index
        seal = encode([protected, {}, root, key.sign(context.seal(protected, root))])
        written.append([seal, fresh])
        last_seal = sha256(seal)
    return b"".join(encode(item) for item in [header | {3: key.spki}, *written, trailer | {2: last_seal}])


def identity(context, origin):
    """An entry's request id (section 12)."""
    if origin[0] == 3:
        return sha256(encode(origin))
    protected, _, payload, _ = open_sign1(origin[2] if origin[0] == 1 else origin[1])
    return sha256(context.request(origin[1], protected, payload) if origin[0] == 1 else context.act(protected, payload))


def states(books, effects, stated, index):
    """Effect 14 for what the entry touched before it was falsified, or touches now."""
    try:
        for _ in books.apply(effects, index):
            pass
    except Malformed:
        return []
    result = []
    for subject in dict.fromkeys([*stated, *(e[1] for e in effects if e[0] == 1)]):
        book = (books.cards if type(subject) is int else books.named)[subject]
        book.version += 1
        result.append([14, subject, book.version, book.hash(subject)])
    return result
