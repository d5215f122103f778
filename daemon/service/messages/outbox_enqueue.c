/*
 * outbox_enqueue.c - new messages: who gets them and by what, may they, when, and the row.
 */
#include "service/messages/outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "domain/retry.h"
#include "domain/sms.h"
#include "service/staff/staff.h"
#include "store/repo_audit.h"
#include "store/repo_message.h"
#include "store/repo_person.h"

static const char *const classes[] = {"service", "marketing", "staff", "verification"};

/* Whom a message is for, as far as rows know. */
struct target {
    int64_t person_id; /* an owner; 0: staff or a stranger */
    char name[128], language[24], phone[40], email[256];
    struct consent_reach by_phone, by_email; /* whom the two reach, and what they allow */
    bool own;                                /* of an employee: the account's own address */
    const char *channel;                     /* chosen: "sms" or "email" */
    const char *to;
    const char *message_class;
    bool passed_consent, passed_quiet; /* urgent */
};

int outbox_audit(struct ledger_tx *tx, const char *by, const char *what, int64_t id,
                 const char *data)
{
    char object[64];
    snprintf(object, sizeof(object), "message %lld", (long long)id);
    return repo_audit_add(ledger_db(tx), ledger_now(tx), by, what, object, data);
}

/* ---- who ---- */

static int read_person(struct db *db, int64_t id, struct target *t)
{
    struct person_row row;
    int rc = repo_person_get(db, id, &row);
    if (rc < 0)
        return rc;
    text_copy(t->name, sizeof(t->name), row.name);
    text_copy(t->language, sizeof(t->language), row.language);
    t->person_id = id;
    return 0;
}

struct consent outbox_consent(const struct consent_reach *r)
{
    return (struct consent){r->consent[CONSENT_SMS], r->consent[CONSENT_EMAIL],
                            r->consent[CONSENT_CALL], r->consent[CONSENT_MARKETING]};
}

static void take_phone(void *ctx, const char *e164)
{
    struct target *t = ctx;
    if (!*t->phone && sms_reaches(e164))
        text_copy(t->phone, sizeof(t->phone), e164);
}

/* The first number that short messages reach, mobiles first; the first e-mail address. */
static int read_addresses(struct db *db, int64_t person_id, struct target *t)
{
    int rc = repo_phone_each(db, person_id, take_phone, t);
    return rc < 0 ? rc : repo_email_first(db, person_id, t->email, sizeof(t->email));
}

static int read_account(struct db *db, const char *name, struct target *t)
{
    struct staff_account a;
    int rc = staff_row_by_name(db, name, &a);
    if (rc < 0)
        return rc;
    text_copy(t->name, sizeof(t->name), *a.display ? a.display : a.name);
    text_copy(t->language, sizeof(t->language), a.language);
    text_copy(t->phone, sizeof(t->phone), a.phone);
    text_copy(t->email, sizeof(t->email), a.email);
    return 0;
}

static bool is_address(const char *s)
{
    const char *at = strchr(s, '@');
    return at && at != s && at[1] && !strpbrk(s, " \t\r\n<>,;\"") && strlen(s) < 255;
}

/* A recipient given as it is: an address, or a number in any form the site's PBXs would show. */
static int read_recipient(struct outbox *ob, const char *recipient, struct target *t,
                          struct errmsg *why)
{
    struct number n;
    if (strchr(recipient, '@')) {
        if (!is_address(recipient))
            return errmsg_set(why, E_INVALID, "to: not an e-mail address");
        text_copy(t->email, sizeof(t->email), recipient);
        return 0;
    }
    number_normalise(&ob->rules->numbers, recipient, &n);
    if (n.kind != NUMBER_E164)
        return errmsg_set(why, E_INVALID, "to: not a telephone number");
    text_copy(t->phone, sizeof(t->phone), n.value);
    return 0;
}

