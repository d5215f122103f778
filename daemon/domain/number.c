/*
 * number.c - from the text that a PBX shows to plain digits: clean-up, SIP and tel URIs, words for
 * "withheld", extensions. The numbering plans are in number_plan.c.
 */
#include "domain/number.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/lru.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/number_priv.h"
#include "domain/phone_shim.h"
#include "domain/site.h"

#define CACHE_NUMBERS 16384

/* A text on its way: cleaned, unwrapped, its extension taken off. */
struct reading {
    char text[NUMBER_RAW_MAX + 1];
    char context[16]; /* tel: phone-context, "+86" */
    char ext[12];
    bool sip;
};

const char *number_kind_name(enum number_kind kind)
{
    static const char *const names[] = {"bad", "e164", "svc", "ext", "withheld", "unknown"};
    return names[kind];
}

/* ---- clean-up ---- */

/* Reads one character of UTF-8; bytes that are none read as U+FFFD. */
static unsigned next_char(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    int more = p[0] < 0x80 ? 0 : (p[0] & 0xe0) == 0xc0 ? 1 : (p[0] & 0xf0) == 0xe0 ? 2 : -1;
    unsigned c = more == 0 ? p[0] : more == 1 ? p[0] & 0x1fu : p[0] & 0x0fu;
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            more = -1;
            break;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *s += more < 0 ? 1 : more + 1;
    return more < 0 ? 0xfffd : c;
}

/* Zero-width and bidi marks, and the blank that is none. */
static bool is_mark(unsigned c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || c == 0xa0;
}

