/* judgements.jsonl: whose words it has, and what is none. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/scratch.h"
#include "core/judgements.h"

TestSuite(judgements, .init = scratch_make, .fini = scratch_remove);

static fm_status read_text(const char *text, fm_judgements *out, fm_err *err)
{
    scratch_write("judgements.jsonl", text, strlen(text));
    return fm_judgements_read(out, scratch_path("judgements.jsonl"), err);
}

Test(judgements, are_texts_or_objects_and_the_later_stands)
{
    fm_judgements j = {0};

    cr_assert(eq(int,
                 read_text("{\"id\": \"1\", \"judgement\": \"(B)\"}\n\n"
                           "{\"id\": \"2\", \"judgement\": {\"your_mark\": 0}}\n"
                           "{\"id\": \"2\", \"judgement\": {\"your_mark\": 1}, \"judge\": \"j\"}",
                           &j, NULL),
                 FM_OK));
    cr_assert(j.there);
    cr_assert(eq(sz, strlen(j.sha256), 64));
    cr_assert(eq(sz, j.ids.n, 2));
    cr_assert(eq(str, (char *)fm_judgements_find(&j, "1"), "(B)"));
    cr_assert(eq(str, (char *)fm_judgements_find(&j, "2"), "{\"your_mark\":1}"));
    cr_assert(fm_judgements_find(&j, "3") == NULL);
    fm_judgements_release(&j);
}

Test(judgements, a_run_without_the_file_has_none)
{
    fm_judgements j = {.there = true};

    cr_assert(eq(int, fm_judgements_read(&j, scratch_path("judgements.jsonl"), NULL), FM_OK));
    cr_assert(eq(int, j.there, false));
    cr_assert(fm_judgements_find(&j, "1") == NULL);
    fm_judgements_release(&j);
}

Test(judgements, a_slip_names_its_line)
{
    static const char *const slips[] = {"{\"id\": 1, \"judgement\": \"(A)\"}", "{\"id\": \"1\"}",
                                        "{\"id\": \"1\", \"judgement\": 1}", "[]",
                                        "{\"id\": \"1\","};

    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        char text[200];
        fm_judgements j = {0};
        fm_err err = {0};

        snprintf(text, sizeof(text), "{\"id\": \"0\", \"judgement\": \"(A)\"}\n%s\n", slips[i]);
        cr_assert(eq(int, read_text(text, &j, &err), FM_E_INPUT), "%s", slips[i]);
        cr_assert(strstr(err.text, "judgements.jsonl:2: is no judgement") != NULL, "%s", err.text);
    }
}
