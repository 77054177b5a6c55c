/** Where a model of the engine's is, and which one it is. */
#ifndef FM_ADAPTERS_ENGINE_MODEL_H
#define FM_ADAPTERS_ENGINE_MODEL_H

#include "base/files.h"
#include "base/hash.h"

/* Where a model is: as it is given, or, where there is no model of that name here and it is one word, in
 * the folder of models that come with fathom (NULL: there is none). FM_E_USAGE where the path is too long. */
FM_MUST_CHECK fm_status fm_engine_model(char out[FM_PATH_BYTES], const char *given,
                                        const char *models, fm_err *err);

/* SHA-256 of what makes a model, in a folder or a GGUF file: of configurations and vocabularies all bytes, of
 * weights all up to 64 MiB and else a page of each MiB, so that the largest take a moment; another training
 * changes every page. Names and times of the folder itself do not count. False: there is nothing to read. */
bool fm_engine_fingerprint(const char *path, char out[FM_HASH_TEXT_BYTES]);

#endif
