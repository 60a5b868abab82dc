"""Sectors: compact, balanced, without gaps or overlaps."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from optimizer.area.area import Sector
from optimizer.area.sectors import balanced, indices, sector_of, to_geojson

CRS = "EPSG:32632"
BBOX = (8.96, 48.65, 9.05, 48.71)


def town(seed: int, points: int, grid_m: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Points in metres around Böblingen, with work between 1 and 3; on a grid where ``grid_m`` is given."""
    chance = np.random.default_rng(seed)
    east, north = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(9.0, 48.68)
    xy = chance.normal((east, north), (900.0, 600.0), (points, 2))
    if grid_m:
        xy = np.round(xy / grid_m) * grid_m
    return xy, chance.uniform(1.0, 3.0, points)


def work_by_sector(sectors: tuple[Sector, ...], xy: np.ndarray, work: np.ndarray) -> np.ndarray:
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*xy.T)
    return np.bincount(indices(sectors, lon, lat), work, minlength=len(sectors))


def shapes_of(sectors: tuple[Sector, ...]) -> list[shapely.Polygon]:
    return [shapely.Polygon(s.polygons[0][0]) for s in sectors]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 8), per_sector=st.integers(120, 250), grid=st.booleans())
def test_the_heaviest_sector_has_at_most_a_tenth_more_work_than_the_lightest(
    seed: int, count: int, per_sector: int, grid: bool
) -> None:
    xy, work = town(seed, count * per_sector, 50.0 if grid else 0.0)
    loads = work_by_sector(balanced(xy, work, count, BBOX, CRS), xy, work)
    assert loads.min() > 0
    assert loads.max() / loads.min() <= 1.1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 9))
def test_sectors_cover_the_map_without_gaps_or_overlaps(seed: int, count: int) -> None:
    xy, work = town(seed, 300)
    shapes = shapes_of(balanced(xy, work, count, BBOX, CRS))
    whole = shapely.union_all(shapes)
    assert all(shape.is_valid for shape in shapes)
    assert isinstance(whole, shapely.Polygon)
    assert not whole.interiors
    assert whole.covers(shapely.box(*BBOX))
    assert sum(shape.area for shape in shapes) == pytest.approx(whole.area, rel=1e-9)


def test_five_sectors_of_a_real_town_are_compact() -> None:
    shapes = shapes_of(balanced(*town(1, 900), 5, (8.985, 48.67, 9.015, 48.69), CRS))
    for shape in shapes:
        west, south, east, north = shape.bounds
        width, height = (east - west) * np.cos(np.radians(48.7)), north - south
        assert max(width, height) / min(width, height) < 4


def test_a_town_without_any_work_is_still_cut_into_equal_parts() -> None:
    shapes = shapes_of(balanced(np.empty((0, 2)), np.empty(0), 4, BBOX, CRS))
    assert max(s.area for s in shapes) / min(s.area for s in shapes) < 1.02


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 7), points=st.integers(1, 30))
def test_a_few_streets_on_a_grid_make_plain_polygons_too(seed: int, count: int, points: int) -> None:
    xy, _ = town(seed, points, 200.0)
    shapes = shapes_of(balanced(xy, np.ones(points), count, BBOX, CRS))
    whole = shapely.union_all(shapes)
    assert len(shapes) == count
    assert all(shape.is_valid for shape in shapes)
    assert sum(shape.area for shape in shapes) == pytest.approx(whole.area, rel=1e-9)


def test_work_all_in_one_point_does_not_break_the_cutting() -> None:
    xy, _ = town(3, 1)
    assert len(balanced(np.repeat(xy, 50, axis=0), np.ones(50), 5, BBOX, CRS)) == 5


def test_a_point_outside_all_sectors_goes_to_the_nearest() -> None:
    west = Sector("W", ((((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)),),))
    east = Sector("E", ((((2.0, 0.0), (3.0, 0.0), (3.0, 1.0), (2.0, 1.0), (2.0, 0.0)),),))
    assert list(sector_of((west, east), np.array([0.5, 2.5, 1.2, 1.9, 9.0]), np.full(5, 0.5))) == [
        "W",
        "E",
        "W",
        "E",
        "E",
    ]


def test_a_point_on_a_border_goes_to_the_first_sector_named() -> None:
    west = Sector("W", ((((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)),),))
    east = Sector("E", ((((1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 0.0)),),))
    assert list(sector_of((east, west), np.array([1.0]), np.array([0.5]))) == ["E"]


def test_sector_names_speak_the_area_s_language() -> None:
    xy, work = town(1, 100)
    assert [s.name for s in balanced(xy, work, 2, BBOX, CRS, "fr")] == ["Secteur 1", "Secteur 2"]
    assert [s.name for s in balanced(xy, work, 2, BBOX, CRS, "en")] == ["Sector 1", "Sector 2"]


def test_geojson_rings_are_closed_and_run_counter_clockwise() -> None:
    xy, work = town(1, 100)
    written = to_geojson(balanced(xy, work, 3, BBOX, CRS))
    for feature in written["features"]:
        ring = feature["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert shapely.LinearRing(ring).is_ccw


def test_a_count_below_one_is_refused_with_its_bound() -> None:
    with pytest.raises(ValueError, match="count = 0, must be 1 or more"):
        balanced(np.empty((0, 2)), np.empty(0), 0, BBOX, CRS)
