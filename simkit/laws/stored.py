"""Compiled functions on disk: looked for before Numba loads all that it compiles with."""

import contextlib
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class Stored(FunctionCache):  # type: ignore[misc]
    """Numba's cache, but for the order: it prepares to compile first, which takes longer than all else of a start.

    A file that cannot be read counts as none, and one that cannot be written is done without.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled version for these types, or None."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        return super().load_overload(sig, target_context) if found is None else found

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super()._load_overload(sig, target_context)
        except Exception:  # an empty file, or half of one, as a power failure leaves it: reading may raise anything
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled."""
        with contextlib.suppress(OSError, EOFError, ValueError):  # a full disk; an index that cannot be read
            super().save_overload(sig, data)
