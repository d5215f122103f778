/*
 * repo_erase.c - what is said of a person, and of their tickets, is emptied (repo_erase.h).
 */
#include "store/repo_erase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/match.h"
#include "store/repo_callback.h"
#include "store/repo_message.h"
#include "store/repo_person.h"

/* ---- the list ---- */

#define NONE(table, column)                                                                        \
    {                                                                                              \
        table, column, ERASE_NONE                                                                  \
    }

const struct erase_column erase_columns[] = {
    {"person", "name", ERASE_NAMED},
    {"person", "key", ERASE_NAMED},
    {"person", "language", ERASE_NAMED},
    {"person", "segment", ERASE_NAMED},
    {"person", "flags", ERASE_NAMED},
    {"person", "tier", ERASE_NAMED},
    {"phone", "e164", ERASE_NAMED},
    {"phone", "label", ERASE_NAMED},
    {"phone", "raw", ERASE_NAMED},
    {"phone", "rev", ERASE_NAMED},
    {"email", "address", ERASE_NAMED},
    {"tenure", "role", ERASE_NAMED},
    {"vehicle", "plate", ERASE_NAMED},
    {"vehicle", "space", ERASE_NAMED},
    {"card", "name", ERASE_NAMED},
    {"card", "unit", ERASE_NAMED},
    {"card", "places", ERASE_NAMED},
    {"card", "head", ERASE_NAMED},
    {"card", "body", ERASE_NAMED},
    {"card", "consent", ERASE_NAMED},
    {"card", "tail", ERASE_NAMED},
    {"call", "party", ERASE_NUMBER},
    {"call", "calling", ERASE_NUMBER},
    {"call", "calling_raw", ERASE_NUMBER},
    {"call", "called", ERASE_NUMBER},
    {"call", "device", ERASE_NUMBER},
    {"call", "offered_json", ERASE_NUMBER},
    {"call", "transfers_json", ERASE_NUMBER},
    {"callback", "number", ERASE_NUMBER},
    {"callback", "outcome", ERASE_NAMED},
    {"callback", "note", ERASE_NUMBER},
    {"ticket", "subject", ERASE_TICKET},
    {"ticket", "caller", ERASE_TICKET},
    {"ticket", "close_reason", ERASE_TICKET},
    {"ticket_event", "data", ERASE_TICKET},
    {"ticket_event", "salt", ERASE_TICKET},
    {"dispatch", "note", ERASE_TICKET},
    {"dispatch", "report", ERASE_TICKET},
    {"survey", "note", ERASE_NAMED},
    {"incident", "subject", ERASE_NUMBER},
    {"incident", "words", ERASE_NUMBER},
    {"incident", "reason", ERASE_NUMBER},
    {"message", "recipient", ERASE_NUMBER},
    {"message", "subject", ERASE_NUMBER},
    {"message", "text", ERASE_NUMBER},
    {"message", "params_json", ERASE_NUMBER},
    {"message", "event_json", ERASE_NUMBER},
    {"message", "error", ERASE_NUMBER},
    {"receipt", "error", ERASE_NUMBER},
    {"inbound", "sender", ERASE_NUMBER},
    {"inbound", "text", ERASE_NUMBER},
    {"audit", "object", ERASE_NUMBER},
    {"audit", "data_json", ERASE_NUMBER},
    {"alert", "text", ERASE_NUMBER},
    {"alert", "data_json", ERASE_NUMBER},
    /* words of ours, names of places, staff and machines, digests */
    NONE("estate", "name"),
    NONE("building", "name"),
    NONE("building", "steward"),
    NONE("unit", "name"),
    NONE("account", "name"),
    NONE("account", "kind"),
    NONE("account", "role"),
    NONE("account", "display"),
    NONE("account", "department"),
    NONE("account", "phone"),
    NONE("account", "email"),
    NONE("account", "language"),
    NONE("account", "password"),
    NONE("account", "home_device"),
    NONE("token", "digest"),
    NONE("token", "purpose"),
    NONE("signon", "device"),
    NONE("shift", "account"),
    NONE("shift", "kind"),
    NONE("source", "name"),
    NONE("call", "call"), /* the PBX's name for it */
    NONE("call", "direction"),
    NONE("call", "state"),
    NONE("call", "disposition"),
    NONE("call", "queue"),
    NONE("call", "agent"),
    NONE("call", "match"),
    NONE("call", "hung_up_by"),
    NONE("call", "live_json"), /* NULL once the call has ended */
    NONE("device_state", "device"),
    NONE("device_state", "state"),
    NONE("device_state", "reason"),
    NONE("callback", "reason"),
    NONE("callback", "state"),
    NONE("callback", "calls_json"), /* ids */
    NONE("callback", "claimed_by"),
    NONE("policy_version", "name"),
    NONE("policy_version", "json"),
    NONE("ticket", "state"),
    NONE("ticket", "kind"),
    NONE("ticket", "category"),
    NONE("ticket", "calls_json"), /* ids */
    NONE("ticket", "channel"),
    NONE("ticket", "responder"),
    NONE("ticket", "about"),
    NONE("ticket", "close_kind"),
    NONE("ticket", "handover_json"), /* accounts */
    NONE("ticket", "last_hash"),
    NONE("ticket_event", "by"),
    NONE("ticket_event", "kind"),
    NONE("ticket_event", "digest"),
    NONE("ticket_event", "hash"),
    NONE("dispatch", "department"),
    NONE("dispatch", "assignee"),
    NONE("dispatch", "state"),
    NONE("dispatch", "accepted_by"),
    NONE("clock", "name"),
    NONE("clock", "state"),
    NONE("clock", "calendar"),
    NONE("clock", "span"),
    NONE("clock", "paused_reason"), /* a word of the policy */
    NONE("clock", "fired"),
    NONE("clock_segment", "calendar"),
    NONE("clock_segment", "reason"),
    NONE("incident", "state"),
    NONE("incident", "category"),
    NONE("incident", "scope_json"),
    NONE("incident", "opened_by"),
    NONE("incident", "group_key"),
    NONE("incident", "riser"),
    NONE("incident", "resolved_by"),
    NONE("incident_step", "clock"),
    NONE("message", "key"),
    NONE("message", "channel"),
    NONE("message", "class"),
    NONE("message", "gateway"),
    NONE("message", "account"),
    NONE("message", "template"),
    NONE("message", "provider_template"),
    NONE("message", "language"),
    NONE("message", "state"),
    NONE("message", "provider_id"),
    NONE("message", "event_type"),
    NONE("receipt", "gateway"),
    NONE("receipt", "key"),
    NONE("receipt", "state"),
    NONE("receipt", "provider_id"),
    NONE("inbound", "gateway"),
    NONE("inbound", "provider_id"),
    NONE("inbound", "recipient"), /* our own number */
    NONE("inbound", "reply_to_key"),
    NONE("inbound", "became"),
    NONE("idempotency", "account"),
    NONE("idempotency", "route"),
    NONE("idempotency", "key"),
    NONE("idempotency", "digest"),
    NONE("idempotency", "body"), /* sealed with the asker's key, gone after a week */
    NONE("audit", "by"),
    NONE("audit", "what"),
    NONE("alert", "kind"),
    NONE("opt_out", "digest"), /* a refusal outlives its person */
    NONE("opt_out", "consent"),
    NONE("report_sent", "kind"),
    NONE("survey", "purpose"),
    NONE("survey", "channel"),
    NONE("survey", "state"),
    NONE("survey", "via"),
    NONE("survey", "by"),
    NONE("migration", "name"),
    NONE("migration", "checksum"),
    {NULL, NULL, ERASE_NONE},
};

