"""The checker reads sizes, levels, rows and labels from the folder: one of our own, made here.

Its numbers are ours, so that it passes says little; that every changed number fails says that
nothing of a song is left uncompared.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jukebox_studio.model.labels import LabelBatch, Labeller, LabelTables
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.published import prior_config, vqvae_config
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.reference import run
from jukebox_studio.reference.run import run_reference
from jukebox_studio.sampling.song import (
    LevelSettings,
    align_lyrics,
    empty_codes,
    sample_song,
    sample_windows,
)
from jukebox_studio.sampling.windows import extension, hop_codes, window_starts

VQVAE_HPS = {
    "sr": 200,
    "downs_t": [2, 1],
    "strides_t": [2, 2],
    "width": 4,
    "depth": 2,
    "emb_width": 6,
    "l_bins": 24,
    "hvqvae_multipliers": [2, 1],
    "dilation_growth_rate": 3,
    "dilation_cycle": None,
    "m_conv": 1.0,
    "res_scale": False,
    "vqvae_reverse_decoder_dilation": True,
    "l_mu": 0.99,
}
PRIOR_HPS = {
    "n_ctx": 20,
    "prior_width": 16,
    "heads": 2,
    "blocks": 5,
    "m_attn": 0.25,
    "m_mlp": 1.0,
    "res_scale": False,
    "labels": True,
    "y_bins": [5, 4],
    "max_bow_genre_size": 2,
    "t_bins": 6,
    "min_duration": 0.1,
    "max_duration": 30.0,
    "merged_decoder": False,
    "init_scale": 0.2,
    "cond_width": 8,
    "cond_depth": 2,
    "cond_dilation_growth_rate": 3,
    "cond_dilation_cycle": 8,
    "cond_res_scale": True,
    "cond_m_conv": 1.0,
}
TOP_HPS = PRIOR_HPS | {
    "level": 1,
    "prior_depth": 16,
    "attn_order": 12,
    "labels_v3": True,
    "max_bow_genre_size": 1,
    "use_tokens": True,
    "single_enc_dec": True,
    "n_tokens": 10,
    "n_vocab": 79,
    "prime_loss_fraction": 0.4,
    "prime_init_scale": 0.1,
    "alignment_layer": 15,
    "alignment_head": 1,
}
LOW_HPS = PRIOR_HPS | {
    "level": 0,
    "prior_depth": 3,
    "attn_order": 2,
    "labels_v3": False,
    "use_tokens": False,
}
METAS = [
    {"artist": "Ann", "genre": "loud", "lyrics": "la la\nlo", "total_length": 900, "offset": 0},
    {
        "artist": "nobody",
        "genre": "soft",
        "lyrics": "Oh " * 30,
        "total_length": 2000,
        "offset": 300,
    },
    {"artist": "Bo", "genre": "none", "lyrics": "", "total_length": 640, "offset": 16},
]
SAMPLES = 400
HOP_FRACTIONS = [0.2, 0.5]
CASE = "windows/tiny"


def weights(module: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Random ones under which the codes vary: no token leads to itself, none is a lyric's."""
    state = {}
    for key, tensor in module.state_dict().items():
        norm = key.rpartition(".")[0].endswith(("ln", "ln_0", "ln_1")) and key.endswith("weight")
        state[key] = torch.randn(tensor.shape, generator=generator) * 0.4 + float(norm)
    for key in ("prior.x_emb.weight", "prior.x_out.weight"):
        if key in state:
            state[key][:-24] *= 0.1
            state[key][-24:] *= 0.5
    module.load_state_dict(state)
    return module.state_dict()


