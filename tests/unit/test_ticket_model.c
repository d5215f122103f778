/*
 * test_ticket_model.c - random verbs by random people on a few tickets while time moves on, and
 * after each the invariants of docs/architecture.md, read from the rows by other means than those
 * that wrote them. MODEL_OPS sets how many (default 3000), SEED repeats a run.
 */
#include <time.h>

#include "rule_world.h"
#include "service/auditor/auditor.h"

#define TICKETS 8
#define BATCH   40 /* operations of one ledger command, each in its savepoint */

static const char *const people[] = {"li.na",  "zhao.lei", "zhao.gang", "chen.tao",
                                     "sun.li", "zhou.yu",  "he.ming",   "dev"};

/* What may be tried; %d is a dispatch. Several bodies of a verb are several rows. */
static const struct {
    const char *verb, *body;
    bool checked; /* whether `allowed` alone decides between 0 and a refusal by rule */
} tries[] = {
    {"claim", "{}", true},
    {"note", "{\"text\":\"x\"}", true},
    {"reply", "{\"channel\":\"call\"}", true},
    {"reply", "{\"channel\":\"sms\",\"note\":\"y\"}", true},
    {"attempt", "{\"channel\":\"call\",\"outcome\":\"no_answer\"}", true},
    {"dispatch", "{\"department\":\"engineering\"}", true},
    {"dispatch", "{\"department\":\"security\",\"assignee\":\"chen.tao\"}", true},
    {"dispatches/%d/accept", "{}", false},
    {"dispatches/%d/progress", "{}", false},
    {"dispatches/%d/done", "{\"note\":\"ok\"}", false},
    {"dispatches/%d/refuse", "{\"note\":\"no\"}", false},
    {"dispatches/%d/withdraw", "{}", false},
    {"urge", "{}", true},
    {"resolve", "{}", true},
    {"resolve", "{\"told\":true}", true},
    {"resolve", "{\"told\":true,\"satisfied\":true,\"score\":5}", true},
    {"confirm", "{\"satisfied\":true}", true},
    {"confirm", "{\"satisfied\":false,\"via\":\"sms\"}", true},
    {"handover", "{\"to\":\"zhao.lei\",\"ground\":\"leave\"}", false},
    {"handover", "{\"to\":\"sun.li\",\"ground\":\"reassignment\"}", false},
    {"handover/accept", "{}", false},
    {"handover/approve", "{}", true},
    {"handover/refuse", "{}", true},
    {"pause", "{\"clock\":\"resolve\",\"reason\":\"parts\"}", false},
    {"resume", "{\"clock\":\"resolve\"}", false},
    {"extend", "{\"clock\":\"resolve\",\"by\":\"3h\",\"reason\":\"r\"}", false},
    {"cancel", "{\"reason\":\"duplicate\"}", true},
    {"close", "{\"reason\":\"because\"}", true},
    {"reopen", "{}", true},
    {"patch", "{\"category\":\"leak\"}", false},
    {"patch", "{\"priority\":1}", false},
    {"patch", "{\"priority\":4}", false},
    {"patch", "{\"about\":\"li.na\"}", false},
};

struct model {
    unsigned seed;
    int ops, taken, refused;
};

/* A try; ends are rare, or nothing would ever live long. */
static size_t pick(void)
{
    size_t i = (size_t)rand() % ARRAY_LEN(tries);
    bool ends = text_eq(tries[i].verb, "close") || text_eq(tries[i].verb, "cancel") ||
                strstr(tries[i].body, "\"satisfied\":true");
    return ends && rand() % 10 ? pick() : i;
}

/* "dispatches/%d/done" and 2: "dispatches/2/done". */
static void write_verb(char *out, size_t cap, const char *verb, int n)
{
    const char *mark = strstr(verb, "%d");
    if (mark)
        snprintf(out, cap, "%.*s%d%s", (int)(mark - verb), verb, n, mark + 2);
    else
        text_copy(out, cap, verb);
}

