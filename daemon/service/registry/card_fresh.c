/*
 * card_fresh.c - one person's CARD, from small queries appended straight to a bounded buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/registry/registry_priv.h"

static void kdate(struct jw *w, const char *key, int64_t days)
{
    char text[16];
    jw_kstr(w, key, days ? clock_format_date((int32_t)days, text) : NULL);
}

/* NULL for "": what is not known is null on the wire. */
static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static void tenures_json(const struct registry_card *c, struct jw *w)
{
    jw_key(w, "tenures");
    jw_arr(w);
    for (int i = 0; i < c->tenures.n; i++) {
        const struct person_tenure *t = &c->tenures.items[i];
        if (!t->current && !c->all_tenures)
            continue;
        jw_obj(w);
        jw_kint(w, "unit_id", t->unit_id);
        jw_kstr(w, "unit", t->unit);
        jw_kstr(w, "role", tenure_role_name(t->role));
        kdate(w, "since", t->from_on);
        if (c->all_tenures) {
            kdate(w, "from", t->from_on);
            kdate(w, "to", t->to_on);
            jw_kbool(w, "current", t->current);
        }
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void membership_json(const struct registry_card *c, struct jw *w)
{
    jw_key(w, "membership");
    if (!c->row.tier[0]) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kstr(w, "tier", c->row.tier);
    kdate(w, "since", c->row.tier_since);
    jw_end_obj(w);
}

static void flags_json(const char *flags, struct jw *w)
{
    jw_key(w, "flags");
    jw_arr(w);
    while (*flags) {
        size_t len = strcspn(flags, ";");
        jw_strn(w, flags, len);
        flags += len + (flags[len] == ';');
    }
    jw_end_arr(w);
}

void registry_card_steward(const char *user, const char *name, struct jw *w)
{
    jw_key(w, "steward");
    if (!user || !user[0]) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kstr(w, "user", user);
    jw_kstr(w, "name", name && name[0] ? name : user);
    jw_end_obj(w);
}

/* The steward of the first current home's building. */
static void steward_json(const struct registry_card *c, struct jw *w)
{
    const struct person_tenure *t = NULL;
    for (int i = 0; i < c->tenures.n && !t; i++)
        if (c->tenures.items[i].current && c->tenures.items[i].steward[0])
            t = &c->tenures.items[i];
    registry_card_steward(t ? t->steward : NULL, t ? t->steward_name : NULL, w);
}

void registry_card_consent(const struct registry_card *c, struct jw *w)
{
    jw_key(w, "consent");
    jw_obj(w);
    for (int i = 0; i < 4; i++)
        jw_kbool(w, person_consent_names[i], c->row.consent[i]);
    jw_end_obj(w);
}

void registry_card_satisfaction(const struct registry_card *c, struct jw *w)
{
    jw_key(w, "satisfaction");
    if (c->row.score < 0) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kint(w, "score", c->row.score);
    jw_ktime(w, "at", c->row.score_at);
    jw_end_obj(w);
}

void registry_card_head(const struct registry_card *c, struct jw *w)
{
    jw_kint(w, "id", c->row.id);
    jw_kstr(w, "name", c->row.name);
    jw_kstr(w, "language", or_null(c->row.language));
}

int registry_card_body(struct db *db, const struct registry_card *c, struct jw *w)
{
    tenures_json(c, w);
    jw_key(w, "household");
    int rc = registry_household_json(db, c->row.id, c->today, w);
    if (rc == 0) {
        jw_key(w, "vehicles");
        rc = registry_vehicles_json(db, c->row.id, w);
    }
    membership_json(c, w);
    jw_kstr(w, "segment", or_null(c->row.segment));
    flags_json(c->row.flags, w);
    return rc;
}

int registry_card_news(struct db *db, int64_t id, struct registry_news *news, struct jw *w)
{
    static const char none[] = "[]";
    int rc = 0;
    jw_key(w, "open_tickets");
    size_t from = w->out->len;
    if (news->recent & PERSON_TICKETS)
        rc = registry_open_tickets_json(db, id, w);
    else
        jw_raw(w, none, sizeof(none) - 1);
    news->open = w->out->len > from + sizeof(none) - 1;
    news->recent_from = w->out->len;
    if (rc < 0)
        return rc;
    jw_key(w, "recent");
    if (news->recent)
        rc = registry_recent_json(db, id, news->recent, w);
    else
        jw_raw(w, none, sizeof(none) - 1);
    news->recent_to = w->out->len;
    return rc;
}

int registry_card_fields(struct db *db, struct registry_card *c, struct jw *w)
{
    c->news = (struct registry_news){.recent = PERSON_CALLS | PERSON_TICKETS | PERSON_MESSAGES};
    registry_card_head(c, w);
    jw_kstr(w, "phone_label", or_null(c->phone_label));
    int rc = registry_card_body(db, c, w);
    steward_json(c, w);
    registry_card_consent(c, w);
    rc = rc < 0 ? rc : registry_card_news(db, c->row.id, &c->news, w);
    registry_card_satisfaction(c, w);
    return rc;
}

int registry_card_load(struct db *db, int64_t id, int32_t today, struct registry_card *c)
{
    *c = (struct registry_card){.today = today};
    int rc = repo_person_get(db, id, &c->row);
    return rc < 0 ? rc : repo_person_tenures_get(db, id, c->today, &c->tenures);
}

/* The card that a person has without having called. */
static int card_load(struct db *db, int64_t id, int32_t today, struct registry_card *c)
{
    int rc = registry_card_load(db, id, today, c);
    return rc < 0 ? rc : repo_phone_first_label(db, id, c->phone_label, sizeof(c->phone_label));
}

int registry_card_json(struct db *db, int64_t person_id, int32_t today, struct jw *w)
{
    struct registry_card c;
    int rc = card_load(db, person_id, today, &c);
    if (rc == 0) {
        jw_obj(w);
        rc = registry_card_fields(db, &c, w);
        jw_end_obj(w);
    }
    person_tenures_free(&c.tenures);
    return rc;
}

void registry_see(struct registry_seen *seen, int64_t person_id)
{
    if (!seen)
        return;
    if (seen->n == seen->cap) {
        seen->cap = seen->cap ? seen->cap * 2 : 8;
        seen->ids = xrealloc(seen->ids, seen->cap * sizeof(*seen->ids));
    }
    seen->ids[seen->n++] = person_id;
}

int registry_person_json(struct db *db, int64_t person_id, int32_t today, struct jw *w,
                         struct registry_seen *seen)
{
    struct registry_card c;
    int rc = card_load(db, person_id, today, &c);
    if (rc == 0) {
        c.all_tenures = true;
        registry_see(seen, person_id);
        jw_obj(w);
        rc = registry_card_fields(db, &c, w);
        jw_key(w, "phones");
        rc = rc < 0 ? rc : registry_phones_json(db, person_id, w);
        jw_key(w, "phone_labels");
        rc = rc < 0 ? rc : registry_phone_labels_json(db, person_id, w);
        jw_key(w, "emails");
        rc = rc < 0 ? rc : registry_emails_json(db, person_id, w);
        jw_kstr(w, "key", or_null(c.row.key));
        jw_kint(w, "version", c.row.version);
        jw_end_obj(w);
    }
    person_tenures_free(&c.tenures);
    return rc;
}

/* ---- small answers for other services ------------------------------------------------------ */

int registry_household(struct db *db, int64_t person_id, int32_t today, int64_t *ids, int max)
{
    return repo_person_household_ids(db, person_id, today, ids, max);
}

static int first_contacts(struct db *db, struct registry_person *out)
{
    int rc = repo_phone_told(db, out->id, out->phone, sizeof(out->phone));
    return rc < 0 ? rc : repo_email_first(db, out->id, out->email, sizeof(out->email));
}

int registry_person_get(struct db *db, int64_t person_id, struct registry_person *out)
{
    struct person_row row;
    int rc = repo_person_get(db, person_id, &row);
    if (rc < 0)
        return rc;
    *out = (struct registry_person){.id = person_id,
                                    .version = row.version,
                                    .sms = row.consent[CONSENT_SMS],
                                    .mail = row.consent[CONSENT_EMAIL],
                                    .call = row.consent[CONSENT_CALL],
                                    .marketing = row.consent[CONSENT_MARKETING]};
    text_copy(out->name, sizeof(out->name), row.name);
    text_copy(out->language, sizeof(out->language), row.language);
    text_copy(out->segment, sizeof(out->segment), row.segment);
    text_copy(out->flags, sizeof(out->flags), row.flags);
    return first_contacts(db, out);
}
