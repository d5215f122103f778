/*
 * report_digest.c - one day's complaints: numbers, those that matter, and the text for directors.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/ticket_id.h"
#include "service/reports/reports.h"

#define ITEMS_MAX 100
#define LINES_MAX 10 /* of the text */

/* ---- text ---- */

struct writing {
    struct buf *out;
    bool english;
    int64_t lines;
};

static void put_line(void *ctx, const struct complaint_line *i)
{
    struct writing *w = ctx;
    bool en = w->english;
    char id[TICKET_ID_TEXT];
    if (w->lines++ >= LINES_MAX)
        return;
    buf_printf(w->out, "\n%s %s%s", ticket_id_format(i->ticket_id, id), i->subject,
               en ? " (" : "（");
    if (i->unit)
        buf_printf(w->out, "%s%s-%s%s", i->estate, i->building, i->unit, en ? ", " : "，");
    buf_adds(w->out, i->responder ? i->responder : en ? "nobody" : "无人负责");
    if (i->cycle > 1)
        buf_printf(w->out, en ? ", round %" PRId64 : "，第%" PRId64 "轮", i->cycle);
    if (i->overdue)
        buf_adds(w->out, en ? ", overdue" : "，超时");
    buf_adds(w->out, en ? ")" : "）");
}

static int write_text(struct db *db, const struct site *site, const struct digest_day *day,
                      const struct complaint_counts *d, struct buf *out)
{
    struct writing w = {.out = out, .english = site->site.lang == LANG_EN};
    char date[16];
    clock_format_date(day->day, date);
    buf_printf(out,
               w.english ? "Complaints of %s: %" PRId64 " opened, %" PRId64 " closed; %" PRId64
                           " open now, %" PRId64 " of them overdue."
                         : "%s 投诉：新增%" PRId64 "件，办结%" PRId64 "件；现未结%" PRId64
                           "件，其中超时%" PRId64 "件。",
               date, d->opened, d->closed, d->open, d->overdue);
    int rc = repo_report_complaint_each(db, day->from, day->to, ITEMS_MAX, put_line, &w);
    if (w.lines > LINES_MAX)
        buf_printf(out, w.english ? "\nand %" PRId64 " more" : "\n另有%" PRId64 "件",
                   w.lines - LINES_MAX);
    return rc;
}

int digest_text(struct db *db, const struct site *site, const struct digest_day *day,
                struct buf *out)
{
    struct complaint_counts d;
    int rc = repo_report_complaints(db, day->from, day->to, &d);
    if (rc < 0 || (!d.opened && !d.closed && !d.open))
        return rc;
    return write_text(db, site, day, &d, out);
}

/* ---- JSON ---- */

static void put_item(void *ctx, const struct complaint_line *i)
{
    struct jw *w = ctx;
    char id[TICKET_ID_TEXT];
    jw_obj(w);
    jw_kstr(w, "id", ticket_id_format(i->ticket_id, id));
    jw_kstr(w, "subject", i->subject);
    jw_kstr(w, "category", i->category);
    jw_kstr(w, "estate", i->estate);
    jw_kstr(w, "building", i->building);
    jw_kstr(w, "unit", i->unit);
    jw_kstr(w, "state", i->state);
    jw_kstr(w, "responder", i->responder);
    jw_ktime(w, "opened_at", i->opened_at);
    jw_kint(w, "cycle", i->cycle);
    jw_kint(w, "urges", i->urges);
    jw_kbool(w, "overdue", i->overdue);
    jw_end_obj(w);
}

int digest_json(struct db *db, const struct site *site, const struct digest_day *day, struct jw *w)
{
    struct buf text = BUF_CUT(65536);
    struct complaint_counts d = {0};
    char date[16];
    int rc = repo_report_complaints(db, day->from, day->to, &d);
    jw_obj(w);
    jw_kstr(w, "date", clock_format_date(day->day, date));
    jw_kint(w, "opened", d.opened);
    jw_kint(w, "closed", d.closed);
    jw_kint(w, "open", d.open);
    jw_kint(w, "overdue", d.overdue);
    jw_key(w, "items");
    jw_arr(w);
    if (rc == E_OK)
        rc = repo_report_complaint_each(db, day->from, day->to, ITEMS_MAX, put_item, w);
    jw_end_arr(w);
    if (rc == E_OK)
        rc = write_text(db, site, day, &d, &text);
    jw_kstr(w, "text", buf_str(&text));
    jw_end_obj(w);
    buf_free(&text);
    return rc;
}
