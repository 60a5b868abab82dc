"""A map of a few streets, drawn in metres, written as an OSM file: what a test needs to know every turn of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from pyproj import Transformer

from fleet import Truck
from optimizer.area.area import Area
from optimizer.area.file import read_area
from optimizer.streets.extract import Extract, read_extract
from optimizer.streets.roads import Roads, TruckRoads
from optimizer.streets.streets import StreetNetwork, build_street_network

CRS = "EPSG:32631"
_TO_DEGREES = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
ORIGIN = (500_000.0, 5_400_000.0)
DATA = Path(__file__).parent.parent / "data"

Tags = Mapping[str, str]


def write_map(
    path: Path,
    nodes: Mapping[int, tuple[float, float]],
    ways: Mapping[int, tuple[Iterable[int], Tags]],
    node_tags: Mapping[int, Tags] | None = None,
    restrictions: Iterable[tuple[str, int, tuple[str, int], int]] = (),
) -> Path:
    """``nodes``: metres east and north of a point. ``restrictions``: (kind, from way, ("n" or "w", via), to way)."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6" generator="tests">']
    for id_, (x, y) in sorted(nodes.items()):
        lon, lat = _TO_DEGREES.transform(ORIGIN[0] + x, ORIGIN[1] + y)
        tags = "".join(_tag(k, v) for k, v in (node_tags or {}).get(id_, {}).items())
        lines.append(f'<node id="{id_}" version="1" lat="{lat:.9f}" lon="{lon:.9f}">{tags}</node>')
    for id_, (refs, way_tags) in sorted(ways.items()):
        inside = "".join(f'<nd ref="{ref}"/>' for ref in refs) + "".join(_tag(k, v) for k, v in way_tags.items())
        lines.append(f'<way id="{id_}" version="1">{inside}</way>')
    for k, (kind, from_, (via_type, via), to) in enumerate(restrictions, start=1):
        via_name = {"n": "node", "w": "way"}[via_type]
        lines.append(
            f'<relation id="{k}" version="1"><member type="way" ref="{from_}" role="from"/>'
            f'<member type="{via_name}" ref="{via}" role="via"/><member type="way" ref="{to}" role="to"/>'
            f"{_tag('type', 'restriction')}{_tag('restriction', kind)}</relation>"
        )
    path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
    return path


def _tag(key: str, value: str) -> str:
    return f"<tag k={quoteattr(key)} v={quoteattr(value)}/>"


def rules(**streets: object) -> Area:
    """The embedded area's rules on the tiny map's projection; ``streets``: changes to its street rules."""
    area = read_area(DATA / "monaco")
    return replace(area, crs=CRS, streets=replace(area.streets, **streets))  # type: ignore[arg-type]


def roads_of(
    path: Path, area: Area, truck: Truck | None = None, stops: Iterable[int] = ()
) -> tuple[Extract, StreetNetwork, TruckRoads]:
    extract = read_extract(path)
    wanted = list(stops)
    streets = build_street_network(extract, area, wanted)
    return extract, streets, Roads(extract, area, streets, wanted).for_truck(truck or area.trucks[0])
