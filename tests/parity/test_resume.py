"""Stopping and resuming changes nothing: neither a number of the tally, nor a row, nor a byte on disk."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from economy_strategies import thrifty
from growth_strategies import lively, plan_of
from scenario_strategies import scenario
from sharing import fewer, files
from test_parity import ROOT, differences
from test_streamed import BUSY, OBJECTIVES, unequal

from simkit.engine.compiled import Page, Pages, Simulation, log_of
from simkit.engine.compiled import run as run_compiled
from simkit.engine.compiled.memory import M_SEED
from simkit.engine.compiled.packing import Memory
from simkit.engine.log import Log
from simkit.engine.overfull import OverfullError
from simkit.engine.reference import run as run_reference
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.result.export import version
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.result import Result
from simkit.result.streamed import Stream
from simkit.result.streamed.ledger import SERIES
from simkit.result.tally import Tally
from simkit.scenario.load import Scenario, load
from simkit.study.part import Work
from simkit.study.parts import Parts, key_of
from simkit.study.progress import Halted
from simkit.study.run import run
from simkit.study.streaming import Streaming

GENERATED = fewer(18)
SUPPORT = {"horizon": "3h", "warmup": "20min", "start": "2026-11-02 10:00"}


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many events a slice has."""
    return lambda events: monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", events)


def busy_plan(folder: Path) -> Plan:
    """A plan in which a little of everything happens."""
    (folder / "busy.yaml").write_text(BUSY)
    return compile_plan(load(folder / "busy.yaml"))


class Life:
    """A replication that is put on disk and taken up again, in new objects, as often as it is asked to."""

    def __init__(self, plan: Plan, seed: int, replication: int, parts: Parts) -> None:
        self.plan, self.seed, self.replication, self.parts = plan, seed, replication, parts
        self.pages = Pages()
        self.simulation, self.stream = Simulation(plan, seed, replication), Stream(plan, OBJECTIVES)
        self.lives = 1

    def again(self) -> None:
        """Through a file into new objects."""
        memory = self.simulation.memory
        self.parts.write(self.replication, {}, {"m": memory.m, "f": memory.f, **self.stream.state()})
        for spoilt in (memory.m, memory.f, self.stream.ledger, *self.stream.singles.values()):
            spoilt[:] = -77  # whoever still looks at the old ones gets nonsense
        found = self.parts.read(self.replication)
        assert found is not None
        arrays = found[1]
        memory = Memory(arrays.pop("m"), arrays.pop("f"))
        self.simulation = Simulation(self.plan, self.seed, self.replication, memory=memory)
        self.stream = Stream(self.plan, OBJECTIVES)
        self.stream.restore(arrays)
        self.lives += 1

    def advance(self) -> bool:
        """One slice."""
        return self.simulation.advance(self.take)

    def take(self, page: Page) -> None:
        """Rows are added up, and kept."""
        self.stream.take(*page)
        self.pages.take(page)

    def ends(self) -> tuple[Tally, Log]:
        """What came of it."""
        simulation = self.simulation
        tally = self.stream.tally(self.replication, simulation.ended, simulation.events, simulation.peaks)
        return tally, log_of(self.replication, self.pages, simulation)


def whole(life: Life, stop: Callable[[], bool]) -> tuple[Tally, Log]:
    """A life to its end, stopped and taken up where `stop` says so, and once more at its end."""
    while not life.advance():
        if stop():
            life.again()
    life.again()
    return life.ends()


