"""The enums of ``records`` as plain integers, because compiled code reads those as constants."""

from __future__ import annotations

from simulator.records import CrossKind, EventKind, OrderType, Reject

ADD = int(EventKind.ADD)
EXECUTE = int(EventKind.EXECUTE)
REFILL = int(EventKind.REFILL)
REST = int(EventKind.REST)
EXPIRE = int(EventKind.EXPIRE)
CANCEL = int(EventKind.CANCEL)
REDUCE = int(EventKind.REDUCE)
REPLACE = int(EventKind.REPLACE)
CROSS = int(EventKind.CROSS)
REJECT = int(EventKind.REJECT)

LIMIT = int(OrderType.LIMIT)
MARKET = int(OrderType.MARKET)
IOC = int(OrderType.IOC)
FOK = int(OrderType.FOK)
POST_ONLY = int(OrderType.POST_ONLY)
MARKET_ON_OPEN = int(OrderType.MARKET_ON_OPEN)
LIMIT_ON_OPEN = int(OrderType.LIMIT_ON_OPEN)
MARKET_ON_CLOSE = int(OrderType.MARKET_ON_CLOSE)
LIMIT_ON_CLOSE = int(OrderType.LIMIT_ON_CLOSE)

BAD_SIZE = int(Reject.BAD_SIZE)
BAD_DISPLAY = int(Reject.BAD_DISPLAY)
BAD_PRICE = int(Reject.BAD_PRICE)
BOOK_FULL = int(Reject.BOOK_FULL)
WRONG_PHASE = int(Reject.PHASE)
WOULD_TRADE = int(Reject.WOULD_TRADE)
NOT_FILLABLE = int(Reject.NOT_FILLABLE)
PRICE_RANGE = int(Reject.PRICE_RANGE)
UNKNOWN_ORDER = int(Reject.UNKNOWN_ORDER)
WAITS_FOR_CROSS = int(Reject.WAITS_FOR_CROSS)

CROSS_OPEN = int(CrossKind.OPEN)
CROSS_CLOSE = int(CrossKind.CLOSE)
CROSS_RESUME = int(CrossKind.RESUME)
