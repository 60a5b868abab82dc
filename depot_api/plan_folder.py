"""A plan's folder: held for one plan at a time, judged before it is written, its files in place together.

Beside ``basemap.py`` and not in ``plans``: a plan is made without the web application and the database.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dashboards.plan import exports, write_map, write_sheets
from depot_api.basemap import area_words, basemap_of
from fleet import Plan
from optimizer.check import Report, check
from optimizer.planning import Town

REJECTED = "plan-rejected.json"


@dataclass(frozen=True, slots=True)
class PlanFolder:
    """A folder held for a plan. ``staging``: inside it, where files wait until all of them are there."""

    folder: Path
    staging: Path

    def write_checked(self, plan: Plan, town: Town, lang: str) -> tuple[Report, list[Path]]:
        """No plan leaves unjudged: a faulty one is set aside under another name. The report, and what was written."""
        report = check(plan, town.area, town.area.folder)
        if report.ok:
            return report, self._write_all(plan, town, lang)
        rejected = self.folder / REJECTED
        plan.write(rejected)
        return report, [rejected]

    def _write_all(self, plan: Plan, town: Town, lang: str) -> list[Path]:
        """The plan's files together; what an earlier plan left here is gone."""
        plan.write(self.staging / "plan.json")
        try:
            self._write_drawings(plan, town, lang)
            for old in (*self.folder.glob("*.gpx"), self.folder / REJECTED):
                old.unlink(missing_ok=True)
            for path in sorted(self.staging.iterdir()):
                if path.name != "plan.json":
                    path.replace(self.folder / path.name)
        finally:  # the plan itself last, and whatever befell its pictures: it took the longest to make
            (self.staging / "plan.json").replace(self.folder / "plan.json")
        return sorted(path for path in self.folder.iterdir() if path != self.staging)

    def _write_drawings(self, plan: Plan, town: Town, lang: str) -> None:
        basemap, words = basemap_of(town, plan), area_words(town)
        exports.write_geojson(plan, basemap, self.staging / "tours.geojson")
        exports.write_gpx(plan, basemap, words, self.staging, lang)
        exports.write_tours_csv(plan, self.staging / "tours.csv")
        exports.write_kpi_csv(plan, self.staging / "kpi.csv")
        write_map(plan, basemap, words, self.staging / "map.html", lang)
        write_sheets(plan, basemap, words, self.staging / "sheets.pdf", lang)


@contextmanager
def locked_plan_folder(folder: Path, *, replace: bool) -> Iterator[PlanFolder]:
    """The folder for a plan, locked until it is written: no plan gets lost in it, another's or ours.

    Made where it is missing, and removed again where nothing was written. Raises ``FileExistsError`` where it holds a
    plan and ``replace`` is false, ``BlockingIOError`` where another plan is being written into it.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        _lock(lock, folder)
        if (folder / "plan.json").exists() and not replace:
            raise FileExistsError(f"{folder}: holds a plan already, not overwritten (--replace, or another --out)")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as staging:
            yield PlanFolder(folder, Path(staging))
    finally:
        os.close(lock)
        if is_new:
            with suppress(OSError):  # it holds something: as it should
                folder.rmdir()


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(f"{folder}: another plan is being written into it (another --out)") from None
    except OSError:
        pass  # a network disk without locks: as before there were any
