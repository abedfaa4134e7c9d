"""What the compiled engine adds up as it goes is what `result.tally` finds in the log: every field of the tally."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from growth_strategies import lively, plan_of
from ruamel.yaml import YAML
from scenario_strategies import Case, scenario
from sharing import fewer
from test_parity import CLOCKWORK, ROOT, SHORT

import simkit as sk
from simkit.engine.compiled import Simulation
from simkit.engine.compiled import run as run_compiled
from simkit.engine.log import Log
from simkit.engine.reference import run as run_reference
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.result.objectives import Objective, objectives_of, patient_kinds
from simkit.result.sample import Sample
from simkit.result.streamed import Stream
from simkit.result.tally import Tally, action_rows, tally
from simkit.scenario.load import load
from simkit.study.run import run

SECOND = 1_000_000_000
GENERATED = fewer(30)
OBJECTIVES = (
    Objective("success", "success", 0.99),
    Objective("strict", "success", 0.99, degraded_good=False),
    Objective("latency p95", "latency", 0.95, 3 * SECOND),
    Objective("ttft p50", "ttft", 0.5, 1 * SECOND),
    Objective("good", "good", 0.9),
)
"""Generated scenarios promise nothing: here they are held to everything."""
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
MOST_OFF = 0.005


def unequal(one: object, other: object, path: str = "") -> list[str]:
    """A line for each place in which two tallies (or parts of them) differ, to the last bit and the last type."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return [f"{path}: {one.dtype}{one.shape} and {other.dtype}{other.shape}"]
        places = np.argwhere(one != other)
        if not len(places):
            return []
        at = tuple(places[0])
        return [f"{path}{list(map(int, at))}: {one[at]} and {other[at]} ({len(places)} in all)"]
    if type(one) is not type(other):
        return [f"{path}: {one!r} and {other!r}"]
    parts = dict(parts_of(one))
    others = dict(parts_of(other))
    if parts.keys() != others.keys():
        return [f"{path}: has {sorted(parts)} and {sorted(others)}"]
    if parts:
        return [line for name in parts for line in unequal(parts[name], others[name], f"{path}.{name}")]
    return [] if one == other else [f"{path}: {one!r} and {other!r}"]


def parts_of(thing: object) -> Iterator[tuple[str, object]]:
    """What a dataclass, map or sequence is made of; nothing for a plain value."""
    if isinstance(thing, Sample):  # in whatever order
        yield from (("values", thing.values), ("cumulative", thing.cumulative))
    elif is_dataclass(thing) and not isinstance(thing, type):
        yield from ((field.name, getattr(thing, field.name)) for field in fields(thing))
    elif isinstance(thing, dict):
        yield from thing.items()
    elif isinstance(thing, tuple | list):
        yield from ((str(i), one) for i, one in enumerate(thing))


def streamed(plan: Plan, objectives: tuple[Objective, ...], seed: int, replication: int) -> Tally:
    """The tally of a replication whose log is never kept."""
    simulation, stream = Simulation(plan, seed, replication), Stream(plan, objectives)
    while not simulation.advance(lambda page: stream.take(*page), stream.run):
        pass
    return stream.tally(replication, simulation.ended, simulation.events, simulation.peaks)


def samples(one: Tally) -> dict[str, Sample]:
    """Every sample of a tally, by name."""
    use = one.deployments
    return {
        **one.samples,
        **{f"deployment {n} ttft": sample for n, sample in enumerate(use.ttft)},
        **{f"deployment {n} latency": sample for n, sample in enumerate(use.latency)},
        "by window": one.latencies.over(0, one.windows.count),
    }


def bare(one: Tally) -> Tally:
    """A tally without its samples: counts, sums and money."""
    use = replace(one.deployments, ttft=(), latency=())
    return replace(one, samples={}, deployments=use)


def far_off(exact: Tally, binned: Tally) -> list[str]:
    """Percentiles of binned samples that are more than 0.5 % off the exact ones; and counts that differ."""
    found, truth = [], samples(exact) | {"by window": exact.samples["latency"]}
    for name, sample in samples(binned).items():
        if sample.n != truth[name].n:
            found.append(f"{name}: {sample.n} and {truth[name].n} values")
            continue
        for share in SHARES if sample.n else ():
            ours, right = sample.percentile(share), truth[name].percentile(share)
            assert ours is not None and right is not None
            if abs(ours - right) > MOST_OFF * right:
                found.append(f"{name} p{100 * share:g}: {ours}, not {right}")
    return found


