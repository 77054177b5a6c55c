/**
 * The command line as tables: what commands and options there are, and one parser for all of them.
 *
 * Help, man pages, completions and docs/command-line.md are printed from these tables (help.h), so
 * that they cannot disagree with the program. Texts are literals and live for ever; argument values
 * are borrowed from argv.
 */
#ifndef FM_CLI_OPTIONS_H
#define FM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "fathom/status.h"

/* What an argument names, for completion. */
typedef enum {
    CLI_ANY,
    CLI_FILE,
    CLI_FOLDER,
    CLI_RUN, /* a run directory */
    CLI_SUITE,
    CLI_ADAPTER,
    CLI_PROTOCOL,
    CLI_COMMAND,
    CLI_WORDS, /* one of `words` */
} cli_kind;

typedef struct {
    const char *name;     /* without the dashes; NULL ends a table */
    const char *argument; /* what is shown for it in the help: "DIR"; NULL: a flag */
    const char *fallback; /* default, as it would be given; NULL: none */
    const char *help;
    const char *words; /* CLI_WORDS: "auto always never" */
    const char *group; /* heading over this option and those that follow; NULL: none of its own */
    cli_kind kind;
    char letter;   /* short form, or 0 */
    bool repeats;  /* may be given more than once */
    bool required; /* unless --help is asked for */
} cli_option;

/* Upper bound of every --jobs. */
#define CLI_MAX_JOBS 1024

typedef struct cli_args cli_args;

typedef struct {
    const char *line; /* typed as it stands */
    const char *says;
} cli_example;

typedef struct cli_command {
    const char *name;
    const char *summary;    /* one line */
    const char *other_form; /* a second way to call it, after the name; NULL: none */
    const char *operands;   /* "SUITE[@PROTOCOL]"; "" for none */
    cli_kind operand_kind;
    const char *operand_words;      /* CLI_WORDS */
    int min_operands, max_operands; /* max -1: any number */
    const char *const *description; /* paragraphs, ends with NULL */
    const cli_option *options;      /* ends with a NULL name; the global ones come on top */
    const cli_example *examples;    /* ends with a NULL line */
    fm_status (*run)(const cli_args *args, fm_err *err);
} cli_command;

/* Options that every command takes: --color and --help. */
extern const cli_option cli_global_options[];

/* What was given, in order. `option` NULL: an operand. */
typedef struct {
    const cli_option *option;
    const char *value; /* NULL for a flag */
} cli_given;

struct cli_args {
    const cli_command *command;
    const cli_given *given;
    size_t n;
};

/* Parse argv[0 .. argc-1] (the words after the command's name) into `given`, which has room for
 * argc entries. Takes --name value, --name=value, -x value, -xvalue, and -- before operands that
 * start with a dash. FM_E_USAGE names the word that is wrong, with a suggestion. What is missing is
 * not judged here, so that --help works without it: see cli_check_complete(). */
FM_MUST_CHECK fm_status cli_parse(const cli_command *command, int argc, char *const *argv,
                                  cli_given *given, cli_args *out, fm_err *err);

/* The number of operands, and the options that must be there. */
FM_MUST_CHECK fm_status cli_check_complete(const cli_args *args, fm_err *err);

/* What was given for an option of the command's table, or the fallback of the table. */
bool cli_has(const cli_args *args, const char *name);
const char *cli_value(const cli_args *args, const char *name);
const char *cli_operand(const cli_args *args, size_t index); /* NULL past the last */
size_t cli_operands(const cli_args *args);

/* "a,b" as names in the arena; FM_E_USAGE names the option where one is empty. */
FM_MUST_CHECK fm_status cli_names(const char *text, const char *option, fm_arena *arena,
                                  const char *const **names, size_t *n, fm_err *err);

/* The value as a whole number from low to high; FM_E_USAGE names the option and the bounds. *out
 * stays as it is where the option was not given and has no fallback. */
FM_MUST_CHECK fm_status cli_number(const cli_args *args, const char *name, uint64_t low,
                                   uint64_t high, uint64_t *out, fm_err *err);
/* Likewise a number of seconds, 0 or more. */
FM_MUST_CHECK fm_status cli_seconds(const cli_args *args, const char *name, double *out,
                                    fm_err *err);

#endif
