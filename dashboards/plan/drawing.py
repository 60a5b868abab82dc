"""A tour drawn on paper: the sheet's vector map, from the same basemap and the same row numbers as ``map.html``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from fpdf import FPDF

from dashboards.plan.rows import SheetRow
from dashboards.shared import AreaWords, Basemap, LonLat, palette
from fleet import Leg, Tour, latin

Point = tuple[float, float]  # mm on the page, y downwards

#: Letters that Latin-1 (the PDF core fonts' alphabet) lacks and that no decomposition gives.
_WIDTHS_MM = {"motorway": 1.5, "trunk": 1.5, "primary": 1.3, "secondary": 1.2, "tertiary": 1.1, "residential": 0.9,
              "unclassified": 0.9, "living_street": 0.9, "road": 0.9, "service": 0.45}  # fmt: skip
_HAIRLINE_MM = 0.2
#: Beyond this many metres to the millimetre buildings, and ways by class, are dust (and megabytes).
_BUILDINGS_M_PER_MM = 9.0
_DUST_M_PER_MM = {"service": 14.0, "pedestrian": 14.0, "residential": 60.0, "unclassified": 60.0, "living_street": 60.0}
_PATHS_M_PER_MM = 7.0
#: Points of the base nearer than this to the one before are left out.
_STEP_MM = 0.3


@dataclass
class MapFrame:
    """A rectangle of paper and the piece of land in it. ``scale``: metres to the millimetre; north is up."""

    x: float
    y: float
    w: float
    h: float
    lon: float
    lat: float
    scale: float
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    @classmethod
    def around(cls, points: Sequence[LonLat], x: float, y: float, w: float, h: float) -> MapFrame:
        west, east = min(p[0] for p in points), max(p[0] for p in points)
        south, north = min(p[1] for p in points), max(p[1] for p in points)
        lon, lat = (west + east) / 2, (south + north) / 2
        wide_m = (east - west) * _M_PER_DEG * math.cos(math.radians(lat))
        high_m = (north - south) * _M_PER_DEG
        return cls(x, y, w, h, lon, lat, max(wide_m / (w - 14), high_m / (h - 14), 1.0))

    def at(self, point: LonLat) -> Point:
        east_m = (point[0] - self.lon) * _M_PER_DEG * math.cos(math.radians(self.lat))
        north_m = (point[1] - self.lat) * _M_PER_DEG
        return self.x + self.w / 2 + east_m / self.scale, self.y + self.h / 2 - north_m / self.scale

    def land(self, x: float, y: float) -> LonLat:
        """The land at a point of the page: ``at`` the other way round."""
        east_m = (x - self.x - self.w / 2) * self.scale
        north_m = (self.y + self.h / 2 - y) * self.scale
        return self.lon + east_m / (_M_PER_DEG * math.cos(math.radians(self.lat))), self.lat + north_m / _M_PER_DEG

    @property
    def corners(self) -> tuple[LonLat, LonLat]:
        """The land at the south-west and at the north-east."""
        return self.land(self.x, self.y + self.h), self.land(self.x + self.w, self.y)

    def holds(self, at: Point, margin: float = 0.0) -> bool:
        return (
            self.x + margin <= at[0] <= self.x + self.w - margin
            and self.y + margin <= at[1] <= self.y + self.h - margin
        )

    def sees(self, line: Sequence[Point]) -> bool:
        return (
            max(p[0] for p in line) > self.x
            and min(p[0] for p in line) < self.x + self.w
            and max(p[1] for p in line) > self.y
            and min(p[1] for p in line) < self.y + self.h
        )

    def free(self, boxes: Sequence[tuple[float, float, float, float]]) -> bool:
        """Whether nothing was written there yet; then it is taken."""
        if any(a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1] for a in boxes for b in self.taken):
            return False
        self.taken += boxes
        return True


_M_PER_DEG = 6_371_000 * math.pi / 180


def beside(line: Sequence[Point], push: float) -> list[Point]:
    """The line pushed to the right of its way by ``push`` mm (to the left where negative)."""
    kept = [p for i, p in enumerate(line) if i == 0 or p != line[i - 1]]
    if len(kept) < 2 or not push:
        return list(kept)
    normals = [
        (-(b[1] - a[1]) / math.dist(a, b), (b[0] - a[0]) / math.dist(a, b)) for a, b in pairwise(kept)
    ]  # right of the way, as y grows downwards
    out: list[Point] = []
    for i, p in enumerate(kept):
        a, b = normals[max(0, i - 1)], normals[min(len(normals) - 1, i)]
        dot = a[0] * b[0] + a[1] * b[1]
        if dot < -0.3:
            out += [(p[0] + push * a[0], p[1] + push * a[1]), (p[0] + push * b[0], p[1] + push * b[1])]
        else:
            k = push / (1 + dot)
            out.append((p[0] + k * (a[0] + b[0]), p[1] + k * (a[1] + b[1])))
    return out


def draw_map(
    pdf: FPDF, box: tuple[float, float, float, float], tour: Tour, rows: Sequence[SheetRow], basemap: Basemap,
    words: AreaWords, colour: str,
) -> None:  # fmt: skip
    """Draw a tour into ``box`` (x, y, width, height in mm): one frame, or one for each quarter and one of them all."""
    quarters = inset_frames(
        box, [basemap.line(row.osm_nodes) for row in rows if row.number is not None and row.osm_nodes]
    )
    if not quarters:
        nodes = [n for row in rows if row.kind == "collect" for n in row.osm_nodes]
        nodes = nodes or [n for leg in tour.legs for n in leg.osm_nodes]
        draw_tour(pdf, MapFrame.around(basemap.line(nodes), *box), tour, rows, basemap, words, colour)
        _credit(pdf, box, basemap)
        return
    *details, whole = quarters
    marks = [_outline(frame, whole) for frame in details]
    whole.free([(tag_x, tag_y, tag_x + 5.5, tag_y + 5.5) for _, (tag_x, tag_y) in marks])
    for frame in details:
        draw_tour(pdf, frame, tour, rows, basemap, words, colour, pointing=False)
    strays = [row for row in rows if not _shown(row, details, basemap)]
    draw_tour(pdf, whole, tour, strays, basemap, words, colour, scaled=False)
    for letter, frame, (outline, tag) in zip("ABC", details, marks, strict=False):
        _lettered(pdf, frame.x, frame.y, letter)
        pdf.set_draw_color(0, 0, 0)
        pdf.set_line_width(0.5)
        pdf.rect(*outline)
        _lettered(pdf, *tag, letter)
    _credit(pdf, box, basemap)


def _outline(frame: MapFrame, whole: MapFrame) -> tuple[tuple[float, float, float, float], Point]:
    """Where a quarter's frame lies in the frame of them all (x, y, width, height), and where its letter stands."""
    west, north = whole.at(frame.land(frame.x, frame.y))
    east, south = whole.at(frame.land(frame.x + frame.w, frame.y + frame.h))
    west, east = (min(max(x, whole.x), whole.x + whole.w) for x in (west, east))
    north, south = (min(max(y, whole.y), whole.y + whole.h) for y in (north, south))
    small = min(east - west, south - north) < 12
    return (west, north, east - west, south - north), (max(whole.x, west - 5.5) if small else west, north)


