/* test_conn.c - lines, limits, slow readers, finishing, TLS and listeners over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/conn.h"
#include "base/mem.h"
#include "until.h"

/* One side of a connection: what it was told, as text ("UP|LINE:abc|DOWN:…|"). */
struct side {
    struct bench *b;
    struct conn *conn;
    struct buf trace;
    int lines;
    bool pause_after_line, free_on_line, finish_on_line, echo;
    size_t eat; /* raw mode: bytes used of each offer */
    size_t got, offers;
    unsigned char next; /* raw mode: bytes count up, if check_count */
    bool check_count;
};

struct bench {
    struct loop *loop;
    struct listener *listener;
    struct conn_opts server_opts, client_opts;
    struct side server, client;
    struct loop_timer *patience;
    bool late;
    char dir[32];
};

static const char *const NAMES[] = {"UP",      "LINE", "DATA", "LONG",
                                    "DRAINED", "SLOW", "IDLE", "DOWN"};

static size_t on_side(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct side *s = arg;
    if (ev == CONN_DRAINED)
        return 0;
    buf_adds(&s->trace, NAMES[ev]);
    if (ev == CONN_LINE && len < 100)
        buf_printf(&s->trace, ":%s", data);
    else if (ev == CONN_LINE || ev == CONN_DATA)
        buf_printf(&s->trace, ":%zu", len);
    buf_addc(&s->trace, '|');
    if (ev == CONN_LINE) {
        s->lines++;
        assert_int_equal(data[len], 0);
        if (s->echo) {
            conn_write(c, data, len);
            conn_write(c, "\n", 1);
        }
        if (s->pause_after_line)
            conn_pause(c, true);
        if (s->free_on_line)
            conn_free(&s->conn);
        else if (s->finish_on_line)
            conn_finish(&s->conn);
    }
    if (ev == CONN_DOWN)
        assert_true(len == strlen(data) && len > 0);
    if (ev == CONN_DATA && s->check_count) {
        for (size_t i = 0; i < len; i++)
            assert_int_equal((unsigned char)data[i], s->next++);
        s->got += len;
        s->offers++;
    }
    return ev == CONN_DATA ? (s->eat < len ? s->eat : len) : 0;
}

static void on_accept(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg)
{
    struct bench *b = arg;
    b->server.conn = conn_accept(b->loop, fd, &b->server_opts, on_side, &b->server);
}

static void on_late(void *arg)
{
    ((struct bench *)arg)->late = true;
}

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    struct errmsg why;
    b->loop = loop_new();
    b->patience = loop_timer_new(b->loop, on_late, b);
    b->listener = listener_new(b->loop, "127.0.0.1:0", on_accept, b, &why);
    assert_non_null(b->listener);
    b->server.b = b->client.b = b;
    buf_init(&b->server.trace, 65536);
    buf_init(&b->client.trace, 65536);
    strcpy(b->dir, "/tmp/test_conn.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    char command[64];
    conn_free(&b->server.conn);
    conn_free(&b->client.conn);
    listener_free(&b->listener);
    loop_timer_free(&b->patience);
    tls_free(&b->server_opts.tls);
    tls_free(&b->client_opts.tls);
    loop_free(&b->loop);
    buf_free(&b->server.trace);
    buf_free(&b->client.trace);
    snprintf(command, sizeof(command), "rm -rf %s", b->dir);
    assert_int_equal(system(command), 0);
    free(b);
    return 0;
}

/* Turn the loop until the side's trace ends with `tail` (or five seconds passed). */
static void expect(struct side *s, const char *tail)
{
    struct bench *b = s->b;
    b->late = false;
    loop_timer_arm(b->patience, WAIT_MS);
    for (;;) {
        size_t n = strlen(tail);
        if (s->trace.len >= n && strcmp(buf_str(&s->trace) + s->trace.len - n, tail) == 0)
            break;
        if (b->late)
            fail_msg("waited for '%s', got '%s'", tail, buf_str(&s->trace));
        loop_turn(b->loop);
    }
    loop_timer_disarm(b->patience);
}

static void turns(struct bench *b, int n)
{
    while (n--)
        loop_turn(b->loop);
}

static void connect_client(struct bench *b)
{
    b->client.conn = conn_connect(b->loop, "127.0.0.1", listener_port(b->listener), &b->client_opts,
                                  on_side, &b->client);
    expect(&b->client, "UP|");
    expect(&b->server, "UP|");
}

static void say(struct side *s, const char *text)
{
    conn_write(s->conn, text, strlen(text));
}

