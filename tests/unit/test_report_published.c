/* Published rows from CSV: what is read, and what is refused by file and line. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../support/scratch.h"
#include "base/files.h"
#include "report/board/published.h"

TestSuite(published, .init = scratch_make, .fini = scratch_remove);

#define HEADING "suite,task,metric,value,unit,model,modality,source,table,protocol,split,flag\n"

static fm_status read_text(const char *text, fm_arena *arena, fm_published *out, fm_err *err)
{
    const char *path = scratch_path("p.csv");

    cr_assert(eq(int, fm_file_write_atomic(path, text, strlen(text), NULL), FM_OK));
    return fm_published_read(path, arena, out, err);
}

Test(published, rows_are_read_with_their_quotes)
{
    fm_arena arena = {0};
    fm_published p = {0};
    fm_err err = {0};

    cr_assert(
        eq(int,
           read_text(HEADING "a,b,c,1.5,%,M,RGB,\"S, \"\"2\"\"\",,p,,\r\na,b,c,-2,,M2,,S,1,p,val,"
                             "doubtful",
                     &arena, &p, &err),
           FM_OK),
        "%s", err.text);
    cr_assert(eq(sz, p.n, 2));
    cr_expect(eq(str, (char *)p.rows[0].source, "S, \"2\""));
    cr_expect(eq(dbl, p.rows[0].value, 1.5));
    cr_expect(eq(str, (char *)p.rows[0].flag, ""));
    cr_expect(eq(dbl, p.rows[1].value, -2));
    cr_expect(eq(str, (char *)p.rows[1].flag, "doubtful"));
    fm_arena_release(&arena);
}

Test(published, what_is_no_row_is_refused_by_file_and_line)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"", "p.csv:1: no row of 12 fields"},
        {"suite,task\n", "p.csv:1: no row of 12 fields"},
        {"suite,task,metric,wert,unit,model,modality,source,table,protocol,split,flag\n",
         "p.csv:1: column 4 must be 'value', not 'wert'"},
        {HEADING "a,b,c,x,,M,,S,,p,,\n", "p.csv:2: 'x' is no number"},
        {HEADING "a,b,c,nan,,M,,S,,p,,\n", "p.csv:2: 'nan' is no number"},
        {HEADING "a,b,c,1,,M,,S,,p,,\na,b,c,1,,,,S,,p,,\n", "p.csv:3: 'model' is empty"},
        {HEADING "a,b,c,1,,M,,S,,p,,,\n", "p.csv:2: more than 12 fields"},
        {HEADING "a,b,c,1,,M,,S,,p,\n", "p.csv:2: no row of 12 fields"},
        {HEADING "a,b,c,1,,M,,\"S,,p,,\n", "p.csv:2: no row of 12 fields"},
        {HEADING "a,b,c,1,,M,,\"S\"x,,p,,\n", "p.csv:2: no row of 12 fields"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fm_arena arena = {0};
        fm_published p = {0};
        fm_err err = {0};

        cr_expect(eq(int, read_text(table[i].text, &arena, &p, &err), FM_E_INPUT), "%zu", i);
        cr_expect(strstr(err.text, table[i].message) != NULL, "%s", err.text);
        fm_arena_release(&arena);
    }
}

Test(published, those_of_this_project_are_read_in_the_order_of_their_files)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char dir[FM_PATH_BYTES];
    fm_arena arena = {0};
    fm_published p = {0};
    fm_err err = {0};

    snprintf(dir, sizeof(dir), "%s/results/published", source ? source : ".");
    cr_assert(eq(int, fm_published_load(dir, &arena, &p, &err), FM_OK), "%s", err.text);
    cr_expect(gt(sz, p.n, 300));
    cr_expect(eq(str, (char *)p.rows[0].suite, "blink"));
    cr_expect(eq(int, fm_published_load(scratch_path("none"), &arena, &p, &err), FM_E_INPUT));
    cr_expect(eq(int, fm_published_load(scratch_dir, &arena, &p, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "holds no published figures") != NULL, "%s", err.text);
    fm_arena_release(&arena);
}