/* ---- the statements ---- */

/* What $1 is. */
enum whose {
    OF_PERSON,  /* the id */
    OF_ADDRESS, /* a number or e-mail address of the person alone */
    OF_TEXT,    /* '%digits%' of a number of the person alone, or '%address%' */
    OF_TICKET,  /* its id */
};

struct statement {
    enum whose whose;
    /* $2 is the moment; it names messages to be called off, callbacks that are over */
    enum { PLAIN, DATED, CALL_OFF, SUPERSEDE } kind;
    const char *sql;
};

#define QUEUED "SELECT id FROM message WHERE done=0 AND state='queued' AND "
#define EMPTY_MESSAGE                                                                              \
    "UPDATE message SET recipient='',subject=NULL,text='',params_json='{}',"                       \
    "event_json=CASE WHEN event_json IS NULL THEN NULL ELSE '{}' END,error=NULL WHERE done=1 AND "
#define EMPTY_CALL                                                                                 \
    "UPDATE call SET party=NULL,calling=NULL,calling_raw=NULL,person_id=NULL,transfers_json='[]'," \
    "called=CASE WHEN direction='outbound' THEN NULL ELSE called END,"                             \
    "device=CASE WHEN direction='outbound' THEN NULL ELSE device END,"                             \
    "offered_json=CASE WHEN direction='outbound' THEN '[]' ELSE offered_json END "                 \
    "WHERE live_json IS NULL AND "
