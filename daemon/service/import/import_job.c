/*
 * import_job.c - the import's thread: reads the files, checks rows, hands batches to the loop and
 * waits for each to be stored before it hands over the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/charset.h"
#include "base/clock.h"
#include "base/conf_table.h"
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
    int64_t rows, unreachable;   /* unreachable: persons without any number */
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

void import_warn(struct import_job *job, int kind, const char *fmt, ...)
{
    char text[IMPORT_REASON_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&job->mutex);
    if (job->warnings_n < ARRAY_LEN(job->warnings))
        job->warnings[job->warnings_n++] = (struct import_refusal){kind, 0, xstrdup(text)};
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

/* Copies the fields into the row, and checks each by its column. */
static int take_fields(struct reading *r, struct import_row *row, char *const *fields,
                       struct errmsg *why)
{
    size_t size = 0;
    for (int i = 0; i < r->n; i++)
        size += strlen(fields[i]) + 1;
    char *to = row->text = xmalloc(size + 1);
    for (int i = 0; i < r->n; i++) {
        size_t len = strlen(fields[i]);
        if (r->columns[i] < 0)
            continue;
        const struct import_column *c = &r->kind->columns[r->columns[i]];
        memcpy(to, fields[i], len);
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
    rc = rc < 0 ? rc : r->kind->parse(&r->job->site, &row, &why);
    rc = rc < 0 ? rc : check_key(r, &row, &why);
    if (rc == 0 && r->job->dry_run)
        rc = check_references(r, &row, &why);
    pthread_mutex_lock(&r->job->mutex);
    r->job->files[r->k].rows++;
    r->job->files[r->k].good += rc == 0;
    pthread_mutex_unlock(&r->job->mutex);
    r->rows++;
    r->unreachable += rc == 0 && row.person && !row.person->phones_n;
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
    for (int i = 0; kind->columns[i].name; i++)
        if (strcasecmp(kind->columns[i].name, name) == 0)
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

/* Other words for our columns, as lists of owners have them. */
static const struct {
    const char *word, *column;
} other_words[] = {
    {"tel", "phones"},          {"telephone", "phones"},    {"mobile", "phones"},
    {"phone number", "phones"}, {"phone_number", "phones"}, {"电话", "phones"},
    {"手机", "phones"},         {"手机号", "phones"},       {"手机号码", "phones"},
    {"联系电话", "phones"},     {"mail", "emails"},         {"邮箱", "emails"},
    {"姓名", "name"},           {"业主", "name"},           {"full name", "name"},
    {"小区", "estate"},         {"楼栋", "building"},       {"栋", "building"},
    {"房号", "unit"},           {"room", "unit"},           {"车牌", "plate"},
    {"车牌号", "plate"},        {"车位", "space"},          {"身份", "role"},
};

/* " (did you mean 'phones'?)" when a column of ours that the file does not have is near. */
static const char *nearest(const struct import_kind *kind, unsigned seen, const char *name,
                           char *out, size_t cap)
{
    const char *words[IMPORT_COLUMNS + 1], *meant = name;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(other_words); i++)
        if (strcasecmp(other_words[i].word, name) == 0)
            meant = other_words[i].column;
    for (int i = 0; kind->columns[i].name; i++)
        if (!(seen & (1u << i)))
            words[n++] = kind->columns[i].name;
    words[n] = NULL;
    for (size_t i = 0; i < n; i++) /* "area" of "area_m2", "space number" of "space" */
        if (strncasecmp(words[i], meant, strlen(meant)) == 0 ||
            strncasecmp(words[i], meant, strlen(words[i])) == 0)
            meant = words[i];
    return conf_did_you_mean(meant, words, out, cap);
}

/* The columns of the file by the line of names, which is without blanks around them; those that are
 * not ours are -1. What is wrong with it goes into reason. */
static unsigned known_names(struct reading *r, char *const *fields, int n, struct buf *reason)
{
    unsigned seen = 0;
    for (int i = 0; i < n; i++) {
        int c = r->columns[i] = column_of(r->kind, fields[i]);
        if (c >= 0 && seen & (1u << c)) {
            buf_printf(reason, "column '%s' comes twice; ", r->kind->columns[c].name);
            r->columns[i] = -1;
        }
        seen |= c < 0 ? 0 : 1u << c;
    }
    return seen;
}

/* A name that nearly is one of ours is a slip that would leave a whole column out: nothing is read.
 * Any other is somebody's own column, and is passed over. Without a name: a comma too many. */
static void take_names(struct reading *r, int64_t line, char *const *fields, int n)
{
    struct buf reason = BUF_CUT(IMPORT_REASON_MAX * 4);
    char hint[80];
    unsigned seen = known_names(r, fields, n, &reason);
    r->n = n;
    for (int i = 0; i < n; i++) {
        if (r->columns[i] >= 0 || !fields[i][0] || column_of(r->kind, fields[i]) >= 0)
            continue;
        nearest(r->kind, seen, fields[i], hint, sizeof(hint));
        buf_printf(&reason, "unknown column '%.40s'%s; ", fields[i], hint);
        r->n = hint[0] ? -1 : r->n;
    }
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

/* Blanks of any kind around a field, an ideographic one too, are no part of it. */
static char *without_blanks(char *s)
{
    static const char wide[] = "\xe3\x80\x80", no_break[] = "\xc2\xa0";
    size_t n;
    for (;; s += n) {
        n = *s == ' ' || *s == '\t'                           ? 1
            : strncmp(s, wide, sizeof(wide) - 1) == 0         ? sizeof(wide) - 1
            : strncmp(s, no_break, sizeof(no_break) - 1) == 0 ? sizeof(no_break) - 1
                                                              : 0;
        if (!n)
            break;
    }
    for (size_t len = strlen(s); len > 0; s[len] = 0)
        if (s[len - 1] == ' ' || s[len - 1] == '\t')
            len--;
        else if (len >= 3 && memcmp(s + len - 3, wide, 3) == 0)
            len -= 3;
        else if (len >= 2 && memcmp(s + len - 2, no_break, 2) == 0)
            len -= 2;
        else
            break;
    return s;
}

/* Rows of commas alone are what a spreadsheet leaves of rows that were emptied. */
static void record_cb(void *ctx, int64_t line, char *const *fields, int n)
{
    struct reading *r = ctx;
    char *bare[CSV_FIELDS_MAX];
    bool blank = true;
    for (int i = 0; i < n; i++) {
        bare[i] = without_blanks(fields[i]);
        blank = blank && !bare[i][0];
    }
    if (blank)
        return;
    while (r->n > 0 && n > r->n && !bare[n - 1][0])
        n--; /* commas behind the last column */
    if (r->n == 0)
        take_names(r, line, bare, n);
    else if (r->n > 0)
        take_row(r, line, bare, n);
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

static const char not_text[] =
    "is neither UTF-8 nor GB18030 throughout, nothing of it is read: save it as 'CSV UTF-8 (Comma "
    "delimited)'";

/* A file with its encoding, as the CSV reader takes it. */
struct feed {
    struct reading r;
    struct csv *csv;
    struct charset_conv *conv; /* NULL: it is UTF-8 */
    struct buf text;           /* of a piece, converted */
};

static void refuse_file(struct import_job *job, int k, const char *why)
{
    set_state(job, k, IMPORT_RUNNING);
    import_refuse(job, k, 1, why);
    set_state(job, k, IMPORT_DONE);
}

/* False: it is refused as a whole. */
static bool feed_open(struct feed *f, struct import_job *job, int k, enum charset charset)
{
    *f = (struct feed){.r = {.job = job, .kind = &import_kinds[k], .k = k}};
    buf_init(&f->text, (size_t)CHUNK * 4);
    if (charset != CHARSET_UTF8 && charset != CHARSET_UNKNOWN)
        f->conv = charset_conv_new(charset);
    if (charset != CHARSET_UTF8 && !f->conv) {
        refuse_file(job, k, not_text);
        return false;
    }
    if (f->conv)
        import_warn(job, k, "is %s, and was read as that", charset_name(charset));
    set_state(job, k, IMPORT_RUNNING);
    f->csv = csv_new(&(struct csv_opts){record_cb, bad_cb, &f->r, job->first_line});
    return true;
}

/* False when the job is to stop. */
static bool feed(struct feed *f, const char *data, size_t len)
{
    int rc = E_OK;
    if (!f->conv) {
        csv_feed(f->csv, data, len);
        return progress(f->r.job, f->r.k, (int64_t)len);
    }
    buf_reset(&f->text);
    rc = charset_conv_feed(f->conv, data, len, &f->text);
    csv_feed(f->csv, buf_str(&f->text), f->text.len);
    if (rc < 0)
        fail(f->r.job, f->r.kind->file, "a character that its encoding does not have");
    return rc == E_OK && progress(f->r.job, f->r.k, (int64_t)len);
}

/* Who cannot be found by a call, and what that is likely to come from. */
static void warn_unreachable(const struct reading *r)
{
    if (r->unreachable)
        import_warn(
            r->job, r->k,
            "%lld of %lld persons have no telephone number here: no call is known as theirs",
            (long long)r->unreachable, (long long)r->rows);
}

static bool feed_close(struct feed *f, bool ok)
{
    struct import_job *job = f->r.job;
    int k = f->r.k;
    if (ok)
        csv_end(f->csv);
    csv_free(&f->csv);
    charset_conv_free(&f->conv);
    buf_free(&f->text);
    send_batch(job);
    ok = settled(job) && ok;
    if (!job->dry_run)
        keys_free(&job->keys[k]);
    warn_unreachable(&f->r);
    set_state(job, k, ok ? IMPORT_DONE : IMPORT_FAILED);
    return ok;
}

static bool read_body(struct import_job *job)
{
    struct feed f;
    struct charset_judge judge = {0};
    pthread_mutex_lock(&job->mutex);
    job->files[job->only].bytes = (int64_t)job->body.len;
    pthread_mutex_unlock(&job->mutex);
    charset_judge_feed(&judge, buf_str(&job->body), job->body.len);
    if (!feed_open(&f, job, job->only, charset_judge_end(&judge)))
        return true;
    bool ok = true;
    for (size_t at = 0; ok && at < job->body.len; at += CHUNK) {
        size_t len = job->body.len - at < CHUNK ? job->body.len - at : CHUNK;
        ok = feed(&f, job->body.data + at, len);
    }
    return feed_close(&f, ok);
}

/* Calls fn with each piece of the file, from its beginning; false when that did or reading failed.
 */
static bool each_piece(struct import_job *job, int fd, const char *path,
                       bool (*fn)(void *ctx, const char *data, size_t len), void *ctx)
{
    char *chunk = xmalloc(CHUNK);
    bool ok = lseek(fd, 0, SEEK_SET) == 0;
    ssize_t len;
    while (ok && (len = read(fd, chunk, CHUNK)) != 0) {
        if (len < 0)
            fail(job, path, strerror(errno));
        ok = len > 0 && fn(ctx, chunk, (size_t)len);
    }
    free(chunk);
    return ok;
}

static bool judge_piece(void *ctx, const char *data, size_t len)
{
    charset_judge_feed(ctx, data, len);
    return true;
}

static bool feed_piece(void *ctx, const char *data, size_t len)
{
    return feed(ctx, data, len);
}

static bool read_fd(struct import_job *job, int k, int fd, const char *path)
{
    struct feed f;
    struct charset_judge judge = {0};
    if (!each_piece(job, fd, path, judge_piece, &judge)) {
        set_state(job, k, IMPORT_FAILED);
        return false;
    }
    if (!feed_open(&f, job, k, charset_judge_end(&judge)))
        return true;
    return feed_close(&f, each_piece(job, fd, path, feed_piece, &f));
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
