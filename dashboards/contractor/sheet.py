"""The monthly sheet of streets not proven served, between a contractor and the authority: the same lines for both.

One line per task of a closed day that was missed, served in part, or left open (no track to tell by), with what that
rests on and every note of either side. As a page and as CSV; no speed, no name of a crew, no ranking.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dashboards.console import console_text
from dashboards.shared import format_number, text_in
from dashboards.staff import POLICY, PageFrame, html_table
from fleet import instant_text, spreadsheet_cell

SCRIPT = (Path(__file__).parent / "contractor_sheet.js").read_text(encoding="utf-8")
#: As every page's, and the script that sends a file of positions.
SHEET_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"
LONGEST_NOTE = 1_000
#: What a task of a closed day may be, other than done.
UNDONE = ("missed", "partly", "pending")
COLUMNS = (
    "date", "tour", "truck", "task", "street", "side", "planned_at", "state", "reason", "share_done", "evidence",
    "crew_said", "crew_note", "notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineNote:
    """What one side said of a line; never changed afterwards."""

    at: datetime
    who: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class UndoneLine:
    """``record``: the task's state and evidence as they were kept when the day was closed."""

    date: str
    tour: str
    truck: str
    task: str
    record: Mapping[str, Any]
    notes: tuple[LineNote, ...] = ()

    def to_json(self) -> dict[str, Any]:
        notes = [{"at": instant_text(n.at), "who": n.who, "role": n.role, "text": n.text} for n in self.notes]
        return {
            "date": self.date,
            "tour": self.tour,
            "truck": self.truck,
            "task": self.task,
            **self.record,
            "notes": notes,
        }


@dataclass(frozen=True, slots=True)
class Sheet:
    """``month``: YYYY-MM; ``contractor``: None where one is to be chosen; ``open_days``: planned, not closed yet."""

    month: str
    contractor: str | None
    trucks: Sequence[str]
    lines: Sequence[UndoneLine]
    open_days: Sequence[date]


TEXTS: dict[str, dict[str, str]] = {
    "title": {"fr": "Rues non faites", "en": "Streets not done"},
    "month": {"fr": "Mois", "en": "Month"},
    "contractor": {"fr": "Prestataire", "en": "Contractor"},
    "show": {"fr": "Afficher", "en": "Show"},
    "choose": {"fr": "Choisissez un prestataire.", "en": "Choose a contractor."},
    "nobody": {"fr": "Aucun compte de prestataire.", "en": "There is no contractor's account."},
    "trucks": {"fr": "Camions : {trucks}", "en": "Trucks: {trucks}"},
    "both": {
        "fr": "La collectivité et le prestataire voient exactement les mêmes lignes. Une ligne est établie à la "
        "clôture du jour (14 jours après, pour attendre les camions restés sans réseau) et ne change plus ; chaque "
        "côté peut y ajouter une observation, que personne ne peut modifier.",
        "en": "The authority and the contractor see exactly the same lines. A line is drawn up when its day is closed "
        "(14 days later, to wait for trucks that had no network) and does not change any more; either side may add a "
        "note to it, which nobody can change.",
    },
    "open_days": {"fr": "Jours pas encore clos : {days}", "en": "Days not closed yet: {days}"},
    "none": {"fr": "Aucune rue non faite sur les jours clos.", "en": "No street left undone on the closed days."},
    "count": {"fr": "{n} lignes", "en": "{n} lines"},
    "csv": {"fr": "Télécharger en CSV", "en": "Download as CSV"},
    "day": {"fr": "Jour", "en": "Day"},
    "tour": {"fr": "Tournée", "en": "Tour"},
    "street": {"fr": "Rue", "en": "Street"},
    "planned": {"fr": "Prévu", "en": "Planned"},
    "state": {"fr": "État", "en": "State"},
    "evidence": {"fr": "Indices", "en": "Evidence"},
    "notes": {"fr": "Observations", "en": "Notes"},
    "add": {"fr": "Ajouter une observation", "en": "Add a note"},
    "note": {"fr": "Observation (définitive)", "en": "Note (final)"},
    "send": {"fr": "Enregistrer", "en": "Save"},
    "crew": {"fr": "Équipage : {note}", "en": "Crew: {note}"},
    "upload": {"fr": "Envoyer des positions (CSV)", "en": "Send positions (CSV)"},
    "upload_how": {
        "fr": "Colonnes : at (2026-11-20T05:00:00Z), lat_deg, lon_deg ; truck s'il y a plusieurs camions ; au choix "
        "speed_mps ou speed_kmh, heading_deg, eph_m. Une ligne fautive n'empêche pas les autres.",
        "en": "Columns: at (2026-11-20T05:00:00Z), lat_deg, lon_deg; truck where there are several; if known speed_mps "
        "or speed_kmh, heading_deg, eph_m. A faulty row does not stop the others.",
    },
    "file": {"fr": "Fichier", "en": "File"},
    "stored": {
        "fr": "{stored} positions enregistrées, {refused} refusées.",
        "en": "{stored} positions stored, {refused} refused.",
    },
    "row": {"fr": "Ligne", "en": "Row"},
    "failed": {"fr": "L'envoi a échoué : ", "en": "It could not be sent: "},
}  # fmt: skip
STATES = {
    "missed": {"fr": "non fait", "en": "missed"},
    "partly": {"fr": "en partie", "en": "in part"},
    "pending": {"fr": "indéterminé", "en": "not known"},
    "done": {"fr": "fait", "en": "done"},
}


