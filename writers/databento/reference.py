"""DBN's records that come a few a day: definitions, the status of trading, what an auction came to. By ``databento_dbn``'s own classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from simulator.inputs.sessions import TradingDay
from simulator.notices import StatusReason
from simulator.records import I64, Cond, CrossKind, Phase
from simulator.tape.sink import RunInfo
from writers.databento.kernel import NO_PRICE, PRICE_SCALE
from writers.feed import kernel as k
from writers.feed.notices import ImbalanceTold, StatusTold, Told

SCHEMAS = ("definition", "status", "statistics", "imbalance")
ROUND_LOT = 100
NO_QUANTITY = 2**63 - 1


def _joined(make: Callable[..., Iterator[bytes]]) -> Callable[..., bytes]:
    @wraps(make)
    def whole(*arguments: Any) -> bytes:
        return b"".join(make(*arguments))

    return whole


@_joined
def definitions(run: RunInfo, symbols: list[int], dataset: str, publisher: int, ts_ns: int) -> Iterator[bytes]:
    """One record per symbol (index into the run's), at the start of the day."""
    dbn = _dbn()
    for symbol in symbols:
        yield bytes(dbn.InstrumentDefMsg(
            publisher_id=publisher, instrument_id=symbol + 1, raw_instrument_id=symbol + 1, ts_event=ts_ns, ts_recv=ts_ns,
            min_price_increment=(run.tick_units[symbol] if run.tick_units else 100) * PRICE_SCALE, display_factor=10**9,
            raw_symbol=run.symbols[symbol], asset=run.symbols[symbol], security_type="", instrument_class=dbn.InstrumentClass.STOCK,
            security_update_action=dbn.SecurityUpdateAction.ADD, min_lot_size_round_lot=ROUND_LOT, currency="USD",
            exchange=dataset.partition(".")[0],
        ))  # fmt: skip


def phases(day: TradingDay, start_ns: int, is_paced: bool) -> list[tuple[int, Phase]]:
    """When each phase of the day begins, the first of them no earlier than the run. Without pacing all of it is continuous."""
    if not is_paced:
        return [(start_ns, Phase.CONTINUOUS)]
    return [(max(segment.start_ns, start_ns), segment.phase) for segment in day.segments if segment.end_ns > start_ns]


@_joined
def statuses(begun: list[tuple[int, Phase]], symbols: list[int], publisher: int, until_ns: int) -> Iterator[bytes]:
    """One record per symbol and phase that has begun by then. Whether others than the continuous one trade is a run's choice: not said."""
    for ts_ns, phase in begun:
        if ts_ns > until_ns:
            return
        for symbol in symbols:
            yield _status(ts_ns, symbol + 1, publisher, phase, StatusReason.SESSION)


def status(told: Told, instrument: int, publisher: int) -> bytes:
    """The record of a status that was told; nothing for other notices."""
    return _status(told.ts_ns, instrument, publisher, told.phase, told.reason) if isinstance(told, StatusTold) else b""


def _status(ts_ns: int, instrument: int, publisher: int, phase: int, reason: int) -> bytes:
    dbn = _dbn()
    halts = dbn.StatusAction.PAUSE if reason == StatusReason.LULD else dbn.StatusAction.HALT
    actions = {
        Phase.PRE_OPEN: dbn.StatusAction.PRE_OPEN, Phase.CONTINUOUS: dbn.StatusAction.TRADING, Phase.HALTED: halts,
        Phase.POST_CLOSE: dbn.StatusAction.POST_CLOSE,
    }  # fmt: skip
    reasons = {
        StatusReason.SESSION: dbn.StatusReason.SCHEDULED, StatusReason.LULD: dbn.StatusReason.LULD_PAUSE,
        StatusReason.MWCB: dbn.StatusReason.MARKET_WIDE_HALT_LEVEL1, StatusReason.MWCB_2: dbn.StatusReason.MARKET_WIDE_HALT_LEVEL2,
        StatusReason.MWCB_3: dbn.StatusReason.MARKET_WIDE_HALT_LEVEL3, StatusReason.REGULATORY: dbn.StatusReason.REGULATORY,
    }  # fmt: skip
    trades = {Phase.CONTINUOUS: dbn.TriState.YES, Phase.HALTED: dbn.TriState.NO, Phase.CLOSED: dbn.TriState.NO}
    return bytes(dbn.StatusMsg(
        publisher_id=publisher, instrument_id=instrument, ts_event=ts_ns, ts_recv=ts_ns,
        action=actions.get(Phase(phase), dbn.StatusAction.NOT_AVAILABLE_FOR_TRADING), reason=reasons[StatusReason(reason)],
        is_trading=trades.get(Phase(phase), dbn.TriState.NOT_AVAILABLE), is_quoting=dbn.TriState.NOT_AVAILABLE,
        is_short_sell_restricted=dbn.TriState.NO,
    ))  # fmt: skip


def imbalance(told: Told, instrument: int, publisher: int) -> bytes:
    """The record of an imbalance that was told; nothing for other notices."""
    if not isinstance(told, ImbalanceTold):
        return b""
    dbn = _dbn()
    side = dbn.Side.NONE if told.side < 0 else (dbn.Side.BID, dbn.Side.ASK)[told.side]
    reference, near, far = (price * PRICE_SCALE if price else NO_PRICE for price in (told.reference, told.near, told.far))
    return bytes(dbn.ImbalanceMsg(
        publisher_id=publisher, instrument_id=instrument, ts_event=told.ts_ns, ts_recv=told.ts_ns, ref_price=reference,
        auction_time=2**64 - 1, cont_book_clr_price=near, auct_interest_clr_price=far, paired_qty=told.paired,
        total_imbalance_qty=told.imbalance, auction_type=Cond(told.cond).code, side=side, significant_imbalance="~",
    ))  # fmt: skip


@_joined
def auctions(columns: I64, instruments: I64, mine: Any, publisher: int) -> Iterator[bytes]:
    """Of each cross among some messages that paired anything: the opening or closing price, then the price with the shares.

    ``columns`` are the feed's, ``instruments`` [books] the number of each book, ``mine`` [books] which are the venue's.
    """
    dbn = _dbn()
    kinds: Any = {CrossKind.OPEN: dbn.StatType.OPENING_PRICE, CrossKind.CLOSE: dbn.StatType.CLOSE_PRICE}
    crosses = (columns[k.KIND] == k.CROSSED) & (columns[k.SIZE] > 0) & mine[columns[k.BOOK]]
    for message in columns[:, crosses].T.tolist():
        said = [(dbn.StatType.UNCROSSING_PRICE, message[k.SIZE])]
        if message[k.LEFT] in kinds:
            said.insert(0, (kinds[message[k.LEFT]], NO_QUANTITY))
        for kind, quantity in said:
            yield bytes(dbn.StatMsg(
                publisher_id=publisher, instrument_id=int(instruments[message[k.BOOK]]), ts_event=message[k.TS], ts_recv=message[k.TS],
                ts_ref=message[k.TS], price=message[k.PRINT] * PRICE_SCALE if message[k.PRINT] else NO_PRICE, quantity=quantity,
                stat_type=kind,
            ))  # fmt: skip


def _dbn() -> Any:
    """The package; its stubs say that members of its enums are text or numbers."""
    import databento_dbn

    return databento_dbn
