/*
 * repo_person.h - rows of persons and what hangs on them: phones, e-mails, tenures, vehicles; and
 * the lists that a CARD shows, each by one small query.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "domain/match.h"
#include "domain/number.h"
#include "store/db.h"

#define PERSON_PHONES_MAX  20
#define PERSON_EMAILS_MAX  10
#define PERSON_NAME_MAX    128 /* bytes with the NUL, as all below */
#define PERSON_KEY_MAX     128
#define PERSON_WORD_MAX    64 /* language, segment, tier, label, role */
#define PERSON_FLAGS_MAX   256
#define PERSON_EMAIL_MAX   256
#define PERSON_PLATE_MAX   32
#define PERSON_TENURES_MAX 100 /* of one person that a card shows */

/* ---- reading ---- */

/** The person's own row. Texts "" where NULL; score -1 where none. */
struct person_row {
    int64_t id, version;
    char key[PERSON_KEY_MAX], name[PERSON_NAME_MAX], language[PERSON_WORD_MAX];
    char segment[PERSON_WORD_MAX], flags[PERSON_FLAGS_MAX], tier[PERSON_WORD_MAX];
    int64_t tier_since; /* days, 0: unknown */
    bool consent[4];    /* by enum person_consent */
    int64_t score, score_at;
};

enum person_consent { CONSENT_SMS, CONSENT_EMAIL, CONSENT_CALL, CONSENT_MARKETING };
/** "sms", "email", "call", "marketing". */
extern const char *const person_consent_names[4];

/** E_NOTFOUND. */
int repo_person_get(struct db *db, int64_t id, struct person_row *out) MUST_CHECK;
/** Ids above `after`, ascending; returns how many, at most max. */
int repo_person_ids(struct db *db, int64_t after, int64_t *ids, int max) MUST_CHECK;
/** The id of an import key, 0 if there is none. */
int repo_person_by_key(struct db *db, const char *key, int64_t *id) MUST_CHECK;

/** One tenure with the place it is of; days, 0: open. */
struct person_tenure {
    int64_t unit_id, from_on, to_on;
    int64_t estate_id, building_id;
    enum tenure_role role;
    bool current;
    char unit_name[64];                  /* "1201" */
    char unit[192];                      /* "四季花城 3-1201" */
    char steward[65], steward_name[128]; /* of the building; "" if none */
};

/** All tenures of a person, in the order they were entered. */
struct person_tenures {
    struct person_tenure *items;
    int n;
};
int repo_person_tenures_get(struct db *db, int64_t person_id, int32_t today,
                            struct person_tenures *out) MUST_CHECK;
void person_tenures_free(struct person_tenures *t);
/** The current one with the best role (the best ended one when none is current); NULL if none.
 * *more: how many further current units there are. */
const struct person_tenure *person_tenures_best(const struct person_tenures *t, int *more);

/** A person who has (or nearly has) a number. */
struct person_phone {
    int64_t person_id;
    char label[PERSON_WORD_MAX];
};
/** Who has exactly this number, by id; returns how many, at most max. */
int repo_phone_exact(struct db *db, const char *e164, struct person_phone *out, int max) MUST_CHECK;
/** Who has one that ends alike (domain/match.h, rule 1); returns how many, at most max. */
int repo_phone_weak(struct db *db, const char *e164, struct person_phone *out, int max) MUST_CHECK;
/** The label of a person's first phone; "" if none. */
int repo_phone_first_label(struct db *db, int64_t person_id, char *out, size_t cap) MUST_CHECK;

/* What a card lists: fn once for each row; its texts live during the call. */

typedef void household_fn(void *ctx, int64_t id, const char *name, const char *role);
/** Those of the person's household (store/household.h) but for the person: each once, by id, with
 * the role that was entered first. */
int repo_person_household(struct db *db, int64_t person_id, int32_t today, household_fn *fn,
                          void *ctx) MUST_CHECK;
typedef void vehicle_fn(void *ctx, const char *plate, const char *space);
/** space NULL: none is known. */
int repo_vehicle_each(struct db *db, int64_t person_id, vehicle_fn *fn, void *ctx) MUST_CHECK;
typedef void phone_fn(void *ctx, const char *e164, const char *label);
/** In the order they were given. */
int repo_phone_list(struct db *db, int64_t person_id, phone_fn *fn, void *ctx) MUST_CHECK;
typedef void email_fn(void *ctx, const char *address);
int repo_email_list(struct db *db, int64_t person_id, email_fn *fn, void *ctx) MUST_CHECK;

/** A ticket as a card names it; due_at 0: no clock runs. */
struct person_ticket {
    int64_t id, due_at, cycle;
    const char *subject, *state, *responder; /* responder NULL: nobody */
};
typedef void person_ticket_fn(void *ctx, const struct person_ticket *row);
/** The person's open tickets, the newest first. */
int repo_person_open_tickets(struct db *db, int64_t person_id, person_ticket_fn *fn,
                             void *ctx) MUST_CHECK;

/** What is known to be there; what is left out is not looked for. */
enum person_recent { PERSON_CALLS = 1, PERSON_TICKETS = 2, PERSON_MESSAGES = 4 };
/** Something that happened: of a call its direction, its outcome and who took it; of a ticket its
 * subject and state, with its id; of a message its channel, template and state. Texts "" where
 * there is none. */
