package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.LowRank;

/** The factors that one module got, and what was lost on the way. */
record MergedModule(LowRank factors, Loss loss) {}
