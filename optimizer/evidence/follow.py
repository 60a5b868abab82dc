"""A tour followed: stored facts in, in any order; where it stands out: the way driven, what is served, what comes.

    followed = FollowedTour(matcher, tour, tasks)
    followed.add_all(facts)      # of its truck, as they arrive: positions, lifts, vehicle, load, outcomes, duty
    followed.states(now)         # task id -> State (evidence.py)
    followed.progress(now)       # Progress (progress.py)
    followed.way()               # what was driven, as lines

Facts in the order of time are taken in as they come. A late one (a box that was offline sends the newest first) makes
the way be worked out anew, once, when somebody next asks.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from fleet import Duty, Fact, Lift, Load, Outcome, Position, Task, Tour, Vehicle
from optimizer.evidence.evidence import TaskState, TourEvidence
from optimizer.evidence.progress import SiteVisit, TourProgress, tour_progress
from optimizer.matching import LocatedFix, MatchedFix, MatchedStep, Matcher, SettledTrack, Track

#: Facts from so long before the planned start until so long after the planned end are the tour's.
BEFORE, AFTER = timedelta(hours=2), timedelta(hours=6)
#: A way of more fixes than this is not worked out anew more often than this.
MANY_FIXES, ANEW = 2_000, timedelta(seconds=30)
#: Words of duty after which nothing is seen: the way is broken off there, and not made up in between.
UNSEEN = ("break_start", "tracking_off", "end")
#: At an unloading site: so near to its node, for so long.
SITE_M, SITE_S = 150.0, 120.0


class FollowedTour:
    """One tour of one truck on one day. Not thread-safe; a truck's two tours of a day are two of these."""

    def __init__(
        self,
        matcher: Matcher,
        tour: Tour,
        tasks: Mapping[str, Task],
        since: datetime | None = None,
        until: datetime | None = None,
    ):
        """``matcher``: one for the town, shared. ``tasks``: by id, those that the tour's legs name.

        ``since``, ``until``: facts outside are another tour's (None: ``BEFORE`` its start, ``AFTER`` its end).
        """
        self.matcher, self.tour, self.tasks = matcher, tour, tasks
        self._since, self._until = since or tour.start_at - BEFORE, until or tour.end_at + AFTER
        self._known: set[str] = set()
        self._fixes: list[LocatedFix] = []  # in order of time
        self._others: list[Fact] = []
        self._duties: list[Duty] = []
        network = matcher.network
        planned = [network.along(leg.osm_nodes) or [] for leg in tour.legs if leg.mode == "truck"]
        self._expected = {span.arc // 2 for spans in planned for span in spans}
        self._sites = {
            leg.site: network.xy[leg.osm_nodes[0]]
            for leg in tour.legs
            if leg.kind == "unload" and leg.site and leg.osm_nodes and leg.osm_nodes[0] in network.xy
        }
        self._late = False
        self._anew_at: datetime | None = None
        self._begin()

    def _begin(self) -> None:
        self._track: Track = self.matcher.track(self._expected)
        self._evidence = TourEvidence(self.tour, self.tasks, self.matcher.network)
        self._steps: list[MatchedStep] = []
        self._fed = 0
        self._there: dict[str, tuple[datetime, datetime]] = {}  # site -> since, last fix there
        self._site_visits: list[SiteVisit] = []

    # --- facts ---------------------------------------------------------------------------------------------------

    def add(self, fact: Fact) -> None:
        self.add_all([fact])

    def add_all(self, facts: Iterable[Fact]) -> None:
        """Take facts in. Another truck's, those outside the tour's time and ids already known change nothing."""
        words = len(self._duties)
        for fact in facts:
            if fact.id in self._known or not self._since <= fact.at < self._until:
                continue
            if getattr(fact, "truck", None) != self.tour.truck:
                continue
            self._known.add(fact.id)
            if isinstance(fact, Position):
                self._add_position(fact)
            elif isinstance(fact, Duty):
                if fact.tour in (None, self.tour.id):
                    bisect.insort(self._duties, fact, key=lambda duty: duty.at)
                    self._late |= fact.state in UNSEEN and self._fed > 0 and fact.at <= self._fixes[self._fed - 1].at
            else:
                self._others.append(fact)
                self._tell(fact)
        if len(self._duties) > words:  # once: it looks at every word
            self._evidence.add_end(self.ended_at)

    def _add_position(self, position: Position) -> None:
        fix = LocatedFix.of(position)
        if fix is None:
            return
        if not self._fixes or fix.at > self._fixes[-1].at:
            self._fixes.append(fix)
        else:
            bisect.insort(self._fixes, fix, key=lambda one: one.at)
            self._late = True

    def _tell(self, fact: Fact) -> None:
        if isinstance(fact, Lift):
            self._evidence.add_lift(fact)
        elif isinstance(fact, Vehicle):
            self._evidence.add_vehicle(fact)
        elif isinstance(fact, Load):
            self._evidence.add_load(fact)
        elif isinstance(fact, Outcome):
            self._evidence.add_outcome(fact)

    @property
    def began_at(self) -> datetime | None:
        """Start of service as the crew said it, else the first fix."""
        said = [duty.at for duty in self._duties if duty.state == "start"]
        return said[0] if said else self._fixes[0].at if self._fixes else None

    @property
    def ended_at(self) -> datetime | None:
        """End of service as the crew said it; None while it goes on, or goes on again."""
        ends = [duty for duty in self._duties if duty.state in ("start", "end")]
        return ends[-1].at if ends and ends[-1].state == "end" else None

    # --- what they come to ---------------------------------------------------------------------------------------

    def _up_to_date(self, now: datetime) -> None:
        often = self._anew_at is not None and timedelta(0) <= now - self._anew_at < ANEW
        if self._late and not (often and len(self._fixes) > MANY_FIXES):
            self._begin()
            self._late, self._anew_at = False, now
            for fact in self._others:
                self._tell(fact)
            self._evidence.add_end(self.ended_at)
        if not self._late:
            new = self._fixes[self._fed :]
            for part in self._unbroken(new):
                self._take(self._track.add(part))
            self._look_at_sites(new)
            self._fed = len(self._fixes)
            if self.ended_at is not None:
                self._take(self._track.flush())

    def _unbroken(self, new: Iterable[LocatedFix]) -> Iterator[list[LocatedFix]]:
        """New fixes, apart where the crew broke off; the way so far is settled before the next part is given."""
        cuts = [duty.at for duty in self._duties if duty.state in UNSEEN]
        part: list[LocatedFix] = []
        before = bisect.bisect_right(cuts, self._fixes[self._fed - 1].at) if self._fed else 0
        for fix in new if cuts else ():
            passed = bisect.bisect_right(cuts, fix.at)
            if passed != before:
                yield part
                self._take(self._track.flush())
                part, before = [], passed
            part.append(fix)
        yield part if cuts else list(new)

    def _take(self, settled: SettledTrack) -> None:
        self._steps.extend(settled.steps)
        self._evidence.add_steps(settled.steps)

    def states(self, now: datetime) -> dict[str, TaskState]:
        """What is known of each task of the tour, in the order of its legs."""
        self._up_to_date(now)
        return dict(self._evidence.states(now))

    def progress(self, now: datetime) -> TourProgress:
        states = self.states(now)
        return tour_progress(
            self.tour, states, now, began_at=self.began_at, ended_at=self.ended_at, at_sites=self._at_sites()
        )

    def steps(self) -> tuple[MatchedStep, ...]:
        """The settled steps, in order of time, as of the last question."""
        return tuple(self._steps)

    def way(self) -> list[list[tuple[float, float]]]:
        """The settled way driven so far, as (lon, lat) lines: one per unbroken chain, in time order."""
        lines: list[list[tuple[float, float]]] = []
        piece = None
        for step in self._steps:
            if step.length_m <= 0:
                continue
            drawn = self.matcher.network.drawn(step.arc, step.from_m, step.to_m)
            if step.piece != piece:
                lines.append(drawn)
            else:
                lines[-1].extend(drawn[1:])
            piece = step.piece
        return lines

    def here(self) -> MatchedFix | None:
        """Where the truck was last, on the street (provisional until settled); None before the first fix."""
        return self._track.here()

    def _look_at_sites(self, fixes: Iterable[LocatedFix]) -> None:
        """Stays at the tour's unloading sites, by the raw fixes: a plant's yard is seldom on the map."""
        plane = self.matcher.network.plane
        for fix in fixes:
            xy = plane.xy(fix.lon_deg, fix.lat_deg)
            for site, place in self._sites.items():
                if math.dist(xy, place) <= SITE_M:
                    since, _ = self._there.get(site, (fix.at, fix.at))
                    self._there[site] = (since, fix.at)
                elif site in self._there:
                    since, _ = self._there.pop(site)
                    if (fix.at - since).total_seconds() >= SITE_S:
                        self._site_visits.append(SiteVisit(site, since, fix.at))

    def _at_sites(self) -> tuple[SiteVisit, ...]:
        there = [
            SiteVisit(site, since, None)
            for site, (since, last) in self._there.items()
            if (last - since).total_seconds() >= SITE_S
        ]
        return (*self._site_visits, *there)
