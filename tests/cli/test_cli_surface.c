/* What the program says about itself and about wrong words: help, lists, pages, suggestions, exit
 * codes. Nothing here runs a suite. */
#include "program.h"

#include <cjson/cJSON.h>

#include "base/json.h"

TestSuite(help, .init = program_begin, .fini = program_end);
TestSuite(usage, .init = program_begin, .fini = program_end);
TestSuite(list, .init = program_begin, .fini = program_end);
TestSuite(output, .init = program_begin, .fini = program_end);
TestSuite(docs, .init = program_begin, .fini = program_end);

/* The names that `fathom list --names commands` prints, in turn. */
static char *commands[32];

static size_t read_commands(void)
{
    static char names[1024];
    size_t n = 0;

    fathom("list", "--names", "commands");
    expect_success();
    snprintf(names, sizeof(names), "%s", OUT);
    for (char *name = strtok(names, "\n"); name && n < 32; name = strtok(NULL, "\n"))
        commands[n++] = name;
    cr_assert(ge(sz, n, 8));
    return n;
}

Test(help, is_the_same_by_three_ways_and_names_the_command)
{
    static char first[16384];
    size_t n = read_commands();

    for (size_t i = 0; i < n; i++) {
        char title[64];

        fathom("help", commands[i]);
        expect_success();
        cr_expect(eq(str, ERR, ""));
        snprintf(title, sizeof(title), "fathom %s: ", commands[i]);
        cr_expect(eq(int, strncmp(OUT, title, strlen(title)), 0), "%s", OUT);
        snprintf(first, sizeof(first), "%s", OUT);
        fathom(commands[i], "--help");
        cr_expect(eq(str, OUT, first));
        fathom(commands[i], "-h", "--color=never");
        cr_expect(eq(str, OUT, first));
    }
}

Test(help, fits_eighty_columns)
{
    size_t n = read_commands();

    for (size_t i = 0; i < n; i++) {
        fathom("help", commands[i]);
        for (char *line = strtok(OUT, "\n"); line; line = strtok(NULL, "\n"))
            cr_expect(strlen(line) <= 80 || contains(line, "  fathom "), "%s: %s", commands[i],
                      line);
    }
}

Test(help, of_the_program_lists_every_command)
{
    static char all[16384];
    size_t n = read_commands();

    fathom("--help");
    expect_success();
    snprintf(all, sizeof(all), "%s", OUT);
    for (size_t i = 0; i < n; i++)
        cr_expect(contains(all, commands[i]), "%s", commands[i]);
    fathom("help");
    cr_expect(eq(str, OUT, all));
}

Test(help, has_a_manual_page_for_every_command)
{
    size_t n = read_commands();

    for (size_t i = 0; i < n; i++) {
        fathom("help", "--man", commands[i]);
        expect_success();
        cr_expect(contains(OUT, ".SH SYNOPSIS"), "%s", commands[i]);
        cr_expect(contains(OUT, ".SH EXIT STATUS"), "%s", commands[i]);
    }
    fathom("help", "--man");
    for (size_t i = 0; i < n; i++)
        cr_expect(contains(OUT, commands[i]), "%s", commands[i]);
}

Test(help, prints_completions_that_know_every_command)
{
    static char *shells[] = {"bash", "zsh", "fish"};
    size_t n = read_commands();

    for (size_t s = 0; s < 3; s++) {
        fathom("completion", shells[s]);
        expect_success();
        for (size_t i = 0; i < n; i++)
            cr_expect(contains(OUT, commands[i]), "%s: %s", shells[s], commands[i]);
    }
    fathom("completion", "tcsh");
    expect_failure(2, "fathom: no completion for 'tcsh'; there are bash, zsh and fish\n"
                      "try 'fathom help completion'\n");
}

Test(help, says_the_version)
{
    fathom("--version");
    expect_success();
    cr_expect(eq(int, strncmp(OUT, "fathom ", 7), 0));
    cr_expect(eq(sz, count_lines(OUT), 1));
}

/* ---- wrong words ---- */

