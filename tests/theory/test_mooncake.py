"""The block cache on Mooncake's public trace: hit tokens equal to those of an independent calculation, exactly.

The trace's times stand in steps of 3 s. With an answer that takes no time, rows of one instant see each other in the
order of the file: that is what is assumed of the inside of a step; with `spread` they come evenly within it.
"""

import gzip
import json
import math
from collections import OrderedDict
from pathlib import Path

import pytest
from plain import MODEL, scenario
from witness import compiled

from simkit.engine import run_plan

FILE = Path(__file__).parents[3] / "shared" / "data" / "mooncake_conversation_first30min.jsonl.gz"
BLOCK, STEP_NS = 512, 2_900_000_000
CASES = {
    "for ever": ({"ttl": "1000d"}, math.inf, math.inf),
    "5 min": ({"ttl": "5min"}, 300.0, math.inf),
    "1 min": ({"ttl": "1min"}, 60.0, math.inf),
    "10M tokens": ({"ttl": "1000d", "capacity": "10M"}, math.inf, 10_000_000),
    "3M tokens": ({"ttl": "1000d", "capacity": "3M"}, math.inf, 3_000_000),
}


def rows_of_the_trace(spread: bool) -> list[tuple[int, int, list[int]]]:
    """(ns, input tokens, blocks), in the order of the file."""
    if not FILE.exists():
        pytest.skip("the calibration files are not beside the project (../shared/data)")
    with gzip.open(FILE, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    times = [row["timestamp"] for row in rows]
    place = dict.fromkeys(times, 0)
    found = []
    for row in rows:
        time, beside = row["timestamp"], 0
        if spread:
            beside = place[time] * STEP_NS // times.count(time)
            place[time] += 1
        found.append((time * 1_000_000 + beside, row["input_length"], row["hash_ids"]))
    return found


def hit_tokens(rows: list[tuple[int, int, list[int]]], ttl: float, room: float) -> int:
    """Tokens of leading blocks that are kept; then all of a prompt's blocks are used, the first one last."""
    kept: OrderedDict[int, tuple[int, int]] = OrderedDict()
    hits, held = 0, 0
    for time, length, blocks in rows:
        ends = [min(BLOCK * (i + 1), length) for i in range(len(blocks))]
        run = 0
        for block, end in zip(blocks, ends, strict=True):
            if block not in kept or time - kept[block][0] >= ttl * 1e9:
                break
            run = end
        hits += run
        for i in range(len(blocks) - 1, -1, -1):
            held -= kept.pop(blocks[i], (0, 0))[1]
            size = ends[i] - (ends[i - 1] if i else 0)
            kept[blocks[i]] = time, size
            held += size
        while held > room:
            held -= kept.popitem(last=False)[1][1]
    return hits


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("spread", [False, True], ids=["as it is", "spread over 2.9 s"])
@pytest.mark.parametrize("name", CASES)
def test_mooncake(name: str, spread: bool, tmp_path: Path) -> None:
    rows = rows_of_the_trace(spread)
    cache, ttl, room = CASES[name]
    trace = {"file": str(FILE)} | ({"spread": "2.9s"} if spread else {})
    model = MODEL | {"ttft": "0s", "tokens_per_second": 1_000_000_000}
    cache = {"prompt": {"minimum": 0, "step": 1, "refresh": True, **cache}}
    document = scenario(
        1, [{"name": "answer", "model": "m"}], traffic={"trace": trace}, models={"m": model}, caches=cache
    )
    del document["horizon"]
    log = run_plan(compiled(document, tmp_path), 1, 0, "compiled")
    sent, cached = int(log.attempts["tokens_in"].sum()), int(log.attempts["tokens_cached"].sum())
    assert sent == sum(length for _, length, _ in rows) == 73_604_194
    assert cached == hit_tokens(rows, ttl, room)
    assert cached > 0.05 * sent
