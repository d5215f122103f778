/*
 * One call folded from its events: a table of what PBXs send and what the call comes to, who
 * bears the card at each moment, and random orders, repeats and nonsense.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/call.h"

#define T0 1700000000000

/* ---- a small language: "MS KIND key=value …; …" ---- */

static const char *const kinds[STEWARD_EV_COUNT] = {
    [STEWARD_EV_ORIGINATED] = "originated",
    [STEWARD_EV_QUEUED] = "queued",
    [STEWARD_EV_DELIVERED] = "delivered",
    [STEWARD_EV_ESTABLISHED] = "established",
    [STEWARD_EV_HELD] = "held",
    [STEWARD_EV_RETRIEVED] = "retrieved",
    [STEWARD_EV_DIVERTED] = "diverted",
    [STEWARD_EV_TRANSFERRED] = "transferred",
    [STEWARD_EV_CONFERENCED] = "conferenced",
    [STEWARD_EV_CONNECTION_CLEARED] = "left",
    [STEWARD_EV_FAILED] = "failed",
    [STEWARD_EV_CLEARED] = "cleared",
};
static const char *const causes[STEWARD_CAUSE_COUNT] = {
    NULL,        "no_answer", "rejected",     "busy",           "elsewhere",
    "picked_up", "forwarded", "unregistered", "invalid_number", "congestion",
};
static const char *const directions[] = {NULL, "in", "out", "internal"};
static const char *const bys[] = {NULL, "caller", "agent", "system"};

static int word(const char *const *list, size_t n, const char *w)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] && text_eq(list[i], w))
            return (int)i;
    fail_msg("unknown word '%s'", w);
    return 0;
}

static void set_field(struct call_event *ev, const char *key, char *value)
{
    if (text_eq(key, "d"))
        ev->device = value;
    else if (text_eq(key, "q"))
        ev->queue = value;
    else if (text_eq(key, "to"))
        ev->to = value;
    else if (text_eq(key, "from"))
        ev->calling = value;
    else if (text_eq(key, "dialled"))
        ev->called = value;
    else if (text_eq(key, "dir"))
        ev->direction = (enum steward_direction)word(directions, ARRAY_LEN(directions), value);
    else if (text_eq(key, "by"))
        ev->by = (enum steward_by)word(bys, ARRAY_LEN(bys), value);
    else if (text_eq(key, "joined"))
        ev->joined = text_eq(value, "talking") ? JOINED_TALKING : JOINED_RINGING;
    else if (text_eq(key, "jd"))
        ev->joined_device = value;
    else
        fail_msg("unknown key '%s'", key);
}

static void read_one(char *text, struct call_event *ev)
{
    char *rest = NULL;
    memset(ev, 0, sizeof(*ev));
    ev->at = T0 + strtol(strtok_r(text, " ", &rest), NULL, 10);
    ev->kind = (enum steward_event_kind)word(kinds, STEWARD_EV_COUNT, strtok_r(NULL, " ", &rest));
    for (char *t = strtok_r(NULL, " ", &rest); t; t = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(t, '=');
        if (value)
            *value++ = '\0';
        if (value && text_eq(t, "cause"))
            ev->cause = (enum steward_cause)word(causes, STEWARD_CAUSE_COUNT, value);
        else if (value)
            set_field(ev, t, value);
        else if (text_eq(t, "outside"))
            ev->outside = true;
        else if (text_eq(t, "restricted"))
            ev->restricted = true;
        else if (text_eq(t, "blocked"))
            ev->blocked = true;
        else
            ev->transfer =
                text_eq(t, "attended") ? STEWARD_TRANSFER_ATTENDED : STEWARD_TRANSFER_BLIND;
    }
}

#define SCRIPT_MAX 24
struct script {
    char *text;
    struct call_event ev[SCRIPT_MAX];
    int n;
};

static void script_read(struct script *s, const char *text)
{
    char *rest = NULL, *parts[SCRIPT_MAX];
    s->text = xstrdup(text);
    s->n = 0;
    for (char *p = strtok_r(s->text, ";", &rest); p; p = strtok_r(NULL, ";", &rest))
        parts[s->n++] = p;
    for (int i = 0; i < s->n; i++)
        read_one(parts[i], &s->ev[i]);
}

/* ---- what it comes to, as text ---- */

