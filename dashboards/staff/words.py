"""The words of the pages about people: login, accounts, what is kept of whom, who looked."""

from __future__ import annotations

ROLES: dict[str, dict[str, str]] = {
    "planner": {"fr": "Planificateur", "en": "Planner"},
    "crew_leader": {"fr": "Chef d'équipe", "en": "Crew leader"},
    "phone_agent": {"fr": "Agent d'accueil téléphonique", "en": "Phone agent"},
    "town": {"fr": "Commune", "en": "Town"},
    "sworn_agent": {"fr": "Agent assermenté", "en": "Sworn agent"},
    "contractor": {"fr": "Prestataire", "en": "Contractor"},
    "staff_representative": {"fr": "Représentant du personnel", "en": "Staff representative"},
    "administrator": {"fr": "Administrateur", "en": "Administrator"},
    "box": {"fr": "Boîtier de camion", "en": "Truck's box"},
    "bridge": {"fr": "Pont-bascule", "en": "Weighbridge"},
    "plant": {"fr": "Centre de tri", "en": "Sorting plant"},
    "monitor": {"fr": "Supervision", "en": "Monitoring"},
}

#: What can be looked at of a past day, by the first word of its note in the log.
AUDIT_SUBJECTS: dict[str, dict[str, str]] = {
    "replay": {"fr": "relecture", "en": "replay"},
    "report": {"fr": "bilan du jour", "en": "report of the day"},
    "messages": {"fr": "messages", "en": "messages"},
    "tour": {"fr": "tournée", "en": "tour"},
    "photo": {"fr": "photo", "en": "photo"},
    "undone": {"fr": "rues non faites", "en": "streets not done"},
}

