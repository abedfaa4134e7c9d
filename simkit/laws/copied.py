"""How Numba compiles what is only ever copied into others, or linked with them: no further than it is needed there.

Numba makes machine code of every function it compiles, and optimises each with all that it calls, time and again on
the way up from the smallest step to the event loop. Left to those that are called from Python it takes half the time.
Those, in turn, are copied nowhere: of them machine code alone is kept on disk.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding
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


class EntryCompiler(Compiler):  # type: ignore[misc]
    """Numba's compiler, but for what is kept of its code."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        self.state.library = EntryCode(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class EntryCode(JITCodeLibrary):  # type: ignore[misc]
    """Code that nothing is linked with: reading its bitcode from disk again takes as long as all else of loading it."""

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """As Numba does it, but of the bitcode only the names that the machine code defines."""
        name, kind, (code, _) = super().serialize_using_object_code()
        return name, kind, (code, names_of(self._final_module).as_bitcode())


def names_of(module: binding.ModuleRef) -> binding.ModuleRef:
    """A module in which all that is defined in this one is defined, and empty."""
    functions = [f"define void @{quoted(one.name)}() {{ ret void }}" for one in module.functions if is_defined(one)]
    variables = [f"@{quoted(one.name)} = global i8 0" for one in module.global_variables if is_defined(one)]
    return binding.parse_assembly("\n".join((*functions, *variables)))


def is_defined(value: binding.ValueRef) -> bool:
    """May it be asked for by name?"""
    return bool(value.name) and not value.is_declaration


def quoted(name: str) -> str:
    """A name as LLVM's texts write it."""
    return '"' + name.replace("\\", "\\5C").replace('"', "\\22") + '"'