static void describe(const struct call *c, int64_t now, char *out, size_t cap)
{
    struct buf b = BUF_INIT(4000);
    const struct call_offer *o;
    const struct call_transfer *t;
    int64_t answered = call_answered_at(c), ended = call_ended_at(c);
    int64_t from = call_queued_at(c) ? call_queued_at(c) : call_started_at(c);
    buf_printf(&b, "%s", call_state_name(call_state(c)));
    if (call_disposition(c))
        buf_printf(&b, " %s", call_disposition_name(call_disposition(c)));
    if (call_device(c))
        buf_printf(&b, " d=%s", call_device(c));
    if (answered || ended)
        buf_printf(&b, " wait=%ld", (long)((answered ? answered : ended) - from));
    if (answered && ended)
        buf_printf(&b, " talk=%ld", (long)(ended - answered));
    if (call_hold_ms(c, now))
        buf_printf(&b, " hold=%ld", (long)call_hold_ms(c, now));
    if (call_hung_up_by(c))
        buf_printf(&b, " by=%s", bys[call_hung_up_by(c)]);
    size_t n = call_offers(c, &o);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, " %s:%s", o[i].device,
                   o[i].result ? offer_result_name(o[i].result) : "ringing");
    n = call_transfers(c, &t);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, " %s>%s", t[i].from_device, t[i].to);
    text_copy(out, cap, buf_str(&b));
    buf_free(&b);
}

/* ---- who bears the card, as it changes: "+1001 -1001:no_answer" ---- */

struct watch {
    struct buf log;
    char shown[16][16];
    int n;
    const struct call *c;
};

static const char *const ends[] = {"cleared",   "elsewhere", "left",
                                   "no_answer", "rejected",  "transferred"};

static void seen(void *ctx, const char *device)
{
    struct watch *w = ctx;
    for (int i = 0; i < w->n; i++)
        if (text_eq(w->shown[i], device))
            return;
    text_copy(w->shown[w->n++], sizeof(w->shown[0]), device);
    buf_printf(&w->log, "%s+%s", w->log.len ? " " : "", device);
}

static void look(struct watch *w)
{
    for (int i = 0; i < w->n; i++) {
        if (call_shows(w->c, w->shown[i]))
            continue;
        buf_printf(&w->log, "%s-%s:%s", w->log.len ? " " : "", w->shown[i],
                   ends[call_end_reason(w->c, w->shown[i])]);
        memmove(w->shown[i], w->shown[i + 1], sizeof(w->shown[0]) * (size_t)(w->n - i - 1));
        w->n--;
        i--;
    }
    call_each_shown(w->c, seen, w);
}

/* ---- the table ---- */

struct row {
    const char *name, *events, *call, *pops;
};

