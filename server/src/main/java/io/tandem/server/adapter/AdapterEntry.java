package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A named adapter: its versions and which of them answers. Immutable, so a request sees either all of a change or
 * nothing of it; also what its manifest on disk says.
 *
 * @param name what clients call it by
 * @param createdAt in seconds since 1970
 * @param versions the oldest first
 * @param current hash of the version that answers
 * @param canary a version that answers a part of the requests instead, if there is one
 * @param pinned whether it stays in memory and on the device
 * @param labels for people and their tools
 * @param sharedWith ids of other tenants, whose requests it answers too; absent in what older servers left
 */
public record AdapterEntry(
        String name,
        long createdAt,
        List<StoredVersion> versions,
        String current,
        @Nullable Canary canary,
        boolean pinned,
        Map<String, String> labels,
        Set<String> sharedWith) {
    private static final int SHARES = 10_000;
    private static final Pattern CHECKPOINT = Pattern.compile(".+:ckpt-step-[0-9]+");

    /**
     * A version on trial.
     *
     * @param hash of the version
     * @param percent of the requests that it answers
     */
    public record Canary(String hash, double percent) {}

    public AdapterEntry {
        versions = List.copyOf(versions);
        labels = Map.copyOf(labels);
        sharedWith = Set.copyOf(Objects.requireNonNullElse(sharedWith, Set.of()));
        requireVersion(name, versions, current);
        if (canary != null) {
            requireVersion(name, versions, canary.hash());
        }
    }

    /** For logs; labels are left out, they are the clients' own. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(name + ": " + versions.size() + " versions, current is "
                + currentVersion().shown() + ", " + currentVersion().origin());
        if (canary != null) {
            text.append(", ")
                    .append(version(canary.hash()).orElseThrow().shown())
                    .append(" answers ")
                    .append(canary.percent())
                    .append(" % of the requests");
        }
        return text.append(pinned ? ", pinned" : "").toString();
    }

    private static void requireVersion(String name, List<StoredVersion> versions, String hash) {
        if (versions.stream().noneMatch(version -> version.hash().equals(hash))) {
            throw new IllegalArgumentException("adapter '" + name + "' has no version " + hash);
        }
    }

    /** The name of the checkpoint that a job leaves of a model. */
    public static String checkpoint(String model, int step) {
        return model + ":ckpt-step-" + step;
    }

    /** Whether a name is that of a checkpoint. */
    public static boolean isCheckpoint(String name) {
        return CHECKPOINT.matcher(name).matches();
    }

    /** An adapter with its first version. */
    static AdapterEntry first(String name, StoredVersion version) {
        return new AdapterEntry(
                name, version.createdAt(), List.of(version), version.hash(), null, false, new TreeMap<>(), Set.of());
    }

    /** The version that a hash, or its beginning, means. */
    public Optional<StoredVersion> version(String beginning) {
        List<StoredVersion> found = versions.stream()
                .filter(version -> version.hash().startsWith(beginning))
                .toList();
        return found.size() == 1 ? Optional.of(found.get(0)) : Optional.empty();
    }

    /** Whether a version is this content, or stands on it. */
    boolean has(ContentHash content) {
        return versions.stream().flatMap(StoredVersion::contents).anyMatch(content::equals);
    }

    /** The version that answers unless the canary does. */
    public StoredVersion currentVersion() {
        return version(current).orElseThrow();
    }

    /**
     * The version that answers a request.
     *
     * @param key the same key always gets the same version, as long as the canary's share is the same
     */
    public StoredVersion choose(String key) {
        if (canary == null) {
            return currentVersion();
        }
        long share = Long.remainderUnsigned(ContentHash.of(name + "\n" + key).number(), SHARES);
        return share < canary.percent() * SHARES / 100 ? version(canary.hash()).orElseThrow() : currentVersion();
    }

    /** The same with a version more, or with another form of one. */
    AdapterEntry with(StoredVersion added) {
        List<StoredVersion> all = new ArrayList<>(versions);
        all.removeIf(version -> version.hash().equals(added.hash()));
        all.add(added);
        return new AdapterEntry(name, createdAt, all, current, canary, pinned, labels, sharedWith);
    }

    /** The same without the oldest versions beyond a number; those that answer requests stay. */
    AdapterEntry pruned(int maxVersions) {
        List<StoredVersion> kept = new ArrayList<>(versions);
        for (StoredVersion version : versions) {
            if (kept.size() > maxVersions && !needed(version.hash())) {
                kept.remove(version);
            }
        }
        return new AdapterEntry(name, createdAt, kept, current, canary, pinned, labels, sharedWith);
    }

    /** Whether a version answers requests. */
    boolean needed(String hash) {
        return hash.equals(current) || (canary != null && hash.equals(canary.hash()));
    }

    AdapterEntry without(StoredVersion removed) {
        List<StoredVersion> rest = new ArrayList<>(versions);
        rest.remove(removed);
        return new AdapterEntry(name, createdAt, rest, current, canary, pinned, labels, sharedWith);
    }

    /** All requests go to one version. */
    AdapterEntry withCurrent(String hash) {
        return new AdapterEntry(name, createdAt, versions, hash, null, pinned, labels, sharedWith);
    }

    /** A part of the requests goes to another version; 0 percent ends that, 100 makes it the current one. */
    AdapterEntry withCanary(String hash, double percent) {
        if (percent >= 100) {
            return withCurrent(hash);
        }
        Canary trial = percent <= 0 ? null : new Canary(hash, percent);
        return new AdapterEntry(name, createdAt, versions, current, trial, pinned, labels, sharedWith);
    }

    /** The version before the current one. */
    Optional<StoredVersion> previous() {
        int at = versions.indexOf(currentVersion());
        return at == 0 ? Optional.empty() : Optional.of(versions.get(at - 1));
    }

    AdapterEntry withPinned(boolean keep) {
        return new AdapterEntry(name, createdAt, versions, current, canary, keep, labels, sharedWith);
    }

    AdapterEntry withLabels(Map<String, String> others) {
        return new AdapterEntry(name, createdAt, versions, current, canary, pinned, others, sharedWith);
    }

    AdapterEntry withShares(Set<String> tenants) {
        return new AdapterEntry(name, createdAt, versions, current, canary, pinned, labels, tenants);
    }

    boolean sharedWith(TenantId tenant) {
        return sharedWith.contains(tenant.value());
    }
}