/* Staff's numbers are kept as they were typed. */
static void normalise_phone(struct outbox *ob, struct target *t)
{
    struct number n;
    if (!*t->phone)
        return;
    number_normalise(&ob->rules->numbers, t->phone, &n);
    text_copy(t->phone, sizeof(t->phone), n.kind == NUMBER_E164 ? n.value : "");
}

static int no_such(const struct outbox_message *m, int rc, struct errmsg *why)
{
    if (rc == E_NOTFOUND)
        return errmsg_set(why, rc,
                          m->account ? "account: there is no such account"
                                     : "person_id: there is no such person");
    return rc;
}

/* Naming an account beside `to` makes nobody an employee: only the account's own number and address
 * are. */
static int find_account(struct outbox *ob, struct db *db, const struct outbox_message *m,
                        struct target *t)
{
    struct target named = {0};
    if (!m->account)
        return 0;
    int rc = read_account(db, m->account, &named);
    normalise_phone(ob, &named);
    if (rc == E_OK && !m->recipient)
        *t = named;
    t->own = rc == E_OK && (!m->recipient || (*t->phone ? strcmp(t->phone, named.phone) == 0
                                                        : strcasecmp(t->email, named.email) == 0));
    return rc;
}

/* Whom the addresses reach: all of them decide, whomever the request names. */
static int find_reached(struct db *db, const struct outbox_message *m, struct target *t)
{
    int rc = 0;
    if (*t->phone)
        rc = repo_consent_reach(db, t->phone, m->person_id, &t->by_phone);
    if (rc == E_OK && *t->email)
        rc = repo_consent_reach(db, t->email, m->person_id, &t->by_email);
    if (rc < 0 || !m->recipient || t->own)
        return rc;
    int64_t person = *t->phone ? t->by_phone.person_id : t->by_email.person_id;
    return person && person != t->person_id ? read_person(db, person, t) : 0;
}

static int find_target(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                       struct target *t, struct errmsg *why)
{
    struct db *db = ledger_db(tx);
    int rc = m->recipient ? read_recipient(ob, m->recipient, t, why) : 0;
    if (rc == E_OK)
        rc = no_such(m, find_account(ob, db, m, t), why);
    if (rc == E_OK && m->person_id)
        rc = read_person(db, m->person_id, t);
    if (rc == E_OK && m->person_id && !m->recipient)
        rc = read_addresses(db, m->person_id, t);
    rc = rc == E_NOTFOUND && !m->account ? no_such(m, rc, why) : rc;
    return rc < 0 ? rc : find_reached(db, m, t);
}

/* ---- by what, and may it ---- */

/* Whoever reaches an owner sends them a service message, whatever it is called. */
static int choose_class(const struct outbox_message *m, struct target *t, struct errmsg *why)
{
    const char *want = m->message_class ? m->message_class : m->account ? "staff" : "service";
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (strcmp(classes[i], want) == 0)
            t->message_class = classes[i];
    if (!t->message_class)
        return errmsg_set(why, E_INVALID,
                          "class: '%s' is not one of service, marketing, staff, verification",
                          want);
    bool staff = strcmp(t->message_class, "staff") == 0;
    t->own = t->own && staff;
    if (t->person_id && staff && !t->own)
        t->message_class = "service";
    return 0;
}

/* NULL if the channel can be used, else what stands against it. */
static const char *against(struct target *t, const char *channel, bool urgent)
{
    bool sms = text_eq(channel, "sms");
    if (!*(sms ? t->phone : t->email))
        return "address";
    if (t->own)
        return NULL;
    struct consent consent = outbox_consent(sms ? &t->by_phone : &t->by_email);
    const char *forbids = consent_forbids(&consent, channel, t->message_class);
    if (forbids && urgent && strcmp(t->message_class, "marketing") != 0) {
        t->passed_consent = true;
        return NULL;
    }
    return forbids;
}

static void use_channel(struct target *t, const char *channel)
{
    t->channel = text_eq(channel, "sms") ? "sms" : "email";
    t->to = text_eq(channel, "sms") ? t->phone : t->email;
}

