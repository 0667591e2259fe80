"""Markets made one after another in a process: what one leaves is gone before the next begins, so that memory does not grow with them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cleared() -> Iterator[None]:
    """Afterwards nothing is left of what was made inside and is not held any more.

    A market's parts know each other, so that only the collector of circles ends it; left to itself, it lets ten of them pile up, each with
    its books. What was there before is not looked through, which would take a tenth of a second.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
