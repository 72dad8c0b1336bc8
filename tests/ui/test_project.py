"""The project: files in, renders, undo, restarts, and files out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from hand_engine import HandEngine
from pytestqt.qtbot import QtBot
from ui_parts import model_folder, preview, result, sound

from jukebox_studio.client import EngineClient
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Failed, Finished
from jukebox_studio.job_queue import QueueChanged, QueuedJob, QueueState
from jukebox_studio.presets import presets_folder
from jukebox_studio.request import Continue, Request
from jukebox_studio.session import Session
from jukebox_studio.session_records import SessionClip, Variant
from jukebox_studio.style import Style
from jukebox_studio.tempo_detection import TempoGuess
from ui.new_clips import look_at, round_tempo
from ui.project import LONGEST_WORD_SECONDS, Project, blend_said, sung_words, words_in_time
from ui.project_state import STATE_FILE, ProjectState, read_state
from ui.shared import SOURCE_LANE

WAIT_MS = 20_000


@pytest.fixture
def engine() -> HandEngine:
    return HandEngine()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "model")


@pytest.fixture
def project(tmp_path: Path, engine: HandEngine, qtbot: QtBot) -> Iterator[Project]:
    session = Session.create(tmp_path / "song", exports=tmp_path / "exports")
    made = Project(session, engine)
    yield made
    made.close()


def clip_in(project: Project, tmp_path: Path, qtbot: QtBot) -> SessionClip:
    path = sound(tmp_path / "loop 120bpm.wav")
    with qtbot.waitSignal(project.clip_added, timeout=WAIT_MS):
        project.add_file(path)
    qtbot.waitUntil(lambda: project.session.clips()[-1].copy_path is not None, timeout=WAIT_MS)
    return project.session.clips()[-1]


def asked(clip: SessionClip, variants: int = 2) -> Request:
    return Request(clip.sounding, Continue(2, "seconds"), variants=variants, seed=7)


def rendered(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> tuple[SessionClip, Variant]:
    """A clip, and the one variant that was made of it."""
    clip = clip_in(project, tmp_path, qtbot)
    project.generate(asked(clip, 1), model, clip.id)
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(project.session.variants()) == 1, timeout=WAIT_MS)
    [variant] = project.session.variants()
    return clip, variant


def test_a_file_becomes_a_clip_of_the_tempo_in_its_name(
    project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    assert clip.clip.song.tempo.points[0].tempo_bpm == 120
    assert "file's name" in clip.notes
    assert clip.copy_path is not None
    assert clip.copy_path.is_file()
    assert project.session.undoable is not None
    project.undo()
    assert project.session.clips() == []


def test_the_tempo_that_was_heard_is_shown_with_its_doubt(
    project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "beat.flac"
    shutil.copy(presets_folder() / "demo" / "industrial-120bpm.flac", path)
    with qtbot.waitSignal(project.clip_added, timeout=60_000) as added:
        project.add_file(path)
    clip_id = added.args[0]
    guess = project.guesses[clip_id]
    assert guess.sentence() == project.session.clip(clip_id).notes
    # It is heard as 120.04, which would put the clip's end beside the bar line.
    assert project.session.clip(clip_id).clip.song.tempo.points[0].tempo_bpm == 120
    project.set_tempo(clip_id, 121.5)
    assert clip_id not in project.guesses
    assert project.session.clip(clip_id).clip.song.tempo.points[0].tempo_bpm == 121.5


def test_the_doubt_and_the_place_outlive_the_program(
    project: Project, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    first = clip_in(project, tmp_path, qtbot)
    second = project.add_clip(replace(first.clip, start_samples=1, length_samples=8))
    guess = TempoGuess(119.9, 0.4, (60.0, 239.8))
    project.guesses[second.id] = guess
    project.work_on(first.id)
    project.close()
    again = Project(Session.open(tmp_path / "song"), engine)
    assert again.last_clip_id == first.id
    assert again.guesses == {second.id: guess}
    again.set_tempo(second.id, 120)
    again.close()
    assert read_state(tmp_path / "song") == ProjectState(first.id)
    (tmp_path / "song" / STATE_FILE).write_bytes(b'{"clip_id": [')
    assert read_state(tmp_path / "song") == ProjectState()


@pytest.mark.parametrize(
    ("heard_bpm", "taken_bpm"), [(120.04, 120), (119.9, 120), (93.46, 93.46), (174.51, 174.51)]
)
def test_a_whole_number_is_taken_for_a_tempo_that_is_near(
    heard_bpm: float, taken_bpm: float
) -> None:
    assert round_tempo(heard_bpm) == taken_bpm


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("ada:0.75,cy_dee:0.25", "Ada 75 %, Cy Dee 25 %"),
        ("ada:0.5,cy:0.5", "Ada, Cy"),
        ("ada:0.3", "Ada"),
        ("", ""),
    ],
)
def test_a_blend_is_said_as_people_say_it(style: str, said: str) -> None:
    assert blend_said(Style.of(style).points[0].artists) == said


@pytest.mark.parametrize(
    ("name", "said"), [("folder", "is a folder"), ("gone.wav", "not there any more")]
)
def test_what_is_no_clip_is_refused_in_a_sentence(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(JukeboxError, match=said):
        look_at(tmp_path / name)


def test_a_text_file_is_told_through_failed(project: Project, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("words")
    with qtbot.waitSignal(project.failed, timeout=WAIT_MS) as failed:
        project.add_file(path)
    assert "notes.txt" in failed.args[0]
    assert project.session.clips() == []


def test_a_render_grows_and_becomes_variants(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    job = project.generate(asked(clip), model, clip.id)
    _, out, folder = engine.begun.get(timeout=20)
    with qtbot.waitSignal(project.preview_grew, timeout=WAIT_MS):
        engine.says.put(preview(folder, 1, 0.5))
    lane = project.lanes(clip.id)[-1]
    assert (lane.is_preview, lane.known_seconds, lane.length_seconds) == (True, 0.5, 2.0)
    assert lane.start_seconds == 2.0
    assert lane.joins_seconds == (2.0,)

    lyrics = {"text": "la li", "sung_at_seconds": [0.1, 0.2, 0.3, 0.5, 0.6]}
    with qtbot.waitSignal(project.variants_changed, timeout=WAIT_MS):
        engine.says.put(result(out, 1, lyrics=lyrics))
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(
        lambda: project.queued[-1].state == "finished" and len(project.lanes(clip.id)) == 3,
        timeout=WAIT_MS,
    )
    assert project.session.job(job.id).state == "finished"
    qtbot.waitUntil(lambda: bool(project.lanes(clip.id)[1].words), timeout=WAIT_MS)
    lanes = project.lanes(clip.id)
    assert [lane.id for lane in lanes] == [SOURCE_LANE, "variant-1", "variant-2"]
    words = lanes[1].words
    assert [(word, start) for word, start, _ in words] == [("la", 2.1), ("li", 2.5)]
    assert lanes[1].gain_db == pytest.approx(0, abs=0.5)
    assert project.session.variants()[0].remarks == ("a remark",)


def test_a_failed_job_is_told_and_resumed(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    job = project.generate(asked(clip), model, clip.id)
    engine.begun.get(timeout=20)
    with qtbot.waitSignal(project.job_failed, timeout=WAIT_MS) as failed:
        engine.says.put(Failed("The engine stopped."))
    assert failed.args == [job.id, "The engine stopped."]
    assert project.session.job(job.id).sentence == "The engine stopped."
    project.resume(job.id)
    engine.begun.get(timeout=20)
    project.cancel(job.id)
    qtbot.waitUntil(lambda: project.session.job(job.id).state == "cancelled", timeout=WAIT_MS)


def test_a_job_that_is_first_seen_when_it_has_failed_is_told(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    project.pause()
    project.generate(asked(clip), model, clip.id)
    qtbot.waitUntil(lambda: len(project.queued) == 1, timeout=WAIT_MS)
    # The queue's news leave states out where they follow each other quickly.
    quick = replace(project.queued[0].job, job_id="99")
    news = QueueChanged(QueueState((QueuedJob(quick, "failed", "There is no room."),)))
    with qtbot.waitSignal(project.job_failed, timeout=WAIT_MS) as failed:
        project._on_queue(news)
    assert failed.args == [99, "There is no room."]


def test_the_order_of_the_queue_is_changed_and_changed_back(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    project.pause()
    ids = [project.generate(asked(clip), model, clip.id).id for _ in range(3)]

    def order() -> list[int]:
        assert project.queue is not None
        return [int(queued.job_id) for queued in project.queue.jobs]

    project.move_job(ids[2], ids[0])
    assert order() == [ids[2], ids[0], ids[1]]
    assert [job.id for job in project.session.jobs()] == order()
    project.undo()
    assert order() == ids
    project.redo()
    assert order() == [ids[2], ids[0], ids[1]]


def test_after_a_restart_the_queue_is_as_it_was_and_what_ran_is_offered(
    tmp_path: Path, model: Path, qtbot: QtBot
) -> None:
    first = Project(Session.create(tmp_path / "song"), HandEngine())
    clip = clip_in(first, tmp_path, qtbot)
    jobs = [first.generate(asked(clip), model, clip.id) for _ in range(2)]
    qtbot.waitUntil(lambda: first.session.job(jobs[0].id).state == "running", timeout=WAIT_MS)
    # What a kill leaves: the row still says that it runs.
    first.session.close()
    assert first.queue is not None
    first.queue._engine.close()

    again = Project(Session.open(tmp_path / "song"), HandEngine())
    assert [int(q.job_id) for q in again.queued] == [job.id for job in jobs]
    assert [q.state for q in again.queued] == ["paused", "queued"]
    assert again.is_paused
    again.resume()
    qtbot.waitUntil(lambda: again.session.job(jobs[0].id).state == "running", timeout=WAIT_MS)
    again.close()
    assert Session.open(tmp_path / "song", read_only=True).job(jobs[0].id).state == "queued"


def test_a_second_writer_is_refused_in_a_sentence(project: Project) -> None:
    with pytest.raises(JukeboxError, match="open"):
        Session.open(project.session.folder)


def test_a_preview_is_upsampled_in_its_place(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = clip_in(project, tmp_path, qtbot)
    project.generate(replace(asked(clip, 1), preview_only=True), model, clip.id)
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(result(out, 0, level=1))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(project.session.variants()) == 1, timeout=WAIT_MS)
    variant = project.session.variants()[0]
    assert variant.state == "preview"
    project.rate([variant.id], 4)

    project.upsample(variant.id)
    request, out, _ = engine.begun.get(timeout=20)
    assert request["operation"]["kind"] == "upsample"
    first, again = project.session.jobs()
    assert again.length_said == first.length_said  # of the variant, not of the clip
    assert request["codes_path"] == str(variant.codes_path)
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: project.session.variants()[0].state == "full", timeout=WAIT_MS)
    [better] = project.session.variants()
    assert (better.id, better.rating) == (variant.id, 4)
    with pytest.raises(JukeboxError, match="full quality already"):
        project.upsample(better.id)


def test_exports_are_whole_cut_and_as_flac(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    _, variant = rendered(project, engine, model, tmp_path, qtbot)
    whole, rate = soundfile.read(variant.audio_path)
    cut = project.export(variant.id, as_flac=True, between_seconds=(2.5, 3.0))
    assert cut.suffix == ".flac"
    assert cut.parent == tmp_path / "exports"
    samples, _ = soundfile.read(cut)
    assert (samples == whole[rate // 2 : rate]).all()
    copy = project.export(variant.id)
    project.placed(variant.id, copy, "dragged")
    assert copy.read_bytes() == variant.audio_path.read_bytes()
    assert [p.how for p in project.session.placements(variant.id)] == ["dragged"]
    with pytest.raises(JukeboxError, match="beside this variant"):
        project.export(variant.id, between_seconds=(0.0, 1.0))


def test_a_variant_is_the_clip_of_the_next_request(
    project: Project, engine: HandEngine, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip, variant = rendered(project, engine, model, tmp_path, qtbot)
    follow = project.clip_of_variant(variant.id)
    assert float(follow.start_seconds) == 2.0
    project.generate(Request(follow, Continue(1, "seconds")), model, clip.id, variant.id)
    request, _, _ = engine.begun.get(timeout=20)
    assert request["codes_path"] == str(variant.codes_path)
    branch = project.branch(variant.id, "other way")
    project.prune([variant.id])
    assert project.session.variants() == []
    project.undo()
    assert [v.id for v in project.session.variants()] == [variant.id, branch.id]


def test_words_are_sung_where_the_result_is() -> None:
    told = [("before", -3.0), ("the", 0.5), ("river", 0.5), ("runs", 1.5), ("out", 9.0)]
    assert sung_words(told, 4.0) == (
        ("the", 0.5, 1.0),
        ("river", 1.0, 1.5),
        ("runs", 1.5, 1.5 + LONGEST_WORD_SECONDS),
    )
    assert sung_words([], 4.0) == ()


def test_words_come_from_the_times_of_their_letters() -> None:
    told = {"text": "a  bc", "sung_at_seconds": [0, 1, 2, 3, 4]}
    assert list(words_in_time(told)) == [("a", 0.0), ("bc", 3.0)]
    assert list(words_in_time({"text": "ab", "sung_at_seconds": [0]})) == []


def test_a_real_worker_renders_into_the_session(
    tmp_path: Path, tiny_bundle: Path, qtbot: QtBot
) -> None:
    project = Project(Session.create(tmp_path / "song"), EngineClient(threads=1))
    try:
        clip = clip_in(project, tmp_path, qtbot)
        request = Request(clip.sounding, Continue(0.5, "seconds"), variants=2, seed=3)
        job = project.generate(request, tiny_bundle, clip.id)
        qtbot.waitUntil(
            lambda: project.session.job(job.id).state in ("finished", "failed"), timeout=240_000
        )
        assert project.session.job(job.id).state == "finished", project.session.job(job.id)
        variants = project.session.variants(clip.id)
        assert [v.number for v in variants] == [0, 1]
        assert all(v.length_samples == 4_000 and v.audio_path.is_file() for v in variants)
    finally:
        project.close()
