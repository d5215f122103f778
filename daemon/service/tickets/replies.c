/*
 * replies.c - inbound texts to tickets. The owner acts as himself: a machine account called
 * "owner" with the rights that the table gives to machines.
 */
#include "service/tickets/replies.h"

#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/answer.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_message.h"

#define SUBJECT_BYTES 120
#define ASKING_MAX    16

static const struct actor owner = {.name = "owner", .kind = STAFF_INTEGRATION};

/* What the sender is to a ticket. */
enum stand { STRANGER, HOUSEHOLD, OWNER };

/* One text under way. */
struct reply {
    struct tickets *t;
    struct ledger_tx *tx;
    struct outbox_inbound *in;
    struct answer answer;
    int64_t about;    /* the ticket that it names, or that the message it answers is of; 0: none */
    enum stand stand; /* to that ticket */
    bool named;       /* it says itself what it answers */
};

static bool is_email(const struct outbox_inbound *in)
{
    return strchr(in->from, '@') != NULL;
}

/* ---- what comes of it ---- */

/* What the rules refuse does not undo the storing of the text. */
static int settle(struct reply *r, int rc, const char *became, int64_t ticket,
                  const struct verb_out *out)
{
    bool refused =
        rc == E_INVALID || rc == E_CONFLICT || rc == E_DENIED || rc == E_NOTFOUND || rc == E_STALE;
    if (refused)
        log_warn(NULL, "an inbound text did not become '%s': %s", became, out->text);
    if (rc == E_OK) {
        r->in->became = became;
        r->in->ticket_id = ticket;
    }
    return refused ? 0 : rc;
}

static int confirm(struct reply *r, int64_t id, enum answer_word word, int score)
{
    struct verb_out out = {0};
    bool yes = word == ANSWER_YES;
    json_t *body = json_pack("{s:b,s:s,s:s}", "satisfied", yes, "via",
                             is_email(r->in) ? "link" : "sms", "note", r->in->text);
    if (score)
        json_object_set_new(body, "score", json_integer(score));
    int rc = tickets_verb(r->t, r->tx, id, "confirm", body, &owner, 0, &out);
    json_decref(body);
    return settle(r, rc, yes ? "confirmed" : "not_satisfied", id, &out);
}

/* Whoever answers for the ticket hears of it; nobody is responsible yet: the supervisors. */
static void tell_of_note(struct ticket *k, const char *text, bool household, struct told *told)
{
    char *responder = (char *)"responder", *supervisor = (char *)"supervisor";
    struct conf_texts first = {.items = &responder, .n = 1}, then = {.items = &supervisor, .n = 1};
    struct outbox_param params[] = {{"note", text, 0}, {"household", "1", 0}};
    struct tell_message m = {
        .template_name = "wrote", .params = params, .n_params = household ? 2 : 1};
    ticket_tell(k, &first, 0, &m, told);
    if (told->n == 0)
        ticket_tell(k, &then, 0, &m, told);
}

/* Into the history. A text of the owner's own ends what runs because nobody reached him. */
static int note(struct reply *r, int64_t id, enum stand stand, bool tell)
{
    struct verb_out out = {0};
    struct told told = {.n = 0};
    struct ticket k;
    struct jw *w;
    int rc = ticket_load(&k, r->t, r->tx, id, owner.name);
    if (rc < 0)
        return rc;
    if (stand == OWNER)
        ticket_reached(&k);
    if (tell)
        tell_of_note(&k, r->in->text, stand == HOUSEHOLD, &told);
    w = ticket_say(&k);
    jw_kstr(w, "text", r->in->text);
    if (stand == HOUSEHOLD)
        jw_kid(w, "person_id", r->in->person_id);
    if (tell)
        told_json(&told, w);
    ticket_said(&k, "noted");
    return settle(r, ticket_finish(&k), "noted", id, &out);
}

/* The first line, cut at a character. */
static void subject_of(const char *text, char out[SUBJECT_BYTES])
{
    text += strspn(text, " \r\n\t");
    text_copyn(out, SUBJECT_BYTES, text, strcspn(text, "\r\n"));
}

