/*
 * store_lock.c - flock() on a file of its own. Not on the database: closing any descriptor of that
 * would release the locks that SQLite holds on it.
 */
#include "store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"

struct store_lock {
    int fd;
};

/* The file that path leads to; path itself while there is none yet. */
static char *lock_name(const char *path)
{
    char *real = realpath(path, NULL);
    char *name = xasprintf("%s.lock", real ? real : path);
    free(real);
    return name;
}

/* Whose id stands in the file; 0: it has not been written yet. */
static long holder(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int refuse(int fd, const char *path, const char *name, int error, struct errmsg *why)
{
    if (error != EWOULDBLOCK)
        return errmsg_set(why, E_IO, "cannot lock %s: %s", name, strerror(error));
    long pid = holder(fd);
    if (pid > 0)
        return errmsg_set(why, E_EXISTS, "the database %s is in use by stewardd with pid %ld", path,
                          pid);
    return errmsg_set(why, E_EXISTS, "the database %s is in use by another stewardd", path);
}

int store_lock_take(const char *path, struct store_lock **out, struct errmsg *why)
{
    char *name = lock_name(path), text[32];
    int rc = 0, fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        rc = errmsg_set(why, E_IO, "cannot open %s: %s", name, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        rc = refuse(fd, path, name, errno, why);
    free(name);
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0) {
        /* A full disk: the lock holds all the same, it only names nobody. */
    }
    *out = xcalloc(1, sizeof(**out));
    (*out)->fd = fd;
    return 0;
}

void store_lock_free(struct store_lock **lock)
{
    if (!*lock)
        return;
    close((*lock)->fd);
    free(*lock);
    *lock = NULL;
}
