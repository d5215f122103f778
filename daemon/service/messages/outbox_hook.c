/*
 * outbox_hook.c - /hooks/{gateway}/receipt and /inbound: who vouches for a request, the generic
 * form, and what plugins report; one ledger command for all that one request brings.
 */
#include "service/messages/outbox_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define ITEMS_MAX 1000 /* receipts in one request */
#define TEXT_MAX  8000 /* bytes of an inbound text */
#define ID_MAX    128

struct report {
    struct report *next;
    bool is_inbound;
    int64_t at;
    /* receipt: key, state, error, provider_id; inbound: id, from, to, text, reply_to_key */
    char *text[5];
};

struct report_batch {
    struct outbox *ob;
    char gateway[65];
    struct report *items, **tail;
    size_t n;
    outbox_hook_done *done;
    void *ctx;
    int status; /* what the plugin answered; 0: 204 */
};

static struct report_batch *batch_new(struct outbox *ob, const char *gateway,
                                      outbox_hook_done *done, void *ctx)
{
    struct report_batch *b = xcalloc(1, sizeof(*b));
    b->ob = ob;
    text_copy(b->gateway, sizeof(b->gateway), gateway);
    b->tail = &b->items;
    b->done = done;
    b->ctx = ctx;
    return b;
}

static void batch_free(struct report_batch *b)
{
    while (b->items) {
        struct report *r = b->items;
        b->items = r->next;
        for (size_t i = 0; i < ARRAY_LEN(r->text); i++)
            free(r->text[i]);
        free(r);
    }
    free(b);
}

static struct report *batch_add(struct report_batch *b, bool is_inbound, int64_t at)
{
    struct report *r = xcalloc(1, sizeof(*r));
    r->is_inbound = is_inbound;
    r->at = at;
    *b->tail = r;
    b->tail = &r->next;
    b->n++;
    return r;
}

static void add_receipt(struct report_batch *b, const struct steward_receipt *r)
{
    struct report *to = batch_add(b, false, r->at);
    to->text[0] = xstrdup(r->key);
    to->text[1] = xstrdup(r->state);
    to->text[2] = xstrdup(r->error);
    to->text[3] = xstrdup(r->provider_id);
}

static void add_inbound(struct report_batch *b, const struct outbox_inbound *in)
{
    struct report *to = batch_add(b, true, in->at);
    to->text[0] = xstrdup(in->id);
    to->text[1] = xstrdup(in->from);
    to->text[2] = xstrdup(in->to);
    to->text[3] = xstrdup(in->text);
    to->text[4] = xstrdup(in->reply_to_key);
}

/* ---- into the ledger ---- */

/* Texts are by position: see struct report. */
static int run_one(struct report_batch *b, struct ledger_tx *tx, const struct report *r)
{
    if (r->is_inbound) {
        struct outbox_inbound in = {.gateway = b->gateway,
                                    .id = r->text[0],
                                    .from = r->text[1],
                                    .to = r->text[2],
                                    .text = r->text[3],
                                    .reply_to_key = r->text[4],
                                    .at = r->at};
        return outbox_inbound(b->ob, tx, &in);
    }
    struct steward_receipt receipt = {.struct_size = sizeof(receipt),
                                      .key = r->text[0],
                                      .state = r->text[1],
                                      .error = r->text[2],
                                      .provider_id = r->text[3],
                                      .at = r->at};
    return outbox_receipt(b->ob, tx, b->gateway, &receipt);
}

static int batch_run(struct ledger_tx *tx, void *arg)
{
    struct report_batch *b = arg;
    int rc = 0;
    for (struct report *r = b->items; r && rc == E_OK; r = r->next)
        rc = run_one(b, tx, r);
    return rc;
}

static void batch_done(void *arg, int rc, const struct errmsg *why)
{
    struct report_batch *b = arg;
    if (rc < 0 && !b->done)
        log_complain(&b->ob->refused, &b->ob->log, "a report of gateway '%s' is refused: %s",
                     b->gateway, why->text);
    if (b->done && rc < 0)
        b->done(b->ctx, rc == E_INVALID ? 422 : 503, why->text);
    else if (b->done)
        b->done(b->ctx, b->status ? b->status : 204, NULL);
    batch_free(b);
}

