"""A trading day, order by order: ``python -m scenarios.full_day`` (``--help`` explains the flags)."""

from __future__ import annotations

import sys

from scenarios.launcher.loading import without_collections
from scenarios.launcher.secrets import hide_secrets
from scenarios.launcher.shadows import hidden_by


def start(entry: str = "main") -> int:
    """The command's exit code; quiet about a Ctrl-C while the libraries load. ``entry``: a function of ``scenarios.launcher.main``."""
    hide_secrets()
    hidden = hidden_by()
    if hidden is not None:
        print(hidden, file=sys.stderr)
        return 2
    try:
        with without_collections():
            from scenarios.launcher import main
            from scenarios.launcher.lasting_streams import fill_closed_descriptors

        fill_closed_descriptors()
        code: int = getattr(main, entry)()
        return code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(start())
