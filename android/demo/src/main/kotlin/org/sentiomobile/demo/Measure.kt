package org.sentiomobile.demo

import android.content.Context
import android.os.Build
import java.io.File
import java.io.IOException
import org.sentiomobile.android.AssetModelFolder
import org.sentiomobile.android.cachingIn
import org.sentiomobile.core.Benchmark
import org.sentiomobile.core.BenchmarkReport
import org.sentiomobile.core.Device
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.SentioOptions
import org.sentiomobile.core.benchmark
import org.sentiomobile.core.model.BackendFactory

/**
 * Time the model by each runtime of the app, on each processor that the phone has and that gives the golden answers.
 *
 * @param progress is told what is measured, and the share of its runs that is done, from 0 to 1.
 */
suspend fun measureAll(context: Context, progress: (String, Float) -> Unit): BenchmarkReport {
    val measured = ArrayList<Benchmark>()
    val passedOver = ArrayList<String>()
    var name = ""
    for (factory in BackendFactory.installed()) {
        for (processor in factory.processors) {
            try {
                val options = SentioOptions(listOf(processor)).cachingIn(context)
                Sentio.open(AssetModelFolder(context.assets), options, listOf(factory)).use { model ->
                    name = "${model.manifest.name} ${model.manifest.release}"
                    passedOver += model.runsOn.passedOver
                    // Where it was passed over, the CPU would be measured again under another name.
                    if (model.runsOn.processor == processor) {
                        measured += model.benchmark(RUNS) { share -> progress(model.runsOn.description, share) }
                    }
                }
            } catch (fault: SentioException) {
                // One that fails costs no figures of the others.
                passedOver += "${factory.format}, $processor: ${fault.message}"
            }
        }
    }
    return BenchmarkReport(name.ifEmpty { context.packageName }, measured, passedOver)
}

/** The form that `sentio-mobile benchmark --adb` fetches, too. */
private const val REPORT = "phone.json"

/**
 * Write a report as JSON among the app's own files, and say where.
 *
 * @throws IOException there is no room for it.
 */
fun writeReport(context: Context, report: BenchmarkReport): File {
    val folder = context.getExternalFilesDir(null) ?: context.filesDir
    val file = File(folder, REPORT)
    // Written beside its place, so that a full disk leaves the last report whole.
    val beside = File(folder, "$REPORT.new")
    beside.writeText(report.toJson(thisDevice()))
    if (!beside.renameTo(file)) throw IOException("$file cannot be replaced")
    return file
}

private fun thisDevice() = Device(
    maker = Build.MANUFACTURER,
    model = Build.MODEL,
    system = "Android ${Build.VERSION.RELEASE}",
    isEmulator = Build.HARDWARE in setOf("goldfish", "ranchu") || Build.FINGERPRINT.startsWith("generic"),
)