TEXTS: dict[str, dict[str, str]] = {
    # --- login ---
    "login": {"fr": "Connexion", "en": "Log in"},
    "name": {"fr": "Identifiant", "en": "Name"},
    "password": {"fr": "Mot de passe", "en": "Password"},
    "enter": {"fr": "Se connecter", "en": "Log in"},
    "with_oidc": {"fr": "Se connecter avec {provider}", "en": "Log in with {provider}"},
    "or_password": {"fr": "ou avec un mot de passe :", "en": "or with a password:"},
    "wrong": {
        "fr": "Identifiant ou mot de passe incorrect.",
        "en": "The name or the password is wrong.",
    },
    "too_often": {
        "fr": "Trop d'essais. Réessayez dans {minutes} minutes.",
        "en": "Too many tries. Try again in {minutes} minutes.",
    },
    "no_oidc": {
        "fr": "La connexion n'a pas abouti : {why}. Réessayez, ou utilisez un mot de passe.",
        "en": "The login did not succeed: {why}. Try again, or use a password.",
    },
    "forgotten": {
        "fr": "Mot de passe oublié ? L'administrateur du dépôt vous en donne un nouveau.",
        "en": "Password forgotten? The depot's administrator gives you a new one.",
    },
    "what_is_kept": {"fr": "Données conservées", "en": "What is kept"},
    "skip": {"fr": "Aller au contenu", "en": "Skip to the content"},
    # --- account ---
    "account": {"fr": "Mon compte", "en": "My account"},
    "role": {"fr": "Rôle", "en": "Role"},
    "bound_to": {"fr": "Camions ou commune", "en": "Trucks or town"},
    "log_out": {"fr": "Se déconnecter", "en": "Log out"},
    "new_password": {"fr": "Nouveau mot de passe", "en": "New password"},
    "new_password_again": {"fr": "Le même, encore une fois", "en": "The same again"},
    "old_password": {"fr": "Mot de passe actuel", "en": "Present password"},
    "change_password": {"fr": "Changer le mot de passe", "en": "Change the password"},
    "at_least": {"fr": "Au moins {n} caractères.", "en": "At least {n} characters."},
    "not_the_same": {"fr": "Les deux mots de passe diffèrent.", "en": "The two passwords differ."},
    "too_short": {
        "fr": "Mot de passe trop court ou trop long.",
        "en": "The password is too short or too long.",
    },
    "login_by_provider": {
        "fr": "Ce compte se connecte par le fournisseur d'identité.",
        "en": "This account logs in with the identity provider.",
    },
    # --- accounts ---
    "people": {"fr": "Comptes", "en": "Accounts"},
    "people_intro": {
        "fr": "Qui peut se connecter, et avec quel rôle. Un compte se désactive ; il ne s'efface qu'un an après.",
        "en": "Who may log in, and in what role. An account is disabled; it is deleted a year later.",
    },
    "add": {"fr": "Ajouter un compte", "en": "Add an account"},
    "bound_hint": {
        "fr": "Prestataire : ses camions ; commune : son nom. Séparés par des virgules.",
        "en": "A contractor's trucks; a town's name. Separated by commas.",
    },
    "state": {"fr": "État", "en": "State"},
    "in_force": {"fr": "actif", "en": "in force"},
    "disabled": {"fr": "désactivé le {day}", "en": "disabled on {day}"},
    "disable": {"fr": "Désactiver", "en": "Disable"},
    "enable": {"fr": "Réactiver", "en": "Enable again"},
    "save": {"fr": "Enregistrer", "en": "Save"},
    "change": {"fr": "Modifier", "en": "Change"},
    "give_password": {"fr": "Donner un nouveau mot de passe", "en": "Give a new password"},
    "shown_once": {
        "fr": "Mot de passe de {name}, affiché une seule fois : {password}",
        "en": "The password of {name}, shown this once: {password}",
    },
    "done": {"fr": "C'est fait.", "en": "Done."},
    "machines": {"fr": "Boîtiers, ponts et autres machines", "en": "Boxes, bridges and other machines"},
    "kind": {"fr": "Genre", "en": "Kind"},
    "made": {"fr": "Créé le", "en": "Made on"},
    "revoked": {"fr": "révoqué le {day}", "en": "revoked on {day}"},
    "revoke": {"fr": "Révoquer", "en": "Revoke"},
    "token_hint": {
        "fr": "Un jeton se crée au dépôt : ripeur token box T1 --db URL. Il n'est montré qu'une fois.",
        "en": "A token is made at the depot: ripeur token box T1 --db URL. It is shown only once.",
    },
    # --- what is kept ---
    "privacy": {"fr": "Données conservées", "en": "What is kept"},
    "privacy_intro": {
        "fr": "Voici ce que le dépôt conserve, pourquoi et combien de temps. Passé ce terme, la donnée est effacée la "
        "nuit suivante ; les pesées légales et le temps de travail, avec l'accord d'un administrateur. La position "
        "n'est relevée que pendant le service, jamais pendant les pauses ; l'équipage peut couper le relevé. Aucune "
        "page ne montre la vitesse d'un équipage ni ne compare des équipages.",
        "en": "This is what the depot keeps, why and for how long. Past its term a record is deleted the next night; "
        "legal weighings and working time with an administrator's yes. Positions are recorded on duty only, never in "
        "breaks; the crew can switch the recording off. No page shows a crew's speed or compares crews.",
    },
    "purpose": {"fr": "Finalité", "en": "Purpose"},
    "kept": {"fr": "Ce qui est conservé", "en": "What is kept"},
    "term": {"fr": "Durée", "en": "Term"},
    "ground": {"fr": "Fondement", "en": "Ground"},
    "source": {"fr": "Source", "en": "Source"},
    "one_day": {"fr": "1 jour", "en": "1 day"},
    "days": {"fr": "{n} jours", "en": "{n} days"},
    "months": {"fr": "{n} mois", "en": "{n} months"},
    "years": {"fr": "{n} ans", "en": "{n} years"},
    "year": {"fr": "1 an", "en": "1 year"},
    "oldest": {"fr": "Le plus ancien", "en": "The oldest"},
    "last_run": {
        "fr": "Dernier effacement : {when}, {n} enregistrements effacés.",
        "en": "Last deletion: {when}, {n} records deleted.",
    },
    "no_run": {"fr": "Aucun effacement n'a encore eu lieu.", "en": "No deletion has taken place yet."},
    "your_rights": {
        "fr": "Vos droits (accès, rectification, effacement, limitation, opposition) s'exercent auprès du délégué à la "
        "protection des données de la collectivité ; la CNIL reçoit les réclamations.",
        "en": "Your rights (access, rectification, erasure, restriction, objection) are exercised with the authority's "
        "data protection officer; complaints go to the CNIL.",
    },
    # --- retention refuses or asks ---
    "refused": {"fr": "L'effacement est suspendu", "en": "Deletion is held back"},
    "refused_since": {
        "fr": "L'effacement est suspendu depuis le {when} : l'heure du dépôt ou la quantité à effacer est douteuse. "
        "Un administrateur regarde et décide à la page Données conservées.",
        "en": "Deletion has been held back since {when}: the depot's clock, or how much would go, is in doubt. "
        "An administrator looks and decides on the page What is kept.",
    },
    "refused_overdue": {
        "fr": "À DÉCIDER : l'effacement est suspendu depuis le {when}, plus de sept jours. Des données sont gardées "
        "au-delà de leur terme. Un administrateur doit décider à la page Données conservées.",
        "en": "TO BE DECIDED: deletion has been held back since {when}, more than seven days. Records are kept beyond "
        "their term. An administrator must decide on the page What is kept.",
    },
    "refused_short": {"fr": "Effacement suspendu", "en": "Deletion held back"},
    "refused_short_overdue": {"fr": "Effacement suspendu : à décider", "en": "Deletion held back: to be decided"},
    "clock_says": {"fr": "L'horloge du dépôt indique le {when}.", "en": "The depot's clock says {when}."},
    "doubt_last_run_ahead": {
        "fr": "Le dernier effacement porte une date future : {when}.",
        "en": "The last deletion bears a date in the future: {when}.",
    },
    "doubt_known_ahead": {
        "fr": "L'horloge retarde : le dépôt sait qu'il est au moins le {when}.",
        "en": "The clock is behind: the depot knows that it is at least {when}.",
    },
    "doubt_far_from_known": {
        "fr": "L'horloge est loin en avant de la dernière heure certaine, {when}. Soit le dépôt est resté arrêté, soit "
        "l'horloge est fausse. Dès qu'un camion confirme l'heure, l'effacement reprend de lui-même.",
        "en": "The clock is far ahead of the last time that is sure, {when}. Either the depot was off, or the clock is "
        "wrong. As soon as a truck confirms the time, deletion goes on by itself.",
    },
    "doubt_far_from_last_run": {
        "fr": "Le dernier effacement est loin : {when}.",
        "en": "The last deletion is far: {when}.",
    },
    "doubt_far_from_facts": {
        "fr": "Le relevé le plus récent des camions est loin : {when}.",
        "en": "The newest record of the trucks is far: {when}.",
    },
    "doubt_facts_ahead": {
        "fr": "Le relevé arrivé en dernier porte une heure d'arrivée future : {when}.",
        "en": "The record that came last bears an arrival in the future: {when}.",
    },
    "doubt_senders_ahead": {
        "fr": "Les camions disent qu'il est déjà le {when}.",
        "en": "The trucks say that it is {when} already.",
    },
    "doubt_files_ahead": {
        "fr": "Les fichiers de la base ont été écrits plus tard que maintenant : {when}.",
        "en": "The database's files were written later than now: {when}.",
    },
    "doubt_server_apart": {
        "fr": "Le serveur de la base indique une autre heure : {when}.",
        "en": "The database's server says another time: {when}.",
    },
    "doubt_asks": {
        "fr": "{purpose} : {n} enregistrements antérieurs au {when} attendent.",
        "en": "{purpose}: {n} records from before {when} wait.",
    },
    "doubt_share": {
        "fr": "{purpose} : {n} enregistrements sur {of} s'effaceraient en une fois, une part inhabituelle.",
        "en": "{purpose}: {n} of {of} records would go at once, an unusual share.",
    },
    "all_of_it": {"fr": "L'ensemble", "en": "Everything together"},
    "asks_for": {"fr": "À confirmer : {purpose}", "en": "To be confirmed: {purpose}"},
    "asks_since": {
        "fr": "Depuis le {when}, des pesées ou du temps de travail ont passé leur terme et attendent l'accord d'un "
        "administrateur pour être effacés.",
        "en": "Since {when} weighings or working time are past their term and wait for an administrator's yes to be "
        "deleted.",
    },
    "asks_why": {
        "fr": "La loi demande de conserver ces données ; le dépôt ne les efface jamais de lui-même.",
        "en": "The law wants these records kept; the depot never deletes them by itself.",
    },
    "would_go": {"fr": "Enregistrements", "en": "Records"},
    "would_go_now": {"fr": "Ce qui s'effacerait", "en": "What would go"},
    "nothing_would_go": {"fr": "Rien ne s'effacerait pour l'instant.", "en": "Nothing would go just now."},
    "at_least_n": {"fr": "au moins {n}", "en": "at least {n}"},
    "newest": {"fr": "Le plus récent", "en": "The newest"},
    "who_decides": {"fr": "Un administrateur décide ici.", "en": "An administrator decides here."},
    "decision_hint": {
        "fr": "Votre décision, votre nom et ce motif seront notés et visibles du personnel.",
        "en": "Your decision, your name and this reason are noted, for the staff to see.",
    },
    "clock_right": {"fr": "L'horloge est juste : effacer", "en": "The clock is right: delete"},
    "clock_wrong": {
        "fr": "L'horloge est ou était fausse : garder, redemander",
        "en": "The clock is or was wrong: keep, ask again",
    },
    "share_right": {"fr": "C'est voulu : effacer", "en": "It is meant so: delete"},
    "share_wrong": {"fr": "Garder, redemander", "en": "Keep, ask again"},
    "yes": {"fr": "Oui, effacer définitivement", "en": "Yes, delete for good"},
    "not_yet": {"fr": "Pas encore : garder, redemander", "en": "Not yet: keep, ask again"},
    "mail_refused": {"fr": "Ripeur : l'effacement est suspendu", "en": "Ripeur: deletion is held back"},
    "mail_asks": {"fr": "Ripeur : un effacement attend votre accord", "en": "Ripeur: a deletion waits for your yes"},
    "mail_where": {
        "fr": "Ouvrez la page Données conservées (/privacy) du dépôt.",
        "en": "Open the depot's page What is kept (/privacy).",
    },
    # --- who looked ---
    "looks": {"fr": "Qui a consulté quoi", "en": "Who looked at what"},
    "looks_intro": {
        "fr": "Chaque consultation d'une journée passée et chaque export sont notés ici ; la relecture d'une tournée "
        "sur la carte, avec le motif donné. La même chose revue dans les dix minutes n'est notée qu'une fois. "
        "Conservé un an.",
        "en": "Every look at a past day and every export is noted here; the replay of a tour on the map with the "
        "reason given. The same thing seen again within ten minutes is noted once. Kept one year.",
    },
    "when": {"fr": "Quand", "en": "When"},
    "who": {"fr": "Qui", "en": "Who"},
    "what": {"fr": "Quoi", "en": "What"},
    "day": {"fr": "Journée", "en": "Day"},
    "why": {"fr": "Motif", "en": "Reason"},
    "not_asked": {"fr": "(sans motif demandé)", "en": "(no reason asked)"},
    "nobody_looked": {"fr": "Personne n'a rien consulté.", "en": "Nobody has looked at anything."},
    "older": {"fr": "Plus anciens", "en": "Older"},
    "console": {"fr": "Console", "en": "Console"},
    "contractor_sheet": {"fr": "Feuille du mois", "en": "Monthly sheet"},
    "undone": {"fr": "Rues non faites", "en": "Streets not done"},
}
