"""From a request to a plan of what to encode, sample and decode. Pure: no torch, no audio.

A render happens on a *canvas*: one stretch of music at the model's rate that begins on a code of
the top level. It holds what is known of the clip (its codes, on the same grid at every level) and
the stretches that are to be sampled.

    canvas      0 ........ source_codes ........ total_codes        in codes of the top level
    continue    [ the clip's end      ][ sampled              ]
    restyle     [start][ sampled, kept to the clip's codes    ]
    vary        [ clip      ][ sampled ][ clip                ]
    the result          ^ result_at, a sample of the canvas
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PriorConfig, VQVAEConfig
from jukebox_studio.request import Continue, Operation, Relyric, Request, Restyle, Span, Vary
from jukebox_studio.sampling.segments import can_be_cut, split_stretch
from jukebox_studio.sampling.windows import Window, hop_codes
from jukebox_studio.tempo import nearest

HOP_FRACTION = {"top": 0.125, "lower": 0.5}
"""The share of a window that is new in the next one, as published (paper, section 3.3)."""
FAST_HOP_FRACTION = 0.5
"""The same of the top where the published schedule was not asked for, at most: each window reads
again what it goes on from, for all rows, and less music before them costs codes nothing that could
be measured (docs/performance.md)."""
SPARE_SHARE = 0.08
"""Of a continuation that is to be stretched onto the beat, made in addition: a model that plays
slow would leave too little."""
GUIDE_SECONDS = 1.0
"""Of the clip's start, which a restyle leaves as it is to go on from; at most a quarter of it."""
AFTER_SHARE = 0.25
"""Of a window: how much of what follows a varied span is looked at to rank candidates."""


@dataclass(frozen=True)
class Source:
    """What there is of the clip's codes, in its own terms."""

    clip_samples: int
    """Length of the clip at the model's rate."""
    grid_samples: int | None = None
    """Where the clip's first sample lies in codes that are there already; None where the clip is
    still to be encoded, and the grid may lie as it suits."""
    codes: int | None = None
    """How many top codes are there already."""


@dataclass(frozen=True)
class Stretch:
    """Top codes `start` to `end` of the canvas."""

    start: int
    end: int


