"""Redemption, entitlements, the catalogue and what a member has (PROTOCOL.md section 11), and the audit of it all."""

import dataclasses

import pytest

import messages as m
import programmes
from codec import encode
from test_members import nobody
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401


@pytest.fixture
def store(shop):
    shop.put(programmes.REDEEMING)
    return shop


def earner(shop, terminal, points, product="standard", pin=None):
    """A card with so many points."""
    card = shop.card(terminal, product=product)
    assert not pin or terminal.change_pin(card, pin).code == 0
    if points:
        assert terminal.load(card, points * 100).code == 0
        assert terminal.purchase(card, points * 100, pin=pin).code == 0
    return card


def pieces(terminal):
    return {item: left for item, _, _, _, left in terminal.whole_catalogue()[0]}


def test_catalogue(store):
    terminal = store.terminal()
    items, pages = terminal.whole_catalogue()
    assert items == [["cash", "Money", 16, 40, None], ["mug", "Mug", 16, 50, 3]] and pages == 1
    assert terminal.catalogue("cash").fields[45] == items[1:] and terminal.catalogue("mug").fields[45] == []
    assert terminal.catalogue("Z").fields[45] == items  # bytewise
    refused(terminal.catalogue("x" * 25), 30)
    refused(terminal.catalogue(""), 30)
    store.audit()


def test_a_long_catalogue(shop):
    names = [f"item-{n:02}" for n in range(30)]
    shop.put(programmes.REDEEMING + "".join(programmes.item(name, f"Name of {name}", points=n + 1) for n, name in enumerate(names)))
    terminal = shop.terminal()
    items, pages = terminal.whole_catalogue()
    assert [item[0] for item in items] == ["cash", *names, "mug"] and pages == 3
    shop.audit()


def test_redeem(store):
    terminal = store.terminal()
    card = earner(store, terminal, 200)
    mug = terminal.redeem(card, "mug")
    assert mug.code == 0 and mug.changes() == (0, 0, -50) and mug.balances()[2] == 150 and mug.fields[10] == 0
    assert pieces(terminal) == {"cash": None, "mug": 2}
    refused(terminal.redeem(card, "mug", 2), 61)  # its member has had one of two
    money = terminal.redeem(card, "cash", 2)
    assert money.changes() == (0, 800, -80) and money.balances()[2] == 70
    assert lost(terminal, terminal.piece_request(m.REDEEM, card, "mug")).changes() == (0, 0, -50)
    refused(terminal.redeem(card, "cash"), 51)
    refused(terminal.redeem(card, "past"), 12)
    refused(terminal.redeem(card, "nothing"), 57)
    other = earner(store, terminal, 200)
    refused(terminal.redeem(other, "mug", 2), 61)  # one piece is left
    assert terminal.redeem(other, "mug").code == 0 and pieces(terminal)["mug"] == 0
    refused(terminal.redeem(earner(store, terminal, 200), "mug"), 61)
    store.audit()


def test_race_for_the_last_piece(store):
    """Many ask at once: no more is given than there is."""
    terminals = [store.terminal() for _ in range(4)]
    cards = [earner(store, terminal, 200) for terminal in terminals]
    for _ in range(2):
        asked = [terminal.piece_request(m.REDEEM, card, "mug") for terminal, card in zip(terminals, cards)]
        sent = [terminal.send(request) for terminal, request in zip(terminals, asked)]
        got = [terminal.receive(number, request) for terminal, number, request in zip(terminals, sent, asked)]
        assert sorted(answer.code for answer in got) == [0, 0, 0, 61] and pieces(terminals[0])["mug"] == 0
        given = [(terminal, request) for terminal, request, answer in zip(terminals, asked, got) if answer.code == 0]
        assert all(terminal.reversal(request).changes() == (0, 0, 50) for terminal, request in given)
    store.audit()


