"""The program without a window: what messages do, and what is told back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from bridge_parts import TOKEN, clip_of, write_sound

from bridge.clip_message import clip_to_values
from bridge.headless import Headless, Settings
from bridge.osc import Client
from bridge.paths import Roots
from bridge.server import Bridge
from bridge.service import Generate, Peer
from jukebox_studio import audio
from jukebox_studio.bundle import MANIFEST
from jukebox_studio.client import EngineClient
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Failed, Finished, Note, Progress, VariantFinished
from jukebox_studio.job_queue import FolderJobStore, JobQueue
from jukebox_studio.request import request_from_json
from jukebox_studio.session import Session
from jukebox_studio.tempo import nearest

ARDOUR = Peer("ardour-1", "Ardour", "7.3", 1)
ANY = Generate(None, None, None, None, None)


class Engine:
    """Renders noise at once; `request` is the last one. Waits at `gate` where it is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list = []
        self.cancelled = threading.Event()
        self.fault = ""

    def render(self, model: Path, request: dict, out: Path, folder: Path | None) -> Iterator[Event]:
        asked = request_from_json(request)
        self.requests.append(asked)
        out.mkdir(parents=True, exist_ok=True)
        yield Note("a remark")
        yield Progress(0, 1, 2, 1.0, 1.0)
        while not self.gate.wait(0.01):
            if self.cancelled.is_set():
                yield Failed("cancelled")
                return
        if self.fault:
            yield Failed(self.fault)
            return
        for number in asked.variant_numbers:
            paths = [out / f"{number}.{suffix}" for suffix in ("wav", "json", "codes")]
            audio.write(paths[0], np.zeros((100, 1), np.float32), asked.clip.timeline_rate_hz)
            paths[1].write_text(json.dumps({}))
            paths[2].touch()
            yield VariantFinished(number, *paths, 100, asked.clip.timeline_rate_hz)
        yield Finished()

    def cancel(self) -> None:
        self.cancelled.set()

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None:
        self.cancelled.set()


class Studio:
    def __init__(self, folder: Path, **settings) -> None:
        (folder / "model").mkdir()
        (folder / "model" / MANIFEST).touch()
        self.session = Session.create(folder / "session", exports=folder / "exports")
        self.engine = Engine()
        self.store = FolderJobStore(folder / "queue")
        self.queue = JobQueue(self.engine, self.store)
        self.headless = Headless(
            self.session,
            self.queue,
            Settings(folder / "model", **settings),
            lambda: datetime(2026, 1, 2, tzinfo=UTC),
        )
        self.told: list[tuple] = []
        self.changed = threading.Condition()
        self.headless.tell = self.hear
        self.clip = clip_of(write_sound(folder / "a.wav"))

    def hear(self, sender, name, values) -> None:
        with self.changed:
            self.told.append((sender, name, values))
            self.changed.notify_all()

    def wait_for(self, name: str, count: int = 1) -> list[dict]:
        def found() -> list[dict]:
            return [values for _, told, values in self.told if told == name]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, 60), self.told
            return found()

    def close(self) -> None:
        self.queue.close()
        self.store.close()
        self.session.close()


@pytest.fixture
def studio(tmp_path):
    made = Studio(tmp_path, variants=2, length_bars=3.0)
    yield made
    made.close()


@pytest.fixture
def pedal(tmp_path):
    made = Studio(tmp_path, variants=1, on_clip=True, insert_first=True)
    yield made
    made.close()


def test_a_clip_is_kept_and_rendered_when_asked(studio):
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    [kept] = studio.session.clips()
    assert kept.clip == studio.clip
    assert studio.told == []
    studio.headless.generate(ARDOUR, ANY)
    first, second = studio.wait_for("variant", 2)
    assert (first["clip"], first["variant"], second["variant"]) == ("c1", 1, 2)
    assert studio.queue.wait(60)
    [request] = studio.engine.requests
    assert (request.operation.kind, request.operation.length, request.variants) == (
        "continue",
        3,
        2,
    )
    assert request.clip == studio.clip
    assert [v.audio_path.is_file() for v in studio.session.variants()] == [True, True]
    assert {sender for sender, *_ in studio.told} == {"ardour-1"}
    assert studio.wait_for("progress")[0]["done"] == 0.5


