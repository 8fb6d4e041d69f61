package org.sentiomobile.demo

import android.Manifest
import android.app.Activity
import android.net.Uri
import android.os.Build
import androidx.activity.compose.LocalActivity
import androidx.activity.compose.LocalUser
import androidx.compose.runtime.CompositionLocalProvider
import androidx.compose.ui.InternalComposeUiApi
import androidx.compose.ui.LocalSystemTheme
import androidx.compose.ui.SystemTheme
import androidx.compose.ui.graphics.asSkiaBitmap
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.platform.LocalDensity
import androidx.compose.ui.semantics.SemanticsProperties
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.SemanticsMatcher
import androidx.compose.ui.test.SkikoComposeUiTest
import androidx.compose.ui.test.isRoot
import androidx.compose.ui.unit.Density
import java.io.File
import kotlin.math.ceil
import org.jetbrains.skia.EncodedImageFormat
import org.jetbrains.skia.Image

/**
 * What the demo is shown on.
 *
 * @property width of the screen, in dp.
 * @property height of the screen, in dp.
 * @property fontScale how much larger than usual letters are; Android's settings go to 2.
 * @property android which version of Android; from 31 on it brings colours of its own.
 * @property refused whether the user refused every permission before, and will again.
 */
internal data class Phone(
    val width: Int = 360,
    val height: Int = 780,
    val dark: Boolean = false,
    val fontScale: Float = 1f,
    val android: Int = Build.VERSION_CODES.R,
    val refused: Boolean = false,
)

/** The demo on a phone, as a test finds it. */
@OptIn(ExperimentalTestApi::class)
internal class Shown(private val test: SkikoComposeUiTest, private val phone: Phone) {
    val activity = Activity(
        "org.sentiomobile.demo",
        granted = if (phone.refused) emptySet() else PERMISSIONS,
        refusedBefore = if (phone.refused) PERMISSIONS else emptySet(),
    )

    /** What the user asked of the demo. */
    val asked = Asked()

    @OptIn(InternalComposeUiApi::class)
    fun start(state: DemoState, first: Tab) {
        Build.VERSION.SDK_INT = phone.android
        test.mainClock.autoAdvance = false
        test.setContent {
            CompositionLocalProvider(
                LocalActivity provides activity,
                LocalContext provides activity,
                LocalUser provides { !phone.refused },
                LocalSystemTheme provides if (phone.dark) SystemTheme.Dark else SystemTheme.Light,
                LocalDensity provides Density(PIXELS_A_DP, phone.fontScale),
            ) {
                SentioTheme {
                    DemoScreen(state, asked, first)
                }
            }
        }
        settle()
    }

    /** Let what moves come to rest, after a tap; a bar that runs for ever is stopped at the same place. */
    fun settle() = test.mainClock.advanceTimeBy(500)

    /** The texts on screen, of dialogs too. */
    fun texts(): List<Text> = roots().flatMap { textsOf(it.layoutInfo) }

    /** By how much of its height the screen can be scrolled, in dp. */
    fun beyond(): Int = test.onAllNodes(SemanticsMatcher.keyIsDefined(SemanticsProperties.VerticalScrollAxisRange))
        .fetchSemanticsNodes()
        .maxOf { ceil(it.config[SemanticsProperties.VerticalScrollAxisRange].maxValue() / PIXELS_A_DP) }.toInt()

    fun save(file: File) {
        file.parentFile.mkdirs()
        val picture = Image.makeFromBitmap(test.captureToImage().asSkiaBitmap())
        file.writeBytes(checkNotNull(picture.encodeToData(EncodedImageFormat.PNG)).bytes)
    }

    private fun roots() = test.onAllNodes(isRoot()).fetchSemanticsNodes()

    companion object {
        const val PIXELS_A_DP = 2f
        val PERMISSIONS = setOf(Manifest.permission.RECORD_AUDIO, Manifest.permission.READ_MEDIA_AUDIO)
    }
}

/** Writes down what it is asked for, and does nothing. */
internal class Asked : DemoActions {
    val what: MutableList<String> = mutableListOf()

    override fun predict(uri: Uri) = note("predict")

    override fun listen() = note("listen")

    override fun benchmark() = note("benchmark")

    override fun stop() = note("stop")

    override fun startLibrary() = note("start library")

    override fun cancelLibrary() = note("cancel library")

    private fun note(word: String) {
        what += word
    }
}

/** Show the demo in [state] on a phone, beginning with the screen [first]. */
@OptIn(ExperimentalTestApi::class)
internal fun <T> onPhone(
    phone: Phone,
    state: DemoState,
    first: Tab = Tab.LISTEN,
    look: SkikoComposeUiTest.(Shown) -> T,
): T {
    val pixels = Shown.PIXELS_A_DP
    val width = (phone.width * pixels).toInt()
    val height = (phone.height * pixels).toInt()
    return SkikoComposeUiTest(width, height, density = Density(pixels, phone.fontScale)).runTest {
        val shown = Shown(this, phone)
        shown.start(state, first)
        look(shown)
    }
}