static void batch_submit(struct report_batch *b)
{
    struct ledger_cmd cmd = {
        .name = "outbox reports", .run = batch_run, .done = batch_done, .arg = b};
    if (ledger_submit(b->ob->opts.ledger, &cmd)) {
        struct errmsg why;
        errmsg_set(&why, E_BUSY, "the ledger is full, try again");
        batch_done(b, E_BUSY, &why);
    }
}

/* ---- the generic form ---- */

static int get_data(const json_t *item, const char *type, const json_t **data, struct errmsg *why)
{
    const char *given = NULL;
    if (!json_is_object(item))
        return errmsg_set(why, E_INVALID, "expected an object of type %s", type);
    int rc = json_get_str(item, "type", 64, &given, why);
    if (rc < 0)
        return rc;
    if (!given || strcmp(given, type) != 0)
        return errmsg_set(why, E_INVALID, "type: expected %s", type);
    *data = json_object_get(item, "data");
    return json_is_object(*data) ? 0 : errmsg_set(why, E_INVALID, "data: expected an object");
}

static int get_time(const json_t *data, int64_t *at, struct errmsg *why)
{
    const char *text = NULL;
    int rc = json_get_str(data, "at", 64, &text, why);
    *at = 0;
    if (rc < 0 || !text)
        return rc;
    return clock_parse(text, at) ? errmsg_set(why, E_INVALID, "at: not an RFC 3339 time") : 0;
}

static int get_text(const json_t *data, const char *key, size_t max, const char **out,
                    struct errmsg *why)
{
    int rc = json_get_str(data, key, max, out, why);
    if (rc < 0 || (*out && **out))
        return rc;
    return errmsg_set(why, E_INVALID, "%s: is missing", key);
}

/* Either name of the message will do; one that has neither is refused. */
static int parse_receipt(const json_t *item, struct report_batch *b, struct errmsg *why)
{
    struct steward_receipt r = {.struct_size = sizeof(r)};
    const json_t *data;
    int rc = get_data(item, "message.receipt", &data, why);
    if (rc == E_OK)
        rc = json_get_str(data, "key", ID_MAX, &r.key, why);
    if (rc == E_OK)
        rc = json_get_str(data, "provider_id", ID_MAX, &r.provider_id, why);
    if (rc == E_OK && !r.provider_id)
        rc = get_text(data, "key", ID_MAX, &r.key, why);
    if (rc == E_OK)
        rc = get_text(data, "state", 16, &r.state, why);
    if (rc == E_OK && strcmp(r.state, "sent") != 0 && strcmp(r.state, "delivered") != 0 &&
        strcmp(r.state, "failed") != 0)
        rc = errmsg_set(why, E_INVALID, "state: expected sent, delivered or failed");
    if (rc == E_OK)
        rc = json_get_str(data, "error", 1000, &r.error, why);
    if (rc == E_OK)
        rc = get_time(data, &r.at, why);
    if (rc == E_OK)
        add_receipt(b, &r);
    return rc;
}

/* The first wrong field is the one that is named to the sender. */
static int parse_inbound(const json_t *item, struct report_batch *b, struct errmsg *why)
{
    struct outbox_inbound in = {.gateway = b->gateway};
    const json_t *data;
    int rc = get_data(item, "message.inbound", &data, why);
    if (rc == E_OK)
        rc = get_text(data, "id", ID_MAX, &in.id, why);
    if (rc == E_OK)
        rc = get_text(data, "from", 254, &in.from, why);
    if (rc == E_OK)
        rc = json_get_str(data, "to", 254, &in.to, why);
    if (rc == E_OK)
        rc = json_get_str(data, "text", TEXT_MAX, &in.text, why);
    if (rc == E_OK && !in.text)
        rc = errmsg_set(why, E_INVALID, "text: is missing");
    if (rc == E_OK)
        rc = json_get_str(data, "reply_to_key", ID_MAX, &in.reply_to_key, why);
    if (rc == E_OK)
        rc = get_time(data, &in.at, why);
    if (rc == E_OK)
        add_inbound(b, &in);
    return rc;
}

