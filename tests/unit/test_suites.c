/* What holds for every suite of the tree: it is read, its names are its own, and its README tells of
 * each task and protocol. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/scratch.h"
#include "../support/test_catalog.h"
#include "base/files.h"
#include "base/size.h"

TestSuite(suites, .init = scratch_make, .fini = scratch_remove);

typedef struct {
    fm_arena arena;
    fm_suite *items;
    size_t n;
} stock;

static stock all_suites(void)
{
    stock s = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_catalog_suites(test_catalog(), &s.arena, &s.items, &s.n, &err), FM_OK),
              "%s", err.text);
    return s;
}

Test(suites, every_folder_is_read)
{
    stock s = all_suites();

    cr_assert(s.n >= 10);
    for (size_t i = 0; i < s.n; i++)
        for (size_t t = 0; t < s.items[i].n_tasks; t++) {
            const fm_protocol *protocol;
            const fm_task *task = &s.items[i].tasks[t];

            cr_assert(
                eq(int, fm_catalog_protocol(test_catalog(), task, NULL, &protocol, NULL), FM_OK));
            cr_assert(eq(int, protocol->kind, task->kind));
            cr_assert(protocol->n_metrics > 0 && protocol->policy && protocol->primary);
        }
    fm_arena_release(&s.arena);
}

/* SUITE and TASK are one namespace on the command line; only a suite's own task may share its name. */
Test(suites, names_are_unique)
{
    stock s = all_suites();

    for (size_t i = 0; i < s.n; i++)
        for (size_t j = 0; j < s.n; j++)
            for (size_t t = 0; t < s.items[i].n_tasks; t++) {
                const char *name = s.items[i].tasks[t].name;

                cr_assert(i == j || strcmp(s.items[j].name, name) != 0, "'%s' twice", name);
                for (size_t u = 0; u < s.items[j].n_tasks; u++) {
                    bool same = i == j && t == u;

                    cr_assert(same || strcmp(s.items[j].tasks[u].name, name) != 0, "'%s' twice",
                              name);
                }
            }
    fm_arena_release(&s.arena);
}

static void tells_of(const char *text, const char *name, const char *suite)
{
    char quoted[160];

    snprintf(quoted, sizeof(quoted), "`%s`", name);
    cr_expect(strstr(text, quoted) != NULL, "README.md of '%s' does not mention %s", suite, quoted);
}

Test(suites, readmes_tell_of_tasks_and_protocols)
{
    static char text[1 << 16];
    stock s = all_suites();

    for (size_t i = 0; i < s.n; i++) {
        char path[FM_PATH_BYTES];

        cr_assert(eq(int, fm_path_join(path, s.items[i].folder, "README.md", NULL), FM_OK));
        FILE *f = fopen(path, "rb");
        cr_assert(f != NULL, "'%s' has no README.md", s.items[i].name);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        for (size_t t = 0; t < s.items[i].n_tasks; t++) {
            const fm_task *task = &s.items[i].tasks[t];

            tells_of(text, task->name, s.items[i].name);
            for (size_t p = 0; task->protocols[p]; p++)
                tells_of(text, task->protocols[p], s.items[i].name);
        }
    }
    fm_arena_release(&s.arena);
}

/* What stands beside the tasks holds for each that does not say otherwise; `data` member by member. */
/* One slip at a time in a file that is sound without it. */
Test(suites, a_slip_in_the_file_is_named)
{
    static const struct {
        const char *title, *prompt, *grader, *message;
    } table[] = {
        {"title: Made", "{task}", "yesno", NULL},
        {"titel: Made", "{task}", "yesno", "suite.yaml: 'title' is missing"},
        {"title: [Made]", "{task}", "yesno", "suite.yaml: 'title' must be a text"},
        {"title: Made", "{question}", "yesno",
         "suite.yaml: a 'prompt' has none of {task}, {options}, {target} and {destination}"},
        {"title: Made", "{task}", "yes",
         "suite.yaml: protocol 'p': the 'grader' of yesno answers must be yesno"},
    };
    fm_catalog catalog = *test_catalog();

    catalog.suites_dir = scratch_dir;
    cr_assert(eq(int, fm_dir_make(scratch_path("made"), NULL), FM_OK));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char yaml[640];
        fm_arena arena = {0};
        fm_suite *suites;
        fm_err err = {0};
        size_t n;

        snprintf(
            yaml, sizeof(yaml),
            "name: made\n%s\nversion: \"1\"\nsummary: s\nlicence: l\ncitation: c\n"
            "loader: table\ndefault_task: one\ntasks:\n  - {name: one, title: t, kind: yesno, "
            "prompt: \"%s\", data: {files: [a]}, protocols: [{name: p, summary: s, grader: %s, "
            "extract: prefix}]}\n",
            table[i].title, table[i].prompt, table[i].grader);
        scratch_write("made/suite.yaml", yaml, strlen(yaml));
        fm_status st = fm_catalog_suites(&catalog, &arena, &suites, &n, &err);
        cr_expect(eq(int, st, table[i].message ? FM_E_INPUT : FM_OK), "%s", err.text);
        if (table[i].message)
            cr_expect(strstr(err.text, table[i].message) != NULL, "%s", err.text);
        fm_arena_release(&arena);
    }
}

