"""What each message may carry (PROTOCOL.md sections 2, 5, 6 and 7), as tables with one checker for requests and one for answers."""

import re
import struct

from codec import decode, encode, need
from crypto import PROTECTED, open_sign1, sha256

HELLO, ENROLL, SIGN_ON, SIGN_OFF, ECHO = 0x01, 0x02, 0x03, 0x04, 0x05
ACTIVATE, LOAD_QUOTE, LOAD, PURCHASE, BALANCE_INQUIRY = 0x10, 0x11, 0x12, 0x13, 0x14
REVERSAL, TRANSACTION_STATUS, RECONCILIATION, REJECT = 0x15, 0x16, 0x17, 0xFF
REFUND, VOID, AUTHORIZE, CAPTURE = 0x18, 0x19, 0x1A, 0x1B
PURCHASE_QUOTE, TRANSFER, SHIFT_REPORT, UNLOAD = 0x1C, 0x1D, 0x1E, 0x1F
CHANGE_PIN, CASH_TAKEN, ADVICE, CASHIER_SIGN_ON, CARD_LOOKUP = 0x20, 0x21, 0x22, 0x23, 0x24
JOIN, AWARD, REDEEM, USE_ENTITLEMENT, MEMBER_INQUIRY, CATALOGUE = 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A
PROGRAMME = {JOIN, AWARD, REDEEM, USE_ENTITLEMENT}  # what members do; their amount is 0
VALUE = {ACTIVATE, LOAD, PURCHASE, REVERSAL, RECONCILIATION, REFUND, VOID, AUTHORIZE, CAPTURE, TRANSFER, UNLOAD, CHANGE_PIN, CASH_TAKEN, ADVICE} | PROGRAMME
COUNTED = VALUE - {REVERSAL, RECONCILIATION, VOID, AUTHORIZE, CHANGE_PIN}  # in a shift's totals
QUOTES = {LOAD_QUOTE, PURCHASE_QUOTE}
SESSION = {ENROLL, SIGN_ON, SIGN_OFF, ECHO, BALANCE_INQUIRY, TRANSACTION_STATUS, SHIFT_REPORT, CASHIER_SIGN_ON, CARD_LOOKUP, MEMBER_INQUIRY, CATALOGUE} | QUOTES
SECRET, PIN, NEW_PIN, CASHIER_PIN, SUPERVISOR_PIN = {1, 3, 10}, {2}, {4}, {5}, {6}  # keys of a request's sidecar, as section 5.3 names them
SIDECAR = {kind: SECRET for kind in (ACTIVATE, LOAD, BALANCE_INQUIRY, *QUOTES, JOIN, AWARD, USE_ENTITLEMENT, MEMBER_INQUIRY)} | {
    kind: SECRET | PIN for kind in (PURCHASE, AUTHORIZE, TRANSFER, REDEEM)} | {
    UNLOAD: SECRET | PIN | SUPERVISOR_PIN, CHANGE_PIN: SECRET | PIN | NEW_PIN, REFUND: SUPERVISOR_PIN, VOID: SUPERVISOR_PIN, CASHIER_SIGN_ON: CASHIER_PIN, CARD_LOOKUP: {10}}
FINAL_CODES = {0, 10, 12, 13, 14, 21, 25, 46, 51, 54, 55, 57, 58, 61, 62, 70, 75, 76, 78, 95}
TRANSIENT_CODES = {9, 30, 63, 65, 77, 88, 89, 91, 94, 96, 97}
REPEAT = 1
OFFLINE, PARTIAL, PIN_USED, MORE_FOLLOW, PRICES = 1, 2, 4, 8, 16  # bits of key 13
UNKNOWN, LIVE, REVERSED, VOIDED, REFUNDED, DECLINED, BLOCKED, REFUNDED_IN_PART, CAPTURED, LAPSED = range(10)
APPROVING = {LIVE, REFUNDED_IN_PART, CAPTURED}  # the states with which a stored approval is one still
INT64 = (1 << 63) - 1
U32 = (1 << 32) - 1
MONEY = 999_999_999_999
POINTS, CURRENCIES, PENDING = 16, range(16, 48), 32  # the first point currency, all of them, and how far above its currency a pending kind is


# ---- frames ----

