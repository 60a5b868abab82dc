"""What a command answers the shell; ``ripeur.py`` adds what it catches itself."""

GOOD, FAULTY = 0, 1
