"""The contractor: sends its trucks' positions as CSV, and sees with the authority the month's streets not done.

A contractor's account is bound to its trucks and sees nothing else. Its trucks report like any others (boxes and phones
with their own tokens), or afterwards by CSV. The monthly sheet is read from the proof of service kept when a day is
closed (``archiving.py``): one table, so that both sides see the same lines; notes are added to them, never changed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import insert, select

from dashboards.contractor import (
    LONGEST_NOTE,
    SCRIPT,
    SHEET_POLICY,
    UNDONE,
    LineNote,
    Sheet,
    UndoneLine,
    sheet_csv,
    sheet_page,
)
from depot_api.access import allow, audit_log
from depot_api.accounts import users
from depot_api.duty import Roster
from depot_api.facts import AHEAD, MPS_PER_KMH, position_id
from depot_api.input_error import InputError
from depot_api.privacy import days_to_archive
from depot_api.settings import Caller
from depot_api.state import Depot, depot_of, frame_of, html_page, language, read_body, set_security_headers, zone_of
from depot_api.store import NewFact, Store, instant_of, microseconds, new_fact, objections, services
from fleet import Position, instant

router = APIRouter(tags=["contractor"])

#: The two sides of the contract.
Side = Annotated[Caller, Depends(allow("contractor", "planner"))]
MONTH = "^20[0-9]{2}-(0[1-9]|1[0-2])$"
Month = Annotated[str | None, Query(pattern=MONTH, description="YYYY-MM; else the present one")]
Whose = Annotated[str | None, Query(max_length=80, description="a contractor's account; for a planner")]
COLUMNS = ("truck", "at", "lat_deg", "lon_deg", "speed_mps", "speed_kmh", "heading_deg", "eph_m")
#: Rows and cells in one file, counted before it is read: some second of work. The page sends larger files in parts.
MOST_ROWS, MOST_CELLS = 50_000, 600_000
#: Trucks' fortnights in one file: for each it is looked up when the truck was on duty (some second for all).
MOST_STRETCHES = 1_000
#: Rows stored in one go, and refused rows named in one answer.
BATCH, MOST_REFUSED = 5_000, 1_000


# --- positions by CSV ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not stored; ``row`` counts from 2, the first under the head."""

    row: int
    why: str


#: Why a truck's position of an instant is not stored; None where it is.
WhyNot = Callable[[str, datetime], str | None]


