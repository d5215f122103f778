/*
 * reference.h - docs/configuration.md, written from the tables: the site's keys and those of every
 * plugin module found.
 */
#pragma once
#include "base/buf.h"

/** Append the page. plugin_dir: folder of the modules (NULL: ../lib/steward beside the program), in
 * the order of their names; one that cannot be loaded is left out. */
void reference_write(const char *plugin_dir, struct buf *out);
