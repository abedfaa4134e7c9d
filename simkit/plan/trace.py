"""Recorded traffic: a trace file read into arrays, or a clear word on the row that is wrong.

Every cell is read as text and converted by decimal arithmetic, so times are exact to the ns
(Azure's seven digits, epoch seconds with nine) and costs to the picodollar.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from simkit.plan.plan import Bools, Ints
from simkit.scenario.distribution import MOST_TOKENS
from simkit.scenario.traffic import Columns, Trace
from simkit.scenario.units import format_duration

FORMATS = {
    "azure": (Columns(time="TIMESTAMP", input="ContextTokens", output="GeneratedTokens"), "s"),
    "mooncake": (Columns(time="timestamp", input="input_length", output="output_length", blocks="hash_ids"), "ms"),
}
"""Recognised formats: their columns and the unit of numeric times."""
BLOCK = 512
"""Tokens of a block in Mooncake's format."""
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
DOLLAR = 10**12
MISSING = -1
SUCCESS = r"^(?i:ok|success|true|2\d\d)$"
ZONE = r"(Z|[+-]\d\d:?\d\d)$"
GZIP = b"\x1f\x8b"


class TraceError(ValueError):
    """A trace that cannot be used; `row` is the line of the file, where it is one row's fault."""

    def __init__(
        self, path: Path, message: str, row: int | None = None, column: str | None = None, value: str | None = None
    ):
        self.path, self.row, self.column, self.value, self.message = path, row, column, value, message
        place = [str(path)] + ([f"line {row}"] if row else []) + ([f"column `{column}`"] if column else [])
        shown = "" if value is None else f" (here: {value[:60]!r})"
        super().__init__(f"{', '.join(place)}: {message}{shown}")


@dataclass(frozen=True)
class TraceRows:
    """A trace in the order of arrival; rows of the same instant keep the file's order."""

    time_ns: Ints
    """Arrival, from the first row = 0, divided by the replay speed."""
    input: Ints
    """Tokens; -1 where the trace has no such column (so with `output` and `cached`)."""
    output: Ints
    cached: Ints
    """Tokens of the input that were read from the prompt cache; -1 also where the cell is empty."""
    model: tuple[str, ...] | None
    """Name in the trace's model column, by row."""
    latency_ns: Ints | None
    """Observed; -1 where the cell is empty."""
    ok: Bools | None
    """Observed: did the row succeed?"""
    cost_pd: Ints | None
    """Observed cost in pd; -1 where the cell is empty."""
    warnings: tuple[str, ...]
    key: Ints | None = None
    """What is asked: numbers in the order in which they first appear; -1 where the cell is empty."""
    blocks: Ints | None = None
    """Blocks of all prompts, one after the other: numbers in the order in which they first appear."""
    first_block: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """(rows + 1) range of a row's blocks."""
    block: int = 0
    """Tokens of a block."""


@dataclass(frozen=True)
class Cells:
    """The wanted columns of a file as text."""

    path: Path
    columns: dict[str, Any]
    """By name: a pyarrow array of strings, trimmed; empty where the cell is."""
    line: Callable[[int], int]
    """Line of the file by row."""

    def fail(self, row: int, column: str, message: str) -> NoReturn:
        """Blame a row. Raises `TraceError`."""
        raise TraceError(self.path, message, self.line(row), column, self.columns[column][row].as_py())


def read_trace(path: Path, spec: Trace, blocks: bool = False) -> TraceRows:
    """Read a CSV or JSONL file, gzipped or not, in Azure's, Mooncake's or a named format; with `blocks` the prompts'.

    Raises `TraceError`, which names the line, for whatever is wrong with the file.
    """
    text = _text(path)
    jsonl = text.lstrip().startswith("{")
    found = _jsonl_header(path, text) if jsonl else _csv_header(path, text)
    columns, unit = _format(path, spec, found)
    if not blocks or (columns.blocks not in found and spec.columns is None):
        columns = columns.model_copy(update={"blocks": None})
    if columns.blocks is not None and not jsonl:
        raise TraceError(path, "blocks are lists: they need a JSONL trace, one object a line", column=columns.blocks)
    wanted = [name for name in columns.model_dump().values() if name is not None]
    for name in wanted:
        if name not in found and not (jsonl and f'"{name}"' in text):
            raise TraceError(path, f"there is no such column; there are {', '.join(found)}", column=name)
    each = list(dict.fromkeys(wanted))
    cells = _read_jsonl(path, text, each, columns.blocks) if jsonl else _read_csv(path, text, each)
    if not len(cells.columns[columns.time]):
        raise TraceError(path, "the file has no rows")
    return spread_out(path, _rows(cells, columns, UNITS[unit], spec), spec.spread)


