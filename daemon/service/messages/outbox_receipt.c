/*
 * outbox_receipt.c - what comes back, in the ledger: receipts that move a message forward, texts
 * that owners write.
 */
#include "service/messages/outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/answer.h"
#include "domain/retry.h"
#include "store/repo_audit.h"
#include "store/repo_inbound.h"
#include "store/repo_message.h"
#include "store/repo_person.h"

#define ANSWER_WITHIN_MS (INT64_C(30) * 86400 * 1000) /* so long a text may answer one of ours */
#define KEPT_FOR_MS      (INT64_C(7) * 86400 * 1000)  /* a report waits so long for its message */
#define KEPT_MOST        1000                         /* of one gateway; the oldest go */
#define PERSONS_MAX      16 /* persons with one number whose consent one STOP changes */

/* ---- receipts ---- */

/* The message that a receipt is about. */
struct found {
    int64_t id;
    enum msg_state state;
    char gateway[65];
};

static void take_found(void *ctx, const struct message_row *row)
{
    struct found *f = ctx;
    f->id = row->id;
    f->state = row->state;
    text_copy(f->gateway, sizeof(f->gateway), row->gateway);
}

/* By our key, else by the provider's own name for it. Only messages of that gateway. */
static int find_message(struct db *db, const char *gateway, const char *key,
                        const char *provider_id, struct found *f)
{
    int rc = E_NOTFOUND;
    *f = (struct found){0};
    if (key && *key)
        rc = repo_message_by_key(db, key, gateway, take_found, f);
    if (rc == E_NOTFOUND && provider_id && *provider_id)
        rc = repo_message_by_provider(db, gateway, provider_id, take_found, f);
    return rc == E_NOTFOUND ? 0 : rc;
}

/* Anybody's keys may come here, so that there is a bound. */
static int keep(struct ledger_tx *tx, const char *gateway, const struct steward_receipt *r)
{
    struct receipt_row row = {.gateway = gateway,
                              .key = r->key,
                              .state = r->state,
                              .at = r->at ? r->at : ledger_now(tx),
                              .error = r->error,
                              .provider_id = r->provider_id,
                              .kept_at = ledger_now(tx)};
    int rc = repo_receipt_keep(ledger_db(tx), &row);
    return rc < 0 ? rc
                  : repo_receipt_sweep(ledger_db(tx), gateway, ledger_now(tx) - KEPT_FOR_MS,
                                       KEPT_MOST);
}

/* A report also tells that the message was sent, if nobody knew. */
static int move(struct outbox *ob, struct ledger_tx *tx, const struct found *f, enum msg_state to,
                const struct steward_receipt *r)
{
    int64_t at = r->at ? r->at : ledger_now(tx);
    struct message_move m = {.from = f->state,
                             .to = to,
                             .at = at,
                             .sent_at = at,
                             .error = r->error ? r->error : "reported as failed",
                             .provider_id = r->provider_id,
                             .cause = "receipt"};
    int rc = repo_message_move(ledger_db(tx), f->id, &m);
    if (rc == E_OK && to == MSG_FAILED)
        rc = outbox_fall_back(ob, tx, f->id);
    return rc < 0 ? rc : outbox_announce(ob, tx, f->id, f->gateway, 0);
}

int outbox_receipt(struct outbox *ob, struct ledger_tx *tx, const char *gateway,
                   const struct steward_receipt *r)
{
    enum msg_state to = msg_state_parse(r->state);
    struct found f;
    if (to != MSG_SENT && to != MSG_DELIVERED && to != MSG_FAILED)
        return ledger_refuse(tx, E_INVALID, "state: expected sent, delivered or failed");
    if (!(r->key && *r->key) && !(r->provider_id && *r->provider_id))
        return ledger_refuse(tx, E_INVALID, "key: a receipt names a message");
    int rc = find_message(ledger_db(tx), gateway, r->key, r->provider_id, &f);
    if (rc < 0)
        return rc;
    if (!f.id)
        return keep(tx, gateway, r);
    return msg_may_move(f.state, to) ? move(ob, tx, &f, to, r) : 0;
}

