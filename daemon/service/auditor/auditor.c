/*
 * auditor.c - the background walk: a few histories a read, a pause, and an alert when one is wrong.
 * A chain that does not hold is wrong at once; a step that seems to be missing is looked for again
 * in the next pass first, for it may only be late.
 */
#include "service/auditor/auditor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/ticket_id.h"
#include "service/tell/tell.h"

#define CHUNK    100  /* histories of one read */
#define QUICK_MS 20   /* between reads of the first pass */
#define SLOW_MS  1000 /* later */
#define REST_MS  2000 /* between passes */

struct auditor {
    struct auditor_opts opts;
    struct loop_timer *timer;
    int64_t after;               /* the last ticket read of this pass */
    bool first;                  /* pass */
    struct audit_report found;   /* of this pass */
    struct audit_report present; /* what /readyz says */
    struct audit_report suspect; /* the first missing step of this pass … */
    int64_t suspected;           /* … and the ticket of the one of the pass before */
    int64_t alarmed;             /* ticket that the last alert was about */
    int64_t began, began_before; /* the present pass, and the one before: what is new since */
};

/* One read. */
struct chunk {
    struct auditor *auditor;
    int64_t after, last, now;
    struct audit_report report;
};

static int chunk_run(struct db *db, void *arg)
{
    struct chunk *c = arg;
    return audit_tickets(db, c->auditor->opts.clocks, c->now, c->after, CHUNK, &c->last,
                         &c->report);
}

/* ---- the alert ---- */

struct alarm {
    struct tell *tell;
    const char *kind;
    int64_t ticket_id;
    char text[320];
};

static int alarm_run(struct ledger_tx *tx, void *arg)
{
    struct alarm *a = arg;
    return tell_alert(a->tell, tx, a->kind, a->ticket_id, a->text);
}

static void alarm_done(void *arg, int rc, const struct errmsg *why)
{
    (void)rc;
    (void)why;
    free(arg);
}

static void alarm(struct auditor *a, const char *kind, int64_t ticket_id, const char *what)
{
    struct alarm *alarm = xcalloc(1, sizeof(*alarm));
    char id[TICKET_ID_TEXT];
    alarm->tell = a->opts.tell;
    alarm->kind = kind;
    alarm->ticket_id = ticket_id;
    snprintf(alarm->text, sizeof(alarm->text), "%s: %s", ticket_id_format(ticket_id, id), what);
    log_error(NULL, "auditor: %s", alarm->text);
    struct ledger_cmd cmd = {
        .name = "audit_alert", .run = alarm_run, .done = alarm_done, .arg = alarm};
    if (ledger_submit(a->opts.ledger, &cmd))
        free(alarm);
}

static void raise_alarm(struct auditor *a, const struct audit_report *r)
{
    a->present = *r;
    if (a->alarmed == r->ticket_id)
        return;
    a->alarmed = r->ticket_id;
    alarm(a, r->broken ? "history_broken" : "step_missing", r->ticket_id, r->text);
}

/* ---- passes ---- */

/* A missing step counts once it is missing in two passes. */
static void judge(struct auditor *a, const struct audit_report *r)
{
    if (r->missing && !a->suspect.missing)
        a->suspect = *r;
    if (r->missing && a->suspected != r->ticket_id)
        return;
    if (!a->found.broken && !a->found.missing)
        a->found = *r;
    raise_alarm(a, r);
}

static void end_pass(struct auditor *a)
{
    if (!a->found.broken && !a->found.missing) {
        memset(&a->present, 0, sizeof(a->present));
        a->alarmed = 0;
    }
    memset(&a->found, 0, sizeof(a->found));
    a->suspected = a->suspect.ticket_id;
    memset(&a->suspect, 0, sizeof(a->suspect));
    a->after = 0;
    a->first = false;
    loop_timer_arm(a->timer, REST_MS);
}

static void chunk_done(void *arg, int rc)
{
    struct chunk *c = arg;
    struct auditor *a = c->auditor;
    if (rc == E_OK && (c->report.broken || c->report.missing))
        judge(a, &c->report);
    if (rc == E_OK && c->report.odd_ticket)
        alarm(a, "step_odd", c->report.odd_ticket, c->report.odd);
    if (rc == E_OK)
        a->after = c->last;
    if (rc == E_OK && c->last == 0)
        end_pass(a);
    else
        loop_timer_arm(a->timer, a->first ? QUICK_MS : SLOW_MS);
    free(c);
}

static void look(void *arg)
{
    struct auditor *a = arg;
    struct chunk *c = xcalloc(1, sizeof(*c));
    struct ledger_read read = {.name = "audit", .run = chunk_run, .done = chunk_done, .arg = c};
    c->auditor = a;
    c->after = a->after;
    c->now = clock_now_ms();
    if (c->after == 0) {
        a->began_before = a->began;
        a->began = c->now;
    }
    c->report.odd_since = a->began_before;
    if (ledger_read(a->opts.ledger, &read, false)) {
        free(c);
        loop_timer_arm(a->timer, SLOW_MS);
    }
}

struct auditor *auditor_new(const struct auditor_opts *opts)
{
    struct auditor *a = xcalloc(1, sizeof(*a));
    a->opts = *opts;
    a->first = true;
    a->timer = loop_timer_new(opts->loop, look, a);
    return a;
}

void auditor_start(struct auditor *a)
{
    loop_timer_arm(a->timer, QUICK_MS);
}

void auditor_free(struct auditor **ap)
{
    if (!*ap)
        return;
    loop_timer_free(&(*ap)->timer);
    free(*ap);
    *ap = NULL;
}

void auditor_heard(struct auditor *a, const struct audit_report *report)
{
    a->found = *report; /* newer than what the pass under way has read, which must not undo it */
    if (report->broken || report->missing) {
        raise_alarm(a, report);
    } else {
        memset(&a->present, 0, sizeof(a->present));
        a->alarmed = 0;
    }
}

bool auditor_degraded(const struct auditor *a, struct audit_report *report)
{
    if (report)
        *report = a->present;
    return a->present.broken || a->present.missing;
}
