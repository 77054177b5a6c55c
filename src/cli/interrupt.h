/* Ctrl-C and SIGTERM for commands that end in good order: the first asks the work to stop, the second
 * leaves at once. */
#ifndef FM_CLI_INTERRUPT_H
#define FM_CLI_INTERRUPT_H

#include <signal.h>

/* 1 when one has come since cli_catch_interrupt(). */
extern volatile sig_atomic_t cli_interrupted;

void cli_catch_interrupt(void);

#endif
