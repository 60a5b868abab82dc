"""A weighing ticket on paper (PDF, A5), and a day's tickets as CSV. Alone with fpdf here.

The ticket names what the weights rest on: instrument, alibi numbers, dates; whether the tare was weighed, stored or
typed; and, on a correction, the ticket that it replaces, whose weighings stay as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fleet import Ticket, Weighing, instant_text, latin, spreadsheet_cell

if TYPE_CHECKING:  # loaded only when a ticket is printed
    from fpdf import FPDF

LANGUAGES = ("fr", "en")
COLUMNS = (
    "number", "in_at", "out_at", "truck", "plate", "product", "flux", "gross_kg", "tare_kg", "net_kg", "tare_source",
    "gross_alibi", "tare_alibi", "instrument", "corrects", "replaced_by", "reason",
)  # fmt: skip
_WORDS: Mapping[str, tuple[str, str]] = {
    "ticket": ("Bon de pesée", "Weighing ticket"),
    "correction": ("Bon de pesée rectificatif", "Corrected weighing ticket"),
    "copy": ("DUPLICATA", "COPY"),
    "site": ("Site", "Site"),
    "truck": ("Véhicule", "Vehicle"),
    "plate": ("Immatriculation", "Number plate"),
    "product": ("Produit", "Product"),
    "flux": ("Flux", "Waste stream"),
    "in": ("Entrée", "In"),
    "out": ("Sortie", "Out"),
    "gross": ("Brut", "Gross"),
    "tare": ("Tare", "Tare"),
    "net": ("NET", "NET"),
    "alibi": ("n° alibi", "alibi no."),
    "no_alibi": ("sans mémoire alibi", "no alibi memory"),
    "rests_on": ("Pesées légales", "Legal weighings"),
    "weighed": ("Tare pesée à ce passage.", "Tare weighed on this visit."),
    "stored": ("Tare enregistrée, pesée le {at} : non pesée à ce passage.",
               "Stored tare, weighed on {at}: not weighed on this visit."),
    "typed": ("Tare saisie d'après les papiers du véhicule : non pesée.", "Tare typed from the papers: not weighed."),
    "operator": ("Tare rectifiée par l'opérateur : non pesée.", "Tare corrected by the operator: not weighed."),
    "corrects": ("Remplace le bon {number}. Les pesées d'origine restent inchangées.",
                 "Replaces ticket {number}. The original weighings stay unchanged."),
    "replaced": ("Remplacé par le bon {number}.", "Replaced by ticket {number}."),
    "void": ("ANNULÉ", "VOID"),
    "reason": ("Motif", "Reason"),
    "calculated": ("Poids relevés à l'indicateur ; net = brut - tare. En cas de litige, la mémoire alibi fait foi.",
                   "Weights as given by the indicator; net = gross - tare. In a dispute the alibi memory is decisive."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TicketSheet:
    """Everything that a ticket's paper shows."""

    ticket: Ticket
    timezone: str
    gross: Weighing | None = None
    tare: Weighing | None = None
    original: Ticket | None = None
    replaced_by: Ticket | None = None
    copy: bool = False


def write_pdf(sheet: TicketSheet, path: Path, lang: str = "fr") -> None:
    """One A5 page. Raises ``ValueError`` for a language that it is not written in."""
    from fpdf import FPDF

    if lang not in LANGUAGES:
        raise ValueError(f"ticket: lang = {lang!r}, must be one of {', '.join(LANGUAGES)}")
    pdf = FPDF(unit="mm", format=(148, 210))  # A5, said in mm: fpdf2 warns of its own A5
    pdf.set_creation_date(sheet.ticket.at)
    pdf.set_title(f"{_word('ticket', lang)} {sheet.ticket.number}")
    pdf.set_lang(lang)
    pdf.set_margin(12)
    pdf.add_page()
    _head(pdf, sheet, lang)
    _rows(pdf, [(_word(name, lang), value) for name, value in _facts(sheet).items() if value])
    _weights(pdf, sheet, lang)
    pdf.set_font("helvetica", "", 9)
    for line in _mentions(sheet, lang):
        pdf.multi_cell(0, 4.6, latin(line), new_x="LMARGIN", new_y="NEXT")
        pdf.ln(0.8)
    whole = path.with_suffix(".part")
    pdf.output(str(whole))
    whole.replace(path)


def _word(name: str, lang: str, **values: str) -> str:
    return _WORDS[name][LANGUAGES.index(lang)].format(**values)


def _local(at: datetime | None, zone: str, lang: str) -> str:
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    # the offset, since one hour of October comes twice
    return local.strftime("%d/%m/%Y %H:%M (UTC%z)" if lang == "fr" else "%Y-%m-%d %H:%M (UTC%z)")


