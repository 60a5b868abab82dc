"""The text of a new area.toml: every setting with its comment, to be read and changed.

What is said of a setting, and its value where none is proposed, come from its declaration
(``optimizer.area.settings``); this file adds what is proposed for a town, and why.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optimizer.area import REQUIRED, SECTIONS, Commune, Note, Setting, file_name, flag, several, text, toml_text
from optimizer.new_area.notes import all_in_words

WIDTH = 120
#: Longer lines have their comment above, and not beside them.
MOST_BESIDE = 44

LABELS = {
    "fr": {
        "depot": "Dépôt", "site": "Centre de tri", "residual": "Ordures résiduelles",
        "packaging": "Emballages et papiers", "food": "Restes alimentaires", "glass": "Verre",
        "bags": "Sacs de couleur", "glass_service": "Verre", "morning": "matin",
        "glass_shift": "verre", "catch_up": "rattrapage",
    },
    "en": {
        "depot": "Depot", "site": "Sorting plant", "residual": "Residual waste", "packaging": "Packaging and paper",
        "food": "Food waste", "glass": "Glass", "bags": "Colour bags", "glass_service": "Glass",
        "morning": "morning", "glass_shift": "glass", "catch_up": "catch-up",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What differs from one new area to the next. ``…_why``: a line of comment each."""

    name: str
    extract: str
    timezone: str
    language: str
    crs: str
    traffic_side: str
    holidays: str
    country_why: tuple[Note, ...]
    depot_node: int
    depot_why: Note
    site_node: int
    site_why: Note
    communes: tuple[Commune, ...]
    communes_why: Note
    addresses: str | None
    trucks: int
    light_trucks: int
    crane_trucks: int
    fleet_why: tuple[Note, ...]


def area_toml(w: Wanted) -> str:
    """The whole file."""
    return "\n".join(_lines(w)) + "\n"


def _lines(w: Wanted) -> Iterator[str]:
    label = LABELS[w.language]
    yield f"# {' '.join(w.name.split())}: {_HEADING}"
    town = ("name", "extract", "timezone", "language", "crs", "traffic_side", "holidays")
    yield from _table("area", {key: getattr(w, key) for key in town}, {"timezone": w.country_why})

    yield _title("where trucks start and unload (ASSUMED: proposed from the map)")
    yield from _table("depot", {"label": label["depot"], "node": w.depot_node}, {"node": (w.depot_why,)})
    yield from _table("sites", _site(w, label), {"node": (w.site_why,)})

    yield _title("what is collected")
    yield from _WASTE.splitlines()
    yield ""
    yield from _array("flux", _flux(label))
    yield from _array("services", _services(label))

    yield _title("people")
    yield from _table("demand", {"addresses": w.addresses} if w.addresses else {})
    yield from _remark(w.communes_why)
    yield from _array("communes", map(_commune, w.communes))

    kinds = ["truck"] * w.trucks + ["light"] * w.light_trucks + ["crane"] * w.crane_trucks
    yield _title("trucks and crews (ASSUMED)")
    yield from _remark(*w.fleet_why)
    yield from _array("trucks", (_truck(k, kind) for k, kind in enumerate(kinds, 1)))
    yield from _array("shifts", (_shift(k, kind, label) for k, kind in enumerate(kinds, 1)))
    yield "# Second crews, called in on the days that carry what a holiday moved (two days' waste on one)."
    for k, kind in enumerate(kinds, 1):
        if kind != "crane":
            yield from _bare("shifts", _catch_up_shift(k, label))

    yield _title("rules of the street")
    for section in ("streets", "speeds_kmh", "turns", "service_times", "windows"):
        yield from _table(section)
    yield from _table("windows.closed", example=True)
    yield _title("prices (ASSUMED)")
    yield from _table("prices")
    yield _title("the boxes in the trucks")
    yield from _table("telematics")


_HEADING = """\
a new area, proposed by `ripeur area new`. Read it, and change what is not so in your town.
# REAL: streets, buildings and addresses of the extract (OpenStreetMap). ASSUMED: whatever a comment says so.
# More in docs/area.md; `ripeur area show` prints and draws what is understood.
"""


# --- what is proposed for a town ---------------------------------------------------------------------------------

_Values = Mapping[str, Any]
_BAG_FLUX = ("residual", "packaging", "food")