static const struct row rows[] = {
    {"a direct call, answered",
     "0 delivered dir=in d=1001 from=138 dialled=400;1200 established d=1001;3200 cleared "
     "by=caller",
     "cleared answered d=1001 wait=1200 talk=2000 by=caller 1001:answered", "+1001 -1001:cleared"},
    {"ring-all in a queue: the losers' rings are withdrawn",
     "0 queued dir=in q=s;500 delivered d=1003 q=s;510 delivered d=1002;520 delivered d=1001;"
     "2000 established d=1002;4000 cleared by=caller",
     "cleared answered d=1002 wait=2000 talk=2000 by=caller 1003:withdrawn 1002:answered "
     "1001:withdrawn",
     "+1003 +1002 +1001 -1003:elsewhere -1001:elsewhere -1002:cleared"},
    {"the losers diverted before the answer is told",
     "0 queued dir=in q=s;500 delivered d=1001;500 delivered d=1002;2000 diverted d=1001 "
     "cause=elsewhere;2000 established d=1002;4000 cleared by=agent",
     "cleared answered d=1002 wait=2000 talk=2000 by=agent 1001:withdrawn 1002:answered",
     "+1001 +1002 -1001:elsewhere -1002:cleared"},
    {"no answer, then the next member",
     "0 queued dir=in q=s;500 delivered d=1002;4500 diverted d=1002 cause=no_answer;5500 delivered "
     "d=1003;6500 established d=1003;8500 cleared by=caller",
     "cleared answered d=1003 wait=6500 talk=2000 by=caller 1002:no_answer 1003:answered",
     "+1002 -1002:no_answer +1003 -1003:cleared"},
    {"the same phone rung twice pops twice",
     "0 queued dir=in q=s;1 delivered d=1001;2 diverted d=1001 cause=rejected;3 delivered d=1001;"
     "4 diverted d=1001 cause=no_answer",
     "queued 1001:rejected 1001:no_answer", "+1001 -1001:rejected +1001 -1001:no_answer"},
    {"abandoned while phones ring",
     "0 queued dir=in q=s;500 delivered d=1001;4000 cleared by=caller",
     "cleared abandoned wait=4000 by=caller 1001:withdrawn", "+1001 -1001:left"},
    {"the queue gave up, the caller left later",
     "0 queued dir=in q=s;6000 diverted d=s cause=no_answer;9000 cleared by=caller",
     "cleared missed wait=9000 by=caller", ""},
    {"abandoned with nobody there", "0 queued dir=in q=s;3000 cleared by=caller",
     "cleared abandoned wait=3000 by=caller", ""},
    {"the queue gives up",
     "0 queued dir=in q=s;1 delivered d=1001;900 diverted d=1001 cause=no_answer;1000 cleared "
     "by=system",
     "cleared missed wait=1000 by=system 1001:no_answer", "+1001 -1001:no_answer"},
    {"a direct call that nobody answers", "0 delivered dir=in d=1001;8000 cleared by=system",
     "cleared missed wait=8000 by=system 1001:no_answer", "+1001 -1001:no_answer"},
    {"a direct call whose caller gives up", "0 delivered dir=in d=1001;3000 cleared by=caller",
     "cleared missed wait=3000 by=caller 1001:withdrawn", "+1001 -1001:left"},
    {"busy: it never rang",
     "0 originated dir=in;200 failed d=1001 cause=busy;210 cleared by=system",
     "cleared busy wait=210 by=system 1001:busy", ""},
    {"refused after it rang",
     "0 delivered dir=in d=1001;200 diverted d=1001 cause=rejected;210 cleared by=system",
     "cleared busy wait=210 by=system 1001:rejected", "+1001 -1001:rejected"},
    {"one refused, one did not answer",
     "0 delivered dir=in d=1001;0 delivered d=1002;200 diverted d=1001 cause=busy;210 cleared "
     "by=system",
     "cleared missed wait=210 by=system 1001:rejected 1002:no_answer",
     "+1001 +1002 -1001:rejected -1002:no_answer"},
    {"nobody registered",
     "0 originated dir=in;3 failed d=1004 cause=unregistered;4 cleared by=system",
     "cleared failed wait=4 by=system", ""},
    {"blocked", "0 originated dir=in;4 cleared by=system blocked",
     "cleared blocked wait=4 by=system", ""},
    {"blind transfer",
     "0 delivered dir=in d=1001;500 established d=1001;1500 transferred d=1001 to=1002 blind;1500 "
     "delivered d=1002;2500 established d=1002;4500 cleared by=caller",
     "cleared answered d=1002 wait=500 talk=4000 by=caller 1001:answered 1002:answered 1001>1002",
     "+1001 -1001:transferred +1002 -1002:cleared"},
    {"blind transfer that nobody takes",
     "0 delivered dir=in d=1001;500 established d=1001;1500 transferred d=1001 to=1003 blind;1500 "
     "delivered d=1003;16500 cleared by=system",
     "cleared answered d=1001 wait=500 talk=16000 by=system 1001:answered 1003:no_answer "
     "1001>1003",
     "+1001 -1001:transferred +1003 -1003:no_answer"},
    {"blind transfer to a queue",
     "0 delivered dir=in d=1001;500 established d=1001;1500 transferred d=1001 to=4008 blind;1600 "
     "queued q=b;1700 delivered d=1002 q=b;2500 established d=1002",
     "established d=1002 wait=500 1001:answered 1002:answered 1001>4008",
     "+1001 -1001:transferred +1002"},
    {"waiting in the second queue",
     "0 delivered dir=in d=1001;500 established d=1001;1500 transferred d=1001 to=4008 blind;1600 "
     "queued q=b",
     "queued d=1001 wait=500 1001:answered 1001>4008", "+1001 -1001:transferred"},
    {"attended transfer: the card moves as they are joined, the hold ends",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;4100 transferred d=1001 "
     "to=1002 attended joined=talking jd=1002;7100 cleared by=caller",
     "cleared answered d=1002 wait=500 talk=6600 hold=2600 by=caller 1001:answered 1001>1002",
     "+1001 -1001:transferred +1002 -1002:cleared"},
    {"attended transfer of a consultation that still rings",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;2000 transferred d=1001 "
     "to=1002 attended joined=ringing jd=1002;3000 established d=1002;4000 cleared by=caller",
     "cleared answered d=1002 wait=500 talk=3500 hold=500 by=caller 1001:answered 1002:answered "
     "1001>1002",
     "+1001 -1001:transferred +1002 -1002:cleared"},
    {"attended transfer of which no consultation is known",
     "0 delivered dir=in d=1001;500 established d=1001;4100 transferred d=1001 to=1002 attended",
     "established d=1002 wait=500 1001:answered 1001>1002", "+1001 -1001:transferred +1002"},
    {"hold and retrieve",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;3500 retrieved d=1001;"
     "4500 cleared by=agent",
     "cleared answered d=1001 wait=500 talk=4000 hold=2000 by=agent 1001:answered",
     "+1001 -1001:cleared"},
    {"held, and hung up so",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;3500 cleared by=caller",
     "cleared answered d=1001 wait=500 talk=3000 hold=2000 by=caller 1001:answered",
     "+1001 -1001:cleared"},
    {"on hold just now",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;1600 held d=1001",
     "held d=1001 wait=500 hold=8500 1001:answered", "+1001"},
    {"parked by one, fetched by another",
     "0 delivered dir=in d=1001;500 established d=1001;1500 held d=1001;3500 retrieved d=1002",
     "established d=1002 wait=500 hold=2000 1001:answered", "+1001 -1001:transferred +1002"},
    {"picked up by another phone",
     "0 delivered dir=in d=1001;500 diverted d=1001 cause=picked_up to=1002;500 established d=1002",
     "established d=1002 wait=500 1001:withdrawn 1002:answered", "+1001 -1001:elsewhere +1002"},
    {"forwarded",
     "0 delivered dir=in d=1001;500 diverted d=1001 cause=forwarded to=1002;600 delivered d=1002",
     "delivered 1001:no_answer 1002:ringing", "+1001 -1001:transferred +1002"},
    {"a conference whose first member leaves",
     "0 delivered dir=in d=1001;500 established d=1001;900 conferenced d=1001 joined=talking "
     "jd=1002;2000 left d=1001;3000 cleared by=caller",
     "cleared answered d=1002 wait=500 talk=2500 by=caller 1001:answered",
     "+1001 -1001:cleared +1002 -1002:cleared"},
    {"a phone that rings is taken into the conference",
     "0 delivered dir=in d=1001;500 established d=1001;900 delivered d=1002;1500 conferenced "
     "d=1001 to=1002;2000 left d=1002;3000 cleared by=caller",
     "cleared answered d=1001 wait=500 talk=2500 by=caller 1001:answered 1002:answered",
     "+1001 +1002 -1002:cleared -1001:cleared"},
    {"an outbound call pops at who dials",
     "0 originated dir=out d=1001 dialled=139;1500 established d=139 outside;3500 cleared "
     "by=caller",
     "cleared answered d=1001 wait=1500 talk=2000 by=caller", "+1001 -1001:cleared"},
    {"outbound, the answer named by the dialling phone",
     "0 originated dir=out d=1001 dialled=139;1500 established d=1001;3500 cleared by=agent",
     "cleared answered d=1001 wait=1500 talk=2000 by=agent", "+1001 -1001:cleared"},
    {"click to dial: the agent's phone rings first",
     "0 delivered dir=out d=1001 dialled=139;1000 originated d=1001;1100 delivered d=139 outside;"
     "2600 established d=139 outside;4600 cleared by=caller",
     "cleared answered d=1001 wait=2600 talk=2000 by=caller 1001:answered", "+1001 -1001:cleared"},
    {"click to dial: the owner is busy",
     "0 delivered dir=out d=1001 dialled=139;1000 originated d=1001;1200 failed d=139 outside "
     "cause=busy;1210 cleared by=system",
     "cleared busy wait=1210 by=system 1001:answered", "+1001 -1001:cleared"},
    {"click to dial: the agent does not pick up",
     "0 delivered dir=out d=1001 dialled=139;4000 cleared by=system",
     "cleared missed wait=4000 by=system 1001:no_answer", "+1001 -1001:no_answer"},
    {"click to dial: the agent gives up",
     "0 originated dir=out d=1001 dialled=139;5 delivered d=139 outside;4000 cleared by=agent",
     "cleared missed wait=4000 by=agent", "+1001 -1001:cleared"},
    {"outbound to a wrong number",
     "0 originated dir=out d=1001 dialled=1;5 failed d=1 outside cause=invalid_number;9 cleared",
     "cleared failed wait=9", "+1001 -1001:cleared"},
    {"an internal call has no card",
     "0 originated dir=internal d=1001;10 delivered d=1002;1000 established d=1002;2000 cleared "
     "by=caller",
     "cleared answered d=1002 wait=1000 talk=1000 by=caller 1002:answered", ""},
    {"an answer told before its ring, with times",
     "500 established dir=in d=1001;0 delivered d=1001;1500 cleared by=caller",
     "cleared answered d=1001 wait=500 talk=1000 by=caller 1001:answered", "+1001 -1001:cleared"},
    {"an answer told before its ring, without times",
     "500 established dir=in d=1001;501 delivered d=1001;1500 cleared by=caller",
     "cleared answered d=1001 wait=0 talk=1000 by=caller 1001:answered", "+1001 -1001:cleared"},
    {"cleared before delivered, with times: no ghost",
     "900 cleared dir=in by=caller;0 delivered d=1001",
     "cleared missed wait=900 by=caller 1001:withdrawn", ""},
    {"cleared before all, without times",
     "0 cleared dir=in by=caller;1 delivered d=1001;2 established d=1001",
     "cleared answered d=1001 wait=0 talk=0 by=caller 1001:answered", ""},
    {"a late answer of a call that looked missed",
     "0 delivered dir=in d=1001;3000 cleared by=caller;1000 established d=1001",
     "cleared answered d=1001 wait=1000 talk=2000 by=caller 1001:answered", "+1001 -1001:left"},
    {"a late ring of a loser, with its time, rings nobody",
     "0 queued dir=in q=s;2000 established d=1001;500 delivered d=1002",
     "established d=1001 wait=2000 1002:withdrawn 1001:answered", "+1001"},
    {"an end that is said twice",
     "0 delivered dir=in d=1001;5 cleared by=caller;9 cleared by=system",
     "cleared missed wait=5 by=caller 1001:withdrawn", "+1001 -1001:left"},
    {"withheld", "0 delivered dir=in d=1001 from=138 restricted", "delivered 1001:ringing",
     "+1001"},
};

