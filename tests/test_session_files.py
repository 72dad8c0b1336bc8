"""What lies in a session's folder: checked, packed, cleared; and the commands for it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from session_maker import LATER, WHEN, add_tree, clip_of, sound, state_of

from jukebox_studio import exports
from jukebox_studio import session as session_module
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.exports import ExportName, clean, exports_folder
from jukebox_studio.session import Session
from jukebox_studio.session_command import app
from jukebox_studio.session_files import check, collect, export_zip, find_rubbish
from jukebox_studio.session_schema import DATABASE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return sound(tmp_path / "DAW" / "a clip ü.wav")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "Lied ♪", exports=tmp_path / "exports") as made:
        yield made


def everything(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# check


def test_a_whole_session(session: Session, source: Path) -> None:
    first = add_tree(session, source)[0]
    session.export_variant(first.id, when=WHEN)
    session.copy_audio(1)
    before = everything(session.folder)
    assert check(session) == []
    assert everything(session.folder) == before


def test_all_that_is_missing_is_told(session: Session, source: Path) -> None:
    first, second, inner = add_tree(session, source)
    kept = session.add_clip(clip_of(source, "kept"), when=WHEN)
    session.copy_audio(kept.id)
    exported = session.export_variant(first.id, when=WHEN)
    for path in (source, exported, first.audio_path, second.codes_path):
        assert path is not None
        path.unlink()
    inner.audio_path.write_bytes(inner.audio_path.read_bytes()[:-300])
    told = {(p.kind, p.path): p.sentence for p in check(session)}
    assert set(told) == {
        ("original", source),
        ("export", exported),
        ("file", first.audio_path),
        ("file", second.codes_path),
        ("file", inner.audio_path),
    }
    assert "cut off or replaced" in told["file", inner.audio_path]
    assert "nothing can start from them" in told["file", second.codes_path or source]
    originals = [p.sentence for p in check(session) if p.kind == "original"]
    assert [s.endswith("The session has a copy of its own.") for s in originals] == [False, True]


def test_damage_deep_in_the_database_is_told(session: Session, source: Path) -> None:
    add_tree(session, source)
    session.close()
    content = (session.folder / DATABASE).read_bytes()
    # The name of an index's only entries: what quick_check does not look at.
    assert content.count(b"jobs_of_clip") >= 1
    with Session.open(session.folder, read_only=True) as again:
        rows = again._connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'variants_of_clip'"
        )
        start = (rows.fetchone()[0] - 1) * 4096
    page = bytearray(content[start : start + 4096])
    page[3:5] = b"\0\0"  # the index now says that it is empty
    (session.folder / DATABASE).write_bytes(content[:start] + page + content[start + 4096 :])
    with Session.open(session.folder, read_only=True) as again:
        problems = check(again)
    assert problems
    assert {p.kind for p in problems} == {"database"}


def test_rows_without_their_partner_are_told(session: Session, source: Path) -> None:
    add_tree(session, source)
    session._connection.execute("PRAGMA foreign_keys = OFF")
    session._connection.execute("DELETE FROM jobs WHERE id = 2")
    told = [p.sentence for p in check(session)]
    assert told == ["A row of variants names what is not in jobs."]


# gc


def test_only_what_nothing_names_is_rubbish(session: Session, source: Path) -> None:
    first, second, _ = add_tree(session, source)
    session.copy_audio(1)
    named = everything(session.folder)
    folder = session.folder
    rubbish = [
        folder / "variants" / "job-1" / "old preview.wav",
        folder / "variants" / ".x.wav.1234.part",
        folder / "jobs" / "job-1" / "level_0.safetensors",  # of a job that finished
        folder / "trash" / "variants" / "forgotten.wav",
    ]
    musicians = [
        folder / "notes.txt",
        folder / "my folder" / "a.wav",
        folder / "jobs" / "job-2" / "level_0.safetensors",  # of a job that waits
    ]
    for path in (*rubbish, *musicians):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    exported = session.export_variant(second.id, when=WHEN)
    session.prune([first.id], when=WHEN)

    found = find_rubbish(session)
    assert set(found.files) == set(rubbish)
    assert found.size_bytes == 20
    assert (len(found.trash), found.exported) == (4, (exported,))
    assert all(path.exists() for path in rubbish)  # looking removes nothing

    assert set(collect(session).files) == set(rubbish)
    assert not any(path.exists() for path in rubbish)
    assert not (folder / "jobs" / "job-1").exists()
    assert all(path.exists() for path in (*musicians, exported, source))
    session.undo()
    left = everything(folder) - {p.relative_to(folder).as_posix() for p in musicians}
    assert left == named
    assert check(session) == []


def test_a_file_that_could_not_be_moved_is_moved_later(
    session: Session, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a player holds it open on Windows, or the program is killed before the move."""
    first, _, _ = add_tree(session, source)
    trash = session.folder / "trash" / first.audio_path.relative_to(session.folder)
    with monkeypatch.context() as patch:
        patch.setattr(session_module, "_move", lambda source, target: None)
        session.prune([first.id], when=WHEN)
        assert session.variant(first.id).audio_path == first.audio_path
        assert first.audio_path.is_file()
        assert first.audio_path in find_rubbish(session).trash
        assert collect(session).files == ()
    session.close()
    with Session.open(session.folder) as again:
        assert trash.is_file()
        assert not first.audio_path.exists()
        with monkeypatch.context() as patch:
            patch.setattr(session_module, "_move", lambda source, target: None)
            again.undo()
            assert collect(again, trash=True).files == ()
    with Session.open(session.folder) as again:
        assert first.audio_path.is_file()
        assert check(again) == []