Test(usage, wrong_words_get_one_line_a_suggestion_and_a_hint)
{
    static const struct {
        char *words[8];
        int code;
        char *message;
    } rows[] = {
        {{NULL}, 2, "fathom: a command is missing\ntry 'fathom help'\n"},
        {{"rnu"}, 2, "fathom: unknown command 'rnu'; did you mean 'run'?\ntry 'fathom help'\n"},
        {{"frobnicate"}, 2, "fathom: unknown command 'frobnicate'\ntry 'fathom help'\n"},
        {{"help", "lst"},
         2,
         "fathom: unknown command 'lst'; did you mean 'list'?\n"
         "try 'fathom help help'\n"},
        {{"--bogus"}, 2, "fathom: unknown option '--bogus'\ntry 'fathom help'\n"},
        {{"run", "tabletop", "--adaptor", "x"},
         2,
         "fathom: unknown option '--adaptor'; did you mean '--adapter'?\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-Z"}, 2, "fathom: unknown option '-Z'\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "--adapter"},
         2,
         "fathom: option '--adapter' needs a value: --adapter A\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "oracle", "--adapter=oracle"},
         2,
         "fathom: option '--adapter' is given twice\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-aoracle", "--json=1"},
         2,
         "fathom: option '--json' takes no value\ntry 'fathom help run'\n"},
        {{"run"}, 2, "fathom: 'fathom run' needs SUITE[@PROTOCOL]\ntry 'fathom help run'\n"},
        {{"run", "tabletop"},
         2,
         "fathom: 'fathom run' needs --adapter A or --config FILE\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "oracle", "more"},
         2,
         "fathom: 'fathom run' takes no 'more'\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "orcle"},
         2,
         "fathom: unknown adapter 'orcle'; did you mean 'oracle'?\ntry 'fathom help run'\n"},
        {{"run", "tabeltop", "-a", "oracle"},
         2,
         "fathom: unknown suite 'tabeltop'; did you mean 'tabletop'?\ntry 'fathom help run'\n"},
        {{"run", "tabletop@papre", "-a", "oracle"},
         2,
         "fathom: unknown protocol 'papre'; did you mean 'paper'?\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "oracle", "-n", "0"},
         2,
         "fathom: option '--limit' wants a whole number from 1 up, not '0'\n"
         "try 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "oracle", "-j", "many"},
         2,
         "fathom: option '--jobs' wants a whole number from 0 to 1024, not 'many'\n"
         "try 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "oracle", "--timeout", "-1"},
         2,
         "fathom: option '--timeout' wants a number of seconds, not '-1'\ntry 'fathom help run'\n"},
        {{"run", "tabletop", "-a", "jitter", "-s", "noise_px"},
         2,
         "fathom: option '--set' wants KEY=VALUE, not 'noise_px'\ntry 'fathom help run'\n"},
        {{"--color=mauve", "list"},
         2,
         "fathom: option '--color' wants auto, always or never, not 'mauve'\ntry 'fathom help'\n"},
        {{"list", "suits"},
         2,
         "fathom: nothing called 'suits' to list; did you mean 'suites'?\ntry 'fathom help "
         "list'\n"},
        {{"list", "vsi-bench-choic"},
         2,
         "fathom: nothing called 'vsi-bench-choic' to list; did you mean 'vsi-bench-choice'?\ntry "
         "'fathom help list'\n"},
        {{"list", "gemmini"},
         2,
         "fathom: nothing called 'gemmini' to list; did you mean 'gemini'?\ntry 'fathom help "
         "list'\n"},
        {{"list", "vsi-bench", "--names"},
         2,
         "fathom: option '--names' needs one of the lists\ntry 'fathom help list'\n"},
        {{"list", "--names"},
         2,
         "fathom: option '--names' needs one of the lists\ntry 'fathom help list'\n"},
        {{"score"},
         2,
         "fathom: 'fathom score' needs a RUN, or --suite and --predictions\n"
         "try 'fathom help score'\n"},
        {{"score", "run", "--suite", "tabletop"},
         2,
         "fathom: option '--suite' belongs to replies from elsewhere, not to the run 'run'\n"
         "try 'fathom help score'\n"},
        {{"score", "no-such-run"},
         1,
         "fathom: cannot open run directory 'no-such-run': No such file or directory\n"},
        {{"report", "no-such-run"},
         1,
         "fathom: cannot open run directory 'no-such-run': No such file or directory\n"},
        {{"run", "tracespatial", "-a", "oracle"},
         2,
         "fathom: 'tracespatial' is not here: fathom fetch tracespatial, or give --data DIR\n"
         "try 'fathom help run'\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[10] = {getenv("FATHOM_BIN")};

        memcpy(argv + 1, rows[i].words, sizeof(rows[i].words));
        program_wait(program_start(argv, "stdout"));
        expect_failure(rows[i].code, rows[i].message);
    }
}

