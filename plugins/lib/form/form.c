/*
 * form.c - see form.h.
 */
#include <string.h>
#include "form.h"

int form_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte that p[0..1] write, -1 if they are no two digits; p ends with NUL. */
static int two_digits(const char *p)
{
    int high = form_hex(p[0]), low = high < 0 ? -1 : form_hex(p[1]);
    return low < 0 ? -1 : high << 4 | low;
}

bool form_percent_encode(const char *text, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (n + 4 > cap)
            return false;
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    out[n] = '\0';
    return true;
}

void form_percent_decode(char *text)
{
    char *to = strchr(text, '%');
    if (!to)
        return;
    for (const char *from = to; *from;) {
        int byte = from[0] == '%' ? two_digits(from + 1) : -1;
        *to++ = byte >= 0 ? (char)byte : *from;
        from += byte >= 0 ? 3 : 1;
    }
    *to = '\0';
}

/* Where the value of a parameter begins; NULL if the query has none of that name. */
static const char *value_of(const char *query, const char *name)
{
    size_t len = strlen(name);
    while (strncmp(query, name, len) != 0 || query[len] != '=') {
        query = strchr(query, '&');
        if (!query)
            return NULL;
        query++;
    }
    return query + len + 1;
}

bool form_query_get(const char *query, const char *name, char *out, size_t cap)
{
    size_t n = 0;
    const char *p = value_of(query, name);
    if (!p)
        return false;
    for (; *p && *p != '&'; p++) {
        int c = *p == '+' ? ' ' : (unsigned char)*p;
        if (*p == '%') {
            c = two_digits(p + 1);
            p += 2;
        }
        if (n + 1 >= cap || c <= 0)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

bool form_same_secret(const char *given, size_t len, const char *want)
{
    size_t n = strlen(want);
    unsigned char diff = n != len;
    for (size_t i = 0; i < n && i < len; i++)
        diff |= (unsigned char)(given[i] ^ want[i]);
    return diff == 0;
}

int form_hmac_base64(const struct steward_host *host, const void *key, size_t key_len,
                     const void *data, size_t len, char *out, size_t cap)
{
    uint8_t mac[32];
    host->hmac_sha256(key, key_len, data, len, mac);
    return host->base64_encode(mac, sizeof mac, out, cap);
}
