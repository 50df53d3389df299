"""A TLS 1.3 connection to the gateway that speaks frames (PROTOCOL.md sections 1, 2 and 9)."""

import datetime
import os
import socket
import ssl
import tempfile
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from codec import decode, need
from crypto import ES256, BadSignature, Key, sha256, spki_of
from messages import HELLO, frame, known_keys, parse_frame

TIMEOUT = 15


class Closed(Exception):
    """The gateway closed the connection, or refused the handshake."""


def certificate(key: Key) -> bytes:
    """A self-signed certificate in PEM; its names and dates mean nothing."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "terminal")])
    start = datetime.datetime(2020, 1, 1)
    built = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(start)
             .not_valid_after(start.replace(year=2050)).sign(key.private, hashes.SHA256() if key.algorithm == ES256 else None))
    return built.public_bytes(serialization.Encoding.PEM)


def private_pem(key: Key) -> bytes:
    return key.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def tls_context(key: Key | None, cert: bytes | None = None, alpn=("svgp/1",)) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the fingerprint decides, see Connection
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if key:
        with tempfile.NamedTemporaryFile(delete=False) as file:  # ssl loads keys from files only
            file.write(private_pem(key) + cert)
        try:
            context.load_cert_chain(file.name)
        finally:
            os.unlink(file.name)
    return context


@dataclass
class Frame:
    kind: int
    flags: int
    correlation: int
    body: bytes
    sidecar: bytes


class Connection:
    """After connecting: `hello` (its map), `installation`, `nonce`, `gateway_spki`."""

    def __init__(self, address, context: ssl.SSLContext, fingerprint: bytes):
        self.socket = socket.create_connection(address, TIMEOUT)
        try:
            self.socket = context.wrap_socket(self.socket)
            need(self.socket.selected_alpn_protocol() == "svgp/1", "the gateway did not choose svgp/1")
            peer = x509.load_der_x509_certificate(self.socket.getpeercert(binary_form=True))
            self.gateway_spki = spki_of(peer.public_key())
            if sha256(self.gateway_spki) != fingerprint:
                raise BadSignature("not the gateway that this terminal was enrolled with")
            first = self.read()
            need(first is not None and first.kind == HELLO and first.correlation == 0 and first.sidecar == b"", "no Hello")
            self.hello = decode(first.body)
            need(known_keys(self.hello) == {0, 1, 2, 3, 4, 5} and self.hello[0] == 1 and self.hello[1] == 1, "Hello has wrong keys")
            self.installation, self.nonce = self.hello[2], self.hello[3]
            need(len(self.installation) == 16 and len(self.nonce) == 16 and self.hello[5] >= 1, "Hello has wrong fields")
        except (OSError, EOFError) as error:
            self.close()
            raise Closed(str(error)) from error
        except Exception:
            self.close()
            raise

    def send(self, data: bytes):
        """Raw bytes, well formed or not."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from error

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed("end of stream")
            data += part
        return data

    def read(self) -> Frame | None:
        """The next frame; None for a heartbeat. Raises Closed at the end, TimeoutError when nothing comes."""
        length = int.from_bytes(self._exactly(2), "big")
        return Frame(*parse_frame(self._exactly(length))) if length else None

    def heartbeat(self):
        self.send(b"\0\0")
        need(self.read() is None, "no heartbeat came back")

    def request(self, kind, body=b"", sidecar=b"", correlation=0, flags=0):
        self.send(frame(kind, body, sidecar, correlation, flags))

    def close(self):
        self.socket.close()
