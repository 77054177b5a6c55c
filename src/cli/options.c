/* Owns the parsing of words against a table. Knows no command. */
#include "options.h"

#include <string.h>

#include "base/size.h"
#include "base/text.h"

const cli_option cli_global_options[] = {
    {.name = "color",
     .argument = "WHEN",
     .fallback = "auto",
     .help = "colours: auto (a terminal and NO_COLOR unset), always or never",
     .kind = CLI_WORDS,
     .words = "auto always never"},
    {.name = "help", .letter = 'h', .help = "show the help of the command and leave"},
    {0},
};

enum { MAX_OPTIONS = 64 };

/* The command's options, then the global ones. */
static size_t all_options(const cli_command *command, const cli_option *out[MAX_OPTIONS])
{
    size_t n = 0;

    for (const cli_option *o = command->options; o && o->name && n < MAX_OPTIONS; o++)
        out[n++] = o;
    for (const cli_option *o = cli_global_options; o->name && n < MAX_OPTIONS; o++)
        out[n++] = o;
    return n;
}

static const cli_option *by_name(const cli_command *command, const char *name, size_t size)
{
    const cli_option *all[MAX_OPTIONS];
    size_t n = all_options(command, all);

    for (size_t i = 0; i < n; i++)
        if (strlen(all[i]->name) == size && memcmp(all[i]->name, name, size) == 0)
            return all[i];
    return NULL;
}

static const cli_option *by_letter(const cli_command *command, char letter)
{
    const cli_option *all[MAX_OPTIONS];
    size_t n = all_options(command, all);

    for (size_t i = 0; i < n; i++)
        if (all[i]->letter == letter)
            return all[i];
    return NULL;
}

static fm_status unknown_option(const cli_command *command, const char *name, size_t size,
                                fm_err *err)
{
    const cli_option *all[MAX_OPTIONS];
    const char *names[MAX_OPTIONS] = {0};
    char word[64] = {0};
    size_t n = all_options(command, all);

    for (size_t i = 0; i < n; i++)
        names[i] = all[i]->name;
    memcpy(word, name, size < sizeof(word) ? size : sizeof(word) - 1);
    const char *near = fm_text_nearest(word, names, n);
    if (near)
        return fm_fail(err, FM_E_USAGE, "unknown option '--%s'; did you mean '--%s'?", word, near);
    return fm_fail(err, FM_E_USAGE, "unknown option '--%s'", word);
}

/* State of one parse. */
typedef struct {
    const cli_command *command;
    int argc, at;
    char *const *argv;
    cli_given *given;
    size_t n;
} parser;

/* `attached`: the value that stands in the same word, or NULL. */
static fm_status take(parser *p, const cli_option *option, const char *attached, fm_err *err)
{
    const char *value = attached;

    if (!option->argument && attached)
        return fm_fail(err, FM_E_USAGE, "option '--%s' takes no value", option->name);
    if (option->argument && !attached) {
        if (p->at >= p->argc)
            return fm_fail(err, FM_E_USAGE, "option '--%s' needs a value: --%s %s", option->name,
                           option->name, option->argument);
        value = p->argv[p->at++];
    }
    for (size_t i = 0; i < p->n && !option->repeats; i++)
        if (p->given[i].option == option)
            return fm_fail(err, FM_E_USAGE, "option '--%s' is given twice", option->name);
    p->given[p->n++] = (cli_given){option, value};
    return FM_OK;
}

static fm_status take_long(parser *p, const char *word, fm_err *err)
{
    size_t size = strcspn(word, "=");
    const cli_option *option = by_name(p->command, word, size);

    if (!option)
        return unknown_option(p->command, word, size, err);
    return take(p, option, word[size] == '=' ? word + size + 1 : NULL, err);
}

/* -x or -xvalue. Flags are not run together: every word gives one entry at most. */
static fm_status take_short(parser *p, const char *letters, fm_err *err)
{
    const cli_option *option = by_letter(p->command, letters[0]);

    if (!option)
        return fm_fail(err, FM_E_USAGE, "unknown option '-%s'", letters);
    return take(p, option, letters[1] ? letters + 1 : NULL, err);
}

