"""Running one notebook with papermill: what it shows, what it records, and how it failed."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill

from simkit.report.kernel import NAME, Kernels
from simkit.study.progress import Progress, silent

RECORD = "application/vnd.simkit.summary+json"
"""An output of this type is what a notebook records for `summary.json`; see `simkit.report.record`."""
START_S = 120
"""A kernel that has not started by then never will."""


class NotebookError(RuntimeError):
    """A cell raised, or the kernel died. What was shown until then is on disk."""


@dataclass(frozen=True)
class Executed:
    """A notebook that ran to its end, or to the cell that raised."""

    notebook: nbformat.NotebookNode
    error: str = ""
    """Empty: it ran to its end."""

    @property
    def record(self) -> dict[str, Any]:
        """What the notebook recorded, the last of each name."""
        found: dict[str, Any] = {}
        for cell in self.notebook.cells:
            for output in cell.get("outputs", []):
                found |= output.get("data", {}).get(RECORD, {})
        return found


def execute(
    notebook: Path,
    to: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    kernels: Kernels | None = None,
    progress: Progress = silent,
) -> Executed:
    """Run a notebook with papermill in the kernel that is this interpreter.

    Args:
        notebook: the notebook.
        to: where it is written, with its outputs, cell by cell.
        parameters: checked before (papermill takes any name and type).
        folder: the kernel's working folder.
        kernels: who may end it.
        progress: takes the share of cells done.

    Raises:
        OSError: it cannot be written.
    """
    kernels = kernels or Kernels()
    cells = max(1, len(nbformat.read(notebook, as_version=4).cells))

    def told(cell_index: int, **_: Any) -> None:
        progress(min(1.0, (cell_index + 1) / cells))

    settings: dict[str, Any] = {
        "kernel_manager_class": kernels.manager(),
        "resources": {"metadata": {"path": str(folder)}},  # papermill's own `cwd` moves this whole process there
        "on_cell_executed": told,
    }
    try:
        with _silent_when_halted(kernels):
            done = papermill.execute_notebook(
                str(notebook.absolute()), str(to.absolute()), dict(parameters), kernel_name=NAME,
                language="python", progress_bar=False, log_output=False, start_timeout=START_S, **settings,
            )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        cell = "" if error.exec_count is None else f"cell {error.cell_index} ([{error.exec_count}]): "
        return Executed(nbformat.read(to, as_version=4), f"{cell}{error.ename}: {error.evalue}".strip())
    except RuntimeError as error:  # nbclient's DeadKernelError, and what `Kernels` raises after its end
        if not to.exists():
            raise NotebookError(str(error)) from error
        return Executed(nbformat.read(to, as_version=4), f"the kernel ended: {error}")
    return Executed(done)


@contextlib.contextmanager
def _silent_when_halted(kernels: Kernels) -> Iterator[None]:
    """Papermill complains of every kernel that dies: not of those that were ended on purpose."""

    def wanted(_: logging.LogRecord) -> bool:
        return not kernels.halted()

    log = logging.getLogger("papermill")
    log.addFilter(wanted)
    try:
        yield
    finally:
        log.removeFilter(wanted)
