package io.tandem.server.adapter;

import io.tandem.server.api.ApiException;
import java.util.List;
import java.util.OptionalInt;

/**
 * One version of one adapter, chosen for a request.
 *
 * @param ranks so many of its first ranks alone; empty for all
 */
public record AdapterChoice(String name, StoredVersion version, OptionalInt ranks) {
    public AdapterChoice(String name, StoredVersion version) {
        this(name, version, OptionalInt.empty());
    }

    /** How a request names exactly this version. */
    public String reference() {
        return name + "@" + version.shown() + suffix();
    }

    private String suffix() {
        return ranks.isPresent() ? ":r" + ranks.getAsInt() : "";
    }

    /** What it answers together with, the lowest first. */
    List<AdapterChoice> under() {
        return version.under().stream()
                .map(hash -> new AdapterChoice(
                        name,
                        new StoredVersion(
                                hash, false, 0, version.createdAt(), version.origin(), List.of(), version.base())))
                .toList();
    }

    /** @throws ApiException if it stands on others, without which it means little */
    public AdapterChoice requireAlone(String field, String verb) {
        if (!version.under().isEmpty()) {
            throw ApiException.invalid(
                    field,
                    "'" + reference() + "' was trained on top of other adapters and cannot be " + verb
                            + " without them.");
        }
        return this;
    }

    /** What it is made of, whatever it is called. */
    String content() {
        return version.hash() + suffix();
    }

    /** Under which its weights are in memory. */
    String key() {
        return name + "@" + content();
    }
}
