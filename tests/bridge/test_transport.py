"""One tempo, beat and playing state out of several sources, whatever the sources do."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.midi_clock import (
    SONG_POSITION_QUIRKS,
    TICKS_PER_BEAT,
    TIMEOUT_SECONDS,
    MidiClock,
    song_position_is_times_too_large,
)
from bridge.transport import (
    JUMP_BEATS,
    LINK_TIMEOUT_SECONDS,
    OSC_TIMEOUT_SECONDS,
    PRIORITIES,
    Source,
    Transport,
    TransportState,
)
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import BarBeat, MeterMap, SongTime, TempoMap, TempoPoint

JACK_PERIOD_SECONDS = 1024 / 48_000


def ticks_at(tempo_bpm: float, count: int, start_seconds: float = 0.0) -> list[float]:
    return [start_seconds + k * 60 / tempo_bpm / TICKS_PER_BEAT for k in range(count)]


def through_jack(times: list[float], period_seconds: float = JACK_PERIOD_SECONDS) -> list[float]:
    """As JACK hands events over: at the end of the period in which they fall."""
    return [(math.floor(t / period_seconds) + 1) * period_seconds for t in times]


def playing_clock(times: list[float]) -> MidiClock:
    clock = MidiClock()
    clock.start()
    for at in times:
        clock.tick(at)
    return clock


def tempo_of(clock: MidiClock, now_seconds: float) -> float:
    reading = clock.reading(now_seconds)
    assert reading is not None
    return reading.tempo_bpm


# MIDI clock --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tempo_bpm", [10, 33.3, 60, 97.5, 120, 174, 300, 999])
def test_a_steady_clock_has_its_tempo_and_beat(tempo_bpm: float) -> None:
    times = ticks_at(tempo_bpm, 24 * 16 + 1)
    reading = playing_clock(times).reading(times[-1])
    assert reading is not None
    assert reading.tempo_bpm == pytest.approx(tempo_bpm, rel=1e-9)
    # The first tick is beat 0, so 16 beats later comes the 385th.
    assert reading.beat == pytest.approx(16, abs=1e-6)
    assert reading.playing


@settings(max_examples=20)
@given(
    st.floats(40, 250),
    st.sampled_from([64, 256, 1024, 2048]),
    st.sampled_from([44_100, 48_000]),
    st.floats(0, 0.1),
)
def test_the_mean_tempo_through_jack_is_within_three_parts_in_a_thousand(
    tempo_bpm: float, period_samples: int, rate_hz: int, start_seconds: float
) -> None:
    times = ticks_at(tempo_bpm, int(20 * tempo_bpm / 60 * TICKS_PER_BEAT), start_seconds)
    clock, tempos = playing_clock([]), []
    for at in through_jack(times, period_samples / rate_hz):
        clock.tick(at)
        if at - times[0] > 5:
            tempos.append(tempo_of(clock, at))
    assert sum(tempos) / len(tempos) == pytest.approx(tempo_bpm, rel=0.003)
    # A single moment may be further off, by the jitter over the time that is averaged.
    assert tempos == pytest.approx([tempo_bpm] * len(tempos), rel=0.02)


@settings(max_examples=20)
@given(st.integers(0, 1_000), st.floats(40, 250), st.floats(0, 0.02))
def test_random_jitter_is_averaged_out(seed: int, tempo_bpm: float, jitter_seconds: float) -> None:
    rng = random.Random(seed)
    times = sorted(t + rng.uniform(0, jitter_seconds) for t in ticks_at(tempo_bpm, 480))
    assert tempo_of(playing_clock(times), times[-1]) == pytest.approx(tempo_bpm, rel=0.01)


def test_a_step_of_the_tempo_is_followed_within_a_second() -> None:
    first = ticks_at(120, 200)
    second = ticks_at(90, 40, first[-1] + 60 / 90 / 24)
    assert second[-1] - second[0] < 1.2
    assert tempo_of(playing_clock(first + second), second[-1]) == pytest.approx(90, rel=1e-6)


def test_a_slow_drift_is_followed() -> None:
    times = [0.0]
    while (tempo := 120 + times[-1]) < 140:  # a beat per minute faster with every second
        times.append(times[-1] + 60 / tempo / 24)
    # The line through the last four seconds has the tempo of its middle.
    assert tempo_of(playing_clock(times), times[-1]) == pytest.approx(138, rel=0.005)


def test_one_late_tick_changes_little() -> None:
    times = ticks_at(120, 200)
    times[150] += 0.2
    clock = playing_clock(sorted(times))
    assert tempo_of(clock, max(times)) == pytest.approx(120, rel=0.005)


def test_position_start_stop_and_continue() -> None:
    clock = MidiClock()
    for at in ticks_at(120, 25):
        clock.tick(at)
    reading = clock.reading(0.5)
    assert reading is not None
    assert (reading.beat, reading.playing) == (0, False)

    clock.song_position(16)
    clock.continue_()
    reading = clock.reading(0.51)
    assert reading is not None
    assert (reading.beat, reading.playing, reading.moving) == (4, True, False)
    for at in ticks_at(120, 13, 0.5 + 0.5 / 24):  # the first of them is beat 4 itself
        clock.tick(at)
    last_seconds = 0.5 + 13 * 0.5 / 24
    reading = clock.reading(last_seconds)
    assert reading is not None
    assert reading.beat == pytest.approx(4.5, abs=0.001)

    clock.stop()
    reading = clock.reading(1_000)  # silence after Stop is no loss
    assert reading is not None
    assert (reading.beat, reading.playing) == (4.5, False)
    clock.start()
    reading = clock.reading(1_000)
    assert reading is None or reading.beat == 0


def test_ticks_that_cease_without_stop_are_a_loss() -> None:
    times = ticks_at(120, 100)
    clock = playing_clock(times)
    held = clock.reading(times[-1] + 0.9 * TIMEOUT_SECONDS)
    assert held is not None
    assert held.beat < 99 / 24 + 0.7  # it does not run on for the whole time
    assert clock.reading(times[-1] + 1.1 * TIMEOUT_SECONDS) is None
    back = ticks_at(120, 3, times[-1] + 5)
    for at in back:
        clock.tick(at)
    again = clock.reading(back[-1])
    assert again is not None
    assert again.beat == pytest.approx(102 / 24, abs=0.01)


def test_a_flood_of_ticks_is_no_tempo() -> None:
    times = ticks_at(120, 200)
    clock = playing_clock(times)
    for _ in range(100_000):
        clock.tick(times[-1])
    assert clock.ignored_ticks > 99_000
    reading = clock.reading(times[-1])
    assert reading is not None
    assert reading.tempo_bpm <= 1_000
    assert reading.beat < 20


def test_ardour_7_3_counts_song_position_six_times_too_large() -> None:
    def beat_of(daw: str, version: str, told: int) -> float:
        clock = MidiClock()
        clock.sent_by(daw, version)
        for at in ticks_at(120, 25):
            clock.tick(at)
        clock.song_position(told)
        reading = clock.reading(0.5)
        assert reading is not None
        return reading.beat

    assert beat_of("Ardour", "7.3.0~ds0", 8 * 24) == 8
    assert beat_of("ardour", "7.3", 7 * 24) == 7
    for daw, version in [("Ardour", "7.30"), ("Ardour", "8.1"), ("Reaper", "7.3"), ("", "")]:
        assert beat_of(daw, version, 8 * 4) == 8
    assert all(q.times_too_large > 1 for q in SONG_POSITION_QUIRKS)
    assert song_position_is_times_too_large(" ARDOUR ", " 7.3.1") == 6


# Which source ------------------------------------------------------------------------------------


def tell_link(
    transport: Transport,
    now: float,
    tempo_bpm: float,
    beat: float,
    peers: int,
    playing: bool = True,
) -> None:
    transport.link.tell(now, tempo_bpm=tempo_bpm, beat=beat, playing=playing, peers=peers)


def tell_osc(transport: Transport, now: float, tempo_bpm: float, position_samples: int) -> None:
    transport.osc_transport(
        now,
        playing=True,
        position_samples=position_samples,
        timeline_rate_hz=48_000,
        tempo_bpm=tempo_bpm,
    )


def test_the_first_source_in_order_that_lives_is_followed() -> None:
    transport = Transport()
    assert transport.state(0).source is None
    transport.clip.tell(0, SongTime.steady(80), 0, playing=False)
    assert transport.state(0).source == "clip"
    tell_osc(transport, 1, 100, 48_000)
    assert transport.state(1).source == "osc"
    transport.midi.start()
    for at in ticks_at(120, 30, 1):
        transport.midi.tick(at)
    assert transport.state(1.7).source == "midi"
    tell_link(transport, 1.8, 140, 3, peers=1)
    state = transport.state(1.8)
    assert (state.source, state.tempo_bpm, state.beat, state.lost) == ("link", 140, 3, None)
    assert state.sentence() == "140.0 BPM from Ableton Link, playing."

    tell_link(transport, 1.9, 140, 3.2, peers=0)
    state = transport.state(1.9)
    assert (state.source, state.lost) == ("midi", "link")
    assert state.sentence().endswith("Ableton Link fell silent.")
    state = transport.state(1.9 + TIMEOUT_SECONDS + 1)
    assert (state.source, state.lost) == ("osc", "midi")
    state = transport.state(1 + OSC_TIMEOUT_SECONDS + 1)
    assert (state.source, state.lost, state.tempo_bpm) == ("clip", "osc", 80)
    transport.clip.forget()
    state = transport.state(20)
    assert (state.source, state.lost, state.tempo_bpm, state.playing) == (None, "clip", 80, False)
    tell_link(transport, 21, 140, 0, peers=2)
    assert transport.state(21).lost is None


def test_the_order_can_be_another_and_leave_sources_out() -> None:
    transport = Transport(priorities=("osc", "midi"))
    tell_link(transport, 0, 140, 0, peers=1)
    assert transport.state(0).source is None
    tell_osc(transport, 0, 100, 0)
    assert transport.state(0).source == "osc"


def test_link_that_nobody_asks_any_more_is_lost() -> None:
    transport = Transport()
    tell_link(transport, 0, 120, 0, peers=1)
    assert transport.state(LINK_TIMEOUT_SECONDS).beat == pytest.approx(2 * LINK_TIMEOUT_SECONDS)
    assert transport.state(LINK_TIMEOUT_SECONDS + 0.1).source is None


def test_osc_follows_the_tempo_map_of_the_song_where_it_is_still_true() -> None:
    song = SongTime(
        TempoMap((TempoPoint(Fraction(0), Fraction(120)), TempoPoint(Fraction(8), Fraction(60)))),
        MeterMap.of((0, "4/4")),
    )

    def beat(tempo_bpm: float) -> float:
        transport = Transport()
        transport.osc_transport(
            0,
            playing=True,
            position_samples=3 * 48_000,  # beat 6, a second before the tempo halves
            timeline_rate_hz=48_000,
            tempo_bpm=tempo_bpm,
            song=song,
        )
        return transport.state(2).beat

    assert beat(120) == pytest.approx(9)
    assert beat(90) == pytest.approx(7.5)


def test_osc_that_cannot_be_is_refused() -> None:
    for tempo_bpm in (0.0, math.nan, math.inf, -120.0):
        with pytest.raises(JukeboxError):
            tell_osc(Transport(), 0, tempo_bpm, 0)
    with pytest.raises(JukeboxError):
        Transport().osc_transport(
            0, playing=True, position_samples=0, timeline_rate_hz=0, tempo_bpm=120
        )


def test_the_clip_goes_through_its_own_tempos() -> None:
    song = SongTime(TempoMap.of((0, 120), (4, 60)), MeterMap.of((0, "7/8")))
    transport = Transport()
    transport.clip.tell(10, song, 2, playing=True)
    assert transport.state(10.5).tempo_bpm == 120
    for k in range(31):
        state = transport.state(10.5 + k / 20)
    assert state.beat == pytest.approx(5, abs=1e-3)
    assert state.tempo_bpm == pytest.approx(60, rel=0.01)
    assert TransportState("clip", 60, 5, 0.0, True, 1).place_in(song) == BarBeat(2, Fraction(4))


def test_a_change_of_tempo_is_shown_smoothly_and_arrives() -> None:
    transport = Transport()
    tell_link(transport, 0, 120, 0, peers=1)
    transport.state(0)
    tempos = []
    for k in range(1, 41):
        tell_link(transport, k / 20, 130, 130 / 60 * k / 20, peers=1)
        tempos.append(transport.state(k / 20).tempo_bpm)
    assert tempos == sorted(tempos)
    assert 120 < tempos[0] < 125
    assert tempos[-1] == pytest.approx(130, abs=0.01)


def test_a_small_difference_is_made_up_for_without_a_jump() -> None:
    transport = Transport()
    tell_link(transport, 0, 120, 10, peers=1)
    transport.state(0)
    for k in range(1, 41):
        tell_link(transport, k / 40, 120, 9.8 + 2 * k / 40, peers=1)  # it was 0.2 beats ahead
        state = transport.state(k / 40)
    assert state.jumps == 1  # the first, from nowhere to beat 10
    assert state.beat == pytest.approx(11.8, abs=0.01)


@pytest.mark.parametrize("beat", [0.12, 0.45, 9.3])
def test_what_comes_first_is_taken_as_it_is(beat: float) -> None:
    transport = Transport()
    tell_link(transport, 0, 93.5, beat, peers=1, playing=False)
    state = transport.state(0)
    assert (state.beat, state.jumps) == (beat, 1)


def test_a_start_is_on_the_beat_of_the_source() -> None:
    transport = Transport()
    tell_link(transport, 0, 120, 10, peers=1, playing=False)
    transport.state(0)
    # It goes 0.2 beats back, as a session may that another peer joins, which takes its time.
    tell_link(transport, 0.05, 120, 9.9, peers=1, playing=False)
    assert 10 < transport.state(0.05).beat < 10.1
    tell_link(transport, 0.1, 120, 10.0, peers=1, playing=True)
    state = transport.state(0.1)
    assert (state.beat, state.jumps) == (10.0, 2)


def test_a_start_on_course_is_no_jump() -> None:
    transport = Transport()
    tell_link(transport, 0, 120, 10, peers=1, playing=False)
    assert transport.state(0).jumps == 1
    tell_link(transport, 0.05, 120, 10.1001, peers=1, playing=True)
    state = transport.state(0.05)
    assert (state.beat, state.jumps) == (10.1001, 1)


# Whatever happens --------------------------------------------------------------------------------


class Driver:
    """Everything that may come in, at times that only go forward."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.now = 100.0
        self.link_beat = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def tick(self, tempo_bpm: float, count: int, jitter_seconds: float, drop: int) -> None:
        rng = random.Random(count)
        for k in range(count):
            self.now += 60 / tempo_bpm / TICKS_PER_BEAT
            if drop == 0 or k % drop:
                self.transport.midi.tick(self.now + rng.uniform(0, jitter_seconds))
            if k % 7 == 0:
                self.check()

    def midi(self, what: str, position: int) -> None:
        clock = self.transport.midi
        {
            "start": clock.start,
            "stop": clock.stop,
            "continue": clock.continue_,
            "gone": clock.gone,
            "position": lambda: clock.song_position(position),
        }[what]()

    def link(self, tempo_bpm: float, moved: float, peers: int) -> None:
        self.link_beat += moved
        tell_link(self.transport, self.now, tempo_bpm, self.link_beat, peers)

    def osc(self, tempo_bpm: float, position_samples: int, playing: bool) -> None:
        self.transport.osc_transport(
            self.now,
            playing=playing,
            position_samples=position_samples,
            timeline_rate_hz=48_000,
            tempo_bpm=tempo_bpm,
        )

    def clip(self, beat: float, playing: bool) -> None:
        song = SongTime(TempoMap.of((0, 90), (16, 180)), MeterMap.of((0, "3/4")))
        self.transport.clip.tell(self.now, song, beat, playing)

    def order(self, priorities: list[Source]) -> None:
        self.transport.priorities = tuple(priorities)

    last: TransportState | None = None
    last_seconds = 0.0

    def check(self) -> None:
        state, last = self.transport.state(self.now), self.last
        gone_by = max(0.0, self.now - self.last_seconds)
        if last is not None:
            assert state.jumps >= last.jumps
            if state.jumps == last.jumps:
                assert state.beat >= last.beat
                # At most what the fastest tempo makes, and what a jump would not have been.
                assert state.beat - last.beat <= gone_by * 1_100 / 60 + JUMP_BEATS
        assert math.isfinite(state.beat)
        assert 10 <= state.tempo_bpm <= 1_000
        assert not (state.playing and state.source is None)
        self.last, self.last_seconds = state, self.now


