/*
 * line.h - the CTI line protocol over TCP and TLS (docs/line-protocol.md): PBXs that send call
 * events, softphones that get pops and act, monitors that see everything.
 *
 * A client that does not read costs a bounded amount of memory; one that sends faster than the
 * ledger stores is held back by TCP. Loop thread only.
 *
 * Needs calls/, pops/ and staff/.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/conn.h"
#include "base/err.h"
#include "base/loop.h"
#include "spine/hub.h"
#include "spine/metrics.h"
#include "service/staff/staff.h"

struct line;
struct pops;
struct calls;

struct line_opts {
    struct loop *loop;
    struct staff *staff;
    struct calls *calls;
    struct pops *pops; /* NULL: an agent that connects late gets no standing pops (tests) */
    struct hub *hub;
    const char *address; /* listen.line */
    struct tls *tls;     /* NULL: plain. Not owned */
    size_t max_links;    /* agents and monitors at once; 0: 16,384, or half of the descriptors */
    size_t max_guests;   /* connections without a hello; 0: 8,192, or as many as links */
    int64_t hello_ms;    /* time for the hello; 0: 10 s */
};

/** Listens at once. NULL with why when it cannot. */
struct line *line_new(const struct line_opts *opts, struct errmsg *why);
/** Stop accepting and reading; acks of what is under way still leave. */
void line_quiesce(struct line *l);
/** Quiesces, lets every link write its last words, closes. */
void line_free(struct line **l);
/** The ledger is (true) or is not any more under pressure: PBXs are not read meanwhile. */
void line_pressure(struct line *l, bool full);
/** The port bound (for port 0). */
uint16_t line_port(const struct line *l);

/** What /metrics shows. */
struct line_stats {
    size_t links, pbx, agents, monitors; /* now */
    uint64_t lines, bad, acks, pops, replaced, too_slow, refused;
};
/** A copy of the numbers as they are now. */
void line_get_stats(const struct line *l, struct line_stats *out);
/** Collector for metrics_add(); ctx is the struct line. */
void line_metrics(void *ctx, struct metrics_out *out);