def test_emptying_the_trash_ends_undo(session: Session, source: Path) -> None:
    first, second, inner = add_tree(session, source)
    exported = session.export_variant(first.id, when=WHEN)
    session.record_placement(first.id, exported, "dragged", when=WHEN)
    session.prune([first.id], when=WHEN)
    waiting = inner.job_id
    with pytest.raises(JukeboxError, match="Job 2 is queued and works on what was pruned"):
        collect(session, trash=True)
    assert session.undoable is not None
    session.set_job_state(waiting, "cancelled")
    collect(session, trash=True)
    assert [v.id for v in session.variants(pruned=True)] == [second.id]
    assert session.undoable is None
    assert not (session.folder / "trash").exists()
    assert exported.is_file()
    assert [e.variant_id for e in session.exports()] == [None]
    assert [p.path for p in session.placements()] == [exported]
    assert check(session) == []

    session.prune_clip(1, when=LATER)
    collect(session, trash=True)
    assert session.clips(pruned=True) == []
    assert source.is_file()
    assert exported.is_file()
    assert check(session) == []


def test_exports_inside_the_session_are_not_rubbish(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "s"
    with Session.create(folder, exports=folder / "variants" / "mine") as session:
        first = add_tree(session, source)[0]
        exported = session.export_variant(first.id, when=WHEN)
    with Session.open(folder, exports=tmp_path / "elsewhere") as session:
        assert exported not in collect(session).files
    assert exported.is_file()


def test_a_link_out_of_the_session_is_not_followed(session: Session, tmp_path: Path) -> None:
    outside = sound(tmp_path / "outside" / "a.wav")
    (session.folder / "variants").mkdir()
    (session.folder / "variants" / "link").symlink_to(outside.parent)
    (session.folder / "clips").symlink_to(outside.parent)
    assert collect(session).files == ()
    assert outside.is_file()


def test_a_damaged_session_is_not_cleared(session: Session, source: Path) -> None:
    add_tree(session, source)
    session.close()
    before = everything(session.folder / "variants")
    (session.folder / DATABASE).write_bytes(b"no database" * 1_000)
    with Session.open(session.folder) as again:
        with pytest.raises(JukeboxError, match="is damaged"):
            collect(again)
        with pytest.raises(JukeboxError, match="nobody knows which files it needs"):
            find_rubbish(again)
    assert everything(session.folder / "variants") == before


def test_a_row_that_cannot_be_read_keeps_its_files(session: Session, source: Path) -> None:
    add_tree(session, source)
    session._connection.execute("UPDATE jobs SET state = 'asleep' WHERE id = 2")
    with pytest.raises(JukeboxError, match="nothing was removed"):
        collect(session)


# export


def test_a_session_in_one_file(session: Session, source: Path, tmp_path: Path) -> None:
    first, second, inner = add_tree(session, source)
    session.branch(first.id, "mine", when=LATER)
    session.export_variant(first.id, when=WHEN)
    session.prune([second.id], when=WHEN)
    kept = session.add_clip(clip_of(source, "kept"), when=WHEN)
    session.copy_audio(kept.id)
    gone = session.add_clip(clip_of(tmp_path / "gone.wav"), when=WHEN)
    assert inner.codes_path is not None
    inner.codes_path.unlink()
    before = state_of(session)
    packed = export_zip(session, tmp_path / "all ü.zip")
    assert state_of(session) == before
    assert [s.split(":")[0] for s in packed.left_out] == [
        f"Clip {gone.id}, gone",
        f"The codes of variant {inner.id}",
    ]
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.testzip() is None
        project = json.loads(archive.read("project.json"))
        assert set(archive.namelist()) == {"project.json", *project["files"]}
        for name, said in project["files"].items():
            content = archive.read(name)
            assert hashlib.sha256(content).hexdigest() == said["sha256"]
            assert len(content) == said["size_bytes"]
        assert archive.read(project["variants"][0]["audio"]) == first.audio_path.read_bytes()
        with archive.open(project["clips"][0]["file"]) as stretch:
            np.testing.assert_array_equal(
                soundfile.read(stretch)[0], soundfile.read(source, 400)[0]
            )
    assert (project["format"], project["version"]) == ("jukebox-studio session", 1)
    assert [v["id"] for v in project["variants"]] == [1, 3, 4]
    assert project["variants"][0]["seed"] == 2**64 - 1
    assert project["variants"][2]["parent"] == 1
    assert project["variants"][1]["codes"] is None
    assert [Clip.from_json(c["clip"]) for c in project["clips"]] == [
        c.clip for c in session.clips()
    ]
    assert project["jobs"][0]["request"] == session.job(1).request
    assert len(project["exports"]) == 1
    assert project["left_out"] == list(packed.left_out)


def test_a_zip_that_cannot_be_written(session: Session, tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match="could not be written"):
        export_zip(session, tmp_path / "nowhere" / "x.zip")


# The names of exported files


@given(st.text(), st.text(), st.text(), st.integers(1, 64), st.datetimes())
def test_every_name_is_one_for_every_system(
    clip: str, operation: str, length: str, variant: int, date: datetime
) -> None:
    name = ExportName(clip, operation, length, variant, date).file_name(".wav")
    assert len(name.encode()) <= exports.MOST_NAME_BYTES
    assert name.endswith(f" - v{variant} - {date:%Y-%m-%d}.wav")
    assert not set(name) & set('<>:"/\\|?*\0\n\r\t')
    assert name[0] not in " ."
    assert clean(name) == name


@pytest.mark.parametrize("text", ["CON", "nul.wav", "com1", "Lpt9.x.y", "..", "", " . ", "\udcff"])
def test_what_systems_keep_for_themselves(text: str) -> None:
    name = ExportName(text, "continue", "8 bars (4/4 at 120)", 3, WHEN).file_name(".flac")
    end = " - continue - 8 bars - v3 - 2026-03-01.flac"
    assert name.endswith(end)
    assert name.removesuffix(end).lower() not in ("con", "nul.wav", "com1", "lpt9.x.y", "..", "")


def test_a_long_name_gives_way_to_what_tells_files_apart() -> None:
    name = ExportName("音" * 200, "continue", "8 bars", 12, WHEN).file_name(".wav")
    assert name.endswith("音 - continue - 8 bars - v12 - 2026-03-01.wav")


def test_where_exports_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(exports.EXPORTS_VARIABLE, raising=False)
    music, documents = tmp_path / "Music", tmp_path / "Documents"
    monkeypatch.setattr(exports.platformdirs, "user_music_path", lambda: music)
    monkeypatch.setattr(exports.platformdirs, "user_documents_path", lambda: documents)
    assert exports_folder() == documents / "Jukebox Studio"
    music.mkdir()
    assert exports_folder() == music / "Jukebox Studio"
    monkeypatch.setenv(exports.EXPORTS_VARIABLE, str(tmp_path / "mine"))
    assert exports_folder() == tmp_path / "mine"


def test_a_file_system_without_links(
    session: Session, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object) -> None:
        raise PermissionError("exFAT")

    monkeypatch.setattr(exports.os, "link", no_links)
    first = add_tree(session, source)[0]
    paths = {session.export_variant(n, when=WHEN) for n in (first.id, 3)}
    flac = sound(source.with_name("other.wav"), seed=9)
    paths.add(session.export_variant(first.id, when=WHEN, source=flac))
    assert len(paths) == 3
    assert all(p.is_file() for p in paths)
    assert len(list(session.exports_to.iterdir())) == 3


# The commands


def call(*arguments: str | Path) -> None:
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


def test_the_commands(
    session: Session, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, inner = add_tree(session, source)
    session.rename(first.id, "Höhe", when=WHEN)
    session.rate([first.id], 3, when=WHEN)
    session.hide([second.id], when=WHEN)
    exported = session.export_variant(first.id, when=WHEN)
    folder = session.folder

    call("list", folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Clip 1: Strophe ü (")
    assert lines[1].startswith("  variant 1 Höhe *** full, 0.1 s: ")
    assert lines[2].startswith(f"    variant {inner.id} full")
    assert lines[3].startswith("  variant 2 full hidden")
    assert lines[4] == "Job 1: finished (continue Ada, hum 8 bars)"
    assert lines[-1] == "1 clips, 3 variants, 2 jobs."

    call("check", folder)
    assert "is whole: 1 clips, 3 variants, 1 exported files" in capsys.readouterr().out
    call("export", folder, tmp_path / "x.zip")
    assert "7 files" in capsys.readouterr().out
    with pytest.raises(JukeboxError, match="There is a file"):
        call("export", folder, tmp_path / "x.zip")

    rubbish = folder / "variants" / "old.wav"
    rubbish.write_bytes(b"12345")
    with pytest.raises(JukeboxError, match="is open already"):
        call("gc", folder, "--remove")
    call("gc", folder)
    text = capsys.readouterr().out
    assert str(rubbish) in text
    assert "1 files, 5 bytes, which nothing needs. To remove them, add --remove." in text
    assert f"Exported, kept: {exported}" in text
    assert rubbish.exists()
    session.prune([second.id], when=WHEN)
    session.close()
    call("gc", folder, "--remove")
    text = capsys.readouterr().out
    assert "Removed: 1 files" in text
    assert "In the trash: 2 files" in text
    assert not rubbish.exists()
    call("gc", folder, "--remove", "--trash")
    assert "Removed: 2 files" in capsys.readouterr().out
    assert not (folder / "trash").exists()
    assert exported.is_file()


def test_check_ends_in_an_error_where_something_is_missing(
    session: Session, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_tree(session, source)
    source.unlink()
    with pytest.raises(JukeboxError, match="one thing is damaged or missing"):
        call("check", session.folder)
    assert f"There is no file {source}" in capsys.readouterr().out
