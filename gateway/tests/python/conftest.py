"""Starts the gateway that GATEWAY_BIN names, once for the whole run, and gives tests terminals and cards."""

import json
import os
import select
import signal
import subprocess

import pytest

from crypto import EDDSA, ES256
from terminal import Card, Terminal


class Gateway:
    def __init__(self, binary, folder):
        self.binary, self.data, self.log = binary, folder / "data", open(folder / "gateway.log", "ab")
        self.process, self.address, self.terminals = None, None, 0
        self.cards, self.seen = [], {}  # every card; what terminals were last told about it
        self.start()

    def start(self):
        command = [self.binary, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        assert line, f"the gateway did not start, see {self.log.name}"
        started = json.loads(line)
        host, port = started["listen"].rsplit(":", 1)
        self.address, self.fingerprint = (host, int(port)), bytes.fromhex(started["fingerprint"])

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()

    def restart(self, how):
        self.stop(how)
        self.start()

    def run(self, *arguments):
        return subprocess.run([self.binary, *arguments, "--data", str(self.data), "--json"], capture_output=True, text=True, timeout=60)

    def admin(self, *arguments):
        run = self.run(*arguments)
        assert run.returncode == 0, f"{arguments}: {run.stdout}{run.stderr}"
        return json.loads(run.stdout) if run.stdout.strip() else {}

    def enrolment(self, tid, role="register", *options):
        return self.admin("terminal", "enroll", "--id", tid, "--role", role, *options)["enrolment"]

    def new_terminal(self, algorithm, role="register", *options) -> Terminal:
        """A terminal that is not enrolled yet; `options` are those of `terminal enroll`."""
        self.terminals += 1
        terminal = Terminal(self.enrolment(f"T{self.terminals:04}", role, *options), self.address, algorithm)
        terminal.seen = self.seen
        return terminal

    def ready_terminal(self, algorithm, role="register", *options) -> Terminal:
        terminal = self.new_terminal(algorithm, role, *options).connect()
        assert terminal.enrol().code == 0
        return terminal.ready()

    def new_card(self, product="standard") -> Card:
        issued = self.admin("card", "issue", "--product", product, "--count", "1")["cards"][0]
        self.cards.append(Card(int(issued["reference"]), issued["secret"]))
        return self.cards[-1]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    binary = os.environ.get("GATEWAY_BIN", "")
    if not os.access(binary, os.X_OK):
        pytest.fail(f"GATEWAY_BIN must name the built gateway, but is {binary!r}")
    gateway = Gateway(binary, tmp_path_factory.mktemp("gateway"))
    yield gateway
    if gateway.process.poll() is None:
        gateway.stop()


@pytest.fixture(params=[ES256, EDDSA])
def algorithm(request):
    return request.param


@pytest.fixture
def terminal(gateway, algorithm):
    terminal = gateway.ready_terminal(algorithm)
    yield terminal
    terminal.close()


@pytest.fixture
def card(gateway, terminal):
    """An activated card."""
    card = gateway.new_card()
    assert terminal.activate(card).code == 0
    return card
