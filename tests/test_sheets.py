"""The crew's rows say what the legs do, and the sheets print all of them inside the paper."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from fpdf import FPDF

from dashboards.plan.drawing import MapFrame, beside, inset_frames, place_labels
from dashboards.plan.rows import CLOSED, RowNote, SheetRow, sheet_rows, turn_between
from dashboards.plan.sheets import TYPES, write_sheets
from dashboards.shared.basemap import Basemap, Road
from dashboards.shared.catalogue import row_note_text, short_street
from fleet import Plan, Task, Tour, latin
from tests.small_plan import Network, TourMaker, small_basemap, small_plan, small_words


def told(index: int = 0) -> tuple[SheetRow, ...]:
    plan = small_plan()
    return sheet_rows(plan, plan.tours[index], small_basemap(), 3.5)


def row_of(found: tuple[SheetRow, ...], street: str) -> SheetRow:
    return next(row for row in found if row.street == street)


# --- rows --------------------------------------------------------------------------------------------------------


def test_neighbouring_legs_on_one_street_and_side_become_one_row() -> None:
    row = row_of(told(), "Boulevard Princesse Charlotte")
    assert row.legs == (2, 3)
    assert row.kg == pytest.approx({"residual": 350.0, "packaging": 75.0, "food": 75.0})
    assert (row.from_street, row.to_street) == ("Avenue de Roqueville", "Avenue du Berceau")
    assert row.dwellings == 78 + 48


def test_every_leg_is_told_once_and_nothing_is_lost() -> None:
    plan = small_plan()
    for tour in plan.tours:
        found = sheet_rows(plan, tour, small_basemap(), 3.5)
        legs = [i for row in found for i in row.legs]
        assert legs == [i for i, leg in enumerate(tour.legs) if leg.kind != "drive"]
        assert [row.number for row in found if row.number] == list(
            range(1, sum(r.kind == "collect" for r in found) + 1)
        )
        kg = sum(sum((row.kg or {}).values()) for row in found if row.kind == "collect")
        assert kg == pytest.approx(sum(sum(leg.kg.values()) for leg in tour.legs if leg.kind == "collect"))
        assert sum(row.via_m for row in found) <= sum(leg.length_m for leg in tour.legs if leg.kind == "drive") + 1e-6


def test_a_street_left_by_a_turn_and_taken_again_the_other_way_is_a_new_row() -> None:
    found = [row for row in told() if row.street == "Boulevard Princesse Charlotte"]
    assert len(found) == 2
    assert found[1].legs == (17, 18)


def test_reversing_walking_one_ways_and_low_bridges_are_noted() -> None:
    dead_end = next(row for row in told() if row.notes and row.notes[0].key == "reverse")
    assert dead_end.street == "Rue des Lilas"
    assert dead_end.notes[0].m == pytest.approx(82.5, abs=1)
    assert dead_end.notes[0].node == 1759785856
    assert {note.key for note in row_of(told(), "Rue des Genêts").notes} == {"oneway", "height"}
    walked = next(row for row in told(1) if row.on_foot)
    assert [note.key for note in walked.notes] == ["foot"]
    assert walked.notes[0].m == pytest.approx(59.3, abs=1)
    assert RowNote("presentation") in row_of(told(1), "Escalier des Roses").notes


def dead_end_tour(*, reversing_m: float, back: bool) -> tuple[SheetRow, ...]:
    """An avenue, a dead end off it collected to its end (and back where ``back``), and on along the avenue."""
    avenue = Road("secondary", "Avenue", ((7.400, 43.73), (7.401, 43.73), (7.402, 43.73)), (1, 2, 3))
    end = Road("residential", "Impasse", ((7.401, 43.73), (7.401, 43.731), (7.401, 43.732)), (2, 20, 21))
    network = Network([avenue, end])
    maker = TourMaker(network, datetime(2026, 11, 23, 4, tzinfo=UTC), 1)
    kg = {"residual": 50.0}
    maker.collect(Task("in", "street", 1, (2, 20, 21), "right", kg, 9, "Impasse"))
    if back:
        maker.collect(Task("out", "street", 1, (21, 20, 2), "right", kg, 9, "Impasse"))
    maker.collect(Task("on", "street", 1, (2, 3), "right", kg, 9, "Avenue"))
    tour = maker.done("T1", "T1")
    turned = (
        next(i for i, leg in enumerate(tour.legs) if leg.kind == "drive" and leg.osm_nodes[0] == 21) if not back else -1
    )
    legs = [
        replace(leg, reversals=1, reversing_m=reversing_m) if i == turned else leg for i, leg in enumerate(tour.legs)
    ]
    if back:
        first = next(i for i, leg in enumerate(legs) if leg.task == "out")
        turn_round = replace(
            legs[first], kind="drive", task=None, side=None, kg={}, osm_nodes=(21,), length_m=0.0,
            end_at=legs[first].start_at, reversals=1, reversing_m=reversing_m,
        )  # fmt: skip
        legs.insert(first, turn_round)
    plan = replace(small_plan(), tasks=tuple(maker.tasks), tours=(replace(tour, legs=tuple(legs)),), unserved=())
    return sheet_rows(plan, plan.tours[0], Basemap((avenue, end), network.places), 3.5)


def test_a_street_left_in_reverse_says_so_itself() -> None:
    impasse, avenue = (row for row in dead_end_tour(reversing_m=222.0, back=False) if row.kind == "collect")
    assert [(note.key, note.m, note.node) for note in impasse.notes] == [("reverse", 222.0, 21)]
    assert avenue.notes == ()


def test_a_short_reversal_at_a_streets_end_is_a_three_point_turn() -> None:
    impasse, avenue = (row for row in dead_end_tour(reversing_m=25.0, back=False) if row.kind == "collect")
    assert [(note.key, note.node) for note in impasse.notes] == [("three_point", 21)]
    assert avenue.notes == ()


def test_a_street_collected_there_and_back_is_one_row() -> None:
    impasse, avenue = (row for row in dead_end_tour(reversing_m=25.0, back=True) if row.kind == "collect")
    assert impasse.returns
    assert impasse.kg == {"residual": 100.0}
    assert [(note.key, note.node) for note in impasse.notes] == [("three_point", 21)]
    assert (avenue.returns, avenue.number) == (False, 2)


def test_a_height_limit_far_above_the_truck_is_not_told() -> None:
    plan = small_plan()
    found = sheet_rows(plan, plan.tours[0], small_basemap(), 2.8)
    assert "height" not in {note.key for row in found for note in row.notes}


def test_turns_are_as_the_driver_sees_them() -> None:
    south_north = ((7.0, 43.0), (7.0, 43.001))
    assert turn_between(south_north, ((7.0, 43.001), (7.001, 43.001))) == "right"
    assert turn_between(south_north, ((7.0, 43.001), (6.999, 43.001))) == "left"
    assert turn_between(south_north, ((7.0, 43.001), (7.0, 43.002))) == "straight"
    assert turn_between(south_north, ((7.0, 43.001), (7.0, 43.0))) == "back"
    assert row_of(told(), "Avenue du Berceau").turn == "left"
    assert row_of(told(), "Rue des Genêts").turn == "right"


def test_the_way_without_collection_names_its_streets_and_turns() -> None:
    first = told()[1]
    assert [(via.street, via.turn) for via in first.via] == [
        ("Avenue du Maréchal Foch", None),
        ("Place de la Source", "left"),
        ("Rue de la Source", "left"),
        ("Avenue de Roqueville", "right"),
    ]


def test_a_gap_between_legs_is_told_as_waiting() -> None:
    wait = next(row for row in told(1) if row.kind == "wait")
    assert (wait.end_at - wait.start_at).total_seconds() == 7 * 60


# --- sheets ------------------------------------------------------------------------------------------------------


def sheets(folder: Path, plan: Plan, basemap: Basemap | None = None, lang: str = "fr") -> bytes:
    path = folder / "sheets.pdf"
    write_sheets(plan, basemap or small_basemap(), small_words(), path, lang)
    return path.read_bytes()


def pages(pdf: bytes) -> list[list[tuple[float, float, str]]]:
    """(x, y, words) of every text of every page; the core fonts' texts stand in the streams as Latin-1."""
    found = []
    for stream in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL):
        try:
            content = zlib.decompress(stream).decode("latin-1")
        except zlib.error:
            continue
        texts = re.findall(r"BT ([\d.-]+) ([\d.-]+) Td \[?\((.*?)(?<!\\)\)\]? T[jJ]", content)
        if texts:
            found.append([(float(x), float(y), re.sub(r"\\(.)", r"\1", words)) for x, y, words in texts])
    return found


