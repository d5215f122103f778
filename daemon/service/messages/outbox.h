/*
 * outbox.h - messages as rows: written in the transaction that causes them, sent by whoever
 * carries them, each under one idempotency key, never lost and never moved backwards.
 *
 * Three sides. Inside a ledger command (any `struct ledger_tx`): enqueue, resend, cancel, receipts,
 * inbound texts. On a reader (`struct db`): JSON and lists. On the loop: gateways, hooks, state.
 *
 * States: queued <-> sending -> sent < delivered | failed; expired; cancelled (resources.md).
 *
 * Needs staff/ (recipients who work here) and the spine.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "domain/retry.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "spine/metrics.h"

struct outbox;
struct site; /* domain/site.h: messages, site.language, site.timezone */

struct outbox_inbound {
    const char *gateway, *id, *from, *to, *text, *reply_to_key;
    int64_t at;
    int64_t
        person_id; /* filled for on_inbound: the one owner with this number, 0 if none or several */
    int64_t ticket_id; /* filled for on_inbound: of the message that is answered, 0 if none; it
                          leaves there the ticket that the text came to */
    bool opted_out;    /* filled for on_inbound: it was STOP, START or the like, and is done with */
    /* Filled for on_inbound: the message that it answers; 0 if there is none. */
    int64_t message_id, message_at;
    bool named;           /* it names that message, rather than coming after it */
    const char *question; /* its text where it asked whether a ticket is settled; else NULL */
    const char *became;   /* left by on_inbound: what came of the text, a literal */
};

struct outbox_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct hub *hub;   /* may be NULL (tests) */
    struct site *site; /* a reference is taken */
    /** A new inbound text (not a repeat): in its transaction, on the ledger thread. May be NULL. */
    int (*on_inbound)(void *ctx, struct ledger_tx *tx, struct outbox_inbound *in);
    /** A person's consent changed: loop thread, after the commit. May be NULL. */
    void (*person_changed)(void *ctx, int64_t person_id);
    void *ctx;
};

/** Reads the templates; NULL with why if one is wrong. Sends nothing before outbox_start(). */
struct outbox *outbox_new(const struct outbox_opts *opts, struct errmsg *why);
/** Rows left `sending` by a crash go back to queued; then due rows leave. */
int outbox_start(struct outbox *ob) MUST_CHECK;
/** Hand out nothing more; what is on its way gets at most two seconds. Call before ledger_free().
 */
void outbox_stop(struct outbox *ob);
/** After ledger_free(): commands still queued refer to the outbox. */
void outbox_free(struct outbox **ob);
/** New configuration and templates; a template that is wrong leaves the old ones active. */
int outbox_reload(struct outbox *ob, struct site *site, struct errmsg *why) MUST_CHECK;

/* ---- inside a ledger command ---- */

/** One field of a template. value NULL: `time` is written as local time of the site. */
struct outbox_param {
    const char *name, *value;
    int64_t time;
};

/**
 * One message to one recipient. Give person_id (an owner), or account (staff), or recipient alone.
 * Templates see the params given and, by themselves: {site}, {name} (of the recipient), {ticket},
 * {subject}, {category}, {priority}, {state}, {cycle}, {urges}, {responder}, {responder_name},
 * {responder_phone}, {estate}, {building}, {unit}, {owner}, {caller}, {opened} of the ticket.
 */
struct outbox_message {
    const char *channel; /* "sms", "email"; NULL: sms if there is a phone, else e-mail */
    const char
        *message_class;    /* "service", "marketing", "staff", "verification"; NULL: by recipient */
    const char *recipient; /* number or address; NULL: the person's or the account's own */
    int64_t person_id;
    const char *account;
    int64_t ticket_id;         /* 0: none */
    const char *template_name; /* NULL: text as given */
    const struct outbox_param *params;
    size_t n_params;
    const char *text, *subject;    /* without template */
    const char *provider_template; /* NULL: that of our template, if it has one */
    const char *language;          /* NULL: the recipient's, else the site's */
    bool urgent;        /* passes an owner's quiet hours and consent; recorded in audit */
    int64_t not_before; /* 0: at once */
    int64_t resend_of;
};

/**
 * Queue a message: renders the text, asks consent and quiet hours (owners only), writes the row.
 * *id (may be NULL) gets its number. E_NOTFOUND: nobody there, or no address. E_DENIED: the owner
 * refused, which is a line of the audit log. E_INVALID: unknown template, channel or class. None of
 * these wrote a message, and the caller may go on.
 */
int outbox_enqueue(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                   int64_t *id, struct errmsg *why) MUST_CHECK;
/** The same line of the audit log, for a command that was rolled back by the refusal. to is masked
 * already, or NULL. */
int outbox_record_refusal(struct ledger_tx *tx, const char *by, int64_t person_id,
                          int64_t resend_of, const char *to, const char *why) MUST_CHECK;

/** True if some gateway subscribed to this kind ("ticket.opened"): else save the rendering. */
bool outbox_wants_event(struct outbox *ob, const char *type);
/** Queue an event (data: JSON) for every gateway that subscribed to it. */
int outbox_event(struct outbox *ob, struct ledger_tx *tx, const char *type, int64_t at,
                 const char *data, int64_t ticket_id) MUST_CHECK;

/** A new message like that one, under a new key, through consent and quiet hours again. E_DENIED as
 * for outbox_enqueue(). */
