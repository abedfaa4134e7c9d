"""Portkey's breaker, Envoy's outlier ejection and its retry budget, where arithmetic tells them exactly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import BROKEN, MODEL, policy, scenario, taking
from witness import duration, run

from simkit.engine.codes import BreakerState, Cause, Mark
from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.result.breakers import breaker_use

ENGINES = ("reference", "compiled")
S = 10**9


# --- Portkey: more than 20 % of at least ten, then 60 s ------------------------------------------------

DOWN = 601, 2001
"""From and until which second it is down. One request a second; that of the second n ends at n + 0.2."""


def up_and_down(
    folder: Path, engine: str, targets: list[str], *down: tuple[int, int], **gateway: Any
) -> tuple[Log, Plan]:
    """A model with a fallback behind Portkey's gateway, of which some are down at times."""
    times = [{"at": f"{first - 0.5}s", "lasts": f"{beyond - first}s", "error_rate": "100%"} for first, beyond in down]
    document = scenario(
        1,
        traffic={"rate": "1/s", "process": "deterministic"},
        horizon="4000s",
        models={name: MODEL | {"deployments": [{"provider": f"of_{name}"}], "ttft": "200ms"} for name in ("m", "n")},
        failures=taking("200ms"),
        incidents=[one | {"target": f"of_{name}"} for one in times for name in targets],
        resilience={"client": "none", "gateway": {"preset": "portkey", "max_retries": 0} | gateway,
                    "fallback": {"m": ["n"]}},
    )  # fmt: skip
    return run(document, folder, engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("of", "cooldown", "again"), [(10, 60, 3021), (20, 60, 3001), (10, 90, 3021)])
