"""What files say of themselves, read back by us, by libsndfile, by wavinfo and by plain parsers."""

from __future__ import annotations

import ctypes
import hashlib
import json
import struct
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC
from wavinfo import WavInfoReader

from jukebox_studio import audio
from jukebox_studio.bundle import MANIFEST, open_bundle
from jukebox_studio.cli import app
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import VariantFinished
from jukebox_studio.licences import OPENAI_JUKEBOX
from jukebox_studio.provenance import Provenance, read_provenance, request_sha256, write
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime

PROVENANCE = Provenance(
    program="jukebox-studio 0.1.0",
    model="starter",
    bundle_sha256="ab" * 32,
    licence=OPENAI_JUKEBOX.name,
    notice=OPENAI_JUKEBOX.in_plain_words,
    operation="continue",
    seed=2**64 - 1,
    variant=2,
    request_sha256=request_sha256({"operation": "continue", "lyrics": "Grüße 音"}),
    date=datetime(2026, 11, 22, 21, 5, 9, tzinfo=timezone(timedelta(hours=1))),
    time_reference_samples=2**32 + 12_345,
)
STRANGE = replace(
    PROVENANCE,
    model='a "model" <&> Ünïcødé 音楽 ♪ \U0001f3b5',
    notice="line one\r\nline two\x00\x1b\ttab \udc80 ]]> &amp; </JUKEBOX_STUDIO>",
    date=None,
    time_reference_samples=0,
)


def sound(length_samples: int = 1001, channels: int = 1) -> np.ndarray:
    uniform = np.random.default_rng(3).uniform(-1.1, 1.1, (length_samples, channels))
    return uniform.astype(np.float32)


def riff_chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """A strict walk: the sizes must add up to the file, and padding must be there and be zero."""
    content = path.read_bytes()
    riff, size, wave = struct.unpack("<4sI4s", content[:12])
    assert (riff, wave) == (b"RIFF", b"WAVE")
    assert size == len(content) - 8
    chunks, place = [], 12
    while place < len(content):
        name, length = struct.unpack("<4sI", content[place : place + 8])
        chunks.append((name, content[place + 8 : place + 8 + length]))
        place += 8 + length
        if length % 2:
            assert content[place] == 0
            place += 1
    assert place == len(content)
    return chunks


def vorbis_comments(path: Path) -> dict[str, str]:
    """Of a FLAC file, by the format's own description (RFC 9639)."""
    content = path.read_bytes()
    assert content[:4] == b"fLaC"
    place, last = 4, False
    while not last:
        last, kind = bool(content[place] & 0x80), content[place] & 0x7F
        length = int.from_bytes(content[place + 1 : place + 4], "big")
        block = content[place + 4 : place + 4 + length]
        place += 4 + length
        if kind == 4:
            break
    else:
        return {}

    def text(at: int) -> tuple[str, int]:
        (length,) = struct.unpack_from("<I", block, at)
        return block[at + 4 : at + 4 + length].decode("utf-8"), at + 4 + length

    _, at = text(0)
    (count,) = struct.unpack_from("<I", block, at)
    at, comments = at + 4, {}
    for _ in range(count):
        comment, at = text(at)
        name, _, value = comment.partition("=")
        comments[name] = value
    return comments


def libsndfile_bext(path: Path) -> tuple[bytes, ...]:
    """What libsndfile, which Ardour reads files with, finds in the bext chunk."""
    form = "@256s32s32s10s8sIIh64s5h180sI256s0I"  # SF_BROADCAST_INFO of sndfile.h
    get_broadcast_info = 0x10F0
    with soundfile.SoundFile(path) as file:
        space = ctypes.create_string_buffer(struct.calcsize(form))
        pointer = soundfile._ffi.from_buffer(space)
        assert soundfile._snd.sf_command(file._file, get_broadcast_info, pointer, len(space)) == 1
    return struct.unpack(form, space.raw)


# There and back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [PROVENANCE, STRANGE])
@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_24"),
        ("b.WAV", "PCM_16"),
        ("c.wav", "FLOAT"),
        ("d.flac", "PCM_24"),
        ("Grüße 音 e.flac", "PCM_16"),
    ],
)
@pytest.mark.parametrize(("length_samples", "channels"), [(1001, 1), (1000, 2), (1, 1), (77, 5)])
def test_files_say_how_they_were_made_and_sound_the_same(
    tmp_path: Path,
    told: Provenance,
    name: str,
    subtype: str,
    length_samples: int,
    channels: int,
) -> None:
    samples = sound(length_samples, channels)
    path, plain = tmp_path / name, tmp_path / ("plain" + Path(name).suffix)
    clipped = write(path, samples, 44_100, told, subtype=subtype)
    assert clipped == audio.write(plain, samples, 44_100, subtype=subtype)
    assert read_provenance(path) == told
    assert read_provenance(plain) is None
    assert replace(audio.inspect(path), path=plain) == audio.inspect(plain)
    assert np.array_equal(audio.read(path).samples, audio.read(plain).samples)
    if path.suffix.lower() == ".wav":
        own, theirs = dict(riff_chunks(path)), dict(riff_chunks(plain))
        assert own[b"data"] == theirs[b"data"]
        assert own[b"fmt "] == theirs[b"fmt "]


