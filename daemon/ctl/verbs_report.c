/*
 * verbs_report.c - verbs for what is known and what came of it: categories, the shift plan,
 * incidents, reports.
 */
#include "ctl/verbs.h"

static const struct ctl_column category_columns[] = {{"key", "key", AS_TEXT, 24},
                                                     {"name", "name", AS_TEXT, 24},
                                                     {"department", "department_name", AS_TEXT, 24},
                                                     {"policy", "policy", AS_TEXT, 16},
                                                     {"kind", "kind", AS_TEXT, 0},
                                                     {"guide", "guide", AS_TEXT, 60},
                                                     {0}};
static const struct ctl_column shift_columns[] = {
    {"id", "id", AS_TEXT, 0}, {"user", "user", AS_TEXT, 24}, {"from", "from", AS_TIME, 0},
    {"to", "to", AS_TIME, 0}, {"kind", "kind", AS_TEXT, 0},  {0}};
static const struct ctl_column incident_columns[] = {{"id", "id", AS_TEXT, 0},
                                                     {"state", "state", AS_TEXT, 0},
                                                     {"opened", "opened_at", AS_TIME, 0},
                                                     {"subject", "subject", AS_TEXT, 40},
                                                     {"owners", "owners", AS_TEXT, 0},
                                                     {"tickets", "tickets", AS_JOINED, 40},
                                                     {"told", "told", AS_TEXT, 0},
                                                     {0}};
static const struct ctl_column appraisal_columns[] = {
    {"key", "key", AS_TEXT, 24},
    {"name", "name", AS_TEXT, 20},
    {"tickets", "tickets", AS_TEXT, 0},
    {"open", "open", AS_TEXT, 0},
    {"kept", "kept", AS_TEXT, 0},
    {"broken", "broken", AS_TEXT, 0},
    {"reopened", "reopened", AS_TEXT, 0},
    {"urges", "urges", AS_TEXT, 0},
    {"unsatisfied", "unsatisfied", AS_TEXT, 0},
    {"satisfaction", "satisfaction.average", AS_TEXT, 0},
    {"staff yes", "staff_confirmations", AS_TEXT, 0},
    {"unconfirmed", "unconfirmed", AS_TEXT, 0},
    {0}};
static const struct ctl_column digest_columns[] = {{"text", "text", AS_TEXT, 0}, {0}};

#define LANGUAGE                                                                                   \
    {                                                                                              \
        "--language", "LANG", "language", IN_QUERY, ARG_TEXT, false, "zh, zh-Hant or en"           \
    }
#define BODY(name, value, field, type, required, what)                                             \
    {                                                                                              \
        name, value, field, IN_BODY, type, required, what                                          \
    }

static const struct ctl_arg category_list_args[] = {LANGUAGE, {0}};
static const struct ctl_arg category_args[] = {
    {"KEY", NULL, "key", IN_PATH, ARG_TEXT, true, "Of a category"}, LANGUAGE, {0}};
static const struct ctl_arg shift_list_args[] = {
    {"--user", "NAME", "user", IN_QUERY, ARG_TEXT, false, "Of one person"},
    {"--from", "TIME", "from", IN_QUERY, ARG_TEXT, false, "That end after this moment"},
    {"--to", "TIME", "to", IN_QUERY, ARG_TEXT, false, "That begin before this moment"},
    PAGE,
    {0}};
static const struct ctl_arg shift_add_args[] = {
    BODY("USER", NULL, "user", ARG_TEXT, true, "An account"),
    BODY("FROM", NULL, "from", ARG_TEXT, true,
         "'2026-11-22 08:00' by the site's clock, 2026-11-22, or RFC 3339"),
    BODY("TO", NULL, "to", ARG_TEXT, true, "Its end; of a date alone the end of that day"),
    BODY("--kind", "KIND", "kind", ARG_TEXT, false, "on (the default) or leave"),
    {0}};
static const struct ctl_arg shift_args[] = {ID("ID", "A shift's id"), {0}};
static const struct ctl_arg incident_list_args[] = {
    {"--state", "STATE", "state", IN_QUERY, ARG_TEXT, false, "proposed, open, resolved or closed"},
    PAGE,
    {0}};
