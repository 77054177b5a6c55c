/* Templates from a user's file: what is taken, and what is refused by name. How places are filled is in
 * test_core_asking.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../support/scratch.h"
#include "base/files.h"
#include "core/prompt.h"

TestSuite(prompt, .init = scratch_make, .fini = scratch_remove);

static fm_status load(const char *text, size_t size, fm_arena *arena, const char **out, fm_err *err)
{
    const char *path = scratch_path("p.txt");

    cr_assert(eq(int, fm_file_write_atomic(path, text, size, NULL), FM_OK));
    return fm_prompt_load(path, arena, out, err);
}

Test(prompt, a_file_is_taken_as_it_is_but_for_the_line_ends_of_its_end)
{
    static const char text[] = "{task}\r\nAs {\"x\": 1, \"y\": {}} or {{task}}.\n {options}\r\n\n";
    fm_arena arena = {0};
    const char *out = NULL;
    fm_err err = {0};

    cr_assert(eq(int, load(text, sizeof(text) - 1, &arena, &out, &err), FM_OK), "%s", err.text);
    cr_expect(eq(str, (char *)out, "{task}\r\nAs {\"x\": 1, \"y\": {}} or {{task}}.\n {options}"));
    cr_expect(fm_prompt_has_places(out));
    cr_expect(not(fm_prompt_has_places("Where is {it}? {task")));
    fm_arena_release(&arena);
}

Test(prompt, what_is_no_template_is_refused_by_name)
{
    static const struct {
        const char *text;
        size_t size;
        const char *message;
    } table[] = {
        {"ask\n{tsak}", 10, "p.txt:2: unknown placeholder '{tsak}'; did you mean '{task}'?"},
        {"{image}", 7,
         "p.txt:1: unknown placeholder '{image}'; there are {task}, {options}, {target} and "
         "{destination}"},
        {"{task}\0x", 8, "p.txt' holds a NUL character: it is no text"},
        {"{task} \xff", 8, "p.txt' is not in UTF-8"},
        {" \n\n", 3, "p.txt' is an empty prompt"},
        {"", 0, "p.txt' is an empty prompt"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fm_arena arena = {0};
        const char *out = NULL;
        fm_err err = {0};

        cr_expect(eq(int, load(table[i].text, table[i].size, &arena, &out, &err), FM_E_INPUT));
        cr_expect(strstr(err.text, table[i].message) != NULL, "%s", err.text);
        cr_expect(eq(ptr, (char *)out, NULL));
        fm_arena_release(&arena);
    }
}

Test(prompt, a_file_of_any_size_is_not_read)
{
    static char large[FM_PROMPT_MAX_BYTES + 1];
    fm_arena arena = {0};
    const char *out = NULL;
    fm_err err = {0};

    memset(large, 'a', sizeof(large));
    cr_expect(eq(int, load(large, sizeof(large), &arena, &out, &err), FM_E_INPUT));
    cr_expect(eq(int, load(large, sizeof(large) - 1, &arena, &out, &err), FM_OK));
    fm_arena_release(&arena);
}
