"""Round lots: of how many shares an order counts in the consolidated quote."""

from __future__ import annotations

import datetime as dt

TIERS_FROM = dt.date(2025, 11, 3)
"""When Regulation NMS's rule 600(b)(93) began to hold (UTP vendor alert of October 2025)."""
TIERS = ((250.00, 100), (1_000.00, 40), (10_000.00, 10))
"""(average closing price in USD at most, shares); dearer symbols have 1."""
LOT = 100
"""Before that, of every symbol here."""


def round_lot(date: dt.date, close_usd: float) -> int:
    """Shares in a round lot of a symbol on ``date``.

    The rule takes the average close of the March or September before; ``close_usd`` stands for it, a run's reference close.
    """
    if date < TIERS_FROM:
        return LOT
    return next((shares for most_usd, shares in TIERS if close_usd <= most_usd), 1)
