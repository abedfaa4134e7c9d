"""Tables of what is not asked for."""

from typing import Any

import numpy as np

from simkit.plan.arrays import NEVER
from simkit.plan.economy import STEPS, Allowances, Answers, Batch, Prompts, Resets, Sessions, Spending
from simkit.plan.index import Index
from simkit.scenario.actions import Call
from simkit.scenario.scenario import Document


def threads(by_epoch: list[list[Call]], index: Index) -> dict[str, Any]:
    """What a call's prompt repeats."""
    calls = by_epoch[0]
    names = list(dict.fromkeys(call.name for call in calls))
    shape, no = (len(by_epoch), len(calls)), np.zeros(len(calls), np.bool_)
    return {
        "name": np.array([names.index(call.name) for call in calls], np.int64),
        "history": no,
        "history_limit": np.full(shape, NEVER),
        "history_step": np.ones(shape, np.int64),
        "keeps_retrieved": no,
        "summarises": no,
        "summary_limit": np.full(shape, NEVER),
        "cached": no,
        "chunks": np.ones(shape, np.int64),
        "reasoning": np.full((*shape, len(index.complexities)), -1),
        "work_cost": np.zeros(shape, np.int64),
    }


def substitutes(index: Index) -> dict[str, Any]:
    """Which model takes another's place."""
    none = np.full(len(index.models), -1)
    return {"cheaper": none, "batch": none, "is_batch": np.zeros(len(index.models), np.bool_)}


def economy(documents: list[Document], index: Index) -> dict[str, Any]:
    """Caches, conversations, budgets, batch: none."""
    e, n, kinds, plans = len(documents), len(index.deployments), len(index.kinds), max(1, len(index.plans))
    no, nothing, reals = np.zeros(1, np.bool_), np.zeros(0, np.int64), np.zeros(0, np.float64)
    no2, zeros2, zero1 = np.zeros(2, np.bool_), np.zeros((e, 2), np.int64), np.zeros(1, np.int64)
    never = np.full(e, NEVER)
    return {
        "answers": Answers(
            no2, np.full((e, 2), -1.0), zeros2, np.full((e, 2), NEVER), np.full((e, 2), NEVER), np.zeros(2, np.int64),
            no2, np.full((e, 2), -1), zeros2, np.zeros((e, 2)), no2, np.ones((e, 2, kinds)), np.zeros(2, np.int64),
            reals, nothing, reals, nothing, nothing, zero1,
        ),
        "prompts": Prompts(
            no, np.zeros((e, n), np.int64), np.ones((e, n), np.int64), np.full((e, n), NEVER), np.zeros(n, np.bool_),
            np.full((e, n), NEVER), np.ones((e, n)), zero1, nothing, nothing, zero1,
        ),
        "sessions": Sessions(np.ones(e, np.int64), np.zeros(e), np.ones(e, np.int64), np.full(e, -1)),
        "spending": Spending(
            np.zeros(0, np.bool_), np.zeros(0, np.bool_), np.zeros((0, n), np.bool_), np.zeros((e, 0), np.int64),
            np.zeros((e, 0, STEPS), np.int64), np.zeros((0, STEPS), np.int64),
        ),
        "allowances": Allowances(no, np.full((e, plans), NEVER), np.full((e, plans), NEVER), np.zeros(plans, np.bool_)),
        "resets": Resets(nothing, nothing, nothing, nothing),
        "batch": Batch(np.zeros(kinds, np.bool_), nothing, nothing, np.zeros(e, np.int64), no, never, never),
    }  # fmt: skip
