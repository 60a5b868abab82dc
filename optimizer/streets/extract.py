"""The extract: what the map says, read once from an OSM file (``.osm.pbf``, ``.osm``), nothing judged yet.

Node ids and node sequences are the file's own, complete: a plan carries them, so that anybody can follow a tour on the
raw map. OSMnx reads no PBF and its simplification drops node ids; hence ``osmium`` here, and only here and in the
checker's own reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import osmium
import osmium.filter
import osmium.osm

#: Classes of ways that a motor vehicle can use at all; what a given truck may use is ``roads.py``'s to say.
HIGHWAYS = frozenset(
    (
        *("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link"),
        *("tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service", "road"),
    )
)
#: Tags of mapped objects that other parts look for (schools for windows, recycling for drop-off points, sites).
OBJECTS = {
    "amenity": {"recycling", "school", "kindergarten", "waste_transfer_station", "waste_disposal", "bus_station"},
    "place": {"city", "town", "village", "suburb", "hamlet", "borough", "quarter", "neighbourhood"},
    "landuse": {"industrial", "depot", "landfill", "residential"},
    "man_made": {"works", "wastewater_plant"},
}
LonLat = tuple[float, float]


class ExtractFault(ValueError):
    """The extract cannot be read: missing, truncated, not OSM, or without streets."""


@dataclass(frozen=True, slots=True)
class Way:
    """A drivable-class way: its nodes in the way's own order."""

    id: int
    nodes: tuple[int, ...]
    tags: Mapping[str, str]

    @property
    def highway(self) -> str:
        return self.tags["highway"]


@dataclass(frozen=True, slots=True)
class Restriction:
    """A turn restriction: ``kind`` is ``no_left_turn``, ``only_straight_on`` …; ``via`` are nodes, or ways."""

    id: int
    kind: str
    from_ways: tuple[int, ...]
    via_nodes: tuple[int, ...]
    via_ways: tuple[int, ...]
    to_ways: tuple[int, ...]
    exempt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Building:
    """``outline``: the closed footprint; ``use`` is the ``building`` tag; levels None = not mapped."""

    id: int
    outline: tuple[LonLat, ...]
    use: str
    levels: float | None
    flats: int | None
    shop: bool
    street: str | None
    number: str | None


@dataclass(frozen=True, slots=True)
class MappedAddress:
    lon_deg: float
    lat_deg: float
    number: str
    street: str | None


@dataclass(frozen=True, slots=True)
class MappedObject:
    """An amenity, a place, a land use: the centre of its nodes."""

    osm_type: str
    id: int
    lon_deg: float
    lat_deg: float
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Boundary:
    """An administrative boundary whose rings are whole in the extract: outer rings as closed (lon, lat) sequences."""

    id: int
    name: str
    admin_level: int
    population: int | None
    rings: tuple[tuple[LonLat, ...], ...]