def all_words(pdf: bytes) -> str:
    return "\n".join(words.replace("\xa0", " ") for page in pages(pdf) for _, _, words in page)


def test_the_sheet_names_tour_people_times_bags_and_every_street(tmp_path: Path) -> None:
    plan = small_plan()
    words = all_words(sheets(tmp_path, plan))
    for expected in (
        "T1-matin", "lundi 23 novembre 2026", "C. Martin + 2 équipiers", "05:00 - 07:15", "non affecté + 1 équipier",
        "Ordures résiduelles : 352 sacs, 1,8 t", "Verre : sans sac, 640 kg", "SORTIR EN MARCHE ARRIÈRE 80 m",
        "à pied 60 m", "HAUTEUR LIMITÉE 3,8 m", "Vidage 1 : Centre de tri optique", "296 = 1 477 kg",
        "Prise de service : Dépôt Foch", "Attente 7 min", "> 06:40", "270 m :", "Pl. de la Source",
        "manoeuvre : guide au sol",
    ):  # fmt: skip
        assert expected in words, expected
    for tour in plan.tours:
        for row in sheet_rows(plan, tour, small_basemap(), 3.5):
            assert latin(short_street(row.street, "fr")) in words.replace("\n", " ")


def test_the_sheet_speaks_english_too(tmp_path: Path) -> None:
    words = all_words(sheets(tmp_path, small_plan(), lang="en"))
    for expected in (
        "Monday 23 November 2026",
        "LEAVE IN REVERSE 80 m",
        "BREAK 20 min",
        "on foot 60 m",
        "manoeuvre: guide on foot",
    ):
        assert expected in words, expected


