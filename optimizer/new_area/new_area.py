"""A new area: from an OSM extract to a folder that can be planned at once.

Everything that is not on the map is proposed, written with its reason into area.toml, and shown to the planner: depot
and unloading site, a fleet sized to the demand, five weekday sectors of about the same work. The folder appears whole
or not at all, and an area that is there already is never touched.
"""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pyproj import Transformer

from fleet import Truck
from optimizer.area import INPUT_FILES, Area, Commune, Note, Sector, parts_with_more, read_area
from optimizer.area import sectors as sectoring
from optimizer.demand import PEOPLE_PER_KM, Demand, estimate_demand, mapped_communes
from optimizer.drop_off import read_osm_points
from optimizer.new_area.country import Country, country_of
from optimizer.new_area.notes import all_in_words
from optimizer.new_area.proposal import (
    MARGIN,
    DayWork,
    Ways,
    middle_of_people,
    places,
    stretch_work,
    together,
    transfer_h,
    trucks_needed,
)
from optimizer.new_area.template import Wanted, area_toml
from optimizer.streets import Extract, StreetNetwork, build_street_network, read_extract, truck_may_use

WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr")
SHIFT_S = 7 * 3600.0
STREET_SERVICES = ("bags",)
#: Light trucks are proposed for streets that the large one may not enter, where they are this share of the length.
LIGHT_SHARE = 0.002
LIGHT_LOADS, LIGHT_FILLED = 3, 0.75  # loads a day; the body is full of bags before the payload is reached. ASSUMED.
MOST_PARTS = 20  # of a country, named in a note
#: Told each step: extract, demand, proposal.
Progress = Callable[[str], None]


class NewAreaFault(ValueError):
    """An area cannot be made here: it exists already, or what is asked for is out of bounds."""


@dataclass(frozen=True)
class NewArea:
    """``notes``: what was proposed and assumed, one line each in the area's language, as area.toml says it too."""

    area: Area
    notes: tuple[str, ...]


