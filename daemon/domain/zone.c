/*
 * zone.c - TZif version 2 files and the POSIX TZ rule at their end.
 */
#include "domain/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/day.h"
#include "base/mem.h"
#include "base/text.h"

#define ZONEINFO  "/usr/share/zoneinfo/"
#define FILE_MAX  (256 * 1024)
#define HEAD      44 /* bytes of a TZif header */
#define TIMES_MAX 4096

/* "M3.2.0/2": the week'th weekday (0 = Sunday) of a month, week 5 = the last. */
struct rule {
    int month, week, weekday;
    int32_t at; /* seconds after local midnight */
};

struct zone {
    char name[64];
    size_t n;
    int64_t *times; /* seconds UTC at which offsets[i] begins */
    int32_t *offsets;
    int32_t first;    /* before times[0] */
    int32_t std, dst; /* after the last of times: the POSIX rule */
    bool has_rule, has_dst;
    struct rule to_dst, to_std;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- the POSIX rule: "CST-8", "EST5EDT,M3.2.0,M11.1.0" ---- */

static const char *skip_name(const char *p)
{
    if (*p == '<') {
        p = strchr(p, '>');
        return p ? p + 1 : NULL;
    }
    while (isalpha((unsigned char)*p))
        p++;
    return p;
}

/* "[+-]hh[:mm[:ss]]" to seconds; NULL if it is none. */
static const char *read_hms(const char *p, int32_t *out)
{
    int sign = 1;
    int32_t part[3] = {0, 0, 0};
    if (*p == '+' || *p == '-')
        sign = *p++ == '-' ? -1 : 1;
    for (int i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)*p))
            return NULL;
        for (int k = 0; k < 3 && isdigit((unsigned char)*p); k++)
            part[i] = part[i] * 10 + (*p++ - '0');
        if (*p != ':' || i == 2)
            break;
        p++;
    }
    *out = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return p;
}

static const char *read_rule(const char *p, struct rule *r)
{
    int used = 0;
    if (sscanf(p, ",M%2d.%1d.%1d%n", &r->month, &r->week, &r->weekday, &used) != 3)
        return NULL;
    if (r->month < 1 || r->month > 12 || r->week < 1 || r->week > 5 || r->weekday > 6)
        return NULL;
    p += used;
    r->at = 2 * 3600;
    return *p == '/' ? read_hms(p + 1, &r->at) : p;
}

static bool read_posix(struct zone *z, const char *p)
{
    p = skip_name(p);
    p = p ? read_hms(p, &z->std) : NULL;
    if (!p)
        return false;
    z->std = -z->std;
    z->has_rule = true;
    if (!*p)
        return true;
    p = skip_name(p);
    if (!p)
        return false;
    z->dst = z->std + 3600;
    if (*p && *p != ',') {
        p = read_hms(p, &z->dst);
        if (!p)
            return false;
        z->dst = -z->dst;
    }
    z->has_dst = (p = read_rule(p, &z->to_dst)) && (p = read_rule(p, &z->to_std)) && !*p;
    return z->has_dst;
}

/* Seconds UTC of a rule's change in a year; before: the offset in force until then. */
static int64_t rule_moment(const struct rule *r, int year, int32_t before)
{
    int64_t first = day_of_date(year, r->month, 1);
    int weekday = (day_weekday(first) + 1) % 7; /* 0 = Sunday, as the rule has it */
    int64_t day = first + (r->weekday - weekday + 7) % 7 + INT64_C(7) * (r->week - 1);
    while (day >= first + day_month_length(year, r->month))
        day -= 7;
    return day * DAY_S + r->at - before;
}

static int32_t rule_offset(const struct zone *z, int64_t s)
{
    if (!z->has_dst)
        return z->std;
    int year = day_date(floor_div(s + z->std, DAY_S)).year;
    int64_t on = rule_moment(&z->to_dst, year, z->std);
    int64_t off = rule_moment(&z->to_std, year, z->dst);
    bool dst = on < off ? s >= on && s < off : s >= on || s < off;
    return dst ? z->dst : z->std;
}

/* ---- the file ---- */

static bool name_is_safe(const char *name)
{
    if (!*name || *name == '/' || strlen(name) >= sizeof(((struct zone *)0)->name) ||
        strstr(name, ".."))
        return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_+-", *p))
            return false;
    return true;
}

