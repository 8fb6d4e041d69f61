package org.sentiomobile.android

import android.Manifest
import android.annotation.SuppressLint
import android.content.Context
import android.content.pm.PackageManager
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder
import android.os.Build
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import org.sentiomobile.core.SentioException.MicrophoneError
import org.sentiomobile.core.audio.PcmBlock

/**
 * What the microphone hears, in mono, 20 blocks a second. It is on while the flow is collected, and off when that is cancelled.
 *
 * Collecting throws [MicrophoneError] where the permission was refused, the microphone cannot be opened, or it is lost while
 * listening: taken by a call or another app, or switched off in the phone's privacy settings.
 *
 * @param sampleRate in Hz; 44,100 is the one that every phone has.
 */
public fun microphone(context: Context, sampleRate: Int = 44_100): Flow<PcmBlock> = flow {
    if (context.checkSelfPermission(Manifest.permission.RECORD_AUDIO) != PackageManager.PERMISSION_GRANTED) {
        throw MicrophoneError("The microphone was refused; allow it in the app's settings")
    }
    val recorder = open(sampleRate)
    try {
        start(recorder)
        val block = FloatArray(sampleRate / BLOCKS_A_SECOND)
        var blocks = 0
        while (true) {
            val count = recorder.read(block, 0, block.size, AudioRecord.READ_BLOCKING)
            if (count < 0) throw MicrophoneError("The microphone was lost (error $count); close other apps that record")
            // Asks another process: once a second is enough.
            if (++blocks % BLOCKS_A_SECOND == 0 && isSilenced(recorder)) {
                throw MicrophoneError("The microphone was taken by another app, or switched off in the privacy settings")
            }
            // The buffer is used again; emit also ends the loop when the collector was cancelled.
            if (count > 0) emit(PcmBlock(block.copyOf(count), sampleRate))
        }
    } finally {
        recorder.release()
    }
}.flowOn(Dispatchers.IO)

// The permission was checked, and a refusal in between throws SecurityException.
@SuppressLint("MissingPermission")
private fun open(sampleRate: Int): AudioRecord {
    val channel = AudioFormat.CHANNEL_IN_MONO
    val encoding = AudioFormat.ENCODING_PCM_FLOAT
    val least = AudioRecord.getMinBufferSize(sampleRate, channel, encoding)
    // A second: collecting garbage elsewhere must not tear holes.
    val bytes = maxOf(least, sampleRate * Float.SIZE_BYTES)
    val recorder = try {
        // Recognizers want the sound as it is; other sources may level it out, and loudness is part of arousal.
        AudioRecord(MediaRecorder.AudioSource.VOICE_RECOGNITION, sampleRate, channel, encoding, bytes)
    } catch (fault: RuntimeException) {
        throw MicrophoneError("The microphone cannot be opened at $sampleRate Hz (${fault.message}); close other apps", fault)
    }
    if (recorder.state != AudioRecord.STATE_INITIALIZED) {
        recorder.release()
        throw MicrophoneError("The microphone cannot be opened at $sampleRate Hz; close other apps that record")
    }
    return recorder
}

private fun start(recorder: AudioRecord) {
    try {
        recorder.startRecording()
    } catch (fault: IllegalStateException) {
        throw MicrophoneError("The microphone cannot be started (${fault.message}); close other apps that record", fault)
    }
    if (recorder.recordingState != AudioRecord.RECORDSTATE_RECORDING) {
        throw MicrophoneError("The microphone is in use; close other apps that record")
    }
}

/** Android feeds an app silence rather than an error when it takes its microphone away. */
private fun isSilenced(recorder: AudioRecord): Boolean =
    Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q && recorder.activeRecordingConfiguration?.isClientSilenced == true

private const val BLOCKS_A_SECOND = 20
