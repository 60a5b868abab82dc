"""What the depot keeps, why, and for how long: one declared table, enforced by ``retention.py`` and shown at /privacy.

Two months for positions, one year for the proof of service where nothing else can prove it, five years for working
time: CNIL, délibération n° 2015-165 of 4 June 2015, art. 5 (its norm 51 has had no legal force since 2018; its terms
are still what people go by). The other terms are ours, the shortest that the purpose bears. An authority may shorten
every one; ``most`` is how far it may go the other way, with a reason of its own.

Lifts go with the positions: hundreds a day with time and place are a track. What they prove stays, archived per task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

#: Texts are French and English.
Words = Mapping[str, str]

_CNIL = {"fr": "CNIL, délibération 2015-165, art. 5", "en": "CNIL, deliberation 2015-165, art. 5"}
_TASK = {"fr": "Mission d'intérêt public (RGPD 6.1.e)", "en": "Task in the public interest (GDPR 6.1.e)"}
_DUTY = {"fr": "Obligation légale (RGPD 6.1.c)", "en": "Legal obligation (GDPR 6.1.c)"}
_SECURITY = {"fr": "Sécurité du traitement (RGPD 32)", "en": "Security of processing (GDPR 32)"}
_OURS = {"fr": "Choix de Ripeur, à confirmer", "en": "Ripeur's choice, to be confirmed"}


@dataclass(frozen=True, slots=True)
class Purpose:
    """``kinds``: of fact (see ``fleet.KINDS``); ``table``: another table of the store where it is no kind of fact.

    ``asks``: what the law wants kept goes with an administrator's yes only, never by the nightly run alone.
    """

    key: str
    why: Words
    what: Words
    days: int
    most: int
    ground: Words
    source: Words
    kinds: tuple[str, ...] = ()
    table: str | None = None
    asks: bool = False


PURPOSES: tuple[Purpose, ...] = (
    Purpose(
        key="positions",
        why={"fr": "Suivi de la collecte en cours, recalage des tournées", "en": "Following the day's collection"},
        what={
            "fr": "Positions des camions, bacs levés (heure, lieu, puce si finalité déclarée), charge, bus du véhicule",
            "en": "Trucks' positions, bins lifted (time, place, tag if declared), on-board weight, vehicle bus",
        },
        days=61,
        most=61,
        ground=_TASK,
        source=_CNIL,
        kinds=("position", "lift", "load", "vehicle"),
    ),
    Purpose(
        key="service",
        why={"fr": "Preuve du service rendu", "en": "Proof of service"},
        what={
            "fr": "Par rue et côté : fait, partiel, non fait, heure, indices, sans tracé ; constats et incidents notés",
            "en": "Per street and side: done, partly or missed, time, evidence, no track; outcomes and incidents",
        },
        days=365,
        most=365,
        ground=_TASK,
        source=_CNIL,
        kinds=("outcome", "incident"),
        table="services",
    ),
    Purpose(
        key="photos",
        why={"fr": "Preuve des constats et incidents", "en": "Proof of outcomes and incidents"},
        what={"fr": "Photos de l'équipage", "en": "The crew's pictures"},
        days=61,
        most=365,
        ground=_TASK,
        source=_OURS,
        table="photos",
    ),
    Purpose(
        key="messages",
        why={"fr": "Conduite de la journée", "en": "Running the day"},
        what={"fr": "Messages entre planificateur et équipage", "en": "Messages between planner and crew"},
        days=61,
        most=365,
        ground=_TASK,
        source=_OURS,
        kinds=("message",),
    ),
    Purpose(
        key="health",
        why={"fr": "Entretien du matériel", "en": "Upkeep of the equipment"},
        what={"fr": "État des boîtiers et des ponts", "en": "How boxes and bridges are"},
        days=61,
        most=365,
        ground=_TASK,
        source=_OURS,
        kinds=("health",),
    ),
    Purpose(
        key="plans",
        why={"fr": "Preuve du service demandé", "en": "Proof of what was asked for"},
        what={
            "fr": "Plans et tournées publiés, sans nom d'équipage",
            "en": "Published plans and tours, no crew's name",
        },
        days=365,
        most=1827,
        ground=_TASK,
        source=_OURS,
        table="plans",
    ),
    Purpose(
        key="working_time",
        why={"fr": "Temps de travail", "en": "Working time"},
        what={
            "fr": "Début et fin de service, pauses, coupures du relevé, par camion, sans lieu",
            "en": "Start and end of service, breaks, recording switched off, per truck, without a place",
        },
        days=1827,
        most=1827,
        ground=_DUTY,
        source=_CNIL,
        kinds=("duty",),
        asks=True,
    ),
    Purpose(
        key="weighings",
        why={"fr": "Pesées et bilan matière", "en": "Weighings and balance"},
        what={"fr": "Pesées légales, bons, bilans de tri", "en": "Legal weighings, tickets, sorting reports"},
        days=1827,
        most=3653,
        ground=_DUTY,
        source=_OURS,
        kinds=("weighing", "ticket", "sorting"),
        asks=True,
    ),
    Purpose(
        key="paces",
        why={"fr": "Amélioration des tournées", "en": "Better tours"},
        what={
            "fr": "Vitesses et temps de collecte par classe de rue, heure et année, sans camion ni date",
            "en": "Speeds and service times per class of street, hour and year, without truck or date",
        },
        days=1827,
        most=3653,
        ground=_TASK,
        source={"fr": "Anonyme ; durée fixée par la collectivité", "en": "Anonymous; as the authority sets it"},
        table="paces",
    ),
    Purpose(
        key="looks",
        why={"fr": "Contrôle des accès", "en": "Control of access"},
        what={"fr": "Qui a consulté quelle journée, et pourquoi", "en": "Who looked at which day, and why"},
        days=365,
        most=365,
        ground=_SECURITY,
        source={"fr": "CNIL, recommandation 2021-122", "en": "CNIL, recommendation 2021-122"},
        table="looks",
    ),
    Purpose(
        key="sessions",
        why={"fr": "Connexion", "en": "Logging in"},
        what={"fr": "Sessions finies, essais de connexion", "en": "Ended sessions, logins tried"},
        days=1,
        most=30,
        ground=_SECURITY,
        source=_OURS,
        table="sessions",
    ),
    Purpose(
        key="accounts",
        why={"fr": "Comptes", "en": "Accounts"},
        what={"fr": "Comptes désactivés, jetons révoqués", "en": "Disabled accounts, revoked tokens"},
        days=365,
        most=365,
        ground=_SECURITY,
        source=_OURS,
        table="users",
    ),
)


def terms_of(days: Mapping[str, object]) -> dict[str, int]:
    """The term in days of every purpose, as an authority set some of them. Raises ``ValueError`` beyond the most."""
    terms = {purpose.key: purpose.days for purpose in PURPOSES}
    for purpose in PURPOSES:
        wanted = days.get(purpose.key, purpose.days)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or not 1 <= wanted <= purpose.most:
            raise ValueError(f"[retention] {purpose.key} = {wanted!r}, must be 1 to {purpose.most} days")
        terms[purpose.key] = wanted
    return terms


def purposes_with_terms(days: Mapping[str, int]) -> list[Purpose]:
    """The table with an authority's own terms."""
    return [replace(purpose, days=days.get(purpose.key, purpose.days)) for purpose in PURPOSES]
