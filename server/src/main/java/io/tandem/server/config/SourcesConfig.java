package io.tandem.server.config;

import io.tandem.server.remote.AdapterSource;
import io.tandem.server.storage.SafeName;
import java.util.List;
import java.util.Map;

/**
 * Adapters that are elsewhere.
 *
 * @param named addresses by the names under which requests find them
 * @param allowed prefixes of the addresses that clients may name
 * @param maxBytes of the files of one adapter
 */
public record SourcesConfig(Map<String, String> named, List<String> allowed, long maxBytes) {
    public static final SourcesConfig NONE = new SourcesConfig(Map.of(), List.of(), 1L << 30);

    public SourcesConfig {
        named = Map.copyOf(named);
        allowed = List.copyOf(allowed);
        named.forEach((name, address) -> {
            if (!SafeName.allowed(name)) {
                throw new IllegalArgumentException(
                        "adapters.sources." + name + " is not a possible name of an adapter");
            }
            if (AdapterSource.parse(address).isEmpty()) {
                throw new IllegalArgumentException(
                        "adapters.sources." + name + " is '" + address + "', expected " + AdapterSource.EXPECTED);
            }
        });
        for (String beginning : allowed) {
            if (!beginning.startsWith("hf://") && !beginning.startsWith("s3://")) {
                throw new IllegalArgumentException("adapters.allow-sources has '" + beginning
                        + "', expected prefixes of " + AdapterSource.EXPECTED);
            }
        }
        if (maxBytes < 1) {
            throw new IllegalArgumentException("adapters.max-download-bytes is " + maxBytes + ", expected 1 or more");
        }
    }

    /** Whether a client may name this address: a listed one, or one below it. */
    public boolean allows(String address) {
        return allowed.stream()
                .anyMatch(beginning -> address.equals(beginning)
                        || (address.startsWith(beginning)
                                && (beginning.endsWith("/") || "/@".indexOf(address.charAt(beginning.length())) >= 0)));
    }
}