def sheet_text(key: str, lang: str, **values: object) -> str:
    """A text of the sheet, escaped for HTML, values too."""
    return escape(text_in(TEXTS, key, lang, **values))


def _word(words: Mapping[str, Mapping[str, str]], key: object, lang: str) -> str:
    return words.get(str(key), {}).get(lang, str(key or ""))


def _measured(amount: float, unit: str, lang: str) -> str:
    """How much of a piece of evidence, with its unit (console.js writes the same)."""
    if unit == "share":
        return f"{format_number(100 * amount, lang)} %"
    if unit == "s" and not amount:
        return console_text("for_a_while", lang)
    if unit == "s":
        return f"{format_number(amount, lang)} s" if amount < 120 else f"{format_number(amount / 60, lang)} min"
    return f"{format_number(amount, lang)}{f' {unit}' if unit in ('m', 'kg') else ''}"


def evidence_text(record: Mapping[str, Any], zone: tzinfo, lang: str) -> str:
    """What a state rests on, in the console's words, in one line: how much of what, from when until when (local)."""
    parts = []
    for piece in record.get("evidence", ()):
        if piece["what"] == "crew":
            what = console_text(f"why_crew_{piece['note']}", lang)
        else:
            what = console_text(
                f"e_{piece['what']}", lang, amount=_measured(float(piece["amount"]), piece["unit"], lang)
            )
        times = "–".join(dict.fromkeys(filter(None, (_clock(piece[key], zone) for key in ("from_at", "until_at")))))
        parts.append(" ".join(filter(None, (what, times))))
    return "; ".join(parts)


def _clock(text: str | None, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%H:%M}" if text else ""


# --- CSV -----------------------------------------------------------------------------------------------------------


