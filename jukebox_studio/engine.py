"""Runs requests on a bundle, as a generator of events. It knows no screen and no DAW."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jukebox_studio import grid, heap, provenance, syllables
from jukebox_studio.audio import encode
from jukebox_studio.bundle import Bundle, bundle_sha256
from jukebox_studio.canvas import Canvas, check_belong
from jukebox_studio.codes_file import SUFFIX, Made, SavedCodes, read_codes, save_codes
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Loading, Note, Preview, Progress, VariantFinished
from jukebox_studio.files import write_atomically
from jukebox_studio.job import JobFolder, settled
from jukebox_studio.loaded import Models
from jukebox_studio.memory import size_text
from jukebox_studio.model.config import Precision
from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.operations import HOP_FRACTION, clip_result_samples, result_position
from jukebox_studio.ranking import CANDIDATE_STREAMS, follow_up_bits
from jukebox_studio.request import (
    FILE_FORMATS,
    Continue,
    Relyric,
    Request,
    Restyle,
    Upsample,
    Vary,
    request_from_json,
)
from jukebox_studio.results import (
    GrowingPreview,
    Samples,
    Sound,
    has_width,
    joints_of,
    on_grid,
    sound_of,
)
from jukebox_studio.sampling.alignment import sung_at
from jukebox_studio.sampling.conditions import Guide
from jukebox_studio.sampling.guidance import Keep, code_distances, keep_strength
from jukebox_studio.sampling.parallel import UNMADE, no_segments, sample_segments, stitch
from jukebox_studio.sampling.song import LevelSettings, align_lyrics, drawn, sample_windows
from jukebox_studio.sampling.weights import is_native, loaded_dtype
from jukebox_studio.sampling.windows import Window
from jukebox_studio.told import Told

TAIL_KEEP = 0.75
"""How hard the codes that are made again before a joint are held to those of the clip."""
PREVIEW_SECONDS = 2.0
"""Of new music between one preview and the next, at least."""
SOON_SECONDS = 1.0
"""What is whole within these is not heard in parts before: decoding those would only delay it."""
SIDE_STREAM = 2**16
"""Added to a variant's number for the randomness of its second bottom level."""
AGREEMENT_SECONDS = 10
"""Of the clip's end, whose harmony is compared with that of a result."""
PROGRESS_SECONDS = 0.1


def render(
    bundle: Bundle,
    request: Request,
    out: Path,
    job: Path | None = None,
    models: Models | None = None,
) -> Iterator[Event]:
    """Render a request: `request.variants` files in `out`.

    Yields Loading, Note, Progress, with a job folder Preview, and for each file VariantFinished.
    Leave the generator to cancel. Raises JukeboxError before any work where the clip, the model or
    the folder will not do; no file is ever left half-written.

    `job` is a folder that keeps what is done: called again with it after whatever stopped a render,
    the same codes and files come out as if nothing had. Raises JukeboxError where it belongs to
    another request. `models` keeps the networks in memory for the next render.
    """
    models = models or Models()
    models.use(bundle)
    top_codes: Tensor | None = None
    note = ""
    if isinstance(request.operation, Upsample):
        assert request.codes_path is not None
        saved = read_codes(request.codes_path)
        check_belong(saved, models)
        asked = request
        request, top_codes = _previewed(asked, saved, models)
        # As the preview was drawn, whatever is recommended by now.
        asked = asked.drawn_as(request)
        if not _can_have(request.precision, models):
            note = (
                f"The preview was made in {request.precision}, which cannot be had here, so the "
                "levels below it are sampled in float32."
            )
            request = replace(request, precision="float32")
    else:
        request = asked = settled(request, bundle, job)
    yield from _Render(models, asked, request, out, job, top_codes, note).run()


def _can_have(precision: Precision, models: Models) -> bool:
    try:
        is_native(models.device, loaded_dtype(precision), precision)
    except JukeboxError:
        return False
    return True


