/*
 * import_job.c - the import's thread: reads the files, checks rows, hands batches to the loop and
 * waits for each to be stored before it hands over the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/import/import_priv.h"

#define CHUNK 65536

/** A file being read. */
struct reading {
    struct import_job *job;
    const struct import_kind *kind;
    int k;                       /* the kind's number */
    int columns[CSV_FIELDS_MAX]; /* the file's fields to the kind's columns; -1: unknown */
    int n;                       /* 0: the line of names did not come yet; -1: it was wrong */
};

void import_refuse(struct import_job *job, int kind, int64_t line, const char *reason)
{
    pthread_mutex_lock(&job->mutex);
    job->files[kind].refused++;
    job->refused_total++;
    if (job->refused_n < IMPORT_REFUSED_MAX) {
        if (job->refused_n == job->refused_cap) {
            job->refused_cap = job->refused_cap ? job->refused_cap * 2 : 16;
            job->refused = xrealloc(job->refused, job->refused_cap * sizeof(*job->refused));
        }
        job->refused[job->refused_n++] = (struct import_refusal){kind, line, xstrdup(reason)};
    }
    pthread_mutex_unlock(&job->mutex);
}

static void wake(struct import_job *job)
{
    uint64_t one = 1;
    if (write(job->wake_fd, &one, sizeof(one)) < 0)
        log_error(NULL, "import: cannot wake the loop: %s", strerror(errno));
}

static void fail(struct import_job *job, const char *what, const char *why)
{
    pthread_mutex_lock(&job->mutex);
    snprintf(job->error, sizeof(job->error), "%.120s: %.120s", what, why);
    pthread_mutex_unlock(&job->mutex);
}

/* ---- batches ------------------------------------------------------------------------------ */

void import_batch_free(struct import_batch **bp)
{
    struct import_batch *b = *bp;
    if (b) {
        for (int i = 0; i < b->n; i++)
            import_row_free(&b->rows[i]);
        free(b);
        *bp = NULL;
    }
}

/* One batch at a time is with the ledger; false when the job is to stop. */
static bool wait_for_turn(struct import_job *job)
{
    while (job->in_flight && !job->stop)
        pthread_cond_wait(&job->cond, &job->mutex);
    return !job->stop && !job->lost;
}

static void send_batch(struct import_job *job)
{
    if (!job->batch)
        return;
    pthread_mutex_lock(&job->mutex);
    bool go = wait_for_turn(job);
    if (go) {
        job->outgoing = job->batch;
        job->batch = NULL;
        job->in_flight = true;
    }
    pthread_mutex_unlock(&job->mutex);
    if (go)
        wake(job);
    else
        import_batch_free(&job->batch);
}

static bool settled(struct import_job *job)
{
    pthread_mutex_lock(&job->mutex);
    bool ok = wait_for_turn(job);
    pthread_mutex_unlock(&job->mutex);
    return ok;
}

