"""The names of the search engines, for whoever offers them without loading any: a --help needs no solver."""

from __future__ import annotations

from collections.abc import Mapping

#: A line each for a --help; ``optimizer.search.engines.ENGINES`` holds what runs under these names.
ENGINE_HELP: Mapping[str, str] = {
    "ripeur": "our search",
    "ortools": "OR-Tools behind a first search",
    "ortools-alone": "OR-Tools only",
    "pyvrp": "to compare with (an extra)",
}
#: The first is the default.
ENGINE_NAMES = tuple(ENGINE_HELP)