#define END_CLOCKS                                                                                 \
    "UPDATE clock SET state='cancelled',ended_at=$2,next_at=NULL,done=1 WHERE ended_at IS NULL "   \
    "AND callback_id IN (SELECT id FROM callback WHERE "
#define OPEN_CALLBACK  "SELECT id FROM callback WHERE ended_at IS NULL AND "
#define EMPTY_CALLBACK "UPDATE callback SET number='',outcome=NULL,note=NULL WHERE "

static const struct statement statements[] = {
    {OF_PERSON, CALL_OFF, QUEUED "person_id=$1"},
    {OF_ADDRESS, CALL_OFF, QUEUED "lower(recipient)=lower($1)"},
    {OF_TEXT, CALL_OFF, QUEUED "(text LIKE $1 OR params_json LIKE $1 OR event_json LIKE $1)"},
    {OF_PERSON, PLAIN, EMPTY_MESSAGE "person_id=$1"},
    {OF_ADDRESS, PLAIN, EMPTY_MESSAGE "lower(recipient)=lower($1)"},
    {OF_TEXT, PLAIN,
     EMPTY_MESSAGE "(text LIKE $1 OR params_json LIKE $1 OR event_json LIKE $1 "
                   "OR subject LIKE $1 OR error LIKE $1)"},
    {OF_TEXT, PLAIN, "UPDATE receipt SET error=NULL WHERE error LIKE $1"},
    {OF_PERSON, PLAIN, "UPDATE inbound SET sender='',text='',person_id=NULL WHERE person_id=$1"},
    {OF_ADDRESS, PLAIN, "UPDATE inbound SET sender='',text='' WHERE lower(sender)=lower($1)"},
    {OF_TEXT, PLAIN, "UPDATE inbound SET sender='',text='' WHERE text LIKE $1 OR sender LIKE $1"},
    {OF_PERSON, DATED, END_CLOCKS "person_id=$1)"},
    {OF_ADDRESS, DATED, END_CLOCKS "number=$1)"},
    {OF_PERSON, SUPERSEDE, OPEN_CALLBACK "person_id=$1"},
    {OF_ADDRESS, SUPERSEDE, OPEN_CALLBACK "number=$1"},
    {OF_PERSON, PLAIN, EMPTY_CALLBACK "person_id=$1"},
    {OF_ADDRESS, PLAIN, EMPTY_CALLBACK "number=$1"},
    {OF_TEXT, PLAIN, "UPDATE callback SET note=NULL WHERE note LIKE $1"},
    {OF_PERSON, PLAIN, EMPTY_CALL "person_id=$1"},
    {OF_TEXT, PLAIN,
     EMPTY_CALL "(party LIKE $1 OR calling LIKE $1 OR calling_raw LIKE $1 OR called LIKE $1 "
                "OR device LIKE $1 OR offered_json LIKE $1 OR transfers_json LIKE $1)"},
    {OF_TEXT, PLAIN,
     "UPDATE call SET called=NULL,device=NULL,offered_json='[]' WHERE live_json IS NULL AND "
     "(called LIKE $1 OR device LIKE $1 OR offered_json LIKE $1)"},
    {OF_PERSON, PLAIN, "UPDATE survey SET note=NULL WHERE person_id=$1"},
    {OF_TEXT, PLAIN, "UPDATE incident SET subject='' WHERE subject LIKE $1"},
    {OF_TEXT, PLAIN,
     "UPDATE incident SET words=NULL,reason=NULL WHERE words LIKE $1 OR reason LIKE $1"},
    {OF_TEXT, PLAIN, "UPDATE audit SET object=NULL WHERE object LIKE $1"},
    {OF_TEXT, PLAIN, "UPDATE audit SET data_json=NULL WHERE data_json LIKE $1"},
    {OF_TEXT, PLAIN,
     "UPDATE alert SET text='',data_json=NULL WHERE text LIKE $1 OR data_json LIKE $1"},
    {OF_PERSON, PLAIN, "DELETE FROM phone WHERE person_id=$1"},
    {OF_PERSON, PLAIN, "DELETE FROM email WHERE person_id=$1"},
    {OF_PERSON, PLAIN, "DELETE FROM vehicle WHERE person_id=$1"},
    {OF_PERSON, PLAIN, "DELETE FROM tenure WHERE person_id=$1"},
    {OF_PERSON, PLAIN, "DELETE FROM card WHERE person_id=$1"},
    {OF_PERSON, DATED,
     "UPDATE person SET name='',key=NULL,language=NULL,segment=NULL,flags='',tier=NULL,"
     "tier_since=NULL,score=NULL,score_at=NULL,consent_sms=0,consent_email=0,consent_call=0,"
     "consent_marketing=0,version=version+1,updated_at=$2 WHERE id=$1"},
};