/* The ASCII that a compatibility form stands for; 0 if it is not one. */
static char narrow(unsigned c)
{
    if (c >= 0xff01 && c <= 0xff5e)
        return (char)(c - 0xff01 + '!');
    if (c == 0x3000)
        return ' ';
    return (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xfe58 || c == 0xfe63 ? '-' : 0;
}

static void trim(char *s)
{
    size_t n = strlen(s), from = 0;
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    while (from < n && isspace((unsigned char)s[from]))
        from++;
    memmove(s, s + from, n - from);
    s[n - from] = '\0';
}

/* Full-width forms to ASCII, marks away, trimmed, out of its quotes. False: too long. */
static bool clean(const char *raw, char out[NUMBER_RAW_MAX + 1])
{
    size_t n = 0;
    if (strnlen(raw, NUMBER_RAW_MAX + 1) > NUMBER_RAW_MAX)
        return false;
    for (const char *s = raw; *s;) {
        const char *from = s;
        unsigned c = next_char(&s);
        char plain = narrow(c);
        if (is_mark(c))
            continue;
        if (plain) {
            out[n++] = plain;
        } else {
            memcpy(out + n, from, (size_t)(s - from));
            n += (size_t)(s - from);
        }
    }
    out[n] = '\0';
    trim(out);
    n = strlen(out);
    if (n >= 2 && out[0] == '"' && out[n - 1] == '"') {
        out[n - 1] = '\0';
        memmove(out, out + 1, n - 1);
        trim(out);
    }
    return true;
}

/* ---- words ---- */

struct word {
    const char *text;
    enum number_kind kind;
};

/* `P` and `O` are what analogue lines (Bellcore GR-31: private, out of area) send for a number.
 * Keypad spellings of Twilio-like carriers ("+ANONYMOUS") look like numbers. */
static const struct word words[] = {
    {"anonymous", NUMBER_WITHHELD},
    {"restricted", NUMBER_WITHHELD},
    {"private", NUMBER_WITHHELD},
    {"withheld", NUMBER_WITHHELD},
    {"blocked", NUMBER_WITHHELD},
    {"id withheld", NUMBER_WITHHELD},
    {"private number", NUMBER_WITHHELD},
    {"匿名", NUMBER_WITHHELD},
    {"私人号码", NUMBER_WITHHELD},
    {"隐藏号码", NUMBER_WITHHELD},
    {"anonymous caller", NUMBER_WITHHELD},
    {"anonymous call", NUMBER_WITHHELD},
    {"private caller", NUMBER_WITHHELD},
    {"private call", NUMBER_WITHHELD},
    {"restricted number", NUMBER_WITHHELD},
    {"restricted caller", NUMBER_WITHHELD},
    {"withheld number", NUMBER_WITHHELD},
    {"number withheld", NUMBER_WITHHELD},
    {"no caller id", NUMBER_WITHHELD},
    {"no callerid", NUMBER_WITHHELD},
    {"caller id withheld", NUMBER_WITHHELD},
    {"caller id blocked", NUMBER_WITHHELD},
    {"blocked number", NUMBER_WITHHELD},
    {"hidden", NUMBER_WITHHELD},
    {"hidden number", NUMBER_WITHHELD},
    {"p", NUMBER_WITHHELD},
    {"匿名来电", NUMBER_WITHHELD},
    {"匿名电话", NUMBER_WITHHELD},
    {"匿名号码", NUMBER_WITHHELD},
    {"隐藏来电", NUMBER_WITHHELD},
    {"隐藏", NUMBER_WITHHELD},
    {"私密号码", NUMBER_WITHHELD},
    {"保密号码", NUMBER_WITHHELD},
    {"无主叫号码", NUMBER_WITHHELD},
    {"号码隐藏", NUMBER_WITHHELD},
    {"unknown caller", NUMBER_UNKNOWN},
    {"unknown number", NUMBER_UNKNOWN},
    {"number unavailable", NUMBER_UNKNOWN},
    {"caller unavailable", NUMBER_UNKNOWN},
    {"out of area", NUMBER_UNKNOWN},
    {"o", NUMBER_UNKNOWN},
    {"no id", NUMBER_UNKNOWN},
    {"未知号码", NUMBER_UNKNOWN},
    {"未知来电", NUMBER_UNKNOWN},
    {"无号码", NUMBER_UNKNOWN},
    {"无来电显示", NUMBER_UNKNOWN},
    {"+266696687", NUMBER_WITHHELD},
    {"+7378742833", NUMBER_WITHHELD},
    {"+2562533", NUMBER_WITHHELD},
    {"unknown", NUMBER_UNKNOWN},
    {"<unknown>", NUMBER_UNKNOWN},
    {"unavailable", NUMBER_UNKNOWN},
    {"not available", NUMBER_UNKNOWN},
    {"no number", NUMBER_UNKNOWN},
    {"none", NUMBER_UNKNOWN},
    {"null", NUMBER_UNKNOWN},
    {"(null)", NUMBER_UNKNOWN},
    {"asserted", NUMBER_UNKNOWN},
    {"undefined", NUMBER_UNKNOWN},
    {"_undef_", NUMBER_UNKNOWN},
    {"-", NUMBER_UNKNOWN},
    {"未知", NUMBER_UNKNOWN},
    {"+8656696", NUMBER_UNKNOWN},
    {"+86282452253", NUMBER_UNKNOWN},
    {"", NUMBER_UNKNOWN},
};

/* A whole text that says there is no number. All zeros too, but "00", an access code dialled. */
static bool read_word(const char *text, struct number *out)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(text, words[i].text) == 0) {
            out->kind = words[i].kind;
            return true;
        }
    if (n != 2 && strspn(text, "0") == n) {
        out->kind = NUMBER_UNKNOWN;
        return true;
    }
    return false;
}

/* ---- SIP and tel ---- */

