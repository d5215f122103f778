/*
 * api_priv.h - what the API's handlers see: the services, and jobs that read or write and answer.
 *
 * A handler checks its parameters on the loop, puts what it needs into a struct api_job and hands
 * it to api_read() (a reader thread runs it in a read transaction) or api_write() (the ledger runs
 * it as one command). The job's function writes its answer's JSON to job->out; the rest is done
 * here: masking, the audit of reading persons, Idempotency-Key, problems, the answer itself.
 */
#pragma once
#include "base/json.h"
#include "base/log.h"
#include "base/worker.h"
#include "domain/site.h"
#include "edge/api/edge.h"
#include "edge/http/http.h"
#include "service/registry/registry.h"
#include "service/staff/mask.h"

struct auth;
struct sse;

struct edge {
    struct edge_opts o; /* o.site is ours: a reference */
    char *store_path;   /* of the database that is open, whatever a reload says */
    struct http *http;
    struct auth *auth;
    struct sse *sse;
    struct buf openapi;       /* the document: made when it is first asked for */
    struct worker *worker;    /* for chores: backup, import, verification, one at a time */
    struct api_job *chores;   /* not answered yet */
    struct api_job *once;     /* begun with api_once() under a key, not answered yet */
    struct api_job *pushes;   /* call events that are not on disk yet */
    bool closed;              /* after edge_close(): no more commands */
    struct loop_timer *sweep; /* old Idempotency-Keys */
    int64_t started_at;
    struct log_ctx log;
};

#define API_OUT_MAX (64u << 20)

struct api_job;
typedef int api_read_fn(struct db *db, struct api_job *job);
typedef int api_write_fn(struct ledger_tx *tx, struct api_job *job);
typedef int api_chore_fn(struct api_job *job, struct errmsg *why);

struct api_job {
    struct http_req *req; /* parameters and body may be read on any thread */
    struct edge *e;       /* its fields are the loop's; services say which of theirs are not */
    struct site *site;    /* a reference, for readers */
    struct actor actor;
    int64_t now;

    /* What the handler found in the request. */
    int64_t id, version, before;
    int limit;
    int64_t rows; /* seen by api_list_row() */
    const char *cursor, *word;

    /* What the function answers. */
    struct buf out;
    struct jw w; /* writes to out */
    int status;  /* of success; 200 */
    struct verb_out verb;

    /* A handler's own. */
    void *arg;
    void (*free_arg)(void *arg);
    /** Called on the loop after success, before the answer, that of a repeat (replayed) too; may be
     * NULL. */
    void (*after)(struct api_job *job);
    /** Instead of the answer after a successful api_chore(), or api_write() that was no repeat:
     * goes on with the job and answers later. */
    void (*then)(struct api_job *job);
    /** After api_write() was refused and rolled back: what must be written nevertheless, in a
     * command of its own. Set by the job's function. */
    api_write_fn *refused;

    /* Of api.c alone. */
    api_read_fn *read;
    api_write_fn *write;
    api_chore_fn *chore;
    int rc;
    struct errmsg why;
    struct api_job *prev, *next;
    const char *name;
    bool waiting;
    bool replayed; /* the answer is what was kept under the Idempotency-Key */
    char *key;     /* Idempotency-Key; what it is kept as, and what it was sent with */
    char key_name[65], digest[65];
    const json_t *said; /* of api_once() */
    bool once;          /* in e->once */
    struct api_job *prev_once, *next_once;
    char number[64];           /* api_number() */
    struct registry_seen seen; /* persons whose record is in the answer: logged before it leaves */
};

/** A job for a request, with who asks and when; the request is answered through it. */
struct api_job *api_job(struct http_req *req, struct edge *e);
/** Frees a job whose request was answered otherwise. */
void api_job_free(struct api_job *job);
/** Run on a reader and answer. Owns job. name is a literal. */
void api_read(struct api_job *job, const char *name, api_read_fn *fn);
/** Run as a ledger command and answer; POSTs obey Idempotency-Key. Owns job. */
void api_write(struct api_job *job, const char *name, api_write_fn *fn);
/** For a POST whose effect is no ledger command: fn(job) at once, or, when there is an
 * Idempotency-Key, if no answer is kept under it. What fn answers with api_answer() is kept. said
 * is the body as JSON, NULL if it counts byte by byte; it lives until fn. Owns job. */