def _credit(pdf: FPDF, box: tuple[float, float, float, float], basemap: Basemap) -> None:
    x, y, w, h = box
    words = latin(basemap.attribution)
    pdf.set_font("helvetica", "", 6.5)
    width = pdf.get_string_width(words)
    pdf.set_fill_color(255, 255, 255)
    pdf.rect(x + w - width - 1.6, y + h - 3.2, width + 1.4, 3.0, "F")
    pdf.text(x + w - width - 0.9, y + h - 1.0, words)


def _shown(row: SheetRow, frames: Sequence[MapFrame], basemap: Basemap) -> bool:
    if row.number is None or not row.osm_nodes:
        return False
    return any(frame.holds(frame.at(basemap.place(row.osm_nodes[0])), 2) for frame in frames)


def _lettered(pdf: FPDF, x: float, y: float, letter: str) -> None:
    pdf.set_fill_color(0, 0, 0)
    pdf.rect(x, y, 5.5, 5.5, "F")
    pdf.set_text_color(255, 255, 255)
    pdf.set_font("helvetica", "B", 12)
    pdf.text(x + 2.75 - pdf.get_string_width(letter) / 2, y + 4.3, letter)
    pdf.set_text_color(0, 0, 0)


#: What zooming into quarters must win, on the average row, over one frame.
_WORTH = 1.45
#: A quarter of fewer rows is not worth a frame: its numbers stand on the frame of them all.
_QUARTER_ROWS = 3


