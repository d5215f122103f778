/*
 * registry.h - owners, their homes and cars: cards by number, lists, changes, search.
 *
 * Reading functions take a db and run wherever SQL may run (a reader's job inside its read
 * transaction, a ledger command). Changing functions run inside a ledger command; when it
 * commits, everybody registered with registry_on_person_changed() is told on the loop.
 *
 * Needs the spine, and the site's day (site_today()) as a parameter.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "domain/match.h"
#include "domain/number.h"
#include "domain/radar.h"
#include "spine/ledger.h"

struct registry;
struct site;

struct registry_opts {
    struct ledger *ledger;
    const struct number_rules *rules; /* copied */
    struct site *site;                /* whose day it is; NULL: UTC (tests) */
};

/** Loop thread. Starts building the search block through a reader. */
struct registry *registry_new(const struct registry_opts *opts);
/** Begins no work of its own any more: the daemon is stopping. */
void registry_quiet(struct registry *r);
/** After ledger_free(). */
void registry_free(struct registry **r);
/** After a reload. Thread-safe. */
void registry_set_site(struct registry *r, struct site *site, const struct number_rules *rules);
/** site_today() of the site as it was last set. Thread-safe. Whatever is asked below by `today`, a
 * day since 1970-01-01, is asked by this one. */
int32_t registry_today(struct registry *r, int64_t now);
/** A reference to that site, NULL if none was given. Thread-safe. */
struct site *registry_site(struct registry *r) MUST_CHECK;
/** Thread-safe copy. */
void registry_rules(struct registry *r, struct number_rules *out);
/** Loop thread: these persons' cards changed (their own rows, or a home that they share).
 * ids NULL: everybody's may have (after an import). */
typedef void registry_changed_cb(void *ctx, const int64_t *ids, size_t n);
void registry_on_person_changed(struct registry *r, registry_changed_cb *fn, void *ctx);
/** Tell them, from within a command of any service that changes what cards show. */
void registry_touch(struct registry *r, struct ledger_tx *tx, int64_t person_id);

/* ---- who is this number ---- */

#define REGISTRY_FOUND_MAX 10
#define REGISTRY_HOMES_MAX 8

/** Persons whose record was written, for whoever notes who saw whom. Start with {0}; the ids are to
 * be freed. Where a function takes one, it may be NULL. */
struct registry_seen {
    int64_t *ids;
    size_t n, cap;
};

/** One candidate; its object {CARD…,"certainty":…,"reason":…} is json[from, to) of the found. */
struct registry_owner {
    int64_t id;
    enum match_certainty certainty;
    enum tenure_role role; /* of the best tenure */
    char name[128];
    char reason[256];
    size_t from, to;
    size_t recent_from, recent_to;                /* where `recent` stands in it */
    int score;                                    /* of the last survey; -1: none */
    bool has_tickets;                             /* open ones */
    struct radar_scope homes[REGISTRY_HOMES_MAX]; /* where they live now */
    size_t homes_n;
};

struct registry_found {
    const char *match; /* "one", "many", "none" */
    int n;
    struct registry_owner owners[REGISTRY_FOUND_MAX];
    struct buf json; /* the array `owners` of a pop: "[{…},{…}]" */
    uint64_t digest; /* of everything in json but `recent`: equal means no update is due */
    bool unkept;     /* a holder has no kept card: registry_keep() makes the next time quicker */
};

/**
 * Candidates of a number (E.164 or "86:95588") on a day, by the rules of domain/match.h.
 * About 6 us from kept cards, else 30 us a candidate; the caller is inside a read transaction. Call
 * registry_found_free() after it, whatever it returned. NULL or "" finds none.
 */
int registry_cards(struct db *db, const char *e164, int32_t today,
                   struct registry_found *out) MUST_CHECK;
void registry_found_free(struct registry_found *f);

/** Loop thread: keep these persons' cards, so that the next pop reads one row instead of a dozen.
 * It is done behind other work, and may be left out. */
void registry_keep(struct registry *r, const int64_t *ids, size_t n);

/** Who a number is, without anybody's card. */
struct registry_caller {
    const char *match; /* "one", "many", "none" */
    int64_t person_id; /* of "one"; else 0 */
    bool certain;      /* that it is this person */
};
/** By the same rules as registry_cards(); on any connection, the ledger's too. */
int registry_caller(struct db *db, const char *e164, int32_t today,
                    struct registry_caller *out) MUST_CHECK;

/** CARD of one person as a JSON value; E_NOTFOUND writes nothing. */
int registry_card_json(struct db *db, int64_t person_id, int32_t today, struct jw *w) MUST_CHECK;
/** CARD plus phones, emails, dated tenures (past ones too), key, version: GET /owners/{id}. */
int registry_person_json(struct db *db, int64_t person_id, int32_t today, struct jw *w,
                         struct registry_seen *seen) MUST_CHECK;
