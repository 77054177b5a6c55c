/**
 * The real program, run as a user would: words in; standard output, standard error and exit code
 * out. Every test stands in a fresh folder (scratch.h), which is also the program's cache and
 * working folder.
 */
#ifndef FM_TESTS_PROGRAM_H
#define FM_TESTS_PROGRAM_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "base/files.h"

extern char **environ;

static void program_begin(void)
{
    scratch_make();
    if (!getenv("FATHOM_BIN"))
        cr_skip_test("FATHOM_BIN names no program");
    if (chdir(scratch_dir) != 0)
        cr_fatal("cannot enter '%s'", scratch_dir);
    setenv("FATHOM_CACHE", scratch_path("cache"), 1);
    setenv("HF_HOME", scratch_path("hf"), 1);
    unsetenv("FATHOM_SUITES");
    unsetenv("NO_COLOR");
    unsetenv("COLUMNS");
}

static void program_end(void)
{
    (void)!chdir("/");
    scratch_remove();
}

/* What the last program printed and how it ended; static, so that nothing has to be freed. */
typedef struct {
    int code; /* exit code; 128 + signal */
    fm_buf out, err;
} ended;

static ended last;

static void read_into(fm_buf *buf, const char *path)
{
    fm_buf_clear(buf);
    if (fm_file_exists(path) && fm_file_read(path, (size_t)64 << 20, buf, NULL) != FM_OK)
        cr_fatal("cannot read '%s'", path);
}

/* Start it with stdin from `in_path`, stdout at `out_path`, stderr in the file "stderr". */
static inline pid_t program_start_with(char *const *argv, const char *in_path, const char *out_path)
{
    posix_spawn_file_actions_t files;
    pid_t pid;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, in_path, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addopen(&files, 2, "stderr", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int why = posix_spawn(&pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (why)
        cr_fatal("cannot start '%s': %s", argv[0], strerror(why));
    return pid;
}

static inline pid_t program_start(char *const *argv, const char *out_path)
{
    return program_start_with(argv, "/dev/null", out_path);
}

static inline ended *program_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    last.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_into(&last.out, "stdout");
    read_into(&last.err, "stderr");
    return &last;
}

/* fathom("list", "adapters") */
#define fathom(...)       program_wait(program_start(FATHOM_WORDS(__VA_ARGS__), "stdout"))
#define FATHOM_WORDS(...) ((char *[]){getenv("FATHOM_BIN"), __VA_ARGS__, NULL})

#define OUT ((char *)fm_buf_text(&last.out))
#define ERR ((char *)fm_buf_text(&last.err))

/* The exit code, and the whole of standard error. */
#define expect_failure(exit_code, text)                                                            \
    do {                                                                                           \
        cr_expect(eq(int, last.code, exit_code), "stderr: %s", ERR);                               \
        cr_expect(eq(str, ERR, text));                                                             \
        cr_expect(eq(str, OUT, ""));                                                               \
    } while (0)

#define expect_success() cr_assert(eq(int, last.code, 0), "stderr: %s", ERR)

static inline bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static inline size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

#endif
