package io.tandem.scheduler.adapter;

import io.tandem.kernels.adapter.Adapter;

/**
 * An immutable version of a named adapter; what a request leases when it starts and keeps until it ends.
 *
 * @param name what clients call it by
 * @param version unique in the process; two versions never share keys and values
 * @param adapter its weights
 */
public record AdapterVersion(String name, long version, Adapter adapter) {}
