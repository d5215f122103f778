/*
 * tls.c - OpenSSL contexts for servers and clients: TLS 1.2 and up, no renegotiation.
 */
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/conn.h"
#include "base/mem.h"

struct tls {
    SSL_CTX *ctx;
};

/* Takes the last reason out of OpenSSL's queue. */
static const char *ssl_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text ? text : "unknown TLS error";
}

static struct tls *tls_new(const SSL_METHOD *method)
{
    struct tls *t = xcalloc(1, sizeof(*t));
    t->ctx = SSL_CTX_new(method);
    if (!t->ctx)
        abort(); /* out of memory */
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
    return t;
}

static struct tls *refuse(struct tls *t, struct errmsg *why, const char *what, const char *file)
{
    errmsg_set(why, E_INVALID, "%s%s%s: %s", what, file ? " " : "", file ? file : "", ssl_reason());
    tls_free(&t);
    return NULL;
}

struct tls *tls_server(const char *certificate, const char *key, struct errmsg *why)
{
    struct tls *t = tls_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(t->ctx, certificate) != 1)
        return refuse(t, why, "certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1)
        return refuse(t, why, "key", key);
    if (SSL_CTX_check_private_key(t->ctx) != 1)
        return refuse(t, why, "the key does not belong to the certificate", certificate);
    return t;
}

struct tls *tls_client(const char *ca, bool verify, struct errmsg *why)
{
    struct tls *t = tls_new(TLS_client_method());
    if (!verify)
        return t;
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    int ok = ca ? SSL_CTX_load_verify_locations(t->ctx, ca, NULL)
                : SSL_CTX_set_default_verify_paths(t->ctx);
    if (ok != 1)
        return refuse(t, why, "CA certificates", ca);
    return t;
}

void tls_free(struct tls **t)
{
    if (!*t)
        return;
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

struct ssl_ctx_st *tls_ctx(struct tls *t)
{
    return t->ctx;
}
