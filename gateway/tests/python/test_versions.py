"""Versions of the programme that come into force later (PROTOCOL.md section 12), and the audit of it all."""

import time

import programmes
from test_services import shop  # noqa: F401

ZONE = 8 * 3600  # of the test programmes


def schedule(shop, seconds, *options, per="1.00"):
    """Puts a programme in force so many seconds from now, with points for each full `per`; says when."""
    when = int(time.time()) + seconds
    path = shop.folder / "programme.toml"
    path.write_text(programmes.HEAD.replace('per = "1.00"', f'per = "{per}"') + programmes.product())
    at = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(when + ZONE))
    shop.admin("programme", "activate", str(path), "--at", at, *options)
    return when


def earned(terminal, card):
    return terminal.purchase(card, 1000).changes()[2]


def test_later(shop):
    terminal = shop.terminal()
    card = shop.card(terminal, 50000)
    version = terminal.balance(card).fields[7]
    when = schedule(shop, 3, per="5.00")
    assert earned(terminal, card) == 10 and terminal.balance(card).fields[7] == version
    deadline = when + 10
    while (answer := terminal.balance(card)).fields[7] == version and time.time() < deadline:
        pass
    assert answer.fields[7] == version + 1 and answer.fields[4] >= when and earned(terminal, card) == 2
    shop.audit()


def test_instead(shop):
    """A version that is scheduled for later never comes into force when another is to be in force instead."""
    terminal = shop.terminal()
    card = shop.card(terminal, 50000)
    version = terminal.balance(card).fields[7]
    when = schedule(shop, 3, per="5.00")
    path = str(shop.folder / "programme.toml")
    assert shop.run("programme", "activate", path).returncode != 0  # the one of later would undo it: that must be said
    shop.admin("programme", "activate", path, "--instead")
    while (answer := terminal.balance(card)).fields[4] <= when:
        assert answer.fields[7] == version + 2
    assert answer.fields[7] == version + 2 and earned(terminal, card) == 2
    audit = shop.audit()
    assert audit.versions.in_force(int(time.time())) == version + 2
