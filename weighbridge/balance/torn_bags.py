"""Torn bags against density, body and delay, from sampling campaigns: a regression that says when it knows too little.

The share of torn bags (torn / whole and torn) of each sampled load, on the log-odds scale, by weighted least squares:
a constant, the load's density in the body, the hours between the bridge and the count, and each body that has enough
samples. Weights are a binomial's; what the samples scatter beyond that widens the intervals (95 %, Student's t).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet import Sorting, Ticket

#: So many samples for a first answer, and so many more for each further cause.
LEAST, PER_CAUSE = 8, 4
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Sample:
    """One counted load."""

    ticket: str
    torn: int
    bags: int  # whole and torn
    density_kg_m3: float
    delay_h: float
    body: str


@dataclass(frozen=True, slots=True)
class Cause:
    """By how much the odds of a torn bag are multiplied. ``per``: by what (100 kg/m3, an hour, this body)."""

    per: str
    times: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TornBags:
    """``why``: what is missing, where there is no answer. ``share``: torn in all samples together, None without any."""

    samples: int
    share: float | None
    causes: tuple[Cause, ...] = ()
    why: str | None = None
    _at: tuple[float, ...] = ()  # constant, per kg/m3, mean delay's part
    _cov: tuple[tuple[float, ...], ...] = ()
    _mean_delay_h: float = 0.0
    _range: tuple[float, float] = (0.0, 0.0)
    _t: float = Z95

    def at(self, density_kg_m3: float) -> tuple[float, float, float] | None:
        """The share of torn bags at a density, other things as in the samples' mean, with its 95 % interval; None where
        nothing is known, or the density lies outside of what was sampled."""
        if not self._at or not self._range[0] <= density_kg_m3 <= self._range[1]:
            return None
        x = [1.0, density_kg_m3 / 100, self._mean_delay_h] + [0.0] * (len(self._at) - 3)
        value = sum(a * b for a, b in zip(self._at, x, strict=True))
        half = self._t * math.sqrt(
            max(0.0, sum(x[i] * x[j] * c for i, r in enumerate(self._cov) for j, c in enumerate(r)))
        )
        low, mid, high = (1 / (1 + math.exp(-v)) for v in (value - half, value, value + half))
        return mid, low, high


def samples_of(
    tickets: Iterable[Ticket], sorted_: Iterable[Sorting], bodies: Mapping[str, tuple[str, float]]
) -> list[Sample]:
    """The counted loads whose truck is known. ``bodies``: by truck, the kind of its body and its volume in m3.

    A site's counts are of its own tickets: another site's may have the same numbers.
    """
    of = {(ticket.site, ticket.number): ticket for ticket in tickets}
    found: dict[tuple[str, str], list[Sorting]] = {}
    for s in sorted_:
        if s.ticket is not None and (s.site, s.ticket) in of and s.torn_bags is not None and s.bags is not None:
            found.setdefault((s.site, s.ticket), []).append(s)
    samples = []
    for (site, number), counts in sorted(found.items()):
        ticket = of[site, number]
        if ticket.truck is None or ticket.truck not in bodies:
            continue
        body, volume_m3 = bodies[ticket.truck]
        torn = sum(s.torn_bags or 0 for s in counts)
        bags = torn + sum(s.bags or 0 for s in counts)
        delay_h = max(0.0, (min(s.at for s in counts) - ticket.at).total_seconds() / 3600)
        if bags:
            samples.append(Sample(number, torn, bags, ticket.net_kg / volume_m3, delay_h, body))
    return samples


def fit_torn_bags(samples: Sequence[Sample]) -> TornBags:
    """The regression, or why there is none yet."""
    bags = sum(s.bags for s in samples)
    share = sum(s.torn for s in samples) / bags if bags else None
    counts = Counter(s.body for s in samples)
    usual = counts.most_common(1)[0][0] if counts else ""
    others = sorted(body for body, n in counts.items() if n >= PER_CAUSE and body != usual)
    kept = [s for s in samples if s.body == usual or s.body in others]
    needed = LEAST + PER_CAUSE * (2 + len(others))
    if len(kept) < needed:
        why = f"{len(kept)} samples, at least {needed} are needed for density, delay and {1 + len(others)} bodies"
        return TornBags(samples=len(samples), share=share, why=why)
    x = [[1.0, s.density_kg_m3 / 100, s.delay_h, *(float(s.body == body) for body in others)] for s in kept]
    fit = _fitted(kept, x)
    if fit is None:
        return TornBags(samples=len(samples), share=share, why="densities or delays of the samples are all alike")
    beta, cov, t = fit
    names = ["constant", "100 kg/m3", "hour", *others]
    causes = tuple(
        Cause(name, *(math.exp(max(-30.0, min(30.0, b + k * t * math.sqrt(cov[i][i])))) for k in (0, -1, 1)))
        for i, (name, b) in enumerate(zip(names, beta, strict=True))
        if i
    )
    densities = [s.density_kg_m3 for s in kept]
    mean_delay = sum(s.delay_h for s in kept) / len(kept)
    return TornBags(
        samples=len(samples),
        share=share,
        causes=causes,
        why=None,
        _at=tuple(beta),
        _cov=cov,
        _mean_delay_h=mean_delay,
        _range=(min(densities), max(densities)),
        _t=t,
    )


def _fitted(
    samples: Sequence[Sample], x: Sequence[Sequence[float]]
) -> tuple[list[float], tuple[tuple[float, ...], ...], float] | None:
    """Weighted least squares of the log-odds on ``x``: coefficients, their covariance, Student's 97.5 % point.

    None where the causes cannot be told apart.
    """
    # half a bag each way keeps the log-odds of loads without a torn bag finite
    y = [math.log((s.torn + 0.5) / (s.bags - s.torn + 0.5)) for s in samples]
    w = [s.bags * (p := (s.torn + 0.5) / (s.bags + 1)) * (1 - p) for s in samples]
    normal = [
        [sum(wi * xi[a] * xi[b] for wi, xi in zip(w, x, strict=True)) for b in range(len(x[0]))]
        for a in range(len(x[0]))
    ]
    inverse = _inverse(normal)
    if inverse is None:
        return None
    right = [sum(wi * xi[a] * yi for wi, xi, yi in zip(w, x, y, strict=True)) for a in range(len(x[0]))]
    beta = [sum(c * r for c, r in zip(row, right, strict=True)) for row in inverse]
    free = len(samples) - len(beta)
    rest = sum(
        wi * (yi - sum(b * v for b, v in zip(beta, xi, strict=True))) ** 2 for wi, xi, yi in zip(w, x, y, strict=True)
    )
    scatter = max(1.0, rest / free)
    t = Z95 + 2.4 / free  # Student's 97.5 % point, within 2 % from 6 degrees of freedom on
    return beta, tuple(tuple(c * scatter for c in row) for row in inverse), t


def _inverse(matrix: list[list[float]]) -> list[list[float]] | None:
    """Gauss and Jordan; None where the matrix is as good as singular."""
    n = len(matrix)
    rows = [[*row, *(float(i == k) for k in range(n))] for i, row in enumerate(matrix)]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if abs(rows[best][k]) < 1e-9 * max(1.0, abs(matrix[k][k])):
            return None
        rows[k], rows[best] = rows[best], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [v - rows[i][k] * u for v, u in zip(rows[i], rows[k], strict=True)]
    return [row[n:] for row in rows]
