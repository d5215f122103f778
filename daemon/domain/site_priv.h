/*
 * site_priv.h - what the files of the site's configuration share.
 */
#pragma once
#include "base/conf_table.h"
#include "domain/site.h"

/** All keys of steward.yaml. */
extern const struct conf_key site_table[];

/* Kinds of the site's own. */
extern const struct conf_kind site_lang_kind;    /* enum lang */
extern const struct conf_kind site_local_kind;   /* struct local_text: text, or {zh, zh-Hant, en} */
extern const struct conf_kind site_address_kind; /* struct site_address */
extern const struct conf_kind site_time_kind;    /* int64_t minutes since midnight: "22:00" */
extern const struct conf_kind site_timezone_kind; /* char *: an IANA name */
extern const struct conf_kind
    site_digits_kind; /* char *: digits, with + before them if bounds allow */
extern const struct conf_kind site_hours_kind; /* struct site_day[7] */

/** Cross checks: names that point nowhere, calendars without working time, and so on. root is the
 * file's tree, for places. */
void site_check(const struct site *s, const struct conf_node *root, struct conf_faults *faults);
/** The node at a path of keys (c, and b, may be NULL), or the deepest one on the way there. */
const struct conf_node *site_node_at(const struct conf_node *n, const char *a, const char *b,
                                     const char *c);
/** Where the daemon would write and listen: folders that are there, addresses that differ. */
void site_check_places(const struct site *s, const struct conf_node *root,
                       struct conf_faults *faults);
/** Certificate and key: both or neither, and readable. */
void site_check_tls(const struct site *s, const struct conf_node *root, struct conf_faults *faults);
/** Reads the files named by `packs` and moves what they define, and root does not, into root. dir:
 * what their names are relative to. */
void site_merge_packs(struct conf_node *root, const char *dir, struct conf_faults *faults);
/** Reads plugins.d into s->instances. */
void site_load_instances(struct site *s, struct conf_faults *faults);
/** A gateway that has no instance yet is a warning. */
void site_check_gateways(const struct site *s, const struct conf_node *root,
                         struct conf_faults *faults);
/** The folder of templates is readable, and what the file names of them is there. */
void site_check_templates(const struct site *s, const struct conf_node *root,
                          struct conf_faults *faults);
