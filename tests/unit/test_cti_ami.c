/*
 * test_cti_ami.c - every recording of a real Asterisk, played against the adapter whole, byte by
 * byte and in random pieces; what steward says of each call is compared with what the phones did.
 */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cti_calls.h"
#include "cti_replay.h"

extern const struct steward_plugin steward_plugin;

#define LOGIN_AT 1795310000000
#define CONF                                                                                       \
    "{\"username\":\"desk\",\"secret\":\"s3cret\",\"contexts.inbound\":[\"from-trunk\"],"          \
    "\"features.atxfer\":true,\"features.answer_notify\":true}"

/* ---- what the phones did ---- */

static const char *phone(const json_t *v)
{
    const char *s = json_string_value(v);
    return s && strncmp(s, "ext", 3) == 0 ? s + 3 : s;
}

static int64_t ms(const json_t *v)
{
    return (int64_t)(json_number_value(v) * 1000);
}

static const char *queue_of(const char *did)
{
    static const char *const table[][2] = {{"4008000", "service"},
                                           {"4008002", "service-rr"},
                                           {"4008003", "service-local"},
                                           {"4008004", "service-rr"}};
    for (size_t i = 0; i < 4; i++)
        if (strcmp(table[i][0], did) == 0)
            return table[i][1];
    return NULL;
}

/* The last phone hung up by itself at the end of the call. */
static bool agent_ended(const json_t *c)
{
    const json_t *hung = json_object_get(c, "agent_hung_up");
    const json_t *last = json_array_get(hung, json_array_size(hung) - 1);
    int64_t apart = ms(json_object_get(c, "end")) - ms(json_array_get(last, 1));
    return last && apart < 200 && apart > -200;
}

static enum steward_by ended_by(const json_t *c)
{
    const char *who = json_string_value(json_object_get(c, "ended_by"));
    if (who && strcmp(who, "caller") == 0)
        return STEWARD_BY_CALLER;
    if ((who && strncmp(who, "ext", 3) == 0) || agent_ended(c))
        return STEWARD_BY_AGENT;
    return STEWARD_BY_SYSTEM;
}

static enum call_disposition disposition_of(const json_t *c, const struct expected_call *want)
{
    if (want->answered)
        return CALL_ANSWERED;
    if (want->queue && want->by == STEWARD_BY_CALLER)
        return CALL_ABANDONED;
    size_t rang = json_array_size(json_object_get(c, "rang"));
    if (rang && rang == json_array_size(json_object_get(c, "rejected_by")))
        return CALL_BUSY;
    if (json_integer_value(json_object_get(c, "sip_code")) == 404)
        return CALL_FAILED;
    return CALL_MISSED;
}

static void expect(const json_t *c, struct expected_call *want)
{
    const json_t *v;
    size_t i;
    memset(want, 0, sizeof *want);
    const char *direction = json_string_value(json_object_get(c, "direction"));
    bool in = strcmp(direction, "in") == 0;
    want->direction = in                              ? STEWARD_DIR_INBOUND
                      : strcmp(direction, "out") == 0 ? STEWARD_DIR_OUTBOUND
                                                      : STEWARD_DIR_INTERNAL;
    want->calling =
        in ? json_string_value(json_object_get(c, "number")) : phone(json_object_get(c, "by"));
    want->restricted = strcmp(want->calling, "anonymous") == 0;
    want->called = json_string_value(json_object_get(c, "dialled"));
    want->queue = queue_of(want->called);
    want->start = ms(json_object_get(c, "start"));
    want->end = ms(json_object_get(c, "end"));
    json_array_foreach(json_object_get(c, "rang"), i, v) want->rang[i] = phone(v);
    json_array_foreach(json_object_get(c, "answered_by"), i, v)
    {
        want->answered_by[i] = phone(json_array_get(v, 0));
        if (i == 0)
            want->answered = ms(json_array_get(v, 1));
    }
    v = json_array_get(json_object_get(c, "transfers"), 0);
    if (v) {
        want->transfer_to = json_string_value(json_array_get(v, 1));
        want->transfer =
            json_is_true(json_array_get(v, 2)) ? STEWARD_TRANSFER_ATTENDED : STEWARD_TRANSFER_BLIND;
    }
    want->by = ended_by(c);
    want->disposition = disposition_of(c, want);
}

