package io.tandem.server.remote;

import io.tandem.server.environment.Environment;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where the hub is and where its files are cached, by the environment variables of
 * <a href="https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables">huggingface_hub</a>.
 *
 * @param endpoint without a slash at the end
 * @param token sent to the endpoint and to nobody else
 * @param cache directory that is shared with HuggingFace's tools
 * @param offline whether only the cache is used
 */
public record HubSettings(URI endpoint, Optional<String> token, Path cache, boolean offline) {
    private static final Set<String> TRUE = Set.of("1", "on", "yes", "true");

    /** @throws IllegalArgumentException naming the variable that is wrong */
    public static HubSettings of(Map<String, String> environment) {
        Path caches = Environment.first(environment, "XDG_CACHE_HOME")
                .map(Path::of)
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache"));
        Path home =
                Environment.first(environment, "HF_HOME").map(Path::of).orElseGet(() -> caches.resolve("huggingface"));
        Path tokenFile =
                Environment.first(environment, "HF_TOKEN_PATH").map(Path::of).orElseGet(() -> home.resolve("token"));
        return new HubSettings(
                endpoint(Environment.first(environment, "HF_ENDPOINT").orElse("https://huggingface.co")),
                Environment.first(environment, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
                        .or(() -> read(tokenFile)),
                Environment.first(environment, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
                        .map(Path::of)
                        .orElseGet(() -> home.resolve("hub")),
                Environment.first(environment, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
                        .filter(value -> TRUE.contains(value.toLowerCase(Locale.ROOT)))
                        .isPresent());
    }

    private static URI endpoint(String text) {
        try {
            URI uri = URI.create(text.replaceFirst("/+$", ""));
            if (uri.getHost() != null && Set.of("http", "https").contains(uri.getScheme())) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw new IllegalArgumentException(
                "HF_ENDPOINT is '" + text + "', expected an address such as https://huggingface.co");
    }

    private static Optional<String> read(Path file) {
        try {
            return Files.isRegularFile(file)
                    ? Optional.of(Files.readString(file).strip()).filter(text -> !text.isEmpty())
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Without the token. */
    @Override
    public String toString() {
        return endpoint + ", cache " + cache + (offline ? ", offline" : "");
    }
}