@dataclass(frozen=True)
class Plan:
    """Everything about lengths. Codes are the top level's unless said otherwise."""

    first_code: int
    """Of the canvas, on the grid of the source."""
    clip_at: int
    """The sample of the canvas at which the clip starts; negative where it starts before."""
    source_codes: int
    """The canvas up to here is known from the clip, mirrored where that has ended."""
    total_codes: int
    needed_codes: int
    """The audio of the result comes out of the codes up to here; the rest is there because a lower
    level looks at a whole window of the one above."""
    stretches: tuple[Stretch, ...]
    """To be sampled, in order."""
    result_at: Fraction
    """Where on the canvas, in its samples, the result starts."""
    length_samples: int
    """Of the result, at the rate of the timeline."""
    top_hop_samples: int
    spare_samples: int = 0
    """More than the result's length, for a stretch to take from."""
    tails: dict[int, int] = field(default_factory=dict)
    """By level, in its own codes: how many of the clip's last codes are made again, because the
    encoder saw a false future there."""
    followed: tuple[Stretch, ...] = ()
    """For each stretch of a varied clip, the codes of the clip from its end to the next one's start
    or to the clip's end: what it should lead to. Empty where nothing follows."""
    most_new: float = 1.0
    """The largest share of a context that is filled at a time; less where the style morphs."""
    is_published: bool = False
    """Whether the top's windows lie as published."""
    notes: tuple[str, ...] = ()

    @property
    def total_samples(self) -> int:
        return self.total_codes * self.top_hop_samples

    @property
    def needed_samples(self) -> int:
        return self.needed_codes * self.top_hop_samples

    def with_tails(self, tails: Mapping[int, int]) -> Plan:
        return replace(self, tails=dict(tails))

    def windows(self, prior: PriorConfig, *, top: bool, bottom: bool) -> list[list[Window]]:
        """The windows of one level for each stretch, in codes of that level."""
        per_above = prior.conditioner.codes_per_code_above if prior.conditioner else 1
        is_even = top and not self.is_published
        fraction = FAST_HOP_FRACTION if is_even else HOP_FRACTION["top" if top else "lower"]
        return [
            sliding_windows(
                start,
                end,
                prior.n_ctx,
                fraction,
                per_above,
                most_new=self.most_new,
                is_even=is_even,
            )
            for start, end in self._level_stretches(prior, bottom)
        ]

    def segments(self, prior: PriorConfig, *, bottom: bool) -> list[Window]:
        """The same for a level that is sampled side by side; see `sampling.segments`.

        None where the level goes window by window all the same: if one is all there is to do, if
        the style morphs from window to window, and for contexts too short to be cut.
        """
        windows = self.windows(prior, top=False, bottom=bottom)
        if prior.conditioner is None or sum(len(w) for w in windows) < 2 or self.most_new < 1:
            return []
        ratio = prior.conditioner.codes_per_code_above
        if not can_be_cut(prior.n_ctx, ratio):
            return []
        segments, before = [], 0
        for start, end in self._level_stretches(prior, bottom):
            segments += split_stretch(start, end, start - before, prior.n_ctx, ratio)
            before = end
        return segments

    def _level_stretches(self, prior: PriorConfig, bottom: bool) -> Iterator[tuple[int, int]]:
        ratio = self.top_hop_samples // prior.hop_samples
        for stretch in self.stretches:
            start = stretch.start * ratio
            if stretch.start == self.source_codes:
                start = max(0, start - self.tails.get(prior.level, 0))
            end = stretch.end * ratio
            yield start, min(end, self.needed_codes * ratio) if bottom else end


def plan(
    vqvae: VQVAEConfig, priors: Mapping[int, PriorConfig], request: Request, source: Source
) -> Plan:
    """Plan a request. JukeboxError where it asks for what the clip does not have."""
    is_published = request.style.morphs or request.sampling_of(max(priors)).schedule == "exact"
    sizes = _Sizes.of(vqvae, priors, is_published)
    operation, clip = request.operation, request.clip
    if isinstance(operation, Continue):
        made = _plan_continue(sizes, clip, operation, source, spare=request.to_grid)
    elif isinstance(operation, Restyle):
        made = _plan_restyle(sizes, clip, source)
    elif isinstance(operation, Relyric):
        made = _plan_spans(sizes, clip, [_span(sizes, clip, operation.span)], source)
    elif isinstance(operation, Vary):
        spans = [_span(sizes, clip, span) for span in operation.spans]
        made = _plan_spans(sizes, clip, spans, source)
    else:
        raise ValueError(f"{operation.kind} has no plan of its own.")
    if request.style.morphs:
        made = replace(made, most_new=HOP_FRACTION["top"])
    return replace(made, is_published=is_published)