def inset_frames(box: tuple[float, float, float, float], lines: Sequence[Sequence[LonLat]]) -> list[MapFrame]:
    """Frames for quarters that lie far apart, the largest first, the frame of them all last; none if not worth it.

    ``lines``: each row's points. Rows are chained to their nearest (a minimum spanning tree) and the longest links cut,
    one after another; of every cut and every way to share the box, the one that shows the average row largest wins.
    """
    if len(lines) < 2 * _QUARTER_ROWS:
        return []
    corners = [_corners(line) for line in lines]  # all that frames depend on, and quick
    every = _corners([point for pair in corners for point in pair])
    single = _effort(MapFrame.around(every, *box))
    best: tuple[float, list[MapFrame]] = (single - math.log(_WORTH), [])
    for quarters in _cuts(corners):
        kept = sorted((q for q in quarters if len(q) >= _QUARTER_ROWS), key=len, reverse=True)[:3]
        if not kept or (len(kept) == 1 and len(kept[0]) == len(lines)):
            continue
        extents = [_corners([p for i in quarter for p in corners[i]]) for quarter in kept]
        if any(_overlap(*pair) for pair in combinations(extents, 2)):
            continue
        for rects in _shares(box, len(kept)):
            frames = [MapFrame.around(extent, *rect) for extent, rect in zip(extents, rects, strict=False)]
            frames.append(MapFrame.around(every, *rects[-1]))
            strays = len(lines) - sum(map(len, kept))
            seen = sum(len(q) * _effort(f) for q, f in zip(kept, frames, strict=False))
            score = (seen + strays * _effort(frames[-1])) / len(lines)
            if score < best[0]:
                best = (score, frames)
    return best[1]


def _effort(frame: MapFrame) -> float:
    """How hard a frame is to read; larger than 1:5000 is no easier."""
    return math.log(max(frame.scale, 5.0))


def _corners(line: Sequence[LonLat]) -> tuple[LonLat, LonLat]:
    """South-west and north-east."""
    lons, lats = [p[0] for p in line], [p[1] for p in line]
    return (min(lons), min(lats)), (max(lons), max(lats))


def _overlap(one: tuple[LonLat, LonLat], other: tuple[LonLat, LonLat]) -> bool:
    """Whether much of one quarter lies in the other: two frames of the same streets help nobody."""
    shared = math.prod(max(0.0, min(one[1][k], other[1][k]) - max(one[0][k], other[0][k])) for k in (0, 1))
    return shared > 0.3 * min(math.prod(q[1][k] - q[0][k] for k in (0, 1)) for q in (one, other))


def _cuts(lines: Sequence[tuple[LonLat, LonLat]]) -> Iterator[list[list[int]]]:
    """Ways to part the rows into quarters: across the map at a few places, or where they lie furthest apart."""
    lat = math.radians(lines[0][0][1])
    at = [((west + east) / 2 * math.cos(lat), (south + north) / 2) for (west, south), (east, north) in lines]

    def halved(rows: Sequence[int]) -> Iterator[list[list[int]]]:
        for axis in (0, 1):
            order = sorted(rows, key=lambda i: at[i][axis])
            for share in (0.35, 0.42, 0.5, 0.58, 0.65):
                k = round(share * len(order))
                yield [order[:k], order[k:]]

    yield from halved(range(len(at)))
    near = {i: (math.dist(at[0], at[i]), 0) for i in range(1, len(at))}
    links = []
    while near:
        i = min(near, key=lambda i: near[i][0])
        length, to = near.pop(i)
        links.append((length, i, to))
        for j in near:
            near[j] = min(near[j], (math.dist(at[i], at[j]), i))
    links.sort()
    for cut in range(1, min(7, len(links))):
        group = list(range(len(lines)))
        for _, i, j in links[:-cut]:
            old, new = group[i], group[j]
            group = [new if g == old else g for g in group]
        parts = sorted(([i for i, g in enumerate(group) if g == one] for one in set(group)), key=len)
        yield parts
        yield from ([*parts[:-1], *halves] for halves in halved(parts[-1]))


