"""The small file that says what a town's columns and words mean (TOML; docs/drop-off-points.md has an example)."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyproj
import pyproj.exceptions

from optimizer.drop_off.points import HANDLINGS, POSITIONS, STATUSES, DropOffFaults

#: What a column can be. Where it stands: ``lat_deg`` and ``lon_deg``, or both in one cell (``lat_lon``, "48.68, 9.01"),
#: or ``x_m`` and ``y_m`` with a ``crs``.
FIELDS = (
    "id", "name", "lat_deg", "lon_deg", "lat_lon", "x_m", "y_m", "commune", "address", "operator", "updated", "status",
    "container_id", "flux", "volume_m3", "volume_l", "position", "handling",
)  # fmt: skip

#: Headings understood without a mapping file, folded (see ``folded``), the first that is there wins. ``x_l93`` and
#: ``y_l93`` (Compiègne's model) bring EPSG:2154 with them; a bare "x" is not guessed, it may be a longitude.
HEADINGS: dict[str, tuple[str, ...]] = {
    "id": ("id", "idlieu", "id lieu", "id point", "id pav", "identifiant", "osm id", "feature id"),
    "name": ("name", "nom", "libelle", "nom lieu"),
    "lat_deg": ("lat deg", "lat", "latitude", "geometry y"),
    "lon_deg": ("lon deg", "lon", "lng", "long", "longitude", "geometry x"),
    "lat_lon": ("geo point 2d", "geo point", "lat lon", "coordonnees"),
    "x_m": ("x l93", "x lambert93", "x lamb93"),
    "y_m": ("y l93", "y lambert93", "y lamb93"),
    "commune": ("commune", "ville", "commune name", "nom commune", "town", "city"),
    "address": ("adresse", "address", "adresse complete"),
    "operator": ("operator", "exploitant", "gestionnaire"),
    "updated": ("updated", "date maj", "date mise a jour"),
    "status": ("status", "statut"),
    "container_id": ("container id", "idconteneur", "id conteneur", "idcont"),
    "flux": ("flux", "flux dechet", "type dechet", "materials"),
    "volume_m3": ("volume m3", "volume"),
    "volume_l": ("volume l", "volume litres"),
    "position": ("position", "pos"),
    "handling": ("handling", "mode preh", "prehension"),
}

#: Words understood without a mapping file, folded -> ours.
FLUX_WORDS: dict[str, str] = {
    "verre": "glass", "verres": "glass", "glass": "glass", "glass bottles": "glass",
    "papier": "paper", "papiers": "paper", "papier carton": "paper", "papiers cartons": "paper", "carton": "paper",
    "emballage": "packaging", "emballages": "packaging", "multimateriaux": "packaging", "tri": "packaging",
    "recyclables": "packaging",
    "om": "residual", "omr": "residual", "ordures menageres": "residual", "ordures menageres residuelles": "residual",
    "biodechets": "food", "biodechet": "food", "dechets alimentaires": "food", "restes alimentaires": "food",
    "textile": "clothes", "textiles": "clothes", "tlc": "clothes", "vetements": "clothes", "shoes": "clothes",
    "metal": "metal", "metaux": "metal", "cans": "metal",
    "dechets verts": "green", "vegetaux": "green",
}  # fmt: skip
POSITION_WORDS: dict[str, str] = {
    "aerien": "aerial", "aerienne": "aerial", "aerial": "aerial", "overground": "aerial", "colonne aerienne": "aerial",
    "semi enterre": "semi-buried", "semi enterree": "semi-buried", "semi buried": "semi-buried",
    "enterre": "buried", "enterree": "buried", "buried": "buried", "underground": "buried",
}  # fmt: skip
HANDLING_WORDS: dict[str, str] = {
    "crochet": "hook", "simple crochet": "hook", "double crochet": "hook", "hook": "hook",
    "kinshofer": "kinshofer", "autre": "other", "other": "other",
}  # fmt: skip
STATUS_WORDS: dict[str, str] = {
    "active": "active", "actif": "active", "en service": "active",
    "out of service": "out_of_service", "hors service": "out_of_service", "inactif": "out_of_service",
    "planned": "planned", "projet": "planned", "en projet": "planned",
    "removed": "removed", "supprime": "removed", "retire": "removed", "depose": "removed",
}  # fmt: skip


def folded(word: str) -> str:
    """Words compare without case, accents or punctuation: "Semi-Enterré" is "semi enterre"."""
    plain = unicodedata.normalize("NFKD", word).casefold()
    letters = (c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


@dataclass(frozen=True)
class ColumnMapping:
    """What a mapping file says; a fresh one says nothing, and headings and words are guessed.

    ``columns``: ours -> the file's heading. ``flux``, ``position``, ``handling``, ``status``: folded word -> ours
    (flux "": not ours to collect, left out). ``counts``: heading that holds a number of containers -> flux.
    ``keep``: heading -> the folded words that a row must have one of. ``osm``: material -> flux, for the map.
    ``rows``: what a row is; None: a container where a container id or a known one is mapped, else a point.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    source: str | None = None
    operator: str | None = None
    commune: str | None = None
    encoding: str | None = None
    rows: Literal["point", "container"] | None = None
    separator: str = "|"
    flux: Mapping[str, str] = field(default_factory=dict)
    position: Mapping[str, str] = field(default_factory=dict)
    handling: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    osm: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ColumnMapping:
        """Read a mapping file; ``DropOffFaults`` lists all its faults, each with key, value and bound."""
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DropOffFaults([f"{path.name}: not a TOML file: {error}"]) from error
        faults = [f"{path.name}: {fault}" for fault in _faults(raw)]
        if faults:
            raise DropOffFaults(faults)
        words = {key: {folded(word): ours for word, ours in raw.get(key, {}).items()} for key in WORD_TABLES}
        keep = {heading: tuple(map(folded, wanted)) for heading, wanted in raw.get("keep", {}).items()}
        given: dict[str, Any] = {key: raw[key] for key in (*TEXT_KEYS, "columns", "counts", "osm") if key in raw}
        given |= words
        return cls(**given, keep=keep)


