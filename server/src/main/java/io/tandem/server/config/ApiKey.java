package io.tandem.server.config;

import io.tandem.server.storage.Sha256;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The key that clients have to send. Only its hash is kept, so nothing that prints settings can print the key. */
public final class ApiKey {
    /** The environment variable that the server and its command-line clients take the key from. */
    public static final String VARIABLE = "TANDEM_API_KEY";

    private static final Pattern SYNTAX = Pattern.compile("[!-~]{1,4096}");
    private static final String EXPECTED = "1 to 4096 printable ASCII characters without spaces";

    private final byte[] digest;

    private ApiKey(byte[] digest) {
        this.digest = digest;
    }

    /**
     * @param setting where the key comes from, for the message
     * @throws IllegalArgumentException if no Authorization header can carry the key; the message does not show it
     */
    public static ApiKey of(String setting, String key) {
        return new ApiKey(digest(checked(setting, key)));
    }

    /** The key itself if a header can carry it. */
    public static String checked(String setting, String key) {
        if (!SYNTAX.matcher(key).matches()) {
            throw new IllegalArgumentException(setting + " has to be " + EXPECTED);
        }
        return key;
    }

    /** Takes the same time for every wrong key. */
    public boolean matches(String presented) {
        return MessageDigest.isEqual(digest, digest(presented));
    }

    /** What may be kept of a key, in hexadecimal digits. Keys are long and random, so this needs no salt. */
    public static String hash(String key) {
        return HexFormat.of().formatHex(digest(key));
    }

    private static byte[] digest(String key) {
        return Sha256.digest().digest(key.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ApiKey key && MessageDigest.isEqual(digest, key.digest);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(digest);
    }

    @Override
    public String toString() {
        return "(hidden)";
    }
}
