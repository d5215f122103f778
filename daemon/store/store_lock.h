/*
 * store_lock.h - one daemon to a store: two on one database would send every message twice.
 */
#pragma once
#include "base/err.h"

struct store_lock;

/**
 * Take the lock of the database at path (PATH.lock beside the file that it resolves to, so that two
 * names of one database are one lock) and write this process's id into it. It is to be taken before
 * the database is opened for writing. The system releases it with the process, however that ends;
 * the file stays. E_EXISTS: another process has it, and why names its id. E_IO: it cannot be made.
 */
int store_lock_take(const char *path, struct store_lock **out, struct errmsg *why) MUST_CHECK;
/** Releases it; NULL is none. */
void store_lock_free(struct store_lock **lock);
