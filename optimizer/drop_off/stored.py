"""The drop-off points that an area keeps: where they lie, their reading, their import from a map or a town's file."""

from __future__ import annotations

from pathlib import Path

from optimizer.area import Area
from optimizer.drop_off.listing import write_refused
from optimizer.drop_off.mapping import ColumnMapping
from optimizer.drop_off.osm import FLUX_OF_OSM, extract_bounds, read_osm_points
from optimizer.drop_off.points import DropOffPoint, ImportResult, read_points_csv
from optimizer.drop_off.town_file import read_town_file

EXTRACT_SUFFIXES = (".pbf", ".osm", ".bz2")


def points_file(area: Area) -> Path:
    """The file that area.toml names for its points, or would name; it may not be there."""
    return area.folder / (area.demand.drop_off_points or "drop_off_points.csv")


def stored_points(area: Area) -> list[DropOffPoint]:
    """The points that the area keeps. Raises ``FileNotFoundError`` where nothing was imported, ``DropOffFaults``."""
    path = points_file(area)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `ripeur drop-off-points import` makes it")
    return list(read_points_csv(path))


def read_points(file: Path, area: Area, mapping: ColumnMapping, *, anywhere: bool) -> ImportResult:
    """An OSM extract's points, or a town's file's: those within the area's extract unless ``anywhere``."""
    if file.suffix in EXTRACT_SUFFIXES:
        return read_osm_points(file, {**FLUX_OF_OSM, **mapping.osm})
    within = None if anywhere else extract_bounds(area.extract)
    return read_town_file(file, mapping, within, [flux.name for flux in area.flux])


def write_refused_rows(reading: ImportResult, area: Area, lang: str) -> Path | None:
    """List what was refused beside the area's points; None, and no file, where nothing was."""
    stored = points_file(area)
    path = stored.with_name(f"{stored.stem}-refused.csv")
    if not reading.refused:
        path.unlink(missing_ok=True)  # of an earlier import: what it complains of is mended
        return None
    write_refused(reading.refused, path, lang)
    return path
