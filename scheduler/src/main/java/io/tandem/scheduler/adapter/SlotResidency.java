package io.tandem.scheduler.adapter;

import io.tandem.kernels.DeviceModel;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which adapter versions are in a range of the device's slots. Slots in use and pinned versions stay; of the others the
 * longest unused makes way.
 */
public final class SlotResidency {
    private final DeviceModel device;
    private final int from;
    private final Slot[] slots;
    private final Set<Long> pinned = new HashSet<>();
    private Set<Long> resident = Set.of();
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
        long version;
        int users;
        long lastUse;

        Slot(int index) {
            this.index = index;
        }
    }

    /**
     * Slots with these versions in them, in use until {@link #release(int[])}.
     *
     * @return empty, and nothing taken, if there are not enough slots that nobody else uses
     * @throws IllegalArgumentException if the device refuses an adapter, or pinned ones will never leave enough slots;
     *     nothing is taken
     */
    public Optional<int[]> acquire(List<AdapterVersion> adapters) {
        refuseIfPinnedOut(adapters);
        int[] taken = new int[adapters.size()];
        for (int i = 0; i < taken.length; i++) {
            OptionalInt slot;
            try {
                slot = acquire(adapters.get(i));
            } catch (IllegalArgumentException e) {
                release(Arrays.copyOf(taken, i));
                throw e;
            }
            if (slot.isEmpty()) {
                release(Arrays.copyOf(taken, i));
                return Optional.empty();
            }
            taken[i] = slot.getAsInt();
        }
        return Optional.of(taken);
    }

    public void release(int[] slots) {
        for (int slot : slots) {
            release(slot);
        }
    }

    /**
     * A slot with this version in it, in use until {@link #release}.
     *
     * @return empty if all slots are in use by others
     * @throws IllegalArgumentException if the device refuses the adapter
     */
    public OptionalInt acquire(AdapterVersion adapter) {
        @Nullable
        Slot resident = Arrays.stream(slots)
                .filter(slot -> slot.version == adapter.version())
                .findFirst()
                .orElse(null);
        if (resident != null) {
            hits++;
            return use(resident);
        }
        OptionalInt taken = reserve();
        taken.ifPresent(slot -> {
            try {
                device.putAdapter(slot, adapter.adapter());
            } catch (RuntimeException e) {
                release(slot);
                throw e;
            }
            swaps++;
            slots[slot - from].version = adapter.version();
            countResident();
        });
        return taken;
    }

    /** An empty slot, in use until {@link #release}; for an adapter that learns. */
    public OptionalInt reserve() {
        @Nullable
        Slot oldest = Arrays.stream(slots)
                .filter(slot -> slot.users == 0 && !pinned.contains(slot.version))
                .min(Comparator.comparingLong(slot -> slot.lastUse))
                .orElse(null);
        if (oldest == null) {
            return OptionalInt.empty();
        }
        oldest.version = 0;
        countResident();
        return use(oldest);
    }

    private void countResident() {
        resident = Arrays.stream(slots)
                .map(slot -> slot.version)
                .filter(version -> version != 0)
                .collect(Collectors.toUnmodifiableSet());
    }

    private OptionalInt use(Slot slot) {
        slot.users++;
        slot.lastUse = ++uses;
        return OptionalInt.of(slot.index);
    }

    public void release(int slot) {
        Slot used = slots[slot - from];
        if (used.users == 0) {
            throw new IllegalStateException("adapter slot " + slot + " is not in use");
        }
        used.users--;
    }

    /** Keeps a version on the device from now on, or from the moment that a slot is free. */
    public void pin(AdapterVersion adapter) {
        pinned.add(adapter.version());
        acquire(adapter).ifPresent(this::release);
    }

    /** Lets a version make way again. */
    public void unpin(AdapterVersion adapter) {
        pinned.remove(adapter.version());
    }

    private void refuseIfPinnedOut(List<AdapterVersion> adapters) {
        long others = adapters.stream()
                .filter(adapter -> !pinned.contains(adapter.version()))
                .count();
        if (others > slots.length - pinned.size()) {
            throw new IllegalArgumentException("the request needs " + others + " adapter slots beside the pinned ones; "
                    + pinned.size() + " of " + slots.length + " are pinned");
        }
    }

    public SlotReport report() {
        return new SlotReport(resident, hits, swaps);
    }

    /** Slots in use. */
    public int inUse() {
        return (int) Arrays.stream(slots).filter(slot -> slot.users > 0).count();
    }
}
