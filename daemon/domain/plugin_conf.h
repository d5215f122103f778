/*
 * plugin_conf.h - one plugin instance's file checked against the plugin's own table of keys
 * (steward/plugin.h), and its values. The plugin host hands them to the plugin.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include "base/conf.h"
#include "domain/site.h"

/**
 * Values of an instance. Every fault of its file is reported: unknown keys with the nearest name,
 * wrong kinds, bounds, what is missing, secrets that cannot be read. NULL if there was one.
 * `keys` (NULL: none) must outlive the result.
 */
struct steward_conf *plugin_conf_load(const struct site_instance *in,
                                      const struct steward_conf_key *keys,
                                      struct conf_faults *faults) MUST_CHECK;
void plugin_conf_free(struct steward_conf **c);

/* What the host table's conf_* functions answer. An unknown key is NULL or 0. */
const char *plugin_conf_text(const struct steward_conf *c, const char *key);
int64_t plugin_conf_int(const struct steward_conf *c, const char *key);
const char *plugin_conf_item(const struct steward_conf *c, const char *key, size_t i);
/** Whether two configurations of the same table hold the same values: then a reload need not be
 * told. */
bool plugin_conf_same(const struct steward_conf *a, const struct steward_conf *b);

/** Appends the table as rows of the reference. */
void plugin_conf_document(const struct steward_conf_key *keys, struct buf *out);
