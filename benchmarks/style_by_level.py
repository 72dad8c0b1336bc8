"""How much each level hears of the style: what guidance towards it can lead to there.

    python benchmarks/style_by_level.py --data DATA --cache CACHE [--model starter] [--windows 1]

DATA and CACHE as for int8_bits.py. Codes of held-out recordings, predicted when the artist and the
genres are known and when they are not; and how far the two predictions lie apart (KL divergence).
All in bits per code.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from int8_bits import bits, sampler_logits  # beside this file
from torch.nn import functional as F

from jukebox_studio.bundle import find_bundle
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.style import UNKNOWN
from jukebox_studio.training.codes import CodeWindows, encode_tracks
from jukebox_studio.training.data import decode_tracks, read_table


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=1, help="of each track, at most")
    given = parser.parse_args()
    bundle = find_bundle(given.model)
    rate = bundle.manifest.sample_rate_hz
    sounds = decode_tracks(read_table(given.data), rate, given.data / f"cache-{rate}")
    held = [s for s in sounds if s.track.split == given.split]
    coded = encode_tracks(load_vqvae(bundle), held, given.cache / "codes")
    tables = LabelTables.from_file(bundle.labels_path(bundle.manifest.label_versions[0]))
    print("| level | windows | bits, style known | unknown | apart |\n|---|---|---|---|---|")
    for level in sorted(bundle.manifest.priors, reverse=True):
        prior = load_prior(bundle, level)
        assert prior.config.labels is not None
        windows = CodeWindows(coded, prior.config, tables, seed=0)
        known = unknown = apart = 0.0
        count = 0
        for batch in windows.even(given.windows, 2):
            told = sampler_logits(prior, batch, "float32")
            known += bits(told, prior, batch) * len(batch.codes)
            assert batch.y is not None
            batch.y[:, 3] = tables.artist_id(UNKNOWN)
            batch.y[:, 4 : 4 + prior.config.labels.max_genres] = -1
            batch.y[:, 4] = tables.genre_ids(UNKNOWN)[0]
            left_out = sampler_logits(prior, batch, "float32")
            unknown += bits(left_out, prior, batch) * len(batch.codes)
            of_each = F.kl_div(
                left_out.log_softmax(-1), told.log_softmax(-1), reduction="none", log_target=True
            )
            apart += float(of_each.sum(-1).mean()) / math.log(2) * len(batch.codes)
            count += len(batch.codes)
        row = " | ".join(f"{x / count:.4f}" for x in (known, unknown, apart))
        print(f"| {level} | {count} | {row} |", flush=True)


if __name__ == "__main__":
    main()
