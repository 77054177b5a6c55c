/* fathom mock as a program: it says where it listens, serves, counts when it is ended, and refuses
 * what it cannot do. */
#include "program.h"

#include "../support/http.h"

TestSuite(mock_program, .init = program_begin, .fini = program_end);

/* The port, once the server listens. */
static int wait_for_port(void)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    fm_buf text = {0};
    int port = 0;

    for (int i = 0; i < 2000 && !fm_file_exists("port"); i++)
        nanosleep(&nap, NULL);
    if (fm_file_read("port", 64, &text, NULL) == FM_OK)
        port = atoi(fm_buf_text(&text));
    fm_buf_release(&text);
    return port;
}

static http_reply ask(int port, const char *headers)
{
    static const char body[] = "{\"image_paths\":[],\"text\":\"x\"}";
    int fd = http_connect(port);
    http_reply reply = {0};

    cr_assert(fd >= 0 && http_post(fd, "/query", headers, body, strlen(body)));
    http_read(fd, 5, &reply);
    close(fd);
    return reply;
}

Test(mock_program, serves_until_it_is_ended_and_tells_what_it_did)
{
    char expected[160];
    http_reply reply;
    pid_t pid;
    int port;

    setenv("EXPECTED_KEY", "sesame", 1);
    pid =
        program_start(FATHOM_WORDS("mock", "--port-file", "port", "--reply", "here", "--log", "log",
                                   "--require-key-env", "EXPECTED_KEY", "--fault", "html=0"),
                      "stdout");
    port = wait_for_port();
    cr_assert(port > 0, "it does not listen");
    reply = ask(port, "Authorization: Bearer sesame\r\n");
    cr_expect(eq(str, (char *)reply.body, "{\"answer\": \"here\"}"));
    http_release(&reply);
    reply = ask(port, "");
    cr_expect(eq(int, reply.status, 401));
    http_release(&reply);
    kill(pid, SIGTERM);
    program_wait(pid);
    expect_success();
    snprintf(expected, sizeof(expected),
             "listening on http://127.0.0.1:%d\n"
             "2 requests, 1 replies without a fault, at most 1 in flight\n",
             port);
    cr_expect(eq(str, OUT, expected));
    read_into(&last.out, "log");
    cr_expect(eq(sz, count_lines(OUT), 2));
    cr_expect(not(contains(OUT, "sesame")), "%s", OUT);
}

Test(mock_program, counts_the_faults)
{
    http_reply reply;
    pid_t pid = program_start(
        FATHOM_WORDS("mock", "--port-file", "port", "--fault", "503=1", "--latency", "1"),
        "stdout");
    int port = wait_for_port();

    reply = ask(port, "");
    cr_expect(eq(int, reply.status, 503));
    http_release(&reply);
    kill(pid, SIGINT);
    program_wait(pid);
    expect_success();
    cr_expect(contains(OUT, "\n1 requests, 0 replies without a fault, at most 1 in flight\n"
                            "503             1\n"),
              "%s", OUT);
}

#define expect_refusal(text) expect_failure(2, text "\ntry 'fathom help mock'\n")

Test(mock_program, what_it_cannot_do_is_refused)
{
    fathom("mock", "--fault", "rest=0.1");
    expect_refusal("fathom: unknown fault 'rest'; did you mean 'reset'?");
    fathom("mock", "--fault", "reset");
    expect_refusal("fathom: option '--fault' wants NAME=RATE with a rate from 0 to 1, not "
                   "'reset'");
    fathom("mock", "--fault", "reset=0.7", "--fault", "hang=0.7");
    expect_refusal("fathom: the rates of the faults add up to 1.4, more than 1");
    fathom("mock", "--latency", "-1");
    expect_refusal("fathom: option '--latency' wants a number of milliseconds, not '-1'");
    fathom("mock", "--require-key-env", "IS_NOT_SET");
    expect_refusal("fathom: variable 'IS_NOT_SET' is not set");
    fathom("mock", "--cert", "cert.pem");
    expect_refusal("fathom: a certificate and its key go together");
}
