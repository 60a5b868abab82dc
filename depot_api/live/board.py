"""The board: what is to be seen now, item by item, with the number of the change that made each what it is.

Whoever has seen change *n* is given what changed since: one structure serves the first look, each second's news and
whoever comes back after an hour, and nothing is kept for a reader, however slow he is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

#: What a reader may see: judged by the truck an item is of (None: of no truck in particular).
TruckFilter = Callable[[str | None], bool]


class Item(NamedTuple):
    """``value`` None: taken off the board (kept, so that readers take it off theirs)."""

    change: int
    truck: str | None
    value: Any


class Board:
    """Items by table and key. One thread writes or many: every method may be called from any thread.

    ``epoch`` names this board: a reader who comes with another board's number is given everything.
    """

    def __init__(self, tables: Iterable[str], epoch: str) -> None:
        self.epoch = epoch
        self.change = 0
        self._tables: dict[str, OrderedDict[str, Item]] = {name: OrderedDict() for name in tables}
        self._lock = threading.Lock()

    def put(self, table: str, key: str, value: Any, truck: str | None = None) -> None:
        """Pin an item; the same value again is no change."""
        with self._lock:
            items = self._tables[table]
            before = items.get(key)
            if before is None and value is None:
                return
            if before is not None and before.value == value and before.truck == truck:
                return
            self.change += 1
            items[key] = Item(self.change, truck, value)
            items.move_to_end(key)

    def take_off(self, table: str, key: str) -> None:
        """Take an item off; readers who saw it are told."""
        with self._lock:
            before = self._tables[table].get(key)
        if before is not None:
            self.put(table, key, None, before.truck)

    def keep_only(self, table: str, keys: Iterable[str]) -> None:
        """Take off every item of a table but these."""
        wanted = set(keys)
        with self._lock:
            gone = [key for key, item in self._tables[table].items() if key not in wanted and item.value is not None]
        for key in gone:
            self.take_off(table, key)

    def get(self, table: str, key: str) -> Any:
        with self._lock:
            item = self._tables[table].get(key)
            return None if item is None else item.value

    def values(self, table: str, may_see: TruckFilter | None = None) -> list[Any]:
        """What hangs in a table now, oldest change first."""
        with self._lock:
            items = list(self._tables[table].values())
        return [item.value for item in items if item.value is not None and (may_see is None or may_see(item.truck))]

    def since(self, change: int, may_see: TruckFilter | None = None) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        """The number of the last change, and per table what changed behind ``change``: key -> value or None.

        From 0 on: everything that hangs there.
        """
        with self._lock:
            changed: dict[str, dict[str, Any]] = {}
            for name, items in self._tables.items():
                news: dict[str, Any] = {}
                for key in reversed(items):
                    item = items[key]
                    if item.change <= change:
                        break
                    if (change or item.value is not None) and (may_see is None or may_see(item.truck)):
                        news[key] = item.value
                if news:
                    changed[name] = dict(reversed(news.items()))
            return self.change, changed