/* Reports that came before their message was known by that name. */
#define KEPT_MAX 16

struct kept {
    int64_t id, at;
    char state[16], error[256], provider_id[128];
};

struct kept_list {
    struct kept items[KEPT_MAX];
    int n;
};

static void take_kept(void *ctx, const struct receipt_row *row)
{
    struct kept_list *list = ctx;
    struct kept *k = &list->items[list->n++];
    k->id = row->id;
    k->at = row->at;
    text_copy(k->state, sizeof(k->state), row->state);
    text_copy(k->error, sizeof(k->error), row->error ? row->error : "");
    text_copy(k->provider_id, sizeof(k->provider_id), row->provider_id ? row->provider_id : "");
}

int outbox_match_kept(struct outbox *ob, struct ledger_tx *tx, const char *gateway, const char *key,
                      const char *provider_id)
{
    struct kept_list list = {.n = 0};
    struct db *db = ledger_db(tx);
    int rc = repo_receipt_of(db, gateway, key, provider_id, KEPT_MAX, take_kept, &list);
    for (int i = 0; i < list.n && rc == E_OK; i++) {
        const struct kept *k = &list.items[i];
        struct steward_receipt r = {.struct_size = sizeof(r),
                                    .key = key,
                                    .state = k->state,
                                    .at = k->at,
                                    .error = *k->error ? k->error : NULL,
                                    .provider_id = *k->provider_id ? k->provider_id : NULL};
        rc = outbox_receipt(ob, tx, gateway, &r);
        if (rc == E_OK)
            rc = repo_receipt_drop(db, k->id);
    }
    return rc;
}

/* ---- inbound texts ---- */

/* The message of ours that a text answers. */
struct answered {
    int64_t id, ticket_id, person_id, at;
    bool named, question;
    char message_class[24];
    char *text;
};

static void take_answered(void *ctx, const struct message_row *row)
{
    struct answered *a = ctx;
    a->id = row->id;
    a->ticket_id = row->ticket_id;
    a->person_id = row->person_id;
    a->at = row->queued_at;
    a->question = message_is_question(row->template_name);
    text_copy(a->message_class, sizeof(a->message_class), row->message_class);
    a->text = xstrdup(row->text);
}

static int find_answered(struct ledger_tx *tx, const struct outbox_inbound *in, const char *from,
                         struct answered *a)
{
    struct db *db = ledger_db(tx);
    int rc = E_NOTFOUND;
    if (in->reply_to_key && *in->reply_to_key)
        rc = repo_message_by_key(db, in->reply_to_key, NULL, take_answered, a);
    a->named = rc == E_OK;
    if (rc == E_NOTFOUND)
        rc = repo_message_last_to(db, from, ledger_now(tx) - ANSWER_WITHIN_MS, take_answered, a);
    return rc == E_NOTFOUND ? 0 : rc;
}

static int store_inbound(struct ledger_tx *tx, const struct outbox_inbound *in, const char *from,
                         int64_t *id)
{
    struct inbound_row row = {.gateway = in->gateway,
                              .provider_id = in->id,
                              .sender = from,
                              .recipient = in->to,
                              .text = in->text,
                              .at = in->at ? in->at : ledger_now(tx),
                              .reply_to_key = in->reply_to_key};
    return repo_inbound_add(ledger_db(tx), &row, id);
}

static void person_changed(void *ctx, void *arg)
{
    struct outbox *ob = ctx;
    if (ob->opts.person_changed)
        ob->opts.person_changed(ob->opts.ctx, *(int64_t *)arg);
}

