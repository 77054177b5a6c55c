/* A suite or one of its tasks in full, for `fathom list NAME`. */
#ifndef FM_CLI_DESCRIBE_H
#define FM_CLI_DESCRIBE_H

#include "data.h"
#include "terminal.h"

/* "2D trace", "choice" */
const char *cli_kind_text(fm_answer_kind kind);

/* What it is, where its data is or comes from, and each task with the protocols that judge it. */
FM_MUST_CHECK fm_status cli_describe_subject(fm_buf *out, const cli_style *style,
                                             const fm_catalog *catalog, const cli_subject *subject,
                                             fm_err *err);

#endif
