"""How simulated trucks and crews behave: the numbers behind a drill, with their source or ASSUMED."""

from __future__ import annotations

from dataclasses import dataclass, field

from onboard.simulation.gnss import ReceiverModel

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrivingModel:
    """How trucks and crews behave. A pair is a range, drawn evenly; shares are of 1; rates say per what.

    ``bins_share``: of the stops, those where bins are lifted rather than bags thrown by hand (0: no lifter at all).
    ``passed_share``, ``blocked_share``, ``broken_off_share``: of the streets to serve.
    """

    cruise_mps: tuple[float, float, float] = (7.0, 10.5, 14.0)  # least, most often, most: 25-38-50 km/h; ASSUMED
    serving_mps: Range = (2.5, 6.5)  # from stop to stop; ASSUMED
    lane_m: float = 1.6  # right of the street's line (below 0: traffic on the left); ASSUMED
    stop_every_m: Range = (14.0, 45.0)  # between stops of a street; ASSUMED
    stop_kg: float = 8.0  # neighbours put out together; no stop for less on average; ASSUMED
    board_s: Range = (3.0, 10.0)  # stepping down, fetching; ASSUMED
    lift_s: Range = (8.0, 20.0)  # two bins fetched, lifted together, put back; 0.18 min a bin: Tchobanoglous 1993
    bin_kg: Range = (10.0, 35.0)  # in a bin; ASSUMED
    bag_s: Range = (1.6, 3.4)  # a bag by hand, two loaders; ASSUMED
    bag_kg: Range = (1.5, 5.0)  # food, packaging, residual mixed; ASSUMED
    container_s: Range = (150.0, 300.0)  # a drop-off container on the crane's hook; ASSUMED
    bins_share: float = 0.7
    tag_read_share: float = 0.97
    lifter_weighs: bool = False
    creep_share: float = 0.15  # stops that crews serve walking beside a truck that hardly stops; ASSUMED
    walk_mps: float = 1.1
    demand_spread: float = 0.25  # of ln(kg), street by street
    day_spread: float = 0.08  # of ln(kg), the whole tour
    lights_per_km: float = 0.8
    lights_s: Range = (4.0, 50.0)
    traffic_per_km: float = 0.8
    traffic_s: Range = (2.0, 15.0)
    turning_s: Range = (8.0, 25.0)  # each turning round or reversing
    tunnels_per_km: float = 0.05
    tunnel_m: Range = (60.0, 350.0)
    detour_share: float = 0.02  # of the ways between streets
    passed_share: float = 0.015
    blocked_share: float = 0.015
    broken_off_share: float = 0.01
    reported_share: float = 0.7  # of what crews leave, reported
    queue_s: float = 90.0  # before a plate, on average (exponential)
    plate_s: Range = (50.0, 110.0)
    # At the site 16.4 min on average, standard deviation 14.3 (Wilson & Vincent, Waste Management 28, 2008): the body
    # of that without queue and plates, log-normal.
    tipping_s: float = 480.0
    tipping_spread: float = 0.35
    service_share: Range = (0.85, 1.15)  # of the planned start and end of service
    break_share: Range = (1.0, 1.15)
    receiver: ReceiverModel = field(default_factory=ReceiverModel)