/* One operation in a savepoint, as the ledger would run it. */
static void one(struct world *w, struct ledger_tx *tx, struct model *m)
{
    size_t i = pick();
    int64_t id = 1 + rand() % TICKETS;
    struct actor actor = who(people[(size_t)rand() % ARRAY_LEN(people)]);
    struct db *db = ledger_db(tx);
    struct buf before = BUF_INIT(1 << 20);
    struct errmsg why;
    char verb[64], quoted[70];
    json_t *body = json_parse(tries[i].body, strlen(tries[i].body), &why);
    write_verb(verb, sizeof(verb), tries[i].verb, 1 + rand() % 4);
    assert_int_equal(ticket_json(db, w->tickets, id, &actor, ledger_now(tx), &before), 0);
    snprintf(quoted, sizeof(quoted), "\"%s\"", verb);
    bool allowed = strstr(strstr(buf_str(&before), "\"allowed\":"), quoted) != NULL;
    assert_int_equal(db_savepoint(db), 0);
    int rc = tickets_verb(w->tickets, tx, id, verb, body, &actor, 0, &w->out);
    if (rc)
        db_rollback_to(db);
    else
        assert_int_equal(db_release(db), 0);
    if (rc && rc != E_CONFLICT && rc != E_DENIED && rc != E_INVALID && rc != E_NOTFOUND)
        fail_msg("seed %u: %s %s: %d %s", m->seed, actor.name, verb, rc, w->out.text);
    if (tries[i].checked && allowed != (rc == 0))
        fail_msg("seed %u: %s %s %s: %d (%s), yet allowed says %d: %s", m->seed, actor.name, verb,
                 tries[i].body, rc, w->out.text, allowed, buf_str(&before));
    m->taken += rc == 0;
    m->refused += rc != 0;
    json_decref(body);
    buf_free(&before);
}

static int batch_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    for (int i = 0; i < BATCH; i++)
        one(w, tx, arg);
    return 0;
}

/* ---- invariants ---- */

/* Each query finds rows that must not be. */
static const struct {
    const char *what, *sql;
} never[] = {
    {"a version that is not counted", "SELECT id FROM ticket WHERE version<1"},
    {"a live clock of a ticket that has ended",
     "SELECT c.id FROM clock c JOIN ticket t ON t.id=c.ticket_id WHERE t.closed_at IS NOT NULL AND "
     "(c.ended_at IS NULL OR c.done=0)"},
    {"done without being done", "SELECT id FROM clock WHERE (next_at IS NULL) <> (done=1)"},
    {"a timer of a clock that has ended",
     "SELECT id FROM clock WHERE ended_at IS NOT NULL AND done=0"},
    {"open with open dispatches, or dispatched without",
     "SELECT t.id FROM ticket t WHERE (t.state='dispatched') <> EXISTS (SELECT 1 FROM dispatch d "
     "WHERE d.ticket_id=t.id AND d.ended_at IS NULL)"},
    {"working without a responder",
     "SELECT id FROM ticket WHERE responder IS NULL AND state NOT IN ('new','closed','cancelled')"},
    {"new with a responder", "SELECT id FROM ticket WHERE responder IS NOT NULL AND state='new'"},
    {"a responder who is no person",
     "SELECT t.id FROM ticket t LEFT JOIN account a ON a.name=t.responder WHERE t.responder IS NOT "
     "NULL AND (a.kind IS NULL OR a.kind<>'person' OR a.role='auditor')"},
    {"asked without a confirm clock",
     "SELECT t.id FROM ticket t WHERE t.state='awaiting_confirmation' AND NOT EXISTS (SELECT 1 "
     "FROM clock c WHERE c.ticket_id=t.id AND c.name='confirm' AND c.ended_at IS NULL)"},
    {"two live clocks of one name", "SELECT min(id) FROM clock WHERE ended_at IS NULL GROUP BY "
                                    "ticket_id,callback_id,name,dispatch "
                                    "HAVING "
                                    "count(*)>1"},
    {"closed without a way", "SELECT id FROM ticket WHERE (state='closed') <> (close_kind IS NOT "
                             "NULL)"},
    {"closed by a supervisor without a reason",
     "SELECT id FROM ticket WHERE close_kind='supervisor' AND close_reason IS NULL"},
    {"confirmed without a yes",
     "SELECT t.id FROM ticket t WHERE close_kind='confirmed' AND NOT EXISTS (SELECT 1 FROM "
     "ticket_event e WHERE e.ticket_id=t.id AND e.kind='confirmed' AND "
     "json_extract(e.data,'$.satisfied')=1)"},
    {"a cycle that nobody's no or reopening began",
     "SELECT t.id FROM ticket t WHERE cycle<>1+(SELECT count(*) FROM ticket_event e WHERE "
     "e.ticket_id=t.id AND e.kind='reopened')"},
    {"urges miscounted",
     "SELECT t.id FROM ticket t WHERE urges<>(SELECT count(*) FROM ticket_event e WHERE "
     "e.ticket_id=t.id AND e.kind='urged')"},
    {"a responder whom no event made",
     "SELECT t.id FROM ticket t WHERE t.responder IS NOT NULL AND t.responder<>(SELECT CASE e.kind "
     "WHEN 'opened' THEN json_extract(e.data,'$.responder') WHEN 'claimed' THEN "
     "json_extract(e.data,'$.responder') ELSE json_extract(e.data,'$.to') END FROM ticket_event e "
     "WHERE e.ticket_id=t.id AND (e.kind IN ('opened','claimed') OR (e.kind IN "
     "('handover_accepted','handover_approved') AND json_extract(e.data,'$.moved')=1)) ORDER BY "
     "e.seq DESC LIMIT 1)"},
    {"a step told more often than it was due",
     "SELECT e.ticket_id FROM ticket_event e WHERE e.kind='escalated' GROUP BY e.ticket_id,"
     "json_extract(e.data,'$.clock'),json_extract(e.data,'$.dispatch'),"
     "json_extract(e.data,'$.cycle'),json_extract(e.data,'$.step'),json_extract(e.data,'$.turn') "
     "HAVING count(*)>(SELECT count(*) FROM clock c WHERE c.ticket_id=e.ticket_id AND "
     "c.name=json_extract(e.data,'$.clock') AND c.cycle=json_extract(e.data,'$.cycle') AND "
     "coalesce(c.dispatch,0)=coalesce(json_extract(e.data,'$.dispatch'),0))"},
    {"a message of a step that is no row",
     "SELECT e.ticket_id FROM ticket_event e, json_each(e.data,'$.messages') m WHERE "
     "e.kind='escalated' AND NOT EXISTS (SELECT 1 FROM message WHERE id=m.value)"},
    {"a segment that overlaps the next",
     "SELECT a.id FROM clock_segment a JOIN clock_segment b ON b.clock_id=a.clock_id AND b.id>a.id "
     "WHERE a.to_at IS NULL OR a.to_at>b.from_at"},
};

