/*
 * openapi.c - the OpenAPI 3.1 document of the API, made from the tables of routes, so that it
 * cannot say anything else than what the daemon does.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"

/* The objects that answers consist of, in the words of http.h's struct http_route. */
static const struct {
    const char *name, *fields;
} schemas[] = {
    {"Call", "id:int! source! call! direction! state! disposition party calling calling_raw called "
             "queue device agent person_id:int match ticket started_at! queued_at answered_at "
             "ended_at wait_s:number talk_s:number hold_s:number hung_up_by offered:list "
             "transfers:list gap:bool"},
    {"Callback", "id:int! calls:list number! person_id:int reason! state! attempts:int due_at "
                 "ticket claimed_by"},
    {"Ticket",
     "id! version:int! state! kind! subject! category priority:int! person_id:int caller "
     "unit_id:int estate building unit call_id:int calls:list channel! responder cycle:int "
     "urges:int opened_at! closed_at close_kind clocks:list dispatches:list handover:object "
     "incident_id:int allowed:list"},
    {"Event", "seq:int! at! by! kind! data:object hash!"},
    {"Message", "id:int! key! channel! class! gateway! to! person_id:int account ticket template "
                "provider_template params:object language text! segments:int state! attempts:int "
                "not_before queued_at! sent_at delivered_at failed_at error provider_id "
                "resend_of:int"},
    {"Inbound", "id:int! at! channel! gateway! from! to person_id:int text! reply_to_key became "
                "ticket"},
    {"Alert", "id:int! at! kind! text! data:object acked_at"},
    {"Card", "id:int! name! language phone_label tenures:list household:list vehicles:list "
             "membership:object segment flags:list steward:object consent:object open_tickets:list "
             "recent:list satisfaction:object phones:list emails:list version:int"},
    {"Owners", "match items:list! next"},
    {"Unit", "id:int! estate! building! unit! name area_m2:number delivered_on steward"},
    {"Estate", "id:int! name! buildings:list"},
    {"Agent", "user! name! role! department device state since call_id:int"},
    {"Source", "name! plugin state! since can:list error"},
    {"Department", "key! name! names:object head"},
    {"Category", "key! name! names:object department department_name policy! urgent:bool calendar "
                 "promises:list! guide guides:object kind priority:int"},
    {"Survey", "id:int! ticket! cycle:int! purpose! person_id:int channel! asks:int! message:int "
               "callback:int state! asked_at! answered_at satisfied:bool score:int via by note"},
    {"Shift", "id:int! user! from! to! kind!"},
    {"Incident", "id:int! state! subject! category scope:object words opened_at! opened_by! "
                 "since owners:int tickets:list told:int resolved_at resolved_by reason closed_at "
                 "allowed:list"},
    {"Appraisal", "from! to! by! items:list! total:object!"},
    {"Digest", "date! opened:int! closed:int! open:int! overdue:int! items:list text!"},
    {"Account", "name! kind! role display department phone email device disabled:bool"},
    {"Session", "user! role! device token name department"},
    {"Token", "token! account! kind!"},
    {"TokenInfo", "id:int! account! kind! purpose! created_at! expires_at"},
    {"Done", "ok:bool!"},
    {"Health", "status!"},
    {"Ready", "status! checks:object!"},
    {"Audit", "id:int! at! by! what! object data:object"},
    {"Plugin", "name! plugin! state! detail"},
    {"Object", ""},
    {"Problem", "type! title! status:int! detail field state allowed:list responder code"},
};

/* ---- words to schemas ---- */

struct word {
    char name[64];
    const char *type; /* of JSON Schema */
    bool required;
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {"int", "integer"},   {"bool", "boolean"}, {"number", "number"},
    {"object", "object"}, {"list", "array"},   {"", "string"},
};

static const char *type_of(const char *suffix, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strlen(types[i].suffix) == n && memcmp(types[i].suffix, suffix, n) == 0)
            return types[i].type;
    return "string";
}

/* The next word of "name:int! other"; NULL at the end. */
static const char *next_word(const char *p, struct word *out)
{
    p += strspn(p, " ");
    size_t n = strcspn(p, " ");
    if (!n)
        return NULL;
    out->required = p[n - 1] == '!';
    size_t body = n - (out->required ? 1 : 0);
    const char *colon = memchr(p, ':', body);
    text_copyn(out->name, sizeof(out->name), p, colon ? (size_t)(colon - p) : body);
    out->type = colon ? type_of(colon + 1, (size_t)(p + body - colon - 1)) : "string";
    return p + n;
}

