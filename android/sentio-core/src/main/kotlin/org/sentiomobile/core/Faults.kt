package org.sentiomobile.core

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.map

/**
 * The flow on another dispatcher, with its fault behind all that it gave.
 *
 * By `flowOn` alone, a coroutine that fails takes back what it sent and nobody has collected yet: answers would be lost to a
 * fault that came after them.
 */
internal fun <T> Flow<T>.faultsBehind(dispatcher: CoroutineDispatcher): Flow<T> =
    map { Result.success(it) }
        .catch { fault -> emit(Result.failure(fault)) }
        .flowOn(dispatcher)
        .map { it.getOrThrow() }
