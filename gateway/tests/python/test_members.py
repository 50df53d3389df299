"""Joining, bringing members and activities (PROTOCOL.md section 11), and the audit of it all."""

import dataclasses

import pytest

import messages as m
import programmes
from codec import encode
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401
from terminal import Card


@pytest.fixture
def club(shop):
    shop.put(programmes.MEMBERS)
    return shop


def member(shop, terminal, *loads) -> Card:
    card = shop.card(terminal, *loads)
    assert terminal.join(card).code == 0
    return card


def bring(terminal, card, referrer):
    return terminal.join(card, {40: str(referrer.reference)})


def nobody(card):
    return Card(next(r for r in range(card.reference + 1, card.reference + 99) if m.luhn(r)), card.secret)


def test_join(club):
    terminal = club.terminal()
    card = club.card(terminal)
    assert 47 not in terminal.member(card).fields
    joined = terminal.join(card, {41: "campus", 42: 1})
    assert joined.code == 0 and joined.changes() == (0, 0, 10) == joined.balances() and joined.fields[10] == 0
    assert [(line[0], line[1], line[4]) for line in joined.fields[13]] == [("welcome", 16, 10)]
    told = terminal.member(card)
    assert told.fields[47] == joined.fields[5] and told.balances() == (0, 0, 10)
    refused(terminal.join(card), 12)
    other = club.card(terminal)
    assert lost(terminal, terminal.card_request(m.JOIN, other)).changes() == (0, 0, 10)
    audit = club.audit()
    known = audit.members.known[card.reference]
    assert (known.joined, known.channel, known.referrer, known.kind) == (joined.fields[5], "campus", None, 1)


def test_join_registers_the_holder(club):
    terminal = club.terminal()
    card, person = club.card(terminal), {0: "0" * 31 + "7", 1: "8613800138000"}
    commitment = m.sha256(encode(person))
    wrong = terminal.make(m.JOIN, {12: card.reference, 47: bytes(32)}, encode({1: card.secret, 10: person}))
    refused(terminal.ask(wrong), 30)
    joined = terminal.ask(terminal.make(m.JOIN, {12: card.reference, 47: commitment}, encode({1: card.secret, 10: person})))
    assert joined.code == 0
    found = terminal.ask(terminal.make(m.CARD_LOOKUP, {}, encode({10: {1: person[1]}})))
    assert found.fields[38] == [card.reference]
    undone = terminal.reversal(terminal.request_of(joined))
    assert undone.code == 0 and undone.changes() == (0, 0, -10)
    refused(terminal.join(card, {47: bytes(31) + b"\1"}), 57)  # undoing a Join does not undo the registration
    assert terminal.join(card, {47: commitment}).code == 0
    audit = club.audit()
    assert audit.books.cards[card.reference].owner[1] == commitment


def test_bringing_members(club):
    terminal = club.terminal()
    first, stranger = member(club, terminal), club.card(terminal)
    cards = [club.card(terminal) for _ in range(3)]
    for card in cards:
        assert bring(terminal, card, first).changes() == (0, 0, 15)
    assert terminal.balance(first).balances() == (0, 0, 70)  # no more than two in a day
    card = club.card(terminal)
    for code in (str(stranger.reference), str(card.reference), str(nobody(card).reference), "friend", "1" * 32, str(first.reference) + "0"):
        refused(terminal.join(card, {40: code}), 12)
    assert 47 not in terminal.member(card).fields and terminal.balance(card).balances() == (0, 0, 0)
    club.seen[first.reference] = (0, 0, 70)
    audit = club.audit()
    assert [audit.members.known[c.reference].referrer for c in cards] == 3 * [first.reference]


@pytest.mark.parametrize("kind", [m.REVERSAL, m.VOID])
def test_join_undone(club, kind):
    terminal = club.terminal()
    first, card = member(club, terminal), club.card(terminal)
    joined = sold(terminal, bring(terminal, card, first))
    assert terminal.balance(first).balances() == (0, 0, 40)
    undone = terminal.ask(terminal.about(kind, joined, more={25: 1}))
    assert undone.code == 0 and undone.changes() == (0, 0, -15) and undone.balances() == (0, 0, 0)
    assert undone.fields[15] == fate(terminal, joined) == (m.REVERSED if kind == m.REVERSAL else m.VOIDED)
    assert terminal.balance(first).balances() == (0, 0, 10) and 47 not in terminal.member(card).fields
    again = terminal.ask(terminal.about(kind, joined, more={25: 1}))
    assert again.code == (0 if kind == m.REVERSAL else 12)
    assert bring(terminal, card, first).changes() == (0, 0, 15)
    club.seen[first.reference] = (0, 0, 40)
    club.audit()


