/* The folder of a training as its own: one process at a time writes into it, and it belongs to a recipe. */
#ifndef TR_FOLDER_H
#define TR_FOLDER_H

#include "base/files.h"

typedef struct {
    int lock_fd; /* -1: not locked */
} tr_folder;

/* Made where it is absent, and locked; FM_E_LOCKED where another process works on it. */
FM_MUST_CHECK fm_status tr_folder_open(tr_folder *out, const char *path, fm_err *err);
void tr_folder_release(tr_folder *folder); /* accepts lock_fd -1 */

/* The recipe that the folder was made by becomes its recipe.yaml; another one is refused with
 * FM_E_USAGE. One that differs in how much memory there is and how often it is saved is the same:
 * what is learnt is, and the new text is kept. */
FM_MUST_CHECK fm_status tr_folder_keep_recipe(const char *path, const char *recipe, fm_err *err);

#endif
