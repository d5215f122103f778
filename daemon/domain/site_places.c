/*
 * site_places.c - what the file names outside itself, before anything is opened: the store's
 * folder, the control socket's, certificates, and addresses that would collide (site_priv.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/site_priv.h"

/* A file is made in that folder. False after saying why not. */
static bool check_folder(const char *key, const char *path, const struct conf_node *n,
                         struct conf_faults *f)
{
    const char *slash = strrchr(path, '/');
    char *folder = xstrndup(path, slash && slash > path ? (size_t)(slash - path) : 1);
    struct stat st;
    int error = stat(folder, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    if (error)
        conf_fault_at(f, n, "%s: its folder %s: %s", key, folder, strerror(error));
    else if (access(folder, W_OK | X_OK) < 0)
        conf_fault_at(f, n, "%s: nothing can be written in its folder %s: %s", key, folder,
                      strerror(error = errno));
    free(folder);
    return !error;
}

static void check_store(const struct site *s, const struct conf_node *n, struct conf_faults *f)
{
    const char *path = s->store.path;
    struct stat st;
    if (!path || !check_folder("path", path, n, f) || stat(path, &st) < 0)
        return;
    if (!S_ISREG(st.st_mode))
        conf_fault_at(f, n, "path: %s is no file", path);
    else if (access(path, R_OK | W_OK) < 0)
        conf_fault_at(f, n, "path: %s cannot be read and written: %s", path, strerror(errno));
}

static void check_control(const struct site *s, const struct conf_node *n, struct conf_faults *f)
{
    const char *path = s->listen.control;
    struct stat st;
    if (!path || !*path || !check_folder("control", path, n, f) || lstat(path, &st) < 0)
        return;
    if (!S_ISSOCK(st.st_mode))
        conf_fault_at(f, n, "control: %s is there and is not a socket", path);
}

static bool is_any(const char *host)
{
    return !*host || text_eq(host, "0.0.0.0") || text_eq(host, "::");
}

static const char *plain_host(const char *host)
{
    return text_eq(host, "localhost") ? "127.0.0.1" : host;
}

static void check_addresses(const struct site *s, const struct conf_node *n, struct conf_faults *f)
{
    const struct site_address *line = &s->listen.line, *http = &s->listen.http;
    if (!line->set || !http->set || !line->port || line->port != http->port)
        return;
    if (is_any(line->host) || is_any(http->host) ||
        text_eq(plain_host(line->host), plain_host(http->host)))
        conf_fault_at(f, n, "http: port %u is that of listen.line already", http->port);
}

static void check_readable(const char *key, const char *path, const struct conf_node *n,
                           struct conf_faults *f)
{
    if (path && access(path, R_OK) < 0)
        conf_fault_at(f, n, "%s: %s cannot be read: %s", key, path, strerror(errno));
}

void site_check_tls(const struct site *s, const struct conf_node *root, struct conf_faults *f)
{
    const struct conf_node *n = site_node_at(root, "listen", "tls", NULL);
    const struct site_tls *t = &s->listen.tls;
    if (!t->certificate != !t->key)
        conf_fault_at(f, n, "tls: certificate and key belong together");
    check_readable("certificate", t->certificate, site_node_at(n, "certificate", NULL, NULL), f);
    check_readable("key", t->key, site_node_at(n, "key", NULL, NULL), f);
}

void site_check_places(const struct site *s, const struct conf_node *root,
                       struct conf_faults *faults)
{
    check_store(s, site_node_at(root, "store", "path", NULL), faults);
    check_addresses(s, site_node_at(root, "listen", "http", NULL), faults);
    check_control(s, site_node_at(root, "listen", "control", NULL), faults);
}
