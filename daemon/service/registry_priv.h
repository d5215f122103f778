/*
 * registry_priv.h - what the files of the registry share.
 */
#pragma once
#include <pthread.h>
#include "domain/zone.h"
#include "service/registry.h"
#include "service/search.h"
#include "store/repo_person.h"

#define REGISTRY_LISTENERS_MAX 8

struct registry {
    struct ledger *ledger;
    pthread_mutex_t mutex; /* of rules */
    struct number_rules rules;
    struct search *search;
    struct {                 /* refreshing the search block; loop thread */
        bool running, again; /* a job is out; everything is to be read anew */
        int64_t *ids;        /* persons to read again */
        size_t n, cap;
    } refresh;
    struct {
        registry_changed_cb *fn;
        void *ctx;
    } listeners[REGISTRY_LISTENERS_MAX];
    int listeners_n;
};

/** The site's zone; NULL for UTC. It lives as long as the program. */
const struct zone *registry_zone(void);
/** The date at a moment in that zone. */
int32_t registry_today(int64_t now);

/** Tell the listeners after the commit; ids are copied, n 0: everybody. */
void registry_changed(struct registry *r, struct ledger_tx *tx, const int64_t *ids, size_t n);
/** The same with the person's household. */
int registry_changed_household(struct registry *r, struct ledger_tx *tx,
                               int64_t person_id) MUST_CHECK;

/** Loop thread: everybody's card may have changed; search says to read everybody anew, too. */
void registry_tell_everybody(struct registry *r, bool search);
/** Read these persons into the search block again; n 0: everybody. Loop thread. */
void registry_refresh(struct registry *r, const int64_t *ids, size_t n);
