"""Conversations, agents' loops, reasoning and answers that are cut: closed forms, and sums by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import MODEL, exponential, measured_attempts, percent, scenario
from witness import (
    CHANGED,
    ENGINE,
    SECOND,
    Figure,
    Witness,
    assert_holds,
    assert_told_apart,
    compiled,
    duration,
    measured,
)

from simkit import theory
from simkit.engine import run_plan
from simkit.engine.codes import Kind, Mark
from simkit.engine.log import Log
from simkit.plan.codes import TURN
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
SEED = 2110
SYSTEM, USER, ANSWER, RETRIEVED = 100, 30, 70, 50
FAST: dict[str, Any] = MODEL | {"tokens_per_second": 1_000_000_000}


def talk(turns: Any, history: Any = "grows", count: int = 10_000, **parts: Any) -> dict[str, Any]:
    """Conversations of short turns, 100 a second in all."""
    words = {"system": SYSTEM, "user": USER, "history": history}
    call = {"name": "answer", "model": "m", "input": words, "output": ANSWER}
    traffic = {"rate": "100/s", "process": "deterministic", "sessions": {"turns": turns, "think": exponential(0.1)}}
    return scenario(count, [call], traffic=traffic, models={"m": FAST}) | parts


def whole_prompt(turns: int) -> int:
    """Tokens of all prompts of a conversation: what is said in a turn is sent again in each later one."""
    return turns * (SYSTEM + USER) + (USER + ANSWER) * turns * (turns - 1) // 2


def repeats(again: float, most: int) -> tuple[float, float]:
    """Mean of a geometric number n that is cut at `most`, and of n (n - 1) / 2 = 1 + 2 + .. + n - 1: sums of P(n > k)
    and of k P(n > k)."""
    more = [again**k for k in range(most)]
    return sum(more), sum(k * one for k, one in enumerate(more))


LAST = 10 * 10**9
"""What begins so long before the end is over by then (40 turns take 4 s); no run waits for those who think."""


def whole(log: Log, plan: Plan) -> tuple[Any, ...]:
    """Which actions, and which attempts, belong to a conversation that is over."""
    ids, rows = log.actions["action"], log.attempts
    begun = ids[(ids >> TURN == 0) & (log.actions["arrival"] < plan.horizon - LAST)]
    return tuple(np.isin(each & (1 << TURN) - 1, begun) for each in (ids, rows["action"]))


def conversations(log: Log, plan: Plan) -> dict[str, float]:
    """Turns, and tokens of all prompts, by conversation."""
    mine, theirs = whole(log, plan)
    count = int((log.actions["action"][mine] >> TURN == 0).sum())
    return {
        "turns": int(mine.sum()) / count,
        "tokens": float(log.attempts["tokens_in"][theirs].sum()) / count,
    }


# 4 turns on average, 30 at most
TURNS, PAIRS = repeats(0.75, 30)
GROWTH = Witness(
    "turns_mean",
    lambda f: talk({"geometric": {"mean": 4 * f, "max": 30}}),
    conversations,
    {
        "turns": Figure(TURNS),
        "tokens": Figure(TURNS * (SYSTEM + USER) + PAIRS * (USER + ANSWER), 0.01),
    },
    replications=40,
    twin_replications=40,
)

# 5 turns, of which each fails with 10 %, which ends the conversation
FAILED = Witness(
    "turns_until_failure",
    lambda f: talk({"times": 5}, models={"m": FAST | {"errors": {"server_error": percent(0.1 * f**3)}}}),
    conversations,
    {"turns": Figure(sum(0.9**k for k in range(5)))},
)


def steps(log: Log, plan: Plan) -> dict[str, float]:
    """Calls of an agent, and tokens of all its prompts."""
    rows, count = measured_attempts(log, plan), len(measured(log, plan)["action"])
    return {"calls": len(rows["action"]) / count, "tokens": float(rows["tokens_in"].sum()) / count}


# 3 steps on average, 12 at most; each sends the question, and all results and thoughts before it
STEPS, STEP_PAIRS = repeats(2 / 3, 12)
LOOP = Witness(
    "loop_sum",
    lambda f: scenario(
        4_000,
        [
            {
                "name": "step",
                "model": "m",
                "repeat": {"geometric": {"mean": 3 * f, "max": 12}},
                "input": {"system": SYSTEM, "user": USER, "retrieved": RETRIEVED, "history": "grows"},
                "output": ANSWER,
            }
        ],
        models={"m": FAST},
    ),
    steps,
    {
        "calls": Figure(STEPS),
        "tokens": Figure(STEPS * (SYSTEM + USER + RETRIEVED) + STEP_PAIRS * (RETRIEVED + ANSWER), 0.01),
    },
)


def thoughts(log: Log, plan: Plan) -> dict[str, float]:
    """Seconds until something is seen, tokens that are billed, answers that are cut, and good ones."""
    rows, actions = measured_attempts(log, plan), measured(log, plan)
    return {
        "first": float((rows["first_token"] - rows["started"]).mean()) / SECOND,
        "billed": float(rows["billed_out"].mean()),
        "cut": float((rows["marks"] & Mark.TRUNCATED > 0).mean()),
        "good": float((actions["good"] == 1).mean()),
    }


# Answers of 200 tokens after a lognormal number of thoughts of median 600, 1,000 in all at most, at 1,000 a second.
# What is cut is bad; of the others 90 % are good. Nothing but thoughts is seen where they take up all
CUT = theory.lognormal_tail(600, 0.5, 800.5)
REASONING = Witness(
    "reasoning_ttft",
    lambda f: scenario(
        4_000,
        [
            {
                "name": "answer",
                "model": "m",
                "input": 1,
                "output": {"all": 200, "reasoning": {"lognormal": {"median": 600 * f, "sigma": 0.5}}, "max": 1_000},
            }
        ],
        models={"m": MODEL | {"ttft": duration(0.1), "tokens_per_second": 1_000, "quality": {"any": percent(0.9 / f)}}},
    ),
    thoughts,
    {
        "first": Figure(0.1 + theory.lognormal_capped_mean(600, 0.5, 1_000) / 1_000),
        "billed": Figure(200 + theory.lognormal_capped_mean(600, 0.5, 800)),
        "cut": Figure(CUT, 0.01),
        "good": Figure(0.9 * (1 - CUT)),
    },
)

WITNESSES = (GROWTH, FAILED, LOOP, REASONING)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_conversations(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- exact --------------------------------------------------------------------------------------------


def sent(document: dict[str, Any], folder: Path) -> dict[int, list[dict[str, int]]]:
    """Attempts by conversation that is over, in the order of their turns."""
    plan = compiled(document, folder)
    log = run_plan(plan, SEED, 0, ENGINE)
    assert (log.attempts["outcome"] == Kind.OK).all()
    over = whole(log, plan)[1]
    names = ("action", "call", "tokens_in", "tokens_history", "tokens_out", "billed_in", "cost", "dispatched")
    rows = [
        dict(zip(names, row, strict=True)) for row in zip(*(log.attempts[n][over].tolist() for n in names), strict=True)
    ]
    found: dict[int, list[dict[str, int]]] = {}
    for row in sorted(rows, key=lambda row: row["dispatched"]):
        found.setdefault(row["action"] & (1 << TURN) - 1, []).append(row)
    return found


def test_the_rate_counts_turns(tmp_path: Path) -> None:
    """100 turns a second are 100 / E[n] conversations a second, evenly spaced here."""
    for mean in (4, 4 * CHANGED):
        plan = compiled(talk({"geometric": {"mean": mean, "max": 30}}, count=20_000), tmp_path)
        first = run_plan(plan, SEED, 0, ENGINE).actions["action"] >> TURN == 0
        assert (abs(int(first.sum()) - 20_000 / TURNS) <= 1) == (mean == 4)


@pytest.mark.parametrize("turns", [1, 2, 7, 40])
def test_a_session_of_so_many_turns(turns: int, tmp_path: Path) -> None:
    """Every conversation of n turns bills n (S + U) + (U + A) n (n - 1) / 2 tokens, and n A of answers: exactly."""
    found = sent(talk({"times": turns}, count=1_000 + 40 * turns), tmp_path)
    assert len(found) >= 39
    for rows in found.values():
        tokens = sum(row["billed_in"] for row in rows)
        assert len(rows) == turns and tokens == whole_prompt(turns) != round(CHANGED * whole_prompt(turns))
        assert sum(row["cost"] for row in rows) == (tokens + turns * ANSWER) * 10**6


def seen(said: int, limit: int, kept: int) -> int:
    """Of what was said: all if it fits, else cut, as often as it takes, by what lies between limit and `kept`."""
    while said > limit:
        said -= max(1, limit - kept)
    return said


@pytest.mark.parametrize(("limit", "share"), [(500, 100), (500, 50), (450, 70), (99, 10), (10_000, 50)])
def test_a_history_that_is_cut(limit: int, share: int, tmp_path: Path) -> None:
    """Turn k sends what is left of (k - 1) (U + A) tokens, cut to a share of the limit whenever it is too long."""
    found = sent(talk({"times": 20}, {"limit": limit, "cut_to": f"{share}%"}, count=1_400), tmp_path)
    kept = limit * share // 100
    expected = [seen(turn * (USER + ANSWER), limit, kept) for turn in range(20)]
    assert len(found) >= 19 and (limit > 20 * (USER + ANSWER)) == (max(expected) == 19 * (USER + ANSWER))
    for rows in found.values():
        assert [row["tokens_history"] for row in rows] == expected
        assert [row["tokens_in"] for row in rows] == [SYSTEM + USER + history for history in expected]
    assert expected != [seen(turn * round((USER + ANSWER) * CHANGED), limit, kept) for turn in range(20)]


def test_a_history_that_is_summarised(tmp_path: Path) -> None:
    """Too long a history is told in 40 tokens by a call of its own, from which it grows again."""
    limit, told, frame = 350, 40, 20
    document = talk({"times": 12}, {"limit": limit}, count=1_240)
    summary = {"name": "summary", "model": "m", "summarises": True, "input": {"system": frame}, "output": told}
    document["actions"]["ask"]["calls"].insert(0, summary)
    found = sent(document, tmp_path)
    expected, history = [], 0
    for _ in range(12):
        if history > limit:
            expected.append((frame + history, told))
            history = told
        expected.append((SYSTEM + USER + history, ANSWER))
        history += USER + ANSWER
    assert len(found) >= 19 and len(expected) > 13
    for rows in found.values():
        assert [(row["tokens_in"], row["tokens_out"]) for row in rows] == expected


@pytest.mark.parametrize("times", [1, 2, 9])
def test_a_loop_of_so_many_steps(times: int, tmp_path: Path) -> None:
    """n steps bill n (S + U + R) + (R + A) n (n - 1) / 2 tokens."""
    words = {"system": SYSTEM, "user": USER, "retrieved": RETRIEVED, "history": "grows"}
    call = {"name": "step", "model": "m", "repeat": times, "input": words, "output": ANSWER}
    found = sent(scenario(1_050, [call], models={"m": FAST}), tmp_path)
    whole = times * (SYSTEM + USER + RETRIEVED) + (RETRIEVED + ANSWER) * times * (times - 1) // 2
    assert len(found) >= 49
    assert {sum(row["tokens_in"] for row in rows) for rows in found.values()} == {whole}
    assert len({np.diff([row["tokens_in"] for row in rows]).tobytes() for rows in found.values()}) == 1