def test_join_cannot_be_refunded_or_captured(club):
    terminal = club.terminal()
    joined = sold(terminal, terminal.join(club.card(terminal)))
    for kind in (m.REFUND, m.CAPTURE):
        refused(terminal.ask(terminal.about(kind, joined, 1)), 12, m.LIVE)
    club.audit()


def test_activities(club):
    terminal = club.terminal()
    card, other, third = (member(club, terminal) for _ in range(3))
    refused(terminal.award(card, "talk-visit"), 57)  # not invited yet
    enrolled = terminal.award(card, "talk-enrol")
    assert enrolled.code == 0 and enrolled.fields[12] == {} and enrolled.balances() == (0, 0, 10)
    refused(terminal.award(card, "talk-enrol"), 61)
    visit = terminal.award(card, "talk-visit", 3)
    assert visit.changes() == (0, 0, 60) and visit.balances() == (0, 0, 70) and visit.fields[10] == 0
    assert terminal.award(card, "talk-visit").changes() == (0, 0, 20)
    assert terminal.award(other, "talk-enrol").code == 0
    refused(terminal.award(third, "talk-enrol"), 61)  # two may take part
    refused(terminal.award(card, "past"), 12)
    refused(terminal.award(card, "nothing"), 57)
    undone = terminal.reversal(sold(terminal, visit))
    assert undone.code == 0 and undone.changes() == (0, 0, -60) and undone.balances() == (0, 0, 30)
    place = sold(terminal, terminal.award(other, "talk-visit"))
    assert terminal.void(place).changes() == (0, 0, -20)
    assert lost(terminal, terminal.piece_request(m.AWARD, card, "talk-visit", 2)).changes() == (0, 0, 40)
    club.audit()


def test_activity_gives_its_place_back(club):
    terminal = club.terminal()
    card, other, third = (member(club, terminal) for _ in range(3))
    one = sold(terminal, terminal.award(card, "talk-enrol"))
    assert terminal.award(other, "talk-enrol").code == 0
    refused(terminal.award(third, "talk-enrol"), 61)
    assert terminal.reversal(one).code == 0
    assert terminal.award(third, "talk-enrol").code == 0
    refused(terminal.award(card, "talk-enrol"), 61)
    club.audit()


def test_hostile(club):
    terminal, kiosk = club.terminal(), club.ready_terminal(club.algorithm, "kiosk")
    card, stranger = member(club, terminal), club.card(terminal)
    for quantity in (0, -1, 10**6 + 1, "1", [1], None):
        refused(terminal.award(card, "talk-visit", more={49: quantity}), 30)
    for activity in ("", "x" * 25, "a b", "café", 7):
        refused(terminal.award(card, activity), 30)
    refused(terminal.ask(terminal.make(m.AWARD, {12: card.reference}, encode({1: card.secret}))), 30)
    refused(terminal.join(card, {49: 1}), 30)
    refused(terminal.award(card, "talk-enrol", more={20: 5}), 30)
    for wrong in (nobody(card), dataclasses.replace(card, secret="x" * len(card.secret)), dataclasses.replace(card, secret=stranger.secret)):
        refused(terminal.join(wrong), 14)
        refused(terminal.award(wrong, "talk-enrol"), 14)
        assert terminal.member(wrong).code == 14
    sleeping = club.new_card()
    assert terminal.join(sleeping).code == terminal.purchase(sleeping, 100).code != 0
    club.admin("card", "block", "--card", str(stranger.reference), "--reason", "lost")
    refused(terminal.join(stranger), 62)
    refused(terminal.award(stranger, "talk-enrol"), 62)
    joined = club.card(kiosk)
    assert kiosk.join(joined).code == 0 and kiosk.award(joined, "talk-enrol").code == 0
    refused(kiosk.use(joined, "parking"), 58)
    assert terminal.balance(card).balances() == (0, 0, 10)
    club.audit()


