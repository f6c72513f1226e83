# How tensors get their memory; what the environment says already stays.
# Large pages, where the system gives them on request: weights are read faster.
export THP_MEM_ALLOC_ENABLE="${THP_MEM_ALLOC_ENABLE:-1}"
# glibc keeps what an iteration gives back for the next one, instead of having the system clear new pages every time:
# blocks below 32 MiB, the most it takes, come from the heap, of which 256 MiB may be idle.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-33554432}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-268435456}"
