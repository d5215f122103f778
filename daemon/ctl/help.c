/*
 * help.c - stewardctl --help: all verbs, the verbs of a group, one verb with its arguments.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

static const char options[] =
    "Before or after any verb:\n"
    "  -c, --config FILE   the site's steward.yaml; its Unix socket is used (default: "
    "STEWARD_CONFIG,\n"
    "                      ./steward.yaml, ./config/steward.yaml, /etc/steward/steward.yaml)\n"
    "  --url URL           talk to http(s)://host:port instead\n"
    "  --token TEXT        the token to show (default beside --url: STEWARD_TOKEN)\n"
    "  --ca FILE           PEM file of the authority that signed an https:// URL's certificate\n"
    "  --json              print the answer as JSON\n"
    "  -h, --help          this help; after a verb, that verb's\n"
    "\n"
    "Exit codes: 0 done, 1 refused, 2 usage.\n";

static void synopsis(const struct ctl_verb *v)
{
    (void)printf("stewardctl %s", v->words);
    for (const struct ctl_arg *a = v->args; a && a->name; a++) {
        bool option = a->name[0] == '-';
        (void)printf(" %s%s", a->required ? "" : "[", a->name);
        if (option && a->value)
            (void)printf(" %s", a->value);
        (void)printf("%s%s", a->type == ARG_WORDS ? " …" : "", a->required ? "" : "]");
    }
    (void)fputc('\n', stdout);
}

static void lines(const char *group)
{
    size_t len = group ? strlen(group) : 0;
    for (const struct ctl_verb *v = ctl_next_verb(NULL); v; v = ctl_next_verb(v))
        if (!group || (strncmp(v->words, group, len) == 0 && v->words[len] == ' '))
            (void)printf("  %-23s %s\n", v->words, v->help);
}

void ctl_help_all(void)
{
    (void)printf("stewardctl - what an operator does with a steward site\n\n"
                 "Usage: stewardctl [OPTIONS] VERB [ARGUMENTS]\n\n");
    lines(NULL);
    (void)printf("\n%s", options);
    (void)printf(
        "\nFirst steps:\n"
        "  stewardctl init site --line 127.0.0.1:7070 --http 127.0.0.1:8080 --token dev-token\n"
        "  stewardd -c site/steward.yaml &\n"
        "  stewardctl -c site/steward.yaml user add li.na --role agent --device 1001\n");
}

void ctl_help_group(const char *group)
{
    (void)printf("Usage: stewardctl %s VERB [ARGUMENTS]\n\n", group);
    lines(group);
    (void)printf("\nstewardctl %s VERB --help explains one.\n", group);
}

void ctl_help_verb(const struct ctl_verb *v)
{
    (void)printf("Usage: ");
    synopsis(v);
    (void)printf("\n%s.\n", v->help);
    if (v->more)
        (void)printf("\n%s\n", v->more);
    if (v->args)
        (void)fputc('\n', stdout);
    for (const struct ctl_arg *a = v->args; a && a->name; a++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s", a->name, a->value ? " " : "",
                       a->value ? a->value : "");
        (void)printf("  %-24s %s%s\n", left, a->help, a->required ? " (required)" : "");
    }
    (void)printf("\n%s", options);
}
