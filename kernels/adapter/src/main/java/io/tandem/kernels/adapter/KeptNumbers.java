package io.tandem.kernels.adapter;

import io.tandem.kernels.adapter.Adapter.Site;

/** What a checkpoint has of an adapter's modules beside what is served: see {@link Change#kept}. */
@FunctionalInterface
public interface KeptNumbers {
    /** @throws IllegalArgumentException if it has no such parameter */
    float[] of(Site site, String parameter);
}
