/*
 * repo_audit.h - rows of `audit`: who read or changed what, beside the tickets' own histories.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** One line. object ("message 91", "owner 7") and data_json (one JSON object) may be NULL. */
int repo_audit_add(struct db *db, int64_t at, const char *by, const char *what, const char *object,
                   const char *data_json) MUST_CHECK;
