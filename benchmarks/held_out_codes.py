"""Held-out music in a bundle's codes, for the benchmarks that predict it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio.bundle import Bundle, find_bundle
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.data import decode_tracks, read_table


@dataclass(frozen=True)
class HeldOut:
    """Tracks that a bundle was not trained on."""

    bundle: Bundle
    tables: LabelTables
    tracks: list[CodedTrack]

    @property
    def levels(self) -> list[int]:
        """From the top down."""
        return sorted(self.bundle.manifest.priors, reverse=True)

    def windows(self, level: int) -> tuple[Prior, CodeWindows]:
        """A level's prior, and its windows of all tracks."""
        prior = load_prior(self.bundle, level)
        return prior, CodeWindows(self.tracks, prior.config, self.tables, seed=0)


def add_options(parser: argparse.ArgumentParser, windows: int) -> None:
    """What says which music: `--data`, `--cache`, `--model`, `--split` and `--windows`."""
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=windows, help="of each track, at most")


def held_out(given: argparse.Namespace) -> HeldOut:
    """The music that those options name."""
    bundle = find_bundle(given.model)
    rate = bundle.manifest.sample_rate_hz
    tracks = [track for track in read_table(given.data) if track.split == given.split]
    sounds = decode_tracks(tracks, rate, given.data / f"cache-{rate}")
    coded = encode_tracks(load_vqvae(bundle), sounds, given.cache / "codes")
    tables = LabelTables.from_file(bundle.labels_path(bundle.manifest.label_versions[0]))
    return HeldOut(bundle, tables, coded)
