"""Card holders: what a commitment hashes, and the look-up of cards by phone (PROTOCOL.md section 5.4)."""

import os

import pytest

import messages as m
from codec import encode
from crypto import sha256
from test_payments import refused
from test_services import lost, shop  # noqa: F401


def holder(phone, name="Li"):
    return {0: os.urandom(16).hex(), 1: phone, 2: name}


def registering(terminal, card, fields, kind=m.ACTIVATE, more=None, commitment=None):
    fields_of_load = {20: 1000, 21: [[1, 1000]]} if kind == m.LOAD else {}
    return terminal.make(kind, {12: card.reference, 47: commitment or sha256(encode(fields))} | fields_of_load | (more or {}), encode({1: card.secret, 10: fields}))


def look_up(terminal, phone):
    return terminal.ask(terminal.make(m.CARD_LOOKUP, {}, encode({10: {m.PHONE: phone}})))


def test_look_up(shop):
    terminal, kiosk = shop.terminal(), shop.ready_terminal(shop.algorithm, "kiosk")
    first, second, plain = shop.new_card(), shop.new_card(), shop.card(terminal)
    refused(look_up(terminal, "8613800000001"), 14)
    fields = holder("8613800000001")
    assert lost(terminal, registering(terminal, first, fields)).code == 0
    assert look_up(terminal, "8613800000001").fields[38] == [first.reference] == look_up(kiosk, "8613800000001").fields[38]
    assert terminal.activate(second).code == 0
    assert lost(terminal, registering(terminal, second, fields, m.LOAD)).code == 0
    assert set(look_up(terminal, "8613800000001").fields[38]) == {second.reference, first.reference}
    wrong = registering(terminal, plain, holder("8613800000002"), m.LOAD, commitment=bytes(32))
    assert terminal.ask(wrong).code == 30
    without_salt = {1: "8613800000002"}
    assert terminal.ask(registering(terminal, plain, without_salt, m.LOAD)).code == 30
    declined = registering(terminal, plain, holder("8613800000003"), m.ACTIVATE)
    assert terminal.ask(declined).code == 12  # it is active: what was not approved is not kept
    for phone in ("8613800000002", "8613800000003"):
        refused(look_up(terminal, phone), 14)
    cards = shop.audit().books.cards
    assert cards[first.reference].owner[1] == cards[second.reference].owner[1] == sha256(encode(fields))


def test_the_newest_come_first(shop):
    terminal, fields = shop.terminal(), holder("8613800000001")
    cards = [shop.new_card() for _ in range(9)]
    for card in cards:
        assert terminal.ask(registering(terminal, card, fields)).code == 0
    assert look_up(terminal, "8613800000001").fields[38] == [card.reference for card in reversed(cards[1:])]


def test_look_ups_are_counted(shop):
    terminal = shop.terminal()
    codes = [look_up(terminal, "8613800000001").code for _ in range(40)]  # while they are asked, some are forgiven
    assert codes[:20] == 20 * [14] and set(codes) == {14, 65}
    assert terminal.echo().code == 0
