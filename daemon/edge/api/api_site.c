/*
 * api_site.c - what the configuration says, for desks: departments, categories with their guides,
 * and the plugin instances.
 */
#include "domain/policy_words.h"
#include "edge/api/api_priv.h"

static void put_texts(struct jw *w, const char *key, const struct local_text *t)
{
    jw_key(w, key);
    jw_obj(w);
    for (int i = 0; i < LANG_COUNT; i++)
        if (t->text[i])
            jw_kstr(w, lang_tag(i), t->text[i]);
    jw_end_obj(w);
}

/* name= is in the language asked for, else the asker's, else the site's. */
static enum lang language(struct api_job *job)
{
    const char *asked = http_query(job->req, "language");
    enum lang lang = lang_parse(asked ? asked : http_query(job->req, "lang"));
    const struct staff_account *a = staff_by_name(job->e->o.staff, job->actor.name);
    if (lang == LANG_NONE && a)
        lang = lang_parse(a->language);
    return lang == LANG_NONE ? job->site->site.lang : lang;
}

static void list_departments(struct http_req *req, void *ctx)
{
    struct api_job *job = api_list(req, ctx);
    for (size_t i = 0; job && i < job->site->departments_n; i++) {
        if (!api_list_row(job))
            continue;
        struct jw *w = &job->w;
        const struct site_department *d = &job->site->departments[i];
        const char *name = local_text_get(&d->title, language(job));
        jw_obj(w);
        jw_kstr(w, "key", d->name);
        jw_kstr(w, "name", name ? name : d->name);
        put_texts(w, "names", &d->title);
        jw_kstr(w, "head", d->head);
        jw_end_obj(w);
    }
    if (job)
        api_list_end(job);
}

/* ---- knowledge: what an employee needs when a category is picked ---- */

struct promises {
    struct jw *w;
    enum lang lang;
};

static void put_promise(void *ctx, const char *name, const struct span *within)
{
    struct promises *p = ctx;
    struct buf words = BUF_CUT(512);
    promise_words(name, within, p->lang, &words);
    jw_obj(p->w);
    jw_kstr(p->w, "name", name);
    jw_kstr(p->w, "within", within->text);
    jw_kstr(p->w, "words", buf_str(&words));
    jw_end_obj(p->w);
    buf_free(&words);
}

/* The policy that a ticket of it runs under unless a `when` of another one holds. */
static void put_policy(struct api_job *job, const struct site_category *c)
{
    struct promises p = {&job->w, language(job)};
    const char *name = c->policy ? c->policy : job->site->tickets.policy;
    const struct policy *policy = site_policy(job->site, name);
    jw_kstr(p.w, "policy", name);
    jw_kbool(p.w, "urgent", policy && policy->urgent);
    jw_kstr(p.w, "calendar", policy ? policy->calendar : NULL);
    jw_key(p.w, "promises");
    jw_arr(p.w);
    if (policy)
        policy_each_promise(policy, put_promise, &p);
    jw_end_arr(p.w);
}

/* Who does it, by its name. */
static void put_department(struct api_job *job, const struct site_category *c)
{
    const struct site_department *d =
        c->department ? site_department(job->site, c->department) : NULL;
    const char *name = d ? local_text_get(&d->title, language(job)) : NULL;
    jw_kstr(&job->w, "department", c->department);
    jw_kstr(&job->w, "department_name", name ? name : c->department);
}

static void put_category(struct api_job *job, const struct site_category *c)
{
    struct jw *w = &job->w;
    const char *name = local_text_get(&c->title, language(job));
    jw_obj(w);
    jw_kstr(w, "key", c->name);
    jw_kstr(w, "name", name ? name : c->name);
    put_texts(w, "names", &c->title);
    put_department(job, c);
    put_policy(job, c);
    jw_kstr(w, "kind", c->kind);
    jw_kint(w, "priority", c->priority);
    jw_kstr(w, "guide", local_text_get(&c->guide, language(job)));
    put_texts(w, "guides", &c->guide);
    jw_end_obj(w);
}

static void list_categories(struct http_req *req, void *ctx)
{
    struct api_job *job = api_list(req, ctx);
    for (size_t i = 0; job && i < job->site->categories_n; i++)
        if (api_list_row(job))
            put_category(job, &job->site->categories[i]);
    if (job)
        api_list_end(job);
}

static void get_category(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    const struct site_category *c = site_category(job->site, http_param(req, "key"));
    if (c)
        put_category(job, c);
    api_answer(job, c ? E_OK : E_NOTFOUND, NULL);
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
          .query = "language limit:int cursor", .answer = "[Department]"),
    ROUTE(GET, "/api/v1/categories", MAY_READ, list_categories,
          "Categories of tickets: who does it, in how long, what to ask and to say",
          .query = "language limit:int cursor", .answer = "[Category]"),
    ROUTE(GET, "/api/v1/categories/{key}", MAY_READ, get_category,
          "One category with its guide, for the moment at which it is picked", .query = "language",
          .answer = "Category"),
    ROUTE(GET, "/api/v1/plugins", MAY_SUPERVISE | MAY_INTEGRATION, list_plugins,
          "Plugin instances and how they are", .answer = "[Plugin]"),
    ROUTE(GET, "/api/v1/config", MAY_ADMIN, get_config,
          "The configuration that runs, with defaults filled in and secrets hidden",
          .answer = "Object"),
    {.path = NULL},
};