def test_a_short_tour_fits_on_one_page_with_its_map(tmp_path: Path) -> None:
    found = pages(sheets(tmp_path, small_plan()))
    assert len(found) == 2
    assert any(words == "T1-matin - page 1 / 1" for _, _, words in found[0])


def test_a_sheet_bears_the_shifts_name_and_the_day_once(tmp_path: Path) -> None:
    plan = small_plan()
    tours = tuple(replace(tour, id=f"2026-11-23-{tour.shift}") for tour in plan.tours)
    words = all_words(sheets(tmp_path, replace(plan, tours=tours)))
    assert "2026-11-23" not in words
    assert words.split("\n").count("T1-matin") == 1
    assert words.count("lundi 23 novembre 2026") == len(tours)


def test_letters_beyond_latin_1_never_stop_a_sheet(tmp_path: Path) -> None:
    assert latin("Sacré-Cœur – l’Hôtel…") == "Sacré-Coeur - l'Hôtel..."
    assert latin("Łódź, Şişli, Ōsaka") == "Lódz, Sisli, Osaka"
    assert latin("Straße Ü") == "Straße Ü"
    assert latin("улица") == "?????"
    plan = small_plan()
    tasks = (replace(plan.tasks[0], name="улица Œuvre (1)"), *plan.tasks[1:])
    assert "????? OEuvre (1)" in all_words(sheets(tmp_path, replace(plan, tasks=tasks)))


def test_the_same_plan_gives_the_same_sheets(tmp_path: Path) -> None:
    assert sheets(tmp_path, small_plan()) == sheets(tmp_path, small_plan())


def test_a_day_without_tours_says_so(tmp_path: Path) -> None:
    assert "Aucune tournée ce jour." in all_words(sheets(tmp_path, replace(small_plan(), tours=())))


