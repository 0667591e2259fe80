"""What a symbol may still write, and what it still must, in the second at hand."""

from __future__ import annotations

from simulator.book.jit import kernel
from simulator.flow.rates import BOOK_CEILING, BOOK_FLOOR, PRINT_CEILING, PRINT_FLOOR
from simulator.flow.state import (
    BOOK_AIM,
    BOOK_USED,
    CREDIT,
    CREDIT_GROWS,
    LEAVES,
    MODE_TRADES,
    P_AHEAD,
    P_VENUE_ROWS,
    PRINT_USED,
    PRINTS_USUAL,
    SECOND,
    SECOND_END,
    SERVED,
    SHUT,
    SLOTS,
    SPARE,
    SPARE_AT,
    SPARE_S,
    STARVED,
    TAKES,
    FlowState,
)
from simulator.records import NS_PER_S

LOCKS_KEPT = 1.5
"""Rows of a symbol's ceiling that only a maker may use whose quote locks or crosses another."""
ACCRUES, ACCRUES_STARVED, AT_ONCE, FULL_PART = 0.65, 1.0, 0.2, 0.3
ON_CREDIT, ON_CREDIT_FULL = 0.17, 0.34
"""Of the rows that a second leaves for answers: what accrues as time goes, and where answers have been short for a while; what may be saved
up for one moment, and what those may take in advance that follow a venue which has answered, and more of it where much is aimed at.
Together little more than there are: answers that find a second's rows used up would be missing towards its end alone, and be seen at 1 Hz
(S19)."""
STARVES_PART = 0.1
"""What a second's beginning has to say of how short answers are: some ten seconds tell."""
WHOLE_ONES = 1.5
"""Where few rows are left, so many are not reckoned with: answers come in whole numbers."""
BEGINS_WITH = 0.02
"""Of what a second leaves: what it begins with where little is aimed at, for it lacks the answers that its predecessor has put off: they
come all over it."""


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
def still_unserved(fl: FlowState, i: int, serving: int) -> int:
    return max(0, unserved(fl, i) - serving)


@kernel
def is_open(fl: FlowState, i: int, v: int) -> bool:
    """Whether a venue has a book of the symbol in this second."""
    return (fl.open[i, fl.whole[i, SECOND]] >> v) & 1 != 0


@kernel
def prints_owed(fl: FlowState, i: int) -> int:
    """Prints that must still come in this second; none where nothing may trade, for else rows without one would come in their place."""
    if fl.whole[i, SHUT] != 0:
        return 0
    return max(0, fl.budget[i, fl.whole[i, SECOND], PRINT_FLOOR] - fl.whole[i, PRINT_USED])


@kernel
def rows_owed(fl: FlowState, i: int, more: int, serving: int) -> int:
    """Rows that must still come in this second, whatever the target: one per venue, and one per print of the floor.

    ``more``, ``serving``: as if so many more rows had come, which showed so many venues that had shown none.
    """
    floor = fl.budget[i, fl.whole[i, SECOND], BOOK_FLOOR] - fl.whole[i, BOOK_USED] - more
    return max(floor, prints_owed(fl, i) + unserved(fl, i) - serving, 0)


@kernel
def rows_left(fl: FlowState, i: int, serving: int) -> int:
    """Rows that may come besides one for each taker that is planned, one for each venue that has to show one and those that must come.
    ``serving``: as ``rows_owed`` has it, for one more."""
    kept = max(fl.whole[i, TAKES] + still_unserved(fl, i, serving), rows_owed(fl, i, serving, serving))
    return fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - kept


@kernel
def spare_rows(fl: FlowState, i: int, serving: int) -> int:
    """The same, less what takers' prints need beyond that, and half of the planned rows: an answer is more urgent than a book that is
    tended."""
    for_trades = int(fl.whole[i, TAKES] * fl.real[i, PRINTS_USUAL] + 1.0)
    planned = (fl.whole[i, SLOTS] + fl.whole[i, TAKES] + 1) // 2
    room = fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - still_unserved(fl, i, serving)
    return min(rows_left(fl, i, serving), room - max(planned, for_trades))


@kernel
def rows_for_sweep(fl: FlowState, i: int) -> int:
    """Rows that a taker's order may take as it reaches its next venue. Where each venue has to show a row, hardly any are to spare as a
    second ends, and orders would be cut short then."""
    return spare_rows(fl, i, 0) if fl.parameter[P_VENUE_ROWS] == 0.0 else rows_left(fl, i, 0)


