/* Any words on the command line, one a line of the input: whatever the parser accepts must be in the
 * table, complete, and found again by its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_WORDS = 64 };

static const cli_option options[] = {
    {.name = "out", .letter = 'o', .argument = "DIR", .required = true},
    {.name = "set", .letter = 's', .argument = "K=V", .repeats = true},
    {.name = "seed", .argument = "N", .fallback = "1"},
    {.name = "json", .letter = 'j'},
    {0},
};

static const cli_command command = {
    .name = "fuzz", .operands = "A...", .min_operands = 1, .max_operands = 3, .options = options};

static void check(const cli_args *args)
{
    uint64_t seed = 0;
    double seconds = 0;
    size_t operands = 0;

    for (size_t i = 0; i < args->n; i++) {
        const cli_given *given = &args->given[i];

        if (!given->option && !given->value)
            abort();
        if (given->option && (given->option->argument != NULL) != (given->value != NULL))
            abort();
        if (given->option && !cli_has(args, given->option->name))
            abort();
        operands += !given->option;
    }
    if (operands != cli_operands(args) || cli_operand(args, operands))
        abort();
    if (cli_check_complete(args, NULL) == FM_OK &&
        (operands < 1 || operands > 3 || !cli_value(args, "out")))
        abort();
    if (cli_number(args, "seed", 5, 10, &seed, NULL) == FM_OK && (seed < 5 || seed > 10))
        abort();
    if (cli_seconds(args, "seed", &seconds, NULL) == FM_OK && !(seconds >= 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *words[MAX_WORDS];
    cli_given given[MAX_WORDS];
    cli_args args;
    int n = 0;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word = strtok(text, "\n"); word && n < MAX_WORDS; word = strtok(NULL, "\n"))
        words[n++] = word;
    if (cli_parse(&command, n, words, given, &args, NULL) == FM_OK)
        check(&args);
    free(text);
    return 0;
}
