"""A drill: simulated trucks drive a window of a plan through the real programs, many times faster than life."""
