"""How long a search goes on, and who is asked whether it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Given the best cost so far (€; inf: no plan yet) about twice a second; True ends the search.
StopCheck = Callable[[float], bool]


@dataclass(slots=True)
class Effort:
    """How much is to be done: until ``time.monotonic()`` is ``until``, or ``iterations`` steps of each of ``cores``.

    An engine that compiles first puts ``until`` off by so much.
    """

    until: float
    seed: int
    cores: int = 1
    iterations: int | None = None
