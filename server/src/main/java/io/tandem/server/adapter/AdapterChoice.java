package io.tandem.server.adapter;

import io.tandem.server.api.ApiException;
import java.util.List;

/** One version of one adapter, chosen for a request. */
public record AdapterChoice(String name, StoredVersion version) {
    /** How a request names exactly this version. */
    public String reference() {
        return name + "@" + version.shown();
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

    /** Under which its weights are in memory. */
    String key() {
        return name + "@" + version.hash();
    }
}
