"""Two towns with everything on (sides, turns, two unloading sites, rests, school hours), to be planned by bench_towns.

    python -m tests.bench.make_towns FOLDER [--extracts FOLDER]

FOLDER/monaco is the repository's area, FOLDER/heidelberg one made by ``ripeur area new`` with 160,000 inhabitants; a
second site is put where the first is not, open in the morning only (assumed, for measuring).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHOOLS = """
[[windows.closed]]
name = "schools"
from = "08:00"
to = "09:00"
near = "amenity=school"
within_m = 60
weekdays = "Mo-Fr"
"""
SECOND_SITE = """
[[sites]]
id = "S2"
label = "Transfer station"
at = [49.4085, 8.6730]
accepts = ["residual", "packaging", "food", "glass"]
hours = ["Mo-Sa 06:00-12:00"]
unload_min = 15
eur_per_t = 120.0
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    shared = Path(os.environ.get("RIPEUR_SHARED", ROOT.parent / "shared"))
    parser.add_argument("--extracts", type=Path, default=shared / "realdata" / "osm")
    args = parser.parse_args()
    shutil.copytree(ROOT / "data" / "monaco", args.folder / "monaco")
    subprocess.run([
        sys.executable, "-m", "ripeur", "area", "new", str(args.folder / "heidelberg"),
        "--osm", str(args.extracts / "heidelberg.test.pbf"), "--population", "160000",
        "--holidays", "DE-BW", "--timezone", "Europe/Berlin",
    ], check=True, cwd=ROOT)  # fmt: skip
    for name, site in (("monaco", ""), ("heidelberg", SECOND_SITE)):
        path = args.folder / name / "area.toml"
        path.write_text(path.read_text(encoding="utf-8") + SCHOOLS + site, encoding="utf-8")


if __name__ == "__main__":
    main()