static void lines_are_cut(void **state)
{
    struct bench *b = *state;
    connect_client(b);
    say(&b->client, "one\ntwo\r\n\nthr");
    expect(&b->server, "UP|LINE:one|LINE:two|LINE:|");
    turns(b, 3);
    say(&b->client, "ee\r");
    turns(b, 3);
    say(&b->client, "\nlast without end");
    expect(&b->server, "LINE:three|");
    conn_free(&b->client.conn);
    expect(&b->server, "LINE:three|DOWN|");
    assert_memory_equal(conn_peer(b->server.conn), "127.0.0.1:", 10);
}

static void a_line_split_at_every_byte_is_whole(void **state)
{
    struct bench *b = *state;
    connect_client(b);
    for (const char *p = "split\r\nagain\n"; *p; p++) {
        conn_write(b->client.conn, p, 1);
        turns(b, 2);
    }
    expect(&b->server, "UP|LINE:split|LINE:again|");
}

static void the_longest_line_passes_and_a_longer_one_does_not(void **state)
{
    struct bench *b = *state;
    char *big = xmalloc(65540);
    memset(big, 'x', 65540);
    connect_client(b);
    conn_write(b->client.conn, big, 65536);
    say(&b->client, "\r\n");
    expect(&b->server, "LINE:65536|");
    conn_write(b->client.conn, big, 65537);
    say(&b->client, "\nnot seen\n");
    expect(&b->server, "LINE:65536|LONG|");
    turns(b, 20);
    expect(&b->server, "LONG|");
    free(big);
}

static void an_endless_line_is_noticed_without_its_end(void **state)
{
    struct bench *b = *state;
    b->server_opts.line_max = 10;
    connect_client(b);
    say(&b->client, "0123456789\r\n0123456789ab");
    expect(&b->server, "LINE:0123456789|LONG|");
}

static void pausing_keeps_lines_back(void **state)
{
    struct bench *b = *state;
    b->server.pause_after_line = true;
    connect_client(b);
    say(&b->client, "a\nb\n");
    expect(&b->server, "UP|LINE:a|");
    turns(b, 10);
    expect(&b->server, "UP|LINE:a|");
    conn_pause(b->server.conn, false);
    expect(&b->server, "UP|LINE:a|LINE:b|");
    b->server.pause_after_line = false;
    say(&b->client, "c\n");
    conn_pause(b->server.conn, false);
    expect(&b->server, "LINE:c|");
}

static void what_is_written_before_up_leaves_after_it(void **state)
{
    struct bench *b = *state;
    b->client.conn = conn_connect(b->loop, "127.0.0.1", listener_port(b->listener), &b->client_opts,
                                  on_side, &b->client);
    say(&b->client, "early\n");
    expect(&b->server, "UP|LINE:early|");
}

static void freeing_within_a_line_ends_it_there(void **state)
{
    struct bench *b = *state;
    b->server.free_on_line = true;
    connect_client(b);
    say(&b->client, "a\nb\n");
    expect(&b->client, "UP|DOWN|");
    expect(&b->server, "UP|LINE:a|");
}

static void finishing_delivers_the_last_words(void **state)
{
    struct bench *b = *state;
    b->server.echo = b->server.finish_on_line = true;
    connect_client(b);
    say(&b->client, "bye\n");
    for (int i = 0; i < 100; i++) /* unread input must not turn into a reset */
        say(&b->client, "more of what nobody reads\n");
    expect(&b->client, "UP|LINE:bye|DOWN|");
    expect(&b->server, "UP|LINE:bye|");
}

