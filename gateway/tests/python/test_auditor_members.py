"""The auditor on journals built here: points debts, pending points, members, counters and versions of the programme."""

import pytest

import messages as m
from books import RECEIVABLE
from points import RELEASE
from test_auditor import CARD, OTHER, OWNER, PROOF, Site

COURTESY, PENDING = 17, 48
TODAY, MONTH, YEAR = 20260101, 20260100, 20260000


@pytest.fixture
def site():
    return Site()


def member(card=CARD, joined=TODAY, channel=None, referrer=None, kind=1, tier=None, since=0, until=None):
    return [24, card, joined, channel, referrer, kind, tier, since, until]


def counted(counter, change, period=0, card=CARD):
    return [25, card, counter, period, change]


class Club:
    """Entries about the card as a member's."""

    def __init__(self, site):
        self.site = site

    def join(self, *effects, asked=None, told=None, code=0):
        self.joined = self.site.journal.index + 1
        self.site.request(m.JOIN, list(effects) or [member()], {12: CARD} | (asked or {}), told, code=code)

    def use(self, *effects, quantity=1, told=None):
        self.used = self.site.journal.index + 1
        self.site.request(m.USE_ENTITLEMENT, list(effects), {12: CARD, 51: "parking", 49: quantity}, {40: 1} | (told or {}))

    def award(self, *effects, told=None):
        self.awarded = self.site.journal.index + 1
        self.site.request(m.AWARD, list(effects), {12: CARD, 48: "talk"}, told)

    def undo(self, index, *effects, kind=m.REVERSAL):
        state = m.REVERSED if kind == m.REVERSAL else m.VOIDED
        self.site.undo(index, [*effects, [4, index, state, 0, 0, []]], {10: 0}, kind)

    def sale(self, *effects, amount=1000, told=None):
        self.sold = self.site.journal.index + 1
        self.site.request(m.PURCHASE, [*self.site.paid(amount), *effects], {12: CARD, 20: amount}, told)

    def refund(self, amount, *effects, done=0, index=None):
        here, index = self.site.journal.index + 1, index or self.sold
        state = m.REFUNDED if done + amount == 1000 else m.REFUNDED_IN_PART
        self.site.request(m.REFUND, [*self.site.paid(-amount), [4, index, state, done + amount, here, []], *effects],
                          {20: amount, 23: self.site.original(index)}, {15: state})

    def tier(self, *effects, key=None):
        self.site.journal.system("tier", key or f"{CARD}/{self.site.journal.index + 1}", list(effects))

    def gold(self, told=("gold", "Gold", 9), key=None, **changes):
        """A sale whose answer tells a tier, and the tier that is set."""
        self.sale(told={41: list(told)} if told else None)
        self.tier(member(joined=None, kind=0, **{"tier": "gold", "since": TODAY, "until": 9} | changes), key=key)

    def birthday(self, *effects, key=f"{CARD}/2026"):
        books = self.site.journal.books.cards[CARD]
        gift = [[1, "points-expense", 16, -5], [1, CARD, 16, 5, books.next_lot, None, self.site.journal.index + 1]]
        self.site.journal.system("birthday", key, [*gift, *(effects or [counted("birthday", 1, YEAR)])])

    def looked(self, change=20251231, key="20251231", more=()):
        self.site.journal.system("birthdays", key, [counted("birthdays", change, card=None), *more])

    # ---- pending points ----

    def earn(self, points=20, kind=PENDING, ends=None):
        """A sale whose points are pending until `ends`."""
        self.ends = ends or self.site.journal.now + 60
        self.lot = self.site.journal.books.cards[CARD].next_lot
        self.earned = self.site.journal.index + 1
        self.sale([1, CARD, kind, points, self.lot, self.ends, self.earned], [1, "points-expense", kind - 32, -points])

    def legs(self, points=20, kind=PENDING, arrived=None, into=None):
        into = kind - 32 if into is None else into
        arrived = points if arrived is None else arrived
        return [[1, CARD, kind, -points, self.lot, self.ends, self.earned], [1, RELEASE, kind - 32, points],
                [1, CARD, into, arrived, self.lot + 1, None, self.site.journal.index + 1], [1, RELEASE, into, -arrived]]

    def due(self, effects, later=60):
        self.site.journal.now += later
        version = self.site.journal.books.cards[CARD].version
        self.site.journal.system("expiry", f"{CARD}/{version}", effects)


