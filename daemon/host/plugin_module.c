/*
 * plugin_module.c - a plugin's module: the file must lie in the site's folder of modules and
 * belong to somebody trusted; its descriptor must be one that this daemon understands. Each
 * reason to refuse it has its own words.
 */
#include "host/plugins_priv.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

/* Length of the descriptor of ABI 1.0: everything up to fini. */
#define DESCRIPTOR_1_0 (offsetof(struct steward_plugin, fini) + sizeof(void *))

/* ../lib/steward beside the program, unless the configuration says. */
static int module_folder(const struct site *site, char out[PATH_MAX], struct errmsg *why)
{
    char exe[PATH_MAX - 32];
    char beside[PATH_MAX];
    if (site->plugins.path) {
        text_copy(beside, sizeof(beside), site->plugins.path);
    } else {
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        if (n <= 0)
            return errmsg_set(why, E_IO, "plugins.path: where the program lies is not known");
        exe[n] = 0;
        *strrchr(exe, '/') = 0;
        snprintf(beside, sizeof(beside), "%s/../lib/steward", exe);
    }
    if (!realpath(beside, out))
        return errmsg_set(why, E_IO, "plugins.path: %s: %s", beside, strerror(errno));
    return 0;
}

/* Whoever can write it can run code in the daemon. */
static int check_owner(const char *path, struct errmsg *why)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errmsg_set(why, E_IO, "%s: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return errmsg_set(why, E_DENIED, "%s belongs to user %u, neither root nor the daemon's",
                          path, (unsigned)st.st_uid);
    if (st.st_mode & S_IWOTH)
        return errmsg_set(why, E_DENIED, "%s can be written by anybody", path);
    if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid())
        return errmsg_set(why, E_DENIED, "%s can be written by group %u", path,
                          (unsigned)st.st_gid);
    return 0;
}

static int check_file(const char *folder, const char *file, char real[PATH_MAX], struct errmsg *why)
{
    char path[PATH_MAX];
    size_t n = strlen(folder);
    if ((size_t)snprintf(path, sizeof(path), "%s/%s.so", folder, file) >= sizeof(path))
        return errmsg_set(why, E_INVALID, "plugins.path is too long");
    if (!realpath(path, real))
        return errmsg_set(why, E_NOTFOUND, "no plugin '%s': %s: %s", file, path, strerror(errno));
    if (strncmp(real, folder, n) != 0 || real[n] != '/')
        return errmsg_set(why, E_DENIED, "%s leads out of %s", path, folder);
    int rc = check_owner(folder, why);
    return rc < 0 ? rc : check_owner(real, why);
}

/* The first four fields may be read whatever the version. */
static int check_version(const struct steward_plugin *p, const char *path, struct errmsg *why)
{
    if (p->magic != STEWARD_PLUGIN_MAGIC)
        return errmsg_set(why, E_INVALID, "%s: its descriptor begins with %08x: no steward plugin",
                          path, p->magic);
    if (p->abi_major != STEWARD_ABI_MAJOR)
        return errmsg_set(why, E_UNSUPPORTED,
                          "%s was built for plugin ABI %u.%u, this daemon has %d.%d: rebuild it",
                          path, p->abi_major, p->abi_minor, STEWARD_ABI_MAJOR, STEWARD_ABI_MINOR);
    if (p->abi_minor > STEWARD_ABI_MINOR)
        return errmsg_set(why, E_UNSUPPORTED,
                          "%s needs plugin ABI %u.%u, this daemon has %d.%d: it is too old", path,
                          p->abi_major, p->abi_minor, STEWARD_ABI_MAJOR, STEWARD_ABI_MINOR);
    if (p->struct_size < DESCRIPTOR_1_0)
        return errmsg_set(why, E_INVALID, "%s: its descriptor has %u bytes, ABI 1.0 has %zu", path,
                          p->struct_size, DESCRIPTOR_1_0);
    return 0;
}

static int check_descriptor(const struct steward_plugin *p, const char *module, const char *path,
                            struct errmsg *why)
{
    if (!p->name || strcmp(p->name, module) != 0)
        return errmsg_set(why, E_INVALID, "%s calls itself '%.64s'", path, p->name ? p->name : "");
    if (!p->init)
        return errmsg_set(why, E_INVALID, "%s has no init", path);
    if (!p->version || !p->description)
        return errmsg_set(why, E_INVALID, "%s: version and description must be given", path);
    return 0;
}

static bool is_module_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && n <= 64 && !s[n];
}

const struct steward_plugin *plugin_module_open(const struct site *site, const char *module,
                                                struct errmsg *why)
{
    char folder[PATH_MAX], path[PATH_MAX];
    if (!is_module_name(module)) {
        errmsg_set(why, E_INVALID, "'%.64s' is no name of a plugin", module);
        return NULL;
    }
    if (module_folder(site, folder, why) || check_file(folder, module, path, why))
        return NULL;
    /* Never closed: a callback may still be under way, and a leak must keep its name. */
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        errmsg_set(why, E_IO, "%s", dlerror());
        return NULL;
    }
    const struct steward_plugin *p = dlsym(so, "steward_plugin");
    if (!p) {
        errmsg_set(why, E_INVALID, "%s exports no steward_plugin", path);
        return NULL;
    }
    return check_version(p, path, why) || check_descriptor(p, module, path, why) ? NULL : p;
}
