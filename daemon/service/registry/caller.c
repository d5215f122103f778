/*
 * caller.c - who a number is: its candidates by the rules of domain/match.h, each with the
 * CARD. From kept cards if every holder has one (registry_kept.c), else from the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/registry/registry_priv.h"

#define CANDIDATES_MAX 32        /* holders of one number that are looked at */
#define CARDS_MAX      (1 << 20) /* bytes of one answer */
#define DIGEST_FROM    0xcbf29ce484222325u
#define DIGEST_FACTOR  0x9e3779b97f4a7c15u /* 2^64 over the golden ratio, odd */

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
    for (int i = 0; i < all->n; i++)
        if (all->items[i].id == id)
            return true;
    return false;
}

/* Judges the holders of a number and adds those that are a match. */
static int candidates_add(struct db *db, struct candidates *all, const struct person_phone *phones,
                          int n, bool exact, int32_t today)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < n && all->n < CANDIDATES_MAX; i++) {
        if (is_listed(all, phones[i].person_id))
            continue;
        struct candidate *c = &all->items[all->n];
        *c = (struct candidate){.id = phones[i].person_id};
        text_copy(c->label, sizeof(c->label), phones[i].label);
        rc = repo_person_tenures_get(db, c->id, today, &c->tenures);
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
    if (x->certainty != y->certainty)
        return x->certainty < y->certainty ? -1 : 1;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int candidates_find(struct db *db, const char *e164, int32_t today, struct candidates *all)
{
    struct person_phone phones[CANDIDATES_MAX];
    int n = repo_phone_exact(db, e164, phones, CANDIDATES_MAX);
    int rc = n < 0 ? n : candidates_add(db, all, phones, n, true, today);
    if (rc == 0 && all->current == 0) {
        n = repo_phone_weak(db, e164, phones, CANDIDATES_MAX);
        rc = n < 0 ? n : candidates_add(db, all, phones, n, false, today);
    }
    qsort(all->items, (size_t)all->n, sizeof(all->items[0]), candidate_order);
    return rc;
}

static void candidates_free(struct candidates **all)
{
    for (int i = 0; i < (*all)->n; i++)
        person_tenures_free(&(*all)->items[i].tenures);
    free(*all);
    *all = NULL;
}

/* The card of a candidate takes over its tenures. */
static int candidate_card(struct db *db, struct candidate *c, int32_t today,
                          struct registry_card *card)
{
    *card = (struct registry_card){.today = today};
    text_copy(card->phone_label, sizeof(card->phone_label), c->label);
    card->tenures = c->tenures;
    c->tenures = (struct person_tenures){0};
    return repo_person_get(db, c->id, &card->row);
}

static void candidate_reason(const struct candidate *c, const struct registry_card *card, char *out,
                             size_t cap)
{
    int more;
    const struct person_tenure *best = person_tenures_best(&card->tenures, &more);
    match_reason(c->certainty, c->label, c->role, best ? best->unit : "", more, out, cap);
}

/* Folds text into a digest, eight bytes at a time: equal texts in equal pieces give equal digests,
 * within one run of the program. */
static uint64_t fold(uint64_t h, const char *data, size_t len)
{
    while (len) {
        uint64_t word = len;
        size_t n = len < sizeof(word) ? len : sizeof(word);
        memcpy(&word, data, n);
        h = (h ^ word) * DIGEST_FACTOR;
        h ^= h >> 29;
        data += n;
        len -= n;
    }
    return h;
}

/* Of all but what `recent` says. */
static uint64_t digest_of(const struct registry_found *f)
{
    uint64_t h = DIGEST_FROM;
    for (int i = 0; i < f->n; i++) {
        const struct registry_owner *o = &f->owners[i];
        h = fold(h, f->json.data + o->from, o->recent_from - o->from);
        h = fold(h, f->json.data + o->recent_to, o->to - o->recent_to);
    }
    return h;
}

static void note_homes(const struct person_tenures *all, struct registry_owner *o)
{
    for (int i = 0; i < all->n && o->homes_n < REGISTRY_HOMES_MAX; i++) {
        const struct person_tenure *t = &all->items[i];
        if (!t->current)
            continue;
        struct radar_scope *home = &o->homes[o->homes_n++];
        home->estate_id = t->estate_id;
        home->building_id = t->building_id;
        (void)radar_riser(t->unit_name, home->riser);
    }
}

static int found_add(struct db *db, struct candidate *c, int32_t today, struct registry_found *out,
                     struct jw *w)
{
    struct registry_card card;
    struct registry_owner *o = &out->owners[out->n];
    int rc = candidate_card(db, c, today, &card);
    if (rc == 0) {
        *o = (struct registry_owner){.id = c->id, .certainty = c->certainty, .role = c->role};
        text_copy(o->name, sizeof(o->name), card.row.name);
        candidate_reason(c, &card, o->reason, sizeof(o->reason));
        o->from = w->out->len + (out->n > 0); /* behind the comma */
        jw_obj(w);
        rc = registry_card_fields(db, &card, w);
        jw_kstr(w, "certainty", match_certainty_name(c->certainty));
        jw_kstr(w, "reason", o->reason);
        jw_end_obj(w);
        o->to = w->out->len;
        o->score = card.row.score;
        o->has_tickets = card.news.open;
        o->recent_from = card.news.recent_from;
        o->recent_to = card.news.recent_to;
        note_homes(&card.tenures, o);
        out->n++;
    }
    person_tenures_free(&card.tenures);
    return rc;
}

/* From the tables themselves. */
static int read_cards(struct db *db, const char *e164, int32_t today, struct registry_found *out,
                      struct jw *w)
{
    struct candidates *all = xcalloc(1, sizeof(*all));
    int rc = candidates_find(db, e164, today, all);
    for (int i = 0; rc == 0 && i < all->n && i < REGISTRY_FOUND_MAX; i++)
        rc = found_add(db, &all->items[i], today, out, w);
    out->match = match_word(all->current);
    candidates_free(&all);
    return rc;
}

/* An array without items, again. */
static void begin_list(struct registry_found *out, struct jw *w)
{
    out->n = 0;
    buf_reset(&out->json);
    jw_init(w, &out->json);
    jw_arr(w);
}

int registry_cards(struct db *db, const char *e164, int32_t today, struct registry_found *out)
{
    struct jw w;
    int rc = 0;
    out->match = "none";
    out->unkept = false;
    buf_init(&out->json, CARDS_MAX);
    begin_list(out, &w);
    if (e164 && e164[0]) {
        rc = registry_kept_cards(db, e164, today, out, &w);
        if (rc == REGISTRY_NOT_KEPT) {
            begin_list(out, &w);
            rc = read_cards(db, e164, today, out, &w);
        }
    }
    jw_end_arr(&w);
    if (rc == 0 && out->json.overflow)
        rc = E_TOOBIG;
    out->digest = rc == 0 ? digest_of(out) : 0;
    return rc;
}

int registry_caller(struct db *db, const char *e164, int32_t today, struct registry_caller *out)
{
    *out = (struct registry_caller){.match = "none"};
    if (!e164 || !e164[0])
        return 0;
    int rc = registry_kept_caller(db, e164, today, out);
    if (rc != REGISTRY_NOT_KEPT)
        return rc;
    struct candidates *all = xcalloc(1, sizeof(*all));
    rc = candidates_find(db, e164, today, all);
    out->match = match_word(all->current);
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

static int phone_item_json(struct db *db, struct candidate *c, int32_t today, struct jw *w)
{
    struct registry_card card;
    char reason[256];
    int rc = candidate_card(db, c, today, &card);
    if (rc == 0) {
        candidate_reason(c, &card, reason, sizeof(reason));
        jw_obj(w);
        jw_key(w, "owner");
        jw_obj(w);
        rc = registry_card_fields(db, &card, w);
        jw_end_obj(w);
        jw_kstr(w, "certainty", match_certainty_name(c->certainty));
        jw_kstr(w, "reason", reason);
        jw_end_obj(w);
    }
    person_tenures_free(&card.tenures);
    return rc;
}

int registry_phone_json(struct db *db, const char *e164, int32_t today, struct jw *w,
                        struct registry_seen *seen)
{
    struct candidates *all = xcalloc(1, sizeof(*all));
    int rc = e164 && e164[0] ? candidates_find(db, e164, today, all) : 0;
    jw_obj(w);
    jw_kstr(w, "match", match_word(all->current));
    jw_key(w, "items");
    jw_arr(w);
    for (int i = 0; rc == 0 && i < all->n && i < REGISTRY_FOUND_MAX; i++) {
        registry_see(seen, all->items[i].id);
        rc = phone_item_json(db, &all->items[i], today, w);
    }
    jw_end_arr(w);
    jw_end_obj(w);
    candidates_free(&all);
    return rc;
}
