"""What is in an area, in words and as layers of a map: ``ripeur area show``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pyproj import Transformer

from fleet import Hours
from optimizer.area import DROP_OFF, DWELLINGS, WEEKDAYS, Area, Note, PlaceAt, number_text
from optimizer.area import sectors as sectoring
from optimizer.demand import Demand
from optimizer.drop_off import DropOffPoint
from optimizer.new_area.proposal import DayWork, stretch_work, together
from optimizer.streets import Closure, Extract, StreetNetwork, Stretch, passes_of_stretch

#: Notes of the demand are ``note_<code>``. Numbers come as numbers and are grouped by thousands.
TEXTS: dict[str, dict[str, str]] = {
    "area": {"fr": "Territoire : {name} ({folder})", "en": "Area: {name} ({folder})"},
    "map": {
        "fr": "Carte : {file}, {attribution} ; {segments} tronçons, projection {crs}",
        "en": "Map: {file}, {attribution}; {segments} segments, projection {crs}",
    },
    "people": {
        "fr": "Habitants : {people}, {dwellings} logements ({houses} maisons, {blocks} en immeuble), {shops} commerces",
        "en": "Inhabitants: {people} in {dwellings} dwellings ({houses} in houses, {blocks} in blocks), {shops} shops",
    },
    "week": {"fr": "Déchets par semaine :", "en": "Waste in a week:"},
    "flux": {"fr": "  {label} : {kg} kg", "en": "  {label}: {kg} kg"},
    "flux_bags": {"fr": "  {label} : {kg} kg ({bags} sacs)", "en": "  {label}: {kg} kg ({bags} bags)"},
    "streets": {"fr": "Rues (km, et km à collecter) :", "en": "Streets (km, and km to collect):"},
    "class": {"fr": "  {highway} : {km} km", "en": "  {highway}: {km} km"},
    "class_collected": {"fr": "  {highway} : {km} km, dont {due} km", "en": "  {highway}: {km} km, of which {due} km"},
    "sides": {
        "fr": "Côtés de rue à collecter : {passes} passages, {km} km ({both} des deux côtés à la fois)",
        "en": "Street sides to collect: {passes} passes, {km} km ({both} for both sides at once)",
    },
    "sectors": {"fr": "Secteurs :", "en": "Sectors:"},
    "sector": {
        "fr": "  {name} : {people} hab., {tonnes} t par semaine, {street_km} km de rues ({km} km de passages) ; {days}",
        "en": "  {name}: {people} inh., {tonnes} t a week, {street_km} km of streets ({km} km of passes); {days}",
    },
    "closed": {"fr": "Fermetures : {windows}", "en": "Closures: {windows}"},
    "window": {
        "fr": "{name} {start}-{end} ({days}), {streets} rues",
        "en": "{name} {start}-{end} ({days}), {streets} streets",
    },
    "window_one": {
        "fr": "{name} {start}-{end} ({days}), {streets} rue",
        "en": "{name} {start}-{end} ({days}), {streets} street",
    },
    "rules": {"fr": "Collecte promise :", "en": "Collection promised:"},
    "rule": {"fr": "  {sector}, {service}, {dwelling} : {days}", "en": "  {sector}, {service}, {dwelling}: {days}"},
    "no_rule": {"fr": "  {sector} : rien", "en": "  {sector}: nothing"},
    "every": {"fr": "{day} (toutes les {weeks} semaines)", "en": "{day} (every {weeks} weeks)"},
    "season": {"fr": "{day} du {start} au {end}", "en": "{day} from {start} to {end}"},
    "exceptions": {"fr": "Exceptions : {count}", "en": "Exceptions: {count}"},
    "trucks": {"fr": "Camions :", "en": "Trucks:"},
    "truck": {
        "fr": "  {id} : {tonnes} t utiles, {volume} m³, {height} m de haut, {energy} ; services {shifts}",
        "en": "  {id}: {tonnes} t payload, {volume} m³, {height} m high, {energy}; shifts {shifts}",
    },
    "depot": {"fr": "Dépôt : {label} ({where})", "en": "Depot: {label} ({where})"},
    "site": {
        "fr": "Site de vidage {id} : {label} ({where}) ; {accepts} ; {hours}",
        "en": "Unloading site {id}: {label} ({where}); {accepts}; {hours}",
    },
    "assumed": {"fr": "Ce qui est estimé, et comment :", "en": "What is estimated, and how:"},
    "lost": {"fr": "Adresses sans rue : {names}", "en": "Addresses without a street: {names}"},
    "refused": {"fr": "Lignes refusées :", "en": "Rows refused:"},
    "houses": {"fr": "maisons", "en": "houses"},
    "blocks": {"fr": "immeubles", "en": "blocks"},
    "shops": {"fr": "commerces", "en": "shops"},
    DROP_OFF: {"fr": "points d'apport volontaire", "en": "drop-off points"},
    "not_collected": {"fr": "jamais", "en": "never"},
    "note_people_from_area": {
        "fr": "{people} habitants : ceux des communes d'area.toml",
        "en": "{people} inhabitants: those of area.toml's communes",
    },
    "note_people_from_map": {
        "fr": "{people} habitants : « population » de la carte (OpenStreetMap)",
        "en": "{people} inhabitants: `population` of the map (OpenStreetMap)",
    },
    "note_people_from_density": {
        "fr": "{people} habitants : SUPPOSÉ, {per_km} par km de rue habitée, faute de mieux",
        "en": "{people} inhabitants: ASSUMED, {per_km} per km of residential street, for want of better",
    },
    "note_commune_cut": {
        "fr": "{name} : limite incomplète sur la carte ; {here} de ses {people} habitants y logent, d'après le bâti",
        "en": "{name}: boundary not whole on the map; {here} of its {people} inhabitants live on it, by its buildings",
    },
    "note_levels_raised": {
        "fr": "{name} : niveaux inconnus multipliés par {times}, pour que chacun ait son plancher",
        "en": "{name}: unmapped levels multiplied by {times}, so that everybody finds floor to live on",
    },
    "note_along_streets": {
        "fr": "{name} : bâtiments absents de la carte (présents sur {covered}\u202f% des rues) ; habitants répartis "
        "le long des rues habitées, {blocks}\u202f% en immeubles",
        "en": "{name}: buildings are not mapped (on {covered} % of streets only); people spread along residential "
        "streets, {blocks} % in blocks",
    },
    "note_nowhere": {
        "fr": "{name} : {people} habitants sans rue sur la carte, non comptés",
        "en": "{name}: {people} inhabitants without a street on the map, not counted",
    },
    "note_shops": {
        "fr": "{count} commerces, chacun compté comme {people} habitants, pris sur le total par habitant",
        "en": "{count} shops, each counted as {people} inhabitants, taken out of the total per inhabitant",
    },
    "note_strangers": {
        "fr": "{count} bâtiments hors des communes nommées : personne n'y est compté",
        "en": "{count} buildings outside the communes named: nobody is counted there",
    },
    "note_addresses": {
        "fr": "{count} adresses de {file} ({outside} hors de la carte)",
        "en": "{count} addresses of {file} ({outside} outside the map)",
    },
    "note_addresses_lost": {
        "fr": "{count} adresses à plus de {reach_m} m de toute rue collectée",
        "en": "{count} addresses more than {reach_m} m from any collected street",
    },
    "note_shops_one": {
        "fr": "{count} commerce, compté comme {people} habitants, pris sur le total par habitant",
        "en": "{count} shop, counted as {people} inhabitants, taken out of the total per inhabitant",
    },
    "note_strangers_one": {
        "fr": "{count} bâtiment hors des communes nommées : personne n'y est compté",
        "en": "{count} building outside the communes named: nobody is counted there",
    },
    "note_addresses_one": {
        "fr": "{count} adresse de {file} ({outside} hors de la carte)",
        "en": "{count} address of {file} ({outside} outside the map)",
    },
    "note_addresses_lost_one": {
        "fr": "{count} adresse à plus de {reach_m} m de toute rue collectée",
        "en": "{count} address more than {reach_m} m from any collected street",
    },
    "note_learned_one": {
        "fr": "demande corrigée d'après les pesées ({file}) : {count} secteur et flux, ×{low} à ×{high}",
        "en": "demand corrected after weighings ({file}): {count} sector and stream, ×{low} to ×{high}",
    },
    "note_learned": {
        "fr": "demande corrigée d'après les pesées ({file}) : {count} secteurs et flux, ×{low} à ×{high}",
        "en": "demand corrected after weighings ({file}): {count} sectors and streams, ×{low} to ×{high}",
    },
    "note_demand_csv_one": {
        "fr": "{sides} côté de rue d'après {file}, à la place de l'estimation",
        "en": "{sides} street side from {file} instead of the estimate",
    },
    "note_demand_csv": {
        "fr": "{sides} côtés de rue d'après {file}, à la place de l'estimation",
        "en": "{sides} street sides from {file} instead of the estimate",
    },
}
_DAYS = {"fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."), "en": WEEKDAYS}
_MOST_LISTED = 20


def text(key: str, language: str, **values: object) -> str:
    said = {name: number_text(v, language) if isinstance(v, int | float) else v for name, v in values.items()}
    one = any(values.get(name) == 1 for name in ("count", "sides")) and f"{key}_one" in TEXTS
    return TEXTS[f"{key}_one" if one else key][language].format(**said)


def note_text(note: Note, language: str) -> str:
    return text(f"note_{note.code}", language, **note.values)


def summary(
    area: Area, extract: Extract, streets: StreetNetwork, demand: Demand, language: str | None = None
) -> list[str]:
    """Lines for a terminal. ``language``: the area's where None."""
    lang = language or area.language

    def say(key: str, **values: object) -> str:
        return text(key, lang, **values)

    lines = [
        say("area", name=area.name, folder=str(area.folder)),
        say("map", file=extract.path.name, attribution=area.attribution, segments=len(streets.segments), crs=area.crs),
        say(
            "people", people=round(demand.people), dwellings=round(demand.total("houses") + demand.total("blocks")),
            houses=round(demand.total("houses")), blocks=round(demand.total("blocks")),
            shops=round(demand.total("shops")),
        ),
        say("week"),
    ]  # fmt: skip
    for flux in area.flux:
        kg = demand.total_weekly_kg(flux.name)
        bags = {} if flux.kg_per_bag is None else {"bags": round(kg / flux.kg_per_bag)}
        lines.append(say("flux_bags" if bags else "flux", label=flux.label, kg=round(kg), **bags))
    lines += _street_lines(area, streets, demand, say)
    lines += _sector_lines(area, streets, demand, lang, say)
    lines += _closure_lines(area, extract, streets, lang, say)
    lines += _fleet_lines(area, lang, say)
    lines.append(say("assumed"))
    lines += [f"  {note_text(note, lang)}" for note in demand.notes]
    if demand.addresses_without_street:
        lines.append(say("lost", names=_listed(demand.addresses_without_street)))
    if demand.refused:
        lines += [say("refused"), *(f"  {row}" for row in demand.refused)]
    return lines


