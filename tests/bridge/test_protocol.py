"""The table of messages, and what is made of it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from bridge.datagram import MOST_ARGUMENTS, TYPE_TAGS
from bridge.protocol import (
    ERRORS,
    HEADER,
    LARGEST_DATAGRAM_BYTES,
    LAST_SAMPLE,
    MESSAGES,
    Argument,
    Direction,
    Kind,
    check_header,
    documentation,
    kind_at,
    lua_constants,
)
from jukebox_studio.errors import JukeboxError

ROOT = Path(__file__).resolve().parents[2]
KEEP = MESSAGES["keep"]
HEAD = ("ab" * 32, "ardour-1", 7)


def test_the_page_is_that_of_the_table():
    """Else write it anew, with what `bridge.protocol.documentation()` gives."""
    assert (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8") == documentation()


def test_every_row_is_whole():
    for kind in MESSAGES.values():
        names = [argument.name for argument in kind.arguments]
        assert len(set(names)) == len(names), kind.name
        assert len(names) <= MOST_ARGUMENTS
        assert kind_at(kind.address) is kind
        assert re.fullmatch(r"/jukebox/v1/[a-z]+", kind.address)
        assert kind.arguments[:3] == HEADER or not kind.acting
        assert all(argument.meaning for argument in kind.arguments)
        texts = [a.longest_bytes for a in kind.arguments if a.kind is Kind.TEXT]
        assert all(texts)
        assert sum(texts) + 16 * len(names) < LARGEST_DATAGRAM_BYTES, "fits a datagram"


def test_what_answers_and_rings_does_not_act():
    assert {kind.name for kind in MESSAGES.values() if not kind.acting} == {
        "accepted",
        "doorbell",
        "error",
        "progress",
    }


def test_only_exact_addresses_are_known():
    for address in ("/jukebox/v1/kee*", "/jukebox/v1/keep/", "/jukebox/v1/KEEP", "/keep", ""):
        assert kind_at(address) is None


@pytest.mark.parametrize("value", [12, 12.0, "12"])
def test_whole_numbers_come_in_many_types(value):
    values = MESSAGES["choose"].check([*HEAD, "", value])
    assert values["variant"] == 12
    assert type(values["variant"]) is int


@pytest.mark.parametrize(
    "value",
    [0, 65, -1, 1.5, True, None, "", "1.5", "0x1", "١", " 1", "1" * 20, math.nan, b"1", [1]],
)
def test_what_is_no_variant_is_refused(value):
    with pytest.raises(JukeboxError, match="variant must"):
        MESSAGES["choose"].check([*HEAD, "", value])


def test_long_numbers_may_come_as_text_and_stay_exact():
    argument = Argument("length_samples", Kind.LONG, "", 1, LAST_SAMPLE)
    assert argument.check("9007199254740991") == 2**53 - 1
    assert argument.check(2**53 - 1) == 2**53 - 1
    for value in ("9007199254740992", 2**53, 0, -1, 1e300):
        with pytest.raises(JukeboxError, match="length_samples"):
            argument.check(value)


def test_a_double_in_the_place_of_a_long_is_out_of_range():
    """Ardour 7.3 packs a double where it says `h`."""
    import struct

    (packed,) = struct.unpack(">q", struct.pack(">d", 48_000.0))
    with pytest.raises(JukeboxError, match="position_samples must lie between"):
        MESSAGES["insert"].check([*HEAD, "1", "/a", packed, 48_000, "", ""])


@pytest.mark.parametrize(("value", "wanted"), [(0, 0.0), (1.0, 1.0), (0.25, 0.25)])
def test_sliders(value, wanted):
    amount = KEEP.check([*HEAD, value])["amount"]
    assert amount == wanted
    assert type(amount) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.0001, -0.1, "0.5", True, 10**400])
def test_what_is_no_slider_is_refused(value):
    with pytest.raises(JukeboxError, match="amount must"):
        KEEP.check([*HEAD, value])


@pytest.mark.parametrize("value", [True, 1, 1.0])
def test_switches(value):
    assert MESSAGES["audition"].check([*HEAD, "", 1, value])["playing"] is True
    for wrong in (2, 0.5, "T", None, math.nan):
        with pytest.raises(JukeboxError, match="playing must be true or false"):
            MESSAGES["audition"].check([*HEAD, "", 1, wrong])


def test_texts_are_measured_in_bytes():
    argument = Argument("name", Kind.TEXT, "", longest_bytes=4)
    assert argument.check("äö") == "äö"
    for wrong, why in (
        ("äöü", "may have 4 bytes"),
        ("a\0b", "NUL"),
        ("\ud800", "UTF-8"),
        (4, "text"),
    ):
        with pytest.raises(JukeboxError, match=why):
            argument.check(wrong)


@pytest.mark.parametrize("sender", ["", "Ardour", "../x", "a/b", "-a", "a" * 49, "ä", "a\n"])
def test_a_sender_can_name_a_folder(sender):
    with pytest.raises(JukeboxError, match="sender"):
        check_header(["", sender, 1])


def test_numbers_of_arguments_and_choices():
    with pytest.raises(JukeboxError, match="takes 4 arguments, not 3: token, sender"):
        KEEP.check(list(HEAD))
    with pytest.raises(JukeboxError, match=r"operation must be one of .*'vary'.*, not 'sing'"):
        MESSAGES["generate"].check([*HEAD, "", "sing", 0, 0, -1])
    with pytest.raises(JukeboxError, match="has no 'amuont'; its arguments are token"):
        KEEP.from_names({"token": "", "sender": "", "sequence": 0, "amuont": 1})
    with pytest.raises(JukeboxError, match="needs 'amount'"):
        KEEP.from_names({"token": "", "sender": "", "sequence": 0})


def test_lua_gets_every_message_that_a_script_can_say_or_read():
    text = lua_constants()
    for kind in MESSAGES.values():
        [types] = re.findall(rf'"{kind.address}", types = "([a-zA-Z]*)"', text)
        assert len(types) == len(kind.arguments)
        assert "h" not in types
        assert set(types) <= set(TYPE_TAGS)


def test_lua_itself_reads_the_constants():
    lupa = pytest.importorskip("lupa.lua54")
    table = lupa.LuaRuntime().execute(lua_constants())
    assert table.messages.clip.address == "/jukebox/v1/clip"
    assert list(table.messages.keep.arguments.values()) == [a.name for a in KEEP.arguments]


def test_the_codes_of_errors_are_told():
    [code] = [a for a in MESSAGES["error"].arguments if a.name == "code"]
    assert code.choices == tuple(ERRORS)
    assert MESSAGES["error"].direction is Direction.BOTH
