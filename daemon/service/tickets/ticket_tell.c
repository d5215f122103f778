/*
 * ticket_tell.c - who is meant by `tell`, at the moment of telling, and the messages to them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "spine/hub.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_priv.h"

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

static void add_name(const struct tell_scope *s, struct told *out, const char *name)
{
    if (!name || !*name || out->n == TOLD_MAX || text_eq(name, s->except))
        return;
    for (size_t i = 0; i < out->n; i++)
        if (text_eq(out->names[i], name))
            return;
    text_copy(out->names[out->n++], NAME_MAX_TEXT, name);
}

/* ---- role words: each a query of names ---- */

static int add_rows(const struct tell_scope *s, struct db_q *q, struct told *out)
{
    while (db_row(q))
        add_name(s, out, db_text(q, 0));
    return db_end(q);
}

static int by_name(const struct tell_scope *s, const char *name, struct told *out)
{
    struct db_q *q = db_query(ledger_db(s->tx), "SELECT name FROM account WHERE name=$1 AND "
                                                "kind='person' AND disabled=0");
    db_bind_text(q, 1, name);
    return add_rows(s, q, out);
}

static int by_role(const struct tell_scope *s, const char *word, struct told *out)
{
    struct db_q *q = db_query(ledger_db(s->tx), "SELECT name FROM account WHERE role=$1 AND "
                                                "kind='person' AND disabled=0 ORDER BY name");
    db_bind_text(q, 1, word);
    return add_rows(s, q, out);
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
        const struct site_department *d = site_department(s->t->site, s->departments[i]);
        if (d && d->head)
            rc = by_name(s, d->head, out);
    }
    return rc;
}

static int department_people(const struct tell_scope *s, const char *word, struct told *out)
{
    int rc = 0;
    (void)word;
    for (size_t i = 0; rc == E_OK && i < TELL_DEPARTMENTS && s->departments[i]; i++) {
        struct db_q *q =
            db_query(ledger_db(s->tx), "SELECT name FROM account WHERE department=$1 AND "
                                       "kind='person' AND disabled=0 ORDER BY name");
        db_bind_text(q, 1, s->departments[i]);
        rc = add_rows(s, q, out);
    }
    return rc;
}

static int on_shift(const struct tell_scope *s, const char *word, struct told *out)
{
    struct db_q *q = db_query(ledger_db(s->tx),
                              "SELECT DISTINCT a.name FROM shift s JOIN account a ON a.name=s.user "
                              "WHERE s.to_at>$1 AND s.from_at<=$1 AND s.kind='on' "
                              "AND a.kind='person' AND a.disabled=0 AND NOT EXISTS "
                              "(SELECT 1 FROM shift l WHERE l.user=s.user AND l.kind='leave' "
                              "AND l.from_at<=$1 AND l.to_at>$1) ORDER BY a.name");
    (void)word;
    db_bind_int(q, 1, ledger_now(s->tx));
    return add_rows(s, q, out);
}

static int building_steward(const struct tell_scope *s, const char *word, struct told *out)
{
    struct db_q *q = db_query(ledger_db(s->tx),
                              "SELECT a.name FROM unit u JOIN building b ON b.id=u.building_id "
                              "JOIN account a ON a.name=b.steward WHERE u.id=$1 "
                              "AND a.kind='person' AND a.disabled=0");
    (void)word;
    db_bind_int(q, 1, s->unit_id);
    return add_rows(s, q, out);
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

int tickets_not_sent(struct tickets *t, struct ledger_tx *tx, int rc, int64_t ticket_id,
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
    return tickets_alert_some(t, tx, "message_refused", ticket_id, text);
}

static int send_one(struct tickets *t, struct ledger_tx *tx, const struct tell_message *m,
                    const char *account, const char *channel, struct told *told)
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
    if (rc == E_OK && told->messages_n < ARRAY_LEN(told->messages))
        told->messages[told->messages_n++] = id;
    return rc < 0 ? tickets_not_sent(t, tx, rc, m->ticket_id, &why) : 0;
}

int tell_send(struct tickets *t, struct ledger_tx *tx, const struct tell_message *m,
              struct told *told)
{
    int rc = 0;
    for (size_t i = 0; t->outbox && rc == E_OK && i < told->n; i++) {
        if (!m->by || m->by->n == 0) {
            rc = send_one(t, tx, m, told->names[i], NULL, told);
            continue;
        }
        for (size_t j = 0; rc == E_OK && j < m->by->n; j++)
            if (!text_eq(m->by->items[j], "desk"))
                rc = send_one(t, tx, m, told->names[i], m->by->items[j], told);
    }
    return rc;
}

