/*
 * site.h - the site's configuration as every other part reads it: typed, immutable, refcounted.
 *
 * It is made from steward.yaml and plugins.d/ by site_load(), which reports every fault of all
 * files in one run. A reload makes a second one beside it and swaps. Whoever keeps a pointer across
 * turns of the loop, or hands one to another thread, holds a reference. Text is never NULL unless a
 * field says so. Lists keep the order of the file.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"
#include "domain/lang.h"
#include "domain/policy.h"
#include "domain/zone.h"

/* ---- calendars ---- */

/** Minutes since midnight, 0 <= from < to <= 1440. */
struct site_hours {
    int from, to;
};

struct site_day {
    struct site_hours *spans; /* ascending, not overlapping */
    size_t spans_n;
};

/** Working hours as written. domain/calendar.h makes a calendar of it. */
struct site_calendar {
    char *name;
    char *timezone;          /* IANA name; never empty: the site's when not written */
    struct site_day days[7]; /* Monday first */
    struct conf_texts
        holidays; /* iCalendar files, absolute paths: days off, and make-up working days */
};

/* ---- who does what ---- */

struct site_department {
    char *name; /* its key: "engineering" */
    struct local_text title;
    char *head; /* account; NULL if not named */
};

struct site_category {
    char *name;
    struct local_text title;
    char *department;        /* NULL if none */
    char *policy;            /* NULL: tickets.policy */
    struct local_text guide; /* may be empty */
    char *kind;              /* repair, complaint, enquiry, suggestion, praise */
    int64_t priority;        /* 1 to 4 */
};

/* ---- listening ---- */

/** A TCP address as written, "127.0.0.1:7070" or "[::1]:7070"; set is false for "none". */
struct site_address {
    bool set;
    char host[256];
    uint16_t port; /* 0: any free one */
};

struct site_tls {
    char *certificate, *key; /* PEM files, absolute paths; NULL: no TLS */
    struct conf_texts ports; /* where it is spoken: "line", "http" */
    int line, column;        /* of the certificate in the file; 0: not written */
};

/* ---- messages ---- */

struct site_sms {
    char *gateway;   /* instance name; may have no instance yet: its messages wait */
    char *signature; /* put before the text as 【…】; NULL: none */
    char *fallback;  /* "email" or "none" */
};

struct site_email {
    char *gateway;
    char *from; /* NULL: the gateway's own */
};

/** The approved template of a provider, by our template's name and language. */
struct site_provider_template {
    char *name;
    struct local_text id;
};

/* ---- care ---- */

/** One row of care: what is done how long after a unit's date. */
struct site_care {
    char *name;
    char *after; /* "delivery" or "tenure" */
    struct span *at;
    size_t at_n;
    char *what;     /* "callback", "message", "ticket" */
    char *template; /* NULL if none */
    char *category; /* of a ticket; NULL if none */
};

/* ---- plugins ---- */

/** One instance of a plugin: a file under plugins.d/. */
struct site_instance {
    char *plugin; /* the module's name: "cti_ami" */
    char *name;   /* this instance's name, unique */
    char *file;   /* absolute path, for messages and relative paths in it */
    struct conf_node
        *node; /* the whole file; checked against the plugin's table by conf_plugin_load() */
};

struct site_group_alert {
    struct conf_texts same; /* building, riser, category, estate; empty: no alert */
    int64_t owners;
    struct span within;
    struct conf_texts tell;
};

struct site {
    int refs;          /* site_ref, site_unref alone */
    char *file;        /* absolute path of steward.yaml */
    char *dir;         /* its folder */
    struct zone *zone; /* of site.timezone, read once; NULL (UTC) in a site that is not yet whole */

    struct {
        char *name;
        enum lang lang;
        char *timezone;
        char *public_url; /* "https://desk.example.com" without a slash at its end; NULL if not
                             given */
    } site;

    struct {
        char *driver;  /* "sqlite" */
        char *path;    /* absolute; the driver's `where` */
        char *backups; /* absolute; NULL: no backups over the network */
    } store;

    struct {
        struct site_address line, http;
        char *control;   /* absolute path of the Unix socket; "" for none */
        char *dev_token; /* the machine account `dev`; NULL: there is none. Secret */
        struct site_tls tls;
    } listen;

    struct {
        char *country;
        struct conf_texts alt_countries;
        char *area_code; /* "" if none, and so the other prefixes */
        char *outside_prefix;
        struct conf_texts carrier_prefixes;
        char *outbound_number; /* NULL if none */
    } numbering;