static bool row_holds(const struct row *r)
{
    struct script s;
    char got[1000];
    struct watch w = {.log = BUF_INIT(4000)};
    struct call *c = call_new();
    w.c = c;
    script_read(&s, r->events);
    for (int i = 0; i < s.n; i++) {
        call_apply(c, &s.ev[i]);
        look(&w);
    }
    describe(c, T0 + 10000, got, sizeof(got));
    bool ok = text_eq(got, r->call) && text_eq(buf_str(&w.log), r->pops);
    if (!ok)
        print_error("%s:\n  got  %s | %s\n  want %s | %s\n", r->name, got, buf_str(&w.log), r->call,
                    r->pops);
    buf_free(&w.log);
    call_free(&c);
    free(s.text);
    return ok;
}

static void test_table(void **state)
{
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        wrong += !row_holds(&rows[i]);
    assert_int_equal(wrong, 0);
}

/* ---- first words and restricted numbers ---- */

static void test_what_was_shown_first(void **state)
{
    struct script s;
    struct call *c = call_new();
    script_read(&s, "10 delivered dir=out d=1001 from=2 dialled=3;0 queued dir=in from=138 q=a");
    call_apply(c, &s.ev[0]);
    assert_int_equal(call_direction(c), STEWARD_DIR_OUTBOUND);
    call_apply(c, &s.ev[1]);
    assert_int_equal(call_direction(c), STEWARD_DIR_INBOUND);
    assert_string_equal(call_calling_raw(c), "138");
    assert_string_equal(call_called(c), "3");
    assert_string_equal(call_queue(c), "a");
    assert_int_equal(call_started_at(c), T0);
    assert_int_equal(call_version(c), 2);
    assert_false(call_apply(c, &s.ev[1])); /* said again */
    assert_int_equal(call_version(c), 2);
    call_free(&c);
    free(s.text);

    c = call_new();
    script_read(&s, "10 delivered dir=in d=1001 from=138 restricted");
    call_apply(c, &s.ev[0]);
    assert_null(call_calling_raw(c));
    assert_true(call_restricted(c));
    call_free(&c);
    assert_null(c);
    free(s.text);
}

