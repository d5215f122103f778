/*
 * outbox_json.c - messages as JSON: for the API, for the hub, and the body of POST /messages.
 */
#include "service/messages/outbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/retry.h"
#include "store/repo_message.h"

#define MESSAGE_JSON_MAX (64 * 1024)
#define PARAMS_MAX       64
#define PARAM_BYTES      2048

/* ---- out ---- */

/* "+86138****8000", "w***@example.com": enough to recognise, not to use. */
static void write_recipient(struct jw *w, const char *to, bool mask)
{
    char out[260];
    size_t n = strlen(to);
    const char *at = strchr(to, '@');
    text_copy(out, sizeof(out), to);
    n = strlen(out);
    if (mask && at) {
        size_t user = (size_t)(at - to);
        for (size_t i = 1; i < user && i < n; i++)
            out[i] = '*';
    } else if (mask && n > 8) {
        memset(out + n - 8, '*', 4);
    } else if (mask) {
        memset(out, '*', n / 2);
    }
    jw_kstr(w, "to", out);
}

static void write_ticket(struct jw *w, int64_t id)
{
    char ticket[24];
    jw_kstr(w, "ticket", id ? outbox_ticket_text(id, ticket) : NULL);
}

/* The order of resources.md. */
static void write_row(const struct message_row *r, bool mask, struct jw *w)
{
    jw_obj(w);
    jw_kint(w, "id", r->id);
    jw_kstr(w, "key", r->key);
    jw_kstr(w, "channel", r->channel);
    jw_kstr(w, "class", r->message_class);
    jw_kstr(w, "gateway", r->gateway);
    write_recipient(w, r->recipient, mask && r->person_id);
    jw_kid(w, "person_id", r->person_id);
    jw_kstr(w, "account", r->account);
    write_ticket(w, r->ticket_id);
    jw_kstr(w, "template", r->template_name);
    jw_kstr(w, "provider_template", r->provider_template);
    jw_kraw(w, "params", r->params_json);
    jw_kstr(w, "language", r->language);
    jw_kstr(w, "subject", r->subject);
    jw_kstr(w, "text", r->text);
    jw_kint(w, "segments", r->segments);
    jw_kstr(w, "state", msg_state_name(r->state));
    jw_kbool(w, "urgent", r->urgent);
    jw_kint(w, "attempts", r->attempts);
    jw_ktime(w, "not_before", r->not_before);
    jw_ktime(w, "next_at", r->next_at);
    jw_ktime(w, "expires_at", r->expires_at);
    jw_ktime(w, "queued_at", r->queued_at);
    jw_ktime(w, "sent_at", r->sent_at);
    jw_ktime(w, "delivered_at", r->delivered_at);
    jw_ktime(w, "failed_at", r->failed_at);
    jw_kstr(w, "error", r->error);
    jw_kstr(w, "provider_id", r->provider_id);
    jw_kid(w, "resend_of", r->resend_of);
    jw_kstr(w, "event", r->event_type);
    jw_end_obj(w);
}

/* A list being written, one row more than it shows. */
struct listing {
    struct jw *w;
    bool mask;
    int limit, n;
    int64_t last, next;
};

static void list_row(void *ctx, const struct message_row *row)
{
    struct listing *l = ctx;
    if (l->n++ == l->limit) {
        l->next = l->last;
        return;
    }
    l->last = row->id;
    write_row(row, l->mask, l->w);
}

int outbox_json(struct db *db, int64_t id, bool mask, struct jw *w)
{
    struct listing one = {.w = w, .mask = mask, .limit = 1};
    return repo_message_get(db, id, list_row, &one);
}

int outbox_list(struct db *db, const struct outbox_filter *f, struct jw *w, int64_t *next)
{
    struct listing l = {.w = w,
                        .mask = f->mask,
                        .limit = f->limit < 1     ? 1
                                 : f->limit > 500 ? 500
                                                  : f->limit};
    struct message_query query = {.ticket_id = f->ticket_id,
                                  .person_id = f->person_id,
                                  .before = f->before,
                                  .state = f->state,
                                  .gateway = f->gateway,
                                  .account = f->account,
                                  .limit = l.limit + 1};
    int rc = repo_message_list(db, &query, list_row, &l);
    *next = l.next;
    return rc;
}

/* ---- on the hub ---- */

struct announcement {
    struct outbox *ob;
    char gateway[65], account[65], responder[65];
    int64_t next_at;
    char *json;
};

static void announcement_free(void *arg)
{
    struct announcement *a = arg;
    free(a->json);
    free(a);
}

/* On the loop, after the commit: desks see the row as it is now, and its gateway is woken. */
static void announce(void *ctx, void *arg)
{
    struct announcement *a = arg;
    struct outbox *ob = ctx;
    const char *users[3] = {NULL, NULL, NULL};
    size_t n = 0;
    if (*a->account)
        users[n++] = a->account;
    if (*a->responder && strcmp(a->responder, a->account) != 0)
        users[n++] = a->responder;
    if (ob->opts.hub && a->json) {
        struct hub_event ev = {
            .kind = HUB_MESSAGE, .json = a->json, .len = strlen(a->json), .users = users};
        hub_publish(ob->opts.hub, &ev);
    }
    if (a->next_at)
        outbox_wake(ob, a->gateway, a->next_at);
}