@dataclass(frozen=True)
class Extract:
    """``lonlat``: every node of every drivable-class way. ``node_tags``: those of them that have tags."""

    path: Path
    ways: tuple[Way, ...]
    lonlat: Mapping[int, LonLat]
    node_tags: Mapping[int, Mapping[str, str]]
    restrictions: tuple[Restriction, ...]
    buildings: tuple[Building, ...]
    addresses: tuple[MappedAddress, ...]
    objects: tuple[MappedObject, ...]
    boundaries: tuple[Boundary, ...]

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the streets, degrees."""
        lons = [p[0] for p in self.lonlat.values()]
        lats = [p[1] for p in self.lonlat.values()]
        return min(lons), min(lats), max(lons), max(lats)

    def ways_by_id(self) -> dict[int, Way]:
        return {way.id: way for way in self.ways}


def osm_file(path: Path) -> Any:
    """The file as osmium opens it; ``name.pbf`` is PBF even where the rest of the name is unusual."""
    return osmium.io.File(str(path), "pbf") if path.suffix == ".pbf" else osmium.io.File(str(path))


def read_extract(path: Path) -> Extract:
    """Read an OSM file whole. Raises ``ExtractFault`` where it is missing, truncated, not OSM or without streets."""
    if not path.is_file():
        raise ExtractFault(f"extract {path}: no such file")
    try:
        restrictions, outlines = _relations(path)
        return _objects(path, restrictions, outlines)
    except RuntimeError as error:  # osmium's word for a truncated or foreign file
        raise ExtractFault(f"extract {path}: cannot be read as OSM data ({error})") from error


def _relations(path: Path) -> tuple[tuple[Restriction, ...], dict[int, tuple[str, int, int | None, list[int]]]]:
    restrictions: list[Restriction] = []
    boundaries: dict[int, tuple[str, int, int | None, list[int]]] = {}
    for relation in osmium.FileProcessor(osm_file(path), osmium.osm.RELATION):
        if not isinstance(relation, osmium.osm.Relation):
            continue
        tags = dict(relation.tags)
        kind = tags.get("restriction:hgv") or tags.get("restriction") or tags.get("restriction:motorcar:hgv")
        if tags.get("type") == "restriction" and kind:
            members = [(m.type, m.role, m.ref) for m in relation.members]

            def refs(role: str, type_: str, members: list[tuple[str, str, int]] = members) -> tuple[int, ...]:
                return tuple(ref for t, r, ref in members if r == role and t == type_)

            exempt = tuple(tags.get("except", "").replace(" ", "").split(";")) if "except" in tags else ()
            restrictions.append(
                Restriction(
                    id=relation.id,
                    kind=kind,
                    from_ways=refs("from", "w"),
                    via_nodes=refs("via", "n"),
                    via_ways=refs("via", "w"),
                    to_ways=refs("to", "w"),
                    exempt=exempt,
                )
            )
        if tags.get("boundary") == "administrative" and "name" in tags and tags.get("admin_level", "").isdigit():
            outer = [m.ref for m in relation.members if m.type == "w" and m.role in ("outer", "")]
            boundaries[relation.id] = (
                tags["name"], int(tags["admin_level"]), parse_count(tags.get("population")), outer,
            )  # fmt: skip
    return tuple(restrictions), boundaries


def parse_count(text: str | None) -> int | None:
    """``12 532`` or ``12532``; None for anything that is not a plain count."""
    digits = (text or "").replace(" ", "").replace("\u202f", "")
    return int(digits) if digits.isdigit() else None


def _levels(tags: Mapping[str, str]) -> float | None:
    try:
        return float(tags["building:levels"].replace(",", "."))
    except (KeyError, ValueError):
        return None


def _objects(
    path: Path,
    restrictions: tuple[Restriction, ...],
    outlines: dict[int, tuple[str, int, int | None, list[int]]],
) -> Extract:
    ways: list[Way] = []
    lonlat: dict[int, LonLat] = {}
    tagged: dict[int, dict[str, str]] = {}
    buildings: list[Building] = []
    addresses: list[MappedAddress] = []
    objects: list[MappedObject] = []
    border_ways = {ref for *_, outer in outlines.values() for ref in outer}
    borders: dict[int, list[tuple[int, LonLat]]] = {}
    fp = osmium.FileProcessor(osm_file(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for o in fp.with_filter(osmium.filter.EmptyTagFilter()):
        found = dict(o.tags)
        wanted = any(found.get(key) in values for key, values in OBJECTS.items())
        if isinstance(o, osmium.osm.Node):
            tagged[o.id] = found
            here = (o.location.lon, o.location.lat)
            if "addr:housenumber" in found:
                addresses.append(MappedAddress(*here, found["addr:housenumber"], found.get("addr:street")))
            if wanted:
                objects.append(MappedObject("node", o.id, *here, found))
        elif isinstance(o, osmium.osm.Way):
            points = [(n.ref, (n.location.lon, n.location.lat)) for n in o.nodes if n.location.valid()]
            if o.id in border_ways and len(points) == len(o.nodes):
                borders[o.id] = points
            if len(points) < 2:
                continue
            if found.get("highway") in HIGHWAYS and found.get("area") != "yes":
                run = _without_repeats([ref for ref, _ in points])
                if len(run) >= 2:
                    ways.append(Way(o.id, run, found))
                    lonlat.update(points)
            elif found.get("building", "no") != "no":
                buildings.append(_building(o.id, tuple(p for _, p in points), found))
            if wanted:
                objects.append(MappedObject("way", o.id, *_middle([p for _, p in points]), found))
    if not ways:
        raise ExtractFault(f"extract {path}: holds no street (no way with highway=…)")
    node_tags = {node: found for node, found in tagged.items() if node in lonlat}
    boundaries = tuple(_boundaries(outlines, borders))
    return Extract(
        path=path,
        ways=tuple(ways),
        lonlat=lonlat,
        node_tags=node_tags,
        restrictions=restrictions,
        buildings=tuple(buildings),
        addresses=tuple(addresses),
        objects=tuple(objects),
        boundaries=boundaries,
    )


def _building(id_: int, outline: tuple[LonLat, ...], tags: Mapping[str, str]) -> Building:
    return Building(
        id=id_,
        outline=outline,
        use=tags["building"],
        levels=_levels(tags),
        flats=parse_count(tags.get("building:flats")),
        shop="shop" in tags or tags.get("amenity") in SHOPLIKE,
        street=tags.get("addr:street"),
        number=tags.get("addr:housenumber"),
    )


#: Amenities whose waste is a shop's.
SHOPLIKE = frozenset(("restaurant", "cafe", "bar", "fast_food", "bank", "pharmacy", "marketplace", "pub"))


def _middle(points: list[LonLat]) -> LonLat:
    return sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)


def _without_repeats(refs: list[int]) -> tuple[int, ...]:
    return tuple(ref for k, ref in enumerate(refs) if k == 0 or ref != refs[k - 1])


def _boundaries(
    outlines: dict[int, tuple[str, int, int | None, list[int]]], borders: dict[int, list[tuple[int, LonLat]]]
) -> Iterator[Boundary]:
    for id_, (name, level, population, outer) in sorted(outlines.items()):
        if outer and all(ref in borders for ref in outer):
            rings = _rings([borders[ref] for ref in outer])
            if rings is not None:
                yield Boundary(id_, name, level, population, rings)


def _rings(pieces: list[list[tuple[int, LonLat]]]) -> tuple[tuple[LonLat, ...], ...] | None:
    """Join border ways end to end; None where a ring stays open (the extract cuts it)."""
    rings: list[tuple[LonLat, ...]] = []
    left = list(pieces)
    while left:
        ring = left.pop(0)
        while ring[0][0] != ring[-1][0]:
            for k, piece in enumerate(left):
                if piece[0][0] == ring[-1][0]:
                    ring = ring + piece[1:]
                elif piece[-1][0] == ring[-1][0]:
                    ring = ring + piece[-2::-1]
                else:
                    continue
                del left[k]
                break
            else:
                return None
        rings.append(tuple(p for _, p in ring))
    return tuple(rings)
