/* `fathom reward` as a trainer uses it: lines through pipes, an answer for each before the next. */
#include "program.h"

TestSuite(cli_reward, .init = program_begin, .fini = program_end);

#define TRUTH "\"truth\": {\"key_steps\": [\"[Scale] [Scene]: 2.000\"]}"

static const char request[] = "{\"id\": 1, \"reply\": \"[Scale] [Scene]: 2.000\", " TRUTH "}\n";
static const char reward[] =
    "{\"id\": 1, \"reward\": 0.5, \"r_of\": 0, \"r_p\": null, \"r_t\": null, \"r_pf\": 1, "
    "\"r_acc\": 1, \"points\": 0, \"steps\": 1, \"wellformed\": 1}\n";

/* The program with both ends in our hands; its stderr goes to the file "stderr". */
typedef struct {
    pid_t pid;
    int in, out;
} coprocess;

static coprocess start(char *const *argv)
{
    posix_spawn_file_actions_t files;
    int in[2], out[2];
    coprocess p;

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        cr_fatal("no pipes");
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "stderr", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (posix_spawn(&p.pid, argv[0], &files, NULL, argv, environ) != 0)
        cr_fatal("cannot start '%s'", argv[0]);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    p.in = in[1];
    p.out = out[0];
    return p;
}

static void send(const coprocess *p, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(p->in, bytes, size);

        if (n <= 0)
            cr_fatal("cannot write to the program");
        bytes += n;
        size -= (size_t)n;
    }
}

/* One line, or up to the end of the output. */
static size_t receive(const coprocess *p, char *line, size_t size)
{
    size_t n = 0;

    while (n + 1 < size && read(p->out, line + n, 1) == 1 && line[n++] != '\n')
        ;
    line[n] = '\0';
    return n;
}

Test(cli_reward, a_line_is_answered_before_the_next_is_written)
{
    coprocess p = start(FATHOM_WORDS("reward"));
    char line[512];

    for (int i = 0; i < 3; i++) {
        send(&p, request, strlen(request));
        receive(&p, line, sizeof(line));
        cr_expect(eq(str, line, (char *)reward));
    }
    send(&p, request, strlen(request) - 1); /* the last one needs no newline */
    close(p.in);
    receive(&p, line, sizeof(line));
    cr_expect(eq(str, line, (char *)reward));
    cr_expect(eq(sz, receive(&p, line, sizeof(line)), 0));
    cr_expect(eq(int, program_wait(p.pid)->code, 0));
    cr_expect(eq(str, ERR, ""));
}

Test(cli_reward, errors_take_the_place_of_rewards_and_show_in_the_exit_code)
{
    coprocess p = start(FATHOM_WORDS("reward"));
    char line[512];

    send(&p, "\n{\"id\": \"b\"}\n", 13);
    receive(&p, line, sizeof(line));
    cr_expect(eq(str, line,
                 "{\"id\": \"b\", \"error\": {\"type\": \"no_reply\", \"message\": \"no text under "
                 "'reply'\"}}\n"));
    send(&p, request, strlen(request));
    receive(&p, line, sizeof(line));
    cr_expect(eq(str, line, (char *)reward));
    close(p.in);
    cr_expect(eq(int, program_wait(p.pid)->code, 4));
    cr_expect(eq(str, ERR, "fathom: 1 of 2 lines have an error in place of a reward\n"));
}

/* More than a line may have, and no end of it. */
static void send_huge(const coprocess *p)
{
    static char bytes[1 << 20];

    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 17; i++)
        send(p, bytes, sizeof(bytes));
}

Test(cli_reward, a_huge_line_is_passed_over)
{
    coprocess p = start(FATHOM_WORDS("reward"));
    char line[512];

    send_huge(&p);
    send(&p, "\n", 1);
    receive(&p, line, sizeof(line));
    cr_expect(contains(line, "\"too_long\""), "%s", line);
    send(&p, request, strlen(request));
    receive(&p, line, sizeof(line));
    cr_expect(eq(str, line, (char *)reward));
    close(p.in);
    cr_expect(eq(int, program_wait(p.pid)->code, 4));
}

/* Whoever counts answers gets one for it though its end never comes. */
Test(cli_reward, a_huge_line_without_an_end_is_answered)
{
    coprocess p = start(FATHOM_WORDS("reward"));
    char line[512];

    send_huge(&p);
    close(p.in);
    receive(&p, line, sizeof(line));
    cr_expect(contains(line, "\"too_long\""), "%s", line);
    cr_expect(eq(int, program_wait(p.pid)->code, 4));
}

Test(cli_reward, a_trainer_that_goes_away_is_an_error_not_a_signal)
{
    coprocess p = start(FATHOM_WORDS("reward"));

    close(p.out);
    send(&p, request, strlen(request));
    cr_expect(eq(int, program_wait(p.pid)->code, 1));
    cr_expect(eq(str, ERR, "fathom: nobody reads the answers any more\n"));
    close(p.in);
}

/* Enough lines to be spread over threads: what comes out is in the order of what went in. */
Test(cli_reward, threads_do_not_show)
{
    fm_buf lines = {0}, first = {0};
    posix_spawn_file_actions_t files;

    for (int i = 0; i < 2000; i++)
        fm_buf_printf(&lines, "{\"id\": %d, \"reply\": \"[Scale] [Scene]: %d.000\", " TRUTH "}\n",
                      i, i % 5);
    scratch_write("lines", lines.data, lines.size);
    for (int run = 0; run < 2; run++) {
        char *argv[] = {getenv("FATHOM_BIN"), "reward", "--jobs", run ? "3" : "1", NULL};
        pid_t pid;

        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "lines", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "stdout", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        posix_spawn_file_actions_addopen(&files, 2, "stderr", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) != 0)
            cr_fatal("cannot start the program");
        posix_spawn_file_actions_destroy(&files);
        cr_assert(eq(int, program_wait(pid)->code, 0));
        if (run == 0)
            fm_buf_append(&first, last.out.data, last.out.size);
    }
    cr_expect(eq(sz, count_lines(OUT), 2000));
    cr_expect(eq(str, OUT, (char *)fm_buf_text(&first)));
    fm_buf_release(&lines);
    fm_buf_release(&first);
}

Test(cli_reward, switches_are_checked)
{
    fathom("reward", "--variant", "r1");
    expect_failure(2, "fathom: unknown variant 'r1': there are 'robotracer' and 'roborefer'\n"
                      "try 'fathom help reward'\n");
    fathom("reward", "--r-t", "dwt");
    expect_failure(2, "fathom: option '--r-t' knows no 'dwt'; did you mean 'dtw'?\n"
                      "try 'fathom help reward'\n");
    fathom("reward", "--r-pf", "keys");
    expect_failure(2, "fathom: option '--r-pf' knows no 'keys'\ntry 'fathom help reward'\n");
    fathom("reward", "--weights", "r_x=1");
    expect_failure(2, "fathom: option '--weights' wants r_of=, r_p=, r_t=, r_a=, r_pf= or r_acc= "
                      "with a number, and commas between\ntry 'fathom help reward'\n");
    fathom("reward", "--data", "d");
    expect_failure(2, "fathom: option '--data' goes with --suite\ntry 'fathom help reward'\n");
}
