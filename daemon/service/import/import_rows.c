/*
 * import_rows.c - the kinds of CSV files: their columns, how a row is read, how it is stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/lang.h"
#include "domain/plate.h"
#include "domain/written.h"
#include "service/import/import_priv.h"
#include "service/registry/registry.h"

#define REFUSE(...) errmsg_set(why, E_INVALID, __VA_ARGS__)

static bool given(const char *s)
{
    return s && s[0];
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* An optional date; 0 when it is not given. */
static int parse_date(const char *column, const char *text, int64_t *out, struct errmsg *why)
{
    int32_t days = 0;
    if (given(text) && written_date(text, &days) < 0)
        return REFUSE("%s: '%.40s' is not a date like 2026-11-22", column, text);
    *out = days;
    return 0;
}

/* "1.38E+10": a spreadsheet showed a long number so, and saved what it showed. */
static bool is_rounded(const char *s)
{
    size_t n = strspn(s, "0123456789");
    if (n == 0)
        return false;
    s += n;
    s += *s == '.' ? 1 + strspn(s + 1, "0123456789") : 0;
    if (*s != 'e' && *s != 'E')
        return false;
    if (s[1] != '+' && s[1] != '-')
        return false;
    s += 2;
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* Keys are long numbers often enough. */
static int check_rounded(const char *column, const char *text, struct errmsg *why)
{
    if (!text || !is_rounded(text))
        return E_OK;
    return REFUSE("%s: '%.40s' is a number that a spreadsheet has rounded, its digits are lost: "
                  "format the column as text there, fill it again and save",
                  column, text);
}

/* "3-12" that a spreadsheet took for the 12th of March: "3月12日", "12-Mar". */
static bool is_date_made_of(const char *s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    size_t n = strspn(s, "0123456789");
    if (n == 0 || n > 2)
        return false;
    if (strncmp(s + n, "月", strlen("月")) == 0)
        return strstr(s + n, "日") != NULL;
    for (const char *m = months; s[n] == '-' && *m; m += 3)
        if (strlen(s + n) == 4 && strncasecmp(s + n + 1, m, 3) == 0)
            return true;
    return false;
}

static int check_place(const char *column, const char *text, struct errmsg *why)
{
    if (!is_date_made_of(text))
        return E_OK;
    return REFUSE("%s: '%.40s' is a date that a spreadsheet made of it: format the column as text "
                  "there, write it again and save",
                  column, text);
}

/* ---- units and buildings -------------------------------------------------------------------- */

enum { U_ESTATE, U_BUILDING, U_UNIT, U_AREA, U_DELIVERED };

/* "89.5" square metres to cm². */
static int parse_area(const char *text, int64_t *cm2, struct errmsg *why)
{
    if (!given(text))
        return 0;
    char *end;
    double m2 = strtod(text, &end);
    if (*end || end == text || strspn(text, "0123456789.") != strlen(text) || m2 > 1e6)
        return REFUSE("area_m2: '%.40s' is no area in square metres", text);
    *cm2 = (int64_t)(m2 * 10000 + 0.5);
    return 0;
}

static int unit_parse(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    int rc = check_place("building", row->f[U_BUILDING], why);
    rc = rc < 0 ? rc : check_place("unit", row->f[U_UNIT], why);
    rc = rc < 0 ? rc : parse_area(row->f[U_AREA], &row->a, why);
    return rc < 0 ? rc : parse_date("delivered_on", row->f[U_DELIVERED], &row->b, why);
}

static int unit_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                      struct errmsg *why)
{
    int64_t id;
    return repo_unit_put(db, row->f[U_ESTATE], row->f[U_BUILDING], row->f[U_UNIT], row->a, row->b,
                         &id, what);
}

enum { B_ESTATE, B_BUILDING, B_STEWARD };

static int building_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                          struct errmsg *why)
{
    return repo_building_put(db, row->f[B_ESTATE], row->f[B_BUILDING], or_empty(row->f[B_STEWARD]),
                             what);
}

/* ---- persons -------------------------------------------------------------------------------- */

enum {
    P_KEY,
    P_NAME,
    P_LANGUAGE,
    P_PHONES,
    P_EMAILS,
    P_SEGMENT,
    P_FLAGS,
    P_TIER,
    P_CONSENT,
    P_SINCE
};