static void test_joined_as(void **state)
{
    struct script s;
    const char *device;
    struct call *c = call_new();
    script_read(&s, "0 originated dir=internal d=1001;5 delivered d=1002;9 established d=1002;"
                    "12 cleared");
    assert_int_equal(call_joined_as(c, "1001", &device), JOINED_UNKNOWN);
    call_apply(c, &s.ev[0]);
    call_apply(c, &s.ev[1]);
    assert_int_equal(call_joined_as(c, "1001", &device), JOINED_RINGING);
    assert_string_equal(device, "1002");
    call_apply(c, &s.ev[2]);
    assert_int_equal(call_joined_as(c, "1001", &device), JOINED_TALKING);
    assert_string_equal(device, "1002");
    call_apply(c, &s.ev[3]);
    assert_int_equal(call_joined_as(c, "1001", &device), JOINED_TALKING);
    assert_string_equal(device, "1002");
    call_free(&c);
    free(s.text);
}

/* ---- storing ---- */

static void check_restore(const struct call *c)
{
    struct buf live = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
    struct errmsg why;
    struct call *copy;
    char a[1000], b[1000];
    assert_int_equal(call_live_json(c, &live), E_OK);
    assert_int_equal(call_restore(buf_str(&live), &copy, &why), E_OK);
    assert_int_equal(call_live_json(copy, &again), E_OK);
    assert_string_equal(buf_str(&live), buf_str(&again));
    describe(c, T0, a, sizeof(a));
    describe(copy, T0, b, sizeof(b));
    assert_string_equal(a, b);
    call_free(&copy);
    buf_free(&live);
    buf_free(&again);
}