TEXT_KEYS = ("crs", "source", "operator", "commune", "encoding", "rows", "separator")
WORD_TABLES: dict[str, tuple[str, ...] | None] = {  # what the right-hand side may be; None: any flux, or ""
    "flux": None,
    "position": POSITIONS,
    "handling": HANDLINGS,
    "status": STATUSES,
}
TABLES = ("columns", "counts", "keep", "osm", *WORD_TABLES)


def _faults(raw: Mapping[str, Any]) -> Iterable[str]:
    for key, value in raw.items():
        if key not in (*TEXT_KEYS, *TABLES):
            yield f"{key}: unknown, must be one of {', '.join((*TEXT_KEYS, *TABLES))}"
        elif key in TEXT_KEYS and not (isinstance(value, str) and value):
            yield f"{key} = {value!r}, must be a text" + (" (tables come after it)" if isinstance(value, dict) else "")
        elif key in TABLES and not isinstance(value, dict):
            yield f"{key} = {value!r}, must be a table [{key}]"
        elif key in TABLES:
            yield from _table_faults(key, value)
        elif key == "rows" and value not in ("point", "container"):
            yield f"rows = {value!r}, must be one of point, container"
        elif key == "encoding":
            try:
                "".encode(value)
            except LookupError:
                yield f"encoding = {value!r}, must be an encoding such as utf-8, cp1252"
        elif key == "crs":
            try:
                pyproj.CRS.from_user_input(value)
            except pyproj.exceptions.CRSError:
                yield f'crs = {value!r}, must be a reference system such as "EPSG:2154"'
    columns = raw.get("columns", {})
    if isinstance(columns, dict) and {"x_m", "y_m"} & set(columns) and "crs" not in raw:
        yield 'crs: missing, must be there for x_m and y_m (crs = "EPSG:2154", say)'


def _table_faults(key: str, table: Mapping[str, Any]) -> Iterable[str]:
    for name, value in table.items():
        allowed = WORD_TABLES.get(key)
        if key == "columns" and name not in FIELDS:
            yield f"[columns] {name}: unknown, must be one of {', '.join(FIELDS)}"
        elif key == "keep":
            if not (isinstance(value, list) and all(isinstance(word, str) for word in value)):
                yield f"[keep] {name} = {value!r}, must be a list of texts"
        elif not isinstance(value, str):
            yield f"[{key}] {name} = {value!r}, must be a text"
        elif allowed is not None and value not in allowed:
            yield f"[{key}] {name} = {value!r}, must be one of {', '.join(allowed)}"
        elif key in ("columns", "counts") and not value:
            yield f"[{key}] {name} = '', must not be empty"
