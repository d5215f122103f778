/*
 * main.c - stewardd's command line.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/reference.h"
#include "main/daemon.h"

#define DEFAULT_CONFIG "/etc/steward/steward.yaml"

enum { DESCRIPTORS = 65536, FAULT_TEXT_MAX = 4 << 20 };

static const char USAGE[] =
    "Usage: stewardd [-c FILE] [-t]\n"
    "\n"
    "The call-centre daemon. It runs in the foreground and logs to stderr. TERM and INT stop it\n"
    "cleanly, HUP reloads the configuration.\n"
    "\n"
    "  -c FILE            configuration (default " DEFAULT_CONFIG ")\n"
    "  -t                 check the configuration and say every fault; exit 0 or 1\n"
    "  -V                 print the version\n"
    "  -h, --help         this\n"
    "  --test-clock MS    the wall clock stands at MS (milliseconds since 1970) and moves only by\n"
    "                     POST /api/v1/test/clock on the control socket. For tests\n";

struct command {
    struct daemon_opts opts;
    bool check;
};

enum { OPT_TEST_CLOCK = 256, OPT_REFERENCE };

/* docs/configuration.md, from the tables of the site and of the modules beside this program. */
static void print_reference(void)
{
    struct buf page = BUF_CUT(FAULT_TEXT_MAX);
    reference_write(NULL, &page);
    fputs(buf_str(&page), stdout);
    buf_free(&page);
}

/* 0: go on. Otherwise the process ends with *status. */
static bool read_command(int argc, char **argv, struct command *c, int *status)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 't'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {"test-clock", required_argument, NULL, OPT_TEST_CLOCK},
        {"config-reference", no_argument, NULL,
         OPT_REFERENCE}, /* for the docs, so not in the help */
        {NULL, 0, NULL, 0},
    };
    int opt;
    *status = 0;
    while ((opt = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1) {
        if (opt == 'c') {
            c->opts.config = optarg;
        } else if (opt == 't') {
            c->check = true;
        } else if (opt == 'V') {
            puts("stewardd " STEWARD_VERSION);
            return false;
        } else if (opt == 'h') {
            fputs(USAGE, stdout);
            return false;
        } else if (opt == OPT_REFERENCE) {
            print_reference();
            return false;
        } else if (opt == OPT_TEST_CLOCK &&
                   text_int(optarg, 1, INT64_C(253402300799999), &c->opts.test_ms) == 0) {
            c->opts.test_clock = true;
        } else {
            *status = 2;
        }
    }
    if (optind < argc)
        *status = 2;
    if (*status)
        fputs("stewardd: wrong arguments, see stewardd --help\n", stderr);
    return *status == 0;
}

/* Ten thousand idle connections need descriptors. */
static void raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0)
        return;
    rlim_t want = r.rlim_max < DESCRIPTORS ? r.rlim_max : DESCRIPTORS;
    if (r.rlim_cur >= want)
        return;
    r.rlim_cur = want;
    setrlimit(RLIMIT_NOFILE, &r);
}

static struct site *load(const char *config)
{
    struct conf_faults faults = {0};
    struct buf text = BUF_CUT(FAULT_TEXT_MAX);
    struct site *site = daemon_check(config, &faults);
    conf_faults_print(&faults, &text);
    fputs(buf_str(&text), stderr);
    buf_free(&text);
    conf_faults_free(&faults);
    return site;
}

static int run(const struct command *c, struct site *site)
{
    struct daemon d;
    struct errmsg why = {{0}};
    raise_descriptors();
    if (c->opts.test_clock)
        clock_test_set(c->opts.test_ms);
    if (daemon_start(&d, &c->opts, site, &why) < 0) {
        log_error(NULL, "cannot start: %s", why.text);
        return 1;
    }
    daemon_run(&d);
    daemon_stop(&d);
    return 0;
}

int main(int argc, char **argv)
{
    struct command c = {.opts.config = DEFAULT_CONFIG};
    int status;
    if (!read_command(argc, argv, &c, &status))
        return status;
    daemon_hold_signals(!c.check); /* a reload, or a stop, that comes early is not lost */
    struct site *site = load(c.opts.config);
    if (!site)
        return 1;
    if (!c.check)
        return run(&c, site);
    fprintf(stderr, "%s: good\n", c.opts.config);
    site_unref(&site);
    return 0;
}
