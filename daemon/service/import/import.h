/*
 * import.h - CSV files into the registry, on a thread of their own, in batches that calls do not
 * feel.
 *
 * Files, in the order in which they are read: units.csv, buildings.csv, persons.csv, tenures.csv,
 * vehicles.csv, shifts.csv (columns in docs/import.md). Rows are upserts: a second run of the
 * same files changes nothing. A row that is wrong is refused with its file, line and reason, and
 * the rest goes in. One import runs at a time.
 *
 * How files travel: POST /api/v1/import with {"dir":"/path","dry_run":false} on the control
 * socket alone (the daemon reads the folder itself), or POST /api/v1/import?file=persons.csv with
 * the CSV as body from anywhere. Both answer 202 with the job's status, and
 * GET /api/v1/import/{id} follows it. A big file may be cut into several requests: each piece
 * begins with the line of column names, and `line` says the number of its second line in the
 * whole file (default 2), so that refusals name the right line.
 *
 * Needs registry/ and staff/.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "spine/ledger.h"
#include "service/registry/registry.h"

struct importer;
struct staff;

struct importer_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct registry *registry;
    const struct db_driver *driver; /* a dry run reads by itself */
    const char *where;
    struct staff *staff; /* told of a changed shift plan; NULL: nobody */
};

/** Loop thread, as all of this. opts are copied. */
struct importer *importer_new(const struct importer_opts *opts);
/** Before ledger_free(): stops a running job where it is (what is committed stays). */
void importer_free(struct importer **im);

#define IMPORT_ID_MAX 16

struct import_request {
    const char *dir;  /* a folder with any of the files; or … */
    const char *file; /* … the name of one, with … */
    struct buf *body; /* … its text, taken over (emptied) when the job starts */
    int64_t line;     /* of the body's second line; 0: 2 */
    bool dry_run;     /* check everything, write nothing */
    const char *by;   /* the account, for the audit log */
    /** On the loop, when the job has ended; may be NULL. */
    void (*done)(void *ctx, const char *id);
    void *ctx;
};

/**
 * Start a job; id is filled. E_BUSY while another runs, E_INVALID with why for a name that is no
 * file of ours. A folder that is not there is found by the job itself: its state is `failed`.
 */
int importer_start(struct importer *im, const struct import_request *rq, char id[IMPORT_ID_MAX],
                   struct errmsg *why) MUST_CHECK;

/**
 * {"id","state":"running|done|failed","dry_run","by","started_at","ended_at","error",
 *  "files":[{"file","state":"waiting|absent|running|done|failed","bytes","read","rows","added",
 *            "changed","same","refused"}],
 *  "refused_total":2,"refused":[{"file":"persons.csv","line":7,"reason":"…"}],
 *  "warnings":[{"file":"persons.csv","text":"is GB18030, and was read as that"}]}
 * `read` of `bytes` is the progress. In a dry run good rows count as `same`. The first 10,000
 * refusals are listed, from number `skip` on, at most `limit` (500) of them. The last eight jobs
 * are kept; E_NOTFOUND.
 */
int importer_status_json(struct importer *im, const char *id, size_t skip, struct jw *w) MUST_CHECK;
/** The running or else the latest job's id; "" if there is none. */
const char *importer_latest(struct importer *im);