fm_status cli_parse(const cli_command *command, int argc, char *const *argv, cli_given *given,
                    cli_args *out, fm_err *err)
{
    parser p = {.command = command, .argc = argc, .argv = argv, .given = given};
    bool only_operands = false;
    fm_status st = FM_OK;

    while (st == FM_OK && p.at < argc) {
        const char *word = argv[p.at++];

        if (only_operands || word[0] != '-' || word[1] == '\0')
            p.given[p.n++] = (cli_given){NULL, word};
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            st = take_long(&p, word + 2, err);
        else
            st = take_short(&p, word + 1, err);
    }
    if (st == FM_OK)
        *out = (cli_args){command, given, p.n};
    return st;
}

fm_status cli_check_complete(const cli_args *args, fm_err *err)
{
    const cli_command *command = args->command;
    size_t n = cli_operands(args);

    if (n < (size_t)command->min_operands)
        return fm_fail(err, FM_E_USAGE, "'fathom %s' needs %s", command->name, command->operands);
    if (command->max_operands >= 0 && n > (size_t)command->max_operands)
        return fm_fail(err, FM_E_USAGE, "'fathom %s' takes no '%s'", command->name,
                       cli_operand(args, (size_t)command->max_operands));
    for (const cli_option *o = command->options; o && o->name; o++)
        if (o->required && !cli_has(args, o->name))
            return fm_fail(err, FM_E_USAGE, "'fathom %s' needs --%s %s", command->name, o->name,
                           o->argument);
    return FM_OK;
}

static const cli_given *find(const cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->n; i++)
        if (args->given[i].option && strcmp(args->given[i].option->name, name) == 0)
            return &args->given[i];
    return NULL;
}

bool cli_has(const cli_args *args, const char *name)
{
    return find(args, name) != NULL;
}

const char *cli_value(const cli_args *args, const char *name)
{
    const cli_given *given = find(args, name);

    if (given)
        return given->value;
    const cli_option *option = by_name(args->command, name, strlen(name));
    return option ? option->fallback : NULL;
}

size_t cli_operands(const cli_args *args)
{
    size_t n = 0;

    for (size_t i = 0; i < args->n; i++)
        n += args->given[i].option == NULL;
    return n;
}

const char *cli_operand(const cli_args *args, size_t index)
{
    for (size_t i = 0; i < args->n; i++)
        if (!args->given[i].option && index-- == 0)
            return args->given[i].value;
    return NULL;
}

fm_status cli_number(const cli_args *args, const char *name, uint64_t low, uint64_t high,
                     uint64_t *out, fm_err *err)
{
    const char *text = cli_value(args, name);
    unsigned long long from = low, to = high;

    if (!text)
        return FM_OK;
    uint64_t value;
    if (!fm_text_to_uint64(text, &value) || value < low || value > high) {
        if (high == UINT64_MAX)
            return fm_fail(err, FM_E_USAGE,
                           "option '--%s' wants a whole number from %llu up, not '%s'", name, from,
                           text);
        return fm_fail(err, FM_E_USAGE,
                       "option '--%s' wants a whole number from %llu to %llu, not '%s'", name, from,
                       to, text);
    }
    *out = value;
    return FM_OK;
}

fm_status cli_seconds(const cli_args *args, const char *name, double *out, fm_err *err)
{
    const char *text = cli_value(args, name);
    double value;

    if (!text)
        return FM_OK;
    if (!fm_text_to_double(text, &value) || value < 0)
        return fm_fail(err, FM_E_USAGE, "option '--%s' wants a number of seconds, not '%s'", name,
                       text);
    *out = value;
    return FM_OK;
}

fm_status cli_names(const char *text, const char *option, fm_arena *arena,
                    const char *const **names, size_t *n, fm_err *err)
{
    size_t most = 1, count = 0;

    for (const char *p = text; *p; p++)
        most += *p == ',';
    const char **found = fm_arena_alloc(arena, most, sizeof(*found));
    for (const char *p = text; found; p++) {
        size_t size = strcspn(p, ",");

        if (size == 0)
            return fm_fail(err, FM_E_USAGE, "option '--%s' wants names with commas between",
                           option);
        found[count] = fm_arena_memdup(arena, p, size);
        if (!found[count++])
            break;
        p += size;
        if (!*p) {
            *names = found;
            *n = count;
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_NOMEM, "no memory for the names of '--%s'", option);
}
