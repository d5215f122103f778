/*
 * password.c - crypt(3) yescrypt on a small worker of its own.
 */
#include "edge/api/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/worker.h"

#define QUEUE_MAX 64
/* A yescrypt text of the default cost that no password gives: for names that do not exist. */
#define NOBODY "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"

struct passwords {
    struct worker *worker;
    struct job *jobs; /* not answered yet */
};

struct job {
    struct passwords *owner;
    char password[PASSWORD_MAX + 1];
    char *hash; /* to check against; NULL: make one */
    bool nobody, ok;
    char made[CRYPT_OUTPUT_SIZE];
    password_cb *cb;
    void *ctx;
    struct job *prev, *next;
};

static void run(void *arg, void *local)
{
    struct job *job = arg;
    struct crypt_data *data = xcalloc(1, sizeof(*data));
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *salt = job->hash;
    if (!salt)
        salt = crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting));
    const char *made = salt ? crypt_r(job->password, salt, data) : NULL;
    if (made && made[0] != '*') {
        text_copy(job->made, sizeof(job->made), made);
        job->ok = !job->nobody && (!job->hash || text_secret_eq(made, job->hash));
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
}

static void drop(struct job *job)
{
    DL_DELETE(job->owner->jobs, job);
    explicit_bzero(job->password, sizeof(job->password));
    free(job->hash);
    free(job);
}

static void done(void *arg)
{
    struct job *job = arg;
    job->cb(job->ctx, job->ok, job->ok ? job->made : NULL);
    drop(job);
}

struct passwords *passwords_new(struct loop *loop)
{
    struct passwords *p = xcalloc(1, sizeof(*p));
    p->worker = worker_new(
        loop, &(struct worker_opts){.name = "password", .threads = 1, .queue_max = QUEUE_MAX});
    return p;
}

void passwords_free(struct passwords **pp)
{
    struct passwords *p = *pp;
    if (!p)
        return;
    worker_free(&p->worker);
    while (p->jobs) {
        p->jobs->cb(p->jobs->ctx, false, NULL);
        drop(p->jobs);
    }
    free(p);
    *pp = NULL;
}

static int submit(struct passwords *p, const char *hash, bool nobody, const char *password,
                  password_cb *cb, void *ctx)
{
    struct job *job = xcalloc(1, sizeof(*job));
    *job = (struct job){.owner = p, .hash = xstrdup(hash), .nobody = nobody, .cb = cb, .ctx = ctx};
    /* What is longer than a password may be is never right, but takes its time too. */
    if (!text_copy(job->password, sizeof(job->password), password))
        job->nobody = true;
    DL_APPEND(p->jobs, job);
    int rc =
        worker_submit(p->worker, &(struct worker_job){.run = run, .done = done, .arg = job}, false);
    if (rc < 0)
        drop(job);
    return rc;
}

int password_check(struct passwords *p, const char *hash, const char *password, password_cb *cb,
                   void *ctx)
{
    return submit(p, hash ? hash : NOBODY, !hash, password, cb, ctx);
}

int password_make(struct passwords *p, const char *password, password_cb *cb, void *ctx)
{
    return submit(p, NULL, false, password, cb, ctx);
}
