/* Owns the completion scripts of the three shells. Names that only the program knows (suites,
 * adapters, protocols) are asked of it when a completion needs them: `fathom list --names WHAT`. */
#include "help.h"

#include <string.h>

#include "base/size.h"

/* What `fathom list --names` is asked for, or NULL. */
static const char *asked_for(cli_kind kind)
{
    switch (kind) {
    case CLI_SUITE:
        return "suites";
    case CLI_ADAPTER:
        return "adapters";
    case CLI_PROTOCOL:
        return "protocols";
    case CLI_COMMAND:
        return "commands";
    default:
        return NULL;
    }
}

/* Text inside single quotes of a shell; `also` lists characters to put a backslash before. */
static void put_quoted(fm_buf *out, const char *text, const char *also)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fm_buf_puts(out, "'\\''");
        else if (strchr(also, *p))
            fm_buf_printf(out, "\\%c", *p);
        else
            fm_buf_putc(out, *p);
    }
}

/* ---- bash ---- */

static void bash_values(fm_buf *out, cli_kind kind, const char *words)
{
    const char *names = asked_for(kind);

    if (names)
        fm_buf_printf(out, "_fathom_offer \"$(_fathom_names %s)\"", names);
    else if (kind == CLI_WORDS)
        fm_buf_printf(out, "_fathom_offer '%s'", words);
    else if (kind == CLI_FOLDER || kind == CLI_RUN)
        fm_buf_puts(out, "_fathom_paths -d");
    else if (kind == CLI_FILE)
        fm_buf_puts(out, "_fathom_paths -f");
    else
        fm_buf_puts(out, ":");
}

static void bash_option_values(fm_buf *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) {
        if (!o->argument)
            continue;
        fm_buf_printf(out, "        --%s", o->name);
        if (o->letter)
            fm_buf_printf(out, " | -%c", o->letter);
        fm_buf_puts(out, ") ");
        bash_values(out, o->kind, o->words);
        fm_buf_puts(out, " ;;\n");
    }
}

static void bash_option_names(fm_buf *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++)
        fm_buf_printf(out, " --%s", o->name);
}

static void bash_command(fm_buf *out, const cli_command *command)
{
    fm_buf_printf(out, "    %s)\n        case $prev in\n", command->name);
    bash_option_values(out, command->options);
    bash_option_values(out, cli_global_options);
    fm_buf_puts(out, "        *)\n            case $cur in\n            -*) _fathom_offer '");
    bash_option_names(out, command->options);
    bash_option_names(out, cli_global_options);
    fm_buf_puts(out, "' ;;\n            *) ");
    bash_values(out, command->operand_kind, command->operand_words);
    fm_buf_puts(out, " ;;\n            esac\n            ;;\n        esac\n        ;;\n");
}

static const char bash_head[] =
    "# Completion of fathom for bash, printed by `fathom completion bash`.\n"
    "_fathom_names() { fathom list --names \"$1\" 2>/dev/null; }\n"
    "_fathom_offer() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
    "_fathom_paths() {\n"
    "    compopt -o filenames\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
    "}\n"
    "_fathom() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i command=\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --color) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) command=${COMP_WORDS[i]}; break ;;\n"
    "        esac\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    case $command in\n"
    "    '')\n"
    "        case $prev in\n";

static void complete_bash(fm_buf *out)
{
    fm_buf_puts(out, bash_head);
    bash_option_values(out, cli_global_options);
    fm_buf_puts(out, "        *) _fathom_offer '--version");
    bash_option_names(out, cli_global_options);
    for (size_t i = 0; cli_commands[i]; i++)
        fm_buf_printf(out, " %s", cli_commands[i]->name);
    fm_buf_puts(out, "' ;;\n        esac\n        ;;\n");
    for (size_t i = 0; cli_commands[i]; i++)
        bash_command(out, cli_commands[i]);
    fm_buf_puts(out, "    esac\n}\ncomplete -F _fathom fathom\n");
}

/* ---- zsh ---- */

static void zsh_action(fm_buf *out, cli_kind kind, const char *words)
{
    const char *names = asked_for(kind);

    if (names)
        fm_buf_printf(out, " _fathom_names %s", names);
    else if (kind == CLI_WORDS)
        fm_buf_printf(out, "(%s)", words);
    else if (kind == CLI_FOLDER || kind == CLI_RUN)
        fm_buf_puts(out, "_files -/");
    else if (kind == CLI_FILE)
        fm_buf_puts(out, "_files");
    else
        fm_buf_puts(out, " ");
}