static char *trim(char *s)
{
    s += strspn(s, " \t");
    for (size_t n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
        s[n - 1] = 0;
    return s;
}

/* Calls fn for every item of "a; b;c"; the text is cut up. */
static int each_item(char *text, int (*fn)(void *ctx, char *item, struct errmsg *why), void *ctx,
                     struct errmsg *why)
{
    int rc = 0;
    while (text && *text && rc == 0) {
        size_t len = strcspn(text, ";");
        char *next = text[len] ? text + len + 1 : NULL;
        text[len] = 0;
        char *item = trim(text);
        rc = *item ? fn(ctx, item, why) : 0;
        text = next;
    }
    return rc;
}

struct person_parse {
    const struct import_site *site;
    struct person_edit *edit;
    struct buf flags; /* joined anew */
    int listed[4];    /* consents named */
    bool channels;    /* one of sms, email, call was named as given */
};

/* What spreadsheets put round a number that they were told is text ("'138…"), or behind one that
 * they were not ("138….0"). */
static char *without_traces(char *raw)
{
    raw += *raw == '\'';
    size_t n = strspn(raw, "0123456789");
    if (n > 0 && strcmp(raw + n, ".0") == 0)
        raw[n] = 0;
    return raw;
}

/* "138…" or "work:0755…"; a label is letters and '_' only, so that no number is taken for one. */
static int phone_item(void *ctx, char *item, struct errmsg *why)
{
    struct person_parse *p = ctx;
    char *label = NULL, *raw = item;
    size_t word = strspn(item, "abcdefghijklmnopqrstuvwxyz_");
    if (word > 0 && word < PERSON_WORD_MAX && item[word] == ':' && strncmp(item, "tel:", 4) != 0 &&
        strncmp(item, "sip:", 4) != 0) {
        item[word] = 0;
        label = item;
        raw = trim(item + word + 1);
    }
    struct number n;
    raw = without_traces(raw);
    if (is_rounded(raw))
        return check_rounded("phones", raw, why);
    number_normalise(&p->site->rules, raw, &n);
    if (n.kind != NUMBER_E164 && n.kind != NUMBER_SVC)
        return REFUSE("phones: '%.40s' is not a telephone number", raw);
    int rc = person_edit_phone(p->edit, n.value, label, raw);
    return rc < 0 ? REFUSE("phones: more than %d", PERSON_PHONES_MAX) : 0;
}

static int email_item(void *ctx, char *item, struct errmsg *why)
{
    struct person_parse *p = ctx;
    if (!registry_is_email(item))
        return REFUSE("emails: '%.60s' is not an e-mail address", item);
    int rc = person_edit_email(p->edit, item);
    return rc < 0 ? REFUSE("emails: more than %d", PERSON_EMAILS_MAX) : 0;
}

static int flag_item(void *ctx, char *item, struct errmsg *why)
{
    struct person_parse *p = ctx;
    buf_adds(&p->flags, p->flags.len ? ";" : "");
    buf_adds(&p->flags, item);
    return 0;
}

/* "marketing" is given, "-sms" refused, "none" refuses all channels. */
static int consent_item(void *ctx, char *item, struct errmsg *why)
{
    struct person_parse *p = ctx;
    bool refused = item[0] == '-';
    if (strcmp(item, "none") == 0) {
        p->channels = true;
        return 0;
    }
    for (int i = 0; i < 4; i++) {
        if (strcmp(item + refused, person_consent_names[i]) == 0) {
            p->listed[i] = refused ? -1 : 1;
            p->channels |= !refused && i != CONSENT_MARKETING;
            return 0;
        }
    }
    return REFUSE("consent: '%.40s' is not one of sms, email, call, marketing, none", item);
}

/* Once a channel is named as given, those not named are refused. What nobody names keeps its
 * default or its value. */
static void take_consent(struct person_parse *p)
{
    for (int i = 0; i < 4; i++)
        if (p->listed[i])
            p->edit->consent[i] = p->listed[i] > 0;
        else if (p->channels && i != CONSENT_MARKETING)
            p->edit->consent[i] = 0;
}

static int take_language(struct import_row *row, struct errmsg *why)
{
    const char *text = row->f[P_LANGUAGE];
    if (!given(text))
        return 0;
    enum lang lang = lang_parse(text);
    if (lang == LANG_NONE)
        return REFUSE("language: '%.20s' is not one of zh-Hans, zh-Hant, en", text);
    row->person->language = lang_tag(lang);
    return 0;
}

/* The fields whose columns the file has are set; others are left as they are. */
static unsigned person_fields(const struct import_row *row)
{
    static const struct {
        int column;
        unsigned field;
    } map[] = {{P_NAME, PERSON_NAME},     {P_LANGUAGE, PERSON_LANGUAGE}, {P_PHONES, PERSON_PHONES},
               {P_EMAILS, PERSON_EMAILS}, {P_SEGMENT, PERSON_SEGMENT},   {P_FLAGS, PERSON_FLAGS},
               {P_TIER, PERSON_TIER},     {P_SINCE, PERSON_TIER_SINCE}};
    unsigned fields = 0;
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        fields |= row->f[map[i].column] ? map[i].field : 0;
    return fields;
}

static int person_parse(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    struct person_edit *e = row->person = xmalloc(sizeof(*e));
    struct person_parse p = {.site = site, .edit = e, .flags = BUF_INIT(PERSON_FLAGS_MAX)};
    person_edit_init(e);
    e->fields = person_fields(row);
    e->key = row->f[P_KEY];
    e->name = row->f[P_NAME];
    e->segment = row->f[P_SEGMENT];
    e->tier = row->f[P_TIER];
    int rc = check_rounded("key", row->f[P_KEY], why);
    rc = rc < 0 ? rc : take_language(row, why);
    rc = rc < 0 ? rc : each_item(row->f[P_PHONES], phone_item, &p, why);
    rc = rc < 0 ? rc : each_item(row->f[P_EMAILS], email_item, &p, why);
    rc = rc < 0 ? rc : each_item(row->f[P_FLAGS], flag_item, &p, why);
    rc = rc < 0 ? rc : each_item(row->f[P_CONSENT], consent_item, &p, why);
    rc = rc < 0 ? rc : parse_date("tier_since", row->f[P_SINCE], &e->tier_since, why);
    if (row->f[P_FLAGS]) { /* back where they came from: they are no longer than they were */
        text_copy(row->f[P_FLAGS], p.flags.len + 1, buf_str(&p.flags));
        e->flags = row->f[P_FLAGS];
    }
    buf_free(&p.flags);
    take_consent(&p);
    return rc;
}

static int person_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                        struct errmsg *why)
{
    int64_t id;
    return repo_person_put(db, row->person, now, &id, what);
}

