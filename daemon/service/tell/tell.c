/*
 * tell.c - who is meant by `tell`, at the moment of telling, and the messages to them.
 */
#include "service/tell/tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/ticket_id.h"
#include "service/tell/tell_priv.h"
#include "store/repo_account.h"
#include "store/repo_shift.h"

struct tell *tell_new(const struct tell_opts *opts)
{
    struct tell *t = xcalloc(1, sizeof(*t));
    t->site = opts->site;
    t->hub = opts->hub;
    t->outbox = opts->outbox;
    return t;
}

void tell_free(struct tell **t)
{
    free(*t);
    *t = NULL;
}

void tell_set_site(struct tell *t, const struct site *site)
{
    t->site = site;
}

void told_json(const struct told *told, struct jw *w)
{
    jw_key(w, "told");
    jw_arr(w);
    for (size_t i = 0; i < told->n; i++)
        jw_str(w, told->names[i]);
    jw_end_arr(w);
    jw_key(w, "messages");
    jw_arr(w);
    for (size_t i = 0; i < told->messages_n; i++)
        jw_int(w, told->messages[i]);
    jw_end_arr(w);
}

/* Names gathered for one word. */
struct gathering {
    const struct tell_scope *scope;
    struct told *out;
};

static void add_name(void *ctx, const char *name)
{
    struct gathering *g = ctx;
    struct told *out = g->out;
    if (!*name || out->n == TOLD_MAX || text_eq(name, g->scope->except))
        return;
    for (size_t i = 0; i < out->n; i++)
        if (text_eq(out->names[i], name))
            return;
    text_copy(out->names[out->n++], NAME_MAX_TEXT, name);
}

/* ---- role words ---- */

static int by_name(const struct tell_scope *s, const char *name, struct told *out)
{
    struct gathering g = {s, out};
    return repo_account_person(ledger_db(s->tx), name, add_name, &g);
}

static int by_role(const struct tell_scope *s, const char *word, struct told *out)
{
    struct gathering g = {s, out};
    return repo_account_with_role(ledger_db(s->tx), word, add_name, &g);
}

static int responder(const struct tell_scope *s, const char *word, struct told *out)
{
    (void)word;
    return s->responder && *s->responder ? by_name(s, s->responder, out) : 0;
}

static int department_head(const struct tell_scope *s, const char *word, struct told *out)
{
    int rc = 0;
    (void)word;
    for (size_t i = 0; rc == E_OK && i < TELL_DEPARTMENTS && s->departments[i]; i++) {
        const struct site_department *d = site_department(s->tell->site, s->departments[i]);
        if (d && d->head)
            rc = by_name(s, d->head, out);
    }
    return rc;
}

static int department_people(const struct tell_scope *s, const char *word, struct told *out)
{
    struct gathering g = {s, out};
    int rc = 0;
    (void)word;
    for (size_t i = 0; rc == E_OK && i < TELL_DEPARTMENTS && s->departments[i]; i++)
        rc = repo_account_in_department(ledger_db(s->tx), s->departments[i], add_name, &g);
    return rc;
}

static void add_on_duty(void *ctx, const char *name, const char *role, const char *department)
{
    (void)role;
    (void)department;
    add_name(ctx, name);
}

static int on_shift(const struct tell_scope *s, const char *word, struct told *out)
{
    struct gathering g = {s, out};
    (void)word;
    return repo_shift_on_duty(ledger_db(s->tx), ledger_now(s->tx), add_on_duty, &g);
}

static int building_steward(const struct tell_scope *s, const char *word, struct told *out)
{
    struct gathering g = {s, out};
    (void)word;
    return repo_account_steward_of(ledger_db(s->tx), s->unit_id, add_name, &g);
}

static const struct {
    const char *word;
    int (*resolve)(const struct tell_scope *s, const char *word, struct told *out);
} roles[] = {
    {"responder", responder},
    {"supervisor", by_role},
    {"manager", by_role},
    {"director", by_role},
    {"department_head", department_head},
    {TELL_DEPARTMENT_PEOPLE, department_people},
    {"on_shift", on_shift},
    {"building_steward", building_steward},
};

