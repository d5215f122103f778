/*
 * Hashes and encodings against published vectors (FIPS 180-2, RFC 4231, RFC 4648).
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static void test_sha256(void **state)
{
    uint8_t out[SHA256_LEN];
    char hex[SHA256_HEX];
    sha256("abc", 3, out);
    assert_string_equal(hex_encode(out, SHA256_LEN, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256("", 0, out);
    assert_string_equal(hex_encode(out, SHA256_LEN, hex),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_hmac(void **state)
{
    uint8_t out[SHA256_LEN];
    char hex[SHA256_HEX];
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
    assert_string_equal(hex_encode(out, SHA256_LEN, hex),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_base64(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *text = base64_encode(pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(text, pairs[i][1]);
        uint8_t back[16];
        int n = base64_decode(text, strlen(text), back, sizeof(back));
        assert_int_equal(n, strlen(pairs[i][0]));
        assert_memory_equal(back, pairs[i][0], (size_t)n);
        free(text);
    }
    static const char *const bad[] = {
        "Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm=v", "Zm9-", "Zg==Zg=="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t out[16];
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out)), E_INVALID);
    }
    uint8_t small[2];
    assert_int_equal(base64_decode("Zm9v", 4, small, sizeof(small)), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