def result(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value


class Gap:
    """Greedy, and the smallest lead of a chosen code."""

    def __init__(self) -> None:
        self.least = float("inf")

    def __call__(self, level: int, window: object, rows: slice) -> Any:
        def pick(logits: torch.Tensor, position: int) -> torch.Tensor:
            best = logits.topk(2, dim=1).values
            self.least = min(self.least, float((best[:, 0] - best[:, 1]).min()))
            return logits.argmax(dim=1)

        return pick


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two levels, three rows and a merged lyric model."""
    root = tmp_path_factory.mktemp("made")
    for folder in ("hparams", "models/5b", "windows", "ids"):
        (root / folder).mkdir(parents=True)
    for version in ("v2", "v3"):
        (root / f"ids/{version}_artist_ids.txt").write_text("unknown;0\nann;1\nbo;3\n")
        (root / f"ids/{version}_genre_ids.txt").write_text("unknown;0\nloud;1\nsoft;4\n")
    generator = torch.Generator().manual_seed(5)
    config = vqvae_config("vqvae", VQVAE_HPS)
    vqvae = VQVAE(config).eval()
    torch.save({"model": weights(vqvae, generator)}, root / "models/5b/vqvae.pth.tar")
    (root / "hparams/vqvae.json").write_text(json.dumps({"hps": VQVAE_HPS}))
    priors = {}
    for name, hps in (("tiny_prior_level_1", TOP_HPS), ("upsampler_level_0", LOW_HPS)):
        prior = Prior(prior_config(name, hps, config)).eval()
        checkpoint = f"models/5b/{name}.pth.tar"
        torch.save({"model": weights(prior, generator)}, root / checkpoint)
        facts = {"hps": hps, "checkpoint": checkpoint}
        (root / f"hparams/{name}.json").write_text(json.dumps(facts))
        priors[prior.config.level] = prior

    labels, arrays = {}, {}
    for level, prior in priors.items():
        assert prior.config.labels is not None
        version = prior.config.labels.version
        labeller = Labeller.for_prior(
            prior.config, LabelTables.from_ids_folder(root / "ids", version)
        )
        labels[level] = LabelBatch.of(
            [
                labeller.label(
                    artist=meta["artist"],
                    genre=meta["genre"],
                    lyrics=meta["lyrics"],
                    total_samples=meta["total_length"],
                    offset_samples=meta["offset"],
                )
                for meta in METAS
            ]
        )
        arrays[f"y{level}"] = labels[level].y
        hop = hop_codes(HOP_FRACTIONS[level], 20)
        arrays[f"starts{level}"] = np.array(
            window_starts(SAMPLES // prior.config.hop_samples, 20, hop)
        )
    windows = [labels[1].at(8 * start, 160, 10) for start in arrays["starts1"].tolist()]
    arrays["y1_windows"] = np.stack([y for y, _ in windows])
    arrays["lyric_indices_windows"] = np.stack([indices for _, indices in windows])

    settings = {level: LevelSettings(hop_fraction=HOP_FRACTIONS[level]) for level in (0, 1)}

    def song(codes: list[torch.Tensor], gap: Gap) -> list[torch.Tensor]:
        return result(
            sample_song(priors, codes, SAMPLES, picks=gap, labels=labels, settings=settings)
        )

    gap = Gap()
    codes = song(empty_codes(3, 2), gap)
    assert all(len(c.unique()) > 3 for c in codes), [len(c.unique()) for c in codes]
    arrays["min_gap"] = np.array(gap.least)
    with torch.no_grad():
        for level in (0, 1):
            arrays[f"z{level}"] = codes[level].numpy()
            arrays[f"x{level}"] = vqvae.decode([codes[level]], level).numpy()
        prompt_x = torch.randn((3, 48, 1), generator=generator)
        prompt = vqvae.encode(prompt_x)
    tables = result(align_lyrics(priors[1], codes[1], labels[1], settings[1]))
    arrays |= {f"alignment{i}": table for i, table in enumerate(tables)}
    gap = Gap()
    primed = song(prompt, gap)
    arrays |= {"prompt_x": prompt_x.numpy(), "primed_min_gap": np.array(gap.least)}
    for level in (0, 1):
        arrays[f"prompt_z{level}"] = prompt[level].numpy()
        arrays[f"primed_z{level}"] = primed[level].numpy()
    for filled, name in ((0, "partial_z1"), (15, "partial_from15_z1")):
        window = extension(filled, 7, 20)
        there = codes[1][:, :filled]
        arrays[name] = result(
            sample_windows(
                priors[1], there, [window], picks=gap, labels=labels[1], settings=settings[1]
            )
        ).numpy()
    np.savez(root / f"{CASE}.npz", **arrays)
    facts = {
        "alignment_head": 1,
        "alignment_layer": 15,
        "chunk_size_lower": 7,
        "chunk_size_top": 4,
        "full_tokens": [list(full) for full in labels[1].full_tokens],
        "hop_fraction": HOP_FRACTIONS,
        "max_batch_size_top": 2,
        "metas": METAS,
        "n_samples": 3,
        "sample_length": SAMPLES,
    }
    (root / f"{CASE}.json").write_text(json.dumps(facts))
    info = [{"full_tokens": list(full)} for full in labels[1].full_tokens]
    torch.save(
        {
            "zs": [codes[0][:, :0], codes[1]],
            "labels": [{"y": torch.from_numpy(labels[n].y), "info": info} for n in (0, 1)],
            "sampling_kwargs": [{}, {}],
            "x": torch.from_numpy(arrays["x1"]),
        },
        root / f"{CASE}_level_1_data.pth.tar",
    )
    return root


def failures(made: Path, root: Path, changed: dict[str, bytes], **kwargs: Any) -> set[str]:
    """What fails in a copy of `made` with some files changed and all hashes right."""
    files = {}
    for path in made.rglob("*"):
        name = path.relative_to(made).as_posix()
        if path.is_file() and not name.startswith("ids/"):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(changed.get(name, path.read_bytes()))
            files[name] = hashlib.sha256(target.read_bytes()).hexdigest()
    (root / "cases.json").write_text(json.dumps({"files": files}))
    lines: list[str] = []
    run_reference(root, kwargs.get("ids", made / "ids"), lines.append)
    return {line.split()[1] for line in lines if line.startswith("FAIL")}


@pytest.fixture(autouse=True)
def only_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PARTS", ("windows",))


def test_a_folder_of_other_sizes_passes(made: Path, tmp_path: Path) -> None:
    assert failures(made, tmp_path, {}) == set()


def test_without_label_tables_only_the_labels_fail(made: Path, tmp_path: Path) -> None:
    assert failures(made, tmp_path, {}, ids=None) == {f"{CASE}/labels"}


def test_a_song_without_metas_needs_no_tables(made: Path, tmp_path: Path) -> None:
    facts = json.loads((made / f"{CASE}.json").read_text()) | {"metas": None}
    changed = {f"{CASE}.json": json.dumps(facts).encode()}
    assert failures(made, tmp_path, changed, ids=None) == set()


def test_other_settings_than_the_songs_fail(made: Path, tmp_path: Path) -> None:
    facts = json.loads((made / f"{CASE}.json").read_text()) | {"total_length_top": 49}
    changed = {f"{CASE}.json": json.dumps(facts).encode()}
    assert failures(made, tmp_path, changed) == {f"{CASE}/settings"}


KEYS = [
    *("y0", "y1", "starts0", "starts1", "y1_windows", "lyric_indices_windows"),
    *("z0", "z1", "x0", "x1", "min_gap", "primed_min_gap", "alignment0", "alignment1"),
    *("prompt_z0", "prompt_z1", "primed_z0", "primed_z1", "partial_z1", "partial_from15_z1"),
]


@pytest.mark.parametrize("key", KEYS)
def test_each_number_of_a_song_is_compared(made: Path, tmp_path: Path, key: str) -> None:
    with np.load(made / f"{CASE}.npz") as file:
        arrays = dict(file)
    assert {*arrays} - {*KEYS} == {"prompt_x", "alignment2"}, "the last has no characters"
    step = 1 if np.issubdtype(arrays[key].dtype, np.integer) else 1e-3
    flat = arrays[key].reshape(-1)
    flat[flat.size * 2 // 3] += step
    path = tmp_path / "changed.npz"
    np.savez(path, **arrays)
    assert f"{CASE}/{key}" in failures(made, tmp_path, {f"{CASE}.npz": path.read_bytes()})


@pytest.mark.parametrize(
    ("change", "case"),
    [
        (lambda data: data["zs"][1][2].add_(1), "z1"),
        (lambda data: data["labels"][0]["y"][1].add_(1), "labels0"),
        (lambda data: data["labels"][1]["info"][0]["full_tokens"].append(1), "full_tokens"),
        (lambda data: data["x"][0].add_(1e-3), "x"),
    ],
)
def test_each_number_of_a_saved_song_is_compared(
    made: Path, tmp_path: Path, change: Any, case: str
) -> None:
    name = f"{CASE}_level_1_data.pth.tar"
    data = torch.load(made / name, weights_only=True)
    change(data)
    path = tmp_path / "changed"
    torch.save(data, path)
    assert f"{name}/{case}" in failures(made, tmp_path, {name: path.read_bytes()})
