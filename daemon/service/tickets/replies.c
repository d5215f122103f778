/*
 * replies.c - inbound texts to tickets. The owner acts as himself: a machine account called
 * "owner" with the rights that the table gives to machines.
 */
#include "service/tickets/replies.h"

#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/consent.h"
#include "service/tickets/tickets.h"
#include "store/repo_ticket.h"

#define SUBJECT_BYTES 120

static const struct actor owner = {.name = "owner", .kind = STAFF_INTEGRATION};

static bool is_email(const struct outbox_inbound *in)
{
    return strchr(in->from, '@') != NULL;
}

/* What the rules refuse does not undo the storing of the text. */
static int settle(int rc, const char *what, const struct verb_out *out)
{
    bool refused =
        rc == E_INVALID || rc == E_CONFLICT || rc == E_DENIED || rc == E_NOTFOUND || rc == E_STALE;
    if (refused)
        log_warn(NULL, "an inbound text could not %s: %s", what, out->text);
    return refused ? 0 : rc;
}

static int confirm(struct tickets *t, struct ledger_tx *tx, int64_t id, bool satisfied,
                   const struct outbox_inbound *in)
{
    struct verb_out out = {0};
    json_t *body = json_pack("{s:b,s:s,s:s}", "satisfied", satisfied, "via",
                             is_email(in) ? "link" : "sms", "note", in->text);
    int rc = tickets_verb(t, tx, id, "confirm", body, &owner, 0, &out);
    json_decref(body);
    return settle(rc, "confirm a ticket", &out);
}

static int note(struct tickets *t, struct ledger_tx *tx, int64_t id,
                const struct outbox_inbound *in)
{
    struct verb_out out = {0};
    json_t *body = json_pack("{s:s}", "text", in->text);
    int rc = tickets_verb(t, tx, id, "note", body, &owner, 0, &out);
    json_decref(body);
    return settle(rc, "be noted", &out);
}

/* The first line, cut at a character. */
static void subject_of(const char *text, char out[SUBJECT_BYTES])
{
    text += strspn(text, " \r\n\t");
    text_copyn(out, SUBJECT_BYTES, text, strcspn(text, "\r\n"));
}

static int open_ticket(struct tickets *t, struct ledger_tx *tx, const struct outbox_inbound *in)
{
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
    int rc = tickets_create(t, tx, body, &owner, &out);
    json_decref(body);
    return settle(rc, "open a ticket", &out);
}

int replies_take(struct tickets *t, struct ledger_tx *tx, const struct outbox_inbound *in)
{
    enum answer_word word = answer_word(in->text);
    int64_t id = 0;
    int rc = 0;
    if (in->opted_out)
        return 0;
    if (word != ANSWER_NONE)
        rc = repo_ticket_live_of(ledger_db(tx), in->person_id, in->from, in->ticket_id, true, &id);
    if (rc < 0 || id)
        return rc < 0 ? rc : confirm(t, tx, id, word == ANSWER_YES, in);
    rc = repo_ticket_live_of(ledger_db(tx), in->person_id, in->from, in->ticket_id, false, &id);
    if (rc < 0)
        return rc;
    if (id)
        return note(t, tx, id, in);
    return word == ANSWER_NONE ? open_ticket(t, tx, in) : 0;
}
