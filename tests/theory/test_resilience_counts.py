"""What clients and gateways do when something fails, where arithmetic tells it exactly: no standard errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import BROKEN, CALL, MODEL, measured_attempts, policy, scenario, taking
from witness import SECOND, compiled, duration, measured, run

from simkit.engine.codes import BreakerState, Cause, Kind, Mark
from simkit.result.breakers import breaker_use
from simkit.scenario.load import load

ENGINES = ("reference",)
MILLISECOND = 10**6
TICK = 10 * MILLISECOND
"""Between two arrivals."""


# --- two layers, budgets ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("client", "gateway", "others"), [(2, 2, 0), (2, 2, 1), (2, 2, 2), (0, 2, 1), (3, 1, 0)])
def test_layers_multiply(client: int, gateway: int, others: int, engine: str, tmp_path: Path) -> None:
    """(1 + retries of the client)(1 + retries of the gateway)(1 + fallbacks) attempts, where nothing answers."""
    models = ["m", "n", "o"][: 1 + others]
    document = scenario(
        50,
        models=dict.fromkeys(models, BROKEN),
        resilience={
            "client": {"preset": "openai_sdk", "max_retries": client},
            "gateway": {"preset": "none", "max_retries": gateway},
            "fallback": {"m": models[1:]} if others else {},
        },
    )
    log, plan = run(document, tmp_path, engine)
    rows, ended = measured_attempts(log, plan), measured(log, plan)
    assert (ended["attempts"] == (1 + client) * (1 + gateway) * (1 + others)).all()
    assert (ended["reason"] == Kind.SERVER_ERROR).all() and len(ended["reason"]) >= 49
    per_action = {cause: int((rows["cause"] == cause).sum()) / len(ended["reason"]) for cause in Cause}
    assert per_action[Cause.CLIENT_RETRY] == client
    assert per_action[Cause.FALLBACK] == (1 + client) * others
    assert per_action[Cause.RETRY] == (1 + client) * (1 + others) * gateway


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("earned", [20, 21])
def test_a_budget_caps_amplification(earned: int, engine: str, tmp_path: Path) -> None:
    """Retries are `earned` % of the first tries, at no time more, however many are wanted."""
    budget = {"cap": 10**6, "start": 0, "first_try": earned, "retry": 100}
    document = scenario(2_000, models={"m": BROKEN}, resilience=policy(max_retries=10, retry_budget=budget))
    rows = run(document, tmp_path, engine)[0].attempts
    first, retries = (np.sort(rows["dispatched"][rows["cause"] == cause]) for cause in (Cause.FIRST, Cause.RETRY))
    assert len(retries) == len(first) * earned // 100
    before = np.searchsorted(first, retries, "right")
    assert before.tolist() == [-(-100 * n // earned) for n in range(1, len(retries) + 1)]  # as soon as it is earned
    assert (rows["marks"] & Mark.NO_BUDGET > 0).sum() == len(first)  # each action ends because it may not go on


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("copies", "price"), [(1, 14), (5, 14), (1, 15)])
def test_the_quota_of_botocore(copies: int, price: int, engine: str, tmp_path: Path) -> None:
    """500 // 14 = 35 retries in each copy of the client, and then none."""
    resilience = policy("aws_standard", replicas=copies, retry_budget={"retry": price})
    document = scenario(1_000, models={"m": BROKEN}, resilience=resilience)
    rows = run(document, tmp_path, engine)[0].attempts
    retries = rows["cause"] == Cause.RETRY
    assert np.bincount(rows["replica"][retries]).tolist() == [500 // price] * copies
    assert rows["dispatched"][retries].max() < rows["dispatched"].max() // 2


# --- breakers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("cooldown", "period"), [(25, 3), (26, 3), (27, 4)])
def test_a_breaker_in_an_outage(cooldown: int, period: int, engine: str, tmp_path: Path) -> None:
    """Three failures of 4 ms open it; it is tried again by the first arrival after its cooldown, until that succeeds.

    Arrivals come every 10 ms: a cycle is 10 ms x ceil((4 ms + cooldown) / 10 ms). One that comes as the cooldown ends
    finds it half open.
    """
    document = scenario(
        200,
        models={"m": MODEL | {"ttft": "4ms"}},
        failures=taking("4ms"),
        incidents=[{"at": "395ms", "lasts": "1s", "target": "p", "error_rate": "100%"}],
        resilience=policy(breaker={"consecutive": 3, "cooldown": f"{cooldown}ms", "probes": 1}),
    )
    log, plan = run(document, tmp_path, engine)
    probes = np.arange(400 + 2 * 10, 1395, 10 * period) * MILLISECOND  # the third failure, and the probes that fail
    assert (log.actions["arrival"] % TICK == 0).all()
    b = log.breakers
    assert b["time"].tolist() == [*(probes + 4 * MILLISECOND), probes[-1] + period * TICK + 4 * MILLISECOND]
    assert b["state"].tolist() == [BreakerState.OPEN] * len(probes) + [BreakerState.CLOSED]
    assert (b["until"][:-1] - b["time"][:-1] == cooldown * MILLISECOND).all()
    assert breaker_use(plan, b).open_ns.sum() == len(probes) * cooldown * MILLISECOND
    sent = log.attempts["deployment"] >= 0
    missed = len(probes) * (period - 1)  # arrivals that find it open
    assert (~sent).sum() == missed == (log.actions["reason"] == Kind.NO_DEPLOYMENT).sum()


# --- limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("growth", "floor"), [(0.5, 10), (0.53, 10), (1.0, 3), (0.0, 7)])
def test_a_ramp(growth: float, floor: int, engine: str, tmp_path: Path) -> None:
    """An interval lets through what the one before did and `growth` more, rounded down; never fewer than the floor."""
    document = scenario(
        1_000,
        quotas={"q": {"ramp": {"growth": f"{100 * growth:g}%", "every": "1s", "floor": floor}, "of": ["p"]}},
        failures={"rate_limit": {"takes": "0s"}},
    )
    rows = measured(*run(document, tmp_path, engine))
    demand = np.bincount(rows["arrival"] // 10**9)
    passed = np.bincount(rows["arrival"][rows["reason"] == Kind.OK] // 10**9)
    expected = [min(floor, int(demand[0]))]
    for asked in demand[1:].tolist():
        expected.append(min(asked, max(floor, int(expected[-1] * (1 + growth)))))
    assert passed.tolist() == expected
    assert (growth == 0) == (len(set(expected)) == 1)


# --- balance ------------------------------------------------------------------------------------------


def places(*times: str) -> list[dict[str, Any]]:
    return [{"provider": f"p{i}", "ttft": time} for i, time in enumerate(times)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("times", [("2ms", "4ms"), ("4ms", "2ms"), ("5ms", "2ms", "3ms")])
def test_lowest_latency(times: tuple[str, ...], streaming: bool, engine: str, tmp_path: Path) -> None:
    """One attempt to each of the slower ones, to see how slow they are; all others to the fastest."""
    model = MODEL | {"deployments": places(*times), "balance": "lowest_latency"}
    document = scenario(300, [CALL | {"streaming": streaming}], models={"m": model})
    rows = run(document, tmp_path, engine)[0].attempts
    total, fastest = len(rows["deployment"]), times.index("2ms")
    counts = [total - len(times) + 1 if i == fastest else 1 for i in range(len(times))]
    assert np.bincount(rows["deployment"]).tolist() == counts


def usage_apart(balance: str, folder: Path, engine: str) -> float:
    """Most that two deployments' tokens of a minute differ by, in requests of the largest size."""
    model = MODEL | {"deployments": places("1ns", "1ns"), "balance": balance}
    call = CALL | {"input": {"lognormal": {"median": 1_000, "sigma": 1}}}
    document = scenario(3_000, [call], traffic={"rate": "10/s", "process": "deterministic"}, models={"m": model})
    rows, _ = run(document | {"horizon": "5min"}, folder, engine)
    tokens = rows.attempts["tokens_in"]
    minute = rows.attempts["ended"] // (60 * 10**9)
    used = [np.bincount(minute, tokens * (rows.attempts["deployment"] == n)) for n in (0, 1)]
    return float(np.abs(used[0] - used[1]).max()) / float(tokens.max())


@pytest.mark.parametrize("engine", ENGINES)
def test_lowest_usage(engine: str, tmp_path: Path) -> None:
    """Tokens of a minute are shared so that no two deployments differ by more than one request; by weight they do."""
    assert 0 < usage_apart("lowest_usage", tmp_path, engine) <= 1
    assert usage_apart("weighted", tmp_path, engine) > 1


# --- hedges in bad times, alerts ----------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_hedge_to_the_same_place_wins_nothing_in_bad_times(engine: str, tmp_path: Path) -> None:
    """What makes the first try slow makes its hedge as slow, which comes later: of hundreds none wins."""
    slowness = {"every": duration(TICK / SECOND), "factor": {"uniform": {"low": 0.5, "high": 1.5}}}
    model = MODEL | {"ttft": "6ms", "slowness": slowness}
    log, plan = run(scenario(1_000, models={"m": model}, resilience=policy(hedge="4ms")), tmp_path, engine)
    rows = measured_attempts(log, plan)
    hedges = rows["hedge"] == 1
    assert (rows["dispatched"][hedges] % TICK == 4 * MILLISECOND).all()  # in the period of the first try
    assert 0.8 < hedges.sum() / (~hedges).sum() < 0.87  # P(6 ms x U(0.5, 1.5) > 4 ms) = 5 / 6
    assert (rows["outcome"][hedges] == Kind.CANCELLED).all()


@pytest.mark.slow
@pytest.mark.parametrize(("target", "factor"), [(0.999, 1), (0.999, 1.03), (0.99, 1)])
def test_a_total_outage_is_detected_by_arithmetic(target: float, factor: float, tmp_path: Path) -> None:
    """t after its start the bad are t x rate; the alert fires once they are more than burn x (1 - target) of a window.

    From a scenario to its table of alerts. For 99.9 % the rule of 14.4 in an hour takes 52 s (51.84 s), ten minutes
    after the start of the run as after five hours or three days: a window that reaches before the start is as long.
    """
    rules = {"page": (14.4, 3600), "slower": (6.0, 6 * 3600)}
    starts = {"soon": 600, "today": 5 * 3600, "later": 3 * 86400}
    lasts = 240
    document = scenario(
        1,
        traffic={"rate": "1/s", "process": "deterministic"},
        horizon="73h",
        incidents=[
            {"name": name, "at": f"{at}s", "lasts": f"{lasts}s", "target": "p", "error_rate": "100%"}
            for name, at in starts.items()
        ],
        slo={"success": f"{100 * target:g}%", "window": "30d"},
        alerts={
            "rules": [
                {"name": name, "severity": "page", "long": f"{long}s", "short": f"{long // 12}s", "burn": burn * factor}
                for name, (burn, long) in rules.items()
            ],
            "every": "1s",
            "volume": 1,
        },
    )
    compiled(document, tmp_path)
    alerts = load(tmp_path / "scenario.yaml").run(replications=1, jobs=1, engine="compiled", progress=False).alerts
    for name, (burn, long) in rules.items():
        earlier = 240 if long > 5 * 3600 else 0  # what `soon` has left in the window of six hours
        spent = burn * factor * (1 - target) * long
        for incident, at in starts.items():
            mine = alerts[(alerts["rule"] == name) & (alerts["incident"] == incident)]
            bad = earlier if incident == "today" else 0
            after = next(t for t in range(1, 10**5) if t + bad > spent and t > spent / 12)
            if after > lasts:
                assert mine.empty
                continue
            assert mine["fired_s"].tolist() == [at + after], (name, incident)
            assert mine["time_to_detect_s"].tolist() == [after]
            if (name, target) == ("page", 0.999):
                assert after == {1: 52, 1.03: 54}[factor]