static void answers_reach_a_peer_that_closed_one_direction(void **state)
{
    struct bench *b = *state;
    b->server.echo = true;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(listener_port(b->listener)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char got[16];
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(write(fd, "ping\n", 5), 5);
    shutdown(fd, SHUT_WR);
    expect(&b->server, "UP|LINE:ping|DOWN|");
    assert_int_equal(read(fd, got, sizeof(got)), 5);
    assert_memory_equal(got, "ping\n", 5);
    close(fd);
}

static void a_peer_that_never_reads_costs_out_max(void **state)
{
    struct bench *b = *state;
    char kilo[1024];
    memset(kilo, 'k', sizeof(kilo));
    b->server_opts.out_max = 256 * 1024;
    connect_client(b);
    conn_pause(b->client.conn, true);
    for (int i = 0; i < 20000; i++) {
        conn_write(b->server.conn, kilo, sizeof(kilo));
        assert_true(conn_pending(b->server.conn) <= b->server_opts.out_max);
        if (i % 100 == 0)
            loop_turn(b->loop);
    }
    assert_string_equal(buf_str(&b->server.trace), "UP|SLOW|");
}

static void silence_is_reported(void **state)
{
    struct bench *b = *state;
    b->server_opts.idle_ms = 20;
    connect_client(b);
    expect(&b->server, "UP|IDLE|");
    say(&b->client, "still here\n");
    expect(&b->server, "LINE:still here|IDLE|");
}

static void raw_bytes_are_offered_until_used(void **state)
{
    struct bench *b = *state;
    b->server_opts.raw = true;
    b->server_opts.in_max = 8;
    b->server.eat = 2;
    connect_client(b);
    say(&b->client, "abcd");
    expect(&b->server, "UP|DATA:4|");
    say(&b->client, "ef");
    expect(&b->server, "UP|DATA:4|DATA:4|");
    b->server.eat = 0;
    say(&b->client, "0123456789");
    expect(&b->server, "DATA:8|LONG|");
}

static void a_busy_stream_is_read_in_large_pieces(void **state)
{
    enum { BYTES = 800000 };
    struct bench *b = *state;
    char *data = xmalloc(BYTES);
    b->server_opts.raw = true;
    b->server.eat = SIZE_MAX;
    b->server.check_count = true;
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)i;
    connect_client(b);
    conn_write(b->client.conn, data, BYTES);
    loop_timer_arm(b->patience, WAIT_MS);
    while (b->server.got < BYTES && !b->late)
        loop_turn(b->loop);
    loop_timer_disarm(b->patience);
    assert_int_equal(b->server.got, BYTES);
    assert_true(b->server.offers < BYTES / 4096); /* what libevent itself reads in a turn */
    free(data);
}

static void refused_and_unknown_hosts_go_down_later(void **state)
{
    struct bench *b = *state;
    uint16_t port = listener_port(b->listener);
    listener_free(&b->listener);
    b->client.conn = conn_connect(b->loop, "127.0.0.1", port, &b->client_opts, on_side, &b->client);
    assert_string_equal(buf_str(&b->client.trace), "");
    expect(&b->client, "DOWN|");
    conn_free(&b->client.conn);
    b->client.conn = conn_connect(b->loop, "localhost", port, &b->client_opts, on_side, &b->client);
    expect(&b->client, "DOWN|DOWN|");
}

static void dead_unix_sockets_are_replaced_and_live_ones_are_not(void **state)
{
    struct bench *b = *state;
    struct errmsg why;
    struct stat st;
    char path[64];
    snprintf(path, sizeof(path), "%s/sock", b->dir);
    struct listener *l = listener_new(b->loop, path, on_accept, b, &why);
    assert_non_null(l);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(listener_port(l), 0);
    assert_null(listener_new(b->loop, path, on_accept, b, &why)); /* it lives */
    expect(&b->server, "UP|DOWN|");                               /* the probe */
    conn_free(&b->server.conn);
    buf_reset(&b->server.trace);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    expect(&b->server, "UP|");
    assert_string_equal(conn_peer(b->server.conn), "unix");
    close(fd);
    listener_free(&l);
    assert_int_equal(stat(path, &st), -1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* one that died without cleaning up */
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    close(fd);
    l = listener_new(b->loop, path, on_accept, b, &why);
    assert_non_null(l);
    listener_free(&l);
}

static void bad_addresses_are_refused(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {"",
                                      "7070",
                                      "127.0.0.1:",
                                      "127.0.0.1:99999",
                                      "127.0.0.1:http",
                                      "/nowhere/at/all.sock",
                                      "256.1.1.1:80",
                                      "127.0.0.1:-1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct errmsg why = {""};
        assert_null(listener_new(b->loop, bad[i], on_accept, b, &why));
        assert_true(why.text[0] != '\0');
    }
    static const char *const good[] = {":0", "localhost:0", "[::1]:0"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct errmsg why = {""};
        struct listener *l = listener_new(b->loop, good[i], on_accept, b, &why);
        if (!l && good[i][0] == '[')
            continue; /* a machine without IPv6 */
        assert_non_null(l);
        assert_true(listener_port(l) > 0);
        listener_free(&l);
    }
}

/* ---- TLS ---- */

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    if (cert)
        PEM_write_X509(f, cert);
    if (key)
        PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
}