@pytest.fixture
def club(site):
    return Club(site)


def test_good_debts(club):
    """Debts are of their own currencies; one at zero is gone from the hash."""
    site, expense = club.site, "points-expense"
    for kind, change in ((16, 5), (COURTESY, 7), (16, -5), (COURTESY, -3)):
        site.act("x", [[2, CARD, kind, change], [1, RECEIVABLE, kind, -change], [1, expense, kind, change]])
    assert site.faults() == [] and {k: d for k, d in site.journal.books.cards[CARD].debts.items() if d} == {COURTESY: 4}


def owe(kind, change, receivable=None):
    receivable = kind if receivable is None else receivable
    return lambda c: c.site.act("x", [[2, CARD, kind, change], [1, RECEIVABLE, receivable, -change], [1, "points-expense", receivable, change]])


def test_good_release(club):
    club.earn()
    club.due(club.legs())
    club.earn(30, PENDING + 1)
    club.site.journal.now += 60
    club.award(*club.legs(30, PENDING + 1), counted("talk", 1), told={10: 0})  # when the card is next touched, and the answer leaves it out
    assert club.site.faults() == []
    books = club.site.journal.books
    assert books.cards[CARD].balances()[16] == 50 and books.cards[CARD].balances()[17] == 30


def early(club):
    club.earn()
    club.due(club.legs(), later=59)


def changed_legs(change):
    def plant(club):
        club.earn()
        club.due(change(club))
    return plant


def swapped(club):
    legs = club.legs()
    return [legs[1], legs[0], legs[2], legs[3]]


def untouched(club):
    """The card is touched when its pending points are due, and nothing is released."""
    club.earn()
    club.site.journal.now += 60
    club.award([1, CARD, 16, 1, 3, 2000000000, club.site.sale], [1, "points-expense", 16, -1])


RELEASES = [
    ("released too early", early),
    ("stands in front of no counterpart", changed_legs(swapped)),
    ("do not arrive", changed_legs(lambda c: c.legs()[:2])),
    ("sums to", changed_legs(lambda c: c.legs()[:3])),
    ("sums to", changed_legs(lambda c: [c.legs()[0], *c.legs()[2:]])),
    ("do not arrive", changed_legs(lambda c: c.legs(arrived=19))),
    ("do not arrive", changed_legs(lambda c: c.legs(arrived=25))),
    ("do not arrive", changed_legs(lambda c: c.legs(into=COURTESY))),
    ("counterpart", changed_legs(lambda c: [c.legs()[0], [1, "points-expense", 16, 0], *c.legs()[1:]])),
    ("moves", changed_legs(lambda c: [*c.legs()[:2], [1, CARD, 48, 20, c.lot + 1, None, c.site.journal.index + 1], [1, RELEASE, 16, -20]])),
    ("pending points", lambda c: c.sale([1, CARD, 48, 5, 4, 2000000000, c.site.journal.index + 1], [1, "points-expense", 48, -5])),
    ("still there", untouched),
]


@pytest.mark.parametrize("fault, plant", RELEASES, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(RELEASES)])
def test_planted_releases(club, fault, plant):
    plant(club)
    assert any(fault in text for text in club.site.faults()), club.site.faults()


def test_good_members(club):
    club.join(member(channel="campus", kind=2), counted("joined", 1), counted("talk", 1, TODAY), asked={41: "campus", 42: 2})
    club.use(counted("parking", 2, MONTH), counted("parking", 2, YEAR), quantity=2)
    club.undo(club.used, counted("parking", -2, MONTH), counted("parking", -2, YEAR))
    club.award(counted("talk", 1), counted("talk", 1, card=None))
    club.undo(club.awarded, counted("talk", -1, card=None), counted("talk", -1), kind=m.VOID)
    club.sale(counted("spent", 1000), told={41: ["gold", "Gold", 2000000000]})
    club.tier(member(channel="campus", kind=2, tier="gold", since=TODAY, until=2000000000), counted("tier/gold", 1))
    club.refund(400, counted("spent", -400))
    club.refund(600, counted("spent", -600), done=400)
    assert club.site.faults() == []


