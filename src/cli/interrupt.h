/* Ctrl-C and SIGTERM for commands that end in good order: the first asks the work to stop, the second
 * leaves at once. */
#ifndef FM_CLI_INTERRUPT_H
#define FM_CLI_INTERRUPT_H

#include <signal.h>

/* 1 when one has come since cli_catch_interrupt(). */
extern volatile sig_atomic_t cli_interrupted;

void cli_catch_interrupt(void);
/* Readable from the first one on, for poll() beside what a command waits for: one that comes between a
 * look at the flag and the waiting, or to another thread, ends that all the same. -1 where there is none:
 * poll() passes it over. */
int cli_interrupt_pipe(void);
/* What the first does besides, inside the signal handler: to end a long call. NULL: nothing. */
void cli_on_interrupt(void (*then)(void));

#endif
