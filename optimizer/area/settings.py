"""Every setting of area.toml, declared once: how it is read, its unit, its default, what it means and by what source.

From here come the reading and its faults (``file.py``), the commented file of a new area (``optimizer.new_area``) and
the tables of docs/area.md (``settings_table.py``). A setting's bound is its reader's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet import ENERGIES, HOLIDAY_RULES, LICENCES, REGIMES, Service, Shift, Site, Truck
from optimizer.area.area import SECOND_HOLIDAY
from optimizer.area.opening_hours import weekdays_text
from optimizer.area.readers import (
    Reader,
    clock,
    colour,
    crew_factor,
    file_name,
    flag,
    holiday_calendar,
    hours_of_week,
    metric_crs,
    number,
    one_of,
    position,
    several,
    tables,
    tag,
    text,
    timezone,
    weekdays,
    whole,
)


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of area.toml. ``meaning`` and ``source`` are Markdown: they stand in the tables and in the comments.

    ``default``: its value where it is left out, as area.toml would write it; None: it then says nothing; ``REQUIRED``:
    it may not be left out. ``example``: what a new area shows, commented out, of a setting without a default.
    """

    key: str
    reader: Reader[Any]
    _: dataclasses.KW_ONLY
    unit: str = ""
    default: Any = REQUIRED
    meaning: str = ""
    source: str = ""
    example: Any = None

    @property
    def bound(self) -> str:
        """What a value must be, in words."""
        return self.reader.bound

    @property
    def value_if_left_out(self) -> Any:
        """The default as it is read."""
        return self.default if self.default is None or self.default is REQUIRED else self.reader(self.default)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of area.toml. ``least``: how many must be there of an array of tables; None: it is one table.

    A dot in the name leads to tables inside another.
    """

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    least: int | None = None

    @property
    def heading(self) -> str:
        """As area.toml writes it."""
        return f"[{self.name}]" if self.least is None else f"[[{self.name}]]"

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(setting.key for setting in self.settings)


def toml_text(value: Any) -> str:
    """A value as area.toml writes it. Of a text, JSON's escapes are a subset of TOML's, but for DEL."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(toml_text(item) for item in value)}]"
        case Mapping():
            return f"{{ {', '.join(f'{key} = {toml_text(item)}' for key, item in value.items())} }}"
    return repr(value)


def _of(word: type, field: str) -> Any:
    """The default that a word of the trade (``fleet``) has already."""
    return next(one.default for one in dataclasses.fields(word) if one.name == field)


# --- every setting of area.toml, once ----------------------------------------------------------------------------

#: Free speeds, km/h, by the classes of streets that OSM knows and a truck can be asked about (wiki: Key:highway).
_SPEEDS_KMH = {
    "motorway": 80, "motorway_link": 45, "trunk": 65, "trunk_link": 40, "primary": 40, "primary_link": 30,
    "secondary": 36, "secondary_link": 28, "tertiary": 32, "tertiary_link": 25, "unclassified": 28, "residential": 24,
    "living_street": 12, "service": 12, "road": 20, "track": 10, "pedestrian": 6, "busway": 25, "turning_circle": 15,
}  # fmt: skip
HIGHWAYS = tuple(_SPEEDS_KMH)
_highway = one_of(HIGHWAYS, "the classes of `[speeds_kmh]`")
#: Small streets, where a crew may cross if there is one lane, or little width.
_QUIET = ("residential", "unclassified", "living_street", "road")

_AREA = Section(
    "area",
    "The town as a whole.",
    (
        Setting("name", text, meaning="the town, as sheets and maps print it"),
        Setting("extract", file_name, meaning="the map, in the same folder"),
        Setting(
            "attribution", text, default="© OpenStreetMap contributors, ODbL 1.0", meaning="printed on every map",
        ),
        Setting(
            "timezone", timezone, default="Europe/Paris",
            meaning="local time of shifts and opening hours",
        ),
        Setting("language", one_of(("fr", "en")), default="fr", meaning="of sheets and maps"),
        Setting(
            "crs", metric_crs, default="auto",
            meaning="projection of every length; auto: the UTM zone of the depot, where `at` gives its place",
        ),
        Setting("traffic_side", one_of(("right", "left")), default="right", meaning="on which traffic keeps"),
        Setting(
            "holidays", holiday_calendar, default=None, example="DE-BW",
            meaning="country, or part of one, as the `holidays` package names them; left out: no holidays",
        ),
        Setting(
            "second_holiday", one_of(("auto", *SECOND_HOLIDAY)), default="auto",
            meaning="what the second holiday of a week is under `cascade`; auto: worked in France, free elsewhere",
            source="Code du travail L3133-4: only 1 May must be kept; Arbeitszeitgesetz § 9: no work on a holiday",
        ),
    ),
)  # fmt: skip