def check_resumed(plan: Plan, seed: int, folder: Path, slices: Callable[[int], None]) -> None:
    random, parts = Random(seed), Parts(folder, "key")
    expected = whole(Life(plan, seed, 2, parts), lambda: False)
    slices(max(1, expected[0].events // random.choice((20, 60, 150))))
    life = Life(plan, seed, 2, parts)
    tally, log = whole(life, lambda: random.random() < 0.3)
    assert life.lives > 3 or expected[0].events < 20
    assert not unequal(expected[0], tally) and not differences(expected[1], log)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated(seed: int, tmp_path: Path, slices: Callable[[int], None]) -> None:
    plan = compile_plan(scenario(Random(7000 + seed)).load(tmp_path))
    check_resumed(plan, seed, tmp_path / "parts", slices)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_economy(seed: int, tmp_path: Path, slices: Callable[[int], None]) -> None:
    plan = compile_plan(thrifty(Random(7000 + seed)).load(tmp_path))
    check_resumed(plan, seed, tmp_path / "parts", slices)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_growth(seed: int, tmp_path: Path, slices: Callable[[int], None]) -> None:
    check_resumed(plan_of(lively(Random(7000 + seed)), tmp_path), seed, tmp_path / "parts", slices)


@pytest.mark.parametrize("most_exact", [200_000, 0])
def test_support_chat(
    most_exact: int, tmp_path: Path, slices: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.result.tally.EXACT", most_exact)
    plan = compile_plan(load(ROOT / "scenarios" / "support_chat.yaml").set(SUPPORT))
    check_resumed(plan, 4, tmp_path / "parts", slices)


def test_taken_up_before_the_first_event_and_after_every_one(tmp_path: Path, slices: Callable[[int], None]) -> None:
    plan, parts = busy_plan(tmp_path), Parts(tmp_path / "parts", "key")
    expected = whole(Life(plan, 3, 0, parts), lambda: False)
    slices(1)
    life = Life(plan, 3, 0, parts)
    life.again()
    tally, log = whole(life, lambda: life.lives < 100)
    assert life.lives == 101 < log.events
    assert not unequal(expected[0], tally) and not differences(expected[1], log)


def test_one_number_of_the_state_that_changes_is_found(tmp_path: Path, slices: Callable[[int], None]) -> None:
    """Or the tests above prove nothing: the clock, the dice and the sums are really in what is saved."""
    plan, parts = busy_plan(tmp_path), Parts(tmp_path / "parts", "key")
    slices(50)
    expected = whole(Life(plan, 3, 0, parts), lambda: False)

    def spoilt(spoil: Callable[[Life], None]) -> Tally:
        life = Life(plan, 3, 0, parts)
        for _ in range(3):
            life.advance()
        spoil(life)
        return whole(life, lambda: False)[0]

    def other_seed(life: Life) -> None:
        life.simulation.memory.m[M_SEED] += 1

    def other_sum(life: Life) -> None:
        life.stream.layout.table(life.stream.ledger, SERIES)[0, 0] += 1

    assert not unequal(expected[0], spoilt(lambda _: None))
    assert unequal(expected[0], spoilt(other_seed)) and unequal(expected[0], spoilt(other_sum))


# With too much in flight.


def overfull(plan: Plan, engine: Callable[..., Log], most: int) -> OverfullError | Log:
    """How a run ends that may have so many actions in flight."""
    try:
        return engine(plan, 5, 1, None, most)
    except OverfullError as error:
        return error


@pytest.mark.parametrize("seed", GENERATED)
def test_both_engines_stop_at_the_same_moment(seed: int, tmp_path: Path, slices: Callable[[int], None]) -> None:
    """With as many in flight as it allows, a run goes on; one more, and both stop, with the same log."""
    made = thrifty if seed % 2 else scenario
    plan = compile_plan(made(Random(7000 + seed)).load(tmp_path))
    for most in (1, 2, 3, 5, 8, 13, 10_000):
        reference, compiled = (overfull(plan, engine, most) for engine in (run_reference, run_compiled))
        if isinstance(reference, Log) or isinstance(compiled, Log):
            assert isinstance(reference, Log) and isinstance(compiled, Log) and not differences(reference, compiled)
            continue
        assert (reference.in_flight, reference.now) == (compiled.in_flight, compiled.now)
        assert reference.log is not None and compiled.log is not None
        assert not differences(reference.log, compiled.log) and reference.in_flight > most
        assert (reference.log.peaks == compiled.log.peaks).all()
        slices(17)
        again = overfull(plan, run_compiled, most)
        assert isinstance(again, OverfullError) and again.log is not None
        assert again.now == compiled.now and not differences(compiled.log, again.log)


# On disk: as `run` keeps it.


class Interrupted(Streaming):
    """A replication that is stopped now and then; a stop may come before the state is saved."""

    def __init__(self, work: Work, replication: int, random: Random) -> None:
        super().__init__(work, replication)
        self.random = random

    def save(self) -> None:
        """The rows are on disk; whether the state gets there, too, is chance (unless it was the last)."""
        if self.over or self.random.random() < 0.6:
            super().save()
        elif self.pieces is not None:
            self.pieces.close()

    def pulse(self, _done: float) -> None:
        """The user, or the power, stops it."""
        if not self.over and self.random.random() < 0.25:
            raise Halted


def lives_of(work: Work, replication: int, random: Random) -> int:
    """Run a replication to its end, however often it is stopped; says how often it was begun."""
    for begun in range(1, 100_000):
        streaming = Interrupted(work, replication, random)
        try:
            streaming.run(streaming.pulse)
        except Halted:
            continue
        return begun
    raise AssertionError("it never ends")


@pytest.mark.parametrize("case", ["support_chat", *range(6)])
def test_pieces_on_disk_give_the_same_files(
    case: str | int, tmp_path: Path, slices: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.study.pieces.GROUP", 50)
    monkeypatch.setattr("simkit.result.saving.GROUP", 128)
    if isinstance(case, str):
        found: Scenario = load(ROOT / "scenarios" / f"{case}.yaml").set(SUPPORT | {"horizon": "90min"})
    else:
        found = scenario(Random(7100 + case)).load(tmp_path)
    kept, told = {name: tmp_path / f"{name}.partial" for name in ("whole", "stopped")}, list[str]()

    def save(name: str) -> Result:
        result = run(
            found, seed=9, replications=2, engine="compiled", jobs=1, log="disk", parts=kept[name], tell=told.append
        )  # fmt: skip
        result.save(tmp_path / name)
        return result

    events = [one.events for one in save("whole").tallies]
    monkeypatch.setattr("simkit.study.streaming.SAVE_EVERY_S", 0.0)
    slices(max(1, sum(events) // 25))
    key = key_of(found.hash, plan := compile_plan(found), 9, "compiled", version(), True)
    work = Work(
        plan, objectives_of(found.document.slo, patient_kinds(plan)), 9, "compiled", "disk", Parts(kept["stopped"], key)
    )
    assert sum(lives_of(work, number, Random(number)) for number in range(2)) > 4
    save("stopped")
    assert any("2 of 2 replications are taken from" in text for text in told)
    before, after = files(tmp_path / "whole"), files(tmp_path / "stopped")
    assert {"actions.parquet", "attempts.parquet", "timeline.parquet", "manifest.json"} <= before.keys()
    assert before == after
    logs = [run_compiled(compile_plan(found), 9, number) for number in range(2)]
    check_rows(tmp_path / "stopped", logs)


def check_rows(folder: Path, logs: list[Log]) -> None:
    """The saved tables have all rows of the logs, in row groups of the same size."""
    import pyarrow.parquet as pq

    for name in ("actions", "attempts"):
        file = pq.ParquetFile(folder / f"{name}.parquet")
        ids = np.concatenate([getattr(log, name)["action"] for log in logs])
        assert file.read()["action"].to_numpy().tolist() == ids.tolist()
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert set(groups[:-1]) <= {128} and groups[-1] <= 128


def test_rows_that_were_written_after_the_state_are_not_there_twice(
    tmp_path: Path, slices: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the rows and the state, always: every piece is thrown away and made again."""
    slices(200)
    monkeypatch.setattr("simkit.study.streaming.SAVE_EVERY_S", 0.0)
    plan = compile_plan(load(ROOT / "scenarios" / "support_chat.yaml").set(SUPPORT | {"horizon": "30min"}))
    work = Work(plan, (), 9, "compiled", "disk", Parts(tmp_path / "parts", "key"))
    monkeypatch.setattr(Parts, "write", lambda *_: None)
    streaming = Streaming(work, 0)
    for _ in range(5):
        streaming.simulation.advance(streaming.take)
        streaming.save()
    first = files(tmp_path / "parts")
    assert len(first) > 4
    again = Streaming(work, 0)
    assert not files(tmp_path / "parts")
    for _ in range(5):
        again.simulation.advance(again.take)
        again.save()
    assert files(tmp_path / "parts") == first


def test_a_state_of_another_plan_is_refused() -> None:
    plan = compile_plan(load(ROOT / "scenarios" / "support_chat.yaml").set(SUPPORT))
    other = replace(plan, horizon=3 * plan.horizon)
    with pytest.raises(ValueError, match="another plan"):
        Stream(other, OBJECTIVES).restore(Stream(plan, OBJECTIVES).state())
