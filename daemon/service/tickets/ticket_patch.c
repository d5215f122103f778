/*
 * ticket_patch.c - changes of what a ticket says: the first setting of a field is free, a later one
 * that makes a due moment later needs a supervisor.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_person.h"
#include "store/repo_unit.h"

#define SUBJECT_MAX 500

/* A change under way: what was set before, and the event's data. */
struct patch {
    struct verb_req *r;
    struct jw *w;
    bool any;
    bool facts; /* one of those by which the policy is chosen */
    bool again; /* some field was set before */
};

static void note_set(struct patch *p, unsigned bit)
{
    struct ticket_row *row = &p->r->k->row;
    unsigned brought = bit == SET_KIND ? BROUGHT_KIND : bit == SET_PRIORITY ? BROUGHT_PRIORITY : 0;
    p->any = true;
    p->facts = p->facts || bit != SET_ABOUT;
    p->again = p->again || (row->was_set & (bit | brought));
    row->was_set = (row->was_set | bit) & ~brought;
}

static void say_text(struct patch *p, const char *key, const char *old, const char *now)
{
    jw_key(p->w, key);
    jw_arr(p->w);
    jw_str(p->w, old && *old ? old : NULL);
    jw_str(p->w, now && *now ? now : NULL);
    jw_end_arr(p->w);
}

static void say_id(struct patch *p, const char *key, int64_t old, int64_t now)
{
    jw_key(p->w, key);
    jw_arr(p->w);
    old ? jw_int(p->w, old) : jw_null(p->w);
    now ? jw_int(p->w, now) : jw_null(p->w);
    jw_end_arr(p->w);
}

static int patch_subject(struct patch *p)
{
    struct ticket_row *row = &p->r->k->row;
    const char *v;
    int rc = verb_text_needed(p->r->body, "subject", SUBJECT_MAX, &v, p->r->out);
    if (rc < 0 || text_eq(v, row->subject))
        return rc;
    say_text(p, "subject", row->subject, v);
    free(row->subject);
    row->subject = xstrdup(v);
    p->any = true; /* no promise hangs on it */
    return 0;
}

static int patch_kind(struct patch *p)
{
    struct ticket_row *row = &p->r->k->row;
    const char *v;
    int rc = verb_text_needed(p->r->body, "kind", 64, &v, p->r->out);
    if (rc < 0)
        return rc;
    if (!ticket_is_kind(v))
        return verb_refuse(p->r->out, E_INVALID, "kind",
                           "kind is not one of repair, complaint, enquiry, suggestion, praise");
    if (text_eq(v, row->kind))
        return 0;
    say_text(p, "kind", row->kind, v);
    text_copy(row->kind, sizeof(row->kind), v);
    note_set(p, SET_KIND);
    return 0;
}

/* A category brings its kind and priority where nobody has set these. */
static int patch_category(struct patch *p)
{
    struct ticket_row *row = &p->r->k->row;
    const struct site_category *c;
    const char *v;
    int rc = verb_text_needed(p->r->body, "category", 64, &v, p->r->out);
    if (rc < 0)
        return rc;
    c = site_category(p->r->k->t->site, v);
    if (!c)
        return verb_refuse(p->r->out, E_INVALID, "category", "there is no category '%.64s'", v);
    if (text_eq(v, row->category))
        return 0;
    say_text(p, "category", row->category, v);
    text_copy(row->category, sizeof(row->category), v);
    note_set(p, SET_CATEGORY);
    if (!(row->was_set & SET_KIND) && !verb_has(p->r->body, "kind")) {
        say_text(p, "kind", row->kind, c->kind);
        text_copy(row->kind, sizeof(row->kind), c->kind);
        row->was_set |= BROUGHT_KIND;
    }
    if (!(row->was_set & SET_PRIORITY) && !verb_has(p->r->body, "priority")) {
        say_id(p, "priority", row->priority, c->priority);
        row->priority = (int)c->priority;
        row->was_set |= BROUGHT_PRIORITY;
    }
    return 0;
}

