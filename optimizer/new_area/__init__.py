"""A new town's folder, proposed from its map."""

from optimizer.new_area import overpass
from optimizer.new_area.new_area import make_area
from optimizer.new_area.summary import layers, summary, with_collections

__all__ = ["layers", "make_area", "overpass", "summary", "with_collections"]
