package io.tandem.kernels;

import io.tandem.kernels.adapter.Adapter.Site;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What an optimizer remembers of one adapter, to be stored as it is, and what else training goes on with that is not in the
 * adapter as it is served.
 *
 * @param steps updates made so far
 * @param tensors raw little-endian numbers by name
 * @param more of the form and of the method, by name
 */
public record OptimizerState(int steps, SortedMap<String, byte[]> tensors, SortedMap<String, byte[]> more) {
    public OptimizerState {
        tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
        more = Collections.unmodifiableSortedMap(new TreeMap<>(more));
    }

    /** Of a form and a method that have nothing to add. */
    public OptimizerState(int steps, SortedMap<String, byte[]> tensors) {
        this(steps, tensors, new TreeMap<>());
    }

    /** The same with something more. */
    public OptimizerState with(Map<String, byte[]> others) {
        SortedMap<String, byte[]> all = new TreeMap<>(more);
        all.putAll(others);
        return new OptimizerState(steps, tensors, all);
    }

    /** Of all numbers. */
    public long bytes() {
        return Stream.of(tensors, more)
                .flatMap(some -> some.values().stream())
                .mapToLong(numbers -> numbers.length)
                .sum();
    }

    /** What {@link #more} has by this name; nothing if there is none. */
    public byte[] more(String name) {
        return more.getOrDefault(name, new byte[0]);
    }

    /** The name of a module's parameter in {@link #more}. */
    public static String name(Site site, String parameter) {
        return site + "." + parameter;
    }

    /**
     * The numbers of a module's parameter.
     *
     * @throws IllegalArgumentException if there are none
     */
    public float[] numbers(Site site, String parameter) {
        byte[] bytes = more.get(name(site, parameter));
        if (bytes == null || bytes.length % Float.BYTES != 0) {
            throw new IllegalArgumentException("the checkpoint lacks " + name(site, parameter));
        }
        float[] numbers = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(numbers);
        return numbers;
    }

    /** Numbers as {@link #numbers} reads them. */
    public static byte[] bytes(float[] numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(numbers);
        return bytes.array();
    }
}
