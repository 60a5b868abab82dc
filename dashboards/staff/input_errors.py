"""What is wrong with an input, in the reader's language: a sentence per code, filled in with the values of the error.

The English one is also what programs get (``str`` of the error): it names the field, the value and the bound.
"""

from __future__ import annotations

from dashboards.shared import text_in

SENTENCES: dict[str, dict[str, str]] = {
    # --- accounts ---
    "account_name": {
        "fr": "Identifiant {name!r} : il faut de 1 à 80 lettres, chiffres ou . @ + - _",
        "en": "account: name = {name!r}, must be 1 to 80 letters, digits or . @ + - _",
    },
    "account_taken": {
        "fr": "Identifiant {name!r} : déjà pris, il en faut un autre",
        "en": "account: name = {name!r} is taken, must be another",
    },
    "account_missing": {"fr": "Compte {name!r} : il n'y en a pas de ce nom", "en": "account: no {name!r}"},
    "account_disabled": {"fr": "Compte {name!r} : il est désactivé", "en": "account: {name!r} is disabled"},
    "account_role": {
        "fr": "Rôle {role!r} : il faut l'un de {roles}",
        "en": "account: role = {role!r}, must be one of {roles}",
    },
    "account_unbound": {
        "fr": "Rôle {role} : il n'est lié à rien, seuls le sont {roles}",
        "en": "account: a {role} is bound to nothing, only {roles} are",
    },
    "account_bound_to": {
        "fr": "Camions ou commune {bound_to} : il faut au plus {most} noms de 1 à 40 caractères",
        "en": "account: bound to {bound_to}, must be up to {most} names of 1 to 40 characters",
    },
    "account_own": {
        "fr": "Compte {name} : on ne modifie ni ne désactive le sien ({action})",
        "en": "{name}: {action}, must be another's account",
    },
    "account_action": {
        "fr": "Action {action!r} : il faut l'une de {actions}",
        "en": "do = {action!r}, must be one of {actions}",
    },
    "password_length": {
        "fr": "Mot de passe de {length} caractères : il en faut de {shortest} à {longest}",
        "en": "password: {length} characters, must be from {shortest} to {longest}",
    },
    # --- a reason, for the audit log ---
    "reason_length": {
        "fr": "Motif de {length} caractères : il en faut de {shortest} à {longest}",
        "en": "why: {length} characters, must be from {shortest} to {longest}",
    },
    "reason_no_text": {
        "fr": "Motif : il contient un caractère nul, il faut du texte",
        "en": "why: holds a zero character, must be text",
    },
    # --- decisions on what retention refuses or asks ---
    "decision_outdated": {
        "fr": "La page date de {shown}, l'horloge indique {now} : rechargez-la",
        "en": "shown = {shown}, the clock says {now}: load the page again",
    },
    "decision_over": {
        "fr": "Suspension {refusal!r} : n'est plus en cours, rechargez la page",
        "en": "refusal = {refusal!r}, stands no more: load the page again",
    },
    "decision_unknown": {
        "fr": "Décision {how!r} : il faut l'une de {ways}",
        "en": "how = {how!r}, must be one of {ways}",
    },
    "decision_more_waits": {
        "fr": "Il y a maintenant plus à effacer que la page ne l'indiquait : rechargez-la",
        "en": "until: more waits by now than the page showed: load it again",
    },
    # --- notes on the contractor's sheet ---
    "note_length": {
        "fr": "Observation de {length} caractères : il en faut de {shortest} à {longest}",
        "en": "note: {length} characters, must be from {shortest} to {longest}",
    },
    "note_no_text": {
        "fr": "Observation : elle contient un caractère nul, il faut du texte",
        "en": "note: holds a zero character, must be text",
    },
    "note_no_line": {
        "fr": "Observation : cette feuille n'a pas de ligne {date} {tour} {task}",
        "en": "note: no line {date} {tour} {task} on this sheet",
    },
    # --- a login with the identity provider ---
    "login_state": {"fr": "réponse à une autre demande (state)", "en": "state"},
    "login_cookie": {"fr": "cookie absent ou altéré", "en": "cookie"},
    "login_too_late": {"fr": "délai dépassé", "en": "too late"},
    "login_no_code": {"fr": "le fournisseur n'a pas donné de code", "en": "no code"},
    "login_no_role": {"fr": "{claim} : aucun rôle", "en": "{claim}: no role"},
    "login_issuer": {"fr": "le fournisseur se nomme autrement (issuer)", "en": "issuer"},
    "login_unreachable": {"fr": "{url} ne répond pas ({error})", "en": "{url}: {error}"},
    "login_failed": {"fr": "{error}", "en": "{error}"},
}


def input_error_text(code: str, lang: str, /, **values: object) -> str:
    """The sentence of a code in this language, plain text: pages escape it."""
    return text_in(SENTENCES, code, lang, **values)