static void batch_row(struct reading *r, struct import_row *row)
{
    struct import_job *job = r->job;
    if (!job->batch) {
        job->batch = xcalloc(1, sizeof(*job->batch));
        job->batch->job = job;
        job->batch->kind = r->k;
    }
    job->batch->rows[job->batch->n++] = *row;
    if (job->batch->n == IMPORT_BATCH)
        send_batch(job);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The key columns of a row, a unit separator between them. */
static void row_key(const struct import_row *row, unsigned columns, struct buf *out)
{
    for (int i = 0; i < IMPORT_COLUMNS; i++) {
        if (columns & (1u << i)) {
            buf_adds(out, row->f[i] ? row->f[i] : "");
            buf_addc(out, '\x1f');
        }
    }
}

/* The line in which the key came before; 0: it is new and now known. */
static int64_t key_seen(struct import_key **set, const struct buf *key, int64_t line)
{
    struct import_key *k = NULL;
    HASH_FIND(hh, *set, key->data, key->len, k);
    if (k)
        return k->line;
    k = xmalloc(sizeof(*k) + key->len);
    k->line = line;
    memcpy(k->text, key->data, key->len);
    HASH_ADD(hh, *set, text[0], key->len, k);
    return 0;
}

static void keys_free(struct import_key **set)
{
    struct import_key *k, *tmp;
    HASH_ITER (hh, *set, k, tmp) {
        HASH_DEL(*set, k);
        free(k);
    }
}

static int check_key(struct reading *r, const struct import_row *row, struct errmsg *why)
{
    struct buf key = BUF_INIT(4096);
    row_key(row, r->kind->key, &key);
    int64_t before = key_seen(&r->job->keys[r->k], &key, row->line);
    buf_free(&key);
    return before ? errmsg_set(why, E_INVALID, "given twice, first in line %lld", (long long)before)
                  : 0;
}

/* Copies the fields into the row, without blanks around them, and checks each by its column. */
static int take_fields(struct reading *r, struct import_row *row, char *const *fields,
                       struct errmsg *why)
{
    size_t size = 0;
    for (int i = 0; i < r->n; i++)
        size += strlen(fields[i]) + 1;
    char *to = row->text = xmalloc(size + 1);
    for (int i = 0; i < r->n; i++) {
        const char *from = fields[i] + strspn(fields[i], " \t");
        size_t len = strlen(from);
        while (len > 0 && strchr(" \t", from[len - 1]))
            len--;
        if (r->columns[i] < 0)
            continue;
        const struct import_column *c = &r->kind->columns[r->columns[i]];
        memcpy(to, from, len);
        to[len] = 0;
        row->f[r->columns[i]] = to;
        to += len + 1;
        if (len >= c->max)
            return errmsg_set(why, E_INVALID, "%s: longer than %zu bytes", c->name, c->max - 1);
        for (const char *s = row->f[r->columns[i]]; *s; s++)
            if ((unsigned char)*s < ' ' || *s == 0x7f)
                return errmsg_set(why, E_INVALID, "%s: has a control character", c->name);
    }
    for (int i = 0; r->kind->columns[i].name; i++)
        if (r->kind->columns[i].required && (!row->f[i] || !row->f[i][0]))
            return errmsg_set(why, E_INVALID, "%s: is empty", r->kind->columns[i].name);
    return 0;
}

/* For a dry run: whether a key came in this import or is in the store. */
static int known(struct import_job *job, const char *file, const struct import_row *row,
                 unsigned columns,
                 int (*in_store)(struct db *, const struct import_row *, int64_t *), bool *out)
{
    const struct import_kind *kind = import_kind_of(file);
    struct buf key = BUF_INIT(4096);
    struct import_key *k = NULL;
    row_key(row, columns, &key);
    HASH_FIND(hh, job->keys[kind - import_kinds], key.data, key.len, k);
    buf_free(&key);
    int64_t id = 0;
    int rc = k ? 0 : in_store(job->db, row, &id);
    *out = k || id;
    return rc;
}

static int person_in_store(struct db *db, const struct import_row *row, int64_t *id)
{
    return repo_person_by_key(db, row->f[0], id); /* person_col is 0 wherever there is one */
}

static int unit_in_store(struct db *db, const struct import_row *row, int64_t *id)
{
    return repo_unit_find(db, row->f[1], row->f[2], row->f[3], id);
}

static int check_references(struct reading *r, const struct import_row *row, struct errmsg *why)
{
    bool there = true;
    int rc = 0;
    if (r->kind->person_col >= 0) {
        rc = known(r->job, "persons.csv", row, 1u << r->kind->person_col, person_in_store, &there);
        if (rc == 0 && !there) {
            return errmsg_set(why, E_INVALID, "unknown person '%.60s'",
                              row->f[r->kind->person_col]);
        }
    }
    if (rc == 0 && r->kind->unit_col >= 0) {
        int c = r->kind->unit_col;
        rc = known(r->job, "units.csv", row, 7u << c, unit_in_store, &there);
        if (rc == 0 && !there) {
            return errmsg_set(why, E_INVALID, "unknown unit '%.40s %.20s-%.20s'", row->f[c],
                              row->f[c + 1], row->f[c + 2]);
        }
    }
    return rc < 0 ? errmsg_set(why, rc, "%s", db_last_error(r->job->db)) : 0;
}

static void take_row(struct reading *r, int64_t line, char *const *fields, int n)
{
    struct import_row row = {.line = line};
    struct errmsg why = {{0}};
    int rc = 0;
    if (n != r->n)
        rc = errmsg_set(&why, E_INVALID, "%d fields instead of %d", n, r->n);
    rc = rc < 0 ? rc : take_fields(r, &row, fields, &why);
    rc = rc < 0 ? rc : check_key(r, &row, &why);
    rc = rc < 0 ? rc : r->kind->parse(&r->job->site, &row, &why);
    if (rc == 0 && r->job->dry_run)
        rc = check_references(r, &row, &why);
    pthread_mutex_lock(&r->job->mutex);
    r->job->files[r->k].rows++;
    r->job->files[r->k].good += rc == 0;
    pthread_mutex_unlock(&r->job->mutex);
    if (rc < 0)
        import_refuse(r->job, r->k, line, why.text);
    if (rc < 0 || r->job->dry_run)
        import_row_free(&row);
    else
        batch_row(r, &row);
}

/* ---- the line of names ---------------------------------------------------------------------- */

static int column_of(const struct import_kind *kind, const char *name)
{
    size_t len = strcspn(name + strspn(name, " \t"), " \t");
    name += strspn(name, " \t");
    for (int i = 0; kind->columns[i].name; i++)
        if (strlen(kind->columns[i].name) == len &&
            strncasecmp(kind->columns[i].name, name, len) == 0)
            return i;
    return -1;
}

static void column_list(const struct import_kind *kind, struct buf *out)
{
    for (int i = 0; kind->columns[i].name; i++) {
        buf_adds(out, i ? "," : "");
        buf_adds(out, kind->columns[i].name);
    }
}

static void take_names(struct reading *r, int64_t line, char *const *fields, int n)
{
    unsigned seen = 0;
    struct buf reason = BUF_INIT(IMPORT_REASON_MAX * 4);
    for (int i = 0; i < n; i++) {
        int c = r->columns[i] = column_of(r->kind, fields[i]);
        if (c < 0) {
            buf_printf(&reason, "unknown column '%.40s'; ", fields[i]);
        } else if (seen & (1u << c)) {
            buf_printf(&reason, "column '%s' comes twice; ", r->kind->columns[c].name);
            r->columns[i] = -1;
        }
        seen |= c < 0 ? 0 : 1u << c;
    }
    r->n = n;
    for (int i = 0; r->kind->columns[i].name; i++) {
        if (r->kind->columns[i].required && !(seen & (1u << i))) {
            buf_printf(&reason, "column '%s' is missing; ", r->kind->columns[i].name);
            r->n = -1;
        }
    }
    if (reason.len) {
        buf_adds(&reason, r->n < 0 ? "nothing of the file is read, its first line must name "
                                   : "the columns are ");
        column_list(r->kind, &reason);
        import_refuse(r->job, r->k, line, buf_str(&reason));
    }
    buf_free(&reason);
}

static void record_cb(void *ctx, int64_t line, char *const *fields, int n)
{
    struct reading *r = ctx;
    if (r->n == 0)
        take_names(r, line, fields, n);
    else if (r->n > 0)
        take_row(r, line, fields, n);
}

static void bad_cb(void *ctx, int64_t line, const char *reason)
{
    struct reading *r = ctx;
    if (r->n >= 0)
        import_refuse(r->job, r->k, line, reason);
}

/* ---- files -------------------------------------------------------------------------------- */

static void set_state(struct import_job *job, int k, enum import_state state)
{
    pthread_mutex_lock(&job->mutex);
    job->files[k].state = state;
    pthread_mutex_unlock(&job->mutex);
}

/* Adds to the progress; false when the job is to stop. */
static bool progress(struct import_job *job, int k, int64_t bytes)
{
    pthread_mutex_lock(&job->mutex);
    job->files[k].read += bytes;
    bool go = !job->stop && !job->lost;
    pthread_mutex_unlock(&job->mutex);
    return go;
}

static struct csv *reading_open(struct reading *r, struct import_job *job, int k)
{
    *r = (struct reading){.job = job, .kind = &import_kinds[k], .k = k};
    set_state(job, k, IMPORT_RUNNING);
    return csv_new(&(struct csv_opts){record_cb, bad_cb, r, job->first_line});
}

static bool reading_close(struct import_job *job, int k, struct csv **csv, bool ok)
{
    if (ok)
        csv_end(*csv);
    csv_free(csv);
    send_batch(job);
    ok = settled(job) && ok;
    if (!job->dry_run)
        keys_free(&job->keys[k]);
    set_state(job, k, ok ? IMPORT_DONE : IMPORT_FAILED);
    return ok;
}

static bool read_body(struct import_job *job)
{
    struct reading r;
    struct csv *csv = reading_open(&r, job, job->only);
    pthread_mutex_lock(&job->mutex);
    job->files[job->only].bytes = (int64_t)job->body.len;
    pthread_mutex_unlock(&job->mutex);
    bool ok = true;
    for (size_t at = 0; ok && at < job->body.len; at += CHUNK) {
        size_t len = job->body.len - at < CHUNK ? job->body.len - at : CHUNK;
        csv_feed(csv, job->body.data + at, len);
        ok = progress(job, job->only, (int64_t)len);
    }
    return reading_close(job, job->only, &csv, ok);
}

static bool read_fd(struct import_job *job, int k, int fd, const char *path)
{
    struct reading r;
    struct csv *csv = reading_open(&r, job, k);
    char *chunk = xmalloc(CHUNK);
    bool ok = true;
    ssize_t len;
    while (ok && (len = read(fd, chunk, CHUNK)) != 0) {
        if (len < 0) {
            fail(job, path, strerror(errno));
            ok = false;
            break;
        }
        csv_feed(csv, chunk, (size_t)len);
        ok = progress(job, k, len);
    }
    free(chunk);
    return reading_close(job, k, &csv, ok);
}

static bool read_file(struct import_job *job, int k)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", job->dir, import_kinds[k].file);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never wait for a pipe's writer */
    if (fd < 0 && errno == ENOENT) {
        set_state(job, k, IMPORT_ABSENT);
        return true;
    }
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fail(job, path, fd < 0 ? strerror(errno) : "is no plain file");
        set_state(job, k, IMPORT_FAILED);
        if (fd >= 0)
            close(fd);
        return false;
    }
    pthread_mutex_lock(&job->mutex);
    job->files[k].bytes = st.st_size;
    pthread_mutex_unlock(&job->mutex);
    bool ok = read_fd(job, k, fd, path);
    close(fd);
    return ok;
}

