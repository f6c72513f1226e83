package io.tandem.scheduler;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.adapter.SlotReport;

/**
 * Which adapters are on the device: the part of the engine that keeps them there. Safe from any thread; never waits for
 * the device.
 */
public interface AdapterPins {
    /**
     * A version that the engine can take. The calling thread does all the work that needs no device, in time in proportion
     * to the weights, so that the engine thread only copies them.
     *
     * @throws IllegalArgumentException if the device cannot hold the adapter, naming the module
     */
    AdapterVersion prepare(String name, ContentHash hash, Adapter adapter);

    /** Copies an adapter to the device soon and keeps it there until {@link #unpin}. */
    void pin(AdapterVersion adapter);

    /** Lets an adapter leave the device when others need its slot. */
    void unpin(AdapterVersion adapter);

    /** What the device's adapter slots have seen. */
    SlotReport slots();
}
