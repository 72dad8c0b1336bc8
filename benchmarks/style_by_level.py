"""How much each level hears of the style: what guidance towards it can lead to there.

    python benchmarks/style_by_level.py --data DATA --cache CACHE [--model starter] [--windows 1]

DATA and CACHE as for precision_bits.py. Codes of held-out recordings, predicted when the artist and
the genres are known and when they are not; and how far the two predictions lie apart (KL
divergence). All in bits per code.
"""

from __future__ import annotations

import argparse
import math

import torch
from held_out_codes import add_options, held_out  # beside this file
from precision_bits import bits, sampler_logits  # beside this file
from torch.nn import functional as F

from jukebox_studio.style import UNKNOWN


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, windows=1)
    given = parser.parse_args()
    held = held_out(given)
    print("| level | windows | bits, style known | unknown | apart |\n|---|---|---|---|---|")
    for level in held.levels:
        prior, windows = held.windows(level)
        assert prior.config.labels is not None
        known = unknown = apart = 0.0
        count = 0
        for batch in windows.even(given.windows, 2):
            told = sampler_logits(prior, batch, "float32")
            known += bits(told, prior, batch) * len(batch.codes)
            assert batch.y is not None
            batch.y[:, 3] = held.tables.artist_id(UNKNOWN)
            batch.y[:, 4 : 4 + prior.config.labels.max_genres] = -1
            batch.y[:, 4] = held.tables.genre_ids(UNKNOWN)[0]
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
