/*
 * site_load.c - steward.yaml and plugins.d/ into a struct site: read, filled by the table, given
 * its unwritten parts, checked (site.h).
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/policy_table.h"
#include "domain/site_priv.h"

/* ---- what exists unwritten ---- */

static const char always_yaml[] = "{hours: {mon-sun: \"00:00-24:00\"}}";

/* Append an element named `name` to a dict of the site, read from YAML of ours. */
static void add_unwritten(void **items, size_t *n, const struct conf_key *table, size_t size,
                          const char *name, const char *yaml)
{
    struct conf_faults own = {0};
    struct conf_ctx cx = {&own, ""};
    struct conf_node *node = conf_node_read(name, yaml, strlen(yaml), &own);
    *items = xrealloc(*items, (*n + 1) * size);
    char *element = (char *)*items + (*n)++ * size;
    memset(element, 0, size);
    *(char **)element = xstrdup(name);
    (void)conf_table_read(&cx, table, node, element);
    conf_node_free(&node);
    conf_faults_free(&own);
}

static const struct conf_key *top_key(const char *name)
{
    const struct conf_key *k = site_table;
    while (strcmp(k->name, name) != 0)
        k++;
    return k;
}

static void complete(struct site *s)
{
    if (!site_calendar(s, "always"))
        add_unwritten((void **)&s->calendars, &s->calendars_n, top_key("calendars")->sub,
                      sizeof(*s->calendars), "always", always_yaml);
    if (!site_policy(s, "standard"))
        add_unwritten((void **)&s->policies, &s->policies_n, policy_table, sizeof(*s->policies),
                      "standard", policy_standard_yaml);
    for (size_t i = 0; i < s->calendars_n; i++)
        if (!s->calendars[i].timezone)
            s->calendars[i].timezone = xstrdup(s->site.timezone);
    for (size_t len = s->site.public_url ? strlen(s->site.public_url) : 0;
         len && s->site.public_url[len - 1] == '/'; len--)
        s->site.public_url[len - 1] = '\0';
}

/* The key's kind has looked whether there is such a zone; here its file is read. */
static void read_zone(struct site *s, const struct conf_node *root, struct conf_faults *faults)
{
    struct errmsg why = {""};
    if (!s->site.timezone)
        return;
    s->zone = zone_load(s->site.timezone, &why);
    if (!s->zone && !faults->errors)
        conf_fault_at(faults, site_node_at(root, "site", "timezone", NULL), "timezone: %s",
                      why.text);
}

/* ---- the file ---- */

static char *absolute(const char *file)
{
    char here[PATH_MAX];
    char *full = realpath(file, NULL);
    if (full)
        return full;
    return conf_path_join(getcwd(here, sizeof(here)) ? here : "", file);
}

static struct site *site_from_tree(const char *file, struct conf_node *root,
                                   struct conf_faults *faults)
{
    struct site *s = xcalloc(1, sizeof(*s));
    s->refs = 1;
    s->file = absolute(file);
    s->dir =
        xstrndup(s->file, (size_t)(strrchr(s->file, '/') ? strrchr(s->file, '/') - s->file : 0));
    if (!*s->dir) {
        free(s->dir);
        s->dir = xstrdup("/");
    }
    struct conf_ctx cx = {faults, s->dir};
    site_merge_packs(root, s->dir, faults);
    (void)conf_table_read(&cx, site_table, root, s);
    complete(s);
    const struct conf_node *certificate = site_node_at(root, "listen", "tls", "certificate");
    s->listen.tls.line = certificate->line;
    s->listen.tls.column = certificate->column;
    read_zone(s, root, faults);
    if (!root->partial)
        site_check(s, root, faults);
    return s;
}

static struct site *site_or_null(struct site *s, struct conf_faults *faults)
{
    conf_faults_sort(faults);
    if (faults->errors)
        site_unref(&s);
    return s;
}

struct site *site_load_text(const char *file, const char *text, size_t len,
                            struct conf_faults *faults)
{
    struct conf_node *root = conf_node_read(file, text, len, faults);
    if (!root)
        return NULL;
    struct site *s = site_from_tree(file, root, faults);
    conf_node_free(&root);
    return site_or_null(s, faults);
}

struct site *site_load(const char *file, struct conf_faults *faults)
{
    struct conf_node *root = conf_node_read_file(file, faults, NULL);
    if (!root)
        return NULL;
    struct site *s = site_from_tree(file, root, faults);
    site_load_instances(s, faults);
    site_check_gateways(s, root, faults);
    if (!root->partial) {
        site_check_places(s, root, faults);
        site_check_templates(s, root, faults);
    }
    conf_node_free(&root);
    return site_or_null(s, faults);
}

/* ---- plugin instances ---- */

static bool is_yaml(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int yaml_only(const struct dirent *e)
{
    return is_yaml(e->d_name);
}

/* A text at a key of an instance's file that must be there and be a name. */
static char *instance_word(const struct conf_node *n, const char *key, struct conf_faults *faults)
{
    const struct conf_node *v = conf_node_get(n, key);
    if (!v || conf_node_is_null(v)) {
        conf_fault_at(faults, v ? v : n, "'%s' is missing", key);
        return NULL;
    }
    if (v->kind != CONF_SCALAR || !text_is_name(v->text)) {
        conf_fault_at(faults, v, "%s: must match [a-z0-9][a-z0-9_-]{0,63}", key);
        return NULL;
    }
    return xstrdup(v->text);
}

static void add_instance(struct site *s, const char *path, struct conf_faults *faults)
{
    struct conf_node *n = conf_node_read_file(path, faults, NULL);
    if (!n)
        return;
    struct site_instance in = {.file = xstrdup(path), .node = n};
    if (n->kind != CONF_MAPPING) {
        conf_fault_at(faults, n, "expected keys and values");
    } else {
        in.plugin = instance_word(n, "plugin", faults);
        in.name = instance_word(n, "name", faults);
    }
    const struct site_instance *twin = in.name ? site_instance(s, in.name) : NULL;
    if (twin)
        conf_fault_at(faults, conf_node_get(n, "name"), "name: '%s' is the instance of %s already",
                      in.name, twin->file);
    if (!in.plugin || !in.name || twin) {
        free(in.plugin);
        free(in.name);
        free(in.file);
        conf_node_free(&in.node);
        return;
    }
    s->instances = xrealloc(s->instances, (s->instances_n + 1) * sizeof(*s->instances));
    s->instances[s->instances_n++] = in;
}

void site_load_instances(struct site *s, struct conf_faults *faults)
{
    struct dirent **found = NULL;
    if (!s->plugins.instances || !*s->plugins.instances)
        return;
    int n = scandir(s->plugins.instances, &found, yaml_only, alphasort);
    if (n < 0) {
        if (errno != ENOENT)
            conf_fault_in(faults, s->plugins.instances, 0, 0, "cannot be read: %s",
                          strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        char *path = conf_path_join(s->plugins.instances, found[i]->d_name);
        add_instance(s, path, faults);
        free(path);
        free(found[i]);
    }
    free(found);
}
