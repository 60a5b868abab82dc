"""SQLite's file, read by hand, page by page: what a damaged one still holds where SQLite itself gives up.

No tree is walked and no schema is read: every page is taken for itself, as a leaf of some table, so that damage costs
what it has hit and nothing behind it. Of a page that was written anew since, the write-ahead log holds the newest
image. What was deleted does not come back: our files are written with ``secure_delete``, which leaves zeros.

The format: https://www.sqlite.org/fileformat2.html. Our files have pages of 4,096 bytes and speak UTF-8.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecoder
from pathlib import Path
from typing import Any

PAGE = 4096
_LOG_HEADER, _FRAME = 32, 24 + PAGE
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_LEAF, _NO_ROWS = 13, (2, 5, 10)  # a table's leaf; index pages and a table's inner pages hold none of the rows
_LENGTHS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
_READ = JSONDecoder()


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row by its number and values; without a number: a lone JSON text that stood where no row is pointed at.

    Text that is no UTF-8 keeps its bytes (``surrogateescape``).
    """

    number: int | None
    values: tuple[Any, ...]


@dataclass
class _Log:
    """Of the write-ahead log: by page, where its newest image begins; ``loose``: images that may be outdated."""

    data: bytes = b""
    newest: dict[int, int] = field(default_factory=dict)
    loose: list[int] = field(default_factory=list)
    whole: bool = True


def log_is_whole(path: Path) -> bool:
    """Whether SQLite will find all that the log beside this file says: what stands behind a damage it drops unsaid."""
    log = _log_of(path)
    return log.whole and (not log.newest or _size(path) >= PAGE)


