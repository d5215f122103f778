/*
 * cti_replay.c - see cti_replay.h.
 */
#include "cti_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "base/hash.h"

/* The one replay at a time: timers and streams find it here. */
static struct replay *self_of;

static struct replay *of(const struct steward_host *self)
{
    (void)self;
    return self_of;
}

static void host_log(const struct steward_host *self, enum steward_log_level level, const char *fmt,
                     ...)
{
    struct replay *r = of(self);
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (level >= STEWARD_LOG_WARN)
        r->warnings++;
    size_t used = strlen(r->log);
    snprintf(r->log + used, sizeof r->log - used, "%s\n", line);
    if (r->verbose)
        printf("    log %d: %s\n", (int)level, line);
}

static int64_t host_now(const struct steward_host *self)
{
    return of(self)->now;
}

static const char *host_instance(const struct steward_host *self)
{
    (void)self;
    return "pbx-a";
}

/* ---- configuration: the given value, or the table's fallback where it is a plain one ---- */

static const struct steward_conf_key *key_of(const struct replay *r, const char *name)
{
    for (const struct steward_conf_key *k = r->plugin->conf_keys; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    fprintf(stderr, "the plugin asks for '%s', which is not in its table\n", name);
    abort();
}

static const char *conf_text(const struct steward_conf *conf, const char *key)
{
    (void)conf;
    const struct steward_conf_key *k = key_of(self_of, key);
    const json_t *v = json_object_get(self_of->conf, key);
    return v ? json_string_value(v) : k->fallback;
}

static int64_t duration(const char *text)
{
    char *unit;
    int64_t n = strtoll(text, &unit, 10);
    return n * (strcmp(unit, "ms") == 0 ? 1 : *unit == 'm' ? 60000 : *unit == 'h' ? 3600000 : 1000);
}

static int64_t conf_int(const struct steward_conf *conf, const char *key)
{
    (void)conf;
    const struct steward_conf_key *k = key_of(self_of, key);
    const json_t *v = json_object_get(self_of->conf, key);
    if (json_is_boolean(v))
        return json_is_true(v);
    if (json_is_integer(v))
        return json_integer_value(v);
    if (k->kind == STEWARD_CONF_BOOL)
        return strcmp(k->fallback, "true") == 0;
    return k->kind == STEWARD_CONF_DURATION ? duration(k->fallback)
                                            : strtoll(k->fallback, NULL, 10);
}

static const char *conf_item(const struct steward_conf *conf, const char *key, size_t i)
{
    (void)conf;
    key_of(self_of, key);
    return json_string_value(json_array_get(json_object_get(self_of->conf, key), i));
}

/* ---- timers and streams ---- */

static struct steward_handle *timer_new(const struct steward_host *self, void (*fn)(void *ctx),
                                        void *ctx)
{
    struct replay *r = of(self);
    struct replay_timer *t = calloc(1, sizeof *t);
    *t = (struct replay_timer){.fn = fn, .ctx = ctx, .next = r->timers};
    r->timers = t;
    return (struct steward_handle *)t;
}

static void timer_arm(struct steward_handle *timer, int64_t ms)
{
    ((struct replay_timer *)timer)->due = self_of->now + (ms > 0 ? ms : 0) + (ms <= 0);
}

static void timer_disarm(struct steward_handle *timer)
{
    ((struct replay_timer *)timer)->due = 0;
}

static struct steward_handle *stream_open(const struct steward_host *self,
                                          const struct steward_stream_opts *opts,
                                          steward_stream_cb *cb, void *ctx)
{
    struct replay *r = of(self);
    (void)opts;
    r->opened++;
    if (r->refuse)
        return NULL;
    r->stream_cb = cb;
    r->stream_ctx = ctx;
    r->open = true;
    r->unread_len = r->written_len = 0;
    return (struct steward_handle *)r;
}

static bool stream_write(struct steward_handle *stream, const void *data, size_t len)
{
    struct replay *r = (struct replay *)stream;
    if (!r->open || r->full)
        return false;
    r->written = realloc(r->written, r->written_len + len + 1);
    memcpy(r->written + r->written_len, data, len);
    r->written_len += len;
    r->written[r->written_len] = '\0';
    return true;
}

static void release(struct steward_handle **h)
{
    if (!*h)
        return;
    if ((void *)*h == (void *)self_of)
        self_of->open = false;
    else
        ((struct replay_timer *)*h)->dead = true;
    *h = NULL;
}

static void host_post(const struct steward_host *self, void (*fn)(void *ctx), void *ctx)
{
    (void)self;
    fn(ctx);
}

static void host_count(const struct steward_host *self, const char *name, uint64_t add)
{
    (void)self;
    (void)name;
    (void)add;
}

/* ---- CTI ---- */

static int register_cti(const struct steward_host *self, const struct steward_cti_ops *ops,
                        void *ctx)
{
    of(self)->ops = ops;
    of(self)->ops_ctx = ctx;
    return 0;
}

static const char *keep(char *out, size_t cap, const char *text)
{
    if (!text)
        return NULL;
    snprintf(out, cap, "%s", text);
    return out;
}

static void cti_emit(const struct steward_host *self, const struct steward_cti_event *ev)
{
    struct replay *r = of(self);
    if (r->n_events == r->cap_events) {
        r->cap_events = r->cap_events ? r->cap_events * 2 : 256;
        struct seen *old = r->events;
        r->events = calloc(r->cap_events, sizeof *r->events);
        for (size_t i = 0; i < r->n_events; i++) { /* the texts point into their own struct */
            struct seen *s = &r->events[i];
            *s = old[i];
            s->ev.call = s->ev.call ? s->call : NULL;
            s->ev.calling = s->ev.calling ? s->calling : NULL;
            s->ev.called = s->ev.called ? s->called : NULL;
            s->ev.device = s->ev.device ? s->device : NULL;
            s->ev.queue = s->ev.queue ? s->queue : NULL;
            s->ev.to = s->ev.to ? s->to : NULL;
            s->ev.other_call = s->ev.other_call ? s->other : NULL;
            s->ev.reason = s->ev.reason ? s->reason : NULL;
        }
        free(old);
    }
    struct seen *s = &r->events[r->n_events++];
    s->ev = *ev;
    s->ev.call = keep(s->call, sizeof s->call, ev->call);
    s->ev.calling = keep(s->calling, sizeof s->calling, ev->calling);
    s->ev.called = keep(s->called, sizeof s->called, ev->called);
    s->ev.device = keep(s->device, sizeof s->device, ev->device);
    s->ev.queue = keep(s->queue, sizeof s->queue, ev->queue);
    s->ev.to = keep(s->to, sizeof s->to, ev->to);
    s->ev.other_call = keep(s->other, sizeof s->other, ev->other_call);
    s->ev.reason = keep(s->reason, sizeof s->reason, ev->reason);
    if (r->verbose) {
        char line[512];
        printf("    %s\n", seen_text(s, 0, line, sizeof line));
    }
}

static void cti_state(const struct steward_host *self, enum steward_source_state state,
                      uint32_t can, const char *error)
{
    struct replay *r = of(self);
    r->state = state;
    r->can = can;
    snprintf(r->error, sizeof r->error, "%s", error ? error : "");
}

static void resync_begin(const struct steward_host *self)
{
    of(self)->n_alive = 0;
    of(self)->resyncs++;
}

static void resync_end(const struct steward_host *self)
{
    (void)self;
}

static void cti_alive(const struct steward_host *self, const char *call)
{
    struct replay *r = of(self);
    if (r->n_alive < 64)
        snprintf(r->alive[r->n_alive++], sizeof r->alive[0], "%s", call);
}

static void action_done(const struct steward_host *self, uint64_t token, bool ok, const char *code,
                        const char *text)
{
    struct replay *r = of(self);
    r->done_token = token;
    r->done_ok = ok;
    snprintf(r->done_code, sizeof r->done_code, "%s", code ? code : "");
    snprintf(r->done_text, sizeof r->done_text, "%s", text ? text : "");
}

static void md5_hex(const void *data, size_t len, char out[33])
{
    unsigned char md[16];
    EVP_Digest(data, len, md, NULL, EVP_md5(), NULL);
    hex_encode(md, sizeof md, out);
}

static void host_stopped(const struct steward_host *self)
{
    (void)self;
}

void replay_start(struct replay *r, const struct steward_plugin *plugin, const char *conf,
                  int64_t now)
{
    bool verbose = r->verbose;
    memset(r, 0, sizeof *r);
    r->verbose = verbose;
    self_of = r;
    r->now = now;
    r->plugin = plugin;
    r->conf = json_loads(conf, 0, NULL);
    r->host = (struct steward_host){.struct_size = sizeof r->host,
                                    .abi_major = STEWARD_ABI_MAJOR,
                                    .abi_minor = STEWARD_ABI_MINOR,
                                    .log = host_log,
                                    .now_ms = host_now,
                                    .instance = host_instance,
                                    .conf_text = conf_text,
                                    .conf_int = conf_int,
                                    .conf_item = conf_item,
                                    .timer_new = timer_new,
                                    .timer_arm = timer_arm,
                                    .timer_disarm = timer_disarm,
                                    .stream_open = stream_open,
                                    .stream_write = stream_write,
                                    .release = release,
                                    .post = host_post,
                                    .count = host_count,
                                    .register_cti = register_cti,
                                    .cti_emit = cti_emit,
                                    .cti_state = cti_state,
                                    .cti_resync_begin = resync_begin,
                                    .cti_resync_end = resync_end,
                                    .cti_alive = cti_alive,
                                    .action_done = action_done,
                                    .md5_hex = md5_hex,
                                    .stopped = host_stopped};
    char why[256] = "";
    if (!r->conf || (plugin->check && plugin->check(&r->host, NULL, why, sizeof why) != 0) ||
        plugin->init(&r->host, NULL, &r->ctx) != 0 || plugin->start(r->ctx) != 0) {
        fprintf(stderr, "the plugin does not start: %s\n", why);
        abort();
    }
    if (r->open)
        r->stream_cb(r->stream_ctx, STEWARD_STREAM_UP, NULL, 0);
}

void replay_stop(struct replay *r)
{
    r->plugin->stop(r->ctx);
    r->plugin->fini(r->ctx);
    replay_forget(r);
    while (r->timers) {
        struct replay_timer *t = r->timers;
        r->timers = t->next;
        free(t);
    }
    free(r->events);
    free(r->unread);
    free(r->written);
    json_decref(r->conf);
    self_of = NULL;
}

void replay_forget(struct replay *r)
{
    r->n_events = 0;
}

void replay_feed(struct replay *r, const char *data, size_t len)
{
    if (!r->open)
        return;
    char *all = malloc(r->unread_len + len + 1); /* exactly sized: a read past it is seen */
    if (r->unread_len)
        memcpy(all, r->unread, r->unread_len);
    memcpy(all + r->unread_len, data, len);
    size_t total = r->unread_len + len;
    size_t used = r->stream_cb(r->stream_ctx, STEWARD_STREAM_DATA, all, total);
    if (used > total)
        abort();
    free(r->unread);
    r->unread_len = total - used;
    r->unread = malloc(r->unread_len + 1);
    memcpy(r->unread, all + used, r->unread_len);
    free(all);
}

void replay_eof(struct replay *r, const char *why)
{
    if (!r->open)
        return;
    r->open = false;
    r->stream_cb(r->stream_ctx, STEWARD_STREAM_DOWN, why, strlen(why));
}

static struct replay_timer *next_due(struct replay *r, int64_t limit)
{
    struct replay_timer *t, *first = NULL;
    for (t = r->timers; t; t = t->next)
        if (!t->dead && t->due && t->due <= limit && (!first || t->due < first->due))
            first = t;
    return first;
}

void replay_until(struct replay *r, int64_t now)
{
    struct replay_timer *t;
    while ((t = next_due(r, now)) != NULL) {
        unsigned opened = r->opened;
        if (t->due > r->now)
            r->now = t->due;
        t->due = 0;
        t->fn(t->ctx);
        if (r->opened != opened && r->open)
            r->stream_cb(r->stream_ctx, STEWARD_STREAM_UP, NULL, 0);
    }
    if (now > r->now)
        r->now = now;
}

/* ---- recordings ---- */

static char *slurp(const char *path, size_t *len)
{
    char command[1200];
    snprintf(command, sizeof command, "gzip -dcf -- '%s' 2>/dev/null || gzip -dc -- '%s.gz'", path,
             path);
    FILE *f = popen(command, "r");
    char *data = NULL;
    size_t cap = 0, n;
    *len = 0;
    do {
        if (*len + 65536 > cap)
            data = realloc(data, cap = cap * 2 + 131072);
        n = fread(data + *len, 1, 65536, f);
        *len += n;
    } while (n > 0);
    pclose(f);
    data[*len] = '\0';
    return data;
}

void recording_read(struct recording *rec, const char *path, const char *times, bool ms)
{
    memset(rec, 0, sizeof *rec);
    rec->data = slurp(path, &rec->len);
    FILE *f = fopen(times, "r");
    char line[128];
    while (f && fgets(line, sizeof line, f)) {
        double at;
        size_t offset;
        if (sscanf(line, "%lf %zu", &at, &offset) != 2)
            continue;
        rec->chunks = realloc(rec->chunks, (rec->n_chunks + 1) * sizeof *rec->chunks);
        rec->chunks[rec->n_chunks].at_ms = (int64_t)(ms ? at : at * 1000);
        rec->chunks[rec->n_chunks++].offset = offset;
    }
    if (f)
        fclose(f);
}

void recording_free(struct recording *rec)
{
    free(rec->data);
    free(rec->chunks);
}

void recording_play(struct replay *r, const struct recording *rec, int64_t base,
                    enum replay_split split, unsigned seed)
{
    for (size_t c = 0; c < rec->n_chunks; c++) {
        size_t at = rec->chunks[c].offset;
        size_t end = c + 1 < rec->n_chunks ? rec->chunks[c + 1].offset : rec->len;
        replay_until(r, base + rec->chunks[c].at_ms);
        while (at < end) {
            size_t n = split == SPLIT_AS_READ ? end - at
                       : split == SPLIT_BYTES ? 1
                                              : 1 + (size_t)rand_r(&seed) % 997;
            n = n < end - at ? n : end - at;
            replay_feed(r, rec->data + at, n);
            at += n;
        }
    }
}

const char *seen_text(const struct seen *s, int64_t base, char *out, size_t cap)
{
    static const char *const kinds[] = {"none",        "ORIGINATED",  "QUEUED",       "DELIVERED",
                                        "ESTABLISHED", "HELD",        "RETRIEVED",    "DIVERTED",
                                        "TRANSFERRED", "CONFERENCED", "CONN_CLEARED", "FAILED",
                                        "CLEARED",     "AGENT_STATE"};
    const struct steward_cti_event *e = &s->ev;
    snprintf(out, cap,
             "%8.3f %-12s %-22s dir=%d %s>%s%s dev=%s q=%s cause=%d to=%s kind=%d other=%s by=%d "
             "state=%d %s",
             (double)(e->at - base) / 1000, kinds[e->kind], e->call ? e->call : "-",
             (int)e->direction, e->calling ? e->calling : "-", e->called ? e->called : "-",
             e->restricted ? " (restricted)" : "", e->device ? e->device : "-",
             e->queue ? e->queue : "-", (int)e->cause, e->to ? e->to : "-", (int)e->transfer,
             e->other_call ? e->other_call : "-", (int)e->by, (int)e->agent_state,
             e->reason ? e->reason : "");
    return out;
}
