"""OSRM's own table on the same extract, for ``bench_matrix.py --osrm``. Runs under Python 3.12 or newer, by itself.

Reads ``{"extract", "sizes", "runs", "lonlat": [[lon, lat], …]}`` on standard input; prepares the extract with OSRM's
car profile in a temporary folder; prints ``{"prepare_s", "ms": {size: median}}``.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    import osrm

    said = json.load(sys.stdin)
    package = Path(osrm.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        extract = Path(folder) / "area.osm.pbf"
        shutil.copyfile(said["extract"], extract)
        begin = time.perf_counter()
        profile = str(package / "share" / "profiles" / "car.lua")
        for step in (
            ["extract", "-p", profile, str(extract)],
            ["contract", str(extract.with_suffix("").with_suffix(".osrm"))],
        ):
            tool = next((package / "bin").glob(f"*{step[0]}*"))
            subprocess.run([str(tool), *step[1:]], check=True, stdout=subprocess.DEVNULL)
        prepare_s = time.perf_counter() - begin
        engine = osrm.OSRM(storage_config=str(extract.with_suffix("").with_suffix(".osrm")), use_shared_memory=False,
                           algorithm="CH", max_locations_distance_table=10_000)  # fmt: skip
        ms = {}
        for size in said["sizes"]:
            places = [tuple(p) for p in said["lonlat"][:size]]
            times = []
            for _ in range(said["runs"]):
                begin = time.perf_counter()
                answer = engine.Table(osrm.TableParameters(coordinates=places))
                times.append((time.perf_counter() - begin) * 1000)
            assert len(answer["durations"]) == size
            ms[size] = statistics.median(times)
    print(json.dumps({"prepare_s": prepare_s, "ms": ms}))


if __name__ == "__main__":
    main()
