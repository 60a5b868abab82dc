"""A new town's folder, proposed from its map."""

from optimizer.new_area import founding, overpass
from optimizer.new_area.summary import layers, summary, with_collections

__all__ = ["founding", "layers", "overpass", "summary", "with_collections"]