/* "%2B" to "+"; what is no escape stays. In place. */
static void percent_decode(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            char hex[3] = {s[1], s[2], 0};
            char c = (char)strtol(hex, NULL, 16);
            *to++ = c ? c : ' ';
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* Parameters behind the number, ";ext=305;phone-context=+86;…": the two that count. */
static void read_params(struct reading *r, char *params)
{
    char *rest = NULL;
    for (char *p = strtok_r(params, ";", &rest); p; p = strtok_r(NULL, ";", &rest))
        if (strncasecmp(p, "phone-context=", 14) == 0 && p[14] == '+')
            text_copy(r->context, sizeof(r->context), p + 14);
        else if (strncasecmp(p, "ext=", 4) == 0 && strlen(p + 4) <= 8 &&
                 strspn(p + 4, "0123456789") == strlen(p + 4))
            text_copy(r->ext, sizeof(r->ext), p + 4);
}

/* What an address host says by itself: "anonymous.invalid". */
static bool read_host(const char *host, struct number *out)
{
    static const struct word hosts[] = {{"anonymous.invalid", NUMBER_WITHHELD},
                                        {"unknown.invalid", NUMBER_UNKNOWN}};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        size_t n = strlen(hosts[i].text);
        if (strncasecmp(host, hosts[i].text, n) == 0 && !isalnum((unsigned char)host[n])) {
            out->kind = hosts[i].kind;
            return true;
        }
    }
    return false;
}

/* Cuts user, password, parameters and host apart; leaves the user in r->text. True: answered. */
static bool read_address(struct reading *r, struct number *out)
{
    char *at = strrchr(r->text, '@');
    if (at) {
        *at = '\0';
        r->sip = true;
        if (read_host(at + 1, out))
            return true;
    }
    char *params = strchr(r->text, ';');
    if (params) {
        *params = '\0';
        read_params(r, params + 1);
    }
    char *password = at ? strchr(r->text, ':') : NULL;
    if (password)
        *password = '\0';
    percent_decode(r->text);
    trim(r->text);
    return false;
}

/* `"Name" <sip:user@host;p>;tag=x`, `<…>`, `sip:…`, `tel:…`. True: out says it all. */
static bool unwrap(struct reading *r, struct number *out)
{
    static const char *const schemes[] = {"sip:", "sips:", "tel:"};
    char *open = strchr(r->text, '<'), *close = open ? strchr(open, '>') : NULL;
    if (close) {
        *close = '\0';
        memmove(r->text, open + 1, strlen(open + 1) + 1);
        trim(r->text);
    }
    bool wrapped = strchr(r->text, '@') != NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(r->text, schemes[i], n) == 0) {
            memmove(r->text, r->text + n, strlen(r->text + n) + 1);
            wrapped = true;
        }
    }
    if (wrapped && read_address(r, out))
        return true;
    return (wrapped || close) && read_word(r->text, out);
}

/* ---- extension ---- */

static size_t count_digits(const char *s, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++)
        digits += isdigit((unsigned char)s[i]) != 0;
    return digits;
}

/* Cuts the text at `at` when digits alone (1 to 8) stand from `from` on. */
static bool cut_ext(struct reading *r, char *at, const char *from)
{
    while (*from == ' ' || *from == ':' || *from == '.')
        from++;
    size_t n = strlen(from);
    if (n < 1 || n > 8 || strspn(from, "0123456789") != n ||
        count_digits(r->text, (size_t)(at - r->text)) < 5)
        return false;
    text_copy(r->ext, sizeof(r->ext), from);
    *at = '\0';
    trim(r->text);
    return true;
}

/* "0AA-NNNNNNNN-EEE": the third group is an extension. */
static bool cut_third_group(struct reading *r)
{
    char *first = strchr(r->text, '-'), *second = first ? strchr(first + 1, '-') : NULL;
    if (!second || strchr(second + 1, '-') || r->text[0] != '0')
        return false;
    size_t a = (size_t)(first - r->text), b = (size_t)(second - first) - 1, c = strlen(second + 1);
    bool groups = (a == 3 || a == 4) && (b == 7 || b == 8) && c >= 2 && c <= 6;
    return groups && count_digits(r->text, strlen(r->text)) == a + b + c &&
           cut_ext(r, second, second + 1);
}

static void take_ext(struct reading *r)
{
    static const char *const marks[] = {"extension", "ext",  "x",    "#",    ",",   "转",
                                        "轉",        "分机", "分機", "內線", "内线"};
    if (cut_third_group(r))
        return;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        char *at = strcasestr(r->text, marks[i]);
        if (at && cut_ext(r, at, at + strlen(marks[i])))
            return;
    }
}

/* ---- digits ---- */

