"""Rendering and listening on a tiny random model: nothing is fetched, the measures are exact."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jukebox_studio import audio
from jukebox_studio.bundle import Bundle, open_bundle
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import TINY_VQVAE
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.request import Sampling
from jukebox_studio.training import evaluate_command, lyric_attention
from jukebox_studio.training.alignment import Aligner, Fit, is_german
from jukebox_studio.training.codes import CodedTrack, CodeWindows, SungText, encode_tracks
from jukebox_studio.training.data import Sound, decode_tracks, read_table
from jukebox_studio.training.evaluate_command import evaluate_bundle
from jukebox_studio.training.extra import from_extra
from jukebox_studio.training.lyric_attention import (
    lyric_layers,
    score_heads,
    sung_windows,
)
from jukebox_studio.training.memorisation import KnownCodes
from jukebox_studio.training.musicnn import EMBEDDING, Musicnn, mel_patches, slaney_filters
from jukebox_studio.training.renders import Render, Renderer, choose_clips
from jukebox_studio.training.samples import KeptEmbedder, sound_values
from jukebox_studio.training.similarity import discrepancy, mmd
from jukebox_studio.training.tf_checkpoint import read_float_tensors
from jukebox_studio.training.voice import VoiceDetector

RATE_HZ = TINY_VQVAE.sample_rate_hz
TABLES = LabelTables("v2", {"unknown": 0, "ada": 1, "bo": 2}, {"unknown": 0, "hum": 1})
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of two artists: seven seconds each, the first one's with words."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    rows = ["file,artist,genre,split,lyrics_file"]
    words = [
        {"text": w, "start_seconds": 0.5 * n, "end_seconds": 0.5 * n + 0.45}
        for n, w in enumerate(WORDS.split())
    ]
    (folder / "words.json").write_text(json.dumps({"text": WORDS, "words": words}))
    for i, (artist, split) in enumerate(
        [("Ada", "train"), ("Bo", "train"), ("Ada", "test"), ("Bo", "test")]
    ):
        noise = 0.2 * rng.standard_normal(7 * RATE_HZ)
        audio.write(folder / f"{i}.wav", noise.astype(np.float32), RATE_HZ)
        rows.append(f"{i}.wav,{artist},hum,{split},{'words.json' if artist == 'Ada' else ''}")
    (folder / "tracks.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def held(music: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sound]:
    sounds = decode_tracks(read_table(music), RATE_HZ, tmp_path_factory.mktemp("cache"))
    return [s for s in sounds if s.track.split == "test"]


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def coded(
    bundle: Bundle, held: list[Sound], tmp_path_factory: pytest.TempPathFactory
) -> list[CodedTrack]:
    return encode_tracks(load_vqvae(bundle), held, tmp_path_factory.mktemp("codes"))


# Rendering ---------------------------------------------------------------------------------------


def test_clips_are_shared_evenly_and_lie_inside_their_tracks(held: list[Sound]) -> None:
    clips = choose_clips(held, 7, TINY_VQVAE.hop_samples(1), 0.2)
    assert [c.track.artist for c in clips].count("Ada") == 4
    assert [c.number for c in clips] == list(range(7))
    assert len({(c.track.path, c.start_samples) for c in clips}) == 7
    for clip in clips:
        assert clip.start_samples % TINY_VQVAE.hop_samples(1) == 0
        assert len(clip.prompt) == clip.prompt_samples
        assert len(clip.real) == clip.length_samples
    with pytest.raises(JukeboxError, match="No held-out track lasts 14 s"):
        choose_clips(held, 2, 32, 10.0)


def test_the_words_of_a_clip_are_those_sung_in_it(held: list[Sound]) -> None:
    sung = next(c for c in choose_clips(held, 2, 32, 2.5) if c.track.words)
    rate = sung.sound.rate_hz
    start = (sung.start_samples + sung.prompt_samples) / rate
    end = start + sung.length_samples / rate
    inside = [w.text for w in sung.track.words if w.start_seconds > start and w.end_seconds < end]
    assert set(inside) <= set(sung.words(prompt=False))
    assert len(sung.words(prompt=False)) <= len(inside) + 2
    assert sung.lyrics is not None
    assert sung.lyrics.endswith(" ".join(sung.words(prompt=False)))
    assert len(sung.lyrics) > len(" ".join(sung.words(prompt=False)))


def test_a_clip_is_continued_the_same_alone_and_among_others(
    bundle: Bundle, held: list[Sound], tmp_path: Path
) -> None:
    clips = choose_clips(held, 5, TINY_VQVAE.hop_samples(1), 0.05)
    renderer = Renderer(bundle, TABLES, seed=3)
    together = list(renderer.render(clips, tmp_path))
    (alone,) = renderer.render(clips[2:3])
    assert np.array_equal(alone.top, together[2].top)
    assert np.array_equal(alone.bottom, together[2].bottom)
    assert alone.audio == pytest.approx(together[2].audio, abs=1e-5)
    for render in together:
        assert len(render.audio) == render.clip.length_samples
        assert len(render.top) * TINY_VQVAE.hop_samples(1) == render.clip.length_samples
        assert len(render.bottom) * TINY_VQVAE.hop_samples(0) == render.clip.length_samples
    assert not np.array_equal(together[0].bottom, together[1].bottom)
    # What is kept is read again, not made again.
    renderer.priors.clear()
    again = list(renderer.render(clips, tmp_path))
    assert all(np.array_equal(a.audio, b.audio) for a, b in zip(again, together, strict=True))


def test_continuations_are_drawn_as_the_bundle_recommends(
    bundle: Bundle, held: list[Sound]
) -> None:
    clips = choose_clips(held, 1, TINY_VQVAE.hop_samples(1), 0.05)
    few = {0: Drawing(top_k=2)}
    tuned = replace(bundle, manifest=bundle.manifest.model_copy(update={"sampling": few}))
    (recommended,) = Renderer(tuned, TABLES, seed=3).render(clips)
    (explicit,) = Renderer(bundle, TABLES, 3, {0: Sampling(top_k=2)}).render(clips)
    (plain,) = Renderer(tuned, TABLES, 3, {0: Sampling(top_k=0)}).render(clips)
    assert np.array_equal(recommended.bottom, explicit.bottom)
    assert not np.array_equal(recommended.bottom, plain.bottom)


def test_continuations_can_be_guided_towards_their_artist_and_words(
    bundle: Bundle, held: list[Sound]
) -> None:
    clips = choose_clips(held, 4, TINY_VQVAE.hop_samples(1), 1.0)
    sung = [bool(clip.lyrics) for clip in clips]
    assert {True, False} == set(sung)
    plain = list(Renderer(bundle, TABLES, 3).render(clips))
    by_words = list(Renderer(bundle, TABLES, 3, guidance=Leading(lyrics=20.0)).render(clips))
    by_style = list(Renderer(bundle, TABLES, 3, guidance=Leading(style=15.0)).render(clips))

    def same(a: Render, b: Render) -> bool:
        return np.array_equal(a.top, b.top) and np.array_equal(a.bottom, b.bottom)

    # Where nothing is sung there are no words to lead to.
    assert [same(a, b) for a, b in zip(plain, by_words, strict=True)] == [not s for s in sung]
    assert not any(same(a, b) for a, b in zip(plain, by_style, strict=True))


# Listening ---------------------------------------------------------------------------------------


def test_mmd_is_nothing_between_halves_and_something_between_kinds() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal((3, 20)) for _ in range(60)]
    moved = [clip + 1.0 for clip in clips]
    same = discrepancy(clips[::2], clips[1::2])
    other = discrepancy(clips[::2], moved[1::2])
    assert same is not None
    assert other is not None
    assert abs(same.mmd) < 3 * same.spread
    assert other.mmd > 10 * same.spread
    assert discrepancy(clips[:3], clips) is None


def test_a_dimension_that_is_still_in_the_real_set_does_not_drown_the_others() -> None:
    rng = np.random.default_rng(0)
    real = [rng.standard_normal((3, 20)) for _ in range(20)]
    other = [rng.standard_normal((3, 20)) for _ in range(20)]
    for clip in real:
        clip[:, 0] = 0.0
    found = discrepancy(real, other)
    assert found is not None
    assert abs(found.mmd) < 1.0


def test_mmd_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    draws = [mmd(rng.standard_normal((6, 3)), rng.standard_normal((6, 3))) for _ in range(600)]
    assert np.mean(draws) == pytest.approx(0.0, abs=4 * np.std(draws) / np.sqrt(600))
    assert min(draws) < 0


def _entry(offset: int, size: int, shape: tuple[int, ...], dtype: int = 1) -> bytes:
    """A BundleEntryProto by hand."""
    dims = b"".join(b"\x12" + bytes([2]) + b"\x08" + bytes([n]) for n in shape)
    return (
        b"\x08" + bytes([dtype]) + b"\x12" + bytes([len(dims)]) + dims
        + b"\x20" + bytes([offset]) + b"\x28" + bytes([size])
    )  # fmt: skip


def _table_block(items: list[tuple[int, bytes, bytes]]) -> bytes:
    """A LevelDB block by hand: (how much of the last name, the rest of the name, value)."""
    body = b"".join(
        bytes([shared, len(own), len(value)]) + own + value for shared, own, value in items
    )
    return body + struct.pack("<II", 0, 1)


def test_a_tensorflow_checkpoint_is_read_tensor_by_tensor() -> None:
    first, second = np.arange(6, dtype="<f4").reshape(2, 3), np.array([7.5], dtype="<f4")
    data = first.tobytes() + second.tobytes()
    block = _table_block(
        [
            (0, b"", b"\x08\x01"),
            (0, b"conv/bias", _entry(24, 4, (1,))),
            (5, b"kernel", _entry(0, 24, (2, 3))),
            (5, b"steps", _entry(0, 8, (1,), dtype=9)),
        ]
    )
    handle = bytes([0, len(block)])
    blocks = _table_block([(0, b"z", handle)])
    index = block + b"\0" * 5 + blocks + b"\0" * 5
    footer = bytes([0, 0, len(block) + 5, len(blocks)])
    tensors = read_float_tensors(index + footer.ljust(48, b"\0"), data)
    assert sorted(tensors) == ["conv/bias", "conv/kernel"]
    assert np.array_equal(tensors["conv/kernel"], first)
    assert np.array_equal(tensors["conv/bias"], second)
    with pytest.raises(JukeboxError, match="not a TensorFlow checkpoint"):
        read_float_tensors(b"x" * 60, b"")


def test_the_network_gives_one_vector_for_each_three_seconds() -> None:
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return 0.1 * torch.randn(shape, generator=generator)

    tensors = {}
    kernels = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51)]
    kernels += [(7, 561, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64)]
    for i, shape in enumerate(kernels):
        name = "conv2d" + (f"_{i}" if i else "")
        tensors |= {f"{name}/kernel": noise(*shape), f"{name}/bias": noise(shape[3])}
    for i, size in enumerate([1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200]):
        name = "batch_normalization" + (f"_{i}" if i else "")
        tensors |= {f"{name}/{n}": noise(size) for n in ("moving_mean", "beta")}
        tensors |= {f"{name}/{n}": 1 + noise(size).abs() for n in ("moving_variance", "gamma")}
    tensors |= {"dense/kernel": noise(1506, 200), "dense/bias": noise(200)}
    network = Musicnn(tensors)
    sound = np.random.default_rng(0).standard_normal(8 * 22_050).astype(np.float32)
    found = network.embed(sound, 22_050)
    assert found.shape == (2, EMBEDDING)
    assert np.isfinite(found).all()
    assert network.embed(sound[:40_000], 22_050).shape == (0, EMBEDDING)


def test_mel_bands_hear_a_tone_where_it_is() -> None:
    filters = slaney_filters().numpy()
    assert filters.shape == (96, 257)
    # Slaney's bands are even up to 1 kHz.
    peaks = filters.argmax(axis=1)
    time = np.arange(4 * 16_000) / 16_000
    mel = mel_patches(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 16_000, 1.0)
    loudest = int(mel.mean(dim=(0, 1)).argmax())
    assert abs(peaks[loudest] * 16_000 / 512 - 1000) < 40


def test_an_embedder_is_asked_once_for_each_sound(tmp_path: Path) -> None:
    class Counting:
        asked = 0

        def embed(self, samples: np.ndarray, rate_hz: int) -> np.ndarray:
            self.asked += 1
            return np.full((1, 2), samples.sum())

    counting = Counting()
    embedder = KeptEmbedder(counting, tmp_path)
    ones = np.ones(5, np.float32)
    for _ in range(2):
        assert embedder.embed(ones, 100) == pytest.approx(5.0)
    embedder.embed(ones, 200)
    assert counting.asked == 2


def test_silence_and_clipping_are_counted() -> None:
    sound = np.zeros(1000, np.float32)
    sound[500:] = 0.5
    sound[900:] = 1.5
    values = sound_values(sound, 1000)
    assert values["silence"] == 0.5
    assert values["clipped"] == pytest.approx(0.1)
    assert "loudness_lufs" not in sound_values(np.zeros(1000, np.float32), 1000)


def test_no_voice_is_heard_in_silence_and_noise() -> None:
    pytest.importorskip("onnxruntime")
    detector = VoiceDetector()
    noise = 0.1 * np.random.default_rng(0).standard_normal(22_050).astype(np.float32)
    assert not detector.hear(noise, 22_050).voice
    assert len(detector.probabilities(noise, 22_050)) == 16_000 // 512


def test_true_words_that_fit_better_win() -> None:
    assert Fit(-1.0, (-2.0, -3.0)).best
    assert Fit(-2.0, (-1.0, -2.0, -3.0, -4.0)).pairs == pytest.approx(2.5 / 4)
    # Where nothing fits, nothing is better.
    nothing = Fit(float("-inf"), (float("-inf"),) * 4)
    assert nothing.pairs == 0.5
    assert not nothing.best


def test_the_language_of_words_is_known_by_the_commonest() -> None:
    assert is_german("Wer nur den lieben Gott und die Hoffnung auf ihn")
    assert not is_german("Blessed is the man that walketh not in the counsel of the ungodly")


def test_words_are_aligned_and_too_few_are_not() -> None:
    pytest.importorskip("pocketsphinx")
    aligner = Aligner()
    noise = 0.1 * np.random.default_rng(0).standard_normal(22_050).astype(np.float32)
    fit = aligner.fit(noise, 22_050, ["one", "two", "three"], german=False, seed=0)
    assert fit is not None
    assert len(fit.shuffled) == 4
    assert aligner.fit(noise, 22_050, ["one", "One!", "one"], german=False, seed=0) is None


def test_a_missing_package_is_asked_for_in_a_sentence() -> None:
    with pytest.raises(JukeboxError, match=r"needs the Python package nowhere.*\[evaluate\]"):
        from_extra("nowhere.at_all", "Drawing")


# Memorisation ------------------------------------------------------------------------------------


def _longest_by_hand(piece: np.ndarray, tracks: list[np.ndarray]) -> int:
    text = [" ".join(f"{c}" for c in t) + " " for t in tracks]
    return max(
        (
            end - start
            for start in range(len(piece))
            for end in range(start + 1, len(piece) + 1)
            if any(f" {' '.join(map(str, piece[start:end]))} " in f" {t}" for t in text)
        ),
        default=0,
    )


def test_the_longest_repeat_is_found_and_no_other() -> None:
    rng = np.random.default_rng(0)
    tracks = [rng.integers(0, 6, n).astype(np.int16) for n in (60, 45, 3)]
    pieces = [rng.integers(0, 6, n).astype(np.int16) for n in (30, 1, 12, 25)]
    pieces[0][5:22] = tracks[1][20:37]
    # Where one track ends and the next begins is no music.
    pieces[3][:20] = np.concatenate([tracks[0][-10:], tracks[1][:10]])
    pieces.append(np.full(8, 6, np.int16))
    found = KnownCodes(tracks, 7).longest_repeats(pieces)
    assert found == [_longest_by_hand(p, tracks) for p in pieces]
    assert found[0] >= 17
    assert found[3] < 20
    assert found[4] == 0


# Attention ---------------------------------------------------------------------------------------


def test_the_head_that_looks_at_what_is_sung_is_chosen(
    bundle: Bundle, coded: list[CodedTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = load_prior(bundle, 1)
    windows = CodeWindows(coded, prior.config, TABLES, seed=0)
    chosen = sung_windows(windows, 6)
    assert chosen
    for window in chosen:
        # The character that is sung belongs to the word that is.
        rate = prior.config.sample_rate_hz / prior.config.hop_samples
        at = int(np.flatnonzero(np.isfinite(window.sung))[0])
        now = next(
            w for w in window.track.track.words if w.end_seconds > (window.start + at + 0.5) / rate
        )
        shown = SungText.of(window.track.track, "v2")
        assert shown is not None
        assert int(window.tokens[math.floor(window.sung[at] + 0.5)]) in [
            int(shown.tokens[WORDS.find(now.text) + k]) for k in range(len(now.text))
        ]
    (layer,) = lyric_layers(prior)

    def looks(prior: object, windows: object, window: lyric_attention.SungWindow) -> dict:
        weights = np.full((2, len(window.sung), len(window.tokens)), 1e-3, np.float32)
        for position in np.flatnonzero(np.isfinite(window.sung)):
            weights[1, position, math.floor(window.sung[position] + 0.5)] = 1.0
        return {layer: weights}

    monkeypatch.setattr(lyric_attention, "attention", looks)
    best, worse = score_heads(prior, windows, chosen)
    assert (best.layer, best.head) == (layer, 1)
    assert best.near > 0.95
    assert best.centre_error < 0.5
    assert worse.near == pytest.approx(worse.by_chance)


def test_a_model_without_words_has_no_head_to_choose(bundle: Bundle) -> None:
    with pytest.raises(JukeboxError, match="no layer that looks at words"):
        lyric_layers(load_prior(bundle, 0))


# The command -------------------------------------------------------------------------------------


def test_samples_and_pictures_are_made_and_reported(
    tiny_bundle: Path,
    music: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for package in ("onnxruntime", "pocketsphinx", "matplotlib"):
        pytest.importorskip(package)

    class Ear:
        """Hears how loud a sound is and how fast it swings."""

        def embed(self, samples: np.ndarray, rate_hz: int) -> np.ndarray:
            return np.array([[samples.std(), np.abs(np.diff(samples)).mean()]])

    monkeypatch.setattr(evaluate_command, "load_musicnn", lambda cache: Ear())
    arguments = {
        "data": music,
        "out": tmp_path / "out",
        "part": ["samples", "pictures"],
        "samples": 8,
        "seconds": 0.2,
        "cache": tmp_path / "cache",
    }
    evaluate_bundle(str(tiny_bundle), **arguments)
    printed = capsys.readouterr().out
    assert "top codes of a 4-gram, decoded" in printed
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    samples = found["samples"]
    assert samples["clips"] == 8
    # White noise is like white noise; what a random model makes of it is not.
    real, made = (samples["discrepancies"][kind] for kind in ("real", "continuation"))
    assert abs(real["mmd"]) < made["mmd"] / 10
    averages = samples["averages"]["continuation"]
    assert averages["groups"]["all"]["top_repeat"] > 0
    assert averages["groups"]["music"]["voice"] == 0.0
    assert len(list((tmp_path / "out" / "samples").glob("*-continuation.flac"))) == 8
    pictures = [Path(p) for p in found["pictures"]["files"]]
    assert [p.name for p in pictures] == [
        "continuations-ada.png",
        "continuations-bo.png",
        "lyric-alignment.png",
    ]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    assert found["pictures"]["heads"][0]["near"] >= found["pictures"]["heads"][-1]["near"]