class Pages:
    """The pages of a file and its log. A context; raises nothing for what it finds in them."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        self._pages = 0 if self._file is None else -(-os.fstat(self._file).st_size // PAGE)
        self._log = _log_of(path, self)
        self._pages = max([self._pages, *self._log.newest])

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)

    def rows(self, opening: bytes) -> Iterator[TableRow]:
        """Every row of every table, page by page; and the JSON texts beside them that begin with ``opening``.

        The pages come in the order of their rows: so a new file becomes no larger than the old one.
        """
        for number in sorted(range(1, self._pages + 1), key=self._first):
            yield from self._on(self._page(number), opening, 100 if number == 1 else 0)
        for at in self._log.loose:
            yield from self._on(self._log.data[at : at + PAGE], opening)

    def _first(self, number: int) -> int:
        """By which row a page comes: its first one."""
        found = next(self._cells(self._page(number), 100 if number == 1 else 0), None)
        return 0 if found is None else found[0].number or 0

    def numbers(self, page: bytes) -> set[int | None]:
        """The numbers of the rows on a page, as far as it is a leaf."""
        return {row.number for row, _, _ in self._cells(page, 0)}

    def of_file(self, number: int) -> bytes:
        """A page as it stands in the file, without the log; zeros where it cannot be read."""
        try:
            found = b"" if self._file is None else os.pread(self._file, PAGE, (number - 1) * PAGE)
        except OSError:  # a bad sector
            found = b""
        return found.ljust(PAGE, b"\0")

    def _page(self, number: int) -> bytes:
        at = self._log.newest.get(number)
        return self.of_file(number) if at is None else self._log.data[at : at + PAGE]

    def _on(self, page: bytes, opening: bytes, head: int = 0) -> Iterator[TableRow]:
        if page[head] in _NO_ROWS:
            return
        cells = list(self._cells(page, head))
        yield from (row for row, _, _ in cells)
        rest = bytearray(page)
        if cells:  # what stands before the cells is no longer in use
            unused = min(int.from_bytes(page[head + 5 : head + 7]), *(begins for _, begins, _ in cells))
            rest[:unused] = bytes(unused)
        for _, begins, ends in cells:
            rest[begins:ends] = bytes(ends - begins)
        yield from (TableRow(None, (text,)) for text in _texts(bytes(rest), opening))

    def _cells(self, page: bytes, head: int) -> Iterator[tuple[TableRow, int, int]]:
        """The rows that a leaf points at, and where each begins and ends."""
        if page[head] != _LEAF:
            return
        pointers = int.from_bytes(page[head + 3 : head + 5])
        first = head + 8
        for at in range(first, min(first + 2 * pointers, PAGE - 1), 2):
            begins = int.from_bytes(page[at : at + 2])
            found = self._cell(page, begins) if begins > first else None
            if found is not None:
                yield found[0], begins, found[1]

    def _cell(self, page: bytes, at: int) -> tuple[TableRow, int] | None:
        try:
            size, at = _varint(page, at)
            number, at = _varint(page, at)
            here = _local(size)
            payload = page[at : at + here]
            ends = at + here
            if here < size:
                payload += self._overflow(int.from_bytes(page[ends : ends + 4]), size - here)
                ends += 4
            if len(payload) != size or ends > PAGE:
                return None
            return TableRow(number - 2**64 if number >= 2**63 else number, _record(payload)), ends
        except (IndexError, ValueError):
            return None

    def _overflow(self, number: int, wanted: int) -> bytes:
        parts = []
        if wanted > self._pages * PAGE:
            raise ValueError("a row longer than its file")
        while wanted > 0:
            if not 0 < number <= self._pages:
                raise ValueError("a chain of pages that is broken")
            page = self._page(number)
            parts.append(page[4 : 4 + wanted])
            wanted -= PAGE - 4
            number = int.from_bytes(page[:4])
        return b"".join(parts)


def _local(size: int) -> int:
    """How much of a row stands on its own page."""
    if size <= PAGE - 35:
        return size
    least = (PAGE - 12) * 32 // 255 - 23
    more = least + (size - least) % (PAGE - 4)
    return more if more <= PAGE - 35 else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(8):
        byte = data[at + k]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + k + 1
    return value << 8 | data[at + 8], at + 9


def _record(payload: bytes) -> tuple[Any, ...]:
    """The values of a row. Raises ``ValueError`` or ``IndexError`` where its head and its length disagree."""
    head, at = _varint(payload, 0)
    if head > len(payload):
        raise ValueError("a head longer than its row")
    kinds = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        length = (kind - 12) // 2 if kind >= 12 else _LENGTHS.get(kind, -1)
        raw = payload[at : at + length]
        if length < 0 or len(raw) != length:
            raise ValueError("a value of no kind, or cut short")
        values.append(_value(kind, raw))
        at += length
    if at != len(payload) or not kinds:
        raise ValueError("a row longer than its values")
    return tuple(values)


def _value(kind: int, raw: bytes) -> Any:
    if kind >= 12:
        return raw.decode("utf-8", "surrogateescape") if kind % 2 else raw
    if kind == 7:
        return struct.unpack(">d", raw)[0]
    return {0: None, 8: 0, 9: 1}[kind] if not raw else int.from_bytes(raw, signed=True)


def _texts(page: bytes, opening: bytes) -> Iterator[str]:
    at = page.find(opening)
    while at >= 0:
        text = page[at:].decode("utf-8", "surrogateescape")
        try:
            _, ends = _READ.raw_decode(text)
            yield text[:ends]
        except (ValueError, RecursionError):
            pass
        at = page.find(opening, at + 1)


def _log_of(path: Path, pages: Pages | None = None) -> _Log:
    """Read the log: by each frame's own sum, which begins where the frame before it says that it has ended.

    So a frame behind a damaged one can still be judged, though SQLite gives up at the first. Without ``pages`` no
    damaged frame is made use of.
    """
    data = _content(path.with_name(path.name + "-wal"))
    log = _Log(data)
    if len(data) <= _LOG_HEADER + 24:
        return log
    log.data = data = data + bytes(-(len(data) - _LOG_HEADER) % _FRAME)
    magic, _, page_size, _, *salts, sum1, sum2 = struct.unpack(">8I", data[:_LOG_HEADER])
    order = _MAGIC.get(magic) or ("<" if sys.byteorder == "little" else ">")
    if magic not in _MAGIC or page_size != PAGE or _sum(data[:24], (0, 0), order) != (sum1, sum2):
        log.whole = False
        salts = list(struct.unpack(">2I", data[_LOG_HEADER + 8 : _LOG_HEADER + 16]))
    frames, before, ours = [], (sum1, sum2), True
    for at in range(_LOG_HEADER, len(data), _FRAME):
        number, size, salt1, salt2, *said = struct.unpack(">6I", data[at : at + 24])
        named = salt1 == salts[0] or salt2 == salts[1]  # else it is left from before the log began anew
        follows = _sum(data[at : at + 8] + data[at + 24 : at + _FRAME], before, order) == tuple(said)
        good = follows and (named or ours)  # what is left from before follows upon itself, not upon ours
        ours = good or named
        if ours and [salt1, salt2] != salts:  # the sum says nothing of it, and SQLite stops here
            log.whole = False
        before = (said[0], said[1])
        frames.append((at + 24, number, size, ours, good))
    while frames and not frames[-1][3]:
        frames.pop()
    done = max((k for k, (_, _, size, _, good) in enumerate(frames) if good and size), default=-1)
    log.whole = log.whole and done == len(frames) - 1 and all(good for *_, good in frames)
    for k, (at, number, _, _, good) in enumerate(frames):
        if k <= done and (good or (pages is not None and _is_of(pages, log, number, at))):
            log.newest[number] = at
        elif not good or k > done:  # its transaction was never ended, or its end is what is damaged
            log.loose.append(at)
    return log


def _is_of(pages: Pages, log: _Log, number: int, at: int) -> bool:
    """Whether a damaged image is of the page that its frame says: they have rows in common."""
    known = log.newest.get(number)
    before = pages.of_file(number) if known is None else log.data[known : known + PAGE]
    return bool(pages.numbers(before) & pages.numbers(log.data[at : at + PAGE]))


def _sum(data: bytes, begin: tuple[int, int], order: str) -> tuple[int, int]:
    a, b = begin
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, two in zip(words, words, strict=True):
        a = (a + one + b) & 0xFFFFFFFF
        b = (b + two + a) & 0xFFFFFFFF
    return a, b


def _opened(path: Path) -> int | None:
    """The file to read from, or None where none is to be had (a folder, a pipe, no right to it)."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def _content(path: Path) -> bytes:
    file = _opened(path)
    if file is None:
        return b""
    with open(file, "rb") as log:
        try:
            return log.read()
        except OSError:
            return b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
