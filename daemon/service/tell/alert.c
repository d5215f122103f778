/*
 * alert.c - alerts: a row, and everybody at a desk hears of it.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/ticket_id.h"
#include "service/tell/tell_priv.h"
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
