"""A town made ready, a day made a problem, a solution made a plan."""

from optimizer.planning.day import Day
from optimizer.planning.figures import plan_figures
from optimizer.planning.plan import plan_nodes, plan_of
from optimizer.planning.town import Town

__all__ = ["Day", "Town", "plan_figures", "plan_nodes", "plan_of"]