def _shares(box: tuple[float, float, float, float], quarters: int) -> Iterator[list[tuple[float, float, float, float]]]:
    """Ways to share a box between quarters and, last, the frame of them all: side by side, or one large."""
    x, y, w, h = box
    gap = 2.0
    for little in (0.45, 0.7):
        one = (w - quarters * gap) / (quarters + little)
        if quarters > 1 and little * one >= 38:
            beside = [(x + k * (one + gap), y, one, h) for k in range(quarters)]
            yield [*beside, (x + quarters * (one + gap), y, little * one, h)]
    for share in (0.25, 0.3, 0.36, 0.43, 0.5):
        for sideways in (True, False):
            long, across = (h, w) if sideways else (w, h)
            strip = across * share
            each = (long - gap * (quarters - 1)) / quarters
            if min(strip, each) < 38 or across - strip < 50:
                continue
            rest = across - strip - gap
            small = [k * (each + gap) for k in range(quarters)]
            if sideways:
                yield [(x, y, rest, h), *((x + rest + gap, y + s, strip, each) for s in small)]
            else:
                yield [(x, y, w, rest), *((x + s, y + rest + gap, each, strip) for s in small)]


def draw_tour(
    pdf: FPDF, frame: MapFrame, tour: Tour, rows: Sequence[SheetRow], basemap: Basemap, words: AreaWords, colour: str,
    pointing: bool = True, scaled: bool = True,
) -> None:  # fmt: skip
    """Draw base, way, collected sides, numbers of the ``rows``, depot and sites into the frame.

    ``pointing``: whether the frame's edge points to the depot and the sites outside it.
    """
    with pdf.local_context():
        pdf.set_fill_color(246, 245, 242)
        pdf.rect(frame.x, frame.y, frame.w, frame.h, "F")
        with pdf.rect_clip(frame.x, frame.y, frame.w, frame.h):
            _base(pdf, frame, basemap)
            frame.free([(frame.x, frame.y + frame.h - 11, frame.x + frame.w / 4 + 8, frame.y + frame.h)])  # the scale
            frame.free([(frame.x, frame.y, frame.x + 6, frame.y + 6)])  # the letter
            _way(pdf, frame, tour, basemap, colour)
            _reversals(pdf, frame, rows, basemap)
            # a label without its arrow says nothing, so it takes its place first; numbers and names have more choice
            places = place_labels(pdf, frame, basemap, words, inside=False) if pointing else []
            _numbers(pdf, frame, tour, rows, basemap, colour)
            _names(pdf, frame, tour, rows, basemap)
        for label in (*places, *place_labels(pdf, frame, basemap, words, inside=True)):
            _draw_label(pdf, label)
        if scaled:
            _scale(pdf, frame)
        pdf.set_draw_color(90, 90, 90)
        pdf.set_line_width(0.3)
        pdf.rect(frame.x, frame.y, frame.w, frame.h)


