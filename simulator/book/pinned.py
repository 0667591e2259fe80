"""Named tuples of arrays that stay where they are, handed to a compiled entry as one argument.

An entry that Python calls takes each array apart anew, 0.06 us an array: 2.3 us for the flow's forty, more than a few rows take.
``Pinned`` writes down once where they lie, and the entry's wrapper reads them from there. Inside of the entry they are the same tuples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.typeof import typeof
from numba.extending import NativeValue, make_attribute_wrapper, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array

from simulator.records import I64

NAMES = ("books", "columns", "state")


class Pinned(int):
    """A worker's arrays. Its number is the address of a table of where they lie, and how long each is.

    It keeps the tuples alive. None of their arrays may be resized in place.
    """

    books: Any
    columns: Any
    state: Any
    _table: I64

    def __new__(cls, books: Any, columns: Any, state: Any) -> Pinned:
        tuples = (books, columns, state)
        words = [word for part in tuples for array in part for word in (array.ctypes.data, *array.shape, *array.strides)]
        table = np.array(words, np.int64)
        pinned = super().__new__(cls, table.ctypes.data)
        pinned.books, pinned.columns, pinned.state = tuples
        pinned._table = table
        return pinned

    def __reduce__(self) -> tuple[Any, ...]:
        return Pinned, (self.books, self.columns, self.state)  # an address holds in its own process


class PinnedType(types.Type):
    """Numba's type of a ``Pinned``."""

    def __init__(self, tuples: tuple[Any, ...]) -> None:
        self.tuples = tuples
        super().__init__(name=f"Pinned({', '.join(map(str, tuples))})")


@register_model(PinnedType)
class PinnedModel(models.StructModel):  # type: ignore[misc]
    """The tuples, each as numba has it."""

    def __init__(self, manager: Any, type_: PinnedType) -> None:
        super().__init__(manager, type_, list(zip(NAMES, type_.tuples, strict=True)))


for _name in NAMES:
    make_attribute_wrapper(PinnedType, _name, _name)


@typeof_impl.register(Pinned)  # type: ignore[untyped-decorator]
def _type_of(pinned: Pinned, context: Any) -> PinnedType:
    return PinnedType(tuple(typeof(getattr(pinned, name)) for name in NAMES))


@unbox(PinnedType)  # type: ignore[untyped-decorator]
def _read(type_: PinnedType, pinned: Any, c: Any) -> NativeValue:
    """The tuples as the table has them. Nothing counts references to their arrays: the ``Pinned`` lives as long as the call."""
    context, builder, word = c.context, c.builder, ir.IntType(64)
    next_word = builder.bitcast(c.pyapi.long_as_voidptr(pinned), word.as_pointer())

    def take(count: int) -> list[Any]:
        nonlocal next_word
        taken = []
        for _ in range(count):
            taken.append(builder.load(next_word))
            next_word = builder.gep(next_word, [word(1)])
        return taken

    market = cgutils.create_struct_proxy(type_)(context, builder)
    for name, tuple_type in zip(NAMES, type_.tuples, strict=True):
        arrays = []
        for array_type in tuple_type.types:
            array = make_array(array_type)(context, builder)
            element = context.get_data_type(array_type.dtype)
            (address,), shape, strides = take(1), take(array_type.ndim), take(array_type.ndim)
            populate_array(
                array, data=builder.inttoptr(address, element.as_pointer()), shape=shape, strides=strides,
                itemsize=word(context.get_abi_sizeof(element)), meminfo=None,
            )  # fmt: skip
            arrays.append(array._getvalue())
        setattr(market, name, context.make_tuple(builder, tuple_type, arrays))
    return NativeValue(market._getvalue())
