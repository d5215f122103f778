/*
 * alert.c - alerts: a row, and everybody at a desk hears of it.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/ticket_id.h"
#include "service/tell/tell_priv.h"
#include "store/repo_alert.h"
#include "store/repo_audit.h"
#include "store/repo_ticket.h"

#define ALERTS_MAX      50 /* of one kind, in one window */
#define ALERT_WINDOW_MS INT64_C(60000)

int tell_alert(struct tell *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
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
        log_warn(NULL, "alert (%s): %s", kind, text);
    if (rc == E_OK)
        tell_publish(t, tx,
                     &(struct tell_notice){.kind = HUB_ALERT,
                                           .json = buf_take(&out),
                                           .all_staff = true,
                                           .ticket_id = ticket_id});
    buf_free(&out);
    buf_free(&data);
    return rc;
}

static struct alert_gate *gate_of(struct tell *t, const char *kind)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(t->gates) && t->gates[i].kind && !text_eq(t->gates[i].kind, kind))
        i++;
    t->gates[i].kind = kind;
    return &t->gates[i];
}

int tell_alert_some(struct tell *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
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
    return tell_alert(t, tx, kind, ticket_id, g->n == ALERTS_MAX ? last : text);
}

/* ---- reading ---- */

/* A page being written: one row more than it shows is read. */
struct alert_page {
    struct jw *w;
    int n, limit;
    int64_t last;
};

static void put_alert(void *ctx, const struct alert_row *r)
{
    struct alert_page *p = ctx;
    if (p->n++ >= p->limit)
        return;
    p->last = r->id;
    jw_obj(p->w);
    jw_kint(p->w, "id", r->id);
    jw_ktime(p->w, "at", r->at);
    jw_kstr(p->w, "kind", r->kind);
    jw_kstr(p->w, "text", r->text);
    jw_kraw(p->w, "data", r->data_json ? r->data_json : "null");
    jw_ktime(p->w, "acked_at", r->cleared_at);
    jw_end_obj(p->w);
}

int tell_alerts(struct db *db, bool open, int64_t before, int limit, struct jw *w, int64_t *next)
{
    struct alert_page p = {.w = w, .limit = limit};
    int rc = repo_alert_list(db, open, before, limit + 1, put_alert, &p);
    *next = p.n > limit ? p.last : 0;
    return rc;
}

int tell_alert_ack(struct ledger_tx *tx, int64_t id, const char *by, struct jw *w)
{
    struct alert_page p = {.w = w, .limit = 1};
    char object[32];
    snprintf(object, sizeof(object), "alert %lld", (long long)id);
    int rc = repo_alert_clear(ledger_db(tx), id, ledger_now(tx));
    if (rc == E_OK)
        rc = repo_alert_get(ledger_db(tx), id, put_alert, &p);
    return rc < 0 ? rc
                  : repo_audit_add(ledger_db(tx), ledger_now(tx), by, "alert_ack", object, NULL);
}
