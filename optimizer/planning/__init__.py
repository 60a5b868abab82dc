"""A town made ready, a day made a problem, a solution made a plan."""

from optimizer.planning.day import Day
from optimizer.planning.figures import figures
from optimizer.planning.plan import nodes_of, plan_of
from optimizer.planning.town import Town

__all__ = ["Day", "Town", "figures", "nodes_of", "plan_of"]
