"""The kernel of a notebook is the interpreter that runs simkit: "No such kernel" cannot happen.

Papermill starts `ThisInterpreter`; a server (Voilà, JupyterLab) is told by its environment.
"""

import json
import os
import sys
import threading
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

NAME = "python3"
COMMAND = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
ALONE = "--HistoryManager.hist_file=:memory:"
"""Kernels side by side do not wait for one another to write down what was typed (papermill's have this anyway)."""


def search_path() -> str:
    """The PYTHONPATH of a kernel: with this simkit, where it is used from its folder without being installed."""
    package, before = Path(__file__).parents[2], os.environ.get("PYTHONPATH", "")
    if package.name in ("site-packages", "dist-packages"):
        return before
    return os.pathsep.join(filter(None, (str(package), before)))


def environment(folder: Path) -> dict[str, str]:
    """The environment of a server whose kernel `python3` is this interpreter; its description is put into `folder`."""
    spec = folder / "kernels" / NAME
    spec.mkdir(parents=True, exist_ok=True)
    about = {"argv": [*COMMAND, ALONE, "--log-level=ERROR"], "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
    others = os.environ.get("JUPYTER_PATH", "")
    return {
        **os.environ,
        "JUPYTER_PATH": os.pathsep.join(filter(None, (str(folder), others))),  # searched before what is installed
        "JUPYTER_PREFER_ENV_PATH": "0",
        "PYTHONPATH": search_path(),
    }


class Kernels:
    """Kernels at work, so that all can be ended at once."""

    def __init__(self) -> None:
        self._halt = threading.Event()
        self._started: list[ThisInterpreter] = []

    def manager(self) -> "type[ThisInterpreter]":
        """The class of kernel managers that papermill is to use."""
        kernels = self

        class Manager(ThisInterpreter):
            async def _async_start_kernel(self, **settings: Any) -> None:
                if kernels.halted():
                    raise RuntimeError("stopped")
                quiet = {"stdout": DEVNULL, "stderr": DEVNULL}  # what cells print comes another way
                await super()._async_start_kernel(**{**settings, **quiet})
                kernels._started.append(self)
                if kernels.halted():
                    self.end()

            start_kernel = _async_start_kernel  # type: ignore[assignment]

        return Manager

    def halted(self) -> bool:
        """Have they been ended?"""
        return self._halt.is_set()

    def halt(self) -> None:
        """End all of them, and start none any more."""
        self._halt.set()
        for one in self._started:
            one.end()


class ThisInterpreter(AsyncKernelManager):
    """A kernel that is this very interpreter, whatever is or is not installed elsewhere."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How it is started."""
        env = {"PYTHONPATH": search_path()}
        return KernelSpec(argv=list(COMMAND), display_name="Python 3", language="python", env=env)

    def end(self) -> None:
        """End its process at once."""
        process = getattr(self.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()
