/*
 * client.c - requests to the daemon over libcurl: through its Unix socket, found by the
 * configuration file, or to --url with --token.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/conf_node.h"
#include "base/conf_table.h"
#include "base/mem.h"
#include "base/text.h"
#include "ctl/ctl.h"

#define REPLY_MAX (256u * 1024u * 1024u)

static CURL *curl;
static char *socket_path, *base_url;

/* ---- where it is ---- */

const char *ctl_find_config(const struct ctl *ctl)
{
    static const char *const places[] = {"./steward.yaml", "./config/steward.yaml",
                                         "/etc/steward/steward.yaml"};
    if (ctl->config)
        return ctl->config;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    (void)fprintf(stderr,
                  "stewardctl: no configuration found: give -c FILE, or --url and --token\n");
    return NULL;
}

/* A path that is too long for a socket is named through its open folder. */
static char *short_enough(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
        return path;
    *slash = '\0';
    int fd = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    if (fd < 0)
        return path;
    char *name = xasprintf("/proc/self/fd/%d%s", fd, slash);
    free(path);
    return name;
}

static char *socket_of(const char *config)
{
    struct conf_faults faults = {0};
    struct conf_node *root = conf_node_read_file(config, &faults, NULL);
    char *path = NULL, real[PATH_MAX];
    if (!root) {
        (void)fprintf(stderr, "stewardctl: %s %s\n", config,
                      faults.n ? faults.items[0].text : "cannot be read");
    } else {
        const struct conf_node *n = conf_node_get(conf_node_get(root, "listen"), "control");
        const char *text =
            n && n->kind == CONF_SCALAR && !conf_node_is_null(n) ? n->text : "steward.sock";
        char *slash = realpath(config, real) ? strrchr(real, '/') : NULL;
        if (slash)
            *slash = '\0';
        path = short_enough(conf_path_join(slash ? real : "", text));
    }
    conf_faults_free(&faults);
    conf_node_free(&root);
    return path;
}

static bool take_url(const struct ctl *ctl)
{
    if (!text_starts(ctl->url, "http://") && !text_starts(ctl->url, "https://")) {
        (void)fprintf(stderr,
                      "stewardctl: --url: '%s' is not a web address (http:// or https://)\n",
                      ctl->url);
        return false;
    }
    base_url = xstrdup(ctl->url);
    for (size_t len = strlen(base_url); len && base_url[len - 1] == '/'; len--)
        base_url[len - 1] = '\0';
    return true;
}

bool ctl_connect(struct ctl *ctl)
{
    if (curl)
        return true;
    if (ctl->url) {
        if (!take_url(ctl))
            return false;
    } else {
        const char *config = ctl_find_config(ctl);
        socket_path = config ? socket_of(config) : NULL;
        if (!socket_path)
            return false;
        base_url = xstrdup("http://localhost");
    }
    curl = curl_easy_init();
    return curl != NULL;
}

void ctl_disconnect(void)
{
    if (curl)
        curl_easy_cleanup(curl);
    curl = NULL;
    free(socket_path);
    free(base_url);
    socket_path = base_url = NULL;
}

/* ---- one request ---- */

void ctl_escape(struct buf *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-._~", c);
        if (plain)
            buf_addc(out, *s);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static size_t write_cb(char *data, size_t size, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_add(out, data, size * n);
    return out->overflow ? 0 : size * n;
}

static struct curl_slist *headers_of(const struct ctl *ctl, const char *type, const char *body)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");
    list = curl_slist_append(list, "Expect:");
    if (body) {
        char *text = xasprintf("Content-Type: %s", type);
        list = curl_slist_append(list, text);
        free(text);
    }
    const char *token = ctl->token ? ctl->token : ctl->url ? getenv("STEWARD_TOKEN") : NULL;
    if (token) {
        char *text = xasprintf("Authorization: Bearer %s", token);
        list = curl_slist_append(list, text);
        free(text);
    }
    return list;
}

/* What connecting to the socket failed with: of a daemon that runs, most often that this user may
 * not, which is said instead of asking whether it runs. */
static void say_unreachable(const struct ctl *ctl, const char *why, long error)
{
    if (ctl->url)
        (void)fprintf(stderr, "stewardctl: no answer from %s: %s\n", base_url, why);
    else if (error == EACCES || error == EPERM)
        (void)fprintf(stderr,
                      "stewardctl: not allowed to use the socket %s: %s (run it as the user of "
                      "stewardd, or as root)\n",
                      socket_path, strerror((int)error));
    else
        (void)fprintf(stderr, "stewardctl: no answer from stewardd at %s: %s (is it running?)\n",
                      socket_path, why);
}

bool ctl_request(struct ctl *ctl, const char *method, const char *path, const char *type,
                 const char *body, size_t len, struct ctl_reply *reply)
{
    char why[CURL_ERROR_SIZE] = "";
    *reply = (struct ctl_reply){.body = BUF_INIT(REPLY_MAX)};
    char *url = xasprintf("%s/api/v1%s", base_url, path);
    struct curl_slist *headers = headers_of(ctl, type, body);
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_cb);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (ctl->ca)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ctl->ca);
    if (socket_path)
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    }
    CURLcode rc = curl_easy_perform(curl);
    long error = 0;
    if (rc == CURLE_OK)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    else if (curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK)
        say_unreachable(ctl, ctl->url && *why ? why : curl_easy_strerror(rc), error);
    curl_slist_free_all(headers);
    free(url);
    return rc == CURLE_OK;
}

void ctl_reply_free(struct ctl_reply *reply)
{
    buf_free(&reply->body);
}
