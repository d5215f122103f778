/*
 * template.h - what messages say: NAME.LANGUAGE.txt with {fields}, built in for every message that
 * the daemon sends by itself and overridden by the site's folder.
 *
 * A file begins with header lines ("subject: …", "channel: sms", "provider_template: SMS_123"), an
 * empty line, then the text. {name} is a field, {?name}…{/name} stands only if the field is not
 * empty, {{ is a brace. A set never changes once it is loaded, so threads may share it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "domain/lang.h"

#define TEMPLATE_NAME_MAX 64    /* with the NUL */
#define TEMPLATE_TEXT_MAX 16384 /* bytes of a file, and of what it renders to */

struct template
{
    char name[TEMPLATE_NAME_MAX];
    enum lang lang;
    char *subject; /* NULL if none */
    char *channel; /* by which it goes unless the message says; NULL: as the recipient has */
    char *provider_template; /* NULL if none */
    char *body;
};

struct template_set;

/** The built-in templates, with those of the folder over them (NULL or absent: none). NULL with
 * why ("file:line: …") if one is wrong. */
struct template_set *template_set_load(const char *folder, struct errmsg *why);
void template_set_free(struct template_set **set);
/** The template in that language, else in the nearest: zh-Hant, zh, en. NULL if there is none of
 * that name. */
const struct template *template_find(const struct template_set *set, const char *name,
                                     enum lang lang);
/** The names of a set, each once, NULL-terminated, at most max with the NULL. They live as long as
 * the set. */
void template_names(const struct template_set *set, const char **out, size_t max);

/** The value of a field: NULL or "" if it is empty. Lives until the next call. */
typedef const char *template_field(void *ctx, const char *name);
/**
 * Render text (a template's body or subject) into out. E_TOOBIG if it overflows. Control
 * characters in values become blanks, so that no value can add a line to a subject.
 */
int template_render(const char *text, template_field *field, void *ctx, struct buf *out) MUST_CHECK;
/** Call fn once for each field that the text mentions, in order of their first mention. */
void template_fields(const char *text, void (*fn)(void *ctx, const char *name), void *ctx);
