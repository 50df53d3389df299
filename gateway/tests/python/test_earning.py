"""Point currencies, pending points and tiers (PROTOCOL.md sections 6 and 11), and the audit of it all."""

import pytest

import messages as m
import programmes
from test_payments import fate, refused, sold
from test_services import lost, shop  # noqa: F401

COURTESY, PENDING = 17, 48


def told(answer, *kinds):
    return tuple(answer.fields[11].get(kind, 0) for kind in kinds)


@pytest.fixture
def later(shop):
    shop.put(programmes.RELEASING)
    return shop


@pytest.fixture
def tiered(shop):
    shop.put(programmes.TIERS)
    return shop


# ---- currencies and pending points ----

def test_courtesy_points(later):
    terminal = later.terminal()
    card = later.card(terminal)
    quote = terminal.load_quote(card, 3500)
    assert quote.fields[12] == {1: 3500, COURTESY: 3}
    load = terminal.load(card, 3500)
    assert load.fields[12] == quote.fields[12] and told(load, 1, 16, COURTESY) == (3500, 0, 3)
    assert [line[:2] for line in load.fields[13]] == [["load-points", COURTESY]]
    undone = terminal.reversal(sold(terminal, load))
    assert undone.fields[12] == {1: -3500, COURTESY: -3}
    assert lost(terminal, terminal.card_request(m.LOAD, card, 2000)).fields[12] == {1: 2000, COURTESY: 2}
    later.audit()


def test_pending_points(later):
    terminal = later.terminal()
    card = later.card(terminal, 5000)
    quote = terminal.purchase_quote(card, 1200)
    sale = terminal.purchase(card, 1200)
    assert sale.fields[12] == quote.fields[12] == {1: -1200, PENDING: 12}
    assert told(sale, 16, PENDING) == (0, 12) == told(terminal.balance(card), 16, PENDING)
    line = sale.fields[13][0]
    assert line[0] == "later" and line[5] & 8  # pending
    coming = terminal.member(card).fields[43]
    assert [(kind, amount, what) for _, kind, amount, what in coming if kind in (16, PENDING)] == [(PENDING, 12, 2)]
    assert coming[0][0] - sale.fields[4] <= 9 * 86400
    back = terminal.refund(sold(terminal, sale), 500)
    assert back.fields[12] == {1: 500, PENDING: -5} and told(back, 16, PENDING) == (0, 7)
    other = sold(terminal, terminal.purchase(card, 300))
    assert terminal.reversal(other).fields[12] == {1: 300, PENDING: -3}
    assert lost(terminal, terminal.card_request(m.PURCHASE, card, 100)).fields[12] == {1: -100, PENDING: 1}
    later.audit()


def test_pending_points_go_first(later):
    """What a refund takes back goes from the pending points, others are left."""
    terminal = later.terminal()
    card = later.card(terminal, 5000, product="other")
    sale = terminal.purchase(card, 1000)
    assert sale.fields[12] == {1: -1000, 16: 10}
    assert terminal.refund(sold(terminal, sale), 400).fields[12] == {1: 400, 16: -4}
    later.audit()


def test_explanations(shop):
    """Each rule that gave something has its line: base, rate, result and what was rounded."""
    shop.put(programmes.MULTIPLYING)
    terminal = shop.terminal()
    card = shop.card(terminal)
    load = terminal.load(card, 12345)
    lines = {line[0]: line[1:] for line in load.fields[13]}
    assert lines["share"] == [2, 12345, "5%", 617, 1] and lines["load-steps"][3] == 1000
    assert load.changes() == (12345, 1617, 0)
    goods = [["green", "tea", None, 5000, 500, 0], ["milk", "drink", None, 1000, 250, 0]]
    quote, sale = terminal.purchase_quote(card, 750), terminal.purchase(card, 750, {22: goods})
    lines = {line[0]: line[1:] for line in sale.fields[13]}
    assert lines["spend-points"] == [16, 750, "1/1.00", 7, 1] and lines["tea"][3] == 10 and lines["double"][2:4] == ["x2", 17]
    assert sale.changes() == (-750, 0, 34) and quote.changes() == (-750, 0, 14)
    assert sum(line[4] for line in sale.fields[13]) == 34
    half = terminal.refund(sold(terminal, sale), 250, {22: [goods[1]]})
    assert half.code == 0
    shop.audit()


