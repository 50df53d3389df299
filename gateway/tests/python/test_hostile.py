"""Peers that break the rules: bad frames, bad bodies, bad signatures, bad TLS. The gateway must refuse and go on."""

import os
import socket
import ssl
from dataclasses import replace

import pytest
from tlslite.api import HandshakeSettings, TLSAbruptCloseError, TLSConnection, TLSRemoteAlert, X509CertChain, parsePEMKey

import messages as m
from codec import decode, encode
from crypto import EDDSA, ES256, PROTECTED, BadSignature, Key
from terminal import Terminal
from wire import Closed, private_pem, tls_context

BAD_FRAMES = {
    "length 1": "000100", "length 7": "000711050000000100", "length 4097": "1001" + "11050000000100" * 600, "length 65535": "ffff" + "1105" * 40,
    "version 0": "00080105000000010000", "version 2": "00082105000000010000", "flag 2": "00081205000000010000", "flag 8": "00081805000000010000",
    "body beyond the end": "00081105000000010001", "not our protocol": b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n".hex(),
}


def read_reject(terminal):
    reject = terminal.connection.read()
    assert reject.kind == m.REJECT
    m.check_answer(m.REJECT, reject.body)


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frame(terminal, name):
    terminal.connection.send(bytes.fromhex(BAD_FRAMES[name]))
    read_reject(terminal)
    with pytest.raises(Closed):
        terminal.connection.read()
    assert terminal.ready().echo().code == 0


def bad_bodies(terminal):
    """Name -> (type, body, sidecar) of requests that are well framed and must get code 30."""
    good = terminal.make(m.ECHO, {})
    envelope, payload = decode(good.body), decode(decode(good.body)[2])

    def signed(data, kind=m.ECHO):
        return kind, terminal.sign(kind, data).body, b""

    plain = encode(payload)
    yield "empty", (m.ECHO, b"", b"")
    yield "noise", (m.ECHO, os.urandom(200), b"")
    yield "deep", (m.ECHO, b"\x81" * 2000, b"")
    yield "huge array", (m.ECHO, bytes.fromhex("9b7fffffffffffffff"), b"")
    yield "huge string", (m.ECHO, bytes.fromhex("5b7fffffffffffffff"), b"")
    yield "tagged", (m.ECHO, b"\xd2" + good.body, b"")
    yield "bytes after", (m.ECHO, good.body + b"\0", b"")
    yield "cut", (m.ECHO, good.body[:-1], b"")
    yield "unprotected header", (m.ECHO, encode([envelope[0], {4: b"x"}, *envelope[2:]]), b"")
    yield "no payload", (m.ECHO, encode([envelope[0], {}, None, envelope[3]]), b"")
    yield "short signature", (m.ECHO, encode([*envelope[:3], envelope[3][:63]]), b"")
    yield "sidecar not wanted", (m.ECHO, good.body, encode({1: "0" * 20}))
    yield "not shortest", signed(plain.replace(b"\x00\x01", b"\x00\x18\x01", 1))
    yield "indefinite map", signed(b"\xbf" + plain[1:] + b"\xff")
    yield "keys not rising", signed(bytes([plain[0]]) + b"".join(encode(k) + encode(payload[k]) for k in sorted(payload, reverse=True)))
    yield "key twice", signed(bytes([plain[0] + 1]) + encode(0) + encode(1) + plain[1:])
    yield "text key", signed(encode(payload | {"x": 1}))
    yield "float", signed(encode(payload | {7: [1.5, 0]}))
    yield "unknown key", signed(encode(payload | {99: 0}))
    yield "forbidden key", signed(encode(payload | {20: 1}))
    yield "missing key", signed(encode({k: v for k, v in payload.items() if k != 7}))
    yield "other kind", signed(encode(payload | {1: m.SIGN_OFF}))
    yield "unknown type", signed(encode(payload | {1: 0x42}), 0x42)
    yield "no map", signed(encode([1, 2, 3]))


def test_bad_bodies(terminal):
    for name, (kind, body, sidecar) in bad_bodies(terminal):
        terminal.ready()
        terminal.connection.request(kind, body, sidecar, correlation=77)
        answer = terminal.connection.read()
        assert answer.correlation == 77 and answer.kind in (kind | 0x80, m.REJECT), name
        assert decode(answer.body)[2] == 30 and answer.sidecar == b"", name
        assert terminal.echo().code == 0, f"{name}: the connection must stay open"


