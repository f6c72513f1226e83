package io.tandem.scheduler;

import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.SlotReport;

/** Which adapters are on the device: the part of the engine that keeps them there. Safe from any thread; never waits. */
public interface AdapterPins {
    /** Copies an adapter to the device soon and keeps it there until {@link #unpin}. */
    void pin(AdapterVersion adapter);

    /** Lets an adapter leave the device when others need its slot. */
    void unpin(AdapterVersion adapter);

    /** What the device's adapter slots have seen. */
    SlotReport slots();
}
