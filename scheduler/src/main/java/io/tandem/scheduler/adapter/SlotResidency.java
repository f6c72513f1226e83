package io.tandem.scheduler.adapter;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.adapter.FullModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
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
 * longest unused makes way. What adapters have in full has less room than there are slots for them, so one with such modules
 * may make way for another although slots are free.
 */
public final class SlotResidency {
    private final DeviceModel device;
    private final int from;
    /** Most that the versions may have in full together. */
    private final int most;

    private final Slot[] slots;
    private final Set<ContentHash> pinned = new LinkedHashSet<>();
    private Set<ContentHash> resident = Set.of();
    private long uses;
    private long hits;
    private long swaps;

    /** Over the device's slots {@code [from, to)} of adapters that requests use. */
    public SlotResidency(DeviceModel device, int from, int to) {
        this(device, from, to, device.limits().fullModules());
    }

    /** @param most modules that the versions may have in full together */
    public SlotResidency(DeviceModel device, int from, int to, int most) {
        this.device = device;
        this.from = from;
        this.most = most;
        this.slots = new Slot[to - from];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new Slot(from + i);
        }
    }

    private static final class Slot {
        final int index;

        @Nullable
        ContentHash content;

        /** What the content has in full. */
        int modules;

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
     * @return empty, and nothing taken, if there are not enough slots that nobody else uses, or not enough room for what the
     *     versions have in full
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
        Optional<List<Slot>> dropped = makeRoom(
                adapters.stream()
                        .filter(adapter -> !places.containsKey(adapter.hash()))
                        .toList(),
                there);
        if (dropped.isEmpty()) {
            return Optional.empty();
        }
        Set<Slot> first = new LinkedHashSet<>(dropped.get());
        Stream<Slot> others = free().filter(slot -> !there.contains(slot) && !first.contains(slot));
        Iterator<Slot> free = Stream.concat(first.stream(), others).iterator();
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
        missing.keySet().stream().filter(slot -> slot.modules > 0).forEach(first::add);
        first.forEach(this::drop);
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

    /**
     * Slots to drop so that what these versions have in full finds room, the longest unused first; empty if that is not
     * enough.
     *
     * @param there slots to keep
     */
    private Optional<List<Slot>> makeRoom(List<AdapterVersion> missing, Set<Slot> there) {
        Map<ContentHash, Integer> wanted = new HashMap<>();
        missing.forEach(adapter -> wanted.put(adapter.hash(), modules(adapter)));
        int more = wanted.values().stream().mapToInt(modules -> modules).sum();
        if (more == 0) {
            return Optional.of(List.of());
        }
        int over = more + Arrays.stream(slots).mapToInt(slot -> slot.modules).sum() - most;
        List<Slot> dropped = new ArrayList<>();
        List<Slot> candidates =
                free().filter(slot -> slot.modules > 0 && !there.contains(slot)).toList();
        for (Slot slot : candidates) {
            if (over > 0) {
                over -= slot.modules;
                dropped.add(slot);
            }
        }
        return over > 0 ? Optional.empty() : Optional.of(dropped);
    }

    private static int modules(AdapterVersion adapter) {
        return adapter.adapter().full().size();
    }

    private void drop(Slot slot) {
        empty(slot);
        slot.lastUse = 0;
        device.dropAdapter(slot.index);
    }

    private void put(Slot slot, AdapterVersion adapter) {
        empty(slot);
        device.putAdapter(slot.index, adapter.prepared());
        swaps++;
        slot.content = adapter.hash();
        slot.modules = modules(adapter);
        countResident();
    }

    /** Slots that may get another version, the longest unused first. */
    private Stream<Slot> free() {
        Set<ContentHash> held = held();
        return Arrays.stream(slots)
                .filter(slot -> slot.users == 0 && (slot.content == null || !held.contains(slot.content)))
                .sorted(Comparator.comparingLong(slot -> slot.lastUse));
    }

    /**
     * Pinned versions that keep the slots they have: the first ones, so that one slot, and room for all that an adapter may
     * have in full, always remain for the others.
     */
    private Set<ContentHash> held() {
        int room = most - FullModule.values().length;
        Set<ContentHash> held = new HashSet<>();
        for (ContentHash content : pinned) {
            int modules = modules(content);
            if (resident.contains(content) && held.size() < slots.length - 1 && modules <= Math.max(0, room)) {
                held.add(content);
                room -= modules;
            }
        }
        return held;
    }

    private int modules(ContentHash content) {
        return Arrays.stream(slots)
                .filter(slot -> content.equals(slot.content))
                .mapToInt(slot -> slot.modules)
                .sum();
    }

    /** Whether the adapters find slots, and what they have in full finds room, when nobody else uses any. */
    public boolean fits(List<AdapterVersion> adapters) {
        Set<ContentHash> held = held();
        Map<ContentHash, Integer> others = new HashMap<>();
        adapters.stream()
                .filter(adapter -> !held.contains(adapter.hash()))
                .forEach(adapter -> others.put(adapter.hash(), modules(adapter)));
        int room = most - held.stream().mapToInt(this::modules).sum();
        int wanted = others.values().stream().mapToInt(modules -> modules).sum();
        return others.size() <= slots.length - held.size() && wanted <= room;
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
        slot.modules = 0;
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