/* Digits and whether a "+" leads them; false when other characters stand among them. */
static bool to_digits(char *text, bool *plus, char digits[DIGITS_MAX])
{
    char *zero = strchr(text, '+') ? strstr(text, "(0)") : NULL; /* "+86 (0) 20": never dialled */
    if (zero)
        memset(zero, ' ', 3);
    size_t n = 0;
    *plus = false;
    for (const char *s = text; *s; s++) {
        if (isdigit((unsigned char)*s)) {
            if (n + 1 >= DIGITS_MAX)
                return false;
            digits[n++] = *s;
        } else if (*s == '+' && n == 0) {
            *plus = true;
        } else if (!strchr(" ()-./", *s)) {
            return false;
        }
    }
    digits[n] = '\0';
    return n > 0;
}

static bool from_text(const struct number_rules *rules, struct reading *r, struct number *out)
{
    char digits[DIGITS_MAX], text[sizeof(r->text) + sizeof(r->context)];
    bool plus;
    bool context = r->context[0] && r->text[0] != '+';
    snprintf(text, sizeof(text), "%s%s", context ? r->context : "", r->text);
    if (!to_digits(text, &plus, digits))
        return false;
    if (!plus)
        return plan_local(rules, digits, out);
    return plan_international(digits + (text_starts(digits, "00") ? 2 : 0), out);
}

/* "13800138000#": the key that ended dialling is no part of the number. "*98#" is a code. */
static void drop_end_key(char *text)
{
    size_t n = strlen(text);
    const char *from = text + (text[0] == '+');
    if (n > 7 && text[n - 1] == '#' && strspn(from, "0123456789") == (size_t)(text + n - 1 - from))
        text[n - 1] = '\0';
}

void number_normalise(const struct number_rules *rules, const char *raw, struct number *out)
{
    struct reading r = {0};
    memset(out, 0, sizeof(*out));
    if (!raw) {
        out->kind = NUMBER_UNKNOWN;
        return;
    }
    if (text_eq(rules->country, "CN") && rules->outside[0] != '1' && raw[0] == '1' &&
        plan_cn_mobile(raw, strnlen(raw, 12))) {
        out->kind = NUMBER_E164;
        memcpy(out->value, "+86", 3);
        text_copyn(out->value + 3, sizeof(out->value) - 3, raw, 11);
        return;
    }
    if (!clean(raw, r.text))
        return;
    drop_end_key(r.text);
    if (read_word(r.text, out) || unwrap(&r, out))
        return;
    take_ext(&r);
    if (from_text(rules, &r, out) && out->kind != NUMBER_EXT)
        text_copy(out->ext, sizeof(out->ext), r.ext);
}

/* ---- rules ---- */

void number_rules_init(struct number_rules *rules)
{
    memset(rules, 0, sizeof(*rules));
    text_copy(rules->country, sizeof(rules->country), "CN");
    rules->ext_min = 3;
    rules->ext_max = 4;
}

void number_rules_of(const struct site *site, struct number_rules *rules)
{
    number_rules_init(rules);
    text_copy(rules->country, sizeof(rules->country), site->numbering.country);
    text_copy(rules->area, sizeof(rules->area), site->numbering.area_code);
    text_copy(rules->outside, sizeof(rules->outside), site->numbering.outside_prefix);
    const struct conf_texts *alt = &site->numbering.alt_countries;
    for (size_t i = 0; i < alt->n && rules->n_alt < (int)ARRAY_LEN(rules->alt); i++)
        text_copy(rules->alt[rules->n_alt++], sizeof(rules->alt[0]), alt->items[i]);
    const struct conf_texts *carriers = &site->numbering.carrier_prefixes;
    for (size_t i = 0; i < carriers->n && rules->n_carriers < (int)ARRAY_LEN(rules->carriers); i++)
        text_copy(rules->carriers[rules->n_carriers++], sizeof(rules->carriers[0]),
                  carriers->items[i]);
}

static bool all_digits(const char *s)
{
    return strspn(s, "0123456789") == strlen(s);
}