#: Beside the figures below.
_WASTE = """\
# kg per inhabitant and year, France (REAL; put your own town's figures here):
#   residual   245 kg of unsorted waste (Insee Première 2055, June 2025, year 2021), of which the food goes to its own bag
#   food       46 kg per inhabitant served by a food collection (ADEME, étude technico-économique, 2018; 125 authorities)
#   packaging  25 kg of light packaging (Citeo, year 2023) and 14 kg of paper (Citeo, year 2023)
#   glass      33 kg (Citeo, year 2023); no bag: drop-off points only
# ASSUMED: densities in the body, kg per bag, and that all 46 kg of food leave the residual bag (245 - 46 = 199).
"""  # noqa: E501


def _flux(label: Mapping[str, str]) -> Iterator[_Values]:
    for name, colour, density, kg_per_year, kg_per_bag in (
        ("residual", "#6b6b6b", 450, 199, 5.0),
        ("packaging", "#f2c200", 150, 39, 1.5),
        ("food", "#2e8b57", 600, 46, 2.0),
        ("glass", None, 350, 33, None),
    ):
        yield {
            "name": name, "label": label[name], "bag_colour": colour, "density_kg_m3": density,
            "kg_per_inhabitant_year": kg_per_year, "kg_per_bag": kg_per_bag,
        }  # fmt: skip


def _services(label: Mapping[str, str]) -> Iterator[_Values]:
    yield {"name": "bags", "label": label["bags"], "flux": _BAG_FLUX, "holiday_rule": "cascade"}
    yield {"name": "glass", "label": label["glass_service"], "flux": ("glass",), "holiday_rule": "next_usual_day"}


def _site(w: Wanted, label: Mapping[str, str]) -> _Values:
    accepts = (*_BAG_FLUX, "glass")
    return {
        "id": "S1", "label": label["site"], "node": w.site_node, "accepts": accepts, "unload_min": 12,
        "eur_per_t": 120.0,
    }  # fmt: skip


def _commune(c: Commune) -> _Values:
    return {"name": c.name, "population": c.population, "osm_relation": c.osm_relation}


#: A bag truck, for which the settings' defaults stand, a smaller one and a crane truck.
_KINDS: Mapping[str, _Values] = {
    "truck": {"kerb_kg": 12000, "payload_kg": 7000, "length_m": 8.5},
    "light": {
        "kerb_kg": 4700, "payload_kg": 2800, "height_m": 2.8, "width_m": 2.0, "length_m": 5.9,
        "energy_per_km": 0.25, "energy_per_h": 2.5, "eur_per_km": 0.6, "eur_per_day": 120.0,
    },
    "crane": {
        "kerb_kg": 15000, "payload_kg": 11000, "height_m": 3.9, "length_m": 9.5, "crane": True,
        "energy_per_km": 0.5, "energy_per_h": 5.0, "eur_per_km": 1.0, "eur_per_day": 210.0,
    },
}  # fmt: skip
_BODY_M3 = {"truck": 18, "light": 7, "crane": 28}
#: Colour bags pressed harder tear.
_BAGS_MAX_KG_M3 = 330


def _truck(k: int, kind: str) -> _Values:
    part: dict[str, Any] = {"flux": ("glass",) if kind == "crane" else _BAG_FLUX, "volume_m3": _BODY_M3[kind]}
    if kind != "crane":
        part["max_density_kg_m3"] = _BAGS_MAX_KG_M3
    return {"id": f"T{k}", **_KINDS[kind], "compartments": (part,)}


def _shift(k: int, kind: str, label: Mapping[str, str]) -> _Values:
    shift = {"truck": f"T{k}", "driver": f"C{k}", "regime": "public-agent"}
    if kind == "crane":
        return {"id": f"T{k}-{label['glass_shift']}", **shift, "loaders": 0, "skills": ("crane",)}
    return {"id": f"T{k}-{label['morning']}", **shift}


def _catch_up_shift(k: int, label: Mapping[str, str]) -> _Values:
    return {
        "id": f"T{k}-{label['catch_up']}", "truck": f"T{k}", "driver": f"R{k}", "start": "13:00", "hours": 6.0,
        "regime": "public-agent", "catch_up": True,
    }  # fmt: skip


# --- a table of area.toml ----------------------------------------------------------------------------------------


