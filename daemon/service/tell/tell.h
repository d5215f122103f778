/*
 * tell.h - whom a promise concerns, and how they hear of it.
 *
 * The room resolves the words of `tell` (responder, supervisor, on_shift, …) to accounts at the
 * moment of telling, writes messages to them, raises alerts, shows changes at desks after the
 * commit, and queues events for gateways that asked. Whatever is told is part of the command's
 * transaction: rolled back, nobody hears of it. It knows neither tickets nor calls; it needs
 * messages/, staff/ and the spine.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/conf.h"
#include "base/json.h"
#include "domain/site.h"
#include "service/messages/outbox.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "store/repo_ticket.h"

struct tell;

struct tell_opts {
    const struct site *site; /* the present configuration; see tell_set_site() */
    struct hub *hub;         /* desks and monitors; NULL in tests: nobody listens */
    struct outbox *outbox;   /* takes messages; NULL in tests: none is written */
};

/** Starts nothing by itself. Free it after ledger_free(): commands and effects refer to it. */
struct tell *tell_new(const struct tell_opts *opts);
void tell_free(struct tell **t);
/** Use another configuration from now on. Inside a ledger command, so that none sees half of each.
 */
void tell_set_site(struct tell *t, const struct site *site);

/* ---- whom, and by message ---- */

#define TOLD_MAX         64
#define TELL_DEPARTMENTS 8
/** Who was told, and by which messages. */
struct told {
    char names[TOLD_MAX][NAME_MAX_TEXT];
    size_t n;
    int64_t messages[TOLD_MAX * 2];
    size_t messages_n;
};
void told_json(const struct told *told, struct jw *w);

/** Whom roles are resolved against; texts may be NULL. */
struct tell_scope {
    struct tell *tell;
    struct ledger_tx *tx;
    const char *responder;
    const char *departments[TELL_DEPARTMENTS]; /* whose heads are meant; NULL: no more */
    int64_t unit_id;
    const char *except; /* never told: the employee whom a complaint is about */
};
/** A word beside those of the configuration: everybody of the departments. */
#define TELL_DEPARTMENT_PEOPLE "department's people"
/** The accounts behind role words and account names, each once, in order. */
int tell_resolve(const struct tell_scope *scope, const struct conf_texts *words,
                 struct told *out) MUST_CHECK;
struct tell_message {
    const char *template_name;
    int64_t ticket_id;
    const struct outbox_param *params;
    size_t n_params;
    const struct conf_texts *by; /* NULL or empty: as the account has */
};
/** Messages to everybody in `told`; those without an address are told at the desk alone. Where `by`
 * leaves the desk out, whom its channels do not reach is told by another; whom none reaches leaves
 * `told`, with an alert. */
int tell_send(struct tell *t, struct ledger_tx *tx, const struct tell_message *m,
              struct told *told) MUST_CHECK;

/** What outbox_enqueue() refused with rc: 0 where the recipient has no address or no consent; a
 * message that could not be made is an alert, too. Other codes as they are. */
int tell_not_sent(struct tell *t, struct ledger_tx *tx, int rc, int64_t ticket_id,
                  const struct errmsg *why) MUST_CHECK;
/* ---- alerts ---- */

/** An alert row, and everybody at a desk hears of it after the commit. */
int tell_alert(struct tell *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
               const char *text) MUST_CHECK;

/** {"id","at","kind","text","data","acked_at"} of each (the caller opened an array), newest first,
 * ids below `before` (0: all); open: only what nobody acknowledged. *next: the cursor, 0 at the
 * end. */
int tell_alerts(struct db *db, bool open, int64_t before, int limit, struct jw *w,
                int64_t *next) MUST_CHECK;
/** Somebody has seen it, which the audit log keeps; writes it as above. Twice does no harm.
 * E_NOTFOUND. */
int tell_alert_ack(struct ledger_tx *tx, int64_t id, const char *by, struct jw *w) MUST_CHECK;

/** The same for what may befall thousands at once: of one kind and minute the desks hear of the
 * first fifty. kind is a literal, of at most four that this is called with. */
int tell_alert_some(struct tell *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
                    const char *text) MUST_CHECK;

/* ---- desks and gateways, after the commit ---- */

/** True if anybody could see what tell_publish() shows: else rendering it is not worth while. */
bool tell_has_desks(const struct tell *t);
/** Something that is shown: JSON of one kind, to whom, and what it is about (hub.h). */
struct tell_notice {
    enum hub_kind kind;
    char *json;               /* taken over, also when nobody listens */
    const char *const *users; /* NULL-terminated; copied. NULL: nobody in particular */
    const char *department;   /* its people; may be NULL */
    bool all_staff;
    int64_t ticket_id, person_id, incident_id;
    uint64_t topic;
};
/** Shown after the commit. */
void tell_publish(struct tell *t, struct ledger_tx *tx, const struct tell_notice *n);
/** True if a gateway asked for this kind of event ("call.cleared"). */
bool tell_event_wanted(struct tell *t, const char *type);
/** Queue an event (data: JSON) for whoever asked for it, on behalf of what is not a ticket. */
int tell_event(struct tell *t, struct ledger_tx *tx, const char *type, int64_t at, const char *data,
               int64_t ticket_id) MUST_CHECK;