/* What calls.json cannot say, as it knows the SIP side alone. */
static const struct special {
    const char *scenario;
    const char *transfer_to;
    enum steward_transfer transfer;
    int64_t hold_ms;
    bool shown; /* the PBX shows the number, though the caller withholds it */
} specials[] = {
    {"d4_blind_ami", "1002", STEWARD_TRANSFER_BLIND, 0, false},
    {"d5_redirect_ami", "1002", STEWARD_TRANSFER_BLIND, 0, false},
    {"d6_attended_refer", "1002", STEWARD_TRANSFER_ATTENDED, 2560, false},
    {"d8_attended_ami", "1002", STEWARD_TRANSFER_ATTENDED, 5817, false},
    {"g1_hold_agent", NULL, 0, 2000, false},
    {"r_back0", NULL, 0, 5044, false},
    {"constructed_consult_race_r_back0", NULL, 0, 5044, false},
    {"x_att_desk", NULL, 0, 5745, false},
    {"x_att_out", NULL, 0, 6064, false},
    {"s_out_phone", NULL, 0, 1503, false},
    {"k2_anonymous_with_pai", NULL, 0, 0, true},
};

static void apply_special(const char *scenario, struct expected_call *want)
{
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        const struct special *s = &specials[i];
        if (strcmp(s->scenario, scenario) != 0 || want->direction == STEWARD_DIR_INTERNAL)
            continue;
        if (s->transfer_to) {
            want->transfer_to = s->transfer_to;
            want->transfer = s->transfer;
        }
        want->hold_ms = s->hold_ms;
        if (s->shown) {
            want->restricted = false;
            want->calling = "+8613800138000";
        }
    }
}

/* Calls that the PBX set up by itself: not in calls.json. */
static const struct {
    const char *scenario;
    double answered, end; /* seconds */
    enum steward_by by;
    enum call_disposition disposition;
} originated[] = {
    {"e1_originate_ok", 2.61, 4.61, STEWARD_BY_CALLER, CALL_ANSWERED},
    {"e2_originate_agent_noanswer", 0, 4.02, STEWARD_BY_SYSTEM, CALL_MISSED},
    {"e3_originate_agent_busy", 0, 0.2, STEWARD_BY_SYSTEM, CALL_BUSY},
    {"e5_originate_customer_busy", 0, 1.26, STEWARD_BY_SYSTEM, CALL_BUSY},
    {"e6_originate_agent_gives_up", 0, 5.07, STEWARD_BY_AGENT, CALL_MISSED},
    {"j5_permission_denied", 0, 0.2, STEWARD_BY_SYSTEM, CALL_BUSY},
};

/* ---- playing ---- */

struct scenario {
    char name[64];
    json_t *truth, *calls;
    struct recording rec;
    int64_t base;
};

static bool scenario_read(struct scenario *s, const char *name)
{
    char path[512], idx[512];
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%.63s", name);
    snprintf(path, sizeof path, "%s/recordings/ami/%s.truth.json", TEST_DATA, name);
    s->truth = json_load_file(path, 0, NULL);
    snprintf(path, sizeof path, "%s/recordings/ami/%s.calls.json", TEST_DATA, name);
    s->calls = json_load_file(path, 0, NULL);
    snprintf(path, sizeof path, "%s/recordings/ami/%s.txt", TEST_DATA, name);
    snprintf(idx, sizeof idx, "%s/recordings/ami/%s.idx", TEST_DATA, name);
    recording_read(&s->rec, path, idx, true);
    s->base = s->truth ? ms(json_object_get(s->truth, "started")) : 1795310000000;
    return s->rec.len > 0;
}

static void scenario_free(struct scenario *s)
{
    json_decref(s->truth);
    json_decref(s->calls);
    recording_free(&s->rec);
}

static size_t check_calls(const struct scenario *s, struct folded_calls *got, bool print)
{
    size_t faults = 0, i;
    const json_t *c;
    json_array_foreach(s->calls, i, c)
    {
        struct expected_call want;
        char why[512], phones[256], says[256];
        expect(c, &want);
        apply_special(s->name, &want);
        if (strcmp(want.called, "9") == 0)
            continue; /* the PBX says nothing of a number that it does not know */
        struct folded_call *found = calls_find(got, &want);
        if (!found && want.direction == STEWARD_DIR_INTERNAL)
            continue; /* a consultation that ended in the call */
        bool ended = !strstr(s->name, "i2_") && !strstr(s->name, "i3_") && !strstr(s->name, "i4_");
        if (!ended) /* the PBX fell silent: the snapshot after it comes back ends them */
            want.end = 0, want.by = STEWARD_BY_NONE, want.disposition = CALL_NONE;
        bool right = calls_compare(found, &want, why, sizeof why);
        calls_describe_expected(&want, s->base, phones, sizeof phones);
        calls_describe(found, s->base, says, sizeof says);
        if (!right || (print && i < 3))
            printf("| %-28s | %-62s | %-86s | %s\n", s->name, phones, says, right ? "ok" : why);
        faults += !right;
    }
    return faults;
}