def test_the_wish_counts_before_the_settings(studio):
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.generate(ARDOUR, Generate("c1", "restyle", None, 1, 7))
    studio.headless.keep(ARDOUR, 0.25)
    studio.headless.generate(ARDOUR, Generate("c1", "vary", None, 1, None))
    studio.headless.generate(ARDOUR, Generate("c1", "relyric", 2.0, 1, 8))
    studio.wait_for("variant", 3)
    restyle, vary, relyric = studio.engine.requests
    assert (restyle.operation.kind, restyle.seed, restyle.operation.keep) == ("restyle", 7, 0.5)
    assert vary.operation.keep == 0.25
    assert vary.operation.spans[0].end_samples == studio.clip.length_samples
    assert relyric.lyrics == studio.clip.lyrics


def test_styles_blend(tmp_path):
    studio = Studio(tmp_path, variants=1, styles=("A:0.5,B:0.5", "B"))
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.blend(ARDOUR, 0.5)
    studio.headless.generate(ARDOUR, ANY)
    studio.wait_for("variant")
    [point] = studio.engine.requests[0].style.points
    assert {part.name: part.weight for part in point.artists} == {"A": 0.25, "B": 0.75}
    studio.close()


def test_what_is_finished_goes_back_by_itself(pedal):
    pedal.headless.clip(ARDOUR, "c1", pedal.clip)
    [insert] = pedal.wait_for("insert")
    length = nearest(pedal.clip.end_seconds * 44_100)
    assert insert["position_samples"] == length
    assert insert["timeline_rate_hz"] == 44_100
    assert insert["track"] == pedal.clip.track_name
    assert Path(insert["path"]).parent == pedal.session.exports_to
    pedal.headless.inserted(ARDOUR, insert["insert"], True, "")
    [placement] = pedal.session.placements()
    assert (placement.path, placement.how) == (Path(insert["path"]), "inserted")
    with pytest.raises(JukeboxError, match="answered already"):
        pedal.headless.inserted(ARDOUR, insert["insert"], True, "")


def test_what_was_not_inserted_is_logged(pedal, caplog):
    pedal.headless.clip(ARDOUR, "c1", pedal.clip)
    [insert] = pedal.wait_for("insert")
    pedal.headless.inserted(ARDOUR, insert["insert"], False, "No track.")
    assert "No track." in caplog.text
    assert pedal.session.placements() == []


def test_the_chosen_variant_goes_back(studio):
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.generate(ARDOUR, ANY)
    variants = studio.wait_for("variant", 2)
    controller = Peer("pedal-1")
    studio.headless.choose(controller, None, 2)
    [insert] = studio.wait_for("insert")
    assert "v2" in insert["path"]
    assert studio.told[-1][0] == "ardour-1", "not to who chose"
    studio.headless.rate(controller, variants[0]["job"], 1, 4)
    assert [v.rating for v in studio.session.variants()] == [4, 0]


def test_two_daws_may_use_the_same_names(studio):
    other = Peer("reaper-1", "REAPER")
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.clip(other, "c1", studio.clip)
    studio.headless.generate(ARDOUR, Generate("c1", None, None, 1, None))
    studio.wait_for("variant")
    assert studio.told[-1][0] == "ardour-1"
    studio.headless.select(other, "c1")
    studio.headless.generate(ARDOUR, Generate(None, None, None, 1, None))
    studio.wait_for("variant", 2)
    assert studio.told[-1][0] == "reaper-1"


