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
#include "domain/retry.h"

#define ANSWER_WITHIN_MS                                                                           \
    (INT64_C(30) * 86400 * 1000) /* how long a text may be an answer to ours                       \
                                  */
#define PERSONS_MAX 16           /* persons with one number whose consent one STOP changes */

/* ---- receipts ---- */

struct found {
    int64_t id;
    enum msg_state state;
    char gateway[65];
};

static int find(struct db *db, const char *sql, const char *name, const char *gateway,
                struct found *f)
{
    struct db_q *q = db_query(db, sql);
    db_bind_text(q, 1, name);
    db_bind_text(q, 2, gateway);
    if (db_row(q)) {
        f->id = db_int(q, 0);
        f->state = msg_state_parse(db_str(q, 1));
        text_copy(f->gateway, sizeof(f->gateway), db_str(q, 2));
    }
    return db_end(q);
}

/* By our key, else by the provider's own name for it. Only messages of that gateway. */
static int find_message(struct db *db, const char *gateway, const char *key,
                        const char *provider_id, struct found *f)
{
    static const char by_key[] =
        "SELECT id, state, gateway FROM message WHERE key = $1 AND gateway = $2";
    static const char by_provider[] =
        "SELECT id, state, gateway FROM message WHERE provider_id = $1 AND gateway = $2";
    int rc = 0;
    *f = (struct found){0};
    if (key && *key)
        rc = find(db, by_key, key, gateway, f);
    if (rc == E_OK && !f->id && provider_id && *provider_id)
        rc = find(db, by_provider, provider_id, gateway, f);
    return rc;
}

static int keep(struct ledger_tx *tx, const char *gateway, const struct steward_receipt *r)
{
    static const char sql[] =
        "INSERT INTO receipt (gateway, key, state, at, error, provider_id, kept_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_text(q, 1, gateway);
    db_bind_text(q, 2, r->key ? r->key : "");
    db_bind_text(q, 3, r->state);
    db_bind_int(q, 4, r->at ? r->at : ledger_now(tx));
    db_bind_text(q, 5, r->error);
    db_bind_text(q, 6, r->provider_id);
    db_bind_int(q, 7, ledger_now(tx));
    return db_run(q);
}

