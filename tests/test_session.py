"""The session: what it keeps, what it refuses, undo and redo, the exports folder."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from session_maker import (
    LATER,
    SONG,
    WHEN,
    add_result,
    add_tree,
    clip_of,
    sound,
    state_of,
)

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.provenance import request_sha256
from jukebox_studio.session import Session
from jukebox_studio.tempo import SongTime


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return sound(tmp_path / "DAW" / "a clip ü.wav")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "Lied ♪", exports=tmp_path / "exports") as made:
        yield made


def reopened(session: Session) -> Session:
    session.close()
    return Session.open(session.folder, exports=session.exports_to)


def test_all_is_there_again(session: Session, source: Path) -> None:
    variants = add_tree(session, source)
    session.record_placement(
        variants[0].id,
        source,
        "inserted",
        when=LATER,
        daw="Ardour",
        track="Voc",
        position_samples=96_000,
        timeline_rate_hz=48_000,
    )
    before = state_of(session)
    with reopened(session) as again:
        assert state_of(again) == before
        clip, job, placement = again.clips()[0], again.jobs()[0], again.placements()[0]
        assert (clip.clip, clip.name, clip.added_at) == (
            clip_of(source, "Strophe ü"),
            "Strophe ü",
            WHEN,
        )
        assert job.request == {"version": 1, "operation": "continue", "seed": 3}
        assert job.request_sha256 == request_sha256(job.request)
        assert (job.styles, job.length_said, job.model) == ("Ada, hum", "8 bars", "starter")
        first, second, inner = again.variants()
        assert (first.parent_id, second.parent_id, inner.parent_id) == (None, None, first.id)
        assert (first.seed, first.gain_db, first.remarks) == (2**64 - 1, -1.5, ("unknown artist",))
        assert first.audio_path.is_file()
        assert again.clips()[0].clip.path == source
        assert (placement.track, placement.position_samples) == ("Voc", 96_000)
        assert again.placements(variants[1].id) == []


def test_dates_keep_their_zone(session: Session, source: Path) -> None:
    berlin = datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=2)))
    clip = session.add_clip(clip_of(source), when=berlin)
    assert session.clip(clip.id).added_at.utcoffset() == timedelta(hours=2)
    with pytest.raises(ValueError, match="time zone"):
        session.add_clip(clip_of(source), when=datetime(2026, 7, 1))
    assert len(session.clips()) == 1


def test_a_nameless_clip_is_called_after_its_file(session: Session, source: Path) -> None:
    assert session.add_clip(clip_of(source), when=WHEN).name == "a clip ü"
    # Half of a surrogate pair, as a name out of a file system may hold, is no text.
    assert session.add_clip(clip_of(source), when=WHEN, name="a\udcffb").name == "a?b"


def test_a_result_told_again_stays_one(session: Session, source: Path) -> None:
    variants = add_tree(session, source)
    session.rate([variants[0].id], 4, when=WHEN)
    job_id = variants[0].job_id
    again = add_result(session, job_id, 0)
    assert again == session.variant(variants[0].id)
    assert again.rating == 4
    assert add_result(session, job_id, 0, "preview").state == "full"
    preview = add_result(session, job_id, 7, "preview")
    branch = session.branch(preview.id, "mine", when=WHEN)
    full = add_result(session, job_id, 7)
    assert (preview.state, full.state, full.id) == ("preview", "full", preview.id)
    assert session.variant(branch.id).audio_path == full.audio_path
    assert session.variant(branch.id).name == "mine"


def test_results_lie_in_the_session(session: Session, source: Path) -> None:
    job = add_tree(session, source)[0].job_id
    for path in (source, session.folder / "trash" / "x.wav", session.folder / ".." / "x.wav"):
        with pytest.raises(JukeboxError, match=r"outside the session's folder|the session's trash"):
            session.record_variant(
                job,
                9,
                seed=0,
                state="full",
                audio_path=path,
                length_samples=1,
                rate_hz=1,
                when=WHEN,
            )
    assert len(session.variants()) == 3


def test_the_queue(session: Session, source: Path) -> None:
    clip = session.add_clip(clip_of(source), when=WHEN)
    first, second, third = (session.add_job({"n": n}, clip.id, when=WHEN).id for n in range(3))

    def order() -> list[int]:
        return [job.id for job in session.jobs()]

    session.move_job(third, first, when=WHEN)
    assert order() == [third, first, second]
    session.set_job_state(third, "running")
    session.move_job(first, None, when=WHEN)
    assert order() == [third, second, first]
    with pytest.raises(JukeboxError, match="does not wait"):
        session.move_job(third, None, when=WHEN)
    session.set_job_state(third, "failed", "The disk is full.")
    assert session.job(third).sentence == "The disk is full."
    assert session.set_job_state(third, "queued").sentence == ""
    session.set_job_state(second, "running")
    session.set_job_state(second, "finished")
    session.undo()
    assert order() == [third, first, second]
    assert session.job(second).state == "finished"
    with pytest.raises(JukeboxError, match="is finished, so it cannot be running"):
        session.set_job_state(second, "running")


def test_the_queue_survives_as_it_was(session: Session, source: Path) -> None:
    clip = session.add_clip(clip_of(source), when=WHEN)
    ids = [session.add_job({"n": n}, clip.id, when=WHEN).id for n in range(3)]
    session.set_job_state(ids[1], "running")
    session.set_job_state(ids[2], "paused")
    before = session.jobs()
    assert session.interrupted == ()
    with reopened(session) as again:
        assert again.jobs() == before
        assert again.interrupted == (ids[1],)


def test_search(session: Session, source: Path) -> None:
    first, second, inner = add_tree(session, source)
    session.rename(second.id, "Köln, late", when=WHEN)
    session.note(inner.id, "Bright STRASSE", when=WHEN)
    sung = replace(clip_of(source, "other"), lyrics="la lune\nÉtoile")
    sung_id = session.add_clip(sung, when=WHEN).id

    def found(text: str) -> tuple[list[int], list[int]]:
        result = session.search(text)
        return [c.id for c in result.clips], [v.id for v in result.variants]

    assert found("koln") == ([], [second.id])
    assert found("straße bright") == ([], [inner.id])
    assert found("ADA") == ([], [first.id, second.id])
    assert found("restyle") == ([], [inner.id])
    assert found("etoile") == ([sung_id], [])
    assert found("koln bright") == ([], [])
    session.prune([first.id], when=WHEN)
    assert found("ada") == ([], [second.id])


def test_pruning_takes_the_subtree_and_its_files(session: Session, source: Path) -> None:
    first, second, inner = add_tree(session, source)
    session.prune([first.id], when=WHEN)
    assert [v.id for v in session.variants()] == [second.id]
    gone = session.variants(pruned=True)
    assert [v.pruned for v in gone] == [True, False, True]
    trash = session.folder / "trash"
    for variant in (gone[0], gone[2]):
        assert variant.audio_path.is_relative_to(trash)
        assert variant.audio_path.is_file()
        assert variant.codes_path is not None
        assert variant.codes_path.is_file()
    assert not first.audio_path.exists()
    with pytest.raises(JukeboxError, match="was pruned"):
        session.branch(inner.id, when=WHEN)
    late = add_result(session, inner.job_id, 5)
    assert late.pruned
    assert late.audio_path.is_relative_to(trash)
    with reopened(session) as again:
        undone = again.undo()
        assert undone is not None
        assert undone.label == "Prune"
        assert len(again.variants()) == 4
        assert all(v.audio_path.is_file() for v in again.variants())
        assert not [p for p in trash.rglob("*") if p.is_file()]


def test_variants_are_counted_as_they_are_listed(session: Session, source: Path) -> None:
    first, *_ = add_tree(session, source)
    other = session.add_clip(clip_of(source, "Other"), when=WHEN)
    add_tree(session, source)

    def listed() -> dict[int, int]:
        counts = Counter(variant.clip_id for variant in session.variants())
        assert other.id not in counts
        return dict(counts)

    assert session.variant_counts() == listed()
    assert sum(listed().values()) == 6
    session.prune([first.id], when=WHEN)
    assert session.variant_counts() == listed()
    assert sum(listed().values()) == 4
    session.prune_clip(first.clip_id, when=WHEN)
    assert session.variant_counts() == listed()
    assert sum(listed().values()) == 3


def test_what_did_not_change_is_not_read_anew(session: Session, source: Path) -> None:
    add_tree(session, source)
    before = session.variants()
    session.rate([before[0].id], 4, when=WHEN)
    after = session.variants()
    assert [a is b for a, b in zip(after, before, strict=True)] == [False, True, True]
    assert [v.rating for v in after] == [4, 0, 0]
    assert session.clips()[0].clip is session.clips()[0].clip


def test_jobs_that_are_over_are_left_out_on_request(session: Session, source: Path) -> None:
    add_tree(session, source)
    over = [job for job in session.jobs() if job.state == "finished"]
    waiting = [job for job in session.jobs() if job.state == "queued"]
    assert over
    assert session.jobs(over=False) == waiting
    session.set_job_state(waiting[0].id, "failed", "No room.")
    assert [job.state for job in session.jobs(over=False)] == ["failed"]
    session.set_job_state(waiting[0].id, "cancelled")
    assert session.jobs(over=False) == []


def test_a_branch_keeps_the_file_that_it_shares(session: Session, source: Path) -> None:
    first, _, _ = add_tree(session, source)
    branch = session.branch(first.id, "other way", when=LATER)
    assert (branch.parent_id, branch.is_branch, branch.created_at) == (first.id, True, LATER)
    assert branch.audio_path == first.audio_path
    session.prune([branch.id], when=WHEN)
    assert first.audio_path.is_file()
    assert session.variant(branch.id).audio_path == first.audio_path


def test_a_clip_goes_with_all_that_was_made_of_it(session: Session, source: Path) -> None:
    add_tree(session, source)
    clip = session.copy_audio(1)
    session.prune_clip(clip.id, when=WHEN)
    assert (session.clips(), session.variants()) == ([], [])
    assert source.is_file()
    kept = session.clips(pruned=True)[0].copy_path
    assert kept is not None
    assert kept.is_relative_to(session.folder / "trash")
    assert kept.is_file()
    session.undo()
    assert session.clips()[0].copy_path == clip.copy_path
    assert len(session.variants()) == 3


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [
        ("PCM_U8", "int16"),
        ("PCM_16", "int16"),
        ("PCM_24", "int32"),
        ("PCM_32", "int32"),
        ("FLOAT", "float32"),
        ("DOUBLE", "float64"),
    ],
)
def test_a_copy_has_the_same_numbers(
    session: Session, tmp_path: Path, subtype: str, dtype: str
) -> None:
    original = tmp_path / "temp.wav"
    samples = np.random.default_rng(1).uniform(-1, 1, (200_000, 2))
    soundfile.write(original, samples, 48_000, subtype=subtype)
    stretch = Clip(original, 777, 150_001, 48_000, SONG, 48_000)
    content, changed = original.read_bytes(), original.stat().st_mtime_ns
    clip = session.copy_audio(session.add_clip(stretch, when=WHEN).id)
    assert (original.read_bytes(), original.stat().st_mtime_ns) == (content, changed)
    wanted, _ = soundfile.read(original, 150_001, 777, dtype=dtype)
    original.unlink()
    sounding = clip.sounding
    sounding.check_file()
    assert sounding == replace(stretch, path=clip.copy_path, start_samples=0)
    np.testing.assert_array_equal(soundfile.read(sounding.path, dtype=dtype)[0], wanted)
    assert session.copy_audio(clip.id) == clip


def test_a_copy_of_a_lossy_file_is_what_it_decodes_to(session: Session, tmp_path: Path) -> None:
    original = tmp_path / "temp.ogg"
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 48_000)
    soundfile.write(original, samples, 48_000, subtype="VORBIS")
    stretch = Clip(original, 0, 40_000, 48_000, SONG, 48_000)
    clip = session.copy_audio(session.add_clip(stretch, when=WHEN).id)
    wanted, _ = soundfile.read(original, 40_000, dtype="float32")
    np.testing.assert_array_equal(soundfile.read(clip.sounding.path, dtype="float32")[0], wanted)


def test_a_copy_that_cannot_be_made(session: Session, source: Path) -> None:
    clip = session.add_clip(replace(clip_of(source), length_samples=401), when=WHEN)
    with pytest.raises(JukeboxError, match="select a stretch inside the file"):
        session.copy_audio(clip.id)
    source.unlink()
    with pytest.raises(JukeboxError, match="There is no file"):
        session.copy_audio(clip.id)
    assert session.clip(clip.id).copy_path is None
    assert not (session.folder / "clips").exists()


def test_a_clip_is_told_anew(session: Session, source: Path) -> None:
    clip = session.add_clip(clip_of(source), when=WHEN)
    slower = replace(clip.clip, song=SongTime.steady(Fraction(271, 3), "7/8"), lyrics="la")
    assert session.update_clip(clip.id, slower, when=WHEN).clip == slower
    with pytest.raises(JukeboxError, match="Another stretch"):
        session.update_clip(clip.id, replace(slower, start_samples=1), when=WHEN)
    session.undo()
    assert session.clip(clip.id).clip == clip.clip


def test_a_result_has_sound(session: Session, source: Path) -> None:
    variant = add_tree(session, source)[0]
    with pytest.raises(ValueError, match="variant 0 of 400 samples at 0 Hz"):
        session.record_variant(
            variant.job_id, 0, seed=0, state="full", audio_path=variant.audio_path,
            length_samples=400, rate_hz=0, when=WHEN,
        )  # fmt: skip


def test_what_is_not_there_is_named(session: Session, source: Path) -> None:
    variants = add_tree(session, source)
    other = session.add_clip(clip_of(source), when=WHEN)
    for call in (
        lambda: session.clip(9),
        lambda: session.job(9),
        lambda: session.add_job({}, 9, when=WHEN),
        lambda: session.rate([9], 1, when=WHEN),
    ):
        with pytest.raises(JukeboxError, match=r"The session has no \w+ 9\."):
            call()
    with pytest.raises(JukeboxError, match="was not made of clip"):
        session.add_job({}, other.id, parent_id=variants[0].id, when=WHEN)
    with pytest.raises(JukeboxError, match="from 0 to 5, not 6"):
        session.rate([variants[0].id], 6, when=WHEN)
    with pytest.raises(ValueError, match="Out of range float"):
        session.add_job({"gain": float("nan")}, other.id, when=WHEN)


# Undo and redo


def test_undo_tells_what_it_does(session: Session, source: Path) -> None:
    assert session.undoable is None
    assert session.undo() is None
    assert session.redo() is None
    variant = add_tree(session, source)[0]
    session.rename(variant.id, "one", when=WHEN)
    session.rate([variant.id], 3, when=LATER)
    session.rate([variant.id], 3, when=LATER)  # changes nothing, so it is no step
    undoable = session.undoable
    assert undoable is not None
    assert (undoable.label, undoable.changed_at) == ("Rate", LATER)
    assert session.undo() == undoable
    assert session.variant(variant.id).rating == 0
    assert session.redoable == undoable
    with reopened(session) as again:
        assert again.redo() == undoable
        assert again.variant(variant.id).rating == 3
        again.undo()
        again.rename(variant.id, "two", when=WHEN)
        assert again.redoable is None
        again.undo()
        assert again.variant(variant.id).name == "one"


def test_one_step_is_undone_at_once(session: Session, source: Path) -> None:
    first, second, _ = add_tree(session, source)
    before = state_of(session)
    with session.one_step("Sort out", when=WHEN):
        session.rename(first.id, "best", when=WHEN)
        session.rename(first.id, "best of all", when=WHEN)
        with session.one_step("inner", when=WHEN):
            session.prune([second.id], when=WHEN)
        with pytest.raises(RuntimeError, match="while it is being made"):
            session.undo()
    assert session.variant(first.id).name == "best of all"
    undone = session.undo()
    assert undone is not None
    assert undone.label == "Sort out"
    assert state_of(session) == before


def test_an_error_in_a_step_takes_all_of_it_back(session: Session, source: Path) -> None:
    first, second, _ = add_tree(session, source)
    before, undoable = state_of(session), session.undoable

    def sort_out() -> None:
        with session.one_step("Sort out", when=WHEN):
            session.rename(first.id, "best", when=WHEN)
            session.hide([second.id, 99], when=WHEN)

    with pytest.raises(JukeboxError, match="no variant 99"):
        sort_out()
    assert state_of(session) == before
    assert session.undoable == undoable


IDS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("rename"), IDS, st.text(max_size=5)),
    st.tuples(st.just("note"), IDS, st.text(max_size=5)),
    st.tuples(st.just("rate"), IDS, st.integers(0, 5)),
    st.tuples(st.just("hide"), IDS, st.booleans()),
    st.tuples(st.just("prune"), IDS, st.none()),
    st.tuples(st.just("branch"), IDS, st.text(max_size=5)),
    st.tuples(st.just("move"), IDS, IDS),
    st.tuples(st.just("clip"), IDS, st.text(max_size=5)),
    st.tuples(st.just("rename clip"), IDS, st.text(max_size=5)),
    st.tuples(st.just("prune clip"), IDS, st.none()),
    st.tuples(st.just("update clip"), IDS, st.integers(60, 200)),
)


def take(session: Session, step: tuple[str, int, object]) -> None:
    """One change on the `which`-th of what is there, if anything is."""
    what, which, value = step
    variants, clips = session.variants(), session.clips()
    waiting = [job for job in session.jobs() if job.state == "queued"]
    if what == "clip":
        session.add_clip(clip_of(Path("x.wav"), str(value)), when=WHEN)
    elif what == "move" and waiting:
        assert isinstance(value, int)
        before = waiting[value].id if value < len(waiting) else None
        session.move_job(waiting[which % len(waiting)].id, before, when=WHEN)
    elif what.endswith("clip") and clips:
        clip = clips[which % len(clips)]
        if what == "rename clip":
            session.rename_clip(clip.id, str(value), when=WHEN)
        elif what == "prune clip":
            session.prune_clip(clip.id, when=WHEN)
        else:
            assert isinstance(value, int)
            song = SongTime.steady(value)
            session.update_clip(clip.id, replace(clip.clip, song=song), when=WHEN)
    elif variants:
        id = variants[which % len(variants)].id
        if what == "rename":
            session.rename(id, str(value), when=WHEN)
        elif what == "note":
            session.note(id, str(value), when=WHEN)
        elif what == "rate":
            assert isinstance(value, int)
            session.rate([id], value, when=WHEN)
        elif what == "hide":
            session.hide([id], bool(value), when=WHEN)
        elif what == "prune":
            session.prune([id], when=WHEN)
        elif what == "branch":
            session.branch(id, str(value), when=WHEN)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undo") / "session"
    with Session.create(folder) as session:
        add_tree(session, sound(folder / "a.wav"))
        for n in range(3):
            session.add_job({"n": n}, 1, when=WHEN)
    return folder


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=12))
def test_any_changes_undone_give_the_original(
    made_once: Path, steps: list[tuple[str, int, object]]
) -> None:
    with TemporaryDirectory() as root:
        folder = Path(root, "session")
        shutil.copytree(made_once, folder)
        with Session.open(folder) as session:
            seen = [state_of(session)]
            start = session.undoable
            for step in steps:
                count = session.undoable
                take(session, step)
                if session.undoable != count:
                    seen.append(state_of(session))
                assert all(v.audio_path.is_file() for v in session.variants(pruned=True))
            for state in reversed(seen):
                assert state_of(session) == state
                if session.undoable != start:
                    session.undo()
            assert session.undoable == start
            assert {p.parent.name for p in folder.rglob("*.wav")} == {"session", "job-1", "job-2"}
            assert not [p for p in (folder / "trash").rglob("*") if p.is_file()]
            for state in seen[1:]:
                session.redo()
                assert state_of(session) == state
            assert session.redo() is None


@settings(max_examples=15)
@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=1, max_size=8))
def test_undo_leaves_what_happened_meanwhile(
    made_once: Path, steps: list[tuple[tuple[str, int, object], bool]]
) -> None:
    """Results and states of jobs come between changes and outlast their undoing."""
    with TemporaryDirectory() as root:
        folder = Path(root, "session")
        shutil.copytree(made_once, folder)
        with Session.open(folder) as session:
            start, names = session.undoable, [(v.id, v.name) for v in session.variants()]
            came = []
            for number, (step, result) in enumerate(steps):
                take(session, step)
                if result:
                    came.append(add_result(session, 2, 10 + number).id)
                    session.set_job_state(session.add_job({}, 1, when=WHEN).id, "cancelled")
            while session.undoable != start:
                session.undo()
            assert [(v.id, v.name) for v in session.variants() if v.id not in came] == names
            assert {v.id for v in session.variants()} >= set(came)
            assert sum(job.state == "cancelled" for job in session.jobs()) == len(came)


# The exports folder


def test_an_exported_file_is_written_once(session: Session, source: Path) -> None:
    first = add_tree(session, source)[0]
    path = session.export_variant(first.id, when=WHEN)
    assert path.name == "Strophe ü - continue - 8 bars - v1 - 2026-03-01.wav"
    assert path.parent == session.exports_to
    assert path.read_bytes() == first.audio_path.read_bytes()
    status = path.stat()
    assert session.export_variant(first.id, when=LATER) == path
    session.rename_clip(1, "Refrain", when=WHEN)
    session.prune_clip(1, when=WHEN)
    session.undo()
    assert session.export_variant(first.id, when=LATER) == path
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert [e.path for e in session.exports()] == [path]
    path.unlink()
    assert session.export_variant(first.id, when=WHEN).name.startswith("Refrain - continue")
    assert not list(session.exports_to.glob(".*"))


def test_another_rendering_gets_a_name_of_its_own(
    session: Session, source: Path, tmp_path: Path
) -> None:
    first = add_tree(session, source)[0]
    taken = session.exports_to / "Strophe ü - continue - 8 bars - v1 - 2026-03-01.wav"
    taken.parent.mkdir()
    taken.write_text("the musician's", encoding="utf-8")
    path = session.export_variant(first.id, when=WHEN)
    assert path.name == f"{taken.stem} (2).wav"
    assert taken.read_text(encoding="utf-8") == "the musician's"
    flac = tmp_path / "selection.flac"
    flac.write_bytes(b"flac")
    part = session.export_variant(first.id, when=WHEN, source=flac, number_name="bars 3-4")
    assert part.name == "Strophe ü - continue - bars 3-4 - v1 - 2026-03-01.flac"
    flac.unlink()
    with pytest.raises(JukeboxError, match="so it was not exported"):
        session.export_variant(first.id, when=WHEN, source=flac)


def test_an_exports_folder_that_cannot_be(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with Session.create(tmp_path / "s", exports=tmp_path / "file") as session:
        first = add_tree(session, source)[0]
        with pytest.raises(JukeboxError, match="choose another exports folder"):
            session.export_variant(first.id, when=WHEN)
        assert session.exports() == []


# One writer, several threads


def test_a_second_opener_gets_a_sentence(session: Session, source: Path) -> None:
    add_tree(session, source)
    with pytest.raises(JukeboxError, match=r"is open already, in process \d+ on .+ read only"):
        Session.open(session.folder)
    with Session.open(session.folder, read_only=True) as reader:
        assert state_of(reader) == state_of(session)
        session.rename(1, "written meanwhile", when=WHEN)
        assert reader.variant(1).name == "written meanwhile"
        for call in (
            lambda: reader.rename(1, "x", when=WHEN),
            reader.undo,
            lambda: reader.add_clip(clip_of(source), when=WHEN),
            lambda: reader.copy_audio(1),
            lambda: reader.set_job_state(2, "running"),
        ):
            with pytest.raises(JukeboxError, match="opened to read only, so nothing was changed"):
                call()
        assert reader.export_variant(1, when=WHEN).is_file()
        assert reader.exports() == []
    session.rename(1, "still the writer", when=WHEN)


def test_threads_take_turns(session: Session, source: Path) -> None:
    variants = add_tree(session, source)
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                with session.one_step("both", when=WHEN):
                    for variant in variants:
                        session.rename(variant.id, f"{number} {turn}", when=WHEN)
                names = {v.name for v in session.variants()}
                assert len(names) == 1
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    undone = 0
    while (change := session.undo()) and change.label == "both":
        undone += 1
    assert undone == 80


def test_there_is_a_session_already(session: Session, tmp_path: Path) -> None:
    session.close()
    with pytest.raises(JukeboxError, match="already; open it"):
        Session.create(session.folder)
    with pytest.raises(JukeboxError, match="There is no session in"):
        Session.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(JukeboxError, match="There is no session in"):
        Session.open(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JukeboxError, match="cannot be made"):
        Session.create(tmp_path / "file")
    Session.open(session.folder).close()


def test_a_full_disk_ends_in_a_sentence(session: Session, source: Path) -> None:
    add_tree(session, source)
    before = state_of(session)
    pages = session._connection.execute("PRAGMA page_count").fetchone()[0]
    session._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JukeboxError, match=r"full.*Make room"):
        session.note(1, "x" * 100_000, when=WHEN)
    session._connection.execute("PRAGMA max_page_count = 1000000")
    assert state_of(session) == before
    session.note(1, json.dumps("x" * 100_000), when=WHEN)