def up(all, part, whole):
    return -(-all * part // whole)


def test_what_is_taken_back(shop):
    """Each line of a refund, worked out by hand from what the sale's answer said, and the lines of undoing either."""
    shop.put(programmes.MULTIPLYING)
    terminal = shop.terminal()
    card = shop.card(terminal)
    load = terminal.load(card, 12345)
    gave = [line[4] for line in load.fields[13] if line[1] == 2]
    out = terminal.refund(sold(terminal, load), 3000)
    bonus = up(sum(gave), 3000, 12345)
    assert [line[1:] for line in out.fields[13]] == [[2, sum(gave), "3000/12345", -bonus, 17]] and out.changes()[1] == -bonus
    back = terminal.void(sold(terminal, out))
    assert [line[1:] for line in back.fields[13]] == [[2, bonus, "1/1", bonus, 16]]
    sale = terminal.purchase(card, 750, {22: [["green", "tea", None, 5000, 500, 0], ["milk", "drink", None, 1000, 250, 0]]})
    gave, before = sale.fields[13], 0
    points = sum(line[4] for line in gave)
    assert len(gave) > 1 and points == sale.changes()[2]
    for part in (100, 1, 249, 400):
        answer = terminal.refund(sold(terminal, sale), part)
        taken = up(points, before + part, 750) - up(points, before, 750)
        rounded = points * part % 750 != 0
        names = " + ".join(line[0] for line in gave)
        want = [[names if len(names) <= 32 else f"{len(gave)} rules", 16, points, f"{part}/750", -taken, 16 + rounded]]
        assert answer.fields[13] == (want if taken else []) and answer.changes()[2] == -taken
        before += part
    for undo in (terminal.reversal, terminal.void, lambda request: terminal.refund(request, 750)):
        sale = terminal.purchase(card, 750)
        answer = undo(sold(terminal, sale))
        rate = "750/750" if answer.fields[1] == m.REFUND else "1/1"
        assert answer.fields[13] == [[rule, kind, result, rate, -result, 16] for rule, kind, _, _, result, _ in sale.fields[13]]
    assert 13 not in terminal.reversal(sold(terminal, sale)).fields
    shop.audit()


def test_what_is_carried(shop):
    """What is left over counts with the next purchase; a first load is first once; a member gets no more than the most."""
    shop.put(programmes.CARRYING)
    terminal = shop.terminal()
    card = shop.card(terminal)
    first = terminal.load(card, 10000)
    assert first.fields[12] == {1: 10000, 2: 300, COURTESY: 10}
    load = sold(terminal, first)
    other = terminal.load(card, 5000)
    assert other.fields[12] == {1: 5000, COURTESY: 5}
    one, two = terminal.purchase(card, 900), terminal.purchase(card, 900)
    assert (one.changes()[2], two.changes()[2]) == (0, 3)
    assert terminal.reversal(sold(terminal, one)).code == 0 == terminal.refund(sold(terminal, two), 450).code
    assert terminal.purchase(card, 4000).changes()[2] <= 9 and terminal.purchase(card, 4000).code == 0
    assert terminal.unload(card, 3000).code == 0 == terminal.refund(load, 1000).code
    assert terminal.reversal(sold(terminal, terminal.purchase(card, 1000))).code == 0
    shop.audit()


# ---- tiers ----

def test_tier(tiered):
    terminal = tiered.terminal()
    card = tiered.card(terminal, 50000)
    first = terminal.member(card)
    assert first.fields.get(41, ["regular"])[0] == "regular"
    assert ["gold", 1, 0, 5000] in [[p[0], p[2], p[3], p[4]] for p in first.fields[42]]
    assert 41 not in terminal.purchase(card, 1000).fields
    gold = terminal.purchase(card, 4000)
    assert gold.fields[41][:2] == ["gold", "Gold"] and gold.fields[41][2] > gold.fields[4]
    assert gold.fields[12] == {1: -4000, 16: 40} and told(gold, 16) == (50,)  # what the tier gives comes behind it
    member = terminal.member(card)
    assert told(member, 16) == (150,)
    assert member.fields[41] == gold.fields[41] and ["supreme", 1, 5000, 20000] in [[p[0], *p[2:]] for p in member.fields[42]]
    undone = terminal.reversal(sold(terminal, gold))
    assert undone.fields[12] == {1: 4000, 16: -140} and undone.fields[41][0] == "regular"
    assert told(terminal.balance(card), 16) == (10,)
    again = lost(terminal, terminal.card_request(m.PURCHASE, card, 4000))
    assert again.fields[41][0] == "gold" and told(terminal.balance(card), 16) == (150,)
    audit = tiered.audit()
    assert audit.members.known[card.reference].tier == "gold"


def test_refund_takes_a_tier_back(tiered):
    terminal = tiered.terminal()
    card = tiered.card(terminal, 50000)
    sale = terminal.purchase(card, 6000)
    assert sale.fields[41][0] == "gold"
    request = sold(terminal, sale)
    assert 41 not in terminal.refund(request, 500).fields
    back = terminal.refund(request, 1000)
    assert back.code == 0 and back.fields[41][0] == "regular", back.fields
    assert fate(terminal, request) == m.REFUNDED_IN_PART and told(terminal.balance(card), 16) == (45,)
    tiered.audit()


def test_a_capture_reaches_a_tier(tiered):
    terminal = tiered.terminal()
    card = tiered.card(terminal, 50000)
    hold = sold(terminal, terminal.authorize(card, 9000))
    captured = terminal.capture(hold, 6000)
    assert captured.fields[41][0] == "gold"
    assert terminal.reversal(sold(terminal, captured)).fields[41][0] == "regular"
    assert told(terminal.balance(card), 16) == (0,)
    tiered.audit()


def test_another_route(tiered):
    """A route is done when all its measures are."""
    terminal = tiered.terminal()
    card = tiered.card(terminal, 95000)
    for _ in range(2):
        assert 41 not in terminal.purchase(card, 100).fields
    assert terminal.purchase(card, 100).fields[41][0] == "gold" and told(terminal.balance(card), 16) == (103,)
    tiered.audit()


def test_prices_without_prices(shop):
    """A programme without prices takes nothing off, whatever the flag says."""
    shop.put(programmes.HEAD + programmes.product())
    terminal = shop.terminal()
    card = shop.card(terminal, 5000)
    for more in ({13: m.PRICES}, {13: m.PRICES, 22: [["tea", "drink", None, 1, 300, 0]]}):
        quote, sale = terminal.purchase_quote(card, 300, more), terminal.purchase(card, 300, more)
        assert quote.code == sale.code == 0 and 39 not in quote.fields and 39 not in sale.fields and sale.fields[10] == 300
    refused(terminal.purchase_quote(card, 300, {22: [["tea", "drink", None, 1, 299, 0]]}), 30)
    refused(terminal.purchase_quote(card, 300, {21: [[1, 300]]}), 30)
    shop.audit()
