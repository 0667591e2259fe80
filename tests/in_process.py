"""The command without a process of its own: the start of one costs as much as the small runs of most tests.

What a process of its own shows (signals, exit codes, its list of arguments, an environment from outside) is tested with one.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from unittest import mock

from scenarios.launcher import main


def command(*flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """``python -m scenarios.full_day`` with these flags. Without ``QUESTDB_`` variables but those of ``env``."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("QUESTDB_")}
    said, errors = io.StringIO(), io.StringIO()
    with mock.patch.dict(os.environ, plain | env, clear=True), contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            code = main.main(flags)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(flags, code, said.getvalue(), errors.getvalue())