def frame(kind, body=b"", sidecar=b"", correlation=0, flags=0, version=1) -> bytes:
    inner = struct.pack(">BBIH", version << 4 | flags, kind, correlation, len(body)) + body + sidecar
    return struct.pack(">H", len(inner)) + inner


def parse_frame(inner: bytes):
    """The bytes after the length field -> (kind, flags, correlation, body, sidecar)."""
    need(8 <= len(inner) <= 4096, "frame length out of range")
    head, kind, correlation, size = struct.unpack(">BBIH", inner[:8])
    need(head >> 4 == 1 and head & 0xE == 0, "frame version or flags")
    need(size <= len(inner) - 8, "body length beyond the end")
    return kind, head & 0xF, correlation, inner[8:8 + size], inner[8 + size:]


# ---- types ----

def uint(low, high):
    return lambda v: type(v) is int and low <= v <= high


def sint(v):
    return type(v) is int


def text(low, high):
    return lambda v: type(v) is str and low <= len(v.encode()) <= high and not re.search("[\x00-\x1f\x7f]", v)


def matches(pattern):
    return lambda v: type(v) is str and re.fullmatch(pattern, v) is not None


def code(high):
    return matches("[A-Za-z0-9_.:/-]{1,%d}" % high)


def raw(low, high=None):
    return lambda v: type(v) is bytes and low <= len(v) <= (low if high is None else high)


def many(low, high, each):
    return lambda v: type(v) is list and low <= len(v) <= high and all(each(x) for x in v)


def tup(*fields):
    return lambda v: type(v) is list and len(v) == len(fields) and all(f(x) for f, x in zip(fields, v))


def either(*checks):
    return lambda v: any(c(v) for c in checks)


def nothing(v):
    return v is None


seconds = uint(0, (1 << 40) - 1)


def kinds(v):
    """A map from balance kind to an amount."""
    return type(v) is dict and len(v) <= 16 and all(uint(1, 65535)(k) and sint(a) for k, a in v.items())


def balances(v):
    return kinds(v) and {1, 2, 16} <= set(v)


def changes(v):
    return kinds(v) and all(v.values())


def rising(v):
    return many(0, 16, tup(uint(0, 255), uint(0, U32), uint(0, INT64)))(v) and all(a[0] < b[0] for a, b in zip(v, v[1:]))


def listed(v):
    """The transactions of a shift: [STAN, message kind, response code, amount or null, state]."""
    one = tup(uint(1, U32), uint(0, 255), uint(0, 99), either(uint(0, INT64), nothing), uint(0, 9))
    return many(0, 48, one)(v) and all(a[0] < b[0] for a, b in zip(v, v[1:]))


def coming(v):
    """What expires (1) or is released (2), rising by time; several may come at one time."""
    one = tup(seconds, uint(1, 65535), uint(0, INT64), uint(1, 2))
    return many(0, 32, one)(v) and all(a[0] <= b[0] for a, b in zip(v, v[1:]))


def catalogue(v):
    one = tup(code(24), text(1, 32), uint(1, 65535), uint(0, INT64), either(uint(0, INT64), nothing))
    return many(0, 12, one)(v) and all(a[0].encode() < b[0].encode() for a, b in zip(v, v[1:]))


def luhn(reference: int) -> bool:
    """Section 5.2: 16 digits, the first 9, the last the Luhn check digit."""
    if type(reference) is not int or not 9 * 10**15 <= reference < 10**16:
        return False
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(str(reference))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def date(v):
    return uint(10101, 99991231)(v) and 1 <= v // 100 % 100 <= 12 and 1 <= v % 100 <= 31


tid = matches("[A-Z0-9]{1,16}")
answers = many(1, 6, tup(code(16), either(sint, text(0, 32))))
tender = either(tup(uint(0, 255), uint(1, MONEY)), tup(uint(0, 255), uint(1, MONEY), text(0, 32)))
line = tup(code(24), code(16), either(code(16), nothing), uint(0, 10**9), uint(0, MONEY), uint(0, U32))