static int set_consent(struct outbox *ob, struct ledger_tx *tx, int64_t person,
                       enum person_consent what, bool given)
{
    char data[64], object[32];
    struct db *db = ledger_db(tx);
    snprintf(data, sizeof(data), "{\"%s\":%s}", person_consent_names[what],
             given ? "true" : "false");
    snprintf(object, sizeof(object), "person %lld", (long long)person);
    int rc = repo_person_set_consent(db, person, what, given, ledger_now(tx));
    if (rc == E_OK)
        rc = repo_audit_add(db, ledger_now(tx), "owner", "consent", object, data);
    if (rc < 0)
        return rc;
    int64_t *arg = xmalloc(sizeof(*arg));
    *arg = person;
    ledger_effect(tx, person_changed, ob, arg, free);
    return 0;
}

/* STOP in answer to a marketing message takes back marketing, otherwise the channel: of everybody
 * who has the address, and of the address itself, which may be nobody's. */
static int obey(struct outbox *ob, struct ledger_tx *tx, enum consent_word word,
                const struct answered *a, const char *from, const int64_t *persons, int n)
{
    bool given = word == CONSENT_START;
    bool marketing = !given && a->id && strcmp(a->message_class, "marketing") == 0;
    enum person_consent channel = strchr(from, '@') ? CONSENT_EMAIL : CONSENT_SMS;
    enum person_consent what = marketing ? CONSENT_MARKETING : channel;
    int rc = repo_opt_out_set(ledger_db(tx), from, what, given, ledger_now(tx));
    for (int i = 0; i < n && rc == E_OK; i++)
        rc = set_consent(ob, tx, persons[i], what, given);
    if (rc == E_OK && n == 0)
        rc = repo_audit_add(ledger_db(tx), ledger_now(tx), "owner", "consent", NULL,
                            given ? "{\"address\":\"unknown\",\"given\":true}"
                                  : "{\"address\":\"unknown\",\"given\":false}");
    return rc;
}

/* As the registry spells it. A '+' that a gateway left unescaped arrives as a blank. */
static void normal_sender(struct outbox *ob, const char *from, char *out, size_t cap)
{
    struct number n;
    from += strspn(from, " ");
    text_copy(out, cap, from);
    if (strchr(from, '@'))
        return;
    number_normalise(&ob->rules->numbers, from, &n);
    if (n.kind == NUMBER_E164)
        text_copy(out, cap, n.value);
}

int outbox_inbound(struct outbox *ob, struct ledger_tx *tx, struct outbox_inbound *in)
{
    struct answered a = {0};
    int64_t row, persons[PERSONS_MAX];
    char from[256], own[ANSWER_OWN_MAX];
    int n = 0;
    if (!in->id || !*in->id || !in->from || !*in->from || !in->text)
        return ledger_refuse(tx, E_INVALID, "an inbound text needs id, from and text");
    normal_sender(ob, in->from, from, sizeof(from));
    int rc = store_inbound(tx, in, from, &row);
    if (rc < 0 || !row)
        return rc;
    rc = find_answered(tx, in, from, &a);
    if (rc == E_OK)
        rc = repo_person_with_address(ledger_db(tx), from, persons, PERSONS_MAX, &n);
    in->person_id = n == 1 ? persons[0] : a.person_id;
    in->ticket_id = a.ticket_id;
    in->message_id = a.id;
    in->message_at = a.at;
    in->named = a.named;
    in->question = a.question ? a.text : NULL;
    in->from = from;
    bool marketing = a.id && strcmp(a.message_class, "marketing") == 0;
    answer_own(in->text, own);
    enum consent_word word = consent_word(own, marketing ? a.text : NULL);
    in->opted_out = word != CONSENT_NONE;
    in->became = word == CONSENT_STOP ? "opted_out" : word == CONSENT_START ? "opted_in" : "kept";
    if (rc == E_OK && word != CONSENT_NONE)
        rc = obey(ob, tx, word, &a, from, persons, n);
    if (rc == E_OK && ob->opts.on_inbound)
        rc = ob->opts.on_inbound(ob->opts.ctx, tx, in);
    if (rc == E_OK)
        rc = repo_inbound_link(ledger_db(tx), row, in->person_id, in->ticket_id, in->became);
    free(a.text);
    return rc;
}
