"""Whose people live where: the communes of an area laid on the map.

A commune with a whole boundary has what lies inside. Of the rest, each takes what lies nearest to the place of its
name; one that no place names, or that is alone, takes all that is left.
"""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import Transformer

from optimizer.area import Area, Commune
from optimizer.streets import Boundary, Extract, Floats, Ints, MappedObject, parse_count

TOWNS = ("city", "town", "village")
#: Where neither the area nor the map knows a population: per km of residential, living or unclassified
#: street (Heidelberg with its surroundings: 160,000 people on 620 km).
PEOPLE_PER_KM = 250


def populated_communes(area: Area, extract: Extract, street_km: float) -> tuple[tuple[Commune, ...], str]:
    """The communes with people, and where the numbers come from: ``area``, ``map`` or ``density``."""
    if area.communes:
        return area.communes, "area"
    found = mapped_communes(extract)
    if found:
        return found, "map"
    return (Commune(area.name, round(street_km * PEOPLE_PER_KM)),), "density"


def mapped_communes(extract: Extract) -> tuple[Commune, ...]:
    """Towns and villages that the map gives a population, with their boundary where it is whole."""
    boundaries = {b.name: b for b in sorted(extract.boundaries, key=lambda b: -b.admin_level) if b.admin_level <= 8}
    found: dict[str, Commune] = {}
    for place in extract.objects:
        name = place.tags.get("name")
        if place.tags.get("place") in TOWNS and name:
            boundary = boundaries.get(name)
            people = (boundary and boundary.population) or parse_count(place.tags.get("population"))
            if people:
                found.setdefault(name, Commune(name, people, boundary.id if boundary else None))
    for boundary in boundaries.values():
        if boundary.population and boundary.admin_level == 8:
            found.setdefault(boundary.name, Commune(boundary.name, boundary.population, boundary.id))
    return tuple(sorted(found.values(), key=lambda c: (-c.population, c.name)))


class Territories:
    """Which commune a point belongs to (-1 = none of the listed)."""

    def __init__(self, communes: tuple[Commune, ...], extract: Extract, crs: str):
        self._metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        by_id = {b.id: b for b in extract.boundaries}
        # A relation that is not whole here may have a twin that is: a city state is a country and a commune.
        by_name = {b.name: b for b in sorted(extract.boundaries, key=lambda b: -b.admin_level)}
        bounds = [by_id.get(c.osm_relation or 0) or by_name.get(c.name) for c in communes]
        self.shapes = [self._shape(b) if b else None for b in bounds]
        open_ = [k for k, shape in enumerate(self.shapes) if shape is None]
        # Neighbours that nobody listed keep their own ground: their people are not ours to serve.
        inside = {b.id for b in bounds if b}
        levels = {b.admin_level for b in bounds if b}
        self._foreign = [self._shape(b) for b in extract.boundaries if b.id not in inside and b.admin_level in levels]
        self._places, self._owners = self._seeds(communes, open_, extract)
        self._rest = [k for k in open_ if k not in self._owners]
        self.complete = [shape is not None for shape in self.shapes]

    def _shape(self, boundary: Boundary) -> shapely.Geometry:
        rings = [np.column_stack(self._metres.transform(*np.array(ring).T)) for ring in boundary.rings]
        shape = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in rings])
        shapely.prepare(shape)
        return shape

    def _seeds(self, communes: tuple[Commune, ...], open_: list[int], extract: Extract) -> tuple[Floats, list[int]]:
        """Places that compete for the ground without a boundary, and the commune of each (-1 = not listed)."""
        if len(communes) == 1 or not open_:
            return np.empty((0, 2)), []
        names = {communes[k].name: k for k in open_}
        whole = {c.name for c, shape in zip(communes, self.shapes, strict=True) if shape is not None}
        places: list[MappedObject] = [
            o for o in extract.objects if o.tags.get("place") in TOWNS and o.tags.get("name") not in whole
        ]
        if not any(o.tags.get("name") in names for o in places):
            return np.empty((0, 2)), []
        x, y = self._metres.transform([o.lon_deg for o in places], [o.lat_deg for o in places])
        return np.column_stack((x, y)), [names.get(o.tags.get("name", ""), -1) for o in places]

    def of(self, xy: Floats) -> Ints:
        """The commune of each point; several communes without a place of their own are the last one's pool."""
        owner = np.full(len(xy), -1, np.int64)
        taken = np.zeros(len(xy), bool)
        for k, shape in enumerate(self.shapes):
            if shape is not None:
                inside = ~taken & shapely.contains_xy(shape, xy[:, 0], xy[:, 1])
                owner[inside], taken = k, taken | inside
        for shape in self._foreign:
            taken |= shapely.contains_xy(shape, xy[:, 0], xy[:, 1])
        free = np.flatnonzero(~taken)
        if len(free) and self._owners:
            tree = shapely.STRtree(np.asarray(shapely.points(self._places), dtype=object))
            owner[free] = np.array(self._owners)[tree.nearest(shapely.points(xy[free]))]
        if self._rest:
            owner[free[owner[free] < 0]] = self._rest[0]
        return owner

    @property
    def pools(self) -> list[list[int]]:
        """Communes that share ground: those without boundary and place are one pool, the others are alone."""
        return [[k] for k in range(len(self.shapes)) if k not in self._rest] + ([self._rest] if self._rest else [])