def test_a_repeat_with_a_bad_sidecar(terminal, card):
    request = terminal.card_request(m.LOAD, card, 100)
    first = terminal.ask(request)
    assert terminal.repeat(replace(request, sidecar=b"\xa1\x01")).code == 30
    assert terminal.repeat(replace(request, sidecar=b"")).body == first.body


def test_dribbled_and_joined_frames(terminal):
    request = terminal.make(m.ECHO, {})
    data = m.frame(m.ECHO, request.body, b"", 5)
    for at in range(len(data)):
        terminal.connection.send(data[at:at + 1])
    assert terminal.connection.read().correlation == 5
    terminal.connection.send(b"\0\0" + m.frame(m.ECHO, request.body, b"", 6) + b"\0\0" + m.frame(m.ECHO, request.body, b"", 7))
    came = [terminal.connection.read() for _ in range(4)]
    assert sorted(c.correlation for c in came if c) == [6, 7] and came.count(None) == 2


def test_more_in_flight_than_allowed(terminal):
    limit = terminal.sign_on().fields[20]
    request = terminal.make(m.ECHO, {})
    terminal.connection.send(b"".join(m.frame(m.ECHO, request.body, b"", number) for number in range(3 * limit)))
    came = [terminal.connection.read() for _ in range(3 * limit)]
    assert sorted(c.correlation for c in came) == list(range(3 * limit))
    assert {m.check_answer(m.ECHO, c.body)[2] for c in came} <= {0, 9}


def test_keys_from_100_are_kept(terminal, card):
    answer = terminal.load(card, 100, {100: "later", 1 << 40: [1, {2: None}]})
    assert answer.code == 0


def test_bad_fields_of_value_messages(terminal, card):
    bad = [{21: [[1, 99]]}, {21: []}, {12: card.reference ^ 1}, {12: 4111111111111111}, {20: 0}, {20: 10**12}, {6: 1000}, {8: "a b"}, {23: [terminal.tid, 1, 1, bytes(32)]}]
    for fields in bad:
        terminal.ready()
        assert terminal.ask(terminal.card_request(m.LOAD, card, 100, fields)).code == 30, fields
    assert terminal.ask(terminal.make(m.PURCHASE, {12: card.reference, 20: 100}, b"\xa1\x04\x00")).code == 30
    for no_secret in (b"", b"\xa0"):  # a missing card secret is a wrong one
        assert terminal.ask(terminal.make(m.PURCHASE, {12: card.reference, 20: 100}, no_secret)).code == 14
    assert terminal.balance(card).balances() == (0, 0, 0)


def test_sixteen_faults_close_the_connection(terminal):
    for _ in range(16):
        terminal.connection.request(m.ECHO, b"\xff")
        assert decode(terminal.connection.read().body)[2] == 30
    with pytest.raises(Closed):
        terminal.connection.read()


def test_bad_signatures(gateway, terminal, card, algorithm):
    terminal.load(card, 10000)
    other = Key(EDDSA if algorithm == ES256 else ES256)
    twin = Key(algorithm)
    forged = [terminal.card_request(m.PURCHASE, card, 100, key=twin), terminal.card_request(m.PURCHASE, card, 100, {5: terminal.key.id}, key=twin),
              terminal.card_request(m.PURCHASE, card, 100, key=other), terminal.card_request(m.PURCHASE, card, 100, {5: bytes(4)}),
              terminal.card_request(m.PURCHASE, card, 100, protected=PROTECTED[other.algorithm])]
    good = terminal.card_request(m.PURCHASE, card, 100)
    protected, unprotected, payload, signature = decode(good.body)
    for at in (0, 31, 63):
        changed = bytearray(signature)
        changed[at] ^= 1
        forged.append(replace(good, body=encode([protected, unprotected, payload, bytes(changed)])))
    for request in forged:
        assert terminal.ready().ask(request).code == 63
    assert terminal.ask(good).code == 0  # a forged request does not use up the STAN
    balance = terminal.card_request(m.BALANCE_INQUIRY, card)
    terminal.ready()  # another connection, another nonce
    assert terminal.ask(balance).code == 63
    purchase = terminal.make(m.PURCHASE, {12: card.reference, 20: 100}, good.sidecar)
    terminal.connection.request(m.LOAD, purchase.body, good.sidecar)  # signed for another message type
    assert decode(terminal.connection.read().body)[2] in (30, 63)
    assert terminal.balance(card).balances() == (9900, 500, 1)