def test_good_membership_by_a_sale(club):
    club.join(member(joined=None, channel="web", kind=1), asked={41: "web"})
    mark = f"join:by/{club.site.journal.index + 1}"
    club.sale(counted("purchases", 1), counted(mark, 1), counted("joined", 1), member(channel="web"))
    club.refund(1000, counted("purchases", -1), counted(mark, -1), counted("joined", -1), member(joined=None, channel="web"))
    club.sale(member(channel="web"))
    club.undo(club.joined, member(kind=0))
    assert club.site.faults() == []


def test_a_membership_does_not_end_by_itself(club):
    club.join(member(joined=None, channel="web", kind=1), asked={41: "web"})
    club.sale(counted("purchases", 1), counted("joined", 1), member(channel="web"))
    club.refund(1000, counted("purchases", -1), counted("joined", -1), member(joined=None, channel="web"))
    assert any("changes without a reason" in text for text in club.site.faults())


def test_good_undone_refund(club):
    club.sale(counted("spent", 1000))
    club.refund(400, counted("spent", -400))
    refund = club.site.journal.index
    club.site.undo(refund, [*club.site.paid(400), [4, club.sold, m.LIVE, 0, 0, []], [4, refund, m.REVERSED, 0, 0, []], counted("spent", 400)], {10: 400})
    club.refund(1000, counted("spent", -1000))
    assert club.site.faults() == []


def test_good_counters_of_a_replaced_card(club):
    club.award(counted("talk", 2), counted("talk", 2, card=None))
    site = club.site
    site.act("card issue", [[3, OTHER, 1, "standard", PROOF, None, *OWNER]])
    moved = [[1, card, kind, sign * a, lot, ends, source]
             for kind, a, lot, ends, source in ((1, 7000, 1, None, site.loaded), (2, 500, 2, None, site.loaded), (16, 30, 3, 2000000000, site.sale))
             for card, sign in ((CARD, -1), (OTHER, 1))]
    site.act("card-replace", [*moved, [18, OTHER, 4], [17, CARD, OTHER, 0], [3, CARD, 4, "standard", PROOF, "lost", *OWNER],
                              [3, OTHER, 2, "standard", PROOF, "lost", *OWNER], counted("talk", -2), counted("talk", 2, card=OTHER)])
    site.undo(club.awarded, [[18, OTHER, 4], counted("talk", -2, card=OTHER), counted("talk", -2, card=None), [4, club.awarded, m.REVERSED, 0, 0, []]],
              {8: OTHER, 10: 0})
    assert site.faults() == []


def used_and_undone(*effects):
    def plant(club):
        club.use(counted("parking", 1, MONTH))
        club.undo(club.used, *effects)
    return plant


def refunded(*effects, before=()):
    def plant(club):
        club.sale(counted("spent", 1000))
        if before:
            club.refund(400, *before)
            club.refund(100, *effects, done=400)
        else:
            club.refund(400, *effects)
    return plant


