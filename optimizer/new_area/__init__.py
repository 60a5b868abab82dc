"""A new town's folder, proposed from its map."""

from optimizer.new_area import overpass
from optimizer.new_area.new_area import make_area
from optimizer.new_area.summary import layers, summary

__all__ = ["layers", "make_area", "overpass", "summary"]
