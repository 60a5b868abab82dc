"""An area read whole: area.toml by its keys, the tables beside it, and what must fit between them.

Nothing is raised before everything has been looked at: the planner sees all faults at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fleet import REGIMES, Compartment, Flux, Service, Shift, Site, Truck
from optimizer.area.area import (
    Area,
    AreaFaults,
    ClosedWindow,
    Commune,
    DemandRules,
    PlaceAt,
    Prices,
    ServiceTimes,
    StreetRules,
    TurnRules,
)
from optimizer.area.opening_hours import DAY_S
from optimizer.area.readers import meant
from optimizer.area.settings import REQUIRED, SECTIONS
from optimizer.area.tables import Faults, read_exceptions, read_rules, read_sectors, shown, text_of

T = TypeVar("T")


# --- area.toml ---------------------------------------------------------------------------------------------------


def _table(raw: Any, section: str, where: str, faults: Faults) -> dict[str, Any] | None:
    """One table read by its ``SECTIONS``; None where it has a fault, so that nothing is built on a guess."""
    keys = SECTIONS[section].keys
    if not isinstance(raw, Mapping):
        faults.say(where, f"is {shown(raw)}, must be a table of keys")
        return None
    before = len(faults.lines)
    for name in raw:
        if name not in keys:
            faults.add(where, name, raw[name], f"unknown key{meant(name, keys)}")
    found: dict[str, Any] = {}
    for setting in SECTIONS[section].settings:
        name = setting.key
        if name not in raw:
            found[name] = setting.value_if_left_out
            if setting.default is REQUIRED:
                faults.say(where, f"{name} is missing, must be given")
            continue
        try:
            found[name] = setting.reader(raw[name])
        except ValueError as bound:
            faults.add(where, name, raw[name], bound)
    return found if len(faults.lines) == before else None


def _tables(raw: Mapping[str, Any], section: str, faults: Faults) -> list[tuple[str, dict[str, Any] | None]]:
    """An array of tables as (where, table), in order; ids or names that come twice are faults."""
    given = raw.get(section, [])
    if not isinstance(given, list):
        faults.say(f"area.toml [{section}]", f"is one table, must be an array of tables: [[{section}]]")
        return []
    least = SECTIONS[section].least or 0
    if len(given) < least:
        faults.say("area.toml", f"no [[{section}]], must hold at least {least}")
    tables = [
        (f"area.toml [[{section}]] {i}", _table(item, section, f"area.toml [[{section}]] {i}", faults))
        for i, item in enumerate(given, 1)
    ]
    label = "id" if "id" in SECTIONS[section].keys else "name"
    first: dict[str, int] = {}
    for i, item in enumerate(given, 1):
        name = item.get(label) if isinstance(item, Mapping) else None
        if isinstance(name, str) and first.setdefault(name.strip(), i) != i:
            faults.add(
                f"area.toml [[{section}]] {i}",
                label,
                name,
                f"must be unique (also [[{section}]] {first[name.strip()]})",
            )
    return tables


def _named(raw: Mapping[str, Any], section: str, label: str) -> set[str]:
    """Names as written, also of tables with faults: so that a fault in a truck is not told again at its shifts."""
    given = raw.get(section, [])
    items = given if isinstance(given, list) else []
    return {str(item[label]).strip() for item in items if isinstance(item, Mapping) and label in item}


def _known(where: str, field: str, names: Iterable[str], known: set[str], what: str, faults: Faults) -> None:
    for name in names:
        if known and name not in known:  # none at all is told already, once
            faults.add(where, field, name, f"must be {what}: {', '.join(sorted(known))}{meant(name, known)}")


def _place(where: str, table: dict[str, Any], faults: Faults) -> PlaceAt | None:
    at, node = table["at"], table["node"]
    if (at is None) == (node is None):
        faults.say(where, "must be given by at = [lat, lon] or by node = …, one of the two")
        return None
    lat_deg, lon_deg = at if at is not None else (None, None)
    return PlaceAt(table["id"], table["label"], lat_deg, lon_deg, node)


def _made(where: str, faults: Faults, make: Callable[..., T], **fields: Any) -> T | None:
    """``make(**fields)``; a rule of the trade that it breaks (``fleet``) is a fault."""
    try:
        return make(**fields)
    except ValueError as why:
        faults.say(where, why)
        return None


def _sites(raw: Mapping[str, Any], flux: set[str], faults: Faults) -> list[tuple[PlaceAt, Site]]:
    sites = []
    for where, table in _tables(raw, "sites", faults):
        if table is None:
            continue
        _known(where, "accepts", table["accepts"], flux, "a [[flux]] name", faults)
        place = _place(where, table, faults)
        fields = {name: table[name] for name in ("id", "label", "accepts", "hours", "eur_per_t")}
        fields |= {"osm_node": 0, "unload_s": round(table["unload_min"] * 60)}
        site = _made(where, faults, Site, **fields)
        if place is not None and site is not None:
            sites.append((place, site))
    return sites


def _services(raw: Mapping[str, Any], flux: set[str], faults: Faults) -> list[Service]:
    services: list[Service] = []
    owner: dict[str, str] = {}
    for where, table in _tables(raw, "services", faults):
        if table is None:
            continue
        _known(where, "flux", table["flux"], flux, "a [[flux]] name", faults)
        for name in table["flux"]:
            # Twice promised, its waste would be counted twice.
            if owner.setdefault(name, table["name"]) != table["name"]:
                faults.add(where, "flux", name, f"must belong to one service only (also {owner[name]})")
        services.append(Service(**table))
    return services


def _trucks(raw: Mapping[str, Any], flux: set[str], faults: Faults) -> list[Truck]:
    trucks = []
    for where, table in _tables(raw, "trucks", faults):
        if table is None:
            continue
        given = table["compartments"]
        parts = []
        for i, item in enumerate(given, 1):
            part = _table(item, "trucks.compartments", f"{where} compartments {i}", faults)
            if part is not None:
                _known(f"{where} compartments {i}", "flux", part["flux"], flux, "a [[flux]] name", faults)
                parts.append(Compartment(**part))
        if len(parts) == len(given):
            truck = _made(where, faults, Truck, **table | {"compartments": tuple(parts)})
            if truck is not None:
                trucks.append(truck)
    return trucks


def _shifts(raw: Mapping[str, Any], trucks: Mapping[str, Truck], faults: Faults) -> list[tuple[str, Shift]]:
    known = _named(raw, "trucks", "id")
    shifts = []
    for where, table in _tables(raw, "shifts", faults):
        if table is None:
            continue
        _known(where, "truck", [table["truck"]], known, "a [[trucks]] id", faults)
        truck = trucks.get(table["truck"])
        # Directive 2006/126/EC art. 4: B drives up to 3,500 kg.
        if truck is not None and table["licence"] == "B" and truck.gross_kg > 3500:
            bound = f"must be C or CE: truck {truck.id} weighs {truck.gross_kg:g} kg loaded, B goes up to 3500 kg"
            faults.add(where, "licence", "B", bound)
        shift = _made(where, faults, _shift, table=table)
        if shift is not None:
            shifts.append((where, shift))
    _overlaps(shifts, faults)
    _long_days(shifts, faults)
    return shifts


def _shift(table: Mapping[str, Any]) -> Shift:
    return Shift(
        id=table["id"],
        truck=table["truck"],
        driver=table["driver"],
        licence=table["licence"],
        loaders=table["loaders"],
        start_s=table["start"],
        length_s=round(table["hours"] * 3600),
        overtime_s=round(table["overtime_hours"] * 3600),
        start_service_s=round(table["start_service_min"] * 60),
        end_service_s=round(table["end_service_min"] * 60),
        regime=table["regime"],
        skills=table["skills"],
        weekdays=table["weekdays"],
        catch_up=table["catch_up"],
    )


def _long_days(shifts: list[tuple[str, Shift]], faults: Faults) -> None:
    """What a driver works on one weekday in all: the law's daily limit counts both shifts."""
    for i, (where, one) in enumerate(shifts):
        for _, other in shifts[:i]:
            limit_s = min(REGIMES[one.regime].max_work_s, REGIMES[other.regime].max_work_s)
            together_s = one.length_s + other.length_s
            if one.driver is None or one.driver != other.driver or together_s <= limit_s:
                continue
            if set(one.weekdays) & set(other.weekdays):
                why = (
                    f"works {together_s / 3600:g} h a day with {other.id}, must be at most {limit_s / 3600:g} h of work"
                )
                faults.add(where, "driver", one.driver, why)


