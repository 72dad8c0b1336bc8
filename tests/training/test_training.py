"""Every training command for a few steps on made-up music, from audio to a usable bundle."""

from __future__ import annotations

import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jukebox_studio import audio
from jukebox_studio.bundle import open_bundle, verify
from jukebox_studio.drawing import Drawing
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PRIORS, TINY_VQVAE
from jukebox_studio.model.labels import (
    SILENT,
    UNKNOWN_LENGTH,
    Labeller,
    LabelTables,
    detokenize,
    fit_timing,
    sung_window,
    timing_bins,
)
from jukebox_studio.model.load import load_vqvae
from jukebox_studio.model.prior import Prior
from jukebox_studio.training import commands
from jukebox_studio.training.codes import (
    Batch,
    CodedTrack,
    CodeWindows,
    Dropout,
    SungText,
    encode_tracks,
    make_tables,
)
from jukebox_studio.training.data import (
    Crops,
    artist_weights,
    at_most_per_artist,
    decode_tracks,
    read_table,
)
from jukebox_studio.training.evaluate import evaluate
from jukebox_studio.training.heard import MelHead, shared_gradient
from jukebox_studio.training.loop import (
    BEST,
    CHECKPOINT,
    LoopSettings,
    averaged_state,
    best_state,
    read_checkpoint,
    train,
)
from jukebox_studio.training.losses import log_mel_distance, mel_filters, spectral_convergence
from jukebox_studio.training.ngram import NGram
from jukebox_studio.training.prior import PriorTask

