/*
 * common.c - options, output lines and the loop of every subcommand.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "sim/sim.h"

enum { LINE_OUT_MAX = 1 << 20, DEVICES_MAX = 10000 };

/* ---- options ---- */

static void usage(FILE *to, const char *command, const char *what, const struct sim_option *table)
{
    fprintf(to, "Usage: stewardsim %s [OPTION]…\n\n%s\n\n", command, what);
    for (; table->name; table++)
        fprintf(to, "  --%-12s %s\n", table->name, table->help);
    fputs("  --help         this\n", to);
}

static const struct sim_option *find(const struct sim_option *table, const char *arg)
{
    if (!text_starts(arg, "--"))
        return NULL;
    for (; table->name; table++)
        if (strcmp(arg + 2, table->name) == 0)
            return table;
    return NULL;
}

static bool take(const struct sim_option *o, const char *value)
{
    if (o->kind == SIM_INT)
        return text_int(value, o->min, o->max, o->to) == 0;
    *(const char **)o->to = value;
    return true;
}

bool sim_options(int argc, char **argv, const char *what, const struct sim_option *table,
                 int *status)
{
    for (int i = 1; i < argc; i++) {
        const struct sim_option *o = find(table, argv[i]);
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout, argv[0], what, table);
            *status = 0;
            return false;
        }
        if (o && o->kind == SIM_FLAG) {
            *(bool *)o->to = true;
            continue;
        }
        if (!o || i + 1 >= argc || !take(o, argv[i + 1])) {
            fprintf(stderr, "stewardsim %s: %s: %s\n", argv[0], argv[i],
                    !o ? "no such option, see --help"
                       : "its value is missing or wrong, see --help");
            *status = 2;
            return false;
        }
        i++;
    }
    return true;
}

static void add_device(char ***list, size_t *n, char *device)
{
    *list = xrealloc(*list, (*n + 1) * sizeof(**list));
    (*list)[(*n)++] = device;
}

int sim_devices(const char *text, char ***out, size_t *n)
{
    int64_t from, to;
    const char *dash = strchr(text, '-');
    char first[32];
    *out = NULL;
    *n = 0;
    if (dash && text_copyn(first, sizeof(first), text, (size_t)(dash - text)) &&
        text_int(first, 0, INT32_MAX, &from) == 0 &&
        text_int(dash + 1, from, INT32_MAX, &to) == 0) {
        for (int64_t d = from; d <= to && *n < DEVICES_MAX; d++)
            add_device(out, n, xasprintf("%lld", (long long)d));
        return 0;
    }
    while (*text && *n < DEVICES_MAX) {
        size_t len = strcspn(text, ",");
        if (len)
            add_device(out, n, xstrndup(text, len));
        text += len + (text[len] == ',');
    }
    return *n ? 0 : E_INVALID;
}

void sim_devices_free(char ***list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((*list)[i]);
    free(*list);
    *list = NULL;
}

bool sim_address(const char *text, char host[256], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    int64_t value;
    if (!colon || !text_copyn(host, 256, text, (size_t)(colon - text)) ||
        text_int(colon + 1, 1, 65535, &value) < 0) {
        fprintf(stderr, "stewardsim: '%s' is not a HOST:PORT\n", text);
        return false;
    }
    *port = (uint16_t)value;
    return true;
}

char *sim_file(const char *path, size_t max, size_t *len)
{
    struct buf b = BUF_INIT(max);
    char piece[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return NULL;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(&b, piece, n);
    fclose(f);
    if (b.overflow) {
        fprintf(stderr, "%s: more than %zu bytes\n", path, max);
        buf_free(&b);
        return NULL;
    }
    *len = b.len;
    return buf_take(&b);
}

/* ---- running ---- */

static void on_signal(void *arg)
{
    loop_stop(((struct sim *)arg)->loop);
}

static struct loop_signal *on_term, *on_int;

void sim_open(struct sim *s)
{
    s->loop = loop_new();
    s->start_us = clock_mono_us();
    s->status = 0;
    on_term = loop_signal_new(s->loop, SIGTERM, on_signal, s);
    on_int = loop_signal_new(s->loop, SIGINT, on_signal, s);
}

int sim_run(struct sim *s)
{
    loop_run(s->loop);
    return s->status;
}

void sim_end(struct sim *s, int status)
{
    s->status = status;
    loop_stop(s->loop);
}

void sim_close(struct sim *s)
{
    loop_drain(s->loop, 1000);
    loop_signal_free(&on_term);
    loop_signal_free(&on_int);
    loop_free(&s->loop);
}

static struct buf line = BUF_INIT(LINE_OUT_MAX);

void sim_begin(struct sim *s, struct jw *w, const char *what)
{
    buf_reset(&line);
    jw_init(w, &line);
    jw_obj(w);
    jw_ktime(w, "at", clock_now_ms());
    jw_kint(w, "ms", (clock_mono_us() - s->start_us) / 1000);
    jw_kstr(w, "what", what);
}

void sim_print(struct jw *w)
{
    jw_end_obj(w);
    buf_addc(&line, '\n');
    if (!line.overflow)
        fwrite(line.data, 1, line.len, stdout);
    fflush(stdout);
}
