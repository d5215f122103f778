/*
 * password.h - crypt(3) yescrypt on a small worker of its own: a hash takes 24 ms and 16 MiB, so
 * one thread and a bounded queue keep sign-ins from being an attack on memory or on the loop.
 */
#pragma once
#include <stdbool.h>
#include "base/err.h"
#include "base/loop.h"

#define PASSWORD_MAX 256
#define PASSWORD_MIN 8

struct passwords;

/** Starts the worker; answers come on that loop. */
struct passwords *passwords_new(struct loop *loop);
/** Whoever still waits is told that it failed. */
void passwords_free(struct passwords **p);

/** ok: the password is right (check) or hash is its crypt(3) text (make). On the loop. */
typedef void password_cb(void *ctx, bool ok, const char *hash);

/** Checks against a crypt(3) text; hash NULL takes as long and is never right. E_BUSY: too many
 * wait (then cb is not called). */
int password_check(struct passwords *p, const char *hash, const char *password, password_cb *cb,
                   void *ctx) MUST_CHECK;
/** A crypt(3) text of the password, with a new salt. E_BUSY as above. */
int password_make(struct passwords *p, const char *password, password_cb *cb, void *ctx) MUST_CHECK;
