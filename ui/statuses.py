"""The signs at the lower edge: engine, DAW, MIDI, tempo and sound, and what a press on one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, QPoint
from PyQt6.QtWidgets import QMenu

from jukebox_studio.tempo import SongTime
from ui.new_clips import DawTempo
from ui.theme import dress, icon
from ui.words import transport_said

if TYPE_CHECKING:
    from ui.window import MainWindow


class Statuses(QObject):
    """How things are, said in a word and a sentence each."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._bar = window, window.transport
        self._daw, self._player = window.daw, window.player
        self._lost_source: str | None = None
        self._audio_fault = ""
        self._bar.status_pressed.connect(self._pressed)
        self._player.device_lost.connect(self.device_lost)
        self._player.device_found.connect(self._device_found)
        self._daw.peers_changed.connect(self.show_daw)
        self._daw.transport_changed.connect(self._transport_changed)
        window.audition.muted_changed.connect(self.show_audio)

    def show(self) -> None:
        self.show_audio()
        self.show_tempo()
        self.show_daw()
        self.show_engine()

    def show_audio(self) -> None:
        sign, muted = self._bar.audio, self._window.audition.is_muted
        sign.setVisible(muted or bool(self._audio_fault))
        if muted and not self._audio_fault:
            why = self.tr("Silent while the DAW plays; the settings can change that.")
            sign.say(self.tr("Silent"), why, "warning")
        else:
            sign.say(self.tr("No audio"), self._audio_fault, "warning")

    def show_tempo(self) -> None:
        state = self._daw.state
        if state is not None and state.source not in (None, "clip"):
            kind = "warning" if state.lost else "good"
            picture = "play" if state.playing else ""
            word = f"{state.tempo_bpm:.1f} {self._source(state.source)}"
            self._bar.tempo.say(word, transport_said(state), kind, picture)
            return
        clip = self._window.clip()
        if state is not None and state.lost is not None:
            tempo = clip.song.tempo.points[0].tempo_bpm if clip else state.tempo_bpm
            lost = self.tr("{source} fell silent.").format(source=self._source(state.lost))
            self._bar.tempo.say(f"{float(tempo):.1f}", lost, "warning", "warning")
            return
        if clip is None:
            self._bar.tempo.say("—", self.tr("No clip gives a tempo."))
            return
        tempo = float(clip.song.tempo.points[0].tempo_bpm)
        assert self._window.project is not None
        doubt = self._window.clip_id in self._window.project.guesses
        sentence = (
            self.tr("{tempo:.1f} BPM, heard in the clip: check it.")
            if doubt
            else self.tr("{tempo:.1f} BPM from the clip.")
        ).format(tempo=tempo)
        text = f"{tempo:.1f}{'?' if doubt else ''}"
        self._bar.tempo.say(text, sentence, "warning" if doubt else "dim")

    def _source(self, source: str) -> str:
        """Who tells the time, in a word."""
        names = sorted({peer.daw for peer in self._daw.peers.values() if peer.daw})
        return {
            "link": "Link",
            "midi": self.tr("MIDI clock"),
            "osc": names[0] if len(names) == 1 else self.tr("DAW"),
        }.get(source, source)

    def daw_tempo(self) -> DawTempo | None:
        """What is played at elsewhere now."""
        state = self._daw.state
        if state is None or state.source not in ("link", "midi", "osc"):
            return None
        tempo_bpm = round(state.tempo_bpm, 2)
        # A clock is measured, and hardly one is set to 119.98.
        if state.source == "midi" and abs(tempo_bpm - round(tempo_bpm)) < 0.002 * tempo_bpm:
            tempo_bpm = round(tempo_bpm)
        return DawTempo(float(tempo_bpm), self._source(state.source))

    def midi_sentence(self) -> str:
        if not self._daw.listens_to_midi:
            return self.tr("MIDI is off.")
        return self._daw.midi_sentence or self.tr("Looking for MIDI inputs …")

    def audio_sentence(self) -> str:
        if self._audio_fault:
            return self._audio_fault
        if self._player.output is None:
            return self.tr("No audio device is known yet.")
        said = self.tr("{device} plays, at {rate} Hz.")
        if self._player.is_playing:
            said = self.tr("It is heard through {device}, at {rate} Hz.")
        return said.format(device=self._player.output, rate=f"{self._player.rate_hz:,}")

    def show_daw(self) -> None:
        linked = bool(self._daw.peers)
        names = sorted({peer.daw or peer.sender for peer in self._daw.peers.values()})
        kind = "good" if linked else "warning" if self._daw.fault else "dim"
        word = names[0] if names else self.tr("DAW")
        self._bar.daw.say(word, self._daw.sentence(), kind)
        none = (
            self._daw.listens_to_midi and bool(self._daw.midi_sentence) and not self._daw.midi_names
        )
        self._bar.midi.say(
            self.tr("No MIDI") if none else self.tr("MIDI"),
            self.midi_sentence(),
            "warning" if none else "good" if self._daw.midi_names else "dim",
        )

    def show_engine(self) -> None:
        states = (
            [queued.state for queued in self._window.project.queued] if self._window.project else []
        )
        if self._window.project is not None and self._window.project.session.read_only:
            self._bar.engine.say(
                self.tr("Read-only"), self.tr("This project can only be read."), "warning"
            )
        elif "running" in states:
            self._bar.engine.say(self.tr("Rendering"), self.tr("The engine renders."), "good")
        elif self._window.project is not None and self._window.project.is_paused:
            self._bar.engine.say(self.tr("Paused"), self.tr("The queue is paused."), "warning")
        else:
            name = self._window.model.name if self._window.model else self.tr("no model")
            self._bar.engine.say(
                self.tr("Ready"), self.tr("The engine is ready, with {name}.").format(name=name)
            )

    def device_lost(self, sentence: str) -> None:
        self._audio_fault = sentence
        self.show_audio()
        self._window.pages.refresh_settings()
        self._window.messages.say(
            sentence, "warning", (self.tr("Audio settings"), self._window.pages.show_audio_settings)
        )

    def _device_found(self) -> None:
        self._audio_fault = ""
        self.show_audio()
        self._window.pages.refresh_settings()

    def _pressed(self, name: str) -> None:
        if name == "tempo":
            self._tempo_pressed()
            return
        page = self._window.pages.show_settings()
        page.tabs.setCurrentIndex(
            {"audio": 1 if self._audio_fault else 2, "midi": 2, "daw": 2, "engine": 4}[name]
        )

    def _tempo_pressed(self) -> None:
        """Type another; or take over the tempo of who plays along, or give them the clip's."""
        tempo, clip, clip_id = self.daw_tempo(), self._window.clip(), self._window.clip_id
        if clip is None or clip_id is None or (tempo is None and not self._daw.is_in_link):
            self._window.inbox.tempo.setFocus()
            return
        self.tempo_menu = menu = QMenu(self._window)
        dress(menu)
        own_bpm = float(clip.song.tempo.points[0].tempo_bpm)
        if tempo is not None:
            text = self.tr("The clip is at {tempo:g} BPM, as {source} says").format(
                tempo=tempo.tempo_bpm, source=tempo.source
            )
            take = menu.addAction(icon("metronome"), text)
            assert take is not None
            take.setEnabled(len(clip.song.tempo.points) == 1)  # a DAW's tempo map knows better
            bpm, meter = tempo.tempo_bpm, str(clip.song.meters.points[0].meter)
            take.triggered.connect(
                lambda: self._window.with_project(lambda p: p.set_tempo(clip_id, bpm, meter))
            )
        if self._daw.is_in_link:
            give = menu.addAction(
                icon("share"), self.tr("Set Link to {tempo:g} BPM").format(tempo=own_bpm)
            )
            assert give is not None
            give.triggered.connect(lambda: self._daw.set_link_tempo(own_bpm))
        other = menu.addAction(icon("edit"), self.tr("Type another …"))
        assert other is not None
        other.triggered.connect(self._window.inbox.tempo.setFocus)
        sign = self._bar.tempo
        menu.popup(sign.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _transport_changed(self, state: Any) -> None:
        settings = self._window.store.settings
        self._window.audition.follow(
            state, follows=settings.follow_daw, mutes=settings.mute_while_daw_plays
        )
        lost, self._lost_source = self._lost_source, state.lost
        if state.lost is not None and state.lost != lost:
            self._window.tell(
                self.tr("{source} fell silent.").format(source=self._source(state.lost))
            )
        tempo = self.daw_tempo()
        if tempo is not None and self._window.clip_id is None:
            # The grid that a first clip will lie on.
            self._window.show_song(SongTime.steady(tempo.tempo_bpm))
        self.show_tempo()
