"""The text of a new area.toml: every key with its default and a comment, to be read and changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from string import Template

from optimizer.area import Commune, Note
from optimizer.new_area.notes import all_said

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


def quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


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
    label = {key: quoted(text) for key, text in LABELS[w.language].items()}
    values: dict[str, str] = {f"label_{key}": text for key, text in label.items()}
    for field in ("name", "extract", "timezone", "language", "crs", "traffic_side", "holidays"):
        values[field] = quoted(getattr(w, field))
    whys = {"country": w.country_why, "depot": (w.depot_why,), "site": (w.site_why,), "communes": (w.communes_why,),
            "fleet": w.fleet_why}  # fmt: skip
    values |= {f"{what}_why": " ".join(all_said(why, "en").split()) for what, why in whys.items()}
    values["heading"] = " ".join(w.name.split())
    values["depot_node"], values["site_node"] = str(w.depot_node), str(w.site_node)
    values["addresses"] = f"addresses = {quoted(w.addresses)}" if w.addresses else (
        '# addresses = "addresses.csv"   # national address base (BAN), as adresse.data.gouv.fr publishes it'
    )  # fmt: skip
    values["communes"] = "\n".join(_communes(w.communes))
    values["fleet"] = "\n".join(_fleet(w))
    return Template(_TEXT).substitute(values)


def _communes(communes: tuple[Commune, ...]) -> Iterable[str]:
    for c in communes:
        yield f"[[communes]]\nname = {quoted(c.name)}\npopulation = {c.population}"
        if c.osm_relation is not None:
            yield f"osm_relation = {c.osm_relation}"
        yield ""


#: Two sizes of bag truck and a crane truck: kerb and payload kg, height, width, length m, body m3, litres per km and
#: per h, EUR per km and per day.
_KINDS = {
    "truck": (12000, 7000, 3.5, 2.5, 8.5, 18, 0.45, 4.0, 0.9, 180.0),
    "light": (4700, 2800, 2.8, 2.0, 5.9, 7, 0.25, 2.5, 0.6, 120.0),
    "crane": (15000, 11000, 3.9, 2.5, 9.5, 28, 0.5, 5.0, 1.0, 210.0),
}


def _fleet(w: Wanted) -> Iterable[str]:
    labels = LABELS[w.language]
    kinds = ["truck"] * w.trucks + ["light"] * w.light_trucks + ["crane"] * w.crane_trucks
    for k, kind in enumerate(kinds, 1):
        kerb, payload, height, width, length, body, per_km, per_h, eur_km, eur_day = _KINDS[kind]
        flux, density = ('"glass"', "") if kind == "crane" else (
            '"residual", "packaging", "food"', ", max_density_kg_m3 = 330",
        )  # fmt: skip
        part = f"{{ flux = [{flux}], volume_m3 = {body}{density} }}"
        yield (
            f'[[trucks]]\nid = "T{k}"\nkerb_kg = {kerb}\npayload_kg = {payload}\n'
            f"height_m = {height}\nwidth_m = {width}\n"
            f"length_m = {length}\ncompartments = [{part}]\ncrane = {'true' if kind == 'crane' else 'false'}\n"
            f'energy = "diesel"\nenergy_per_km = {per_km}\nenergy_per_h = {per_h}\nco2e_kg_per_unit = 3.1\n'
            f"eur_per_km = {eur_km}\neur_per_day = {eur_day}\n"
        )
    for k, kind in enumerate(kinds, 1):
        name, loaders, skills = (
            (labels["glass_shift"], 0, '["crane"]') if kind == "crane" else (labels["morning"], 2, "[]")
        )
        yield (
            f'[[shifts]]\nid = "T{k}-{name}"\ntruck = "T{k}"\ndriver = "C{k}"\nlicence = "C"\nloaders = {loaders}\n'
            f'start = "05:00"\nhours = 7.0\novertime_hours = 1.0\nstart_service_min = 15\nend_service_min = 15\n'
            f'regime = "public-agent"\nweekdays = "Mo-Sa"\nskills = {skills}\n'
        )
    yield "# Second crews, called in on the days that carry what a holiday moved (two days' waste on one)."
    for k, kind in enumerate(kinds, 1):
        if kind != "crane":
            yield (
                f'[[shifts]]\nid = "T{k}-{labels["catch_up"]}"\ntruck = "T{k}"\ndriver = "R{k}"\n'
                f'licence = "C"\nloaders = 2\n'
                f'start = "13:00"\nhours = 6.0\novertime_hours = 1.0\nstart_service_min = 15\nend_service_min = 15\n'
                f'regime = "public-agent"\nweekdays = "Mo-Sa"\nskills = []\ncatch_up = true\n'
            )


_TEXT = """\
# $heading: a new area, proposed by `ripeur area new`. Read it, and change what is not so in your town.
# REAL: streets, buildings and addresses of the extract (OpenStreetMap). ASSUMED: whatever a comment says so.
# Every key is explained in docs/area.md; `ripeur area show` prints and draws what is understood.

