/*
 * kit.h - the plugin kit: a host of paper that leads a plugin through its life in every order and
 * says what it does wrong. steward-plugin-check is a program around it; tests use it for more.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include "base/conf.h"

#define KIT_TEXT 512

/** What a plugin reported last. */
struct kit_receipt {
    char key[130], state[20], error[KIT_TEXT], provider_id[130];
    int64_t at;
};

struct kit_inbound {
    char id[130], from[256], to[256], text[KIT_TEXT], reply_to_key[130];
    int64_t at;
};

struct kit {
    struct steward_host host; /* first: the plugin's `self` */
    const struct steward_plugin *plugin;
    struct steward_conf *conf;
    void *ctx; /* what init gave */
    int64_t now;
    char instance[65];
    bool verbose;
    /* what it holds, and what it did */
    struct steward_handle *handles;
    int live_handles, registrations;
    int fail_registration; /* the n-th registration fails; 0: none */
    bool stopped;
    const struct steward_gateway_ops *gateway;
    void *gateway_ctx;
    const struct steward_cti_ops *cti;
    void *cti_ctx;
    int receipts, inbounds, logs;
    struct kit_receipt receipt;
    struct kit_inbound inbound;
    /* complaints */
    int faults;
    char fault[KIT_TEXT]; /* the first */
};

/** Opens a module; NULL with why. */
const struct steward_plugin *kit_open(const char *path, char *why, size_t why_len);
/**
 * A host for one instance whose file has this YAML text. False, with the faults of the text in
 * k->fault, if the plugin's table refuses it. The clock stands at now.
 */
bool kit_begin(struct kit *k, const struct steward_plugin *plugin, const char *yaml, int64_t now);
/** Forget everything; handles still lent are a fault. */
void kit_end(struct kit *k);
/** Note a fault (printf-like). */
void kit_fault(struct kit *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** check, init and start; false if one of them does not return 0. */
bool kit_start(struct kit *k);
/** stop (which must say `stopped` within the deadline), then fini; nothing may be left. */
void kit_stop(struct kit *k);
/** Let every armed timer fire, in order of their moments, until `ms` have passed. */
void kit_advance(struct kit *k, int64_t ms);

/**
 * The whole examination: descriptor and table, check, init and fini, start and stop, init failing
 * at each registration, stop with work outstanding, reload. Returns the number of faults; each is
 * written to stderr.
 */
int kit_examine(const struct steward_plugin *plugin, const char *yaml, bool verbose);
