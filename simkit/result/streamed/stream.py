"""`Stream`: a tally that grows while the run goes on. Its state is a few vectors, so it can be saved and go on."""

from collections.abc import Sequence

import numpy as np

from simkit.engine.log import ACTION_COLUMNS, BUDGET_COLUMNS, INCIDENT_COLUMNS, REGION_COLUMNS, USER_COLUMNS
from simkit.plan.codes import Cause, Outcome
from simkit.plan.plan import Floats, Ints, Plan
from simkit.result.breakers import BreakerSums
from simkit.result.economy import GROWTH, GROWTH_ROWS, Economy
from simkit.result.limits import LimitUse
from simkit.result.lives import lives_of
from simkit.result.objectives import Objective
from simkit.result.pulse import Pulse
from simkit.result.recovery import Packed, recovery_of
from simkit.result.regional import AREA, BY_WINDOW, FLOW, Regional, places
from simkit.result.replicas import scaled_series
from simkit.result.sample import Sample, bins_of
from simkit.result.streamed import ledger as at
from simkit.result.streamed.along import run_along
from simkit.result.streamed.economy import add_lookups
from simkit.result.streamed.ledger import Blank, blank_of
from simkit.result.streamed.story import add
from simkit.result.streamed.uses import limit_uses
from simkit.result.sums import Money
from simkit.result.tally import DeploymentUse, Histogram, Tally
from simkit.result.windows import timeline_windows

USER = ACTION_COLUMNS.index("user")
SINGLE = {"served": at.SERVED_WIDTH, "costs": 1, "answers": 3}
"""Tables of single values (for plans whose percentiles are exact) and their columns: latency, ttft, waited, wait for
a person of served actions; cost of measured ones; deployment, ttft, latency of successful attempts."""
USED = {"served": at.SERVED_ROWS, "costs": at.COST_ROWS, "answers": at.ANSWER_ROWS}


