/*
 * digest.c - when the daily digest is due, and its sending exactly once.
 */
#include "service/reports/digest.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/zone.h"
#include "service/messages/outbox.h"
#include "service/reports/reports.h"
#include "service/tell/tell.h"

#define LOOK_MS  250
#define TEXT_MAX 16384

struct digest_sender {
    struct digest_opts opts; /* site: a reference */
    struct loop_timer *timer;
    int32_t done_day; /* the last day that was seen to */
    bool busy, started;
};

/* One day's sending: read, then written. */
struct sending {
    struct digest_sender *ds;
    struct site *site;       /* a reference */
    int32_t today;           /* the day on which it is sent */
    struct digest_day about; /* the day before */
    struct buf text;
    bool sent_before;
};

/* ---- writing ---- */

/* By e-mail, else by SMS; who has neither sees it at the desk (GET /reports/digest). */
static int send_one(const struct digest_opts *o, struct ledger_tx *tx, const char *account,
                    const char *text, int *sent)
{
    static const char *const channels[] = {"email", "sms"};
    struct outbox_param params[] = {{"text", text, 0}};
    struct errmsg why = {""};
    int rc = E_NOTFOUND;
    for (size_t i = 0; i < ARRAY_LEN(channels) && rc == E_NOTFOUND; i++) {
        struct outbox_message m = {.channel = channels[i],
                                   .message_class = "staff",
                                   .account = account,
                                   .template_name = "digest",
                                   .params = params,
                                   .n_params = ARRAY_LEN(params)};
        rc = outbox_enqueue(o->outbox, tx, &m, NULL, &why);
    }
    *sent += rc == 0;
    return rc < 0 ? tell_not_sent(o->tell, tx, rc, 0, &why) : 0;
}

static int sending_run(struct ledger_tx *tx, void *arg)
{
    struct sending *s = arg;
    const struct digest_opts *o = &s->ds->opts;
    struct tell_scope scope = {.tell = o->tell, .tx = tx};
    struct told told = {.n = 0};
    bool mine = false;
    int sent = 0;
    int rc = repo_report_mark_sent(ledger_db(tx), s->today, ledger_now(tx), &mine);
    if (rc < 0 || !mine || !s->text.len)
        return rc;
    rc = tell_resolve(&scope, &s->site->reports.digest_tell, &told);
    for (size_t i = 0; rc == E_OK && i < told.n; i++)
        rc = send_one(o, tx, told.names[i], buf_str(&s->text), &sent);
    if (rc == E_OK && !sent)
        rc = tell_alert(o->tell, tx, "nobody_found", 0, "the digest of complaints reached nobody");
    return rc;
}

static void sending_end(struct sending *s, bool seen_to)
{
    s->ds->busy = false;
    if (seen_to)
        s->ds->done_day = s->today;
    site_unref(&s->site);
    buf_free(&s->text);
    free(s);
}

static void sending_done(void *arg, int rc, const struct errmsg *why)
{
    if (rc < 0 && rc != E_CANCELLED)
        log_warn(NULL, "digest: it could not be sent, it is tried again: %s", why ? why->text : "");
    sending_end(arg, rc == 0);
}

/* ---- reading ---- */

static int text_run(struct db *db, void *arg)
{
    struct sending *s = arg;
    int rc = repo_report_was_sent(db, s->today, &s->sent_before);
    buf_reset(&s->text);
    return rc < 0 || s->sent_before ? rc : digest_text(db, s->site, &s->about, &s->text);
}

static void text_done(void *arg, int rc)
{
    struct sending *s = arg;
    struct ledger_cmd cmd = {.name = "digest", .run = sending_run, .done = sending_done, .arg = s};
    if (rc < 0 || s->sent_before || !s->ds->started) {
        sending_end(s, rc == 0 && s->sent_before);
        return;
    }
    if (ledger_submit(s->ds->opts.ledger, &cmd))
        sending_end(s, false);
}

static void begin(struct digest_sender *ds, int32_t today)
{
    struct sending *s = xcalloc(1, sizeof(*s));
    s->ds = ds;
    s->site = site_ref(ds->opts.site);
    s->today = today;
    s->about = (struct digest_day){.day = today - 1,
                                   .from = zone_moment(ds->opts.site->zone, today - 1, 0),
                                   .to = zone_moment(ds->opts.site->zone, today, 0)};
    s->text = (struct buf)BUF_CUT(TEXT_MAX);
    struct ledger_read read = {.name = "digest", .run = text_run, .done = text_done, .arg = s};
    ds->busy = true;
    if (ledger_read(ds->opts.ledger, &read, false))
        sending_end(s, false);
}

/* ---- the clock ---- */

static void look(void *arg)
{
    struct digest_sender *ds = arg;
    int64_t now = clock_now_ms();
    int32_t today = site_today(ds->opts.site, now);
    if (!ds->started)
        return;
    loop_timer_arm(ds->timer, LOOK_MS);
    if (ds->busy || ds->done_day == today || ds->opts.site->reports.digest_tell.n == 0)
        return;
    if (now >= zone_moment(ds->opts.site->zone, today, (int)ds->opts.site->reports.digest_at))
        begin(ds, today);
}

/* ---- start and stop ---- */

struct digest_sender *digest_new(const struct digest_opts *opts, struct errmsg *why)
{
    struct digest_sender *ds;
    ds = xcalloc(1, sizeof(*ds));
    ds->opts = *opts;
    ds->opts.site = site_ref(opts->site);
    ds->timer = loop_timer_new(opts->loop, look, ds);
    return ds;
}

void digest_start(struct digest_sender *ds)
{
    ds->started = true;
    loop_timer_arm(ds->timer, LOOK_MS);
}

void digest_set_site(struct digest_sender *ds, struct site *site)
{
    site_unref(&ds->opts.site);
    ds->opts.site = site_ref(site);
}

void digest_stop(struct digest_sender *ds)
{
    ds->started = false;
    loop_timer_disarm(ds->timer);
}

void digest_free(struct digest_sender **dsp)
{
    struct digest_sender *ds = *dsp;
    if (!ds)
        return;
    loop_timer_free(&ds->timer);
    site_unref(&ds->opts.site);
    free(ds);
    *dsp = NULL;
}