MEMBERS = [
    ("below zero", owe(16, -1)),
    ("no point currency", owe(PENDING, 1)),
    ("no point currency", owe(1, 1)),
    ("receivable", owe(COURTESY, 3, receivable=16)),
    ("period", lambda c: c.award(counted("talk", 1, 20261301))),
    ("period", lambda c: c.award(counted("talk", 1, 20260001))),
    ("period", lambda c: c.award(counted("talk", 1, 100))),
    ("changes by 0", lambda c: c.award(counted("talk", 0))),
    ("counts in period", lambda c: c.award(counted("talk", 1, 20260102))),
    ("counts in period", lambda c: c.award(counted("talk", 1, 20250000))),
    ("falls to", lambda c: c.award(counted("talk", -1))),
    ("declined", lambda c: c.join(counted("talk", 1), code=12, told={8: CARD})),
    ("declined", lambda c: c.join(member(), code=12, told={8: CARD})),
    ("not counted", lambda c: c.use()),
    ("not counted", lambda c: c.use(counted("parking", 1, MONTH), quantity=2)),
    ("not counted", lambda c: c.use(counted("parking", 1, MONTH, card=OTHER))),
    ("undone, but", used_and_undone()),
    ("undone, but", used_and_undone(counted("parking", -1))),
    ("undone, but", used_and_undone(counted("parking", -1, MONTH), counted("talk", 1))),
    ("undone, but", used_and_undone(counted("parking", -1, MONTH, card=None))),
    ("a refund changes counter", refunded(counted("spent", 1))),
    ("a refund changes counter", refunded(counted("spent", -1001))),
    ("a refund changes counter", refunded(counted("spent", -1), before=[counted("spent", -1000)])),
    ("a refund changes counter", refunded(counted("talk", -1))),
    ("without a reason", lambda c: c.site.act("x", [counted("talk", 1)])),
    ("without a reason", lambda c: c.site.act("x", [member()])),
    ("without a reason", lambda c: c.award(member())),
    ("without a reason", lambda c: c.sale(member(card=OTHER))),
    ("without a reason", lambda c: c.sale(member(joined=20251231))),
    ("without a reason", lambda c: c.sale(member(channel="web"))),
    ("no new member", lambda c: c.join(counted("joined", 1))),
    ("no new member", lambda c: (c.join(), c.join(member()))),
    ("as was asked", lambda c: c.join(member(channel="web"))),
    ("as was asked", lambda c: c.join(member(kind=1), asked={42: 2})),
    ("as was asked", lambda c: c.join(member(referrer=OTHER))),
    ("no other member", lambda c: c.join(member(referrer=OTHER), asked={40: str(OTHER)})),
    ("no other member", lambda c: c.join(member(referrer=CARD), asked={40: str(CARD)})),
    ("twice in one entry", lambda c: c.join(member(), member())),
    ("joined on", lambda c: c.join(member(joined=20261301))),
    ("without a reason", lambda c: (c.join(member(channel="web"), asked={41: "web"}), c.undo(c.joined, member(joined=None, channel="app")))),
    ("without its due item", lambda c: c.sale(member(joined=None, kind=0, tier="gold", since=TODAY), told={41: ["gold", "Gold", None]})),
    ("told tier silver", lambda c: c.gold(["silver", "Silver", 9])),
    ("told tier gold", lambda c: c.gold(["gold", "Gold", None])),
    ("told tier gold", lambda c: c.gold(tier=None, until=None)),
    ("was not set", lambda c: (c.sale(told={41: ["gold", "Gold", None]}), c.sale())),
    ("something else", lambda c: c.gold(key=f"{CARD}/7")),
    ("something else", lambda c: c.gold(key=f"{OTHER}/9")),
    ("something else", lambda c: c.tier([1, CARD, 16, 1, 3, 2000000000, c.site.sale], [1, "points-expense", 16, -1])),
    ("has tier", lambda c: c.gold(since=0)),
    ("has tier", lambda c: c.join(member(until=9))),
]


@pytest.mark.parametrize("fault, plant", MEMBERS, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(MEMBERS)])
def test_planted(club, fault, plant):
    plant(club)
    assert any(fault in text for text in club.site.faults()), club.site.faults()


def test_good_birthdays(club):
    club.looked(20251229, "20251229")
    club.birthday()
    club.birthday(counted("birthday", 1, YEAR + 10000), counted("gave:b", 5, YEAR, card=None), key=f"{CARD}/2027")
    club.looked(2)
    assert club.site.faults() == []


BIRTHDAYS = [
    ("not the first", lambda c: (c.birthday(), c.birthday())),
    ("about something else", lambda c: c.birthday(key=f"{OTHER}/2026")),
    ("about something else", lambda c: c.birthday(key=f"{CARD}/2027")),
    ("about something else", lambda c: c.birthday(counted("birthday", 2, YEAR))),
    ("about something else", lambda c: c.birthday(counted("gave:b", 5, YEAR))),
    ("about something else", lambda c: c.birthday(counted("birthday", 1, YEAR), counted("gave:b", 5, YEAR, card=OTHER))),
    ("are looked at", lambda c: c.looked(TODAY, str(TODAY))),
    ("are looked at", lambda c: c.looked(20251230)),
    ("are looked at", lambda c: (c.looked(), c.looked(-1, "20251230"))),
    ("are looked at", lambda c: c.looked(more=[counted("spent", 1)])),
    ("without a reason", lambda c: c.site.act("x", [counted("birthday", 1, YEAR)])),
]