def sheet_csv(sheet: Sheet, zone: tzinfo, lang: str) -> str:
    """The sheet as CSV (UTF-8, comma, a head of ``COLUMNS``); instants in UTC, free text safe in a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in sheet.lines:
        record, crew = line.record, line.record.get("crew") or {}
        notes = " | ".join(f"{instant_text(n.at)} {n.who} ({n.role}): {n.text}" for n in line.notes)
        row = [
            line.date, line.tour, line.truck, line.task, record.get("name"), record.get("side"),
            record.get("planned_at"), record.get("status"), record.get("reason"), record.get("share"),
            evidence_text(record, zone, lang), crew.get("outcome"), crew.get("note"), notes,
        ]  # fmt: skip
        writer.writerow(map(spreadsheet_cell, row))
    return file.getvalue()


# --- page ----------------------------------------------------------------------------------------------------------


def sheet_page(
    frame: PageFrame, sheet: Sheet, contractors: Sequence[str], zone: tzinfo, *, may_upload: bool, message: str = ""
) -> str:
    """The page. ``contractors``: to choose from, none for a contractor.

    ``message``: why an input was refused, in the page's language; plain text.
    """
    lang = frame.lang
    body = [frame.message(escape(message), bad=True), _choice(frame, sheet, contractors)]
    if sheet.contractor is None:
        body.append(f"<p>{sheet_text('choose' if contractors else 'nobody', lang)}</p>")
    else:
        body.append(
            f"<p>{sheet_text('both', lang)}</p>"
            f"<p class=soft>{sheet_text('trucks', lang, trucks=', '.join(sheet.trucks))}</p>"
        )
        if sheet.open_days:
            days = ", ".join(f"{day:%d/%m}" for day in sheet.open_days)
            body.append(f"<p>{sheet_text('open_days', lang, days=days)}</p>")
        body.append(_table(frame, sheet, zone) if sheet.lines else f"<p>{sheet_text('none', lang)}</p>")
        query = urlencode({"month": sheet.month, "contractor": sheet.contractor})
        body.append(
            f'<p><a class="button" href="/contractor/undone.csv?{escape(query)}">{sheet_text("csv", lang)}</a></p>'
        )
    if may_upload:
        body.append(_upload(frame))
    return frame.page(sheet_text("title", lang), "\n".join(body), here="/contractor")


def _choice(frame: PageFrame, sheet: Sheet, contractors: Iterable[str]) -> str:
    lang = frame.lang
    options = "".join(
        f"<option{' selected' if name == sheet.contractor else ''}>{escape(name)}</option>" for name in contractors
    )
    choose = (
        f'<label>{sheet_text("contractor", lang)}<select name="contractor">{options}</select></label>'
        if options
        else ""
    )
    return (
        f'<form method="get" action="/contractor" class="card"><label>{sheet_text("month", lang)}'
        f'<input type="month" name="month" value="{escape(sheet.month)}" required pattern="[0-9]{{4}}-[0-9]{{2}}">'
        f'</label>{choose}<button class="first">{sheet_text("show", lang)}</button></form>'
    )


def _table(frame: PageFrame, sheet: Sheet, zone: tzinfo) -> str:
    lang = frame.lang
    heads = [sheet_text(key, lang) for key in ("day", "tour", "street", "planned", "state", "evidence", "notes")]
    rows = [_row(frame, sheet, line, zone) for line in sheet.lines]
    return html_table(heads, rows, sheet_text("count", lang, n=len(rows)))


def _row(frame: PageFrame, sheet: Sheet, line: UndoneLine, zone: tzinfo) -> list[str]:
    lang, record = frame.lang, line.record
    side = console_text(record["side"], lang) if record.get("kind") == "street" and record.get("side") else ""
    crew = record.get("crew") or {}
    crew_note = f"<br>{sheet_text('crew', lang, note=crew['note'])}" if crew.get("note") else ""
    share = f" ({float(record.get('share') or 0) * 100:.0f} %)" if record.get("status") == "partly" else ""
    state = _word(STATES, record.get("status"), lang)
    reason = console_text(f"why_{record['reason']}", lang) if record.get("reason") else ""
    return [
        escape(line.date),
        f"{escape(line.tour)}<br><span class=soft>{escape(line.truck)}</span>",
        f"{escape(str(record.get('name') or line.task))}<br><span class=soft>{escape(side)}</span>",
        escape(_clock(record.get("planned_at"), zone)),
        f"<b>{escape(state)}</b>{share}<br>{escape(reason)}",
        f"{escape(evidence_text(record, zone, lang))}{crew_note}",
        _notes(frame, sheet, line, zone),
    ]


def _notes(frame: PageFrame, sheet: Sheet, line: UndoneLine, zone: tzinfo) -> str:
    lang = frame.lang
    notes = "".join(
        f"<p><span class=soft>{n.at.astimezone(zone):%Y-%m-%d %H:%M} {escape(n.who)}</span><br>{escape(n.text)}</p>"
        for n in line.notes
    )
    hidden = {
        "month": sheet.month, "contractor": sheet.contractor or "", "date": line.date, "tour": line.tour,
        "task": line.task,
    }  # fmt: skip
    inside = "".join(f'<input type="hidden" name="{key}" value="{escape(value)}">' for key, value in hidden.items())
    inside += (
        f'<label>{sheet_text("note", lang)}<input name="text" required maxlength="{LONGEST_NOTE}"></label>'
        f"<button>{sheet_text('send', lang)}</button>"
    )
    form = frame.form("/contractor/notes", inside, "")
    return f"{notes}<details><summary>{sheet_text('add', lang)}</summary>{form}</details>"


def _upload(frame: PageFrame) -> str:
    lang = frame.lang
    words = "".join(f' data-{key}="{sheet_template(key, lang)}"' for key in ("stored", "row", "failed"))
    return (
        f'<h2>{sheet_text("upload", lang)}</h2><form id="upload" class="card"{words}>'
        f'<input type="hidden" name="csrf" value="{escape(frame.csrf or "")}"><p>{sheet_text("upload_how", lang)}</p>'
        f'<label>{sheet_text("file", lang)}<input type="file" name="file" accept=".csv,text/csv" required></label>'
        f'<button class="first">{sheet_text("send", lang)}</button></form>'
        '<div id="uploaded" role="status"></div><script src="/contractor.js" defer></script>'
    )


def sheet_template(key: str, lang: str) -> str:
    """A text with its places still open, escaped: the script fills them."""
    return escape(TEXTS[key][lang])
