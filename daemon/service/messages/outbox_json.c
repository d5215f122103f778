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

#define COLUMNS                                                                                    \
    "id, key, channel, class, gateway, recipient, person_id, account, ticket_id, template, "       \
    "provider_template, "                                                                          \
    "params_json, language, subject, text, segments, state, urgent, attempts, not_before, "        \
    "next_at, expires_at, "                                                                        \
    "queued_at, sent_at, delivered_at, failed_at, error, provider_id, resend_of, event_type"

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

static void write_row(struct db_q *q, bool mask, struct jw *w)
{
    jw_obj(w);
    jw_kint(w, "id", db_int(q, 0));
    jw_kstr(w, "key", db_text(q, 1));
    jw_kstr(w, "channel", db_text(q, 2));
    jw_kstr(w, "class", db_text(q, 3));
    jw_kstr(w, "gateway", db_text(q, 4));
    write_recipient(w, db_str(q, 5), mask && !db_is_null(q, 6));
    jw_kid(w, "person_id", db_int(q, 6));
    jw_kstr(w, "account", db_text(q, 7));
    write_ticket(w, db_int(q, 8));
    jw_kstr(w, "template", db_text(q, 9));
    jw_kstr(w, "provider_template", db_text(q, 10));
    jw_kraw(w, "params", db_text(q, 11));
    jw_kstr(w, "language", db_text(q, 12));
    jw_kstr(w, "subject", db_text(q, 13));
    jw_kstr(w, "text", db_text(q, 14));
    jw_kint(w, "segments", db_int(q, 15));
    jw_kstr(w, "state", db_text(q, 16));
    jw_kbool(w, "urgent", db_int(q, 17) != 0);
    jw_kint(w, "attempts", db_int(q, 18));
    jw_ktime(w, "not_before", db_int(q, 19));
    jw_ktime(w, "next_at", db_int(q, 20));
    jw_ktime(w, "expires_at", db_int(q, 21));
    jw_ktime(w, "queued_at", db_int(q, 22));
    jw_ktime(w, "sent_at", db_int(q, 23));
    jw_ktime(w, "delivered_at", db_int(q, 24));
    jw_ktime(w, "failed_at", db_int(q, 25));
    jw_kstr(w, "error", db_text(q, 26));
    jw_kstr(w, "provider_id", db_text(q, 27));
    jw_kid(w, "resend_of", db_int(q, 28));
    jw_kstr(w, "event", db_text(q, 29));
    jw_end_obj(w);
}

int outbox_json(struct db *db, int64_t id, bool mask, struct jw *w)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM message WHERE id = $1");
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    if (found)
        write_row(q, mask, w);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

/* Each filter has its own statement, so that each finds its index. */
enum list_by { BY_NONE, BY_TICKET, BY_PERSON };

int outbox_list(struct db *db, const struct outbox_filter *f, struct jw *w, int64_t *next)
{
#define REST                                                                                       \
    "id < $2 AND ($3 IS NULL OR state = $3) AND ($4 IS NULL OR gateway = $4) AND "                 \
    "($5 IS NULL OR account = $5) AND ($6 IS NULL OR person_id = $6) ORDER BY id DESC LIMIT $7"
    static const char *const sql[] = {
        [BY_NONE] = "SELECT " COLUMNS " FROM message WHERE $1 = 0 AND " REST,
        [BY_TICKET] = "SELECT " COLUMNS " FROM message WHERE ticket_id = $1 AND " REST,
        [BY_PERSON] = "SELECT " COLUMNS " FROM message WHERE person_id = $1 AND " REST,
    };
#undef REST
    enum list_by by = f->ticket_id ? BY_TICKET : f->person_id ? BY_PERSON : BY_NONE;
    int limit = f->limit < 1 ? 1 : f->limit > 500 ? 500 : f->limit;
    struct db_q *q = db_query(db, sql[by]);
    int64_t last = 0;
    int n = 0;

    db_bind_int(q, 1, by == BY_TICKET ? f->ticket_id : by == BY_PERSON ? f->person_id : 0);
    db_bind_int(q, 2, f->before > 0 ? f->before : INT64_MAX);
    db_bind_text(q, 3, f->state);
    db_bind_text(q, 4, f->gateway);
    db_bind_text(q, 5, f->account);
    db_bind_opt(q, 6, f->person_id);
    db_bind_int(q, 7, limit + 1);
    *next = 0;
    while (db_row(q)) {
        if (n++ == limit) {
            *next = last;
            break;
        }
        last = db_int(q, 0);
        write_row(q, f->mask, w);
    }
    return db_end(q);
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

static int read_concerned(struct db *db, int64_t id, struct announcement *a)
{
    struct db_q *q = db_query(db, "SELECT m.account, t.responder FROM message m "
                                  "LEFT JOIN ticket t ON t.id = m.ticket_id WHERE m.id = $1");
    db_bind_int(q, 1, id);
    if (db_row(q)) {
        text_copy(a->account, sizeof(a->account), db_str(q, 0));
        text_copy(a->responder, sizeof(a->responder), db_str(q, 1));
    }
    return db_end(q);
}

int outbox_announce(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *gateway,
                    int64_t next_at)
{
    struct announcement *a = xcalloc(1, sizeof(*a));
    struct buf json = BUF_INIT(MESSAGE_JSON_MAX);
    struct jw w;
    int rc = read_concerned(ledger_db(tx), id, a);
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
        return errmsg_set(why, E_INVALID, "ticket: no ticket's number");
    return 0;
}

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
        return errmsg_set(why, E_INVALID, "not_before: no RFC 3339 time");
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
    /* That a person has no address is a fault of the request; a refused consent is a state. */
    return rc == E_NOTFOUND ? E_INVALID : rc == E_DENIED ? E_CONFLICT : rc;
}
