/*
 * import_priv.h - what the files of the import share: kinds of files (import_rows.c), the job's
 * thread (import_job.c), and its life on the loop (import.c).
 */
#pragma once
#include <pthread.h>
#include <uthash.h>
#include "base/buf.h"
#include "base/csv.h"
#include "domain/number.h"
#include "domain/site.h"
#include "service/import/import.h"
#include "store/repo_person.h"
#include "store/repo_shift.h"
#include "store/repo_unit.h"

#define IMPORT_COLUMNS     12
#define IMPORT_KINDS       6
#define IMPORT_BATCH       128 /* rows of one command: about 5 ms of the ledger's time */
#define IMPORT_REFUSED_MAX 10000
#define IMPORT_REASON_MAX  280
#define IMPORT_WARNINGS    32

/* ---- kinds of files ------------------------------------------------------------------------ */

/** One row, checked as far as it can be without the store. */
struct import_row {
    int64_t line;
    char *text;              /* the fields, one behind the other */
    char *f[IMPORT_COLUMNS]; /* by the kind's columns; NULL: the file has no such column */
    struct person_edit *person;
    int64_t a, b; /* dates, times, an area: by kind */
    enum tenure_role role;
};

struct import_column {
    const char *name; /* NULL ends the list */
    size_t max;       /* bytes with a NUL */
    bool required;
};

/** What parsing needs of the site. */
struct import_site {
    struct number_rules rules;
    struct site *site; /* a reference, whose zone times are in; NULL: UTC */
};

struct import_kind {
    const char *file;
    struct import_column columns[IMPORT_COLUMNS + 1];
    unsigned key;   /* columns that together come once in a file, as bits */
    int person_col; /* which column names a person's key; -1: none */
    int unit_col;   /* the first of estate, building, unit that must be there; -1: none */
    int (*parse)(const struct import_site *site, struct import_row *row, struct errmsg *why);
    /** In a savepoint of a ledger command. E_INVALID with why: the row is refused. */
    int (*apply)(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                 struct errmsg *why);
};

extern const struct import_kind import_kinds[IMPORT_KINDS];
/** By file name; NULL if there is none. */
const struct import_kind *import_kind_of(const char *file);
void import_row_free(struct import_row *row);

/* ---- a job --------------------------------------------------------------------------------- */

enum import_state { IMPORT_WAITING, IMPORT_ABSENT, IMPORT_RUNNING, IMPORT_DONE, IMPORT_FAILED };

struct import_file {
    enum import_state state;
    int64_t bytes, read, rows, put[3], refused; /* put by enum put */
    int64_t good;                               /* rows without a fault of their own */
};

struct import_refusal {
    int kind;
    int64_t line;
    char *reason;
};

/** A key that came already, and where. */
struct import_key {
    int64_t line;
    UT_hash_handle hh;
    char text[];
};

struct import_job {
    char id[IMPORT_ID_MAX];
    int refs;            /* loop thread: the importer's list, and each batch on its way */
    struct importer *im; /* NULL once the importer is gone; loop thread */
    struct import_job *next;

    /* fixed when the thread starts */
    char *dir, *by, *where;
    const struct db_driver *driver;
    struct staff *staff;
    int only; /* the kind of the body; -1: a folder */
    struct buf body;
    int64_t first_line;
    bool dry_run;
    struct import_site site;
    void (*done)(void *ctx, const char *id);
    void *ctx;
    int64_t started_at;
    int wake_fd;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    /* under the mutex */
    struct import_file files[IMPORT_KINDS];
    struct import_refusal *refused;
    size_t refused_n, refused_cap, refused_total;
    struct import_refusal warnings[IMPORT_WARNINGS]; /* line 0: of the whole file */
    size_t warnings_n;
    char error[256];
    int64_t ended_at;
    bool ended, stop, in_flight, lost;
    struct import_batch *outgoing;

    /* the thread's own */
    struct db *db; /* of a dry run */
    struct import_key *keys[IMPORT_KINDS];
    struct import_batch *batch;
    struct reading *reading;
};

struct import_batch {
    struct import_job *job;
    int kind, n;
    struct import_row rows[IMPORT_BATCH];
    int result[IMPORT_BATCH]; /* enum put, or -1 refused */
    char reasons[IMPORT_BATCH][IMPORT_REASON_MAX];
};

/** The thread. */
void *import_job_main(void *job);
/** Record a refusal; takes the mutex. */
void import_refuse(struct import_job *job, int kind, int64_t line, const char *reason);
/** Record what a person should know though nothing was refused; takes the mutex. */
void import_warn(struct import_job *job, int kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
void import_batch_free(struct import_batch **batch);
/** Drop what only the thread used, and at the last reference the whole. */
void import_job_unref(struct import_job *job);