struct person_news {
    enum person_recent kind;
    int64_t at, id;
    const char *words[3];
};
typedef void person_news_fn(void *ctx, const struct person_news *row);
/** The latest five of one kind, latest first. One statement a kind: all in one cost three times as
 * much, and most persons have but one kind. */
int repo_person_recent(struct db *db, int64_t person_id, enum person_recent kind,
                       person_news_fn *fn, void *ctx) MUST_CHECK;

/** The person and all who hold a current unit with them; returns how many, at most max. */
int repo_person_household_ids(struct db *db, int64_t person_id, int32_t today, int64_t *ids,
                              int max) MUST_CHECK;

/** *yes: there is a person of that id. */
int repo_person_exists(struct db *db, int64_t id, bool *yes) MUST_CHECK;
/** The one unit that the person holds on that day; 0 if there are several or none. */
int repo_tenure_only_unit(struct db *db, int64_t person_id, int32_t today,
                          int64_t *unit_id) MUST_CHECK;
/** Persons who have that number (E.164) or, where it has an @, that e-mail address; *n at most max.
 */
int repo_person_with_address(struct db *db, const char *address, int64_t *ids, int max,
                             int *n) MUST_CHECK;
/** Numbers of a person, mobiles first. */
int repo_phone_each(struct db *db, int64_t person_id, void (*fn)(void *ctx, const char *e164),
                    void *ctx) MUST_CHECK;
/** The first of them as entered, "" if there is none. */
int repo_phone_first(struct db *db, int64_t person_id, char *out, size_t cap) MUST_CHECK;
/** The first number that can be told things (international form), mobiles before others; "". */
int repo_phone_told(struct db *db, int64_t person_id, char *out, size_t cap) MUST_CHECK;
/** The first e-mail address, "" if there is none. */
int repo_email_first(struct db *db, int64_t person_id, char *out, size_t cap) MUST_CHECK;

/* ---- writing (inside a transaction) ---- */

/** How satisfied they were last: 1 to 5. */
int repo_person_set_score(struct db *db, int64_t id, int64_t score, int64_t now) MUST_CHECK;
/** The person gave or took back a consent. */
int repo_person_set_consent(struct db *db, int64_t id, enum person_consent what, bool given,
                            int64_t now) MUST_CHECK;

enum person_field {
    PERSON_NAME = 1,
    PERSON_LANGUAGE = 2,
    PERSON_SEGMENT = 4,
    PERSON_FLAGS = 8,
    PERSON_TIER = 16,
    PERSON_PHONES = 32,
    PERSON_EMAILS = 64,
    PERSON_TIER_SINCE = 128,
};

/** What to set. Texts are views, NULL or "" for none; only what `fields` names is looked at. */
struct person_edit {
    unsigned fields;
    const char *key; /* of a new person; NULL: none */
    const char *name, *language, *segment, *flags, *tier;
    int64_t tier_since;
    int consent[4]; /* -1: leave */
    int phones_n, emails_n;
    struct {
        char e164[NUMBER_TEXT_MAX], label[PERSON_WORD_MAX], raw[PERSON_WORD_MAX];
    } phones[PERSON_PHONES_MAX];
    char emails[PERSON_EMAILS_MAX][PERSON_EMAIL_MAX];
};

/** Sets nothing. */
void person_edit_init(struct person_edit *e);
/** Add one that is not there yet; label NULL or "": from the number. E_TOOBIG past the maximum. */
int person_edit_phone(struct person_edit *e, const char *e164, const char *label,
                      const char *raw) MUST_CHECK;
int person_edit_email(struct person_edit *e, const char *address) MUST_CHECK;
/** "mobile", "landline", "service" or "other", from the number alone. */
const char *phone_label_of(const char *e164);

enum put { PUT_SAME, PUT_NEW, PUT_CHANGED };

/** A new person; *id. E_CONSTRAINT when the key is taken. */
int repo_person_insert(struct db *db, const struct person_edit *e, int64_t now,
                       int64_t *id) MUST_CHECK;
/** Set what differs; PUT_SAME (version kept) or PUT_CHANGED (version + 1). */
int repo_person_update(struct db *db, int64_t id, const struct person_edit *e, int64_t now,
                       enum put *what) MUST_CHECK;
/** By key: insert or update. */
int repo_person_put(struct db *db, const struct person_edit *e, int64_t now, int64_t *id,
                    enum put *what) MUST_CHECK;
/** Raise the version after a change to what hangs on the person. */
int repo_person_bump(struct db *db, int64_t id, int64_t now) MUST_CHECK;

/** A tenure is known by (person, unit, role, from). Days, 0: open. */
int repo_tenure_put(struct db *db, int64_t person_id, int64_t unit_id, enum tenure_role role,
                    int64_t from_on, int64_t to_on, enum put *what) MUST_CHECK;
/** A car is known by its plate, however it is written (domain/plate.h). E_INVALID for none. */
int repo_vehicle_put(struct db *db, int64_t person_id, const char *plate, const char *space,
                     enum put *what) MUST_CHECK;
/** Drop all, before a list is set as a whole. */
int repo_tenures_clear(struct db *db, int64_t person_id) MUST_CHECK;
int repo_vehicles_clear(struct db *db, int64_t person_id) MUST_CHECK;
