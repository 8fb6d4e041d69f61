/** The microphone as a source of sound that goes on. */

import captureUrl from "./capture.worklet.ts?worker&url";
import { MicrophoneError, reason } from "./errors.ts";
import type { LiveListener, LiveSource } from "./live.ts";

/** Why a browser gives no microphone, by the name of its error, and what to do about it. */
const REFUSALS: Readonly<Record<string, string>> = {
  NotAllowedError: "was refused; allow it for this page in the browser's settings, then try again",
  NotFoundError: "was not found; connect one, then try again",
  NotReadableError: "is in use by another program; close that, then try again",
};

/**
 * The microphone, without the processing that calls need and music suffers from.
 *
 * It sends nothing anywhere: what is heard goes to the listener, and to nobody else.
 */
export function microphone(): LiveSource {
  let stopped = false;
  let media: MediaStream | null = null;
  let context: AudioContext | null = null;

  async function start(listener: LiveListener): Promise<number> {
    media = await ask();
    const [track] = media.getAudioTracks();
    if (stopped || !track) {
      release();
      throw new MicrophoneError("The microphone was stopped before it began; try again");
    }
    const lost = (how: string) => () => {
      if (!stopped) listener.ended(new MicrophoneError(`The microphone was lost (${how}); connect it, then try again`));
    };
    track.addEventListener("ended", lost("it was disconnected, or its permission was taken back"));
    try {
      context = new AudioContext({ latencyHint: "playback" });
      await context.audioWorklet.addModule(captureUrl);
      const capture = new AudioWorkletNode(context, "sentio-capture", { numberOfOutputs: 0 });
      capture.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
        if (!stopped) listener.heard(data);
      };
      capture.onprocessorerror = lost("the browser's audio stopped");
      context.createMediaStreamSource(media).connect(capture);
      await context.resume();
      return context.sampleRate;
    } catch (error) {
      release();
      throw new MicrophoneError(`The microphone cannot be used (${reason(error)}); update the browser`);
    }
  }

  function release(): void {
    stopped = true;
    for (const track of media?.getTracks() ?? []) track.stop();
    void context?.close();
    media = context = null;
  }

  return { start, stop: release };
}

async function ask(): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw new MicrophoneError("The microphone is closed to this page: open it over https, or on localhost");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    throw new MicrophoneError(`The microphone ${REFUSALS[name] ?? `cannot be used (${reason(error)}); try again`}`);
  }
}
