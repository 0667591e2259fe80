"""Arrays that stay where they are, handed to compiled entries as one address.

An entry that Python calls takes each array apart anew: 0.06 us an array, 2.5 us for the flow's forty, which is more than a few rows take.
``Pinned`` writes down once where the arrays of some tuples lie; an entry gets that address and reads the tuples from there, with the
types, and the bounds to check, that they would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.core.datamodel import models
from numba.core.typing.typeof import typeof
from numba.extending import NativeValue, intrinsic, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array

from simulator.records import I64


class Pinned(int):
    """Where the arrays of some named tuples lie: the address of a table of their addresses, lengths, shapes and strides.

    The tuples are kept as long as this is; none of their arrays may be made larger in place.
    """

    parts: tuple[Any, ...]
    _table: I64

    def __new__(cls, *parts: Any) -> Pinned:
        words: I64 = np.array([word for part in parts for array in part for word in _words(array)], np.int64)
        pinned = super().__new__(cls, words.ctypes.data)
        pinned.parts, pinned._table = parts, words
        return pinned

    def __reduce__(self) -> tuple[Any, ...]:
        return Pinned, self.parts  # an address holds in its own process

    def __repr__(self) -> str:
        return f"Pinned({', '.join(type(part).__name__ for part in self.parts)})"


def _words(array: Any) -> Iterator[int]:
    yield from (array.ctypes.data, *array.shape, *array.strides)


class PinnedType(types.Type):
    """Numba's type of a ``Pinned``: that of its tuples."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts
        super().__init__(name=f"Pinned({', '.join(map(str, parts))})")


register_model(PinnedType)(models.OpaqueModel)


@typeof_impl.register(Pinned)  # type: ignore[untyped-decorator]
def _type_of(pinned: Pinned, context: Any) -> PinnedType:
    return PinnedType(tuple(typeof(part) for part in pinned.parts))


@unbox(PinnedType)  # type: ignore[untyped-decorator]
def _address_of(type_: Any, number: Any, c: Any) -> NativeValue:
    return NativeValue(c.pyapi.long_as_voidptr(number))


if config.DISABLE_JIT:

    def tuples(pinned: Pinned) -> tuple[Any, ...]:
        """The tuples."""
        return pinned.parts

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def tuples(typing_context: Any, pinned: PinnedType) -> Any:
        """The tuples, as they would be had an entry been called with them. Nothing counts references to their arrays."""
        result = types.containers.Tuple(pinned.parts)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            table, place = builder.bitcast(arguments[0], word.as_pointer()), 0

            def take(count: int) -> list[Any]:
                nonlocal place
                place += count
                return [builder.load(builder.gep(table, [word(n)])) for n in range(place - count, place)]

            found = []
            for part in pinned.parts:
                arrays = []
                for type_ in part.types:
                    array = make_array(type_)(context, builder)
                    element = context.get_data_type(type_.dtype)
                    populate_array(
                        array, data=builder.inttoptr(take(1)[0], element.as_pointer()), shape=take(type_.ndim), strides=take(type_.ndim),
                        itemsize=word(context.get_abi_sizeof(element)), meminfo=None,
                    )  # fmt: skip
                    arrays.append(array._getvalue())
                found.append(context.make_tuple(builder, part, arrays))
            return context.make_tuple(builder, result, found)

        return result(pinned), generate
