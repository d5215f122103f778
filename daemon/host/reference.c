/*
 * reference.c - the configuration reference (reference.h). Modules are loaded to read their tables
 * and are asked nothing else.
 */
#include "host/reference.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <steward/plugin.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "domain/plugin_conf.h"
#include "domain/site.h"

static int modules_only(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".so") == 0;
}

static void module_write(const char *path, struct buf *out)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct steward_plugin *p = module ? dlsym(module, "steward_plugin") : NULL;
    if (!p || p->magic != STEWARD_PLUGIN_MAGIC || p->abi_major != STEWARD_ABI_MAJOR)
        return;
    buf_printf(out, "### `%s`\n\n%s\n\n", p->name, p->description ? p->description : "");
    plugin_conf_document(p->conf_keys, out);
    buf_addc(out, '\n');
}

static char *default_dir(void)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    return slash ? xasprintf("%.*s/../lib/steward", (int)(slash - self), self) : xstrdup(".");
}

void reference_write(const char *plugin_dir, struct buf *out)
{
    struct dirent **found = NULL;
    char *dir = plugin_dir ? xstrdup(plugin_dir) : default_dir();
    site_document(out);
    buf_adds(
        out,
        "## Plugin instances\n\nOne file under `plugins.instances` each, of any name that ends in "
        "`.yaml`.\n`plugin` is the module, `name` the instance (`[a-z0-9][a-z0-9_-]{0,63}`, "
        "unique); the "
        "rest is the module's:\n\n");
    int n = scandir(dir, &found, modules_only, alphasort);
    for (int i = 0; i < n; i++) {
        char *path = conf_path_join(dir, found[i]->d_name);
        module_write(path, out);
        free(path);
        free(found[i]);
    }
    free(found);
    free(dir);
    while (out->len > 1 && out->data[out->len - 1] == '\n' && out->data[out->len - 2] == '\n')
        out->data[--out->len] = '\0';
}