def test_joining_by_purchase(shop):
    """A card that is to join by its first purchase has joined with it, and has not when that is undone or refunded in full."""
    shop.put(programmes.BUYING)
    terminal = shop.terminal()
    card = shop.card(terminal, 5000)
    assert terminal.join(card, {41: "web"}).fields[12] == {}
    sale = terminal.purchase(card, 1000)
    assert sale.changes() == (-1000, 0, 20)  # and what it earns
    request = sold(terminal, sale)
    refused(terminal.join(card), 12)
    assert terminal.refund(request, 400).changes()[0] == 400
    last = terminal.refund(request, 600)
    assert last.code == 0 and terminal.balance(card).balances() == (5000, 0, 0)
    again = terminal.purchase(card, 200)
    assert again.changes() == (-200, 0, 12)
    assert terminal.reversal(sold(terminal, again)).changes() == (200, 0, -12)
    assert terminal.purchase(card, 300).changes() == (-300, 0, 13)
    audit = shop.audit()
    assert audit.members.known[card.reference].joined == again.fields[5]


def test_joining_by_spending(shop):
    shop.put(programmes.JOINING)
    terminal = shop.terminal()
    card = shop.card(terminal, 5000)
    joined = terminal.join(card, {42: 2})
    assert joined.fields[12] == {}
    assert terminal.purchase(card, 1500).changes() == (-1500, 0, 15)
    assert terminal.purchase(card, 500).changes() == (-500, 0, 15)
    assert terminal.purchase(card, 100).changes() == (-100, 0, 1)
    undone = terminal.reversal(sold(terminal, joined))
    assert undone.code == 0
    shop.audit()


def test_what_a_member_has_had_goes_along(club):
    """A card that takes another's place is the same member, for whom the same counts."""
    terminal = club.terminal()
    card, other = member(club, terminal), member(club, terminal)
    enrolled = sold(terminal, terminal.award(card, "talk-enrol"))
    visit = sold(terminal, terminal.award(card, "talk-visit", 2))
    fresh = club.new_card()
    club.admin("card", "replace", "--card", str(card.reference), "--by", str(fresh.reference), "--reason", "lost")
    refused(terminal.join(fresh), 12)
    refused(terminal.award(fresh, "talk-enrol"), 61)
    assert terminal.award(fresh, "talk-visit").changes() == (0, 0, 20)
    undone = terminal.reversal(visit)
    assert undone.code == 0 and undone.fields[8] == fresh.reference and undone.changes() == (0, 0, -40)
    assert terminal.void(enrolled).code == 0
    assert terminal.award(fresh, "talk-enrol").code == 0 == terminal.award(other, "talk-enrol").code
    club.seen.pop(card.reference)
    club.audit()


def test_points_are_adjusted(club):
    """Two people give points, or take them back, into debt where they are gone."""
    terminal = club.terminal()
    card = member(club, terminal)
    club.people()
    for points in (50, -100):
        club.both("card", "adjust", "--card", str(card.reference), f"--points={points}", "--reason", "talk")
    assert terminal.balance(card).balances() == (0, 0, 0)
    assert terminal.award(card, "talk-enrol").balances() == (0, 0, 0)
    assert terminal.award(card, "talk-visit", 3).balances() == (0, 0, 20)  # after what was owed
    audit = club.audit()
    assert not any(audit.books.cards[card.reference].debts.values())


def test_totals(club):
    """Joining and awards count in their shift, with amount 0."""
    terminal = club.terminal()
    cards = [club.card(terminal) for _ in range(3)]
    joined = [terminal.join(card, {9: 4}) for card in cards]
    assert terminal.award(cards[0], "talk-enrol", more={9: 4}).code == 0
    assert terminal.reversal(sold(terminal, joined[1]), 1).code == 0
    assert [kind for _, kind, code, *_ in terminal.whole_shift(4)[1] if code == 0] == [m.JOIN] * 3 + [m.AWARD]
    answer = terminal.reconciliation(4, [[m.JOIN, 2, 0], [m.AWARD, 1, 0]])
    assert answer.code == 0
    refused(terminal.join(cards[1], {9: 4}), 12)
    refused(terminal.void(sold(terminal, joined[0])), 12, m.LIVE)
    club.audit()


def test_without_membership(shop):
    """The programme says who may join, and what is awarded; otherwise 57."""
    terminal = shop.terminal()
    card = shop.card(terminal, 1000)
    for answer in (terminal.join(card), terminal.award(card, "x"), terminal.redeem(card, "x"), terminal.use(card, "x")):
        refused(answer, 57)
    told = terminal.member(card)
    assert told.code == 0 and told.balances() == (1000, 0, 0) and (told.fields[43], told.fields[44], told.fields[46]) == ([], [], False)
    assert terminal.catalogue().fields[45] == [] and terminal.whole_catalogue() == ([], 1)
    shop.audit()
