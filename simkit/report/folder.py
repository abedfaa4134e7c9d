"""Where reports are kept: names that can do no harm, files that are whole or not there."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
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


def link_latest(folder: Path) -> None:
    """Let `latest` beside the folder lead to it, where there are links."""
    link = folder.parent / LATEST
    draft = folder.parent / f".{LATEST}.{os.getpid()}.{folder.name}"
    try:
        draft.symlink_to(folder.name, target_is_directory=True)
        draft.replace(link)
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
    found = []
    for path in root.glob(f"*/*/{SUMMARY}"):
        folder = path.parent
        if folder.is_symlink() or folder.name.startswith("."):
            continue
        summary = summary_of(folder)
        if summary is not None:
            found.append((folder, summary))
    return sorted(found, key=lambda one: str(one[1].get("made", "")), reverse=True)