static void test_restore(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script s;
        struct call *c = call_new();
        script_read(&s, rows[i].events);
        for (int k = 0; k < s.n; k++) {
            call_apply(c, &s.ev[k]);
            check_restore(c);
        }
        call_free(&c);
        free(s.text);
    }
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"v\":2,\"held\":0,\"e\":[[3,5,0,1,0,0,0,0]]}",
        "{\"v\":1,\"held\":0,\"e\":[]}",
        "{\"v\":1,\"held\":-1,\"e\":[[3,5,0,1,0,0,0,0]]}",
        "{\"v\":1,\"held\":0,\"e\":[[99,5,0,1,0,0,0,0]]}",
        "{\"v\":1,\"held\":0,\"e\":[[3,0,0,1,0,0,0,0]]}",
        "{\"v\":1,\"held\":0,\"e\":[[3,5,0,1,0,0,0]]}",
        "{\"v\":1,\"held\":0,\"e\":[[3,5,0,1,0,0,0,0,7]]}",
        "{\"v\":1,\"held\":0,\"e\":[[3,5,0,1,0,0,0,0,null,null,null,null,null,null,null]]}",
        "{\"v\":1,\"held\":0,\"e\":[\"x\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct call *c;
        struct errmsg why;
        assert_int_equal(call_restore(bad[i], &c, &why), E_INVALID);
        assert_null(c);
    }
}

/* However long the texts: what is written of a call fits, and it can be rebuilt from it. */
static void test_bounds(void **state)
{
    static char text[251], device[65];
    memset(text, 1, sizeof(text) - 1); /* at worst six bytes each */
    memset(device, 2, sizeof(device) - 1);
    static const enum steward_event_kind said[] = {STEWARD_EV_TRANSFERRED, STEWARD_EV_DELIVERED,
                                                   STEWARD_EV_ESTABLISHED, STEWARD_EV_QUEUED};
    struct call *c = call_new();
    struct buf b = BUF_INIT(CALL_JSON_MAX);
    for (int i = 0; i < 1000; i++) {
        struct call_event ev = {.kind = said[i % 4],
                                .at = T0 + i,
                                .direction = STEWARD_DIR_INBOUND,
                                .transfer = STEWARD_TRANSFER_BLIND,
                                .calling = i < 500 ? text : NULL,
                                .called = i < 500 ? text : NULL,
                                .queue = i < 500 ? text : NULL,
                                .device = device,
                                .to = text};
        call_apply(c, &ev);
        if (i % 97)
            continue;
        buf_reset(&b);
        assert_int_equal(call_offered_json(c, &b), E_OK);
        buf_reset(&b);
        assert_int_equal(call_transfers_json(c, &b), E_OK);
        buf_reset(&b);
        assert_int_equal(call_live_json(c, &b), E_OK);
    }
    check_restore(c);
    buf_free(&b);
    buf_init(&b, 100);
    assert_int_equal(call_live_json(c, &b), E_TOOBIG);
    assert_int_equal(b.len, 0);
    buf_free(&b);
    call_free(&c);
}

