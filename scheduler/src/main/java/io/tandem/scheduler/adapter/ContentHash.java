package io.tandem.scheduler.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.SingleWeights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * What an adapter does, as a number: SHA-256 over its modules in order, each with name, rank, shape, scaling and the
 * factors' bits in float32, and over its virtual tokens, its invocation and the layers that it skips. Names, labels and what the configuration says
 * beside that do not count, so the same weights have the same hash wherever they come from.
 *
 * @param hex 64 digits
 */
public record ContentHash(String hex) {
    /** Digits that are shown, and the fewest that name a version in a request. */
    public static final int SHOWN_DIGITS = 12;

    private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");
    private static final int CHUNK_FLOATS = 4096;

    public ContentHash {
        if (!HEX.matcher(hex).matches()) {
            throw new IllegalArgumentException("'" + hex + "' is not a hash, expected 64 digits from 0 to f");
        }
    }

    public static ContentHash of(Adapter adapter) {
        MessageDigest digest = sha256();
        adapter.modules().forEach((site, change) -> {
            digest.update((site + "\n").getBytes(StandardCharsets.UTF_8));
            digest.update(shape(change));
            change.parameters().forEach(parameter -> {
                // Of factors the shape has said it all.
                if (!(change instanceof LowRank)) {
                    digest.update(name(parameter).getBytes(StandardCharsets.UTF_8));
                }
                update(digest, parameter.values());
            });
            if (change instanceof SingleWeights own) {
                update(digest, own.places());
            }
        });
        adapter.prefix().ifPresent(prefix -> {
            String kind = prefix.match(prompt -> "", keys -> "keys and values ");
            digest.update((kind + name(prefix.parameter())).getBytes(StandardCharsets.UTF_8));
            update(digest, prefix.parameter().values());
        });
        adapter.full().values().forEach(module -> {
            digest.update(name(module).getBytes(StandardCharsets.UTF_8));
            update(digest, module.values());
        });
        adapter.invocation()
                .ifPresent(invocation ->
                        digest.update(("invocation " + invocation.tokens() + "\n").getBytes(StandardCharsets.UTF_8)));
        if (!adapter.skipped().isEmpty()) {
            digest.update(("skipped layers " + adapter.skipped() + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return new ContentHash(HexFormat.of().formatHex(digest.digest()));
    }

    /** Of something that is described by a text, for example a merge by the hashes of its members. */
    public static ContentHash of(String description) {
        byte[] bytes = description.getBytes(StandardCharsets.UTF_8);
        return new ContentHash(HexFormat.of().formatHex(sha256().digest(bytes)));
    }

    private static String name(Parameter parameter) {
        return parameter.name() + " " + parameter.rows() + " " + parameter.columns() + "\n";
    }

    private static byte[] shape(Change change) {
        ByteBuffer bytes = ByteBuffer.allocate(3 * Integer.BYTES + Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(change.rank()).putInt(change.inputs()).putInt(change.outputs());
        bytes.putDouble(change.lowRank().map(LowRank::scaling).orElse(0.0));
        return bytes.array();
    }

    private static void update(MessageDigest digest, float[] values) {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK_FLOATS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < values.length; from += CHUNK_FLOATS) {
            int count = Math.min(CHUNK_FLOATS, values.length - from);
            chunk.clear();
            chunk.asFloatBuffer().put(values, from, count);
            digest.update(chunk.array(), 0, count * Float.BYTES);
        }
    }

    private static void update(MessageDigest digest, int[] places) {
        ByteBuffer bytes = ByteBuffer.allocate(places.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(places);
        digest.update(bytes);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** The first digits, for people. */
    public String shown() {
        return hex.substring(0, SHOWN_DIGITS);
    }

    /** The first 64 bits, for what is divided evenly by content. */
    public long number() {
        return Long.parseUnsignedLong(hex.substring(0, 16), 16);
    }
}
