"""What a gateway itself could falsify: real journals whose entries say something else, with states and seals made anew."""

import pytest

import messages as m
import programmes
from auditor import Audit
from forger import forged
from test_members import bring, member
from test_payments import sold
from test_redeeming import earner
from test_services import shop  # noqa: F401


def exported(shop):
    path = shop.folder / "journal"
    shop.admin("journal", "export", "--out", str(path))
    return path.read_bytes()


def once(kind, change):
    """Changes the effects of the last entry that a message of this kind caused."""
    def of(data):
        last = []
        forged(data, lambda index, asked, effects: last.append(index) or effects if asked and asked[1] == kind else effects)
        return lambda index, asked, effects: change(effects) if index == last[-1] else effects
    return of


def each(number, change):
    """Changes every effect of this number; one that becomes None is left out."""
    return lambda effects: [new for e in effects if (new := change(e) if e[0] == number else e) is not None]


def more(effect):
    return [*effect[:-1], effect[-1] + 1]


def owing(effects):
    """A debt that the postings say is of ordinary points is of another kind."""
    return [[*e[:2], 17, e[3]] if e[0] == 2 else e for e in effects]


def falsified(data, changes):
    assert Audit(forged(data, lambda index, asked, effects: effects)).faults == []
    for name, (fault, change) in changes.items():
        faults = Audit(forged(data, change(data))).faults
        assert any(fault in text for text in faults), (name, faults)
    for at in range(11, len(data), len(data) // 16):
        assert Audit(data[:at] + bytes([data[at] ^ 64]) + data[at + 1:], to_first_fault=True).faults, f"flipped byte {at}"


def test_members(shop):
    shop.put(programmes.MEMBERS)
    terminal = shop.terminal()
    first = member(shop, terminal)
    card = shop.card(terminal)
    assert bring(terminal, card, first).code == 0 == terminal.award(card, "talk-enrol").code
    gone = sold(terminal, terminal.award(card, "talk-visit", 3))
    assert terminal.reversal(gone).code == 0
    falsified(exported(shop), {
        "counter of an undone award": ("undone, but", once(m.REVERSAL, each(25, more))),
        "uncounted undoing": ("undone, but", once(m.REVERSAL, each(25, lambda e: None))),
        "counter of the award itself": ("undone, but", once(m.AWARD, each(25, more))),
        "another day": ("counts in period", once(m.AWARD, each(25, lambda e: [*e[:3], 20200101, e[4]]))),
        "no day": ("has period", once(m.AWARD, each(25, lambda e: [*e[:3], 20201301, e[4]]))),
        "referrer": ("as was asked", once(m.JOIN, each(24, lambda e: [*e[:4], None, *e[5:]]))),
        "day of joining": ("changes without a reason", once(m.JOIN, each(24, lambda e: [*e[:2], e[2] - 1, *e[3:]]))),
        "not joined": ("no new member", once(m.JOIN, each(24, lambda e: None))),
    })


def test_redemption_and_entitlements(shop):
    shop.put(programmes.REDEEMING)
    terminal = shop.terminal()
    card = earner(shop, terminal, 200)
    mug = sold(terminal, terminal.redeem(card, "mug", 2))
    assert terminal.void(mug).code == 0 == terminal.redeem(card, "mug").code == terminal.use(card, "parking").code
    falsified(exported(shop), {
        "pieces that came back": ("undone, but", once(m.VOID, each(25, more))),
        "uses": ("not counted", once(m.USE_ENTITLEMENT, each(25, more))),
        "points that it took": ("sums to", once(m.REDEEM, lambda effects: [[*e[:3], e[3] + 1, *e[4:]] if e[0] == 1 and e[1] == card.reference else e for e in effects])),
        "state of what is undone": ("is not set", once(m.VOID, each(4, lambda e: None))),
    })


def test_debt(shop):
    """Points of a sale that are gone are owed, in their own kind."""
    shop.put(programmes.REDEEMING)
    terminal = shop.terminal()
    card = shop.card(terminal, 6000)
    sale = sold(terminal, terminal.purchase(card, 6000))
    assert terminal.redeem(card, "mug").code == 0 == terminal.reversal(sale).code
    data = exported(shop)
    assert Audit(data).books.cards[card.reference].debts == {16: 50}
    falsified(data, {
        "kind": ("receivable", once(m.REVERSAL, owing)),
        "amount": ("receivable", once(m.REVERSAL, each(2, more))),
        "left out": ("receivable", once(m.REVERSAL, each(2, lambda e: None))),
        "owed and given": ("the other way", once(m.REVERSAL, lambda effects: [
            *effects, [2, card.reference, 17, 1], [1, "receivable:points", 17, -1], [1, "points-expense", 17, 1]])),
        "more comes back": ("the other way", once(m.REVERSAL, lambda effects: [
            *effects, *([1, *e[1:3], 1, *e[4:]] for e in effects if e[:3] == [1, card.reference, 1]), [1, "redemption:S001", 0, -1]])),
    })


def test_tiers(shop):
    shop.put(programmes.TIERS)
    terminal = shop.terminal()
    card = shop.card(terminal, 50000)
    assert terminal.purchase(card, 6000).fields[41][0] == "gold" and terminal.purchase(card, 100).code == 0
    data = exported(shop)

    def tier(change):
        return lambda data: lambda index, asked, effects: change(effects) if any(e[0] == 24 for e in effects) else effects
    falsified(data, {
        "another tier": ("an answer told tier gold", tier(each(24, lambda e: [*e[:6], "supreme", *e[7:]]))),
        "longer": ("an answer told tier gold", tier(each(24, more))),
        "not set": ("was not set", tier(each(24, lambda e: None))),
        "another's": ("about something else", tier(each(25, lambda e: [e[0], card.reference + 1, *e[2:]]))),
    })
