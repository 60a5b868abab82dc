"""Recordings are receivers like any other: read whole, played by a clock, nothing invented."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from fleet import Position, new_id
from onboard.clock import DrillClock
from onboard.recording.receiver import Fix, Receiver
from onboard.recording.replay import Recording, csv_fixes, read_recording

from .clocks import ToldClock

AT = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)


def fix(second: int, placed: bool = True) -> Fix:
    if not placed:
        return Fix(AT + timedelta(seconds=second), None, None, None, None, None, 1)
    return Fix(AT + timedelta(seconds=second), 43.7, 7.4, 1.0, 0.0, 5.0, 3)


def test_a_recording_comes_at_the_pace_of_the_clock_and_as_if_it_were_now() -> None:
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    clock = ToldClock(begin)
    receiver: Receiver = Recording([fix(0), fix(1), fix(7)], clock)
    seen = [(f.at, clock.now()) for f in receiver.fixes()]
    assert [at for at, _ in seen] == [now for _, now in seen]
    assert [now - begin for _, now in seen] == [timedelta(seconds=k) for k in (0, 1, 7)]
    assert receiver.state() == "fix"


def test_a_box_switched_on_in_the_middle_hears_only_what_is_to_come() -> None:
    clock = ToldClock(AT + timedelta(seconds=5))
    assert [f.at for f in Recording([fix(k) for k in range(9)], clock, as_now=False).fixes()] == [
        AT + timedelta(seconds=k) for k in range(4, 9)
    ]


def test_a_drill_clock_plays_a_minute_in_a_blink() -> None:
    clock = DrillClock(AT, 1000)
    assert len(list(Recording([fix(k) for k in range(60)], clock).fixes())) == 60
    assert clock.now() - AT >= timedelta(seconds=59)


def test_a_fix_without_a_time_comes_between_its_neighbours_and_gets_none() -> None:
    clock = ToldClock(AT)
    timeless = Fix(None, None, None, None, None, None, 1)
    seen = [(f.at, clock.gone_s) for f in Recording([timeless, timeless, fix(2), fix(3)], clock).fixes()]
    assert seen[:2] == [(None, 0.0), (None, 1.0)]
    assert [gone for _, gone in seen] == [0.0, 1.0, 2.0, 3.0]


def test_a_cars_gpx_is_read_and_what_had_no_fix_has_no_place(shared: Path) -> None:
    found = read_recording(shared / "realdata" / "traces" / "sbn-v13.gpx")
    assert len(found) == 3453
    assert sum(not f.placed for f in found) == 89  # <fix>none</fix>, with coordinates all the same
    placed = [f for f in found if f.placed]
    assert {f.eph_m for f in found} == {None}  # an HDOP is no error in metres
    assert all(51 < (f.lat_deg or 0) < 53 and f.speed_mps is not None for f in placed)


def test_what_gpsd_made_of_a_modem_is_read_with_the_errors_that_gpsd_gives(shared: Path) -> None:
    found = read_recording(shared / "realdata" / "gpsd" / "telit-he910.log.chk")
    assert len(found) == 301
    assert all(f.eph_m and f.eph_m > 1 for f in found if f.placed)


def test_every_recording_of_gpsd_is_known_or_refused_by_name(shared: Path) -> None:
    for path in sorted((shared / "realdata" / "gpsd").glob("*.log*")):
        if path.name == "bu303-moving.log":  # SiRF's own binary protocol: gpsd's work
            with pytest.raises(ValueError, match="no recording known here"):
                read_recording(path)
        else:
            assert any(f.placed for f in read_recording(path)), path.name


def test_one_track_of_a_fleets_csv_is_read_from_its_geometries(shared: Path) -> None:
    track = list(csv_fixes(shared / "realdata" / "traces" / "hof_points.csv", only="0"))
    assert track[0].lat_deg == 50.301888
    assert track[0].speed_mps is None
    assert all(a.at <= b.at for a, b in pairwise(track) if a.at and b.at)


def test_a_csv_says_its_units_or_its_speed_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(
        "time;latitude;longitude;speed;speed_kmh;accuracy_m\n2026-11-23T05:00:00Z;43.7;7.4;99;36;4\n1795410001;;;;;\n",
        encoding="utf-8",
    )
    first, second = read_recording(path)
    assert first == Fix(AT, 43.7, 7.4, 10.0, None, 4.0, 2)
    assert second == Fix(datetime.fromtimestamp(1795410001, UTC), None, None, None, None, None, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,b\n1,2\n", "must hold a time"), ("at,lat,lon\n2026-11-23T05:00:00Z,91,7\n", "line 2.*must be degrees"),
     ("at,lat,lon\nyesterday,43,7\n", "line 2.*must be written"), ("at,lat,lon\n", "holds no fix")],
)  # fmt: skip
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_recording(path)


def test_stored_facts_are_a_recording_too(tmp_path: Path) -> None:
    facts = [
        Position(id=new_id(AT), at=AT + timedelta(seconds=k), truck="T1", lat_deg=43.7, lon_deg=7.4, mode=3)
        for k in (2, 0, 1)
    ]
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(f.to_json()) + "\n" for f in facts), encoding="utf-8")
    assert [f.at for f in read_recording(path)] == [AT + timedelta(seconds=k) for k in range(3)]
