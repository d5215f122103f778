/* test_hub.c - publishing, unsubscribing within a callback, replay and its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "spine/hub.h"

static struct buf seen;

static void remember(void *ctx, const struct hub_event *ev)
{
    buf_printf(&seen, "%s%s:%.*s|", ctx ? (const char *)ctx : "", hub_kind_name(ev->kind),
               (int)ev->len, ev->json);
}

static void publish(struct hub *h, enum hub_kind kind, const char *json)
{
    struct hub_event ev = {.kind = kind, .json = json, .len = strlen(json)};
    hub_publish(h, &ev);
}

static int setup(void **state)
{
    buf_init(&seen, 1 << 20);
    *state = hub_new(4, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    struct hub *h = *state;
    hub_free(&h);
    buf_free(&seen);
    return 0;
}

static void everybody_is_told_in_order(void **state)
{
    struct hub *h = *state;
    struct hub_sub *a = hub_subscribe(h, remember, "a."), *b = hub_subscribe(h, remember, "b.");
    publish(h, HUB_POP, "1");
    hub_unsubscribe(&a);
    assert_null(a);
    hub_unsubscribe(&a);
    publish(h, HUB_STATS, "2");
    assert_string_equal(buf_str(&seen), "a.pop:1|b.pop:1|b.stats:2|");
    assert_int_equal(hub_last_id(h), 2);
    hub_unsubscribe(&b);
}

static struct hub_sub *other, *self;

static void end_both(void *ctx, const struct hub_event *ev)
{
    remember("x.", ev);
    hub_unsubscribe(&other);
    hub_unsubscribe(&self);
}

static void unsubscribing_while_told_is_safe(void **state)
{
    struct hub *h = *state;
    self = hub_subscribe(h, end_both, h);
    other = hub_subscribe(h, remember, "never.");
    publish(h, HUB_CALL, "1");
    publish(h, HUB_CALL, "2");
    assert_string_equal(buf_str(&seen), "x.call:1|");
}

static void replay_knows_how_far_back_it_reaches(void **state)
{
    struct hub *h = *state;
    char id[7][48];
    for (int i = 0; i <= 6; i++)
        hub_event_id(h, (uint64_t)i, id[i]);
    for (int i = 1; i <= 6; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        publish(h, HUB_TICKET, text);
    }
    static const struct {
        int last;
        bool ok;
        const char *want;
    } rows[] = {
        {0, false, ""}, /* events 1 and 2 are gone */
        {1, false, ""},
        {2, true, "ticket:3|ticket:4|ticket:5|ticket:6|"},
        {4, true, "ticket:5|ticket:6|"},
        {6, true, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&seen);
        assert_int_equal(hub_replay(h, id[rows[i].last], remember, NULL), rows[i].ok);
        assert_string_equal(seen.len ? buf_str(&seen) : "", rows[i].want);
    }
    char strange[64];
    hub_event_id(h, 7, strange);
    assert_false(hub_replay(h, strange, remember, NULL)); /* not yet */
    static const char *const bad[] = {"", "5", "other-5", "-", "aaaaaaaa-5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hub_replay(h, bad[i], remember, NULL));
    snprintf(strange, sizeof(strange), "%.8s-x", id[5]);
    assert_false(hub_replay(h, strange, remember, NULL));
}

/* Before somebody was told an id nobody can come back with one. */
static void events_are_kept_for_those_who_know_an_id(void **state)
{
    struct hub *h = *state;
    char first[48], second[48];
    publish(h, HUB_TICKET, "1");
    publish(h, HUB_TICKET, "2");
    hub_event_id(h, 1, first);
    hub_event_id(h, 2, second);
    assert_false(hub_replay(h, first, remember, NULL));
    assert_true(hub_replay(h, second, remember, NULL));
    publish(h, HUB_TICKET, "3");
    assert_true(hub_replay(h, second, remember, NULL));
    assert_string_equal(buf_str(&seen), "ticket:3|");
}

static const struct hub_event *last_event;
static char users[64];

static void look(void *ctx, const struct hub_event *ev)
{
    last_event = ev;
    users[0] = '\0';
    for (size_t i = 0; ev->users && ev->users[i]; i++)
        strcat(strcat(users, ev->users[i]), ",");
}

static void a_replayed_event_is_whole(void **state)
{
    struct hub *h = *state;
    const char *const who[] = {"li.na", "wang.wei", NULL}, *const more[] = {"1002", NULL};
    char start[48];
    hub_event_id(h, 0, start);
    struct hub_event ev = {.kind = HUB_TICKET,
                           .json = "{}tail",
                           .len = 2,
                           .source = "pbx-a",
                           .device = "1001",
                           .devices = more,
                           .users = who,
                           .department = "engineering",
                           .all_staff = true};
    hub_publish(h, &ev);
    assert_true(hub_replay(h, start, look, NULL));
    assert_int_equal(last_event->id, 1);
    assert_string_equal(last_event->json, "{}");
    assert_string_equal(last_event->source, "pbx-a");
    assert_string_equal(last_event->device, "1001");
    assert_string_equal(last_event->devices[0], "1002");
    assert_null(last_event->devices[1]);
    assert_string_equal(last_event->department, "engineering");
    assert_string_equal(users, "li.na,wang.wei,");
    assert_true(last_event->all_staff);
}

static void bytes_bound_the_ring_too(void **state)
{
    struct hub *h = hub_new(1000, 4096);
    char kilo[1025], id[48];
    memset(kilo, 'k', 1024);
    kilo[1024] = '\0';
    hub_event_id(h, 0, id);
    for (int i = 0; i < 100; i++)
        publish(h, HUB_ALERT, kilo);
    hub_event_id(h, 97, id);
    assert_true(hub_replay(h, id, remember, NULL));
    hub_event_id(h, 95, id);
    assert_false(hub_replay(h, id, remember, NULL));
    hub_free(&h);
}

static struct hub_sub *late, *inviting;

/* On the first event: somebody else begins to listen, and a second event follows at once. */
static void invite(void *ctx, const struct hub_event *ev)
{
    if (late)
        return;
    late = hub_subscribe(ctx, remember, "late.");
    publish(ctx, HUB_CALL, "2");
}

static void who_comes_late_is_not_told_of_the_present(void **state)
{
    struct hub *h = *state;
    late = NULL;
    inviting = hub_subscribe(h, invite, h);
    publish(h, HUB_CALL, "1");
    publish(h, HUB_CALL, "3");
    assert_string_equal(buf_str(&seen), "late.call:2|late.call:3|");
    hub_unsubscribe(&late);
    hub_unsubscribe(&inviting);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(everybody_is_told_in_order),
        T(unsubscribing_while_told_is_safe),
        T(who_comes_late_is_not_told_of_the_present),
        T(replay_knows_how_far_back_it_reaches),
        T(events_are_kept_for_those_who_know_an_id),
        T(a_replayed_event_is_whole),
        T(bytes_bound_the_ring_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