@settings(max_examples=50)
@given(
    st.text(max_size=300),
    st.integers(0, 2**64 - 1),
    st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)) | st.none(),
)
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, number: int, date: datetime | None
) -> None:
    told = replace(PROVENANCE, notice=text, date=date, time_reference_samples=number)
    folder = tmp_path_factory.mktemp("text")
    for name in ("a.wav", "a.flac"):
        write(folder / name, sound(3), 8_000, told)
        assert read_provenance(folder / name) == told


def test_lines_are_plain_and_bounded(tmp_path: Path) -> None:
    assert STRANGE.notice == "line one line two tab   ]]> &amp; </JUKEBOX_STUDIO>"
    long = replace(PROVENANCE, notice="&" * 100_000, licence="音" * 100_000)
    assert len(long.notice) == len(long.licence) == 10_000
    for name in ("long.wav", "long.flac"):
        write(tmp_path / name, sound(), 44_100, long)
        assert read_provenance(tmp_path / name) == long


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    for name, subtype in (("a.wav", "PCM_24"), ("f.wav", "FLOAT"), ("a.flac", "PCM_24")):
        paths = [tmp_path / f"{n}-{name}" for n in range(2)]
        for path in paths:
            write(path, sound(), 44_100, PROVENANCE, subtype=subtype)
        first, second = (path.read_bytes() for path in paths)
        assert first == second


def test_the_hash_of_a_request_does_not_depend_on_its_order() -> None:
    assert request_sha256({"a": 1, "b": "ü"}) == request_sha256({"b": "ü", "a": 1})
    # printf '{"a":1,"b":"ü"}' | sha256sum
    assert request_sha256({"a": 1, "b": "ü"}).startswith("1a59e522e02ce50ad2c27c11a6d30f86")
    with pytest.raises(ValueError, match="JSON"):
        request_sha256({"a": float("nan")})


# Other readers -----------------------------------------------------------------------------------


def test_wavinfo_reads_the_broadcast_wave(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, sound(1000, 2), 44_100, PROVENANCE)
    info = WavInfoReader(str(path))
    bext = info.bext
    assert bext.version == 1
    assert bext.time_reference == PROVENANCE.time_reference_samples
    assert bext.originator == "jukebox-studio 0.1.0"
    assert bext.originator_ref == PROVENANCE.request_sha256[:26] + "-00002"
    assert (bext.originator_date, bext.originator_time) == ("2026-11-22", "21:05:09")
    assert bext.description.startswith("continue, variant 3 of seed 18446744073709551615")
    assert OPENAI_JUKEBOX.disclosure in bext.description
    assert bext.coding_history == (
        "A=PCM,F=44100,W=24,M=stereo,T=jukebox-studio 0.1.0; starter\r\n"
    )
    assert info.info.software == "jukebox-studio 0.1.0"
    assert info.info.copyright == OPENAI_JUKEBOX.name
    assert info.info.comment == PROVENANCE.summary
    assert info.info.created_date == "2026-11-22"
    own = info.ixml.parsed.find("JUKEBOX_STUDIO")
    assert {element.tag: element.text for element in own} == {
        name.upper(): value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in asdict(PROVENANCE).items()
    }
    speed = info.ixml.parsed.find("SPEED")
    assert int(speed.findtext("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI")) == 1
    assert int(speed.findtext("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO")) == 12_345
    assert (info.data.frame_count, info.fmt.sample_rate, info.fmt.bits_per_sample) == (
        1000, 44_100, 24,
    )  # fmt: skip


def test_what_is_not_ascii_is_spelled_in_bext_and_kept_in_ixml(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, sound(), 44_100, STRANGE)
    info = WavInfoReader(str(path), bext_encoding="ascii", info_encoding="ascii")
    assert "Unicode Yin Le" in info.bext.description
    assert (info.bext.originator_date, info.bext.originator_time) == ("", "")
    assert info.info.created_date is None
    assert info.ixml.parsed.findtext("JUKEBOX_STUDIO/MODEL") == STRANGE.model