int outbox_resend(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *by,
                  int64_t *new_id, struct errmsg *why) MUST_CHECK;
/** Only while queued; E_CONFLICT otherwise, with *now (may be NULL) what it is in; E_NOTFOUND. */
int outbox_cancel(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *by,
                  enum msg_state *now, struct errmsg *why) MUST_CHECK;
/** Move a message forward; an unknown key is kept. `key` or provider_id names it. */
int outbox_receipt(struct outbox *ob, struct ledger_tx *tx, const char *gateway,
                   const struct steward_receipt *r) MUST_CHECK;
/** Store an inbound text once, obey STOP and its like, call on_inbound. A repeat changes nothing.
 */
int outbox_inbound(struct outbox *ob, struct ledger_tx *tx, struct outbox_inbound *in) MUST_CHECK;

/* ---- reading ---- */

/** One message as resources.md has it. mask hides the middle of numbers and addresses. E_NOTFOUND.
 */
int outbox_json(struct db *db, int64_t id, bool mask, struct jw *w) MUST_CHECK;

struct outbox_filter {
    const char *state, *gateway, *account; /* NULL: any */
    int64_t ticket_id, person_id;          /* 0: any */
    int64_t before;                        /* cursor: ids below this; 0: from the newest */
    int limit;                             /* 1 to 500 */
    bool mask;
};
/** Writes the items (the caller opened an array), newest first; *next: the cursor, 0 at the end. */
int outbox_list(struct db *db, const struct outbox_filter *f, struct jw *w,
                int64_t *next) MUST_CHECK;

/**
 * Body of POST /messages:
 * {"channel","class","to","person_id","account","ticket","template","params",
 * "text","subject","language","not_before"}. The params array is allocated (outbox_message_clear);
 * all text belongs to body.
 */
int outbox_message_from_json(const json_t *body, struct outbox_message *out,
                             struct errmsg *why) MUST_CHECK;
/** Frees what outbox_message_from_json() allocated. */
void outbox_message_clear(struct outbox_message *m);
/**
 * POST /messages in one step, inside a ledger command: reads the body and queues the message.
 * E_INVALID with why (422), E_DENIED when the owner refused, or the store's error.
 */
int outbox_create(struct outbox *ob, struct ledger_tx *tx, const json_t *body, int64_t *id,
                  struct errmsg *why) MUST_CHECK;

/* ---- gateways: loop thread ---- */

/** What carries messages: the plugin host adapts a plugin's steward_gateway_ops to this. */
struct outbox_gateway {
    const char *name;   /* the instance's; copied */
    int concurrency;    /* most requests at once; 0: 4 */
    int64_t rate_milli; /* messages a second times 1000; 0: no limit */
    const char *const
        *events; /* subscribed kinds ("ticket.opened", "ticket.*"), NULL-terminated; copied */
    /** As in steward_gateway_ops, but each call is guarded by the host. */
    int (*prepare)(void *ctx, const struct steward_message *msg, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len);
    void (*judge)(void *ctx, const struct steward_message *msg, const struct steward_response *res,
                  struct steward_verdict *out);
    int (*hook)(void *ctx, const struct steward_hook *hook); /* may be NULL */
    bool (*verify)(void *ctx,
                   const struct steward_hook *hook); /* may be NULL: only a token proves */
    void *ctx;
};
/** E_EXISTS if the name is taken. Its waiting messages leave at once. */
int outbox_register(struct outbox *ob, const struct outbox_gateway *gw) MUST_CHECK;
/** Waiting messages stay queued; answers still under way are judged by the status alone. */
void outbox_unregister(struct outbox *ob, const char *name);

/** For /readyz, /metrics, doctor: one gateway's state. */
struct outbox_gateway_state {
    const char *name;
    bool registered; /* false: named by the configuration, no instance: its messages wait */
    int in_flight;
    uint64_t sent, retried, failed;
    int failing;        /* attempts in a row without an answer */
    int64_t held_until; /* resting after many failures; 0: not */
};
/** Walk all gateways that are configured, registered or have messages. */
void outbox_each_gateway(struct outbox *ob,
                         void (*fn)(void *ctx, const struct outbox_gateway_state *s), void *ctx);

/** Collector for metrics_add(); ctx is the outbox. */
void outbox_write_metrics(void *ctx, struct metrics_out *out);

/* ---- hooks: loop thread ---- */

/** HTTP status to answer with, after the commit; detail is for problem+json, NULL if none. */
typedef void outbox_hook_done(void *ctx, int status, const char *detail);
/**
 * POST (or GET) /hooks/{gateway}/{receipt|inbound}: the generic form, or the plugin's own.
 * authenticated: the request bore an integration token; else the gateway must vouch for it (its
 * `verify`, or its own `hook`). done is called exactly once, possibly before this returns.
 */
void outbox_hook(struct outbox *ob, const char *gateway, const struct steward_hook *hook,
                 bool authenticated, outbox_hook_done *done, void *ctx);
/** True if the instance of that name says that the request proves where it comes from (Standard
 * Webhooks: its secret signed it). For other doors than /hooks. */
bool outbox_vouches(struct outbox *ob, const char *gateway, const struct steward_hook *hook);
/** What a plugin reports by itself (also from within its hook()): stored by the next command. */
void outbox_report_receipt(struct outbox *ob, const char *gateway, const struct steward_receipt *r);
void outbox_report_inbound(struct outbox *ob, const struct outbox_inbound *in);
