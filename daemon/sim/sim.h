/*
 * sim.h - what the subcommands of stewardsim share: options, output, waiting.
 *
 * What a simulation sees and does goes to stdout as JSON lines, each with "at" (wall clock) and
 * "ms" (since the start), so that a demo or a test can read it. Mishaps go to stderr.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/conn.h"
#include "base/json.h"
#include "base/loop.h"

/* ---- options ---- */

enum sim_kind { SIM_TEXT, SIM_INT, SIM_FLAG };

/** One "--name VALUE". to: const char **, int64_t * or bool *. A table ends with name NULL. */
struct sim_option {
    const char *name;
    enum sim_kind kind;
    void *to;
    int64_t min, max; /* of SIM_INT */
    const char *help; /* "HOST:PORT  where the daemon listens (127.0.0.1:7070)" */
};

/** Reads argv[1…]; prints the usage for --help or a fault. True: go on; else *status is the exit
 * code. */
bool sim_options(int argc, char **argv, const char *what, const struct sim_option *table,
                 int *status);
/** "1001-1050", "1001,1003" or "1001" into texts; the caller frees items and list. */
int sim_devices(const char *text, char ***out, size_t *n) MUST_CHECK;
void sim_devices_free(char ***list, size_t n);
/** Splits "host:port". */
bool sim_address(const char *text, char host[256], uint16_t *port);
/** A whole file, at most max bytes; NULL after a message on stderr. The caller frees. */
char *sim_file(const char *path, size_t max, size_t *len);

/* ---- running ---- */

struct sim {
    struct loop *loop;
    int64_t start_us;
    int status; /* exit code */
};

/** A loop that ends on INT and TERM. */
void sim_open(struct sim *s);
/** Runs until sim_end() or a signal, frees the loop, returns the exit code. */
int sim_run(struct sim *s);
void sim_end(struct sim *s, int status);
void sim_close(struct sim *s);

/** Begin an output line: {"at":…,"ms":…,"what":WHAT, open. */
void sim_begin(struct sim *s, struct jw *w, const char *what);
/** End it and print it. */
void sim_print(struct jw *w);

/* ---- subcommands ---- */

/** A PBX on the line protocol. Each returns the exit code. */
int sim_pbx(int argc, char **argv);
/** An Asterisk manager. */
int sim_ami(int argc, char **argv);
/** Agents' softphones. */
int sim_softphone(int argc, char **argv);
/** An HTTP gateway. */
int sim_gateway(int argc, char **argv);