static const struct statement ticket_statements[] = {
    {OF_TICKET, PLAIN, "UPDATE ticket_event SET data=NULL,salt=NULL WHERE ticket_id=$1"},
    {OF_TICKET, PLAIN, "UPDATE dispatch SET note=NULL,report=NULL WHERE ticket_id=$1"},
    {OF_TICKET, PLAIN, "UPDATE survey SET note=NULL WHERE ticket_id=$1"},
    {OF_TICKET, CALL_OFF, QUEUED "ticket_id=$1"},
    {OF_TICKET, PLAIN, EMPTY_MESSAGE "ticket_id=$1"},
};

/* ---- whose numbers ---- */

/* What is the person's alone. */
struct own {
    char (*addresses)[PERSON_EMAIL_MAX];
    size_t n, cap;
};

static int add_own(struct db_q *q, int64_t person_id, struct own *own)
{
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        if (own->n == own->cap) {
            own->cap = own->cap ? own->cap * 2 : 8;
            own->addresses = xrealloc(own->addresses, own->cap * sizeof(*own->addresses));
        }
        text_copy(own->addresses[own->n++], PERSON_EMAIL_MAX, db_str(q, 0));
    }
    return db_end(q);
}

static int own_of(struct db *db, int64_t person_id, struct own *own)
{
    *own = (struct own){0};
    int rc =
        add_own(db_query(db, "SELECT e164 FROM phone p WHERE person_id=$1 AND NOT EXISTS "
                             "(SELECT 1 FROM phone o WHERE o.e164=p.e164 AND o.person_id<>$1)"),
                person_id, own);
    if (rc < 0)
        return rc;
    return add_own(db_query(db, "SELECT address FROM email p WHERE person_id=$1 AND NOT EXISTS "
                                "(SELECT 1 FROM email o WHERE lower(o.address)=lower(p.address) "
                                "AND o.person_id<>$1)"),
                   person_id, own);
}

/* How a number stands in texts: by its national digits, with or without a prefix. False for what
 * is too short to be told from other numbers. '%' and '_' in an address match more than themselves,
 * which empties more, never less. */
static bool pattern_of(const char *address, char *out, size_t cap)
{
    char reversed[16];
    const char *digits = address;
    if (strchr(address, '@')) {
        snprintf(out, cap, "%%%s%%", address);
        return true;
    }
    match_reversed(address, reversed);
    if (strncmp(address, "+86", 3) == 0)
        digits = address + 3;
    else if (reversed[0])
        digits = address + strlen(address) - strlen(reversed);
    else
        digits = address + strspn(address, "+");
    snprintf(out, cap, "%%%s%%", digits);
    return strlen(digits) >= MATCH_NSN_MIN && !strchr(digits, ':');
}

/* ---- running them ---- */