def test_a_failed_render_is_in_the_session(studio):
    studio.engine.fault = "The disk is full."
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.generate(ARDOUR, ANY)
    assert studio.queue.wait(60)
    studio.queue.close()  # gives what is still to be told
    [job] = studio.session.jobs()
    assert (job.state, job.sentence) == ("failed", "The disk is full.")


def test_a_daw_that_dies_while_a_job_runs_loses_nothing(tmp_path, caplog):
    """Over the real bridge: the result lies in the session, and others are still heard."""
    made = Studio(tmp_path, variants=1, insert_first=True)
    made.engine.gate.clear()
    with Bridge(made.headless, TOKEN, Roots.of([tmp_path]), port=0) as bridge:
        made.headless.tell = bridge.send
        with Client(TOKEN, bridge.port) as daw:
            daw.hello("Ardour", "7.3")
            daw.send("clip", clip_to_values("c1", made.clip))
            daw.send("generate", {"clip": "c1", "operation": "", "length_bars": 0.0,
                                  "variants": 0, "seed": -1})  # fmt: skip
            daw.wait()
        made.engine.gate.set()  # its socket is closed, and it said no goodbye
        assert made.queue.wait(60)
        with Client(TOKEN, bridge.port) as other:
            other.hello("REAPER", "7")
            other.send("keep", {"amount": 0.25})
            other.wait()
    made.close()
    assert "Traceback" not in caplog.text
    with Session.open(tmp_path / "session", read_only=True) as session:
        assert [job.state for job in session.jobs()] == ["finished"]
        [variant] = session.variants()
        assert variant.audio_path.is_file()
        assert session.placements() == []
    assert made.headless.settings.keep == 0.25


def test_a_clip_whose_file_vanishes_before_it_is_read_is_a_failed_job(tmp_path, tiny_bundle):
    """With the real engine, in its own process."""
    clip = clip_of(write_sound(tmp_path / "a.wav"))
    with (
        Session.create(tmp_path / "session") as session,
        FolderJobStore(tmp_path / "queue") as store,
        JobQueue(EngineClient(1), store, start_paused=True) as queue,
    ):
        headless = Headless(session, queue, Settings(tiny_bundle, variants=1))
        headless.clip(ARDOUR, "c1", clip)
        headless.generate(ARDOUR, ANY)
        clip.path.unlink()
        queue.resume()
        assert queue.wait(120)
        [queued] = queue.jobs
    assert queued.state == "failed"
    assert queued.sentence.startswith(f"There is no file {clip.path}")


def test_the_newest_render_can_be_cancelled(studio):
    studio.engine.gate.clear()
    studio.headless.clip(ARDOUR, "c1", studio.clip)
    studio.headless.generate(ARDOUR, ANY)
    studio.wait_for("progress")
    studio.headless.cancel(ARDOUR, None)
    assert studio.queue.wait(60)
    studio.queue.close()
    assert studio.session.jobs()[0].state == "cancelled"


def test_what_cannot_be_is_said(studio):
    headless = studio.headless
    for act, sentence in (
        (lambda: headless.generate(ARDOUR, ANY), "No clip is selected"),
        (lambda: headless.select(ARDOUR, "c9"), "Ardour 7.3 has sent no clip 'c9'"),
        (lambda: headless.cancel(ARDOUR, None), "Nothing has been rendered"),
        (lambda: headless.blend(ARDOUR, 0.5), "one style only"),
        (lambda: headless.audition(ARDOUR, None, 1, True), "Without a window"),
    ):
        with pytest.raises(JukeboxError, match=sentence):
            act()
    headless.clip(ARDOUR, "c1", studio.clip)
    headless.generate(ARDOUR, ANY)
    studio.wait_for("variant", 2)
    with pytest.raises(JukeboxError, match="There is no variant 3; there are: 1, 2"):
        headless.choose(ARDOUR, None, 3)
    with pytest.raises(JukeboxError, match="There is no render 'x'"):
        headless.choose(ARDOUR, "x", 1)
