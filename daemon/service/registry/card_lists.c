/*
 * card_lists.c - the parts of a CARD that are lists, from the store's rows as JSON.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "domain/ticket_id.h"
#include "service/registry/registry_priv.h"

static void member(void *ctx, int64_t id, const char *name, const char *role)
{
    struct jw *w = ctx;
    jw_obj(w);
    jw_kint(w, "id", id);
    jw_kstr(w, "name", name);
    jw_kstr(w, "role", role);
    jw_end_obj(w);
}

int registry_household_json(struct db *db, int64_t person_id, int32_t today, struct jw *w)
{
    jw_arr(w);
    int rc = repo_person_household(db, person_id, today, member, w);
    jw_end_arr(w);
    return rc;
}

static void vehicle(void *ctx, const char *plate, const char *space)
{
    struct jw *w = ctx;
    jw_obj(w);
    jw_kstr(w, "plate", plate);
    jw_kstr(w, "space", space);
    jw_end_obj(w);
}

int registry_vehicles_json(struct db *db, int64_t person_id, struct jw *w)
{
    jw_arr(w);
    int rc = repo_vehicle_each(db, person_id, vehicle, w);
    jw_end_arr(w);
    return rc;
}

static void open_ticket(void *ctx, const struct person_ticket *row)
{
    struct jw *w = ctx;
    char id[TICKET_ID_TEXT];
    jw_obj(w);
    jw_kstr(w, "id", ticket_id_format(row->id, id));
    jw_kstr(w, "subject", row->subject);
    jw_kstr(w, "state", row->state);
    jw_kstr(w, "responder", row->responder);
    jw_ktime(w, "due_at", row->due_at);
    jw_kint(w, "cycle", row->cycle);
    jw_end_obj(w);
}

int registry_open_tickets_json(struct db *db, int64_t person_id, struct jw *w)
{
    jw_arr(w);
    int rc = repo_person_open_tickets(db, person_id, open_ticket, w);
    jw_end_arr(w);
    return rc;
}

/* ---- what happened lately ------------------------------------------------------------------ */

#define RECENT_MAX 5

struct recent {
    int64_t at;
    const char *kind;
    char summary[400];
};

/* The latest so far, latest first. */
struct recents {
    struct recent items[RECENT_MAX];
    int n;
};

static void summarise(const struct person_news *row, char *out, size_t cap)
{
    const char *const *words = row->words;
    char text[512], id[TICKET_ID_TEXT];
    if (row->kind == PERSON_CALLS)
        snprintf(text, sizeof(text), "%s, %s%s%s", words[0], words[1], words[2][0] ? ", " : "",
                 words[2]);
    else if (row->kind == PERSON_TICKETS)
        snprintf(text, sizeof(text), "%s %.300s (%s)", ticket_id_format(row->id, id), words[0],
                 words[1]);
    else
        snprintf(text, sizeof(text), "%s %s%s%s", words[0], words[1], words[1][0] ? ", " : "",
                 words[2]);
    text_copy(out, cap, text);
}

static const char *news_kind(enum person_recent kind)
{
    return kind == PERSON_CALLS ? "call" : kind == PERSON_TICKETS ? "ticket" : "message";
}

/* Among the five latest of all kinds, if it is one of them: the kinds come one after the other. */
static void note_news(void *ctx, const struct person_news *row)
{
    struct recents *all = ctx;
    int i = all->n;
    while (i > 0 && all->items[i - 1].at < row->at)
        i--;
    if (i == RECENT_MAX)
        return;
    int behind = (all->n < RECENT_MAX ? all->n : RECENT_MAX - 1) - i;
    memmove(&all->items[i + 1], &all->items[i], (size_t)behind * sizeof(all->items[0]));
    all->n += all->n < RECENT_MAX;
    all->items[i].at = row->at;
    all->items[i].kind = news_kind(row->kind);
    summarise(row, all->items[i].summary, sizeof(all->items[i].summary));
}

int registry_recent_json(struct db *db, int64_t person_id, unsigned which, struct jw *w)
{
    struct recents all;
    int rc = 0;
    all.n = 0;
    for (unsigned kind = PERSON_CALLS; rc == 0 && kind <= PERSON_MESSAGES; kind <<= 1)
        if (which & kind)
            rc = repo_person_recent(db, person_id, (enum person_recent)kind, note_news, &all);
    jw_arr(w);
    for (int i = 0; i < all.n; i++) {
        jw_obj(w);
        jw_ktime(w, "at", all.items[i].at);
        jw_kstr(w, "kind", all.items[i].kind);
        jw_kstr(w, "summary", all.items[i].summary);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

/* ---- lists of texts ------------------------------------------------------------------------ */

static void phone(void *ctx, const char *e164, const char *label)
{
    jw_str(ctx, e164);
}

int registry_phones_json(struct db *db, int64_t person_id, struct jw *w)
{
    jw_arr(w);
    int rc = repo_phone_list(db, person_id, phone, w);
    jw_end_arr(w);
    return rc;
}

static void phone_label(void *ctx, const char *e164, const char *label)
{
    jw_kstr(ctx, e164, label);
}

int registry_phone_labels_json(struct db *db, int64_t person_id, struct jw *w)
{
    jw_obj(w);
    int rc = repo_phone_list(db, person_id, phone_label, w);
    jw_end_obj(w);
    return rc;
}

static void email(void *ctx, const char *address)
{
    jw_str(ctx, address);
}

int registry_emails_json(struct db *db, int64_t person_id, struct jw *w)
{
    jw_arr(w);
    int rc = repo_email_list(db, person_id, email, w);
    jw_end_arr(w);
    return rc;
}
