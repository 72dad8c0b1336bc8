"""What is heard, sample by sample, without a device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ui.mixer import Mixer, Playable, Samples

RATE_HZ = 48_000
FADE = 240
LENGTH = 20_000
ANGLES = ((np.arange(FADE) + 0.5) / FADE * (math.pi / 2))[:, None]
RISING, FALLING = np.sin(ANGLES).astype(np.float32), np.cos(ANGLES).astype(np.float32)
SILENCE = np.zeros((LENGTH, 2), np.float32)


def noise(seed: int, length: int = LENGTH) -> Samples:
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, (length, 2))
    return values.astype(np.float32)


A, B, C = noise(1), noise(2), noise(3)


def faded(leaving: Samples, coming: Samples) -> Samples:
    return leaving * FALLING + coming * RISING


def mixer_of(**sources: Playable | Samples) -> Mixer:
    """A mixer that hears the first of these, which start at 0 where they are bare samples."""
    mixer = Mixer(RATE_HZ)
    playable = {
        name: source if isinstance(source, Playable) else Playable(source, 0)
        for name, source in sources.items()
    }
    mixer.set_sources(playable)
    mixer.switch(next(iter(sources), ""))
    return mixer


def play_from(mixer: Mixer, position: int) -> Samples:
    """Start; returns the fade that comes before the position."""
    mixer.play(position)
    return mixer.render(FADE)


def in_blocks(mixer: Mixer, length: int, block: int) -> Samples:
    parts = [mixer.render(min(block, length - at)) for at in range(0, length, block)]
    return np.concatenate(parts)


def same(heard: Samples, wanted: Samples) -> None:
    np.testing.assert_array_equal(heard, wanted)


def test_a_stopped_mixer_is_silent() -> None:
    mixer = mixer_of(a=A)
    same(mixer.render(1000), SILENCE[:1000])
    assert (mixer.position_samples, mixer.is_playing, mixer.rendered_samples) == (0, False, 1000)


def test_what_is_played_is_the_source_to_the_sample_from_the_asked_position_on() -> None:
    mixer = mixer_of(a=A)
    same(play_from(mixer, 5000), faded(SILENCE[:FADE], A[5000 - FADE : 5000]))
    same(mixer.render(3000), A[5000:8000])
    assert mixer.position_samples == 8000


def test_at_its_very_beginning_a_source_is_not_faded() -> None:
    mixer = mixer_of(a=A)
    same(play_from(mixer, 0), SILENCE[:FADE])
    same(mixer.render(100), A[:100])


@pytest.mark.parametrize("block", [1, 7, 239, 240, 241, 1024])
def test_a_switch_is_a_then_a_fade_then_b(block: int) -> None:
    mixer = mixer_of(a=A, b=B)
    play_from(mixer, 1000)
    mixer.post(FADE + 1500, mixer.switch, "b")
    heard = in_blocks(mixer, 4000, block)
    same(heard[:1500], A[1000:2500])
    same(heard[1500:1740], faded(A[2500:2740], B[2500:2740]))
    same(heard[1740:], B[2740:5000])


def test_a_switch_has_equal_power() -> None:
    np.testing.assert_allclose(RISING**2 + FALLING**2, 1, atol=1e-6)
    assert Mixer(RATE_HZ).fade_samples == FADE
    assert Mixer(44_100).fade_samples == 220


def test_many_switches_at_once_end_with_the_last_one_after_at_most_two_fades() -> None:
    mixer = mixer_of(a=A, b=B, c=C)
    play_from(mixer, 1000)
    mixer.switch("b")
    mixer.render(10)
    for name in "cabac":
        mixer.switch(name)
    heard = mixer.render(1000)
    same(heard[230:470], faded(B[1240:1480], C[1240:1480]))
    same(heard[470:], C[1480:2010])


def test_switching_where_both_are_the_same_leaves_the_sound_alone() -> None:
    other = A.copy()
    other[10_000:] = B[10_000:]
    mixer = mixer_of(a=A, b=other)
    play_from(mixer, 1000)
    mixer.switch("b")
    same(mixer.render(11_000), other[1000:12_000])


def test_switching_while_stopped_is_heard_from_the_start() -> None:
    mixer = mixer_of(a=A, b=B)
    mixer.switch("b")
    play_from(mixer, 3000)
    same(mixer.render(100), B[3000:3100])
    assert mixer.heard_id == "b"


def test_sources_lie_on_one_timeline() -> None:
    mixer = mixer_of(a=A, b=Playable(B, 4000))
    play_from(mixer, 3000)
    mixer.switch("b")
    heard = mixer.render(2000)
    same(heard[FADE:1000], SILENCE[: 1000 - FADE])
    same(heard[1000:], B[:1000])


def test_stop_fades_out_and_stays() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 2000)
    mixer.render(500)
    mixer.stop()
    same(mixer.render(FADE), faded(A[2500:2740], SILENCE[:FADE]))
    same(mixer.render(100), SILENCE[:100])
    assert mixer.position_samples == 2500
    mixer.play()
    mixer.render(FADE)
    same(mixer.render(50), A[2500:2550])


def test_play_without_a_position_does_nothing_to_what_plays() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 2000)
    mixer.play()
    same(mixer.render(500), A[2000:2500])


def test_it_stops_at_the_end_of_all_that_is_loaded_and_begins_again() -> None:
    mixer = mixer_of(a=Playable(A, 700), b=Playable(B[:5000], 700))
    mixer.switch("b")
    play_from(mixer, 700 + 4900)
    heard = mixer.render(20_000)
    same(heard[:100], B[4900:5000])
    # The longer one is still there to be switched to.
    assert mixer.position_samples == 700 + LENGTH
    assert not mixer.is_playing
    same(heard[100:], np.zeros((19_900, 2), np.float32))
    mixer.play()
    mixer.render(FADE)
    same(mixer.render(10), B[:10])


def test_seeking_while_playing_is_a_fade_to_exactly_there() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 1000)
    mixer.locate(9000)
    same(mixer.render(FADE), faded(A[1000:1240], A[8760:9000]))
    same(mixer.render(100), A[9000:9100])


def test_seeking_while_stopped_moves_the_playhead() -> None:
    mixer = mixer_of(a=A)
    mixer.locate(4000)
    assert mixer.position_samples == 4000
    mixer.play()
    mixer.render(FADE)
    same(mixer.render(100), A[4000:4100])


@pytest.mark.parametrize("block", [64, 1000, 5000])
def test_a_loop_repeats_every_so_many_samples(block: int) -> None:
    mixer = mixer_of(a=A)
    mixer.set_loop((2000, 5000))
    play_from(mixer, 4000)
    heard = in_blocks(mixer, 1000 + 3 * 3000, block)
    fade = faded(A[4760:5000], A[1760:2000])
    same(heard[:760], A[4000:4760])
    for turn in range(3):
        begin = 1000 + turn * 3000
        same(heard[begin - FADE : begin], fade)
        same(heard[begin : begin + 2760], A[2000:4760])


def test_a_loop_over_the_same_sound_has_no_seam() -> None:
    turn = noise(5, 3000)
    mixer = mixer_of(a=np.concatenate([turn] * 4))
    mixer.set_loop((3000, 6000))
    play_from(mixer, 3000)
    same(mixer.render(12_000), np.concatenate([turn] * 4))


def test_a_loop_behind_the_playhead_is_not_jumped_into() -> None:
    mixer = mixer_of(a=A)
    mixer.set_loop((2000, 5000))
    play_from(mixer, 5000)
    same(mixer.render(3000), A[5000:8000])


def test_a_loop_keeps_time_when_a_switch_falls_on_its_end() -> None:
    for early in range(0, 2 * FADE, 40):
        mixer = mixer_of(a=A, b=B)
        mixer.set_loop((2000, 5000))
        play_from(mixer, 4000)
        mixer.post(FADE + 1000 - early, mixer.switch, "b")
        heard = mixer.render(1000 + 2000)
        same(heard[1000 + FADE :], B[2000 + FADE : 4000])


def test_a_loop_beyond_the_end_goes_on_in_silence() -> None:
    mixer = mixer_of(a=A)
    mixer.set_loop((LENGTH - 1000, LENGTH + 1000))
    play_from(mixer, LENGTH - 500)
    heard = mixer.render(3000)
    same(heard[500 : 1500 - FADE], SILENCE[: 1000 - FADE])
    same(heard[1500:2500], A[-1000:])
    assert mixer.is_playing


def test_a_loop_can_be_lifted_and_one_without_room_is_none() -> None:
    mixer = mixer_of(a=A)
    for loop in (None, (2000, 2400)):
        mixer.set_loop((2000, 5000))
        mixer.set_loop(loop)
        play_from(mixer, 2000)
        same(mixer.render(4000), A[2000:6000])


def test_what_is_around_sounds_where_the_source_does_not() -> None:
    mixer = mixer_of()
    before, after = Playable(B[:5000], 0), Playable(C[:2000], 8000)
    mixer.set_sources({"a": Playable(A[:3000], 4000)}, before, after)
    mixer.switch("a")
    play_from(mixer, 0)
    heard = mixer.render(11_000)
    same(heard[:4000], B[:4000])
    same(heard[4000:7000], A[:3000])
    same(heard[7000:8000], SILENCE[:1000])
    same(heard[8000:10_000], C[:2000])
    assert (mixer.position_samples, mixer.is_playing) == (10_000, False)


def test_switching_in_what_comes_before_is_not_heard() -> None:
    mixer = mixer_of()
    before = Playable(C[:4000], 0)
    mixer.set_sources({"a": Playable(A, 4000), "b": Playable(B, 4000)}, before)
    mixer.switch("a")
    play_from(mixer, 3000)
    mixer.post(FADE + 500, mixer.switch, "b")
    heard = mixer.render(2000)
    same(heard, np.concatenate([C[3000:4000], B[:1000]]))


def test_muting_fades_and_the_playhead_goes_on() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 1000)
    mixer.set_muted(True)
    same(mixer.render(FADE), faded(A[1000:1240], SILENCE[:FADE]))
    same(mixer.render(1000), SILENCE[:1000])
    mixer.set_muted(False)
    same(mixer.render(FADE), faded(SILENCE[:FADE], A[2240:2480]))
    same(mixer.render(100), A[2480:2580])


def test_gains_apply_while_loudness_is_matched() -> None:
    mixer = mixer_of(a=Playable(A, 0, gain=0.5))
    play_from(mixer, 1000)
    same(mixer.render(100), A[1000:1100] * np.float32(0.5))
    mixer.set_matched(False)
    same(mixer.render(FADE), faded(A[1100:1340] * np.float32(0.5), A[1100:1340]))
    same(mixer.render(100), A[1340:1440])


def test_a_preview_that_grows_plays_on_without_a_mark() -> None:
    mixer = mixer_of(a=Playable(A[:4000], 0, whole_samples=10_000))
    play_from(mixer, 1000)
    heard = [mixer.render(1000)]
    mixer.set_sources({"a": Playable(A[:8000], 0, whole_samples=10_000)})
    heard.append(mixer.render(7000))
    same(np.concatenate(heard), np.concatenate([A[1000:8000], SILENCE[:1000]]))
    # It will be longer: not the end yet.
    assert mixer.is_playing
    mixer.set_sources({"a": Playable(A[:10_000], 0)})
    same(mixer.render(FADE), faded(SILENCE[:FADE], A[9000:9240]))
    same(mixer.render(1000)[:760], A[9240:10_000])
    assert not mixer.is_playing


def test_a_source_that_is_replaced_while_it_plays_is_faded_to() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 1000)
    mixer.render(500)
    mixer.set_sources({"a": Playable(B, 0)})
    same(mixer.render(FADE), faded(A[1500:1740], B[1500:1740]))
    same(mixer.render(500), B[1740:2240])


def test_a_late_variant_never_interrupts_what_is_heard() -> None:
    heard_source = Playable(A, 0)
    mixer = mixer_of(a=heard_source)
    play_from(mixer, 1000)
    heard = [mixer.render(500)]
    # Wanted before it is there: what is heard goes on until it is.
    mixer.switch("late")
    heard.append(mixer.render(500))
    mixer.set_sources({"a": heard_source, "other": Playable(C, 0)})
    heard.append(mixer.render(500))
    same(np.concatenate(heard), A[1000:2500])
    assert mixer.heard_id == "a"
    mixer.set_sources({"a": heard_source, "other": Playable(C, 0), "late": Playable(B, 0)})
    same(mixer.render(FADE), faded(A[2500:2740], B[2500:2740]))
    same(mixer.render(100), B[2740:2840])
    assert mixer.heard_id == "late"


def test_a_source_that_is_taken_away_falls_silent() -> None:
    mixer = mixer_of(a=A, b=B)
    play_from(mixer, 1000)
    mixer.set_sources({"b": Playable(B, 0)})
    same(mixer.render(FADE), faded(A[1000:1240], SILENCE[:FADE]))
    same(mixer.render(100), SILENCE[:100])


@pytest.mark.parametrize("block", [100, 1024])
def test_a_start_on_time_is_exact(block: int) -> None:
    mixer = mixer_of(a=A)
    at = 3210
    mixer.post(at - FADE, mixer.play_at, at, 6000)
    heard = in_blocks(mixer, 5000, block)
    same(heard[: at - FADE], SILENCE[: at - FADE])
    same(heard[at - FADE : at], faded(SILENCE[:FADE], A[6000 - FADE : 6000]))
    same(heard[at:], A[6000 : 6000 + 5000 - at])


def test_a_start_that_comes_late_joins_in_where_it_would_be() -> None:
    mixer = mixer_of(a=A)
    mixer.render(5000)
    mixer.post(3000 - FADE, mixer.play_at, 3000, 6000)
    heard = mixer.render(1000)
    same(heard[:FADE], faded(SILENCE[:FADE], A[8000:8240]))
    same(heard[FADE:], A[8240:9000])


def test_a_start_in_the_middle_of_a_fade_keeps_its_time() -> None:
    mixer = mixer_of(a=A, b=B)
    play_from(mixer, 1000)
    mixer.switch("b")
    mixer.render(100)
    mixer.play_at(FADE + 100, 9000)
    same(mixer.render(3000)[380:], B[9380:12_000])


def test_following_a_clock_jumps_only_where_it_is_off() -> None:
    mixer = mixer_of(a=A)
    play_from(mixer, 1000)
    mixer.render(1000)
    mixer.play_at(mixer.rendered_samples, 2000 + 400)
    same(mixer.render(1000), A[2000:3000])
    mixer.play_at(mixer.rendered_samples, 9000)
    same(mixer.render(FADE), faded(A[3000:3240], A[9000:9240]))
    same(mixer.render(1000), A[9240:10_240])


def test_stopping_or_starting_calls_off_a_start() -> None:
    calls: list[tuple[Callable[[Mixer], Any], Samples]] = [
        (lambda mixer: mixer.stop(), SILENCE[:3000]),
        (lambda mixer: mixer.play(1000), A[1000:4000]),
    ]
    for call, wanted in calls:
        mixer = mixer_of(a=A)
        mixer.post(2000, mixer.play_at, 2000 + FADE, 9000)
        mixer.render(100)
        call(mixer)
        mixer.render(FADE)
        same(mixer.render(3000), wanted)


def test_a_start_at_a_time_does_not_end_with_what_lies_before() -> None:
    mixer = mixer_of(a=Playable(A, 0))
    mixer.locate(LENGTH)
    mixer.play_at(0, 500)
    same(mixer.render(1000)[FADE:], A[500 + FADE : 1500])


def test_what_is_posted_counts_without_a_device_too() -> None:
    mixer = mixer_of(a=A)
    mixer.post(None, mixer.locate, 777)
    assert mixer.render(0).shape == (0, 2)
    assert mixer.position_samples == 777


def test_rendering_in_any_blocks_is_the_same() -> None:
    """A session of everything, in blocks of one size and in blocks of random sizes."""

    def session(blocks: list[int]) -> Samples:
        mixer = mixer_of(a=A, b=Playable(B, 500, gain=0.7), c=Playable(C[:9000], 0))
        random = np.random.default_rng(11)
        acts: list[tuple[Callable[..., None], Any]] = [
            (mixer.switch, "a"),
            (mixer.switch, "b"),
            (mixer.switch, "c"),
            (mixer.play, 1000),
            (mixer.play, 8000),
            (mixer.locate, 12_000),
            (mixer.set_loop, (3000, 7000)),
            (mixer.set_loop, None),
            (mixer.set_muted, True),
            (mixer.set_muted, False),
            (mixer.set_matched, False),
        ]
        mixer.post(0, mixer.play, 0)
        for at in np.sort(random.integers(0, 60_000, 200)):
            method, argument = acts[random.integers(len(acts))]
            mixer.post(int(at), method, argument)
        return np.concatenate([mixer.render(block) for block in blocks])

    sizes = np.random.default_rng(12).integers(1, 2000, 200).tolist()
    whole = session([sum(sizes)])
    same(session(sizes), whole)
    assert np.abs(whole).max() > 0.3
