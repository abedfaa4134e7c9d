"""The commands. Each is thin: it reads its options, calls the library, and says what came out."""

from simkit.cli.app import main

__all__ = ["main"]