def spread_out(path: Path, rows: TraceRows, spread: int) -> TraceRows:
    """The rows of one instant evenly over `spread`, in their order. Raises `TraceError` where that passes the next."""
    if not spread:
        return rows
    instants, first, count = np.unique(rows.time_ns, return_index=True, return_counts=True)
    if len(instants) > 1 and (gap := int(np.diff(instants).min())) < spread:
        said, least = format_duration(spread), format_duration(gap)
        raise TraceError(path, f"`spread` of {said} is longer than the {least} between two instants of the trace")
    place = np.arange(len(rows.time_ns)) - np.repeat(first, count)
    return replace(rows, time_ns=rows.time_ns + place * spread // np.repeat(count, count))


def _rows(cells: Cells, columns: Columns, unit: int, spec: Trace) -> TraceRows:
    time = _times(cells, columns.time, unit)
    order = np.argsort(time, kind="stable")
    ordered = bool((order[1:] > order[:-1]).all())
    tokens = [_tokens(cells, name, empty) for name, empty in _token_columns(columns)]
    _check_cached(cells, columns, tokens)
    entered, output, cached = (each[order] for each in tokens)
    latency = _amounts(cells, columns.latency, 10**9)
    cost = _amounts(cells, columns.cost, DOLLAR)
    names = None if columns.model is None else cells.columns[columns.model].take(order).to_pylist()
    return TraceRows(
        time_ns=_replayed(time[order] - time.min(), spec.speed),
        input=entered,
        output=output,
        cached=cached,
        model=None if names is None else tuple(names),
        latency_ns=None if latency is None else latency[order],
        ok=None if columns.status is None else _successes(cells, columns.status)[order],
        cost_pd=None if cost is None else cost[order],
        warnings=tuple(_warnings(ordered, entered, output)),
        key=None if columns.key is None else _keys(cells.columns[columns.key].take(order).to_pylist()),
        **_blocks(cells, columns.blocks, order, spec.block or BLOCK),
    )


def _keys(texts: list[str]) -> Ints:
    """Equal texts as equal numbers, in the order in which they first appear; -1 for an empty one."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) if text else MISSING for text in texts], np.int64)


def _blocks(cells: Cells, column: str | None, order: Ints, block: int) -> dict[str, Any]:
    """The prompts' blocks in the order of the rows, as dense numbers."""
    if column is None:
        return {}
    rows = [text.split() for text in cells.columns[column].take(order).to_pylist()]
    numbers: dict[str, int] = {}
    dense = [numbers.setdefault(one, len(numbers)) for row in rows for one in row]
    first = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return {"blocks": np.array(dense, np.int64), "first_block": first.astype(np.int64), "block": block}


def _token_columns(columns: Columns) -> list[tuple[str | None, bool]]:
    """Column and whether its cells may be empty."""
    return [(columns.input, False), (columns.output, False), (columns.cached, True)]


def _warnings(ordered: bool, entered: Ints, output: Ints) -> Iterator[str]:
    if not ordered:
        yield "the rows are not in the order of time; they were sorted"
    for name, tokens in (("input", entered), ("output", output)):
        if zeros := int((tokens == 0).sum()):
            yield f"{zeros:,} of {len(tokens):,} rows have no {name} tokens"


# --- the file ---------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(GZIP) else data
    except EOFError:
        raise TraceError(path, "the gzip file is truncated; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TraceError(path, f"the gzip file is damaged: {error}") from None
    except OSError as error:
        raise TraceError(path, f"the file cannot be read: {error.strerror or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TraceError(path, "the file is not UTF-8 text", line) from None
    if not text.strip():
        raise TraceError(path, "the file is empty")
    return text


def _csv_header(path: Path, text: str) -> list[str]:
    first = text.lstrip().partition("\n")[0]
    if first.startswith("["):
        raise TraceError(path, "this is a JSON list; write one object a line (JSONL)", 1)
    return [name.strip() for name in next(csv.reader([first], delimiter=_delimiter(text)))]


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return max(",;\t", key=first.count)


def _jsonl_header(path: Path, text: str) -> list[str]:
    first = text.lstrip().partition("\n")[0]
    return list(_object(path, first, text[: len(text) - len(text.lstrip())].count("\n") + 1))


def _format(path: Path, spec: Trace, found: Sequence[str]) -> tuple[Columns, str]:
    if spec.columns is not None:
        return spec.columns, spec.unit or "s"
    for columns, unit in FORMATS.values():
        if {columns.time, columns.input, columns.output} <= set(found):
            return columns, spec.unit or unit
    message = "the format is not recognised (Azure: TIMESTAMP, ContextTokens, GeneratedTokens; Mooncake: timestamp, "
    message += f"input_length, output_length); name the `columns` of the trace. There are {', '.join(found)}"
    raise TraceError(path, message)


def _read_csv(path: Path, text: str, wanted: list[str]) -> Cells:
    import pyarrow as pa
    from pyarrow import csv as arrow

    wrong: list[Any] = []

    def keep(row: Any) -> str:
        wrong.append(row)
        return "error"

    delimiter = _delimiter(text)
    header = _csv_header(path, text)
    positions = {name: f"c{header.index(name)}" for name in wanted}
    body = text.lstrip()
    try:
        table = arrow.read_csv(
            io.BytesIO(body.encode()),
            read_options=arrow.ReadOptions(use_threads=False, column_names=[f"c{i}" for i in range(len(header))]),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep),
            convert_options=arrow.ConvertOptions(
                include_columns=list(positions.values()), column_types=dict.fromkeys(positions.values(), pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        if not wrong:
            raise TraceError(path, f"the CSV cannot be read: {error}") from None
        row, line = wrong[0], _csv_line(text, wrong[0].number - 1)
        message = f"expected {row.expected_columns} columns, found {row.actual_columns}"
        raise TraceError(path, message, line, value=row.text) from None
    columns = {name: _trimmed(table.column(place).slice(1)) for name, place in positions.items()}
    return Cells(path, columns, lambda row: _csv_line(text, row + 1))


def _csv_line(text: str, record: int) -> int:
    """Line at which a record (0: the header) begins; blank lines are no records."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    seen, begins = -1, 1
    for row in reader:
        seen += bool(row)
        if row and seen == record:
            return begins
        begins = reader.line_num + 1
    return begins


def _read_jsonl(path: Path, text: str, wanted: list[str], blocks: str | None) -> Cells:
    import pyarrow as pa

    cells: dict[str, list[str]] = {name: [] for name in wanted}
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            lines.append(number)
            row = _object(path, line, number)
            for name in wanted:
                cell = _list if name == blocks else _cell
                cells[name].append(cell(path, row.get(name), number, name))
    columns = {name: _trimmed(pa.chunked_array([pa.array(values, pa.string())])) for name, values in cells.items()}
    return Cells(path, columns, lines.__getitem__)


def _object(path: Path, line: str, number: int) -> dict[str, Any]:
    """A line as an object, its numbers as they are written."""
    try:
        row = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise TraceError(path, f"the line is not valid JSON: {error}", number) from None
    except RecursionError:
        raise TraceError(path, "the line is nested too deeply", number) from None
    if not isinstance(row, dict):
        raise TraceError(path, "the line is not a JSON object", number, value=line.strip())
    return row


def _cell(path: Path, value: object, number: int, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        raise TraceError(path, "expected a single value", number, column, json.dumps(value))
    return value


def _list(path: Path, value: object, number: int, column: str) -> str:
    """A list of whole numbers with spaces between."""
    whole = isinstance(value, list) and all(isinstance(one, str) and one.isdecimal() for one in value)
    if not whole or not isinstance(value, list):
        raise TraceError(path, "expected a list of whole numbers", number, column, json.dumps(value))
    return " ".join(value)


# --- the columns --------------------------------------------------------------------------------------


def _trimmed(values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(values).combine_chunks()


def _decimals(values: Any, unit: int) -> Any:
    """Texts as decimals times `unit`. Raises `ArrowInvalid`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.multiply(pc.cast(values, pa.decimal256(54, 30)), pa.scalar(unit, pa.decimal256(19, 0)))


def _whole(values: Any, unit: int) -> Any:
    """Texts times `unit` as int64, to the nearest (half to even). Raises `ArrowInvalid`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.round(_decimals(values, unit), 0, round_mode="half_to_even"), pa.int64())


def _convert(cells: Cells, column: str, convert: Callable[[Any], Any], message: str) -> Ints:
    """The column as int64, or blame on its first row that does not convert."""
    import pyarrow as pa

    values = cells.columns[column]
    try:
        return np.array(convert(values), dtype=np.int64)
    except pa.ArrowInvalid:
        good, bad = 0, len(values)  # the first `good` rows convert, the first `bad` do not
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                convert(values.slice(good, middle - good))
                good = middle
            except pa.ArrowInvalid:
                bad = middle
        return cells.fail(good, column, message)


def _times(cells: Cells, column: str, unit: int) -> Ints:
    """Arrival times in ns from any zero: numbers, or dates and times (without a zone: UTC)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first = cells.columns[column].slice(0, 1)
    zone = "UTC" if pc.match_substring_regex(first, ZONE)[0].as_py() else None

    def dates(values: Any) -> Any:
        return pc.cast(pc.cast(values, pa.timestamp("ns", zone)), pa.int64())

    if pc.match_substring_regex(first, r"^\d{4}-\d\d-\d\d")[0].as_py():
        message = "expected a date and time like the first row's, e.g. 2026-11-02 18:15:46.68"
        return _convert(cells, column, dates, message)
    message = "expected a time: a number, or a date and time like 2026-11-02 18:15:46.68"
    return _convert(cells, column, lambda values: _whole(values, unit), message)


def _tokens(cells: Cells, column: str | None, may_be_empty: bool) -> Ints:
    if column is None:
        return np.full(len(next(iter(cells.columns.values()))), MISSING, dtype=np.int64)
    import pyarrow as pa
    import pyarrow.compute as pc

    def whole(values: Any) -> Any:
        exact = _decimals(pc.replace_substring_regex(values, "^$", str(MISSING)) if may_be_empty else values, 1)
        return pc.cast(exact, pa.int64())  # a fraction does not convert

    tokens = _convert(cells, column, whole, "expected a whole number of tokens")
    empty = np.asarray(pc.equal(cells.columns[column], ""))
    _refuse(cells, column, (tokens < 0) & ~empty, "expected a whole number of tokens, not a negative one")
    _refuse(cells, column, tokens > MOST_TOKENS, f"expected at most {int(MOST_TOKENS):,} tokens")
    return tokens


def _check_cached(cells: Cells, columns: Columns, tokens: list[Ints]) -> None:
    entered, _, cached = tokens
    if columns.cached is not None and columns.input is not None:
        _refuse(cells, columns.cached, cached > entered, "more cached tokens than input tokens; input includes them")


def _amounts(cells: Cells, column: str | None, unit: int) -> Ints | None:
    """Non-negative amounts times `unit`; empty cells are -1."""
    if column is None:
        return None
    import pyarrow.compute as pc

    empty = np.asarray(pc.equal(cells.columns[column], ""))
    amounts = _convert(
        cells, column, lambda values: _whole(pc.replace_substring_regex(values, "^$", "0"), unit), "expected a number"
    )
    _refuse(cells, column, amounts < 0, "expected a number that is not negative")
    return np.where(empty, MISSING, amounts)


def _refuse(cells: Cells, column: str, wrong: Bools, message: str) -> None:
    if wrong.any():
        cells.fail(int(wrong.argmax()), column, message)


def _successes(cells: Cells, column: str) -> Bools:
    import pyarrow.compute as pc

    return np.array(pc.match_substring_regex(cells.columns[column], SUCCESS), dtype=np.bool_)


def _replayed(times: Ints, speed: float) -> Ints:
    """Times divided by the speed, exactly, to the nearest ns (half up)."""
    if speed == 1:
        return times
    above, below = speed.as_integer_ratio()
    scaled = [(2 * time * below + above) // (2 * above) for time in times.tolist()]
    return np.array(scaled, dtype=np.int64)


__all__ = ["TraceError", "TraceRows", "read_trace"]