Say = Callable[..., str]


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f", … (+{more})" if more > 0 else "")


def _street_lines(area: Area, streets: StreetNetwork, demand: Demand, say: Say) -> Iterable[str]:
    km: dict[str, float] = defaultdict(float)
    for segment in streets.segments:
        km[segment.way.highway] += segment.length_m / 1000
    lived = {stretch for stretch, _ in demand.dwellings}
    due: dict[str, float] = defaultdict(float)
    passes = [
        (s, side) for s in streets.stretches if s.id in lived for _, side in passes_of_stretch(s, area.traffic_side)
    ]
    for s in streets.stretches:
        if s.id in lived:
            due[s.highway] += s.length_m / 1000
    yield say("streets")
    for highway, length in sorted(km.items(), key=lambda item: -item[1]):
        if highway in due:
            yield say("class_collected", highway=highway, km=round(length, 1), due=round(due[highway], 1))
        else:
            yield say("class", highway=highway, km=round(length, 1))
    yield say(
        "sides", passes=len(passes), km=round(sum(s.length_m for s, _ in passes) / 1000, 1),
        both=sum(side == "both" for _, side in passes),
    )  # fmt: skip


def sector_indices(area: Area, stretches: Iterable[Stretch]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Position in ``area.sectors`` of the middle of each stretch."""
    middles = np.array([s.middle_xy for s in stretches]).reshape(-1, 2)
    lon, lat = Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True).transform(*middles.T)
    return sectoring.indices(area.sectors, lon, lat)


def _sector_lines(area: Area, streets: StreetNetwork, demand: Demand, lang: str, say: Say) -> Iterable[str]:
    mine = sector_indices(area, streets.stretches)
    work = _street_work(area, streets, demand)
    people: dict[int, float] = defaultdict(float)
    index = {s.id: int(k) for s, k in zip(streets.stretches, mine, strict=True)}
    for (stretch, _), residents in demand.dwellings.items():
        people[index[stretch]] += residents.people
    lengths: dict[int, float] = defaultdict(float)
    for stretch_, here, its in zip(streets.stretches, mine, work, strict=True):
        lengths[int(here)] += stretch_.length_m if its.metres > 0 else 0.0
    yield say("sectors")
    for k, sector in enumerate(area.sectors):
        week = together([w for w, s in zip(work, mine, strict=True) if s == k])
        days = sorted({r.weekday for r in area.rules if r.sector == sector.name and r.dwelling in DWELLINGS})
        yield say(
            "sector", name=sector.name, people=round(people[k]), tonnes=round(sum(week.kg.values()) / 1000, 1),
            street_km=round(lengths[k] / 1000, 1), km=round(week.metres / 1000, 1),
            days=" ".join(_DAYS[lang][d] for d in days) or say("not_collected"),
        )  # fmt: skip
    yield say("rules")
    yield from _rule_lines(area, lang, say)
    if area.exceptions:
        yield say("exceptions", count=len(area.exceptions))


def _street_work(area: Area, streets: StreetNetwork, demand: Demand) -> list[DayWork]:
    """A week's work at each stretch, of the services that are collected in the street (glass goes to its points)."""
    in_street = tuple({r.service: None for r in area.rules if r.dwelling in DWELLINGS})
    return stretch_work(area, streets, demand, in_street)


def _rule_lines(area: Area, lang: str, say: Say) -> Iterable[str]:
    """One line for each sector and service, kinds of dwelling with the same days together."""
    for sector in area.sectors:
        days: dict[tuple[str, str], list[str]] = defaultdict(list)
        for rule in sorted((r for r in area.rules if r.sector == sector.name), key=lambda r: r.weekday):
            day = _DAYS[lang][rule.weekday]
            if rule.every_weeks > 1:
                day = say("every", day=day, weeks=rule.every_weeks)
            if rule.season_from and rule.season_to:
                start, end = ("{1:02}/{0:02}".format(*at) for at in (rule.season_from, rule.season_to))
                day = say("season", day=day, start=start, end=end)
            days[rule.service, rule.dwelling].append(day)
        together_: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        for (service, kind), when in days.items():
            together_[service, tuple(when)].append(say(kind))
        for (service, when_), kinds in together_.items():
            label = area.service_named(service).label
            yield say("rule", sector=sector.name, service=label, dwelling=", ".join(kinds), days=" ".join(when_))
        if not days:
            yield say("no_rule", sector=sector.name)


def _closure_lines(area: Area, extract: Extract, streets: StreetNetwork, lang: str, say: Say) -> Iterable[str]:
    """The hours in which streets are closed, on one line; none where there are none."""
    windows = []
    for w in area.closed:
        count = Closure(w, area, extract, streets).street_count()
        when = {"start": _clock(w.from_s), "end": _clock(w.to_s), "days": _weekdays(w.weekdays, lang)}
        windows.append(say("window_one" if count == 1 else "window", name=w.name, streets=count, **when))
    if windows:
        yield say("closed", windows=(" ; " if lang == "fr" else "; ").join(windows))


def _weekdays(days: Sequence[int], lang: str) -> str:
    """Three and more that follow each other are a span: ``lun.-sam.``."""
    names = [_DAYS[lang][d] for d in days]
    run = len(days) > 2 and days[-1] - days[0] == len(days) - 1
    return f"{names[0]}-{names[-1]}" if run else " ".join(names)


def _fleet_lines(area: Area, lang: str, say: Say) -> Iterable[str]:
    yield say("trucks")
    for truck in area.trucks:
        shifts = ", ".join(shift.id for shift in area.shifts if shift.truck == truck.id)
        yield say(
            "truck", id=truck.id, tonnes=round(truck.payload_kg / 1000, 1), height=truck.height_m, energy=truck.energy,
            volume=round(sum(part.volume_m3 for part in truck.compartments), 1), shifts=shifts or say("not_collected"),
        )  # fmt: skip
    yield say("depot", label=area.depot.label, where=_where(area.depot))
    for place, site in area.sites:
        accepts = ", ".join(area.flux_named(f).label for f in site.accepts)
        yield say(
            "site", id=site.id, label=site.label, where=_where(place), accepts=accepts, hours=_hours(site.hours, lang)
        )


def _where(place: PlaceAt) -> str:
    return f"node {place.osm_node}" if place.osm_node is not None else f"{place.lat_deg}, {place.lon_deg}"


def _hours(hours: tuple[Hours, ...], lang: str) -> str:
    """Days with the same hours together: ``lun.-sam. 05:00-20:00``."""
    by_times: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    for day in range(7):
        times = tuple((h.opens_s, h.closes_s) for h in hours if h.weekday == day)
        if times:
            by_times[times].append(day)
    parts = []
    for times, days in by_times.items():
        clock = " ".join(f"{_clock(a)}-{_clock(b)}" for a, b in times)
        parts.append(f"{_weekdays(days, lang)} {clock}")
    return " ; ".join(parts) if lang == "fr" else "; ".join(parts)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


# --- the same as layers of a map ---------------------------------------------------------------------------------

Collection = dict[str, Any]


def layers(area: Area, extract: Extract, streets: StreetNetwork, demand: Demand) -> dict[str, Collection]:
    """GeoJSON FeatureCollections by name: ``sectors``, ``streets``, ``places``; the map writer chooses how they look.

    ``streets``: collected stretches with sector (position and name), people, kg per week and name. ``places``: depot
    and sites (``kind``). Nothing is rounded: who writes it down rounds the sums, once.
    """
    mine = sector_indices(area, streets.stretches)
    sector_of_streets = [area.sectors[k].name for k in mine]
    work = _street_work(area, streets, demand)
    people: dict[str, float] = defaultdict(float)
    for (stretch, _), residents in demand.dwellings.items():
        people[stretch] += residents.people
    lines = [
        _feature(
            "LineString",
            [list(extract.lonlat[n]) for n in s.osm_nodes],
            {
                "id": s.id, "name": s.name, "highway": s.highway, "sector": name, "sector_index": int(k),
                "people": people[s.id], "kg_week": sum(w.kg.values()),
            },
        )
        for s, k, name, w in zip(streets.stretches, mine, sector_of_streets, work, strict=True)
    ]  # fmt: skip
    places = [("depot", area.depot)] + [("site", place) for place, _ in area.sites]
    points = [
        _feature("Point", at, {"kind": kind, "id": place.id, "label": place.label})
        for kind, place in places
        if (at := _at(place, extract)) is not None
    ]
    return {"sectors": sectoring.to_geojson(area.sectors), "streets": _collection(lines), "places": _collection(points)}


def with_collections(
    layers: Mapping[str, Collection], area: Area, points: Iterable[DropOffPoint]
) -> dict[str, Collection]:
    """What ``layers`` made, each sector with its ``weekdays`` (0 = Monday), and the ``drop_off_points`` (``name``).

    The sectors' own properties are added to: ``layers`` is not to be used afterwards.
    """
    for feature in layers["sectors"]["features"]:
        sector = feature["properties"]["name"]
        rules = (rule for rule in area.rules if rule.sector == sector and rule.dwelling != DROP_OFF)
        feature["properties"]["weekdays"] = sorted({rule.weekday for rule in rules})
    features = [
        _feature("Point", [point.lon_deg, point.lat_deg], {"name": point.name or point.address}) for point in points
    ]
    return {**layers, "drop_off_points": _collection(features)}


def _at(place: PlaceAt, extract: Extract) -> list[float] | None:
    if place.lon_deg is not None and place.lat_deg is not None:
        return [place.lon_deg, place.lat_deg]
    found = extract.lonlat.get(place.osm_node or 0)
    return list(found) if found else None


def _feature(kind: str, coordinates: list[Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": dict(properties), "geometry": {"type": kind, "coordinates": coordinates}}


def _collection(features: list[dict[str, Any]]) -> Collection:
    return {"type": "FeatureCollection", "features": features}
