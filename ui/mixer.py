"""What is heard, sample by sample. Pure: no device, no thread, no clock.

All positions are samples at the device's rate, counted from the start of the project's timeline;
`rendered_samples` counts what came out so far and is the clock that scheduling goes by. Sound is
float32 [T, 2] with full scale at 1.0.

Every change of what is heard is one fade of 5 ms with equal power. Outside of it each sample is
exactly that of the file (times its gain). Where both sides of a fade are the same to the sample,
nothing is faded, so that a preview that grows does not swell.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

FADE_SECONDS = 0.005
SHORTEST_LOOP_SECONDS = 0.02
# A player that follows a clock stays where it is while it is no further off than this.
SAME_PLACE_SECONDS = 0.01


@dataclass(frozen=True, eq=False)
class Playable:
    """Sound at a place on the timeline. Compared by identity."""

    samples: Samples
    """[T, 2] at the device's rate; may lie in a file that is mapped into memory."""
    start_samples: int
    gain: float = 1.0
    """Times the samples, while loudness is matched."""
    whole_samples: int = 0
    """How long it will be; a preview holds less so far."""

    @property
    def end_samples(self) -> int:
        return self.start_samples + max(len(self.samples), self.whole_samples)


@dataclass(frozen=True)
class _Scene:
    """All that decides what is heard at a position."""

    layers: tuple[Playable, ...]
    """Each is heard where none after it has samples."""
    is_matched: bool
    is_muted: bool

    def sound(self, position_samples: int, length_samples: int) -> Samples:
        """[length_samples, 2] from a position on, which may lie before or after everything."""
        out = np.zeros((length_samples, 2), np.float32)
        if self.is_muted:
            return out
        for layer in self.layers:
            begin = max(0, layer.start_samples - position_samples)
            end = min(length_samples, layer.start_samples + len(layer.samples) - position_samples)
            if begin >= end:
                continue
            offset = position_samples - layer.start_samples
            out[begin:end] = layer.samples[offset + begin : offset + end]
            if self.is_matched and layer.gain != 1.0:
                out[begin:end] *= np.float32(layer.gain)
        return out


_NOTHING = _Scene((), False, True)