def read_positions(
    text: str, who: Caller, now: datetime, why_not: WhyNot = lambda truck, at: None
) -> Iterator[NewFact | RefusedRow]:
    """Each row of a CSV judged alone. Raises ``ValueError`` where the head cannot be meant, 413 for too much at once.

    Comma or semicolon; with semicolons the decimal sign may be a comma. ``truck`` may be left out by whoever is bound
    to one. The id of a position is made of its truck and time: a file sent twice is known already.
    """
    text = text.removeprefix("\ufeff")
    first = text[: min((at for mark in "\r\n" if (at := text.find(mark)) >= 0), default=len(text))]
    separator = ";" if ";" in first else ","
    rows = text.count("\n") + text.count("\r") - text.count("\r\n")
    if rows > MOST_ROWS + 1 or text.count(separator) > MOST_CELLS:
        raise HTTPException(413, f"more than {MOST_ROWS} rows, or {MOST_CELLS} cells, send fewer at once")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    head = [name.strip().lower() for name in next(reader, [])]
    missing = {"at", "lat_deg", "lon_deg"} - set(head)
    if "truck" not in head and len(who.bound_to) != 1:
        missing.add("truck")
    if missing or len(set(head)) < len(head):
        raise ValueError(f"head = {', '.join(head)[:200]!r}, must name {', '.join(COLUMNS)} once each, at least "
                         f"{', '.join(sorted(missing)) or 'at, lat_deg, lon_deg'}")  # fmt: skip
    while True:
        try:
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            given = {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
            fact = _position(given, who, now, separator)
            why = why_not(fact.truck, fact.at)
            if why is not None:
                raise ValueError(why)
        except (ValueError, csv.Error) as error:
            yield RefusedRow(reader.line_num, str(error))
            continue
        yield new_fact(fact, now)


def _position(given: dict[str, str], who: Caller, now: datetime, separator: str) -> Position:
    truck = given.get("truck") or (who.bound_to[0] if len(who.bound_to) == 1 else "")
    why = who.why_not("position", truck)
    if why is not None:
        raise ValueError(why)
    at = instant(given.get("at"))
    if at > now + AHEAD:
        raise ValueError(f"position: at = {given['at']}, must not be ahead of the depot's clock")
    number = {name: _number(name, given.get(name, ""), separator) for name in COLUMNS[2:]}
    if number["lat_deg"] is None:
        raise ValueError("position: lat_deg and lon_deg are missing, must be given")
    kmh = number["speed_kmh"]
    return Position(
        id=position_id(truck, at),
        at=at,
        truck=truck,
        lat_deg=number["lat_deg"],
        lon_deg=number["lon_deg"],
        speed_mps=number["speed_mps"] if kmh is None else round(kmh * MPS_PER_KMH, 4),
        heading_deg=number["heading_deg"],
        eph_m=number["eph_m"],
    )


def _number(name: str, cell: str, separator: str) -> float | None:
    if not cell:
        return None
    try:
        return float(cell.replace(",", ".") if separator == ";" else cell)
    except ValueError:
        raise ValueError(f"position: {name} = {cell[:40]!r}, must be a number") from None


@router.post(
    "/contractor/positions",
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def post_positions(
    request: Request, who: Annotated[Caller, Depends(allow("contractor", "box"))]
) -> dict[str, Any]:
    """Positions as CSV (``at, lat_deg, lon_deg``, …). Good rows are stored, whatever the others are: ``stored`` counts
    them, ``refused`` names the first 1,000 of the ``refused_rows``, those from off duty among them. 413: too long; 422:
    the head cannot be meant."""
    depot = depot_of(request)
    with depot.quotas.bodies.growing(who) as more:
        body = await read_body(request, depot.settings.most_facts_bytes, more)
        try:
            return await to_thread.run_sync(_keep, depot, body, who)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None


def _keep(depot: Depot, body: bytes, who: Caller) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("cp1252", "replace")  # what spreadsheets still write
    stored, batch, refused = 0, [], []
    roster = Roster(depot.store, zone=zone_of(depot))

    def why_not(truck: str, at: datetime) -> str | None:
        if roster.stretches >= MOST_STRETCHES:
            raise HTTPException(413, f"more than {MOST_STRETCHES} trucks' fortnights, send fewer at once")
        return roster.why_not_stored(truck, at)

    for row in read_positions(text, who, depot.clock.now(), why_not):
        if isinstance(row, RefusedRow):
            refused.append(row)
            continue
        batch.append(row)
        if len(batch) == BATCH:
            depot.store.add(batch)
            stored, batch = stored + len(batch), []
    if batch:
        depot.store.add(batch)
    shown = [{"row": each.row, "why": each.why} for each in refused[:MOST_REFUSED]]
    return {"stored": stored + len(batch), "refused_rows": len(refused), "refused": shown}


# --- the monthly sheet ---------------------------------------------------------------------------------------------


def undone_lines(store: Store, month: str, trucks: tuple[str, ...]) -> list[UndoneLine]:
    """The lines of a month, in the order of the days and the tours, each with its notes, oldest first."""
    in_month = [services.c.date >= f"{month}-01", services.c.date <= f"{month}-31"]
    with store.read() as connection:
        rows = connection.execute(
            select(services).where(*in_month, services.c.truck.in_(trucks), services.c.state.in_(UNDONE))
        ).all()
        rows_of_notes = connection.execute(
            select(objections)
            .where(objections.c.date >= f"{month}-01", objections.c.date <= f"{month}-31")
            .order_by(objections.c.id)
        ).all()
    notes: dict[tuple[str, str, str], list[LineNote]] = {}
    for note in rows_of_notes:
        entry = LineNote(instant_of(note.at_us), note.user, note.role, note.text)
        notes.setdefault((note.date, note.tour, note.task), []).append(entry)
    lines = [
        UndoneLine(
            row.date, row.tour, row.truck, row.task, orjson.loads(row.body),
            tuple(notes.get((row.date, row.tour, row.task), ())),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (line.date, line.tour, line.record.get("planned_at") or "", line.task))


def add_note(
    store: Store, who: Caller, day: str, tour: str, task: str, trucks: tuple[str, ...], text: str, now: datetime
) -> None:
    """Add a note to a line. Raises ``InputError`` for a line that is none of these trucks', an empty or long note."""
    note = " ".join(text.split())
    if not 0 < len(note) <= LONGEST_NOTE:
        raise InputError("note_length", length=len(note), shortest=1, longest=LONGEST_NOTE)
    if "\0" in day + tour + task + note:  # which PostgreSQL keeps in no text
        raise InputError("note_no_text")
    line = (services.c.date == day, services.c.tour == tour, services.c.task == task, services.c.truck.in_(trucks))
    with store.read() as connection:
        state = connection.execute(select(services.c.state).where(*line)).scalar()
    if state not in UNDONE:
        raise InputError("note_no_line", date=day[:10], tour=tour[:80], task=task[:80])
    row = {
        "at_us": microseconds(now), "date": day, "tour": tour, "task": task, "user": who.name, "role": who.role,
        "text": note,
    }  # fmt: skip
    store.write(lambda connection: connection.execute(insert(objections).values(row)))


def _sheet(depot: Depot, who: Caller, month: str | None, whose: str | None) -> Sheet:
    """The sheet that this caller asks for; the look is noted. Raises 403, 404."""
    month = month or f"{depot.clock.now().astimezone(zone_of(depot)):%Y-%m}"
    name, trucks = _trucks(depot.store, who, whose)
    if name is None:
        return Sheet(month, None, (), (), ())
    audit_log.record_past_access(depot.store, who, f"undone {month} {name}", depot.clock.now())
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    still_open = [day for day in days_to_archive(depot.store, after) if day >= first]
    return Sheet(month, name, trucks, undone_lines(depot.store, month, trucks), still_open)


def _trucks(store: Store, who: Caller, whose: str | None) -> tuple[str | None, tuple[str, ...]]:
    if who.role == "contractor":
        if whose not in (None, "", who.name):
            raise HTTPException(403, "not your own sheet")
        return who.name, who.bound_to
    if not whose:
        return None, ()
    account = next((a for a in users.all_accounts(store) if a.name == whose and a.role == "contractor"), None)
    if account is None:
        raise HTTPException(404, f"contractor: no account {whose[:80]!r}")
    return account.name, account.bound_to


@router.get("/contractor/undone.json")
def get_undone_json(request: Request, who: Side, month: Month = None, contractor: Whose = None) -> dict[str, Any]:
    """The month's streets that were missed, served in part or are not known, with evidence and both sides' notes."""
    sheet = _sheet(depot_of(request), who, month, contractor)
    if sheet.contractor is None:
        raise HTTPException(422, "contractor: missing, must be given")
    return {
        "month": sheet.month, "contractor": sheet.contractor, "trucks": list(sheet.trucks),
        "open_days": [day.isoformat() for day in sheet.open_days], "lines": [line.to_json() for line in sheet.lines],
    }  # fmt: skip


@router.get("/contractor/undone.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_undone_csv(request: Request, who: Side, month: Month = None, contractor: Whose = None) -> Response:
    """The same as CSV."""
    depot = depot_of(request)
    sheet = _sheet(depot, who, month, contractor)
    if sheet.contractor is None:
        raise HTTPException(422, "contractor: missing, must be given")
    named = re.sub(r"[^A-Za-z0-9_-]", "_", f"undone-{sheet.month}-{sheet.contractor}")
    response = Response(
        sheet_csv(sheet, zone_of(depot), language(request)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{named}.csv"'},
    )
    set_security_headers(response)
    return response


@router.get("/contractor", include_in_schema=False)
def get_page(request: Request, who: Side, month: Month = None, contractor: Whose = None) -> Response:
    """The same as a page, where notes are added and a contractor sends positions."""
    return _page(request, who, _sheet(depot_of(request), who, month, contractor))


@router.post("/contractor/notes", include_in_schema=False)
async def post_note(request: Request, who: Side) -> Response:
    """Add a note to a line: a form with ``month contractor date tour task text``."""
    form = await request.form(max_files=0, max_fields=10)
    given = {key: str(form.get(key, ""))[:2_000] for key in ("month", "contractor", "date", "tour", "task", "text")}
    depot = depot_of(request)
    if not re.fullmatch(MONTH, given["month"]):
        raise HTTPException(422, f"month = {given['month'][:10]!r}, must be written YYYY-MM")

    def add() -> Response:
        name, trucks = _trucks(depot.store, who, given["contractor"])
        try:
            add_note(
                depot.store, who, given["date"], given["tour"], given["task"], trucks, given["text"], depot.clock.now()
            )
        except InputError as error:
            return _page(request, who, _sheet(depot, who, given["month"], name), error)
        return RedirectResponse(request.url_for("get_page").include_query_params(
            month=given["month"], contractor=name or ""), 303)  # fmt: skip

    return await to_thread.run_sync(add)


@router.get("/contractor.js", include_in_schema=False, dependencies=[Depends(allow("contractor", "planner"))])
def get_script() -> Response:
    """The page's script."""
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8")


def _page(request: Request, who: Caller, sheet: Sheet, error: InputError | None = None) -> Response:
    depot = depot_of(request)
    names = (
        [a.name for a in users.all_accounts(depot.store) if a.role == "contractor" and a.disabled is None]
        if who.role == "planner"
        else []
    )
    keep = f"month={sheet.month}&" + (f"contractor={sheet.contractor}&" if sheet.contractor else "")
    page = sheet_page(
        frame_of(request, who, keep),
        sheet,
        names,
        zone_of(depot),
        may_upload=who.role == "contractor",
        message="" if error is None else error.text(language(request)),
    )
    response = html_page(request, page, 200 if error is None else 400)
    set_security_headers(response, SHEET_POLICY)
    return response
