package io.tandem.kernels.pretrain;

import java.util.Arrays;

/** A growing array of token ids. */
final class Ids {
    private int[] values = new int[64];
    private int size;

    void add(int id) {
        reserve(1);
        values[size++] = id;
    }

    void addAll(int[] ids) {
        reserve(ids.length);
        System.arraycopy(ids, 0, values, size, ids.length);
        size += ids.length;
    }

    int size() {
        return size;
    }

    int[] toArray() {
        return Arrays.copyOf(values, size);
    }

    private void reserve(int more) {
        if (size + more > values.length) {
            values = Arrays.copyOf(values, Math.max(2 * values.length, size + more));
        }
    }
}
