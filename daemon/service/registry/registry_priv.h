/*
 * registry_priv.h - what the files of the registry share.
 */
#pragma once
#include <pthread.h>
#include "domain/site.h"
#include "service/registry/registry.h"
#include "service/registry/search.h"
#include "store/repo_card.h"
#include "store/repo_person.h"

#define REGISTRY_LISTENERS_MAX 8

struct registry {
    struct ledger *ledger;
    pthread_mutex_t mutex; /* of rules and site */
    struct number_rules rules;
    struct site *site; /* referenced; NULL: none was given */
    struct search *search;
    struct {                 /* refreshing the search block; loop thread */
        bool running, again; /* a job is out; everything is to be read anew */
        int64_t *ids;        /* persons to read again */
        size_t n, cap;
    } refresh;
    struct { /* keeping cards; loop thread */
        bool quiet;
        bool running, everybody; /* a job is out; persons above `after` are to be looked through */
        int64_t after;
        int64_t *ids; /* persons whose card is to be kept */
        size_t n, cap;
    } keep;
    struct {
        registry_changed_cb *fn;
        void *ctx;
    } listeners[REGISTRY_LISTENERS_MAX];
    int listeners_n;
};

/** Tell the listeners after the commit; ids are copied, n 0: everybody. */
void registry_changed(struct registry *r, struct ledger_tx *tx, const int64_t *ids, size_t n);
/** The same with the person's household. */
int registry_changed_household(struct registry *r, struct ledger_tx *tx,
                               int64_t person_id) MUST_CHECK;

/** Read these persons into the search block again; n 0: everybody. Loop thread. */
void registry_refresh(struct registry *r, const int64_t *ids, size_t n);

/** Notes a person whose record was written; seen may be NULL. */
void registry_see(struct registry_seen *seen, int64_t person_id);

/* ---- one card ---- */

/** What a CARD says of what happened; where `recent` stands in the output. */
struct registry_news {
    unsigned recent; /* enum person_recent: what the person has any of */
    bool open;       /* after: has open tickets */
    size_t recent_from, recent_to;
};

/** A person's rows. person_tenures_free() its tenures. */
struct registry_card {
    struct person_row row;
    struct person_tenures tenures;
    char phone_label[PERSON_WORD_MAX];
    bool all_tenures; /* ended ones, too, with their ends */
    int32_t today;
    struct registry_news news;
};
/** All but the label. E_NOTFOUND. */
int registry_card_load(struct db *db, int64_t id, int32_t today,
                       struct registry_card *c) MUST_CHECK;
/** The fields of a CARD into the open object, in the order of the contract; its parts, of which
 * phone_label stands behind the head and the steward behind the body. */
int registry_card_fields(struct db *db, struct registry_card *c, struct jw *w) MUST_CHECK;
void registry_card_head(const struct registry_card *c, struct jw *w);
int registry_card_body(struct db *db, const struct registry_card *c, struct jw *w) MUST_CHECK;
void registry_card_steward(const char *user, const char *name, struct jw *w);
void registry_card_consent(const struct registry_card *c, struct jw *w);
int registry_card_news(struct db *db, int64_t id, struct registry_news *news,
                       struct jw *w) MUST_CHECK;
void registry_card_satisfaction(const struct registry_card *c, struct jw *w);

/* Lists of a card (card_lists.c): each writes one JSON value. */
int registry_household_json(struct db *db, int64_t person_id, int32_t today,
                            struct jw *w) MUST_CHECK;
int registry_vehicles_json(struct db *db, int64_t person_id, struct jw *w) MUST_CHECK;
int registry_open_tickets_json(struct db *db, int64_t person_id, struct jw *w) MUST_CHECK;
/** The latest five of the kinds in `which` (enum person_recent), latest first. */
int registry_recent_json(struct db *db, int64_t person_id, unsigned which, struct jw *w) MUST_CHECK;
int registry_phones_json(struct db *db, int64_t person_id, struct jw *w) MUST_CHECK;
/** {"+86…":"mobile",…} */
int registry_phone_labels_json(struct db *db, int64_t person_id, struct jw *w) MUST_CHECK;
int registry_emails_json(struct db *db, int64_t person_id, struct jw *w) MUST_CHECK;

/* ---- kept cards ---- */

#define REGISTRY_NOT_KEPT 1

/** The candidates of a number from kept cards, sorted, their objects into the open array of w:
 * 0; REGISTRY_NOT_KEPT (whatever was written is void) when the tables must be read; or an error. */
int registry_kept_cards(struct db *db, const char *e164, int32_t today, struct registry_found *out,
                        struct jw *w) MUST_CHECK;
/** Who it is: 0, REGISTRY_NOT_KEPT, or an error. */
int registry_kept_caller(struct db *db, const char *e164, int32_t today,
                         struct registry_caller *out) MUST_CHECK;
/** Keeps the card of a person unless it is kept already; nothing happens if there is no person. */
int registry_kept_make(struct db *db, int64_t id, int32_t today) MUST_CHECK;
/** Certain before likely before former, then by role, then by id: the order of a pop's owners. */
int registry_owner_order(const void *a, const void *b);
/** Loop thread: keep the cards of everybody. */
void registry_keep_all(struct registry *r);
