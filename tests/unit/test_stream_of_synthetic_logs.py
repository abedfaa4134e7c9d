"""The streamed tally is the tally of the log, figure by figure, however its rows come in pages."""

from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic_log import SECOND, log_of, random_log, synthetic_plan

from simkit.result import breakers
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.sample import Sample
from simkit.result.streamed import Stream
from simkit.result.tally import tally
from simkit.scenario.policy import Slo

PLAN = synthetic_plan()
MANY = synthetic_plan(arrivals=PLAN.arrivals._replace(cumulative=np.array([0.0, 1e6])))
"""So many actions expected that percentiles come from histograms."""
EVERY = 30 * SECOND
SLO = {"success": "90%", "latency": {"p95": "12s"}, "ttft": {"p50": "4s"}, "good": "80%"}


def different(one, other, path="tally"):
    """Where two values differ, by path."""
    if isinstance(one, np.ndarray):
        return [] if one.shape == other.shape and (one == other).all() else [path]
    if isinstance(one, Sample):  # in whatever order
        return different((one.values, one.cumulative), (other.values, other.cumulative), path)
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return [at for name in names for at in different(getattr(one, name), getattr(other, name), f"{path}.{name}")]
    if isinstance(one, dict):
        keys = [path] if one.keys() != other.keys() else []
        return keys or [at for name in one for at in different(one[name], other[name], f"{path}.{name}")]
    if isinstance(one, tuple):
        if len(one) != len(other):
            return [path]
        pairs = enumerate(zip(one, other, strict=True))
        return [at for place, (a, b) in pairs for at in different(a, b, f"{path}[{place}]")]
    return [] if one == other else [path]


def rows(table):
    return np.ascontiguousarray(np.stack(list(table.values()), axis=1))


def streamed(plan, log, objectives, pages=1, every=EVERY):
    """The tally of a log whose rows come in so many pages, the state saved and restored between them."""
    actions, attempts = rows(log.actions), rows(log.attempts)
    first = np.concatenate([[0], np.cumsum(log.actions["attempts"])])
    cuts = [len(actions) * page // pages for page in range(pages + 1)]
    stream = Stream(plan, objectives, every)
    for page, (a, b) in enumerate(pairwise(cuts)):
        tables = (log.incidents, log.breakers, log.lookups, log.budgets, log.regions, log.users)
        others = (np.array_split(rows(table), pages)[page] for table in tables)
        stream.take(actions[a:b], attempts[first[a] : first[b]], *others, log.ended)
        state = {name: np.array(value) for name, value in stream.state().items()}
        stream = Stream(plan, objectives, every)
        stream.restore(state)
    return stream.tally(log.replication, log.ended, log.events, log.peaks)


@pytest.mark.parametrize("plan", [PLAN, MANY], ids=["exact", "binned"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("degraded", ["good", "bad"])
def test_the_streamed_tally_is_that_of_the_log(plan, seed, degraded):
    log, objectives = (
        random_log(seed, 400, grouped=True),
        objectives_of(Slo(**SLO, degraded=degraded), patient_kinds(PLAN)),
    )
    assert different(streamed(plan, log, objectives), tally(plan, log, objectives, EVERY)) == []


def test_it_does_not_matter_in_how_many_pages_the_rows_come():
    log, objectives = random_log(7, 300, grouped=True), objectives_of(Slo(**SLO), patient_kinds(PLAN))
    assert different(streamed(PLAN, log, objectives, pages=9), tally(PLAN, log, objectives, EVERY)) == []


def test_without_alerts_incidents_and_breakers():
    nobody = PLAN.incidents._replace(start=np.zeros(0, np.int64), gap=np.zeros(0, np.int64))
    plan = synthetic_plan(incidents=nobody, breaker=PLAN.breaker._replace(on=np.zeros(1, bool)))
    log, objectives = random_log(3, 200, grouped=True), objectives_of(Slo(**SLO), patient_kinds(PLAN))
    empty = {name: column[:0] for name, column in log.incidents.items()}
    none = {name: column[:0] for name, column in log.breakers.items()}
    log = replace(log, incidents=empty, breakers=none)
    found = streamed(plan, log, objectives, every=0)
    assert different(found, tally(plan, log, objectives)) == []
    assert found.recovery.stretches == () and found.pulse.bad.shape == (4, 0)
    assert found.breakers.open_ns.size == 0


def test_without_caches_and_batch_nothing_is_kept_of_them():
    off = {
        "answers": PLAN.answers._replace(on=np.zeros(2, bool)),
        "batch": PLAN.batch._replace(batch=np.zeros(2, bool)),
    }
    plan, log = synthetic_plan(**off), random_log(4, 200, grouped=True)
    log = replace(log, lookups={name: column[:0] for name, column in log.lookups.items()})
    found = streamed(plan, log, objectives_of(Slo(**SLO)))
    assert different(found, tally(plan, log, objectives_of(Slo(**SLO)), EVERY)) == []
    assert len(found.economy.warming) == len(found.economy.work) == found.economy.held.n == 0


def test_with_many_names_their_cost_is_not_told_by_window():
    names = replace(PLAN.names, kinds=PLAN.names.kinds + ("other",) * 31)
    plan, log = synthetic_plan(names=names), random_log(5, 200, grouped=True)
    found = streamed(plan, log, ())
    assert different(found, tally(plan, log, (), EVERY)) == []
    assert found.economy.by_kind.shape[1] == 0 < found.economy.by_model.shape[1]


def test_an_empty_run():
    log = log_of([])
    objectives = objectives_of(Slo(**SLO), patient_kinds(PLAN))
    assert different(streamed(PLAN, log, objectives), tally(PLAN, log, objectives, EVERY)) == []


def test_only_the_first_rows_of_breakers_are_kept_but_all_are_counted(monkeypatch):
    monkeypatch.setattr(breakers, "MOST_ROWS", 5)
    log, objectives = random_log(2, 50, grouped=True), objectives_of(Slo(**SLO), patient_kinds(PLAN))
    log_tally, whole = tally(PLAN, log, objectives, EVERY), streamed(PLAN, log, objectives, pages=1)
    assert different(whole, log_tally) == []
    assert len(whole.breakers.rows["time"]) == 5 < whole.breakers.count == len(log.breakers["time"])
    opened = (log.breakers["state"] == 1) & (log.breakers["time"] >= 0) & (log.breakers["time"] < PLAN.horizon)
    assert int(whole.breakers.openings.sum()) == int(opened.sum())
