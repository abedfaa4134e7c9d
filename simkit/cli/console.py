"""Speaking to the user and to the shell: output, complaints, exit codes, folders."""

import contextlib
import os
import sys
import tempfile
from enum import IntEnum
from pathlib import Path

import click


class Exit(IntEnum):
    """What the exit code of a command means."""

    WELL = 0
    CHECK_FAILED = 1
    """`check` found a failed or undecided expectation or invariant."""
    BAD_INPUT = 2
    UNFINISHED = 3
    """Could not finish (disk, memory, lost worker); what was computed is kept."""
    STOPPED = 130


class BadInput(click.ClickException):
    """Something the user can mend: one clear page, exit 2, nothing written."""

    exit_code = Exit.BAD_INPUT

    def show(self, file: object = None) -> None:
        """Write the page to standard error."""
        complain(self.format_message())


def say(text: str) -> None:
    """Write to standard output. A reader that went away (`| head`) is no error, and the command goes on."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Send what is still to be printed nowhere, so that Python's own flush at its end cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def coloured() -> bool:
    """May standard output have colours: a terminal, and nobody said no (no-color.org)?"""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def complain(text: str) -> None:
    """Write to standard error, if anybody can read it."""
    try:
        click.echo(text, err=True)
    except OSError:
        return


def check_file(option: str, file: Path | None) -> None:
    """Find out whether a file can be written, before anything is run; nothing is left behind.

    Raises:
        BadInput: it cannot.
    """
    if file is None:
        return
    folder = file.absolute().parent
    if not folder.is_dir():
        raise BadInput(f"{option} {file}: there is no folder {file.parent}. Nothing was run.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if file.exists():
            file.open("r+b").close()
    except OSError as error:
        raise BadInput(f"{option} {file}: it cannot be written ({error.strerror}). Nothing was run.") from None


def check_folder(folder: Path) -> None:
    """The same for a folder, which need not be there yet.

    Raises:
        BadInput: nothing can be saved there.
    """
    from simkit.result.saving import check_writable

    try:
        check_writable(folder)
    except OSError as error:
        raise BadInput(f"{error} Nothing was run.") from None
