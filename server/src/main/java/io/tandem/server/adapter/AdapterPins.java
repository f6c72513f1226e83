package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.SlotReport;

/** The device's slots, as far as the library cares. Safe from any thread; never waits. */
public interface AdapterPins {
    /** Keeps a version on the device. */
    void pin(AdapterVersion version);

    void unpin(AdapterVersion version);

    /** What is there. */
    SlotReport slots();
}
