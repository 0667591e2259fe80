"""``python -m scenarios COMMAND``; without one, the list of them."""

from __future__ import annotations

import sys

from scenarios.full_day import start

if __name__ == "__main__":
    sys.exit(start("command_line"))