def make_area(
    folder: Path,
    extract_path: Path,
    *,
    name: str | None = None,
    population: int | None = None,
    addresses: Path | None = None,
    language: str = "fr",
    timezone: str | None = None,
    holidays: str | None = None,
    traffic_side: str | None = None,
    progress: Progress = lambda _: None,
) -> NewArea:
    """Make the area folder and read it back.

    ``population``: of all that the extract covers; else the map's. ``addresses``: a BAN CSV, copied. What is None is
    proposed from the map. Raises ``NewAreaFault``, ``ExtractFault``, or ``AreaFaults`` (a wrong option, say).
    """
    _check_asked(folder, extract_path, population, addresses, language)
    progress("extract")
    extract = read_extract(extract_path)
    asked = {"timezone": timezone, "holidays": holidays, "traffic_side": traffic_side}
    given = _communes(extract, name or folder.resolve().name, population)
    wanted = replace(
        _first_draft(extract, asked, given),
        name=name or (given[0][0].name if given[0] else folder.resolve().name),
        extract=extract_path.name,
        language=language,
        addresses=addresses.name if addresses else None,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-area-") as made:
        stage = Path(made)
        for source in (extract_path, *([addresses] if addresses else [])):
            _link_or_copy(source, stage / source.name)
        progress("demand")
        area, wanted, streets, demand = _surveyed(stage, wanted, extract)
        progress("proposal")
        work = stretch_work(area, streets, demand, STREET_SERVICES)
        sectors = _sectors(area, extract, streets, work)
        wanted = _proposed(wanted, area, extract, streets, demand, work, sectors)
        _write(stage, wanted, sectors, wanted.crane_trucks > 0)
        read_area(stage)  # judged before anybody sees it
        _move_in(stage, folder, extract_path, addresses)
    depot, site = Note("depot", {"why": wanted.depot_why}), Note("site", {"why": wanted.site_why})
    parts = (wanted.country_why, (wanted.communes_why,), (depot,), (site,), wanted.fleet_why)
    return NewArea(read_area(folder), tuple(all_in_words(notes, language) for notes in parts))


# --- files -------------------------------------------------------------------------------------------------------


def _check_asked(
    folder: Path, extract_path: Path, population: int | None, addresses: Path | None, language: str
) -> None:
    refuse_to_overwrite(folder, extract_path, addresses)
    if population is not None and population < 1:
        raise NewAreaFault(f"population = {population}, must be 1 or more")
    if addresses is not None and not addresses.is_file():
        raise NewAreaFault(f"addresses {addresses}: no such file")
    if language not in ("fr", "en"):
        raise NewAreaFault(f"language = {language!r}, must be fr or en")


def refuse_to_overwrite(folder: Path, extract_path: Path | None = None, addresses: Path | None = None) -> None:
    """NewAreaFault where the folder holds an area already; to be asked before a map is fetched into it, too."""
    if folder.exists() and not folder.is_dir():
        raise NewAreaFault(f"{folder}: is a file, must be a new folder")
    for name in INPUT_FILES:
        if (folder / name).exists():
            raise NewAreaFault(
                f"{folder}: holds an area already ({name}), which is never overwritten; name another folder"
            )
    for source in (extract_path, addresses):
        if source is not None:
            target = folder / source.name
            if target.exists() and source.exists() and not target.samefile(source):
                raise NewAreaFault(f"{target}: exists already and is another file than {source}")
            if source.name in INPUT_FILES:
                raise NewAreaFault(f"{source}: its name is one of the area's own files, must be another")


def _link_or_copy(source: Path, target: Path) -> None:
    """A second name for the same file where the disk allows it: extracts are large."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _move_in(stage: Path, folder: Path, extract_path: Path, addresses: Path | None) -> None:
    folder.mkdir(exist_ok=True)
    for source in (extract_path, addresses):
        if source is not None and not (folder / source.name).exists():
            # A copy of its own: a link would change with the file it came from.
            shutil.copyfile(source, folder / source.name)
    for name in sorted(INPUT_FILES, reverse=True):  # area.toml last: without it the folder is no area
        shutil.move(stage / name, folder / name)


def _write(stage: Path, wanted: Wanted, sectors: tuple[Sector, ...], drop_off: bool) -> None:
    (stage / "area.toml").write_text(area_toml(wanted), encoding="utf-8")
    sectoring.write(sectors, stage / "sectors.geojson")
    columns = ("sector", "service", "dwelling", "weekday", "every_weeks", "anchor_date", "season_from", "season_to")
    rows: list[tuple[str, ...]] = []
    for sector, day in zip(sectors, WEEKDAYS, strict=False):
        kinds = [("bags", "houses"), ("bags", "blocks"), ("bags", "shops")] + [("glass", "drop_off")] * drop_off
        rows += [(sector.name, service, kind, day, "1", "2026-01-05", "", "") for service, kind in kinds]
    (stage / "collection.csv").write_text(_csv([columns, *rows]), encoding="utf-8")
    empty = [("sector", "service", "date", "what", "moved_to", "note")]
    (stage / "exceptions.csv").write_text(_csv(empty), encoding="utf-8")


def _csv(rows: Sequence[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# --- what is proposed --------------------------------------------------------------------------------------------


def _first_draft(
    extract: Extract, asked: Mapping[str, str | None], communes: tuple[tuple[Commune, ...], Note]
) -> Wanted:
    """What the map says by itself, and a truck of each kind: enough to be read, and measured."""
    country = country_of(extract)
    chosen = {key: value or getattr(country, key) for key, value in asked.items()}
    any_node = min(extract.lonlat)
    return Wanted(
        name="",
        extract="",
        timezone=chosen["timezone"],
        language="fr",
        crs=_utm(extract),
        traffic_side=chosen["traffic_side"],
        holidays=chosen["holidays"],
        country_why=_country_why(country, asked, chosen["holidays"]),
        depot_node=any_node,
        depot_why=Note("no_depot"),
        site_node=any_node,
        site_why=Note("no_site"),
        communes=communes[0],
        communes_why=communes[1],
        addresses=None,
        trucks=1,
        light_trucks=1,
        crane_trucks=1,
        fleet_why=(),
    )


def _utm(extract: Extract) -> str:
    """UTM zone of the median node: one way that runs off to the next town must not choose it."""
    lon, lat = np.median(np.array(list(extract.lonlat.values())), axis=0)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + int((lon + 180) // 6) % 60 + 1}"


def _country_why(country: Country, asked: Mapping[str, str | None], holidays: str) -> tuple[Note, ...]:
    """``holidays``: as chosen; of a whole country, the parts that have more are named."""
    given = tuple(Note(key) for key, value in asked.items() if value)
    proposed = tuple(Note(key) for key, value in asked.items() if not value)
    notes = [Note("proposed", {"what": proposed, "why": country.reason})] if proposed else []
    notes += [Note("asked", {"what": given})] if given else []
    parts = parts_with_more(holidays)
    if parts:
        shown = parts[:MOST_PARTS] + ("…",) * (len(parts) > MOST_PARTS)
        notes.append(Note("holiday_parts", {"code": holidays, "parts": shown}))
    return tuple(notes)


def _communes(extract: Extract, name: str, population: int | None) -> tuple[tuple[Commune, ...], Note]:
    if population is not None:
        return (Commune(name, population),), Note("people_given")
    on_map = mapped_communes(extract)
    if on_map:
        return on_map, Note("people_mapped")
    return (), Note("people_assumed", {"per_km": PEOPLE_PER_KM})


def _surveyed(stage: Path, wanted: Wanted, extract: Extract) -> tuple[Area, Wanted, StreetNetwork, Demand]:
    """The area read from a first draft, with everything on the map but no proposal yet."""
    lon, lat = extract.lonlat[wanted.depot_node]
    ring = ((lon, lat), (lon + 0.01, lat), (lon, lat + 0.01), (lon, lat))
    _write(stage, wanted, (Sector("1", ((ring,),)),), True)
    area = read_area(stage)
    streets = build_street_network(extract, area)
    demand = estimate_demand(area, extract, streets)
    if not wanted.communes:
        wanted = replace(wanted, communes=(Commune(wanted.name, max(1, round(demand.people))),))
    return area, wanted, streets, demand


def _sectors(area: Area, extract: Extract, streets: StreetNetwork, work: list[DayWork]) -> tuple[Sector, ...]:
    middles = np.array([s.middle_xy for s in streets.stretches]).reshape(-1, 2)
    hours = np.array([w.hours for w in work])
    due = hours > 0
    return sectoring.balanced(middles[due], hours[due], len(WEEKDAYS), extract.bbox, area.crs, area.language)


def _proposed(
    wanted: Wanted, area: Area, extract: Extract, streets: StreetNetwork, demand: Demand, work: list[DayWork],
    sectors: tuple[Sector, ...],
) -> Wanted:  # fmt: skip
    """Depot, site and the fleet for the heaviest of the five days."""
    large, light = area.trucks[0], area.trucks[1]
    try:
        depot, site = places(extract, streets, area, demand, large)
    except ValueError as fault:
        raise NewAreaFault(str(fault)) from fault
    middles = np.array([s.middle_xy for s in streets.stretches]).reshape(-1, 2)
    lon, lat = Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True).transform(*middles.T)
    mine = sectoring.indices(sectors, lon, lat)
    centre = middle_of_people(streets, demand)

    def trucks(k: int) -> tuple[int, DayWork]:
        day = together([w for w, s in zip(work, mine, strict=True) if s == k])
        here = np.median(middles[mine == k], axis=0) if (mine == k).any() else centre
        at_depot, at_site = streets.xy[depot.node], streets.xy[site.node]
        ways = Ways(math.dist(at_depot, here), math.dist(here, at_site), math.dist(at_site, at_depot))
        return trucks_needed(area, day, large, ways, SHIFT_S), day

    needed, day = max((trucks(k) for k in range(len(sectors))), key=lambda day: day[0])
    cranes, containers = _crane_trucks(area, streets, site.node, depot.node)
    fleet_why = [
        Note(
            "fleet",
            {
                "days": len(sectors), "tonnes": round(sum(day.kg.values()) / 1000, 1), "km": round(day.metres / 1000),
                "trucks": Note("trucks", {"count": needed}), "hours": SHIFT_S / 3600,
                "margin": round((MARGIN - 1) * 100),
            },
        )
    ]  # fmt: skip
    lights = _light_trucks(streets, work, mine.tolist(), large, light)
    if lights:
        fleet_why.append(Note("light", {"ids": _ids(needed, lights)}))
    if cranes:
        glass = Note("containers", {"count": containers})
        fleet_why.append(Note("crane", {"ids": _ids(needed + lights, cranes), "containers": glass}))
    else:
        fleet_why.append(Note("no_crane"))
    return replace(
        wanted, depot_node=depot.node, depot_why=depot.reason, site_node=site.node, site_why=site.reason, trucks=needed,
        light_trucks=lights, crane_trucks=cranes, fleet_why=tuple(fleet_why),
    )  # fmt: skip


def _ids(before: int, count: int) -> str | Note:
    first, last = f"T{before + 1}", f"T{before + count}"
    return first if count == 1 else Note("id_run", {"first": first, "last": last})


def _light_trucks(streets: StreetNetwork, work: list[DayWork], mine: Sequence[int], large: Truck, light: Truck) -> int:
    """Trucks of 7.5 t for the streets that only they may enter, on the day that has most of them."""
    whole_m = light_m = 0.0
    day_kg = [0.0] * len(WEEKDAYS)
    for s, week, day in zip(streets.stretches, work, mine, strict=True):
        if week.metres > 0:
            tags = streets.segments[s.segments[0]].way.tags
            whole_m += s.length_m
            if not truck_may_use(tags, large) and truck_may_use(tags, light):
                light_m += s.length_m
                day_kg[day] += sum(week.kg.values())
    if light_m <= LIGHT_SHARE * whole_m:
        return 0
    return math.ceil(MARGIN * max(day_kg) / (LIGHT_LOADS * LIGHT_FILLED * light.payload_kg))


def _crane_trucks(area: Area, streets: StreetNetwork, site: int, depot: int) -> tuple[int, int]:
    """Crane trucks and the glass containers they empty once a week; one trip to the site for each 20 of them."""
    glass = sum(c.flux == "glass" for point in read_osm_points(area.extract).points for c in point.containers)
    if not glass:
        return 0, 0
    a_day = math.ceil(glass / len(WEEKDAYS))
    apart_h = transfer_h(math.dist(streets.xy[site], streets.xy[depot]))
    times = area.service_times
    each_h = times.drop_off_container_s * times.crew_factor[0] / 3600 + 0.1  # six minutes of driving between two
    hours = a_day * each_h + math.ceil(a_day / 20) * (2 * apart_h + area.sites[0][1].unload_s / 3600)
    return math.ceil(hours / (SHIFT_S / 3600 - 1.0)), glass
