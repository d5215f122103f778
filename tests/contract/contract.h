/*
 * contract.h - what a store must do, whatever its driver: the seam that a driver fills, and the
 * groups of tests that run over it.
 */
#pragma once
#include "unit.h"

#include "store/db.h"

/** What is under test. Filled in by one driver_NAME.c for each program. */
struct contract_driver {
    const char *name;
    const struct db_driver *driver;
    /** A place of its own with nothing in it: what db_open() takes. Lives until end(). */
    const char *(*begin)(void);
    void (*end)(void);
};
extern const struct contract_driver contract_driver;

/** Opens the place of the running test; fails the test if it cannot. */
struct db *contract_open(enum db_mode mode);
/** The writer of the running test, open and in no transaction. */
extern struct db *db;
/** For each test: a place with a migrated database. */
int contract_setup(void **state);
int contract_teardown(void **state);
/** A moment and a day that the tests speak of. */
#define T0   INT64_C(1790000000000)
#define DAY0 20717

/* The groups, by file; each gives the number of failed tests. */
int contract_of_db(void);
int contract_of_people(void);
int contract_of_calls(void);
int contract_of_messages(void);
int contract_of_tickets(void);
int contract_of_rest(void);

#define C(f) cmocka_unit_test_setup_teardown(f, contract_setup, contract_teardown)