    struct {
        char *open_on; /* "answered", "wrap_up", "manual" */
        char *policy;  /* for tickets without category */
        struct span reopen_within;
        int64_t sample; /* percent of the staff's confirmations that a supervisor rings */
        struct site_group_alert group_alert;
    } tickets;

    struct {
        struct {
            int64_t from, to; /* minutes since midnight by site.timezone; equal: no quiet hours */
        } quiet;
        struct site_sms sms;
        struct site_email email;
        char *templates; /* absolute path of a folder; may not be there */
        struct site_provider_template *provider_templates;
        size_t provider_templates_n;
        struct span expire_after; /* a message that could not be sent for so long is `expired` */
    } messages;

    struct {
        char *policy; /* whose `claim` clock a callback carries */
        int64_t tries;
    } callbacks;

    struct {
        struct span forget_after;
    } calls;

    struct {
        int64_t digest_at; /* minutes since midnight by site.timezone */
        struct conf_texts digest_tell;
    } reports;

    struct {
        char *path; /* absolute folder of the modules; NULL: ../lib/steward beside the program */
        char *instances; /* absolute folder of the instances' files */
    } plugins;

    struct {
        char *level; /* debug, info, warn, error */
    } log;

    struct conf_texts packs; /* files whose policies were taken in */
    struct site_calendar *calendars;
    size_t calendars_n;
    struct site_department *departments;
    size_t departments_n;
    struct site_category *categories;
    size_t categories_n;
    struct policy *policies;
    size_t policies_n;
    struct site_care *care;
    size_t care_n;
    struct site_instance *instances; /* of plugins.d, by file name */
    size_t instances_n;
};

/**
 * Read and check file and its plugins.d. NULL when there was a fault; every fault and warning is in
 * faults either way, in the order of the files' lines.
 */
struct site *site_load(const char *file, struct conf_faults *faults) MUST_CHECK;
/** The same from text, for tests: file names it in messages and gives the folder of relative paths;
 * no plugins.d is read. */
struct site *site_load_text(const char *file, const char *text, size_t len,
                            struct conf_faults *faults) MUST_CHECK;
struct site *site_ref(struct site *s);
void site_unref(struct site **s);

/**
 * The one day of the site: the date that its clocks show at a moment (milliseconds UTC), as days
 * since 1970-01-01. Whatever begins or ends by date (tenures, reports, plans) is held against it.
 */
int32_t site_today(const struct site *s, int64_t now);

/* Look-ups by name; NULL when there is none. `always` and `standard` are always there. The pointers
 * live as long as the site. */
const struct site_calendar *site_calendar(const struct site *s, const char *name);
const struct policy *site_policy(const struct site *s, const char *name);
const struct site_department *site_department(const struct site *s, const char *name);
const struct site_category *site_category(const struct site *s, const char *name);
const struct site_instance *site_instance(const struct site *s, const char *name);
/** The provider's template for ours in that language; NULL if none is configured. */
const char *site_provider_template(const struct site *s, const char *name, enum lang lang);

/** What is known of a ticket when its policy is chosen; NULL or 0 where unknown. */
struct policy_facts {
    const char *category, *kind, *segment, *channel, *estate;
    const char *const *flags; /* NULL-terminated, may be NULL */
    int priority;
};
/**
 * The policy of such a ticket: the first in the file with a `when` that holds, else the category's,
 * else tickets.policy. Never NULL.
 */
const struct policy *site_policy_for(const struct site *s, const struct policy_facts *facts);

/** Call fn for every account that the file names (heads, `tell` that is no role): what names it,
 * and the account. An account may come several times. */
void site_each_account(const struct site *s,
                       void (*fn)(void *ctx, const char *where, const char *account), void *ctx);

/** The same for every role that a policy's `tell` names: "manager". */
void site_each_role(const struct site *s,
                    void (*fn)(void *ctx, const char *where, const char *role), void *ctx);

/**
 * What differs between two configurations: key names ("listen.http") and instances ("plugin
 * pbx-a") that can be taken while running go to `now`, those that need a restart to `later`; both
 * are lists joined by ", ", empty if none.
 */
void site_diff(const struct site *old, const struct site *now_site, struct buf *now,
               struct buf *later);
/** The whole configuration as JSON with defaults filled in and secrets as "***". */
void site_to_json(const struct site *s, struct buf *out);
/** The site's part of docs/configuration.md. */
void site_document(struct buf *out);