def long_tour(streets: int) -> tuple[Plan, Basemap]:
    """A zigzag of streets: of every four one is only driven; every sixth that is collected is left in reverse."""
    corners = [(7.40 + 0.0004 * i, 43.73 + 0.0015 * (i % 2)) for i in range(2 * streets + 2)]
    roads, collected = [], []
    for i, (start, end) in enumerate(pairwise(corners)):
        name = "Rue de la Quatre-vingt-dix-neuvième-Dent" if i % 19 == 0 else f"Rue du Peigne {i}"
        roads.append(Road("residential", name, (start, end), (i + 1, i + 2)))
        if len(collected) < streets and i % 4 != 3:
            collected.append((i, roads[-1]))
    maker = TourMaker(Network(roads), datetime(2026, 11, 23, 4, tzinfo=UTC), len(corners))
    for k, (i, road) in enumerate(collected):
        kg = {"residual": 120.0, "packaging": 31.0, "food": 15.0}
        maker.collect(Task(f"t{i}", "street", 1, road.osm_nodes, "right", kg, 40, road.name), backs_out=k % 6 == 0)
        if k % 40 == 39:
            maker.unload(1, "S1").rest()
    tour: Tour = maker.done("T1-matin", "T1")
    plan = replace(small_plan(), tasks=tuple(maker.tasks), tours=(tour,), unserved=())
    return plan, Basemap(tuple(roads), Network(roads).places)


@pytest.mark.parametrize(("streets", "at_most"), [(3, 1), (40, 2), (95, 2), (180, 4)])
def test_a_long_tour_loses_no_row_and_stays_on_its_sheet_of_paper(tmp_path: Path, streets: int, at_most: int) -> None:
    plan, basemap = long_tour(streets)
    found = pages(sheets(tmp_path, plan, basemap))
    numbers = {words for page in found for x, _, words in page if x < 40 or 300 < x < 330 if words.isdigit()}
    assert {str(n) for n in range(1, streets + 1)} <= numbers
    for page in found:
        assert all(15 < x < 580 and 8 < y < 830 for x, y, _ in page)
    assert any(words.endswith(f"page {len(found)} / {len(found)}") for _, _, words in found[-1])
    assert len(found) <= at_most


def test_rows_are_large_enough_for_an_arms_length() -> None:
    assert min(size.main for size in TYPES) >= 11
    assert min(size.second for size in TYPES) >= 10
    assert [size.main for size in TYPES] == sorted((size.main for size in TYPES), reverse=True)


# --- the drawn map -----------------------------------------------------------------------------------------------


def test_a_collected_side_is_drawn_on_that_side() -> None:
    northwards = [(100.0, 200.0), (100.0, 100.0)]  # y grows downwards
    assert beside(northwards, 1.0) == [(101.0, 200.0), (101.0, 100.0)]
    assert beside(northwards, -1.0) == [(99.0, 200.0), (99.0, 100.0)]
    out_and_back = [(0.0, 0.0), (10.0, 0.0), (0.0, 0.0)]
    assert {round(y, 6) for _, y in beside(out_and_back, 1.0)} == {1.0, -1.0}


def test_the_frame_holds_all_that_is_collected() -> None:
    points = [(7.41, 43.73), (7.43, 43.731), (7.42, 43.76)]
    frame = MapFrame.around(points, 10, 10, 190, 120)
    assert all(frame.holds(frame.at(p), 5) for p in points)
    assert frame.at((7.42, 43.76))[1] < frame.at((7.42, 43.73))[1], "north is up"


def test_quarters_far_apart_get_frames_of_their_own_and_one_street_does_not() -> None:
    box = (7.0, 150.0, 196.0, 120.0)
    here = [[(7.40 + 0.0005 * i, 43.73), (7.40 + 0.0005 * i, 43.732)] for i in range(6)]
    far = [[(7.48 + 0.0005 * i, 43.77), (7.48 + 0.0005 * i, 43.772)] for i in range(6)]
    assert inset_frames(box, here) == []
    *quarters, whole = inset_frames(box, here + far)
    assert len(quarters) == 2
    assert all(frame.scale < whole.scale / 3 for frame in quarters)
    for line in here + far:
        assert whole.holds(whole.at(line[0]))
        assert any(frame.holds(frame.at(line[0])) and frame.holds(frame.at(line[1])) for frame in quarters)
    for frame in (*quarters, whole):
        assert frame.x >= 7
        assert frame.x + frame.w <= 203.01
        assert frame.y >= 150
        assert frame.y + frame.h <= 270.01


