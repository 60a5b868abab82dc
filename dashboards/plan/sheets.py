"""``sheets.pdf``: what the crew holds in the cab. Rows in driving order, big enough for an arm's length, and a map.

A4, fpdf2's core Helvetica (nothing to embed; Latin-1, see ``fleet.latin``). A tour is one sheet of paper: rows in two
columns on the front and on the back, the map below them. The type is the largest that leaves room for the map; only a
tour of more rows than a sheet holds goes on to a third page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from fpdf import FPDF

from dashboards.plan.drawing import disc, draw_map, triangle
from dashboards.plan.rows import CLOSED, RowNote, SheetRow, ViaStreet, sheet_rows
from dashboards.shared import (
    AreaWords,
    Basemap,
    LonLat,
    catalogue,
    catalogue_text,
    format_day,
    format_distance,
    format_duration,
    format_mass,
    format_number,
    format_time,
    palette,
    short_street,
    tour_name,
)
from fleet import Flux, Plan, Tour, latin

WIDTH, HEIGHT, MARGIN, GUTTER = 210.0, 297.0, 7.0, 4.0
_INNER = WIDTH - 2 * MARGIN
COLUMN = (_INNER - GUTTER) / 2
_BOTTOM = HEIGHT - 9.0
#: Where things stand in a column: the time, the middle of the turn's arrow, the street seen from above, the words.
_TIME, _ARROW, _SIDE, _WORDS = 7.0, 21.0, 24.6, 31.0
#: Below this size a street's name is not read from the driver's seat.
_NAME_PT, _WORDS_PT = 11.0, 10.0
#: Letters narrower than this (percent) are not easily read; a longer name takes a second line.
_NARROWEST = 84
#: Notes that are said quietly or by a sign; the others are warnings with a triangle.
_CALM = ("oneway", "u_turn_before", "presentation", "foot", *CLOSED)
_COLUMN_HEAD = 6.0


@dataclass(frozen=True, slots=True)
class TypeSize:
    """Sizes of the rows, points and mm. ``kg``: whether rows tell their weight. ``map_mm``: the map that must fit."""

    main: float
    second: float
    line: float
    low: float
    gap: float
    kg: bool
    map_mm: float


#: From the most readable to the most compact.
TYPES = (
    TypeSize(main=13.0, second=11.0, line=5.5, low=4.8, gap=1.5, kg=True, map_mm=120.0),
    TypeSize(main=12.0, second=10.5, line=5.1, low=4.5, gap=1.1, kg=True, map_mm=108.0),
    TypeSize(main=11.5, second=10.0, line=4.9, low=4.3, gap=0.8, kg=True, map_mm=98.0),
    TypeSize(main=11.0, second=10.0, line=4.6, low=4.15, gap=0.6, kg=True, map_mm=90.0),
    TypeSize(main=11.0, second=10.0, line=4.6, low=4.1, gap=0.4, kg=False, map_mm=74.0),
)
#: A short tour stands on one page with a map of at least this height.
_ONE_PAGE_MAP_MM = 112.0


@dataclass(frozen=True, slots=True)
class FittedName:
    """How a name is written: points, and the width of its letters in percent."""

    pt: float
    stretch: int


@dataclass(frozen=True, slots=True)
class Block:
    """A row as it will stand: lines of a height in mm, each drawn at (left, top) of its line."""

    lines: tuple[tuple[float, Callable[[float, float], None]], ...]
    gap: float

    @property
    def height(self) -> float:
        return sum(height for height, _ in self.lines) + self.gap


@dataclass(frozen=True, slots=True)
class Layout:
    """Pages of columns of blocks; ``map_page``: whether the map has a page of its own."""

    pages: tuple[tuple[tuple[Block, ...], ...], ...]
    map_page: bool = False


def write_sheets(plan: Plan, basemap: Basemap, words: AreaWords, path: Path, lang: str) -> None:
    """Write the sheets of all tours into one PDF; ``KeyError`` where the basemap lacks a node of the plan."""
    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_margin(MARGIN)
    pdf.c_margin = 0
    pdf.set_title(latin(f"{catalogue_text('sheet_title', lang)} – {format_day(plan.date, lang)} – {words.name}"))
    pdf.set_lang(lang)
    # the plan's day and not now: the same plan gives the same file
    pdf.set_creation_date(datetime(plan.date.year, plan.date.month, plan.date.day, tzinfo=UTC))
    if not plan.tours:
        pdf.add_page()
        pdf.set_font("helvetica", "", 16)
        pdf.text(MARGIN, 30, latin(catalogue_text("no_tours", lang)))
    for index, tour in enumerate(plan.tours):
        _Sheet(pdf, plan, tour, basemap, words, lang, palette.tour_colour(index)).write()
    pdf.output(str(path))


class _Sheet:
    """One tour's pages. First measured, then drawn, so that the type can be chosen and "page 1 / 2" is known."""

    def __init__(self, pdf: FPDF, plan: Plan, tour: Tour, basemap: Basemap, words: AreaWords, lang: str, colour: str):
        self.pdf, self.plan, self.tour, self.basemap = pdf, plan, tour, basemap
        self.words, self.lang, self.colour = words, lang, colour
        truck = words.trucks.get(tour.truck)
        self.rows = sheet_rows(plan, tour, basemap, truck.height_m if truck else None)
        carried = {flux for row in self.rows for flux, kg in (row.kg or {}).items() if kg}
        self.flux = [flux for flux in words.flux if flux.name in carried]
        self.type = TYPES[0]
        self.widths: dict[tuple[str, float, bool, str], float] = {}  # measuring is most of the work
        self.cells: list[tuple[Flux, float, float]] = []  # flux, left edge in the column, width
        self.loads_at = COLUMN
        self.next_street = {id(a): self._first_street(b) for a, b in pairwise(self.rows)}
        self.last_row = {id(b): a for a, b in pairwise(self.rows)}

    # --- pages ---

    def write(self) -> None:
        points = self._points()
        layout = self._layout(bool(points))
        total = len(layout.pages) + layout.map_page
        y = MARGIN
        for n, columns in enumerate(layout.pages):
            self.pdf.add_page()
            self._foot(n + 1, total)
            top = self._head() if n == 0 else self._small_head()
            y = top
            for i, column in enumerate(columns):
                x = MARGIN + i * (COLUMN + GUTTER)
                if column:
                    y = max(y, self._column(column, x, top))
            if any(columns[1:]):
                self.pdf.set_draw_color(150, 150, 150)
                self.pdf.set_line_width(0.2)
                self.pdf.line(WIDTH / 2, top + 1, WIDTH / 2, y)
        if layout.map_page:
            self.pdf.add_page()
            self._foot(total, total)
            y = self._small_head()
        if points:
            box = (MARGIN, y + 2.5, _INNER, _BOTTOM - y - 2.5)
            draw_map(self.pdf, box, self.tour, self.rows, self.basemap, self.words, self.colour)

    def _points(self) -> list[LonLat]:
        nodes = [n for row in self.rows if row.kind == "collect" for n in row.osm_nodes]
        return [self.basemap.place(n) for n in nodes or [n for leg in self.tour.legs for n in leg.osm_nodes]]

    def _layout(self, has_map: bool) -> Layout:
        """The first of: one page, front and back with the largest type that leaves room for the map, more pages."""
        front, back = _BOTTOM - self._head_height(), _BOTTOM - MARGIN - 10.5
        for size in TYPES[:3]:
            halves = _balanced(self._blocks(size))
            if front - _highest(halves) >= (_ONE_PAGE_MAP_MM if has_map else 0):
                return Layout((halves,))
        for size in TYPES:
            blocks = self._blocks(size)
            if _highest(_balanced(blocks)) <= front:
                return Layout((_balanced(blocks),), has_map)
            first, rest = _filled(blocks, front)
            halves = _balanced(rest)
            if back - _highest(halves) >= (size.map_mm if has_map else 0):
                return Layout((first, halves))
        pages, rest = [first], rest
        while _highest(_balanced(rest)) > back:
            page, rest = _filled(rest, back)
            pages.append(page)
        if rest:
            pages.append(_balanced(rest))
        own = has_map and back - _highest(pages[-1]) < TYPES[-1].map_mm
        return Layout(tuple(pages), own)

    def _blocks(self, size: TypeSize) -> list[Block]:
        self.type = size
        self._place_cells()
        return [self._collect_block(row) if row.kind == "collect" else self._band_block(row) for row in self.rows]

    def _place_cells(self) -> None:
        """Columns of bags per flux at the right edge; a flux without bags is told in kg, and so is the row's sum."""
        bagged = any(flux.kg_per_bag is not None for flux in self.flux)
        x = COLUMN - (9.2 if self.type.kg and bagged else 0.0)
        self.cells = []
        for flux in reversed(self.flux[:4]):
            width = 10.0 if self._bagless(flux) else 7.6
            x -= width
            self.cells.insert(0, (flux, x, width))
        self.loads_at = x

    def _bagless(self, flux: Flux) -> bool:
        return flux.kg_per_bag is None or flux.bag_colour is None

    def _column(self, blocks: Sequence[Block], x: float, y: float) -> float:
        y = self._column_head(x, y)
        for block in blocks:
            top = y + block.gap / 2
            for height, draw in block.lines:
                draw(x, top)
                top += height
            y += block.height
            self.pdf.set_draw_color(185, 185, 185)
            self.pdf.set_line_width(0.15)
            self.pdf.line(x, y, x + COLUMN, y)
        return y

    def _column_head(self, x: float, y: float) -> float:
        pdf, lang = self.pdf, self.lang
        pdf.set_font("helvetica", "", 9)
        pdf.set_text_color(70, 70, 70)
        base = y + 4.4
        pdf.text(x + 0.5, base, latin(catalogue_text("number", lang)))
        pdf.text(x + _TIME, base, latin(catalogue_text("hour", lang)))
        pdf.text(x + _WORDS, base, latin(catalogue_text("street", lang)))
        bagged = [cell for cell in self.cells if not self._bagless(cell[0])]
        for flux, at, width in self.cells:
            self._square(flux, x + at + width / 2 - 1.8, y + 1.1, 3.6)
        if bagged:
            self._right(catalogue_text("bags", lang), x + bagged[0][1] - 1.0, base, 9)
        elif self.cells:
            self._right("kg", x + self.cells[0][1] - 1.0, base, 9)
        if bagged and self.type.kg:
            self._right("kg", x + COLUMN - 0.4, base, 9)
        pdf.set_text_color(0, 0, 0)
        pdf.set_draw_color(0, 0, 0)
        pdf.set_line_width(0.4)
        pdf.line(x, y + _COLUMN_HEAD - 0.4, x + COLUMN, y + _COLUMN_HEAD - 0.4)
        return y + _COLUMN_HEAD

    def _foot(self, page: int, total: int) -> None:
        """What the signs mean, and which page this is."""
        pdf, lang = self.pdf, self.lang
        base = pdf.h - 4.2
        pdf.set_font("helvetica", "", 9)
        pdf.set_text_color(60, 60, 60)
        triangle(pdf, MARGIN + 1.9, base - 1.2, 1.7)
        pdf.text(MARGIN + 4.6, base, latin(catalogue_text("sign_manoeuvre", lang)))
        x = MARGIN + 4.6 + pdf.get_string_width(latin(catalogue_text("sign_manoeuvre", lang))) + 5
        _walker(pdf, x + 1.2, base - 1.4)
        pdf.text(x + 4.0, base, latin(catalogue_text("sign_foot", lang)))
        x += 9.0 + pdf.get_string_width(latin(catalogue_text("sign_foot", lang)))
        self._point_sign(x, base - 1.3)
        pdf.text(x + 5.2, base, latin(catalogue_text("sign_presentation", lang)))
        pdf.set_text_color(60, 60, 60)
        self._right(
            f"{tour_name(self.tour)} - {catalogue_text('page', lang, n=page, total=total)}", pdf.w - MARGIN, base, 9
        )
        pdf.set_text_color(0, 0, 0)

    def _band(self, height: float, size: float) -> None:
        pdf = self.pdf
        pdf.set_fill_color(*palette.rgb(self.colour))
        pdf.rect(MARGIN, MARGIN, pdf.w - 2 * MARGIN, height, "F")
        pdf.set_text_color(*palette.ink_on(self.colour))
        on = latin(format_day(self.plan.date, self.lang))
        pdf.set_font("helvetica", "B", size * 0.62)
        date_width = pdf.get_string_width(on)
        pdf.set_font("helvetica", "B", size)
        baseline = MARGIN + height / 2 + pdf.font_size * 0.36
        self._fitted(tour_name(self.tour), MARGIN + 3, baseline, _INNER - date_width - 12, size, bold=True, least=10)
        pdf.set_font("helvetica", "B", size * 0.62)
        self._right(on, pdf.w - MARGIN - 3, baseline)
        pdf.set_text_color(0, 0, 0)

    def _small_head(self) -> float:
        self._band(8.5, 16)
        return MARGIN + 9.5

    def _head_height(self) -> float:
        return MARGIN + 27.5 + 6.2 * (-(-len(self.flux) // self._flux_a_line()))

    def _head(self) -> float:
        """Tour, day, truck, people, times, totals, and one coloured square for each bag."""
        pdf, lang, tour = self.pdf, self.lang, self.tour
        self._band(14, 28)
        crew = tour.driver or catalogue_text("nobody", lang)
        if tour.loaders:
            crew += " + " + catalogue_text("one_loader" if tour.loaders == 1 else "n_loaders", lang, n=tour.loaders)
        times = f"{format_time(tour.start_at, self.plan.timezone)} - {format_time(tour.end_at, self.plan.timezone)}"
        km = sum(leg.length_m for leg in tour.legs if leg.mode == "truck")
        trips = sum(leg.kind == "unload" for leg in tour.legs)
        totals = self._totals()
        expected = f"{format_distance(km, lang)}, {trips} {catalogue_text('trip' if trips == 1 else 'trips', lang)}"
        facts = (
            (catalogue_text("truck", lang), tour.truck, 24.0),
            (catalogue_text("driver", lang), crew, 62.0),
            (catalogue_text("start_end", lang), times, 42.0),
            (catalogue_text("expected", lang), f"{expected}, {format_mass(sum(totals.values()), lang)}", 68.0),
        )  # fmt: skip
        x = MARGIN
        for label, value, width in facts:
            pdf.set_font("helvetica", "", 9)
            pdf.set_text_color(80, 80, 80)
            pdf.text(x, MARGIN + 18.2, latin(label))
            pdf.set_text_color(0, 0, 0)
            self._fitted(value, x, MARGIN + 24, width - 2, 15, bold=True)
            x += width
        y = MARGIN + 26.3
        each = self._flux_a_line()
        for i, flux in enumerate(self.flux):
            x, at = MARGIN + (i % each) * _INNER / each, y + (i // each) * 6.2
            self._square(flux, x, at, 4.8)
            self._fitted(self._expected(flux), x + 6, at + 3.9, _INNER / each - 8, 12, least=8)
        return self._head_height()

    def _expected(self, flux: Flux) -> str:
        kg = self._totals()[flux.name]
        bags = self.words.bags(flux.name, kg)
        count = catalogue_text("bag_count", self.lang, n=format_number(bags, self.lang)) if bags is not None else ""
        return f"{flux.label} : {count or catalogue_text('without_bag', self.lang)}, {format_mass(kg, self.lang)}"

    def _flux_a_line(self) -> int:
        fits = all(self._wide(self._expected(flux), _WORDS_PT) <= _INNER / 3 - 8 for flux in self.flux)
        return 3 if fits else 2

    def _totals(self) -> dict[str, float]:
        totals = dict.fromkeys((flux.name for flux in self.words.flux), 0.0)
        for row in self.rows:
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
            pdf.set_fill_color(255, 255, 255)
            pdf.rect(x, y, size, size, "DF")
            pdf.line(x, y + size, x + size, y)

    # --- rows ---

    def _collect_block(self, row: SheetRow) -> Block:
        """The way to it, what happens before, then name, loads, second words, warnings on as few lines as hold them."""
        size, lines = self.type, [*self._via_lines(row), *self._warning_lines(row, before=True)]
        title, second = self._title(row), self._second(row)
        warnings = [self._warning(note) for note in row.notes if self._warns(note) and not _is_before(note)]
        sign = 5.4 if RowNote("oneway") in row.notes else 0.0
        beside, whole = self.loads_at - _WORDS - 1.5, COLUMN - _WORDS
        name = self._sized(title, beside - sign) or self._sized(title, whole - sign) or FittedName(_NAME_PT, 100)
        names = self._wrapped(title, name.pt, True, whole - sign) if name.stretch == 100 else [title]
        name_mm = self._wide(names[-1], name.pt, True) * name.stretch / 100 + sign
        one_line = len(names) == 1 and name_mm <= beside
        room = (beside if one_line else whole) - name_mm - 2.0
        tail = second if second and self._wide(second, size.second) <= room else ""
        rest = "" if tail else second
        for i, words in enumerate(names):
            last = i == len(names) - 1
            lines.append((
                size.line + (0.2 if i else 0.0),
                self._name_line(row, words, name, i == 0, last and sign > 0, tail if last else "", last and one_line),
            ))  # fmt: skip
        if not one_line:
            lines.append((size.low + 0.5, self._loads_line(row, rest, "" if rest else warnings[:1])))
            used = not rest and bool(warnings[:1]) and self._warning_fits(warnings[0])
            warnings = warnings[1:] if used else warnings
        elif rest:
            lines.append((size.low, self._words_line(rest)))
        lines += [self._warning_line(words) for words in warnings]
        lines += [self._closed_line(words) for words in self._closed_words(row)]
        return Block(tuple(lines), 2 * size.gap)

    def _sized(self, title: str, room: float) -> FittedName | None:
        """How to write a name into ``room`` mm: smaller, then narrower; None where neither does."""
        pt = self.type.main
        while pt > _NAME_PT and self._wide(title, pt, True) > room:
            pt = max(_NAME_PT, pt - 0.5)
        width = self._wide(title, pt, True)
        stretch = 100 if width <= room else int(100 * room / width)
        return FittedName(pt, stretch) if stretch >= _NARROWEST else None

    def _name_line(
        self, row: SheetRow, name: str, sized: FittedName, first: bool, oneway: bool, tail: str, loads: bool
    ) -> Callable[[float, float], None]:
        size, pdf = self.type, self.pdf

        def draw(x: float, y: float) -> None:
            middle = y + size.line / 2
            base = middle + size.main * 0.3528 * 0.36
            if first:
                pdf.set_font("helvetica", "B", 10 if (row.number or 0) < 100 else 9)
                pdf.set_line_width(0.1)
                disc(pdf, x + 3.1, middle, 2.6, str(row.number), self.colour)
                pdf.set_font("helvetica", "", min(size.main, 12))  # the arrow stands close
                pdf.text(x + _TIME, base, format_time(row.start_at, self.plan.timezone))
                self._turn(row.turn, x + _ARROW, middle, 4.6, (0, 0, 0))
                self._side(row, x + _SIDE, middle)
            pdf.set_stretching(sized.stretch)
            pdf.set_font("helvetica", "B", sized.pt)
            pdf.text(x + _WORDS, base, latin(name))
            at = x + _WORDS + pdf.get_string_width(latin(name))
            pdf.set_stretching(100)
            if oneway:
                self._oneway(at + 1.5, middle)
                at += 5.4
            if tail:
                pdf.set_font("helvetica", "", size.second)
                pdf.text(at + 2.0, base, latin(tail))
            if loads:
                self._loads(row, x, middle)

        return draw

    def _loads_line(self, row: SheetRow, words: str, warnings: Sequence[str]) -> Callable[[float, float], None]:
        size = self.type

        def draw(x: float, y: float) -> None:
            if words:
                # words too long for their column begin under the time
                left = max(_TIME, min(_WORDS, self.loads_at - 1.5 - self._wide(words, size.second)))
                self._fitted(
                    words, x + left, y + size.low * 0.78, self.loads_at - left - 1.5, size.second, least=_WORDS_PT
                )
            elif warnings and self._warning_fits(warnings[0]):
                self._draw_warning(warnings[0], x, y, self.loads_at - 1.5)
            self._loads(row, x, y + size.low / 2)

        return draw

    def _words_line(self, words: str) -> Callable[[float, float], None]:
        size = self.type

        def draw(x: float, y: float) -> None:
            self._fitted(words, x + _WORDS, y + size.low * 0.76, COLUMN - _WORDS, size.second, least=_WORDS_PT)

        return draw

    # --- warnings ---

    def _warns(self, note: RowNote) -> bool:
        return note.key not in _CALM

    def _warning(self, note: RowNote) -> str:
        """Its words; where a manoeuvre is made is left out where it does not fit on a line."""
        words = catalogue.row_note_text(note.key, self.lang, note.m, note.seconds, note.street)
        if self._warning_width(words) <= COLUMN:
            return words
        return catalogue.row_note_text(note.key, self.lang, note.m, note.seconds)

    def _warning_lines(self, row: SheetRow, before: bool) -> list[tuple[float, Callable[[float, float], None]]]:
        notes = [note for note in row.notes if self._warns(note) and _is_before(note) == before]
        return [self._warning_line(self._warning(note)) for note in notes]

    def _warning_line(self, words: str) -> tuple[float, Callable[[float, float], None]]:
        def draw(x: float, y: float) -> None:
            self._draw_warning(words, x, y, COLUMN)

        return self.type.low + 0.7, draw

    def _warning_width(self, words: str) -> float:
        return self._wide(words, self.type.second, True) + 7.0

    def _warning_fits(self, words: str) -> bool:
        return self._warning_width(words) <= self.loads_at - _TIME - 1.5

    def _draw_warning(self, words: str, x: float, y: float, room: float) -> None:
        """Black on yellow in a frame, so that a black and white print shows it too; begun further left where long."""
        pdf, size = self.pdf, self.type
        width = min(self._warning_width(words), room)
        left = x + min(_WORDS, room - width)
        pdf.set_fill_color(255, 226, 130)
        pdf.set_draw_color(0, 0, 0)
        pdf.set_line_width(0.25)
        pdf.rect(left, y + 0.15, width, size.low + 0.2, "DF")
        triangle(pdf, left + 3.0, y + size.low / 2 + 0.35, 1.6)
        self._fitted(words, left + 5.8, y + size.low * 0.5 + size.second * 0.3528 * 0.36 + 0.25, width - 6.2,
                     size.second, bold=True, least=_WORDS_PT)  # fmt: skip

    # --- closed hours ---

    def _closed_words(self, row: SheetRow) -> list[str]:
        """The hours in which the street is not collected, as many on a line as are read whole there."""
        lines: list[str] = []
        for note in (note for note in row.notes if note.key in CLOSED):
            words = self._warning(note)
            too = (
                catalogue.row_note_text("closed_too", self.lang, None, note.seconds) if note.key == "closed" else words
            )
            longer = f"{lines[-1]} {too}" if lines else words
            if lines and self._wide(longer, _WORDS_PT, True) + 5.2 <= COLUMN:
                lines[-1] = longer
            else:
                lines.append(words)
        return lines

    def _closed_line(self, words: str) -> tuple[float, Callable[[float, float], None]]:
        """Behind the sign for no entry; begun further left where long."""
        size = self.type

        def draw(x: float, y: float) -> None:
            pdf, middle = self.pdf, y + size.low / 2
            left = x + min(_WORDS, COLUMN - 5.2 - self._wide(words, _WORDS_PT, True))
            pdf.set_fill_color(190, 0, 0)
            pdf.circle(left + 1.9, middle, 1.8, "F")
            pdf.set_fill_color(255, 255, 255)
            pdf.rect(left + 0.7, middle - 0.35, 2.4, 0.7, "F")
            pdf.set_font("helvetica", "B", _WORDS_PT)
            pdf.text(left + 4.8, middle + _WORDS_PT * 0.3528 * 0.36, latin(words))

        return size.low, draw

    # --- words of a row ---

    def _title(self, row: SheetRow) -> str:
        name = short_street(row.street, self.lang) if row.street else catalogue_text("no_name_short", self.lang)
        if row.task_kind in ("drop_off", "pickup"):
            name = f"{catalogue_text(row.task_kind, self.lang)} : {name}"
        return name

    def _first_street(self, row: SheetRow) -> str:
        """The street that the way to a row begins with."""
        return row.via[0].street if row.via else row.street if row.kind == "collect" else ""

    def _second(self, row: SheetRow) -> str:
        """Where a row begins and ends, where the rows around it do not say so; its containers."""
        lang = self.lang
        last = self.last_row.get(id(row))
        came = (
            (row.via[-1].street if row.via else last.street if last and last.kind == "collect" else "") if last else ""
        )
        plain = row.turn in ("left", "right", "back") or row.from_street in ("", came) or row.street == came
        a = "" if plain else short_street(row.from_street, lang)
        told_next = row.to_street == self.next_street.get(id(row)) and not row.returns
        b = "" if told_next and row.street else short_street(row.to_street, lang)
        if not row.street:
            a, b = short_street(row.from_street, lang), short_street(row.to_street, lang)
        parts = []
        if row.task_kind != "street":
            near = short_street(row.from_street, lang)
            parts.append(catalogue_text("near", lang, a=near) if near and near != self._title(row) else "")
        else:
            ends = (
                catalogue_text("from_to", lang, a=a, b=b)
                if a and b and a != b
                else catalogue_text("to", lang, b=b)
                if b
                else ""
            )
            parts.append(" ".join(filter(None, (catalogue_text("there_and_back", lang) if row.returns else "", ends))))
            parts.append(catalogue_text("from", lang, a=a) if a and not ends else "")
        parts = [self._warning(note) for note in row.notes if note.key == "foot"] or parts
        if row.containers:
            parts.append(catalogue_text("containers", lang, n=row.containers))
        parts += [self._warning(note) for note in row.notes if note.key == "u_turn_before" and row.turn != "back"]
        return ", ".join(part for part in parts if part)

    # --- the way to a row ---

    def _via_lines(self, row: SheetRow) -> list[tuple[float, Callable[[float, float], None]]]:
        """One line: how far, and the streets with their turns; of a long way the longest streets and the last."""
        if not row.via:
            return []
        size = self.type
        how_far = f"{format_distance(row.via_m, self.lang)} :"
        kept: list[tuple[ViaStreet, bool]] = [
            (via, False) for via in row.via
        ]  # with: whether streets before it are left out
        while len(kept) > 1 and self._via_width(how_far, kept) > COLUMN - _TIME:
            least = min(range(len(kept) - 1), key=lambda i: kept[i][0].length_m)
            kept[least + 1] = (kept[least + 1][0], True)
            del kept[least]

        def draw(x: float, y: float) -> None:
            pdf = self.pdf
            at, base = x + _TIME, y + size.low * 0.78
            pdf.set_text_color(50, 50, 50)
            pdf.set_font("helvetica", "I", _WORDS_PT)
            pdf.text(at, base, latin(how_far))
            at += pdf.get_string_width(latin(how_far)) + 1.2
            for via, after_gap in kept:
                if after_gap:
                    pdf.text(at, base, "...")
                    at += 3.2
                elif via.turn:
                    self._turn(via.turn, at + 1.7, y + size.low * 0.5, 3.3, (50, 50, 50))
                    at += 4.1
                name = latin(short_street(via.street, self.lang))
                pdf.set_font("helvetica", "I", _WORDS_PT)
                if via is kept[-1][0]:
                    self._fitted(name, at, base, x + COLUMN - at, _WORDS_PT, style="I", least=9)
                else:
                    pdf.text(at, base, name)
                at += pdf.get_string_width(name) + 1.8
            pdf.set_text_color(0, 0, 0)

        return [(size.low, draw)]

    def _via_width(self, how_far: str, kept: Sequence[tuple[ViaStreet, bool]]) -> float:
        width = self._wide(how_far, _WORDS_PT, style="I") + 1.2
        for via, gap in kept:
            width += self._wide(short_street(via.street, self.lang), _WORDS_PT, style="I") + 1.8
            width += 3.2 if gap else 4.1 if via.turn else 0.0
        return width - 1.8

    # --- bands: unloading, break, waiting, start and end of service ---

    def _band_block(self, row: SheetRow) -> Block:
        size = self.type
        lines = [*self._via_lines(row), *self._warning_lines(row, before=True), *self._warning_lines(row, before=False)]
        fill = {"unload": (35, 35, 35), "break": (255, 232, 140), "wait": (255, 246, 214)}.get(
            row.kind, (222, 222, 222)
        )
        ink = (255, 255, 255) if row.kind == "unload" else (0, 0, 0)
        high = size.line + 1.2

        def head(x: float, y: float) -> None:
            pdf = self.pdf
            pdf.set_fill_color(*fill)
            pdf.rect(x, y, COLUMN, high, "F")
            pdf.set_text_color(*ink)
            base = y + high / 2 + size.main * 0.3528 * 0.36
            pdf.set_font("helvetica", "B", size.main)
            pdf.text(x + _TIME, base, format_time(row.start_at, self.plan.timezone))
            until = f"> {format_time(row.end_at, self.plan.timezone)}"
            pdf.set_font("helvetica", "", size.main)
            room = COLUMN - 20.5 - pdf.get_string_width(until) - 3
            self._right(until, x + COLUMN - 1.5, base)
            self._fitted(self._band_title(row), x + 20.5, base, room, size.main, bold=True, least=_WORDS_PT)
            pdf.set_text_color(0, 0, 0)

        lines.append((high, head))
        found = [(flux, kg) for flux in self.flux if (kg := (row.kg or {}).get(flux.name, 0.0))]
        each = 3 if len(found) <= 3 else 2
        starts = range(0, len(found) if row.kind == "unload" else 0, each)
        lines += [(size.low + 1.0, self._weighed_line(found[i : i + each], each)) for i in starts]
        return Block(tuple(lines), 2 * size.gap if row.via else size.gap)

    def _weighed_line(self, found: Sequence[tuple[Flux, float]], each: int) -> Callable[[float, float], None]:
        """What is unloaded: bags and kg of each flux, on the band's black."""
        size, pdf = self.type, self.pdf

        def draw(x: float, y: float) -> None:
            pdf.set_fill_color(35, 35, 35)
            pdf.rect(x, y - 0.1, COLUMN, size.low + 1.1, "F")
            for k, (flux, kg) in enumerate(found):
                at = x + 1.5 + k * (COLUMN - 1.5) / each
                self._square(flux, at, y + 0.5, 3.4)
                bags = self.words.bags(flux.name, kg)
                weight = f"{format_number(kg, self.lang)} kg"
                words = f"{format_number(bags, self.lang)} = {weight}" if bags is not None else weight
                pdf.set_text_color(255, 255, 255)
                self._fitted(words, at + 4.5, y + size.low * 0.74, (COLUMN - 1.5) / each - 5.5, 10, least=8)
            pdf.set_text_color(0, 0, 0)

        return draw

    def _band_title(self, row: SheetRow) -> str:
        lang = self.lang
        if row.kind == "unload":
            return f"{catalogue_text('unload_trip', lang, trip=row.trip)} : {self.words.site_label(row.site)}"
        if row.kind == "depot":
            place = self.words.depot.label if self.words.depot else catalogue_text("depot", lang)
            return f"{catalogue_text('depot_start' if row.legs[0] == 0 else 'depot_end', lang)} : {place}"
        length = format_duration((row.end_at - row.start_at).total_seconds(), lang)
        kind = catalogue_text(row.kind, lang)
        return f"{kind.upper() if row.kind == 'break' else kind} {length}"

    # --- signs ---

    def _loads(self, row: SheetRow, x: float, middle: float) -> None:
        """Bags of each flux on the bag's colour, kilograms in all beside them."""
        pdf, size = self.pdf, self.type
        high = min(4.3, size.low + 0.1)
        base = middle + 10 * 0.3528 * 0.36
        for flux, at, width in self.cells:
            kg = (row.kg or {}).get(flux.name, 0.0)
            if not kg:
                continue
            bags = self.words.bags(flux.name, kg)
            pdf.set_draw_color(90, 90, 90)
            pdf.set_line_width(0.15)
            pdf.set_fill_color(*(palette.rgb(flux.bag_colour) if flux.bag_colour and bags is not None else (255,) * 3))
            pdf.rect(x + at + 0.2, middle - high / 2, width - 0.4, high, "DF")
            if flux.bag_colour and bags is not None:
                pdf.set_text_color(*palette.ink_on(flux.bag_colour))
            words = str(bags) if bags is not None else format_number(kg, self.lang)
            self._centred(words, x + at + width / 2, base, width - 0.6, 10.0)
            pdf.set_text_color(0, 0, 0)
        if size.kg and any(not self._bagless(flux) for flux in self.flux):
            self._right(f"{sum((row.kg or {}).values()):.0f}", x + COLUMN - 0.3, base, 10.0)

    def _point_sign(self, x: float, middle: float) -> None:
        """A presentation point: a black square with a P."""
        self.pdf.set_fill_color(0, 0, 0)
        self.pdf.rect(x, middle - 2.0, 4.0, 4.0, "F")
        self.pdf.set_text_color(255, 255, 255)
        size, style = self.pdf.font_size_pt, self.pdf.font_style
        self.pdf.set_font("helvetica", "B", 9.5)
        self.pdf.text(x + 0.9, middle + 1.2, "P")
        self.pdf.set_font("helvetica", style, size)
        self.pdf.set_text_color(0, 0, 0)

    def _side(self, row: SheetRow, x: float, middle: float) -> None:
        """A street seen from above, driving upwards, with a bar on each collected side; or someone walking; or a P."""
        pdf = self.pdf
        if row.task_kind == "presentation_point":
            self._point_sign(x + 0.4, middle)
            return
        if row.on_foot:
            _walker(pdf, x + 2.4, middle)
            return
        if row.task_kind != "street":
            return
        pdf.set_draw_color(120, 120, 120)
        pdf.set_line_width(0.2)
        pdf.rect(x + 1.3, middle - 2.2, 2.4, 4.4)
        self._turn("straight", x + 2.5, middle, 3.0, (120, 120, 120))
        pdf.set_fill_color(0, 0, 0)
        if row.side in ("left", "both"):
            pdf.rect(x, middle - 2.2, 1.2, 4.4, "F")
        if row.side in ("right", "both"):
            pdf.rect(x + 3.8, middle - 2.2, 1.2, 4.4, "F")

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

    def _wide(self, words: str, size: float, bold: bool = False, style: str = "") -> float:
        asked = (words, size, bold, style)
        if asked not in self.widths:
            self.pdf.set_font("helvetica", "B" if bold else style, size)
            self.widths[asked] = self.pdf.get_string_width(latin(words))
        return self.widths[asked]

    def _right(self, words: str, x: float, y: float, size: float | None = None) -> None:
        if size is not None:
            self.pdf.set_font("helvetica", "", size)
        self.pdf.text(x - self.pdf.get_string_width(latin(words)), y, latin(words))

    def _centred(self, words: str, x: float, y: float, width: float, size: float) -> None:
        while self._wide(words, size) > width and size > 8:
            size -= 0.5
        self.pdf.set_font("helvetica", "", size)
        self.pdf.text(x - self.pdf.get_string_width(latin(words)) / 2, y, latin(words))

    def _fitted(
        self, words: str, x: float, y: float, width: float, size: float, bold: bool = False, *, style: str = "",
        least: float = 8.0,
    ) -> None:  # fmt: skip
        """One line, set smaller where it would not fit (never below ``least``: then it is cut with dots)."""
        words = latin(words)
        self.pdf.set_font("helvetica", "B" if bold else style, size)
        while self.pdf.get_string_width(words) > width and size > least:
            size = max(least, size - 0.5)
            self.pdf.set_font_size(size)
        while self.pdf.get_string_width(words) > width and len(words) > 4:
            words = words[:-4].rstrip() + "..."
        self.pdf.text(x, y, words)

    def _wrapped(self, words: str, size: float, bold: bool, width: float) -> list[str]:
        self.pdf.set_font("helvetica", "B" if bold else "", size)
        lines = [""]
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.pdf.get_string_width(latin(longer)) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines


def _is_before(note: RowNote) -> bool:
    return note.key.endswith("_before")


def _walker(pdf: FPDF, x: float, y: float) -> None:
    """Someone walking, as on a road sign."""
    pdf.set_fill_color(0, 0, 0)
    pdf.set_draw_color(0, 0, 0)
    pdf.circle(x + 0.2, y - 1.9, 0.55, "F")
    pdf.set_line_width(0.55)
    pdf.line(x + 0.1, y - 1.2, x - 0.1, y + 0.4)
    pdf.polyline([(x - 1.2, y + 2.2), (x - 0.1, y + 0.4), (x + 0.9, y + 1.2), (x + 1.1, y + 2.3)])
    pdf.set_line_width(0.4)
    pdf.polyline([(x - 1.1, y + 0.1), (x, y - 1.0), (x + 1.2, y - 0.1)])


def _highest(columns: Sequence[Sequence[Block]]) -> float:
    return max((sum(block.height for block in column) + _COLUMN_HEAD for column in columns if column), default=0.0)


def _filled(blocks: Sequence[Block], height: float) -> tuple[tuple[tuple[Block, ...], ...], list[Block]]:
    """Two columns as full as they get, and what is left over."""
    rest = list(blocks)
    columns = []
    for _ in range(2):
        column, room = [], height - _COLUMN_HEAD
        while rest and rest[0].height <= room:
            room -= rest[0].height
            column.append(rest.pop(0))
        columns.append(tuple(column))
    return tuple(columns), rest


def _balanced(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], ...]:
    """Two columns, neither higher than need be."""
    splits = [(tuple(blocks[:i]), tuple(blocks[i:])) for i in range(len(blocks) + 1)]
    return min(splits, key=_highest)