REQUEST_FIELDS = {
    0: uint(1, 1), 1: uint(0, 255), 2: tid, 3: uint(1, U32), 4: uint(1, U32), 5: raw(4), 6: uint(1, 999),
    7: tup(uint(0, (1 << 40) - 1), lambda v: sint(v) and -1440 <= v <= 1440), 8: code(16), 9: uint(1, U32), 10: text(1, 32),
    11: uint(0, 255), 12: luhn, 13: uint(0, U32), 14: raw(8), 15: raw(8), 16: raw(16), 20: uint(1, MONEY),
    21: many(1, 8, tender), 22: many(1, 24, line), 23: tup(tid, uint(1, U32), uint(1, U32), raw(32)), 24: rising,
    25: uint(0, 255), 26: text(1, 32), 27: uint(0, U32), 28: tup(raw(32), raw(32), raw(32), raw(0, 1024)),
    29: matches("[0-9A-HJKMNP-TV-Z]{20}"), 30: raw(1, 128), 31: raw(32), 32: uint(1, 15), 33: luhn, 34: uint(0, U32),
    35: uint(1, MONEY), 36: raw(0, 256), 37: code(16), 40: code(32), 41: code(32),
    42: uint(0, 255), 43: date, 44: answers, 45: answers, 46: code(32), 47: raw(32),
    48: code(24), 49: uint(1, 10**6), 50: code(24), 51: code(24), 52: uint(0, (1 << 40) - 1),
}
pin = matches("[0-9]{4,12}")
PHONE = 1  # of the personal fields; 0 is the salt, 3 a birthday
PERSONAL_FIELDS = {0: matches("[0-9a-f]{32}"), PHONE: matches("[0-9]{5,15}"), 3: matches("(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")}


def personal(v):
    """Section 5.4."""
    return type(v) is dict and 1 <= len(v) <= 8 and all(uint(0, 255)(k) and text(1, 64)(x) and PERSONAL_FIELDS.get(k, text(1, 64))(x) for k, x in v.items())


SIDECAR_FIELDS = {1: text(8, 64), 2: pin, 3: raw(0, 64), 4: pin, 5: pin, 6: pin, 10: personal}
ALWAYS, VALUE_MAY = {0, 1, 2, 5, 7}, {8, 9, 10, 11, 13, 14, 15, *range(40, 48)}
REQUIRED = {  # beyond ALWAYS, 3 and 4 or 16
    ENROLL: {26, 29, 30, 31, 32}, SIGN_ON: {26, 27, 32}, SIGN_OFF: set(), ECHO: set(), ACTIVATE: {6, 12}, LOAD_QUOTE: {6, 12, 20},
    LOAD: {6, 12, 20, 21}, PURCHASE: {6, 12, 20}, BALANCE_INQUIRY: {6, 12}, REVERSAL: {6, 23, 25}, TRANSACTION_STATUS: {23},
    RECONCILIATION: {6, 9, 24}, REFUND: {6, 20, 23}, VOID: {6, 23}, AUTHORIZE: {6, 12, 20}, CAPTURE: {6, 20, 23},
    PURCHASE_QUOTE: {6, 12, 20}, TRANSFER: {6, 12, 20, 33}, SHIFT_REPORT: {9, 34},
    UNLOAD: {6, 12, 20}, CHANGE_PIN: {6, 12}, CASH_TAKEN: {6, 20, 21, 25}, ADVICE: {6, 12, 20, 36}, CASHIER_SIGN_ON: {8}, CARD_LOOKUP: set(),
    JOIN: {6, 12}, AWARD: {6, 12, 48}, REDEEM: {6, 12, 50}, USE_ENTITLEMENT: {6, 12, 51}, MEMBER_INQUIRY: {6, 12}, CATALOGUE: {6},
}
OPTIONAL = {SIGN_ON: {28}, LOAD_QUOTE: {11}, BALANCE_INQUIRY: {11}, PURCHASE: {21, 22, 35}, REFUND: {22, 25, 37}, VOID: {25, 37}, AUTHORIZE: {23},
            CAPTURE: {21, 22}, PURCHASE_QUOTE: {11, 13, 22, 35}, UNLOAD: {25, 37}, CASH_TAKEN: {12, 23}, ADVICE: {21, 22},
            AWARD: {49}, REDEEM: {49}, USE_ENTITLEMENT: {49}, MEMBER_INQUIRY: {11, 52}, CATALOGUE: {50}}


def known_keys(fields: dict) -> set:
    return {key for key in fields if key < 100}