static void zsh_option(fm_buf *out, const cli_option *o)
{
    fm_buf_puts(out, "            ");
    if (o->letter && o->repeats)
        fm_buf_printf(out, "'*'{-%c,--%s}", o->letter, o->name);
    else if (o->letter)
        fm_buf_printf(out, "'(-%c --%s)'{-%c,--%s}", o->letter, o->name, o->letter, o->name);
    else
        fm_buf_printf(out, "'%s--%s'", o->repeats ? "*" : "", o->name);
    fm_buf_puts(out, "'[");
    put_quoted(out, o->help, "[]:");
    fm_buf_putc(out, ']');
    if (o->argument) {
        fm_buf_putc(out, ':');
        put_quoted(out, o->argument, "[]:");
        fm_buf_putc(out, ':');
        zsh_action(out, o->kind, o->words);
    }
    fm_buf_puts(out, "' \\\n");
}

static void zsh_command(fm_buf *out, const cli_command *command)
{
    fm_buf_printf(out, "    %s)\n        _arguments \\\n", command->name);
    for (const cli_option *o = command->options; o && o->name; o++)
        zsh_option(out, o);
    for (const cli_option *o = cli_global_options; o->name; o++)
        zsh_option(out, o);
    fm_buf_puts(out, "            '*:");
    put_quoted(out, *command->operands ? command->operands : "nothing", "[]:");
    fm_buf_putc(out, ':');
    zsh_action(out, command->operand_kind, command->operand_words);
    fm_buf_puts(out, "'\n        ;;\n");
}

static void complete_zsh(fm_buf *out)
{
    fm_buf_puts(out, "#compdef fathom\n"
                     "# Completion of fathom for zsh, printed by `fathom completion zsh`.\n"
                     "_fathom_names() {\n"
                     "    local -a names\n"
                     "    names=(${(f)\"$(fathom list --names $1 2>/dev/null)\"})\n"
                     "    compadd -a names\n"
                     "}\n"
                     "_fathom() {\n"
                     "    local -a commands\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        commands=(\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        fm_buf_printf(out, "            '%s:", cli_commands[i]->name);
        put_quoted(out, cli_commands[i]->summary, ":");
        fm_buf_puts(out, "'\n");
    }
    fm_buf_puts(out, "        )\n"
                     "        _describe command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    shift words\n"
                     "    (( CURRENT-- ))\n"
                     "    case $words[1] in\n");
    for (size_t i = 0; cli_commands[i]; i++)
        zsh_command(out, cli_commands[i]);
    fm_buf_puts(out, "    esac\n}\n"
                     "if [[ $funcstack[1] == _fathom ]]; then _fathom \"$@\"; else compdef _fathom "
                     "fathom; fi\n");
}

/* ---- fish ---- */

static void fish_values(fm_buf *out, cli_kind kind, const char *words)
{
    const char *names = asked_for(kind);

    if (names)
        fm_buf_printf(out, " -x -a '(fathom list --names %s 2>/dev/null)'", names);
    else if (kind == CLI_WORDS)
        fm_buf_printf(out, " -x -a '%s'", words);
    else if (kind == CLI_FOLDER || kind == CLI_RUN)
        fm_buf_puts(out, " -x -a '(__fish_complete_directories)'");
    else if (kind == CLI_FILE)
        fm_buf_puts(out, " -r -F");
    else
        fm_buf_puts(out, " -x");
}

static void fish_options(fm_buf *out, const char *condition, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) {
        fm_buf_printf(out, "complete -c fathom%s -l %s", condition, o->name);
        if (o->letter)
            fm_buf_printf(out, " -s %c", o->letter);
        if (o->argument)
            fish_values(out, o->kind, o->words);
        fm_buf_puts(out, " -d '");
        put_quoted(out, o->help, "");
        fm_buf_puts(out, "'\n");
    }
}

static void complete_fish(fm_buf *out)
{
    char condition[128];

    fm_buf_puts(out, "# Completion of fathom for fish, printed by `fathom completion fish`.\n"
                     "complete -c fathom -f\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        fm_buf_printf(out, "complete -c fathom -n __fish_use_subcommand -a %s -d '",
                      cli_commands[i]->name);
        put_quoted(out, cli_commands[i]->summary, "");
        fm_buf_puts(out, "'\n");
    }
    fish_options(out, "", cli_global_options);
    for (size_t i = 0; cli_commands[i]; i++) {
        const cli_command *command = cli_commands[i];

        snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
                 command->name);
        fish_options(out, condition, command->options);
        if (command->operand_kind != CLI_ANY) {
            fm_buf_printf(out, "complete -c fathom%s", condition);
            fish_values(out, command->operand_kind, command->operand_words);
            fm_buf_putc(out, '\n');
        }
    }
}

fm_status cli_completion(fm_buf *out, const char *shell, fm_err *err)
{
    static const struct {
        const char *name;
        void (*print)(fm_buf *out);
    } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};

    for (size_t i = 0; i < FM_COUNT_OF(shells); i++) {
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(out);
            return FM_OK;
        }
    }
    return fm_fail(err, FM_E_USAGE, "no completion for '%s'; there are bash, zsh and fish", shell);
}
