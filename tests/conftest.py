"""What every test needs: no screen, one thread, and the golden vectors where they are."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# The tensors here are tiny: two threads would wait for each other four times as long as they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# How long an example takes says more about a busy machine than about the code.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The whole set of golden vectors: $JUKEBOX_REFERENCE, or ../shared/reference."""
    folder = Path(os.environ.get("JUKEBOX_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip(f"no golden vectors at {folder}; set JUKEBOX_REFERENCE to their folder")
    return folder


def make_tiny_bundle(folder: Path, name: str, *, sings: bool = True, **top: Any) -> Path:
    """A bundle of two levels with random weights: everything of a model but the music.

    sings: whether its levels know words; top: what of the top prior's configuration is otherwise.
    Such a bundle also has weights and codebooks that let whatever is told or heard show in its
    codes.
    """
    import torch
    from tiny_priors import random_prior

    from jukebox_studio.bundle import VQVAE_FILE, Manifest, labels_file, prior_file, write_bundle
    from jukebox_studio.licences import CC_BY_SA_4
    from jukebox_studio.model.config import PRIORS, TINY_VQVAE
    from jukebox_studio.model.labels import LabelTables
    from jukebox_studio.model.load import save_weights
    from jukebox_studio.model.prior import Prior
    from jukebox_studio.model.vqvae import VQVAE

    priors = {level: PRIORS[f"tiny_level_{level}"] for level in range(TINY_VQVAE.levels)}
    priors[1] = replace(priors[1], **top)
    if not sings:
        priors = {level: replace(config, lyrics=None) for level, config in priors.items()}
    tables = LabelTables("v2", {"unknown": 0, "ada": 1, "bo": 2}, {"unknown": 0, "hum": 1})

    def fill(folder: Path) -> Manifest:
        torch.manual_seed(1)
        vqvae = VQVAE(TINY_VQVAE)
        for level in range(TINY_VQVAE.levels):
            codebook = vqvae.codebook(level).k
            codebook.normal_(std=0.3)
            if top:
                # What the encoder makes of noise, so that a sound has many different codes.
                noise = 0.1 * torch.randn(1, len(codebook) * TINY_VQVAE.hop_samples(level), 1)
                with torch.no_grad():
                    codebook.copy_(vqvae.encoder_output(noise, level)[0].T)
        save_weights(folder / VQVAE_FILE, vqvae.state_dict())
        for level, config in priors.items():
            # With large weights every condition shows.
            prior = random_prior(config) if top else Prior(config)
            save_weights(folder / prior_file(level), prior.state_dict())
        labels = json.dumps(tables.to_json())
        (folder / labels_file("v2")).write_text(labels, encoding="utf-8")
        return Manifest(
            name=name,
            licence=CC_BY_SA_4,
            attribution=("Nobody",),
            vqvae=TINY_VQVAE,
            priors=priors,
        )

    write_bundle(folder, fill)
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "tiny")


@pytest.fixture(scope="session")
def singing_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an alignment head, and with weights that let every condition show."""
    from jukebox_studio.model.config import PRIORS

    lyrics = PRIORS["tiny_level_1"].lyrics
    assert lyrics is not None
    return make_tiny_bundle(
        tmp_path_factory.mktemp("bundles") / "singing",
        "singing",
        lyrics=replace(lyrics, alignment_layer=3, alignment_head=0),
    )


@pytest.fixture(scope="session")
def mute_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without lyrics."""
    from jukebox_studio.model.config import TransformerConfig

    return make_tiny_bundle(
        tmp_path_factory.mktemp("bundles") / "mute",
        "mute",
        sings=False,
        transformer=TransformerConfig(32, 3, 2, 2, 8),
    )