@pytest.mark.parametrize("kind", [m.REVERSAL, m.VOID])
def test_redemption_undone(store, kind):
    terminal = store.terminal()
    card = earner(store, terminal, 200)
    mug, money = sold(terminal, terminal.redeem(card, "mug", 2)), sold(terminal, terminal.redeem(card, "cash"))
    undone = terminal.ask(terminal.about(kind, mug, more={25: 1}))
    assert undone.code == 0 and undone.changes() == (0, 0, 100) and undone.balances()[2] == 160
    assert pieces(terminal)["mug"] == 3 and fate(terminal, mug) == undone.fields[15]
    assert terminal.redeem(card, "mug", 2).code == 0
    back = terminal.ask(terminal.about(kind, money, more={25: 1}))
    assert back.code == 0 and back.changes() == (0, -400, 40)
    spent = sold(terminal, terminal.redeem(card, "cash", 2))
    assert terminal.purchase(card, terminal.balance(card).balances()[1]).code == 0
    refused(terminal.ask(terminal.about(kind, spent, more={25: 1})), 51, m.LIVE)  # the money that it gave is spent
    for other in (m.REFUND, m.CAPTURE):
        refused(terminal.ask(terminal.about(other, spent, 1)), 12, m.LIVE)
    store.audit()


def test_redemption_with_a_pin(store):
    terminal = store.terminal()
    card = earner(store, terminal, 100, "locked", "1234")
    refused(terminal.redeem(card, "mug"), 70)
    wrong = terminal.redeem(card, "mug", pin="4321")
    assert (wrong.code, wrong.fields[37]) == (55, 2)
    assert terminal.redeem(card, "mug", pin="1234").changes() == (0, 0, -50)
    assert lost(terminal, terminal.piece_request(m.REDEEM, card, "mug", pin="1234")).code == 0
    store.audit()


def test_entitlement(store):
    terminal, kiosk = store.terminal(), store.ready_terminal(store.algorithm, "kiosk")
    card = store.card(terminal)
    assert terminal.member(card).fields[44] == [["parking", "Parking", 2]]
    used = terminal.use(card, "parking")
    assert used.code == 0 and used.fields[12] == {} and used.fields[40] == 1 and used.fields[10] == 0
    refused(terminal.use(card, "parking", 2), 61)
    assert lost(terminal, terminal.piece_request(m.USE_ENTITLEMENT, card, "parking")).fields[40] == 0
    refused(terminal.use(card, "parking"), 61)
    refused(terminal.use(card, "lounge"), 57)
    refused(kiosk.use(card, "parking"), 58)
    assert terminal.member(card).fields[44] == [["parking", "Parking", 0]]
    undone = terminal.reversal(sold(terminal, used))
    assert undone.code == 0 and undone.fields[12] == {} and terminal.member(card).fields[44][0][2] == 1
    again = sold(terminal, terminal.use(card, "parking", 1))
    for kind in (m.REFUND, m.CAPTURE):
        refused(terminal.ask(terminal.about(kind, again, 1)), 12, m.LIVE)
    assert terminal.void(again).code == 0 and terminal.member(card).fields[44][0][2] == 1
    assert terminal.use(store.card(terminal), "parking", 2).fields[40] == 0  # another member's
    store.audit()


def test_hostile(store):
    terminal, kiosk = store.terminal(), store.ready_terminal(store.algorithm, "kiosk")
    card, stranger = earner(store, terminal, 100), earner(store, terminal, 100)
    for quantity in (0, -1, 10**6 + 1, "1", [1], None):
        refused(terminal.redeem(card, "mug", more={49: quantity}), 30)
        refused(terminal.use(card, "parking", more={49: quantity}), 30)
    terminal.ready()  # after 16 such answers a connection is closed
    for what in ("", "x" * 25, "a b", "茶", 7):
        refused(terminal.redeem(card, what), 30)
        refused(terminal.use(card, what), 30)
    terminal.ready()
    refused(terminal.redeem(card, "mug", more={20: 5}), 30)
    refused(terminal.redeem(card, "mug", more={51: "parking"}), 30)
    refused(terminal.ask(terminal.piece_request(m.USE_ENTITLEMENT, card, "parking", pin="1234")), 30)  # its sidecar has no PIN
    refused(terminal.redeem(card, "cash", 10**6), 51)
    refused(terminal.redeem(card, "mug", 10**6), 51)
    for wrong in (nobody(card), dataclasses.replace(card, secret=stranger.secret), dataclasses.replace(card, secret="0" * len(card.secret))):
        for answer in (terminal.redeem(wrong, "mug"), terminal.use(wrong, "parking"), terminal.member(wrong)):
            assert answer.code == 14, answer.fields
    bare = terminal.make(m.REDEEM, {12: card.reference, 50: "mug"})
    refused(terminal.ask(bare), 14)
    assert kiosk.redeem(card, "mug").code == 0
    store.admin("card", "block", "--card", str(stranger.reference), "--reason", "lost")
    refused(terminal.redeem(stranger, "mug"), 62)
    refused(terminal.use(stranger, "parking"), 62)
    assert pieces(terminal)["mug"] == 2 and terminal.balance(card).balances()[2] == 50
    store.audit()


