/* Owns the life of the process: which command, what is said when it fails, and the exit code. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "help.h"
#include "base/files.h"

/* What a usage error is followed by. */
static void hint_for(const cli_command *command)
{
    char text[96];

    if (command)
        snprintf(text, sizeof(text), "try 'fathom help %s'", command->name);
    else
        snprintf(text, sizeof(text), "try 'fathom help'");
    cli_hint(text);
}

static fm_status choose_colour(const char *when, fm_err *err)
{
    static const struct {
        const char *name;
        cli_colour colour;
    } choices[] = {
        {"auto", CLI_COLOUR_AUTO}, {"always", CLI_COLOUR_ALWAYS}, {"never", CLI_COLOUR_NEVER}};

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (strcmp(choices[i].name, when) == 0) {
            cli_set_colour(choices[i].colour);
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_USAGE, "option '--color' wants auto, always or never, not '%s'", when);
}

static fm_status print_help(const cli_command *command, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_buf out = {0};

    if (command)
        cli_help_command(&out, &style, command);
    else
        cli_help_program(&out, &style);
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status run_command(const cli_command *command, int argc, char *const *argv, fm_err *err)
{
    cli_given *given = calloc((size_t)argc + 1, sizeof(*given));
    cli_args args;

    if (!given)
        return fm_fail(err, FM_E_NOMEM, "no memory for the command line");
    fm_status st = cli_parse(command, argc, argv, given, &args, err);
    /* Without one here, a choice made before the command stands. */
    if (st == FM_OK && cli_has(&args, "color"))
        st = choose_colour(cli_value(&args, "color"), err);
    if (st == FM_OK && cli_has(&args, "help")) {
        st = print_help(command, err);
    } else if (st == FM_OK) {
        st = cli_check_complete(&args, err);
        if (st == FM_OK)
            st = command->run(&args, err);
    }
    free(given);
    return st;
}

/* The words before the command: global options, and --version, which everybody tries. */
static const cli_option program_options[] = {
    {.name = "version", .help = "print the version"},
    {0},
};

static const cli_command program = {.name = "", .operands = "", .options = program_options};

/* How many words stand before the command. */
static int words_before_command(int argc, char *const *argv)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-')
        i += strcmp(argv[i], "--color") == 0 && i + 1 < argc ? 2 : 1;
    return i - 1;
}

static fm_status run_program(int argc, char *const *argv, const cli_command **command, fm_err *err)
{
    int before = words_before_command(argc, argv);
    cli_given *given = calloc((size_t)before + 1, sizeof(*given));
    cli_args args;

    if (!given)
        return fm_fail(err, FM_E_NOMEM, "no memory for the command line");
    fm_status st = cli_parse(&program, before, argv + 1, given, &args, err);
    if (st == FM_OK)
        st = choose_colour(cli_value(&args, "color"), err);
    bool version = st == FM_OK && cli_has(&args, "version");
    bool help = st == FM_OK && cli_has(&args, "help");
    free(given);
    if (st != FM_OK)
        return st;
    if (version)
        return run_command(&cli_command_version, 0, argv, err);
    if (help)
        return print_help(NULL, err);
    if (before + 1 >= argc)
        return fm_fail(err, FM_E_USAGE, "a command is missing");
    st = cli_command_find(argv[before + 1], command, err);
    if (st == FM_OK)
        st = run_command(*command, argc - before - 2, argv + before + 2, err);
    return st;
}

enum { MOST_FILES = 16384 }; /* some children close all that they might have been given */

/* Thousands of connections need more descriptors than most systems give at first. */
static void allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= MOST_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < MOST_FILES ? limit.rlim_max : MOST_FILES;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    const cli_command *command = NULL;
    fm_err err = {0}, output = {0};

    allow_files();
    /* A file at its limit is an error of writing like a full disk, to be told and to be gone on from. */
    signal(SIGXFSZ, SIG_IGN);
    fm_status st = run_program(argc, argv, &command, &err);

    if (st != FM_OK) {
        cli_error(err.text);
        if (st == FM_E_USAGE)
            hint_for(command);
    }
    /* A result that did not arrive is no result, whatever the command thought of it. */
    if (fm_stream_check(stdout, "standard output", &output) != FM_OK) {
        cli_error(output.text);
        st = st == FM_OK ? FM_E_IO : st;
    }
    return fm_status_exit_code(st);
}