class Mixer:
    """Plays one of several sources that lie on one timeline, and what is around it.

    Methods take effect with the next rendered sample. They belong to the thread that renders;
    another thread uses `post`, which never waits. Memory is kept small: `render` allocates only
    what it returns and a fade.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.fade_samples = max(1, round(FADE_SECONDS * rate_hz))
        self.rendered_samples = 0
        self.is_playing = False
        angles = (np.arange(self.fade_samples) + 0.5) / self.fade_samples * (math.pi / 2)
        self._rising = np.sin(angles).astype(np.float32)[:, None]
        self._falling = np.cos(angles).astype(np.float32)[:, None]

        self._sources: Mapping[str, Playable] = {}
        self._before: Playable | None = None
        self._after: Playable | None = None
        self._wanted_id = self._heard_id = ""
        self._is_matched = True
        self._is_muted = False
        self._loop: tuple[int, int] | None = None

        self._position = 0
        self._jump: tuple[int, int | None] | None = None
        """Where the next fade begins on the timeline, if not where the playhead is; and after how
        many rendered samples that is so, or None if that is so whenever it begins."""
        self._scene: _Scene | None = None
        """What is heard once a fade is over; None while nothing plays."""
        self._fade: Samples | None = None
        self._faded_samples = 0

        # Appending to a deque and taking from it are single steps: neither side waits.
        self._posted: deque[tuple[int | None, Callable[..., None], tuple[Any, ...]]] = deque()
        self._numbers = itertools.count()
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    @property
    def position_samples(self) -> int:
        """The playhead: the sample of the timeline that comes next."""
        return self._position

    @property
    def heard_id(self) -> str:
        """The source that is heard, which is not the wanted one until that has been loaded."""
        return self._heard_id

    @property
    def end_samples(self) -> int:
        """Where all that is loaded has ended."""
        return max((part.end_samples for part in self._loaded()), default=0)

    def post(self, at_samples: int | None, method: Callable[..., None], *arguments: Any) -> None:
        """Call a method of this mixer, from any thread: before the next block, or when exactly
        so many samples have been rendered (at once where that is past)."""
        self._posted.append((at_samples, method, arguments))

    def set_sources(
        self,
        sources: Mapping[str, Playable],
        before: Playable | None = None,
        after: Playable | None = None,
    ) -> None:
        """All that can be heard. What is the same object as before plays on untouched; another
        one under the name that is heard is faded to. `before` and `after` sound where the heard
        source has no samples."""
        self._sources = dict(sources)
        self._before, self._after = before, after

    def switch(self, name: str) -> None:
        """Hear this source from here on. One that is not loaded yet is heard once it is; until
        then what is heard goes on."""
        self._wanted_id = name

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Jump from the second position to the first whenever the playhead gets there.

        A loop shorter than SHORTEST_LOOP_SECONDS has no room for its fades and counts as none.
        """
        if loop is not None and loop[1] - loop[0] < SHORTEST_LOOP_SECONDS * self.rate_hz:
            loop = None
        self._loop = loop

    def set_matched(self, is_matched: bool) -> None:
        """Whether gains apply."""
        self._is_matched = is_matched

    def set_muted(self, is_muted: bool) -> None:
        """Silence, while the playhead goes on."""
        self._is_muted = is_muted

    def play(self, position_samples: int | None = None) -> None:
        """From a position, or from where the playhead stands; from the beginning if that is the
        end.

        The 5 ms before the position are faded in first, so that from the position on all is
        exact: an attack that lies on the bar keeps its edge.
        """
        if position_samples is None:
            if self.is_playing:
                return
            position_samples = self._position
            if position_samples >= self.end_samples:
                position_samples = min((p.start_samples for p in self._loaded()), default=0)
        self._forget_starts()
        self.is_playing = True
        self._jump = (position_samples - self.fade_samples, None)

    def play_at(self, at_samples: int, position_samples: int) -> None:
        """Be at a position when `at_samples` have been rendered; post it a fade earlier.

        Called later than that, it joins in where it would be by then. A playhead that is right
        within SAME_PLACE_SECONDS already is left alone.
        """
        position = position_samples + self.rendered_samples - at_samples
        is_near = abs(self._position - position) <= SAME_PLACE_SECONDS * self.rate_hz
        if not (self.is_playing and is_near):
            self.is_playing = True
            self._jump = (position, self.rendered_samples)

    def locate(self, position_samples: int) -> None:
        """Move the playhead, and play on from there if it plays."""
        if self.is_playing:
            self._jump = (position_samples - self.fade_samples, None)
        else:
            self._position = position_samples

    def stop(self) -> None:
        """Fall silent within a fade, the playhead staying where that begins. What `play_at` has
        yet to start is not started."""
        self._forget_starts()
        self.is_playing = False
        self._jump = None

    def render(self, length_samples: int) -> Samples:
        """The next samples [length_samples, 2]. With 0 it only does what was posted."""
        while self._posted:
            at_samples, method, arguments = self._posted.popleft()
            when = self.rendered_samples if at_samples is None else at_samples
            heapq.heappush(self._due, (when, next(self._numbers), method, arguments))
        out = np.zeros((length_samples, 2), np.float32)
        done = 0
        while True:
            while self._due and self._due[0][0] <= self.rendered_samples:
                _, _, method, arguments = heapq.heappop(self._due)
                method(*arguments)
            if done == length_samples:
                return out
            if self._fade is None:
                self._follow_wishes()
            step = min(length_samples - done, self._samples_to_next_event())
            self._mix_into(out[done : done + step])
            self.rendered_samples += step
            done += step

    def _forget_starts(self) -> None:
        # In place: `render` may be going through it.
        self._due[:] = [due for due in self._due if due[2] != self.play_at]
        heapq.heapify(self._due)

    def _loaded(self) -> list[Playable]:
        around = [part for part in (self._before, self._after) if part is not None]
        return [*self._sources.values(), *around]

    def _wanted_scene(self) -> _Scene:
        if self._wanted_id in self._sources:
            self._heard_id = self._wanted_id
        source = self._sources.get(self._heard_id)
        layers = tuple(part for part in (self._before, self._after, source) if part is not None)
        return _Scene(layers, self._is_matched, self._is_muted)

    def _follow_wishes(self) -> None:
        """Begin a fade where what should be heard is not what is heard."""
        scene = self._wanted_scene()
        if not self.is_playing:
            if self._scene is not None:
                self._begin_fade(None, self._position)
            return
        position = self._position
        if self._jump is not None:
            position, at_samples = self._jump
            if at_samples is not None:
                position += self.rendered_samples - at_samples
            self._jump = None
        elif self._is_at_end():
            self.is_playing = False
            self._scene = None
            return
        elif self._loop is not None:
            first, last = self._loop
            if last - self.fade_samples <= position < last:
                position += first - last
        if scene != self._scene or position != self._position:
            self._begin_fade(scene, position)

    def _is_at_end(self) -> bool:
        is_in_loop = self._loop is not None and self._position < self._loop[1]
        return not is_in_loop and bool(self._loaded()) and self._position >= self.end_samples

    def _begin_fade(self, scene: _Scene | None, position: int) -> None:
        leaving = (self._scene or _NOTHING).sound(self._position, self.fade_samples)
        coming = (scene or _NOTHING).sound(position, self.fade_samples)
        if np.array_equal(leaving, coming):
            self._fade = coming
        else:
            self._fade = leaving * self._falling + coming * self._rising
        self._faded_samples = 0
        self._scene = scene
        self._position = position

    def _samples_to_next_event(self) -> int:
        """How far can be rendered before something has to be decided again. At least 1."""
        steps = [self._due[0][0] - self.rendered_samples] if self._due else []
        if self._fade is not None:
            steps.append(self.fade_samples - self._faded_samples)
        elif self._scene is not None:
            steps.append(self.end_samples - self._position)
            if self._loop is not None:
                steps.append(self._loop[1] - self.fade_samples - self._position)
        return min((step for step in steps if step > 0), default=1 << 30)

    def _mix_into(self, out: Samples) -> None:
        length_samples = len(out)
        if self._fade is not None:
            begin = self._faded_samples
            out[:] = self._fade[begin : begin + length_samples]
            self._faded_samples += length_samples
            if self._faded_samples == self.fade_samples:
                self._fade = None
        elif self._scene is not None:
            out[:] = self._scene.sound(self._position, length_samples)
        if self._scene is not None:
            self._position += length_samples
