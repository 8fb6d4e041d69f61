"""One pass over the packets of an audio file: mono blocks at the file's own rate, and what was wrong with it."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sentio_mobile.audio.container import AudioFile, cannot_decode
from sentio_mobile.audio.pcm import Pcm, to_mono
from sentio_mobile.errors import AudioError

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet

BLOCK = 32_768
"""Frames that are mixed at a time: three quarters of a second at 44.1 kHz."""

_MAX_PADDING = 4_096
"""Frames that an encoder adds at the end, at most, and that are held back until the end is known."""

_PREROLL_SECONDS = 1.0
"""Seconds that are decoded before a position that was searched: frames build on those before them."""

_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS", b"3DI")
"""First letters of the tags that stand at the end of a file."""


class Pass:
    """One pass over a file from its beginning or from a position, in little memory.

    Attributes:
        audio: The file, just opened.
        seconds: Where in the file the pass is. After `count_rest`, the length of the file.
        reached_end: Whether the pass came to the file's end.
    """

    def __init__(self, audio: AudioFile) -> None:
        self.audio = audio
        self.seconds, self.reached_end = 0.0, False
        self._packets, self._frames = self._demux(), self._decode()
        self._first: Packet[AudioStream] | None = None
        self._last: Packet[AudioStream] | None = None
        self._faults: list[tuple[float, bytes]] = []
        self._error: Exception | None = None
        self._heard = self._missing = self._expected = 0.0
        self._counted = 0
        self._joined = 0.0
        base = audio.stream.time_base
        self._tick = float(base) if base is not None and audio.states_gaps else 0.0
        self._origin = audio.origin

    def seek(self, frame: int) -> int | None:
        """Go to a frame at the file's own rate, or a little before it.

        Returns:
            The frame that the next block begins with, at most `frame`; None where it cannot be known, and then another
            pass must begin at the beginning.
        """
        from av.error import FFmpegError

        audio, base = self.audio, self.audio.stream.time_base
        if base is None:
            return None
        early = frame / audio.rate - _PREROLL_SECONDS
        try:
            audio.container.seek(max(0, round(audio.origin + early / base)), stream=audio.stream)
        except FFmpegError:
            return None
        frames = self._frames
        waiting = next(frames, None)
        if waiting is None or waiting.pts is None:
            return None
        self._frames = itertools.chain([waiting], frames)
        found = round((waiting.pts - audio.origin) * base * audio.rate)
        self.seconds += found / audio.rate
        return found if 0 <= found <= frame else None

    def blocks(self) -> Iterator[tuple[int, Pcm]]:
        """Yield blocks of mono PCM [samples], each with its rate, to the end of the file.

        A new block begins where the rate or the number of channels changes.

        Raises:
            AudioError: The file holds no sound that can be decoded, or values that are not numbers.
        """
        from av.audio.fifo import AudioFifo

        fifo = AudioFifo()
        for frame in self._frames:
            frame.pts = None
            try:
                fifo.write(frame)
            except ValueError:  # the format is another one from here on
                yield from self._drain(fifo, fifo.samples)
                fifo = AudioFifo()
                fifo.write(frame)
            if fifo.samples >= BLOCK + _MAX_PADDING:
                yield from self._drain(fifo, BLOCK)
        self.reached_end = True
        if not self._heard:
            if self._error:
                raise cannot_decode(self.audio.path, self.audio.raw, self._error)
            raise AudioError(f"{self.audio.path}: holds no samples; give a file with sound in it")
        padding = self._padding()
        self.seconds -= padding / self.audio.rate
        yield from self._drain(fifo, fifo.samples - padding)

    def count_rest(self) -> float:
        """Read the file to its end, without decoding where the lengths of packets add up, and return its seconds."""
        if self.reached_end:
            return self.seconds
        if not self.audio.is_counted:
            for _ in self._frames:
                pass
        else:
            for packet in self._packets:
                if self._joins_frames(packet):
                    self._decode_packet(packet)
            base = self.audio.stream.time_base
            counted = float(self._counted * base) - self._added_frames() / self.audio.rate if base else 0.0
            self.seconds = counted + self._joined
            self._heard = self.seconds
            self._try_last()
        self.reached_end = True
        return self.seconds

    def notes(self) -> list[str]:
        """What was wrong with the part that was read, in words that follow the file's name."""
        notes: list[str] = []
        middle = [at for at, _ in self._faults if at < self._heard]
        if middle:
            parts = "a part" if len(middle) == 1 else f"{len(middle)} parts"
            notes.append(f"is damaged at {middle[0]:.1f} s, where {parts} cannot be decoded")
        elif self._missing:
            notes.append(f"is damaged, {self._missing:.1f} s are missing in the middle")
        if self.reached_end and (end := self._fault_of_end()):
            notes.append(f"ends after {self.seconds:.1f} {end}; copy it again from its source")
        return notes

    def _fault_of_end(self) -> str:
        audio, stated = self.audio, self.audio.stated_seconds(self._first)
        lost = sum(len(packet) for at, packet in self._faults if at < self._heard)
        if stated is not None and not lost and self.seconds + self._missing < stated - audio.tolerance:
            return f"of {stated:.1f} s: it was cut, or is damaged"
        if audio.bytes_missing:
            return f"s, {audio.bytes_missing:,} bytes too early: it was cut"
        if audio.is_open_ended:
            return "s without the mark of its end: it was cut"
        tail = [packet for at, packet in self._faults if at >= self._heard]
        if tail and not tail[0].startswith(_TAGS):
            size = sum(map(len, tail))
            return (
                f"s; {f'its last {size:,} bytes hold' if size else 'after that it holds'} no sound that can be decoded"
            )
        return "s in the middle of a frame: it was cut" if self._ends_within_frame() else ""

    def _ends_within_frame(self) -> bool:
        """Whether the last frame is shorter than its own header says."""
        from av import CodecContext

        if not self.audio.has_frame_sizes or self._last is None:
            return False
        # The parser finds a frame's end from its header alone.
        parser = CodecContext.create(self.audio.stream.codec_context.name, "r")
        found = parser.parse(bytes(self._last) + bytes(2 * _MAX_PADDING))
        return bool(found) and self._last.size < found[0].size <= _MAX_PADDING

    def _demux(self) -> Iterator[Packet[AudioStream]]:
        from av.error import FFmpegError

        packets = self.audio.container.demux(self.audio.stream)
        try:
            for packet in packets:
                if packet.size:
                    self._first, self._last = self._first or packet, packet
                    self._counted += packet.duration or 0
                yield packet
        except FFmpegError as error:  # the container is damaged here, and nothing after it is found
            self._error = error
            self._faults.append((math.inf, b""))

    def _joins_frames(self, packet: Packet[AudioStream]) -> bool:
        """Whether a packet is the end of a FLAC file and the header of the next: FFmpeg does not say how long it is."""
        return self.audio.kind == "flac" and packet.size > 0 and not packet.duration

    def _decode_packet(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """The frames of a packet; none, and a fault, where it is damaged."""
        from av.error import FFmpegError

        try:
            frames = packet.decode()
        except FFmpegError as error:
            self._note_fault(error, bytes(packet))
            return []
        if self._joins_frames(packet):
            self._joined += sum(frame.samples / frame.sample_rate for frame in frames)
        return frames

    def _decode(self) -> Iterator[AudioFrame]:
        for packet in self._packets:
            for frame in self._decode_packet(packet):
                if frame.samples:
                    self._note_gap(frame)
                    self.seconds += frame.samples / frame.sample_rate
                    self._heard = self.seconds
                    yield frame

    def _note_fault(self, error: Exception, packet: bytes) -> None:
        self._error = error
        self._faults.append((self.seconds, packet))

    def _note_gap(self, frame: AudioFrame) -> None:
        """Add up what is missing between frames that state their positions."""
        # Read once a frame: what FFmpeg is asked for each time costs as much as the decoding of a frame.
        if self._tick and frame.pts is not None:
            begins = (frame.pts - self._origin) * self._tick
            if self._heard and begins > self._expected + self.audio.tolerance:
                self._missing += begins - self._expected
            self._expected = begins + frame.samples / frame.sample_rate

    def _added_frames(self) -> int:
        """Frames that the encoder added, and that the lengths of the packets include."""
        begin = _skipped(self._first)[0]
        return begin + _skipped(self._last)[1] if self.audio.counts_padding else begin

    def _try_last(self) -> None:
        """Decode the last of the packets that were only counted: it is where the end of a file is damaged."""
        from av.error import FFmpegError

        try:
            if self.audio.has_frame_sizes and self._last is not None:
                self._last.decode()
        except FFmpegError as error:
            self._note_fault(error, bytes(self._last or b""))

    def _padding(self) -> int:
        """Frames at the end that an encoder added, where FFmpeg leaves it to the caller to cut them."""
        base, last = self.audio.stream.time_base, self._last
        if not self.audio.pads_last_packet or last is None or last.pts is None or base is None or self._faults:
            return 0
        end = (last.pts + (last.duration or 0) - self.audio.origin) * base
        excess = round((self.seconds - float(end)) * self.audio.rate)
        return excess if 0 < excess <= _MAX_PADDING else 0

    def _drain(self, fifo: AudioFifo, count: int) -> Iterator[tuple[int, Pcm]]:
        while count > 0 and (frame := fifo.read(min(count, BLOCK))):
            count -= frame.samples
            yield frame.sample_rate, to_mono(frame, self.audio.path)


def _skipped(packet: Packet[AudioStream] | None) -> tuple[int, int]:
    """Frames at the beginning and at the end of a packet that are not part of the sound."""
    if packet is None or not packet.has_sidedata("skip_samples"):
        return 0, 0
    begin, end = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return int(begin), int(end)
