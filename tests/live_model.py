"""A model of Ableton Live: what our remote script uses of its Python API.

Written from the Live Object Model (docs.cycling74.com/apiref/lom), from the API as captured and
probed in Live 12.3 (PhotonicVelocity/LiveAPI) and from Ableton's own scripts in Live 12: members,
types, units, errors, and what is deferred to a later tick. Objects have the members that are
documented for them and no others; what is read-only cannot be set; methods check their arguments.
It is a model: Live itself was not run.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import soundfile

LAST_BEAT = 1_576_800.0
PHANTOM_BEATS = 1 / 32
"""Behind the last warp marker lies one that gives the tempo of what follows."""
TICK_SECONDS = 0.1


def checked(*kinds: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As Boost.Python: positions only, and of these types; an int passes for a float."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *given: Any) -> Any:
            fits = len(given) == len(kinds) and all(
                isinstance(value, (int, float) if kind is float else kind)
                and not (kind is not bool and isinstance(value, bool))
                for value, kind in zip(given, kinds, strict=True)
            )
            if not fits:
                raise TypeError(f"Python argument types in {method.__name__}{given} did not match")
            return method(self, *given)

        return call

    return wrap


class LomObject:
    """Settable are the names in `_settable`; from within a listener nothing is."""

    _settable: ClassVar[dict[str, Any]] = {}

    def __init__(self, live: Live, parent: Any) -> None:
        self._live = live
        self._parent = parent
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    @property
    def canonical_parent(self) -> Any:
        return self._parent

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            if name not in self._settable:
                raise AttributeError(f"property {name!r} of {type(self).__name__} has no setter")
            kind = self._settable[name]
            fits = (int, float) if kind is float else kind
            if not isinstance(value, fits) or (isinstance(value, bool) and kind is not bool):
                raise TypeError(f"{name} is no {value!r}")
            self._live.changes()
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self._notify(name)

    def _listen(self, name: str, listener: Callable[[], None]) -> None:
        if listener in self._listeners.get(name, []):
            raise RuntimeError("Observer already connected")
        self._listeners.setdefault(name, []).append(listener)

    def _unlisten(self, name: str, listener: Callable[[], None]) -> None:
        if listener not in self._listeners.get(name, []):
            raise RuntimeError("Observer not connected")
        self._listeners[name].remove(listener)

    def _notify(self, name: str) -> None:
        with self._live.notifying():
            for listener in list(self._listeners.get(name, [])):
                listener()


@dataclass(frozen=True)
class WarpMarker:
    """sample_time: in seconds, in spite of its name."""

    sample_time: float
    beat_time: float


class Clip(LomObject):
    """An audio clip; the units of its markers are beats where it is warped, else seconds."""

    _settable: ClassVar[dict[str, Any]] = {
        "name": str,
        "warping": bool,
        "looping": bool,
        "loop_start": float,
        "loop_end": float,
        "start_marker": float,
        "gain": float,
        "warp_mode": int,
        "pitch_coarse": int,
        "pitch_fine": float,
    }

    def __init__(self, live: Live, parent: Any, path: Path, start_beats: float | None) -> None:
        super().__init__(live, parent)
        info = soundfile.info(path)
        self._path = path
        self._seconds = info.frames / info.samplerate
        self._rate_hz = info.samplerate
        self._frames = info.frames
        self._start_beats = start_beats
        self._gone = False
        tempo = live.song.tempo
        self._markers = [(0.0, 0.0), (PHANTOM_BEATS * 60 / tempo, PHANTOM_BEATS)]
        self._name = path.stem
        self._warping = True
        self._looping = False
        self._loop = (0.0, self._seconds * tempo / 60)
        self._saved_loop = self._loop
        self._start_marker = 0.0
        self._length_beats = self._loop[1]
        self.__dict__.update(gain=0.4, warp_mode=0, pitch_coarse=0, pitch_fine=0.0)

    is_audio_clip = property(lambda self: True)
    is_midi_clip = property(lambda self: False)
    is_arrangement_clip = property(lambda self: self._start_beats is not None)
    file_path = property(lambda self: str(self._path))
    sample_rate = property(lambda self: float(self._rate_hz))
    sample_length = property(lambda self: self._frames)
    end_time = property(lambda self: self.start_time + self._length_beats)
    length = property(lambda self: self._loop[1] - self._loop[0])
    end_marker = property(lambda self: self._saved_loop[1] if self._looping else self._loop[1])

    @property
    def start_time(self) -> float:
        if self._gone:
            raise TypeError("Python argument types did not match C++ signature: the clip is gone")
        return self._start_beats or 0.0

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def warping(self) -> bool:
        return self._warping

    @warping.setter
    def warping(self, warping: bool) -> None:
        """Takes place at once, but where it ends is told anew in the next tick only."""
        if warping == self._warping:
            return
        assert not warping, "the script only turns it off"
        self._loop = (self._at(self._loop[0]), self._at(self._loop[1]))
        self._start_marker = self._at(self._start_marker)
        self._warping = False
        self._live.deferred.append(self._extend)

    @property
    def looping(self) -> bool:
        return self._looping

    @looping.setter
    def looping(self, looping: bool) -> None:
        if looping and not self._warping:
            raise RuntimeError("Unwarped audio cannot be looped")
        self._looping = looping

    loop_start = property(lambda self: self._loop[0])
    loop_end = property(lambda self: self._loop[1])
    start_marker = property(lambda self: self._start_marker if self._looping else self._loop[0])

    @loop_start.setter
    def loop_start(self, at: float) -> None:
        self._loop = (at, self._loop[1])
        if not self._looping:
            self._extend()

    @loop_end.setter
    def loop_end(self, at: float) -> None:
        if at <= self._loop[0]:
            raise RuntimeError("Invalid loop end")
        self._loop = (self._loop[0], at)
        if not self._looping:
            self._extend()

    @start_marker.setter
    def start_marker(self, at: float) -> None:
        if self._looping:  # else silently ignored
            self._start_marker = at

    @property
    def warp_markers(self) -> tuple[WarpMarker, ...]:
        return tuple(WarpMarker(seconds, beats) for seconds, beats in self._markers)

    @checked(WarpMarker)
    def add_warp_marker(self, marker: WarpMarker) -> None:
        self._live.changes()
        if not self._warping or not 0 <= marker.sample_time <= self._seconds:
            raise RuntimeError("Invalid warp marker")
        *real, _ = self._markers
        if marker.beat_time in [beats for _, beats in real]:
            raise RuntimeError("There is a warp marker already")
        real = sorted([*real, (marker.sample_time, marker.beat_time)])
        for (s0, b0), (s1, b1) in pairwise(real):
            if not 5 <= (b1 - b0) * 60 / (s1 - s0) <= 999:
                raise RuntimeError("The tempo of a segment is out of range")
        (s0, b0), (s1, b1) = real[-2:]
        per_beat = (s1 - s0) / (b1 - b0)
        self._markers = [*real, (s1 + PHANTOM_BEATS * per_beat, b1 + PHANTOM_BEATS)]

    @checked(float)
    def remove_warp_marker(self, beats: float) -> None:
        self._live.changes()
        *real, phantom = self._markers
        if beats not in [at for _, at in real] or len(real) == 1:
            raise RuntimeError("There is no such warp marker")
        self._markers = [*(marker for marker in real if marker[1] != beats), phantom]

    @checked(float)
    def beat_to_sample_time(self, beats: float) -> float:
        if not self._warping:
            raise RuntimeError("The sample is not warped")
        return self._at(beats) * self._rate_hz

    def _at(self, beats: float) -> float:
        """Seconds in the file."""
        pairs = list(pairwise(self._markers))
        (s0, b0), (s1, b1) = next((p for p in pairs if beats < p[1][1]), pairs[-1])
        return s0 + (beats - b0) * (s1 - s0) / (b1 - b0)

    def drag_right_edge(self, length_beats: float) -> None:
        """The musician makes a looped clip longer in the Arrangement."""
        assert self._looping
        self._length_beats = length_beats

    def _extend(self) -> None:
        span = self._loop[1] - self._loop[0]
        if not self._warping:  # transposing is playing faster then
            faster = 2 ** ((self.pitch_coarse + self.pitch_fine / 100) / 12)
            span *= self._live.song.tempo / 60 / faster
        self._length_beats = span


class MidiClip(LomObject):
    _settable: ClassVar[dict[str, Any]] = {"name": str}
    is_audio_clip = property(lambda self: False)
    is_midi_clip = property(lambda self: True)
    is_arrangement_clip = property(lambda self: True)

    def __init__(self, live: Live, parent: Any, name: str) -> None:
        super().__init__(live, parent)
        self.__dict__["name"] = name


class ClipSlot(LomObject):
    clip = property(lambda self: self._clip)
    has_clip = property(lambda self: self._clip is not None)

    def __init__(self, live: Live, parent: Track) -> None:
        super().__init__(live, parent)
        self._clip: Clip | MidiClip | None = None


class Track(LomObject):
    _settable: ClassVar[dict[str, Any]] = {"name": str}

    def __init__(self, live: Live, parent: Song, name: str, *, midi: bool = False) -> None:
        super().__init__(live, parent)
        self._midi = midi
        self._frozen = False
        self._clips: list[Any] = []
        self._slots = tuple(ClipSlot(live, self) for _ in range(2))
        self.__dict__["name"] = name

    clip_slots = property(lambda self: self._slots)
    arrangement_clips = property(lambda self: tuple(self._clips))
    has_audio_input = property(lambda self: not self._midi)
    has_midi_input = property(lambda self: self._midi)
    is_foldable = property(lambda self: False)
    is_frozen = property(lambda self: self._frozen)

    def _put(self, path: Path, beats: float) -> Clip:
        clip = Clip(self._live, self, path, beats)
        self._clips.append(clip)
        return clip


class TrackSince1205(Track):
    """What Live 12.0.5 added."""

    @checked(str, float)
    def create_audio_clip(self, path: str, beats: float) -> Clip:
        self._live.changes()
        if self._midi:
            raise RuntimeError("Audio clips can only be created on audio tracks")
        if self._frozen:
            raise RuntimeError("Cannot create clips on frozen tracks")
        if not 0 <= beats <= LAST_BEAT:
            raise RuntimeError("The time is out of range")
        try:
            soundfile.info(path)
        except soundfile.LibsndfileError:
            raise ValueError(
                "The provided path does not appear to point to a valid audio file"
            ) from None
        clip = Clip(self._live, self, Path(path), beats)
        for other in self._clips:
            if other.end_time > beats and other.start_time < clip.end_time:
                self._live.cut_away.append(other)
        self._clips.append(clip)
        self._live.undo.append("clip")
        return clip


class CuePoint(LomObject):
    def __init__(self, live: Live, parent: Song, name: str, beats: float) -> None:
        super().__init__(live, parent)
        self._cue = (name, beats)

    name = property(lambda self: self._cue[0])
    time = property(lambda self: self._cue[1])


class SongView(LomObject):
    _settable: ClassVar[dict[str, Any]] = {"detail_clip": (Clip, MidiClip, type(None))}

    def __init__(self, live: Live, parent: Song) -> None:
        super().__init__(live, parent)
        self._slot: ClipSlot | None = None
        self.__dict__["detail_clip"] = None

    highlighted_clip_slot = property(lambda self: self._slot)

    def add_detail_clip_listener(self, listener: Callable[[], None]) -> None:
        self._listen("detail_clip", listener)

    def remove_detail_clip_listener(self, listener: Callable[[], None]) -> None:
        self._unlisten("detail_clip", listener)


class Song(LomObject):
    _settable: ClassVar[dict[str, Any]] = {
        "tempo": float,
        "signature_numerator": int,
        "signature_denominator": int,
        "is_playing": bool,
        "current_song_time": float,
    }

    def __init__(self, live: Live) -> None:
        super().__init__(live, None)
        self._view = SongView(live, self)
        self._tracks: list[Track] = []
        self._cues: list[CuePoint] = []
        self.__dict__.update(
            tempo=120.0, signature_numerator=4, signature_denominator=4, is_playing=False,
            current_song_time=0.0,
        )  # fmt: skip

    view = property(lambda self: self._view)
    tracks = property(lambda self: tuple(self._tracks))
    cue_points = property(lambda self: tuple(self._cues))

    @property
    def last_event_time(self) -> float:
        return max((c.end_time for t in self._tracks for c in t.arrangement_clips), default=0.0)

    @checked(int)
    def create_audio_track(self, index: int) -> Track:
        self._live.changes()
        if not 0 <= index <= len(self._tracks):
            raise IndexError("Invalid index")
        track = self._live.new_track(f"{index + 1}-Audio", index)
        self._live.undo.append("track")
        return track

    def begin_undo_step(self) -> None:
        self._live.undo.append("begin")

    def end_undo_step(self) -> None:
        self._live.undo.append("end")


class Application:
    def __init__(self, live: Live) -> None:
        self._live = live

    def get_major_version(self) -> int:
        return self._live.version[0]

    def get_minor_version(self) -> int:
        return self._live.version[1]

    def get_bugfix_version(self) -> int:
        return self._live.version[2]

    def get_document(self) -> Song:
        return self._live.song


class ControlSurface:
    """`ableton.v2.control_surface.ControlSurface`, as far as a script without controls needs it."""

    def __init__(self, c_instance: Any) -> None:
        self._c_instance = c_instance

    def show_message(self, message: str) -> None:
        assert isinstance(message, str)
        self._c_instance.show_message(message)

    def update_display(self) -> None: ...
    def build_midi_map(self, midi_map_handle: Any) -> None: ...
    def disconnect(self) -> None: ...

    def receive_midi(self, midi_bytes: tuple[int, ...]) -> None:
        self._c_instance.not_for_us.append(midi_bytes)


class Live:
    """The program, with a set of two audio tracks and a MIDI track."""

    def __init__(self, version: tuple[int, int, int] = (12, 1, 0)) -> None:
        self.version = version
        self.deferred: list[Callable[[], None]] = []
        self.undo: list[str] = []
        self.cut_away: list[Clip] = []
        """Clips that were cut because another was put on them."""
        self.messages: list[str] = []
        self.not_for_us: list[tuple[int, ...]] = []
        self.forwarded: list[tuple[int, int]] = []
        self._notifying = 0
        self.song = Song(self)
        self.guitar = self.new_track("Gitarre für Ada", 0)
        self.new_track("Choir", 1)
        self.keys = Track(self, self.song, "Keys", midi=True)
        self.song._tracks.append(self.keys)
        self.scripts: list[Any] = []

    def new_track(self, name: str, index: int) -> Track:
        kind = TrackSince1205 if self.version >= (12, 0, 5) else Track
        track = kind(self, self.song, name)
        self.song._tracks.insert(index, track)
        return track

    def clip(self, path: Path, beats: float, track: Track | None = None) -> Clip:
        """As the musician drags it in, and selects it."""
        clip = (track or self.guitar)._put(path, beats)
        self.song.view.detail_clip = clip
        return clip

    def session_clip(self, path: Path) -> Clip:
        slot = self.guitar.clip_slots[0]
        slot._clip = Clip(self, slot, path, None)
        self.song.view._slot = slot
        return slot._clip

    def cue(self, name: str, beats: float) -> None:
        self.song._cues.append(CuePoint(self, self.song, name, beats))

    def changes(self) -> None:
        if self._notifying:
            raise RuntimeError(
                "Changes cannot be triggered by notifications. You will need to defer your response"
            )

    @contextmanager
    def notifying(self) -> Iterator[None]:
        self._notifying += 1
        try:
            yield
        finally:
            self._notifying -= 1

    def modules(self) -> dict[str, ModuleType]:
        """What a script can import."""
        application = Application(self)
        named = {
            "Live": {
                "Application": SimpleNamespace(get_application=lambda: application),
                "Clip": SimpleNamespace(WarpMarker=WarpMarker),
                "MidiMap": SimpleNamespace(forward_midi_cc=self._forward),
            },
            "ableton": {},
            "ableton.v2": {},
            "ableton.v2.control_surface": {"ControlSurface": ControlSurface},
        }
        made = {}
        for name, content in named.items():
            made[name] = ModuleType(name)
            made[name].__dict__.update(content)
        return made

    def _forward(self, script: int, handle: int, channel: int, controller: int) -> bool:
        assert (script, handle) == (17, 23)
        self.forwarded.append((channel, controller))
        return True

    def choose(self, create_instance: Callable[[Any], Any]) -> None:
        """The musician chooses a script in the settings."""
        instance = SimpleNamespace(
            show_message=self.messages.append, not_for_us=self.not_for_us, handle=lambda: 17
        )
        script = create_instance(instance)
        script.build_midi_map(23)
        self.scripts.append(script)

    def midi(self, *message: int) -> None:
        """Comes in while Live is busy with other things: scripts may not change it then."""
        if (message[0] & 0x0F, message[1]) in self.forwarded and message[0] & 0xF0 == 0xB0:
            with self.notifying():
                for script in self.scripts:
                    script.receive_midi(message)

    def tick(self) -> None:
        """100 ms go by."""
        deferred, self.deferred = self.deferred, []
        for action in deferred:
            action()
        for script in self.scripts:
            script.update_display()

    def quit(self) -> None:
        for script in self.scripts:
            script.disconnect()
        self.scripts.clear()


def installed(folder: Path, name: str, modules: dict[str, ModuleType]) -> Any:
    """A script's package as Live imports it from its folder, with Live's own modules there."""
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]
    kept = {module: sys.modules.get(module) for module in modules}
    sys.path.insert(0, str(folder))
    sys.modules.update(modules)
    try:
        package = importlib.import_module(name)
        importlib.import_module(f"{name}.surface")
    finally:
        sys.path.remove(str(folder))
        for module, old in kept.items():
            if old is None:
                del sys.modules[module]
            else:
                sys.modules[module] = old
    return package
