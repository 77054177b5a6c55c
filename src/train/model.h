/* What was learnt as a folder that the engine opens: one safetensors file a part, beside the
 * configuration and the vocabulary of the folder that training began from. */
#ifndef TR_MODEL_H
#define TR_MODEL_H

#include "train/network.h"

/* kind: RT_F32, RT_F16 or RT_BF16. The auxiliary heads are left out. `from`: the folder whose config.json and
 * vocabulary are copied; may be `folder` itself. FM_E_IO. */
FM_MUST_CHECK fm_status tr_model_save(const tr_network *network, const char *from,
                                      const char *folder, rt_kind kind, fm_err *err);
/* Whether the folder has a configuration, and weights of every part. */
bool tr_model_is_there(const tr_network *network, const char *folder);
/* The values of every part from such a folder into the network; FM_E_INPUT names what it lacks. */
FM_MUST_CHECK fm_status tr_model_load(tr_network *network, const char *folder, fm_err *err);

#endif
