/*
 * replay.c - a fuzz target without a fuzzer: every file given, and a number of seeded changes of
 * each, through LLVMFuzzerTestOneInput. What CI runs, with any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE_MAX_IN 400000
#define CHANGES     6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned seed = 1;
static size_t runs;

/* One change: bytes overwritten, a piece cut out, or a piece said again. */
static size_t change(uint8_t *data, size_t size)
{
    size_t at = (size_t)rand_r(&seed) % size, n = 1 + (size_t)rand_r(&seed) % 400;
    n = n < size - at ? n : size - at;
    switch (rand_r(&seed) % 3) {
    case 0:
        for (size_t i = 0; i < n; i += 1 + (size_t)rand_r(&seed) % 40)
            data[at + i] = (uint8_t)rand_r(&seed);
        return size;
    case 1:
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    default:
        if (at + 2 * n > size)
            return at + n;
        memcpy(data + at + n, data + at, n);
        return size;
    }
}

static void one_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(SIZE_MAX_IN), *copy = malloc(SIZE_MAX_IN);
    size_t size = f ? fread(data, 1, SIZE_MAX_IN, f) : 0;
    if (f)
        fclose(f);
    if (size) {
        LLVMFuzzerTestOneInput(data, size);
        runs++;
    }
    for (int i = 0; i < CHANGES && size; i++, runs++) {
        size_t left = size;
        memcpy(copy, data, size);
        for (int n = rand_r(&seed) % 8; n >= 0 && left > 1; n--)
            left = change(copy, left);
        LLVMFuzzerTestOneInput(copy, left);
    }
    free(data);
    free(copy);
}

static void walk(const char *path)
{
    struct stat st;
    char inner[4096];
    struct dirent *e;
    if (stat(path, &st) != 0)
        return;
    if (!S_ISDIR(st.st_mode)) {
        one_file(path);
        return;
    }
    DIR *d = opendir(path);
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        walk(inner);
    }
    if (d)
        closedir(d);
}

int main(int argc, char **argv)
{
    const char *given = getenv("FUZZ_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
    printf("seed %u (FUZZ_SEED)\n", seed);
    for (int i = 1; i < argc; i++)
        walk(argv[i]);
    printf("%zu passed, 0 failed\n", runs);
    return runs ? 0 : 1;
}