/* ---- what hangs on persons ------------------------------------------------------------------ */

static int find_person(struct db *db, const char *key, int64_t *id, struct errmsg *why)
{
    int rc = repo_person_by_key(db, key, id);
    return rc == 0 && !*id ? REFUSE("unknown person '%.60s'", key) : rc;
}

/* The person's version counts changes of what hangs on them, too. */
static int bump(struct db *db, int64_t person_id, int64_t now, enum put what)
{
    return what == PUT_SAME ? 0 : repo_person_bump(db, person_id, now);
}

enum { T_PERSON, T_ESTATE, T_BUILDING, T_UNIT, T_ROLE, T_FROM, T_TO };

static int tenure_parse(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    int rc = check_rounded("person_key", row->f[T_PERSON], why);
    if (rc < 0)
        return rc;
    row->role = tenure_role_parse(row->f[T_ROLE]);
    if (row->role == TENURE_NONE) {
        return REFUSE("role: '%.40s' is not one of owner, co_owner, tenant, family, agent, "
                      "emergency_contact",
                      row->f[T_ROLE]);
    }
    rc = parse_date("from", row->f[T_FROM], &row->a, why);
    rc = rc < 0 ? rc : parse_date("to", row->f[T_TO], &row->b, why);
    if (rc == 0 && row->a && row->b && row->b < row->a)
        rc = REFUSE("to: %s is before from", row->f[T_TO]);
    return rc;
}

static int tenure_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                        struct errmsg *why)
{
    int64_t person, unit;
    int rc = find_person(db, row->f[T_PERSON], &person, why);
    rc = rc < 0 ? rc
                : repo_unit_find(db, row->f[T_ESTATE], row->f[T_BUILDING], row->f[T_UNIT], &unit);
    if (rc == 0 && !unit) {
        rc = REFUSE("unknown unit '%.40s %.20s-%.20s'", row->f[T_ESTATE], row->f[T_BUILDING],
                    row->f[T_UNIT]);
    }
    rc = rc < 0 ? rc : repo_tenure_put(db, person, unit, row->role, row->a, row->b, what);
    return rc < 0 ? rc : bump(db, person, now, *what);
}

enum { V_PERSON, V_PLATE, V_SPACE };

/* In the form in which it is stored, so that two spellings in one file are one car. */
static int vehicle_parse(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    if (!plate_normalise(row->f[V_PLATE], row->f[V_PLATE]))
        return REFUSE("plate: is empty");
    return check_rounded("person_key", row->f[V_PERSON], why);
}

static int vehicle_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                         struct errmsg *why)
{
    int64_t person;
    int rc = find_person(db, row->f[V_PERSON], &person, why);
    rc = rc < 0 ? rc
                : repo_vehicle_put(db, person, row->f[V_PLATE], or_empty(row->f[V_SPACE]), what);
    return rc < 0 ? rc : bump(db, person, now, *what);
}

