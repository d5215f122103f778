/*
 * ami_parse.h - the manager protocol's framing: a banner line, then messages of "Key: value" lines
 * ended by an empty line. Nothing here allocates but the one bounded scratch of the parser.
 */
#ifndef STEWARD_AMI_PARSE_H
#define STEWARD_AMI_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#define AMI_LINE_MAX    65536
#define AMI_MESSAGE_MAX 1048576
#define AMI_FIELDS_MAX  512

struct ami_field {
    const char *key, *value; /* NUL-terminated */
    size_t key_len;
};

/** One message: fields in their order; further ones than AMI_FIELDS_MAX are left out. */
struct ami_msg {
    struct ami_field fields[AMI_FIELDS_MAX];
    size_t count;
};

struct ami_parser {
    bool banner;    /* seen */
    bool lf;        /* the present message has lines that end with a bare LF: its first one tells */
    size_t scanned; /* bytes of the present message that hold no end */
    char *scratch;
    size_t scratch_cap;
    const char *error; /* why the peer cannot be read any further; NULL: fine */
};

/** Called for each message that `wanted` asks for; text lives until it returns. */
typedef void ami_msg_cb(void *ctx, const struct ami_msg *msg);
/** Called once, with the banner line. False: the peer is no manager, nothing more is read. */
typedef bool ami_banner_cb(void *ctx, const char *banner);
/** True if an event of that name (len bytes, not terminated) is to be parsed at all. */
typedef bool ami_wanted_fn(const char *event, size_t len);

struct ami_sink {
    ami_banner_cb *banner;
    ami_msg_cb *message;
    ami_wanted_fn *wanted; /* NULL: all */
    void *ctx;
};

/**
 * Read what is complete in data; returns the bytes used, the rest is to be shown again with more
 * behind it. Lines end with CRLF alone: a bare LF is part of a value, but in messages whose first
 * line ends with one. A line over AMI_LINE_MAX or a message over AMI_MESSAGE_MAX sets p->error.
 */
size_t ami_parse(struct ami_parser *p, const struct ami_sink *sink, const char *data, size_t len);
/** For a new connection. Frees the scratch too. */
void ami_parser_reset(struct ami_parser *p);

/** The first value of that key (case-insensitive), or NULL. */
const char *ami_get(const struct ami_msg *msg, const char *key);
/** The same for a key made of two parts: ("Dest", "Uniqueid"). */
const char *ami_get2(const struct ami_msg *msg, const char *prefix, const char *key);
/** The value, or NULL where the PBX wrote one of its words for none. */
const char *ami_known(const char *value);

#endif
