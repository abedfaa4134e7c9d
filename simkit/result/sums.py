"""Counting rows of a log by code, and which of its attempts are what."""

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import DID_NOT, Column
from simkit.plan.plan import Plan

Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]
Money = NDArray[np.object_]
"""Python integers, picodollars."""


def count(codes: Column, size: int) -> Ints:
    """How many of each code 0..size - 1."""
    return np.bincount(codes, minlength=size).astype(np.int64)


def pairs(rows: Column, columns: Column, height: int, width: int) -> Ints:
    """How many of each pair of codes, as a table."""
    return count(rows * width + columns, height * width).reshape(height, width)


def total_by(codes: Column, values: Column, size: int) -> Ints:
    """Exact sums of `values` (>= 0) by code: in two halves, which floats hold exactly."""
    high = np.bincount(codes, values >> 24, minlength=size).astype(np.int64)
    low = np.bincount(codes, values & 0xFFFFFF, minlength=size).astype(np.int64)
    return (high << 24) + low


def money_by(codes: Column, values: Column, size: int) -> Money:
    """The same as Python integers: a long run's bill may pass 2^63 picodollars ($9.2 million)."""
    high = np.bincount(codes, values >> 24, minlength=size).astype(np.int64).astype(object)
    low = np.bincount(codes, values & 0xFFFFFF, minlength=size).astype(np.int64).astype(object)
    return np.asarray(high * (1 << 24) + low, object)


def timed_actions(plan: Plan, actions: dict[str, Column]) -> Rows:
    """Served actions that somebody waited for."""
    timed: Rows = (actions["outcome"] <= Outcome.DEGRADED) & ~plan.batch.batch[actions["kind"]]
    return timed


def is_sent(attempts: dict[str, Column]) -> Rows:
    """Which attempts went out to a deployment: not those held back, nor those for which none was left."""
    sent: Rows = (attempts["deployment"] >= 0) & (attempts["outcome"] != Kind.THROTTLED)
    return sent


def turned_away(attempts: dict[str, Column]) -> Rows:
    """First tries of a fallback that a limit of its deployment refused."""
    full = (attempts["outcome"] == Kind.OVERLOADED) & (attempts["started"] == DID_NOT) & (attempts["deployment"] >= 0)
    refused: Rows = (attempts["cause"] == Cause.FALLBACK) & ((attempts["outcome"] == Kind.RATE_LIMIT) | full)
    return refused


def cut_short(attempts: dict[str, Column], streaming: Rows) -> Rows:
    """Streams that failed when something had been shown; `streaming`: by call. A malformed answer has come whole."""
    kind = attempts["outcome"]
    failed = (kind != Kind.OK) & (kind < Kind.NO_DEPLOYMENT) & (kind != Kind.MALFORMED)
    shown: Rows = failed & (attempts["first_token"] >= 0) & streaming[attempts["call"]]
    return shown
