/*
 * pool.h - small blocks that come and go by the hundred within a turn of the loop.
 *
 * glibc keeps seven free blocks of a size at hand for each thread and sorts what is more into its
 * bins; here a thread keeps hundreds of them. A block must go back with the size it was taken with;
 * another thread may give it back.
 */
#pragma once
#include <stddef.h>

/** A block of that size, not cleared. */
void *pool_take(size_t size);
/** The same, cleared. */
void *pool_take0(size_t size);
/** Give it back; NULL is allowed. */
void pool_give(void *block, size_t size);