def _overlaps(shifts: list[tuple[str, Shift]], faults: Faults) -> None:
    """A truck may do two shifts a day, and so may a driver, but not at the same time."""
    for i, (where, one) in enumerate(shifts):
        for _, other in shifts[:i]:
            for field, mine, theirs in (("truck", one.truck, other.truck), ("driver", one.driver, other.driver)):
                if mine is not None and mine == theirs and _at_once(one, other):
                    faults.add(where, field, mine, f"must not be on two shifts at the same time (also {other.id})")


def _at_once(one: Shift, other: Shift) -> bool:
    week_s = 7 * DAY_S
    for mine in one.weekdays:
        for theirs in other.weekdays:
            ahead_s = (theirs * DAY_S + other.start_s - mine * DAY_S - one.start_s) % week_s
            if ahead_s < one.length_s or week_s - ahead_s < other.length_s:
                return True
    return False


def _closed(windows: Mapping[str, Any] | None, faults: Faults) -> list[ClosedWindow]:
    closed = []
    for i, item in enumerate(windows["closed"] if windows is not None else [], 1):
        where = f"area.toml [[windows.closed]] {i}"
        table = _table(item, "windows.closed", where, faults)
        if table is None:
            continue
        if not table["from"] < table["to"]:
            faults.add(where, "to", item["to"], f"must be later than from = {item['from']!r}")
        if table["near"] is None and not table["streets"]:
            faults.say(where, 'must say where: near = "amenity=school" or streets = ["…"]')
        closed.append(
            ClosedWindow(
                name=table["name"],
                from_s=table["from"],
                to_s=table["to"],
                weekdays=table["weekdays"],
                near=table["near"],
                within_m=table["within_m"],
                streets=table["streets"],
            )
        )
    return closed


