"""Traces: the formats, exact times, and the word on each kind of broken file."""

import csv
import gzip
import json
import math
import random
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from simkit.plan.trace import TraceError, TraceRows, read_trace
from simkit.scenario.traffic import Columns, Trace

DATA = Path(__file__).parents[2].parent / "shared" / "data"
NAMED = Columns(time="t", input="in", output="out")


def read(path: Path, columns: Columns | None = NAMED, **keys: object) -> TraceRows:
    return read_trace(path, Trace.model_validate({"file": str(path), "columns": columns, **keys}))


def written(folder: Path, content: str | bytes, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:50.9951691,879,55
"""
MOONCAKE = """{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}
{"timestamp": 3000, "input_length": 7322, "output_length": 490, "hash_ids": []}
"""


@pytest.mark.parametrize("zipped", [False, True])
def test_azure_is_recognised_and_exact_to_100_ns(tmp_path: Path, zipped: bool) -> None:
    content = gzip.compress(AZURE.encode()) if zipped else AZURE.encode()
    rows = read(written(tmp_path, content), columns=None)
    assert rows.time_ns.tolist() == [0, 4_314_579_000, 4_314_579_100]
    assert (rows.input.tolist(), rows.output.tolist(), rows.cached.tolist()) == (
        [374, 396, 879], [44, 109, 55], [-1, -1, -1],
    )  # fmt: skip
    assert rows.model is rows.latency_ns is rows.ok is rows.cost_pd is None
    assert rows.warnings == ()


def test_azure_2024_with_zone_and_without_fraction(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1,2\n2024-05-10 00:00:01+00:00,3,4\n"
    )
    assert read(written(tmp_path, text), columns=None).time_ns.tolist() == [0, 990_070_000]


@pytest.mark.parametrize("zipped", [False, True])
def test_mooncake_is_recognised_in_milliseconds(tmp_path: Path, zipped: bool) -> None:
    content = gzip.compress(MOONCAKE.encode()) if zipped else MOONCAKE.encode()
    rows = read(written(tmp_path, content, "trace.jsonl"), columns=None)
    assert rows.time_ns.tolist() == [0, 3 * 10**9]
    assert rows.input.tolist() == [6758, 7322]


ALL = Columns(time="t", input="in", output="out", cached="hit", model="m", latency="lat", status="st", cost="usd")
CSV = """t,in,out,hit,m,lat,st,usd,other
1700000000.123456789,100,10,40,gpt-4o,0.25,ok,0.000123456789,"a, b"
1700000000.123456790,200,20,,"big, one",,500,,x
1.70000000123456e9,300,30,0,gpt-4o,1.5,200,1e-12,"two
lines"
"""


def test_named_columns_of_csv_are_exact(tmp_path: Path) -> None:
    rows = read(written(tmp_path, CSV), ALL)
    assert rows.time_ns.tolist() == [0, 1, 1_111_103_211]
    assert rows.cached.tolist() == [40, -1, 0]
    assert rows.model == ("gpt-4o", "big, one", "gpt-4o")
    assert rows.latency_ns is not None and rows.latency_ns.tolist() == [250_000_000, -1, 1_500_000_000]
    assert rows.ok is not None and rows.ok.tolist() == [True, False, True]
    assert rows.cost_pd is not None and rows.cost_pd.tolist() == [123_456_789, -1, 1]


def test_jsonl_says_the_same_as_csv(tmp_path: Path) -> None:
    with (written(tmp_path, CSV)).open(newline="") as file:
        records = list(csv.DictReader(file))
    lines = []
    for record in records:
        numbers = {name: record[name] for name in ("t", "in", "out", "lat", "usd", "hit") if record[name]}
        texts = json.dumps({"m": record["m"], "st": record["st"]})[1:-1]
        lines.append("{" + ", ".join(f'"{name}": {value}' for name, value in numbers.items()) + f", {texts}}}")
    ours = read(written(tmp_path, "\n\n".join(lines), "trace.jsonl"), ALL)
    theirs = read(tmp_path / "trace.csv", ALL)
    for name in ("time_ns", "input", "output", "cached", "model", "latency_ns", "ok", "cost_pd"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


@pytest.mark.parametrize(("unit", "factor"), [(None, 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)])
def test_units_of_numeric_times(tmp_path: Path, unit: str | None, factor: int) -> None:
    rows = read(written(tmp_path, "t,in,out\n5,1,1\n12,1,1\n"), unit=unit)
    assert rows.time_ns.tolist() == [0, 7 * factor]


def test_separators_bom_line_ends_and_spaces(tmp_path: Path) -> None:
    rows = read(written(tmp_path, "\ufefft; in ;out\r\n 1 ; 2;3 \r\n\r\n4;5;6\r\n".encode()))
    assert (rows.time_ns.tolist(), rows.input.tolist(), rows.output.tolist()) == ([0, 3 * 10**9], [2, 5], [3, 6])


def test_sorting_keeps_ties_in_the_order_of_the_file_and_says_so(tmp_path: Path) -> None:
    rows = read(written(tmp_path, "t,in,out\n5,1,1\n2,2,1\n5,3,0\n2,4,1\n"))
    assert rows.input.tolist() == [2, 4, 1, 3]
    assert rows.time_ns.tolist() == [0, 0, 3 * 10**9, 3 * 10**9]
    assert [word for warning in rows.warnings for word in ("sorted", "output tokens") if word in warning] == [
        "sorted", "output tokens",
    ]  # fmt: skip


def test_ties_alone_are_in_order(tmp_path: Path) -> None:
    assert read(written(tmp_path, "t,in,out\n5,1,1\n5,3,1\n")).warnings == ()


@pytest.mark.parametrize("speed", [0.5, 2.0, 1.1, 3.0])
def test_replay_speed_divides_times_exactly(tmp_path: Path, speed: float) -> None:
    times = [0, 1, 2, 7, 10**17 + 1, 3 * 10**17]
    rows = read(written(tmp_path, "t,in,out\n" + "".join(f"{each},1,1\n" for each in times)), unit="ns", speed=speed)
    expected = [math.floor(Fraction(each) / Fraction(speed) + Fraction(1, 2)) for each in times]
    assert rows.time_ns.tolist() == expected


def test_columns_that_the_trace_lacks_are_minus_one(tmp_path: Path) -> None:
    rows = read(written(tmp_path, "t\n1\n2\n"), Columns(time="t"))
    assert rows.input.tolist() == rows.output.tolist() == [-1, -1]


BAD = [
    ("missing column", "t,in\n1,2\n", NAMED, None, "out", "t, in"),
    ("unknown format", "when,prompt\n1,2\n", None, None, None, "when, prompt"),
    ("negative tokens", "t,in,out\n1,2,3\n1,2,3\n1,-2,3\n", NAMED, 4, "in", "negative"),
    ("nan tokens", "t,in,out\n1,2,nan\n", NAMED, 2, "out", "whole number"),
    ("empty tokens", "t,in,out\n1,2,3\n1,,3\n", NAMED, 3, "in", "whole number"),
    ("fraction of a token", "t,in,out\n1,2,3\n1,2.5,3\n", NAMED, 3, "in", "whole number"),
    ("infinite tokens", "t,in,out\n1,inf,3\n", NAMED, 2, "in", "whole number"),
    ("absurd tokens", "t,in,out\n1,2000000000,3\n", NAMED, 2, "in", "at most"),
    ("word for a time", "t,in,out\n1,2,3\nsoon,2,3\n", NAMED, 3, "t", "time"),
    ("empty time", "t,in,out\n1,2,3\n,2,3\n", NAMED, 3, "t", "time"),
    ("impossible date", "t,in,out\n2023-11-16 18:15:46,2,3\n2023-02-30 18:15:46,2,3\n", NAMED, 3, "t", "date"),
    ("time beyond int64", "t,in,out\n1,2,3\n1e15,2,3\n", NAMED, 3, "t", "time"),
    ("short row", "t,in,out\n1,2,3\n\n1,2\n", NAMED, 4, None, "3 columns"),
    ("long row after a quoted line end", 't,in,out\n1,"2\n",3\n1,2,3,4\n', NAMED, 4, None, "found 4"),
    ("blame after a quoted line end", 't,in,out\n1,"2\n",3\n\n1,x,3\n', NAMED, 5, "in", "whole number"),
    ("only a header", "t,in,out\n", NAMED, None, None, "no rows"),
    ("empty", "", NAMED, None, None, "empty"),
    ("blank", " \n\n", NAMED, None, None, "empty"),
    ("json list", '[{"t": 1}]', NAMED, 1, None, "JSONL"),
    ("malformed json", '{"t":1,"in":2,"out":3}\n{"t":1,"in":2,"out":\n', NAMED, 2, None, "not valid JSON"),
    ("json, not an object", '{"t":1,"in":2,"out":3}\n\n[1]\n', NAMED, 3, None, "not a JSON object"),
    ("list in a cell", '{"t":1,"in":[2],"out":3}\n', NAMED, 1, "in", "single value"),
    ("missing key", '{"t":1,"in":2,"out":3}\n{"t":1,"out":3}\n', NAMED, 2, "in", "whole number"),
    ("true for tokens", '{"t":1,"in":true,"out":3}\n', NAMED, 1, "in", "whole number"),
    ("NaN in json", '{"t":1,"in":NaN,"out":3}\n', NAMED, 1, "in", "whole number"),
    ("too many cached", "t,in,hit\n1,5,5\n1,5,6\n", Columns(time="t", input="in", cached="hit"), 3, "hit", "cached"),
    ("negative cost", "t,c\n1,0.1\n1,-0.1\n", Columns(time="t", cost="c"), 3, "c", "negative"),
    ("word for a latency", "t,lat\n1,fast\n", Columns(time="t", latency="lat"), 2, "lat", "number"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "columns", "row", "column", "says"), [case[1:] for case in BAD], ids=[c[0] for c in BAD]
)
def test_broken_files_are_named_by_line_and_column(
    tmp_path: Path, text: str, columns: Columns | None, row: int | None, column: str | None, says: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(TraceError) as caught:
        read(path, columns)
    error = caught.value
    assert (error.path, error.row, error.column) == (path, row, column)
    assert says in error.message
    assert str(path) in str(error) and (row is None or f"line {row}" in str(error))


def test_bad_row_is_found_among_many(tmp_path: Path) -> None:
    for position in (0, 1, 6_321, 9_999):
        lines = [f"{each},1,1" for each in range(10_000)]
        lines[position] = f"{position},?,1"
        with pytest.raises(TraceError) as caught:
            read(written(tmp_path, "t,in,out\n" + "\n".join(lines)))
        assert (caught.value.row, caught.value.value) == (position + 2, "?")


def test_truncated_and_damaged_gzip(tmp_path: Path) -> None:
    zipped = gzip.compress(AZURE.encode() * 50)
    for content, says in [(zipped[:-20], "truncated"), (zipped[:30] + b"\0" * 20 + zipped[50:], "damaged")]:
        with pytest.raises(TraceError, match=says):
            read(written(tmp_path, content), columns=None)


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="UTF-8") as caught:
        read(written(tmp_path, b"t,in,out\n1,2,3\n1,2,\xff\n"))
    assert caught.value.row == 3


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(TraceError, match="cannot be read"):
        read(tmp_path)


def test_random_rows_equal_a_plain_loop(tmp_path: Path) -> None:
    draw = random.Random(11)
    table = [(f"{draw.uniform(0, 1e6):.9f}", draw.randrange(9_999), draw.randrange(999)) for _ in range(2_000)]
    path = written(tmp_path, "t,in,out\n" + "".join(f"{t},{i},{o}\n" for t, i, o in table))
    naive = sorted(((int(Fraction(t) * 10**9), i, o) for t, i, o in table), key=lambda row: row[0])
    rows = read(path)
    ours = list(zip(rows.time_ns.tolist(), rows.input.tolist(), rows.output.tolist(), strict=True))
    assert ours == [(t - naive[0][0], i, o) for t, i, o in naive]


def calibration(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip("the calibration files are not beside the project (../shared/data)")
    return DATA / name


@pytest.mark.data
def test_the_azure_file_in_full() -> None:
    path = calibration("azure_llm_2023_conv.csv.gz")
    with gzip.open(path, "rt") as file:
        records = list(csv.DictReader(file))
    begin = time.perf_counter()
    rows = read(path, columns=None)
    took = time.perf_counter() - begin
    assert len(rows.time_ns) == len(records) == 19_366
    assert rows.input.sum() == sum(int(row["ContextTokens"]) for row in records)
    assert rows.output.sum() == sum(int(row["GeneratedTokens"]) for row in records)
    assert rows.time_ns[-1] == (60 * 58 + 21) * 10**9 + 721_937_000
    assert took < 2, "half a second on a machine of one's own"


@pytest.mark.data
def test_the_mooncake_file_in_full() -> None:
    path = calibration("mooncake_conversation_first30min.jsonl.gz")
    with gzip.open(path, "rt") as file:
        records = [json.loads(line) for line in file]
    rows = read(path, columns=None)
    assert len(rows.time_ns) == len(records) == 5_719
    assert rows.input.sum() == sum(row["input_length"] for row in records)
    assert rows.output.sum() == sum(row["output_length"] for row in records)
    assert rows.time_ns.tolist() == [row["timestamp"] * 10**6 for row in records]
    assert len(set(rows.time_ns.tolist())) == 600