/* The departments whose heads are meant: the dispatch's, else those that work on it now, else the
 * category's. */
static void departments_of(struct ticket *k, int64_t dispatch, const char *out[TELL_DEPARTMENTS])
{
    const struct site_category *c =
        *k->row.category ? site_category(k->t->site, k->row.category) : NULL;
    size_t n = 0;
    for (size_t i = 0; i < k->dispatches_n && n < TELL_DEPARTMENTS; i++) {
        const struct dispatch_row *d = &k->dispatches[i];
        if (dispatch ? d->n == dispatch : !d->ended_at)
            out[n++] = d->department;
    }
    if (n == 0 && c)
        out[0] = c->department;
}

void ticket_tell(struct ticket *k, const struct conf_texts *words, int64_t dispatch,
                 const struct tell_message *m, struct told *out)
{
    struct tell_scope scope = {.t = k->t,
                               .tx = k->tx,
                               .responder = k->row.responder,
                               .unit_id = k->row.unit_id,
                               .except = *k->row.about ? k->row.about : NULL};
    struct tell_message msg = *m;
    if (k->rc)
        return;
    departments_of(k, dispatch, scope.departments);
    if (words)
        k->rc = tell_resolve(&scope, words, out);
    if (!k->rc && out->n && k->t->outbox)
        ticket_flush(k); /* the message's text is made from the row */
    msg.ticket_id = k->row.id;
    if (!k->rc)
        k->rc = tell_send(k->t, k->tx, &msg, out);
    for (size_t i = 0; i < out->n; i++)
        ticket_concerns(k, out->names[i]);
}

int64_t ticket_tell_owner(struct ticket *k, const char *channel, const struct tell_message *m,
                          struct errmsg *why)
{
    struct outbox_message msg = {.channel = channel,
                                 .message_class = "service",
                                 .person_id = k->row.person_id,
                                 .recipient = k->row.person_id ? NULL : k->row.caller,
                                 .ticket_id = k->row.id,
                                 .template_name = m->template_name,
                                 .params = m->params,
                                 .n_params = m->n_params,
                                 .urgent = k->policy && k->policy->urgent};
    int64_t id = 0;
    int rc;
    errmsg_set(why, 0, "nobody is known who could be told");
    if (k->rc || !k->t->outbox || (!k->row.person_id && !*k->row.caller) || ticket_flush(k))
        return 0;
    if (!channel && !k->row.person_id)
        msg.channel = "sms";
    rc = outbox_enqueue(k->t->outbox, k->tx, &msg, &id, why);
    if (rc < 0)
        k->rc = tickets_not_sent(k->t, k->tx, rc, k->row.id, why);
    return rc < 0 ? 0 : id;
}

/* ---- alerts ---- */

#define ALERTS_MAX      50 /* of one kind, in one window */
#define ALERT_WINDOW_MS INT64_C(60000)

int tickets_alert(struct tickets *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
                  const char *text)
{
    struct buf data = BUF_INIT(4096), out = BUF_INIT(8192);
    char id_text[TICKET_ID_TEXT];
    int64_t id = 0;
    struct jw w;
    int rc;
    jw_init(&w, &data);
    jw_obj(&w);
    jw_kstr(&w, "ticket", ticket_id ? ticket_id_format(ticket_id, id_text) : NULL);
    jw_end_obj(&w);
    rc = repo_alert_add(ledger_db(tx), ledger_now(tx), kind, text, buf_str(&data), &id);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kid(&w, "id", id);
    jw_ktime(&w, "at", ledger_now(tx));
    jw_kstr(&w, "kind", kind);
    jw_kstr(&w, "text", text);
    jw_kraw(&w, "data", buf_str(&data));
    jw_end_obj(&w);
    if (rc == E_OK)
        tickets_publish(t, tx, HUB_ALERT, buf_take(&out), NULL, NULL, true);
    buf_free(&out);
    buf_free(&data);
    return rc;
}

static struct alert_gate *gate_of(struct tickets *t, const char *kind)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(t->gates) && t->gates[i].kind && !text_eq(t->gates[i].kind, kind))
        i++;
    t->gates[i].kind = kind;
    return &t->gates[i];
}

int tickets_alert_some(struct tickets *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
                       const char *text)
{
    struct alert_gate *g = gate_of(t, kind);
    int64_t minute = ledger_now(tx) / ALERT_WINDOW_MS;
    char last[320];
    if (g->minute != minute)
        g->n = 0;
    g->minute = minute;
    if (++g->n > ALERTS_MAX)
        return 0;
    snprintf(last, sizeof(last), "%.250s; more of this minute are not shown", text);
    return tickets_alert(t, tx, kind, ticket_id, g->n == ALERTS_MAX ? last : text);
}
