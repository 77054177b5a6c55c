#!/bin/bash
# A run of fathom as a Slurm job array, a shard a task, and a job that merges the shards when all are done:
#
#     bash slurm-array.sh OUT SUITE[@PROTOCOL] --adapter A [options of fathom run]
#
# The shards go to OUT/shard-I-of-N, the whole run to OUT/merged. Each task reads its shard from the variables of its
# array. A task that failed or ran out of time goes on where it was: scontrol requeue JOB_I.
#SBATCH --job-name=fathom
#SBATCH --array=0-3
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60
set -euo pipefail
out=${1:?usage: bash slurm-array.sh OUT SUITE --adapter A ...}
shift

if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    array=$(sbatch --parsable "$0" "$out" "$@")
    printf -v merge 'exec fathom merge %q --out %q' "$out" "$out/merged"
    merged=$(sbatch --parsable --job-name=fathom-merge --dependency="afterok:$array" --kill-on-invalid-dep=yes --wrap "$merge")
    echo "array $array, merge $merged"
    exit
fi

# exec: the signal a minute before the time limit reaches fathom, which saves what is in flight and leaves.
exec fathom run "$@" --out "$out"
