"""A row of the table of mechanisms, see `mechanisms`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mechanism:
    """What a mechanism must have. An empty field is a blank."""

    paths: tuple[str, ...]
    """Where it stands in the schema: a leaf, or all below (see `leaves`)."""
    cases: tuple[str, ...]
    """Clockwork cases."""
    witness: str
    """A test in tests/theory or the name of a `Witness` there; elsewhere in tests: `file.py::test`."""
    metric: str
    """Where it shows in numbers."""
    picture: str
    """A figure of `simkit.report`, or a table of a result with a picture."""
    phrase: str
    """Words of a notebook's sentence about it."""
    drawn: tuple[str, ...] = ()
    """Where a draw decides what happens, no case can be written by hand. Then these tests (`file.py::test`) stand in
    their place: both engines are the same on generated scenarios that have it."""
