/*
 * Hashes and encodings against published vectors (FIPS 180-2, RFC 4231, RFC 4648).
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/seal.h"

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

static void test_seal(void **state)
{
    static const uint8_t key[SEAL_KEY_LEN] = "the key", other[SEAL_KEY_LEN] = "another";
    static const char *const texts[] = {"", "a", "{\"token\":\"abc\",\"name\":\"王芳\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf one = BUF_INIT(1000), two = BUF_INIT(1000), out = BUF_INIT(1000);
        seal(key, texts[i], strlen(texts[i]), &one);
        seal(key, texts[i], strlen(texts[i]), &two);
        assert_string_not_equal(buf_str(&one), buf_str(&two)); /* a nonce of its own */
        assert_int_equal(unseal(key, buf_str(&one), &out), E_OK);
        assert_string_equal(buf_str(&out), texts[i]);
        assert_int_equal(unseal(other, buf_str(&one), &out), E_INVALID);
        one.data[20] = one.data[20] == 'A' ? 'B' : 'A';
        assert_int_equal(unseal(key, buf_str(&one), &out), E_INVALID);
        assert_int_equal(unseal(key, "", &out), E_INVALID);
        assert_int_equal(unseal(key, "YWJj", &out), E_INVALID);
        assert_int_equal(unseal(key, "???", &out), E_INVALID);
        buf_free(&one);
        buf_free(&two);
        buf_free(&out);
    }
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
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