@dataclass(frozen=True)
class _Sizes:
    """Of the model, in its samples and top codes."""

    rate_hz: int
    hop: int
    context: int
    """Of the top level, in codes."""
    floor: int
    """Top codes under the longest window of a lower level."""
    is_published: bool
    """Whether the top's windows lie as published."""

    @classmethod
    def of(
        cls, vqvae: VQVAEConfig, priors: Mapping[int, PriorConfig], is_published: bool
    ) -> _Sizes:
        top = max(priors)
        hop = vqvae.hop_samples(top)
        longest = max((c.sample_length for n, c in priors.items() if n < top), default=0)
        context = priors[top].n_ctx
        return cls(vqvae.sample_rate_hz, hop, context, -(-longest // hop), is_published)

    def known_before(self, new: int) -> int:
        """As much as the top level sees while it adds the first of `new` codes."""
        if self.is_published:
            return self.context - hop_codes(HOP_FRACTION["top"], self.context)
        hop = hop_codes(FAST_HOP_FRACTION, self.context)
        return self.context - -(-new // -(-new // hop))


# Lengths of results ------------------------------------------------------------------------------


def result_position(clip: Clip, operation: Operation) -> int:
    """The timeline's sample, at its rate, on which the result starts."""
    if isinstance(operation, Continue):
        return clip.end_position(clip.timeline_rate_hz)
    return nearest(clip.start_seconds * clip.timeline_rate_hz)


def continue_samples(clip: Clip, operation: Continue) -> tuple[int, str]:
    """Samples of a continuation at the timeline's rate, and a sentence where it ends elsewhere.

    Both ends are rounded from the start of the timeline, so that results that follow each other
    add up.
    """
    rate = clip.timeline_rate_hz
    start, note = clip.end_position(rate), ""
    song = clip.song
    if operation.unit == "seconds":
        end = nearest((clip.end_seconds + Fraction(operation.length)) * rate)
    elif operation.unit == "beats":
        end = song.sample_at(clip.end_beat + Fraction(operation.length), rate)
    else:
        line = song.bar_line_from(start, rate)
        end_beat = song.end_of_span(line, Fraction(operation.length))
        end = song.sample_at(end_beat, rate)
        begun = song.sample_at(line, rate) - start
        if begun > 1:
            place = song.bar_beat_at(clip.end_beat)
            note = (
                f"The clip ends inside bar {place.bar}, on beat {float(place.beat):.3g}: the "
                f"result finishes that bar ({begun / rate:.2f} s) and adds "
                f"{operation.length:g} more."
            )
    if end <= start:
        raise JukeboxError("The continuation would have no sample; ask for more bars.")
    return end - start, note


def clip_result_samples(clip: Clip) -> int:
    """Samples of a result as long as its clip, at the timeline's rate."""
    rate = clip.timeline_rate_hz
    return clip.end_position(rate) - nearest(clip.start_seconds * rate)


# Operations --------------------------------------------------------------------------------------


def _plan_continue(
    sizes: _Sizes, clip: Clip, operation: Continue, source: Source, *, spare: bool
) -> Plan:
    """As much of the clip's end as the top level sees while it adds a hop, and the new music."""
    length, note = continue_samples(clip, operation)
    hop = sizes.hop
    # An encoded clip ends on a code; codes that are there end where they end.
    grid = -source.clip_samples % hop if source.grid_samples is None else source.grid_samples
    end = grid + source.clip_samples
    first_known = 0 if source.grid_samples is not None else -(-grid // hop)
    last_known = end // hop if source.codes is None else min(end // hop, source.codes)
    # One code more than the length asks for, so that no sample comes from a decoder's edge.
    spare_samples = round(SPARE_SHARE * length) if spare else 0
    made = length + spare_samples
    model_samples = math.ceil(Fraction(made * sizes.rate_hz, clip.timeline_rate_hz))
    known = min(last_known - first_known, sizes.known_before(-(-model_samples // hop) + 2))
    if known < 1:
        raise JukeboxError(f"{clip.path} is shorter than one code of the model.")
    first = last_known - known
    # Not `end`, which is rounded: the clip has its own rate.
    joint = grid - first * hop + Fraction(clip.length_samples * sizes.rate_hz, clip.rate_hz)
    needed = math.ceil((joint + model_samples) / hop) + 1
    total = max(needed, sizes.floor)
    return Plan(
        first_code=first,
        clip_at=grid - first * hop,
        source_codes=known,
        total_codes=total,
        needed_codes=needed,
        stretches=(Stretch(known, total),),
        result_at=joint,
        length_samples=length,
        top_hop_samples=hop,
        spare_samples=spare_samples,
        notes=(note,) if note else (),
    )


def _plan_restyle(sizes: _Sizes, clip: Clip, source: Source) -> Plan:
    """The whole clip but for its start, sampled again."""
    grid = source.grid_samples or 0
    hop = sizes.hop
    first = grid // hop
    at = grid - first * hop
    needed = -(-(at + source.clip_samples) // hop) + 1
    total = max(needed, sizes.floor)
    guide = max(1, min(round(GUIDE_SECONDS * sizes.rate_hz / hop), needed // 4))
    return Plan(
        first_code=first,
        clip_at=at,
        source_codes=total,
        total_codes=total,
        needed_codes=needed,
        stretches=(Stretch(guide, total),),
        result_at=Fraction(at),
        length_samples=clip_result_samples(clip),
        top_hop_samples=hop,
    )


def _span(sizes: _Sizes, clip: Clip, span: Span) -> tuple[int, int]:
    """A span at the model's rate, in samples from the clip's first. JukeboxError outside it."""
    start, end = span.start_samples, span.end_samples
    if end > clip.length_samples:
        raise JukeboxError(
            f"The span ends at sample {end:,} and the clip has {clip.length_samples:,}; "
            "select a stretch inside the clip."
        )
    a, b = (nearest(Fraction(s * sizes.rate_hz, clip.rate_hz)) for s in (start, end))
    return a, b


def _plan_spans(sizes: _Sizes, clip: Clip, spans: list[tuple[int, int]], source: Source) -> Plan:
    """Spans of the clip sampled again.

    The canvas is the whole clip, with what is known of the music before it: the result keeps the
    codes of all its parts, so that it can be varied again anywhere.
    """
    hop, grid = sizes.hop, source.grid_samples or 0
    codes = [((grid + a) // hop, -(-(grid + b) // hop)) for a, b in spans]
    first = max(0, grid // hop - sizes.known_before(codes[0][1] - codes[0][0]))
    clip_end = (grid + source.clip_samples) // hop - first
    last = max(-(-(grid + source.clip_samples) // hop) + 1, first + sizes.floor)
    stretches: list[Stretch] = []
    for start, end in codes:
        # Music that begins with the span has nothing to go on from but the span's own first code.
        start, end = max(start - first, 1), end - first
        if stretches and start <= stretches[-1].end:
            stretches[-1] = Stretch(stretches[-1].start, max(end, stretches[-1].end))
        elif start < end:
            stretches.append(Stretch(start, end))
    if not stretches:
        raise JukeboxError(
            f"The span is shorter than one code of the model ({hop / sizes.rate_hz:.3f} s); "
            "select more."
        )
    nexts = [*(stretch.start for stretch in stretches[1:]), clip_end]
    return Plan(
        first_code=first,
        clip_at=grid - first * hop,
        source_codes=last - first,
        total_codes=last - first,
        needed_codes=last - first,
        stretches=tuple(stretches),
        result_at=Fraction(grid - first * hop),
        length_samples=clip_result_samples(clip),
        top_hop_samples=hop,
        followed=tuple(
            Stretch(stretch.end, max(stretch.end, end))
            for stretch, end in zip(stretches, nexts, strict=True)
        ),
    )


def sliding_windows(
    filled: int,
    total: int,
    n_ctx: int,
    fraction: float,
    ratio: int,
    *,
    most_new: float = 1.0,
    is_even: bool = False,
) -> list[Window]:
    """Windows that add codes from `filled` to `total`, each after as many codes as it can see.

    A window adds at most `fraction` of the context, but the first ones fill the context whole, up
    to `most_new` of it at a time. Each starts on a code of the level above, which spans `ratio`.
    is_even: no fewer windows, but each adds about as much, and so sees more.
    """
    hop = hop_codes(fraction, n_ctx)
    filling = hop_codes(most_new, n_ctx)
    windows = []
    while filled < total:
        left = total - filled
        new = -(-left // -(-left // hop)) if is_even else hop
        end = min(filled + new if filled + hop > n_ctx else min(n_ctx, filled + filling), total)
        start = -(-max(0, end - n_ctx) // ratio) * ratio
        windows.append(Window(start, end, primed=filled - start))
        filled = end
    return windows