_AT = Setting(
    "at", position, default=None, example=(43.7254, 7.4083),
    meaning="snapped to the nearest street that trucks reach; this or `node`",
)  # fmt: skip
_NODE = Setting("node", whole(1), unit="OSM node", default=None, meaning="a node of the extract; this or `at`")
_AS_PRINTED = "as sheets print it"
_FLUX_NAMES = several(text, least=1)

_DEPOT = Section(
    "depot",
    "Where trucks start, and where they come home.",
    (
        Setting("id", text, default="D1", meaning="its short name"),
        Setting("label", text, default="Dépôt", meaning=_AS_PRINTED),
        _AT,
        _NODE,
    ),
)

_SITES = Section(
    "sites",
    "Where trucks unload.",
    (
        Setting("id", text, meaning="unique"),
        Setting("label", text, meaning=_AS_PRINTED),
        _AT,
        _NODE,
        Setting("accepts", _FLUX_NAMES, unit="flux names", meaning="what may be unloaded here"),
        Setting(
            "hours", hours_of_week, default="Mo-Sa 05:00-20:00",
            meaning="a text, or a list of its parts: `Mo-Sa 05:00-12:00,13:00-20:00; Su 08:00-12:00`, `24/7`, `off`; "
            "times to 48:00; a later part replaces an earlier one on its days",
            source="a subset of OSM's opening_hours",
        ),
        Setting("unload_min", number(above=0), unit="min", default=15, meaning="from arrival to departure"),
        Setting("eur_per_t", number(least=0), unit="€/t", default=_of(Site, "eur_per_t"), meaning="gate fee"),
    ),
    least=1,
)  # fmt: skip

_FLUX = Section(
    "flux",
    "A stream of waste.",
    (
        Setting("name", text, meaning="as the other tables name it"),
        Setting("label", text, meaning="as people read it"),
        Setting("bag_colour", colour, default=None, meaning="left out: no bag of its own, as for glass"),
        Setting("density_kg_m3", number(above=0), unit="kg/m³", meaning="the densest it gets in a truck's body"),
        Setting(
            "kg_per_inhabitant_year", number(least=0), unit="kg",
            meaning="what an inhabitant puts out; cite the source beside it",
        ),
        Setting("kg_per_bag", number(above=0), unit="kg", default=None, meaning="for the number of bags on sheets"),
    ),
    least=1,
)  # fmt: skip

_SERVICES = Section(
    "services",
    "What is put out together: one promise to the resident. When it is collected stands in `collection.csv`.",
    (
        Setting("name", text, meaning="as `collection.csv` names it"),
        Setting("label", text, meaning="as people read it"),
        Setting("flux", _FLUX_NAMES, unit="flux names", meaning="a flux belongs to one service only"),
        Setting(
            "holiday_rule", one_of(HOLIDAY_RULES), default=_of(Service, "holiday_rule"),
            meaning="what happens to a collection that falls on a holiday",
        ),
    ),
    least=1,
)  # fmt: skip

_DEMAND = Section(
    "demand",
    "How people and their waste are spread over the streets. Files named here replace what the map gives.",
    (
        Setting(
            "people_per_dwelling", number(above=0), unit="people", default=2.2,
            meaning="for the number of dwellings", source="assumed",
        ),
        Setting(
            "blocks_from_levels", whole(1), unit="levels", default=3,
            meaning="a building with so many levels is a block, with fewer a house",
        ),
        Setting(
            "source", text, default=None, example="population: the town's own census",
            meaning="where the figures come from; printed, not used",
        ),
        Setting(
            "addresses", file_name, default=None, example="addresses.csv",
            meaning="national address base (BAN) as CSV, as adresse.data.gouv.fr publishes it",
        ),
        Setting(
            "demand_csv", file_name, default=None, example="demand.csv",
            meaning="real demand, street by street, instead of the estimate",
        ),
        Setting(
            "drop_off_points", file_name, default=None, example="drop_off_points.csv",
            meaning="the town's drop-off points; left out: those of the map",
        ),
        Setting(
            "learned", file_name, default=None, example="learned.csv",
            meaning="what weighings taught of each sector and flux, as `ripeur learn` writes it (docs/balance.md)",
        ),
    ),
)  # fmt: skip

