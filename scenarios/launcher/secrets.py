"""Secrets of the command line go where a list of processes does not show them: into the environment. What is read of them is checked.

Nothing of ours is imported before the words are hidden: that would leave them in the list of processes for as long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

VARIABLES = {"--password": "QUESTDB_PASSWORD", "--token": "QUESTDB_TOKEN"}
PUBLIC = ("token_x", "token_y")
LIKE = ("password", "passwd", "token", "secret")
"""A mistyped flag that is like one of these has a secret, too: it is refused later, and its value is hidden now."""
PARTS = ("pass", "pwd", "tok", "secret")


def hide_secrets() -> None:
    """If the command was started with a secret in a flag, start it again with that in the environment. Does not return then."""
    words, found = without_secrets(sys.orig_argv[1:])
    if words != sys.orig_argv[1:]:
        os.environ.update(found)
        os.execv(sys.executable, [sys.executable, *words])


def without_secrets(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words with empty secrets (the flag itself stays: it says that QuestDB is meant), and the secrets by variable."""
    kept, found = list(words), {}
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not _has_secret(name):
            continue
        at = i
        if equals:
            kept[i] = f"{name}="
        elif i + 1 < len(words):
            at, value = i + 1, words[i + 1]
            kept[at] = ""
        if value and name in VARIABLES:
            found[VARIABLES[name]] = value
        for after in range(at + 1, len(words)):  # of a secret with blanks and without quotes
            if words[after].startswith("-"):
                break
            kept[after] = ""
    return kept, found


def _has_secret(name: str) -> bool:
    if name in VARIABLES:
        return True
    plain = name.lstrip("-").lower().replace("-", "_")
    if not name.startswith("-") or plain in PUBLIC:
        return False
    return any(part in plain for part in PARTS) or bool(get_close_matches(plain, LIKE, 1, cutoff=0.75))


def secret(given: str, flag: str, environment: Mapping[str, str] = os.environ) -> str:
    """What the flag says, or else the environment, without the line's end that a file may have left there.

    Raises ``InputError``, which does not show it, for characters that no http header or password has.
    """
    variable = VARIABLES[flag]
    is_token = flag == "--token"
    text = given or environment.get(variable, "")
    text = text.strip() if is_token else text.strip("\r\n")
    for position, letter in enumerate(text, 1):
        if ord(letter) < 32 or ord(letter) == 127 or (is_token and not 32 < ord(letter) < 127):
            from simulator.errors import InputError

            what = f"{flag if given else variable}: its value (not shown, {len(text)} characters) has character U+{ord(letter):04X}"
            allowed = "letters, digits and signs of ASCII" if is_token else "letters, digits, signs and blanks"
            raise InputError(f"{what} at position {position}; allowed are {allowed}. Look at the file or the shell that sets it.")
    return text
