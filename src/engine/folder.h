/**
 * Files of a model's folder. Names, which may come from data, cannot leave it; links may, but into
 * one place: where the folder stands in a cache of the Hugging Face hub
 * (models--X/snapshots/<revision>/...), into the blobs of that cache (models--X/blobs). Stateless,
 * thread-safe.
 */
#ifndef RT_ENGINE_FOLDER_H
#define RT_ENGINE_FOLDER_H

#include "base/files.h"

/* "<folder>/<name>"; FM_E_INPUT names what would leave. The target need not exist. */
FM_MUST_CHECK fm_status rt_folder_join(char out[FM_PATH_BYTES], const char *folder,
                                       const char *name, fm_err *err);

#endif
