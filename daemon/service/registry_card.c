/*
 * registry_card.c - cards: the candidates of a number by the rules of domain/match.h, and each
 * one's CARD, from small queries appended straight to a bounded buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/registry_priv.h"

#define CANDIDATES_MAX 32        /* holders of one number that are looked at */
#define CARDS_MAX      (1 << 20) /* bytes of one answer */
#define FNV_OFFSET     0xcbf29ce484222325u
#define FNV_PRIME      0x100000001b3u

/* ---- one card ----------------------------------------------------------------------------- */

struct card {
    struct person_row row;
    struct person_tenures tenures;
    char phone_label[PERSON_WORD_MAX];
    bool all_tenures; /* ended ones, too, with their ends */
    int32_t today;
    size_t recent_from, recent_to; /* where `recent` stands in the output */
    bool has_tickets;              /* open ones */
};

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

static void tenures_json(const struct card *c, struct jw *w)
{
    jw_key(w, "tenures");
    jw_arr(w);
    for (int i = 0; i < c->tenures.n; i++) {
        const struct person_tenure *t = &c->tenures.items[i];
        if (!t->current && !c->all_tenures) {
            continue;
        }
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

static void membership_json(const struct card *c, struct jw *w)
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

/* The steward of the first current home's building. */
static void steward_json(const struct card *c, struct jw *w)
{
    const struct person_tenure *t = NULL;
    for (int i = 0; i < c->tenures.n && !t; i++) {
        if (c->tenures.items[i].current && c->tenures.items[i].steward[0]) {
            t = &c->tenures.items[i];
        }
    }
    jw_key(w, "steward");
    if (!t) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_kstr(w, "user", t->steward);
    jw_kstr(w, "name", t->steward_name[0] ? t->steward_name : t->steward);
    jw_end_obj(w);
}

static void consent_json(const struct card *c, struct jw *w)
{
    jw_key(w, "consent");
    jw_obj(w);
    for (int i = 0; i < 4; i++) {
        jw_kbool(w, person_consent_names[i], c->row.consent[i]);
    }
    jw_end_obj(w);
}

static void satisfaction_json(const struct card *c, struct jw *w)
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

/* The fields of a CARD into the open object, in the order of the contract. */
static int card_fields(struct db *db, struct card *c, struct jw *w)
{
    int64_t id = c->row.id;
    jw_kint(w, "id", id);
    jw_kstr(w, "name", c->row.name);
    jw_kstr(w, "language", or_null(c->row.language));
    jw_kstr(w, "phone_label", or_null(c->phone_label));
    tenures_json(c, w);
    jw_key(w, "household");
    int rc = person_household_json(db, id, c->today, w);
    if (rc == 0) {
        jw_key(w, "vehicles");
        rc = person_vehicles_json(db, id, w);
    }
    membership_json(c, w);
    jw_kstr(w, "segment", or_null(c->row.segment));
    flags_json(c->row.flags, w);
    steward_json(c, w);
    consent_json(c, w);
    if (rc == 0) {
        jw_key(w, "open_tickets");
        size_t from = w->out->len;
        rc = person_open_tickets_json(db, id, w);
        c->has_tickets = w->out->len > from + 2; /* more than "[]" */
    }
    c->recent_from = w->out->len;
    if (rc == 0) {
        jw_key(w, "recent");
        rc = person_recent_json(db, id, w);
    }
    c->recent_to = w->out->len;
    satisfaction_json(c, w);
    return rc;
}

static int card_load(struct db *db, int64_t id, int64_t now, struct card *c)
{
    *c = (struct card){.today = registry_today(now)};
    int rc = person_get(db, id, &c->row);
    rc = rc < 0 ? rc : person_tenures_get(db, id, c->today, &c->tenures);
    return rc < 0 ? rc : phone_first_label(db, id, c->phone_label, sizeof(c->phone_label));
}

int registry_card_json(struct db *db, int64_t person_id, int64_t now, struct jw *w)
{
    struct card c;
    int rc = card_load(db, person_id, now, &c);
    if (rc == 0) {
        jw_obj(w);
        rc = card_fields(db, &c, w);
        jw_end_obj(w);
    }
    person_tenures_free(&c.tenures);
    return rc;
}

int registry_person_json(struct db *db, int64_t person_id, int64_t now, struct jw *w)
{
    struct card c;
    int rc = card_load(db, person_id, now, &c);
    if (rc == 0) {
        c.all_tenures = true;
        jw_obj(w);
        rc = card_fields(db, &c, w);
        jw_key(w, "phones");
        rc = rc < 0 ? rc : person_phones_json(db, person_id, w);
        jw_key(w, "phone_labels");
        rc = rc < 0 ? rc : person_phone_labels_json(db, person_id, w);
        jw_key(w, "emails");
        rc = rc < 0 ? rc : person_emails_json(db, person_id, w);
        jw_kstr(w, "key", or_null(c.row.key));
        jw_kint(w, "version", c.row.version);
        jw_end_obj(w);
    }
    person_tenures_free(&c.tenures);
    return rc;
}

/* ---- candidates --------------------------------------------------------------------------- */

struct candidate {
    int64_t id;
    char label[PERSON_WORD_MAX];
    enum match_certainty certainty;
    enum tenure_role role; /* of the best tenure, for the order */
    struct person_tenures tenures;
};

struct candidates {
    int n, current;
    struct candidate items[CANDIDATES_MAX];
};

static bool is_listed(const struct candidates *all, int64_t id)
{
    for (int i = 0; i < all->n; i++) {
        if (all->items[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Judges the holders of a number and adds those that are a match. */
static int candidates_add(struct db *db, struct candidates *all, const struct person_phone *phones,
                          int n, bool exact, int32_t today)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < n && all->n < CANDIDATES_MAX; i++) {
        if (is_listed(all, phones[i].person_id)) {
            continue;
        }
        struct candidate *c = &all->items[all->n];
        *c = (struct candidate){.id = phones[i].person_id};
        text_copy(c->label, sizeof(c->label), phones[i].label);
        rc = person_tenures_get(db, c->id, today, &c->tenures);
        int more;
        const struct person_tenure *best = person_tenures_best(&c->tenures, &more);
        c->role = best ? best->role : TENURE_NONE;
        c->certainty = match_certainty_of(exact, best != NULL, best && best->current);
        if (rc < 0 || c->certainty == MATCH_NO) {
            person_tenures_free(&c->tenures);
            continue;
        }
        all->current += c->certainty != MATCH_FORMER;
        all->n++;
    }
    return rc;
}

static int candidate_order(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->certainty != y->certainty) {
        return x->certainty < y->certainty ? -1 : 1;
    }
    if (x->role != y->role) {
        return x->role < y->role ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

static int candidates_find(struct db *db, const char *e164, int64_t now, struct candidates *all)
{
    struct person_phone phones[CANDIDATES_MAX];
    int32_t today = registry_today(now);
    int n = phone_exact(db, e164, phones, CANDIDATES_MAX);
    int rc = n < 0 ? n : candidates_add(db, all, phones, n, true, today);
    if (rc == 0 && all->current == 0) {
        n = phone_weak(db, e164, phones, CANDIDATES_MAX);
        rc = n < 0 ? n : candidates_add(db, all, phones, n, false, today);
    }
    qsort(all->items, (size_t)all->n, sizeof(all->items[0]), candidate_order);
    return rc;
}

static void candidates_free(struct candidates **all)
{
    for (int i = 0; i < (*all)->n; i++) {
        person_tenures_free(&(*all)->items[i].tenures);
    }
    free(*all);
    *all = NULL;
}

/* The card of a candidate takes over its tenures. */
static int candidate_card(struct db *db, struct candidate *c, int64_t now, struct card *card)
{
    *card = (struct card){.today = registry_today(now)};
    text_copy(card->phone_label, sizeof(card->phone_label), c->label);
    card->tenures = c->tenures;
    c->tenures = (struct person_tenures){0};
    return person_get(db, c->id, &card->row);
}

static void candidate_reason(const struct candidate *c, const struct card *card, char *out,
                             size_t cap)
{
    int more;
    const struct person_tenure *best = person_tenures_best(&card->tenures, &more);
    match_reason(c->certainty, c->label, c->role, best ? best->unit : "", more, out, cap);
}

static uint64_t fnv(uint64_t h, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)data[i]) * FNV_PRIME;
    }
    return h;
}

static void note_homes(const struct person_tenures *all, struct registry_owner *o)
{
    for (int i = 0; i < all->n && o->homes_n < REGISTRY_HOMES_MAX; i++) {
        const struct person_tenure *t = &all->items[i];
        if (!t->current) {
            continue;
        }
        struct registry_home *home = &o->homes[o->homes_n++];
        home->estate_id = t->estate_id;
        home->building_id = t->building_id;
        text_copy(home->unit, sizeof(home->unit), t->unit_name);
    }
}

static int found_add(struct db *db, struct candidate *c, int64_t now, struct registry_found *out,
                     struct jw *w)
{
    struct card card;
    struct registry_owner *o = &out->owners[out->n];
    int rc = candidate_card(db, c, now, &card);
    if (rc == 0) {
        *o = (struct registry_owner){.id = c->id, .certainty = c->certainty};
        text_copy(o->name, sizeof(o->name), card.row.name);
        candidate_reason(c, &card, o->reason, sizeof(o->reason));
        o->from = w->out->len + (out->n > 0); /* behind the comma */
        jw_obj(w);
        rc = card_fields(db, &card, w);
        jw_kstr(w, "certainty", match_certainty_name(c->certainty));
        jw_kstr(w, "reason", o->reason);
        jw_end_obj(w);
        o->to = w->out->len;
        o->score = card.row.score;
        o->has_tickets = card.has_tickets;
        note_homes(&card.tenures, o);
        out->n++;
        const char *json = buf_str(w->out);
        out->digest = fnv(out->digest, json + o->from, card.recent_from - o->from);
        out->digest = fnv(out->digest, json + card.recent_to, o->to - card.recent_to);
    }
    person_tenures_free(&card.tenures);
    return rc;
}

int registry_cards(struct db *db, const char *e164, int64_t now, struct registry_found *out)
{
    struct jw w;
    struct candidates *all = xcalloc(1, sizeof(*all));
    *out = (struct registry_found){.match = "none", .digest = FNV_OFFSET};
    buf_init(&out->json, CARDS_MAX);
    jw_init(&w, &out->json);
    jw_arr(&w);
    int rc = e164 && e164[0] ? candidates_find(db, e164, now, all) : 0;
    for (int i = 0; rc == 0 && i < all->n && i < REGISTRY_FOUND_MAX; i++) {
        rc = found_add(db, &all->items[i], now, out, &w);
    }
    jw_end_arr(&w);
    out->match = match_word(all->current);
    candidates_free(&all);
    return rc == 0 && out->json.overflow ? E_TOOBIG : rc;
}

int registry_caller(struct db *db, const char *e164, int64_t now, struct registry_caller *out)
{
    struct candidates *all = xcalloc(1, sizeof(*all));
    int rc = e164 && e164[0] ? candidates_find(db, e164, now, all) : 0;
    *out = (struct registry_caller){.match = match_word(all->current)};
    if (rc == 0 && all->n > 0 && text_eq(out->match, "one")) { /* current ones come first */
        out->person_id = all->items[0].id;
        out->certain = all->items[0].certainty == MATCH_CERTAIN;
    }
    candidates_free(&all);
    return rc;
}

void registry_found_free(struct registry_found *f)
{
    buf_free(&f->json);
}

static int phone_item_json(struct db *db, struct candidate *c, int64_t now, struct jw *w)
{
    struct card card;
    char reason[256];
    int rc = candidate_card(db, c, now, &card);
    if (rc == 0) {
        candidate_reason(c, &card, reason, sizeof(reason));
        jw_obj(w);
        jw_key(w, "owner");
        jw_obj(w);
        rc = card_fields(db, &card, w);
        jw_end_obj(w);
        jw_kstr(w, "certainty", match_certainty_name(c->certainty));
        jw_kstr(w, "reason", reason);
        jw_end_obj(w);
    }
    person_tenures_free(&card.tenures);
    return rc;
}

int registry_phone_json(struct db *db, const char *e164, int64_t now, struct jw *w)
{
    struct candidates *all = xcalloc(1, sizeof(*all));
    int rc = e164 && e164[0] ? candidates_find(db, e164, now, all) : 0;
    jw_obj(w);
    jw_kstr(w, "match", match_word(all->current));
    jw_key(w, "items");
    jw_arr(w);
    for (int i = 0; rc == 0 && i < all->n && i < REGISTRY_FOUND_MAX; i++) {
        rc = phone_item_json(db, &all->items[i], now, w);
    }
    jw_end_arr(w);
    jw_end_obj(w);
    candidates_free(&all);
    return rc;
}

/* ---- small answers for other services ------------------------------------------------------ */

int registry_household(struct db *db, int64_t person_id, int64_t now, int64_t *ids, int max)
{
    return person_household_ids(db, person_id, registry_today(now), ids, max);
}

static int first_contacts(struct db *db, struct registry_person *out)
{
    struct db_q *q =
        db_query(db, "SELECT e164 FROM phone WHERE person_id = $1 AND e164 LIKE '+%' "
                     "ORDER BY CASE WHEN label = 'mobile' THEN 0 ELSE 1 END, pos LIMIT 1");
    db_bind_int(q, 1, out->id);
    text_copy(out->phone, sizeof(out->phone), db_row(q) ? db_str(q, 0) : "");
    int rc = db_end(q);
    if (rc < 0) {
        return rc;
    }
    q = db_query(db, "SELECT address FROM email WHERE person_id = $1 ORDER BY pos LIMIT 1");
    db_bind_int(q, 1, out->id);
    text_copy(out->email, sizeof(out->email), db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}

int registry_person_get(struct db *db, int64_t person_id, struct registry_person *out)
{
    struct person_row row;
    int rc = person_get(db, person_id, &row);
    if (rc < 0) {
        return rc;
    }
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