static const struct ctl_arg incident_args[] = {ID("ID", "An incident's number"), {0}};
static const struct ctl_arg incident_new_args[] = {
    BODY("SUBJECT", NULL, "subject", ARG_WORDS, true, "What is the matter"),
    BODY("--category", "KEY", "category", ARG_TEXT, false, "Of its tickets"),
    BODY("--estate", "NAME", "scope.estate", ARG_TEXT, false, "Where it is"),
    BODY("--building", "NAME", "scope.building", ARG_TEXT, false, "Where it is"),
    BODY("--riser", "NN", "scope.riser", ARG_TEXT, false, "Last two digits of the units' names"),
    BODY("--words", "TEXT", "words", ARG_TEXT, false, "What to say to whoever calls"),
    BODY("--join", NULL, "join", ARG_FLAG, false, "Complaints of its scope join by themselves"),
    {0}};
static const struct ctl_arg incident_open_args[] = {
    ID("ID", "An incident's number"),
    BODY("--subject", "TEXT", "subject", ARG_TEXT, false, "Another subject"),
    BODY("--words", "TEXT", "words", ARG_TEXT, false, "What to say to whoever calls"),
    {0}};
static const struct ctl_arg incident_words_args[] = {
    ID("ID", "An incident's number"),
    BODY("TEXT", NULL, "words", ARG_WORDS, true, "What to say to whoever calls"),
    {0}};
static const struct ctl_arg incident_resolve_args[] = {
    ID("ID", "An incident's number"),
    BODY("--note", "TEXT", "note", ARG_TEXT, false, "What was done; callers read it"),
    {0}};
static const struct ctl_arg incident_close_args[] = {
    ID("ID", "An incident's number"), BODY("REASON", NULL, "reason", ARG_WORDS, true, "Why"), {0}};
static const struct ctl_arg appraisal_args[] = {
    {"--by", "WHAT", "by", IN_QUERY, ARG_TEXT, false,
     "responder (the default), department, estate or category"},
    {"--from", "DATE", "from", IN_QUERY, ARG_TEXT, false, "Opened since; 30 days ago by default"},
    {"--to", "DATE", "to", IN_QUERY, ARG_TEXT, false, "Opened until the end of this day"},
    {0}};
static const struct ctl_arg digest_args[] = {
    {"--date", "DATE", "date", IN_QUERY, ARG_TEXT, false, "Yesterday by default"}, {0}};

#define INCIDENT(words, help, args, path)                                                          \
    {                                                                                              \
        "incident " words, help, NULL, args, "POST", "/incidents" path, SHOW_ROWS,                 \
            incident_columns, NULL, NULL                                                           \
    }

const struct ctl_verb ctl_report_verbs[] = {
    GET_LIST("category list", "What owners ask for, and who does it", category_list_args,
             "/categories", category_columns),
    GET_ONE("category show", "One category with its guide and its promises", category_args,
            "/categories/{key}"),
    GET_LIST("shift list", "The shift plan", shift_list_args, "/shifts", shift_columns),
    {"shift add", "Put somebody on duty or on leave", NULL, shift_add_args, "POST", "/shifts",
     SHOW_ROWS, shift_columns, NULL, NULL},
    {"shift remove", "Take it off the plan", NULL, shift_args, "DELETE", "/shifts/{id}", SHOW_CHECK,
     NULL, NULL, NULL},
    GET_LIST("incident list", "Incidents, newest first", incident_list_args, "/incidents",
             incident_columns),
    GET_ONE("incident show", "One incident and its tickets", incident_args, "/incidents/{id}"),
    INCIDENT("new", "Open one by hand", incident_new_args, ""),
    INCIDENT("open", "Take the radar's offer: the tickets of its scope join", incident_open_args,
             "/{id}/open"),
    INCIDENT("words", "What to say to whoever calls about it", incident_words_args, "/{id}/words"),
    INCIDENT("resolve", "It is solved: every joined caller is told", incident_resolve_args,
             "/{id}/resolve"),
    INCIDENT("close", "It was none: nobody is told", incident_close_args, "/{id}/close"),
    GET_LIST("report appraisal", "Promises kept and broken, cycles, satisfaction", appraisal_args,
             "/reports/appraisal", appraisal_columns),
    {"report digest", "A day's complaints in words", NULL, digest_args, "GET", "/reports/digest",
     SHOW_ONE, digest_columns, NULL, NULL},
    {0}};