static void test_arrays(void **state)
{
    struct script s;
    struct call *c = call_new();
    struct buf b = BUF_INIT(4000);
    script_read(&s, "0 delivered dir=in d=1001;500 established d=1001;1500 transferred d=1001 "
                    "to=1002 blind;1600 delivered d=1002");
    for (int i = 0; i < s.n; i++)
        call_apply(c, &s.ev[i]);
    assert_int_equal(call_offered_json(c, &b), E_OK);
    assert_string_equal(
        buf_str(&b),
        "[{\"device\":\"1001\",\"from\":\"2023-11-14T22:13:20.000Z\",\"to\":\"2023-11-14T22:13:20."
        "500Z\",\"result\":\"answered\"},{\"device\":\"1002\",\"from\":\"2023-11-14T22:13:21."
        "600Z\","
        "\"to\":null,\"result\":null}]");
    buf_reset(&b);
    assert_int_equal(call_transfers_json(c, &b), E_OK);
    assert_string_equal(buf_str(&b), "[{\"at\":\"2023-11-14T22:13:21.500Z\",\"kind\":\"blind\","
                                     "\"from_device\":\"1001\",\"to\":\"1002\"}]");
    buf_free(&b);
    call_free(&c);
    free(s.text);
}

/* ---- a call that goes on and on ---- */

static void test_long_call(void **state)
{
    struct call *c = call_new();
    const struct call_offer *o;
    struct call_event ev = {.kind = STEWARD_EV_QUEUED, .at = T0, .queue = "s", .calling = "138"};
    call_apply(c, &ev);
    for (int i = 1; i <= 1000; i++) {
        ev = (struct call_event){.kind = STEWARD_EV_DELIVERED, .at = T0 + i * 10, .device = "1001"};
        call_apply(c, &ev);
        ev.kind = STEWARD_EV_DIVERTED;
        ev.at += 5;
        ev.cause = STEWARD_CAUSE_NO_ANSWER;
        call_apply(c, &ev);
    }
    assert_true(call_offers(c, &o) >= 100);
    assert_true(call_offers(c, &o) <= CALL_EVENTS_MAX);
    assert_int_equal(call_state(c), CALL_QUEUED);
    assert_string_equal(call_calling_raw(c), "138");
    ev = (struct call_event){.kind = STEWARD_EV_ESTABLISHED, .at = T0 + 20000, .device = "1001"};
    call_apply(c, &ev);
    for (int i = 1; i <= 1000; i++) {
        ev = (struct call_event){.kind = STEWARD_EV_HELD, .at = T0 + 20000 + i * 10};
        call_apply(c, &ev);
        ev.kind = STEWARD_EV_RETRIEVED;
        ev.at += 5;
        call_apply(c, &ev);
    }
    assert_int_equal(call_hold_ms(c, 0), 5000);
    assert_int_equal(call_answered_at(c), T0 + 20000);
    check_restore(c);
    call_free(&c);
}

/* ---- any order ---- */

static void shuffle(struct script *s, unsigned *seed)
{
    for (int i = s->n - 1; i > 0; i--) {
        int k = rand_r(seed) % (i + 1);
        struct call_event t = s->ev[i];
        s->ev[i] = s->ev[k];
        s->ev[k] = t;
    }
}

static bool distinct_times(const struct script *s)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < i; k++)
            if (s->ev[i].at == s->ev[k].at)
                return false;
    return true;
}