static bool read_dir(struct import_job *job)
{
    struct stat st;
    if (stat(job->dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
        fail(job, job->dir, "is no folder that the daemon can read");
        return false;
    }
    bool ok = true;
    int absent = 0;
    for (int k = 0; ok && k < IMPORT_KINDS; k++) {
        ok = read_file(job, k);
        absent += job->files[k].state == IMPORT_ABSENT;
    }
    if (absent == IMPORT_KINDS) {
        fail(job, job->dir,
             "has none of units.csv, buildings.csv, persons.csv, tenures.csv, "
             "vehicles.csv, shifts.csv");
        return false;
    }
    return ok;
}

static bool run(struct import_job *job)
{
    struct errmsg why = {{0}};
    if (job->dry_run && db_open(job->driver, job->where, DB_READER, &job->db, &why) < 0) {
        fail(job, "dry run", why.text);
        return false;
    }
    return job->only < 0 ? read_dir(job) : read_body(job);
}

void *import_job_main(void *arg)
{
    struct import_job *job = arg;
    bool ok = run(job);
    import_batch_free(&job->batch);
    for (int k = 0; k < IMPORT_KINDS; k++)
        keys_free(&job->keys[k]);
    if (job->db)
        db_close(&job->db);
    pthread_mutex_lock(&job->mutex);
    if (!ok && !job->error[0])
        snprintf(job->error, sizeof(job->error), "stopped before its end");
    job->ended = true;
    job->ended_at = clock_now_ms();
    pthread_mutex_unlock(&job->mutex);
    wake(job);
    return NULL;
}
