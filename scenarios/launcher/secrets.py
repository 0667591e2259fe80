"""Secrets of the command line go where a list of processes does not show them: into the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

VARIABLES = {"--password": "QUESTDB_PASSWORD", "--token": "QUESTDB_TOKEN"}


def hide_secrets() -> None:
    """If the command was started with a secret in a flag, start it again with that in the environment. Does not return then."""
    words, found = without_secrets(sys.orig_argv[1:])
    if found:
        os.environ.update(found)
        os.execv(sys.executable, [sys.executable, *words])


def without_secrets(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words with empty secrets (the flag itself stays: it says that QuestDB is meant), and the secrets by variable."""
    kept, found = list(words), {}
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        variable = VARIABLES.get(name)
        if variable is None:
            continue
        if equals and value:
            kept[i], found[variable] = f"{name}=", value
        elif not equals and i + 1 < len(words) and words[i + 1]:
            kept[i + 1], found[variable] = "", words[i + 1]
    return kept, found


def secret(given: str, flag: str, environment: Mapping[str, str] = os.environ) -> str:
    """What the flag says, or else the environment."""
    return given or environment.get(VARIABLES[flag], "")
