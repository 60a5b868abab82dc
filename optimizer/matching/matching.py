"""Map matching: from a truck's fixes to the way it drove, on the whole path and not street by street.

A hidden Markov model (Newson & Krumm, *Hidden Markov Map Matching Through Noise and Sparseness*, GIS 2009): the hidden
state is a place on an arc; a fix is the likelier the nearer the place is; a move from one place to the next is the
likelier the less its way over the network differs from the straight line. The likeliest sequence (Viterbi) is settled
as soon as all sequences still alive agree on its beginning, at the latest after ``MAX_LAG_S``. What we do otherwise:

- A receiver's error lasts (5 to 30 s in streets), so ten fixes of ten seconds say little more than two: fixes nearer
  than ``KEY_M`` to the last one used are passed over, and what the others say is weighed by the time between them.
- Standing is one place, however the receiver wanders: no way is made of it.
- Forbidden turns, one-ways against, U-turns: dear, not closed (``network.py``). A fix that nothing can explain is
  set aside; when the next ones agree with it and not with the chain, the chain ends there and another begins: what lay
  between (a yard, a tunnel, a stretch that the map lacks) is not made up.

What is computed stands in ``kernels.py``; here is what fixes are used, and what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

import numpy as np

from optimizer.matching.kernels import (
    FASTEST_MPS,
    SLIP_M,
    WINDOW,
    DijkstraScratch,
    advance,
    new_chain,
    settle_columns,
    way_between,
)
from optimizer.matching.network import Arrays, Floats, Network
from optimizer.matching.steps import LocatedFix, MatchedFix, MatchedStep, SettledTrack

__all__ = ["LocatedFix", "MatchedFix", "MatchedStep", "Matcher", "SettledTrack", "Track"]

#: Long enough for a crew to load at a stop and the truck to show at the next corner which of two streets it is on.
MAX_LAG_S = 300.0
#: A fix nearer than this to the last one used says nothing new; the second where the receiver tells no speed.
KEY_M, KEY_UNTOLD_M = 12.0, 20.0
#: Speeds no further apart than this add up to metres moved, which err less than two places do.
ODOMETER_S = 3.0
#: Slower than this, the receiver's own speed means standing; without a speed, staying within ``STILL_M`` does.
STILL_MPS, STILL_M, WANDER_M = 0.5, 5.0, 40.0
#: What the map and the truck's place beside the middle of the street add to the receiver's error; and the error of a
#: receiver that does not tell. gpsd's ``eph`` is about a 95 % radius, of which 0.5 is one deviation.
MAP_M, UNTOLD_M, EPH_SHARE = 5.0, 10.0, 0.5
#: From this speed on the course over ground says which way.
COURSE_MPS = 2.0
#: A street that the tour does not lead over, where the tour is known, in nats.
UNEXPECTED = 1.0
#: So many odd fixes in a row, over so long, begin a new chain.
ODD_FIXES, ODD_S = 3, 4.0
#: Away from every street for so long, the chain has ended; it bridges no longer gap than these.
OFF_S, GAP_S, GAP_M = 60.0, 150.0, 1500.0


class Matcher:
    """The matcher of a town: built once, shared by all its trucks' tracks. One thread at a time per call (the GIL)."""

    def __init__(self, network: Network):
        self.network = network
        arcs = len(network.arrays.length)
        self.scratch = DijkstraScratch(
            stamp=np.zeros(1, np.int32),
            seen=np.zeros(arcs, np.int32),
            goal=np.zeros(arcs, np.int32),
            final=np.zeros(arcs, np.int32),
            cost=np.zeros(arcs),
            nats=np.zeros(arcs),
            before=np.zeros(arcs, np.int32),
            heap_cost=np.zeros(4 * arcs + 64),
            heap_arc=np.zeros(4 * arcs + 64, np.int32),
        )

    def warm(self) -> None:
        """Compile the kernels, or load them: half a minute the first time on a machine; call it in a thread."""
        track = self.track()
        line = self.network.lines[0]
        begin = datetime(2000, 1, 1, tzinfo=UTC)
        for k in range(4):
            lon, lat = self.network.plane.lonlat(*self.network.xy[line.nodes[-(k % 2)]])
            track.add([LocatedFix(begin + timedelta(seconds=30 * k), lat, lon, 5.0, 5.0, 0.0)])
        track.flush()
        there, back = (
            _Key(arc=arc, offset=0.0, from_s=0.0, until_s=0.0, confidence=1.0, x=0.0, y=0.0) for arc in (0, 1)
        )
        track.parts(there, back, 60.0)

    def track(self, expected: Iterable[int] | None = None) -> Track:
        """The way of one truck, from its first fix.

        ``expected``: the segments that its tour leads over. Where two streets run side by side it is likelier on these.
        """
        if expected is None:
            return Track(self, self.network.arrays)
        nats = self.network.arrays.nats + UNEXPECTED
        likely = np.fromiter(set(expected), dtype=np.int64)
        nats[likely] -= UNEXPECTED
        return Track(self, self.network.arrays._replace(nats=nats))