[area]
name = $name
extract = $extract
attribution = "© OpenStreetMap contributors, ODbL 1.0"
# $country_why
timezone = $timezone
language = $language                 # of sheets and maps: "fr" or "en"
crs = $crs              # metric projection of every length (UTM zone of the middle of the map)
traffic_side = $traffic_side
holidays = $holidays                 # country or country-subdivision, as the `holidays` package names them ("DE-BW")

# --- where trucks start and unload (ASSUMED: proposed from the map; or: at = [lat, lon], snapped to a street) ------
[depot]
id = "D1"
label = $label_depot
# $depot_why
node = $depot_node

[[sites]]
id = "S1"
label = $label_site
# $site_why
node = $site_node
accepts = ["residual", "packaging", "food", "glass"]
hours = ["Mo-Sa 05:00-20:00"]
unload_min = 12
eur_per_t = 120.0

# --- what is collected ------------------------------------------------------------------------------------------
# kg per inhabitant and year, France (REAL; put your own town's figures here):
#   residual   245 kg of unsorted waste (Insee Première 2055, June 2025, year 2021), of which the food goes to its own bag
#   food       46 kg per inhabitant served by a food collection (ADEME, étude technico-économique, 2018; 125 authorities)
#   packaging  25 kg of light packaging (Citeo, year 2023) and 14 kg of paper (Citeo, year 2023)
#   glass      33 kg (Citeo, year 2023)
# ASSUMED: densities in the body, kg per bag, and that all 46 kg of food leave the residual bag (245 - 46 = 199).
[[flux]]
name = "residual"
label = $label_residual
bag_colour = "#6b6b6b"
density_kg_m3 = 450
kg_per_inhabitant_year = 199
kg_per_bag = 5.0

[[flux]]
name = "packaging"
label = $label_packaging
bag_colour = "#f2c200"
density_kg_m3 = 150
kg_per_inhabitant_year = 39
kg_per_bag = 1.5

[[flux]]
name = "food"
label = $label_food
bag_colour = "#2e8b57"
density_kg_m3 = 600
kg_per_inhabitant_year = 46
kg_per_bag = 2.0

[[flux]]
name = "glass"
label = $label_glass            # no bag: drop-off points only
density_kg_m3 = 350
kg_per_inhabitant_year = 33

[[services]]                    # what is put out together; when: collection.csv
name = "bags"
label = $label_bags
flux = ["residual", "packaging", "food"]
holiday_rule = "cascade"        # worked | none | cascade | saturday | next_usual_day

[[services]]
name = "glass"
label = $label_glass_service
flux = ["glass"]
holiday_rule = "next_usual_day"

