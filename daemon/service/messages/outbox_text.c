/*
 * outbox_text.c - what a message says: the template of its name in the recipient's language, with
 * the caller's parameters and the fields of the ticket, its owner and its home.
 */
#include "service/messages/outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/policy_words.h"
#include "store/repo_ticket.h"

#define VALUE_MAX 2048 /* bytes of one field's value */

/* Fields that come from the ticket, in the order of enum ticket_fact. */
static const char *const row_field_names[TICKET_FACTS] = {
    "subject",  "category",  "priority",       "state",           "cycle",
    "urges",    "responder", "responder_name", "responder_phone", "estate",
    "building", "unit",      "owner",          "caller",          "opened",
};

/* One rendering under way. */
struct scene {
    struct outbox *ob;
    struct ledger_tx *tx;
    const struct outbox_message *m;
    enum lang lang;
    const char *name;
    char ticket[24], when[20], at[128];
    bool loaded;
    int rc;
    char *row[TICKET_FACTS];
    json_t *params;
};

static void load_row(void *ctx, const struct ticket_facts *f)
{
    struct scene *s = ctx;
    const char *category = f->text[TICKET_FACT_CATEGORY];
    const struct site_category *c = category ? site_category(s->ob->rules->site, category) : NULL;
    for (int i = 0; i < TICKET_FACTS; i++)
        s->row[i] = xstrdup(f->text[i]);
    if (c && !local_text_is_empty(&c->title)) {
        free(s->row[TICKET_FACT_CATEGORY]);
        s->row[TICKET_FACT_CATEGORY] = xstrdup(local_text_get(&c->title, s->lang));
    }
    s->row[TICKET_FACT_OPENED] =
        xstrdup(zone_format(s->ob->rules->site->zone, f->opened_at, s->when));
}

static void load_ticket(struct scene *s)
{
    s->loaded = true;
    if (s->m->ticket_id)
        s->rc = repo_ticket_facts(ledger_db(s->tx), s->m->ticket_id, load_row, s);
}

static const char *param_value(struct scene *s, const struct outbox_param *p)
{
    if (p->value)
        return p->value;
    return p->time ? zone_format(s->ob->rules->site->zone, p->time, s->when) : "";
}

/* The parameter's value; NULL if the caller gave none of that name. */
static const char *param(struct scene *s, const char *name)
{
    for (size_t i = 0; i < s->m->n_params; i++)
        if (strcmp(s->m->params[i].name, name) == 0)
            return param_value(s, &s->m->params[i]);
    return NULL;
}

/* Of an escalation: where the clock stands, in words. */
static const char *at_words(struct scene *s)
{
    struct buf out = BUF_CUT(sizeof(s->at) - 1);
    struct rung_place r = {param(s, "at"), param(s, "turn"), param(s, "urged") != NULL};
    if (!r.at)
        return NULL;
    rung_words(&r, s->lang, &out);
    text_copy(s->at, sizeof(s->at), buf_str(&out));
    buf_free(&out);
    return s->at;
}

/* Given params first, then the recipient and the site, then the ticket, which is read once. */
static const char *field(void *ctx, const char *name)
{
    struct scene *s = ctx;
    const char *given = param(s, name);
    if (given)
        return given;
    if (strcmp(name, "clock_name") == 0)
        return param(s, "clock") ? clock_words(param(s, "clock"), s->lang) : NULL;
    if (strcmp(name, "at_words") == 0)
        return at_words(s);
    if (strcmp(name, "site") == 0)
        return s->ob->rules->site->site.name;
    if (strcmp(name, "name") == 0)
        return s->name;
    if (strcmp(name, "ticket") == 0)
        return s->ticket;
    if (strcmp(name, "text") == 0)
        return s->m->text;
    if (!s->loaded)
        load_ticket(s);
    for (int i = 0; i < TICKET_FACTS; i++)
        if (strcmp(row_field_names[i], name) == 0)
            return s->row[i];
    return NULL;
}

/* What travels as `params`: all that the caller gave, and what the text mentions. */
static void add_param(void *ctx, const char *name)
{
    struct scene *s = ctx;
    const char *v = field(s, name);
    if (v && *v && !json_object_get(s->params, name))
        json_object_set_new(s->params, name, json_stringn(v, strnlen(v, VALUE_MAX)));
}

static char *render_one(struct scene *s, const char *text)
{
    struct buf out = BUF_INIT(TEMPLATE_TEXT_MAX);
    if (template_render(text, field, s, &out) && !s->rc)
        s->rc = E_TOOBIG;
    char *taken = xstrdup(buf_str(&out));
    buf_free(&out);
    return taken;
}

static void render_template(struct scene *s, const struct template *t, struct outbox_rendered *out)
{
    const char *provider = t->provider_template;
    if (!provider)
        provider = site_provider_template(s->ob->rules->site, t->name, s->lang);
    out->text = render_one(s, t->body);
    out->subject = t->subject ? render_one(s, t->subject) : NULL;
    out->provider_template = xstrdup(provider);
    out->channel = xstrdup(t->channel);
    template_fields(t->body, add_param, s);
}

static void scene_free(struct scene *s)
{
    for (int i = 0; i < TICKET_FACTS; i++)
        free(s->row[i]);
    json_decref(s->params);
}

void outbox_rendered_free(struct outbox_rendered *r)
{
    free(r->text);
    free(r->subject);
    free(r->params);
    free(r->provider_template);
    free(r->channel);
    *r = (struct outbox_rendered){0};
}

int outbox_render(struct outbox *ob, struct ledger_tx *tx, const struct outbox_message *m,
                  enum lang lang, const char *name, struct outbox_rendered *out, struct errmsg *why)
{
    struct scene s = {
        .ob = ob, .tx = tx, .m = m, .lang = lang, .name = name, .params = json_object()};
    const struct template *t =
        m->template_name ? template_find(ob->rules->templates, m->template_name, lang) : NULL;
    *out = (struct outbox_rendered){0};
    outbox_ticket_text(m->ticket_id, s.ticket);
    for (size_t i = 0; i < m->n_params; i++)
        add_param(&s, m->params[i].name);
    if (t)
        render_template(&s, t, out);
    else if (m->text && *m->text)
        out->text = xstrndup(m->text, TEMPLATE_TEXT_MAX);
    if (m->provider_template) {
        free(out->provider_template);
        out->provider_template = xstrdup(m->provider_template);
    }
    if (m->subject && !out->subject)
        out->subject = xstrndup(m->subject, 512);
    char *params = json_dumps(s.params, JSON_COMPACT);
    out->params = xstrdup(params ? params : "{}");
    free(params);
    int rc = s.rc;
    scene_free(&s);
    if (rc == E_OK && !out->text)
        rc = errmsg_set(why, E_INVALID,
                        m->template_name ? "template: there is no '%s'"
                                         : "text: text or template is missing",
                        m->template_name);
    if (rc < 0)
        outbox_rendered_free(out);
    return rc;
}