TEMPOS = st.floats(20, 400)
EVENTS = st.one_of(
    st.tuples(st.just(Driver.wait), st.floats(0, 3)),
    st.tuples(
        st.just(Driver.tick), TEMPOS, st.integers(1, 120), st.floats(0, 0.05), st.integers(0, 9)
    ),
    st.tuples(
        st.just(Driver.midi),
        st.sampled_from(["start", "stop", "continue", "gone", "position"]),
        st.integers(0, 2**14 - 1),
    ),
    st.tuples(st.just(Driver.link), TEMPOS, st.floats(-8, 8), st.integers(0, 2)),
    st.tuples(st.just(Driver.osc), TEMPOS, st.integers(0, 10**7), st.booleans()),
    st.tuples(st.just(Driver.clip), st.floats(0, 64), st.booleans()),
    st.tuples(
        st.just(Driver.order),
        st.lists(st.sampled_from(PRIORITIES), unique=True),
    ),
)


@given(st.lists(EVENTS, max_size=30))
def test_the_beat_never_runs_backward_but_on_a_jump_that_is_told(
    events: list[tuple[Callable[..., None], object]],
) -> None:
    driver = Driver()
    driver.check()
    for event, *arguments in events:
        event(driver, *arguments)
        driver.check()
        driver.wait(0.01)
        driver.check()


