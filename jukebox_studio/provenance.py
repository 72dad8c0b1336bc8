"""What a result says of itself, in the audio file: written with the sound, read back. No torch.

A WAV file is a broadcast wave: a `bext` chunk (EBU Tech 3285, version 1) whose time reference puts
it on the timeline, an `iXML` chunk that holds every field, and LIST/INFO for programs that know no
other. A FLAC file has the same fields as Vorbis comments. The sound is that of `audio.write`, bit
for bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from mutagen import MutagenError
from mutagen.flac import FLAC, VCFLACDict
from pydantic import AwareDatetime, Field, TypeAdapter
from unidecode import unidecode  # type: ignore[import-untyped]

from jukebox_studio import audio
from jukebox_studio.audio import Samples
from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

IXML_ELEMENT = "JUKEBOX_STUDIO"
FLAC_PREFIX = "JUKEBOX_STUDIO_"
_LONGEST_LINE = 10_000
# Six such lines, each character as XML's longest escape, stay below.
_MOST_METADATA_BYTES = 2**19
_MOST_CHUNKS = 10_000
# All but these may stand in XML 1.0; line breaks are left out too, since tags are lines.
_NOT_TEXT = re.compile("[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")

_Line = Annotated[str, Field(max_length=_LONGEST_LINE)]
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Provenance:
    """How a result came to be. What is no text of one line becomes a space, and overlong is cut."""

    program: _Line
    """Name and version: "jukebox-studio 0.1.0"."""
    model: _Line
    bundle_sha256: _Hash
    """Of the bundle's manifest, which has those of all its files."""
    licence: _Line
    notice: _Line
    """What the licence lets one do with the sound, and what it asks one to say."""
    operation: _Line
    seed: int
    variant: int
    """Counted from 0."""
    request_sha256: _Hash
    """See `request_sha256`."""
    date: AwareDatetime | None = None
    """Of the request; None where it is not known. Never the time of writing: a file made again from
    the same request is the same file."""
    time_reference_samples: int = 0
    """Where on the timeline the file's first sample lies, counted at the file's rate."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                line = _NOT_TEXT.sub(" ", value)[:_LONGEST_LINE].strip()
                object.__setattr__(self, field.name, line)
        if self.date is not None and self.date.tzinfo is None:
            raise JukeboxError("The date of a request must say its time zone.")
        if not 0 <= self.time_reference_samples < 2**64:
            raise JukeboxError(
                f"A file cannot lie at sample {self.time_reference_samples:,} of the timeline."
            )

    @property
    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.operation}, variant {self.variant + 1} of seed {self.seed}, made by a machine "
            f"({self.model}). {self.notice}"
        )

    def to_json(self) -> dict[str, Any]:
        """Without what is not known."""
        data: dict[str, Any] = _PROVENANCE.dump_python(self, mode="json", exclude_none=True)
        return data

    def to_texts(self) -> dict[str, str]:
        """The same as text, by upper-case name: what iXML and FLAC hold."""
        return {name.upper(): str(value) for name, value in self.to_json().items()}

    @classmethod
    def from_texts(cls, texts: dict[str, str], path: Path) -> Provenance:
        """What `to_texts` gave; what a later version adds is left aside."""
        names = {field.name for field in fields(cls)}
        known = {name.lower(): text for name, text in texts.items() if name.lower() in names}
        what = f"{path} does not say properly how it was made"
        return checked(_PROVENANCE, known, what)


_PROVENANCE = TypeAdapter(Provenance)


def request_sha256(request: dict[str, Any]) -> str:
    """SHA-256 of a request's JSON in its one canonical form: keys sorted, no spaces, UTF-8."""
    text = json.dumps(
        request, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write(
    path: Path,
    samples: Samples,
    rate_hz: int,
    provenance: Provenance,
    *,
    subtype: str = "PCM_24",
) -> int:
    """`audio.write` with provenance in the file: samples [T] or [T, C], a .wav or .flac name.

    Returns the number of values cut at full scale. Raises JukeboxError for all that `audio.write`
    does, and for other kinds of file. What was at `path` stays until the new file is whole.
    """
    add = {".wav": _into_wav, ".flac": _into_flac}.get(path.suffix.lower())
    if add is None:
        raise JukeboxError(
            f"{path} cannot hold how it was made; choose a name that ends in .wav or .flac."
        )
    encoded, clipped = audio.encode(path, samples, rate_hz, subtype=subtype)
    write_atomically(path, add(encoded, provenance))
    return clipped


def read_provenance(path: Path) -> Provenance | None:
    """How the file at `path` was made; None where it does not say.

    Raises JukeboxError for all that `audio.inspect` does, and where what it says is damaged.
    """
    container = audio.inspect(path).container
    try:
        if container == "FLAC":
            texts = _flac_texts(path)
        elif container in ("WAV", "WAVEX"):
            texts = _wav_texts(path)
        else:
            return None
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror or error}.") from error
    return Provenance.from_texts(texts, path) if texts else None


# WAV ---------------------------------------------------------------------------------------------


def _into_wav(encoded: bytes, provenance: Provenance) -> bytes:
    chunks = dict(_chunks(io.BytesIO(encoded), len(encoded)))
    # libsndfile's PEAK chunk, in files of floats, has the time of writing in it: it is left out.
    own = [(name, chunks[name]) for name in (b"fmt ", b"fact", b"data") if name in chunks]
    _, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    told = [
        (b"bext", _bext(provenance, channels, rate_hz, bits)),
        *own[:-1],
        (b"LIST", _info_list(provenance)),
        (b"iXML", _ixml(provenance, rate_hz, bits)),
        own[-1],
    ]
    body = b"".join([b"WAVE", *(_chunk(name, content) for name, content in told)])
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, content: bytes) -> bytes:
    # A chunk of odd length is followed by a byte that its length does not count.
    return b"".join((name, struct.pack("<I", len(content)), content, b"\0" * (len(content) % 2)))


