"""Ends that are asked for politely: as Ctrl-C, so that nothing is left half behind."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def ended_by(*names: str) -> Iterator[None]:
    """Signals that would end this process at once raise KeyboardInterrupt meanwhile; this system may lack some."""
    if threading.current_thread() is not threading.main_thread():  # only there may one listen
        yield
        return
    found = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [signal.signal(one, signal.default_int_handler) for one in found]
    try:
        yield
    finally:
        for one, handler in zip(found, before, strict=True):
            signal.signal(one, handler)


__all__ = ["ended_by"]
