package io.tandem.server.config;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The key that clients have to send. Only its hash is kept, so nothing that prints settings can print the key. */
public final class ApiKey {
    /** The environment variable that the server and its command-line clients take the key from. */
    public static final String VARIABLE = "TANDEM_API_KEY";

    private static final Pattern SYNTAX = Pattern.compile("[!-~]{1,4096}");
    private static final String EXPECTED = "1 to 4096 printable ASCII characters without spaces";

    private final byte[] hash;

    private ApiKey(byte[] hash) {
        this.hash = hash;
    }

    /**
     * @param setting where the key comes from, for the message
     * @throws IllegalArgumentException if no Authorization header can carry the key; the message does not show it
     */
    public static ApiKey of(String setting, String key) {
        return new ApiKey(hash(checked(setting, key)));
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
        return MessageDigest.isEqual(hash, hash(presented));
    }

    private static byte[] hash(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ApiKey key && MessageDigest.isEqual(hash, key.hash);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(hash);
    }

    @Override
    public String toString() {
        return "(hidden)";
    }
}
