/*
 * edge_rig.h - the HTTP door over a real ledger, staff and hub in a folder of its own, four people
 * and an integration, and a client. The test names its route tables before including this.
 */
#pragma once
#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "edge/api/password.h"
#include "http_client.h"
#include "service/pops/pops.h"

/** Defined by the test: the routes that are served. */
extern const struct http_route *const rig_tables[];

static char folder[40], path[64];
static struct edge *e;
static struct ledger *ledger;
static uint16_t port;

/* Nothing pops here. */
void pops_each(struct pops *sp, const char *source, const char *device,
               void (*fn)(void *ctx, const char *json, size_t len), void *ctx)
{
}

/* ---- set-up ---- */

static char hashed[256];

static inline void on_hash(void *ctx, bool ok, const char *hash)
{
    assert_true(ok);
    text_copy(hashed, sizeof(hashed), hash);
}

static inline int add_people(struct ledger_tx *tx, void *arg)
{
    static const struct {
        const char *name;
        enum staff_role role;
        const char *device;
    } people[] = {
        {"li.na", ROLE_AGENT, "1001"},
        {"zhao.gang", ROLE_AGENT, "1002"},
        {"sun.li", ROLE_SUPERVISOR, NULL},
        {"he.jing", ROLE_AUDITOR, NULL},
    };
    int rc = E_OK;
    for (size_t i = 0; i < ARRAY_LEN(people) && rc == E_OK; i++) {
        int64_t id;
        char token[64];
        rc = staff_add(e->o.staff, tx,
                       &(struct staff_new_account){.name = people[i].name,
                                                   .kind = STAFF_PERSON,
                                                   .role = people[i].role,
                                                   .home_device = people[i].device,
                                                   .password = hashed},
                       &id);
        snprintf(token, sizeof(token), "token-of-%s", people[i].name);
        if (rc == E_OK)
            rc = staff_token_add(e->o.staff, tx,
                                 &(struct staff_new_token){.account = people[i].name,
                                                           .kind = STAFF_PERSON,
                                                           .token = token});
    }
    if (rc == E_OK)
        rc = staff_token_add(e->o.staff, tx,
                             &(struct staff_new_token){.account = "crm",
                                                       .kind = STAFF_INTEGRATION,
                                                       .token = "token-of-crm"});
    return rc;
}

static bool added;

static inline void people_added(void *arg, int rc, const struct errmsg *why)
{
    assert_int_equal(rc, E_OK);
    added = true;
}

static inline void start_http(void)
{
    e->http = http_new(&(struct http_opts){
        .loop = e->o.loop, .routes = rig_tables, .ctx = e, .authenticate = auth_identify});
    struct errmsg why;
    assert_int_equal(http_listen(e->http, "127.0.0.1:0", NULL, false, &why), E_OK);
    port = http_port(e->http);
}

static inline int rig_up(void **state)
{
    struct errmsg why = {""};
    static const char config[] = "site: {name: test}\n";
    struct conf_faults faults = {0};
    snprintf(folder, sizeof(folder), "/tmp/test_edge.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s.db", folder);
    e = xcalloc(1, sizeof(*e));
    e->o.loop = loop_new();
    e->o.site = site_load_text("/tmp/steward.yaml", config, sizeof(config) - 1, &faults);
    assert_non_null(e->o.site);
    conf_faults_free(&faults);
    ledger = ledger_new(
        &(struct ledger_opts){.loop = e->o.loop, .driver = &db_sqlite, .where = path}, &why);
    assert_non_null(ledger);
    e->o.ledger = ledger;
    e->o.staff = staff_new(ledger);
    assert_int_equal(staff_load(e->o.staff, &why), E_OK);
    staff_set_dev(e->o.staff, "dev-token");
    e->o.hub = hub_new(100, 1 << 20);
    e->o.metrics = metrics_new();
    e->auth = auth_new(e);
    e->sse = sse_new(e);
    assert_int_equal(password_make(auth_passwords(e->auth), "correct horse", on_hash, NULL), E_OK);
    while (!hashed[0])
        loop_turn(e->o.loop);
    added = false;
    struct ledger_cmd cmd = {.name = "people", .run = add_people, .done = people_added};
    assert_int_equal(ledger_submit(ledger, &cmd), E_OK);
    while (!added)
        loop_turn(e->o.loop);
    start_http();
    return 0;
}

static inline int rig_down(void **state)
{
    http_free(&e->http);
    ledger_free(&ledger);
    sse_free(&e->sse);
    auth_free(&e->auth);
    metrics_free(&e->o.metrics);
    hub_free(&e->o.hub);
    staff_free(&e->o.staff);
    site_unref(&e->o.site);
    loop_free(&e->o.loop);
    free(e);
    hashed[0] = '\0';
    char command[80];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

/* ---- asking ---- */

static struct buf in = BUF_INIT(1 << 20);

/* One request with these header lines and body; the status. The answer is in `in`. */
static inline int ask(const char *line, const char *headers, const char *body)
{
    struct buf out = BUF_INIT(65536);
    int fd = client_connect(port);
    buf_printf(&out, "%s HTTP/1.1\r\nHost: desk.example:8080\r\n%sContent-Length: %zu\r\n\r\n%s",
               line, headers, strlen(body), body);
    client_send(fd, out.data, out.len);
    buf_reset(&in);
    client_read(e->o.loop, fd, &in, client_one_answer);
    close(fd);
    buf_free(&out);
    return client_status(&in);
}

static inline bool says(const char *text)
{
    if (strstr(buf_str(&in), text))
        return true;
    print_error("no %s in %s\n", text, buf_str(&in));
    return false;
}

#define AS(name) "Authorization: Bearer token-of-" name "\r\n"
#define DEV      "Authorization: Bearer dev-token\r\n"