/* Events with times end in the same call, whatever the order in which they come. */
static void test_any_order(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script s;
        char want[1000], got[1000];
        script_read(&s, rows[i].events);
        struct call *c = call_new();
        for (int k = 0; k < s.n; k++)
            call_apply(c, &s.ev[k]);
        describe(c, T0, want, sizeof(want));
        call_free(&c);
        for (int round = 0; distinct_times(&s) && round < 200; round++) {
            c = call_new();
            shuffle(&s, &seed);
            for (int k = 0; k < s.n; k++) {
                call_apply(c, &s.ev[k]);
                call_apply(c, &s.ev[rand_r(&seed) % (k + 1)]); /* and some of them twice */
            }
            describe(c, T0, got, sizeof(got));
            if (!text_eq(want, got))
                fail_msg("%s:\n  %s\n  %s", rows[i].name, want, got);
            call_free(&c);
        }
        free(s.text);
    }
}

/* What must hold of any call whatever was said of it. */
static void check_invariants(const struct call *c, struct watch *w)
{
    const struct call_offer *o;
    size_t n = call_offers(c, &o);
    bool ended = call_ended_at(c) != 0;
    assert_int_equal(ended, call_state(c) == CALL_CLEARED);
    assert_int_equal(ended, call_disposition(c) != CALL_NONE);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(o[i].result == OFFER_RINGING, o[i].to == 0);
        assert_true(!ended || o[i].result != OFFER_RINGING);
        assert_true(!o[i].to || o[i].to >= o[i].from);
    }
    assert_true(!ended || !call_holder(c));
    assert_true(!ended || call_answered_at(c) <= call_ended_at(c));
    assert_true(call_hold_ms(c, T0 + 100000) >= 0);
    assert_true(!call_answered_at(c) || call_answered_at(c) >= call_started_at(c));
    look(w);
    assert_true(!ended || w->n == 0);
    buf_reset(&w->log);
}

static void random_event(struct call_event *ev, unsigned *seed)
{
    static const char *const devices[] = {"1001", "1002", "1003", NULL, "139"};
    static const char *const queues[] = {NULL, "a", "b"};
    memset(ev, 0, sizeof(*ev));
    ev->kind = (enum steward_event_kind)(1 + (unsigned)rand_r(seed) % (STEWARD_EV_AGENT_STATE - 1));
    if (ev->kind == STEWARD_EV_CLEARED && rand_r(seed) % 4)
        ev->kind = STEWARD_EV_DELIVERED;
    ev->at = T0 + rand_r(seed) % 1000;
    ev->direction = (enum steward_direction)(rand_r(seed) % 4);
    ev->device = devices[rand_r(seed) % 5];
    ev->to = devices[rand_r(seed) % 5];
    ev->joined_device = devices[rand_r(seed) % 4];
    ev->queue = queues[rand_r(seed) % 3];
    ev->outside = text_eq(ev->device, "139");
    ev->to_outside = text_eq(ev->to, "139");
    ev->cause = (enum steward_cause)((unsigned)rand_r(seed) % STEWARD_CAUSE_COUNT);
    ev->transfer = (enum steward_transfer)(rand_r(seed) % 3);
    ev->joined = (enum call_joined)(rand_r(seed) % 3);
    ev->by = (enum steward_by)(rand_r(seed) % 4);
}

static void test_nonsense(void **state)
{
    unsigned seed = (unsigned)time(NULL) * 7;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 3000; i++) {
        struct call *c = call_new();
        struct watch w = {.log = BUF_INIT(4000), .c = c};
        for (int k = rand_r(&seed) % 20; k >= 0; k--) {
            struct call_event ev;
            random_event(&ev, &seed);
            call_apply(c, &ev);
            check_invariants(c, &w);
        }
        if (i % 50 == 0)
            check_restore(c);
        struct call_event end = {.kind = STEWARD_EV_CLEARED, .at = T0 + 2000};
        call_apply(c, &end);
        assert_int_equal(call_state(c), CALL_CLEARED);
        check_invariants(c, &w);
        buf_free(&w.log);
        call_free(&c);
    }
}

static void test_names(void **state)
{
    for (int s = CALL_QUEUED; s <= CALL_CLEARED; s++)
        assert_int_equal(call_state_parse(call_state_name((enum call_state)s)), s);
    assert_int_equal(call_state_parse("x"), CALL_NEW);
    assert_null(call_disposition_name(CALL_NONE));
    assert_string_equal(call_disposition_name(CALL_BLOCKED), "blocked");
    assert_null(offer_result_name(OFFER_RINGING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_what_was_shown_first),
        cmocka_unit_test(test_joined_as), cmocka_unit_test(test_restore),
        cmocka_unit_test(test_bounds),    cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_long_call), cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_nonsense),  cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