RATE_HZ = TINY_VQVAE.sample_rate_hz
WORDS = "one two, three four five six seven eight nine ten"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short tracks of two artists, in a folder with its table."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    rows = ["file,artist,genre,split,lyrics_file"]
    for i in range(6):
        time = np.arange(RATE_HZ) / RATE_HZ
        tone = 0.3 * np.sin(2 * np.pi * (110 + 55 * i) * time) + 0.05 * rng.standard_normal(
            len(time)
        )
        audio.write(folder / f"{i}.wav", tone.astype(np.float32), RATE_HZ)
        split = ("train", "train", "train", "train", "validation", "test")[i]
        sung = ("", "0.json", "unknown")[i % 3]
        rows.append(f"{i}.wav,Artist {i % 2},Slow Hum,{split},{sung}")
    words = [
        {"text": word, "start_seconds": 0.1 * n, "end_seconds": 0.1 * n + 0.05}
        for n, word in enumerate(WORDS.split())
    ]
    (folder / "0.json").write_text(json.dumps({"text": WORDS, "words": words}), encoding="utf-8")
    (folder / "tracks.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of every part."""
    folder = tmp_path_factory.mktemp("runs")
    for level in (0, 1):
        commands.vqvae(
            music,
            folder / f"vqvae_level_{level}",
            config="tiny",
            level=level,
            steps=2,
            batch=2,
            crop_codes=256,
            json_lines=True,
        )
    for level in (0, 1):
        commands.prior(
            music,
            folder,
            folder / f"prior_level_{level}",
            config=f"tiny_level_{level}",
            steps=2,
            batch=2,
            json_lines=True,
        )
    return folder


@pytest.fixture(scope="module")
def bundle(music: Path, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    credits = folder / "credits.txt"
    credits.write_text("Six tones by nobody\n", encoding="utf-8")
    commands.bundle(
        music, runs, folder / "tiny", config="tiny", name="tiny", attribution=credits, top_p="0:0.9"
    )
    return folder / "tiny"


def test_a_trained_model_becomes_a_bundle_that_verifies(bundle: Path) -> None:
    manifest = verify(bundle)
    assert manifest.levels == 2
    assert manifest.licence.name == "CC-BY-SA-4.0"
    assert manifest.sampling == {0: Drawing(top_p=0.9)}


def test_the_bundle_makes_the_codes_that_its_priors_learned(
    bundle: Path, music: Path, runs: Path
) -> None:
    opened = open_bundle(bundle)
    trained = commands.assemble_vqvae(TINY_VQVAE, runs)
    shipped = load_vqvae(opened)
    sound = decode_tracks(read_table(music), RATE_HZ, music / "cache")[0]
    samples = torch.from_numpy(sound.samples[:22_016].astype(np.float32) / 32767)[None, :, None]
    for a, b in zip(trained.encode(samples), shipped.encode(samples), strict=True):
        assert torch.equal(a, b)


def test_every_report_has_held_out_numbers_at_the_end(runs: Path) -> None:
    for name, key in (
        ("vqvae_level_1", "held_out_convergence_db"),
        ("prior_level_0", "held_out_bits_per_code"),
    ):
        last = json.loads((runs / name / "log.jsonl").read_text().splitlines()[-1])
        assert last["step"] == 2
        assert np.isfinite(last[key])


def test_a_stopped_run_goes_on_to_the_same_weights(music: Path, tmp_path: Path) -> None:
    def train(folder: str, steps: int) -> dict[str, torch.Tensor]:
        commands.vqvae(
            music,
            tmp_path / folder,
            config="tiny",
            level=0,
            steps=steps,
            batch=2,
            crop_codes=256,
            anneal=0.0,
            json_lines=True,
        )
        return averaged_state(tmp_path / folder / CHECKPOINT)

    train("stopped", 2)
    resumed, whole = train("stopped", 4), train("whole", 4)
    assert whole.keys() == resumed.keys()
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


def test_a_run_may_begin_with_the_weights_of_another(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    commands.vqvae(
        music,
        tmp_path / "tuned",
        config="tiny",
        level=0,
        steps=1,
        batch=2,
        crop_codes=256,
        log_mel=1.0,
        begin_with=runs / "vqvae_level_0",
        json_lines=True,
    )
    before = averaged_state(runs / "vqvae_level_0" / CHECKPOINT)
    after = averaged_state(tmp_path / "tuned" / CHECKPOINT)
    # The first step of the warm-up moves no weight, and the codebook by a hundredth at most.
    for key, value in before.items():
        if key.startswith(("encoder", "decoder")):
            assert torch.equal(value, after[key])


def test_a_decoder_trains_on_alone_over_the_same_codes(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    def train(out: Path, steps: int) -> dict[str, torch.Tensor]:
        commands.decoder(
            music,
            runs,
            out,
            config="tiny",
            level=1,
            steps=steps,
            batch=2,
            crop_codes=256,
            lr=1e-2,
            json_lines=True,
        )
        return averaged_state(out / CHECKPOINT)

    after = train(tmp_path / "vqvae_level_1", 4)
    shutil.copytree(runs / "vqvae_level_0", tmp_path / "vqvae_level_0")
    old, new = (commands.assemble_vqvae(TINY_VQVAE, folder) for folder in (runs, tmp_path))
    sound = decode_tracks(read_table(music), RATE_HZ, music / "cache")[0]
    samples = torch.from_numpy(sound.samples[:22_016].astype(np.float32) / 32767)[None, :, None]
    codes = old.encode(samples)[1]
    assert torch.equal(codes, new.encode(samples)[1])
    assert not torch.allclose(old.decode([codes], 1), new.decode([codes], 1), atol=1e-5)
    before = {
        k: v.half().float() for k, v in averaged_state(runs / "vqvae_level_1" / CHECKPOINT).items()
    }
    moved = {
        key.split(".")[0] for key, value in after.items() if not torch.equal(value, before[key])
    }
    assert moved == {"decoder"}


def test_a_decoder_has_a_folder_of_its_own(music: Path, runs: Path, tmp_path: Path) -> None:
    """Else the encoder that priors learned from would be lost."""
    shutil.copytree(runs / "vqvae_level_0", tmp_path / "vqvae")
    before = (tmp_path / "vqvae" / CHECKPOINT).read_bytes()
    options = {"config": "tiny", "level": 0, "steps": 1, "batch": 2, "json_lines": True}
    with pytest.raises(JukeboxError, match="the whole level, not of a decoder alone"):
        commands.decoder(music, runs, tmp_path / "vqvae", crop_codes=256, **options)
    assert (tmp_path / "vqvae" / CHECKPOINT).read_bytes() == before
    commands.decoder(music, runs, tmp_path / "decoder", crop_codes=256, **options)
    commands.decoder(music, runs, tmp_path / "decoder", crop_codes=256, **options)
    with pytest.raises(JukeboxError, match="a decoder alone, not of the whole level"):
        commands.vqvae(music, tmp_path / "decoder", crop_codes=256, **options)


def test_what_has_no_codes_at_the_end_of_a_track_is_not_learned_from(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    """Codes end with the last whole one of the top level."""
    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    for path in folder.glob("*.wav"):
        samples = audio.read(path).samples[: 2_755 * TINY_VQVAE.hop_samples(0), 0]
        audio.write(path, samples, RATE_HZ)
    options = {"config": "tiny", "level": 0, "steps": 1, "batch": 2, "json_lines": True}
    with pytest.raises(JukeboxError, match="No track is as long as a training crop"):
        commands.decoder(folder, runs, tmp_path / "out", crop_codes=2_754, **options)
    commands.decoder(folder, runs, tmp_path / "out", crop_codes=2_752, **options)


def test_a_prior_may_begin_with_a_run_or_a_bundle(
    music: Path, runs: Path, bundle: Path, tmp_path: Path
) -> None:
    for i, begin in enumerate((runs / "prior_level_1", bundle)):
        folder = tmp_path / f"tuned-{i}"
        commands.prior(
            music,
            runs,
            folder,
            config="tiny_level_1",
            steps=1,
            batch=2,
            begin_with=begin,
            json_lines=True,
        )
        # The first step of the warm-up moves nothing.
        before = best_state(runs / "prior_level_1")
        for key, value in averaged_state(folder / CHECKPOINT).items():
            assert torch.allclose(value, before[key], atol=1e-3)  # the bundle's are float16
    # One of a time before plans of words goes on with a plan that says nothing yet.
    old = tmp_path / "old"
    old.mkdir()
    kept = {k: v for k, v in best_state(runs / "prior_level_1").items() if "lyric_plan" not in k}
    save_file({k: v.clone() for k, v in kept.items()}, old / BEST)
    commands.prior(
        music,
        runs,
        tmp_path / "planned",
        config="tiny_level_1",
        steps=1,
        batch=2,
        begin_with=old,
        json_lines=True,
    )
    after = averaged_state(tmp_path / "planned" / CHECKPOINT)
    assert not after["lyric_plan.out.weight"].any()
    assert all(torch.equal(after[key], value) for key, value in kept.items())
    commands.vqvae(
        music,
        tmp_path / "vqvae",
        config="tiny",
        level=0,
        steps=1,
        batch=2,
        crop_codes=256,
        begin_with=bundle,
        json_lines=True,
    )
    commands.prior(
        music, bundle, tmp_path / "on", config="tiny_level_0", steps=1, batch=2, json_lines=True
    )
    assert not (bundle / "codes").exists()
    with pytest.raises(JukeboxError, match="another shape"):
        commands.prior(
            music,
            runs,
            tmp_path / "wrong",
            config="tiny_level_0",
            steps=1,
            begin_with=runs / "prior_level_1",
        )


def test_the_weights_that_did_best_on_held_out_music_are_kept(tmp_path: Path) -> None:
    class Falling:
        """Measures 3, 1, 2: the second is the best."""

        def __init__(self) -> None:
            self.model = torch.nn.Linear(1, 1)
            self.keeps_best = True
            self.measures = iter([3.0, 1.0, 2.0])
            self.seen: list[float] = []

        def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
            return self.model(torch.ones(1, 1)).sum(), {}

        def validate(self) -> dict[str, float]:
            self.seen.append(float(self.model.weight.item()))
            return {"measure": next(self.measures)}

        def extra_tensors(self) -> dict[str, torch.Tensor]:
            return {}

        def restore_extra(self, tensors: dict[str, torch.Tensor]) -> None:
            pass

    task = Falling()
    settings = LoopSettings(3, log_every_steps=1, validate_every_steps=1, warmup_steps=0)
    list(train(task, settings, tmp_path))
    assert len(set(task.seen)) == 3
    assert best_state(tmp_path)["weight"].item() == task.seen[1]


def test_codes_may_learn_from_what_is_heard(music: Path, runs: Path, tmp_path: Path) -> None:
    commands.vqvae(
        music,
        tmp_path / "vqvae_level_1",
        config="tiny",
        level=1,
        steps=2,
        batch=2,
        crop_codes=128,
        waveform=0.0,
        log_mel=1.0,
        heard=2.0,
        json_lines=True,
    )
    state = averaged_state(tmp_path / "vqvae_level_1" / CHECKPOINT)
    assert any(key.startswith("head.") for key in state)
    shutil.copytree(runs / "vqvae_level_0", tmp_path / "vqvae_level_0")
    commands.assemble_vqvae(TINY_VQVAE, tmp_path)  # the head is left behind


def test_the_head_reads_each_code_where_it_sounds() -> None:
    hop = 64
    head = MelHead(8, hop, 16_000)
    audio = torch.zeros(1, 64 * hop, 1)
    audio[0, 20 * hop + hop // 2] = 1.0
    target = head.target(audio)
    assert target.shape == (1, 104, 64)
    assert target.mean(dim=1)[0].argmax() == 20
    assert head(torch.randn(2, 8, 64)).shape == (2, 104, 64)


def test_a_share_of_the_gradient_goes_on() -> None:
    vectors = torch.randn(3, requires_grad=True)
    shared = shared_gradient(vectors, 0.25)
    assert torch.equal(shared, vectors)
    shared.sum().backward()
    assert torch.allclose(vectors.grad, torch.full((3,), 0.25))


def test_log_mel_hears_what_is_quiet_and_high() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(8000) / 16_000
    low = torch.from_numpy(0.5 * np.sin(2 * np.pi * 200 * time)).float()[None, :, None]
    hiss = torch.from_numpy(0.005 * rng.standard_normal(8000)).float()[None, :, None]
    assert log_mel_distance(low + hiss, low + hiss, 16_000).item() == 0.0
    linear = spectral_convergence(low + hiss, low).item()
    assert linear < 0.05 < 0.2 < log_mel_distance(low + hiss, low, 16_000).item()


@pytest.mark.parametrize("n_fft", [512, 1024, 2048])
def test_mel_bands_cover_the_spectrum(n_fft: int) -> None:
    filters = mel_filters(n_fft, 64, 22_050)
    assert filters.shape == (64, n_fft // 2 + 1)
    assert filters.sum(1).numpy() == pytest.approx(np.ones(64), abs=1e-5)
    centres = (filters @ torch.arange(n_fft // 2 + 1).float()).tolist()
    assert centres == sorted(centres)


def test_a_run_of_another_shape_is_refused(music: Path, runs: Path) -> None:
    with pytest.raises(JukeboxError, match="holds a run with level 0"):
        commands.vqvae(music, runs / "vqvae_level_0", config="tiny", level=1, steps=3)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_checkpoint(path)


def test_evaluation_measures_every_level(bundle: Path, music: Path, tmp_path: Path) -> None:
    sounds = decode_tracks(read_table(music), RATE_HZ, music / "cache")
    opened = open_bundle(bundle)
    tables = make_tables([s.track for s in sounds])
    report = evaluate(
        opened, tables, sounds[:4], sounds[5:], split="test", cache=tmp_path, batch_size=2
    )
    assert [level.level for level in report.levels] == [0, 1]
    for level in report.levels:
        # An untrained prior knows about as much as a uniform guess, a frequency table more.
        assert level.prior_bits == pytest.approx(5.0, abs=0.7)
        assert level.frequency_bits > 0
        assert 0 < level.codes_used <= 1


def coded_tracks(music: Path, runs: Path, cache: Path) -> list[CodedTrack]:
    sounds = decode_tracks(read_table(music), RATE_HZ, music / "cache")
    return encode_tracks(commands.assemble_vqvae(TINY_VQVAE, runs), sounds, cache)


def test_dropped_labels_become_unknown(music: Path, runs: Path, tmp_path: Path) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    tables = make_tables([t.track for t in tracks])
    shape = PRIORS["tiny_level_1"]

    def labels(chance: float) -> torch.Tensor:
        dropout = Dropout(chance, chance, chance, chance)
        return CodeWindows(tracks, shape, tables, 0, dropout=dropout).batch(0, 64).y

    none, some, every = labels(0.0), labels(0.5), labels(1.0)
    assert shape.lyrics is not None
    null = shape.lyrics.null_token
    assert (none[:, 3] > 0).all()
    assert (every[:, 3:5] == 0).all()
    assert (none[:, 0] > 0).all()
    assert (every[:, 0] == UNKNOWN_LENGTH).all()
    assert 0 < (some[:, 3] == 0).sum() < 64
    assert (every[:, -16:] == null).all()
    told = (none[:, -16:] != null).all(1)
    # A third of the tracks has words, a third none, and of a third they are not known.
    assert 0 < told.sum() < 64
    assert ((none[:, -16:] == null).all(1) | told).all()


def test_wrong_codes_are_shown_and_the_right_ones_asked_for(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    tables = make_tables([t.track for t in tracks])

    def batch(shape: str, wrong_codes: float) -> Batch:
        dropout = Dropout(wrong_codes=wrong_codes)
        return CodeWindows(tracks, PRIORS[shape], tables, 0, dropout=dropout).batch(0, 32)

    right, wrong = batch("tiny_level_0", 0.0), batch("tiny_level_0", 0.8)
    assert (right.shown == right.codes).all()
    assert (wrong.codes == right.codes).all()
    assert (wrong.y == right.y).all()
    assert right.above is not None
    assert wrong.above is not None
    for shown, true in ((wrong.shown, right.codes), (wrong.above, right.above)):
        shares = (shown != true).float().mean(dim=1)
        # 0.4 on the whole, a little less because some of what is drawn is by chance the same.
        assert 0.25 < shares.mean() < 0.5
        assert shares.min() < 0.2
        assert shares.max() > 0.5
        assert set(shown.unique().tolist()) <= set(true.unique().tolist())


def test_the_lyric_window_is_where_the_words_are_sung(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    sung = next(t for t in tracks if t.track.words)
    text = SungText.of(sung.track, "v2")
    assert text is not None
    assert detokenize(text.tokens, "v2") == WORDS
    # "five" is sung from 0.4 to 0.45 s.
    assert text.sung_at_seconds is not None
    for seconds, said in ((0.4, "five"), (0.47, "six")):
        # A window of two characters around the one that is sung then, or is the next.
        _, centre = sung_window(text.sung_at_seconds, 2, seconds, centred=True)
        assert WORDS[centre:].startswith(said)
    windows = CodeWindows([sung], PRIORS["tiny_level_1"], make_tables([sung.track]), 0)
    for batch in windows.even(99, 8):
        for y in batch.y:
            middle = (int(y[1]) + windows.config.sample_length / 2) / RATE_HZ
            shown = detokenize((int(t) for t in y[-16:]), "v2")
            now = next((w for w in sung.track.words if w.end_seconds > middle), None)
            if now is not None:
                assert now.text in shown


def test_each_code_knows_what_is_sung_there(music: Path, runs: Path, tmp_path: Path) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    sung = next(t for t in tracks if t.track.words)
    config = PRIORS["tiny_level_1"]
    windows = CodeWindows([sung], config, make_tables([sung.track]), 0)
    batch = windows.batch(0, 8)
    assert batch.sung is not None
    assert batch.sung.isfinite().any()
    for y, places in zip(batch.y, batch.sung, strict=True):
        shown = [detokenize([int(t)], "v2") for t in y[-16:]]
        for code in places.isfinite().nonzero()[:, 0].tolist():
            seconds = (int(y[1]) + (code + 0.5) * config.hop_samples) / RATE_HZ
            word = next(w for w in sung.track.words if w.start_seconds <= seconds < w.end_seconds)
            place = math.floor(float(places[code]) + 0.5)
            assert shown[place] in word.text
    unknown = CodeWindows([sung], config, make_tables([sung.track]), 0, dropout=Dropout(0, 0, 1.0))
    dropped = unknown.batch(0, 8).sung
    assert dropped is not None
    assert dropped.isnan().all()


def test_plans_are_left_out_at_times_and_never_exact(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    tables, config = make_tables([t.track for t in tracks]), PRIORS["tiny_level_1"]

    def batch(plan: float, lyrics: float = 0.0) -> Batch:
        dropout = Dropout(lyrics=lyrics, plan=plan)
        return CodeWindows(tracks, config, tables, 0, dropout=dropout).batch(0, 256)

    every = batch(0.0)
    assert every.sung is not None
    assert every.plan is not None
    # A third of the tracks has words, a third none to sing, and of a third they are not known.
    assert torch.equal(every.plan.isnan(), every.sung.isnan())
    assert torch.equal(every.plan == SILENT, every.sung == SILENT)
    assert 0.2 < every.sung.isnan().all(dim=1).float().mean() < 0.5
    assert 0.2 < (every.sung == SILENT).all(dim=1).float().mean() < 0.5
    sung = every.sung.isfinite()
    off = (every.plan - every.sung)[sung]
    assert 0.1 < off.std() < 0.4
    some = batch(0.4).plan
    assert some is not None
    known = ~every.sung.isnan().all(dim=1)
    wholly = some.isnan().all(dim=1)[known].float().mean()
    assert 0.3 < wholly < 0.5
    # Some know what is sung only from a code on.
    partly = some[known][:, 0].isnan() & ~some[known][:, -1].isnan()
    assert 0.1 < partly.float().mean() < 0.3
    told = CodeWindows(tracks, config, tables, 0)
    exact = told.collate([(tracks[1], 3)])
    assert exact.sung is not None
    assert exact.plan is not None
    assert torch.equal(exact.plan, exact.sung)
    unknown = batch(0.0, lyrics=1.0).plan
    assert unknown is not None
    assert unknown.isnan().all()


def test_the_alignment_head_is_taught(music: Path, runs: Path, tmp_path: Path) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    sung = next(t for t in tracks if t.track.words)
    torch.manual_seed(0)
    tables = make_tables([sung.track])
    # It learns where it is not told what is sung.
    told = CodeWindows([sung], PRIORS["tiny_level_1"], tables, 0)
    knowing = PriorTask(Prior(PRIORS["tiny_level_1"]), told, None, 8, guided=5.0)
    assert knowing.loss(0)[1]["guided_attention"] == 0.0
    windows = CodeWindows([sung], told.config, tables, 0, dropout=Dropout(plan=1.0))
    task = PriorTask(Prior(PRIORS["tiny_level_1"]), windows, None, 8, guided=5.0)
    adam = torch.optim.Adam(task.model.parameters(), lr=1e-2)
    lessons = []
    for _ in range(60):
        loss, logged = task.loss(0)
        adam.zero_grad()
        loss.backward()
        adam.step()
        lessons.append(logged["guided_attention"])
    assert lessons[-1] < 0.5 * lessons[0]


def test_words_that_are_not_known_are_not_no_words(music: Path) -> None:
    lyrics = [t.lyrics for t in read_table(music)]
    assert lyrics == ["", WORDS, None] * 2


def test_windows_of_an_upsampler_lie_under_the_codes_above(
    music: Path, runs: Path, tmp_path: Path
) -> None:
    tracks = coded_tracks(music, runs, tmp_path)
    windows = CodeWindows(tracks, PRIORS["tiny_level_0"], make_tables([t.track for t in tracks]), 0)
    batch = windows.batch(3, 4)
    assert batch.above is not None
    for row in range(4):
        total, offset = int(batch.y[row, 0]), int(batch.y[row, 1])
        hop = TINY_VQVAE.hop_samples(0)
        assert offset % TINY_VQVAE.hop_samples(1) == 0
        found = [
            track
            for track in tracks
            if track.total_samples == total
            and np.array_equal(
                track.levels[0][offset // hop : offset // hop + 64], batch.codes[row].numpy()
            )
            and np.array_equal(
                track.levels[1][offset // (4 * hop) : offset // (4 * hop) + 16],
                batch.above[row].numpy(),
            )
        ]
        assert found


@pytest.mark.parametrize(
    ("total_seconds", "offset_seconds"), [(0.1, 0.0), (5.0, 4.0), (700.0, 650.0), (599.9999, 590.0)]
)
def test_timing_always_fits_the_model(total_seconds: float, offset_seconds: float) -> None:
    shape = PRIORS["starter_level_1"]
    rate = shape.sample_rate_hz
    total, offset = fit_timing(shape, int(total_seconds * rate), int(offset_seconds * rate))
    tables = LabelTables("v2", {"unknown": 0}, {"unknown": 0})
    y = Labeller.for_prior(shape, tables).label(
        artist="", genre="", lyrics="", total_samples=total, offset_samples=offset
    )
    assert shape.labels is not None
    timing_bins(y.y[None], shape.labels, shape.n_ctx, rate)


def test_even_sampling_gives_every_artist_the_same_chance() -> None:
    weights = artist_weights([("a", 90.0), ("b", 5.0), ("b", 5.0)], 1.0)
    assert weights == pytest.approx([0.5, 0.25, 0.25])
    assert artist_weights([("a", 90.0), ("b", 10.0)], 0.0) == pytest.approx([0.9, 0.1])


def test_two_runs_may_fill_one_cache_at_once(music: Path, tmp_path: Path) -> None:
    tracks = read_table(music) * 3
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: decode_tracks(tracks, RATE_HZ, tmp_path / "c"), range(4)))
    assert all(len(run) == len(tracks) for run in runs)
    assert len(list((tmp_path / "c").iterdir())) == 6


def test_an_artist_is_cut_to_so_many_seconds(music: Path) -> None:
    sounds = decode_tracks(read_table(music), RATE_HZ, music / "cache")
    kept = at_most_per_artist(sounds, 2.0)
    assert [s.track.path.stem for s in kept] == ["0", "1", "2", "3"]
    assert len(at_most_per_artist(sounds, float("inf"))) == 6


def test_a_crop_depends_on_seed_step_and_row_alone(music: Path) -> None:
    sounds = decode_tracks(read_table(music), RATE_HZ, music / "cache")
    a, b = Crops(sounds, 1000, 3).batch(7, 4), Crops(sounds, 1000, 3).batch(7, 4)
    assert torch.equal(a, b)
    assert not torch.equal(a, Crops(sounds, 1000, 4).batch(7, 4))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("missing.wav,A,B,train,", "line 2: .*missing.wav is not there"),
        ("0.wav,A,B,trian,", "line 2: split is 'trian'"),
        ("0.wav,A,B,train,no.txt", "no.txt cannot be read"),
    ],
)
def test_a_bad_line_of_the_table_is_named(
    music: Path, tmp_path: Path, row: str, message: str
) -> None:
    (tmp_path / "0.wav").write_bytes((music / "0.wav").read_bytes())
    (tmp_path / "tracks.csv").write_text(f"file,artist,genre,split,lyrics_file\n{row}\n")
    with pytest.raises(JukeboxError, match=message):
        read_table(tmp_path)


def test_the_rate_warms_up_from_zero_and_anneals_to_zero() -> None:
    settings = LoopSettings(steps=1000, lr=1.0, warmup_steps=100, anneal_share=0.5)
    assert settings.lr_at(0) == 0.0
    assert settings.lr_at(50) == 0.5
    assert settings.lr_at(400) == 1.0
    assert settings.lr_at(750) == pytest.approx(0.5)
    assert settings.lr_at(1000) == pytest.approx(0.0)


def test_an_ngram_is_a_distribution_and_learns_a_pattern() -> None:
    rng = np.random.default_rng(1)
    pattern = np.tile(np.array([0, 1, 2, 3], np.int16), 200)
    noise = rng.integers(0, 5, 400).astype(np.int16)
    model = NGram([pattern, noise], 5, 3)
    assert model.bits(pattern)[10:].mean() < 0.7
    # After any context the chances of all codes sum to one.
    context = np.array([4, 1, 2, 2, 0], np.int16)
    chances = [2 ** -model.bits(np.append(context, c).astype(np.int16))[-1] for c in range(5)]
    assert sum(chances) == pytest.approx(1.0)
