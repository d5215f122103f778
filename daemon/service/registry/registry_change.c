/*
 * registry_change.c - owners added and changed over the API: a JSON body into rows, every field
 * checked, in the caller's transaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/lang.h"
#include "service/registry/registry_priv.h"
#include "store/repo_audit.h"
#include "store/repo_consent.h"
#include "store/repo_unit.h"

#define LIST_MAX 100 /* items of a list in a body */

/** One body on its way into rows. */
struct change {
    struct registry *r;
    struct ledger_tx *tx;
    const json_t *body;
    struct person_edit edit;
    char flags[PERSON_FLAGS_MAX];
    struct errmsg why;
};

/* A refusal that names the field. */
#define REFUSE(c, ...) errmsg_set(&(c)->why, E_INVALID, __VA_ARGS__)

/* ---- fields of the person ----------------------------------------------------------------- */

static int get_text(struct change *c, const char *field, size_t max, unsigned bit, const char **out)
{
    if (!json_object_get(c->body, field))
        return 0;
    *out = NULL;
    int rc = json_get_str(c->body, field, max - 1, out, &c->why);
    c->edit.fields |= bit;
    return rc;
}

static int take_name(struct change *c)
{
    int rc = get_text(c, "name", PERSON_NAME_MAX, PERSON_NAME, &c->edit.name);
    if (rc == 0 && (c->edit.fields & PERSON_NAME) && (!c->edit.name || !c->edit.name[0]))
        rc = REFUSE(c, "name: must not be empty");
    return rc;
}

static int take_key(struct change *c)
{
    return get_text(c, "key", PERSON_KEY_MAX, 0, &c->edit.key);
}

static int take_language(struct change *c)
{
    int rc = get_text(c, "language", PERSON_WORD_MAX, PERSON_LANGUAGE, &c->edit.language);
    if (rc == 0 && c->edit.language && c->edit.language[0] &&
        lang_parse(c->edit.language) == LANG_NONE)
        rc = REFUSE(c, "language: '%s' is not one of zh-Hans, zh-Hant, en", c->edit.language);
    if (rc == 0 && c->edit.language && c->edit.language[0])
        c->edit.language = lang_tag(lang_parse(c->edit.language));
    return rc;
}

static int take_segment(struct change *c)
{
    return get_text(c, "segment", PERSON_WORD_MAX, PERSON_SEGMENT, &c->edit.segment);
}

static int take_date(struct change *c, const json_t *from, const char *field, int64_t *days)
{
    const char *text = NULL;
    int32_t d = 0;
    int rc = json_get_str(from, field, 32, &text, &c->why);
    if (rc == 0 && text && text[0] && clock_parse_date(text, &d) < 0)
        rc = REFUSE(c, "%s: '%s' is not a date like 2026-11-22", field, text);
    *days = d;
    return rc;
}

static int take_tier(struct change *c)
{
    return get_text(c, "tier", PERSON_WORD_MAX, PERSON_TIER, &c->edit.tier);
}

static int take_tier_since(struct change *c)
{
    c->edit.fields |= PERSON_TIER_SINCE;
    return take_date(c, c->body, "tier_since", &c->edit.tier_since);
}

/* The list of a field, checked; *list NULL for null (an empty list). */
static int get_list(struct change *c, const char *field, const json_t **list)
{
    const json_t *v = json_object_get(c->body, field);
    *list = NULL;
    if (json_is_null(v))
        return 0;
    if (!json_is_array(v) || json_array_size(v) > LIST_MAX)
        return REFUSE(c, "%s: must be a list of at most %d", field, LIST_MAX);
    *list = v;
    return 0;
}

static int take_flags(struct change *c)
{
    const json_t *list;
    int rc = get_list(c, "flags", &list);
    size_t i, len = 0;
    json_t *v;
    c->edit.fields |= PERSON_FLAGS;
    c->edit.flags = c->flags;
    json_array_foreach((json_t *)list, i, v)
    {
        const char *word = json_string_value(v);
        if (!word || !word[0] || strchr(word, ';'))
            return REFUSE(c, "flags: each must be a word without ';'");
        size_t n = strlen(word);
        if (len + n + 2 > sizeof(c->flags))
            return REFUSE(c, "flags: longer than %d bytes together", PERSON_FLAGS_MAX);
        if (len)
            c->flags[len++] = ';';
        memcpy(c->flags + len, word, n + 1);
        len += n;
    }
    return rc;
}