def _ascii(text: str, length: int) -> bytes:
    spelled: str = unidecode(text)
    return spelled.encode("ascii", "replace")[:length]


def _bext(provenance: Provenance, channels: int, rate_hz: int, bits: int) -> bytes:
    """EBU Tech 3285, version 1: 602 bytes and the coding history, in the words of EBU R 98."""
    date = provenance.date
    mode = {1: "mono", 2: "stereo"}.get(channels, "multichannel")
    history = f"A=PCM,F={rate_hz},W={bits},M={mode},T={provenance.program}; {provenance.model}\r\n"
    # The same request gives several files: a reference of 32 characters has room for both.
    reference = f"{provenance.request_sha256[:26]}-{provenance.variant:05}"
    return struct.pack(
        "<256s32s32s10s8sQH64s190x",
        _ascii(provenance.summary, 256),
        _ascii(provenance.program, 32),
        _ascii(reference, 32),
        f"{date:%Y-%m-%d}".encode() if date else b"",
        f"{date:%H:%M:%S}".encode() if date else b"",
        provenance.time_reference_samples,
        1,
        b"",
    ) + _ascii(history, 1024)


def _info_list(provenance: Provenance) -> bytes:
    """RIFF's own words. Nothing says how they are encoded, so they are ASCII."""
    words = {
        b"ICMT": provenance.summary,
        b"ICOP": provenance.licence,
        b"ICRD": f"{provenance.date:%Y-%m-%d}" if provenance.date else "",
        b"ISFT": provenance.program,
    }
    return b"INFO" + b"".join(
        _chunk(name, _ascii(text, 2048) + b"\0") for name, text in words.items() if text
    )


def _ixml(provenance: Provenance, rate_hz: int, bits: int) -> bytes:
    """iXML 1.61: its own note and time stamp, and an element of ours with every field."""
    root = ET.Element("BWFXML")
    high, low = divmod(provenance.time_reference_samples, 2**32)
    ET.SubElement(root, "IXML_VERSION").text = "1.61"
    ET.SubElement(root, "NOTE").text = provenance.summary
    speed = ET.SubElement(root, "SPEED")
    for name, value in (
        ("FILE_SAMPLE_RATE", rate_hz),
        ("AUDIO_BIT_DEPTH", bits),
        ("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", high),
        ("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO", low),
        ("TIMESTAMP_SAMPLE_RATE", rate_hz),
    ):
        ET.SubElement(speed, name).text = str(value)
    own = ET.SubElement(root, IXML_ELEMENT)
    for name, text in provenance.to_texts().items():
        ET.SubElement(own, name).text = text
    xml: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _wav_texts(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        size_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        xml = next((c for name, c in _chunks(file, size_bytes, {b"iXML"}) if name == b"iXML"), b"")
    if IXML_ELEMENT.encode() not in xml:
        return {}
    damaged = JukeboxError(f"{path} does not say properly how it was made: its iXML is damaged.")
    try:
        text = xml.rstrip(b"\0").decode("utf-8-sig")
        # It could define entities that grow without bounds; iXML has no use for it.
        if "<!DOCTYPE" in text:
            raise damaged
        own = ET.fromstring(text).find(IXML_ELEMENT)
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise damaged from error
    return {} if own is None else {element.tag: element.text or "" for element in own}


def _chunks(
    file: BinaryIO, size_bytes: int, wanted: set[bytes] | None = None
) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file, by name; where some are wanted, those only, and no long ones."""
    file.seek(12)
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return
        name, length = struct.unpack("<4sI", header)
        begin = file.tell()
        if wanted is None or (name in wanted and length <= _MOST_METADATA_BYTES):
            yield name, file.read(length)
        if begin + length > size_bytes:
            return
        file.seek(begin + length + length % 2)


# FLAC --------------------------------------------------------------------------------------------


def _into_flac(encoded: bytes, provenance: Provenance) -> bytes:
    file = io.BytesIO(encoded)
    flac = FLAC(file)
    if flac.tags is None:
        flac.add_tags()
    assert isinstance(flac.tags, VCFLACDict)
    for name, text in provenance.to_texts().items():
        flac.tags[FLAC_PREFIX + name] = text
    # The names that other programs look for; the last is where FLAC keeps bext's time reference.
    flac.tags["COMMENT"] = provenance.summary
    flac.tags["LICENSE"] = provenance.licence
    flac.tags["ENCODER"] = provenance.program
    if provenance.date:
        flac.tags["DATE"] = f"{provenance.date:%Y-%m-%d}"
    flac.tags["TIME_REFERENCE"] = str(provenance.time_reference_samples)
    file.seek(0)
    flac.save(file)
    return file.getvalue()


def _flac_texts(path: Path) -> dict[str, str]:
    try:
        tags = FLAC(path).tags
    except MutagenError as error:
        raise JukeboxError(
            f"{path} does not say properly how it was made: its tags are damaged ({error})."
        ) from error
    if not isinstance(tags, VCFLACDict):
        return {}
    texts = {name.upper(): text for name, text in tags}
    return {
        name.removeprefix(FLAC_PREFIX): text
        for name, text in texts.items()
        if name.startswith(FLAC_PREFIX)
    }
