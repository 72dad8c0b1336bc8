"""Datagrams, the hostile ones of shared/daw/FACTS.md among them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder, build_msg

from bridge.datagram import Refused, build, messages_in
from bridge.protocol import LARGEST_DATAGRAM_BYTES, MESSAGES
from jukebox_studio.errors import JukeboxError

HEADER = {"token": "ab" * 32, "sender": "ardour-1", "sequence": 7}
KEEP = build(MESSAGES["keep"], HEADER | {"amount": 0.5})
BUNDLE = b"#bundle\0" + bytes(8)


def element(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def test_a_message_comes_out_as_it_went_in():
    [message] = messages_in(KEEP)
    assert message.address == "/jukebox/v1/keep"
    assert message.arguments == ("ab" * 32, "ardour-1", 7, 0.5)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50),
    st.integers(0, 2**53 - 1),
    st.booleans(),
)
def test_every_type_goes_through(text, samples, playing):
    transport = HEADER | {
        "position_samples": samples,
        "playing": playing,
        "timeline_rate_hz": 48_000,
    }
    transport |= {"tempo_bpm": 120.1, "meter": "7/8"}
    [message] = messages_in(build(MESSAGES["transport"], transport))
    assert message.arguments[3:] == (playing, samples, 48_000, 120.1, "7/8")
    [message] = messages_in(build(MESSAGES["select"], HEADER | {"clip": text[:20]}))
    assert message.arguments[3] == text[:20]


def test_a_bundle_is_its_messages():
    builder = OscBundleBuilder(IMMEDIATELY)
    builder.add_content(build_msg("/a", [1]))
    builder.add_content(build_msg("/b", ["x"]))
    assert [m.address for m in messages_in(builder.build().dgram)] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("datagram", "why"),
    [
        # python-osc hangs for ever on the first.
        (BUNDLE + struct.pack(">i", -4), "bundle element size"),
        (BUNDLE + struct.pack(">i", 0) + bytes(8), "bundle element size"),
        (BUNDLE + struct.pack(">i", 2**31 - 1) + KEEP, "bundle element size"),
        (BUNDLE + struct.pack(">i", len(KEEP) + 4) + KEEP, "bundle element size"),
        (BUNDLE + struct.pack(">i", 6) + bytes(8), "bundle element size"),
        (BUNDLE, "empty bundle"),
        (BUNDLE[:12], "empty bundle"),
        (BUNDLE + element(BUNDLE + element(KEEP)), "bundle in a bundle"),
        (BUNDLE + 65 * element(build_msg("/a", [1]).dgram), "bundle of too many"),
        (b"", "length"),
        (b"/a\0\0", "length"),
        (KEEP + b"\0", "length"),
        (KEEP + bytes(4), "bytes left over"),
        (KEEP[:-4], "cut short"),
        (b"/a\0\0,s\0\0abcd", "cut short"),
        (b"/a\0\0,s\0\0abc\0\0\0\0\0", "bytes left over"),
        (b"/a\0\0,s\0\0ab\0c", "padding"),
        (b"/a\0x,i\0\0\0\0\0\1", "padding"),
        (b"/a\0\0,s\0\0\xff\xfe\0\0", "text not UTF-8"),
        (b"/a\0\0abc\0", "types"),
        (b"/a\0\0,b\0\0\0\0\0\0", "types"),
        (b"/a\0\0,[i]\0\0\0\0\0\0\0\1", "types"),
        (b"/a\0\0,N\0\0", "types"),
        (b"/abc\0\0\0\0", "no types"),
        (b"/a\0\0," + 25 * b"T" + b"\0\0", "too many arguments"),
        (b"abc\0,\0\0\0", "address"),
        (b"\0\0\0\0,\0\0\0", "address"),
        (b"//a\0,\0\0\0", "address"),
        (b"/a/\0,\0\0\0", "address"),
        (b"/a b\0\0\0\0,\0\0\0", "address"),
        (b"/\xc3\xa4\0,\0\0\0", "address"),
        (b"/" + 64 * b"a" + b"\0\0\0,\0\0\0", "address"),
        # Python-osc would take 40 s over this one, and match every handler with the next.
        (b"/" + 22 * b"*" + b"a\0\0\0\0,\0\0\0", "address"),
        (b"/jukebox/v1/*\0\0\0,\0\0\0", "address"),
        *((b"/a" + bytes([sign]) + b"\0,\0\0\0", "address") for sign in b" #*,?[]{}"),
        (bytes(LARGEST_DATAGRAM_BYTES + 4), "too long"),
    ],
)
def test_what_is_no_message_is_refused(datagram, why):
    with pytest.raises(Refused, match=f"^{why}$"):
        messages_in(datagram)


@given(st.binary(max_size=200))
def test_bytes_are_messages_or_refused(datagram):
    for prefix in (b"", b"/a\0\0,", BUNDLE):
        try:
            messages_in(prefix + datagram)
        except Refused:
            continue


def test_a_message_that_does_not_fit_is_refused_before_it_is_sent(monkeypatch):
    with pytest.raises(JukeboxError, match="has no 'loudness'"):
        build(MESSAGES["keep"], HEADER | {"amount": 0.5, "loudness": 1})
    with pytest.raises(JukeboxError, match="amount must lie between 0 and 1, not 2"):
        build(MESSAGES["keep"], HEADER | {"amount": 2.0})
    monkeypatch.setattr("bridge.datagram.LARGEST_DATAGRAM_BYTES", 64)
    with pytest.raises(JukeboxError, match="at most 64; send it through the spool"):
        build(MESSAGES["keep"], HEADER | {"amount": 0.5})


def test_python_osc_would_have_let_a_short_float_through():
    """Why the check is not left to it; should this fail, python-osc has grown stricter."""
    builder = OscMessageBuilder("/a")
    builder.add_arg(1.0)
    short = builder.build().dgram[:-4]
    from pythonosc.osc_message import OscMessage

    assert OscMessage(short).params == [0.0]
    with pytest.raises(Refused, match="cut short"):
        messages_in(short)