@settings(max_examples=20)
@given(TEMPOS, st.floats(0, 0.03), st.floats(0.001, 0.2), st.integers(0, 1_000))
def test_a_playing_clock_makes_no_jumps_and_keeps_its_beat(
    tempo_bpm: float, jitter_seconds: float, asked_every_seconds: float, seed: int
) -> None:
    rng = random.Random(seed)
    transport = Transport()
    transport.midi.start()
    times = sorted(t + rng.uniform(0, jitter_seconds) for t in ticks_at(tempo_bpm, 300))
    states: list[TransportState] = []
    asked = 0.0
    for at in times:
        while asked < at:
            states.append(transport.state(asked))
            asked += asked_every_seconds
        transport.midi.tick(at)
    followed = [state for state in states if state.source == "midi"]
    assert followed[-1].jumps - followed[0].jumps == 0
    last_seconds = asked - asked_every_seconds
    true_beat = (last_seconds - jitter_seconds / 2) * tempo_bpm / 60
    assert followed[-1].beat == pytest.approx(true_beat, abs=0.05 + 0.03 * tempo_bpm / 60)


def test_a_song_position_while_playing_is_one_jump() -> None:
    transport = Transport()
    times = ticks_at(120, 200)
    transport.midi.start()
    for at in times:
        transport.midi.tick(at)
    before = transport.state(times[-1])
    transport.midi.song_position(0)
    assert transport.state(times[-1] + 0.005).beat == 0
    later = ticks_at(120, 49, times[-1] + 0.5 / 24)
    for at in later:
        transport.midi.tick(at)
        transport.state(at)
    after = transport.state(later[-1])
    assert after.jumps == before.jumps + 1
    assert after.beat == pytest.approx(2, abs=0.02)