static size_t check_originated(const struct scenario *s, struct folded_calls *got, bool print)
{
    for (size_t i = 0; i < sizeof originated / sizeof *originated; i++) {
        if (strcmp(originated[i].scenario, s->name) != 0)
            continue;
        struct expected_call want = {
            .direction = STEWARD_DIR_OUTBOUND,
            .calling = "1001",
            .called = "13900139000",
            .start = s->base,
            .answered =
                originated[i].answered > 0 ? s->base + (int64_t)(originated[i].answered * 1000) : 0,
            .end = s->base + (int64_t)(originated[i].end * 1000),
            .by = originated[i].by,
            .disposition = originated[i].disposition,
        };
        char why[512], phones[256], says[256];
        struct folded_call *found = calls_find(got, &want);
        bool right = calls_compare(found, &want, why, sizeof why);
        calls_describe_expected(&want, s->base, phones, sizeof phones);
        calls_describe(found, s->base, says, sizeof says);
        if (!right || print)
            printf("| %-28s | %-62s | %-86s | %s\n", s->name, phones, says, right ? "ok" : why);
        return !right;
    }
    return 0;
}

static size_t play(const struct scenario *s, enum replay_split split, unsigned seed)
{
    struct replay *r = calloc(1, sizeof *r);
    struct folded_calls *got = malloc(sizeof *got);
    replay_start(r, &steward_plugin, CONF, s->base);
    recording_play(r, &s->rec, s->base, split, seed);
    replay_until(r, r->now + 2000);
    calls_fold(got, r);
    bool print = split == SPLIT_AS_READ;
    size_t faults = check_calls(s, got, print) + check_originated(s, got, print);
    calls_free(got);
    free(got);
    replay_stop(r);
    free(r);
    return faults;
}

static int wants(const struct dirent *e)
{
    return strstr(e->d_name, ".truth.json") != NULL;
}

static void test_recordings(void **state)
{
    (void)state;
    struct dirent **list;
    char folder[512];
    unsigned seed = (unsigned)getpid();
    size_t faults = 0, bytes_max = 150000;
    snprintf(folder, sizeof folder, "%s/recordings/ami", TEST_DATA);
    int n = scandir(folder, &list, wants, alphasort);
    assert_true(n > 30);
    printf("random pieces: seed %u\n| scenario | what the phones did | what steward says |\n",
           seed);
    for (int i = 0; i < n; i++) {
        struct scenario s;
        *strstr(list[i]->d_name, ".truth.json") = '\0';
        assert_true(scenario_read(&s, list[i]->d_name));
        faults += play(&s, SPLIT_AS_READ, 0);
        faults += play(&s, SPLIT_RANDOM, seed + (unsigned)i);
        if (s.rec.len < bytes_max)
            faults += play(&s, SPLIT_BYTES, 0);
        scenario_free(&s);
        free(list[i]);
    }
    free(list);
    assert_int_equal(faults, 0);
}

/* What a real Asterisk sent to clients that did it wrong, and to one that did it right. */
static void test_recorded_logins(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum steward_source_state state;
        const char *says;
    } rows[] = {
        {"f1_wrong_secret", STEWARD_SOURCE_DOWN, "refused: Authentication failed"},
        {"f2_unknown_user", STEWARD_SOURCE_DOWN, "refused: Authentication failed"},
        {"f4_md5_ok", STEWARD_SOURCE_SYNCING, ""},
        {"f5_md5_wrong", STEWARD_SOURCE_DOWN, "refused: Authentication failed"},
        {"f11_no_secret", STEWARD_SOURCE_DOWN, "refused: Authentication failed"},
        {"f12_acl_denied_127_0_0_2", STEWARD_SOURCE_DOWN, "refused: Authentication failed"},
        {"f13_silent_auth_timeout", STEWARD_SOURCE_DOWN, "no answer to the login"},
    };
    size_t faults = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[512], idx[512];
        struct recording rec;
        struct replay *r = calloc(1, sizeof *r);
        snprintf(path, sizeof path, "%s/recordings/ami/%s.txt", TEST_DATA, rows[i].name);
        snprintf(idx, sizeof idx, "%s/recordings/ami/%s.idx", TEST_DATA, rows[i].name);
        recording_read(&rec, path, idx, true);
        assert_true(rec.len > 0);
        replay_start(r, &steward_plugin, CONF, LOGIN_AT);
        recording_play(r, &rec, LOGIN_AT, SPLIT_AS_READ, 0);
        bool silent = strstr(rows[i].name, "silent") != NULL;
        replay_until(r, r->now + (silent ? 15500 : 100));
        bool right = (silent || r->state == rows[i].state) && strstr(r->log, rows[i].says);
        if (!right)
            printf("%s: state %d, log %s", rows[i].name, (int)r->state, r->log);
        faults += !right;
        replay_stop(r);
        free(r);
        recording_free(&rec);
    }
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_logins),
        cmocka_unit_test(test_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