static int take_phone(struct change *c, const struct number_rules *rules, const json_t *v)
{
    const char *raw = json_string_value(v), *label = NULL;
    int rc = 0;
    if (json_is_object(v)) {
        rc = json_get_str(v, "number", PERSON_WORD_MAX - 1, &raw, &c->why);
        rc = rc < 0 ? rc : json_get_str(v, "label", PERSON_WORD_MAX - 1, &label, &c->why);
    }
    if (rc < 0 || !raw)
        return rc < 0 ? rc : REFUSE(c, "phones: each must be a text, or {\"number\",\"label\"}");
    struct number n;
    number_normalise(rules, raw, &n);
    if (n.kind != NUMBER_E164 && n.kind != NUMBER_SVC)
        return REFUSE(c, "phones: '%s' is not a telephone number", raw);
    rc = person_edit_phone(&c->edit, n.value, label, raw);
    return rc < 0 ? REFUSE(c, "phones: more than %d", PERSON_PHONES_MAX) : 0;
}

static int take_phones(struct change *c)
{
    const json_t *list;
    struct number_rules rules;
    registry_rules(c->r, &rules);
    int rc = get_list(c, "phones", &list);
    size_t i;
    json_t *v;
    c->edit.fields |= PERSON_PHONES;
    json_array_foreach((json_t *)list, i, v)
    {
        rc = take_phone(c, &rules, v);
        if (rc < 0)
            break;
    }
    return rc;
}

bool registry_is_email(const char *s)
{
    const char *at = strchr(s, '@');
    size_t len = strlen(s);
    if (!at || at == s || strchr(at + 1, '@') || !strchr(at, '.') || s[len - 1] == '.' ||
        at[1] == '.' || len >= PERSON_EMAIL_MAX)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("<>(),;:\\\"[]", *s))
            return false;
    return true;
}

static int take_emails(struct change *c)
{
    const json_t *list;
    int rc = get_list(c, "emails", &list);
    size_t i;
    json_t *v;
    c->edit.fields |= PERSON_EMAILS;
    json_array_foreach((json_t *)list, i, v)
    {
        const char *text = json_string_value(v);
        if (!text || !registry_is_email(text))
            return REFUSE(c, "emails: '%.100s' is not an e-mail address", text ? text : "");
        if (person_edit_email(&c->edit, text) < 0)
            return REFUSE(c, "emails: more than %d", PERSON_EMAILS_MAX);
    }
    return rc;
}

static int take_consent(struct change *c)
{
    const json_t *o = json_object_get(c->body, "consent");
    const char *key;
    json_t *v;
    if (!json_is_object(o))
        return REFUSE(c, "consent: must be an object");
    json_object_foreach((json_t *)o, key, v)
    {
        int i = 0;
        while (i < 4 && strcmp(key, person_consent_names[i]) != 0)
            i++;
        if (i == 4 || !json_is_boolean(v)) {
            return REFUSE(c, "consent.%.40s: must be sms, email, call or marketing, true or false",
                          key);
        }
        c->edit.consent[i] = json_is_true(v);
    }
    return 0;
}

/* ---- what hangs on the person --------------------------------------------------------------- */

static int tenure_unit(struct change *c, const json_t *v, int64_t *unit_id)
{
    const char *place[3] = {NULL, NULL, NULL};
    static const char *const fields[] = {"estate", "building", "unit"};
    *unit_id = 0;
    int rc = json_get_int(v, "unit_id", 1, INT64_MAX, unit_id, &c->why);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = json_get_str(v, fields[i], PLACE_NAME_MAX - 1, &place[i], &c->why);
    if (rc < 0)
        return rc;
    struct db *db = ledger_db(c->tx);
    if (*unit_id) {
        struct registry_place p;
        rc = registry_place_get(db, *unit_id, &p);
    } else if (place[0] && place[1] && place[2]) {
        rc = repo_unit_find(db, place[0], place[1], place[2], unit_id);
    }
    if (rc == E_NOTFOUND || (rc == 0 && !*unit_id))
        return REFUSE(c, "tenures: no such unit");
    return rc;
}

