package io.tandem.scheduler.adapter;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;

/**
 * An immutable version of an adapter, with its weights; what a request takes when it starts and keeps until it ends.
 *
 * @param name what clients call it by
 * @param hash of its content; versions that differ in it never share a slot, nor keys and values
 * @param prepared its weights, ready to be copied to the device
 */
public record AdapterVersion(String name, ContentHash hash, PreparedAdapter prepared) {
    /** Its weights. */
    public Adapter adapter() {
        return prepared.adapter();
    }

    /** How a request names exactly this version. */
    public String reference() {
        return name + "@" + hash.shown();
    }
}
