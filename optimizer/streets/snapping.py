"""Which side of which street: points (addresses, buildings) laid on the nearest stretch, left or right of it.

Pure geometry in metres, vectorised: a town has tens of thousands of points. ``left`` and ``right`` are as seen along
``Stretch.osm_nodes``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from optimizer.streets.extract import Extract
from optimizer.streets.streets import Stretch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: An address may lie on a parcel's far end: its own street is believed up to here.
NAMED_REACH_M = 150.0
#: Nearer to the axis than this, geometry cannot tell the side and the house number is asked.
AXIS_M = 3.0
_STEP_M = 0.5  # half the piece of street whose direction decides the side

_SHORT = {
    "av": "avenue", "ave": "avenue", "bd": "boulevard", "bld": "boulevard", "bvd": "boulevard", "r": "rue",
    "pl": "place", "ch": "chemin", "che": "chemin", "imp": "impasse", "all": "allee", "rte": "route", "sq": "square",
    "st": "saint", "ste": "sainte", "str": "strasse", "qu": "quai", "crs": "cours", "fg": "faubourg",
    "res": "residence", "gen": "general", "dr": "docteur", "pdt": "president", "mal": "marechal",
}  # fmt: skip


def normalized_street_name(name: str) -> str:
    """A street name without case, accents, punctuation and usual abbreviations, so that two sources can meet."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = [_SHORT.get(word, word) for word in re.findall(r"[^\W_]+", bare)]
    return " ".join(word + "asse" if word.endswith("str") else word for word in words)


@dataclass(frozen=True, slots=True, eq=False)
class Snapped:
    """Per point: index of the stretch (-1 = none within reach) and ``offset_m``, positive to the left of it."""

    stretch: Ints
    offset_m: Floats

    @property
    def left(self) -> NDArray[np.bool_]:
        return self.offset_m >= 0


@dataclass(frozen=True, eq=False)
class StretchIndex:
    """The stretches, ready to be asked for the nearest."""

    stretches: tuple[Stretch, ...]
    names: Ints  # code of each stretch's plain name
    codes: dict[str, int]
    lines: NDArray[np.object_]
    open_air: Ints  # indices of the stretches that can have neighbours: no tunnel passes in front of a house

    @classmethod
    def of(cls, stretches: tuple[Stretch, ...], extract: Extract) -> StretchIndex:
        ways = extract.ways_by_id()
        tunnels = {id_ for id_, way in ways.items() if way.tags.get("tunnel", "no") not in ("no", "building_passage")}
        codes: dict[str, int] = {"": 0}
        names = [codes.setdefault(normalized_street_name(s.name), len(codes)) for s in stretches]
        lines = np.array([shapely.LineString(s.xy) for s in stretches], dtype=object)
        open_air = [k for k, s in enumerate(stretches) if s.osm_way not in tunnels]
        return cls(stretches, np.array(names, np.int64), codes, lines, np.array(open_air, np.int64))

    def snap(self, xy: Floats, streets: Sequence[str | None], reach_m: float) -> Snapped:
        """Lay points (n x 2, metres) on the street of their address where it is near, else on the nearest."""
        found = np.full(len(xy), -1, np.int64)
        if len(xy) == 0 or len(self.open_air) == 0:
            return Snapped(found, np.zeros(len(xy)))
        points = np.asarray(shapely.points(xy), dtype=object)
        tree = shapely.STRtree(self.lines[self.open_air])
        near, which = tree.query_nearest(points, max_distance=reach_m, all_matches=True)
        which = self.open_air[which]
        order = np.lexsort((which, near))  # of equally near ones the lowest index, so that runs repeat
        _first(found, near[order], which[order])
        wanted = np.array([self.codes.get(normalized_street_name(s), 0) if s else 0 for s in streets], np.int64)
        asking = np.flatnonzero(wanted)
        if len(asking):
            at, which = tree.query(points[asking], predicate="dwithin", distance=NAMED_REACH_M)
            at, which = asking[at], self.open_air[which]
            same = self.names[which] == wanted[at]
            at, which = at[same], which[same]
            far = shapely.distance(points[at], self.lines[which])
            order = np.lexsort((which, far, at))
            _first(found, at[order], which[order])
        return Snapped(found, self._offset_m(points, found))

    def _offset_m(self, points: NDArray[np.object_], found: Ints) -> Floats:
        """Signed distance from the axis: the direction where the point is nearest, crossed with the way there."""
        offset = np.zeros(len(points))
        on = np.flatnonzero(found >= 0)
        lines = self.lines[found[on]]
        along = shapely.line_locate_point(lines, points[on])
        length = shapely.length(lines)
        here = shapely.get_coordinates(shapely.line_interpolate_point(lines, along))
        before = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(along - _STEP_M, 0.0)))
        after = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(along + _STEP_M, length)))
        ahead = after - before
        size = np.hypot(ahead[:, 0], ahead[:, 1])
        away = shapely.get_coordinates(points[on]) - here
        cross = ahead[:, 0] * away[:, 1] - ahead[:, 1] * away[:, 0]
        offset[on] = np.divide(cross, size, out=np.zeros_like(cross), where=size > 0)
        return offset


def _first(found: Ints, at: Ints, which: Ints) -> None:
    """Keep the first partner of each point."""
    points, first = np.unique(at, return_index=True)
    found[points] = which[first]


def house_number_parity(number: str | None) -> int:
    """1 odd, -1 even, 0 unknown. Numbers from 5000 up stand for "no number" in the French address base."""
    digits = re.match(r"\s*(\d+)", number or "")
    if not digits or not 0 < int(digits[1]) < 5000:
        return 0
    return 1 if int(digits[1]) % 2 else -1


def odd_sides(snapped: Snapped, parities: Ints, count: int) -> Ints:
    """Per stretch: 1 where odd numbers are on the left, -1 on the right, 0 where the numbers do not tell.

    They tell when at least two clear addresses speak and two thirds of them agree.
    """
    clear = (snapped.stretch >= 0) & (np.abs(snapped.offset_m) >= AXIS_M) & (parities != 0)
    where = snapped.stretch[clear]
    says = np.where(snapped.left[clear], 1, -1) * parities[clear]
    score = np.bincount(where, says, minlength=count)
    voices = np.bincount(where, minlength=count)
    sure = (voices >= 2) & (np.abs(score) * 3 >= voices)
    return np.where(sure, np.sign(score), 0).astype(np.int64)


def sides_by_house_number(snapped: Snapped, parities: Ints, odd: Ints) -> Snapped:
    """Points nearly on the axis go to the side of their number, where the numbers of the street tell."""
    has = snapped.stretch >= 0
    side = np.where(has, odd[snapped.stretch], 0) * parities
    doubtful = has & (np.abs(snapped.offset_m) < AXIS_M) & (side != 0)
    return Snapped(snapped.stretch, np.where(doubtful, np.abs(snapped.offset_m) * side, snapped.offset_m))
