"""The map's drop-off points: ``amenity=recycling`` of an OSM extract, and the ground that an extract covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import osmium
import shapely

from optimizer.drop_off.points import (
    OSM_SOURCE,
    BoundingBox,
    Container,
    DropOffFaults,
    DropOffPoint,
    ImportResult,
    Position,
    Remark,
    RowFault,
    tidy_text,
)

#: ``recycling:<material>=yes`` -> our flux. An area's mapping file overrides it (``[osm]``; "" = not collected).
#: Cans are a flux of their own here, as where they were mapped: in France they belong to ``packaging`` (say so there).
FLUX_OF_OSM: dict[str, str] = {
    **dict.fromkeys(("glass", "glass_bottles", "glass_jars"), "glass"),
    **dict.fromkeys(("paper", "newspaper", "magazines", "cardboard", "paper_packaging"), "paper"),
    **dict.fromkeys(
        ("packaging", "plastic", "plastic_packaging", "plastic_bottles", "beverage_cartons", "foil"), "packaging"
    ),
    **dict.fromkeys(("cans", "aluminium", "scrap_metal"), "metal"),
    **dict.fromkeys(("clothes", "shoes", "belts", "textiles"), "clothes"),
    **dict.fromkeys(("organic", "food_waste"), "food"),
    "green_waste": "green",
    "waste": "residual",
}


@dataclass(frozen=True, slots=True)
class _Mapped:
    """An ``amenity=recycling`` of the extract. ``lines``: (lon, lat) in degrees; a node has one line of one point."""

    kind: str
    id: int
    tags: Mapping[str, str]
    updated: date | None
    lines: tuple[tuple[tuple[float, float], ...], ...]
    members: tuple[int, ...] = ()


def read_osm_points(extract: Path, flux_of: Mapping[str, str] = FLUX_OF_OSM) -> ImportResult:
    """The extract's ``amenity=recycling``: nodes, ways and relations (their centroid), in the order of their ids.

    ``flux_of``: material of ``recycling:<material>=yes`` -> flux, "" = not collected. One container per flux is
    assumed, since the map gives no count. ``recycling_type=centre`` goes to ``centres``; so does an area, or anything
    with opening hours, that has no ``recycling_type`` (a fenced ground with a gate, not a container in the street).
    ``DropOffFaults`` when the extract cannot be read to its end.
    """
    points: list[DropOffPoint] = []
    centres: list[DropOffPoint] = []
    refused: list[RowFault] = []
    untyped: list[str] = []
    ignored: Counter[str] = Counter()
    for mapped in _mapped(extract):
        corners = [corner for line in mapped.lines for corner in line]
        if not corners:
            refused.append(RowFault(mapped.kind, mapped.id, "geometry", "", "no_location"))
            continue
        centre = mapped.tags.get("recycling_type") == "centre"
        if "recycling_type" not in mapped.tags:
            centre = mapped.kind != "node" or "opening_hours" in mapped.tags
            untyped.append(f"{mapped.kind} {mapped.id}")
        materials = [k.partition(":")[2] for k, v in mapped.tags.items() if k.startswith("recycling:") and v == "yes"]
        ignored.update(material for material in materials if material not in flux_of and not centre)
        flux = sorted({flux_of[material] for material in materials if flux_of.get(material)})
        (centres if centre else points).append(_mapped_point(mapped, flux, *_centroid(mapped.lines)))
    remarks = [Remark("untyped", ", ".join(untyped))] if untyped else []
    if ignored:
        remarks.append(Remark("materials_ignored", ", ".join(f"{name} × {n}" for name, n in sorted(ignored.items()))))
    empty = sum(not point.containers for point in points)
    if empty:
        remarks.append(Remark("no_containers", str(empty)))
    return ImportResult(tuple(points), tuple(refused), tuple(centres), tuple(remarks))


def _mapped_point(mapped: _Mapped, flux: Iterable[str], lat_deg: float, lon_deg: float) -> DropOffPoint:
    tags = {key: tidy_text(value) for key, value in mapped.tags.items()}
    point_id = f"osm-{mapped.kind}-{mapped.id}"  # no slash: ids stand in URLs and file names
    where: dict[str | None, Position] = {"overground": "aerial", "underground": "buried"}
    position = where.get(tags.get("location"))
    street = tags.get("addr:street") or tags.get("addr:place")
    number = tags.get("addr:housenumber")
    return DropOffPoint(
        id=point_id, name=tags.get("name"), lat_deg=lat_deg, lon_deg=lon_deg, commune=tags.get("addr:city"),
        address=f"{number} {street}" if street and number else street,
        containers=tuple(Container(f"{point_id}-{name}", name, None, position) for name in flux),
        operator=tags.get("operator"), source=OSM_SOURCE, updated=mapped.updated,
    )  # fmt: skip


def _mapped(extract: Path) -> list[_Mapped]:
    try:
        recycling = osmium.filter.TagFilter(("amenity", "recycling"))
        found = [
            _read_off(item)
            for item in osmium.FileProcessor(_file(extract)).with_locations().with_filter(recycling)
            if isinstance(item, osmium.osm.Node | osmium.osm.Way | osmium.osm.Relation)
        ]
        outlines = _outlines(extract, sorted({way for mapped in found for way in mapped.members}))
    except RuntimeError as error:  # how osmium says that a file is missing, truncated or of another format
        raise DropOffFaults([f"{extract}: cannot be read as an OSM extract: {error}"]) from error
    return [
        replace(mapped, lines=tuple(outlines[way] for way in mapped.members if way in outlines))
        if mapped.kind == "relation"
        else mapped
        for mapped in found
    ]


def _read_off(item: osmium.osm.Node | osmium.osm.Way | osmium.osm.Relation) -> _Mapped:
    """A copy: what osmium hands out is gone at the next object."""
    # Extracts without metadata carry the year 1970: that is unknown, not old.
    updated = item.timestamp.date() if item.timestamp.year > 1970 else None
    tags = {tag.k: tag.v for tag in item.tags}
    if isinstance(item, osmium.osm.Node):
        return _Mapped("node", item.id, tags, updated, (((item.lon, item.lat),),))
    if isinstance(item, osmium.osm.Way):
        return _Mapped("way", item.id, tags, updated, (_outline(item),))
    ways = tuple(member.ref for member in item.members if member.type == "w" and member.role != "inner")
    return _Mapped("relation", item.id, tags, updated, (), ways)


def _outlines(extract: Path, ways: Sequence[int]) -> dict[int, tuple[tuple[float, float], ...]]:
    if not ways:
        return {}
    wanted = osmium.FileProcessor(_file(extract)).with_locations()
    wanted = wanted.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(osmium.filter.IdFilter(ways))
    return {item.id: _outline(item) for item in wanted if isinstance(item, osmium.osm.Way)}


def _file(extract: Path) -> osmium.io.File:
    # The format is named because a name such as heidelberg.test.pbf does not tell it.
    return osmium.io.File(str(extract), "pbf" if extract.suffix == ".pbf" else "")


def _outline(way: osmium.osm.Way) -> tuple[tuple[float, float], ...]:
    return tuple((node.lon, node.lat) for node in way.nodes if node.location.valid())


def _centroid(lines: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, float]:
    """(lat, lon) in degrees: of the enclosed ground where lines close, else of their corners."""
    drawn = [shapely.LineString(line) for line in lines if len(line) >= 2]
    enclosed = shapely.polygonize(drawn)
    shape = enclosed if enclosed.area > 0 else shapely.MultiPoint([corner for line in lines for corner in line])
    # Seven decimals are a centimetre, and what the map itself holds.
    return round(float(shape.centroid.y), 7), round(float(shape.centroid.x), 7)


def extract_bounds(extract: Path, margin_deg: float = 0.02) -> BoundingBox:
    """The ground of an extract, widened by ``margin_deg``: its heading's box where there is one, else its nodes'.

    A heading that spans more than 5 degrees is no town (Heidelberg's says half the world): the nodes are asked then.
    """
    try:
        heading = osmium.io.Reader(_file(extract)).header().box()
        corners = [heading.bottom_left, heading.top_right] if heading.valid() else []
        if not corners or corners[1].lon - corners[0].lon > 5:
            nodes = (n for n in osmium.FileProcessor(_file(extract), osmium.osm.NODE) if isinstance(n, osmium.osm.Node))
            corners = [node.location for node in nodes if node.location.valid()]
    except RuntimeError as error:
        raise DropOffFaults([f"{extract}: cannot be read as an OSM extract: {error}"]) from error
    if not corners:
        raise DropOffFaults([f"{extract}: holds no node"])
    lats, lons = [corner.lat for corner in corners], [corner.lon for corner in corners]
    return BoundingBox(min(lats) - margin_deg, min(lons) - margin_deg, max(lats) + margin_deg, max(lons) + margin_deg)