def check_request(kind: int, body: bytes, sidecar: bytes = b"") -> dict:
    """Everything about a request that can be judged without keys and state. Returns its payload, or raises Malformed."""
    need(kind in REQUIRED, "no such request")
    protected, _, payload, _ = open_sign1(body)
    need(protected in PROTECTED.values(), "protected header")
    fields = decode(payload)
    need(type(fields) is dict, "payload is no map")
    required = ALWAYS | REQUIRED[kind] | ({3, 4} if kind in VALUE else {16} if kind == ENROLL else {3, 16})
    allowed = required | OPTIONAL.get(kind, set()) | (VALUE_MAY if kind in VALUE else set())
    _check_fields(fields, REQUEST_FIELDS, required, allowed)
    need(fields[1] == kind, "message kind is not the frame's")
    if 21 in fields and kind in (LOAD, CASH_TAKEN):
        need(sum(t[1] for t in fields[21]) == fields[20], "tender lines do not add up")
    if 22 in fields:
        need(sum(p[4] for p in fields[22]) == fields[20], "purchase lines do not add up")
    if sidecar:  # what is missing is wrong, no format error
        need(kind in SIDECAR, "sidecar not wanted")
        side = decode(sidecar)
        need(type(side) is dict, "sidecar is no map")
        _check_fields(side, SIDECAR_FIELDS, set(), SIDECAR[kind])
        if kind in (ACTIVATE, LOAD, JOIN) and 47 in fields and 10 in side:
            need(0 in side[10] and sha256(encode(side[10])) == fields[47], "personal fields are not those of the commitment")
    need(kind != CARD_LOOKUP or sidecar and set(side.get(10, {})) == {PHONE}, "a look-up is by phone alone")
    return fields


def _check_fields(fields, types, required, allowed):
    keys = known_keys(fields)
    need(required <= keys, f"missing keys {sorted(required - keys)}")
    need(keys <= allowed, f"forbidden keys {sorted(keys - allowed)}")
    for key in keys:
        need(types[key](fields[key]), f"key {key} has a wrong type or range")


