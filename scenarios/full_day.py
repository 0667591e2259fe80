"""A trading day, order by order: ``python -m scenarios.full_day`` (``--help`` explains the flags)."""

from __future__ import annotations

import sys

from scenarios.run import main

if __name__ == "__main__":
    sys.exit(main())
