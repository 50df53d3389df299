"""CBOR as PROTOCOL.md section 3 wants it: an encoder, and a strict decoder that refuses everything else."""

import cbor2

MAX_DEPTH = 8


class Malformed(ValueError):
    """Bytes or a message that the protocol forbids (response code 30)."""


def need(condition, reason):
    if not condition:
        raise Malformed(reason)


def encode(value) -> bytes:
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, cose_header=False):
    """Exactly one item. cose_header allows negative integers as map keys (COSE headers only)."""
    value, end = _item(data, 0, 0, cose_header)
    need(end == len(data), "bytes after the item")
    return value


def decode_sequence(data: bytes):
    """A CBOR sequence (RFC 8742): yields item after item."""
    at = 0
    while at < len(data):
        value, at = _item(data, at, 0, False)
        yield value


def _take(data, at, count):
    need(at + count <= len(data), "cut short")
    return data[at:at + count], at + count


def _item(data, at, depth, cose_header):
    need(at < len(data), "cut short")
    first, at = data[at], at + 1
    major, info = first >> 5, first & 31
    number = info
    if info > 23:
        need(info <= 27, "indefinite or reserved length")
        raw, at = _take(data, at, 1 << (info - 24))
        number = int.from_bytes(raw, "big")
        need(major == 7 or number >= (24, 1 << 8, 1 << 16, 1 << 32)[info - 24], "not in shortest form")
    if major in (0, 1):
        need(number < 1 << 63, "integer beyond 64 bits, signed")
        return (number if major == 0 else -1 - number), at
    if major == 2:
        return _take(data, at, number)
    if major == 3:
        raw, at = _take(data, at, number)
        try:
            return raw.decode("utf-8"), at
        except UnicodeDecodeError:
            raise Malformed("text is not UTF-8") from None
    if major == 4:
        need(depth < MAX_DEPTH, "too deep")
        items = []
        for _ in range(number):
            value, at = _item(data, at, depth + 1, cose_header)
            items.append(value)
        return items, at
    if major == 5:
        need(depth < MAX_DEPTH, "too deep")
        result, last = {}, b""
        for _ in range(number):
            start = at
            key, at = _item(data, at, depth + 1, cose_header)
            need(type(key) is int and (key >= 0 or cose_header), "map key is no unsigned integer")
            need(data[start:at] > last, "map keys not rising")
            last = data[start:at]
            result[key], at = _item(data, at, depth + 1, cose_header)
        return result, at
    need(major == 7 and info in (20, 21, 22), "tag, float or other simple value")
    return {20: False, 21: True, 22: None}[info], at
