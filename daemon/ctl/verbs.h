/*
 * verbs.h - short forms for the tables of verbs.
 */
#pragma once
#include "ctl/ctl.h"

/* Arguments that many verbs take. */
#define PAGE                                                                                       \
    {"--limit", "N", "limit", IN_QUERY, ARG_INT, false, "Most rows, 1 to 500"},                    \
    {                                                                                              \
        "--cursor", "TEXT", "cursor", IN_QUERY, ARG_TEXT, false, "Go on where a list ended"        \
    }
#define ID(name, what)                                                                             \
    {                                                                                              \
        name, NULL, "id", IN_PATH, ARG_TEXT, true, what                                            \
    }

/* Verbs that only show. */
#define GET_LIST(words, help, args, path, columns)                                                 \
    {                                                                                              \
        words, help, NULL, args, "GET", path, SHOW_ROWS, columns, NULL, NULL                       \
    }
#define GET_ONE(words, help, args, path)                                                           \
    {                                                                                              \
        words, help, NULL, args, "GET", path, SHOW_FIELDS, NULL, NULL, NULL                        \
    }

/** The tables; each ends with a row without words. */
extern const struct ctl_verb ctl_site_verbs[], ctl_ticket_verbs[], ctl_call_verbs[],
    ctl_report_verbs[];