def test_another_terminals_name(gateway, terminal, card, algorithm):
    other = gateway.ready_terminal(algorithm)
    request = other.card_request(m.LOAD, card, 10000, {2: terminal.tid})
    assert other.ask(request).code == 89
    assert other.ask(other.card_request(m.LOAD, card, 10000, {3: 2})).code == 89  # a generation that is not in force
    assert terminal.balance(card).balances() == (0, 0, 0)


def test_forged_last_receipt(terminal, card):
    terminal.load(card, 10000)
    good = terminal.last_receipt
    terminal.last_receipt = [good[0], good[1], bytes(32), good[3]]
    assert terminal.connect().sign_on().code == 63
    terminal.last_receipt = good
    assert terminal.connect().sign_on().code == 0


def fold(index, size):
    """On which side the nodes of an inclusion path stand: receipts whose folds are alike give the same root."""
    fn, sn, sides = index, size - 1, ""
    while sn:
        left = fn & 1 or fn == sn
        while left and not fn & 1 and fn:
            fn, sn = fn >> 1, sn >> 1
        fn, sn, sides = fn >> 1, sn >> 1, sides + ("L" if left else "R")
    return sides


def test_receipt_moved_to_another_index(gateway, terminal, card, algorithm):
    """RFC 9162 does not bind the leaf's index; the gateway must not conclude from a moved receipt that it lost an entry."""
    terminal.load(card, 10000)
    receipt = decode(terminal.last_receipt[3], cose_header=True)
    size, leaf, path = decode(receipt[1][396][-1][0])
    moved = next((i, s) for s in range(40, 1, -1) for i in range(s - 1, 0, -1) if i != leaf and fold(i, s) == fold(leaf, size))
    receipt[1][396][-1][0] = encode([moved[1], moved[0], path])
    terminal.last_receipt[3] = encode(receipt)
    assert terminal.connect().sign_on().code == 63
    other = gateway.ready_terminal(algorithm)
    assert other.load(card, 100).code == 0


# ---- TLS ----

def test_wrong_gateway(gateway, algorithm):
    terminal = Terminal(f"svgp1:T9:{'0' * 20}:{'00' * 32}", gateway.address, algorithm)
    with pytest.raises(BadSignature):
        terminal.connect()


def refused(gateway, context):
    """The gateway says nothing to this peer: the handshake fails, or the connection ends without a Hello."""
    with socket.create_connection(gateway.address, 15) as plain:
        try:
            assert context.wrap_socket(plain).recv(1) == b""
        except OSError as error:
            assert not isinstance(error, TimeoutError)


def test_no_certificate(gateway):
    refused(gateway, tls_context(None))


def test_no_alpn_or_another(gateway, terminal):
    refused(gateway, tls_context(terminal.key, terminal.certificate, alpn=()))
    refused(gateway, tls_context(terminal.key, terminal.certificate, alpn=("http/1.1",)))


def test_tls_1_2(gateway, terminal):
    context = tls_context(terminal.key, terminal.certificate)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    refused(gateway, context)


def test_plain_tcp_and_half_a_handshake(gateway, terminal):
    for data in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(gateway.address, 5) as plain:
            plain.sendall(data)
    assert terminal.ready().echo().code == 0


def tlslite_hello(address, cert: bytes, key: Key):
    """The first bytes that a gateway sends to a peer with this certificate and this key. Unlike ssl, tlslite-ng does not
    ask whether the two belong together."""
    with socket.create_connection(address, 15) as plain:
        connection = TLSConnection(plain)
        chain = X509CertChain()
        chain.parsePemList(cert.decode())
        settings = HandshakeSettings()
        settings.minVersion, settings.certificate_compression_send, settings.certificate_compression_receive = (3, 4), [], []
        connection.handshakeClientCert(chain, parsePEMKey(private_pem(key).decode(), private=True), settings=settings, alpn=[bytearray(b"svgp/1")])
        return bytes(connection.read(max=4096, min=1))


def test_certificate_without_its_private_key(gateway, terminal, algorithm):
    hello = tlslite_hello(gateway.address, terminal.certificate, terminal.key)
    assert m.parse_frame(hello[2:])[0] == m.HELLO  # with the right key this peer works
    with pytest.raises((TLSRemoteAlert, TLSAbruptCloseError, OSError)):
        tlslite_hello(gateway.address, terminal.certificate, Key(algorithm))
    assert terminal.ready().echo().code == 0
