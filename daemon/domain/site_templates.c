/*
 * site_templates.c - the templates that a configuration names: each must be there, or a message
 * would be lost when its day comes.
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/site_priv.h"
#include "domain/template.h"

#define NAMES_MAX 2001

/* What the checks look at. */
struct shelf {
    const struct site *site;
    const struct template_set *set, *built_in;
    const char **names; /* of set */
    struct conf_faults *faults;
};

static void need(const struct shelf *s, const struct conf_node *place, const char *key,
                 const char *name)
{
    char hint[128];
    if (!template_find(s->set, name, LANG_ZH))
        conf_fault_at(s->faults, place, "%s: there is no template '%s'%s", key, name,
                      conf_did_you_mean(name, s->names, hint, sizeof(hint)));
}

static void check_care(const struct shelf *s, const struct conf_node *n)
{
    for (size_t i = 0; i < s->site->care_n; i++) {
        const struct conf_node *row = n && n->kind == CONF_SEQUENCE && i < n->n ? n->values[i] : n;
        const struct conf_node *place = conf_node_get(row, "template");
        if (s->site->care[i].template)
            need(s, place ? place : row, "template", s->site->care[i].template);
    }
}

static void check_providers(const struct shelf *s, const struct conf_node *n)
{
    const struct conf_node *all = conf_node_get(n, "provider_templates");
    for (size_t i = 0; i < s->site->messages.provider_templates_n; i++) {
        const char *name = s->site->messages.provider_templates[i].name;
        const struct conf_node *place = conf_node_get(all, name);
        need(s, place ? place : n, "provider_templates", name);
    }
}

/* A file of the site's own is a template of its own, unless it was meant to be one of ours. */
static void check_files(const struct shelf *s, const struct conf_node *place)
{
    const char *ours[256];
    char hint[128];
    template_names(s->built_in, ours, ARRAY_LEN(ours));
    for (size_t i = 0; s->names[i]; i++) {
        if (template_find(s->built_in, s->names[i], LANG_ZH))
            continue;
        if (*conf_did_you_mean(s->names[i], ours, hint, sizeof(hint)))
            conf_warn_at(s->faults, place, "templates: '%s' is not one of the daemon's templates%s",
                         s->names[i], hint);
    }
}

void site_check_templates(const struct site *site, const struct conf_node *root,
                          struct conf_faults *faults)
{
    const struct conf_node *messages = conf_node_get(root, "messages");
    const struct conf_node *place = conf_node_get(messages, "templates");
    struct errmsg why = {""};
    struct template_set *set = template_set_load(site->messages.templates, &why);
    struct template_set *built_in = template_set_load(NULL, NULL);
    const char **names = xcalloc(NAMES_MAX, sizeof(*names));
    struct shelf s = {site, set, built_in, names, faults};
    if (!set) {
        conf_fault_at(faults, place ? place : root, "messages.templates: %s", why.text);
    } else {
        template_names(set, names, NAMES_MAX);
        check_care(&s, conf_node_get(root, "care"));
        check_providers(&s, messages);
        check_files(&s, place ? place : root);
    }
    free(names);
    template_set_free(&set);
    template_set_free(&built_in);
}