# --- people -----------------------------------------------------------------------------------------------------
[demand]
people_per_dwelling = 2.2       # ASSUMED
blocks_from_levels = 3          # a building with fewer levels is a house
# demand_csv = "demand.csv"     # real demand replaces the estimate, street by street
$addresses
# drop_off_points = "drop_off_points.csv"   # the town's own; else those of the map are taken

# $communes_why
# A commune has what lies in its boundary (osm_relation, where whole in the extract), else what is nearest to its name.
$communes
# --- trucks and crews (ASSUMED) ---------------------------------------------------------------------------------
# $fleet_why
# 330 kg/m3: colour bags crushed harder tear, and torn bags are not sorted. co2e: per litre, well to wheel.
$fleet
# --- rules of the street ----------------------------------------------------------------------------------------
[streets]
# Classes that get a collection; a truck may drive on others (motorway, service) without collecting there.
collected = ["primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "primary_link", "secondary_link", "tertiary_link", "road"]
# Crossing to both sides in one pass is safe (R437: else one side at a time, in the direction of traffic):
both_sides_highway = ["living_street"]              # whatever the direction
both_sides_oneway_max_lanes = 1                     # a one-way street with at most so many lanes (untagged = 1)…
both_sides_oneway_highway = ["residential", "unclassified", "living_street", "road"]   # …of these classes
both_sides_max_width_m = 5.0                        # or a street with a tagged width up to this
both_sides_two_way_highway = ["residential", "unclassified", "living_street", "road"]  # …of these classes
max_task_m = 400                                    # longer stretches are cut
foot_max_m = 40                                     # a dead end up to this is served on foot by the loaders
presentation_max_m = 120                            # up to this: residents bring bins to its entrance
reversing = "priced"                                # or "forbidden": then every dead end is a presentation point
reversing_max_m = 200                               # longer dead ends: three-point turn at the end (no room is mapped)
three_point_m = 25                                  # metres reversed in a three-point turn
turning_places = ["turning_circle", "turning_loop", "mini_roundabout"]  # highway=… of a node with room to turn

[speeds_kmh]                                        # a truck's free speed; a lower maxspeed of the map wins
motorway = 80
motorway_link = 45
trunk = 65
trunk_link = 40
primary = 40
primary_link = 30
secondary = 36
secondary_link = 28
tertiary = 32
tertiary_link = 25
unclassified = 28
residential = 24
living_street = 12
service = 12
road = 20
turning_circle = 15

[turns]                                             # seconds, added to driving
left_s = 6                                          # across traffic (right where traffic keeps left)
right_s = 2
straight_s = 0
signal_s = 8                                        # a traffic light on the node
turning_place_s = 25                                # U-turn where a truck has room
reversing_setup_s = 45                              # every reversing manoeuvre: stop, guide gets down, mirrors
reversing_mps = 1.0

[service_times]
street_speed_kmh = 9.0                              # while collecting, between bins
kg_s = 1.1                                          # seconds per kg handled by a full crew
foot_mps = 0.8                                      # loaders pushing bins, each way
drop_off_container_s = 360                          # one container lifted, emptied and set down
presentation_point_s = 30                           # besides its kg
pickup_s = 240
crew_factor = [2.2, 1.5, 1.0]                       # by loaders: 0, 1, 2

[windows]                                           # hours in which a street cannot be served
# [[windows.closed]]
# name = "écoles"
# from = "08:00"
# to = "09:00"
# near = "amenity=school"       # streets within_m of these objects …
# within_m = 60
# streets = ["Rue Grimaldi"]    # … or by name
# weekdays = "Mo-Fr"

[prices]                                            # ASSUMED
eur_per_h = 78.0                # crew on the truck, all charges
eur_per_overtime_h = 105.0
eur_per_reversal = 4.0
eur_per_call_out = 60.0         # a catch-up crew that drives: regular crews are filled first
balance_eur_per_h = 5.0         # per hour between the longest tour and the mean: crews' fairness
unserved_eur_per_t = 5000.0     # what leaving waste in the street is worth to avoid (never silently relaxed)
"""  # noqa: E501