def test_libsndfile_reads_the_time_reference(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, sound(), 44_100, PROVENANCE)
    fields = libsndfile_bext(path)
    assert fields[5:8] == (12_345, 1, 1)
    assert fields[1].rstrip(b"\0") == b"jukebox-studio 0.1.0"
    with soundfile.SoundFile(path) as file:
        assert file.software == "jukebox-studio 0.1.0"
        assert file.copyright == OPENAI_JUKEBOX.name


def test_flac_comments_are_read_by_the_format_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, sound(), 44_100, STRANGE)
    comments = vorbis_comments(path)
    assert comments["JUKEBOX_STUDIO_MODEL"] == STRANGE.model
    assert comments["JUKEBOX_STUDIO_NOTICE"] == STRANGE.notice
    assert comments["JUKEBOX_STUDIO_SEED"] == str(2**64 - 1)
    assert comments["TIME_REFERENCE"] == "0"
    assert "DATE" not in comments
    with soundfile.SoundFile(path) as file:
        assert file.comment == STRANGE.summary


def test_the_order_of_chunks_is_that_of_broadcast_waves(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", sound(), 44_100, PROVENANCE)
    write(tmp_path / "f.wav", sound(), 44_100, PROVENANCE, subtype="FLOAT")
    names = [name for name, _ in riff_chunks(tmp_path / "a.wav")]
    assert names == [b"bext", b"fmt ", b"LIST", b"iXML", b"data"]
    names = [name for name, _ in riff_chunks(tmp_path / "f.wav")]
    assert names == [b"bext", b"fmt ", b"fact", b"LIST", b"iXML", b"data"]


# Files that were there, large files, damaged files -----------------------------------------------


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    write(path, sound(10), 44_100, STRANGE)
    write(path, sound(2000), 48_000, PROVENANCE)
    assert read_provenance(path) == PROVENANCE
    before = path.read_bytes()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jukebox_studio.files.os.fsync", no_room)
    with pytest.raises(JukeboxError, match="No space left"):
        write(path, sound(), 44_100, STRANGE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_more_than_a_wav_file_counts_is_refused_at_once(tmp_path: Path) -> None:
    # Zero memory: every row is the same one.
    samples = np.broadcast_to(np.float32(0.0), (2**30, 2))
    with pytest.raises(JukeboxError, match=r"6\.4 GB, and a WAV file holds at most 4\.3 GB"):
        write(tmp_path / "a.wav", samples, 44_100, PROVENANCE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "subtype", "sentence"),
    [
        ("a.ogg", "VORBIS", "ends in .wav or .flac"),
        ("a", "PCM_24", "ends in .wav or .flac"),
        ("a.flac", "FLOAT", "cannot be written as FLOAT"),
    ],
)
def test_other_kinds_of_file_are_refused(
    tmp_path: Path, name: str, subtype: str, sentence: str
) -> None:
    with pytest.raises(JukeboxError, match=sentence):
        write(tmp_path / name, sound(), 44_100, PROVENANCE, subtype=subtype)
    assert list(tmp_path.iterdir()) == []


def test_times_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(JukeboxError, match="sample -1 of the timeline"):
        replace(PROVENANCE, time_reference_samples=-1)
    with pytest.raises(JukeboxError, match="time zone"):
        replace(PROVENANCE, date=datetime(2026, 11, 22))


def told_in_ixml(xml: bytes) -> bytes:
    """A WAV file whose iXML chunk lies after the sound, as some programs write it."""
    samples = struct.pack("<8h", *range(8))
    chunks = [
        (b"fmt ", struct.pack("<HHIIHH", 1, 1, 44_100, 88_200, 2, 16)),
        (b"odd ", b"abc"),
        (b"data", samples),
        (b"iXML", xml),
    ]
    body = b"WAVE" + b"".join(
        name + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for name, c in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def own_xml(texts: dict[str, str]) -> str:
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())
    return f"<BWFXML><JUKEBOX_STUDIO>{inside}</JUKEBOX_STUDIO></BWFXML>"


def test_ixml_is_found_wherever_it_lies_and_may_hold_more(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    simple = replace(PROVENANCE, notice="none")
    xml = own_xml(simple.to_texts() | {"COLOUR_OF_A_LATER_VERSION": "red"})
    path.write_bytes(told_in_ixml(b"\xef\xbb\xbf" + xml.encode() + b"\n\0\0"))
    assert read_provenance(path) == simple


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    + own_xml({"MODEL": "&b;"})
).encode()


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (b"<BWFXML><JUKEBOX_STUDIO>", "iXML is damaged"),
        (BOMB, "iXML is damaged"),
        (b"\xff\xfe<JUKEBOX_STUDIO>", "iXML is damaged"),
        (own_xml({"SEED": "1"}).encode(), "how it was made: program: Field required"),
        (own_xml(PROVENANCE.to_texts() | {"SEED": "seven"}).encode(), "seed: .* integer"),
        (own_xml(PROVENANCE.to_texts() | {"DATE": "2026-11-22T00:00:00"}).encode(), "date: "),
        (own_xml(PROVENANCE.to_texts() | {"REQUEST_SHA256": "0"}).encode(), "request_sha256: "),
    ],
)
def test_damaged_words_are_a_sentence(tmp_path: Path, xml: bytes, sentence: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(told_in_ixml(xml))
    with pytest.raises(JukeboxError, match=sentence):
        read_provenance(path)


def test_files_of_others_say_nothing(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.wav"
    theirs.write_bytes(told_in_ixml(b"<BWFXML><SCENE>1</SCENE></BWFXML>"))
    assert read_provenance(theirs) is None
    ogg = tmp_path / "a.ogg"
    audio.write(ogg, sound() * 0.5, 44_100, subtype="VORBIS")
    assert read_provenance(ogg) is None
    flac = tmp_path / "a.flac"
    audio.write(flac, sound(), 44_100)
    tags = FLAC(flac)
    tags["TITLE"] = "Another"
    tags.save()
    assert read_provenance(flac) is None


def test_a_wav_file_cut_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    whole, path = tmp_path / "a.wav", tmp_path / "cut.wav"
    write(whole, sound(50), 44_100, PROVENANCE)
    content = whole.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        try:
            assert read_provenance(path) in (None, PROVENANCE)
        except JukeboxError:
            continue


def test_a_chunk_that_claims_gigabytes_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    content = told_in_ixml(b"JUKEBOX_STUDIO")
    place = content.index(b"iXML") + 4
    path.write_bytes(content[:place] + struct.pack("<I", 2**32 - 1) + content[place + 4 :])
    assert read_provenance(path) is None


# The engine --------------------------------------------------------------------------------------


def test_a_continuation_says_how_it_was_made(tiny_bundle: Path, tmp_path: Path) -> None:
    from jukebox_studio.engine import render

    path = tmp_path / "clip.wav"
    audio.write(path, sound(22_050) * 0.3, 44_100)
    clip = replace(Clip.from_file(path, SongTime.steady(120)), position_samples=1000)
    request = Request(clip, Continue(0.01, "seconds"), variants=2, seed=7)
    events = render(open_bundle(tiny_bundle), request, tmp_path / "out")
    finished = [event for event in events if isinstance(event, VariantFinished)]
    assert [event.variant for event in finished] == [0, 1]
    for event in finished:
        told = read_provenance(event.audio_path)
        assert told is not None
        assert (told.operation, told.seed, told.variant) == ("continue", 7, event.variant)
        assert (told.model, told.licence, told.date) == ("tiny", "CC-BY-SA-4.0", None)
        manifest = (tiny_bundle / MANIFEST).read_bytes()
        assert told.bundle_sha256 == hashlib.sha256(manifest).hexdigest()
        described = json.loads(event.description_path.read_text(encoding="utf-8"))
        assert told.request_sha256 == request_sha256(described["request"])
        assert WavInfoReader(str(event.audio_path)).bext.time_reference == 1000 + 22_050


# The command -------------------------------------------------------------------------------------


def test_info_tells_how_a_file_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "Grüße.wav"
    write(path, sound(44_100, 2), 44_100, PROVENANCE)
    app(["info", str(path)], result_action="return_value")
    said = capsys.readouterr().out
    assert "WAV PCM_24, 44,100 Hz, 2 channels, 44,100 samples (1.000 s)" in said
    for text in (
        "continue", "18446744073709551615, variant 3", "starter", "ab" * 32, OPENAI_JUKEBOX.name,
        OPENAI_JUKEBOX.disclosure, PROVENANCE.request_sha256, "2026-11-22 21:05:09 +0100",
        "jukebox-studio 0.1.0", "sample 4,294,979,641",
    ):  # fmt: skip
        assert text in said


def test_info_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.flac"
    write(path, sound(), 44_100, PROVENANCE)
    app(["info", str(path), "--json"], result_action="return_value")
    said = json.loads(capsys.readouterr().out)
    assert said["container"] == "FLAC"
    assert said["provenance"] == PROVENANCE.to_json()
    audio.write(path, sound(), 44_100)
    app(["info", str(path), "--json"], result_action="return_value")
    assert json.loads(capsys.readouterr().out)["provenance"] is None


def test_info_of_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, sound(), 44_100)
    app(["info", str(path)], result_action="return_value")
    assert "does not say how it was made" in capsys.readouterr().out
    with pytest.raises(JukeboxError, match="There is no file"):
        app(["info", str(tmp_path / "gone.wav")], result_action="return_value")