static int move(struct outbox *ob, struct ledger_tx *tx, const struct found *f, enum msg_state to,
                const struct steward_receipt *r)
{
    static const char sql[] =
        "UPDATE message SET state = $2, next_at = NULL, done = 1, sent_at = coalesce(sent_at, $3), "
        "delivered_at = CASE WHEN $2 = 'delivered' THEN $3 ELSE delivered_at END, "
        "failed_at = CASE WHEN $2 = 'failed' THEN $3 ELSE failed_at END, error = $4, "
        "provider_id = coalesce(provider_id, $5) WHERE id = $1";
    int64_t at = r->at ? r->at : ledger_now(tx);
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_int(q, 1, f->id);
    db_bind_text(q, 2, msg_state_name(to));
    db_bind_int(q, 3, at);
    db_bind_text(q, 4, to == MSG_FAILED ? (r->error ? r->error : "reported as failed") : NULL);
    db_bind_text(q, 5, r->provider_id);
    int rc = db_run(q);
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

struct kept {
    int64_t id, at;
    char state[16], error[256], provider_id[128];
};

static int read_kept(struct db *db, const char *gateway, const char *key, const char *provider_id,
                     struct kept *out, int max, int *n)
{
    static const char sql[] =
        "SELECT id, at, state, error, provider_id FROM receipt "
        "WHERE gateway = $1 AND (key = $2 OR provider_id = $3) ORDER BY id LIMIT $4";
    struct db_q *q = db_query(db, sql);
    db_bind_text(q, 1, gateway);
    db_bind_text(q, 2, key);
    db_bind_text(q, 3, provider_id);
    db_bind_int(q, 4, max);
    for (*n = 0; db_row(q); (*n)++) {
        struct kept *k = &out[*n];
        k->id = db_int(q, 0);
        k->at = db_int(q, 1);
        text_copy(k->state, sizeof(k->state), db_str(q, 2));
        text_copy(k->error, sizeof(k->error), db_str(q, 3));
        text_copy(k->provider_id, sizeof(k->provider_id), db_str(q, 4));
    }
    return db_end(q);
}

int outbox_match_kept(struct outbox *ob, struct ledger_tx *tx, const char *gateway, const char *key,
                      const char *provider_id)
{
    struct kept kept[16];
    int n, rc = read_kept(ledger_db(tx), gateway, key, provider_id, kept, (int)ARRAY_LEN(kept), &n);
    for (int i = 0; i < n && rc == E_OK; i++) {
        struct steward_receipt r = {.struct_size = sizeof(r),
                                    .key = key,
                                    .state = kept[i].state,
                                    .at = kept[i].at,
                                    .error = *kept[i].error ? kept[i].error : NULL,
                                    .provider_id =
                                        *kept[i].provider_id ? kept[i].provider_id : NULL};
        rc = outbox_receipt(ob, tx, gateway, &r);
        if (rc < 0)
            break;
        struct db_q *q = db_query(ledger_db(tx), "DELETE FROM receipt WHERE id = $1");
        db_bind_int(q, 1, kept[i].id);
        rc = db_run(q);
    }
    return rc;
}

/* ---- inbound texts ---- */

/* The message of ours that a text answers. */
struct answered {
    int64_t id, ticket_id, person_id;
    char message_class[24];
    char *text;
};

static int read_answered(struct db_q *q, struct answered *a)
{
    if (db_row(q)) {
        a->id = db_int(q, 0);
        a->ticket_id = db_int(q, 1);
        a->person_id = db_int(q, 2);
        text_copy(a->message_class, sizeof(a->message_class), db_str(q, 3));
        a->text = xstrdup(db_str(q, 4));
    }
    return db_end(q);
}

static int find_answered(struct ledger_tx *tx, const struct outbox_inbound *in, const char *from,
                         struct answered *a)
{
    static const char by_key[] =
        "SELECT id, ticket_id, person_id, class, text FROM message WHERE key = $1";
    static const char by_recipient[] = "SELECT id, ticket_id, person_id, class, text FROM message "
                                       "WHERE recipient = $1 AND sent_at >= $2 "
                                       "ORDER BY id DESC LIMIT 1";
    struct db_q *q;
    int rc = 0;
    if (in->reply_to_key && *in->reply_to_key) {
        q = db_query(ledger_db(tx), by_key);
        db_bind_text(q, 1, in->reply_to_key);
        rc = read_answered(q, a);
    }
    if (rc < 0 || a->id)
        return rc;
    q = db_query(ledger_db(tx), by_recipient);
    db_bind_text(q, 1, from);
    db_bind_int(q, 2, ledger_now(tx) - ANSWER_WITHIN_MS);
    return read_answered(q, a);
}

static int find_persons(struct db *db, const char *from, int64_t *ids, int *n)
{
    static const char by_phone[] = "SELECT DISTINCT person_id FROM phone WHERE e164 = $1 LIMIT $2";
    static const char by_email[] =
        "SELECT DISTINCT person_id FROM email WHERE address = $1 LIMIT $2";
    struct db_q *q = db_query(db, strchr(from, '@') ? by_email : by_phone);
    db_bind_text(q, 1, from);
    db_bind_int(q, 2, PERSONS_MAX);
    for (*n = 0; db_row(q) && *n < PERSONS_MAX; (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

static int store_inbound(struct ledger_tx *tx, const struct outbox_inbound *in, const char *from,
                         int64_t *row)
{
    static const char sql[] =
        "INSERT INTO inbound (gateway, provider_id, sender, recipient, text, at, reply_to_key) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (gateway, provider_id) DO NOTHING";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_text(q, 1, in->gateway);
    db_bind_text(q, 2, in->id);
    db_bind_text(q, 3, from);
    db_bind_text(q, 4, in->to);
    db_bind_text(q, 5, in->text);
    db_bind_int(q, 6, in->at ? in->at : ledger_now(tx));
    db_bind_text(q, 7, in->reply_to_key);
    return db_insert(q, row);
}

static int link_inbound(struct ledger_tx *tx, int64_t row, const struct outbox_inbound *in)
{
    struct db_q *q =
        db_query(ledger_db(tx), "UPDATE inbound SET person_id = $2, ticket_id = $3 WHERE id = $1");
    db_bind_int(q, 1, row);
    db_bind_opt(q, 2, in->person_id);
    db_bind_opt(q, 3, in->ticket_id);
    return db_run(q);
}

static void person_changed(void *ctx, void *arg)
{
    struct outbox *ob = ctx;
    if (ob->opts.person_changed)
        ob->opts.person_changed(ob->opts.ctx, *(int64_t *)arg);
}

static int set_consent(struct outbox *ob, struct ledger_tx *tx, int64_t person, const char *what,
                       bool given)
{
    static const struct {
        const char *name, *sql;
    } columns[] = {
        {"sms", "UPDATE person SET consent_sms = $2, version = version + 1, updated_at = $3 WHERE "
                "id = $1"},
        {"email", "UPDATE person SET consent_email = $2, version = version + 1, updated_at = $3 "
                  "WHERE id = $1"},
        {"marketing", "UPDATE person SET consent_marketing = $2, version = version + 1, updated_at "
                      "= $3 WHERE id = $1"},
    };
    char data[64];
    int rc = E_INVALID;

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (strcmp(columns[i].name, what) != 0)
            continue;
        struct db_q *q = db_query(ledger_db(tx), columns[i].sql);
        db_bind_int(q, 1, person);
        db_bind_int(q, 2, given);
        db_bind_int(q, 3, ledger_now(tx));
        rc = db_run(q);
    }
    snprintf(data, sizeof(data), "{\"%s\":%s}", what, given ? "true" : "false");
    if (rc == E_OK)
        rc = outbox_audit(tx, "owner", "consent", "person", person, data);
    if (rc < 0)
        return rc;
    int64_t *arg = xmalloc(sizeof(*arg));
    *arg = person;
    ledger_effect(tx, person_changed, ob, arg, free);
    return 0;
}

/* STOP in answer to a marketing message takes back marketing, otherwise the channel. */
static int obey(struct outbox *ob, struct ledger_tx *tx, enum consent_word word,
                const struct answered *a, const char *from, const int64_t *persons, int n)
{
    bool marketing = a->id && strcmp(a->message_class, "marketing") == 0;
    const char *channel = strchr(from, '@') ? "email" : "sms";
    int rc = 0;
    for (int i = 0; i < n && rc == E_OK; i++)
        rc = set_consent(ob, tx, persons[i],
                         word == CONSENT_STOP && marketing ? "marketing" : channel,
                         word == CONSENT_START);
    return rc;
}

static void normal_sender(struct outbox *ob, const char *from, char *out, size_t cap)
{
    struct number n;
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
    char from[256];
    int n = 0;
    if (!in->id || !*in->id || !in->from || !*in->from || !in->text)
        return ledger_refuse(tx, E_INVALID, "an inbound text needs id, from and text");
    normal_sender(ob, in->from, from, sizeof(from));
    int rc = store_inbound(tx, in, from, &row);
    if (rc < 0 || !row)
        return rc;
    rc = find_answered(tx, in, from, &a);
    if (rc == E_OK)
        rc = find_persons(ledger_db(tx), from, persons, &n);
    in->person_id = n == 1 ? persons[0] : a.person_id;
    in->ticket_id = a.ticket_id;
    in->from = from;
    bool marketing = a.id && strcmp(a.message_class, "marketing") == 0;
    enum consent_word word = consent_word(in->text, marketing ? a.text : NULL);
    in->opted_out = word == CONSENT_STOP;
    if (rc == E_OK && word != CONSENT_NONE)
        rc = obey(ob, tx, word, &a, from, persons, n);
    if (rc == E_OK)
        rc = link_inbound(tx, row, in);
    if (rc == E_OK && ob->opts.on_inbound)
        rc = ob->opts.on_inbound(ob->opts.ctx, tx, in);
    free(a.text);
    return rc;
}