def test_a_site_beyond_the_map_has_its_label_at_its_arrow() -> None:
    pdf = FPDF(unit="mm")
    pdf.add_page()
    basemap, words = small_basemap(), small_words()
    lon, lat = basemap.place(words.sites[0].osm_node)
    box = (7.0, 150.0, 196.0, 120.0)
    for east, north in ((0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02), (0.02, 0.01)):
        frame = MapFrame.around([(lon + east, lat + north), (lon + east + 0.004, lat + north + 0.002)], *box)
        # the scale, the letter and a crowd in the middle
        frame.free([(7, 259, 64, 270)])
        frame.free([(7, 150, 13, 156)])
        frame.free([(40, 180, 170, 240)])
        found = place_labels(pdf, frame, basemap, words, inside=False)
        assert {label.words for label in found} == {"Dépôt Foch", "Centre de tri optique"}
        for label in found:
            assert label.heading is not None
            assert 2 <= label.gap <= 11, "the scale is 11 mm high, nothing else need part them"
            assert frame.holds((label.left, label.top))
            assert frame.holds((label.left + label.width, label.top + 5))


# --- closed hours ------------------------------------------------------------------------------------------------


def closed(*windows: tuple[int, int], street: str = "Avenue du Berceau") -> Plan:
    plan = small_plan()
    hours = tuple((a * 900, b * 900) for a, b in windows)
    return replace(
        plan, tasks=tuple(replace(task, windows=hours) if task.name == street else task for task in plan.tasks)
    )


def closed_notes(plan: Plan) -> list[tuple[RowNote, ...]]:
    found = sheet_rows(plan, plan.tours[0], small_basemap(), 3.5)
    return [tuple(n for n in row.notes if n.key in CLOSED) for row in found if any(n.key in CLOSED for n in row.notes)]


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (((0, 30), (34, 192)), ["PAS DE 07:30 À 08:30"]),
        (((0, 30), (34, 45), (55, 192)), ["PAS DE 07:30 À 08:30", "PAS DE 11:15 À 13:45"]),
        (((20, 192),), ["PAS AVANT 05:00"]),
        (((0, 44),), ["PAS APRÈS 11:00"]),
        (((0, 30), (34, 126), (130, 192)), ["PAS DE 07:30 À 08:30"]),  # the same on the next morning
        (((0, 192),), []),
    ],
)
def test_a_row_says_when_its_street_is_closed_not_when_it_is_open(
    windows: tuple[tuple[int, int], ...], said: list[str]
) -> None:
    notes = closed_notes(closed(*windows))
    for row in notes or [()]:
        assert [row_note_text(n.key, "fr", n.m, n.seconds) for n in row] == said


def test_streets_closed_alike_are_one_row_and_otherwise_two() -> None:
    bpc = "Boulevard Princesse Charlotte"
    alike = closed((0, 30), (34, 192), street=bpc)
    assert row_of(sheet_rows(alike, alike.tours[0], small_basemap()), bpc).legs == (2, 3)
    tasks = tuple(replace(t, windows=()) if t.id == "a2" else t for t in alike.tasks)
    one = replace(alike, tasks=tasks)
    assert row_of(sheet_rows(one, one.tours[0], small_basemap()), bpc).legs == (2,)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_sheet_prints_closed_hours_whole(tmp_path: Path, lang: str) -> None:
    plan = closed((0, 30), (34, 45), (55, 66), (70, 192))
    words = all_words(sheets(tmp_path, plan, lang=lang)).split("\n")
    for hours in (("07:30", "08:30"), ("11:15", "13:45"), ("16:30", "17:30")):
        line = next(line for line in words if hours[0] in line and line.startswith(("PAS DE", "NOT")))
        assert hours[1] in line
        assert not line.endswith("...")
