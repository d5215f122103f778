/* contract.c - runs every group over the driver of this program. */
#include "contract.h"

#include <stdio.h>

#include "base/log.h"

struct db *db;
static const char *where;

struct db *contract_open(enum db_mode mode)
{
    struct errmsg why = {{0}};
    struct db *opened = NULL;
    int rc = db_open(contract_driver.driver, where, mode, &opened, &why);
    if (rc < 0)
        fail_msg("%s: %s", contract_driver.name, why.text);
    return opened;
}

int contract_setup(void **state)
{
    where = contract_driver.begin();
    db = contract_open(DB_WRITER);
    return 0;
}

int contract_teardown(void **state)
{
    db_close(&db);
    contract_driver.end();
    return 0;
}

int main(void)
{
    int failed = 0;
    log_set_level(LOG_WARN);
    printf("the contract of a store, over %s\n", contract_driver.name);
    failed += contract_of_db();
    failed += contract_of_people();
    failed += contract_of_calls();
    failed += contract_of_messages();
    failed += contract_of_tickets();
    failed += contract_of_rest();
    return failed ? 1 : 0;
}