/* ---- the shift plan ------------------------------------------------------------------------- */

enum { S_USER, S_FROM, S_TO, S_KIND };

static int parse_moment(const struct import_site *site, const char *text, bool end, int64_t *out)
{
    return written_moment(site->site ? site->site->zone : NULL, text, end, out);
}

static int shift_parse(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    if (strcmp(row->f[S_KIND], "on") != 0 && strcmp(row->f[S_KIND], "leave") != 0)
        return REFUSE("kind: '%.20s' is not one of on, leave", row->f[S_KIND]);
    if (parse_moment(site, row->f[S_FROM], false, &row->a) < 0)
        return REFUSE("from: '%.40s' is not a time like 2026-11-22 08:00", row->f[S_FROM]);
    if (parse_moment(site, row->f[S_TO], true, &row->b) < 0)
        return REFUSE("to: '%.40s' is not a time like 2026-11-22 08:00", row->f[S_TO]);
    return row->b <= row->a ? REFUSE("to: is not after from") : 0;
}

static int shift_apply(struct db *db, const struct import_row *row, int64_t now, enum put *what,
                       struct errmsg *why)
{
    struct shift_row shift = {
        .account = row->f[S_USER], .from_at = row->a, .to_at = row->b, .kind = row->f[S_KIND]};
    return repo_shift_put(db, &shift, NULL, what);
}

/* ---- the table ------------------------------------------------------------------------------ */

static int parse_nothing(const struct import_site *site, struct import_row *row, struct errmsg *why)
{
    return 0;
}

#define PLACE  PLACE_NAME_MAX
#define BIT(n) (1u << (n))

const struct import_kind import_kinds[IMPORT_KINDS] = {
    {"units.csv",
     {{"estate", PLACE, true},
      {"building", PLACE, true},
      {"unit", PLACE, true},
      {"area_m2", 32, false},
      {"delivered_on", 32, false}},
     BIT(U_ESTATE) | BIT(U_BUILDING) | BIT(U_UNIT),
     -1,
     -1,
     unit_parse,
     unit_apply},
    {"buildings.csv",
     {{"estate", PLACE, true}, {"building", PLACE, true}, {"steward", 65, false}},
     BIT(B_ESTATE) | BIT(B_BUILDING),
     -1,
     -1,
     parse_nothing,
     building_apply},
    {"persons.csv",
     {{"key", PERSON_KEY_MAX, true},
      {"name", PERSON_NAME_MAX, true},
      {"language", PERSON_WORD_MAX, false},
      {"phones", 1024, false},
      {"emails", 2048, false},
      {"segment", PERSON_WORD_MAX, false},
      {"flags", PERSON_FLAGS_MAX, false},
      {"tier", PERSON_WORD_MAX, false},
      {"consent", 128, false},
      {"tier_since", 32, false}},
     BIT(P_KEY),
     -1,
     -1,
     person_parse,
     person_apply},
    {"tenures.csv",
     {{"person_key", PERSON_KEY_MAX, true},
      {"estate", PLACE, true},
      {"building", PLACE, true},
      {"unit", PLACE, true},
      {"role", PERSON_WORD_MAX, true},
      {"from", 32, false},
      {"to", 32, false}},
     BIT(T_PERSON) | BIT(T_ESTATE) | BIT(T_BUILDING) | BIT(T_UNIT) | BIT(T_ROLE) | BIT(T_FROM),
     T_PERSON,
     T_ESTATE,
     tenure_parse,
     tenure_apply},
    {"vehicles.csv",
     {{"person_key", PERSON_KEY_MAX, true},
      {"plate", PERSON_PLATE_MAX, true},
      {"space", PERSON_PLATE_MAX, false}},
     BIT(V_PERSON) | BIT(V_PLATE),
     V_PERSON,
     -1,
     vehicle_parse,
     vehicle_apply},
    {"shifts.csv",
     {{"user", 65, true}, {"from", 40, true}, {"to", 40, true}, {"kind", 16, true}},
     BIT(S_USER) | BIT(S_FROM) | BIT(S_KIND),
     -1,
     -1,
     shift_parse,
     shift_apply},
};

const struct import_kind *import_kind_of(const char *file)
{
    for (int i = 0; i < IMPORT_KINDS; i++)
        if (strcmp(import_kinds[i].file, file) == 0)
            return &import_kinds[i];
    return NULL;
}

void import_row_free(struct import_row *row)
{
    free(row->text);
    free(row->person);
    *row = (struct import_row){0};
}