static int put_tenure(struct change *c, int64_t id, const json_t *v)
{
    int64_t unit_id = 0, from = 0, to = 0;
    const char *role = NULL;
    if (!json_is_object(v))
        return REFUSE(c, "tenures: each must be an object");
    int rc = tenure_unit(c, v, &unit_id);
    rc = rc < 0 ? rc : json_get_str(v, "role", PERSON_WORD_MAX, &role, &c->why);
    if (rc == 0 && tenure_role_parse(role) == TENURE_NONE) {
        rc = REFUSE(c,
                    "tenures: role '%s' is not one of owner, co_owner, tenant, family, agent, "
                    "emergency_contact",
                    role ? role : "");
    }
    rc = rc < 0 ? rc : take_date(c, v, json_object_get(v, "from") ? "from" : "since", &from);
    rc = rc < 0 ? rc : take_date(c, v, "to", &to);
    if (rc == 0 && from && to && to < from)
        rc = REFUSE(c, "tenures: to is before from");
    enum put what;
    return rc < 0 ? rc
                  : repo_tenure_put(ledger_db(c->tx), id, unit_id, tenure_role_parse(role), from,
                                    to, &what);
}

static int put_vehicle(struct change *c, int64_t id, const json_t *v)
{
    const char *plate = json_string_value(v), *space = NULL;
    int rc = 0;
    if (json_is_object(v)) {
        rc = json_get_str(v, "plate", PERSON_PLATE_MAX - 1, &plate, &c->why);
        rc = rc < 0 ? rc : json_get_str(v, "space", PERSON_PLATE_MAX - 1, &space, &c->why);
    }
    if (rc == 0 && (!plate || !plate[0] || strlen(plate) >= PERSON_PLATE_MAX))
        rc = REFUSE(c, "vehicles: each must have a plate");
    enum put what;
    if (rc == 0)
        rc = repo_vehicle_put(ledger_db(c->tx), id, plate, space, &what);
    return rc == E_INVALID && !c->why.text[0] ? REFUSE(c, "vehicles: '%.30s' is no plate", plate)
                                              : rc;
}

/* Sets a list as a whole when the body has it. */
static int put_list(struct change *c, int64_t id, const char *field,
                    int (*clear)(struct db *db, int64_t id),
                    int (*put)(struct change *c, int64_t id, const json_t *v))
{
    const json_t *list;
    if (!json_object_get(c->body, field))
        return 0;
    int rc = get_list(c, field, &list);
    rc = rc < 0 ? rc : clear(ledger_db(c->tx), id);
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)list, i, v)
    {
        rc = rc < 0 ? rc : put(c, id, v);
    }
    return rc;
}

/* ---- the body ----------------------------------------------------------------------------- */

static int take_later(struct change *c)
{
    return 0; /* lists that need the person's id: put_list() */
}

static const struct {
    const char *field;
    int (*take)(struct change *c);
} fields[] = {
    {"name", take_name},       {"key", take_key},       {"language", take_language},
    {"segment", take_segment}, {"tier", take_tier},     {"tier_since", take_tier_since},
    {"flags", take_flags},     {"phones", take_phones}, {"emails", take_emails},
    {"consent", take_consent}, {"tenures", take_later}, {"vehicles", take_later},
};

static int take_body(struct change *c)
{
    const char *key;
    json_t *v;
    int rc = json_is_object(c->body) ? 0 : REFUSE(c, "the body must be an object");
    json_object_foreach((json_t *)c->body, key, v)
    {
        size_t i = 0;
        while (i < ARRAY_LEN(fields) && strcmp(fields[i].field, key) != 0)
            i++;
        rc = i < ARRAY_LEN(fields) ? fields[i].take(c) : 0; /* unknown ones are ignored */
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int put_lists(struct change *c, int64_t id)
{
    int rc = put_list(c, id, "tenures", repo_tenures_clear, put_tenure);
    return rc < 0 ? rc : put_list(c, id, "vehicles", repo_vehicles_clear, put_vehicle);
}

/* A consent given anew is given for the person's numbers and addresses, too. */
static int give_addresses(struct change *c, int64_t id)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 4; i++)
        if (c->edit.consent[i] == 1)
            rc = repo_opt_out_forget(ledger_db(c->tx), id, i);
    return rc;
}

