"""The plant operator's files: columns mapped, rows judged alone, imported twice without a double, matched to trips."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ripeur
from fleet import Ticket, new_id
from weighbridge.balance.sorting_file import read_sorting, sorting_format
from weighbridge.balance.ticket_file import TicketReading, read_tickets, ticket_format
from weighbridge.balance.trips import APART, Trip, match_tickets
from weighbridge.bridge.plate import KnownTruck

TRUCKS = {"T1": KnownTruck("T1", "AB-123-CD"), "T2": KnownTruck("T2", "EF-456-GH")}
MAPPING = """
[file]
encoding = "cp1252"
dates = "%d/%m/%Y %H:%M"
unit = "t"
skip_lines = 1
[columns]
number = "N° bon"
in = ["Date", "Entrée"]
out = ["Date", "Sortie"]
plate = "Immat."
product = "Produit"
gross = "Brut"
tare = "Tare"
net = "Net"
[flux]
"OMR" = "residual"
"EMB" = "packaging"
"""
HEADER = "Export du pont\nN° bon;Date;Entrée;Sortie;Immat.;Produit;Brut;Tare;Net\n"


def read(folder: Path, rows: str, mapping: str = MAPPING, encoding: str = "cp1252") -> TicketReading:
    (folder / "map.toml").write_text(mapping, encoding="utf-8")
    (folder / "tickets.csv").write_bytes((HEADER + rows).encode(encoding))
    return read_tickets(folder / "tickets.csv", ticket_format(folder / "map.toml"), "S1", TRUCKS)


def test_a_row_becomes_a_ticket_in_kilograms_and_utc(tmp_path: Path) -> None:
    reading = read(tmp_path, "1001;23/11/2026;07:02;07:15;ab 123 cd;OMR;17,46;12,34;5,12\n")
    (ticket,) = reading.tickets
    assert (ticket.number, ticket.truck, ticket.plate, ticket.product, ticket.flux) == (
        "1001", "T1", "ab 123 cd", "OMR", "residual",
    )  # fmt: skip
    assert (ticket.gross_kg, ticket.tare_kg, ticket.net_kg) == (17460, 12340, 5120)
    assert ticket.in_at == datetime(2026, 11, 23, 6, 2, tzinfo=UTC)
    assert ticket.at == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    assert reading.refused == reading.doubtful == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (";23/11/2026;07:02;07:15;AB;OMR;17,46;12,34;5,12", "number is empty"),
        ("1;23/11/2026;07:02;;AB;OMR;17,46;12,34;5,12", "must be written like %d/%m/%Y"),
        ("1;31/11/2026;07:02;07:15;AB;OMR;17,46;12,34;5,12", "must be written like"),
        ("1;23/11/2026;07:22;07:15;AB;OMR;17,46;12,34;5,12", "ends before it begins"),
        ("1;23/11/2026;07:02;07:15;AB;OMR;17,46;12,34;6,12", "must be gross - tare"),
        ("1;23/11/2026;07:02;07:15;AB;OMR;x;12,34;5,12", "gross = 'x', must be a number"),
        ("1;23/11/2026;07:02;07:15;AB;OMR;17.46;12,34;5,12", "decimal comma"),
        ("1;23/11/2026;07:02;07:15;AB;OMR;;;-2", "net = -2000 kg, must be 0 or more"),
        ("1;29/03/2026;02:30;02:40;AB;OMR;;;5", "an hour that Europe/Paris skipped"),
        ("1;23/11/2026;07:02;07:15;AB;OMR;;;999", "net_kg = 999000.0, must be from"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_others_count(tmp_path: Path, row: str, said: str) -> None:
    reading = read(tmp_path, f"{row}\n1002;23/11/2026;08:02;08:15;EF456GH;EMB;15,0;12,0;\n")
    assert [t.number for t in reading.tickets] == ["1002"]
    assert reading.tickets[0].net_kg == 3000
    (line,) = reading.refused
    assert line.startswith("row 3:")
    assert said in line


def test_importing_twice_makes_the_same_facts_and_a_mended_mapping_does_not_double_them(tmp_path: Path) -> None:
    rows = "1;23/11/2026;07:02;07:15;AB123CD;DIV;17,46;12,34;5,12\n" * 2
    once = read(tmp_path, rows)
    assert len(once.tickets) == 1
    assert once.unknown_products == {"DIV": 1}
    assert read(tmp_path, rows).tickets == once.tickets
    mended = read(tmp_path, rows, MAPPING + '"DIV" = "residual"\n')
    assert mended.tickets[0].id == once.tickets[0].id
    assert mended.tickets[0].flux == "residual"
    changed = read(tmp_path, rows.replace("12,34;5,12", "12,36;5,10"))
    assert changed.tickets[0].id != once.tickets[0].id


def test_the_hour_that_comes_twice_is_put_where_the_file_s_order_allows_it(tmp_path: Path) -> None:
    rows = [
        ("1", "01:50", "02:10"),  # 02:10 summer time, or winter time an hour later: nothing tells
        ("2", "02:20", "02:50"),
        ("3", "02:55", "02:05"),  # only out in winter time is after in
        ("4", "02:15", "02:30"),  # after ticket 3, so winter time
        ("5", "03:10", "03:30"),
    ]
    text = "".join(f"{n};25/10/2026;{a};{b};AB123CD;OMR;;;5\n" for n, a, b in rows)
    reading = read(tmp_path, text)
    times = [(t.in_at.strftime("%H:%M") if t.in_at else "", t.at.strftime("%H:%M")) for t in reading.tickets]
    assert times == [("23:50", "00:10"), ("00:20", "00:50"), ("00:55", "01:05"), ("01:15", "01:30"), ("02:10", "02:30")]
    assert [line[:6] for line in reading.doubtful] == ["row 3:", "row 4:"]


def test_strangers_are_shown(tmp_path: Path) -> None:
    reading = read(tmp_path, "1;23/11/2026;07:02;07:15;ZZ-9;OMR;;;5\n2;23/11/2026;07:02;07:15;AB123CD;OMR;;;5\n")
    assert [t.number for t in reading.strangers] == ["1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("skip_lines = 1", "skip_lines = 0"), "columns Brut"),
        (('net = "Net"', 'nett = "Net"'), "nett: unknown"),
        (('number = "N° bon"', ""), "number missing"),
        (('encoding = "cp1252"', 'encoding = "utf-8"'), "is not utf-8 at byte"),
        (('unit = "t"', 'unit = "st"'), "unit = 'st', must be one of kg, t, g, lb"),
        (('unit = "t"', "unit = 3"), "unit = 3, must be written like"),
        (('unit = "t"', 'timezone = "Mars"'), "timezone = 'Mars', must be one of the tz database"),
        (('encoding = "cp1252"', 'encoding = "morse"'), "encoding = 'morse', must be an encoding"),
        (('unit = "t"', 'decimal = "x"'), "decimal = 'x', must be a comma or a point"),
        (("[flux]", "[flux"), "map.toml"),
    ],
)
def test_a_mapping_that_does_not_fit_is_said(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read(tmp_path, "1;23/11/2026;07:02;07:15;AB;OMR;;;5\n", MAPPING.replace(*change))


@settings(max_examples=40)
@given(st.text(alphabet=st.characters(codec="cp1252"), max_size=200))
def test_junk_in_a_file_is_refused_and_never_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, junk: str
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "tickets.csv").write_bytes((HEADER + junk).encode("cp1252"))
    form = ticket_format(folder / "map.toml")
    with suppress(ValueError):  # the file as a whole is refused
        read_tickets(folder / "tickets.csv", form, "S1", TRUCKS)


SORTING = """
[file]
separator = ","
decimal = "."
dates = "%Y-%m-%d %H:%M"
[columns]
at = ["day", "end"]
from = ["day", "start"]
flux = "stream"
bags = "whole"
torn = "torn"
kg = "kg"
bales = "bales"
stock = "stock"
ticket = "load"
[flux]
R = "residual"
P = "packaging"
X = "residue"
"""


def test_a_sorting_report_and_a_sample_are_read(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(SORTING, encoding="utf-8")
    (tmp_path / "s.csv").write_text(
        "day,start,end,stream,whole,torn,kg,bales,stock,load\n"
        "2026-11-23,06:00,14:00,R,2100,90,18500.5,,400,\n"
        "2026-11-23,06:00,14:00,X,,,900,,,\n"
        "2026-11-23,07:00,07:20,P,180,12,270,,,S1-AAAA-000007\n"
        "2026-11-23,06:00,14:00,Q,1,1,1,,,\n"
        "2026-11-23,06:00,14:00,P,1.5,1,1,,,\n"
        "2026-11-23,06:00,14:00,P,,,,,,\n",
        encoding="utf-8",
    )
    reading = read_sorting(tmp_path / "s.csv", sorting_format(tmp_path / "map.toml"), "S1")
    residual, residue, sample = reading.facts
    assert (residual.bags, residual.torn_bags, residual.kg, residual.stock_kg) == (2100, 90, 18500.5, 400)
    assert residual.from_at == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert (residue.flux, residue.kg, sample.ticket) == ("residue", 900, "S1-AAAA-000007")
    assert [line[:6] for line in reading.refused] == ["row 5:", "row 6:", "row 7:"]


def ticket(number: str, minutes: float, truck: str | None = "T1") -> Ticket:
    at = datetime(2026, 11, 23, 6, tzinfo=UTC) + timedelta(minutes=minutes)
    return Ticket(id=new_id(at), at=at, site="S1", number=number, net_kg=1.0, truck=truck)


def trip(minutes: float, nth: int = 1, truck: str = "T1") -> Trip:
    return Trip(f"{truck}-am", truck, datetime(2026, 11, 23, 6, tzinfo=UTC) + timedelta(minutes=minutes), nth)


def test_tickets_are_matched_to_trips_by_truck_and_time_and_the_rest_is_shown() -> None:
    tickets = [ticket("a", 100), ticket("b", 230), ticket("late", 900), ticket("t2", 100, "T2"), ticket("?", 100, None)]
    trips = [trip(60), trip(240, 2), trip(500, 3)]
    pairing = match_tickets(tickets, trips)
    assert [(t.number, p.nth) for t, p in pairing.pairs] == [("a", 1), ("b", 2)]
    assert {t.number for t in pairing.tickets_alone} == {"late", "t2", "?"}
    assert pairing.trips_alone == (trips[2],)


@given(st.lists(st.integers(0, 900), max_size=6), st.lists(st.integers(0, 900), max_size=6))
def test_matching_takes_each_once_in_order_and_never_too_far(a: list[int], b: list[int]) -> None:
    pairing = match_tickets([ticket(str(k), m) for k, m in enumerate(a)], [trip(m, k) for k, m in enumerate(b)])
    assert len(pairing.pairs) + len(pairing.tickets_alone) == len(a)
    assert len(pairing.pairs) + len(pairing.trips_alone) == len(b)
    times = [(t.at, p.at) for t, p in pairing.pairs]
    assert times == sorted(times)
    assert [p for _, p in times] == sorted(p for _, p in times)
    assert all(abs(t - p) <= APART for t, p in times)


def test_the_command_writes_facts_and_tells_what_it_could_not_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(tmp_path, "1;23/11/2026;07:02;07:15;ZZ-9;DIV;;;5\n2;x;07:02;07:15;AB123CD;OMR;;;5\n")
    (tmp_path / "area.toml").write_text('[[trucks]]\nid = "T1"\nplate = "AB-123-CD"\n', encoding="utf-8")
    out = tmp_path / "facts.jsonl"
    code = ripeur.main(
        ["tickets", "import", str(tmp_path / "tickets.csv"), "--mapping", str(tmp_path / "map.toml"), "--site", "S1",
         "--trucks", str(tmp_path / "area.toml"), "--out", str(out)]
    )  # fmt: skip
    assert code == 1
    said = capsys.readouterr().out
    for words in ("refused: row 4", "product DIV", "no truck of ours: 1", "1 read, 1 refused"):
        assert words in said
    (fact,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert (fact["kind"], fact["net_kg"]) == ("ticket", 5000)
