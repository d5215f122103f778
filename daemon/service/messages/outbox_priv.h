/*
 * outbox_priv.h - what the files of the outbox share.
 *
 *   outbox.c          life, gateways, when to hand out
 *   outbox_send.c     due rows -> prepare -> sender -> judge -> outcome
 *   outbox_enqueue.c  new rows: recipient, consent, quiet hours
 *   outbox_text.c     templates and their fields
 *   outbox_receipt.c  receipts and inbound texts, in the ledger
 *   outbox_hook.c     receipts and inbound texts, as they arrive
 *   outbox_json.c     rows as JSON, lists, POST bodies
 */
#pragma once
#include <pthread.h>
#include "base/log.h"
#include "domain/consent.h"
#include "domain/lang.h"
#include "domain/number.h"
#include "domain/quiet.h"
#include "domain/site.h"
#include "domain/template.h"
#include "service/messages/outbox.h"
#include "spine/sender.h"
#include "store/repo_consent.h"

#define OUTBOX_NEVER INT64_MAX
#define REST_AFTER   5     /* attempts in a row without an answer, then a gateway rests */
#define REST_MAX_MS  60000 /* … for so long at most */

/**
 * The site's rules for messages. The pointer in struct outbox is the ledger thread's: a reload
 * swaps it inside a command, so that no command sees half of each.
 */
struct outbox_rules {
    struct site *site;
    struct template_set *templates;
    struct quiet_hours quiet;
    struct number_rules numbers;
};

/** The rules of one configuration (site and templates), shared by reference; free sets *r to NULL.
 */
struct outbox_rules *outbox_rules_new(struct site *site, struct errmsg *why);
void outbox_rules_free(struct outbox_rules **r);

/** One gateway by name, registered or not; lives as long as the outbox. Loop thread. */
struct gateway {
    struct gateway *next;
    struct outbox *ob;
    char name[65];
    bool registered, claiming;
    struct outbox_gateway ops;
    int64_t due_at;         /* nearest due moment known; OUTBOX_NEVER: none */
    int64_t woken_at;       /* the same, of wakes while a claim is under way */
    int64_t tokens, refill; /* rate: thousandths of a message, and when they were counted */
    struct outbox_gateway_state state;
    struct complaint unregistered, down;
};

struct subscription {
    struct subscription *next;
    char gateway[65];
    char **events; /* NULL-terminated */
};

/** Receipts and inbound texts on their way to the ledger. */
struct report_batch;

struct outbox {
    struct outbox_opts opts;
    struct log_ctx log;
    struct complaint unstored, refused; /* outcomes; reports */
    struct outbox_rules *rules;         /* see above */
    struct gateway *gateways;
    struct loop_timer *timer;
    struct sender *sender;
    bool started, stopping;
    struct report_batch *collecting; /* within a plugin's hook() */
    pthread_mutex_t lock;            /* of subscriptions: the ledger reads them */
    struct subscription *subscriptions;
};

/* outbox.c */
struct gateway *outbox_gateway_get(struct outbox *ob, const char *name);
/** A message of this gateway is due at `at`. */
void outbox_wake(struct outbox *ob, const char *gateway, int64_t at);
/** Hand out what is due and arm the timer. */
void outbox_pump(struct outbox *ob);
/** The gateway that carries a channel; never NULL. */
const char *outbox_gateway_of(const struct outbox_rules *r, const char *channel);
/** How long a message may be tried before it is `expired`. */
int64_t outbox_life_ms(const struct outbox_rules *r);
/** "T-000123", or "" for 0. */
const char *outbox_ticket_text(int64_t id, char out[24]);

/* outbox_send.c */
/** Claim up to n due rows of g and send them. */
void outbox_claim(struct gateway *g, int n);

/* outbox_json.c */
/** After the commit: publish the message on the hub, and wake its gateway at next_at (0: no). */
int outbox_announce(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *gateway,
                    int64_t next_at) MUST_CHECK;

/* outbox_enqueue.c */
/** A message that failed or expired, by another channel if the site wants that. */
int outbox_fall_back(struct outbox *ob, struct ledger_tx *tx, int64_t id) MUST_CHECK;
/** What those whom an address reaches allow. */
struct consent outbox_consent(const struct consent_reach *r);
/** One line in the audit log about a message. data: one JSON object or NULL. */
int outbox_audit(struct ledger_tx *tx, const char *by, const char *what, int64_t id,
                 const char *data) MUST_CHECK;

/* outbox_text.c */
struct outbox_rendered {
    char *text, *subject, *params, *provider_template, *channel; /* owned; channel NULL: any */
};
/** Text of a message for a recipient called `name`. E_INVALID: no such template. */
int outbox_render(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                  enum lang lang, const char *name, struct outbox_rendered *out,
                  struct errmsg *why) MUST_CHECK;
void outbox_rendered_free(struct outbox_rendered *r);

/* outbox_receipt.c */
/** Kept receipts of this message are applied now. */
int outbox_match_kept(struct outbox *ob, struct ledger_tx *tx, const char *gateway, const char *key,
                      const char *provider_id) MUST_CHECK;