_COMMUNES = Section(
    "communes",
    "People are spread over the dwellings of their commune: inside its boundary where the extract holds it whole, else "
    "around the nearest place.",
    (
        Setting("name", text, meaning="unique"),
        Setting("population", whole(0), unit="people", meaning="inhabitants"),
        Setting(
            "osm_relation",
            whole(1),
            unit="OSM relation",
            default=None,
            example=1124039,
            meaning="the commune's boundary",
        ),
    ),
    least=0,
)

_COMPARTMENTS = tables("a list of at least one { flux = […], volume_m3 = … }", least=1)
_TRUCKS = Section(
    "trucks",
    "What a truck weighs, measures, carries, burns and costs.",
    (
        Setting("id", text, meaning="unique: T1, T2, …"),
        Setting(
            "kerb_kg", number(above=0), unit="kg", meaning="empty; with the payload it is what a weight sign is about",
        ),
        Setting("payload_kg", number(above=0), unit="kg", meaning="what it may carry"),
        Setting("height_m", number(above=0), unit="m", default=3.5, meaning="what a height sign is about"),
        Setting("width_m", number(above=0), unit="m", default=2.5, meaning="what a width sign is about"),
        Setting("length_m", number(above=0), unit="m", default=9, meaning="what a length sign is about"),
        Setting("compartments", _COMPARTMENTS, meaning="parts of the body"),
        Setting("crane", flag, default=_of(Truck, "crane"), meaning="whether it empties drop-off containers"),
        Setting(
            "energy", one_of(ENERGIES), default=_of(Truck, "energy"),
            meaning="diesel is counted in litres, cng in kg, electric in kWh",
        ),
        Setting(
            "energy_per_km", number(least=0), unit="l, kg or kWh per km", default=_of(Truck, "energy_per_km"),
            meaning="driving",
        ),
        Setting(
            "energy_per_h", number(least=0), unit="l, kg or kWh per h", default=_of(Truck, "energy_per_h"),
            meaning="while collecting and unloading",
        ),
        Setting(
            "co2e_kg_per_unit", number(least=0), unit="kg per l, kg or kWh", default=_of(Truck, "co2e_kg_per_unit"),
            meaning="well to wheel",
        ),
        Setting("eur_per_km", number(least=0), unit="€/km", default=_of(Truck, "eur_per_km"), meaning="driving"),
        Setting(
            "eur_per_day", number(least=0), unit="€", default=_of(Truck, "eur_per_day"),
            meaning="on a day on which it is used",
        ),
        Setting(
            "plate", text, default=_of(Truck, "plate"), example="AB-123-CD",
            meaning="number plate, by which a weighbridge's tickets are matched to the truck (docs/weighbridge.md)",
        ),
    ),
    least=1,
)  # fmt: skip

_TRUCKS_COMPARTMENTS = Section(
    "trucks.compartments",
    'A part of a truck\'s body: `compartments = [{ flux = ["residual", "food"], volume_m3 = 18 }]`.',
    (
        Setting(
            "flux", _FLUX_NAMES, unit="flux names",
            meaning="what may share it; a flux is in one compartment of a truck only",
        ),
        Setting("volume_m3", number(above=0), unit="m³", meaning="of waste that it takes"),
        Setting(
            "max_density_kg_m3", number(above=0), unit="kg/m³", default=None,
            meaning="colour bags pressed harder tear, and torn bags are not sorted",
        ),
    ),
    least=1,
)  # fmt: skip

_SHIFTS = Section(
    "shifts",
    "A truck with its crew. A truck or a driver may do two shifts a day, not at the same time; the lengths of a "
    "driver's shifts of one weekday must not exceed what the law lets anybody work in a day (10 h).",
    (
        Setting("id", text, meaning="unique"),
        Setting("truck", text, unit="truck id", meaning="the truck that is driven"),
        Setting("driver", text, default=None, meaning="left out: nobody drives, and the shift is not planned"),
        Setting(
            "licence", one_of(LICENCES), default="C", meaning="of the driver; B drives up to 3.5 t",
            source="Directive 2006/126/EC art. 4",
        ),
        Setting("loaders", whole(0, 2), default=2, meaning="crew besides the driver"),
        Setting(
            "start", clock, default="05:00",
            meaning="local time; past 24:00: after the next midnight",
        ),
        Setting("hours", number(above=0, most=24), unit="h", default=7, meaning="regular length, breaks included"),
        Setting(
            "overtime_hours", number(least=0, most=12), unit="h", default=1,
            meaning="allowed on top, and paid as such",
        ),
        Setting(
            "start_service_min", number(least=0), unit="min", default=15,
            meaning="before leaving: inside working time",
        ),
        Setting(
            "end_service_min", number(least=0), unit="min", default=15,
            meaning="after coming back: inside working time",
        ),
        Setting(
            "regime", one_of(REGIMES), meaning="the law on breaks and on a day's work",
            source="; ".join(f"`{regime.name}` {regime.source}" for regime in REGIMES.values()),
        ),
        Setting(
            "weekdays", weekdays, default=weekdays_text(_of(Shift, "weekdays")), meaning="on which the shift works",
        ),
        Setting("skills", several(text), default=_of(Shift, "skills"), meaning="that a task may ask for"),
        Setting(
            "catch_up", flag, default=_of(Shift, "catch_up"),
            meaning="true: called in only on days that carry collections moved there, from a holiday or by a `moved` "
            "row of `exceptions.csv`; costs `eur_per_call_out` where it drives: regular crews are filled first",
        ),
    ),
    least=1,
)  # fmt: skip

