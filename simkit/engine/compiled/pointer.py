"""Arrays as bare pointers: what the kernel's steps hand to each other.

An array as an argument is counted at every call (who still needs it?), which cost more time than the model
itself. A pointer is one word and is not counted; the caller of the kernel keeps the arrays alive.
"""

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core.cgutils import pack_array, raw_memcpy
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


def pointer(array: Any) -> Any:
    """The pointer to the first item of an array."""
    return array


def view(start: Any, first: int, shape: tuple[int, ...]) -> Any:
    """The array of a shape that begins at an item of what a pointer points to."""
    size = 1
    for length in shape:
        size *= int(length)
    return start[first : first + size].reshape(shape)


def copy(start: Any, first: int, source: int, items: int) -> None:
    """Copy items of what a pointer points to from `source` on to another place, `first` on; they do not overlap."""
    start[first : first + items] = start[source : source + items]


def fetch(start: Any, item: int) -> None:
    """Have the processor get an item closer that is read soon: it goes on meanwhile."""


if not config.DISABLE_JIT:

    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(_: Any, array: Any) -> Any:
        """The pointer to the first item of an array."""

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return make_array(signature.args[0])(context, builder, args[0]).data

        return types.CPointer(array.dtype)(array), build

    @intrinsic  # type: ignore[untyped-decorator]
    def view(_: Any, start: Any, first: Any, shape: Any) -> Any:
        """The array of a shape that begins at an item of what a pointer points to."""
        array_type = types.Array(start.dtype, len(shape), "C")

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start_at, first_at, lengths = args
            array = make_array(array_type)(context, builder)
            size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
            shape_of = [builder.extract_value(lengths, axis) for axis in range(len(shape))]
            strides = [size]
            for length in shape_of[:0:-1]:
                strides.insert(0, builder.mul(strides[0], length))
            populate_array(
                array,
                data=builder.gep(start_at, [first_at]),
                shape=pack_array(builder, shape_of, ty=size.type),
                strides=pack_array(builder, strides, ty=size.type),
                itemsize=size,
                meminfo=None,
            )
            return array._getvalue()

        return array_type(start, types.intp, types.UniTuple(types.intp, len(shape))), build

    @intrinsic  # type: ignore[untyped-decorator]
    def copy(_: Any, start: Any, first: Any, source: Any, items: Any) -> Any:
        """Copy items of what a pointer points to from `source` on to another place, `first` on; they do not overlap."""

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start_at, first_at, source_at, count = args
            size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(start.dtype)))
            raw_memcpy(builder, builder.gep(start_at, [first_at]), builder.gep(start_at, [source_at]), count, size)
            return context.get_dummy_value()

        return types.none(start, types.intp, types.intp, types.intp), build

    @intrinsic  # type: ignore[untyped-decorator]
    def fetch(_: Any, start: Any, item: Any) -> Any:
        """Have the processor get an item closer that is read soon: it goes on meanwhile."""

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start_at, at = args
            address = builder.bitcast(builder.gep(start_at, [at]), ir.IntType(8).as_pointer())
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
            prefetch = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
            builder.call(prefetch, [address, word(0), word(3), word(1)])  # to read; to keep; data
            return context.get_dummy_value()

        return types.none(start, types.intp), build
