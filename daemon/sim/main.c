/*
 * main.c - stewardsim: plays the other side for demos and tests.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"pbx", sim_pbx, "a PBX on the line protocol: scripted or random calls"},
    {"ami", sim_ami, "an Asterisk that plays recorded or generated calls to AMI clients"},
    {"softphone", sim_softphone, "agents' softphones: print pops, act, or stop reading"},
    {"gateway", sim_gateway, "an HTTP gateway: answers well, slowly, with errors, or not at all"},
};

static void usage(FILE *to)
{
    fputs("Usage: stewardsim COMMAND [OPTION]…\n\nPlays the other side of stewardd. What it sees "
          "goes "
          "to stdout as JSON lines.\n\n",
          to);
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
        fprintf(to, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    fputs("\n`stewardsim COMMAND --help` says more.\n", to);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "-V") == 0) {
        puts("stewardsim " STEWARD_VERSION);
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(COMMANDS); i++)
        if (strcmp(argv[1], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    usage(stderr);
    return 2;
}
