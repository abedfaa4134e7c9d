"""The commands. Each is thin: it reads its options, calls the library, and says what came out."""

import gc
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. An interrupt is one from the first moment on, while things are loaded."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks for some in all that is installed
    gc.set_threshold(200_000)  # what is loaded at the start stays: to look through it over and over takes as long again
    try:
        from simkit.cli.app import main as command
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130
    return command(args)