def check_streamed(
    plan: Plan, objectives: tuple[Objective, ...], log: Log, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The streamed tally equals the log's, with single values kept and with histograms."""
    exact = tally(plan, log, objectives)
    assert not unequal(exact, streamed(plan, objectives, seed, log.replication))
    monkeypatch.setattr("simkit.result.tally.EXACT", 0)
    binned = streamed(plan, objectives, seed, log.replication)
    assert not unequal(tally(plan, log, objectives), binned)
    assert not unequal(bare(exact), bare(binned))
    assert not far_off(exact, binned)


def objectives_for(plan: Plan) -> tuple[Objective, ...]:
    """`OBJECTIVES` with the plan's kinds that can wait."""
    return tuple(replace(one, patient=patient_kinds(plan)) for one in OBJECTIVES)


@pytest.mark.parametrize("name", SHORT)
def test_shipped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(ROOT / "scenarios" / f"{name}.yaml").set(SHORT[name])
    plan = compile_plan(found)
    log = run_reference(plan, 3, 1)
    assert len(log.actions["action"]) >= 200
    check_streamed(plan, objectives_of(found.document.slo, patient_kinds(plan)), log, 3, monkeypatch)


@pytest.mark.parametrize("path", CLOCKWORK, ids=lambda path: path.stem)
def test_clockwork(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = YAML(typ="safe").load(path)
    plan = compile_plan(load(Case(case["scenario"], case.get("trace", "")).write(tmp_path)))
    check_streamed(plan, objectives_for(plan), run_reference(plan, 1, 0), 1, monkeypatch)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = compile_plan(scenario(Random(5000 + seed)).load(tmp_path))
    check_streamed(plan, objectives_for(plan), run_reference(plan, seed, seed % 3), seed, monkeypatch)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_growth(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(lively(Random(5000 + seed)), tmp_path)
    check_streamed(plan, objectives_for(plan), run_compiled(plan, seed, seed % 3), seed, monkeypatch)


# What the comparison sees.

BUSY = """
horizon: 5min
warmup: 10s
traffic: {users: {daily_active: 4320, actions_per_day: 14, plans: {free: {share: 60%}, paid: {share: 40%}}}}
actions:
  ask:
    share: 60%
    calls:
      - {name: find, model: a, input: 300, output: 20, judged: false}
      - {name: answer, route: chain, input: {mean: 400, p95: 900}, output: {mean: 60, p95: 150, max: 120}}
  do:
    share: 40%
    calls: [{name: work, model: b, input: 250, output: {exponential: {mean: 40}}, repeat: {times: 2}}]
routes: {chain: {cascade: [a, b], escalate: {any: 40%}}}
models:
  a:
    deployments: [{provider: p}, {provider: q}]
    ttft: {median: 0.5s, sigma: 0.4}
    tokens_per_second: 50
    prices: {input: $1, output: $2, cached: $0.5}
    errors: {server_error: 10%, malformed: 5%}
    quality: 70%
    concurrency: 3
    queue: 2
  b:
    deployments: [{provider: r}]
    ttft: 0.8s
    tokens_per_second: 30
    prices: {input: $3, output: $9}
    errors: {overloaded: 10%}
    quality: 90%
    concurrency: 4
quotas:
  both: {of: [a], tokens: 20k/min, burst: 5s}
  answers: {of: [r], output: 1500/min, requests: 40/min, burst: 10s, reserve: max_tokens}
caches: {prompt: {hit_rate: 50%}}
resilience:
  {timeout: 6s, max_retries: 2, retry_after: 8s, deadline: 25s, fallback: {a: [b]},
   backoff: {initial: 300ms, factor: 2, max: 2s, jitter: full},
   degrade: [{human: {share: 50%, staff: 1, queue: 2, takes: 8s, cost: $1}}]}
service: {workers: 6, queue: 4, overhead: 50ms}
incidents: [{at: 100s, lasts: 30s, target: q, error_rate: 100%}]
"""
"""Users, retries, fallbacks, escalations, refusals, queues, an incident, a prompt cache: all that a tally knows."""
CODES = ("user", "kind", "outcome", "reason", "good", "cause", "model", "deployment", "limit")
READ = {
    "actions": (
        "arrival", "user", "kind", "start", "first_token", "end", "outcome", "reason", "good", "waited",
        "desk_began",
    ),
    "attempts": (
        "call", "cause", "model", "deployment", "dispatched", "started", "first_token", "ended", "released", "outcome",
        "tokens_in", "tokens_out", "billed_in", "billed_out", "cost", "limit",
    ),
}  # fmt: skip
"""Columns that a tally is made of."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Log]:
    """A plan and a log in which all that matters happens."""
    file = tmp_path_factory.mktemp("busy") / "busy.yaml"
    file.write_text(BUSY)
    plan = compile_plan(load(file))
    return plan, run_compiled(plan, 1, 0)


def of_rows(plan: Plan, log: Log, cuts: tuple[int, ...] = ()) -> Tally:
    """The streamed tally of the rows of a log, handed over in pages that are cut at these actions."""
    tables = (log.actions, log.attempts, log.incidents, log.breakers, log.lookups, log.budgets, log.regions, log.users)
    actions, attempts, *others = (np.stack(list(table.values()), axis=1) for table in tables)
    stream = Stream(plan, OBJECTIVES)
    first = np.concatenate([[0], np.cumsum(log.actions["attempts"])])
    for begin, beyond in zip((0, *cuts), (*cuts, len(actions)), strict=True):
        mine = np.ascontiguousarray(attempts[first[begin] : first[beyond]])
        seldom = others if begin == 0 else [table[:0] for table in others]
        stream.take(np.ascontiguousarray(actions[begin:beyond]), mine, *seldom, log.ended)
    return stream.tally(log.replication, log.ended, log.events, log.peaks)


def with_change(log: Log, table: str, column: str, row: int) -> Log:
    """A log with one number changed: a code to another that occurs, anything else by 1 (money at its action, too)."""
    tables = {name: {c: v.copy() for c, v in getattr(log, name).items()} for name in READ}
    values = tables[table][column]
    if column == "call":  # of the whole action, or a call would have two first tries
        mine = action_rows(log) == action_rows(log)[row]
        values[mine] = (values[mine] + 1) % (values.max() + 1)
    elif column in CODES:
        others = np.unique(values[values != values[row]])
        values[row] = others[row % len(others)]
    else:
        values[row] += 1
    if column == "cost":
        tables["actions"]["cost"][action_rows(log)[row]] += 1
    return replace(log, **tables)


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in READ for column in READ[table]])
def test_any_number_that_changes_is_seen_in_both_alike(busy: tuple[Plan, Log], table: str, column: str) -> None:
    plan, log = busy
    before, seen = tally(plan, log, OBJECTIVES), 0
    happened = np.flatnonzero(getattr(log, table)[column] >= 0)
    for row in Random(column).sample(happened.tolist(), min(8, len(happened))):
        other = with_change(log, table, column, row)
        after = tally(plan, other, OBJECTIVES)
        assert not unequal(after, of_rows(plan, other))
        seen += bool(unequal(before, after))
    assert seen > 0


def test_where_pages_are_cut_does_not_matter(busy: tuple[Plan, Log]) -> None:
    plan, log = busy
    whole = tally(plan, log, OBJECTIVES)
    for cuts in ((), (1,), (7, 8, 100), tuple(range(1, len(log.actions["action"])))):
        assert not unequal(whole, of_rows(plan, log, cuts))


def test_a_percentile_that_is_off_is_found(busy: tuple[Plan, Log]) -> None:
    plan, log = busy
    exact = tally(plan, log, OBJECTIVES)
    for name, sample in samples(exact).items():
        if name in exact.samples and name != "attempts":  # that is a count of few: it has no rounding to hide in
            assert sample.percentile(0.999) > 0, name
            near, far = (Sample(np.rint(sample.raw * k).astype(np.int64), sample.times) for k in (1.004, 1.006))
            assert not far_off(exact, replace(exact, samples=exact.samples | {name: near}))
            assert far_off(exact, replace(exact, samples=exact.samples | {name: far}))


# Through `run`.


MONDAY = "2026-11-02 11:00"


def figures(result: sk.Result) -> str:
    """The figures of a result, as JSON, whichever engine made them."""
    return result.to_json().replace(f'"engine": "{result.engine}"', "")


@pytest.mark.parametrize("most_exact", [200_000, 0])
@pytest.mark.parametrize("name", ["support_chat", "small_server"])
def test_run_gives_the_same_figures_in_every_way(
    name: str, most_exact: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.result.tally.EXACT", most_exact)
    short = load(ROOT / "scenarios" / f"{name}.yaml").set({"horizon": "3h", "warmup": "10min", "start": MONDAY})
    expected = run(short, seed=5, replications=3, engine="reference", jobs=1, log=True)
    assert expected.metrics["actions"].value > 100  # type: ignore[operator]
    for jobs in (1, 2):
        for log in (False, True, "disk"):
            found = run(
                short, seed=5, replications=3, engine="compiled", jobs=jobs, log=log, parts=tmp_path / f"{jobs}{log}"
            )  # fmt: skip
            assert figures(found) == figures(expected)
            assert not unequal(expected.tallies, found.tallies)
            if log is True:
                assert found.actions.equals(expected.actions) and found.attempts.equals(expected.attempts)


def test_run_gives_the_same_figures_from_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference engine on two processes, and the compiled one on two threads."""
    short = load(ROOT / "scenarios" / "support_chat.yaml").set({"horizon": "2h", "warmup": "0s", "start": MONDAY})
    found = [
        run(short, seed=6, replications=3, engine=engine, jobs=2, log=log)
        for engine in ("reference", "compiled")
        for log in (False, True)
    ]
    assert len({figures(one) for one in found}) == 1
    assert all(not unequal(found[0].tallies, one.tallies) for one in found)
    assert figures(run(short, seed=7, replications=3, engine="compiled")) != figures(found[0])