int number_rules_check(const struct number_rules *rules, struct errmsg *why)
{
    if (!phone_region_known(rules->country))
        return errmsg_set(why, E_INVALID, "country: '%s' is not an ISO region", rules->country);
    for (int i = 0; i < rules->n_alt; i++)
        if (!phone_region_known(rules->alt[i]))
            return errmsg_set(why, E_INVALID, "alt_countries: '%s' is not an ISO region",
                              rules->alt[i]);
    if (!all_digits(rules->area) || rules->area[0] == '0')
        return errmsg_set(why, E_INVALID, "area_code: '%s' must be digits without a leading 0",
                          rules->area);
    if (!all_digits(rules->outside))
        return errmsg_set(why, E_INVALID, "outside_prefix: '%s' must be digits", rules->outside);
    for (int i = 0; i < rules->n_carriers; i++)
        if (!rules->carriers[i][0] || !all_digits(rules->carriers[i]))
            return errmsg_set(why, E_INVALID, "carrier_prefixes: '%s' must be digits",
                              rules->carriers[i]);
    if (rules->ext_min < 1 || rules->ext_max < rules->ext_min || rules->ext_max > 10)
        return errmsg_set(why, E_INVALID, "extensions have 1 to 10 digits");
    return E_OK;
}

/* ---- dialling ---- */

/* The national form of an E.164 number of the site's own country, or 00 and the country code. */
static bool dial_form(const struct number_rules *rules, const char *e164, char *out, size_t cap)
{
    const char *code = plan_country_code(rules->country);
    if (!code)
        return phone_dial_from(e164, rules->country, out, cap);
    const char *digits = e164 + 1;
    if (!text_starts(digits, code))
        return (size_t)snprintf(out, cap, "00%s", digits) < cap;
    const char *national = digits + strlen(code);
    bool trunk = text_eq(code, "86") && !plan_cn_mobile(national, strlen(national)) &&
                 !text_starts(national, "400") && !text_starts(national, "800");
    return (size_t)snprintf(out, cap, "%s%s", trunk ? "0" : "", national) < cap;
}

int number_to_dial(const struct number_rules *rules, const char *number, char *out, size_t cap)
{
    struct number n;
    char form[NUMBER_TEXT_MAX + 8];
    number_normalise(rules, number, &n);
    if (n.kind == NUMBER_EXT)
        return text_copy(out, cap, n.value) ? E_OK : E_INVALID;
    if (n.kind == NUMBER_SVC)
        text_copy(form, sizeof(form), strchr(n.value, ':') + 1);
    else if (n.kind != NUMBER_E164 || !dial_form(rules, n.value, form, sizeof(form)))
        return E_INVALID;
    return (size_t)snprintf(out, cap, "%s%s", rules->outside, form) < cap ? E_OK : E_INVALID;
}

/* ---- cache ---- */

struct numbers {
    struct number_rules rules;
    struct lru *cache;
};

struct numbers *numbers_new(const struct number_rules *rules)
{
    struct numbers *n = xcalloc(1, sizeof(*n));
    n->rules = *rules;
    n->cache = lru_new(CACHE_NUMBERS, 0, free);
    return n;
}

void numbers_free(struct numbers **n)
{
    if (!*n)
        return;
    lru_free(&(*n)->cache);
    free(*n);
    *n = NULL;
}

void numbers_set_rules(struct numbers *n, const struct number_rules *rules)
{
    n->rules = *rules;
    lru_clear(n->cache);
}

const struct number_rules *numbers_rules(const struct numbers *n)
{
    return &n->rules;
}

void numbers_get(struct numbers *n, const char *raw, struct number *out)
{
    bool worth =
        raw && strnlen(raw, 64) < 64 && !(raw[0] == '1' && plan_cn_mobile(raw, strnlen(raw, 12)));
    struct number *known = worth ? lru_get(n->cache, raw) : NULL;
    if (known) {
        *out = *known;
        return;
    }
    number_normalise(&n->rules, raw, out);
    if (worth) {
        struct number *copy = xmalloc(sizeof(*copy));
        *copy = *out;
        lru_put(n->cache, raw, copy, sizeof(*copy) + 64);
    }
}
