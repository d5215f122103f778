/*
 * card_kept.c - kept cards: made from the tables once, and put together with the number, the
 * steward and the news of the moment when it rings.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "service/registry/registry_priv.h"

#define PART_MAX ((size_t)32 << 10) /* bytes of a part; a card with more is not kept */

/* ---- reading ------------------------------------------------------------------------------ */

int registry_owner_order(const void *a, const void *b)
{
    const struct registry_owner *x = a, *y = b;
    if (x->certainty != y->certainty)
        return x->certainty < y->certainty ? -1 : 1;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* "12,345,01;12,346,;" */
static void read_places(const char *text, struct registry_owner *o)
{
    while (*text && o->homes_n < REGISTRY_HOMES_MAX) {
        struct radar_scope *home = &o->homes[o->homes_n++];
        char *at;
        home->estate_id = strtoll(text, &at, 10);
        home->building_id = strtoll(at + (*at == ','), &at, 10);
        at += *at == ',';
        size_t n = strcspn(at, ";");
        text_copyn(home->riser, sizeof(home->riser), at, n);
        text = at + n + (at[n] == ';');
    }
}

static int write_card(struct db *db, const struct card_holder *h, struct registry_owner *o,
                      struct jw *w)
{
    const struct card_row *c = &h->card;
    struct registry_news news = {.recent = (h->calls ? PERSON_CALLS : 0) |
                                           (h->tickets ? PERSON_TICKETS : 0) |
                                           (h->messages ? PERSON_MESSAGES : 0)};
    jw_obj(w);
    jw_raw(w, c->head, strlen(c->head));
    jw_kstr(w, "phone_label", h->label[0] ? h->label : NULL);
    jw_raw(w, c->body, strlen(c->body));
    registry_card_steward(h->steward, h->steward_name, w);
    jw_raw(w, c->consent, strlen(c->consent));
    int rc = registry_card_news(db, c->person_id, &news, w);
    jw_raw(w, c->tail, strlen(c->tail));
    jw_kstr(w, "certainty", match_certainty_name(o->certainty));
    jw_kstr(w, "reason", o->reason);
    jw_end_obj(w);
    o->has_tickets = news.open;
    o->recent_from = news.recent_from;
    o->recent_to = news.recent_to;
    return rc;
}

static int add_holder(struct db *db, const struct card_holder *h, struct registry_found *out,
                      struct jw *w)
{
    const struct card_row *c = &h->card;
    struct registry_owner *o = &out->owners[out->n];
    o->id = c->person_id;
    o->certainty = c->held ? MATCH_CERTAIN : MATCH_FORMER;
    o->role = c->role;
    o->score = (int)c->score;
    o->homes_n = 0;
    text_copy(o->name, sizeof(o->name), c->name);
    match_reason(o->certainty, h->label, c->role, c->unit, (int)c->more, o->reason,
                 sizeof(o->reason));
    read_places(c->places, o);
    o->from = w->out->len + (out->n > 0); /* behind the comma */
    int rc = write_card(db, h, o, w);
    o->to = w->out->len;
    out->n++;
    return rc;
}

/* The objects in the order of their owners. */
static void write_in_order(struct registry_found *out)
{
    struct buf unordered = out->json;
    buf_init(&out->json, unordered.max);
    buf_addc(&out->json, '[');
    for (int i = 0; i < out->n; i++) {
        struct registry_owner *o = &out->owners[i];
        if (i)
            buf_addc(&out->json, ',');
        size_t from = o->from, len = o->to - from, to = out->json.len;
        buf_add(&out->json, unordered.data + from, len);
        o->recent_from += to - from;
        o->recent_to += to - from;
        o->from = to;
        o->to = to + len;
    }
    buf_free(&unordered);
}

static void sort_owners(struct registry_found *out)
{
    bool sorted = true;
    for (int i = 1; i < out->n; i++)
        sorted = sorted && registry_owner_order(&out->owners[i - 1], &out->owners[i]) < 0;
    if (sorted || out->json.overflow)
        return;
    qsort(out->owners, (size_t)out->n, sizeof(out->owners[0]), registry_owner_order);
    write_in_order(out);
}

/* The steward is that of the first home whose building has one; the row knows the first home's. */
static bool is_usable(const struct card_holder *h)
{
    return h->kept && (h->steward || h->card.buildings <= 1);
}

/* A number that is nobody's just now may be like somebody's: those are not known by kept cards. */
static bool may_be_like_others(const char *e164)
{
    char reversed[16];
    match_reversed(e164, reversed);
    return reversed[0] != 0;
}

int registry_kept_cards(struct db *db, const char *e164, int32_t today, struct registry_found *out,
                        struct jw *w)
{
    struct card_holder h;
    struct db_q *q = repo_card_holders(db, e164, today);
    int rc = 0, current = 0;
    bool usable = true;
    while (rc == 0 && usable && card_holder_next(q, &h)) {
        usable = is_usable(&h) && out->n < REGISTRY_FOUND_MAX;
        out->unkept = out->unkept || !h.kept;
        current += usable && h.card.held;
        if (usable)
            rc = add_holder(db, &h, out, w);
    }
    int end = db_end(q);
    rc = rc < 0 ? rc : end;
    if (rc < 0 || !usable || (current == 0 && may_be_like_others(e164)))
        return rc < 0 ? rc : REGISTRY_NOT_KEPT;
    sort_owners(out);
    out->match = match_word(current);
    return 0;
}

int registry_kept_caller(struct db *db, const char *e164, int32_t today,
                         struct registry_caller *out)
{
    int64_t id = 0;
    int current = 0;
    bool kept = false;
    int rc = repo_card_caller(db, e164, today, &id, &current, &kept);
    if (rc < 0 || !kept || (current == 0 && may_be_like_others(e164)))
        return rc < 0 ? rc : REGISTRY_NOT_KEPT;
    *out = (struct registry_caller){
        .match = match_word(current), .person_id = current == 1 ? id : 0, .certain = current == 1};
    return 0;
}

/* ---- making ------------------------------------------------------------------------------- */

enum part { PART_HEAD, PART_BODY, PART_CONSENT, PART_TAIL, PART_PLACES, PARTS };

/* Where the current homes are: the first of them, in how many buildings, and the list. */
static void note_places(const struct person_tenures *all, struct card_row *row, struct buf *places)
{
    int homes = 0;
    for (int i = 0; i < all->n; i++) {
        const struct person_tenure *t = &all->items[i];
        char riser[RADAR_RISER_MAX] = "";
        bool seen = false;
        if (!t->current)
            continue;
        for (int k = 0; k < i; k++)
            seen = seen || (all->items[k].current && all->items[k].building_id == t->building_id);
        row->buildings += !seen;
        row->building_id = row->building_id ? row->building_id : t->building_id;
        (void)radar_riser(t->unit_name, riser);
        if (homes++ < REGISTRY_HOMES_MAX)
            buf_printf(places, "%lld,%lld,%s;", (long long)t->estate_id, (long long)t->building_id,
                       riser);
    }
}

/* The members of each part, behind a brace that is left out. */
static int write_parts(struct db *db, const struct registry_card *c, struct buf *parts)
{
    struct jw w[PART_PLACES];
    for (int i = 0; i < PART_PLACES; i++) {
        jw_init(&w[i], &parts[i]);
        jw_obj(&w[i]);
    }
    registry_card_head(c, &w[PART_HEAD]);
    int rc = registry_card_body(db, c, &w[PART_BODY]);
    registry_card_consent(c, &w[PART_CONSENT]);
    registry_card_satisfaction(c, &w[PART_TAIL]);
    return rc;
}

static int make(struct db *db, const struct registry_card *c, struct buf *parts)
{
    int more;
    bool fits = true;
    const struct person_tenure *best = person_tenures_best(&c->tenures, &more);
    struct card_row row = {.person_id = c->row.id,
                           .more = more,
                           .score = c->row.score,
                           .role = best ? best->role : TENURE_NONE,
                           .held = !best || best->current,
                           .name = c->row.name,
                           .unit = best ? best->unit : ""};
    note_places(&c->tenures, &row, &parts[PART_PLACES]);
    int rc = repo_card_days(db, row.person_id, c->today, &row.from_on, &row.to_on);
    rc = rc < 0 ? rc : write_parts(db, c, parts);
    for (int i = 0; i < PARTS; i++)
        fits = fits && !parts[i].overflow;
    if (rc < 0 || !fits)
        return rc;
    row.head = buf_str(&parts[PART_HEAD]) + 1;
    row.body = buf_str(&parts[PART_BODY]) + 1;
    row.consent = buf_str(&parts[PART_CONSENT]) + 1;
    row.tail = buf_str(&parts[PART_TAIL]) + 1;
    row.places = buf_str(&parts[PART_PLACES]);
    return repo_card_put(db, &row);
}

int registry_kept_make(struct db *db, int64_t id, int32_t today)
{
    struct registry_card c = {.today = today};
    struct buf parts[PARTS];
    bool kept = false;
    int rc = repo_card_is_kept(db, id, c.today, &kept);
    if (rc < 0 || kept)
        return rc;
    for (int i = 0; i < PARTS; i++)
        buf_init(&parts[i], PART_MAX);
    rc = registry_card_load(db, id, today, &c);
    if (rc == 0)
        rc = make(db, &c, parts);
    person_tenures_free(&c.tenures);
    for (int i = 0; i < PARTS; i++)
        buf_free(&parts[i]);
    return rc == E_NOTFOUND ? 0 : rc;
}