static int open_ticket(struct reply *r)
{
    const struct outbox_inbound *in = r->in;
    struct verb_out out = {0};
    char subject[SUBJECT_BYTES];
    subject_of(in->text, subject);
    if (!*subject)
        return 0;
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "subject", subject, "kind", "enquiry", "channel",
                             is_email(in) ? "email" : "sms", "note", in->text);
    if (in->person_id)
        json_object_set_new(body, "person_id", json_integer(in->person_id));
    if (!is_email(in))
        json_object_set_new(body, "caller", json_string(in->from));
    int rc = tickets_create(r->t, r->tx, body, &owner, &out);
    json_decref(body);
    return settle(r, rc, "opened", out.ticket_id, &out);
}

/* Not satisfied after the close: the same ticket again while that is possible, else a new one. */
static int reopen(struct reply *r, int64_t id)
{
    struct verb_out out = {0};
    json_t *body = json_pack("{s:s}", "note", r->in->text);
    int rc = tickets_verb(r->t, r->tx, id, "reopen", body, &owner, 0, &out);
    json_decref(body);
    return rc == E_CONFLICT ? open_ticket(r) : settle(r, rc, "reopened", id, &out);
}

/* ---- what it is about ---- */

static int64_t reopenable_since(const struct reply *r)
{
    return ledger_now(r->tx) - span_rough_ms(&r->t->reopen_within);
}

static int of_household(struct reply *r, int64_t only, int64_t since, int64_t *id)
{
    *id = 0;
    if (!r->in->person_id)
        return 0;
    return repo_ticket_of_household(ledger_db(r->tx), r->in->person_id,
                                    tickets_today(r->t, ledger_now(r->tx)), only, since, id);
}

/* What the sender is to a ticket; STRANGER where there is no such ticket. */
static int find_stand(struct reply *r, int64_t id, enum stand *stand)
{
    struct ticket_row row;
    int64_t found = 0;
    int rc = repo_ticket_load(ledger_db(r->tx), id, &row);
    *stand = STRANGER;
    if (rc == E_OK && ((r->in->person_id && row.person_id == r->in->person_id) ||
                       (*row.caller && text_eq(row.caller, r->in->from))))
        *stand = OWNER;
    else if (rc == E_OK)
        rc = of_household(r, id, 0, &found);
    if (found)
        *stand = HOUSEHOLD;
    ticket_row_clear(&row);
    return rc == E_NOTFOUND ? 0 : rc;
}

/* The ticket that the text itself names goes before the message that it names, and that before the
 * message that it comes after. Somebody else's ticket cannot be named. */
static int find_about(struct reply *r)
{
    int rc = 0;
    if (r->answer.ticket) {
        rc = find_stand(r, r->answer.ticket, &r->stand);
        r->named = r->stand != STRANGER;
        r->about = r->named ? r->answer.ticket : 0;
    }
    if (rc < 0 || r->named)
        return rc;
    r->named = r->in->named;
    r->about = r->in->ticket_id;
    return r->about ? find_stand(r, r->about, &r->stand) : 0;
}

/* ---- answers ---- */

/* Tickets that wait for an answer of the sender's, and what the text says to each. */
struct asking {
    struct reply *r;
    int n;
    int64_t first_message, first_at; /* the question that was put last */
    struct {
        int64_t id;
        enum answer_word word;
        int score;
    } of[ASKING_MAX];
};

static void take_asking(void *ctx, const struct asking_row *row)
{
    struct asking *a = ctx;
    int score = 0;
    if (a->n == ASKING_MAX)
        return;
    if (a->n == 0) {
        a->first_message = row->message_id;
        a->first_at = row->asked_at;
    }
    a->of[a->n].word = answer_to(&a->r->answer, row->question, &score);
    a->of[a->n].score = score;
    a->of[a->n++].id = row->id;
}

/* Whether a message of another matter came after the question that was put last. */
static int is_followed(struct reply *r, const struct asking *a, bool *yes)
{
    return repo_message_followed(ledger_db(r->tx), r->in->from, a->first_message,
                                 a->first_message ? 0 : a->first_at, yes);
}

/* A message that the text names must be a question of the ticket's present cycle. */
static int names_question(struct reply *r, int64_t ticket, bool *yes)
{
    struct ticket_row row;
    *yes = r->about == ticket;
    if (!*yes || r->answer.ticket == ticket)
        return 0;
    int rc = repo_ticket_load(ledger_db(r->tx), ticket, &row);
    *yes = rc == E_OK && r->in->question && r->in->message_at >= row.awaiting_at;
    ticket_row_clear(&row);
    return rc;
}