/** The answer of GET /owners?phone=: {"match":…,"items":[{"owner":CARD,"certainty":…,"reason":…}]}.
 */
int registry_phone_json(struct db *db, const char *e164, int32_t today, struct jw *w,
                        struct registry_seen *seen) MUST_CHECK;

/**
 * Ids of the persons who hold a unit together with this one, the person first; at most max.
 * Returns how many, or an error.
 */
int registry_household(struct db *db, int64_t person_id, int32_t today, int64_t *ids,
                       int max) MUST_CHECK;

/** A person's row for messages: name, language, consent. E_NOTFOUND. */
struct registry_person {
    int64_t id, version;
    char name[128], language[16], segment[64];
    char flags[256];             /* words joined by ';' */
    char phone[NUMBER_TEXT_MAX]; /* first one that can be told things, mobiles before others; "" */
    char email[256];             /* first one, "" if none */
    bool sms, mail, call, marketing;
};
int registry_person_get(struct db *db, int64_t person_id, struct registry_person *out) MUST_CHECK;

/* ---- units and estates ---- */

struct registry_unit_filter {
    const char *estate, *building, *unit; /* names; NULL: any */
    int64_t after_id;                     /* cursor */
    int limit;                            /* 1 to 500 */
};
/** Append {"id","estate","building","unit","name","area_m2","delivered_on","steward"} objects to
 * the open array of w; *next is the cursor of the next page, 0 if there is none. */
int registry_units_json(struct db *db, const struct registry_unit_filter *f, struct jw *w,
                        int64_t *next) MUST_CHECK;
/** One unit, with the tenures on it; E_NOTFOUND. */
int registry_unit_json(struct db *db, int64_t unit_id, int32_t today, struct jw *w) MUST_CHECK;
/** Append {"id","name","buildings":[{"id","name","steward","units"}]} objects to the open array. */
int registry_estates_json(struct db *db, int64_t after_id, int limit, struct jw *w,
                          int64_t *next) MUST_CHECK;
/** Where a unit is; texts "" and E_NOTFOUND if there is none. */
struct registry_place {
    int64_t unit_id, building_id, estate_id;
    char estate[128], building[64], unit[64], steward[65];
};
int registry_place_get(struct db *db, int64_t unit_id, struct registry_place *out) MUST_CHECK;

/* ---- changing (inside a ledger command) ---- */

/**
 * POST /owners. body: {"name" (required), "key", "language", "segment", "tier", "tier_since",
 * "flags":[…], "phones":["138…" or {"number","label"}], "emails":[…],
 * "consent":{"sms","email","call","marketing"},
 * "tenures":[{"unit_id" or "estate","building","unit"; "role","from","to"}],
 * "vehicles":[{"plate","space"}]}. Unknown fields are E_INVALID; the text names the field.
 */
int registry_create(struct registry *r, struct ledger_tx *tx, const json_t *body, const char *by,
                    int64_t *id) MUST_CHECK;
/**
 * PATCH /owners/{id}: the same fields, those given are set (lists as a whole). version: of
 * If-Match, 0 when absent; E_STALE if it is not the current one. E_NOTFOUND.
 */
int registry_change(struct registry *r, struct ledger_tx *tx, int64_t id, int64_t version,
                    const json_t *body, const char *by) MUST_CHECK;

/**
 * Forget a person: what calls, messages, callbacks and the registry say of them is emptied, what
 * waits to be sent is called off; the id stays. tickets_erase_person() goes before it. E_NOTFOUND.
 */
int registry_erase(struct registry *r, struct ledger_tx *tx, int64_t id) MUST_CHECK;

/* ---- search ---- */

/**
 * Persons whose name, pinyin initials, phone, plate, e-mail, key or unit contains every word of
 * q: the ids ascending, above after_id, at most max. Thread-safe; 2 ms for 300,000 persons.
 * Returns how many; E_BUSY while the block is still being built.
 */
int registry_search(struct registry *r, const char *q, int64_t after_id, int64_t *ids,
                    int max) MUST_CHECK;
/** One '@', a dot in the domain, nothing that could break a header; not more. */
bool registry_is_email(const char *s);
/** The page of GET /owners?q= (q NULL: everybody): appends {"owner":CARD-with-phones} items… as
 * registry_person_json to the open array of w; *next is the next cursor or 0. For a reader's job.
 */
int registry_search_json(struct registry *r, struct db *db, const char *q, int64_t after_id,
                         int limit, int32_t today, struct jw *w, int64_t *next,
                         struct registry_seen *seen) MUST_CHECK;

/** Everybody's card may have changed; search says to read everybody anew, too: after an import.
 * Loop thread. */
void registry_tell_everybody(struct registry *r, bool search);