def _previewed(asked: Request, saved: SavedCodes, models: Models) -> tuple[Request, Tensor]:
    """The request that a preview was made for, and its top codes, Tensor[1, T]."""
    before = request_from_json(saved.made.request)
    if asked.to_grid and not before.to_grid and isinstance(before.operation, Continue):
        # Its lower levels would be longer than what they follow.
        raise JukeboxError(
            "The preview was made without music to spare, so its beat cannot be moved onto the "
            "song's. Ask for that with the preview already, or leave it out here."
        )
    request = replace(
        before,
        variants=1,
        first_variant=saved.made.variant,
        preview_only=False,
        width=asked.width,
        to_grid=asked.to_grid,
        file_format=asked.file_format,
        date=asked.date,
    )
    return request, saved.levels[max(models.bundle.manifest.priors)][None]


@dataclass(frozen=True)
class _Work:
    """What it takes to sample a level."""

    prior: Prior
    settings: LevelSettings
    labels: LabelBatch | None
    style: Callable[[Window], Tensor] | None
    guides: list[Guide]
    keeps: list[Keep]


@dataclass
class _Render:
    """One render on its way."""

    models: Models
    asked: Request
    """As it came, with the sampling that it left open."""
    request: Request
    """What is made: that of the preview, where one is upsampled."""
    out: Path
    job: Path | None
    top_codes: Tensor | None
    note: str = ""
    """Told before all others."""
    codes: dict[int, Tensor] = field(default_factory=dict)
    """int64 Tensor[variants, T] of each level that is made."""
    side: Tensor | None = None
    told_notes: list[str] = field(default_factory=list)
    _heard: _Previews | None = None

    def run(self) -> Iterator[Event]:
        bundle = self.models.bundle
        self.canvas = canvas = Canvas(self.models, self.request)
        self.told = Told(self.request, canvas.plan, self.models)
        self.kept = JobFolder.open(self.job, bundle, self.asked, self.out) if self.job else None
        self._check_room()
        self._check_levels()
        for note in (self.note, *canvas.plan.notes, *self._lyric_notes()):
            if note:
                yield self._note(note)
        for level in bundle.manifest.priors:
            self.told.labels(level, 1)  # bad labels are told before any work
        yield from self._told_notes()
        yield from self._check_speed()
        self.models.compute_in(self.request.precision)
        if not self.models.has(self.top):
            yield Loading(f"{bundle.manifest.name}: level {self.top}")
        canvas.plan = canvas.plan.with_tails(canvas.tails())
        self.told.plan = canvas.plan
        levels = sorted(bundle.manifest.priors, reverse=True)
        if self.request.preview_only:
            levels = levels[:1]
        clock = _Clock(self, levels)
        for level in levels:
            if level == self.top and self.top_codes is not None:
                self.codes[level] = self.top_codes
                continue
            yield from self._sample(level, clock)
        heap.give_back()
        for row, variant in enumerate(self.request.variant_numbers):
            if self.kept and (finished := self.kept.finished(variant)):
                yield finished
                continue
            yield from self._finish(row, variant, levels[-1])

    @property
    def top(self) -> int:
        return max(self.models.bundle.manifest.priors)

    @property
    def wants_side(self) -> bool:
        """Whether the bottom is sampled twice, the second time for the stereo width."""
        is_heard = self.request.width > 0 and not self.request.preview_only
        return is_heard and has_width(self.canvas)

    def _note(self, text: str) -> Note:
        self.told_notes.append(text)
        return Note(text)

    def _told_notes(self) -> Iterator[Event]:
        for note in list(self.told.notes):
            if note not in self.told_notes:
                yield self._note(note)

    def _lyric_notes(self) -> list[str]:
        operation, new = self.request.operation, self.request.lyrics
        manifest, guided = self.models.bundle.manifest, self.request.guidance.lyrics
        sings = any(p.lyrics for p in manifest.priors.values())
        if isinstance(operation, Relyric):
            if not sings:
                raise JukeboxError(
                    f"{manifest.name} does not sing, so it cannot sing new words; choose a model "
                    "with lyrics."
                )
            if not new:
                raise JukeboxError("There are no new words to sing; write some.")
            sentence = syllables.compare(operation.words_there, new).sentence()
            return [sentence] if operation.words_there and sentence else []
        if not sings and (new or guided):
            return [f"{manifest.name} does not sing: the lyrics are left out."]
        if guided and new is None:
            return ["There are no lyrics that guidance could lead to, so it changes nothing."]
        return []

    def _check_levels(self) -> None:
        levels = self.models.bundle.manifest.priors
        if unknown := sorted(set(self.request.sampling_by_level) - set(levels)):
            raise JukeboxError(
                f"There are settings for level {unknown[0]}, and "
                f"{self.models.bundle.manifest.name} has the levels 0 to {max(levels)}."
            )

    def _check_speed(self) -> Iterator[Event]:
        """A note where sampling is slow; JukeboxError where int8 is not to be had."""
        device, precision = self.models.device, self.request.precision
        if is_native(device, loaded_dtype(precision), precision) or device.type != "cpu":
            return
        if precision == "float16":
            yield self._note(
                "float16 is for GPUs: on a processor it takes half the memory and many times as "
                "long; float32 and int8 are quicker."
            )
        else:
            yield self._note(
                "Sampling could not be compiled on this computer, so it takes several times as "
                "long; the log says why."
            )

    def _check_room(self) -> None:
        out, plan = self.out, self.canvas.plan
        try:
            out.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(out).free
        except OSError as error:
            raise JukeboxError(
                f"The folder {out} cannot be used: {error.strerror}. Choose another."
            ) from error
        needed = 2 * self.request.variants * plan.length_samples * self.canvas.channels * 4
        if free < needed:
            raise JukeboxError(
                f"{out} has {size_text(free)} left and the results need up to "
                f"{size_text(needed)}. Make room or choose another folder."
            )

    # Sampling ------------------------------------------------------------------------------------

    def _sample(self, level: int, clock: _Clock) -> Generator[Event, None, None]:
        """Bring a level to its whole length, in `codes` and for the bottom of stereo in `side`."""
        variants = list(self.request.variant_numbers)
        candidates = self._candidates(level)
        streams = [v + c * CANDIDATE_STREAMS for v in variants for c in range(candidates)]
        doubled = level == 0 and self.wants_side
        if doubled:
            streams += [v + SIDE_STREAM for v in variants]
        above = self._above(level, doubled)
        known = self.canvas.codes(level)
        name = f"level_{level}"
        made = self.kept.codes(name) if self.kept else None
        whole = max(self._end(level), known.shape[1])
        if made is None or made.shape[1] < whole:
            if segments := self.segments(level):
                made = yield from self._side_by_side(level, streams, above, segments, clock)
            else:
                made = yield from self._in_order(level, streams, above, made, clock)
            if made.shape[1] < whole:
                rest = known[:, made.shape[1] :].expand(len(made), -1)
                made = torch.cat([made, rest], dim=1)
            clock.level_done()
            if candidates > 1:
                made = self._best(level, made, candidates)
            if previews := self._previews(level):
                yield from previews.whole(made)
            if self.kept:
                self.kept.keep(name, made)
        if doubled:
            made, self.side = made[: len(variants)], made[len(variants) :]
        self.codes[level] = made

    def windows(self, level: int) -> list[Window]:
        """Those of a level that is sampled window by window."""
        config = self.models.bundle.manifest.priors[level]
        planned = self.canvas.plan.windows(config, top=level == self.top, bottom=level == 0)
        return [window for windows in planned for window in windows]

    def segments(self, level: int) -> list[Window]:
        """Those of a level that is sampled side by side; none for others."""
        if level == self.top or self.request.sampling_of(level).schedule == "exact":
            return []
        config = self.models.bundle.manifest.priors[level]
        return self.canvas.plan.segments(config, bottom=level == 0)

    def codes_to_make(self, level: int) -> int:
        """Of all rows together."""
        rows = self.request.variants * self._candidates(level)
        if level == 0 and self.wants_side:
            rows *= 2
        return rows * sum(w.new for w in self.segments(level) or self.windows(level))

    def _end(self, level: int) -> int:
        return (self.segments(level) or self.windows(level))[-1].end

    def _in_order(
        self,
        level: int,
        streams: Sequence[int],
        above: Tensor | None,
        made: Tensor | None,
        clock: _Clock,
    ) -> Generator[Event, None, Tensor]:
        """The codes of a level up to its last window, each window going on from the one before."""
        rows, known = len(streams), self.canvas.codes(level)
        candidates = self._candidates(level)
        kept_as = f"level_{level}" if candidates == 1 else "candidates"
        if made is None and self.kept:
            made = self.kept.codes(kept_as)
        windows = self.windows(level)
        if made is None:
            made = known[:, : windows[0].start + windows[0].primed].expand(rows, -1)
        left = [window for window in windows if window.end > made.shape[1]]
        clock.start(level, rows * sum(w.new for w in windows if w not in left))
        if not left:
            return made
        work = yield from self._prepared(level, rows, above)
        clock.prepared()
        picks = drawn(self.request.seed, streams, {level: work.settings}, {level: list(work.keeps)})
        previews = self._previews(level)
        for window in left:
            filled = window.start + window.primed
            if made.shape[1] < filled:  # what stands between two spans
                between = known[:, made.shape[1] : filled].expand(rows, -1)
                made = torch.cat([made, between], dim=1)
            steps = sample_windows(
                work.prior,
                made,
                [window],
                picks=picks,
                above=above if work.prior.config.conditioner else None,
                labels=work.labels,
                settings=work.settings,
                style=work.style,
                guides=work.guides,
            )
            before = made
            while True:
                try:
                    step = next(steps)
                except StopIteration as finished:
                    made = finished.value
                    break
                if progress := clock.tick(step.done):
                    yield progress
                if previews:
                    yield from previews.told(before, step.window, step.rows, step.codes)
            clock.window_done(step.done)
            if self.kept:
                self.kept.keep(kept_as, made)
        return made

    def _side_by_side(
        self,
        level: int,
        streams: Sequence[int],
        above: Tensor | None,
        segments: Sequence[Window],
        clock: _Clock,
    ) -> Generator[Event, None, Tensor]:
        """The codes of a level up to its last segment, many segments at a time."""
        rows, known = len(streams), self.canvas.codes(level)
        kept_as = f"segments_{level}"
        made = self.kept.codes(kept_as) if self.kept else None
        if made is None:
            made = no_segments(segments, rows)
        there_already = (made[:, :, 0] != UNMADE).sum(dim=1).tolist()
        skipped = sum(w.new * count for w, count in zip(segments, there_already, strict=True))
        clock.start(level, skipped)
        distances = self._distances(level)
        if bool((made == UNMADE).any()):
            work = yield from self._prepared(level, rows, above, len(segments))
            clock.prepared()
            steps = sample_segments(
                work.prior,
                {
                    i: known[:, w.start : w.start + w.primed].expand(rows, -1)
                    for i, w in enumerate(segments)
                    if w.primed
                },
                segments,
                made,
                seed=self.request.seed,
                variants=streams,
                distances=distances,
                above=above,
                labels=work.labels,
                settings=work.settings,
                style=work.style,
                guides=work.guides,
                keeps=work.keeps,
            )
            while True:
                try:
                    step = next(steps)
                except StopIteration as finished:
                    made = finished.value
                    break
                if step.whole_batch and self.kept:
                    self.kept.keep(kept_as, step.made)
                if step.done > skipped and (progress := clock.tick(step.done - skipped)):
                    yield progress
        parts, there = [], 0
        starts = [w for w in segments if w.primed]
        stitched = stitch(segments, made, distances)
        for first, new in zip(starts, stitched.stretches, strict=True):
            begin = first.start + first.primed
            parts += [known[:, there:begin].expand(rows, -1), new]
            there = begin + new.shape[1]
        return torch.cat(parts, dim=1)

    def _prepared(
        self, level: int, rows: int, above: Tensor | None, segments: int = 1
    ) -> Generator[Event, None, _Work]:
        """A level's network and what it is told, within the memory there is."""
        conditions = 1 + self._guides_count()
        most_rows, note = self.models.make_room(level, rows * segments * conditions)
        if note:
            yield self._note(note)
        if not self.models.has(level):
            yield Loading(f"{self.models.bundle.manifest.name}: level {level}")
        prior = self.models.prior(level)
        recommended = self.models.bundle.manifest.recommended[level]
        drawing = self.request.sampling_of(level).over(recommended)
        work = _Work(
            prior,
            LevelSettings(
                hop_fraction=HOP_FRACTION["top" if level == self.top else "lower"],
                temperature=drawing.temperature,
                top_k=drawing.top_k,
                top_p=drawing.top_p,
                precision=self.request.precision,
                most_rows=max(1, most_rows // conditions),
            ),
            self.told.labels(level, rows),
            _of_all(self.told.style(prior), rows),
            self.told.guides(prior, rows),
            self._keeps(level, rows, above),
        )
        yield from self._told_notes()
        return work

    def _guides_count(self) -> int:
        guidance = self.request.guidance
        return bool(guidance.style) + bool(guidance.lyrics)

    def _candidates(self, level: int) -> int:
        operation = self.request.operation
        return operation.candidates if isinstance(operation, Vary) and level == self.top else 1

    def _above(self, level: int, doubled: bool) -> Tensor | None:
        made = self.codes.get(level + 1)
        return torch.cat([made, made]) if made is not None and doubled else made

    def _keeps(self, level: int, rows: int, above: Tensor | None) -> list[Keep]:
        """What holds a level to the clip: the keep of the operation, and the codes at a joint.

        At lower levels only where the code above was kept, or keep would fight a changed top.
        """
        operation, plan = self.request.operation, self.canvas.plan
        known = self.canvas.codes(level)[0]
        strength = torch.zeros(len(known))
        if isinstance(operation, Continue):
            tail = plan.tails.get(level, 0)
            if tail:
                strength[-tail:] = keep_strength(TAIL_KEEP)
        elif isinstance(operation, Restyle | Relyric | Vary):
            strength[:] = keep_strength(operation.keep)
        if not bool(strength.any()):
            return []
        by_row = strength.expand(rows, -1)
        if above is not None:
            known_above = self.canvas.codes(level + 1)
            ratio = len(known) // known_above.shape[1]
            same = above[:, : known_above.shape[1]] == known_above
            by_row = torch.where(same.repeat_interleave(ratio, dim=1), by_row, torch.zeros(()))
        merged = self.models.bundle.manifest.priors[level].merged_lyrics
        first_id = merged.vocabulary_size if merged else 0
        return [Keep(known, self._distances(level), by_row, first_id)]

    def _distances(self, level: int) -> Tensor:
        codebook = self.models.vqvae().codebook(level)
        return self.canvas.once(("distances", level), lambda: code_distances(codebook.k.cpu()))

    def _best(self, level: int, made: Tensor, candidates: int) -> Tensor:
        """Of Tensor[variants x candidates, T] the rows that lead best to what follows the spans."""
        bits = follow_up_bits(
            self.models.prior(level),
            made,
            self.canvas.plan.followed,
            self.told.labels(level, len(made)),
        )
        best = bits.view(-1, candidates).argmin(dim=1)
        return made.view(-1, candidates, made.shape[1])[torch.arange(len(best)), best]

    def _previews(self, level: int) -> _Previews | None:
        """What makes the level heard while it grows; the same one whenever it is asked for."""
        if level != self.top or not self.job:
            return None
        if self._heard is None:
            grows = isinstance(self.request.operation, Continue | Restyle)
            self._heard = _Previews(self, level, grows and self._candidates(level) == 1)
        return self._heard

    # Results -------------------------------------------------------------------------------------

    def _finish(self, row: int, variant: int, level: int) -> Iterator[Event]:
        side = None if self.side is None else self.side[row]
        sound = sound_of(self.canvas, self.codes[level][row], side, level)
        finished = self._write(row, variant, level, sound, self._alignment(row))
        if self.kept:
            self.kept.finish(finished)
        yield finished

    def _alignment(self, row: int) -> dict[str, Any] | None:
        """When each character that was asked for is sung, in seconds of the result."""
        words = self.told.words(self.top)
        config = self.models.bundle.manifest.priors[self.top]
        if words is None or not words.text:
            return None
        plan, rate = self.canvas.plan, self.canvas.rate_hz
        expected = words.sung_at_samples[words.first : words.end]
        lyrics = config.lyrics
        heard = False
        if lyrics is not None and lyrics.alignment_layer is not None:
            labels = self.told.labels(self.top, 1)
            assert labels is not None
            settings = LevelSettings(hop_fraction=0.5)
            codes = self.codes[self.top][row : row + 1]
            steps = align_lyrics(self.models.prior(self.top), codes, labels, settings)
            while True:
                try:
                    next(steps)
                except StopIteration as finished:
                    table = finished.value[0]
                    break
            # Only where they can be sung: attention wanders into what was there before.
            hop = config.hop_samples
            begin, end = int(words.begin_samples // hop), math.ceil(words.end_samples / hop)
            heard_here = table[begin:end, words.first : words.end]
            expected = begin * hop + sung_at(heard_here, expected - begin * hop, hop)
            heard = True
        seconds = np.maximum(expected - float(plan.result_at), 0.0) / rate
        return {
            "text": words.text[words.first : words.end],
            "sung_at_seconds": [round(float(s), 3) for s in seconds],
            "heard": heard,
        }

    def _write(
        self,
        row: int,
        variant: int,
        level: int,
        sound: Sound,
        alignment: dict[str, Any] | None,
    ) -> VariantFinished:
        """The file, its codes and its description; all or none."""
        bundle, asked, request = self.models.bundle, self.asked, self.request
        clip, rate = request.clip, request.clip.timeline_rate_hz
        samples, stretched = sound.samples, False
        position = result_position(clip, request.operation)
        start_seconds = Fraction(position, rate)
        if request.to_grid:
            moved = on_grid(self.canvas, samples)
            # What was only cut is still the same memory.
            stretched, samples = not np.shares_memory(moved, samples), moved
        licence = bundle.manifest.licence
        what = asked.to_json()
        made = provenance.Provenance(
            program=f"jukebox-studio {version('jukebox-studio')}",
            model=bundle.manifest.name,
            bundle_sha256=bundle_sha256(bundle.folder),
            licence=licence.name,
            notice=licence.in_plain_words,
            operation=asked.operation.kind,
            seed=request.seed,
            variant=variant,
            request_sha256=provenance.request_sha256(what),
            date=asked.date,
            time_reference_samples=position if clip.position_samples is not None else 0,
        )
        path = self._file_name(variant, level)
        _, subtype = FILE_FORMATS[request.file_format]
        codes_path, described = path.with_suffix(SUFFIX), path.with_suffix(".json")
        levels = {n: codes[row] for n, codes in self.codes.items()}
        saved = Made(
            request=request.to_json(),
            variant=variant,
            model=bundle.manifest.name,
            bundle_sha256=made.bundle_sha256,
            result_at=str(self.canvas.plan.result_at),
            length_samples=len(samples),
            rate_hz=rate,
            gain_db=sound.gain_db,
            level=level,
            program=made.program,
            torch=torch.__version__,
            threads=torch.get_num_threads(),
        )
        written: list[Path] = []
        try:
            clipped = provenance.write(path, samples, rate, made, subtype=subtype)
            written.append(path)
            save_codes(codes_path, saved, levels, None if self.side is None else self.side[row])
            written.append(codes_path)
            description = {
                "program": made.program,
                "request": what,
                "seed": request.seed,
                "variant": variant,
                "model": {"name": made.model, "manifest_sha256": made.bundle_sha256},
                "licence": {
                    "name": licence.name,
                    "commercial_use": licence.commercial_use,
                    "disclosure": licence.disclosure,
                },
                "audio": {
                    "file": path.name,
                    "codes": codes_path.name,
                    "decoded_from_level": level,
                    "rate_hz": rate,
                    "length_samples": len(samples),
                    "channels": samples.shape[1],
                    "position_samples": position,
                    "gain_db": round(sound.gain_db, 3),
                    "stretched_to_grid": stretched,
                    "values_clipped": clipped,
                },
                "joints": [
                    asdict(j) | {"problems": j.problems()} for j in joints_of(self.canvas, samples)
                ],
                "agreement": self._agreement(samples, start_seconds),
                "lyrics": alignment,
                "notes": self.told_notes,
            }
            text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
            write_atomically(described, text.encode())
        except JukeboxError:
            for file in written:
                file.unlink(missing_ok=True)
            raise
        return VariantFinished(variant, path, described, codes_path, len(samples), rate, level)

    def _agreement(self, samples: Samples, start_seconds: Fraction) -> dict[str, Any]:
        """How a result goes with the clip: onsets against the beat, harmony against the clip's."""
        clip, rate = self.request.clip, self.request.clip.timeline_rate_hz
        onsets = grid.onset_error_seconds(samples, rate, clip.song, start_seconds)
        end = clip_result_samples(clip)
        start = max(0, end - AGREEMENT_SECONDS * rate)
        own = self.canvas.once("chroma", lambda: grid.chroma(self.canvas.audio(start, end), rate))
        return {
            "onsets": asdict(onsets),
            "chroma": grid.chroma_agreement(own, grid.chroma(samples, rate)),
        }

    def _file_name(self, variant: int, level: int) -> Path:
        """Where a variant was going when the job was stopped, or else a free name."""
        path = self.kept.name(variant) if self.kept else None
        if path is None or path.parent != self.out:
            path = self._free_name(variant, level)
            if self.kept:
                self.kept.keep_name(variant, path)
        return path

    def _free_name(self, variant: int, level: int) -> Path:
        """A name that no earlier result has, and that every file system takes."""
        request = self.request
        # File systems take 255 bytes; what follows the clip's own name needs fewer than 100.
        said = request.clip.name or request.clip.path.stem
        plain = "".join(c if c not in '<>:"/\\|?*' and c.isprintable() else "_" for c in said)
        clip = plain.encode()[:120].decode(errors="ignore").strip(" .") or "clip"
        stem = f"{clip}-{request.operation.kind}-seed{request.seed}-{variant + 1}"
        if level:
            stem += "-preview"
        number, name = 1, stem
        suffix, _ = FILE_FORMATS[request.file_format]
        while any((self.out / f"{name}{taken}").exists() for taken in (suffix, ".json", SUFFIX)):
            number += 1
            name = f"{stem}-take{number}"
        return self.out / f"{name}{suffix}"


def _of_all(
    style: Callable[[Window], Tensor] | None, rows: int
) -> Callable[[Window], Tensor] | None:
    return None if style is None else lambda window: style(window).expand(rows, -1, -1)


class _Previews:
    """Decodes what there is of each variant, for those who listen meanwhile.

    At first after two seconds of music, and then when there is twice as much as was heard before
    and half of that could have been listened to, or all of it: more often nobody could tell. Not
    where all of it comes soon.
    """

    def __init__(self, render: _Render, level: int, grows: bool) -> None:
        self._render, self._level, self._grows = render, level, grows
        self._variants = list(render.request.variant_numbers)
        self._sounds = [GrowingPreview(render.canvas) for _ in self._variants]
        hop = render.models.bundle.manifest.vqvae.hop_samples(level)
        self._step_codes = max(1, math.floor(PREVIEW_SECONDS * render.canvas.rate_hz / hop))
        self._first = math.ceil(render.canvas.plan.result_at / hop) + self._step_codes
        self._seconds_per_code = hop / render.canvas.rate_hz
        self._end = render._end(level)
        """A window at least is sampled, which may be more than is heard."""
        self._told = dict[int, tuple[int, float]]()
        """When the rows from a row on were last heard: codes there, and the time."""
        self._begun: tuple[int, float] | None = None
        """Codes there at first, and the time."""

    def told(self, before: Tensor, window: Window, rows: slice, codes: Tensor) -> Iterator[Preview]:
        """`codes` of the window so far are there for `rows`."""
        if not self._grows:
            return
        there, now = window.start + codes.shape[1], time.monotonic()
        self._begun = self._begun or (there, now)
        if there < self._first or self._comes_soon(there, now, rows):
            return
        if told := self._told.get(rows.start):
            codes_then, then = told
            new, heard = there - codes_then, codes_then - self._first + self._step_codes
            listened = (now - then) / self._seconds_per_code
            is_worth_it = listened >= heard or (listened >= heard / 2 and new >= heard)
            if new < self._step_codes or not is_worth_it:
                return
        self._told[rows.start] = there, now
        for row in range(rows.start, min(rows.stop, len(self._variants))):
            song = torch.cat([before[row, : window.start], codes[row - rows.start]])
            yield from self._grown(row, song)

    def _comes_soon(self, there: int, now: float, rows: slice) -> bool:
        """Whether all of the level is there nearly, or will be at the pace up to now."""
        assert self._begun is not None
        left = self._end - there
        if rows.start in self._told and left < self._step_codes:
            return True
        then, begun = self._begun
        is_alone = rows.start == 0 and rows.stop >= len(self._variants)  # no other rows to wait for
        return is_alone and (now - begun) * left < SOON_SECONDS * (there - then)

    def whole(self, made: Tensor) -> Iterator[Preview]:
        """All of the level is there."""
        for row in range(len(self._variants)):
            if self._grows:
                yield from self._grown(row, made[row])
            else:
                sound = sound_of(self._render.canvas, made[row], None, self._level)
                yield self._written(row, sound.samples)

    def _grown(self, row: int, song: Tensor) -> Iterator[Preview]:
        preview = self._sounds[row]
        if preview.grow(song, self._level):
            yield self._written(row, preview.samples)

    def _written(self, row: int, samples: Samples) -> Preview:
        assert self._render.job is not None
        rate, variant = self._render.request.clip.timeline_rate_hz, self._variants[row]
        path = self._render.job / f"preview-{variant}.wav"
        content, _ = encode(path, samples, rate, subtype="PCM_16")
        write_atomically(path, content, is_lasting=False)
        return Preview(variant, path, self._level, len(samples), rate)


class _Clock:
    """Turns codes done into time left, over all levels."""

    def __init__(self, render: _Render, levels: Sequence[int]) -> None:
        bundle = render.models.bundle
        self._weight = {
            level: bundle.manifest.files[bundle.prior_path(level).name].size_bytes
            for level in levels
        }
        self._codes = {level: render.codes_to_make(level) for level in levels}
        request = render.request
        self._how = {
            level: (
                level,
                request.sampling_of(level).schedule,
                request.precision,
                render._guides_count(),
            )
            for level in levels
        }
        self._paces = render.models.paces

    def start(self, level: int, skipped: int) -> None:
        """Begin a level, of which an earlier run made `skipped` codes."""
        self._level = level
        self._skipped = self._before = skipped
        self.prepared()

    def prepared(self) -> None:
        """The level's network is there: loading it says nothing of codes."""
        self._started = self._told = time.monotonic()

    def level_done(self) -> None:
        """All codes of the level are there."""
        if made := self._codes[self._level] - self._skipped:
            self._paces[self._how[self._level]] = (time.monotonic() - self._started) / made

    def window_done(self, done: int) -> None:
        self._before += done

    def tick(self, done_in_window: int) -> Progress | None:
        """Progress where it is time for some."""
        now = time.monotonic()
        level = self._level
        done, total = self._before + done_in_window, self._codes[level]
        if done < total and now - self._told < PROGRESS_SECONDS:
            return None
        self._told = now
        rate = (done - self._skipped) / max(now - self._started, 1e-9)
        left = (total - done) / rate
        for lower in (n for n in self._codes if n < level):
            # One that never ran is taken to go by the size of its weights.
            guessed = self._weight[lower] / self._weight[level] / rate
            left += self._codes[lower] * self._paces.get(self._how[lower], guessed)
        return Progress(level, done, total, rate, left)
