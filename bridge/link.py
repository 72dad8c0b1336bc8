"""The Ableton Link session: its tempo, beat and start/stop, heard and told.

Link finds its peers by multicast on every network the machine is in and has no password, so it is
off until the musician turns it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.transport import LinkTimeline
from jukebox_studio.tempo import checked_tempo

if TYPE_CHECKING:
    import link

QUANTUM_BEATS = 4.0
"""Peers agree on the beat within this many: a bar of 4/4."""

LOWEST_LINK_BPM, HIGHEST_LINK_BPM = 20.0, 999.0
"""Link's own limits."""


@dataclass(frozen=True)
class LinkState:
    """The session at the moment it was asked."""

    tempo_bpm: float
    beat: float
    playing: bool
    peers: int
    """The others; 0: nobody else is in the session."""


class LinkPeer:
    """This program as one of the peers, from `enable` to `disable`."""

    def __init__(self, tempo_bpm: float = 120.0, quantum_beats: float = QUANTUM_BEATS) -> None:
        """tempo_bpm: what the session has where this peer is the first; others keep theirs."""
        # Here, because it is native code that starts threads: who does not use Link loads none.
        import link

        self._link: link.Link = link.Link(_within_link(tempo_bpm))
        self._link.startStopSyncEnabled = True
        self._quantum_beats = quantum_beats

    def enable(self) -> None:
        self._link.enabled = True

    def disable(self) -> None:
        """Leave the session; the others go on."""
        self._link.enabled = False

    @property
    def enabled(self) -> bool:
        return self._link.enabled

    def state(self) -> LinkState:
        session = self._link.captureSessionState()
        beat = session.beatAtTime(self._link.clock().micros(), self._quantum_beats)
        peers = self._link.numPeers() if self._link.enabled else 0
        return LinkState(session.tempo(), beat, session.isPlaying(), peers)

    def tell(self, timeline: LinkTimeline, now_seconds: float) -> None:
        """Tell the transport how the session is; often enough is every 50 ms."""
        state = self.state()
        timeline.tell(
            now_seconds,
            tempo_bpm=state.tempo_bpm,
            beat=state.beat,
            playing=state.playing,
            peers=state.peers,
        )

    def set_tempo(self, tempo_bpm: float) -> None:
        """For all peers. Raises JukeboxError where it is no tempo; Link's limits are narrower."""
        session = self._link.captureSessionState()
        session.setTempo(_within_link(tempo_bpm), self._link.clock().micros())
        self._link.commitSessionState(session)

    def set_playing(self, playing: bool) -> None:
        """For all peers that follow start and stop; the start is on the next bar of the session."""
        session = self._link.captureSessionState()
        if session.isPlaying() == playing:
            return
        session.setIsPlaying(playing, self._link.clock().micros())
        if playing:
            session.requestBeatAtStartPlayingTime(0, self._quantum_beats)
        self._link.commitSessionState(session)


def _within_link(tempo_bpm: float) -> float:
    return min(max(float(checked_tempo(tempo_bpm)), LOWEST_LINK_BPM), HIGHEST_LINK_BPM)