/* Counts it for the ticket whose question it answers, if there is one. */
static int answer_asked(struct reply *r, bool *taken)
{
    struct asking a = {.r = r};
    bool other = false;
    int rc = repo_ticket_asking(ledger_db(r->tx), r->in->person_id, r->in->from, take_asking, &a);
    *taken = false;
    if (rc == E_OK && a.n && !r->named)
        rc = is_followed(r, &a, &other);
    for (int i = 0; rc == E_OK && !other && i < a.n; i++) {
        bool its = true;
        if (r->named)
            rc = names_question(r, a.of[i].id, &its);
        if (rc < 0 || !its || a.of[i].word == ANSWER_NONE)
            continue;
        *taken = true;
        return confirm(r, a.of[i].id, a.of[i].word, a.of[i].score);
    }
    return rc;
}

/* An answer to a ticket that does not wait for one. */
static int answer_late(struct reply *r, int64_t id, bool no)
{
    struct ticket_row row;
    int rc = repo_ticket_load(ledger_db(r->tx), id, &row);
    bool closed = rc == E_OK && row.state == TICKET_CLOSED;
    bool cancelled = rc == E_OK && row.state == TICKET_CANCELLED;
    ticket_row_clear(&row);
    if (rc < 0)
        return rc;
    if (no && closed)
        return reopen(r, id);
    return no && cancelled ? open_ticket(r) : note(r, id, OWNER, no);
}

/* The ticket that an answer to nothing of ours may mean: a live one of the sender's, for a "no" his
 * last one, else one of his household's. */
static int find_meant(struct reply *r, bool no, int64_t *id, enum stand *stand)
{
    struct db *db = ledger_db(r->tx);
    int rc = repo_ticket_live_of(db, r->in->person_id, r->in->from, 0, id);
    *stand = OWNER;
    if (rc == E_OK && !*id && no)
        rc = repo_ticket_closed_of(db, r->in->person_id, r->in->from, id);
    if (rc < 0 || *id)
        return rc;
    *stand = HOUSEHOLD;
    return of_household(r, 0, reopenable_since(r), id);
}

/* Nobody asked, or no more. A figure means something only to the question that it comes after. */
static int answer_unasked(struct reply *r)
{
    int score = 0, rc = 0;
    enum answer_word word = r->answer.word;
    enum stand stand = r->stand;
    int64_t id = r->about;
    if (r->answer.figure && r->in->question)
        word = answer_to(&r->answer, r->in->question, &score);
    bool no = word == ANSWER_NO;
    if (!id || stand == STRANGER) {
        if (r->in->message_id && !r->answer.ticket) /* to a message of no ticket: advertising */
            rc = repo_ticket_live_of(ledger_db(r->tx), r->in->person_id, r->in->from, 0, &id);
        else
            rc = find_meant(r, no, &id, &stand);
        stand = stand == STRANGER ? OWNER : stand;
    }
    if (rc < 0)
        return rc;
    if (id && stand == HOUSEHOLD)
        return note(r, id, HOUSEHOLD, true);
    if (id)
        return answer_late(r, id, no);
    r->in->ticket_id = 0;
    return no && r->answer.word == ANSWER_NO ? open_ticket(r) : 0;
}

/* ---- the way in ---- */

static int take_words(struct reply *r)
{
    int64_t id = 0;
    int64_t first = r->stand == STRANGER ? r->in->ticket_id : r->about;
    int rc = repo_ticket_live_of(ledger_db(r->tx), r->in->person_id, r->in->from, first, &id);
    if (rc < 0)
        return rc;
    if (!id)
        return open_ticket(r);
    return note(r, id, id == r->about && r->stand == HOUSEHOLD ? HOUSEHOLD : OWNER,
                id == r->about && r->stand == HOUSEHOLD);
}

int replies_take(struct tickets *t, struct ledger_tx *tx, struct outbox_inbound *in)
{
    struct reply r = {.t = t, .tx = tx, .in = in};
    bool taken = false;
    int rc;
    if (in->opted_out)
        return 0;
    answer_read(in->text, &r.answer);
    rc = find_about(&r);
    if (rc < 0)
        return rc;
    if (r.answer.word == ANSWER_NONE && !r.answer.figure)
        return take_words(&r);
    rc = answer_asked(&r, &taken);
    return rc < 0 || taken ? rc : answer_unasked(&r);
}