class Stream:
    """The tally of one replication under way."""

    def __init__(self, plan: Plan, objectives: Sequence[Objective], every: int = 0, blank: Blank | None = None) -> None:
        self.plan, self.objectives, self.every = plan, tuple(objectives), every
        blank = blank or blank_of(plan, objectives, every)
        self.layout, self.ledger = blank.layout, blank.ledger()
        self.singles = {name: np.zeros(0, np.int64) for name in SINGLE}
        self.incidents: list[Ints] = []
        self.budgets: list[Ints] = []
        self.regions: list[Ints] = []
        self.lives: list[Ints] = []
        self.members = np.zeros(int(plan.people.number.sum(axis=1).max(initial=0)) * at.MEMBER_WIDTH, np.int64)
        """What is known of each user; where they come and go, it grows."""
        self.breakers = BreakerSums(plan)

    def take(
        self,
        actions: Ints,
        attempts: Ints,
        incidents: Ints,
        breakers: Ints,
        lookups: Ints,
        budgets: Ints,
        regions: Ints,
        users: Ints,
        ended: int,
    ) -> None:
        """Add rows as in the log: actions that have ended, with their attempts in the same order; the other tables.

        `ended` is when the run stopped; it matters for censored actions only.
        """
        if len(incidents):
            self.incidents.append(incidents.copy())
        if len(budgets):
            self.budgets.append(budgets.copy())
        if len(regions):
            self.regions.append(regions.copy())
        if len(users):
            self.lives.append(users.copy())
        if len(breakers):
            self.breakers.take(breakers)
        add_lookups(self.ledger, lookups.reshape(-1))
        if self.ledger[at.EXACT]:
            self._make_room(len(actions), len(attempts))
        self._make_room_for(int(actions[:, USER].max(initial=-1)) + 1 if len(actions) else 0)
        served, costs, answers = self.singles.values()
        add(self.ledger, actions.reshape(-1), attempts.reshape(-1), served, costs, answers, self.members, ended)

    def run(self, m: Ints, f: Floats, most: int, by_page: bool = False) -> int:
        """Run the simulation as the kernel does, and add up the rows of full pages on the way, or hand over each."""
        served, costs, answers = self.singles.values()
        return run_along(m, f, most, self.ledger, served, costs, answers, self.members, by_page)

    def _make_room_for(self, users: int) -> None:
        if users * at.MEMBER_WIDTH > len(self.members):
            more = np.zeros(2 * users * at.MEMBER_WIDTH - len(self.members), np.int64)
            self.members = np.concatenate([self.members, more])

    def _make_room(self, actions: int, attempts: int) -> None:
        for name, more in (("served", actions), ("costs", actions), ("answers", attempts)):
            table, needed = self.singles[name], (int(self.ledger[USED[name]]) + more) * SINGLE[name]
            if needed > len(table):
                self.singles[name] = np.concatenate([table, np.zeros(2 * needed - len(table), np.int64)])

    @property
    def actions(self) -> int:
        """How many have been added, those of the warm-up among them."""
        return int(self.ledger[at.STORIES])

    @property
    def attempts(self) -> int:
        """Likewise."""
        return int(self.ledger[at.ALL_TRIES])

    def state(self) -> dict[str, Ints]:
        """All that has been added up, to be saved."""
        return {
            "ledger": self.ledger, "incidents": self._rows(self.incidents, INCIDENT_COLUMNS),
            "budgets": self._rows(self.budgets, BUDGET_COLUMNS),
            "regions": self._rows(self.regions, REGION_COLUMNS), "lives": self._rows(self.lives, USER_COLUMNS),
            "members": self.members, "breakers": self.breakers.kept,
            "breaker_sums": self.breakers.sums, "breaker_rows": np.array([self.breakers.count]), **self.singles,
        }  # fmt: skip

    def restore(self, state: dict[str, Ints]) -> None:
        """Go on from a state that was saved.

        Raises:
            ValueError: it is that of another plan.
        """
        if state["ledger"].shape != self.ledger.shape:
            raise ValueError("the state is of another plan")
        self.ledger = state["ledger"]
        self.incidents, self.budgets, self.regions = [state["incidents"]], [state["budgets"]], [state["regions"]]
        self.lives, self.members = [state["lives"]], state["members"]
        self.breakers.kept, self.breakers.sums = state["breakers"], state["breaker_sums"]
        self.breakers.count = int(state["breaker_rows"][0])
        self.singles = {name: state[name] for name in SINGLE}

    def tally(self, replication: int, ended: int, events: int, peaks: Ints) -> Tally:
        """The tally of all that was taken."""
        windows, series = timeline_windows(self.plan.horizon), self._table(at.SERIES)
        names = (*at.SERIES_NAMES, *(f"{w}_{one.label}" for one in self.objectives for w in ("bad", "counted")))
        histogram, tries = self._table(at.HISTOGRAM), self._table(at.TRIES)
        incidents, samples = self._columns(self.incidents, INCIDENT_COLUMNS), self._samples(histogram, tries)
        scaled = scaled_series(self.plan, self._columns(self.regions, REGION_COLUMNS), windows)
        return Tally(
            replication=replication,
            windows=windows,
            series={name: series[:, column].copy() for column, name in enumerate(names)} | {"scaled": scaled},
            latencies=counted(histogram, used_bins(samples["latency"])),
            attempts=counted(tries),
            samples=samples,
            reasons=self._table(at.REASONS).copy(),
            cost=self._costs(),
            deployments=self._deployments(peaks),
            limits=self._limits(),
            users=self._users(),
            incidents=incidents,
            breakers=self.breakers.use(),
            fallbacks_refused=self._table(at.AWAY).copy(),
            desk_busy=int(self.layout.whole(self.ledger, at.DESK, at.DESK_HIGH)[0]),
            recovery=recovery_of(self.plan, Packed(self._table(at.BY_MINUTE)), incidents),
            pulse=self._pulse(),
            economy=self._economy(),
            regional=self._regional(),
            lives=lives_of(self.plan, self._columns(self.lives, USER_COLUMNS), self._table(at.SEEN).copy()),
            why=self._table(at.WHY).copy(),
            ended=ended,
            events=events,
        )

    def _pulse(self) -> Pulse:
        table = self._table(at.PULSE).T
        return Pulse(self.every, table[::2].copy(), table[1::2].copy())

    def _table(self, header: int) -> Ints:
        return self.layout.table(self.ledger, header)

    def _single(self, name: str) -> Ints:
        columns = SINGLE[name]
        return self.singles[name][: int(self.ledger[USED[name]]) * columns].reshape(-1, columns)

    def _economy(self) -> Economy:
        whole = self.layout.whole
        tokens_in = self._table(at.TOKENS)[:, :1].astype(object)
        return Economy(
            warming=self._table(at.WARMING).copy(),
            work=self._table(at.WORK).copy(),
            held=binned(self._table(at.HELD_TIMES)),
            by_kind=self._table(at.KIND_COST).copy(),
            by_model=self._table(at.MODEL_COST).copy(),
            prompts=np.hstack([tokens_in, whole(self.ledger, at.PROMPT_USE, at.PROMPT_HIGH)]),
            turns=whole(self.ledger, at.TURNS, at.TURNS_HIGH).reshape(-1, GROWTH_ROWS, len(GROWTH)),
            steps=whole(self.ledger, at.STEPS, at.STEPS_HIGH).reshape(-1, GROWTH_ROWS, len(GROWTH)),
            budgets=self._columns(self.budgets, BUDGET_COLUMNS),
        )

    def _regional(self) -> Regional:
        size, table = places(self.plan), self._table
        sums = self.layout.whole(self.ledger, at.AREAS, at.AREAS_HIGH)
        sums = sums.reshape(size, size + 1, sums.shape[1])
        windows, kinds = len(table(at.SERIES)), len(self.plan.names.kinds)
        return Regional(
            flow=sums[..., [AREA.index(name) for name in FLOW]],
            areas=np.concatenate([sums.sum(axis=0), sums.sum(axis=1)]) if size else sums[:, 0],
            latency=tuple(binned(counts) for counts in table(at.AREA_TIMES)),
            waited=tuple(binned(counts) for counts in table(at.AREA_WAITS)),
            windows=table(at.AREA_WINDOWS).reshape(windows, len(BY_WINDOW), (size + 1) * (size > 0)).copy(),
            cells=table(at.CELLS).copy(),
            served=table(at.SERVED_IN).reshape(size, kinds, size + 1).copy(),
            asked=table(at.ASKED_OF).reshape(size, kinds, len(self.plan.names.deployments) + 2).copy(),
            notices=self._columns(self.regions, REGION_COLUMNS),
        )

    def _rows(self, parts: list[Ints], columns: tuple[str, ...]) -> Ints:
        return np.concatenate([np.zeros((0, len(columns)), np.int64), *parts])

    def _columns(self, parts: list[Ints], columns: tuple[str, ...]) -> dict[str, Ints]:
        rows = self._rows(parts, columns)
        return {name: rows[:, column].copy() for column, name in enumerate(columns)}

    def _samples(self, histogram: Ints, tries: Ints) -> dict[str, Sample]:
        return self._times_and_cost(histogram) | {"attempts": binned(tries.sum(axis=0))}

    def _times_and_cost(self, histogram: Ints) -> dict[str, Sample]:
        if self.ledger[at.EXACT]:
            latency, ttft, waited, human = self._single("served").T
            found = {
                "latency": latency, "ttft": ttft, "waited": waited, "human_wait": human[human >= 0],
                "cost": self._single("costs")[:, 0],
            }  # fmt: skip
            return {name: Sample.of(values) for name, values in found.items()}
        whole = {"latency": histogram.sum(axis=0), **dict(zip(at.SAMPLES, self._table(at.WHOLE), strict=True))}
        return {name: binned(counts) for name, counts in whole.items()}

    def _costs(self) -> dict[str, Money]:
        names, table = self.plan.names, self.layout.whole(self.ledger, at.COST, at.COST_HIGH)
        sizes = {
            "model": len(names.models), "deployment": len(names.deployments), "call": len(names.calls),
            "kind": len(names.kinds), "outcome": len(Outcome), "cause": len(Cause), "waste": 2,
        }  # fmt: skip
        costs = {name: table[row, : sizes[name]].copy() for row, name in enumerate(at.COSTS)}
        providers = np.zeros(len(names.providers), object)
        np.add.at(providers, self.plan.deployments.provider, costs["deployment"])
        return costs | {"provider": providers}

    def _deployments(self, peaks: Ints) -> DeploymentUse:
        tokens = self._table(at.TOKENS)
        return DeploymentUse(
            attempts=self._table(at.ENDS).copy(),
            tokens_in=tokens[:, 0].copy(),
            tokens_out=tokens[:, 1].copy(),
            cost=self._costs()["deployment"],
            peak=peaks,
            ttft=self._answers(at.TTFT, 1),
            latency=self._answers(at.LATENCY, 2),
        )

    def _answers(self, histogram: int, column: int) -> tuple[Sample, ...]:
        if not self.ledger[at.EXACT]:
            return tuple(binned(counts) for counts in self._table(histogram))
        deployment, times = np.ascontiguousarray(self._single("answers")[:, [0, column]].T)
        seen = times >= 0
        return tuple(Sample.of(times[seen & (deployment == n)]) for n in range(len(self.plan.names.deployments)))

    def _limits(self) -> tuple[LimitUse, ...]:
        held = self.layout.whole(self.ledger, at.HELD, at.HELD_HIGH)
        holding = self.layout.whole(self.ledger, at.HOLDING, at.HOLDING_HIGH)
        budgets = self._columns(self.budgets, BUDGET_COLUMNS)
        return limit_uses(self.plan, self._table(at.DEMAND), held, holding, budgets)

    def _users(self) -> dict[str, Ints]:
        actions, cost = self.members.reshape(-1, at.MEMBER_WIDTH).T[:2]
        seen = np.flatnonzero(actions)
        return {"user": seen, "actions": actions[seen], "cost": cost[seen]}


def used_bins(times: Sample) -> slice:
    """The bins that they fall in, and those between: memory of the others has never been touched, and shall not be."""
    ends = bins_of([times.raw.min(), times.raw.max()]) if times.n else np.array([0, -1])
    return slice(int(ends[0]), int(ends[1]) + 1)


def counted(table: Ints, columns: slice = slice(None)) -> Histogram:
    """What is not 0 of a table of windows and bins; all of it is in these columns."""
    part = table[:, columns]
    seen = np.flatnonzero(part != 0)  # several times faster than of numbers
    window, place = np.divmod(seen, max(1, part.shape[1]))
    return Histogram(window, place + (columns.start or 0), part[window, place])


def binned(counts: Ints) -> Sample:
    """A sample from a histogram."""
    used = np.flatnonzero(counts)
    return Sample.binned(used, counts[used])