def _base(pdf: FPDF, frame: MapFrame, basemap: Basemap) -> None:
    def areas(rings: Iterable[Sequence[LonLat]], fill: tuple[int, int, int]) -> None:
        pdf.set_fill_color(*fill)
        for ring in rings:
            on_page = [frame.at(p) for p in ring]
            if len(on_page) > 2 and frame.sees(on_page):
                pdf.polygon(on_page, style="F")

    areas(basemap.green, (229, 238, 219))
    areas(basemap.water, (207, 224, 234))
    if frame.scale <= _BUILDINGS_M_PER_MM:
        areas(basemap.buildings, (228, 224, 216))
    drawn = []
    for road in basemap.roads_within(*frame.corners):
        width = _WIDTHS_MM.get(road.highway.removesuffix("_link"))
        if frame.scale > _DUST_M_PER_MM.get(road.highway, _PATHS_M_PER_MM if width is None else math.inf):
            continue
        on_page = _thinned([frame.at(p) for p in road.points])
        if frame.sees(on_page):
            drawn.append((_HAIRLINE_MM if width is None else width * _thinner(frame), on_page))
    drawn.sort(key=lambda found: found[0])
    pdf.set_draw_color(176, 170, 160)
    for width, line in drawn:
        pdf.set_line_width(width + 0.25 if width > _HAIRLINE_MM else _HAIRLINE_MM)
        pdf.polyline(line)
    pdf.set_draw_color(255, 255, 255)
    for width, line in drawn:
        if width > _HAIRLINE_MM:
            pdf.set_line_width(width)
            pdf.polyline(line)


def _thinned(line: Sequence[Point]) -> list[Point]:
    kept = [line[0]]
    for p in line[1:-1]:
        if math.dist(p, kept[-1]) >= _STEP_MM:
            kept.append(p)
    return [*kept, line[-1]]


def _page_line(frame: MapFrame, leg: Leg, basemap: Basemap) -> list[Point]:
    return [frame.at(p) for p in basemap.line(leg.osm_nodes)]


def _thinner(frame: MapFrame) -> float:
    """On a small scale streets stand closer than full lines are wide."""
    return min(1.0, max(0.5, 8.0 / frame.scale))


def _offset_mm(leg: Leg, frame: MapFrame) -> float:
    return {"right": 0.9, "left": -0.9}.get(leg.side or "", 0.0) * _thinner(frame)


def _way(pdf: FPDF, frame: MapFrame, tour: Tour, basemap: Basemap, colour: str) -> None:
    traffic = -0.3 if basemap.traffic_side == "left" else 0.3
    left = 4.0
    for leg in tour.legs:
        if leg.kind == "collect" or len(leg.osm_nodes) < 2:
            continue
        line = beside(_page_line(frame, leg, basemap), traffic)
        if not frame.sees(line):
            continue
        pdf.set_draw_color(70, 70, 70)
        pdf.set_line_width(0.3)
        pdf.set_dash_pattern(dash=1.2, gap=0.9)
        pdf.polyline(line)
        pdf.set_dash_pattern()
        left = _arrows(pdf, line, left, 14.0, 0.9, (70, 70, 70))
    for leg in tour.legs:
        if leg.kind != "collect" or len(leg.osm_nodes) < 2:
            continue
        line = beside(_page_line(frame, leg, basemap), _offset_mm(leg, frame))
        pdf.set_draw_color(*palette.rgb(colour))
        pdf.set_line_width((1.7 if leg.side == "both" else 1.1) * _thinner(frame))
        if leg.mode == "foot":
            pdf.set_line_width(0.9 * _thinner(frame))
            pdf.set_dash_pattern(dash=0.3, gap=1.3)
        pdf.polyline(line)
        pdf.set_dash_pattern()
        left = _arrows(pdf, line, min(left, 9.0), 9.0, 1.15 * _thinner(frame), (255, 255, 255), palette.rgb(colour))


def _arrows(
    pdf: FPDF, line: Sequence[Point], left: float, every: float, size: float, fill: tuple[int, int, int],
    edge: tuple[int, int, int] | None = None,
) -> float:  # fmt: skip
    """Arrow heads along a line, the first after ``left`` mm; returns what is left to the next."""
    pdf.set_fill_color(*fill)
    pdf.set_draw_color(*(edge or fill))
    pdf.set_line_width(0.2)
    for a, b in pairwise(line):
        length = math.dist(a, b)
        while length and left <= length:
            x, y = a[0] + (b[0] - a[0]) * left / length, a[1] + (b[1] - a[1]) * left / length
            c, s = (b[0] - a[0]) / length, (b[1] - a[1]) / length
            corners = ((size, 0.0), (-0.9 * size, size), (-0.4 * size, 0.0), (-0.9 * size, -size))
            pdf.polygon([(x + u * c - v * s, y + u * s + v * c) for u, v in corners], style="DF")
            left += every
        left -= length
    return left