static int patch_priority(struct patch *p)
{
    struct ticket_row *row = &p->r->k->row;
    int64_t v = row->priority;
    int rc = verb_int(p->r->body, "priority", 1, 4, &v, p->r->out);
    if (rc < 0 || v == row->priority)
        return rc;
    say_id(p, "priority", row->priority, v);
    row->priority = (int)v;
    note_set(p, SET_PRIORITY);
    return 0;
}

static int patch_id(struct patch *p, const char *key,
                    int (*exists)(struct db *db, int64_t id, bool *yes), int64_t *slot,
                    unsigned bit)
{
    int64_t v = 0;
    bool yes = false;
    int rc = verb_int(p->r->body, key, 1, INT64_MAX, &v, p->r->out);
    if (rc == E_OK)
        rc = exists(p->r->k->db, v, &yes);
    if (rc == E_OK && !yes)
        rc = verb_refuse(p->r->out, E_INVALID, key, "%s: there is no %lld", key, (long long)v);
    if (rc < 0 || v == *slot)
        return rc;
    say_id(p, key, *slot, v);
    *slot = v;
    note_set(p, bit);
    return 0;
}

static int patch_unit(struct patch *p)
{
    return patch_id(p, "unit_id", repo_unit_exists, &p->r->k->row.unit_id, SET_UNIT);
}

static int patch_person(struct patch *p)
{
    return patch_id(p, "person_id", repo_person_exists, &p->r->k->row.person_id, SET_PERSON);
}

/* The employee whom a complaint is about; it cannot stay with them. */
static int patch_about(struct patch *p)
{
    struct ticket_row *row = &p->r->k->row;
    struct staff_account a;
    const char *v;
    int rc = verb_text_needed(p->r->body, "about", 64, &v, p->r->out);
    if (rc < 0 || text_eq(v, row->about))
        return rc;
    if (staff_row_by_name(p->r->k->db, v, &a))
        return verb_refuse(p->r->out, E_INVALID, "about", "there is nobody '%.64s'", v);
    say_text(p, "about", row->about, v);
    text_copy(row->about, sizeof(row->about), v);
    note_set(p, SET_ABOUT);
    return 0;
}

static const struct {
    const char *key;
    int (*apply)(struct patch *p);
} fields[] = {
    {"subject", patch_subject},   {"category", patch_category}, {"kind", patch_kind},
    {"priority", patch_priority}, {"unit_id", patch_unit},      {"person_id", patch_person},
    {"about", patch_about},
};

static int apply_all(struct patch *p)
{
    int rc = 0;
    for (size_t i = 0; rc == E_OK && i < ARRAY_LEN(fields); i++)
        if (verb_has(p->r->body, fields[i].key))
            rc = fields[i].apply(p);
    return rc;
}

/* A moment that was owed comes later now, or never. */
static bool is_later(const struct clock_row *c, int64_t before)
{
    return before != INT64_MAX && (c->ended_at || (before && c->due_at > before));
}

/* Re-base under the policy that the facts now choose; true if a due moment became later. */
static bool follow_policy(struct ticket *k)
{
    int64_t *before = xcalloc(k->clocks_n + 1, sizeof(*before));
    size_t n = k->clocks_n;
    bool later = false;
    for (size_t i = 0; i < n; i++)
        before[i] = k->clocks[i].ended_at ? INT64_MAX : k->clocks[i].due_at;
    if (ticket_choose_policy(k) == 0) {
        ticket_clocks_rebase(k, "changed", false);
        ticket_clocks_join(k);
    }
    for (size_t i = 0; i < n && !k->rc; i++)
        later = later || is_later(&k->clocks[i], before[i]);
    free(before);
    return later;
}

int verb_patch(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct patch p = {.r = r, .w = ticket_say(k)};
    int rc = apply_all(&p);
    if (rc < 0 || !p.any)
        return rc;
    ticket_said(k, "changed");
    if (p.facts && follow_policy(k) && p.again && !actor_is_supervisor(r->actor))
        return verb_refuse(r->out, E_DENIED, NULL,
                           "a change that makes a promise later needs a supervisor");
    if (!k->rc && *k->row.about && text_eq(k->row.about, k->row.responder) && !k->row.handover_json)
        ticket_handover_ask_by(k, "conflict_of_interest", r->actor);
    return k->rc;
}
