package io.tandem.scheduler.adapter;

import io.tandem.kernels.DeviceModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which adapter versions are in a range of the device's slots. Slots in use and pinned versions stay; of the others the
 * longest unused makes way.
 */
public final class SlotResidency {
    private final DeviceModel device;
    private final int from;
    private final Slot[] slots;
    private final Set<ContentHash> pinned = new LinkedHashSet<>();
    private Set<ContentHash> resident = Set.of();
    private long uses;
    private long hits;
    private long swaps;

    /** Over the device's slots {@code [from, to)}. */
    public SlotResidency(DeviceModel device, int from, int to) {
        this.device = device;
        this.from = from;
        this.slots = new Slot[to - from];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new Slot(from + i);
        }
    }

    private static final class Slot {
        final int index;

        @Nullable
        ContentHash content;

        int users;
        long lastUse;

        Slot(int index) {
            this.index = index;
        }
    }

    /**
     * Slots with these versions in them, in use until {@link #release(int[])}. Nothing is copied unless there is room for
     * all of them.
     *
     * @return empty, and nothing taken, if there are not enough slots that nobody else uses
     * @throws io.tandem.kernels.KernelException if the device fails; nothing is taken
     */
    public Optional<int[]> acquire(List<AdapterVersion> adapters) {
        Map<ContentHash, Slot> places = new HashMap<>();
        for (Slot slot : slots) {
            if (slot.content != null) {
                places.put(slot.content, slot);
            }
        }
        Set<Slot> there = adapters.stream()
                .flatMap(adapter -> Stream.ofNullable(places.get(adapter.hash())))
                .collect(Collectors.toSet());
        Iterator<Slot> free = free().filter(slot -> !there.contains(slot)).iterator();
        Map<Slot, AdapterVersion> missing = new LinkedHashMap<>();
        List<Slot> taken = new ArrayList<>();
        for (AdapterVersion adapter : adapters) {
            if (!places.containsKey(adapter.hash())) {
                if (!free.hasNext()) {
                    return Optional.empty();
                }
                Slot slot = free.next();
                places.put(adapter.hash(), slot);
                missing.put(slot, adapter);
            }
            taken.add(places.get(adapter.hash()));
        }
        taken.forEach(this::use);
        int[] indices = taken.stream().mapToInt(slot -> slot.index).toArray();
        try {
            missing.forEach(this::put);
        } catch (RuntimeException e) {
            release(indices);
            throw e;
        }
        hits += adapters.size() - missing.size();
        return Optional.of(indices);
    }

    private void put(Slot slot, AdapterVersion adapter) {
        empty(slot);
        device.putAdapter(slot.index, adapter.prepared());
        swaps++;
        slot.content = adapter.hash();
        countResident();
    }

    /** Slots that may get another version, the longest unused first. */
    private Stream<Slot> free() {
        Set<ContentHash> held = held();
        return Arrays.stream(slots)
                .filter(slot -> slot.users == 0 && (slot.content == null || !held.contains(slot.content)))
                .sorted(Comparator.comparingLong(slot -> slot.lastUse));
    }

    /** Pinned versions that keep the slots they have: the first ones, so that one slot always remains for the others. */
    private Set<ContentHash> held() {
        return pinned.stream()
                .filter(resident::contains)
                .limit(slots.length - 1L)
                .collect(Collectors.toSet());
    }

    /** Whether the adapters find slots when nobody else uses any. */
    public boolean fits(List<AdapterVersion> adapters) {
        Set<ContentHash> held = held();
        long others = adapters.stream()
                .map(AdapterVersion::hash)
                .filter(content -> !held.contains(content))
                .distinct()
                .count();
        return others <= slots.length - held.size();
    }

    /** An empty slot, in use until {@link #release}; for an adapter that learns. */
    public OptionalInt reserve() {
        Optional<Slot> oldest = free().findFirst();
        oldest.ifPresent(slot -> {
            empty(slot);
            use(slot);
        });
        return oldest.map(slot -> OptionalInt.of(slot.index)).orElse(OptionalInt.empty());
    }

    private void empty(Slot slot) {
        slot.content = null;
        countResident();
    }

    public void release(int[] slots) {
        for (int slot : slots) {
            release(slot);
        }
    }

    private void countResident() {
        resident = Arrays.stream(slots)
                .flatMap(slot -> Stream.ofNullable(slot.content))
                .collect(Collectors.toUnmodifiableSet());
    }

    private void use(Slot slot) {
        slot.users++;
        slot.lastUse = ++uses;
    }

    public void release(int slot) {
        Slot used = slots[slot - from];
        if (used.users == 0) {
            throw new IllegalStateException("adapter slot " + slot + " is not in use");
        }
        used.users--;
    }

    /**
     * Keeps a version on the device from now on, or from the moment that a slot is free. One slot is never kept, so pins
     * beyond that wait until others are taken back.
     */
    public void pin(AdapterVersion adapter) {
        pinned.add(adapter.hash());
        acquire(List.of(adapter)).ifPresent(this::release);
    }

    /** Lets a version make way again. */
    public void unpin(AdapterVersion adapter) {
        pinned.remove(adapter.hash());
    }

    public SlotReport report() {
        return new SlotReport(resident, hits, swaps);
    }

    /** Slots in use. */
    public int inUse() {
        return (int) Arrays.stream(slots).filter(slot -> slot.users > 0).count();
    }
}
