"""The checker's own proof that a truck cannot come along a street the other way round without reversing.

Where it cannot, both sides may be collected in one pass: crossing is the lesser evil (R437 asks to avoid both, and a
street's residents wait for their collection all the same).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from optimizer.check.passage import Passage

NodePair = tuple[int, int]  # from one node to the next


def round_trips(passage: Passage, depot: int, stands: Iterable[int], *, strict: bool = False) -> frozenset[NodePair]:
    """The steps that lie on a way from the depot and back to it with no reversing: a U-turn is made in a turning place
    or inside the depot and the sites (``stands``), nowhere else. Restrictions over a way are not counted as closing.

    ``strict``: where a restriction is open to reading (over a way, or at a node where its way has two arms), it closes
    the turn: what is reached all the same is reached for certain.
    """
    free = frozenset({depot, *stands})
    onward: dict[NodePair, list[NodePair]] = {}
    waiting = [(depot, b) for b in passage.legs(depot) if _open(passage, depot, b)]
    while waiting:
        step = waiting.pop()
        if step in onward:
            continue
        onward[step] = [(step[1], c) for c in passage.legs(step[1]) if follows(passage, step, c, free, strict)]
        waiting += [after for after in onward[step] if after not in onward]
    before: dict[NodePair, list[NodePair]] = defaultdict(list)
    for step, afters in onward.items():
        for after in afters:
            before[after].append(step)
    home: set[NodePair] = set()
    waiting = [step for step in onward if step[1] == depot]
    while waiting:
        step = waiting.pop()
        if step not in home:
            home.add(step)
            waiting += [b for b in before[step] if b not in home]
    return frozenset(home)


def _open(passage: Passage, a: int, b: int) -> bool:
    found = passage.step(a, b)
    return found is not None and not found[2]


def follows(passage: Passage, step: NodePair, c: int, free: frozenset[int], strict: bool = False) -> bool:
    """Whether a truck that came by ``step`` may go on to ``c``; ``free``, ``strict``: see ``round_trips``."""
    a, b = step
    if not _open(passage, b, c):
        return False
    if c == a:
        return b in free or passage.is_turning_place(b)
    if passage.at_node(b):
        return False
    came, goes = passage.step(a, b), passage.step(b, c)
    assert came is not None
    assert goes is not None
    for rule in passage.raw.restrictions_from.get(came[0].id, ()):
        if strict and goes[0].id in rule.via_ways:
            return False
        if rule.via_node != b or (not strict and b not in (came[0].nodes[0], came[0].nodes[-1])):
            continue
        if strict and not rule.only and goes[0] is came[0] and c != a:
            continue  # "no U-turn" from a way to itself, and this goes straight on
        if rule.only != (goes[0].id in rule.to_ways):
            return False
    return True