/* The ids of a query's rows; *ids is malloc'd. */
static int take_ids(struct db_q *q, int64_t **ids, size_t *n)
{
    size_t cap = 0;
    *ids = NULL;
    *n = 0;
    while (db_row(q)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 16;
            *ids = xrealloc(*ids, cap * sizeof(**ids));
        }
        (*ids)[(*n)++] = db_int(q, 0);
    }
    return db_end(q);
}

/* Messages that wait. Their state has one writer, so they are moved one by one. */
static int call_off(struct db *db, struct db_q *q)
{
    static const struct message_move off = {
        .from = MSG_QUEUED, .to = MSG_CANCELLED, .cause = "the owner was erased"};
    int64_t *ids;
    size_t n;
    int rc = take_ids(q, &ids, &n);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = repo_message_move(db, ids[i], &off);
    free(ids);
    return rc;
}

static int supersede_one(struct db *db, int64_t id, int64_t now)
{
    struct callback_row r;
    int rc = repo_callback_load(db, id, &r);
    if (rc == E_OK)
        rc = repo_callback_move(&r, CALLBACK_SUPERSEDED, "the owner was erased");
    r.ended_at = now;
    if (rc == E_OK)
        rc = repo_callback_save(db, &r);
    callback_row_clear(&r);
    return rc;
}

static int supersede(struct db *db, struct db_q *q, int64_t now)
{
    int64_t *ids;
    size_t n;
    int rc = take_ids(q, &ids, &n);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = supersede_one(db, ids[i], now);
    free(ids);
    return rc;
}

static int run(struct db *db, const struct statement *s, struct db_q *q, int64_t now)
{
    if (s->kind == CALL_OFF)
        return call_off(db, q);
    if (s->kind == SUPERSEDE)
        return supersede(db, q, now);
    if (s->kind == DATED)
        db_bind_int(q, 2, now);
    return db_run(q);
}

static int run_id(struct db *db, const struct statement *s, int64_t id, int64_t now)
{
    struct db_q *q = db_query(db, s->sql);
    db_bind_int(q, 1, id);
    return run(db, s, q, now);
}

static int run_text(struct db *db, const struct statement *s, const char *text, int64_t now)
{
    struct db_q *q = db_query(db, s->sql);
    db_bind_text(q, 1, text);
    return run(db, s, q, now);
}

/* A statement for each number and address that it is about. */
static int run_own(struct db *db, const struct statement *s, const struct own *own, int64_t now)
{
    char pattern[PERSON_EMAIL_MAX + 2];
    int rc = E_OK;
    for (size_t i = 0; rc == E_OK && i < own->n; i++) {
        bool found = pattern_of(own->addresses[i], pattern, sizeof(pattern));
        if (s->whose == OF_ADDRESS)
            rc = run_text(db, s, own->addresses[i], now);
        else if (found)
            rc = run_text(db, s, pattern, now);
    }
    return rc;
}

int repo_erase_person(struct db *db, int64_t person_id, int64_t now)
{
    struct own own;
    int rc = own_of(db, person_id, &own);
    for (size_t i = 0; rc == E_OK && i < ARRAY_LEN(statements); i++) {
        const struct statement *s = &statements[i];
        rc = s->whose == OF_PERSON ? run_id(db, s, person_id, now) : run_own(db, s, &own, now);
    }
    free(own.addresses);
    return rc;
}

int repo_erase_ticket(struct db *db, int64_t ticket_id)
{
    int rc = E_OK;
    for (size_t i = 0; rc == E_OK && i < ARRAY_LEN(ticket_statements); i++)
        rc = run_id(db, &ticket_statements[i], ticket_id, 0);
    return rc;
}

int repo_erase_tickets(struct db *db, int64_t person_id, int64_t **ids, size_t *n)
{
    struct db_q *q = db_query(
        db, "SELECT id FROM ticket WHERE person_id=$1 UNION SELECT k.id FROM ticket k "
            "WHERE k.person_id IS NULL AND k.caller IN (SELECT e164 FROM phone p "
            "WHERE p.person_id=$1 AND NOT EXISTS (SELECT 1 FROM phone o WHERE o.e164=p.e164 "
            "AND o.person_id<>$1)) ORDER BY 1");
    db_bind_int(q, 1, person_id);
    return take_ids(q, ids, n);
}
