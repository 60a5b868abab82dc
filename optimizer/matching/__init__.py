"""The way that fixes show, on the road graph."""

from optimizer.matching.matching import Matcher, Track
from optimizer.matching.network import ArcSpan, Network
from optimizer.matching.steps import LocatedFix, MatchedFix, MatchedStep, SettledTrack

__all__ = ["ArcSpan", "LocatedFix", "MatchedFix", "MatchedStep", "Matcher", "Network", "SettledTrack", "Track"]