Test(usage, words_after_two_dashes_are_operands)
{
    fathom("help", "--", "--man");
    expect_failure(2, "fathom: unknown command '--man'\ntry 'fathom help help'\n");
}

Test(usage, a_message_cannot_reach_the_terminal_with_escapes)
{
    fathom("run", "\033[31mred\a\n", "-a", "oracle");
    expect_failure(2, "fathom: unknown suite '\\u001b[31mred\\u0007 '; 'fathom list suites' shows "
                      "what there is\ntry 'fathom help run'\n");
}

/* ---- list ---- */

Test(list, json_parses_and_tells_baselines_apart)
{
    cJSON *tree = NULL;

    fathom("list", "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "list", &tree, NULL), FM_OK));
    cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.list/1"));
    cr_expect(ge(int, cJSON_GetArraySize(fm_json_get(tree, "suites")), 2));
    const cJSON *adapter;
    size_t seeing = 0;
    cJSON_ArrayForEach(adapter, fm_json_get(tree, "adapters")) seeing +=
        fm_json_bool(adapter, "sees_truth", false);
    cr_expect(eq(sz, seeing, 4));
    cJSON_Delete(tree);
}

Test(list, settings_stand_with_the_adapters_alone)
{
    fathom("list");
    expect_success();
    cr_expect(contains(OUT, "  gemini "));
    cr_expect(not(contains(OUT, "base_url=")));
    fathom("list", "adapters");
    expect_success();
    cr_expect(contains(OUT, "(https://api.openai.com/v1)"));
}

Test(list, data_says_how_it_is_come_by)
{
    fathom("list");
    expect_success();
    cr_expect(contains(OUT, "  fetch      VSI-Bench: "));
    cr_expect(contains(OUT, "  generated  Tabletop: "));
}

Test(list, a_suite_is_shown_with_its_tasks_and_protocols)
{
    fathom("list", "vsi-bench");
    expect_success();
    cr_expect(eq(int, strncmp(OUT, "vsi-bench: VSI-Bench\n", 21), 0), "%s", OUT);
    cr_expect(contains(OUT, "\n  licence   Apache-2.0\n"));
    cr_expect(contains(OUT, "\n  data      not here: fathom fetch vsi-bench\n"));
    cr_expect(contains(OUT, "\n  by hand   take arkitscenes.zip, "));
    cr_expect(contains(OUT, "\nvsi-bench-choice: choice, the default task\n"));
    cr_expect(contains(OUT, "\n  official    default  mra       the first word is the number; "));
    for (char *line = strtok(OUT, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect(le(sz, strlen(line), 80), "%s", line);
    fathom("list", "tabletop");
    cr_expect(contains(OUT, "\n  data      generated at its first run\n"));
}

Test(list, a_task_is_shown_without_the_others)
{
    cJSON *tree = NULL;

    fathom("list", "vsi-bench-number");
    expect_success();
    cr_expect(contains(OUT, "\nvsi-bench-number: quantity\n"));
    cr_expect(contains(OUT, ": fathom fetch vsi-bench-number\n"));
    cr_expect(not(contains(OUT, "vsi-bench-choice")));
    fathom("list", "vsi-bench-number", "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "list", &tree, NULL), FM_OK));
    const cJSON *suite = cJSON_GetArrayItem(fm_json_get(tree, "suites"), 0);
    const cJSON *protocol = cJSON_GetArrayItem(fm_json_get(tree, "protocols"), 0);
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(suite, "tasks")), 1));
    cr_expect(eq(str, (char *)fm_json_string(protocol, "task"), "vsi-bench-number"));
    cr_expect(eq(str, (char *)fm_json_string(protocol, "primary"), "mra"));
    cJSON_Delete(tree);
}

Test(list, an_adapter_is_shown_alone_and_names_its_key)
{
    setenv("GEMINI_API_KEY", "do-not-show", 1);
    fathom("list", "gemini");
    expect_success();
    cr_expect(contains(OUT, "    temperature=0 "));
    cr_expect(contains(OUT, "GEMINI_API_KEY"));
    cr_expect(not(contains(OUT, "do-not-show")));
    cr_expect(not(contains(OUT, "  openai ")));
}

Test(list, colour_is_for_terminals_unless_it_is_asked_for)
{
    fathom("list");
    cr_expect(not(contains(OUT, "\033")));
    fathom("--color=always", "list");
    cr_expect(contains(OUT, "\033[1msuites\033[0m"));
    fathom("list", "--color", "never");
    cr_expect(not(contains(OUT, "\033")));
}

/* ---- standard output ---- */

Test(output, that_does_not_arrive_is_an_error)
{
    static char *const words[][3] = {
        {"--version", NULL}, {"list", "suites"}, {"list", NULL}, {"help", "run", NULL}};

    for (size_t i = 0; i < 4; i++) {
        char *argv[] = {getenv("FATHOM_BIN"), words[i][0], words[i][1], NULL};
        program_wait(program_start(argv, "/dev/full"));
        cr_expect(eq(int, last.code, 1));
        cr_expect(contains(ERR, "fathom: cannot write to standard output: "));
        /* Of what is longer than the buffer the first part fails, and its reason may be gone. */
        cr_expect(contains(ERR, "No space left on device") || i >= 2);
    }
}

/* ---- documentation ---- */

static void read_doc(const char *name, fm_buf *out)
{
    char path[1024];
    const char *root = getenv("FATHOM_SOURCE_DIR");

    if (!root)
        cr_skip_test("FATHOM_SOURCE_DIR is not set");
    snprintf(path, sizeof(path), "%s/docs/%s", root, name);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, out, NULL), FM_OK), "%s", path);
}