static int refuse(const struct target *t, const char *channel, const char *what, struct errmsg *why)
{
    if (strcmp(what, "address") == 0)
        return errmsg_set(why, E_NOTFOUND, "%s has no %s", *t->name ? t->name : "the recipient",
                          strcmp(channel, "sms") == 0 ? "number that short messages reach"
                                                      : "e-mail address");
    return errmsg_set(why, E_DENIED, "consent '%s' is not given", what);
}

/* What was asked for, else the template's way, else SMS; e-mail where the site falls back to it. */
static int choose_channel(struct outbox *ob, const struct outbox_message *m, const char *preferred,
                          struct target *t, struct errmsg *why)
{
    const char *asked = m->channel ? m->channel : preferred;
    const char *first = asked ? asked : "sms", *second = NULL;
    if (strcmp(first, "sms") != 0 && strcmp(first, "email") != 0)
        return errmsg_set(why, E_INVALID, "channel: '%s' is not one of sms, email", first);
    if (!asked ||
        (strcmp(first, "sms") == 0 && text_eq(ob->rules->site->messages.sms.fallback, "email")))
        second = "email";
    const char *bad = against(t, first, m->urgent);
    if (!bad) {
        use_channel(t, first);
        return 0;
    }
    const char *other = second ? against(t, second, m->urgent) : NULL;
    if (second && !other) {
        use_channel(t, second);
        return 0;
    }
    if (second && strcmp(bad, "address") == 0 && strcmp(other, "address") != 0)
        return refuse(t, second, other, why);
    return refuse(t, first, bad, why);
}

/* The moment before which it may not go, 0 for at once. */
static int64_t when(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                    struct target *t)
{
    int64_t now = ledger_now(tx), from = m->not_before > now ? m->not_before : now;
    int64_t until = t->person_id ? quiet_until(&ob->rules->quiet, from) : from;
    if (until > from && m->urgent && strcmp(t->message_class, "marketing") != 0) {
        t->passed_quiet = true;
        until = from;
    }
    return until > now ? until : 0;
}

/* ---- the row ---- */

static char *sms_text(struct outbox *ob, const char *text)
{
    const char *signature = ob->rules->site->messages.sms.signature;
    if (!signature || !*signature || text_starts(text, "【"))
        return xstrdup(text);
    return xasprintf("【%s】%s", signature, text);
}

/* The row has all that its gateway needs, so that sending reads nothing else. */
static int insert(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                  const struct target *t, const struct outbox_rendered *r, enum lang lang,
                  int64_t not_before, int64_t *id)
{
    int64_t now = ledger_now(tx), first = not_before ? not_before : now;
    bool sms = strcmp(t->channel, "sms") == 0;
    const char *gateway = outbox_gateway_of(ob->rules, t->channel);
    char key[33] = "msg_", *text = sms ? sms_text(ob, r->text) : xstrdup(r->text);
    struct sms_size size = {.segments = 1};
    rng_token(key + 4, 28);
    if (sms)
        sms_measure(text, sms_rule_for(t->to), &size);
    struct message_row row = {
        .key = key,
        .channel = t->channel,
        .message_class = t->message_class,
        .gateway = gateway,
        .recipient = t->to,
        .person_id = t->person_id,
        .account = m->account,
        .ticket_id = m->ticket_id,
        .template_name = m->template_name,
        .provider_template = r->provider_template,
        .params_json = r->params,
        .language = lang_tag(lang),
        .subject = sms          ? NULL
                   : r->subject ? r->subject
                                : ob->rules->site->site.name,
        .text = text,
        .segments = size.segments,
        .urgent = m->urgent,
        .not_before = not_before,
        .next_at = first,
        .expires_at = first + outbox_life_ms(ob->rules),
        .queued_at = now,
        .resend_of = m->resend_of,
    };
    int rc = repo_message_insert(ledger_db(tx), &row, id);
    free(text);
    return rc < 0 ? rc : outbox_announce(ob, tx, *id, gateway, first);
}

