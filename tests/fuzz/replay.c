/*
 * Gives every file of a corpus to a fuzz target, as an ordinary program: no fuzzer needed.
 *
 *     replay_<target> DIR-OR-FILE...
 *
 * Exit code 0 when everything ran, 1 where a corpus is empty or a file cannot be read. A fault
 * shows as the target's own abort. Folders are taken one level deep, in the order of their names.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    uint8_t *data = NULL;
    size_t size = 0;

    if (f && fstat(fileno(f), &info) == 0 && S_ISREG(info.st_mode)) {
        size = (size_t)info.st_size;
        /* Exactly as large as the input, so that a sanitizer sees a read past its end. */
        data = malloc(size ? size : 1);
    }
    if (!data || fread(data, 1, size, f) != size) {
        fprintf(stderr, "cannot read '%s'\n", path);
        free(data);
        if (f)
            fclose(f);
        return 1;
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_dir(const char *dir, size_t *count)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, visible, alphasort), failed = 0;

    if (n < 0) {
        fprintf(stderr, "cannot open '%s'\n", dir);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);

        failed |= length < 0 || (size_t)length >= sizeof(path) || replay_file(path);
        (*count)++;
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat info;

        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode)) {
            failed |= replay_dir(argv[i], &count);
        } else {
            failed |= replay_file(argv[i]);
            count++;
        }
    }
    if (count == 0) {
        fprintf(stderr, "no input to replay\n");
        return 1;
    }
    printf("replayed %zu inputs\n", count);
    return failed;
}
