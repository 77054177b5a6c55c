/* A model folder (or a GGUF file) in full, for `fathom list FOLDER`: read from its headers, no weight is
 * looked at. */
#ifndef FM_CLI_DESCRIBE_MODEL_H
#define FM_CLI_DESCRIBE_MODEL_H

#include "base/json.h"
#include "terminal.h"

/* FM_E_INPUT where it is no model; one that lacks tensors, or has them in another shape, is described,
 * with what is wrong. */
FM_MUST_CHECK fm_status cli_describe_model(fm_buf *out, const cli_style *style, const char *path,
                                           fm_err *err);
/* As one object (schema fathom.model/1). */
FM_MUST_CHECK fm_status cli_describe_model_json(fm_buf *out, const char *path, fm_err *err);

#endif
