"""A model of REAPER: the functions of its Lua API that our scripts call.

Each call is held against the signature in REAPER's ReaScript documentation (v7): the number and the
types of what is given and returned, and the names of attributes. The signatures were compared one
by one with that documentation as published type definitions have it (nickvonkaenel/nvk-reaper-defs
and others, of REAPER 7). It is a model: REAPER itself was not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

SIGNATURES = """
MediaItem AddMediaItemToTrack(MediaTrack tr)
integer AddRemoveReaScript(boolean add, integer sectionID, string scriptfn, boolean commit)
MediaItem_Take AddTakeToMediaItem(MediaItem item)
boolean atexit(function f)
integer, integer, integer CountProjectMarkers(ReaProject proj)
integer CountSelectedMediaItems(ReaProject proj)
integer CountSelectedTracks(ReaProject proj)
integer CountTempoTimeSigMarkers(ReaProject proj)
integer CountTrackMediaItems(MediaTrack track)
integer CountTracks(ReaProject proj)
boolean defer(function f)
integer, boolean, number, number, string, integer EnumProjectMarkers(integer idx)
MediaItem_Take GetActiveTake(MediaItem item)
string GetAppVersion()
boolean, string GetAudioDeviceInfo(string attribute)
string GetExtState(string section, string key)
number GetMediaItemInfo_Value(MediaItem item, string parmname)
PCM_source GetMediaItemTake_Source(MediaItem_Take take)
number GetMediaItemTakeInfo_Value(MediaItem_Take take, string parmname)
MediaTrack GetMediaItemTrack(MediaItem item)
string GetMediaSourceFileName(PCM_source source)
number, boolean GetMediaSourceLength(PCM_source source)
PCM_source GetMediaSourceParent(PCM_source src)
integer GetMediaSourceSampleRate(PCM_source source)
number GetProjectLength(ReaProject proj)
string GetResourcePath()
MediaItem GetSelectedMediaItem(ReaProject proj, integer selitem)
MediaTrack GetSelectedTrack(ReaProject proj, integer seltrackidx)
number, number GetSet_LoopTimeRange(boolean isSet, boolean isLoop, number s, number e, boolean a)
boolean, string GetSetMediaItemTakeInfo_String(MediaItem_Take tk, string p, string s, boolean set)
boolean, string GetSetMediaTrackInfo_String(MediaTrack tr, string p, string s, boolean set)
number GetSetProjectInfo(ReaProject project, string desc, number value, boolean is_set)
string GetTakeName(MediaItem_Take take)
integer GetTakeNumStretchMarkers(MediaItem_Take take)
boolean, number, integer, number, number, integer, integer, boolean GetTempoTimeSigMarker(ReaProject proj, integer ptidx)
MediaTrack GetTrack(ReaProject proj, integer trackidx)
MediaItem GetTrackMediaItem(MediaTrack tr, integer itemidx)
boolean, string GetTrackName(MediaTrack track)
nothing InsertTrackAtIndex(integer idx, boolean wantDefaults)
nothing Main_OnCommand(integer command, integer flag)
PCM_source PCM_Source_CreateFromFile(string filename)
nothing SetExtState(string section, string key, string value, boolean persist)
boolean SetMediaItemInfo_Value(MediaItem item, string parmname, number newvalue)
boolean SetMediaItemTake_Source(MediaItem_Take take, PCM_source source)
nothing ShowConsoleMsg(string msg)
integer ShowMessageBox(string msg, string title, integer type)
boolean TakeIsMIDI(MediaItem_Take take)
number time_precise()
number TimeMap2_timeToQN(ReaProject proj, number tpos)
integer, integer, number TimeMap_GetTimeSigAtTime(ReaProject proj, number time)
nothing Undo_BeginBlock()
integer Undo_DoUndo2(ReaProject proj)
nothing Undo_EndBlock(string descchange, integer extraflags)
nothing UpdateArrange()
nothing UpdateItemInProject(MediaItem item)
"""  # noqa: E501


@dataclass(eq=False)
class Source:
    path: Path
    parent: Source | None = None


@dataclass(eq=False)
class Take:
    source: Source | None = None
    name: str = ""
    is_midi: bool = False
    stretch_markers: int = 0
    values: dict[str, float] = field(
        default_factory=lambda: {
            "D_STARTOFFS": 0.0,
            "D_PLAYRATE": 1.0,
            "D_PITCH": 0.0,
            "I_CHANMODE": 0.0,
        }
    )


@dataclass(eq=False)
class Item:
    track: Track
    take: Take | None = None
    values: dict[str, float] = field(
        default_factory=lambda: {"D_FADEINLEN": 0.01, "D_FADEOUTLEN": 0.01}
    )


@dataclass(eq=False)
class Track:
    name: str
    items: list[Item] = field(default_factory=list)


_KINDS: dict[str, Any] = {
    "MediaItem": Item,
    "MediaItem_Take": Take,
    "MediaTrack": Track,
    "PCM_source": Source,
    "string": str,
    "boolean": bool,
}


def _fits(value: object, kind: str) -> bool:
    if kind == "ReaProject":
        return value == 0  # the active project
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "function":
        return callable(value)
    return isinstance(value, _KINDS[kind])


@dataclass
class Reaper:
    """A project with 7/8 and a tempo change, and what the scripts did to it."""

    tracks: list[Track] = field(default_factory=list)
    selected: list[Item] = field(default_factory=list)
    selected_tracks: list[Track] = field(default_factory=list)
    time_selection: tuple[float, float] = (0.0, 0.0)
    markers: list[tuple[float, str]] = field(default_factory=list)
    resource_path: str = ""
    scripts: list[str] = field(default_factory=list)
    quarters_in_a_beat: float = 1.0
    """What the tempos count."""
    # Seconds, bar, beats per minute, beats and unit (0 where the meter goes on), glides.
    tempos: list[tuple[float, int, float, int, int, bool]] = field(
        default_factory=lambda: [(0.0, 0, 120.0, 4, 4, False), (4.0, 2, 90.0, 7, 8, False)]
    )
    rate_hz: float = 48_000.0
    state: dict[tuple[str, str], str] = field(default_factory=dict)
    boxes: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    peaks_built: int = 0
    deferred: Callable[[], None] | None = None
    at_exit: Callable[[], None] | None = None
    now: float = 0.0
    glued: Callable[[], None] = lambda: None

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The table `reaper`, every call checked."""
        made = {}
        for line in SIGNATURES.strip().splitlines():
            match = re.fullmatch(r"(.+) (\w+)\((.*)\)", line)
            assert match is not None, line
            kinds = [part.split()[0] for part in match[3].split(",") if part.strip()]
            made[match[2]] = self._checked(match[2], match[1].split(", "), kinds)
        return made

    def _checked(self, name: str, returns: list[str], kinds: list[str]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            assert len(given) == len(kinds), f"{name} takes {kinds}, not {given}"
            for value, kind in zip(given, kinds, strict=True):
                assert _fits(value, kind), f"{name} takes {kinds}, not {given}"
            told = getattr(self, name)(*given)
            if returns == ["nothing"]:
                assert told is None
                return None
            values = told if isinstance(told, tuple) else (told,)
            assert len(values) == len(returns), name
            for value, kind in zip(values, returns, strict=True):
                assert value is None or _fits(value, kind), f"{name} returns {returns}"
            return told

        return call

    # The functions, by their names in REAPER
    def AddMediaItemToTrack(self, track):
        item = Item(track)
        track.items.append(item)
        return item

    def AddRemoveReaScript(self, add, section, path, _):
        assert (add, section) == (True, 0), "only the main section's actions are added"
        assert Path(path).is_file()
        self.scripts.append(path)
        return len(self.scripts)

    def AddTakeToMediaItem(self, item):
        item.take = Take()
        return item.take

    def atexit(self, function):
        self.at_exit = function
        return True

    def CountProjectMarkers(self, _):
        return len(self.markers), len(self.markers), 0

    def CountSelectedMediaItems(self, _):
        return len(self.selected)

    def CountSelectedTracks(self, _):
        return len(self.selected_tracks)

    def CountTempoTimeSigMarkers(self, _):
        return len(self.tempos)

    def CountTrackMediaItems(self, track):
        return len(track.items)

    def CountTracks(self, _):
        return len(self.tracks)

    def defer(self, function):
        self.deferred = function
        return True

    def EnumProjectMarkers(self, index):
        seconds, name = self.markers[index]
        return index + 1, False, seconds, 0.0, name, index

    def GetActiveTake(self, item):
        return item.take

    def GetAppVersion(self):
        return "7.16/linux-x86_64"

    def GetAudioDeviceInfo(self, attribute):
        return (True, "44100") if attribute == "SRATE" else (False, "")

    def GetExtState(self, section, key):
        return self.state.get((section, key), "")

    def GetMediaItemInfo_Value(self, item, name):
        return item.values[name]

    def GetMediaItemTake_Source(self, take):
        return take.source

    def GetMediaItemTakeInfo_Value(self, take, name):
        return take.values[name]

    def GetMediaItemTrack(self, item):
        return item.track

    def GetMediaSourceFileName(self, source):
        return str(source.path)

    def GetMediaSourceLength(self, source):
        info = soundfile.info(source.path)
        return info.frames / info.samplerate, False

    def GetMediaSourceParent(self, source):
        return source.parent

    def GetMediaSourceSampleRate(self, source):
        return soundfile.info(source.path).samplerate

    def GetProjectLength(self, _):
        return 60.0

    def GetResourcePath(self):
        return self.resource_path

    def GetSelectedMediaItem(self, _, index):
        return self.selected[index]

    def GetSelectedTrack(self, _, index):
        return self.selected_tracks[index]

    def GetSet_LoopTimeRange(self, is_set, *_):
        assert not is_set
        return self.time_selection

    def GetSetMediaItemTakeInfo_String(self, take, name, text, is_set):
        assert (name, is_set) == ("P_NAME", True)
        take.name = text
        return True, text

    def GetSetMediaTrackInfo_String(self, track, name, text, is_set):
        assert (name, is_set) == ("P_NAME", True)
        track.name = text
        return True, text

    def GetSetProjectInfo(self, _, name, value, is_set):
        assert not is_set
        return {"PROJECT_SRATE": self.rate_hz, "PROJECT_SRATE_USE": float(self.rate_hz > 0)}[name]

    def GetTakeName(self, take):
        return take.name

    def GetTakeNumStretchMarkers(self, take):
        return take.stretch_markers

    def GetTempoTimeSigMarker(self, _, index):
        seconds, bar, tempo, beats, unit, glides = self.tempos[index]
        return True, seconds, bar, 0.0, tempo, beats, unit, glides

    def GetTrack(self, _, index):
        return self.tracks[index]

    def GetTrackMediaItem(self, track, index):
        return track.items[index]

    def GetTrackName(self, track):
        return True, track.name

    def InsertTrackAtIndex(self, index, _):
        self.tracks.insert(index, Track(f"Track {index + 1}"))

    def Main_OnCommand(self, command, flag):
        assert flag == 0
        if command == 40362:
            self.undo.append("glued")
            self.glued()
        else:
            assert command == 40047
            self.peaks_built += 1

    def PCM_Source_CreateFromFile(self, path):
        return Source(Path(path)) if Path(path).is_file() else None

    def SetExtState(self, section, key, value, persist):
        assert not persist
        self.state[section, key] = value

    def SetMediaItemInfo_Value(self, item, name, value):
        assert name in {"D_POSITION", "D_LENGTH", "D_FADEINLEN", "D_FADEOUTLEN"}
        item.values[name] = value
        return True

    def SetMediaItemTake_Source(self, take, source):
        take.source = source
        return True

    def ShowConsoleMsg(self, text):
        self.console.append(text)

    def ShowMessageBox(self, text, *_):
        self.boxes.append(text)
        return 1

    def TakeIsMIDI(self, take):
        return take.is_midi

    def time_precise(self):
        return self.now

    def TimeMap2_timeToQN(self, _, seconds):
        beats = 0.0
        points = [(0.0, 120.0, False), *((p[0], p[2], p[5]) for p in self.tempos)]
        for here, after in zip(points, [*points[1:], None], strict=True):
            at, tempo, glides = here
            ends = after[0] if after else float("inf")
            span = min(seconds, ends) - at
            if span <= 0:
                continue
            rise = (after[1] - tempo) / (ends - at) * span / 2 if glides and after else 0.0
            beats += span * (tempo + rise) / 60
        return beats * self.quarters_in_a_beat

    def TimeMap_GetTimeSigAtTime(self, _, seconds):
        assert seconds == 0
        return 4, 4, 120.0

    def Undo_BeginBlock(self):
        self.undo.append("begin")

    def Undo_DoUndo2(self, _):
        self.undo.append("undone")
        return 1

    def Undo_EndBlock(self, text, _):
        self.undo.append(text)

    def UpdateArrange(self): ...
    def UpdateItemInProject(self, item): ...
