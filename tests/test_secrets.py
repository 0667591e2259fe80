"""Passwords and tokens: out of the list of processes, checked when read, shown by no message."""

from __future__ import annotations

import pytest

from scenarios.launcher.flags import Flags
from scenarios.launcher.secrets import secret, without_secrets
from simulator.errors import InputError


@pytest.mark.parametrize(
    ("words", "kept", "found"),
    [
        ("--user me --password p --seed 3", "--user me --password '' --seed 3", {"QUESTDB_PASSWORD": "p"}),
        ("--token=t --host h", "--token= --host h", {"QUESTDB_TOKEN": "t"}),
        ("--password two words --seed 3", "--password '' '' --seed 3", {"QUESTDB_PASSWORD": "two"}),
        ("--passwd p --seed 3", "--passwd '' --seed 3", {}),
        ("--pasword=p", "--pasword=", {}),
        ("--pass p", "--pass ''", {}),
        ("--PASSWORD p", "--PASSWORD ''", {}),
        ("--toekn t", "--toekn ''", {}),
        ("-pwd p", "-pwd ''", {}),
        ("--token_x a --token_y b", "--token_x a --token_y b", {}),
        ("run two_venue_arbitrage --password p", "run two_venue_arbitrage --password ''", {"QUESTDB_PASSWORD": "p"}),
        ("--password", "--password", {}),
    ],
)
def test_secrets_and_what_looks_like_one_are_hidden(words: str, kept: str, found: dict[str, str]) -> None:
    expected = [word.replace("''", "") for word in kept.split()]
    assert without_secrets(words.split()) == (expected, found)
    assert without_secrets(expected) == (expected, {}), "it would start itself again and again"


def test_no_other_flag_is_taken_for_a_secret() -> None:
    words = [word for name in Flags.model_fields if name not in ("password", "token") for word in (f"--{name}", "value")]
    assert without_secrets(words) == (words, {})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_end_of_a_line_is_no_part_of_a_secret(end: str) -> None:
    assert secret("", "--token", {"QUESTDB_TOKEN": f"tok{end}"}) == "tok"
    assert secret("", "--password", {"QUESTDB_PASSWORD": f"two words {end}"}) == "two words "


@pytest.mark.parametrize(
    ("flag", "variable", "value", "said"),
    [
        ("--token", "QUESTDB_TOKEN", "abc\ndef", "U+000A at position 4"),
        ("--token", "QUESTDB_TOKEN", "abc def", "U+0020"),
        ("--token", "QUESTDB_TOKEN", "abcdéf", "U+00E9 at position 5"),
        ("--password", "QUESTDB_PASSWORD", "abc\x1bdef", "U+001B at position 4"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused_and_not_shown(flag: str, variable: str, value: str, said: str) -> None:
    for given, environment, source in ((value, {}, flag), ("", {variable: value}, variable)):
        with pytest.raises(InputError) as told:
            secret(given, flag, environment)
        assert source in str(told.value)
        assert said in str(told.value)
        assert "abc" not in str(told.value)
