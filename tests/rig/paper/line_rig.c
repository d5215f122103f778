/*
 * line_rig.c - the line protocol on a real loop, store and sockets, with calls that the test
 * plays, and clients that remember what they were told.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "line_rig.h"
#include "until.h"
#include "service/pops/pops.h"
#include "service/staff/staff_priv.h"

/* ---- calls as the test plays them ---- */

struct source sources[4];
struct rig_action act;

struct source *source_get(struct calls *t, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (!sources[i].name[0])
            text_copy(sources[i].name, sizeof(sources[i].name), name);
        if (strcmp(sources[i].name, name) == 0)
            return &sources[i];
    }
    return NULL;
}

int source_attach(struct source *s, const struct source_adapter *adapter, struct errmsg *why)
{
    s->adapter = *adapter;
    return E_OK;
}

void source_let_go(struct source *s)
{
}

void source_detach(struct source *s, const void *ctx, const char *error)
{
    if (s->adapter.ctx != ctx)
        return;
    memset(&s->adapter, 0, sizeof(s->adapter));
    s->state = STEWARD_SOURCE_DOWN;
    text_copy(s->error, sizeof(s->error), error);
}

void source_state(struct source *s, enum steward_source_state state, uint32_t can,
                  const char *error)
{
    s->state = state;
}

int64_t source_last_seq(const struct source *s)
{
    return s->durable;
}

int source_event_parse(const struct json_obj *o, struct steward_cti_event *out, int64_t *seq,
                       struct errmsg *why)
{
    int rc = json_obj_int(o, "seq", 1, INT64_MAX, seq, why);
    if (rc == 0)
        rc = json_obj_str(o, "call", 128, &out->call, why);
    return rc == 0 && !out->call ? errmsg_set(why, E_INVALID, "call: missing") : rc;
}

int source_event(struct source *s, int64_t seq, const struct steward_cti_event *ev,
                 struct errmsg *why)
{
    if (strcmp(ev->call, "bad") == 0)
        return errmsg_set(why, E_INVALID, "direction: no such");
    strcat(strcat(s->calls, ev->call), ",");
    if (seq > s->taken)
        s->taken = seq;
    return 0;
}

void source_when_durable(struct source *s, void (*fn)(void *ctx), void *ctx)
{
    if (s->durable >= s->taken) {
        fn(ctx);
        return;
    }
    s->settled[s->n_settled].fn = fn;
    s->settled[s->n_settled++].ctx = ctx;
}

void commit(struct source *s)
{
    s->durable = s->taken;
    if (s->adapter.durable)
        s->adapter.durable(s->adapter.ctx, s->durable);
    for (int i = 0; i < s->n_settled; i++)
        s->settled[i].fn(s->settled[i].ctx);
    s->n_settled = 0;
}

uint64_t call_control_do(struct calls *t, const struct call_control_request *req,
                         call_control_cb *cb, void *ctx)
{
    act.cb = cb;
    act.ctx = ctx;
    text_copy(act.action, sizeof(act.action), req->action);
    text_copy(act.device, sizeof(act.device), req->device);
    text_copy(act.number, sizeof(act.number), req->number ? req->number : "");
    return 7;
}

void call_control_forget(struct calls *t, uint64_t id)
{
    assert_int_equal(id, 7);
    act.forgotten = true;
}

const char *standing;

void pops_each(struct pops *sp, const char *source, const char *device,
               void (*fn)(void *ctx, const char *json, size_t len), void *ctx)
{
    if (standing && strcmp(device, "1001") == 0)
        fn(ctx, standing, strlen(standing));
}

/* ---- the bench ---- */

static char dir[32], path[48];
struct loop *loop;
struct ledger *ledger;
struct staff *staff;
struct hub *hub;
struct line *line;
static struct loop_timer *patience;
static bool late;

static size_t on_client(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct client *k = arg;
    if (ev == CONN_LINE) {
        buf_add(&k->got, data, len);
        buf_addc(&k->got, '\n');
    } else if (ev == CONN_DOWN) {
        k->down = true;
    }
    return 0;
}

static void on_late(void *arg)
{
    late = true;
}

void turn_until(bool (*fn)(void *), void *arg, const char *what)
{
    late = false;
    loop_timer_arm(patience, WAIT_MS);
    while (!fn(arg) && !late)
        loop_turn(loop);
    loop_timer_disarm(patience);
    if (late)
        fail_msg("waited for %s", what);
}

