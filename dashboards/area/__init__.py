"""An area drawn, and its drop-off points as open data."""

from dashboards.area import open_data
from dashboards.area.area_map import write_area_map

__all__ = ["open_data", "write_area_map"]
