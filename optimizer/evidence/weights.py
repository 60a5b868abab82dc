"""What each piece of evidence weighs: nats for "it was served" against "it was driven by".

Written down as the two stories would have it: a crew at work spends the time that the plan foresees, give or take a
factor of two; a truck that drives by spends the driving time, and now and then the length of a red light more. No
recording was at hand; which numbers were chosen by looking at simulated weeks is said in docs/matching.md.
"""

from __future__ import annotations

import math

#: Driving through a street of a town without service, metres a second: only ever used inside this module's weights.
BY_MPS = 8.5
#: Deviation of ln(time of service / time planned).
SERVICE_SPREAD = 0.7
#: Halts of a truck that drives by: at each passage, for each kilometre, and how long they last on average.
HALT_EACH, HALT_PER_KM, HALT_S = 0.12, 2.0, 18.0
#: The least time that any service takes.
LEAST_SERVICE_S = 8.0
#: No more is believed from the time alone: there are traffic jams.
STRONGEST = 5.0
#: In the plan's order, as the tasks served around it show; out of it. Of 100 tasks whose turn it is some 97 are served,
#: which would be 3.5 nats; less is taken, because a false "done" is worse than a false "missed" (four times, by the
#: goals set here), and because who drives by in turn looks like one who serves little.
IN_TURN, OUT_OF_TURN = 2.0, -2.5
#: One bin lifted (its time may be a few seconds off: once in 250 it was next door); each further one, up to four.
LIFT, LIFT_MORE, LIFTS_COUNTED = 5.5, 0.7, 4
#: The stops of a street are alike: where the first goes by hand the next does too, so that each says less.
STOPS_ALIKE = 0.6
#: What the PTO says at most. Above the one share of the time it was on, below the other off.
PTO, PTO_ON, PTO_OFF = 3.0, 0.4, 0.1
#: The load in the body grew, or did not, by shares of what was expected; at least so much must be expected at all.
GREW, GREW_SHARE, GREW_NOT_SHARE, GREW_FROM_KG = 1.5, 0.25, 0.05, 40.0
#: What the absence of a sign says at most.
ABSENT_MOST = 8.0


def service_s(planned_s: float, length_m: float) -> float:
    """Of a planned leg, what goes beyond driving through."""
    return max(LEAST_SERVICE_S, planned_s - length_m / BY_MPS)


def of_time(spent_s: float, length_m: float, expected_s: float) -> float:
    """The time spent beyond driving by, where a service takes about ``expected_s``."""
    extra = spent_s - length_m / BY_MPS
    served = _lognormal(max(0.5, extra), expected_s)
    spread = 3.0 + 0.25 * length_m / BY_MPS
    halted = 1.0 - math.exp(-HALT_EACH - HALT_PER_KM * length_m / 1000)
    smooth = math.exp(-0.5 * (extra / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    waited = math.exp(-max(0.0, extra) / HALT_S) / HALT_S if extra > -2 * spread else 0.0
    by = (1 - halted) * smooth + halted * waited
    return _bounded(math.log(served + 1e-9) - math.log(by + 1e-9))


def _lognormal(value: float, median: float) -> float:
    z = math.log(value / median) / SERVICE_SPREAD
    return math.exp(-0.5 * z * z) / (value * SERVICE_SPREAD * math.sqrt(2 * math.pi))


def of_lifts(lifts: int, stops: float, share: float) -> float:
    """``stops``: expected of a service; ``share``: of this tour's stops, those with a lift, the rest goes by hand."""
    if lifts:
        return LIFT + LIFT_MORE * min(lifts - 1, LIFTS_COUNTED)
    return max(-ABSENT_MOST, STOPS_ALIKE * stops * math.log(max(1e-6, 1.0 - share)))


def of_pto(share_on: float, usual_share: float) -> float:
    """``usual_share``: of this tour's services, those with the PTO on; the fewer, the less its absence says."""
    if share_on >= PTO_ON:
        return PTO
    return -ABSENT_MOST * max(0.0, 2.0 * usual_share - 1.0) if share_on <= PTO_OFF else 0.0


def of_load(grew_kg: float, expected_kg: float) -> float:
    if expected_kg < GREW_FROM_KG:
        return 0.0
    share = grew_kg / expected_kg
    return GREW if share >= GREW_SHARE else -GREW if share <= GREW_NOT_SHARE else 0.0


def _bounded(nats: float) -> float:
    return max(-STRONGEST, min(STRONGEST, nats))
