/*
 * test_store_lock.c - one process to a store: whoever comes second is told whose it is, under
 * whatever name it comes, and the lock goes with its holder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_lock.h"

static char dir[64], path[96], other[96], lock_path[112];

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_lock.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    snprintf(other, sizeof(other), "%s/link.db", dir);
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(symlink(path, other), 0);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    unlink(other);
    unlink(lock_path);
    return rmdir(dir);
}

static void test_second_is_told_the_pid(void **state)
{
    struct store_lock *first = NULL, *second = NULL;
    struct errmsg why = {{0}};
    char said[48];
    assert_int_equal(store_lock_take(path, &first, &why), 0);
    snprintf(said, sizeof(said), "pid %ld", (long)getpid());
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_lock_take(i ? other : path, &second, &why), E_EXISTS);
        assert_null(second);
        assert_non_null(strstr(why.text, said));
    }
    store_lock_free(&first);
    assert_int_equal(store_lock_take(other, &second, &why), 0);
    store_lock_free(&second);
    store_lock_free(&second);
}

static void test_goes_with_its_holder(void **state)
{
    struct store_lock *lock = NULL;
    struct errmsg why = {{0}};
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(store_lock_take(path, &lock, &why) == 0 ? 7
                                                      : 1); /* without a word, as kill -9 does */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(store_lock_take(path, &lock, &why), 0);
    store_lock_free(&lock);
}

static void test_folder_that_is_not_there(void **state)
{
    struct store_lock *lock = NULL;
    struct errmsg why = {{0}};
    assert_int_equal(store_lock_take("/nowhere/at/all.db", &lock, &why), E_IO);
    assert_non_null(strstr(why.text, "/nowhere/at/all.db.lock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_second_is_told_the_pid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_with_its_holder, setup, teardown),
        cmocka_unit_test(test_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