Test(suites, tasks_take_over_what_the_suite_says)
{
    static const char yaml[] =
        "name: made\ntitle: Made\nversion: \"1\"\nsummary: s\nlicence: l\ncitation: c\n"
        "loader: table\ndefault_task: one\nkind: yesno\nprompt: \"all {task}\"\n"
        "data: {files: [a], columns: {id: x}}\n"
        "protocols:\n  - {name: p, summary: s, grader: yesno, extract: prefix}\n"
        "tasks:\n"
        "  - {name: one, title: t}\n"
        "  - {name: two, title: t, prompt: \"own {task}\", data: {files: [b]}}\n";
    fm_catalog catalog = *test_catalog();
    fm_arena arena = {0};
    fm_suite *suites;
    fm_err err = {0};
    size_t n;

    catalog.suites_dir = scratch_dir;
    cr_assert(eq(int, fm_dir_make(scratch_path("made"), NULL), FM_OK));
    scratch_write("made/suite.yaml", yaml, strlen(yaml));
    cr_assert(eq(int, fm_catalog_suites(&catalog, &arena, &suites, &n, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(sz, suites[0].n_tasks, 2));
    cr_assert(eq(str, (char *)suites[0].tasks[0].prompt, "all {task}"));
    cr_assert(eq(str, (char *)suites[0].tasks[1].prompt, "own {task}"));
    cr_assert(eq(str, (char *)suites[0].tasks[1].data,
                 "{\"files\": [\"b\"], \"columns\": {\"id\": \"x\"}}"));
    cr_assert(eq(int, suites[0].tasks[1].kind, FM_ANSWER_YESNO));
    fm_arena_release(&arena);
}

/* A suite of two tasks, 'NAME' and 'other', in the folder made. */
static void write_suite(const char *folder, const char *name, const char *other)
{
    char yaml[640], path[128];

    snprintf(
        yaml, sizeof(yaml),
        "name: %s\ntitle: Made\nversion: \"1\"\nsummary: s\nlicence: l\ncitation: c\n"
        "loader: table\ndefault_task: %s\nkind: yesno\nprompt: \"{task}\"\ndata: {files: [a]}\n"
        "protocols: [{name: p, summary: s, grader: yesno, extract: prefix}]\n"
        "tasks: [{name: %s, title: t}, {name: %s, title: t}]\n",
        name, name, name, other);
    cr_assert(eq(int, fm_dir_make(scratch_path(folder), NULL), FM_OK));
    snprintf(path, sizeof(path), "%s/suite.yaml", folder);
    scratch_write(path, yaml, strlen(yaml));
}

Test(suites, a_target_is_read_from_its_own_folder_alone)
{
    static const struct {
        const char *spec, *suite, *task; /* NULL: the broken file is come across */
    } table[] = {
        {"made", "made", "made"},
        {"made@p", "made", "made"},
        {"made-two-more", "made", "made-two-more"},
        {"elsewhere", NULL, NULL},
        {"renamed", NULL, NULL},
    };
    fm_catalog catalog = *test_catalog();

    catalog.suites_dir = scratch_dir;
    write_suite("made", "made", "made-two-more");
    write_suite("folder", "renamed", "elsewhere");
    cr_assert(eq(int, fm_dir_make(scratch_path("broken"), NULL), FM_OK));
    scratch_write("broken/suite.yaml", "name: broken\n", 13);
    for (int repaired = 0; repaired < 2; repaired++) {
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
            const char *suite = table[i].suite ? table[i].suite : repaired ? "renamed" : NULL;
            fm_arena arena = {0};
            fm_target target = {0};
            fm_err err = {0};
            fm_status st = fm_catalog_target(&catalog, table[i].spec, &arena, &target, &err);

            cr_expect(eq(int, st, suite ? FM_OK : FM_E_INPUT), "%s: %s", table[i].spec, err.text);
            if (st == FM_OK) {
                cr_expect(eq(str, (char *)target.suite->name, (char *)suite));
                cr_expect(eq(str, (char *)target.task->name,
                             (char *)(table[i].task ? table[i].task : table[i].spec)));
            } else {
                cr_expect(strstr(err.text, "broken/suite.yaml") != NULL, "%s", err.text);
            }
            fm_arena_release(&arena);
        }
        write_suite("broken", "broken", "broken-two");
    }
}
