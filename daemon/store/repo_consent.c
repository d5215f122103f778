/*
 * repo_consent.c - consent by number and address.
 */
#include "store/repo_consent.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"

/* One address however it is written. */
static void lower(const char *address, char out[PERSON_EMAIL_MAX])
{
    text_copy(out, PERSON_EMAIL_MAX, address);
    for (char *p = out; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
}

static char *digest_of(const char *address, char out[SHA256_HEX])
{
    char text[PERSON_EMAIL_MAX];
    uint8_t digest[SHA256_LEN];
    lower(address, text);
    sha256(text, strlen(text), digest);
    return hex_encode(digest, sizeof(digest), out);
}

/* The registry's part: everybody who has the address, and who was named. */
static int ask_persons(struct db *db, const char *address, int64_t named, struct consent_reach *out)
{
#define PERSON "p.id,p.consent_sms,p.consent_email,p.consent_call,p.consent_marketing"
#define STRICT " ORDER BY p.consent_sms+p.consent_email,p.consent_marketing,p.id"
    static const char by_phone[] =
        "SELECT " PERSON ",f.id FROM person p LEFT JOIN phone f ON f.person_id=p.id AND f.e164=$1 "
        "WHERE p.id=$2 OR p.id IN (SELECT person_id FROM phone WHERE e164=$1)" STRICT;
    static const char by_email[] =
        "SELECT " PERSON ",(SELECT min(f.id) FROM email f WHERE f.person_id=p.id AND "
        "lower(f.address)=$1) FROM person p WHERE p.id=$2 OR "
        "p.id IN (SELECT person_id FROM email WHERE lower(address)=$1)" STRICT;
#undef PERSON
#undef STRICT
    char text[PERSON_EMAIL_MAX];
    lower(address, text);
    struct db_q *q = db_query(db, strchr(text, '@') ? by_email : by_phone);
    db_bind_text(q, 1, text);
    db_bind_int(q, 2, named);
    while (db_row(q)) {
        for (int i = 0; i < 4; i++)
            out->consent[i] = out->consent[i] && db_int(q, 1 + i);
        if (!db_int(q, 5))
            continue;
        if (!out->persons++ || db_int(q, 0) == named)
            out->person_id = db_int(q, 0);
    }
    return db_end(q);
}

int repo_consent_reach(struct db *db, const char *address, int64_t named, struct consent_reach *out)
{
    char digest[SHA256_HEX];
    *out = (struct consent_reach){.consent = {true, true, true, true}};
    int rc = ask_persons(db, address, named, out);
    if (rc < 0)
        return rc;
    struct db_q *q = db_query(db, "SELECT consent FROM opt_out WHERE digest=$1");
    db_bind_text(q, 1, digest_of(address, digest));
    while (db_row(q))
        for (int i = 0; i < 4; i++)
            if (text_eq(db_str(q, 0), person_consent_names[i]))
                out->consent[i] = false;
    return db_end(q);
}

int repo_opt_out_set(struct db *db, const char *address, enum person_consent what, bool given,
                     int64_t at)
{
    char digest[SHA256_HEX];
    struct db_q *q =
        db_query(db, given ? "DELETE FROM opt_out WHERE digest=$1 AND consent=$2"
                           : "INSERT INTO opt_out (digest,consent,at) VALUES ($1,$2,$3) "
                             "ON CONFLICT (digest,consent) DO NOTHING");
    db_bind_text(q, 1, digest_of(address, digest));
    db_bind_text(q, 2, person_consent_names[what]);
    if (!given)
        db_bind_int(q, 3, at);
    return db_run(q);
}

/* Numbers and addresses of one person, read before anything is written. */
struct addresses {
    char text[PERSON_PHONES_MAX + PERSON_EMAILS_MAX][PERSON_EMAIL_MAX];
    int n;
};

static int addresses_of(struct db *db, int64_t person_id, struct addresses *list)
{
    const int max = PERSON_PHONES_MAX + PERSON_EMAILS_MAX;
    struct db_q *q = db_query(db, "SELECT e164 FROM phone WHERE person_id=$1 "
                                  "UNION ALL SELECT address FROM email WHERE person_id=$1");
    db_bind_int(q, 1, person_id);
    for (list->n = 0; db_row(q) && list->n < max; list->n++)
        text_copy(list->text[list->n], PERSON_EMAIL_MAX, db_str(q, 0));
    return db_end(q);
}

int repo_opt_out_forget(struct db *db, int64_t person_id, enum person_consent what)
{
    struct addresses list;
    int rc = addresses_of(db, person_id, &list);
    for (int i = 0; rc == E_OK && i < list.n; i++)
        rc = repo_opt_out_set(db, list.text[i], what, true, 0);
    return rc;
}
