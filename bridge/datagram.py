"""Datagrams: checked byte by byte before python-osc sees them, and built. Pure.

python-osc 1.10 hangs for ever on a bundle element of negative size, takes wildcards in addresses
for patterns, and reads over the end of a short float. What `messages_in` lets through has none of
these. The format is that of the OSC 1.0 specification (opensoundcontrol.org).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.parsing.osc_types import (
    BuildError,
    write_double,
    write_float,
    write_int,
    write_int64,
    write_string,
)

from bridge.protocol import (
    LARGEST_DATAGRAM_BYTES,
    MOST_ARGUMENTS,
    TYPE_TAGS,
    Kind,
    MessageKind,
    Values,
)
from jukebox_studio.errors import JukeboxError

MOST_MESSAGES_IN_A_BUNDLE = 64
_LONGEST_ADDRESS_BYTES = 64

_BUNDLE = b"#bundle\0"
_BUNDLE_HEADER_BYTES = len(_BUNDLE) + 8  # the name, then a time
# Printable ASCII without space and without what OSC gives a meaning in patterns: # * , ? [ ] { }
_ADDRESS = re.compile(rb"(/[!\"$-)+\-.0->@-Z\\^-z|~]+)+")
_TAGS = re.compile(b"[" + TYPE_TAGS.encode() + b"]*")
_NUMBER_BYTES = {ord("i"): 4, ord("f"): 4, ord("h"): 8, ord("d"): 8, ord("T"): 0, ord("F"): 0}
_TEXT_TAG = ord("s")


class Refused(Exception):
    """A datagram that is no message of this protocol; the text names the kind of fault."""


@dataclass(frozen=True)
class RawMessage:
    """An address and its arguments as they came, of types that OSC has."""

    address: str
    arguments: tuple[object, ...]


def messages_in(datagram: bytes) -> list[RawMessage]:
    """The messages of a datagram; raises Refused where anything in it is not as it must be."""
    messages = []
    for part in _parts(datagram):
        _check_message(part)
        try:
            parsed = OscMessage(part)
        except (ParseError, UnicodeDecodeError) as error:
            # The check has seen to all that python-osc refuses; should a later one refuse more,
            # the message is dropped like any other.
            raise Refused("not OSC") from error
        messages.append(RawMessage(parsed.address, tuple(parsed.params)))
    return messages


def _parts(datagram: bytes) -> list[bytes]:
    """The datagram itself, or a bundle's elements, which are messages, never bundles."""
    if len(datagram) > LARGEST_DATAGRAM_BYTES:
        raise Refused("too long")
    if len(datagram) % 4 or len(datagram) < 8:
        raise Refused("length")
    if not datagram.startswith(_BUNDLE):
        return [datagram]
    parts: list[bytes] = []
    at = _BUNDLE_HEADER_BYTES
    while at < len(datagram):
        if len(parts) == MOST_MESSAGES_IN_A_BUNDLE:
            raise Refused("bundle of too many")
        (size,) = struct.unpack_from(">i", datagram, at)
        at += 4
        if size < 8 or size % 4 or size > len(datagram) - at:
            raise Refused("bundle element size")
        part = datagram[at : at + size]
        if part.startswith(_BUNDLE):
            raise Refused("bundle in a bundle")
        parts.append(part)
        at += size
    if not parts:
        raise Refused("empty bundle")
    return parts


def _check_message(part: bytes) -> None:
    address, at = _text_at(part, 0)
    if len(address) > _LONGEST_ADDRESS_BYTES or not _ADDRESS.fullmatch(address):
        raise Refused("address")
    if at == len(part):
        raise Refused("no types")
    tags, at = _text_at(part, at)
    if not tags.startswith(b",") or not _TAGS.fullmatch(tags, 1):
        raise Refused("types")
    if len(tags) - 1 > MOST_ARGUMENTS:
        raise Refused("too many arguments")
    for tag in tags[1:]:
        if tag == _TEXT_TAG:
            text, at = _text_at(part, at)
            try:
                text.decode()
            except UnicodeDecodeError:
                raise Refused("text not UTF-8") from None
        else:
            at += _NUMBER_BYTES[tag]
            if at > len(part):
                raise Refused("cut short")
    if at != len(part):
        raise Refused("bytes left over")


def _text_at(part: bytes, at: int) -> tuple[bytes, int]:
    """The text that begins at `at`, and where what follows it begins."""
    end = part.find(0, at)
    if end < 0:
        raise Refused("cut short")
    # One to four zeros, up to a multiple of four; the whole is one, so they cannot pass its end.
    after = end + 4 - end % 4
    if part[end:after].count(0) != after - end:
        raise Refused("padding")
    return part[at:end], after


# python-osc's OscMessageBuilder would parse what it has built once more.
_WRITE: dict[Kind, Callable[[Any], bytes]] = {
    Kind.TEXT: write_string,
    Kind.INT: write_int,
    Kind.LONG: write_int64,
    Kind.FLOAT: write_float,
    Kind.DOUBLE: write_double,
}


def build(kind: MessageKind, values: Values) -> bytes:
    """A message of the table as a datagram.

    values: all of `kind.arguments`, by name. Raises JukeboxError where `MessageKind.check` does,
    and where the whole is too long for a datagram.
    """
    checked = kind.check(kind.from_names(values))
    tags, content = ",", b""
    try:
        for argument in kind.arguments:
            value = checked[argument.name]
            if argument.kind is Kind.SWITCH:
                tags += "T" if value else "F"
            else:
                tags += argument.kind.value
                content += _WRITE[argument.kind](value)
        datagram = write_string(kind.address) + write_string(tags) + content
    except BuildError as error:
        raise JukeboxError(f"{kind.address} cannot be sent: {error}.") from error
    if len(datagram) > LARGEST_DATAGRAM_BYTES:
        raise JukeboxError(
            f"{kind.address} would have {len(datagram):,} bytes, a datagram has at most "
            f"{LARGEST_DATAGRAM_BYTES:,}; send it through the spool."
        )
    return datagram
