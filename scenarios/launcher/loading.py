"""How the command loads its libraries: without looking for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Importing and compiling make many objects and hardly any circle: looking for those takes a tenth of a start's time, and a fifth of
    a compilation's."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def what_is_loaded_stays() -> Iterator[None]:
    """No collection looks at what is there by now, meanwhile: workers share it with their parent, page by page."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