static int record_urgent(struct ledger_tx *tx, const struct target *t, int64_t id)
{
    char data[96];
    if (!t->passed_consent && !t->passed_quiet)
        return 0;
    snprintf(data, sizeof(data), "{\"person_id\":%lld,\"consent\":%s,\"quiet_hours\":%s}",
             (long long)t->person_id, t->passed_consent ? "true" : "false",
             t->passed_quiet ? "true" : "false");
    return outbox_audit(tx, "system", "urgent_message", id, data);
}

int outbox_record_refusal(struct ledger_tx *tx, const char *by, int64_t person_id,
                          int64_t resend_of, const char *to, const char *why)
{
    struct buf data = BUF_INIT(1024);
    char object[32];
    struct jw w;
    jw_init(&w, &data);
    jw_obj(&w);
    jw_kstr(&w, "why", why);
    jw_kid(&w, "person_id", person_id);
    jw_kstr(&w, "to", to);
    jw_kid(&w, "resend_of", resend_of);
    jw_end_obj(&w);
    snprintf(object, sizeof(object), "person:%lld", (long long)person_id);
    int rc = repo_audit_add(ledger_db(tx), ledger_now(tx), by, "message_refused",
                            person_id ? object : NULL, buf_str(&data));
    buf_free(&data);
    return rc;
}

static enum lang language_of(struct outbox *ob, const struct outbox_message *m,
                             const struct target *t)
{
    enum lang lang = lang_parse(m->language);
    if (lang == LANG_NONE)
        lang = lang_parse(t->language);
    return lang == LANG_NONE ? ob->rules->site->site.lang : lang;
}

int outbox_enqueue(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                   int64_t *id, struct errmsg *why)
{
    struct target t = {0};
    struct outbox_rendered r = {0};
    int64_t made = 0;
    if (id)
        *id = 0;
    if (!m->person_id && !m->account && !m->recipient)
        return errmsg_set(why, E_INVALID, "to: a message needs person_id, account or to");
    int rc = find_target(ob, tx, m, &t, why);
    if (rc == E_OK)
        rc = choose_class(m, &t, why);
    if (rc < 0)
        return rc;
    enum lang lang = language_of(ob, m, &t);
    rc = outbox_render(ob, tx, m, lang, t.name, &r, why);
    if (rc == E_OK)
        rc = choose_channel(ob, m, r.channel, &t, why);
    if (rc == E_OK)
        rc = insert(ob, tx, m, &t, &r, lang, when(ob, tx, m, &t), &made);
    if (rc == E_OK)
        rc = record_urgent(tx, &t, made);
    outbox_rendered_free(&r);
    if (rc == E_DENIED) {
        int noted = outbox_record_refusal(tx, "system", t.person_id, m->resend_of, NULL, why->text);
        rc = noted < 0 ? noted : rc;
    }
    if (rc == E_OK && id)
        *id = made;
    return rc;
}

/* ---- again ---- */

/* A message as it was, for resend and fall-back. Text columns are owned. */
struct former {
    char *channel, *message_class, *recipient, *account, *template_name, *language, *subject, *text,
        *event_type;
    int64_t person_id, ticket_id;
    bool urgent;
};

static void former_free(struct former *f)
{
    char *owned[] = {f->channel,  f->message_class, f->recipient, f->account,   f->template_name,
                     f->language, f->subject,       f->text,      f->event_type};
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
}

static void take_former(void *ctx, const struct message_row *row)
{
    struct former *f = ctx;
    *f = (struct former){.channel = xstrdup(row->channel),
                         .message_class = xstrdup(row->message_class),
                         .recipient = xstrdup(row->recipient),
                         .account = xstrdup(row->account),
                         .template_name = xstrdup(row->template_name),
                         .language = xstrdup(row->language),
                         .subject = xstrdup(row->subject),
                         .text = xstrdup(row->text),
                         .event_type = xstrdup(row->event_type),
                         .person_id = row->person_id,
                         .ticket_id = row->ticket_id,
                         .urgent = row->urgent};
}

