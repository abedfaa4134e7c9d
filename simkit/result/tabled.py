"""Tables of a result that not every scenario has: of the bill, of caches, of regions."""

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from simkit.plan.plan import Plan
from simkit.result.evidence import Evidence
from simkit.result.tally import Tally

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.result.table import Table


class Tabled:
    """Something with evidence, of which tables are made when they are asked for."""

    plan: Plan
    tallies: tuple[Tally, ...]

    @cached_property
    def evidence(self) -> Evidence:
        """The tallies as rows of sums."""
        raise NotImplementedError

    @cached_property
    def causes(self) -> "Table":
        """Money by cause, by window: parts of prompts and answers, retries, fallbacks, people, lookups, tools."""
        return self._table("causes")

    @cached_property
    def spikes(self) -> "Table":
        """The windows that cost most more than usual, and what made them."""
        return self._table("spikes")

    @cached_property
    def users(self) -> "Table":
        """The users that cost most."""
        return self._table("users")

    @cached_property
    def caches(self) -> "Table":
        """By cache of answers: lookups, hits, cost."""
        return self._table("caches")

    @cached_property
    def hit_rates(self) -> "Table":
        """Hit rates by time, the warm-up included."""
        return self._table("hit_rates")

    @cached_property
    def prompt_caches(self) -> "Table":
        """By deployment: tokens read from the prompt cache, written to it, what that saved."""
        return self._table("prompt_caches")

    @cached_property
    def budgets(self) -> "Table":
        """By budget and day or month: spent, overshoot, when it did what."""
        return self._table("budgets")

    @cached_property
    def tiers(self) -> "Table":
        """By tier of quotas whose limits rise with what is spent: since when it holds."""
        return self._table("tiers")

    @cached_property
    def turns(self) -> "Table":
        """Tokens and cost by turn of conversations, and by step of loops."""
        return self._table("turns")

    @cached_property
    def work(self) -> "Table":
        """Tokens a minute by urgency, by window of their service."""
        return self._table("work")

    @cached_property
    def regions(self) -> "Table":
        """By region: users, what it served and how, use, replicas, cost, headroom."""
        return self._table("regions")

    @cached_property
    def flow(self) -> "Table":
        """From the users' region to the serving one."""
        return self._table("flow")

    @cached_property
    def failovers(self) -> "Table":
        """By incident that took a region: noticed, moved, lost, latency before, during and after, back."""
        return self._table("failovers")

    @cached_property
    def residency(self) -> "Table":
        """Where the data of each region's users went: an audit of every action and attempt."""
        return self._table("residency")

    @cached_property
    def region_timeline(self) -> "Table":
        """By window and region: actions turned to it, unserved, late."""
        return self._table("region_timeline")

    @cached_property
    def replicas(self) -> "Table":
        """By window and region: replicas paid, what incidents left of them, actions a minute."""
        return self._table("replicas")

    @cached_property
    def region_log(self) -> "Table":
        """What became of regions and replicas, in the order in which it happened, of every replication."""
        return self._table("region_log")

    @cached_property
    def days(self) -> "Table":
        """By day, where users come and go: users, actions, how well they were served, cost."""
        return self._table("days")

    @cached_property
    def weeks(self) -> "Table":
        """The same by week."""
        return self._table("weeks")

    @cached_property
    def months(self) -> "Table":
        """The same by month, with revenue, margin and cash."""
        return self._table("months")

    @cached_property
    def cohorts(self) -> "Table":
        """Active users by week and the week of their sign-up."""
        return self._table("cohorts")

    @cached_property
    def retention(self) -> "Table":
        """Share of each cohort that is still there, by weeks since the sign-up."""
        return self._table("retention")

    @cached_property
    def money(self) -> "Table":
        """By month and item: revenue, cost of serving, fixed costs, team."""
        return self._table("money")

    @cached_property
    def breaks(self) -> "Table":
        """What gives way first: month, users, cause."""
        return self._table("breaks")

    def _table(self, name: str, *of: Any) -> "Table":
        from simkit.result import tables, tables_economy, tables_growth, tables_regions, tables_resilience
        from simkit.result.plots import PICTURES, draw

        build = {"bottlenecks": "bottleneck_table"}.get(name, name)
        rooms = (tables, tables_resilience, tables_economy, tables_regions, tables_growth)
        room = next(one for one in rooms if hasattr(one, build))
        made: Table = getattr(room, build)(
            *(of or (self.evidence,)), partial(draw, cast("Result", self), name) if name in PICTURES else None
        )
        return made