ANSWER_FIELDS = {
    0: uint(1, 1), 1: uint(0, 255), 2: uint(0, 99), 3: uint(1, U32), 4: uint(1, INT64), 5: date,
    6: uint(1, INT64), 7: uint(0, INT64), 8: luhn, 9: text(1, 80), 10: uint(0, INT64), 11: balances, 12: changes,
    13: many(0, 12, tup(text(1, 32), uint(0, 65535), sint, text(1, 20), sint, uint(0, 255))), 14: tup(uint(0, INT64), uint(0, INT64)), 15: uint(0, 9),
    16: raw(1, 2048), 17: rising, 18: tup(uint(1, INT64), uint(0, INT64), uint(0, (1 << 40) - 1)),
    19: tup(raw(8), uint(0, (1 << 40) - 1)), 20: uint(1, 1024), 21: uint(0, INT64), 22: raw(8), 23: uint(0, U32), 24: uint(0, INT64),
    25: tup(*3 * [uint(0, INT64)]), 26: code(16), 27: code(16), 28: uint(1, 2), 29: tup(uint(1, 999), uint(0, 9)),
    30: uint(1, U32), 31: tid, 32: lambda v: type(v) is bool, 33: listed, 34: uint(0, U32),
    35: raw(1, 256), 36: uint(0, INT64), 37: uint(0, 255),
    38: lambda v: many(1, 8, luhn)(v) and len(set(v)) == len(v),
    39: uint(1, INT64), 40: uint(0, INT64), 41: tup(code(16), text(1, 32), either(seconds, nothing)),
    42: many(0, 12, tup(code(16), uint(0, 255), uint(0, INT64), sint, sint)), 43: coming,
    44: many(0, 16, tup(code(24), text(1, 32), either(uint(0, INT64), nothing))), 45: catalogue, 46: lambda v: type(v) is bool, 47: date,
    48: many(1, 8, tup(code(24), text(1, 32), uint(0, 255), date, uint(0, INT64), either(uint(0, INT64), nothing), uint(0, INT64), either(text(1, 32), nothing))),
}
SALE, UNDOING = ({3, 5, 6, 7, 8, 10, 11, 12}, {13}), ({3, 5, 6, 7, 8, 10, 11, 12, 13, 15}, set())
TIERED = {ACTIVATE, LOAD, PURCHASE, JOIN, AWARD, REDEEM, CAPTURE, REFUND, UNLOAD, VOID, REVERSAL, ADVICE}  # may tell of a member's new tier
APPROVED = {  # (required, also allowed), beyond 0, 1, 2 and 4, when the code is 00 or 10
    ENROLL: ({5, 6, 25, 26, 27, 28, 29, 30, 31}, set()), SIGN_ON: ({5, 7, *range(20, 30)}, {35}), SIGN_OFF: ({5}, set()), ECHO: ({5}, set()),
    LOAD_QUOTE: ({5, 7, 8, 10, 11, 12, 19}, {13, 14}), PURCHASE_QUOTE: ({5, 7, 8, 10, 11, 12, 19}, {13, 39}), BALANCE_INQUIRY: ({5, 7, 8, 11}, set()), TRANSACTION_STATUS: ({5, 15}, {16}),
    ACTIVATE: SALE, LOAD: SALE, PURCHASE: (SALE[0], {13, 39}), REVERSAL: ({3, 5, 6, 15}, {7, 8, 10, 11, 12, 13}), RECONCILIATION: ({3, 5, 6}, {17}),
    REFUND: UNDOING, VOID: UNDOING, AUTHORIZE: (SALE[0] | {18}, {13}), CAPTURE: (SALE[0] | {18}, {13}),
    TRANSFER: SALE, SHIFT_REPORT: ({5, 17, 23, 32, 33, 34}, set()),
    UNLOAD: SALE, CHANGE_PIN: SALE, CASH_TAKEN: ({3, 5, 6, 7, 10}, {8}), ADVICE: ({3, 5, 6, 7, 8, 10, 36}, {11, 12, 13}), CASHIER_SIGN_ON: ({5}, set()), CARD_LOOKUP: ({5, 38}, set()),
    JOIN: SALE, AWARD: SALE, REDEEM: SALE, USE_ENTITLEMENT: (SALE[0], {13, 40}),
    MEMBER_INQUIRY: ({5, 7, 8, 11, 42, 43, 44, 46}, {41, 47, 48}), CATALOGUE: ({5, 7, 45, 46}, set()),
}
OUTCOMES = {REVERSAL: {REVERSED, VOIDED, DECLINED, BLOCKED}, VOID: {VOIDED}, REFUND: {REFUNDED, REFUNDED_IN_PART}}  # key 15 of an approval
PARTLY = {PURCHASE, AUTHORIZE, PURCHASE_QUOTE}


def check_answer(kind: int, body: bytes) -> dict:
    """Checks the body of an answer to a request of this kind (REJECT for a Reject). Returns its map, or raises Malformed."""
    fields = decode(body)
    need(type(fields) is dict and type(fields.get(2)) is int, "answer is no map with a code")
    value, final, code = kind in VALUE, fields[2] not in TRANSIENT_CODES, fields[2]
    if kind == REJECT:
        required, allowed = set(), {9}
    elif code in (0, 10):
        required, allowed = APPROVED[kind]
        allowed = allowed | ({41} if kind in TIERED else set())
    elif final and value:
        state = {15} if kind in (REVERSAL, REFUND, VOID, CAPTURE) and code in (12, 51, 55, 75, 76) else set()
        tries = {37} if code == 55 and (kind in SIDECAR) else set()
        required, allowed = {3, 5, 6}, {7, 8, 9} | state | tries | ({17} if kind == RECONCILIATION else set())
    elif final and kind in QUOTES:
        required, allowed = {5, 7, 8, 9}, set()
    elif final and kind in (CASHIER_SIGN_ON, CARD_LOOKUP):
        required, allowed = {5} if code in (14, 55, 75) else set(), {5, 9, 37} if code == 55 else {5, 9}
    elif final:
        required, allowed = set(), APPROVED[kind][0] | {9}
    else:
        required, allowed = set(), {9} | ({3} if value else set())
    _check_fields(fields, ANSWER_FIELDS, {0, 1, 2, 4} | required, {0, 1, 2, 4} | required | allowed)
    need(fields[1] == kind, "answer is of another kind")
    need(kind != REJECT or code == 30, "Reject with another code than 30")
    need(code != 10 or kind in PARTLY, "approved in part, what cannot be")
    if code in (0, 10):
        _check_approval(kind, fields)
    return fields