def _kg(kg: float | None, lang: str) -> str:
    if kg is None:
        return "-"
    text = f"{kg:,.3f}".rstrip("0").rstrip(".")
    return (text.replace(",", "\xa0").replace(".", ",") if lang == "fr" else text) + " kg"


def _facts(sheet: TicketSheet) -> dict[str, str | None]:
    t = sheet.ticket
    return {"site": t.site, "truck": t.truck, "plate": t.plate, "product": t.product, "flux": t.flux}


def _head(pdf: FPDF, sheet: TicketSheet, lang: str) -> None:
    pdf.set_font("helvetica", "B", 16)
    title = _word("correction" if sheet.ticket.corrects else "ticket", lang)
    pdf.cell(0, 8, latin(title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", "", 13)
    pdf.cell(0, 7, latin(f"n° {sheet.ticket.number}" if lang == "fr" else f"no. {sheet.ticket.number}"))
    marks = [_word("copy", lang)] if sheet.copy else []
    if sheet.ticket.corrects and sheet.ticket.gross_kg is None and not sheet.ticket.net_kg:
        marks.append(_word("void", lang))
    pdf.set_font("helvetica", "B", 13)
    pdf.cell(0, 7, latin("  ".join(marks)), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)


def _rows(pdf: FPDF, rows: Iterable[tuple[str, str | None]]) -> None:
    for name, value in rows:
        pdf.set_font("helvetica", "", 10)
        pdf.cell(38, 6, latin(name))
        pdf.set_font("helvetica", "B", 11)
        pdf.cell(0, 6, latin(value or "")[:60], new_x="LMARGIN", new_y="NEXT")
    pdf.ln(3)


def _weights(pdf: FPDF, sheet: TicketSheet, lang: str) -> None:
    t, zone = sheet.ticket, sheet.timezone
    times = {"gross": t.in_at, "tare": t.at if t.tare_source == "weighed" else None}
    for name, kg in (("gross", t.gross_kg), ("tare", t.tare_kg), ("net", t.net_kg)):
        large = name == "net"
        height = 11 if large else 8
        pdf.set_font("helvetica", "B" if large else "", 17 if large else 12)
        pdf.cell(24, height, latin(_word(name, lang)), border="T")
        pdf.set_font("helvetica", "B", 17 if large else 13)
        pdf.cell(48, height, latin(_kg(kg, lang)), border="T", align="R")
        pdf.set_font("helvetica", "", 9)
        at = latin(_local(times.get(name), zone, lang))
        pdf.cell(0, height, at, border="T", align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)


def _mentions(sheet: TicketSheet, lang: str) -> list[str]:
    t, zone = sheet.ticket, sheet.timezone
    lines = []
    for name, weighing in (("gross", sheet.gross), ("tare", sheet.tare)):
        if weighing is not None:
            alibi = f"{_word('alibi', lang)} {weighing.alibi}" if weighing.alibi else _word("no_alibi", lang)
            where = f"{weighing.site}, {weighing.instrument}, {_local(weighing.at, zone, lang)}"
            lines.append(f"{_word(name, lang)} : {_kg(weighing.kg, lang)} - {where}, {alibi}")
    if lines:
        lines.insert(0, f"{_word('rests_on', lang)} :")
    if t.tare_source and t.tare_kg is not None:
        at = sheet.tare.at if sheet.tare else None
        lines.append(_word(t.tare_source, lang, at=_local(at, zone, lang)))
    if sheet.original is not None:
        lines.append(_word("corrects", lang, number=sheet.original.number))
    if t.reason:
        lines.append(f"{_word('reason', lang)} : {t.reason}")
    if sheet.replaced_by is not None:
        lines.append(_word("replaced", lang, number=sheet.replaced_by.number))
    return [*lines, _word("calculated", lang)]


def day_csv(sheets: Iterable[TicketSheet]) -> str:
    """Tickets as CSV (``;``, UTF-8, UTC instants), every one that has a number, the replaced ones too."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")  # a lone \r in a word is then quoted too
    writer.writerow(COLUMNS)
    for sheet in sheets:
        t = sheet.ticket
        row = [
            t.number, instant_text(t.in_at) if t.in_at else "", instant_text(t.at), t.truck, t.plate, t.product,
            t.flux, t.gross_kg, t.tare_kg, t.net_kg, t.tare_source, sheet.gross.alibi if sheet.gross else "",
            sheet.tare.alibi if sheet.tare else "", sheet.gross.instrument if sheet.gross else "",
            sheet.original.number if sheet.original else "", sheet.replaced_by.number if sheet.replaced_by else "",
            t.reason,
        ]  # fmt: skip
        writer.writerow(map(spreadsheet_cell, row))
    return out.getvalue()
