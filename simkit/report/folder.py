"""Where reports are kept: names that can do no harm, files that are whole or not there."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SUMMARY = "summary.json"
LATEST = "latest"
LONGEST = 60
"""Characters of a folder's name."""


def slug(name: str) -> str:
    """A name as a folder has it: letters, digits, `-` and `_` only, whatever was in it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:LONGEST].strip("-")
    return plain or "scenario"


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written; what stood there before stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place when all has gone well, and is gone otherwise.

    The folder that they are in is gone, too, where nothing is in it.

    Raises:
        OSError: it cannot be made or moved.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield draft
        draft.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
            folder.rename(old / folder.name)
            draft.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty
            folder.parent.rmdir()


def link_latest(place: Path) -> None:
    """Let `latest` in a scenario's folder lead to its newest report that did not fail, where there are links."""
    well = [(folder, about) for folder, about in reports_in(place) if about.get("status") != "failed"]
    link, draft = place / LATEST, place / f".{LATEST}.{os.getpid()}"
    try:
        if well:
            draft.symlink_to(well[0][0].name, target_is_directory=True)
            draft.replace(link)
        else:
            link.unlink(missing_ok=True)
    except (OSError, NotImplementedError):
        draft.unlink(missing_ok=True)


def summary_of(folder: Path) -> dict[str, Any] | None:
    """What is known of the report in a folder; None: there is none."""
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def summaries(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every report below a folder, the last made first."""
    return _newest(root.glob(f"*/*/{SUMMARY}"))


def reports_in(place: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every report of a scenario, the last made first."""
    return _newest(place.glob(f"*/{SUMMARY}"))


def _newest(paths: Iterable[Path]) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in paths:
        folder = path.parent
        if folder.is_symlink() or folder.name.startswith("."):
            continue
        summary = summary_of(folder)
        if summary is not None:
            found.append((str(summary.get("made", "")), path.stat().st_mtime_ns, folder, summary))
    return [(folder, summary) for _, _, folder, summary in sorted(found, key=lambda one: one[:2], reverse=True)]
