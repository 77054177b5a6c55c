/* One good test, one that is skipped and, by compile definition, one fault that the gate must see. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Test(gate, good)
{
    cr_expect(getenv("FATHOM_BIN") != NULL);
}

Test(gate, skipped)
{
    cr_skip_test("no data here");
}

#ifdef GATE_LEAK
Test(gate, leaks)
{
    static char *volatile lost;

    lost = malloc(10);
    cr_assert(lost != NULL);
    lost = NULL;
}
#endif

#ifdef GATE_OVERFLOW
Test(gate, overflows)
{
    volatile int most = INT_MAX;

    most = most + 1;
}
#endif

#ifdef GATE_ASSERTION
Test(gate, fails)
{
    cr_assert_fail("on purpose");
}
#endif

#ifdef GATE_CRASH
Test(gate, crashes)
{
    abort();
}
#endif

#ifdef GATE_EXIT_OF_MAIN
/* The program ends well before its report is written. */
__attribute__((constructor)) static void leave(void)
{
    _Exit(0);
}
#endif

#ifdef GATE_CAPTURED
/* A sanitizer that speaks in a program whose output is caught must still be told by its status. */
Test(gate, captured)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        volatile int most = INT_MAX;

        close(2);
        most = most + 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 99, "status %x", status);
}
#endif
