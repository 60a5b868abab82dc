"""`ripeur drill`: the real programs, driven by simulated trucks."""
