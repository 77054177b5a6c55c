/**
 * A folder of its own for each test that writes: TestSuite(files, .init = scratch_make, .fini =
 * scratch_remove). Criterion runs every test in a process of its own, so one static name serves.
 */
#ifndef FM_TESTS_SCRATCH_H
#define FM_TESTS_SCRATCH_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[256];

static void scratch_make(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(scratch_dir, sizeof(scratch_dir), "%s/fathom-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(scratch_dir))
        cr_fatal("cannot make a folder '%s'", scratch_dir);
}

static int scratch_remove_entry(const char *path, const struct stat *info, int type,
                                struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* Removes what stands in the folder; does not follow links out of it. */
static void scratch_remove(void)
{
    if (scratch_dir[0])
        (void)nftw(scratch_dir, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of `name` in the folder; good for four calls. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    char *out = paths[turn++ % 4];

    snprintf(out, sizeof(paths[0]), "%s/%s", scratch_dir, name);
    return out;
}

/* Write a file there and return its path. */
static inline const char *scratch_write(const char *name, const void *bytes, size_t size)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        cr_fatal("cannot write '%s'", path);
    return path;
}

#endif
