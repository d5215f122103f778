/* contract_tickets.c - tickets, histories, dispatches, clocks, callbacks, surveys, incidents. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "contract_make.h"
#include "store/repo_callback.h"
#include "store/repo_incident.h"
#include "store/repo_survey.h"
#include "store/repo_ticket.h"

static void a_ticket_comes_back_whole(void **state)
{
    struct ticket_row row;
    int64_t last = 0, newest = 0;
    bool yes = false;
    char responder[NAME_MAX_TEXT];
    make_ticket(5, 0, "li.na");
    assert_int_equal(repo_ticket_load(db, 5, &row), 0);
    assert_string_equal(row.subject, "厨房漏水");
    assert_int_equal(row.state, TICKET_OPEN);
    row.version++;
    row.urges = 2;
    assert_int_equal(repo_ticket_update(db, &row), 0);
    ticket_row_clear(&row);
    assert_int_equal(repo_ticket_load(db, 5, &row), 0);
    assert_int_equal(row.version, 2);
    assert_int_equal(row.urges, 2);
    ticket_row_clear(&row);
    assert_int_equal(repo_ticket_load(db, 6, &row), E_NOTFOUND);
    ticket_row_clear(&row);
    assert_int_equal(repo_ticket_last_id(db, &last), 0);
    assert_int_equal(last, 5);
    assert_int_equal(repo_ticket_exists(db, 5, &yes), 0);
    assert_true(yes);
    assert_int_equal(repo_ticket_responder(db, 5, responder), 0);
    assert_string_equal(responder, "li.na");
    assert_int_equal(repo_ticket_open_of(db, 0, "+8613800138000", DAY0, &newest), 0);
    assert_int_equal(newest, 5);
}

static void tickets_are_listed_by_what_is_asked(void **state)
{
    struct ticket_query by_person = {.person_id = 7, .before = INT64_MAX, .limit = 10},
                        by_responder = {.responder = "li.na", .before = INT64_MAX, .limit = 10},
                        live = {.live = true, .before = INT64_MAX, .limit = 10},
                        both = {.person_id = 7,
                                .responder = "sun.li",
                                .before = INT64_MAX,
                                .limit = 10};
    struct ticket_ids ids;
    int64_t found[10];
    int n = 0;
    make_ticket(1, 7, "li.na");
    make_ticket(2, 7, "sun.li");
    make_ticket(3000, 8, "li.na"); /* in another part of the index */
    assert_int_equal(repo_ticket_list(db, &by_person, found, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(found[0], 2);
    assert_int_equal(repo_ticket_list(db, &by_responder, found, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(found[0], 3000);
    assert_int_equal(found[1], 1);
    assert_int_equal(repo_ticket_list(db, &live, found, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(repo_ticket_list(db, &both, found, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(found[0], 2);
    assert_int_equal(repo_ticket_handed_by(db, "li.na", &ids), 0);
    assert_int_equal(ids.n, 2);
    free(ids.items);
}

static int events;

static void on_event(void *ctx, const struct event_row *row)
{
    events++;
    assert_int_equal(row->seq, events);
}

static void a_history_has_one_row_a_place(void **state)
{
    struct event_row e = {.ticket_id = 1,
                          .seq = 1,
                          .at = T0,
                          .by = "li.na",
                          .kind = "opened",
                          .data = "{}",
                          .salt = "s",
                          .digest = "d",
                          .hash = "h"};
    struct ticket_head heads[4];
    int64_t orphan = 0;
    int n = 0;
    make_ticket(1, 0, "");
    assert_int_equal(repo_event_insert(db, &e), 0);
    assert_int_equal(repo_event_insert(db, &e), E_CONSTRAINT);
    e.seq = 2;
    assert_int_equal(repo_event_insert(db, &e), 0);
    events = 0;
    assert_int_equal(repo_event_list(db, 1, 0, 10, on_event, NULL), 0);
    assert_int_equal(events, 2);
    events = 0;
    assert_int_equal(repo_event_chain(db, 1, on_event, NULL), 0);
    assert_int_equal(events, 2);
    assert_int_equal(repo_ticket_heads(db, 0, 4, heads, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(repo_event_orphan(db, 0, 10, &orphan), 0);
    assert_int_equal(orphan, 1);
    assert_int_equal(repo_event_orphan(db, 1, 10, &orphan), 0);
    assert_int_equal(orphan, 0);
}

static void dispatches_belong_to_their_ticket(void **state)
{
    struct dispatch_row d = {.ticket_id = 1, .n = 1, .department = "engineering", .sent_at = T0},
                        *all;
    size_t n = 0;
    make_ticket(1, 0, "li.na");
    d.note = xstrdup("水管");
    assert_int_equal(repo_dispatch_save(db, &d), 0);
    assert_true(d.id > 0);
    d.state = DISPATCH_ACCEPTED;
    assert_int_equal(repo_dispatch_save(db, &d), 0);
    assert_int_equal(repo_dispatches_load(db, 1, &all, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(all[0].state, DISPATCH_ACCEPTED);
    assert_string_equal(all[0].note, "水管");
    dispatch_row_clear(&all[0]);
    free(all);
    dispatch_row_clear(&d);
}

static void clocks_are_due_in_order(void **state)
{
    struct clock_row a = {.ticket_id = 1,
                          .name = "resolve",
                          .span = "4h",
                          .calendar = "always",
                          .cycle = 1,
                          .share = 100,
                          .policy_id = 1,
                          .started_at = T0,
                          .next_at = T0 + 20},
                     b = a, *all;
    struct segment_row segment = {.from_at = T0, .running = true, .calendar = "always"}, *read,
                       present;
    int64_t ids[4], at = 0;
    size_t n = 0, segments = 0;
    int due = 0;
    bool any = false;
    make_ticket(1, 0, "li.na");
    text_copy(b.name, sizeof(b.name), "first_reply");
    b.next_at = T0 + 10;
    assert_int_equal(repo_clock_save(db, &a), 0);
    assert_int_equal(repo_clock_save(db, &b), 0);
    assert_int_equal(repo_clocks_nearest(db, &at), 0);
    assert_int_equal(at, T0 + 10);
    assert_int_equal(repo_clocks_due(db, T0 + 20, ids, 4, &due), 0);
    assert_int_equal(due, 2);
    assert_int_equal(ids[0], b.id);
    assert_int_equal(repo_clock_park(db, b.id), 0);
    assert_int_equal(repo_clocks_due(db, T0 + 20, ids, 4, &due), 0);
    assert_int_equal(due, 1);
    a.ended_at = T0 + 5;
    a.next_at = 0;
    assert_int_equal(repo_clock_save(db, &a), 0);
    assert_int_equal(repo_clocks_load(db, 1, 0, CLOCKS_LIVE, &all, &n), 0);
    assert_int_equal(n, 1);
    free(all);
    assert_int_equal(repo_clocks_load(db, 1, 0, CLOCKS_ALL, &all, &n), 0);
    assert_int_equal(n, 2);
    free(all);
    assert_int_equal(repo_clocks_wake(db, "first_reply", T0 + 30, &any), 0);
    assert_true(any);
    segment.clock_id = a.id;
    assert_int_equal(repo_segment_add(db, &segment), 0);
    assert_int_equal(repo_segment_present(db, a.id, &present), 0);
    assert_int_equal(present.from_at, T0);
    assert_int_equal(repo_segment_end(db, a.id, T0 + 5), 0);
    assert_int_equal(repo_segment_present(db, a.id, &present), E_NOTFOUND);
    assert_int_equal(repo_segments_load(db, a.id, &read, &segments), 0);
    assert_int_equal(segments, 1);
    assert_int_equal(read[0].to_at, T0 + 5);
    free(read);
}

static void a_callback_is_of_its_number(void **state)
{
    struct callback_row r = {.number = "+8613800138000", .reason = "missed", .created_at = T0},
                        found;
    int64_t ids[4];
    int n = 0;
    bool any = false;
    r.calls_json = xstrdup("[1]");
    assert_int_equal(repo_callback_save(db, &r), 0);
    assert_int_equal(repo_callback_any(db, &any), 0);
    assert_true(any);
    assert_int_equal(repo_callback_open_of(db, "+8613800138000", &found), 0);
    assert_int_equal(found.id, r.id);
    assert_int_equal(repo_callback_move(&found, CALLBACK_DONE, "test"), 0);
    assert_int_equal(repo_callback_move(&found, CALLBACK_WAITING, "test"), E_CONFLICT);
    found.ended_at = T0 + 1;
    assert_int_equal(repo_callback_save(db, &found), 0);
    callback_row_clear(&found);
    assert_int_equal(repo_callback_open_of(db, "+8613800138000", &found), E_NOTFOUND);
    callback_row_clear(&found);
    assert_int_equal(repo_callback_of_household(db, 0, "+8613800138000", DAY0, ids, 4, &n), 0);
    assert_int_equal(n, 0);
    callback_row_clear(&r);
}

static struct survey_row survey;

static void on_survey(void *ctx, const struct survey_row *row)
{
    survey = *row;
}

static void an_owner_is_asked_once_a_cycle(void **state)
{
    struct survey_row ask = {.ticket_id = 1,
                             .cycle = 1,
                             .purpose = "confirm",
                             .channel = "call",
                             .asked_at = T0},
                      answer = {.state = SURVEY_ANSWERED,
                                .answered_at = T0 + 1,
                                .satisfied = true,
                                .score = 5,
                                .via = "sms",
                                .by = "owner"};
    make_ticket(1, 0, "li.na");
    assert_int_equal(repo_survey_ask(db, &ask), 0);
    assert_int_equal(repo_survey_ask(db, &ask), 0);
    assert_int_equal(repo_survey_waiting(db, 1, 1, "confirm", &answer.id), 0);
    assert_int_equal(repo_survey_get(db, answer.id, on_survey, NULL), 0);
    assert_int_equal(survey.asks, 2);
    assert_false(survey.answered);
    assert_int_equal(repo_survey_move(db, &answer, "test"), 0);
    assert_int_equal(repo_survey_move(db, &answer, "test"), E_CONFLICT);
    assert_int_equal(repo_survey_get(db, answer.id, on_survey, NULL), 0);
    assert_true(survey.answered && survey.satisfied);
    assert_int_equal(survey.score, 5);
}

static void of_an_incident_one_ticket_pages(void **state)
{
    struct incident_row r = {.state = INCIDENT_OPEN, .opened_at = T0, .joining = -1, .telling = -1};
    bool pages = false, live = false;
    int64_t ids[4];
    int n = 0;
    r.subject = xstrdup("停水");
    r.scope_json = xstrdup("{}");
    text_copy(r.opened_by, sizeof(r.opened_by), "sun.li");
    assert_int_equal(repo_incident_insert(db, &r), 0);
    assert_int_equal(repo_incident_is_live(db, r.id, &live), 0);
    assert_true(live);
    assert_int_equal(repo_incident_rung(db, r.id, 1, "resolve", 1, 1, T0, &pages), 0);
    assert_true(pages);
    assert_int_equal(repo_incident_rung(db, r.id, 2, "resolve", 1, 1, T0, &pages), 0);
    assert_false(pages);
    assert_int_equal(repo_incident_list(db, "open", 0, 4, ids, &n), 0);
    assert_int_equal(n, 1);
    r.state = INCIDENT_CLOSED;
    r.closed_at = T0 + 1;
    assert_int_equal(repo_incident_update(db, &r), 0);
    assert_int_equal(repo_incident_rung(db, r.id, 2, "resolve", 1, 1, T0, &pages), 0);
    assert_true(pages);
    assert_int_equal(repo_incident_live(db, ids, 4, &n), 0);
    assert_int_equal(n, 0);
    incident_row_clear(&r);
}

int contract_of_tickets(void)
{
    const struct CMUnitTest tests[] = {
        C(a_ticket_comes_back_whole),      C(tickets_are_listed_by_what_is_asked),
        C(a_history_has_one_row_a_place),  C(dispatches_belong_to_their_ticket),
        C(clocks_are_due_in_order),        C(a_callback_is_of_its_number),
        C(an_owner_is_asked_once_a_cycle), C(of_an_incident_one_ticket_pages),
    };
    return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
