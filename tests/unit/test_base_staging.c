/* Folders that appear whole. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/stat.h>

#include "base/staging.h"
#include "support/scratch.h"

TestSuite(staging, .init = scratch_make, .fini = scratch_remove);

static void write_into(const fm_staging *s, const char *name)
{
    char path[FM_PATH_BYTES];

    cr_assert(fm_path_join(path, s->folder, name, NULL) == FM_OK);
    cr_assert(fm_file_write_atomic(path, "x", 1, NULL) == FM_OK);
}

Test(staging, what_is_committed_is_there_and_nothing_else)
{
    char final[FM_PATH_BYTES - 2], given[FM_PATH_BYTES];
    fm_staging s = {0};

    snprintf(final, sizeof(final), "%s", scratch_path("a/b"));
    snprintf(given, sizeof(given), "%s//", final);
    cr_assert(fm_staging_begin(&s, given, NULL) == FM_OK);
    write_into(&s, "f");
    cr_expect(eq(int, fm_dir_exists(final), false));
    cr_assert(fm_staging_commit(&s, NULL) == FM_OK);
    fm_staging_abandon(&s);
    cr_expect(fm_file_exists(scratch_path("a/b/f")));
    cr_expect(eq(str, s.path, final));
}

Test(staging, what_is_abandoned_is_gone)
{
    fm_staging s = {0};

    fm_staging_abandon(&s);
    cr_assert(fm_staging_begin(&s, scratch_path("a"), NULL) == FM_OK);
    write_into(&s, "f");
    fm_staging_abandon(&s);
    cr_expect(eq(int, fm_path_is_occupied(scratch_dir), false));
}

Test(staging, nothing_is_buried)
{
    fm_staging s = {0};
    fm_err err = {0};

    scratch_write("file", "x", 1);
    cr_assert(mkdir(scratch_path("full"), 0777) == 0 && mkdir(scratch_path("empty"), 0777) == 0);
    scratch_write("full/f", "x", 1);
    cr_expect(eq(int, fm_staging_begin(&s, scratch_path("file"), &err), FM_E_USAGE));
    cr_expect(eq(int, fm_staging_begin(&s, scratch_path("full"), &err), FM_E_USAGE));
    cr_expect(strstr(err.text, "is there already") != NULL, "%s", err.text);
    cr_expect(eq(int, fm_staging_begin(&s, "", &err), FM_E_USAGE));
    cr_expect(eq(int, fm_staging_begin(&s, scratch_path("file/a"), &err), FM_E_IO));

    cr_assert(fm_staging_begin(&s, scratch_path("empty"), &err) == FM_OK);
    scratch_write("empty/f", "x", 1); /* somebody was faster */
    cr_expect(eq(int, fm_staging_commit(&s, &err), FM_E_USAGE));
    fm_staging_abandon(&s);
    cr_expect(fm_file_exists(scratch_path("empty/f")));
}