def _utm(lat_deg: float, lon_deg: float) -> str:
    """The UTM zone of a place: the projection in metres that fits without being told."""
    zone = int((lon_deg + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if lat_deg >= 0 else 32700) + zone}"


# --- the whole ---------------------------------------------------------------------------------------------------


def _toml(path: Path, faults: Faults) -> dict[str, Any] | None:
    content = text_of(path, faults)
    if content is None:
        return None
    if not content.strip():
        faults.say(
            path.name, "is empty, must hold [area], [depot], [[sites]], [[flux]], [[services]], [[trucks]], [[shifts]]"
        )
        return None
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as why:
        faults.say(path.name, f"not readable as TOML, cut off or mistyped: {why}")
        return None


def _required_file(folder: Path, field: str, name: str, faults: Faults) -> None:
    path = folder / name
    if not path.is_file():
        faults.add("area.toml", field, name, "must be a file in the area's folder, no such file")
    elif path.stat().st_size == 0:
        faults.add("area.toml", field, name, "must not be empty, the file has 0 bytes")


def read_area(folder: Path) -> Area:
    """The area in ``folder``: its ``area.INPUT_FILES``, judged whole.

    AreaFaults with all faults of all files where there is any.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AreaFaults([f"{folder}: no such folder, must be an area's folder with an area.toml"])
    faults = Faults()
    raw = _toml(folder / "area.toml", faults)
    made = _read_toml(folder, raw, faults) if raw is not None else {}
    sectors = read_sectors(folder / "sectors.geojson", faults)
    sector_names = {sector.name for sector in sectors} if sectors is not None else None
    service_names = (_named(raw, "services", "name") if raw is not None else None) or None
    rules = read_rules(folder / "collection.csv", sector_names, service_names, faults)
    exceptions = read_exceptions(folder / "exceptions.csv", sector_names, service_names, faults)
    if faults.lines:
        raise AreaFaults(faults.lines)
    return Area(**made, rules=tuple(rules), exceptions=tuple(exceptions), sectors=tuple(sectors or ()), raw=raw or {})


def _read_toml(folder: Path, raw: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """The fields of ``Area`` that come from area.toml; only whole where no fault was noted."""
    top = [name for name in SECTIONS if "." not in name]
    for name in raw:
        if name not in top:
            faults.add("area.toml", name, raw[name], f"unknown section{meant(name, top)}")
    sections = {
        name: _table(raw.get(name, {}), name, f"area.toml [{name}]", faults)
        for name, section in SECTIONS.items()
        if section.least is None
    }
    flux_names = _named(raw, "flux", "name")
    flux = [
        one
        for where, table in _tables(raw, "flux", faults)
        if table is not None and (one := _made(where, faults, Flux, **table)) is not None
    ]
    trucks = _trucks(raw, flux_names, faults)
    made: dict[str, Any] = {
        "folder": folder,
        "flux": tuple(flux),
        "services": tuple(_services(raw, flux_names, faults)),
        "communes": tuple(Commune(**table) for _, table in _tables(raw, "communes", faults) if table is not None),
        "sites": tuple(_sites(raw, flux_names, faults)),
        "trucks": tuple(trucks),
        "shifts": tuple(shift for _, shift in _shifts(raw, {truck.id: truck for truck in trucks}, faults)),
        "closed": tuple(_closed(sections["windows"], faults)),
        "speeds_kmh": sections["speeds_kmh"],
    }
    for field, section, build in (
        ("streets", "streets", StreetRules),
        ("turns", "turns", TurnRules),
        ("service_times", "service_times", ServiceTimes),
        ("prices", "prices", Prices),
    ):
        table = sections[section]
        made[field] = build(**table) if table is not None else None
    depot = _place("area.toml [depot]", sections["depot"], faults) if sections["depot"] is not None else None
    made["depot"] = depot
    _demand(folder, sections["demand"], made, faults)
    _whole(folder, sections["area"], depot, made, faults)
    return made


def _demand(folder: Path, table: dict[str, Any] | None, made: dict[str, Any], faults: Faults) -> None:
    if table is None:
        return
    for field in ("addresses", "demand_csv", "drop_off_points", "learned"):
        if table[field] is not None:
            _required_file(folder, f"demand.{field}", table[field], faults)
    made["demand"] = DemandRules(**{name: value for name, value in table.items() if name != "source"})


def _whole(
    folder: Path, table: dict[str, Any] | None, depot: PlaceAt | None, made: dict[str, Any], faults: Faults
) -> None:
    """What [area] says of the area as a whole."""
    if table is None:
        return
    _required_file(folder, "area.extract", table["extract"], faults)
    if table["crs"] == "auto" and depot is not None:
        if depot.lat_deg is None or depot.lon_deg is None:
            faults.say("area.toml [area]", "crs is missing, must be given where the depot is given by node")
        else:
            table["crs"] = _utm(depot.lat_deg, depot.lon_deg)
    if table["second_holiday"] == "auto":
        # FR: only 1 May must be kept (Code du travail L3133-4); DE and most others: no work on a holiday (ArbZG § 9).
        table["second_holiday"] = "worked" if (table["holidays"] or "").split("-")[0] == "FR" else "free"
    made |= table | {"extract": folder / table["extract"]}
