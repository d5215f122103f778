/*
 * site.c - verbs about the site that are more than one request: tokens by kind, backup to a path of
 * the caller's, reloading and checking the configuration.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "ctl/ctl.h"

/* One POST of body, shown as the verb says. Takes body over. */
static int post(struct ctl *ctl, const struct ctl_verb *verb, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct ctl_reply reply;
    int code = CTL_REFUSED;
    json_decref(body);
    if (ctl_connect(ctl)) {
        if (ctl_request(ctl, verb->method, verb->path, "application/json", text, strlen(text),
                        &reply))
            code = ctl_show(ctl, verb, &reply);
        ctl_reply_free(&reply);
    }
    free(text);
    return code;
}

int ctl_reload(struct ctl *ctl, struct ctl_call *call)
{
    struct ctl_reply reply;
    struct errmsg why;
    int code = CTL_REFUSED;
    if (ctl->json)
        return post(ctl, call->verb, json_object());
    if (!ctl_connect(ctl) ||
        !ctl_request(ctl, "POST", call->verb->path, "application/json", "{}", 2, &reply))
        return CTL_REFUSED;
    json_t *v = json_parse(buf_str(&reply.body), reply.body.len, &why);
    const char *now = json_string_value(json_object_get(v, "now"));
    const char *later = json_string_value(json_object_get(v, "later"));
    if (reply.status == 200) {
        (void)printf("reloaded; taken: %s\n", now && *now ? now : "nothing has changed");
        if (later && *later)
            (void)printf("needs a restart: %s\n", later);
        code = CTL_DONE;
    } else {
        ctl_show_problem(ctl, &reply);
    }
    json_decref(v);
    ctl_reply_free(&reply);
    return code;
}

int ctl_token_add(struct ctl *ctl, struct ctl_call *call)
{
    static const char *const options[] = {"user", "pbx", "monitor", "integration"};
    const char *kind = NULL, *name = NULL;
    int given = 0;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!ctl_local(call, options[i]))
            continue;
        given++;
        kind = options[i];
        name = ctl_local(call, options[i]);
    }
    if (given != 1) {
        (void)fprintf(
            stderr,
            "stewardctl token add: one of --user, --pbx, --monitor, --integration is needed\n");
        return CTL_USAGE;
    }
    return post(ctl, call->verb, json_pack("{s:s}", kind, name));
}

/* The daemon writes the file, so its path must not depend on where this program stands. Over the
 * network a name is meant: the daemon puts it into its own folder. */
int ctl_backup(struct ctl *ctl, struct ctl_call *call)
{
    const char *file = ctl_local(call, "file");
    char here[PATH_MAX];
    if (ctl->url && !strchr(file, '/'))
        return post(ctl, call->verb, json_pack("{s:s}", "file", file));
    if (file[0] != '/' && !getcwd(here, sizeof(here))) {
        (void)fprintf(stderr, "stewardctl backup: the current folder is unknown: %s\n",
                      strerror(errno));
        return CTL_REFUSED;
    }
    char *path = file[0] == '/' ? xstrdup(file) : xasprintf("%s/%s", here, file);
    int code = post(ctl, call->verb, json_pack("{s:s}", "file", path));
    free(path);
    return code;
}

/* stewardd knows the tables: it stands beside this program, or in the PATH. */
int ctl_config_check(struct ctl *ctl, struct ctl_call *call)
{
    char self[PATH_MAX], *slash;
    const char *config = ctl_find_config(ctl);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (!config)
        return CTL_REFUSED;
    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    char *beside =
        slash ? xasprintf("%.*s/stewardd", (int)(slash - self), self) : xstrdup("stewardd");
    (void)fflush(stdout);
    (void)execl(beside, "stewardd", "-t", "-c", config, (char *)NULL);
    (void)execlp("stewardd", "stewardd", "-t", "-c", config, (char *)NULL);
    (void)fprintf(stderr,
                  "stewardctl: stewardd is neither beside this program nor in the PATH: %s\n",
                  strerror(errno));
    free(beside);
    return CTL_REFUSED;
}
