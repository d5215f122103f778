/*
 * api_site.c - what the configuration says, for desks: departments, categories with their guides,
 * and the plugin instances.
 */
#include "edge/edge_priv.h"

static void put_texts(struct jw *w, const char *key, const struct local_text *t)
{
    jw_key(w, key);
    jw_obj(w);
    for (int i = 0; i < LANG_COUNT; i++)
        if (t->text[i])
            jw_kstr(w, lang_tag(i), t->text[i]);
    jw_end_obj(w);
}

/* name= is in the language asked for (lang=), else the site's. */
static enum lang language(struct api_job *job)
{
    enum lang lang = lang_parse(http_query(job->req, "lang"));
    return lang == LANG_NONE ? job->site->site.lang : lang;
}

static void list_departments(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    struct jw *w = &job->w;
    api_items(job);
    for (size_t i = 0; i < job->site->departments_n; i++) {
        const struct site_department *d = &job->site->departments[i];
        const char *name = local_text_get(&d->title, language(job));
        jw_obj(w);
        jw_kstr(w, "key", d->name);
        jw_kstr(w, "name", name ? name : d->name);
        put_texts(w, "names", &d->title);
        jw_kstr(w, "head", d->head);
        jw_end_obj(w);
    }
    api_items_end(job, 0);
    api_answer(job, E_OK, NULL);
}

static void put_category(struct api_job *job, const struct site_category *c)
{
    struct jw *w = &job->w;
    const char *name = local_text_get(&c->title, language(job));
    jw_obj(w);
    jw_kstr(w, "key", c->name);
    jw_kstr(w, "name", name ? name : c->name);
    put_texts(w, "names", &c->title);
    jw_kstr(w, "department", c->department);
    jw_kstr(w, "policy", c->policy);
    jw_kstr(w, "kind", c->kind);
    jw_kint(w, "priority", c->priority);
    jw_kstr(w, "guide", local_text_get(&c->guide, language(job)));
    put_texts(w, "guides", &c->guide);
    jw_end_obj(w);
}

static void list_categories(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    api_items(job);
    for (size_t i = 0; i < job->site->categories_n; i++)
        put_category(job, &job->site->categories[i]);
    api_items_end(job, 0);
    api_answer(job, E_OK, NULL);
}

static void list_plugins(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    api_items(job);
    if (e->o.plugins)
        e->o.plugins(e->o.ctx, &job->w);
    api_items_end(job, 0);
    api_answer(job, E_OK, NULL);
}

static void get_config(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    site_to_json(job->site, &job->out);
    api_answer(job, E_OK, NULL);
}

const struct http_route api_site_routes[] = {
    ROUTE(GET, "/api/v1/departments", MAY_READ, list_departments, "Departments and their heads",
          .query = "lang", .answer = "[Department]"),
    ROUTE(GET, "/api/v1/categories", MAY_READ, list_categories,
          "Categories of tickets, with what to ask and to say", .query = "lang",
          .answer = "[Category]"),
    ROUTE(GET, "/api/v1/plugins", MAY_SUPERVISE | MAY_INTEGRATION, list_plugins,
          "Plugin instances and how they are", .answer = "[Plugin]"),
    ROUTE(GET, "/api/v1/config", MAY_ADMIN, get_config,
          "The configuration that runs, with defaults filled in and secrets hidden",
          .answer = "Object"),
    {.path = NULL},
};
