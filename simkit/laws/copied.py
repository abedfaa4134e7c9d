"""How Numba compiles what is only ever copied into others, or linked with them: no further than it is needed there.

Numba makes machine code of every function it compiles, and optimises each with all that it calls, time and again on
the way up from the smallest step to the event loop. Left to those that are called from Python it takes half the time.
"""

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class CopiedCompiler(Compiler):  # type: ignore[misc]
    """Numba's compiler, but for where the code goes."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        self.state.library = CopiedCode(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class CopiedCode(JITCodeLibrary):  # type: ignore[misc]
    """Code that is ready to be linked, and never to be run as it stands."""

    @property
    def codegen(self) -> "WithoutEnvironments":
        """What makes machine code."""
        return WithoutEnvironments(self._codegen)

    def get_pointer_to_function(self, _: str) -> int:
        """No address: but this is when code is completed."""
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self) -> None:
        """It is done where the code is copied to."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class WithoutEnvironments:
    """A code generator that is told of no globals of functions: their addresses are those of machine code."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, _: str, __: object) -> None:
        """Nothing to be told."""
