package io.tandem.scheduler.adapter;

import java.util.Set;

/**
 * What the device's adapter slots hold and have seen.
 *
 * @param resident content of the versions on the device
 * @param hits times that a wanted version was there
 * @param swaps times that one was copied into a slot
 */
public record SlotReport(Set<ContentHash> resident, long hits, long swaps) {
    public static final SlotReport NONE = new SlotReport(Set.of(), 0, 0);
}
