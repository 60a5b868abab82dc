"""The way that fixes show, on the road graph."""

from optimizer.matching.matching import Matcher, Track
from optimizer.matching.network import Network, Span
from optimizer.matching.steps import Fix, Matched, Settled, Step

__all__ = ["Fix", "Matched", "Matcher", "Network", "Settled", "Span", "Step", "Track"]