def _array(section: str, tables: Iterable[_Values]) -> Iterator[str]:
    """An array of tables: comments stand in the first of them."""
    for k, values in enumerate(tables):
        yield from _bare(section, values) if k else _table(section, values)


def _bare(section: str, values: _Values) -> Iterator[str]:
    """A table without comments: what is proposed, and the defaults."""
    yield SECTIONS[section].heading
    for setting in SECTIONS[section].settings:
        value = _value(setting, values)
        if value is not None:
            yield f"{setting.key} = {toml_text(value)}"
    yield ""


def _table(
    section: str,
    values: _Values | None = None,
    whys: Mapping[str, tuple[Note, ...]] | None = None,
    *,
    example: bool = False,
) -> Iterator[str]:
    """A table with all its settings, each with its comment; those without a value are commented out.

    ``whys``: why a value is proposed, told above it. ``example``: the whole of it is commented out.
    """
    yield from _comment(_about(section))
    yield f"{'# ' if example else ''}{SECTIONS[section].heading}"
    rows = [
        _SettingLine.of(section, setting, _value(setting, values or {}), example) for setting in _own_settings(section)
    ]
    lengths = [len(row.line) for row in rows if len(row.line) <= MOST_BESIDE]
    column = max(lengths, default=0) + 2
    for row in rows:
        yield from _comment(_in_words(*(whys or {}).get(row.key, ())))
        beside = f"{row.line:<{column}}# {row.comment}"
        if row.comment and len(row.line) < column and len(beside) <= WIDTH:
            yield beside
        else:
            yield from _comment(row.comment)
            yield row.line
    yield ""


@dataclass(frozen=True, slots=True)
class _SettingLine:
    """A setting as it stands in the file, and what is said of it."""

    key: str
    line: str
    comment: str

    @staticmethod
    def of(section: str, setting: Setting, value: Any, example: bool) -> _SettingLine:
        shown = setting.example if value is None or (example and setting.example is not None) else value
        off = "# " if example or value is None else ""
        inner = SECTIONS.get(f"{section}.{setting.key}")
        parts = [f"{part.key}: {_explained(part, part.default)}" for part in inner.settings] if inner else []
        comment = "; ".join([_explained(setting, value), *parts])
        return _SettingLine(setting.key, f"{off}{setting.key} = {toml_text(shown)}", comment)


def _own_settings(section: str) -> Iterator[Setting]:
    """Not those that are tables of their own: ``closed = []`` would bar ``[[windows.closed]]``."""
    return (s for s in SECTIONS[section].settings if f"{section}.{s.key}" not in SECTIONS or s.default is REQUIRED)


def _value(setting: Setting, values: _Values) -> Any:
    """What is proposed, else the default; None where there is neither."""
    default = None if setting.default is REQUIRED else setting.default
    return values[setting.key] if values.get(setting.key) is not None else default


# --- comments ----------------------------------------------------------------------------------------------------

#: Bounds of which a value says enough, so that a comment need not.
_PLAIN = {reader.bound for reader in (text, flag, file_name, several(text), several(text, least=1))}


def _title(words: str) -> str:
    return f"# --- {words} ".ljust(WIDTH - 4, "-")


def _comment(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _remark(*notes: Note) -> Iterator[str]:
    yield from _comment(_in_words(*notes))
    yield ""


def _in_words(*notes: Note) -> str:
    return " ".join(all_in_words(notes, "en").split())


def _about(section: str) -> str:
    """What a table is; and the unit and bound of its settings, where they have no meaning of their own."""
    settings = SECTIONS[section].settings
    shared = {_limits(setting) for setting in settings if not setting.meaning}
    return " ".join([SECTIONS[section].meaning, *(f"Each {limits}." for limits in sorted(shared))])


def _explained(setting: Setting, value: Any) -> str:
    """A setting in one line: meaning, unit and bound, default where another value stands, source."""
    if not setting.meaning:
        return ""
    default = "" if setting.default in (None, REQUIRED, value) else f"default {toml_text(setting.default)}"
    more = "; ".join(filter(None, (_limits(setting), default)))
    return setting.meaning + (f" ({more})" if more else "") + (f"; {setting.source}" if setting.source else "")


def _limits(setting: Setting) -> str:
    """Unit and bound in few words: "m, above 0"."""
    bound = "" if setting.bound in _PLAIN else setting.bound.removeprefix("a number ")
    return ", ".join(filter(None, (setting.unit, bound)))
