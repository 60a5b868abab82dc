"""A new town's folder, proposed from its map."""

from optimizer.new_area import founding, overpass
from optimizer.new_area.summary import layers, summary

__all__ = ["founding", "layers", "overpass", "summary"]
