/*
 * The HTTP server over a real socket: what it refuses (each a way to smuggle a request past a
 * proxy, or to exhaust the daemon), routes, answers now and later, streams, limits.
 */
#include "unit.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "edge/http/http.h"
#include "http_client.h"

static struct loop *loop;
static struct http *http;
static struct http_req *held;
static struct http_stream *stream;
static int closed_streams, handled, handled_before_hold;

static void on_echo(struct http_req *req, void *ctx)
{
    size_t len;
    const char *text = http_body_text(req, &len);
    handled++;
    http_reply(req, 200, "text/plain", text, len);
}

static void on_show(struct http_req *req, void *ctx)
{
    char out[256];
    int n = snprintf(out, sizeof(out), "{\"id\":\"%s\",\"verb\":\"%s\",\"q\":\"%s\"}",
                     http_param(req, "id"), http_param(req, "verb") ? http_param(req, "verb") : "",
                     http_query(req, "q") ? http_query(req, "q") : "");
    handled++;
    http_reply_json(req, 200, out, (size_t)n);
}

static void on_hold(struct http_req *req, void *ctx)
{
    held = req;
    handled_before_hold = handled;
}

static void on_list(struct http_req *req, void *ctx)
{
    int limit;
    const char *cursor;
    char out[64];
    if (!http_page(req, &limit, &cursor))
        return;
    int n = snprintf(out, sizeof(out), "%d,%s", limit, cursor ? cursor : "-");
    http_reply(req, 200, "text/plain", out, (size_t)n);
}

static void stream_closed(void *ctx)
{
    closed_streams++;
    stream = NULL;
}

static void on_stream(struct http_req *req, void *ctx)
{
    stream = http_stream_open(req, "text/event-stream", stream_closed, NULL);
}

static void on_json(struct http_req *req, void *ctx)
{
    struct buf out = BUF_INIT(1000);
    struct jw w;
    jw_init(&w, &out);
    jw_json(&w, http_body(req));
    http_reply_json(req, 200, out.data, out.len);
    buf_free(&out);
}

static void on_match(struct http_req *req, void *ctx)
{
    int64_t version;
    if (http_if_match(req, &version))
        http_reply(req, 200, "text/plain", version == 5 ? "5" : "0", 1);
}

static void on_big(struct http_req *req, void *ctx)
{
    static char big[3 << 20];
    memset(big, 'x', sizeof(big));
    http_reply(req, 200, "text/plain", big, sizeof(big));
}

static const struct http_route routes[] = {
    ROUTE(POST, "/echo", MAY_ANYONE, on_echo, "", .flags = HTTP_RAW),
    ROUTE(GET, "/echo", MAY_ANYONE, on_echo, "", .flags = HTTP_RAW),
    ROUTE(GET, "/things/{id}", MAY_ANYONE, on_show, ""),
    ROUTE(POST, "/things/{id}/{verb...}", MAY_ANYONE, on_show, ""),
    ROUTE(GET, "/hold", MAY_ANYONE, on_hold, ""),
    ROUTE(GET, "/list", MAY_ANYONE, on_list, ""),
    ROUTE(GET, "/stream", MAY_ANYONE, on_stream, ""),
    ROUTE(POST, "/json", MAY_ANYONE, on_json, ""),
    ROUTE(GET, "/match", MAY_ANYONE, on_match, ""),
    ROUTE(GET, "/big", MAY_ANYONE, on_big, ""),
    ROUTE(POST, "/staff", MAY_STAFF, on_json, ""),
    {.path = NULL},
};
static const struct http_route *const tables[] = {routes, NULL};

static int setup(void **state)
{
    loop = loop_new();
    http = http_new(&(struct http_opts){.loop = loop, .routes = tables, .max_connections = 50});
    assert_int_equal(http_listen(http, "127.0.0.1:0", NULL, false, NULL), E_OK);
    held = NULL;
    stream = NULL;
    closed_streams = handled = 0;
    return 0;
}

static int teardown(void **state)
{
    http_free(&http);
    loop_free(&loop);
    return 0;
}

/* Send bytes on a new connection; what comes back until it closes or one answer is whole. */
static bool ask(const char *request, size_t len, struct buf *in)
{
    int fd = client_connect(http_port(http));
    client_send(fd, request, len);
    bool closed = client_read(loop, fd, in, client_one_answer);
    if (!closed && strstr(buf_str(in), "Connection: close"))
        closed = client_read(loop, fd, in, NULL);
    close(fd);
    loop_turn(loop);
    return closed;
}