void turns(int n)
{
    while (n--)
        loop_turn(loop);
}

struct client *client(void)
{
    struct client *k = xcalloc(1, sizeof(*k));
    struct conn_opts o = {0};
    buf_init(&k->got, 16 << 20);
    k->conn = conn_connect(loop, "127.0.0.1", line_port(line), &o, on_client, k);
    return k;
}

void client_free(struct client *k)
{
    conn_free(&k->conn);
    buf_free(&k->got);
    free(k);
}

void say(struct client *k, const char *text)
{
    conn_write(k->conn, text, strlen(text));
    conn_write(k->conn, "\n", 1);
}

static struct {
    struct client *k;
    const char *text;
} wanted;

static bool has_wanted(void *arg)
{
    return wanted.k->got.len && strstr(wanted.k->got.data, wanted.text);
}

/* Waits for a line with this text. */
void expect(struct client *k, const char *text)
{
    wanted.k = k;
    wanted.text = text;
    late = false;
    loop_timer_arm(patience, WAIT_MS);
    while (!has_wanted(NULL) && !late)
        loop_turn(loop);
    loop_timer_disarm(patience);
    if (late)
        fail_msg("waited for %s, got %s", text, buf_str(&k->got));
}

bool is_down(void *arg)
{
    return ((struct client *)arg)->down;
}

/* Waits for the end; exactly one error line with this code came last. */
void expect_closed(struct client *k, const char *code)
{
    char text[64];
    snprintf(text, sizeof(text), "{\"type\":\"error\",\"code\":\"%s\",\"message\":\"", code);
    turn_until(is_down, k, code);
    assert_non_null(strstr(buf_str(&k->got), text));
}

int count(struct client *k, const char *text)
{
    int n = 0;
    for (const char *p = buf_str(&k->got); (p = strstr(p, text)); p++)
        n++;
    return n;
}

struct client *welcomed(const char *hello)
{
    struct client *k = client();
    say(k, hello);
    expect(k, "\"type\":\"welcome\"");
    return k;
}

void person(int64_t id, const char *name, const char *role, const char *device)
{
    struct account_row a = {.id = id, .created_at = 1};
    text_copy(a.name, sizeof(a.name), name);
    text_copy(a.kind, sizeof(a.kind),
              strcmp(role, "pbx") && strcmp(role, "monitor") ? "person" : role);
    text_copy(a.role, sizeof(a.role), role);
    text_copy(a.department, sizeof(a.department), "engineering");
    text_copy(a.home_device, sizeof(a.home_device), device);
    staff_apply_account(staff, &a);
    char token[80];
    struct token_row t = {.account_id = id};
    snprintf(token, sizeof(token), "token-of-%s", name);
    staff_digest(token, t.digest);
    staff_apply_token(staff, &t);
}

int setup(void **state)
{
    struct errmsg why = {{0}};
    memset(sources, 0, sizeof(sources));
    memset(&act, 0, sizeof(act));
    standing = NULL;
    strcpy(dir, "/tmp/test_line.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    log_set_level(LOG_WARN);
    loop = loop_new();
    patience = loop_timer_new(loop, on_late, NULL);
    ledger =
        ledger_new(&(struct ledger_opts){.loop = loop, .driver = &db_sqlite, .where = path}, &why);
    if (!ledger)
        fail_msg("%s", why.text);
    hub = hub_new(100, 1 << 20);
    staff = staff_new(ledger);
    staff_set_dev(staff, "dev-token");
    person(1, "li.na", "agent", "1002");
    person(2, "boss", "supervisor", "");
    person(3, "pbx-a", "pbx", "");
    person(4, "wall", "monitor", "");
    line = line_new(&(struct line_opts){.loop = loop,
                                        .staff = staff,
                                        .hub = hub,
                                        .pops = (struct pops *)hub,
                                        .address = "127.0.0.1:0",
                                        .max_links = 50,
                                        .hello_ms = 200},
                    &why);
    if (!line)
        fail_msg("%s", why.text);
    return 0;
}

int teardown(void **state)
{
    char command[64];
    line_free(&line);
    turns(3);
    ledger_free(&ledger);
    staff_free(&staff);
    hub_free(&hub);
    loop_timer_free(&patience);
    loop_free(&loop);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}
