/*
 * inbound.c - inbound texts as JSON.
 */
#include "service/messages/inbound.h"

#include <string.h>

#include "domain/ticket_id.h"
#include "store/repo_inbound.h"

/* A page being written: one row more than it shows is read. */
struct page {
    struct jw *w;
    int n, limit;
    int64_t last;
};

/* One text as docs/messages.md shows it. */
static void put_row(void *ctx, const struct inbound_row *r)
{
    struct page *p = ctx;
    struct jw *w = p->w;
    char ticket[TICKET_ID_TEXT];
    if (p->n++ >= p->limit)
        return;
    p->last = r->id;
    jw_obj(w);
    jw_kint(w, "id", r->id);
    jw_ktime(w, "at", r->at);
    jw_kstr(w, "channel", strchr(r->sender, '@') ? "email" : "sms");
    jw_kstr(w, "gateway", r->gateway);
    jw_kstr(w, "from", r->sender);
    jw_kstr(w, "to", r->recipient);
    jw_kid(w, "person_id", r->person_id);
    jw_kstr(w, "text", r->text);
    jw_kstr(w, "reply_to_key", r->reply_to_key);
    jw_kstr(w, "became", r->became);
    jw_kstr(w, "ticket", r->ticket_id ? ticket_id_format(r->ticket_id, ticket) : NULL);
    jw_end_obj(w);
}

int inbound_list(struct db *db, const struct inbound_filter *f, struct jw *w, int64_t *next)
{
    struct page p = {.w = w, .limit = f->limit};
    struct inbound_query query = {.became = f->became,
                                  .person_id = f->person_id,
                                  .ticket_id = f->ticket_id,
                                  .before = f->before,
                                  .limit = f->limit + 1};
    int rc = repo_inbound_list(db, &query, put_row, &p);
    *next = p.n > p.limit ? p.last : 0;
    return rc;
}
