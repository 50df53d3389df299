"""Point currencies, and pending points that are released: what section 12 says of their legs."""

from collections import defaultdict

from messages import CURRENCIES, PENDING

RELEASE = "points-release"


def is_pending(kind) -> bool:
    return kind - PENDING in CURRENCIES


def class_of(kind) -> int:
    """What sums to zero together: money in its three kinds, a point currency with its pending kind."""
    return 0 if kind <= 2 else kind - PENDING if is_pending(kind) else kind


def _legs_of_releases(effects) -> set:
    """The places of both legs of every pair whose second is on the account of releases."""
    result = set()
    for place, effect in enumerate(effects):
        if effect[0] == 1 and effect[1] == RELEASE:
            result |= {place - 1, place}
    return result


def own(effects) -> list:
    """Effects without the legs of releases."""
    legs = _legs_of_releases(effects)
    return [effect for place, effect in enumerate(effects) if place not in legs]


def faults(effects, now):
    """Yields a sentence for every fault of the releases among the effects of one entry."""
    passed, given = defaultdict(int), defaultdict(int)  # on the account, by class; on cards, by card and class
    for place, effect in enumerate(effects):
        if effect[0] == 1 and len(effect) == 4 and is_pending(effect[2]):
            yield f"account {effect[1]} has pending points, and not their currency's"
        if effect[0] != 1 or effect[1] != RELEASE:
            continue
        _, _, kind, amount = effect
        before = effects[place - 1] if place else [0]
        passed[class_of(kind)] += amount
        if before[0] != 1 or len(before) != 7 or class_of(before[2]) != class_of(kind) or before[3] != -amount:
            yield "a leg of a release stands in front of no counterpart"
            continue
        _, card, kind, amount, _, expires, _ = before
        given[card, class_of(kind)] += amount
        if is_pending(kind) != (amount < 0):
            yield f"a release moves {amount} of kind {kind} on card {card}"
        if amount < 0 and (expires is None or expires > now):
            yield f"points of card {card} are released too early"
    if any(passed.values()) or any(given.values()):
        yield "points that are released do not arrive"
