"""NMEA sentences: read as receivers write them, written as receivers do, and through the real gpsd and back."""

import json
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboard.checksum import nmea_sentence
from onboard.recording import nmea
from onboard.recording.receiver import Fix, fix_of

AT = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)
#: From the NMEA FAQ and countless manuals; the check stands in them.
KNOWN = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"


def test_a_sentence_of_the_manuals_is_read_with_its_date_and_its_speed_in_metres_per_second() -> None:
    (fix,) = nmea.read_fixes([KNOWN])
    assert fix.at == datetime(1994, 3, 23, 12, 35, 19, tzinfo=UTC)
    assert fix.lat_deg == pytest.approx(48.1173)
    assert fix.lon_deg == pytest.approx(11.516667, abs=1e-6)
    assert fix.speed_mps == pytest.approx(22.4 * 1852 / 3600, abs=1e-3)
    assert fix.heading_deg == 84.4
    assert fix.eph_m is None  # nobody said it


def test_a_sentence_whose_check_fails_is_counted_and_not_read() -> None:
    reader = nmea.NmeaReader()
    assert reader.push(KNOWN.replace("4807", "4817")) is None
    assert reader.finish() is None
    assert reader.damaged == 1


def test_sentences_of_one_second_make_one_fix() -> None:
    fix = Fix(AT, 43.7384, 7.4246, 4.2, 271.5, 6.1, 3)
    (back,) = nmea.read_fixes(nmea.fix_sentences(fix))
    assert back.at == AT
    assert back.lat_deg == pytest.approx(43.7384, abs=1e-6)
    assert back.lon_deg == pytest.approx(7.4246, abs=1e-6)
    assert back.speed_mps == pytest.approx(4.2, abs=0.01)
    assert back.eph_m == pytest.approx(6.1, abs=0.05)
    assert (back.heading_deg, back.mode) == (271.5, 3)


def test_a_receiver_without_a_fix_has_no_place() -> None:
    (back,) = nmea.read_fixes(nmea.fix_sentences(Fix(AT, None, None, None, None, None, 1)))
    assert back == Fix(AT, None, None, None, None, None, 1)


def test_a_night_that_passes_midnight_goes_on_into_the_next_day_without_a_new_date() -> None:
    lines = [
        *nmea.fix_sentences(Fix(AT.replace(hour=23, minute=59, second=59), 43.0, 7.0, 1.0, 0.0, 5.0, 3)),
        *(nmea_sentence(f"GPGGA,00000{k}.00,4300.00000,N,00700.00000,E,1,08,0.9,5.0,M,48.0,M,,") for k in range(3)),
    ]
    times = [fix.at for fix in nmea.read_fixes(lines)]
    assert times == [AT.replace(hour=23, minute=59, second=59) + timedelta(seconds=k) for k in range(4)]


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 60), st.floats(0, 359.9), st.floats(0.5, 500),
    st.sampled_from([2, 3]), st.datetimes(datetime(1980, 1, 6), datetime(2079, 12, 31)),  # noqa: DTZ001
)  # fmt: skip
def test_whatever_is_written_is_read_back(
    lat: float, lon: float, speed: float, heading: float, eph: float, mode: int, at: datetime
) -> None:
    fix = Fix(at.replace(microsecond=0, tzinfo=UTC), lat, lon, speed, heading, eph, mode)
    (back,) = nmea.read_fixes(nmea.fix_sentences(fix))
    assert (back.at, back.mode) == (fix.at, fix.mode)
    assert back.lat_deg == pytest.approx(lat, abs=1e-6)
    assert back.lon_deg == pytest.approx(lon, abs=1e-6)
    assert back.speed_mps == pytest.approx(speed, abs=0.01)
    assert back.eph_m == pytest.approx(eph, rel=0.02, abs=0.05)


NOISE = st.text("0123456789.,NSEWAV", max_size=60)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=90),
            NOISE.map(lambda body: f"$GPRMC,{body}*00"),
            NOISE.map(lambda body: nmea_sentence(f"GPRMC,{body}")),
            NOISE.map(lambda body: nmea_sentence(f"GPGGA,{body}")),
        ),
        max_size=20,
    )
)
def test_no_line_whatever_makes_the_reader_raise(lines: list[str]) -> None:
    for fix in nmea.read_fixes(lines):
        assert fix.placed or fix.mode <= 1


@pytest.mark.parametrize(
    ("log", "least", "year"),
    [("bt451.log", 10, 2009), ("haicom-305N.log", 50, 2007), ("telit-he910.log", 150, 2019), ("nl2008u.log", 5, 2015),
     ("garmin-10x.log", 5, 2010), ("unicore-um621.log", 10, 2024)],
)  # fmt: skip
def test_logs_of_real_receivers_are_read_with_their_own_dates(shared: Path, log: str, least: int, year: int) -> None:
    with (shared / "realdata" / "gpsd" / log).open(encoding="ascii", errors="replace") as lines:
        found = list(nmea.read_fixes(lines))
    placed = [fix for fix in found if fix.placed]
    assert len(placed) >= least
    assert {fix.at.year for fix in placed if fix.at} == {year}  # gpsd 3.22 says 2029 of the first


@pytest.mark.gpsd
def test_a_written_drive_goes_through_the_real_gpsd_unchanged(tmp_path: Path) -> None:
    gpsfake = shutil.which("gpsfake")
    if gpsfake is None:
        pytest.skip("gpsd: no gpsfake here (Debian: gpsd-tools)")
    sent = [
        Fix(AT + timedelta(seconds=k), 43.73 + k * 4e-5, 7.42, 4.44, 0.1, 6.0, 3) if not 20 <= k < 25
        else Fix(AT + timedelta(seconds=k), None, None, None, None, None, 1)
        for k in range(60)
    ]  # fmt: skip
    log = tmp_path / "drive.nmea"
    log.write_text("".join(line for fix in sent for line in nmea.fix_sentences(fix)), encoding="ascii")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = subprocess.run(
        [gpsfake, "-1", "-p", "-n", "-q", "-c", "0.002", "-P", str(port), str(log)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    got = [fix_of(json.loads(line)) for line in said.stdout.splitlines() if line.startswith('{"class":"TPV"')]
    by_time = {fix.at: fix for fix in got if fix.placed}
    wanted = [fix for fix in sent if fix.placed]
    assert len(by_time) >= len(wanted) - 3  # the first seconds, while gpsd learns where a cycle ends
    for fix in wanted:
        if fix.at in by_time:
            assert by_time[fix.at].lat_deg == pytest.approx(fix.lat_deg, abs=1e-6)
            assert by_time[fix.at].speed_mps == pytest.approx(4.44, abs=0.02)
    assert not [fix for fix in got if fix.placed and fix.at in {f.at for f in sent[20:25]}]
