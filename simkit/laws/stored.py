"""Compiled functions on disk: looked for before Numba loads all that it compiles with."""

from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class Stored(FunctionCache):  # type: ignore[misc]
    """Numba's cache, but for the order: it prepares to compile first, which takes longer than all else of a start."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled version for these types, or None."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        return super().load_overload(sig, target_context) if found is None else found
