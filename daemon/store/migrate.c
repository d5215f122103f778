/*
 * migrate.c - brings the schema up to date from the embedded files, one transaction a file, and
 * refuses a database that is newer, foreign, or whose applied files were changed since.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/db_driver.h"

static int file_version(const struct embedded_file *f)
{
    int version = 0;
    return sscanf(f->name, "%4d_", &version) == 1 ? version : 0;
}

static void file_checksum(const struct embedded_file *f, char out[SHA256_HEX])
{
    uint8_t digest[SHA256_LEN];
    sha256(f->text, f->len, digest);
    hex_encode(digest, sizeof(digest), out);
}

static int newest_known(const struct embedded_file *files)
{
    int newest = 0;
    for (; files->name; files++)
        newest = file_version(files);
    return newest;
}

static int count_tables(struct db *db, bool ours, int64_t *count)
{
    const struct db_driver *d = db_driver_of(db);
    struct db_q *q = db_query(db, ours ? d->count_ours : d->count_tables);
    *count = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

/* Whether the database has our table of migrations: 1, 0, or E_FATAL for somebody else's. */
static int has_table(struct db *db, struct errmsg *why)
{
    int64_t ours = 0, all = 0;
    int rc = count_tables(db, true, &ours);
    if (rc == 0)
        rc = count_tables(db, false, &all);
    if (rc < 0)
        return errmsg_set(why, rc, "%s", db_last_error(db));
    if (!ours && all) {
        return errmsg_set(why, E_FATAL,
                          "this is a database of another program, it has no migration table");
    }
    return ours > 0;
}

/* The highest version applied; every applied file must be the one we know. */
static int check_applied(struct db *db, const struct embedded_file *files, int *applied,
                         struct errmsg *why)
{
    int newest = newest_known(files), rc = 0;
    struct db_q *q = db_query(db, "SELECT version, name, checksum FROM migration ORDER BY version");
    *applied = 0;
    while (rc == 0 && db_row(q)) {
        int version = (int)db_int(q, 0);
        const struct embedded_file *f = files;
        while (f->name && file_version(f) != version)
            f++;
        char sum[SHA256_HEX] = "";
        if (f->name)
            file_checksum(f, sum);
        if (version > newest) {
            rc = errmsg_set(why, E_FATAL,
                            "its schema is version %d (%s), newer than this program, which knows "
                            "versions up to %d: run a newer stewardd, or restore a backup",
                            version, db_str(q, 1), newest);
        } else if (strcmp(sum, db_str(q, 2)) != 0) {
            rc = errmsg_set(why, E_FATAL,
                            "migration %s is not the one this program knows by that number",
                            db_str(q, 1));
        }
        *applied = version;
    }
    int end = db_end(q);
    return rc == 0 && end < 0 ? errmsg_set(why, end, "%s", db_last_error(db)) : rc;
}

static int apply(struct db *db, const struct embedded_file *f, struct errmsg *why)
{
    char sum[SHA256_HEX];
    file_checksum(f, sum);
    int rc = db_begin(db);
    if (rc < 0)
        return errmsg_set(why, rc, "%s", db_last_error(db));
    struct errmsg cause = {{0}};
    rc = db_exec(db, f->text, &cause);
    if (rc == 0) {
        struct db_q *q = db_query(db, "INSERT INTO migration (version, name, checksum, applied_at) "
                                      "VALUES ($1, $2, $3, $4)");
        db_bind_int(q, 1, file_version(f));
        db_bind_text(q, 2, f->name);
        db_bind_text(q, 3, sum);
        db_bind_int(q, 4, clock_now_ms());
        rc = db_run(q);
    }
    if (rc == 0)
        rc = db_commit(db);
    if (rc < 0) {
        errmsg_set(why, rc, "migration %s: %s", f->name,
                   cause.text[0] ? cause.text : db_last_error(db));
        db_rollback(db);
    }
    return rc;
}

int db_migrate(struct db *db, const struct embedded_file *files, struct errmsg *why)
{
    int rc = has_table(db, why), applied = 0;
    if (rc < 0)
        return rc;
    if (rc == 0) {
        rc = db_exec(db,
                     "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                     "checksum TEXT NOT NULL, applied_at INTEGER NOT NULL)",
                     why);
    } else {
        rc = check_applied(db, files, &applied, why);
    }
    for (; rc >= 0 && files->name; files++) {
        if (file_version(files) > applied) {
            rc = apply(db, files, why);
            if (rc == 0)
                log_info(NULL, "store: applied migration %s", files->name);
        }
    }
    return rc;
}

int db_check_schema(struct db *db, const struct embedded_file *files, struct errmsg *why)
{
    int applied = 0;
    int rc = has_table(db, why);
    if (rc == 0)
        return errmsg_set(why, E_FATAL, "the database is empty: it was never set up");
    rc = rc < 0 ? rc : check_applied(db, files, &applied, why);
    if (rc == 0 && applied < newest_known(files)) {
        return errmsg_set(why, E_FATAL, "its schema is version %d, this program needs %d", applied,
                          newest_known(files));
    }
    return rc;
}

int db_probe(struct db *db)
{
    return db_run(db_query(db, "UPDATE migration SET applied_at = applied_at WHERE version = 1"));
}