@pytest.mark.parametrize("fault, plant", BIRTHDAYS, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(BIRTHDAYS)])
def test_planted_birthdays(club, fault, plant):
    plant(club)
    assert any(fault in text for text in club.site.faults()), club.site.faults()


def activate(site, version, effective=None, arguments=None, document="new"):
    effective = site.journal.now if effective is None else effective
    site.journal.act("OP1", site.operator, "programme-activate", arguments or {0: "new"}, [[11, version, effective, document]])


def test_good_schedule(site):
    now = site.journal.now
    activate(site, 2, now + 100, {0: "new", 1: now + 100})
    activate(site, 3, now + 200, {0: "new", 1: now + 200, 2: False})
    activate(site, 4, now + 50, {0: "new", 1: now + 50, 2: True})
    assert site.faults() == []
    site.journal.now += 50
    site.request(m.AWARD, [], {12: CARD, 48: "talk"})  # names version 1, and 4 is in force
    assert any("version 4 is in force" in text for text in site.faults())


VERSIONS = [
    ("not the next one", lambda s: activate(s, 3)),
    ("another programme", lambda s: activate(s, 2, document="other")),
    ("not from", lambda s: activate(s, 2, s.journal.now + 1)),
    ("not from", lambda s: activate(s, 2, s.journal.now - 61, {0: "new", 1: s.journal.now - 61})),
    ("without its act", lambda s: s.act("x", [[11, 2, 0, "x"]])),
]


@pytest.mark.parametrize("fault, plant", VERSIONS, ids=[f"{n}-{fault}" for n, (fault, _) in enumerate(VERSIONS)])
def test_planted_versions(site, fault, plant):
    plant(site)
    assert any(fault in text for text in site.faults()), site.faults()


# ---- leaderboards ----

BOARD = "board:month"


def closed(club, undo=True):
    """A sale that counts, the close, one reward, the end; and the sale undone, of which the board keeps what it counted."""
    club.sale(counted(BOARD, 10, MONTH), counted("spent", 1000, MONTH))
    journal = club.site.journal
    journal.system("leaderboard", f"{BOARD}/{MONTH}", [counted(BOARD, 1, MONTH, card=None)])
    journal.system("leaderboard", f"{BOARD}/{MONTH}/{CARD}", [*reward(club), counted("board-won:month", 5, MONTH)])
    journal.system("leaderboard", f"{BOARD}/{MONTH}/done", [counted(BOARD, 1, MONTH, card=None)])
    if undo:
        club.undo(club.sold, *club.site.paid(-1000), counted("spent", -1000, MONTH))


def reward(club, points=5):
    lot = club.site.journal.books.cards[CARD].next_lot
    return [[1, "points-expense", 16, -points], [1, CARD, 16, points, lot, None, club.site.journal.index + 1]]


def test_good_leaderboard(club):
    closed(club)
    assert club.site.faults() == []


def due(key, *effects):
    def plant(club):
        closed(club, undo=False)
        club.site.journal.system("leaderboard", key, list(effects))
    return plant


@pytest.mark.parametrize("plant", [
    due(f"{BOARD}/{MONTH}/{CARD}", counted("board-won:month", 5, MONTH)),  # twice
    due(f"{BOARD}/{MONTH}/done", counted(BOARD, 1, MONTH, card=None)),  # done twice
    due(f"{BOARD}/{YEAR}/{CARD}", counted("board-won:month", 5, YEAR)),  # not closed
    due(f"{BOARD}/{YEAR}/done", counted(BOARD, 1, YEAR, card=None)),  # a close has another key
    due(f"{BOARD}/{YEAR}", counted("spent", 1, YEAR, card=None)),  # no leaderboard
    due(f"{BOARD}/{YEAR}", counted(BOARD, 1, YEAR, card=None), counted("spent", 1)),  # and something else
    due(f"{BOARD}/{YEAR}", counted(BOARD, -1, YEAR, card=None)),
])
def test_leaderboards(club, plant):
    plant(club)
    assert any("about a leaderboard" in fault for fault in club.site.faults())


def test_what_a_closed_leaderboard_has_counted_stays(club):
    closed(club, undo=False)
    club.undo(club.sold, *club.site.paid(-1000), counted("spent", -1000, MONTH), counted(BOARD, -10, MONTH))
    assert any("but what entry" in fault for fault in club.site.faults())
