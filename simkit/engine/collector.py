"""Python's garbage collector, where millions of objects come and its default takes a good part of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def calm_collector(*thresholds: int) -> Iterator[None]:
    """Collect garbage less often meanwhile; `thresholds` are those of `gc.set_threshold`."""
    before = gc.get_threshold()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        gc.set_threshold(*before)
