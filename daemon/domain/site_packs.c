/*
 * site_packs.c - packs: files of ready policies that a site takes in by name (site_priv.h). They
 * become part of the file's tree before it is read, so that every check and every place of a fault
 * is as if they had been written there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/site_priv.h"

/* What a pack may define; a site's doors and stores are its own. */
static const char *const sections[] = {"calendars", "departments", "categories", "policies", NULL};

static bool is_section(const char *name)
{
    for (const char *const *s = sections; *s; s++)
        if (text_eq(*s, name))
            return true;
    return false;
}

/* The site's own mapping of that name, to be written to. */
static struct conf_node *own_section(struct conf_node *root, const char *name)
{
    for (size_t i = 0; i < root->n; i++)
        if (text_eq(root->keys[i]->text, name))
            return root->values[i];
    return NULL;
}

static void merge_section(struct conf_node *root, struct conf_node *key, struct conf_node *value,
                          struct conf_faults *faults)
{
    struct conf_node *own = own_section(root, key->text);
    if (!is_section(key->text)) {
        conf_fault_at(faults, key, "a pack holds calendars, departments, categories and policies");
        return;
    }
    if (value->kind != CONF_MAPPING) {
        conf_fault_at(faults, value, "%s: expected names", key->text);
        return;
    }
    if (!own) {
        own = conf_node_new(CONF_MAPPING, root->file, root->line, root->column);
        conf_node_add(root, conf_node_scalar(key->text), own);
    }
    if (own->kind == CONF_SCALAR && conf_node_is_null(own))
        own->kind = CONF_MAPPING; /* "categories:" with nothing below it */
    if (own->kind == CONF_MAPPING)
        conf_node_move_missing(own, value);
}

/* Nodes name their file by a text that their root owns: it goes to the site's tree. */
static void adopt_file(struct conf_node *root, struct conf_node *pack)
{
    struct conf_node *holder = conf_node_scalar("");
    holder->owned_file = pack->owned_file;
    pack->owned_file = NULL;
    for (size_t i = 0; i < root->n; i++)
        if (text_eq(root->keys[i]->text, "packs") && root->keys[i]->kind == CONF_SCALAR)
            conf_node_add(root->keys[i], NULL, holder); /* below a scalar nobody looks */
}

static void merge_pack(struct conf_node *root, const char *path, struct conf_faults *faults)
{
    struct conf_node *pack = conf_node_read_file(path, faults, NULL);
    if (!pack)
        return;
    if (pack->kind != CONF_MAPPING)
        conf_fault_at(faults, pack, "expected sections");
    for (size_t i = 0; pack->kind == CONF_MAPPING && i < pack->n; i++)
        merge_section(root, pack->keys[i], pack->values[i], faults);
    root->partial = root->partial || pack->partial;
    adopt_file(root, pack);
    conf_node_free(&pack);
}

void site_merge_packs(struct conf_node *root, const char *dir, struct conf_faults *faults)
{
    const struct conf_node *packs = conf_node_get(root, "packs");
    size_t n = packs && packs->kind == CONF_SEQUENCE ? packs->n : packs ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const struct conf_node *one = packs->kind == CONF_SEQUENCE ? packs->values[i] : packs;
        if (one->kind != CONF_SCALAR || conf_node_is_null(one))
            continue; /* the table says what is wrong with it */
        char *path = conf_path_join(dir, one->text);
        merge_pack(root, path, faults);
        free(path);
    }
}
