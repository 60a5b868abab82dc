"""What ``ripeur balance`` and ``ripeur compare`` print, in French and English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.shared import format_number
from weighbridge.balance import DayBalance, Pairing, TornBags, TourShare

_WORDS: Mapping[str, tuple[str, str]] = {
    "in": ("pesé à l'entrée", "weighed in"),
    "tickets": ("{n} bons ({gone} remplacés, non comptés)", "{n} tickets ({gone} replaced, not counted)"),
    "residue": ("refus", "residue"),
    "stock": ("stock de fosse", "stock in the pit"),
    "stock_unknown": ("stock de fosse non communiqué : compté comme inchangé",
                      "stock in the pit not said: taken as unchanged"),
    "gap": ("écart", "gap"),
    "no_report": ("pas de rapport du centre de tri ce jour : bilan ouvert",
                  "no report of the sorting plant: not closed"),
    "of_in": ("{share} % de l'entrée", "{share} % of what came in"),
    "tours": ("par tournée (intervalle à 90 %)", "by tour (90 % interval)"),
    "loads": ("{n} bennées, dont {m} échantillonnées", "{n} loads, {m} of them sampled"),
    "nobody": ("sans trajet au plan", "no trip of the plan"),
    "sampled": ("bennées échantillonnées (sacs comptés)", "sampled loads (bags counted)"),
    "no_ticket": ("trajet sans bon", "trip without a ticket"),
    "alone": ("bon sans trajet", "ticket without a trip"),
    "no_plan": ("pas de plan : réparti selon la composition du jour", "no plan: spread by the day's composition"),
    "torn": ("sacs déchirés : {share} % dans {n} échantillons", "torn bags: {share} % in {n} samples"),
    "torn_none": ("sacs déchirés : aucun échantillon dont le camion soit connu",
                  "torn bags: no sample whose truck is known"),
    "torn_area": ("sacs déchirés : --area dit les volumes des bennes", "torn bags: --area says the bodies' volumes"),
    "odds": ("cotes × {times} ({low} à {high}, 95 %) pour {per}", "odds × {times} ({low} to {high}, 95 %) for {per}"),
    "too_few": ("pas de régression : {why}", "no regression: {why}"),
    "hours": ("heures d'équipage", "crew hours"),
    "eur": ("€", "€"),
    "unloadings": ("vidages", "unloadings"),
    "km": ("km", "km"),
    "co2e_kg": ("kg CO2e", "kg CO2e"),
    "t": ("t collectées", "t collected"),
    "unserved": ("non desservis", "unserved"),
    "densest_kg_m3": ("kg/m3 au plus dense", "kg/m3 at the densest"),
    "recycled_t": ("t triables (sacs entiers)", "t fit to be sorted (whole bags)"),
    "unknown": ("inconnu", "unknown"),
    "difference": ("B - A", "B - A"),
    "need": ("triable : il faut des échantillons à ces densités",
             "fit to be sorted: samples at these densities are needed"),
}  # fmt: skip


def _say(key: str, lang: str, **values: object) -> str:
    return _WORDS[key][0 if lang == "fr" else 1].format(**values)


def _flux(name: str, lang: str) -> str:
    return _say("residue", lang) if name == "residue" else name


def day_lines(
    day: DayBalance, pairing: Pairing, tours: Sequence[TourShare], sampled: Mapping[str, Mapping[str, float]],
    planned: bool, lang: str,
) -> Iterator[str]:  # fmt: skip
    """One site's day."""
    counted = _say("tickets", lang, n=len(day.tickets), gone=len(day.replaced))
    yield f"{day.site} {day.day}"
    yield f"  {_say('in', lang):28} {format_number(day.in_kg, lang):>10} kg  {counted}"
    for flux, kg in sorted(day.out_kg.items()):
        share = format_number(100 * day.shares.get(flux, 0.0), lang, 1)
        yield f"  - {_flux(flux, lang):26} {format_number(kg, lang):>10} kg  {share} %"
    if day.stock_kg is None:
        yield f"  {_say('stock_unknown', lang)}"
    else:
        yield f"  - {_say('stock', lang):26} {format_number(day.stock_kg, lang):>10} kg"
    if not day.reports:
        yield f"  {_say('no_report', lang)}"
    else:
        share = "-" if day.gap_share is None else format_number(100 * day.gap_share, lang, 1)
        yield f"  = {_say('gap', lang):26} {format_number(day.gap_kg, lang):>10} kg  {_say('of_in', lang, share=share)}"
    if tours:
        yield f"  {_say('tours', lang)}" + ("" if planned else f"; {_say('no_plan', lang)}")
    for tour in tours:
        name = _say("nobody", lang) if tour.tour == "?" else tour.tour
        loads = _say("loads", lang, n=tour.loads, m=tour.sampled)
        yield f"    {name:26} {format_number(tour.kg, lang):>10} kg  {loads}"
        for flux, one in tour.flux.items():
            low, high = format_number(one.low, lang), format_number(one.high, lang)
            yield f"      {_flux(flux, lang):24} {format_number(one.value, lang):>10} kg  ({low} - {high})"
    if sampled:
        yield f"  {_say('sampled', lang)}"
    for counted, shares in sampled.items():
        yield f"    {counted}: " + ", ".join(
            f"{_flux(f, lang)} {format_number(100 * s, lang)} %" for f, s in shares.items()
        )
    if planned:
        for ticket in pairing.tickets_alone:
            who = ticket.truck or ticket.plate or "?"
            yield f"  {_say('alone', lang)}: {ticket.number}, {who}, {format_number(ticket.net_kg, lang)} kg"
        for trip in pairing.trips_alone:
            yield f"  {_say('no_ticket', lang)}: {trip.tour}, {trip.truck}, {trip.nth}"


