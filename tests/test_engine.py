"""`continue` end to end on a tiny random model: lengths, joints, labels, files, bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jukebox_studio import audio, engine
from jukebox_studio.bundle import open_bundle
from jukebox_studio.engine import continue_clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Note, Progress, VariantFinished
from jukebox_studio.files import write_atomically
from jukebox_studio.model.config import PRIORS, PUBLISHED_PRIORS, PUBLISHED_VQVAE, TINY_VQVAE
from jukebox_studio.operations import plan_continue, sliding_windows
from jukebox_studio.request import ContinueRequest, FileFormat, Sampling
from jukebox_studio.seam import continue_from

MakeClip = Callable[..., Path]


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    def make(seconds: float = 0.5, rate_hz: int = 44_100, channels: int = 2) -> Path:
        time = np.arange(round(seconds * rate_hz)) / rate_hz
        tone = 0.3 * np.sin(2 * np.pi * 220 * time)
        samples = np.stack([tone * (1 + c) / channels for c in range(channels)], axis=1)
        path = tmp_path / "a clip ü.wav"
        audio.write(path, samples.astype(np.float32), rate_hz)
        return path

    return make


def render(bundle: Path, request: ContinueRequest, out: Path) -> list[VariantFinished]:
    events = list(continue_clip(open_bundle(bundle), request, out))
    return [e for e in events if isinstance(e, VariantFinished)]


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 22_050, 16_000, 44_101])
@pytest.mark.parametrize("length_samples", [1, 997, 12_345])
def test_results_have_exactly_the_length_rate_and_channels_asked_for(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path, rate_hz: int, length_samples: int
) -> None:
    request = ContinueRequest(make_clip(rate_hz=rate_hz), length_samples, variants=2, seed=7)
    finished = render(tiny_bundle, request, tmp_path / "out")
    assert len(finished) == 2
    for variant in finished:
        info = soundfile.info(variant.audio_path)
        assert (info.frames, info.samplerate, info.channels) == (length_samples, rate_hz, 2)
        assert info.subtype == "PCM_24"


@pytest.mark.parametrize(
    ("file_format", "suffix", "subtype"),
    [("wav", ".wav", "PCM_24"), ("wav-float", ".wav", "FLOAT"), ("flac", ".flac", "PCM_24")],
)
def test_results_come_in_the_format_asked_for(
    tiny_bundle: Path,
    make_clip: MakeClip,
    tmp_path: Path,
    file_format: FileFormat,
    suffix: str,
    subtype: str,
) -> None:
    request = ContinueRequest(make_clip(), 700, variants=1, file_format=file_format)
    (finished,) = render(tiny_bundle, request, tmp_path / "out")
    assert finished.audio_path.suffix == suffix
    info = soundfile.info(finished.audio_path)
    assert (info.subtype, info.frames) == (subtype, 700)


@pytest.mark.parametrize("seconds", [0.1, 0.13, 1.0, 8.0])
def test_clips_shorter_and_longer_than_a_window_are_continued(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path, seconds: float
) -> None:
    request = ContinueRequest(make_clip(seconds, channels=1), 5000, variants=1)
    (finished,) = render(tiny_bundle, request, tmp_path / "out")
    assert finished.length_samples == 5000


def test_a_seed_gives_the_same_variant_alone_and_among_others(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = make_clip()

    def samples(variants: int, seed: int, out: str) -> list[np.ndarray]:
        request = ContinueRequest(clip, 4000, variants=variants, seed=seed)
        finished = render(tiny_bundle, request, tmp_path / out)
        return [audio.read(v.audio_path).samples for v in finished]

    three, again = samples(3, 7, "a"), samples(3, 7, "b")
    one, other = samples(1, 7, "c"), samples(1, 8, "d")
    for a, b in zip(three, again, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(three[0], one[0])
    assert not np.array_equal(three[0], three[1])
    assert not np.array_equal(one[0], other[0])


def test_the_description_says_how_a_result_was_made(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    request = ContinueRequest(
        make_clip(), 4000, artist="Ada", genre="Hum", variants=1, seed=7, sampling=Sampling(0.9)
    )
    (finished,) = render(tiny_bundle, request, tmp_path / "out")
    described = json.loads(finished.description_path.read_text(encoding="utf-8"))
    assert described["request"] == request.to_json()
    assert described["seed"] == 7
    assert described["model"]["name"] == "tiny"
    assert described["licence"]["name"] == "CC-BY-SA-4.0"
    assert described["audio"]["length_samples"] == 4000
    assert (finished.audio_path.parent / described["audio"]["file"]).is_file()


def test_a_second_render_keeps_the_first(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    request = ContinueRequest(make_clip(), 500, variants=1)
    (first,) = render(tiny_bundle, request, tmp_path / "out")
    (second,) = render(tiny_bundle, request, tmp_path / "out")
    assert first.audio_path != second.audio_path
    assert first.audio_path.is_file()


def test_what_the_model_does_not_know_is_told(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    request = ContinueRequest(
        make_clip(), 500, artist="Nobody Ever", genre="hum", lyrics="la ☃ la", variants=1
    )
    events = list(continue_clip(open_bundle(tiny_bundle), request, tmp_path / "out"))
    notes = " ".join(e.text for e in events if isinstance(e, Note))
    assert "Nobody Ever" in notes
    assert "hum" not in notes.replace("hum”", "")
    assert "☃" in notes


def test_progress_counts_up_to_all_codes_of_every_level(
    tiny_bundle: Path,
    make_clip: MakeClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_PROGRESS_SECONDS", 0.0)
    request = ContinueRequest(make_clip(), 4000, variants=2)
    events = list(continue_clip(open_bundle(tiny_bundle), request, tmp_path / "out"))
    for level in (0, 1):
        progress = [e for e in events if isinstance(e, Progress) and e.level == level]
        assert [e.done for e in progress] == sorted(e.done for e in progress)
        assert progress[-1].done == progress[-1].total
        assert progress[-1].seconds_left >= 0.0


def test_a_left_render_leaves_nothing_behind(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    events = continue_clip(
        open_bundle(tiny_bundle), ContinueRequest(make_clip(), 4000), tmp_path / "out"
    )
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_leaves_neither_file(
    tiny_bundle: Path,
    make_clip: MakeClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise JukeboxError("no room")
        write_atomically(path, content)

    monkeypatch.setattr(engine, "write_atomically", full)
    with pytest.raises(JukeboxError, match="no room"):
        render(tiny_bundle, ContinueRequest(make_clip(), 500, variants=1), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_too_little_room_is_told_before_the_work(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(engine.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(JukeboxError, match="free, and the results need"):
        render(tiny_bundle, ContinueRequest(make_clip(), 500), tmp_path / "out")


def test_a_clip_too_short_is_refused(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    with pytest.raises(JukeboxError, match=r"at least 0.1 s"):
        render(tiny_bundle, ContinueRequest(make_clip(0.09), 500), tmp_path / "out")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 5e4])
def test_a_clip_that_is_wrong_anywhere_is_refused(
    tiny_bundle: Path, tmp_path: Path, wrong: float
) -> None:
    samples = np.full(22_050 * 20, 0.1, np.float32)
    samples[100] = wrong  # long before what the model hears
    path = tmp_path / "clip.wav"
    soundfile.write(path, samples, 22_050, subtype="FLOAT")
    with pytest.raises(JukeboxError, match=r"clip\.wav holds"):
        render(tiny_bundle, ContinueRequest(path, 500), tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("labels_v2.json", "labels_v2.json"),
        ("prior_level_0.safetensors", "prior_level_0.safetensors"),
        ("vqvae.safetensors", "vqvae.safetensors"),
    ],
)
@pytest.mark.parametrize("gone", [True, False])
def test_a_damaged_model_is_named_before_the_work(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path, file: str, said: str, gone: bool
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_bundle, folder)
    if gone:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(b"not what it was")
    events = continue_clip(open_bundle(folder), ContinueRequest(make_clip(), 500), tmp_path / "out")
    with pytest.raises(JukeboxError, match=said):
        next(events)


def test_a_very_long_name_is_cut(tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip().rename(tmp_path / f"{'é' * 120}.wav")
    (finished,) = render(tiny_bundle, ContinueRequest(path, 500, variants=1), tmp_path / "out")
    assert finished.audio_path.name.startswith("éé")


def test_more_than_the_model_knows_is_refused(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    with pytest.raises(JukeboxError, match="Ask for fewer bars"):
        render(tiny_bundle, ContinueRequest(make_clip(), 44_100 * 700), tmp_path / "out")


# Stopped and resumed -----------------------------------------------------------------------------


@pytest.mark.parametrize("stop_after", [1, 5, 30, 80, 10_000])
def test_a_render_stopped_anywhere_goes_on_to_the_same_samples(
    tiny_bundle: Path,
    make_clip: MakeClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_after: int,
) -> None:
    monkeypatch.setattr(engine, "_PROGRESS_SECONDS", 0.0)
    bundle = open_bundle(tiny_bundle)
    request = ContinueRequest(make_clip(), 9000, variants=2, seed=3)
    whole = [audio.read(v.audio_path).samples for v in render(tiny_bundle, request, tmp_path / "a")]
    out, job = tmp_path / "b", tmp_path / "job"
    stopped = continue_clip(bundle, request, out, job)
    for _, _ in zip(range(stop_after), stopped, strict=False):
        pass
    stopped.close()  # type: ignore[attr-defined]
    events = list(continue_clip(bundle, request, out, job))
    finished = [e for e in events if isinstance(e, VariantFinished)]
    assert len(finished) == len(list(out.glob("*.wav"))) == 2
    for variant, samples in zip(finished, whole, strict=True):
        assert np.array_equal(audio.read(variant.audio_path).samples, samples)


def test_finished_work_is_not_done_again(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    bundle = open_bundle(tiny_bundle)
    request = ContinueRequest(make_clip(), 9000, variants=1)
    list(continue_clip(bundle, request, tmp_path / "out", tmp_path / "job"))
    again = list(continue_clip(bundle, request, tmp_path / "out", tmp_path / "job"))
    assert not [e for e in again if isinstance(e, Progress)]


def test_a_job_of_another_request_is_refused(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    bundle, clip = open_bundle(tiny_bundle), make_clip()
    list(continue_clip(bundle, ContinueRequest(clip, 500), tmp_path / "out", tmp_path / "job"))
    with pytest.raises(JukeboxError, match="another request"):
        list(continue_clip(bundle, ContinueRequest(clip, 501), tmp_path / "out", tmp_path / "job"))


# Plans -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vqvae", "priors"),
    [
        (TINY_VQVAE, {n: PRIORS[f"tiny_level_{n}"] for n in (0, 1)}),
        (
            PUBLISHED_VQVAE,
            {
                0: PUBLISHED_PRIORS["upsampler_level_0"],
                1: PUBLISHED_PRIORS["upsampler_level_1"],
                2: PUBLISHED_PRIORS["prior_1b_lyrics"],
            },
        ),
    ],
)
@pytest.mark.parametrize("clip_samples", [2205, 50_000, 3_000_000])
@pytest.mark.parametrize("length_samples", [1, 44_100, 999_999])
def test_a_plan_gives_every_window_what_it_needs(
    vqvae, priors, clip_samples: int, length_samples: int
) -> None:
    plan = plan_continue(
        vqvae,
        priors,
        clip_samples=clip_samples,
        clip_rate_hz=44_100,
        length_samples=length_samples,
    )
    assert 0 < plan.tail_samples <= plan.prompt_samples <= clip_samples
    needed = length_samples * vqvae.sample_rate_hz / 44_100
    assert plan.total_samples - plan.prompt_samples >= needed
    for level, config in priors.items():
        hop, filled = config.hop_samples, plan.prompt_samples // config.hop_samples
        assert plan.prompt_samples % hop == 0
        for window in plan.windows[level]:
            assert window.start + window.primed == filled
            assert 0 < window.new <= window.length <= config.n_ctx
            filled = window.end
            if config.conditioner:
                ratio = config.conditioner.codes_per_code_above
                assert window.start % ratio == 0
                above_end = plan.windows[level + 1][-1].end
                assert (window.start + config.n_ctx) // ratio <= above_end
        assert filled * hop >= plan.total_samples


def test_windows_see_as_much_as_they_can() -> None:
    windows = sliding_windows(filled=10, total=40, n_ctx=16, fraction=0.25, ratio=1)
    assert [(w.start, w.end, w.primed) for w in windows[:3]] == [
        (0, 16, 10),
        (4, 20, 12),
        (8, 24, 12),
    ]
    assert windows[-1].end == 40


# The joint ---------------------------------------------------------------------------------------


def test_the_joint_has_no_step_and_leaves_the_rest_alone() -> None:
    rate = 44_100
    time = np.arange(rate) / rate
    tone = 0.4 * np.sin(2 * np.pi * 200 * time).astype(np.float32)
    tail = tone[: rate // 2, None]
    decoded = (0.8 * tone + 0.1).astype(np.float32)  # what the model heard is a little off
    new = continue_from(tail, decoded, rate)
    own_step = np.abs(np.diff(tail[:, 0])).max()
    assert abs(new[0, 0] - tail[-1, 0]) <= own_step * 1.5
    assert np.array_equal(new[round(0.03 * rate) :, 0], decoded[rate // 2 + round(0.03 * rate) :])