static void expect(const char *request, int status, bool closes, const char *contains)
{
    struct buf in = BUF_INIT(8 << 20);
    bool closed = ask(request, strlen(request), &in);
    if (client_status(&in) != status || (contains && !strstr(buf_str(&in), contains)))
        print_error("request %s\nanswer %s\n", request, buf_str(&in));
    assert_int_equal(client_status(&in), status);
    assert_int_equal(closed, closes);
    if (contains)
        assert_non_null(strstr(buf_str(&in), contains));
    buf_free(&in);
}

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* Every one of these gets 400 (or what is said), closes, and no handler sees anything of it. */
static void test_refused(void **state)
{
    static const struct {
        struct {
            const char *text;
            size_t len;
        } bytes;
        int status;
    } cases[] = {
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: "
               "5\r\n\r\nabcde"),
         400},
        {BYTES(
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0\r\n\r\n"),
         400},
        {BYTES(
             "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
         501},
        {BYTES("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
               "chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 "
               "\r\nabc\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
               "chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1000000000000000\r\nabc\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n0\r\n"),
         400},
        {BYTES("GET /echo HTTP/1.1\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer "
               "b\r\n\r\n"),
         400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: "
               "a\r\n\r\n"),
         400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\nHost: a\n\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n"), 400},
        {BYTES("GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo  HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /ec\tho HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/2.0\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.10\r\nHost: a\r\n\r\n"), 400},
        {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
        {BYTES("GET echo HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo#x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /ec\xffho HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("G@T /echo HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"), 417},
        {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400}, /* TLS to a plain port */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf in = BUF_INIT(65536);
        bool closed = ask(cases[i].bytes.text, cases[i].bytes.len, &in);
        if (client_status(&in) != cases[i].status || !closed)
            print_error("case %zu: %s\nanswer %s\n", i, cases[i].bytes.text, buf_str(&in));
        assert_int_equal(client_status(&in), cases[i].status);
        assert_true(closed);
        assert_non_null(strstr(buf_str(&in), "application/problem+json"));
        assert_non_null(strstr(buf_str(&in), "Connection: close"));
        buf_free(&in);
    }
    assert_int_equal(handled, 0);
}

static void test_limits(void **state)
{
    struct buf out = BUF_INIT(3 << 20);
    buf_adds(&out, "GET /echo HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 33000; i++)
        buf_addc(&out, 'x');
    buf_adds(&out, "\r\n\r\n");
    expect(out.data, 431, true, NULL);
    buf_reset(&out);
    buf_adds(&out, "GET /echo HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&out, "X%d: x\r\n", i);
    buf_adds(&out, "\r\n");
    expect(out.data, 431, true, NULL);
    buf_reset(&out);
    buf_adds(&out, "GET /");
    for (int i = 0; i < 8200; i++)
        buf_addc(&out, 'x');
    buf_adds(&out, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(out.data, 414, true, NULL);
    expect("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413, true, NULL);
    expect(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n",
        413, true, NULL);
    buf_reset(&out);
    buf_adds(&out,
             "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n");
    for (int i = 0; i < 0x100001; i++)
        buf_addc(&out, 'x');
    expect(out.data, 413, true, NULL);
    buf_free(&out);
}

static void test_accepted(void **state)
{
    expect("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "Content-Length: 0\r\n");
    expect("\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, NULL);
    expect("GET /echo HTTP/1.0\r\n\r\n", 200, true, "Connection: close");
    expect("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, false,
           "Connection: keep-alive");
    expect("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, true, NULL);
    expect("GET http://a.example/things/7?q=1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, false,
           "{\"id\":\"7\",\"verb\":\"\",\"q\":\"1\"}");
    expect("POST /echo HTTP/1.1\r\nHost: [::1]:80\r\ncontent-length:  5 \r\n\r\nhello", 200, false,
           "hello");
    expect("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
           "3;x=\"y\"\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
           200, false, "abc0123456789");
    expect("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
           100, false, NULL);
    expect("HEAD /things/7 HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
           200, false, "Content-Length: 27");
}

static void test_routes(void **state)
{
    expect("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, false, "\"status\":404");
    expect("GET /things/ HTTP/1.1\r\nHost: a\r\n\r\n", 404, false, NULL);
    expect("DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n", 405, false, "Allow: GET, HEAD, POST");
    expect("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n", 405, false, NULL);
    expect("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404, false, NULL);
    expect("BREW /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, false, NULL);
    expect("GET /things/a%2fb?q=%E7%8E%8B+%26&q=2 HTTP/1.1\r\nHost: a\r\n\r\n", 200, false,
           "{\"id\":\"a/b\",\"verb\":\"\",\"q\":\"王 &\"}");
    expect(
        "POST /things/T-1/dispatches/%32/accept HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        200, false, "\"verb\":\"dispatches/2/accept\"");
    expect("GET /things/%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, NULL);
    expect("GET /things/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, NULL);
    expect("GET /things/%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, NULL);
    expect("GET /things/1?q=%c3%28 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, NULL);
    expect("POST /staff HTTP/1.1\r\nHost: a\r\n\r\n", 401, false, "WWW-Authenticate: Bearer");
    expect("POST /staff HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 401, true, NULL);
}

static void test_lists(void **state)
{
    expect("GET /list HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "100,-");
    expect("GET /list?limit=1&cursor=Az_-09 HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "1,Az_-09");
    expect("GET /list?limit=501 HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "500,-");
    expect("GET /list?limit=0 HTTP/1.1\r\nHost: a\r\n\r\n", 422, false, "\"field\":\"limit\"");
    expect("GET /list?limit=-1 HTTP/1.1\r\nHost: a\r\n\r\n", 422, false, NULL);
    expect("GET /list?limit=x HTTP/1.1\r\nHost: a\r\n\r\n", 422, false, NULL);
    expect("GET /list?cursor=a%20b HTTP/1.1\r\nHost: a\r\n\r\n", 422, false,
           "\"field\":\"cursor\"");
}

static void test_json_bodies(void **state)
{
    expect("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, false, "\r\n\r\n{}");
    expect("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\": 1 }", 200, false,
           "{\"a\":1}");
    expect("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n{\"a\": 1", 422, false,
           "line 1 column");
    expect("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[]", 422, false, NULL);
    expect("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":\"\xff\"}", 422,
           false, "UTF-8");
}

static void test_if_match(void **state)
{
    expect("GET /match HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, "\r\n\r\n0");
    expect("GET /match HTTP/1.1\r\nHost: a\r\nIf-Match: 5\r\n\r\n", 200, false, "\r\n\r\n5");
    expect("GET /match HTTP/1.1\r\nHost: a\r\nIf-Match: \"5\"\r\n\r\n", 200, false, "\r\n\r\n5");
    expect("GET /match HTTP/1.1\r\nHost: a\r\nIf-Match: W/\"5\"\r\n\r\n", 200, false, "\r\n\r\n5");
    expect("GET /match HTTP/1.1\r\nHost: a\r\nIf-Match: *\r\n\r\n", 200, false, "\r\n\r\n0");
    expect("GET /match HTTP/1.1\r\nHost: a\r\nIf-Match: \"abc\"\r\n\r\n", 412, false, NULL);
}

static bool three_answers(const struct buf *in)
{
    const char *p = buf_str(in);
    int n = 0;
    while ((p = strstr(p, "HTTP/1.1 200"))) {
        n++;
        p++;
    }
    return n == 3 && strstr(in->data, "\"id\":\"3\"");
}

/* Pipelined requests are answered in order, also when the middle one waits; split anywhere. */
static void test_pipeline(void **state)
{
    static const char text[] = "GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /things/3 HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t piece = 1; piece < sizeof(text); piece += 9) {
        struct buf in = BUF_INIT(65536);
        int fd = client_connect(http_port(http));
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;
            client_send(fd, text + at, left < piece ? left : piece);
            loop_turn(loop);
        }
        while (!held)
            loop_turn(loop);
        for (int i = 0; i < 5; i++)
            loop_turn(loop);
        assert_int_equal(handled % 2, 1); /* the third waits for the second */
        http_reply(held, 200, "text/plain", "second", 6);
        held = NULL;
        client_read(loop, fd, &in, three_answers);
        assert_true(strstr(in.data, "\"id\":\"1\"") < strstr(in.data, "second"));
        assert_true(strstr(in.data, "second") < strstr(in.data, "\"id\":\"3\""));
        close(fd);
        buf_free(&in);
    }
}

/* However many requests wait on a connection, another one's turn comes after a few of them. */
static void test_share_of_a_turn(void **state)
{
    struct buf text = BUF_INIT(65536), in = BUF_INIT(65536);
    int many = client_connect(http_port(http)), one = client_connect(http_port(http));
    for (int i = 0; i < 200; i++)
        buf_adds(&text, "GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    client_send(many, text.data, text.len);
    client_send(one, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    while (!held || handled < 200)
        loop_turn(loop);
    assert_in_range(handled_before_hold, 0, 64);
    http_reply(held, 200, "text/plain", "x", 1);
    held = NULL;
    assert_false(client_read(loop, one, &in, client_one_answer));
    close(many);
    close(one);
    buf_free(&text);
    buf_free(&in);
}

/* Known by a header; what a guest may send is decided without its body. */
static int know(void *ctx, struct http_req *req)
{
    struct actor dev = {.name = "dev", .kind = STAFF_DEV, .role = ROLE_ADMIN};
    if (http_header(req, "Authorization"))
        http_set_actor(req, &dev, 1, HTTP_BY_TOKEN, "x");
    return E_OK;
}

static void test_bodies_of_guests(void **state)
{
    http_free(&http);
    http = http_new(&(struct http_opts){.loop = loop, .routes = tables, .authenticate = know});
    assert_int_equal(http_listen(http, "127.0.0.1:0", NULL, false, NULL), E_OK);
#define POST(path, more, n)                                                                        \
    "POST " path " HTTP/1.1\r\nHost: a\r\n" more "Content-Length: " n "\r\nExpect: "               \
    "100-continue\r\n\r\n"
    expect(POST("/json", "", "16385"), 413, true, NULL);
    expect(POST("/echo", "", "65537"), 413, true, NULL);
    expect(POST("/echo", "webhook-signature: v1,x\r\n", "1048577"), 413, true, NULL);
    expect(POST("/staff", "", "1048576"), 401, true, NULL);
    expect(POST("/staff", "Authorization: x\r\n", "1048577"), 413, true, NULL);
    expect(POST("/json", "", "16384"), 100, false, NULL);
    expect(POST("/echo", "webhook-signature: v1,x\r\n", "1048576"), 100, false, NULL);
    expect(POST("/staff", "Authorization: x\r\n", "1048576"), 100, false, NULL);
#undef POST
}

/* A body too large for the loop is read beside it; what waits on the connection waits for it. */
static void test_large_json(void **state)
{
    struct buf text = BUF_INIT(4 << 20), in = BUF_INIT(4 << 20);
    char head[128];
    size_t n = 300000;
    snprintf(head, sizeof(head), "POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             n + 8);
    buf_adds(&text, head);
    buf_adds(&text, "{\"a\":\"");
    for (size_t i = 0; i < n; i++)
        buf_addc(&text, 'x');
    buf_adds(&text, "\"}");
    text.len -= 1; /* the last byte apart */
    int fd = client_connect(http_port(http));
    for (size_t at = 0; at < text.len; at += 10000) {
        client_send(fd, text.data + at, text.len - at < 10000 ? text.len - at : 10000);
        loop_turn(loop);
    }
    client_send(fd, "}", 1);
    assert_false(client_read(loop, fd, &in, client_one_answer));
    assert_int_equal(client_status(&in), 200);
    close(fd);
    buf_free(&text);
    buf_free(&in);
}

/* The client leaves while its request is carried out; then the server does. */
static void test_gone(void **state)
{
    int fd = client_connect(http_port(http));
    client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    while (!held)
        loop_turn(loop);
    close(fd);
    for (int i = 0; i < 5; i++)
        loop_turn(loop);
    http_reply(held, 200, "text/plain", "late", 4);
    held = NULL;
    for (int i = 0; i < 5; i++)
        loop_turn(loop);
    assert_int_equal(http_connections(http), 0);

    fd = client_connect(http_port(http));
    client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    while (!held)
        loop_turn(loop);
    http_free(&http);
    http_reply(held, 200, "text/plain", "late", 4);
    close(fd);
}

static void test_half_close(void **state)
{
    struct buf in = BUF_INIT(65536);
    int fd = client_connect(http_port(http));
    client_send(fd, "GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 36);
    shutdown(fd, SHUT_WR);
    assert_true(client_read(loop, fd, &in, NULL));
    assert_int_equal(client_status(&in), 200);
    close(fd);
    buf_free(&in);
}

static bool has_tick(const struct buf *in)
{
    return strstr(buf_str(in), "data: tick\n\n") != NULL;
}

static void test_stream(void **state)
{
    struct buf in = BUF_INIT(65536);
    int fd = client_connect(http_port(http));
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", 33);
    while (!stream)
        loop_turn(loop);
    http_stream_write(stream, "data: tick\n\n", 12);
    client_read(loop, fd, &in, has_tick);
    assert_non_null(strstr(in.data, "Content-Type: text/event-stream"));
    assert_null(strstr(in.data, "Content-Length"));
    close(fd);
    while (!closed_streams)
        loop_turn(loop);
    assert_null(stream);

    fd = client_connect(http_port(http));
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", 33);
    while (!stream)
        loop_turn(loop);
    http_stream_write(stream, "data: tick\n\n", 12);
    http_stream_close(&stream);
    buf_reset(&in);
    assert_true(client_read(loop, fd, &in, NULL));
    assert_true(has_tick(&in));
    assert_int_equal(closed_streams, 1);
    close(fd);
    buf_free(&in);
}

/* A client that never reads its stream: what waits can be seen, and the stream can be ended. */
static void test_slow_stream(void **state)
{
    static char block[65536];
    memset(block, 'x', sizeof(block));
    int fd = client_connect(http_port(http));
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", 33);
    while (!stream)
        loop_turn(loop);
    for (int i = 0; i < 1000 && http_stream_pending(stream) < (4 << 20); i++) {
        http_stream_write(stream, block, sizeof(block));
        loop_turn(loop);
    }
    assert_true(http_stream_pending(stream) >= (4 << 20));
    http_stream_close(&stream);
    close(fd);
}

static bool two_big(const struct buf *in)
{
    return in->len > 6 << 20;
}

static void test_large_answers(void **state)
{
    struct buf in = BUF_INIT(16 << 20);
    int fd = client_connect(http_port(http));
    client_send(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n", 60);
    client_read(loop, fd, &in, two_big);
    assert_true(two_big(&in));
    close(fd);
    buf_free(&in);
}

/* More connections than allowed: the longest idle one makes room; those at work stay. */
static void test_many_connections(void **state)
{
    int fds[60];
    struct buf in = BUF_INIT(65536);
    fds[0] = client_connect(http_port(http));
    client_send(fds[0], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    while (!held)
        loop_turn(loop);
    for (int i = 1; i < 60; i++) {
        fds[i] = client_connect(http_port(http));
        loop_turn(loop);
        loop_turn(loop);
    }
    assert_int_equal(http_connections(http), 50);
    http_reply(held, 200, "text/plain", "held", 4);
    client_read(loop, fds[0], &in, client_one_answer);
    assert_int_equal(client_status(&in), 200);
    client_send(fds[59], "GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n", 36);
    buf_reset(&in);
    client_read(loop, fds[59], &in, client_one_answer);
    assert_int_equal(client_status(&in), 200);
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    buf_free(&in);
}

static void test_drain(void **state)
{
    struct buf in = BUF_INIT(65536);
    int idle = client_connect(http_port(http)), busy = client_connect(http_port(http));
    client_send(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    while (!held)
        loop_turn(loop);
    http_drain(http);
    assert_true(client_read(loop, idle, &in, NULL));
    assert_int_equal(in.len, 0);
    http_reply(held, 200, "text/plain", "bye", 3);
    assert_true(client_read(loop, busy, &in, NULL));
    assert_int_equal(client_status(&in), 200);
    close(idle);
    close(busy);
    buf_free(&in);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_refused),
        WITH_SERVER(test_limits),
        WITH_SERVER(test_accepted),
        WITH_SERVER(test_routes),
        WITH_SERVER(test_lists),
        WITH_SERVER(test_json_bodies),
        WITH_SERVER(test_if_match),
        WITH_SERVER(test_pipeline),
        WITH_SERVER(test_gone),
        WITH_SERVER(test_half_close),
        WITH_SERVER(test_stream),
        WITH_SERVER(test_slow_stream),
        WITH_SERVER(test_large_answers),
        WITH_SERVER(test_many_connections),
        WITH_SERVER(test_drain),
        WITH_SERVER(test_share_of_a_turn),
        WITH_SERVER(test_bodies_of_guests),
        WITH_SERVER(test_large_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
