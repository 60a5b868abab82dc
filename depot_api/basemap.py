"""The base of every map and sheet: the dashboards' ``Basemap`` and names, filled from a town's own extract."""

from __future__ import annotations

from dashboards.shared import AreaWords, Basemap, MapLabel, Road
from fleet import Plan
from optimizer.planning import Town, plan_nodes
from optimizer.streets import max_height_m, oneway_direction, read_scenery

_RANKS = {"city": 0, "town": 0, "village": 1, "suburb": 1, "borough": 1}


def basemap_of(town: Town, plan: Plan | None = None) -> Basemap:
    """What is drawn under a plan; without one, under the town's depot and sites."""
    lonlat = town.extract.lonlat
    seen = read_scenery(town.area.extract, town.extract.bbox)
    streets = [
        Road(
            way.highway, way.tags.get("name", ""), tuple(lonlat[n] for n in way.nodes), way.nodes,
            bool(oneway_direction(way.tags)), max_height_m(way.tags),
        )
        for way in town.extract.ways
    ]  # fmt: skip
    footways = [Road(highway, name, line) for highway, name, line in seen.footways]
    labels = tuple(
        MapLabel(o.tags["name"], (o.lon_deg, o.lat_deg), _RANKS.get(o.tags["place"], 2))
        for o in town.extract.objects
        if "place" in o.tags and "name" in o.tags
    )
    wanted = plan_nodes(plan) if plan else set()
    wanted |= {town.depot.osm_node, *(site.osm_node for site in town.sites)}
    return Basemap(
        roads=(*streets, *footways),
        places={n: lonlat[n] for n in wanted},
        buildings=tuple(b.outline for b in town.extract.buildings),
        water=seen.water,
        green=seen.green,
        labels=labels,
        attribution=town.area.attribution,
        traffic_side=town.area.traffic_side,
    )


def area_words(town: Town) -> AreaWords:
    """The names that a plan does not carry."""
    return AreaWords(town.area.name, town.area.flux, town.depot, town.sites, {t.id: t for t in town.area.trucks})