@kernel
def prints_left(fl: FlowState, i: int) -> int:
    """Prints that the ceiling allows in this second."""
    if not fl.mode[i, fl.whole[i, SECOND]] & MODE_TRADES:
        return 0
    return fl.budget[i, fl.whole[i, SECOND], PRINT_CEILING] - fl.whole[i, PRINT_USED]


@kernel
def prints_free(fl: FlowState, i: int) -> int:
    """The same, less one for each taker that is still planned: none finds that earlier ones have used up the second's prints."""
    return prints_left(fl, i) - fl.whole[i, TAKES]


@kernel
def prints_of_taker(fl: FlowState, i: int, t: int) -> int:
    """Prints that the taker at hand may bring, where one is left: its own, and of what later takers leave a part, so that the last ones
    find no less than the first. Rounded by a die, as ``rows_for_locks``."""
    more = prints_free(fl, i) - 1
    part = 2.0 / (fl.whole[i, TAKES] + 2)
    return 1 + max(0, int(more * part + (t & 1023) / 1024.0))


@kernel
def rows_for_locks(t: int) -> int:
    """Rows kept for quotes that may yet lock or cross, rounded by a die, the nanosecond's last ten bits: a step would be seen in the
    spectrum."""
    return int(LOCKS_KEPT + (t & 1023) / 1024.0)


@kernel
def count_row(fl: FlowState, i: int, v: int, row: int) -> None:
    fl.whole[i, BOOK_USED] += row
    if row:
        fl.whole[i, SERVED] |= 1 << v


@kernel
def fill_allowance(fl: FlowState, i: int, t: int) -> float:
    """The answers that may be given at ``t``."""
    real = fl.real[i]
    most = max(1.0, AT_ONCE * real[LEAVES])
    real[SPARE] = min(most, real[SPARE] + real[SPARE_S] * (t - fl.whole[i, SPARE_AT]) / NS_PER_S)
    fl.whole[i, SPARE_AT] = t
    return real[SPARE]


@kernel
def credit(fl: FlowState, i: int, t: int) -> float:
    """The answers that may be given in advance at ``t``; what a second adds to the last one's is added as it goes by."""
    return fl.real[i, CREDIT] - fl.real[i, CREDIT_GROWS] * (fl.whole[i, SECOND_END] - t) / NS_PER_S


@kernel
def begin_allowance(fl: FlowState, i: int, t: int, planned: float) -> None:
    """What the second that begins at ``t`` leaves for answers, besides ``planned`` rows."""
    fill_allowance(fl, i, t)
    real = fl.real[i]
    ceiling = fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING]
    full = fl.whole[i, BOOK_AIM] / max(1, ceiling)
    free = max(0.0, ceiling - planned - 1 - LOCKS_KEPT)
    free = max(0.0, free - WHOLE_ONES * max(0.0, 1.0 - AT_ONCE * free))
    left_before, before = real[LEAVES], real[CREDIT]
    taken = min(1.0, max(0.0, -real[SPARE] / before)) if before > 0.0 else 0.0
    real[STARVED] += STARVES_PART * (taken - real[STARVED])
    real[LEAVES] = (1.0 - FULL_PART * full * full) * free
    real[SPARE_S] = (ACCRUES + (ACCRUES_STARVED - ACCRUES) * real[STARVED]) * real[LEAVES]
    real[CREDIT] = fl.parameter[P_AHEAD] * (ON_CREDIT + ON_CREDIT_FULL * full) * real[LEAVES]
    change = real[CREDIT] - before
    real[CREDIT_GROWS] = 0.0
    if real[SPARE] > 0.0:  # who has saved all that may be saved has saved all of the new most, too
        most = AT_ONCE * left_before
        if most > 0.0:
            real[SPARE] += AT_ONCE * (real[LEAVES] - left_before) * min(1.0, real[SPARE] / most) ** 8
    elif before > 0.0:  # who has taken all in advance has taken all of what may be taken now
        if change < 0.0:
            real[SPARE] -= change * (full * taken**5 + (1.0 - full) * taken)
        else:
            real[CREDIT_GROWS] = change
    real[SPARE] += BEGINS_WITH * (1.0 - full) ** 4 * real[LEAVES]
    fill_allowance(fl, i, t)


@kernel
def use_allowance(fl: FlowState, i: int, rows: int) -> None:
    fl.real[i, SPARE] -= rows
