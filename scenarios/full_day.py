"""A trading day, order by order: ``python -m scenarios.full_day`` (``--help`` explains the flags)."""

from __future__ import annotations

import sys

from scenarios.launcher.secrets import hide_secrets


def start() -> int:
    """The command's exit code; quiet about a Ctrl-C while the libraries load."""
    hide_secrets()
    try:
        from scenarios.launcher.main import main
    except KeyboardInterrupt:
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(start())