/* A self-signed certificate for localhost and its key, in dir. */
static void make_certificate(const char *dir, char cert_path[64], char key_path[64])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert, key, EVP_sha256());
    snprintf(cert_path, 64, "%s/cert.pem", dir);
    snprintf(key_path, 64, "%s/key.pem", dir);
    write_pem(cert_path, cert, NULL);
    write_pem(key_path, NULL, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void use_tls(struct bench *b, bool verify, const char *name)
{
    char cert[64], key[64];
    struct errmsg why;
    make_certificate(b->dir, cert, key);
    b->server_opts.tls = tls_server(cert, key, &why);
    assert_non_null(b->server_opts.tls);
    b->client_opts.tls = tls_client(verify ? cert : NULL, verify, &why);
    assert_non_null(b->client_opts.tls);
    b->client_opts.tls_name = name;
}

static void tls_carries_lines_both_ways(void **state)
{
    struct bench *b = *state;
    use_tls(b, true, "localhost");
    b->server.echo = true;
    connect_client(b);
    say(&b->client, "secret\nsecond\n");
    expect(&b->server, "UP|LINE:secret|LINE:second|");
    expect(&b->client, "UP|LINE:secret|LINE:second|");
    conn_finish(&b->server.conn);
    expect(&b->client, "DOWN|");
}

static void tls_pauses_without_losing_what_openssl_holds(void **state)
{
    struct bench *b = *state;
    char big[12000];
    memset(big, 'x', sizeof(big));
    big[5000] = big[10000] = big[11999] = '\n';
    use_tls(b, false, NULL);
    b->server.pause_after_line = true;
    connect_client(b);
    conn_write(b->client.conn, big, sizeof(big)); /* one record */
    expect(&b->server, "UP|LINE:5000|");
    conn_pause(b->server.conn, false);
    expect(&b->server, "LINE:4999|");
    conn_pause(b->server.conn, false);
    expect(&b->server, "LINE:1998|");
}

static void a_wrong_name_or_an_unknown_signer_is_refused(void **state)
{
    struct bench *b = *state;
    use_tls(b, true, "other.example");
    b->client.conn = conn_connect(b->loop, "127.0.0.1", listener_port(b->listener), &b->client_opts,
                                  on_side, &b->client);
    expect(&b->client, "DOWN|");
    assert_null(strstr(buf_str(&b->client.trace), "UP"));
}

static void plain_text_to_a_tls_port_goes_down(void **state)
{
    struct bench *b = *state;
    use_tls(b, false, NULL);
    tls_free(&b->client_opts.tls);
    b->client.conn = conn_connect(b->loop, "127.0.0.1", listener_port(b->listener), &b->client_opts,
                                  on_side, &b->client);
    expect(&b->client, "UP|");
    say(&b->client, "{\"type\":\"hello\"}\n");
    expect(&b->server, "DOWN|");
}

static void unusable_tls_files_are_named(void **state)
{
    struct bench *b = *state;
    struct errmsg why = {""};
    char cert[64], key[64];
    make_certificate(b->dir, cert, key);
    assert_null(tls_server("/nowhere.pem", key, &why));
    assert_non_null(strstr(why.text, "/nowhere.pem"));
    assert_null(tls_server(cert, cert, &why));
    assert_non_null(strstr(why.text, cert));
    assert_null(tls_client("/nowhere.pem", true, &why));
    assert_non_null(strstr(why.text, "/nowhere.pem"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(lines_are_cut),
        T(a_line_split_at_every_byte_is_whole),
        T(the_longest_line_passes_and_a_longer_one_does_not),
        T(an_endless_line_is_noticed_without_its_end),
        T(pausing_keeps_lines_back),
        T(what_is_written_before_up_leaves_after_it),
        T(freeing_within_a_line_ends_it_there),
        T(finishing_delivers_the_last_words),
        T(answers_reach_a_peer_that_closed_one_direction),
        T(a_peer_that_never_reads_costs_out_max),
        T(silence_is_reported),
        T(raw_bytes_are_offered_until_used),
        T(a_busy_stream_is_read_in_large_pieces),
        T(refused_and_unknown_hosts_go_down_later),
        T(dead_unix_sockets_are_replaced_and_live_ones_are_not),
        T(bad_addresses_are_refused),
        T(tls_carries_lines_both_ways),
        T(tls_pauses_without_losing_what_openssl_holds),
        T(a_wrong_name_or_an_unknown_signer_is_refused),
        T(plain_text_to_a_tls_port_goes_down),
        T(unusable_tls_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