static void put_required(struct jw *w, const char *fields)
{
    struct word word;
    bool any = false;
    for (const char *p = fields; (p = next_word(p, &word));) {
        if (!word.required)
            continue;
        if (!any) {
            jw_key(w, "required");
            jw_arr(w);
        }
        any = true;
        jw_str(w, word.name);
    }
    if (any)
        jw_end_arr(w);
}

/* Fields that are not required may be null: "a field that does not apply is null". */
static void put_type(struct jw *w, const struct word *word)
{
    jw_obj(w);
    jw_key(w, "type");
    if (word->required) {
        jw_str(w, word->type);
    } else {
        jw_arr(w);
        jw_str(w, word->type);
        jw_str(w, "null");
        jw_end_arr(w);
    }
    jw_end_obj(w);
}

static void put_object_schema(struct jw *w, const char *fields)
{
    struct word word;
    jw_obj(w);
    jw_kstr(w, "type", "object");
    jw_key(w, "properties");
    jw_obj(w);
    for (const char *p = fields; (p = next_word(p, &word));) {
        jw_key(w, word.name);
        put_type(w, &word);
    }
    jw_end_obj(w);
    put_required(w, fields);
    jw_end_obj(w);
}

/* ---- operations ---- */

static void put_parameter(struct jw *w, const char *in, const struct word *word)
{
    jw_obj(w);
    jw_kstr(w, "name", word->name);
    jw_kstr(w, "in", in);
    jw_kbool(w, "required", word->required);
    jw_key(w, "schema");
    jw_obj(w);
    jw_kstr(w, "type", word->type);
    jw_end_obj(w);
    jw_end_obj(w);
}

static void put_parameters(struct jw *w, const struct http_route *r)
{
    struct word word = {.type = "string", .required = true};
    jw_key(w, "parameters");
    jw_arr(w);
    for (const char *p = r->path; (p = strchr(p, '{')); p++) {
        text_copyn(word.name, sizeof(word.name), p + 1, strcspn(p + 1, ".}"));
        put_parameter(w, "path", &word);
    }
    for (const char *p = r->query ? r->query : ""; (p = next_word(p, &word));)
        put_parameter(w, "query", &word);
    if (http_route_once(r)) {
        word = (struct word){.name = "Idempotency-Key", .type = "string"};
        put_parameter(w, "header", &word);
    }
    jw_end_arr(w);
}

static void put_content(struct jw *w, const char *type)
{
    jw_key(w, "content");
    jw_obj(w);
    jw_key(w, type);
    jw_obj(w);
    jw_key(w, "schema");
}

static void end_content(struct jw *w)
{
    jw_end_obj(w);
    jw_end_obj(w);
}

static void put_ref(struct jw *w, const char *name, size_t len)
{
    char ref[96] = "#/components/schemas/";
    size_t at = strlen(ref);
    text_copyn(ref + at, sizeof(ref) - at, name, len);
    jw_obj(w);
    jw_kstr(w, "$ref", ref);
    jw_end_obj(w);
}

/* "[Name]": the shape of every list. */
static void put_list_schema(struct jw *w, const char *name)
{
    jw_obj(w);
    jw_kstr(w, "type", "object");
    jw_key(w, "properties");
    jw_obj(w);
    jw_key(w, "items");
    jw_obj(w);
    jw_kstr(w, "type", "array");
    jw_key(w, "items");
    put_ref(w, name + 1, strlen(name) - 2);
    jw_end_obj(w);
    jw_kraw(w, "next", "{\"type\":[\"string\",\"null\"]}");
    jw_end_obj(w);
    jw_end_obj(w);
}

static void put_answer(struct jw *w, const char *answer)
{
    jw_obj(w);
    if (!answer) {
        jw_kstr(w, "description", "Done; nothing to say");
    } else if (text_eq(answer, "Text") || text_eq(answer, "Events")) {
        jw_kstr(w, "description", "Text");
        put_content(w, *answer == 'T' ? "text/plain" : "text/event-stream");
        jw_raw(w, "{\"type\":\"string\"}", 17);
        end_content(w);
    } else {
        jw_kstr(w, "description", "Done");
        put_content(w, "application/json");
        if (*answer == '[')
            put_list_schema(w, answer);
        else
            put_ref(w, answer, strlen(answer));
        end_content(w);
    }
    jw_end_obj(w);
}

