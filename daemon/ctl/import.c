/*
 * import.c - stewardctl import: the daemon reads the folder itself when it is reached through its
 * socket; over
 * --url the files are sent in pieces. Either way jobs are followed with a progress bar, and refused
 * rows are listed as file:line: reason.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/charset.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/ctl.h"

#define PIECE_MAX (8u * 1024u * 1024u)
#define POLL_MS   50
#define BAR_WIDTH 30

static const char *const files[] = {"units.csv",   "buildings.csv", "persons.csv",
                                    "tenures.csv", "vehicles.csv",  "shifts.csv"};

static const struct ctl_column file_columns[] = {{"file", "file", AS_TEXT, 0},
                                                 {"rows", "rows", AS_TEXT, 0},
                                                 {"added", "added", AS_TEXT, 0},
                                                 {"changed", "changed", AS_TEXT, 0},
                                                 {"same", "same", AS_TEXT, 0},
                                                 {"refused", "refused", AS_TEXT, 0},
                                                 {0}};

static const struct ctl_column dry_columns[] = {{"file", "file", AS_TEXT, 0},
                                                {"rows", "rows", AS_TEXT, 0},
                                                {"good", "good", AS_TEXT, 0},
                                                {"refused", "refused", AS_TEXT, 0},
                                                {0}};

/* What all jobs of this run said. */
struct outcome {
    json_t *files;   /* those that were there */
    json_t *refused; /* {"file","line","reason"} */
    int64_t refused_total;
    bool failed;
};

static int64_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* ---- following a job ---- */

static void bar(const struct ctl *ctl, const json_t *job)
{
    int64_t read = 0, bytes = 0, rows = 0;
    const json_t *list = json_object_get(job, "files");
    if (ctl->json || !isatty(STDERR_FILENO))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);
        read += number(f, "read");
        bytes += number(f, "bytes");
        rows += number(f, "rows");
    }
    int full = bytes > 0 ? (int)(read * BAR_WIDTH / bytes) : 0;
    full = full > BAR_WIDTH ? BAR_WIDTH : full;
    (void)fprintf(stderr, "\r[%.*s%*s] %3d%% %" PRId64 " rows ", full,
                  "==============================", BAR_WIDTH - full, "", full * 100 / BAR_WIDTH,
                  rows);
}

static void end_bar(const struct ctl *ctl)
{
    if (!ctl->json && isatty(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
}

static json_t *read_answer(const struct ctl_reply *reply)
{
    struct errmsg why;
    json_t *v = json_parse(buf_str(&reply->body), reply->body.len, &why);
    if (!v)
        (void)fprintf(stderr, "stewardctl import: the answer is not JSON: %s\n", why.text);
    return v;
}

/* One answer as an object; NULL when it was refused or none came (said on stderr). */
static json_t *ask(struct ctl *ctl, const char *method, const char *path, const char *type,
                   const char *body, size_t len)
{
    struct ctl_reply reply;
    json_t *v = NULL;
    if (ctl_request(ctl, method, path, type, body, len, &reply)) {
        if (reply.status < 200 || reply.status > 299)
            ctl_show_problem(ctl, &reply);
        else
            v = read_answer(&reply);
    }
    ctl_reply_free(&reply);
    return v;
}

static void take_refusals(struct ctl *ctl, struct outcome *out, const char *id, const json_t *job)
{
    json_t *page = json_deep_copy(job);
    size_t skip = 0;
    while (page) {
        json_t *list = json_object_get(page, "refused");
        size_t n = json_array_size(list);
        if (n)
            (void)json_array_extend(out->refused, list);
        json_decref(page);
        skip += n;
        if (!n || (int64_t)skip >= number(job, "refused_total"))
            break;
        char path[128];
        (void)snprintf(path, sizeof(path), "/import/%s?skip=%zu", id, skip);
        page = ask(ctl, "GET", path, NULL, NULL, 0);
    }
}

static void take_files(struct outcome *out, const json_t *job)
{
    const json_t *list = json_object_get(job, "files");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *f = json_array_get(list, i);
        const char *state = json_string_value(json_object_get(f, "state"));
        if (state && strcmp(state, "absent") != 0)
            (void)json_array_append(out->files, f);
    }
}

static void say_warnings(const json_t *job)
{
    const json_t *list = json_object_get(job, "warnings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *w = json_array_get(list, i);
        (void)fprintf(stderr, "stewardctl import: %s %s\n",
                      json_string_value(json_object_get(w, "file")),
                      json_string_value(json_object_get(w, "text")));
    }
}

/* Until the job has ended. Takes job over. */
static void follow(struct ctl *ctl, struct outcome *out, json_t *job)
{
    char id[64] = "", path[128];
    const char *state = "failed", *error;
    while (job) {
        (void)snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(job, "id")));
        state = json_string_value(json_object_get(job, "state"));
        bar(ctl, job);
        if (!state || strcmp(state, "running") != 0)
            break;
        (void)poll(NULL, 0, POLL_MS);
        (void)snprintf(path, sizeof(path), "/import/%s", id);
        json_decref(job);
        job = ask(ctl, "GET", path, NULL, NULL, 0);
    }
    end_bar(ctl);
    out->failed |= !job || !state || strcmp(state, "done") != 0;
    error = json_string_value(json_object_get(job, "error"));
    if (error)
        (void)fprintf(stderr, "stewardctl import: %s\n", error);
    if (job) {
        say_warnings(job);
        out->refused_total += number(job, "refused_total");
        take_files(out, job);
        take_refusals(ctl, out, id, job);
    }
    json_decref(job);
}