def torn_lines(torn: TornBags, area_given: bool, lang: str) -> Iterator[str]:
    """What is known of torn bags, and what is not."""
    if torn.share is None:
        yield _say("torn_none" if area_given else "torn_area", lang)
        return
    yield _say("torn", lang, share=format_number(100 * torn.share, lang, 1), n=torn.samples)
    if torn.why:
        yield f"  {_say('too_few', lang, why=torn.why)}"
    for cause in torn.causes:
        figures = {name: format_number(getattr(cause, name), lang, 2) for name in ("times", "low", "high")}
        yield f"  {_say('odds', lang, per=cause.per, **figures)}"


def compare_lines(sides: Sequence[Mapping[str, Any]], torn: TornBags, lang: str) -> Iterator[str]:
    """Two plans in columns, and by how much the second differs."""
    a, b = sides
    yield f"{'':36} {'A':>16} {'B':>16} {_say('difference', lang):>12}"
    for key in ("hours", "eur", "unloadings", "km", "co2e_kg", "t", "unserved", "densest_kg_m3"):
        places = 1 if key in ("hours", "t") else 0
        figures = [format_number(value, lang, places) for value in (a[key], b[key], b[key] - a[key])]
        yield f"{_say(key, lang):36} {figures[0]:>16} {figures[1]:>16} {figures[2]:>12}"
    both = [side["recycled_t"] for side in sides]
    words = [_say("unknown", lang) if one is None else f"{format_number(one[0], lang, 1)}" for one in both]
    both_known = None not in both
    difference = format_number(both[1][0] - both[0][0], lang, 1) if both_known else ""
    yield f"{_say('recycled_t', lang):36} {words[0]:>16} {words[1]:>16} {difference:>12}"
    for name, one in zip("AB", both, strict=True):
        if one is not None:
            yield f"  {name}: {format_number(one[1], lang, 1)} - {format_number(one[2], lang, 1)} t (95 %)"
    if not both_known:
        yield f"  {_say('need', lang)}" + (f"; {torn.why}" if torn.why else "")