static bool read_file(const char *name, struct buf *out)
{
    char path[128], chunk[4096];
    size_t n;
    snprintf(path, sizeof(path), "%s%s", ZONEINFO, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(out, chunk, n);
    bool ok = !ferror(f) && !out->overflow && out->len > HEAD;
    fclose(f);
    return ok;
}

/* Counts of a header, in its order. */
struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool read_head(const uint8_t *p, size_t len, struct counts *c)
{
    if (len < HEAD || memcmp(p, "TZif", 4) != 0)
        return false;
    c->isut = be32(p + 20);
    c->isstd = be32(p + 24);
    c->leap = be32(p + 28);
    c->time = be32(p + 32);
    c->type = be32(p + 36);
    c->chars = be32(p + 40);
    return c->time <= TIMES_MAX && c->type >= 1 && c->type <= 256 && c->chars <= 4096 &&
           c->leap <= 4096 && c->isut <= 256 && c->isstd <= 256;
}

static size_t body_len(const struct counts *c, size_t width)
{
    return c->time * (width + 1) + c->type * 6 + c->chars + c->leap * (width + 4) + c->isstd +
           c->isut;
}

static bool parse(struct zone *z, const char *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data, *end = p + len;
    struct counts c;
    if (!read_head(p, len, &c) || p[4] < '2')
        return false;
    size_t skip = HEAD + body_len(&c, 4);
    if (skip > len || !read_head(p + skip, len - skip, &c))
        return false;
    p += skip + HEAD;
    size_t body = body_len(&c, 8);
    if ((size_t)(end - p) < body + 2 || p[body] != '\n')
        return false;
    const uint8_t *index = p + c.time * 8, *types = index + c.time;
    z->n = c.time;
    z->times = xcalloc(c.time + 1, sizeof(*z->times));
    z->offsets = xcalloc(c.time + 1, sizeof(*z->offsets));
    z->first = (int32_t)be32(types);
    for (size_t i = 0; i < c.time; i++) {
        if (index[i] >= c.type)
            return false;
        z->times[i] = be64(p + i * 8);
        z->offsets[i] = (int32_t)be32(types + (size_t)index[i] * 6);
    }
    char posix[128];
    const uint8_t *from = p + body + 1, *nl = memchr(from, '\n', (size_t)(end - from));
    if (!nl || !text_copyn(posix, sizeof(posix), (const char *)from, (size_t)(nl - from)))
        return false;
    return !*posix || read_posix(z, posix);
}

struct zone *zone_load(const char *name, struct errmsg *why)
{
    struct buf data = BUF_INIT(FILE_MAX);
    struct zone *z = xcalloc(1, sizeof(*z));
    text_copy(z->name, sizeof(z->name), name);
    if (!name_is_safe(name) || !read_file(name, &data))
        errmsg_set(why, E_NOTFOUND, "no time zone '%s'", name);
    else if (!parse(z, data.data, data.len))
        errmsg_set(why, E_INVALID, "the file of time zone '%s' is damaged", name);
    else
        goto out;
    zone_free(&z);
out:
    buf_free(&data);
    return z;
}

void zone_free(struct zone **z)
{
    if (!*z)
        return;
    free((*z)->times);
    free((*z)->offsets);
    free(*z);
    *z = NULL;
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

int32_t zone_offset(const struct zone *z, int64_t ms)
{
    if (!z)
        return 0;
    int64_t s = floor_div(ms, 1000);
    size_t lo = 0, hi = z->n;
    if (z->n == 0 || s < z->times[0])
        return z->n == 0 && z->has_rule ? rule_offset(z, s) : z->first;
    if (z->has_rule && s >= z->times[z->n - 1])
        return rule_offset(z, s);
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (z->times[mid] <= s)
            lo = mid;
        else
            hi = mid;
    }
    return z->offsets[lo];
}

void zone_local(const struct zone *z, int64_t ms, struct zone_time *out)
{
    out->offset = zone_offset(z, ms);
    int64_t s = floor_div(ms, 1000) + out->offset;
    int64_t days = floor_div(s, DAY_S);
    int rest = (int)(s - days * DAY_S);
    struct day_date date = day_date(days);
    out->year = date.year;
    out->month = date.month;
    out->day = date.day;
    out->weekday = day_weekday(days);
    out->hour = rest / 3600;
    out->minute = rest / 60 % 60;
    out->second = rest % 60;
}

int32_t zone_day(const struct zone *z, int64_t ms)
{
    return (int32_t)day_of_ms(ms + zone_offset(z, ms) * INT64_C(1000));
}

int64_t zone_moment(const struct zone *z, int32_t days, int minute)
{
    int64_t local = ((int64_t)days * DAY_S + minute * 60) * 1000;
    int32_t before = zone_offset(z, local - DAY_MS);
    int32_t after = zone_offset(z, local + DAY_MS);
    int64_t at = local - before * 1000LL;
    if (zone_offset(z, at) == before)
        return at; /* the first of two, or the only one */
    int64_t later = local - after * 1000LL;
    if (zone_offset(z, later) == after)
        return later;
    /* Skipped: the change lies between the two readings. */
    int64_t lo = later, hi = at;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (zone_offset(z, mid) == before)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

const char *zone_format(const struct zone *z, int64_t ms, char *out)
{
    struct zone_time t;
    zone_local(z, ms, &t);
    snprintf(out, 20, "%04d-%02d-%02d %02d:%02d", t.year % 10000, t.month, t.day, t.hour, t.minute);
    return out;
}
