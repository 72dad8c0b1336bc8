"""A slice of benchmarks/fuzz_bridge.py, and what hypothesis makes of the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bridge_parts import HERE, TOKEN, Remembering, write_sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.datagram import build, messages_in
from bridge.paths import Roots
from bridge.protocol import MESSAGES, Argument, Kind, MessageKind
from bridge.service import Service
from jukebox_studio.errors import JukeboxError

ROOT = Path(__file__).resolve().parents[2]


def test_a_slice_of_the_fuzzing():
    # How long each takes is looked at by the script alone, where the machine is quiet.
    script = ROOT / "benchmarks" / "fuzz_bridge.py"
    options = ["--count", "3000", "--files", "100", "--seed", "1", "--slowest-ms", "0"]
    run = subprocess.run(
        [sys.executable, str(script), *options], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "FAULT" not in run.stdout
    assert "3,000 datagrams" in run.stdout
    assert "100 damaged files" in run.stdout


def of_kind(argument: Argument) -> st.SearchStrategy[object]:
    """Values that the argument takes."""
    if argument.choices:
        return st.sampled_from(argument.choices)
    if argument.kind is Kind.TEXT:
        if argument.pattern is not None:
            return st.from_regex(argument.pattern, fullmatch=True)
        letters = st.characters(codec="utf-8", exclude_characters="\0")
        return st.text(letters, max_size=argument.longest_bytes // 4)
    if argument.kind is Kind.SWITCH:
        return st.booleans()
    if argument.kind in (Kind.INT, Kind.LONG):
        return st.integers(int(argument.lowest), int(argument.highest))
    width = 32 if argument.kind is Kind.FLOAT else 64
    return st.floats(argument.lowest, argument.highest, width=width)


@st.composite
def messages(draw: st.DrawFn) -> tuple[MessageKind, dict[str, Any]]:
    kind = draw(st.sampled_from(list(MESSAGES.values())))
    return kind, {argument.name: draw(of_kind(argument)) for argument in kind.arguments}


@given(messages())
def test_what_the_table_allows_goes_through_a_datagram_unchanged(message):
    kind, values = message
    [raw] = messages_in(build(kind, values))
    assert raw.address == kind.address
    assert dict(kind.check(raw.arguments)) == values


@given(messages(), st.data())
def test_one_wrong_byte_is_refused_or_means_something(message, data):
    kind, values = message
    if kind.acting:
        values["token"] = TOKEN
    datagram = bytearray(build(kind, values))
    at = data.draw(st.integers(0, len(datagram) - 1))
    datagram[at] ^= data.draw(st.integers(1, 255))
    service = Service(Remembering(), TOKEN, Roots(()), lambda datagram, address: None)
    service.receive(bytes(datagram), HERE)
    assert service.counts["refused: failed"] == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_sound(tmp_path_factory.mktemp("fuzz") / "a.wav").resolve()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(list(MESSAGES.values())), data=st.data())
def test_any_values_are_checked_or_refused_in_a_sentence(sound, kind, data):
    values = [
        data.draw(st.one_of(of_kind(argument), JSON, st.just(str(sound))))
        for argument in kind.arguments
    ]
    try:
        checked = kind.check(values)
    except JukeboxError as refused:
        sentence = str(refused)
    else:
        sentence = ""
    if sentence:
        assert sentence.startswith(kind.address)
        assert sentence.endswith(".")
        return
    wanted = {Kind.TEXT: str, Kind.INT: int, Kind.LONG: int, Kind.SWITCH: bool}
    for argument in kind.arguments:
        assert type(checked[argument.name]) is wanted.get(argument.kind, float)
