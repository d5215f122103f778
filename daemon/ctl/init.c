/*
 * init.c - stewardctl init: a folder with a configuration that runs at once.
 *
 * The file is block style with every section once at column 0, and departments, categories and
 * policies are named in their own three sections alone, so that a script can replace a section by
 * its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "ctl/ctl.h"

static const char before[] =
    "# A steward site. Every key, with its default and bounds: docs/configuration.md.\n"
    "# `stewardd -t -c FILE` checks this file and shows every fault; `stewardctl reload` takes "
    "changes.\n"
    "\n"
    "site:\n"
    "  name: steward\n"
    "  language: zh-Hans\n"
    "  timezone: Asia/Shanghai\n"
    "\n"
    "store:\n"
    "  driver: sqlite\n"
    "  path: steward.db\n"
    "\n";

static const char after[] = "\n"
                            "numbering:\n"
                            "  country: CN\n"
                            "\n"
                            "calendars:\n"
                            "  office:\n"
                            "    hours:\n"
                            "      mon-fri:\n"
                            "        - \"08:30-12:00\"\n"
                            "        - \"13:30-18:00\"\n"
                            "\n"
                            "departments:\n"
                            "  # engineering:\n"
                            "  #   name:\n"
                            "  #     zh: 工程部\n"
                            "  #     en: Engineering\n"
                            "  #   head: zhao.gang\n"
                            "\n"
                            "categories:\n"
                            "  # leak:\n"
                            "  #   name:\n"
                            "  #     zh: 漏水\n"
                            "  #     en: Water leak\n"
                            "  #   department: engineering\n"
                            "  #   policy: urgent\n"
                            "\n"
                            "policies:\n"
                            "  # urgent:\n"
                            "  #   clocks:\n"
                            "  #     claim: 2m\n"
                            "  #     resolve: 24h\n"
                            "\n"
                            "tickets:\n"
                            "  open_on: answered\n"
                            "\n"
                            "messages:\n"
                            "  sms:\n"
                            "    gateway: sms\n"
                            "  email:\n"
                            "    gateway: mail\n"
                            "\n"
                            "callbacks:\n"
                            "  tries: 3\n"
                            "\n"
                            "calls:\n"
                            "  forget_after: 6h\n";

#define TOKEN_FILE "dev.token"

static int refuse(const char *path, const char *why)
{
    (void)fprintf(stderr, "stewardctl init: %s: %s\n", path, why);
    return CTL_REFUSED;
}

/* "127.0.0.1:7070" or "[::1]:7070"; the daemon checks it once more. */
static bool is_address(const char *s)
{
    const char *colon = strrchr(s, ':');
    int64_t port;
    return colon && colon > s && text_int(colon + 1, 0, 65535, &port) == E_OK &&
           !strpbrk(s, " \t\r\n\"'#");
}

/* The folder and those above it. */
static bool make_folder(const char *dir)
{
    char *path = xstrdup(dir);
    for (char *s = path; *s; s++) {
        if (*s != '/' || s == path)
            continue;
        *s = '\0';
        (void)mkdir(path, 0755);
        *s = '/';
    }
    free(path);
    struct stat st;
    return mkdir(dir, 0755) == 0 || (errno == EEXIST && stat(dir, &st) == 0 && S_ISDIR(st.st_mode));
}

static int write_new(const char *dir, const char *name, mode_t mode, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    int code = CTL_DONE, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    size_t len = strlen(text);
    if (fd < 0)
        code = refuse(path, strerror(errno));
    else if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
        code = refuse(path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    free(path);
    return code;
}

static char *make_token(void)
{
    char text[44];
    rng_token(text, sizeof(text) - 1);
    return xstrdup(text);
}

/* "[::1]:7070" would begin a list. */
static const char *quote(const char *address)
{
    return address[0] == '[' ? "\"" : "";
}

static int write_site(const char *dir, const char *line, const char *http, const char *token)
{
    struct buf text = BUF_INIT(65536);
    char *secret = xasprintf("%s\n", token);
    buf_adds(&text, before);
    buf_printf(&text, "listen:\n  line: %s%s%s\n", quote(line), line, quote(line));
    buf_printf(&text, "  http: %s%s%s\n", quote(http), http, quote(http));
    buf_adds(&text, "  control: steward.sock\n  dev_token_file: " TOKEN_FILE "\n");
    buf_adds(&text, after);
    char *plugins = xasprintf("%s/plugins.d", dir);
    int code = write_new(dir, TOKEN_FILE, 0600, secret);
    if (code == CTL_DONE)
        code = write_new(dir, "steward.yaml", 0644, buf_str(&text));
    if (code == CTL_DONE && mkdir(plugins, 0755) != 0 && errno != EEXIST)
        code = refuse(plugins, strerror(errno));
    free(plugins);
    free(secret);
    buf_free(&text);
    return code;
}

static void say_done(const struct ctl *ctl, const char *dir, const char *token)
{
    if (ctl->json) {
        json_t *v =
            json_pack("{s:o, s:s}", "config", json_sprintf("%s/steward.yaml", dir), "token", token);
        char *text = json_dumps(v, JSON_COMPACT);
        (void)printf("%s\n", text);
        free(text);
        json_decref(v);
        return;
    }
    (void)printf("made %s/steward.yaml\nnext: stewardd -c %s/steward.yaml\n", dir, dir);
    if (!ctl->token)
        (void)printf("token of the machine account dev: %s\n", token);
}

int ctl_init(struct ctl *ctl, struct ctl_call *call)
{
    const char *dir = ctl_local(call, "dir"), *line = ctl_local(call, "line"),
               *http = ctl_local(call, "http");
    line = line ? line : "127.0.0.1:7070";
    http = http ? http : "127.0.0.1:8080";
    if (!is_address(line) || !is_address(http)) {
        (void)fprintf(stderr, "stewardctl init: '%s' is not an address such as 127.0.0.1:7070\n",
                      is_address(line) ? http : line);
        return CTL_USAGE;
    }
    if (strcmp(line, http) == 0 && strcmp(strrchr(line, ':'), ":0") != 0) {
        (void)fprintf(stderr, "stewardctl init: --line and --http need an address each\n");
        return CTL_USAGE;
    }
    if (ctl->token &&
        (!*ctl->token || strlen(ctl->token) > 256 || strpbrk(ctl->token, " \t\r\n"))) {
        (void)fprintf(stderr,
                      "stewardctl init: --token must be 1 to 256 characters without blanks\n");
        return CTL_USAGE;
    }
    if (!make_folder(dir))
        return refuse(dir, "no such folder, and it cannot be made");
    char *config = xasprintf("%s/steward.yaml", dir),
         *token = ctl->token ? xstrdup(ctl->token) : make_token();
    int code = access(config, F_OK) == 0 ? refuse(config, "is there already")
                                         : write_site(dir, line, http, token);
    if (code == CTL_DONE)
        say_done(ctl, dir, token);
    free(config);
    free(token);
    return code;
}
