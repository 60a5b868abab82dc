"""The ticket on paper and a day's tickets as CSV: what the weights rest on, in French and English."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge.bridge.agent import ticket_sheet
from weighbridge.bridge.plate import Identification
from weighbridge.bridge.ticket import COLUMNS, TicketSheet, day_csv, write_pdf
from weighbridge.indicator.protocols import WeightReading

from .test_weighing import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.bridge.name(Identification("announced", yard.now, "T1", product="OM résiduelles", flux="residual"))
    yard.hear(17460)
    yard.hear(0, 900)
    yard.cross("T1", 12340)
    return yard


def paper(sheet: TicketSheet, folder: Path, lang: str) -> str:
    """What a reader finds on the paper."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    path = folder / "ticket.pdf"
    write_pdf(sheet, path, lang)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    return " ".join(text.replace("\u00a0", " ").split())


def sheet(yard: Yard, number: str) -> TicketSheet:
    return ticket_sheet(yard.register, yard.register.ticket(number), "Europe/Paris")


def test_a_ticket_names_its_weighings_and_their_alibi_numbers(yard: Yard, tmp_path: Path) -> None:
    text = paper(sheet(yard, "1"), tmp_path, "fr")
    for words in (
        "Bon de pesée", yard.register.ticket("1").number, "AB-123-CD", "OM résiduelles", "17 460 kg", "12 340 kg",
        "5 120 kg", "n° alibi 1", "n° alibi 2", "S1, IT1", "23/11/2026 07:00 (UTC+0100)", "Tare pesée à ce passage",
        "la mémoire alibi fait foi",
    ):  # fmt: skip
        assert words in text, words
    assert "DUPLICATA" not in text
    english = paper(sheet(yard, "1"), tmp_path, "en")
    assert "Weighing ticket" in english
    assert "17,460 kg" in english
    assert "2026-11-23 07:00" in english
    with pytest.raises(ValueError, match="lang = 'de'"):
        write_pdf(sheet(yard, "1"), tmp_path / "x.pdf", "de")


def test_a_correction_s_paper_points_at_the_original_and_a_copy_of_that_at_the_correction(
    yard: Yard, tmp_path: Path
) -> None:
    yard.bridge.correct("1", "mauvais véhicule", yard.now, truck="T2", plate="EF-456-GH")
    first, second = (yard.register.ticket(n).number for n in "12")
    text = paper(sheet(yard, "2"), tmp_path, "fr")
    assert f"Remplace le bon {first}. Les pesées d'origine restent inchangées." in text
    assert "Motif : mauvais véhicule" in text
    assert "rectificatif" in text
    copy = ticket_sheet(yard.register, yard.register.ticket("1"), "Europe/Paris", copy=True)
    assert "DUPLICATA" in (old := paper(copy, tmp_path, "fr"))
    assert f"Remplacé par le bon {second}." in old
    yard.bridge.correct("2", "pas à nous", yard.now, void=True)
    assert "ANNULÉ" in paper(sheet(yard, "3"), tmp_path, "fr")


def test_a_stored_tare_is_said_not_to_have_been_weighed(yard: Yard, tmp_path: Path) -> None:
    yard.cross("T1", 16000)
    yard.bridge.close("T1", yard.now)
    assert "Tare enregistrée, pesée le 23/11/2026" in paper(sheet(yard, "2"), tmp_path, "fr")
    yard.bridge.tare("T1", 12100, yard.now)
    yard.cross("T1", 16000)
    yard.bridge.close("T1", yard.now)
    assert "non pesée" in paper(sheet(yard, "3"), tmp_path, "fr")


def test_the_day_s_csv_has_every_number_and_its_alibis(yard: Yard) -> None:
    yard.bridge.correct("1", "wrong truck; see log", yard.now, truck="T2")
    rows = list(csv.DictReader(io.StringIO(day_csv([sheet(yard, "1"), sheet(yard, "2")])), delimiter=";"))
    assert tuple(rows[0]) == COLUMNS
    assert [row["net_kg"] for row in rows] == ["5120.0", "5120.0"]
    assert (rows[0]["gross_alibi"], rows[0]["tare_alibi"], rows[0]["instrument"]) == ("1", "2", "IT1")
    assert rows[1]["corrects"] == rows[0]["number"]
    assert rows[0]["replaced_by"] == rows[1]["number"]
    assert rows[1]["reason"] == "wrong truck; see log"


def test_no_word_on_a_ticket_is_taken_for_a_formula_by_a_spreadsheet(yard: Yard) -> None:
    yard.bridge.correct("1", "=cmd|' /C calc'!A0", yard.now, plate="@A1")
    (row,) = csv.DictReader(io.StringIO(day_csv([sheet(yard, "2")])), delimiter=";")
    assert (row["reason"], row["plate"], row["net_kg"]) == ("'=cmd|' /C calc'!A0", "'@A1", "5120.0")


def test_letters_that_a_printer_s_font_lacks_do_not_stop_a_ticket(yard: Yard, tmp_path: Path) -> None:
    yard.bridge.correct("1", "Łódź – cœur 東 €", yard.now, plate="ŽX 1")
    assert "Lódz - coeur ? EUR" in paper(sheet(yard, "2"), tmp_path, "fr")


def test_raw_frames_are_kept_readable() -> None:
    assert WeightReading(datetime(2026, 1, 1, tzinfo=UTC), b"\x02 24580G\x03\xff").raw_text == "\\x02 24580G\\x03\\xff"