_STREETS = Section(
    "streets",
    "Which streets are collected, and how.",
    (
        Setting(
            "collected", several(_highway, least=1),
            default=(
                "primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "primary_link",
                "secondary_link", "tertiary_link", "road",
            ),
            meaning="streets that get a collection; trucks may drive on others without collecting there",
        ),
        Setting(
            "both_sides_highway", several(_highway), default=("living_street",),
            meaning="crossing to both sides in one pass is safe here, whatever the direction; elsewhere one side is "
            "collected at a time, in the direction of traffic",
            source="R437",
        ),
        Setting(
            "both_sides_oneway_max_lanes", whole(0), unit="lanes", default=1,
            meaning="also in one-way streets with at most so many lanes (untagged: 1) …", source="R437",
        ),
        Setting(
            "both_sides_oneway_highway", several(_highway), default=_QUIET,
            meaning="… of these classes", source="R437",
        ),
        Setting(
            "both_sides_max_width_m", number(least=0), unit="m", default=5.0,
            meaning="also in streets with a tagged width up to this …", source="R437",
        ),
        Setting(
            "both_sides_two_way_highway", several(_highway), default=_QUIET,
            meaning="… of these classes", source="R437",
        ),
        Setting("max_task_m", number(least=20), unit="m", default=400, meaning="longer stretches are cut"),
        Setting(
            "foot_max_m", number(least=0), unit="m", default=40,
            meaning="a dead end up to this is served on foot by the loaders",
        ),
        Setting(
            "presentation_max_m", number(least=0), unit="m", default=120,
            meaning="up to this, residents bring their bins to its entrance",
        ),
        Setting(
            "reversing", one_of(("priced", "forbidden")), default="priced",
            meaning="forbidden: every longer dead end is a presentation point too", source="R437",
        ),
        Setting(
            "reversing_max_m", number(least=0), unit="m", default=200,
            meaning="backed out up to this; longer: a three-point turn at the end", source="R437",
        ),
        Setting(
            "three_point_m", number(least=0), unit="m", default=25, meaning="metres reversed in a three-point turn",
        ),
        Setting(
            "turning_places", several(text), default=("turning_circle", "turning_loop", "mini_roundabout"),
            meaning="`highway=…` of a node where a truck has room to turn",
        ),
    ),
)  # fmt: skip

_SPEEDS = Section(
    "speeds_kmh",
    "A truck's free speed by class of street (OSM's `highway`; `road` is of unknown class); a lower `maxspeed` of the "
    "map wins.",
    tuple(
        Setting(name, number(above=0, most=130), unit="km/h", default=speed) for name, speed in _SPEEDS_KMH.items()
    ),
)  # fmt: skip

_TURNS = Section(
    "turns",
    "Added to driving.",
    (
        Setting(
            "left_s", number(least=0), unit="s", default=6,
            meaning="to the left, across traffic; the two are exchanged where traffic keeps left",
        ),
        Setting("right_s", number(least=0), unit="s", default=2, meaning="to the right"),
        Setting("straight_s", number(least=0), unit="s", default=0, meaning="straight on at a junction"),
        Setting("signal_s", number(least=0), unit="s", default=8, meaning="a traffic light on the node"),
        Setting("turning_place_s", number(least=0), unit="s", default=25, meaning="turning round where there is room"),
        Setting(
            "reversing_setup_s", number(least=0), unit="s", default=45,
            meaning="every reversing manoeuvre: stop, a guide gets down, mirrors",
        ),
        Setting("reversing_mps", number(above=0), unit="m/s", default=1.0, meaning="speed in reverse"),
    ),
)  # fmt: skip