class _Key(NamedTuple):
    """A settled fix."""

    arc: int
    offset: float
    from_s: float
    until_s: float
    confidence: float
    x: float
    y: float


class Track:
    """One truck's way, online. Fixes come in time order; one that is older than the last is passed over."""

    def __init__(self, matcher: Matcher, arrays: Arrays):
        self.matcher, self._arrays = matcher, arrays
        self.piece = 0
        self._chain = new_chain()
        self._last: _Key | None = None  # the last settled key of this piece
        self._odd: list[tuple[Floats, float, float, bool]] = []  # set aside: fix, sigma, heading, standing
        self._seen_s, self._speed, self._moved = -math.inf, math.nan, 0.0
        self._standing = False
        self._arc, self._found = np.zeros(WINDOW, np.int32), np.zeros((WINDOW, 6))
        self._way_arc, self._way_span = np.zeros(512, np.int32), np.zeros((512, 2))

    def add(self, fixes: Iterable[LocatedFix]) -> SettledTrack:
        """Newly settled steps and fixes: those that no later fix can change."""
        settled = SettledTrack([], [])
        for fix in fixes:
            at = fix.at.timestamp()
            if at <= self._seen_s:
                continue
            self._roll(at, fix.speed_mps)
            x, y = self.matcher.network.plane.xy(fix.lon_deg, fix.lat_deg)
            sigma = UNTOLD_M if fix.eph_m is None else math.hypot(MAP_M, EPH_SHARE * min(fix.eph_m, 60.0))
            course = fix.heading_deg is not None and fix.speed_mps is not None and fix.speed_mps >= COURSE_MPS
            heading = math.radians(cast(float, fix.heading_deg)) if course else math.nan
            if not self._says_nothing_new(at, x, y, fix.speed_mps):
                self._take(np.array([at, at, x, y, self._moved]), sigma, heading, fix.speed_mps, settled)
            elif self._chain.ring[1] > 1 and at - self._column(0)[0] > MAX_LAG_S:
                self._settle(int(self._chain.ring[1]) - 1, settled)
        return settled

    def flush(self) -> SettledTrack:
        """Settle all that is left: the end of a tour, or of a recording."""
        settled = SettledTrack([], [])
        self._end_piece(settled)
        return settled

    def here(self) -> MatchedFix | None:
        """The best guess at the last fix used, not settled yet; None before the first."""
        chain, count = self._chain, int(self._chain.ring[1])
        if count == 0:
            return None
        column = (int(chain.ring[0]) + count - 1) % WINDOW
        scores = chain.score[column, : chain.width[column]]
        best = int(np.argmin(scores))
        sure = 1.0 / float(np.exp(np.minimum(0.0, scores[best] - scores)).sum())
        key = _Key(
            arc=int(chain.arc[column, best]),
            offset=float(chain.offset[column, best]),
            from_s=float(chain.fix[column, 0]),
            until_s=float(chain.fix[column, 1]),
            confidence=sure,
            x=float(chain.x[column, best]),
            y=float(chain.y[column, best]),
        )
        return self._matched(key)

    # --- one fix after the other ---------------------------------------------------------------------------------

    def _column(self, index: int) -> Floats:
        return cast(Floats, self._chain.fix[(int(self._chain.ring[0]) + index) % WINDOW])

    def _says_nothing_new(self, at: float, x: float, y: float, speed: float | None) -> bool:
        """Whether the truck stands where it stood, or has hardly moved; standing, the last column lasts until now."""
        if self._chain.ring[1] == 0 or self._odd:
            return False
        last = self._column(int(self._chain.ring[1]) - 1)
        away = math.hypot(x - last[2], y - last[3])
        if speed is None:
            if away < STILL_M:
                last[1] = at
            return away < KEY_UNTOLD_M
        moved = away if math.isnan(self._moved) else self._moved
        if speed >= STILL_MPS:
            return moved < KEY_M
        if moved < STILL_M or (self._standing and away < WANDER_M):
            self._standing, last[1] = True, at
            return True
        return False

    def _roll(self, at: float, speed: float | None) -> None:
        """Count the metres moved since the last fix used; NaN once a speed is missing."""
        seconds, before = at - self._seen_s, self._speed
        self._seen_s, self._speed = at, math.nan if speed is None else speed
        self._moved += 0.5 * (before + self._speed) * seconds if seconds <= ODOMETER_S else math.nan

    def _take(self, fix: Floats, sigma: float, heading: float, speed: float | None, settled: SettledTrack) -> None:
        standing = speed is not None and speed < STILL_MPS
        if self._chain.ring[1] and self._out_of_reach(fix):
            self._end_piece(settled)
        found = self._advance(fix, sigma, heading) if self._believable(fix, sigma, speed) else -1
        if found == 1:
            self._odd.clear()
            self._standing, self._moved = standing, 0.0
            self._settle(self._overdue(float(fix[0])), settled)
        elif self._chain.ring[1]:
            if found < 0:  # one that is merely off the streets says nothing against the chain
                self._odd.append((fix, sigma, heading, standing))
            against = len(self._odd) >= ODD_FIXES and fix[0] - self._odd[0][0][0] >= ODD_S
            if against or fix[0] - self._column(int(self._chain.ring[1]) - 1)[1] > OFF_S:
                self._begin_again(settled)

    def _begin_again(self, settled: SettledTrack) -> None:
        """The chain cannot explain the last fixes: end it, and begin another with them. Each is tried once."""
        self._end_piece(settled)
        self._moved = math.nan
        odd, self._odd = self._odd, []
        for fix, sigma, heading, standing in odd:
            fix[4] = math.nan
            if self._advance(fix, sigma, heading) == 1:
                self._standing, self._moved = standing, math.nan

    def _advance(self, fix: Floats, sigma: float, heading: float) -> int:
        return int(advance(self._arrays, self.matcher.scratch, self._chain, fix, sigma, heading))

    def _out_of_reach(self, fix: Floats) -> bool:
        last = self._column(int(self._chain.ring[1]) - 1)
        return bool(fix[0] - last[1] > GAP_S or math.hypot(fix[2] - last[2], fix[3] - last[3]) > GAP_M)

    def _believable(self, fix: Floats, sigma: float, speed: float | None) -> bool:
        """Whether a truck can have come so far in the time."""
        if self._chain.ring[1] == 0:
            return True
        last = self._column(int(self._chain.ring[1]) - 1)
        fastest = FASTEST_MPS if speed is None else min(FASTEST_MPS, speed + 10.0)
        away = math.hypot(fix[2] - last[2], fix[3] - last[3])
        return bool(away <= fastest * (fix[0] - last[1]) + 3.0 * sigma + KEY_M)

    def _overdue(self, now_s: float) -> int:
        """How many columns must be settled whatever follows."""
        count = int(self._chain.ring[1])
        if count == WINDOW:
            return WINDOW // 2
        late = 0
        while late < count - 1 and now_s - self._column(late)[1] > MAX_LAG_S:
            late += 1
        return late

    # --- what comes out ------------------------------------------------------------------------------------------

    def _end_piece(self, settled: SettledTrack) -> None:
        self._settle(int(self._chain.ring[1]), settled)
        if self._last is not None:
            settled.steps.extend(self._stand(self._last))
            self.piece += 1
        self._last, self._standing = None, False

    def _settle(self, at_least: int, settled: SettledTrack) -> None:
        number = settle_columns(self._chain, at_least, self._arc, self._found)
        for arc, row in zip(self._arc[:number].tolist(), self._found[:number].tolist(), strict=True):
            self._settled(_Key(arc, *row), settled)

    def _settled(self, key: _Key, settled: SettledTrack) -> None:
        last = self._last
        if last is not None:
            settled.steps.extend(self._stand(last))
            if key.arc == last.arc and 0 < last.offset - key.offset <= SLIP_M:
                key = key._replace(offset=last.offset)
            settled.steps.extend(self._driven(last, key))
        settled.fixes.append(self._matched(key))
        self._last = key

    def _matched(self, key: _Key) -> MatchedFix:
        lon, lat = self.matcher.network.plane.lonlat(key.x, key.y)
        at = datetime.fromtimestamp(key.from_s, UTC)
        return MatchedFix(
            at=at,
            arc=key.arc,
            offset_m=key.offset,
            lat_deg=lat,
            lon_deg=lon,
            confidence=key.confidence,
            piece=self.piece,
        )

    def _stand(self, key: _Key) -> Iterator[MatchedStep]:
        still = key.until_s - key.from_s
        if still > 0.0:
            begin, end = datetime.fromtimestamp(key.from_s, UTC), datetime.fromtimestamp(key.until_s, UTC)
            yield MatchedStep(
                arc=key.arc,
                from_m=key.offset,
                to_m=key.offset,
                enter_at=begin,
                leave_at=end,
                piece=self.piece,
                still_s=still,
                gap_s=0.0,
                confidence=key.confidence,
            )

    def _driven(self, last: _Key, key: _Key) -> Iterator[MatchedStep]:
        """The steps between two settled keys, the time shared out by length."""
        gap = key.from_s - last.until_s
        parts = self.parts(last, key, gap)
        total = sum(to - begin for _, begin, to in parts)
        sure, clock = min(last.confidence, key.confidence), last.until_s
        for arc, begin, to in parts:
            until = clock + gap * ((to - begin) / total if total > 0 else 1.0 / len(parts))
            if to > begin or total == 0:
                enter, leave = datetime.fromtimestamp(clock, UTC), datetime.fromtimestamp(until, UTC)
                yield MatchedStep(
                    arc=arc,
                    from_m=begin,
                    to_m=to,
                    enter_at=enter,
                    leave_at=leave,
                    piece=self.piece,
                    still_s=0.0,
                    gap_s=gap,
                    confidence=sure,
                )
            clock = until

    def parts(self, last: _Key, key: _Key, gap: float) -> list[tuple[int, float, float]]:
        """The parts of arcs between two settled keys: arc, from, to. None found: the chain is broken there."""
        if key.arc == last.arc and key.offset >= last.offset:
            return [(key.arc, last.offset, key.offset)]
        line = max(math.hypot(key.x - last.x, key.y - last.y), FASTEST_MPS)
        number = way_between(
            self._arrays, self.matcher.scratch, last.arc, last.offset, key.arc, key.offset,
            line, gap + 5.0, 0.0, self._way_arc, self._way_span,
        )  # fmt: skip
        if number < 0:
            self.piece += 1
            return []
        spans = self._way_span[:number].tolist()
        return [(arc, *span) for arc, span in zip(self._way_arc[:number].tolist(), spans, strict=True)]