static int audit(struct change *c, const char *what, int64_t id, const char *by)
{
    char object[32];
    struct buf data = BUF_INIT(4096);
    struct jw w;
    const char *key;
    json_t *v;
    jw_init(&w, &data);
    jw_arr(&w);
    json_object_foreach((json_t *)c->body, key, v)
    {
        jw_str(&w, key); /* which fields, never their content: the person may be erased later */
    }
    jw_end_arr(&w);
    snprintf(object, sizeof(object), "person:%lld", (long long)id);
    int rc = repo_audit_add(ledger_db(c->tx), ledger_now(c->tx), by, what, object, buf_str(&data));
    buf_free(&data);
    return rc;
}

static struct change *change_new(struct registry *r, struct ledger_tx *tx, const json_t *body)
{
    struct change *c = xcalloc(1, sizeof(*c));
    c->r = r;
    c->tx = tx;
    c->body = body;
    person_edit_init(&c->edit);
    return c;
}

/* Hands the refusal on to who asked. */
static int change_end(struct change *c, int rc)
{
    if (rc < 0 && c->why.text[0])
        ledger_refuse(c->tx, rc, "%s", c->why.text);
    free(c);
    return rc;
}

int registry_create(struct registry *r, struct ledger_tx *tx, const json_t *body, const char *by,
                    int64_t *id)
{
    struct change *c = change_new(r, tx, body);
    int rc = take_body(c);
    if (rc == 0 && !c->edit.name)
        rc = REFUSE(c, "name: is missing");
    if (rc == 0) {
        rc = repo_person_insert(ledger_db(tx), &c->edit, ledger_now(tx), id);
        if (rc == E_CONSTRAINT) {
            rc = errmsg_set(&c->why, E_CONFLICT, "key: '%s' is taken",
                            c->edit.key ? c->edit.key : "");
        }
    }
    rc = rc < 0 ? rc : put_lists(c, *id);
    rc = rc < 0 ? rc : give_addresses(c, *id);
    rc = rc < 0 ? rc : audit(c, "person.create", *id, by);
    rc = rc < 0 ? rc : registry_changed_household(r, tx, *id);
    return change_end(c, rc);
}

static int check_version(struct change *c, int64_t id, int64_t version)
{
    struct person_row row;
    int rc = repo_person_get(ledger_db(c->tx), id, &row);
    if (rc == E_NOTFOUND)
        return errmsg_set(&c->why, rc, "no such owner");
    if (rc == 0 && version && version != row.version) {
        return errmsg_set(&c->why, E_STALE, "the owner's version is %lld, not %lld",
                          (long long)row.version, (long long)version);
    }
    if (rc == 0 && json_object_get(c->body, "key"))
        return REFUSE(c, "key: cannot be changed");
    return rc;
}

int registry_change(struct registry *r, struct ledger_tx *tx, int64_t id, int64_t version,
                    const json_t *body, const char *by)
{
    struct change *c = change_new(r, tx, body);
    struct db *db = ledger_db(tx);
    enum put what = PUT_SAME;
    int rc = take_body(c);
    rc = rc < 0 ? rc : check_version(c, id, version);
    /* Those who shared a home until now are told as well as those who do from now on. */
    rc = rc < 0 ? rc : registry_changed_household(r, tx, id);
    rc = rc < 0 ? rc : repo_person_update(db, id, &c->edit, ledger_now(tx), &what);
    rc = rc < 0 ? rc : put_lists(c, id);
    rc = rc < 0 ? rc : give_addresses(c, id);
    bool lists = json_object_get(body, "tenures") || json_object_get(body, "vehicles");
    if (rc == 0 && lists && what == PUT_SAME)
        rc = repo_person_bump(db, id, ledger_now(tx));
    rc = rc < 0 ? rc : audit(c, "person.change", id, by);
    rc = rc < 0 ? rc : registry_changed_household(r, tx, id);
    return change_end(c, rc);
}
