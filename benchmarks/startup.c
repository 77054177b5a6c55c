/* Time from starting the program to its end: `fathom --version` (bar: 10 ms) and `fathom list`
 * (bar: 20 ms), each 100 times after a few to warm the disk's cache. Prints median and spread.
 * Usage: startup [PROGRAM]; the default is the program of the same build tree. */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"

enum { ROUNDS = 100, WARM_UP = 5 };

extern char **environ;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double run_once(const char *program, const char *word)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)word,
                    NULL}; /* exec writes to neither */
    posix_spawn_file_actions_t files;
    double start = fm_clock_seconds();
    int status;
    pid_t pid;

    if (posix_spawn_file_actions_init(&files) != 0 ||
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn(&pid, program, &files, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "'%s %s' does not run\n", program, word);
        exit(1);
    }
    double took = fm_clock_seconds() - start;
    posix_spawn_file_actions_destroy(&files);
    return took;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        double bar_ms;
    } rows[] = {{"--version", 10}, {"list", 20}};
    const char *program = argc > 1 ? argv[1] : FATHOM_DEFAULT_PROGRAM;

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        double ms[ROUNDS];

        for (int round = 0; round < WARM_UP; round++)
            (void)run_once(program, rows[i].word);
        for (int round = 0; round < ROUNDS; round++)
            ms[round] = run_once(program, rows[i].word) * 1e3;
        qsort(ms, ROUNDS, sizeof(*ms), ascending);
        printf("fathom %-10s median %6.2f ms, p90 %6.2f, %6.2f to %6.2f, bar %g ms\n", rows[i].word,
               ms[ROUNDS / 2], ms[ROUNDS * 9 / 10], ms[0], ms[ROUNDS - 1], rows[i].bar_ms);
    }
    return 0;
}
