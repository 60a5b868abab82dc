"""What a form was refused for, in its reader's language: the domain's errors are English sentences of a fixed form.

A page shows the sentence itself where it is read in English, or where this table does not know it.
"""

from __future__ import annotations

import re
from html import escape

#: The sentence as the depot raises it, and the same in French. The groups are what was given and what may be.
_FRENCH: tuple[tuple[str, str], ...] = (
    (
        r"account: name = (?P<value>.*), must be 1 to 80 letters, digits or \. @ \+ - _",
        "Identifiant {value} : il faut de 1 à 80 lettres, chiffres ou . @ + - _",
    ),
    (
        r"account: name = (?P<value>.*) is taken, must be another",
        "Identifiant {value} : déjà pris, il en faut un autre",
    ),
    (r"account: no (?P<value>.*)", "Compte {value} : il n'y en a pas de ce nom"),
    (r"account: (?P<value>.*) is disabled", "Compte {value} : il est désactivé"),
    (r"account: role = (?P<value>.*), must be one of (?P<bound>.*)", "Rôle {value} : il faut l'un de {bound}"),
    (
        r"account: a (?P<value>.*) is bound to nothing, only (?P<bound>.*) are",
        "Rôle {value} : il n'est lié à rien, seuls le sont {bound}",
    ),
    (
        r"account: bound to (?P<value>.*), must be up to (?P<bound>\d+) names of 1 to 40 characters",
        "Camions ou commune {value} : il faut au plus {bound} noms de 1 à 40 caractères",
    ),
    (
        r"password: (?P<value>\d+) characters, must be from (?P<bound>\d+) to (?P<most>\d+)",
        "Mot de passe de {value} caractères : il en faut de {bound} à {most}",
    ),
    (r"do = (?P<value>.*), must be one of (?P<bound>.*)", "Action {value} : il faut l'une de {bound}"),
    (
        r"(?P<value>.*): (?P<bound>change|disable), must be another's account",
        "Compte {value} : on ne modifie ni ne désactive le sien ({bound})",
    ),
    (
        r"note: (?P<value>\d+) characters, must be from (?P<bound>\d+) to (?P<most>\d+)",
        "Observation de {value} caractères : il en faut de {bound} à {most}",
    ),
    (r"note: holds a zero character, must be text", "Observation : elle contient un caractère nul, il faut du texte"),
    (r"note: no line (?P<value>.*) on this sheet", "Observation : cette feuille n'a pas de ligne {value}"),
)


def refused_text(error: str, lang: str) -> str:
    """A refused input's reason in the page's language, escaped for HTML; "" where nothing was refused."""
    if lang == "fr":
        for sentence, french in _FRENCH:
            if match := re.fullmatch(sentence, error, re.DOTALL):
                return escape(french.format(**match.groupdict()))
    return escape(error)
