"""A result on disk: Parquet tables and a manifest, complete or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
LOGGED = ("actions", "attempts", "lookups", "budget_log", "region_log", "user_log")
"""Tables of the log's rows."""
TABLES = (
    "caches", "hit_rates", "prompt_caches", "budgets", "tiers", "causes", "spikes", "users", "turns", "work", "regions",
    "flow", "failovers", "residency", "region_timeline", "replicas", "days", "weeks", "months", "cohorts",
    "retention", "money", "breaks",
)  # fmt: skip
"""Tables of the bill, of regions and of growth."""
GROUP = 1 << 17
"""Rows of a row group of a long table."""


def check_writable(folder: str | os.PathLike[str]) -> Path:
    """The folder as a path, if a result can be saved there; nothing is left behind.

    Raises:
        OSError: It is a file, or cannot be made or written; the message says which and what to do.
    """
    path = Path(folder).absolute()
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(f"Cannot save to {folder}: {place} is not a folder. Name another with --out.")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise PermissionError(
            f"Cannot save to {folder}: {place} cannot be written ({error.strerror}). Name another with --out."
        ) from error
    return path


def save(
    folder: str | os.PathLike[str],
    frames: Mapping[str, Any],
    manifest: Mapping[str, Any],
    pieces: Mapping[str, Sequence[Path]] | None = None,
) -> Path:
    """Write `frames` as NAME.parquet, and files that are pieces of one table as one, and the manifest.

    All is written beside the folder first. A new folder appears whole by one rename; in one that exists, files
    of the same names are replaced one by one, the manifest last, tables that an earlier result had are removed, and
    others are left alone.

    Raises:
        OSError: It cannot be written.
    """
    path = check_writable(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, frame in frames.items():
            frame.to_parquet(draft / f"{name}.parquet", index=False)
        for name, files in (pieces or {}).items():
            _join(files, draft / f"{name}.parquet")
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")
        draft.chmod(0o755)
        _move(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return path


def _join(files: Sequence[Path], target: Path) -> None:
    """One Parquet file of several, in row groups of the same size wherever the pieces were cut."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not files:
        return
    schema = pq.read_schema(files[0])
    with pq.ParquetWriter(target, schema) as writer:
        rest = schema.empty_table()
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(GROUP):
                rest = pa.concat_tables([rest, pa.Table.from_batches([batch])])
                if len(rest) >= GROUP:
                    writer.write_table(rest.slice(0, GROUP).combine_chunks())
                    rest = rest.slice(GROUP)
        writer.write_table(rest.combine_chunks())


def _move(draft: Path, path: Path) -> None:
    if not path.exists():
        draft.rename(path)
        return
    for name in (f"{table}.parquet" for table in (*LOGGED, *TABLES, "levers")):
        if not (draft / name).exists():
            (path / name).unlink(missing_ok=True)
    for file in sorted(draft.iterdir(), key=lambda file: file.name == MANIFEST):
        file.replace(path / file.name)
