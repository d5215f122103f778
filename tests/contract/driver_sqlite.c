/* driver_sqlite.c - the contract over SQLite: a file in a folder of its own. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], file[96];

static const char *begin(void)
{
    snprintf(folder, sizeof(folder), "/tmp/contract.XXXXXX");
    if (!mkdtemp(folder))
        fail_msg("no folder in /tmp");
    snprintf(file, sizeof(file), "%s/s.db", folder);
    return file;
}

static void end(void)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char name[112];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", file, tails[i]);
        unlink(name);
    }
    rmdir(folder);
}

const struct contract_driver contract_driver = {"sqlite", &db_sqlite, begin, end};