static int parse_generic(const char *what, const json_t *body, struct report_batch *b,
                         struct errmsg *why)
{
    int (*parse)(const json_t *, struct report_batch *, struct errmsg *) =
        strcmp(what, "receipt") == 0 ? parse_receipt : parse_inbound;
    int rc = 0;
    if (!json_is_array(body))
        return parse(body, b, why);
    if (json_array_size(body) > ITEMS_MAX)
        return errmsg_set(why, E_INVALID, "at most %d in one request", ITEMS_MAX);
    for (size_t i = 0; i < json_array_size(body) && rc == E_OK; i++)
        rc = parse(json_array_get(body, i), b, why);
    return rc;
}

static bool is_generic(const json_t *body)
{
    const json_t *first = json_is_array(body) ? json_array_get(body, 0) : body;
    const char *type = json_string_value(json_object_get(first, "type"));
    return (json_is_array(body) && json_array_size(body) == 0) ||
           (type && text_starts(type, "message."));
}

/* ---- the door ---- */

static struct gateway *known_gateway(struct outbox *ob, const char *name)
{
    for (struct gateway *g = ob->gateways; g; g = g->next)
        if (strcmp(g->name, name) == 0)
            return g;
    return NULL;
}

static void own_form(struct gateway *g, const struct steward_hook *hook, outbox_hook_done *done,
                     void *ctx)
{
    struct outbox *ob = g->ob;
    struct report_batch *b = batch_new(ob, g->name, done, ctx);
    ob->collecting = b;
    int status = g->ops.hook(g->ops.ctx, hook);
    ob->collecting = NULL;
    if (status < 200 || status > 599)
        status = 500;
    b->status = status;
    if (b->items && status < 300) {
        batch_submit(b);
        return;
    }
    done(ctx, status, status >= 400 ? "the gateway refuses it" : NULL);
    batch_free(b);
}

static void generic_form(struct outbox *ob, const char *gateway, const struct steward_hook *hook,
                         const json_t *body, outbox_hook_done *done, void *ctx)
{
    struct report_batch *b = batch_new(ob, gateway, done, ctx);
    struct errmsg why;
    if (parse_generic(hook->what, body, b, &why)) {
        done(ctx, 422, why.text);
        batch_free(b);
    } else if (!b->items) {
        done(ctx, 204, NULL);
        batch_free(b);
    } else {
        batch_submit(b);
    }
}

static bool vouches(struct gateway *g, const struct steward_hook *hook)
{
    return g->registered && g->ops.verify && g->ops.verify(g->ops.ctx, hook);
}

bool outbox_vouches(struct outbox *ob, const char *gateway, const struct steward_hook *hook)
{
    struct gateway *g = known_gateway(ob, gateway);
    return g && vouches(g, hook);
}

void outbox_hook(struct outbox *ob, const char *gateway, const struct steward_hook *hook,
                 bool authenticated, outbox_hook_done *done, void *ctx)
{
    struct gateway *g = known_gateway(ob, gateway);
    struct steward_hook h = *hook;
    struct errmsg why = {""};
    if (!g || (strcmp(hook->what, "receipt") != 0 && strcmp(hook->what, "inbound") != 0)) {
        done(ctx, 404, "no such gateway");
        return;
    }
    h.authenticated = authenticated || vouches(g, hook);
    /* Whoever is not known yet is heard by the plugin alone, which has its own ways to know. */
    json_t *body =
        h.authenticated ? json_parse(hook->body ? hook->body : "", hook->body_len, &why) : NULL;
    bool generic = body && is_generic(body);
    if (!generic && g->registered && g->ops.hook)
        own_form(g, &h, done, ctx);
    else if (!h.authenticated)
        done(ctx, 401, "an integration token or the gateway's signature is needed");
    else if (!body)
        done(ctx, 422, why.text);
    else
        generic_form(ob, gateway, &h, body, done, ctx);
    json_decref(body);
}

void outbox_report_receipt(struct outbox *ob, const char *gateway, const struct steward_receipt *r)
{
    struct report_batch *b = ob->collecting ? ob->collecting : batch_new(ob, gateway, NULL, NULL);
    if (b->n < ITEMS_MAX)
        add_receipt(b, r);
    if (b != ob->collecting)
        batch_submit(b);
}

void outbox_report_inbound(struct outbox *ob, const struct outbox_inbound *in)
{
    struct report_batch *b =
        ob->collecting ? ob->collecting : batch_new(ob, in->gateway, NULL, NULL);
    if (b->n < ITEMS_MAX)
        add_inbound(b, in);
    if (b != ob->collecting)
        batch_submit(b);
}