static void put_operation(struct jw *w, const struct http_route *r)
{
    jw_obj(w);
    jw_kstr(w, "summary", r->summary);
    put_parameters(w, r);
    if (r->body) {
        jw_key(w, "requestBody");
        jw_obj(w);
        put_content(w, "application/json");
        put_object_schema(w, r->body);
        end_content(w);
        jw_end_obj(w);
    }
    jw_key(w, "responses");
    jw_obj(w);
    jw_key(w, r->answer ? "2XX" : "204");
    put_answer(w, r->answer);
    jw_key(w, "default");
    jw_raw(w, "{\"$ref\":\"#/components/responses/Problem\"}", 41);
    jw_end_obj(w);
    if (r->may & MAY_ANYONE)
        jw_kraw(w, "security", "[]");
    jw_end_obj(w);
}

/* ---- paths ---- */

static const struct {
    enum http_method method;
    const char *word;
} words[] = {
    {HTTP_GET, "get"}, {HTTP_POST, "post"},     {HTTP_PATCH, "patch"},
    {HTTP_PUT, "put"}, {HTTP_DELETE, "delete"},
};

/* "{verb...}" is "{verb}" in OpenAPI, which has no word for the rest of a path. */
static void path_key(struct jw *w, const char *path)
{
    char key[256];
    const char *dots = strstr(path, "...}");
    text_copyn(key, sizeof(key), path, dots ? (size_t)(dots - path) : strlen(path));
    if (dots)
        text_copy(key + strlen(key), sizeof(key) - strlen(key), "}");
    jw_key(w, key);
}

typedef void route_fn(struct jw *w, const struct http_route *r, const char *path);

static void each_route(const struct http_route *const *tables, struct jw *w, route_fn *fn,
                       const char *path)
{
    for (; *tables; tables++)
        for (const struct http_route *r = *tables; r->path; r++)
            if (!(r->flags & HTTP_HIDDEN))
                fn(w, r, path);
}

static void put_if_path(struct jw *w, const struct http_route *r, const char *path)
{
    if (strcmp(r->path, path) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].method == r->method)
            jw_key(w, words[i].word);
    put_operation(w, r);
}

/* A path is written where it stands first in the tables, with all its methods. */
static bool is_first(const struct http_route *const *tables, const struct http_route *row)
{
    for (; *tables; tables++)
        for (const struct http_route *r = *tables; r->path; r++)
            if (!(r->flags & HTTP_HIDDEN) && strcmp(r->path, row->path) == 0)
                return r == row;
    return false;
}

static void put_paths(struct jw *w, const struct http_route *const *tables)
{
    jw_key(w, "paths");
    jw_obj(w);
    for (const struct http_route *const *t = tables; *t; t++)
        for (const struct http_route *r = *t; r->path; r++) {
            if (r->flags & HTTP_HIDDEN || !is_first(tables, r))
                continue;
            path_key(w, r->path);
            jw_obj(w);
            each_route(tables, w, put_if_path, r->path);
            jw_end_obj(w);
        }
    jw_end_obj(w);
}

static void put_components(struct jw *w)
{
    jw_key(w, "components");
    jw_obj(w);
    jw_kraw(w, "securitySchemes",
            "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
            "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"steward_session\"}}");
    jw_kraw(w, "responses",
            "{\"Problem\":{\"description\":\"RFC 9457 problem\",\"content\":{"
            "\"application/problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}"
            "}}");
    jw_key(w, "schemas");
    jw_obj(w);
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        jw_key(w, schemas[i].name);
        put_object_schema(w, schemas[i].fields);
    }
    jw_end_obj(w);
    jw_end_obj(w);
}

void openapi_write(struct edge *e, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "openapi", "3.1.0");
    jw_key(&w, "info");
    jw_obj(&w);
    jw_kstr(&w, "title", "steward");
    jw_kstr(&w, "version", STEWARD_VERSION);
    jw_end_obj(&w);
    jw_kraw(&w, "security", "[{\"token\":[]},{\"session\":[]}]");
    put_paths(&w, http_routes(e->http));
    put_components(&w);
    jw_end_obj(&w);
}