/* ---- a folder that the daemon reads ---- */

static void import_folder(struct ctl *ctl, struct outcome *out, const char *dir, bool dry_run)
{
    json_t *body = json_pack("{s:s, s:b}", "dir", dir, "dry_run", dry_run);
    char *text = json_dumps(body, JSON_COMPACT);
    follow(ctl, out, ask(ctl, "POST", "/import", "application/json", text, strlen(text)));
    free(text);
    json_decref(body);
}

/* ---- files that are sent ---- */

/* The end of the last whole row within len bytes; 0 if there is none. A newline in quotes ends no
 * row. */
static size_t whole_rows(const char *data, size_t len, int64_t *lines)
{
    size_t end = 0;
    int64_t seen = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        quoted ^= data[i] == '"';
        seen += data[i] == '\n';
        if (data[i] == '\n' && !quoted) {
            end = i + 1;
            *lines = seen;
        }
    }
    return end;
}

static void send_piece(struct ctl *ctl, struct outcome *out, const char *file, int64_t line,
                       bool dry_run, const struct buf *text)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "/import?file=%s&line=%" PRId64 "&dry_run=%s", file, line,
                   dry_run ? "true" : "false");
    follow(ctl, out, ask(ctl, "POST", path, "text/csv", buf_str(text), text->len));
}

/* head: the line of names, which every piece repeats. */
static void send_pieces(struct ctl *ctl, struct outcome *out, const char *file, FILE *f,
                        bool dry_run)
{
    struct buf head = BUF_INIT(65536), rest = BUF_INIT(2 * PIECE_MAX),
               piece = BUF_INIT(2 * PIECE_MAX);
    char *part = xmalloc(PIECE_MAX);
    int64_t line = 2;
    char *first = NULL;
    size_t cap = 0;
    ssize_t len = getline(&first, &cap, f);
    if (len > 0)
        buf_add(&head, first, (size_t)len);
    bool more = len > 0;
    while (more && !out->failed && !rest.overflow) {
        size_t got = fread(part, 1, PIECE_MAX, f);
        more = got == PIECE_MAX;
        buf_add(&rest, part, got);
        int64_t lines = 0;
        size_t end = more ? whole_rows(buf_str(&rest), rest.len, &lines) : rest.len;
        buf_reset(&piece);
        buf_add(&piece, buf_str(&head), head.len);
        buf_add(&piece, buf_str(&rest), end);
        if (end || line == 2)
            send_piece(ctl, out, file, line, dry_run, &piece);
        buf_shift(&rest, end);
        line += lines;
    }
    out->failed |= rest.overflow || head.overflow;
    if (rest.overflow || head.overflow)
        (void)fprintf(stderr, "stewardctl import: %s:%" PRId64 ": a row without end\n", file, line);
    free(first);
    free(part);
    buf_free(&head);
    buf_free(&rest);
    buf_free(&piece);
}