static int never_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct model *m = arg;
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        struct db_q *q = db_query(ledger_db(tx), never[i].sql);
        if (db_row(q))
            fail_msg("seed %u after %d: %s: %d", m->seed, m->ops, never[i].what, (int)db_int(q, 0));
        assert_int_equal(db_end(q), 0);
    }
    return 0;
}

static int audit_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct model *m = arg;
    struct audit_report r = {0};
    assert_int_equal(audit_all(ledger_db(tx), w->clocks, ledger_now(tx), &r), 0);
    if (r.broken || r.missing)
        fail_msg("seed %u after %d: auditor: T-%06d %d: %s", m->seed, m->ops, (int)r.ticket_id,
                 (int)r.seq, r.text);
    if (r.odd_ticket)
        fail_msg("seed %u after %d: auditor: T-%06d: %s", m->seed, m->ops, (int)r.odd_ticket,
                 r.odd);
    return 0;
}

/* Fresh tickets where the old ones have ended, so that there is always something to do. */
static void refill(struct world *w)
{
    while (world_int(w, "SELECT count(*) FROM ticket") < TICKETS)
        create_as(w, people[(size_t)rand() % 2],
                  rand() % 2 ? "{\"subject\":\"a\",\"take\":true,\"person_id\":7}"
                             : "{\"subject\":\"b\",\"category\":\"leak\"}");
}

static void random_operations(void **state)
{
    const char *given = getenv("SEED"), *ops = getenv("MODEL_OPS");
    struct model m = {.seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL)};
    int total = ops ? atoi(ops) : 3000;
    printf("seed %u (SEED=%u MODEL_OPS=%d repeats it)\n", m.seed, m.seed, total);
    srand(m.seed);
    while (m.ops < total) {
        struct world *w = world_new();
        refill(w);
        for (int i = 0; i < 25 && m.ops < total; i++) {
            assert_int_equal(world_run(w, batch_run, &m), 0);
            m.ops += BATCH;
            advance(w, rand() % 4 ? rand() % (int)(3 * HOUR) : rand() % (int)(4 * DAY));
            assert_int_equal(world_run(w, never_run, &m), 0);
            assert_int_equal(world_run(w, audit_run, &m), 0);
        }
        world_free(w);
    }
    printf("%d taken, %d refused\n", m.taken, m.refused);
    assert_true(m.taken * 20 > m.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
