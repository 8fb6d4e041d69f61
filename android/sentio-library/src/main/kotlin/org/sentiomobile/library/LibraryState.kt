package org.sentiomobile.library

import org.sentiomobile.core.library.LibraryProgress

/**
 * The state of an analysis.
 *
 * @property running whether songs are analyzed at this moment; else it waits for its constraints, or ended.
 * @property ended whether it is over: done, stopped, or ended by [fault].
 * @property progress how far it is; null before the first song, and where it was stopped.
 * @property fault one line on what ended it; null where nothing did.
 */
public data class LibraryState(val running: Boolean, val ended: Boolean, val progress: LibraryProgress?, val fault: String?)