_SERVICE_TIMES = Section(
    "service_times",
    "How long collecting takes.",
    (
        Setting(
            "street_speed_kmh", number(above=0), unit="km/h", default=9.0, meaning="between bins, while collecting",
        ),
        Setting("kg_s", number(least=0), unit="s/kg", default=1.1, meaning="handling by a full crew"),
        Setting("foot_mps", number(above=0), unit="m/s", default=0.8, meaning="loaders pushing bins, each way"),
        Setting(
            "drop_off_container_s", number(above=0), unit="s", default=360,
            meaning="a container lifted, emptied and set down",
        ),
        Setting("presentation_point_s", number(least=0), unit="s", default=30, meaning="besides its kilos"),
        Setting("pickup_s", number(above=0), unit="s", default=240, meaning="a bulky pickup"),
        Setting("crew_factor", crew_factor, unit="×", default=(2.2, 1.5, 1.0), meaning="of handling time, by loaders"),
    ),
)  # fmt: skip

_WINDOWS = Section(
    "windows",
    "Hours in which streets cannot be served.",
    (Setting("closed", tables("an array of tables: [[windows.closed]]"), default=(), meaning="all such hours"),),
)
_WINDOWS_CLOSED = Section(
    "windows.closed",
    "Which streets, named or near something on the map, and when. A window that closes no street of the map is a "
    "fault, with the name that may be meant.",
    (
        Setting("name", text, example="écoles", meaning="why"),
        Setting("from", clock, example="08:00", meaning="local time"),
        Setting("to", clock, example="09:00", meaning="later than `from`"),
        Setting("weekdays", weekdays, default="Mo-Fr", meaning="on which it holds"),
        Setting(
            "near", tag, default=None, example="amenity=school",
            meaning="this or `streets`, or both; one of `amenity=` school, kindergarten, recycling, "
            "waste_transfer_station, waste_disposal, bus_station; `landuse=` industrial, depot, landfill, residential; "
            "`man_made=` works, wastewater_plant; `place=` city, town, village, suburb, hamlet, borough, quarter, "
            "neighbourhood",
        ),
        Setting("within_m", number(above=0), unit="m", default=60, meaning="how near"),
        Setting(
            "streets", several(text), unit="names", default=(), example=("Rue Grimaldi",),
            meaning="as the map names them",
        ),
    ),
    least=0,
)  # fmt: skip

_PRICES = Section(
    "prices",
    "What a plan is weighed by.",
    (
        Setting("eur_per_h", number(least=0), unit="€/h", default=78, meaning="the crew on the truck, all charges"),
        Setting("eur_per_overtime_h", number(least=0), unit="€/h", default=105, meaning="the same, in overtime"),
        Setting("eur_per_reversal", number(least=0), unit="€", default=4, meaning="each reversing manoeuvre"),
        Setting(
            "eur_per_call_out", number(least=0), unit="€", default=60,
            meaning="a `catch_up` crew called in; counted with its truck",
        ),
        Setting(
            "balance_eur_per_h", number(least=0), unit="€/h", default=5,
            meaning="per hour between the longest tour and the mean: fairness between crews",
        ),
        Setting(
            "unserved_eur_per_t", number(above=0), unit="€/t", default=5000,
            meaning="what it is worth not to leave waste in the street",
        ),
    ),
)  # fmt: skip

_TELEMATICS = Section(
    "telematics",
    "Read by the depot (docs/depot.md), which tells the trucks' boxes.",
    (
        Setting(
            "bin_tags", one_of(("bin_park", "billing")), default=None, example="bin_park",
            meaning="the purpose for which the tags of lifted bins may be kept: the upkeep of bins, or billing; left "
            "out: boxes drop every tag on board",
        ),
    ),
)  # fmt: skip

#: All of them by name, in the order of the file.
SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        _AREA, _DEPOT, _SITES, _FLUX, _SERVICES, _DEMAND, _COMMUNES, _TRUCKS, _TRUCKS_COMPARTMENTS, _SHIFTS, _STREETS,
        _SPEEDS, _TURNS, _SERVICE_TIMES, _WINDOWS, _WINDOWS_CLOSED, _PRICES, _TELEMATICS,
    )
}  # fmt: skip


def defaults(section: str) -> dict[str, Any]:
    """What a section holds where area.toml says nothing (keys that must be given are left out)."""
    return {
        setting.key: setting.value_if_left_out
        for setting in SECTIONS[section].settings
        if setting.default is not REQUIRED
    }