def _check_approval(kind, fields):
    """What sections 6 and 11 say of an approval's keys among themselves."""
    need(kind not in OUTCOMES or fields[15] in OUTCOMES[kind], "state is no outcome of this message")
    if kind == REVERSAL:
        undone = fields[15] in (REVERSED, VOIDED)
        need(undone or 10 not in fields, "amount of a reversal that undid nothing")
        need(not undone or 10 in fields, "reversal without an amount")
        need(not fields.get(10) or {7, 8, 11, 12} <= set(fields), "reversal without what it undid")
        need((11 in fields) == (12 in fields) == (13 in fields) and (10 in fields or 11 not in fields), "reversal that undid nothing tells of a card")
    need(kind not in (ACTIVATE, AUTHORIZE, CHANGE_PIN) or fields[12] == {}, "changes of what changes nothing")
    need(kind not in PROGRAMME | {ACTIVATE, CHANGE_PIN} or fields[10] == 0, "an amount of what has none")
    if kind in (CAPTURE, TRANSFER):
        need(money(fields[12]) == -fields[10], "changes are not the approved amount")
    if kind == ADVICE:
        need({11, 12} <= set(fields) if fields[36] < fields[10] else (11 in fields) == (12 in fields), "balances are told when the card has paid")
        need(fields[36] <= fields[10] and money(fields.get(12, {})) == fields[36] - fields[10], "the card did not pay what is no shortfall")
    if kind == UNLOAD:
        need(fields[12].get(1, 0) <= -fields[10], "more is paid out than is taken from principal")
        need(max(fields[12].values()) < 0, "an unload gives something")
    if kind == TRANSFER:
        need(set(fields[12]) <= {1, 2} and max(fields[12].values()) < 0, "a transfer takes money from the card that gives, and nothing else")
    if kind in PROGRAMME:
        need(all(fields[12].get(k, 0) >= 0 for k in (1, 2)), "takes money, and no message of a member's does")
    if 12 in fields and 13 in fields:
        _check_lines(kind, fields)
    need(kind not in TIERED or 41 not in fields or 13 in fields, "a tier is told, and no line says why")
    if kind in QUOTES:
        need(fields[19][1] > fields[4], "quote that is over")
    if kind == SHIFT_REPORT:
        need(fields[34] >= max([0, *(t[0] for t in fields[33])]), "a listed transaction is above what was listed")
        for stan, of, code, amount, state in fields[33]:
            need((code in (0, 10) or (of, code) == (RECONCILIATION, 95)) == (state not in (UNKNOWN, DECLINED, BLOCKED)), f"STAN {stan} has code {code} and state {state}")
            need(amount is None or code in (0, 10), f"STAN {stan} was declined, with an amount")
    if kind == AUTHORIZE:
        need(fields[18][1] >= fields[10] and fields[18][2] > fields[4], "hold is smaller than what was added, or is over")
        need(fields[18][0] <= fields[6], "hold is from a later entry")
    need(kind != CAPTURE or fields[18][0] < fields[6], "hold is not from an earlier entry")


TAKEN_BACK, OWED, WITHHELD, TIER = 16, 32, 64, 128  # bits of a line's notes


def _check_lines(kind, fields):
    """The lines come to the changes of each point currency; of the bonus, when there are any."""
    changed, told = {}, {}
    for balance, change in fields[12].items():
        changed[balance - 32 if 48 <= balance < 80 else balance] = changed.get(balance - 32 if 48 <= balance < 80 else balance, 0) + change
    for rule, balance, base, rate, result, notes in fields[13]:
        need(not notes & TAKEN_BACK or kind in (REFUND, VOID, REVERSAL, UNLOAD), "takes something back, and undoes nothing")
        need(not notes & OWED or rule == "owed" and abs(result) <= base, "more is owed or paid than there is")
        need(not notes & WITHHELD or base >= 0, "less than nothing is withheld")
        need(not notes & TIER or result == 0 and (41 in fields or notes & TAKEN_BACK), "a line is about a tier, and no tier is told")
        told[balance] = told.get(balance, 0) + result
    _check_tier(fields)
    for balance in {k for k in changed | told if k >= POINTS or k == 2 and 2 in told}:
        need(len(fields[13]) == 12 or told.get(balance, 0) == changed.get(balance, 0), f"lines of balance {balance} do not come to its change")


