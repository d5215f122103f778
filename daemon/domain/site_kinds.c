/*
 * site_kinds.c - kinds of configuration values that only a site has: languages, addresses, times of
 * day, time zones, digits (site_priv.h). Working hours are in site_hours.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/site_priv.h"

/* ---- languages ---- */

static int read_lang(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "a language");
    enum lang lang = lang_parse(s);
    if (s && lang == LANG_NONE)
        conf_fault_at(cx->faults, n, "%s: '%s' is not one of zh-Hans (zh), zh-Hant, en", key->name,
                      s);
    if (lang == LANG_NONE)
        return E_INVALID;
    *(enum lang *)field = lang;
    return E_OK;
}

static void write_lang(const struct conf_key *key, const void *field, struct conf_out *out)
{
    jw_str(&out->w, lang_tag(*(const enum lang *)field));
}

const struct conf_kind site_lang_kind = {"language", read_lang, NULL, write_lang};

static void clear_local(const struct conf_key *key, void *field)
{
    struct local_text *t = field;
    for (int i = 0; i < LANG_COUNT; i++)
        free(t->text[i]);
    *t = (struct local_text){{NULL}};
}

/* One text for all languages stands at zh and en; others fall back to them. */
static int read_local(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field)
{
    struct local_text *t = field;
    int rc = E_OK;
    clear_local(key, field);
    if (n->kind == CONF_SCALAR) {
        if (conf_text.read(cx, key, n, &t->text[LANG_ZH]) < 0)
            return E_INVALID;
        t->text[LANG_EN] = xstrdup(t->text[LANG_ZH]);
        return E_OK;
    }
    if (n->kind != CONF_MAPPING) {
        conf_fault_at(cx->faults, n, "%s: expected text, or text by language (zh, zh-Hant, en)",
                      key->name);
        return E_INVALID;
    }
    for (size_t i = 0; i < n->n; i++) {
        enum lang lang = lang_parse(n->keys[i]->text);
        if (lang == LANG_NONE) {
            conf_fault_at(cx->faults, n->keys[i], "unknown key '%s': languages are zh, zh-Hant, en",
                          n->keys[i]->text);
            rc = E_INVALID;
        } else if (conf_text.read(cx, key, n->values[i], &t->text[lang]) < 0) {
            rc = E_INVALID;
        }
    }
    return rc;
}

static void write_local(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct local_text *t = field;
    jw_obj(&out->w);
    for (int i = 0; i < LANG_COUNT; i++)
        if (t->text[i])
            jw_kstr(&out->w, lang_tag((enum lang)i), t->text[i]);
    jw_end_obj(&out->w);
}

const struct conf_kind site_local_kind = {"text, or text by language", read_local, clear_local,
                                          write_local};

/* ---- addresses ---- */

static bool parse_address(const char *s, struct site_address *out)
{
    const char *colon = strrchr(s, ':');
    int64_t port;
    if (!colon || colon == s || text_int(colon + 1, 0, 65535, &port) < 0)
        return false;
    const char *host = s;
    size_t len = (size_t)(colon - s);
    if (host[0] == '[' && len > 2 && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len)) {
        return false;
    }
    if (len == 0 || strcspn(host, " \t/[]") < len)
        return false;
    *out = (struct site_address){.set = true, .port = (uint16_t)port};
    return text_copyn(out->host, sizeof(out->host), host, len);
}

static int read_address(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                        void *field)
{
    struct site_address a = {0};
    const char *s = conf_expect_scalar(cx, key, n, "an address such as 127.0.0.1:7070");
    if (!s)
        return E_INVALID;
    if (strcmp(s, "none") != 0 && !parse_address(s, &a)) {
        conf_fault_at(cx->faults, n,
                      "%s: '%s' is not an address such as 127.0.0.1:7070 or [::1]:7070", key->name,
                      s);
        return E_INVALID;
    }
    *(struct site_address *)field = a;
    return E_OK;
}

static void write_address(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct site_address *a = field;
    char text[300];
    bool six = strchr(a->host, ':') != NULL;
    (void)snprintf(text, sizeof(text), "%s%s%s:%u", six ? "[" : "", a->host, six ? "]" : "",
                   a->port);
    jw_str(&out->w, a->set ? text : "none");
}

const struct conf_kind site_address_kind = {"address", read_address, NULL, write_address};

/* ---- times of day ---- */

static int read_time(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    int64_t h, m;
    const char *s = conf_expect_scalar(cx, key, n, "a time of day such as \"22:00\"");
    if (!s)
        return E_INVALID;
    char hours[3] = "";
    if (strlen(s) != 5 || s[2] != ':' || !text_copyn(hours, sizeof(hours), s, 2) ||
        text_int(hours, 0, 23, &h) < 0 || text_int(s + 3, 0, 59, &m) < 0) {
        conf_fault_at(cx->faults, n, "%s: '%s' is not a time of day such as \"22:00\"", key->name,
                      s);
        return E_INVALID;
    }
    *(int64_t *)field = h * 60 + m;
    return E_OK;
}

static void write_time(const struct conf_key *key, const void *field, struct conf_out *out)
{
    char text[48];
    int64_t v = *(const int64_t *)field;
    (void)snprintf(text, sizeof(text), "%02" PRId64 ":%02" PRId64, v / 60, v % 60);
    jw_str(&out->w, text);
}

const struct conf_kind site_time_kind = {"time of day", read_time, NULL, write_time};

/* ---- checked text ---- */

/* The system's time zones are files; without them any well-formed name is taken. */
static bool timezone_exists(const char *name)
{
    static const char dir[] = "/usr/share/zoneinfo";
    char path[128];
    if (!*name || strlen(name) > 64 || strstr(name, "..") || name[0] == '/' ||
        name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/")] !=
            '\0')
        return false;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, R_OK) == 0 || access(dir, X_OK) != 0;
}

static int read_timezone(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                         void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "a time zone such as Asia/Shanghai");
    if (!s)
        return E_INVALID;
    if (!timezone_exists(s)) {
        conf_fault_at(cx->faults, n, "%s: '%s' is not a time zone such as Asia/Shanghai", key->name,
                      s);
        return E_INVALID;
    }
    return conf_text.read(cx, key, n, field);
}

static int read_digits(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                       void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "digits");
    if (!s)
        return E_INVALID;
    const char *digits = s[0] == '+' ? s + 1 : s;
    if (digits[strspn(digits, "0123456789*#")] != '\0' || strlen(s) > 24) {
        conf_fault_at(cx->faults, n, "%s: '%s' is not made of digits", key->name, s);
        return E_INVALID;
    }
    return conf_text.read(cx, key, n, field);
}

static void clear_checked(const struct conf_key *key, void *field)
{
    conf_text.clear(key, field);
}

static void write_checked(const struct conf_key *key, const void *field, struct conf_out *out)
{
    conf_text.write(key, field, out);
}

const struct conf_kind site_timezone_kind = {"time zone", read_timezone, clear_checked,
                                             write_checked};
const struct conf_kind site_digits_kind = {"digits", read_digits, clear_checked, write_checked};