/* The file as UTF-8: itself, or a converted copy without a name. What is sent in pieces is judged
 * here, as a whole; what is no text at all goes as it is, for the daemon to refuse. */
static FILE *open_utf8(const char *path)
{
    struct charset_judge judge = {0};
    char part[16384];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        charset_judge_feed(&judge, part, n);
    enum charset charset = charset_judge_end(&judge);
    rewind(f);
    struct charset_conv *conv =
        charset == CHARSET_GB18030 || charset == CHARSET_UTF16 ? charset_conv_new(charset) : NULL;
    FILE *copy = conv ? tmpfile() : NULL;
    struct buf text = BUF_INIT(4 * sizeof(part));
    bool ok = copy != NULL;
    while (ok && (n = fread(part, 1, sizeof(part), f)) > 0) {
        buf_reset(&text);
        ok = charset_conv_feed(conv, part, n, &text) == E_OK &&
             fwrite(buf_str(&text), 1, text.len, copy) == text.len;
    }
    charset_conv_free(&conv);
    buf_free(&text);
    if (!ok) {
        if (copy)
            (void)fclose(copy);
        rewind(f);
        return f;
    }
    (void)fprintf(stderr, "stewardctl import: %s is %s, and is sent as UTF-8\n", path,
                  charset_name(charset));
    (void)fclose(f);
    rewind(copy);
    return copy;
}

static void import_files(struct ctl *ctl, struct outcome *out, const char *dir, bool dry_run)
{
    for (size_t i = 0; i < ARRAY_LEN(files) && !out->failed; i++) {
        char *path = xasprintf("%s/%s", dir, files[i]);
        FILE *f = open_utf8(path);
        if (f) {
            send_pieces(ctl, out, files[i], f, dry_run);
            (void)fclose(f);
        } else if (errno != ENOENT) {
            (void)fprintf(stderr, "stewardctl import: %s: %s\n", path, strerror(errno));
            out->failed = true;
        }
        free(path);
    }
}

/* ---- the report ---- */

static void report(const struct ctl *ctl, const struct outcome *out, const char *dir, bool dry_run)
{
    if (ctl->json) {
        json_t *v = json_pack("{s:b, s:O, s:I, s:O}", "ok", !out->failed && out->refused_total == 0,
                              "files", out->files, "refused_total", (json_int_t)out->refused_total,
                              "refused", out->refused);
        char *text = json_dumps(v, JSON_COMPACT);
        (void)printf("%s\n", text);
        free(text);
        json_decref(v);
        return;
    }
    for (size_t i = 0; i < json_array_size(out->refused); i++) {
        const json_t *r = json_array_get(out->refused, i);
        (void)printf("%s:%" PRId64 ": %s\n", json_string_value(json_object_get(r, "file")),
                     number(r, "line"), json_string_value(json_object_get(r, "reason")));
    }
    if (out->refused_total > (int64_t)json_array_size(out->refused))
        (void)printf("… and %" PRId64 " more\n",
                     out->refused_total - (int64_t)json_array_size(out->refused));
    if (json_array_size(out->files))
        ctl_table(out->files, dry_run ? dry_columns : file_columns);
    else if (!out->failed)
        (void)printf("%s holds none of the files (stewardctl import --help)\n", dir);
}

/* At least one of our files, so that a wrong folder is not taken for an empty one. */
static bool is_folder(const char *dir)
{
    struct stat st;
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    (void)fprintf(stderr, "stewardctl import: %s is no folder\n", dir);
    return false;
}

int ctl_import(struct ctl *ctl, struct ctl_call *call)
{
    struct outcome out = {json_array(), json_array(), 0, false};
    char full[PATH_MAX];
    const char *dir = ctl_local(call, "dir");
    bool dry_run = ctl_local(call, "dry_run") != NULL;
    out.failed = !is_folder(dir) || !realpath(dir, full) || !ctl_connect(ctl);
    if (!out.failed) {
        if (ctl->url)
            import_files(ctl, &out, full, dry_run);
        else
            import_folder(ctl, &out, full, dry_run);
        report(ctl, &out, dir, dry_run);
    }
    json_decref(out.files);
    json_decref(out.refused);
    return out.failed || out.refused_total ? CTL_REFUSED : CTL_DONE;
}