static int read_former(struct db *db, int64_t id, struct former *f)
{
    *f = (struct former){0};
    return repo_message_get(db, id, take_former, f);
}

/* The text stays as it was, without the signature, which is put before it anew. */
static const char *bare_text(const char *text)
{
    const char *end = text_starts(text, "【") ? strstr(text, "】") : NULL;
    return end ? end + strlen("】") : text;
}

static int again(struct outbox *ob, struct ledger_tx *tx, int64_t id, const struct former *f,
                 const char *channel, int64_t *new_id, struct errmsg *why)
{
    struct outbox_message m = {.channel = channel,
                               .message_class = f->message_class,
                               .person_id = f->person_id,
                               .account = f->account,
                               .ticket_id = f->ticket_id,
                               .text = bare_text(f->text),
                               .subject = f->subject,
                               .language = f->language,
                               .urgent = f->urgent,
                               .resend_of = id};
    if (strcmp(channel, f->channel) == 0)
        m.recipient = f->recipient;
    int rc = outbox_enqueue(ob, tx, &m, new_id, why);
    return rc < 0 ? rc : repo_message_copy_template(ledger_db(tx), id, *new_id);
}

int outbox_resend(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *by,
                  int64_t *new_id, struct errmsg *why)
{
    struct former f;
    int64_t made = 0;
    int rc = read_former(ledger_db(tx), id, &f);
    if (rc == E_NOTFOUND)
        errmsg_set(why, rc, "there is no message %lld", (long long)id);
    else if (rc == E_OK && f.event_type)
        rc = errmsg_set(why, E_CONFLICT, "an event is not sent again by hand");
    else if (rc == E_OK)
        rc = again(ob, tx, id, &f, f.channel, &made, why);
    former_free(&f);
    if (rc == E_OK)
        rc = outbox_audit(tx, by, "message_resend", id, NULL);
    if (rc == E_OK && new_id)
        *new_id = made;
    return rc;
}

int outbox_fall_back(struct outbox *ob, struct ledger_tx *tx, int64_t id)
{
    struct former f;
    struct errmsg why;
    int64_t made;
    int rc = read_former(ledger_db(tx), id, &f);
    bool wanted = rc == E_OK && text_eq(f.channel, "sms") &&
                  text_eq(ob->rules->site->messages.sms.fallback, "email") &&
                  (f.person_id || f.account) && !text_eq(f.message_class, "verification");
    if (wanted)
        rc = again(ob, tx, id, &f, "email", &made, &why);
    if (wanted && (rc == E_NOTFOUND || rc == E_DENIED || rc == E_INVALID))
        rc = 0; /* no address either: the failure stands */
    former_free(&f);
    return rc;
}

/* What a cancellation needs to know of the row. */
struct cancelled {
    enum msg_state state;
    char gateway[65];
};

static void take_cancelled(void *ctx, const struct message_row *row)
{
    struct cancelled *c = ctx;
    c->state = row->state;
    text_copy(c->gateway, sizeof(c->gateway), row->gateway);
}

int outbox_cancel(struct outbox *ob, struct ledger_tx *tx, int64_t id, const char *by,
                  enum msg_state *now, struct errmsg *why)
{
    struct message_move m = {.from = MSG_QUEUED, .to = MSG_CANCELLED, .cause = by};
    struct cancelled c;
    int rc = repo_message_get(ledger_db(tx), id, take_cancelled, &c);
    if (rc == E_NOTFOUND)
        return errmsg_set(why, rc, "there is no message %lld", (long long)id);
    if (rc < 0)
        return rc;
    if (c.state != MSG_QUEUED) {
        if (now)
            *now = c.state;
        return errmsg_set(why, E_CONFLICT, "a message that is %s cannot be cancelled",
                          msg_state_name(c.state));
    }
    rc = repo_message_move(ledger_db(tx), id, &m);
    if (rc == E_OK)
        rc = outbox_audit(tx, by, "message_cancel", id, NULL);
    return rc < 0 ? rc : outbox_announce(ob, tx, id, c.gateway, 0);
}
