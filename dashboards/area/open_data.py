"""Drop-off points as open data: GeoJSON (RFC 7946) and CSV, each with its licence, its source and its date.

**Why licence and date stand in every row of the CSV**, not in a sidecar: national portals merge towns' files, people
mail them, and whatever lay beside is lost at the first copy; a row that carries its licence stays lawful wherever it
goes. A Table Schema can check columns, not a neighbouring file. The price is some repeated text, which compresses.

**Names.** ``NAMES`` gives each field in French (the default: the names of ``data/schemas/drop_off_points.schema.json``,
meant as a first step to a national schema) and in English. Values of closed lists are translated too (``VALUES``); flux
that are not in it are published as the area names them.

**Ids.** ``uid`` (and the GeoJSON ``id``) is a UUID version 5 of the area's name and the point's id: the same at every
export, different between towns that both have a point "12".

Plain data in: whatever has the attributes of ``PublishedPoint`` and ``PublishedContainer`` can be published.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from fleet import spreadsheet_cell


class PublishedContainer(Protocol):
    """A container."""

    @property
    def id(self) -> str: ...
    @property
    def flux(self) -> str: ...
    @property
    def volume_m3(self) -> float | None: ...
    @property
    def position(self) -> str | None: ...
    @property
    def handling(self) -> str | None: ...


class PublishedPoint(Protocol):
    """A drop-off point; ``lat_deg`` and ``lon_deg`` are WGS 84."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def lat_deg(self) -> float: ...
    @property
    def lon_deg(self) -> float: ...
    @property
    def commune(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def containers(self) -> Sequence[PublishedContainer]: ...
    @property
    def operator(self) -> str | None: ...
    @property
    def source(self) -> str: ...
    @property
    def updated(self) -> date | None: ...
    @property
    def status(self) -> str: ...


#: Our field -> the published name. The CSV has them in this order.
NAMES: dict[str, dict[str, str]] = {
    "uid": {"fr": "uid", "en": "uid"},
    "id": {"fr": "id_point", "en": "point_id"},
    "name": {"fr": "nom", "en": "name"},
    "commune": {"fr": "commune", "en": "town"},
    "address": {"fr": "adresse", "en": "address"},
    "lat_deg": {"fr": "latitude", "en": "latitude"},
    "lon_deg": {"fr": "longitude", "en": "longitude"},
    "operator": {"fr": "exploitant", "en": "operator"},
    "source": {"fr": "source", "en": "source"},
    "updated": {"fr": "date_maj", "en": "updated"},
    "status": {"fr": "statut", "en": "status"},
    "container_id": {"fr": "id_conteneur", "en": "container_id"},
    "flux": {"fr": "flux", "en": "flux"},
    "volume_m3": {"fr": "volume_m3", "en": "volume_m3"},
    "position": {"fr": "position", "en": "position"},
    "handling": {"fr": "prehension", "en": "handling"},
    "licence": {"fr": "licence", "en": "licence"},
    "exported_on": {"fr": "date_export", "en": "export_date"},
}
_BOX_FIELDS = ("container_id", "flux", "volume_m3", "position", "handling")

#: Our words in French; in English they are published as they are.
VALUES: dict[str, str] = {
    "active": "en service", "out_of_service": "hors service", "planned": "en projet", "removed": "supprimé",
    "aerial": "aérien", "semi-buried": "semi-enterré", "buried": "enterré",
    "hook": "crochet", "kinshofer": "kinshofer", "other": "autre",
    "residual": "ordures résiduelles", "packaging": "emballages", "paper": "papier", "glass": "verre",
    "food": "restes alimentaires", "green": "végétaux", "metal": "métal", "clothes": "textiles",
}  # fmt: skip

OSM_SOURCE = "OpenStreetMap"
OSM_ATTRIBUTION = "© OpenStreetMap contributors"
ODBL = "ODbL-1.0"
FILES = ("drop-off-points.geojson", "drop-off-points.csv")


@dataclass(frozen=True, slots=True)
class Publication:
    """Under whose name and terms points are published. ``area``: the town's name, part of every ``uid``."""

    area: str
    licence: str
    attribution: str
    exported_on: date
    language: str = "fr"

    def __post_init__(self) -> None:
        for name in ("area", "licence", "attribution"):
            if not getattr(self, name).strip():
                raise ValueError(f"publication: {name} = {getattr(self, name)!r}, must not be empty")
        if self.language not in ("fr", "en"):
            raise ValueError(f"publication: language = {self.language!r}, must be one of fr, en")


def publication_terms(
    points: Iterable[PublishedPoint], area: str, exported_on: date, licence: str | None = None, language: str = "fr"
) -> Publication:
    """The terms that the points' sources allow.

    One point of OpenStreetMap makes the whole a database under its share-alike licence (ODbL 1.0, art. 4.4): no other
    licence is accepted then. Else the town chooses (Licence Ouverte 2.0, say) and must say so: ``ValueError`` if not.
    """
    sources = sorted({point.source for point in points})
    mapped = any(OSM_SOURCE.casefold() in source.casefold() for source in sources)
    if mapped and licence is not None and not licence.casefold().replace(" ", "-").startswith("odbl"):
        raise ValueError(f"publication: licence = {licence!r}, must be {ODBL}: points come from {OSM_SOURCE}")
    if licence is None and not mapped:
        raise ValueError("publication: licence = None, must be given (lov2 for Licence Ouverte 2.0, say)")
    others = [source for source in sources if OSM_SOURCE.casefold() not in source.casefold()]
    attribution = "; ".join([*([OSM_ATTRIBUTION] if mapped else []), *others]) or area
    return Publication(area, licence or ODBL, attribution, exported_on, language)


def point_uid(area: str, point_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:ripeur:drop-off-point:{area}:{point_id}"))


def geojson(points: Iterable[PublishedPoint], terms: Publication) -> dict[str, Any]:
    """A FeatureCollection of points, WGS 84, [longitude, latitude] (RFC 7946), containers as a list of objects.

    Licence, attribution and date are foreign members of the collection (RFC 7946, 6.1) and properties of each feature.
    """
    points = tuple(points)
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "licence": terms.licence,
        "attribution": terms.attribution,
        NAMES["exported_on"][terms.language]: terms.exported_on.isoformat(),
    }
    if points:
        lons = [round(point.lon_deg, 7) for point in points]
        lats = [round(point.lat_deg, 7) for point in points]
        collection["bbox"] = [min(lons), min(lats), max(lons), max(lats)]
    return collection | {"features": [_feature(point, terms) for point in points]}


def _feature(point: PublishedPoint, terms: Publication) -> dict[str, Any]:
    boxes = [_box(box) for box in point.containers]
    fields = _point(point, terms)
    properties = _named({k: v for k, v in fields.items() if k not in ("lat_deg", "lon_deg")}, terms.language)
    # Flat fields first: desktop tools style by them, and show a list of objects as text.
    flux = dict.fromkeys(box["flux"] for box in boxes)
    properties[NAMES["flux"][terms.language]] = [_translated(name, terms.language) for name in flux]
    properties["conteneurs" if terms.language == "fr" else "containers"] = [_named(b, terms.language) for b in boxes]
    return {
        "type": "Feature",
        "id": fields["uid"],
        "geometry": {"type": "Point", "coordinates": [fields["lon_deg"], fields["lat_deg"]]},
        "properties": properties,
    }


def csv_text(points: Iterable[PublishedPoint], terms: Publication) -> str:
    """One row per container, one for a point whose containers are unknown; RFC 4180: comma, CRLF, UTF-8 without BOM."""
    file = io.StringIO(newline="")
    rows = csv.DictWriter(file, [NAMES[name][terms.language] for name in NAMES], lineterminator="\r\n")
    rows.writeheader()
    for point in points:
        for box in [_box(box) for box in point.containers] or [dict.fromkeys(_BOX_FIELDS)]:
            named = _named(_point(point, terms) | box, terms.language)
            rows.writerow({name: spreadsheet_cell("" if value is None else value) for name, value in named.items()})
    return file.getvalue()


def _point(point: PublishedPoint, terms: Publication) -> dict[str, Any]:
    return {
        "uid": point_uid(terms.area, point.id), "id": point.id, "name": point.name, "commune": point.commune,
        "address": point.address,
        # Seven decimals: a centimetre. More would claim what no survey of a bottle bank measures.
        "lat_deg": round(point.lat_deg, 7), "lon_deg": round(point.lon_deg, 7),
        "operator": point.operator, "source": point.source,
        "updated": point.updated.isoformat() if point.updated else None, "status": point.status,
        "licence": terms.licence, "exported_on": terms.exported_on.isoformat(),
    }  # fmt: skip


def _box(box: PublishedContainer) -> dict[str, Any]:
    values = (box.id, box.flux, box.volume_m3, box.position, box.handling)
    return dict(zip(_BOX_FIELDS, values, strict=True))


def _named(fields: dict[str, Any], language: str) -> dict[str, Any]:
    worded = ("status", "flux", "position", "handling")
    return {NAMES[k][language]: _translated(v, language) if k in worded else v for k, v in fields.items()}


def _translated(value: str | None, language: str) -> str | None:
    return VALUES.get(value, value) if value is not None and language == "fr" else value


def write_open_data(
    points: Iterable[PublishedPoint], terms: Publication, folder: Path, replace: bool = False
) -> tuple[Path, Path]:
    """Write ``drop-off-points.geojson`` and ``.csv``; ``FileExistsError`` rather than overwrite, unless ``replace``."""
    points = tuple(points)
    folder.mkdir(parents=True, exist_ok=True)
    as_geojson, as_csv = (folder / name for name in FILES)
    standing = [path.name for path in (as_geojson, as_csv) if path.exists()]
    if standing and not replace:
        raise FileExistsError(f"{folder}: {', '.join(standing)} already there, not overwritten")
    text = json.dumps(geojson(points, terms), ensure_ascii=False, allow_nan=False, indent=1)
    as_geojson.write_text(text + "\n", encoding="utf-8")
    as_csv.write_bytes(csv_text(points, terms).encode("utf-8"))
    return as_geojson, as_csv
