"""``sheets.pdf``: what the crew holds in the cab. Rows in driving order, big enough for an arm's length, and a map.

A4, fpdf2's core Helvetica (nothing to embed; Latin-1, see ``drawing.latin``). Every tour begins on a page of its own:
head, rows (as many pages as they need), the map below them or on a page of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from fpdf import FPDF

from dashboards import catalogue, palette
from dashboards.basemap import Basemap, LonLat
from dashboards.catalogue import AreaWords, clock, day, distance, mass, number, span, street, text
from dashboards.drawing import Frame, disc, draw_tour, latin
from dashboards.rows import Note, Row, rows
from fleet import Flux, Plan, Tour

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 10.0
_INNER = WIDTH - 2 * MARGIN
_BOTTOM = HEIGHT - 13.0
#: A map lower than this on the rest of a page says nothing; it gets its own page.
_MAP_MIN_MM = 112.0
#: Notes that are said quietly, among the second words; the others are warnings with a triangle.
_CALM = ("oneway", "window", "u_turn_before", "presentation")


@dataclass(frozen=True, slots=True)
class Type:
    """Sizes of the rows in points and mm: ``LARGE`` unless ``SMALL`` saves a page."""

    main: float
    second: float
    line: float
    gap: float


LARGE = Type(12.5, 10.5, 4.6, 1.3)
SMALL = Type(11.5, 10.0, 4.1, 0.9)


def write_sheets(plan: Plan, basemap: Basemap, words: AreaWords, path: Path, lang: str) -> None:
    """Write the sheets of all tours into one PDF; ``KeyError`` where the basemap lacks a node of the plan."""
    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_margin(MARGIN)
    pdf.c_margin = 0
    pdf.set_title(latin(f"{text('sheet_title', lang)} – {day(plan.date, lang)} – {words.name}"))
    pdf.set_lang(lang)
    # the plan's day and not now: the same plan gives the same file
    pdf.set_creation_date(datetime(plan.date.year, plan.date.month, plan.date.day, tzinfo=UTC))
    if not plan.tours:
        pdf.add_page()
        pdf.set_font("helvetica", "", 16)
        pdf.text(MARGIN, 30, latin(text("no_tours", lang)))
    for index, tour in enumerate(plan.tours):
        _Sheet(pdf, plan, tour, basemap, words, lang, palette.tour_colour(index)).write()
    pdf.output(str(path))


class _Sheet:
    """One tour's pages. First measured, then drawn, so that "page 1 / 3" is known and the type size can be chosen."""

    def __init__(self, pdf: FPDF, plan: Plan, tour: Tour, basemap: Basemap, words: AreaWords, lang: str, colour: str):
        self.pdf, self.plan, self.tour, self.basemap = pdf, plan, tour, basemap
        self.words, self.lang, self.colour = words, lang, colour
        truck = words.trucks.get(tour.truck)
        self.told = rows(plan, tour, basemap, truck.height_m if truck else None)
        carried = {flux for row in self.told for flux, kg in (row.kg or {}).items() if kg}
        self.flux = [flux for flux in words.flux if flux.name in carried]
        self.type = LARGE
        bags = sum(flux.kg_per_bag is not None for flux in self.flux)
        self.cells: list[tuple[Flux, float, float]] = []  # flux, left edge, width
        x = WIDTH - MARGIN - 0.8
        for flux in reversed(self.flux):
            width = 11.0 if flux.kg_per_bag is None else 17.0 if bags <= 3 else 15.0
            x -= width
            self.cells.insert(0, (flux, x, width))
        self.loads_at = x
        self.street_width = x - 21 - (MARGIN + 34)
        same = {id(b): a.street == b.street for a, b in pairwise(r for r in self.told if r.kind == "collect")}
        #: Rows entered by a turn, or going on along the last row's street, say by that where they begin.
        self.begins_plainly = {
            i for i, row in enumerate(self.told)
            if row.turn in ("left", "right", "back") or (same.get(id(row)) and not row.via_m)
        }  # fmt: skip
        self.place_of = {id(row): i for i, row in enumerate(self.told)}

    # --- pages ---

    def write(self) -> None:
        points = self._points()
        splits = []
        for size in (LARGE, SMALL):
            pages = self._split(size)
            own_page = bool(points) and not self._map_fits(points, self._rest(pages, size))
            splits.append((len(pages) + own_page, size is SMALL, pages, size, own_page))
        _, _, pages, self.type, own_page = min(splits, key=lambda split: split[:2])
        wide = own_page and self._wide(points)
        total = len(pages) + own_page
        y = MARGIN
        for n, page in enumerate(pages):
            self.pdf.add_page()
            self._foot(n + 1, total)
            y = self._head() if n == 0 else self._small_head()
            y = self._columns(y)
            for row in page:
                y = self._row(row, y)
        if own_page:
            self.pdf.add_page(orientation="landscape" if wide else "portrait")
            self._foot(total, total)
            y = self._small_head()
        if points:
            frame = Frame.around(points, MARGIN, y + 3, self.pdf.w - 2 * MARGIN, self.pdf.h - 13 - y - 3)
            draw_tour(self.pdf, frame, self.tour, self.told, self.basemap, self.words, self.colour)

    def _points(self) -> list[LonLat]:
        nodes = [n for row in self.told if row.kind == "collect" for n in row.osm_nodes]
        return [self.basemap.place(n) for n in nodes or [n for leg in self.tour.legs for n in leg.osm_nodes]]

    def _map_fits(self, points: Sequence[LonLat], rest_mm: float) -> bool:
        """Whether the rest of the last page holds the map, not much smaller than a page of its own would."""
        if rest_mm < _MAP_MIN_MM:
            return False
        own = min(Frame.around(points, 0, 0, w, h).scale for w, h in ((_INNER, 257.0), (277.0, 170.0)))
        return Frame.around(points, 0, 0, _INNER, rest_mm).scale <= 1.7 * own

    def _wide(self, points: Sequence[LonLat]) -> bool:
        portrait, landscape = (Frame.around(points, 0, 0, w, h).scale for w, h in ((_INNER, 257.0), (277.0, 170.0)))
        return landscape < 0.9 * portrait

    def _split(self, size: Type) -> list[list[Row]]:
        self.type = size
        pages: list[list[Row]] = [[]]
        y = self._top(0)
        for row in self.told:
            height = self._height(row)
            if y + height > _BOTTOM:
                pages.append([])
                y = self._top(len(pages) - 1)
            pages[-1].append(row)
            y += height
        return pages

    def _rest(self, pages: Sequence[Sequence[Row]], size: Type) -> float:
        self.type = size
        return _BOTTOM - 3 - self._top(len(pages) - 1) - sum(map(self._height, pages[-1]))

    def _top(self, page: int) -> float:
        return MARGIN + (36.5 + 7.5 * ((len(self.flux) + 1) // 2) if page == 0 else 12.0) + 11.0

    def _foot(self, n: int, total: int) -> None:
        pdf = self.pdf
        pdf.set_font("helvetica", "", 8)
        pdf.set_text_color(90, 90, 90)
        left = f"{self.words.name} - {day(self.plan.date, self.lang)} - {self.basemap.attribution}"
        pdf.text(MARGIN, pdf.h - 7, latin(left))
        page = f"{self.tour.id} - {text('page', self.lang, n=n, total=total)}"
        self._right(page, pdf.w - MARGIN, pdf.h - 7)
        pdf.set_text_color(0, 0, 0)

    def _band(self, height: float, size: float) -> None:
        pdf = self.pdf
        pdf.set_fill_color(*palette.rgb(self.colour))
        pdf.rect(MARGIN, MARGIN, pdf.w - 2 * MARGIN, height, "F")
        pdf.set_text_color(*palette.ink_on(self.colour))
        pdf.set_font("helvetica", "B", size)
        baseline = MARGIN + height / 2 + pdf.font_size * 0.36
        pdf.text(MARGIN + 4, baseline, latin(self.tour.id))
        pdf.set_font("helvetica", "B", size * 0.58)
        self._right(day(self.plan.date, self.lang), pdf.w - MARGIN - 4, baseline)
        pdf.set_text_color(0, 0, 0)

    def _small_head(self) -> float:
        self._band(10, 17)
        return MARGIN + 12.0

    def _head(self) -> float:
        """Tour, day, truck, people, times, totals, and one coloured square for each bag."""
        pdf, lang, tour = self.pdf, self.lang, self.tour
        self._band(17, 28)
        crew = tour.driver or text("nobody", lang)
        if tour.loaders:
            crew += " + " + text("one_loader" if tour.loaders == 1 else "n_loaders", lang, n=tour.loaders)
        times = f"{clock(tour.start_at, self.plan.timezone)} - {clock(tour.end_at, self.plan.timezone)}"
        km = sum(leg.length_m for leg in tour.legs if leg.mode == "truck")
        trips = sum(leg.kind == "unload" for leg in tour.legs)
        facts = (
            (text("truck", lang), tour.truck, 28.0),
            (text("driver", lang), crew, 70.0),
            (text("start_end", lang), times, 42.0),
            (text("expected", lang), f"{distance(km, lang)}, {trips} {text('trip' if trips == 1 else 'trips', lang)}",
             50.0),
        )  # fmt: skip
        x = MARGIN
        for label, value, width in facts:
            pdf.set_font("helvetica", "", 9.5)
            pdf.set_text_color(90, 90, 90)
            pdf.text(x, MARGIN + 23, latin(label))
            pdf.set_text_color(0, 0, 0)
            self._fitted(value, x, MARGIN + 29.5, width - 2, 15, bold=True)
            x += width
        y = MARGIN + 34
        totals = self._totals()
        for i, flux in enumerate(self.flux):
            x = MARGIN + (i % 2) * _INNER / 2
            self._square(flux, x, y + (i // 2) * 7.5, 6)
            bags = self.words.bags(flux.name, totals[flux.name])
            count = text("bag_count", lang, n=number(bags, lang)) if bags is not None else text("without_bag", lang)
            words = f"{flux.label} : {count}, {mass(totals[flux.name], lang)}"
            self._fitted(words, x + 8, y + (i // 2) * 7.5 + 4.6, _INNER / 2 - 10, 12.5)
        return MARGIN + 36.5 + 7.5 * ((len(self.flux) + 1) // 2)

    def _totals(self) -> dict[str, float]:
        totals = dict.fromkeys((flux.name for flux in self.words.flux), 0.0)
        for row in self.told:
            if row.kind == "collect":
                for flux, kg in (row.kg or {}).items():
                    totals[flux] = totals.get(flux, 0.0) + kg
        return totals

    def _square(self, flux: Flux, x: float, y: float, size: float) -> None:
        """The bag's colour; a crossed empty square where this flux has no bag."""
        pdf = self.pdf
        pdf.set_draw_color(40, 40, 40)
        pdf.set_line_width(0.3)
        if flux.bag_colour:
            pdf.set_fill_color(*palette.rgb(flux.bag_colour))
            pdf.rect(x, y, size, size, "DF")
        else:
            pdf.rect(x, y, size, size)
            pdf.line(x, y + size, x + size, y)

    def _columns(self, y: float) -> float:
        pdf, lang = self.pdf, self.lang
        pdf.set_font("helvetica", "", 9)
        pdf.set_text_color(70, 70, 70)
        base = y + 8.6
        pdf.text(MARGIN + 1.5, base, latin(text("number", lang)))
        pdf.text(MARGIN + 11.5, base, latin(text("hour", lang)))
        pdf.text(MARGIN + 34, base, latin(text("street", lang)))
        pdf.text(self.loads_at - 20, base, latin(text("side", lang)))
        for flux, x, width in self.cells:
            self._square(flux, x + width / 2 - 1.5, y + 0.6, 4.6)
            self._right("kg", x + width - 0.5, base, 9)
            if flux.kg_per_bag is not None:
                self._right(text("bags", lang), x + width * 0.54, base, 9)
        pdf.set_text_color(0, 0, 0)
        pdf.set_draw_color(0, 0, 0)
        pdf.set_line_width(0.5)
        pdf.line(MARGIN, y + 10, WIDTH - MARGIN, y + 10)
        return y + 11.0

    # --- rows ---

    def _height(self, row: Row) -> float:
        size = self.type
        if row.kind != "collect":
            ways = size.line * len(self._via_lines(row)) + self._notes_height(row)
            return size.line + 2.6 + 2 * size.gap + ways + (size.gap if ways else 0.0)
        lines = len(self._via_lines(row)) + len(self._second_lines(row))
        main = len(self._wrapped(self._title(row), size.main, True, self._room(row))) * (size.line + 0.7)
        return main + lines * size.line + self._notes_height(row) + 2 * size.gap

    def _notes_height(self, row: Row) -> float:
        return (self.type.line + 0.9) * sum(note.key not in _CALM for note in row.notes)

    def _row(self, row: Row, y: float) -> float:
        bottom = y + self._height(row)
        if row.kind == "collect":
            self._collect_row(row, y)
        else:
            self._band_row(row, y, bottom)
        self.pdf.set_draw_color(190, 190, 190)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN, bottom, WIDTH - MARGIN, bottom)
        return bottom

    def _title(self, row: Row) -> str:
        name = row.street or text("no_name", self.lang)
        if row.task_kind in ("presentation_point", "drop_off", "pickup"):
            name = f"{text(row.task_kind, self.lang)} : {name}"
        return name

    def _second(self, row: Row) -> str:
        a, b = street(row.from_street, self.lang), street(row.to_street, self.lang)
        parts = []
        plain = self.place_of[id(row)] in self.begins_plainly
        if row.kind != "collect":
            pass
        elif row.task_kind != "street":
            parts.append(text("near", self.lang, a=a) if a and a != street(row.street, self.lang) else "")
        elif plain and a and b and a != b:
            parts.append(text("to", self.lang, b=b))
        elif a and b and a != b:
            parts.append(text("from_to", self.lang, a=a, b=b))
        elif a or b:
            parts.append(text("to", self.lang, b=b) if b else "" if plain else text("from", self.lang, a=a))
        if row.containers:
            parts.append(text("containers", self.lang, n=row.containers))
        parts += [
            catalogue.note(note.key, self.lang, note.m, note.seconds)
            for note in row.notes
            if note.key in _CALM and not self._shown_by_sign(row, note)
        ]
        return ", ".join(part for part in parts if part)

    def _shown_by_sign(self, row: Row, note: Note) -> bool:
        return note.key == "oneway" or (note.key == "u_turn_before" and row.turn == "back")

    def _second_lines(self, row: Row) -> list[str]:
        """The words under the street; none where they fit beside it."""
        second = self._second(row)
        if not second or self._beside(row) is not None:
            return []
        return self._wrapped(second, self.type.second, False, self._room(row))

    def _room(self, row: Row) -> float:
        """The width of the street's column; points have no side, so they may use its column too."""
        return self.street_width + (0.0 if row.task_kind == "street" else 20.0)

    def _beside(self, row: Row) -> float | None:
        """How far right of the street's name its second words begin, where there is room for both in one line."""
        self.pdf.set_font("helvetica", "B", self.type.main)
        title = self.pdf.get_string_width(latin(self._title(row))) + 2.0 + 5.5 * (Note("oneway") in row.notes)
        self.pdf.set_font("helvetica", "", self.type.second)
        both = title + self.pdf.get_string_width(latin(self._second(row)))
        return title if both <= self._room(row) - 1 else None

    def _via_lines(self, row: Row) -> list[list[tuple[str | None, str]]]:
        """The way to a row as lines of (turn, words), wrapped by hand because arrows are drawn between the words."""
        if not row.via:
            return []
        items = [(via.turn, street(via.street, self.lang)) for via in row.via]
        items.insert(0, (None, f"{distance(row.via_m, self.lang)} :"))
        width = WIDTH - MARGIN - (MARGIN + 34)  # nothing else stands on these lines
        self.pdf.set_font("helvetica", "I", self.type.second)
        lines: list[list[tuple[str | None, str]]] = [[]]
        x = 0.0
        for turn, words in items:
            length = self.pdf.get_string_width(latin(words)) + (7.5 if turn else 2.5)
            if lines[-1] and x + length > width:
                lines.append([])
                x = 0.0
            lines[-1].append((turn, words))
            x += length
        return lines

    def _via(self, row: Row, x: float, y: float) -> float:
        pdf = self.pdf
        for line in self._via_lines(row):
            at = x
            pdf.set_font("helvetica", "I", self.type.second)
            pdf.set_text_color(60, 60, 60)
            for turn, words in line:
                self._turn(turn, at + 1.7, y + self.type.line * 0.52, 3.4, (90, 90, 90))
                pdf.text(at + (4.6 if turn else 0), y + self.type.line * 0.8, latin(words))
                at += pdf.get_string_width(latin(words)) + (7.5 if turn else 2.5)
            y += self.type.line
        pdf.set_text_color(0, 0, 0)
        return y

    def _collect_row(self, row: Row, y: float) -> None:
        pdf, size = self.pdf, self.type
        y = self._via(row, MARGIN + 34, y + size.gap)
        middle = y + (size.line + 0.7) / 2
        base = middle + size.main * 0.3528 * 0.36
        pdf.set_font("helvetica", "B", size.main - 1)
        pdf.set_line_width(0.1)
        disc(pdf, MARGIN + 4.6, middle, 3.0, str(row.number), self.colour)
        pdf.set_font("helvetica", "", size.main)
        pdf.text(MARGIN + 10.5, base, clock(row.start_at, self.plan.timezone))
        self._turn(row.turn, MARGIN + 28.4, middle, 5.6, (0, 0, 0))
        self._side(row, self.loads_at - 20.5, middle)
        self._loads(row, base, size.main)
        beside = self._beside(row)
        if beside is not None:
            pdf.set_font("helvetica", "", size.second)
            pdf.set_text_color(60, 60, 60)
            pdf.text(MARGIN + 34 + beside, base, latin(self._second(row)))
            pdf.set_text_color(0, 0, 0)
        titles = self._wrapped(self._title(row), size.main, True, self._room(row))
        for line in titles:
            pdf.set_font("helvetica", "B", size.main)
            pdf.text(MARGIN + 34, base, latin(line))
            if line is titles[-1] and Note("oneway") in row.notes:
                self._oneway(MARGIN + 35.5 + pdf.get_string_width(latin(line)), base - 1.5)
            base += size.line + 0.7
            y += size.line + 0.7
        for line in self._second_lines(row):
            pdf.set_font("helvetica", "", size.second)
            pdf.set_text_color(60, 60, 60)
            pdf.text(MARGIN + 34, y + size.line * 0.75, latin(line))
            y += size.line
        pdf.set_text_color(0, 0, 0)
        self._notes(row, MARGIN + 34, y)

    def _band_row(self, row: Row, y: float, bottom: float) -> None:
        """Unloading, break, waiting, start and end of service: a band across the page."""
        pdf, size, lang = self.pdf, self.type, self.lang
        dark = row.kind == "unload"
        fill = {"unload": (40, 40, 40), "break": (255, 238, 170), "wait": (255, 246, 214)}.get(
            row.kind, (225, 225, 225)
        )
        ways = size.line * len(self._via_lines(row)) + self._notes_height(row)
        self._via(row, MARGIN + 34, y + size.gap * 0.6)
        self._notes(row, MARGIN + 34, y + size.gap * 0.6 + size.line * len(self._via_lines(row)))
        top = y + ways + (size.gap * 1.3 if ways else 0.3)
        pdf.set_fill_color(*fill)
        pdf.rect(MARGIN, top, _INNER, bottom - top - 0.3, "F")
        pdf.set_text_color(*((255, 255, 255) if dark else (0, 0, 0)))
        base = (top + bottom) / 2 + size.main * 0.3528 * 0.33
        pdf.set_font("helvetica", "", size.main)
        pdf.text(MARGIN + 10.5, base, clock(row.start_at, self.plan.timezone))
        width = self.street_width - 4 if dark else _INNER - 36
        self._fitted(self._band_title(row), MARGIN + 34, base, width, size.main, bold=True)
        if dark:
            until = text("until", lang, time=clock(row.end_at, self.plan.timezone))
            self._right(until, self.loads_at - 1.5, base, size.second - 0.5)
            for flux, x, cell in self.cells:
                kg = (row.kg or {}).get(flux.name, 0.0)
                if kg:
                    pdf.set_font("helvetica", "B", size.second)
                    self._right(number(kg, lang), x + cell - 0.5, base)
        pdf.set_text_color(0, 0, 0)

    def _band_title(self, row: Row) -> str:
        lang = self.lang
        if row.kind == "unload":
            return f"{text('unload_trip', lang, trip=row.trip)} : {self.words.site_label(row.site)}"
        if row.kind == "depot":
            first = row.legs[0] == 0
            place = self.words.depot.label if self.words.depot else text("depot", lang)
            end = "" if first else f", {text('until', lang, time=clock(row.end_at, self.plan.timezone))}"
            return f"{text('depot_start' if first else 'depot_end', lang)} : {place}{end}"
        end = text("until", lang, time=clock(row.end_at, self.plan.timezone))
        length = span((row.end_at - row.start_at).total_seconds(), lang)
        return f"{text(row.kind, lang).upper() if row.kind == 'break' else text(row.kind, lang)} {length}, {end}"

    def _loads(self, row: Row, base: float, size: float) -> None:
        """Bags in bold, kilograms beside them, in the flux's column."""
        pdf = self.pdf
        for flux, x, width in self.cells:
            kg = (row.kg or {}).get(flux.name, 0.0)
            if not kg:
                continue
            bags = self.words.bags(flux.name, kg)
            pdf.set_font("helvetica", "", size - (2.5 if kg < 999.5 else 4))
            self._right(f"{kg:.0f}", x + width - 0.5, base)
            if bags is not None:
                pdf.set_font("helvetica", "B", size if width > 16 else size - 1)
                self._right(str(bags), x + width * 0.54, base)

    def _notes(self, row: Row, x: float, y: float) -> None:
        pdf, size = self.pdf, self.type
        for note in row.notes:
            words = latin(catalogue.note(note.key, self.lang, note.m, note.seconds))
            if note.key in _CALM:
                continue
            pdf.set_font("helvetica", "B", size.second)
            pdf.set_fill_color(255, 221, 140)
            width = pdf.get_string_width(words) + 8
            pdf.rect(x, y + 0.2, width, size.line + 0.3, "F")
            pdf.set_draw_color(0, 0, 0)
            pdf.set_line_width(0.35)
            top, low = y + 0.9, y + size.line - 0.2
            pdf.polygon([(x + 1.2, low), (x + 4.8, low), (x + 3, top)], style="D")
            pdf.line(x + 3, top + 1.2, x + 3, low - 0.9)
            pdf.text(x + 6.2, y + size.line * 0.8, words)
            y += size.line + 0.9

    def _side(self, row: Row, x: float, middle: float) -> None:
        """A street seen from above, driving upwards, with a bar on each side that is collected; and the word."""
        pdf = self.pdf
        if row.on_foot or row.task_kind != "street":
            if row.on_foot:
                pdf.set_font("helvetica", "B", self.type.second)
                pdf.text(x, middle + 1.3, latin(text("foot", self.lang)))
            return
        pdf.set_draw_color(120, 120, 120)
        pdf.set_line_width(0.2)
        pdf.rect(x + 1.3, middle - 2.6, 2.6, 5.2)
        self._turn("straight", x + 2.6, middle, 3.2, (120, 120, 120))
        pdf.set_fill_color(*palette.rgb(self.colour))
        if row.side in ("left", "both"):
            pdf.rect(x, middle - 2.6, 1.1, 5.2, "F")
        if row.side in ("right", "both"):
            pdf.rect(x + 4.1, middle - 2.6, 1.1, 5.2, "F")
        pdf.set_font("helvetica", "", self.type.second)
        self._fitted(text(row.side or "both", self.lang), x + 6.3, middle + 1.3, 14, self.type.second)

    def _oneway(self, x: float, middle: float) -> None:
        """The road sign: a white arrow on a blue square."""
        self.pdf.set_fill_color(0, 70, 170)
        self.pdf.rect(x, middle - 1.9, 3.8, 3.8, "F")
        self._turn("straight", x + 1.9, middle, 3.0, (255, 255, 255))

    def _turn(self, turn: str | None, x: float, y: float, size: float, ink: tuple[int, int, int]) -> None:
        """An arrow around (x, y): straight on, bent to a side, or bent back."""
        pdf = self.pdf
        pdf.set_draw_color(*ink)
        pdf.set_fill_color(*ink)
        pdf.set_line_width(size * 0.13)
        h = size / 2
        head = size * 0.28
        if turn is None:
            return
        if turn == "straight":
            pdf.line(x, y + h, x, y - h + head)
            pdf.polygon([(x, y - h), (x - head, y - h + 1.4 * head), (x + head, y - h + 1.4 * head)], style="F")
            return
        if turn == "back":
            pdf.polyline([(x + h * 0.5, y + h), (x + h * 0.5, y - h * 0.7), (x - h * 0.5, y - h * 0.7),
                          (x - h * 0.5, y + h - head)])  # fmt: skip
            low, left = y + h, x - h * 0.5
            pdf.polygon([(left, low), (left - head, low - 1.4 * head), (left + head, low - 1.4 * head)], style="F")
            return
        way = 1 if turn == "right" else -1
        bend = y - h * 0.25
        pdf.polyline([(x - way * h * 0.55, y + h), (x - way * h * 0.55, bend), (x + way * (h - head), bend)])
        tip = x + way * h
        back = tip - way * 1.4 * head
        pdf.polygon([(tip, bend), (back, bend - head), (back, bend + head)], style="F")

    # --- words ---

    def _right(self, words: str, x: float, y: float, size: float | None = None) -> None:
        if size is not None:
            self.pdf.set_font("helvetica", "", size)
        self.pdf.text(x - self.pdf.get_string_width(latin(words)), y, latin(words))

    def _fitted(self, words: str, x: float, y: float, width: float, size: float, bold: bool = False) -> None:
        """One line, set smaller where it would not fit (never below 8 pt: then it is cut with dots)."""
        words = latin(words)
        self.pdf.set_font("helvetica", "B" if bold else "", size)
        while self.pdf.get_string_width(words) > width and size > 8:
            size -= 0.5
            self.pdf.set_font_size(size)
        while self.pdf.get_string_width(words) > width and len(words) > 4:
            words = words[:-4].rstrip() + "..."
        self.pdf.text(x, y, words)

    def _wrapped(self, words: str, size: float, bold: bool, width: float) -> list[str]:
        self.pdf.set_font("helvetica", "B" if bold else "", size)
        lines = [""]
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.pdf.get_string_width(latin(longer)) > width - 2:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines
