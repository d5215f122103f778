/*
 * ctl.h - what the parts of stewardctl share: a verb as a row of a table, its arguments, the
 * request it makes and how its answer is shown.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

/* Exit codes. */
#define CTL_DONE    0
#define CTL_REFUSED 1
#define CTL_USAGE   2

/** What stands before or after any verb. */
struct ctl {
    const char *config;  /* -c FILE, STEWARD_CONFIG, or NULL: the usual places */
    const char *url;     /* --url, or NULL: the Unix socket */
    const char *ca;      /* --ca: PEM file of the authority that signed --url's certificate */
    const char *token;   /* --token; NULL: STEWARD_TOKEN beside --url, else none */
    const char *program; /* argv[0], to find stewardd beside it */
    bool json, help;
};

/* ---- verbs ---- */

enum ctl_where { IN_PATH, IN_QUERY, IN_BODY, LOCAL };
enum ctl_type {
    ARG_TEXT,
    ARG_WORDS, /* the last positional: everything that is left, joined by blanks */
    ARG_INT,
    ARG_FLAG,   /* an option without value: true */
    ARG_LIST,   /* "a,b": an array */
    ARG_YES_NO, /* "yes" or "no": true or false */
    ARG_TICKET, /* "T-000123", "T-123" or "123" */
    ARG_STDIN   /* an option without value: the first line of standard input */
};

/** One argument. A name that begins with "--" is an option, else a positional. Ends with NULL. */
struct ctl_arg {
    const char *name;
    const char *value; /* what stands for its value in the help; NULL for flags */
    const char *field; /* of the path, query or body; "visit.from" is nested */
    enum ctl_where where;
    enum ctl_type type;
    bool required;
    const char *help;
};

enum ctl_format { AS_TEXT, AS_TIME, AS_JOINED };

/** A column of a table: where its value is in the item ("person.name"). Ends with a NULL title. */
struct ctl_column {
    const char *title, *path;
    enum ctl_format format;
    int max; /* widest; 0: no limit */
};

enum ctl_shape {
    SHOW_ROWS,   /* {"items":[…]} or one object, as a table of columns */
    SHOW_FIELDS, /* one object, a line for each field */
    SHOW_ONE,    /* one field alone, named by columns[0].path */
    SHOW_CHECK,  /* {"ok":…} or {"status":…}: exit 1 when it is false, or "failed" */
    SHOW_NOTHING
};

struct ctl_call;

struct ctl_verb {
    const char *words; /* "ticket claim" */
    const char *help;  /* one line */
    const char *more;  /* paragraphs, examples; may be NULL */
    const struct ctl_arg *args;
    const char *method, *path; /* under /api/v1; "{ticket}" takes an argument */
    enum ctl_shape shape;
    const struct ctl_column *columns;
    const char *done; /* said when the answer is empty */
    /** Instead of the one request. Returns an exit code. */
    int (*run)(struct ctl *ctl, struct ctl_call *call);
};

/** A verb with the arguments it was given. */
struct ctl_call {
    const struct ctl_verb *verb;
    json_t *path, *query, *body, *local; /* objects */
};

/** All verbs, one after the other; NULL gives the first, the last gives NULL. */
const struct ctl_verb *ctl_next_verb(const struct ctl_verb *v);

/** The text of a local argument; NULL if it was not given. */
const char *ctl_local(const struct ctl_call *call, const char *field);
/** Reads argv into call. CTL_DONE, or CTL_USAGE with the reason on stderr. */
int ctl_parse(struct ctl *ctl, const struct ctl_verb *verb, int argc, char **argv,
              struct ctl_call *call);
void ctl_call_clear(struct ctl_call *call);
/** Options that any verb takes: true when argv[*i] was one (*i is moved past its value); *bad tells
 * of one without its value. */
bool ctl_global(struct ctl *ctl, int argc, char **argv, int *i, bool *bad);

/* ---- the daemon ---- */

struct ctl_reply {
    long status;
    struct buf body;
};

/** The configuration file: -c, STEWARD_CONFIG or the first of the usual places; NULL with a word on
 * stderr. */
const char *ctl_find_config(const struct ctl *ctl);
/** Finds the socket or takes --url; on failure says why on stderr and returns false. */
bool ctl_connect(struct ctl *ctl);
/**
 * One request; path begins with "/" under /api/v1, with its query. body NULL: none. False when
 * there was no answer: the reason is on stderr. Free the reply either way.
 */
bool ctl_request(struct ctl *ctl, const char *method, const char *path, const char *type,
                 const char *body, size_t len, struct ctl_reply *reply);
void ctl_reply_free(struct ctl_reply *reply);
void ctl_disconnect(void);
/** s with what is not a letter, digit or one of "-._~" as %XX. */
void ctl_escape(struct buf *out, const char *s);

/* ---- showing ---- */

/** Prints an answer as its verb says and returns the exit code; problems go to stderr. */
int ctl_show(const struct ctl *ctl, const struct ctl_verb *verb, const struct ctl_reply *reply);
/** "refused (409): …" on stderr, from a problem document. */
void ctl_show_problem(const struct ctl *ctl, const struct ctl_reply *reply);
/** Rows of items under columns, aligned by what a terminal shows. */
void ctl_table(const json_t *items, const struct ctl_column *columns);
/** Columns that a terminal takes for s; control characters count as one. */
int ctl_width(const char *s);
/** Print s cut to max columns (0: no limit), control characters as '?'; returns the columns used.
 */
int ctl_put(const char *s, int max);

/** Every verb on a line, the options, the first steps. */
void ctl_help_all(void);
/** The verbs that begin with that word. */
void ctl_help_group(const char *group);
/** One verb with all its arguments. */
void ctl_help_verb(const struct ctl_verb *verb);

/* ---- verbs with code of their own ---- */

/** Writes a new site; needs no daemon. */
int ctl_init(struct ctl *ctl, struct ctl_call *call);
/** Starts an import job and follows it to its end. */
int ctl_import(struct ctl *ctl, struct ctl_call *call);
/** One of --user, --pbx, --monitor, --integration. */
int ctl_token_add(struct ctl *ctl, struct ctl_call *call);
/** The daemon writes the file: the path is made absolute. */
int ctl_backup(struct ctl *ctl, struct ctl_call *call);
/** Says what was taken, and what needs a restart. */
int ctl_reload(struct ctl *ctl, struct ctl_call *call);
/** Becomes `stewardd -t -c FILE`. */
int ctl_config_check(struct ctl *ctl, struct ctl_call *call);
