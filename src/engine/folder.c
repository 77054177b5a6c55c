#include "engine/folder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* "<above>/blobs" where the folder is or lies in "<above>/snapshots/<revision>". */
static bool blobs_of(const char *folder, char out[PATH_MAX])
{
    static const char snapshots[] = "/snapshots/", blobs[] = "/blobs";

    if (!realpath(folder, out))
        return false;
    char *last = NULL;
    for (char *at = out; (at = strstr(at, snapshots)); at++)
        last = at;
    if (!last)
        return false;
    memcpy(last, blobs, sizeof(blobs)); /* the shorter of the two */
    return true;
}

fm_status rt_folder_join(char out[FM_PATH_BYTES], const char *folder, const char *name, fm_err *err)
{
    char blobs[PATH_MAX];

    /* The cache is looked for only where a link leads out. */
    if (fm_path_join_inside(out, folder, name, NULL) == FM_OK)
        return FM_OK;
    return fm_path_join_linked(out, folder, blobs_of(folder, blobs) ? blobs : NULL, name, err);
}