Test(docs, command_line_is_what_the_tables_say)
{
    fm_buf doc = {0};

    read_doc("command-line.md", &doc);
    fathom("help", "--markdown");
    expect_success();
    cr_expect(eq(str, (char *)fm_buf_text(&doc), OUT),
              "run 'fathom help --markdown > docs/command-line.md'");
    fm_buf_release(&doc);
}

Test(docs, exit_codes_are_the_table_of_statuses)
{
    fm_buf doc = {0};
    size_t rows = 0;

    read_doc("exit-codes.md", &doc);
    for (int st = 0; st < FM_STATUS_COUNT; st++) {
        char row[256];

        snprintf(row, sizeof(row), "\n| %d | `%s` | %s |\n", fm_status_exit_code((fm_status)st),
                 fm_status_name((fm_status)st), fm_status_meaning((fm_status)st));
        cr_expect(contains(fm_buf_text(&doc), row), "docs/exit-codes.md lacks %s", row);
    }
    for (const char *p = fm_buf_text(&doc); (p = strstr(p, "\n| ")); p++)
        rows++;
    cr_expect(eq(sz, rows, FM_STATUS_COUNT + 1), "a row too many");
    fm_buf_release(&doc);
}

Test(docs, settings_of_every_adapter_are_explained)
{
    fm_buf doc = {0};
    cJSON *tree = NULL;
    const cJSON *adapter, *setting;

    read_doc("adapters.md", &doc);
    fathom("list", "adapters", "--json");
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "list", &tree, NULL), FM_OK));
    cJSON_ArrayForEach(adapter, fm_json_get(tree, "adapters"))
    {
        char heading[128];

        snprintf(heading, sizeof(heading), "\n## %s\n", fm_json_string(adapter, "name"));
        cr_expect(contains(fm_buf_text(&doc), heading), "docs/adapters.md lacks %s", heading);
        cJSON_ArrayForEach(setting, fm_json_get(adapter, "settings"))
        {
            snprintf(heading, sizeof(heading), "`%s`", fm_json_string(setting, "name"));
            cr_expect(contains(fm_buf_text(&doc), heading), "docs/adapters.md lacks %s", heading);
        }
    }
    cJSON_Delete(tree);
    fm_buf_release(&doc);
}