def test_portkeys_open_share_up_and_down(of: int, cooldown: int, again: int, engine: str, tmp_path: Path) -> None:
    """While it is down: `of` failures, open for the cooldown, and so on: it is open `cooldown / (cooldown + of)`.

    Windows of 60 s begin with the first result in them, at 1.2 s, 61.2 s ...: at 601.2 s one begins with the first
    failure; after a cooldown they begin anew, and so that one does with the first failure of the second time (`again`).
    What finds it open goes to the fallback at once.
    """
    down, rates = (DOWN, (again, again + 700)), [{"more_than": "20%", "of": of}]
    log, plan = up_and_down(tmp_path, engine, ["m"], *down, breaker={"rates": rates, "cooldown": f"{cooldown}s"})
    cycle, expected = cooldown + of, []
    for first, beyond in down:  # the request of the second `first + of - 1` is the last of `of` to fail
        expected += [n * S + S // 5 for n in range(first + of - 1, beyond, cycle)]
    assert log.breakers["time"].tolist() == expected and len(expected) == {70: 30, 80: 27, 100: 21}[cycle]
    assert (log.breakers["until"] - log.breakers["time"] == cooldown * S).all()
    assert breaker_use(plan, log.breakers).open_ns.sum() == len(expected) * cooldown * S
    t = log.attempts
    assert (t["marks"] == 0).all() and (log.actions["attempts"] <= 2).all() and (log.actions["outcome"] == 0).all()
    sent = t["deployment"] >= 0
    assert (~sent).sum() == len(expected) * cooldown  # nobody is asked, one request a second
    assert (t["cause"] == Cause.FALLBACK).sum() == len(expected) * (cooldown + of)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scope", ["model", "chain"])
def test_an_open_target_is_used_only_when_all_are(scope: str, engine: str, tmp_path: Path) -> None:
    """With the fallback up nobody goes by a breaker; looked at one by one, each request does, while it is open."""
    log, _ = up_and_down(tmp_path, engine, ["m"], DOWN, breaker={"panic_scope": scope})
    bypassed = (log.attempts["marks"] & Mark.BYPASS > 0).sum()
    assert len(log.breakers["time"]) == 20 and bypassed == (0 if scope == "chain" else 20 * 60)


@pytest.mark.parametrize("engine", ENGINES)
def test_when_all_are_open_all_are_used(engine: str, tmp_path: Path) -> None:
    """Both down: one opens 0.2 s after the other, and until the first is back each request tries both all the same."""
    log, _ = up_and_down(tmp_path, engine, ["m", "n"], DOWN)
    t, b = log.attempts, log.breakers
    model, fallback = b["time"][b["place"] == 0], b["time"][b["place"] == 1]
    assert (fallback - model == S // 5).all() and len(model) == 20  # each tenth failure of both
    unasked = t["deployment"] < 0
    assert t["dispatched"][unasked].tolist() == b["until"][b["place"] == 0].tolist()  # the model's breaker just closed
    assert (t["marks"] == Mark.BYPASS).sum() == 20 * (2 * 60 - 1)  # else each request of the 60 s, twice


# --- Envoy: 1.9 standard deviations below the mean -----------------------------------------------------

SWEEP, BASE, LONGEST = 10, 30, 300


def one_worse(deviations: float, error: str, engine: str, folder: Path) -> Log:
    """Ten deployments in turns, a request each every half a second; of one some answers fail."""
    places = [{"provider": f"p{i}"} for i in range(10)]
    document = scenario(
        1,
        traffic={"rate": "20/s", "process": "deterministic"},
        horizon="1200s",
        models={"m": MODEL | {"deployments": places, "ttft": "500ms", "balance": "least_busy"}},
        failures=taking("500ms"),
        incidents=[{"at": "0s", "lasts": "1200s", "target": "p3", "error_rate": error}],
        resilience=policy(
            "envoy",
            call_timeout="none",
            max_retries=0,
            breaker={"consecutive": 1000, "outliers": {"deviations": deviations, "requests": 15}},
        ),
    )
    return run(document, folder, engine)[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("error", ["30%", "50%"])
def test_an_outlier_is_ejected_ever_longer(error: str, engine: str, tmp_path: Path) -> None:
    """One of ten is always three standard deviations below the mean: out at each sweep that finds it in.

    The n-th time for n x 30 s, at most 300 s; a sweep after it is back it is out again.
    """
    b = one_worse(1.9, error, engine, tmp_path).breakers
    times, at = [], SWEEP
    while at < 1200:
        times.append(at)
        at += min(BASE * len(times), LONGEST) + SWEEP
    assert b["time"].tolist() == [time * S for time in times] and len(times) == 9
    assert ((b["until"] - b["time"]) // S).tolist() == [min(BASE * n, LONGEST) for n in range(1, len(times) + 1)]
    assert (b["place"] == 3).all() and (b["state"] == BreakerState.OPEN).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("deviations", "ejected"), [(2.99, True), (3.01, False)])
def test_one_of_ten_is_three_deviations_away(deviations: float, ejected: bool, engine: str, tmp_path: Path) -> None:
    """(n - 1) / sqrt(n - 1), whatever its share of errors is."""
    assert (len(one_worse(deviations, "30%", engine, tmp_path).breakers["time"]) > 0) == ejected


# --- Envoy: a share of the requests under way ----------------------------------------------------------


def allowed_by_hand(t: dict[str, Any], share: float, least: int) -> list[bool]:
    """May each first try that failed be tried again? Told from the log: retries out then, and what was under way."""
    first = t["cause"] == Cause.FIRST
    again = np.isin(t["action"], t["action"][~first])
    verdicts = []
    for ended in t["ended"][first].tolist():  # failures come one at a time
        granted, given_back = t["ended"][first & again], t["ended"][~first]
        out = int((granted < ended).sum() - (given_back <= ended).sum())
        active = int(((t["dispatched"] <= ended) & (t["ended"] > ended)).sum())
        verdicts.append(out < max(least, int(share * active)))
    return verdicts


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("share", "least", "wait"), [("20%", 3, 0), ("20%", 3, 0.305), ("2%", 3, 0)])
def test_a_budget_by_load(share: str, least: int, wait: float, engine: str, tmp_path: Path) -> None:
    """Nothing answers, a failure takes 1.003 s: 100 first tries are under way, and with them the retries that may be.

    R retries out of 100 + R under way: R = 25 for 20 %, so that a quarter of the first tries is tried again. A retry
    that waits is out, but not under way: it is fewer then. Each decision is told from the log, too.
    """
    budget = {"concurrent_share": share, "concurrent": least}
    document = scenario(
        3_000,
        models={"m": BROKEN},
        failures=taking("1003ms"),
        resilience=policy(
            "envoy",
            call_timeout="none",
            breaker="none",
            backoff={"initial": duration(wait), "factor": 1, "max": duration(wait), "jitter": "none"},
            retry_budget=budget,
        ),
    )
    log, plan = run(document, tmp_path, engine)
    order = np.argsort(log.attempts["ended"], kind="stable")
    t = {name: column[order] for name, column in log.attempts.items()}
    done = t["dispatched"] < plan.horizon - 3 * S
    t = {name: column[done | np.isin(t["action"], t["action"][done])] for name, column in t.items()}
    first = t["cause"] == Cause.FIRST
    refused = (t["marks"][first] & Mark.NO_BUDGET) > 0
    verdicts = np.array(allowed_by_hand(t, float(share[:-1]) / 100, least))
    early = t["ended"][first] < plan.horizon - 3 * S
    assert (verdicts == ~refused)[early].all() and 0 < refused.sum() < len(refused)
    late = early & (t["ended"][first] > 10 * S)
    rate = 1 - refused[late].mean()
    part, lasts = float(share[:-1]) / 100, 1.003 + wait
    out = max(least, part * 100.3 / (1 - part * 1.003 / lasts))
    assert abs(rate - (out - 0.5) / lasts / 100) <= 0.0075  # of 100 a second; a whole number is out, rounded down