int outbox_announce(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *gateway,
                    int64_t next_at)
{
    struct announcement *a = xcalloc(1, sizeof(*a));
    struct buf json = BUF_INIT(MESSAGE_JSON_MAX);
    struct jw w;
    int rc = repo_message_concerns(ledger_db(tx), id, a->account, a->responder);
    a->ob = ob;
    a->next_at = next_at;
    text_copy(a->gateway, sizeof(a->gateway), gateway);
    jw_init(&w, &json);
    if (rc == E_OK && ob->opts.hub)
        rc = outbox_json(ledger_db(tx), id, false, &w);
    if (rc < 0) {
        buf_free(&json);
        announcement_free(a);
        return rc;
    }
    a->json = json.len && !json.overflow ? buf_take(&json) : NULL;
    buf_free(&json);
    ledger_effect(tx, announce, ob, a, announcement_free);
    return 0;
}

/* ---- in: POST /messages ---- */

static int read_ticket(const json_t *body, struct outbox_message *out, struct errmsg *why)
{
    const char *text = NULL;
    int rc = json_get_str(body, "ticket", 24, &text, why);
    if (rc < 0 || !text)
        return rc;
    if (text_starts(text, "T-") || text_starts(text, "t-"))
        text += 2;
    if (text_int(text, 1, INT64_MAX, &out->ticket_id))
        return errmsg_set(why, E_INVALID, "ticket: not a ticket's number");
    return 0;
}

/* Values are views of the body, bounded because they are stored and travel with the text. */
static int read_params(const json_t *body, struct outbox_message *out, struct errmsg *why)
{
    json_t *params = json_object_get(body, "params"), *value;
    const char *name;
    if (!params || json_is_null(params))
        return 0;
    if (!json_is_object(params) || json_object_size(params) > PARAMS_MAX)
        return errmsg_set(why, E_INVALID, "params: expected an object of at most %d texts",
                          PARAMS_MAX);
    struct outbox_param *list = xcalloc(json_object_size(params) + 1, sizeof(*list));
    out->params = list;
    json_object_foreach(params, name, value)
    {
        if (!json_is_string(value) || json_string_length(value) > PARAM_BYTES || strlen(name) > 64)
            return errmsg_set(why, E_INVALID, "params: '%.64s' must be a text of at most %d bytes",
                              name, PARAM_BYTES);
        list[out->n_params++] =
            (struct outbox_param){.name = name, .value = json_string_value(value)};
    }
    return 0;
}

static int read_not_before(const json_t *body, struct outbox_message *out, struct errmsg *why)
{
    const char *text = NULL;
    int rc = json_get_str(body, "not_before", 64, &text, why);
    if (rc < 0 || !text)
        return rc;
    if (clock_parse(text, &out->not_before))
        return errmsg_set(why, E_INVALID, "not_before: not an RFC 3339 time");
    return 0;
}

int outbox_message_from_json(const json_t *body, struct outbox_message *out, struct errmsg *why)
{
    const struct {
        const char *name;
        size_t max;
        const char **to;
    } texts[] = {
        {"channel", 16, &out->channel},
        {"class", 16, &out->message_class},
        {"to", 254, &out->recipient},
        {"account", 64, &out->account},
        {"template", 63, &out->template_name},
        {"text", 4000, &out->text},
        {"subject", 250, &out->subject},
        {"language", 16, &out->language},
        {"provider_template", 128, &out->provider_template},
    };
    int rc = 0;

    *out = (struct outbox_message){0};
    for (size_t i = 0; i < ARRAY_LEN(texts) && rc == E_OK; i++)
        rc = json_get_str(body, texts[i].name, texts[i].max, texts[i].to, why);
    if (rc == E_OK)
        rc = json_get_int(body, "person_id", 0, INT64_MAX, &out->person_id, why);
    if (rc == E_OK)
        rc = read_ticket(body, out, why);
    if (rc == E_OK)
        rc = read_not_before(body, out, why);
    if (rc == E_OK)
        rc = read_params(body, out, why);
    if (rc == E_OK && out->language && lang_parse(out->language) == LANG_NONE)
        rc = errmsg_set(why, E_INVALID, "language: expected zh-Hans, zh-Hant or en");
    if (rc < 0)
        outbox_message_clear(out);
    return rc;
}

void outbox_message_clear(struct outbox_message *m)
{
    free((void *)m->params);
    m->params = NULL;
    m->n_params = 0;
}

int outbox_create(struct outbox *ob, struct ledger_tx *tx, const json_t *body, int64_t *id,
                  struct errmsg *why)
{
    struct outbox_message m;
    int rc = outbox_message_from_json(body, &m, why);
    if (rc < 0)
        return rc;
    rc = outbox_enqueue(ob, tx, &m, id, why);
    outbox_message_clear(&m);
    /* That a person has no address is a fault of the request. */
    return rc == E_NOTFOUND ? E_INVALID : rc;
}
