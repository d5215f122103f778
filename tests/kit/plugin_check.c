/*
 * plugin_check.c - steward-plugin-check: leads a plugin through its life and says what is wrong.
 *
 *   steward-plugin-check MODULE.so INSTANCE.yaml
 */
#include <stdio.h>
#include <string.h>

#include "kit.h"

static const char usage[] =
    "usage: steward-plugin-check [-v] MODULE.so INSTANCE.yaml\n"
    "Loads the plugin into a host of paper and leads it through its life: check, init and fini,\n"
    "start and stop, reload, init failing at each registration. INSTANCE.yaml is a file as in\n"
    "plugins.d/. Exits 0 if nothing is wrong, 1 otherwise, 2 on a wrong call.\n";

int main(int argc, char **argv)
{
    static char yaml[65536], why[512];
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    char **args = argv + 1 + verbose;
    if (argc - verbose != 3) {
        fputs(usage, stderr);
        return 2;
    }
    FILE *f = fopen(args[1], "re");
    if (!f || fread(yaml, 1, sizeof(yaml) - 1, f) == 0) {
        fprintf(stderr, "%s cannot be read\n", args[1]);
        return 2;
    }
    fclose(f);
    const struct steward_plugin *p = kit_open(args[0], why, sizeof(why));
    if (!p) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int faults = kit_examine(p, yaml, verbose);
    printf("%s %s: %s\n", p->name, p->version, faults ? "has faults" : "well");
    return faults ? 1 : 0;
}
