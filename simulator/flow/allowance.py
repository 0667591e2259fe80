"""What a symbol may still write, and what it still must, in the second at hand."""

from __future__ import annotations

from simulator.book.jit import kernel
from simulator.flow.rates import BOOK_CEILING, BOOK_FLOOR, PRINT_CEILING, PRINT_FLOOR
from simulator.flow.state import BOOK_USED, MODE_TRADES, P_VENUE_ROWS, PRINT_USED, SECOND, SERVED, SLOTS, FlowState


@kernel
def unserved(fl: FlowState, i: int) -> int:
    """Venues of the symbol that have shown no row in this second, where each that is open has to show one."""
    if fl.parameter[P_VENUE_ROWS] == 0.0 or fl.budget[i, fl.whole[i, SECOND], BOOK_FLOOR] < fl.repricing.shape[1]:
        return 0
    waiting = fl.open[i, fl.whole[i, SECOND]] & ~fl.whole[i, SERVED]
    count = 0
    for v in range(fl.repricing.shape[1]):
        count += (waiting >> v) & 1
    return count


@kernel
def is_open(fl: FlowState, i: int, v: int) -> bool:
    """Whether a venue has a book of the symbol in this second."""
    return (fl.open[i, fl.whole[i, SECOND]] >> v) & 1 != 0


@kernel
def prints_owed(fl: FlowState, i: int) -> int:
    return max(0, fl.budget[i, fl.whole[i, SECOND], PRINT_FLOOR] - fl.whole[i, PRINT_USED])


@kernel
def rows_owed(fl: FlowState, i: int, more: int, serving: int) -> int:
    """Rows that must still come in this second, whatever the target: one per venue, and one per print of the floor.

    ``more``, ``serving``: as if so many more rows had come, which showed so many venues that had shown none.
    """
    floor = fl.budget[i, fl.whole[i, SECOND], BOOK_FLOOR] - fl.whole[i, BOOK_USED] - more
    return max(floor, prints_owed(fl, i) + unserved(fl, i) - serving, 0)


@kernel
def spare_rows(fl: FlowState, i: int, serving: int) -> int:
    """Rows that may come besides those that are planned and those that must come. ``serving``: as ``rows_owed`` has it, for one more."""
    kept = max(fl.whole[i, SLOTS], rows_owed(fl, i, serving, serving))
    return fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - kept


@kernel
def prints_left(fl: FlowState, i: int) -> int:
    """Prints that the ceiling allows in this second."""
    if not fl.mode[fl.whole[i, SECOND]] & MODE_TRADES:
        return 0
    return fl.budget[i, fl.whole[i, SECOND], PRINT_CEILING] - fl.whole[i, PRINT_USED]


@kernel
def count_row(fl: FlowState, i: int, v: int, row: int) -> None:
    fl.whole[i, BOOK_USED] += row
    if row:
        fl.whole[i, SERVED] |= 1 << v
