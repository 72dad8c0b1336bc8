"""The window beside real Ardour, by hand: send a region, generate, compare, bring the result back.

Only xdotool touches the two programs; what came of it is read from what they keep on disk, from
what the sound server was given, and from the screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from daw.ardour_driver import RATE_HZ, Region
from daw.desk import wait_for
from daw.window_driver import BAR, FREE, Desk, desk_with_ardour
from scipy.signal import fftconvolve
from sound_server import Recorder

from jukebox_studio.session_records import Variant

pytestmark = pytest.mark.daw

CLIP = (BAR, 2 * BAR)
"""Where the region lies on the timeline, and how long it is."""
ALIKE = 0.9


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_ardour(tmp_path, region=CLIP) as desk:
        yield desk


def test_a_region_goes_into_the_window_and_a_variant_back_onto_the_timeline(desk: Desk) -> None:
    hand, recorder = desk.hand, desk.recorder
    wait_for("the demo clip", lambda: desk.clips() != [])
    desk.shown("1-both")

    clip = desk.send()
    assert (clip.position_samples, clip.length_samples) == CLIP
    assert (clip.timeline_rate_hz, clip.track_name) == (RATE_HZ, "beat")

    desk.fill_in(bars=1, variants=2, seed=7)
    desk.shown("2-sent")
    hand.press("ctrl+Return")
    wait_for("two variants", lambda: len(desk.variants()) == 2)
    first, second = desk.variants()
    desk.shown("3-rendered")

    sounds = {"1": mono(first.audio_path), "2": mono(second.audio_path), "0": mono(clip.path)}
    for name in "12":
        assert len(sounds[name]) == BAR
    hand.press("space")
    wait_until_heard(recorder, sounds["0"])
    # Over the variant, in a loop: what is heard around it is the clip.
    hand.press("1", "l")
    wait_until_heard(recorder, sounds["1"])
    desk.shown("4-playing")
    hand.press("2")
    wait_until_heard(recorder, sounds["2"])
    hand.press("1")
    wait_until_heard(recorder, sounds["1"])
    hand.press("l", "0", "Home")
    wait_until_heard(recorder, sounds["0"])
    hand.press("2", "space")

    def is_silent() -> bool:
        return not recorder.heard(recorder.length_samples - RATE_HZ // 4).any()

    wait_for("silence", is_silent)

    hand.drag(desk.head_of_heard_lane(), FREE)
    wait_for("the drop is noted", lambda: len(desk.placements()) == 1)
    _, dropped = desk.regions_saved_by_hand(2)
    desk.shown("5-dropped")
    [dragged] = desk.placements()
    assert (dragged.variant_id, dragged.how) == (second.id, "dragged")
    assert dragged.path.parent == desk.exports
    assert dropped.position > sum(CLIP)
    assert_is(dropped, dragged.path, second)

    hand.to_front(desk.ours)
    hand.press("1", "ctrl+d")
    wait_for("the variant on the timeline", lambda: len(desk.placements()) == 2)
    inserted = desk.placements()[-1]
    assert (inserted.variant_id, inserted.how) == (first.id, "inserted")
    _, follows, later = desk.regions_saved_by_hand(3)
    desk.shown("6-inserted")
    assert later == dropped
    assert follows.position == inserted.position_samples == sum(CLIP)
    assert not follows.fades_in
    assert_is(follows, inserted.path, first)


def assert_is(region: Region, path: Path, variant: Variant) -> None:
    """The region has all of the samples of a file of ours, which are the variant's."""
    ours, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    assert (region.start, region.length) == (0, len(ours))
    np.testing.assert_array_equal(region.samples(), ours)
    made, _ = soundfile.read(variant.audio_path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(ours, made)


def mono(path: Path) -> np.ndarray:
    """[T], the left channel"""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return sound[:, 0]


def wait_until_heard(recorder: Recorder, sound: np.ndarray) -> None:
    """Until what is recorded from now on has the loudest fifth of a second of a sound.

    Not to the sample, which tests/ui/test_player_pulse.py looks at: ALSA converts the rate.
    """
    start = recorder.length_samples
    size = RATE_HZ // 5
    energies = np.convolve(sound**2, np.ones(size), "valid")[:: size // 2]
    loudest = int(np.argmax(energies)) * (size // 2)
    piece = sound[loudest : loudest + size]

    def is_heard() -> bool:
        heard = recorder.heard(start)[:, 0]
        if len(heard) < size:
            return False
        products = fftconvolve(heard, piece[::-1], "valid")
        energy = np.maximum(fftconvolve(heard**2, np.ones(size), "valid"), 1e-6)
        return bool((products / np.sqrt(energy * np.sum(piece**2))).max() > ALIKE)

    wait_for("it is heard", is_heard)