void api_once(struct api_job *job, const json_t *said, void (*fn)(struct api_job *job));
/** Run on the chores' thread, which may take minutes and opens its own database, and answer. Owns
 * job. */
void api_chore(struct api_job *job, api_chore_fn *fn);
/** A job's `then` starts the chore once more later, with api_chore(): until then it is kept here,
 * so that it is answered when the daemon stops. */
void api_chore_wait(struct api_job *job);
/** The chores' thread has ended: what it did not answer is answered as cancelled. */
void api_chores_end(struct edge *e);
/** Answers pushed events that were never stored, as cancelled. */
void api_pushes_end(struct edge *e);
/** Answer what is in job->out now, on the loop. Owns job. */
void api_answer(struct api_job *job, int rc, const struct errmsg *why);

/** What was to be done after the commit has failed: the Idempotency-Key may be used again. False:
 * there is none; else done(job, …) is called once it is forgotten. */
bool api_forget_key(struct api_job *job, void (*done)(void *job, int rc, const struct errmsg *why));

/** Begin to forget answers kept under Idempotency-Keys, hourly, once they are a week old. */
void api_keys_start(struct edge *e);
/** Opens {"items":[ and closes it with the cursor, a number that is 0 at the end. */
void api_items(struct api_job *job);
void api_items_end(struct api_job *job, int64_t next);
/** A job for a list that is held in memory, with its items open: pages go by position, and all
 * are shown unless a limit was asked for. NULL: answered. */
struct api_job *api_list(struct http_req *req, struct edge *e);
/** Once for each row, in order: true if it is on the page. */
bool api_list_row(struct api_job *job);
/** Closes the list and answers. */
void api_list_end(struct api_job *job);
/** A row of the audit log, inside a command. data_json may be NULL. */
int api_audit(struct ledger_tx *tx, const char *by, const char *what, const char *object,
              const char *data_json) MUST_CHECK;
/** E_INVALID with the field named in job->verb, for functions of jobs. */
int api_bad(struct api_job *job, const char *field, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** Required text of the body; NULL after naming the field in job->verb. */
const char *api_text(struct api_job *job, const char *field, size_t max);
/** Optional text: *out NULL if absent. E_INVALID after naming the field. */
int api_text_opt(struct api_job *job, const char *field, size_t max, const char **out) MUST_CHECK;

/** The same from what a service said, "field: what is wrong" naming the field; returns rc. */
int api_why(struct api_job *job, int rc, const struct errmsg *why);
/** A copy of a handler's own values, as job->arg. */
void api_job_keep(struct api_job *job, const void *values, size_t size);
/** The number in a query parameter as E.164, as it stands if it is none; NULL if absent. */
const char *api_number(struct api_job *job, const char *query);

/* The tables of routes, one a resource. */
extern const struct http_route api_session_routes[], api_events_routes[], api_health_routes[],
    api_owner_routes[], api_ticket_routes[], api_call_routes[], api_message_routes[],
    api_staff_routes[], api_import_routes[], api_site_routes[], api_admin_routes[],
    api_hook_routes[], api_survey_routes[], api_shift_routes[], api_incident_routes[],
    api_report_routes[];

/* ---- auth.c ---- */

/** Sign-in and its password worker. */
struct auth *auth_new(struct edge *e);
/** Whoever waits for a password is told that it failed. */
void auth_free(struct auth **a);
/** http_opts.authenticate */
int auth_identify(void *ctx, struct http_req *req);
/** The bounded worker for passwords. */
struct passwords *auth_passwords(struct auth *a);
/** Too many wrong passwords of late from there, or for that name? Counts nothing. */
bool auth_too_many(struct auth *a, const char *user, const char *peer);

/* ---- sse.c ---- */

/** Event streams; their numbers go to the metrics. */
struct sse *sse_new(struct edge *e);
/** After http_free(), which closed the streams. */
void sse_free(struct sse **s);

/* ---- health.c, openapi.c ---- */

/** Adds the checks and numbers of the services that are there. */
void health_register(struct edge *e);
/** Appends the OpenAPI 3.1 document. */
void openapi_write(struct edge *e, struct buf *out);