def _numbers(pdf: FPDF, frame: MapFrame, tour: Tour, rows: Sequence[SheetRow], basemap: Basemap, colour: str) -> None:
    pdf.set_font("helvetica", "B", 9.5)
    pdf.set_line_width(0.25)
    for row in rows:
        if row.number is None or not row.legs:
            continue
        leg = tour.legs[row.legs[0]]
        line = beside(_page_line(frame, leg, basemap), _offset_mm(leg, frame))
        if not line:
            continue
        i = max(1, len(line) // 4)
        at = line[0] if len(line) == 1 else ((line[i - 1][0] + line[i][0]) / 2, (line[i - 1][1] + line[i][1]) / 2)
        r = 2.3
        # where the disc has no room on its street it stands beside it, or further off on a thin line
        spots = [at] + [(at[0] + d * math.cos(k * math.pi / 8), at[1] + d * math.sin(k * math.pi / 8))
                        for d in (3.4, 6.5, 10.0, 14.0, 19.0) for k in range(16)]  # fmt: skip
        free = (p for p in spots if frame.holds(p, r) and frame.free([(p[0] - r, p[1] - r, p[0] + r, p[1] + r)]))
        spot = next(free, None)
        if spot is None:
            continue
        if math.dist(spot, at) > 4:
            pdf.set_draw_color(*palette.rgb(colour))
            pdf.line(*at, *spot)
        disc(pdf, *spot, r, str(row.number), colour)


def _reversals(pdf: FPDF, frame: MapFrame, rows: Sequence[SheetRow], basemap: Basemap) -> None:
    """The triangle of the rows' warnings, where the truck turns or begins to go back."""
    for node in {note.node: None for row in rows for note in row.notes if note.node is not None}:
        x, y = frame.at(basemap.place(node))
        if frame.holds((x, y), 2):
            triangle(pdf, x, y, 1.9)
            frame.free([(x - 2, y - 2, x + 2, y + 2)])


def triangle(pdf: FPDF, x: float, y: float, size: float) -> None:
    """The warning sign; black and yellow, and its shape alone says it in black and white."""
    pdf.set_draw_color(0, 0, 0)
    pdf.set_fill_color(255, 200, 60)
    pdf.set_line_width(0.28)
    pdf.polygon([(x - size, y + 0.8 * size), (x + size, y + 0.8 * size), (x, y - 0.95 * size)], style="DF")
    pdf.line(x, y - 0.35 * size, x, y + 0.25 * size)
    pdf.line(x, y + 0.5 * size, x, y + 0.6 * size)


def disc(pdf: FPDF, x: float, y: float, radius: float, words: str, colour: str) -> None:
    """A row's number on its round mark; the font is the caller's."""
    pdf.set_fill_color(*palette.rgb(colour))
    pdf.set_draw_color(255, 255, 255)
    pdf.set_text_color(*palette.ink_on(colour))
    if len(words) > 2:
        pdf.rect(
            x - 1.35 * radius,
            y - radius,
            2.7 * radius,
            2 * radius,
            "DF",
            round_corners=True,
            corner_radius=radius * 0.9,
        )
    else:
        pdf.circle(x, y, radius, "DF")
    pdf.text(x - pdf.get_string_width(words) / 2, y + pdf.font_size * 0.35, words)
    pdf.set_text_color(0, 0, 0)


def _names(pdf: FPDF, frame: MapFrame, tour: Tour, rows: Sequence[SheetRow], basemap: Basemap) -> None:
    """Names of the streets in the frame, those of the tour first, each once, along its straightest stretch."""
    ours = dict.fromkeys(row.street for row in rows if row.street)
    roads = basemap.streets.roads
    driven = {roads[pair].name for leg in tour.legs for pair in pairwise(leg.osm_nodes) if pair in roads}
    best: dict[str, tuple[float, Point, Point]] = {}
    for road in basemap.roads_within(*frame.corners):
        if not road.name or (road.name not in ours and road.highway in ("footway", "path", "steps", "track")):
            continue
        run = _straightest([frame.at(p) for p in road.points], frame)
        if run and (road.name not in best or run[0] > best[road.name][0]):
            best[road.name] = run
    pdf.set_text_color(40, 40, 40)
    for name in [*(n for n in ours if n in best), *(n for n in best if n not in ours)]:
        pdf.set_font("helvetica", "", 8 if name in ours else 7)
        length, a, b = best[name]
        if length >= 0.8 * pdf.get_string_width(latin(name)):
            _along(pdf, frame, latin(name), (a, b) if b[0] >= a[0] else (b, a), 2.7 if name in driven else 0.0)


def _along(pdf: FPDF, frame: MapFrame, words: str, line: tuple[Point, Point], aside: float) -> None:
    """Words along a line, ``aside`` mm above it or else below it: over the tour's own line they would not be read."""
    (ax, ay), (bx, by) = line
    angle = math.atan2(by - ay, bx - ax)
    c, s = math.cos(angle), math.sin(angle)
    width = pdf.get_string_width(words)
    steps = max(1, math.ceil(width / 3))
    for push in (-aside, aside) if aside else (0.0,):
        x, y = (ax + bx) / 2 - push * s, (ay + by) / 2 + push * c
        chain = [(x + width * (k / steps - 0.5) * c, y + width * (k / steps - 0.5) * s) for k in range(steps + 1)]
        if not all(frame.holds(p, 1) for p in chain):
            continue
        if frame.free([(u - 1.7, v - 1.7, u + 1.7, v + 1.7) for u, v in chain]):
            with pdf.rotation(-math.degrees(angle), x, y):
                pdf.text(x - width / 2, y + 0.9, words)
            return


def _straightest(line: Sequence[Point], frame: MapFrame) -> tuple[float, Point, Point] | None:
    best: tuple[float, Point, Point] | None = None
    start: Point | None = None
    heading = 0.0
    for a, b in pairwise(line):
        if a == b:
            continue
        now = math.atan2(b[1] - a[1], b[0] - a[0])
        bend = abs((now - heading + math.pi) % (2 * math.pi) - math.pi)
        if start is None or bend > 0.35 or not frame.holds(a):
            start, heading = a, now
        length = math.dist(start, b)
        if frame.holds(b) and frame.holds(start) and (best is None or length > best[0]):
            best = (length, start, b)
    return best


@dataclass(frozen=True, slots=True)
class PlaceLabel:
    """Depot or site on the map: its mark, and the words in a box whose upper left corner is (``left``, ``top``).

    ``heading``: where the place lies as seen from its mark on the frame's edge, a unit vector; None: it is the mark.
    """

    words: str
    mark: Point
    heading: Point | None
    left: float
    top: float
    width: float

    @property
    def gap(self) -> float:
        """From the mark to the nearest point of the words' box, mm."""
        return _gap(self.mark, (self.left, self.top), self.width)


_LABEL_MM = 5.0


def _gap(at: Point, corner: Point, width: float) -> float:
    left, top = corner
    aside = max(left - at[0], 0.0, at[0] - left - width)
    return math.hypot(aside, max(top - at[1], 0.0, at[1] - top - _LABEL_MM))


def place_labels(pdf: FPDF, frame: MapFrame, basemap: Basemap, words: AreaWords, *, inside: bool) -> list[PlaceLabel]:
    """Depot and sites inside the frame, or those outside it with a mark on the edge; their place is taken."""
    pdf.set_font("helvetica", "B", 8)
    found = []
    for place in (*((words.depot,) if words.depot else ()), *words.sites):
        if place.osm_node not in basemap.places:
            continue
        at = frame.at(basemap.place(place.osm_node))
        if frame.holds(at, 2) != inside:
            continue
        mark, heading = at, None
        if not inside:
            mark = _edge(frame, at)
            off = math.dist(at, mark)
            heading = ((at[0] - mark[0]) / off, (at[1] - mark[1]) / off)
            frame.taken.append((mark[0] - 2, mark[1] - 2, mark[0] + 2, mark[1] + 2))
        written = latin(place.label)
        width = pdf.get_string_width(written) + 3
        left, top = _beside_mark(frame, mark, heading or (0.0, -1.0), width)
        found.append(PlaceLabel(written, mark, heading, left, top, width))
    return found


def _beside_mark(frame: MapFrame, mark: Point, heading: Point, width: float) -> Point:
    """The nearest free place for a label: inwards of an arrow and below a place where it can be."""
    (x, y), (c, s) = mark, heading
    least = (frame.x + 1, frame.y + 1)
    most = (max(least[0], frame.x + frame.w - width - 1), max(least[1], frame.y + frame.h - _LABEL_MM - 1))

    def held(left: float, top: float) -> Point:
        return min(max(left, least[0]), most[0]), min(max(top, least[1]), most[1])

    wanted = held(x - c * (width / 2 + 2.2) - width / 2, y - s * 4.7 - _LABEL_MM / 2)
    reach = range(-12, 13)
    around = {held(wanted[0] + 2.5 * i, wanted[1] + 2.5 * j): None for i in reach for j in reach}
    clear = [p for p in around if _gap(mark, p, width) >= 2.05]
    clear.sort(key=lambda p: (round(_gap(mark, p, width) / 2), math.dist(p, wanted)))
    return next((p for p in clear if frame.free([(*p, p[0] + width, p[1] + _LABEL_MM)])), wanted)


def _draw_label(pdf: FPDF, label: PlaceLabel) -> None:
    (x, y), left, top = label.mark, label.left, label.top
    pdf.set_fill_color(25, 25, 25)
    pdf.set_draw_color(25, 25, 25)
    pdf.set_line_width(0.3)
    if label.gap > 5:
        pdf.line(x, y, min(max(x, left), left + label.width), min(max(y, top), top + _LABEL_MM))
    pdf.set_draw_color(255, 255, 255)
    if label.heading is None:
        pdf.rect(x - 1.6, y - 1.6, 3.2, 3.2, "DF")
    else:
        c, s = label.heading
        corners = ((3.4, 0.0), (0.0, 2.0), (0.0, -2.0))
        pdf.polygon([(x + u * c - v * s, y + u * s + v * c) for u, v in corners], style="F")
    pdf.rect(left, top, label.width, _LABEL_MM, "F", round_corners=True, corner_radius=1)
    pdf.set_font("helvetica", "B", 8)
    pdf.set_text_color(255, 255, 255)
    pdf.text(left + 1.5, top + 3.5, label.words)
    pdf.set_text_color(0, 0, 0)


def _edge(frame: MapFrame, at: Point) -> Point:
    """Where the line from the frame's middle to a point outside crosses the frame, a little inside."""
    cx, cy = frame.x + frame.w / 2, frame.y + frame.h / 2
    dx, dy = at[0] - cx, at[1] - cy
    k = min((frame.w / 2 - 4) / abs(dx) if dx else math.inf, (frame.h / 2 - 4) / abs(dy) if dy else math.inf)
    return cx + k * dx, cy + k * dy


def _scale(pdf: FPDF, frame: MapFrame) -> None:
    length_m = next(m for m in (2000, 1000, 500, 200, 100, 50, 20) if m / frame.scale < frame.w / 4 or m == 20)
    x, y = frame.x + 4, frame.y + frame.h - 4
    pdf.set_fill_color(255, 255, 255)
    pdf.rect(x - 2, y - 5, length_m / frame.scale + 4, 7, "F")
    pdf.set_draw_color(0, 0, 0)
    pdf.set_line_width(0.5)
    pdf.line(x, y, x + length_m / frame.scale, y)
    pdf.set_font("helvetica", "", 7.5)
    pdf.text(x, y - 1.3, f"{length_m} m")