static int resolve_word(const struct tell_scope *s, const char *word, struct told *out)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (text_eq(roles[i].word, word))
            return roles[i].resolve(s, word, out);
    return by_name(s, word, out);
}

int tell_resolve(const struct tell_scope *scope, const struct conf_texts *words, struct told *out)
{
    int rc = 0;
    for (size_t i = 0; rc == E_OK && words && i < words->n; i++)
        rc = resolve_word(scope, words->items[i], out);
    return rc;
}

/* ---- messages ---- */

int tell_not_sent(struct tell *t, struct ledger_tx *tx, int rc, int64_t ticket_id,
                  const struct errmsg *why)
{
    char text[320], id[TICKET_ID_TEXT];
    if (rc == E_NOTFOUND || rc == E_DENIED)
        return 0;
    if (rc != E_INVALID)
        return rc;
    snprintf(text, sizeof(text), "%s%sa message could not be made: %.250s",
             ticket_id ? ticket_id_format(ticket_id, id) : "", ticket_id ? ": " : "", why->text);
    log_error(NULL, "%s", text);
    return tell_alert_some(t, tx, "message_refused", ticket_id, text);
}

static int send_one(struct tell *t, struct ledger_tx *tx, const struct tell_message *m,
                    const char *account, const char *channel, struct told *told, bool *reached)
{
    struct outbox_message msg = {.channel = channel,
                                 .message_class = "staff",
                                 .account = account,
                                 .ticket_id = m->ticket_id,
                                 .template_name = m->template_name,
                                 .params = m->params,
                                 .n_params = m->n_params};
    struct errmsg why = {""};
    int64_t id = 0;
    int rc = outbox_enqueue(t->outbox, tx, &msg, &id, &why);
    *reached |= rc == E_OK;
    if (rc == E_OK && told->messages_n < ARRAY_LEN(told->messages))
        told->messages[told->messages_n++] = id;
    return rc < 0 ? tell_not_sent(t, tx, rc, m->ticket_id, &why) : 0;
}

/* By each channel of the step; whom none of them reaches is told by any other that does. */
static int send_by(struct tell *t, struct ledger_tx *tx, const struct tell_message *m,
                   const char *account, struct told *told, bool *reached)
{
    int rc = 0;
    for (size_t j = 0; rc == E_OK && j < m->by->n; j++)
        if (text_eq(m->by->items[j], "desk"))
            *reached = true;
        else
            rc = send_one(t, tx, m, account, m->by->items[j], told, reached);
    return rc < 0 || *reached ? rc : send_one(t, tx, m, account, NULL, told, reached);
}

/* Nobody is told who was not: they leave the list, and an alert says so. */
static int unreached(struct tell *t, struct ledger_tx *tx, const struct tell_message *m,
                     struct told *told, size_t i)
{
    char text[320], id[TICKET_ID_TEXT];
    snprintf(text, sizeof(text), "%s%s%.64s has no number or address to be told at",
             m->ticket_id ? ticket_id_format(m->ticket_id, id) : "", m->ticket_id ? ": " : "",
             told->names[i]);
    for (; i + 1 < told->n; i++)
        text_copy(told->names[i], NAME_MAX_TEXT, told->names[i + 1]);
    told->n--;
    return tell_alert_some(t, tx, "nobody_told", m->ticket_id, text);
}

int tell_send(struct tell *t, struct ledger_tx *tx, const struct tell_message *m, struct told *told)
{
    int rc = 0;
    for (size_t i = 0; t->outbox && rc == E_OK && i < told->n;) {
        bool reached = !m->by || m->by->n == 0; /* the desk always */
        if (reached)
            rc = send_one(t, tx, m, told->names[i], NULL, told, &reached);
        else
            rc = send_by(t, tx, m, told->names[i], told, &reached);
        if (rc == E_OK && !reached)
            rc = unreached(t, tx, m, told, i);
        else
            i++;
    }
    return rc;
}