def test_what_comes(shop):
    """Every lot of points by the time at which it expires."""
    shop.put(programmes.REDEEMING + programmes.table("expiry", points_months=12))
    terminal = shop.terminal()
    card = earner(shop, terminal, 30)
    assert terminal.load(card, 5000).code == 0 and terminal.purchase(card, 2000).code == 0
    coming, pages = terminal.all_coming(card)
    assert pages == 1 and sum(amount for _, kind, amount, what in coming if (kind, what) == (16, 1)) == 50
    assert terminal.member(card, coming[-1][0]).fields[43] == []
    refused(terminal.ask(terminal.card_request(m.MEMBER_INQUIRY, card, more={52: -1})), 30)
    refused(terminal.ask(terminal.card_request(m.MEMBER_INQUIRY, card, more={52: 1 << 40})), 30)
    refused(terminal.ask(terminal.make(m.MEMBER_INQUIRY, {12: card.reference}, encode({1: card.secret}), nonce=bytes(16))), 63)
    shop.audit()


def test_exchange_and_tiers(shop):
    """Points of one kind for those of another; what is for a tier alone, or for those who have enough."""
    shop.put(programmes.EXCHANGING)
    terminal = shop.terminal()
    card = shop.card(terminal, 30000)  # gives 30 courtesy points
    swap = terminal.redeem(card, "exchange", 3)
    assert swap.fields[12] == {16: 30, 17: -3} and swap.fields[11][17] == 27
    refused(terminal.redeem(card, "exchange", 28), 51)
    refused(terminal.redeem(card, "golden"), 57)
    refused(terminal.use(card, "lounge"), 57)
    refused(terminal.redeem(card, "rich"), 51)
    request = sold(terminal, swap)
    assert terminal.redeem(card, "exchange").fields[12] == {16: 10, 17: -1}
    undone = terminal.reversal(request)
    assert undone.fields[12] == {16: -30, 17: 3} and undone.fields[11][16] == 10 and undone.fields[11][17] == 29
    assert terminal.purchase(card, 6000).fields[41][0] == "gold"
    assert terminal.redeem(card, "golden").changes() == (0, 0, -10)
    assert terminal.use(card, "lounge", 2).fields[40] == 1
    assert terminal.member(card).fields[44] == [["lounge", "Lounge", 1]]
    assert terminal.purchase(card, 15000).fields[41][0] == "supreme"
    free = terminal.use(card, "lounge", 5)
    assert free.code == 0 and 40 not in free.fields and terminal.member(card).fields[44] == [["lounge", "Lounge", None]]
    assert [line[0] for line in terminal.whole_catalogue()[0]] == ["exchange", "golden", "rich"]
    shop.seen.clear()  # what a tier gives comes behind its answer
    shop.audit()


def test_a_swap_whose_points_are_gone(shop):
    """Undone, what it gave and is gone is owed; but points that are pending go first."""
    shop.put(programmes.EXCHANGING)
    terminal = shop.terminal()
    for product, points, back, debts in (("other", 170, {17: 1}, {16: 10}), ("standard", 110, {17: 1, 48: -10}, {})):
        card = shop.card(terminal, 30000, product=product)
        assert terminal.purchase(card, 6000).fields[41][0] == "gold"
        swap = sold(terminal, terminal.redeem(card, "exchange"))
        assert terminal.redeem(card, "golden", points // 10).balances()[2] == 0
        undone = terminal.reversal(swap)
        assert undone.code == 0 and undone.fields[12] == back and undone.fields[11][16] == 0
        shop.seen.clear()
        assert shop.audit().books.cards[card.reference].debts == debts


def test_totals(store):
    terminal = store.terminal()
    card = earner(store, terminal, 200)
    assert terminal.redeem(card, "mug", more={9: 6}).code == 0 == terminal.use(card, "parking", more={9: 6}).code
    gone = sold(terminal, terminal.redeem(card, "cash", more={9: 6}))
    assert terminal.void(gone).code == 0
    assert terminal.reconciliation(6, [[m.REDEEM, 1, 0], [m.USE_ENTITLEMENT, 1, 0]]).code == 0
    store.audit()