def _check_tier(fields):
    """A new tier says why: of one that is reached, each measure and its threshold, which was reached."""
    why = [line for line in fields[13] if line[5] & TIER]
    need(41 not in fields or why, "a tier is told, and no line says why")
    for rule, balance, base, rate, _, notes in why:
        need(rate == "over" or (base < threshold(rate)) == bool(notes & TAKEN_BACK), "a tier is reached below its threshold, or lost above it")
        need(notes & TAKEN_BACK or rule == fields[41][0], "a line is about another tier than the one that is told")


def threshold(rate) -> int:
    """The number of a rate about a tier, in minor units where it is an amount."""
    return int(rate.split(" ")[-1].replace(".", ""))


def points_worth(asked: dict, fields: dict) -> int:
    """The money value of the points that were paid with, from the explanation's line about them."""
    if 35 not in asked:
        return 0
    lines = [base for _, kind, base, _, result, notes in fields.get(13, []) if kind >= POINTS and result == -asked[35] and not notes & OWED]
    need(len(lines) == 1 and 0 <= lines[0] <= asked[20], "points were paid with, and nothing says what they are worth")
    return lines[0]


def money(changes: dict) -> int:
    return changes.get(1, 0) + changes.get(2, 0)


def check_answer_to(asked: dict, fields: dict):
    """What can be said of a checked answer only beside its request's payload."""
    kind, code = asked[1], fields[2]
    need(8 not in fields or fields[8] == asked.get(12, fields[8]), "answer about another card")
    if code not in (0, 10):
        return
    amount, flags = asked.get(20), asked.get(13, 0)
    if kind == SHIFT_REPORT:
        need(all(t[0] > asked[34] for t in fields[33]) and fields[34] >= asked[34], "lists what was not asked for")
    if kind in (PURCHASE, PURCHASE_QUOTE):
        worth = points_worth(asked, fields)
        need(money(fields[12]) == worth - fields[10], "changes are not the approved amount")
        need(not asked.get(35) or code == 0, "points in part")
    if kind == MEMBER_INQUIRY:
        need(all(time > asked.get(52, -1) for time, *_ in fields[43]), "lists what was not asked for")
    if kind == CATALOGUE:
        need(all(item.encode() > asked.get(50, "").encode() for item, *_ in fields[45]), "lists what was not asked for")
    if kind == CASH_TAKEN:
        need(fields[10] == amount and (8 in fields) == (12 in asked), "another amount or card was taken down")
    if kind == UNLOAD:
        need(fields[12].get(1, 0) == -amount, "another amount was unloaded")
    if kind in (LOAD, PURCHASE, AUTHORIZE, CAPTURE, TRANSFER, ADVICE, *QUOTES):
        partly, discount = flags & PARTIAL or kind == PURCHASE_QUOTE, fields.get(39, 0)
        need(not discount or flags & PRICES, "a discount that was not asked for")
        need(fields[10] + discount == amount if code == 0 else partly and 0 < fields[10] < amount and fields[10] + discount <= amount,
             "another amount was approved")
    if kind in (LOAD, LOAD_QUOTE):
        need(fields[12].get(1, 0) == amount, "a load's principal is its amount")
    if kind == AUTHORIZE and 23 not in asked:
        need(fields[18][0] == fields[6] and fields[18][1] == fields[10], "a new hold is another one's")
    if kind == AUTHORIZE and 23 in asked:
        need(fields[18][0] < fields[6] and fields[18][1] >= fields[10], "a raised hold is a new one")
    if kind == CAPTURE and not flags & MORE_FOLLOW:
        need(fields[18][1] == 0, "something is still held after the last capture")
    if kind == REFUND:
        paid_back = 0 <= money(fields[12]) <= fields[10] == amount  # of a payment, some of it as points; else money is paid back for a load
        need(paid_back or fields[12].get(1, 0) == -amount and fields[10] <= amount, "refund of another amount")


def check_answer_sidecar(sidecar: bytes) -> dict:
    if sidecar == b"":
        return {}
    side = decode(sidecar)
    need(type(side) is dict, "sidecar is no map")
    _check_fields(side, {1: raw(1, 1024), 2: raw(32), 3: raw(1, 256)}, set(), {1, 2, 3})
    need((1 in side) == (2 in side), "receipt without details hash, or the other way round")
    return side
