"""A town's map from the network: the place found by name, then its raw OSM data, kept as ``.osm`` XML.

The place is found with OSMnx (Nominatim). The data come from the Overpass endpoint of OSMnx's settings as raw XML,
because OSMnx's own graphs keep neither relations (turn restrictions, boundaries) nor every node id: a plan needs both.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Any

import osmnx
import requests
import shapely

#: Streets run on past the border, and so do trucks. Degrees: about 300 m.
_AROUND_DEG = 0.003
_SIMPLE_DEG = 0.0005
TIMEOUT_S = 180
_AGENT = "Ripeur (waste collection route optimizer)"

#: What the program reads of a map; node tags (barriers, signals) come with their streets.
_QUERY = """\
[out:xml][timeout:{timeout_s}];
(
  way["highway"](poly:"{ground}");
  way["building"](poly:"{ground}");
  relation["type"="restriction"](poly:"{ground}");
  nwr["amenity"~"^(recycling|school|kindergarten|waste_transfer_station|waste_disposal|bus_station)$"](poly:"{ground}");
  node["place"](poly:"{ground}");
  node["addr:housenumber"](poly:"{ground}");
  way["landuse"~"^(industrial|depot|landfill|residential)$"](poly:"{ground}");
  way["man_made"~"^(works|wastewater_plant)$"](poly:"{ground}");
  relation["boundary"="administrative"]["admin_level"~"^([89]|10)$"](poly:"{ground}");
);
(._;>;);
out body;
"""


class DownloadFault(OSError):
    """The map could not be fetched: no network, no such place, or the server refused."""


def download(place: str, folder: Path) -> Path:
    """Fetch ``place`` into ``folder/<place>.osm`` and return the path. A file that is there already is not replaced.

    Raises ``DownloadFault`` where the place is unknown or a server cannot be reached or gives an incomplete answer.
    """
    target = folder / f"{slug(place)}.osm"
    if target.exists():
        raise DownloadFault(f"{target}: exists already; give it as --osm, or remove it to fetch it again")
    ground = _ground(place)
    query = _QUERY.format(timeout_s=TIMEOUT_S, ground=ground)
    url = f"{osmnx.settings.overpass_url.rstrip('/')}/interpreter"
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".osm.part")
    try:
        with requests.post(
            url, data={"data": query}, timeout=TIMEOUT_S + 20, stream=True, headers={"User-Agent": _AGENT}
        ) as answer:
            if answer.status_code != 200:
                raise DownloadFault(f"Overpass at {url} answered {answer.status_code} {answer.reason} for {place!r}")
            with part.open("wb") as file:
                for chunk in answer.iter_content(1 << 20):
                    file.write(chunk)
        _judge(part, place, url)
        os.replace(part, target)
    except requests.RequestException as error:
        raise DownloadFault(
            f"Overpass at {url} cannot be reached for {place!r} ({_short(error)}); {_OFFLINE}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


_OFFLINE = "without a network, found the area from a file: --osm FILE.osm.pbf"


def slug(place: str) -> str:
    """A file name: ``Dunkerque, France`` -> ``dunkerque-france``."""
    bare = unicodedata.normalize("NFKD", place.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")
    if not name:
        raise DownloadFault(f"place = {place!r}, must be a name such as 'Dunkerque, France'")
    return name


def _ground(place: str) -> str:
    """The place's outline with some room around it, as Overpass writes polygons: ``lat lon lat lon …``."""
    cached = osmnx.settings.use_cache
    osmnx.settings.use_cache = False  # OSMnx would leave a folder where the program was called
    try:
        found: Any = osmnx.geocode_to_gdf(place)
    except requests.RequestException as error:
        where = osmnx.settings.nominatim_url
        raise DownloadFault(
            f"Nominatim at {where} cannot be reached for {place!r} ({_short(error)}); {_OFFLINE}"
        ) from error
    except (ValueError, TypeError) as error:  # OSMnx: nothing found, a refusal, or a place without an outline
        raise DownloadFault(f"place {place!r} was not found as a town with an outline ({_short(error)})") from error
    finally:
        osmnx.settings.use_cache = cached
    shape: Any = shapely.union_all(list(found.geometry)).buffer(_AROUND_DEG).simplify(_SIMPLE_DEG)
    if shape.geom_type != "Polygon":  # islands: one outline around all
        shape = shape.convex_hull
    return " ".join(f"{lat:.5f} {lon:.5f}" for lon, lat in shape.exterior.coords[:-1])


def _judge(path: Path, place: str, url: str) -> None:
    """Overpass answers 200 and puts its trouble in a remark at the end; a cut connection has no end at all."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        end = file.read().decode("utf-8", "replace")
    remark = re.search(r"<remark>(.*?)</remark>", end, re.DOTALL)
    if remark:
        raise DownloadFault(f"Overpass at {url} did not finish {place!r}: {remark[1].strip()}")
    if "</osm>" not in end:
        raise DownloadFault(f"Overpass at {url} sent an incomplete answer for {place!r}, {path.stat().st_size} bytes")


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
